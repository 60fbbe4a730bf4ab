/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operators of the language on values. No order of evaluation is decided here: operands are values already. An entity
 * that is not there has no attributes to have, no tags, no ancestors; to read one of its attributes or tags is a fault.
 */
#include "cedar/eval/operate.h"

const struct cedar_entity *ward_cedar_world_get(struct cedar_world *w, const struct cedar_uid *uid)
{
	for (unsigned i = 0; i < WARD_ARRAY_SIZE(w->own); i++) {
		if (w->own[i] != uid)
			continue;
		if (!w->asked[i]) {
			w->found[i] = w->entities != NULL
				? ward_cedar_entities_get(w->entities, uid)
				: NULL;
			w->asked[i] = true;
		}
		return w->found[i];
	}
	/* An equal one that stands somewhere else: what the caller knows better counts there too. */
	for (unsigned i = 0; w->given && i < WARD_ARRAY_SIZE(w->own); i++) {
		if (w->own[i] != NULL && w->asked[i] && ward_cedar_uid_eq(w->own[i], uid))
			return w->found[i];
	}
	return w->entities != NULL ? ward_cedar_entities_get(w->entities, uid) : NULL;
}

void ward_cedar_world_init(struct cedar_world *w, const struct cedar_entities *e,
	const struct cedar_request *r)
{
	*w = (struct cedar_world){ .entities = e };
	if (r == NULL)
		return;
	w->own[0] = r->principal;
	w->own[1] = r->action;
	w->own[2] = r->resource;
	for (unsigned i = 0; i < WARD_ARRAY_SIZE(w->own); i++) {
		w->found[i] = r->own[i];
		w->asked[i] = r->own[i] != NULL;
		w->given = w->given || w->asked[i];
	}
}

bool ward_cedar_world_in(struct cedar_world *w, const struct cedar_uid *a,
	const struct cedar_uid *b)
{
	const struct cedar_entity *e;

	if (ward_cedar_uid_eq(a, b))
		return true;
	e = ward_cedar_world_get(w, a);
	return e != NULL && ward_cedar_entity_in(e, b);
}

bool ward_cedar_wrong_type(struct cedar_fault *f, unsigned want, const struct cedar_value *v)
{
	*f = (struct cedar_fault){
		.kind = CEDAR_FAULT_TYPE,
		.want = (uint16_t)want,
		.value = *v,
	};
	return false;
}

bool ward_cedar_no_value(struct cedar_fault *f, enum cedar_fault_kind kind)
{
	*f = (struct cedar_fault){ .kind = (uint8_t)kind };
	return false;
}

bool ward_cedar_no_slot(struct cedar_fault *f, unsigned slot)
{
	*f = (struct cedar_fault){ .kind = CEDAR_FAULT_SLOT, .op = (uint8_t)slot };
	return false;
}

const struct cedar_str *ward_cedar_unknown_name(const struct cedar_expr *x)
{
	if (x->kind == CEDAR_X_UNKNOWN)
		return x->str;
	return x->kind == CEDAR_X_CALL && x->n > 0 && x->v[0]->kind == CEDAR_X_STRING ? x->v[0]->str
										      : NULL;
}

bool ward_cedar_unknown(struct cedar_fault *f, const struct cedar_str *name)
{
	*f = (struct cedar_fault){ .kind = CEDAR_FAULT_UNKNOWN, .name = name };
	return false;
}

bool ward_cedar_as_bool(const struct cedar_value *v, bool *ret, struct cedar_fault *f)
{
	if (v->tag != CEDAR_V_BOOL)
		return ward_cedar_wrong_type(f, BIT(BOOL), v);
	*ret = v->truth;
	return true;
}

static bool overflow(struct cedar_fault *f, enum cedar_expr_kind op, const struct cedar_value *a,
	const struct cedar_value *b)
{
	*f = (struct cedar_fault){
		.kind = CEDAR_FAULT_OVERFLOW,
		.op = (uint8_t)op,
		.value = *a,
		.value2 = *b,
	};
	return false;
}

bool ward_cedar_apply_unary(enum cedar_expr_kind op, const struct cedar_value *a,
	struct cedar_value *ret, struct cedar_fault *f)
{
	struct cedar_value v = *a;

