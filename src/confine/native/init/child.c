/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-init, third life: the command. Confines itself for good (limits, Landlock, seccomp), proves it by the self-test,
 * waits for GO, executes. It may not log and may not go on after a failure: each one is a message and _exit.
 */
#include "init.h"
#include "sys.h"
#include "confine/native/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define CAP_LAST_MAX 63
#define CHILD_STACK (64 * 1024) /* untouched pages are free */

/* The view is our own; without one the path is the host's, and has to be what was resolved. Descriptor or -errno. */
static int rule_place(const struct ward_launch *l, const struct ward_launch_rule *r)
{
	const char *path = blob_text(l, r->path);
	struct stat st;
	int fd;

	if (l->flags & WARD_LAUNCH_USERNS) {
		fd = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	fd = (int)sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC,
		RESOLVE_NO_SYMLINKS_ | RESOLVE_NO_MAGICLINKS_);
	if (fd < 0)
		return -errno;
	if (r->ino && (fstat(fd, &st) < 0 || st.st_dev != r->dev || st.st_ino != r->ino)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

/* Made before the command is forked: the paths are those of the view. */
int child_ruleset(const struct init *in)
{
	const struct ward_launch *l = in->l;
	const struct ward_launch_rule *r = l->n_rules ? blob_at(l, l->rules) : NULL;
	int set, fd, e;

	if (!l->landlock_abi)
		return -1;
	set = ward_ll_create((int)l->landlock_abi, l->landlock_fs, l->landlock_scoped);
	if (set < 0)
		fail(in->ctl, WARD_STAGE_LANDLOCK, -set, "ruleset");
	for (uint32_t i = 0; i < l->n_rules; i++) {
		const char *path = blob_text(l, r[i].path);

		fd = rule_place(l, &r[i]);
		if (fd == -ELOOP || fd == -ESTALE)
			fail(in->ctl, WARD_STAGE_CHANGED, -fd, path);
		e = fd < 0 ? fd : ward_ll_allow(set, fd, r[i].access);
		if (e < 0)
			fail(in->ctl, WARD_STAGE_LANDLOCK, -e, path);
		close(fd);
	}
	return set;
}

void drop_bounding(const struct init *in)
{
	for (int c = 0; c <= CAP_LAST_MAX; c++)
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0) {
			/* EINVAL ends the list of capabilities; EPERM without a user namespace: none to drop with. */
			if (errno == EINVAL || (errno == EPERM && !in->namespaces))
				break;
			fail(in->ctl, WARD_STAGE_CAPS, errno, "bounding set");
		}
}

void drop_capabilities(int sock)
{
	struct {
		uint32_t version;
		int pid;
	} h = { 0x20080522, 0 };
	uint32_t none[6] = { 0 };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
		syscall(SYS_capset, &h, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail(sock, WARD_STAGE_CAPS, errno, NULL);
}

static void limit(const struct init *in, int what, uint64_t soft, uint64_t hard)
{
	struct rlimit old, r = { soft, hard };

	if (getrlimit(what, &old) == 0 && old.rlim_max < r.rlim_max)
		r.rlim_max = old.rlim_max; /* cannot be raised */
	if (r.rlim_cur > r.rlim_max)
		r.rlim_cur = r.rlim_max;
	if (setrlimit(what, &r) < 0)
		fail(in->cmd, WARD_STAGE_RLIMIT, errno, NULL);
}

static void limits(const struct init *in)
{
	const struct ward_launch *l = in->l;
	cpu_set_t have, set;

	limit(in, RLIMIT_CORE, 0, 0);
	limit(in, RLIMIT_NOFILE, l->nofile, l->nofile > 4096 ? l->nofile : 4096);
	if (l->nproc)
		limit(in, RLIMIT_NPROC, l->nproc, l->nproc);
	if (l->rlimit_data)
		limit(in, RLIMIT_DATA, l->rlimit_data, l->rlimit_data);
	if (!l->n_cpus)
		return;
	if (sched_getaffinity(0, sizeof(have), &have) < 0)
		fail(in->cmd, WARD_STAGE_RLIMIT, errno, "cpu affinity");
	CPU_ZERO(&set);
	for (unsigned c = 0, n = 0; c < CPU_SETSIZE && n < l->n_cpus; c++)
		if (CPU_ISSET(c, &have)) {
			CPU_SET(c, &set);
			n++;
		}
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail(in->cmd, WARD_STAGE_RLIMIT, errno, "cpu affinity");
}

static void filter(const struct init *in)
{
	const struct ward_launch *l = in->l;
	struct sock_fprog prog = { .len = (unsigned short)l->n_filter };
	struct ward_msg m = { .type = WARD_MSG_LISTENER };
	bool listen = l->flags & WARD_LAUNCH_LISTENER;
	int fd;

	prog.filter = (struct sock_filter *)(uintptr_t)blob_at(l, l->filter);
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		listen ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &prog);
	if (fd < 0)
		fail(in->cmd, WARD_STAGE_SECCOMP, errno, NULL);
	if (listen) {
		msg_send(in->cmd, &m, &fd, 1);
		close(fd);
	}
}

/*
 * When memory runs out the command goes first, never the init that tells of it. Raising needs no privilege, but the file is
 * its owner's only while the process can be looked into; the init shares this memory, so for that moment alone.
 */
static void oom_first(void)
{
	int fd;

	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	fd = openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (fd < 0)
		return;
	(void)!write(fd, "500", 3);
	close(fd);
}

static void confine(const struct init *in, int landlock)
{
	if (in->l->flags & WARD_LAUNCH_DIRECT)
		return;
	limits(in);
	oom_first();
	if (landlock >= 0) {
		int r = ward_ll_restrict(landlock);

		if (r < 0)
			fail(in->cmd, WARD_STAGE_LANDLOCK, -r, "restrict");
		close(landlock);
	}
	filter(in);
}

static void wait_for_go(const struct init *in)
{
	struct ward_msg m = { .type = WARD_MSG_SELFTEST };
	uint32_t broken = in->l->flags & WARD_LAUNCH_DIRECT ? 0 : selftest(in->l);

	m.value = (int32_t)broken;
	msg_send(in->cmd, &m, NULL, 0);
	if (broken)
		_exit(1);
	if (msg_recv(in->cmd, &m) != (ssize_t)sizeof(m) || m.type != WARD_MSG_GO)
		_exit(1);
}

static _Noreturn void child_main(struct init *in, int landlock)
{
	const struct ward_launch *l = in->l;
	char **argv = blob_vector(l, l->argc, l->argv), **envp = blob_vector(l, l->envc, l->envp);
	struct ward_msg m = { .type = WARD_MSG_EXEC_FAILED };
	sigset_t none;

	/* The sockets move out of the way of 0, 1 and 2. */
	in->cmd = fcntl(in->cmd, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 3; i++)
		if (in->cmd < 0 || dup2(in->handed[WARD_HANDED_STDIO + i], i) != i)
			_exit(1);
	if (setsid() < 0)
		fail(in->cmd, WARD_STAGE_TTY, errno, "setsid");
	if ((l->flags & WARD_LAUNCH_CTTY) && ioctl(0, TIOCSCTTY, 0) < 0)
		fail(in->cmd, WARD_STAGE_TTY, errno, "controlling terminal");
	if (chdir(blob_text(l, l->cwd)) < 0)
		fail(in->cmd, WARD_STAGE_CWD, errno, blob_text(l, l->cwd));
	umask(022);
	/* Nothing but 0, 1, 2 goes on; the rest closes by exec. */
	if (syscall(NR_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) < 0)
		fail(in->cmd, WARD_STAGE_FORK, errno, "close_range");
	confine(in, landlock);
	wait_for_go(in);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(blob_text(l, l->exe), argv, envp);
	m.err = errno;
	msg_send(in->cmd, &m, NULL, 0);
	_exit(127);
}

struct child {
	struct init in; /* a copy: the init needs its own as it is */
	int landlock;
};

static int child_entry(void *arg)
{
	struct child *c = arg;

	child_main(&c->in, c->landlock);
}

/*
 * As with vfork: nothing is copied, and the init stands still until the command has executed or is gone. It misses nothing
 * meanwhile: a supervisor that dies is seen by the command, which waits for its word, and one that kills kills the init.
 */
pid_t child_start(struct init *in, int landlock)
{
	static _Alignas(16) char stack[CHILD_STACK];
	struct child c = { .in = *in, .landlock = landlock };
	pid_t pid = clone(child_entry, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &c);

	if (pid < 0)
		fail(in->ctl, WARD_STAGE_FORK, errno, NULL);
	return pid;
}
