/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the run may start at all: in this tier, this phase, this environment; and whether what its component asks for is granted. The
 * tier that is needed is the first at which no rule forbids sandbox.run, and never less than an option or the component asks for: the
 * highest of all claims. A claim can only raise it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/rules/rules.h"

#define TIERS 4
#define COMPONENT_BYTES_MAX (64u << 20)
#define ANY "/" WARD_ANY_NAME "/" WARD_ANY_NAME

static const char *const tiers[TIERS] = { "direct", "native", "gvisor", "microvm" };

/* ---- who starts it ---- */

/* Whose words may be about a person. No name in a policy is written otherwise. */
static const struct ward_source *about_a_person(const struct ward_rulebook *b)
{
	static const char type[] = "Person";

	for (size_t i = 0; i < b->sources.n; i++) {
		const struct ward_source *s = &b->sources.v[i];

		if (!s->generated && !s->shipped && s->text.n &&
			memmem(s->text.s, s->text.n, type, sizeof(type) - 1))
			return s;
	}
	return NULL;
}

/* A rule that forbids a person is not to be passed by as nobody. */
int ward_rules_person(struct ward_resolver *rs, struct ward_rulebook *b, const char **ret,
	struct ward_error *err)
{
	const struct ward_source *s;
	char *name = NULL;
	int r = ward_rs_login(rs->host->uid, &name);

	if (r == -ENOMEM)
		return ward_rs_nomem(err);
	s = r < 0 ? about_a_person(b) : NULL;
	if (s) {
		(void)ward_fail_errno(err, WARD_E_SYSTEM, -r,
			"a policy is about a person, and the login name of user %u cannot be found",
			(unsigned)rs->host->uid);
		ward_fail_at(err, s->name, 0, 0);
		ward_fail_fix(err,
			"make /etc/passwd readable, or the service of names answer (getent passwd %u)",
			(unsigned)rs->host->uid);
		return WARD_E_SYSTEM;
	}
	*ret = name ? ward_arena_strdup(b->arena, name)
		    : ward_arena_printf(b->arena, "uid:%u", (unsigned)rs->host->uid);
	free(name);
	return *ret ? WARD_OK : ward_rs_nomem(err);
}

/* ---- the component ---- */

int ward_rules_component(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = { .max = WARD_LAYER_FILE_BYTES_MAX };
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *tree = NULL;
	const char *path = rs->r->component;
	struct ward_json *root;
	int r;

	b->component = rs->r->component_data;
	if (!path || b->component)
		return WARD_OK;
	tree = ward_arena_new(COMPONENT_BYTES_MAX);
	if (!tree)
		return ward_rs_nomem(err);
	r = ward_read_file(path, WARD_LAYER_FILE_BYTES_MAX, &text, err);
	if (r == WARD_OK)
		r = ward_tree_parse(tree, ward_buf_cstr(&text), text.n, path, &root, err);
	if (r == WARD_OK)
		r = ward_component_read(rs->r->arena, root, path, &b->component, err);
	rs->r->component_data = b->component;
	return r;
}

/* Of two words about trust the lesser. Who names the backend direct vouches for the command, unless he says otherwise. */
const char *ward_rules_trust(const struct ward_resolver *rs, const struct ward_rulebook *b)
{
	static const char *const words[] = { "untrusted", "semi_trusted", "trusted" };
	const char *said = rs->r->trust, *claimed = b->component ? b->component->trust : NULL;

	if (!said)
		said = rs->r->backend == WARD_BACKEND_DIRECT ? "trusted" : "untrusted";
	for (size_t i = 0; i < WARD_ARRAY_SIZE(words); i++) {
		if (ward_streq(words[i], said) || (claimed && ward_streq(words[i], claimed)))
			return words[i];
	}
	return "untrusted";
}

int64_t ward_rules_tier(const struct ward_resolver *rs)
{
	return rs->r->backend == WARD_BACKEND_DIRECT ? 0 : 1;
}

/* ---- the tier ---- */

static int no_backend(struct ward_resolver *rs, int64_t tier, struct ward_error *err)
{
	int64_t have = ward_rules_tier(rs);

	if (tier == 1)
		return ward_fail(err, WARD_E_REFUSED,
			"tier 1 (native) is required, and --backend direct is tier 0");
	return ward_fail(err, WARD_E_REFUSED,
		"tier %d (%s) is required, and there is no backend for it: this one is tier %d (%s)",
		(int)tier, tiers[tier], (int)have, tiers[have]);
}

