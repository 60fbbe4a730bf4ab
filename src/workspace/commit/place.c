/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where what is new is made, and what is old is kept: in the store entry, which no run sees, where a rename leads from there into the project;
 * else in a directory of the project that only its owner may enter, under names that nobody waits for: a run of that user that is alive and may write
 * all of the project can reach it there, but for root's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <unistd.h>

#include "workspace/commit/inside.h"
#include "workspace/landed.h"
#include "workspace/store.h"

#define KEPT_MAX 1000u
#define NOBODYS_ID 64647u /* beside the one that root's runs have (WARD_RESERVED_ID) */

static void root_name(const struct ward_commit *c, const char *prefix,
	char out[WARD_COMMIT_NAME_MAX])
{
	(void)snprintf(out, WARD_COMMIT_NAME_MAX, "%s%s", prefix, c->run);
}

static void stage_name(const struct ward_commit *c, int home, char out[WARD_COMMIT_NAME_MAX])
{
	if (home == c->store)
		(void)snprintf(out, WARD_COMMIT_NAME_MAX, "%s", WARD_COMMIT_STAGE_STORE);
	else
		root_name(c, WARD_COMMIT_STAGE, out);
}

/*
 * What is made for a commit in the project's own directory, and goes again, changes the time of that, also by a commit that ends here or is
 * killed. The next one would take it for somebody else's. Around each such call: who does something in between is taken for ours. Where all is
 * to be real, and nothing is judged by that time, no next one asks.
 */
static struct stat look_at_home(struct ward_commit *c, int home)
{
	bool noted = home == c->root && (c->j.stays || c->given.on || c->asks_root);
	struct stat st;

	/* What makes the notes durable takes its time, in which a kill may come. */
	if (noted && !c->j.stays)
		(void)ward_commit_begin_notes(c);
	if (!noted || fstat(home, &st) < 0)
		st.st_ino = 0;
	return st;
}

/* What a run lands is noted with it, by who lands. */
static void note_home(struct ward_commit *c, const struct stat *before)
{
	struct stat st;

	if (before->st_ino == 0)
		return;
	if (!c->j.stays)
		ward_commit_note_mode(c, ".", c->root, before);
	else if (ward_commit_is_old(c, before) && fstat(c->root, &st) == 0 &&
		ward_commit_ns(&st.st_ctim) != ward_commit_ns(&before->st_ctim) &&
		ward_landed_touch(c->landed, ".", &st, NULL) == WARD_OK)
		(void)ward_landed_flush(c->landed, NULL);
}

static int remove_at_home(struct ward_commit *c, int home, const char *name, int flags)
{
	struct stat before = look_at_home(c, home);
	int r = unlinkat(home, name, flags) < 0 ? -errno : 0;

	note_home(c, &before);
	return r;
}

static int make_at_home(struct ward_commit *c, int home, const char *name)
{
	struct stat before = look_at_home(c, home);
	int r = mkdirat(home, name, 0700) < 0 ? -errno : 0;

	note_home(c, &before);
	return r;
}

static int remove_name(void *arg, int dir, const char *name)
{
	(void)arg;
	return ward_commit_unlink(dir, name);
}

/* No journal speaks of it: what lies in a directory that was made was made too. */
static int remove_made(void *arg, int dir, const char *name)
{
	int r = remove_name(arg, dir, name);

	return r == -ENOTEMPTY && name[0] == WARD_STAGED_NEW ? ward_store_erase(dir, name) : r;
}

/* Open, and surely ours. */
static int open_stage(struct ward_commit *c, int home)
{
	char name[WARD_COMMIT_NAME_MAX];
	struct stat st;

	stage_name(c, home, name);
	WARD_FD fd = ward_commit_open(home, name, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != c->euid && (c->euid != 0 || st.st_uid != NOBODYS_ID)) ||
		(st.st_mode & 077) != 0 || st.st_dev != c->root_st.st_dev)
		return -EPERM;
	return ward_take_fd(&fd);
}

