/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before the start: what runs code later for its user (data/persist, and what the git of each repository obeys) and lies below something
 * that may be written becomes a mount of its own that is only read, and each directory above it one that nobody moves away (resolve/hold.c).
 * Whoever names it by itself in a grant, or in a policy, meant it, and it stays as it is.
 *
 * It takes away and never gives: what is found is held or told, whatever it is. What cannot be held (a link, a name among many, a second
 * name of a file) is a warning. What is not there yet cannot be held at all, and is what late.c looks for.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "run/persist/holding.h"
#include "run/review/place.h"

static int hit(void *arg, const struct ward_hit *h, bool *ret_enter)
{
	struct holding *x = arg;
	const char *path = ward_arena_strdup(x->rs->arena, h->path);

	/* What is held is looked through as well: something in it may be granted by name. */
	if (!path)
		return ward_rs_nomem(x->err);
	*ret_enter = !ward_rs_reviewed(x->rs, path);
	if (!*ret_enter)
		return WARD_OK;
	if (h->kind == WARD_HIT_GIT)
		return ward_holding_repository(x, path);
	/* As good as absent: whoever made it takes it away, or just did. */
	if (h->kind == WARD_HIT_NAME && ward_was_pin(h->dir, h->name) &&
		(h->type == DT_DIR || (h->git && ward_streq(h->name, "commondir"))))
		return WARD_OK;
	if (h->kind == WARD_HIT_GITFILE)
		return ward_holding_lead(x, path, h->why);
	if (h->told || h->kind == WARD_HIT_HIDDEN)
		return ward_holding_know(x, path, h->why, false, false);
	return ward_holding_hold(x, path, h->why);
}

int ward_hunt_all(struct ward_hunt *h, const char *const *roots, size_t n)
{
	size_t most = h->looked_max;
	uint64_t until = h->until_ns, wait_until = h->wait_until_ns;
	int r = WARD_OK;

	/* Half of it is shared out beforehand. */
	for (size_t i = 0; r == WARD_OK && i < n; i++) {
		size_t behind = n - i - 1;

		h->looked_max = most - most / (2 * n) * behind;
		h->until_ns = until - WARD_PERSIST_TIME_MS * 1000000ull / (2 * n) * behind;
		h->wait_until_ns =
			wait_until - WARD_PERSIST_WAIT_MS * 1000000ull / (2 * n) * behind;
		r = ward_hunt(h, roots[i]);
	}
	return r;
}

static bool is_root(const struct ward_node *n)
{
	return n->kind == WARD_NODE_BIND && n->is_dir && n->write && !n->base && !n->protect &&
		!n->hold;
}

/* The widest ones alone. */
static int roots(struct holding *x)
{
	struct ward_resolver *rs = x->rs;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < rs->n_nodes; i++) {
		bool inner = !is_root(&rs->nodes[i]) || ward_rs_reviewed(rs, rs->nodes[i].dest);

		for (size_t k = 0; k < rs->n_nodes && !inner; k++)
			inner = k != i && is_root(&rs->nodes[k]) &&
				!ward_streq(rs->nodes[i].dest, rs->nodes[k].dest) &&
				ward_path_within(rs->nodes[i].dest, rs->nodes[k].dest);
		if (!inner)
			r = ward_rs_text(rs, &x->roots, rs->nodes[i].source, x->err);
	}
	return r;
}

/* Files that a pattern found: whoever wrote *.json did not mean those of an editor. */
static bool top_enough(void *arg, unsigned above)
{
	(void)arg;
	(void)above;
	return true;
}

static int single_files(struct holding *x)
{
	struct ward_resolver *rs = x->rs;
	size_t n = rs->n_nodes;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < n; i++) {
		const struct ward_persist_name *row = NULL;
		char path[WARD_PATH_MAX], *slash;

		if (rs->nodes[i].kind != WARD_NODE_BIND || rs->nodes[i].is_dir ||
			!rs->nodes[i].write || rs->nodes[i].base)
			continue;
		(void)snprintf(path, sizeof(path), "%s", rs->nodes[i].dest);
		for (unsigned as = WARD_AS_FILE; !row && (slash = strrchr(path, '/'));
			as = WARD_AS_DIR) {
			row = ward_persist_match(path, slash + 1, as, top_enough, NULL);
			*slash = '\0';
		}
		if (row && row->kind < WARD_PERSIST_TOLD)
			r = ward_holding_hold(x, rs->nodes[i].dest, row->why);
	}
	return r;
}

static int say(struct holding *x, bool cut)
{
	int r = WARD_OK;

	if (cut)
		r = ward_rs_warn(x->rs, x->err,
			"not all names in %s%s were looked through for those that run code later: others are not held",
			ward_rs_show(x->rs, x->roots.v[0]), x->roots.n > 1 ? " and others" : "");
	if (r == WARD_OK && x->unwarned)
		r = ward_rs_warn(x->rs, x->err,
			"%zu more names that run code later are not held: they are links, or have second names",
			x->unwarned);
	if (r == WARD_OK && x->unheld)
		r = ward_rs_warn(x->rs, x->err, "%zu names that run code later are not held: %s",
			x->unheld,
			x->rs->host->userns ? "there are too many of them"
					    : "that takes user namespaces");
	return r;
}

int ward_rs_persist(struct ward_resolver *rs, struct ward_error *err)
{
	struct holding x = { .rs = rs, .b = rs->r->before, .err = err };
	struct ward_hunt h = { .hit = hit,
		.arg = &x,
		.workspace = rs->workspace,
		.gone = rs->gone.v,
		.n_gone = rs->gone.n,
		.err = err };
	int r;

	/* That mode writes what its user may, and says so. */
	if (rs->r->backend != WARD_BACKEND_NATIVE || rs->r->mode == WARD_MODE_DANGER_FULL_ACCESS)
		return WARD_OK;
	r = ward_holding_begin(&x);
	if (r == WARD_OK)
		r = roots(&x);
	if (r == WARD_OK)
		r = ward_meant_names(rs, &x.named, err);
	if (r == WARD_OK)
		r = single_files(&x);
	if (r == WARD_OK)
		r = ward_holding_ask(&x);
	ward_hunt_init(&h);
	x.walking = true;
	if (r == WARD_OK)
		r = ward_hunt_all(&h, x.roots.v, x.roots.n);
	x.walking = false;
	if (r == WARD_OK)
		r = ward_holding_of_git(&x);
	if (x.roots.n > 0)
		rs->late_names = rs->r->no_late_names ? WARD_LATE_UNTOLD : WARD_LATE_TOLD;
	if (r == WARD_OK)
		r = ward_holding_keep(&x, h.cut || x.inside_cut);
	return r == WARD_OK ? say(&x, h.cut || x.inside_cut) : r;
}
