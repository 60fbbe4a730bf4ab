/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawning an executable descriptor, in new namespaces or not, with nothing of the caller's run in between.
 *
 * Theory of operation. The child shares the caller's memory until it executes (CLONE_VM): nothing is copied, however large
 * the caller is. It runs beside the caller, on a stack of its own, and makes bare system calls only: no allocation, no lock,
 * no errno (which would be the caller's), no return. Whoever spawned it goes on at once; the shared piece of memory is given
 * back when the kernel says that the child has left it (CLONE_CHILD_CLEARTID, as for threads). In a new user namespace an exec
 * would take the capabilities of an id that is not mapped yet: they are made ambient first, in that namespace alone.
 * A failure before the exec is left in the shared memory: ward_spawn_error() tells it once the child has ended.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"
#include "os/rawcall.h"

#define SPAWN_BYTES \
	(32u * 1024) /* the piece of memory: struct ward_spawn_shared, its texts, and the stack */
#define SPAWN_TEXT_MAX 1024
#define CARRIER_BYTES 8192u
#define SPAWN_HIGH WARD_SPAWN_FDS_MAX /* descriptors are parked above every target first */
#define CAP_VERSION_3 0x20080522u

/* What runs on the borrowed piece of memory: a sanitizer would take it for the caller's stack. */
#define BARE __attribute__((no_sanitize("address", "undefined")))

struct ward_spawn_shared {
	int tid; /* cleared by the kernel when the child has left this memory */
	int gone; /* the child may go on */
	volatile int err;
	int exe_fd;
	size_t n_fds;
	bool keep_caps;
	int fds[WARD_SPAWN_FDS_MAX];
	const char *argv[WARD_SPAWN_ARGS_MAX + 1];
	char text[SPAWN_TEXT_MAX];
};

struct cap_header {
	uint32_t version;
	int pid;
};
struct cap_data {
	uint32_t effective, permitted, inheritable;
};

#define BIT(cap) (UINT64_C(1) << (cap))

/*
 * What a namespace of one's own is made and furnished with. The others are asked for in the host's own alone, where they are not had, or
 * for nothing that anybody does who is executed here; and each that is made ambient takes a microsecond of every start.
 */
static const uint64_t kept = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) |
	BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_KILL) | BIT(CAP_SETGID) | BIT(CAP_SETUID) |
	BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW) |
	BIT(CAP_IPC_OWNER) | BIT(CAP_SYS_CHROOT) | BIT(CAP_SYS_PTRACE) | BIT(CAP_SYS_ADMIN) |
	BIT(CAP_SYS_NICE) | BIT(CAP_SYS_RESOURCE) | BIT(CAP_MKNOD) | BIT(CAP_SETFCAP);

/* Of what the new namespace gives that is passed on to what is executed. 0 or -errno. */
BARE static long keep_caps(void)
{
	struct cap_header h = { CAP_VERSION_3, 0 };
	struct cap_data d[2] = { { 0 } };
	long r = ward_raw(SYS_capget, (long)&h, (long)d, 0, 0, 0);

	for (unsigned i = 0; i < 2; i++) {
		d[i].permitted &= (uint32_t)(kept >> (32 * i));
		d[i].effective = d[i].inheritable = d[i].permitted;
	}
	if (r == 0)
		r = ward_raw(SYS_capset, (long)&h, (long)d, 0, 0, 0);
	for (unsigned c = 0; r == 0 && c < 64; c++)
		if (d[c / 32].permitted & (1u << (c % 32)))
			r = ward_raw(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (long)c, 0,
				0);
	return r;
}

/*
 * Until the caller has placed us: a new process often starts at once, on the caller's processor, and would keep it from that.
 * Not for ever: a caller that was killed says nothing, and what is executed finds out about that.
 */
BARE static void wait_for_caller(struct ward_spawn_shared *s)
{
	static const struct timespec limit = { .tv_nsec = 100000000 };

	if (__atomic_load_n(&s->gone, __ATOMIC_ACQUIRE) == 0)
		ward_raw(SYS_futex, (long)&s->gone, FUTEX_WAIT, 0, (long)&limit, 0);
}

