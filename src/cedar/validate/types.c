/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lattice of types. Types of a schema share their parts, so that one may be far larger written out than in memory:
 * every comparison costs of the policy's budget, and equal pointers are equal types.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/validate/check.h"

const struct cedar_type ward_vt_bool = { .kind = CEDAR_TYPE_BOOL };
const struct cedar_type ward_vt_true = { .kind = VT_TRUE };
const struct cedar_type ward_vt_false = { .kind = VT_FALSE };
const struct cedar_type ward_vt_long = { .kind = CEDAR_TYPE_LONG };
const struct cedar_type ward_vt_string = { .kind = CEDAR_TYPE_STRING };
const struct cedar_type ward_vt_never = { .kind = VT_NEVER };
const struct cedar_type ward_vt_any_set = { .kind = VT_ANY_SET };
const struct cedar_type ward_vt_any_entity = { .kind = VT_ANY_ENTITY };
const struct cedar_type ward_vt_any_record = { .kind = VT_OPEN };
const struct cedar_type ward_vt_set_of_any_entity = { .kind = CEDAR_TYPE_SET,
	.element = &ward_vt_any_entity };
const struct cedar_type ward_vt_ext[CEDAR_EXT_MAX] = {
	[CEDAR_EXT_DECIMAL] = { .kind = CEDAR_TYPE_EXT, .ext = CEDAR_EXT_DECIMAL },
	[CEDAR_EXT_IPADDR] = { .kind = CEDAR_TYPE_EXT, .ext = CEDAR_EXT_IPADDR },
	[CEDAR_EXT_DATETIME] = { .kind = CEDAR_TYPE_EXT, .ext = CEDAR_EXT_DATETIME },
	[CEDAR_EXT_DURATION] = { .kind = CEDAR_TYPE_EXT, .ext = CEDAR_EXT_DURATION },
};
static const struct cedar_type no_attrs = { .kind = CEDAR_TYPE_RECORD };

static bool step(struct checker *c)
{
	return ward_cedar_check_spend(c, TYPE_COST, "types that are too large to compare");
}

/* Going through n names. */
static bool steps(struct checker *c, uint32_t n)
{
	return ward_cedar_check_spend(c, (uint64_t)n * NAME_COST,
		"too many entity types to compare");
}

uint32_t ward_vt_names(const struct cedar_type *t, const struct cedar_str *const **ret)
{
	if (t->kind == CEDAR_TYPE_ENTITY) {
		*ret = &t->name;
		return 1;
	}
	if (t->kind == VT_UNION) {
		*ret = ((const struct union_type *)t)->names;
		return t->n;
	}
	*ret = NULL;
	return 0;
}

