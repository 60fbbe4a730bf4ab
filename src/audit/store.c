/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LOG.snapshots: one file a snapshot, 0600, written once and never changed. It belongs to the log: where the log may not lie it may
 * not either, and no disk for it is no start. docs/spec/snapshot.md
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/log.h"
#include "os/os.h"

#define TEMPORARY ".new."
#define STALE_S 3600 /* a temporary file of that age is nobody's any more */
#define REFRESH_S 1800 /* what is used again is not the oldest; a look a run is enough */

int ward_store_where(const char *log, char out[WARD_PATH_MAX], struct ward_error *err)
{
	char path[WARD_PATH_MAX];
	int r = WARD_OK;

	if (!log) {
		r = ward_audit_default_path(path, sizeof(path), err);
		log = path;
	}
	if (r == WARD_OK &&
		(size_t)snprintf(out, WARD_PATH_MAX, "%s.snapshots", log) >= WARD_PATH_MAX)
		r = ward_fail(err, WARD_E_LIMIT, "the path of the log is too long");
	return r;
}

static int fail(struct ward_error *err, int sys, const char *dir, const char *what)
{
	char word[WARD_PASTE_MAX];
	int r = ward_fail_errno(err, WARD_E_AUDIT, sys,
		"the policies of the run cannot be kept: %s %s",
		ward_paste(word, dir, "the directory"), what);

	ward_audit_fix(err, sys, dir);
	return r;
}

/*
 * Fd or a code. What is written goes where nobody else may put anything; what is read is judged by its hash, whoever's the
 * directory is: root may look at a user's.
 */
static int open_store(const char *dir, bool make, struct ward_error *err)
{
	const uint64_t flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	struct stat st;
	WARD_FD fd = ward_openat2(AT_FDCWD, dir, flags, 0, 0);
	int sys = fd < 0 ? -fd : 0;

	if (sys == ENOENT && !make)
		return ward_fail_errno(err, WARD_E_NOTFOUND, sys, "%s", dir);
	if (sys == ENOENT) {
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			return fail(err, errno, dir, "cannot be made");
		fd = ward_openat2(AT_FDCWD, dir, flags, 0, 0);
		sys = fd < 0 ? -fd : 0;
	}
	if (sys)
		return fail(err, sys, dir, "cannot be opened");
	if (fstat(fd, &st) < 0)
		return fail(err, errno, dir, "cannot be looked at");
	if (make &&
		((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH))))
		return fail(err, EPERM, dir, "may be written by somebody else");
	return ward_take_fd(&fd);
}

/* ---- bounding ---- */

struct kept {
	char name[WARD_SHA256_HEX + 32];
	struct timespec used;
	uint64_t bytes;
};

static bool is_ours(const char *name)
{
	size_t n = strspn(name, "0123456789abcdef");

	return n == WARD_SHA256_HEX - 1 &&
		(ward_streq(name + n, WARD_STORE_POLICY) ||
			ward_streq(name + n, WARD_STORE_SCHEMA));
}

static int by_use(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	if (x->used.tv_nsec != y->used.tv_nsec)
		return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* What is there; more than the array holds waits for the next time. */
static size_t list(DIR *d, struct kept *v, size_t max, uint64_t *ret_bytes)
{
	const struct dirent *e;
	size_t n = 0;

	*ret_bytes = 0;
	while (n < max && (e = readdir(d))) {
		struct stat st;
		bool temporary = ward_has_prefix(e->d_name, TEMPORARY);

		if ((!temporary && !is_ours(e->d_name)) ||
			fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode))
			continue;
		if (temporary) {
			if (time(NULL) - st.st_mtime > STALE_S)
				(void)unlinkat(dirfd(d), e->d_name, 0);
			continue;
		}
		(void)snprintf(v[n].name, sizeof(v[n].name), "%.*s", (int)sizeof(v[n].name) - 1,
			e->d_name);
		v[n].used = st.st_mtim;
		v[n++].bytes = (uint64_t)st.st_size;
		*ret_bytes += (uint64_t)st.st_size;
	}
	return n;
}

/*
 * Only what was stored anew makes it grow. What was not used for the longest time goes, an eighth more than must, so that not every
 * start of many different ones does this; never what this run has just stored. No memory for it: the next one tries again.
 */
