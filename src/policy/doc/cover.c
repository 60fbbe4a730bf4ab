/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rules hide which. First by their text: P/ and two stars match whatever begins with P/, two stars match everything, and
 * equal texts match the same; a list is sorted once by hash, and a rule then asks for the few texts that could cover it: n log n for
 * the whole. Then by what they match, pair by pair, as long as a budget lasts: so "not covered" is never a proof.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/doc/internal.h"

/* Not of files: no grammar of patterns has a say. */
static bool other_list(const struct ward_doc_rule *r)
{
	return ward_doc_is_network(r->list) || r->list == WARD_DOC_LIST_ALLOW_EXEC ||
		r->list == WARD_DOC_LIST_DENY_EXEC;
}

bool ward_doc_comparable(const struct ward_doc_rule *a, const struct ward_doc_rule *b)
{
	static const char special[] = "[]{}\\";

	return a->doc->grammar == b->doc->grammar || other_list(a) ||
		(strpbrk(a->pattern, special) == NULL && strpbrk(b->pattern, special) == NULL);
}

/* FNV-1a. A text is compared when its hash is found; many texts of one hash would cost time, and nothing else. */
#define HASH_START 0xcbf29ce484222325u

static uint64_t hash(uint64_t h, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)s[i]) * 0x100000001b3u;
	return h;
}

static int by_hash(const void *a, const void *b)
{
	const struct doc_cover_entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

int ward_doc_cover_init(struct doc_cover *c, struct ward_arena *arena, struct ward_doc_rules rules,
	enum doc_cover_which which)
{
	c->n = 0;
	c->v = ward_arena_alloc(arena, (rules.n + 1) * sizeof(*c->v));
	if (c->v == NULL)
		return WARD_E_NOMEM;
	for (size_t i = 0; i < rules.n; i++) {
		const char *s = rules.v[i].pattern;

		if (which == DOC_COVER_ALL || !rules.v[i].negated)
			c->v[c->n++] = (struct doc_cover_entry){ hash(HASH_START, s, strlen(s)),
				&rules.v[i], i };
	}
	qsort(c->v, c->n, sizeof(*c->v), by_hash);
	return WARD_OK;
}

/* What is looked for: the text s of n bytes, and tail behind it. */
struct wanted {
	const struct ward_doc_rule *rule;
	const char *tail;
	size_t n, lo, hi;
	uint64_t hash;
};

static bool has_text(const struct doc_cover_entry *e, const struct wanted *w)
{
	return strncmp(e->rule->pattern, w->rule->pattern, w->n) == 0 &&
		strcmp(e->rule->pattern + w->n, w->tail) == 0;
}

/* The last entry of that text with lo <= index < hi that the rule may be compared with. */
static const struct doc_cover_entry *find(const struct doc_cover *c, const struct wanted *w)
{
	size_t from = 0, to = c->n;

	/* The first entry behind those of the hash with index < hi. */
	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (c->v[mid].hash < w->hash ||
			(c->v[mid].hash == w->hash && c->v[mid].index < w->hi))
			from = mid + 1;
		else
			to = mid;
	}
	while (from-- > 0 && c->v[from].hash == w->hash && c->v[from].index >= w->lo) {
		if (has_text(&c->v[from], w) && ward_doc_comparable(c->v[from].rule, w->rule))
			return &c->v[from];
	}
	return NULL;
}

const struct ward_doc_rule *ward_doc_cover_equal(const struct doc_cover *c,
	const struct ward_doc_rule *r)
{
	size_t n = strlen(r->pattern);
	struct wanted w = { r, "", n, 0, SIZE_MAX, hash(HASH_START, r->pattern, n) };
	const struct doc_cover_entry *found = find(c, &w);

	return found != NULL ? found->rule : NULL;
}

static void later(const struct doc_cover_entry **best, const struct doc_cover_entry *found)
{
	if (found != NULL && (*best == NULL || found->index > (*best)->index))
		*best = found;
}

