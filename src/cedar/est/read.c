/* SPDX-License-Identifier: Apache-2.0 */
/* What all readers of the JSON form need: objects with their members, texts, words, identifiers, and what is wrong. */
#include <stdio.h>
#include <string.h>

#include "cedar/est/read.h"

const char *const ward_cedar_est_names[CEDAR_X_KIND_MAX] = {
	[CEDAR_X_AND] = "&&",
	[CEDAR_X_OR] = "||",
	[CEDAR_X_IF] = "if-then-else",
	[CEDAR_X_NOT] = "!",
	[CEDAR_X_NEG] = "neg",
	[CEDAR_X_IS_EMPTY] = "isEmpty",
	[CEDAR_X_EQ] = "==",
	[CEDAR_X_NE] = "!=",
	[CEDAR_X_LT] = "<",
	[CEDAR_X_LE] = "<=",
	[CEDAR_X_GT] = ">",
	[CEDAR_X_GE] = ">=",
	[CEDAR_X_IN] = "in",
	[CEDAR_X_ADD] = "+",
	[CEDAR_X_SUB] = "-",
	[CEDAR_X_MUL] = "*",
	[CEDAR_X_CONTAINS] = "contains",
	[CEDAR_X_CONTAINS_ALL] = "containsAll",
	[CEDAR_X_CONTAINS_ANY] = "containsAny",
	[CEDAR_X_GET_TAG] = "getTag",
	[CEDAR_X_HAS_TAG] = "hasTag",
	[CEDAR_X_ATTR] = ".",
	[CEDAR_X_HAS] = "has",
	[CEDAR_X_LIKE] = "like",
	[CEDAR_X_IS] = "is",
	[CEDAR_X_SET] = "Set",
	[CEDAR_X_RECORD] = "Record",
};
const char *const ward_cedar_est_ops[] = { "All", "==", "in", "is", "is" };
const char *const ward_cedar_est_vars[] = { "principal", "action", "resource", "context" };
const char *const ward_cedar_est_slots[] = { "?principal", "?resource" };

#define SHOWN_MAX 200 /* bytes of what was found, in a message */

/* ---- findings ---- */

int ward_cedar_est_shown(struct ward_str s)
{
	size_t n = s.n < SHOWN_MAX ? s.n : SHOWN_MAX;

	while (n > 0 && n < s.n && ((unsigned char)s.s[n] & 0xc0) == 0x80)
		n--;
	return (int)n;
}

int ward_cedar_est_fail(struct cedar_est_reader *r, const struct ward_json *j, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int code;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	code = ward_cedar_diag(r->diags, CEDAR_ERROR, 0, j->start, j->end, "%s", text);
	if (r->id != NULL)
		ward_cedar_diag_policy(r->diags, r->id);
	return code;
}

int ward_cedar_est_no_memory(struct cedar_est_reader *r)
{
	if (r->diags != NULL)
		r->diags->failed = true;
	return WARD_E_NOMEM;
}

int ward_cedar_est_too_deep(struct cedar_est_reader *r, const struct ward_json *j)
{
	int code = ward_cedar_est_fail(r, j, "the expression is nested more than %d levels deep",
		WARD_CEDAR_DEPTH_MAX);

	ward_cedar_diag_help(r->diags, "split it into several conditions or policies");
	return code;
}

/* What is there instead, as people who read JSON call it. */
static int wrong_type(struct cedar_est_reader *r, const struct ward_json *j, const char *expected)
{
	switch (j->type) {
	case WARD_JSON_NULL:
		return ward_cedar_est_fail(r, j, "invalid type: null, expected %s", expected);
	case WARD_JSON_BOOL:
		return ward_cedar_est_fail(r, j, "invalid type: boolean `%s`, expected %s",
			j->b ? "true" : "false", expected);
	case WARD_JSON_INT:
		return ward_cedar_est_fail(r, j, "invalid type: integer `%lld`, expected %s",
			(long long)j->i, expected);
	case WARD_JSON_REAL:
		return ward_cedar_est_fail(r, j, "invalid type: floating point `%g`, expected %s",
			j->d, expected);
	case WARD_JSON_STRING:
		return ward_cedar_est_fail(r, j, "invalid type: string \"%.*s\", expected %s",
			ward_cedar_est_shown(j->str), j->str.s, expected);
	case WARD_JSON_ARRAY:
		return ward_cedar_est_fail(r, j, "invalid type: sequence, expected %s", expected);
	case WARD_JSON_OBJECT: break;
	}
	return ward_cedar_est_fail(r, j, "invalid type: map, expected %s", expected);
}

/* ---- objects and lists ---- */

/* "`a`", "`a` or `b`", "one of `a`, `b`, `c`" */
static void one_of(struct ward_buf *out, const char *const *words, size_t n)
{
	ward_buf_adds(out, n > 2 ? "one of " : "");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			ward_buf_adds(out, n > 2 ? ", " : " or ");
		ward_buf_addf(out, "`%s`", words[i]);
	}
}

static int unexpected(struct cedar_est_reader *r, const struct ward_json *j, const char *what,
	struct ward_str found, const char *const *words, size_t n)
{
	struct ward_buf b = { .max = 4096 };
	int code;

	one_of(&b, words, n);
	code = ward_cedar_est_fail(r, j, "unknown %s `%.*s`, expected %s", what,
		ward_cedar_est_shown(found), found.s, ward_buf_cstr(&b));
	if (b.failed)
		(void)ward_cedar_est_no_memory(r);
	ward_buf_done(&b);
	return code;
}

