/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run leaves in the log: its records share run id, workspace and policy; a refusal is recorded once for each distinct
 * name, the self-test's own ones marked as such. Whether a refused name exists on the host is looked at here, outside and
 * afterwards, for the record only; never where looking has effects (automounts) or says nothing (/proc, /sys, /dev).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"
#include "run/resolve/look.h"
#include "run/rules/rules.h"

#define LOGIN_MAX 100

/*
 * Who it is, in the words of policies: the component whose run this is, or the person. An agent is nobody that anything vouches for.
 * The caller's trace is his environment's (W3C trace context): what is none is left out.
 */
static void note_who(struct life *l)
{
	const char *trace = getenv("TRACEPARENT"), *hex = "0123456789abcdef";
	const char *component = l->book && l->book->component ? l->book->component->id : NULL;
	char *name = NULL;

	if (component)
		(void)snprintf(l->principal, sizeof(l->principal), "Ward::Component::\"%s\"",
			component);
	else if (ward_rs_login(geteuid(), &name) == 0 && name && strlen(name) <= LOGIN_MAX &&
		ward_utf8_valid(name, strlen(name)) && !strpbrk(name, "\"\\"))
		/* Only names that are themselves wherever they are written: in a policy, in the log. */
		(void)snprintf(l->principal, sizeof(l->principal), "Ward::Person::\"%s\"", name);
	else
		(void)snprintf(l->principal, sizeof(l->principal), "Ward::Person::\"uid:%u\"",
			(unsigned)geteuid());
	free(name);
	/* 00-TRACE-PARENT-FLAGS; of a later version more may follow. */
	if (trace && strlen(trace) >= 55 && strspn(trace, hex) == 2 && trace[2] == '-' &&
		!ward_has_prefix(trace, "ff") && strspn(trace + 3, hex) == 32 && trace[35] == '-' &&
		strspn(trace + 36, hex) == 16 && trace[52] == '-' && strspn(trace + 53, hex) == 2 &&
		strspn(trace + 3, "0") < 32 &&
		(!trace[55] || (trace[55] == '-' && !ward_has_prefix(trace, "00"))))
		(void)snprintf(l->trace, sizeof(l->trace), "%.32s", trace + 3);
}

void record_event(struct life *l, struct ward_event *e)
{
	if (!l->principal[0])
		note_who(l);
	e->run = l->o->run;
	e->principal = l->principal;
	e->trace = l->trace[0] ? l->trace : NULL;
	e->workspace = l->plan ? l->plan->workspace : NULL;
	e->policy = l->o->policy_sha256[0] ? l->o->policy_sha256 : NULL;
}

static void appended(struct life *l, const struct ward_audit_mark *first,
	const struct ward_audit_mark *last)
{
	if (!l->first.hash[0])
		l->first = *first;
	l->last = *last;
}

int record_append(struct life *l, const struct ward_event *v, size_t n, bool durable,
	uint64_t *ret_first_seq, struct ward_error *err)
{
	struct ward_audit_mark first = { 0 }, last = { 0 };
	int r;

	if (ret_first_seq)
		*ret_first_seq = 0;
	if (!l->audit || n == 0)
		return WARD_OK;
	r = record_settle(l, err);
	if (r == WARD_OK)
		r = ward_audit_append(l->audit, v, n, durable, &first, &last, err);
	if (r < 0)
		return r;
	appended(l, &first, &last);
	if (ret_first_seq)
		*ret_first_seq = first.seq;
	return WARD_OK;
}

int record_ahead(struct life *l, const struct ward_event *v, size_t n, struct ward_error *err)
{
	int r;

	l->start_tried = true;
	r = record_settle(l, err);
	if (r == WARD_OK && !l->audit)
		l->started_recorded = true;
	if (r < 0 || !l->audit)
		return r;
	r = ward_audit_append_ahead(l->audit, v, n, &l->ahead[0], &l->ahead[1], err);
	/* Nothing was written: there is nothing to be heard of, and no end to come. */
	if (r < 0)
		memset(l->ahead, 0, sizeof(l->ahead));
	return r;
}

/* What was only written is no record yet: a sync that fails cuts it back. */
int record_settle(struct life *l, struct ward_error *err)
{
	struct ward_audit_mark first = l->ahead[0], last = l->ahead[1];
	int r = l->audit ? ward_audit_settle(l->audit, err) : WARD_OK;

	memset(l->ahead, 0, sizeof(l->ahead));
	if (r < 0 || !first.hash[0])
		return r;
	appended(l, &first, &last);
	l->started_recorded = true;
	return WARD_OK;
}

