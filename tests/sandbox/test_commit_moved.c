/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits of what the run moved: where it cannot come to its new name, since somebody did something there meanwhile, it has its old one again,
 * whatever was killed in between. And what somebody gave to what a commit had made stays when that is taken back.
 */
#include "commit_kill.h"

enum { RENAMED = 0, OVER, ON_AND_OVER, FROM_A_DIRECTORY, N_WAYS };

static void whiteout(const char *name)
{
	REQUIRE(mknod(box_path(name), S_IFCHR, 0) == 0);
}

static void make_layer(int way)
{
	box_make();
	REQUIRE(mkdir(box_path("root/d"), 0755) == 0 && mkdir(box_path("root/o"), 0755) == 0);
	if (way == FROM_A_DIRECTORY)
		put_at(box_path("root/o/a"), "what a had", 0644);
	else
		put_at(box_path("root/a"), "what a had", 0644);
	if (way == OVER)
		put_at(box_path("root/d/b"), "what b had", 0644);
	if (way == ON_AND_OVER)
		put_at(box_path("root/b"), "what b had", 0644);
	box_begin();
	REQUIRE(mkdir(box_path("upper/d"), 0755) == 0);
	whiteout(way == FROM_A_DIRECTORY ? "upper/o" : "upper/a");
	if (way == ON_AND_OVER) {
		put_at(box_path("upper/b"), "what a had", 0644);
		put_at(box_path("upper/d/b"), "what b had", 0644);
	} else {
		put_at(box_path("upper/d/b"), "what a had", 0644);
	}
	read_really = true;
}

/* Somewhere in the project, under any of its names. */
static bool is_real(const char *text)
{
	static const char *const names[] = { "root/a", "root/b", "root/d/b", "root/e/b",
		"root/o/a" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++)
		if (has(box_path(names[i]), text))
			return true;
	return false;
}

static void moves_it_away(void)
{
	if (rename(box_path("root/d"), box_path("root/e")) < 0)
		_exit(99);
}

/* Not of what became real already. */
static void has_the_name(void)
{
	WARD_FD fd = -1;

	if (has(box_path("root/d/b"), "what a had") ||
		(has(box_path("root/d/b"), "what b had") && !has(box_path("root/a"), "what a had")))
		return;
	fd = open(box_path("root/d/b"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "somebody", 8) != 8)
		_exit(99);
}

static void check_nothing_is_lost(int way, const char *when)
{
	CHECK_MSG(is_real("what a had"), "%d, %ld: a, %s", way, act_at, when);
	if (way == ON_AND_OVER)
		CHECK_MSG(is_real("what b had"), "%d, %ld: b, %s", way, act_at, when);
	CHECK_MSG(no_trace(), "%d, %ld: left over, %s", way, act_at, when);
}

/* More calls than the commit makes. */
static void at_every_call(void (*fn)(void))
{
	for (int way = 0; way < N_WAYS; way++) {
		unsigned n_stayed = 0;

		for (act_at = 1; act_at < 45; act_at++) {
			int code = 0;

			make_layer(way);
			actor = fn;
			CHECK(killed(COMMIT, -1, &code) && code == WARD_OK);
			actor = NULL;
			n_stayed += has(box_path("root/a"), "what a had") ||
				has(box_path("root/o/a"), "what a had");
			check_nothing_is_lost(way, "at the end");
			box_end();
		}
		CHECK_MSG(n_stayed > 2, "%d: %u", way, n_stayed);
	}
	act_at = -1;
}

TEST(where_its_directory_goes_it_has_its_old_name)
{
	at_every_call(moves_it_away);
}

TEST(where_somebody_has_the_name_it_has_its_old_one)
{
	at_every_call(has_the_name);
}

