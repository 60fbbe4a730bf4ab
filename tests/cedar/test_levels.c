/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Level validation: how far a policy reaches from its request, and that what it may not reach it does not need: answers
 * are the same with the entities beyond the level taken away.
 */
#include "validate_util.h"
#include "world.h"

static const char schema[] =
	"entity Group in [Group]; entity User in [Group] {f: Bool, n: Long, o: User, r: {u: User, v: {w: User, k: String}},"
	"s: Set<User>, q?: User, qr?: {u?: User}, name: String} tags User;"
	"entity Doc {owner: User, r: {u: User}} tags String; action parent; action act in parent appliesTo {principal: User,"
	"resource: Doc, context: {u: User, r: {u: User}, k: String}};";

#define ANY(x) "permit(principal, action, resource) when { " x " };"

/*
 * What is found at the levels 0 to 3: numbers are levels that would be needed, "literal" an entity literal that is looked
 * into, "internal" that a failed expression is, "type" any other error.
 */
/* clang-format off */
static const struct {
	const char *policy, *found[4];
} rows[] = {
	{ ANY("true"), { "", "", "", "" } },
	{ ANY("1 == 1"), { "", "", "", "" } },
	{ ANY("principal == resource"), { "", "", "", "" } },
	{ ANY("principal.f"), { "1", "", "", "" } },
	{ ANY("principal has q"), { "1", "", "", "" } },
	{ ANY("principal.o.f"), { "2", "2", "", "" } },
	{ ANY("principal.o.o.f"), { "3", "3", "3", "" } },
	{ ANY("principal.o.o.o.f"), { "4", "4", "4", "4" } },
	{ ANY("resource.owner.o.f"), { "3", "3", "3", "" } },
	{ ANY("principal.r.u.f"), { "2", "2", "", "" } },
	{ ANY("principal.r.v.w.o.f"), { "3", "3", "3", "" } },
	{ ANY("principal.r.v.k == \"a\""), { "1", "", "", "" } },
	{ ANY("principal.r has u"), { "1", "", "", "" } },
	{ ANY("principal.o.r has v"), { "2", "2", "", "" } },
	{ ANY("context.u == principal"), { "", "", "", "" } },
	{ ANY("context.u.f"), { "1", "", "", "" } },
	{ ANY("context.r.u.f"), { "1", "", "", "" } },
	{ ANY("context.r.u.o.f"), { "2", "2", "", "" } },
	{ ANY("context.r has u"), { "", "", "", "" } },
	{ ANY("principal in Group::\"g\""), { "1", "", "", "" } },
	{ ANY("principal.o in Group::\"g\""), { "2", "2", "", "" } },
	{ ANY("principal.o.o in [Group::\"g\"]"), { "3", "3", "3", "" } },
	{ ANY("principal in principal.o"), { "1", "", "", "" } },
	{ ANY("principal in resource.owner.o"), { "1 2", "2", "", "" } },
	{ ANY("User::\"a\" in principal"), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("User::\"a\".f"), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("User::\"a\" == principal"), { "", "", "", "" } },
	{ ANY("User::\"a\" has q"), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("User::\"a\".hasTag(\"x\")"), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("principal in User::\"a\""), { "1", "", "", "" } },
	{ ANY("action in Action::\"parent\""), { "1", "", "", "" } },
	{ ANY("Action::\"act\" in Action::\"parent\""), { "1", "", "", "" } },
	{ ANY("Action::\"parent\" in Action::\"act\""), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("principal.hasTag(\"a\")"), { "1", "", "", "" } },
	{ ANY("principal.o.hasTag(\"a\")"), { "2", "2", "", "" } },
	{ ANY("principal.hasTag(\"a\") && principal.getTag(\"a\").f"), { "1 2", "2", "", "" } },
	{ ANY("principal.hasTag(principal.name) && principal.getTag(principal.name).o.f"), { "1 3", "3", "3", "" } },
	{ ANY("principal.hasTag(resource.owner.o.name)"), { "1 3", "3", "3", "" } },
	{ ANY("principal has q && principal.q.f"), { "1 2", "2", "", "" } },
	{ ANY("principal has q.f"), { "2", "2", "", "" } },
	{ ANY("principal has q.o.f"), { "3", "3", "3", "" } },
	{ ANY("principal has q.q.f"), { "3", "3", "3", "" } },
	{ ANY("principal has qr.u"), { "1", "", "", "" } },
	{ ANY("principal has qr.u.f"), { "2", "2", "", "" } },
	{ ANY("principal has qr.u.o.f && principal.qr.u.o.f"), { "3", "3", "3", "" } },
	{ ANY("context has r.u.f"), { "1", "", "", "" } },
	{ ANY("context has r.u"), { "", "", "", "" } },
	{ ANY("principal has r.v.w.f"), { "2", "2", "", "" } },
	{ ANY("principal has r.v.k"), { "1", "", "", "" } },
	{ ANY("User::\"a\" has o.f"), { "2", "2", "literal", "literal" } },
	{ ANY("principal.o has o.f"), { "2", "2", "3", "" } },
	{ ANY("{x: principal} has x.f"), { "1", "", "", "" } },
	{ ANY("{x: principal, y: resource.owner.o.f} has x.o.f"), { "2", "2", "3", "" } },
	{ ANY("{x: principal}.x.f"), { "1", "", "", "" } },
	{ ANY("{x: principal.o}.x.f"), { "2", "2", "", "" } },
	{ ANY("{x: {y: principal.o}}.x.y.f"), { "2", "2", "", "" } },
	{ ANY("{x: principal, y: principal.o.o.f}.x.f"), { "1 3", "3", "3", "" } },
	{ ANY("{x: User::\"a\"}.x.f"), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("{x: User::\"a\"}.x == principal"), { "", "", "", "" } },
	{ ANY("{x: principal.o.o}.x == principal"), { "2", "2", "", "" } },
	{ ANY("(if principal.f then principal else principal.o).f"), { "1 2", "2", "", "" } },
	{ ANY("(if principal.o.o.f then principal else principal.o.o).f"), { "3", "3", "3", "" } },
	{ ANY("(if true then principal else principal.o.o).f"), { "1", "", "", "" } },
	{ ANY("(if false then principal.o else principal).f"), { "1", "", "", "" } },
	{ ANY("false && principal.o.o.o.f"), { "", "", "", "" } },
	{ ANY("true || principal.o.o.o.f"), { "", "", "", "" } },
	{ ANY("principal.f && principal.o.f"), { "1 2", "2", "", "" } },
	{ ANY("principal.f || principal.o.o.f"), { "1 3", "3", "3", "" } },
	{ ANY("!principal.o.f"), { "2", "2", "", "" } },
	{ ANY("-principal.o.n == 1"), { "2", "2", "", "" } },
	{ ANY("principal.o.n + principal.n == 1"), { "1 2", "2", "", "" } },
	{ ANY("principal.o.name like \"a\""), { "2", "2", "", "" } },
	{ ANY("principal.o is User"), { "1", "", "", "" } },
	{ ANY("principal.o is User in Group::\"g\""), { "1 2", "2", "", "" } },
	{ ANY("principal is User in principal.o.o"), { "1 2", "2", "", "" } },
	{ ANY("[principal.o.o].contains(principal)"), { "2", "2", "", "" } },
	{ ANY("principal.s.contains(principal.o)"), { "1", "", "", "" } },
	{ ANY("principal.o.s.contains(principal)"), { "2", "2", "", "" } },
	{ ANY("principal.s.isEmpty()"), { "1", "", "", "" } },
	{ ANY("decimal(\"1.0\").lessThan(decimal(\"2.0\"))"), { "", "", "", "" } },
	{ ANY("principal.zz"), { "type", "type", "type", "type" } },
	{ ANY("principal.o.zz"), { "type", "type", "type", "type" } },
	{ ANY("1 && principal.o.f"), { "type", "type", "type", "type" } },
	{ ANY("false && 1"), { "", "", "", "" } },
	{ ANY("principal is Doc && principal.o.f"), { "", "", "", "" } },
	{ ANY("principal in Doc::\"d\" && principal.o.f"), { "1", "", "", "" } },
	{ ANY("principal.o.o in Doc::\"d\" && true"), { "3", "3", "3", "" } },
	{ ANY("principal.o.o has zz && true"), { "3", "3", "3", "" } },
	{ "permit(principal in Group::\"g\", action, resource);", { "1", "", "", "" } },
	{ "permit(principal in Doc::\"g\", action, resource);", { "1", "", "", "" } },
	{ "permit(principal is User in Group::\"g\", action in Action::\"parent\", resource);", { "1", "", "", "" } },
	{ "permit(principal in ?principal, action, resource == ?resource) when { principal.o.f };", { "1 2", "2", "", "" } },
	{ "permit(principal == ?principal, action, resource is Doc) when { resource.owner.f } unless { principal.o.o.f };", { "2 3", "2 3", "3", "" } },
};
/* clang-format on */

