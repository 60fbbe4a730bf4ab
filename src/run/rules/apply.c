/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policies of a run add to its request: programs and variables as capabilities, which the rest of resolve knows how to
 * find; limits of mode and profile, where no option says otherwise. Each is asked of the judge first.
 */
#include <string.h>

#include "os/os.h"
#include "run/rules/rules.h"

static bool agreed(const struct ward_resolver *rs, const struct ward_verdict *v)
{
	static const enum ward_consent needs[] = { [WARD_APPROVAL_CRITICAL] = WARD_CONSENT_CRITICAL,
		[WARD_APPROVAL_RISKY] = WARD_CONSENT_RISKY,
		[WARD_APPROVAL_NONE] = WARD_CONSENT_NONE };

	return rs->r->consent >= needs[v->approval];
}

int ward_rules_yes(struct ward_resolver *rs, const struct ward_query *q,
	const struct ward_verdict *v, bool *ret, struct ward_error *err)
{
	enum ward_said answer = WARD_SAID_OPEN;
	bool yes = v->effect == WARD_ASK && agreed(rs, v);
	int r = WARD_OK;

	*ret = false;
	if (v->effect == WARD_ASK && rs->r->asks)
		r = ward_asks_put(rs->r->asks, v, q, yes, &answer, err);
	if (r < 0)
		return r;
	*ret = v->effect == WARD_ALLOW || answer == WARD_SAID_ONCE || answer == WARD_SAID_RUN ||
		(answer == WARD_SAID_OPEN && yes);
	return WARD_OK;
}

int ward_rules_allowed(struct ward_resolver *rs, enum ward_action action, const char *resource,
	bool *ret, struct ward_verdict *verdict, struct ward_error *err)
{
	struct ward_query q = { .action = action,
		.resource = ward_str(resource),
		.any = true,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000),
		.of_host = true };

	if (ward_judge(rs->book->book, rs->book->desk, &q, verdict) < 0)
		return ward_rs_nomem(err);
	return ward_rules_yes(rs, &q, verdict, ret, err);
}

/* ---- programs ---- */

#define ANY "/" WARD_ANY_NAME "/" WARD_ANY_NAME

static int program(struct ward_resolver *rs, const char *path, struct ward_error *err)
{
	struct ward_verdict verdict;
	struct ward_target t;
	struct ward_cap cap = { .type = WARD_CAP_EXTERNAL_COMMAND, .decided = true };
	const char *probe = path;
	bool file, yes = false;
	int r;

	if (ward_rs_target(rs, path, &t) < 0 || !ward_streq(t.path, path) || ward_rs_reserved(path))
		return WARD_OK;
	file = S_ISREG(t.st.st_mode);
	if (file && !(t.st.st_mode & 0111))
		return WARD_OK;
	if (!file)
		probe = ward_arena_printf(rs->arena, "%s" ANY, path);
	if (!probe)
		return ward_rs_nomem(err);
	/* To be granted as a program is to be shown, too: who forbids that it is read forbids this. */
	r = ward_rules_allowed(rs, WARD_ACT_FS_READ, probe, &yes, &verdict, err);
	if (r == WARD_OK && yes)
		r = ward_rules_allowed(rs, WARD_ACT_PROC_EXEC, probe, &yes, &verdict, err);
	if (r < 0 || !yes || verdict.n_rules == 0)
		return r;
	cap.resource = file ? path : ward_arena_printf(rs->arena, "%s/**", path);
	cap.origin = (struct ward_origin){ .file = verdict.rules[0]->file,
		.line = verdict.rules[0]->line,
		.column = verdict.rules[0]->column };
	return cap.resource ? ward_caps_add(&rs->caps, &cap, err) : ward_rs_nomem(err);
}

static int programs(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_texts named = { 0 };
	struct ward_verdict verdict;
	const char *path;
	size_t at = 0;
	bool all = false;
	int r = ward_rules_allowed(rs, WARD_ACT_PROC_EXEC, ANY, &all, &verdict, err);

	if (r == WARD_OK && all) {
		struct ward_cap cap = { .type = WARD_CAP_EXTERNAL_COMMAND, .resource = "*" };

		/* As where there are no policies: whoever says nothing of programs has all that the view shows. */
		rs->exec_default =
			verdict.n_rules > 0 && ward_streq(verdict.rules[0]->file, "implied");
		if (rs->exec_default)
			return WARD_OK;
		if (verdict.n_rules > 0)
			cap.origin = (struct ward_origin){ .file = verdict.rules[0]->file,
				.line = verdict.rules[0]->line,
				.column = verdict.rules[0]->column };
		return ward_caps_add(&rs->caps, &cap, err);
	}
	while (r == WARD_OK && (path = ward_book_path(rs->book->book, &at)) != NULL)
		r = program(rs, path, err);
	if (r == WARD_OK)
		r = ward_rules_named(rs, true, &named, NULL, err);
	for (size_t i = 0; r == WARD_OK && i < named.n; i++)
		r = program(rs, named.v[i], err);
	return r;
}

