/* SPDX-License-Identifier: Apache-2.0 */
/* How large a layer is: looked at by descriptor, with a list of names of its own, so that no depth costs stack or descriptors. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/store.h"

/* What lies in one directory; its directories go behind the list. */
static void count(DIR *d, const char *path, struct ward_buf *todo, uint64_t *bytes,
	uint64_t *objects)
{
	const struct dirent *e;
	struct stat st;

	while ((e = readdir(d))) {
		if (ward_streq(e->d_name, ".") || ward_streq(e->d_name, "..") ||
			fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		(*objects)++;
		*bytes += (uint64_t)st.st_blocks * 512u;
		if (!S_ISDIR(st.st_mode) || strlen(path) + strlen(e->d_name) + 2 > WARD_PATH_MAX)
			continue;
		ward_buf_addf(todo, "%s/%s", path, e->d_name);
		ward_buf_addc(todo, '\0');
	}
}

int ward_workspace_size(struct ward_workspace *w, uint64_t *ret_bytes, uint64_t *ret_objects,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf now = WARD_BUF_INIT, next = WARD_BUF_INIT;
	uint64_t bytes = 0, objects = 0;
	int layer = ward_workspace_layer(w, err);

	if (layer < 0)
		return layer;
	ward_buf_add(&now, ".", 2);
	while (now.n > 0 && !next.failed) {
		for (size_t at = 0; at < now.n; at += strlen(now.s + at) + 1) {
			int fd =
				ward_openat2(layer, now.s + at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
					0, WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS);
			DIR *d = fd < 0 ? NULL : fdopendir(fd);

			if (d) {
				count(d, now.s + at, &next, &bytes, &objects);
				(void)closedir(d);
			} else if (fd >= 0) {
				ward_close(fd);
			}
		}
		ward_buf_done(&now);
		now = next;
		next = (struct ward_buf)WARD_BUF_INIT;
	}
	if (next.failed)
		return ward_fail(err, WARD_E_LIMIT,
			"the layer has too many directories to be counted");
	*ret_bytes = bytes;
	*ret_objects = objects;
	return WARD_OK;
}
