/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions: every form of scope, groups of actions, links, permits against forbids and failures; that the index changes no
 * answer, over generated sets; that a warm request allocates nothing; that threads share one set.
 */
#include <pthread.h>

#include "../unit/alloc_fail.h"
#include "eval_util.h"

static const char entities[] =
	"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}]},"
	"{\"uid\":{\"type\":\"U\",\"id\":\"b\"},\"attrs\":{},\"parents\":[]},"
	"{\"uid\":{\"type\":\"G\",\"id\":\"g\"},\"attrs\":{},\"parents\":[{\"type\":\"G\",\"id\":\"h\"}]},"
	"{\"uid\":{\"type\":\"R\",\"id\":\"r\"},\"attrs\":{},\"parents\":[{\"type\":\"F\",\"id\":\"f\"}]},"
	"{\"uid\":{\"type\":\"Action\",\"id\":\"view\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"read\"}]},"
	"{\"uid\":{\"type\":\"Action\",\"id\":\"read\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"all\"}]}]";

/* "p0 p2 ! p3": reasons, then errors. */
static const char *answer_text(struct world *w, const struct cedar_answer *a)
{
	struct ward_buf b = WARD_BUF_INIT;
	const char *s;

	ward_buf_adds(&b, a->decision == CEDAR_ALLOW ? "allow" : "deny");
	for (uint32_t i = 0; i < a->n_reasons; i++)
		ward_buf_addf(&b, " %s", ward_cedar_compiled_id(w->c, a->reasons[i])->s);
	for (uint32_t i = 0; i < a->n_errors; i++)
		ward_buf_addf(&b, "%s %s", i == 0 ? " !" : "",
			ward_cedar_compiled_id(w->c, a->errors[i])->s);
	s = ward_arena_strdup(w->arena, ward_buf_cstr(&b));
	ward_buf_done(&b);
	return s;
}

/* As the compiled set says, with and without its index. */
static void check_answer(struct world *w, const char *want)
{
	for (int unindexed = 0; unindexed < 2; unindexed++) {
		struct cedar_answer a;

		CHECK_EQ_INT(ward_cedar_authorize(w->c, w->e, &w->r, w->scratch, unindexed, &a),
			WARD_OK);
		CHECK_STR_EQ(answer_text(w, &a), want);
	}
}

/* Policies that match nothing here: with them the set is large enough for its index to be asked. */
static void add_others(struct world *w)
{
	REQUIRE(world_policies(w,
		"permit(principal == X::\"1\", action, resource); forbid(principal in X::\"2\", action, resource);"
		"permit(principal, action == Action::\"x\", resource); forbid(principal is X, action, resource);"
		"permit(principal, action, resource in X::\"3\");",
		"other"));
}

/* ---- what the caller knows of its own entities ---- */

TEST(own_entities)
{
	enum { N = 100 };
	union {
		const struct cedar_uid *v[N];
		char bytes[CEDAR_ANCESTORS_BYTES(N)];
	} room;
	struct cedar_record none = { 0 };
	struct cedar_entity own = { .attrs = &none, .tags = &none };
	struct world w;

	world_begin(&w, entities);
	add_others(&w);
	REQUIRE(world_policies(&w,
		"permit(principal, action, resource in F::\"new\");"
		"permit(principal, action, resource) when { resource in F::\"new\" };"
		"permit(principal, action, resource) when { R::\"r\" in F::\"new\" };"
		"permit(principal, action, resource in F::\"f\");",
		"p"));
	world_compile(&w);
	world_ask(&w, "U::\"a\"", "Action::\"view\"", "R::\"r\"", "{}");
	check_answer(&w, "allow p3");
	own.uid = w.r.resource;
	w.r.own[2] = &own;
	check_answer(&w, "deny");
	for (uint32_t n = 1; n <= N; n = n < 4 ? n + 1 : n * 3) {
		for (uint32_t i = 0; i < n; i++) {
			char text[32];

			(void)snprintf(text, sizeof(text), "F::\"%s%u\"", i == 0 ? "new" : "", i);
			room.v[i] = uid_of(&w, i == 0 ? "F::\"new\"" : text);
		}
		ward_cedar_entity_ancestors(&own, room.v, n);
		check_answer(&w, "allow p0 p1 p2");
	}
	w.r.own[2] = NULL;
	check_answer(&w, "allow p3");
	world_end(&w);
}

