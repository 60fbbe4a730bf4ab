/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes by descriptor: pidfds; and what holds this process itself. A caller that waits for any child may reap ours: then its end is still seen through the
 * pidfd, only its status is lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int ward_pidfd_open(pid_t pid)
{
	long r = syscall(SYS_pidfd_open, pid, 0);

	return r < 0 ? -errno : (int)r;
}

int ward_own_end(void)
{
	int fd = ward_pidfd_open(getpid());

	if (fd < 0)
		fd = eventfd(0, EFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
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

int ward_pidfd_look(int pidfd, int ms, int *ret_code, int *ret_status)
{
	struct pollfd p = { pidfd, POLLIN, 0 };
	siginfo_t si = { 0 };

	while (poll(&p, 1, ms) < 0 && errno == EINTR)
		;
	if (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | __WALL | WNOHANG | WNOWAIT) < 0)
		return -errno;
	if (si.si_pid == 0)
		return -EAGAIN;
	*ret_code = si.si_code;
	*ret_status = si.si_status;
	return 0;
}

bool ward_proc_is_own(void)
{
	char text[24];
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 && strtol(text, NULL, 10) == getpid();
}

/* In the first user namespace each id is its own: user_namespaces(7). */
static bool in_user_namespace(void)
{
	static const char all[] = "         0          0 4294967295\n";
	char map[sizeof(all)] = "";
	WARD_FD fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, map, sizeof(map) - 1);

	return n > 0 && (n != (ssize_t)sizeof(all) - 1 || memcmp(map, all, sizeof(all) - 1) != 0);
}

void ward_inherited(const char *ret[WARD_INHERITED_MAX + 1])
{
	size_t n = 0;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		ret[n++] = "no_new_privs";
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) > 0)
		ret[n++] = "seccomp";
	if (in_user_namespace())
		ret[n++] = "user_namespace";
	ret[n] = NULL;
}

static bool holds(unsigned capability)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	return syscall(SYS_capget, &h, d) == 0 && (d[0].effective & 1u << capability);
}

bool ward_may_mount(void)
{
	return holds(CAP_SYS_ADMIN);
}

bool ward_may_peek(void)
{
	return holds(CAP_SYS_PTRACE);
}

bool ward_may_become(void)
{
	return holds(CAP_SETUID) && holds(CAP_SETGID);
}
