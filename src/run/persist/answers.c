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
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"
#include "os/rawcall.h"
#include "run/persist/persist.h"
#include "run/resolve/look.h"
#include "run/review/place.h"

#define MOUNTS_BYTES_MAX (4u << 20)
#define ASKS_BYTES (16u * 1024)
#define ASKED_MAX 64 /* of one start; the others are taken for alive */
/* For all of them together: a disk that slept has to spin up, and a server afar is asked more than once. */
#define WAIT_MS 5000
#define WAIT_LATE_MS 500 /* where others used that up, for each that is come upon later */
/* For one name that somebody has to know of now, and for all such that nobody answers for. */
#define LOOK_MS 500
#define LOOKS_MS 2000
#define LINKS_MAX 40 /* as the kernel */
#define KILL_MS 50 /* for the end of who waited too long */

#define BARE __attribute__((no_sanitize("address", "undefined")))

struct answer {
	const char *at;
	int pidfd;
	struct asks *shared; /* NULL: it could not be asked */
	struct ward_statx st; /* of what was named, once it has ended well */
};

struct asks {
	int error; /* an errno; read when it has ended */
	int file; /* 1: what is mounted there is no directory */
	int named; /* flags of a look at what the name is, and nothing else; -1: of a mount, as here */
	struct ward_statx st; /* of that */
	char path[WARD_PATH_MAX];
};

/* As a walk does: opened, and its names read. */
BARE static _Noreturn void ask(struct asks *a)
{
	char names[1024];
	long fd, r;

	ward_raw(WARD_NR_CLOSE_RANGE, 0, ~0u, 0, 0, 0);
	if (a->named >= 0) {
		r = ward_raw(SYS_statx, AT_FDCWD, (long)a->path, a->named | AT_NO_AUTOMOUNT,
			WARD_STATX_BASIC, (long)&a->st);
		a->error = r < 0 ? (int)-r : 0;
		for (;;)
			ward_raw(SYS_exit, 0, 0, 0, 0, 0);
	}
	fd = ward_raw(SYS_openat, AT_FDCWD, (long)a->path,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0, 0);
	r = fd < 0 ? fd : ward_raw(SYS_getdents64, fd, (long)names, sizeof(names), 0, 0);
	/* That a file is mounted there, the kernel knows by itself: nobody waits for that. */
	if (r == -ENOTDIR) {
		__atomic_store_n(&a->file, 1, __ATOMIC_RELAXED);
		r = ward_raw(SYS_statx, AT_FDCWD, (long)a->path,
			AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, WARD_STATX_BASIC, (long)names);
	}
	a->error = r < 0 ? (int)-r : 0;
	for (;;)
		ward_raw(SYS_exit, 0, 0, 0, 0, 0);
}

BARE static int child(void *arg)
{
	ask(arg);
}

static int begin(const char *path, int named, struct answer *ret)
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
	a->named = named;
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

/* EINTR or not: has it ended? */
static bool has_ended(int pidfd, uint64_t until_ns)
{
	struct pollfd p = { pidfd, POLLIN, 0 };

	for (;;) {
		uint64_t now = ward_now_mono_ns();
		int ms = now < until_ns ? (int)((until_ns - now) / 1000000 + 1) : 0;
		int n = poll(&p, 1, ms);

		if (n > 0 || (n == 0 && ms == 0) || (n < 0 && errno != EINTR))
			return n > 0;
	}
}

