/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system in a file, for root: its size is what holds whoever writes there. Made with mke2fs of the system's own directories, nobody
 * else's, and mounted where no name leads.
 *
 * One file is one device and one file system, however often it is mounted: two would write over each other. So the device that has it is
 * looked for first, under a lock of the file, and one that is found is held open, so that the kernel does not let it go meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"

#define DEVICES_MAX 1024
#define TRIES 16 /* for a device that another took meanwhile */
#define FSCONFIG_STRING 1u
#define FSCONFIG_CREATE 6u
#define MOUNT_NOSUID_NODEV_NOATIME 0x16u

static int open_device(int n)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/dev/loop%d", n);
	return ward_openat2(AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0, WARD_OPEN_NO_SYMLINKS);
}

static bool has(int device, const struct stat *st)
{
	struct loop_info64 info;

	return ioctl(device, LOOP_GET_STATUS64, &info) == 0 && info.lo_inode == st->st_ino &&
		info.lo_device == st->st_dev;
}

/* The device that has it, open, and its number; -ENOENT. */
static int find_device(const struct stat *st, int *ret_n)
{
	for (int n = 0; n < DEVICES_MAX; n++) {
		int fd = open_device(n);

		if (fd == -ENOENT && n >= 8)
			break;
		if (fd < 0)
			continue;
		if (has(fd, st)) {
			*ret_n = n;
			return fd;
		}
		close(fd);
	}
	return -ENOENT;
}

/* It goes with the last who has it open. */
static int make_device(int image, int *ret_n)
{
	WARD_FD ctl = ward_openat2(AT_FDCWD, "/dev/loop-control", O_RDWR | O_CLOEXEC, 0,
		WARD_OPEN_NO_SYMLINKS);
	const struct loop_config how = { .fd = (uint32_t)image,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };
	int e = ctl < 0 ? -ctl : EBUSY;

	for (int i = 0; ctl >= 0 && i < TRIES && e == EBUSY; i++) {
		int n = ioctl(ctl, LOOP_CTL_GET_FREE), fd = n < 0 ? -errno : open_device(n);

		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &how) == 0) {
			*ret_n = n;
			return fd;
		}
		e = fd < 0 ? -fd : errno;
		ward_close(fd);
	}
	return -e;
}

static int mount_device(int n)
{
	char path[32];
	int fs = (int)syscall(WARD_NR_FSOPEN, "ext4", 1u), fd = -1, e;

	(void)snprintf(path, sizeof(path), "/dev/loop%d", n);
	if (fs >= 0 && syscall(WARD_NR_FSCONFIG, fs, FSCONFIG_STRING, "source", path, 0) == 0 &&
		syscall(WARD_NR_FSCONFIG, fs, FSCONFIG_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(WARD_NR_FSMOUNT, fs, 1u, MOUNT_NOSUID_NODEV_NOATIME);
	e = errno;
	ward_close(fs);
	return fd < 0 ? -e : fd;
}

int ward_loop_mount(int dir, const char *name, const char **ret_step)
{
	const uint64_t how = WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS;
	WARD_FD image = ward_openat2(dir, name, O_RDWR | O_NOFOLLOW, 0, how);
	/* Opened by itself: the device keeps the other as long as it lives, and with it a lock of that. */
	WARD_FD lock = ward_openat2(dir, name, O_RDWR | O_NOFOLLOW, 0, how);
	WARD_FD device = -1;
	struct stat st;
	int n = -1;

	*ret_step = "opening its image";
	if (image < 0 || lock < 0)
		return image < 0 ? image : lock;
	if (fstat(image, &st) < 0 || flock(lock, LOCK_EX) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret_step = "attaching its image to a loop device";
	device = find_device(&st, &n);
	if (device < 0)
		device = make_device(image, &n);
	if (device < 0)
		return device;
	*ret_step = "mounting its image";
	return mount_device(n);
}

/* Of the system's own directories, and nobody's but root's. */
static int open_mke2fs(void)
{
	static const char *const paths[] = { "/usr/sbin/mke2fs", "/sbin/mke2fs" };
	struct stat st;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(paths); i++) {
		int fd = ward_openat2(AT_FDCWD, paths[i], O_RDONLY | O_CLOEXEC, 0, 0);

		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
			!(st.st_mode & 022))
			return fd;
		ward_close(fd);
	}
	return -ENOENT;
}

static int make_file_system(int image)
{
	static const char *const argv[] = { "mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-E",
		"nodiscard,lazy_itable_init=1,lazy_journal_init=1", "/proc/self/fd/3", NULL };
	WARD_FD exe = open_mke2fs();
	WARD_FD null = ward_openat2(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0, 0);
	const int fds[] = { null, null, null, image };
	const struct ward_spawn what = {
		.exe_fd = exe, .argv = argv, .fds = fds, .n_fds = 4, .cgroup = -1
	};
	struct ward_spawned c = WARD_SPAWNED_INIT;
	int r, code = 0, status = -1;

	if (exe < 0 || null < 0)
		return exe < 0 ? exe : null;
	r = ward_spawn(&what, &c);
	if (r < 0)
		return r;
	r = ward_pidfd_wait(c.pidfd, &code, &status, false);
	ward_spawn_done(&c);
	ward_close(c.pidfd);
	return r < 0 ? r : code == CLD_EXITED && status == 0 ? 0 : -EINVAL;
}

int ward_loop_make(int dir, const char *name, uint64_t size, const char **ret_step)
{
	WARD_FD image = ward_openat2(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0600, WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS);

	*ret_step = "making its image";
	if (image < 0)
		return image;
	/* All of it is taken now: what is written in it must not meet a full disk, of which the file system in it would not hear in time. */
	if (size > INT64_MAX || fallocate(image, 0, 0, (off_t)size) < 0)
		return size > INT64_MAX ? -EFBIG : -errno;
	*ret_step = "making a file system in its image (mke2fs)";
	return make_file_system(image);
}
