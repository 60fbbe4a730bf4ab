/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That a name of the layer is not in the project is said by the list of the project's directory, where that is had whole: no name is looked
 * up for it then; and nothing is believed of a list that is not whole, or where names are equal that differ in their bytes; nor is a list read that costs all of a large directory. Calls of the C library are
 * counted, and led astray, by functions of their names here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "own_syscall.h"
#include "tap.h"
#include "workspace/workspace.h"

static size_t looked, at_most;
static int flags, no_flags;
static long magic;

long syscall(long nr, ...)
{
	long v[OWN_SYSCALL_ARGS];

	OWN_SYSCALL_TAKE(v, nr);
	looked += nr == SYS_statx;
	if (nr == SYS_getdents64 && at_most && v[2] == 16384)
		v[2] = (long)at_most;
	return own_syscall_go(nr, v);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;

	(void)fd;
	REQUIRE(request == FS_IOC_GETFLAGS);
	va_start(ap, request);
	*va_arg(ap, int *) = flags;
	va_end(ap);
	return (int)own_syscall_result(-no_flags);
}

int fstatfs(int fd, struct statfs *ret)
{
	(void)fd;
	*ret = (struct statfs){ .f_type = magic };
	return 0;
}

static char base[64];

static void put(const char *in, const char *prefix, unsigned i, const char *text)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/%s%u", base, in, prefix, i);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static int open_at(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	return fd;
}

static void begin(void)
{
	char path[512];

	snprintf(base, sizeof(base), "/tmp/ward-names-XXXXXX");
	REQUIRE(mkdtemp(base) != NULL);
	for (unsigned i = 0; i < 4; i++) {
		static const char *const v[] = { "layer", "root", "layer/d", "root/d" };

		snprintf(path, sizeof(path), "%s/%s", base, v[i]);
		REQUIRE(mkdir(path, 0755) == 0);
	}
	at_most = 0;
	flags = no_flags = 0;
	magic = EXT4_SUPER_MAGIC;
}

static void end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", base);
	REQUIRE(system(command) == 0);
}

/* The changes must be these, whatever was looked at for it. */
static void check(unsigned n_added, unsigned n_modified)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_changes *all = NULL;
	int layer = open_at("layer"), root = open_at("root");
	unsigned added = 0, modified = 0;

	looked = 0;
	CHECK_EQ_INT(ward_changes_read(layer, root, &all, &err), WARD_OK);
	REQUIRE(all != NULL);
	for (size_t i = 0; i < all->n; i++) {
		added += all->v[i].kind == WARD_CHANGE_ADDED;
		modified += all->v[i].kind == WARD_CHANGE_MODIFIED;
	}
	CHECK_EQ_UINT(added, n_added);
	CHECK_EQ_UINT(modified, n_modified);
	CHECK_EQ_UINT(added + modified, all->n);
	ward_changes_free(all);
	close(layer);
	close(root);
}

/* 100 names of the layer, every fifth of which the project has: these are looked up, and the directory itself. */
static void some(void)
{
	for (unsigned i = 0; i < 100; i++)
		put("layer/d", "f", i, "new");
	for (unsigned i = 0; i < 100; i += 5)
		put("root/d", "f", i, "old");
}

TEST(what_a_list_does_not_have_is_not_looked_up)
{
	begin();
	some();
	check(80, 20);
	CHECK_EQ_UINT(looked, 21);
	/* A file system gives what it likes at a time: this is not the end. */
	at_most = 256;
	check(80, 20);
	CHECK_EQ_UINT(looked, 101);
	end();
}

TEST(names_that_few_others_are_among_are_looked_up)
{
	begin();
	for (unsigned i = 0; i < 3; i++)
		put("layer/d", "f", i, "new");
	put("root/d", "f", 1, "old");
	check(2, 1);
	CHECK_EQ_UINT(looked, 4);
	end();
}

TEST(a_list_that_is_not_whole_says_nothing)
{
	begin();
	some();
	for (unsigned i = 0; i < 3000; i++)
		put("root/d", "other-name-", i, "old");
	check(80, 20);
	CHECK_EQ_UINT(looked, 101);
	end();
}

TEST(where_names_are_equal_that_differ_or_a_list_is_dear_each_is_looked_up)
{
	begin();
	some();
	flags = FS_CASEFOLD_FL;
	check(80, 20);
	CHECK_EQ_UINT(looked, 101);
	flags = 0;
	no_flags = ENOTTY;
	check(80, 20);
	CHECK_EQ_UINT(looked, 101);
	no_flags = 0;
	magic = OVERLAYFS_SUPER_MAGIC;
	check(80, 20);
	CHECK_EQ_UINT(looked, 101);
	end();
}

TAP_MAIN();
