/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-init, second life: pid 1 inside. Builds the view, gives up every privilege, forks the command, reaps, passes
 * signals on, and ends everything when the command has ended or the supervisor is gone. It holds no secret: its
 * environment is empty, it cannot be traced, and its only descriptors are the control socket, a signalfd, a pipe, its own
 * oom_score_adj, the door of a run that publishes (door.c), a file as standard input (input.c) and the anchor: locks of the supervisor, which thereby live as long as anything inside does.
 */
#include "init.h"
#include "sys.h"
#include "os/missing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define NETLINK_SOCK_DIAG_ 4
#define DOOR_AGAIN_MS 100 /* what it lacks may be there again */
#define TURN_NS 100000ull /* the shortest that there is */
/*
 * The supervisor's process has ended. Of those that the kernel queues: whoever in here sends it too takes no place from the one that
 * counts, which comes from the supervisor (0, outside of our pid namespace).
 */
#define SIGNAL_ORPHANED 64

/* What is left open while the command runs. */
enum own_fd {
	OWN_FD_CTL = 0,
	OWN_FD_SIGNALS,
	OWN_FD_EXECUTED,
	OWN_FD_OOM,
	OWN_FD_ANCHOR,
	OWN_FD_DOOR,
	OWN_FD_GIVEN, /* the standard input, as it was given and as the command has it */
	OWN_FD_INPUT,
	OWN_FD_MAX
};

struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

struct life {
	pid_t command;
	int status;
	bool ended; /* the command has, its status is known */
	bool full; /* when it did, there were as many as may be */
	uint32_t reaped;
};

/* False: who has ended cannot be known (a filter around us that is of two minds). */
static bool reap(struct life *life)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		life->reaped++;
		if (pid == life->command) {
			life->status = status;
			life->ended = true;
		}
	}
	return pid == 0 || errno == ECHILD;
}

/*
 * Whether one more process would be refused for RLIMIT_NPROC, without making one: what a command leaves behind may stop whatever is no
 * process 1, and who waits for that waits for ever. The number that is asked for is our own, and the kernel looks at the limit first.
 */
static bool is_full(void)
{
	const pid_t ours = getpid();
	const struct ward_clone_args a = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&ours, .set_tid_size = 1
	};
	long pid = syscall(WARD_NR_CLONE3, &a, sizeof(a));

	if (pid == 0)
		_exit(0); /* it cannot come to this */
	return pid < 0 && errno == EAGAIN;
}

/*
 * Where RLIMIT_NPROC counts, nobody says that a fork was refused, and who ends by that is gone before anybody has counted. While a process that
 * ended badly is not reaped it still counts, and so one more would be refused as well. We need no process any more.
 */
