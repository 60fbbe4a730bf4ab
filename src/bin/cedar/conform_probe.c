/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of vectors, each with the official engine's answer, and lists of entities with recorded verdicts. Which kind of
 * vectors a file holds is told by its name: parse-expr, parse-policy, eval, entities, context, schema, validate,
 * policy-json.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cedar/conform.h"

struct probe {
	const struct ward_json *all; /* the file */
	struct ward_policy_schema *schema; /* of the file, or NULL */
	struct ward_policy_entities *entities;
};

/* The recorded text, where texts count. */
static void compare_message(struct conform *c, const struct ward_json *v, const char *got)
{
	const char *want = json_text(v, "message");
	size_t n = want ? strlen(want) : 0, m = strlen(got);

	if (!want)
		return;
	/* The engine says what it was doing before it says what is wrong. */
	if (n >= m && same_message(ward_str(want + n - m), got)) {
		c->same++;
		return;
	}
	c->differ++;
	if (c->a->v[O_MESSAGES])
		disagree(c, "says \"%s\", recorded \"%s\"", got, want);
}

static void compare_ok(struct conform *c, const struct ward_json *v, bool ok)
{
	bool want = json_true(v, "ok");

	if (ok && !want)
		disagree(c, "accepted, the engine says: %s",
			json_text(v, "message") ? json_text(v, "message") : "no");
	else if (!ok && want)
		disagree(c, "refused: %s", last_error(c));
	else if (!ok)
		compare_message(c, v, last_error(c));
	ward_policy_diags_clear(c->a->d);
}

/* ---- one function a kind ---- */

static bool parses(struct conform *c, const char *text, size_t n, bool *ret_template)
{
	WARD_CLEANUP(free_set) struct ward_policy_set *set = ward_policy_set_new();
	struct ward_policy_info info = { 0 };
	/* The engine that made the vectors knows unknown("x"). */
	bool ok = set &&
		ward_policy_set_parse(set, WARD_POLICY_CEDAR, WARD_POLICY_UNKNOWNS, NULL, text, n,
			c->a->d) == WARD_OK;

	*ret_template = false;
	for (size_t i = 0; ok && ward_policy_set_at(set, i, &info) == WARD_OK; i++)
		*ret_template = *ret_template || info.kind == WARD_POLICY_TEMPLATE;
	return ok;
}

static char *wrap(const struct ward_json *input, size_t *ret)
{
	struct ward_buf b = WARD_BUF_INIT;

	ward_buf_adds(&b, "permit(principal,action,resource) when { ");
	ward_buf_add(&b, input->str.s, input->str.n);
	ward_buf_adds(&b, " };");
	*ret = b.n;
	return ward_buf_take(&b);
}

static void probe_expr(struct conform *c, const struct probe *p, const struct ward_json *v)
{
	size_t n = 0;
	WARD_CLEANUP(free_string) char *text = wrap(ward_json_get(v, "input"), &n);
	bool template;

	(void)p;
	compare_ok(c, v, text && parses(c, text, n, &template));
}

static void probe_policy(struct conform *c, const struct probe *p, const struct ward_json *v)
{
	const struct ward_json *input = ward_json_get(v, "input");
	bool template = false, ok = parses(c, input->str.s, input->str.n, &template);

	(void)p;
	compare_ok(c, v, ok);
	if (ok && template != json_true(v, "template"))
		disagree(c, "%s a template", template ? "is" : "is no");
}

static void probe_eval(struct conform *c, const struct probe *p, const struct ward_json *v)
{
	size_t n = 0;
	WARD_CLEANUP(free_string) char *text = wrap(ward_json_get(v, "input"), &n);
	WARD_CLEANUP(free_set) struct ward_policy_set *set = ward_policy_set_new();
	WARD_CLEANUP(free_compiled) struct ward_policy_compiled *compiled = NULL;
	WARD_CLEANUP(free_request) struct ward_policy_request *r = ward_policy_request_new();
	const struct ward_json *want = ward_json_get(v, "result");
	struct ward_policy_diags *d = c->a->d;
	struct ward_policy_answer got;
	bool allow, error;

	if (!text || !set || !r ||
		ward_policy_set_parse(set, WARD_POLICY_CEDAR, 0, NULL, text, n, d) < 0 ||
		ward_policy_compile(set, &compiled, d) < 0 ||
		ward_policy_request_set_uid(r, WARD_POLICY_PRINCIPAL, "U", 1, "a", 1, d) < 0 ||
		ward_policy_request_set_uid(r, WARD_POLICY_ACTION, "Action", 6, "v", 1, d) < 0 ||
		ward_policy_request_set_uid(r, WARD_POLICY_RESOURCE, "R", 1, "none", 4, d) < 0 ||
		ward_policy_request_set_context(r, NULL, NULL, "{}", 2, d) < 0 ||
		ward_policy_authorize(compiled, p->entities, r, c->scratch, &got) < 0) {
		disagree(c, "cannot be evaluated: %s", last_error(c));
		return;
	}
	allow = got.decision == WARD_POLICY_ALLOW;
	error = got.n_errors > 0;
	if (!want)
		disagree(c, "a vector has a result: a boolean, or the text of an error");
	else if (error != (want->type == WARD_JSON_STRING))
		disagree(c, "%s",
			error ? ward_policy_answer_error(c->scratch, 0)
			      : "evaluates, the engine says it fails");
	else if (error)
		compare_message(c, v, ward_policy_answer_error(c->scratch, 0));
	else if (want->type != WARD_JSON_BOOL || want->b != allow)
		disagree(c, "is %s", allow ? "true" : "false");
}