/* 0, an errno, or ETIMEDOUT: none came in time. */
static int end(struct answer *a, uint64_t until_ns, bool *ret_file)
{
	struct asks *shared = a->shared;
	bool ended = has_ended(a->pidfd, until_ns), answered = ended;
	int r = ETIMEDOUT;

	*ret_file = shared && __atomic_load_n(&shared->file, __ATOMIC_RELAXED);
	if (!ended) {
		(void)ward_pidfd_signal(a->pidfd, SIGKILL);
		ended = has_ended(a->pidfd, ward_now_mono_ns() + KILL_MS * 1000000ull);
	}
	/* Else the memory stays, and a child that is nobody's: the kernel may still hold both when the answer comes. */
	if (ended && shared) {
		(void)ward_pidfd_wait(a->pidfd, NULL, NULL, false);
		if (answered)
			r = shared->error;
		a->st = shared->st;
		munmap(shared, ASKS_BYTES);
	}
	ward_closep(&a->pidfd);
	a->shared = NULL;
	return r;
}

/* By the kernel's names of them. */
bool ward_mount_may_be_gone(const char *type)
{
	static const char *const types[] = { "fuse", "fuseblk", "nfs", "nfs4", "cifs", "smb3",
		"smbfs", "9p", "ceph", "afs", "virtiofs", "lustre", "coda", "pvfs2", "beegfs",
		"gpfs", "ocfs2", "gfs2", "vboxsf", "prl_fs", "vmhgfs", "ncpfs" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(types); i++) {
		if (ward_streq(type, types[i]))
			return true;
	}
	return ward_has_prefix(type, "fuse.");
}

/* Of those that say what they are: nobody is there. What is refused, or is no directory, is the file system's own answer. */
static const char *why_gone(int answer)
{
	return answer == ETIMEDOUT         ? "does not answer"
		: ward_rs_is_gone(-answer) ? "answers by an error"
					   : NULL;
}

static bool is_written(const struct ward_resolver *rs, const struct ward_mount *m)
{
	const struct ward_node *by = ward_rs_shown_by(rs, m->at);

	return by && by->write && !by->protect && !ward_streq(by->dest, m->at) &&
		!ward_rs_reviewed(rs, m->at) && !ward_mount_is_hidden(rs->mounts, m);
}

const char *ward_mount_why_gone(const struct ward_mount *m)
{
	return why_gone(m->answer);
}

static int leave_out(struct ward_resolver *rs, const struct ward_mount *m, const char *why,
	struct ward_error *err)
{
	const char *at = m->at;
	int r = rs->host->userns ? ward_rs_mask_mount(rs, at, !m->is_file, err)
				 : ward_rs_text(rs, &rs->gone, at, err);

	return r < 0
		? r
		: ward_rs_warn(rs, err, "%s is %s: what is mounted there %s", ward_rs_show(rs, at),
			  rs->host->userns ? "left out"
					   : "not looked through, and nothing is held in it",
			  why);
}

/* ---- all that are asked at a time ---- */

struct asking {
	struct answer v[ASKED_MAX];
	struct ward_mount *of[ASKED_MAX]; /* NULL: whoever asks keeps no list */
	size_t n;
};

/* Who cannot be asked for want of memory or processes counts as gone: whoever looks might wait. */
static int about(struct asking *a, const char *at, struct ward_mount *of)
{
	if (a->n == ASKED_MAX)
		return 0;
	if (begin(at, -1, &a->v[a->n]) < 0)
		return ETIMEDOUT;
	a->of[a->n++] = of;
	return 0;
}

static void ask_mount(struct ward_mounts *all, struct asking *a, struct ward_mount *m)
{
	if (m->asked || !m->far)
		return;
	m->asked = true;
	if (all->n_asked++ < ASKED_MAX)
		m->answer = about(a, m->at, m);
}

static void end_all(struct ward_mounts *all, struct asking *a)
{
	uint64_t began = ward_now_mono_ns(), most = WAIT_MS * 1000000ull;
	uint64_t least = WAIT_LATE_MS * 1000000ull;
	uint64_t left = all->waited_ns < most ? most - all->waited_ns : 0;

	for (size_t i = 0; i < a->n; i++)
		a->of[i]->answer =
			end(&a->v[i], began + (left > least ? left : least), &a->of[i]->is_file);
	all->waited_ns += ward_now_mono_ns() - began;
}

