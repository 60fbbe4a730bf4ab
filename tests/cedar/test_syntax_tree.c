/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of policy text: what they hold, where things stand, how they are printed and compared. What the official engine
 * answered to the same texts is replayed where that data is there.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/value/value.h"
#include "syntax_util.h"

static const struct cedar_policy *policy(const char *text)
{
	int r = policies(text, strlen(text));

	return r == WARD_OK && list.n == 1 ? list.v[0] : NULL;
}

static const struct cedar_expr *expr(const char *text)
{
	const struct cedar_expr *x = NULL;

	fresh();
	(void)ward_cedar_parse_expr(pool, ward_str(text), NULL, &x, &diags);
	return x;
}

static const char *said(void)
{
	return diags.n > 0 ? diags.v[0].message : "(nothing)";
}

/* ---- trees ---- */

TEST(texts_mean_what_they_say)
{
	/* clang-format off */
	static const struct { const char *text, *want; size_t n; } rows[] = {
		{ "\"\\u{00_00_41_}\\x42\\0c\"", "AB\0c", 4 },
		{ "\"\\n\\r\\t\\\\\\'\\\"\"", "\n\r\t\\'\"", 6 },
		{ "\"\\u{7ff}\\u{800}\\u{ffff}\\u{10000}\\u{10FFFF}\"",
			"\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 16 },
		{ "\"//x\"", "//x", 3 },
	};
	/* clang-format on */
	const struct cedar_expr *x;

	TABLE(row, rows) {
		CASE("%s", row->text);
		x = expr(row->text);
		REQUIRE(x != NULL && x->kind == CEDAR_X_STRING);
		CHECK_EQ_SIZE(x->str->n, row->n);
		CHECK(memcmp(x->str->s, row->want, row->n) == 0);
	}
	x = expr("\"x\" like \"*\\*\\u{2a}\\x2a\\\\*a\"");
	REQUIRE(x != NULL && x->kind == CEDAR_X_LIKE);
	CHECK_STR_EQ(x->pattern->s,
		"\xff*\xff\xff\\\xff"
		"a");
}

TEST(numbers_mean_what_they_say)
{
	/* clang-format off */
	static const struct { const char *text; int kind; int64_t number; } rows[] = {
		{ "007", CEDAR_X_LONG, 7 },
		{ "-1", CEDAR_X_LONG, -1 },
		{ "- 0", CEDAR_X_LONG, 0 },
		{ "-9223372036854775808", CEDAR_X_LONG, INT64_MIN },
		{ "9223372036854775807", CEDAR_X_LONG, INT64_MAX },
		{ "--1", CEDAR_X_NEG, -1 },
		{ "-(1)", CEDAR_X_NEG, 1 },
		{ "----1", CEDAR_X_NEG, -1 },
	};
	/* clang-format on */

	TABLE(row, rows) {
		const struct cedar_expr *x = expr(row->text);

		CASE("%s", row->text);
		REQUIRE(x != NULL);
		CHECK_EQ_INT(x->kind, row->kind);
		while (x->kind == CEDAR_X_NEG)
			x = x->a;
		CHECK_EQ_INT(x->kind, CEDAR_X_LONG);
		CHECK_EQ_INT(x->number, row->number);
	}
}

TEST(surface_forms_stay)
{
	const struct cedar_expr *x = expr("(1 > 2) != {\"a\": 1, b: context[\"c\"] has d.e}");

	REQUIRE(x != NULL);
	CHECK_EQ_INT(x->kind, CEDAR_X_NE);
	CHECK_EQ_INT(x->a->kind, CEDAR_X_GT);
	CHECK_EQ_INT(x->a->parens, 1);
	CHECK_EQ_INT(x->b->kind, CEDAR_X_RECORD);
	CHECK(x->b->fields[0].quoted && !x->b->fields[1].quoted);
	x = x->b->fields[1].x;
	CHECK_EQ_INT(x->kind, CEDAR_X_HAS);
	CHECK_EQ_UINT(x->n, 2);
	CHECK_STR_EQ(x->names[1]->s, "e");
	CHECK_EQ_INT(x->a->flags, CEDAR_QUOTED);

	x = expr("(true && false) && (true && true) && true");
	REQUIRE(x != NULL && x->kind == CEDAR_X_AND);
	CHECK_EQ_UINT(x->n, 3);
	CHECK_EQ_INT(x->v[0]->kind, CEDAR_X_AND);
	CHECK_EQ_INT(x->v[1]->kind, CEDAR_X_AND);
	x = expr("decimal(\"1\").lessThan(1, 2)");
	REQUIRE(x != NULL && x->kind == CEDAR_X_CALL);
	CHECK_EQ_UINT(x->n, 3);
	CHECK_EQ_INT(x->aux, CEDAR_FN_LESS_THAN);
	x = expr("principal is A :: B in context.a");
	REQUIRE(x != NULL && x->kind == CEDAR_X_IS);
	CHECK_STR_EQ(x->is->type->s, "A::B");
	CHECK_EQ_UINT(x->is->type_at.start, 13);
	CHECK_EQ_UINT(x->is->type_at.end, 19);
}

/* ---- places ---- */

TEST(places)
{
	/* The node that path leads to (a, b: operands; 0-9: elements), and the text it has. */
	/* clang-format off */
	static const struct { const char *text, *path, *want; } rows[] = {
		{ " 1 ", "", "1" },
		{ "((1))", "", "1" },
		{ "-1", "", "1" },
		{ "--1", "", "--1" },
		{ "(a::\"x\") == (b :: \"y\")", "", "(a::\"x\") == (b :: \"y\")" },
		{ "(a::\"x\") == (b :: \"y\")", "b", "b :: \"y\"" },
		{ "1 + 2 * 3 - 4", "", "1 + 2 * 3 - 4" },
		{ "1 + 2 * 3 - 4", "a", "1 + 2 * 3 - 4" },
		{ "1 + 2 * 3 - 4", "ab", "2 * 3" },
		{ "(1 + 2) - 4", "a", "1 + 2" },
		{ "1 + 2 - 4 // c", "", "1 + 2 - 4" },
		{ "context.a[\"b\"].isEmpty()", "", "context.a[\"b\"].isEmpty()" },
		{ "context.a[\"b\"].isEmpty()", "a", "context.a[\"b\"].isEmpty()" },
		{ "context.a[\"b\"].isEmpty()", "aa", "context.a[\"b\"].isEmpty()" },
		{ "context.a[\"b\"].isEmpty()", "aaa", "context" },
		{ "(context.a).b", "a", "context.a" },
		{ "ip(\"1\").isInRange(ip(\"2\")).c == 1", "aa0", "ip(\"1\").isInRange(ip(\"2\")).c" },
		{ "ip(\"1\").isInRange(ip(\"2\")).c == 1", "aa00", "\"1\"" },
		{ "ip(\"1\").isInRange(ip(\"2\")).c == 1", "aa1", "ip(\"2\")" },
		{ "! context.a && true || 1 < 2", "", "! context.a && true || 1 < 2" },
		{ "! context.a && true || 1 < 2", "0", "! context.a && true" },
		{ "! context.a && true || 1 < 2", "00", "! context.a" },
		{ "! context.a && true || 1 < 2", "1", "1 < 2" },
		{ "(if true then 1 else 2) + 1", "a", "if true then 1 else 2" },
		{ "if true then 1 else 2 + 3 ", "", "if true then 1 else 2 + 3" },
		{ "[1, (2), ]", "", "[1, (2), ]" },
		{ "[1, (2), ]", "1", "2" },
		{ "context has a . b ", "", "context has a . b" },
		{ "\"a\" like \"b\" ", "", "\"a\" like \"b\"" },
		{ "principal is A in B::\"c\" ", "", "principal is A in B::\"c\"" },
	};
	/* clang-format on */

	TABLE(row, rows) {
		const struct cedar_expr *x = expr(row->text);
		char got[64];

		CASE("%s %s", row->text, row->path);
		REQUIRE(x != NULL);
		for (const char *p = row->path; *p != '\0'; p++)
			x = *p == 'a' ? x->a : *p == 'b' ? x->b : x->v[*p - '0'];
		snprintf(got, sizeof(got), "%.*s", (int)(x->end - x->start), row->text + x->start);
		CHECK_STR_EQ(got, row->want);
	}
}

static void check_place(const char *text, uint32_t start, uint32_t end, const char *want)
{
	char got[256];

	snprintf(got, sizeof(got), "%.*s", (int)(end - start), text + start);
	CHECK_STR_EQ(got, want);
}

TEST(places_in_policies)
{
	static const char text[] =
		" @b(\"x\") @a permit (principal is A::B in (C::\"d\"), action in "
		"[Action::\"e\", Action::\"f\"], resource == ?resource) when { 1 } "
		"unless { (2) } ; // end";
	const struct cedar_policy *p = policy(text);

	REQUIRE(p != NULL);
	check_place(text, p->start, p->end,
		"@b(\"x\") @a permit (principal is A::B in (C::\"d\"), action "
		"in [Action::\"e\", Action::\"f\"], resource == ?resource) when { 1 } unless { (2) } ;");
	REQUIRE(p->n_annotations == 2 && p->n_conditions == 2 && p->action.n == 2);
	CHECK_STR_EQ(p->annotations[0].key->s, "a"); /* ordered by key */
	CHECK_NULL(p->annotations[0].value);
	check_place(text, p->annotations[1].start, p->annotations[1].end, "@b(\"x\")");
	check_place(text, p->principal.start, p->principal.end, "principal is A::B in (C::\"d\")");
	check_place(text, p->principal.type_at.start, p->principal.type_at.end, "A::B");
	check_place(text, p->principal.uid_at.start, p->principal.uid_at.end, "C::\"d\"");
	check_place(text, p->action.start, p->action.end,
		"action in [Action::\"e\", Action::\"f\"]");
	check_place(text, p->action.at[1].start, p->action.at[1].end, "Action::\"f\"");
	check_place(text, p->resource.uid_at.start, p->resource.uid_at.end, "?resource");
	check_place(text, p->resource.start, p->resource.end, "resource == ?resource");
	check_place(text, p->conditions[0].start, p->conditions[0].end, "when { 1 }");
	check_place(text, p->conditions[1].body->start, p->conditions[1].body->end, "2");
	CHECK(p->conditions[1].unless && p->is_template && p->action.list);
	CHECK_EQ_INT(p->effect, CEDAR_PERMIT);
	CHECK_EQ_INT(p->principal.op, CEDAR_SCOPE_IS_IN);
	CHECK_EQ_INT(p->action.op, CEDAR_SCOPE_IN);
	CHECK(p->resource.slot && p->resource.uid == NULL);
}

/* ---- text again ---- */

/* The first is printed as the second (NULL: as it is), which means the same and is printed as itself. */
struct printed {
	const char *text, *want;
};

/* clang-format off */
static const struct printed printed_expressions[] = {
	{ "1", NULL }, { "-1", "(-1)" }, { "-(1)", NULL }, { "--1", "-((-1))" }, { "!!true", "!(!true)" },
	{ "-9223372036854775808", "(-9223372036854775808)" }, { "(-1)[\"a\"]", "(-1).a" },
	{ "1+2-3*4", "(1 + 2) - (3 * 4)" }, { "1+2+3", "1 + 2 + 3" }, { "1+(2+3)", "1 + (2 + 3)" },
	{ "1-2-3", "1 - 2 - 3" }, { "1*2*3", "1 * 2 * 3" }, { "(1+2)*3- -4", "((1 + 2) * 3) - (-4)" },
	{ "true&&false&&true", "true && false && true" }, { "true&&(false&&true)", "true && (false && true)" },
	{ "(true&&false)&&true", "true && false && true" }, { "(true||false)||true", "true || false || true" },
	{ "true||false&&true", "true || (false && true)" }, { "!(true)", "!true" }, { "!context.a", NULL },
	{ "(!context).a", NULL }, { "(1 < 2) == true", NULL }, { "1>2", "1 > 2" }, { "1>=2", "1 >= 2" }, { "1!=2", "1 != 2" },
	{ "context[\"a b\"].c", NULL }, { "context[\"c\"]", "context.c" }, { "context[\"if\"]", NULL },
	{ "context[\"__cedar\"]", NULL }, { "context has \"a\"", "context has a" }, { "context has \"a b\"", NULL },
	{ "context has a.b.c", NULL }, { "(context has a) has b", NULL }, { "principal is A::B in C::\"d\"", NULL },
	{ "(principal is A) in (1+2)", "(principal is A) in (1 + 2)" }, { "principal is A in 1+2", "principal is A in (1 + 2)" },
	{ "if true then 1 else if false then 2 else 3", NULL }, { "(if true then 1 else 2)+1", "(if true then 1 else 2) + 1" },
	{ "if (if true then true else false) then 1 else 2", "if if true then true else false then 1 else 2" },
	{ "[1, A::\"x\", [2]]", NULL }, { "[]", NULL }, { "{}", NULL }, { "{b:1,\"a\":2,\"c d\":3}", "{a: 2, b: 1, \"c d\": 3}" },
	{ "{\"in\": 1}", NULL }, { "[1].contains(1+2)", "[1].contains(1 + 2)" }, { "(1+2).isEmpty()", "(1 + 2).isEmpty()" },
	{ "context.getTag(\"a\").containsAll([]).containsAny(1).hasTag(2)", NULL },
	{ "ip(\"1\").isInRange(ip(\"2\"))", NULL }, { "(1+2).lessThan(3,4+5)", "(1 + 2).lessThan(3, 4 + 5)" },
	{ "decimal()", NULL }, { "(1).isIpv4()", "1.isIpv4()" },
	{ "\"a\\\"b\\u{41}\\n\"", "\"a\\\"bA\\n\"" }, { "\"x\" like \"a\\*b*\"", NULL }, { "\"x\" like \"\\x2a\\\\*'\"", "\"x\" like \"*\\\\*\\'\"" },
	{ "A :: \"x\"", "A::\"x\"" }, { "((context)).a", "context.a" }, { "{a: {b: 1}}.a.b", NULL },
};
static const struct printed printed_policies[] = {
	{ "permit(principal,action,resource);", "permit(principal, action, resource);" },
	{ "forbid(principal == A::\"x\",action == B::Action::\"y\",resource in C::D::\"z\");",
		"forbid(principal == A::\"x\", action == B::Action::\"y\", resource in C::D::\"z\");" },
	{ "@b(\"c\\n\") @a permit(principal is A in B::\"x\",action in [Action::\"a\"],resource is D) unless {true} when {1};",
		"@a\n@b(\"c\\n\")\npermit(principal is A in B::\"x\", action in Action::\"a\", resource is D) unless { true } when { 1 };" },
	{ "permit(principal == ?principal,action in [],resource in ?resource);",
		"permit(principal == ?principal, action in [], resource in ?resource);" },
	{ "permit(principal is A in ?principal,action in [Action::\"a\",Action::\"b\"],resource);",
		"permit(principal is A in ?principal, action in [Action::\"a\", Action::\"b\"], resource);" },
};
/* clang-format on */

TEST(expressions_are_printed)
{
	TABLE(row, printed_expressions) {
		const char *want = row->want != NULL ? row->want : row->text;
		const struct cedar_expr *x = expr(row->text), *again = NULL;
		struct ward_buf b = { 0 };

		CASE("%s", row->text);
		REQUIRE(x != NULL);
		ward_cedar_print_expr(&b, x);
		CHECK_STR_EQ(ward_buf_cstr(&b), want);
		CHECK_EQ_INT(ward_cedar_parse_expr(pool, (struct ward_str){ b.s, b.n }, NULL,
				     &again, &diags),
			WARD_OK);
		REQUIRE(again != NULL);
		CHECK(ward_cedar_expr_eq(x, again) && ward_cedar_expr_eq(again, x));
		ward_buf_clear(&b);
		ward_cedar_print_expr(&b, again);
		CHECK_STR_EQ(ward_buf_cstr(&b), want);
		ward_buf_done(&b);
	}
}

TEST(policies_are_printed)
{
	TABLE(row, printed_policies) {
		const struct cedar_policy *p = policy(row->text);
		struct ward_buf b = { 0 };

		CASE("%s", row->text);
		REQUIRE(p != NULL);
		ward_cedar_print_policy(&b, p);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->want);
		CHECK_EQ_INT(ward_cedar_parse_policies(pool, (struct ward_str){ b.s, b.n }, NULL,
				     &list, &diags),
			WARD_OK);
		REQUIRE(list.n == 2);
		CHECK(ward_cedar_policy_eq(list.v[0], list.v[1]));
		ward_buf_done(&b);
	}
}

