/* SPDX-License-Identifier: Apache-2.0 */
/* The tree as JSON: with names as they are written, or with each of them resolved. */
#include "cedar/schema/tree.h"
#include "cedar/schema/resolve.h"

struct writer {
	struct ward_buf *out;
	bool resolved;
};

static void text(struct ward_buf *out, const struct cedar_str *s)
{
	ward_jw_str(out, s->s, s->n);
}

static void key(struct ward_buf *out, const struct cedar_str *s)
{
	text(out, s);
	ward_buf_addc(out, ':');
}

static void named(struct ward_buf *out, const char *field, const struct cedar_str *s)
{
	ward_jw_key(out, field);
	text(out, s);
}

static const struct cedar_str *name_of(const struct writer *w, const struct ref *ref)
{
	return w->resolved && ref->def != NULL ? ref->def->name : ref->name;
}

static void annotations(struct ward_buf *out, const struct notes *notes)
{
	if (notes->n == 0)
		return;
	ward_jw_key(out, "annotations");
	ward_jw_open(out, '{');
	for (uint32_t i = 0; i < notes->n; i++) {
		key(out, notes->v[i].key);
		if (notes->v[i].value != NULL)
			text(out, notes->v[i].value);
		else
			ward_jw_null(out);
	}
	ward_jw_close(out, '}');
}

static void type_fields(const struct writer *w, const struct schema_type *t);

static void type(const struct writer *w, const char *field, const struct schema_type *t)
{
	ward_jw_key(w->out, field);
	ward_jw_open(w->out, '{');
	type_fields(w, t);
	ward_jw_close(w->out, '}');
}

static void record(const struct writer *w, const struct schema_type *t)
{
	struct ward_buf *out = w->out;

	ward_jw_kstr(out, "type", "Record");
	ward_jw_key(out, "attributes");
	ward_jw_open(out, '{');
	for (uint32_t i = 0; i < t->n && !out->failed; i++) {
		const struct schema_attr *a = &t->attrs[i];

		key(out, a->name);
		ward_jw_open(out, '{');
		type_fields(w, a->type);
		annotations(out, &a->notes);
		if (!a->required)
			ward_jw_kbool(out, "required", false);
		ward_jw_close(out, '}');
	}
	ward_jw_close(out, '}');
	if (t->open)
		ward_jw_kbool(out, "additionalAttributes", true);
}

/* A name may be of a common type, which then is the type. */
static void entity_or_common(const struct writer *w, const struct ref *ref)
{
	if (w->resolved && ref->def != NULL && ward_schema_def_is_common(ref->def)) {
		named(w->out, "type", name_of(w, ref));
		return;
	}
	ward_jw_kstr(w->out, "type", w->resolved && ref->def != NULL ? "Entity" : "EntityOrCommon");
	named(w->out, "name", name_of(w, ref));
}

static void type_fields(const struct writer *w, const struct schema_type *t)
{
	struct ward_buf *out = w->out;

	switch ((enum schema_kind)t->kind) {
	case SCHEMA_BOOL: ward_jw_kstr(out, "type", "Boolean"); break;
	case SCHEMA_LONG: ward_jw_kstr(out, "type", "Long"); break;
	case SCHEMA_STRING: ward_jw_kstr(out, "type", "String"); break;
	case SCHEMA_SET:
		ward_jw_kstr(out, "type", "Set");
		type(w, "element", t->element);
		break;
	case SCHEMA_RECORD: record(w, t); break;
	case SCHEMA_ENTITY:
		ward_jw_kstr(out, "type", "Entity");
		named(out, "name", name_of(w, &t->ref));
		break;
	case SCHEMA_ENTITY_OR_COMMON: entity_or_common(w, &t->ref); break;
	case SCHEMA_EXTENSION:
		ward_jw_kstr(out, "type", "Extension");
		named(out, "name", t->ref.name);
		break;
	case SCHEMA_COMMON: named(out, "type", name_of(w, &t->ref)); break;
	case SCHEMA_NONE: break;
	}
}

