/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partial evaluation: what is left of policies, word for word; decisions; simplification; and, over cases at random, that
 * the residuals answer as the whole does when the rest is known, simplified or not.
 *
 * WARD_SEED and WARD_CASES choose the cases at random.
 */
#include "cedar/cedar.h"
#include "../unit/alloc_fail.h"
#include "partial_gen.h"

struct world {
	struct cedar_pool *pool;
	struct cedar_diags d;
	struct cedar_entities *entities;
	struct cedar_scratch *scratch, *other;
	const struct cedar_uid *users[WARD_ARRAY_SIZE(gen_users)],
		*actions[WARD_ARRAY_SIZE(gen_actions)], *files[WARD_ARRAY_SIZE(gen_files)];
	const struct cedar_record *contexts[WARD_ARRAY_SIZE(gen_contexts)];
};

static void uids(struct world *w, const char *const *texts, size_t n, const struct cedar_uid **ret)
{
	for (size_t i = 0; i < n; i++)
		REQUIRE(ward_cedar_parse_uid(w->pool, ward_str(texts[i]), &ret[i], &w->d) ==
			WARD_OK);
}

static void begin(struct world *w)
{
	*w = (struct world){ .pool = ward_cedar_pool_new(0) };
	REQUIRE(w->pool != NULL && ward_cedar_diags_init(&w->d) == WARD_OK);
	REQUIRE(ward_cedar_entities_parse(ward_str(gen_world), NULL, &w->entities, &w->d) ==
		WARD_OK);
	w->scratch = ward_cedar_scratch_new();
	w->other = ward_cedar_scratch_new();
	REQUIRE(w->scratch != NULL && w->other != NULL);
	uids(w, gen_users, WARD_ARRAY_SIZE(gen_users), w->users);
	uids(w, gen_actions, WARD_ARRAY_SIZE(gen_actions), w->actions);
	uids(w, gen_files, WARD_ARRAY_SIZE(gen_files), w->files);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(gen_contexts); i++)
		REQUIRE(ward_cedar_context_parse(w->pool, ward_str(gen_contexts[i]), NULL, NULL,
				&w->contexts[i], &w->d) == WARD_OK);
}

static void end(struct world *w)
{
	ward_cedar_scratch_free(w->scratch);
	ward_cedar_scratch_free(w->other);
	ward_cedar_entities_unref(w->entities);
	ward_cedar_diags_done(&w->d);
	ward_cedar_pool_free(w->pool);
}

static const struct cedar_parse_options options = { .unknowns = true };

static void parse(struct world *w, struct cedar_policies *s, const char *text)
{
	REQUIRE(ward_cedar_policies_init(s) == WARD_OK);
	if (ward_cedar_policies_parse(s, ward_str(text), &options, false, &w->d) != WARD_OK)
		FAIL("%s\n%s", text, w->d.v[0].message);
}

/* Of the unknown: p, a, r, c; what is known is the first of each. */
static struct cedar_request request(const struct world *w, const char *unknown)
{
	struct cedar_request q = { w->users[0], w->actions[0], w->files[0], w->contexts[1] };

	q.principal = strchr(unknown, 'p') != NULL ? NULL : q.principal;
	q.action = strchr(unknown, 'a') != NULL ? NULL : q.action;
	q.resource = strchr(unknown, 'r') != NULL ? NULL : q.resource;
	q.context = strchr(unknown, 'c') != NULL ? NULL : q.context;
	return q;
}

/* ---- what is left ---- */