TEST(unknowns_and_slots_are_printed)
{
	struct cedar_expr *x;
	struct ward_buf b = { 0 };

	fresh();
	x = ward_cedar_expr_new(pool, CEDAR_X_UNKNOWN, NULL);
	REQUIRE(x != NULL);
	x->str = ward_cedar_intern(pool, "a\"", 2);
	ward_cedar_print_expr(&b, x);
	x = ward_cedar_expr_new(pool, CEDAR_X_SLOT, NULL);
	REQUIRE(x != NULL);
	x->aux = CEDAR_SLOT_RESOURCE;
	ward_cedar_print_expr(&b, x);
	CHECK_STR_EQ(ward_buf_cstr(&b), "unknown(\"a\\\"\")?resource");
	ward_buf_done(&b);
}

TEST(values_are_printed_and_compared)
{
	struct cedar_value v[] = { { .tag = CEDAR_V_LONG, .number = -7 },
		{ .tag = CEDAR_V_DECIMAL, .number = 12345 } };
	struct cedar_expr *x[2];
	struct ward_buf b = { 0 };

	fresh();
	for (size_t i = 0; i < 2; i++) {
		x[i] = ward_cedar_expr_new(pool, CEDAR_X_VALUE, NULL);
		REQUIRE(x[i] != NULL);
		x[i]->value = &v[i];
		ward_cedar_print_expr(&b, x[i]);
	}
	CHECK(ward_cedar_expr_eq(x[0], x[0]));
	CHECK(!ward_cedar_expr_eq(x[0], x[1]));
	CHECK_STR_EQ(ward_buf_cstr(&b), "(-7)decimal(\"1.2345\")");
	ward_buf_done(&b);
}

