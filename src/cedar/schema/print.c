/* SPDX-License-Identifier: Apache-2.0 */
/* The tree as text, laid out as the language's own printer does it; and what that text cannot say. */
#include "cedar/schema/tree.h"

#define STEP 2 /* blanks a level */

int ward_schema_written(const struct ward_buf *out, struct cedar_diags *d)
{
	size_t max = out->max > 0 ? out->max : WARD_BUF_MAX;

	if (!out->failed)
		return WARD_OK;
	(void)ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0,
		"the result is larger than %zu bytes, or there is no memory for it", max);
	return WARD_E_LIMIT;
}

static void indent(struct ward_buf *out, unsigned level)
{
	for (unsigned i = 0; i < level * STEP; i++)
		ward_buf_addc(out, ' ');
}

static void text(struct ward_buf *out, const struct cedar_str *s)
{
	ward_buf_add(out, s->s, s->n);
}

static void annotations(struct ward_buf *out, const struct notes *notes, unsigned level)
{
	for (uint32_t i = 0; i < notes->n && !out->failed; i++) {
		indent(out, level);
		ward_buf_addc(out, '@');
		text(out, notes->v[i].key);
		if (notes->v[i].value != NULL) {
			ward_buf_addc(out, '(');
			ward_cedar_quote(out, ward_cedar_text(notes->v[i].value));
			ward_buf_addc(out, ')');
		}
		ward_buf_addc(out, '\n');
	}
}

static void type(struct ward_buf *out, const struct schema_type *t, unsigned level);

static void record(struct ward_buf *out, const struct schema_type *t, unsigned level)
{
	ward_buf_addc(out, '{');
	if (t->n > 0)
		ward_buf_addc(out, '\n');
	for (uint32_t i = 0; i < t->n && !out->failed; i++) {
		const struct schema_attr *a = &t->attrs[i];

		annotations(out, &a->notes, level + 1);
		indent(out, level + 1);
		if (ward_cedar_is_ident(ward_cedar_text(a->name)))
			text(out, a->name);
		else
			ward_cedar_quote(out, ward_cedar_text(a->name));
		ward_buf_adds(out, a->required ? ": " : "?: ");
		type(out, a->type, level + 1);
		ward_buf_adds(out, i + 1 < t->n ? ",\n" : "\n");
	}
	indent(out, level); /* of an empty one too */
	ward_buf_addc(out, '}');
}

static void type(struct ward_buf *out, const struct schema_type *t, unsigned level)
{
	switch ((enum schema_kind)t->kind) {
	case SCHEMA_BOOL: ward_buf_adds(out, "__cedar::Bool"); break;
	case SCHEMA_LONG: ward_buf_adds(out, "__cedar::Long"); break;
	case SCHEMA_STRING: ward_buf_adds(out, "__cedar::String"); break;
	case SCHEMA_SET:
		ward_buf_adds(out, "Set<");
		type(out, t->element, level);
		ward_buf_addc(out, '>');
		break;
	case SCHEMA_RECORD: record(out, t, level); break;
	case SCHEMA_EXTENSION:
		ward_buf_adds(out, "__cedar::");
		text(out, t->ref.name);
		break;
	case SCHEMA_ENTITY:
	case SCHEMA_ENTITY_OR_COMMON:
	case SCHEMA_COMMON: text(out, t->ref.name); break;
	case SCHEMA_NONE: break;
	}
}

static void names(struct ward_buf *out, const struct ref *v, uint32_t n)
{
	ward_buf_addc(out, '[');
	for (uint32_t i = 0; i < n && !out->failed; i++) {
		ward_buf_adds(out, i > 0 ? ", " : "");
		text(out, v[i].name);
	}
	ward_buf_addc(out, ']');
}

static void common(struct ward_buf *out, const struct decl *d, unsigned level)
{
	ward_buf_adds(out, "type ");
	text(out, d->name);
	ward_buf_adds(out, " = ");
	type(out, ((const struct schema_common *)d)->type, level);
}

static void entity(struct ward_buf *out, const struct decl *d, unsigned level)
{
	const struct schema_entity *e = (const struct schema_entity *)d;

	ward_buf_adds(out, "entity ");
	text(out, d->name);
	if (e->is_enum) {
		ward_buf_adds(out, " enum [");
		for (uint32_t i = 0; i < e->n_ids && !out->failed; i++) {
			ward_buf_adds(out, i > 0 ? ", " : "");
			ward_cedar_quote(out, ward_cedar_text(e->ids[i]));
		}
		ward_buf_addc(out, ']');
		return;
	}
	if (e->n_parents > 0) {
		ward_buf_adds(out, " in ");
		names(out, e->parents, e->n_parents);
	}
	if (e->shape != NULL && (e->shape->n > 0 || e->shape->open)) {
		ward_buf_adds(out, " = ");
		type(out, e->shape, level);
	}
	if (e->tags != NULL) {
		ward_buf_adds(out, " tags ");
		type(out, e->tags, 0);
	}
}

static void groups(struct ward_buf *out, const struct schema_action *a)
{
	ward_buf_adds(out, " in [");
	for (uint32_t i = 0; i < a->n_parents && !out->failed; i++) {
		const struct schema_group *g = &a->parents[i];

		ward_buf_adds(out, i > 0 ? ", " : "");
		if (g->type != NULL)
			text(out, g->type);
		else
			ward_buf_adds(out, "Action");
		ward_buf_adds(out, "::");
		ward_cedar_quote(out, ward_cedar_text(g->id));
	}
	ward_buf_addc(out, ']');
}

