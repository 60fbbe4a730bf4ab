/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One integration case: policies, entities, schema and requests with their expected answers; beside it, where there are
 * some, the findings that other engines recorded, and the schema in the other syntax.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cedar/conform.h"

struct one {
	const char *path;
	struct text *t;
	const struct ward_json *j;
	struct ward_policy_set *set;
	struct ward_policy_schema *schema;
	struct ward_policy_entities *entities;
	struct ward_policy_compiled *compiled;
	struct text schema_text, entity_text;
	const struct ward_json *record; /* recorded validation, or NULL */
	bool record_only; /* nothing else of the case is kept up */
	char *schema_path;
};

static void one_done(struct one *o)
{
	free_set(&o->set);
	free_schema(&o->schema);
	free_entities(&o->entities);
	free_compiled(&o->compiled);
	text_done(&o->schema_text);
	text_done(&o->entity_text);
	free(o->schema_path);
}

/* The file that the case names as key. */
static char *file_of(struct conform *c, const struct one *o, const char *key)
{
	const char *name = json_text(o->j, key);
	char *path = name ? conform_locate(o->path, name) : NULL;

	if (!path)
		disagree(c, "%s: %s is nowhere", key, name ? name : "a name");
	return path;
}

static bool load(struct conform *c, struct one *o)
{
	WARD_CLEANUP(free_string) char *policies = file_of(c, o, "policies");
	WARD_CLEANUP(free_string) char *entities = file_of(c, o, "entities");
	WARD_CLEANUP(text_done) struct text t = { 0 };
	struct text *s = &o->schema_text, *e = &o->entity_text;

	o->schema_path = file_of(c, o, "schema");
	if (!policies || !entities || !o->schema_path || !conform_read(c, policies, &t, NULL) ||
		!conform_read(c, entities, e, NULL) || !conform_read(c, o->schema_path, s, NULL))
		return false;
	o->set = ward_policy_set_new();
	if (!o->set ||
		ward_policy_set_parse(o->set, syntax_of_name(policies), 0, policies, t.s, t.n,
			c->a->d) < 0) {
		disagree(c, "policies: %s", last_place(c));
		return false;
	}
	if (ward_policy_schema_parse(syntax_of_name(o->schema_path), o->schema_path, s->s, s->n,
		    &o->schema, c->a->d) < 0) {
		disagree(c, "schema: %s", last_place(c));
		return false;
	}
	if (!o->record_only &&
		ward_policy_entities_parse(o->schema, entities, e->s, e->n, &o->entities, c->a->d) <
			0) {
		disagree(c, "entities: %s", last_place(c));
		return false;
	}
	if (ward_policy_compile(o->set, &o->compiled, c->a->d) < 0) {
		disagree(c, "compile: %s", last_error(c));
		return false;
	}
	ward_policy_diags_clear(c->a->d); /* warnings of the schema */
	return true;
}

/* ---- requests ---- */

/* Ids as a set: those of a list, and those of policies by number. */
static bool ids_same(const struct one *o, const struct ward_json *want, const uint32_t *v, size_t n)
{
	size_t found = 0;

	if (!want || want->type != WARD_JSON_ARRAY || want->count != n)
		return false;
	for (const struct ward_json *m = want->child; m; m = m->next) {
		for (size_t i = 0; i < n; i++) {
			size_t len = 0;
			const char *id = ward_policy_compiled_id(o->compiled, v[i], &len);

			if (m->type == WARD_JSON_STRING &&
				ward_str_eq(m->str, (struct ward_str){ id, len })) {
				found++;
				break;
			}
		}
		for (const struct ward_json *k = want->child; k != m; k = k->next)
			if (ward_str_eq(k->str, m->str))
				return false; /* a set has nothing twice */
	}
	return found == n;
}

static void show_ids(const struct one *o, const uint32_t *v, size_t n, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n && at + 1 < size; i++) {
		int len = snprintf(out + at, size - at, "%s%s", i ? " " : "",
			ward_policy_compiled_id(o->compiled, v[i], NULL));

		at += len > 0 ? (size_t)len : 0;
	}
}