/* ---- equality, depth, children ---- */

TEST(equality)
{
	/* clang-format off */
	static const struct { const char *a, *b; bool same; } rows[] = {
		{ "true && (false) && true", "(true && false) && true", true },
		{ "((true && false) && true) && 1", "true && false && true && 1", true },
		{ "true && (false && true)", "true && false && true", false },
		{ "(true || false) || 1", "true || false || 1", true },
		{ "(true || false) && 1", "true || false && 1", false },
		{ "true && false", "true && false && true", false },
		{ "{a: 1, \"b\": 2}", "{b: 2, a: 1}", true },
		{ "{a: 1, b: 2}", "{a: 2, b: 1}", false },
		{ "{a: 1}", "{a: 1, b: 1}", false },
		{ "{a: 1}", "{b: 1}", false },
		{ "{a:1,b:2,c:3,d:4,e:5,f:6,g:7,h:8,i:9,j:10,k:11,l:12,m:13,n:14,o:15,p:16,q:17}",
			"{q:17,a:1,b:2,c:3,d:4,e:5,f:6,g:7,h:8,i:9,j:10,k:11,l:12,m:13,n:14,o:15,p:16}", true },
		{ "{a:1,b:2,c:3,d:4,e:5,f:6,g:7,h:8,i:9,j:10,k:11,l:12,m:13,n:14,o:15,p:16,q:17}",
			"{q:18,a:1,b:2,c:3,d:4,e:5,f:6,g:7,h:8,i:9,j:10,k:11,l:12,m:13,n:14,o:15,p:16}", false },
		{ "[1, 2]", "[2, 1]", false },
		{ "[1, 2]", "[1]", false },
		{ "context[\"a\"]", "context.a", true },
		{ "context.a", "context.b", false },
		{ "context has \"a\"", "context has a", true },
		{ "context has a.b", "context has a", false },
		{ "context has a.b", "context has a.c", false },
		{ "1 > 2", "2 < 1", false },
		{ "1 < 2", "1 < 3", false },
		{ "-(1)", "-1", false },
		{ "!true", "!false", false },
		{ "principal", "resource", false },
		{ "\"a\"", "\"b\"", false },
		{ "A::\"x\"", "A :: \"x\"", true },
		{ "A::\"x\"", "B::\"x\"", false },
		{ "\"a\" like \"*\"", "\"a\" like \"\\u{2a}\"", true },
		{ "\"a\" like \"*\"", "\"a\" like \"\\*\"", false },
		{ "1 is A", "1 is B", false },
		{ "1 is A", "1 is A in 2", false },
		{ "1 is A in 2", "1 is A in 2", true },
		{ "1 is A in 2", "1 is A in 3", false },
		{ "ip(\"1\")", "decimal(\"1\")", false },
		{ "ip(\"1\")", "ip(\"1\", 2)", false },
		{ "if true then 1 else 2", "if true then 1 else 3", false },
	};
	/* clang-format on */

	TABLE(row, rows) {
		const struct cedar_expr *a = expr(row->a), *b = NULL;

		CASE("%s, %s", row->a, row->b);
		REQUIRE(a != NULL);
		REQUIRE(ward_cedar_parse_expr(pool, ward_str(row->b), NULL, &b, &diags) == WARD_OK);
		CHECK(ward_cedar_expr_eq(a, b) == row->same);
		CHECK(ward_cedar_expr_eq(b, a) == row->same);
		CHECK(ward_cedar_expr_eq(a, a));
	}
}

