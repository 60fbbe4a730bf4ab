/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked into a ward of the tests (--wrap): its n-th allocation fails, n from WARD_FAIL_MALLOC; and the time of day jumps to and fro by the
 * seconds of WARD_CLOCK_JUMP each time that it is asked for. Under a sanitizer the others are the
 * sanitizer's. WARD_FAIL_REPORT names a file that gets, at the end, how many there were, and whether one failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
time_t __wrap_time(time_t *ret);

static atomic_ulong seen, asked;
static unsigned long fail_at;
static long jump;
static pid_t owner;

static int fails(void)
{
	if (atomic_fetch_add(&seen, 1) + 1 != fail_at)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
	int r = __real_clock_gettime(id, ret);

	if (r == 0 && id == CLOCK_REALTIME && jump)
		ret->tv_sec += atomic_fetch_add(&asked, 1) % 2 ? jump : -jump;
	return r;
}

time_t __wrap_time(time_t *ret)
{
	struct timespec now;

	(void)__wrap_clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

__attribute__((constructor)) static void begin(void)
{
	const char *n = getenv("WARD_FAIL_MALLOC"), *s = getenv("WARD_CLOCK_JUMP");

	owner = getpid();
	jump = s ? strtol(s, NULL, 10) : 0;
	fail_at = n ? strtoul(n, NULL, 10) : 0;
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("WARD_FAIL_REPORT");
	int fd = path && getpid() == owner
		? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)
		: -1;
	char text[64];

	if (fd < 0)
		return;
	(void)snprintf(text, sizeof(text), "%lu %d\n", (unsigned long)seen,
		fail_at && seen >= fail_at);
	if (write(fd, text, strlen(text)) < 0)
		_exit(98);
	close(fd);
}