static const struct {
	const char *unknown, *policy, *left;
	const char *small; /* the policy that is left, or its condition; NULL: false or failed */
} rows[] = {
	{ "p", "permit(principal, action, resource);", "true", "" },
	{ "p", "permit(principal, action, resource == F::\"s\");", "false", NULL },
	{ "p", "permit(principal == U::\"a\", action, resource);",
		"(unknown(\"principal\") == U::\"a\") && true",
		"permit(principal == U::\"a\", action, resource)" },
	{ "p", "permit(principal == U::\"a\", action, resource == F::\"s\");",
		"(unknown(\"principal\") == U::\"a\") && false", NULL },
	{ "p", "permit(principal is U in G::\"g\", action, resource) when { context.n == 1 };",
		"(unknown(\"principal\") is U) && (unknown(\"principal\") in G::\"g\") && true",
		"permit(principal is U in G::\"g\", action, resource)" },
	{ "a", "permit(principal, action in Action::\"all\", resource);",
		"true && ((unknown(\"action\") in [Action::\"all\"]) && true)",
		"permit(principal, action in [Action::\"all\"], resource)" },
	{ "pra",
		"permit(principal in G::\"g\", action == Action::\"view\", resource is F) when { "
		"resource in G::\"g\" && principal.b && action in [Action::\"all\"] };",
		"(unknown(\"principal\") in G::\"g\") && ((unknown(\"action\") == Action::\"view\") && "
		"((unknown(\"resource\") is F) && ((unknown(\"resource\") in G::\"g\") && "
		"unknown(\"principal\").b && (unknown(\"action\") in [Action::\"all\"]))))",
		"permit(principal in G::\"g\", action == Action::\"view\", resource is F in G::\"g\") when { "
		"principal.b && (action in [Action::\"all\"]) }" },
	{ "pa",
		"permit(principal == U::\"a\", action in [Action::\"b\", Action::\"a\"], resource) when { "
		"principal == U::\"b\" };",
		"(unknown(\"principal\") == U::\"a\") && ((unknown(\"action\") in [Action::\"a\", "
		"Action::\"b\"]) && (true && (unknown(\"principal\") == U::\"b\")))",
		"permit(principal == U::\"a\", action in [Action::\"a\", Action::\"b\"], resource) when { "
		"principal == U::\"b\" }" },
	{ "p", "permit(principal, action, resource) when { principal.n < resource.n };",
		"true && (true && (true && (unknown(\"principal\").n < 0)))", "principal.n < 0" },
	{ "p", "permit(principal, action, resource) unless { principal.n >= 1 };",
		"true && (true && (true && (!(!(unknown(\"principal\").n < 1)))))",
		"principal.n < 1" },
	{ "p", "permit(principal, action, resource) when { principal.b } when { context.b };",
		"true && (true && (true && (unknown(\"principal\").b && true)))", "principal.b" },
	/* What fails behind something open stays as it is; what fails by itself fails it all. */
	{ "p", "permit(principal, action, resource) when { principal.b && context.nope };",
		"true && (true && (true && (unknown(\"principal\").b && context.nope)))",
		"principal.b && context.nope" },
	{ "p", "permit(principal, action, resource) when { context.nope && principal.b };", "error",
		NULL },
	{ "p", "permit(principal, action, resource) when { principal.b == context.nope };", "error",
		NULL },
	{ "p", "permit(principal, action, resource) when { 1 };", "error", NULL },
	{ "p",
		"permit(principal, action, resource) when { if principal.b then 1 > 2 else "
		"context.nope };",
		"true && (true && (true && (if unknown(\"principal\").b then false else "
		"context.nope)))",
		"if principal.b then false else context.nope" },
	{ "p", "permit(principal, action, resource) when { context.b || principal.b };", "true",
		"" },
	{ "p", "permit(principal, action, resource) when { !context.b || principal.b };",
		"true && (true && (true && (false || unknown(\"principal\").b)))", "principal.b" },
	/* Records are looked into where nothing in them can fail. */
	{ "p", "permit(principal, action, resource) when { {x: principal, y: 1}.y == 1 };", "true",
		"" },
	{ "p", "permit(principal, action, resource) when { {x: principal.n, y: 1}.y == 1 };",
		"true && (true && (true && ({x: unknown(\"principal\").n, y: 1}.y == 1)))",
		"{x: principal.n, y: 1}.y == 1" },
	{ "p", "permit(principal, action, resource) when { {x: principal} has x };", "true", "" },
	{ "p", "permit(principal, action, resource) when { {x: principal}.y };", "error", NULL },
	{ "c", "permit(principal, action, resource) when { context has rec.n && context.n == 1 };",
		"true && (true && (true && ((unknown(\"context\") has rec.n) && "
		"(unknown(\"context\").n == 1))))",
		"(context has rec.n) && (context.n == 1)" },
	{ "p", "permit(principal, action, resource) when { [principal, context.n, 1] == [] };",
		"true && (true && (true && ([unknown(\"principal\"), 1, 1] == [])))",
		"[principal, 1, 1] == []" },
	{ "p", "permit(principal, action, resource) when { context.rec == principal.rec };",
		"true && (true && (true && ({n: 1, rec: {n: 2}} == unknown(\"principal\").rec)))",
		"{n: 1, rec: {n: 2}} == principal.rec" },
	{ "", "permit(principal, action, resource) when { unknown(\"x\") && true };",
		"true && (true && (true && (unknown(\"x\") && true)))", "unknown(\"x\")" },
	{ "", "permit(principal, action, resource) when { unknown(\"x\", 1) && true };",
		"true && (true && (true && (unknown(\"x\") && true)))", "unknown(\"x\")" },
	{ "", "permit(principal, action, resource) when { unknown(\"x\", 1 + true) };", "error",
		NULL },
	{ "", "permit(principal, action, resource) when { unknown(1) };", "error", NULL },
	{ "", "permit(principal, action, resource) when { unknown() };", "error", NULL },
};