static int unknown_field(struct cedar_est_reader *r, const struct ward_json *member,
	const struct cedar_est_field *f, size_t n)
{
	const char *words[8];

	for (size_t i = 0; i < n && i < WARD_ARRAY_SIZE(words); i++)
		words[i] = f[i].name;
	return unexpected(r, member, "field", member->key, words,
		n < WARD_ARRAY_SIZE(words) ? n : WARD_ARRAY_SIZE(words));
}

int ward_cedar_est_object(struct cedar_est_reader *r, const struct ward_json *j,
	struct cedar_est_field *f, size_t n, bool loose)
{
	if (j->type != WARD_JSON_OBJECT)
		return wrong_type(r, j, "an object");
	for (const struct ward_json *m = j->child; m != NULL; m = m->next) {
		size_t i = 0;

		while (i < n && !ward_str_eq(m->key, ward_str(f[i].name)))
			i++;
		if (i < n)
			f[i].j = m;
		else if (!loose)
			return unknown_field(r, m, f, n);
	}
	for (size_t i = 0; i < n; i++) {
		if (f[i].j == NULL && !f[i].optional)
			return ward_cedar_est_fail(r, j, "missing field `%s`", f[i].name);
	}
	return WARD_OK;
}

int ward_cedar_est_map(struct cedar_est_reader *r, const struct ward_json *j)
{
	return j->type == WARD_JSON_OBJECT ? WARD_OK : wrong_type(r, j, "a map");
}

int ward_cedar_est_list(struct cedar_est_reader *r, const struct ward_json *j)
{
	return j->type == WARD_JSON_ARRAY ? WARD_OK : wrong_type(r, j, "a sequence");
}

/* ---- texts ---- */

const struct cedar_str *ward_cedar_est_intern(struct cedar_est_reader *r, struct ward_str s)
{
	const struct cedar_str *t = ward_cedar_intern(r->pool, s.s, s.n);

	if (t == NULL)
		(void)ward_cedar_est_no_memory(r);
	return t;
}

int ward_cedar_est_text(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_str **ret)
{
	if (j->type != WARD_JSON_STRING)
		return wrong_type(r, j, "a string");
	*ret = ward_cedar_est_intern(r, j->str);
	return *ret != NULL ? WARD_OK : WARD_E_NOMEM;
}

int ward_cedar_est_type(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_str **ret)
{
	if (j->type != WARD_JSON_STRING)
		return wrong_type(r, j, "a string");
	if (!ward_cedar_is_name(j->str)) {
		int code = ward_cedar_est_fail(r, j, "invalid entity type: `%.*s`",
			ward_cedar_est_shown(j->str), j->str.s);

		ward_cedar_diag_help(r->diags,
			"a type is an identifier, or several with `::` between them, without "
			"blanks, reserved words and `__cedar`");
		return code;
	}
	return ward_cedar_est_text(r, j, ret);
}

int ward_cedar_est_word(struct cedar_est_reader *r, const struct ward_json *j,
	const char *const *words, size_t n, size_t *ret)
{
	if (j->type != WARD_JSON_STRING)
		return wrong_type(r, j, "a string");
	for (size_t i = 0; i < n; i++) {
		if (ward_str_eq(j->str, ward_str(words[i]))) {
			*ret = i;
			return WARD_OK;
		}
	}
	return unexpected(r, j, "variant", j->str, words, n);
}

/* ---- identifiers of entities ---- */

static bool is_text(const struct ward_json *j)
{
	return j != NULL && j->type == WARD_JSON_STRING;
}

bool ward_cedar_est_is_uid(const struct ward_json *j)
{
	return j != NULL && j->type == WARD_JSON_OBJECT && is_text(ward_json_get(j, "type")) &&
		is_text(ward_json_get(j, "id"));
}

int ward_cedar_est_typed(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_uid **ret)
{
	const struct cedar_str *type = NULL, *id = NULL;
	int code = ward_cedar_est_type(r, ward_json_get(j, "type"), &type);

	if (code == WARD_OK)
		code = ward_cedar_est_text(r, ward_json_get(j, "id"), &id);
	if (code != WARD_OK)
		return code;
	*ret = ward_cedar_intern_uid(r->pool, type, id);
	return *ret != NULL ? WARD_OK : ward_cedar_est_no_memory(r);
}

int ward_cedar_est_no_expr(struct cedar_est_reader *r, const struct ward_json *j)
{
	int code = ward_cedar_est_fail(r, j, "the `__expr` escape is no longer supported");

	ward_cedar_diag_help(r->diags,
		"to create an entity reference, use `__entity`; to create an extension value, use "
		"`__extn`; and for all other values, use JSON directly");
	return code;
}

int ward_cedar_est_uid(struct cedar_est_reader *r, const struct ward_json *j,
	const struct cedar_uid **ret)
{
	const struct ward_json *inner =
		j->type == WARD_JSON_OBJECT ? ward_json_get(j, "__entity") : NULL;
	int code;

	if (j->type == WARD_JSON_OBJECT && is_text(ward_json_get(j, "__expr")))
		return ward_cedar_est_no_expr(r, j);
	if (ward_cedar_est_is_uid(inner))
		return ward_cedar_est_typed(r, inner, ret);
	if (ward_cedar_est_is_uid(j))
		return ward_cedar_est_typed(r, j, ret);
	code = ward_cedar_est_fail(r, j, "expected a literal entity reference");
	ward_cedar_diag_help(r->diags,
		"literal entity references can be made with `{ \"type\": \"SomeType\", \"id\": "
		"\"SomeId\" }`");
	return code;
}
