/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a value fit a type of the schema? Looked at without making any text; what is found is put into words afterwards.
 * Values are as deep as the text they came from, types as the schema's.
 */
#include "cedar/entity/store.h"

bool ward_is_action(const struct cedar_uid *uid)
{
	return ward_str_eq(ward_cedar_basename(ward_cedar_text(uid->type)), WARD_STR("Action"));
}

static bool misfit(struct misfit *m, enum misfit_kind kind, const struct cedar_value *v,
	const struct cedar_type *t, const struct cedar_str *name)
{
	*m = (struct misfit){ .kind = kind, .at = v, .type = t, .name = name };
	return true;
}

static bool record_misfit(const struct cedar_value *v, const struct cedar_type *t, struct misfit *m)
{
	const struct cedar_record *r = v->record;

	for (uint32_t i = 0; i < t->n; i++) {
		if (t->attrs[i].required && ward_cedar_record_get(r, t->attrs[i].name) == NULL)
			return misfit(m, MISFIT_MISSING, v, t, t->attrs[i].name);
	}
	for (uint32_t i = 0; i < r->n; i++) {
		const struct cedar_attr_type *a = ward_cedar_type_attr(t, r->v[i].name);

		if (a == NULL)
			return misfit(m, MISFIT_UNEXPECTED, v, t, r->v[i].name);
		if (ward_value_misfit(&r->v[i].value, a->type, m))
			return true;
	}
	return false;
}

bool ward_value_misfit(const struct cedar_value *v, const struct cedar_type *t, struct misfit *m)
{
	static const uint8_t tags[] = { [CEDAR_TYPE_NONE] = CEDAR_V_NONE,
		[CEDAR_TYPE_BOOL] = CEDAR_V_BOOL,
		[CEDAR_TYPE_LONG] = CEDAR_V_LONG,
		[CEDAR_TYPE_STRING] = CEDAR_V_STRING,
		[CEDAR_TYPE_SET] = CEDAR_V_SET,
		[CEDAR_TYPE_RECORD] = CEDAR_V_RECORD,
		[CEDAR_TYPE_ENTITY] = CEDAR_V_ENTITY };
	static const uint8_t exts[CEDAR_EXT_MAX] = { [CEDAR_EXT_DECIMAL] = CEDAR_V_DECIMAL,
		[CEDAR_EXT_IPADDR] = CEDAR_V_IP,
		[CEDAR_EXT_DATETIME] = CEDAR_V_DATETIME,
		[CEDAR_EXT_DURATION] = CEDAR_V_DURATION };

	if (v->tag != (t->kind == CEDAR_TYPE_EXT ? exts[t->ext] : tags[t->kind]))
		return misfit(m, MISFIT_TYPE, v, t, NULL);
	if (t->kind == CEDAR_TYPE_ENTITY && !ward_cedar_str_eq(v->uid->type, t->name))
		return misfit(m, MISFIT_TYPE, v, t, NULL);
	if (t->kind == CEDAR_TYPE_RECORD)
		return record_misfit(v, t, m);
	if (t->kind != CEDAR_TYPE_SET)
		return false;
	for (uint32_t i = 0; i < v->set->n; i++) {
		if (ward_value_misfit(&v->set->v[i], t->element, m))
			return true;
	}
	return false;
}

/* Types as these messages write them. */
static void print_type(struct ward_buf *out, const struct cedar_type *t)
{
	static const char *const names[] = { [CEDAR_TYPE_NONE] = "nothing",
		[CEDAR_TYPE_BOOL] = "bool",
		[CEDAR_TYPE_LONG] = "long",
		[CEDAR_TYPE_STRING] = "string" };

	switch ((enum cedar_type_kind)t->kind) {
	case CEDAR_TYPE_SET:
		ward_buf_addc(out, '[');
		print_type(out, t->element);
		ward_buf_addc(out, ']');
		break;
	case CEDAR_TYPE_RECORD:
		ward_buf_adds(out, "{ ");
		/* Types are shared: what is written of a small one may be longer than any memory. */
		for (uint32_t i = 0; i < t->n && !out->failed; i++) {
			ward_buf_adds(out, i > 0 ? ", " : "");
			ward_cedar_quote(out, ward_cedar_text(t->attrs[i].name));
			ward_buf_adds(out,
				t->attrs[i].required ? " => (required) " : " => (optional) ");
			print_type(out, t->attrs[i].type);
		}
		ward_buf_adds(out, " }");
		break;
	case CEDAR_TYPE_ENTITY:
		ward_buf_addc(out, '`');
		ward_buf_add(out, t->name->s, t->name->n);
		ward_buf_addc(out, '`');
		break;
	case CEDAR_TYPE_EXT: ward_buf_adds(out, ward_cedar_ext_name((enum cedar_ext)t->ext)); break;
	default: ward_buf_adds(out, names[t->kind]); break;
	}
}

