/* SPDX-License-Identifier: Apache-2.0 */
/* A commit that died and was taken back, by one that was killed in its turn or not: the next takes nothing that these did for somebody else's. */
#include <grp.h>

#include "commit_kill.h"
#include "workspace/landed.h"

static char lefts[1024];

static void note_left(void *arg, const char *path, const char *why)
{
	size_t n = strlen(lefts);

	(void)arg;
	(void)snprintf(lefts + n, sizeof(lefts) - n, "%s %s; ", path, why);
}

static const char *at(const char *below, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", below, name);
	return box_path(path);
}

/*
 * The run has removed d with all that is in it, k, which has another name that it has not, and both names of h; changed f, and m/f in a directory
 * whose mode it changed; made n, and m/n; and o/moved is a copy of what was o/was.
 */
static const char *const old_names[] = { "d/a", "d/b", "d/e/c", "f", "m/f", "k", "h", "o/was",
	"o/is" };
static const char *const gone_names[] = { "d", "k", "h", "h2", "o/was" };
static const char *const new_names[] = { "f", "m/f", "m/n", "n", "new/n", "o/moved", "o/is" };

static bool marked_layer; /* m has an attribute of the run's */

static void make_layer(void)
{
	static const char *const dirs[] = { "d", "d/e", "m", "o" };

	box_make();
	for (size_t i = 0; i < WARD_ARRAY_SIZE(dirs); i++)
		REQUIRE(mkdir(at("root", dirs[i]), 0755) == 0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(old_names); i++)
		put_at(at("root", old_names[i]), "old", 0644);
	REQUIRE(link(box_path("root/k"), box_path("root/k2")) == 0 &&
		link(box_path("root/h"), box_path("root/h2")) == 0);
	box_begin();
	REQUIRE(mkdir(box_path("upper/m"), 0750) == 0 && mkdir(box_path("upper/new"), 0755) == 0 &&
		mkdir(box_path("upper/o"), 0755) == 0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(gone_names); i++)
		REQUIRE(mknod(at("upper", gone_names[i]), S_IFCHR, 0) == 0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(new_names); i++)
		put_at(at("upper", new_names[i]), "new", 0644);
	REQUIRE(setxattr(box_path("upper/o/moved"), "user.overlay.origin", "", 0, 0) == 0 &&
		setxattr(box_path("upper/o/is"), "user.overlay.origin", "", 0, 0) == 0);
	REQUIRE(!marked_layer || setxattr(box_path("upper/m"), "user.run", "1", 1, 0) == 0);
	read_really = true;
}

static bool is_there(const char *name)
{
	struct stat st;

	return lstat(at("root", name), &st) == 0;
}

static bool is_before(void)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(old_names); i++)
		if (!has(at("root", old_names[i]), "old"))
			return false;
	return !is_there("n") && !is_there("new") && !is_there("m/n") && !is_there("o/moved") &&
		has(box_path("root/h2"), "old");
}

static bool is_after(void)
{
	struct stat st;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(new_names); i++)
		if (!has(at("root", new_names[i]), "new"))
			return false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(gone_names); i++)
		if (is_there(gone_names[i]))
			return false;
	return has(box_path("root/k2"), "old") && stat(box_path("root/m"), &st) == 0 &&
		(st.st_mode & 07777) == 0750;
}

static size_t only; /* the one change that is committed, from 1; 0: all */

/* As ward does it, with what is noted. In a child where it is to be killed. */
static int act(int what)
{
	WARD_CLEANUP(read_done) struct read r = read_layer();
	WARD_CLEANUP(box_fds_done) struct box_fds f;
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);
	struct ward_commit_item items[64] = { 0 };
	struct ward_landed *notes = NULL;
	int code = ward_landed_load(f.store, false, true, &notes, &last_error);

	/* Nobody types that fast. What lies behind the kill is told by the clock. */
	nanosleep(&(struct timespec){ .tv_nsec = what == UNDO ? 12000000 : 0 }, NULL);
	REQUIRE(code == WARD_OK && r.c.n <= WARD_ARRAY_SIZE(items));
	for (size_t i = 0; i < r.c.n; i++)
		items[i] = (struct ward_commit_item){ &r.c.v[i], WARD_COMMIT_NEITHER, false };
	if (only > 0 && only <= r.c.n) {
		items[0] = items[only - 1];
	}
	c.landed = notes;
	c.begins = notes ? NULL : &notes;
	c.left = note_left;
	lefts[0] = '\0';
	code = what == COMMIT    ? ward_commit_run(&c, &r.c, items, only ? 1 : r.c.n, &last_error)
		: what == RESUME ? ward_commit_resume(&c, &last_error)
				 : ward_commit_undo(&c, &last_error);
	ward_landed_free(notes);
	return code;
}