/* With it those of the workspace: they will be looked at, and are waited for together. */
static void ask_about(struct ward_resolver *rs, const char *path)
{
	struct asking asked = { .n = 0 };

	for (size_t i = 0; i < rs->mounts->n; i++) {
		struct ward_mount *m = &rs->mounts->v[i];

		if (ward_path_within(path, m->at) ||
			(rs->workspace && ward_path_within(m->at, rs->workspace)))
			ask_mount(rs->mounts, &asked, m);
	}
	end_all(rs->mounts, &asked);
}

int ward_rs_far(struct ward_resolver *rs, const char *path)
{
	if (!rs->arena || rs->no_mounts)
		return 0;
	if (!ward_rs_mounts(rs, NULL)) {
		rs->no_mounts = true;
		return 0;
	}
	for (size_t i = 0; rs->mounts->n_far > 0 && i < rs->mounts->n; i++) {
		const struct ward_mount *m = &rs->mounts->v[i];

		if (!m->far || !ward_path_within(path, m->at))
			continue;
		if (!m->asked)
			ask_about(rs, path);
		if (m->answer == ETIMEDOUT)
			return -ETIMEDOUT;
	}
	return 0;
}

int ward_rs_lstat(struct ward_resolver *rs, const char *path, struct stat *ret)
{
	int r = ward_rs_far(rs, path);

	if (r < 0)
		return r;
	return fstatat(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 ? -errno : 0;
}

static int settle(struct ward_resolver *rs, const struct ward_mount *m, struct ward_error *err)
{
	const char *why = why_gone(m->answer);

	/* In one that is left out there is nothing to cover, nor to cover it by. */
	if (ward_texts_hold(&rs->gone, m->at))
		return WARD_OK;
	return why ? leave_out(rs, m, why, err) : ward_rs_text(rs, &rs->remote, m->at, err);
}

/* What is mounted for whoever looks comes to the host's mounts, not to the run's: the command would have nothing of it. */
static int step_round(struct ward_resolver *rs, const struct ward_mount *m, struct ward_error *err)
{
	return ward_texts_hold(&rs->gone, m->at)
		? WARD_OK
		: leave_out(rs, m, "waits for somebody outside to use it", err);
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Nor is what is only shown there looked into. It is empty, and stays what it is: beside it others may be mounted. */
static int step_past(struct ward_resolver *rs, const struct ward_mount *m, struct ward_error *err)
{
	WARD_CLEANUP(close_dir) DIR *d = opendir(m->at);
	const struct dirent *e;
	int r = WARD_OK;

	while (d && r == WARD_OK && (e = readdir(d))) {
		const char *at = ward_arena_printf(rs->arena, "%s/%s", m->at, e->d_name);

		if (!at)
			return ward_rs_nomem(err);
		if (!ward_streq(e->d_name, ".") && !ward_streq(e->d_name, "..") &&
			ward_rs_waits(rs, at))
			r = ward_rs_text(rs, &rs->gone, at, err);
	}
	return r;
}

int ward_rs_answers(struct ward_resolver *rs, struct ward_error *err)
{
	struct asking asked = { .n = 0 };
	struct ward_mounts *all = rs->mounts; /* read where anything is written: reach.c */
	int r = WARD_OK;

	for (size_t i = 0; all && i < all->n; i++) {
		if (all->v[i].far && is_written(rs, &all->v[i]))
			ask_mount(all, &asked, &all->v[i]);
	}
	if (all)
		end_all(all, &asked);
	for (size_t i = 0; r == WARD_OK && all && i < all->n; i++) {
		if (all->v[i].asked && is_written(rs, &all->v[i]))
			r = settle(rs, &all->v[i], err);
		else if (all->v[i].trap && is_written(rs, &all->v[i]))
			r = step_round(rs, &all->v[i], err);
		else if (all->v[i].by_name && is_written(rs, &all->v[i]))
			r = step_past(rs, &all->v[i], err);
	}
	return r;
}

size_t ward_gone_since(const char *const *remote, size_t n, const char **ret)
{
	struct asking asked = { .n = 0 };
	uint64_t until = ward_now_mono_ns() + WAIT_MS * 1000000ull;
	size_t gone = 0;

	for (size_t i = 0; i < n; i++) {
		if (about(&asked, remote[i], NULL))
			ret[gone++] = remote[i];
	}
	for (size_t i = 0; i < asked.n; i++) {
		const char *at = asked.v[i].at;
		bool file;

		if (why_gone(end(&asked.v[i], until, &file)))
			ret[gone++] = at;
	}
	return gone;
}

/* ---- one name, whatever it leads to ---- */

/* Where such mounts are, each with its end, at the end of to; but for the root, without which nobody runs. False: they are not known. */
static bool list_far(int fd, struct ward_buf *to)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = MOUNTS_BYTES_MAX + 1 };
	struct ward_mount m;
	char *line, *next;

	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
		ward_read_fd(fd, "/proc/self/mountinfo", MOUNTS_BYTES_MAX, &b, NULL) < 0)
		return false;
	for (line = b.s; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (ward_mount_take(line, &m) && m.far && m.at[1])
			ward_buf_add(to, m.at, strlen(m.at) + 1);
	}
	return line && !to->failed;
}

