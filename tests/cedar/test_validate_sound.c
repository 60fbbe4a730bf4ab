/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What strict validation promises: a valid policy never fails at run time over valid entities and requests but by
 * overflow, by an entity that is not there, or by a result that its extension type does not hold. Policies are made of
 * the conditions of validate.cases, entities and requests are drawn from their schema.
 */
#include "validate_cases.h"
#include "world.h"

#define SEED 20250728u
#define ROUNDS 400
#define POLICIES 40
#define STORES 4
#define REQUESTS 25

/* Conditions that are valid by themselves, those that are not, and what came of all of them. */
struct bodies {
	char *v[512], *bad[512];
	size_t n, n_bad;
	struct cedar_schema *schema;
};
struct tally {
	size_t policies, reasons, promised, broken;
};

static void bodies_done(struct bodies *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->v[i]);
	for (size_t i = 0; i < b->n_bad; i++)
		free(b->bad[i]);
	ward_cedar_schema_free(b->schema);
}

/* Conditions of the policies that are valid with the first schema. */
static void bodies_open(struct bodies *b, struct cases *s)
{
	struct one one;

	size_t schema = 0;

	*b = (struct bodies){ .n = 0 };
	for (; cases_next(s, &one); one_done(&one)) {
		bool error = false;

		if (schema == 0)
			schema = s->schema.n;
		if (b->schema == NULL)
			(void)ward_cedar_schema_parse(ward_str(ward_buf_cstr(&s->schema)),
				CEDAR_SCHEMA_TEXT, &b->schema, NULL);
		for (const char *p = ward_buf_cstr(&one.strict); *p; p = strchr(p, '\n') + 1)
			error = error || strncmp(p, "Impossible", 10) != 0;
		if (s->schema.n != schema || strncmp(one.how, "policy", 6) == 0)
			continue;
		if (!error && b->n < WARD_ARRAY_SIZE(b->v))
			b->v[b->n++] = strdup(one.body);
		if (error && b->n_bad < WARD_ARRAY_SIZE(b->bad))
			b->bad[b->n_bad++] = strdup(one.body);
	}
}

/* Conditions joined by what may learn or forget. */
static void join(struct world *w, const struct bodies *b, unsigned depth, struct ward_buf *out)
{
	static const char *const words[][3] = { { "(", ") && (", ")" }, { "(", ") || (", ")" },
		{ "if (", ") then (", ") else false" }, { "!(", ") && (", ")" },
		{ "[", "].contains(", ")" } };
	const char *const *word = words[draw(w, WARD_ARRAY_SIZE(words))];

	if (depth == 0 || draw(w, 3) == 0) {
		ward_buf_adds(out, b->v[draw(w, (uint32_t)b->n)]);
		return;
	}
	ward_buf_adds(out, word[0]);
	join(w, b, depth - 1, out);
	ward_buf_adds(out, word[1]);
	join(w, b, depth - 1, out);
	ward_buf_adds(out, word[2]);
}

static void one_policy(struct world *w, const struct bodies *b, struct ward_buf *out)
{
	static const char *const heads[] = {
		"permit(principal is User, action == Action::\"read\", resource is Doc) when { ",
		"permit(principal, action in Action::\"all\", resource is Doc) unless { ",
		"forbid(principal is User, action, resource) when { ",
		"permit(principal, action, resource) when { ",
	};

	ward_buf_adds(out, heads[draw(w, WARD_ARRAY_SIZE(heads))]);
	join(w, b, 1 + draw(w, 3), out);
	ward_buf_adds(out, " };\n");
}

/* Policies, each as valid as is wanted, in one set. */
static size_t draw_policies(struct world *w, const struct bodies *b, bool valid,
	struct cedar_policies *set)
{
	size_t n = 0;

