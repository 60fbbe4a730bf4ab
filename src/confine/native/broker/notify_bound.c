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
#include <time.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "os/os.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif
/* For one connect. The host's processes cost little each, and are not of the run's making; the time is the last word on both. */
#define DESCRIPTORS_MAX 65536
#define PROCESSES_MAX 65536
#define PROCESSOR_NS 100000000u
#define ABSENT_NS 100000000u /* what was not found is not looked for again before */

/* One connect's question, whatever is looked at for it. */
struct search {
	struct ward_notify *n;
	const uint32_t *sockets; /* the numbers of those that may be the one */
	unsigned n_sockets;
	struct stat net;
	const struct stat *file;
	unsigned descriptors, processes; /* left */
	uint64_t end; /* of this thread's processor time */
};

bool ward_notify_plain_inodes(int fd)
{
	struct statfs fs;

	/* Their format has 32 bits for an inode, and one counter for the whole. */
	return fstatfs(fd, &fs) == 0 && fs.f_type == EXT4_SUPER_MAGIC;
}

static uint64_t processor_ns(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Nobody else of the run is answered meanwhile, and its end waits as well. */
static bool over(const struct search *s)
{
	return ward_notify_left(s->n) || s->descriptors == 0 || s->processes == 0 ||
		atomic_load(&s->n->stopping) || processor_ns() >= s->end;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * It can have become any descriptor since its name was read, one whose last close waits among them (SO_LINGER of a connection that
 * nobody reads from) if its owner closes it now: what is not the kind that is looked for shall not.
 */
static bool is_unix(int sock)
{
	const struct linger no_wait = { 0 };
	socklen_t n = sizeof(int);
	int domain;

	if (getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0)
		return false;
	if (domain != AF_UNIX)
		(void)setsockopt(sock, SOL_SOCKET, SO_LINGER, &no_wait, sizeof(no_wait));
	return domain == AF_UNIX;
}

/* A socket of the run that listens at the file. */
static bool is_bound(const struct search *s, int sock)
{
	WARD_FD ns = is_unix(sock) ? ioctl(sock, SIOCGSKNS, 0) : -1;
	WARD_FD bound = -1;
	socklen_t n = sizeof(int);
	struct stat st;
	int on = 0;

	if (ns < 0 || fstat(ns, &st) < 0 || !same_file(&st, &s->net) ||
		getsockopt(sock, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) < 0 || !on)
		return false;
	bound = ioctl(sock, SIOCUNIXFILE, 0);
	return bound >= 0 && fstat(bound, &st) == 0 && same_file(&st, s->file);
}

static bool listens_at(const struct search *s, int pid, int pid_dir, int number)
{
	int pidfd = ward_peek_pidfd(pid, pid_dir, NULL);
	int sock = pidfd < 0 ? -1 : ward_pidfd_getfd(pidfd, number);
	bool found = sock >= 0 && is_bound(s, sock);

	ward_close(pidfd);
	ward_notify_let_go(s->n, sock);
	return found && !ward_notify_left(s->n);
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

/* By its name the descriptor is one of the sockets; only then is it worth a duplicate. */
static bool is_candidate(const struct search *s, int dir, const char *name)
{
	static const char prefix[] = "socket:[";
	char got[32];
	ssize_t len = readlinkat(dir, name, got, sizeof(got) - 1);
	unsigned long ino;

	if (len <= 0)
		return false;
	got[len] = '\0';
	if (!ward_has_prefix(got, prefix))
		return false;
	ino = strtoul(got + sizeof(prefix) - 1, NULL, 10);
	for (unsigned i = 0; i < s->n_sockets; i++)
		if (s->sockets[i] == ino)
			return true;
	return false;
}

static bool in_process(struct search *s, int pid, int pid_dir)
{
	DIR *d = open_list(pid_dir, "fd");
	struct dirent *e;
	bool found = false;

	while (d && !found && !over(s) && (e = readdir(d))) {
		int number = number_of(e);

		s->descriptors--;
		found = number >= 0 && is_candidate(s, dirfd(d), e->d_name) &&
			listens_at(s, pid, pid_dir, number);
		if (found) {
			s->n->server_pid = pid;
			s->n->server_fd = number;
		}
	}
	if (d)
		(void)closedir(d);
	return found;
}

/* A process of the run: its directory in the host's procfs, or -1. */
static int open_own(const struct search *s, int pid)
{
	int dir = pid > 0 ? ward_peek_open(s->n->proc, pid) : -1;
	struct stat st;

	if (dir >= 0 && fstatat(dir, "ns/net", &st, 0) == 0 && same_file(&st, &s->net))
		return dir;
	ward_close(dir);
	return -1;
}

/* Most connects go where the one before went; it is looked at anew all the same. */
static bool same_server(const struct search *s)
{
	WARD_FD dir = open_own(s, s->n->server_pid);
	char name[24];

	(void)snprintf(name, sizeof(name), "fd/%d", s->n->server_fd);
	return dir >= 0 && is_candidate(s, dir, name) &&
		listens_at(s, s->n->server_pid, dir, s->n->server_fd);
}

static bool in_any_process(struct search *s)
{
	DIR *d = open_list(s->n->proc, ".");
	struct dirent *e;
	bool found = false;

	while (d && !found && !over(s) && (e = readdir(d))) {
		int pid = number_of(e);
		WARD_FD dir = open_own(s, pid);

		s->processes--;
		found = dir >= 0 && in_process(s, pid, dir);
	}
	if (d)
		(void)closedir(d);
	return found;
}

bool ward_notify_listens(struct ward_notify *n, const struct ward_ask *ask, const uint32_t *sockets,
	unsigned n_sockets, const struct stat *file)
{
	struct search s = { .n = n,
		.sockets = sockets,
		.n_sockets = n_sockets,
		.file = file,
		.descriptors = DESCRIPTORS_MAX,
		.processes = PROCESSES_MAX,
		.end = processor_ns() + PROCESSOR_NS };

	/* setns is refused: the caller's namespace is the run's. */
	if (n_sockets == 0 || fstatat(ask->dir, "ns/net", &s.net, 0) < 0)
		return false;
	/* A listener that no process holds (in a message on its way, say) would be looked for with each connect. */
	if (n->absent_ino == sockets[0] && n->absent_dev == file->st_dev &&
		n->absent_file == file->st_ino && ward_now_mono_ns() < n->absent_until)
		return false;
	/* Whoever asks may well be of the process that listens. */
	if (same_server(&s) || (!over(&s) && in_process(&s, (int)ask->req->pid, ask->dir)) ||
		(!over(&s) && in_any_process(&s)))
		return true;
	n->absent_ino = sockets[0];
	n->absent_dev = file->st_dev;
	n->absent_file = file->st_ino;
	n->absent_until = ward_now_mono_ns() + ABSENT_NS;
	return false;
}
