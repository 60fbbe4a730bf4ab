/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a pin (run/pin.c) is told from what people make: by its mode, which it has from its first moment on, and by holding nothing
 * of anybody's. Any run may ask, so that what another run keeps away is not taken for something that is there.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"

static bool is_empty(int fd)
{
	DIR *d = fdopendir(fd);
	const struct dirent *e;
	bool empty = d != NULL;

	if (!d)
		ward_close(fd);
	while (empty && (e = readdir(d)))
		empty = ward_streq(e->d_name, ".") || ward_streq(e->d_name, "..");
	if (d)
		closedir(d);
	return empty;
}

/* One of the texts that mean as much as no file (run/resolve/git.c): nothing, and a common directory that is the directory itself. */
static bool means_none(int fd)
{
	char text[WARD_PIN_TEXT_MAX + 1];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text), 0);

	ward_close(fd);
	return n == 0 || (n == 2 && memcmp(text, ".\n", 2) == 0);
}

bool ward_is_pin(int dir, const char *name)
{
	struct stat st;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !ward_pin_marked(st.st_mode))
		return false;
	if (S_ISREG(st.st_mode))
		return means_none(openat(dir, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && is_empty(fd);
}
