/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree becomes a schema: entity types and actions, each in the order of its name in one array, with their types and
 * with their hierarchies closed. What is wrong is found step by step; a step begins when the one before found nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/schema/resolve.h"

/* Those of one kind in all namespaces. */
static struct decl **collect(struct resolver *r, enum decl_kind kind, uint32_t *ret_n)
{
	uint32_t n = 0;
	struct decl **v;

	for (uint32_t i = 0; i < r->tree->n; i++)
		n += r->tree->v[i]->decls[kind].n;
	v = calloc((size_t)n + 1, sizeof(struct decl *));
	if (v == NULL) {
		ward_schema_out_of_memory(r);
		return NULL;
	}
	*ret_n = 0;
	for (uint32_t i = 0; i < r->tree->n; i++) {
		const struct decls *list = &r->tree->v[i]->decls[kind];

		for (uint32_t j = 0; j < list->n; j++)
			v[(*ret_n)++] = list->v[j];
	}
	return v;
}

/* Places in an array under the hashes of what is there. */
static bool place(struct resolver *r, uint32_t n, uint64_t (*hash)(const void *array, uint32_t i),
	const void *array, struct schema_slots *ret)
{
	size_t cap = 4;
	uint32_t *v;

	while (cap < (size_t)n * 2)
		cap *= 2;
	v = ward_arena_alloc(r->arena, cap * sizeof(*v));
	if (v == NULL)
		return ward_schema_out_of_memory(r);
	for (uint32_t i = 0; i < n; i++) {
		size_t at = hash(array, i) & (cap - 1);

		while (v[at] != 0)
			at = (at + 1) & (cap - 1);
		v[at] = i + 1;
	}
	*ret = (struct schema_slots){ .v = v, .mask = cap - 1 };
	return true;
}

static uint64_t entity_hash(const void *array, uint32_t i)
{
	return ((const struct cedar_entity_type *)array)[i].name->hash;
}

static uint64_t action_hash(const void *array, uint32_t i)
{
	return ((const struct cedar_action_type *)array)[i].uid->hash;
}

static int by_full_name(const void *a, const void *b)
{
	const struct decl *x = *(struct decl *const *)a, *y = *(struct decl *const *)b;

	return ward_cedar_str_cmp(x->full, y->full);
}

static int by_uid(const void *a, const void *b)
{
	const struct schema_action *x = *(struct schema_action *const *)a;
	const struct schema_action *y = *(struct schema_action *const *)b;

	return ward_cedar_uid_cmp(x->uid, y->uid);
}

/* The schema while it is being made: what its arrays point to, writable. */
struct making {
	struct resolver *r;
	struct cedar_schema_index *index;
	struct cedar_entity_type *entities;
	struct cedar_action_type *actions;
	struct schema_entity **entity_decls; /* in the same order */
	struct schema_action **action_decls;
};

/* Pointers to the n elements of an array, in their order. */
static const void *pointers(struct resolver *r, const void *array, size_t size, uint32_t n)
{
	const void **v = ward_arena_alloc(r->arena, ((size_t)n + 1) * sizeof(*v));

	if (v == NULL) {
		ward_schema_out_of_memory(r);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++)
		v[i] = (const char *)array + i * size;
	return v;
}

static bool entities_new(struct making *m)
{
	struct resolver *r = m->r;
	uint32_t n;
	struct decl **v = collect(r, DECL_ENTITY, &n);

	if (v == NULL)
		return false;
	m->entity_decls = (struct schema_entity **)v;
	qsort(v, n, sizeof(struct decl *), by_full_name);
	m->entities = ward_arena_alloc(r->arena, ((size_t)n + 1) * sizeof(*m->entities));
	if (m->entities == NULL)
		return ward_schema_out_of_memory(r);
	for (uint32_t i = 0; i < n; i++) {
		struct schema_entity *e = m->entity_decls[i];

		e->index = i;
		m->entities[i].name = e->decl.full;
		m->entities[i].is_enum = e->is_enum;
		m->entities[i].ids = e->ids;
		m->entities[i].sorted_ids = e->sorted_ids;
		m->entities[i].n_ids = e->n_ids;
	}
	r->s->n_entities = n;
	r->s->entities = pointers(r, m->entities, sizeof(*m->entities), n);
	return r->s->entities != NULL && place(r, n, entity_hash, m->entities, &m->index->entities);
}