/* What a policy is, is what was granted: type, pattern, literal or not, in the plan's order. */
void record_policy_hash(const struct ward_plan *p, char out[WARD_SHA256_HEX])
{
	struct ward_buf b = WARD_BUF_INIT;

	ward_jw_open(&b, '[');
	for (size_t i = 0; i < p->n_rules; i++) {
		ward_jw_open(&b, '{');
		ward_jw_kstr(&b, "type", ward_cap_type_name(p->rules[i].type));
		ward_jw_kstr(&b, "pattern", p->rules[i].pattern);
		ward_jw_kbool(&b, "literal", p->rules[i].literal);
		ward_jw_close(&b, '}');
	}
	ward_jw_close(&b, ']');
	out[0] = 0;
	if (!b.failed)
		ward_sha256_hex(b.s, b.n, out);
	ward_buf_done(&b);
}

/* ---- refusals ---- */

static enum ward_axis axis_of(const struct ward_refusal *f)
{
	switch (f->kind) {
	case WARD_REFUSAL_PATH:
		return f->action == WARD_CAP_EXTERNAL_COMMAND ? WARD_AXIS_EXEC : WARD_AXIS_FILES;
	case WARD_REFUSAL_CONNECT: return WARD_AXIS_NETWORK;
	case WARD_REFUSAL_UNIX: return WARD_AXIS_IPC;
	case WARD_REFUSAL_SYSCALL:
	case WARD_REFUSAL_FOREIGN_ARCH: break;
	}
	return WARD_AXIS_SYSCALLS;
}

static const char *layer_of(const struct life *l, const struct ward_refusal *f)
{
	if (f->kind != WARD_REFUSAL_PATH)
		return "seccomp";
	if (f->seen)
		return f->seen >= WARD_SEEN_ONLY_READ ? "view" : "landlock";
	return l->plan->attribution == WARD_ATTR_FUSE ? "fuse" : "notify";
}

/* Where looking says nothing: the sandbox has these of its own. */
static bool blind(const char *path)
{
	static const char *const own[] = { "/proc", "/sys", "/dev" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(own); i++)
		if (ward_path_within(path, own[i]))
			return true;
	return false;
}

/*
 * The nearest directory above path that the host has, into out. False: it is not the one that path lies in, so that
 * making path would have failed outside as well.
 */
static bool dir_above(struct life *l, const char *path, char out[WARD_PATH_MAX])
{
	struct stat st;
	int r;

	(void)snprintf(out, WARD_PATH_MAX, "%s", path);
	for (unsigned steps = 0;; steps++) {
		size_t n = strlen(out);

		while (n > 1 && out[n - 1] == '/')
			n--;
		while (n > 0 && out[n - 1] != '/')
			n--;
		while (n > 1 && out[n - 1] == '/')
			n--;
		out[n] = '\0';
		/* A link is what it may lead to; what may not be looked at may be there. */
		r = n <= 1 ? 0 : ward_look(&l->looks, out, AT_SYMLINK_NOFOLLOW, &st);
		if (n <= 1 ||
			(r == 0 ? S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode)
				: r != -ENOENT && r != -ENOTDIR))
			return steps == 0;
	}
}

/* Did the broker see the thing itself, and not only a name? */
static bool was_seen(const struct ward_refusal *f)
{
	return f->seen && f->seen != WARD_SEEN_ONLY_READ && f->seen != WARD_SEEN_MISSING;
}

static enum record_there on_host(struct life *l, const struct ward_refusal *f)
{
	const char *path = f->resource;
	struct stat st;
	int r;

