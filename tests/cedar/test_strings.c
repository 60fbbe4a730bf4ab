/* SPDX-License-Identifier: Apache-2.0 */
/* Texts and identifiers that may be read as something else: what is warned of, in which words, and where. */
#include "cedar/est/est.h"
#include "cedar/validate/validate.h"

/* The allocator is the test's own from here on. */
#include "../unit/alloc_fail.h"
#include "tap.h"

#define A "\xd0\xb0" /* Cyrillic a */
#define RLO "\xe2\x80\xae" /* right-to-left override */
#define HAN "\xe4\xb8\x80" /* a Han character */
#define KANA "\xe3\x82\xa2" /* Katakana a */
#define HANGUL "\xea\xb0\x80"
#define BOPO "\xe3\x84\x85" /* Bopomofo b */
#define MARK \
	"\xcc\x81" /* combining acute: of the scripts that use it, Cyrillic and Latin among them */

struct row {
	const char *name, *expr;
	unsigned kind; /* 0: nothing is found */
	const char *message;
};

static const struct row rows[] = {
	{ "ascii", "\"Ab 1_.\" == \"x\"", 0, NULL },
	{ "tab in a text", "\"a\tb\" == \"\\u{7f}\"", 0, NULL },
	{ "one script", "\"" A A " 1" MARK "\" == \"\"", 0, NULL },
	{ "mixed", "\"" A "a\" == \"\"", CEDAR_FINDING_MIXED_SCRIPT_STRING,
		"string `\"" A "a\"` contains mixed scripts" },
	{ "japanese", "\"" HAN KANA "\" == \"\"", 0, NULL },
	{ "korean", "\"" HAN HANGUL "\" == \"\"", 0, NULL },
	{ "chinese", "\"" HAN BOPO "\" == \"\"", 0, NULL },
	{ "korean and japanese", "\"" HANGUL KANA "\" == \"\"", CEDAR_FINDING_MIXED_SCRIPT_STRING,
		"string `\"" HANGUL KANA "\"` contains mixed scripts" },
	{ "all three", "\"" HAN BOPO KANA "\" == \"\"", CEDAR_FINDING_MIXED_SCRIPT_STRING,
		"string `\"" HAN BOPO KANA "\"` contains mixed scripts" },
	{ "of no script", "\"\\u{378}\" == \"\"", CEDAR_FINDING_MIXED_SCRIPT_STRING,
		"string `\"\xcd\xb8\"` contains mixed scripts" },
	{ "bidi", "\"" A "a" RLO "\" == \"\"", CEDAR_FINDING_BIDI_CHARS_IN_STRING,
		"string `\"" A "a" RLO "\"` contains BIDI control characters" },
	{ "nul in a text", "\"\\0" A "a\" == \"\"", CEDAR_FINDING_MIXED_SCRIPT_STRING,
		"string `\"\\0" A "a\"` contains mixed scripts" },
	{ "pattern", "\"\" like \"" A "a*\"", CEDAR_FINDING_MIXED_SCRIPT_STRING,
		"string `\"" A "a*\"` contains mixed scripts" },
	{ "control in a pattern", "\"\" like \"" RLO "\"", 0, NULL },
	{ "escape in a pattern", "\"\" like \"" A RLO "\"", CEDAR_FINDING_MIXED_SCRIPT_STRING,
		"string `\"" A "\\u{202e}\"` contains mixed scripts" },
	{ "id", "U::\"" A "a\" in principal", CEDAR_FINDING_MIXED_SCRIPT_IDENTIFIER,
		"identifier `" A "a` contains mixed scripts" },
	{ "bidi id", "U::\"" RLO "\" in principal", CEDAR_FINDING_BIDI_CHARS_IN_IDENTIFIER,
		"identifier `" RLO "` contains BIDI control characters" },
	{ "control in an id", "U::\"a\\n\" in principal", CEDAR_FINDING_CONFUSABLE_IDENTIFIER,
		"identifier `a\\n` contains the character `\\n` which is not a printable ASCII character and falls "
		"outside of the General Security Profile for Identifiers" },
	{ "private in an id", "U::\"'\\u{e000}" A "a\" in principal",
		CEDAR_FINDING_CONFUSABLE_IDENTIFIER,
		"identifier `\\'\\u{e000}" A
		"a` contains the character `\\u{e000}` which is not a printable ASCII "
		"character and falls outside of the General Security Profile for Identifiers" },
	{ "key", "{\"" A "a\": 1} == 1", CEDAR_FINDING_MIXED_SCRIPT_IDENTIFIER,
		"identifier `" A "a` contains mixed scripts" },
	{ "attribute", "context[\"" A "a\"] == 1", CEDAR_FINDING_MIXED_SCRIPT_IDENTIFIER,
		"identifier `" A "a` contains mixed scripts" },
	{ "has", "context has \"" A "a\"", CEDAR_FINDING_MIXED_SCRIPT_IDENTIFIER,
		"identifier `" A "a` contains mixed scripts" },
	{ "has of several", "context has a.b.c", 0, NULL },
	{ "argument", "ip(\"" A "a\").isIpv4()", CEDAR_FINDING_MIXED_SCRIPT_STRING,
		"string `\"" A "a\"` contains mixed scripts" },
	{ "deep inside",
		"if !([[\"" A "a\"]].isEmpty()) then context is U in U::\"a\" else -1 == 1",
		CEDAR_FINDING_MIXED_SCRIPT_STRING, "string `\"" A "a\"` contains mixed scripts" },
};

