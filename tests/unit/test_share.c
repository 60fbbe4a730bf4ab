/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run may have of what the kernel counts by user, for hosts that give little and much: files of the test's own stand for
 * /proc/sys, since this host gives one number only (tests/sandbox/test_limits.py looks at that, inside of a run).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char dir[] = "/tmp/ward-test-share-XXXXXX";

/* A file of the test's for each file of /proc/sys, by its last name. */
static const char *ours(const char *path)
{
	static char there[128];

	snprintf(there, sizeof(there), "%s/%s", dir, strrchr(path, '/') + 1);
	return there;
}

#define openat(at, path, flags) open(ours(path), flags)
#include "confine/native/init/share.c"
#undef openat

static void put(const char *name, const char *text)
{
	int fd = open(ours(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static const char *get(const char *name)
{
	static char text[32];
	int fd = open(ours(name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	REQUIRE(n >= 0);
	close(fd);
	text[n] = '\0';
	return text;
}

static const char *const names[] = { "/max_user_instances", "/max_user_watches",
	"/max_inotify_instances", "/max_inotify_watches", "/max_user_namespaces" };

static void remove_all(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)unlink(ours(names[i]));
}

TEST(half_of_what_the_host_gives_and_128_instances_at_the_most)
{
	static const struct {
		const char *host, *instances;
	} rows[] = {
		{ "128\n", "64" },
		{ "1\n", "1" },
		{ "3\n", "2" },
		{ "255\n", "128" },
		{ "256\n", "128" },
		{ "258\n", "128" },
		{ "8192\n", "128" },
		{ "2147483647\n", "128" },
		{ "0\n", "" },
		{ "none\n", "" },
		{ "", "" },
	};

	REQUIRE(mkdtemp(dir));
	TABLE(row, rows) {
		CASE("%s", row->host);
		put("/max_user_instances", row->host);
		put("/max_user_watches", "1001\n");
		for (size_t i = 2; i < sizeof(names) / sizeof(*names); i++)
			put(names[i], "");
		share_out();
		CHECK_STR_EQ(get("/max_inotify_instances"), row->instances);
		CHECK_STR_EQ(get("/max_inotify_watches"), "501");
		CHECK_STR_EQ(get("/max_user_namespaces"), "0");
	}
	remove_all();
	share_out(); /* a host that shows no such files: nothing is made */
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		CHECK(access(ours(names[i]), F_OK) < 0);
	rmdir(dir);
}

TAP_MAIN();
