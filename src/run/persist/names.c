/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of one directory, read at once, so that a hundred names need not be asked for that are not there. It only ever says that a
 * name is absent, and only where that is sure: a directory of not too many names, read to its end, of a file system that lists what it
 * has, with names of ASCII alone, asked for such a name, since what else may be the same name where case does not count is nothing to
 * guess at.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/os.h"
#include "run/persist/persist.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

struct entry { /* getdents64(2) */
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* Others (automounter, network, FUSE) may have more than they list, or other spellings of it. */
static bool lists_all(int fd)
{
	static const uint32_t known[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
		TMPFS_MAGIC, F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC };
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(known); i++) {
		if ((uint32_t)fs.f_type == known[i])
			return true;
	}
	return false;
}

/* To read a directory is to read what it takes on its disk, which does not shrink where names were removed. */
static bool is_short(int fd, size_t most)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size >= 0 && (uint64_t)st.st_size <= most;
}

static bool is_ascii(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] >= 0x80)
			return false;
	}
	return true;
}

static uint64_t bit_of(unsigned char c)
{
	return UINT64_C(1) << (c % 64);
}

/* As strncasecmp() takes it. */
static unsigned char without_case(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Each directory has these. */
static bool is_dots(const char *name, size_t n)
{
	return n > 0 && n <= 2 && name[0] == '.' && name[n - 1] == '.';
}

/* False: one of them could be taken for another. */
static bool plain(struct ward_dir_names *d)
{
	d->begins[0] = d->begins[1] = 0;
	for (size_t at = 0; at < d->n; at += ((const struct entry *)(d->buf + at))->reclen) {
		const char *name = ((const struct entry *)(d->buf + at))->name;
		unsigned char c = without_case(name[0]);

		if (!is_ascii(name, strlen(name)))
			return false;
		if (!is_dots(name, strlen(name)))
			d->begins[c / 64] |= bit_of(c);
	}
	return true;
}

static void read_names(struct ward_dir_names *d, int at, const char *dir, size_t most)
{
	WARD_FD fd = ward_openat2(at, dir, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	long n = 1;

	d->all = false;
	d->n = 0;
	if (fd < 0 || !is_short(fd, most) || !lists_all(fd))
		return;
	while (n > 0 && d->n < d->room) {
		n = syscall(SYS_getdents64, fd, d->buf + d->n, d->room - d->n);
		d->n += n > 0 ? (size_t)n : 0;
	}
	/* No room for one more is EINVAL, and a full buffer tells nothing of what comes behind it. */
	d->all = n == 0 && plain(d);
}

void ward_dir_names_read(struct ward_dir_names *d, const char *dir, size_t most)
{
	read_names(d, AT_FDCWD, dir, most);
}

void ward_dir_names_read_in(struct ward_dir_names *d, int dir, size_t most)
{
	read_names(d, dir, ".", most);
}

bool ward_dir_names_lack(const struct ward_dir_names *d, const char *name)
{
	unsigned char c = without_case(name[0]);
	size_t len;

	if (!d->all)
		return false;
	len = strcspn(name, "/");
	/* A sharp s finds SS, and a long one S, where case does not count. */
	if (!is_ascii(name, len))
		return false;
	/* Hundreds are asked for, of which mostly none begins as one that is there. */
	if (!(d->begins[c / 64] & bit_of(c)))
		return !is_dots(name, len);
	for (size_t at = 0; at < d->n;) {
		const struct entry *e = (const void *)(d->buf + at);

		if (strncasecmp(e->name, name, len) == 0 && e->name[len] == '\0')
			return false;
		at += e->reclen;
	}
	return true;
}
