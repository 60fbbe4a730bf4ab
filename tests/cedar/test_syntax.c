/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of policy text: what it takes, what it refuses and how it says so, and its limits. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/alloc_fail.h"
#include "syntax_util.h"

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

TEST(expressions_taken)
{
	/* clang-format off */
	static const char *const rows[] = {
		/* numbers and signs */
		"-9223372036854775808", "- 9223372036854775808", "--9223372036854775808", "9223372036854775807", "007",
		"1+-1==0", "1 - -1", "-5.foo", "(-1).a", "-(1)", "-//c\n1", "----1 == 1", "!!!!true", "context.a-1 == 1",
		/* names that are words elsewhere */
		"context.principal", "context.when", "context has principal", "context has permit.when", "{permit:1}=={}",
		"{principal: 1, \"a b\": 2}", "principal::\"x\"==principal", "permit::\"x\"==principal",
		"principal is principal", "context.__cedar2", "context[\"if\"]", "context[\"__cedar\"]",
		"context has \"__cedar\"", "{\"if\":1}",
		/* blanks and comments; those of Unicode */
		"User :: \"a\" == principal", "User :: B::\"a\" == principal", "User// c\n::\"a\"==principal",
		"User//c\r::\"a\"", "principal is A :: B", "context . a", "1//", "1//\r//\n",
		"\xc2\xa0\xc2\x85\xe1\x9a\x80\xe2\x80\x83\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\x9f\xe3\x80\x80\v\f\r1",
		/* texts */
		"\"a\" like \"a\\*b\"", "\"a\" like \"\\u{2a}\"", "\"\\x7f\"==\"a\"", "\"\\u{0_1}\"==\"a\"",
		"\"\\u{00_00_41_}\"", "\"\\u{10FFFF}\\u{d7ff}\\u{E000}\"", "\"\\'\\\"\\0\\n\\r\\t\\\\\"", "\"a\nb\"==\"x\"",
		"\"\t\"", "\"\xf0\x9f\x8e\x89\" like \"\xf0\x9f\x8e\x89*\"",
		/* relations */
		"(1<2) == true", "principal has a.b.c", "principal has \"a b\"", "!context.a has b", "-context.a has b",
		"principal is A::B", "principal is A in [A::\"x\"]", "principal is A in 1 + 1",
		"1 < 2 && 3 < 4 || 5 == 5", "a::\"\" in [a::\"\"] && true || false", "principal has a && context.b || true",
		/* lists, records, calls */
		"[1,2,]==[]", "[]", "[[], {}]", "{}", "{a:1,}=={}", "ip(\"1\",)==1", "decimal()", "decimal(\"1\",\"2\")",
		"decimal(\"1.0\").lessThan()", "ip(\"a\").isInRange(ip(\"b\"),ip(\"c\"))", "1.isIpv4()", "true.a",
		"\"abc\".length", "principal.a.contains(1)", "principal.hasTag(\"a\")", "principal.getTag(context.k)",
		"[1].isEmpty()", "datetime(\"2024-01-01\").offset(duration(\"1d\"))",
		/* if */
		"if true then 1 else 2", "(if true then 1 else 2) + 1", "if if true then true else false then 1 else 2",
		"if true then 1 else if false then 2 else 3", "((((1))))",
	};
	/* clang-format on */

	TABLE(row, rows) {
		CASE("%s", *row);
		CHECK_MSG(expr(*row) != NULL, "%s", said());
	}
}

/* ---- what is refused: where, and in which words ---- */

struct refusal {
	const char *text, *message;
	uint32_t start, end;
};

static void check_refusal(const struct refusal *row)
{
	REQUIRE(diags.n >= 1);
	CHECK_STR_EQ(said(), row->message);
	CHECK_EQ_UINT(diags.v[0].start, row->start);
	CHECK_EQ_UINT(diags.v[0].end, row->end);
}

#define RESERVED "this identifier is reserved and cannot be used: "
#define AMBIGUOUS \
	"multiple relational operators (>, ==, in, etc.) must be used with parentheses to make ordering explicit"
#define NO_ESCAPE(s) "the input `" s "` is not a valid escape"

