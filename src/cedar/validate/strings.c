/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be read as something else than it is: texts and identifiers with bidirectional controls, with letters of several
 * scripts (UTS 39, 5.1: no script that all of them are of), identifiers with characters that the General Security Profile
 * does not allow. Names of types and functions are ASCII and never found; what is looked at are texts, patterns, ids of
 * entities, attributes and keys of records. Warnings alone: nothing here decides.
 */
#include <string.h>

#include "cedar/core/unicode.h"
#include "cedar/validate/validate.h"

#define WORDS (CEDAR_SCRIPTS_MAX / 64)

struct strings {
	const struct cedar_policy *policy;
	struct cedar_diags *d;
};

static bool is_bidi(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static bool has_bidi(struct ward_str s)
{
	uint32_t c;

	for (size_t i = 0; i < s.n; i += ward_cedar_decode(s.s + i, s.n - i, &c)) {
		(void)ward_cedar_decode(s.s + i, s.n - i, &c);
		if (is_bidi(c))
			return true;
	}
	return false;
}

/* both loses the scripts that are not of the set. False: none is left. */
static bool narrow(uint64_t both[WORDS], uint32_t set)
{
	uint64_t of[WORDS] = { 0 }, left = 0;

	if (set == CEDAR_SCRIPTS_EVERY)
		return true;
	for (uint32_t i = set == CEDAR_SCRIPTS_NONE ? 0 : ward_cedar_script_first[set - 2];
		set != CEDAR_SCRIPTS_NONE && i < ward_cedar_script_first[set - 1]; i++)
		of[ward_cedar_script_members[i] / 64] |= (uint64_t)1
			<< (ward_cedar_script_members[i] % 64);
	for (size_t i = 0; i < WORDS; i++) {
		both[i] &= of[i];
		left |= both[i];
	}
	return left != 0;
}

static bool is_single_script(struct ward_str s)
{
	uint64_t both[WORDS];
	uint32_t c, set, last = CEDAR_SCRIPTS_EVERY;

	memset(both, 0xff, sizeof(both));
	for (size_t i = 0; i < s.n;) {
		i += ward_cedar_decode(s.s + i, s.n - i, &c);
		set = ward_cedar_table_find(ward_cedar_script_table, ward_cedar_script_table_n, c);
		if (set != last && !narrow(both, set))
			return false;
		last = set;
	}
	return true;
}

/* The first character that may not stand in an identifier; false: there is none. */
static bool confusable(struct ward_str s, struct ward_str *ret)
{
	uint32_t c;

	for (size_t i = 0; i < s.n;) {
		size_t n = ward_cedar_decode(s.s + i, s.n - i, &c);

		if ((c < ' ' || c > '~') &&
			ward_cedar_table_find(ward_cedar_identifier_table,
				ward_cedar_identifier_table_n, c) == 0) {
			*ret = (struct ward_str){ s.s + i, n };
			return true;
		}
		i += n;
	}
	return false;
}

/* Most are printable ASCII, of which nothing is to be said. */
static bool harmless(struct ward_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.s[i] < ' ' || s.s[i] > '~')
			return false;
	}
	return true;
}

/* A message is a C string: NUL in a text would end it. */
static void add(struct ward_buf *out, struct ward_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.s[i] == '\0')
			ward_buf_adds(out, "\\0");
		else
			ward_buf_addc(out, s.s[i]);
	}
}

static void warn(struct strings *c, enum cedar_finding kind, struct cedar_span at,
	struct ward_buf *text, const char *what)
{
	if (text->failed && c->d != NULL)
		c->d->failed = true;
	if (text->failed || c->d == NULL)
		return;
	(void)ward_cedar_diag(c->d, CEDAR_WARNING, kind, at.start, at.end,
		"for policy `%s`, %s contains %s", c->policy->id->s, ward_buf_cstr(text), what);
	ward_cedar_diag_policy(c->d, c->policy->id);
}

static void check_text(struct strings *c, struct cedar_span at, struct ward_str s)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	bool bidi;

	if (harmless(s))
		return;
	bidi = has_bidi(s);
	if (!bidi && is_single_script(s))
		return;
	ward_buf_adds(&b, "string `\"");
	add(&b, s);
	ward_buf_adds(&b, "\"`");
	if (bidi)
		warn(c, CEDAR_FINDING_BIDI_CHARS_IN_STRING, at, &b, "BIDI control characters");
	else
		warn(c, CEDAR_FINDING_MIXED_SCRIPT_STRING, at, &b, "mixed scripts");
}

