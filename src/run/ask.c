/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward_ask: the only door to the judge. A verdict is recorded before it is handed out: an allow durably, before anything
 * starts; a refusal that the kernel already made with the next write. Nobody to ask and no room to record mean deny.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"
#include "run/persist/persist.h"
#include "run/resolve/resolve.h"
#include "run/rules/rules.h"

static const char *rule_text(const struct ward_rule *r)
{
	return r->text ? r->text : r->pattern;
}

/*
 * A rule asked about itself: the resource is its own pattern, which must allow it, literally. Of variables there may be thousands (each
 * NAME=VALUE is one): they are not looked through for one that says the same.
 */
static int judge_rule(const struct life *l, size_t i, struct ward_decision *d,
	struct ward_error *err)
{
	const struct ward_rule *rule = &l->plan->rules[i];
	const bool alone = rule->type == WARD_CAP_ENV;
	struct ward_rules rules = { alone ? rule : l->plan->rules, alone ? 1 : l->plan->n_rules,
		alone ? NULL : l->net_index };
	struct ward_question q = { .action = rule->type };
	char *name;
	int r;

	/* ENV rules may carry a value; the question is about the name. */
	name = strndup(rule->pattern,
		rule->type == WARD_CAP_ENV ? strcspn(rule->pattern, "=") : strlen(rule->pattern));
	if (!name)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a question");
	q.resource = name;
	r = ward_decide(&rules, &q, d, err);
	free(name);
	if (r < 0)
		return r;
	if (d->effect != WARD_ALLOW) {
		r = ward_fail(err, WARD_E_REFUSED, "%s \"%s\" is not allowed: %s",
			ward_cap_type_name(rule->type), rule->pattern, d->why);
		ward_fail_at(err, rule->origin.file, rule->origin.line, rule->origin.column);
		return r;
	}
	return WARD_OK;
}

struct grants {
	struct ward_event *v;
	const char **texts;
	size_t n;
};

static int judge_all(struct life *l, struct grants *g, struct ward_error *err)
{
	struct ward_decision *d =
		calloc(1, sizeof(*d)); /* too big for the stack of a caller's thread */
	int r = WARD_OK;

	if (!d)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a decision");
	for (size_t i = 0; r == WARD_OK && i < l->plan->n_rules; i++) {
		const struct ward_rule *rule = &l->plan->rules[i];
		struct ward_event *e = &g->v[g->n];

		r = judge_rule(l, i, d, err);
		if (r < 0)
			break;
		g->texts[i] = rule_text(d->rule ? d->rule : rule);
		*e = (struct ward_event){ .kind = "policy.check",
			.effect = "allow",
			.action = ward_cap_type_name(rule->type),
			.resource = rule->pattern,
			.rules = &g->texts[i],
			.n_rules = 1,
			.layer = "plan" };
		record_event(l, e);
		g->n++;
	}
	free(d);
	return r;
}

static void inherited(struct ward_buf *b)
{
	const char *names[WARD_INHERITED_MAX + 1];

	ward_inherited(names);
	ward_jw_key(b, "inherited");
	ward_jw_open(b, '[');
	for (size_t i = 0; names[i]; i++)
		ward_jw_cstr(b, names[i]);
	ward_jw_close(b, ']');
}

static void circumstances(const struct life *l, struct ward_buf *b)
{
	const struct ward_component_data *c = l->book ? l->book->component : NULL;

	inherited(b);
	ward_jw_ki64(b, "tier", l->plan->backend == WARD_BACKEND_DIRECT ? 0 : 1);
	if (l->book) {
		ward_jw_kstr(b, "trust", l->book->trust);
		ward_jw_kstr(b, "repo_root", l->plan->repo_root);
	}
	if (l->book && l->r->environment)
		ward_jw_kstr(b, "environment", l->r->environment);
	if (!c)
		return;
	ward_jw_kstr(b, "phase", c->phase);
	ward_jw_kstr(b, "component", c->id);
	ward_jw_kstr(b, "version", c->version);
}

