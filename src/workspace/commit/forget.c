/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A commit that began and did not end is forgotten with its run: where all is real or all is back, and nothing of the project is waited for; and
 * where neither way can be gone any more, since the project, what the commit kept, or its journal is not there. What may be all that there is
 * of a file of the project is thrown away by nobody: it is named, and the run stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workspace/commit/inside.h"
#include "workspace/store.h"

/* ---- the end of both ways ---- */

/* The old object of a step lies in the staging directory. */
static bool has_old(const struct ward_commit *c, size_t i)
{
	const struct ward_step *s = &c->j.v[i];
	char staged[WARD_COMMIT_NAME_MAX];
	struct stat st;

	if (s->kind != WARD_STEP_TAKE && s->kind != WARD_STEP_SWAP)
		return false;
	ward_commit_staged(staged, s->kind == WARD_STEP_TAKE ? WARD_STAGED_OLD : WARD_STAGED_NEW,
		i);
	return fstatat(c->stage, staged, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino != s->new.ino;
}

/* Old objects that could be given back to no name are not thrown away. The journal knows, after a crash too. */
bool ward_commit_keeps(struct ward_commit *c)
{
	for (size_t i = 0; i < c->j.n && !c->kept; i++)
		c->kept = c->j.v[i].result == WARD_RESULT_LEFT && has_old(c, i);
	return c->kept;
}

int ward_commit_end(struct ward_commit *c, struct ward_error *err)
{
	int r = WARD_OK;

	if (c->stage >= 0) {
		(void)ward_commit_keeps(c);
		r = ward_commit_stage_remove(c, err);
	}
	if (r == WARD_OK)
		r = ward_journal_remove(c->store, err);
	return r;
}

/* ---- given up ---- */

static bool holds_something(int dir, const char *name)
{
	struct stat st;

	if (dir < 0)
		return false;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno != ENOENT;
	return !S_ISDIR(st.st_mode) || !ward_commit_empty(dir, name);
}

static int refuse_stage(const struct ward_workspace *w, bool in_store, struct ward_error *err)
{
	char path[WARD_PATH_MAX + WARD_COMMIT_NAME_MAX];
	const char *run = w->facts.run;
	int r = ward_fail(err, WARD_E_REFUSED,
		"a commit of run %s began and cannot be ended, and what it kept may be all that there is of files of the project",
		run);

	(void)snprintf(path, sizeof(path), "%s/%s%s", in_store ? w->path : w->facts.root,
		in_store ? WARD_COMMIT_STAGE_STORE : WARD_COMMIT_STAGE, in_store ? "" : run);
	ward_fail_at(err, path, 0, 0);
	ward_fail_fix(err, "look at what is there, and move it away; then: ward discard %s", run);
	return r;
}

/* Nobody knows what is old of what was kept, or whose it is. */
static int nothing_kept(const struct ward_workspace *w, const struct ward_commit *c,
	struct ward_error *err)
{
	char name[WARD_COMMIT_NAME_MAX];

	(void)snprintf(name, sizeof(name), "%s%s", WARD_COMMIT_STAGE, w->facts.run);
	if (holds_something(c->store, WARD_COMMIT_STAGE_STORE))
		return refuse_stage(w, true, err);
	return holds_something(c->root, name) ? refuse_stage(w, false, err) : WARD_OK;
}

/* The journal is right, and the project is not there: what was kept in it is where that is, and what is in the entry would go with it. */
static int without_project(const struct ward_workspace *w, struct ward_commit *c,
	struct ward_error *err)
{
	struct stat st;

	c->stage = openat(c->store, WARD_COMMIT_STAGE_STORE,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->stage < 0 || fstat(c->stage, &st) < 0 || st.st_ino != c->j.stage_ino)
		return nothing_kept(w, c, err);
	(void)ward_commit_keeps(c);
	for (size_t i = 0; i < c->j.n && c->j.state == WARD_JOURNAL_BEGUN && !c->kept; i++)
		c->kept = has_old(c, i);
	return c->kept ? refuse_stage(w, true, err) : WARD_OK;
}

static bool is_gone(const struct ward_error *why)
{
	return why->code == WARD_E_REFUSED || why->sys_errno == ENOENT ||
		why->sys_errno == ENOTDIR || why->sys_errno == ELOOP || why->sys_errno == EACCES ||
		why->sys_errno == ESTALE;
}

static int both_ways(const struct ward_commit *c, struct ward_error *err)
{
	int r = ward_fail(err, WARD_E_REFUSED, "a commit of run %s has begun and not ended",
		c->run);

	ward_fail_fix(err, "ward commit --continue %s, or ward commit --abort %s", c->run, c->run);
	return r;
}

static const char *name_of(enum ward_journal_state state)
{
	return state == WARD_JOURNAL_APPLIED
		? "its commit is real, and only its layer was to be tidied"
		: "its commit had been taken back";
}

/* c: with the project. *ret: what is to be said. */
static int with_project(const struct ward_workspace *w, struct ward_commit *c, const char **ret,
	struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;
	int r = ward_commit_stage_open(c, &why);

	*ret = name_of(c->j.state);
	if (r == WARD_OK)
		return c->j.state == WARD_JOURNAL_BEGUN ? both_ways(c, err) : WARD_OK;
	if (why.sys_errno == ENOENT) {
		if (c->j.state == WARD_JOURNAL_BEGUN)
			*ret = "a commit of it had begun, and what it kept is gone: what became real of it stays so";
		return WARD_OK;
	}
	if (nothing_kept(w, c, err) < 0)
		return WARD_E_REFUSED;
	if (err)
		*err = why;
	return r;
}

int ward_commit_give_up(struct ward_workspace *w, const struct ward_commit_giving_up *how,
	const char **ret_why, bool *ret_over, struct ward_error *err)
{
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = WARD_COMMIT_INIT;
	struct ward_error project = WARD_ERROR_INIT, journal = WARD_ERROR_INIT;
	int r;

	c.run = w->facts.run;
	c.store = w->dir;
	c.euid = geteuid();
	c.left = how->left;
	c.arg = how->arg;
	*ret_over = false;
	c.root = ward_workspace_root(w, &project);
	if (c.root < 0 && !is_gone(&project)) {
		if (err)
			*err = project;
		return project.code;
	}
	if (c.root >= 0 && fstat(c.root, &c.root_st) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"cannot look at the project's directory");
	r = ward_journal_read(c.store, &c.j, &journal);
	if (r == WARD_E_PARSE || (r == WARD_OK && !ward_streq(c.j.run, c.run))) {
		*ret_why =
			"a commit of it had begun, and its journal is damaged: what became real of it stays so";
		r = nothing_kept(w, &c, err);
	} else if (r < 0) {
		if (err)
			*err = journal;
	} else if (c.root < 0) {
		*ret_over = c.j.state != WARD_JOURNAL_BEGUN;
		*ret_why = *ret_over
			? name_of(c.j.state)
			: "a commit of it had begun, and the directory that it was to change is not there: what became real of it stays so";
		r = without_project(w, &c, err);
	} else {
		*ret_over = c.j.state != WARD_JOURNAL_BEGUN;
		r = with_project(w, &c, ret_why, err);
		if (r == WARD_OK && !how->look && *ret_over) {
			/* What cannot be given back by now is no reason to keep the run. */
			if (c.j.state == WARD_JOURNAL_APPLIED)
				(void)ward_commit_settle_modes(&c);
			return ward_commit_end(&c, err);
		}
	}
	return r < 0 || how->look ? r : ward_journal_remove(c.store, err);
}