int ward_commit_stage_open(struct ward_commit *c, struct ward_error *err)
{
	const int homes[] = { c->store, c->root };
	int why = -ENOENT;

	ward_close(c->stage);
	c->stage = -1;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(homes); i++) {
		WARD_FD fd = open_stage(c, homes[i]);
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == c->j.stage_ino) {
			c->stage = ward_take_fd(&fd);
			c->stage_home = homes[i];
			return WARD_OK;
		}
		why = fd >= 0 ? -ESTALE : fd != -ENOENT ? fd : why;
	}
	return why == -ESTALE
		? ward_fail(err, WARD_E_REFUSED,
			  "what lies where the commit keeps what is old and new is not the directory that it made")
		: ward_fail_errno(err, WARD_E_SYSTEM, -why,
			  "cannot open the directory where the commit keeps what is old and new");
}

/* The link that leads() renames there, and that a kill then leaves. */
static bool is_probe(int home, const char *name)
{
	char text[4];

	return readlinkat(home, name, text, sizeof(text)) == 1 && text[0] == 'x';
}

/* What is left of a commit that died before its journal was whole: nothing of the project is in it. 0, -ENOENT: there is none. */
static int remove_left(struct ward_commit *c, int home)
{
	WARD_FD fd = open_stage(c, home);
	char name[WARD_COMMIT_NAME_MAX];
	int r;

	stage_name(c, home, name);
	if (fd == -ELOOP && is_probe(home, name))
		return remove_at_home(c, home, name, 0);
	if (fd < 0)
		return fd;
	if (c->j.state != WARD_JOURNAL_NONE)
		ward_commit_empty_made(c);
	r = ward_commit_names(fd, ".", c->j.state == WARD_JOURNAL_NONE ? remove_made : remove_name,
		NULL);
	return r == 0 ? remove_at_home(c, home, name, AT_REMOVEDIR) : r;
}

/*
 * In the project every run of the same user that may write there comes by, and could open what has a place later that it may not write. Root's
 * runs have what is root's, and no one else's: so it is nobody's, where root may go there all the same.
 */