#define SHOWN_MAX 1000 /* bytes of a value in a message */
#define TYPE_SHOWN_MAX 65536

void ward_misfit_print(struct ward_buf *out, const struct misfit *m)
{
	struct ward_buf v = { .max = SHOWN_MAX }, t = { .max = TYPE_SHOWN_MAX };

	print_type(&t, m->type);
	ward_buf_addf(out, "type mismatch: value was expected to have type %s, but it ",
		t.failed ? "that is too large to be shown" : ward_buf_cstr(&t));
	ward_buf_done(&t);
	if (m->kind == MISFIT_TYPE) {
		ward_buf_adds(out, "actually has type ");
		ward_cedar_value_type_name(out, m->at);
	} else {
		ward_buf_adds(out,
			m->kind == MISFIT_MISSING ? "is missing the required attribute `"
						  : "contains an unexpected attribute `");
		ward_cedar_escape(out, ward_cedar_text(m->name));
		ward_buf_addc(out, '`');
	}
	ward_cedar_value_print(&v, m->at);
	if (v.failed) {
		ward_buf_done(&v);
		v = (struct ward_buf){ .max = SHOWN_MAX };
		ward_cedar_value_print_short(&v, m->at);
	}
	if (!v.failed)
		ward_buf_addf(out, ": `%s`", ward_buf_cstr(&v));
	ward_buf_done(&v);
}

/* ---- identifiers that must be declared ---- */

bool ward_uid_known(const struct cedar_uid *uid, const struct cedar_schema *schema)
{
	const struct cedar_entity_type *t = ward_cedar_schema_entity(schema, uid->type);

	if (t != NULL && t->is_enum && !ward_cedar_entity_type_has_id(t, uid->id))
		return false;
	return !ward_is_action(uid) || ward_cedar_schema_action(schema, uid) != NULL;
}

const struct cedar_uid *ward_value_bad_uid(const struct cedar_value *v,
	const struct cedar_schema *schema)
{
	const struct cedar_uid *bad = NULL;

	if (v->tag == CEDAR_V_ENTITY)
		return ward_uid_known(v->uid, schema) ? NULL : v->uid;
	if (v->tag == CEDAR_V_SET) {
		for (uint32_t i = 0; bad == NULL && i < v->set->n; i++)
			bad = ward_value_bad_uid(&v->set->v[i], schema);
	} else if (v->tag == CEDAR_V_RECORD) {
		for (uint32_t i = 0; bad == NULL && i < v->record->n; i++)
			bad = ward_value_bad_uid(&v->record->v[i].value, schema);
	}
	return bad;
}

int ward_report_uid(const struct cedar_uid *uid, const struct cedar_schema *schema,
	struct cedar_diags *d)
{
	const struct cedar_entity_type *t = ward_cedar_schema_entity(schema, uid->type);
	struct ward_buf b = WARD_BUF_INIT, id = WARD_BUF_INIT;
	int code;

	if (ward_unheard(d))
		return ward_count_finding(d);
	ward_cedar_print_uid(&b, uid);
	ward_cedar_quote(&id, ward_cedar_text(uid->id));
	if (t == NULL || !t->is_enum)
		code = ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0,
			"found action entity `%s`, but it was not declared as an action in the schema",
			ward_buf_cstr(&b));
	else
		code = ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0,
			"entity `%s` is of an enumerated entity type, but `%s` is not declared as a valid eid",
			ward_buf_cstr(&b), ward_buf_cstr(&id));
	if (t != NULL && t->is_enum) {
		ward_buf_clear(&b);
		for (uint32_t i = 0; i < t->n_ids; i++) {
			ward_buf_adds(&b, i > 0 ? ", " : "");
			ward_cedar_quote(&b, ward_cedar_text(t->ids[i]));
		}
		ward_cedar_diag_help(d, "valid entity eids: %s", ward_buf_cstr(&b));
	}
	ward_buf_done(&b);
	ward_buf_done(&id);
	return code;
}

bool ward_cedar_value_fits(const struct cedar_value *v, const struct cedar_type *t,
	const struct cedar_schema *schema, const char *what, struct cedar_diags *d)
{
	const struct cedar_uid *uid = schema != NULL ? ward_value_bad_uid(v, schema) : NULL;
	struct misfit m;
	struct ward_buf b = WARD_BUF_INIT;

	if (ward_value_misfit(v, t, &m)) {
		ward_misfit_print(&b, &m);
		(void)ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "%s%s%s", what != NULL ? what : "",
			what != NULL ? ", " : "", ward_buf_cstr(&b));
		ward_buf_done(&b);
		return false;
	}
	if (uid != NULL)
		(void)ward_report_uid(uid, schema, d);
	return uid == NULL;
}
