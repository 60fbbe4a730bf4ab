/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A book is made: each source is read by itself, with its ids bound and its places kept, and validated; then what grants and
 * what forbids, of all of them, is one compiled set, and the permits of each that narrows are one each. Half a book is none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/book/own.h"

static const char *const type_names[WARD_TYPE_MAX] = { [WARD_TYPE_NONE] = "",
#define WARD_X(id, name) [WARD_TYPE_##id] = "Ward::" name,
	WARD_TYPES(WARD_X)
#undef WARD_X
};
static const char *const word_names[WARD_WORD_MAX] = {
#define WARD_X(id, name) [WARD_WORD_##id] = name,
	WARD_WORDS(WARD_X)
#undef WARD_X
};

const char *ward_approval_name(enum ward_approval a)
{
	static const char *const names[] = { "critical", "risky", "none" };

	return (unsigned)a < WARD_ARRAY_SIZE(names) ? names[a] : "critical";
}

/* ---- life ---- */

static void set_done(struct ward_book_set *s)
{
	ward_cedar_compiled_unrefp(&s->compiled);
	ward_cedar_policies_done(&s->policies);
	free(s->rules);
	s->rules = NULL;
}

void ward_book_free(struct ward_book *b)
{
	if (b == NULL)
		return;
	set_done(&b->grants);
	set_done(&b->reach);
	for (size_t i = 0; i < b->n_bounds; i++)
		set_done(&b->bounds[i]);
	for (size_t i = 0; i < b->n_sources; i++)
		set_done(&b->sources[i]);
	free(b->bounds);
	free(b->sources);
	ward_cedar_entities_unref(b->entities);
	free(b->known.v);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(b->globs); i++) {
		free(b->globs[i].uids);
		free(b->globs[i].ready);
		ward_patterns_free(b->globs[i].patterns);
	}
	ward_planted_done(&b->planted);
	free(b->ranges);
	free(b->warnings);
	ward_cedar_pool_free(b->pool);
	free(b);
}

void ward_book_freep(struct ward_book **b)
{
	ward_book_free(*b);
	*b = NULL;
}

static int no_memory(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "no memory left for the policies");
}

static bool names(struct ward_book *b)
{
	for (unsigned i = 0; i < WARD_TYPE_MAX; i++) {
		b->types[i] = ward_cedar_intern(b->pool, type_names[i], strlen(type_names[i]));
		if (b->types[i] == NULL)
			return false;
	}
	for (unsigned i = 0; i < WARD_WORD_MAX; i++) {
		b->words[i] = ward_cedar_intern(b->pool, word_names[i], strlen(word_names[i]));
		if (b->words[i] == NULL)
			return false;
	}
	return true;
}

static struct ward_book *begin(const struct ward_book_input *in)
{
	struct ward_book *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->pool = ward_cedar_pool_new(0);
	if (b->pool != NULL) {
		b->arena = ward_cedar_pool_arena(b->pool);
		b->workspace = ward_arena_strdup(b->arena, in->workspace);
		b->workspace_n = strlen(in->workspace);
		b->sources = calloc(in->n_sources + 1, sizeof(*b->sources));
		b->bounds = calloc(in->n_sources + 1, sizeof(*b->bounds));
	}
	if (b->pool == NULL || b->workspace == NULL || b->sources == NULL || b->bounds == NULL ||
		!names(b))
		ward_book_freep(&b);
	return b;
}

/* ---- one source ---- */

struct reading {
	struct ward_book *b;
	const struct ward_book_input *in;
	const struct ward_source *src;
	struct ward_book_set *set;
	struct cedar_diags *d;
	struct ward_error *err;
};

static int complain(struct reading *r, int code)
{
	if (code == WARD_OK)
		return code;
	if (code == WARD_E_NOMEM)
		return no_memory(r->err);
	(void)ward_cedar_diags_error(r->d, r->src->name, r->src->text, r->err);
	if (r->err != NULL) {
		const char *said = ward_book_said(r->err->message);
		const char *fix = ward_book_said(r->err->fix);

		memmove(r->err->message, said, strlen(said) + 1);
		memmove(r->err->fix, fix, strlen(fix) + 1);
		ward_book_meant(r->b, r->src, r->in->schema, r->set, r->d, r->err);
	}
	return code;
}

