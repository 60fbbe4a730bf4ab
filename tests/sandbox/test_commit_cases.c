/* SPDX-License-Identifier: Apache-2.0 */
/* Commits one thing at a time: what is in the way, what is refused, what others do meanwhile, and what a commit that died leaves. */
#include "commit_kill.h"

static void writes(void)
{
	WARD_FD new = open(box_path("root/n"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	WARD_FD old = open(box_path("root/f"), O_WRONLY | O_TRUNC | O_CLOEXEC);

	if ((new >= 0 && write(new, "host", 4) != 4) || old < 0 || write(old, "host", 4) != 4)
		_exit(99);
}

/* At each look in turn: what was written before or after is there; nothing of it is taken for what was planned for. */
TEST(what_somebody_writes_while_it_looks_is_not_lost)
{
	somebody = writes;
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
	CHECK(look_at > 3 && look_at < 400);
	look_at = -1;
}

static bool is_mounted;

static void mounts(void)
{
	is_mounted = mount(box_path("plain/d"), box_path("root/d"), NULL, MS_BIND, NULL) == 0;
	if (!is_mounted)
		_exit(77);
}

/* Of the same file system, so that no number of a device tells it. */
static void a_mount_in_between(void *arg)
{
	struct stat st;

	(void)arg;
	somebody = mounts;
	for (look_at = 1; look_at < 400; look_at++) {
		bool last;

		box_make();
		if (mkdir(box_path("root/d"), 0755) < 0 || mkdir(box_path("plain/d"), 0755) < 0 ||
			mkdir(box_path("upper/d"), 0755) < 0)
			_exit(5);
		put_at(box_path("root/d/f"), "old", 0644);
		put_at(box_path("root/d/g"), "old", 0644);
		put_at(box_path("plain/d/f"), "theirs", 0644);
		put_at(box_path("plain/d/g"), "theirs", 0644);
		box_begin();
		put_at(box_path("upper/d/f"), "from the run", 0644);
		put_at(box_path("upper/d/n"), "from the run", 0644);
		/* No rename leads into a mount. A mode and attributes would. */
		if (mknod(box_path("upper/d/g"), S_IFCHR, 0) < 0 ||
			chmod(box_path("upper/d"), 0710) < 0 ||
			setxattr(box_path("upper/d"), "user.run", "x", 1, 0) < 0)
			_exit(5);
		is_mounted = false;
		looks = 0;
		(void)commit_by_hand(WARD_COMMIT_NEITHER, false);
		last = !is_mounted;
		if (!has(box_path("plain/d/f"), "theirs") ||
			!has(box_path("plain/d/g"), "theirs") ||
			lstat(box_path("plain/d/n"), &st) == 0)
			_exit(6);
		if (stat(box_path("plain/d"), &st) < 0 || (st.st_mode & 07777) != 0755 ||
			getxattr(box_path("plain/d"), "user.run", NULL, 0) >= 0)
			_exit(11);
		if (is_mounted && umount2(box_path("root/d"), MNT_DETACH) < 0)
			_exit(5);
		/* What had begun ends when the mount has gone. */
		if (journal_state() != WARD_JOURNAL_NONE) {
			WARD_CLEANUP(box_fds_done) struct box_fds f;
			WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);

			if (ward_commit_resume(&c, &last_error) != WARD_OK)
				_exit(7);
		}
		if (!has(box_path("root/d/f"), "old") && !has(box_path("root/d/f"), "from the run"))
			_exit(8);
		if (!no_trace())
			_exit(9);
		box_end();
		if (last)
			break;
	}
	if (look_at < 4 || look_at >= 400)
		_exit(10);
}

TEST(a_mount_that_comes_while_it_looks_gets_nothing)
{
	box_make();
	read_really = false;
	if (!box_run(a_mount_in_between, NULL))
		SKIP("no mounts in a user namespace here");
	look_at = -1;
	box_end();
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

/* What the layer says by the time that it is made was judged by nobody. */
TEST(a_link_is_made_as_it_was_judged_or_not_at_all)
{
	for (int same = 0; same < 2; same++) {
		WARD_CLEANUP(read_done) struct read r = { 0 };
		WARD_CLEANUP(box_fds_done) struct box_fds f;
		WARD_CLEANUP(ward_commit_done) struct ward_commit c = WARD_COMMIT_INIT;
		struct ward_commit_item item = { 0 };
		struct stat st;

		box_make();
		read_really = true;
		box_begin();
		REQUIRE(symlink("/etc", box_path("upper/l")) == 0);
		r = read_layer();
		REQUIRE(r.c.n == 1);
		CHECK_STR_EQ(r.c.v[0].target, "/etc");
		if (!same)
			r.c.v[0].target = "here";
		item.change = &r.c.v[0];
		c = box_commit(&f);
		CHECK_EQ_INT(ward_commit_run(&c, &r.c, &item, 1, &last_error),
			same ? WARD_OK : WARD_E_SYSTEM);
		CHECK_EQ_INT(lstat(box_path("root/l"), &st) == 0, same);
		CHECK(no_trace());
	}
	box_end();
}

static void change_places(void)
{
	/* Past the calls that are counted. */
	REQUIRE(syscall(SYS_renameat2, AT_FDCWD, box_path("root/f"), AT_FDCWD,
			box_path("root/of-root"), 2 /* RENAME_EXCHANGE */) == 0);
}

/* Who may rename in the project shows root a file of root's in the place of his own while it looks, and has his own there again before it acts. */
TEST(what_is_made_belongs_to_whom_that_belonged_which_it_replaces)
{
	unsigned replaced = 0;

	/* Only root gives files away. */
	for (long at = 1; geteuid() == 0 && at <= 24 && tap_failures == 0; at++) {
		for (long again = at + 1; again < at + 4; again++) {
			struct stat st, d;
			int r;

			CASE("calls %ld and %ld", at, again);
			box_make();
			put_at(box_path("root/f"), "old", 0644);
			put_at(box_path("root/of-root"), "root's", 0644);
			put_at(box_path("upper/f"), "new", 0644);
			/* Of a file with several names the ctime is not looked at: each that is taken changes it. */
			REQUIRE(link(box_path("root/f"), box_path("root/g")) == 0 &&
				link(box_path("upper/f"), box_path("upper/g")) == 0);
			REQUIRE(chown(box_path("root"), 4711, 4711) == 0 &&
				chown(box_path("root/f"), 4711, 4711) == 0);
			box_begin();
			calls = 0;
			act_at = at;
			act_again_at = again;
			actor = change_places;
			r = commit_by_hand(WARD_COMMIT_NEITHER, false);
			actor = NULL;
			REQUIRE(stat(box_path("root/f"), &st) == 0 &&
				stat(box_path("root/of-root"), &d) == 0);
			if (has(box_path("root/f"), "new") || has(box_path("root/of-root"), "new"))
				CHECK_EQ_INT(has(box_path("root/f"), "new") ? st.st_uid : d.st_uid,
					4711);
			replaced += r == WARD_OK && has(box_path("root/f"), "new");
		}
	}
	CHECK(replaced > 0 || geteuid() != 0);
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

/* A commit of f (and, undo, the taking back of it) that dies as soon as the journal has that state. False: there is no such moment any more. */
static bool dies_with(enum ward_journal_state want, long *at)
{
	for (; *at < 4000; ++*at) {
		int code = 0;

		box_make();
		put_at(box_path("root/f"), "old", 0644);
		put_at(box_path("upper/f"), "new", 0644);
		put_at(box_path("upper/n"), "new", 0644);
		box_begin();
		read_really = true;
		if (want == WARD_JOURNAL_APPLIED && killed(COMMIT, *at, &code))
			return false;
		if (want == WARD_JOURNAL_ABORTED) {
			static long begun = 1; /* found once */

			/* Somewhere in the middle of what can be taken back. */
			while (killed(COMMIT, begun, &code) ||
				journal_state() != WARD_JOURNAL_BEGUN ||
				has(box_path("root/f"), "old")) {
				box_make();
				put_at(box_path("root/f"), "old", 0644);
				put_at(box_path("upper/f"), "new", 0644);
				put_at(box_path("upper/n"), "new", 0644);
				box_begin();
				REQUIRE(++begun < 400);
			}
			if (killed(UNDO, *at, &code))
				return false;
		}
		if (journal_state() == want)
			return true;
	}
	return false;
}

/* The directory of what is old and new: as it was left, removed, another, or one that cannot be opened. */
enum stage_is { STAGE_THERE = 0, STAGE_GONE, STAGE_ANOTHER, STAGE_A_LINK, STAGE_ENDS };

static bool stage_becomes(enum stage_is is)
{
	const char *stage = box_path("store/" WARD_COMMIT_STAGE_STORE), *away = box_path("away");
	struct stat st;

	if (is == STAGE_THERE)
		return true;
	if (lstat(stage, &st) < 0)
		return false;
	REQUIRE(rename(stage, away) == 0);
	if (is == STAGE_ANOTHER)
		REQUIRE(mkdir(stage, 0700) == 0);
	if (is == STAGE_A_LINK)
		REQUIRE(symlink("../away", stage) == 0);
	return true;
}

static void from_state(enum ward_journal_state state, enum stage_is is, bool undo)
{
	static const char *const texts[] = { "old", "new" };
	bool applied = state == WARD_JOURNAL_APPLIED, refused = is >= STAGE_ANOTHER;
	size_t met = 0;
	/* The calls before it leave another state, whatever comes then. */
	static long first[4] = { 1, 1, 1, 1 };
	long at = first[state];

	for (; met < 3 && dies_with(state, &at) && tap_failures == 0; at++) {
		int code = 0;

		first[state] = met > 0 || first[state] > 1 ? first[state] : at;
		CASE("state %d, stage %d, %s, call %ld", state, is, undo ? "abort" : "continue",
			at);
		if (!stage_becomes(is))
			continue;
		met++;
		CHECK(killed(undo ? UNDO : RESUME, -1, &code));
		CHECK_EQ_INT(code,
			is == STAGE_A_LINK                   ? WARD_E_SYSTEM
				: refused || undo == applied ? WARD_E_REFUSED
							     : WARD_OK);
		CHECK(has(box_path("root/f"), texts[applied]));
		/* What is refused for its stage, or since it cannot be taken back, is as it was; else nothing of it is left. */
		CHECK_EQ_INT(journal_state(),
			refused || (undo && applied) ? state : WARD_JOURNAL_NONE);
		if (!refused && !(undo && applied) && is == STAGE_THERE)
			CHECK(no_trace());
		if (!refused && !undo && applied)
			CHECK(layer_is_empty());
	}
	CHECK_MSG(met > 0, "no call leaves state %d", state);
}

TEST(from_each_state_of_the_journal_it_ends_or_stays)
{
	for (int is = STAGE_THERE; is < STAGE_ENDS; is++) {
		for (int undo = 0; undo < 2; undo++) {
			from_state(WARD_JOURNAL_APPLIED, is, undo);
			from_state(WARD_JOURNAL_ABORTED, is, undo);
		}
	}
	box_end();
}

TEST(a_damaged_or_newer_journal_is_refused)
{
	static const char long_one[] =
		"nothing of the kind, but long enough that its sum could be there: "
		"................................................................................................";
	static const char *const texts[] = { "", "WARDCJNL", "WARDCJNL\7\0\0\0\1\0\0\0", long_one };
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

/* What nobody may read is lent its mode, by one thread: the others make and remove the rest meanwhile. */
TEST(by_threads_it_is_the_same)
{
	char name[64], text[16];

	box_make();
	read_really = false;
	REQUIRE(mkdir(box_path("upper/d"), 0755) == 0 && mkdir(box_path("root/d"), 0755) == 0);
	box_begin();
	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "upper/%sf%d", i % 2 ? "d/" : "", i);
		(void)snprintf(text, sizeof(text), "text %d", i);
		put_at(box_path(name), text, i % 7 == 0 ? 0 : 0640);
	}
	REQUIRE(chmod(box_path("upper/d"), 0555) == 0);
	crew = WARD_CREW_MAX;
	CHECK_EQ_INT(commit_by_hand(WARD_COMMIT_NEITHER, false), WARD_OK);
	crew = 0;
	for (int i = 0; i < 200; i++) {
		struct stat st;

		(void)snprintf(name, sizeof(name), "root/%sf%d", i % 2 ? "d/" : "", i);
		(void)snprintf(text, sizeof(text), "text %d", i);
		CASE("%s", name);
		CHECK(lstat(box_path(name), &st) == 0 &&
			(st.st_mode & 07777) == (i % 7 == 0 ? 0 : 0640));
		REQUIRE(chmod(box_path(name), 0600) == 0);
		CHECK(has(box_path(name), text));
	}
	CHECK(no_trace() && layer_is_empty());
	box_end();
}

/* It is asked by its whole path, then by each name of it; both know what happened to any of them. */
TEST(a_directory_that_is_held_is_known_to_have_moved)
{
	static const char *const moved[] = { "root/a", "root/a/b", "root/a/b/c" };
	struct ward_held h = WARD_HELD_INIT;
	const char *name;

	box_make();
	REQUIRE(mkdir(box_path("root/a"), 0755) == 0 && mkdir(box_path("root/a/b"), 0755) == 0 &&
		mkdir(box_path("root/a/b/c"), 0755) == 0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(moved); i++)
		for (int times = 0; times < 3; times++) {
			WARD_FD root = box_open("root");

			CASE("%s, %d times asked", moved[i], times);
			REQUIRE(ward_commit_hold(&h, root, "a/b/c/f", &name) >= 0);
			CHECK_STR_EQ(name, "f");
			for (int k = 0; k < times; k++)
				CHECK(ward_commit_held_still(&h));
			REQUIRE(rename(box_path(moved[i]), box_path("elsewhere")) == 0);
			CHECK(!ward_commit_held_still(&h));
			/* The same is reached through a link. */
			REQUIRE(symlink(box_path("elsewhere"), box_path(moved[i])) == 0);
			CHECK(!ward_commit_held_still(&h));
			REQUIRE(unlink(box_path(moved[i])) == 0 &&
				mkdir(box_path(moved[i]), 0755) == 0);
			CHECK(!ward_commit_held_still(&h));
			REQUIRE(rmdir(box_path(moved[i])) == 0 &&
				rename(box_path("elsewhere"), box_path(moved[i])) == 0);
			CHECK(ward_commit_held_still(&h));
			ward_commit_let_go(&h);
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
