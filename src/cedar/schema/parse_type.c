/* SPDX-License-Identifier: Apache-2.0 */
/* Types and annotations of the schema's text. */
#include "cedar/schema/lex.h"

bool ward_schema_parse_notes(struct reader *r, struct notes *ret)
{
	size_t from = r->top;
	struct place at = ward_schema_here(r);

	while (r->tok.kind == T_AT) {
		struct note n = { 0 };

		ward_schema_next(r);
		if (!ward_schema_ident(r, true, &n.key))
			return false;
		if (r->tok.kind == T_LPAREN) {
			ward_schema_next(r);
			if (!ward_schema_string(r, &n.value) ||
				!ward_schema_take(r, T_RPAREN, "`)`"))
				return false;
		} else {
			n.value = ward_cedar_intern(r->pool, "", 0);
			if (n.value == NULL)
				return ward_schema_no_memory(r);
		}
		at.end = r->last_end;
		if (!ward_schema_push(r, &n, sizeof(n)))
			return false;
	}
	return ward_schema_notes(r, from, &at, ret);
}

/* Behind the brace, up to the closing one. */
static bool attributes(struct reader *r, struct schema_type *record)
{
	size_t from = r->top;

	while (r->tok.kind != T_RBRACE) {
		struct schema_attr a = { .required = true };

		if (!ward_schema_parse_notes(r, &a.notes))
			return false;
		a.at = ward_schema_here(r);
		if (!ward_schema_name(r, &a.name))
			return false;
		if (r->tok.kind == T_QUESTION) {
			a.required = false;
			ward_schema_next(r);
		}
		if (!ward_schema_take(r, T_COLON, a.required ? "`:` or `?`" : "`:`") ||
			!ward_schema_parse_type(r, &a.type) || !ward_schema_push(r, &a, sizeof(a)))
			return false;
		if (r->tok.kind != T_COMMA)
			break;
		ward_schema_next(r);
	}
	return ward_schema_take(r, T_RBRACE, "`,` or `}`") && ward_schema_attrs(r, from, record);
}

bool ward_schema_parse_record(struct reader *r, struct schema_type **ret)
{
	struct place at = ward_schema_here(r);
	struct schema_type *t;

	if (!ward_schema_take(r, T_LBRACE, "`{`"))
		return false;
	t = ward_schema_type_new(r, SCHEMA_RECORD, at);
	if (t == NULL || !attributes(r, t))
		return false;
	t->at.end = r->last_end;
	*ret = t;
	return true;
}

static bool set(struct reader *r, struct place at, struct schema_type **ret)
{
	struct schema_type *t = ward_schema_type_new(r, SCHEMA_SET, at);

	if (t == NULL || !ward_schema_take(r, T_LT, "`<`") ||
		!ward_schema_parse_type(r, &t->element) || !ward_schema_take(r, T_GT, "`>`"))
		return false;
	t->at.end = r->last_end;
	*ret = t;
	return true;
}

static bool type(struct reader *r, struct schema_type **ret)
{
	struct place at = ward_schema_here(r);

	if (r->tok.kind == T_LBRACE)
		return ward_schema_parse_record(r, ret);
	if (r->tok.kind != T_WORD)
		return ward_schema_unexpected(r, "a type");
	if (ward_schema_is_word(r, "Set")) {
		struct token ahead;

		ward_schema_lex(r->text, r->tok.end, &ahead);
		if (ahead.kind == T_LT) {
			ward_schema_next(r);
			return set(r, at, ret);
		}
	}
	*ret = ward_schema_type_new(r, SCHEMA_ENTITY_OR_COMMON, at);
	if (*ret == NULL || !ward_schema_path(r, &(*ret)->ref, NULL))
		return false;
	(*ret)->at = (*ret)->ref.at;
	return true;
}

bool ward_schema_parse_type(struct reader *r, struct schema_type **ret)
{
	bool ok;

	if (!ward_schema_enter(r, ward_schema_here(r)))
		return false;
	ok = type(r, ret);
	r->level--;
	return ok;
}
