/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rules hide which, by their text alone: P/ and two stars match whatever begins with P/, two stars match everything, and
 * equal texts match the same. What else a pattern may cover is not looked for, so "not covered" is never a proof. A list is
 * sorted once; a rule then asks for the few texts that could cover it: n log n for the whole.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/doc/internal.h"

static bool exec_list(const struct ward_doc_rule *r)
{
	return r->list == WARD_DOC_LIST_ALLOW_EXEC || r->list == WARD_DOC_LIST_DENY_EXEC;
}

bool ward_doc_comparable(const struct ward_doc_rule *a, const struct ward_doc_rule *b)
{
	static const char special[] = "[]{}\\";

	return a->doc->grammar == b->doc->grammar || exec_list(a) ||
		(strpbrk(a->pattern, special) == NULL && strpbrk(b->pattern, special) == NULL);
}

static int by_text(const void *a, const void *b)
{
	const struct doc_cover_entry *x = a, *y = b;
	int order = strcmp(x->rule->pattern, y->rule->pattern);

	if (order != 0)
		return order;
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
		if (which == DOC_COVER_ALL || !rules.v[i].negated)
			c->v[c->n++] = (struct doc_cover_entry){ &rules.v[i], i };
	}
	qsort(c->v, c->n, sizeof(*c->v), by_text);
	return WARD_OK;
}

/* An entry of the text s with lo <= index < hi that r may be compared with: the last such. */
static const struct doc_cover_entry *find(const struct doc_cover *c, const char *s,
	const struct ward_doc_rule *r, size_t lo, size_t hi)
{
	size_t from = 0, to = c->n;

	/* The first entry behind those of s with index < hi. */
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int order = strcmp(c->v[mid].rule->pattern, s);

		if (order < 0 || (order == 0 && c->v[mid].index < hi))
			from = mid + 1;
		else
			to = mid;
	}
	while (from-- > 0 && strcmp(c->v[from].rule->pattern, s) == 0 && c->v[from].index >= lo) {
		if (ward_doc_comparable(c->v[from].rule, r))
			return &c->v[from];
	}
	return NULL;
}

const struct ward_doc_rule *ward_doc_cover_equal(const struct doc_cover *c,
	const struct ward_doc_rule *r)
{
	const struct doc_cover_entry *found = find(c, r->pattern, r, 0, SIZE_MAX);

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
	const char *everything = exec_list(r) ? "*" : "**";
	const struct doc_cover_entry *best = NULL;
	size_t n = strlen(r->pattern);
	char text[WARD_PATH_MAX + 4];

	if (c->n == 0 || n >= WARD_PATH_MAX)
		return NULL;
	if (!strict || strcmp(r->pattern, everything) != 0)
		later(&best, find(c, everything, r, lo, hi));
	if (!strict)
		later(&best, find(c, r->pattern, r, lo, hi));
	memcpy(text, r->pattern, n);
	/* Every directory that the text names, itself first. */
	for (size_t i = n; i > 0; i--) {
		if (i < n && r->pattern[i] != '/')
			continue;
		memcpy(text + i, "/**", 4);
		if (!strict || strcmp(text, r->pattern) != 0)
			later(&best, find(c, text, r, lo, hi));
		memcpy(text + i, r->pattern + i, n - i < 4 ? n - i : 4);
	}
	if (best == NULL)
		return NULL;
	if (ret_index != NULL)
		*ret_index = best->index;
	return best->rule;
}

static bool wild(const char *s, size_t n, unsigned grammar)
{
	for (size_t i = 0; i < n; i++) {
		if (strchr(grammar == 1 ? "*?" : "*?[]{}\\", s[i]) != NULL)
			return true;
	}
	return false;
}

bool ward_doc_may_overlap(const struct ward_doc_rule *a, const struct ward_doc_rule *b)
{
	const char *x = ward_streq(a->pattern, ".") ? "" : a->pattern;
	const char *y = ward_streq(b->pattern, ".") ? "" : b->pattern;

	/* Braces may hold "/", and then components are not what stands between two of them. */
	if ((a->doc->grammar == 2 && strpbrk(x, "{\\") != NULL) ||
		(b->doc->grammar == 2 && strpbrk(y, "{\\") != NULL))
		return true;
	while (*x != '\0' && *y != '\0') {
		size_t n = strcspn(x, "/"), m = strcspn(y, "/");

		if ((n == 2 && memcmp(x, "**", 2) == 0) || (m == 2 && memcmp(y, "**", 2) == 0))
			return true;
		if (!wild(x, n, a->doc->grammar) && !wild(y, m, b->doc->grammar) &&
			(n != m || memcmp(x, y, n) != 0))
			return false;
		x += n + (x[n] == '/');
		y += m + (y[m] == '/');
	}
	return (*x == '\0' || ward_has_prefix(x, "**")) && (*y == '\0' || ward_has_prefix(y, "**"));
}

bool ward_doc_pair(struct ward_docs *docs)
{
	if (docs->pairs == 0)
		return false;
	docs->pairs--;
	return true;
}

const struct ward_doc_rule *ward_doc_denied_by(struct ward_docs *docs,
	const struct doc_cover *positive, struct ward_doc_rules list, const struct ward_doc_rule *r)
{
	size_t index = 0;
	/* The last one that covers r: the fewest exceptions stand behind it. */
	const struct ward_doc_rule *found =
		ward_doc_cover_find(positive, r, 0, list.n, false, &index);

	for (size_t i = index + 1; found != NULL && i < list.n; i++) {
		if (list.v[i].negated &&
			(!ward_doc_pair(docs) || ward_doc_may_overlap(&list.v[i], r)))
			return NULL;
	}
	return found;
}
