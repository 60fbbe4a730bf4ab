/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of commits share: a commit in a child that is killed at its n-th call, or in which somebody writes at its n-th look.
 * Programs that include it are linked with --wrap for each of these calls.
 */
#pragma once

#include <stdatomic.h>

#include "commit_box.h"
#include "commit_ops.h"
#include "commit_read.h"

/* ---- kill -9 at the n-th call ---- */

static atomic_long calls; /* threads count too */
static long kill_at = -1;

/* Where the count goes on once the journal is whole, however many calls that took. 0: as it is. */
static long behind_journal;

/* Or somebody acts in the project at two of them. */
static long act_at = -1, act_again_at = -1;
static void (*actor)(void);

static void call(void)
{
	long n = atomic_fetch_add(&calls, 1) + 1;

	if (n == kill_at)
		(void)kill(getpid(), SIGKILL);
	if (actor && (n == act_at || n == act_again_at))
		actor();
}

/* ---- threads, however few files there are ---- */

static size_t crew;

size_t __real_ward_crew_size(size_t n);
size_t __wrap_ward_crew_size(size_t n);
size_t __wrap_ward_crew_size(size_t n)
{
	return crew > 0 ? crew : __real_ward_crew_size(n);
}

/* ---- and somebody who writes in the project at its n-th look ---- */

static long look_at = -1, looks;
static void (*somebody)(void);

int __real_ward_commit_look(struct ward_held *h, int a, const char *b, struct stat *c);
int __wrap_ward_commit_look(struct ward_held *h, int a, const char *b, struct stat *c);
int __wrap_ward_commit_look(struct ward_held *h, int a, const char *b, struct stat *c)
{
	if (++looks == look_at)
		somebody();
	return __real_ward_commit_look(h, a, b, c);
}

#define WRAP(type, name, params, args) \
	type __real_##name params; \
	type __wrap_##name params; \
	type __wrap_##name params \
	{ \
		call(); \
		return __real_##name args; \
	}
int __real_renameat(int a, const char *b, int c, const char *d);
int __wrap_renameat(int a, const char *b, int c, const char *d);
int __wrap_renameat(int a, const char *b, int c, const char *d)
{
	int r;

	call();
	r = __real_renameat(a, b, c, d);
	if (behind_journal > 0 && r == 0 && strcmp(d, WARD_JOURNAL_NAME) == 0)
		atomic_store(&calls, behind_journal);
	return r;
}
WRAP(int, unlinkat, (int a, const char *b, int c), (a, b, c))
WRAP(int, mkdirat, (int a, const char *b, mode_t c), (a, b, c))
WRAP(int, mknodat, (int a, const char *b, mode_t c, dev_t d), (a, b, c, d))
WRAP(int, linkat, (int a, const char *b, int c, const char *d, int e), (a, b, c, d, e))
WRAP(int, symlinkat, (const char *a, int b, const char *c), (a, b, c))
WRAP(int, fsync, (int a), (a))
WRAP(int, syncfs, (int a), (a))
WRAP(ssize_t, write, (int a, const void *b, size_t c), (a, b, c))
WRAP(int, fchmod, (int a, mode_t b), (a, b))
WRAP(int, chmod, (const char *a, mode_t b), (a, b))
WRAP(int, setxattr, (const char *a, const char *b, const void *c, size_t d, int e), (a, b, c, d, e))
WRAP(int, fsetxattr, (int a, const char *b, const void *c, size_t d, int e), (a, b, c, d, e))
WRAP(int, fremovexattr, (int a, const char *b), (a, b))
WRAP(int, ward_commit_rename, (int a, const char *b, int c, const char *d, unsigned e),
	(a, b, c, d, e))

/* ---- what is left ---- */

static TAP_UNUSED bool layer_is_empty(void)
{
	WARD_CLEANUP(read_done) struct read r = { 0 };
	WARD_FD fd = box_open("upper");
	bool all = !read_really;

	/* What a run wrote as it was is no change, and stays in the layer. */
	read_really = true;
	r = read_layer();
	return r.c.n == 0 && (!all || ward_commit_empty(fd, "."));
}

static TAP_UNUSED struct ward_error last_error;

/* All that the layer says, and what came of it. */
static TAP_UNUSED int commit_by_hand(enum ward_commit_side side, bool set_id)
{
	WARD_CLEANUP(read_done) struct read r = read_layer();
	WARD_CLEANUP(box_fds_done) struct box_fds f;
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);
	struct ward_commit_item items[256] = { 0 };

	REQUIRE(r.c.n <= WARD_ARRAY_SIZE(items));
	for (size_t i = 0; i < r.c.n; i++)
		items[i] = (struct ward_commit_item){ &r.c.v[i], side, set_id };
	last_error = (struct ward_error)WARD_ERROR_INIT;
	return ward_commit_run(&c, &r.c, items, r.c.n, &last_error);
}

static TAP_UNUSED bool no_trace(void)
{
	struct stat st;

	return lstat(box_path("root/.ward-commit-" RUN), &st) < 0 &&
		lstat(box_path("store/" WARD_COMMIT_STAGE_STORE), &st) < 0 &&
		lstat(box_path("root/.ward-kept-" RUN), &st) < 0 &&
		lstat(box_path("store/" WARD_WORKSPACE_JOURNAL), &st) < 0;
}

/* NONE: there is no journal, or it cannot be read. */
static TAP_UNUSED enum ward_journal_state journal_state(void)
{
	struct ward_journal j = { 0 };
	struct ward_error ignored = WARD_ERROR_INIT;
	WARD_FD fd = box_open("store");
	enum ward_journal_state s =
		ward_journal_read(fd, &j, &ignored) == WARD_OK ? j.state : WARD_JOURNAL_NONE;

	ward_journal_done(&j);
	return s;
}

/* What failed stays, to be looked at. */
static TAP_UNUSED void box_end(void)
{
	if (tap_failures == 0)
		box_remove();
	else
		printf("# see %s\n", box_dir);
	box_dir[0] = '\0';
}

enum { COMMIT = 0, RESUME, UNDO };

/* In a child, killed at a random call. True: it ended by itself, with *ret. */
static TAP_UNUSED bool killed(int what, long at, int *ret)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct box_fds f;
		struct ward_commit c = box_commit(&f);
		struct ward_error err = WARD_ERROR_INIT;
		struct read r = read_layer();
		struct ward_commit_item *items = calloc(r.c.n + 1, sizeof(*items));
		int code;

		for (size_t i = 0; i < r.c.n; i++)
			items[i] =
				(struct ward_commit_item){ &r.c.v[i], WARD_COMMIT_NEITHER, true };
		kill_at = at;
		calls = 0;
		looks = 0;
		code = what == COMMIT    ? ward_commit_run(&c, &r.c, items, r.c.n, &err)
			: what == RESUME ? ward_commit_resume(&c, &err)
					 : ward_commit_undo(&c, &err);
		if (code < 0 && code != WARD_E_NOTFOUND) {
			printf("# %s\n", err.message);
			fflush(stdout);
		}
		_exit(-code);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status)) {
		CHECK_EQ_INT(WTERMSIG(status), SIGKILL);
		return false;
	}
	*ret = -WEXITSTATUS(status);
	return true;
}
/* ---- by hand ---- */

static TAP_UNUSED void put_at(const char *path, const char *text, mode_t mode)
{
	WARD_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	REQUIRE(fchmod(fd, mode) == 0);
}

static TAP_UNUSED bool has(const char *path, const char *text)
{
	char now[256] = "";
	WARD_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, now, sizeof(now) - 1);

	return n >= 0 && strcmp(now, text) == 0;
}