static void compare_answer(struct conform *c, const struct one *o, const struct ward_json *want,
	size_t i, const struct ward_policy_answer *got)
{
	const char *decision = json_text(want, "decision");
	bool allow = got->decision == WARD_POLICY_ALLOW;
	char ids[512];

	if (!ward_streq(decision, allow ? "allow" : "deny"))
		disagree(c, "request %zu: decision %s, expected %s", i, allow ? "allow" : "deny",
			decision ? decision : "none");
	if (!ids_same(o, ward_json_get(want, "reason"), got->reasons, got->n_reasons)) {
		show_ids(o, got->reasons, got->n_reasons, ids, sizeof(ids));
		disagree(c, "request %zu: reason [%s]", i, ids);
	}
	if (!ids_same(o, ward_json_get(want, "errors"), got->errors, got->n_errors)) {
		show_ids(o, got->errors, got->n_errors, ids, sizeof(ids));
		disagree(c, "request %zu: errors [%s] %s", i, ids,
			got->n_errors > 0 ? ward_policy_answer_error(c->scratch, 0) : "");
	}
}

/* The i-th element of a list, or NULL. */
static const struct ward_json *nth(const struct ward_json *list, size_t i)
{
	const struct ward_json *m = list && list->type == WARD_JSON_ARRAY ? list->child : NULL;

	while (m && i-- > 0)
		m = m->next;
	return m;
}

static void one_request(struct conform *c, const struct one *o, const struct ward_json *want,
	size_t i)
{
	WARD_CLEANUP(free_request) struct ward_policy_request *r = ward_policy_request_new();
	const struct ward_json *v = ward_json_get(want, "validateRequest");
	const struct ward_json *record =
		o->record ? nth(ward_json_get(o->record, "requestValidation"), i) : NULL;
	bool validate = !v || v->type != WARD_JSON_BOOL || v->b, ok;
	struct ward_policy_answer got;
	const char *why = "no request";
	int code;

	c->requests++;
	ok = r && fill_request(r, want, o->t, false, NULL, o->schema, c->a->d, &why) &&
		(!(validate || record) ||
			ward_policy_request_validate(r, o->schema, c->a->d) == WARD_OK);
	if (record) {
		if (ok != json_true(record, "strict"))
			disagree(c, "request %zu is %s, recorded as %s: %s", i,
				ok ? "valid" : "not valid", ok ? "not valid" : "valid",
				ok ? "" : last_error(c));
	} else if (!ok) {
		disagree(c, "request %zu: %s", i,
			ward_policy_diags_errors(c->a->d) > 0 ? last_error(c) : why);
	}
	ward_policy_diags_clear(c->a->d);
	if (!ok || o->record_only)
		return;
	code = ward_policy_authorize(o->compiled, o->entities, r, c->scratch, &got);
	if (code < 0)
		disagree(c, "request %zu: %s", i, ward_code_name(code));
	else
		compare_answer(c, o, want, i, &got);
}

/* ---- validation ---- */

struct verdict {
	bool as_error, as_warning; /* does it pass for 4.9; for 4.13 */
	size_t errors;
};

/* Findings stay, as 4.9 has them. False: it failed. */
static bool verdict_of(struct conform *c, const struct one *o, enum ward_policy_mode mode,
	struct verdict *ret)
{
	struct ward_policy_validate_options opts = { .mode = mode };
	int w = ward_policy_validate(o->set, o->schema, &opts, NULL), e;

	opts.inapplicable_is_error = true;
	e = ward_policy_validate(o->set, o->schema, &opts, c->a->d);
	ret->as_error = e == WARD_OK;
	ret->as_warning = w == WARD_OK;
	ret->errors = ward_policy_diags_errors(c->a->d);
	if ((e == WARD_OK || e == WARD_E_REFUSED) && (w == WARD_OK || w == WARD_E_REFUSED))
		return true;
	disagree(c, "validation: %s", last_error(c));
	return false;
}