const struct ward_doc_rule *ward_doc_cover_find(const struct doc_cover *c,
	const struct ward_doc_rule *r, size_t lo, size_t hi, bool strict, size_t *ret_index)
{
	const char *everything = other_list(r) ? "*" : "**", *s = r->pattern;
	const struct doc_cover_entry *best = NULL;
	struct wanted w = { r, everything, 0, lo, hi,
		hash(HASH_START, everything, strlen(everything)) };
	/* Of "P/" and two stars, P/ and two stars is itself. */
	size_t n = strlen(s), self = strict && ward_has_suffix(s, "/**") ? n - 3 : SIZE_MAX;
	uint64_t h = HASH_START;

	if (c->n == 0)
		return NULL;
	if (!strict || strcmp(s, everything) != 0)
		later(&best, find(c, &w));
	/* Every directory that the text names, and itself. */
	for (size_t i = 0; i <= n; i++) {
		if (i == n || (s[i] == '/' && i > 0)) {
			w = (struct wanted){ r, "/**", i, lo, hi, hash(h, "/**", 3) };
			if (i != self)
				later(&best, find(c, &w));
		}
		if (i < n)
			h = hash(h, s + i, 1);
	}
	w = (struct wanted){ r, "", n, lo, hi, h };
	if (!strict)
		later(&best, find(c, &w));
	if (best == NULL)
		return NULL;
	if (ret_index != NULL)
		*ret_index = best->index;
	return best->rule;
}

/* ---- by what they match: exact, and dear ---- */

#define EXACT 16 /* times what a look at the texts costs */

static bool spend(size_t *budget, size_t n)
{
	if (*budget < n) {
		*budget = 0;
		return false;
	}
	*budget -= n;
	return true;
}

static bool special(char c, unsigned grammar)
{
	return c == '*' || c == '?' || (grammar == 2 && (c == '[' || c == '{' || c == '\\'));
}

/* By their texts: true when two characters differ before anything may stand for more than itself. */
static bool apart(const struct ward_doc_rule *a, const struct ward_doc_rule *b)
{
	const char *x = a->pattern, *y = b->pattern;

	while (!special(*x, a->doc->grammar) && !special(*y, b->doc->grammar)) {
		if (*x != *y) /* but "P" lies in "P/" and two stars */
			return !(*x == '\0' && *y == '/') && !(*x == '/' && *y == '\0');
		if (*x == '\0')
			return false;
		x++;
		y++;
	}
	return false;
}

bool ward_doc_apart(size_t *budget, const struct ward_doc_rule *a, const struct ward_doc_rule *b)
{
	if (!spend(budget, 1))
		return false;
	return apart(a, b) ||
		(spend(budget, EXACT) && !ward_pattern_overlap(a->compiled, b->compiled));
}

const struct ward_doc_rule *ward_doc_covered(size_t *budget, const struct doc_cover *c,
	const struct ward_doc_rule *r, size_t lo, size_t hi, bool strict, size_t *ret_index)
{
	const struct ward_doc_rule *found = ward_doc_cover_find(c, r, lo, hi, strict, ret_index);
	const struct doc_cover_entry *best = NULL;

	if (found != NULL || r->compiled == NULL)
		return found;
	for (size_t i = 0; i<c->n && * budget> 0; i++) {
		const struct doc_cover_entry *e = &c->v[i];

		if (e->index < lo || e->index >= hi || (best != NULL && e->index < best->index))
			continue;
		if (!spend(budget, 1) || apart(e->rule, r) || !spend(budget, EXACT))
			continue;
		if (ward_pattern_covers(e->rule->compiled, r->compiled) &&
			!(strict && ward_pattern_covers(r->compiled, e->rule->compiled)))
			best = e;
	}
	if (best == NULL)
		return NULL;
	if (ret_index != NULL)
		*ret_index = best->index;
	return best->rule;
}

const struct ward_doc_rule *ward_doc_denied_by(size_t *budget, const struct doc_cover *positive,
	struct ward_doc_rules list, const struct ward_doc_rule *r)
{
	size_t index = 0;
	/* The last one that covers r: the fewest exceptions stand behind it. */
	const struct ward_doc_rule *found =
		ward_doc_covered(budget, positive, r, 0, list.n, false, &index);

	for (size_t i = index + 1; found != NULL && i < list.n; i++) {
		if (list.v[i].negated && !ward_doc_apart(budget, &list.v[i], r))
			return NULL;
	}
	return found;
}
