/* SPDX-License-Identifier: Apache-2.0 */
/* What the sampler of memory makes of a /proc: here a tree of ordinary files, which can be what no kernel at hand is. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine/native/native.h"
#include "os/os.h"
#include "tap.h"

#define TOP 100
#define MANY 2000

static char root[] = "/tmp/ward-sample-XXXXXX";
static int proc = -1;

static void put(const char *path, const char *text)
{
	int fd = openat(proc, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* A process of one thread and so many pages; children NULL: no such file. */
static void process(int pid, int pages, const char *children)
{
	char path[64], text[32];

	(void)snprintf(path, sizeof(path), "%d", pid);
	(void)mkdirat(proc, path, 0700);
	(void)snprintf(path, sizeof(path), "%d/task", pid);
	(void)mkdirat(proc, path, 0700);
	(void)snprintf(path, sizeof(path), "%d/task/%d", pid, pid);
	(void)mkdirat(proc, path, 0700);
	(void)snprintf(path, sizeof(path), "%d/statm", pid);
	(void)snprintf(text, sizeof(text), "1000 %d 0 0 0 0 0\n", pages);
	put(path, text);
	(void)snprintf(path, sizeof(path), "%d/task/%d/children", pid, pid);
	if (children)
		put(path, children);
	else
		(void)unlinkat(proc, path, 0);
}

static void start(void)
{
	if (proc < 0 && mkdtemp(root))
		proc = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(proc >= 0);
}

TEST(top_and_all_below)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned n = 0;

	start();
	process(TOP, 1, "101 102 ");
	process(101, 10, "");
	process(102, 100, "103 ");
	process(103, 1000, "");
	process(999, 10000, "");
	CHECK_EQ_INT(ward_sample_memory(proc, TOP, UINT64_MAX, &n), 1111 * page);
	CHECK_EQ_INT(n, 4);
}

TEST(children_that_are_not_listed)
{
	unsigned n = 0;

	start();
	process(TOP, 1, "101 ");
	process(101, 1, NULL);
	CASE("below the top");
	CHECK(ward_sample_memory(proc, TOP, UINT64_MAX, &n) == UINT64_MAX);
	process(TOP, 1, NULL);
	CASE("of the top");
	CHECK(ward_sample_memory(proc, TOP, UINT64_MAX, &n) == UINT64_MAX);
	CASE("ended meanwhile");
	process(TOP, 1, "101 77777 ");
	process(101, 1, "");
	CHECK(ward_sample_memory(proc, TOP, UINT64_MAX, &n) < UINT64_MAX);
}

TEST(numbers_over_two_reads)
{
	static char text[MANY * 8 + 8];
	size_t at = (size_t)snprintf(text, sizeof(text),
		"103 "); /* so that no read ends with a number */
	unsigned n = 0;

	start();
	for (int i = 0; i < MANY; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%d ", 1000000 + i);
	process(TOP, 1, text);
	(void)ward_sample_memory(proc, TOP, UINT64_MAX, &n);
	CHECK_EQ_INT(n, 2 + MANY);
	CASE("the last one without a blank");
	process(TOP, 1, "101 102");
	(void)ward_sample_memory(proc, TOP, UINT64_MAX, &n);
	CHECK_EQ_INT(n, 3 + 1);
}

TEST(tidy)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	CHECK_EQ_INT(system(command), 0);
}

TAP_MAIN();
