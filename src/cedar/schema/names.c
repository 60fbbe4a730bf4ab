/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What names mean: every type that is declared or built in, under its name with its namespace; which declarations may not
 * stand beside each other; and, for each reference, what it refers to.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/schema/resolve.h"

bool ward_schema_out_of_memory(struct resolver *r)
{
	r->code = WARD_E_NOMEM;
	return false;
}

const char *ward_schema_uid_text(struct resolver *r, const struct cedar_uid *uid)
{
	ward_buf_clear(&r->name);
	ward_cedar_print_uid(&r->name, uid);
	if (r->name.failed)
		ward_schema_out_of_memory(r);
	return ward_buf_cstr(&r->name);
}

bool ward_schema_qualified(struct resolver *r, const struct cedar_str *ns,
	const struct cedar_str *name, struct ward_str *ret)
{
	ward_buf_clear(&r->name);
	if (ns != NULL) {
		ward_buf_add(&r->name, ns->s, ns->n);
		ward_buf_adds(&r->name, "::");
	}
	ward_buf_add(&r->name, name->s, name->n);
	if (r->name.failed)
		return ward_schema_out_of_memory(r);
	*ret = (struct ward_str){ r->name.s, r->name.n };
	return true;
}

static size_t slot(const struct resolver *r, struct ward_str name)
{
	uint64_t hash = ward_cedar_hash(name.s, name.n);
	size_t i = hash & r->defs_mask;

	while (r->defs[i] != NULL) {
		const struct cedar_str *s = r->defs[i]->name;

		if (s->hash == hash && ward_str_eq(ward_cedar_text(s), name))
			break;
		i = (i + 1) & r->defs_mask;
	}
	return i;
}

struct definition *ward_schema_find(const struct resolver *r, struct ward_str name)
{
	return r->defs[slot(r, name)];
}

/* The definition of that name, made where there is none yet. The table has been made large enough. */
static struct definition *define(struct resolver *r, const struct cedar_str *name)
{
	size_t i = slot(r, ward_cedar_text(name));

	if (r->defs[i] != NULL)
		return r->defs[i];
	r->defs[i] = ward_arena_alloc(r->arena, sizeof(*r->defs[i]));
	if (r->defs[i] == NULL) {
		ward_schema_out_of_memory(r);
		return NULL;
	}
	r->defs[i]->name = name;
	r->n_defs++;
	return r->defs[i];
}

static struct definition *declare(struct resolver *r, const struct schema_namespace *ns,
	struct decl *d)
{
	d->full = ward_schema_qualify(r->pool, ns->name, d->name);
	if (d->full == NULL) {
		ward_schema_out_of_memory(r);
		return NULL;
	}
	return define(r, d->full);
}

static bool define_namespace(struct resolver *r, const struct schema_namespace *ns)
{
	const struct decls *c = &ns->decls[DECL_COMMON], *e = &ns->decls[DECL_ENTITY];
	struct definition *def;

	for (uint32_t i = 0; i < c->n; i++) {
		def = declare(r, ns, c->v[i]);
		if (def == NULL)
			return false;
		def->common = (struct schema_common *)c->v[i];
		def->index = r->n_commons;
		r->commons[r->n_commons++] = def->common;
	}
	for (uint32_t i = 0; i < e->n; i++) {
		def = declare(r, ns, e->v[i]);
		if (def == NULL)
			return false;
		def->entity = (struct schema_entity *)e->v[i];
	}
	return true;
}

/* What is declared without a namespace may not be declared in one again (RFC 70). */
static void shadows_type(struct resolver *r, const struct schema_namespace *ns,
	const struct decls *list)
{
	for (uint32_t i = 0; i < list->n; i++) {
		const struct decl *d = list->v[i];

		if (ns->name == NULL || ward_schema_find(r, ward_cedar_text(d->name)) == NULL)
			continue;
		FIND(r, d->at,
			"definition of `%s` illegally shadows the existing definition of `%s`",
			d->full->s, d->name->s);
		ward_cedar_diag_help(r->diags,
			"try renaming one of the definitions, or moving `%s` to a different "
			"namespace",
			d->name->s);
	}
}

static bool builtin(struct resolver *r, const char *name, const struct typed *type)
{
	struct ward_buf b = WARD_BUF_INIT;
	const struct cedar_str *plain = ward_cedar_intern(r->pool, name, strlen(name));
	const struct cedar_str *full = NULL;
	struct definition *def;

	ward_buf_addf(&b, "__cedar::%s", name);
	if (!b.failed)
		full = ward_cedar_intern(r->pool, b.s, b.n);
	ward_buf_done(&b);
	if (plain == NULL || full == NULL || type == NULL)
		return ward_schema_out_of_memory(r);
	def = define(r, full);
	if (def == NULL)
		return false;
	def->builtin = true;
	def->type = type;
	/* Under its plain name, unless that is taken. */
	if (ward_schema_find(r, ward_cedar_text(plain)) != NULL)
		return true;
	def = define(r, plain);
	if (def == NULL)
		return false;
	def->builtin = true;
	def->type = type;
	return true;
}

