/* SPDX-License-Identifier: Apache-2.0 */
/* Values as expressions: literals, sets, records, and calls of constructors. Sets are in the order of output. */
#include "cedar/value/print.h"

static const struct cedar_expr *text_call(struct cedar_pool *p, enum cedar_fn fn, const char *s,
	size_t n)
{
	struct cedar_expr *call = ward_cedar_expr_new(p, CEDAR_X_CALL, NULL);
	struct cedar_expr *arg = ward_cedar_expr_new(p, CEDAR_X_STRING, NULL);
	const struct cedar_expr **v = ward_arena_alloc(ward_cedar_pool_arena(p), sizeof(*v));

	if (call == NULL || arg == NULL || v == NULL)
		return NULL;
	arg->str = ward_cedar_intern(p, s, n);
	v[0] = arg;
	call->aux = (uint8_t)fn;
	call->n = 1;
	call->v = v;
	return arg->str != NULL ? call : NULL;
}

static const struct cedar_expr *ext_expr(struct cedar_pool *p, const struct cedar_value *v)
{
	static const uint8_t fns[CEDAR_V_MAX] = { [CEDAR_V_DECIMAL] = CEDAR_FN_DECIMAL,
		[CEDAR_V_IP] = CEDAR_FN_IP,
		[CEDAR_V_DATETIME] = CEDAR_FN_DATETIME,
		[CEDAR_V_DURATION] = CEDAR_FN_DURATION };
	bool moment = v->tag == CEDAR_V_DATETIME && v->text == NULL;
	struct ward_buf text = WARD_BUF_INIT;
	const struct cedar_expr *call;
	const struct cedar_expr **args;
	struct cedar_expr *offset;

	ward_cedar_ext_argument(&text, v);
	call = text.failed ? NULL
			   : text_call(p, moment ? CEDAR_FN_DURATION : (enum cedar_fn)fns[v->tag],
				     ward_buf_cstr(&text), text.n);
	ward_buf_done(&text);
	if (!moment || call == NULL)
		return call;
	offset = ward_cedar_expr_new(p, CEDAR_X_CALL, NULL);
	args = ward_arena_alloc(ward_cedar_pool_arena(p), 2 * sizeof(*args));
	if (offset == NULL || args == NULL)
		return NULL;
	args[0] = text_call(p, CEDAR_FN_DATETIME, "1970-01-01", 10);
	args[1] = call;
	offset->aux = CEDAR_FN_OFFSET;
	offset->n = 2;
	offset->v = args;
	return args[0] != NULL ? offset : NULL;
}

static const struct cedar_expr *expr(struct cedar_pool *p, const struct cedar_value *v);

static const struct cedar_expr *set_expr(struct cedar_pool *p, const struct cedar_set *s)
{
	struct cedar_expr *x = ward_cedar_expr_new(p, CEDAR_X_SET, NULL);
	const struct cedar_expr **v = ward_arena_alloc(ward_cedar_pool_arena(p), s->n * sizeof(*v));

	if (x == NULL || v == NULL)
		return NULL;
	for (uint32_t i = 0; i < s->n; i++) {
		v[i] = expr(p, &s->v[i]);
		if (v[i] == NULL)
			return NULL;
	}
	x->n = s->n;
	x->v = v;
	return x;
}

static const struct cedar_expr *record_expr(struct cedar_pool *p, const struct cedar_record *r)
{
	struct cedar_expr *x = ward_cedar_expr_new(p, CEDAR_X_RECORD, NULL);
	struct cedar_field *v = ward_arena_alloc(ward_cedar_pool_arena(p), r->n * sizeof(*v));

	if (x == NULL || v == NULL)
		return NULL;
	for (uint32_t i = 0; i < r->n; i++) {
		v[i].name = ward_cedar_intern(p, r->v[i].name->s, r->v[i].name->n);
		v[i].x = expr(p, &r->v[i].value);
		if (v[i].name == NULL || v[i].x == NULL)
			return NULL;
		v[i].quoted = !ward_cedar_is_ident(ward_cedar_text(v[i].name));
	}
	x->n = r->n;
	x->fields = v;
	return x;
}

static const struct cedar_expr *leaf_expr(struct cedar_pool *p, const struct cedar_value *v)
{
	static const uint8_t kinds[CEDAR_V_MAX] = { [CEDAR_V_BOOL] = CEDAR_X_BOOL,
		[CEDAR_V_LONG] = CEDAR_X_LONG,
		[CEDAR_V_STRING] = CEDAR_X_STRING,
		[CEDAR_V_ENTITY] = CEDAR_X_ENTITY };
	struct cedar_expr *x = ward_cedar_expr_new(p, (enum cedar_expr_kind)kinds[v->tag], NULL);

	if (x == NULL)
		return NULL;
	if (v->tag == CEDAR_V_BOOL) {
		x->truth = v->truth;
	} else if (v->tag == CEDAR_V_LONG) {
		x->number = v->number;
	} else if (v->tag == CEDAR_V_STRING) {
		x->str = ward_cedar_intern(p, v->str->s, v->str->n);
		return x->str != NULL ? x : NULL;
	} else {
		x->uid = ward_cedar_adopt_uid(p, v->uid);
		return x->uid != NULL ? x : NULL;
	}
	return x;
}

static const struct cedar_expr *expr(struct cedar_pool *p, const struct cedar_value *v)
{
	switch ((enum cedar_tag)v->tag) {
	case CEDAR_V_BOOL:
	case CEDAR_V_LONG:
	case CEDAR_V_STRING:
	case CEDAR_V_ENTITY: return leaf_expr(p, v);
	case CEDAR_V_SET: return set_expr(p, v->set);
	case CEDAR_V_RECORD: return record_expr(p, v->record);
	case CEDAR_V_DECIMAL:
	case CEDAR_V_IP:
	case CEDAR_V_DATETIME:
	case CEDAR_V_DURATION: return ext_expr(p, v);
	case CEDAR_V_NONE:
	case CEDAR_V_MAX: break;
	}
	return NULL;
}

const struct cedar_expr *ward_cedar_value_expr(struct cedar_pool *p, const struct cedar_value *v)
{
	const struct cedar_expr *x = NULL;
	struct ward_arena *arena;
	struct cedar_value ordered;

	if (!ward_cedar_value_has_set(v))
		return expr(p, v);
	arena = ward_arena_new(WARD_CEDAR_BYTES_MAX);
	if (arena != NULL && ward_cedar_value_order(arena, v, &ordered) == WARD_OK)
		x = expr(p, &ordered);
	ward_arena_free(arena);
	return x;
}