static void because(struct ward_error *err, const struct ward_verdict *v, const char *fix)
{
	const struct ward_book_rule *rule = v->why == WARD_WHY_NARROWED ? v->list
		: v->n_rules > 0                                        ? v->rules[0]
									: NULL;

	if (!rule)
		ward_fail_fix(err, "%s", v->text);
	else if (rule->line > 0)
		ward_fail_fix(err, "%s:%u%s%s%s%s%s", rule->file, rule->line, rule->id ? " " : "",
			rule->id ? rule->id : "", rule->reason ? ": " : "",
			rule->reason ? rule->reason : "", fix);
	else
		ward_fail_fix(err, "%s says so%s", rule->file, fix);
}

static int ask(struct ward_resolver *rs, int64_t tier, struct ward_verdict *v, struct ward_query *q,
	struct ward_error *err)
{
	*q = (struct ward_query){ .action = WARD_ACT_SANDBOX_RUN,
		.resource = ward_str(tiers[tier]),
		.backend = tiers[tier],
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000),
		.tier = &tier };

	if (ward_judge(rs->book->book, rs->book->desk, q, v) < 0)
		return ward_rs_nomem(err);
	q->tier = NULL;
	return WARD_OK;
}

static int forbidden(struct ward_resolver *rs, const struct ward_verdict *why,
	struct ward_error *err)
{
	struct ward_verdict v;
	struct ward_query q;

	for (int64_t tier = ward_rules_tier(rs) + 1; why->effect == WARD_DENY && tier < TIERS;
		tier++) {
		int r = ask(rs, tier, &v, &q, err);

		if (r < 0)
			return r;
		if (v.effect == WARD_DENY)
			continue;
		(void)no_backend(rs, tier, err);
		because(err, why, tier == 1 ? "; leave --backend out" : "");
		return WARD_E_REFUSED;
	}
	(void)ward_fail(err, WARD_E_REFUSED, "this may not be started: %s",
		why->effect == WARD_ASK ? "a person is asked about it, and nobody was" : why->text);
	if (why->effect == WARD_ASK)
		ward_fail_fix(err, "say so: --approve %s", ward_approval_name(why->approval));
	else
		because(err, why, "");
	return WARD_E_REFUSED;
}

static int claims(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_component_data *c = rs->book->component;
	int64_t have = ward_rules_tier(rs);

	if (rs->r->tier > have) {
		(void)no_backend(rs, rs->r->tier, err);
		ward_fail_at(err, "--tier", 0, 0);
		ward_fail_fix(err, "ask for less");
		return WARD_E_REFUSED;
	}
	if (!c || c->tier <= have)
		return WARD_OK;
	(void)no_backend(rs, c->tier, err);
	ward_fail_at(err, c->tier_origin.file, c->tier_origin.line, c->tier_origin.column);
	ward_fail_fix(err, "%s asks for it", c->name);
	return WARD_E_REFUSED;
}

/* ---- what the component asks for ---- */

struct request {
	struct ward_resolver *rs;
	const struct ward_cap *cap;
	struct ward_verdict v;
	struct ward_error *err;
};

static int judge(struct request *k, enum ward_action action, const char *resource, bool *ret)
{
	struct ward_resolver *rs = k->rs;
	struct ward_query q = { .action = action,
		.resource = ward_str(resource ? resource : ""),
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000),
		.any = action != WARD_ACT_GRANT_REQUEST,
		.of_host = action != WARD_ACT_GRANT_REQUEST };

	*ret = false;
	if (ward_judge(rs->book->book, rs->book->desk, &q, &k->v) < 0)
		return ward_rs_nomem(k->err);
	return ward_rules_yes(rs, &q, &k->v, ret, k->err);
}

/* Of an option that grants the same, or more: patterns are compared, since names that match them may come to be. */
static bool by_option(const struct request *k)
{
	const struct ward_pattern *want, *have;
	struct ward_pattern_error bad;

	if (ward_pattern_compile(k->rs->arena, ward_str(k->cap->resource), WARD_GRAMMAR_1, &want,
		    &bad) < 0)
		return false;
	for (size_t i = 0; i < k->rs->r->caps.n; i++) {
		const struct ward_cap *c = &k->rs->r->caps.v[i];

		if (!c->literal &&
			(c->type == k->cap->type ||
				(c->type == WARD_CAP_FILE_WRITE &&
					k->cap->type == WARD_CAP_FILE_READ)) &&
			ward_pattern_compile(k->rs->arena, ward_str(c->resource), WARD_GRAMMAR_1,
				&have, &bad) == WARD_OK &&
			ward_pattern_covers(have, want))
			return true;
	}
	return false;
}