/* Where it is reached: of a port that the kernel chose this is the first word. */
static void published(const struct life *l, struct ward_buf *b)
{
	char text[WARD_ENDPOINT_TEXT_MAX];

	if (l->plan->n_published == 0)
		return;
	ward_jw_key(b, "published");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < l->plan->n_published; i++) {
		ward_jw_open(b, '{');
		ward_jw_kstr(b, "host", ward_published_text(&l->plan->published[i], text));
		ward_jw_ku64(b, "inner", l->plan->published[i].inner);
		ward_jw_close(b, '}');
	}
	ward_jw_close(b, ']');
}

static char *start_detail(const struct life *l)
{
	struct ward_buf b = WARD_BUF_INIT;

	ward_jw_open(&b, '{');
	ward_jw_key(&b, "argv");
	ward_redact_argv(l->plan->argv, 64, WARD_DETAIL_TEXT_MAX, &b);
	ward_jw_kstr(&b, "exe", l->plan->exe);
	ward_jw_kstr(&b, "cwd", l->plan->cwd);
	ward_jw_kstr(&b, "plan", l->plan->sha256);
	ward_jw_kbool(&b, "snapshot", keeps_policies(l));
	circumstances(l, &b);
	published(l, &b);
	ward_jw_kstrs(&b, "warnings", l->plan->warnings,
		l->plan->n_warnings < 64 ? l->plan->n_warnings : 64);
	ward_jw_key(&b, "accepted");
	ward_jw_open(&b, '[');
	for (int i = 0; i < WARD_AXIS_MAX; i++)
		if (l->plan->axes[i].accepted)
			ward_jw_cstr(&b, ward_axis_name(i));
	ward_jw_close(&b, ']');
	ward_jw_close(&b, '}');
	return ward_buf_take(&b);
}

/* Another try may have another plan. */
static int index_rules(struct life *l, struct ward_error *err)
{
	ward_net_index_free(l->net_index);
	l->net_index = NULL;
	for (size_t i = 0; i < l->plan->n_rules; i++) {
		if (l->plan->rules[i].type == WARD_CAP_NETWORK_CONNECT)
			return ward_net_index_new(l->plan->rules, l->plan->n_rules, &l->net_index,
				err);
	}
	return WARD_OK;
}

int ward_ask_grants(struct life *l, struct ward_error *err)
{
	struct grants g = { 0 };
	char *detail = start_detail(l);
	int r = index_rules(l, err);

	g.v = calloc(l->plan->n_rules + 1, sizeof(*g.v));
	g.texts = calloc(l->plan->n_rules + 1, sizeof(*g.texts));
	if (r == WARD_OK && g.v && g.texts && detail)
		r = judge_all(l, &g, err);
	else if (r == WARD_OK)
		r = ward_fail(err, WARD_E_NOMEM, "no memory for the records of the start");
	if (r == WARD_OK && g.v) {
		struct ward_event *e = &g.v[g.n++];

		*e = (struct ward_event){ .kind = "run.start",
			.effect = "allow",
			.action = "run",
			.resource = l->plan->exe,
			.axes_json = l->axes_json,
			.detail_json = detail };
		record_event(l, e);
		r = record_ahead(l, g.v, g.n, err);
	}
	free(g.v);
	free(g.texts);
	free(detail);
	return r;
}

/* The action of a refused capability. */
static enum ward_action action_of(enum ward_cap_type t)
{
	static const enum ward_action actions[WARD_CAP_TYPE_MAX] = {
		[WARD_CAP_FILE_READ] = WARD_ACT_FS_READ,
		[WARD_CAP_FILE_WRITE] = WARD_ACT_FS_WRITE,
		[WARD_CAP_EXTERNAL_COMMAND] = WARD_ACT_PROC_EXEC,
		[WARD_CAP_NETWORK_CONNECT] = WARD_ACT_NET_CONNECT,
		[WARD_CAP_NETWORK_LISTEN] = WARD_ACT_NET_LISTEN,
	};

