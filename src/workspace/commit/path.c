/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the project and of the layer, and what is at them. Whoever else may write there can put a link in the place of a directory, or move
 * one away, at any moment: each name is resolved as a whole, by the kernel, below a descriptor, and a link or a mount on the way is an error.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workspace/commit/commit.h"

#define RESOLVE \
	(WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS | \
		0x01u /* RESOLVE_NO_XDEV */)

int ward_commit_open(int dir, const char *path, uint64_t flags)
{
	int fd;

	do /* EAGAIN: something was renamed while the kernel looked; it says nothing of the name */
		fd = ward_openat2(dir, path[0] ? path : ".", flags, 0, RESOLVE);
	while (fd == -EAGAIN || fd == -EINTR);
	return fd;
}

int ward_commit_parent(int dir, const char *path, const char **ret_name)
{
	char parent[WARD_PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (n >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, n);
	parent[n] = '\0';
	*ret_name = slash ? slash + 1 : path;
	return ward_commit_open(dir, parent, O_PATH | O_DIRECTORY);
}

static void let_up_go(struct ward_held *h)
{
	while (h->n_up > 0)
		ward_close(h->up[--h->n_up].fd);
}

void ward_commit_let_go(struct ward_held *h)
{
	let_up_go(h);
	h->asked = false;
	ward_close(h->fd);
	h->fd = h->from = -1;
}

int ward_commit_hold(struct ward_held *h, int dir, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	*ret_name = slash ? slash + 1 : path;
	if (h->from == dir && h->n == n && memcmp(h->path, path, n) == 0)
		return h->fd;
	ward_commit_let_go(h);
	if (n >= sizeof(h->path))
		return -ENAMETOOLONG;
	memcpy(h->path, path, n);
	h->path[n] = '\0';
	h->n = n;
	h->from = dir;
	h->fd = ward_commit_open(dir, h->path, O_PATH | O_DIRECTORY);
	if (h->fd >= 0 && fstat(h->fd, &h->st) < 0) {
		int r = -errno;

		ward_close(h->fd);
		h->fd = r;
	}
	return h->fd;
}

static bool is(const struct stat *st, uint64_t dev, uint64_t ino)
{
	return st->st_dev == dev && st->st_ino == ino && S_ISDIR(st->st_mode);
}

/* The name of a part of the held path; where the next begins, or NULL behind the last. */
static const char *part_of(const struct ward_held *h, const char *at, char out[NAME_MAX + 1])
{
	const char *end = h->path + h->n, *slash = memchr(at, '/', (size_t)(end - at));
	size_t n = (size_t)((slash ? slash : end) - at);

	n = n <= NAME_MAX ? n : NAME_MAX; /* longer, it could not have been opened */
	memcpy(out, at, n);
	out[n] = '\0';
	return slash ? slash + 1 : NULL;
}

/* Each directory that it lies in, opened. False: too many, or the way leads elsewhere by now. */
static bool open_up(struct ward_held *h)
{
	char name[NAME_MAX + 1];
	const char *at = h->path;
	int dir = h->from;

	while (at) {
		struct stat st;
		int fd;

		if (h->n_up == WARD_HELD_UP_MAX)
			return false;
		at = part_of(h, at, name);
		fd = ward_commit_open(dir, name, O_PATH | O_DIRECTORY);
		if (fd < 0 || fstat(fd, &st) < 0) {
			ward_close(fd);
			return false;
		}
		h->up[h->n_up].fd = dir = fd;
		h->up[h->n_up].dev = st.st_dev;
		h->up[h->n_up++].ino = st.st_ino;
	}
	return true;
}

/* Each is of its name in the one before. */
static bool follow_up(const struct ward_held *h)
{
	char name[NAME_MAX + 1];
	const char *at = h->path;
	int dir = h->from;

	for (size_t i = 0; i < h->n_up; i++) {
		struct stat st;

		at = part_of(h, at, name);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!is(&st, h->up[i].dev, h->up[i].ino))
			return false;
		dir = h->up[i].fd;
	}
	return is(&h->st, h->up[h->n_up - 1].dev, h->up[h->n_up - 1].ino);
}

bool ward_commit_held_still(struct ward_held *h)
{
	WARD_FD now = -1;
	struct stat st;

	if (h->fd < 0)
		return false;
	if (h->n == 0)
		return true; /* it is what it was opened from */
	/* One name after the other costs less than the whole path, from the second time on. */
	if (h->n_up > 0 || (h->asked && open_up(h))) {
		if (follow_up(h))
			return true;
		let_up_go(h);
		return false;
	}
	let_up_go(h);
	h->asked = true;
	now = ward_commit_open(h->from, h->path, O_PATH | O_DIRECTORY);
	return now >= 0 && fstat(now, &st) == 0 && is(&st, h->st.st_dev, h->st.st_ino);
}