static void look_at_limit(const struct init *in, struct life *life)
{
	const struct rlimit l = { in->l->nproc, in->l->nproc };
	siginfo_t si = { 0 };

	if (!in->l->nproc || life->ended ||
		waitid(P_PID, (id_t)life->command, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		si.si_pid != life->command || (si.si_code == CLD_EXITED && si.si_status == 0) ||
		setrlimit(RLIMIT_NPROC, &l) < 0)
		return;
	life->full = is_full();
}

/*
 * Without a pid namespace: our own children, which as subreaper all orphans become. False: those that are left are not ours to
 * kill (another user's, by a set-user-ID program of a direct run).
 */
static bool kill_children(void)
{
	char path[64], text[8192];
	unsigned seen = 0, denied = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	for (char *p = text, *end; *p; p = end) {
		long pid = strtol(p, &end, 10);

		/* Every number ends with a blank; one that the buffer's end cut is somebody else's. */
		if (end == p || *end != ' ')
			break;
		seen++;
		if (pid > 1 && kill((pid_t)pid, SIGKILL) < 0 && errno == EPERM)
			denied++;
	}
	return seen == 0 || denied < seen;
}

static void end_everything(const struct init *in, struct life *life)
{
	bool pidns = in->l->flags & WARD_LAUNCH_USERNS;
	int status;

	for (;;) {
		if (pidns) {
			kill(-1, SIGKILL);
		} else {
			kill(-life->command, SIGKILL);
			if (!kill_children())
				return;
		}
		/* They have been killed; what they forked meanwhile is killed in the next round. */
		if (waitpid(-1, &status, __WALL) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		life->reaped++;
		(void)reap(life);
	}
}

static void report(const struct init *in, const struct life *life)
{
	struct ward_msg m = { .type = WARD_MSG_EXIT,
		.value = life->status,
		.stage = life->reaped,
		.err = life->full };
	struct rusage u;

	if (getrusage(RUSAGE_CHILDREN, &u) == 0) {
		m.cpu_us = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u +
			(uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
		m.max_rss_kb = (uint64_t)u.ru_maxrss;
	}
	msg_send(in->ctl, &m, NULL, 0);
}

/* False: the supervisor is gone or has sent what no supervisor sends. */
static bool control(const struct init *in, const struct life *life)
{
	struct ward_msg m;

	if (msg_recv(in->ctl, &m) != (ssize_t)sizeof(m))
		return false;
	if (m.type == WARD_MSG_SIGNAL && m.value > 0 && m.value < 65) {
		/* The group is the command's own; before its setsid() it is the command alone. */
		if (kill(-life->command, m.value) < 0)
			kill(life->command, m.value);
		return true;
	}
	if (m.type == WARD_MSG_KILL) {
		kill((in->l->flags & WARD_LAUNCH_USERNS) ? -1 : -life->command, SIGKILL);
		return true;
	}
	return false;
}

/* The command is a process of its own by now: it goes first when memory runs out, and we as late as anybody else. */
static void command_executed(struct init *in, struct pollfd *p)
{
	if (in->oom >= 0 && in->oom_old_n > 0)
		(void)!pwrite(in->oom, in->oom_old, (size_t)in->oom_old_n, 0);
	close(in->oom);
	close(p->fd);
	p->fd = -1;
}

static void everything_ended(const struct init *in, struct life *life)
{
	end_everything(in, life);
	if (in->input_mine >= 0)
		input_ended(OWN_FD_GIVEN, OWN_FD_INPUT, in->input_at);
}

/*
 * Who ends the run has to have a processor for it, and beside a thousand that are busy waited for seconds for its turn. No
 * greater share, only short ones: who asks for those (Linux 6.12, elsewhere it says nothing) goes before who waits as long.
 * The command is there already and has what it had.
 */
static void take_short_turns(void)
{
	struct sched_attr_ a = { 0 };

	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) < 0 ||
		(a.policy != SCHED_OTHER && a.policy != SCHED_BATCH_))
		return;
	a.runtime = TURN_NS;
	(void)syscall(SYS_sched_setattr, 0, &a, 0);
}

/* From the kernel, in the name of whoever ended: nobody in here can say that of another (SI_USER), and a full queue leaves the name out. */
static bool is_orphaned(const struct init *in, const struct signalfd_siginfo *si)
{
	return si->ssi_signo == SIGNAL_ORPHANED && si->ssi_code == SI_USER &&
		(si->ssi_pid == in->supervisor || si->ssi_pid == 0);
}

static _Noreturn void supervise(struct init *in, struct life *life)
{
	struct pollfd p[4] = { { OWN_FD_CTL, POLLIN, 0 }, { OWN_FD_SIGNALS, POLLIN, 0 },
		{ OWN_FD_EXECUTED, POLLIN, 0 }, { -1, POLLOUT, 0 } };
	enum door_state door = in->door < 0 ? DOOR_CLOSED : DOOR_OPEN;
	struct signalfd_siginfo si = { 0 };

	take_short_turns();
	for (;;) {
		p[3].fd = door == DOOR_OPEN ? OWN_FD_DOOR : -1;
		if (poll(p, 4, door == DOOR_LATER ? DOOR_AGAIN_MS : -1) < 0 && errno != EINTR)
			break;
		if (p[3].revents)
			door = door_give(OWN_FD_DOOR);
		else if (door == DOOR_LATER)
			door = DOOR_OPEN;
		if (p[2].revents)
			command_executed(in, &p[2]);
		if (p[1].revents & POLLIN) {
			if (read(OWN_FD_SIGNALS, &si, sizeof(si)) < 0 && errno != EAGAIN)
				break;
			if (is_orphaned(in, &si))
				break;
			look_at_limit(in, life);
			if (!reap(life) && !life->ended)
				break;
			if (life->ended) {
				everything_ended(in, life);
				report(in, life);
				_exit(0);
			}
		}
		if ((p[0].revents & POLLIN) && !control(in, life))
			break;
		if ((p[0].revents & (POLLHUP | POLLERR)) && !(p[0].revents & POLLIN))
			break;
	}
	everything_ended(in, life);
	_exit(1);
}

/* The working directory is the new root. */
static int open_root(const struct init *in, const struct ward_launch_mount *m)
{
	const char *path = blob_text(in->l, m->dest);
	int fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail(in->ctl, WARD_STAGE_MOUNT, errno, path);
	return fd;
}

/* Who counts memory by looking has to see what no process holds: these files tell of the namespace of who opened them. */
static size_t sysv_open(const struct init *in, int *fds, struct ward_msg *io_msg)
{
	static const char *const names[WARD_SYSV_FILES] = { "/proc/sysvipc/shm",
		"/proc/sysvipc/sem", "/proc/sysvipc/msg" };

	for (size_t i = 0; i < WARD_SYSV_FILES; i++) {
		fds[i] = openat(AT_FDCWD, names[i], O_RDONLY | O_CLOEXEC);
		/* A kernel that has none. */
		if (fds[i] < 0 && errno == ENOENT && i == 0)
			return 0;
		if (fds[i] < 0)
			fail(in->ctl, WARD_STAGE_MOUNT, errno, names[i]);
	}
	io_msg->stage |= WARD_VIEW_SYSV;
	return WARD_SYSV_FILES;
}

/*
 * What the supervisor cannot get at by itself: no process outside of the user namespace may walk the FUSE layer, so it gets
 * the roots of the private mounts and of the overlay (which hold the sockets of the run) and the run's own /proc by descriptor.
 */
static void announce(const struct init *in)
{
	const struct ward_launch_mount *m = in->l->n_mounts ? blob_at(in->l, in->l->mounts) : NULL;
	struct ward_msg msg = { .type = WARD_MSG_VIEW };
	int fds[WARD_VIEW_FDS_MAX], diag;
	size_t n = 0;

	fds[n] = openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fds[n++] < 0)
		fail(in->ctl, WARD_STAGE_MOUNT, errno, "/proc");
	for (uint32_t i = 0; i < in->l->n_mounts && n <= WARD_VIEW_ROOTS_MAX; i++) {
		if (m[i].kind == WARD_LAUNCH_TMPFS)
			fds[n++] = open_root(in, &m[i]);
	}
	for (uint32_t i = 0; i < in->l->n_mounts && n <= WARD_VIEW_ROOTS_MAX; i++) {
		if (m[i].kind == WARD_LAUNCH_OVERLAY)
			fds[n++] = open_root(in, &m[i]);
	}
	if (in->namespaces && in->l->rlimit_data)
		n += sysv_open(in, fds + n, &msg);
	/* Asks which Unix sockets were bound in here. Where the kernel has none, path sockets in binds are refused. */
	diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG_);
	if (diag >= 0) {
		msg.stage |= WARD_VIEW_DIAG;
		fds[n++] = diag;
	}
	msg_send(in->ctl, &msg, fds, n);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static int open_signals(const struct init *in)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGNAL_ORPHANED);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		fail(in->ctl, WARD_STAGE_FORK, errno, "signalfd");
	/* Nobody has that one for a child. Where a filter around us refuses the call itself, a run would never be seen to end. */
	if (waitpid(1, NULL, WNOHANG | __WALL) < 0 && errno != ECHILD)
		fail(in->ctl, WARD_STAGE_FORK, errno, "wait4");
	return fd;
}