	return (unsigned)t < WARD_CAP_TYPE_MAX ? actions[t] : WARD_ACT_NONE;
}

/* Of an address that no rule could let be reached in this way; NULL: of any other refusal. */
static const char *never_carried(const struct ward_refusal *f)
{
	if (f->seen == WARD_SEEN_DATAGRAM)
		return "by UDP, which is carried nowhere, whatever is granted: a grant is of TCP";
	if (f->seen == WARD_SEEN_QUESTION)
		return "a name was asked for, and the run has no network";
	return NULL;
}

/* What of the view a path lies in; NULL: nothing but the root. */
static const struct ward_node *nearest(const struct life *l, const char *path)
{
	const struct ward_node *best = NULL;

	for (size_t i = 0; i < l->plan->n_nodes; i++) {
		/* They are sorted: the last is the nearest. */
		if (ward_path_within(path, l->plan->nodes[i].dest))
			best = &l->plan->nodes[i];
	}
	return best;
}

/* Where the view has nothing of its own: at most a directory on the way to what it shows. So the host's is what was asked for. */
static bool bare(const struct life *l, const char *path)
{
	const struct ward_node *best = nearest(l, path);

	return !best || best->kind == WARD_NODE_DIR;
}

/* A program that the view does not show: "*" is every program of the view, and a directory of programs is shown whole. */
static bool not_shown(const struct life *l, const struct ward_refusal *f)
{
	return f->kind == WARD_REFUSAL_PATH && f->resource &&
		f->action == WARD_CAP_EXTERNAL_COMMAND && bare(l, f->resource);
}

/*
 * A rule names it, and nothing of the view shows it for that: a pattern is of the files that it matches when the run begins, not of
 * what a directory of such a name holds, nor of names to come.
 */
static bool unbound(const struct life *l, const struct ward_refusal *f)
{
	const struct ward_node *best;
	bool writes = f->action == WARD_CAP_FILE_WRITE;

	if (f->kind != WARD_REFUSAL_PATH || !f->resource || f->seen == WARD_SEEN_ALONE ||
		(f->action != WARD_CAP_FILE_READ && !writes))
		return false;
	if (bare(l, f->resource))
		return true;
	best = nearest(l, f->resource);
	return best->kind == WARD_NODE_BIND && writes && best->is_dir && !best->write &&
		!best->protect && !best->pin && !best->later;
}

/*
 * A cure that is a whole directory is none where a list of some layer has not all that may lie in it: pasted, it would be refused. Whose
 * list it is is said then.
 */
static int listed_whole(struct life *l, const struct ward_question *q, struct ward_decision *ret,
	struct ward_error *err)
{
	char below[WARD_PATH_MAX + 4 * sizeof(WARD_ANY_NAME)];
	const char *end = q->resource ? strrchr(q->resource, '/') : NULL;
	struct ward_query asked = { .action = action_of(q->action),
		.any = true,
		.of_host = true,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	size_t used = strlen(ret->why);
	struct ward_verdict v;

