/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What expressions are worth: a table of our own, walked as a tree and compiled; faults in each detail the same both ways;
 * what no parser makes (slots, unknowns, values, trees that are too deep); memory that runs out.
 */
#include "../unit/alloc_fail.h"
#include "cedar_data.h"
#include "eval_rows.h"
#include "eval_util.h"

static const char entities[] =
	"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":3,\"s\":\"xay\",\"r\":{\"k\":true},"
	"\"e\":{\"__entity\":{\"type\":\"U\",\"id\":\"gone\"}},\"odd key\":[1,2],\"dec\":\"1.5\","
	"\"ip\":\"10.0.0.1\",\"groups\":[{\"__entity\":{\"type\":\"G\",\"id\":\"h\"}},"
	"{\"__entity\":{\"type\":\"G\",\"id\":\"z\"}}]},\"tags\":{\"t\":\"v\",\"k\":[{\"q\":1}]},"
	"\"parents\":[{\"type\":\"G\",\"id\":\"g\"}]},"
	"{\"uid\":{\"type\":\"G\",\"id\":\"g\"},\"attrs\":{},"
	"\"parents\":[{\"type\":\"G\",\"id\":\"h\"}]}]";

static void begin(struct world *w)
{
	world_begin(w, entities);
	world_ask(w, "U::\"a\"", "Action::\"v\"", "R::\"none\"",
		"{\"x\":5,\"min\":-9223372036854775808}");
}

static const struct cedar_expr *expr(struct world *w, const char *text)
{
	const struct cedar_expr *x = NULL;

	if (ward_cedar_parse_expr(w->s.pool, text_of(text), NULL, &x, &w->d) != WARD_OK)
		FAIL("%s: %s", text, why(w));
	return x;
}

static bool interpret(struct world *w, const struct cedar_expr *x, struct cedar_value *ret,
	struct cedar_fault *f)
{
	struct cedar_env env = { .request = &w->r, .entities = w->e, .arena = w->arena };

	return ward_cedar_interpret(&env, x, ret, f);
}

/* A set of one policy with one condition. */
static void one_policy(struct world *w, const struct cedar_expr *condition, bool unless)
{
	struct cedar_condition *c = ward_arena_alloc(w->arena, sizeof(*c));
	struct cedar_policy *p = ward_arena_alloc(w->arena, sizeof(*p));

	REQUIRE(c != NULL && p != NULL);
	*c = (struct cedar_condition){ .unless = unless, .body = condition };
	*p = (struct cedar_policy){
		.id = ward_cedar_intern(w->s.pool, "p", 1),
		.effect = CEDAR_PERMIT,
		.n_conditions = 1,
		.conditions = c,
	};
	w->s.statics.n = 0;
	REQUIRE(ward_cedar_policy_list_add(&w->s.statics, p) == WARD_OK);
	REQUIRE(world_compile(w));
}

static struct cedar_expr *two(struct world *w, enum cedar_expr_kind kind,
	const struct cedar_expr *a, const struct cedar_expr *b)
{
	struct cedar_expr *x = ward_cedar_expr_new(w->s.pool, kind, NULL);

	REQUIRE(x != NULL);
	x->a = a;
	x->b = b;
	return x;
}

static bool same_fault(const struct cedar_fault *a, const struct cedar_fault *b)
{
	return a->kind == b->kind && a->op == b->op && a->fn == b->fn && a->want == b->want &&
		a->got == b->got && a->value.tag == b->value.tag &&
		a->value2.tag == b->value2.tag && (a->uid == NULL) == (b->uid == NULL) &&
		(a->uid == NULL || ward_cedar_uid_eq(a->uid, b->uid)) &&
		(a->name == NULL) == (b->name == NULL) &&
		(a->name == NULL || ward_cedar_str_eq(a->name, b->name));
}

/* What it says, as text with its help: all that anybody sees of it. */
static const char *whole(struct world *w, const struct cedar_fault *f)
{
	struct ward_buf b = WARD_BUF_INIT;
	const char *s;

	ward_cedar_fault_print(&b, f);
	ward_buf_adds(&b, "; ");
	ward_cedar_fault_help(&b, f);
	s = ward_arena_strdup(w->arena, ward_buf_cstr(&b));
	ward_buf_done(&b);
	return s;
}