static bool uids(struct resolver *r)
{
	const struct cedar_str *action = ward_cedar_intern(r->pool, "Action", 6);

	if (action == NULL)
		return ward_schema_out_of_memory(r);
	for (uint32_t i = 0; i < r->tree->n; i++) {
		const struct schema_namespace *ns = r->tree->v[i];
		const struct cedar_str *type = ward_schema_qualify(r->pool, ns->name, action);

		for (uint32_t j = 0; j < ns->decls[DECL_ACTION].n; j++) {
			struct schema_action *a =
				(struct schema_action *)ns->decls[DECL_ACTION].v[j];

			a->uid = ward_cedar_intern_uid(r->pool, type, a->decl.name);
			if (a->uid == NULL)
				return ward_schema_out_of_memory(r);
		}
	}
	return true;
}

static const struct schema_action *action_of(const struct making *m, const struct cedar_uid *uid)
{
	const struct cedar_action_type *a = ward_cedar_schema_action(m->r->s, uid);

	return a == NULL ? NULL : m->action_decls[a - m->actions];
}

/* What is declared without a namespace may not be declared in one again (RFC 70). */
static bool shadows_action(struct making *m, const struct schema_action *a)
{
	struct resolver *r = m->r;
	const struct cedar_uid *plain;
	const char *uid, *base;

	if (ward_cedar_namespace(ward_cedar_text(a->uid->type)).n == 0)
		return true;
	plain = ward_cedar_intern_uid(r->pool, ward_cedar_intern(r->pool, "Action", 6), a->uid->id);
	if (plain == NULL)
		return ward_schema_out_of_memory(r);
	if (action_of(m, plain) == NULL)
		return true;
	uid = ward_schema_uid_text(r, a->uid);
	base = strstr(uid, "Action::\""); /* without the namespace */
	base = base != NULL ? base : uid;
	FIND(r, a->decl.at, "definition of `%s` illegally shadows the existing definition of `%s`",
		uid, base);
	ward_cedar_diag_help(r->diags,
		"try renaming one of the actions, or moving `%s` to a different namespace", base);
	return r->code == 0;
}

static bool actions_new(struct making *m)
{
	struct resolver *r = m->r;
	uint32_t n;
	struct decl **v;

	if (!uids(r))
		return false;
	v = collect(r, DECL_ACTION, &n);
	if (v == NULL)
		return false;
	m->action_decls = (struct schema_action **)v;
	qsort(v, n, sizeof(struct decl *), by_uid);
	m->actions = ward_arena_alloc(r->arena, ((size_t)n + 1) * sizeof(*m->actions));
	if (m->actions == NULL)
		return ward_schema_out_of_memory(r);
	for (uint32_t i = 0; i < n; i++) {
		m->action_decls[i]->index = i;
		m->actions[i].uid = m->action_decls[i]->uid;
	}
	r->s->n_actions = n;
	r->s->actions = pointers(r, m->actions, sizeof(*m->actions), n);
	if (r->s->actions == NULL || !place(r, n, action_hash, m->actions, &m->index->actions))
		return false;
	for (uint32_t i = 0; !r->names_only && i < n; i++) {
		if (!shadows_action(m, m->action_decls[i]))
			return false;
	}
	return true;
}

static const struct cedar_type *record_of(struct resolver *r, struct schema_type *t)
{
	const struct typed *e = t != NULL ? ward_schema_typed(r, t) : ward_schema_empty_record(r);

	return e != NULL ? &e->type : NULL;
}

