/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trials: a mechanism is tried in a child made with clone(), which shares no memory but one page for the result, so that a
 * namespace, a filter or a ruleset never sticks to the caller. The child makes system calls only (the caller may have
 * threads), is ended after a bounded time, and is reaped by its pidfd: no SIGCHLD, no handler of the caller's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"
#include "run/doctor/doctor.h"

#define TRIAL_STACK 65536u
#define TRIAL_MS 5000

struct trial {
	const struct doctor_trial *t;
	struct doctor_result *r;
	int go[2];
};

/* Of one that a filter kills a core would be left in the caller's directory. */
static void no_core(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
}

static int trial_child(void *arg)
{
	struct trial *c = arg;
	char go = 0;
	int err;

	close(c->go[1]);
	no_core();
	if (read(c->go[0], &go, 1) != 1 || go != 'g')
		_exit(1);
	err = c->t->child(c->r, c->t->arg);
	c->r->err = err;
	c->r->done = err == 0;
	_exit(0);
}

void doctor_ids(unsigned *ret_uid_inside, unsigned *ret_uid_outside, unsigned *ret_gid_inside,
	unsigned *ret_gid_outside)
{
	bool root = geteuid() == 0;

	*ret_uid_inside = root ? WARD_INSIDE_ID : geteuid();
	*ret_uid_outside = root ? WARD_RESERVED_ID : geteuid();
	*ret_gid_inside = root ? WARD_INSIDE_ID : getegid();
	*ret_gid_outside = root ? WARD_RESERVED_ID : getegid();
}

static int put(pid_t pid, const char *file, const char *text)
{
	char path[64];
	WARD_FD fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = ward_openat2(AT_FDCWD, path, O_WRONLY, 0, 0);
	if (fd < 0)
		return -fd;
	return write(fd, text, strlen(text)) < 0 ? errno : 0;
}

static int map_ids(pid_t pid)
{
	unsigned uid_in, uid_out, gid_in, gid_out;
	char text[64];
	int err;

	doctor_ids(&uid_in, &uid_out, &gid_in, &gid_out);
	(void)snprintf(text, sizeof(text), "%u %u 1\n", uid_in, uid_out);
	err = put(pid, "uid_map", text);
	if (!err)
		err = put(pid, "setgroups", "deny");
	(void)snprintf(text, sizeof(text), "%u %u 1\n", gid_in, gid_out);
	return err ? err : put(pid, "gid_map", text);
}

/* Let it start, and wait for its end. */
static void attend(const struct trial *c, pid_t pid, int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int err = 0, code = 0, status = 0;

	if (c->t->before)
		err = c->t->before(pid, c->t->arg);
	else if (c->t->flags & CLONE_NEWUSER) {
		c->r->step = "mapping ids into it";
		err = map_ids(pid);
	}
	if (err)
		c->r->err = err;
	else if (write(c->go[1], "g", 1) == 1 && c->t->during)
		c->t->during(c->t->arg);
	if (err || poll(&p, 1, TRIAL_MS) <= 0)
		(void)ward_pidfd_signal(pidfd, SIGKILL);
	(void)ward_pidfd_wait(pidfd, &code, &status, false);
	c->r->killed = code != CLD_EXITED && status == SIGSYS;
	if (!c->r->done && !c->r->err)
		c->r->err = c->r->killed ? EPERM : ETIMEDOUT;
}