/* The condition compiled, and what it should be: wanted (0, 1), or fails with f. */
static void check_compiled(struct world *w, const struct cedar_expr *x, int wanted,
	const struct cedar_fault *f)
{
	for (int unless = 0; unless < 2; unless++) {
		struct cedar_answer a;

		one_policy(w, x, unless);
		CHECK_EQ_INT(ward_cedar_authorize(w->c, w->e, &w->r, w->scratch, unless, &a),
			WARD_OK);
		CHECK_EQ_INT(a.decision, f == NULL && wanted != unless);
		CHECK_EQ_INT(a.n_errors, f != NULL);
		CHECK_EQ_INT(a.n_reasons, f == NULL && wanted != unless);
		if (f == NULL || a.n_errors != 1)
			continue;
		CHECK(same_fault(f, &a.faults[0]));
		CHECK_STR_EQ(whole(w, &a.faults[0]), whole(w, f));
	}
}

TEST(table)
{
	struct world w;

	begin(&w);
	TABLE(row, rows) {
		const struct cedar_expr *x = expr(&w, row->text), *y;
		struct cedar_value v, want;
		struct cedar_fault f;
		bool ok;

		CASE("%s", row->text);
		if (x == NULL)
			continue;
		ok = interpret(&w, x, &v, &f);
		if (row->fault != NULL) {
			y = expr(&w, "0");
			CHECK(!ok);
			CHECK_STR_EQ(ok ? "a value" : fault_text(&w, &f), row->fault);
			if (!ok)
				check_compiled(&w, two(&w, CEDAR_X_EQ, x, y), 0, &f);
			continue;
		}
		y = expr(&w, row->value);
		CHECK_MSG(ok, "%s", ok ? "" : fault_text(&w, &f));
		if (!ok || y == NULL || !interpret(&w, y, &want, &f))
			continue;
		CHECK(ward_cedar_value_eq(&v, &want));
		check_compiled(&w, two(&w, CEDAR_X_EQ, x, y), 1, NULL);
		check_compiled(&w, two(&w, CEDAR_X_NE, y, x), 0, NULL);
		if (v.tag == CEDAR_V_BOOL)
			check_compiled(&w, x, v.truth, NULL);
	}
	world_end(&w);
}

/* Conditions that are no Bool. */
TEST(not_a_bool)
{
	static const char *const texts[] = { "1", "\"a\"", "principal", "context", "[true]",
		"if principal has n then 1 else true", "!(1)", "!(!(1))", "1 && true",
		"true && principal", "false || 1", "!(false || 1)", "!(true && principal.n)" };
	struct world w;

	begin(&w);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(texts); i++) {
		const struct cedar_expr *x = expr(&w, texts[i]);
		struct cedar_fault f = { 0 };
		struct cedar_value v = { 0 };

		CASE("%s", texts[i]);
		if (x == NULL)
			continue;
		if (interpret(&w, x, &v, &f))
			(void)(f = (struct cedar_fault){
				       .kind = CEDAR_FAULT_TYPE,
				       .want = 1u << CEDAR_V_BOOL,
				       .value = v,
			       });
		check_compiled(&w, x, 0, &f);
	}
	world_end(&w);
}

/* ---- generated expressions ---- */

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

/*
 * Templates of expressions: $B $L $S $E $T $R $X stand for one of that type (Bool, Long, String, entity, set, record,
 * extension), $A for any. One in sixteen is of any type instead, so that evaluation fails at each place.
 */