static void probe_entities(struct conform *c, const struct probe *p, const struct ward_json *v)
{
	const struct ward_json *input = ward_json_get(v, "input");
	WARD_CLEANUP(free_entities) struct ward_policy_entities *e = NULL;

	compare_ok(c, v,
		ward_policy_entities_parse(json_true(v, "withSchema") ? p->schema : NULL, NULL,
			input->str.s, input->str.n, &e, c->a->d) == WARD_OK);
}

static void probe_context(struct conform *c, const struct probe *p, const struct ward_json *v)
{
	const struct ward_json *input = ward_json_get(v, "input"),
			       *action = ward_json_get(v, "action");
	WARD_CLEANUP(free_request) struct ward_policy_request *r = ward_policy_request_new();
	const struct ward_json *type, *id;
	bool with = action && action->type == WARD_JSON_OBJECT;

	type = with ? ward_json_get(action, "type") : NULL;
	id = with ? ward_json_get(action, "id") : NULL;
	if (!r ||
		(with &&
			(!type || !id ||
				ward_policy_request_set_uid(r, WARD_POLICY_ACTION, type->str.s,
					type->str.n, id->str.s, id->str.n, c->a->d) < 0))) {
		disagree(c, "no action: %s", last_error(c));
		return;
	}
	compare_ok(c, v,
		ward_policy_request_set_context(r, with ? p->schema : NULL, NULL, input->str.s,
			input->str.n, c->a->d) == WARD_OK);
}

static void probe_schema(struct conform *c, const struct probe *p, const struct ward_json *v)
{
	const struct ward_json *input = ward_json_get(v, "input");
	WARD_CLEANUP(free_schema) struct ward_policy_schema *s = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	bool text = input->type == WARD_JSON_STRING;

	(void)p;
	if (text)
		ward_buf_add(&b, input->str.s, input->str.n);
	else
		ward_jw_value(&b, input);
	compare_ok(c, v,
		ward_policy_schema_parse(text ? WARD_POLICY_CEDAR : WARD_POLICY_JSON, NULL,
			ward_buf_cstr(&b), b.n, &s, c->a->d) == WARD_OK);
}

static bool found(const struct conform *c, struct ward_str want, bool warning)
{
	struct ward_policy_diag g;

	for (size_t i = 0; ward_policy_diags_at(c->a->d, i, &g) == WARD_OK; i++)
		if (g.warning == warning && same_message(want, g.message))
			return true;
	return false;
}

static bool recorded(const struct ward_json *list, const struct ward_policy_diag *g)
{
	for (const struct ward_json *m = list ? list->child : NULL; m; m = m->next)
		if (m->type == WARD_JSON_STRING && same_message(m->str, g->message))
			return true;
	return false;
}

/* Both ways, as sets. */
static void compare_findings(struct conform *c, const struct ward_json *v, const char *key,
	bool warning)
{
	const struct ward_json *list = ward_json_get(v, key);
	struct ward_policy_diag g;
	bool same = true;

	for (const struct ward_json *m = list ? list->child : NULL; m; m = m->next) {
		if (m->type != WARD_JSON_STRING || found(c, m->str, warning))
			continue;
		same = false;
		if (c->a->v[O_MESSAGES])
			disagree(c, "does not say \"%s\"", m->str.s);
	}
	for (size_t i = 0; ward_policy_diags_at(c->a->d, i, &g) == WARD_OK; i++) {
		if (g.warning != warning || recorded(list, &g))
			continue;
		same = false;
		if (c->a->v[O_MESSAGES])
			disagree(c, "says \"%s\"", g.message);
	}
	c->same += same;
	c->differ += !same;
}

