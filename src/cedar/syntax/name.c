/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names with their namespaces, and entities. Blanks and comments may stand between the parts; what is kept is in normal
 * form. Reserved words are identifiers to the grammar, so that they are found here and can be named.
 */
#include <string.h>

#include "cedar/syntax/parser.h"

static bool is_internal(const struct parser *p, uint32_t start, uint32_t end)
{
	return end - start == 7 && memcmp(p->text.s + start, "__cedar", 7) == 0;
}

bool ward_cedar_scan_name(struct parser *p, struct name *ret, bool *ret_open)
{
	bool special = p->tok.kind >= T_IF;

	*ret = (struct name){ .start = p->tok.start, .end = p->tok.start, .plain = true };
	*ret_open = false;
	for (;;) {
		ret->plain = ret->plain && p->tok.start == ret->end;
		ret->reserved = ret->reserved || is_reserved(p->tok.kind);
		ret->internal = ret->internal || is_internal(p, p->tok.start, p->tok.end);
		ret->end = p->tok.end;
		ret->parts++;
		ward_cedar_next(p);
		if (p->tok.kind != T_COLONS)
			return true;
		ret->plain = ret->plain && p->tok.start == ret->end;
		ward_cedar_next(p);
		if (is_ident(p->tok.kind)) {
			if (ret->plain)
				ret->end = p->tok.start;
			ret->plain = ret->plain && p->text.s[p->tok.start - 1] == ':';
			continue;
		}
		*ret_open = true;
		if ((p->tok.kind == T_STRING || p->tok.kind == T_LBRACE) &&
			(ret->parts > 1 || !special))
			return true;
		return ward_cedar_unexpected(p, "an identifier, or an id in double quotes");
	}
}

/* Normal form of the tokens from start to end. False: no memory. */
static bool normalise(struct parser *p, uint32_t start, uint32_t end)
{
	struct token t;

	for (ward_cedar_lex(p->text, start, &t); t.start < end && t.kind != T_END;
		ward_cedar_lex(p->text, t.end, &t)) {
		if (!ward_cedar_push(p, p->text.s + t.start, t.end - t.start))
			return false;
	}
	return true;
}

bool ward_cedar_bad_name(struct parser *p, const struct name *n)
{
	char part[SNIPPET_MAX];
	struct token t;

	for (ward_cedar_lex(p->text, n->start, &t); t.start < n->end && t.kind != T_END;
		ward_cedar_lex(p->text, t.end, &t)) {
		if (!is_reserved(t.kind))
			continue;
		NOTE(p, t.start, t.end, "this identifier is reserved and cannot be used: %s",
			ward_cedar_verbatim(p, t.start, t.end, part));
	}
	if (!n->reserved)
		NOTE(p, n->start, n->end, "The name `%s` contains `__cedar`, which is reserved",
			ward_cedar_snippet(p, n->start, n->end, part));
	return false;
}

bool ward_cedar_intern_name(struct parser *p, const struct name *n, const struct cedar_str **ret)
{
	size_t from = p->top;

	if (n->plain) {
		*ret = ward_cedar_intern(p->pool, p->text.s + n->start, n->end - n->start);
	} else {
		if (!normalise(p, n->start, n->end))
			return false;
		*ret = ward_cedar_intern(p->pool, p->stack + from, p->top - from);
		p->top = from;
	}
	return *ret != NULL || ward_cedar_no_memory(p);
}

/* The id in the caller's form. */
static REPORTS bool refuse(struct parser *p, uint32_t start, const struct cedar_refusal *why)
{
	if (why->no_memory)
		return ward_cedar_no_memory(p);
	NOTE(p, start, p->last_end, "%s", why->what);
	if (why->help[0] != '\0')
		HELP(p, "%s", why->help);
	return true;
}

static bool judged(struct parser *p, uint32_t start, const struct cedar_uid **uid)
{
	struct cedar_refusal why = { 0 };

	if (p->options == NULL || p->options->entity == NULL)
		return true;
	*uid = p->options->entity(p->pool, *uid, &why, p->options->arg);
	return *uid != NULL || refuse(p, start, &why);
}

bool ward_cedar_entity(struct parser *p, const struct name *n, const struct cedar_uid **ret)
{
	const struct cedar_str *type, *id;
	bool ok = ward_cedar_check_name(p, n);

	*ret = NULL;
	if (!ward_cedar_string(p, p->tok.start, p->tok.end, p->tok.escaped, &id))
		return false;
	ward_cedar_next(p);
	if (!ok || id == NULL)
		return true;
	if (!ward_cedar_intern_name(p, n, &type))
		return false;
	*ret = ward_cedar_intern_uid(p->pool, type, id);
	if (*ret == NULL)
		return ward_cedar_no_memory(p);
	return judged(p, n->start, ret);
}

bool ward_cedar_attribute(struct parser *p, const struct cedar_str **ret)
{
	struct name n = { .start = p->tok.start,
		.end = p->tok.end,
		.parts = 1,
		.plain = true,
		.reserved = is_reserved(p->tok.kind),
		.internal = is_internal(p, p->tok.start, p->tok.end) };

	*ret = NULL;
	ward_cedar_next(p);
	if (!ward_cedar_check_name(p, &n))
		return true;
	return ward_cedar_intern_name(p, &n, ret);
}

bool ward_cedar_operand_name(struct parser *p, const struct operand *op,
	const struct cedar_str **ret)
{
	struct name n = {
		.start = op->start, .end = op->end, .plain = op->plain || op->form == FORM_VAR
	};

	return ward_cedar_intern_name(p, &n, ret);
}