static const char *const makes[][16] = {
	['B'] = { "true", "false", "($A == $A)", "($A != $A)", "($L < $L)", "($X >= $X)",
		"($B && $B && $B)", "($B || $B)", "!($B)", "($E in $E)", "($E in $T)",
		"($E is U in $E)", "($T.contains($A))", "($R has k.z)", "($E has n)",
		"($S like \"*a*\")" },
	['L'] = { "0", "1", "9223372036854775807", "principal.n", "context.x", "($L + $L)",
		"($L - $L)", "($L * $L)", "-($L)", "(if $B then $L else $L)", "$E.n", "$R.k",
		"context.min", "2", "duration(\"1h\").toMinutes()", "-3" },
	['S'] = { "\"\"", "\"a\"", "principal.s", "(if $B then $S else $S)", "$E.s",
		"principal.getTag($S)", "principal.getTag(\"t\")", "\"t\"", "\"n\"",
		"principal.dec", "{q: $S}.q", "\"xay\"", "principal.ip", "\"1.5\"", "\"b\"",
		"\"1d\"" },
	['E'] = { "principal", "resource", "action", "U::\"a\"", "G::\"g\"", "G::\"h\"",
		"principal.e", "U::\"gone\"", "(if $B then $E else $E)", "$E.e", "{a: $E}.a",
		"R::\"none\"", "principal", "N::U::\"a\"", "principal", "U::\"a\"" },
	['T'] = { "[]", "[$A]", "[$A, $A]", "principal.groups", "[$E, $E, $E]", "[$L, $L, $L, $L]",
		"(if $B then $T else $T)", "[$T]", "[1, 2, 3]", "[$S]", "[principal]", "[$R, $R]",
		"[true]", "[$X]", "[$L]", "[G::\"h\"]" },
	['R'] = { "{}", "{a: $A}", "context", "{k: $L, a: $A}", "{z: $A, k: $R}", "principal.r",
		"{\"a b\": $A}", "{k: {z: $B}}", "(if $B then $R else $R)", "{n: $L}",
		"{x: $L, y: $S, z: $E}", "{k: 1}", "{e: $E}", "$E", "{a: [$R]}", "context" },
	['X'] = { "decimal(\"1.5\")", "decimal($S)", "ip(\"10.0.0.1\")", "ip($S)",
		"datetime(\"2024-01-01\")", "duration(\"1d\")", "duration($S)", "$X.offset($X)",
		"$X.durationSince($X)", "$X.toDate()", "(if $B then $X else $X)",
		"decimal(principal.dec)", "ip(principal.ip)",
		"datetime(\"2024-01-01\").offset(duration($S))", "duration(\"-1ms\")",
		"$X.toTime()" },
	['A'] = { "$B", "$L", "$S", "$E", "$T", "$R", "$X", "$B", "$L", "$S", "$E",
		"(if $B then $A else $A)", "$R.k", "$R[\"a b\"]", "$E.getTag($S)",
		"($T.containsAll($T) || $E.hasTag($S) || $T.isEmpty() || $T.containsAny($T) || $X.lessThan($X))" },
};

static void generate(uint64_t *seed, struct ward_buf *b, char type, unsigned depth)
{
	const char *text = makes[(unsigned char)type][below(seed, depth > 0 ? 16 : 3)];

	for (const char *s = text; *s != '\0'; s++) {
		if (*s != '$') {
			ward_buf_addc(b, *s);
			continue;
		}
		s++;
		if (depth == 0)
			ward_buf_adds(b, *s == 'A' ? "1" : "true");
		else
			generate(seed, b, below(seed, 16) == 0 ? "BLSETRXA"[below(seed, 8)] : *s,
				depth - 1);
	}
}

/* Both evaluators, over what nobody would write by hand. */
TEST(generated)
{
	uint64_t seed = 4;
	size_t values = 0, faults = 0;

	for (unsigned round = 0; round < 40; round++) {
		struct ward_buf b = WARD_BUF_INIT;
		struct world w;

		begin(&w);
		for (unsigned i = 0; i < 500; i++) {
			struct cedar_expr *literal =
				ward_cedar_expr_new(w.s.pool, CEDAR_X_VALUE, NULL);
			const struct cedar_expr *x;
			struct cedar_value v;
			struct cedar_fault f;

			ward_buf_clear(&b);
			generate(&seed, &b, i % 2 ? 'B' : 'A', 1 + i % 5);
			CASE("%.200s", ward_buf_cstr(&b));
			x = expr(&w, ward_buf_cstr(&b));
			if (x == NULL || literal == NULL)
				continue;
			if (!interpret(&w, x, &v, &f)) {
				faults++;
				check_compiled(&w, two(&w, CEDAR_X_EQ, x, x), 0, &f);
				check_compiled(&w, x, 0, &f);
				continue;
			}
			values++;
			literal->value = &v;
			check_compiled(&w, two(&w, CEDAR_X_EQ, x, literal), 1, NULL);
			check_compiled(&w, two(&w, CEDAR_X_NE, x, x), 0, NULL);
			if (v.tag == CEDAR_V_BOOL)
				check_compiled(&w, x, v.truth, NULL);
		}
		ward_buf_done(&b);
		world_end(&w);
	}
	CHECK(values > 4000 && faults > 4000);
	printf("# %zu values, %zu faults\n", values, faults);
}