/* Of the set in a fault nothing is told, so that it is an empty one; that is of entities, as each empty one is. */
TEST(the_set_of_a_fault)
{
	struct cedar_answer a;
	struct world w;

	world_begin(&w, "[]");
	REQUIRE(world_policies(&w,
		"permit(principal, action, resource) when { [principal, 1] < 2 };", "p"));
	world_compile(&w);
	world_ask(&w, "U::\"a\"", "Action::\"view\"", "R::\"r\"", "{}");
	CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, w.scratch, 0, &a), WARD_OK);
	REQUIRE(a.n_errors == 1 && a.faults[0].value.tag == CEDAR_V_SET);
	CHECK_EQ_INT(a.faults[0].value.set->n, 0);
	CHECK(a.faults[0].value.set->entities);
	world_end(&w);
}

/* ---- scopes ---- */

TEST(scopes)
{
	static const struct {
		const char *scope;
		bool a, b; /* for U::"a" view R::"r", and for U::"b" edit R::"none" */
	} cases[] = {
		{ "principal, action, resource", true, true },
		{ "principal == U::\"a\", action, resource", true, false },
		{ "principal == V::\"a\", action, resource", false, false },
		{ "principal in U::\"a\", action, resource", true, false },
		{ "principal in G::\"g\", action, resource", true, false },
		{ "principal in G::\"h\", action, resource", true, false },
		{ "principal == G::\"g\", action, resource", false, false },
		{ "principal in G::\"i\", action, resource", false, false },
		{ "principal is U, action, resource", true, true },
		{ "principal is G, action, resource", false, false },
		{ "principal is U in G::\"h\", action, resource", true, false },
		{ "principal is G in G::\"h\", action, resource", false, false },
		{ "principal is U in U::\"b\", action, resource", false, true },
		{ "principal, action == Action::\"view\", resource", true, false },
		{ "principal, action == Action::\"read\", resource", false, false },
		{ "principal, action in Action::\"view\", resource", true, false },
		{ "principal, action in Action::\"all\", resource", true, false },
		{ "principal, action in [Action::\"edit\"], resource", false, true },
		{ "principal, action in [], resource", false, false },
		{ "principal, action in [Action::\"all\", Action::\"read\", Action::\"view\", Action::\"view\"], resource",
			true, false },
		{ "principal, action in [Action::\"edit\", Action::\"all\"], resource", true,
			true },
		{ "principal, action in N::Action::\"all\", resource", false, false },
		{ "principal, action, resource == R::\"r\"", true, false },
		{ "principal, action, resource in F::\"f\"", true, false },
		{ "principal, action, resource in R::\"none\"", false, true },
		{ "principal, action, resource is R", true, true },
		{ "principal, action, resource is R in F::\"f\"", true, false },
		{ "principal, action, resource is F in F::\"f\"", false, false },
		{ "principal in G::\"h\", action in Action::\"all\", resource in F::\"f\"", true,
			false },
		{ "principal == U::\"a\", action == Action::\"view\", resource == R::\"r\"", true,
			false },
		{ "principal == U::\"a\", action == Action::\"view\", resource == R::\"none\"",
			false, false },
		{ "principal is U, action in [Action::\"view\", Action::\"edit\"], resource is R",
			true, true },
	};
	struct world w;
	char text[512];
	const char *all = "allow", *all_b = "allow";

	world_begin(&w, entities);
	add_others(&w);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(cases); i++) {
		struct world one;

		CASE("%.200s", cases[i].scope);
		world_begin(&one, entities);
		add_others(&one);
		snprintf(text, sizeof(text), "permit(%s);", cases[i].scope);
		REQUIRE(world_policies(&one, text, "p") && world_compile(&one));
		world_ask(&one, "U::\"a\"", "Action::\"view\"", "R::\"r\"", "{}");
		check_answer(&one, cases[i].a ? "allow p0" : "deny");
		world_ask(&one, "U::\"b\"", "Action::\"edit\"", "R::\"none\"", "{}");
		check_answer(&one, cases[i].b ? "allow p0" : "deny");
		world_end(&one);
		snprintf(text, sizeof(text), "@id(\"%zu\") permit(%s);", i, cases[i].scope);
		{
			struct cedar_parse_options o = { .id_prefix = "p", .first = i };

			REQUIRE(ward_cedar_policies_parse(&w.s, text_of(text), &o, false, &w.d) ==
				WARD_OK);
		}
		snprintf(text, sizeof(text), " p%zu", i);
		if (cases[i].a)
			all = ward_arena_printf(w.arena, "%s%s", all, text);
		if (cases[i].b)
			all_b = ward_arena_printf(w.arena, "%s%s", all_b, text);
	}
	CASE("%s", "all of them");
	REQUIRE(world_compile(&w));
	world_ask(&w, "U::\"a\"", "Action::\"view\"", "R::\"r\"", "{}");
	check_answer(&w, all);
	world_ask(&w, "U::\"b\"", "Action::\"edit\"", "R::\"none\"", "{}");
	check_answer(&w, all_b);
	world_end(&w);
}