#define BEGUN 1000L /* no commit makes as many calls before its journal is whole */

static bool act_killed(int what, long n)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		kill_at = n;
		calls = 0;
		behind_journal = what == COMMIT ? BEGUN : 0;
		_exit(-act(what));
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status);
}

/* Of both names of h one may be in the project when it is taken back: then nobody knows who changed the file, and it waits. */
static bool is_half_of_h(void)
{
	return is_there("h") != is_there("h2");
}

static void commit_again(bool half)
{
	CHECK(is_before() && no_trace());
	CHECK_EQ_INT(act(COMMIT), WARD_OK);
	if (half && lefts[0]) {
		CHECK_STR_EQ(lefts,
			"h was changed in the project since the run began; h2 was changed in the project since the run began; ");
		return;
	}
	CHECK_STR_EQ(lefts, "");
	CHECK(is_after() && no_trace() && layer_is_empty());
}

TEST(what_was_taken_back_is_committed_again)
{
	size_t seen = 0;

	for (long n = BEGUN + 1; n < 4000 && tap_failures == 0; n++) {
		bool half;

		CASE("killed at call %ld", n);
		make_layer();
		if (!act_killed(COMMIT, n) || journal_state() != WARD_JOURNAL_BEGUN)
			break;
		seen++;
		half = is_half_of_h();
		CHECK_EQ_INT(act(UNDO), WARD_OK);
		commit_again(half);
		box_end();
	}
	CHECK(seen > 15);
	box_end();
}

/* Each fifth state of the commit, and each second one of the abort, which has noted what it gave back. */
TEST(what_an_abort_that_was_killed_gave_back_is_committed_again)
{
	size_t seen = 0, halves = 0;

	for (long n = BEGUN + 2; n < 4000 && tap_failures == 0; n += 9) {
		for (long j = 1 + n % 2; j < 4000 && tap_failures == 0; j += 3) {
			CASE("killed at call %ld, its abort at %ld", n, j);
			make_layer();
			if (!act_killed(COMMIT, n) || journal_state() != WARD_JOURNAL_BEGUN) {
				n = 4000;
				break;
			}
			if (!act_killed(UNDO, j)) {
				box_end();
				break;
			}
			seen += journal_state() == WARD_JOURNAL_BEGUN;
			if (journal_state() != WARD_JOURNAL_NONE)
				CHECK_EQ_INT(act(UNDO), WARD_OK);
			/* A kill between the two names of h, and one behind the second. */
			commit_again(true);
			halves += lefts[0] != '\0';
			box_end();
		}
	}
	CHECK(seen > 15 && halves < seen / 3);
	box_end();
}

/* ---- what somebody else does ---- */

static bool is_old_there(const char *name)
{
	return has(at("root", name), "old");
}

static bool comes(void)
{
	if (!is_there("d"))
		return false;
	put_at(box_path("root/d/mine"), "mine", 0644);
	return true;
}

static bool has_come(void)
{
	return has(box_path("root/d/mine"), "mine");
}

static bool goes(void)
{
	return is_old_there("o/is") && unlink(box_path("root/o/is")) == 0;
}

static bool has_gone(void)
{
	return !is_there("o/is");
}

static bool mode_of_is(const char *name, mode_t mode)
{
	struct stat st;

	return stat(at("root", name), &st) == 0 && (st.st_mode & 07777) == mode;
}

static bool changes_mode(void)
{
	return mode_of_is("m", 0755) && chmod(box_path("root/m"), 0711) == 0;
}

static bool has_mode(void)
{
	return mode_of_is("m", 0711);
}

static bool marks(void)
{
	return is_old_there("f") && setxattr(box_path("root/f"), "user.mine", "1", 1, 0) == 0;
}

static bool is_marked(void)
{
	return getxattr(box_path("root/f"), "user.mine", NULL, 0) == 1;
}

static bool marks_directory(void)
{
	return is_there("d") && setxattr(box_path("root/d"), "user.mine", "1", 1, 0) == 0;
}