static bool is_empty(const struct schema_type *t)
{
	return t == NULL || (t->kind == SCHEMA_RECORD && t->n == 0 && !t->open);
}

static void names(const struct writer *w, const char *field, const struct ref *v, uint32_t n)
{
	ward_jw_key(w->out, field);
	ward_jw_open(w->out, '[');
	for (uint32_t i = 0; i < n && !w->out->failed; i++)
		text(w->out, name_of(w, &v[i]));
	ward_jw_close(w->out, ']');
}

static void common(const struct writer *w, const struct decl *d)
{
	type_fields(w, ((const struct schema_common *)d)->type);
}

static void entity(const struct writer *w, const struct decl *d)
{
	const struct schema_entity *e = (const struct schema_entity *)d;

	if (e->is_enum) {
		ward_jw_key(w->out, "enum");
		ward_jw_open(w->out, '[');
		for (uint32_t i = 0; i < e->n_ids && !w->out->failed; i++)
			text(w->out, e->ids[i]);
		ward_jw_close(w->out, ']');
		return;
	}
	if (e->n_parents > 0)
		names(w, "memberOfTypes", e->parents, e->n_parents);
	if (!is_empty(e->shape))
		type(w, "shape", e->shape);
	if (e->tags != NULL)
		type(w, "tags", e->tags);
}

static void groups(const struct writer *w, const struct schema_action *a)
{
	struct ward_buf *out = w->out;

	ward_jw_key(out, "memberOf");
	ward_jw_open(out, '[');
	for (uint32_t i = 0; i < a->n_parents && !out->failed; i++) {
		const struct schema_group *g = &a->parents[i];
		const struct cedar_str *t =
			w->resolved && g->action != NULL ? g->action->uid->type : g->type;

		ward_jw_open(out, '{');
		named(out, "id", g->id);
		if (t != NULL)
			named(out, "type", t);
		ward_jw_close(out, '}');
	}
	ward_jw_close(out, ']');
}

static void action(const struct writer *w, const struct decl *d)
{
	const struct schema_action *a = (const struct schema_action *)d;

	if (a->has_applies) {
		ward_jw_key(w->out, "appliesTo");
		ward_jw_open(w->out, '{');
		names(w, "resourceTypes", a->resources, a->n_resources);
		names(w, "principalTypes", a->principals, a->n_principals);
		if (!is_empty(a->context))
			type(w, "context", a->context);
		ward_jw_close(w->out, '}');
	}
	if (a->has_parents)
		groups(w, a);
}

static void declarations(const struct writer *w, const char *field, const struct decls *list,
	void (*f)(const struct writer *, const struct decl *))
{
	ward_jw_key(w->out, field);
	ward_jw_open(w->out, '{');
	for (uint32_t i = 0; i < list->n && !w->out->failed; i++) {
		key(w->out, list->v[i]->name);
		ward_jw_open(w->out, '{');
		f(w, list->v[i]);
		annotations(w->out, &list->v[i]->notes);
		ward_jw_close(w->out, '}');
	}
	ward_jw_close(w->out, '}');
}

int ward_schema_write(const struct cedar_schema_tree *t, bool resolved, struct ward_buf *out,
	struct cedar_diags *d)
{
	struct writer w = { .out = out, .resolved = resolved };

	ward_jw_open(out, '{');
	for (uint32_t i = 0; i < t->n && !out->failed; i++) {
		const struct schema_namespace *ns = t->v[i];

		if (ns->name != NULL)
			key(out, ns->name);
		else
			ward_jw_key(out, "");
		ward_jw_open(out, '{');
		if (ns->decls[DECL_COMMON].n > 0)
			declarations(&w, "commonTypes", &ns->decls[DECL_COMMON], common);
		declarations(&w, "entityTypes", &ns->decls[DECL_ENTITY], entity);
		declarations(&w, "actions", &ns->decls[DECL_ACTION], action);
		annotations(out, &ns->notes);
		ward_jw_close(out, '}');
	}
	ward_jw_close(out, '}');
	return ward_schema_written(out, d);
}
