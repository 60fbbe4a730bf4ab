/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world, and policies about it at random: expressions mostly of the type that is due, with attributes that may be
 * missing, entities that are not there, sums that overflow. One number names a case.
 */
#pragma once

#include "cedar/cedar.h"
#include "tap.h"

static const char *const gen_world =
	"[{\"uid\":{\"type\":\"U\",\"id\":\"a\"},\"attrs\":{\"n\":1,\"s\":\"ab\",\"b\":true,"
	"\"e\":{\"__entity\":{\"type\":\"U\",\"id\":\"b\"}},"
	"\"set\":[1,\"a\",{\"__entity\":{\"type\":\"G\",\"id\":\"g\"}}],\"rec\":{\"n\":2,\"rec\":{\"n\":3,\"s\":\"x\"}},"
	"\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.0.0.1\"}}},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],"
	"\"tags\":{\"t\":\"a\"}},"
	"{\"uid\":{\"type\":\"U\",\"id\":\"b\"},\"attrs\":{\"n\":9223372036854775807,\"s\":\"x\",\"b\":false,"
	"\"e\":{\"__entity\":{\"type\":\"U\",\"id\":\"ghost\"}},"
	"\"rec\":{}},\"parents\":[{\"type\":\"G\",\"id\":\"h\"}]},"
	"{\"uid\":{\"type\":\"U\",\"id\":\"c\"},\"attrs\":{\"n\":\"wrong\",\"b\":1},\"parents\":[]},"
	"{\"uid\":{\"type\":\"G\",\"id\":\"g\"},\"attrs\":{},\"parents\":[{\"type\":\"G\",\"id\":\"h\"}]},"
	"{\"uid\":{\"type\":\"F\",\"id\":\"r\"},\"attrs\":{\"n\":0,\"s\":\"a\",\"b\":true,\"e\":{\"__entity\":{\"type\":\"U\","
	"\"id\":\"a\"}},\"set\":[],"
	"\"rec\":{\"n\":1,\"e\":{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}}},\"parents\":[{\"type\":\"G\",\"id\":\"g\"}],"
	"\"tags\":{\"a\":1,\"ab\":\"t\"}},"
	"{\"uid\":{\"type\":\"F\",\"id\":\"s\"},\"attrs\":{\"set\":[1,2],\"s\":\"\"},\"parents\":[]},"
	"{\"uid\":{\"type\":\"Action\",\"id\":\"view\"},\"attrs\":{},\"parents\":[{\"type\":\"Action\",\"id\":\"all\"}]}]";
static const char *const gen_contexts[] = {
	"{}",
	"{\"n\":1,\"s\":\"a\",\"b\":true,\"e\":{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}},\"rec\":{\"n\":1,"
	"\"rec\":{\"n\":2}},\"set\":[1]}",
	"{\"n\":-9223372036854775808,\"b\":false,\"rec\":{\"rec\":1},\"set\":[{\"__entity\":{\"type\":\"U\",\"id\":\"a\"}}],"
	"\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}}}",
	"{\"b\":\"wrong\",\"e\":1,\"s\":\"ab\",\"rec\":{\"n\":\"x\"}}",
};
static const char *const gen_users[] = { "U::\"a\"", "U::\"b\"", "U::\"c\"", "U::\"ghost\"", "G::\"g\"" };
static const char *const gen_actions[] = { "Action::\"view\"", "Action::\"edit\"", "Action::\"all\"" };
static const char *const gen_files[] = { "F::\"r\"", "F::\"s\"", "F::\"ghost\"", "U::\"a\"" };

struct gen {
	uint64_t state;
	struct ward_buf *out;
	bool unknowns;
};