	if (!l->book || !end || !ward_has_suffix(ret->cure, "/**'"))
		return WARD_OK;
	(void)snprintf(below, sizeof(below), "%.*s/" WARD_ANY_NAME "/" WARD_ANY_NAME,
		(int)(q->is_dir ? strlen(q->resource) : (size_t)(end - q->resource)), q->resource);
	asked.resource = ward_str(below);
	if (ward_judge(l->book->book, l->book->desk, &asked, &v) < 0 ||
		ward_judge_grantable(l->book->book, l->book->desk, &asked, &v) < 0)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a decision");
	if (v.why != WARD_WHY_NARROWED)
		return WARD_OK;
	ret->by = v.list;
	ret->cure[0] = '\0';
	(void)snprintf(ret->why + used, sizeof(ret->why) - used, "; for all of its directory %s",
		v.text);
	return WARD_OK;
}

/* The cure is that of a directory, or of the directory that the name would be in. */
static int unbound_says(struct ward_question *q, struct ward_decision *ret, struct ward_error *err)
{
	int r = ward_cure(q, ret->cure, sizeof(ret->cure));

	ret->effect = WARD_DENY;
	ret->negated = false;
	(void)snprintf(ret->why, sizeof(ret->why), "%s",
		q->is_dir
			? "a rule matches it, but only as a file: what a directory holds is granted with /**"
			: "a rule matches it, but it was not there when the run began");
	return r < 0 ? ward_fail(err, r, "no memory for the cure of a refusal") : WARD_OK;
}

/*
 * The policies' own words for a refusal: the rule that forbids, who narrows, that a person would be asked. A cure stays only where
 * no rule stands against it.
 */
static int policy_says(struct life *l, const struct ward_refusal *f, struct ward_question *asked,
	struct ward_decision *ret, struct ward_error *err)
{
	struct ward_query q = { .action = action_of(f->action),
		.resource = ward_str(f->resource ? f->resource : ""),
		.of_host = f->kind == WARD_REFUSAL_PATH && f->resource &&
			(ward_path_within(f->resource, l->plan->workspace) || bare(l, f->resource)),
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	struct ward_verdict v;

	if (!l->book || q.action == WARD_ACT_NONE || q.resource.n == 0)
		return WARD_OK;
	if (ward_judge(l->book->book, l->book->desk, &q, &v) < 0 ||
		ward_judge_grantable(l->book->book, l->book->desk, &q, &v) < 0)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a decision");
	if (v.effect == WARD_ALLOW && ret->effect != WARD_ALLOW && unbound(l, f)) {
		ret->by = v.n_rules > 0 ? v.rules[0] : NULL;
		return unbound_says(asked, ret, err);
	}
	if (v.why == WARD_WHY_NO_RULE || v.why == WARD_WHY_MALFORMED || v.effect == WARD_ALLOW)
		return WARD_OK;
	/* Whoever adds it to the list has gained nothing. */
	if (v.why == WARD_WHY_NARROWED && never_carried(f))
		return WARD_OK;
	/* Somebody said yes before the start: something else refuses it now. A grant alone may be one around it (the workspace's, of .git). */
	if (v.effect == WARD_ASK && ret->effect == WARD_ALLOW && ward_asks_agreed(&l->asks, &v))
		return WARD_OK;
	ret->effect = WARD_DENY; /* a grant may cover it, and a forbid take it out */
	ret->rule = NULL;
	ret->negated = false;
	ret->by = v.why == WARD_WHY_NARROWED ? v.list : v.n_rules > 0 ? v.rules[0] : NULL;
	ret->cure[0] = '\0';
	/* "A rule grants it" would be no reason for a refusal. */
	(void)snprintf(ret->why, sizeof(ret->why), "%.180s%s%.180s",
		v.effect == WARD_ASK ? "a person is asked about it, and nobody said yes" : v.text,
		ret->by && ret->by->reason ? ": " : "",
		ret->by && ret->by->reason ? ret->by->reason : "");
	if (v.effect == WARD_ASK)
		(void)snprintf(ret->cure, sizeof(ret->cure), "--approve %s",
			ward_approval_name(v.approval));
	return WARD_OK;
}

const struct ward_node *ward_held_for_later(const struct ward_plan *plan, const char *path)
{
	const struct ward_node *best = NULL;

	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct ward_node *n = &plan->nodes[i];

		/* They are sorted: the last is the nearest. */
		if (n->kind == WARD_NODE_BIND && ward_path_within(path, n->dest))
			best = n;
	}
	return best && best->later ? best : NULL;
}

static const struct ward_node *held_for_later(const struct life *l, const struct ward_refusal *f)
{
	if (f->kind != WARD_REFUSAL_PATH || f->action != WARD_CAP_FILE_WRITE || !f->resource)
		return NULL;
	return ward_held_for_later(l->plan, f->resource);
}

/* To name it is to mean it. */
static int later_says(const struct ward_node *held, const char *path, struct ward_decision *ret,
	struct ward_error *err)
{
	struct ward_question q = {
		.action = WARD_CAP_FILE_WRITE, .resource = held->dest, .is_dir = held->is_dir
	};
	int r = WARD_OK;