static bool entity_types(struct making *m)
{
	struct resolver *r = m->r;

	for (uint32_t i = 0; i < r->s->n_entities; i++) {
		struct schema_entity *e = m->entity_decls[i];
		const struct cedar_type *attrs = record_of(r, e->shape);

		m->entities[i].attrs = attrs;
		if (attrs != NULL && attrs->kind != CEDAR_TYPE_RECORD) {
			FIND(r, e->shape->at,
				"Shape for entity type %s is declared with a type other than "
				"`Record`",
				e->decl.full->s);
			ward_cedar_diag_help(r->diags,
				"entity type shapes must have type `Record`");
		}
		if (e->tags != NULL)
			m->entities[i].tags = record_of(r, e->tags);
		if (r->code < 0)
			return false;
	}
	return true;
}

static bool action_types(struct making *m)
{
	struct resolver *r = m->r;

	for (uint32_t i = 0; i < r->s->n_actions; i++) {
		struct schema_action *a = m->action_decls[i];
		const struct cedar_type *context = record_of(r, a->context);

		m->actions[i].context = context;
		if (context != NULL && context->kind != CEDAR_TYPE_RECORD) {
			FIND(r, a->context->at,
				"Context for action %s is declared with a type other than `Record`",
				ward_schema_uid_text(r, a->uid));
			ward_cedar_diag_help(r->diags, "action contexts must have type `Record`");
		}
		if (r->code < 0)
			return false;
	}
	return true;
}

static void undeclared(struct resolver *r, const struct ref *ref)
{
	FIND(r, ref->at, "undeclared entity type: %s", ref->def->name->s);
	ward_cedar_diag_help(r->diags,
		"any entity types appearing anywhere in a schema need to be declared in "
		"`entityTypes`");
}

struct list {
	const struct cedar_entity_type **v;
	uint32_t n;
};

/* The entity types that are named, each once; stamps: of all of them, with a stamp that is not there yet. */
static bool types_of(struct making *m, const struct ref *refs, uint32_t n, uint32_t *stamps,
	uint32_t stamp, struct list *ret)
{
	struct resolver *r = m->r;

	*ret = (struct list){ 0 };
	if (n == 0)
		return true;
	ret->v = ward_arena_alloc(r->arena, n * sizeof(*ret->v));
	if (ret->v == NULL)
		return ward_schema_out_of_memory(r);
	for (uint32_t i = 0; i < n; i++) {
		const struct schema_entity *e = refs[i].def->entity;

		if (e == NULL) {
			undeclared(r, &refs[i]);
			if (r->errors > WARD_CEDAR_DIAGS_MAX)
				return false;
		} else if (stamps != NULL && stamps[e->index] != stamp) {
			stamps[e->index] = stamp;
			ret->v[ret->n++] = &m->entities[e->index];
		}
	}
	return true;
}

static bool lists(struct making *m)
{
	struct resolver *r = m->r;
	uint32_t *stamps = calloc((size_t)r->s->n_entities + 1, sizeof(*stamps));
	uint32_t stamp = 0;
	bool ok = stamps != NULL || ward_schema_out_of_memory(r);
	struct list l;

	for (uint32_t i = 0; ok && i < r->s->n_entities; i++) {
		const struct schema_entity *e = m->entity_decls[i];

		ok = types_of(m, e->parents, e->n_parents, stamps, ++stamp, &l);
		m->entities[i].parents = l.v;
		m->entities[i].n_parents = l.n;
	}
	for (uint32_t i = 0; ok && i < r->s->n_actions; i++) {
		const struct schema_action *a = m->action_decls[i];
		struct cedar_action_type *t = &m->actions[i];

		ok = types_of(m, a->principals, a->n_principals, stamps, ++stamp, &l);
		t->principals = l.v;
		t->n_principals = l.n;
		ok = ok && types_of(m, a->resources, a->n_resources, stamps, ++stamp, &l);
		t->resources = l.v;
		t->n_resources = l.n;
		t->applies = t->n_principals > 0 && t->n_resources > 0;
	}
	free(stamps);
	return ok;
}