TEST(what_is_left)
{
	struct world w;

	begin(&w);
	TABLE(row, rows) {
		struct cedar_request q = request(&w, row->unknown);
		struct ward_buf left = WARD_BUF_INIT, small = WARD_BUF_INIT;
		const struct cedar_residual *v;
		const struct cedar_policy *p;
		struct cedar_partial *partial = NULL;
		struct cedar_policies s;
		char want[512];

		CASE("%s without %s", row->policy, row->unknown);
		parse(&w, &s, row->policy);
		CHECK_EQ_INT(ward_cedar_partial(&s, w.entities, &q, &partial, &w.d), WARD_OK);
		ward_cedar_policies_done(&s);
		REQUIRE(partial != NULL && ward_cedar_partial_count(partial) == 1);
		v = ward_cedar_partial_at(partial, 0);
		if (v->state == CEDAR_RESIDUAL_ERROR)
			ward_buf_adds(&left, "error");
		else
			ward_cedar_print_expr(&left, v->condition);
		CHECK_STR_EQ(ward_buf_cstr(&left), row->left);
		p = ward_cedar_residual_policy(w.pool, v);
		REQUIRE(p != NULL);
		ward_cedar_print_policy(&small, p);
		if (row->small == NULL || strstr(row->small, "permit(") == NULL)
			snprintf(want, sizeof(want), "permit(principal, action, resource)%s%s%s;",
				row->small != NULL && *row->small == '\0' ? "" : " when { ",
				row->small != NULL ? row->small : "false",
				row->small != NULL && *row->small == '\0' ? "" : " }");
		else
			snprintf(want, sizeof(want), "%s;", row->small);
		CHECK_STR_EQ(ward_buf_cstr(&small), want);
		ward_buf_done(&left);
		ward_buf_done(&small);
		ward_cedar_partial_free(partial);
	}
	end(&w);
}

TEST(a_link_has_its_values)
{
	struct cedar_policies s;
	struct cedar_partial *p = NULL;
	struct ward_buf out = WARD_BUF_INIT;
	const struct cedar_uid *slots[CEDAR_SLOT_MAX];
	struct cedar_request q;
	struct world w;

	begin(&w);
	q = request(&w, "p");
	parse(&w, &s,
		"permit(principal == ?principal, action, resource in ?resource) when { context.nope "
		"};");
	slots[CEDAR_SLOT_PRINCIPAL] = w.users[1];
	slots[CEDAR_SLOT_RESOURCE] = w.users[4];
	CHECK_EQ_INT(ward_cedar_policies_link(&s, ward_str("policy0"), ward_str("l"), slots, &w.d),
		WARD_OK);
	CHECK_EQ_INT(ward_cedar_partial(&s, w.entities, &q, &p, &w.d), WARD_OK);
	CHECK_EQ_SIZE(ward_cedar_partial_count(p), 1);
	CHECK_STR_EQ(ward_cedar_partial_at(p, 0)->id->s, "l");
	ward_cedar_print_expr(&out, ward_cedar_partial_at(p, 0)->condition);
	CHECK_STR_EQ(ward_buf_cstr(&out),
		"(unknown(\"principal\") == U::\"b\") && (true && ((resource in G::\"g\") && "
		"context.nope))");
	ward_buf_done(&out);
	ward_cedar_partial_free(p);
	ward_cedar_policies_done(&s);
	end(&w);
}

/* ---- all of them together ---- */

#define YES "(principal, action, resource);"
#define NO "(principal, action, resource) when { false };"
#define OPEN "(principal, action, resource) when { principal.b };"
#define BAD "(principal, action, resource) when { 1 };"

static const struct {
	const char *policies;
	int decision;
	const char *satisfied, *errored, *may, *must, *open;
} sets[] = {
	{ "", 0, "", "", "", "", "" },
	{ "permit" YES, 1, "0", "", "0", "0", "" },
	{ "permit" NO, 0, "", "", "", "", "" },
	{ "permit" OPEN, -1, "", "", "0", "", "0" },
	{ "permit" BAD, 0, "", "0", "", "", "" },
	{ "permit" YES "forbid" YES, 0, "01", "", "1", "1", "" },
	{ "permit" YES "forbid" OPEN, -1, "0", "", "01", "", "1" },
	{ "permit" YES "forbid" NO "forbid" BAD, 1, "0", "2", "0", "0", "" },
	{ "permit" OPEN "forbid" OPEN, -1, "", "", "01", "", "01" },
	{ "permit" NO "forbid" OPEN, 0, "", "", "1", "", "1" },
	{ "permit" OPEN "permit" YES, 1, "1", "", "01", "1", "0" },
	{ "permit" OPEN "forbid" YES "forbid" OPEN, 0, "1", "", "12", "1", "02" },
};