bool ward_vt_has_name(const struct cedar_type *t, const struct cedar_str *name)
{
	const struct cedar_str *const *names;
	uint32_t n = ward_vt_names(t, &names);

	if (n == 1)
		return ward_cedar_str_eq(names[0], name);
	for (uint32_t low = 0, high = n; low < high;) {
		uint32_t mid = low + (high - low) / 2;
		int r = ward_vt_name_cmp(name, names[mid]);

		if (r == 0)
			return true;
		if (r < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

bool ward_vt_is_action(const struct cedar_str *type)
{
	struct ward_str base = ward_cedar_basename(ward_cedar_text(type));

	return base.n == 6 && memcmp(base.s, "Action", 6) == 0;
}

/* Byte order, the shorter first. */
static int text_cmp(struct ward_str a, struct ward_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n > 0 ? memcmp(a.s, b.s, n) : 0;

	return r != 0 ? r : (a.n > b.n) - (a.n < b.n);
}

/* The part of a namespace that begins at *at; false: there is no more. */
static bool next_part(struct ward_str ns, size_t *at, struct ward_str *ret)
{
	size_t i = *at;

	if (i >= ns.n)
		return false;
	while (i < ns.n && ns.s[i] != ':')
		i++;
	*ret = (struct ward_str){ ns.s + *at, i - *at };
	*at = i + 2;
	return true;
}

int ward_vt_name_cmp(const struct cedar_str *a, const struct cedar_str *b)
{
	struct ward_str ta = ward_cedar_text(a), tb = ward_cedar_text(b), pa, pb;
	struct ward_str na = ward_cedar_namespace(ta), nb = ward_cedar_namespace(tb);
	size_t ia = 0, ib = 0;
	int r = text_cmp(ward_cedar_basename(ta), ward_cedar_basename(tb));

	while (r == 0) {
		bool more_a = next_part(na, &ia, &pa), more_b = next_part(nb, &ib, &pb);

		if (!more_a || !more_b)
			return more_a - more_b;
		r = text_cmp(pa, pb);
	}
	return r;
}

static bool names_within(struct checker *c, const struct cedar_type *a, const struct cedar_type *b)
{
	const struct cedar_str *const *names;
	uint32_t n = ward_vt_names(a, &names);

	if (!steps(c, n))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!ward_vt_has_name(b, names[i]))
			return false;
	return true;
}

static bool entity_subtype(struct checker *c, const struct cedar_type *a,
	const struct cedar_type *b, bool strict)
{
	if (b->kind == VT_ANY_ENTITY)
		return a->kind == VT_ANY_ENTITY || !strict;
	if (a->kind == VT_ANY_ENTITY)
		return false;
	return names_within(c, a, b) && (!strict || names_within(c, b, a));
}

bool ward_vt_disjoint(struct checker *c, const struct cedar_type *a, const struct cedar_type *b)
{
	const struct cedar_str *const *names;
	uint32_t n = ward_vt_names(a, &names);

	if (n == 0 || ward_vt_names(b, &(const struct cedar_str *const *){ NULL }) == 0)
		return false;
	if (!steps(c, n))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (ward_vt_has_name(b, names[i]))
			return false;
	return true;
}

const struct cedar_attr_type *ward_vt_attr(const struct cedar_type *record,
	const struct cedar_str *name)
{
	uint32_t low = 0, high = record->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct cedar_attr_type *a = &record->attrs[mid];
		int r;

		if (a->name == name)
			return a;
		r = ward_cedar_str_cmp(name, a->name);
		if (r == 0)
			return a;
		if (r < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static bool same_keys(const struct cedar_type *a, const struct cedar_type *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!ward_cedar_str_eq(a->attrs[i].name, b->attrs[i].name))
			return false;
	return true;
}

/* Each of b's attributes is in a, with a subtype. */
static bool attrs_within(struct checker *c, const struct cedar_type *a, const struct cedar_type *b,
	bool strict)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct cedar_attr_type *want = &b->attrs[i];
		const struct cedar_attr_type *have = ward_vt_attr(a, want->name);

		if (have == NULL)
			return false;
		if (strict ? have->required != want->required : !have->required && want->required)
			return false;
		if (!ward_vt_subtype(c, have->type, want->type, strict))
			return false;
	}
	return true;
}

static bool record_subtype(struct checker *c, const struct cedar_type *a,
	const struct cedar_type *b, bool strict)
{
	bool open_a = a->kind == VT_OPEN, open_b = b->kind == VT_OPEN;

	if (open_a && !open_b)
		return false;
	if (!(open_b && !strict) && !same_keys(a, b))
		return false;
	return attrs_within(c, a, b, strict);
}

bool ward_vt_subtype(struct checker *c, const struct cedar_type *a, const struct cedar_type *b,
	bool strict)
{
	if (a == b || a->kind == VT_NEVER)
		return true;
	if (!step(c))
		return false;
	if (ward_vt_is_bool(a) && ward_vt_is_bool(b))
		return a->kind == b->kind || b->kind == CEDAR_TYPE_BOOL;
	if (ward_vt_is_set(a) && ward_vt_is_set(b)) {
		if (b->kind == VT_ANY_SET)
			return true;
		return a->kind != VT_ANY_SET && ward_vt_subtype(c, a->element, b->element, strict);
	}
	if (ward_vt_is_record(a) && ward_vt_is_record(b))
		return record_subtype(c, a, b, strict);
	if (ward_vt_is_entity(a) && ward_vt_is_entity(b))
		return entity_subtype(c, a, b, strict);
	if (a->kind != b->kind)
		return false;
	return a->kind == CEDAR_TYPE_LONG || a->kind == CEDAR_TYPE_STRING ||
		(a->kind == CEDAR_TYPE_EXT && a->ext == b->ext);
}

static const struct cedar_type *entity_lub(struct checker *c, const struct cedar_type *a,
	const struct cedar_type *b, bool strict, enum lub_why *why)
{
	const struct cedar_str *const *na, *const *nb;
	uint32_t i = 0, j = 0, n = 0, la = ward_vt_names(a, &na), lb = ward_vt_names(b, &nb);
	const struct cedar_str **names;
	struct union_type *u;

	if (strict) {
		*why = LUB_ENTITY;
		return NULL;
	}
	if (la == 0 || lb == 0)
		return &ward_vt_any_entity;
	if (!steps(c, la + lb))
		return NULL;
	names = ward_cedar_check_alloc(c, c->per_env, (size_t)la + lb, sizeof(struct cedar_str *));
	u = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*u));
	if (names == NULL || u == NULL)
		return NULL;
	while (i < la || j < lb) {
		int r = i == la ? 1 : j == lb ? -1 : ward_vt_name_cmp(na[i], nb[j]);

		names[n++] = r <= 0 ? na[i] : nb[j];
		i += r <= 0;
		j += r >= 0;
	}
	*u = (struct union_type){ .t = { .kind = VT_UNION, .n = n }, .names = names };
	return &u->t;
}