TEST(expressions_refused)
{
	/* clang-format off */
	static const struct refusal rows[] = {
		{ "", "unexpected end of input", 0, 0 },
		{ "9223372036854775808", "integer literal `9223372036854775808` is too large", 0, 19 },
		{ "-(9223372036854775808)", "integer literal `9223372036854775808` is too large", 2, 21 },
		{ "-9223372036854775809", "integer literal `9223372036854775809` is too large", 1, 20 },
		{ "18446744073709551616", "integer parse error: number too large to fit in target type", 0, 20 },
		{ "1 + !!!!!true", "too many occurrences of `!`", 4, 13 },
		{ "-----1", "too many occurrences of `-`", 0, 6 },
		{ "!-1", "unexpected token `-`", 1, 2 },
		{ "-!true", "unexpected token `!`", 1, 2 },
		{ "1 < 2 < 3", AMBIGUOUS, 0, 9 },
		{ "1 in 2 in 3", AMBIGUOUS, 0, 11 },
		{ "1 has a has b", "unexpected token `has`", 8, 11 },
		{ "1 == a::\"\" has b", "unexpected token `has`", 11, 14 },
		{ "principal is A == 1", "unexpected token `==`", 15, 17 },
		{ "\"a\" like \"b\" like \"c\"", "unexpected token `like`", 13, 17 },
		{ "1/2", "division is not supported", 1, 2 },
		{ "1 % 2", "remainder/modulo is not supported", 2, 3 },
		{ "1 = 2", "'=' is not a valid operator in Cedar", 2, 3 },
		{ "1 & 2", "invalid token", 2, 3 },
		{ "principal.a?", "invalid token", 11, 12 },
		{ "'a'", "invalid token", 0, 1 },
		{ "\xc3\xa9 == 1", "invalid token", 0, 2 },
		{ "1 + \"abc", "invalid token", 4, 5 },
		{ "\"a\\\nb\"", "invalid token", 0, 1 },
		{ "\"\\", "invalid token", 0, 1 },
		{ "not true", "unexpected token `true`", 4, 8 },
		{ "1 2", "unexpected token `2`", 2, 3 },
		{ "[,]", "unexpected token `,`", 1, 2 },
		{ "[1 2]", "unexpected token `2`", 3, 4 },
		{ "(1", "unexpected end of input", 2, 2 },
		{ "if true then true", "unexpected end of input", 17, 17 },
		{ "1 + if true then 1 else 2", "unexpected token `true`", 7, 11 },
		{ "if::\"x\"", "unexpected token `\"x\"`", 4, 7 },
		{ "true::\"x\"", "unexpected token `\"x\"`", 6, 9 },
		{ "context.(\"a\")", "unexpected token `(`", 8, 9 },
		{ "A::1", "unexpected token `1`", 3, 4 },
		/* reserved words */
		{ "context.if", RESERVED "if", 8, 10 },
		{ "context.in", RESERVED "in", 8, 10 },
		{ "context has if", RESERVED "if", 12, 14 },
		{ "context has if.a(1)[2]", RESERVED "if", 12, 14 },
		{ "context has true", RESERVED "true", 12, 16 },
		{ "context has a.else", RESERVED "else", 14, 18 },
		{ "in::\"x\"", RESERVED "in", 0, 2 },
		{ "A::if::\"x\"", RESERVED "if", 3, 5 },
		{ "if::a::\"x\"", RESERVED "if", 0, 2 },
		{ "then", RESERVED "then", 0, 4 },
		{ "{if:1}", RESERVED "if", 1, 3 },
		{ "{true:1}", RESERVED "true", 1, 5 },
		{ "{in:1}", RESERVED "in", 1, 3 },
		{ "context.__cedar", "The name `__cedar` contains `__cedar`, which is reserved", 8, 15 },
		{ "A :: __cedar::\"x\"", "The name `A::__cedar` contains `__cedar`, which is reserved", 0, 12 },
		{ "{__cedar:1}", "The name `__cedar` contains `__cedar`, which is reserved", 1, 8 },
		/* texts */
		{ "\"a\\*b\"", NO_ESCAPE("\\*"), 2, 4 },
		{ "A::\"\\*\"", NO_ESCAPE("\\*"), 4, 6 },
		{ "context[\"\\*\"]", NO_ESCAPE("\\*"), 9, 11 },
		{ "context has \"\\*\"", NO_ESCAPE("\\*"), 13, 15 },
		{ "\"\\x80\"", NO_ESCAPE("\\x80"), 1, 5 },
		{ "\"\\x4\"", NO_ESCAPE("\\x4"), 1, 4 },
		{ "\"\\xg1\"", NO_ESCAPE("\\xg"), 1, 4 },
		{ "\"\\x4\xc3\xa9\"", NO_ESCAPE("\\x4\xc3\xa9"), 1, 6 },
		{ "\"\\u{D800}\"", NO_ESCAPE("\\u{D800}"), 1, 9 },
		{ "\"\\u{110000}\"", NO_ESCAPE("\\u{110000}"), 1, 11 },
		{ "\"\\u{1234567}\"", NO_ESCAPE("\\u{1234567}"), 1, 12 },
		{ "\"\\u{}\"", NO_ESCAPE("\\u{}"), 1, 5 },
		{ "\"\\u{_1}\"", NO_ESCAPE("\\u{_"), 1, 5 },
		{ "\"\\u41\"", NO_ESCAPE("\\u4"), 1, 4 },
		{ "\"\\u{41\"", NO_ESCAPE("\\u{41"), 1, 6 },
		{ "\"\\b\"", NO_ESCAPE("\\b"), 1, 3 },
		{ "\"\\\r\"", NO_ESCAPE("\\\\r"), 1, 3 },
		{ "\"a\rb\"", NO_ESCAPE("\\r"), 2, 3 },
		{ "\"a\" like \"\\b\"", NO_ESCAPE("\\b"), 10, 12 },
		/* operands of words */
		{ "principal has \"a\".b", "invalid RHS of a `has` operation: \"a\".b", 14, 19 },
		{ "context has a[\"b\"]", "invalid RHS of a `has` operation: a[\"b\"]", 12, 18 },
		{ "context has a.b().c", "invalid RHS of a `has` operation: a.b().c", 12, 19 },
		{ "context has A::b", "invalid RHS of a `has` operation: A::b", 12, 16 },
		{ "context has a+1", "invalid RHS of a `has` operation: a + 1", 12, 15 },
		{ "context has (a)", "invalid RHS of a `has` operation: (a)", 12, 15 },
		{ "context has -a", "invalid RHS of a `has` operation: -a", 12, 14 },
		{ "principal is \"A\"", "right hand side of an `is` expression must be an entity type name, but got `\"A\"`", 13, 16 },
		{ "principal is (A)", "invalid variable: A", 14, 15 },
		{ "principal is A in A", "invalid variable: A", 18, 19 },
		{ "\"a\" like context.x", "right hand side of a `like` expression must be a pattern literal, but got `context.x`", 9, 18 },
		{ "\"a\" like (\"b\")", "right hand side of a `like` expression must be a pattern literal, but got `\"b\"`", 9, 14 },
		{ "\"a\" like \"b\"+\"c\"", "right hand side of a `like` expression must be a pattern literal, but got `\"b\" + \"c\"`", 9, 16 },
		/* names and calls */
		{ "a", "invalid variable: a", 0, 1 },
		{ "1 + A :: b", "invalid variable: A::b", 4, 10 },
		{ "isIpv4(1)", "`isIpv4` is a method, not a function", 0, 6 },
		{ "contains(1)", "`contains` is a method, not a function", 0, 8 },
		{ "context.ip(\"x\")", "`ip` is a function, not a method", 8, 10 },
		{ "context.foo()", "`foo` is not a valid method", 8, 11 },
		{ "foo(1,)", "`foo` is not a valid function", 0, 3 },
		{ "A::ip(1)", "`A::ip` is not a valid function", 0, 5 },
		{ "unknown(\"x\")", "`unknown` is not a valid function", 0, 7 },
		{ "principal(1)", "`principal(...)` is not a valid function call", 0, 12 },
		{ "(1)(2)", "function calls must be of the form `<name>(arg1, arg2, ...)`", 0, 6 },
		{ "context.a()()", "`a` is not a valid method", 8, 9 },
		{ "a.b", "invalid member access `a.b`, `a` has no fields or methods", 0, 3 },
		{ "a[\"b\"]", "invalid indexing expression `a[\"b\"]`, `a` has no fields", 0, 6 },
		{ "a.b()", "attempted to call `a.b(...)`, but `a` does not have any methods", 0, 5 },
		{ "[1].isEmpty(1)", "call to `isEmpty` requires exactly 0 arguments, but got 1 argument", 0, 14 },
		{ "[1].contains()", "call to `contains` requires exactly 1 argument, but got 0 arguments", 0, 14 },
		{ "context[\"a\"+\"b\"]", "invalid string literal: \"a\" + \"b\"", 8, 15 },
		{ "[1][0]", "invalid string literal: 0", 4, 5 },
		{ "context[(\"a\")]", "invalid string literal: \"a\"", 8, 13 },
		{ "{1:2}", "invalid attribute name: 1", 1, 2 },
		{ "{(a):2}", "invalid variable: a", 2, 3 },
		{ "{A::b:2}", "`A::b` cannot be used as an attribute as it contains a namespace", 1, 5 },
		{ "{\"a\":1,a:2}", "duplicate key `a` in record literal", 0, 11 },
		{ "{a 1}", "unexpected token `1`", 3, 4 },
		{ "User::{uid:\"x\",a:1}", "invalid entity literal: User::{uid: \"x\", a: 1}", 0, 19 },
		{ "User::{uid:x}", "unexpected token `x`", 11, 12 },
		{ "?principal == 1", "found template slot ?principal in a `when` clause", 0, 10 },
		{ "?foo", "`?foo` is not a valid template slot", 0, 4 },
	};
	/* clang-format on */

	TABLE(row, rows) {
		CASE("%s", row->text);
		CHECK_NULL(expr(row->text));
		check_refusal(row);
	}
}

