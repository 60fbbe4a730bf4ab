/* SPDX-License-Identifier: Apache-2.0 */
/* What is dangerous by what it is, whatever its name: links that lead out of the tree, files with capabilities. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "os/os.h"
#include "run/review/judge.h"

#define ATTRIBUTES_MAX \
	4096 /* bytes of the names of one's extended attributes; with more it is asked about */

/*
 * Where a link at path leads, without looking: ".." may stand in front alone, since behind a name it goes up from whatever that name leads
 * to.
 */
bool ward_link_stays(const char *root, const char *path, const char *to)
{
	size_t depth = 0, n;
	bool down = false;

	if (to[0] == '/')
		return ward_path_within(to, root) && !ward_path_has_dotdot(to);
	for (const char *s = path; (s = strchr(s, '/')); s++)
		depth++;
	for (; *to; to += n + (to[n] == '/')) {
		n = strcspn(to, "/");
		if (n == 2 && to[0] == '.' && to[1] == '.') {
			if (down || depth == 0)
				return false;
			depth--;
		} else if (n > 0 && !(n == 1 && to[0] == '.')) {
			down = true;
		}
	}
	return true;
}

/* A file's capabilities are set-ID bits by another name. */
bool ward_file_is_capable(int layer, const char *path)
{
	char proc[64], names[ATTRIBUTES_MAX];
	WARD_FD fd = ward_beneath(layer, path, O_PATH);
	ssize_t n;

	if (fd < 0)
		return true;
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = listxattr(proc, names, sizeof(names));
	if (n < 0)
		return errno != ENOTSUP;
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		if (ward_has_prefix(names + at, "security.cap"))
			return true;
	}
	return false;
}
