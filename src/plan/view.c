/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view: which names exist inside. Nodes come in any order, repeated and nested; out comes the smallest list
 * that says the same. Three rules decide:
 *   - one dest, one node: the stronger kind wins, and two binds of one dest add their rights up;
 *   - grants add up: a read grant inside a write grant takes nothing away, as a permit never does in the policy;
 *   - what a wider bind already shows in the same way is not mounted again (but where a mount holds its place), and what Ward would have made up
 *     (links, files, private directories of the base) gives way to a grant that covers it.
 * It refuses a node below something that is no directory: a view that cannot be mounted is no view.
 */
#include <stdlib.h>
#include <string.h>

#include "plan/internal.h"

/* Stronger kinds take a dest from weaker ones. /proc and /dev are never the host's. */
static const int strength[] = {
	[WARD_NODE_DIR] = 0,
	[WARD_NODE_DENIED] = 1,
	[WARD_NODE_SYMLINK] = 2,
	[WARD_NODE_FILE] = 3,
	[WARD_NODE_TMPFS] = 4,
	[WARD_NODE_BIND] = 5,
	[WARD_NODE_CACHE] = 6,
	[WARD_NODE_MASK] = 7,
	[WARD_NODE_DEV] = 8,
	[WARD_NODE_PROC] = 8,
};

static int by_dest(const void *va, const void *vb)
{
	const struct ward_node *a = va, *b = vb;
	int c = strcmp(a->dest, b->dest);

	if (c != 0)
		return c;
	if (strength[a->kind] != strength[b->kind])
		return strength[b->kind] - strength[a->kind];
	if (a->fixed != b->fixed)
		return a->fixed ? -1 : 1;
	/* Two of a kind: grants before the base, writers first, so that the rule shown is the one that matters. */
	if (a->base != b->base)
		return a->base ? 1 : -1;
	if (a->write != b->write)
		return a->write ? -1 : 1;
	return a->rule - b->rule;
}

static int fail_below(struct ward_error *err, const char *dest, const char *above)
{
	ward_fail(err, WARD_E_INVALID, "\"%s\" cannot be in the view: \"%s\" is no directory there",
		dest, above);
	ward_fail_fix(err, "grant one of the two");
	return WARD_E_INVALID;
}

static int copy(struct ward_plan *p, const struct ward_node *from, struct ward_node *to,
	struct ward_error *err)
{
	if (!from->dest || from->dest[0] != '/' ||
		(unsigned)from->kind >= WARD_ARRAY_SIZE(strength))
		return ward_fail(err, WARD_E_INTERNAL, "a node of the view without a place");
	*to = *from;
	to->dest = ward_arena_strdup(p->arena, from->dest);
	if (from->pin_text)
		to->pin_text = ward_arena_strdup(p->arena, from->pin_text);
	if (from->later)
		to->later = ward_arena_strdup(p->arena, from->later);
	if (from->source)
		to->source = from->kind == WARD_NODE_FILE
			? ward_arena_dup(p->arena, from->source, from->source_len)
			: strcmp(from->source, from->dest) == 0
			? to->dest
			: ward_arena_strdup(p->arena, from->source);
	if (!to->dest || (from->source && !to->source) || (from->pin_text && !to->pin_text) ||
		(from->later && !to->later))
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	return WARD_OK;
}

/* One node a dest. v is sorted; returns how many are left. */
static size_t merge(struct ward_node *v, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		struct ward_node *last = out ? &v[out - 1] : NULL;

		if (strcmp(v[i].dest, "/") == 0 && v[i].kind == WARD_NODE_DIR)
			continue;
		if (!last || strcmp(last->dest, v[i].dest) != 0) {
			v[out++] = v[i];
			continue;
		}
		last->stay |= last->kind == WARD_NODE_MASK && v[i].kind == WARD_NODE_DIR;
		if (last->kind != WARD_NODE_BIND || v[i].kind != WARD_NODE_BIND || last->fixed)
			continue;
		last->write |= v[i].write;
		last->protect |= v[i].protect;
		last->exec |= v[i].exec;
		last->idmap |= v[i].idmap;
		last->hold |= v[i].hold;
		last->review |= v[i].review;
	}
	for (size_t i = 0; i < out; i++)
		v[i].write = v[i].write && !v[i].protect;
	return out;
}

static struct ward_node *find(struct ward_node *v, size_t n, const char *dest)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(v[mid].dest, dest);

		if (c == 0)
			return &v[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool may_hold_others(const struct ward_node *n)
{
	return n->kind == WARD_NODE_DIR || n->kind == WARD_NODE_TMPFS || n->kind == WARD_NODE_DEV ||
		n->kind == WARD_NODE_CACHE || (n->kind == WARD_NODE_BIND && n->is_dir);
}

/* What is longer than any path can be neither shown nor, what would be passed over, taken away. */
static int all_fit(const struct ward_node *v, size_t n, struct ward_error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(v[i].dest) < WARD_PATH_MAX)
			continue;
		ward_fail(err, WARD_E_LIMIT, "a path of the view is over %d bytes: \"%.60s...\"",
			WARD_PATH_MAX - 1, v[i].dest);
		ward_fail_fix(err, "name a directory above it, where this is granted or denied");
		return WARD_E_LIMIT;
	}
	return WARD_OK;
}