static bool builtins(struct resolver *r)
{
	if (!builtin(r, "Bool", ward_schema_builtin(r, CEDAR_TYPE_BOOL, CEDAR_EXT_NONE)) ||
		!builtin(r, "Long", ward_schema_builtin(r, CEDAR_TYPE_LONG, CEDAR_EXT_NONE)) ||
		!builtin(r, "String", ward_schema_builtin(r, CEDAR_TYPE_STRING, CEDAR_EXT_NONE)))
		return false;
	for (unsigned e = CEDAR_EXT_NONE + 1; e < CEDAR_EXT_MAX; e++) {
		if (!builtin(r, ward_cedar_ext_name((enum cedar_ext)e),
			    ward_schema_builtin(r, CEDAR_TYPE_EXT, (enum cedar_ext)e)))
			return false;
	}
	return true;
}

/* Those of the declared actions are entity types, though nobody has declared them. */
static bool action_types(struct resolver *r)
{
	const struct cedar_str *action = ward_cedar_intern(r->pool, "Action", 6);
	const struct cedar_str **types;
	uint32_t n = 0;

	types = ward_arena_alloc(r->arena, (r->tree->n + 1) * sizeof(*types));
	if (types == NULL || action == NULL)
		return ward_schema_out_of_memory(r);
	for (uint32_t i = 0; i < r->tree->n; i++) {
		const struct schema_namespace *ns = r->tree->v[i];
		const struct cedar_str *name;
		struct definition *def;

		if (ns->decls[DECL_ACTION].n == 0)
			continue;
		name = ward_schema_qualify(r->pool, ns->name, action);
		if (name == NULL)
			return ward_schema_out_of_memory(r);
		def = define(r, name);
		if (def == NULL)
			return false;
		def->action_type = true;
		types[n++] = name;
	}
	r->s->action_types = types;
	r->s->n_action_types = n;
	return true;
}

bool ward_schema_define(struct resolver *r)
{
	size_t types = 0, commons = 0, cap = 64;

	for (uint32_t i = 0; i < r->tree->n; i++) {
		commons += r->tree->v[i]->decls[DECL_COMMON].n;
		types += r->tree->v[i]->decls[DECL_ENTITY].n + 1;
	}
	while (cap < (types + commons + 16) * 2)
		cap *= 2;
	r->defs = calloc(cap, sizeof(struct definition *));
	r->commons = calloc(commons + 1, sizeof(*r->commons));
	if (r->defs == NULL || r->commons == NULL)
		return ward_schema_out_of_memory(r);
	r->defs_mask = cap - 1;
	for (uint32_t i = 0; i < r->tree->n; i++) {
		if (!define_namespace(r, r->tree->v[i]))
			return false;
	}
	for (uint32_t i = 0; !r->names_only && i < r->tree->n; i++) {
		const struct schema_namespace *ns = r->tree->v[i];

		shadows_type(r, ns, &ns->decls[DECL_COMMON]);
		shadows_type(r, ns, &ns->decls[DECL_ENTITY]);
	}
	return builtins(r) && action_types(r);
}

enum wanted { WANT_COMMON = 1, WANT_ENTITY = 2 };

static bool fits(const struct definition *d, unsigned wanted)
{
	if (d == NULL)
		return false;
	return ((wanted & WANT_COMMON) != 0 && ward_schema_def_is_common(d)) ||
		((wanted & WANT_ENTITY) != 0 && (d->entity != NULL || d->action_type));
}

static bool look_up(struct resolver *r, const struct cedar_str *ns, struct ref *ref,
	unsigned wanted)
{
	static const char *const as[] = { "", "as a common type", "as an entity type",
		"as a common or entity type" };
	bool plain = ward_cedar_namespace(ward_cedar_text(ref->name)).n == 0;
	struct definition *def;
	struct ward_str name;

	if (plain && ns != NULL) {
		if (!ward_schema_qualified(r, ns, ref->name, &name))
			return false;
		def = ward_schema_find(r, name);
		if (fits(def, wanted)) {
			ref->def = def;
			return true;
		}
	}
	def = ward_schema_find(r, ward_cedar_text(ref->name));
	if (fits(def, wanted)) {
		ref->def = def;
		return true;
	}
	FIND(r, ref->at, "failed to resolve type: %s", ref->name->s);
	if (plain && ns != NULL)
		ward_cedar_diag_help(r->diags,
			"neither `%s::%s` nor `%s` refers to anything that has been declared %s",
			ns->s, ref->name->s, ref->name->s, as[wanted]);
	else
		ward_cedar_diag_help(r->diags, "`%s` has not been declared %s", ref->name->s,
			as[wanted]);
	return r->errors <= WARD_CEDAR_DIAGS_MAX;
}

