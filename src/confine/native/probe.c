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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>

#include "confine/native/cgroup.h"
#include "confine/native/landlock.h"
#include "confine/native/native.h"
#include "confine/native/net/net.h"
#include "os/missing.h"
#include "os/os.h"

#define PROBE_STACK 65536u
#define INNER_STACK 8192u /* in it */
#define MEMINFO_BYTES 4096
#define MAP_BYTES 16384 /* 340 lines */

/* The init of root's run opens it as root still, but in its own user namespace, where that is no right over other users' files. */
static bool fuse_usable(bool *ret_absent)
{
	WARD_FD fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	unsigned mine;
	struct stat st;

	if (fd < 0)
		*ret_absent = errno == ENOENT || errno == ENODEV || errno == ENXIO;
	if (fd < 0 || geteuid() != 0 || fstat(fd, &st) < 0)
		return fd >= 0;
	mine = st.st_uid == 0 ? st.st_mode >> 6 : st.st_gid == 0 ? st.st_mode >> 3 : st.st_mode;
	return (mine & 06) == 06;
}

/* Of Linux that Ward starts on each is known: where it is not, somebody refuses seccomp(2). */
static bool answer_known(uint32_t action)
{
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

/* A map of ids of this process's user namespace, empty where nobody gave it one; false: it cannot be read, and the start will tell. */
static bool read_map(const char *path, struct ward_buf *b)
{
	return ward_read_file(path, MAP_BYTES, b, NULL) == WARD_OK;
}

/* The next line of a map: the first id inside and outside, and how many. false: there is none. */
static bool extent(const char **p, unsigned long ret[3])
{
	for (int i = 0; i < 3; i++) {
		char *end = NULL;

		ret[i] = strtoul(*p, &end, 10);
		if (end == *p)
			return false;
		*p = end;
	}
	return true;
}

/* Root of a container's user namespace has some ids only, and no right over the host's file systems. */
static bool all_ids(void)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	unsigned long e[3];
	const char *p;

	if (!read_map("/proc/self/uid_map", &b))
		return true;
	p = ward_buf_cstr(&b);
	return extent(&p, e) && e[0] == 0 && e[1] == 0 && e[2] == UINT32_MAX;
}

static bool has_id(const char *map, unsigned long id)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	unsigned long e[3];
	const char *p;

	if (!read_map(map, &b))
		return true;
	p = ward_buf_cstr(&b);
	while (extent(&p, e)) {
		if (id >= e[0] && id - e[0] < e[2])
			return true;
	}
	return false;
}

/* Opened for writing, and not written to: a process that has no map may open its own as well. */
static bool maps_read_only(void)
{
	WARD_FD fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);

	return fd < 0 && errno == EROFS;
}

/* A root that has to stay root: its command would be. */
static bool stuck(bool all)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	if (!ward_may_become())
		return true;
	if (all)
		return false;
	return !has_id("/proc/self/uid_map", WARD_RESERVED_ID) ||
		!has_id("/proc/self/gid_map", WARD_RESERVED_ID) ||
		(read_map("/proc/self/setgroups", &b) &&
			strncmp(ward_buf_cstr(&b), "deny", 4) == 0);
}

/* How the children below end. */
enum { WORKS = 0, REFUSED = 1, PROC_REFUSED = 2 };

static int nothing(void *arg)
{
	(void)arg;
	syscall(SYS_exit, 0);
	return 0;
}

/* It shares the caller's memory until it ends, as the others do and its own child does (a copy of much takes long), but no limits. */
static int counted_child(void *arg)
{
	char stack[INNER_STACK] __attribute__((aligned(16)));
	const struct rlimit no_more = { 0, 0 };
	long pid;

	(void)arg;
	if (syscall(SYS_setrlimit, RLIMIT_NPROC, &no_more) < 0)
		syscall(SYS_exit, WORKS);
	pid = clone(nothing, stack + sizeof(stack), CLONE_VM | CLONE_VFORK, NULL);
	if (pid > 0)
		(void)syscall(SYS_wait4, pid, NULL, __WALL, NULL);
	syscall(SYS_exit, pid > 0 ? REFUSED : WORKS);
	return 0;
}

/* By the one thing that tells root of all others whatever its id is called: RLIMIT_NPROC does not hold it (fork(2), EAGAIN). */
static bool host_root(bool all)
{
	return !all && ward_native_in_child(counted_child, 0, NULL) == REFUSED;
}