	switch (op) {
	case CEDAR_X_NOT:
		if (v.tag != CEDAR_V_BOOL)
			return ward_cedar_wrong_type(f, BIT(BOOL), a);
		*ret = ward_cedar_truth(!v.truth);
		return true;
	case CEDAR_X_NEG:
		if (v.tag != CEDAR_V_LONG)
			return ward_cedar_wrong_type(f, BIT(LONG), a);
		if (__builtin_sub_overflow((int64_t)0, a->number, &v.number))
			return overflow(f, op, a, &(struct cedar_value){ 0 });
		*ret = v;
		return true;
	default:
		if (v.tag != CEDAR_V_SET)
			return ward_cedar_wrong_type(f, BIT(SET), a);
		*ret = ward_cedar_truth(v.set->n == 0);
		return true;
	}
}

/* Long with Long, datetime with datetime, duration with duration. */
static bool order(enum cedar_expr_kind op, const struct cedar_value *a, const struct cedar_value *b,
	struct cedar_value *ret, struct cedar_fault *f)
{
	const unsigned ordered = BIT(LONG) | BIT(DATETIME) | BIT(DURATION);
	bool truth;

	if (a->tag != b->tag || !(ordered & 1u << a->tag)) {
		if (a->tag == CEDAR_V_LONG)
			return ward_cedar_wrong_type(f, BIT(LONG), b);
		if (b->tag == CEDAR_V_LONG)
			return ward_cedar_wrong_type(f, BIT(LONG), a);
		if (ordered & 1u << a->tag)
			return ward_cedar_wrong_type(f, 1u << a->tag, b);
		if (ordered & 1u << b->tag)
			return ward_cedar_wrong_type(f, 1u << b->tag, a);
		return ward_cedar_wrong_type(f, ordered, a);
	}
	switch (op) {
	case CEDAR_X_LT: truth = a->number < b->number; break;
	case CEDAR_X_LE: truth = a->number <= b->number; break;
	case CEDAR_X_GT: truth = a->number > b->number; break;
	default: truth = a->number >= b->number; break;
	}
	*ret = ward_cedar_truth(truth);
	return true;
}

static bool arithmetic(enum cedar_expr_kind op, const struct cedar_value *a,
	const struct cedar_value *b, struct cedar_value *ret, struct cedar_fault *f)
{
	struct cedar_value v = { .tag = CEDAR_V_LONG };
	bool over;

	if (a->tag != CEDAR_V_LONG)
		return ward_cedar_wrong_type(f, BIT(LONG), a);
	if (b->tag != CEDAR_V_LONG)
		return ward_cedar_wrong_type(f, BIT(LONG), b);
	switch (op) {
	case CEDAR_X_ADD: over = __builtin_add_overflow(a->number, b->number, &v.number); break;
	case CEDAR_X_SUB: over = __builtin_sub_overflow(a->number, b->number, &v.number); break;
	default: over = __builtin_mul_overflow(a->number, b->number, &v.number); break;
	}
	if (over)
		return overflow(f, op, a, b);
	*ret = v;
	return true;
}

/* The first element, in the order in which values are shown, that is no entity; NULL: all are. */
static const struct cedar_value *no_entity(const struct cedar_set *s)
{
	const struct cedar_value *first = NULL;

	for (uint32_t i = 0; i < s->n; i++) {
		if (s->v[i].tag != CEDAR_V_ENTITY &&
			(first == NULL || ward_cedar_value_cmp(&s->v[i], first) < 0))
			first = &s->v[i];
	}
	return first;
}

/*
 * Lists of policies may have tens of thousands of names, and an entity has few ancestors: look from the side that is
 * shorter. Both find an element in some steps, whatever they hold.
 */
static bool in_any(struct cedar_world *w, const struct cedar_value *a, const struct cedar_set *s)
{
	const struct cedar_entity *e;
	bool found = ward_cedar_set_has(s, a);

	if (found)
		return true;
	e = ward_cedar_world_get(w, a->uid);
	if (e == NULL)
		return false;
	if (e->n_ancestors < s->n) {
		for (uint32_t i = 0; !found && i < e->n_ancestors; i++)
			found = ward_cedar_set_has(s,
				&(struct cedar_value){
					.tag = CEDAR_V_ENTITY,
					.uid = e->ancestors[i],
				});
	} else {
		for (uint32_t i = 0; !found && i < s->n; i++)
			found = ward_cedar_entity_in(e, s->v[i].uid);
	}
	return found;
}

