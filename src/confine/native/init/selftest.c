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
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif
#define CAP_LAST_MAX 63
#define KEYCTL_GET_KEYRING_ID 0
#define MSG_PROBE_ 0x10 /* the kernel's linux/socket.h: look for the way only */

/* /proc/self, opened once: a walk there costs more than most of what is asked of it. -1: not to be had, which breaks all of it. */
static int proc_self;
static const uint32_t *theirs; /* the supervisor's namespaces */

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

/* The kernel names the highest by refusing the next. An ordinary user without a namespace has none, and may not drop what it has not. */
static bool bounding(const struct ward_launch *l)
{
	for (int c = 0; (l->flags & WARD_LAUNCH_USERNS) && c <= CAP_LAST_MAX; c++) {
		int r = prctl(PR_CAPBSET_READ, c, 0, 0, 0);

		if (r < 0)
			return c == 0;
		if (r)
			return true;
	}
	return false;
}

static ssize_t read_text(const char *name, char *s, size_t size)
{
	int fd = openat(proc_self, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, s, size - 1);

	if (fd >= 0)
		close(fd);
	s[n < 0 ? 0 : n] = 0;
	return n;
}

/* One line: an inside id, the id outside of this namespace, and how many. */
static bool map_is(const char *name, uint32_t inside, uint32_t outside)
{
	char text[64], *p = text;
	unsigned long v[3];

	if (read_text(name, text, sizeof(text)) <= 0)
		return false;
	for (int i = 0; i < 3; i++)
		v[i] = strtoul(p, &p, 10);
	return v[0] == inside && v[1] == outside && v[2] == 1 && strcmp(p, "\n") == 0;
}

static bool maps(const struct ward_launch *l)
{
	return (l->flags & WARD_LAUNCH_USERNS) &&
		!(map_is("uid_map", l->inside_uid, l->host_uid) &&
			map_is("gid_map", l->inside_gid, l->host_gid));
}

/* An ordinary user's cannot be given up. */
static bool groups(const struct ward_launch *l)
{
	return l->caller_uid == 0 && getgroups(0, NULL) != 0;
}

static bool nnp(const struct ward_launch *l)
{
	(void)l;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static bool seccomp(const struct ward_launch *l)
{
	(void)l;
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER ||
		syscall(SYS_unshare, CLONE_NEWUSER) == 0;
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
 * the message asks the kernel for a route, which only a network namespace of our own has not, and is not sent (MSG_PROBE). With egress
 * there is one, to lo.
 */
static bool outside(const struct ward_launch *l)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof(a) };
	bool out;
	int s;

	a.sin_addr.s_addr = htonl(0xc0000201u);
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return false;
	out = connect(s, (struct sockaddr *)&a, sizeof(a)) == 0;
	if (!(l->flags & WARD_LAUNCH_EGRESS))
		out = sendmsg(s, &m, MSG_PROBE_ | MSG_CONFIRM) >= 0 || out;
	close(s);
	return out;
}

/* Behind two lines of headings: one interface, and that is lo. */
static bool only_lo(void)
{
	char text[2048], *line = text;

	if (read_text("net/dev", text, sizeof(text)) <= 0)
		return false;
	for (int i = 0; i < 2; i++) {
		line = strchr(line, '\n');
		if (!line)
			return false;
		line++;
	}
	line += strspn(line, " ");
	return strncmp(line, "lo:", 3) == 0 && strchr(line, '\n') == line + strlen(line) - 1;
}

/*
 * With egress every address is local, which is another way of saying that there is no interface but lo: nobody can leave by one. That
 * what is dialled is captured, the init has tried (net/capture.c), since nobody changes it who has no capability.
 */
static bool way_out(const struct ward_launch *l)
{
	return (l->flags & WARD_LAUNCH_EGRESS) && !only_lo();
}