TEST(policies_taken)
{
	/* clang-format off */
	static const struct { const char *text; size_t n; bool template; } rows[] = {
		{ "", 0, false },
		{ "// only a comment", 0, false },
		{ "permit(principal,action,resource,);", 1, false },
		{ "permit(principal,action,resource);forbid(principal,action,resource);", 2, false },
		{ "@if(\"x\") @__cedar @id permit(principal,action,resource);", 1, false },
		{ "@a(\"\")permit(principal,action,resource);", 1, false },
		{ "@permit permit(principal,action,resource);", 1, false },
		{ "permit(principal == A::\"x\",action,resource in B::C::\"y\");", 1, false },
		{ "permit(principal in ((A :: \"x\")),action,resource);", 1, false },
		{ "permit(principal is A::B::C,action,resource is D in E::\"f\");", 1, false },
		{ "permit(principal is principal,action,resource);", 1, false },
		{ "permit(principal == ?principal,action,resource);", 1, true },
		{ "permit(principal,action,resource is A in (?resource));", 1, true },
		{ "permit(principal,action in [],resource);", 1, false },
		{ "permit(principal,action in ([(Action::\"a\"),A::Action::\"b\",]),resource);", 1, false },
		{ "permit(principal,action == (Action::\"a\"),resource);", 1, false },
		{ "permit(principal,action,resource) when {true} unless {false} when {{a:1}};", 1, false },
		{ "permit(principal,action,resource)\xc2\xa0;", 1, false },
		{ "permit(principal,action,resource); // x\r permit(principal,action,resource);", 2, false },
	};
	/* clang-format on */

	TABLE(row, rows) {
		CASE("%s", row->text);
		CHECK_MSG(policies(row->text, strlen(row->text)) == WARD_OK, "%s", said());
		CHECK_EQ_SIZE(list.n, row->n);
		if (list.n == 1)
			CHECK(list.v[0]->is_template == row->template);
	}
}

#define FOUND "expected an entity uid or matching template slot, found "
#define IN_SCOPE(s) "permit(" s ",action,resource);"
#define IN_ACTION(s) "permit(principal," s ",resource);"

