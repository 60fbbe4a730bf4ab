/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions by themselves: checked, translated, evaluated.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/api/api.h"

static int parse(struct cedar_pool *pool, struct ward_str text, const struct cedar_expr **ret,
	struct cedar_diags *d)
{
	struct cedar_parse_options o = { 0 };

	return pool != NULL ? ward_cedar_parse_expr(pool, text, &o, ret, d) : WARD_E_NOMEM;
}

int ward_policy_expression_json(const char *file, const char *text, size_t n, char **ret,
	size_t *ret_n, struct ward_policy_diags *d)
{
	WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *pool = ward_cedar_pool_new(0);
	struct ward_str t = ward_text_of(text, n);
	const struct cedar_expr *x = NULL;
	struct ward_buf b = GIVE_BUF;
	struct cedar_diags found;
	int r = ward_check_size(d, n, WARD_CEDAR_TEXT_MAX);

	if (r < 0)
		return r;
	r = ward_cedar_diags_init(&found);
	if (r == WARD_OK)
		r = parse(pool, t, &x, &found);
	if (r == WARD_OK && ret != NULL)
		ward_cedar_expr_json(&b, x);
	r = ward_diags_move(d, &found, &(struct origin){ file, t, NULL }, r);
	return ret != NULL ? ward_give_after(d, r, &b, ret, ret_n) : r;
}

int ward_policy_expression_check(const char *file, const char *text, size_t n,
	struct ward_policy_diags *d)
{
	return ward_policy_expression_json(file, text, n, NULL, NULL, d);
}

static void show(struct ward_buf *out, const struct cedar_value *v);

static int by_value(const void *a, const void *b)
{
	return ward_cedar_value_cmp(a, b);
}

/* In an order that depends on them alone. */
static void show_elements(struct ward_buf *out, const struct cedar_set *s)
{
	struct cedar_value *v = s->n > 0 ? malloc(s->n * sizeof(*v)) : NULL;

	if (v == NULL) {
		out->failed = out->failed || s->n > 0;
		return;
	}
	memcpy(v, s->v, s->n * sizeof(*v));
	qsort(v, s->n, sizeof(*v), by_value);
	for (uint32_t i = 0; i < s->n; i++) {
		ward_buf_adds(out, i > 0 ? ", " : "");
		show(out, &v[i]);
	}
	free(v);
}

/* As the official command shows results: the names in records are always quoted. */
static void show(struct ward_buf *out, const struct cedar_value *v)
{
	uint32_t n = v->tag == CEDAR_V_RECORD ? v->record->n : 0;

	if (v->tag != CEDAR_V_RECORD && v->tag != CEDAR_V_SET) {
		ward_cedar_value_print(out, v);
		return;
	}
	ward_buf_addc(out, v->tag == CEDAR_V_SET ? '[' : '{');
	for (uint32_t i = 0; i < n; i++) {
		ward_buf_adds(out, i > 0 ? ", " : "");
		ward_cedar_quote(out, ward_cedar_text(v->record->v[i].name));
		ward_buf_adds(out, ": ");
		show(out, &v->record->v[i].value);
	}
	if (v->tag == CEDAR_V_SET)
		show_elements(out, v->set);
	ward_buf_addc(out, v->tag == CEDAR_V_SET ? ']' : '}');
}

static int fault(struct cedar_diags *d, const struct cedar_fault *f)
{
	struct ward_buf b = WARD_BUF_INIT;
	int r = WARD_E_NOMEM;

	if (f->kind == CEDAR_FAULT_MEMORY)
		return r;
	ward_cedar_fault_print(&b, f);
	if (!b.failed)
		r = ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "%s", ward_buf_cstr(&b));
	ward_buf_clear(&b);
	ward_cedar_fault_help(&b, f);
	if (b.n > 0)
		ward_cedar_diag_help(d, "%s", ward_buf_cstr(&b));
	ward_buf_done(&b);
	return r;
}

static int evaluate(struct cedar_pool *pool, struct ward_str text, const struct cedar_entities *e,
	const struct cedar_request *request, enum ward_policy_syntax syntax, struct ward_buf *out,
	struct cedar_diags *d)
{
	WARD_CLEANUP(ward_cedar_entities_unrefp) struct cedar_entities *none = NULL;
	const struct cedar_request nothing = { 0 };
	const struct cedar_expr *x = NULL;
	struct cedar_fault f = { 0 };
	struct cedar_value v = { 0 };
	struct cedar_env env = { .request = request != NULL ? request : &nothing };
	int r = parse(pool, text, &x, d);

	if (r == WARD_OK && e == NULL) {
		none = ward_cedar_entities_new();
		r = none != NULL ? ward_cedar_entities_finish(none, d) : WARD_E_NOMEM;
	}
	if (r < 0)
		return r;
	env.entities = e != NULL ? e : none;
	env.arena = ward_cedar_pool_arena(pool);
	if (!ward_cedar_interpret(&env, x, &v, &f))
		return fault(d, &f);
	if (syntax == WARD_POLICY_CEDAR)
		show(out, &v);
	else
		ward_cedar_value_json(out, &v);
	return WARD_OK;
}

/* NOLINTNEXTLINE(readability-function-size): a text, its world, a result and findings */
int ward_policy_evaluate(const char *file, const char *text, size_t n,
	const struct ward_policy_entities *entities, const struct ward_policy_request *request,
	enum ward_policy_syntax syntax, char **ret, size_t *ret_n, struct ward_policy_diags *d)
{
	WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *pool = ward_cedar_pool_new(0);
	struct ward_str t = ward_text_of(text, n);
	struct ward_buf b = GIVE_BUF;
	struct cedar_diags found;
	int r = ward_check_size(d, n, WARD_CEDAR_TEXT_MAX);

	if (r < 0)
		return r;
	r = ward_cedar_diags_init(&found);
	if (r == WARD_OK)
		r = evaluate(pool, t, entities != NULL ? ward_entities_of(entities) : NULL,
			request != NULL ? &request->r : NULL, syntax, &b, &found);
	r = ward_diags_move(d, &found, &(struct origin){ file, t, NULL }, r);
	return ward_give_after(d, r, &b, ret, ret_n);
}
