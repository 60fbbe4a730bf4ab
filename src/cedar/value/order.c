/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which values are printed: that of the language's own engine, by content alone. Sets are kept by hash, so
 * what is to be compared or printed is first copied with its sets in this order, innermost first: that takes n log n
 * comparisons at each level, whatever is nested in what.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/value/print.h"

static int number_cmp(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int text_cmp(struct ward_str a, struct ward_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n > 0 ? memcmp(a.s, b.s, n) : 0;

	return r != 0 ? r : number_cmp((int64_t)a.n, (int64_t)b.n);
}

/* The first part of a name, which is taken off. */
static struct ward_str take_part(struct ward_str *name)
{
	struct ward_str part = { name->s, 0 };
	size_t took;

	while (part.n < name->n && part.s[part.n] != ':')
		part.n++;
	took = part.n + 2 < name->n ? part.n + 2 : name->n;
	*name = (struct ward_str){ name->s + took, name->n - took };
	return part;
}

/* By the last part, then by the namespace part by part. */
static int name_cmp(const struct cedar_str *a, const struct cedar_str *b)
{
	struct ward_str x = ward_cedar_namespace(ward_cedar_text(a));
	struct ward_str y = ward_cedar_namespace(ward_cedar_text(b));
	int r = text_cmp(ward_cedar_basename(ward_cedar_text(a)),
		ward_cedar_basename(ward_cedar_text(b)));

	while (r == 0 && x.n > 0 && y.n > 0)
		r = text_cmp(take_part(&x), take_part(&y));
	return r != 0 ? r : number_cmp(x.n > 0, y.n > 0);
}

static int uid_cmp(const struct cedar_uid *a, const struct cedar_uid *b)
{
	int r = a->type == b->type ? 0 : name_cmp(a->type, b->type);

	return r != 0 ? r : ward_cedar_str_cmp(a->id, b->id);
}

static int ip_cmp(const struct cedar_ip *a, const struct cedar_ip *b)
{
	int r = number_cmp(a->v6, b->v6);

	if (r == 0)
		r = memcmp(a->addr, b->addr, sizeof(a->addr));
	return r != 0 ? r : number_cmp(a->prefix, b->prefix);
}

static int cmp(const struct cedar_value *a, const struct cedar_value *b);

static int set_cmp(const struct cedar_set *a, const struct cedar_set *b)
{
	uint32_t n = a->n < b->n ? a->n : b->n;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = cmp(&a->v[i], &b->v[i]);
	return r != 0 ? r : number_cmp(a->n, b->n);
}

static int record_cmp(const struct cedar_record *a, const struct cedar_record *b)
{
	uint32_t n = a->n < b->n ? a->n : b->n;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = ward_cedar_str_cmp(a->v[i].name, b->v[i].name);
		if (r == 0)
			r = cmp(&a->v[i].value, &b->v[i].value);
	}
	return r != 0 ? r : number_cmp(a->n, b->n);
}

/* Of values whose sets are in order. */
static int cmp(const struct cedar_value *a, const struct cedar_value *b)
{
	/* Extension types stand in the order of their names. */
	static const uint8_t rank[CEDAR_V_MAX] = { [CEDAR_V_BOOL] = 1,
		[CEDAR_V_LONG] = 2,
		[CEDAR_V_STRING] = 3,
		[CEDAR_V_ENTITY] = 4,
		[CEDAR_V_SET] = 5,
		[CEDAR_V_RECORD] = 6,
		[CEDAR_V_DATETIME] = 7,
		[CEDAR_V_DECIMAL] = 8,
		[CEDAR_V_DURATION] = 9,
		[CEDAR_V_IP] = 10 };

	if (a->tag != b->tag)
		return number_cmp(rank[a->tag], rank[b->tag]);
	switch ((enum cedar_tag)a->tag) {
	case CEDAR_V_BOOL: return number_cmp(a->truth, b->truth);
	case CEDAR_V_STRING: return ward_cedar_str_cmp(a->str, b->str);
	case CEDAR_V_ENTITY: return uid_cmp(a->uid, b->uid);
	case CEDAR_V_SET: return set_cmp(a->set, b->set);
	case CEDAR_V_RECORD: return record_cmp(a->record, b->record);
	case CEDAR_V_IP: return ip_cmp(a->ip, b->ip);
	default: return number_cmp(a->number, b->number);
	}
}

static int cmp_for_sort(const void *a, const void *b)
{
	return cmp(a, b);
}

bool ward_cedar_value_has_set(const struct cedar_value *v)
{
	if (v->tag == CEDAR_V_SET)
		return v->set->n > 0;
	if (v->tag != CEDAR_V_RECORD)
		return false;
	for (uint32_t i = 0; i < v->record->n; i++) {
		if (ward_cedar_value_has_set(&v->record->v[i].value))
			return true;
	}
	return false;
}

static int order_record(struct ward_arena *a, const struct cedar_record *r, struct cedar_value *ret)
{
	struct cedar_record *copy = ward_arena_alloc(a, sizeof(*r) + r->n * sizeof(r->v[0]));

	if (copy == NULL)
		return WARD_E_NOMEM;
	copy->n = r->n;
	for (uint32_t i = 0; i < r->n; i++) {
		copy->v[i].name = r->v[i].name;
		if (ward_cedar_value_order(a, &r->v[i].value, &copy->v[i].value) < 0)
			return WARD_E_NOMEM;
	}
	ret->record = copy;
	return WARD_OK;
}

int ward_cedar_value_order(struct ward_arena *a, const struct cedar_value *v,
	struct cedar_value *ret)
{
	struct cedar_set *copy;

	*ret = *v;
	if (v->tag == CEDAR_V_RECORD)
		return order_record(a, v->record, ret);
	if (v->tag != CEDAR_V_SET)
		return WARD_OK;
	copy = ward_arena_alloc(a, sizeof(*copy) + v->set->n * sizeof(*v));
	if (copy == NULL)
		return WARD_E_NOMEM;
	copy->n = v->set->n;
	for (uint32_t i = 0; i < copy->n; i++) {
		if (ward_cedar_value_order(a, &v->set->v[i], &copy->v[i]) < 0)
			return WARD_E_NOMEM;
	}
	qsort(copy->v, copy->n, sizeof(*v), cmp_for_sort);
	ret->set = copy;
	return WARD_OK;
}

int ward_cedar_value_cmp(const struct cedar_value *a, const struct cedar_value *b)
{
	struct cedar_value x, y;
	struct ward_arena *arena;
	int r;

	if (a->tag != b->tag || (!ward_cedar_value_has_set(a) && !ward_cedar_value_has_set(b)))
		return cmp(a, b);
	arena = ward_arena_new(WARD_CEDAR_BYTES_MAX);
	/* No memory: some order all the same; what it is for will fail as well. */
	if (arena == NULL || ward_cedar_value_order(arena, a, &x) < 0 ||
		ward_cedar_value_order(arena, b, &y) < 0)
		r = number_cmp((int64_t)ward_cedar_value_hash(a),
			(int64_t)ward_cedar_value_hash(b));
	else
		r = cmp(&x, &y);
	ward_arena_free(arena);
	return r;
}