static void warn_confusable(struct strings *c, struct cedar_span at, struct ward_str s,
	struct ward_str which)
{
	struct ward_buf id WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf what WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	ward_buf_adds(&id, "identifier `");
	ward_cedar_escape(&id, s);
	ward_buf_addc(&id, '`');
	ward_buf_adds(&what, "the character `");
	ward_cedar_escape(&what, which);
	ward_buf_adds(&what,
		"` which is not a printable ASCII character and falls outside of the "
		"General Security Profile for Identifiers");
	id.failed = id.failed || what.failed;
	warn(c, CEDAR_FINDING_CONFUSABLE_IDENTIFIER, at, &id, ward_buf_cstr(&what));
}

static void check_identifier(struct strings *c, struct cedar_span at, struct ward_str s)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_str which;
	bool bidi;

	if (harmless(s))
		return;
	bidi = has_bidi(s);
	if (!bidi && confusable(s, &which)) {
		warn_confusable(c, at, s, which);
		return;
	}
	if (!bidi && is_single_script(s))
		return;
	ward_buf_adds(&b, "identifier `");
	add(&b, s);
	ward_buf_addc(&b, '`');
	if (bidi)
		warn(c, CEDAR_FINDING_BIDI_CHARS_IN_IDENTIFIER, at, &b, "BIDI control characters");
	else
		warn(c, CEDAR_FINDING_MIXED_SCRIPT_IDENTIFIER, at, &b, "mixed scripts");
}

/* As it is printed: a control in it has become the letters of its escape. */
static void check_pattern(struct strings *c, struct cedar_span at, const struct cedar_str *pattern)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	ward_cedar_print_pattern(&b, pattern);
	if (b.failed && c->d != NULL)
		c->d->failed = true;
	else if (b.n >= 2)
		check_text(c, at, (struct ward_str){ b.s + 1, b.n - 2 });
}

/* Values come of JSON and are as deep as expressions at most. */
static void check_value(struct strings *c, struct cedar_span at, const struct cedar_value *v)
{
	switch ((enum cedar_tag)v->tag) {
	case CEDAR_V_STRING: check_text(c, at, ward_cedar_text(v->str)); break;
	case CEDAR_V_ENTITY: check_identifier(c, at, ward_cedar_text(v->uid->id)); break;
	case CEDAR_V_SET:
		for (uint32_t i = 0; i < v->set->n; i++)
			check_value(c, at, &v->set->v[i]);
		break;
	case CEDAR_V_RECORD:
		for (uint32_t i = 0; i < v->record->n; i++) {
			check_identifier(c, at, ward_cedar_text(v->record->v[i].name));
			check_value(c, at, &v->record->v[i].value);
		}
		break;
	default: break;
	}
}

static int check_expr(const struct cedar_expr *x, void *arg)
{
	struct strings *c = arg;
	struct cedar_span at = { x->start, x->end };

	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_STRING: check_text(c, at, ward_cedar_text(x->str)); break;
	case CEDAR_X_ENTITY: check_identifier(c, at, ward_cedar_text(x->uid->id)); break;
	case CEDAR_X_VALUE: check_value(c, at, x->value); break;
	case CEDAR_X_ATTR: check_identifier(c, at, ward_cedar_text(x->name)); break;
	case CEDAR_X_LIKE: check_pattern(c, at, x->pattern); break;
	case CEDAR_X_HAS:
		for (uint32_t i = 0; i < x->n; i++)
			check_identifier(c, at, ward_cedar_text(x->names[i]));
		break;
	case CEDAR_X_RECORD:
		for (uint32_t i = 0; i < x->n; i++)
			check_identifier(c, at, ward_cedar_text(x->fields[i].name));
		break;
	default: break;
	}
	return ward_cedar_expr_children(x, check_expr, c);
}

static void check_scope(struct strings *c, const struct cedar_scope *s)
{
	if (s->uid != NULL && !s->slot)
		check_identifier(c, s->uid_at, ward_cedar_text(s->uid->id));
}

void ward_cedar_check_strings(const struct cedar_policy *p, struct cedar_diags *d)
{
	struct strings c = { .policy = p, .d = d };
	const struct cedar_action_scope *a = &p->action;

	check_scope(&c, &p->principal);
	for (uint32_t i = 0; i < a->n; i++)
		check_identifier(&c, a->at != NULL ? a->at[i] : (struct cedar_span){ 0 },
			ward_cedar_text(a->uids[i]->id));
	check_scope(&c, &p->resource);
	for (uint32_t i = 0; i < p->n_conditions; i++)
		(void)check_expr(p->conditions[i].body, &c);
}
