/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs natively and inside Ward, and measures what calls cost there. One line a figure: NAME nanoseconds. Static, so that it
 * needs nothing of the view.
 *
 *	inside calls SHALLOW DEEP READ open+read+close of three files, stat, and calls that no path is in
 *	inside spawn N CMD [ARG...]    N starts of CMD, one line each: spawn wall_ns
 *	inside sleep                   until it is killed (for the memory of what is around it)
 *
 * Loops are short and repeated; the least time of the repetitions counts, since noise only adds.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PASSES 15
#define LOOPS 2000

static const char *shallow, *deep, *read_only;
static int open_fd;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "inside: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void open_read_close(const char *path)
{
	char c[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, c, sizeof(c)) < 0)
		die(path);
	close(fd);
}

static void do_open4(void)
{
	open_read_close(shallow);
}

static void do_open12(void)
{
	open_read_close(deep);
}

static void do_open4_read_only(void)
{
	open_read_close(read_only);
}

static void do_stat(void)
{
	struct stat st;

	if (stat(shallow, &st) < 0)
		die(shallow);
}

static void do_getppid(void)
{
	(void)syscall(SYS_getppid);
}

static void do_fstat(void)
{
	struct stat st;

	if (fstat(open_fd, &st) < 0)
		die("fstat");
}

static void do_pread(void)
{
	char c;

	if (pread(open_fd, &c, 1, 0) < 0)
		die("pread");
}

static const struct {
	const char *name;
	void (*fn)(void);
} calls[] = {
	{ "open4", do_open4 },
	{ "open12", do_open12 },
	{ "open4ro", do_open4_read_only },
	{ "stat", do_stat },
	{ "getppid", do_getppid },
	{ "fstat", do_fstat },
	{ "pread", do_pread },
};

static int run_calls(void)
{
	open_fd = open(shallow, O_RDONLY | O_CLOEXEC);
	if (open_fd < 0)
		die(shallow);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		uint64_t best = UINT64_MAX;

		for (int pass = 0; pass < PASSES; pass++) {
			uint64_t before = now(), took;

			for (int k = 0; k < LOOPS; k++)
				calls[i].fn();
			took = now() - before;
			best = took < best ? took : best;
		}
		printf("%s %.1f\n", calls[i].name, (double)best / LOOPS);
	}
	return 0;
}

static int run_spawns(long n, char **argv)
{
	extern char **environ;

	for (long i = 0; i < n; i++) {
		posix_spawn_file_actions_t fa;
		uint64_t before = now();
		int status = 0, r;
		pid_t pid;

		posix_spawn_file_actions_init(&fa);
		posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
		r = posix_spawn(&pid, argv[0], &fa, NULL, argv, environ);
		posix_spawn_file_actions_destroy(&fa);
		errno = r;
		if (r || waitpid(pid, &status, 0) < 0)
			die(argv[0]);
		if (status) {
			(void)fprintf(stderr, "inside: %s ended with status 0x%x\n", argv[0],
				(unsigned)status);
			return 1;
		}
		printf("spawn %llu\n", (unsigned long long)(now() - before));
	}
	return 0;
}

int main(int argc, char **argv)
{
	int r = 2;

	if (argc == 5 && strcmp(argv[1], "calls") == 0) {
		shallow = argv[2];
		deep = argv[3];
		read_only = argv[4];
		r = run_calls();
	} else if (argc >= 4 && strcmp(argv[1], "spawn") == 0) {
		r = run_spawns(strtol(argv[2], NULL, 10), argv + 3);
	} else if (argc == 2 && strcmp(argv[1], "sleep") == 0) {
		for (;;)
			pause();
	} else {
		(void)fputs("usage: inside calls SHALLOW DEEP READ | spawn N CMD... | sleep\n",
			stderr);
	}
	return fflush(stdout) == 0 ? r : 1;
}