/* ---- decisions ---- */

TEST(decisions)
{
	static const struct {
		const char *policies, *answer;
	} cases[] = {
		{ "", "deny" },
		{ "permit(principal, action, resource);", "allow p0" },
		{ "forbid(principal, action, resource);", "deny p0" },
		{ "permit(principal, action, resource); forbid(principal, action, resource);",
			"deny p1" },
		{ "permit(principal, action, resource); forbid(principal, action, resource) when { false };",
			"allow p0" },
		{ "permit(principal, action, resource); forbid(principal, action, resource) when { 1 };",
			"allow p0 ! p1" },
		{ "permit(principal, action, resource) when { context.x };", "deny ! p0" },
		{ "permit(principal, action, resource) when { context.x }; permit(principal, action, resource);"
		  "forbid(principal, action, resource) when { resource.x }; permit(principal, action, resource);",
			"allow p1 p3 ! p0 p2" },
		{ "forbid(principal, action, resource) when { context.x }; forbid(principal, action, resource);"
		  "permit(principal, action, resource);",
			"deny p1 ! p0" },
		{ "permit(principal == U::\"b\", action, resource) when { context.x };", "deny" },
		{ "permit(principal, action, resource) when { principal.n == 1 } unless { resource has x };",
			"allow p0" },
	};
	TABLE(row, cases) {
		for (int others = 0; others < 2; others++) {
			struct world w;

			CASE("%.200s", row->policies);
			world_begin(&w, entities);
			REQUIRE(world_policies(&w, row->policies, "p"));
			if (others)
				add_others(&w);
			REQUIRE(world_compile(&w));
			world_ask(&w, "U::\"a\"", "Action::\"view\"", "R::\"r\"", "{}");
			check_answer(&w, row->answer);
			world_end(&w);
		}
	}
}

/* A set outlives the policies it was made from, which may grow meanwhile; owners are counted. */
TEST(lifetime)
{
	struct cedar_policies s;
	struct cedar_compiled *c;
	struct cedar_answer a;
	struct world w;

	world_begin(&w, entities);
	world_ask(&w, "U::\"a\"", "Action::\"view\"", "R::\"r\"", "{\"x\":[1,2]}");
	REQUIRE(ward_cedar_policies_init(&s) == WARD_OK);
	REQUIRE(ward_cedar_policies_parse(&s,
			WARD_STR(
				"permit(principal == U::\"a\", action, resource) when { context.x == [2, 1] };"),
			NULL, false, &w.d) == WARD_OK);
	REQUIRE(ward_cedar_compile(&s, &c, &w.d) == WARD_OK);
	REQUIRE(ward_cedar_policies_parse(&s, WARD_STR("forbid(principal, action, resource);"),
			&(struct cedar_parse_options){ .first = 1 }, false, &w.d) == WARD_OK);
	ward_cedar_policies_done(&s);
	w.c = ward_cedar_compiled_ref(c);
	ward_cedar_compiled_unref(c);
	CHECK_EQ_SIZE(ward_cedar_compiled_count(w.c), 1);
	CHECK(ward_cedar_compiled_bytes(w.c) > 100);
	CHECK_STR_EQ(ward_cedar_compiled_id(w.c, 0)->s, "policy0");
	CHECK_NULL(ward_cedar_compiled_id(w.c, 1));
	check_answer(&w, "allow policy0");
	CHECK_EQ_INT(ward_cedar_authorize(w.c, NULL, &w.r, w.scratch, false, &a), WARD_OK);
	CHECK_EQ_INT(a.decision, CEDAR_ALLOW);
	world_end(&w);
	ward_cedar_compiled_unref(NULL);
	ward_cedar_scratch_free(NULL);
}

