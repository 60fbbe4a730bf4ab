/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edges with wildcards of a node that has many of them, so that a name meets only those which it may match: by the bytes
 * before the first wildcard, or those behind the last, whichever is longer. Edges of the same bytes are a bucket; a node knows
 * which lengths to try. Edges without either are tried one by one, and so are all of a node that has few.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/pattern/tree.h"

#define FEW 6

struct sorted {
	struct ward_edge edge;
	uint64_t key;
	size_t length; /* 0: to be tried one by one */
	bool tail;
};

struct indexer {
	struct ward_patterns *s;
	struct sorted *v; /* the edges of the node at hand */
	uint32_t n_lengths, n_buckets, n_indexes;
};

static struct sorted sorted(const struct ward_edge *e, uint32_t from)
{
	const struct ward_str head = e->c->prefix, tail = e->c->suffix;
	struct sorted it = { .edge = *e, .tail = tail.n >= head.n };
	uint64_t h = 0;

	it.length = it.tail ? tail.n : head.n;
	for (size_t i = 0; i < it.length; i++)
		h = ward_bytes_hash(h, it.tail ? tail.s[tail.n - 1 - i] : head.s[i]);
	it.key = ward_bucket_key(h, from, it.tail);
	return it;
}

/* Those without a key, heads by length, tails by length; of one length by key. */
static int compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	if ((x->length == 0) != (y->length == 0))
		return x->length == 0 ? -1 : 1;
	if (x->tail != y->tail)
		return x->tail ? 1 : -1;
	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->edge.to < y->edge.to ? -1 : 1;
}

static void put_bucket(struct ward_patterns *s, struct ward_bucket b)
{
	uint64_t i = b.key & s->bucket_mask;

	while (s->buckets[i].n > 0)
		i = (i + 1) & s->bucket_mask;
	s->buckets[i] = b;
}

static void index_node(struct indexer *x, uint32_t from)
{
	struct ward_patterns *s = x->s;
	struct ward_node *node = &s->nodes[from];
	struct ward_edge *edges = s->edges + node->edges;
	struct ward_index *index = &s->indexes[x->n_indexes];
	uint32_t n = node->n_edges, plain = 0;

	for (uint32_t i = 0; i < n; i++)
		x->v[i] = sorted(&edges[i], from);
	qsort(x->v, n, sizeof(*x->v), compare);
	index->first = x->n_lengths;
	for (uint32_t i = 0, width; i < n; i += width) {
		const struct sorted *it = &x->v[i];

		for (width = 0; i + width < n && x->v[i + width].key == it->key &&
			x->v[i + width].length == it->length && x->v[i + width].tail == it->tail;
			width++)
			edges[i + width] = x->v[i + width].edge;
		if (it->length == 0) {
			plain += width;
			continue;
		}
		put_bucket(s,
			(struct ward_bucket){ it->key, from, node->edges + i, width,
				(uint16_t)it->length, it->tail });
		if (i == plain || it[-1].length != it->length || it[-1].tail != it->tail) {
			s->lengths[x->n_lengths++] = (uint16_t)it->length;
			if (it->tail)
				index->n_tails++;
			else
				index->n_heads++;
		}
	}
	node->n_edges = plain;
	node->index = x->n_indexes++;
}

int ward_tree_index(struct ward_patterns *s)
{
	struct indexer x = { .s = s };
	uint32_t most = 0, nodes = 0, cap = 2;
	size_t edges = 0;

	for (uint32_t id = 0; id < s->n_nodes; id++) {
		uint32_t n = s->nodes[id].n_edges;

		if (n <= FEW)
			continue;
		nodes++;
		edges += n;
		most = n > most ? n : most;
	}
	if (nodes == 0)
		return WARD_OK;
	while (cap < edges * 2)
		cap *= 2;
	s->bucket_mask = cap - 1;
	s->buckets = ward_arena_alloc(s->arena, cap * sizeof(*s->buckets));
	s->indexes = ward_arena_alloc(s->arena, nodes * sizeof(*s->indexes));
	s->lengths = ward_arena_alloc(s->arena, edges * sizeof(*s->lengths));
	x.v = malloc(most * sizeof(*x.v));
	if (s->buckets == NULL || s->indexes == NULL || s->lengths == NULL || x.v == NULL) {
		free(x.v);
		return WARD_E_NOMEM;
	}
	for (uint32_t id = 0; id < s->n_nodes; id++) {
		if (s->nodes[id].n_edges > FEW)
			index_node(&x, id);
	}
	free(x.v);
	return WARD_OK;
}