/*
 * The control socket tells of a supervisor that is gone only when nobody has its other end, and what the caller forks without exec has
 * all that the caller had. So its end is a signal, too, which the kernel takes back with each change of credentials. Our parent is the
 * thread of ward_run(), which stays. An end before the signal was asked for is seen by the descriptor, which we were born with.
 */
void follow_supervisor(const struct init *in, int sig)
{
	struct pollfd p = { in->end, POLLIN, 0 };

	if (prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0) < 0)
		fail(in->ctl, WARD_STAGE_FORK, errno, "PR_SET_PDEATHSIG");
	if (poll(&p, 1, 0) != 0)
		_exit(1);
}

/* No namespaces: orphans come to us, and a root caller's command is not root all the same. */
static void stay(struct init *in)
{
	blob_receive(in);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		fail(in->ctl, WARD_STAGE_FORK, errno, "subreaper");
	blob_join(in);
	if (in->l->caller_uid == 0 && !(in->l->flags & WARD_LAUNCH_DIRECT)) {
		/* While it can still be done. */
		drop_bounding(in);
		become(in);
	}
}

/* Everything but these: an inherited stdio would keep the caller's pipes open. */
static void keep_descriptors(struct init *in, int sigfd)
{
	const int keep[OWN_FD_MAX] = { in->ctl, sigfd, in->executed[0], in->oom,
		in->handed[WARD_HANDED_ANCHOR], in->door, in->input_given, in->input_mine };
	int high[OWN_FD_MAX];

	for (int i = 0; i < OWN_FD_MAX; i++) {
		high[i] = keep[i] < 0 ? -1 : fcntl(keep[i], F_DUPFD_CLOEXEC, OWN_FD_MAX);
		/* The first of them is the socket that such a word goes through. */
		if (keep[i] >= 0 && high[i] < 0)
			fail(i ? high[0] : in->ctl, WARD_STAGE_FORK, errno, "descriptors of init");
	}
	for (int i = 0; i < OWN_FD_MAX; i++)
		if (keep[i] >= 0 && dup2(high[i], i) != i)
			fail(high[0], WARD_STAGE_FORK, errno, "descriptors of init");
	/* What stayed open would keep pipes of the caller's, or the FUSE device, alive. */
	for (int i = 0; i < OWN_FD_MAX; i++)
		if (keep[i] < 0)
			close(i);
	if (syscall(NR_close_range, OWN_FD_MAX, ~0u, 0) < 0)
		fail(OWN_FD_CTL, WARD_STAGE_FORK, errno, "close_range");
	in->ctl = OWN_FD_CTL;
	in->oom = in->oom < 0 ? -1 : OWN_FD_OOM;
}