static const char *word_of(const struct cedar_diag *g, char out[16])
{
	const char *needs = strstr(g->message, "requires level ");
	size_t n;

	if (g->kind == CEDAR_FINDING_INTERNAL_INVARIANT_VIOLATION)
		return "internal";
	if (g->kind != CEDAR_FINDING_ENTITY_DEREF_LEVEL_VIOLATION)
		return "type";
	if (needs == NULL)
		return "literal";
	needs += strlen("requires level ");
	n = strspn(needs, "0123456789");
	memcpy(out, needs, n);
	out[n] = '\0';
	return out;
}

static void words_of(const struct check *c, struct ward_buf *out)
{
	struct ward_buf lines WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	char room[16];

	for (size_t i = 0; i < c->d.n; i++)
		if (c->d.v[i].severity == CEDAR_ERROR)
			ward_buf_addf(&lines, "%s\n", word_of(&c->d.v[i], room));
	sort_lines(ward_buf_cstr(&lines), out);
	for (size_t i = 0; i < out->n; i++)
		if (out->s[i] == '\n')
			out->s[i] = i + 1 < out->n ? ' ' : '\0';
}

TEST(levels)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		for (int level = 0; level < 4; level++) {
			const struct cedar_validate_options o = { .level = level };
			struct ward_buf got WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
			struct check c;

			CASE("%d: %s", level, rows[i].policy);
			if (check_read(&c, schema, rows[i].policy)) {
				check_run(&c, &o);
				words_of(&c, &got);
				CHECK_STR_EQ(ward_buf_cstr(&got), rows[i].found[level]);
			}
			check_done(&c);
		}
	}
}

