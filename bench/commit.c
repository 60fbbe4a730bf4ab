/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a commit costs against cp: N new files (default 1,000) of SIZE bytes (4,096), in directories of 100, from a layer into a project on the
 * same file system. In turn, each the given times: `cp -r`; `cp -r` and `sync -f`, which is as durable as a commit is; a commit. The best and
 * the median of each, in milliseconds.
 *
 *	bench-commit DIR [N [SIZE [TIMES]]]
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workspace/commit/commit.h"

#define TIMES_MAX 100

extern char **environ;

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(2);
	}
}

static void run(const char *const *argv)
{
	pid_t pid;
	int status;

	must(posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ) ==
				0 &&
			waitpid(pid, &status, 0) == pid && status == 0,
		argv[0]);
}

static void fresh(const char *name, const char *dir)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	run((const char *[]){ "rm", "-rf", path, NULL });
	must(mkdir(path, 0755) == 0, path);
}

static void fill(const char *dir, unsigned n, size_t size)
{
	char path[512], *text = calloc(1, size + 1);

	for (unsigned i = 0; i < n; i++) {
		int fd;

		if (i % 100 == 0) {
			(void)snprintf(path, sizeof(path), "%s/upper/d%u", dir, i / 100);
			must(mkdir(path, 0755) == 0, path);
		}
		(void)snprintf(path, sizeof(path), "%s/upper/d%u/f%u", dir, i / 100, i);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		must(fd >= 0 && write(fd, text, size) == (ssize_t)size, path);
		close(fd);
	}
	free(text);
	sync();
}

static int open_dir(const char *dir, const char *name)
{
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0, path);
	return fd;
}

static double commit(const char *dir)
{
	struct ward_commit c = WARD_COMMIT_INIT;
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_changes *all = NULL;
	struct ward_commit_item *items;
	uint64_t begin;

	c.root = open_dir(dir, "root");
	c.layer = open_dir(dir, "upper");
	c.store = open_dir(dir, "store");
	c.run = "01M8BFCZ1X6EEQSZDMNBR5W7A0";
	must(ward_changes_read(c.layer, c.root, &all, &err) == WARD_OK, err.message);
	items = calloc(all->n, sizeof(*items));
	for (size_t i = 0; i < all->n; i++)
		items[i].change = &all->v[i];
	c.since_ns = (int64_t)ward_now_wall_ns();
	begin = ward_now_mono_ns();
	must(ward_commit_run(&c, all, items, all->n, &err) == WARD_OK, err.message);
	begin = ward_now_mono_ns() - begin;
	free(items);
	ward_commit_done(&c);
	ward_changes_free(all);
	close(c.root);
	close(c.layer);
	close(c.store);
	return (double)begin / 1e6;
}

static double copy(const char *dir, bool durable)
{
	char from[512], to[512];
	uint64_t begin;

	(void)snprintf(from, sizeof(from), "%s/upper/.", dir);
	(void)snprintf(to, sizeof(to), "%s/root", dir);
	begin = ward_now_mono_ns();
	run((const char *[]){ "cp", "-r", from, to, NULL });
	if (durable)
		run((const char *[]){ "sync", "-f", to, NULL });
	return (double)(ward_now_mono_ns() - begin) / 1e6;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "cp -r", "cp -r; sync -f", "commit" };
	unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000,
		 times = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 11;
	size_t size = argc > 3 ? strtoul(argv[3], NULL, 10) : 4096;
	static double ms[3][TIMES_MAX];

	if (argc < 2 || n == 0 || times == 0 || times > TIMES_MAX) {
		(void)fprintf(stderr, "usage: bench-commit DIR [N [SIZE [TIMES]]]\n");
		return 2;
	}
	for (unsigned i = 0; i < times; i++)
		for (int what = 0; what < 3; what++) {
			fresh("root", argv[1]);
			fresh("store", argv[1]);
			fresh("upper", argv[1]);
			fill(argv[1], n, size);
			ms[what][i] = what == 2 ? commit(argv[1]) : copy(argv[1], what == 1);
		}
	for (int what = 0; what < 3; what++) {
		qsort(ms[what], times, sizeof(double), by_size);
		printf("%-16s best %8.1f ms  median %8.1f ms\n", names[what], ms[what][0],
			ms[what][times / 2]);
	}
	return 0;
}