static int parse(struct reading *r, size_t number)
{
	char prefix[32];
	struct cedar_parse_options o = { .id_prefix = prefix, .entity = ward_book_id, .arg = r->b };
	int code;

	/* It cannot be seen. */
	if (r->src->text.n >= 3 && memcmp(r->src->text.s, "\xef\xbb\xbf", 3) == 0) {
		(void)ward_fail(r->err, WARD_E_PARSE, "the text begins with a byte order mark");
		ward_fail_at(r->err, r->src->name, 1, 1);
		ward_fail_fix(r->err, "save it as UTF-8 without one");
		return WARD_E_PARSE;
	}
	(void)snprintf(prefix, sizeof(prefix), "%zu.", number);
	code = ward_cedar_policies_parse(&r->set->policies, r->src->text, &o, true, r->d);
	return complain(r, code);
}

#define FINDINGS_MAX 4096u

static int validate(struct reading *r)
{
	const struct cedar_policy_list *policies = &r->set->policies.statics;
	struct ward_book_whose whose = { r->b, policies, NULL, 0 };
	const struct cedar_validate_options strict = {
		.mode = CEDAR_STRICT, .level = -1, .possible = ward_book_is_whose, .arg = &whose
	};
	WARD_CLEANUP(ward_cedar_diags_done) struct cedar_diags found;
	struct cedar_diags *all = r->d;
	int code = ward_cedar_diags_init(&found);

	if (code != WARD_OK)
		return no_memory(r->err);
	whose.v = calloc(policies->n + 1, sizeof(*whose.v));
	if (whose.v == NULL)
		return no_memory(r->err);
	found.max = FINDINGS_MAX;
	r->d = &found;
	code = complain(r, ward_cedar_validate(r->in->schema, &r->set->policies, &strict, &found));
	r->d = all;
	if (code == WARD_OK && found.dropped > 0) {
		(void)ward_fail(r->err, WARD_E_LIMIT, "there are more than %u warnings",
			FINDINGS_MAX);
		ward_fail_at(r->err, r->src->name, 0, 0);
		ward_fail_fix(r->err, "mend the first: ward cedar validate shows them");
		code = WARD_E_LIMIT;
	}
	/* What was right when a run began is not held against it: of it the schema is named. */
	if (code == WARD_OK && r->in->schema_sha256 == NULL)
		code = ward_book_vain(r->b, r->src, r->in->schema, r->set, &found, whose.v,
			r->in->starts, r->err);
	free(whose.v);
	return code;
}

/* ---- the sets ---- */

#define FILES \
	(UINT32_C(1) << WARD_ACT_FS_READ | UINT32_C(1) << WARD_ACT_FS_WRITE | \
		UINT32_C(1) << WARD_ACT_FS_EXEC | UINT32_C(1) << WARD_ACT_PROC_EXEC)

static bool room_for(struct ward_book_set *to, size_t n)
{
	size_t room = to->policies.statics.n + n;
	struct ward_book_rule *rules;

	if (room <= to->room)
		return true;
	if (room < 2 * to->room)
		room = 2 * to->room;
	rules = realloc(to->rules, room * sizeof(*rules));
	if (rules == NULL)
		return false;
	to->rules = rules;
	to->room = room;
	return true;
}

static bool take(struct ward_book_set *to, struct ward_book_set *from, size_t i)
{
	size_t n = to->policies.statics.n;

	if (!room_for(to, 1))
		return false;
	to->rules[n] = from->rules[i];
	return ward_cedar_policies_add(&to->policies, from->policies.statics.v[i], NULL) == WARD_OK;
}