static void add_list(struct ward_buf *out, const char *key, const char *digits)
{
	ward_jw_key(out, key);
	ward_jw_open(out, '[');
	for (; *digits != '\0'; digits++) {
		char id[] = "policy?";

		id[6] = *digits;
		ward_jw_cstr(out, id);
	}
	ward_jw_close(out, ']');
}

TEST(decisions)
{
	struct world w;

	begin(&w);
	TABLE(row, sets) {
		struct cedar_request q = request(&w, "p");
		struct ward_buf json = WARD_BUF_INIT, want = WARD_BUF_INIT, tail = WARD_BUF_INIT;
		struct cedar_partial *p = NULL;
		struct cedar_policies s;

		CASE("%s", row->policies);
		parse(&w, &s, row->policies);
		CHECK_EQ_INT(ward_cedar_partial(&s, w.entities, &q, &p, &w.d), WARD_OK);
		CHECK_EQ_INT(ward_cedar_partial_decision(p), row->decision);
		ward_cedar_partial_json(p, &json);
		ward_jw_open(&want, '{');
		ward_jw_key(&want, "decision");
		ward_jw_cstr(&want,
			row->decision < 0           ? NULL
				: row->decision > 0 ? "allow"
						    : "deny");
		add_list(&want, "satisfied", row->satisfied);
		add_list(&want, "errored", row->errored);
		add_list(&want, "mayBeDetermining", row->may);
		add_list(&want, "mustBeDetermining", row->must);
		ward_buf_adds(&want, ",\"residuals\":{");
		add_list(&tail, "nontrivialResiduals", row->open);
		ward_buf_addc(&tail, '}');
		CHECK(ward_has_prefix(ward_buf_cstr(&json), ward_buf_cstr(&want)));
		CHECK_MSG(ward_has_suffix(ward_buf_cstr(&json), ward_buf_cstr(&tail)), "%s",
			ward_buf_cstr(&json));
		ward_buf_done(&json);
		ward_buf_done(&want);
		ward_buf_done(&tail);
		ward_cedar_partial_free(p);
		ward_cedar_policies_done(&s);
	}
	end(&w);
}

TEST(json_and_text)
{
	struct cedar_policies s;
	struct cedar_partial *p = NULL;
	struct ward_buf out = WARD_BUF_INIT;
	struct cedar_request q;
	struct world w;

	begin(&w);
	q = request(&w, "p");
	parse(&w, &s,
		"@a @b(\"c\") permit(principal, action, resource) when { principal.b };"
		"forbid(principal, action, resource) when { false };"
		"permit(principal, action, resource);"
		"permit(principal, action, resource) when { context.nope };");
	CHECK_EQ_INT(ward_cedar_partial(&s, w.entities, &q, &p, &w.d), WARD_OK);
	ward_cedar_partial_json(p, &out);
	CHECK_STR_CONTAINS(ward_buf_cstr(&out),
		"\"policy0\":{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},\"action\":{"
		"\"op\":\"All\"},\"resource\":{\"op\":\"All\"},\"conditions\":[{\"kind\":\"when\","
		"\"body\":{\"&&\":{\"left\":{\"Value\":true},\"right\":{\"&&\":{\"left\":{\"Value\":"
		"true},\"right\":{\"&&\":{\"left\":{\"Value\":true},\"right\":{\".\":{\"left\":{"
		"\"unknown\":[{\"Value\":\"principal\"}]},\"attr\":\"b\"}}}}}}}}}],"
		"\"annotations\":{\"a\":\"\",\"b\":\"c\"}}");
	CHECK_STR_CONTAINS(ward_buf_cstr(&out),
		"\"policy3\":{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},\"action\":{"
		"\"op\":\"All\"},\"resource\":{\"op\":\"All\"},\"conditions\":[{\"kind\":\"when\","
		"\"body\":{\"Value\":false}}]}");
	ward_buf_clear(&out);
	ward_cedar_partial_text(p, &out);
	CHECK_STR_CONTAINS(ward_buf_cstr(&out),
		"// policy0\n@a\n@b(\"c\")\npermit(principal, action, resource) when { principal.b "
		"};\n// policy1: false\n// policy2: satisfied\npermit(principal, action, "
		"resource);\n// policy3: fails: ");
	ward_buf_done(&out);
	ward_cedar_partial_free(p);
	ward_cedar_policies_done(&s);
	end(&w);
}

/* ---- simplification ---- */

