/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a run while it lives: what was made real of it meanwhile, and what the project's indexes said. When it is read, written and asked.
 * The memories themselves are landed.c and index/known.c.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "workspace/change.h"
#include "workspace/commit/journal.h"
#include "workspace/index/index.h"
#include "workspace/landed.h"
#include "workspace/store.h"

int ward_store_landed(struct ward_workspace *w, struct ward_error *err)
{
	int r;

	if (w->landed || w->landed_looked)
		return WARD_OK;
	r = ward_landed_load(w->dir, false, w->locked, &w->landed, err);
	w->landed_looked = r == WARD_OK;
	/* Of a dead run. What fails leaves it as large as it was. */
	if (r == WARD_OK && w->landed && w->locked && !w->ours && ward_landed_is_large(w->landed))
		(void)ward_landed_compact(w->landed, w->dir, NULL);
	return r;
}

int ward_workspace_land(struct ward_workspace *w, struct ward_error *err)
{
	if (w->facts.backend != WARD_DISK_DIR || !w->ours)
		return ward_fail(err, WARD_E_INTERNAL,
			"only a living run of ours, whose layer is a directory, lands as it goes");
	/* The journal of what lands lies in the entry: a crash must not take that away from under it. */
	ward_workspace_sync(w, false);
	ward_store_wait(w);
	if (w->synced < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -w->synced,
			"the run's entry in the store is not durable");
	return w->landed ? WARD_OK : ward_landed_load(w->dir, true, true, &w->landed, err);
}

void ward_workspace_land_over(struct ward_workspace *w)
{
	atomic_store(&w->land_over, true);
}

int ward_workspace_changes(struct ward_workspace *w, enum ward_changes_how how,
	struct ward_changes **ret, struct ward_error *err)
{
	int layer = ward_workspace_layer(w, err), root, r;
	struct ward_changes_of of = { .lives = false };

	if (layer < 0)
		return layer;
	ward_commit_looked_over(w);
	root = ward_workspace_root(w, err);
	if (root < 0)
		return root;
	/* Of one of ours it is known who asks: its end comes before its record. */
	of.lives = how == WARD_CHANGES_QUICK || (how == WARD_CHANGES_ALL && w->alive);
	r = ward_layer_lock(layer, of.lives, err);
	if (r < 0)
		return r;
	r = ward_store_landed(w, err);
	/* While a landing waits to be finished or undone it is not known what was made real: what is gone may be so by an undo. */
	if (r == WARD_OK && w->landed && how == WARD_CHANGES_LAST && !ward_journal_there(w->dir))
		r = ward_landed_settle(w->landed, layer, root, err);
	of = (struct ward_changes_of){ .layer = layer,
		.root = root,
		.landed = w->landed,
		.quick = how == WARD_CHANGES_QUICK,
		.lives = of.lives,
		.stop = how == WARD_CHANGES_QUICK ? &w->land_over : NULL };
	if (r == WARD_OK)
		r = ward_changes_read_of(&of, ret, err);
	ward_layer_unlock(layer);
	return r;
}

/* ---- what the project's indexes said ---- */

struct ward_indexes *ward_store_indexes(struct ward_workspace *w)
{
	if (w->indexes || w->made)
		return w->indexes;
	w->indexes = ward_indexes_new();
	if (w->indexes)
		ward_indexes_load(w->indexes, w->dir);
	return w->indexes;
}

void ward_store_indexes_over(struct ward_workspace *w)
{
	if (!w->learning_begun)
		return;
	atomic_store(&w->learning_over, true);
	(void)pthread_join(w->learning, NULL);
	w->learning_begun = false;
}

/* By a descriptor of its own: that of the workspace is opened by whoever needs it first. */
static void *learn(void *arg)
{
	struct ward_workspace *w = arg;
	WARD_FD root = ward_openat2(AT_FDCWD, w->facts.root, O_PATH | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS);
	struct ward_index_from from = { root, w, &w->learning_over, WARD_INDEX_BYTES_MAX };
	struct stat st;

	if (root < 0 || fstat(root, &st) < 0 || (uint64_t)st.st_dev != w->facts.root_dev ||
		(uint64_t)st.st_ino != w->facts.root_ino)
		return NULL;
	ward_indexes_find(w->indexes, &from);
	ward_indexes_save(w->indexes, w->dir);
	return NULL;
}

void ward_workspace_indexes(struct ward_workspace *w)
{
	if (!w->indexes || !w->made || w->learning_asked)
		return;
	w->learning_asked = true;
	w->learning_begun = ward_thread_start(&w->learning, learn, w) == 0;
}

void ward_workspace_indexes_of(struct ward_workspace *w, const struct ward_changes *all)
{
	struct ward_index_from from = { -1, w, NULL, WARD_INDEX_BYTES_MAX };
	bool learned = false;

	ward_store_indexes_over(w);
	for (size_t i = 0; w->indexes && i < all->n; i++) {
		const struct ward_change *c = &all->v[i];

		if (c->kind != WARD_CHANGE_MODIFIED || !S_ISREG(c->mode) ||
			!ward_streq(ward_path_basename(c->path), "index"))
			continue;
		from.root = ward_workspace_root(w, NULL);
		if (from.root < 0)
			return;
		learned = ward_indexes_learn(w->indexes, &from, c->path) || learned;
	}
	if (learned)
		ward_indexes_save(w->indexes, w->dir);
}
