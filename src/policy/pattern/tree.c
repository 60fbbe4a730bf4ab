/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the tree of a set: first as nodes that know where they come from, found by a hash table, then as the arrays that
 * matching reads. Memory for the first is given back; the second lives in the set's arena.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/pattern/tree.h"

struct made {
	const struct ward_component *via; /* of a root: NULL */
	uint32_t from, deep;
};

struct end {
	uint32_t node, pattern;
};

struct builder {
	struct ward_patterns *s;
	struct made *nodes;
	uint32_t n, cap;
	uint32_t *
		table; /* nodes by where they come from and via what; 0: free, as no edge leads to a root */
	size_t table_cap;
	struct end *ends;
	size_t n_ends, cap_ends;
};

static bool grow(void **v, size_t *cap, size_t size)
{
	size_t want = *cap > 0 ? *cap * 2 : 64;
	void *p = realloc(*v, want * size);

	if (p == NULL)
		return false;
	*v = p;
	*cap = want;
	return true;
}

static size_t slot(const struct builder *b, uint32_t from, const struct ward_component *c)
{
	return ward_tree_mix(c->hash + (uint64_t)from * 0xa0761d6478bd642fu) & (b->table_cap - 1);
}

static bool rehash(struct builder *b)
{
	size_t cap = b->table_cap > 0 ? b->table_cap * 2 : 256;
	uint32_t *table = calloc(cap, sizeof(*table));

	if (table == NULL)
		return false;
	free(b->table);
	b->table = table;
	b->table_cap = cap;
	for (uint32_t id = 2; id < b->n; id++) {
		size_t i;

		if (b->nodes[id].via->kind == WARD_COMPONENT_DEEP)
			continue;
		i = slot(b, b->nodes[id].from, b->nodes[id].via);
		while (table[i] != 0)
			i = (i + 1) & (cap - 1);
		table[i] = id;
	}
	return true;
}

static int add_node(struct builder *b, uint32_t from, const struct ward_component *via,
	uint32_t *ret)
{
	size_t cap = b->cap;

	if (b->n == WARD_PATTERNS_NODES_MAX)
		return WARD_E_LIMIT;
	if (b->n == b->cap) {
		void *v = b->nodes;

		if (!grow(&v, &cap, sizeof(*b->nodes)))
			return WARD_E_NOMEM;
		b->nodes = v;
		b->cap = (uint32_t)cap;
	}
	b->nodes[b->n] = (struct made){ .via = via, .from = from };
	*ret = b->n++;
	return WARD_OK;
}

static int step(struct builder *b, uint32_t from, const struct ward_component *c, uint32_t *ret)
{
	size_t i;
	int r;

	if (c->kind == WARD_COMPONENT_DEEP) {
		*ret = b->nodes[from].deep;
		if (*ret != 0)
			return WARD_OK;
		r = add_node(b, from, c, ret);
		if (r == WARD_OK)
			b->nodes[from].deep = *ret;
		return r;
	}
	if (b->n >= b->table_cap / 2 && !rehash(b))
		return WARD_E_NOMEM;
	for (i = slot(b, from, c); b->table[i] != 0; i = (i + 1) & (b->table_cap - 1)) {
		const struct made *node = &b->nodes[b->table[i]];

		if (node->from == from && ward_component_equal(node->via, c)) {
			*ret = b->table[i];
			return WARD_OK;
		}
	}
	r = add_node(b, from, c, ret);
	if (r == WARD_OK)
		b->table[i] = *ret;
	return r;
}

static int add_alternative(struct builder *b, const struct ward_alternative *a, bool absolute,
	uint32_t pattern)
{
	uint32_t at = absolute ? 1 : 0;
	int r = WARD_OK;

	if (a->never)
		return WARD_OK;
	for (uint32_t i = 0; i < a->n && r == WARD_OK; i++)
		r = step(b, at, &a->v[i], &at);
	if (r < 0)
		return r;
	if (b->n_ends == b->cap_ends) {
		void *v = b->ends;

		if (!grow(&v, &b->cap_ends, sizeof(*b->ends)))
			return WARD_E_NOMEM;
		b->ends = v;
	}
	b->ends[b->n_ends++] = (struct end){ at, pattern };
	return WARD_OK;
}

static int add_all(struct builder *b)
{
	uint32_t root;
	int r = add_node(b, 0, NULL, &root);

	if (r == WARD_OK)
		r = add_node(b, 1, NULL, &root);
	for (size_t i = 0; i < b->s->n && r == WARD_OK; i++) {
		const struct ward_pattern *p = b->s->v[i];

		for (uint32_t k = 0; k < p->n && r == WARD_OK; k++)
			r = add_alternative(b, &p->v[k], p->absolute, (uint32_t)i);
	}
	return r;
}

/* ---- what matching reads ---- */

