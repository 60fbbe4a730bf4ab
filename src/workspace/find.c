/* SPDX-License-Identifier: Apache-2.0 */
/* Where the store is, which entries it has, which of them is meant, and what state one is in. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/store.h"

#define SYSTEM_STATE "/var/lib"
#define UP_MAX 128 /* directories above the store that are looked at */
#define NAMED_MAX 5 /* runs that an error lists */
#define YOUNG_S 60 /* an entry that is being made may be without its lock as long */

/* ---- where ---- */

static int where(const char *state, const char *home, char out[WARD_PATH_MAX],
	struct ward_error *err)
{
	char path[WARD_PATH_MAX];
	int n;

	/* A relative XDG_STATE_HOME is ignored, as the XDG base directory specification asks. */
	if (state && state[0] == '/')
		n = snprintf(path, sizeof(path), "%s/ward/runs", state);
	else if (geteuid() == 0)
		n = snprintf(path, sizeof(path), "%s/ward/runs", SYSTEM_STATE);
	else if (home && home[0] == '/')
		n = snprintf(path, sizeof(path), "%s/.local/state/ward/runs", home);
	else {
		int r = ward_fail(err, WARD_E_INVALID,
			"no place for workspaces under review: HOME is not an absolute path");

		ward_fail_fix(err, "set HOME or XDG_STATE_HOME");
		return r;
	}
	if ((size_t)n >= sizeof(path) || ward_path_normalize(path, out, WARD_PATH_MAX) < 0)
		return ward_fail(err, WARD_E_LIMIT,
			"the path of the store of workspaces is too long");
	return WARD_OK;
}

/* By its own name, without the links that lead to it (a home kept elsewhere): what a run mounts is opened again, and over none. */
static void name_really(int fd, char out[WARD_PATH_MAX])
{
	char proc[32], real[WARD_PATH_MAX];
	ssize_t n;

	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, real, sizeof(real) - 1);
	if (n <= 0 || real[0] != '/')
		return;
	real[n] = '\0';
	memcpy(out, real, (size_t)n + 1);
}

static int bad_home(const char *path, const struct stat *st, const char *what,
	struct ward_error *err)
{
	char word[WARD_PASTE_MAX];
	int r = ward_fail(err, WARD_E_REFUSED,
		"the store of workspaces under review %s (uid %u, mode %04o)", what,
		(unsigned)st->st_uid, (unsigned)(st->st_mode & 07777));

	ward_fail_at(err, path, 0, 0);
	ward_fail_fix(err,
		"look at what it is, then: chmod 700 %s, or set XDG_STATE_HOME to a directory of your own",
		ward_paste(word, path, "it"));
	return r;
}

/* Which directory it is has to be said: the store's own mode would not help. */
static int bad_above(int dir, const struct stat *st, const char *what, const char *mode,
	struct ward_error *err)
{
	char path[WARD_PATH_MAX] = "a directory above it", word[WARD_PASTE_MAX];
	int r = ward_fail(err, WARD_E_REFUSED,
		"the store of workspaces under review lies %s (uid %u, mode %04o)", what,
		(unsigned)st->st_uid, (unsigned)(st->st_mode & 07777));

	name_really(dir, path);
	ward_fail_at(err, path, 0, 0);
	if (mode)
		ward_fail_fix(err,
			"look at what it is, then: chmod %s %s, or set XDG_STATE_HOME to a directory of your own",
			mode, ward_paste(word, path, "it"));
	else
		ward_fail_fix(err, "set XDG_STATE_HOME to a directory of your own");
	return r;
}

int ward_store_own(int fd, const char *path, struct ward_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "%s cannot be looked at", path);
	if (st.st_uid != geteuid())
		return bad_home(path, &st, "is not yours", err);
	if (st.st_mode & 077)
		return bad_home(path, &st, "is not yours alone", err);
	return WARD_OK;
}