	/* What the broker saw in a grant is the host's; what lies in a private directory is not, whatever else has its name. */
	if (was_seen(f))
		return f->seen == WARD_SEEN_PRIVATE ? RECORD_ABSENT : RECORD_FILE;
	if (blind(path))
		return RECORD_ABSENT;
	/* The command names what it likes, and a server that is gone answers nobody. The self-test names what is here. */
	r = ward_look(f->selftest ? NULL : &l->looks, path, AT_SYMLINK_NOFOLLOW, &st);
	/* A server of the run's own makes a socket; of the host's another was meant. */
	if (f->seen == WARD_SEEN_MISSING)
		return r == 0 && S_ISSOCK(st.st_mode) ? RECORD_FILE : RECORD_ABSENT;
	if (r == 0)
		return S_ISDIR(st.st_mode)    ? RECORD_DIR
			: S_ISLNK(st.st_mode) ? RECORD_LINK
					      : RECORD_FILE;
	/* Not allowed to look: whoever asks inside must not look better off for that. */
	return r == -ENOENT || r == -ENOTDIR ? RECORD_ABSENT : RECORD_FILE;
}

/*
 * A name that is nowhere was no attempt on anything, unless it was to be made (not unmade) in a directory that is there (orphan: it
 * is not).
 */
static bool counts(const struct ward_refusal *f, enum record_there there, bool orphan)
{
	if (f->kind == WARD_REFUSAL_UNIX)
		return there != RECORD_ABSENT;
	if (f->kind != WARD_REFUSAL_PATH || was_seen(f) || there != RECORD_ABSENT)
		return true;
	return f->action == WARD_CAP_FILE_WRITE && !f->unmade && !orphan;
}

/*
 * What is looked for in each directory above the working directory is quiet there. In the working directory itself, or below, it is
 * what was asked for if the command fails: `npm test` without a grant would tell its user nothing else. Who forbade it by a rule knows.
 * So is a socket that the host has where the run has none: a client that fails for it (`ssh-add`, `tmux attach`) has said no more than "no such file".
 */
static bool is_sought(const struct life *l, const struct ward_refusal *f,
	const struct ward_decision *d, enum record_there there)
{
	const char *cwd = l->plan->cwd;

	if (!f->sought || d->by || d->rule || there == RECORD_ABSENT)
		return false;
	return f->seen == WARD_SEEN_MISSING ||
		(cwd[1] && !ward_streq(f->resource, cwd) && ward_path_within(f->resource, cwd));
}

static char *refusal_detail(const struct ward_refusal *f, bool sought,
	const struct ward_decision *d, enum record_there there)
{
	struct ward_buf b = WARD_BUF_INIT;

	ward_jw_open(&b, '{');
	if (f->selftest)
		ward_jw_kbool(&b, "selftest", true);
	if (f->quiet)
		ward_jw_kbool(&b, "quiet", true);
	if (sought)
		ward_jw_kbool(&b, "sought", true);
	ward_jw_kstr(&b, "error", ward_error_class_name(WARD_CLASS_SANDBOX_VIOLATION));
	if (f->syscall[0])
		ward_jw_kstr(&b, "syscall", f->syscall);
	if (f->comm[0]) {
		ward_jw_key(&b, "comm");
		ward_jw_str(&b, f->comm, strnlen(f->comm, sizeof(f->comm)));
	}
	if (f->kind == WARD_REFUSAL_PATH)
		ward_jw_kbool(&b, "exists", there != RECORD_ABSENT);
	ward_jw_ku64(&b, "count", f->count);
	ward_jw_kstr(&b, "why", d->why);
	if (d->by && d->by->line) {
		ward_jw_kstr(&b, "file", d->by->file);
		ward_jw_ku64(&b, "line", d->by->line);
	}
	if (d->cure[0])
		ward_jw_kstr(&b, "cure", d->cure);
	ward_jw_close(&b, '}');
	return ward_buf_take(&b);
}

static const char *action_of(const struct ward_refusal *f)
{
	if (f->kind == WARD_REFUSAL_SYSCALL || f->kind == WARD_REFUSAL_FOREIGN_ARCH)
		return "syscall";
	if (f->kind == WARD_REFUSAL_UNIX)
		return "connect";
	return ward_cap_type_name(f->action);
}

/* "unshare CLONE_NEWUSER"; a path or an address as it is. malloc'ed. */
static char *resource_of(const struct ward_refusal *f)
{
	struct ward_buf b = WARD_BUF_INIT;
	bool call = f->kind == WARD_REFUSAL_SYSCALL || f->kind == WARD_REFUSAL_FOREIGN_ARCH;

	if (call)
		ward_buf_adds(&b, f->syscall);
	if (call && f->resource && f->resource[0])
		ward_buf_addc(&b, ' ');
	ward_buf_adds(&b, f->resource ? f->resource : "");
	(void)ward_buf_cstr(&b);
	return ward_buf_take(&b);
}

