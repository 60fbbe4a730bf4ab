/* SPDX-License-Identifier: Apache-2.0 */
/* For the test's build alone: makes the call of that name from within the relay's confinement, which must not survive it. */
#include "relay.h"

#ifdef WARD_RELAY_TEST
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct trial {
	const char *name;
	long nr, arg[6];
} trials[] = {
	{ "none", SYS_brk, { 0 } },
	{ "socket", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
	{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, 0 } },
	{ "connect", SYS_connect, { WARD_RELAY_FD_UDP4, 0, 0 } },
	{ "bind", SYS_bind, { WARD_RELAY_FD_UDP4, 0, 0 } },
	{ "listen", SYS_listen, { WARD_RELAY_FD_TCP4, 1 } },
	{ "openat", SYS_openat, { AT_FDCWD, (long)"/", O_RDONLY, 0 } },
	{ "execve", SYS_execve, { (long)"/bin/true", 0, 0 } },
	{ "clone", SYS_clone, { 17, 0, 0, 0, 0 } },
	{ "clone3", 435, { 0 } },
	{ "kill", SYS_kill, { 1, 0 } },
	{ "ptrace", SYS_ptrace, { 0 } },
	{ "pidfd_getfd", 438, { 0 } },
	{ "io_uring_setup", 425, { 1, 0 } },
	{ "setns", SYS_setns, { 0, 0 } },
	{ "unshare", SYS_unshare, { 0 } },
	{ "fcntl", SYS_fcntl, { 0, F_SETOWN, 1 } },
	{ "ioctl", SYS_ioctl, { 0 } },
	{ "prctl", SYS_prctl, { 0 } },
	{ "sendto-address", SYS_sendto,
		{ WARD_RELAY_FD_UDP4, (long)"x", 1, RELAY_SEND_FLAGS, (long)"", 16 } },
	{ "sendto-fastopen", SYS_sendto,
		{ WARD_RELAY_FD_TCP4, (long)"x", 1, RELAY_SEND_FLAGS | MSG_FASTOPEN, 0, 0 } },
	{ "sendmsg-fastopen", SYS_sendmsg,
		{ WARD_RELAY_FD_TCP4, 0, RELAY_SEND_FLAGS | MSG_FASTOPEN } },
	{ "sendmmsg", SYS_sendmmsg, { WARD_RELAY_FD_UDP4, 0, 0, RELAY_SEND_FLAGS } },
	{ "setsockopt", SYS_setsockopt, { WARD_RELAY_FD_TCP4, SOL_SOCKET, SO_MARK, 0, 0 } },
	{ "fastopen-connect", SYS_setsockopt, { WARD_RELAY_FD_TCP4, IPPROTO_TCP, 30, 0, 0 } },
	{ "getsockopt", SYS_getsockopt, { WARD_RELAY_FD_TCP4, SOL_SOCKET, SO_PEERCRED, 0, 0 } },
	{ "mmap-exec", SYS_mmap,
		{ 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } },
	{ "mprotect-exec", SYS_mprotect, { 0, 0, PROT_EXEC } },
	{ "read", SYS_read, { 0, 0, 0 } },
	{ "write", SYS_write, { 0, 0, 0 } },
	{ "splice", SYS_splice, { 0 } },
	{ "affinity-of-another", SYS_sched_setaffinity, { 1, 8, (long)"\1\0\0\0\0\0\0" } },
	{ "affinity-of-another-seen", SYS_sched_getaffinity, { 1, 0, 0 } },
	{ "x32", 0x40000000 | SYS_brk, { 0 } },
};

int relay_try(const char *name)
{
	for (size_t i = 0; i < sizeof(trials) / sizeof(*trials); i++) {
		const long *a = trials[i].arg;

		if (strcmp(trials[i].name, name) != 0)
			continue;
		(void)syscall(trials[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		return 77; /* it lives */
	}
	return RELAY_EXIT_USAGE;
}
#else
_Static_assert(sizeof(struct ward_relay_msg) < 1024, "a message is small");
#endif