/* Every element of a set must be an entity, also behind one that settles it. */
static bool in(struct cedar_world *w, const struct cedar_value *a, const struct cedar_value *b,
	struct cedar_value *ret, struct cedar_fault *f)
{
	if (a->tag != CEDAR_V_ENTITY)
		return ward_cedar_wrong_type(f, BIT(ENTITY), a);
	if (b->tag == CEDAR_V_ENTITY) {
		*ret = ward_cedar_truth(ward_cedar_world_in(w, a->uid, b->uid));
		return true;
	}
	if (b->tag != CEDAR_V_SET)
		return ward_cedar_wrong_type(f, BIT(SET) | BIT(ENTITY), b);
	if (!b->set->entities)
		return ward_cedar_wrong_type(f, BIT(ENTITY), no_entity(b->set));
	*ret = ward_cedar_truth(in_any(w, a, b->set));
	return true;
}

static bool sets(enum cedar_expr_kind op, const struct cedar_value *a, const struct cedar_value *b,
	struct cedar_value *ret, struct cedar_fault *f)
{
	const struct cedar_set *s = a->set, *t = b->set;
	bool truth;

	if (a->tag != CEDAR_V_SET)
		return ward_cedar_wrong_type(f, BIT(SET), a);
	if (op == CEDAR_X_CONTAINS) {
		*ret = ward_cedar_truth(ward_cedar_set_has(s, b));
		return true;
	}
	if (b->tag != CEDAR_V_SET)
		return ward_cedar_wrong_type(f, BIT(SET), b);
	if (op == CEDAR_X_CONTAINS_ALL) {
		truth = t->n <= s->n;
		for (uint32_t i = 0; truth && i < t->n; i++)
			truth = ward_cedar_set_has(s, &t->v[i]);
	} else {
		if (s->n < t->n) {
			s = b->set;
			t = a->set;
		}
		truth = false;
		for (uint32_t i = 0; !truth && i < t->n; i++)
			truth = ward_cedar_set_has(s, &t->v[i]);
	}
	*ret = ward_cedar_truth(truth);
	return true;
}

/* e, which uid names, or NULL, has no such attribute or tag. What it has is for the help. */
static bool missing(struct cedar_fault *f, enum cedar_fault_kind kind, const struct cedar_entity *e,
	const struct cedar_uid *uid, const struct cedar_str *name)
{
	bool attr = kind == CEDAR_FAULT_ATTR;

	*f = (struct cedar_fault){ .kind = (uint8_t)kind, .uid = uid, .name = name };
	if (e == NULL) {
		f->kind = CEDAR_FAULT_ENTITY;
		return false;
	}
	f->value = (struct cedar_value){
		.tag = CEDAR_V_RECORD,
		.record = attr ? e->attrs : e->tags,
	};
	f->value2 = (struct cedar_value){
		.tag = CEDAR_V_RECORD,
		.record = attr ? e->tags : e->attrs,
	};
	return false;
}

static bool tag(struct cedar_world *w, enum cedar_expr_kind op, const struct cedar_value *a,
	const struct cedar_value *b, struct cedar_value *ret, struct cedar_fault *f)
{
	const struct cedar_value *v = NULL;
	const struct cedar_entity *e;

	if (a->tag != CEDAR_V_ENTITY)
		return ward_cedar_wrong_type(f, BIT(ENTITY), a);
	if (b->tag != CEDAR_V_STRING)
		return ward_cedar_wrong_type(f, BIT(STRING), b);
	e = ward_cedar_world_get(w, a->uid);
	if (e != NULL)
		v = ward_cedar_record_get(e->tags, b->str);
	if (op == CEDAR_X_HAS_TAG) {
		*ret = ward_cedar_truth(v != NULL);
		return true;
	}
	if (v == NULL)
		return missing(f, CEDAR_FAULT_TAG, e, a->uid, b->str);
	*ret = *v;
	return true;
}

bool ward_cedar_apply_binary(struct cedar_world *w, enum cedar_expr_kind op,
	const struct cedar_value *a, const struct cedar_value *b, struct cedar_value *ret,
	struct cedar_fault *f)
{
	switch (op) {
	case CEDAR_X_EQ: *ret = ward_cedar_truth(ward_cedar_value_eq(a, b)); return true;
	case CEDAR_X_NE: *ret = ward_cedar_truth(!ward_cedar_value_eq(a, b)); return true;
	case CEDAR_X_LT:
	case CEDAR_X_LE:
	case CEDAR_X_GT:
	case CEDAR_X_GE: return order(op, a, b, ret, f);
	case CEDAR_X_IN: return in(w, a, b, ret, f);
	case CEDAR_X_ADD:
	case CEDAR_X_SUB:
	case CEDAR_X_MUL: return arithmetic(op, a, b, ret, f);
	case CEDAR_X_CONTAINS:
	case CEDAR_X_CONTAINS_ALL:
	case CEDAR_X_CONTAINS_ANY: return sets(op, a, b, ret, f);
	default: return tag(w, op, a, b, ret, f);
	}
}