/* ---- what the request asks for itself ---- */

int ward_rules_forbidden(struct ward_resolver *rs, const struct ward_cap *cap,
	const struct ward_verdict *v, struct ward_error *err)
{
	const struct ward_book_rule *rule = v->why == WARD_WHY_NARROWED ? v->list
		: v->n_rules > 0                                        ? v->rules[0]
									: NULL;

	(void)ward_rs_cap_fail(rs, cap, WARD_E_REFUSED, err, "%s", v->text);
	if (rule && rule->line > 0)
		ward_fail_fix(err, "%s:%u%s%s%s", rule->file, rule->line, rule->reason ? ": " : "",
			rule->reason ? rule->reason : "",
			v->why == WARD_WHY_FORBIDDEN ? ""
				: v->why == WARD_WHY_NARROWED
				? "; add it to that list, or take it out"
				: "; take it out");
	else
		ward_fail_fix(err, "take it out");
	return WARD_E_REFUSED;
}

/*
 * NAME=VALUE hands out nothing of the host's, and needs no permit; but who forbids the variable forbids it with a value too. The
 * value may be a secret: what is said names the variable alone.
 */
static int set_variable(struct ward_resolver *rs, const struct ward_cap *cap,
	struct ward_error *err)
{
	struct ward_verdict verdict;
	struct ward_cap named = *cap;
	bool yes = false;
	int r;

	named.resource = ward_arena_dup(rs->arena, cap->resource, strcspn(cap->resource, "="));
	if (!named.resource)
		return ward_rs_nomem(err);
	r = ward_rules_allowed(rs, WARD_ACT_ENV_READ, named.resource, &yes, &verdict, err);
	if (r == WARD_OK && !yes && verdict.why != WARD_WHY_NO_RULE &&
		verdict.why != WARD_WHY_NARROWED && verdict.why != WARD_WHY_GRANTED)
		r = ward_rules_forbidden(rs, &named, &verdict, err);
	return r;
}

/* A variable is passed because a rule says so: the request's own, or one of the profile. */
static int variable(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	struct ward_verdict verdict;
	bool yes = false;
	int r;

	if (strchr(cap->resource, '=')) {
		r = set_variable(rs, cap, err);
		return r == WARD_OK ? ward_caps_add(&rs->caps, cap, err) : r;
	}
	r = ward_rules_allowed(rs, WARD_ACT_ENV_READ, cap->resource, &yes, &verdict, err);
	if (r < 0)
		return r;
	return yes ? ward_caps_add(&rs->caps, cap, err)
		   : ward_rules_forbidden(rs, cap, &verdict, err);
}

/* A file that was named and is forbidden as a whole: the caller wants something that cannot be, and is told. */
static int file(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	enum ward_action action =
		cap->type == WARD_CAP_FILE_WRITE ? WARD_ACT_FS_WRITE : WARD_ACT_FS_READ;
	struct ward_verdict verdict;
	struct ward_target t;
	const char *path =
		ward_rs_absolute(rs, cap->literal ? rs->cwd : rs->workspace, cap->resource);
	char dir[WARD_PATH_MAX];
	bool yes = true;
	int r;

	if (!cap->literal && ward_glob_is_subtree(cap->resource, dir, sizeof(dir)))
		path = ward_rs_absolute(rs, rs->workspace, dir[0] ? dir : ".");
	else if (!cap->literal && ward_glob_is_pattern(cap->resource))
		path = NULL;
	if (path && ward_rs_target(rs, path, &t) == 0) {
		r = ward_rules_allowed(rs, action, t.path, &yes, &verdict, err);
		if (r < 0)
			return r;
		if (!yes && (verdict.why == WARD_WHY_FORBIDDEN || verdict.why == WARD_WHY_NARROWED))
			return ward_rules_forbidden(rs, cap, &verdict, err);
	}
	return ward_caps_add(&rs->caps, cap, err);
}

/* The most that some program gets; where that is nothing, the word of who is not known. Which one will connect is not known before. */
static int of_any_program(struct ward_resolver *rs, struct ward_query *q, struct ward_verdict *ret)
{
	struct ward_verdict one;
	size_t at = 0;
	int r = ward_judge(rs->book->book, rs->book->desk, q, ret);

	while (r >= 0 && ret->effect != WARD_ALLOW &&
		(q->program = ward_book_program(rs->book->book, &at)) != NULL) {
		r = ward_judge(rs->book->book, rs->book->desk, q, &one);
		if (r >= 0 && one.effect > ret->effect)
			*ret = one;
	}
	return r;
}

