/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host facts. The quick form looks at what costs microseconds and assumes of user namespaces and FUSE what only a start can
 * tell; the start then verifies it, and a start that finds the assumption wrong fails with WARD_E_UNSUPPORTED, upon which
 * the caller plans again without. The deep form executes each mechanism. Neither reads a version number for a feature.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "confine/native/cgroup.h"
#include "confine/native/landlock.h"
#include "confine/native/native.h"
#include "confine/native/net/net.h"
#include "os/os.h"

#define PROBE_STACK 65536u
#define MEMINFO_BYTES 4096

static bool fuse_usable(bool *ret_absent)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		*ret_absent = errno == ENOENT || errno == ENODEV || errno == ENXIO;
	ward_close(fd);
	return fd >= 0;
}

static bool notify_usable(void)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* As root the command is another user, to whom such a file does not belong. */
static bool stdio_owned(void)
{
	struct stat st;

	for (int fd = 0; fd < 3 && geteuid() != 0; fd++)
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid())
			return true;
	return false;
}

static uint64_t memory_available(void)
{
	char text[MEMINFO_BYTES];
	WARD_FD fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	const char *p;

	if (n > 0) {
		text[n] = 0;
		p = strstr(text, "MemAvailable:");
		if (p)
			return strtoull(p + 13, NULL, 10) * 1024;
	}
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
}

/* Root of a container's user namespace has some ids only, and no right over the host's file systems. */
static bool all_ids(void)
{
	static const char whole[] = "0 0 4294967295";
	char text[256], *to = text;
	WARD_FD fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

	if (n <= 0)
		return true; /* the start will tell */
	for (ssize_t i = 0; i < n; i++)
		if (text[i] != ' ' || (to > text && to[-1] != ' '))
			*to++ = text[i] == '\n' ? ' ' : text[i];
	return to - text == sizeof(whole) && memcmp(text, whole, sizeof(whole) - 1) == 0;
}

int ward_host_facts(struct ward_host *ret, struct ward_error *err)
{
	cpu_set_t set;

	(void)err;
	*ret = (struct ward_host){ .uid = geteuid(), .gid = getegid(), .ncpus = 1 };
	ret->userns = true; /* verified by the start */
	/* As root the granted trees are cloned and ID-mapped outside, where only a right of its own allows it. */
	if (ret->uid == 0 && (!ward_may_mount() || !all_ids())) {
		ret->userns = false;
		ret->lack = WARD_USERNS_ROOT_OF_LITTLE;
	}
	ret->nft = true; /* verified by a start that needs it */
	ret->fuse = fuse_usable(&ret->fuse_absent);
	ret->idmap = ret->uid == 0 && ret->userns; /* verified mount by mount */
	ret->landlock_abi = ward_ll_abi();
	ret->seccomp_notify = notify_usable();
	ret->blind = ret->uid == 0 && !ward_may_peek();
	ret->stdio_owned = stdio_owned();
	ret->memory_available = memory_available();
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		ret->ncpus = (unsigned)CPU_COUNT(&set);
	ward_cgroup_probe(ret, false);
	return WARD_OK;
}

/* How the children below end. */
enum { WORKS = 0, REFUSED = 1, PROC_REFUSED = 2 };

/* They share the caller's memory until they end: system calls only, and no errno of the caller's that matters. */
static int userns_child(void *arg)
{
	(void)arg;
	/* A host may hand out a namespace and then no right in it (AppArmor): mounting is what counts. */
	if (syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		syscall(SYS_exit, REFUSED);
	/* So may a container's filter: podman's own lets everything be made and mounted, and nothing be called. */
	if (syscall(SYS_sethostname, "ward", 4) < 0)
		syscall(SYS_exit, REFUSED);
	/* Or a /proc that is covered in part, as containers do: then none can be mounted. */
	if (syscall(SYS_mount, "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		syscall(SYS_exit, PROC_REFUSED);
	syscall(SYS_exit, WORKS);
	return 0;
}

static int filter_child(void *arg)
{
	static struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	static const struct sock_fprog prog = { .len = 1, .filter = all };
	const unsigned *flags = arg;

	if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, *flags, &prog) < 0)
		syscall(SYS_exit, REFUSED);
	syscall(SYS_exit, WORKS);
	return 0;
}

/* What became of fn in a child of its own: how it ended, or -1. */
int ward_native_in_child(int (*fn)(void *arg), int flags, void *arg)
{
	char *stack = mmap(NULL, PROBE_STACK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int pidfd = -1, code = 0, status = REFUSED;
	sigset_t all, old;
	pid_t pid;

	if (stack == MAP_FAILED)
		return -1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(fn, stack + PROBE_STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | flags, arg,
		&pidfd);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid >= 0) {
		(void)ward_pidfd_wait(pidfd, &code, &status, false);
		close(pidfd);
	}
	munmap(stack, PROBE_STACK);
	return pid >= 0 && code == CLD_EXITED ? status : -1;
}

static void probe_userns(struct ward_host *h)
{
	int r = ward_native_in_child(userns_child,
		CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			CLONE_NEWUTS | CLONE_NEWCGROUP,
		NULL);

	h->userns = r == WORKS;
	h->lack = r == PROC_REFUSED ? WARD_USERNS_PROC_COVERED
		: r == REFUSED      ? WARD_USERNS_NO_RIGHTS
				    : WARD_USERNS_DENIED;
}

struct capture_try {
	bool redirects;
	const char *step;
	int err;
};

static int capture_child(void *arg)
{
	struct capture_try *t = arg;
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int sockets[WARD_CAPTURE_SOCKETS], fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	t->step = "bringing the loopback up";
	r = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0 ? -errno : 0;
	if (r == 0)
		r = ward_capture_make(t->redirects, sockets, &t->step);
	if (r == 0)
		r = ward_capture_names(sockets, &t->step);
	if (r == 0)
		r = ward_capture_prove(t->redirects, sockets, &t->step);
	t->err = r;
	syscall(SYS_exit, r < 0 ? REFUSED : WORKS);
	return 0;
}

int ward_host_capture(bool redirects, const char **ret_step)
{
	struct capture_try t = {
		.redirects = redirects, .step = "making namespaces", .err = -EPERM
	};

	(void)ward_native_in_child(capture_child, CLONE_NEWUSER | CLONE_NEWNET, &t);
	*ret_step = t.step;
	return t.err;
}

int ward_host_probe(struct ward_host *ret, struct ward_error *err)
{
	unsigned plain = 0, listening = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	const char *step;
	int r = ward_host_facts(ret, err);

	if (r < 0)
		return r;
	if (ret->userns)
		probe_userns(ret);
	ret->no_seccomp = ward_native_in_child(filter_child, 0, &plain) != WORKS;
	ret->seccomp_notify =
		ret->seccomp_notify && ward_native_in_child(filter_child, 0, &listening) == WORKS;
	ret->nft = ret->userns && ward_host_capture(false, &step) == 0;
	ret->fuse = ret->fuse && ret->userns;
	ret->idmap = ret->idmap && ret->userns;
	ward_cgroup_probe(ret, true);
	return WARD_OK;
}