/* Which actions a permit may be about: all, one, a family. */
uint32_t ward_book_actions_of(const struct ward_book *b, const struct cedar_policy *p)
{
	uint32_t bits = 0;

	/* By far the most speak of one. */
	for (unsigned a = WARD_ACT_NONE + 1; p->action.op == CEDAR_SCOPE_EQ && a < WARD_ACT_MAX;
		a++) {
		if (b->actions[a] == p->action.uids[0])
			return UINT32_C(1) << a;
	}
	for (unsigned a = WARD_ACT_NONE + 1; a < WARD_ACT_MAX; a++) {
		const struct cedar_entity *e = p->action.op == CEDAR_SCOPE_IN
			? ward_cedar_entities_get(b->entities, b->actions[a])
			: NULL;
		bool about = p->action.op == CEDAR_SCOPE_ANY;

		for (uint32_t i = 0; !about && i < p->action.n; i++)
			about = ward_cedar_uid_eq(b->actions[a], p->action.uids[i]) ||
				(e != NULL && ward_cedar_entity_in(e, p->action.uids[i]));
		bits |= about ? UINT32_C(1) << a : 0;
	}
	return bits;
}

/* The list that the permits of a narrowing source belong to. NULL: no memory. */
static struct ward_book_set *bound_of(struct ward_book *b, const struct ward_source *src)
{
	struct ward_book_set *bound;

	for (size_t i = 0; i < b->n_bounds; i++) {
		if (b->bounds[i].layer == src->layer && b->bounds[i].list == src->list)
			return &b->bounds[i];
	}
	bound = &b->bounds[b->n_bounds++];
	bound->layer = src->layer;
	bound->list = src->list;
	return ward_cedar_policies_init(&bound->policies) == WARD_OK ? bound : NULL;
}

/* Room for most of it at once. A source without permits has no list: an empty one would permit nothing. */
static bool reserve(struct ward_book *b, const struct ward_source *src,
	const struct ward_book_set *s)
{
	struct ward_book_set *to = &b->grants;
	size_t n = s->policies.statics.n, permits = 0;

	for (size_t i = 0; src->narrows && i < n; i++)
		permits += s->policies.statics.v[i]->effect == CEDAR_PERMIT;
	if (src->narrows) {
		if (permits == 0)
			return true;
		to = bound_of(b, src);
		n = permits;
	}
	return to != NULL && ward_cedar_policies_reserve(&to->policies, n) == WARD_OK &&
		room_for(to, n);
}

static bool distribute(struct ward_book *b, const struct ward_source *src, struct ward_book_set *s)
{
	if (!reserve(b, src, s))
		return false;
	for (size_t i = 0; i < s->policies.statics.n; i++) {
		const struct cedar_policy *p = s->policies.statics.v[i];
		struct ward_book_set *to = &b->grants;

		if (src->narrows && p->effect == CEDAR_PERMIT)
			to = bound_of(b, src);
		if (to == NULL)
			return false;
		if (p->effect == CEDAR_PERMIT)
			to->actions |= ward_book_actions_of(b, p);
		if (!take(to, s, i))
			return false;
		if (to == &b->grants && p->effect == CEDAR_PERMIT &&
			(ward_book_actions_of(b, p) & UINT32_C(1) << WARD_ACT_NET_CONNECT) != 0 &&
			!take(&b->reach, s, i))
			return false;
	}
	return true;
}

static void find_timely(struct ward_book *b, const struct ward_book_set *s)
{
	for (size_t i = 0; b->timely == NULL && i < s->policies.statics.n; i++) {
		const struct cedar_policy *p = s->policies.statics.v[i];
		uint32_t about = ward_book_actions_of(b, p) & FILES;
		bool more = about != UINT32_C(1) << WARD_ACT_FS_WRITE, late;

		if (about == 0)
			continue;
		if (ward_book_is_timely(b, p))
			b->timely = &s->rules[i];
		late = (b->late == NULL || (more && b->late_read == NULL)) &&
			ward_book_is_late(b, p, NULL);
		if (b->late == NULL && late)
			b->late = &s->rules[i];
		if (late && more && b->late_read == NULL)
			b->late_read = &s->rules[i];
		if (b->unheld == NULL && ward_book_is_unheld(b, p))
			b->unheld = &s->rules[i];
		if (b->by_name == NULL && (about & UINT32_C(1) << WARD_ACT_PROC_EXEC) &&
			ward_book_is_named(b, p))
			b->by_name = &s->rules[i];
	}
}