/* A clause of appliesTo: where it stands, and its word. */
static void clause(struct ward_buf *out, const char *before, unsigned level, const char *word)
{
	ward_buf_adds(out, before);
	indent(out, level + 1);
	ward_buf_adds(out, word);
}

static void action(struct ward_buf *out, const struct decl *d, unsigned level)
{
	const struct schema_action *a = (const struct schema_action *)d;

	ward_buf_adds(out, "action ");
	ward_cedar_quote(out, ward_cedar_text(d->name));
	if (a->n_parents > 0)
		groups(out, a);
	/* What applies to nothing is a group: it cannot be said otherwise. */
	if (a->n_principals == 0 || a->n_resources == 0)
		return;
	ward_buf_adds(out, " appliesTo {");
	clause(out, "\n", level, "principal: ");
	names(out, a->principals, a->n_principals);
	clause(out, ",\n", level, "resource: ");
	names(out, a->resources, a->n_resources);
	clause(out, ",\n", level, "context: ");
	if (a->context == NULL ||
		(a->context->kind == SCHEMA_RECORD && a->context->n == 0 && !a->context->open))
		ward_buf_adds(out, "{}");
	else
		type(out, a->context, level + 1);
	ward_buf_addc(out, '\n');
	indent(out, level);
	ward_buf_addc(out, '}');
}

static void namespace(struct ward_buf *out, const struct schema_namespace *ns, unsigned level)
{
	static void (*const print[DECL_MAX])(struct ward_buf *, const struct decl *,
		unsigned) = { common, entity, action };
	bool first = true;

	for (unsigned k = 0; k < DECL_MAX; k++) {
		for (uint32_t i = 0; i < ns->decls[k].n && !out->failed; i++) {
			const struct decl *d = ns->decls[k].v[i];

			ward_buf_adds(out, first ? "" : "\n");
			first = false;
			annotations(out, &d->notes, level);
			indent(out, level);
			print[k](out, d, level);
			ward_buf_adds(out, ";\n");
		}
	}
}

/* Names that the text cannot tell apart, of a namespace: both lists are ordered. */
static void collisions(const struct schema_namespace *ns, struct ward_buf *list)
{
	const struct decls *c = &ns->decls[DECL_COMMON], *e = &ns->decls[DECL_ENTITY];

	for (uint32_t i = 0, j = 0; ns->name != NULL && i < c->n && j < e->n && !list->failed;) {
		int order = ward_cedar_str_cmp(c->v[i]->name, e->v[j]->name);

		if (order == 0)
			ward_buf_addf(list, "%s%s::%s", list->n > 0 ? ", " : "", ns->name->s,
				c->v[i]->name->s);
		i += order <= 0;
		j += order >= 0;
	}
}

static void shapes(const struct schema_namespace *ns, struct ward_buf *list)
{
	const struct decls *e = &ns->decls[DECL_ENTITY];

	for (uint32_t i = 0; i < e->n && !list->failed; i++) {
		const struct schema_type *shape = ((const struct schema_entity *)e->v[i])->shape;

		if (shape != NULL && shape->kind != SCHEMA_RECORD)
			ward_buf_addf(list, "%s%s%s%s", list->n > 0 ? ", " : "",
				ns->name != NULL ? ns->name->s : "", ns->name != NULL ? "::" : "",
				e->v[i]->name->s);
	}
}

static int refuse(const struct cedar_schema_tree *t, struct cedar_diags *d,
	void (*f)(const struct schema_namespace *, struct ward_buf *), const char *message,
	const char *help)
{
	struct ward_buf list = { .max = 4096 };
	int code = WARD_OK;

	for (uint32_t i = 0; i < t->n; i++)
		f(t->v[i], &list);
	if (list.n > 0 || list.failed) {
		(void)ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "%s: [%s]", message,
			list.failed ? ".." : list.s);
		if (help != NULL)
			ward_cedar_diag_help(d, "%s", help);
		code = WARD_E_UNSUPPORTED;
	}
	ward_buf_done(&list);
	return code;
}

int ward_schema_print(const struct cedar_schema_tree *t, struct ward_buf *out,
	struct cedar_diags *d)
{
	int code = refuse(t, d, collisions, "There are name collisions", NULL);

	if (code == WARD_OK)
		code = refuse(t, d, shapes,
			"The following entities have shapes that cannot be converted to Cedar "
			"schema syntax",
			"entity shapes may only be record types; in the Cedar schema syntax, they "
			"additionally may not reference common type definitions");
	if (code < 0)
		return code;
	for (uint32_t i = 0; i < t->n && !out->failed; i++) {
		const struct schema_namespace *ns = t->v[i];

		if (ns->name == NULL) {
			namespace(out, ns, 0);
		} else {
			annotations(out, &ns->notes, 0);
			ward_buf_addf(out, "namespace %s {\n", ns->name->s);
			namespace(out, ns, 1);
			ward_buf_adds(out, "}\n");
		}
		ward_buf_adds(out, i + 1 < t->n ? "\n" : "");
	}
	return ward_schema_written(out, d);
}