/* One refusal on its way into the log and the outcome. */
struct entry {
	const struct ward_refusal *f;
	struct ward_decision *d;
	char *resource, *detail;
	const char *rules[1];
	bool sought, told; /* told: it is in the outcome; sought: unless the command succeeds */
	uint64_t again; /* asked for once more when the broker remembered no more names */
};

static const char *name_of(const struct ward_book_rule *r)
{
	return r->id ? r->id : r->text;
}

static int to_outcome(struct life *l, const struct entry *n, uint64_t seq)
{
	const struct ward_decision *d = n->d;
	struct ward_outcome_violation v = { .error = WARD_CLASS_SANDBOX_VIOLATION,
		.axis = axis_of(n->f),
		.action = action_of(n->f),
		.resource = n->resource,
		.count = n->f->count + n->again,
		.why = d->why,
		.cure = d->cure,
		.sought = n->sought,
		.seq = seq };

	if (d->rule) {
		v.rule = d->rule->text ? d->rule->text : d->rule->pattern;
		v.file = d->rule->origin.line ? d->rule->origin.file : NULL;
		v.line = d->rule->origin.line;
	} else if (d->by) {
		v.rule = name_of(d->by);
		v.file = d->by->line ? d->by->file : NULL;
		v.line = d->by->line;
	}
	return ward_outcome_add_violation(l->o, &v);
}

/*
 * Over what the broker tells apart by itself: absent names have taken its room, which are no violations. So it is described as
 * any other as long as its name is known and there is room among what is listed, if it is not there already.
 */
static bool only_counted(struct life *l, const struct ward_refusal *f, struct entry *made,
	size_t n_made)
{
	char *resource;
	size_t n_new = 0;
	bool again;

	for (size_t i = 0; !f->vague && i < n_made; i++) {
		const struct ward_refusal *g = made[i].f;

		n_new += made[i].told;
		if (g->kind == f->kind && g->action == f->action && made[i].told &&
			ward_streq(g->resource, f->resource) &&
			(f->kind != WARD_REFUSAL_SYSCALL || ward_streq(g->syscall, f->syscall))) {
			made[i].again += f->count;
			return true;
		}
	}
	resource = f->vague ? NULL : resource_of(f);
	again = resource && ward_outcome_again(l->o, axis_of(f), action_of(f), resource, f->count);
	free(resource);
	if (again)
		return true;
	if (!f->vague && l->o->n_violations + n_new < WARD_VIOLATION_NAMES_MAX)
		return false;
	l->names_over += f->count;
	l->o->violations_total += f->count;
	return true;
}

/*
 * Judge and describe; *ret_worth false: it leaves nothing, because it is no violation, or because it is only counted. made: what
 * the same batch described before.
 */
static int describe(struct life *l, const struct ward_refusal *f, struct entry *made, size_t n_made,
	struct ward_event *e, bool *ret_worth, struct ward_error *err)
{
	bool path = f->kind == WARD_REFUSAL_PATH ||
		(f->kind == WARD_REFUSAL_UNIX && f->resource[0] == '/');
	enum record_there there = path ? on_host(l, f) : RECORD_FILE;
	bool look = there == RECORD_ABSENT && f->action == WARD_CAP_FILE_WRITE && !was_seen(f) &&
		!blind(f->resource);
	char above[WARD_PATH_MAX];
	bool orphan = look && !dir_above(l, f->resource, above);
	struct entry *n = &made[n_made];
	int r;

	*ret_worth = f->selftest || counts(f, there, orphan);
	if (*ret_worth && f->over && only_counted(l, f, made, n_made))
		*ret_worth = false;
	if (!*ret_worth)
		return WARD_OK;
	if (path && f->action == WARD_CAP_FILE_WRITE && !f->selftest)
		ward_uncached_refused(l, f->resource);
	*n = (struct entry){ .f = f, .d = malloc(sizeof(*n->d)) };
	if (!n->d)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a decision");
	r = ward_ask_refusal(l, f, there, look ? above : NULL, n->d, err);
	if (r < 0)
		return r;
	n->resource = resource_of(f);
	n->sought = is_sought(l, f, n->d, there);
	n->told = !f->selftest && (!f->quiet || n->sought);
	n->detail = refusal_detail(f, n->sought, n->d, there);
	if (!n->resource || !n->detail)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a record");
	*e = (struct ward_event){ .kind = "sandbox.violation",
		.effect = "deny",
		.pid = f->pid,
		.pid_start = f->pid_start,
		.action = action_of(f),
		.resource = n->resource,
		.negated = n->d->negated && !n->d->by,
		.layer = layer_of(l, f),
		.detail_json = n->detail };
	if (n->d->by) {
		n->rules[0] = name_of(n->d->by);
		e->rules = n->rules;
		e->n_rules = 1;
	}
	record_event(l, e);
	return WARD_OK;
}

