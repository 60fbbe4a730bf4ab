/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of a directory of the project, where they are few: a directory of the layer with many new names takes a look-up of each otherwise,
 * and a tmpfs remembers no name that is not there. What is in the list is looked at all the same, so the list says one thing alone: that a
 * name is not there. Where it cannot be had whole by two calls, or names are equal that differ in their bytes, it says nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/missing.h"
#include "workspace/change.h"

#define BYTES (16u << 10)
#define SLOTS \
	2048u /* a power of two; more than twice as many as BYTES have names, each of which takes 24 bytes */

struct ward_names {
	uint16_t slot[SLOTS]; /* where in dents, and 1 more */
	char dents[BYTES];
};

static size_t hash(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h & (SLOTS - 1);
}

static const char *name_at(const struct ward_names *k, uint16_t slot)
{
	return ((const struct ward_dirent64 *)(const void *)(k->dents + slot - 1))->name;
}

static void put(struct ward_names *k, uint16_t at)
{
	size_t i = hash(name_at(k, at + 1));

	while (k->slot[i])
		i = (i + 1) & (SLOTS - 1);
	k->slot[i] = at + 1;
}

/*
 * Looked at without leaving a time behind, which a stranger's directory does not let us. An overlay reads all of a directory before it gives the first
 * name of it.
 */
static int open_list(int dir)
{
	WARD_FD fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME);
	struct statfs on;
	int flags = 0;

	return fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_CASEFOLD_FL) &&
			fstatfs(fd, &on) == 0 && on.f_type != OVERLAYFS_SUPER_MAGIC
		? ward_take_fd(&fd)
		: -1;
}

bool ward_names_read(struct ward_names **io, int dir)
{
	WARD_FD fd = open_list(dir);
	struct ward_names *k;
	long n;

	if (fd < 0)
		return false;
	if (!*io)
		*io = malloc(sizeof(**io));
	k = *io;
	if (!k)
		return false;
	n = syscall(SYS_getdents64, fd, k->dents, BYTES);
	/* A file system may give less at a time than there is room for: only the end is the end. */
	if (n < 0 || (n > 0 && syscall(SYS_getdents64, fd, k->dents + n, BYTES - (size_t)n) != 0))
		return false;
	memset(k->slot, 0, sizeof(k->slot));
	for (long at = 0; at < n;) {
		const struct ward_dirent64 *e =
			(const struct ward_dirent64 *)(const void *)(k->dents + at);

		put(k, (uint16_t)at);
		at += e->reclen;
	}
	return true;
}

bool ward_names_have(const struct ward_names *k, const char *name)
{
	for (size_t i = hash(name); k->slot[i]; i = (i + 1) & (SLOTS - 1))
		if (strcmp(name_at(k, k->slot[i]), name) == 0)
			return true;
	return false;
}
