/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions: an object with one member, whose name says what it is. Chains of && and of || become one node, however long,
 * without recursion; all else recurses, at most WARD_CEDAR_DEPTH_MAX deep.
 */
#include <string.h>

#include "cedar/est/read.h"

/* Operators with left and right, or with arg, are read alike; the others have functions of their own. */
static enum cedar_expr_kind operator_of(struct ward_str name)
{
	for (int i = 0; i < CEDAR_X_KIND_MAX; i++) {
		const char *s = ward_cedar_est_names[i];

		if (s != NULL && strlen(s) == name.n && memcmp(s, name.s, name.n) == 0)
			return (enum cedar_expr_kind)i;
	}
	return CEDAR_X_NONE;
}

/* ---- && and || ---- */

static bool is_chain(const struct ward_json *j, enum cedar_expr_kind kind)
{
	return j->type == WARD_JSON_OBJECT && j->count == 1 &&
		ward_str_eq(j->child->key, ward_str(ward_cedar_est_names[kind]));
}

static int sides(struct cedar_est_reader *r, const struct ward_json *j,
	const struct ward_json **left, const struct ward_json **right)
{
	struct cedar_est_field f[] = { { .name = "left" }, { .name = "right" } };
	int code = ward_cedar_est_object(r, j, f, 2, false);

	*left = f[0].j;
	*right = f[1].j;
	return code;
}

/* j is the whole object. */
static int chain(struct cedar_est_reader *r, const struct ward_json *j, enum cedar_expr_kind kind,
	const struct cedar_expr **ret)
{
	struct cedar_expr *x = ward_cedar_est_new(r, kind, j);
	const struct ward_json *left, *right, *at = j;
	const struct cedar_expr **v;
	int code;

	if (x == NULL)
		return WARD_E_NOMEM;
	for (x->n = 1; is_chain(at, kind); at = left, x->n++) {
		code = sides(r, at->child, &left, &right);
		if (code != WARD_OK)
			return code;
	}
	v = ward_arena_alloc(r->arena, x->n * sizeof(*v));
	if (v == NULL)
		return ward_cedar_est_no_memory(r);
	code = ward_cedar_est_expr(r, at, &v[0]);
	at = j;
	for (uint32_t i = x->n - 1; code == WARD_OK && i > 0; i--) {
		code = sides(r, at->child, &left, &right);
		if (code == WARD_OK)
			code = ward_cedar_est_expr(r, right, &v[i]);
		at = left;
	}
	x->v = v;
	*ret = x;
	return code;
}

/* ---- operators ---- */

static int unary(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	struct cedar_est_field f[] = { { .name = "arg" } };
	int code = ward_cedar_est_object(r, j, f, 1, false);

	return code == WARD_OK ? ward_cedar_est_expr(r, f[0].j, &x->a) : code;
}

static int binary(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	const struct ward_json *left, *right;
	int code = sides(r, j, &left, &right);

	if (code == WARD_OK)
		code = ward_cedar_est_expr(r, left, &x->a);
	return code == WARD_OK ? ward_cedar_est_expr(r, right, &x->b) : code;
}

static int conditional(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	struct cedar_est_field f[] = { { .name = "if" }, { .name = "then" }, { .name = "else" } };
	const struct cedar_expr **v;
	int code = ward_cedar_est_object(r, j, f, 3, false);

	if (code != WARD_OK)
		return code;
	v = ward_arena_alloc(r->arena, 3 * sizeof(*v));
	if (v == NULL)
		return ward_cedar_est_no_memory(r);
	for (int i = 0; code == WARD_OK && i < 3; i++)
		code = ward_cedar_est_expr(r, f[i].j, &v[i]);
	x->n = 3;
	x->v = v;
	return code;
}

static int attribute(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	struct cedar_est_field f[] = { { .name = "left" }, { .name = "attr" } };
	int code = ward_cedar_est_object(r, j, f, 2, false);

	if (code == WARD_OK)
		code = ward_cedar_est_text(r, f[1].j, &x->name);
	if (code != WARD_OK)
		return code;
	if (!ward_cedar_is_ident(ward_cedar_text(x->name)))
		x->flags = CEDAR_QUOTED;
	return ward_cedar_est_expr(r, f[0].j, &x->a);
}

static int names(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	const struct ward_json *m = j->type == WARD_JSON_ARRAY ? j->child : j;
	const struct cedar_str **v;
	int code = WARD_OK;

	if (m == NULL)
		return ward_cedar_est_fail(r, j,
			"expected the name of an attribute, or a list of them, found an empty "
			"list");
	x->n = j->type == WARD_JSON_ARRAY ? (uint32_t)j->count : 1;
	v = ward_arena_alloc(r->arena, x->n * sizeof(*v));
	if (v == NULL)
		return ward_cedar_est_no_memory(r);
	for (uint32_t i = 0; code == WARD_OK && i < x->n; i++, m = m->next)
		code = ward_cedar_est_text(r, m, &v[i]);
	x->names = v;
	return code;
}