static const struct {
	const char *x, *small;
} smaller[] = {
	{ "true && true && false", "false" },
	{ "true && context.b", "true && context.b" },
	{ "true && (context.b == 1)", "context.b == 1" },
	{ "context.b && true", "true && context.b" },
	{ "context.b && true && context.c", "context.b && context.c" },
	{ "context.b && (context.c && context.b)", "context.b && context.c" },
	{ "(context.b || context.c) && context.b || false",
		"(context.b || context.c) && context.b" },
	{ "principal == U::\"a\" && false", "false" },
	{ "context.b && principal == U::\"a\" && false && context.c", "context.b && false" },
	{ "context.b || principal is U || true || 1", "context.b || true" },
	{ "principal in [U::\"a\", resource] || true", "true" },
	{ "principal in context.x || true", "(principal in context.x) || true" },
	{ "!(!context.b)", "!(!context.b)" },
	{ "!(!(context.b == 1))", "context.b == 1" },
	{ "!(!(!context.b))", "!context.b" },
	{ "!(1 < context.n)", "1 >= context.n" },
	{ "!(1 != context.n)", "1 == context.n" },
	{ "!false", "true" },
	{ "if true then context.x else 2", "context.x" },
	{ "if context.b then true else false", "true && context.b" },
	{ "if principal == resource then false else true", "principal != resource" },
	{ "if context.b then 1 else 1", "if context.b then 1 else 1" },
	{ "if principal has x then [1] else [1]", "[1]" },
	{ "if context.b then principal == resource else false",
		"context.b && (principal == resource)" },
	{ "if context.b then context.c else false", "if context.b then context.c else false" },
	{ "if context.b then true else (principal has x)", "context.b || (principal has x)" },
	{ "[true && true, {a: !(!(1 == context.n))}]", "[true, {a: 1 == context.n}]" },
	{ "ip(if true then context.s else 1).isIpv4() && true", "ip(context.s).isIpv4()" },
	{ "context.x is U in (if true then principal else 1)", "context.x is U in principal" },
};

TEST(simplified)
{
	struct world w;

	begin(&w);
	TABLE(row, smaller) {
		struct ward_buf out = WARD_BUF_INIT;
		const struct cedar_expr *x = NULL;

		CASE("%s", row->x);
		CHECK_EQ_INT(ward_cedar_parse_expr(w.pool, ward_str(row->x), NULL, &x, &w.d),
			WARD_OK);
		REQUIRE(x != NULL);
		x = ward_cedar_simplify(w.pool, x);
		REQUIRE(x != NULL);
		ward_cedar_print_expr(&out, x);
		CHECK_STR_EQ(ward_buf_cstr(&out), row->small);
		ward_buf_done(&out);
	}
	end(&w);
}

/* ---- cases at random ---- */

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? strtoul(s, NULL, 10) : otherwise;
}

static struct cedar_request whole(const struct world *w, struct gen *g)
{
	return (struct cedar_request){ GEN_PICK(g, w->users), GEN_PICK(g, w->actions),
		GEN_PICK(g, w->files), GEN_PICK(g, w->contexts) };
}

static bool same_value(const struct cedar_env *env, const struct cedar_expr *x,
	const struct cedar_expr *y)
{
	struct cedar_value v, u;
	struct cedar_fault f, g;
	bool a = ward_cedar_interpret(env, x, &v, &f), b = ward_cedar_interpret(env, y, &u, &g);
	struct ward_buf s = WARD_BUF_INIT, t = WARD_BUF_INIT;
	bool same;

	if (a != b)
		return false;
	if (a)
		return ward_cedar_value_eq(&v, &u);
	ward_cedar_fault_print(&s, &f);
	ward_cedar_fault_print(&t, &g);
	same = f.kind == g.kind && strcmp(ward_buf_cstr(&s), ward_buf_cstr(&t)) == 0;
	ward_buf_done(&s);
	ward_buf_done(&t);
	return same;
}