static int order_of_names(const void *a, const void *b)
{
	return ward_vt_name_cmp(*(const struct cedar_str *const *)a,
		*(const struct cedar_str *const *)b);
}

/* All at once: one after the other would copy as many names again and again. */
const struct cedar_type *ward_vt_union(struct checker *c, const struct cedar_type *const *types,
	size_t n)
{
	const struct cedar_str *const *of, **names;
	struct union_type *u;
	size_t all = 0;
	uint32_t kept = 0;

	for (size_t i = 0; i < n; i++)
		all += ward_vt_names(types[i], &of);
	if (all > UINT32_MAX || !steps(c, (uint32_t)all))
		return NULL;
	names = ward_cedar_check_alloc(c, c->per_env, all, sizeof(struct cedar_str *));
	u = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*u));
	if (names == NULL || u == NULL)
		return NULL;
	all = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t count = ward_vt_names(types[i], &of);

		for (uint32_t k = 0; k < count; k++)
			if (all == 0 || !ward_cedar_str_eq(names[all - 1], of[k]))
				names[all++] = of[k];
	}
	qsort(names, all, sizeof(*names), order_of_names);
	for (size_t i = 0; i < all; i++)
		if (kept == 0 || !ward_cedar_str_eq(names[kept - 1], names[i]))
			names[kept++] = names[i];
	*u = (struct union_type){ .t = { .kind = VT_UNION, .n = kept }, .names = names };
	return kept == 1 ? types[0] : &u->t;
}

static const struct cedar_attr_type *attr_lub(struct checker *c, const struct cedar_attr_type *a,
	const struct cedar_attr_type *b, bool strict, struct cedar_attr_type *ret,
	enum lub_why *why)
{
	const struct cedar_type *t = ward_vt_lub(c, a->type, b->type, strict, why);

	if (t == NULL)
		return NULL;
	if (strict && a->required != b->required) {
		*why = LUB_QUALIFIER;
		return NULL;
	}
	*ret = (struct cedar_attr_type){ a->name, t, a->required && b->required };
	return ret;
}

static const struct cedar_type *record_lub(struct checker *c, const struct cedar_type *a,
	const struct cedar_type *b, bool strict, enum lub_why *why)
{
	struct cedar_attr_type *attrs;
	struct cedar_type *t;
	uint32_t n = 0;
	bool open = a->kind == VT_OPEN || b->kind == VT_OPEN;

	if (strict && !same_keys(a, b)) {
		*why = LUB_WIDTH;
		return NULL;
	}
	attrs = ward_cedar_check_alloc(c, c->per_env, a->n, sizeof(*attrs));
	t = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*t));
	if (attrs == NULL || t == NULL)
		return NULL;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct cedar_attr_type *other = ward_vt_attr(b, a->attrs[i].name);

		if (other != NULL && attr_lub(c, &a->attrs[i], other, strict, &attrs[n], why))
			n++;
		else if (strict || c->failed)
			return NULL;
	}
	open = open || n != a->n || n != b->n;
	*t = (struct cedar_type){
		.kind = open ? VT_OPEN : CEDAR_TYPE_RECORD, .n = n, .attrs = attrs
	};
	return t;
}