	ret->cure[0] = '\0';
	if (!ward_streq(held->later, WARD_CLOSED_WHY))
		r = ward_cure(&q, ret->cure, sizeof(ret->cure));
	ret->effect = WARD_DENY;
	ret->by = NULL;
	(void)snprintf(ret->why, sizeof(ret->why), "%s was there, and %s",
		ward_streq(path, held->dest) ? "it" : "what it lies in", held->later);
	return r < 0 ? ward_fail(err, r, "no memory for the cure of a refusal") : WARD_OK;
}

/* By a call that asks no more of a directory than whether it is a link, as whoever makes a path real does with each part of it. */
static bool only_looked(const struct ward_refusal *f, enum record_there there)
{
	return f->kind == WARD_REFUSAL_PATH && there == RECORD_DIR &&
		(ward_streq(f->syscall, "readlink") || ward_streq(f->syscall, "readlinkat"));
}

/*
 * By one that says whether it is there, and whose it is. The directory alone would do for that; but nearly all who list a directory
 * look at it before, and would see an empty one then, and nothing of what is missing. So that is said, and not the cure.
 */
static bool perhaps_looked(const struct ward_refusal *f, const struct ward_question *q)
{
	static const char *const calls[] = { "stat", "lstat", "newfstatat", "statx", "access",
		"faccessat", "faccessat2" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(calls); i++) {
		if (f->kind == WARD_REFUSAL_PATH && q->is_dir && q->action == WARD_CAP_FILE_READ &&
			ward_streq(f->syscall, calls[i]))
			return true;
	}
	return false;
}

/*
 * A package is many files, and a program asks for the next when it has the one: the cure, which is the least, would be followed by
 * another for each of them. So their directory is said beside it. The name is another's: one that needs care is not shown.
 */
static void tell_package(const struct ward_question *q, struct ward_decision *ret)
{
	static const char *const kinds[] = { "/node_modules/", "/site-packages/",
		"/dist-packages/" };
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@ ";
	size_t used = strlen(ret->why);

	if (q->action != WARD_CAP_FILE_READ || q->absent || !ret->cure[0] ||
		q->resource[strspn(q->resource, plain)])
		return;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(kinds); i++) {
		const char *at = strstr(q->resource, kinds[i]);
		size_t n = at ? (size_t)(at - q->resource) + strlen(kinds[i]) - 1 : 0;

		/* Whole, or not at all. */
		if (n == 0 || used + n + 64 > sizeof(ret->why))
			continue;
		(void)snprintf(ret->why + used, sizeof(ret->why) - used,
			"; for all packages that lie there: --read '%.*s'", (int)n, q->resource);
		return;
	}
}

static struct ward_question question_of(const struct ward_refusal *f, enum record_there there,
	const char *above)
{
	struct ward_question q = { .action = f->action,
		.resource = f->resource,
		.is_dir = there == RECORD_DIR,
		.looked = only_looked(f, there),
		.absent = there == RECORD_ABSENT,
		.above = above };

	if (f->kind == WARD_REFUSAL_SYSCALL || f->kind == WARD_REFUSAL_FOREIGN_ARCH)
		q.syscall = f->syscall;
	if (f->kind == WARD_REFUSAL_UNIX) {
		/* A socket of the host: no capability names it yet. */
		q.action = WARD_CAP_NONE;
		q.syscall = "connect";
	}
	return q;
}