/* Nobody else can put another directory in its place: what it lies in is its owner's or root's, and what lies above is not everybody's. */
static int check_above(int fd, const char *path, struct ward_error *err)
{
	WARD_FD at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct stat st, last = { 0 };

	for (unsigned i = 0; i < UP_MAX; i++) {
		WARD_FD up = at < 0 ? -1 : openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (up < 0 || fstat(up, &st) < 0)
			return ward_fail_errno(err, WARD_E_SYSTEM, errno,
				"what %s lies in cannot be looked at", path);
		if (i > 0 && st.st_ino == last.st_ino && st.st_dev == last.st_dev)
			return WARD_OK;
		if (i == 0 && st.st_uid != geteuid() && st.st_uid != 0)
			return bad_above(up, &st, "in a directory of somebody else's", NULL, err);
		if (i == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)))
			return bad_above(up, &st, "where others may write", "go-w", err);
		if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
			return bad_above(up, &st, "below a directory that everybody may write",
				"o-w", err);
		last = st;
		ward_close(at);
		at = ward_take_fd(&up);
	}
	return ward_fail(err, WARD_E_LIMIT, "the path of the store of workspaces is too deep");
}

int ward_store_home(bool make, char out[WARD_PATH_MAX], struct ward_error *err)
{
	int r = where(getenv("XDG_STATE_HOME"), getenv("HOME"), out, err);
	WARD_FD fd = -1;

	if (r < 0)
		return r;
	fd = open(out, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && make) {
		int made = ward_make_dirs(out);

		fd = open(out, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && made < 0)
			errno = -made;
	}
	if (fd < 0 && errno == ENOENT && !make)
		return ward_fail(err, WARD_E_NOTFOUND,
			"no run is or was under review: there is no %s", out);
	if (fd < 0) {
		bool full = errno == ENOSPC || errno == EDQUOT;

		r = ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"the store of workspaces under review cannot be opened");
		ward_fail_at(err, out, 0, 0);
		ward_fail_fix(err, "%s",
			full ? "free space or inodes there (df -h, df -i), or set XDG_STATE_HOME to a directory on another file system"
			     : "set XDG_STATE_HOME to a directory of your own");
		return r;
	}
	r = ward_store_own(fd, out, err);
	if (r == WARD_OK)
		r = check_above(fd, out, err);
	if (r < 0)
		return r;
	name_really(fd, out);
	return ward_take_fd(&fd);
}

int ward_workspace_home(bool make, char out[WARD_PATH_MAX], struct ward_error *err)
{
	int r = ward_store_home(make, out, err);

	if (r < 0)
		return r;
	ward_close(r);
	return WARD_OK;
}

bool ward_workspace_where(char out[WARD_PATH_MAX])
{
	return where(getenv("XDG_STATE_HOME"), getenv("HOME"), out, NULL) == WARD_OK;
}

bool ward_workspace_home_otherwise(const char *home, char out[WARD_PATH_MAX])
{
	return where(NULL, home ? home : getenv("HOME"), out, NULL) == WARD_OK;
}

