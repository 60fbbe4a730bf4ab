/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entity validation: is what is there what the schema says? Types, required and unknown attributes, tags, the types of
 * parents, identifiers of enumerated types, and actions, which must be as they are declared.
 */
#include "cedar/entity/store.h"

typedef const struct cedar_entity entity;

/* BEFORE UID BETWEEN NAME BEHIND, with the last two perhaps missing. */
static int finding(struct cedar_diags *d, entity *e, const char *before, const char *between,
	struct ward_str name, const char *behind)
{
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	if (ward_unheard(d))
		return ward_count_finding(d);
	ward_buf_adds(&b, before);
	ward_buf_addc(&b, '`');
	ward_cedar_print_uid(&b, e->uid);
	ward_buf_addc(&b, '`');
	ward_buf_adds(&b, between);
	if (name.s != NULL) {
		ward_buf_addc(&b, '`');
		ward_cedar_escape(&b, name);
		ward_buf_addc(&b, '`');
	}
	ward_buf_adds(&b, behind);
	code = ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "%s", ward_buf_cstr(&b));
	ward_buf_done(&b);
	return code;
}

static int unexpected_attr(entity *e, const struct cedar_str *name, struct cedar_diags *d)
{
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	if (ward_unheard(d))
		return ward_count_finding(d);
	ward_buf_adds(&b, "attribute `");
	ward_cedar_escape(&b, ward_cedar_text(name));
	ward_buf_adds(&b, "` on ");
	code = finding(d, e, ward_buf_cstr(&b), " should not exist according to the schema",
		(struct ward_str){ NULL, 0 }, "");
	ward_buf_done(&b);
	return code;
}

static int unexpected_tag(entity *e, const struct cedar_str *name, struct cedar_diags *d)
{
	struct ward_buf b = WARD_BUF_INIT, uid = WARD_BUF_INIT;
	int code;

	if (ward_unheard(d))
		return ward_count_finding(d);
	ward_buf_adds(&b, "found a tag `");
	ward_cedar_escape(&b, ward_cedar_text(name));
	ward_buf_adds(&b, "` on ");
	ward_cedar_print_uid(&uid, e->uid);
	ward_buf_adds(&uid, "` according to the schema");
	code = finding(d, e, ward_buf_cstr(&b), ", but no tags should exist on `",
		(struct ward_str){ NULL, 0 }, ward_buf_cstr(&uid));
	ward_buf_done(&b);
	ward_buf_done(&uid);
	return code;
}

static int check_value(entity *e, const char *what, const struct cedar_member *m,
	const struct cedar_type *t, const struct cedar_schema *schema, struct cedar_diags *d)
{
	const struct cedar_uid *bad;
	struct misfit misfit;
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	if (ward_value_misfit(&m->value, t, &misfit)) {
		if (ward_unheard(d))
			return ward_count_finding(d);
		ward_buf_addf(&b, "in %s `", what);
		ward_cedar_escape(&b, ward_cedar_text(m->name));
		ward_buf_adds(&b, "` on `");
		ward_cedar_print_uid(&b, e->uid);
		ward_buf_adds(&b, "`, ");
		ward_misfit_print(&b, &misfit);
		code = ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "%s", ward_buf_cstr(&b));
		ward_buf_done(&b);
		return code;
	}
	bad = ward_value_bad_uid(&m->value, schema);
	return bad != NULL ? ward_report_uid(bad, schema, d) : WARD_OK;
}

static int check_attrs(entity *e, const struct cedar_type *t, const struct cedar_schema *schema,
	struct cedar_diags *d)
{
	int code = WARD_OK;