/* An action by the type that is written, which may leave the namespace out. */
static bool group(struct making *m, const struct cedar_str *ns, struct schema_group *g)
{
	struct resolver *r = m->r;
	const struct cedar_str *type = g->type;
	const struct cedar_uid *uid;

	if (type == NULL)
		type = ward_cedar_intern(r->pool, "Action", 6);
	if (type == NULL)
		return ward_schema_out_of_memory(r);
	if (ward_cedar_namespace(ward_cedar_text(type)).n == 0 && ns != NULL) {
		uid = ward_cedar_intern_uid(r->pool, ward_schema_qualify(r->pool, ns, type), g->id);
		if (uid == NULL)
			return ward_schema_out_of_memory(r);
		g->action = action_of(m, uid);
	}
	uid = ward_cedar_intern_uid(r->pool, type, g->id);
	if (uid == NULL)
		return ward_schema_out_of_memory(r);
	if (g->action == NULL)
		g->action = action_of(m, uid);
	if (g->action == NULL) {
		FIND(r, g->at, "undeclared action: %s", ward_schema_uid_text(r, uid));
		ward_cedar_diag_help(r->diags,
			"any actions appearing as parents need to be declared as actions");
	}
	return r->code == 0 && r->errors <= WARD_CEDAR_DIAGS_MAX;
}

static bool groups(struct making *m)
{
	struct resolver *r = m->r;

	for (uint32_t i = 0; i < r->tree->n; i++) {
		const struct schema_namespace *ns = r->tree->v[i];

		for (uint32_t j = 0; j < ns->decls[DECL_ACTION].n; j++) {
			struct schema_action *a =
				(struct schema_action *)ns->decls[DECL_ACTION].v[j];

			if (a->n_parents > 0 &&
				!ward_schema_links(r, a->parents[0].at, a->n_parents))
				return false;
			for (uint32_t k = 0; k < a->n_parents; k++) {
				if (a->parents[k].action == NULL &&
					!group(m, ns->name, &a->parents[k]))
					return false;
			}
		}
	}
	return true;
}

static bool action_parents(struct making *m)
{
	struct resolver *r = m->r;
	uint32_t *stamps = calloc((size_t)r->s->n_actions + 1, sizeof(*stamps));

	if (stamps == NULL)
		return ward_schema_out_of_memory(r);
	for (uint32_t i = 0; i < r->s->n_actions; i++) {
		const struct schema_action *a = m->action_decls[i];
		const struct cedar_action_type **v = NULL;

		v = ward_arena_alloc(r->arena, ((size_t)a->n_parents + 1) * sizeof(*v));
		if (v == NULL) {
			free(stamps);
			return ward_schema_out_of_memory(r);
		}
		for (uint32_t j = 0; j < a->n_parents; j++) {
			uint32_t to = a->parents[j].action->index;

			if (stamps[to] == i + 1)
				continue;
			stamps[to] = i + 1;
			v[m->actions[i].n_parents++] = &m->actions[to];
		}
		m->actions[i].parents = v;
	}
	free(stamps);
	return true;
}

/* The parents as edges. size, parents, n_parents: where they stand in the elements of the array. */
struct layout {
	size_t size, parents, n_parents, ancestors, n_ancestors, descendants, n_descendants;
};
#define LAYOUT(type) \
	{ \
		sizeof(struct type), offsetof(struct type, parents), \
			offsetof(struct type, n_parents), offsetof(struct type, ancestors), \
			offsetof(struct type, n_ancestors), offsetof(struct type, descendants), \
			offsetof(struct type, n_descendants) \
	}

static bool edges(struct resolver *r, const struct layout *l, const char *array, uint32_t n,
	struct closure *ret)
{
	size_t count = 0;

	ret->start = calloc((size_t)n + 1, sizeof(*ret->start));
	if (ret->start == NULL)
		return ward_schema_out_of_memory(r);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t parents;

		memcpy(&parents, array + i * l->size + l->n_parents, sizeof(parents));
		count += parents;
		ret->start[i + 1] = count;
	}
	ret->v = calloc(count + 1, sizeof(*ret->v));
	if (ret->v == NULL)
		return ward_schema_out_of_memory(r);
	for (uint32_t i = 0; i < n; i++) {
		const char *const *v;

		memcpy(&v, array + i * l->size + l->parents, sizeof(v));
		for (size_t e = ret->start[i]; e < ret->start[i + 1]; e++)
			ret->v[e] = (uint32_t)((size_t)(v[e - ret->start[i]] - array) / l->size);
	}
	return true;
}