bool ward_commit_same_parent(const char *a, const char *b)
{
	const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
	size_t n = x ? (size_t)(x - a) : 0;

	return n == (y ? (size_t)(y - b) : 0) && strncmp(a, b, n) == 0;
}

int ward_commit_look(struct ward_held *h, int dir, const char *path, struct stat *ret)
{
	const char *name;
	int parent = ward_commit_hold(h, dir, path, &name);

	if (parent < 0)
		return parent;
	return fstatat(parent, name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int64_t ward_commit_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

void ward_commit_seen(const struct stat *st, struct ward_seen *ret)
{
	*ret = (struct ward_seen){ st->st_ino, (uint64_t)st->st_size, ward_commit_ns(&st->st_mtim),
		st->st_mode, st->st_uid, st->st_gid, true };
}

bool ward_commit_same(const struct stat *st, const struct ward_seen *s)
{
	struct ward_seen now;

	ward_commit_seen(st, &now);
	if (s->owned && (now.uid != s->uid || now.gid != s->gid))
		return false;
	if (S_ISDIR(s->mode))
		return S_ISDIR(now.mode) && now.ino == s->ino;
	return now.ino == s->ino && now.size == s->size && now.mtime_ns == s->mtime_ns &&
		now.mode == s->mode;
}

void ward_commit_staged(char out[WARD_COMMIT_NAME_MAX], enum ward_staged what, size_t step)
{
	char digits[24];
	size_t n = sizeof(digits);

	/* Twice for each step: printf() takes as long as a call of the kernel. */
	do
		digits[--n] = (char)('0' + step % 10);
	while ((step /= 10) > 0);
	out[0] = (char)what;
	memcpy(out + 1, digits + n, sizeof(digits) - n);
	out[1 + sizeof(digits) - n] = '\0';
}

int ward_commit_rename(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	/* musl has no name for it. */
	return syscall(SYS_renameat2, from_dir, from, to_dir, to, flags) < 0 ? -errno : 0;
}

int ward_commit_unlink(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return unlinkat(dir, name, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

int ward_commit_chmod(int fd, mode_t mode)
{
	char link[48];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return chmod(link, mode) < 0 ? -errno : 0;
}

int ward_commit_names(int dir, const char *name, ward_commit_name_fn *fn, void *arg)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *e;
	DIR *d;
	int r = 0;

	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		r = -errno;
		ward_close(fd);
		return r;
	}
	while (r == 0) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			r = -errno;
			break;
		}
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = fn(arg, fd, e->d_name);
	}
	(void)closedir(d);
	return r;
}

static int one_is_there(void *arg, int dir, const char *name)
{
	(void)arg;
	(void)dir;
	(void)name;
	return 1;
}

bool ward_commit_empty(int dir, const char *name)
{
	return ward_commit_names(dir, name, one_is_there, NULL) == 0;
}

/* ---- directories of the layer that their owner may not change ---- */

void ward_commit_give_back(struct ward_lent *l)
{
	if (l->lent)
		(void)ward_commit_chmod(l->fd, l->mode); /* or it is gone */
	l->lent = false;
	ward_close(l->fd);
	l->fd = -1;
}

static int lend(struct ward_lent *l)
{
	struct stat st;
	int r;

	if (fstat(l->fd, &st) < 0)
		return -errno;
	if ((st.st_mode & S_IRWXU) == S_IRWXU)
		return 0;
	l->mode = st.st_mode & 07777;
	r = ward_commit_chmod(l->fd, l->mode | S_IRWXU);
	l->lent = r == 0;
	return r;
}

int ward_commit_borrow(struct ward_way *way, int layer, const char *path, bool lives,
	struct ward_lent *l)
{
	int r;

	l->lent = false;
	l->fd = ward_commit_parent(layer, path, &l->name);
	if (lives || geteuid() == 0)
		return l->fd < 0 ? l->fd : 0;
	/* Name by name only where one of them is closed. */
	if (l->fd == -EACCES) {
		r = ward_way_to(way, layer, path,
			l->name == path ? 0 : (size_t)(l->name - path) - 1);
		l->fd = r < 0 ? r : fcntl(r, F_DUPFD_CLOEXEC, 3);
		if (r >= 0 && l->fd < 0)
			l->fd = -errno;
	}
	r = l->fd < 0 ? l->fd : lend(l);
	if (r < 0)
		ward_commit_give_back(l);
	return r;
}
