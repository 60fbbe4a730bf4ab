/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation out of memory, at every place: each allocation in turn fails, of the system's and of those that arenas hand out
 * of what they have, with all behind it or alone. Then there is no verdict: never "valid", never an error that is none.
 * Policies are those of validate.cases and, where the conformance data is, a share of the corpus; strictly, permissively
 * and with levels. Linked with --wrap, so that the language's calls come here.
 */
#include "cedar_data.h"
#include "validate_cases.h"
#include "arena_wrap.h"

static const struct {
	const char *name;
	struct cedar_validate_options o;
} modes[] = {
	{ "strict", { .mode = CEDAR_STRICT, .level = -1 } },
	{ "permissive", { .mode = CEDAR_PERMISSIVE, .level = -1 } },
	{ "level 0", { .mode = CEDAR_STRICT, .level = 0 } },
	{ "permissive, level 1", { .mode = CEDAR_PERMISSIVE, .level = 1 } },
};
static size_t failures, policies;

/* One attempt; true: nothing failed. What it says in the end is what it said before. */
static bool attempt(const struct check *c, const struct cedar_validate_options *o, long n, int want,
	size_t want_n)
{
	struct cedar_diags d;
	int r;

	REQUIRE(ward_cedar_diags_init(&d) == WARD_OK);
	fired = false;
	live = 0;
	countdown = n;
	r = ward_cedar_validate(c->schema, &c->set, o, &d);
	countdown = -1;
	if (fired) {
		CHECK_EQ_INT(r, WARD_E_NOMEM);
	} else {
		CHECK_EQ_INT(r, want);
		CHECK_EQ_SIZE(d.n, want_n);
	}
	failures += fired;
	/* Findings alone are kept. */
	for (size_t i = 0; fired && !d.failed && i < d.n; i++)
		CHECK(d.v[i].message != NULL && d.v[i].policy != NULL);
	ward_cedar_diags_done(&d);
	CHECK_EQ_INT(live, -1); /* the arena that was there before */
	return !fired;
}

/* step: of how many allocations one fails, behind the first hundred. */
static void each_failure(const struct check *c, long step)
{
	TABLE(m, modes) {
		struct cedar_diags d;
		int want;

		REQUIRE(ward_cedar_diags_init(&d) == WARD_OK);
		want = ward_cedar_validate(c->schema, &c->set, &m->o, &d);
		CHECK(want == WARD_OK || want == WARD_E_REFUSED);
		for (int alone = 0; alone < 2; alone++) {
			once = alone != 0;
			for (long n = 0; !attempt(c, &m->o, n, want, d.n);
				n += n < 100 ? 1 : step) {
				REQUIRE(n < 10000000);
			}
		}
		once = false;
		ward_cedar_diags_done(&d);
	}
	policies++;
}

TEST(cases)
{
	struct cases s;
	struct one one;

	REQUIRE(cases_open(&s));
	for (; cases_next(&s, &one); one_done(&one)) {
		struct check c;

		if (check_read(&c, ward_buf_cstr(&s.schema), ward_buf_cstr(&one.policy)))
			each_failure(&c, 7);
		check_done(&c);
	}
	cases_done(&s);
	CHECK(policies > 300 && failures > 100000);
}

/* A link, values of JSON, more findings than are kept, a suggestion, unions of entity types. */
TEST(others)
{
	static const char schema[] =
		"entity G; entity U in [G] {a: Long, b?: Long, u: U} tags Long; entity D in [F] {a: Long}; entity F {a: Long};"
		"entity E enum [\"x\"]; action w; action v in [w] appliesTo {principal: [U, D], resource: D, context: {r: {x?: U}}};";
	struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	const struct cedar_uid *slots[CEDAR_SLOT_MAX] = { NULL };
	struct check c;

	ward_buf_adds(&text,
		"permit(principal == ?principal, action in [Action::\"w\"], resource);\n"
		"permit(principal, action, resource) when { [U::\"a\", D::\"b\", F::\"c\", principal].contains(F::\"d\") && "
		"(if principal == resource then U::\"a\" else D::\"b\").a == 1 && principal in [U::\"g\", D::\"d\"] };\n"
		"permit(principal, action, resource) when { context has r.x.u.b && context.r.x.u.b > 1 };\n"
		"permit(principal, action, resource) when { 1");
	for (int i = 0; i < 150; i++)
		ward_buf_addf(&text, " && %d", i);
	ward_buf_adds(&text, " };");
	REQUIRE(check_read(&c, schema, ward_buf_cstr(&text)));
	REQUIRE(ward_cedar_parse_uid(c.set.pool, WARD_STR("G::\"x\""), &slots[CEDAR_SLOT_PRINCIPAL],
			NULL) == WARD_OK);
	REQUIRE(ward_cedar_policies_link(&c.set, WARD_STR("policy0"), WARD_STR("linked"), slots,
			&c.d) == WARD_OK);
	REQUIRE(ward_cedar_policies_parse_json(&c.set,
			WARD_STR(
				"{\"staticPolicies\": {\"j\": {\"effect\": \"permit\", \"principal\": {\"op\": \"All\"},"
				"\"action\": {\"op\": \"All\"}, \"resource\": {\"op\": \"All\"}, \"conditions\": [{\"kind\":"
				"\"when\", \"body\": {\"Value\": [{\"a\": 1}, {\"a\": {\"__extn\": {\"fn\": \"ip\","
				"\"arg\": \"::1\"}}}]}}]}}, \"templates\": {}, \"templateLinks\": []}"),
			&c.d) == WARD_OK);
	each_failure(&c, 1);
	check_done(&c);
}

static void corpus_case(const char *folder, const char *name)
{
	struct ward_buf texts[2] = { WARD_BUF_INIT, WARD_BUF_INIT };
	char path[600];
	struct check c;

	CASE("%.200s", name);
	(void)snprintf(path, sizeof(path), "%s/%s.cedarschema", folder, name);
	REQUIRE(data_read(&texts[0], path));
	(void)snprintf(path, sizeof(path), "%s/%s.cedar", folder, name);
	REQUIRE(data_read(&texts[1], path));
	if (check_read(&c, ward_buf_cstr(&texts[0]), ward_buf_cstr(&texts[1])))
		each_failure(&c, 29);
	check_done(&c);
	ward_buf_done(&texts[0]);
	ward_buf_done(&texts[1]);
}

TEST(corpus)
{
	data_or_skip();
	CHECK(data_each("corpus-tests", ".cedar", corpus_case) >= 399);
}

TAP_MAIN();