/* Entities of which each lies in some of those before it, as JSON: "A"::"0" to "A"::"n-1". */
static void hierarchy(uint64_t *seed, struct ward_buf *b, unsigned n)
{
	ward_buf_adds(b, "[");
	for (unsigned i = 0; i < n; i++) {
		ward_buf_addf(b,
			"%s{\"uid\":{\"type\":\"A\",\"id\":\"%u\"},\"attrs\":{},\"parents\":[",
			i > 0 ? "," : "", i);
		for (unsigned k = 0, of = i > 0 ? below(seed, 4) : 0; k < of; k++)
			ward_buf_addf(b, "%s{\"type\":\"A\",\"id\":\"%u\"}", k > 0 ? "," : "",
				below(seed, i));
		ward_buf_adds(b, "]}");
	}
	ward_buf_adds(b, "]");
}

/* "in" a list is "in" one of it, however long it is, and whoever has more: the list, or the entity that lies in others. */
TEST(in_lists)
{
	struct ward_buf b = WARD_BUF_INIT, list = WARD_BUF_INIT, chain = WARD_BUF_INIT;
	uint64_t seed = 9;
	size_t found = 0, not = 0;
	struct world w;

	hierarchy(&seed, &b, 60);
	world_begin(&w, ward_buf_cstr(&b));
	world_ask(&w, "A::\"59\"", "Action::\"v\"", "A::\"58\"", "{}");
	for (unsigned i = 0; i < 3000; i++) {
		unsigned of = below(&seed, 70), n = below(&seed, 50), wrong = below(&seed, 200);
		struct cedar_value v, want;
		struct cedar_fault f;
		bool ok;

		ward_buf_clear(&list);
		ward_buf_clear(&chain);
		for (unsigned k = 0; k < n; k++) {
			unsigned one = below(&seed, 250); /* most of them are nothing */

			ward_buf_addf(&list, "%s A::\"%u\"", k > 0 ? "," : "", one);
			if (k == wrong)
				ward_buf_adds(&list, ", 7");
			ward_buf_addf(&chain, "%sA::\"%u\" in A::\"%u\"", k > 0 ? " || " : "", of,
				one);
		}
		ward_buf_clear(&b);
		ward_buf_addf(&b, "A::\"%u\" in [%s]", of, ward_buf_cstr(&list));
		CASE("%s", ward_buf_cstr(&b));
		ok = interpret(&w, expr(&w, ward_buf_cstr(&b)), &v, &f);
		CHECK_EQ_INT(ok, wrong >= n);
		CHECK(ok || f.kind == CEDAR_FAULT_TYPE);
		if (!ok)
			continue;
		REQUIRE(n == 0 || interpret(&w, expr(&w, ward_buf_cstr(&chain)), &want, &f));
		CHECK_EQ_INT(v.truth, n > 0 && want.truth);
		found += v.truth;
		not += !v.truth;
	}
	CHECK(found > 500 && not > 500);
	printf("# %zu in, %zu not\n", found, not );
	ward_buf_done(&b);
	ward_buf_done(&list);
	ward_buf_done(&chain);
	world_end(&w);
}

