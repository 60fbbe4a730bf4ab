/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that killed runs left, in the directory where another run listens. Whether somebody listens is asked in a way that he does not
 * notice: a socket of another kind is refused with EPROTOTYPE by who is there, with ECONNREFUSED by nobody. What may be of a run that
 * begins right now, or is no socket, or has no name of a run, is left alone. So is a directory that other kernels may see, too: who
 * listens in one of them is nobody here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"

#define YOUNG_S 60
#define LOOKS_MAX 512 /* the rest waits for the next start */

/* One that no other kernel has mounted at the same time. */
static bool is_local(int dir)
{
	static const unsigned long kinds[] = { TMPFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
		BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC };
	struct statfs fs;

	if (fstatfs(dir, &fs) < 0)
		return false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(kinds); i++) {
		if ((unsigned long)fs.f_type == kinds[i])
			return true;
	}
	return false;
}

static bool is_ours(const char *name)
{
	char id[WARD_ULID_SIZE];
	const char *end;

	name += ward_has_prefix(name, WARD_BELL_MADE);
	if (strlen(name) < sizeof(id) - 1)
		return false;
	memcpy(id, name, sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	end = name + sizeof(id) - 1;
	return ward_ulid_valid(id) && (!*end || ward_streq(end, WARD_LIVE_SUFFIX));
}

static bool is_old(int dir, const char *name, struct stat *ret)
{
	return fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(ret->st_mode) &&
		time(NULL) - ret->st_mtim.tv_sec > YOUNG_S;
}

static bool nobody_listens(int dir, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	WARD_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%.40s", dir, name);
	return fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 &&
		errno == ECONNREFUSED;
}

/*
 * A run takes its socket's name away before it closes it. So one that has the name still, and nobody behind it, is of a run that died,
 * and no other gets that name: runs have one each.
 */
static void look(int dir, const char *name)
{
	struct stat before, after;

	if (is_old(dir, name, &before) && nobody_listens(dir, name) && is_old(dir, name, &after) &&
		after.st_ino == before.st_ino && after.st_ctim.tv_sec == before.st_ctim.tv_sec &&
		after.st_ctim.tv_nsec == before.st_ctim.tv_nsec)
		(void)unlinkat(dir, name, 0);
}

void ward_sockets_sweep(int dir)
{
	int fd = is_local(dir) ? openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	unsigned looks = 0;

	if (!d) {
		ward_close(fd);
		return;
	}
	while (looks < LOOKS_MAX && (e = readdir(d))) {
		if (!is_ours(e->d_name))
			continue;
		looks++;
		look(dir, e->d_name);
	}
	closedir(d);
}