/* What is not known is no request: no decision, and deny. */
TEST(incomplete_requests)
{
	struct world w;

	world_begin(&w, entities);
	REQUIRE(world_policies(&w, "permit(principal, action, resource);", "p") &&
		world_compile(&w));
	for (int i = 0; i < 4; i++) {
		struct cedar_answer a = { .decision = CEDAR_ALLOW, .n_reasons = 7 };

		world_ask(&w, "U::\"a\"", "Action::\"view\"", "R::\"r\"", "{}");
		if (i == 0)
			w.r.principal = NULL;
		else if (i == 1)
			w.r.action = NULL;
		else if (i == 2)
			w.r.resource = NULL;
		else
			w.r.context = NULL;
		CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, w.scratch, false, &a),
			WARD_E_INVALID);
		CHECK_EQ_INT(a.decision, CEDAR_DENY);
		CHECK_EQ_INT(a.n_reasons, 0);
	}
	world_end(&w);
}

/* ---- links ---- */

static void link_to(struct world *w, const char *tmpl, const char *id, const char *principal,
	const char *resource)
{
	const struct cedar_uid *slots[CEDAR_SLOT_MAX] = { 0 };

	slots[CEDAR_SLOT_PRINCIPAL] = principal != NULL ? uid_of(w, principal) : NULL;
	slots[CEDAR_SLOT_RESOURCE] = resource != NULL ? uid_of(w, resource) : NULL;
	if (ward_cedar_policies_link(&w->s, text_of(tmpl), text_of(id), slots, &w->d) != WARD_OK)
		FAIL("link %s: %s", id, why(w));
}

TEST(links)
{
	size_t before;
	struct world w;
	char id[32];

	world_begin(&w, entities);
	REQUIRE(world_policies(&w,
		"permit(principal == ?principal, action, resource in ?resource) when { principal.n == 1 };"
		"forbid(principal is U in ?principal, action in [Action::\"edit\"], resource) unless { context.ok };"
		"permit(principal, action, resource is R in ?resource);",
		"t"));
	link_to(&w, "t0", "l0", "U::\"a\"", "F::\"f\"");
	link_to(&w, "t0", "l1", "U::\"b\"", "R::\"r\"");
	link_to(&w, "t1", "l2", "G::\"h\"", NULL);
	link_to(&w, "t2", "l3", NULL, "F::\"f\"");
	link_to(&w, "t2", "l4", NULL, "F::\"g\"");
	add_others(&w);
	REQUIRE(world_compile(&w));
	world_ask(&w, "U::\"a\"", "Action::\"view\"", "R::\"r\"", "{}");
	check_answer(&w, "allow l0 l3");
	world_ask(&w, "U::\"b\"", "Action::\"view\"", "R::\"r\"", "{}");
	check_answer(&w, "allow l3 ! l1");
	world_ask(&w, "U::\"a\"", "Action::\"edit\"", "R::\"r\"", "{}");
	check_answer(&w, "allow l0 l3 ! l2");
	world_ask(&w, "U::\"a\"", "Action::\"edit\"", "R::\"r\"", "{\"ok\":false}");
	check_answer(&w, "deny l2");
	CHECK_EQ_SIZE(ward_cedar_compiled_count(w.c), 10);
	before = ward_cedar_compiled_bytes(w.c);
	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "more%d", i);
		link_to(&w, "t0", id, "U::\"a\"", "F::\"x\"");
	}
	REQUIRE(world_compile(&w));
	CHECK((ward_cedar_compiled_bytes(w.c) - before) / 1000 < 80);
	check_answer(&w, "deny l2");
	world_end(&w);
}

