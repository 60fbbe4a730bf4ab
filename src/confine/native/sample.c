/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory without a cgroup: what the processes in the sandbox's own /proc hold together. Resident sizes come first, since they
 * are cheap and never too small; only when their sum passes the limit are shares of common pages counted (PSS), so that a
 * fork does not count twice. A memfd counts whole, whoever holds it: written but not mapped it would be in no process. Numbers of processes that end meanwhile are simply missing. Every text read here comes from the
 * kernel, not from the inside.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/native/native.h"
#include "os/os.h"

#define DENTS_BYTES 16384
#define SEEN_MAX 512 /* distinct memfds; more count each time they are seen */
#define LOOKED_MAX 4096 /* descriptors looked at in one sample */

struct dent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static ssize_t read_small(int dir, const char *name, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%.20s/%s", name, file);
	fd = ward_openat2(dir, path, O_RDONLY, 0, WARD_OPEN_NO_SYMLINKS);
	if (fd < 0)
		return fd;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n >= 0)
		buf[n] = 0;
	return n;
}

static uint64_t resident(int dir, const char *name)
{
	char text[128];
	const char *second;

	if (read_small(dir, name, "statm", text, sizeof(text)) <= 0)
		return 0;
	second = strchr(text, ' ');
	return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t proportional(int dir, const char *name)
{
	char text[2048];
	const char *p;

	if (read_small(dir, name, "smaps_rollup", text, sizeof(text)) <= 0)
		return resident(dir, name);
	p = strstr(text, "\nPss:");
	return p ? strtoull(p + 5, NULL, 10) * 1024 : resident(dir, name);
}

static uint64_t sum(int proc, uint64_t (*of)(int dir, const char *name), unsigned *ret_n)
{
	_Alignas(struct dent) char buf[DENTS_BYTES];
	WARD_FD dir = ward_openat2(proc, ".", O_RDONLY | O_DIRECTORY, 0, 0);
	uint64_t total = 0;
	long n;

	*ret_n = 0;
	if (dir < 0)
		return 0;
	while ((n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			const struct dent *d = (const struct dent *)(const void *)(buf + at);

			at += d->reclen;
			if (!isdigit((unsigned char)d->name[0]))
				continue;
			total += of(dir, d->name);
			++*ret_n;
		}
	return total;
}

/* ---- memory that no process has mapped: files without a name ---- */

struct seen {
	uint64_t ino[SEEN_MAX];
	unsigned n, looked;
};

static bool first_time(struct seen *s, uint64_t ino)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->ino[i] == ino)
			return false;
	if (s->n < SEEN_MAX)
		s->ino[s->n++] = ino;
	return true;
}

/* One descriptor of a process: what a memfd holds, as far as nobody has it mapped is not known, so all of it. */
static uint64_t memfd_bytes(int fds, const char *name, struct seen *s)
{
	char link[32];
	struct stat st;
	ssize_t n = readlinkat(fds, name, link, sizeof(link));

	if (n < 7 || memcmp(link, "/memfd:", 7) != 0 || fstatat(fds, name, &st, 0) < 0)
		return 0;
	return first_time(s, st.st_ino) ? (uint64_t)st.st_blocks * 512 : 0;
}

static uint64_t memfds_of(int proc, const char *name, struct seen *s)
{
	_Alignas(struct dent) char buf[DENTS_BYTES];
	char path[32];
	uint64_t total = 0;
	long n;

	snprintf(path, sizeof(path), "%.20s/fd", name);
	WARD_FD dir = ward_openat2(proc, path, O_RDONLY | O_DIRECTORY, 0, WARD_OPEN_NO_SYMLINKS);

	while (dir >= 0 && s->looked < LOOKED_MAX &&
		(n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n && s->looked < LOOKED_MAX;) {
			const struct dent *d = (const struct dent *)(const void *)(buf + at);

			at += d->reclen;
			if (!isdigit((unsigned char)d->name[0]))
				continue;
			s->looked++;
			total += memfd_bytes(dir, d->name, s);
		}
	return total;
}

static uint64_t memfds(int proc)
{
	_Alignas(struct dent) char buf[DENTS_BYTES];
	WARD_FD dir = ward_openat2(proc, ".", O_RDONLY | O_DIRECTORY, 0, 0);
	struct seen s = { .n = 0 };
	uint64_t total = 0;
	long n;

	while (dir >= 0 && (n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			const struct dent *d = (const struct dent *)(const void *)(buf + at);

			at += d->reclen;
			if (isdigit((unsigned char)d->name[0]))
				total += memfds_of(dir, d->name, &s);
		}
	return total;
}

uint64_t ward_sample_memory(int proc_dirfd, uint64_t limit, unsigned *ret_processes)
{
	uint64_t rss = sum(proc_dirfd, resident, ret_processes), unmapped = memfds(proc_dirfd);

	if (rss + unmapped <= limit)
		return rss + unmapped;
	/* What is mapped of a memfd is counted twice here: it may end a run at half of what it was given, never later. */
	return sum(proc_dirfd, proportional, ret_processes) + unmapped;
}