/* Several conditions: in order, the first that does not hold ends it. */
TEST(conditions_in_order)
{
	static const struct {
		const char *text;
		int satisfied, fails;
	} cases[] = {
		{ "when { true } unless { false }", 1, 0 },
		{ "when { principal has n } when { principal.n == 3 } unless { principal.n == 4 }",
			1, 0 },
		{ "when { false } when { context.y }", 0, 0 },
		{ "when { principal has m } when { 1 }", 0, 0 },
		{ "unless { principal has n } when { context.y }", 0, 0 },
		{ "unless { principal has n || context.y }", 0, 0 },
		{ "unless { principal has m || context.y }", 0, 1 },
		{ "when { principal has n && !(principal has m || context.y) }", 0, 1 },
		{ "when { principal has n && !(principal has n || context.y) }", 0, 0 },
		{ "when { context.y } when { false }", 0, 1 },
		{ "when { 1 } when { false }", 0, 1 },
		{ "when { principal has n } when { 1 }", 0, 1 },
		{ "unless { \"a\" }", 0, 1 },
		{ "when { true } when { principal.n }", 0, 1 },
	};
	struct world w;

	begin(&w);
	TABLE(row, cases) {
		struct cedar_policy_list list = { 0 };
		struct cedar_env env = { .request = &w.r, .entities = w.e, .arena = w.arena };
		struct cedar_answer a;
		struct cedar_fault f;
		bool satisfied;
		char text[512];

		CASE("%s", row->text);
		snprintf(text, sizeof(text), "permit(principal, action, resource) %s;", row->text);
		CHECK_EQ_INT(ward_cedar_parse_policies(w.s.pool, text_of(text), NULL, &list, &w.d),
			WARD_OK);
		REQUIRE(list.n == 1);
		CHECK_EQ_INT(ward_cedar_interpret_policy(&env, list.v[0], &satisfied, &f),
			!row->fails);
		CHECK_EQ_INT(satisfied, row->satisfied);
		w.s.statics.n = 0;
		REQUIRE(ward_cedar_policy_list_add(&w.s.statics, list.v[0]) == WARD_OK);
		ward_cedar_policy_list_done(&list);
		REQUIRE(world_compile(&w));
		CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, w.scratch, false, &a), WARD_OK);
		CHECK_EQ_INT(a.decision, row->satisfied);
		CHECK_EQ_INT(a.n_errors, row->fails);
	}
	world_end(&w);
}

/* Without a request, without entities. */
TEST(unknowns)
{
	struct cedar_parse_options o = { .unknowns = true };
	const struct cedar_expr *x = NULL;
	struct cedar_env env = { 0 };
	struct cedar_request r = { 0 };
	struct cedar_value v;
	struct cedar_fault f;
	struct world w;

	begin(&w);
	env.arena = w.arena;
	CHECK(ward_cedar_interpret(&env, expr(&w, "1 + 1"), &v, &f) && v.number == 2);
	CHECK(ward_cedar_interpret(&env, expr(&w, "U::\"a\" in U::\"b\""), &v, &f) && !v.truth);
	CHECK(!ward_cedar_interpret(&env, expr(&w, "U::\"a\".x"), &v, &f));
	CHECK_EQ_INT(f.kind, CEDAR_FAULT_ENTITY);
	CHECK(!ward_cedar_interpret(&env, expr(&w, "principal"), &v, &f));
	CHECK_EQ_INT(f.kind, CEDAR_FAULT_UNKNOWN);
	env.request = &r;
	for (int i = 0; i < 4; i++) {
		static const char *const vars[] = { "principal", "action", "resource", "context" };

		CHECK(!ward_cedar_interpret(&env, expr(&w, vars[i]), &v, &f));
		CHECK_EQ_INT(f.kind, CEDAR_FAULT_UNKNOWN);
	}
	CHECK_EQ_INT(ward_cedar_parse_expr(w.s.pool, WARD_STR("[1, unknown(\"x\")] == 1"), &o, &x,
			     &w.d),
		WARD_OK);
	REQUIRE(x != NULL);
	CHECK(!interpret(&w, x, &v, &f));
	CHECK_EQ_INT(f.kind, CEDAR_FAULT_UNKNOWN);
	check_compiled(&w, x, 0, &f);
	world_end(&w);
}

/* Nodes that only other parts make. */
TEST(made_nodes)
{
	struct cedar_expr *slot, *unknown, *value;
	struct cedar_value v, three = { .tag = CEDAR_V_LONG, .number = 3 };
	struct cedar_fault f;
	struct world w;

	begin(&w);
	slot = ward_cedar_expr_new(w.s.pool, CEDAR_X_SLOT, NULL);
	unknown = ward_cedar_expr_new(w.s.pool, CEDAR_X_UNKNOWN, NULL);
	value = ward_cedar_expr_new(w.s.pool, CEDAR_X_VALUE, NULL);
	REQUIRE(slot != NULL && unknown != NULL && value != NULL);
	unknown->str = ward_cedar_intern(w.s.pool, "u", 1);
	value->value = &three;
	slot->aux = CEDAR_SLOT_RESOURCE;
	CHECK(!interpret(&w, slot, &v, &f));
	CHECK_EQ_INT(f.kind, CEDAR_FAULT_SLOT);
	check_compiled(&w, slot, 0, &f);
	CHECK(!interpret(&w, unknown, &v, &f));
	CHECK_STR_EQ(fault_text(&w, &f), "the expression contains unknown(s): `unknown(\"u\")`");
	check_compiled(&w, unknown, 0, &f);
	CHECK(interpret(&w, value, &v, &f) && v.number == 3);
	check_compiled(&w, two(&w, CEDAR_X_EQ, value, expr(&w, "principal.n")), 1, NULL);
	world_end(&w);
}