static void bound(int fd, const char *keep)
{
	struct kept *v = malloc(2 * (size_t)WARD_SNAPSHOTS_MAX * sizeof(*v));
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = own >= 0 && v ? fdopendir(own) : NULL;
	uint64_t bytes = 0;
	size_t n, left;

	if (!d) {
		if (own >= 0)
			close(own);
		free(v);
		return;
	}
	left = n = list(d, v, 2 * (size_t)WARD_SNAPSHOTS_MAX, &bytes);
	if (n > WARD_SNAPSHOTS_MAX || bytes > WARD_SNAPSHOTS_BYTES_MAX) {
		qsort(v, n, sizeof(*v), by_use);
		for (size_t i = 0; i < n; i++) {
			if (left <= WARD_SNAPSHOTS_MAX - WARD_SNAPSHOTS_MAX / 8 &&
				bytes <= WARD_SNAPSHOTS_BYTES_MAX - WARD_SNAPSHOTS_BYTES_MAX / 8)
				break;
			if (ward_streq(v[i].name, keep) || unlinkat(fd, v[i].name, 0) < 0)
				continue;
			left--;
			bytes -= v[i].bytes;
		}
	}
	closedir(d);
	free(v);
}

/* ---- writing ---- */

static int write_new(int dir, const char *name, struct ward_str text)
{
	char temporary[64];
	uint64_t n;
	int r = ward_random(&n, sizeof(n));

	if (r < 0)
		return r;
	(void)snprintf(temporary, sizeof(temporary), TEMPORARY "%016llx", (unsigned long long)n);
	WARD_FD fd =
		openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = ward_write_all(fd, text.s, text.n);
	if (r == 0 && (fchmod(fd, 0600) < 0 || fsync(fd) < 0))
		r = -errno;
	if (r == 0 && renameat(dir, temporary, dir, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, temporary, 0);
	/* Some file systems know no sync of a directory; that is no failure. */
	else if (fsync(dir) < 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT))
		r = -errno;
	return r;
}

int ward_store_keep(const char *log, const char *sha256, const char *ending, struct ward_str text,
	struct ward_error *err)
{
	char dir[WARD_PATH_MAX], name[WARD_SHA256_HEX + 32];
	struct stat st;
	int r = ward_store_where(log, dir, err);

	if (r < 0)
		return r;
	if (text.n > WARD_SNAPSHOT_BYTES_MAX) {
		(void)ward_fail(err, WARD_E_LIMIT, "the policies of the run are over %u bytes",
			WARD_SNAPSHOT_BYTES_MAX);
		ward_fail_fix(err, "name directories instead of many files");
		return WARD_E_LIMIT;
	}
	WARD_FD fd = open_store(dir, true, err);
	if (fd < 0)
		return fd;
	(void)snprintf(name, sizeof(name), "%s%s", sha256, ending);
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		(size_t)st.st_size == text.n) {
		if (time(NULL) - st.st_mtime > REFRESH_S)
			(void)utimensat(fd, name, NULL, AT_SYMLINK_NOFOLLOW);
		return WARD_OK;
	}
	r = write_new(fd, name, text);
	if (r < 0)
		return fail(err, -r, dir, "cannot be written to");
	bound(fd, name);
	return WARD_OK;
}

/* ---- reading ---- */

int ward_store_read(const char *log, const char *sha256, const char *ending, struct ward_buf *out,
	struct ward_error *err)
{
	char dir[WARD_PATH_MAX], name[WARD_SHA256_HEX + 32], hash[WARD_SHA256_HEX];
	int r = ward_store_where(log, dir, err);

	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "%s%s", sha256, ending);
	WARD_FD at = open_store(dir, false, err);
	WARD_FD fd = at < 0 ? -1 : openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if ((at < 0 && at != WARD_E_NOTFOUND) || (at >= 0 && fd < 0 && errno != ENOENT))
		return at < 0 ? at : fail(err, errno, dir, "cannot be read");
	if (fd < 0) {
		(void)ward_fail(err, WARD_E_NOTFOUND, "%s is not stored in %.512s", name, dir);
		ward_fail_fix(err,
			"the oldest are removed where there are too many, and it stays where the log was: move both together");
		return WARD_E_NOTFOUND;
	}
	r = ward_read_fd(fd, name, WARD_SNAPSHOT_BYTES_MAX, out, err);
	if (r < 0)
		return r;
	ward_sha256_hex(out->s, out->n, hash);
	if (strcmp(hash, sha256) == 0)
		return WARD_OK;
	(void)ward_fail(err, WARD_E_AUDIT, "%s in %.512s is not what its name says: it was changed",
		name, dir);
	ward_fail_fix(err, "nothing can be answered from it; ward audit verify looks at the log");
	return WARD_E_AUDIT;
}
