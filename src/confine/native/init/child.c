/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-init, third life: the command. Confines itself for good (limits, Landlock, seccomp), proves it by the self-test,
 * waits for GO, executes. It may not log and may not go on after a failure: each one is a message and _exit.
 */
#include "init.h"
#include "sys.h"
#include "confine/native/landlock.h"
#include "os/rawcall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define CAP_LAST_MAX 63
#define PERSONA_QUERY 0xffffffffu
#define ADDR_NO_RANDOMIZE_ 0x40000
#define IOPRIO_WHO_PROCESS_ 1
#define IOPRIO_CLASS_SHIFT_ 13
#define IOPRIO_CLASS_RT_ 1

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

/*
 * /dev/stdin, /dev/stdout and /dev/stderr are opened anew, by a name that no rule of the view leads to. What was handed in is allowed by
 * itself, in the direction that it was handed in: the descriptor can do all of that already. A pipe needs none, and is refused one.
 * One that was opened for neither (access mode 3, for ioctl alone) can do nothing of it.
 */
static void allow_stream(const struct init *in, int set, int fd)
{
	int way = fcntl(fd, F_GETFL) & O_ACCMODE, e;
	uint64_t may = (way != O_WRONLY ? WARD_LL_READ_FILE : 0) |
		(way != O_RDONLY ? WARD_LL_WRITE_FILE | WARD_LL_TRUNCATE : 0);
	struct stat st;

	if (way == (O_WRONLY | O_RDWR) || fstat(fd, &st) < 0 ||
		(!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode)))
		return;
	if (S_ISCHR(st.st_mode))
		may |= WARD_LL_IOCTL_DEV;
	e = ward_ll_allow(set, fd, may & in->l->landlock_fs);
	if (e < 0 && e != -EBADFD)
		fail(in->cmd, WARD_STAGE_LANDLOCK, -e, "standard streams");
}

static int ruleset(const struct init *in)
{
	const struct ward_launch *l = in->l;
	const struct ward_launch_rule *r = l->n_rules ? blob_at(l, l->rules) : NULL;
	int set, fd, e;

	if (!l->landlock_abi)
		return -1;
	set = ward_ll_create((int)l->landlock_abi, l->landlock_fs, l->landlock_scoped);
	if (set < 0)
		fail(in->cmd, WARD_STAGE_LANDLOCK, -set, "ruleset");
	for (uint32_t i = 0; i < l->n_rules; i++) {
		const char *path = blob_text(l, r[i].path);

		fd = rule_place(l, &r[i]);
		if (fd == -ELOOP || fd == -ESTALE)
			fail(in->cmd, WARD_STAGE_CHANGED, -fd, path);
		/*
		 * A directory above it keeps the command out (root's run, of what lies in another user's 0700; without namespaces in
		 * root's own). A rule only adds: without it what lies there is refused, or what its own mount and the rules above it say.
		 */
		if (fd == -EACCES)
			continue;
		e = fd < 0 ? fd : ward_ll_allow(set, fd, r[i].access);
		if (e < 0)
			fail(in->cmd, WARD_STAGE_LANDLOCK, -e, path);
		close(fd);
	}
	for (int i = 0; i < 3; i++)
		allow_stream(in, set, i);
	return set;
}

void drop_bounding(const struct init *in)
{
	if (WARD_OFF(CAP_BOUNDING))
		return;
	for (int c = 0; c <= CAP_LAST_MAX; c++) {
		long e = ward_raw(SYS_prctl, PR_CAPBSET_DROP, c, 0, 0, 0);

		/* EINVAL ends the list of capabilities; EPERM without a user namespace: none to drop with. */
		if (e == -EINVAL || (e == -EPERM && !in->namespaces))
			break;
		if (e < 0)
			fail(in->ctl, WARD_STAGE_CAPS, (int)-e, "bounding set");
	}
}

/* Effective, permitted, inheritable; each twice. Nothing, but where the self-test is tested. */
static void leave_capabilities(uint32_t set[6])
{
	const uint32_t one =
		1u << 21; /* CAP_SYS_ADMIN: without no_new_privs Landlock and seccomp ask for it */

	if (WARD_OFF(CAP_EFFECTIVE) || WARD_OFF(NNP))
		set[0] = set[1] = one;
	if (WARD_OFF(CAP_PERMITTED))
		set[1] = one;
	if (WARD_OFF(CAP_INHERITABLE))
		set[2] = one;
	if (WARD_OFF(CAP_AMBIENT))
		set[1] = set[2] = one;
}