/* The nearest above dest that shows something of its own; masks: or takes it away. v is sorted, and no dest is in it twice. */
static struct ward_node *find_above(struct ward_node *v, size_t n, const char *dest, bool masks)
{
	char path[WARD_PATH_MAX];

	memcpy(path, dest, strlen(dest) + 1); /* all_fit() */
	for (char *slash; (slash = strrchr(path, '/')) && path[1];) {
		struct ward_node *above;

		slash[slash == path] = '\0';
		above = find(v, n, path);
		if (above &&
			(above->kind == WARD_NODE_BIND || above->kind == WARD_NODE_CACHE ||
				(masks && above->kind == WARD_NODE_MASK)))
			return above;
	}
	return NULL;
}

/* Does the bind c, which contains n, already show n as n wants to be shown? */
static bool redundant(const struct ward_node *c, const struct ward_node *n)
{
	if (c->kind == WARD_NODE_MASK)
		return true;
	/* Of binds below a cache there are none (caches.c). */
	if (n->kind == WARD_NODE_CACHE || c->kind == WARD_NODE_CACHE)
		return n->kind != WARD_NODE_CACHE && n->kind != WARD_NODE_MASK;
	if (n->review && !c->review)
		return false;
	if ((n->fixed && n->kind == WARD_NODE_MASK) || n->hold || n->apart)
		return false;
	if (n->fixed)
		return c->write == n->write && c->noexec == n->noexec && (c->idmap || !n->idmap);
	if (n->kind != WARD_NODE_BIND || n->base || c->protect)
		return true;
	if (n->protect)
		return !c->write;
	if (c->fixed && !c->hold)
		return true;
	return (c->write || !n->write) && (c->exec || !n->exec) && (c->idmap || !n->idmap);
}

/* Drop what a wider bind says already. v is sorted, so a parent comes first. */
static int drop_covered(struct ward_node *v, size_t *io_n, struct ward_error *err)
{
	size_t out = 0;

	for (size_t i = 0; i < *io_n; i++) {
		const struct ward_node *cover = find_above(v, out, v[i].dest, true);

		if (cover && !cover->is_dir)
			return fail_below(err, v[i].dest, cover->dest);
		if (cover && strength[v[i].kind] == strength[WARD_NODE_PROC])
			return ward_fail(err, WARD_E_INVALID,
				"\"%s\" cannot be granted: it holds \"%s\"", cover->dest,
				v[i].dest);
		if (!cover || !redundant(cover, &v[i]))
			v[out++] = v[i];
	}
	*io_n = out;
	return WARD_OK;
}

/* Where nothing wider shows a name, what a policy takes away is not there at all. v is sorted. */
static void drop_masks(struct ward_node *v, size_t *io_n)
{
	size_t out = 0;

	for (size_t i = 0; i < *io_n; i++) {
		bool shown = v[i].kind != WARD_NODE_MASK || find_above(v, out, v[i].dest, false);

		if (!shown && v[i].stay)
			v[i] = (struct ward_node){
				.kind = WARD_NODE_DIR, .dest = v[i].dest, .rule = -1
			};
		if (shown || v[i].kind == WARD_NODE_DIR)
			v[out++] = v[i];
	}
	*io_n = out;
}

static int too_many(struct ward_error *err)
{
	ward_fail(err, WARD_E_LIMIT, "the view has over %d entries", WARD_MOUNTS_MAX);
	ward_fail_fix(err, "grant directories instead of single files");
	return WARD_E_LIMIT;
}

/* The directories that were added above the last entry, the shortest first: the next one may lie in them as well. */
struct added {
	size_t n;
	size_t at[WARD_PATH_MAX / 2];
};

/*
 * Every ancestor of v[i] is an entry, up to the first bind or one of length stop. A link of the base where a directory is needed gives
 * way (/var/tmp when the workspace lies in it). Missing ones go behind the n sorted entries, at v[*io_total].
 */
static int climb(struct ward_plan *p, struct ward_node *v, size_t n, size_t i, size_t stop,
	size_t *io_total, bool *ret_top, struct ward_error *err)
{
	char path[WARD_PATH_MAX], *slash;

	memcpy(path, v[i].dest, strlen(v[i].dest) + 1); /* all_fit() */
	while ((slash = strrchr(path, '/')) && slash != path && (size_t)(slash - path) > stop) {
		*slash = '\0';
		struct ward_node *above = find(v, n, path);

		if (above && above->kind == WARD_NODE_SYMLINK && above->base)
			*above = (struct ward_node){
				.kind = WARD_NODE_DIR, .dest = above->dest, .base = true, .rule = -1
			};
		if (above && !may_hold_others(above))
			return fail_below(err, v[i].dest, path);
		if (above && (above->kind == WARD_NODE_BIND || above->kind == WARD_NODE_CACHE))
			return WARD_OK;
		if (above)
			continue;
		if (*io_total >= WARD_MOUNTS_MAX)
			return too_many(err);
		v[*io_total] = (struct ward_node){ .kind = WARD_NODE_DIR,
			.dest = ward_arena_strdup(p->arena, path),
			.base = v[i].base,
			.rule = v[i].rule };
		if (!v[(*io_total)++].dest)
			return ward_fail(err, WARD_E_NOMEM, "out of memory");
	}
	*ret_top = true;
	return WARD_OK;
}