TEST(policies_refused)
{
	/* clang-format off */
	static const struct refusal rows[] = {
		{ "permit(principal,action,resource)", "unexpected end of input", 33, 33 },
		{ "permit(principal,action,resource);;", "unexpected token `;`", 34, 35 },
		{ "permit principal", "unexpected token `principal`", 7, 16 },
		{ "permit(principal,,action,resource);", "unexpected token `,`", 17, 18 },
		{ "permit(principal action,resource);", "unexpected token `action`", 17, 23 },
		{ "permit(principal,action);", "this policy is missing the `resource` variable in the scope", 23, 23 },
		{ "permit();", "this policy is missing the `principal` variable in the scope", 6, 6 },
		{ "permit(action,principal,resource);", "found the variable `action` where the variable `principal` must be used", 7, 13 },
		{ "permit(principal,resource,action);", "found the variable `resource` where the variable `action` must be used", 17, 25 },
		{ "permit(principal,action,principal == ?principal);", "found the variable `principal` where the variable `resource` must be used", 24, 47 },
		{ "permit(principal,action,resource,context == 1);", "this policy has an extra element in the scope: context == 1", 33, 45 },
		{ IN_SCOPE("user in A::\"x\""), "found an invalid variable in the policy scope: user", 7, 11 },
		{ "Permit(principal,action,resource);", "invalid policy effect: Permit", 0, 6 },
		{ "permit(principal,action,resource) if {true};", "invalid policy condition: if", 34, 36 },
		{ "permit(principal,action,resource) when {};", "`when` condition clause cannot be empty", 34, 41 },
		{ "permit(principal,action,resource) unless { };", "`unless` condition clause cannot be empty", 34, 44 },
		{ "permit(principal,action,resource) when true;", "unexpected token `true`", 39, 43 },
		{ "permit(principal,action,resource) unless {?resource};", "found template slot ?resource in a `unless` clause", 42, 51 },
		{ "@a(\"x\")@b@a(\"y\")permit(principal,action,resource);", "duplicate annotation: @a", 9, 16 },
		{ "@a(\"x\",\"y\")permit(principal,action,resource);", "unexpected token `,`", 6, 7 },
		{ "@a()permit(principal,action,resource);", "unexpected token `)`", 3, 4 },
		{ "@(\"x\")permit(principal,action,resource);", "unexpected token `(`", 1, 2 },
		{ "@a(\"\\*\")permit(principal,action,resource);", NO_ESCAPE("\\*"), 4, 6 },
		{ "\xef\xbb\xbfpermit(principal,action,resource);", "invalid token", 0, 3 },
		{ "permit /* c */ (principal,action,resource);", "unexpected token `/`", 7, 8 },
		/* principal and resource */
		{ IN_SCOPE("principal == ?resource"), FOUND "?resource instead of ?principal", 20, 29 },
		{ IN_SCOPE("principal == ?foo"), FOUND "?foo instead of ?principal", 20, 24 },
		{ IN_SCOPE("principal == principal"), FOUND "name `principal`", 20, 29 },
		{ IN_SCOPE("principal == A :: b"), FOUND "name `A::b`", 20, 26 },
		{ IN_SCOPE("principal == \"a\""), FOUND "literal `\"a\"`", 20, 23 },
		{ IN_SCOPE("principal == (1)"), FOUND "literal `1`", 20, 23 },
		{ IN_SCOPE("principal == true"), FOUND "literal `true`", 20, 24 },
		{ IN_SCOPE("principal == {}"), FOUND "record initializer", 20, 22 },
		{ IN_SCOPE("principal == context.a"), FOUND "a `.` expression", 20, 29 },
		{ IN_SCOPE("principal == A::\"x\".a"), FOUND "a `.` expression", 20, 28 },
		{ IN_SCOPE("principal == A::\"x\" && true"), FOUND "a `&&` expression", 20, 34 },
		{ IN_SCOPE("principal == A::\"x\" || b"), FOUND "a `||` expression", 20, 31 },
		{ IN_SCOPE("principal == A::\"x\" in B::\"y\""), FOUND "a binary operator", 20, 36 },
		{ IN_SCOPE("principal == A::\"x\" has b"), FOUND "a `has` expression", 20, 32 },
		{ IN_SCOPE("principal == \"x\" like \"x\""), FOUND "a `like` expression", 20, 32 },
		{ IN_SCOPE("principal == A::\"x\" is A"), FOUND "an `is` expression", 20, 31 },
		{ IN_SCOPE("principal == 1 + 1"), FOUND "a `+/-` expression", 20, 25 },
		{ IN_SCOPE("principal == 1 * 1"), FOUND "a `*` expression", 20, 25 },
		{ IN_SCOPE("principal == !true"), FOUND "a `!` expression", 20, 25 },
		{ IN_SCOPE("principal == if true then 1 else 2"), FOUND "an `if` expression", 20, 41 },
		{ IN_SCOPE("principal == A::\"\\b\""), NO_ESCAPE("\\b"), 24, 26 },
		{ IN_SCOPE("principal == A::if::\"b\""), RESERVED "if", 23, 25 },
		{ IN_SCOPE("principal == A::{}"), "invalid entity literal: A::{}", 20, 25 },
		{ IN_SCOPE("principal in [A::\"x\"]"), "expected single entity uid or template slot, found set of entity uids", 20, 28 },
		{ IN_SCOPE("principal in X::\"b\" is User"), "when `is` and `in` are used together, `is` must come first", 20, 34 },
		{ IN_SCOPE("principal is A == A::\"x\""), "`is` cannot be used together with `==`", 7, 31 },
		{ IN_SCOPE("principal is ?principal"), "right hand side of an `is` expression must be an entity type name, but got `?principal`", 20, 30 },
		{ IN_SCOPE("principal is \"A\""), "right hand side of an `is` expression must be an entity type name, but got `\"A\"`", 20, 23 },
		{ IN_SCOPE("principal : User"), "type constraints using `:` are not supported", 19, 23 },
		{ IN_SCOPE("principal : User::\"x\""), "unexpected token `\"x\"`", 25, 28 },
		{ IN_SCOPE("principal != A::\"x\""), "invalid operator in the policy scope: !=", 17, 19 },
		{ IN_SCOPE("principal >= A::\"x\""), "invalid operator in the policy scope: >=", 17, 19 },
		{ IN_SCOPE("principal = A::\"x\""), "'=' is not a valid operator in Cedar", 17, 18 },
		{ IN_SCOPE("principal has a"), "unexpected token `has`", 17, 20 },
		/* action */
		{ IN_ACTION("action == User::\"a\""), "expected an entity uid with type `Action` but got `User::\"a\"`", 27, 36 },
		{ IN_ACTION("action == Action::A::\"x\""), "expected an entity uid with type `Action` but got `Action::A::\"x\"`", 27, 41 },
		{ IN_ACTION("action in [A::\"1\",Action::\"2\",B::\"3\"]"), "expected entity uids with type `Action` but got `A::\"1\"` and `B::\"3\"`", 28, 34 },
		{ IN_ACTION("action in [A::\"1\",B::\"2\",C::\"3\"]"), "expected entity uids with type `Action` but got `A::\"1\"`, `B::\"2\"`, and `C::\"3\"`", 28, 34 },
		{ IN_ACTION("action is X"), "`is` cannot appear in the action scope", 17, 28 },
		{ IN_ACTION("action in Action::\"a\" is X"), "`is` cannot appear in the action scope", 27, 43 },
		{ IN_ACTION("action == ?action"), "expected single entity uid, found template slot", 27, 34 },
		{ IN_ACTION("action in ?action"), "expected single entity uid or set of entity uids, found template slot", 27, 34 },
		{ IN_ACTION("action == [Action::\"x\"]"), "expected single entity uid, found set of entity uids", 27, 40 },
		{ IN_ACTION("action in [[Action::\"x\"]]"), "expected single entity uid, found set of entity uids", 28, 41 },
		{ IN_ACTION("action in [Action::\"x\",1]"), "expected an entity uid, found literal `1`", 40, 41 },
		{ IN_ACTION("action in [Action::\"x\" Action::\"y\"]"), "unexpected token `Action`", 40, 46 },
		{ IN_ACTION("action in \"x\""), "expected an entity uid or set of entity uids, found literal `\"x\"`", 27, 30 },
		{ IN_ACTION("action < Action::\"x\""), "invalid operator in the action scope: <", 24, 25 },
	};
	/* clang-format on */

	TABLE(row, rows) {
		CASE("%s", row->text);
		CHECK_EQ_INT(policies(row->text, strlen(row->text)), WARD_E_PARSE);
		CHECK_EQ_SIZE(list.n, 0);
		check_refusal(row);
	}
}