/* More may be mounted than at the last look: the kernel says whether its list is another. */
static void know(struct ward_looks *x)
{
	struct pollfd p = { x->fd - 1, POLLPRI, 0 };
	bool first = !x->fd;

	x->known = true;
	if (first)
		p.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	x->fd = p.fd + 1;
	if (p.fd >= 0 && !first && !x->all && poll(&p, 1, 0) >= 0 &&
		!(p.revents & (POLLPRI | POLLERR | POLLNVAL)))
		return;
	ward_buf_done(&x->far);
	x->far = (struct ward_buf){ .max = MOUNTS_BYTES_MAX + 1 };
	x->all = !list_far(p.fd, &x->far);
}

void ward_looks_begin(struct ward_looks *x)
{
	x->known = false;
	x->spent_ns = 0;
}

void ward_looks_done(struct ward_looks *x)
{
	if (x->fd)
		(void)close(x->fd - 1);
	ward_buf_done(&x->far);
	*x = (struct ward_looks){ .known = false };
}

/* By its text. What a link of /proc leads to has no text that says so. */
static bool is_far(const struct ward_looks *x, const char *path)
{
	if (x->all || ward_path_within(path, "/proc"))
		return true;
	for (size_t i = 0; i < x->far.n; i += strlen(x->far.s + i) + 1) {
		if (ward_path_within(path, x->far.s + i))
			return true;
	}
	return false;
}

/* What has a link on the way is -ELOOP, whatever somebody makes of it meanwhile; one at the end is opened itself. */
static int open_name(const char *path)
{
	return ward_openat2(AT_FDCWD, path, O_PATH | O_NOFOLLOW, 0, WARD_OPEN_NO_SYMLINKS);
}

static int state_of(int fd, struct stat *ret)
{
	return fstatat(fd, "", ret, AT_EMPTY_PATH | AT_NO_AUTOMOUNT) < 0 ? -errno : 0;
}

/* What is to be walked yet: at the front, where there is room, stands what a link says. */
static int put_link(int fd, char rest[WARD_PATH_MAX], const char *left)
{
	char text[WARD_PATH_MAX];
	ssize_t n = readlinkat(fd, "", text, sizeof(text));
	size_t n_left = strlen(left);

	if (n < 0)
		return -errno;
	if ((size_t)n + n_left + 1 > WARD_PATH_MAX)
		return -ENAMETOOLONG;
	memmove(rest + n, left, n_left + 1);
	memcpy(rest, text, (size_t)n);
	return 0;
}