TEST(equality_of_policies)
{
	static const char *const all[] = {
		"permit(principal,action,resource);",
		"forbid(principal,action,resource);",
		"@a permit(principal,action,resource);",
		"@a(\"\") permit(principal,action,resource);",
		"@a(\"b\") permit(principal,action,resource);",
		"@b permit(principal,action,resource);",
		"permit(principal is A,action,resource);",
		"permit(principal is B,action,resource);",
		"permit(principal in A::\"x\",action,resource);",
		"permit(principal == A::\"x\",action,resource);",
		"permit(principal == A::\"y\",action,resource);",
		"permit(principal == ?principal,action,resource);",
		"permit(principal,action,resource is A);",
		"permit(principal,action == Action::\"x\",resource);",
		"permit(principal,action in Action::\"x\",resource);",
		"permit(principal,action in [Action::\"y\"],resource);",
		"permit(principal,action in [],resource);",
		"permit(principal,action,resource) when {1};",
		"permit(principal,action,resource) unless {1};",
		"permit(principal,action,resource) when {2};",
		"permit(principal,action,resource) when {2} when {2};",
	};
	struct ward_buf b = { 0 };

	TABLE(row, all)
		ward_buf_adds(&b, *row);
	CHECK_EQ_INT(policies(b.s, b.n), WARD_OK);
	CHECK_EQ_INT(ward_cedar_parse_policies(pool, (struct ward_str){ b.s, b.n }, NULL, &list,
			     &diags),
		WARD_OK);
	REQUIRE(list.n == 2 * WARD_ARRAY_SIZE(all));
	for (size_t i = 0; i < list.n; i++) {
		for (size_t k = 0; k < list.n; k++)
			CHECK(ward_cedar_policy_eq(list.v[i], list.v[k]) ==
				(i % WARD_ARRAY_SIZE(all) == k % WARD_ARRAY_SIZE(all)));
	}
	ward_buf_done(&b);
	/* A list of one action is that action. */
	CHECK_EQ_INT(policies("permit(principal,action in [Action::\"x\"],resource);"
			      "permit(principal,action in Action::\"x\",resource);",
			     100),
		WARD_OK);
	REQUIRE(list.n == 2);
	CHECK(ward_cedar_policy_eq(list.v[0], list.v[1]));
}

