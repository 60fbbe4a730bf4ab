/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies: annotations, effect, scope, conditions. After a text that is no policy, parsing goes on behind the next
 * semicolon, so that one run finds what is wrong in several policies; of such a policy only that is reported.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/syntax/parser.h"

/* ---- runs ---- */

static bool begin(struct parser *p, struct cedar_pool *pool, struct ward_str text,
	const struct cedar_parse_options *o, struct cedar_diags *d)
{
	size_t valid;

	*p = (struct parser){ .text = text,
		.pool = pool,
		.arena = ward_cedar_pool_arena(pool),
		.diags = d,
		.unknowns = o != NULL && o->unknowns,
		.options = o };
	if (text.n > WARD_CEDAR_TEXT_MAX) {
		NOTE(p, 0, 0, "the text has %zu bytes, more than the %u that are allowed", text.n,
			WARD_CEDAR_TEXT_MAX);
		p->code = WARD_E_LIMIT;
		return false;
	}
	valid = ward_cedar_utf8_end(text.s, text.n);
	if (valid < text.n) {
		NOTE(p, (uint32_t)valid, (uint32_t)valid + 1, "the text is not valid UTF-8");
		return false;
	}
	ward_cedar_lex(text, 0, &p->tok);
	return true;
}

static int end(struct parser *p)
{
	free(p->stack);
	if (p->code != WARD_OK)
		return p->code;
	return p->errors > 0 ? WARD_E_PARSE : WARD_OK;
}

/* ---- annotations ---- */

static int by_key(const void *a, const void *b)
{
	const struct cedar_annotation *x = a, *y = b;
	int r = ward_cedar_str_cmp(x->key, y->key);

	return r != 0 ? r : (x->start > y->start) - (x->start < y->start);
}

/* "@" KEY [ "(" TEXT ")" ], pushed. The key may be any identifier. */
static bool annotation(struct parser *p)
{
	struct cedar_annotation a = { .start = p->tok.start };
	bool ok = true;

	ward_cedar_next(p);
	if (!is_ident(p->tok.kind))
		return ward_cedar_unexpected(p, "the name of an annotation");
	a.key = ward_cedar_intern(p->pool, p->text.s + p->tok.start, p->tok.end - p->tok.start);
	if (a.key == NULL)
		return ward_cedar_no_memory(p);
	ward_cedar_next(p);
	if (p->tok.kind == T_LPAREN) {
		ward_cedar_next(p);
		if (p->tok.kind != T_STRING)
			return ward_cedar_unexpected(p, "a text in double quotes");
		if (!ward_cedar_string(p, p->tok.start, p->tok.end, p->tok.escaped, &a.value))
			return false;
		ok = a.value != NULL;
		ward_cedar_next(p);
		if (p->tok.kind != T_RPAREN)
			return ward_cedar_unexpected(p, "`)`");
		ward_cedar_next(p);
	}
	a.end = p->last_end;
	return !ok || ward_cedar_push(p, &a, sizeof(a));
}

static bool annotations(struct parser *p, struct cedar_policy *policy)
{
	size_t from = p->top, n;
	const void *v;
	struct cedar_annotation *a;

	while (p->tok.kind == T_AT) {
		if (!annotation(p))
			return false;
	}
	n = (p->top - from) / sizeof(*a);
	if (n == 0)
		return true;
	/* The stack is aligned for them: nothing of another size lies below. */
	if (!ward_cedar_pop(p, from, &v))
		return false;
	memcpy(&a, &v, sizeof(a)); /* not yet handed out */
	qsort(a, n, sizeof(*a), by_key);
	for (size_t i = 1; i < n; i++) {
		if (a[i].key == a[i - 1].key)
			NOTE(p, a[i].start, a[i].end, "duplicate annotation: @%.*s",
				(int)(a[i].key->n < SNIPPET_MAX ? a[i].key->n : SNIPPET_MAX),
				a[i].key->s);
	}
	policy->n_annotations = (uint32_t)n;
	policy->annotations = a;
	return true;
}

/* ---- conditions ---- */