/* from: whose type it is, to note which common types it speaks of; NULL: nobody's. */
static bool depends(struct resolver *r, const struct definition *from, const struct ref *ref)
{
	if (from == NULL || ref->def == NULL || ref->def->common == NULL)
		return true;
	if (r->n_edges == r->cap_edges) {
		size_t cap = r->cap_edges > 0 ? r->cap_edges * 2 : 64;
		struct edge *v = realloc(r->edges, cap * sizeof(*v));

		if (v == NULL)
			return ward_schema_out_of_memory(r);
		r->edges = v;
		r->cap_edges = cap;
	}
	r->edges[r->n_edges++] = (struct edge){ from->index, ref->def->index };
	return true;
}

/* As deep as the reader lets a type be. */
static bool type_names(struct resolver *r, const struct cedar_str *ns, struct schema_type *t,
	const struct definition *from)
{
	if (t == NULL || t->seen)
		return true;
	t->seen = true;
	switch ((enum schema_kind)t->kind) {
	case SCHEMA_SET: return type_names(r, ns, t->element, from);
	case SCHEMA_RECORD:
		for (uint32_t i = 0; i < t->n; i++) {
			if (!type_names(r, ns, t->attrs[i].type, from))
				return false;
		}
		return true;
	case SCHEMA_ENTITY: return look_up(r, ns, &t->ref, WANT_ENTITY);
	case SCHEMA_ENTITY_OR_COMMON:
		return look_up(r, ns, &t->ref, WANT_COMMON | WANT_ENTITY) &&
			depends(r, from, &t->ref);
	case SCHEMA_COMMON:
		return look_up(r, ns, &t->ref, WANT_COMMON) && depends(r, from, &t->ref);
	case SCHEMA_NONE:
	case SCHEMA_BOOL:
	case SCHEMA_LONG:
	case SCHEMA_STRING:
	case SCHEMA_EXTENSION: break;
	}
	return true;
}

/* Lists that one declaration gives to several names are there once for each: together they have a maximum. */
bool ward_schema_links(struct resolver *r, struct place at, uint32_t n)
{
	r->links += n;
	if (r->links <= WARD_CEDAR_CLOSURE_MAX)
		return true;
	FIND(r, at, "the lists of parents, principals and resources are too long: more than %u",
		WARD_CEDAR_CLOSURE_MAX);
	r->code = WARD_E_LIMIT;
	return false;
}

static bool list_names(struct resolver *r, const struct cedar_str *ns, struct ref *v, uint32_t n)
{
	if (n > 0 && !ward_schema_links(r, v[0].at, n))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (v[i].def == NULL && !look_up(r, ns, &v[i], WANT_ENTITY))
			return false;
	}
	return true;
}

static bool namespace_names(struct resolver *r, struct schema_namespace *ns)
{
	struct decls *list = ns->decls;

	for (uint32_t i = 0; i < list[DECL_COMMON].n; i++) {
		struct schema_common *c = (struct schema_common *)list[DECL_COMMON].v[i];

		if (!type_names(r, ns->name, c->type,
			    ward_schema_find(r, ward_cedar_text(c->decl.full))))
			return false;
	}
	for (uint32_t i = 0; i < list[DECL_ENTITY].n; i++) {
		struct schema_entity *e = (struct schema_entity *)list[DECL_ENTITY].v[i];

		if (!list_names(r, ns->name, e->parents, e->n_parents) ||
			!type_names(r, ns->name, e->shape, NULL) ||
			!type_names(r, ns->name, e->tags, NULL))
			return false;
	}
	for (uint32_t i = 0; i < list[DECL_ACTION].n; i++) {
		struct schema_action *a = (struct schema_action *)list[DECL_ACTION].v[i];

		if (!list_names(r, ns->name, a->principals, a->n_principals) ||
			!list_names(r, ns->name, a->resources, a->n_resources) ||
			!type_names(r, ns->name, a->context, NULL))
			return false;
	}
	return true;
}

bool ward_schema_names(struct resolver *r)
{
	for (uint32_t i = 0; i < r->tree->n; i++) {
		if (!namespace_names(r, r->tree->v[i]))
			return false;
	}
	return true;
}
