/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layer of a run under review on a tmpfs, copied into the store when nobody writes it any more. What it says stays what it was: modes,
 * times, links with two names, holes, whiteouts, and the extended attributes by which an overlay knows what is a copy and what hides what.
 * Its maker was hostile: no link is followed, no depth costs more than a bound, and one thing that cannot be kept does not lose the rest.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"

#define NAMES_BYTES_MAX \
	65536u /* of the extended attributes of one object: what the kernel allows */
#define CHUNK (1u << 20)

struct linked {
	uint64_t ino;
	char *path;
};

struct keeping {
	int to; /* the top, for second names */
	struct linked *linked;
	size_t n_linked, cap_linked;
	char path[WARD_PATH_MAX];
	uint64_t left;
	int sys; /* of the first that could not be kept */
	char first[256];
	char *bytes;
};

static void lose(struct keeping *k, const char *name, int sys)
{
	k->left++;
	if (k->sys)
		return;
	k->sys = sys;
	(void)snprintf(k->first, sizeof(k->first), "%.200s/%.50s", k->path, name);
}

/* By descriptor: an O_PATH one is named through /proc. */
static void name_fd(char out[32], int fd)
{
	(void)snprintf(out, 32, "/proc/self/fd/%d", fd);
}

/* What may not be read by its owner is lent to him. The layer it lies in is about to go. */
static int open_from(int dir, const char *name, int flags)
{
	char proc[32];
	int fd = openat(dir, name, flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	WARD_FD path = -1;

	if (fd >= 0 || errno != EACCES)
		return fd < 0 ? -errno : fd;
	path = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	name_fd(proc, path);
	if (path < 0 || chmod(proc, 0700) < 0)
		return -EACCES;
	fd = openat(dir, name, flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* user.* and access lists; others are nothing that the run could have set. */
static int keep_xattrs(int from, int to)
{
	char names[NAMES_BYTES_MAX], value[NAMES_BYTES_MAX];
	ssize_t n = flistxattr(from, names, sizeof(names));

	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (char *s = names; s < names + n; s += strlen(s) + 1) {
		ssize_t size;

		if (!ward_has_prefix(s, "user.") && !ward_has_prefix(s, "system.posix_acl_"))
			continue;
		size = fgetxattr(from, s, value, sizeof(value));
		if (size < 0 || fsetxattr(to, s, value, (size_t)size, 0) < 0)
			return -errno;
	}
	return 0;
}

static int keep_rest(int from, int to, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r = keep_xattrs(from, to);

	if (r == 0 && fchmod(to, st->st_mode & 07777) < 0)
		r = -errno;
	return r == 0 && futimens(to, times) < 0 ? -errno : r;
}

/* Where there is data; holes stay holes. */
static int keep_bytes(struct keeping *k, int from, int to, off_t size)
{
	for (off_t at = 0; at < size;) {
		off_t data = lseek(from, at, SEEK_DATA), end;

		if (data < 0 && errno == ENXIO)
			break; /* nothing but a hole is left */
		end = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (end < 0)
			return -errno;
		for (at = data; at < end;) {
			size_t want = end - at < (off_t)CHUNK ? (size_t)(end - at) : CHUNK;
			ssize_t n = pread(from, k->bytes, want, at);

			for (ssize_t done = 0; done < n;) {
				ssize_t w =
					pwrite(to, k->bytes + done, (size_t)(n - done), at + done);

				if (w <= 0)
					return w < 0 ? -errno : -EIO;
				done += w;
			}
			if (n <= 0)
				return n < 0 ? -errno : -EIO;
			at += n;
		}
	}
	return ftruncate(to, size) < 0 ? -errno : 0;
}

static int keep_file(struct keeping *k, int from, int to, const char *name, const struct stat *st)
{
	WARD_FD in = open_from(from, name, 0);
	WARD_FD out = in < 0
		? -1
		: openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (in < 0 || out < 0)
		return in < 0 ? in : -errno;
	r = keep_bytes(k, in, out, st->st_size);
	if (r == 0)
		r = keep_rest(in, out, st);
	/* Half a file is none: what the project has stays. */
	if (r < 0)
		(void)unlinkat(to, name, 0);
	return r;
}

static int keep_link(int from, int to, const char *name)
{
	char target[WARD_PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? -errno : 0;
}

/* The slot of ino, or the one that it would have: inodes are many where somebody wants them to be. */
static struct linked *slot_of(struct linked *v, size_t cap, uint64_t ino)
{
	size_t i = (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (cap - 1);

	while (v[i].path && v[i].ino != ino)
		i = (i + 1) & (cap - 1);
	return &v[i];
}

static int more_slots(struct keeping *k)
{
	size_t cap = k->cap_linked ? 2 * k->cap_linked : 64;
	struct linked *v;

	if (2 * (k->n_linked + 1) <= k->cap_linked)
		return 0;
	v = calloc(cap, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < k->cap_linked; i++)
		if (k->linked[i].path)
			*slot_of(v, cap, k->linked[i].ino) = k->linked[i];
	free(k->linked);
	k->linked = v;
	k->cap_linked = cap;
	return 0;
}

/* Another name of what was kept. *ret_done; what comes now is noted otherwise. */
static int keep_name(struct keeping *k, int to, const char *name, const struct stat *st,
	bool *ret_done)
{
	const struct linked *known;

	*ret_done = false;
	if (st->st_nlink < 2)
		return 0;
	known = k->cap_linked ? slot_of(k->linked, k->cap_linked, st->st_ino) : NULL;
	*ret_done = known && known->path;
	if (*ret_done && linkat(k->to, known->path, to, name, 0) == 0)
		return 0;
	/* All whiteouts of a layer are one, and here a file may have fewer names than there: the next ones are of another. */
	if (*ret_done && errno != EMLINK)
		return -errno;
	*ret_done = false;
	return more_slots(k);
}

static int note_name(struct keeping *k, const char *name, const struct stat *st)
{
	char *path = NULL;
	struct linked *slot;

	if (st->st_nlink < 2)
		return 0;
	if (asprintf(&path, "%s%s%s", k->path, k->path[0] ? "/" : "", name) < 0)
		return -ENOMEM;
	slot = slot_of(k->linked, k->cap_linked, st->st_ino);
	k->n_linked += slot->path == NULL;
	free(slot->path);
	*slot = (struct linked){ st->st_ino, path };
	return 0;
}

static int keep_object(struct keeping *k, int from, int to, const char *name, const struct stat *st)
{
	bool done;
	int r = keep_name(k, to, name, st, &done);

	if (r < 0 || done)
		return r;
	if (S_ISREG(st->st_mode))
		r = keep_file(k, from, to, name, st);
	else if (S_ISLNK(st->st_mode))
		r = keep_link(from, to, name);
	else if (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode) ||
		(S_ISCHR(st->st_mode) &&
			st->st_rdev == makedev(0, 0))) /* a whiteout, which anybody may make */
		r = mknodat(to, name, st->st_mode & (S_IFMT | 07777), st->st_rdev) < 0 ? -errno : 0;
	else
		r = -EINVAL;
	return r < 0 ? r : note_name(k, name, st);
}

static void keep_dir(struct keeping *k, int from, int to, unsigned depth);

static void keep_inner(struct keeping *k, int from, int to, const char *name, const struct stat *st,
	unsigned depth)
{
	size_t n = strlen(k->path);
	int in = depth < WARD_CHANGE_DEPTH_MAX ? open_from(from, name, O_DIRECTORY) : -ENAMETOOLONG;
	WARD_FD out = -1;
	int r = in < 0 ? in : mkdirat(to, name, 0700) < 0 ? -errno : 0;

	if (r == 0) {
		out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = out < 0 ? -errno : 0;
	}
	if (r == 0 && n + strlen(name) + 2 > sizeof(k->path))
		r = -ENAMETOOLONG;
	if (r < 0) {
		ward_close(in < 0 ? -1 : in);
		lose(k, name, -r);
		return;
	}
	(void)snprintf(k->path + n, sizeof(k->path) - n, "%s%s", n > 0 ? "/" : "", name);
	/* Its attributes first: where it does not say that it hides everything, it would show what the run had taken away. */
	r = keep_xattrs(in, out);
	if (r < 0)
		lose(k, "", -r);
	keep_dir(k, fcntl(in, F_DUPFD_CLOEXEC, 0), out, depth + 1);
	r = keep_rest(in, out, st);
	if (r < 0)
		lose(k, "", -r);
	ward_close(in);
	k->path[n] = '\0';
}

/* Takes from over. */
static void keep_dir(struct keeping *k, int from, int to, unsigned depth)
{
	DIR *d = from < 0 ? NULL : fdopendir(from);
	const struct dirent *e;
	struct stat st;

	if (!d) {
		lose(k, "", errno);
		ward_close(from);
		return;
	}
	while (errno = 0, (e = readdir(d))) {
		int r = 0;

		if (ward_streq(e->d_name, ".") || ward_streq(e->d_name, ".."))
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
		else if (S_ISDIR(st.st_mode))
			keep_inner(k, dirfd(d), to, e->d_name, &st, depth);
		else
			r = keep_object(k, dirfd(d), to, e->d_name, &st);
		if (r < 0)
			lose(k, e->d_name, -r);
	}
	if (errno)
		lose(k, "", errno);
	(void)closedir(d);
}

int ward_layer_keep(int from, int to, uint64_t *ret_left, struct ward_error *err)
{
	struct keeping *k = calloc(1, sizeof(*k));
	WARD_FD in = open_from(from, "upper", O_DIRECTORY);
	struct stat st;
	int r = WARD_OK;

	*ret_left = 0;
	if (k)
		k->bytes = malloc(CHUNK);
	if (!k || !k->bytes) {
		free(k);
		return ward_fail(err, WARD_E_NOMEM, "no memory to keep what the run wrote");
	}
	if (in < 0 || fstat(in, &st) < 0) {
		r = ward_fail_errno(err, WARD_E_SYSTEM, in < 0 ? -in : errno,
			"what the run wrote cannot be read");
	} else {
		k->to = to;
		keep_dir(k, fcntl(in, F_DUPFD_CLOEXEC, 0), to, 0);
		r = keep_rest(in, to, &st);
		if (r < 0)
			lose(k, "", -r);
		r = WARD_OK;
		*ret_left = k->left;
	}
	if (k->left) {
		r = ward_fail_errno(err, WARD_E_SYSTEM, k->sys,
			"%llu things that the run wrote could not be kept, the first %s",
			(unsigned long long)k->left, k->first);
		ward_fail_fix(err,
			k->sys == ENOSPC || k->sys == EDQUOT
				? "free space where the store is, and run it again; see ward diff for what was kept"
				: "see ward diff for what was kept");
	}
	for (size_t i = 0; i < k->cap_linked; i++)
		free(k->linked[i].path);
	free(k->linked);
	free(k->bytes);
	free(k);
	return r;
}
