/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A commit as a whole. Its states on disk: no journal (nothing of the project has changed, at most a staging directory is left over); a journal
 * that BEGAN (forward or back, whoever comes decides); one that is APPLIED (the layer is tidied, then all is forgotten); one that is ABORTED
 * (all is forgotten). Each state is durable before anything happens that only the next one allows.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "workspace/change.h"
#include "workspace/commit/commit.h"
#include "workspace/index/index.h"
#include "workspace/landed.h"
#include "workspace/store.h"

void ward_commit_leave(const struct ward_commit *c, const char *path, const char *why)
{
	if (c->left)
		c->left(c->arg, path, why);
}

void ward_commit_done(struct ward_commit *c)
{
	ward_close(c->stage);
	c->stage = -1;
	ward_commit_let_go(&c->in_root);
	ward_commit_let_go(&c->in_layer);
	ward_way_done(&c->way);
	ward_packed_free(c->packed);
	c->packed = NULL;
	ward_commit_times_done(c);
	if (c->locked)
		ward_layer_unlock(c->layer);
	c->locked = false;
	ward_journal_done(&c->j);
	free(c->change);
	c->change = NULL;
	ward_arena_free(c->arena);
	c->arena = NULL;
}

static int begin(struct ward_commit *c, struct ward_error *err)
{
	c->euid = geteuid();
	if (fstat(c->root, &c->root_st) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"cannot look at the project's directory");
	ward_born_of(c->root, &c->root_born);
	if (!S_ISDIR(c->root_st.st_mode) || !ward_ulid_valid(c->run))
		return ward_fail(err, WARD_E_INTERNAL, "a commit without a directory or a run");
	return WARD_OK;
}

static bool is_full(const struct ward_error *why)
{
	return why->sys_errno == ENOSPC || why->sys_errno == EDQUOT;
}

/* What failed after the journal was whole: how to go on belongs to the message. */
static int unfinished(const struct ward_commit *c, int r, struct ward_error *err)
{
	if (r < 0 && err && is_full(err))
		ward_fail_fix(err,
			"nothing is lost; make room where the project and its changes are kept, then ward commit %s --continue goes on%s",
			c->run,
			c->j.state == WARD_JOURNAL_APPLIED ? "" : ", --abort puts everything back");
	else if (r < 0 && c->j.state == WARD_JOURNAL_APPLIED)
		ward_fail_fix(err,
			"the commit is real, and not all is tidied: ward commit %s --continue goes on, ward discard %s forgets the rest of the run",
			c->run, c->run);
	else if (r < 0)
		ward_fail_fix(err,
			"the commit is not finished: ward commit %s --continue goes on, --abort puts everything back",
			c->run);
	return r;
}

static int mark(struct ward_commit *c, enum ward_journal_state state, struct ward_error *err)
{
	enum ward_journal_state was = c->j.state;
	int r;

	c->j.state = state;
	r = ward_journal_write(c->store, &c->j, err);
	/* What is on the disk says what may be done. */
	if (r < 0)
		c->j.state = was;
	return r;
}

static int tidy(struct ward_commit *c, struct ward_error *err)
{
	int r = c->j.stays ? WARD_OK : ward_commit_tidy(c, err);

	if (r == WARD_OK)
		r = ward_commit_note(c, false, err);

	return r == WARD_OK ? ward_commit_end(c, err) : r;
}

static int forward(struct ward_commit *c, struct ward_error *err)
{
	int r = ward_commit_forward(c, err);

	if (r == WARD_OK)
		r = mark(c, WARD_JOURNAL_APPLIED, err);
	return r == WARD_OK ? tidy(c, err) : r;
}

static int back(struct ward_commit *c, struct ward_error *err)
{
	int r = ward_commit_back(c, err);

	if (r == WARD_OK)
		r = ward_commit_note(c, true, err);
	if (r == WARD_OK)
		r = mark(c, WARD_JOURNAL_ABORTED, err);
	return r == WARD_OK ? ward_commit_end(c, err) : r;
}

/* Phase 1, up to the moment when the journal is whole. */
static int prepare(struct ward_commit *c, struct ward_error *err)
{
	int r = ward_commit_stage_make(c, err);

	if (r == WARD_OK)
		r = ward_commit_stage(c, err);
	if (r == WARD_OK) {
		ward_commit_times_make(c);
		r = mark(c, WARD_JOURNAL_BEGUN, err);
		if (r < 0 && err && is_full(err))
			ward_fail_fix(err,
				"make room where the changes are kept, and commit again; nothing of the project has changed");
	}
	/* A journal that was renamed, and whose name could not be made durable, is one: then nothing may be taken away. */
	if (r < 0 && c->stage >= 0 && !ward_journal_there(c->store))
		(void)ward_commit_stage_remove(c,
			NULL); /* the first error is the one to be told of */
	return r;
}

