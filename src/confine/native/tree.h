/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A granted or base path as a detached mount. Shared by the supervisor (as host root, which alone can ID-map a mount) and
 * ward-init (an ordinary user's, who may clone a tree only inside the run's own namespaces).
 *
 * Every path was resolved before (no link is left in it) and comes with the device and inode that were seen then: it is
 * opened with openat2 refusing every link, compared, and cloned from the descriptor, so that nothing that changes in
 * between can redirect a grant. A file system that cannot be ID-mapped is a refusal by name, never a mount with wrong ids.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/native/launch.h"
#include "confine/native/mutations.h"
#include "os/missing.h"

#define WARD_TREE_NO_MAGICLINKS 0x2ull
#define WARD_TREE_NO_SYMLINKS 0x4ull
#define WARD_TREE_CLONE 1u
#define WARD_TREE_CLOEXEC 02000000u
#define WARD_TREE_EMPTY_PATH 0x1000u
#define WARD_TREE_RECURSIVE 0x8000u
#define WARD_TREE_RDONLY 0x1ull
#define WARD_TREE_NOSUID 0x2ull
#define WARD_TREE_NODEV 0x4ull
#define WARD_TREE_NOEXEC 0x8ull
#define WARD_TREE_IDMAP 0x100000ull
#define WARD_TREE_PRIVATE (1ull << 18) /* MS_PRIVATE */

struct ward_tree_attr {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};
struct ward_tree_how {
	uint64_t flags, mode, resolve;
};

/* It comes from the host: the supervisor or the init opens it. */
static inline bool ward_tree_is_source(const struct ward_launch_mount *m)
{
	return m->kind == WARD_LAUNCH_BIND || m->kind == WARD_LAUNCH_OVERLAY ||
		m->kind == WARD_LAUNCH_CACHE;
}

/* O_PATH descriptor of what was resolved, or -errno with the stage. */
static inline int ward_tree_open(const char *path, const struct ward_launch_mount *m,
	enum ward_stage *ret_stage)
{
	struct ward_tree_how how = { .flags = O_PATH | O_CLOEXEC,
		.resolve = WARD_TREE_NO_SYMLINKS | WARD_TREE_NO_MAGICLINKS };
	int fd = (int)syscall(WARD_NR_OPENAT2, AT_FDCWD, path, &how, sizeof(how)), e = errno;
	struct stat st;

	*ret_stage = fd < 0 && e == ELOOP ? WARD_STAGE_CHANGED : WARD_STAGE_SOURCE;
	if (fd < 0)
		return -e;
	/* dev and ino 0: a device node of the base, which has no recorded identity. */
	if (m->ino == 0)
		return fd;
	if (fstat(fd, &st) < 0 || st.st_dev != m->dev || st.st_ino != m->ino ||
		S_ISDIR(st.st_mode) != !!(m->flags & WARD_LAUNCH_M_DIR)) {
		*ret_stage = WARD_STAGE_CHANGED;
		close(fd);
		return -ESTALE;
	}
	return fd;
}

/* The detached mount, or -errno with the stage. userns: for grants that are ID-mapped; -1 = none. */
static inline int ward_tree_clone(const char *path, const struct ward_launch_mount *m, int userns,
	enum ward_stage *ret_stage)
{
	/*
	 * Private: a clone of a shared mount is its peer. What the host mounts below a grant later would come inside, as it is
	 * mounted there, and what is mounted over a protected name inside would be mounted on the host.
	 */
	struct ward_tree_attr a = { .attr_set = WARD_TREE_NOSUID | WARD_TREE_NODEV,
		.propagation = WARD_OFF(PROPAGATION) ? 0 : WARD_TREE_PRIVATE };
	/* An overlay shows one file system: what is mounted below is not in it. */
	bool cache = m->kind == WARD_LAUNCH_CACHE;
	bool deep = m->kind != WARD_LAUNCH_OVERLAY && !cache;
	int fd = ward_tree_open(path, m, ret_stage), tree, e;

	if (fd < 0)
		return fd;
	tree = (int)syscall(WARD_NR_OPEN_TREE, fd, "",
		WARD_TREE_CLONE | WARD_TREE_CLOEXEC | WARD_TREE_EMPTY_PATH |
			(deep ? WARD_TREE_RECURSIVE : 0));
	e = errno;
	close(fd);
	if (tree < 0) {
		/* In a user namespace the kernel uncovers nothing that the host has mounted over. */
		if (!deep && e == EINVAL)
			*ret_stage = cache ? WARD_STAGE_CACHE : WARD_STAGE_NESTED;
		return -e;
	}
	/* Below an overlay nothing is ever written: the mount says so, too. */
	if ((!(m->flags & WARD_LAUNCH_M_WRITE) && !WARD_OFF(READ_ONLY)) ||
		(!deep && cache && !WARD_OFF(CACHES)) || (!deep && !cache && !WARD_OFF(REVIEW)))
		a.attr_set |= WARD_TREE_RDONLY;
	if (m->flags & WARD_LAUNCH_M_NOEXEC)
		a.attr_set |= WARD_TREE_NOEXEC;
	if ((m->flags & WARD_LAUNCH_M_IDMAP) && userns >= 0) {
		a.attr_set |= WARD_TREE_IDMAP;
		a.userns_fd = (uint64_t)userns;
		*ret_stage = WARD_STAGE_IDMAP_MOUNT;
	}
	if (syscall(WARD_NR_MOUNT_SETATTR, tree, "", WARD_TREE_EMPTY_PATH | WARD_TREE_RECURSIVE, &a,
		    sizeof(a)) < 0) {
		e = errno;
		close(tree);
		return -e;
	}
	return tree;
}
