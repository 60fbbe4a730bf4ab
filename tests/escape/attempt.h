/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every attempt to get out has: its arguments (key=value), and ways to hand over what it got. An attempt tries one
 * thing, once. It never knows a secret, only where one might be; what it finds it prints, and escape.py looks, outside,
 * whether that is a secret. Everything is inline, so that an attempt is one file; none of them refuses anything.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum {
	ESCAPED = 0, /* "I believe that I got out" */
	REFUSED = 1,
	UNSEEN = 76, /* held, and nobody looked: what that proves is nothing */
	IMPOSSIBLE = 77 /* this kernel or machine has no such thing */
};

struct attempt {
	const char *name;
	int (*run)(void);
};

/* Define an attempt; main.c finds it by the name of its file. */
#define ATTEMPT(name) \
	static int attempt_##name(void); \
	static const struct attempt entry_##name __attribute__((used, section("attempts"), \
		aligned(sizeof(void *)))) = { #name, attempt_##name }; \
	static int attempt_##name(void)

/* The value of an argument; none ends the attempt. */
const char *arg(const char *key);
int number(const char *key);

/* Hand over what was found. */
static inline int found(const void *data, size_t size)
{
	printf("found: ");
	fwrite(data, 1, size, stdout);
	printf("\n");
	fflush(stdout);
	return ESCAPED;
}

/* Refused, and by what: for whoever reads the log of a failure. */
static inline int refused(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return REFUSED;
}

/* Hand over what can be read from a descriptor. */
static inline int found_in(int fd)
{
	char buf[4096];
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	return n > 0 ? found(buf, (size_t)n) : refused("read");
}

/* Put something into a file that was opened for writing. */
static inline int spoil(int fd)
{
	if (fd < 0 || write(fd, "spoiled\n", 8) != 8)
		return refused("write");
	return ESCAPED;
}

/* Keep what was got for a moment, while the host tries what that is in the way of. */
static inline int hold_a_moment(long got)
{
	if (got < 0)
		return refused("hold");
	usleep(600 * 1000);
	return ESCAPED;
}

static inline void be_seen(int sig)
{
	(void)sig;
}

/* Keep what was got until escape.py has seen it from outside (effects.Watch) and says so by SIGUSR1: late on a busy machine. */
static inline int hold(long got)
{
	const struct timespec most = { 5, 0 };

	if (got < 0)
		return refused("hold");
	(void)signal(SIGUSR1, be_seen);
	return nanosleep(&most, NULL) < 0 ? ESCAPED : UNSEEN;
}

/* One byte in a file of the workspace is one thing done: counted outside. */
static inline void count_one(int fd)
{
	if (write(fd, "+", 1) != 1)
		_exit(REFUSED);
}

/*
 * Wait until somebody of the host (during: looks), who comes by as often as a limit that is sampled is looked at, has done so
 * n times. Who grows by the clock is measured by it on a busy machine, not by the limit.
 */
static inline void wait_looks(int n)
{
	struct stat st;
	off_t seen = -1;

	for (;; usleep(1000)) {
		if (stat(arg("looks"), &st) < 0)
			continue;
		if (seen < 0)
			seen = st.st_size;
		if (st.st_size >= seen + n)
			return;
	}
}

static inline int open_count(void)
{
	return open(arg("count"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}