TEST(several_findings)
{
	static const char text[] = "permit(principal, action);\n" /* missing resource */
				   "forbid(principal, action, resource) when { 1 + };\n"
				   "permit(principal, action, resource) when { foo && \"\\q\" };\n"
				   "permit(principal, action, resource);\n"
				   "@x permit(principal, action, resource) when { a ' b };\n"
				   "permit(principal, action, resource) when { b 7 };\n";
	/* clang-format off */
	static const char *const want[] = {
		"this policy is missing the `resource` variable in the scope", "unexpected token `}`",
		"invalid variable: foo", NO_ESCAPE("\\q"), "invalid token", "unexpected token `7`",
	};
	/* clang-format on */

	CHECK_EQ_INT(policies(text, strlen(text)), WARD_E_PARSE);
	REQUIRE(diags.n == WARD_ARRAY_SIZE(want));
	CHECK_EQ_SIZE(diags.errors, diags.n);
	for (size_t i = 0; i < diags.n; i++)
		CHECK_STR_EQ(diags.v[i].message, want[i]);
	CHECK_STR_EQ(diags.v[1].help, "expected an expression");

	/* A text that does not end swallows the rest; nothing of it is reported again. */
	CHECK_EQ_INT(policies("permit(\"); permit(;", 19), WARD_E_PARSE);
	CHECK_EQ_SIZE(diags.n, 1);
	CHECK_STR_EQ(said(), "invalid token");
	CHECK_STR_EQ(diags.v[0].help, "try checking that all strings are closed properly");

	/* Without a list of findings the answer is the same. */
	fresh();
	CHECK_EQ_INT(ward_cedar_parse_policies(pool, WARD_STR("permit(a);b"), NULL, &list, NULL),
		WARD_E_PARSE);
}

TEST(findings_have_a_maximum)
{
	struct ward_buf b = { 0 };

	for (int i = 0; i < 300; i++)
		ward_buf_adds(&b, "permit(a,b,c);permit(;");
	CHECK_EQ_INT(policies(b.s, b.n), WARD_E_PARSE);
	CHECK_EQ_SIZE(diags.n, WARD_CEDAR_DIAGS_MAX);
	CHECK(diags.dropped > 500);
	ward_buf_done(&b);
}

/* ---- ids, options ---- */

