/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of a Unix socket. Numbers come from the kernel, as of when the other end connected or began to listen. A process of a
 * sandbox is told by its user namespace, which is never Ward's own: it has no way to such a socket, and this is for ways that nobody knows.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

bool ward_peer_same_namespace(pid_t pid)
{
	char path[64];
	struct stat own, peer;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	return pid > 0 && stat("/proc/self/ns/user", &own) == 0 && stat(path, &peer) == 0 &&
		own.st_ino == peer.st_ino && own.st_dev == peer.st_dev;
}

/* The very process that connected; where the kernel cannot say, the one that has its number now. */
static int peer_pidfd(int fd, pid_t pid)
{
	int pidfd = -1;
	socklen_t n = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &n) == 0)
		return pidfd;
	return errno == ENOPROTOOPT ? ward_pidfd_open(pid) : -errno;
}

static bool is_alive(int pidfd)
{
	int r = ward_pidfd_signal(pidfd, 0);

	return r == 0 || r == -EPERM;
}

bool ward_peer_outside(int fd, struct ucred *ret)
{
	socklen_t n = sizeof(*ret);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &n) < 0 || n != sizeof(*ret) ||
		(ret->uid != geteuid() && ret->uid != 0))
		return false;
	/* Nothing in a sandbox is root outside of it; and a user may not look at root's namespaces. */
	if (ret->uid == 0 && geteuid() != 0)
		return true;
	/* Alive behind the look: what was looked at was it, and not another that has its number by now. */
	WARD_FD pidfd = peer_pidfd(fd, ret->pid);
	return pidfd >= 0 && ward_peer_same_namespace(ret->pid) && is_alive(pidfd);
}

void ward_peer_refuse(struct ward_buf *out, const char *why)
{
	ward_jw_open(out, '{');
	ward_jw_ki64(out, "v", 1);
	ward_jw_kbool(out, "ok", false);
	ward_jw_kstr(out, "why", why);
	ward_jw_close(out, '}');
}
