/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-init, the launcher: the first of its three lives (launcher, init, command).
 *
 * It enters the run's cgroup itself (an attach from outside costs 8 ms), opens the trees where that needs host root,
 * makes the init as a child of the supervisor, writes its id maps and ends. Whatever fails is reported with its stage;
 * nothing is retried and nothing is done without.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static void enter_cgroup(const struct init *in)
{
	if (in->l->flags & WARD_LAUNCH_CGROUP2)
		return;
	for (uint32_t i = 0; i < in->l->n_tasks; i++)
		if (write(WARD_LAUNCH_FD_CGROUP + (int)i, "0", 1) != 1)
			fail(in->ctl, WARD_STAGE_CGROUP, errno, NULL);
}

static void put_map(const struct init *in, long pid, const char *name, const char *text)
{
	char path[64];
	ssize_t n = (ssize_t)strlen(text);
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		fail(in->ctl, WARD_STAGE_IDMAP, errno, name);
	close(fd);
}

static void write_maps(const struct init *in, long pid)
{
	const struct ward_launch *l = in->l;
	char text[64];

	snprintf(text, sizeof(text), "%u %u 1\n", l->inside_uid, l->host_uid);
	put_map(in, pid, "uid_map", text);
	/* An ordinary user may map its group only after giving up setgroups(2); root keeps it to clear the groups. */
	if (!(l->flags & WARD_LAUNCH_ROOT))
		put_map(in, pid, "setgroups", "deny");
	snprintf(text, sizeof(text), "%u %u 1\n", l->inside_gid, l->host_gid);
	put_map(in, pid, "gid_map", text);
}

static _Noreturn void launcher(struct init *in)
{
	struct clone_args_ a = { .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
		CLONE_NEWCGROUP_ | CLONE_PARENT | CLONE_PIDFD | CLONE_FILES };
	struct ward_msg m = { .type = WARD_MSG_INIT };
	int pidfd = -1, net;
	long pid;

	if (in->l->flags & WARD_LAUNCH_CGROUP2) {
		a.flags |= CLONE_INTO_CGROUP_;
		a.cgroup = WARD_LAUNCH_FD_CGROUP;
	}
	if (pipe2(in->handoff, O_CLOEXEC) < 0)
		fail(in->ctl, WARD_STAGE_CLONE, errno, "pipe");
	a.pidfd = (uint64_t)(uintptr_t)&pidfd;
	pid = syscall(NR_clone3, &a, sizeof(a));
	if (pid < 0)
		fail(in->ctl, WARD_STAGE_CLONE, errno, NULL);
	if (pid == 0)
		init_main(in);
	m.value = (int32_t)pid;
	msg_send(in->ctl, &m, &pidfd, 1);
	write_maps(in, pid);
	handoff_send(in, HANDOFF_MAPS, NULL, 0);
	if (in->l->flags & WARD_LAUNCH_ROOT) {
		trees_open(in, trees_idmap_userns(in));
		handoff_send(in, HANDOFF_TREES, in->trees, in->l->n_mounts * sizeof(int));
	}
	net = net_make(in, pidfd);
	handoff_send(in, HANDOFF_NET, &net, sizeof(net));
	_exit(0);
}

/* No user namespaces (accepted by name): same ids, same view of the host; Landlock and seccomp hold what they can. */
static _Noreturn void launcher_plain(struct init *in)
{
	struct clone_args_ a = { .flags = CLONE_PARENT | CLONE_PIDFD };
	struct ward_msg m = { .type = WARD_MSG_INIT };
	int pidfd = -1;
	long pid;

	if (in->l->flags & WARD_LAUNCH_CGROUP2) {
		a.flags |= CLONE_INTO_CGROUP_;
		a.cgroup = WARD_LAUNCH_FD_CGROUP;
	}
	a.pidfd = (uint64_t)(uintptr_t)&pidfd;
	pid = syscall(NR_clone3, &a, sizeof(a));
	if (pid < 0)
		fail(in->ctl, WARD_STAGE_CLONE, errno, NULL);
	if (pid == 0)
		init_main(in);
	m.value = (int32_t)pid;
	msg_send(in->ctl, &m, &pidfd, 1);
	_exit(0);
}

int main(void)
{
	struct init in = { .ctl = WARD_LAUNCH_FD_CTL, .cmd = WARD_LAUNCH_FD_CMD, .handoff = { -1, -1 } };
	unsigned first_foreign;

	in.l = blob_map(WARD_LAUNCH_FD_BLOB);
	if (!in.l)
		fail(in.ctl, WARD_STAGE_BLOB, errno, NULL);
	first_foreign = WARD_LAUNCH_FD_CGROUP + in.l->n_tasks;
	syscall(NR_close_range, first_foreign, ~0u, 0);
	enter_cgroup(&in);
	if (in.l->flags & WARD_LAUNCH_USERNS)
		launcher(&in);
	launcher_plain(&in);
}