/* In a view it is not even there, whoever may read it. */
static bool canary(const struct ward_launch *l)
{
	int how = l->flags & WARD_LAUNCH_USERNS ? O_PATH : O_RDONLY | O_NONBLOCK;

	return l->canary && opened(openat(AT_FDCWD, blob_text(l, l->canary), how | O_CLOEXEC));
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

static bool namespaces(const struct ward_launch *l)
{
	static const char *const names[WARD_LAUNCH_NS_MAX] = WARD_LAUNCH_NS;
	char path[16], is[64], own[64];
	bool same = false;

	for (int i = 0; (l->flags & WARD_LAUNCH_USERNS) && i < WARD_LAUNCH_NS_MAX && !same; i++) {
		ssize_t n;

		snprintf(path, sizeof(path), "ns/%s", names[i]);
		n = readlinkat(proc_self, path, is, sizeof(is) - 1);
		is[n < 0 ? 0 : n] = 0;
		snprintf(own, sizeof(own), "%s:[%u]", names[i], (unsigned)theirs[i]);
		same = n <= 0 || strcmp(is, own) == 0;
	}
	return same;
}

struct dirent_ {
	uint64_t ino, off;
	uint16_t len;
	uint8_t type;
	char name[];
};

/* What is open beside 0, 1 and 2 is ours, and closes by exec. */
static bool descriptors(const struct ward_launch *l)
{
	static _Alignas(struct dirent_) char dents[1024];
	int dir = openat(proc_self, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool more = dir < 0;
	long n;

	(void)l;
	while (!more && (n = syscall(SYS_getdents64, dir, dents, sizeof(dents))) != 0) {
		more = n < 0;
		for (long at = 0; at < n && !more;) {
			const struct dirent_ *d = (const void *)(dents + at);
			int fd = (int)strtol(d->name, NULL, 10);

			at += d->len;
			if (d->name[0] != '.' && fd > STDERR_FILENO)
				more = (fd > COMMAND_FD_EXECUTED && fd != dir && fd != proc_self) ||
					fcntl(fd, F_GETFD) != FD_CLOEXEC;
		}
	}
	if (dir >= 0)
		close(dir);
	return more;
}

static bool mounts(const struct ward_launch *l)
{
	return mounts_broken(l, proc_self);
}

static bool session(const struct ward_launch *l)
{
	(void)l;
	return getsid(0) != getpid();
}

static bool dumpable(const struct ward_launch *l)
{
	(void)l;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
}

static bool above(int what, uint64_t limit)
{
	struct rlimit r;

	return getrlimit(what, &r) < 0 || r.rlim_cur > limit;
}

static bool rlimits(const struct ward_launch *l)
{
	return above(RLIMIT_CORE, 1) || above(RLIMIT_RTPRIO, 0) || above(RLIMIT_NICE, 0) ||
		above(RLIMIT_NOFILE, l->nofile) || (l->nproc && above(RLIMIT_NPROC, l->nproc)) ||
		(l->rlimit_data && above(RLIMIT_DATA, l->rlimit_data));
}

/* A descriptor that leads out of the view finds nothing allowed there: no rule is above what lies on no path from our root. */
static bool landlock(int outside)
{
	bool out;

	if (outside < 0)
		return false;
	out = opened(openat(outside, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	close(outside);
	return out;
}

static bool environment(const struct ward_launch *l, char *const *envp)
{
	const uint32_t *offs = l->envc ? blob_at(l, l->envp) : NULL;
	uint32_t i;

	for (i = 0; i < l->envc; i++)
		if (envp[i] != blob_text(l, offs[i]))
			return true;
	return envp[i] != NULL;
}

typedef bool probe_fn(const struct ward_launch *l);

/* CGROUP is the supervisor's, who alone sees where we are; two more are called by name. */
static probe_fn *const probes[WARD_PROBE_MAX] = {
	[WARD_PROBE_IDS] = ids,
	[WARD_PROBE_MAPS] = maps,
	[WARD_PROBE_GROUPS] = groups,
	[WARD_PROBE_BOUNDING] = bounding,
	[WARD_PROBE_FILTER] = filter_broken,
	[WARD_PROBE_NAMESPACES] = namespaces,
	[WARD_PROBE_MOUNTS] = mounts,
	[WARD_PROBE_DESCRIPTORS] = descriptors,
	[WARD_PROBE_SESSION] = session,
	[WARD_PROBE_DUMPABLE] = dumpable,
	[WARD_PROBE_RLIMITS] = rlimits,
	[WARD_PROBE_CAPS] = caps,
	[WARD_PROBE_NNP] = nnp,
	[WARD_PROBE_SECCOMP] = seccomp,
	[WARD_PROBE_KEYCTL] = keyring,
	[WARD_PROBE_VSOCK] = vsock,
	[WARD_PROBE_CONNECT] = outside,
	[WARD_PROBE_INTERFACES] = way_out,
	[WARD_PROBE_CANARY] = canary,
	[WARD_PROBE_ROOT_WRITE] = root_write,
	[WARD_PROBE_SYSCTL] = sysctl_write,
	[WARD_PROBE_PROC] = host_proc,
};

uint32_t selftest(const struct init *in, char *const *envp)
{
	const struct ward_launch *l = in->l;
	uint32_t broken = 0;

	proc_self = openat(AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	theirs = in->ns;
	if (landlock(in->outside))
		broken |= 1u << WARD_PROBE_LANDLOCK;
	if (environment(l, envp))
		broken |= 1u << WARD_PROBE_ENVIRONMENT;
	for (unsigned i = 0; i < WARD_PROBE_MAX; i++)
		if (probes[i] && probes[i](l))
			broken |= 1u << i;
	if (proc_self >= 0)
		close(proc_self);
	return broken;
}
