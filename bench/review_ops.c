/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calls on files cost in the working directory. One line a figure: NAME nanoseconds. Static, so that it needs nothing of the view.
 *
 *	review_ops make N     N files in old/, as the project has them
 *	review_ops N          what is done to them, to new ones, and to none of them twice where it makes a difference
 *
 * Loops are short and repeated; the least time of the repetitions counts, since noise only adds. What can be done once alone to a file
 * (the first write to one of the project's) has one pass.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PASSES 9
#define SIZE 4096

static unsigned count;
static char block[SIZE];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "review_ops: %s: %s\n", what, strerror(errno));
	exit(1);
}

static const char *name(const char *dir, unsigned i)
{
	static char path[64];

	(void)snprintf(path, sizeof(path), "%s/%u", dir, i);
	return path;
}

static void put(const char *path, int flags)
{
	int fd = open(path, flags | O_WRONLY | O_CLOEXEC, 0644);

	must(fd, path);
	must((int)write(fd, block, SIZE), path);
	close(fd);
}

static void get(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	must(fd, path);
	must((int)read(fd, block, SIZE), path);
	close(fd);
}

static void make_old(unsigned i)
{
	put(name("old", i), O_CREAT | O_EXCL);
}

static void do_stat(unsigned i)
{
	struct stat st;

	must(stat(name("old", i), &st), "stat");
}

static void do_read(unsigned i)
{
	get(name("old", i));
}

static void do_absent(unsigned i)
{
	struct stat st;

	(void)stat(name("old/not", i), &st);
}

static void do_list(unsigned i)
{
	DIR *d = i % 16 ? NULL : opendir("old");

	while (d && readdir(d))
		;
	if (d)
		closedir(d);
}

static void do_first_write(unsigned i)
{
	put(name("old", i), 0);
}

static void do_create(unsigned i)
{
	put(name("new", i), O_CREAT | O_EXCL);
}

static void do_write(unsigned i)
{
	put(name("new", i), 0);
}

static void do_rename(unsigned i)
{
	char to[64];

	(void)snprintf(to, sizeof(to), "new/r%u", i);
	must(rename(name("new", i), to), to);
}

static void do_back(unsigned i)
{
	char from[64];

	(void)snprintf(from, sizeof(from), "new/r%u", i);
	must(rename(from, name("new", i)), from);
}

static void do_chmod(unsigned i)
{
	must(chmod(name("new", i), i & 1 ? 0600 : 0640), "chmod");
}

static void do_unlink(unsigned i)
{
	must(unlink(name("new", i)), "unlink");
}

static void do_mkdir(unsigned i)
{
	must(mkdir(name("new", i), 0755), "mkdir");
	must(rmdir(name("new", i)), "rmdir");
}

static void do_remove_old(unsigned i)
{
	must(unlink(name("old", i)), "unlink");
}

static const struct {
	const char *name;
	void (*go)(unsigned i), (*undo)(unsigned i);
	int once;
} ops[] = {
	{ "stat", do_stat, NULL, 0 },
	{ "stat-absent", do_absent, NULL, 0 },
	{ "read", do_read, NULL, 0 },
	{ "list", do_list, NULL, 0 },
	{ "create", do_create, do_unlink, 0 },
	{ "unlink", do_unlink, do_create, 0 },
	{ "write", do_write, NULL, 0 },
	{ "rename", do_rename, do_back, 0 },
	{ "chmod", do_chmod, NULL, 0 },
	{ "mkdir-rmdir", do_mkdir, NULL, 0 },
	{ "first-write", do_first_write, NULL, 1 },
	{ "first-unlink", do_remove_old, NULL, 1 },
};

static uint64_t pass(void (*go)(unsigned i))
{
	uint64_t from = now();

	for (unsigned i = 0; i < count; i++)
		go(i);
	return now() - from;
}

int main(int argc, char **argv)
{
	count = (unsigned)strtoul(argv[argc - 1], NULL, 10);
	if (argc == 3) {
		must(mkdir("old", 0755), "old");
		return pass(make_old) == 0;
	}
	must(mkdir("new", 0755), "new");
	for (size_t k = 0; k < sizeof(ops) / sizeof(*ops); k++) {
		uint64_t best = UINT64_MAX;

		/* Of these the files are there, or are not. */
		if (ops[k].go == do_unlink || ops[k].go == do_write)
			pass(do_create);
		if (ops[k].go == do_mkdir)
			pass(do_unlink);
		for (int n = 0; n < (ops[k].once ? 1 : PASSES); n++) {
			uint64_t took = pass(ops[k].go);

			best = took < best ? took : best;
			if (ops[k].undo)
				pass(ops[k].undo);
		}
		if (ops[k].go == do_unlink)
			pass(do_unlink);
		printf("%s %llu\n", ops[k].name, (unsigned long long)(best / count));
	}
	return 0;
}