/* A path stands for itself, a directory with all below it and any other pattern for whatever may lie in its directory. */
static int file(struct request *k, bool *ret)
{
	struct ward_resolver *rs = k->rs;
	const char *path = k->cap->resource;
	char dir[WARD_PATH_MAX];
	struct ward_target t;
	bool all = true;
	int r;

	if (ward_glob_is_subtree(path, dir, sizeof(dir)) || !ward_glob_is_pattern(path))
		all = ward_glob_is_subtree(path, dir, sizeof(dir));
	else if (ward_glob_prefix(path, dir, sizeof(dir)) < 0)
		return WARD_OK;
	path = ward_rs_absolute(rs, rs->workspace, all ? (dir[0] ? dir : ".") : path);
	if (path && ward_rs_target(rs, path, &t) == 0)
		path = t.path;
	if (path && all)
		path = ward_arena_printf(rs->arena, "%s" ANY, path[1] ? path : "");
	if (!path)
		return ward_rs_nomem(k->err);
	r = judge(k, WARD_ACT_FS_READ, path, ret);
	if (r == WARD_OK && *ret && k->cap->type == WARD_CAP_FILE_WRITE)
		r = judge(k, WARD_ACT_FS_WRITE, path, ret);
	if (r == WARD_OK && !*ret && k->v.why == WARD_WHY_NO_RULE)
		*ret = by_option(k);
	return r;
}

static int program(struct request *k, bool *ret)
{
	struct ward_resolver *rs = k->rs;
	const char *name = k->cap->resource, *path = name;
	char dir[WARD_PATH_MAX];
	struct ward_target t;

	if (ward_streq(name, "*"))
		path = ANY;
	else if (ward_glob_is_subtree(name, dir, sizeof(dir)))
		path = ward_arena_printf(rs->arena, "%s" ANY, dir);
	else if (ward_rs_lookup(rs, name, true, &path, &t) == 0)
		path = t.path;
	return judge(k, WARD_ACT_PROC_EXEC, path, ret);
}

#define NOT_ALL 1

/* A yes to a name that nobody meant would be none: of one endpoint alone a person is asked. */
static int connects_to(void *arg, const char *endpoint, bool tried)
{
	struct request *k = arg;
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.resource = ward_str(endpoint),
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };

	k->v = (struct ward_verdict){ .why = WARD_WHY_NO_RULE,
		.text = "it is not known to be granted" };
	if (tried && ward_judge(k->rs->book->book, k->rs->book->desk, &q, &k->v) < 0)
		return ward_rs_nomem(k->err);
	if (k->v.effect == WARD_ASK) {
		k->v.effect = WARD_DENY;
		k->v.why = WARD_WHY_NO_RULE;
		(void)snprintf(k->v.text, sizeof(k->v.text),
			"a person would have to be asked, and about one endpoint by its name");
	}
	return k->v.effect == WARD_ALLOW ? WARD_OK : NOT_ALL;
}

/* A domain stands for names below it that nobody names, and a range for an address in it: each connection is judged by itself. */
static int connects(struct request *k, bool *ret)
{
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	int r;

	if (ward_endpoint_parse(ward_str(k->cap->resource), &e, &why) && ward_endpoint_is_one(&e)) {
		const char *endpoint;

		ward_endpoint_text(&e, text);
		endpoint = ward_arena_strdup(k->rs->arena, text);
		return endpoint ? judge(k, WARD_ACT_NET_CONNECT, endpoint, ret)
				: ward_rs_nomem(k->err);
	}
	k->v = (struct ward_verdict){ .why = WARD_WHY_NO_RULE, .text = "there is nothing in it" };
	r = ward_net_examples(k->cap->resource, connects_to, k);
	*ret = k->v.effect == WARD_ALLOW && r == WARD_OK;
	return r == NOT_ALL ? WARD_OK : r;
}

