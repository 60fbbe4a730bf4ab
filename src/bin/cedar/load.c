/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to the objects of the language: policies with their links, schema, entities, requests. Each says what is wrong
 * and returns false; what was made until then is the caller's to free.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bin/cedar/cedar.h"

static enum ward_policy_syntax syntax(const char *format)
{
	return ward_streq(format, "json") ? WARD_POLICY_JSON : WARD_POLICY_CEDAR;
}

static size_t max_of(enum ward_policy_syntax s)
{
	return s == WARD_POLICY_CEDAR ? WARD_CEDAR_TEXT_MAX : WARD_CEDAR_JSON_BYTES_MAX;
}

bool parse_json(struct ward_arena *arena, const struct text *t, const char *name,
	struct ward_json **ret, struct ward_error *err)
{
	struct ward_json_options o = { .bytes_max = WARD_CEDAR_JSON_BYTES_MAX,
		.depth_max = WARD_CEDAR_JSON_DEPTH_MAX,
		.nul_ok = true,
		.wide_ok = true };

	return ward_json_parse_with(arena, t->s, t->n, name, &o, ret, err) == WARD_OK;
}

/* ---- policies ---- */

bool load_policies(struct args *a, unsigned flags, bool links_may_miss,
	struct ward_policy_set **ret)
{
	WARD_CLEANUP(text_done) struct text t = { 0 };
	const char *name = a->v[O_POLICIES];
	enum ward_policy_syntax s = syntax(a->v[O_POLICY_FORMAT]);

	if (a->v[O_POLICY_DIRECTION])
		s = ward_streq(a->v[O_POLICY_DIRECTION], "json-to-cedar") ? WARD_POLICY_JSON
									  : WARD_POLICY_CEDAR;
	if (!read_text(a, name, "policy set", max_of(s), &t))
		return false;
	*ret = ward_policy_set_new();
	if (!*ret) {
		(void)out_of_memory(a);
		return false;
	}
	if (s == WARD_POLICY_CEDAR)
		flags |= WARD_POLICY_IDS_FROM_ANNOTATION;
	if (ward_policy_set_parse(*ret, s, flags, shown_name(name), t.s, t.n, a->d) < 0) {
		(void)fail_diags(a, "failed to parse policy set");
		return false;
	}
	return !a->v[O_TEMPLATE_LINKED] ||
		load_links(a, a->v[O_TEMPLATE_LINKED], links_may_miss, *ret);
}

static const char *member(const struct ward_json *j, const char *name)
{
	const struct ward_json *m = ward_json_get(j, name);

	return m && m->type == WARD_JSON_STRING && strlen(m->str.s) == m->str.n ? m->str.s : NULL;
}

static bool bad_link(struct args *a, const char *file, const struct ward_json *at, const char *what)
{
	struct ward_error err = WARD_ERROR_INIT;

	ward_fail(&err, WARD_E_PARSE, "%s", what);
	ward_fail_at(&err, file, at->line, at->column);
	ward_fail_fix(&err,
		"a link is {\"template_id\": ID, \"link_id\": ID, \"args\": {\"?principal\": ENTITY}}");
	(void)fail_error(a, &err);
	return false;
}

bool take_slots(struct args *a, const char *file, const struct ward_json *j, const char *slots[2])
{
	slots[0] = slots[1] = NULL;
	if (!j || j->type != WARD_JSON_OBJECT)
		return bad_link(a, file, j, "the arguments are not an object");
	for (const struct ward_json *m = j->child; m; m = m->next) {
		bool principal = ward_str_eq(m->key, WARD_STR("?principal"));

		if (!principal && !ward_str_eq(m->key, WARD_STR("?resource")))
			return bad_link(a, file, m, "a slot is ?principal or ?resource");
		if (m->type != WARD_JSON_STRING || strlen(m->str.s) != m->str.n)
			return bad_link(a, file, m, "a slot takes an entity as text");
		slots[principal ? 0 : 1] = m->str.s;
	}
	return true;
}

bool fail_link(struct args *a, const char *file, const struct ward_json *at)
{
	struct ward_error err = WARD_ERROR_INIT;

	(void)ward_policy_diags_error(a->d, &err);
	ward_policy_diags_clear(a->d);
	ward_fail_at(&err, file, at->line, at->column);
	err.start = at->start;
	err.end = at->end;
	(void)fail_error(a, &err);
	return false;
}

static bool add_link(struct args *a, const char *file, const struct ward_json *j,
	struct ward_policy_set *s)
{
	const char *slots[2], *template_id, *link_id;
	const struct ward_json *slot_values;

	if (j->type != WARD_JSON_OBJECT)
		return bad_link(a, file, j, "a link is an object");
	template_id = member(j, "template_id");
	link_id = member(j, "link_id");
	slot_values = ward_json_get(j, "args");
	if (!template_id || !link_id || !slot_values)
		return bad_link(a, file, j, "template_id, link_id or args is missing");
	if (!take_slots(a, file, slot_values, slots))
		return false;
	if (ward_policy_set_link(s, template_id, link_id, slots[0], slots[1], a->d) == WARD_OK)
		return true;
	return fail_link(a, file, j);
}

