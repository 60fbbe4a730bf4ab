/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a directory came to be: a file system gives an inode again that it has got back (ext4 gives the one that was freed last), so that one
 * directory and the next of its name are of one device and one inode. What tells them apart is the time of birth, and the number that a file system
 * counts up for each new life of an inode, which is a part of the handle that it gives to whoever exports it (NFS).
 *
 * An overlay tells its own directory's until it is written to first, and another's from then on; what FUSE tells is its program's word, and
 * is new with each mount. Of these two nothing is believed.
 */
#include <endian.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"

static int64_t born_ns(int fd)
{
	struct ward_statx x = { 0 };

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, WARD_STATX_BTIME, &x) < 0 ||
		!(x.mask & WARD_STATX_BTIME) || x.btime.sec < 0 ||
		x.btime.sec > INT64_MAX / 1000000000 - 1)
		return 0;
	return x.btime.sec * 1000000000 + (int64_t)x.btime.nsec;
}

/* 0 is no sum, and a sum of 0 is as good as none. */
static uint64_t handle_sum(int fd)
{
	struct ward_file_handle h = { .bytes = sizeof(h.v) };
	uint8_t sum[WARD_SHA256_SIZE];
	struct ward_sha256 c;
	uint64_t out;
	int mount;

	if (syscall(SYS_name_to_handle_at, fd, "", &h, &mount, AT_EMPTY_PATH) < 0 || h.bytes == 0 ||
		h.bytes > sizeof(h.v))
		return 0;
	ward_sha256_init(&c);
	ward_sha256_update(&c, &h.type, sizeof(h.type));
	ward_sha256_update(&c, h.v, h.bytes);
	ward_sha256_final(&c, sum);
	memcpy(&out, sum, sizeof(out));
	return le64toh(out);
}

void ward_born_of(int fd, struct ward_born *ret)
{
	struct statfs fs;

	*ret = (struct ward_born){ 0 };
	if (fstatfs(fd, &fs) < 0 || (unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC ||
		(unsigned long)fs.f_type == FUSE_SUPER_MAGIC)
		return;
	ret->ns = born_ns(fd);
	ret->handle = handle_sum(fd);
}

/* The clock of births is coarse: of two directories in one tick only the handle tells. */
bool ward_born_is(const struct ward_born *was, const struct ward_born *now)
{
	bool by_time = was->ns && now->ns, by_handle = was->handle && now->handle;

	if ((by_time && was->ns != now->ns) || (by_handle && was->handle != now->handle))
		return false;
	return by_time || by_handle || (!was->ns && !was->handle);
}
