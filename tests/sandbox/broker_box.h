/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small sandbox for the tests of the broker alone: no cage, no init. A child in its own user, mount, pid (and net)
 * namespace has the FUSE layer as its root, and calls functions of the test on request: parent and child are forks
 * of one image, so a function pointer over the socket means the same in both.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "confine/native/broker.h"
#include "os/os.h"

struct box_msg {
	long (*fn)(long arg);
	long arg, result;
};
struct box {
	pid_t outer; /* in our pid namespace; its child is pid 1 inside */
	int sock, proc;
	struct ward_refusals *refusals;
	struct ward_fuse *fuse;
	struct ward_refusal *r; /* taken by box_refusals() */
	size_t n;
	uint64_t dropped;
	char why[128]; /* of a start that this machine cannot do */
};

static inline void box_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(90);
	close(fd);
}

/* Called in the child; says in one byte how far it got when it fails. */
static inline void box_send(int sock, int stage, int fd)
{
	struct box_msg m = { .result = stage, .arg = errno };

	(void)ward_send_fds(sock, &m, sizeof(m), &fd, fd >= 0 ? 1 : 0);
}

static inline void box_view(int sock)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), proc;

	if (fd < 0) {
		box_send(sock, 1, -1);
		_exit(1);
	}
	(void)snprintf(options, sizeof(options),
		"fd=%d,rootmode=40755,user_id=1000,group_id=1000,default_permissions,allow_other",
		fd);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("ward", "/mnt", "fuse", 0, options)) {
		box_send(sock, 2, -1);
		_exit(1);
	}
	box_send(sock, 0, fd);
	close(fd);
	if (mount("proc", "/mnt/proc", "proc", 0, NULL) ||
		mount("tmpfs", "/mnt/tmp", "tmpfs", 0, NULL) ||
		mount("/usr", "/mnt/usr", NULL, MS_BIND | MS_REC, NULL) || chdir("/mnt") ||
		syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/")) {
		box_send(sock, 3, -1);
		_exit(1);
	}
	proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	box_send(sock, 0, proc);
	close(proc);
}

static inline void box_loop(int sock)
{
	struct box_msg m;

	(void)prctl(PR_SET_NAME, "boxed");
	while (recv(sock, &m, sizeof(m), 0) == (ssize_t)sizeof(m)) {
		m.result = m.fn(m.arg);
		if (send(sock, &m, sizeof(m), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* Fork the outer child into its namespaces; 0, or -errno of the namespaces. flags: more CLONE_NEW*. */
static inline int box_fork(struct box *b, int flags, void (*setup)(int sock))
{
	int pair[2], go[2], uid = (int)getuid(), gid = (int)getgid();
	char text[64], c = 0;

	b->outer = b->sock = b->proc = -1;
	if (ward_socketpair(SOCK_SEQPACKET, pair) < 0 || ward_socketpair(SOCK_SEQPACKET, go) < 0)
		return -errno;
	b->outer = fork();
	if (b->outer == 0) {
		pid_t pid;

		close(pair[0]);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | flags)) {
			box_send(pair[1], 4, -1);
			_exit(1);
		}
		(void)snprintf(text, sizeof(text), "1000 %d 1", uid);
		box_write("/proc/self/setgroups", "deny");
		box_write("/proc/self/uid_map", text);
		(void)snprintf(text, sizeof(text), "1000 %d 1", gid);
		box_write("/proc/self/gid_map", text);
		pid = fork();
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (setup)
				setup(pair[1]);
			box_loop(pair[1]);
		}
		close(pair[1]);
		(void)waitpid(pid, NULL, 0);
		_exit(0);
	}
	(void)c;
	close(go[0]);
	close(go[1]);
	close(pair[1]);
	b->sock = pair[0];
	return 0;
}

/* A descriptor of the child, or -1 with b->why. */
static inline int box_recv(struct box *b)
{
	struct box_msg m = { 0 };
	int fd = -1;
	size_t n = 1;
	ssize_t got = ward_recv_fds(b->sock, &m, sizeof(m), &fd, &n, 0);

	if (got == (ssize_t)sizeof(m) && n == 1)
		return fd;
	(void)snprintf(b->why, sizeof(b->why), "%s: %s",
		m.result == 1           ? "/dev/fuse"
			: m.result == 2 ? "mounting FUSE"
			: m.result == 3 ? "making the view"
					: "namespaces",
		strerror((int)m.arg));
	return -1;
}

static inline bool box_start(struct box *b, const struct ward_plan *plan, int flags)
{
	struct ward_error err = { 0 };
	int fd;

	*b = (struct box){ .refusals = ward_refusals_new() };
	if (box_fork(b, flags, box_view) < 0)
		return false;
	if (!b->refusals || ward_fuse_new(plan, b->refusals, &b->fuse, &err) < 0)
		return false;
	fd = box_recv(b);
	if (fd < 0 || ward_fuse_start(b->fuse, fd, &err) < 0)
		return false;
	b->proc = box_recv(b);
	if (b->proc < 0)
		return false;
	ward_fuse_set_proc(b->fuse, b->proc);
	return true;
}

static inline long box_call(struct box *b, long (*fn)(long), long arg)
{
	struct box_msg m = { .fn = fn, .arg = arg };

	if (send(b->sock, &m, sizeof(m), MSG_NOSIGNAL) < 0 ||
		recv(b->sock, &m, sizeof(m), 0) != (ssize_t)sizeof(m))
		return -999;
	return m.result;
}

static inline void box_refusals(struct box *b)
{
	ward_refusals_free(b->r, b->n);
	b->r = NULL;
	b->n = 0;
	(void)ward_refusals_take(b->refusals, &b->r, &b->n, &b->dropped);
}

static inline const struct ward_refusal *box_find(const struct box *b, const char *resource,
	enum ward_cap_type action)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->r[i].resource, resource) == 0 && b->r[i].action == action)
			return &b->r[i];
	return NULL;
}

static inline void box_end(struct box *b)
{
	if (b->fuse)
		ward_fuse_stop(b->fuse);
	if (b->sock >= 0)
		close(b->sock);
	if (b->outer > 0) {
		(void)kill(b->outer, SIGKILL);
		(void)waitpid(b->outer, NULL, 0);
	}
	b->fuse = ward_fuse_free(b->fuse);
	ward_close(b->proc);
	ward_refusals_free(b->r, b->n);
	ward_refusals_delete(b->refusals);
}

static inline double box_now_us(void)
{
	return (double)ward_now_mono_ns() / 1000.0;
}