/* The grants, and then the policies. */
static int rules_say(struct life *l, const struct ward_refusal *f, struct ward_question *q,
	struct ward_decision *ret, struct ward_error *err)
{
	struct ward_rules rules = { l->plan->rules, l->plan->n_rules, l->net_index };
	int r = ward_decide(&rules, q, ret, err);

	if (r == WARD_OK && perhaps_looked(f, q) && ward_has_suffix(ret->cure, "/**'"))
		(void)snprintf(ret->why, sizeof(ret->why),
			"no rule grants it; if it is only to be looked at, /. instead of /** is enough");
	return r == WARD_OK && q->syscall == NULL ? policy_says(l, f, q, ret, err) : r;
}

/* It may be executed, and is not there to be: what is missing is a grant to read it. */
static int not_shown_says(struct life *l, const struct ward_refusal *f, struct ward_question *q,
	struct ward_decision *ret, struct ward_error *err)
{
	struct ward_refusal read = *f;
	int r;

	read.action = q->action = WARD_CAP_FILE_READ;
	r = rules_say(l, &read, q, ret, err);
	if (r < 0)
		return r;
	if (ret->effect == WARD_DENY && !ret->by)
		(void)snprintf(ret->why, sizeof(ret->why),
			"what is run has to be readable, and no rule grants that");
	return WARD_OK;
}

/* Browsers, bwrap, the sandboxes of agents and another ward begin so. What they say themselves blames the host, or a missing package. */
static bool begins_a_sandbox(const struct ward_refusal *f)
{
	return f->kind == WARD_REFUSAL_SYSCALL && f->resource &&
		strstr(f->resource, "CLONE_NEWUSER");
}

/*
 * By a call that takes a name away, or that changes a link itself. The name is its directory's: a grant of what it leads to, if it is
 * another file, gives none of that. A call that may follow a link was walked by the broker where it is seen: with what it leads to.
 */
static bool about_name(const struct ward_refusal *f, enum record_there there)
{
	static const struct {
		const char *name;
		bool link, follows;
	} calls[] = { { "unlink", false, false }, { "unlinkat", false, false },
		{ "rmdir", false, false }, { "rename", false, false }, { "renameat", false, false },
		{ "renameat2", false, false }, { "lchown", true, false },
		{ "lsetxattr", true, false }, { "lremovexattr", true, false },
		{ "fchownat", true, true }, { "fchmodat2", true, true },
		{ "utimensat", true, true }, { "setxattrat", true, true },
		{ "removexattrat", true, true }, { "file_setattr", true, true } };

	if (f->seen == WARD_SEEN_ALONE)
		return true;
	if (f->kind != WARD_REFUSAL_PATH || f->action != WARD_CAP_FILE_WRITE ||
		there == RECORD_ABSENT)
		return false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(calls); i++) {
		if (ward_streq(f->syscall, calls[i].name))
			return (there == RECORD_LINK || !calls[i].link) &&
				(f->seen == WARD_SEEN_ONLY_READ || !calls[i].follows);
	}
	return false;
}

/* It is a mount: the kernel says EBUSY, or EROFS where the directory may only be read. */
static bool granted_itself(const struct life *l, const char *path)
{
	const struct ward_node *best = nearest(l, path);

	return best && best->kind == WARD_NODE_BIND && best->write && ward_streq(best->dest, path);
}

/* Only a grant of its directory gives the name away. */
static int name_cure(struct ward_question *q, struct ward_decision *ret, struct ward_error *err)
{
	int r;

	q->is_dir = false;
	q->absent = true;
	q->above = NULL;
	r = ward_cure(q, ret->cure, sizeof(ret->cure));
	return r < 0 ? ward_fail(err, r, "no memory for the cure of a refusal") : WARD_OK;
}