static int has(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	struct cedar_est_field f[] = { { .name = "left" }, { .name = "attr" } };
	int code = ward_cedar_est_object(r, j, f, 2, true);

	if (code == WARD_OK)
		code = names(r, f[1].j, x);
	if (code != WARD_OK)
		return code;
	if (x->n == 1 && !ward_cedar_is_ident(ward_cedar_text(x->names[0])))
		x->flags = CEDAR_QUOTED;
	return ward_cedar_est_expr(r, f[0].j, &x->a);
}

/* ---- like ---- */

/* "Wildcard" or {"Literal": TEXT}; also {"Wildcard": null}. */
static int pattern_element(struct cedar_est_reader *r, const struct ward_json *j,
	struct ward_buf *out)
{
	static const char *const words[] = { "Wildcard", "Literal" };
	struct ward_json name = *j;
	const struct ward_json *inner = NULL;
	size_t which = 0;
	int code;

	if (j->type == WARD_JSON_OBJECT) {
		if (j->count != 1)
			return ward_cedar_est_fail(r, j,
				"expected \"Wildcard\" or an object with the one member "
				"`Literal`");
		inner = j->child;
		name.type = WARD_JSON_STRING;
		name.str = inner->key;
	}
	code = ward_cedar_est_word(r, &name, words, WARD_ARRAY_SIZE(words), &which);
	if (code != WARD_OK)
		return code;
	if (which == 1 && inner != NULL && inner->type == WARD_JSON_STRING) {
		ward_buf_add(out, inner->str.s, inner->str.n);
		return WARD_OK;
	}
	if (which == 1 || (inner != NULL && inner->type != WARD_JSON_NULL))
		return ward_cedar_est_fail(r, inner != NULL ? inner : j,
			"expected {\"Literal\": TEXT} or \"Wildcard\"");
	ward_buf_addc(out, CEDAR_WILDCARD);
	return WARD_OK;
}

static int pattern(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_str **ret)
{
	struct ward_buf b = { .max = WARD_CEDAR_JSON_BYTES_MAX };
	int code = ward_cedar_est_list(r, j);

	if (code != WARD_OK)
		return code;
	for (const struct ward_json *m = j->child; code == WARD_OK && m != NULL; m = m->next)
		code = pattern_element(r, m, &b);
	if (code == WARD_OK) {
		*ret = b.failed ? NULL : ward_cedar_intern(r->pool, ward_buf_cstr(&b), b.n);
		code = *ret != NULL ? WARD_OK : ward_cedar_est_no_memory(r);
	}
	ward_buf_done(&b);
	return code;
}

static int like(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	struct cedar_est_field f[] = { { .name = "left" }, { .name = "pattern" } };
	int code = ward_cedar_est_object(r, j, f, 2, false);

	if (code == WARD_OK)
		code = pattern(r, f[1].j, &x->pattern);
	return code == WARD_OK ? ward_cedar_est_expr(r, f[0].j, &x->a) : code;
}

static int is(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	struct cedar_est_field f[] = { { .name = "left" }, { .name = "entity_type" },
		{ .name = "in", .optional = true } };
	struct cedar_is *is;
	int code = ward_cedar_est_object(r, j, f, 3, false);

	if (code != WARD_OK)
		return code;
	is = ward_arena_alloc(r->arena, sizeof(*is));
	if (is == NULL)
		return ward_cedar_est_no_memory(r);
	x->is = is;
	is->type_at = (struct cedar_span){ f[1].j->start, f[1].j->end };
	code = ward_cedar_est_type(r, f[1].j, &is->type);
	if (code == WARD_OK)
		code = ward_cedar_est_expr(r, f[0].j, &x->a);
	if (code == WARD_OK && f[2].j != NULL && f[2].j->type != WARD_JSON_NULL)
		code = ward_cedar_est_expr(r, f[2].j, &is->in);
	return code;
}

/* ---- leaves, lists and calls ---- */

static int leaf(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	bool var = x->kind == CEDAR_X_VAR;
	size_t which;
	int code = var ? ward_cedar_est_word(r, j, ward_cedar_est_vars, CEDAR_CONTEXT + 1, &which)
		       : ward_cedar_est_word(r, j, ward_cedar_est_slots, CEDAR_SLOT_MAX, &which);

	if (code != WARD_OK)
		return code;
	x->aux = (uint8_t)which;
	if (var)
		return WARD_OK;
	code = ward_cedar_est_fail(r, j, "found template slot %s in a condition",
		ward_cedar_est_slots[which]);
	ward_cedar_diag_help(r->diags, "slots are currently unsupported in conditions");
	return code;
}

