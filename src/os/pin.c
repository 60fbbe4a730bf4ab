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

bool ward_is_pin(int dir, const char *name)
{
	struct stat st;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !ward_pin_marked(st.st_mode))
		return false;
	if (S_ISREG(st.st_mode))
		return st.st_size <= WARD_PIN_TEXT_MAX;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && is_empty(fd);
}