/* One endpoint that was named and may not be: the same. A wider grant is less by what is forbidden of it, at each connection. */
static int endpoint(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	struct ward_endpoint_fault why;
	struct ward_verdict verdict;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };

	if (!ward_endpoint_parse(ward_str(cap->resource), &e, &why) || !ward_endpoint_is_one(&e))
		return ward_caps_add(&rs->caps, cap, err);
	ward_endpoint_text(&e, text);
	q.resource = ward_str(text);
	if (of_any_program(rs, &q, &verdict) < 0)
		return ward_rs_nomem(err);
	if (verdict.effect == WARD_DENY)
		return ward_rules_forbidden(rs, cap, &verdict, err);
	/* What a person is asked about becomes a rule when he says yes (resolve/net.c). */
	return verdict.effect == WARD_ALLOW ? ward_caps_add(&rs->caps, cap, err) : WARD_OK;
}

static int own_caps(struct ward_resolver *rs, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < rs->r->caps.n; i++) {
		const struct ward_cap *cap = &rs->r->caps.v[i];

		if (cap->type == WARD_CAP_ENV)
			r = variable(rs, cap, err);
		else if (cap->type == WARD_CAP_FILE_READ || cap->type == WARD_CAP_FILE_WRITE)
			r = file(rs, cap, err);
		else if (cap->type == WARD_CAP_NETWORK_CONNECT)
			r = endpoint(rs, cap, err);
		/* Programs are all asked for below. */
	}
	for (size_t i = 0; r == WARD_OK && i < rs->r->n_env; i++) {
		struct ward_cap cap = { .type = WARD_CAP_ENV,
			.resource = rs->r->env[i].name,
			.origin = rs->r->env[i].origin };

		r = set_variable(rs, &cap, err);
	}
	return r;
}

/* The profile of a repository that nobody trusts grants nothing: neither what the host has, nor what it says itself. */
static int untrusted(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	struct ward_cap named = *cap;

	named.resource = ward_arena_dup(rs->arena, cap->resource, strcspn(cap->resource, "="));
	if (!named.resource)
		return ward_rs_nomem(err);
	(void)ward_rs_cap_fail(rs, &named, WARD_E_REFUSED, err,
		"a repository that is not trusted only narrows, and sets no variable");
	ward_fail_fix(err, "look at it with ward trust --show, then ward trust; or take it out");
	return WARD_E_REFUSED;
}

static int profile_variables(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_doc_rules *l = rs->book->profile ? &rs->book->profile->env : NULL;
	int r = WARD_OK;

	for (size_t i = 0; l && r == WARD_OK && i < l->n; i++) {
		struct ward_cap cap = {
			.type = WARD_CAP_ENV, .resource = l->v[i].pattern, .origin = l->v[i].origin
		};
		bool believed = !l->v[i].doc || l->v[i].doc->layer != WARD_LAYER_REPOSITORY ||
			rs->book->layers->trust == WARD_TRUST_PINNED;

		r = believed ? variable(rs, &cap, err) : untrusted(rs, &cap, err);
	}
	return r;
}

/* ---- limits ---- */

static void least(uint64_t *have, uint64_t value, bool given)
{
	if (!given && value > 0 && (*have == 0 || value < *have))
		*have = value;
}

static void least32(uint32_t *have, uint64_t value, bool given)
{
	uint64_t wide = *have;

	least(&wide, value, given);
	*have = (uint32_t)wide;
}

/* Of the network the same, for each of them: of all layers' it is the least. */
static void net_limits(struct ward_resolver *rs)
{
	const struct ward_profile *p = rs->book->profile;

	for (size_t i = 0; p && i < p->n_network; i++)
		for (size_t k = 0; k < WARD_NET_LIMIT_MAX; k++)
			least(&rs->limits.net.v[k], p->network[i].said.limits.v[k],
				rs->r->limits.net.v[k] != 0);
}

