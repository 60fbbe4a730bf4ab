/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON request a line on stdin, one JSON answer a line on stdout: the language as an oracle speaks it, for differential
 * testing (compare.py). Requests and answers are those of the official engine's foreign-function interface, as far as they
 * are compared: {"op": "authorize-many" | "validate" | "partial" | "parse-policies" | ...}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/cedar.h"

struct call {
	const struct ward_json *m;
	struct cedar_diags d;
	struct ward_buf *out;
};

static struct ward_str text_of(const struct ward_json *j)
{
	return j != NULL && j->type == WARD_JSON_STRING ? j->str : (struct ward_str){ "", 0 };
}

static bool is_there(const struct ward_json *j)
{
	return j != NULL && j->type != WARD_JSON_NULL;
}

/* {"type":"failure","errors":[{"message":..}]} */
static void say_failure(struct call *c)
{
	struct ward_buf *out = c->out;

	ward_buf_clear(out);
	ward_jw_open(out, '{');
	ward_jw_kstr(out, "type", "failure");
	ward_jw_key(out, "errors");
	ward_jw_open(out, '[');
	for (size_t i = 0; i < c->d.n; i++) {
		if (c->d.v[i].severity != CEDAR_ERROR)
			continue;
		ward_jw_open(out, '{');
		ward_jw_kstr(out, "message", c->d.v[i].message);
		ward_jw_close(out, '}');
	}
	ward_jw_close(out, ']');
	ward_jw_close(out, '}');
}

static void say_text(struct call *c, const char *key, struct ward_buf *text)
{
	ward_jw_open(c->out, '{');
	ward_jw_kstr(c->out, "type", "success");
	ward_jw_key(c->out, key);
	ward_jw_str(c->out, text->s, text->n);
	ward_jw_close(c->out, '}');
}

static void say_json(struct call *c, const char *key, struct ward_buf *json)
{
	ward_jw_open(c->out, '{');
	ward_jw_kstr(c->out, "type", "success");
	ward_jw_key(c->out, key);
	ward_jw_raw(c->out, json->s, json->n);
	ward_jw_close(c->out, '}');
}

static void say_success(struct call *c)
{
	ward_jw_open(c->out, '{');
	ward_jw_kstr(c->out, "type", "success");
	ward_jw_close(c->out, '}');
}

static int schema_of(struct call *c, const struct ward_json *j, struct cedar_schema **ret)
{
	struct ward_buf json = WARD_BUF_INIT;
	int r;

	if (j->type == WARD_JSON_STRING)
		return ward_cedar_schema_parse(j->str, CEDAR_SCHEMA_TEXT, ret, &c->d);
	ward_jw_value(&json, j);
	r = ward_cedar_schema_parse((struct ward_str){ json.s, json.n }, CEDAR_SCHEMA_JSON, ret,
		&c->d);
	ward_buf_done(&json);
	return r;
}

static int policies_of(struct call *c, struct cedar_policies *s)
{
	const struct ward_json *p = ward_json_get(c->m, "policies");
	const struct ward_json *t = ward_json_get(c->m, "policyText");
	int r = ward_cedar_policies_init(s);

	if (r < 0)
		return r;
	if (t != NULL)
		return ward_cedar_policies_parse(s, t->str,
			&(struct cedar_parse_options){ .unknowns = true }, false, &c->d);
	return ward_cedar_policies_from_json(s, p, true, &c->d);
}

static int entities_of(struct call *c, const struct cedar_schema *schema,
	struct cedar_entities **ret)
{
	struct ward_buf json = WARD_BUF_INIT;
	int r;

	ward_jw_value(&json, ward_json_get(c->m, "entities"));
	r = ward_cedar_entities_parse((struct ward_str){ json.s, json.n }, schema, ret, &c->d);
	ward_buf_done(&json);
	return r;
}

static int uid_of(struct call *c, struct cedar_pool *pool, const struct ward_json *j,
	const struct cedar_uid **ret)
{
	struct cedar_json_context jc = { .pool = pool, .diags = &c->d };

	return ward_cedar_json_uid(&jc, j, ret);
}

