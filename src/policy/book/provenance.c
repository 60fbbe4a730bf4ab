/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each policy comes from, and what its annotations say. Those that Ward knows are few and all others are errors: who
 * writes @aproval("critical") means something by it. What sugar annotates (where a rule stood, and how it was written) is
 * believed of Ward's own text alone.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/book/own.h"

struct place {
	struct ward_str text;
	uint32_t at, line, column; /* of at, both from 1; texts are read forwards, once */
};

static void advance(struct place *p, uint32_t to)
{
	for (; p->at < to && p->at < p->text.n; p->at++) {
		if (p->text.s[p->at] == '\n') {
			p->line++;
			p->column = 1;
		} else if (((uint8_t)p->text.s[p->at] & 0xc0) != 0x80) {
			p->column++;
		}
	}
}

struct telling {
	struct ward_book *b;
	const struct ward_source *src;
	struct ward_book_rule *rule;
	struct place at;
	struct ward_error *err;
};

static int bad(struct telling *t, const struct cedar_annotation *a, const char *what,
	const char *fix)
{
	uint32_t line, column;

	(void)ward_fail(t->err, WARD_E_PARSE, "@%s: %s", a->key->s, what);
	ward_cedar_place(t->src->text, a->start, &line, &column);
	ward_fail_at(t->err, t->src->name, line, column);
	ward_fail_fix(t->err, "%s", fix);
	return WARD_E_PARSE;
}

/* "file:line" or "file:line:column"; the file may hold colons. */
static bool source(struct telling *t, const char *text)
{
	char *copy = ward_arena_strdup(t->b->arena, text), *colon;
	uint64_t v[2] = { 0, 0 };
	size_t n = 0;

	if (copy == NULL)
		return false;
	while (n < 2 && (colon = strrchr(copy, ':')) != NULL &&
		ward_parse_u64(colon + 1, 0, UINT32_MAX, &v[n], NULL) == WARD_OK) {
		*colon = '\0';
		n++;
	}
	t->rule->file = copy;
	t->rule->line = (uint32_t)(n == 2 ? v[1] : v[0]);
	t->rule->column = (uint32_t)(n == 2 ? v[0] : 0);
	return true;
}

enum key {
	KEY_ID = 0,
	KEY_REASON,
	KEY_DESCRIPTION,
	KEY_APPROVAL,
	KEY_NET_LIMIT,
	KEY_ADVISORY,
	KEY_SOURCE,
	KEY_TEXT,
	KEY_LAYER,
	KEY_MAX
};
static const char *const keys[KEY_MAX] = { "id", "reason", "description", "approval", "net_limit",
	"advisory", "source", "text", "layer" };

static int approval(struct telling *t, const struct cedar_annotation *a)
{
	if (t->rule->forbids)
		return bad(t, a, "a forbid is never asked about",
			"put it on the permit that it is about");
	if (ward_cedar_str_is(a->value, "critical"))
		t->rule->approval = WARD_APPROVAL_CRITICAL;
	else if (ward_cedar_str_is(a->value, "risky"))
		t->rule->approval = WARD_APPROVAL_RISKY;
	else
		return bad(t, a, "the levels are \"risky\" and \"critical\"",
			"leave the annotation out where nobody is to be asked");
	return WARD_OK;
}

static int net_limit(struct telling *t, const struct cedar_annotation *a)
{
	struct ward_net_limits *l = ward_arena_alloc(t->b->arena, sizeof(*l));
	uint32_t line, column;
	int r;

	if (l == NULL)
		return WARD_E_NOMEM;
	if (t->rule->forbids)
		return bad(t, a, "a forbid lets nothing through",
			"put it on the permit that it is about");
	if (t->src->narrows)
		return bad(t, a, "a list of what may be granted lets nothing through by itself",
			"put it on the permit that grants");
	*l = (struct ward_net_limits){ 0 };
	r = ward_net_limits_of_rule(a->value->s, l, t->err);
	if (r < 0) {
		ward_cedar_place(t->src->text, a->start, &line, &column);
		ward_fail_at(t->err, t->src->name, line, column);
		return r;
	}
	t->rule->net = l;
	return WARD_OK;
}

static int advisory(struct telling *t, const struct cedar_annotation *a)
{
	if (t->rule->forbids)
		return bad(t, a, "a forbid only takes away",
			"leave it out: a forbid may ask which program connects");
	if (!ward_cedar_str_is(a->value, "program"))
		return bad(t, a, "what may be advice is \"program\"",
			"write @advisory(\"program\")");
	t->rule->advisory = true;
	return WARD_OK;
}

static int told(struct telling *t, const struct cedar_annotation *a, enum key key)
{
	const char *value = a->value->s;

	switch (key) {
	case KEY_ID: t->rule->id = value; return WARD_OK;
	case KEY_REASON: t->rule->reason = value; return WARD_OK;
	case KEY_APPROVAL: return approval(t, a);
	case KEY_NET_LIMIT: return net_limit(t, a);
	case KEY_ADVISORY: return advisory(t, a);
	case KEY_SOURCE: return source(t, value) ? WARD_OK : WARD_E_NOMEM;
	case KEY_TEXT: t->rule->text = value; return WARD_OK;
	case KEY_DESCRIPTION:
	case KEY_LAYER:
	case KEY_MAX: break;
	}
	return WARD_OK;
}