/* One append for all of them: the chain's tail is read once. */
static int record_batch(struct life *l, const struct ward_refusal *v, size_t n,
	struct ward_error *err)
{
	struct entry *entries = calloc(n, sizeof(*entries));
	struct ward_event *events = calloc(n, sizeof(*events));
	uint64_t seq = 0;
	size_t made = 0;
	bool worth;
	int r = WARD_OK;

	if (!entries || !events) {
		free(entries);
		free(events);
		return ward_fail(err, WARD_E_NOMEM, "no memory for records");
	}
	l->looks.known = false;
	for (size_t i = 0; r == WARD_OK && i < n; i++) {
		r = describe(l, &v[i], entries, made, &events[made], &worth, err);
		made += worth;
	}
	if (r == WARD_OK)
		r = record_append(l, events, made, false, &seq, err);
	for (size_t i = 0; r == WARD_OK && i < made; i++)
		if (entries[i].told)
			r = to_outcome(l, &entries[i], seq ? seq + i : 0);
	for (size_t i = 0; i < made; i++) {
		free(entries[i].d);
		free(entries[i].resource);
		free(entries[i].detail);
	}
	free(entries);
	free(events);
	return r;
}

int record_refusals(struct life *l, struct ward_error *err)
{
	struct ward_refusal *v = NULL;
	uint64_t dropped = 0;
	size_t n = 0;
	int r = ward_cage_take_refusals(l->cage, &v, &n, &dropped);

	if (r < 0)
		return ward_fail(err, r, "no memory for refusals");
	l->names_lost = dropped;
	if (n)
		r = record_batch(l, v, n, err);
	ward_refusals_free(v, n);
	return r;
}

/* ---- limits and the end ---- */

int record_limit(struct life *l, const char *what, uint64_t value, uint64_t extra,
	struct ward_error *err)
{
	struct ward_buf b = WARD_BUF_INIT;
	struct ward_event e = {
		.kind = "limit.hit", .effect = "deny", .action = "limit", .resource = what
	};
	int r;

	ward_jw_open(&b, '{');
	ward_jw_ku64(&b, "limit", value);
	if (extra && ward_streq(what, "disk"))
		ward_jw_kstr(&b, "why", ward_layer_why((enum ward_layer_over)extra));
	else if (extra)
		ward_jw_ku64(&b, "count", extra);
	ward_jw_close(&b, '}');
	e.detail_json = ward_buf_cstr(&b);
	record_event(l, &e);
	r = record_append(l, &e, 1, false, NULL, err);
	ward_buf_done(&b);
	return r;
}

int record_end(struct life *l, struct ward_error *err)
{
	struct ward_buf b = WARD_BUF_INIT;
	struct ward_event e = { .kind = "run.end", .action = "run" };
	const struct ward_outcome *o = l->o;
	int r;

	/* No plan: the second one, without what the host had refused, was itself refused. */
	e.resource = l->plan ? l->plan->exe : l->r->argv[0];
	ward_jw_open(&b, '{');
	ward_jw_kstr(&b, "status", ward_status_name(o->status));
	if (o->has_code)
		ward_jw_ki64(&b, "code", o->code);
	if (o->has_signal)
		ward_jw_ki64(&b, "signal", o->sig);
	ward_jw_ku64(&b, "cpu_ms", o->cpu_ms);
	ward_jw_ku64(&b, "max_rss", o->max_rss);
	ward_jw_ku64(&b, "violations", o->violations_total);
	if (o->has_error)
		ward_jw_kstr(&b, "error", o->error.message);
	ward_jw_close(&b, '}');
	e.detail_json = ward_buf_cstr(&b);
	record_event(l, &e);
	r = record_append(l, &e, 1, false, NULL, err);
	l->end_recorded = r == WARD_OK;
	ward_buf_done(&b);
	return r;
}
