/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: their context from JSON, and whether they are what the schema says. */
#include "cedar/entity/store.h"

static int say_uid(struct cedar_diags *d, const char *before, const struct cedar_uid *uid,
	const char *behind)
{
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	ward_cedar_print_uid(&b, uid);
	code = ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "%s`%s`%s", before, ward_buf_cstr(&b),
		behind);
	ward_buf_done(&b);
	return code;
}

static int no_record(const struct cedar_value *v, const struct ward_json *j, struct cedar_diags *d)
{
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	ward_cedar_value_print_short(&b, v);
	code = ward_cedar_diag(d, CEDAR_ERROR, 0, j->start, j->end,
		"expression is not a record: %s", ward_buf_cstr(&b));
	ward_cedar_diag_help(d, "a context is an object");
	ward_buf_done(&b);
	return code;
}

int ward_cedar_context_parse(struct cedar_pool *pool, struct ward_str json,
	const struct cedar_schema *schema, const struct cedar_uid *action,
	const struct cedar_record **ret, struct cedar_diags *d)
{
	WARD_CLEANUP(ward_arena_freep)
	struct ward_arena *scratch = ward_arena_new(WARD_CEDAR_TREE_MAX);
	struct cedar_json_context c = {
		.pool = pool, .diags = d, .what = "while parsing context", .scratch = scratch
	};
	const struct cedar_action_type *a = NULL;
	struct ward_json *j;
	struct cedar_value v = { 0 };
	int code;

	*ret = NULL;
	if (scratch == NULL)
		return WARD_E_NOMEM;
	if (schema != NULL && action != NULL) {
		a = ward_cedar_schema_action(schema, action);
		if (a == NULL)
			return say_uid(d, "action ", action,
				" does not exist in the supplied schema");
	}
	code = ward_cedar_json_parse(scratch, json, &j, d);
	if (code == WARD_OK)
		code = ward_cedar_json_value(&c, j, a != NULL ? a->context : NULL, &v);
	if (code < 0)
		return code;
	if (v.tag != CEDAR_V_RECORD)
		return no_record(&v, j, d);
	*ret = v.record;
	return WARD_OK;
}

/* ---- validation ---- */

/* The principal or resource: its type is declared, and so is it itself where the type is enumerated. */
static int check_declared(const struct cedar_uid *uid, const char *what,
	const struct cedar_schema *schema, struct cedar_diags *d)
{
	const struct cedar_entity_type *t = ward_cedar_schema_entity(schema, uid->type);

	if (t == NULL)
		return ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0,
			"%s type `%s` is not declared in the schema", what, uid->type->s);
	if (t->is_enum && !ward_cedar_entity_type_has_id(t, uid->id))
		return ward_report_uid(uid, schema, d);
	return WARD_OK;
}

static int check_applies(const struct cedar_uid *uid, const char *what,
	const struct cedar_action_type *a, const struct cedar_entity_type *const *types, uint32_t n,
	struct cedar_diags *d)
{
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	for (uint32_t i = 0; i < n; i++) {
		if (ward_cedar_str_eq(types[i]->name, uid->type))
			return WARD_OK;
	}
	ward_cedar_print_uid(&b, a->uid);
	code = ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "%s type `%s` is not valid for `%s`", what,
		uid->type->s, ward_buf_cstr(&b));
	ward_buf_adds(&b, n > 0 ? "`: " : "`");
	for (uint32_t i = 0; i < n; i++)
		ward_buf_addf(&b, "%s`%s`", i > 0 ? ", " : "", types[i]->name->s);
	if (n > 0)
		ward_cedar_diag_help(d, "valid %s types for `%s", what, ward_buf_cstr(&b));
	else
		ward_cedar_diag_help(d, "no %s types are valid for `%s", what, ward_buf_cstr(&b));
	ward_buf_done(&b);
	return code;
}

static int check_context(const struct cedar_record *context, const struct cedar_action_type *a,
	const struct cedar_schema *schema, struct cedar_diags *d)
{
	struct cedar_value v = { .tag = CEDAR_V_RECORD, .record = context };
	const struct cedar_uid *bad = ward_value_bad_uid(&v, schema);
	struct ward_buf b = WARD_BUF_INIT, uid = WARD_BUF_INIT;
	struct misfit m;
	int code;

	if (bad != NULL && ward_is_action(bad))
		return say_uid(d, "request's action ", bad, " is not declared in the schema");
	if (bad != NULL)
		return ward_report_uid(bad, schema, d);
	if (!ward_value_misfit(&v, a->context, &m))
		return WARD_OK;
	ward_cedar_value_print_short(&b, &v);
	ward_cedar_print_uid(&uid, a->uid);
	code = ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "context `%s` is not valid for `%s`",
		ward_buf_cstr(&b), ward_buf_cstr(&uid));
	ward_buf_clear(&b);
	ward_misfit_print(&b, &m);
	ward_cedar_diag_help(d, "%s", ward_buf_cstr(&b));
	ward_buf_done(&b);
	ward_buf_done(&uid);
	return code;
}

/* In the order of the language's own engine, which stops at the first finding. */
int ward_cedar_request_validate(const struct cedar_request *r, const struct cedar_schema *schema,
	struct cedar_diags *d)
{
	const struct cedar_action_type *a = NULL;
	int code = WARD_OK;

	if (r->principal != NULL)
		code = check_declared(r->principal, "principal", schema, d);
	if (code == WARD_OK && r->resource != NULL)
		code = check_declared(r->resource, "resource", schema, d);
	if (code < 0 || r->action == NULL)
		return code;
	a = ward_cedar_schema_action(schema, r->action);
	if (a == NULL)
		return say_uid(d, "request's action ", r->action, " is not declared in the schema");
	if (r->principal != NULL)
		code = check_applies(r->principal, "principal", a, a->principals, a->n_principals,
			d);
	if (code == WARD_OK && r->resource != NULL)
		code = check_applies(r->resource, "resource", a, a->resources, a->n_resources, d);
	if (code == WARD_OK && r->context != NULL)
		code = check_context(r->context, a, schema, d);
	return code;
}