static int note_kind(const struct cedar_expr *child, void *arg)
{
	struct ward_buf *b = arg;

	if (child->kind == CEDAR_X_STRING)
		return -7;
	ward_cedar_print_expr(b, child);
	ward_buf_addc(b, ';');
	return 0;
}

TEST(children_and_depth)
{
	/* clang-format off */
	static const struct { const char *text, *children; unsigned depth; } rows[] = {
		{ "1", "", 1 },
		{ "1 + 2", "1;2;", 2 },
		{ "1 + 2 + 3", "1 + 2;3;", 3 },
		{ "true && 1 && 2", "true;1;2;", 2 },
		{ "if 1 then 2 else 3", "1;2;3;", 2 },
		{ "principal is A in 2", "principal;2;", 2 },
		{ "principal is A", "principal;", 2 },
		{ "context.a.b", "context.a;", 3 },
		{ "{a: 1, b: {c: 2}}", "1;{c: 2};", 3 },
		{ "[1, [2]]", "1;[2];", 3 },
		{ "1.lessThan(2)", "1;2;", 2 },
		{ "1.isEmpty()", "1;", 2 },
		{ "!(((1)))", "1;", 2 },
		{ "[1, \"x\", 2]", "1;", 2 },
	};
	/* clang-format on */

	TABLE(row, rows) {
		const struct cedar_expr *x = expr(row->text);
		struct ward_buf b = { 0 };

		CASE("%s", row->text);
		REQUIRE(x != NULL);
		CHECK_EQ_INT(ward_cedar_expr_children(x, note_kind, &b),
			strchr(row->text, '"') != NULL ? -7 : 0);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->children);
		CHECK_EQ_UINT(ward_cedar_expr_depth(x), row->depth);
		ward_buf_done(&b);
	}
}