/* WORD "{" EXPRESSION "}", pushed. */
static bool condition(struct parser *p)
{
	struct token word = p->tok;
	struct cedar_condition c = { .unless = word.kind == T_UNLESS, .start = word.start };
	struct operand op;
	bool known = word.kind == T_WHEN || word.kind == T_UNLESS;
	char part[SNIPPET_MAX];

	ward_cedar_next(p);
	if (p->tok.kind != T_LBRACE)
		return ward_cedar_unexpected(p, "`{`");
	ward_cedar_next(p);
	ward_cedar_verbatim(p, word.start, word.end, part);
	if (!known) {
		NOTE(p, word.start, word.end, "invalid policy condition: %s", part);
		HELP(p, "condition must be either `when` or `unless`");
	}
	p->clause = c.unless ? "unless" : "when";
	if (p->tok.kind == T_RBRACE) {
		ward_cedar_next(p);
		if (known)
			NOTE(p, word.start, p->last_end, "`%s` condition clause cannot be empty",
				part);
		return true;
	}
	if (!ward_cedar_expression(p, &op) || !ward_cedar_as_expr(p, &op))
		return false;
	if (p->tok.kind != T_RBRACE)
		return ward_cedar_unexpected(p, "`}`");
	ward_cedar_next(p);
	c.body = op.x;
	c.end = p->last_end;
	return ward_cedar_push(p, &c, sizeof(c));
}

static bool conditions(struct parser *p, struct cedar_policy *policy)
{
	size_t from = p->top;
	const void *v;

	while (is_ident(p->tok.kind)) {
		if (!condition(p))
			return false;
	}
	policy->n_conditions = (uint32_t)((p->top - from) / sizeof(*policy->conditions));
	if (!ward_cedar_pop(p, from, &v))
		return false;
	policy->conditions = v;
	return true;
}

/* ---- policies ---- */

static bool policy(struct parser *p, struct cedar_policy *ret)
{
	struct token effect;
	char part[SNIPPET_MAX];

	ret->start = p->tok.start;
	if (!annotations(p, ret))
		return false;
	effect = p->tok;
	if (!is_ident(effect.kind))
		return ward_cedar_unexpected(p, "`permit`, `forbid` or an annotation");
	ret->effect = effect.kind == T_PERMIT ? CEDAR_PERMIT : CEDAR_FORBID;
	if (effect.kind != T_PERMIT && effect.kind != T_FORBID) {
		NOTE(p, effect.start, effect.end, "invalid policy effect: %s",
			ward_cedar_verbatim(p, effect.start, effect.end, part));
		HELP(p, "effect must be either `permit` or `forbid`");
	}
	ward_cedar_next(p);
	if (!ward_cedar_scope(p, ret, effect) || !conditions(p, ret))
		return false;
	if (p->tok.kind != T_SEMICOLON)
		return ward_cedar_unexpected(p, "`;`, `when` or `unless`");
	ward_cedar_next(p);
	ret->end = p->last_end;
	return true;
}

/* Behind the next semicolon. A text that does not end swallows all that follows it. */
static void recover(struct parser *p)
{
	while (p->tok.kind != T_END && p->tok.kind != T_SEMICOLON) {
		if (p->tok.kind == T_BAD && p->text.s[p->tok.start] == '"')
			p->tok.end = (uint32_t)p->text.n;
		ward_cedar_next(p);
	}
	if (p->tok.kind == T_SEMICOLON)
		ward_cedar_next(p);
}

/* Of a text that is no policy, only why it is none, which was noted last. */
static void keep_last(struct parser *p, struct mark before)
{
	struct cedar_diags *d = p->diags;
	struct cedar_diag last;

	if (d == NULL || d->dropped > before.dropped || d->n < before.n + 2)
		return;
	last = d->v[d->n - 1];
	ward_cedar_forget(p, before);
	p->errors++;
	d->errors++;
	d->v[d->n++] = last;
}