bool doctor_try(const struct doctor_trial *t, struct doctor_result *ret)
{
	struct doctor_result *r =
		mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *stack = mmap(NULL, TRIAL_STACK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	struct trial c = { .t = t, .r = r, .go = { -1, -1 } };
	sigset_t all, old;
	int pidfd = -1;
	pid_t pid = -1;

	*ret = (struct doctor_result){ .step = "making a child", .err = ENOMEM };
	if (r != MAP_FAILED && stack != MAP_FAILED && pipe2(c.go, O_CLOEXEC) == 0) {
		r->step = "making the namespace";
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		pid = clone(trial_child, stack + TRIAL_STACK, (int)t->flags | CLONE_PIDFD, &c,
			&pidfd);
		r->err = pid < 0 ? errno : 0;
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		if (pid >= 0)
			attend(&c, pid, pidfd);
		*ret = (struct doctor_result){
			.step = r->step, .err = r->err, .done = r->done, .killed = r->killed
		};
	}
	ward_close(pidfd);
	ward_close(c.go[0]);
	ward_close(c.go[1]);
	if (stack != MAP_FAILED)
		munmap(stack, TRIAL_STACK);
	if (r != MAP_FAILED)
		munmap(r, sizeof(*r));
	return ret->done;
}

const char *doctor_why(const struct doctor_result *r)
{
	return r->killed
		? "a filter around ward kills for it (SIGSYS), and does not refuse it (systemd: SystemCallErrorNumber=EPERM)"
		: strerror(r->err);
}

/*
 * What each run calls, and not by way of a trial above: most of it the process of ward itself, and what a trial takes. With -1
 * everywhere none of them does anything. The first is what keeps the other trials from leaving a core.
 */
static const struct {
	const char *name;
	long nr;
} own_calls[] = {
	{ "prlimit64", SYS_prlimit64 },
	{ "waitid", SYS_waitid },
	{ "pidfd_send_signal", WARD_NR_PIDFD_SEND_SIGNAL },
	{ "socketpair", SYS_socketpair },
	{ "sendmsg", SYS_sendmsg },
	{ "recvmsg", SYS_recvmsg },
	{ "prctl", SYS_prctl },
	{ "keyctl", SYS_keyctl },
	{ "openat2", WARD_NR_OPENAT2 },
	{ "memfd_create", SYS_memfd_create },
	{ "execveat", SYS_execveat },
	{ "close_range", WARD_NR_CLOSE_RANGE },
	{ "landlock_create_ruleset", WARD_NR_LANDLOCK_CREATE_RULESET },
	{ "pidfd_open", WARD_NR_PIDFD_OPEN },
	{ "pidfd_getfd", WARD_NR_PIDFD_GETFD },
	{ "faccessat2", SYS_faccessat2 },
	{ "open_tree", WARD_NR_OPEN_TREE },
	{ "move_mount", WARD_NR_MOVE_MOUNT },
	{ "mount_setattr", WARD_NR_MOUNT_SETATTR },
	{ "landlock_add_rule", WARD_NR_LANDLOCK_ADD_RULE },
	{ "process_vm_readv", SYS_process_vm_readv },
	{ "seccomp", SYS_seccomp },
	{ "sched_getaffinity", SYS_sched_getaffinity },
	{ "sched_setaffinity", SYS_sched_setaffinity },
	{ "sched_getattr", SYS_sched_getattr },
	{ "sched_setattr", SYS_sched_setattr },
	{ "getpriority", SYS_getpriority },
	{ "ioprio_get", SYS_ioprio_get },
	{ "personality", SYS_personality },
	{ "socket", SYS_socket },
	{ "bind", SYS_bind },
	{ "listen", SYS_listen },
	{ "connect", SYS_connect },
	{ "sendto", SYS_sendto },
	{ "recvfrom", SYS_recvfrom },
	{ "shutdown", SYS_shutdown },
	{ "epoll_create1", SYS_epoll_create1 },
	{ "eventfd2", SYS_eventfd2 },
	{ "signalfd4", SYS_signalfd4 },
	{ "flock", SYS_flock },
	{ "fdatasync", SYS_fdatasync },
	{ "statfs", SYS_statfs },
	{ "fstatfs", SYS_fstatfs },
	{ "umask", SYS_umask },
	{ "capget", SYS_capget },
	{ "capset", SYS_capset },
	{ "setsid", SYS_setsid },
	{ "unshare", SYS_unshare },
	{ "pivot_root", SYS_pivot_root },
	{ "umount2", SYS_umount2 },
};

static int call_child(void *arg)
{
	const size_t *i = arg;

	if (*i > 0)
		no_core();
	(void)syscall(own_calls[*i].nr, -1L, -1L, -1L, -1L, -1L, -1L);
	_exit(0);
}

/* Not as doctor_try() does it, which makes some of these calls itself. */
static bool kills(size_t i, char *stack)
{
	sigset_t all, old;
	int status = 0;
	pid_t pid, got;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(call_child, stack + TRIAL_STACK, 0, &i);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return false;
	while ((got = waitpid(pid, &status, __WALL)) < 0 && errno == EINTR)
		;
	return got == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

int doctor_killing(struct ward_error *err)
{
	char *stack = mmap(NULL, TRIAL_STACK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	size_t i = 0;

	if (stack == MAP_FAILED)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	while (i < WARD_ARRAY_SIZE(own_calls) && !kills(i, stack))
		i++;
	munmap(stack, TRIAL_STACK);
	if (i == WARD_ARRAY_SIZE(own_calls))
		return WARD_OK;
	(void)ward_fail(err, WARD_E_UNSUPPORTED,
		"a filter around ward kills whoever calls %s (SIGSYS), as a run does",
		own_calls[i].name);
	ward_fail_fix(err, "%s",
		"let it answer with an error instead (systemd: SystemCallErrorNumber=EPERM), and `ward doctor` again");
	return WARD_E_UNSUPPORTED;
}
