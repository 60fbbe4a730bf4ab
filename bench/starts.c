/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures starts: several variants in turn, so that a slow stretch of the machine meets all of them.
 *
 *	starts --n N [--gap MS] [--warm N] [--ws DIR] NAME WORD... ::: NAME WORD...    one line a start: NAME wall_ns cpu_ns
 *	starts --burst N --n ROUNDS ...                                               one line a round: NAME wall_ns cpu_ns
 *
 * wall: from before the spawn until the started process was waited for. cpu: user and system time of the whole tree as
 * wait4() gives it; orphans come to this process (a subreaper) and are counted before the next start, outside of the
 * measured time. A WORD "@spawn", "@namespaces" or "@view" in place of the program is a floor (floor.c). A start that ends
 * with anything but 0 ends the measurement: a number that was bought with a failure is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "floor.h"

#define VARIANTS_MAX 8
#define BURST_MAX 1000
#define ORPHAN_TRIES 400

struct variant {
	const char *name;
	char **argv;
	int way; /* floor_way, or -1 */
};

static struct variant variants[VARIANTS_MAX];
static unsigned n_variants;
static long n = 1, gap_ms, warm, burst;
static const char *ws = "/tmp";
static int null_fd;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "starts: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t cpu_of(const struct rusage *u)
{
	return ((uint64_t)u->ru_utime.tv_sec + (uint64_t)u->ru_stime.tv_sec) * 1000000000u +
		((uint64_t)u->ru_utime.tv_usec + (uint64_t)u->ru_stime.tv_usec) * 1000u;
}

static pid_t start(const struct variant *v)
{
	posix_spawn_file_actions_t fa;
	pid_t pid = -1;
	extern char **environ;
	int r;

	if (v->way >= 0)
		return floor_start((enum floor_way)v->way, v->argv + 1, ws, null_fd);
	posix_spawn_file_actions_init(&fa);
	for (int i = 0; i < 2; i++)
		posix_spawn_file_actions_adddup2(&fa, null_fd, i);
	r = posix_spawn(&pid, v->argv[0], &fa, NULL, v->argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	errno = r;
	return r ? -1 : pid;
}

/* What the started process left behind, if it did not wait for it. */
static uint64_t reap_orphans(void)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	uint64_t cpu = 0;

	for (int i = 0; i < ORPHAN_TRIES; i++) {
		struct rusage u;
		pid_t pid = wait4(-1, NULL, WNOHANG | __WALL, &u);

		if (pid < 0)
			break;
		if (pid > 0)
			cpu += cpu_of(&u);
		else
			nanosleep(&pause, NULL);
	}
	return cpu;
}

static void ended_well(const struct variant *v, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	(void)fprintf(stderr, "starts: %s ended with status 0x%x\n", v->name, (unsigned)status);
	exit(1);
}

static void one(const struct variant *v, bool print)
{
	uint64_t before = now(), wall, cpu;
	struct rusage u;
	int status = 0;
	pid_t pid = start(v);

	if (pid < 0)
		die(v->name);
	while (wait4(pid, &status, __WALL, &u) < 0)
		if (errno != EINTR)
			die("wait4");
	wall = now() - before;
	ended_well(v, status);
	cpu = cpu_of(&u) + reap_orphans();
	if (print)
		printf("%s %llu %llu\n", v->name, (unsigned long long)wall,
			(unsigned long long)cpu);
}

static void many(const struct variant *v)
{
	pid_t pids[BURST_MAX];
	uint64_t before = now(), wall, cpu = 0;

	for (long i = 0; i < burst; i++) {
		pids[i] = start(v);
		if (pids[i] < 0)
			die(v->name);
	}
	for (long i = 0; i < burst; i++) {
		struct rusage u;
		int status = 0;

		if (wait4(pids[i], &status, __WALL, &u) < 0)
			die("wait4");
		ended_well(v, status);
		cpu += cpu_of(&u);
	}
	wall = now() - before;
	printf("%s %llu %llu\n", v->name, (unsigned long long)wall,
		(unsigned long long)(cpu + reap_orphans()));
}

static long number(const char *s)
{
	char *end;
	long v = strtol(s, &end, 10);

	if (*end || v < 0) {
		(void)fprintf(stderr, "starts: %s is no number\n", s);
		exit(2);
	}
	return v;
}

static int parse(int argc, char **argv)
{
	int i = 1;

	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--n") == 0)
			n = number(argv[i + 1]);
		else if (strcmp(argv[i], "--gap") == 0)
			gap_ms = number(argv[i + 1]);
		else if (strcmp(argv[i], "--warm") == 0)
			warm = number(argv[i + 1]);
		else if (strcmp(argv[i], "--burst") == 0)
			burst = number(argv[i + 1]);
		else if (strcmp(argv[i], "--ws") == 0)
			ws = argv[i + 1];
		else
			return -1;
	}
	while (i + 1 < argc && n_variants < VARIANTS_MAX) {
		struct variant *v = &variants[n_variants++];

		v->name = argv[i++];
		v->argv = &argv[i];
		v->way = floor_way(argv[i]);
		while (i < argc && strcmp(argv[i], ":::") != 0)
			i++;
		if (i < argc)
			argv[i++] = NULL;
	}
	return n_variants && i == argc && burst <= BURST_MAX ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct timespec gap;

	if (parse(argc, argv) < 0) {
		(void)fputs(
			"usage: starts --n N [--gap MS] [--warm N] [--burst N] [--ws DIR] NAME WORD... [::: ...]\n",
			stderr);
		return 2;
	}
	gap = (struct timespec){ .tv_sec = gap_ms / 1000, .tv_nsec = gap_ms % 1000 * 1000000 };
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("setting up");
	for (long i = 0; i < warm; i++)
		for (unsigned k = 0; k < n_variants; k++)
			one(&variants[k], false);
	for (long i = 0; i < n; i++)
		for (unsigned k = 0; k < n_variants; k++) {
			/* Who comes first changes from round to round. */
			const struct variant *v = &variants[(k + (unsigned long)i) % n_variants];

			if (gap_ms)
				nanosleep(&gap, NULL);
			if (burst)
				many(v);
			else
				one(v, true);
		}
	return fflush(stdout) == 0 ? 0 : 1;
}