static bool keep(struct resolver *r, const struct layout *l, char *array, uint32_t n,
	const struct closure *c, size_t to_v, size_t to_n)
{
	const char **all = ward_arena_alloc(r->arena, (c->start[n] + 1) * sizeof(*all));

	if (all == NULL)
		return ward_schema_out_of_memory(r);
	for (size_t e = 0; e < c->start[n]; e++)
		all[e] = array + c->v[e] * l->size;
	for (uint32_t i = 0; i < n; i++) {
		const char **v = all + c->start[i];
		uint32_t count = (uint32_t)(c->start[i + 1] - c->start[i]);

		memcpy(array + i * l->size + to_v, &v, sizeof(v));
		memcpy(array + i * l->size + to_n, &count, sizeof(count));
	}
	return true;
}

static bool close_over(struct resolver *r, const struct layout *l, void *array, uint32_t n,
	const char *what)
{
	struct closure to = { 0 }, up = { 0 }, down = { 0 };
	bool ok = edges(r, l, array, n, &to);
	int code = ok ? ward_schema_close(n, &to, &up) : WARD_OK;

	if (code == WARD_OK && ok)
		code = ward_schema_invert(n, &up, &down);
	if (code == WARD_E_LIMIT)
		FIND(r, ((struct place){ 0 }),
			"the hierarchy of %s is too large: more than %u steps", what,
			WARD_CEDAR_CLOSURE_MAX);
	if (code < 0)
		r->code = code;
	ok = ok && code == WARD_OK && keep(r, l, array, n, &up, l->ancestors, l->n_ancestors) &&
		keep(r, l, array, n, &down, l->descendants, l->n_descendants);
	ward_schema_closure_done(&to);
	ward_schema_closure_done(&up);
	ward_schema_closure_done(&down);
	return ok;
}

static bool hierarchies(struct making *m)
{
	static const struct layout entity = LAYOUT(cedar_entity_type);
	static const struct layout action = LAYOUT(cedar_action_type);
	struct resolver *r = m->r;

	if (!close_over(r, &entity, m->entities, r->s->n_entities, "entity types") ||
		!close_over(r, &action, m->actions, r->s->n_actions, "actions"))
		return false;
	for (uint32_t i = 0; i < r->s->n_actions; i++) {
		const struct cedar_action_type *a = &m->actions[i];

		for (uint32_t j = 0; j < a->n_ancestors; j++) {
			if (a->ancestors[j] != a)
				continue;
			FIND(r, m->action_decls[i]->decl.at,
				"cycle in action hierarchy containing `%s`",
				ward_schema_uid_text(r, a->uid));
			return true;
		}
	}
	return true;
}

static bool steps(struct making *m)
{
	struct resolver *r = m->r;
	bool ok = ward_schema_define(r) && entities_new(m) && actions_new(m);

	ok = ok && r->errors == 0 && ward_schema_names(r) && groups(m);
	if (r->names_only)
		return ok;
	ok = ok && r->errors == 0 && ward_schema_types(r);
	ok = ok && r->errors == 0 && entity_types(m) && action_types(m);
	ok = ok && lists(m) && action_parents(m);
	return ok && r->errors == 0 && hierarchies(m);
}

int ward_schema_resolve(struct cedar_schema *s, bool names_only, struct cedar_diags *d)
{
	struct resolver r = { .s = s, .tree = s->tree, .pool = s->pool, .diags = d };
	struct making m = { .r = &r };

	r.names_only = names_only;
	r.arena = ward_cedar_pool_arena(s->pool);
	m.index = ward_arena_alloc(r.arena, sizeof(*m.index));
	s->index = m.index;
	if (m.index == NULL)
		return WARD_E_NOMEM;
	(void)steps(&m);
	free(r.defs);
	free(r.types);
	free(r.commons);
	free(r.edges);
	free(m.entity_decls);
	free(m.action_decls);
	ward_buf_done(&r.name);
	if (r.code < 0)
		return r.code;
	if (d != NULL && d->failed)
		return WARD_E_NOMEM;
	return r.errors > 0 ? WARD_E_PARSE : WARD_OK;
}