const struct cedar_type *ward_vt_lub(struct checker *c, const struct cedar_type *a,
	const struct cedar_type *b, bool strict, enum lub_why *why)
{
	*why = LUB_NONE;
	if (ward_vt_subtype(c, a, b, strict))
		return b;
	if (ward_vt_subtype(c, b, a, strict))
		return a;
	if (ward_vt_is_bool(a) && ward_vt_is_bool(b))
		return &ward_vt_bool;
	if (ward_vt_is_set(a) && ward_vt_is_set(b)) {
		const struct cedar_type *e = a->kind == VT_ANY_SET || b->kind == VT_ANY_SET
			? NULL
			: ward_vt_lub(c, a->element, b->element, strict, why);
		struct cedar_type *t;

		if (e == NULL)
			return NULL;
		t = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*t));
		if (t != NULL)
			*t = (struct cedar_type){ .kind = CEDAR_TYPE_SET, .element = e };
		return t;
	}
	if (ward_vt_is_record(a) && ward_vt_is_record(b))
		return record_lub(c, a, b, strict, why);
	if (ward_vt_is_entity(a) && ward_vt_is_entity(b))
		return entity_lub(c, a, b, strict, why);
	if ((ward_vt_is_entity(a) && ward_vt_is_record(b)) ||
		(ward_vt_is_record(a) && ward_vt_is_entity(b)))
		*why = LUB_ENTITY_RECORD;
	return NULL;
}

/* Order of the kinds in messages. */
static int rank(const struct cedar_type *t)
{
	switch (t->kind) {
	case VT_NEVER: return 0;
	case CEDAR_TYPE_BOOL: return 1;
	case VT_TRUE: return 2;
	case VT_FALSE: return 3;
	case CEDAR_TYPE_LONG: return 4;
	case CEDAR_TYPE_STRING: return 5;
	case VT_ANY_ENTITY: return 6;
	case CEDAR_TYPE_ENTITY:
	case VT_UNION: return 7;
	case VT_ANY_SET: return 8;
	case CEDAR_TYPE_SET: return 9;
	case CEDAR_TYPE_RECORD:
	case VT_OPEN: return 10;
	default: return 11;
	}
}

static int names_cmp(const struct cedar_type *a, const struct cedar_type *b)
{
	const struct cedar_str *const *na, *const *nb;
	uint32_t la = ward_vt_names(a, &na), lb = ward_vt_names(b, &nb);

	for (uint32_t i = 0; i < la && i < lb; i++) {
		int r = ward_vt_name_cmp(na[i], nb[i]);

		if (r != 0)
			return r;
	}
	return (la > lb) - (la < lb);
}

static int record_cmp(struct checker *c, const struct cedar_type *a, const struct cedar_type *b)
{
	for (uint32_t i = 0; i < a->n && i < b->n; i++) {
		int r = ward_cedar_str_cmp(a->attrs[i].name, b->attrs[i].name);

		if (r == 0)
			r = ward_vt_cmp(c, a->attrs[i].type, b->attrs[i].type);
		if (r == 0)
			r = a->attrs[i].required - b->attrs[i].required;
		if (r != 0)
			return r;
	}
	if (a->n != b->n)
		return a->n > b->n ? 1 : -1;
	return (b->kind == VT_OPEN) - (a->kind == VT_OPEN);
}

int ward_vt_cmp(struct checker *c, const struct cedar_type *a, const struct cedar_type *b)
{
	int ra = rank(a), rb = rank(b);

	if (a == b || !step(c))
		return 0;
	if (ra != rb)
		return ra - rb;
	switch (a->kind) {
	case CEDAR_TYPE_ENTITY:
	case VT_UNION: return names_cmp(a, b);
	case CEDAR_TYPE_SET: return ward_vt_cmp(c, a->element, b->element);
	case CEDAR_TYPE_RECORD:
	case VT_OPEN: return record_cmp(c, a, b);
	case CEDAR_TYPE_EXT:
		return strcmp(ward_cedar_ext_name(a->ext), ward_cedar_ext_name(b->ext));
	default: return 0;
	}
}

void ward_vt_print_name(struct ward_buf *out, const struct cedar_str *name)
{
	for (size_t i = 0; i < name->n; i++) {
		if (name->s[i] == '\0')
			ward_buf_adds(out, "\\0");
		else
			ward_buf_addc(out, name->s[i]);
	}
}

