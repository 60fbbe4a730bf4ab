/* SPDX-License-Identifier: Apache-2.0 */
/* Commits of new directories, whose contents are made in them and come with them: killed anywhere, in others' way, and changed by others. */
#include <dirent.h>

#include "commit_kill.h"
#include "workspace/commit/inside.h"

#define N_NAMES 6
static const char *const names[N_NAMES] = { "a/f", "a/g", "a/s/t/f", "a-b", "z/f", "x/n" };

/* Two new directories, one with others in it, a name that comes between, a link, two names of one file, and an old directory. */
static void make_layer(void)
{
	box_make();
	REQUIRE(mkdir(box_path("root/x"), 0755) == 0);
	put_at(box_path("root/x/o"), "old", 0644);
	box_begin();
	REQUIRE(mkdir(box_path("upper/a"), 0750) == 0 && mkdir(box_path("upper/a/s"), 0755) == 0 &&
		mkdir(box_path("upper/a/s/t"), 0700) == 0 &&
		mkdir(box_path("upper/z"), 0755) == 0 && mkdir(box_path("upper/x"), 0755) == 0);
	put_at(box_path("upper/a/f"), "new", 0640);
	put_at(box_path("upper/a/s/t/f"), "new", 0644);
	put_at(box_path("upper/a-b"), "new", 0644);
	put_at(box_path("upper/z/f"), "new", 0444);
	put_at(box_path("upper/x/n"), "new", 0644);
	REQUIRE(link(box_path("upper/a/f"), box_path("upper/a/g")) == 0 &&
		symlink("f", box_path("upper/a/l")) == 0);
	read_really = true;
}

static const char *at_root(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "root/%s", name);
	return box_path(path);
}

static size_t n_real(void)
{
	size_t n = 0;

	for (size_t i = 0; i < N_NAMES; i++)
		n += has(at_root(names[i]), "new");
	return n;
}

static bool all_modes(void)
{
	static const struct {
		const char *path;
		mode_t mode;
	} all[] = { { "root/a", 0750 }, { "root/a/s", 0755 }, { "root/a/s/t", 0700 },
		{ "root/a/f", 0640 }, { "root/z/f", 0444 } };
	struct stat st, other;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(all); i++)
		if (stat(box_path(all[i].path), &st) < 0 || (st.st_mode & 07777) != all[i].mode)
			return false;
	return stat(box_path("root/a/f"), &st) == 0 && stat(box_path("root/a/g"), &other) == 0 &&
		st.st_ino == other.st_ino && lstat(box_path("root/a/l"), &st) == 0 &&
		S_ISLNK(st.st_mode);
}

static bool gone(const char *name)
{
	struct stat st;

	return lstat(box_path(name), &st) < 0;
}

static size_t n_staged(void)
{
	DIR *d = opendir(box_path("store/stage"));
	size_t n = 0;

	for (const struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] == WARD_STAGED_NEW;
	if (d)
		(void)closedir(d);
	return n;
}

TEST(what_a_new_directory_has_is_made_in_it)
{
	size_t least = SIZE_MAX;
	bool ended = false;

	for (long at = 1; at < 4000 && !ended; at++) {
		int code = 0;

		make_layer();
		ended = killed(COMMIT, at, &code);
		if (!ended && journal_state() == WARD_JOURNAL_BEGUN && n_real() == 0)
			least = n_staged() < least ? n_staged() : least;
		box_end();
	}
	/* "a", its two names of one file, "a-b", "x/n" and "z"; not what lies in them. */
	CHECK_EQ_INT(least, 6);
}