static int close_to_runs(const struct ward_commit *c)
{
	if (c->euid != 0 || c->stage_home != c->root ||
		fchown(c->stage, NOBODYS_ID, (gid_t)-1) < 0 ||
		faccessat(c->stage, ".", R_OK | W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	return fchown(c->stage, c->euid, (gid_t)-1) < 0 ? -errno : 0;
}

static int make_in(struct ward_commit *c, int home)
{
	char name[WARD_COMMIT_NAME_MAX];
	int r;

	stage_name(c, home, name);
	r = make_at_home(c, home, name);
	if (r == -EEXIST) {
		r = remove_left(c, home);
		r = r == 0 ? make_at_home(c, home, name) : r;
	}
	if (r == 0) {
		c->stage = open_stage(c, home);
		c->stage_home = home;
		r = c->stage < 0 ? c->stage : 0;
		if (r == 0)
			r = close_to_runs(c);
	}
	return r;
}

/* Does a rename lead from there into the project? By doing: one mount and one quota's project are not seen otherwise. */
static int leads(struct ward_commit *c)
{
	char name[WARD_COMMIT_NAME_MAX];
	int r = symlinkat("x", c->stage, "x") < 0 ? -errno : 0;

	root_name(c, WARD_COMMIT_STAGE, name);
	if (r == 0)
		r = ward_commit_rename(c->stage, "x", c->root, name, RENAME_NOREPLACE);
	/* A link of that name is what a look that was killed has left: a rename is possible. */
	if (r == -EEXIST && fstatat(c->root, name, &(struct stat){ 0 }, AT_SYMLINK_NOFOLLOW) == 0)
		r = 0;
	if (r == 0)
		(void)unlinkat(c->root, name, 0);
	(void)unlinkat(c->stage, "x", 0);
	return r;
}

/* Once a run is enough: it comes and goes in the project's own directory, whose watchers it wakes. */
static int leads_once(struct ward_commit *c)
{
	struct stat before = look_at_home(c, c->root);
	int r = leads(c);

	note_home(c, &before);
	if (r == 0 && c->leads)
		*c->leads = true;
	return r;
}

static int make_somewhere(struct ward_commit *c)
{
	struct stat st;
	int r = fstat(c->store, &st) < 0 ? -errno : 0;

	if (r == 0 && st.st_dev == c->root_st.st_dev) {
		r = make_in(c, c->store);
		if (r == 0 && !(c->leads && *c->leads))
			r = leads_once(c);
		if (r == 0)
			return 0;
		ward_close(c->stage);
		c->stage = -1;
		(void)remove_left(c, c->store);
	}
	return r == 0 || r == -EXDEV ? make_in(c, c->root) : r;
}

int ward_commit_stage_make(struct ward_commit *c, struct ward_error *err)
{
	char name[WARD_COMMIT_NAME_MAX];
	struct stat st = { 0 };
	int r = make_somewhere(c);

	if (r == 0)
		r = fstat(c->stage, &st) < 0 ? -errno : 0;
	if (r == 0) {
		c->j.stage_ino = st.st_ino;
		return WARD_OK;
	}
	(void)ward_fail_errno(err, WARD_E_SYSTEM, -r,
		"cannot make the directory for what is to be committed");
	root_name(c, WARD_COMMIT_STAGE, name);
	if ((r == -ELOOP || r == -ENOTDIR || r == -EPERM) &&
		fstatat(c->root, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		ward_fail_fix(err, "the project has %s, which no commit made: move it away", name);
	else if (r == -ENOSPC || r == -EDQUOT)
		ward_fail_fix(err,
			"make room where the project and its changes are kept, and commit again; nothing of the project has changed");
	else if (r == -EROFS || r == -EACCES)
		ward_fail_fix(err,
			"let the project be written, and commit again: nothing of the run is lost");
	return WARD_E_SYSTEM;
}

/* Beside the project's files, under a name that nobody has: a run that landed more than once may have left one before. */
static int keep_beside(struct ward_commit *c)
{
	char name[WARD_COMMIT_NAME_MAX], kept[WARD_COMMIT_NAME_MAX];
	struct stat before = look_at_home(c, c->root);
	int r = -EEXIST;

	stage_name(c, c->stage_home, name);
	for (unsigned i = 1; i <= KEPT_MAX && r == -EEXIST; i++) {
		root_name(c, WARD_COMMIT_KEPT, kept);
		if (i > 1)
			(void)snprintf(kept, sizeof(kept), WARD_COMMIT_KEPT "%s-%u", c->run, i);
		r = ward_commit_rename(c->stage_home, name, c->root, kept, RENAME_NOREPLACE);
	}
	note_home(c, &before);
	if (r == 0)
		ward_commit_leave(c, kept,
			"is a directory of the project that holds what could be given back to no name");
	return r;
}

int ward_commit_stage_remove(struct ward_commit *c, struct ward_error *err)
{
	int r = -ENOENT;

	/* Where nobody knows which it was, nothing is in either. */
	if (!c->kept && c->stage < 0) {
		int s = remove_left(c, c->store);

		r = remove_left(c, c->root);
		r = r == -ENOENT ? s : r;
	} else if (!c->kept) {
		r = remove_left(c, c->stage_home);
	}
	if (!c->kept && (r == 0 || r == -ENOENT))
		return WARD_OK;
	/* Somebody wrote into what was replaced, or what was replaced has nowhere to go: it is not ours to throw away. */
	if (c->stage >= 0 && (c->kept || r == -ENOTEMPTY))
		r = keep_beside(c);
	return r < 0 ? ward_fail_errno(err, WARD_E_SYSTEM, -r,
			       "cannot remove the directory of what was committed")
		     : WARD_OK;
}