/* Each step, the name it had before, and the directory that it lies in. */
static bool has_room(const struct ward_commit *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->j.n; i++)
		n += 3 * (strlen(c->j.v[i].path) + WARD_LANDED_EACH);
	return ward_landed_room(c->landed, n);
}

static bool only_drops(const struct ward_commit *c)
{
	for (size_t i = 0; i < c->j.n; i++)
		if (c->j.v[i].kind != WARD_STEP_DROP)
			return false;
	return true;
}

static int forget_stage(struct ward_commit *c, struct ward_error *err);

/* There is no room for a journal, and what is forgotten makes some. */
static int drop_without(struct ward_commit *c, struct ward_error *err)
{
	int r = ward_commit_tidy(c, err);

	if (r < 0)
		ward_fail_fix(err,
			"what was not forgotten waits as before: make room where the changes are kept, and say the same again");
	return r;
}

/* Nothing is to become real. With a journal even so: who dies half way through what the layer says of a directory has to go on. */
static int drop(struct ward_commit *c, struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;
	int r;

	for (size_t i = 0; i < c->j.n; i++)
		c->j.v[i].result = WARD_RESULT_DONE;
	if (c->j.stays)
		return ward_commit_note(c, false, err);
	r = forget_stage(c, err);
	if (r < 0)
		return r;
	r = mark(c, WARD_JOURNAL_APPLIED, &why);
	if (r == WARD_OK)
		return unfinished(c, tidy(c, err), err);
	if (is_full(&why) && !ward_journal_there(c->store)) {
		if (ward_commit_needs_no_journal(c))
			return drop_without(c, err);
		ward_fail_fix(&why,
			"nothing is forgotten: make room where the changes are kept. --theirs of single new or changed files needs none, ward discard %s forgets all",
			c->run);
	}
	if (err)
		*err = why;
	return r;
}

/* Looks, and changes nothing. */
static int plan(struct ward_commit *c, const struct ward_changes *all,
	const struct ward_commit_item *v, size_t n, struct ward_error *err)
{
	memcpy(c->j.run, c->run, WARD_ULID_SIZE);
	c->j.root_ino = c->root_st.st_ino;
	c->j.root_born = c->root_born;
	c->arena = ward_arena_new(0);
	if (!c->arena)
		return ward_fail(err, WARD_E_NOMEM, "no memory to plan the commit");
	c->given.on = n < all->n;
	for (size_t i = 0; i < all->n && !c->asks_root; i++)
		c->asks_root = all->v[i].kind == WARD_CHANGE_ADDED && all->v[i].origin;
	return ward_commit_plan(c, all, v, n, err);
}

/* That was asked before it was staged, which takes its time, and is asked once more. */
static int keep_named(struct ward_commit *c, const struct ward_changes *all,
	const struct ward_commit_item *v, size_t n, struct ward_error *err)
{
	const char **git = calloc(all->n + 1, sizeof(const char *)), *asked = NULL;
	bool moved = false;

	if (!git)
		return ward_fail(err, WARD_E_NOMEM, "no memory");
	for (size_t i = 0; i < n; i++)
		git[v[i].change - all->v] = v[i].git;
	for (size_t i = 0; i < c->j.n; i++) {
		const char *of = c->change[i] && c->j.v[i].kind == WARD_STEP_TAKE
			? git[c->change[i] - all->v]
			: NULL;

		if (of && (!asked || !ward_streq(of, asked)))
			moved = ward_names_moved(c, of) != 0;
		asked = of ? of : asked;
		c->j.v[i].named = of && moved;
	}
	free(git);
	return WARD_OK;
}