/* Templates: what stands in a slot, in the scope and in a condition; a slot without a value. */
TEST(slots)
{
	struct cedar_expr *slot;
	struct cedar_condition c = { 0 };
	struct cedar_policy t = { .is_template = true, .effect = CEDAR_PERMIT, .n_conditions = 1 };
	struct cedar_env env = { 0 };
	struct cedar_answer a;
	struct cedar_fault f;
	bool satisfied = true;
	struct world w;

	begin(&w);
	slot = ward_cedar_expr_new(w.s.pool, CEDAR_X_SLOT, NULL);
	REQUIRE(slot != NULL);
	slot->aux = CEDAR_SLOT_PRINCIPAL;
	c.body = two(&w, CEDAR_X_EQ, slot, expr(&w, "principal"));
	t.id = ward_cedar_intern(w.s.pool, "t", 1);
	t.conditions = &c;
	t.principal = (struct cedar_scope){ .op = CEDAR_SCOPE_EQ, .slot = true };
	env = (struct cedar_env){ .request = &w.r, .entities = w.e, .arena = w.arena };
	CHECK(!ward_cedar_interpret_policy(&env, &t, &satisfied, &f) && !satisfied);
	CHECK_STR_EQ(fault_text(&w, &f), "template slot `?principal` was not linked");
	env.slots[CEDAR_SLOT_PRINCIPAL] = w.r.principal;
	CHECK(ward_cedar_interpret_policy(&env, &t, &satisfied, &f) && satisfied);
	t.resource = t.principal;
	CHECK(!ward_cedar_interpret_policy(&env, &t, &satisfied, &f) && !satisfied);
	CHECK_STR_EQ(fault_text(&w, &f), "template slot `?resource` was not linked");
	t.resource = (struct cedar_scope){ 0 };
	env.request = NULL;
	CHECK(!ward_cedar_interpret_policy(&env, &t, &satisfied, &f) && !satisfied);
	CHECK_EQ_INT(f.kind, CEDAR_FAULT_UNKNOWN);

	CHECK_EQ_INT(ward_cedar_policies_add(&w.s, &t, &w.d), WARD_OK);
	CHECK_EQ_INT(ward_cedar_policies_link(&w.s, WARD_STR("t"), WARD_STR("l"), env.slots, &w.d),
		WARD_OK);
	REQUIRE(world_compile(&w));
	CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, w.scratch, false, &a), WARD_OK);
	CHECK_EQ_INT(a.decision, CEDAR_ALLOW);
	/* a link that nobody made by the rules */
	w.s.links[0].slots[CEDAR_SLOT_PRINCIPAL] = NULL;
	ward_cedar_compiled_unrefp(&w.c);
	CHECK_EQ_INT(ward_cedar_compile(&w.s, &w.c, &w.d), WARD_E_INVALID);
	CHECK_NULL(w.c);
	w.s.links[0].slots[CEDAR_SLOT_PRINCIPAL] = w.r.principal;
	c.body = expr(&w, "true");
	for (int i = 0; i < 2000; i++) {
		struct cedar_expr *neg = ward_cedar_expr_new(w.s.pool, CEDAR_X_NEG, NULL);

		REQUIRE(neg != NULL);
		neg->a = c.body;
		c.body = neg;
	}
	CHECK_EQ_INT(ward_cedar_compile(&w.s, &w.c, &w.d), WARD_E_LIMIT);
	world_end(&w);
}