static bool is_marked_directory(void)
{
	return getxattr(box_path("root/d"), "user.mine", NULL, 0) == 1;
}

/* Of two, which the run removed both. */
static bool marks_one_name(void)
{
	return is_old_there("h") && setxattr(box_path("root/h"), "user.mine", "1", 1, 0) == 0;
}

static bool is_marked_name(void)
{
	return getxattr(box_path("root/h"), "user.mine", NULL, 0) == 1;
}

static bool writes(void)
{
	WARD_FD fd = open(box_path("root/h2"), O_WRONLY | O_APPEND | O_CLOEXEC);

	return fd >= 0 && write(fd, "mine", 4) == 4;
}

static bool has_written(void)
{
	return has(box_path("root/h2"), "oldmine");
}

#define ANOTHER 4242

static bool gives(const char *name)
{
	return has(at("root", name), "new") && chown(at("root", name), ANOTHER, (gid_t)-1) == 0;
}

static bool is_given(const char *name)
{
	struct stat st;

	return lstat(at("root", name), &st) == 0 && st.st_uid == ANOTHER;
}

static bool gives_new(void)
{
	return gives("n");
}

static bool new_is_given(void)
{
	return is_given("n");
}

static bool gives_changed(void)
{
	return gives("f");
}

static bool changed_is_given(void)
{
	return is_given("f");
}

static bool changes_mode_of_new(void)
{
	return is_there("new") && chmod(box_path("root/new"), 0711) == 0;
}

static bool new_has_mode(void)
{
	return mode_of_is("new", 0711);
}

static const struct meanwhile {
	const char *what;
	bool (*does)(void), (*stays)(void);
	bool as_root; /* nobody else may */
	bool at_once; /* seen by a time alone that our own rename sets too: between a look and that nobody can tell */
} meanwhiles[] = {
	{ "a name comes", comes, has_come },
	{ "a name goes", goes, has_gone, .at_once = true },
	{ "a mode changes", changes_mode, has_mode },
	{ "a file is marked", marks, is_marked },
	{ "a directory is marked", marks_directory, is_marked_directory, .at_once = true },
	{ "a file of two names is marked", marks_one_name, is_marked_name, .at_once = true },
	{ "a new file is given to another", gives_new, new_is_given, .as_root = true },
	{ "a changed file is given to another", gives_changed, changed_is_given, .as_root = true },
	{ "the mode of a new directory changes", changes_mode_of_new, new_has_mode },
	{ "a file is written", writes, has_written },
};

/* Between the commit that was killed and the abort. */
TEST(what_somebody_does_before_the_abort_stays)
{
	for (size_t k = 0; k < WARD_ARRAY_SIZE(meanwhiles); k++) {
		size_t seen = 0;

		if (meanwhiles[k].as_root && geteuid() != 0)
			continue;
		for (long n = BEGUN + 1; n < 4000 && tap_failures == 0;
			n += meanwhiles[k].at_once ? 1 : 3) {
			bool did;

			CASE("killed at call %ld, %s", n, meanwhiles[k].what);
			make_layer();
			if (!act_killed(COMMIT, n) || journal_state() != WARD_JOURNAL_BEGUN)
				break;
			nanosleep(&(struct timespec){ .tv_nsec = 15000000 }, NULL);
			did = meanwhiles[k].does();
			seen += did;
			CHECK_EQ_INT(act(UNDO), WARD_OK);
			CHECK_EQ_INT(act(COMMIT), WARD_OK);
			CHECK(!did || meanwhiles[k].stays());
			box_end();
		}
		CHECK(seen > 0);
	}
	box_end();
}

/* Some file systems know no time between two ticks; and of a machine that is not given its processor a tick comes late. */
static void next_tick(void)
{
	struct timespec was, is;

	REQUIRE(clock_gettime(CLOCK_REALTIME_COARSE, &was) == 0);
	do {
		nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
		REQUIRE(clock_gettime(CLOCK_REALTIME_COARSE, &is) == 0);
	} while (is.tv_sec == was.tv_sec && is.tv_nsec == was.tv_nsec);
}