/* principal, action, resource and context of r; what is absent or null stays NULL where partial. */
static int request_of(struct call *c, struct cedar_pool *pool, const struct ward_json *r,
	const struct cedar_schema *schema, bool partial, struct cedar_request *q)
{
	static const char *const names[] = { "principal", "action", "resource" };
	const struct cedar_uid **to[] = { &q->principal, &q->action, &q->resource };
	const struct ward_json *j = ward_json_get(r, "context");
	struct ward_buf json = WARD_BUF_INIT;
	int code;

	*q = (struct cedar_request){ 0 };
	for (int i = 0; i < 3; i++) {
		const struct ward_json *u = ward_json_get(r, names[i]);

		if (partial && !is_there(u))
			continue;
		code = uid_of(c, pool, u, to[i]);
		if (code < 0)
			return code;
	}
	if (partial && !is_there(j))
		return WARD_OK;
	ward_jw_value(&json, j);
	code = ward_cedar_context_parse(pool, (struct ward_str){ json.s, json.n }, schema,
		q->action, &q->context, &c->d);
	ward_buf_done(&json);
	if (code == WARD_OK && schema != NULL && !partial)
		code = ward_cedar_request_validate(q, schema, &c->d);
	return code;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The list of texts, sorted; they are freed. */
static void say_sorted(struct ward_buf *out, char **v, size_t n)
{
	qsort(v, n, sizeof(*v), by_text);
	ward_jw_open(out, '[');
	for (size_t i = 0; i < n; i++) {
		ward_jw_raw(out, v[i], strlen(v[i]));
		free(v[i]);
	}
	ward_jw_close(out, ']');
}

static void say_answer(struct ward_buf *out, const struct cedar_compiled *set,
	const struct cedar_answer *a)
{
	char **v = calloc(a->n_reasons + a->n_errors + 1, sizeof(*v));

	ward_jw_open(out, '{');
	ward_jw_kstr(out, "decision", a->decision == CEDAR_ALLOW ? "allow" : "deny");
	ward_jw_key(out, "reason");
	for (uint32_t i = 0; i < a->n_reasons; i++) {
		struct ward_buf b = WARD_BUF_INIT;
		const struct cedar_str *id = ward_cedar_compiled_id(set, a->reasons[i]);

		ward_jw_str(&b, id->s, id->n);
		v[i] = ward_buf_take(&b);
	}
	say_sorted(out, v, a->n_reasons);
	ward_jw_key(out, "errors");
	for (uint32_t i = 0; i < a->n_errors; i++) {
		struct ward_buf b = WARD_BUF_INIT, m = WARD_BUF_INIT;
		const struct cedar_str *id = ward_cedar_compiled_id(set, a->errors[i]);

		ward_cedar_fault_print(&m, &a->faults[i]);
		ward_jw_open(&b, '[');
		ward_jw_str(&b, id->s, id->n);
		ward_jw_str(&b, m.s, m.n);
		ward_jw_close(&b, ']');
		v[i] = ward_buf_take(&b);
		ward_buf_done(&m);
	}
	say_sorted(out, v, a->n_errors);
	ward_jw_close(out, '}');
	free(v);
}

static int answer_all(struct call *c, const struct cedar_schema *schema,
	const struct cedar_compiled *set, const struct cedar_entities *e)
{
	struct cedar_scratch *scratch = ward_cedar_scratch_new();
	const struct ward_json *requests = ward_json_get(c->m, "requests");
	const struct ward_json *unindexed = ward_json_get(c->m, "unindexed");
	int r = WARD_OK;

	ward_jw_open(c->out, '{');
	ward_jw_kstr(c->out, "type", "success");
	ward_jw_key(c->out, "answers");
	ward_jw_open(c->out, '[');
	for (const struct ward_json *q = requests->child; q != NULL; q = q->next) {
		struct cedar_pool *pool = ward_cedar_pool_new(0);
		struct cedar_request request;
		struct cedar_answer answer;

		r = request_of(c, pool, q, schema, false, &request);
		if (r < 0) {
			ward_jw_open(c->out, '{');
			ward_jw_kstr(c->out, "failure",
				c->d.n > 0 ? c->d.v[c->d.n - 1].message : "?");
			ward_jw_close(c->out, '}');
			c->d.n = 0;
		} else {
			r = ward_cedar_authorize(set, e, &request, scratch,
				unindexed != NULL && unindexed->b, &answer);
			if (r < 0)
				abort();
			say_answer(c->out, set, &answer);
		}
		ward_cedar_pool_free(pool);
	}
	ward_jw_close(c->out, ']');
	ward_jw_close(c->out, '}');
	ward_cedar_scratch_free(scratch);
	return WARD_OK;
}

static int do_authorize_many(struct call *c)
{
	const struct ward_json *s = ward_json_get(c->m, "schema");
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = NULL;
	WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *e = NULL;
	WARD_CLEANUP(ward_cedar_compiled_unrefp) struct cedar_compiled *set = NULL;
	WARD_CLEANUP(ward_cedar_policies_done) struct cedar_policies p = { 0 };
	int r = policies_of(c, &p);

	if (r == WARD_OK && is_there(s))
		r = schema_of(c, s, &schema);
	if (r == WARD_OK)
		r = entities_of(c, schema, &e);
	if (r == WARD_OK)
		r = ward_cedar_compile(&p, &set, &c->d);
	return r == WARD_OK ? answer_all(c, schema, set, e) : r;
}

static void say_findings(struct call *c, const char *key, enum cedar_severity severity)
{
	ward_jw_key(c->out, key);
	ward_jw_open(c->out, '[');
	for (size_t i = 0; i < c->d.n; i++) {
		const struct cedar_diag *g = &c->d.v[i];

		if (g->severity != severity)
			continue;
		ward_jw_open(c->out, '{');
		ward_jw_kstr(c->out, "policyId", g->policy != NULL ? g->policy : "");
		ward_jw_kstr(c->out, "message", g->message);
		ward_jw_kstr(c->out, "kind", ward_cedar_finding_name(g->kind));
		ward_jw_close(c->out, '}');
	}
	ward_jw_close(c->out, ']');
}

static int do_validate(struct call *c)
{
	const struct ward_json *level = ward_json_get(c->m, "level");
	struct ward_str mode = text_of(ward_json_get(c->m, "mode"));
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = NULL;
	WARD_CLEANUP(ward_cedar_policies_done) struct cedar_policies p = { 0 };
	struct cedar_validate_options o = {
		.mode = ward_str_eq(mode, WARD_STR("permissive")) ? CEDAR_PERMISSIVE : CEDAR_STRICT,
		.level = level != NULL ? (int)level->i : -1,
	};
	int r = policies_of(c, &p);

	if (r == WARD_OK)
		r = schema_of(c, ward_json_get(c->m, "schema"), &schema);
	if (r < 0)
		return r;
	c->d.n = 0;
	c->d.max = 100000;
	r = ward_cedar_validate(schema, &p, &o, &c->d);
	if (r < 0 && r != WARD_E_REFUSED)
		return r;
	ward_jw_open(c->out, '{');
	ward_jw_kstr(c->out, "type", "success");
	say_findings(c, "validationErrors", CEDAR_ERROR);
	say_findings(c, "validationWarnings", CEDAR_WARNING);
	ward_jw_close(c->out, '}');
	return WARD_OK;
}

static int do_partial(struct call *c)
{
	const struct ward_json *s = ward_json_get(c->m, "schema");
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = NULL;
	WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *e = NULL;
	WARD_CLEANUP(ward_cedar_partial_freep) struct cedar_partial *partial = NULL;
	WARD_CLEANUP(ward_cedar_policies_done) struct cedar_policies p = { 0 };
	WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *pool = ward_cedar_pool_new(0);
	struct ward_buf json = WARD_BUF_INIT;
	struct cedar_request request;
	int r = policies_of(c, &p);

	if (r == WARD_OK && is_there(s))
		r = schema_of(c, s, &schema);
	if (r == WARD_OK)
		r = entities_of(c, schema, &e);
	if (r == WARD_OK)
		r = request_of(c, pool, c->m, schema, true, &request);
	if (r == WARD_OK)
		r = ward_cedar_partial(&p, e, &request, &partial, &c->d);
	if (r < 0)
		return r;
	ward_cedar_partial_json(partial, &json);
	ward_jw_open(c->out, '{');
	ward_jw_kstr(c->out, "type", "residuals");
	ward_jw_key(c->out, "response");
	ward_jw_raw(c->out, json.s, json.n);
	ward_jw_close(c->out, '}');
	ward_buf_done(&json);
	return WARD_OK;
}

static int do_parse_policies(struct call *c)
{
	WARD_CLEANUP(ward_cedar_policies_done) struct cedar_policies p = { 0 };
	int r = policies_of(c, &p);

	if (r == WARD_OK)
		say_success(c);
	return r;
}

static int do_parse_schema(struct call *c)
{
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = NULL;
	int r = schema_of(c, ward_json_get(c->m, "schema"), &schema);

	if (r == WARD_OK)
		say_success(c);
	return r;
}

static int do_schema_to(struct call *c,
	int (*to)(const struct cedar_schema *s, struct ward_buf *out, struct cedar_diags *d),
	bool json)
{
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *schema = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	int r = schema_of(c, ward_json_get(c->m, "schema"), &schema);

	if (r == WARD_OK)
		r = to(schema, &b, &c->d);
	if (r < 0)
		return r;
	if (json)
		say_json(c, "json", &b);
	else
		say_text(c, "text", &b);
	return WARD_OK;
}

static int do_schema_to_json(struct call *c)
{
	return do_schema_to(c, ward_cedar_schema_to_json, true);
}

static int do_schema_to_text(struct call *c)
{
	return do_schema_to(c, ward_cedar_schema_to_text, false);
}

static int do_schema_resolved(struct call *c)
{
	return do_schema_to(c, ward_cedar_schema_to_resolved_json, true);
}

/* One policy or template, as text or object. */
static int policy_of(struct call *c, struct cedar_pool *pool, const struct cedar_policy **ret)
{
	const struct ward_json *j = ward_json_get(c->m, "policy");
	struct cedar_policy_list list = { 0 };
	int r;

	if (j->type != WARD_JSON_STRING)
		return ward_cedar_policy_from_json(pool, j, ward_cedar_intern(pool, "policy0", 7),
			true, ret, &c->d);
	r = ward_cedar_parse_policies(pool, j->str,
		&(struct cedar_parse_options){ .unknowns = true }, &list, &c->d);
	if (r == WARD_OK && list.n != 1)
		r = ward_cedar_diag(&c->d, CEDAR_ERROR, 0, 0, 0, "not one policy");
	if (r == WARD_OK)
		*ret = list.v[0];
	ward_cedar_policy_list_done(&list);
	return r;
}

static int do_policy_to(struct call *c,
	void (*to)(struct ward_buf *out, const struct cedar_policy *p), bool json)
{
	WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *pool = ward_cedar_pool_new(0);
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const struct cedar_policy *p;
	int r = policy_of(c, pool, &p);

	if (r < 0)
		return r;
	to(&b, p);
	if (json)
		say_json(c, "json", &b);
	else
		say_text(c, "text", &b);
	return WARD_OK;
}

static int do_policy_to_json(struct call *c)
{
	return do_policy_to(c, ward_cedar_policy_json, true);
}

static int do_policy_to_text(struct call *c)
{
	return do_policy_to(c, ward_cedar_print_policy, false);
}

static int do_format(struct call *c)
{
	const struct ward_json *width = ward_json_get(c->m, "lineWidth");
	const struct ward_json *indent = ward_json_get(c->m, "indentWidth");
	struct cedar_format_options o = { .width = width != NULL ? (unsigned)width->i : 0,
		.indent = indent != NULL ? (unsigned)indent->i : 0 };
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	int r = ward_cedar_format(text_of(ward_json_get(c->m, "policyText")), &o, &b, &c->d);

	if (r == WARD_OK)
		say_text(c, "formatted_policy", &b);
	return r;
}

static const struct op {
	const char *name;
	int (*fn)(struct call *c);
} ops[] = {
	{ "authorize-many", do_authorize_many },
	{ "format", do_format },
	{ "parse-policies", do_parse_policies },
	{ "parse-schema", do_parse_schema },
	{ "partial", do_partial },
	{ "policy-to-json", do_policy_to_json },
	{ "policy-to-text", do_policy_to_text },
	{ "schema-resolved", do_schema_resolved },
	{ "schema-to-json", do_schema_to_json },
	{ "schema-to-text", do_schema_to_text },
	{ "template-to-json", do_policy_to_json },
	{ "template-to-text", do_policy_to_text },
	{ "validate", do_validate },
	{ "validate-ext", do_validate },
};

static void answer(const char *line, size_t n, struct ward_buf *out)
{
	static const struct ward_json_options limits = { WARD_CEDAR_JSON_BYTES_MAX,
		WARD_CEDAR_JSON_DEPTH_MAX + 10, true };
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(1u << 30);
	struct ward_error err = WARD_ERROR_INIT;
	struct call c = { .out = out };
	struct ward_json *m;
	struct ward_str op;

	ward_buf_clear(out);
	if (ward_json_parse_with(a, line, n, "stdin", &limits, &m, &err) < 0) {
		ward_buf_addf(out, "{\"type\":\"exception\",\"message\":\"%s\"}", err.message);
		return;
	}
	c.m = m;
	op = text_of(ward_json_get(m, "op"));
	if (ward_cedar_diags_init(&c.d) < 0)
		abort();
	for (size_t i = 0; i < WARD_ARRAY_SIZE(ops); i++) {
		if (!ward_str_eq(op, ward_str(ops[i].name)))
			continue;
		if (ops[i].fn(&c) < 0)
			say_failure(&c);
		ward_cedar_diags_done(&c.d);
		return;
	}
	ward_cedar_diags_done(&c.d);
	ward_buf_adds(out, "{\"type\":\"exception\",\"message\":\"unknown op\"}");
}

int main(void)
{
	struct ward_buf out = { .max = 1u << 30 };
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		answer(line, (size_t)n, &out);
		puts(ward_buf_cstr(&out));
		fflush(stdout);
	}
	free(line);
	ward_buf_done(&out);
	return 0;
}
