/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-init: a standard input that is a file of the host's, given for reading. A descriptor carries the rights of its mount with it,
 * and an ordinary user's command is its user: it could change mode, times and attributes of the file by that descriptor, and open it
 * anew for writing; as root, of what everybody may write, times and attributes. So it gets one of the same file through a mount of its own that is only read. That has a place in the file of its
 * own: the caller's goes there at the end, so that who reads on after the run does so where the command left off. Where any of it
 * cannot be done the command has what was given, as ever.
 */
#include "init.h"
#include "sys.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file by its name, O_PATH; -1: it has none, or another file has it. */
static int by_name(int fd, const struct stat *st)
{
	char link[32], path[PATH_MAX];
	struct stat now;
	ssize_t n;
	int named;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/')
		return -1;
	path[n] = '\0';
	named = (int)sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC,
		RESOLVE_NO_SYMLINKS_ | RESOLVE_NO_MAGICLINKS_);
	if (named >= 0 &&
		(fstat(named, &now) < 0 || now.st_dev != st->st_dev || now.st_ino != st->st_ino)) {
		close(named);
		return -1;
	}
	return named;
}

/* Opened for reading, by a mount that nothing is changed through; -1: it cannot be had. */
static int only_read(int named, int flags)
{
	static const struct mount_attr_ attr = { .attr_set = MOUNT_ATTR_RDONLY_ |
			MOUNT_ATTR_NOSUID_ | MOUNT_ATTR_NODEV_ };
	int tree = (int)sys_open_tree(named, "",
		OPEN_TREE_CLONE_ | OPEN_TREE_CLOEXEC_ | AT_EMPTY_PATH_);
	char link[32];
	int fd = -1;

	if (tree < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", tree);
	if (sys_mount_setattr(tree, 0, &attr) == 0)
		fd = openat(AT_FDCWD, link, O_RDONLY | O_NOCTTY | O_CLOEXEC | (flags & O_NONBLOCK));
	close(tree);
	return fd;
}

void input_reopen(struct init *in)
{
	int given = in->handed[WARD_HANDED_STDIO], flags = fcntl(given, F_GETFL), named, fd;
	off_t at = lseek(given, 0, SEEK_CUR);
	struct stat st;

	if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY || at < 0 || fstat(given, &st) < 0 ||
		!S_ISREG(st.st_mode))
		return;
	if ((in->l->flags & WARD_LAUNCH_ROOT) && !(st.st_mode & S_IWOTH))
		return;
	named = by_name(given, &st);
	if (named < 0)
		return;
	fd = only_read(named, flags);
	close(named);
	if (fd >= 0 && lseek(fd, at, SEEK_SET) != at) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		return;
	in->input_at = at;
	in->input_given = given;
	in->input_mine = in->handed[WARD_HANDED_STDIO] = fd;
}

void input_ended(int given, int mine, off_t began)
{
	off_t at = lseek(mine, 0, SEEK_CUR);

	/* Who did not read leaves it to those who did meanwhile. */
	if (at >= 0 && at != began)
		(void)lseek(given, at, SEEK_SET);
}