/* Simplified, an expression has the same value or the same error, to the word. */
TEST(simplified_at_random)
{
	unsigned long seed = setting("WARD_SEED", 1), cases = setting("WARD_CASES", 4000);
	struct ward_buf text = WARD_BUF_INIT;
	struct gen g = { .out = &text };
	unsigned long smaller_ones = 0;
	struct world w;

	begin(&w);
	for (unsigned long i = 0; i < cases; i++) {
		struct ward_arena *arena = ward_arena_new(0);
		struct cedar_pool *pool = ward_cedar_pool_new(0);
		const struct cedar_expr *x = NULL, *y;

		gen_seed(&g, seed, i);
		ward_buf_clear(&text);
		gen_expr(&g, gen_next(&g, 4) > 0 ? 'B' : 'A', 5);
		CASE("seed %lu, case %lu: %.200s", seed, i, ward_buf_cstr(&text));
		REQUIRE(ward_cedar_parse_expr(pool, (struct ward_str){ text.s, text.n }, &options,
				&x, &w.d) == WARD_OK);
		y = ward_cedar_simplify(pool, x);
		REQUIRE(y != NULL);
		smaller_ones += !ward_cedar_expr_eq(x, y);
		for (int k = 0; k < 6; k++) {
			struct cedar_request q = whole(&w, &g);
			struct cedar_env env = {
				.request = &q, .entities = w.entities, .arena = arena
			};

			if (!same_value(&env, x, y)) {
				struct ward_buf b = WARD_BUF_INIT;

				ward_cedar_print_expr(&b, y);
				FAIL("%s\n became\n%s", ward_buf_cstr(&text), ward_buf_cstr(&b));
				ward_buf_done(&b);
				break;
			}
		}
		ward_arena_free(arena);
		ward_cedar_pool_free(pool);
	}
	printf("# seed %lu: %lu expressions, %lu of them made smaller\n", seed, cases,
		smaller_ones);
	CHECK(smaller_ones > cases / 20);
	ward_buf_done(&text);
	end(&w);
}

static bool same_answer(const struct cedar_answer *a, const struct cedar_answer *b)
{
	return a->decision == b->decision && a->n_reasons == b->n_reasons &&
		a->n_errors == b->n_errors &&
		(a->n_reasons == 0 ||
			memcmp(a->reasons, b->reasons, a->n_reasons * sizeof(*a->reasons)) == 0) &&
		(a->n_errors == 0 ||
			memcmp(a->errors, b->errors, a->n_errors * sizeof(*a->errors)) == 0);
}

/* A set of what is left, simplified; what failed keeps failing. */
static void again(const struct cedar_partial *p, struct cedar_policies *s)
{
	REQUIRE(ward_cedar_policies_init(s) == WARD_OK);
	for (size_t i = 0; i < ward_cedar_partial_count(p); i++) {
		const struct cedar_residual *v = ward_cedar_partial_at(p, i);
		struct cedar_policy bad, *q;
		const struct cedar_policy *left = ward_cedar_residual_policy(s->pool, v);

		REQUIRE(left != NULL);
		if (v->state == CEDAR_RESIDUAL_ERROR) {
			struct cedar_condition *c =
				ward_arena_alloc(ward_cedar_pool_arena(s->pool), sizeof(*c));

			c->body = v->condition;
			bad = *left;
			bad.n_conditions = 1;
			bad.conditions = c;
			q = ward_arena_alloc(ward_cedar_pool_arena(s->pool), sizeof(*q));
			*q = bad;
			left = q;
		}
		REQUIRE(ward_cedar_policies_add(s, left, NULL) == WARD_OK);
	}
}

struct counts {
	unsigned long substitutions, open, decided, smaller;
};

static void one_case(struct world *w, struct gen *g, struct ward_buf *text, struct counts *n)
{
	struct cedar_policies s, left;
	struct cedar_compiled *c = NULL, *d = NULL;
	struct cedar_partial *p = NULL;
	struct cedar_request q = whole(w, g), full;
	int unknown = (int)gen_next(g, 15) + 1, decision;

	for (uint32_t k = gen_next(g, 4) + 1; k > 0; k--)
		gen_policy(g);
	parse(w, &s, ward_buf_cstr(text));
	q.principal = unknown & 1 ? NULL : q.principal;
	q.action = unknown & 2 ? NULL : q.action;
	q.resource = unknown & 4 ? NULL : q.resource;
	q.context = unknown & 8 ? NULL : q.context;
	REQUIRE(ward_cedar_compile(&s, &c, &w->d) == WARD_OK);
	REQUIRE(ward_cedar_partial(&s, w->entities, &q, &p, &w->d) == WARD_OK);
	again(p, &left);
	REQUIRE(ward_cedar_compile(&left, &d, &w->d) == WARD_OK);
	decision = ward_cedar_partial_decision(p);
	n->decided += decision >= 0;
	for (size_t i = 0; i < ward_cedar_partial_count(p); i++)
		n->open += ward_cedar_partial_at(p, i)->state == CEDAR_RESIDUAL_OPEN;
	for (int k = 0; k < 8; k++, n->substitutions++) {
		struct cedar_answer a, b;

		full = whole(w, g);
		full.principal = q.principal != NULL ? q.principal : full.principal;
		full.action = q.action != NULL ? q.action : full.action;
		full.resource = q.resource != NULL ? q.resource : full.resource;
		full.context = q.context != NULL ? q.context : full.context;
		REQUIRE(ward_cedar_authorize(c, w->entities, &full, w->scratch, false, &a) ==
			WARD_OK);
		REQUIRE(ward_cedar_partial_resume(p, w->entities, &full, w->other, &b) == WARD_OK);
		if (!same_answer(&a, &b))
			FAIL("resumed, another answer:\n%s", ward_buf_cstr(text));
		if (decision >= 0 && (decision > 0) != (a.decision == CEDAR_ALLOW))
			FAIL("another decision:\n%s", ward_buf_cstr(text));
		REQUIRE(ward_cedar_authorize(d, w->entities, &full, w->other, false, &b) ==
			WARD_OK);
		if (!same_answer(&a, &b))
			FAIL("simplified, another answer:\n%s", ward_buf_cstr(text));
	}
	ward_cedar_partial_free(p);
	ward_cedar_compiled_unref(c);
	ward_cedar_compiled_unref(d);
	ward_cedar_policies_done(&left);
	ward_cedar_policies_done(&s);
}