BARE static _Noreturn void go(struct ward_spawn_shared *s)
{
	static const char *const no_env[] = { NULL };
	long parked[WARD_SPAWN_FDS_MAX], exe, r = 0;

	wait_for_caller(s);
	for (size_t i = 0; r >= 0 && i < s->n_fds; i++)
		r = parked[i] = ward_raw(SYS_fcntl, s->fds[i], F_DUPFD_CLOEXEC, SPAWN_HIGH, 0, 0);
	exe = r < 0 ? r : ward_raw(SYS_fcntl, s->exe_fd, F_DUPFD_CLOEXEC, SPAWN_HIGH, 0, 0);
	r = exe;
	for (size_t i = 0; r >= 0 && i < s->n_fds; i++)
		r = ward_raw(SYS_dup3, parked[i], (long)i, 0, 0, 0);
	if (r >= 0 && s->keep_caps)
		r = keep_caps();
	if (r >= 0)
		r = ward_raw(SYS_execveat, exe, (long)"", (long)s->argv, (long)no_env,
			AT_EMPTY_PATH);
	s->err = r < 0 ? (int)-r : EINVAL;
	for (;;)
		ward_raw(SYS_exit, 127, 0, 0, 0, 0);
}

BARE static int child(void *arg)
{
	go(arg);
}

static int fill(struct ward_spawn_shared *s, const struct ward_spawn *what)
{
	size_t used = 0, i;

	s->tid = 1;
	s->gone = what->cgroup >= 0 || !what->hold;
	s->exe_fd = what->exe_fd;
	s->n_fds = what->n_fds;
	s->keep_caps = what->namespaces & CLONE_NEWUSER;
	for (i = 0; i < what->n_fds; i++)
		s->fds[i] = what->fds[i];
	for (i = 0; what->argv[i]; i++) {
		size_t n = strlen(what->argv[i]) + 1;

		if (i >= WARD_SPAWN_ARGS_MAX || n > sizeof(s->text) - used)
			return -E2BIG;
		s->argv[i] = memcpy(s->text + used, what->argv[i], n);
		used += n;
	}
	return 0;
}

/*
 * Born in a cgroup, which only clone3 can do, and clone3 has no wrapper that changes stacks: the child borrows ours and we
 * stand still until it has executed, as with vfork. Not inlined: what the child does lies below this frame.
 */
BARE static __attribute__((noinline)) long into_cgroup(struct ward_clone_args *a,
	struct ward_spawn_shared *s)
{
	long r = ward_raw(WARD_NR_CLONE3, (long)a, sizeof(*a), 0, 0, 0);

	if (r == 0)
		go(s);
	return r;
}

static long start(struct ward_spawn_shared *s, const struct ward_spawn *what, int *ret_pidfd)
{
	/* Grows down from the end of the piece; libc's clone aligns it. */
	char *stack = (char *)s + SPAWN_BYTES;
	struct ward_clone_args a = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CHILD_CLEARTID |
			what->namespaces | WARD_CLONE_INTO_CGROUP,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.child_tid = (uint64_t)(uintptr_t)&s->tid,
		.cgroup = (uint64_t)what->cgroup,
	};
	long pid;

	if (what->cgroup >= 0)
		return into_cgroup(&a, s);
	pid = clone(child, stack,
		CLONE_VM | CLONE_PIDFD | CLONE_CHILD_CLEARTID | (int)what->namespaces, s, ret_pidfd,
		NULL, &s->tid);
	return pid < 0 ? -errno : pid;
}