/* ---- which there are ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

int ward_store_names(int home, const char *prefix, struct ward_buf *out, struct ward_error *err)
{
	int again = openat(home, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	size_t skip = strlen(prefix), n = 0;
	const struct dirent *e;
	int sys;

	if (!d) {
		int r = ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"the store of workspaces cannot be read");

		ward_close(again);
		return r;
	}
	while (errno = 0, n <= WARD_WORKSPACES_MAX && (e = readdir(d))) {
		if (!ward_has_prefix(e->d_name, prefix) || !ward_ulid_valid(e->d_name + skip))
			continue;
		ward_buf_add(out, e->d_name + skip, WARD_ULID_SIZE);
		n++;
	}
	sys = errno;
	(void)closedir(d);
	if (sys)
		return ward_fail_errno(err, WARD_E_SYSTEM, sys,
			"the store of workspaces cannot be read");
	if (n > WARD_WORKSPACES_MAX)
		return ward_fail(err, WARD_E_LIMIT,
			"there are more than %d workspaces under review", WARD_WORKSPACES_MAX);
	if (out->failed)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (n > 1)
		qsort(out->s, n, WARD_ULID_SIZE, by_name);
	return WARD_OK;
}

enum ward_workspace_state ward_store_state(const struct ward_workspace *w, bool *ret_alive)
{
	struct stat st;

	*ret_alive = w->lock >= 0 && !w->ours && ward_store_held(w->lock, STORE_ALIVE);
	/* A ward that was killed is gone a moment before what it held is. */
	if (!*ret_alive && !w->ours && w->facts.ended_ns == 0 && w->facts.log)
		*ret_alive = ward_pending_alive(w->facts.log, w->facts.run);
	if (*ret_alive || w->ours)
		return WARD_WORKSPACE_LIVE;
	if (fstatat(w->dir, WARD_WORKSPACE_JOURNAL, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return WARD_WORKSPACE_COMMITTING;
	return (w->facts.backend == WARD_DISK_TMPFS && w->facts.ended_ns == 0) ||
			ward_store_forgotten(w)
		? WARD_WORKSPACE_LOST
		: WARD_WORKSPACE_PENDING;
}

void ward_store_judge(struct ward_workspace *w)
{
	w->state = ward_store_state(w, &w->alive);
}

static int read_record(struct ward_workspace *w, const char *run, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	WARD_FD fd = openat(w->dir, STORE_RECORD, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char name[WARD_PATH_MAX + sizeof(STORE_RECORD) + 1];
	int r;

	(void)snprintf(name, sizeof(name), "%s/" STORE_RECORD, w->path);
	r = fd < 0 ? ward_fail_errno(err, WARD_E_PARSE, errno,
			     "the record of run %s cannot be read", run)
		   : ward_read_fd(fd, STORE_RECORD, WARD_WORKSPACE_RECORD_MAX, &b, err);
	if (r == WARD_OK)
		r = ward_record_read(w, run, ward_buf_cstr(&b), b.n, err);
	if (r < 0) {
		memset(&w->facts, 0, sizeof(w->facts));
		(void)snprintf(w->facts.run, sizeof(w->facts.run), "%s", run);
		ward_fail_at(err, name,
			err && err->file[0] ? 0
				: err       ? err->line
					    : 0,
			err ? err->column : 0);
		if (err && !err->fix[0])
			ward_fail_fix(err, "look at it, or forget the run: ward discard %s", run);
	}
	return r;
}

/* The machine, while the run lived: its last seconds are not all on the disk, and what is may be of no length. */
static bool went_down(const struct ward_workspace *w)
{
	char boot[STORE_BOOT_SIZE];

	if (w->facts.ended_ns || w->facts.backend == WARD_DISK_TMPFS)
		return false;
	ward_record_boot(boot);
	return !ward_streq(boot, w->boot);
}

/* Opening it failed since there is none, or something else of that name. */
static bool is_no_lock(int e)
{
	return e == ENOENT || e == ELOOP || e == EISDIR || e == ENXIO;
}

/* It has one. Whether the run lives, or another ward is at it, nobody can tell: so it is not even forgotten. */
static int not_to_be_locked(const struct ward_workspace *w, const char *run, struct ward_error *why)
{
	int r = ward_fail_errno(why, WARD_E_SYSTEM, w->unlocked, "run %s cannot be locked", run);

	if (w->unlocked == EROFS)
		ward_fail_fix(why, "let the file system of %s be written", w->path);
	return r;
}

int ward_store_load(struct ward_workspace *w, const char *run, enum ward_workspace_use use,
	struct ward_error *why)
{
	int access = use == WARD_WORKSPACE_LOOK ? O_RDONLY : O_RDWR;
	struct stat st;
	int r;

	w->dir = openat(w->home, run, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (w->dir < 0)
		return -errno;
	w->lock = openat(w->dir, STORE_LOCK, access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (w->lock < 0 && !is_no_lock(errno))
		w->unlocked = errno;
	/* Nothing else can be locked, and nobody would ever be known to be gone. */
	if (w->lock >= 0 && (fstat(w->lock, &st) < 0 || !S_ISREG(st.st_mode))) {
		ward_close(w->lock);
		w->lock = -1;
	}
	r = read_record(w, run, why);
	if (w->unlocked)
		r = not_to_be_locked(w, run, why);
	else if (r == WARD_OK && w->lock < 0)
		r = ward_fail(why, WARD_E_PARSE, "run %s has no lock", run);
	if (r == WARD_OK)
		ward_store_judge(w);
	else
		w->alive = w->lock >= 0 && ward_store_held(w->lock, STORE_ALIVE);
	if (r == WARD_OK)
		w->facts.incomplete = w->facts.incomplete || went_down(w);
	return 0;
}

/* ---- which is meant ---- */

static int not_found(const char *run, struct ward_error *err)
{
	int r = ward_fail(err, WARD_E_NOTFOUND, "there is no run \"%s\" under review", run);

	ward_fail_fix(err, "see which there are: ward runs ls");
	return r;
}

static void list(struct ward_buf *b, const char *names, size_t n)
{
	for (size_t i = 0; i < n && i < NAMED_MAX; i++)
		ward_buf_addf(b, "%s%s", i > 0 ? ", " : "", names + i * WARD_ULID_SIZE);
	if (n > NAMED_MAX)
		ward_buf_addf(b, " and %zu more", n - NAMED_MAX);
}

static int resolve(int home, const char *run, char out[WARD_ULID_SIZE], struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done)
	struct ward_buf names = WARD_BUF_INIT, found = WARD_BUF_INIT, b = WARD_BUF_INIT;
	char upper[WARD_ULID_SIZE];
	size_t n = strlen(run);
	int r;

	if (n == 0 || n >= WARD_ULID_SIZE)
		return not_found(run, err);
	for (size_t i = 0; i <= n; i++)
		upper[i] = (char)(run[i] >= 'a' && run[i] <= 'z' ? run[i] - 'a' + 'A' : run[i]);
	r = ward_store_names(home, "", &names, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < names.n; i += WARD_ULID_SIZE)
		if (ward_has_prefix(names.s + i, upper))
			ward_buf_add(&found, names.s + i, WARD_ULID_SIZE);
	if (found.failed)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (found.n == 0)
		return not_found(run, err);
	if (found.n > WARD_ULID_SIZE) {
		list(&b, found.s, found.n / WARD_ULID_SIZE);
		r = ward_fail(err, WARD_E_INVALID, "\"%s\" begins more than one run: %s", run,
			ward_buf_cstr(&b));
		ward_fail_fix(err, "give more of it");
		return r;
	}
	memcpy(out, found.s, WARD_ULID_SIZE);
	return WARD_OK;
}

/* The lock, and what it is of is still what has the name. */
static int lock(struct ward_workspace *w, const char *run, struct ward_error *err)
{
	struct stat mine, named;
	int r = w->lock < 0 ? 0 : ward_store_lock(w->lock, STORE_CHANGED);

	if (w->alive || r == -EAGAIN) {
		bool alive = w->alive || ward_store_held(w->lock, STORE_ALIVE);

		r = ward_fail(err, WARD_E_REFUSED,
			alive ? "run %s is still running"
			      : "run %s is being changed by another ward",
			run);
		if (alive)
			ward_fail_fix(err, "wait for its end, or end it: ward stop %s", run);
		else
			ward_fail_fix(err, "wait for its end");
		return r;
	}
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "run %s cannot be locked", run);
	if (fstat(w->dir, &mine) < 0 || fstatat(w->home, run, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
		mine.st_ino != named.st_ino || mine.st_dev != named.st_dev)
		return not_found(run, err);
	w->locked = true;
	return WARD_OK;
}

int ward_store_lost(const struct ward_workspace *w, struct ward_error *err)
{
	int r = ward_fail(err, WARD_E_REFUSED, "what run %s changed %s", w->facts.run,
		ward_workspace_lost(&w->facts));

	ward_fail_fix(err, "forget it: ward discard %s", w->facts.run);
	return r;
}

static int check_change(struct ward_workspace *w, struct ward_error *err)
{
	int r;

	ward_store_judge(w);
	if (w->state == WARD_WORKSPACE_LOST)
		return ward_store_lost(w, err);
	r = ward_workspace_root(w, err);
	return r < 0 ? r : WARD_OK;
}

int ward_workspace_open(const char *run, enum ward_workspace_use use, struct ward_workspace **ret,
	struct ward_error *err)
{
	struct ward_workspace *w = ward_store_new();
	struct ward_error why = WARD_ERROR_INIT;
	char name[WARD_ULID_SIZE], home[WARD_PATH_MAX];
	int r;

	if (!w)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	r = ward_store_home(false, home, err);
	if (r >= 0) {
		w->home = r;
		r = resolve(w->home, run, name, err);
	}
	if (r == WARD_E_NOTFOUND && w->home < 0)
		r = not_found(run, err);
	if (r == WARD_OK &&
		snprintf(w->path, sizeof(w->path), "%s/%s", home, name) >= (int)sizeof(w->path))
		r = ward_fail(err, WARD_E_LIMIT, "the path of the store is too long");
	if (r == WARD_OK && ward_store_load(w, name, use, &why) < 0)
		r = not_found(name, err);
	/*
	 * What cannot be read can be forgotten. But of what a newer ward has kept nobody here knows whether it is in use, or whether it has what is
	 * nowhere else.
	 */
	if (r == WARD_OK && why.code != WARD_OK &&
		(use != WARD_WORKSPACE_DROP || why.code == WARD_E_UNSUPPORTED || w->unlocked)) {
		r = why.code;
		if (err)
			*err = why;
	}
	if (r == WARD_OK && use != WARD_WORKSPACE_LOOK)
		r = lock(w, name, err);
	if (r == WARD_OK && use == WARD_WORKSPACE_CHANGE)
		r = check_change(w, err);
	if (r < 0) {
		ward_workspace_close(w);
		return r;
	}
	*ret = w;
	return WARD_OK;
}

int ward_workspace_each(ward_workspace_each_fn *fn, void *arg, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf names = WARD_BUF_INIT;
	char home[WARD_PATH_MAX];
	int opened = ward_store_home(false, home, err), r;
	WARD_FD fd = opened < 0 ? -1 : opened;

	if (opened < 0)
		return opened == WARD_E_NOTFOUND ? WARD_OK : opened;
	r = ward_store_names(fd, "", &names, err);
	for (size_t i = 0; i < names.n && r == WARD_OK; i += WARD_ULID_SIZE) {
		struct ward_workspace *w = ward_store_new();
		struct ward_error why = WARD_ERROR_INIT;

		if (!w)
			return ward_fail(err, WARD_E_NOMEM, "out of memory");
		w->home = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (snprintf(w->path, sizeof(w->path), "%s/%s", home, names.s + i) <
				(int)sizeof(w->path) &&
			ward_store_load(w, names.s + i, WARD_WORKSPACE_LOOK, &why) == 0)
			r = fn(arg, names.s + i, w->state, &w->facts, why.code ? &why : NULL);
		ward_workspace_close(w);
	}
	return r;
}

struct search {
	const char *path;
	struct ward_buf found;
	char live[WARD_ULID_SIZE];
};

static int looks(void *arg, const char *run, enum ward_workspace_state state,
	const struct ward_workspace_facts *f, const struct ward_error *why)
{
	struct search *s = arg;

	if (why || !ward_path_within(s->path, f->root))
		return 0;
	if (state == WARD_WORKSPACE_PENDING || state == WARD_WORKSPACE_COMMITTING)
		ward_buf_add(&s->found, run, WARD_ULID_SIZE);
	else if (state == WARD_WORKSPACE_LIVE)
		memcpy(s->live, run, WARD_ULID_SIZE);
	return 0;
}

int ward_workspace_find(const char *path, bool only_one, char out[WARD_ULID_SIZE],
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct search s = { .path = path };
	int r = ward_workspace_each(looks, &s, err);
	size_t n = s.found.n / WARD_ULID_SIZE;

	if (r == WARD_OK && s.found.failed)
		r = ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (r == WARD_OK && n == 0) {
		r = ward_fail(err, WARD_E_NOTFOUND,
			s.live[0] ? "no run has left changes here yet; run %s is still running"
				  : "no run has left changes here%s",
			s.live);
		ward_fail_fix(err,
			!s.live[0]         ? "see which there are: ward runs ls"
				: only_one ? "wait for its end, or end it: ward stop %s"
					   : "name it, or wait for its end",
			s.live);
	}
	if (r == WARD_OK && n > 1 && only_one) {
		list(&b, s.found.s, n);
		r = ward_fail(err, WARD_E_INVALID, "more than one run has left changes here: %s",
			ward_buf_cstr(&b));
		ward_fail_fix(err, "name the one that you mean");
	}
	if (r == WARD_OK)
		memcpy(out, s.found.s + (n - 1) * WARD_ULID_SIZE, WARD_ULID_SIZE);
	ward_buf_done(&s.found);
	return r;
}

/* ---- what is to go ---- */

int ward_workspace_remove(struct ward_workspace *w, struct ward_error *err)
{
	char gone[sizeof(STORE_GONE) + WARD_ULID_SIZE], where_it_is[WARD_PATH_MAX + 64];
	int r = WARD_OK, sys;

	(void)snprintf(gone, sizeof(gone), STORE_GONE "%s", w->facts.run);
	(void)snprintf(where_it_is, sizeof(where_it_is), "%.*s%s",
		(int)(strlen(w->path) - strlen(w->facts.run)), w->path, gone);
	ward_store_wait(w);
	ward_store_indexes_over(w);
	if (w->alive || (w->lock < 0 && w->state != WARD_WORKSPACE_BROKEN))
		r = ward_fail(err, WARD_E_INTERNAL,
			"a workspace that is not locked is not removed");
	else if ((w->made || w->state != WARD_WORKSPACE_BROKEN) &&
		faccessat(w->dir, WARD_WORKSPACE_JOURNAL, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		r = ward_fail(err, WARD_E_REFUSED,
			"a commit of run %s began and did not end: what it keeps is in its entry",
			w->facts.run);
	if (r == WARD_OK && renameat(w->home, w->facts.run, w->home, gone) < 0)
		r = ward_fail_errno(err, WARD_E_SYSTEM, errno, "run %s cannot be removed",
			w->facts.run);
	if (r == WARD_OK) {
		/* Not to come back half removed. Of a run of our own that wrote nothing nobody misses it if it does. */
		if (!w->made)
			(void)fsync(w->home);
		else
			ward_store_erase_unwritten(w->dir);
		sys = ward_store_erase(w->home, gone);
		if (sys < 0) {
			r = ward_fail_errno(err, WARD_E_SYSTEM, -sys,
				"not all of run %s can be removed", w->facts.run);
			ward_fail_at(err, where_it_is, 0, 0);
			ward_fail_fix(err, "look at what is left there; ward runs gc tries again");
		}
	}
	ward_workspace_close(w);
	return r;
}

/* Is somebody at it? An entry that is being made has its lock from its first moments on. */
static bool in_use(int home, const char *name, enum store_lock what)
{
	struct stat st;
	WARD_FD dir = openat(home, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	WARD_FD fd = dir < 0
		? -1
		: openat(dir, STORE_LOCK, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return ward_store_held(fd, what);
	if (dir >= 0 && !is_no_lock(errno))
		return true; /* nobody can tell */
	return what == STORE_ALIVE && dir >= 0 && fstat(dir, &st) == 0 &&
		(uint64_t)st.st_ctime + YOUNG_S > ward_now_wall_ns() / 1000000000u;
}

/*
 * The machine went down in the first moments of a run: its entry has a name and a lock, and nothing of the record reached the disk, nor anything
 * of the layer. Where that has something, nothing is guessed: such an entry is broken, and stays.
 */
static bool never_was(int home, const char *name)
{
	/* Nobody is at it, or it is not looked at: a layer that is closed is opened for good. */
	struct ward_workspace w = {
		.layer = -1, .lock = -1, .state = WARD_WORKSPACE_BROKEN, .locked = true
	};
	struct stat st;
	WARD_FD dir = openat(home, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool never;

	if (dir < 0 || (fstatat(dir, STORE_RECORD, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size) ||
		fstatat(dir, STORE_LAYER "/" WARD_REVIEW_IMAGE, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
		in_use(home, name, STORE_ALIVE) || in_use(home, name, STORE_CHANGED))
		return false;
	if (fstatat(dir, STORE_UPPER, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	w.dir = dir;
	never = ward_workspace_unwritten(&w);
	ward_close(w.layer);
	return never;
}

int ward_workspace_sweep(size_t *ret_n, struct ward_error *err)
{
	static const struct {
		const char *prefix;
		enum store_lock lock;
	} kinds[] = { { STORE_NEW, STORE_ALIVE }, { STORE_GONE, STORE_CHANGED },
		{ "", STORE_ALIVE } };
	char home[WARD_PATH_MAX], name[sizeof(STORE_GONE) + WARD_ULID_SIZE];
	int opened = ward_store_home(false, home, err), r = WARD_OK;
	WARD_FD fd = opened < 0 ? -1 : opened;
	size_t n = 0;

	if (opened < 0)
		return opened == WARD_E_NOTFOUND ? WARD_OK : opened;
	for (size_t k = 0; k < WARD_ARRAY_SIZE(kinds) && r == WARD_OK; k++) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf names = WARD_BUF_INIT;

		r = ward_store_names(fd, kinds[k].prefix, &names, err);
		for (size_t i = 0; i < names.n && r == WARD_OK; i += WARD_ULID_SIZE) {
			int sys;

			(void)snprintf(name, sizeof(name), "%s%s", kinds[k].prefix, names.s + i);
			if (kinds[k].prefix[0] ? in_use(fd, name, kinds[k].lock)
					       : !never_was(fd, name))
				continue;
			sys = ward_store_erase(fd, name);
			n += sys == 0;
			if (sys < 0) {
				r = ward_fail_errno(err, WARD_E_SYSTEM, -sys,
					"what is left of run %s cannot be removed", names.s + i);
				ward_fail_at(err, home, 0, 0);
			}
		}
	}
	if (ret_n)
		*ret_n = n;
	return r;
}