/* LeakSanitizer, which each program built with AddressSanitizer ends with, attaches to itself: it then says "fatal error", and to look for strace. */
static bool begins_a_trace(const struct ward_refusal *f)
{
	return f->kind == WARD_REFUSAL_SYSCALL && ward_streq(f->syscall, "ptrace");
}

/* socat with fork, which ends with "bit out of range", and so the sandboxes of agents that start it; syslog(3), tmux's utempter. */
static bool sends_datagrams(const struct ward_refusal *f)
{
	return f->kind == WARD_REFUSAL_SYSCALL && f->resource &&
		strstr(f->resource, "AF_UNIX SOCK_DGRAM");
}

/* cp -a, chmod and copytree of a directory that a group shares: what has to be left out is one bit. */
static bool sets_an_id(const struct ward_refusal *f)
{
	return f->kind == WARD_REFUSAL_SYSCALL && ward_streq(f->resource, "set-ID mode");
}

/* *name: it is about a name; of one that is held the grant by that very name gives it away, too, and the directory's is none. */
static int reason_of(struct life *l, const struct ward_refusal *f, bool *name,
	struct ward_question *q, struct ward_decision *ret, struct ward_error *err)
{
	int r = rules_say(l, f, q, ret, err);

	if (r == WARD_OK && ret->effect == WARD_ALLOW && not_shown(l, f))
		r = not_shown_says(l, f, q, ret, err);
	if (r < 0)
		return r;
	if (f->kind == WARD_REFUSAL_PATH && ret->effect == WARD_DENY && !ret->by)
		tell_package(q, ret);
	/* A rule that forbids it has decided; where a person would be asked (the one that leaves a cure), no yes would help. */
	if (never_carried(f) && !(ret->by && !ret->cure[0])) {
		ret->effect = WARD_DENY;
		ret->rule = NULL;
		ret->by = NULL;
		ret->negated = false;
		/* What was asked is not known: whoever grants it has to say it. Pasted as it is, it is an error. */
		snprintf(ret->cure, sizeof(ret->cure), "%s",
			f->seen == WARD_SEEN_QUESTION ? "--cap NETWORK_CONNECT:NAME:PORT" : "");
		snprintf(ret->why, sizeof(ret->why), "%s", never_carried(f));
		return WARD_OK;
	}
	if (f->seen == WARD_SEEN_ALONE ||
		(ret->effect == WARD_ALLOW && *name && granted_itself(l, f->resource))) {
		ret->effect = WARD_DENY;
		ret->by = NULL;
		ret->negated = false;
		snprintf(ret->why, sizeof(ret->why), "%s",
			q->is_dir
				? "granted by itself: a grant of a directory gives what is in it, and not its name"
				: "granted as a single file, which cannot be replaced, renamed or removed");
		return name_cure(q, ret, err);
	}
	if (ret->effect == WARD_ALLOW && held_for_later(l, f)) {
		*name = false;
		return later_says(held_for_later(l, f), f->resource, ret, err);
	}
	if (ret->effect == WARD_ALLOW && unbound(l, f))
		return unbound_says(q, ret, err);
	if (ret->effect == WARD_ALLOW) {
		/* A rule names it and the kernel refused all the same. */
		ret->effect = WARD_DENY;
		snprintf(ret->why, sizeof(ret->why),
			"a rule grants it, but the file system's own permissions refuse");
		ret->cure[0] = 0;
	} else if (f->kind == WARD_REFUSAL_UNIX) {
		snprintf(ret->why, sizeof(ret->why),
			"a socket of the host, or one that no process of the run is seen to listen at, cannot be reached from inside");
	} else if (f->kind == WARD_REFUSAL_FOREIGN_ARCH) {
		snprintf(ret->why, sizeof(ret->why), "calls of a foreign architecture end the run");
	} else if (begins_a_sandbox(f)) {
		snprintf(ret->why, sizeof(ret->why),
			"no user namespace can be made inside; a sandbox of the program's own has to be off (a browser's: --no-sandbox)");
	} else if (begins_a_trace(f)) {
		snprintf(ret->why, sizeof(ret->why),
			"no process is traced inside; a debugger works outside only, and a sanitizer's search for leaks has to be off (--env LSAN_OPTIONS=detect_leaks=0)");
	} else if (sends_datagrams(f)) {
		snprintf(ret->why, sizeof(ret->why),
			"a message of such a socket may name any other; streams and SOCK_SEQPACKET work, syslog and sd_notify do without, socat without fork");
	} else if (sets_an_id(f)) {
		snprintf(ret->why, sizeof(ret->why),
			"no set-ID bit is given inside, and a directory's is not told from a file's; without the bit it works (chmod 00755 DIR)");
	}
	return WARD_OK;
}

