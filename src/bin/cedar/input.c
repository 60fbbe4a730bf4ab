/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in, bounded; one file out, by rename. What is wrong with a file is said with its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/cedar/cedar.h"

#define READ_FIRST (64u << 10)

void text_done(struct text *t)
{
	free(t->s);
	*t = (struct text){ 0 };
}

static bool is_stdin(const char *name)
{
	return !name || ward_streq(name, "-");
}

const char *shown_name(const char *name)
{
	return is_stdin(name) ? "<stdin>" : name;
}

static bool fail_file(struct args *a, const char *name, const char *what, int sys)
{
	struct ward_error err = WARD_ERROR_INIT;

	ward_fail_errno(&err, sys == ENOMEM ? WARD_E_NOMEM : WARD_E_SYSTEM, sys, "failed to %s",
		what);
	ward_fail_at(&err, shown_name(name), 0, 0);
	(void)fail_error(a, &err);
	return false;
}

static bool fail_large(struct args *a, const char *name, size_t max)
{
	struct ward_error err = WARD_ERROR_INIT;
	char size[32];

	ward_format_size(max, size, sizeof(size));
	ward_fail(&err, WARD_E_LIMIT, "the text is longer than %s", size);
	ward_fail_at(&err, shown_name(name), 0, 0);
	(void)fail_error(a, &err);
	return false;
}

/* To the end of the file; an errno, or EFBIG for more than max bytes. */
static int read_all(int fd, size_t first, size_t max, struct text *t)
{
	size_t cap = first;

	t->s = malloc(cap + 1);
	if (!t->s)
		return ENOMEM;
	for (;;) {
		ssize_t n = read(fd, t->s + t->n, cap - t->n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		t->n += (size_t)n;
		if (n == 0 && t->n <= max)
			break;
		if (t->n > max)
			return EFBIG;
		if (t->n == cap) {
			char *s;

			cap = cap > max / 2 ? max + 1 : cap * 2;
			s = realloc(t->s, cap + 1);
			if (!s)
				return ENOMEM;
			t->s = s;
		}
	}
	t->s[t->n] = '\0';
	return 0;
}

bool read_text(struct args *a, const char *name, const char *what, size_t max, struct text *ret)
{
	char doing[96];
	struct stat st = { 0 };
	size_t first = READ_FIRST;
	int sys, fd = is_stdin(name) ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	*ret = (struct text){ 0 };
	(void)snprintf(doing, sizeof(doing), "%s %s file", fd < 0 ? "open" : "read", what);
	if (fd < 0)
		return fail_file(a, name, doing, errno);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0)
		first = (size_t)st.st_size < max ? (size_t)st.st_size + 1 : max + 1;
	/* What is too long is not read to find that out. */
	sys = S_ISREG(st.st_mode) && (size_t)st.st_size > max ? EFBIG
							      : read_all(fd, first, max, ret);
	if (!is_stdin(name))
		(void)close(fd);
	if (sys == 0)
		return true;
	text_done(ret);
	return sys == EFBIG ? fail_large(a, name, max) : fail_file(a, name, doing, sys);
}

static int write_all(int fd, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, s, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return errno;
		s += w;
		n -= (size_t)w;
	}
	return fsync(fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno;
}

/*
 * Beside the file that is meant, links followed: then it takes its place, or nothing has changed. What is no regular file
 * keeps its place: ENOTSUP.
 */
static int replace(const char *name, const char *text, size_t n)
{
	char path[WARD_PATH_MAX], *real = realpath(name, NULL);
	const char *target = real ? real : name;
	struct stat st;
	int fd, len, sys;

	if (real && stat(real, &st) == 0 && !S_ISREG(st.st_mode)) {
		free(real);
		return ENOTSUP;
	}
	len = snprintf(path, sizeof(path), "%s.%ld.ward", target, (long)getpid());
	if (len < 0 || (size_t)len >= sizeof(path)) {
		free(real);
		return ENAMETOOLONG;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	sys = fd < 0 ? errno : 0;
	if (sys == 0 && real && stat(real, &st) == 0) {
		/* Its owner stays, as far as we may say so. */
		int given = st.st_uid != geteuid() || st.st_gid != getegid()
			? fchown(fd, st.st_uid, st.st_gid)
			: 0;

		(void)given;
		(void)fchmod(fd, st.st_mode & 0777);
	}
	if (sys == 0)
		sys = write_all(fd, text, n);
	if (fd >= 0 && close(fd) < 0 && sys == 0)
		sys = errno;
	if (sys == 0 && rename(path, target) < 0)
		sys = errno;
	if (sys != 0 && fd >= 0)
		(void)unlink(path);
	free(real);
	return sys;
}

bool write_text(struct args *a, const char *name, const char *text, size_t n)
{
	struct ward_error err = WARD_ERROR_INIT;
	int sys = replace(name, text, n);

	if (sys != ENOTSUP)
		return sys == 0 || fail_file(a, name, "write the file", sys);
	ward_fail(&err, WARD_E_REFUSED, "it is no regular file, and stays as it is");
	ward_fail_at(&err, name, 0, 0);
	(void)fail_error(a, &err);
	return false;
}