static bool missing(const char *file)
{
	struct stat st;

	return stat(file, &st) < 0 && errno == ENOENT;
}

bool read_links(struct args *a, const char *file, bool may_miss, struct ward_arena *arena,
	struct ward_json **ret)
{
	WARD_CLEANUP(text_done) struct text t = { 0 };
	struct ward_error err = WARD_ERROR_INIT;

	*ret = NULL;
	if (may_miss && missing(file))
		return true;
	if (!read_text(a, file, "links", WARD_CEDAR_JSON_BYTES_MAX, &t))
		return false;
	if (t.n == 0) /* as the official command has it */
		return true;
	if (!parse_json(arena, &t, file, ret, &err)) {
		(void)fail_error(a, &err);
		return false;
	}
	return (*ret)->type == WARD_JSON_ARRAY || bad_link(a, file, *ret, "links are a list");
}

bool load_links(struct args *a, const char *file, bool may_miss, struct ward_policy_set *s)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	struct ward_json *j = NULL;

	if (!arena) {
		(void)out_of_memory(a);
		return false;
	}
	if (!read_links(a, file, may_miss, arena, &j))
		return false;
	for (const struct ward_json *m = j ? j->child : NULL; m; m = m->next)
		if (!add_link(a, file, m, s))
			return false;
	return true;
}

/* ---- schema and entities ---- */

bool load_schema(struct args *a, struct ward_policy_schema **ret)
{
	WARD_CLEANUP(text_done) struct text t = { 0 };
	const char *name = a->v[O_SCHEMA];
	enum ward_policy_syntax s = syntax(a->v[O_SCHEMA_FORMAT]);

	*ret = NULL;
	if (!name)
		return true;
	if (!read_text(a, name, "schema", max_of(s), &t))
		return false;
	if (ward_policy_schema_parse(s, shown_name(name), t.s, t.n, ret, a->d) < 0) {
		(void)fail_diags(a, "failed to parse schema");
		return false;
	}
	say_warnings(a);
	return true;
}

bool load_entities(struct args *a, const struct ward_policy_schema *schema,
	struct ward_policy_entities **ret)
{
	WARD_CLEANUP(text_done) struct text t = { 0 };
	const char *name = a->v[O_ENTITIES];
	static const char none[] = "[]";
	int r;

	*ret = NULL;
	if (!name && !schema)
		return true;
	if (name && !read_text(a, name, "entities", WARD_CEDAR_JSON_BYTES_MAX, &t))
		return false;
	r = name ? ward_policy_entities_parse(schema, shown_name(name), t.s, t.n, ret, a->d)
		 : ward_policy_entities_parse(schema, NULL, none, sizeof(none) - 1, ret, a->d);
	if (r == WARD_OK)
		return true;
	(void)fail_diags(a, "failed to parse entities");
	return false;
}

/* ---- requests ---- */

static bool fill_uid(struct ward_policy_request *r, enum ward_policy_part part,
	const struct ward_json *j, const char *file, struct ward_policy_diags *d, const char **why)
{
	const struct ward_json *type, *id;

	if (!j || j->type == WARD_JSON_NULL)
		return true;
	*why = "an entity is text, as in User::\"a\", or {\"type\", \"id\"}";
	if (j->type == WARD_JSON_STRING)
		return ward_policy_request_set_text(r, part, file, j->str.s, j->str.n, d) ==
			WARD_OK;
	if (j->type != WARD_JSON_OBJECT)
		return false;
	if (j->count == 1 && ward_json_get(j, "__entity"))
		j = ward_json_get(j, "__entity");
	type = ward_json_get(j, "type");
	id = ward_json_get(j, "id");
	if (!type || !id || type->type != WARD_JSON_STRING || id->type != WARD_JSON_STRING ||
		j->count != 2)
		return false;
	return ward_policy_request_set_uid(r, part, type->str.s, type->str.n, id->str.s, id->str.n,
		       d) == WARD_OK;
}

/* What does not belong to j becomes blank, so that places in it are places in the text. */
static void blank_around(struct text *t, const struct ward_json *j)
{
	for (size_t i = 0; i < t->n; i++)
		if ((i < j->start || i >= j->end) && t->s[i] != '\n')
			t->s[i] = ' ';
}

bool fill_request(struct ward_policy_request *r, const struct ward_json *j, struct text *t,
	bool whole, const char *file, const struct ward_policy_schema *schema,
	struct ward_policy_diags *d, const char **why)
{
	const struct ward_json *context;

