/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a layer in a directory has grown to: trees that are made here, and a clock that the test moves, so that a look is as long as it
 * is told to be.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "confine/native/native.h"
#include "entries.h"
#include "tap.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define NAME_COST 512 /* of each name, as in grow.c */

/* ---- the clock ---- */
static uint64_t now = 1000 * SECOND, tick; /* tick: what each look at it costs */

uint64_t __wrap_ward_now_mono_ns(void);

uint64_t __wrap_ward_now_mono_ns(void)
{
	now += tick;
	return now;
}

/* ---- layers ---- */
static char top[64];
static uint64_t total;

static int add(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path;
	(void)type;
	if (at->level > 0)
		total += NAME_COST +
			(uint64_t)st->st_blocks * 512 / (S_ISDIR(st->st_mode) ? 1 : st->st_nlink);
	return 0;
}

/* What is in it, added up in another way. */
static uint64_t held(void)
{
	total = 0;
	REQUIRE(nftw(top, add, 16, FTW_PHYS) == 0);
	return total;
}

static const char *in(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void file(const char *name, size_t bytes)
{
	static char some[65536];
	int fd = open(in(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0 && bytes <= sizeof(some));
	memset(some, 'x', bytes);
	REQUIRE(write(fd, some, bytes) == (ssize_t)bytes && fsync(fd) == 0);
	close(fd);
}

static void layer(void)
{
	(void)snprintf(top, sizeof(top), "/tmp/ward-growth-XXXXXX");
	REQUIRE(mkdtemp(top));
	REQUIRE(mkdir(in("upper"), 0700) == 0 && mkdir(in("work"), 0700) == 0);
}

static void gone(void)
{
	char command[192];

	(void)snprintf(command, sizeof(command), "chmod -R u+rwx %s && rm -r %s", top, top);
	REQUIRE(system(command) == 0);
}

static struct ward_growth *watch(uint64_t bound, pid_t init)
{
	struct ward_review review = { .layer = top, .bound = bound };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_growth *g = NULL;
	struct stat st;

	REQUIRE(stat(top, &st) == 0);
	review.layer_dev = st.st_dev;
	review.layer_ino = st.st_ino;
	REQUIRE(ward_growth_new(&review, init, &g, &err) == WARD_OK);
	return g;
}

static enum ward_layer_over why;

/* Over that bound, after one whole walk? */
static bool over(uint64_t bound, pid_t init)
{
	struct ward_growth *g = watch(bound, init);
	bool r;

	now = ward_growth_due(g);
	r = ward_growth_over(g);
	why = ward_growth_why(g);
	ward_growth_free(g);
	return r;
}

TEST(all_that_lies_in_it_and_nothing_else)
{
	char out[64] = "/tmp/ward-growth-out-XXXXXX";
	int fd = mkostemp(out, O_CLOEXEC), before = entries("/proc/self/fd");

	layer();
	REQUIRE(fd >= 0 && ftruncate(fd, 0) == 0);
	CHECK(!over(held(), 0));
	CHECK(over(held() - 1, 0) && why == WARD_LAYER_FULL);
	CASE("files, directories");
	file("upper/a", 40000);
	REQUIRE(mkdir(in("upper/d"), 0700) == 0 && mkdir(in("upper/d/e"), 0700) == 0);
	file("upper/d/e/b", 50000);
	file("upper/d/c", 1);
	CHECK(held() > 90000);
	CHECK(!over(held(), 0));
	CHECK(over(held() - 1, 0));
	CASE("a link is followed nowhere");
	REQUIRE(symlink("/usr", in("upper/link")) == 0 && symlink("d", in("upper/here")) == 0);
	CHECK(!over(held(), 0));
	CHECK(over(held() - 1, 0));
	CASE("of what has two names each has half, wherever the other one is");
	{
		char from[256];

		(void)snprintf(from, sizeof(from), "%s", in("upper/a"));
		REQUIRE(link(from, in("upper/d/a")) == 0);
		file("upper/far", 60000);
		(void)snprintf(from, sizeof(from), "%s", in("upper/far"));
		REQUIRE(unlink(out) == 0 && link(from, out) == 0);
	}
	CHECK(!over(held(), 0));
	CHECK(over(held() - 1, 0));
	unlink(out);
	CHECK_EQ_INT(entries("/proc/self/fd"), before);
	close(fd);
	gone();
}

TEST(a_walk_in_many_looks)
{
	struct ward_growth *g;
	unsigned looks = 0;
	uint64_t began;

	layer();
	for (int i = 0; i < 300; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "upper/%d", i);
		if (i % 3)
			file(name, 1);
		else
			REQUIRE(mkdir(in(name), 0700) == 0);
	}
	g = watch(held() - 1, 0);
	tick = 2 * MS; /* a look ends at the first time that it asks */
	began = now;
	while (!ward_growth_over(g) && looks++ < 100) {
		CHECK(ward_growth_due(g) > now);
		CASE("before its time nothing is looked at");
		CHECK(!ward_growth_over(g));
		now = ward_growth_due(g);
	}
	CHECK(looks >= 4 && looks < 20);
	CHECK(now - began < 100 * MS + looks * 20 * MS);
	CASE("it stays so");
	CHECK(ward_growth_over(g));
	CHECK(ward_growth_ended_over(g));
	tick = 0;
	ward_growth_free(g);
	gone();
}

/* What takes long is done less often: a twenty-fifth of the time at most. */
TEST(looking_costs_a_small_part)
{
	struct ward_growth *g;
	uint64_t whole;

	layer();
	g = watch(UINT64_MAX, 0);
	CHECK_EQ_UINT(ward_growth_due(g) - now, 100 * MS);
	now = ward_growth_due(g);
	tick = 1 * MS;
	whole = now;
	CHECK(!ward_growth_over(g));
	tick = 0;
	/* It began when the clock was asked first. */
	CHECK_EQ_UINT(ward_growth_due(g) - now, 100 * MS + 25 * (now - whole - 1 * MS));
	CASE("more of it is seen at the next walk, and not before");
	file("upper/a", 1);
	CHECK(!ward_growth_over(g));
	ward_growth_free(g);
	gone();
}

TEST(more_at_the_next_walk)
{
	struct ward_growth *g;

	layer();
	g = watch(held() + 30000, 0);
	for (int i = 0; i < 3; i++) {
		now = ward_growth_due(g);
		CHECK(!ward_growth_over(g));
	}
	file("upper/a", 40000);
	CHECK(!ward_growth_over(g));
	now = ward_growth_due(g);
	CHECK(ward_growth_over(g));
	ward_growth_free(g);
	gone();
}

TEST(at_the_end)
{
	struct ward_growth *g;

	layer();
	CASE("nothing was written: no walk");
	g = watch(1, 0);
	CHECK(!ward_growth_ended_over(g));
	ward_growth_free(g);
	CASE("over, since the last look");
	g = watch(held() + 30000, 0);
	now = ward_growth_due(g);
	CHECK(!ward_growth_over(g));
	file("upper/a", 40000);
	CHECK(ward_growth_ended_over(g));
	ward_growth_free(g);
	CASE("written, and not over");
	g = watch(held(), 0);
	CHECK(!ward_growth_ended_over(g));
	ward_growth_free(g);
	CASE("where it is written is not there any more");
	unlink(in("upper/a"));
	REQUIRE(rmdir(in("upper")) == 0);
	g = watch(1, 0);
	CHECK(ward_growth_ended_over(g));
	ward_growth_free(g);
	gone();
}

/* Whoever makes it durable is told once of each change, and not within five seconds. */
TEST(it_is_told_when_it_was_written)
{
	struct ward_growth *g;

	layer();
	g = watch(UINT64_MAX, 0);
	now += 6 * SECOND;
	CASE("before the first look");
	CHECK(!ward_growth_written(g));
	CHECK(!ward_growth_over(g));
	CASE("what was there is no change");
	CHECK(!ward_growth_written(g));
	usleep(50000);
	file("upper/a", 1);
	now = ward_growth_due(g);
	CHECK(!ward_growth_over(g));
	usleep(50000);
	CHECK(ward_growth_written(g));
	CHECK(!ward_growth_written(g));
	now += 6 * SECOND;
	CHECK(!ward_growth_over(g));
	CASE("told already");
	CHECK(!ward_growth_written(g));
	file("upper/b", 1);
	now = ward_growth_due(g);
	CHECK(!ward_growth_over(g));
	usleep(50000);
	CHECK(ward_growth_written(g));
	file("upper/c", 1);
	CASE("too soon");
	now += 5 * SECOND - 1;
	CHECK(!ward_growth_over(g));
	CHECK(!ward_growth_written(g));
	now++;
	CHECK(ward_growth_written(g));
	ward_growth_free(g);
	gone();
}

/* ---- what cannot be counted is too much ---- */

/* So many directories one in the other, below "upper": a descriptor of the deepest one. */
static int deep_down(const char *name, size_t levels)
{
	int fd = open(in("upper"), O_PATH | O_DIRECTORY | O_CLOEXEC), below;

	for (size_t i = 0; i < levels; i++) {
		REQUIRE(mkdirat(fd, name, 0700) == 0);
		below = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		REQUIRE(below >= 0);
		close(fd);
		fd = below;
	}
	return fd;
}

/* One that the kernel takes in parts alone is counted, as configure scripts make it; there is an end to that as well. */
TEST(a_path_that_is_too_long)
{
	size_t above = strlen("upper") + 261 * (strlen("/") + 250),
	       left = WARD_LAYER_PATH_MAX - 2 - above;
	char name[251];
	int fd;

	layer();
	memset(name, 'd', 250);
	name[250] = '\0';
	fd = deep_down(name, 261);
	name[left] = '\0';
	REQUIRE(mkdirat(fd, name, 0700) == 0);
	CHECK(!over(UINT64_MAX, 0));
	name[left] = 'd';
	name[left + 1] = '\0';
	REQUIRE(mkdirat(fd, name, 0700) == 0);
	CHECK(over(UINT64_MAX, 0) && why == WARD_LAYER_DEEP);
	close(fd);
	gone();
}

/* What is known of and not yet read is held in so much memory and no more: deep down, each name is a path of nearly the longest. */
TEST(more_directories_than_can_be_remembered)
{
	char name[251], one[251];
	size_t levels = WARD_PATH_MAX / 251 - 1, deep;
	int fd, n = 0;

	layer();
	memset(name, 'd', 250);
	name[250] = '\0';
	fd = deep_down(name, levels);
	/* "upper", the names above, its own, and a NUL; "work" is waiting as well. */
	deep = sizeof("upper") + (levels + 1) * 251;
	for (; (size_t)(n + 1) * deep + sizeof("work") <= WARD_LAYER_NAMES_MAX; n++) {
		(void)snprintf(one, sizeof(one), "%0250d", n);
		REQUIRE(mkdirat(fd, one, 0700) == 0);
	}
	CHECK(!over(UINT64_MAX, 0));
	(void)snprintf(one, sizeof(one), "%0250d", n);
	REQUIRE(mkdirat(fd, one, 0700) == 0);
	close(fd);
	CHECK(over(UINT64_MAX, 0) && why == WARD_LAYER_MANY);
	gone();
}

TEST(a_directory_that_may_not_be_read)
{
	uid_t me = geteuid();
	bool hidden;

	layer();
	REQUIRE(mkdir(in("upper/d"), 0700) == 0);
	file("upper/d/a", 1);
	if (me == 0)
		REQUIRE(chown(top, 65534, 65534) == 0 && chown(in("upper"), 65534, 65534) == 0 &&
			chown(in("work"), 65534, 65534) == 0 &&
			chown(in("upper/d"), 65534, 65534) == 0);
	REQUIRE(chmod(in("upper/d"), 0) == 0);
	if (me == 0)
		REQUIRE(seteuid(65534) == 0);
	hidden = over(UINT64_MAX, 0);
	if (me == 0)
		REQUIRE(seteuid(0) == 0);
	CHECK(hidden && why == WARD_LAYER_HIDDEN);
	REQUIRE(chmod(in("upper/d"), 0700) == 0);
	CHECK(!over(UINT64_MAX, 0));
	gone();
}

static pid_t in_a_namespace(void)
{
	int fds[2];
	char c = 'n';
	pid_t pid;

	REQUIRE(pipe(fds) == 0);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		c = unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
		(void)!write(fds[1], &c, 1);
		for (;;)
			pause();
	}
	close(fds[1]);
	(void)!read(fds[0], &c, 1);
	close(fds[0]);
	if (c == 'y')
		return pid;
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return 0;
}