/* Each once, whatever lies in it: of two entries of which one is enough the better one is kept, as everywhere (by_dest). */
static int add_parents(struct ward_plan *p, struct ward_node *v, size_t n, size_t i,
	struct added *c, size_t *io_total, struct ward_error *err)
{
	size_t first = *io_total;
	bool top = false;
	int r;

	while (c->n > 0 && !ward_path_within(v[i].dest, v[c->at[c->n - 1]].dest))
		c->n--;
	r = climb(p, v, n, i, c->n ? strlen(v[c->at[c->n - 1]].dest) : 0, io_total, &top, err);
	if (r < 0)
		return r;
	for (size_t k = 0; k < c->n && top; k++) {
		struct ward_node mine = v[c->at[k]];

		mine.base = v[i].base;
		mine.rule = v[i].rule;
		if (by_dest(&mine, &v[c->at[k]]) < 0)
			v[c->at[k]] = mine;
	}
	for (size_t k = *io_total; k-- > first && c->n < WARD_ARRAY_SIZE(c->at);)
		c->at[c->n++] = k;
	return WARD_OK;
}

static int limit(struct ward_error *err, size_t n)
{
	ward_fail(err, WARD_E_LIMIT, "the view has %zu entries, %d is the most", n,
		WARD_MOUNTS_MAX);
	ward_fail_fix(err, "grant directories instead of single files");
	return WARD_E_LIMIT;
}

/*
 * With egress names can be looked up: of a server that no address but ours need have, since any is answered. Where the host's own file is
 * shown, that one serves as well.
 */
static int add_resolver(struct ward_plan *p, struct ward_node *ret, struct ward_error *err)
{
	const uint32_t a = WARD_NET_SYNTHETIC4 + WARD_NET_DNS_AT;
	const char *text = ward_arena_printf(p->arena,
		"nameserver %u.%u.%u.%u\noptions timeout:2 attempts:1\n", a >> 24, a >> 16 & 255,
		a >> 8 & 255, a & 255);

	if (!text)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	*ret = (struct ward_node){ .kind = WARD_NODE_FILE,
		.dest = "/etc/resolv.conf",
		.source = text,
		.source_len = strlen(text),
		.base = true,
		.rule = -1 };
	return WARD_OK;
}

int ward_plan_view(struct ward_plan *p, const struct ward_plan_input *in, struct ward_error *err)
{
	struct ward_node *v;
	struct added added;
	size_t n, total, bytes = 0, n_nodes = in->n_nodes;
	int r;

	added.n = 0;
	if (in->n_nodes > WARD_MOUNTS_MAX)
		return limit(err, in->n_nodes);
	/* Room for every parent that may be missing: one for each slash, and not more than the limit. */
	for (size_t i = 0; i < in->n_nodes; i++)
		for (const char *s = in->nodes[i].dest; s && *s; s++)
			bytes += *s == '/';
	for (const char *s = p->review.root; s && *s; s++)
		bytes += *s == '/';
	for (const char *s = p->review.layer; s && *s; s++)
		bytes += *s == '/';
	if (bytes > WARD_MOUNTS_MAX)
		bytes = WARD_MOUNTS_MAX;
	v = ward_arena_alloc(p->arena, (bytes + in->n_nodes + 5) * sizeof(*v));
	if (!v)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	for (size_t i = 0; i < in->n_nodes; i++) {
		r = copy(p, &in->nodes[i], &v[i], err);
		if (r < 0)
			return r;
	}
	if (p->egress) {
		r = add_resolver(p, &v[n_nodes++], err);
		if (r < 0)
			return r;
	}
	r = ward_plan_review_nodes(p, v, &n_nodes, err);
	if (r == WARD_OK)
		r = ward_plan_caches(p, in, v, &n_nodes, err);
	if (r == WARD_OK)
		r = all_fit(v, n_nodes, err);
	if (r < 0)
		return r;
	qsort(v, n_nodes, sizeof(*v), by_dest);
	n = merge(v, n_nodes);
	drop_masks(v, &n);
	r = drop_covered(v, &n, err);
	if (r < 0)
		return r;
	total = n;
	for (size_t i = 0; i < n; i++) {
		r = add_parents(p, v, n, i, &added, &total, err);
		if (r < 0)
			return r;
	}
	qsort(v, total, sizeof(*v), by_dest);
	p->nodes = v;
	p->n_nodes = merge(v, total);
	return WARD_OK;
}