static void probe_validate(struct conform *c, const struct probe *p, const struct ward_json *v)
{
	const struct ward_json *input = ward_json_get(v, "input");
	WARD_CLEANUP(free_set) struct ward_policy_set *set = ward_policy_set_new();
	struct ward_policy_validate_options o = { .mode = WARD_POLICY_STRICT };
	int r;

	if (!set || !p->schema ||
		ward_policy_set_parse(set, WARD_POLICY_CEDAR, 0, NULL, input->str.s, input->str.n,
			c->a->d) < 0) {
		disagree(c, "does not parse: %s", last_error(c));
		return;
	}
	r = ward_policy_validate(set, p->schema, &o, c->a->d);
	compare_findings(c, v, "errors", false);
	compare_findings(c, v, "warnings", true);
	if ((r == WARD_OK) != json_true(v, "ok"))
		disagree(c, "%s: %s", r == WARD_OK ? "passes" : "is refused",
			r == WARD_OK ? "" : last_error(c));
}

/* Text to JSON, and that JSON to text again. */
static void probe_policy_json(struct conform *c, const struct probe *p, const struct ward_json *v)
{
	const char *cedar = json_text(v, "cedar"), *want = json_text(v, "json_text");
	const char *again = json_text(v, "cedar_again");
	WARD_CLEANUP(free_set) struct ward_policy_set *set = ward_policy_set_new();
	WARD_CLEANUP(free_set) struct ward_policy_set *back = ward_policy_set_new();
	WARD_CLEANUP(free_string) char *json = NULL, *text = NULL;
	struct ward_json *a = NULL, *b = NULL;
	struct text ours = { 0 }, theirs = { 0 };

	(void)p;
	if (!set || !back || !cedar || !want ||
		ward_policy_set_parse(set, WARD_POLICY_CEDAR, 0, NULL, cedar, strlen(cedar),
			c->a->d) < 0 ||
		ward_policy_set_print(set, 0, WARD_POLICY_JSON, &json, &ours.n) < 0) {
		disagree(c, "no JSON: %s", last_error(c));
		return;
	}
	ours.s = json;
	theirs = (struct text){ (char *)(uintptr_t)want, strlen(want) };
	if (!parse_json(c->arena, &ours, NULL, &a, NULL) ||
		!parse_json(c->arena, &theirs, NULL, &b, NULL) || !json_same(a, b))
		disagree(c, "JSON is %s", json);
	if (ward_policy_set_parse(back, WARD_POLICY_JSON, 0, NULL, want, strlen(want), c->a->d) <
			0 ||
		ward_policy_set_print(back, 0, WARD_POLICY_CEDAR, &text, NULL) < 0)
		disagree(c, "no text of its JSON: %s", last_error(c));
	else if (again && !ward_streq(text, again))
		disagree(c, "text is %s", text);
}

/* ---- files ---- */

typedef void probe_fn(struct conform *c, const struct probe *p, const struct ward_json *v);

static probe_fn *kind_of(const char *path)
{
	const char *name = ward_path_basename(path);

	if (ward_streq(name, "parse-expr.json"))
		return probe_expr;
	if (ward_streq(name, "parse-policy.json"))
		return probe_policy;
	if (ward_streq(name, "eval.json"))
		return probe_eval;
	if (ward_streq(name, "entities.json"))
		return probe_entities;
	if (ward_streq(name, "context.json"))
		return probe_context;
	if (ward_streq(name, "schema.json"))
		return probe_schema;
	if (ward_streq(name, "validate.json"))
		return probe_validate;
	return ward_streq(name, "policy-json.json") ? probe_policy_json : NULL;
}

static bool prepare(struct conform *c, struct probe *p)
{
	const char *schema = json_text(p->all, "schema");
	const struct ward_json *entities = ward_json_get(p->all, "entities");
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	if (schema &&
		ward_policy_schema_parse(WARD_POLICY_CEDAR, NULL, schema, strlen(schema),
			&p->schema, c->a->d) < 0) {
		disagree(c, "schema: %s", last_error(c));
		return false;
	}
	if (!entities)
		return true;
	ward_jw_value(&b, entities);
	if (ward_policy_entities_parse(NULL, NULL, ward_buf_cstr(&b), b.n, &p->entities, c->a->d) ==
		WARD_OK)
		return true;
	disagree(c, "entities: %s", last_error(c));
	return false;
}

static bool has_input(const struct ward_json *v)
{
	return v->type == WARD_JSON_OBJECT && (ward_json_get(v, "input") || json_text(v, "cedar"));
}