static int list(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	int code = ward_cedar_est_list(r, j);

	x->n = (uint32_t)j->count;
	return code == WARD_OK ? ward_cedar_est_children(r, j, ward_cedar_est_expr, &x->v) : code;
}

static int record(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	int code = ward_cedar_est_map(r, j);

	x->n = (uint32_t)j->count;
	return code == WARD_OK ? ward_cedar_est_fields(r, j, ward_cedar_est_expr, &x->fields)
			       : code;
}

/* What no operator has the name of: a variable, a slot, or a call. */
static int other(struct cedar_est_reader *r, const struct ward_json *j, struct cedar_expr *x)
{
	const struct ward_json *m = j->child;
	enum cedar_fn fn;
	int code;

	if (ward_str_eq(m->key, WARD_STR("Var")) || ward_str_eq(m->key, WARD_STR("Slot"))) {
		x->kind = m->key.n == 3 ? CEDAR_X_VAR : CEDAR_X_SLOT;
		return leaf(r, m, x);
	}
	fn = ward_cedar_est_function(r, m->key);
	if (fn != CEDAR_FN_NONE) {
		x->kind = CEDAR_X_CALL;
		x->aux = (uint8_t)fn;
		return list(r, m, x);
	}
	code = ward_cedar_est_fail(r, j,
		"unknown variant `%.*s`, expected an operator or an extension function",
		ward_cedar_est_shown(m->key), m->key.s);
	ward_cedar_diag_help(r->diags,
		"operators are `Value`, `Var`, `!`, `neg`, `==`, `!=`, `in`, `<`, `<=`, `>`, `>=`, "
		"`&&`, `||`, `+`, `-`, `*`, `contains`, `containsAll`, `containsAny`, `isEmpty`, "
		"`getTag`, `hasTag`, `.`, `has`, `like`, `is`, `if-then-else`, `Set`, `Record`");
	return code;
}

static int operation(struct cedar_est_reader *r, const struct ward_json *j,
	enum cedar_expr_kind kind, const struct cedar_expr **ret)
{
	struct cedar_expr *x = ward_cedar_est_new(r, kind, j);
	const struct ward_json *m = j->child;

	if (x == NULL)
		return WARD_E_NOMEM;
	*ret = x;
	switch (kind) {
	case CEDAR_X_NONE: return other(r, j, x);
	case CEDAR_X_NOT:
	case CEDAR_X_NEG:
	case CEDAR_X_IS_EMPTY: return unary(r, m, x);
	case CEDAR_X_IF: return conditional(r, m, x);
	case CEDAR_X_ATTR: return attribute(r, m, x);
	case CEDAR_X_HAS: return has(r, m, x);
	case CEDAR_X_LIKE: return like(r, m, x);
	case CEDAR_X_IS: return is(r, m, x);
	case CEDAR_X_SET: return list(r, m, x);
	case CEDAR_X_RECORD: return record(r, m, x);
	default: return binary(r, m, x);
	}
}

static int one_member(struct cedar_est_reader *r, const struct ward_json *j)
{
	if (j->type != WARD_JSON_OBJECT)
		return ward_cedar_est_fail(r, j,
			"found %s, expected an object that is an expression",
			ward_json_type_name(j->type));
	if (j->count == 0)
		return ward_cedar_est_fail(r, j, "empty map is not a valid expression");
	if (j->count > 1) {
		struct ward_str a = j->child->key, b = j->child->next->key;

		return ward_cedar_est_fail(r, j,
			"JSON object representing an `Expr` should have only one key, but found "
			"two keys: `%.*s` and `%.*s`",
			ward_cedar_est_shown(a), a.s, ward_cedar_est_shown(b), b.s);
	}
	return WARD_OK;
}

int ward_cedar_est_expr(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_expr **ret)
{
	enum cedar_expr_kind kind;
	int code = one_member(r, j);

	if (code != WARD_OK)
		return code;
	if (ward_str_eq(j->child->key, WARD_STR("Value")))
		return ward_cedar_est_value(r, j->child, ret);
	if (r->level >= WARD_CEDAR_DEPTH_MAX)
		return ward_cedar_est_too_deep(r, j);
	r->level++;
	kind = operator_of(j->child->key);
	code = kind == CEDAR_X_AND || kind == CEDAR_X_OR ? chain(r, j, kind, ret)
							 : operation(r, j, kind, ret);
	r->level--;
	return code;
}
