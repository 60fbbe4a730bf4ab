/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a pin (run/pin.c) is told from what people make: by its mode, which it has from its first moment on, and by holding nothing
 * of anybody's. Any run may ask, so that what another run keeps away is not taken for something that is there. Whoever keeps it away may end
 * between two looks: then what was seen at the first is gone at the second, or the other way round, and neither makes it anybody's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"

/* One of the texts that mean as much as no file (run/resolve/git.c): nothing, and a common directory that is the directory itself. */
static bool means_none(int fd)
{
	char text[WARD_PIN_TEXT_MAX + 1];
	ssize_t n = pread(fd, text, sizeof(text), 0);

	return n == 0 || (n == 2 && memcmp(text, ".\n", 2) == 0);
}

/* 0: it is one. -ENOENT: nothing is there any more. -EEXIST: what is there is none, or may be none. */
static int look(int dir, const char *name)
{
	struct stat st;
	WARD_FD fd = -1;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? -ENOENT : -EEXIST;
	if (!ward_pin_marked(st.st_mode))
		return -EEXIST;
	fd = openat(dir, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
			(S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EEXIST;
	return (S_ISDIR(st.st_mode) ? ward_is_empty(fd) : means_none(fd)) ? 0 : -EEXIST;
}

bool ward_is_pin(int dir, const char *name)
{
	return look(dir, name) == 0;
}

bool ward_was_pin(int dir, const char *name)
{
	return look(dir, name) != -EEXIST;
}

bool ward_fd_is_pin(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && ward_pin_marked(st.st_mode) &&
		ward_is_empty(fd);
}
