/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of patterns as a tree; private to policy/pattern. A node is a place in some patterns: what was compared so far. Edges are
 * components; patterns that begin alike share nodes. Node 0 is the root of relative patterns, node 1 of absolute ones.
 */
#pragma once

#include <string.h>

#include "policy/pattern/own.h"

#define WARD_NODE_NONE UINT32_MAX

/* An edge with wildcards. head and tail: up to eight bytes of prefix and suffix, and which of the eight they are. */
struct ward_edge {
	uint64_t head, head_mask, tail, tail_mask;
	const struct ward_component *c;
	uint32_t to;
	bool leaf;                   /* nothing is below: of use for the last component only */
};

struct ward_literal {
	uint64_t hash;               /* ward_name_hash() */
	const char *s;               /* NULL: a free slot */
	uint32_t n, from, to;
};

/*
 * The edges of node from that begin, or end, with length bytes of one hash: edges first..first+n. All is compared, not only the
 * key, since who writes patterns may choose what collides.
 */
struct ward_bucket {
	uint64_t key;
	uint32_t from, first, n;     /* n 0: a free slot */
	uint16_t length;
	bool tail;
};

/* How long the beginnings and the ends are that a node's edges are found by: lengths[first..], ascending. */
struct ward_index {
	uint32_t first, n_heads, n_tails;
};

struct ward_node {
	uint32_t deep;               /* the node behind "**", or 0 */
	uint32_t place;              /* of a node behind "**" with edges: its number among those; else NONE */
	uint32_t ends, n_ends;       /* patterns that end here */
	uint32_t edges, n_edges;     /* to be tried one by one */
	uint32_t index;              /* of more edges, or NONE */
	bool literals, inner_literals, inner_edges; /* inner: one of them leads on */
};

struct ward_patterns {
	struct ward_arena *arena;
	const struct ward_pattern **v;
	size_t n, cap;
	bool built;
	struct ward_node *nodes;
	struct ward_edge *edges;
	struct ward_literal *literals;
	struct ward_bucket *buckets;
	struct ward_index *indexes;
	uint16_t *lengths;
	uint32_t *ends;
	uint64_t literal_mask, bucket_mask;
	uint32_t n_nodes, n_deep;    /* n_deep: nodes that have a place */
};

int ward_tree_build(struct ward_patterns *s, struct ward_error *err);
/* tree_index.c: sort the edges of each node and make buckets of those that have many. */
int ward_tree_index(struct ward_patterns *s);

/* ---- hashes that both sides take ---- */

static inline uint64_t ward_tree_mix(uint64_t h)
{
	h *= 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

static inline uint64_t ward_literal_slot(uint64_t hash, uint32_t from)
{
	return ward_tree_mix(hash + from);
}

/* Over the bytes of a beginning from the left, of an end from the right. */
static inline uint64_t ward_bytes_hash(uint64_t h, char c)
{
	return (h + (uint8_t)c + 1) * 0xd6e8feb86659fd93u;
}

static inline uint64_t ward_bucket_key(uint64_t bytes_hash, uint32_t from, bool tail)
{
	return ward_tree_mix(bytes_hash ^ ((uint64_t)from << 1 | (tail ? 1 : 0)) * 0xa0761d6478bd642fu);
}

/* The first, or last, up to eight bytes, at the beginning, or end, of a word. */
static inline uint64_t ward_head_word(const char *s, size_t n)
{
	uint64_t w = 0;

	if (n >= 8) {
		memcpy(&w, s, 8);
		return w;
	}
	for (size_t i = 0; i < n; i++)
		((char *)&w)[i] = s[i];
	return w;
}

static inline uint64_t ward_tail_word(const char *s, size_t n)
{
	uint64_t w = 0;

	if (n >= 8) {
		memcpy(&w, s + n - 8, 8);
		return w;
	}
	for (size_t i = 0; i < n; i++)
		((char *)&w)[8 - n + i] = s[i];
	return w;
}