/* ---- many at once ---- */

/* More than are sorted one by one; each once, although its list names the action three times over. */
TEST(many_reasons)
{
	struct ward_buf want = WARD_BUF_INIT;
	struct world w;

	world_begin(&w, entities);
	ward_buf_adds(&want, "allow");
	for (int i = 0; i < 300; i++) {
		char text[256];
		struct cedar_parse_options o = { .id_prefix = "p", .first = (size_t)i };

		snprintf(text, sizeof(text),
			"permit(principal%s, action in [Action::\"%s\", Action::\"all\", Action::\"read\"], "
			"resource%s);",
			i % 3 == 0           ? " in G::\"h\""
				: i % 3 == 1 ? ""
					     : " is U",
			i % 2 ? "view" : "edit", i % 5 ? "" : " == R::\"r\"");
		REQUIRE(ward_cedar_policies_parse(&w.s, text_of(text), &o, false, &w.d) == WARD_OK);
		ward_buf_addf(&want, " p%d", i);
	}
	REQUIRE(world_compile(&w));
	world_ask(&w, "U::\"a\"", "Action::\"view\"", "R::\"r\"", "{}");
	check_answer(&w, ward_buf_cstr(&want));
	ward_buf_done(&want);
	world_end(&w);
}

/*
 * An entity in a thousand groups, an action in a thousand, all of which policies speak of: each is looked at once, instead
 * of a million pairs.
 */
TEST(many_groups)
{
	struct ward_buf e = WARD_BUF_INIT, p = WARD_BUF_INIT;
	struct cedar_answer a, b;
	struct cedar_scratch *other = ward_cedar_scratch_new();
	struct world w;

	ward_buf_adds(&e, "[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{},\"parents\":[");
	for (int i = 0; i < 1000; i++)
		ward_buf_addf(&e, "%s{\"type\":\"G\",\"id\":\"%d\"}", i ? "," : "", i);
	ward_buf_adds(&e,
		"]},{\"uid\":{\"type\":\"Action\",\"id\":\"v\"},\"attrs\":{},\"parents\":[");
	for (int i = 0; i < 1000; i++)
		ward_buf_addf(&e, "%s{\"type\":\"Action\",\"id\":\"%d\"}", i ? "," : "", i);
	ward_buf_adds(&e, "]}]");
	for (int i = 0; i < 2000; i++)
		ward_buf_addf(&p,
			"permit(principal in G::\"%d\", action in Action::\"%d\", resource);",
			i * 7 % 1500, i * 11 % 1200);
	world_begin(&w, ward_buf_cstr(&e));
	REQUIRE(world_policies(&w, ward_buf_cstr(&p), NULL) && world_compile(&w) && other != NULL);
	world_ask(&w, "U::\"a\"", "Action::\"v\"", "R::\"r\"", "{}");
	CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, w.scratch, false, &a), WARD_OK);
	CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, other, true, &b), WARD_OK);
	CHECK(a.n_reasons > 500 && a.n_reasons == b.n_reasons &&
		memcmp(a.reasons, b.reasons, a.n_reasons * sizeof(*a.reasons)) == 0);
	ward_cedar_scratch_free(other);
	ward_buf_done(&e);
	ward_buf_done(&p);
	world_end(&w);
}

/* ---- generated sets: the index changes nothing, and the trees say the same ---- */

static uint64_t next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static unsigned below(uint64_t *seed, unsigned n)
{
	return (unsigned)(next(seed) % n);
}

#define IDS 7
static const char *const kinds[3][3] = { { "U", "N::U", "G" }, { "Action", "N::Action", "Action" },
	{ "R", "F", "N::R" } };

static const char *any_uid(uint64_t *seed, int kind, char out[64])
{
	snprintf(out, 64, "%s::\"%u\"", kinds[kind][below(seed, 3)], below(seed, IDS));
	return out;
}