/* An option says how much; without it the mode does, and a profile may only ask for less. */
static void limits(struct ward_resolver *rs)
{
	const struct ward_request *r = rs->r;
	const struct ward_mode_data *m = rs->book->mode;
	struct ward_limits *l = &rs->limits;
	const struct ward_doc_limit *p = rs->book->profile ? rs->book->profile->limits : NULL;
	bool memory = ward_request_given(r, "memory"), cpus = ward_request_given(r, "cpus"),
	     pids = ward_request_given(r, "pids"), disk = ward_request_given(r, "disk"),
	     output = ward_request_given(r, "output-limit"),
	     timeout = ward_request_given(r, "timeout"), grace = ward_request_given(r, "grace"),
	     nofile = ward_request_given(r, "nofile");

	if (m) {
		uint64_t share = rs->host->memory_available / 100 * m->limits.memory_percent;

		l->memory = memory ? l->memory : m->limits.memory > 0 ? m->limits.memory : share;
		l->millicpus = cpus ? l->millicpus : m->limits.millicpus;
		l->pids = pids ? l->pids : m->limits.pids;
		l->disk = disk ? l->disk : m->limits.disk;
		l->output = output ? l->output : m->limits.output;
		l->timeout_ms = timeout ? l->timeout_ms : m->limits.timeout_ms;
		l->grace_ms = grace ? l->grace_ms : m->limits.grace_ms;
		l->nofile = nofile ? l->nofile : m->limits.nofile;
	}
	net_limits(rs);
	if (!p)
		return;
	/* Where nobody says how much, it is the share that resolve takes: a profile may only ask for less of it. */
	if (l->memory == 0 && !memory)
		l->memory = ward_rs_memory_share(rs->host);
	least(&l->memory, p[WARD_DOC_MEMORY].value, memory);
	least32(&l->millicpus, p[WARD_DOC_CPUS].value, cpus);
	least32(&l->pids, p[WARD_DOC_PIDS].value, pids);
	least(&l->disk, p[WARD_DOC_DISK].value, disk);
	least(&l->output, p[WARD_DOC_OUTPUT].value, output);
	least(&l->timeout_ms, p[WARD_DOC_TIMEOUT].value, timeout);
	least(&l->grace_ms, p[WARD_DOC_GRACE].value, grace);
	least32(&l->nofile, p[WARD_DOC_NOFILE].value, nofile);
}

/* ---- entering a mode ---- */

bool ward_rules_still_open(const struct ward_resolver *rs, const struct ward_verdict *v)
{
	return v->effect == WARD_ASK && rs->r->asks && rs->r->asks->may_ask &&
		ward_asks_open(rs->r->asks) > 0;
}

static int enter_mode(struct ward_resolver *rs, struct ward_error *err)
{
	const char *name = rs->book->mode ? rs->book->mode->name : NULL;
	struct ward_verdict verdict;
	struct ward_query q = { .action = WARD_ACT_MODE_ENTER,
		.resource = ward_str(name ? name : ""),
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000),
		.by_person = true };
	bool yes = false;
	int r;

	if (!name)
		return WARD_OK;
	if (ward_judge(rs->book->book, rs->book->desk, &q, &verdict) < 0)
		return ward_rs_nomem(err);
	r = ward_rules_yes(rs, &q, &verdict, &yes, err);
	/* With somebody there to ask, the look goes on, to find all else that is to be asked: it starts nothing. */
	if (r < 0 || yes || ward_rules_still_open(rs, &verdict))
		return r;
	(void)ward_fail(err, WARD_E_REFUSED, "mode %s: %s", name,
		verdict.effect == WARD_ASK
			? "to enter it is asked of a person, and nobody was asked"
			: verdict.text);
	ward_fail_at(err, "--mode", 0, 0);
	if (verdict.effect == WARD_ASK)
		ward_fail_fix(err, "say so: --approve %s", ward_approval_name(verdict.approval));
	else if (verdict.why == WARD_WHY_NARROWED && verdict.list)
		ward_fail_fix(err,
			"%s:%u lists modes, too: name in each permit there the actions that it is about, or permit mode.enter of this mode",
			verdict.list->file, verdict.list->line);
	else if (verdict.n_rules > 0)
		ward_fail_fix(err, "%s:%u says so", verdict.rules[0]->file, verdict.rules[0]->line);
	return WARD_E_REFUSED;
}

/* A yes is to the policies as they are, and to no others. Where nobody is asked their hash is not waited for, nor looked at. */
static int begin_asking(struct ward_resolver *rs, struct ward_error *err)
{
	const char *hash = "";

	if (ward_book_asks(rs->book->book)) {
		int r = ward_rules_digest(rs->book, err);

		if (r < 0)
			return r;
		hash = rs->book->sha256;
	}
	return ward_asks_begin(rs->r->asks, rs->workspace, rs->r->argv, hash, err);
}

int ward_rules_apply(struct ward_resolver *rs, struct ward_error *err)
{
	int r;

	rs->limits = rs->r->limits;
	rs->i_know = rs->r->i_know || rs->r->mode == WARD_MODE_DANGER_FULL_ACCESS;
	if (!rs->book) {
		rs->caps = rs->r->caps;
		return WARD_OK;
	}
	rs->caps.arena = rs->arena;
	r = rs->r->asks ? begin_asking(rs, err) : WARD_OK;
	if (r == WARD_OK)
		r = enter_mode(rs, err);
	if (r == WARD_OK)
		r = ward_rules_start(rs, err);
	/* The last one says the value of a variable: options, whatever a profile sets. */
	if (r == WARD_OK)
		r = profile_variables(rs, err);
	if (r == WARD_OK)
		r = own_caps(rs, err);
	if (r == WARD_OK)
		r = programs(rs, err);
	limits(rs);
	return r;
}