/* Limits of a rule that does not let anything be connected to are a mistake. */
static int find_net_limits(struct ward_book *b, struct ward_error *err)
{
	const struct ward_book_set *s = &b->grants;

	for (size_t i = 0; i < s->policies.statics.n; i++) {
		const struct ward_book_rule *r = &s->rules[i];

		if (r->net == NULL)
			continue;
		if ((ward_book_actions_of(b, s->policies.statics.v[i]) &
			    UINT32_C(1) << WARD_ACT_NET_CONNECT) == 0) {
			(void)ward_fail(err, WARD_E_INVALID,
				"@net_limit: this rule lets nothing be connected to");
			ward_fail_at(err, r->file, r->line, r->column);
			ward_fail_fix(err, "take it out, or put it on a permit of net.connect");
			return WARD_E_INVALID;
		}
		b->net_limited = true;
	}
	return WARD_OK;
}

static int compile(struct ward_book *b)
{
	int r = ward_cedar_compile(&b->grants.policies, &b->grants.compiled, NULL);

	if (r == WARD_OK && b->reach.policies.statics.n > 0)
		r = ward_cedar_compile(&b->reach.policies, &b->reach.compiled, NULL);
	find_timely(b, &b->grants);
	for (size_t i = 0; r == WARD_OK && i < b->n_bounds; i++) {
		r = ward_cedar_compile(&b->bounds[i].policies, &b->bounds[i].compiled, NULL);
		find_timely(b, &b->bounds[i]);
	}
	return r == WARD_OK ? ward_book_find_ports(b) : r;
}

static int patterns(struct ward_globs *g, struct ward_error *err)
{
	int r = WARD_OK;

	g->patterns = ward_patterns_new();
	if (g->patterns == NULL)
		return WARD_E_NOMEM;
	for (size_t i = 0; r == WARD_OK && i < g->n; i++)
		r = g->ready[i] != NULL
			? ward_patterns_take(g->patterns, g->ready[i], err)
			: ward_patterns_add(g->patterns, ward_cedar_text(g->uids[i]->id),
				  WARD_GRAMMAR_2, err);
	return r == WARD_OK ? ward_patterns_build(g->patterns, err) : r;
}

/* ---- all of it ---- */

static int read_source(struct reading *r, size_t number)
{
	int code = ward_cedar_policies_init(&r->set->policies);

	if (code != WARD_OK)
		return complain(r, code);
	if (r->src->n_rules > 0)
		code = ward_book_parts(r->b, r->src, number, r->in->patterns_stay, r->set, r->err);
	else
		code = parse(r, number);
	if (code == WARD_OK && r->src->n_rules == 0)
		code = ward_book_provenance(r->b, r->src, r->set, r->err);
	if (code == WARD_OK && ward_source_unsure(r->src))
		code = validate(r);
	if (code == WARD_OK && !distribute(r->b, r->src, r->set))
		code = no_memory(r->err);
	return code;
}

static int fill(struct ward_book *b, const struct ward_book_input *in, struct cedar_diags *d,
	struct ward_error *err)
{
	int r = ward_book_who(b, in, d);

	if (r == WARD_E_NOMEM)
		return no_memory(err);
	if (r != WARD_OK) {
		(void)ward_cedar_diags_error(d, NULL, WARD_STR(""), err);
		return r;
	}
	if (ward_cedar_policies_init(&b->grants.policies) != WARD_OK ||
		ward_cedar_policies_init(&b->reach.policies) != WARD_OK)
		return no_memory(err);
	for (size_t i = 0; i < in->n_sources; i++) {
		struct reading reading = { b, in, &in->sources[i], &b->sources[i], d, err };

		b->n_sources = i + 1;
		r = read_source(&reading, i);
		if (r != WARD_OK)
			return r;
	}
	ward_planted_done(&b->planted);
	ward_book_sort_ranges(b);
	for (size_t i = 0; r == WARD_OK && i < WARD_ARRAY_SIZE(b->globs); i++)
		r = patterns(&b->globs[i], err);
	if (r == WARD_OK)
		r = find_net_limits(b, err);
	if (r == WARD_OK)
		r = ward_book_find_programs(b, err);
	if (r == WARD_OK)
		r = ward_book_find_inspected(b, err);
	if (r == WARD_OK && in->schema_sha256 == NULL)
		r = ward_book_same_ids(b);
	if (r == WARD_OK)
		r = compile(b);
	return r == WARD_E_NOMEM ? no_memory(err) : r;
}