static void check(const char *text, struct cedar_diags *d)
{
	struct cedar_pool *p = ward_cedar_pool_new(0);
	struct cedar_policy_list list = { 0 };

	REQUIRE(p != NULL && ward_cedar_diags_init(d) == WARD_OK);
	CHECK_EQ_INT(ward_cedar_parse_policies(p, ward_str(text), NULL, &list, d), WARD_OK);
	for (size_t i = 0; i < list.n; i++)
		ward_cedar_check_strings(list.v[i], d);
	CHECK_EQ_INT(d->errors, 0);
	ward_cedar_policy_list_done(&list);
	ward_cedar_pool_free(p);
}

TEST(expressions)
{
	TABLE(row, rows) {
		char text[512], message[512];
		struct cedar_diags d;

		CASE("%s", row->name);
		snprintf(text, sizeof(text), "permit(principal, action, resource) when { %s };",
			row->expr);
		check(text, &d);
		CHECK_EQ_SIZE(d.n, row->kind != 0);
		if (d.n == 1) {
			snprintf(message, sizeof(message), "for policy `policy0`, %s",
				row->message);
			CHECK_EQ_INT(d.v[0].kind, row->kind);
			CHECK_EQ_INT(d.v[0].severity, CEDAR_WARNING);
			CHECK_STR_EQ(d.v[0].message, message);
			CHECK_STR_EQ(d.v[0].policy, "policy0");
			CHECK(d.v[0].end > d.v[0].start && d.v[0].start >= 43);
		}
		ward_cedar_diags_done(&d);
	}
}

TEST(scope)
{
	static const char text[] =
		"permit(principal == U::\"" A "a\", action in [Action::\"a\", Action::\"" A
		"b\"], resource is R in R::\"" A "c\");"
		"permit(principal in ?principal, action == Action::\"" A "d\", resource);";
	struct cedar_diags d;

	check(text, &d);
	CHECK_EQ_SIZE(d.n, 4);
	for (size_t i = 0; i < d.n; i++) {
		CHECK_EQ_INT(d.v[i].kind, CEDAR_FINDING_MIXED_SCRIPT_IDENTIFIER);
		CHECK_STR_EQ(d.v[i].policy, i < 3 ? "policy0" : "policy1");
		CHECK(d.v[i].end > d.v[i].start && text[d.v[i].end - 1] == '"');
	}
	ward_cedar_diags_done(&d);
}

TEST(places)
{
	static const char text[] =
		"permit(principal, action, resource) when { (\"" A "a\") == \"\" };";
	struct cedar_diags d;

	check(text, &d);
	REQUIRE(d.n == 1);
	CHECK_EQ_INT(d.v[0].start, 44);
	CHECK_EQ_INT(d.v[0].end, 44 + 5);
	ward_cedar_diags_done(&d);
}