static bool set_ends(const struct builder *b)
{
	struct ward_patterns *s = b->s;
	uint32_t sum = 0;

	s->ends = ward_arena_alloc(s->arena, b->n_ends * sizeof(*s->ends));
	if (s->ends == NULL)
		return false;
	for (size_t i = 0; i < b->n_ends; i++)
		s->nodes[b->ends[i].node].n_ends++;
	for (uint32_t id = 0; id < s->n_nodes; id++) {
		s->nodes[id].ends = sum;
		sum += s->nodes[id].n_ends;
		s->nodes[id].n_ends = 0;
	}
	for (size_t i = 0; i < b->n_ends; i++) {
		struct ward_node *node = &s->nodes[b->ends[i].node];

		s->ends[node->ends + node->n_ends++] = b->ends[i].pattern;
	}
	return true;
}

static bool has_edges(const struct ward_node *node)
{
	return node->literals || node->n_edges > 0;
}

/* Counts first, so that what is a leaf is known when edges are made. Returns the number of literals. */
static size_t count(const struct builder *b)
{
	struct ward_patterns *s = b->s;
	size_t literals = 0;
	uint32_t sum = 0;

	for (uint32_t id = 2; id < s->n_nodes; id++) {
		struct ward_node *from = &s->nodes[b->nodes[id].from];

		if (b->nodes[id].via->kind == WARD_COMPONENT_LITERAL) {
			from->literals = true;
			literals++;
		} else if (b->nodes[id].via->kind == WARD_COMPONENT_WILD) {
			from->n_edges++;
		}
	}
	for (uint32_t id = 0; id < s->n_nodes; id++) {
		struct ward_node *node = &s->nodes[id];

		node->deep = b->nodes[id].deep;
		node->place = WARD_NODE_NONE;
		node->index = WARD_NODE_NONE;
		node->edges = sum;
		sum += node->n_edges;
		if (id >= 2 && b->nodes[id].via->kind == WARD_COMPONENT_DEEP && has_edges(node))
			node->place = s->n_deep++;
	}
	return literals;
}

static void put_literal(struct ward_patterns *s, const struct made *made, uint32_t to)
{
	const struct ward_component *c = made->via;
	uint64_t i = ward_literal_slot(c->hash, made->from) & s->literal_mask;

	while (s->literals[i].s != NULL)
		i = (i + 1) & s->literal_mask;
	s->literals[i] = (struct ward_literal){ c->hash, c->prefix.s, (uint32_t)c->prefix.n,
		made->from, to };
}

static struct ward_edge edge(const struct ward_component *c, uint32_t to, bool leaf)
{
	static const char ones[8] = { -1, -1, -1, -1, -1, -1, -1, -1 };

	return (struct ward_edge){
		.c = c,
		.to = to,
		.leaf = leaf,
		.head = ward_head_word(c->prefix.s, c->prefix.n),
		.head_mask = ward_head_word(ones, c->prefix.n < 8 ? c->prefix.n : 8),
		.tail = ward_tail_word(c->suffix.s, c->suffix.n),
		.tail_mask = ward_tail_word(ones, c->suffix.n < 8 ? c->suffix.n : 8),
	};
}

static bool set_edges(const struct builder *b)
{
	struct ward_patterns *s = b->s;
	size_t literals = count(b), cap = 2;
	const struct ward_node *last = &s->nodes[s->n_nodes - 1];
	uint32_t *used;

	while (cap < literals * 2)
		cap *= 2;
	s->literal_mask = cap - 1;
	s->literals = ward_arena_alloc(s->arena, cap * sizeof(*s->literals));
	s->edges = ward_arena_alloc(s->arena,
		((size_t)last->edges + last->n_edges) * sizeof(*s->edges));
	used = calloc(s->n_nodes, sizeof(*used));
	if (used == NULL || s->literals == NULL || s->edges == NULL) {
		free(used);
		return false;
	}
	for (uint32_t id = 2; id < s->n_nodes; id++) {
		const struct made *made = &b->nodes[id];
		struct ward_node *from = &s->nodes[made->from];
		bool leaf = !has_edges(&s->nodes[id]) && s->nodes[id].deep == 0;

		if (made->via->kind == WARD_COMPONENT_LITERAL) {
			put_literal(s, made, id);
			from->inner_literals = from->inner_literals || !leaf;
		} else if (made->via->kind == WARD_COMPONENT_WILD) {
			s->edges[from->edges + used[made->from]++] = edge(made->via, id, leaf);
			from->inner_edges = from->inner_edges || !leaf;
		}
	}
	free(used);
	return true;
}

static int set_nodes(const struct builder *b)
{
	struct ward_patterns *s = b->s;

	s->n_nodes = b->n;
	s->nodes = ward_arena_alloc(s->arena, s->n_nodes * sizeof(*s->nodes));
	if (s->nodes == NULL || !set_ends(b) || !set_edges(b))
		return WARD_E_NOMEM;
	return ward_tree_index(s);
}

int ward_tree_build(struct ward_patterns *s, struct ward_error *err)
{
	struct builder b = { .s = s };
	int r = add_all(&b);

	if (r == WARD_OK)
		r = set_nodes(&b);
	free(b.nodes);
	free(b.table);
	free(b.ends);
	if (r == WARD_E_LIMIT) {
		(void)ward_fail(err, r, "the patterns have too many parts together: over %u",
			WARD_PATTERNS_NODES_MAX);
		ward_fail_fix(err, "write fewer of them, or fewer braces");
	} else if (r < 0) {
		(void)ward_fail(err, r, "no memory left for a set of patterns");
	}
	return r;
}
