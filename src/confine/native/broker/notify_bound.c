/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a process of the run listens at a socket file, told exactly. sock_diag says 32 bits of an inode and the device of the file
 * system: two files can share these where inodes are longer (xfs), counted for each subvolume (btrfs) or for each layer (overlay),
 * and on the latter two the device is not the one that stat tells. So where inodes may be anything but 32 bits of one counter, the
 * listening socket itself is looked for in the run's processes and the kernel is asked for its file (SIOCUNIXFILE).
 *
 * A process can change its descriptors meanwhile: what is looked at is a duplicate, which has to be of the run's network namespace, to
 * listen, and to be bound to that very file. Everything else that may have gone on cannot make it a socket of the host's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "os/os.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif
#define LOOKED_AT_MAX 65536 /* processes and descriptors looked at for one connect */

bool ward_notify_plain_inodes(int fd)
{
	struct statfs fs;

	/* Their format has 32 bits for an inode, and one counter for the whole. */
	return fstatfs(fd, &fs) == 0 && fs.f_type == EXT4_SUPER_MAGIC;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The descriptor of that process is a socket of the run that listens at the file. */
static bool listens_at(int pid, int pid_dir, int number, const struct stat *net,
	const struct stat *file)
{
	WARD_FD pidfd = ward_peek_pidfd(pid, pid_dir);
	WARD_FD sock = pidfd < 0 ? -1 : ward_pidfd_getfd(pidfd, number);
	WARD_FD ns = sock < 0 ? -1 : ioctl(sock, SIOCGSKNS, 0);
	WARD_FD bound = -1;
	socklen_t n = sizeof(int);
	struct stat st;
	int on = 0;

	if (ns < 0 || fstat(ns, &st) < 0 || !same_file(&st, net) ||
		getsockopt(sock, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) < 0 || !on ||
		getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &on, &n) < 0 || on != AF_UNIX)
		return false;
	bound = ioctl(sock, SIOCUNIXFILE, 0);
	return bound >= 0 && fstat(bound, &st) == 0 && same_file(&st, file);
}

static DIR *open_list(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd >= 0 && !d)
		close(fd);
	return d;
}

static int number_of(const struct dirent *e)
{
	char *end;
	long v = strtol(e->d_name, &end, 10);

	return *end || end == e->d_name || v < 0 || v > INT32_MAX ? -1 : (int)v;
}

static bool in_process(struct ward_notify *n, int pid, int pid_dir, unsigned long socket_ino,
	const struct stat *net, const struct stat *file, unsigned *io_left)
{
	DIR *d = open_list(pid_dir, "fd");
	char want[32], got[32];
	struct dirent *e;
	bool found = false;

	(void)snprintf(want, sizeof(want), "socket:[%lu]", socket_ino);
	while (d && !found && *io_left > 0 && (e = readdir(d))) {
		int number = number_of(e);
		ssize_t len =
			number < 0 ? -1 : readlinkat(dirfd(d), e->d_name, got, sizeof(got) - 1);

		(*io_left)--;
		if (len <= 0)
			continue;
		got[len] = '\0';
		found = ward_streq(got, want) && listens_at(pid, pid_dir, number, net, file);
		if (found) {
			n->server_pid = pid;
			n->server_fd = number;
		}
	}
	if (d)
		(void)closedir(d);
	return found;
}

/* A process of the run: its directory in the host's procfs, or -1. */
static int open_own(const struct ward_notify *n, int pid, const struct stat *net)
{
	int dir = pid > 0 ? ward_peek_open(n->proc, pid) : -1;
	struct stat st;

	if (dir >= 0 && fstatat(dir, "ns/net", &st, 0) == 0 && same_file(&st, net))
		return dir;
	ward_close(dir);
	return -1;
}

/* Most connects go where the one before went; it is looked at anew all the same. */
static bool same_server(const struct ward_notify *n, const struct stat *net,
	const struct stat *file)
{
	WARD_FD dir = open_own(n, n->server_pid, net);

	return dir >= 0 && listens_at(n->server_pid, dir, n->server_fd, net, file);
}

bool ward_notify_listens(struct ward_notify *n, const struct ward_ask *ask,
	unsigned long socket_ino, const struct stat *file)
{
	unsigned left = LOOKED_AT_MAX;
	struct dirent *e;
	struct stat net;
	bool found;
	DIR *d;

	/* setns is refused: the caller's namespace is the run's. */
	if (fstatat(ask->dir, "ns/net", &net, 0) < 0)
		return false;
	/* Whoever asks may well be of the process that listens. */
	found = same_server(n, &net, file) ||
		in_process(n, (int)ask->req->pid, ask->dir, socket_ino, &net, file, &left);
	d = found ? NULL : open_list(n->proc, ".");
	while (d && !found && left > 0 && (e = readdir(d))) {
		int pid = number_of(e);
		WARD_FD dir = open_own(n, pid, &net);

		left--;
		found = dir >= 0 && in_process(n, pid, dir, socket_ino, &net, file, &left);
	}
	if (d)
		(void)closedir(d);
	return found;
}