TEST(killed_at_each_call_it_goes_on_or_back)
{
	for (int way = RESUME; way <= UNDO; way++) {
		bool ended = false;

		for (long at = 1; at < 4000 && !ended && tap_failures == 0; at++) {
			enum ward_journal_state state;
			size_t before;
			int code = 0;

			CASE("%s after call %ld", way == RESUME ? "continue" : "abort", at);
			make_layer();
			ended = killed(COMMIT, at, &code);
			state = journal_state();
			before = n_real();
			if (!ended)
				CHECK(killed(way, -1, &code));
			if (!ended && way == UNDO && state == WARD_JOURNAL_APPLIED)
				CHECK(killed(RESUME, -1, &code));
			if (!ended &&
				((state == WARD_JOURNAL_NONE && before == 0) ||
					(way == UNDO && state == WARD_JOURNAL_BEGUN))) {
				CHECK(n_real() == 0 && gone("root/a") && gone("root/z"));
				CHECK(killed(UNDO, -1, &code) && no_trace());
				CHECK_EQ_INT(commit_by_hand(WARD_COMMIT_OURS, false), WARD_OK);
			}
			CHECK(n_real() == N_NAMES && all_modes() &&
				has(box_path("root/x/o"), "old"));
			CHECK(no_trace() && layer_is_empty());
			box_end();
		}
		CHECK(ended || tap_failures > 0);
	}
}

/* The commit dies with some of it real; so does the abort; and it goes on after all. */
TEST(an_abort_that_is_killed_can_be_continued)
{
	size_t halves = 0;

	for (long first = 1; first < 4000 && tap_failures == 0; first++) {
		int code = 0;

		make_layer();
		if (killed(COMMIT, first, &code))
			break;
		if (journal_state() != WARD_JOURNAL_BEGUN || n_real() == 0) {
			box_end();
			continue;
		}
		for (long at = 1; at < 200 && tap_failures == 0; at += 3) {
			CASE("call %ld, then %ld", first, at);
			if (at > 1) {
				make_layer();
				REQUIRE(!killed(COMMIT, first, &code));
			}
			if (killed(UNDO, at, &code))
				break;
			halves += journal_state() == WARD_JOURNAL_BEGUN;
			if (journal_state() == WARD_JOURNAL_BEGUN) {
				CHECK(killed(RESUME, -1, &code) && code == WARD_OK);
				CHECK(n_real() == N_NAMES && all_modes() && layer_is_empty());
			}
			box_end();
		}
		box_end();
		first += 4; /* each of its states, not each call */
	}
	box_end();
	CHECK(halves > 10);
}

/* The moment when all is made, and nothing of it is real. */
static bool dies_made(void)
{
	for (long at = 1; at < 4000; at++) {
		int code = 0;

		make_layer();
		if (killed(COMMIT, at, &code))
			return false;
		if (journal_state() == WARD_JOURNAL_BEGUN)
			return true;
		box_end();
	}
	return false;
}

TEST(a_directory_in_the_way_leaves_all_that_would_come_with_it)
{
	int code = 0;

	REQUIRE(dies_made() && mkdir(box_path("root/a"), 0755) == 0);
	put_at(box_path("root/a/f"), "host", 0644);
	CHECK(killed(RESUME, -1, &code) && code == WARD_OK);
	CHECK(has(box_path("root/a/f"), "host") && gone("root/a/s") && gone("root/a/l"));
	CHECK_EQ_INT(n_real(), 3);
	CHECK(no_trace());
	/* All that did not come waits. */
	CHECK(has(box_path("upper/a/f"), "new") && has(box_path("upper/a/s/t/f"), "new") &&
		!gone("upper/a/l") && gone("upper/z"));
	CHECK_EQ_INT(commit_by_hand(WARD_COMMIT_OURS, false), WARD_OK);
	CHECK(n_real() == N_NAMES && no_trace());
	box_end();
}