void init_main(struct init *in)
{
	struct life life = { 0 };
	int sigfd;

	/* While nothing runs there is nothing to end: in whatever call we wait then. */
	follow_supervisor(in, SIGKILL);
	in->umask = umask(022);
	/*
	 * Nothing that the caller ignores is inherited: we wait for children, and the command begins with defaults. Not by the C
	 * library, which keeps 32 to 34 for itself and would leave them as another one's posix_spawn left them.
	 */
	for (int s = 1; s < 65; s++)
		if (s != SIGKILL && s != SIGSTOP)
			(void)syscall(SYS_rt_sigaction, s, &(struct kernel_sigaction){ 0 }, NULL,
				8);
	if (in->namespaces) {
		life.command = view_build(in);
	} else {
		stay(in);
		go_anywhere(in, in->ctl);
		/* With namespaces it was done while there was time. */
		if (!(in->l->flags & WARD_LAUNCH_DIRECT))
			drop_bounding(in);
		life.command = child_start(in);
	}
	sigfd = open_signals(in);
	if (!(in->l->flags & WARD_LAUNCH_DIRECT))
		drop_capabilities(in->ctl);
	in->supervisor = (uint32_t)getppid();
	follow_supervisor(in, SIGNAL_ORPHANED);
	/* The last step that can fail comes before the last word, which lets the command go. */
	keep_descriptors(in, sigfd);
	announce(in);
	supervise(in, &life);
}