void drop_capabilities(int sock)
{
	struct {
		uint32_t version;
		int pid;
	} h = { 0x20080522, 0 };
	uint32_t none[6] = { 0 };

	leave_capabilities(none);
	if ((!WARD_OFF(CAP_AMBIENT) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) ||
		syscall(SYS_capset, &h, none) < 0 ||
		(!WARD_OFF(NNP) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0))
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

/* Counted over all processes of a user, here and on the host: the half leaves something to the others. */
static void half(const struct init *in, int what)
{
	struct rlimit old;

	if (getrlimit(what, &old) == 0)
		limit(in, what, old.rlim_max / 2, old.rlim_max / 2);
}

static void limits(const struct init *in)
{
	const struct ward_launch *l = in->l;
	uint64_t core;

	if (WARD_OFF(RLIMITS))
		return;
	/* With 0 the kernel starts the host's handler of core dumps all the same, outside of every limit; with 1 it does not. */
	core = l->flags & WARD_LAUNCH_DIRECT ? 0 : 1;
	limit(in, RLIMIT_CORE, core, core);
	if (l->nproc)
		limit(in, RLIMIT_NPROC, l->nproc, l->nproc);
	if (l->rlimit_data)
		limit(in, RLIMIT_DATA, l->rlimit_data, l->rlimit_data);
	if (l->flags & WARD_LAUNCH_DIRECT)
		return;
	/* What a login is given for sound or games: a turn before all others, past every share of processors (ordinary_turn()). */
	limit(in, RLIMIT_RTPRIO, 0, 0);
	limit(in, RLIMIT_NICE, 0, 0);
	half(in, RLIMIT_SIGPENDING);
}

/*
 * Not before the last descriptor was handed out: how many may be on their way is counted over all processes of a user, against this limit
 * of the sender's. Other runs of his, up to theirs, must not keep this one from starting.
 */
static void limit_files(const struct init *in)
{
	uint32_t n = in->l->nofile;

	if (!WARD_OFF(RLIMITS))
		limit(in, RLIMIT_NOFILE, n, n > 4096 ? n : 4096);
}

/*
 * The caller may be one whose turn comes before others': that is his, and no share of processors holds what has it. What comes
 * after others (a nice value, SCHED_BATCH, SCHED_IDLE) stays. Of what a caller emulates the filter lets one thing be asked for.
 */
static void ordinary_turn(const struct init *in)
{
	static const struct sched_param none = { 0 };
	int policy = (int)syscall(SYS_sched_getscheduler, 0), class;
	long persona = syscall(SYS_personality, PERSONA_QUERY), e;

	if (policy < 0 || persona < 0)
		fail(in->cmd, WARD_STAGE_RLIMIT, errno, "scheduling");
	policy &= ~SCHED_RESET_ON_FORK;
	/* The C library's own is not there: musl answers ENOSYS for all of these. */
	if (policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE &&
		syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none) < 0)
		fail(in->cmd, WARD_STAGE_RLIMIT, errno, "scheduling policy");
	/* 20 less the nice value. */
	e = ward_raw(SYS_getpriority, PRIO_PROCESS, 0, 0, 0, 0);
	if (e < 0 || e > 20)
		e = ward_raw(SYS_setpriority, PRIO_PROCESS, 0, 0, 0, 0);
	if (e < 0)
		fail(in->cmd, WARD_STAGE_RLIMIT, (int)-e, "nice value");
	class = (int)syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS_, 0) >> IOPRIO_CLASS_SHIFT_;
	/* ENOSYS: a kernel without disks. */
	if (class == IOPRIO_CLASS_RT_ && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS_, 0, 0) < 0)
		fail(in->cmd, WARD_STAGE_RLIMIT, errno, "class of input and output");
	if ((persona & ~(long)ADDR_NO_RANDOMIZE_) &&
		syscall(SYS_personality, persona & ADDR_NO_RANDOMIZE_) < 0)
		fail(in->cmd, WARD_STAGE_RLIMIT, errno, "personality");
}

