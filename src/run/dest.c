/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where --outcome, --report and --head-to go: a regular file, replaced by rename, or a descriptor that the
 * caller passed ("fd:N"). Checked when the option is set, so that nothing runs whose outcome has no place.
 * It refuses devices, links and directories (a rename would replace them), and descriptors of our own:
 * those are close-on-exec, an inherited one is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/request.h"

#define FD_PREFIX "fd:"

static int parse_fd(const char *dest, int *ret)
{
	uint64_t n = 0;
	int r = ward_parse_u64(dest + strlen(FD_PREFIX), 1, 1u << 20, &n, NULL);

	if (r < 0)
		return r;
	*ret = (int)n;
	return WARD_OK;
}

static int check_fd(const char *option, const char *dest, struct ward_error *err)
{
	int fd = -1;
	int r = parse_fd(dest, &fd);

	if (r < 0) {
		r = ward_fail(err, WARD_E_INVALID,
			"\"%s\" is not a descriptor: fd: takes a number from 1", dest);
	} else {
		int flags = fcntl(fd, F_GETFL), fdflags = fcntl(fd, F_GETFD);

		if (flags < 0 || fdflags < 0 || (fdflags & FD_CLOEXEC))
			r = ward_fail(err, WARD_E_INVALID, "descriptor %d is not open", fd);
		else if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
			r = ward_fail(err, WARD_E_INVALID, "descriptor %d is not open for writing",
				fd);
	}
	if (r < 0) {
		ward_fail_at(err, option, 0, 0);
		ward_fail_fix(err,
			"open it in the calling shell, as in: ward run %s fd:3 ... 3>FILE", option);
	}
	return r;
}

/* The directory that a file will be renamed in must be there, and what is there already a regular file. */
static int check_file(const char *option, const char *dest, struct ward_error *err)
{
	char dir[WARD_PATH_MAX];
	const char *slash = strrchr(dest, '/');
	size_t n = slash ? (size_t)(slash - dest) + 1 : 1;
	struct stat st;
	int r = WARD_OK;

	if (strlen(dest) >= sizeof(dir)) {
		r = ward_fail(err, WARD_E_LIMIT, "path is longer than %d bytes", WARD_PATH_MAX - 1);
		goto out;
	}
	memcpy(dir, slash ? dest : ".", n);
	dir[n] = '\0';
	if (stat(dir, &st) < 0)
		r = ward_fail_errno(err, WARD_E_NOTFOUND, errno,
			"cannot write into directory \"%s\"", dir);
	else if (!S_ISDIR(st.st_mode))
		r = ward_fail(err, WARD_E_INVALID, "\"%s\" is not a directory", dir);
	else if (lstat(dest, &st) < 0 && errno != ENOENT)
		r = ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot look at \"%s\"", dest);
	else if (slash && !slash[1])
		r = ward_fail(err, WARD_E_INVALID, "\"%s\" names a directory, not a file", dest);
	else if (lstat(dest, &st) == 0 && !S_ISREG(st.st_mode))
		r = ward_fail(err, WARD_E_INVALID, "\"%s\" exists and is not a regular file", dest);
out:
	if (r < 0) {
		ward_fail_at(err, option, 0, 0);
		ward_fail_fix(err, "name a file in an existing directory, or use fd:N");
	}
	return r;
}

int ward_dest_check(const char *option, const char *dest, struct ward_error *err)
{
	if (!dest[0]) {
		int r = ward_fail(err, WARD_E_INVALID, "an empty file name");

		ward_fail_at(err, option, 0, 0);
		ward_fail_fix(err, "give FILE or fd:N");
		return r;
	}
	if (ward_has_prefix(dest, FD_PREFIX))
		return check_fd(option, dest, err);
	return check_file(option, dest, err);
}

int ward_dest_write(const char *option, const char *dest, const void *p, size_t n,
	struct ward_error *err)
{
	int fd = -1;
	/* Looked at again: a run lies between, and what it could write may have become a link. */
	int r = ward_dest_check(option, dest, err);

	if (r < 0)
		return r;
	if (!ward_has_prefix(dest, FD_PREFIX)) {
		r = ward_replace_file(dest, p, n, 0600, err);
		if (r < 0)
			ward_fail_at(err, option, 0, 0);
		return r;
	}
	r = parse_fd(dest, &fd);
	if (r < 0)
		return r;
	r = ward_write_all(fd, p, n);
	if (r < 0) {
		r = ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot write to descriptor %d", fd);
		ward_fail_at(err, option, 0, 0);
	}
	return r;
}