/* Parents have a larger number, of the same kind mostly: no cycles. */
static void gen_entities(uint64_t *seed, struct ward_buf *b)
{
	bool first = true;

	ward_buf_addc(b, '[');
	for (int kind = 0; kind < 3; kind++) {
		for (unsigned t = 0; t < 3; t++) {
			for (unsigned i = 0; i < IDS; i++) {
				unsigned n = below(seed, 4);

				if (below(seed, 4) == 0 || (kind == 1 && t == 2))
					continue;
				ward_buf_addf(b,
					"%s{\"uid\":{\"type\":\"%s\",\"id\":\"%u\"},\"attrs\":{",
					first ? "" : ",", kinds[kind][t], i);
				first = false;
				if (kind != 1 && below(seed, 2))
					ward_buf_addf(b, "\"n\":%u", below(seed, 3));
				ward_buf_adds(b, "},\"parents\":[");
				for (unsigned k = 0; k < n && i + 1 < IDS; k++)
					ward_buf_addf(b, "%s{\"type\":\"%s\",\"id\":\"%u\"}",
						k ? "," : "",
						kinds[kind][kind == 1 ? t : below(seed, 3)],
						i + 1 + below(seed, IDS - i - 1));
				ward_buf_adds(b, "]}");
			}
		}
	}
	ward_buf_addc(b, ']');
}

static void gen_scope(uint64_t *seed, struct ward_buf *b, const char *name, int kind, bool slot)
{
	char uid[64], own[32];

	snprintf(own, sizeof(own), "?%s", name);
	ward_buf_adds(b, name);
	any_uid(seed, kind, uid);
	switch (slot ? 1 + below(seed, 3) : below(seed, 6)) {
	case 1: ward_buf_addf(b, " == %s", slot ? own : uid); break;
	case 2: ward_buf_addf(b, " in %s", slot ? own : uid); break;
	case 3:
		ward_buf_addf(b, " is %s in %s", kinds[kind][below(seed, 3)], slot ? own : uid);
		break;
	case 4: ward_buf_addf(b, " is %s", kinds[kind][below(seed, 3)]); break;
	default: break;
	}
}

static void gen_policy(uint64_t *seed, struct ward_buf *b, bool tmpl)
{
	static const char *const conditions[] = { "true", "false", "principal has n",
		"principal.n == 1", "resource.n < 2", "principal in resource",
		"context.x == principal.n", "context has x && context.x > 1", "principal.n",
		"action in Action::\"3\"", "[principal, resource].contains(context.who)",
		"{a: principal.n, b: resource}.b == resource",
		"if context has x then principal has n else resource.n == 0" };
	bool principal = tmpl, resource = tmpl && below(seed, 2);
	unsigned actions = below(seed, 4);
	char uid[64];

	ward_buf_adds(b, below(seed, 4) ? "permit(" : "forbid(");
	gen_scope(seed, b, "principal", 0, principal);
	ward_buf_adds(b, ", action");
	if (actions == 1)
		ward_buf_addf(b, " == %s", any_uid(seed, 1, uid));
	else if (actions == 2)
		ward_buf_addf(b, " in %s", any_uid(seed, 1, uid));
	else if (actions == 3) {
		ward_buf_adds(b, " in [");
		for (unsigned n = below(seed, 5); n > 0; n--)
			ward_buf_addf(b, "%s,", any_uid(seed, 1, uid));
		ward_buf_adds(b, "]");
	}
	ward_buf_adds(b, ", ");
	gen_scope(seed, b, "resource", 2, resource);
	ward_buf_adds(b, ")");
	for (unsigned n = below(seed, 3); n > 0; n--)
		ward_buf_addf(b, " %s { %s }", below(seed, 3) ? "when" : "unless",
			conditions[below(seed, WARD_ARRAY_SIZE(conditions))]);
	ward_buf_adds(b, ";\n");
}

static void gen_links(uint64_t *seed, struct world *w)
{
	size_t n = w->s.templates.n;

	for (unsigned i = 0; n > 0 && i < 30; i++) {
		const struct cedar_policy *t = w->s.templates.v[below(seed, (unsigned)n)];
		char id[32], principal[64], resource[64];

		snprintf(id, sizeof(id), "link%u", i);
		link_to(w, t->id->s, id, t->principal.slot ? any_uid(seed, 0, principal) : NULL,
			t->resource.slot ? any_uid(seed, 2, resource) : NULL);
	}
}