TEST(ids)
{
	const struct cedar_parse_options o = { .id_prefix = "p", .first = 9 };
	const char *text = "permit(principal,action,resource);permit(principal == ?principal,"
			   "action,resource);";

	CHECK_EQ_INT(policies(text, strlen(text)), WARD_OK);
	REQUIRE(list.n == 2);
	CHECK_STR_EQ(list.v[0]->id->s, "policy0");
	CHECK_STR_EQ(list.v[1]->id->s, "policy1");
	/* What is there stays: after success, and after failure. */
	CHECK_EQ_INT(ward_cedar_parse_policies(pool, ward_str(text), &o, &list, &diags), WARD_OK);
	REQUIRE(list.n == 4);
	CHECK_STR_EQ(list.v[2]->id->s, "p9");
	CHECK_STR_EQ(list.v[3]->id->s, "p10");
	CHECK_EQ_INT(ward_cedar_parse_policies(pool,
			     WARD_STR("permit(principal,action,resource);permit();"), &o, &list,
			     &diags),
		WARD_E_PARSE);
	CHECK_EQ_SIZE(list.n, 4);
}

TEST(unknowns)
{
	const struct cedar_parse_options o = { .unknowns = true };
	const struct cedar_expr *x = NULL;

	fresh();
	CHECK_EQ_INT(ward_cedar_parse_expr(pool, WARD_STR("unknown(\"x\")"), &o, &x, &diags),
		WARD_OK);
	REQUIRE(x != NULL);
	CHECK_EQ_INT(x->kind, CEDAR_X_CALL);
	CHECK_EQ_INT(x->aux, CEDAR_FN_UNKNOWN);
	CHECK_EQ_INT(ward_cedar_parse_expr(pool, WARD_STR("1.unknown(\"x\")"), &o, &x, &diags),
		WARD_E_PARSE);
	CHECK_STR_EQ(said(), "`unknown` is a function, not a method");
}

/* Ids with a form of their own: "./x" is "/w/x", what begins with neither is none. */
static const struct cedar_uid *rooted(struct cedar_pool *p, const struct cedar_uid *uid,
	struct cedar_refusal *why, void *arg)
{
	const char *root = arg;
	const struct cedar_str *id;
	char path[64];

	if (!ward_cedar_str_is(uid->type, "Path") || uid->id->s[0] == '/')
		return uid;
	if (uid->id->s[0] != '.') {
		(void)snprintf(why->what, sizeof(why->what), "`%s` is no path", uid->id->s);
		(void)snprintf(why->help, sizeof(why->help), "begin with / or ./");
		return NULL;
	}
	(void)snprintf(path, sizeof(path), "%s%s", root, uid->id->s + 1);
	id = ward_cedar_intern(p, path, strlen(path));
	why->no_memory = id == NULL;
	return id != NULL ? ward_cedar_intern_uid(p, uid->type, id) : NULL;
}

TEST(ids_of_the_callers)
{
	static const char good[] =
		"permit(principal == U::\"x\", action, resource in Path::\"./a\") when { resource in [Path::\"/b\", Path::\"./c\"] };";
	static const char bad[] =
		"permit(principal, action, resource in Path::\"a\") when { resource == Path::\"b\" };";
	char root[] = "/w";
	struct cedar_parse_options o = { .entity = rooted, .arg = root };
	struct ward_buf b = WARD_BUF_INIT;

	fresh();
	REQUIRE(ward_cedar_parse_policies(pool, WARD_STR(good), &o, &list, &diags) == WARD_OK);
	ward_cedar_print_policy(&b, list.v[0]);
	CHECK(strstr(ward_buf_cstr(&b), "in Path::\"/w/a\"") != NULL);
	CHECK(strstr(ward_buf_cstr(&b), "[Path::\"/b\", Path::\"/w/c\"]") != NULL);
	CHECK(strstr(ward_buf_cstr(&b), "U::\"x\"") != NULL);
	ward_buf_done(&b);

	fresh();
	CHECK_EQ_INT(ward_cedar_parse_policies(pool, WARD_STR(bad), &o, &list, &diags),
		WARD_E_PARSE);
	CHECK_EQ_UINT(list.n, 0);
	REQUIRE(diags.n == 2);
	CHECK_STR_EQ(diags.v[0].message, "`a` is no path");
	CHECK_STR_EQ(diags.v[0].help, "begin with / or ./");
	CHECK_EQ_UINT(diags.v[0].start, (size_t)(strstr(bad, "Path::\"a") - bad));
	CHECK_EQ_UINT(diags.v[0].end, diags.v[0].start + 9);
	CHECK_EQ_UINT(diags.v[1].start, (size_t)(strstr(bad, "Path::\"b") - bad));
}

TEST(uids)
{
	/* clang-format off */
	static const struct { const char *text, *type, *id; } rows[] = {
		{ "User::\"alice\"", "User", "alice" },
		{ " A :: B //\n:: \"a\\u{e9}\\\"\" ", "A::B", "a\xc3\xa9\"" },
		{ "principal::\"\"", "principal", "" },
		{ "User", NULL, "unexpected end of input" },
		{ "User::\"a\" b", NULL, "unexpected token `b`" },
		{ "(User::\"a\")", NULL, "unexpected token `(`" },
		{ "User::{a:1}", NULL, "unexpected token `{`" },
		{ "User::\"\\*\"", NULL, NO_ESCAPE("\\*") },
		{ "A::in::\"\"", NULL, RESERVED "in" },
		{ "\"a\"", NULL, "unexpected token `\"a\"`" },
		{ "", NULL, "unexpected end of input" },
	};
	/* clang-format on */

	TABLE(row, rows) {
		const struct cedar_uid *uid = NULL;
		int r;

		CASE("%s", row->text);
		fresh();
		r = ward_cedar_parse_uid(pool, ward_str(row->text), &uid, &diags);
		CHECK_EQ_INT(r, row->type != NULL ? WARD_OK : WARD_E_PARSE);
		if (row->type == NULL) {
			CHECK_STR_EQ(said(), row->id);
			continue;
		}
		REQUIRE(uid != NULL);
		CHECK_STR_EQ(uid->type->s, row->type);
		CHECK_STR_EQ(uid->id->s, row->id);
	}
}