TEST(substitutions_at_random)
{
	unsigned long seed = setting("WARD_SEED", 1), cases = setting("WARD_CASES", 2500);
	struct ward_buf text = WARD_BUF_INIT;
	struct gen g = { .out = &text };
	struct counts n = { 0 };
	struct world w;

	begin(&w);
	for (unsigned long i = 0; i < cases; i++) {
		gen_seed(&g, seed, i);
		g.unknowns = i % 4 == 0;
		ward_buf_clear(&text);
		CASE("seed %lu, case %lu", seed, i);
		one_case(&w, &g, &text, &n);
	}
	printf("# seed %lu: %lu sets of policies, %lu residuals left open, %lu sets decided, %lu substitutions\n",
		seed, cases, n.open, n.decided, n.substitutions);
	CHECK(n.substitutions == cases * 8 && n.open > cases / 4);
	ward_buf_done(&text);
	end(&w);
}

/* ---- many conditions, unknown requests, no memory ---- */

TEST(many_conditions)
{
	struct ward_buf text = WARD_BUF_INIT, json = WARD_BUF_INIT;
	struct cedar_partial *p = NULL;
	struct cedar_policies s;
	struct cedar_request q, full;
	struct cedar_answer a;
	struct world w;

	begin(&w);
	q = request(&w, "pc");
	full = request(&w, "");
	ward_buf_adds(&text, "permit(principal, action, resource)");
	for (int i = 0; i < 20000; i++)
		ward_buf_adds(&text,
			i % 2 > 0 ? " when { principal.b }" : " unless { context.n == 7 }");
	ward_buf_adds(&text, ";");
	parse(&w, &s, ward_buf_cstr(&text));
	CHECK_EQ_INT(ward_cedar_partial(&s, w.entities, &q, &p, &w.d), WARD_OK);
	CHECK_EQ_INT(ward_cedar_partial_at(p, 0)->state, CEDAR_RESIDUAL_OPEN);
	CHECK_LE_INT(ward_cedar_expr_depth(ward_cedar_partial_at(p, 0)->condition),
		WARD_CEDAR_DEPTH_MAX);
	ward_cedar_partial_json(p, &json);
	CHECK(!json.failed);
	CHECK_EQ_INT(ward_cedar_partial_resume(p, w.entities, &full, w.scratch, &a), WARD_OK);
	CHECK_EQ_INT(a.decision, CEDAR_ALLOW);
	CHECK_EQ_INT(ward_cedar_partial_resume(p, w.entities, &q, w.scratch, &a), WARD_E_INVALID);
	CHECK_EQ_INT(a.decision, CEDAR_DENY);
	ward_buf_done(&text);
	ward_buf_done(&json);
	ward_cedar_partial_free(p);
	ward_cedar_policies_done(&s);
	end(&w);
}