static uint32_t gen_next(struct gen *g, uint32_t n)
{
	g->state ^= g->state << 13;
	g->state ^= g->state >> 7;
	g->state ^= g->state << 17;
	return (uint32_t)((g->state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static TAP_UNUSED void gen_seed(struct gen *g, uint64_t seed, uint64_t number)
{
	g->state = (seed * 0x9e3779b97f4a7c15ull) ^ (number * 0xbf58476d1ce4e5b9ull) ^ 0x94d049bb133111ebull;
	for (int i = 0; i < 4; i++)
		(void)gen_next(g, 2);
}

#define GEN_PICK(g, list) ((list)[gen_next(g, WARD_ARRAY_SIZE(list))])

/* Templates of expressions: capitals are operands: B L S E T (set) R (record) A (any) I (ip), P: something with attributes. */
static const char *const gen_bool[] = { "true", "false", "P.b", "(P has n)", "(P has rec.n)", "(P has rec.rec.n)", "(P has nope)",
	"(principal == E)", "(action == Action::\"view\")", "(resource in G::\"g\")", "(B && B)", "(B && B && B)", "(B || B)",
	"(B || B || B)",
	"(!B)", "(!(!B))", "(L < L)", "(L <= L)", "(L > L)", "(L >= L)", "(L == L)", "(A == A)", "(A != A)", "(E in E)",
	"(E in T)", "(E is U)",
	"(E is U in E)", "(E is F in T)", "T.contains(A)", "T.containsAll(T)", "T.containsAny(T)", "T.isEmpty()",
	"(S like \"a*\")", "E.hasTag(S)",
	"I.isInRange(I)", "I.isIpv4()", "(if B then B else B)", "(if B then true else B)", "(if B then B else false)",
	"(if B then false else true)",
	"(true && B)", "(B && true)", "(B && false)", "(B || true)", "(false || B)", "(R has n)", "(R has rec.n)", "L",
	"(B && B && B && B)" };
static const char *const gen_long[] = { "0", "1", "2", "(-1)", "9223372036854775807", "P.n", "P.n", "P.rec.n", "(L + L)", "(L - L)",
	"(L * L)",
	"(-(L))", "(if B then L else L)", "duration(\"1d\").toHours()", "R.n" };
static const char *const gen_string[] = { "\"a\"", "\"ab\"", "\"t\"", "\"\"", "P.s", "P[\"s\"]", "E.getTag(S)", "R.s" };
static const char *const gen_entity[] = { "principal", "principal", "resource", "resource", "action", "U::\"a\"", "U::\"ghost\"",
	"G::\"g\"",
	"P.e", "(if B then E else E)", "R.e" };
static const char *const gen_set[] = { "[]", "[1, 2]", "P.set", "[E, E]", "[A]", "[A, A, A]", "[U::\"a\", G::\"g\"]" };
static const char *const gen_record[] = { "{}", "context", "{n: L}", "{n: A, s: S}", "{e: E, \"rec\": R}",
	"{n: A, b: B, \"a b\": A}", "P.rec" };
static const char *const gen_any[] = { "B", "L", "S", "E", "T", "R", "I" };
static const char *const gen_ip[] = { "ip(\"10.0.0.0/8\")", "ip(\"::1\")", "P.ip", "ip(S)" };
static const char *const gen_base[] = { "principal", "resource", "context", "principal", "resource", "context", "U::\"a\"", "P.e",
	"P.rec", "R" };

static void gen_expr(struct gen *g, char kind, int depth)
{
	static const struct {
		char kind;
		const char *const *v;
		uint32_t n, leaves;
	} kinds[] = {
		{ 'B', gen_bool, WARD_ARRAY_SIZE(gen_bool), 10 },
		{ 'L', gen_long, WARD_ARRAY_SIZE(gen_long), 7 },
		{ 'S', gen_string, WARD_ARRAY_SIZE(gen_string), 6 },
		{ 'E', gen_entity, WARD_ARRAY_SIZE(gen_entity), 8 },
		{ 'T', gen_set, WARD_ARRAY_SIZE(gen_set), 3 },
		{ 'R', gen_record, WARD_ARRAY_SIZE(gen_record), 2 },
		{ 'A', gen_any, WARD_ARRAY_SIZE(gen_any), 4 },
		{ 'I', gen_ip, WARD_ARRAY_SIZE(gen_ip), 2 },
		{ 'P', gen_base, WARD_ARRAY_SIZE(gen_base), 7 },
	};

	bool unknowns = g->unknowns;

	if (unknowns && kind != 'P' && gen_next(g, 25) == 0) {
		ward_buf_adds(g->out, "unknown(\"u\")");
		return;
	}
	/* Of a record, partial evaluation may use a field without the others; evaluation needs them all. */
	g->unknowns = unknowns && kind != 'R';
	for (size_t i = 0; i < WARD_ARRAY_SIZE(kinds); i++) {
		if (kinds[i].kind != kind)
			continue;
		for (const char *s = kinds[i].v[gen_next(g, depth > 0 ? kinds[i].n : kinds[i].leaves)]; *s != '\0'; s++) {
			bool operand = strchr("BLSETRAIP", *s) != NULL && !(s[1] >= 'a' && s[1] <= 'z') &&
				strncmp(s, "E::", 3) != 0 && s[1] != ':';

			if (operand)
				gen_expr(g, *s, depth - 1);
			else
				ward_buf_addc(g->out, *s);
		}
	}
	g->unknowns = unknowns;
}

static void gen_scope(struct gen *g, const char *var, const char *const *ids, uint32_t n, const char *type)
{
	const char *id = ids[gen_next(g, n)];

	ward_buf_adds(g->out, var);
	switch (gen_next(g, 8)) {
	case 0: ward_buf_addf(g->out, " == %s", id); break;
	case 1: ward_buf_addf(g->out, " in %s", id); break;
	case 2: ward_buf_addf(g->out, " is %s", type); break;
	case 3: ward_buf_addf(g->out, " is %s in G::\"g\"", type); break;
	default: break;
	}
}

static TAP_UNUSED void gen_policy(struct gen *g)
{
	ward_buf_adds(g->out, gen_next(g, 3) > 0 ? "permit(" : "forbid(");
	gen_scope(g, "principal", gen_users, WARD_ARRAY_SIZE(gen_users), "U");
	ward_buf_adds(g->out, ", action");
	if (gen_next(g, 4) == 0)
		ward_buf_addf(g->out, gen_next(g, 2) > 0 ? " == %s" : " in [%s, Action::\"all\"]", GEN_PICK(g, gen_actions));
	ward_buf_adds(g->out, ", ");
	gen_scope(g, "resource", gen_files, WARD_ARRAY_SIZE(gen_files), "F");
	ward_buf_addc(g->out, ')');
	for (uint32_t n = gen_next(g, 3); n > 0; n--) {
		ward_buf_adds(g->out, gen_next(g, 3) > 0 ? " when { " : " unless { ");
		gen_expr(g, 'B', (int)gen_next(g, 5));
		ward_buf_adds(g->out, " }");
	}
	ward_buf_adds(g->out, ";\n");
}