/* ---- limits and hostile texts ---- */

static void repeat(struct ward_buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ward_buf_adds(b, s);
}

TEST(nesting)
{
	/* before and after, so often; taken or not */
	/* clang-format off */
	static const struct { const char *before, *middle, *after; size_t n; bool ok; } rows[] = {
		{ "(", "1", ")", 900, true },
		{ "(", "1", ")", 10000, false },
		{ "[", "", "]", 900, true },
		{ "[", "", "]", 10000, false },
		{ "{a:", "1", "}", 10000, false },
		{ "if ", "true", " then 1 else 2", 10000, false },
		{ "!(", "true", ")", 10000, false },
		{ "-(", "1", ")", 10000, false },
		{ "ip(", "", ")", 10000, false },
		{ "context.a.contains(", "1", ")", 10000, false },
		{ "context[", "\"a\"", "]", 10000, false },
		{ "1 has (", "a", ")", 10000, false },
		{ "1 like (", "a", ")", 10000, false },
		{ "1 is (", "a", ")", 10000, false },
		{ "true || true && 1 == 1 + 1 * (", "1", ")", 10000, false },
		{ "", "1", "+1", 900, true },
		{ "", "1", "+1", 2000, false },
		{ "1*", "1", "", 2000, false },
		{ "", "context", ".a", 900, true },
		{ "", "context", ".a", 2000, false },
		{ "", "context", "[\"a\"]", 2000, false },
		{ "", "context", ".isEmpty()", 2000, false },
		{ "", "context", ".toDate()", 2000, false },
		{ "", "true", "&&true", 100000, true },
		{ "true||", "true", "", 100000, true },
		{ "", "1 has a", ".a", 100000, true },
		{ "!", "true", "", 100000, false },
		{ "", "1", "<1", 100000, false },
		{ "(", "", "", 10000, false },
		{ "[1,[", "", "", 10000, false },
		{ "if(", "", "", 10000, false },
		{ "if if::", "", "", 10000, false },
		{ "a::", "", "", 10000, false },
	};
	/* clang-format on */

	TABLE(row, rows) {
		struct ward_buf b = { .max = 1u << 30 };

		CASE("%s%s%s %zu", row->before, row->middle, row->after, row->n);
		repeat(&b, row->before, row->n);
		ward_buf_adds(&b, row->middle);
		repeat(&b, row->after, row->n);
		CHECK_MSG((expr(ward_buf_cstr(&b)) != NULL) == row->ok, "%s", said());
		CHECK(row->ok || diags.n > 0);
		ward_buf_done(&b);
	}
	CASE("%s", "");
	REQUIRE(expr("1") != NULL);
	{
		struct ward_buf b = { 0 };

		repeat(&b, "(", 10000);
		CHECK_NULL(expr(ward_buf_cstr(&b)));
		CHECK_STR_EQ(said(), "the expression is nested more than 1000 levels deep");
		CHECK_EQ_UINT(diags.v[0].start, WARD_CEDAR_DEPTH_MAX);
		ward_buf_done(&b);
	}
}

TEST(hostile_texts)
{
	/* clang-format off */
	static const struct { const char *text; size_t n; const char *message; uint32_t at; } rows[] = {
		{ "permit(\0principal", 17, "invalid token", 7 },
		{ "\0", 1, "invalid token", 0 },
		{ "permit // \xff\n", 12, "the text is not valid UTF-8", 10 },
		{ "permit(principal == A::\"\xc0\xaf\"", 27, "the text is not valid UTF-8", 24 },
		{ "\xed\xa0\x80", 3, "the text is not valid UTF-8", 0 },
		{ "1234567\xe2\x82", 9, "the text is not valid UTF-8", 7 },
		{ "\xf4\x90\x80\x80", 4, "the text is not valid UTF-8", 0 },
		{ "\xf0\x80\x80\x80", 4, "the text is not valid UTF-8", 0 },
		{ "\xe2\x80\x8b", 3, "invalid token", 0 },
		{ "\xf0\x9f\x8e\x89", 4, "invalid token", 0 },
		{ "permit ?", 8, "invalid token", 7 },
		{ "/", 1, "unexpected token `/`", 0 },
		{ ":", 1, "unexpected token `:`", 0 },
		{ "\"", 1, "invalid token", 0 },
		{ "@", 1, "unexpected end of input", 1 },
	};
	/* clang-format on */
	static char big[1];

	TABLE(row, rows) {
		char *copy = malloc(row->n); /* of its size, so that reading on is seen */

		CASE("%s", row->message);
		REQUIRE(copy != NULL);
		memcpy(copy, row->text, row->n);
		CHECK_EQ_INT(policies(copy, row->n), WARD_E_PARSE);
		REQUIRE(diags.n >= 1);
		CHECK_STR_EQ(said(), row->message);
		CHECK_EQ_UINT(diags.v[0].start, row->at);
		free(copy);
	}
	CHECK_EQ_INT(policies(big, (size_t)WARD_CEDAR_TEXT_MAX + 1), WARD_E_LIMIT);
	CHECK_EQ_SIZE(diags.n, 1);
}

