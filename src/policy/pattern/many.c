/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many patterns against one path. All places of the tree that the path may have come to go along with it: those that a component
 * led to (at most one way leads to a node, so none is there twice), and those behind a "**", which stay once they are reached
 * and are kept apart. A place that only the last component can lead on from is not even looked at before it.
 *
 * What matches is marked by number, so that the answer is in order whatever the tree's.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/pattern/tree.h"

struct walk {
	const struct ward_patterns *s;
	uint64_t *marks, *reached; /* bits: patterns; nodes behind "**" by place */
	uint32_t *deep, n_deep; /* those nodes */
	uint32_t *here, n_here, *next,
		n_next; /* nodes that the component before led to; that this one leads to */
	bool last; /* is this the last component? */
	bool any; /* does it stand for any? */
	struct ward_str name;
	uint64_t hash, head, tail; /* of it */
};

/* ---- making ---- */

struct ward_patterns *ward_patterns_new(void)
{
	struct ward_patterns *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	/* Twice, so that what is over the limit is found to be and not taken for a lack of memory. */
	s->arena = ward_arena_new((size_t)2 * WARD_PATTERNS_BYTES_MAX);
	if (s->arena == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void ward_patterns_free(struct ward_patterns *s)
{
	if (s == NULL)
		return;
	ward_arena_free(s->arena);
	free(s->v);
	free(s);
}

static int too_many(struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_LIMIT, "too many patterns in one set: over %u, or %u MiB",
		WARD_PATTERNS_MAX, WARD_PATTERNS_BYTES_MAX >> 20);
	ward_fail_fix(err, "name directories instead of files: DIRECTORY/**");
	return WARD_E_LIMIT;
}

static int one_more(struct ward_patterns *s, struct ward_error *err)
{
	if (s->built)
		return ward_fail(err, WARD_E_INVALID, "the set of patterns is built already");
	if (s->n == WARD_PATTERNS_MAX || ward_arena_bytes(s->arena) > WARD_PATTERNS_BYTES_MAX)
		return too_many(err);
	if (s->n == s->cap) {
		size_t cap = s->cap > 0 ? s->cap * 2 : 16;
		void *v = realloc(s->v, cap * sizeof(*s->v));

		if (v == NULL)
			return ward_fail(err, WARD_E_NOMEM, "no memory left for a pattern");
		s->v = v;
		s->cap = cap;
	}
	return WARD_OK;
}

int ward_patterns_take(struct ward_patterns *s, const struct ward_pattern *p,
	struct ward_error *err)
{
	int r = one_more(s, err);

	if (r == WARD_OK)
		s->v[s->n++] = p;
	return r;
}

int ward_patterns_add(struct ward_patterns *s, struct ward_str text, enum ward_grammar g,
	struct ward_error *err)
{
	struct ward_pattern_error bad;
	int r = one_more(s, err);

