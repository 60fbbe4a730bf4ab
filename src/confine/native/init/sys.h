/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls and constants that the C library's headers of the floor distribution lack. Numbers from 424 on are the same
 * on every architecture (kernel: scripts/syscall.tbl).
 */
#pragma once

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NR_open_tree 428
#define NR_move_mount 429
#define NR_clone3 435
#define NR_close_range 436
#define NR_openat2 437
#define NR_mount_setattr 442

#define OPEN_TREE_CLONE_ 1u
#define OPEN_TREE_CLOEXEC_ 02000000u
#define AT_EMPTY_PATH_ 0x1000u
#define AT_RECURSIVE_ 0x8000u
#define MOVE_MOUNT_F_EMPTY_PATH_ 0x4u
#define MOVE_MOUNT_T_EMPTY_PATH_ 0x40u
#define MOUNT_ATTR_RDONLY_ 0x1ull
#define MOUNT_ATTR_NOSUID_ 0x2ull
#define MOUNT_ATTR_NODEV_ 0x4ull
#define MOUNT_ATTR_NOEXEC_ 0x8ull
#define MOUNT_ATTR_IDMAP_ 0x100000ull
#define RESOLVE_NO_MAGICLINKS_ 0x2ull
#define RESOLVE_NO_SYMLINKS_ 0x4ull

#define SCHED_BATCH_ 3u

#define CLONE_NEWCGROUP_ 0x02000000ull
#define CLONE_INTO_CGROUP_ 0x200000000ull

struct mount_attr_ {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};
struct open_how_ {
	uint64_t flags, mode, resolve;
};
struct sched_attr_ {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};
struct clone_args_ {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};

static inline long sys_open_tree(int dir, const char *path, unsigned flags)
{
	return syscall(NR_open_tree, dir, path, flags);
}
static inline long sys_mount_setattr(int dir, unsigned flags, const struct mount_attr_ *a)
{
	return syscall(NR_mount_setattr, dir, "", flags | AT_EMPTY_PATH_, a, sizeof(*a));
}
static inline long sys_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how_ how = { .flags = flags, .resolve = resolve };

	return syscall(NR_openat2, dir, path, &how, sizeof(how));
}