	*why = "a request is an object with principal, action, resource and context";
	if (j->type != WARD_JSON_OBJECT ||
		!fill_uid(r, WARD_POLICY_PRINCIPAL, ward_json_get(j, "principal"), file, d, why) ||
		!fill_uid(r, WARD_POLICY_ACTION, ward_json_get(j, "action"), file, d, why) ||
		!fill_uid(r, WARD_POLICY_RESOURCE, ward_json_get(j, "resource"), file, d, why))
		return false;
	context = ward_json_get(j, "context");
	if (!context || context->type == WARD_JSON_NULL)
		return true;
	*why = "the context cannot be read";
	/* As it is written: numbers and names are the language's to judge. */
	if (whole) {
		blank_around(t, context);
		return ward_policy_request_set_context(r, schema, file, t->s, t->n, d) == WARD_OK;
	}
	return ward_policy_request_set_context(r, schema, file, t->s + context->start,
		       context->end - context->start, d) == WARD_OK;
}

static bool request_from_file(struct args *a, const struct ward_policy_schema *schema,
	struct ward_policy_request *r, bool *ret_all)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	WARD_CLEANUP(text_done) struct text t = { 0 };
	struct ward_error err = WARD_ERROR_INIT;
	const char *name = a->v[O_REQUEST_JSON], *why = NULL;
	struct ward_json *j = NULL;

	if (!arena) {
		(void)out_of_memory(a);
		return false;
	}
	if (!read_text(a, name, "request-json", WARD_CEDAR_JSON_BYTES_MAX, &t))
		return false;
	if (!parse_json(arena, &t, shown_name(name), &j, &err)) {
		(void)fail_error(a, &err);
		return false;
	}
	*ret_all = ward_json_get(j, "principal") && ward_json_get(j, "action") &&
		ward_json_get(j, "resource") && ward_json_get(j, "context");
	if (fill_request(r, j, &t, true, shown_name(name), schema, a->d, &why))
		return true;
	if (ward_policy_diags_errors(a->d) > 0) {
		(void)fail_diags(a, "failed to parse request");
		return false;
	}
	ward_fail(&err, WARD_E_PARSE, "failed to parse request: %s", why);
	ward_fail_at(&err, shown_name(name), j->line, j->column);
	(void)fail_error(a, &err);
	return false;
}

static bool request_from_words(struct args *a, const struct ward_policy_schema *schema,
	bool partial, struct ward_policy_request *r, bool *ret_all)
{
	static const enum option names[] = { O_PRINCIPAL, O_ACTION, O_RESOURCE };
	static const char *const files[] = { "--principal", "--action", "--resource" };
	WARD_CLEANUP(text_done) struct text t = { 0 };
	const char *context = a->v[O_CONTEXT];
	int code = WARD_OK;

	*ret_all = true;
	for (unsigned i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		const char *text = a->v[names[i]];

		if (!text)
			*ret_all = false;
		else if (ward_policy_request_set_text(r, (enum ward_policy_part)i, files[i], text,
				 strlen(text), a->d) < 0)
			code = WARD_E_PARSE;
	}
	if (code < 0) {
		(void)fail_diags(a, "failed to parse request");
		return false;
	}
	if (!context && partial)
		return true;
	if (context && !read_text(a, context, "context", WARD_CEDAR_JSON_BYTES_MAX, &t))
		return false;
	if (partial && !a->v[O_ACTION]) /* nobody knows whose context it is */
		schema = NULL;
	if (!partial && !*ret_all)
		return true;
	code = context
		? ward_policy_request_set_context(r, schema, shown_name(context), t.s, t.n, a->d)
		: ward_policy_request_set_context(r, NULL, NULL, "{}", 2, a->d);
	if (code < 0)
		(void)fail_diags(a, "failed to parse context");
	return code == WARD_OK;
}

bool load_request(struct args *a, const struct ward_policy_schema *schema, bool partial,
	struct ward_policy_request **ret)
{
	struct ward_error err = WARD_ERROR_INIT;
	bool all = false, ok;

	*ret = ward_policy_request_new();
	if (!*ret) {
		(void)out_of_memory(a);
		return false;
	}
	if (a->v[O_REQUEST_JSON] &&
		(a->v[O_PRINCIPAL] || a->v[O_ACTION] || a->v[O_RESOURCE] || a->v[O_CONTEXT])) {
		ward_fail(&err, WARD_E_INVALID,
			"--request-json takes the place of --principal, --action, --resource and --context");
		(void)fail_error(a, &err);
		return false;
	}
	ok = a->v[O_REQUEST_JSON] ? request_from_file(a, schema, *ret, &all)
				  : request_from_words(a, schema, partial, *ret, &all);
	if (!ok)
		return false;
	if (!all && !partial) {
		ward_fail(&err, WARD_E_INVALID,
			"principal, action and resource (and in a file the context) must be given");
		(void)fail_error(a, &err);
		return false;
	}
	if (!schema || ward_streq(a->v[O_REQUEST_VALIDATION], "false"))
		return true;
	if (ward_policy_request_validate(*ret, schema, a->d) == WARD_OK)
		return true;
	(void)fail_diags(a, "failed to validate request");
	return false;
}
