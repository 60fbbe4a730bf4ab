/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants, structures and system call numbers that the headers of the floor distribution lack (Debian 12: Linux 6.1
 * headers, glibc 2.36, musl 1.2.3). Our own names, so that newer headers never collide; values are the kernel's ABI.
 * Numbers from 424 on are the same on every architecture. What the running kernel has is probed, never read off a
 * version. Compiles with glibc and with musl, and includes nothing of Ward.
 */
#pragma once

#include <stdint.h>

/* ---- system calls ---- */
#define WARD_NR_PIDFD_SEND_SIGNAL 424
#define WARD_NR_OPEN_TREE 428
#define WARD_NR_MOVE_MOUNT 429
#define WARD_NR_FSOPEN 430
#define WARD_NR_FSCONFIG 431
#define WARD_NR_FSMOUNT 432
#define WARD_NR_PIDFD_OPEN 434
#define WARD_NR_CLONE3 435
#define WARD_NR_CLOSE_RANGE 436
#define WARD_NR_OPENAT2 437
#define WARD_NR_PIDFD_GETFD 438
#define WARD_NR_MOUNT_SETATTR 442
#define WARD_NR_LANDLOCK_CREATE_RULESET 444
#define WARD_NR_LANDLOCK_ADD_RULE 445
#define WARD_NR_LANDLOCK_RESTRICT_SELF 446
#define WARD_NR_LISTXATTRAT 465

/* ---- clone3 (Linux 5.3; into a cgroup: 5.7) ---- */
#define WARD_CLONE_INTO_CGROUP 0x200000000ull
struct ward_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};

/* ---- memfd_create (Linux 6.3) ---- */
#define WARD_MFD_EXEC 0x10u

/* ---- Landlock (include/uapi/linux/landlock.h) ---- */
#define WARD_LL_CREATE_RULESET_VERSION 1u
#define WARD_LL_RULE_PATH_BENEATH 1

#define WARD_LL_EXECUTE (1ull << 0)
#define WARD_LL_WRITE_FILE (1ull << 1)
#define WARD_LL_READ_FILE (1ull << 2)
#define WARD_LL_READ_DIR (1ull << 3)
#define WARD_LL_REMOVE_DIR (1ull << 4)
#define WARD_LL_REMOVE_FILE (1ull << 5)
#define WARD_LL_MAKE_CHAR (1ull << 6)
#define WARD_LL_MAKE_DIR (1ull << 7)
#define WARD_LL_MAKE_REG (1ull << 8)
#define WARD_LL_MAKE_SOCK (1ull << 9)
#define WARD_LL_MAKE_FIFO (1ull << 10)
#define WARD_LL_MAKE_BLOCK (1ull << 11)
#define WARD_LL_MAKE_SYM (1ull << 12)
#define WARD_LL_REFER (1ull << 13)         /* ABI 2 */
#define WARD_LL_TRUNCATE (1ull << 14)      /* ABI 3 */
#define WARD_LL_IOCTL_DEV (1ull << 15)     /* ABI 5 */
#define WARD_LL_RESOLVE_UNIX (1ull << 16)  /* ABI 9 */

#define WARD_LL_SCOPE_ABSTRACT_UNIX (1ull << 0)  /* ABI 6 */
#define WARD_LL_SCOPE_SIGNAL (1ull << 1)         /* ABI 6 */

/* flags of landlock_restrict_self: what the host's audit log is told of refusals */
#define WARD_LL_LOG_SAME_EXEC_OFF 1u             /* ABI 7 */
#define WARD_LL_LOG_SUBDOMAINS_OFF 4u            /* ABI 7 */

struct ward_ll_ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;       /* ABI 4 */
	uint64_t scoped;                   /* ABI 6 */
};
struct ward_ll_path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

/* ---- statx (Linux 4.11): musl of the floor has no structure of its own; and name_to_handle_at ---- */
#define WARD_STATX_BASIC 0x7ffu           /* all that a struct stat has */
#define WARD_STATX_BTIME 0x800u
#define WARD_STATX_ATTR_IMMUTABLE 0x10u   /* chattr +i */
#define WARD_STATX_ATTR_APPEND 0x20u      /* chattr +a */
#define WARD_STATX_ATTR_MOUNT_ROOT 0x2000u /* Linux 5.8 */
struct ward_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t sec;
		uint32_t nsec;
		int32_t spare;
	} atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t more[14];
};
_Static_assert(sizeof(struct ward_statx) == 256, "the kernel's");
struct ward_file_handle {
	uint32_t bytes;
	int32_t type;
	uint8_t v[128];
};

/* ---- file system magics (statfs) ---- */
#define WARD_MAGIC_CGROUP 0x0027e0ebl
#define WARD_MAGIC_CGROUP2 0x63677270l
#define WARD_MAGIC_PROC 0x9fa0l