/* A text or a record of any size is read in reasonable time; messages stay short. */
TEST(large_parts)
{
	struct ward_buf b = { .max = 1u << 28 };
	size_t n;

	ward_buf_addc(&b, '{');
	for (unsigned i = 0; i < 50000; i++)
		ward_buf_addf(&b, "a%u: 1,", i);
	ward_buf_adds(&b, "}");
	CHECK_MSG(expr(ward_buf_cstr(&b)) != NULL, "%s", said());
	b.s[b.n - 1] = ' ';
	ward_buf_adds(&b, "a49999: 1, a7: 2, \"a7\": 3}");
	CHECK_NULL(expr(ward_buf_cstr(&b)));
	CHECK_STR_EQ(said(), "duplicate key `a49999` in record literal");
	ward_buf_clear(&b);
	repeat(&b, "@a permit(", 1);
	ward_buf_addc(&b, '"');
	repeat(&b, "\xc3\xa9\x01", 400000);
	ward_buf_adds(&b, "\");");
	CHECK_EQ_INT(policies(b.s, b.n), WARD_E_PARSE);
	n = strlen(said());
	CHECK(n > 100 && n < 400 && ward_utf8_valid(said(), n));
	CHECK_STR_CONTAINS(said(), "\\u{1}");
	ward_buf_done(&b);
}

TEST(annotations_of_any_number)
{
	struct ward_buf b = { .max = 1u << 28 };

	for (unsigned i = 20000; i > 0; i--)
		ward_buf_addf(&b, "@a%u(\"%u\")", i, i);
	ward_buf_adds(&b, "permit(principal,action,resource);");
	CHECK_EQ_INT(policies(b.s, b.n), WARD_OK);
	REQUIRE(list.n == 1);
	CHECK_STR_EQ(list.v[0]->annotations[0].key->s, "a1");
	CHECK_STR_EQ(list.v[0]->annotations[19999].key->s, "a9999");
	ward_buf_done(&b);
}

#define MUCH \
	"@a(\"\\n\") @b permit(principal is A in B :: \"c\", action in [Action::\"d\"], resource == (E::\"f\")) " \
	"when { if context has a.b then [1, {a: -2, \"b\": ip(\"1\").isInRange(ip(\"2\"))}] else \"x\" like \"\\**\" } " \
	"unless { principal is G in H::\"i\" && 1 + 2 < 3 || !true };"

/* No memory at any point: the error says so, and nothing is left behind. */
TEST(no_memory)
{
	unsigned long n;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has an allocator of its own");
	for (n = 1;; n++) {
		int r;

		fresh();
		alloc_fail_hit = false;
		alloc_fail_at = n;
		r = ward_cedar_parse_policies(pool, WARD_STR(MUCH), NULL, &list, &diags);
		alloc_fail_at = 0;
		if (!alloc_fail_hit)
			break;
		CHECK_EQ_INT(r, WARD_E_NOMEM);
		CHECK_EQ_SIZE(list.n, 0);
	}
	CHECK_EQ_SIZE(list.n, 1);
	CHECK(n > 3);
}

/* The same with a pool that is full, at every byte. */
TEST(full_pools)
{
	bool done = false;

	for (size_t max = 16; !done; max += 16) {
		struct cedar_pool *small = ward_cedar_pool_new(max);
		struct cedar_policy_list l = { 0 };
		int r;

		REQUIRE(small != NULL);
		r = ward_cedar_parse_policies(small, WARD_STR(MUCH), NULL, &l, NULL);
		done = r == WARD_OK;
		CHECK(done || r == WARD_E_NOMEM);
		CHECK_EQ_SIZE(l.n, done ? 1 : 0);
		ward_cedar_policy_list_done(&l);
		ward_cedar_pool_free(small);
	}
}

/* Other builds have other frames. */
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
static void *parse_deep(void *arg)
{
	const struct ward_buf *text = arg;
	struct cedar_pool *p = ward_cedar_pool_new(0);
	const struct cedar_expr *x;
	struct cedar_diags d;

	if (p == NULL || ward_cedar_diags_init(&d) < 0)
		return arg;
	(void)ward_cedar_parse_expr(p, (struct ward_str){ text->s, text->n }, NULL, &x, &d);
	ward_cedar_diags_done(&d);
	ward_cedar_pool_free(p);
	return NULL;
}

/* What the header says about the stack: every level of the grammar at every level of nesting. */
TEST(stack)
{
	struct ward_buf text = WARD_BUF_INIT;
	pthread_attr_t attr;
	pthread_t thread;
	void *failed = &text;

	for (int i = 0; i < 990; i++)
		ward_buf_adds(&text, "true || true && 1 == 1 + 1 * (");
	REQUIRE(!text.failed && pthread_attr_init(&attr) == 0);
	REQUIRE(pthread_attr_setstacksize(&attr, 1700 << 10) == 0);
	REQUIRE(pthread_create(&thread, &attr, parse_deep, &text) == 0);
	CHECK(pthread_join(thread, &failed) == 0 && failed == NULL);
	(void)pthread_attr_destroy(&attr);
	ward_buf_done(&text);
}
#endif

TAP_MAIN();
