/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits against the real overlay: random operations in a run and the same on a plain directory, then the commit, whole, in parts, killed at
 * any of its calls and then finished or taken back; and somebody who renames in the project meanwhile.
 *
 * WARD_COMMIT_OPS: how many operations of each kind (2,000; make check-commits: 100,000), WARD_COMMIT_SEED which, WARD_COMMIT_RACE_S
 * how long the race lasts, WARD_COMMIT_DIR where.
 */
#include "commit_kill.h"

#define ROUND 120 /* operations of one run */

static uint64_t seed;

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s ? strtoul(s, NULL, 10) : otherwise;
}

static uint64_t next_seed(void)
{
	if (seed == 0) {
		seed = number("WARD_COMMIT_SEED", 0);
		if (seed == 0)
			seed = (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
		printf("# WARD_COMMIT_SEED=%llu\n", (unsigned long long)seed);
	}
	return seed += 0x9e3779b97f4a7c15u;
}

/* The same tree in root, plain and was. */
static void fill(uint64_t from)
{
	struct ops o = { .seed = from | 1, .a = box_open("root"), .b = box_open("plain") };
	struct ops p = { .seed = from | 1, .a = box_open("was"), .b = -1 };

	ops_many(&o, 150);
	p.b = open(box_path("merged"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ops_many(&p, 150);
	close(o.a);
	close(o.b);
	close(p.a);
	close(p.b);
	box_remove_at(AT_FDCWD, box_path("merged"));
	REQUIRE(mkdir(box_path("merged"), 0755) == 0);
	if (!box_same("root", "was"))
		FAIL("filled alike, they differ: %s", box_difference);
}

static void in_run(void *arg)
{
	struct ops *o = arg;

	o->a = box_open("merged");
	o->b = box_open("plain");
	ops_many(o, ROUND);
}

static bool crashes;

/* A project, and a run that changed it. */
static void round_begin(uint64_t from, bool links)
{
	struct ops o = { .seed = (from * 31) | 1, .links = links };

	read_really = getenv("WARD_COMMIT_READ") ? true : from & 4;
	/* A kill while the mode of something in the layer is lent leaves it lent. */
	ops_tame = geteuid() != 0 && crashes;
	crew = from & 8 ? WARD_CREW_MAX - 1 : 1;

	box_make();
	fill(from);
	box_begin();
	if (!box_run(in_run, &o))
		SKIP("no overlay in a user namespace here");
	CASE("round of seed %llu", (unsigned long long)from);
}

static int commit_all(enum ward_commit_side side, unsigned out_of, uint64_t from)
{
	WARD_CLEANUP(read_done) struct read r = read_layer();
	struct ward_commit_item *items = calloc(r.c.n + 1, sizeof(*items));
	WARD_CLEANUP(box_fds_done) struct box_fds f;
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);
	struct ward_error err = WARD_ERROR_INIT;
	struct ops o = { .seed = from | 1 };
	size_t n = 0;
	int code;

	for (size_t i = 0; i < r.c.n; i++)
		if (out_of == 0 || ops_random(&o, out_of) == 0)
			items[n++] = (struct ward_commit_item){ &r.c.v[i], side, true };
	if (getenv("WARD_COMMIT_LOUD"))
		for (size_t i = 0; i < n; i++)
			printf("# %s %s\n", ward_change_kind_name(items[i].change->kind),
				items[i].change->path);
	code = ward_commit_run(&c, &r.c, items, n, &err);
	CHECK_MSG(code == WARD_OK, "%s", err.message);
	free(items);
	return code;
}

static unsigned long rounds(void)
{
	return number("WARD_COMMIT_OPS", 2000) / ROUND + 1;
}

TEST(what_a_run_did_is_what_a_plain_directory_has)
{
	for (unsigned long i = 0; i < rounds() && tap_failures == 0; i++) {
		round_begin(next_seed(), true);
		commit_all(WARD_COMMIT_NEITHER, 0, 0);
		CHECK_EQ_INT(box_lefts, 0);
		CHECK_MSG(box_same("root", "plain"), "%s", box_difference);
		CHECK(layer_is_empty());
	}
	box_end();
}

TEST(in_two_parts_it_is_the_same)
{
	for (unsigned long i = 0; i < rounds() && tap_failures == 0; i++) {
		uint64_t from = next_seed();

		round_begin(from, false);
		commit_all(WARD_COMMIT_NEITHER, 3, from);
		commit_all(WARD_COMMIT_OURS, 2, from * 3);
		commit_all(WARD_COMMIT_OURS, 0, 0);
		CHECK_MSG(box_same("root", "plain"), "%s", box_difference);
		CHECK(layer_is_empty());
	}
	box_end();
}

TEST(what_is_dropped_leaves_the_project_alone)
{
	for (unsigned long i = 0; i < rounds() && tap_failures == 0; i++) {
		uint64_t from = next_seed();

		round_begin(from, true);
		commit_all(WARD_COMMIT_THEIRS, 3, from);
		commit_all(WARD_COMMIT_THEIRS, 0, 0);
		CHECK_MSG(box_same("root", "was"), "%s", box_difference);
		CHECK(layer_is_empty());
	}
	box_end();
}

static ssize_t content_of(int given, char out[8192])
{
	WARD_FD fd = given;

	return fd < 0 ? -1 : read(fd, out, 8192);
}

/* Of a file at that path itself: one that a link on the way leads to is another. */
static ssize_t content(int dir, const char *path, char out[8192])
{
	struct stat st;
	WARD_FD at = ward_commit_open(dir, path, O_PATH | O_NOFOLLOW);
	WARD_FD fd = at < 0 || fstat(at, &st) < 0 || !S_ISREG(st.st_mode)
		? -1
		: box_open_lent(dir, path, st.st_mode, 0);
	ssize_t n = fd < 0 ? -1 : read(fd, out, 8192);

	if (fd >= 0)
		box_close_lent(dir, path, st.st_mode);
	return n;
}

/* After a kill at any instant each file that was there before and is there afterwards is there, whole: the one or the other. */
static bool whole(int root, int was, int plain)
{
	for (unsigned i = 0; i < 5 + 25 + 125; i++) {
		static char now[8192], old[8192], new[8192];
		char path[8] = "a/a/a";
		ssize_t n, x, y;

		path[0] = (char)('a' + i % 5);
		path[2] = (char)('a' + i / 5 % 5);
		path[4] = (char)('a' + i / 25 % 5);
		path[i < 5 ? 1 : i < 30 ? 3 : 5] = '\0';
		x = content(was, path, old);
		y = content(plain, path, new);
		if (x < 0 || y < 0)
			continue;
		/* Nothing is lent here: the commit that goes on would find that somebody changed it. */
		n = content_of(openat(root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), now);
		if (n < 0 && errno == EACCES)
			continue;
		if (n < 0)
			return box_differs("is not there", path);
		if ((n != x || memcmp(now, old, (size_t)n) != 0) &&
			(n != y || memcmp(now, new, (size_t)n) != 0))
			return box_differs("has a content that it had never", path);
	}
	return true;
}

static void crash_round(uint64_t from, bool forward, unsigned long *ret_hits)
{
	struct ops o = { .seed = from | 1 };
	int code = 0;
	long at = 1 + (long)ops_random(&o, ops_random(&o, 4) == 0 ? 40 : 900);
	bool ended;

	crashes = true;
	round_begin(from, true);
	ended = killed(COMMIT, at, &code);
	if (ended) {
		CHECK_EQ_INT(code, WARD_OK);
		CHECK_MSG(box_same("root", "plain"), "%s", box_difference);
		return;
	}
	(*ret_hits)++;
	{
		WARD_FD a = box_open("root");
		WARD_FD b = box_open("was");
		WARD_FD c = box_open("plain");

		CHECK_MSG(whole(a, b, c), "%s", box_difference);
	}
	CASE("seed %llu, killed at call %ld, then %s", (unsigned long long)from, at,
		forward ? "continued" : "aborted");
	for (int again = 0; again < 3; again++)
		if (killed(forward ? RESUME : UNDO, again == 2 ? -1 : 1 + (long)ops_random(&o, 300),
			    &code))
			break;
	if (!forward && code == WARD_E_REFUSED) { /* it was through already */
		CHECK(killed(RESUME, -1, &code));
		forward = true;
	}
	if (code == WARD_E_NOTFOUND) {
		/* It had not begun, or the kill after the first came behind its last step. */
		bool before, after;

		(void)killed(UNDO, -1, &code);
		before = box_same("root", "was");
		after = box_same("root", "plain");
		CHECK_MSG(before || after, "it is neither as before nor as after");
		if (after)
			return;
	} else {
		CHECK_EQ_INT(code, WARD_OK);
		CHECK_MSG(box_same("root", forward ? "plain" : "was"), "%s", box_difference);
	}
	/* And whatever was left of it: the whole once more. */
	CHECK_EQ_INT(commit_all(WARD_COMMIT_OURS, 0, 0), WARD_OK);
	CHECK_MSG(box_same("root", "plain"), "%s", box_difference);
	CHECK(layer_is_empty());
}

TEST(killed_anywhere_and_continued_it_is_as_after)
{
	unsigned long hits = 0;

	for (unsigned long i = 0; i < rounds() && tap_failures == 0; i++)
		crash_round(next_seed(), true, &hits);
	printf("# %lu rounds of %d operations: %lu commits killed and continued\n", rounds(), ROUND,
		hits);
	CHECK(hits > 0 || rounds() < 10);
	box_end();
}

TEST(killed_anywhere_and_aborted_it_is_as_before)
{
	unsigned long hits = 0;

	for (unsigned long i = 0; i < rounds() && tap_failures == 0; i++)
		crash_round(next_seed(), false, &hits);
	printf("# %lu rounds of %d operations: %lu commits killed and aborted\n", rounds(), ROUND,
		hits);
	CHECK(hits > 0 || rounds() < 10);
	box_end();
}

/* ---- somebody renames meanwhile ---- */

/* Who looks while there is another directory of the name may put what is new into that one, rightly: then it goes elsewhere. */
static void race(const char *a, const char *link, const char *away, const char *in, unsigned turn)
{
	char got[600];

	(void)snprintf(got, sizeof(got), "%s.%u", away, turn);
	(void)(rename(a, away) + symlink("../outside/a", a) + unlink(a) + rename(away, a));
	for (int i = 0; i < 2; i++)
		(void)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, link, RENAME_EXCHANGE);
	(void)(rename(a, in) + mkdir(a, 0755));
	if (rmdir(a) < 0)
		(void)rename(a, got);
	(void)rename(in, a);
}

static pid_t race_begin(void)
{
	char a[512], link[512], away[512], in[512];
	pid_t pid;

	(void)snprintf(a, sizeof(a), "%s", box_path("root/a"));
	(void)snprintf(link, sizeof(link), "%s", box_path("root/link"));
	(void)snprintf(away, sizeof(away), "%s", box_path("outside/parked"));
	(void)snprintf(in, sizeof(in), "%s", box_path("root/b/in"));
	pid = fork();
	if (pid == 0) {
		sigset_t set, pending;
		unsigned turn = 0;

		sigemptyset(&set);
		sigaddset(&set, SIGTERM);
		sigprocmask(SIG_BLOCK, &set, NULL);
		do { /* each turn ends as it began */
			race(a, link, away, in, turn);
			usleep((unsigned)(turn++ * 37 %
				400)); /* now and then it is as it was, so that some steps go well */
			sigpending(&pending);
		} while (!sigismember(&pending, SIGTERM));
		_exit(0);
	}
	REQUIRE(pid > 0);
	return pid;
}

#define RACED 12

static void race_fill(void)
{
	char name[64];

	box_make();
	REQUIRE(mkdir(box_path("root/a"), 0755) == 0 && mkdir(box_path("root/b"), 0755) == 0 &&
		mkdir(box_path("upper/a"), 0755) == 0 && mkdir(box_path("outside"), 0755) == 0 &&
		mkdir(box_path("outside/a"), 0755) == 0 &&
		symlink("../outside/a", box_path("root/link")) == 0);
	for (int i = 0; i < RACED; i++) {
		(void)snprintf(name, sizeof(name), "root/a/f%d", i);
		put_at(box_path(name), "old", 0644);
		(void)snprintf(name, sizeof(name), "outside/a/f%d", i);
		put_at(box_path(name), "outside", 0644);
	}
	box_begin();
	for (int i = 0; i < RACED; i++) {
		(void)snprintf(name, sizeof(name), "upper/a/%c%d", i % 3 == 2 ? 'n' : 'f', i);
		if (i % 3 == 1)
			REQUIRE(mknod(box_path(name), S_IFCHR, 0) == 0);
		else
			put_at(box_path(name), "new", 0644);
	}
}

TEST(who_renames_meanwhile_leads_nothing_outside)
{
	time_t end = time(NULL) + (time_t)number("WARD_COMMIT_RACE_S", 4);
	unsigned long turns = 0, lefts = 0, stopped = 0;

	while (time(NULL) < end && tap_failures == 0) {
		WARD_CLEANUP(read_done) struct read r = { 0 };
		struct ward_commit_item items[64] = { 0 };
		struct ward_error err = WARD_ERROR_INIT;
		struct stat before, after;
		struct box_fds f;
		struct ward_commit c;
		char name[64];
		int code, status;
		pid_t pid;

		race_fill();
		read_really = false;
		r = read_layer();
		REQUIRE(r.c.n == RACED && stat(box_path("outside/a"), &before) == 0);
		for (size_t i = 0; i < r.c.n; i++)
			items[i] = (struct ward_commit_item){ &r.c.v[i],
				turns % 2 ? WARD_COMMIT_OURS : WARD_COMMIT_NEITHER, false };
		pid = race_begin();
		c = box_commit(&f);
		code = ward_commit_run(&c, &r.c, items, r.c.n, &err);
		lefts += box_lefts;
		stopped += code < 0;
		ward_commit_done(&c);
		box_fds_done(&f);
		for (int i = 0; i < 2 && code < 0; i++) {
			if (i == 1)
				REQUIRE(kill(pid, SIGTERM) == 0 && waitpid(pid, &status, 0) == pid);
			c = box_commit(&f);
			code = turns % 3 == 0 ? ward_commit_undo(&c, &err)
					      : ward_commit_resume(&c, &err);
			if (code == WARD_E_NOTFOUND)
				code = i == 0 ? code : WARD_OK;
			if (i == 1)
				pid = 0;
			ward_commit_done(&c);
			box_fds_done(&f);
		}
		if (pid > 0)
			REQUIRE(kill(pid, SIGTERM) == 0 && waitpid(pid, &status, 0) == pid);
		CHECK_MSG(code == WARD_OK, "%s", err.message);
		REQUIRE(stat(box_path("outside/a"), &after) == 0);
		CHECK_EQ_INT(ward_commit_ns(&after.st_mtim), ward_commit_ns(&before.st_mtim));
		for (int i = 0; i < RACED; i++) {
			struct stat st;

			(void)snprintf(name, sizeof(name), "outside/a/f%d", i);
			CHECK(has(box_path(name), "outside") && stat(box_path(name), &st) == 0 &&
				ward_commit_ns(&st.st_ctim) < box_since);
			(void)snprintf(name, sizeof(name), "root/a/f%d", i);
			CHECK_MSG(has(box_path(name), "old") ||
					(i % 3 == 0 && has(box_path(name), "new")) ||
					(i % 3 == 1 && lstat(box_path(name), &st) < 0),
				"%s is neither old nor new", name);
		}
		turns++;
	}
	printf("# %lu commits, %lu changes left, %lu stopped\n", turns, lefts, stopped);
	CHECK(turns > 0);
	box_end();
}

TAP_MAIN();