/* Objects that the commit has not taken yet, when it died: what names them may have come since. What is of before is its own, or was asked about then. */
static int check_named(struct ward_commit *c, struct ward_error *err)
{
	char git[WARD_PATH_MAX], asked[WARD_PATH_MAX] = "/", o[WARD_COMMIT_NAME_MAX];
	struct stat st;
	size_t n;

	if (fstat(c->stage, &st) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"what the commit made cannot be looked at");
	c->died_ns = ward_commit_ns(
		&st.st_mtim); /* each step takes something from there, or puts something there */
	for (size_t i = 0; i < c->j.n; i++) {
		const char *path = c->j.v[i].path;

		ward_commit_staged(o, WARD_STAGED_OLD, i);
		if (c->j.v[i].kind != WARD_STEP_TAKE ||
			!ward_ref_repository(c->root, path, "objects/", &n) ||
			fstatat(c->stage, o, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		(void)snprintf(git, sizeof(git), "%.*s", (int)(n > 0 ? n - 1 : 0), path);
		if (ward_streq(git, asked))
			continue;
		memcpy(asked, git, sizeof(asked));
		if (ward_names_moved(c, git) == 0)
			continue;
		(void)ward_fail(err, WARD_E_REFUSED,
			"what names objects was changed in the project since the commit of run %s began, which removes some",
			c->run);
		ward_fail_fix(err, "ward commit %s --abort puts everything back", c->run);
		return WARD_E_REFUSED;
	}
	return WARD_OK;
}

int ward_commit_run(struct ward_commit *c, const struct ward_changes *all,
	const struct ward_commit_item *v, size_t n, struct ward_error *err)
{
	int r = begin(c, err);

	if (r < 0)
		return r;
	if (ward_journal_there(c->store)) {
		r = ward_fail(err, WARD_E_REFUSED, "a commit of run %s began and did not end",
			c->run);
		ward_fail_fix(err,
			"ward commit %s --continue finishes it, --abort puts everything back",
			c->run);
		return r;
	}
	r = plan(c, all, v, n, err);
	if (r < 0 || c->j.n == 0)
		return r;
	/* Before anything is made for it, which may be gigabytes. */
	r = ward_journal_fits(&c->j, err);
	if (r < 0)
		return r;
	if (c->j.stays && !has_room(c))
		return ward_fail(err, WARD_E_LIMIT,
			"more was made real while the run lives than can be noted");
	if (only_drops(c))
		return drop(c, err);
	r = prepare(c, err);
	if (r < 0)
		return r;
	ward_commit_know_indexes(c);
	r = keep_named(c, all, v, n, err);
	return unfinished(c, r < 0 ? r : forward(c, err), err);
}

/* The journal, and the staging directory that it speaks of. */
static int reopen(struct ward_commit *c, struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;
	struct timespec now;
	struct stat st;
	int r = begin(c, err);

	if (r == WARD_OK)
		r = ward_journal_read(c->store, &c->j, err);
	if (r < 0)
		return r;
	if (!ward_streq(c->j.run, c->run))
		return ward_fail(err, WARD_E_REFUSED,
			"the journal is of the commit of another run, %s", c->j.run);
	if (c->j.root_ino != c->root_st.st_ino || !ward_born_is(&c->j.root_born, &c->root_born))
		return ward_fail(err, WARD_E_REFUSED,
			"the journal is of a commit to another directory than the project's");
	c->given.begun_ns = fstatat(c->store, WARD_JOURNAL_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0
		? ward_commit_ns(&st.st_ctim)
		: INT64_MAX;
	ward_commit_times_open(c);
	if (clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0)
		c->given.again_ns = ward_commit_ns(&now);
	r = ward_commit_stage_open(c, &why);
	/* Removed already, or renamed with what it keeps: the journal is what is left. One that is there may have what is nowhere else. */
	if (r < 0 && why.sys_errno == ENOENT && c->j.state != WARD_JOURNAL_BEGUN)
		return WARD_OK;
	if (r < 0 && err) {
		*err = why;
		ward_fail_fix(err, "put it back there, or forget the run: ward discard %s", c->run);
	}
	return r;
}

static void tell_left(const struct ward_commit *c)
{
	for (size_t i = 0; i < c->j.n; i++)
		if (c->j.v[i].result == WARD_RESULT_LEFT)
			ward_commit_leave(c, c->j.v[i].path,
				"was changed in the project while the commit went on");
}

int ward_commit_resume(struct ward_commit *c, struct ward_error *err)
{
	int r = reopen(c, err);

	if (r < 0)
		return r;
	c->given.on = true;
	/* What others did since it died is not known. */
	for (size_t i = 0; i < c->j.n && c->j.stays; i++)
		c->j.v[i].dir_old = false;
	switch (c->j.state) {
	case WARD_JOURNAL_BEGUN:
		r = check_named(c, err);
		if (r < 0)
			return r;
		ward_commit_know_lost(c);
		return unfinished(c, forward(c, err), err);
	case WARD_JOURNAL_APPLIED: tell_left(c); return unfinished(c, tidy(c, err), err);
	case WARD_JOURNAL_ABORTED:
		r = ward_commit_end(c, err);
		return r < 0
			? r
			: ward_fail(err, WARD_E_REFUSED,
				  "the commit of run %s had been taken back; all of its changes wait",
				  c->run);
	case WARD_JOURNAL_NONE: break;
	}
	return ward_fail(err, WARD_E_INTERNAL, "a journal of no state");
}

/* No journal: what a commit left that died before it had one. */
static int forget_stage(struct ward_commit *c, struct ward_error *err)
{
	struct ward_error ignored = WARD_ERROR_INIT;
	int r;

	c->kept = false;
	r = ward_commit_stage_remove(c, &ignored);
	if (r < 0 && err)
		*err = ignored;
	return r;
}

int ward_commit_undo(struct ward_commit *c, struct ward_error *err)
{
	int r = reopen(c, err);

	if (r == WARD_E_NOTFOUND) {
		int removed = forget_stage(c, err);

		return removed < 0 ? removed : r;
	}
	if (r < 0)
		return r;
	switch (c->j.state) {
	case WARD_JOURNAL_BEGUN: ward_commit_know_lost(c); return unfinished(c, back(c, err), err);
	case WARD_JOURNAL_APPLIED:
		r = ward_fail(err, WARD_E_REFUSED,
			"everything of the commit of run %s has been made real already", c->run);
		ward_fail_fix(err,
			"finish it: ward commit %s --continue, or forget the rest of the run: ward discard %s",
			c->run, c->run);
		return r;
	case WARD_JOURNAL_ABORTED: return unfinished(c, ward_commit_end(c, err), err);
	case WARD_JOURNAL_NONE: break;
	}
	return ward_fail(err, WARD_E_INTERNAL, "a journal of no state");
}

/* ---- the workspace's ---- */

static int open_unlocked(struct ward_workspace *w, struct ward_commit *c, struct ward_error *err)
{
	const struct ward_workspace_facts *f = ward_workspace_facts(w);

	c->run = f->run;
	c->began_ns = f->since_ns;
	c->since_ns = ward_store_since(w);
	c->store = ward_workspace_dir(w);
	c->root = ward_workspace_root(w, err);
	if (c->root < 0)
		return c->root;
	c->layer = ward_workspace_layer(w, err);
	if (c->layer < 0)
		return c->layer;
	c->leads = &w->leads;
	c->indexes = ward_store_indexes(w);
	return WARD_OK;
}

static int open_all(struct ward_workspace *w, struct ward_commit *c, struct ward_error *err)
{
	int r = open_unlocked(w, c, err);

	if (r < 0)
		return r;
	/* Whoever shows the changes meanwhile, and has modes to lend for it, waits for us. */
	r = ward_layer_lock(c->layer, w->ours, err);
	if (r < 0)
		return r;
	c->locked = !w->ours;
	r = ward_store_landed(w, err);
	c->landed = w->landed;
	return r;
}

/*
 * To finish or to take back needs no notes of what landed before. Where they are damaged, what is waited for is that the journal goes: then the run
 * can be discarded.
 */
static int open_again(struct ward_workspace *w, struct ward_commit *c, struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;
	int r = open_all(w, c, &why);

	if (r == WARD_E_PARSE && c->layer >= 0)
		return WARD_OK;
	if (r < 0 && err)
		*err = why;
	return r;
}

void ward_commit_looked_over(struct ward_workspace *w)
{
	if (w->looking)
		ward_packed_free(w->looking->packed);
	if (w->looking)
		ward_commit_let_go(&w->looking->in_root);
	free(w->looking);
	w->looking = NULL;
}

/* Changes come directory by directory: the one that was looked into last stays open, until they are read anew. */
static int begin_looking(struct ward_workspace *w, struct ward_error *err)
{
	struct ward_commit *c = w->looking;
	int r;

	if (!c) {
		c = malloc(sizeof(*c));
		if (!c)
			return ward_fail(err, WARD_E_NOMEM, "no memory");
		*c = (struct ward_commit)WARD_COMMIT_INIT;
		w->looking = c;
	}
	r = ward_store_landed(w, err);
	if (r < 0)
		return r;
	c->began_ns = ward_workspace_facts(w)->since_ns;
	c->since_ns = ward_store_since(w);
	c->landed = w->landed;
	c->indexes = ward_store_indexes(w);
	c->root = ward_workspace_root(w, err);
	if (c->root < 0)
		return c->root;
	c->layer = ward_workspace_layer(w, err);
	return c->layer < 0 ? c->layer : WARD_OK;
}

static bool is_packed(struct ward_commit *c, const char *path)
{
	return ward_ref_packed(&c->packed, c->indexes, c->landed, c->root, c->layer, c->since_ns,
		       path) != WARD_REF_NONE;
}

bool ward_commit_is_packed(struct ward_workspace *w, const struct ward_change *change)
{
	return (change->kind == WARD_CHANGE_ADDED || change->kind == WARD_CHANGE_RENAMED) &&
		!S_ISDIR(change->mode) && ward_ref_is_name(change->path) &&
		(begin_looking(w, NULL) < 0 || is_packed(w->looking, change->path));
}

int ward_commit_names_moved(struct ward_workspace *w, const char *git)
{
	return begin_looking(w, NULL) < 0 ? -EIO : ward_names_moved(w->looking, git);
}

bool ward_commit_packs_moved(struct ward_workspace *w, const char *git)
{
	return begin_looking(w, NULL) < 0 || ward_packs_moved(w->looking, git);
}

int ward_commit_conflict(struct ward_workspace *w, const struct ward_change *change,
	const char **ret, struct ward_arena *a, struct ward_error *err)
{
	const char *why = NULL;
	int r;

	*ret = NULL;
	/* When the changes were read the project had nothing there. What came since is seen when the commit is planned, and by its step. */
	if (change->kind == WARD_CHANGE_ADDED && !change->origin && !ward_ref_is_name(change->path))
		return WARD_OK;
	r = begin_looking(w, err);
	if (r < 0)
		return r;
	r = ward_commit_in_way(w->looking, change, true, &why);
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot look at '%s' in the project",
			change->path);
	if (why) {
		*ret = ward_arena_strdup(a, why);
		if (!*ret)
			return ward_fail(err, WARD_E_NOMEM, "no memory");
	}
	return WARD_OK;
}

int ward_commit_apply(struct ward_workspace *w, const struct ward_changes *all,
	const struct ward_commit_item *v, size_t n, ward_commit_left_fn *left, void *arg,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = WARD_COMMIT_INIT;
	int r = open_all(w, &c, err);

	c.begins = w->landed ? NULL : &w->landed;
	c.left = left;
	c.arg = arg;
	return r < 0 ? r : ward_commit_run(&c, all, v, n, err);
}

int ward_commit_try(struct ward_workspace *w, const struct ward_changes *all,
	const struct ward_commit_item *v, size_t n, ward_commit_left_fn *left, void *arg,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = WARD_COMMIT_INIT;
	int r = open_unlocked(w, &c, err);

	if (r == WARD_OK)
		r = ward_store_landed(w, err);
	c.landed = w->landed;
	c.j.stays = w->ours;
	c.left = left;
	c.arg = arg;
	if (r == WARD_OK)
		r = begin(&c, err);
	return r < 0 ? r : plan(&c, all, v, n, err);
}

int ward_commit_land(struct ward_workspace *w, const struct ward_changes *all,
	const struct ward_commit_item *v, size_t n, ward_commit_left_fn *left, void *arg,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = WARD_COMMIT_INIT;
	int r = open_all(w, &c, err);

	if (r == WARD_OK && !c.landed)
		r = ward_fail(err, WARD_E_INTERNAL, "there is no place to note what is made real");
	c.j.stays = true;
	c.stop = &w->land_over;
	c.left = left;
	c.arg = arg;
	return r < 0 ? r : ward_commit_run(&c, all, v, n, err);
}

int ward_commit_continue(struct ward_workspace *w, ward_commit_left_fn *left, void *arg,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = WARD_COMMIT_INIT;
	int r = open_again(w, &c, err);

	c.begins = w->landed ? NULL : &w->landed;
	c.left = left;
	c.arg = arg;
	return r < 0 ? r : ward_commit_resume(&c, err);
}

int ward_commit_abort(struct ward_workspace *w, ward_commit_left_fn *left, void *arg,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = WARD_COMMIT_INIT;
	int r = open_again(w, &c, err);

	c.begins = w->landed ? NULL : &w->landed;
	c.left = left;
	c.arg = arg;
	return r < 0 ? r : ward_commit_undo(&c, err);
}