void conform_vectors(struct conform *c, const char *path, const struct ward_json *j)
{
	probe_fn *fn = kind_of(path);
	struct probe p = { .all = j };
	size_t i = 0;

	if (!fn || !prepare(c, &p)) {
		if (!fn)
			disagree(c, "no kind of vectors is called so");
		case_end(c);
		free_schema(&p.schema);
		return;
	}
	for (const struct ward_json *v = ward_json_get(j, "vectors")->child; v; v = v->next) {
		char name[WARD_PATH_MAX];

		(void)snprintf(name, sizeof(name), "%s:%u: vector %zu", path, v->line, i++);
		c->vectors++;
		case_begin(c, name);
		if (has_input(v))
			fn(c, &p, v);
		else
			disagree(c, "has no input");
		case_end(c);
	}
	c->name = path;
	free_schema(&p.schema);
	free_entities(&p.entities);
}

/* ---- lists of entities ---- */

bool conform_entity_fits(struct conform *c, const struct ward_policy_schema *schema,
	struct ward_str entity)
{
	WARD_CLEANUP(free_entities) struct ward_policy_entities *e = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_buf_addc(&b, '[');
	ward_buf_add(&b, entity.s, entity.n);
	ward_buf_addc(&b, ']');
	return !b.failed &&
		ward_policy_entities_parse(schema, NULL, b.s, b.n, &e, c->a->d) == WARD_OK &&
		ward_policy_entities_validate(e, schema, c->a->d) == WARD_OK;
}

bool conform_uid_is(const struct ward_json *entity, struct ward_str name)
{
	const struct ward_json *uid, *inner;
	const struct ward_json *type, *id;

	uid = entity->type == WARD_JSON_OBJECT ? ward_json_get(entity, "uid") : NULL;
	uid = uid && uid->type == WARD_JSON_OBJECT ? uid : NULL;
	inner = uid ? ward_json_get(uid, "__entity") : NULL;
	uid = inner && inner->type == WARD_JSON_OBJECT ? inner : uid;
	type = uid ? ward_json_get(uid, "type") : NULL;
	id = uid ? ward_json_get(uid, "id") : NULL;
	return type && id && type->type == WARD_JSON_STRING && id->type == WARD_JSON_STRING &&
		name.n == type->str.n + 2 + id->str.n &&
		memcmp(name.s, type->str.s, type->str.n) == 0 &&
		memcmp(name.s + type->str.n, "::", 2) == 0 &&
		memcmp(name.s + name.n - id->str.n, id->str.s, id->str.n) == 0;
}

static void one_entity(struct conform *c, const struct ward_policy_schema *schema,
	const struct text *t, const struct ward_json *list, const struct ward_json *want)
{
	const struct ward_json *e = list->child;
	bool ok;

	while (e && !conform_uid_is(e, want->key))
		e = e->next;
	if (!e)
		return; /* its uid cannot be read */
	ok = conform_entity_fits(c, schema, slice_of(t, e));
	if (ok != json_true(want, "success"))
		disagree(c, "entity %s is %s: %s", want->key.s, ok ? "accepted" : "refused",
			ok ? "" : last_error(c));
	ward_policy_diags_clear(c->a->d);
}

void conform_entities(struct conform *c, const char *path, const struct ward_json *j,
	const char *record)
{
	WARD_CLEANUP(free_string) char *schema_path = NULL, *entity_path = NULL;
	WARD_CLEANUP(text_done) struct text st = { 0 }, et = { 0 }, rt = { 0 };
	WARD_CLEANUP(free_schema) struct ward_policy_schema *schema = NULL;
	WARD_CLEANUP(free_entities) struct ward_policy_entities *e = NULL;
	struct ward_json *list = NULL, *want = NULL;
	const struct ward_json *each;
	bool ok;

	c->cases++;
	if (json_text(j, "schema"))
		schema_path = conform_locate(path, json_text(j, "schema"));
	if (json_text(j, "entities"))
		entity_path = conform_locate(path, json_text(j, "entities"));
	if (!schema_path || !entity_path) {
		disagree(c, "schema or entities are nowhere");
		return;
	}
	if (!conform_read(c, schema_path, &st, NULL) || !conform_read(c, entity_path, &et, &list) ||
		!conform_read(c, record, &rt, &want))
		return;
	if (ward_policy_schema_parse(syntax_of_name(schema_path), schema_path, st.s, st.n, &schema,
		    c->a->d) < 0) {
		disagree(c, "schema: %s", last_error(c));
		return;
	}
	ok = ward_policy_entities_parse(schema, entity_path, et.s, et.n, &e, c->a->d) == WARD_OK;
	each = ward_json_get(want, "allEntities");
	if (each && ok != json_true(each, "success"))
		disagree(c, "all entities are %s: %s", ok ? "accepted" : "refused",
			ok ? "" : last_error(c));
	ward_policy_diags_clear(c->a->d);
	each = ward_json_get(want, "perEntity");
	for (const struct ward_json *m = each ? each->child : NULL; m; m = m->next)
		one_entity(c, schema, &et, list, m);
}