/* Every policy by its tree. */
static bool as_walked(struct world *w, const struct cedar_answer *a)
{
	uint32_t errors = 0, n[2] = { 0 };
	bool same = true;

	for (size_t i = 0; same && i < ward_cedar_compiled_count(w->c); i++) {
		size_t statics = w->s.statics.n;
		const struct cedar_link *l = i >= statics ? &w->s.links[i - statics] : NULL;
		struct cedar_env env = { .request = &w->r, .entities = w->e, .arena = w->arena };
		struct cedar_fault f;
		bool satisfied;

		if (l != NULL)
			memcpy(env.slots, l->slots, sizeof(env.slots));
		if (!ward_cedar_interpret_policy(&env, l != NULL ? l->tmpl : w->s.statics.v[i],
			    &satisfied, &f)) {
			same = errors < a->n_errors && a->errors[errors] == i &&
				a->faults[errors].kind == f.kind &&
				a->faults[errors].want == f.want;
			errors++;
			continue;
		}
		if (!satisfied)
			continue;
		n[l != NULL ? l->tmpl->effect : w->s.statics.v[i]->effect]++;
	}
	return same && errors == a->n_errors &&
		a->n_reasons == (n[CEDAR_FORBID] > 0 ? n[CEDAR_FORBID] : n[CEDAR_PERMIT]) &&
		(a->decision == CEDAR_ALLOW) == (n[CEDAR_FORBID] == 0 && n[CEDAR_PERMIT] > 0);
}

static bool same_answer(const struct cedar_answer *a, const struct cedar_answer *b)
{
	if (a->decision != b->decision || a->n_reasons != b->n_reasons ||
		a->n_errors != b->n_errors)
		return false;
	for (uint32_t i = 0; i < a->n_reasons; i++) {
		if (a->reasons[i] != b->reasons[i] || (i > 0 && a->reasons[i] <= a->reasons[i - 1]))
			return false;
	}
	for (uint32_t i = 0; i < a->n_errors; i++) {
		if (a->errors[i] != b->errors[i] || a->faults[i].kind != b->faults[i].kind)
			return false;
	}
	return true;
}

TEST(index_changes_nothing)
{
	static const unsigned sizes[] = { 1, 3, 6, 20, 60, 200 };
	uint64_t seed = 20251126;
	size_t requests = 0, allowed = 0, reasons = 0, errors = 0;

	for (unsigned round = 0; round < 300; round++) {
		struct cedar_scratch *other = ward_cedar_scratch_new();
		struct ward_buf e = WARD_BUF_INIT, p = WARD_BUF_INIT;
		unsigned n = sizes[round % WARD_ARRAY_SIZE(sizes)];
		uint64_t at = seed;
		struct world w;

		CASE("seed %llu", (unsigned long long)at);
		gen_entities(&seed, &e);
		world_begin(&w, ward_buf_cstr(&e));
		for (unsigned i = 0; i < n; i++)
			gen_policy(&seed, &p, below(&seed, 5) == 0);
		REQUIRE(world_policies(&w, ward_buf_cstr(&p), "p"));
		gen_links(&seed, &w);
		REQUIRE(world_compile(&w) && other != NULL);
		for (unsigned i = 0; i < 80; i++, requests++) {
			char principal[64], action[64], resource[64];
			struct cedar_answer a, b;

			world_ask(&w, any_uid(&seed, 0, principal), any_uid(&seed, 1, action),
				any_uid(&seed, 2, resource),
				i % 3 == 0 ? "{}"
					: i % 3 == 1
					? "{\"x\":1}"
					: "{\"x\":2,\"who\":{\"__entity\":{\"type\":\"U\",\"id\":\"1\"}}}");
			CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, w.scratch, false, &a),
				WARD_OK);
			CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, other, true, &b),
				WARD_OK);
			CHECK_MSG(same_answer(&a, &b), "%s %s %s", principal, action, resource);
			CHECK_MSG(as_walked(&w, &a), "%s %s %s: not as the trees say", principal,
				action, resource);
			allowed += a.decision == CEDAR_ALLOW;
			reasons += a.n_reasons;
			errors += a.n_errors;
		}
		ward_buf_done(&e);
		ward_buf_done(&p);
		ward_cedar_scratch_free(other);
		world_end(&w);
	}
	printf("# %zu requests from seed 20251126: %zu allowed, %zu reasons, %zu errors\n",
		requests, allowed, reasons, errors);
	CHECK(requests >= 20000 && allowed > requests / 10 && errors > requests / 10);
}