/* As soon as a file system can tell it. */
TEST(what_somebody_does_at_once_after_a_kill_stays)
{
	for (size_t k = 0; k < WARD_ARRAY_SIZE(meanwhiles); k++) {
		size_t seen = 0;

		if (meanwhiles[k].as_root && geteuid() != 0)
			continue;
		for (long n = BEGUN + 1; n < 4000 && tap_failures == 0; n++) {
			bool did;

			CASE("killed at call %ld, at once %s", n, meanwhiles[k].what);
			make_layer();
			if (!act_killed(COMMIT, n) || journal_state() != WARD_JOURNAL_BEGUN)
				break;
			next_tick();
			did = meanwhiles[k].does();
			seen += did;
			CHECK_EQ_INT(act(UNDO), WARD_OK);
			CHECK_EQ_INT(act(COMMIT), WARD_OK);
			CHECK(!did || meanwhiles[k].stays());
			box_end();
		}
		CHECK(seen > 0);
	}
	box_end();
}

/* All has been done, and not been said to be. */
static long last_begun(void)
{
	for (long n = BEGUN + 1; n < 4000; n++) {
		bool in_it;

		make_layer();
		in_it = act_killed(COMMIT, n) && journal_state() == WARD_JOURNAL_BEGUN;
		box_end();
		if (!in_it)
			return n - 1;
	}
	return 4000;
}

/* Somebody's mode stays; what the run gave the directory does not stay with it. */
TEST(attributes_of_the_run_do_not_stay_with_a_mode_that_somebody_gave)
{
	long n;

	marked_layer = true;
	n = last_begun();
	make_layer();
	REQUIRE(act_killed(COMMIT, n) && journal_state() == WARD_JOURNAL_BEGUN);
	REQUIRE(getxattr(box_path("root/m"), "user.run", NULL, 0) == 1);
	REQUIRE(chmod(box_path("root/m"), 0711) == 0);
	CHECK_EQ_INT(act(UNDO), WARD_OK);
	CHECK(mode_of_is("m", 0711));
	CHECK(getxattr(box_path("root/m"), "user.run", NULL, 0) < 0);
	CHECK_STR_EQ(lefts, "m got another mode in the project while the commit went on; ");
	marked_layer = false;
	box_end();
}

/* An access list of the run's was given, and the rest of its mode not yet. */
TEST(half_of_the_mode_of_the_run_is_none_that_somebody_gave)
{
	long n = last_begun();

	make_layer();
	REQUIRE(chmod(box_path("root/m"), 02755) == 0);
	box_begin();
	REQUIRE(act_killed(COMMIT, n) && journal_state() == WARD_JOURNAL_BEGUN);
	REQUIRE(chmod(box_path("root/m"), 02750) == 0);
	CHECK_EQ_INT(act(UNDO), WARD_OK);
	CHECK(mode_of_is("m", 02755));
	CHECK_STR_EQ(lefts, "");
	box_end();
}

#define NOBODY 65534
#define SOME_IS_LEFT 100

static int act_as_nobody(int what)
{
	int status, code;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		REQUIRE(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
		code = act(what);
		_exit(code == WARD_OK && strstr(lefts, "set-group-ID bit") ? SOME_IS_LEFT : -code);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status) == SOME_IS_LEFT ? SOME_IS_LEFT : -WEXITSTATUS(status);
}

/* Of a user who owns it and is not of its group: whatever he does to its mode takes the bit away, so what lies in a closed one waits. */
TEST(a_set_group_id_bit_is_not_lost_by_a_loan)
{
	static const char *const all[] = { "root", "root/s", "root/s/f", "upper", "upper/s",
		"upper/s/f", "store", "" };

	if (geteuid() != 0)
		SKIP("only root gives a directory to a group that its owner is not of");
	for (int closed = 0; closed < 2; closed++) {
		CASE("%s", closed ? "closed" : "open");
		box_make();
		REQUIRE(mkdir(box_path("root/s"), 0755) == 0 &&
			mkdir(box_path("upper/s"), 0755) == 0);
		put_at(box_path("root/s/f"), "old", 0644);
		put_at(box_path("upper/s/f"), "new", 0644);
		for (size_t i = 0; i < WARD_ARRAY_SIZE(all); i++)
			REQUIRE(chown(box_path(all[i]), NOBODY, NOBODY) == 0);
		for (int k = 0; k < 2; k++) {
			const char *s = box_path(k ? "upper/s" : "root/s");

			REQUIRE(chown(s, NOBODY, ANOTHER) == 0 &&
				chmod(s, closed ? 02555 : 02755) == 0);
		}
		box_begin();
		read_really = true;
		CHECK_EQ_INT(act_as_nobody(COMMIT), closed ? SOME_IS_LEFT : WARD_OK);
		CHECK(mode_of_is("s", closed ? 02555 : 02755) && no_trace());
		CHECK(has(box_path("root/s/f"), closed ? "old" : "new"));
		box_end();
	}
}

