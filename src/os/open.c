/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openat2(2): opening a name under a directory with a promise about how the name was resolved.
 * There is no fallback to openat(): without the promise the descriptor would be worth nothing, so
 * an old kernel's -ENOSYS is handed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"

/*
 * A rename anywhere on the system may disturb a scoped walk: the kernel then says EAGAIN and means
 * "again".
 */
#define OPEN_TRIES 64

_Static_assert(WARD_OPEN_NO_SYMLINKS == RESOLVE_NO_SYMLINKS, "as the kernel numbers them");
_Static_assert(WARD_OPEN_NO_MAGICLINKS == RESOLVE_NO_MAGICLINKS, "as the kernel numbers them");
_Static_assert(WARD_OPEN_NO_XDEV == RESOLVE_NO_XDEV, "as the kernel numbers them");
_Static_assert(WARD_OPEN_BENEATH == RESOLVE_BENEATH, "as the kernel numbers them");
_Static_assert(WARD_OPEN_IN_ROOT == RESOLVE_IN_ROOT, "as the kernel numbers them");

int ward_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve };

	for (int i = 0;; i++) {
		long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EINTR && (errno != EAGAIN || i >= OPEN_TRIES))
			return -errno;
	}
}

/* Until the end is said: not all file systems give all that they have at once. One that was removed, which alone lacks a ".", was empty. */
bool ward_is_empty(int dir)
{
	_Alignas(struct ward_dirent64) char dents[512];
	WARD_FD fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long n = fd < 0 ? -1 : 1;

	while (n > 0) {
		n = syscall(SYS_getdents64, fd, dents, sizeof(dents));
		for (long at = 0; at < n;) {
			const struct ward_dirent64 *d =
				(const struct ward_dirent64 *)(const void *)(dents + at);

			if (!ward_streq(d->name, ".") && !ward_streq(d->name, ".."))
				return false;
			at += d->reclen;
		}
	}
	return n == 0 || errno == ENOENT;
}

int ward_make_dirs(const char *dir)
{
	char part[WARD_PATH_MAX];
	int first = 0;

	for (size_t i = 1; i < sizeof(part) && dir[i - 1]; i++) {
		if (dir[i] != '/' && dir[i])
			continue;
		memcpy(part, dir, i);
		part[i] = '\0';
		if (mkdir(part, 0700) == 0 || errno == EEXIST)
			first = 0;
		else if (first == 0)
			first = -errno;
	}
	return first;
}