/* ---- what is beyond the level is not needed ---- */

#define UIDS_MAX 256
struct slice {
	const struct cedar_uid *v[UIDS_MAX];
	size_t n;
};

static void keep_uid(struct slice *s, const struct cedar_uid *uid)
{
	for (size_t i = 0; i < s->n; i++)
		if (ward_cedar_uid_eq(s->v[i], uid))
			return;
	if (s->n < UIDS_MAX)
		s->v[s->n++] = uid;
}

static void keep_value(struct slice *s, const struct cedar_value *v)
{
	if (v->tag == CEDAR_V_ENTITY)
		keep_uid(s, v->uid);
	for (uint32_t i = 0; v->tag == CEDAR_V_SET && i < v->set->n; i++)
		keep_value(s, &v->set->v[i]);
	for (uint32_t i = 0; v->tag == CEDAR_V_RECORD && i < v->record->n; i++)
		keep_value(s, &v->record->v[i].value);
}

static void keep_record(struct slice *s, const struct cedar_record *r)
{
	const struct cedar_value v = { .tag = CEDAR_V_RECORD, .record = r };

	keep_value(s, &v);
}

static const struct cedar_record *adopt(struct world *w, const struct cedar_record *r)
{
	const struct cedar_value v = { .tag = CEDAR_V_RECORD, .record = r };
	struct cedar_value copy = { 0 };

	w->failed = w->failed || ward_cedar_value_adopt(w->pool, &v, &copy) < 0;
	return copy.record;
}

/* The entity with its values, and all its ancestors as parents: those need not be there. */
static void copy_entity(struct world *w, struct cedar_entities *to, const struct cedar_entity *e)
{
	const struct cedar_uid *parents[16];
	struct cedar_entity_input in = { .uid = ward_cedar_adopt_uid(w->pool, e->uid),
		.attrs = adopt(w, e->attrs),
		.tags = adopt(w, e->tags),
		.parents = parents };

	for (uint32_t i = 0; i < e->n_ancestors && i < 16; i++)
		parents[in.n_parents++] = ward_cedar_adopt_uid(w->pool, e->ancestors[i]);
	w->failed = w->failed || ward_cedar_entities_add(to, &in, NULL) < 0;
}

