/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup, control files: short kernel texts, read or written in one call, and the few shapes they come in. Bounded,
 * allocates nothing, interprets nothing; a text that is cut or malformed is "no value", never a guess.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confine/native/kernel/cgroup_private.h"
#include "os/os.h"

int ward_cgroup_open(const char *path, int flags)
{
	/* Mount points of v1 may be links (cpu -> cpu,cpuacct). */
	return ward_openat2(AT_FDCWD, path, (uint64_t)flags | O_DIRECTORY, 0,
		WARD_OPEN_NO_MAGICLINKS);
}

int ward_cgroup_pread(int fd, char *out, size_t size)
{
	ssize_t n;

	out[0] = '\0';
	do
		n = pread(fd, out, size - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	return (int)n;
}

int ward_cgroup_read(int dirfd, const char *name, char *out, size_t size)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r;

	out[0] = '\0';
	if (fd < 0)
		return -errno;
	r = ward_cgroup_pread(fd, out, size);
	close(fd);
	return r;
}

int ward_cgroup_write(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), r = 0;
	size_t n = strlen(text);
	ssize_t w;

	if (fd < 0)
		return -errno;
	do
		w = write(fd, text, n);
	while (w < 0 && errno == EINTR);
	if (w < 0)
		r = -errno;
	else if ((size_t)w != n)
		r = -EIO;
	close(fd);
	return r;
}

bool ward_cgroup_value(const char *text, const char *key, uint64_t *ret)
{
	const char *p = text;
	size_t n = key ? strlen(key) : 0;
	char *end;

	while (key && !(strncmp(p, key, n) == 0 && p[n] == ' ')) {
		p = strchr(p, '\n');
		if (!p)
			return false;
		p++;
	}
	if (key)
		p += n + 1;
	if (*p < '0' || *p > '9')
		return false;
	errno = 0;
	*ret = strtoull(p, &end, 10);
	return errno == 0 && (*end == '\n' || *end == '\0');
}

bool ward_cgroup_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; *p; p += strcspn(p, " \n")) {
		p += strspn(p, " \n");
		if (strncmp(p, word, n) == 0 && (p[n] == ' ' || p[n] == '\n' || p[n] == '\0'))
			return true;
	}
	return false;
}
