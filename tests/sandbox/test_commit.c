/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits against the real overlay: random operations in a run and the same on a plain directory, then the commit, whole, in parts, killed at
 * any of its calls and then finished or taken back; and somebody who renames in the project meanwhile.
 *
 * WARD_COMMIT_OPS: how many operations in all for each kind (20,000 in the suite's run: 2,000), WARD_COMMIT_SEED which, WARD_COMMIT_RACE_S
 * how long the race lasts, WARD_COMMIT_DIR where.
 */
#include "commit_box.h"
#include "commit_ops.h"
#include "commit_read.h"

#define ROUND 120 /* operations of one run */

/* ---- kill -9 at the n-th call ---- */

static long kill_at = -1, calls;

static void call(void)
{
	if (++calls == kill_at)
		(void)kill(getpid(), SIGKILL);
}

#define WRAP(type, name, params, args) \
	type __real_##name params; \
	type __wrap_##name params; \
	type __wrap_##name params \
	{ \
		call(); \
		return __real_##name args; \
	}
WRAP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
WRAP(int, unlinkat, (int a, const char *b, int c), (a, b, c))
WRAP(int, mkdirat, (int a, const char *b, mode_t c), (a, b, c))
WRAP(int, mknodat, (int a, const char *b, mode_t c, dev_t d), (a, b, c, d))
WRAP(int, linkat, (int a, const char *b, int c, const char *d, int e), (a, b, c, d, e))
WRAP(int, symlinkat, (const char *a, int b, const char *c), (a, b, c))
WRAP(int, fsync, (int a), (a))
WRAP(int, syncfs, (int a), (a))
WRAP(ssize_t, write, (int a, const void *b, size_t c), (a, b, c))
WRAP(int, fchmod, (int a, mode_t b), (a, b))
WRAP(int, chmod, (const char *a, mode_t b), (a, b))
WRAP(int, setxattr, (const char *a, const char *b, const void *c, size_t d, int e), (a, b, c, d, e))
WRAP(int, fsetxattr, (int a, const char *b, const void *c, size_t d, int e), (a, b, c, d, e))
WRAP(int, fremovexattr, (int a, const char *b), (a, b))
WRAP(int, ward_commit_rename, (int a, const char *b, int c, const char *d, unsigned e),
	(a, b, c, d, e))

/* ---- ---- */

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

/* A project, and a run that changed it. */
static void round_begin(uint64_t from, bool links)
{
	struct ops o = { .seed = (from * 31) | 1, .links = links };

	box_make();
	fill(from);
	box_begin();
	if (!box_run(in_run, &o))
		SKIP("no overlay in a user namespace here");
	read_really = from & 4;
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

static bool layer_is_empty(void)
{
	WARD_CLEANUP(read_done) struct read r = { 0 };
	WARD_FD fd = box_open("upper");

	read_really = true;
	r = read_layer();
	return r.c.n == 0 && ward_commit_empty(fd, ".");
}

static unsigned long rounds(void)
{
	return number("WARD_COMMIT_OPS", 2000) / ROUND + 1;
}

/* What failed stays, to be looked at. */
static void box_end(void)
{
	if (tap_failures == 0)
		box_remove();
	else
		printf("# see %s\n", box_dir);
	box_dir[0] = '\0';
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

enum { COMMIT = 0, RESUME, UNDO };

/* In a child, killed at a random call. True: it ended by itself, with *ret. */
static bool killed(int what, long at, int *ret)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct box_fds f;
		struct ward_commit c = box_commit(&f);
		struct ward_error err = WARD_ERROR_INIT;
		struct read r = read_layer();
		struct ward_commit_item *items = calloc(r.c.n + 1, sizeof(*items));
		int code;

		for (size_t i = 0; i < r.c.n; i++)
			items[i] =
				(struct ward_commit_item){ &r.c.v[i], WARD_COMMIT_NEITHER, true };
		kill_at = at;
		calls = 0;
		code = what == COMMIT    ? ward_commit_run(&c, &r.c, items, r.c.n, &err)
			: what == RESUME ? ward_commit_resume(&c, &err)
					 : ward_commit_undo(&c, &err);
		if (code < 0 && code != WARD_E_NOTFOUND) {
			printf("# %s\n", err.message);
			fflush(stdout);
		}
		_exit(-code);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status)) {
		CHECK_EQ_INT(WTERMSIG(status), SIGKILL);
		return false;
	}
	*ret = -WEXITSTATUS(status);
	return true;
}

static ssize_t content(int dir, const char *path, char out[8192])
{
	struct stat st;
	WARD_FD fd = fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)
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
		n = content(root, path, now);
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

	/* A kill while the mode of something in the layer is lent leaves it lent. */
	ops_tame = geteuid() != 0;
	round_begin(from, true);
	ops_tame = false;
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
	CHECK(hits > 0 || rounds() < 10);
	box_end();
}

TEST(killed_anywhere_and_aborted_it_is_as_before)
{
	unsigned long hits = 0;

	for (unsigned long i = 0; i < rounds() && tap_failures == 0; i++)
		crash_round(next_seed(), false, &hits);
	CHECK(hits > 0 || rounds() < 10);
	box_end();
}

TAP_MAIN();
