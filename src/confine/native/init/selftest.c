/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The self-test: before the command starts, the process that will become it tries to break what was promised, with the
 * very credentials, view and filter that the command will have. One probe that succeeds ends the start. The refusals that it
 * causes are recorded with selftest:true and are no violations.
 */
#include "init.h"
#include "sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif
#define KEYCTL_GET_KEYRING_ID 0
#define MSG_PROBE_ 0x10 /* the kernel's linux/socket.h: look for the way only */

static bool opened(int fd)
{
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* The ids are mapped by one line that the launcher wrote; here it counts that none can be taken back. */
static bool ids(const struct ward_launch *l)
{
	uid_t r, e, s;

	if (getresuid(&r, &e, &s) < 0 || r != l->inside_uid || e != r || s != r)
		return true;
	return (l->flags & WARD_LAUNCH_USERNS) && l->inside_uid != 0 && setuid(0) == 0;
}

static bool caps(const struct ward_launch *l)
{
	struct {
		uint32_t version;
		int pid;
	} h = { 0x20080522, 0 };
	uint32_t d[6] = { 0 };

	(void)l;
	if (syscall(SYS_capget, &h, d) < 0)
		return true;
	return d[0] | d[1] | d[2] | d[3] | d[4] | d[5];
}

static bool nnp(const struct ward_launch *l)
{
	(void)l;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static bool seccomp(const struct ward_launch *l)
{
	(void)l;
	return syscall(SYS_unshare, CLONE_NEWUSER) == 0;
}

static bool keyring(const struct ward_launch *l)
{
	(void)l;
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -4 /* user keyring */, 0) >= 0;
}

static bool vsock(const struct ward_launch *l)
{
	(void)l;
	return opened(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/*
 * TEST-NET-1 (RFC 5737): no packet leaves, whatever holds. The connect asks the supervisor, who refuses it in any network;
 * the message asks the kernel for a route, which only a network namespace of our own has not, and is not sent (MSG_PROBE).
 */
static bool outside(const struct ward_launch *l)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof(a) };
	bool out;
	int s;

	(void)l;
	a.sin_addr.s_addr = htonl(0xc0000201u);
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return false;
	out = connect(s, (struct sockaddr *)&a, sizeof(a)) == 0;
	out = sendmsg(s, &m, MSG_PROBE_ | MSG_CONFIRM) >= 0 || out;
	close(s);
	return out;
}

static bool canary(const struct ward_launch *l)
{
	return l->canary &&
		opened(openat(AT_FDCWD, blob_text(l, l->canary),
			O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

static bool root_write(const struct ward_launch *l)
{
	(void)l;
	return opened(openat(AT_FDCWD, "/.ward-selftest", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		0600));
}

static bool sysctl_write(const struct ward_launch *l)
{
	(void)l;
	return opened(openat(AT_FDCWD, "/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC));
}

/* Pid 1 must be the init, and /proc must number us as we are numbered: another pid namespace's has us by another name. */
static bool host_proc(const struct ward_launch *l)
{
	char self[16] = "", pid[16];

	if (!(l->flags & WARD_LAUNCH_USERNS))
		return false;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	return getppid() != 1 || readlink("/proc/self", self, sizeof(self) - 1) < 0 ||
		strcmp(self, pid) != 0;
}

typedef bool probe_fn(const struct ward_launch *l);

static probe_fn *const probes[WARD_PROBE_MAX] = {
	[WARD_PROBE_IDS] = ids,
	[WARD_PROBE_CAPS] = caps,
	[WARD_PROBE_NNP] = nnp,
	[WARD_PROBE_SECCOMP] = seccomp,
	[WARD_PROBE_KEYCTL] = keyring,
	[WARD_PROBE_VSOCK] = vsock,
	[WARD_PROBE_CONNECT] = outside,
	[WARD_PROBE_CANARY] = canary,
	[WARD_PROBE_ROOT_WRITE] = root_write,
	[WARD_PROBE_SYSCTL] = sysctl_write,
	[WARD_PROBE_PROC] = host_proc,
};

uint32_t selftest(const struct ward_launch *l)
{
	uint32_t broken = 0;

	for (unsigned i = 0; i < WARD_PROBE_MAX; i++)
		if (probes[i](l))
			broken |= 1u << i;
	return broken;
}