/*
 * A container's filter that knows mount() alone, or a kernel in a process (gVisor). Flags that nobody knows are refused before anything else
 * is looked at, but by move_mount, which asks for a right first.
 */
static bool no_mount_calls(void)
{
	return (syscall(SYS_open_tree, -1, "", ~0U) < 0 && errno != EINVAL) ||
		(syscall(SYS_mount_setattr, -1, "", ~0U, NULL, (size_t)0) < 0 && errno != EINVAL) ||
		(syscall(SYS_move_mount, -1, "", -1, "", ~0U) < 0 && errno == ENOSYS);
}

static bool refused(long r)
{
	return r < 0 && (errno == ENOSYS || errno == EPERM || errno == EACCES);
}

/*
 * What nothing stands in for, asked in a way that each of them refuses by another errno where it may be made. Of prlimit64 the C library
 * does without where there is none, and not where it is refused.
 */
static const char *refused_call(int *ret_errno)
{
	static const struct {
		const char *name;
		long nr, args[4];
	} calls[] = {
		{ "close_range", WARD_NR_CLOSE_RANGE, { ~0U, 0, ~0U } },
		{ "execveat", SYS_execveat, { -1 } },
		{ "ioctl", SYS_ioctl, { -1 } },
		{ "eventfd2", SYS_eventfd2, { 0, ~0U } },
		{ "epoll_create1", SYS_epoll_create1, { ~0U } },
		{ "socketpair", SYS_socketpair, { -1 } },
		{ "fdatasync", SYS_fdatasync, { -1 } },
		{ "prlimit64", SYS_prlimit64, { 0, -1 } },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(calls); i++) {
		const long *a = calls[i].args;

		if (refused(syscall(calls[i].nr, a[0], a[1], a[2], a[3], 0L)) &&
			(errno != ENOSYS || calls[i].nr != SYS_prlimit64)) {
			*ret_errno = errno;
			return calls[i].name;
		}
	}
	return NULL;
}

static bool no_socket(int family, int type, int protocol)
{
	WARD_FD fd = socket(family, type | SOCK_CLOEXEC, protocol);

	return fd < 0 && (refused(fd) || errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT);
}

/* Yama's "no attach", until the next boot: of another process, be it our child, nothing can be taken. Asked of itself each may all. */
static bool nobody_traces(void)
{
	WARD_FD fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	char c = 0;

	return fd >= 0 && read(fd, &c, 1) == 1 && c == '3';
}

static void look_for_refused(struct ward_host *h)
{
	int image = ward_native_image();

	errno = image < 0 ? -image : 0;
	h->refused_errno = errno;
	h->refused = refused(image) ? "memfd_create" : refused_call(&h->refused_errno);
	h->no_routes = no_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	h->no_inet = no_socket(AF_INET, SOCK_DGRAM, 0);
	h->no_taking = refused(syscall(SYS_pidfd_open, -1, ~0U)) ||
		refused(syscall(SYS_pidfd_getfd, -1, -1, ~0U)) || nobody_traces();
}

int ward_host_facts(struct ward_host *ret, struct ward_error *err)
{
	bool all = all_ids();
	cpu_set_t set;

	(void)err;
	*ret = (struct ward_host){ .uid = geteuid(), .gid = getegid(), .ncpus = 1 };
	ret->userns = true; /* verified by the start */
	/* As root the granted trees are cloned and ID-mapped outside, where only a right of its own allows it. */
	if (ret->uid == 0 && (!ward_may_mount() || !all)) {
		ret->userns = false;
		ret->lack = WARD_USERNS_ROOT_OF_LITTLE;
	} else if (maps_read_only()) {
		ret->userns = false;
		ret->lack = WARD_USERNS_PROC_READ_ONLY;
	} else if (no_mount_calls()) {
		ret->userns = false;
		ret->lack = WARD_USERNS_NO_RIGHTS;
	}
	ret->stuck = ret->uid == 0 && stuck(all);
	ret->host_root = ret->uid != 0 && host_root(all);
	ret->nft = true; /* verified by a start that needs it */
	ret->fuse = fuse_usable(&ret->fuse_absent);
	ret->idmap = ret->uid == 0 && ret->userns; /* verified mount by mount */
	ret->landlock_abi = ward_ll_abi();
	ret->seccomp_notify = answer_known(SECCOMP_RET_USER_NOTIF);
	ret->no_seccomp = !ret->seccomp_notify && !answer_known(SECCOMP_RET_ERRNO);
	look_for_refused(ret);
	ret->blind = ret->uid == 0 && !ward_may_peek();
	ret->stdio_owned = stdio_owned();
	ret->memory_available = memory_available();
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		ret->ncpus = (unsigned)CPU_COUNT(&set);
	ward_cgroup_probe(ret, false);
	return WARD_OK;
}