static const struct cedar_str *policy_id(struct parser *p, const struct cedar_parse_options *o,
	size_t i)
{
	const char *prefix = o != NULL && o->id_prefix != NULL ? o->id_prefix : "policy";
	size_t from = p->top, digits = sizeof(char[24]), number = i + (o != NULL ? o->first : 0);
	const struct cedar_str *id;
	char text[24];

	do {
		text[--digits] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	if (!ward_cedar_push(p, prefix, strlen(prefix)) ||
		!ward_cedar_push(p, text + digits, sizeof(text) - digits))
		return NULL;
	id = ward_cedar_intern(p->pool, p->stack + from, p->top - from);
	p->top = from;
	if (id == NULL)
		(void)ward_cedar_no_memory(p);
	return id;
}

static bool keep(struct parser *p, const struct cedar_parse_options *o, size_t i,
	struct cedar_policy *new, struct cedar_policy_list *list)
{
	struct cedar_policy *kept;

	new->id = policy_id(p, o, i);
	if (new->id == NULL)
		return false;
	kept = ward_arena_alloc(p->arena, sizeof(*kept));
	if (kept == NULL)
		return ward_cedar_no_memory(p);
	*kept = *new;
	return ward_cedar_policy_list_add(list, kept) == WARD_OK || ward_cedar_no_memory(p);
}

static void policies(struct parser *p, const struct cedar_parse_options *o,
	struct cedar_policy_list *list)
{
	for (size_t i = 0; p->tok.kind != T_END; i++) {
		struct mark before = ward_cedar_mark(p);
		struct cedar_policy new = { 0 };

		p->level = 0;
		p->top = 0;
		if (policy(p, &new)) {
			if (p->errors == 0 && !keep(p, o, i, &new, list))
				return;
		} else if (p->code == WARD_OK) {
			keep_last(p, before);
			recover(p);
		} else {
			return;
		}
	}
}

int ward_cedar_parse_policies(struct cedar_pool *pool, struct ward_str text,
	const struct cedar_parse_options *o, struct cedar_policy_list *list, struct cedar_diags *d)
{
	struct parser p;
	size_t n = list->n;
	int r;

	if (begin(&p, pool, text, o, d))
		policies(&p, o, list);
	r = end(&p);
	if (r != WARD_OK)
		list->n = n;
	return r;
}

void ward_cedar_policy_list_done(struct cedar_policy_list *list)
{
	if (list == NULL)
		return;
	free(list->v);
	*list = (struct cedar_policy_list){ 0 };
}

int ward_cedar_policy_list_add(struct cedar_policy_list *list, const struct cedar_policy *p)
{
	if (list->n == list->cap) {
		size_t cap = list->cap > 0 ? list->cap * 2 : 8;
		const struct cedar_policy **v = realloc(list->v, cap * sizeof(*v));

		if (v == NULL)
			return WARD_E_NOMEM;
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = p;
	return WARD_OK;
}

/* ---- one expression, one identifier ---- */

int ward_cedar_parse_expr(struct cedar_pool *pool, struct ward_str text,
	const struct cedar_parse_options *o, const struct cedar_expr **ret, struct cedar_diags *d)
{
	struct mark before = { 0 };
	struct operand op;
	struct parser p;
	int r;

	if (begin(&p, pool, text, o, d)) {
		before = ward_cedar_mark(&p);
		p.clause = "when";
		if ((!ward_cedar_expression(&p, &op) || !ward_cedar_as_expr(&p, &op) ||
			    (p.tok.kind != T_END &&
				    !ward_cedar_unexpected(&p, "the end of the expression"))) &&
			p.code == WARD_OK)
			keep_last(&p, before);
	}
	r = end(&p);
	if (r == WARD_OK)
		*ret = op.x;
	return r;
}

static bool only_uid(struct parser *p, const struct cedar_uid **ret)
{
	struct name n;
	bool open;

	if (!is_ident(p->tok.kind))
		return ward_cedar_unexpected(p, "an entity like User::\"alice\"");
	if (!ward_cedar_scan_name(p, &n, &open))
		return false;
	if (!open || p->tok.kind != T_STRING)
		return ward_cedar_unexpected(p, "`::` and an id in double quotes");
	if (!ward_cedar_entity(p, &n, ret))
		return false;
	return p->tok.kind == T_END || ward_cedar_unexpected(p, "the end of the entity");
}

int ward_cedar_parse_uid(struct cedar_pool *pool, struct ward_str text,
	const struct cedar_uid **ret, struct cedar_diags *d)
{
	const struct cedar_uid *uid = NULL;
	struct parser p;
	int r;

	if (begin(&p, pool, text, NULL, d))
		(void)only_uid(&p, &uid);
	r = end(&p);
	if (r == WARD_OK)
		*ret = uid;
	return r;
}