/* The journal knows which goes with which. */
TEST(who_goes_on_after_a_kill_gives_it_back_too)
{
	for (int way = 0; way < N_WAYS; way++) {
		unsigned n_killed = 0;

		for (act_at = 1; act_at < 45; act_at += 2) {
			for (long at = act_at + 1; at < act_at + 9; at += 3) {
				int code = 0;
				bool ended;

				make_layer(way);
				actor = moves_it_away;
				ended = killed(COMMIT, at, &code);
				actor = NULL;
				n_killed += !ended;
				if (!ended && journal_state() != WARD_JOURNAL_NONE)
					CHECK(killed(RESUME, -1, &code) && code == WARD_OK);
				else if (!ended)
					CHECK(killed(UNDO, -1, &code));
				check_nothing_is_lost(way, "after a kill");
				box_end();
			}
		}
		CHECK(n_killed > 20);
	}
	act_at = -1;
}

/* ---- what somebody gave to what the commit made ---- */

static bool gives_to(const char *name)
{
	return setxattr(box_path(name), "user.mine", "x", 1, XATTR_CREATE) == 0;
}

static bool has_given(const char *name)
{
	return getxattr(box_path(name), "user.mine", NULL, 0) == 1;
}

TEST(an_attribute_of_somebody_is_not_taken_back)
{
	unsigned n_given = 0;

	for (long at = 1; at < 60; at++) {
		bool n, f, d;
		int code = 0;

		box_make();
		put_at(box_path("root/f"), "old", 0644);
		box_begin();
		put_at(box_path("upper/f"), "new", 0644);
		put_at(box_path("upper/n"), "new", 0644);
		put_at(box_path("upper/m"), "new", 0644);
		REQUIRE(mkdir(box_path("upper/d"), 0755) == 0);
		REQUIRE(setxattr(box_path("upper/n"), "user.run", "x", 1, 0) == 0 &&
			setxattr(box_path("upper/m"), "user.run", "x", 1, 0) == 0);
		read_really = true;
		if (killed(COMMIT, at, &code)) {
			box_end();
			break;
		}
		if (journal_state() != WARD_JOURNAL_BEGUN) {
			box_end();
			continue;
		}
		n = access(box_path("root/n"), F_OK) == 0 && gives_to("root/n");
		d = access(box_path("root/d"), F_OK) == 0 && gives_to("root/d");
		f = has(box_path("root/f"), "new") && gives_to("root/f");
		n_given += n + d + f;
		CHECK(killed(UNDO, -1, &code));
		CHECK_MSG(!n || (has(box_path("root/n"), "new") && has_given("root/n")), "n, %ld",
			at);
		CHECK_MSG(!d || has_given("root/d"), "d, %ld", at);
		CHECK_MSG(f ? has_given("root/f") : has(box_path("root/f"), "old"), "f, %ld", at);
		/* What nobody touched is taken back, with the run's own. */
		CHECK_MSG(access(box_path("root/m"), F_OK) < 0, "m, %ld", at);
		box_end();
	}
	CHECK(n_given > 5);
}

/* ---- and to a directory of the project, whose attributes the run changed ---- */

static void make_marked(bool list)
{
	/* u::rwx g::r-x m::rwx o::r-x, and one of a user */
	static const unsigned char acl[] = { 2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 6, 0,
		57, 48, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32,
		0, 5, 0, 255, 255, 255, 255 };

	box_make();
	REQUIRE(mkdir(box_path("root/m"), 0755) == 0);
	REQUIRE(setxattr(box_path("root/m"), "user.was", "1", 1, 0) == 0 &&
		setxattr(box_path("root/m"), "user.gone", "1", 1, 0) == 0);
	put_at(box_path("root/m/f"), "old", 0644);
	box_begin();
	REQUIRE(mkdir(box_path("upper/m"), 0750) == 0);
	REQUIRE(setxattr(box_path("upper/m"), "user.was", "22", 2, 0) == 0 &&
		setxattr(box_path("upper/m"), "user.run", "1", 1, 0) == 0);
	if (list &&
		setxattr(box_path("upper/m"), "system.posix_acl_access", acl, sizeof(acl), 0) == 0)
		REQUIRE(chmod(box_path("upper/m"), 0770) == 0);
	put_at(box_path("upper/m/f"), "new", 0644);
	read_really = true;
}