TEST(with_the_rights_inside)
{
	pid_t init;

	layer();
	file("upper/a", 5000);
	CASE("a namespace that is not to be entered (one's own) hides what lies there");
	CHECK(over(UINT64_MAX, getpid()));
	CASE("that of the run");
	init = in_a_namespace();
	if (init == 0) {
		gone();
		SKIP("no user namespace can be made");
	}
	CHECK(!over(held(), init));
	CHECK(over(held() - 1, init));
	kill(init, SIGKILL);
	CHECK_EQ_INT(waitpid(init, NULL, 0), init);
	gone();
}

TEST(another_directory_is_not_watched)
{
	struct ward_review review = { .layer = top, .bound = 1 };
	struct ward_growth *g = NULL;
	int before = entries("/proc/self/fd");
	struct stat st;

	layer();
	REQUIRE(stat(top, &st) == 0);
	for (int i = 0; i < 4; i++) {
		struct ward_error err = WARD_ERROR_INIT;

		CASE("%d", i);
		review.layer = i == 3 ? "/nonexistent-ward" : top;
		review.layer_dev = st.st_dev + (i == 0);
		review.layer_ino = st.st_ino + (i == 1);
		/* 2: that init is nobody */
		CHECK_EQ_INT(ward_growth_new(&review, i == 2 ? 0x3fffffff : 0, &g, &err),
			WARD_E_SPAWN);
		CHECK(!g && strstr(err.message, "axis disk: the layer") && err.fix[0]);
	}
	ward_growth_free(NULL);
	CHECK_EQ_INT(entries("/proc/self/fd"), before);
	gone();
}

TAP_MAIN();