/* Is path the caller's home, or above it? */
static bool is_home(const char *path)
{
	char *home = ward_rs_home_named(getuid()), real[PATH_MAX];
	bool is = home && home[0] == '/' && realpath(home, real) && ward_path_within(real, path);

	free(home);
	return is;
}

/*
 * Without a view these are the host's own, for all of its users: whoever wants a place to work in has another grant than of all that, unless
 * he works there, or has granted it to be read.
 */
static bool is_shared(const struct life *l, const char *dir)
{
	const struct ward_node *best = nearest(l, dir);

	return (l->plan->seccomp & WARD_SECCOMP_NO_SOCKET) &&
		(ward_streq(dir, "/tmp") || ward_streq(dir, "/var/tmp")) &&
		!ward_path_within(dir, l->plan->workspace) &&
		!(best && best->kind == WARD_NODE_BIND && ward_streq(best->dest, dir));
}

/*
 * No sandbox has the host's /sys, and to write all of a home is granted to nobody who does not insist: pasted, such a cure would be
 * refused, and what it gives is not the least. What is to be made in a home has to be there first, and then it has a name.
 */
static void not_whole(const struct life *l, const struct ward_question *q, bool name,
	struct ward_decision *ret)
{
	const char *why = "; all of your home is no grant: name what is in it";
	size_t used = strlen(ret->why);
	char dir[WARD_PATH_MAX];

	if (!ret->cure[0] || q->action != WARD_CAP_FILE_WRITE || !q->resource ||
		(!q->absent && !q->is_dir))
		return;
	(void)snprintf(dir, sizeof(dir), "%s", q->absent && q->above ? q->above : q->resource);
	if (q->absent && !q->above && strrchr(dir, '/'))
		*strrchr(dir, '/') = '\0';
	if (ward_rs_reserved(dir)) {
		ret->cure[0] = '\0';
	} else if (q->absent && is_shared(l, dir)) {
		ret->cure[0] = '\0';
		(void)snprintf(ret->why + used, sizeof(ret->why) - used,
			"; there is no private one here: mkdir DIR, --write DIR --env TMPDIR=DIR");
	} else if (is_home(dir)) {
		ret->cure[0] = '\0';
		if (name)
			why = "; that takes a grant of its directory, and all of your home is no grant";
		else if (q->absent)
			why = "; make it outside, and grant it then: all of your home is no grant";
		(void)snprintf(ret->why + used, sizeof(ret->why) - used, "%s", why);
	}
}

int ward_ask_refusal(struct life *l, const struct ward_refusal *f, enum record_there there,
	const char *above, struct ward_decision *ret, struct ward_error *err)
{
	struct ward_question q = question_of(f, there, above);
	bool name = about_name(f, there);
	int r;

	ret->effect = WARD_DENY;
	ret->by = NULL;
	ret->negated = false;
	r = reason_of(l, f, &name, &q, ret, err);
	if (r == WARD_OK && ret->cure[0] && name)
		r = name_cure(&q, ret, err);
	if (r == WARD_OK)
		not_whole(l, &q, name, ret);
	return r == WARD_OK ? listed_whole(l, &q, ret, err) : r;
}