	for (uint32_t i = 0; i < t->n; i++) {
		if (t->attrs[i].required &&
			ward_cedar_record_get(e->attrs, t->attrs[i].name) == NULL)
			code = finding(d, e, "expected entity ", " to have attribute ",
				ward_cedar_text(t->attrs[i].name), ", but it does not");
	}
	for (uint32_t i = 0; i < e->attrs->n; i++) {
		const struct cedar_member *m = &e->attrs->v[i];
		const struct cedar_attr_type *a = ward_cedar_type_attr(t, m->name);
		int r = a != NULL ? check_value(e, "attribute", m, a->type, schema, d)
				  : unexpected_attr(e, m->name, d);

		code = r < 0 ? r : code;
	}
	return code;
}

static int check_tags(entity *e, const struct cedar_type *t, const struct cedar_schema *schema,
	struct cedar_diags *d)
{
	int code = WARD_OK;

	for (uint32_t i = 0; i < e->tags->n; i++) {
		int r = t != NULL ? check_value(e, "tag", &e->tags->v[i], t, schema, d)
				  : unexpected_tag(e, e->tags->v[i].name, d);

		code = r < 0 ? r : code;
	}
	return code;
}

static int check_parents(entity *e, const struct cedar_entity_type *t,
	const struct cedar_schema *schema, struct cedar_diags *d)
{
	int code = WARD_OK;

	for (uint32_t i = 0; i < e->n_parents; i++) {
		const struct cedar_uid *p = e->parents[i];
		const struct cedar_entity_type *above = ward_cedar_schema_entity(schema, p->type);

		if (!ward_uid_known(p, schema))
			code = ward_report_uid(p, schema, d);
		else if (above == NULL || !ward_cedar_entity_type_below(t, above))
			code = finding(d, e, "", " is not allowed to have an ancestor of type ",
				ward_cedar_text(p->type), " according to the schema");
	}
	return code;
}

int ward_entity_validate(entity *e, const struct cedar_schema *schema, struct cedar_diags *d)
{
	const struct cedar_entity_type *t = ward_cedar_schema_entity(schema, e->uid->type);
	int code = WARD_OK, r;

	if (t == NULL)
		return finding(d, e, "entity ", " has type ", ward_cedar_text(e->uid->type),
			" which is not declared in the schema");
	if (!ward_uid_known(e->uid, schema))
		code = ward_report_uid(e->uid, schema, d);
	r = check_attrs(e, t->attrs, schema, d);
	code = r < 0 ? r : code;
	r = check_parents(e, t, schema, d);
	code = r < 0 ? r : code;
	r = check_tags(e, t->tags, schema, d);
	return r < 0 ? r : code;
}

int ward_action_validate(entity *e, const struct cedar_schema *schema, struct cedar_diags *d)
{
	const struct cedar_action_type *a = ward_cedar_schema_action(schema, e->uid);
	struct ward_buf b = WARD_BUF_INIT;
	bool same;
	int code;

	if (a == NULL)
		return ward_report_uid(e->uid, schema, d);
	same = e->attrs->n == 0 && e->tags->n == 0 && e->n_ancestors == a->n_ancestors;
	for (uint32_t i = 0; same && i < a->n_ancestors; i++)
		same = ward_cedar_entity_in(e, a->ancestors[i]->uid);
	if (same)
		return WARD_OK;
	code = finding(d, e, "definition of action ", " does not match its schema declaration",
		(struct ward_str){ NULL, 0 }, "");
	ward_cedar_print_uid(&b, e->uid);
	ward_cedar_diag_help(d,
		"to use the schema's definition of `%s`, simply omit it from the entities input data",
		ward_buf_cstr(&b));
	ward_buf_done(&b);
	return code;
}

int ward_cedar_entities_validate(const struct cedar_entities *s, const struct cedar_schema *schema,
	struct cedar_diags *d)
{
	int code = WARD_OK;

	for (size_t i = 0; i < s->n; i++) {
		int r = ward_is_action(s->v[i].uid) ? ward_action_validate(&s->v[i], schema, d)
						    : ward_entity_validate(&s->v[i], schema, d);

		code = r < 0 ? r : code;
	}
	return d != NULL && d->failed ? WARD_E_NOMEM : code;
}