/* Of what Ward itself generates or ships tests show that it is valid (tests/unit/test_sugar.c, test_modes.c). */
bool ward_source_unsure(const struct ward_source *s)
{
	return !s->generated && !s->shipped;
}

static bool well_formed(const struct ward_book_input *in)
{
	if (in->workspace == NULL || in->workspace[0] != '/' || in->who == NULL ||
		in->who->person == NULL || (in->n_sources > 0 && in->sources == NULL))
		return false;
	for (size_t i = 0; i < in->n_sources; i++) {
		if (in->sources[i].name == NULL || (unsigned)in->sources[i].layer >= WARD_LAYER_MAX)
			return false;
		if (in->schema == NULL && ward_source_unsure(&in->sources[i]))
			return false;
	}
	return true;
}

int ward_book_new(const struct ward_book_input *in, struct ward_book **ret, struct ward_error *err)
{
	struct ward_book *b;
	struct cedar_diags d;
	int r;

	*ret = NULL;
	if (!well_formed(in))
		return ward_fail(err, WARD_E_INVALID,
			"policies without a schema, a workspace, or somebody who asks");
	if (ward_cedar_diags_init(&d) != WARD_OK)
		return no_memory(err);
	b = begin(in);
	r = b != NULL ? fill(b, in, &d, err) : no_memory(err);
	ward_cedar_diags_done(&d);
	if (r != WARD_OK)
		ward_book_free(b);
	else
		*ret = b;
	return r;
}

/* ---- reading ---- */

const struct ward_book_set *ward_book_grants(const struct ward_book *b)
{
	return &b->grants;
}

size_t ward_book_n_bounds(const struct ward_book *b)
{
	return b->n_bounds;
}

const struct ward_book_set *ward_book_bound(const struct ward_book *b, size_t i)
{
	return i < b->n_bounds ? &b->bounds[i] : NULL;
}

const struct cedar_entities *ward_book_entities(const struct ward_book *b)
{
	return b->entities;
}

const char *ward_book_workspace(const struct ward_book *b)
{
	return b->workspace;
}

const char *ward_book_path(const struct ward_book *b, size_t *io_at)
{
	while (*io_at < b->known.cap) {
		const struct cedar_uid *uid = b->known.v[(*io_at)++];

		if (uid != NULL &&
			(ward_cedar_str_eq(uid->type, b->types[WARD_TYPE_PATH]) ||
				ward_cedar_str_eq(uid->type, b->types[WARD_TYPE_PROGRAM])))
			return uid->id->s;
	}
	return NULL;
}

const struct cedar_uid *ward_book_named(const struct ward_book *b, size_t *io_at)
{
	while (*io_at < b->known.cap) {
		const struct cedar_uid *uid = b->known.v[(*io_at)++];

		if (uid != NULL)
			return uid;
	}
	return NULL;
}

const struct ward_book_set *ward_book_reach_set(const struct ward_book *b)
{
	return &b->reach;
}

struct naming {
	const struct ward_book *b;
	enum ward_type type;
	const char *id;
	bool found;
};

static bool is_named(const struct naming *n, const struct cedar_uid *uid)
{
	return uid != NULL && ward_cedar_str_eq(uid->type, n->b->types[n->type]) &&
		ward_streq(uid->id->s, n->id);
}

static int find_name(const struct cedar_expr *x, void *arg)
{
	struct naming *n = arg;

	if (x->kind == CEDAR_X_ENTITY)
		n->found = n->found || is_named(n, x->uid);
	return n->found ? 0 : ward_cedar_expr_children(x, find_name, arg);
}

static bool names_it(const struct ward_book *b, const struct ward_book_rule *rule,
	enum cedar_effect effect, struct naming n)
{
	const struct cedar_policy *p = NULL;

	for (size_t i = 0; i < b->grants.policies.statics.n && !p; i++) {
		if (&b->grants.rules[i] == rule)
			p = b->grants.policies.statics.v[i];
	}
	if (!p || p->effect != effect)
		return false;
	n.found = is_named(&n, p->resource.uid);
	for (uint32_t i = 0; i < p->n_conditions && !n.found; i++) {
		if (!p->conditions[i].unless)
			(void)find_name(p->conditions[i].body, &n);
	}
	return n.found;
}