static void write_to(const char *name, const char *text)
{
	WARD_FD fd = open(box_path(name), O_WRONLY | O_TRUNC | O_CLOEXEC);

	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

TEST(what_was_changed_where_it_was_made_does_not_come)
{
	char name[64];
	int code = 0, top = 0;

	REQUIRE(dies_made());
	for (;; top++) {
		REQUIRE(top < 10);
		(void)snprintf(name, sizeof(name), "store/stage/n%d/s/t/f", top);
		if (!gone(name))
			break;
	}
	write_to(name, "evil");
	(void)snprintf(name, sizeof(name), "store/stage/n%d/l", top);
	REQUIRE(unlink(box_path(name)) == 0 && symlink("/etc", box_path(name)) == 0);
	CHECK(killed(RESUME, -1, &code) && code == WARD_OK);
	CHECK(gone("root/a/s/t/f") && gone("root/a/l") && has(box_path("root/a/f"), "new"));
	CHECK(has(box_path("upper/a/s/t/f"), "new") && !gone("upper/a/l"));
	CHECK(no_trace());
	CHECK_EQ_INT(commit_by_hand(WARD_COMMIT_OURS, false), WARD_OK);
	CHECK(n_real() == N_NAMES);
	box_end();
}

/* An abort leaves what somebody changed, and the directory for it. */
TEST(what_was_changed_in_a_directory_that_came_stays)
{
	bool seen = false;

	for (long at = 1; at < 4000 && !seen && tap_failures == 0; at++) {
		int code = 0;

		make_layer();
		REQUIRE(!killed(COMMIT, at, &code));
		seen = journal_state() == WARD_JOURNAL_BEGUN && n_real() == N_NAMES;
		if (seen) {
			write_to("root/a/s/t/f", "mine");
			put_at(box_path("root/z/more"), "mine", 0644);
			CHECK(killed(UNDO, -1, &code) && code == WARD_OK);
			CHECK(has(box_path("root/a/s/t/f"), "mine") &&
				has(box_path("root/z/more"), "mine"));
			CHECK(gone("root/a/f") && gone("root/a/l") && gone("root/z/f"));
			CHECK(no_trace());
		}
		box_end();
	}
	CHECK(seen || tap_failures > 0);
}

/* An access list by default, as "setfacl -d -m u:12345:rwx" writes it. */
static const unsigned char acl[] = { 2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 7, 0, 57, 48,
	0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 5, 0, 255,
	255, 255, 255 };

TEST(what_a_directory_lets_inherit_is_not_inherited)
{
	make_layer();
	if (setxattr(box_path("upper/z"), "system.posix_acl_default", acl, sizeof(acl), 0) < 0)
		SKIP("no access lists here");
	CHECK_EQ_INT(commit_by_hand(WARD_COMMIT_OURS, false), WARD_OK);
	CHECK(getxattr(box_path("root/z"), "system.posix_acl_default", NULL, 0) > 0);
	CHECK(getxattr(box_path("root/z/f"), "system.posix_acl_access", NULL, 0) < 0);
	CHECK(n_real() == N_NAMES && all_modes());
	box_end();
}

#define N_GONE 40

static const char *gone_name(const char *below, int i)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/g%d", below, i);
	return box_path(path);
}

static void takes_them_away(void)
{
	for (int i = 0; i < N_GONE; i++)
		(void)unlink(gone_name("root", i));
}

/* What the run removed and somebody else meanwhile too is among what goes, and nothing of it has to be done. */
static bool dies_where_some_are_gone(long look)
{
	static long from =
		1; /* the call at which the journal is there: nearly the same each time */

	for (long at = from > 3 ? from - 3 : 1; at < 4000; at++) {
		int code = 0;
		bool over;

		make_layer();
		for (int i = 0; i < N_GONE; i++)
			put_at(gone_name("root", i), "old", 0644);
		box_begin();
		for (int i = 0; i < N_GONE; i++)
			REQUIRE(mknod(gone_name("upper", i), S_IFCHR, 0) == 0);
		somebody = takes_them_away;
		look_at = look;
		over = killed(COMMIT, at, &code);
		look_at = -1;
		if (over)
			return false;
		if (!gone("store/journal")) {
			from = at;
			return true;
		}
		box_end();
	}
	return false;
}

TEST(what_was_gone_already_keeps_no_commit_from_its_end)
{
	for (long look = 1; look < 160 && tap_failures == 0; look += 31) {
		bool back = look % 2 == 0;
		int code = 0;

		CASE("gone at look %ld", look);
		REQUIRE(dies_where_some_are_gone(look));
		CHECK_EQ_INT(journal_state(), WARD_JOURNAL_BEGUN);
		CHECK(killed(back ? UNDO : RESUME, -1, &code) && code == WARD_OK && no_trace());
		CHECK_EQ_INT(n_real(), back ? 0 : N_NAMES);
		box_end();
	}
}

TAP_MAIN();