/* ---- what the official engine said ---- */

static struct ward_json *vectors(struct ward_arena *a, const char *name)
{
	const char *data = getenv("WARD_CEDAR_DATA");
	const struct ward_json_options o = {
		.bytes_max = 1u << 26, .depth_max = 200, .nul_ok = true
	};
	struct ward_buf b = { .max = 1u << 26 };
	struct ward_json *j = NULL;
	struct ward_error err;
	char path[4096], part[65536];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/probes/%s.json",
		data != NULL ? data : WARD_SOURCE_ROOT "/../shared/cedar-conformance", name);
	f = fopen(path, "rb");
	if (f == NULL)
		return NULL;
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		ward_buf_add(&b, part, n);
	fclose(f);
	if (ward_json_parse_with(a, b.s, b.n, path, &o, &j, &err) != WARD_OK)
		FAIL("%s", err.message);
	ward_buf_done(&b);
	return j;
}

/* Verdict, and the message where the engine's does not show a control character as it is. */
static void replay(const char *name, const char *before, const char *after)
{
	static const char prefix[] = "failed to parse policies from string: ";
	struct ward_arena *a = ward_arena_new(1u << 28);
	const struct cedar_parse_options o = { .unknowns = true };
	const struct ward_json *j = a != NULL ? vectors(a, name) : NULL;

	if (j == NULL) {
		ward_arena_free(a);
		SKIP("the conformance data is not there: set WARD_CEDAR_DATA");
	}
	for (const struct ward_json *v = ward_json_get(j, "vectors")->child; v != NULL;
		v = v->next) {
		struct ward_str in = ward_json_get(v, "input")->str;
		const struct ward_json *m = ward_json_get(v, "message");
		struct ward_buf b = { 0 };
		bool ok;

		CASE("%.*s", (int)in.n, in.s);
		ward_buf_adds(&b, before);
		ward_buf_add(&b, in.s, in.n);
		ward_buf_adds(&b, after);
		fresh();
		ok = ward_cedar_parse_policies(pool, (struct ward_str){ b.s, b.n }, &o, &list,
			     &diags) == WARD_OK;
		CHECK_MSG(ok == ward_json_get(v, "ok")->b, "%s", said());
		if (!ok && m != NULL && strchr(m->str.s, '\r') == NULL)
			CHECK_STR_EQ(said(), m->str.s + sizeof(prefix) - 1);
		ward_buf_done(&b);
	}
	ward_arena_free(a);
}

TEST(official_expressions)
{
	replay("parse-expr", "permit(principal,action,resource) when {", "};");
}

TEST(official_policies)
{
	replay("parse-policy", "", "");
}

TEST(official_texts)
{
	struct ward_arena *a = ward_arena_new(1u << 28);
	const struct ward_json *j = a != NULL ? vectors(a, "policy-json") : NULL;

	if (j == NULL) {
		ward_arena_free(a);
		SKIP("the conformance data is not there: set WARD_CEDAR_DATA");
	}
	for (const struct ward_json *v = ward_json_get(j, "vectors")->child; v != NULL;
		v = v->next) {
		const struct cedar_policy *p = policy(ward_json_get(v, "cedar")->str.s);
		struct ward_buf b = { 0 };

		CASE("%s", ward_json_get(v, "cedar")->str.s);
		REQUIRE(p != NULL);
		ward_cedar_print_policy(&b, p);
		CHECK_STR_EQ(ward_buf_cstr(&b), ward_json_get(v, "cedar_again")->str.s);
		ward_buf_done(&b);
	}
	ward_arena_free(a);
}

TAP_MAIN();