static void compare_verdict(struct conform *c, const struct verdict *v, bool want, const char *what)
{
	bool ok = c->compat == COMPAT_ERROR   ? v->as_error == want
		: c->compat == COMPAT_WARNING ? v->as_warning == want
					      : v->as_error == want || v->as_warning == want;

	if (!ok)
		disagree(c, "%s: %s, expected %s: %s", what, want ? "refused" : "passed",
			want ? "passed" : "refused", want ? last_error(c) : "");
}

/* As sets that may hold the same twice: each recorded text is one of ours, and the other way round. */
static bool texts_same(const struct conform *c, const struct ward_json *list)
{
	size_t want = list ? list->count : 0, n = ward_policy_diags_count(c->a->d), found = 0;
	char *used = calloc(1, n + 1);

	for (const struct ward_json *m = list ? list->child : NULL; used && m; m = m->next) {
		for (size_t i = 0; i < n; i++) {
			struct ward_policy_diag g;

			if (used[i] || ward_policy_diags_at(c->a->d, i, &g) < 0 || g.warning ||
				m->type != WARD_JSON_STRING || !same_message(m->str, g.message))
				continue;
			used[i] = 1;
			found++;
			break;
		}
	}
	free(used);
	return found == want && want == ward_policy_diags_errors(c->a->d);
}

/* Texts of the recorded findings that we do not have, or the other way round, for people. */
static void show_texts(struct conform *c, const struct ward_json *list, const char *what)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_policy_diag g;

	for (const struct ward_json *m = list ? list->child : NULL; m; m = m->next)
		ward_buf_addf(&b, " <%s>", m->type == WARD_JSON_STRING ? m->str.s : "?");
	ward_buf_adds(&b, "; here");
	for (size_t i = 0; ward_policy_diags_at(c->a->d, i, &g) == WARD_OK; i++)
		if (!g.warning)
			ward_buf_addf(&b, " <%s>", g.message);
	disagree(c, "%s: recorded%s", what, ward_buf_cstr(&b));
}

static void compare_texts(struct conform *c, const struct verdict *v, const struct ward_json *list,
	const char *what)
{
	if (v->as_error != v->as_warning && !list)
		return; /* recorded by an engine that warns */
	if (texts_same(c, list)) {
		c->same++;
		return;
	}
	c->differ++;
	if (c->a->v[O_MESSAGES])
		show_texts(c, list, what);
}

static void check_policies(struct conform *c, const struct one *o)
{
	const struct ward_json *p = o->record ? ward_json_get(o->record, "policyValidation") : NULL;
	struct verdict v = { 0 };

	if (verdict_of(c, o, WARD_POLICY_STRICT, &v)) {
		c->depend += v.as_error != v.as_warning;
		if (p)
			compare_texts(c, &v, ward_json_get(p, "strictErrors"), "strict errors");
		if (p)
			compare_verdict(c, &v, json_true(p, "strict"),
				"recorded strict validation");
		if (!o->record_only)
			compare_verdict(c, &v, json_true(o->j, "shouldValidate"),
				"strict validation");
	}
	ward_policy_diags_clear(c->a->d);
	if (p && verdict_of(c, o, WARD_POLICY_PERMISSIVE, &v)) {
		compare_texts(c, &v, ward_json_get(p, "permissiveErrors"), "permissive errors");
		compare_verdict(c, &v, json_true(p, "permissive"),
			"recorded permissive validation");
	}
	ward_policy_diags_clear(c->a->d);
}