static int annotation(struct telling *t, const struct cedar_annotation *a)
{
	const char *near;

	if (a->value == NULL || a->value->n == 0)
		return bad(t, a, "there is nothing in it", "write @NAME(\"text\")");
	if (memchr(a->value->s, '\0', a->value->n) != NULL)
		return bad(t, a, "there is a NUL in it", "leave it out");
	for (unsigned k = 0; k < KEY_MAX; k++) {
		if (!ward_cedar_str_is(a->key, keys[k]))
			continue;
		if (k >= KEY_SOURCE && !t->src->generated)
			return bad(t, a, "Ward itself says this of what it generates",
				"leave it out: the place of a policy is known");
		return told(t, a, (enum key)k);
	}
	near = ward_nearest(a->key->s, keys, KEY_SOURCE);
	(void)bad(t, a, "there is no such annotation",
		"known are @id @reason @description @approval @net_limit @advisory");
	if (near != NULL)
		ward_fail_fix(t->err, "did you mean @%s?", near);
	return WARD_E_PARSE;
}

static bool in_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* It is in the record of each decision, which has an end: what lists thousands of names leaves its middle out, and has its place. */
static const char *shortened(struct ward_arena *arena, struct ward_str s)
{
	static const char gap[] = " ... ";
	size_t from = WARD_RULE_WRITTEN_MAX / 4 * 3,
	       to = s.n - WARD_RULE_WRITTEN_MAX / 4 + sizeof(gap);
	char *copy;

	if (s.n <= WARD_RULE_WRITTEN_MAX)
		return ward_arena_dup(arena, s.s, s.n);
	while (from > 0 && in_character(s.s[from]))
		from--;
	while (to < s.n && in_character(s.s[to]))
		to++;
	copy = ward_arena_alloc(arena, from + sizeof(gap) + s.n - to);
	if (copy != NULL) {
		memcpy(copy, s.s, from);
		memcpy(copy + from, gap, sizeof(gap) - 1);
		memcpy(copy + from + sizeof(gap) - 1, s.s + to, s.n - to);
		copy[from + sizeof(gap) - 1 + s.n - to] = '\0';
	}
	return copy;
}

/* The policy as it was written, behind its annotations, which are told apart; and what is asked of all of it. */
static const char *own_text(const struct telling *t, const struct cedar_policy *p)
{
	static const char *const words[] = { "permit", "forbid" };
	const char *word = words[p->effect == CEDAR_FORBID], *s = t->src->text.s;
	uint32_t at = p->start;

	for (uint32_t i = 0; i < p->n_annotations; i++)
		at = p->annotations[i].end > at ? p->annotations[i].end : at;
	while (at + strlen(word) < p->end && memcmp(s + at, word, strlen(word)) != 0) {
		/* Comments may hold the word. */
		if (s[at] == '/') {
			while (at < p->end && s[at] != '\n' && s[at] != '\r')
				at++;
		}
		at++;
	}
	t->rule->equals = memmem(s + at, p->end - at, "resource ==", strlen("resource ==")) != NULL;
	return shortened(t->b->arena, (struct ward_str){ s + at, p->end - at });
}

static int tell(struct telling *t, const struct cedar_policy *p)
{
	struct ward_book_rule *r = t->rule;
	int code = WARD_OK;

	advance(&t->at, p->start);
	*r = (struct ward_book_rule){
		.file = t->src->name,
		.line = t->at.line,
		.column = t->at.column,
		.layer = t->src->layer,
		.approval = WARD_APPROVAL_NONE,
		.forbids = p->effect == CEDAR_FORBID,
		.inside = t->src->inside,
	};
	for (uint32_t i = 0; code == WARD_OK && i < p->n_annotations; i++)
		code = annotation(t, &p->annotations[i]);
	if (code == WARD_OK && r->text == NULL)
		r->text = own_text(t, p);
	return code == WARD_OK && r->text == NULL ? WARD_E_NOMEM : code;
}

int ward_book_provenance(struct ward_book *b, const struct ward_source *src,
	struct ward_book_set *set, struct ward_error *err)
{
	const struct cedar_policy_list *l = &set->policies.statics;
	struct telling t = {
		.b = b, .src = src, .at = { .text = src->text, .line = 1, .column = 1 }, .err = err
	};
	const char *name = ward_arena_strdup(b->arena, src->name);
	struct ward_source own = *src;
	int code = name != NULL ? WARD_OK : WARD_E_NOMEM;

	own.name = name;
	t.src = &own;
	set->rules = calloc(l->n + 1, sizeof(*set->rules));
	if (set->rules == NULL)
		code = WARD_E_NOMEM;
	for (size_t i = 0; code == WARD_OK && i < l->n; i++) {
		t.rule = &set->rules[i];
		code = tell(&t, l->v[i]);
	}
	if (code == WARD_E_NOMEM)
		return ward_fail(err, WARD_E_NOMEM, "no memory left for the policies");
	return code;
}