	for (unsigned i = 0; i < POLICIES; i++) {
		struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
		struct cedar_policies alone;
		struct cedar_parse_options o = { .first = n };

		if (valid)
			one_policy(w, b, &text);
		else
			ward_buf_addf(&text, "permit(principal, action, resource) when { %s };",
				b->bad[draw(w, (uint32_t)b->n_bad)]);
		CHECK_EQ_INT(ward_cedar_policies_init(&alone), WARD_OK);
		if (ward_cedar_policies_parse(&alone, ward_str(ward_buf_cstr(&text)), NULL, true,
			    NULL) != WARD_OK)
			FAIL("not read: %s", ward_buf_cstr(&text));
		if ((ward_cedar_validate(w->schema, &alone, NULL, NULL) == WARD_OK) == valid) {
			CHECK_EQ_INT(ward_cedar_policies_parse(set, ward_str(ward_buf_cstr(&text)),
					     &o, true, NULL),
				WARD_OK);
			n++;
		}
		ward_cedar_policies_done(&alone);
	}
	return n;
}

static bool is_promised(const struct cedar_fault *f)
{
	return f->kind == CEDAR_FAULT_OVERFLOW || f->kind == CEDAR_FAULT_ENTITY ||
		f->kind == CEDAR_FAULT_EXTENSION;
}

static void ask(const struct cedar_compiled *c, const struct cedar_policies *set,
	const struct cedar_entities *e, const struct cedar_request *r,
	struct cedar_scratch *scratch, bool valid, struct tally *t)
{
	struct cedar_answer a;

	CHECK_EQ_INT(ward_cedar_authorize(c, e, r, scratch, false, &a), WARD_OK);
	t->reasons += a.n_reasons;
	for (uint32_t i = 0; i < a.n_errors; i++) {
		struct ward_buf text WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
		const struct cedar_str *id = ward_cedar_compiled_id(c, a.errors[i]);

		t->promised += is_promised(&a.faults[i]);
		t->broken += !is_promised(&a.faults[i]);
		if (!valid || is_promised(&a.faults[i]))
			continue;
		ward_cedar_fault_print(&text, &a.faults[i]);
		ward_buf_adds(&text, "\n");
		ward_cedar_print_policy(&text, ward_cedar_policies_get(set, ward_cedar_text(id)));
		FAIL("%s", ward_buf_cstr(&text));
	}
}

static void one_round(struct world *w, const struct bodies *b, struct cedar_scratch *scratch,
	bool valid, struct tally *t)
{
	struct cedar_policies set;
	struct cedar_compiled *c = NULL;

	REQUIRE(ward_cedar_policies_init(&set) == WARD_OK);
	t->policies += draw_policies(w, b, valid, &set);
	REQUIRE(ward_cedar_compile(&set, &c, NULL) == WARD_OK);
	for (unsigned i = 0; i < STORES; i++) {
		struct cedar_entities *e = world_entities(w);

		REQUIRE(e != NULL);
		CHECK_EQ_INT(ward_cedar_entities_validate(e, w->schema, NULL), WARD_OK);
		for (unsigned k = 0; k < REQUESTS; k++) {
			struct cedar_pool *pool = ward_cedar_pool_new(0);
			struct cedar_request r = world_request(w, pool);

			CHECK_EQ_INT(ward_cedar_request_validate(&r, w->schema, NULL), WARD_OK);
			ask(c, &set, e, &r, scratch, valid, t);
			ward_cedar_pool_free(pool);
		}
		ward_cedar_entities_unref(e);
	}
	ward_cedar_compiled_unref(c);
	ward_cedar_policies_done(&set);
}

TEST(sound)
{
	struct world w = { .seed = SEED };
	struct cedar_scratch *scratch = ward_cedar_scratch_new();
	struct cases s;
	struct bodies b;
	struct tally good = { 0 }, bad = { 0 };

	REQUIRE(scratch != NULL && cases_open(&s));
	bodies_open(&b, &s);
	REQUIRE(b.schema != NULL);
	w.schema = b.schema;
	CHECK(b.n > 100 && b.n_bad > 100);
	CASE("seed %u", SEED);
	for (unsigned i = 0; i < ROUNDS; i++)
		one_round(&w, &b, scratch, true, &good);
	/* That something was put to the test: policies are true, and some fail as they may; those that are invalid fail. */
	CHECK(good.policies > ROUNDS * POLICIES / 4 && good.reasons > 1000 && good.promised > 1000);
	for (unsigned i = 0; i < ROUNDS / 10; i++)
		one_round(&w, &b, scratch, false, &bad);
	CHECK(bad.policies > 0 && bad.broken > 1000);
	bodies_done(&b);
	cases_done(&s);
	ward_cedar_scratch_free(scratch);
}

TAP_MAIN();