/*
 * As the kernel walks a path, but link by link, so that none leads into what may keep us waiting: FAR then. at: where the walk is, without a
 * link in it.
 */
#define FAR 1
static int walk(const struct ward_looks *x, const char *path, bool follow, struct stat *ret)
{
	char at[WARD_PATH_MAX] = "", rest[WARD_PATH_MAX];
	unsigned links = 0;

	if ((size_t)snprintf(rest, sizeof(rest), "%s", path) >= sizeof(rest))
		return -ENAMETOOLONG;
	for (char *s = rest;;) {
		WARD_FD fd = -EBADF;
		size_t n, len = strlen(at);
		int r;

		s += strspn(s, "/");
		n = strcspn(s, "/");
		if (n == 2 && s[0] == '.' && s[1] == '.') {
			char *slash = strrchr(at, '/');

			if (slash)
				*slash = '\0';
		} else if (n > 0 && !(n == 1 && s[0] == '.')) {
			if (len + n + 2 > sizeof(at))
				return -ENAMETOOLONG;
			at[len] = '/';
			memcpy(at + len + 1, s, n);
			at[len + 1 + n] = '\0';
		}
		s += n;
		if (is_far(x, at))
			return FAR;
		fd = open_name(*at ? at : "/");
		r = fd < 0 ? fd : state_of(fd, ret);
		if (r < 0)
			return r;
		if (S_ISLNK(ret->st_mode) && (*s || follow)) {
			if (++links > LINKS_MAX)
				return -ELOOP;
			r = put_link(fd, rest, s);
			if (r < 0)
				return r;
			s = rest;
			at[*s == '/' ? 0 : len] = '\0';
			continue;
		}
		if (!*s)
			return 0;
		if (!S_ISDIR(ret->st_mode))
			return -ENOTDIR;
	}
}

/* Most names: nothing of them says where else they may lead. -ELOOP: it does. */
static int at_once(const struct ward_looks *x, const char *path, bool follow, struct stat *ret)
{
	WARD_FD fd = -EBADF;
	int r;

	if (strstr(path, "/.") || strstr(path, "//"))
		return -ELOOP;
	if (is_far(x, path))
		return FAR;
	fd = open_name(path);
	r = fd < 0 ? fd : state_of(fd, ret);
	return r == 0 && follow && S_ISLNK(ret->st_mode) ? -ELOOP : r;
}

/* A child asks, and is left to itself if nobody answers. */
static int look_far(struct ward_looks *x, const char *path, int flags, struct stat *ret)
{
	uint64_t began = ward_now_mono_ns();
	struct answer a;
	bool file;
	int r;

	if (x->spent_ns >= LOOKS_MS * 1000000ull || begin(path, flags, &a) < 0)
		return -ETIMEDOUT;
	r = end(&a, began + LOOK_MS * 1000000ull, &file);
	if (r == ETIMEDOUT)
		x->spent_ns += ward_now_mono_ns() - began;
	if (r)
		return -r;
	*ret = (struct stat){ .st_dev = makedev(a.st.dev_major, a.st.dev_minor),
		.st_ino = a.st.ino,
		.st_mode = a.st.mode,
		.st_ctim = { .tv_sec = a.st.ctime.sec, .tv_nsec = a.st.ctime.nsec } };
	return 0;
}

int ward_look(struct ward_looks *x, const char *path, int flags, struct stat *ret)
{
	bool follow = !(flags & AT_SYMLINK_NOFOLLOW);
	int r;

	if (x && !x->known)
		know(x);
	if (!x || (!x->all && x->far.n == 0))
		return fstatat(AT_FDCWD, path, ret, flags | AT_NO_AUTOMOUNT) < 0 ? -errno : 0;
	r = at_once(x, path, follow, ret);
	if (r == -ELOOP)
		r = walk(x, path, follow, ret);
	return r == FAR ? look_far(x, path, flags, ret) : r;
}