/* ---- memory and threads ---- */

static const char busy[] =
	"permit(principal in G::\"h\", action in [Action::\"all\", Action::\"edit\"], resource is R in F::\"f\") when { "
	"[principal, resource].contains(principal) && {a: context.x, b: [context.x, 2]} != {a: 1} };"
	"permit(principal, action, resource) when { {a: principal.n}.b };"
	"permit(principal, action, resource) when { [context.x] == [1] };"
	"permit(principal == U::\"b\", action, resource); permit(principal == U::\"c\", action, resource);"
	"forbid(principal, action == Action::\"edit\", resource) when { ip(context.ip).isLoopback() };";

/* After the first requests nothing is allocated any more. */
TEST(warm_requests_allocate_nothing)
{
	struct ward_buf large = WARD_BUF_INIT;
	struct world w;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has an allocator of its own");
	world_begin(&w, entities);
	REQUIRE(world_policies(&w, busy, "p"));
	ward_buf_adds(&large, "permit(principal, action == Action::\"edit\", resource) when { {");
	for (int i = 99; i >= 0; i--)
		ward_buf_addf(&large, "f%d: context.x, ", i);
	ward_buf_adds(&large, "} == [context.x] };");
	REQUIRE(world_policies(&w, ward_buf_cstr(&large), "large") && world_compile(&w));
	ward_buf_done(&large);
	for (int i = 0; i < 6; i++) {
		struct cedar_answer a;

		world_ask(&w, "U::\"a\"", i % 2 ? "Action::\"view\"" : "Action::\"edit\"",
			"R::\"r\"", "{\"x\":1,\"ip\":\"127.0.0.1\"}");
		if (i >= 4)
			alloc_fail_at = 1;
		CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, w.scratch, false, &a), WARD_OK);
		CHECK(!alloc_fail_hit);
		alloc_fail_at = 0;
		CHECK_STR_EQ(answer_text(&w, &a), i % 2 ? "allow p0 p2 ! p1" : "deny p5 ! p1");
	}
	world_end(&w);
}

struct worker {
	struct world *w;
	unsigned wrong;
};

static void *work(void *arg)
{
	struct worker *job = arg;
	struct cedar_compiled *c = ward_cedar_compiled_ref(job->w->c);
	struct cedar_entities *e = ward_cedar_entities_ref(job->w->e);
	struct cedar_scratch *s = ward_cedar_scratch_new();

	for (int i = 0; i < 2000; i++) {
		struct cedar_answer a = { 0 };

		if (s == NULL || ward_cedar_authorize(c, e, &job->w->r, s, i % 2, &a) != WARD_OK ||
			a.decision != CEDAR_ALLOW || a.n_reasons != 2 || a.n_errors != 1)
			job->wrong++;
	}
	ward_cedar_scratch_free(s);
	ward_cedar_entities_unref(e);
	ward_cedar_compiled_unref(c);
	return NULL;
}

TEST(threads)
{
	struct worker jobs[4];
	pthread_t threads[4];
	struct world w;

	world_begin(&w, entities);
	REQUIRE(world_policies(&w, busy, "p") && world_compile(&w));
	world_ask(&w, "U::\"a\"", "Action::\"view\"", "R::\"r\"", "{\"x\":1,\"ip\":\"127.0.0.1\"}");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(jobs); i++) {
		jobs[i] = (struct worker){ .w = &w };
		REQUIRE(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(jobs); i++) {
		pthread_join(threads[i], NULL);
		CHECK_EQ_INT(jobs[i].wrong, 0);
	}
	world_end(&w);
}

TAP_MAIN();
