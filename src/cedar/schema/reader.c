/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both parsers stand on: lists under way, declarations in the order of their names, and what neither syntax allows:
 * names twice, and names that are reserved.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/schema/tree.h"

bool ward_schema_no_memory(struct reader *r)
{
	r->code = WARD_E_NOMEM;
	return false;
}

const char *ward_schema_shown(struct reader *r, const char *s, size_t n)
{
	ward_buf_clear(&r->shown);
	ward_cedar_escape(&r->shown, (struct ward_str){ s, n });
	if (r->shown.failed)
		ward_schema_no_memory(r);
	return ward_buf_cstr(&r->shown);
}

bool ward_schema_push(struct reader *r, const void *e, size_t size)
{
	if (size > r->cap - r->top) {
		size_t cap = r->cap > 0 ? r->cap : 1024;
		char *stack;

		while (cap - r->top < size) {
			if (cap > SIZE_MAX / 4)
				return ward_schema_no_memory(r);
			cap *= 2;
		}
		stack = realloc(r->stack, cap);
		if (stack == NULL)
			return ward_schema_no_memory(r);
		r->stack = stack;
		r->cap = cap;
	}
	if (e != NULL)
		memcpy(r->stack + r->top, e, size);
	r->top += size;
	return true;
}

bool ward_schema_pop(struct reader *r, size_t from, size_t size, void *ret_array, uint32_t *ret_n)
{
	size_t n = r->top - from;
	void *v = NULL;

	if (n > 0) {
		v = ward_arena_alloc(r->arena, n);
		if (v == NULL)
			return ward_schema_no_memory(r);
		memcpy(v, r->stack + from, n);
	}
	r->top = from;
	memcpy(ret_array, &v, sizeof(v));
	*ret_n = (uint32_t)(n / size);
	return true;
}

void *ward_schema_new(struct reader *r, size_t size)
{
	void *p = ward_arena_alloc(r->arena, size);

	if (p == NULL)
		ward_schema_no_memory(r);
	return p;
}

struct schema_type *ward_schema_type_new(struct reader *r, enum schema_kind kind, struct place at)
{
	struct schema_type *t = ward_schema_new(r, sizeof(*t));

	if (t != NULL) {
		t->kind = (uint8_t)kind;
		t->at = at;
	}
	return t;
}

bool ward_schema_enter(struct reader *r, struct place at)
{
	if (r->level < WARD_CEDAR_DEPTH_MAX) {
		r->level++;
		return true;
	}
	NOTE(r, at, "the type is nested more than %d levels deep", WARD_CEDAR_DEPTH_MAX);
	HELP(r, "declare parts of it as common types");
	r->code = WARD_E_LIMIT;
	return false;
}

static int by_key(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	return ward_cedar_str_cmp(x->key, y->key);
}

bool ward_schema_notes(struct reader *r, size_t from, const struct place *at, struct notes *ret)
{
	struct note *v;

	if (!ward_schema_pop(r, from, sizeof(*v), &v, &ret->n))
		return false;
	if (ret->n > 1)
		qsort(v, ret->n, sizeof(*v), by_key);
	ret->v = v;
	for (uint32_t i = 1; i < ret->n; i++) {
		if (v[i].key == v[i - 1].key) {
			NOTE(r, *at, "duplicate annotations: `%s`", v[i].key->s);
			return false;
		}
	}
	return true;
}

static int by_attr(const void *a, const void *b)
{
	const struct schema_attr *x = a, *y = b;
	int order = ward_cedar_str_cmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->at.start < y->at.start ? -1 : x->at.start > y->at.start;
}

bool ward_schema_attrs(struct reader *r, size_t from, struct schema_type *record)
{
	uint32_t n = 0;
	struct schema_attr *v;

	if (!ward_schema_pop(r, from, sizeof(*v), &v, &record->n))
		return false;
	if (record->n > 1)
		qsort(v, record->n, sizeof(*v), by_attr);
	for (uint32_t i = 0; i < record->n; i++) {
		if (i + 1 == record->n || v[i].name != v[i + 1].name)
			v[n++] = v[i];
	}
	record->attrs = v;
	record->n = n;
	return true;
}

static int by_text(const void *a, const void *b)
{
	return ward_cedar_str_cmp(*(const struct cedar_str *const *)a,
		*(const struct cedar_str *const *)b);
}

