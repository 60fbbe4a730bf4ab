/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to a directory of a layer whose directories the run has closed: name by name, each lent the bit that lets its owner in for as long as
 * the next one is opened. Every few directories one stays open, so that the next path, which as a rule lies beside or below, begins there and not
 * at the top: what takes one look for each directory would take one for each pair of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "workspace/change.h"

void ward_way_done(struct ward_way *w)
{
	while (w->n > 0)
		ward_close(w->v[--w->n].fd);
}

/* The mode of what fd (O_PATH) is gets the bit: 1; 0: it has it; -errno. */
static int lend(int fd, char proc[32], mode_t *ret_mode)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_mode = st.st_mode & 07777;
	if (st.st_mode & S_IXUSR)
		return 0;
	(void)snprintf(proc, 32, "/proc/self/fd/%d", fd);
	return chmod(proc, *ret_mode | S_IXUSR) < 0 ? -errno : 1;
}

/* The next name below dir, an O_PATH descriptor itself; one that may not be entered is lent the bit. */
static int enter(int dir, const char *name, uint64_t flags)
{
	int fd = ward_beneath(dir, name, flags), lent;
	char proc[32];
	mode_t mode = 0;

	if (fd != -EACCES)
		return fd;
	lent = lend(dir, proc, &mode);
	if (lent != 1)
		return lent < 0 ? lent : fd; /* it was not for the mode */
	fd = ward_beneath(dir, name, flags);
	(void)chmod(proc, mode); /* it was ours to change a moment ago */
	return fd;
}

static bool begins(const struct ward_way *w, size_t n_known, const char *path, size_t n)
{
	return n_known <= n && memcmp(w->path, path, n_known) == 0 &&
		(n_known == n || path[n_known] == '/');
}

/* Takes fd over. The last one stays only if it is one of those that do. */
static void keep(struct ward_way *w, int fd, size_t n, unsigned depth)
{
	if (w->n > 0 && w->v[w->n - 1].depth % WARD_WAY_STEP != 0)
		ward_close(w->v[--w->n].fd);
	w->v[w->n].fd = fd;
	w->v[w->n].n = n;
	w->v[w->n++].depth = depth;
}

int ward_way_to(struct ward_way *w, int layer, const char *path, size_t n)
{
	size_t at;
	unsigned depth;

	if (n >= sizeof(w->path))
		return -ENAMETOOLONG;
	while (w->n > 0 && !begins(w, w->v[w->n - 1].n, path, n))
		ward_close(w->v[--w->n].fd);
	at = w->n > 0 ? w->v[w->n - 1].n : 0;
	depth = w->n > 0 ? w->v[w->n - 1].depth : 0;
	memcpy(w->path, path, n);
	while (at < n) {
		size_t begin = at > 0 ? at + 1 : 0, end = begin;
		char name[NAME_MAX + 1];
		int fd;

		while (end < n && path[end] != '/')
			end++;
		if (end - begin > NAME_MAX)
			return -ENAMETOOLONG;
		if (depth == WARD_CHANGE_DEPTH_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path + begin, end - begin);
		name[end - begin] = '\0';
		fd = enter(w->n > 0 ? w->v[w->n - 1].fd : layer, name, O_PATH | O_DIRECTORY);
		if (fd < 0)
			return fd;
		keep(w, fd, end, ++depth);
		at = end;
	}
	return w->n > 0 ? w->v[w->n - 1].fd : layer;
}

int ward_way_open(struct ward_way *w, int layer, const char *path)
{
	const char *slash = strrchr(path, '/');
	int dir = ward_way_to(w, layer, path, slash ? (size_t)(slash - path) : 0);

	return dir < 0 ? dir : enter(dir, slash ? slash + 1 : path, O_PATH);
}