/* A value of JSON is looked at as what it stands for, down to its end. */
TEST(values)
{
	static const char json[] =
		"{\"staticPolicies\":{\"p\":{\"effect\":\"permit\",\"principal\":{\"op\":\"All\"},"
		"\"action\":{\"op\":\"All\"},\"resource\":{\"op\":\"All\"},\"conditions\":[{\"kind\":\"when\","
		"\"body\":{\"==\":{\"left\":{\"Value\":{\"" A "a\":[\"" A
		"b\",{\"__entity\":{\"type\":\"U\","
		"\"id\":\"" A "c\"}},{\"__extn\":{\"fn\":\"ip\",\"arg\":\"" A "d\"}},{\"k\":\"" A
		"e\"},1]}},"
		"\"right\":{\"Value\":\"" RLO "\"}}}}]}},\"templates\":{},\"templateLinks\":[]}";
	static const char *const parts[] = { "identifier `" A "a`", "string `\"" A "b\"`",
		"identifier `" A "c`", "string `\"" A "d\"`", "string `\"" A "e\"`",
		"string `\"" RLO "\"`" };
	struct cedar_policies set;
	struct cedar_diags d;

	REQUIRE(ward_cedar_policies_init(&set) == WARD_OK && ward_cedar_diags_init(&d) == WARD_OK);
	CHECK_EQ_INT(ward_cedar_policies_parse_json(&set, ward_str(json), &d), WARD_OK);
	REQUIRE(set.statics.n == 1);
	ward_cedar_check_strings(set.statics.v[0], &d);
	CHECK_EQ_SIZE(d.n, WARD_ARRAY_SIZE(parts));
	for (size_t i = 0; i < WARD_ARRAY_SIZE(parts); i++) {
		size_t n = 0;

		for (size_t k = 0; k < d.n; k++)
			n += strstr(d.v[k].message, parts[i]) != NULL;
		CASE("%s", parts[i]);
		CHECK_EQ_SIZE(n, 1);
	}
	ward_cedar_diags_done(&d);
	ward_cedar_policies_done(&set);
}

/* No one listens: nothing happens. */
TEST(nobody)
{
	struct cedar_pool *p = ward_cedar_pool_new(0);
	struct cedar_policy_list list = { 0 };

	REQUIRE(p != NULL);
	CHECK_EQ_INT(ward_cedar_parse_policies(p,
			     WARD_STR("permit(principal, action, resource) when { \"" A
				      "a\" == U::\"" A "a\" && 1 like \"" A "a\" };"),
			     NULL, &list, NULL),
		WARD_OK);
	REQUIRE(list.n == 1);
	ward_cedar_check_strings(list.v[0], NULL);
	ward_cedar_policy_list_done(&list);
	ward_cedar_pool_free(p);
}

/* Whoever has no memory for a finding says that it failed; nothing is passed over in silence. */
TEST(allocations)
{
	struct cedar_policy_list list = { 0 };
	struct cedar_pool *p;
	bool done = false;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the allocator is the sanitizer's");
	p = ward_cedar_pool_new(0);
	REQUIRE(p != NULL);
	REQUIRE(ward_cedar_parse_policies(p,
			WARD_STR("permit(principal, action, resource) when { \"" A "a\" like \"" A
				 "a\" && U::\"\\n\" in U::\"" RLO "\" };"),
			NULL, &list, NULL) == WARD_OK);
	for (unsigned long n = 1; !done && n < 1000; n++) {
		struct cedar_diags d;

		REQUIRE(ward_cedar_diags_init(&d) == WARD_OK);
		alloc_fail_at = n;
		alloc_fail_hit = false;
		ward_cedar_check_strings(list.v[0], &d);
		alloc_fail_at = 0;
		done = !alloc_fail_hit;
		CHECK(d.failed == !done);
		if (done)
			CHECK_EQ_SIZE(d.n, 4);
		ward_cedar_diags_done(&d);
	}
	CHECK(done);
	ward_cedar_policy_list_done(&list);
	ward_cedar_pool_free(p);
}

TAP_MAIN();
