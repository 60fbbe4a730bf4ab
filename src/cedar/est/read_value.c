/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"Value": ...}: any entity-JSON, read as the nodes that it means and marked, so that it is printed as it was. What looks
 * like an escape but is not one exactly is a record, as it is to the language's own tools.
 */
#include "cedar/est/read.h"

struct cedar_expr *ward_cedar_est_new(struct cedar_est_reader *r, enum cedar_expr_kind kind,
	const struct ward_json *j)
{
	struct cedar_expr *x = ward_cedar_expr_new(r->pool, kind, NULL);

	if (x == NULL) {
		(void)ward_cedar_est_no_memory(r);
		return NULL;
	}
	x->start = j->start;
	x->end = j->end;
	return x;
}

int ward_cedar_est_children(struct cedar_est_reader *r, const struct ward_json *j,
	int (*f)(struct cedar_est_reader *r, const struct ward_json *j,
		const struct cedar_expr **ret),
	const struct cedar_expr *const **ret)
{
	const struct cedar_expr **v;
	size_t i = 0;

	*ret = NULL;
	if (j->count == 0)
		return WARD_OK;
	v = ward_arena_alloc(r->arena, j->count * sizeof(*v));
	if (v == NULL)
		return ward_cedar_est_no_memory(r);
	for (const struct ward_json *m = j->child; m != NULL; m = m->next) {
		int code = f(r, m, &v[i++]);

		if (code != WARD_OK)
			return code;
	}
	*ret = v;
	return WARD_OK;
}

int ward_cedar_est_fields(struct cedar_est_reader *r, const struct ward_json *j,
	int (*f)(struct cedar_est_reader *r, const struct ward_json *j,
		const struct cedar_expr **ret),
	const struct cedar_field **ret)
{
	struct cedar_field *v;
	size_t i = 0;

	*ret = NULL;
	if (j->count == 0)
		return WARD_OK;
	v = ward_arena_alloc(r->arena, j->count * sizeof(*v));
	if (v == NULL)
		return ward_cedar_est_no_memory(r);
	for (const struct ward_json *m = j->child; m != NULL; m = m->next, i++) {
		int code = f(r, m, &v[i].x);

		if (code != WARD_OK)
			return code;
		v[i].name = ward_cedar_est_intern(r, m->key);
		if (v[i].name == NULL)
			return WARD_E_NOMEM;
		v[i].quoted = !ward_cedar_is_ident(m->key);
	}
	*ret = v;
	return WARD_OK;
}

enum cedar_fn ward_cedar_est_function(const struct cedar_est_reader *r, struct ward_str name)
{
	enum cedar_fn fn = ward_cedar_function(name);

	return fn == CEDAR_FN_UNKNOWN && !r->unknowns ? CEDAR_FN_NONE : fn;
}

static int set(struct cedar_est_reader *r, const struct ward_json *j, const struct cedar_expr **ret)
{
	struct cedar_expr *x = ward_cedar_est_new(r, CEDAR_X_SET, j);
	int code;

	if (x == NULL)
		return WARD_E_NOMEM;
	code = ward_cedar_est_children(r, j, ward_cedar_est_value, &x->v);
	x->n = (uint32_t)j->count;
	x->flags = CEDAR_AS_VALUE;
	*ret = x;
	return code;
}

static int record(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_expr **ret)
{
	struct cedar_expr *x = ward_cedar_est_new(r, CEDAR_X_RECORD, j);
	int code;

	if (x == NULL)
		return WARD_E_NOMEM;
	code = ward_cedar_est_fields(r, j, ward_cedar_est_value, &x->fields);
	x->n = (uint32_t)j->count;
	x->flags = CEDAR_AS_VALUE;
	*ret = x;
	return code;
}

