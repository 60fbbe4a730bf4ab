/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes by descriptor: pidfds, and a spawn that runs nothing of the caller's between clone and exec.
 *
 * The child of ward_spawn_fd shares the caller's memory until it executes (CLONE_VM|CLONE_VFORK), so it may
 * only make system calls: no allocation, no lock, no return. A caller that waits for any child may reap it: then its end
 * is still seen through the pidfd, only its status is lost. Refuses descriptors that are not open (the child then says so).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

#define SPAWN_STACK (64u * 1024)
#define SPAWN_FDS_MAX 64
#define SPAWN_HIGH SPAWN_FDS_MAX /* descriptors are parked above every target first */

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int ward_pidfd_open(pid_t pid)
{
	long r = syscall(SYS_pidfd_open, pid, 0);

	return r < 0 ? -errno : (int)r;
}

int ward_pidfd_signal(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

int ward_pidfd_getfd(int pidfd, int fd)
{
	long r = syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	return r < 0 ? -errno : (int)r;
}

int ward_pidfd_wait(int pidfd, int *ret_code, int *ret_status, bool nohang)
{
	siginfo_t si = { 0 };
	int flags = WEXITED | __WALL | (nohang ? WNOHANG : 0), e;

	while (waitid(P_PIDFD, (id_t)pidfd, &si, flags) < 0) {
		if (errno == EINTR)
			continue;
		e = errno;
		/* Reaped by a wait() of the caller's own (an exec resets the exit signal): its end can still be awaited. */
		if (e == ECHILD && !nohang)
			while (poll(&(struct pollfd){ pidfd, POLLIN, 0 }, 1, -1) < 0 &&
				errno == EINTR)
				;
		return -e;
	}
	if (si.si_pid == 0)
		return -EAGAIN;
	if (ret_code)
		*ret_code = si.si_code;
	if (ret_status)
		*ret_status = si.si_status;
	return 0;
}

struct spawn {
	int exe_fd;
	const char *const *argv;
	const int *fds;
	size_t n_fds;
	volatile int err;
};

static int spawn_child(void *arg)
{
	static const char *const no_env[] = { NULL };
	struct spawn *s = arg;
	int parked[SPAWN_FDS_MAX], exe;

	for (size_t i = 0; i < s->n_fds; i++) {
		parked[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, SPAWN_HIGH);
		if (parked[i] < 0)
			goto fail;
	}
	exe = fcntl(s->exe_fd, F_DUPFD_CLOEXEC, SPAWN_HIGH);
	if (exe < 0)
		goto fail;
	for (size_t i = 0; i < s->n_fds; i++)
		if (dup2(parked[i], (int)i) < 0)
			goto fail;
	syscall(SYS_execveat, exe, "", s->argv, no_env, AT_EMPTY_PATH);
fail:
	s->err = errno ? errno : EINVAL;
	_exit(127);
}

int ward_spawn_fd(int exe_fd, const char *const *argv, const int *fds, size_t n_fds, pid_t *ret_pid)
{
	struct spawn s = { .exe_fd = exe_fd, .argv = argv, .fds = fds, .n_fds = n_fds };
	sigset_t all, old;
	int pidfd = -1, err;
	char *stack;
	pid_t pid;

	if (n_fds > SPAWN_FDS_MAX)
		return -E2BIG;
	stack = mmap(NULL, SPAWN_STACK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	/* No handler of the caller's may run in the child while it shares the caller's memory. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(spawn_child, stack + SPAWN_STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD, &s,
		&pidfd);
	err = pid < 0 ? errno : s.err;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	munmap(stack, SPAWN_STACK);
	if (pid < 0)
		return -err;
	if (err) {
		(void)ward_pidfd_wait(pidfd, NULL, NULL, false);
		close(pidfd);
		return -err;
	}
	if (ret_pid)
		*ret_pid = pid;
	return pidfd;
}