/* An arena that is full is a fault of its own kind, not one of the expression. */
TEST(interpreted_out_of_memory)
{
	static const char *const texts[] = { "[1, 2, 3, 4, principal]", "{a: 1, b: principal}",
		"[principal]", "ip(principal.ip)", "if [1].contains(1) then 1 else 2" };
	struct world w;

	begin(&w);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(texts); i++) {
		const struct cedar_expr *x = expr(&w, texts[i]);
		size_t failures = 0;

		CASE("%s", texts[i]);
		for (size_t max = 0; x != NULL && max < 1024; max += 16) {
			struct ward_arena *small = ward_arena_new(max + 1);
			struct cedar_env env = { .request = &w.r, .entities = w.e, .arena = small };
			struct cedar_value v;
			struct cedar_fault f;

			REQUIRE(small != NULL);
			if (!ward_cedar_interpret(&env, x, &v, &f)) {
				CHECK_EQ_INT(f.kind, CEDAR_FAULT_MEMORY);
				failures++;
			}
			ward_arena_free(small);
		}
		CHECK(failures > 0);
	}
	world_end(&w);
}

/* Deeper than any parser lets through: refused by both, and no crash. */
TEST(too_deep)
{
	const struct cedar_expr *x;
	struct cedar_value v;
	struct cedar_fault f;
	struct world w;

	begin(&w);
	x = expr(&w, "principal has n");
	for (int i = 0; i < 100000; i++) {
		struct cedar_expr *not = ward_cedar_expr_new(w.s.pool, CEDAR_X_NOT, NULL);

		REQUIRE(not != NULL);
		not ->a = x;
		x = not ;
	}
	CHECK(!interpret(&w, x, &v, &f));
	CHECK_EQ_INT(f.kind, CEDAR_FAULT_DEPTH);
	{
		struct cedar_condition c = { .body = x };
		struct cedar_policy p = {
			.id = ward_cedar_intern(w.s.pool, "p", 1),
			.n_conditions = 1,
			.conditions = &c,
		};

		REQUIRE(ward_cedar_policy_list_add(&w.s.statics, &p) == WARD_OK);
		CHECK_EQ_INT(ward_cedar_compile(&w.s, &w.c, &w.d), WARD_E_LIMIT);
		CHECK_NULL(w.c);
		c.body = two(&w, CEDAR_X_EQ, x, x);
		CHECK_EQ_INT(ward_cedar_compile(&w.s, &w.c, &w.d), WARD_E_LIMIT);
		CHECK_STR_CONTAINS(why(&w), "nested deeper");
	}
	world_end(&w);
}

/* More than a request may take: an error and deny, not a policy's own error. Smaller ones before do not add up. */
TEST(too_much)
{
	struct cedar_answer a = { .decision = CEDAR_ALLOW };
	struct ward_buf b = WARD_BUF_INIT;
	struct world w;

	begin(&w);
	for (int i = 0; i < 40; i++) {
		ward_buf_adds(&b, "permit(principal, action, resource) when { [");
		for (int k = 0; k < 100000; k++)
			ward_buf_adds(&b, "context.x,");
		ward_buf_adds(&b, "1] has x };");
	}
	REQUIRE(world_policies(&w, ward_buf_cstr(&b), "small") && world_compile(&w));
	CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, w.scratch, false, &a), WARD_OK);
	CHECK_EQ_INT(a.n_errors, 40);
	ward_buf_clear(&b);
	ward_buf_adds(&b, "permit(principal, action, resource) when { [");
	for (int k = 0; k < 3000000; k++)
		ward_buf_adds(&b, "context,");
	ward_buf_adds(&b, "1] == [] || true };");
	REQUIRE(world_policies(&w, ward_buf_cstr(&b), "large") && world_compile(&w));
	a.decision = CEDAR_ALLOW;
	CHECK_EQ_INT(ward_cedar_authorize(w.c, w.e, &w.r, w.scratch, false, &a), WARD_E_NOMEM);
	CHECK_EQ_INT(a.decision, CEDAR_DENY);
	CHECK_EQ_INT(a.n_reasons + a.n_errors, 0);
	ward_buf_done(&b);
	world_end(&w);
}

