/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance data without memory: for each case and each vector the n-th allocation fails, alone or with all behind
 * it. The result is an error, or, where one failure could be done without, the same as with all memory; nothing is left
 * behind, and no error is a decision. Linked with --wrap, so that the language's calls of the allocator come here. What is
 * looked at is bounded in time: the output says how much that was.
 */
#include <time.h>

#include "cedar_data.h"
#include "alloc_wrap.h"
#include "ward/cedar.h"

#define SECONDS_MAX 60 /* of processor time, for each test */

static struct timespec begun;

static void begin(void)
{
	data_or_skip();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
}

static bool in_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec - begun.tv_sec < SECONDS_MAX;
}

/* A case: its texts, and the first of its requests. */
static struct {
	struct ward_buf schema, json_schema, entities, policies, context;
	const struct ward_json *request;
} now;

/* What came of it. */
struct outcome {
	int code;
	bool allow;
	char *entities, *schema;
	size_t n_entities, n_schema;
};

/* What was made on the way, for it to be let go of. */
struct objects {
	struct ward_policy_diags *d;
	struct ward_policy_schema *schema, *json_schema;
	struct ward_policy_entities *e;
	struct ward_policy_set *set;
	struct ward_policy_compiled *c;
	struct ward_policy_request *r;
	struct ward_policy_scratch *s;
};

static int data_of(struct objects *o, struct outcome *ret)
{
	const struct ward_buf *s = &now.schema, *j = &now.json_schema, *e = &now.entities;
	int code = ward_policy_schema_parse(WARD_POLICY_CEDAR, NULL, s->s, s->n, &o->schema, o->d);

	if (code == WARD_OK && j->n > 0)
		code = ward_policy_schema_parse(WARD_POLICY_JSON, NULL, j->s, j->n, &o->json_schema,
			o->d);
	if (code == WARD_OK)
		code = ward_policy_schema_translate(WARD_POLICY_CEDAR, WARD_POLICY_JSON_RESOLVED,
			NULL, s->s, s->n, &ret->schema, &ret->n_schema, o->d);
	if (code == WARD_OK)
		code = ward_policy_entities_parse(o->schema, NULL, e->s, e->n, &o->e, o->d);
	if (code == WARD_OK)
		code = ward_policy_entities_validate(o->e, o->schema, o->d);
	if (code == WARD_OK)
		code = ward_policy_entities_print(o->e, &ret->entities, &ret->n_entities);
	return code;
}

static int set_uid(struct objects *o, enum ward_policy_part part, const char *name)
{
	const struct ward_json *u = ward_json_get(now.request, name);
	const struct ward_json *type = ward_json_get(u, "type"), *id = ward_json_get(u, "id");

	return ward_policy_request_set_uid(o->r, part, type->str.s, type->str.n, id->str.s,
		id->str.n, o->d);
}

static int request_of(struct objects *o)
{
	int code;

	o->r = ward_policy_request_new();
	if (o->r == NULL)
		return WARD_E_NOMEM;
	code = set_uid(o, WARD_POLICY_PRINCIPAL, "principal");
	if (code == WARD_OK)
		code = set_uid(o, WARD_POLICY_ACTION, "action");
	if (code == WARD_OK)
		code = set_uid(o, WARD_POLICY_RESOURCE, "resource");
	if (code == WARD_OK)
		code = ward_policy_request_set_context(o->r, o->schema, NULL, now.context.s,
			now.context.n, o->d);
	if (code == WARD_OK && data_bool(now.request, "validateRequest"))
		code = ward_policy_request_validate(o->r, o->schema, o->d);
	return code;
}

static int decide(struct objects *o, bool *ret_allow)
{
	struct ward_policy_answer a = { .decision = WARD_POLICY_ALLOW };
	int code = request_of(o);

	o->set = ward_policy_set_new();
	o->s = ward_policy_scratch_new();
	if (code == WARD_OK && (o->set == NULL || o->s == NULL))
		code = WARD_E_NOMEM;
	if (code == WARD_OK)
		code = ward_policy_set_parse(o->set, WARD_POLICY_CEDAR, 0, NULL, now.policies.s,
			now.policies.n, o->d);
	if (code == WARD_OK)
		code = ward_policy_compile(o->set, &o->c, o->d);
	if (code < 0)
		return code;
	code = ward_policy_authorize(o->c, o->e, o->r, o->s, &a);
	*ret_allow = a.decision == WARD_POLICY_ALLOW;
	CHECK(code == WARD_OK || !*ret_allow);
	return code;
}

