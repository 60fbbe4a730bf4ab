/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits against the real overlay: random operations in a run and the same on a plain directory, then the commit, whole, in parts, killed at
 * any of its calls and then finished or taken back; and somebody who renames in the project meanwhile.
 *
 * WARD_COMMIT_OPS: how many operations of each kind (2,000; make check-commits: 100,000), WARD_COMMIT_SEED which, WARD_COMMIT_RACE_S
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

/* ---- and somebody who writes in the project at its n-th look ---- */

static long look_at = -1, looks;
static void somebody(void);

int __real_ward_commit_look(int a, const char *b, struct stat *c);
int __wrap_ward_commit_look(int a, const char *b, struct stat *c);
int __wrap_ward_commit_look(int a, const char *b, struct stat *c)
{
	if (++looks == look_at)
		somebody();
	return __real_ward_commit_look(a, b, c);
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

static bool crashes;

/* A project, and a run that changed it. */
static void round_begin(uint64_t from, bool links)
{
	struct ops o = { .seed = (from * 31) | 1, .links = links };

	read_really = getenv("WARD_COMMIT_READ") ? true : from & 4;
	/* A kill while the mode of something in the layer is lent leaves it lent. */
	ops_tame = geteuid() != 0 && crashes;

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

static bool layer_is_empty(void)
{
	WARD_CLEANUP(read_done) struct read r = { 0 };
	WARD_FD fd = box_open("upper");
	bool all = !read_really;

	/* What a run wrote as it was is no change, and stays in the layer. */
	read_really = true;
	r = read_layer();
	return r.c.n == 0 && (!all || ward_commit_empty(fd, "."));
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
		calls = looks = 0;
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

static ssize_t content_of(int given, char out[8192])
{
	WARD_FD fd = given;

	return fd < 0 ? -1 : read(fd, out, 8192);
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

/* ---- by hand ---- */

static void put_at(const char *path, const char *text, mode_t mode)
{
	WARD_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	REQUIRE(fchmod(fd, mode) == 0);
}

static bool has(const char *path, const char *text)
{
	char now[256] = "";
	WARD_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, now, sizeof(now) - 1);

	return n >= 0 && strcmp(now, text) == 0;
}

/* ---- somebody renames meanwhile ---- */

static void race(const char *a, const char *link, const char *away, const char *in)
{
	(void)(rename(a, away) + symlink("../outside/a", a) + unlink(a) + rename(away, a));
	for (int i = 0; i < 2; i++)
		(void)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, link, RENAME_EXCHANGE);
	(void)(rename(a, in) + mkdir(a, 0755) + rmdir(a) + rename(in, a));
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
			race(a, link, away, in);
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

/* ---- one thing at a time ---- */

static struct ward_error last_error;

/* All that the layer says, and what came of it. */
static int commit_by_hand(enum ward_commit_side side, bool set_id)
{
	WARD_CLEANUP(read_done) struct read r = read_layer();
	WARD_CLEANUP(box_fds_done) struct box_fds f;
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);
	struct ward_commit_item items[64] = { 0 };

	REQUIRE(r.c.n <= 64);
	for (size_t i = 0; i < r.c.n; i++)
		items[i] = (struct ward_commit_item){ &r.c.v[i], side, set_id };
	last_error = (struct ward_error)WARD_ERROR_INIT;
	return ward_commit_run(&c, &r.c, items, r.c.n, &last_error);
}

static bool no_trace(void)
{
	struct stat st;

	return lstat(box_path("root/.ward-commit-" RUN), &st) < 0 &&
		lstat(box_path("store/" WARD_COMMIT_STAGE_STORE), &st) < 0 &&
		lstat(box_path("root/.ward-kept-" RUN), &st) < 0 &&
		lstat(box_path("store/" WARD_WORKSPACE_JOURNAL), &st) < 0;
}

static void somebody(void)
{
	WARD_FD new = open(box_path("root/n"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	WARD_FD old = open(box_path("root/f"), O_WRONLY | O_TRUNC | O_CLOEXEC);

	if ((new >= 0 && write(new, "host", 4) != 4) || old < 0 || write(old, "host", 4) != 4)
		_exit(99);
}

/* At each look in turn: what was written before or after is there; nothing of it is taken for what was planned for. */
TEST(what_somebody_writes_while_it_looks_is_not_lost)
{
	for (look_at = 1; look_at < 400; look_at++) {
		int code = 0;

		box_make();
		read_really = false;
		put_at(box_path("root/f"), "old", 0644);
		box_begin();
		put_at(box_path("upper/f"), "from the run", 0644);
		put_at(box_path("upper/n"), "from the run", 0644);
		CHECK(killed(COMMIT, -1, &code) && code == WARD_OK);
		if (has(box_path("root/f"), "from the run"))
			break; /* it looks less often */
		CHECK(has(box_path("root/f"), "host"));
		CHECK(has(box_path("root/n"), "host") || has(box_path("root/n"), "from the run"));
	}
	CHECK(look_at > 4 && look_at < 400);
	look_at = -1;
}

/* Killed at each call in turn: what lies ready then, somebody else writes to. */
TEST(what_lies_ready_is_out_of_reach_and_not_believed_when_it_was_changed)
{
	size_t hits = 0;

	for (long at = 1; at < 4000; at++) {
		struct stat st;
		int code = 0;

		box_make();
		read_really = false;
		put_at(box_path("root/f"), "old", 0644);
		box_begin();
		put_at(box_path("upper/f"), "new", 0644);
		put_at(box_path("upper/n"), "new", 0644);
		if (killed(COMMIT, at, &code))
			break;
		/* The project's directory is written by other runs; the store by none. */
		CHECK(lstat(box_path("root/.ward-commit-" RUN), &st) < 0 || S_ISLNK(st.st_mode));
		if (lstat(box_path("store/" WARD_WORKSPACE_JOURNAL), &st) < 0)
			continue;
		for (int i = 0; i < 2; i++) {
			const char *ready = box_path(i ? "store/stage/n1" : "store/stage/n0");
			WARD_FD fd = has(ready, "new")
				? open(ready, O_WRONLY | O_APPEND | O_CLOEXEC)
				: -1;

			if (fd >= 0) {
				REQUIRE(write(fd, "evil", 4) == 4);
				hits++;
			}
		}
		(void)killed(RESUME, -1, &code);
		CHECK(!has(box_path("root/f"), "newevil") && !has(box_path("root/n"), "newevil"));
	}
	CHECK(hits > 0);
}

TEST(a_link_in_the_way_is_not_followed)
{
	struct stat before, after;

	box_make();
	read_really = false;
	REQUIRE(mkdir(box_path("outside"), 0755) == 0 && mkdir(box_path("root/a"), 0755) == 0 &&
		mkdir(box_path("upper/a"), 0755) == 0);
	put_at(box_path("outside/f"), "outside", 0644);
	put_at(box_path("root/a/f"), "old", 0644);
	box_begin();
	put_at(box_path("upper/a/f"), "new", 0644);
	put_at(box_path("upper/a/n"), "new", 0644);
	{
		WARD_CLEANUP(read_done) struct read r = read_layer();
		WARD_CLEANUP(box_fds_done) struct box_fds f;
		WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);
		struct ward_commit_item items[2] = { { &r.c.v[0], WARD_COMMIT_OURS, false },
			{ &r.c.v[1], WARD_COMMIT_OURS, false } };

		REQUIRE(r.c.n == 2 && rename(box_path("root/a"), box_path("root/b")) == 0 &&
			symlink("../outside", box_path("root/a")) == 0);
		REQUIRE(stat(box_path("outside"), &before) == 0);
		CHECK_EQ_INT(ward_commit_run(&c, &r.c, items, 2, &last_error), WARD_OK);
		CHECK_EQ_INT(box_lefts, 2);
	}
	REQUIRE(stat(box_path("outside"), &after) == 0);
	CHECK_EQ_INT(ward_commit_ns(&after.st_mtim), ward_commit_ns(&before.st_mtim));
	CHECK(has(box_path("outside/f"), "outside") && has(box_path("root/b/f"), "old") &&
		has(box_path("upper/a/f"), "new"));
	CHECK(no_trace());
	box_end();
}

TEST(what_others_changed_meanwhile_is_a_conflict)
{
	static const struct row {
		const char *layer,
			*project; /* of the file f; - gone, + a directory, NULL as it was */
		bool is_new; /* the project had none */
		int lefts;
		const char *text;
	} rows[] = {
		{ "new", NULL, false, 0, NULL },
		{ "new", "theirs", false, 1, "theirs" },
		{ "new", "-", false, 1, NULL },
		{ "new", "+", false, 1, NULL },
		{ "-", NULL, false, 0, NULL },
		{ "-", "theirs", false, 1, "theirs" },
		{ "-", "-", false, 0, NULL },
		{ "new", NULL, true, 0, NULL },
		{ "new", "theirs", true, 1, "theirs" },
	};

	TABLE(row, rows) {
		WARD_CLEANUP(read_done) struct read r = { 0 };
		WARD_CLEANUP(box_fds_done) struct box_fds f;
		WARD_CLEANUP(ward_commit_done) struct ward_commit c;
		struct ward_commit_item item = { 0 };
		struct stat st;
		const char *why = NULL;

		CASE("layer %s, project %s%s", row->layer,
			row->project ? row->project : "as it was", row->is_new ? ", new" : "");
		box_make();
		read_really = false;
		if (!row->is_new)
			put_at(box_path("root/f"), "old", 0644);
		box_begin();
		if (row->layer[0] == '-')
			REQUIRE(mknod(box_path("upper/f"), S_IFCHR, 0) == 0);
		else
			put_at(box_path("upper/f"), row->layer, 0644);
		r = read_layer();
		REQUIRE(r.c.n == 1);
		if (row->project && (row->project[0] == '-' || row->project[0] == '+'))
			REQUIRE(unlink(box_path("root/f")) == 0);
		if (row->project && row->project[0] == '+')
			REQUIRE(mkdir(box_path("root/f"), 0755) == 0);
		if (row->project && row->project[0] != '-' && row->project[0] != '+')
			put_at(box_path("root/f"), row->project, 0644);
		c = box_commit(&f);
		item.change = &r.c.v[0];
		CHECK_EQ_INT(ward_commit_in_way(&c, item.change, true, &why), 0);
		CHECK_EQ_INT(why != NULL, row->lefts);
		CHECK_EQ_INT(ward_commit_run(&c, &r.c, &item, 1, &last_error), WARD_OK);
		CHECK_EQ_INT(box_lefts, row->lefts);
		if (row->text)
			CHECK(has(box_path("root/f"), row->text));
		else if (!row->lefts && row->layer[0] != '-')
			CHECK(has(box_path("root/f"), "new"));
		else if (!row->lefts)
			CHECK(lstat(box_path("root/f"), &st) < 0);
		CHECK(no_trace());
		CHECK_EQ_INT(lstat(box_path("upper/f"), &st) == 0, row->lefts);
	}
	box_end();
}

TEST(a_conflict_is_decided_by_side)
{
	for (int ours = 0; ours < 2; ours++) {
		box_make();
		read_really = false;
		put_at(box_path("root/f"), "old", 0644);
		box_begin();
		put_at(box_path("upper/f"), "new", 0644);
		put_at(box_path("root/f"), "theirs", 0644);
		CHECK_EQ_INT(commit_by_hand(ours ? WARD_COMMIT_OURS : WARD_COMMIT_THEIRS, false),
			WARD_OK);
		CHECK(has(box_path("root/f"), ours ? "new" : "theirs"));
		CHECK(layer_is_empty() && no_trace());
	}
	box_end();
}

TEST(other_names_of_a_file_of_the_project_are_a_conflict)
{
	const char *why = NULL;

	box_make();
	read_really = false;
	put_at(box_path("root/f"), "old", 0644);
	REQUIRE(link(box_path("root/f"), box_path("root/g")) == 0);
	box_begin();
	put_at(box_path("upper/f"), "new", 0644);
	{
		WARD_CLEANUP(read_done) struct read r = read_layer();
		WARD_CLEANUP(box_fds_done) struct box_fds f;
		WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);

		REQUIRE(r.c.n == 1);
		r.c.v[0].origin = true;
		CHECK_EQ_INT(ward_commit_in_way(&c, &r.c.v[0], true, &why), 0);
		CHECK_STR_CONTAINS(why, "other names");
	}
	box_end();
}

TEST(what_no_commit_makes_is_refused)
{
	static const struct row {
		mode_t mode;
		bool set_id;
		int code;
	} rows[] = { { S_IFIFO | 0644, true, WARD_E_REFUSED },
		{ S_IFSOCK | 0644, true, WARD_E_REFUSED },
		{ S_IFREG | 04755, false, WARD_E_REFUSED },
		{ S_IFREG | 02755, false, WARD_E_REFUSED }, { S_IFREG | 04755, true, WARD_OK },
		{ S_IFREG | 0755, false, WARD_OK } };

	TABLE(row, rows) {
		struct stat st;

		CASE("mode %o%s", row->mode, row->set_id ? ", set-ID accepted" : "");
		box_make();
		read_really = false;
		box_begin();
		put_at(box_path("upper/a"), "new", 0644);
		REQUIRE(mknod(box_path("upper/f"), row->mode, 0) == 0 &&
			chmod(box_path("upper/f"), row->mode & 07777) == 0);
		CHECK_EQ_INT(commit_by_hand(WARD_COMMIT_NEITHER, row->set_id), row->code);
		CHECK_EQ_INT(lstat(box_path("root/f"), &st) == 0, row->code == WARD_OK);
		CHECK_EQ_INT(lstat(box_path("root/a"), &st) == 0,
			row->code == WARD_OK); /* nothing by half */
		if (row->code == WARD_OK)
			CHECK(lstat(box_path("root/f"), &st) == 0 && st.st_mode == row->mode);
		CHECK(no_trace());
	}
	box_end();
}

TEST(times_names_and_groups_of_names_come_along)
{
	struct stat f, g, want;

	box_make();
	read_really = false;
	box_begin();
	put_at(box_path("upper/f"), "new", 0640);
	REQUIRE(link(box_path("upper/f"), box_path("upper/g")) == 0 &&
		symlink("f", box_path("upper/l")) == 0);
	REQUIRE(utimensat(AT_FDCWD, box_path("upper/f"), (struct timespec[]){ { 5, 6 }, { 7, 8 } },
			0) == 0 &&
		stat(box_path("upper/f"), &want) == 0);
	CHECK_EQ_INT(commit_by_hand(WARD_COMMIT_NEITHER, false), WARD_OK);
	REQUIRE(stat(box_path("root/f"), &f) == 0 && stat(box_path("root/g"), &g) == 0);
	CHECK_EQ_UINT(f.st_ino, g.st_ino);
	CHECK_EQ_INT(ward_commit_ns(&f.st_mtim), 7000000008);
	CHECK_EQ_INT(f.st_mode, want.st_mode);
	CHECK_NE_INT((intmax_t)f.st_ino, (intmax_t)want.st_ino);
	CHECK(has(box_path("root/f"), "new"));
	box_end();
}

static bool one_file(const char *a, const char *b)
{
	struct stat x, y;

	return lstat(box_path(a), &x) == 0 && lstat(box_path(b), &y) == 0 && x.st_ino == y.st_ino;
}

/* a, new, and z, which was another file, are names of m in the run; m is as it was, or somebody else writes it when that has been seen. */
TEST(a_new_name_of_a_file_that_is_as_it_was_is_another_name_of_it)
{
	for (int others = 0; others < 2; others++) {
		WARD_CLEANUP(read_done) struct read r = { 0 };
		WARD_CLEANUP(box_fds_done) struct box_fds f;
		WARD_CLEANUP(ward_commit_done) struct ward_commit c = WARD_COMMIT_INIT;
		struct ward_commit_item items[8] = { 0 };

		CASE("%s", others ? "changed meanwhile" : "as it was");
		box_make();
		put_at(box_path("root/m"), "same", 0644);
		put_at(box_path("root/z"), "old", 0644);
		put_at(box_path("upper/m"), "same", 0644);
		REQUIRE(link(box_path("upper/m"), box_path("upper/a")) == 0 &&
			link(box_path("upper/m"), box_path("upper/z")) == 0);
		box_begin();
		read_really = true;
		r = read_layer();
		REQUIRE(r.c.n == 2);
		for (size_t i = 0; i < r.c.n; i++) {
			CHECK_STR_EQ(r.c.v[i].as_was, "m");
			items[i] =
				(struct ward_commit_item){ &r.c.v[i], WARD_COMMIT_NEITHER, false };
		}
		if (others)
			put_at(box_path("root/m"), "evil", 0644);
		c = box_commit(&f);
		CHECK_EQ_INT(ward_commit_run(&c, &r.c, items, r.c.n, &last_error), WARD_OK);
		CHECK_EQ_INT(one_file("root/m", "root/a"), !others);
		CHECK(one_file("root/a", "root/z") && !one_file("root/m", "upper/m"));
		CHECK(has(box_path("root/a"), "same") &&
			has(box_path("root/m"), others ? "evil" : "same"));
		CHECK(no_trace());
	}
	box_end();
}

/* Killed at each call in turn, then taken back; then the whole once more. */
TEST(killed_at_each_call_and_aborted_it_can_be_committed_again)
{
	bool ended = false;

	for (long at = 1; at < 4000 && !ended && tap_failures == 0; at++) {
		int code = 0;

		CASE("call %ld", at);
		box_make();
		put_at(box_path("root/f"), "old", 0644);
		put_at(box_path("root/m"), "same", 0644);
		put_at(box_path("upper/f"), "new", 0644);
		put_at(box_path("upper/m"), "same", 0644);
		REQUIRE(link(box_path("upper/m"), box_path("upper/a")) == 0);
		box_begin();
		read_really = true;
		ended = killed(COMMIT, at, &code);
		if (!ended) {
			CHECK(killed(UNDO, -1, &code));
			if (code == WARD_E_REFUSED)
				CHECK(killed(RESUME, -1, &code));
			CHECK(code == WARD_OK || code == WARD_E_NOTFOUND);
			CHECK(no_trace());
			/* What was put back has a new ctime. */
			CHECK_EQ_INT(commit_by_hand(WARD_COMMIT_OURS, false), WARD_OK);
		}
		CHECK(no_trace());
		CHECK(one_file("root/m", "root/a") && has(box_path("root/m"), "same") &&
			has(box_path("root/f"), "new"));
	}
	CHECK(ended || tap_failures > 0);
	box_end();
}

/* d is gone in the run; an ordinary user must lend its mode to take one of its names out. */
TEST(a_directory_that_cannot_be_written_goes_in_two_parts)
{
	struct stat st;

	box_make();
	REQUIRE(mkdir(box_path("root/d"), 0755) == 0);
	put_at(box_path("root/d/x"), "x", 0644);
	put_at(box_path("root/d/y"), "y", 0644);
	REQUIRE(chmod(box_path("root/d"), 0555) == 0);
	box_begin();
	REQUIRE(mknod(box_path("upper/d"), S_IFCHR, 0) == 0);
	read_really = true;
	for (int part = 0; part < 2; part++) {
		WARD_CLEANUP(read_done) struct read r = read_layer();
		WARD_CLEANUP(box_fds_done) struct box_fds f;
		WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);
		struct ward_commit_item items[3] = { 0 };
		size_t n = part == 0 ? 1 : r.c.n;

		REQUIRE(r.c.n == (part == 0 ? 3 : 2));
		for (size_t i = 0; i < n; i++)
			items[i] = (struct ward_commit_item){ &r.c.v[part == 0 ? 1 : i],
				WARD_COMMIT_OURS, false };
		CHECK_EQ_INT(ward_commit_run(&c, &r.c, items, n, &last_error), WARD_OK);
		CHECK_EQ_INT(lstat(box_path("root/d"), &st) < 0, part == 1);
	}
	CHECK(layer_is_empty());
	box_end();
}

/* The mode is asked at each reading of an attribute. */
TEST(an_attribute_of_a_file_that_nobody_may_read_is_compared)
{
	WARD_CLEANUP(read_done) struct read r = { 0 };
	struct stat st;

	box_make();
	for (int i = 0; i < 2; i++) {
		const char *path = box_path(i ? "upper/f" : "root/f");

		put_at(path, "same", 0644);
		REQUIRE(setxattr(path, "user.x", i ? "new" : "old", 3, 0) == 0 &&
			chmod(path, 0) == 0);
	}
	read_really = true;
	r = read_layer();
	CHECK(r.c.n == 1 && r.c.v[0].xattrs && !r.c.v[0].bits);
	REQUIRE(stat(box_path("upper/f"), &st) == 0);
	CHECK_EQ_INT(st.st_mode & 07777, 0);
	box_end();
}

TEST(a_damaged_or_newer_journal_is_refused)
{
	static const char long_one[] =
		"nothing of the kind, but long enough that its sum could be there: "
		"................................................................................................";
	static const char *const texts[] = { "", "WARDCJNL", "WARDCJNL\2\0\0\0\1\0\0\0", long_one };
	static const size_t sizes[] = { 0, 8, 140, 150 };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(texts); i++) {
		char text[256] = { 0 };

		box_make();
		put_at(box_path("root/f"), "old", 0644);
		memcpy(text, texts[i], i == 2 ? 16 : strlen(texts[i]));
		{
			WARD_FD fd = open(box_path("store/" WARD_WORKSPACE_JOURNAL),
				O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

			REQUIRE(fd >= 0 && write(fd, text, sizes[i]) == (ssize_t)sizes[i]);
		}
		for (int back = 0; back < 2; back++) {
			WARD_CLEANUP(box_fds_done) struct box_fds f;
			WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);
			struct stat st;

			CASE("journal %zu, %s", i, back ? "abort" : "continue");
			CHECK_EQ_INT(back ? ward_commit_undo(&c, &last_error)
					  : ward_commit_resume(&c, &last_error),
				i == 2 ? WARD_E_UNSUPPORTED : WARD_E_PARSE);
			CHECK(has(box_path("root/f"), "old") &&
				lstat(box_path("store/" WARD_WORKSPACE_JOURNAL), &st) == 0);
		}
	}
	box_end();
}

static void full_disk(void *arg)
{
	static char text[1 << 20];
	int code;
	WARD_FD fd = -1;

	(void)arg;
	if (mount("tmpfs", box_path("root"), "tmpfs", 0, "size=256k,mode=755") < 0)
		_exit(77);
	put_at(box_path("root/f"), "old", 0644);
	box_begin();
	put_at(box_path("upper/f"), "new", 0644);
	fd = open(box_path("upper/big"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, sizeof(text)) != (ssize_t)sizeof(text))
		_exit(5);
	code = commit_by_hand(WARD_COMMIT_NEITHER, false);
	if (code != WARD_E_SYSTEM || !strstr(last_error.message, "No space") ||
		!strstr(last_error.message, "big") || !has(box_path("root/f"), "old") ||
		!no_trace())
		_exit(6);
}

TEST(a_full_disk_changes_nothing)
{
	box_make();
	read_really = false;
	if (!box_run(full_disk, NULL))
		SKIP("no overlay or tmpfs in a user namespace here");
	box_end();
}

TAP_MAIN();
