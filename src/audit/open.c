/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Find, create and open the log, and be sure that it is one. Refuses a link, anything but a regular file, a file
 * of another owner than root or the caller, one that group or others may write, one with a second name, and a
 * directory in which anybody may put another file in its place. Creates 0600, directories 0700.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/log.h"

#define OPEN_FLAGS (O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)
#define OPEN_TRIES 8
#define SYSTEM_LOG "/var/log/ward/audit.jsonl"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

int ward_audit_default_path(char *out, size_t size, struct ward_error *err)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int n;

	/* A relative XDG_STATE_HOME is ignored, as the XDG base directory specification asks. */
	if (geteuid() == 0)
		n = snprintf(out, size, "%s", SYSTEM_LOG);
	else if (state && state[0] == '/')
		n = snprintf(out, size, "%s/ward/audit.jsonl", state);
	else if (home && home[0] == '/')
		n = snprintf(out, size, "%s/.local/state/ward/audit.jsonl", home[1] ? home : "");
	else {
		int r = ward_fail(err, WARD_E_AUDIT,
			"no place for the audit log: HOME is not an absolute path");
		ward_fail_fix(err, "set HOME or XDG_STATE_HOME, or give --audit FILE");
		return r;
	}
	if (n < 0 || (size_t)n >= size || n >= WARD_PATH_MAX)
		return ward_fail(err, WARD_E_LIMIT, "the path of the audit log is too long");
	return WARD_OK;
}

void ward_audit_fix(struct ward_error *err, int sys, const char *path)
{
	char word[WARD_PASTE_MAX];

	(void)ward_paste(word, path, "the log");
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
		ward_fail_fix(err, "free space for %s, or give --audit FILE on another file system",
			word);
		break;
	case EFBIG:
		ward_fail_fix(err, "raise the file size limit (ulimit -f), or move %s away", word);
		break;
	case EMFILE:
		ward_fail_fix(err, "raise the limit of open files (ulimit -n): a run needs 64");
		break;
	case EROFS:
	case EACCES:
	case EPERM:
		ward_fail_fix(err, "give --audit FILE in a directory that you may write");
		break;
	case EIO:
		ward_fail_fix(err, "check the disk below %s, then run `ward audit verify`", word);
		break;
	default:
		ward_fail_fix(err,
			"give --audit FILE in a directory that you may write, or mend %s", word);
		break;
	}
}

static int fail_open(struct ward_error *err, int sys, const char *path, const char *what)
{
	int r = ward_fail_errno(err, WARD_E_AUDIT, sys, "audit log %s: %s", path, what);
	ward_audit_fix(err, sys, path);
	return r;
}

static int refuse(struct ward_error *err, const char *path, const char *what, const char *fix)
{
	int r = ward_fail(err, WARD_E_AUDIT, "audit log %s %s", path, what);
	ward_fail_fix(err, "%s", fix);
	return r;
}

int ward_audit_check_file(int fd, const char *path, struct ward_error *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return fail_open(err, errno, path, "cannot be looked at");
	if (!S_ISREG(st.st_mode))
		return refuse(err, path, "is not a regular file", "give --audit a file of its own");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return refuse(err, path, "belongs to another user",
			"give --audit a file of your own");
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		int r = ward_fail(err, WARD_E_AUDIT,
			"audit log %s may be written by group or others (mode %04o)", path,
			(unsigned)(st.st_mode & 07777));
		ward_fail_fix(err, "chmod 600 the file, after looking who wrote it");
		return r;
	}
	if (st.st_nlink > 1)
		return refuse(err, path, "has a second name (a hard link)",
			"give --audit a file of its own");
	return WARD_OK;
}

static int check_dir(int dirfd, const char *path, struct ward_error *err)
{
	struct stat st;
	if (fstat(dirfd, &st) < 0)
		return fail_open(err, errno, path, "its directory cannot be looked at");
	if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
		return refuse(err, path, "lies in a directory that anybody may write",
			"give --audit FILE in a directory of your own");
	return WARD_OK;
}

/* A new name is durable when its directory is. Some file systems know no sync of a directory; that is no failure. */
static int sync_dir(int dirfd)
{
	WARD_FD fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) == 0)
		return 0;
	return errno == EIO || errno == ENOSPC || errno == EDQUOT ? -errno : 0;
}