static struct outcome run(void)
{
	struct objects o = { .d = ward_policy_diags_new() };
	struct outcome ret = { .code = o.d != NULL ? WARD_OK : WARD_E_NOMEM };

	if (ret.code == WARD_OK)
		ret.code = data_of(&o, &ret);
	if (ret.code == WARD_OK)
		ret.code = decide(&o, &ret.allow);
	ward_policy_scratch_free(o.s);
	ward_policy_request_free(o.r);
	ward_policy_compiled_unref(o.c);
	ward_policy_set_free(o.set);
	ward_policy_entities_unref(o.e);
	ward_policy_schema_unref(o.json_schema);
	ward_policy_schema_unref(o.schema);
	ward_policy_diags_free(o.d);
	return ret;
}

static void outcome_done(struct outcome *o)
{
	free(o->entities);
	free(o->schema);
}

static bool same_text(const char *a, size_t n, const char *b, size_t m)
{
	return n == m && a != NULL && b != NULL && memcmp(a, b, n) == 0;
}

static size_t cases, failures;

static void without_memory(const struct outcome *whole)
{
	for (long n = 0;; n++) {
		struct outcome o;

		fired = false;
		live = 0;
		countdown = n;
		o = run();
		countdown = -1;
		if (o.code == WARD_OK) {
			CHECK(!fired || once);
			CHECK_EQ_INT(o.allow, whole->allow);
			CHECK(same_text(o.entities, o.n_entities, whole->entities,
				whole->n_entities));
			CHECK(same_text(o.schema, o.n_schema, whole->schema, whole->n_schema));
		} else {
			/* What is written into a buffer cannot tell why there is no room. */
			CHECK(o.code == WARD_E_NOMEM || o.code == WARD_E_LIMIT);
			CHECK(fired && !o.allow);
		}
		outcome_done(&o);
		CHECK_EQ_INT(live, 0);
		if (!fired)
			break;
		failures++;
	}
}

/* The text of a member of the document, as it is written there. */
static void written(struct ward_buf *to, const struct ward_buf *text, const struct ward_json *j)
{
	ward_buf_add(to, text->s + j->start, j->end - j->start);
}

static void corpus_case(const char *folder, const char *name)
{
	struct ward_arena *a = ward_arena_new(0);
	struct ward_buf text = WARD_BUF_INIT;
	struct ward_json *j = NULL;
	struct outcome whole;
	char path[1024];

	if (!in_time()) {
		ward_arena_free(a);
		return;
	}
	CASE("%s", name);
	memset(&now, 0, sizeof(now));
	snprintf(path, sizeof(path), "%s/%s.json", folder, name);
	REQUIRE(a != NULL && data_read(&text, path));
	REQUIRE(ward_cedar_json_parse(a, data_text(&text), &j, NULL) == WARD_OK);
	now.request = ward_json_get(j, "requests")->child;
	REQUIRE(now.request != NULL);
	written(&now.context, &text, ward_json_get(now.request, "context"));
	REQUIRE(data_read(&now.policies, data_str(j, "policies")) &&
		data_read(&now.entities, data_str(j, "entities")) &&
		data_read(&now.schema, data_str(j, "schema")));
	snprintf(path, sizeof(path), "corpus-tests-json-schemas/%s.cedarschema.json", name);
	(void)data_read(&now.json_schema, path);
	whole = run();
	CHECK_EQ_INT(whole.code, WARD_OK);
	once = false;
	without_memory(&whole);
	once = true;
	without_memory(&whole);
	once = false;
	cases++;
	outcome_done(&whole);
	ward_buf_done(&now.schema);
	ward_buf_done(&now.json_schema);
	ward_buf_done(&now.entities);
	ward_buf_done(&now.policies);
	ward_buf_done(&now.context);
	ward_buf_done(&text);
	ward_arena_free(a);
}

