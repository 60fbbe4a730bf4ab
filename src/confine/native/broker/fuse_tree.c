/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The static table behind the FUSE layer: built once from the plan's nodes, then only read. It gives each node its
 * id (index + 1), finds a child by name in one hash probe, and lists children in order for readdir.
 *
 * It trusts the plan's order (sorted by dest, every parent present) only after checking it: a plan that is not so
 * is refused instead of served with holes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "confine/native/broker.h"

/* By kind. A mount point is never seen without its mount; DENIED and MASK are there to be refused. */
static const uint32_t kind_mode[] = {
	[WARD_NODE_DIR] = S_IFDIR | 0755,
	[WARD_NODE_BIND] = S_IFREG | 0444, /* a directory where node->is_dir */
	[WARD_NODE_SYMLINK] = S_IFLNK | 0777,
	[WARD_NODE_FILE] = S_IFREG | 0444,
	[WARD_NODE_TMPFS] = S_IFDIR | 0755,
	[WARD_NODE_CACHE] = S_IFDIR | 0755,
	[WARD_NODE_PROC] = S_IFDIR | 0755,
	[WARD_NODE_DEV] = S_IFDIR | 0755,
	[WARD_NODE_MASK] = S_IFREG,
	[WARD_NODE_DENIED] = S_IFREG,
};

uint32_t ward_tree_mode(const struct ward_node *node)
{
	if (node->kind == WARD_NODE_BIND && node->is_dir)
		return S_IFDIR | 0755;
	if (node->kind == WARD_NODE_MASK && node->is_dir)
		return S_IFDIR;
	return (size_t)node->kind < WARD_ARRAY_SIZE(kind_mode) ? kind_mode[node->kind] : S_IFREG;
}

bool ward_fuse_tells(const struct ward_node *n)
{
	return n->kind == WARD_NODE_MASK && n->told && n->mode == 0;
}

static uint32_t hash_name(uint32_t parent, const char *name, size_t n)
{
	uint32_t h = 2166136261u ^ parent;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	/* FNV's low bits are weak for short names. */
	return h ^ (h >> 15);
}

uint32_t ward_tree_child(const struct ward_tree *t, uint32_t parent, const char *name, size_t n)
{
	for (uint32_t i = hash_name(parent, name, n) & t->mask; t->hash[i]; i = (i + 1) & t->mask) {
		const struct ward_tree_entry *e = &t->v[t->hash[i] - 1];

		if (e->parent == parent && e->name_len == n && memcmp(e->name, name, n) == 0)
			return t->hash[i] - 1;
	}
	return WARD_TREE_NONE;
}

static void insert(struct ward_tree *t, uint32_t index)
{
	const struct ward_tree_entry *e = &t->v[index];
	uint32_t i = hash_name(e->parent, e->name, e->name_len) & t->mask;

	while (t->hash[i])
		i = (i + 1) & t->mask;
	t->hash[i] = index + 1;
}

/* Walks dest down from the root; all components but the last must be in the table. */
static uint32_t find_parent(const struct ward_tree *t, const char *dest, const char **ret_name)
{
	uint32_t at = 0;
	const char *p = dest + 1, *slash;

	while ((slash = strchr(p, '/'))) {
		at = ward_tree_child(t, at, p, (size_t)(slash - p));
		if (at == WARD_TREE_NONE)
			return WARD_TREE_NONE;
		p = slash + 1;
	}
	*ret_name = p;
	return at;
}

static int add_node(struct ward_tree *t, const struct ward_node *node, struct ward_error *err)
{
	struct ward_tree_entry *e = &t->v[t->n];

	*e = (struct ward_tree_entry){ .node = node, .name = "", .parent = WARD_TREE_NONE };
	if (ward_streq(node->dest, "/"))
		return WARD_OK; /* it is entry 0 already, whether a plan names it or not */
	if (node->dest[0] != '/')
		return ward_fail(err, WARD_E_INTERNAL, "plan: node %s is not absolute", node->dest);
	e->parent = find_parent(t, node->dest, &e->name);
	if (e->parent == WARD_TREE_NONE || e->name[0] == '\0')
		return ward_fail(err, WARD_E_INTERNAL, "plan: node %s has no parent", node->dest);
	e->name_len = (uint32_t)strlen(e->name);
	if (ward_tree_child(t, e->parent, e->name, e->name_len) != WARD_TREE_NONE)
		return ward_fail(err, WARD_E_INTERNAL, "plan: node %s is there twice", node->dest);
	t->v[e->parent].n_children++;
	insert(t, t->n++);
	return WARD_OK;
}

static void group_children(struct ward_tree *t)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		t->v[i].first_child = at;
		at += t->v[i].n_children;
		t->v[i].n_children = 0;
	}
	for (uint32_t i = 1; i < t->n; i++) {
		struct ward_tree_entry *p = &t->v[t->v[i].parent];

		t->children[p->first_child + p->n_children++] = i;
	}
}

int ward_tree_init(struct ward_tree *t, const struct ward_plan *plan, struct ward_error *err)
{
	static const struct ward_node root = { .kind = WARD_NODE_DIR, .dest = "/", .rule = -1 };
	uint32_t size = 16;

	*t = (struct ward_tree){ 0 };
	if (plan->n_nodes == 0 || plan->n_nodes > WARD_MOUNTS_MAX)
		return ward_fail(err, WARD_E_LIMIT,
			"the view has %zu entries; 1 to %d are possible", plan->n_nodes,
			WARD_MOUNTS_MAX);
	while (size < 2 * (plan->n_nodes + 1))
		size *= 2;
	t->mask = size - 1;
	t->v = calloc(plan->n_nodes + 1, sizeof(*t->v));
	t->children = calloc(plan->n_nodes + 1, sizeof(*t->children));
	t->hash = calloc(size, sizeof(*t->hash));
	if (!t->v || !t->children || !t->hash) {
		ward_tree_done(t);
		return ward_fail(err, WARD_E_NOMEM, "no memory for the view's table");
	}
	t->v[0] = (struct ward_tree_entry){ .node = &root, .name = "", .parent = WARD_TREE_NONE };
	t->n = 1;
	for (size_t i = 0; i < plan->n_nodes; i++) {
		int r = add_node(t, &plan->nodes[i], err);

		if (r < 0) {
			ward_tree_done(t);
			return r;
		}
	}
	group_children(t);
	return WARD_OK;
}

void ward_tree_done(struct ward_tree *t)
{
	free(t->v);
	free(t->children);
	free(t->hash);
	*t = (struct ward_tree){ 0 };
}