bool ward_cedar_has(struct cedar_world *w, const struct cedar_value *a,
	const struct cedar_str *name, const struct cedar_value **ret, struct cedar_fault *f)
{
	const struct cedar_entity *e;

	if (a->tag == CEDAR_V_RECORD) {
		*ret = ward_cedar_record_get(a->record, name);
		return true;
	}
	if (a->tag != CEDAR_V_ENTITY)
		return ward_cedar_wrong_type(f, BIT(RECORD) | BIT(ENTITY), a);
	e = ward_cedar_world_get(w, a->uid);
	*ret = e != NULL ? ward_cedar_record_get(e->attrs, name) : NULL;
	return true;
}

bool ward_cedar_attr(struct cedar_world *w, const struct cedar_value *a,
	const struct cedar_str *name, struct cedar_value *ret, struct cedar_fault *f)
{
	const struct cedar_value *v;

	if (!ward_cedar_has(w, a, name, &v, f))
		return false;
	if (v != NULL) {
		*ret = *v;
		return true;
	}
	if (a->tag == CEDAR_V_ENTITY)
		return missing(f, CEDAR_FAULT_ATTR, ward_cedar_world_get(w, a->uid), a->uid, name);
	*f = (struct cedar_fault){ .kind = CEDAR_FAULT_ATTR, .name = name, .value = *a };
	return false;
}

bool ward_cedar_is(const struct cedar_value *a, const struct cedar_str *type, bool *ret,
	struct cedar_fault *f)
{
	if (a->tag != CEDAR_V_ENTITY)
		return ward_cedar_wrong_type(f, BIT(ENTITY), a);
	*ret = ward_cedar_str_eq(a->uid->type, type);
	return true;
}

bool ward_cedar_is_like(const struct cedar_value *a, const struct cedar_str *pattern, bool *ret,
	struct cedar_fault *f)
{
	if (a->tag != CEDAR_V_STRING)
		return ward_cedar_wrong_type(f, BIT(STRING), a);
	*ret = ward_cedar_like(ward_cedar_text(a->str), pattern);
	return true;
}

/* ---- literals of sets and records ---- */

static bool less(const struct cedar_expr *x, uint32_t a, uint32_t b)
{
	return ward_cedar_str_cmp(x->fields[a].name, x->fields[b].name) < 0;
}

static void sift(const struct cedar_expr *x, uint32_t *v, size_t i, size_t n)
{
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		uint32_t swap = v[i];

		if (child + 1 < n && less(x, v[child], v[child + 1]))
			child++;
		if (!less(x, v[i], v[child]))
			break;
		v[i] = v[child];
		v[child] = swap;
	}
}

/* By a heap: in place, and without a worst case that a file could be made for. */
void ward_cedar_field_order(const struct cedar_expr *record, uint32_t *order)
{
	size_t n = record->n;

	for (uint32_t i = 0; i < record->n; i++)
		order[i] = i;
	for (size_t i = n / 2; i-- > 0;)
		sift(record, order, i, n);
	while (n-- > 1) {
		uint32_t last = order[n];

		order[n] = order[0];
		order[0] = last;
		sift(record, order, 0, n);
	}
}

bool ward_cedar_make_set(struct ward_arena *a, struct cedar_value *v, size_t n,
	struct cedar_value *ret, struct cedar_fault *f)
{
	const struct cedar_set *s = ward_cedar_set_new(a, v, n);

	if (s == NULL)
		return ward_cedar_no_value(f, CEDAR_FAULT_MEMORY);
	*ret = (struct cedar_value){ .tag = CEDAR_V_SET, .set = s };
	return true;
}

/* Names are distinct: the parsers have seen to it. Were they not, there would be no decision. */
bool ward_cedar_make_record(struct ward_arena *a, struct cedar_member *v, size_t n,
	struct cedar_value *ret, struct cedar_fault *f)
{
	const struct cedar_record *r = ward_cedar_record_new(a, v, n, NULL);

	if (r == NULL)
		return ward_cedar_no_value(f, CEDAR_FAULT_MEMORY);
	*ret = (struct cedar_value){ .tag = CEDAR_V_RECORD, .record = r };
	return true;
}