/* What can be published is one endpoint; of anything else resolve/publish.c says so. */
static int listens(struct request *k, bool *ret)
{
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	const char *endpoint;

	k->v = (struct ward_verdict){ .why = WARD_WHY_NO_RULE,
		.text = "it is no one address and port" };
	*ret = false;
	if (!ward_endpoint_parse(ward_str(k->cap->resource), &e, &why) || !ward_endpoint_is_one(&e))
		return WARD_OK;
	ward_endpoint_text(&e, text);
	endpoint = ward_arena_strdup(k->rs->arena, text);
	return endpoint ? judge(k, WARD_ACT_NET_LISTEN, endpoint, ret) : ward_rs_nomem(k->err);
}

static int not_granted(struct request *k)
{
	const struct ward_component_data *c = k->rs->book->component;
	WARD_CLEANUP(ward_buf_done) struct ward_buf cap = WARD_BUF_INIT;

	(void)ward_rs_cap_fail(k->rs, k->cap, WARD_E_REFUSED, k->err, "%s asks for it; %s", c->name,
		k->v.effect == WARD_ASK ? "a person would be asked, and nobody was" : k->v.text);
	ward_buf_addf(&cap, "%s:%s", ward_cap_type_name(k->cap->type), k->cap->resource);
	if (k->v.effect == WARD_ASK) {
		ward_fail_fix(k->err, "say so: --approve %s", ward_approval_name(k->v.approval));
	} else if (k->v.why == WARD_WHY_NO_RULE) {
		char word[WARD_PASTE_MAX];

		ward_fail_fix(k->err, "grant it: --cap %s",
			ward_paste(word, ward_buf_cstr(&cap), "TYPE:RESOURCE"));
	} else {
		because(k->err, &k->v, "");
	}
	return WARD_E_REFUSED;
}

static int may_ask(struct request *k)
{
	const struct ward_component_data *c = k->rs->book->component;
	const char *name = ward_arena_printf(k->rs->arena, "%s:%s",
		ward_cap_type_name(k->cap->type), k->cap->resource);
	bool yes;
	int r = judge(k, WARD_ACT_GRANT_REQUEST, name, &yes);

	if (r < 0 || yes || ward_rules_still_open(k->rs, &k->v))
		return r;
	(void)ward_rs_cap_fail(k->rs, k->cap, WARD_E_REFUSED, k->err,
		"%s may not even ask for it: %s", c->name, k->v.text);
	because(k->err, &k->v, "");
	return WARD_E_REFUSED;
}

static int request(struct request *k)
{
	bool yes = false;
	int r = may_ask(k);

	if (r < 0)
		return r;
	switch (k->cap->type) {
	case WARD_CAP_FILE_READ:
	case WARD_CAP_FILE_WRITE: r = file(k, &yes); break;
	case WARD_CAP_EXTERNAL_COMMAND: r = program(k, &yes); break;
	case WARD_CAP_ENV: r = judge(k, WARD_ACT_ENV_READ, k->cap->resource, &yes); break;
	case WARD_CAP_NETWORK_CONNECT: r = connects(k, &yes); break;
	case WARD_CAP_NETWORK_LISTEN: r = listens(k, &yes); break;
	default: break; /* what nothing holds was refused when it was read */
	}
	if (r < 0)
		return r;
	if (!yes)
		return ward_rules_still_open(k->rs, &k->v) ? WARD_OK : not_granted(k);
	/* A variable goes inside, and a port is published, because somebody names it; files and programs are there because rules say so. */
	return k->cap->type == WARD_CAP_ENV || k->cap->type == WARD_CAP_NETWORK_LISTEN
		? ward_caps_add(&k->rs->caps, k->cap, k->err)
		: WARD_OK;
}

int ward_rules_start(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_component_data *c = rs->book->component;
	struct request k = { .rs = rs, .err = err };
	struct ward_query q;
	bool yes = false;
	int r = ask(rs, ward_rules_tier(rs), &k.v, &q, err);

	if (r == WARD_OK)
		r = ward_rules_yes(rs, &q, &k.v, &yes, err);
	/* With somebody there to ask, the look goes on, to find all else that is to be asked: it starts nothing. */
	if (r == WARD_OK && !yes && !ward_rules_still_open(rs, &k.v))
		r = forbidden(rs, &k.v, err);
	if (r == WARD_OK)
		r = claims(rs, err);
	for (size_t i = 0; r == WARD_OK && c && i < c->requests.n; i++) {
		k.cap = &c->requests.v[i];
		r = request(&k);
	}
	return r;
}
