/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: clone with CLONE_VM and CLONE_VFORK, so that not even a page table is copied; the child makes its namespaces
 * and mounts with plain system calls and executes. Errors end the child with 111: the driver sees it and gives up.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "floor.h"

#define STACK_BYTES 65536
#define BROKEN 111

struct start {
	enum floor_way way;
	char *const *argv;
	const char *ws;
	int null_fd;
	char uid_map[32], gid_map[32];
};

static char stack[STACK_BYTES] __attribute__((aligned(16)));

int floor_way(const char *name)
{
	static const char *const names[] = { "@spawn", "@namespaces", "@view" };

	for (int i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

static void must(long r)
{
	if (r < 0)
		_exit(BROKEN);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	must(fd);
	must(write(fd, text, strlen(text)));
	close(fd);
}

static void bind_at(const char *from, const char *to)
{
	must(mkdir(to, 0755));
	must(mount(from, to, NULL, MS_BIND | MS_REC, NULL));
}

/* /mnt becomes the root; the old one goes. ws is "/tmp/NAME". */
static void make_view(const char *ws)
{
	char to[128];

	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(mount("tmpfs", "/mnt", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"));
	bind_at("/usr", "/mnt/usr");
	bind_at("/dev", "/mnt/dev");
	must(mkdir("/mnt/proc", 0755));
	must(mount("proc", "/mnt/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	must(mkdir("/mnt/tmp", 0755));
	(void)snprintf(to, sizeof(to), "/mnt%s", ws);
	bind_at(ws, to);
	must(chdir("/mnt"));
	must(syscall(SYS_pivot_root, ".", "."));
	must(umount2(".", MNT_DETACH));
	must(chdir(ws));
}

static int child(void *arg)
{
	const struct start *s = arg;
	char *const env[] = { NULL };

	for (int i = 0; i < 3; i++)
		must(dup2(s->null_fd, i));
	if (s->way != FLOOR_SPAWN) {
		put("/proc/self/setgroups", "deny");
		put("/proc/self/uid_map", s->uid_map);
		put("/proc/self/gid_map", s->gid_map);
	}
	if (s->way == FLOOR_VIEW)
		make_view(s->ws);
	execve(s->argv[0], s->argv, env);
	_exit(BROKEN);
}

pid_t floor_start(enum floor_way way, char *const *argv, const char *ws, int null_fd)
{
	struct start s = { .way = way, .argv = argv, .ws = ws, .null_fd = null_fd };
	int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;

	(void)snprintf(s.uid_map, sizeof(s.uid_map), "0 %u 1", (unsigned)geteuid());
	(void)snprintf(s.gid_map, sizeof(s.gid_map), "0 %u 1", (unsigned)getegid());
	if (way != FLOOR_SPAWN)
		flags |= CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			CLONE_NEWUTS | CLONE_NEWCGROUP;
	return clone(child, stack + sizeof(stack), flags, &s);
}
