/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-init, the launcher: the first of its three lives (launcher, init, command).
 *
 * It is started before there is a plan: it makes the init as a child of the supervisor, writes its id maps, takes the
 * launch blob when it comes and hands it on, opens the trees where that needs host root, and ends. Whatever fails is
 * reported with its stage; nothing is retried and nothing is done without.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static void put_map(const struct init *in, long pid, const char *name, const char *text)
{
	char path[64];
	ssize_t n = (ssize_t)strlen(text);
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
	fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		fail(in->ctl, WARD_STAGE_IDMAP, errno, name);
	close(fd);
}

static void write_maps(const struct init *in, long pid)
{
	const struct ward_launch_boot *l = &in->boot;
	char text[64];

	snprintf(text, sizeof(text), "%u %u 1\n", l->inside_uid, l->host_uid);
	put_map(in, pid, "uid_map", text);
	/* An ordinary user may map its group only after giving up setgroups(2); root keeps it to clear the groups. */
	if (!(l->flags & WARD_LAUNCH_ROOT))
		put_map(in, pid, "setgroups", "deny");
	snprintf(text, sizeof(text), "%u %u 1\n", l->inside_gid, l->host_gid);
	put_map(in, pid, "gid_map", text);
}

/* The init, as a child of the supervisor: returns its pidfd; the init itself never returns. */
static int make_init(struct init *in, uint64_t flags)
{
	struct clone_args_ a = { .flags = flags | CLONE_PARENT | CLONE_PIDFD };
	struct ward_msg m = { .type = WARD_MSG_INIT };
	int pidfd = -1;
	long pid;

	/* v2: born in its cgroup, which therefore had to be known. */
	if (in->boot.flags & WARD_LAUNCH_CGROUP2) {
		a.flags |= CLONE_INTO_CGROUP_;
		a.cgroup = (uint64_t)in->handed[WARD_HANDED_CGROUP];
	}
	a.pidfd = (uint64_t)(uintptr_t)&pidfd;
	pid = syscall(NR_clone3, &a, sizeof(a));
	/* Container runtimes refuse clone3, whose flags they cannot see; a cgroup v2 cannot be entered without it. */
	if (pid < 0 && errno == ENOSYS && !(a.flags & CLONE_INTO_CGROUP_))
		pid = syscall(SYS_clone, (unsigned long)a.flags, 0ul, &pidfd, 0ul, 0ul);
	if (pid < 0)
		fail(in->ctl, WARD_STAGE_CLONE, errno, NULL);
	if (pid == 0)
		init_main(in);
	m.value = (int32_t)pid;
	msg_send(in->ctl, &m, &pidfd, 1);
	return (int)pid;
}

static void receive_blob(struct init *in)
{
	memset(in->handed, -1, sizeof(in->handed));
	(void)msg_recv_fds(in->ctl, WARD_MSG_BLOB, in->handed, WARD_HANDED_MAX);
	blob_take(in);
}

static _Noreturn void launcher(struct init *in)
{
	bool root = in->boot.flags & WARD_LAUNCH_ROOT;
	int pid, userns = -1;

	if (in->boot.flags & WARD_LAUNCH_CGROUP2)
		receive_blob(in);
	if (pipe2(in->handoff, O_CLOEXEC) < 0)
		fail(in->ctl, WARD_STAGE_CLONE, errno, "pipe");
	pid = make_init(in,
		CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
			CLONE_FILES);
	write_maps(in, pid);
	handoff_send(in, HANDOFF_MAPS, NULL, 0);
	if (root)
		userns = trees_idmap_userns(in);
	if (!in->l) {
		receive_blob(in);
		handoff_send(in, HANDOFF_BLOB, in->handed, sizeof(in->handed));
	}
	if (root) {
		trees_open(in, userns);
		handoff_send(in, HANDOFF_TREES, in->trees, in->l->n_mounts * sizeof(int));
	}
	_exit(0);
}

/* No user namespaces (accepted by name): same ids, same view of the host; Landlock and seccomp hold what they can. */
static _Noreturn void launcher_plain(struct init *in)
{
	receive_blob(in);
	(void)make_init(in, 0);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct init in = {
		.ctl = WARD_LAUNCH_FD_CTL, .cmd = WARD_LAUNCH_FD_CMD, .handoff = { -1, -1 }
	};
	uint32_t *words = &in.boot.flags;

	if (argc != 1 + WARD_LAUNCH_BOOT_WORDS)
		fail(in.ctl, WARD_STAGE_BLOB, EINVAL, "arguments");
	for (int i = 0; i < WARD_LAUNCH_BOOT_WORDS; i++)
		words[i] = (uint32_t)strtoul(argv[1 + i], NULL, 10);
	syscall(NR_close_range, (unsigned)WARD_LAUNCH_FD_CMD + 1, ~0u, 0);
	if (in.boot.flags & WARD_LAUNCH_USERNS)
		launcher(&in);
	launcher_plain(&in);
}