TEST(corpus)
{
	size_t n;

	begin();
	n = data_each("corpus-tests", ".entities.json", corpus_case);
	CHECK(cases > 0);
	printf("# %zu of %zu cases, %zu failed allocations\n", cases, n, failures);
}

/* ---- vectors: what is right and what is wrong ---- */

static int parse_schema(struct ward_str text, bool is_text)
{
	struct cedar_schema *s = NULL;
	struct cedar_diags d;
	int code = ward_cedar_diags_init(&d);

	if (code == WARD_OK)
		code = ward_cedar_schema_parse(text,
			is_text ? CEDAR_SCHEMA_TEXT : CEDAR_SCHEMA_JSON, &s, &d);
	CHECK_EQ_INT(code == WARD_OK, s != NULL);
	CHECK(code != WARD_OK || (d.errors == 0 && !d.failed));
	ward_cedar_schema_free(s);
	ward_cedar_diags_done(&d);
	return code;
}

static const struct cedar_schema *guide;

static int parse_entities(struct ward_str text, bool with_schema)
{
	struct cedar_entities *e = NULL;
	struct cedar_diags d;
	int code = ward_cedar_diags_init(&d);

	if (code == WARD_OK)
		code = ward_cedar_entities_parse(text, with_schema ? guide : NULL, &e, &d);
	CHECK_EQ_INT(code == WARD_OK, e != NULL);
	CHECK(code != WARD_OK || (d.errors == 0 && !d.failed));
	ward_cedar_entities_unref(e);
	ward_cedar_diags_done(&d);
	return code;
}

static void each_failure(int (*parse)(struct ward_str text, bool option), struct ward_str text,
	bool option, bool right)
{
	for (long n = 0;; n++) {
		int code;

		fired = false;
		live = 0;
		countdown = n;
		code = parse(text, option);
		countdown = -1;
		CHECK_EQ_INT(live, 0);
		if (!right)
			CHECK(code < 0);
		else
			CHECK(code == WARD_OK ? !fired || once : code == WARD_E_NOMEM);
		if (!fired)
			break;
		failures++;
	}
}

static void both_ways(int (*parse)(struct ward_str text, bool option), struct ward_str text,
	bool option, bool right)
{
	CASE("%.*s", (int)text.n, text.s);
	once = false;
	each_failure(parse, text, option, right);
	once = true;
	each_failure(parse, text, option, right);
	once = false;
	cases++;
}

TEST(vectors)
{
	struct ward_arena *a;
	struct ward_buf text = WARD_BUF_INIT;
	struct ward_json *j = NULL;
	struct cedar_schema *schema = NULL;

	begin();
	cases = failures = 0;
	a = ward_arena_new(1u << 28);
	REQUIRE(a != NULL && data_read(&text, "probes/schema.json"));
	REQUIRE(ward_cedar_json_parse(a, data_text(&text), &j, NULL) == WARD_OK);
	for (const struct ward_json *v = ward_json_get(j, "vectors")->child; v != NULL && in_time();
		v = v->next) {
		const struct ward_json *in = ward_json_get(v, "input");
		bool is_text = in->type == WARD_JSON_STRING;
		struct ward_str input = is_text
			? in->str
			: (struct ward_str){ text.s + in->start, in->end - in->start };

		both_ways(parse_schema, input, is_text, data_bool(v, "ok"));
	}
	j = data_json(a, "probes/entities.json");
	REQUIRE(j != NULL &&
		ward_cedar_schema_parse(ward_str(data_str(j, "schema")), CEDAR_SCHEMA_TEXT, &schema,
			NULL) == WARD_OK);
	guide = schema;
	for (const struct ward_json *v = ward_json_get(j, "vectors")->child; v != NULL && in_time();
		v = v->next)
		both_ways(parse_entities, ward_json_get(v, "input")->str,
			data_bool(v, "withSchema"), data_bool(v, "ok"));
	printf("# %zu vectors, %zu failed allocations\n", cases, failures);
	ward_cedar_schema_free(schema);
	ward_buf_done(&text);
	ward_arena_free(a);
}

TAP_MAIN();