static int call(struct cedar_est_reader *r, const struct ward_json *j, const struct ward_json *fn,
	const struct ward_json *arg, const struct ward_json *args, const struct cedar_expr **ret)
{
	struct cedar_expr *x = ward_cedar_est_new(r, CEDAR_X_CALL, j);
	const struct cedar_expr **v;
	int code;

	if (x == NULL)
		return WARD_E_NOMEM;
	x->aux = (uint8_t)ward_cedar_est_function(r, fn->str);
	x->flags = CEDAR_AS_VALUE;
	if (x->aux == CEDAR_FN_NONE)
		return ward_cedar_est_fail(r, fn, "invalid extension function: `%.*s`",
			ward_cedar_est_shown(fn->str), fn->str.s);
	*ret = x;
	if (arg == NULL) {
		x->n = (uint32_t)args->count;
		return ward_cedar_est_children(r, args, ward_cedar_est_value, &x->v);
	}
	v = ward_arena_alloc(r->arena, sizeof(*v));
	if (v == NULL)
		return ward_cedar_est_no_memory(r);
	code = ward_cedar_est_value(r, arg, &v[0]);
	x->n = 1;
	x->v = v;
	return code;
}

static int entity(struct cedar_est_reader *r, const struct ward_json *j,
	const struct ward_json *inner, const struct cedar_expr **ret)
{
	struct cedar_expr *x = ward_cedar_est_new(r, CEDAR_X_ENTITY, j);

	*ret = x;
	return x != NULL ? ward_cedar_est_typed(r, inner, &x->uid) : WARD_E_NOMEM;
}

static bool is_key(const struct ward_json *j, const char *key, enum ward_json_type type)
{
	return j->type == type && ward_str_eq(j->key, ward_str(key));
}

static int scalar(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_expr **ret);

static int object(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_expr **ret)
{
	const struct ward_json *m = j->count == 1 ? j->child : NULL, *stray;

	if (m != NULL && is_key(m, "__entity", WARD_JSON_OBJECT) && ward_cedar_est_is_uid(m)) {
		stray = ward_cedar_json_stray_real(m);
		return stray != NULL ? scalar(r, stray, ret) : entity(r, j, m, ret);
	}
	if (m != NULL && is_key(m, "__extn", WARD_JSON_OBJECT)) {
		const struct ward_json *fn = ward_json_get(m, "fn"), *arg = ward_json_get(m, "arg"),
				       *args = ward_json_get(m, "args");

		if (args != NULL && args->type != WARD_JSON_ARRAY)
			args = NULL;
		stray = ward_cedar_json_stray_real(m);
		if (fn != NULL && fn->type == WARD_JSON_STRING && (arg != NULL || args != NULL))
			return stray != NULL ? scalar(r, stray, ret)
					     : call(r, j, fn, arg, args, ret);
	}
	if (m != NULL && is_key(m, "__expr", WARD_JSON_STRING))
		return ward_cedar_est_no_expr(r, j);
	return record(r, j, ret);
}

static int scalar(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_expr **ret)
{
	struct cedar_expr *x;

	if (j->type == WARD_JSON_NULL)
		return ward_cedar_est_fail(r, j,
			"found a `null`; JSON `null`s are not allowed in Cedar");
	if (j->type == WARD_JSON_REAL) {
		int code = ward_cedar_est_fail(r, j, "found a number that is no integer");

		ward_cedar_diag_help(r->diags,
			"numbers are integers of 64 bits; write decimals as {\"__extn\": {\"fn\": "
			"\"decimal\", \"arg\": \"1.5\"}}");
		return code;
	}
	x = ward_cedar_est_new(r,
		j->type == WARD_JSON_BOOL          ? CEDAR_X_BOOL
			: j->type == WARD_JSON_INT ? CEDAR_X_LONG
						   : CEDAR_X_STRING,
		j);
	if (x == NULL)
		return WARD_E_NOMEM;
	*ret = x;
	if (j->type == WARD_JSON_STRING)
		return ward_cedar_est_text(r, j, &x->str);
	if (j->type == WARD_JSON_BOOL)
		x->truth = j->b;
	else
		x->number = j->i;
	return WARD_OK;
}

int ward_cedar_est_value(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_expr **ret)
{
	int code;

	if (j->type != WARD_JSON_ARRAY && j->type != WARD_JSON_OBJECT)
		return scalar(r, j, ret);
	if (r->level >= WARD_CEDAR_DEPTH_MAX)
		return ward_cedar_est_too_deep(r, j);
	r->level++;
	code = j->type == WARD_JSON_ARRAY ? set(r, j, ret) : object(r, j, ret);
	r->level--;
	return code;
}
