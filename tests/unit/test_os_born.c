/* SPDX-License-Identifier: Apache-2.0 */
/* What tells a directory from a later one (src/os/born.c): it stays while the directory does, and of an overlay nothing is believed. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "tap.h"

static char base[64];

static const char *at(const char *path)
{
	static char out[4][256];
	static unsigned turn;
	char *p = out[turn++ % 4];

	snprintf(p, 256, "%s/%s", base, path);
	return p;
}

static void begin(void)
{
	snprintf(base, sizeof(base), "/tmp/ward-born-XXXXXX");
	REQUIRE(mkdtemp(base) != NULL);
}

static struct ward_born born_of(const char *path)
{
	WARD_FD fd = open(at(path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct ward_born b = { .ns = -1 };

	if (fd >= 0)
		ward_born_of(fd, &b);
	return b;
}

static bool is_equal(const struct ward_born *a, const struct ward_born *b)
{
	return a->ns == b->ns && a->handle == b->handle;
}

TEST(it_stays_while_the_directory_does)
{
	struct ward_born was, now;

	begin();
	REQUIRE(mkdir(at("d"), 0755) == 0);
	was = born_of("d");
	if (!was.ns && !was.handle)
		SKIP("this file system says of no directory when it came to be");
	REQUIRE(mkdir(at("d/in"), 0755) == 0 && rmdir(at("d/in")) == 0);
	REQUIRE(chmod(at("d"), 0700) == 0 && rename(at("d"), at("e")) == 0);
	REQUIRE(utimensat(AT_FDCWD, at("e"), (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0) == 0);
	now = born_of("e");
	CHECK(is_equal(&was, &now) && ward_born_is(&was, &now));
	CHECK(was.ns == 0 || was.ns > INT64_C(1000000000) * 1000000000);
	REQUIRE(rmdir(at("e")) == 0 && mkdir(at("e"), 0700) == 0);
	now = born_of("e");
	CHECK(!ward_born_is(&was, &now));
	REQUIRE(rmdir(at("e")) == 0 && rmdir(base) == 0);
}

/* Time and handle; 0 is not known. */
TEST(what_is_known_of_both_must_agree)
{
	static const struct {
		const char *name;
		struct ward_born was, now;
		bool is;
	} cases[] = {
		{ "the same", { 5, 7 }, { 5, 7 }, true },
		{ "of one tick", { 5, 7 }, { 5, 8 }, false },
		{ "of one handle", { 5, 7 }, { 6, 7 }, false },
		{ "another", { 5, 7 }, { 6, 8 }, false },
		{ "the time alone, then as now", { 5, 0 }, { 5, 0 }, true },
		{ "the handle alone, then as now", { 0, 7 }, { 0, 7 }, true },
		{ "the time alone was known", { 5, 0 }, { 5, 8 }, true },
		{ "the time alone was known, and is another", { 5, 0 }, { 6, 8 }, false },
		{ "the time alone is known", { 5, 7 }, { 5, 0 }, true },
		{ "the time alone is known, and is another", { 5, 7 }, { 6, 0 }, false },
		{ "the handle alone was known", { 0, 7 }, { 6, 7 }, true },
		{ "the handle alone was known, and is another", { 0, 7 }, { 6, 8 }, false },
		{ "the handle alone is known", { 5, 7 }, { 0, 7 }, true },
		{ "the handle alone is known, and is another", { 5, 7 }, { 0, 8 }, false },
		{ "nothing was known", { 0, 0 }, { 6, 8 }, true },
		{ "nothing ever was", { 0, 0 }, { 0, 0 }, true },
		{ "nothing is known any more", { 5, 7 }, { 0, 0 }, false },
		{ "the time alone was known, and is not any more", { 5, 0 }, { 0, 0 }, false },
		{ "the handle alone was known, and is not any more", { 0, 7 }, { 0, 0 }, false },
		{ "of what was known, nothing is", { 5, 0 }, { 0, 7 }, false },
		{ "of what was known, nothing is, the other way", { 0, 7 }, { 5, 0 }, false },
	};

	TABLE(c, cases) {
		CASE("%s", c->name);
		CHECK_EQ_INT(ward_born_is(&c->was, &c->now), c->is);
	}
}

/* As fast as can be: on some file systems these have one inode, and many of them one time of birth. */
TEST(one_made_at_once_in_its_place_is_another)
{
	begin();
	for (int i = 0; i < 300 && tap_failures == 0; i++) {
		struct ward_born was, now;

		REQUIRE(mkdir(at("d"), 0755) == 0);
		was = born_of("d");
		REQUIRE(rmdir(at("d")) == 0 && mkdir(at("d"), 0755) == 0);
		now = born_of("d");
		REQUIRE(rmdir(at("d")) == 0);
		if (!was.handle || !now.handle)
			break;
		CHECK_MSG(!ward_born_is(&was, &now), "turn %d", i);
	}
	REQUIRE(rmdir(base) == 0);
}

TEST(of_what_is_not_open_nothing_is_known)
{
	struct ward_born b = { 1, 1 };

	ward_born_of(-1, &b);
	CHECK(b.ns == 0 && b.handle == 0);
}

static bool put(const char *path, const char *text)
{
	WARD_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* 77: no overlay here. */
static int in_an_overlay(void)
{
	char uids[32], gids[32], options[1024];
	struct ward_born b;
	struct stat st;
	int fd;

	snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)getuid());
	snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || !put("/proc/self/setgroups", "deny") ||
		!put("/proc/self/uid_map", uids) || !put("/proc/self/gid_map", gids))
		return 77;
	snprintf(options, sizeof(options), "userxattr,lowerdir=%s,upperdir=%s,workdir=%s",
		at("lower"), at("upper"), at("work"));
	if (mount("overlay", at("merged"), "overlay", 0, options) < 0)
		return 77;
	b = born_of("merged/d");
	if (b.ns || b.handle)
		return 1;
	/* What is written to first becomes another directory, below: it is for this that nothing is believed. */
	fd = open(at("merged/d/new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	b = born_of("merged/d");
	return fd < 0 || stat(at("upper/d/new"), &st) < 0 ? 2 : b.ns || b.handle ? 1 : 0;
}

TEST(of_an_overlay_nothing_is_believed)
{
	static const char *const names[] = { "lower", "lower/d", "upper", "work", "merged" };
	char command[192];
	pid_t pid;
	int status;

	begin();
	TABLE(name, names)
		REQUIRE(mkdir(at(*name), 0755) == 0);
	pid = fork();
	if (pid == 0)
		_exit(in_an_overlay());
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", base, base);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	REQUIRE(pid > 0 && waitpid(pid, NULL, 0) == pid);
	if (WEXITSTATUS(status) == 77)
		SKIP("no overlay in a user namespace here");
	CHECK_EQ_INT(WEXITSTATUS(status), 0);
}

TAP_MAIN();