static void print_names(struct ward_buf *out, const struct cedar_type *t)
{
	const struct cedar_str *const *names;
	uint32_t n = ward_vt_names(t, &names);

	if (n > 1)
		ward_buf_adds(out, "__cedar::internal::Union<");
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			ward_buf_adds(out, ", ");
		if (out->n >= PRINTED_MAX) {
			ward_buf_adds(out, "..");
			break;
		}
		ward_buf_add(out, names[i]->s, names[i]->n);
	}
	if (n > 1)
		ward_buf_addc(out, '>');
}

static void print_record(struct ward_buf *out, const struct cedar_type *t)
{
	if (t->kind == VT_OPEN)
		ward_buf_adds(out, "__cedar::internal::OpenRecord");
	ward_buf_addc(out, '{');
	for (uint32_t i = 0; i < t->n && out->n < PRINTED_MAX; i++) {
		ward_vt_print_name(out, t->attrs[i].name);
		ward_buf_adds(out, t->attrs[i].required ? ": " : "?: ");
		ward_vt_print(out, t->attrs[i].type);
		ward_buf_addc(out, ',');
	}
	ward_buf_addc(out, '}');
}

void ward_vt_print(struct ward_buf *out, const struct cedar_type *t)
{
	if (out->n >= PRINTED_MAX) {
		ward_buf_adds(out, "..");
		return;
	}
	switch (t->kind) {
	case VT_NEVER: ward_buf_adds(out, "__cedar::internal::Never"); break;
	case VT_TRUE: ward_buf_adds(out, "__cedar::internal::True"); break;
	case VT_FALSE: ward_buf_adds(out, "__cedar::internal::False"); break;
	case VT_ANY_ENTITY: ward_buf_adds(out, "__cedar::internal::AnyEntity"); break;
	case VT_ANY_SET: ward_buf_adds(out, "Set<__cedar::internal::Any>"); break;
	case CEDAR_TYPE_BOOL: ward_buf_adds(out, "Bool"); break;
	case CEDAR_TYPE_LONG: ward_buf_adds(out, "Long"); break;
	case CEDAR_TYPE_STRING: ward_buf_adds(out, "String"); break;
	case CEDAR_TYPE_EXT: ward_buf_adds(out, ward_cedar_ext_name(t->ext)); break;
	case CEDAR_TYPE_ENTITY:
	case VT_UNION: print_names(out, t); break;
	case CEDAR_TYPE_SET:
		ward_buf_adds(out, "Set<");
		ward_vt_print(out, t->element);
		ward_buf_addc(out, '>');
		break;
	default: print_record(out, t);
	}
}

static const struct cedar_type *attrs_of(struct checker *c, const struct cedar_str *name)
{
	const struct cedar_entity_type *e = ward_cedar_schema_entity(c->schema, name);

	return e != NULL ? e->attrs : &no_attrs;
}

const struct cedar_type *ward_vt_attrs(struct checker *c, const struct cedar_type *t)
{
	const struct cedar_str *const *names;
	const struct cedar_type *r;
	enum lub_why why;
	uint32_t n;

	if (ward_vt_is_record(t))
		return t;
	n = ward_vt_names(t, &names);
	if (n == 0)
		return &no_attrs;
	r = attrs_of(c, names[0]);
	for (uint32_t i = 1; i < n && r != NULL; i++)
		r = record_lub(c, r, attrs_of(c, names[i]), false, &why);
	return r;
}

bool ward_vt_may_have(struct checker *c, const struct cedar_type *t, const struct cedar_str *name)
{
	const struct cedar_str *const *names;
	uint32_t n;

	if (t->kind == VT_NEVER || t->kind == VT_ANY_ENTITY || t->kind == VT_OPEN)
		return true;
	if (t->kind == CEDAR_TYPE_RECORD)
		return ward_vt_attr(t, name) != NULL;
	n = ward_vt_names(t, &names);
	for (uint32_t i = 0; i < n; i++) {
		const struct cedar_entity_type *e = ward_cedar_schema_entity(c->schema, names[i]);

		if (e == NULL ? !ward_vt_is_action(names[i]) : ward_vt_attr(e->attrs, name) != NULL)
			return true;
	}
	return false;
}