static const struct meanwhile *now;
static bool now_did;

static void act_now(void)
{
	now_did = now->does();
}

/* At each call of an abort: what it gave back is somebody's from then on. */
TEST(what_somebody_does_during_the_abort_stays)
{
	long last = last_begun();

	actor = act_now;
	for (size_t k = 0; k < WARD_ARRAY_SIZE(meanwhiles); k++) {
		size_t seen = 0;
		bool acted = !meanwhiles[k].at_once;

		if (meanwhiles[k].as_root && geteuid() != 0)
			continue;
		now = &meanwhiles[k];
		for (long j = 1; acted && tap_failures == 0; j++) {
			CASE("at call %ld of the abort %s", j, now->what);
			make_layer();
			REQUIRE(act_killed(COMMIT, last) && journal_state() == WARD_JOURNAL_BEGUN);
			now_did = false;
			calls = 0;
			act_at = j;
			CHECK_EQ_INT(act(UNDO), WARD_OK);
			acted = calls >= j;
			act_at = -1;
			seen += now_did;
			CHECK_EQ_INT(act(COMMIT), WARD_OK);
			CHECK(!now_did || now->stays());
			box_end();
		}
		CHECK(seen > 0 || now->at_once);
	}
	actor = NULL;
	box_end();
}

/* ---- in parts ---- */

/* Whatever comes first, what Ward did in the directories before is no conflict for the rest. */
TEST(what_is_committed_in_parts_is_no_conflict)
{
	for (size_t first = 1; first <= 14 && tap_failures == 0; first++) {
		make_layer();
		for (size_t k = 0; k < 3; k++) {
			CASE("change %zu first, %zu more", first, k);
			only = k == 0 ? first : k == 1 ? 1 : 3;
			CHECK_EQ_INT(act(COMMIT), WARD_OK);
			/* A directory that holds something yet is not removed. */
			CHECK(!lefts[0] || strstr(lefts, "something in it stays"));
			only = 0;
		}
		CASE("change %zu first, then all", first);
		CHECK_EQ_INT(act(COMMIT), WARD_OK);
		CHECK_STR_EQ(lefts, "");
		CHECK(is_after() && no_trace() && layer_is_empty());
		box_end();
	}
	box_end();
}

/* What was replaced has another name yet, which loses it by Ward. */
TEST(names_of_a_file_that_was_changed_are_no_conflict_for_each_other)
{
	box_make();
	put_at(box_path("root/w"), "old", 0644);
	REQUIRE(link(box_path("root/w"), box_path("root/w2")) == 0);
	box_begin();
	put_at(box_path("upper/w"), "new", 0644);
	REQUIRE(link(box_path("upper/w"), box_path("upper/w2")) == 0);
	read_really = true;
	only = 1;
	CHECK_EQ_INT(act(COMMIT), WARD_OK);
	only = 0;
	CHECK(is_old_there("w2"));
	CHECK_EQ_INT(act(COMMIT), WARD_OK);
	CHECK_STR_EQ(lefts, "");
	CHECK(!is_old_there("w") && !is_old_there("w2") && layer_is_empty());
	box_end();
}

TEST(what_somebody_does_between_two_parts_stays)
{
	for (size_t k = 0; k < WARD_ARRAY_SIZE(meanwhiles); k++) {
		size_t seen = 0;

		if (meanwhiles[k].as_root && geteuid() != 0)
			continue;
		for (size_t first = 1; first <= 14 && tap_failures == 0; first++) {
			bool did;

			CASE("change %zu, then %s", first, meanwhiles[k].what);
			make_layer();
			only = first;
			CHECK_EQ_INT(act(COMMIT), WARD_OK);
			did = meanwhiles[k].does();
			seen += did;
			/* The next part leaves its traces on those of somebody else. */
			for (only = 10; only > 3; only -= 3)
				CHECK_EQ_INT(act(COMMIT), WARD_OK);
			only = 0;
			CHECK_EQ_INT(act(COMMIT), WARD_OK);
			CHECK(!did || meanwhiles[k].stays());
			box_end();
		}
		CHECK(seen > 0);
	}
	box_end();
}

TAP_MAIN();