	if (r < 0)
		return r;
	if (ward_pattern_compile(s->arena, text, g, &s->v[s->n], &bad) < 0)
		return ward_pattern_fail(&bad, text, err);
	s->n++;
	return WARD_OK;
}

int ward_patterns_build(struct ward_patterns *s, struct ward_error *err)
{
	int r;

	if (s->built)
		return ward_fail(err, WARD_E_INVALID, "the set of patterns is built already");
	if (ward_arena_bytes(s->arena) > WARD_PATTERNS_BYTES_MAX)
		return too_many(err);
	r = ward_tree_build(s, err);
	s->built = r == WARD_OK;
	return r;
}

size_t ward_patterns_count(const struct ward_patterns *s)
{
	return s->n;
}

const struct ward_pattern *ward_patterns_get(const struct ward_patterns *s, size_t i)
{
	return i < s->n ? s->v[i] : NULL;
}

/* ---- matching ---- */

static size_t words(size_t bits)
{
	return (bits + 63) / 64;
}

size_t ward_patterns_scratch_size(const struct ward_patterns *s)
{
	size_t n = words(s->n) + words(s->n_deep);

	/* Not none: malloc(0) may be NULL. */
	return 8 + n * sizeof(uint64_t) +
		((size_t)s->n_deep + 2 * (size_t)s->n_nodes) * sizeof(uint32_t);
}

static void begin(struct walk *w, void *scratch)
{
	const struct ward_patterns *s = w->s;

	w->marks = scratch;
	w->reached = w->marks + words(s->n);
	w->deep = (uint32_t *)(w->reached + words(s->n_deep));
	w->here = w->deep + s->n_deep;
	w->next = w->here + s->n_nodes;
	memset(scratch, 0, (size_t)((char *)w->deep - (char *)scratch));
}

static void end_here(struct walk *w, const struct ward_node *node)
{
	for (uint32_t i = 0; i < node->n_ends; i++) {
		uint32_t p = w->s->ends[node->ends + i];

		w->marks[p / 64] |= (uint64_t)1 << (p % 64);
	}
}

/* What ends behind "**" matches from now on, whatever follows. */
static void reach(struct walk *w, uint32_t id)
{
	const struct ward_node *node = &w->s->nodes[id];

	if (node->place != WARD_NODE_NONE) {
		uint64_t bit = (uint64_t)1 << (node->place % 64);

		if ((w->reached[node->place / 64] & bit) != 0)
			return;
		w->reached[node->place / 64] |= bit;
		w->deep[w->n_deep++] = id;
	}
	end_here(w, node);
}

static void arrive(struct walk *w, uint32_t id)
{
	const struct ward_node *node = &w->s->nodes[id];

	if (w->last)
		end_here(w, node);
	else if (node->literals || node->n_edges > 0 || node->index != WARD_NODE_NONE)
		w->next[w->n_next++] = id;
	if (node->deep != 0)
		reach(w, node->deep);
}

static void by_literal(struct walk *w, uint32_t from)
{
	const struct ward_patterns *s = w->s;
	uint64_t i = ward_literal_slot(w->hash, from) & s->literal_mask;

	for (; s->literals[i].s != NULL; i = (i + 1) & s->literal_mask) {
		const struct ward_literal *l = &s->literals[i];

		if (l->hash == w->hash && l->from == from && l->n == w->name.n &&
			memcmp(l->s, w->name.s, l->n) == 0) {
			arrive(w, l->to);
			return;
		}
	}
}

static void by_edges(struct walk *w, uint32_t first, uint32_t n)
{
	for (const struct ward_edge *e = w->s->edges + first, *end = e + n; e < end; e++) {
		if ((w->head & e->head_mask) == e->head && (w->tail & e->tail_mask) == e->tail &&
			(w->last || !e->leaf) &&
			(w->any ? e->c->all : ward_component_match(e->c, w->name)))
			arrive(w, e->to);
	}
}

static void by_key(struct walk *w, uint64_t hash, uint32_t from, uint16_t length, bool tail)
{
	const struct ward_patterns *s = w->s;
	uint64_t key = ward_bucket_key(hash, from, tail);

	for (uint64_t i = key & s->bucket_mask; s->buckets[i].n > 0; i = (i + 1) & s->bucket_mask) {
		const struct ward_bucket *b = &s->buckets[i];

		if (b->key == key && b->from == from && b->length == length && b->tail == tail) {
			by_edges(w, b->first, b->n);
			return;
		}
	}
}

static void by_index(struct walk *w, uint32_t from, const struct ward_index *x)
{
	const uint16_t *length = w->s->lengths + x->first, *end = length + x->n_heads;
	const char *s = w->name.s;
	size_t n = w->name.n, i = 0;
	uint64_t h = 0;

	for (; length < end && *length <= n; length++) {
		for (; i < *length; i++)
			h = ward_bytes_hash(h, s[i]);
		by_key(w, h, from, *length, false);
	}
	length = end;
	end += x->n_tails;
	for (i = 0, h = 0; length < end && *length <= n; length++) {
		for (; i < *length; i++)
			h = ward_bytes_hash(h, s[n - 1 - i]);
		by_key(w, h, from, *length, true);
	}
}

static void leave(struct walk *w, uint32_t from)
{
	const struct ward_node *node = &w->s->nodes[from];

	if (!w->any && (w->last ? node->literals : node->inner_literals))
		by_literal(w, from);
	if (!w->last && !node->inner_edges)
		return;
	if (node->n_edges > 0)
		by_edges(w, node->edges, node->n_edges);
	if (node->index != WARD_NODE_NONE)
		by_index(w, from, &w->s->indexes[node->index]);
}

static void component(struct walk *w)
{
	uint32_t n_deep = w->n_deep; /* not those that this component leads to */
	uint32_t *swap = w->here;

	w->hash = ward_name_hash(w->name.s, w->name.n);
	w->head = ward_head_word(w->name.s, w->name.n);
	w->tail = ward_tail_word(w->name.s, w->name.n);
	w->n_next = 0;
	for (uint32_t i = 0; i < w->n_here; i++)
		leave(w, w->here[i]);
	for (uint32_t i = 0; i < n_deep; i++)
		leave(w, w->deep[i]);
	w->here = w->next;
	w->n_here = w->n_next;
	w->next = swap;
}

static size_t marked(const struct walk *w, uint32_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < words(w->s->n); i++) {
		for (uint64_t m = w->marks[i]; m != 0; m &= m - 1)
			out[n++] = (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(m);
	}
	return n;
}

size_t ward_patterns_match(const struct ward_patterns *s, struct ward_str path, void *scratch,
	uint32_t *out)
{
	struct walk w = { .s = s };
	struct ward_str name;
	uint32_t root;
	size_t at = 0;

	if (!s->built || path.n == 0 || memchr(path.s, '\0', path.n) != NULL)
		return 0;
	root = path.s[0] == '/' ? 1 : 0;
	begin(&w, scratch);
	w.last = !ward_path_next(path, &at, &name);
	arrive(&w, root);
	w.here[0] = root;
	w.n_here = 1;
	while (!w.last) {
		w.name = name;
		w.any = ward_path_is_any(path, name);
		if (name.n == 2 && name.s[0] == '.' && name.s[1] == '.')
			return 0;
		w.last = !ward_path_next(path, &at, &name);
		component(&w);
	}
	return marked(&w, out);
}