static void gives(void)
{
	if (!gives_to("root/m") || mkdir(box_path("was/given"), 0755) < 0)
		_exit(99);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

static ssize_t length_of(const char *name)
{
	return getxattr(box_path("root/m"), name, NULL, 0);
}

static bool is_as_before(void)
{
	return length_of("user.was") == 1 && length_of("user.gone") == 1 &&
		length_of("user.run") < 0 && mode_of(box_path("root/m")) == 0755 &&
		length_of("system.posix_acl_access") < 0;
}

/* Whoever has the directory's own by then: what somebody gave it stays, and the run's come whole or not at all. */
TEST(an_attribute_that_somebody_gives_a_directory_is_not_thrown_away)
{
	unsigned n_given = 0, n_stayed = 0;

	for (int list = 0; list < 2; list++) {
		for (act_at = 1; act_at < 60; act_at++) {
			int code = 0;

			make_marked(list);
			actor = gives;
			CHECK(killed(COMMIT, -1, &code) && code == WARD_OK);
			actor = NULL;
			CHECK_MSG(has(box_path("root/m/f"), "new"),
				"%d, %ld: what is not in its way waits", list, act_at);
			CHECK(no_trace());
			n_given += has_given("root/m");
			n_stayed += is_as_before();
			CHECK_MSG(has_given("root/m") == (access(box_path("was/given"), F_OK) == 0),
				"%d, %ld: somebody's is gone", list, act_at);
			CHECK_MSG(is_as_before() ||
					(length_of("user.was") == 2 && length_of("user.run") == 1),
				"%d, %ld: half", list, act_at);
			box_end();
		}
	}
	act_at = -1;
	CHECK_MSG(n_given > 20 && n_stayed > 10, "%u, %u", n_given, n_stayed);
}

TEST(nor_is_it_where_the_commit_is_taken_back)
{
	unsigned n_given = 0;

	for (int list = 0; list < 2; list++) {
		for (long at = 1; at < 60; at++) {
			int code = 0;

			make_marked(list);
			if (killed(COMMIT, at, &code)) {
				box_end();
				break;
			}
			if (journal_state() == WARD_JOURNAL_BEGUN) {
				n_given++;
				REQUIRE(gives_to("root/m"));
				CHECK(killed(at % 2 ? UNDO : RESUME, -1, &code) && code == WARD_OK);
				CHECK_MSG(has_given("root/m"), "%d, %ld", list, at);
				CHECK_MSG(is_as_before(), "%d, %ld: not as before", list, at);
			}
			box_end();
		}
	}
	CHECK_MSG(n_given > 10, "%u", n_given);
}

/* An access list for user 54321: one that leaves the mode as it was, and one of which the mode shows the mask. */
static void give_list(bool wide)
{
	const unsigned char w = wide ? 7 : 5;
	const unsigned char acl[] = { 2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, w, 0, 49,
		212, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, w, 0, 255, 255, 255, 255, 32, 0,
		5, 0, 255, 255, 255, 255 };

	if (setxattr(box_path("root/m"), "system.posix_acl_access", acl, sizeof(acl), 0) < 0 ||
		mkdir(box_path("was/given"), 0755) < 0)
		_exit(99);
}

static bool wide_list;

static void gives_list(void)
{
	give_list(wide_list);
}

/* With the rights that it gave, too, where the mode was nobody else's. */
static bool has_list(void)
{
	unsigned char v[256];
	ssize_t n = getxattr(box_path("root/m"), "system.posix_acl_access", v, sizeof(v));

	for (ssize_t i = 4; i + 8 <= n; i += 8)
		if (v[i] == 2 && v[i + 4] == 49 && v[i + 5] == 212)
			return v[i + 2] == (wide_list ? 7 : 5);
	return false;
}

TEST(an_access_list_that_somebody_gives_a_directory_is_not_thrown_away)
{
	unsigned n_given = 0;

	for (int wide = 0; wide < 2; wide++) {
		for (act_at = 1; act_at < 60; act_at++) {
			int code = 0;

			wide_list = wide;
			make_marked(false);
			actor = gives_list;
			CHECK(killed(COMMIT, -1, &code) &&
				(code == WARD_OK || code == WARD_E_REFUSED));
			actor = NULL;
			n_given += has_list();
			CHECK_MSG(has_list() == (access(box_path("was/given"), F_OK) == 0),
				"%d, %ld: somebody's is gone", wide, act_at);
			box_end();
		}
	}
	act_at = -1;
	CHECK_MSG(n_given > 20, "%u", n_given);
}

/* Nor becomes what the mask allowed the group's own, where a list goes. */
TEST(nor_is_that_where_the_commit_is_taken_back)
{
	unsigned n_given = 0;

	for (int way = 0; way < 4; way++) {
		for (long at = 1; at < 60; at++) {
			int code = 0;

			wide_list = way & 1;
			make_marked(way & 2);
			if (killed(COMMIT, at, &code)) {
				box_end();
				break;
			}
			if (journal_state() == WARD_JOURNAL_BEGUN) {
				n_given++;
				give_list(wide_list);
				CHECK(killed(at % 2 ? UNDO : RESUME, -1, &code) && code == WARD_OK);
				CHECK_MSG(has_list(), "%d, %ld: %o", way, at,
					mode_of(box_path("root/m")));
			}
			box_end();
		}
	}
	CHECK_MSG(n_given > 10, "%u", n_given);
}

/* The run's list goes, and somebody has given another mode meanwhile: of its group bits the group's own stay. */
TEST(what_a_mask_allowed_is_not_the_groups_own)
{
	unsigned n_given = 0;

	for (long at = 1; at < 60; at++) {
		int code = 0;

		make_marked(true);
		if (killed(COMMIT, at, &code)) {
			box_end();
			break;
		}
		if (journal_state() == WARD_JOURNAL_BEGUN &&
			length_of("system.posix_acl_access") > 0) {
			n_given++;
			REQUIRE(chmod(box_path("root/m"), 0773) == 0);
			CHECK(killed(UNDO, -1, &code) && code == WARD_OK);
			CHECK_MSG(mode_of(box_path("root/m")) == 0753, "%ld: %o", at,
				mode_of(box_path("root/m")));
		}
		box_end();
	}
	CHECK_MSG(n_given > 0, "%u", n_given);
}

/* A step goes with one that brings something, and with no other. */
TEST(a_journal_in_which_it_goes_with_nothing_is_damaged)
{
	struct ward_seen file = { .ino = 9, .mode = S_IFREG | 0644 };
	struct ward_step v[] = { { .kind = WARD_STEP_TAKE, .old = file, .path = "a" },
		{ .kind = WARD_STEP_PUT, .new = file, .path = "b" } };
	struct ward_journal j = { .state = WARD_JOURNAL_BEGUN, .run = RUN, .v = v, .n = 2 };
	static const struct {
		uint64_t a, b;
		int code;
	} cases[] = { { 0, 0, WARD_OK }, { 2, 0, WARD_OK }, { 1, 0, WARD_E_PARSE },
		{ 3, 0, WARD_E_PARSE }, { UINT64_MAX, 0, WARD_E_PARSE }, { 0, 1, WARD_E_PARSE } };

	box_make();
	for (size_t i = 0; i < WARD_ARRAY_SIZE(cases); i++) {
		struct ward_journal again = { 0 };
		struct ward_error err = WARD_ERROR_INIT;
		WARD_FD store = box_open("store");

		v[0].with = cases[i].a;
		v[1].with = cases[i].b;
		CASE("%zu", i);
		REQUIRE(ward_journal_write(store, &j, &err) == WARD_OK);
		CHECK_EQ_INT(ward_journal_read(store, &again, &err), cases[i].code);
		CHECK(cases[i].code != WARD_OK || again.v[0].with == cases[i].a);
		ward_journal_done(&again);
	}
	box_end();
}

TAP_MAIN();