/* Entities that are level steps away from the request, or less. */
static struct cedar_entities *slice_of(struct world *w, const struct cedar_entities *all,
	const struct cedar_request *r, int level)
{
	struct cedar_entities *to = ward_cedar_entities_new();
	struct slice s = { .n = 0 };
	size_t done = 0;

	REQUIRE(to != NULL);
	w->pool = ward_cedar_entities_pool(to);
	keep_uid(&s, r->principal);
	keep_uid(&s, r->resource);
	keep_record(&s, r->context);
	for (int i = 0; i < level; i++) {
		for (size_t end = s.n; done < end; done++) {
			const struct cedar_entity *e = ward_cedar_entities_get(all, s.v[done]);

			if (e == NULL)
				continue;
			copy_entity(w, to, e);
			keep_record(&s, e->attrs);
			keep_record(&s, e->tags);
		}
	}
	REQUIRE(!w->failed && ward_cedar_entities_add_actions(to, w->schema, NULL) == WARD_OK);
	REQUIRE(ward_cedar_entities_finish(to, NULL) == WARD_OK);
	return to;
}

static bool same_numbers(const uint32_t *a, uint32_t n, const uint32_t *b, uint32_t m)
{
	return n == m && (n == 0 || memcmp(a, b, n * sizeof(*a)) == 0);
}

/* Policies that reach no further than level: static ones of the rows. */
static size_t take_policies(int level, struct cedar_policies *set)
{
	size_t n = 0;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		struct cedar_parse_options o = { .first = n };

		if (rows[i].found[level][0] != '\0' || strchr(rows[i].policy, '?') != NULL)
			continue;
		CHECK_EQ_INT(ward_cedar_policies_parse(set, ward_str(rows[i].policy), &o, true,
				     NULL),
			WARD_OK);
		n++;
	}
	return n;
}

static size_t check_slices(struct world *w, int level)
{
	struct cedar_scratch *one = ward_cedar_scratch_new(), *two = ward_cedar_scratch_new();
	struct cedar_policies set;
	struct cedar_compiled *c = NULL;
	size_t reasons = 0;

	REQUIRE(one != NULL && two != NULL && ward_cedar_policies_init(&set) == WARD_OK);
	CHECK(take_policies(level, &set) > 5);
	REQUIRE(ward_cedar_compile(&set, &c, NULL) == WARD_OK);
	for (int i = 0; i < 200; i++) {
		struct cedar_entities *all = world_entities(w), *some;
		struct cedar_pool *pool = ward_cedar_pool_new(0);
		struct cedar_request r = world_request(w, pool);
		struct cedar_answer a, b;

		REQUIRE(all != NULL);
		some = slice_of(w, all, &r, level);
		CHECK_EQ_INT(ward_cedar_authorize(c, all, &r, one, false, &a), WARD_OK);
		CHECK_EQ_INT(ward_cedar_authorize(c, some, &r, two, false, &b), WARD_OK);
		CHECK(a.decision == b.decision);
		CHECK(same_numbers(a.reasons, a.n_reasons, b.reasons, b.n_reasons));
		CHECK(same_numbers(a.errors, a.n_errors, b.errors, b.n_errors));
		reasons += a.n_reasons;
		ward_cedar_entities_unref(some);
		ward_cedar_entities_unref(all);
		ward_cedar_pool_free(pool);
	}
	ward_cedar_compiled_unref(c);
	ward_cedar_policies_done(&set);
	ward_cedar_scratch_free(one);
	ward_cedar_scratch_free(two);
	return reasons;
}

TEST(slices)
{
	struct world w = { .seed = 20250729 };
	struct cedar_schema *sc = NULL;

	REQUIRE(ward_cedar_schema_parse(ward_str(schema), CEDAR_SCHEMA_TEXT, &sc, NULL) == WARD_OK);
	w.schema = sc;
	for (int level = 0; level < 4; level++) {
		CASE("level %d", level);
		CHECK(check_slices(&w, level) > 100);
	}
	ward_cedar_schema_free(sc);
}

TAP_MAIN();