bool ward_schema_ids(struct reader *r, size_t from, struct schema_entity *e)
{
	const struct cedar_str **sorted;

	e->is_enum = true;
	if (!ward_schema_pop(r, from, sizeof(*e->ids), &e->ids, &e->n_ids))
		return false;
	if (e->n_ids == 0)
		return true;
	sorted = ward_schema_new(r, e->n_ids * sizeof(*sorted));
	if (sorted == NULL)
		return false;
	memcpy(sorted, e->ids, e->n_ids * sizeof(*sorted));
	qsort(sorted, e->n_ids, sizeof(*sorted), by_text);
	e->sorted_ids = sorted;
	return true;
}

void ward_schema_declare(struct schema_namespace *ns, enum decl_kind kind, struct decl *d)
{
	struct decls *list = &ns->decls[kind];

	d->next = list->first;
	list->first = d;
	list->n++;
}

const struct cedar_str *ward_schema_qualify(struct cedar_pool *pool, const struct cedar_str *ns,
	const struct cedar_str *name)
{
	struct ward_buf b = WARD_BUF_INIT;
	const struct cedar_str *s = NULL;

	if (ns == NULL)
		return ward_cedar_intern(pool, name->s, name->n);
	ward_buf_add(&b, ns->s, ns->n);
	ward_buf_adds(&b, "::");
	ward_buf_add(&b, name->s, name->n);
	if (!b.failed)
		s = ward_cedar_intern(pool, b.s, b.n);
	ward_buf_done(&b);
	return s;
}

bool ward_schema_is_keyword(struct ward_str s)
{
	static const char *const words[] = { "Bool", "Boolean", "Entity", "Extension", "Long",
		"Record", "Set", "String" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(words); i++) {
		if (ward_str_eq(s, ward_str(words[i])))
			return true;
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	const struct decl *x = *(struct decl *const *)a, *y = *(struct decl *const *)b;
	int order = ward_cedar_str_cmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->at.start < y->at.start ? -1 : x->at.start > y->at.start;
}

static bool is_internal(const struct cedar_str *name)
{
	return ward_cedar_str_is(name, "__cedar");
}

static void reserved(struct reader *r, struct place at)
{
	NOTE(r, at, "use of the reserved `__cedar` namespace");
	HELP(r,
		"names containing `__cedar` (for example: `__cedar::A`, `A::__cedar`, or "
		"`A::__cedar::B`) are reserved");
}

static bool finish_decls(struct reader *r, enum decl_kind kind, struct decls *list)
{
	uint32_t i = 0;

	if (list->n == 0)
		return true;
	list->v = ward_schema_new(r, list->n * sizeof(*list->v));
	if (list->v == NULL)
		return false;
	for (struct decl *d = list->first; d != NULL; d = d->next)
		list->v[i++] = d;
	qsort(list->v, list->n, sizeof(struct decl *), by_name);
	for (i = 0; i < list->n; i++) {
		const struct decl *d = list->v[i];

		if (i > 0 && d->name == list->v[i - 1]->name)
			NOTE(r, d->at, "`%s` is declared twice",
				ward_schema_shown(r, d->name->s, d->name->n));
		if (kind != DECL_ACTION && is_internal(d->name))
			reserved(r, d->at);
		if (kind == DECL_ENTITY && ward_cedar_str_is(d->name, "Action"))
			NOTE(r, d->at, "entity type `Action` declared in `entityTypes` list");
		if (kind == DECL_COMMON && ward_schema_is_keyword(ward_cedar_text(d->name))) {
			NOTE(r, d->at, "this uses a reserved schema keyword: `%s`", d->name->s);
			HELP(r,
				"keywords such as `entity`, `extension`, `set` and `record` cannot "
				"be used as common type names");
		}
	}
	return true;
}

/* The identifier of a path that begins at *at; *at goes behind it. Empty: there is none. */
static struct ward_str part(struct ward_str path, size_t *at)
{
	size_t from = *at, end = from;

	while (end < path.n && path.s[end] != ':')
		end++;
	*at = end + 2 < path.n ? end + 2 : path.n;
	return (struct ward_str){ path.s + from, end - from };
}

static int compare(struct ward_str a, struct ward_str b)
{
	int r = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);

	return r != 0 ? r : a.n < b.n ? -1 : a.n > b.n;
}