int ward_spawn(const struct ward_spawn *what, struct ward_spawned *ret)
{
	struct ward_spawn_shared *s;
	sigset_t all, old;
	int pidfd = -1, r;
	long pid;

	*ret = (struct ward_spawned)WARD_SPAWNED_INIT;
	if (what->n_fds > WARD_SPAWN_FDS_MAX)
		return -E2BIG;
	s = mmap(NULL, SPAWN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
		-1, 0);
	if (s == MAP_FAILED)
		return -errno;
	r = fill(s, what);
	if (r < 0) {
		munmap(s, SPAWN_BYTES);
		return r;
	}
	/* No handler of the caller's may run in the child while it shares the caller's memory. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = start(s, what, &pidfd);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0) {
		munmap(s, SPAWN_BYTES);
		return (int)pid;
	}
	*ret = (struct ward_spawned){ .pidfd = pidfd, .pid = (pid_t)pid, .shared = s };
	return 0;
}

void ward_spawn_go(const struct ward_spawned *c)
{
	if (!c->shared || __atomic_exchange_n(&c->shared->gone, 1, __ATOMIC_ACQ_REL))
		return;
	(void)syscall(SYS_futex, &c->shared->gone, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Returns when the child has executed or ended: it can do nothing else. */
static void leave(struct ward_spawn_shared *s)
{
	int tid;

	while ((tid = __atomic_load_n(&s->tid, __ATOMIC_ACQUIRE)) != 0)
		(void)syscall(SYS_futex, &s->tid, FUTEX_WAIT, tid, NULL, NULL, 0);
}

int ward_spawn_error(const struct ward_spawned *c)
{
	if (!c->shared)
		return 0;
	ward_spawn_go(c);
	leave(c->shared);
	return c->shared->err;
}

void ward_spawn_done(struct ward_spawned *c)
{
	if (!c->shared)
		return;
	ward_spawn_go(c);
	leave(c->shared);
	munmap(c->shared, SPAWN_BYTES);
	c->shared = NULL;
}

int ward_put_map(pid_t pid, const char *name, const char *text)
{
	char path[64];
	size_t n = strlen(text);
	ssize_t put;
	int fd;

	if (!ward_proc_is_own()) /* it would be somebody else's map */
		return -ESRCH;
	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* One write, whole: the kernel takes a map once. */
	put = write(fd, text, n);
	put = put < 0 ? -errno : put == (ssize_t)n ? 0 : -EIO;
	close(fd);
	return (int)put;
}

struct carried {
	pid_t caller;
	int gone; /* it may go: for where nobody may kill it */
};

/* Waits to be killed, or to be told to go. A caller that is killed right now must not leave it behind. */
BARE static int carrier(void *arg)
{
	static const struct timespec limit = { .tv_sec = 1 };
	struct carried *c = arg;

	ward_raw(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (ward_raw(SYS_getppid, 0, 0, 0, 0, 0) == c->caller)
		while (__atomic_load_n(&c->gone, __ATOMIC_ACQUIRE) == 0)
			ward_raw(SYS_futex, (long)&c->gone, FUTEX_WAIT, 0, (long)&limit, 0);
	ward_raw(SYS_exit, 1, 0, 0, 0, 0);
	return 0;
}

/* It has nothing left to do; its end is waited for when there is time, and comes even where a filter refuses to kill by descriptor. */
static void let_go(int pidfd, struct carried *c)
{
	if (ward_pidfd_signal(pidfd, SIGKILL) == 0)
		return;
	__atomic_store_n(&c->gone, 1, __ATOMIC_RELEASE);
	(void)syscall(SYS_futex, &c->gone, FUTEX_WAKE, 1, NULL, NULL, 0);
}

int ward_userns_new(const char *uid_map, const char *gid_map, struct ward_userns *ret)
{
	char *stack = mmap(NULL, CARRIER_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	struct carried *c = (struct carried *)(void *)stack;
	char path[64];
	sigset_t all, old;
	long pid;
	int r;

	*ret = (struct ward_userns)WARD_USERNS_INIT;
	if (stack == MAP_FAILED)
		return -errno;
	c->caller = getpid();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(carrier, stack + CARRIER_BYTES, CLONE_VM | CLONE_NEWUSER | CLONE_PIDFD, c,
		&ret->carrier);
	r = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0) {
		ret->carrier = -1;
		munmap(stack, CARRIER_BYTES);
		return r;
	}
	ret->stack = stack;
	r = ward_put_map((pid_t)pid, "uid_map", uid_map);
	if (r == 0)
		r = ward_put_map((pid_t)pid, "gid_map", gid_map);
	(void)snprintf(path, sizeof(path), "/proc/%ld/ns/user", pid);
	ret->fd = r < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (r == 0 && ret->fd < 0)
		r = -errno;
	let_go(ret->carrier, c);
	if (r < 0)
		ward_userns_done(ret);
	return r;
}

void ward_userns_done(struct ward_userns *u)
{
	ward_closep(&u->fd);
	if (u->carrier >= 0)
		(void)ward_pidfd_wait(u->carrier, NULL, NULL, false);
	ward_closep(&u->carrier);
	if (u->stack)
		munmap(u->stack, CARRIER_BYTES);
	u->stack = NULL;
}
