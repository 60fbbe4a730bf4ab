/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is mounted below something that may be written and does not answer is left out, and that is said: whoever looks through it, as persist
 * does, would wait, and what lies there could not be held when it does answer.
 *
 * Does a file system answer? Its server may be gone without a word (NFS, CIFS, FUSE), and whoever asks waits for it where no signal reaches. So a
 * child asks, which is left to itself if it waits too long: it shares our memory, of which it uses a piece of its own, and has no descriptor of
 * ours, so that nobody waits for it. Bare system calls only, as in spawn.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"
#include "os/rawcall.h"
#include "run/persist/persist.h"
#include "run/review/place.h"

#define ASKS_BYTES (16u * 1024)
#define ASKED_MAX 64 /* of one start; the others are taken for alive */
#define WAIT_MS 1500 /* for all of them together */

#define BARE __attribute__((no_sanitize("address", "undefined")))

struct answer {
	const char *at;
	int pidfd;
	struct asks *shared; /* NULL: it could not be asked */
};

struct asks {
	int error; /* an errno; read when it has ended */
	char path[WARD_PATH_MAX];
};

/* As a walk does: opened, and its names read. */
BARE static _Noreturn void ask(struct asks *a)
{
	char names[1024];
	long fd, r;

	ward_raw(WARD_NR_CLOSE_RANGE, 0, ~0u, 0, 0, 0);
	fd = ward_raw(SYS_openat, AT_FDCWD, (long)a->path,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0, 0);
	r = fd < 0 ? fd : ward_raw(SYS_getdents64, fd, (long)names, sizeof(names), 0, 0);
	a->error = r < 0 ? (int)-r : 0;
	for (;;)
		ward_raw(SYS_exit, 0, 0, 0, 0, 0);
}

BARE static int child(void *arg)
{
	ask(arg);
}

static int begin(const char *path, struct answer *ret)
{
	struct asks *a;
	sigset_t all, old;
	long pid;

	*ret = (struct answer){ .at = path, .pidfd = -1 };
	if (strlen(path) >= sizeof(a->path))
		return -ENAMETOOLONG;
	a = mmap(NULL, ASKS_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
		-1, 0);
	if (a == MAP_FAILED)
		return -errno;
	memcpy(a->path, path, strlen(path) + 1);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(child, (char *)a + ASKS_BYTES, CLONE_VM | CLONE_PIDFD, a, &ret->pidfd);
	if (pid < 0)
		pid = -errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0) {
		munmap(a, ASKS_BYTES);
		ret->pidfd = -1;
		return (int)pid;
	}
	ret->shared = a;
	return 0;
}

/* 0, an errno, or -EAGAIN: none came in time. */
static int end(struct answer *a, uint64_t until_ns)
{
	struct pollfd p = { a->pidfd, POLLIN, 0 };
	struct asks *shared = a->shared;
	int r = -EAGAIN;

	for (;;) {
		uint64_t now = ward_now_mono_ns();
		int ms = now < until_ns ? (int)((until_ns - now) / 1000000 + 1) : 0;
		int n = poll(&p, 1, ms);

		if (n > 0 || (n == 0 && ms == 0) || (n < 0 && errno != EINTR))
			break;
	}
	if (p.revents && shared) {
		(void)ward_pidfd_wait(a->pidfd, NULL, NULL, false);
		r = shared->error;
		munmap(shared, ASKS_BYTES);
	} else {
		/* The memory stays: the kernel may still hold it when the answer comes. */
		(void)ward_pidfd_signal(a->pidfd, SIGKILL);
	}
	ward_closep(&a->pidfd);
	a->shared = NULL;
	return r;
}

bool ward_mount_may_be_gone(const char *type)
{
	static const char *const types[] = { "fuse", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "9p",
		"ceph", "afs", "virtiofs", "lustre", "coda", "orangefs" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(types); i++) {
		if (ward_streq(type, types[i]))
			return true;
	}
	return ward_has_prefix(type, "fuse.");
}

/* Of those that say what they are: nobody is there. What is refused, or is no directory, is the file system's own answer. */
static const char *why_gone(int answer)
{
	return answer == -EAGAIN || answer == ETIMEDOUT ? "does not answer"
		: answer == EHOSTDOWN || answer == EHOSTUNREACH || answer == ENETUNREACH ||
			answer == ENETDOWN || answer == ENOTCONN || answer == ECONNABORTED ||
			answer == ECONNREFUSED || answer == ECONNRESET || answer == ESTALE ||
			answer == EIO || answer == EREMOTEIO
		? "answers by an error"
		: NULL;
}

static bool is_written(const struct ward_resolver *rs, const char *at)
{
	const struct ward_node *by = ward_rs_shown_by(rs, at);

	return by && by->write && !by->protect && !ward_streq(by->dest, at) &&
		!ward_rs_reviewed(rs, at);
}

static int leave_out(struct ward_resolver *rs, const char *at, const char *why,
	struct ward_error *err)
{
	struct ward_node n = {
		.kind = WARD_NODE_MASK, .dest = at, .is_dir = true, .fixed = true, .rule = -1
	};
	int r = rs->host->userns ? ward_rs_node(rs, &n, err) : WARD_OK;

	if (r == WARD_OK)
		r = ward_rs_text(rs, &rs->gone, at, err);
	return r < 0
		? r
		: ward_rs_warn(rs, err, "%s is %s: what is mounted there %s", ward_rs_show(rs, at),
			  rs->host->userns ? "left out"
					   : "not looked through, and nothing is held in it",
			  why);
}

struct asking {
	struct answer v[ASKED_MAX];
	size_t n;
	uint64_t until_ns;
};

static struct asking begin_all(void)
{
	return (struct asking){ .until_ns = ward_now_mono_ns() + WAIT_MS * 1000000ull };
}

static void about(struct asking *a, const char *at)
{
	if (a->n < ASKED_MAX && begin(at, &a->v[a->n]) == 0)
		a->n++;
}

int ward_rs_answers(struct ward_resolver *rs, struct ward_error *err)
{
	struct asking asked = begin_all();
	const struct ward_mounts *mounts = rs->mounts; /* read where anything is written: reach.c */
	int r = WARD_OK;

	for (size_t i = 0; mounts && i < mounts->n; i++) {
		const struct ward_mount *m = &mounts->v[i];

		if (ward_mount_may_be_gone(m->type) && is_written(rs, m->at))
			about(&asked, m->at);
	}
	for (size_t i = 0; i < asked.n; i++) {
		const char *at = asked.v[i].at;
		const char *why = why_gone(end(&asked.v[i], asked.until_ns));

		if (r == WARD_OK)
			r = why ? leave_out(rs, at, why, err)
				: ward_rs_text(rs, &rs->remote, at, err);
	}
	return r;
}

size_t ward_gone_since(const char *const *remote, size_t n, const char **ret)
{
	struct asking asked = begin_all();
	size_t gone = 0;

	for (size_t i = 0; i < n; i++)
		about(&asked, remote[i]);
	for (size_t i = 0; i < asked.n; i++) {
		const char *at = asked.v[i].at;

		if (why_gone(end(&asked.v[i], asked.until_ns)))
			ret[gone++] = at;
	}
	return gone;
}
