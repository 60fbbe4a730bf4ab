/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors and whole files. Reading takes regular files only, and only up to a maximum that the
 * caller names: a fifo could hang the reader, a device could act on being opened further, a huge
 * file could eat the memory. Links are followed, as the caller named the file; where a name is not
 * the caller's own, open.c is the door. Replacing a file is all or nothing: whoever opens it sees
 * the old bytes or the new ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"

#define READ_STEP (16u << 10)
#define TEMP_TRIES 16
#define TEMP_RANDOM 6 /* letters */
#define TEMP_NAME_KEPT 200 /* characters of the name that the temporary one repeats */

void ward_close(int fd)
{
	int saved = errno;

	/*
	 * Not repeated after EINTR: Linux has closed it already, and the number may be somebody
	 * else's.
	 */
	if (fd >= 0)
		(void)close(fd);
	errno = saved;
}

void ward_closep(int *fd)
{
	ward_close(*fd);
	*fd = -1;
}

int ward_write_all_by(ward_write_fn *put, int fd, const void *p, size_t n)
{
	const char *s = p;

	while (n > 0) {
		ssize_t done = put(fd, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			return -EIO;
		s += done;
		n -= (size_t)done;
	}
	return 0;
}

int ward_write_all(int fd, const void *p, size_t n)
{
	return ward_write_all_by(write, fd, p, n);
}

static int code_of(int sys)
{
	switch (sys) {
	case ENOENT:
	case ENOTDIR: return WARD_E_NOTFOUND;
	case ENOMEM: return WARD_E_NOMEM;
	case ELOOP:
	case ENAMETOOLONG:
	case ENXIO: /* a socket, a device without a driver */
	case EISDIR: return WARD_E_INVALID;
	default: return WARD_E_SYSTEM;
	}
}

static int over_max(struct ward_error *err, const char *name, size_t max)
{
	char size[32];
	int r;

	ward_format_size(max, size, sizeof(size));
	r = ward_fail(err, WARD_E_LIMIT, "cannot read '%s': it is larger than %s", name, size);
	ward_fail_fix(err, "name a file of at most %s", size);
	return r;
}

int ward_read_fd(int fd, const char *name, size_t max, struct ward_buf *out, struct ward_error *err)
{
	char step[READ_STEP];
	size_t total = 0;

	for (;;) {
		size_t want = max - total < sizeof(step) ? max - total + 1 : sizeof(step);
		ssize_t n = read(fd, step, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ward_fail_errno(err, code_of(errno), errno, "cannot read '%s'",
				name);
		if (n == 0)
			return WARD_OK;
		if ((size_t)n > max - total)
			return over_max(err, name, max);
		total += (size_t)n;
		ward_buf_add(out, step, (size_t)n);
		if (out->failed)
			return ward_fail(err, WARD_E_NOMEM, "no memory to read '%s'", name);
	}
}

static const char *kind_of(mode_t mode)
{
	static const struct {
		mode_t type;
		const char *name;
	} kinds[] = {
		{ S_IFDIR, "a directory" },
		{ S_IFIFO, "a fifo" },
		{ S_IFCHR, "a character device" },
		{ S_IFBLK, "a block device" },
		{ S_IFSOCK, "a socket" },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(kinds); i++) {
		if ((mode & S_IFMT) == kinds[i].type)
			return kinds[i].name;
	}
	return "no regular file";
}

int ward_read_file(const char *path, size_t max, struct ward_buf *out, struct ward_error *err)
{
	/* Non-blocking, so that a fifo without a writer does not hang the open. */
	WARD_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r, e = errno;

	if (fd < 0) {
		r = ward_fail_errno(err, code_of(e), e, "cannot open '%s'", path);
		/* Of what has run out, and of a broken disk, no other name is the cure. */
		if (r == WARD_E_NOTFOUND)
			ward_fail_fix(err, "name a file that is there");
		else if (r == WARD_E_INVALID || e == EACCES || e == EPERM)
			ward_fail_fix(err, "name a regular file that you may read");
		return r;
	}
	if (fstat(fd, &st) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot look at '%s'", path);
	if (!S_ISREG(st.st_mode)) {
		r = ward_fail(err, WARD_E_INVALID, "cannot read '%s': it is %s", path,
			kind_of(st.st_mode));
		ward_fail_fix(err, "name a regular file");
		return r;
	}
	if ((uint64_t)st.st_size > max)
		return over_max(err, path, max);
	return ward_read_fd(fd, path, max, out, err);
}

/* ---- replacing a file ---- */

struct replacement {
	int dir; /* open directory */
	const char *name; /* final name in it */
	char temp[NAME_MAX + 1];
	bool made; /* temp exists */
};

static void replacement_done(struct replacement *p)
{
	int saved = errno;

	if (p->made)
		(void)unlinkat(p->dir, p->temp, 0);
	ward_close(p->dir);
	errno = saved;
}

/* Open the directory of path and note the name in it. 0 or -errno. */
static int open_parent(const char *path, struct replacement *ret)
{
	char dir[WARD_PATH_MAX];
	const char *name = ward_path_basename(path);
	size_t n = (size_t)(name - path);

	if (name[0] == '\0' || ward_streq(name, ".") || ward_streq(name, ".."))
		return -EISDIR;
	if (n >= sizeof(dir) || strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)n, n > 0 ? path : "");
	ret->name = name;
	ret->dir = open(n > 0 ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return ret->dir < 0 ? -errno : 0;
}

static const char letters[] = "0123456789abcdefghijklmnopqrstuv";

bool ward_is_replacement(const char *temp, const char *name)
{
	size_t n = strnlen(name, TEMP_NAME_KEPT);

	return temp[0] == '.' && strncmp(temp + 1, name, n) == 0 && temp[1 + n] == '.' &&
		strlen(temp + n + 2) == TEMP_RANDOM && strspn(temp + n + 2, letters) == TEMP_RANDOM;
}

/* A new file ".NAME.XXXXXX" beside the final one. Descriptor or -errno. */
static int make_temp(struct replacement *p)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		uint8_t random[TEMP_RANDOM];
		char suffix[sizeof(random) + 1] = "";
		int fd, r;

		r = ward_random(random, sizeof(random));
		if (r < 0)
			return r;
		for (size_t k = 0; k < sizeof(random); k++)
			suffix[k] = letters[random[k] % 32];
		(void)snprintf(p->temp, sizeof(p->temp), ".%.*s.%s", TEMP_NAME_KEPT, p->name,
			suffix);
		fd = openat(p->dir, p->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
		if (fd >= 0) {
			p->made = true;
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/*
 * fsync of a directory; a file system that has no such thing says EINVAL, and there is nothing more
 * to do.
 */
static int sync_dir(int dir)
{
	if (fsync(dir) < 0 && errno != EINVAL)
		return -errno;
	return 0;
}

static int replace(struct replacement *p, const void *data, size_t n, mode_t mode)
{
	WARD_FD fd = make_temp(p);
	int r;

	if (fd < 0)
		return fd;
	r = ward_write_all(fd, data, n);
	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return -errno;
	if (renameat(p->dir, p->temp, p->dir, p->name) < 0)
		return -errno;
	p->made = false;
	return sync_dir(p->dir);
}

int ward_replace_file(const char *path, const void *p, size_t n, mode_t mode,
	struct ward_error *err)
{
	WARD_CLEANUP(replacement_done) struct replacement work = { .dir = -1 };
	int r;

	r = open_parent(path, &work);
	if (r == 0)
		r = replace(&work, p, n, mode);
	if (r < 0)
		return ward_fail_errno(err, code_of(-r), -r, "cannot write '%s'", path);
	return WARD_OK;
}

/* Takes fd over. */
static int fill_memfd(int made, const void *p, size_t n, bool seal)
{
	WARD_FD fd = made;
	int r = ward_write_all(fd, p, n);

	if (r < 0)
		return r;
	if (seal &&
		fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) <
			0)
		return -errno;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return ward_take_fd(&fd);
}

int ward_memfd(const char *name, const void *p, size_t n, bool seal)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? -errno : fill_memfd(fd, p, n, seal);
}

int ward_memfd_exec(const char *name, const void *p, size_t n)
{
	/* Said outright, since with sysctl vm.memfd_noexec=1 silence means the opposite; before Linux 6.3 nobody knew the word. */
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | WARD_MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fill_memfd(fd, p, n, true);
}