/* What it may use is as the caller has it, and --cpus counts from there. */
static void take_cpus(const struct init *in)
{
	const struct ward_launch *l = in->l;
	cpu_set_t have, set;

	go_anywhere(in, in->cmd);
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

	if (WARD_OFF(FILTER))
		return;
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

static void confine_files(const struct init *in)
{
	int set = in->l->flags & WARD_LAUNCH_DIRECT ? -1 : ruleset(in), r;

	if (set < 0)
		return;
	r = WARD_OFF(LANDLOCK) ? 0 : ward_ll_restrict((int)in->l->landlock_abi, set);
	if (r < 0)
		fail(in->cmd, WARD_STAGE_LANDLOCK, -r, "restrict");
	close(set);
}

/*
 * The terminal by the name that it has in the view: what leads there by another one (/dev/stderr, which is the descriptor) is nowhere
 * to Landlock. It has none where view.c gave it none: then it stays as it was handed in.
 */
static void name_terminal_streams(const struct init *in)
{
	struct stat of, st;
	int fd;

	if (!(in->l->flags & WARD_LAUNCH_CTTY) || !in->namespaces)
		return;
	fd = openat(AT_FDCWD, "/dev/console", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	for (int i = 0; fstat(fd, &of) == 0 && i < 3; i++)
		if (fstat(i, &st) == 0 && st.st_dev == of.st_dev && st.st_ino == of.st_ino &&
			dup2(fd, i) != i)
			fail(in->cmd, WARD_STAGE_TTY, errno, "descriptors of the terminal");
	close(fd);
}

static void enter(const struct init *in)
{
	const char *cwd = blob_text(in->l, in->l->cwd);

	if (chdir(cwd) < 0)
		fail(in->cmd, WARD_STAGE_CWD, errno, cwd);
	name_terminal_streams(in);
	confine_files(in);
}

/* For its next word. Without a pid namespace we outlive it: then the supervisor's end of our socket tells. */
static void wait_for_init(const struct init *in)
{
	struct pollfd p[2] = { { in->steps, POLLIN, 0 }, { in->cmd, 0, 0 } };
	uint64_t word;

	if (poll(p, 2, -1) < 0 || p[1].revents)
		_exit(1);
	if (read(in->steps, &word, sizeof(word)) != (ssize_t)sizeof(word))
		fail(in->cmd, WARD_STAGE_FORK, errno, "eventfd");
}

/*
 * The privileges go first: nothing below needs them. With a view, what does not need it is done before it is there; without
 * one the paths are the host's, and are looked up with calls that the filter refuses.
 */
static void confine(const struct init *in)
{
	bool direct = in->l->flags & WARD_LAUNCH_DIRECT;

	if (!direct)
		drop_capabilities(in->cmd);
	limits(in);
	if (!direct)
		ordinary_turn(in);
	if (!in->namespaces)
		enter(in);
	if (!direct)
		filter(in);
	limit_files(in);
	if (in->namespaces) {
		wait_for_init(in);
		enter(in);
	}
}

static void wait_for_go(const struct init *in, char *const *envp)
{
	struct ward_msg m = { .type = WARD_MSG_SELFTEST };
	uint32_t broken = in->l->flags & WARD_LAUNCH_DIRECT ? 0 : selftest(in, envp);
	ssize_t n;

	take_cpus(in);
	m.value = (int32_t)broken;
	msg_send(in->cmd, &m, NULL, 0);
	if (broken)
		_exit(1);
	n = msg_recv(in->cmd, &m);
	if (n < 0) {
		/* It would look as if the command had been executed, and had failed. */
		m = (struct ward_msg){ .type = WARD_MSG_EXEC_FAILED, .err = errno };
		msg_send(in->cmd, &m, NULL, 0);
		_exit(127);
	}
	if (n != (ssize_t)sizeof(m) || m.type != WARD_MSG_GO)
		_exit(1);
}

/*
 * 0, 1 and 2 are the command's; what else it inherits ends here and now: a device of FUSE that is still open somewhere keeps
 * its connection alive when the supervisor is gone, and the init would wait for it for ever.
 */
static void take_descriptors(struct init *in)
{
	const struct ward_launch *l = in->l;
	const int keep[] = { in->cmd, in->steps, in->executed[1], in->outside };
	const int n = in->outside < 0 ? 3 : 4;
	int high[4];

	for (int i = 0; i < n; i++) {
		high[i] = fcntl(keep[i], F_DUPFD_CLOEXEC, COMMAND_FD_OUTSIDE + 1);
		/* The first of them is what such a word goes through, once it is there: its old place is taken below. */
		if (high[i] < 0)
			fail(i ? high[0] : in->cmd, WARD_STAGE_FORK, errno,
				"descriptors of the command");
	}
	for (int i = 0; i < 3; i++)
		if (dup2(in->handed[WARD_HANDED_STDIO + i], i) != i)
			fail(high[0], WARD_STAGE_FORK, errno,
				"descriptors of the command: standard streams");
	for (int i = 0; i < n; i++)
		if (dup3(high[i], COMMAND_FD_CMD + i, O_CLOEXEC) < 0)
			fail(high[0], WARD_STAGE_FORK, errno, "descriptors of the command");
	in->cmd = COMMAND_FD_CMD;
	in->steps = COMMAND_FD_STEPS;
	in->outside = in->outside < 0 ? -1 : COMMAND_FD_OUTSIDE;
	if (!WARD_OFF(DESCRIPTOR) && syscall(NR_close_range, COMMAND_FD_CMD + n, ~0u, 0u) < 0)
		fail(in->cmd, WARD_STAGE_FORK, errno, "close_range");
	if (!WARD_OFF(SESSION) && setsid() < 0)
		fail(in->cmd, WARD_STAGE_TTY, errno, "setsid");
	if ((l->flags & WARD_LAUNCH_CTTY) && ioctl(0, TIOCSCTTY, 0) < 0)
		fail(in->cmd, WARD_STAGE_TTY, errno, "controlling terminal");
}

struct child {
	struct init in; /* a copy: the init needs its own as it is */
	char **argv, **envp;
};

static int child_main(void *arg)
{
	struct child *c = arg;
	struct init *in = &c->in;
	const struct ward_launch *l = in->l;
	struct ward_msg m = { .type = WARD_MSG_EXEC_FAILED };
	sigset_t none;

	/* Without a pid namespace nothing else ends us with the init, and what we wait for may never come. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		fail(in->cmd, WARD_STAGE_FORK, errno, "PR_SET_PDEATHSIG");
	if (getppid() != in->self)
		_exit(1);
	/* Not before we were placed: we would keep the init from it. */
	wait_for_init(in);
	take_descriptors(in);
	confine(in);
	/* What it makes in a grant is as closed to others as the caller's own files, and its owner's in any case. */
	umask(022 | (in->umask & 077));
	wait_for_go(in, c->envp);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	m.err = (int)-ward_raw(SYS_execve, (long)blob_text(l, l->exe), (long)c->argv, (long)c->envp,
		0, 0);
	msg_send(in->cmd, &m, NULL, 0);
	_exit(127);
}

/*
 * When memory runs out the command goes first, never the init that tells of it. While both share their memory the kernel takes
 * them as one: the init goes up, the command is born so, and the init goes back down when it has executed (init.c). Raising
 * needs no privilege, but the file is its owner's only while the process can be looked into: for this moment.
 */
static void oom_first(struct init *in)
{
	in->oom = openat(AT_FDCWD, "/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	if (in->oom < 0)
		return;
	in->oom_old_n = pread(in->oom, in->oom_old, sizeof(in->oom_old), 0);
	(void)!pwrite(in->oom, "500", 3, 0);
}

/*
 * The command goes on beside the init, in the same memory until it executes: nothing is copied, and its filter is made while
 * the view is. So it may not allocate (the vectors are made here), nor may the init touch what it was given. Each has an errno
 * of its own (errno.c).
 */
pid_t child_start(struct init *in)
{
	static struct child c;
	const struct ward_launch *l = in->l;
	cpu_set_t there;
	pid_t pid;

	if (!(l->flags & WARD_LAUNCH_DIRECT)) {
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		oom_first(in);
	}
	/* Nothing that is executed here may look into the init, nor into this memory. */
	if (!WARD_OFF(DUMPABLE) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		fail(in->ctl, WARD_STAGE_FORK, errno, "dumpable");
	/*
	 * We stand in the scratch, which no name leads to and no rule can mean: what Landlock is good for when nothing else holds. The
	 * host's root would not do, since a grant may be that directory by another name (a bind, a second mount of its file system).
	 */
	if (l->landlock_abi && in->namespaces) {
		in->outside = openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (in->outside < 0)
			fail(in->ctl, WARD_STAGE_LANDLOCK, errno, "scratch");
	}
	in->steps = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	if (in->steps < 0 || pipe2(in->executed, O_CLOEXEC) < 0)
		fail(in->ctl, WARD_STAGE_FORK, errno, "eventfd");
	in->self = getpid();
	c = (struct child){ .in = *in,
		.argv = blob_vector(l, l->argc, l->argv),
		.envp = WARD_OFF(ENVIRONMENT) ? blob_vector(l, l->argc, l->argv)
					      : blob_vector(l, l->envc, l->envp) };
	pid = clone(child_main, child_stack + CHILD_STACK, CLONE_VM | SIGCHLD, &c);
	if (pid < 0)
		fail(in->ctl, WARD_STAGE_FORK, errno, NULL);
	close(in->executed[1]);
	/* Not behind us: we go on. It goes back to where it may be by itself. */
	if (l->command_cpu >= 0 && l->command_cpu < CPU_SETSIZE) {
		CPU_ZERO(&there);
		CPU_SET(l->command_cpu, &there);
		(void)sched_setaffinity(pid, sizeof(there), &there);
	}
	child_step(in);
	return pid;
}

void child_step(const struct init *in)
{
	static const uint64_t one = 1;

	if (write(in->steps, &one, sizeof(one)) != (ssize_t)sizeof(one))
		fail(in->ctl, WARD_STAGE_FORK, errno, "eventfd");
}