bool ward_book_permit_names(const struct ward_book *b, const struct ward_book_rule *rule,
	const char *path)
{
	return names_it(b, rule, CEDAR_PERMIT,
		(struct naming){ .b = b, .type = WARD_TYPE_PATH, .id = path });
}

bool ward_book_names_endpoint(const struct ward_book *b, const struct ward_book_rule *rule,
	const char *endpoint)
{
	return names_it(b, rule, rule->forbids ? CEDAR_FORBID : CEDAR_PERMIT,
		(struct naming){ .b = b, .type = WARD_TYPE_ENDPOINT, .id = endpoint });
}

const struct ward_book_rule *ward_book_speaks(const struct ward_book *b,
	const struct ward_book_set *s, enum ward_action a)
{
	for (size_t i = 0; i < s->policies.statics.n; i++) {
		if (ward_book_actions_of(b, s->policies.statics.v[i]) & UINT32_C(1) << a)
			return &s->rules[i];
	}
	return NULL;
}

static bool set_asks(const struct ward_book_set *s)
{
	for (size_t i = 0; i < s->policies.statics.n; i++) {
		if (!s->rules[i].forbids && s->rules[i].approval != WARD_APPROVAL_NONE)
			return true;
	}
	return false;
}

bool ward_book_net_limited(const struct ward_book *b)
{
	return b->net_limited;
}

bool ward_book_asks(const struct ward_book *b)
{
	bool asks = set_asks(&b->grants);

	for (size_t i = 0; !asks && i < b->n_bounds; i++)
		asks = set_asks(&b->bounds[i]);
	return asks;
}

const struct ward_patterns *ward_book_patterns(const struct ward_book *b, bool relative)
{
	return b->globs[relative].patterns;
}

const struct ward_book_rule *ward_book_timely(const struct ward_book *b)
{
	return b->timely;
}

const struct ward_book_rule *ward_book_by_name(const struct ward_book *b)
{
	return b->by_name;
}

const struct ward_book_rule *ward_book_late(const struct ward_book *b, bool written)
{
	return written ? b->late : b->late_read;
}

static bool is_late(const struct ward_book *b, const struct cedar_policy *p, bool written,
	const struct cedar_uid *const *leading)
{
	uint32_t about = ward_book_actions_of(b, p) & FILES;

	return about != 0 && (written || about != UINT32_C(1) << WARD_ACT_FS_WRITE) &&
		ward_book_is_late(b, p, leading);
}

static const struct ward_book_rule *late_of(const struct ward_book *b,
	const struct ward_book_set *s, bool written, const struct cedar_uid *const *leading)
{
	for (size_t i = 0; i < s->policies.statics.n; i++) {
		if (is_late(b, s->policies.statics.v[i], written, leading))
			return &s->rules[i];
	}
	return NULL;
}

const struct ward_book_rule *ward_book_late_in(const struct ward_book *b, const char *dir,
	bool written)
{
	const struct ward_book_rule *rule = ward_book_late(b, written);
	const struct cedar_uid **leading = rule ? ward_book_leading(b, dir) : NULL;

	if (leading == NULL)
		return rule; /* there is none, or it may be any */
	rule = late_of(b, &b->grants, written, leading);
	for (size_t i = 0; rule == NULL && i < b->n_bounds; i++)
		rule = late_of(b, &b->bounds[i], written, leading);
	free(leading);
	return rule;
}

static size_t count_late(const struct ward_book *b, const struct ward_book_set *s, bool written)
{
	size_t n = 0;

	for (size_t i = 0; i < s->policies.statics.n; i++)
		n += is_late(b, s->policies.statics.v[i], written, NULL);
	return n;
}

size_t ward_book_late_more(const struct ward_book *b, bool written)
{
	size_t n = count_late(b, &b->grants, written);

	for (size_t i = 0; i < b->n_bounds; i++)
		n += count_late(b, &b->bounds[i], written);
	return n > 0 ? n - 1 : 0;
}

const struct ward_book_rule *ward_book_unheld(const struct ward_book *b)
{
	return b->unheld;
}