/* Each entity of the record by itself: does the schema take it? */
static void check_entities(struct conform *c, const struct one *o)
{
	const struct ward_json *all = ward_json_get(o->record, "entityValidation");
	struct ward_json *list = NULL;

	all = all ? ward_json_get(all, "perEntity") : NULL;
	if (!all || !parse_json(c->arena, &o->entity_text, NULL, &list, NULL) ||
		list->type != WARD_JSON_ARRAY)
		return;
	for (const struct ward_json *m = all->child; m; m = m->next) {
		const struct ward_json *e = list->child;
		bool want = !ward_json_get(m, "errors"), ok;

		while (e && !conform_uid_is(e, m->key))
			e = e->next;
		if (!e) {
			disagree(c, "entity %s is not there", m->key.s);
			continue;
		}
		ok = conform_entity_fits(c, o->schema, slice_of(&o->entity_text, e));
		if (ok != want)
			disagree(c, "entity %s is %s, recorded as %s: %s", m->key.s,
				ok ? "valid" : "not valid", want ? "valid" : "not valid",
				ok ? "" : last_error(c));
		ward_policy_diags_clear(c->a->d);
	}
}

/* ---- the schema in JSON ---- */

static void check_json_schema(struct conform *c, struct one *o, const char *path)
{
	WARD_CLEANUP(text_done) struct text t = { 0 };
	WARD_CLEANUP(free_schema)
	struct ward_policy_schema *schema = NULL, *text_schema = o->schema;
	WARD_CLEANUP(free_string) char *ours = NULL;
	struct verdict a = { 0 }, b = { 0 };
	struct ward_json *want = NULL, *got = NULL;
	struct text ours_text = { 0 };
	size_t n = 0;

	o->schema = NULL;
	if (!conform_read(c, path, &t, &want))
		return;
	if (ward_policy_schema_parse(WARD_POLICY_JSON, path, t.s, t.n, &schema, c->a->d) < 0) {
		disagree(c, "schema in JSON: %s", last_error(c));
		return;
	}
	o->schema = text_schema;
	(void)verdict_of(c, o, WARD_POLICY_STRICT, &a);
	ward_policy_diags_clear(c->a->d);
	o->schema = schema;
	(void)verdict_of(c, o, WARD_POLICY_STRICT, &b);
	ward_policy_diags_clear(c->a->d);
	o->schema = NULL;
	if (a.as_error != b.as_error || a.as_warning != b.as_warning || a.errors != b.errors)
		disagree(c, "the schemas in text and JSON give different findings");
	if (ward_policy_schema_translate(syntax_of_name(o->schema_path), WARD_POLICY_JSON,
		    o->schema_path, o->schema_text.s, o->schema_text.n, &ours, &n, c->a->d) < 0) {
		disagree(c, "schema into JSON: %s", last_error(c));
		return;
	}
	ours_text = (struct text){ ours, n };
	if (!parse_json(c->arena, &ours_text, NULL, &got, NULL) || !json_same(want, got))
		disagree(c, "the schema in JSON differs from %s", path);
}

void conform_case(struct conform *c, const char *path, struct text *t, const struct ward_json *j)
{
	const char *folder = c->a->v[O_VALIDATION];
	struct one o = { .path = path, .t = t, .j = j };
	WARD_CLEANUP(free_string) char *record = NULL, *schema = NULL;
	WARD_CLEANUP(text_done) struct text rt = { 0 };
	struct ward_json *rj = NULL;
	size_t i = 0;

	c->cases++;
	record = conform_beside(path, NULL, ".validation.json");
	o.record_only = record != NULL;
	if (!record)
		record = conform_sibling(path, folder, "corpus-tests-validation",
			".validation.json");
	schema = conform_sibling(path, c->a->v[O_JSON_SCHEMAS], "corpus-tests-json-schemas",
		".cedarschema.json");
	if (record && !conform_read(c, record, &rt, &rj))
		return;
	o.record = rj;
	if (load(c, &o)) {
		const struct ward_json *requests = ward_json_get(j, "requests");

		check_policies(c, &o);
		if (o.record)
			check_entities(c, &o);
		for (const struct ward_json *m = requests->child; m; m = m->next)
			one_request(c, &o, m, i++);
		if (schema)
			check_json_schema(c, &o, schema);
	}
	one_done(&o);
}