static int create_file(const struct ward_audit *a, const char *base)
{
	WARD_FD fd = openat(a->dirfd, base, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -errno;
	/* The umask may have taken too much; the owner must be able to open it again. */
	int r = fchmod(fd, 0600) < 0 ? -errno : sync_dir(a->dirfd);
	return r < 0 ? r : ward_take_fd(&fd);
}

int ward_audit_open_file(const struct ward_audit *a, const char *base, struct ward_error *err)
{
	char path[WARD_PATH_MAX + 8];
	snprintf(path, sizeof(path), "%.*s%s", (int)(a->base - a->path), a->path, base);
	int r = -EAGAIN;
	for (int i = 0; i < OPEN_TRIES && r < 0; i++) {
		r = openat(a->dirfd, base, OPEN_FLAGS);
		r = r < 0 ? -errno : r;
		if (r == -ENOENT)
			r = create_file(a, base);
		if (r < 0 && r != -EEXIST && r != -EINTR)
			break;
	}
	if (r == -ELOOP)
		return refuse(err, path, "is a symbolic link",
			"give --audit the file that it points to");
	if (r == -EISDIR)
		return refuse(err, path, "is a directory", "give --audit a file in it");
	if (r == -ENXIO)
		return refuse(err, path, "is not a regular file", "give --audit a file of its own");
	if (r < 0)
		return fail_open(err, -r, path, "cannot be opened");
	WARD_FD fd = r;
	r = ward_audit_check_file(fd, path, err);
	return r < 0 ? r : ward_take_fd(&fd);
}

static int open_dir(struct ward_audit *a, struct ward_error *err)
{
	char dir[WARD_PATH_MAX];
	size_t n = (size_t)(a->base - a->path);
	memcpy(dir, a->path, n);
	dir[n > 1 ? n - 1 : n] = '\0';
	a->dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (a->dirfd < 0 && errno == ENOENT) {
		int r = ward_make_dirs(dir);
		a->dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (a->dirfd < 0 && r < 0)
			return fail_open(err, -r, a->path, "its directory cannot be made");
	}
	if (a->dirfd < 0)
		return fail_open(err, errno, a->path, "its directory cannot be opened");
	return check_dir(a->dirfd, a->path, err);
}

/* The name as an absolute path, so that a later chdir of the caller changes nothing. Not normalised: links count. */
static int set_path(struct ward_audit *a, const char *file, struct ward_error *err)
{
	char def[WARD_PATH_MAX], cwd[WARD_PATH_MAX] = "";
	const char *path = NULL;
	int r = ward_audit_file_or_default(file, def, &path, err);
	if (r < 0)
		return r;
	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return fail_open(err, errno, path, "the current directory is unknown");
	struct ward_buf b = WARD_BUF_INIT;
	ward_buf_adds(&b, cwd);
	if (path[0] != '/')
		ward_buf_addc(&b, '/');
	ward_buf_adds(&b, path);
	size_t n = b.n;
	a->path = ward_buf_take(&b);
	if (!a->path) {
		ward_buf_done(&b);
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	}
	if (n >= WARD_PATH_MAX)
		return ward_fail(err, WARD_E_LIMIT,
			"the path of the audit log is longer than %d bytes", WARD_PATH_MAX - 1);
	a->base = strrchr(a->path, '/') + 1;
	if (a->base[0] == '\0' || ward_streq(a->base, ".") || ward_streq(a->base, ".."))
		return refuse(err, a->path, "is a directory", "give --audit a file in it");
	return WARD_OK;
}

static int read_identity(struct ward_audit *a, struct ward_error *err)
{
	WARD_FD fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, a->boot, sizeof(a->boot) - 1);
	if (n < 0) {
		int e = errno;

		ward_fail_errno(err, WARD_E_SYSTEM, e, "%s cannot be read", BOOT_ID);
		if (e == ENOENT)
			ward_fail_fix(err,
				"mount all of /proc where ward is started, not processes alone (subset=pid; of a systemd unit: ProcSubset=all)");
		return WARD_E_SYSTEM;
	}
	a->boot[n] = '\0';
	a->boot[strcspn(a->boot, "\n")] = '\0';
	if (gethostname(a->host, sizeof(a->host) - 1) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "the host name is unknown");
	return WARD_OK;
}

/* The last byte says whether there may be a torn line; only then is the lock worth its price here. */
static int heal(struct ward_audit *a, struct ward_error *err)
{
	struct stat st;
	char last = '\n';
	if (fstat(a->fd, &st) < 0 ||
		(st.st_size > 0 && pread(a->fd, &last, 1, st.st_size - 1) != 1))
		return fail_open(err, errno, a->path, "cannot be read");
	if (last == '\n')
		return WARD_OK;
	uint64_t size = 0;
	struct ward_audit_tail tail;
	int r = ward_audit_lock(a, &size, err);
	if (r < 0)
		return r;
	r = ward_audit_tail(a, size, &tail, err);
	ward_audit_unlock_fd(a->fd);
	return r;
}

int ward_audit_open(const char *file, struct ward_audit **ret, uint64_t *ret_torn,
	struct ward_error *err)
{
	if (!ret)
		return ward_fail(err, WARD_E_INVALID,
			"ward_audit_open without a place for the result");
	*ret = NULL;
	if (ret_torn)
		*ret_torn = 0;
	struct ward_audit *a = calloc(1, sizeof(*a));
	if (!a)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	a->fd = a->dirfd = -1;
	pthread_mutex_init(&a->mutex, NULL);
	int r = set_path(a, file, err);
	if (r >= 0)
		r = read_identity(a, err);
	if (r >= 0 && !ward_streq(a->path, "/dev/null")) {
		r = open_dir(a, err);
		if (r >= 0)
			r = a->fd = ward_audit_open_file(a, a->base, err);
		if (r >= 0)
			r = heal(a, err);
	}
	if (r < 0) {
		ward_audit_close(a);
		return r;
	}
	if (ret_torn)
		*ret_torn = a->torn;
	*ret = a;
	return WARD_OK;
}

void ward_audit_close(struct ward_audit *a)
{
	struct ward_error ignored = WARD_ERROR_INIT;
	if (!a)
		return;
	(void)ward_audit_settle(a, &ignored);
	ward_close(a->fd);
	ward_close(a->dirfd);
	pthread_mutex_destroy(&a->mutex);
	ward_buf_done(&a->line);
	free(a->path);
	free(a);
}

const char *ward_audit_path(const struct ward_audit *a)
{
	return a->path;
}

bool ward_audit_is(const struct ward_audit *a, int fd)
{
	struct stat log, st;

	return a->fd >= 0 && fstat(a->fd, &log) == 0 && fstat(fd, &st) == 0 &&
		st.st_dev == log.st_dev && st.st_ino == log.st_ino;
}

uint64_t ward_audit_torn(const struct ward_audit *a)
{
	return a->torn;
}