/* By the last identifier, then by those before it, one by one. */
static int by_namespace(const void *a, const void *b)
{
	const struct schema_namespace *x = *(struct schema_namespace *const *)a;
	const struct schema_namespace *y = *(struct schema_namespace *const *)b;
	struct ward_str p, q;
	size_t i = 0, j = 0;
	int r;

	if (x->name == NULL || y->name == NULL)
		return (x->name != NULL) - (y->name != NULL);
	r = compare(ward_cedar_basename(ward_cedar_text(x->name)),
		ward_cedar_basename(ward_cedar_text(y->name)));
	p = ward_cedar_namespace(ward_cedar_text(x->name));
	q = ward_cedar_namespace(ward_cedar_text(y->name));
	while (r == 0 && (i < p.n || j < q.n))
		r = compare(part(p, &i), part(q, &j));
	if (r != 0)
		return r;
	return x->at.start < y->at.start ? -1 : x->at.start > y->at.start;
}

static bool has_internal(const struct cedar_str *name)
{
	for (size_t i = 0; i < name->n;) {
		if (ward_str_eq(part(ward_cedar_text(name), &i), WARD_STR("__cedar")))
			return true;
	}
	return false;
}

bool ward_schema_tree_finish(struct reader *r)
{
	struct cedar_schema_tree *t = r->tree;

	for (struct schema_namespace *ns = t->first; ns != NULL; ns = ns->next) {
		t->n++;
		if (ns->name != NULL && has_internal(ns->name))
			reserved(r, ns->at);
		for (unsigned k = 0; k < DECL_MAX; k++) {
			if (!finish_decls(r, (enum decl_kind)k, &ns->decls[k]))
				return false;
		}
	}
	if (t->n > 0) {
		uint32_t i = 0;

		t->v = ward_schema_new(r, t->n * sizeof(*t->v));
		if (t->v == NULL)
			return false;
		for (struct schema_namespace *ns = t->first; ns != NULL; ns = ns->next)
			t->v[i++] = ns;
		qsort(t->v, t->n, sizeof(struct schema_namespace *), by_namespace);
	}
	for (uint32_t i = 1; i < t->n; i++) {
		if (t->v[i]->name == t->v[i - 1]->name)
			NOTE(r, t->v[i]->at, "duplicate namespace id: `%s`", t->v[i]->name->s);
	}
	return r->errors == 0;
}

static bool is_builtin(const struct cedar_str *s)
{
	static const char *const names[] = { "Bool", "Long", "String" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		if (ward_cedar_str_is(s, names[i]))
			return true;
	}
	for (unsigned e = CEDAR_EXT_NONE + 1; e < CEDAR_EXT_MAX; e++) {
		if (ward_cedar_str_is(s, ward_cedar_ext_name((enum cedar_ext)e)))
			return true;
	}
	return false;
}

static void warn_builtin(const struct decl *d, struct cedar_diags *diags)
{
	if (!is_builtin(d->name))
		return;
	(void)ward_cedar_diag(diags, CEDAR_WARNING, 0, d->at.start, d->at.end,
		"The name `%s` shadows a builtin Cedar name. You'll have to refer to the builtin "
		"as `__cedar::%s`.",
		d->name->s, d->name->s);
}

void ward_schema_warn(const struct cedar_schema_tree *t, struct cedar_diags *diags)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const struct decls *c = &t->v[i]->decls[DECL_COMMON];
		const struct decls *e = &t->v[i]->decls[DECL_ENTITY];
		uint32_t k = 0;

		for (uint32_t j = 0; j < c->n; j++) {
			const struct decl *d = c->v[j];

			while (k < e->n && ward_cedar_str_cmp(e->v[k]->name, d->name) < 0)
				k++;
			if (k < e->n && e->v[k]->name == d->name)
				(void)ward_cedar_diag(diags, CEDAR_WARNING, 0, d->at.start,
					d->at.end, "The common type name %s shadows an entity name",
					d->name->s);
			warn_builtin(d, diags);
		}
		for (uint32_t j = 0; j < e->n; j++)
			warn_builtin(e->v[j], diags);
	}
}