/* x is T in y has x twice in the core: what is left must not double each time. */
static void check_nested(struct world *w, const char *before, const char *after,
	const char *unknown)
{
	struct ward_buf text = WARD_BUF_INIT, json = WARD_BUF_INIT, small = WARD_BUF_INIT;
	struct cedar_request q = request(w, unknown), full = request(w, "");
	struct cedar_partial *p = NULL;
	struct cedar_compiled *c = NULL;
	struct cedar_policies s;
	struct cedar_answer a, b;

	ward_buf_adds(&text, "permit(principal, action, resource) when { ");
	for (int i = 0; i < 100; i++)
		ward_buf_adds(&text, before);
	ward_buf_adds(&text, "principal");
	for (int i = 0; i < 100; i++)
		ward_buf_adds(&text, after);
	ward_buf_adds(&text, " == U::\"a\" };");
	json.max = small.max = 1u << 20;
	parse(w, &s, ward_buf_cstr(&text));
	REQUIRE(ward_cedar_partial(&s, w->entities, &q, &p, &w->d) == WARD_OK);
	CHECK_EQ_INT(ward_cedar_partial_at(p, 0)->state, CEDAR_RESIDUAL_OPEN);
	ward_cedar_partial_json(p, &json);
	ward_cedar_partial_text(p, &small);
	CHECK(!json.failed && !small.failed);
	REQUIRE(ward_cedar_compile(&s, &c, &w->d) == WARD_OK);
	REQUIRE(ward_cedar_authorize(c, w->entities, &full, w->scratch, false, &a) == WARD_OK);
	REQUIRE(ward_cedar_partial_resume(p, w->entities, &full, w->other, &b) == WARD_OK);
	CHECK(same_answer(&a, &b));
	CHECK_EQ_INT(a.n_errors, 0);
	ward_cedar_partial_free(p);
	ward_cedar_compiled_unref(c);
	ward_cedar_policies_done(&s);
	ward_buf_done(&text);
	ward_buf_done(&json);
	ward_buf_done(&small);
}

TEST(is_in_within_is_in)
{
	struct world w;

	begin(&w);
	check_nested(&w, "(if (", " is U in G::\"g\") then principal else resource)", "p");
	check_nested(&w, "(if (", " is U in [G::\"g\", G::\"h\"]) then principal else resource)",
		"pr");
	/* The right side of the `if` fails: it stays as it was written. */
	check_nested(&w, "(if resource == F::\"s\" then (if ((if ",
		" == U::\"a\" then principal else resource) is U in 1) then principal else resource) "
		"else principal)",
		"pr");
	end(&w);
}

/* What fails is told whole, however long. */
TEST(long_names)
{
	struct ward_buf text = WARD_BUF_INIT, out = WARD_BUF_INIT;
	struct cedar_partial *p = NULL;
	struct cedar_policies s;
	struct cedar_request q;
	struct world w;

	begin(&w);
	q = request(&w, "p");
	ward_buf_adds(&text, "permit(principal, action, resource) when { context[\"");
	for (int i = 0; i < 20000; i++)
		ward_buf_addc(&text, 'x');
	ward_buf_adds(&text, "z\"] };");
	parse(&w, &s, ward_buf_cstr(&text));
	REQUIRE(ward_cedar_partial(&s, w.entities, &q, &p, &w.d) == WARD_OK);
	ward_cedar_partial_text(p, &out);
	CHECK(strstr(ward_buf_cstr(&out), ": fails: ") != NULL);
	CHECK(strstr(ward_buf_cstr(&out), "xxxz") != NULL);
	CHECK_EQ_INT(strlen(ward_buf_cstr(&out)), out.n);
	ward_buf_done(&text);
	ward_buf_done(&out);
	ward_cedar_partial_free(p);
	ward_cedar_policies_done(&s);
	end(&w);
}

TEST(out_of_memory)
{
	struct ward_buf text = WARD_BUF_INIT, out = WARD_BUF_INIT;
	struct cedar_policies s;
	struct cedar_request q;
	unsigned long n = 0;
	struct world w;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has an allocator of its own");
	begin(&w);
	for (int i = 0; i < 60; i++)
		ward_buf_addf(&text,
			"permit(principal == U::\"u%d\", action in [Action::\"a%d\"], resource) when { "
			"[principal, context.set, %d].contains({a: principal.x, b: context}.a) };",
			i, i, i);
	parse(&w, &s, ward_buf_cstr(&text));
	q = request(&w, "pa");
	do {
		struct cedar_partial *p = NULL;
		struct cedar_diags d = { 0 };
		int r;

		alloc_fail_hit = false;
		alloc_fail_at = ++n;
		r = ward_cedar_partial(&s, w.entities, &q, &p, &d);
		if (r == WARD_OK) {
			ward_cedar_partial_json(p, &out);
			ward_cedar_partial_text(p, &out);
		}
		alloc_fail_at = 0;
		CASE("allocation %lu", n);
		if (r != WARD_OK)
			CHECK(r == WARD_E_NOMEM && d.failed && p == NULL && alloc_fail_hit);
		else
			CHECK(out.failed || !alloc_fail_hit);
		ward_cedar_partial_free(p);
		ward_buf_done(&out);
		out = (struct ward_buf)WARD_BUF_INIT;
	} while (alloc_fail_hit && n < 100000);
	CHECK_GE_INT(n, 30);
	ward_buf_done(&text);
	ward_cedar_policies_done(&s);
	end(&w);
}

TAP_MAIN();