/* They share the caller's memory until they end: system calls only, and no errno of the caller's that matters. */
static int userns_child(void *arg)
{
	(void)arg;
	/* A host may hand out a namespace and then no right in it (AppArmor): mounting is what counts. */
	if (syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		syscall(SYS_exit, REFUSED);
	if ((syscall(SYS_pivot_root, NULL, NULL) < 0 && errno != EFAULT) ||
		(syscall(SYS_umount2, NULL, ~0U) < 0 && errno != EINVAL))
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

/*
 * What became of fn in a child of its own: how it ended, -errno where none was made, or -ECHILD where it ended otherwise. -EAGAIN: that cannot be told
 * (a filter around ward refuses waitid(2), which a run does without), and says nothing of the host.
 */
int ward_native_in_child(int (*fn)(void *arg), int flags, void *arg)
{
	char *stack = mmap(NULL, PROBE_STACK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int pidfd = -1, code = 0, status = REFUSED, told = 0, e;
	sigset_t all, old;
	pid_t pid;

	if (stack == MAP_FAILED)
		return -ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(fn, stack + PROBE_STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | flags, arg,
		&pidfd);
	e = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid >= 0) {
		told = ward_pidfd_wait(pidfd, &code, &status, false);
		close(pidfd);
	}
	munmap(stack, PROBE_STACK);
	return pid < 0 ? -e : told < 0 ? -EAGAIN : code == CLD_EXITED ? status : -ECHILD;
}

/* A ruleset that handles something and allows nothing: the child's own, and gone with it. */
static int landlock_child(void *arg)
{
	const int *abi = arg;
	int set = ward_ll_create(*abi, ward_ll_handled_fs(*abi), 0);
	int root = (int)syscall(SYS_openat, AT_FDCWD, "/", O_PATH | O_CLOEXEC);

	if (set < 0 || syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		(root >= 0 && ward_ll_allow(set, root, WARD_LL_READ_FILE) < 0) ||
		ward_ll_restrict(*abi, set) < 0)
		syscall(SYS_exit, REFUSED);
	syscall(SYS_exit, WORKS);
	return 0;
}

/* It has no form that does nothing, and refuses the leader of a group, which the caller may be and a new child is not. */
static int session_child(void *arg)
{
	int *err = arg;

	*err = syscall(SYS_setsid) < 0 ? errno : 0;
	syscall(SYS_exit, *err ? REFUSED : WORKS);
	return 0;
}

static void probe_userns(struct ward_host *h)
{
	int r = ward_native_in_child(userns_child,
		CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			CLONE_NEWUTS | CLONE_NEWCGROUP,
		NULL);

	/* No room for a child says nothing of namespaces: the start will tell. */
	h->userns = r == WORKS || (r < 0 && ward_native_passing(-r));
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
	int r = ward_host_facts(ret, err), plainly, why = 0;

	if (r < 0)
		return r;
	if (!ret->refused && ward_native_in_child(session_child, 0, &why) == REFUSED) {
		ret->refused = "setsid";
		ret->refused_errno = why;
	}
	if (ret->userns)
		probe_userns(ret);
	plainly = ward_native_in_child(filter_child, 0, &plain);
	ret->no_seccomp = ret->no_seccomp ||
		(plainly != WORKS && !(plainly < 0 && ward_native_passing(-plainly)));
	ret->seccomp_notify = ret->seccomp_notify &&
		(plainly < 0 || ward_native_in_child(filter_child, 0, &listening) == WORKS);
	if (ret->landlock_abi &&
		ward_native_in_child(landlock_child, 0, &ret->landlock_abi) == REFUSED)
		ret->landlock_abi = 0;
	ret->nft = ret->userns && ward_host_capture(false, &step) == 0;
	ret->fuse = ret->fuse && ret->userns;
	ret->idmap = ret->idmap && ret->userns;
	ward_cgroup_probe(ret, true);
	return WARD_OK;
}