/* Compiled and asked, with the n-th allocation failing: no decision, and that is said. */
TEST(out_of_memory)
{
	static const char policies[] =
		"permit(principal == U::\"a\", action in [Action::\"v\", Action::\"w\"], resource) when "
		"{ [1, {a: [2]}].contains(1) && [context.x, {a: principal, b: [context.x]}] != [] "
		"&& ip(principal.ip).isIpv4() };"
		"permit(principal is U in G::\"g\", action, resource);"
		"permit(principal, action, resource) when { {a: context.x, b: 2}.c };"
		"permit(principal, action, resource in R::\"r\") when { if context.x == 1 then true else 1 };"
		"forbid(principal == ?principal, action, resource) when { context has y };"
		"forbid(principal in G::\"none\", action, resource);";
	const struct cedar_uid *slots[CEDAR_SLOT_MAX] = { 0 };
	struct world w;
	size_t failures = 0;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has an allocator of its own");
	begin(&w);
	REQUIRE(world_policies(&w, policies, NULL));
	slots[CEDAR_SLOT_PRINCIPAL] = w.r.principal;
	CHECK_EQ_INT(ward_cedar_policies_link(&w.s, WARD_STR("policy4"), WARD_STR("l"), slots,
			     &w.d),
		WARD_OK);
	for (unsigned long n = 1;; n++) {
		struct cedar_answer a = { .decision = CEDAR_ALLOW };
		struct cedar_scratch *s = NULL;
		struct cedar_compiled *c = NULL;
		int r;

		alloc_fail_at = n;
		alloc_fail_hit = false;
		r = ward_cedar_compile(&w.s, &c, NULL);
		if (r == WARD_OK) {
			s = ward_cedar_scratch_new();
			r = s != NULL ? ward_cedar_authorize(c, w.e, &w.r, s, false, &a)
				      : WARD_E_NOMEM;
		}
		alloc_fail_at = 0;
		if (alloc_fail_hit) {
			CHECK_EQ_INT(r, WARD_E_NOMEM);
			CHECK(c == NULL || s == NULL || a.decision == CEDAR_DENY);
			failures++;
		} else {
			CHECK_EQ_INT(r, WARD_OK);
			CHECK_EQ_INT(a.decision, CEDAR_ALLOW);
			CHECK_EQ_INT(a.n_reasons, 2);
			CHECK_EQ_INT(a.n_errors, 1);
		}
		ward_cedar_scratch_free(s);
		ward_cedar_compiled_unref(c);
		if (!alloc_fail_hit)
			break;
	}
	CHECK_GE_INT(failures, 20);
	world_end(&w);
}

/* The vectors with the official engine's answers. */
TEST(probes)
{
	struct ward_buf file = { .max = 16u << 20 };
	const struct ward_json *list, *vectors;
	struct ward_json *root = NULL;
	struct ward_buf text = WARD_BUF_INIT;
	size_t n = 0;
	struct world w;

	if (!data_read(&file, "probes/eval.json"))
		SKIP("no conformance data in %s", data_folder());
	world_begin(&w, NULL);
	REQUIRE(ward_cedar_json_parse(w.arena, (struct ward_str){ file.s, file.n }, &root, &w.d) ==
		WARD_OK);
	list = ward_json_get(root, "entities");
	vectors = ward_json_get(root, "vectors");
	REQUIRE(list != NULL && vectors != NULL);
	ward_jw_value(&text, list);
	REQUIRE(ward_cedar_entities_parse((struct ward_str){ text.s, text.n }, NULL, &w.e, &w.d) ==
		WARD_OK);
	world_ask(&w, "U::\"a\"", "Action::\"v\"", "R::\"none\"", "{}");
	for (const struct ward_json *j = vectors->child; j != NULL; j = j->next, n++) {
		const struct ward_json *input = ward_json_get(j, "input");
		const struct ward_json *result = ward_json_get(j, "result");
		const struct ward_json *message = ward_json_get(j, "message");
		const struct cedar_expr *x = expr(&w, input->str.s);
		struct cedar_value v = { 0 };
		struct cedar_fault f;
		bool ok, truth;

		CASE("%s", input->str.s);
		if (x == NULL)
			continue;
		ok = interpret(&w, x, &v, &f) && v.tag == CEDAR_V_BOOL;
		truth = ok && v.truth;
		if (!ok && v.tag != CEDAR_V_NONE)
			f = (struct cedar_fault){
				.kind = CEDAR_FAULT_TYPE,
				.want = 1u << CEDAR_V_BOOL,
				.value = v,
			};
		if (result->type == WARD_JSON_BOOL)
			CHECK(ok && truth == result->b);
		else
			CHECK_STR_EQ(ok ? "a value" : fault_text(&w, &f), message->str.s);
		check_compiled(&w, x, truth, ok ? NULL : &f);
	}
	CHECK_GE_INT(n, 100);
	ward_buf_done(&text);
	ward_buf_done(&file);
	world_end(&w);
}

TAP_MAIN();
