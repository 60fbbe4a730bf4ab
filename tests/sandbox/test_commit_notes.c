/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is noted of commits while the run lives, when it cannot be: no room below the limit, no room on the disk, a file that a crash tore, that
 * somebody damaged, or that is made smaller. From each state of the journal a way leads out, and nothing is lost.
 */
#include "commit_kill.h"
#include "workspace/landed.h"

enum notes {
	NOTES_FINE = 0,
	NOTES_AT_LIMIT,
	NOTES_TORN, /* by a crash, in the middle of a record */
	NOTES_DISK_FULL,
	NOTES_ENDS
};
static const char *const notes_names[] = { "fine", "at the limit", "torn", "disk full" };
static const long every[] = { 5, 2, 5,
	3 }; /* call: what is tried between two of them is the same but for the notes */

/* The disk takes half of what is written, and cannot be cut. */
static bool fail_write, fail_cut;
static unsigned writes, stop_at;
static atomic_bool stop;

int __real_ward_write_all(int fd, const void *p, size_t n);
int __wrap_ward_write_all(int fd, const void *p, size_t n);
int __wrap_ward_write_all(int fd, const void *p, size_t n)
{
	int r = __real_ward_write_all(fd, p, fail_write ? n / 2 : n);

	writes++;
	if (writes == stop_at)
		atomic_store(&stop, true);
	return fail_write ? -EIO : r;
}

int __real_ftruncate64(int fd, off_t n);
int __wrap_ftruncate64(int fd, off_t n);
int __wrap_ftruncate64(int fd, off_t n)
{
	if (!fail_cut)
		return __real_ftruncate64(fd, n);
	errno = EIO;
	return -1;
}

static struct ward_landed *load_notes(int store, bool make)
{
	struct ward_landed *l = NULL;
	struct ward_error err = WARD_ERROR_INIT;

	CHECK_MSG(ward_landed_load(store, make, true, &l, &err) == WARD_OK, "%s", err.message);
	return l;
}

static off_t notes_size(void)
{
	struct stat st;

	return stat(box_path("store/" WARD_LANDED_NAME), &st) < 0 ? -1 : st.st_size;
}

static const char *only; /* this change alone; NULL: all */
static struct ward_error last_error;

/* All that the layer says, of a run that lives (lands), or is dead. */
static int commit_all(bool lands, struct ward_landed *l, long at, enum ward_commit_side side)
{
	WARD_CLEANUP(box_fds_done) struct box_fds f;
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_changes *all = NULL;
	struct ward_commit_item *v;
	size_t n = 0;
	int r;

	REQUIRE(ward_changes_read_of(&(struct ward_changes_of){ .layer = f.layer,
					     .root = f.root,
					     .landed = l },
			&all, &err) == WARD_OK);
	v = calloc(all->n + 1, sizeof(*v));
	REQUIRE(v);
	for (size_t i = 0; i < all->n; i++)
		if (!only || strcmp(all->v[i].path, only) == 0)
			v[n++] = (struct ward_commit_item){ &all->v[i], side, false };
	c.landed = l;
	c.j.stays = lands;
	c.stop = &stop;
	kill_at = at;
	calls = 0;
	r = ward_commit_run(&c, all, v, n, &err);
	kill_at = -1;
	last_error = err;
	if (r < 0 && getenv("WARD_COMMIT_LOUD"))
		printf("# %s\n", err.message);
	free(v);
	ward_changes_free(all);
	return r;
}

/* The same in a child, which dies at a call. False: it did not. */
static bool commit_dies_as(bool lands, long at, enum ward_commit_side side)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		WARD_FD store = box_open("store");
		struct ward_landed *l = load_notes(store, true);

		(void)commit_all(lands, l, at, side);
		_exit(0);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status);
}

static bool commit_dies(bool lands, long at)
{
	return commit_dies_as(lands, at, WARD_COMMIT_NEITHER);
}

static void fill(void)
{
	static char text[4096];
	WARD_FD fd =
		open(box_path("store/ballast"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	/* Whole pages, then to the last byte. */
	while (write(fd, text, sizeof(text)) > 0)
		;
}

/* f was there and changed, g goes, n is new, d/x is new in a new directory. */
static void scene(void)
{
	box_make();
	put_at(box_path("root/f"), "old", 0644);
	put_at(box_path("root/g"), "old", 0644);
	box_begin();
	put_at(box_path("upper/f"), "new", 0644);
	put_at(box_path("upper/n"), "new", 0644);
	REQUIRE(mknod(box_path("upper/g"), S_IFCHR, 0) == 0 &&
		mkdir(box_path("upper/d"), 0755) == 0);
	put_at(box_path("upper/d/x"), "new", 0644);
}

static int go_on(int what, struct ward_landed *l)
{
	WARD_CLEANUP(box_fds_done) struct box_fds f;
	WARD_CLEANUP(ward_commit_done) struct ward_commit c = box_commit(&f);
	struct ward_error err = WARD_ERROR_INIT;
	int r;

	c.landed = l;
	r = what == RESUME ? ward_commit_resume(&c, &err) : ward_commit_undo(&c, &err);
	if (r < 0 && getenv("WARD_COMMIT_LOUD"))
		printf("# %s\n", err.message);
	return r;
}

static bool is_old(void)
{
	return has(box_path("root/f"), "old") && has(box_path("root/g"), "old") &&
		access(box_path("root/n"), F_OK) < 0 && access(box_path("root/d/x"), F_OK) < 0;
}

static bool is_new(void)
{
	return has(box_path("root/f"), "new") && access(box_path("root/g"), F_OK) < 0 &&
		has(box_path("root/n"), "new") && has(box_path("root/d/x"), "new");
}

/*
 * The verb leads out: the journal is gone, and all is new or all is old. But what went back already and is wanted after all has a new ctime, so it is
 * left, and waits.
 */
static void leads_out(int what, enum notes notes, bool going_back)
{
	enum ward_journal_state was = journal_state();
	WARD_FD store = box_open("store");
	struct ward_landed *l;
	int r;

	if (notes == NOTES_TORN) {
		WARD_FD fd =
			open(box_path("store/" WARD_LANDED_NAME), O_WRONLY | O_APPEND | O_CLOEXEC);

		REQUIRE(fd >= 0 && write(fd, "half a record", 13) == 13);
	}
	l = load_notes(store, false);
	REQUIRE(l);
	if (notes == NOTES_AT_LIMIT)
		ward_landed_bound(l, 0);
	if (notes == NOTES_DISK_FULL) {
		fill();
		r = go_on(what, l);
		CHECK(unlink(box_path("store/ballast")) == 0);
		if (r == WARD_OK ||
			(r == WARD_E_REFUSED && what == RESUME && was == WARD_JOURNAL_ABORTED))
			goto out;
		CHECK(journal_state() != WARD_JOURNAL_NONE);
		was = journal_state();
	}
	r = go_on(what, l);
	if (what == UNDO && was == WARD_JOURNAL_APPLIED) {
		CHECK_EQ_INT(r, WARD_E_REFUSED); /* it says: continue */
		r = go_on(RESUME, l);
	}
	CHECK_EQ_INT(r, what == RESUME && was == WARD_JOURNAL_ABORTED ? WARD_E_REFUSED : WARD_OK);
out:
	CHECK_EQ_INT(journal_state(), WARD_JOURNAL_NONE);
	CHECK_MSG(is_old() || is_new() || (going_back && what == RESUME), "half of it is real");
	CHECK(what != RESUME || going_back || is_new());
	/* And again the whole, as ward commit would. */
	if (!is_new())
		CHECK_EQ_INT(commit_all(false, l, -1, WARD_COMMIT_OURS), WARD_OK);
	CHECK(is_new());
	ward_landed_free(l);
}

/* A commit died at its every call; a verb meets notes that cannot be written. *ret_states: which states were met. */
static void each_state(bool lands, int what, enum notes notes, unsigned *ret_states)
{
	for (long at = 1; at < 4000 && tap_failures == 0; at += every[notes]) {
		scene();
		CASE("%s, %s, notes %s, call %ld", lands ? "live" : "dead",
			what == RESUME ? "continue" : "abort", notes_names[notes], at);
		if (!commit_dies(lands, at))
			return;
		if (journal_state() == WARD_JOURNAL_NONE)
			continue;
		*ret_states |= 1u << journal_state();
		leads_out(what, notes, false);
	}
}

/* Aborted, too: the taking back dies at its every call. */
static void each_aborted(bool lands, int what, enum notes notes, unsigned *ret_states)
{
	long begun = 1; /* somewhere in the middle of what can be taken back */

	for (long at = 1; at < 4000 && tap_failures == 0; at += every[notes]) {
		int code = 0;

		for (;; begun++) {
			scene();
			REQUIRE(begun < 400 && commit_dies(lands, begun));
			if (journal_state() == WARD_JOURNAL_BEGUN && !is_old())
				break;
		}
		CASE("%s, %s, notes %s, taken back until call %ld", lands ? "live" : "dead",
			what == RESUME ? "continue" : "abort", notes_names[notes], at);
		if (killed(UNDO, at, &code))
			return;
		if (journal_state() == WARD_JOURNAL_NONE)
			continue;
		*ret_states |= 1u << journal_state();
		leads_out(what, notes, true);
	}
}

/* A run that lives gives its own copy another attribute: that is nothing that somebody did in the project, and keeps nothing there. */
TEST(a_run_that_lives_decides_nothing_of_what_is_taken_back)
{
	unsigned n_there = 0;

	for (long at = 1; at < 4000 && tap_failures == 0; at++) {
		scene();
		usleep(10000); /* longer than the clock of file systems stands still */
		if (!commit_dies(true, at)) {
			box_end();
			break;
		}
		if (journal_state() == WARD_JOURNAL_BEGUN && has(box_path("root/f"), "new")) {
			WARD_FD store = box_open("store");
			struct ward_landed *l = load_notes(store, false);

			n_there++;
			usleep(10000);
			REQUIRE(setxattr(box_path("upper/f"), "user.mine", "x", 1, 0) == 0);
			CASE("call %ld", at);
			CHECK_EQ_INT(go_on(UNDO, l), WARD_OK);
			CHECK(is_old());
			ward_landed_free(l);
		}
		box_end();
	}
	CHECK(n_there > 2);
}

/* All of the boxes are made in there. */
static void on_a_small_disk(void)
{
	if (mount("tmpfs", box_path("merged"), "tmpfs", 0, "size=512k,mode=755") < 0 ||
		setenv("WARD_COMMIT_DIR", box_path("merged"), 1) < 0)
		_exit(77);
	box_dir[0] = '\0';
}

static void all_states(void *arg)
{
	enum notes notes = (enum notes)(uintptr_t)arg;

	if (notes == NOTES_DISK_FULL)
		on_a_small_disk();
	for (int lands = 0; lands < 2; lands++)
		for (int what = RESUME; what <= UNDO; what++) {
			unsigned states = 0;

			each_state(lands, what, notes, &states);
			each_aborted(lands, what, notes, &states);
			CHECK_EQ_INT(states,
				1 << WARD_JOURNAL_BEGUN | 1 << WARD_JOURNAL_APPLIED |
					1 << WARD_JOURNAL_ABORTED);
		}
	if (notes == NOTES_DISK_FULL)
		_exit(tap_failures ? 1 : 0);
}

static void from_each_state(enum notes notes)
{
	read_really = true;
	if (notes == NOTES_DISK_FULL) {
		box_make();
		if (!box_run(all_states, (void *)(uintptr_t)notes))
			SKIP("no overlay or tmpfs in a user namespace here");
	} else {
		all_states((void *)(uintptr_t)notes);
	}
	box_end();
}

TEST(from_each_state_a_way_leads_out)
{
	from_each_state(NOTES_FINE);
}

TEST(from_each_state_a_way_leads_out_at_the_limit)
{
	from_each_state(NOTES_AT_LIMIT);
}

TEST(from_each_state_a_way_leads_out_of_torn_notes)
{
	from_each_state(NOTES_TORN);
}

TEST(from_each_state_a_way_leads_out_when_there_is_room_again)
{
	from_each_state(NOTES_DISK_FULL);
}

/* ---- what is forgotten, on a full disk ---- */

static struct ward_landed_seen object(uint64_t ino)
{
	return (struct ward_landed_seen){ .kind = WARD_LANDED_OBJECT,
		.layer_ino = 1,
		.layer_size = 2,
		.layer_ctime_ns = 3,
		.ino = ino,
		.ctime_ns = (int64_t)ino };
}

/* f, g, n and d as in scene(), and a directory that is gone, with what was in it. */
static void full_scene(void)
{
	scene();
	REQUIRE(mkdir(box_path("root/e"), 0755) == 0 && mkdir(box_path("root/p"), 0755) == 0);
	put_at(box_path("root/e/a"), "old", 0644);
	put_at(box_path("root/e/b"), "old", 0644);
	box_begin();
	REQUIRE(mknod(box_path("upper/e"), S_IFCHR, 0) == 0 &&
		mkdir(box_path("upper/p"), 0700) == 0);
	fill();
}

static bool nothing_is_real(void)
{
	return is_old() && has(box_path("root/e/a"), "old") && has(box_path("root/e/b"), "old");
}

static bool no_journal(void)
{
	struct stat st;

	return stat(box_path("store/" WARD_JOURNAL_NAME), &st) < 0 &&
		stat(box_path("store/" WARD_JOURNAL_NEW), &st) < 0;
}

/* The paths that are changes, one after the other. */
static const char *waiting(void)
{
	static char out[256];
	struct read r = read_layer();

	out[0] = '\0';
	for (size_t i = 0; i < r.c.n; i++)
		(void)snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", i ? " " : "",
			r.c.v[i].path);
	read_done(&r);
	return out;
}

/* Killed at its every call, then said again: at each moment what waits was among what waited before. */
static void forgets(void *arg)
{
	static const char *const were[] = { "d", "d/x", "e", "e/a", "e/b", "f", "g", "n", "p" };
	long at = 1;

	(void)arg;
	on_a_small_disk();
	for (bool dies = true; dies && at < 400 && tap_failures == 0; at++) {
		char left[256], *save, *word;

		full_scene();
		CASE("killed at call %ld", at);
		CHECK_STR_EQ(waiting(), "d d/x e e/a e/b f g n p");
		dies = commit_dies_as(false, at, WARD_COMMIT_THEIRS);
		CHECK(no_journal() || dies);
		CHECK_EQ_INT(journal_state(), WARD_JOURNAL_NONE);
		CHECK(nothing_is_real());
		(void)snprintf(left, sizeof(left), "%s", waiting());
		for (word = strtok_r(left, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
			bool was = false;

			TABLE(name, were)
				was = was || strcmp(*name, word) == 0;
			CHECK_MSG(was, "%s waits, and did not before", word);
		}
		CHECK(dies || left[0] == '\0');
		CHECK_EQ_INT(commit_all(false, NULL, -1, WARD_COMMIT_THEIRS), WARD_OK);
		CHECK(no_journal() && nothing_is_real() && layer_is_empty());
	}
	CHECK(at > 8 && at < 400);
	_exit(tap_failures ? 1 : 0);
}

static void in_a_small_box(void (*fn)(void *arg))
{
	read_really = true;
	box_make();
	if (!box_run(fn, NULL))
		SKIP("no overlay or tmpfs in a user namespace here");
	box_end();
}

TEST(what_is_forgotten_on_a_full_disk_needs_no_room)
{
	in_a_small_box(forgets);
}

/* What could be left half said needs its journal: then nothing is forgotten. */
static void keeps(void *arg)
{
	static const struct {
		const char *what, *path;
	} cases[] = {
		{ "a part of a directory that is gone", "e/b" },
		{ "a rename", "moved" },
		{ "what moved over something", "g" },
		{ "attributes", "p" },
		{ "what had landed", "n" },
	};

	(void)arg;
	on_a_small_disk();
	TABLE(c, cases) {
		const struct ward_landed_seen landed = object(10);
		struct ward_error err = WARD_ERROR_INIT;
		char before[256];
		WARD_FD store = -1;
		struct ward_landed *l = NULL;

		CASE("%s", c->what);
		full_scene();
		CHECK(unlink(box_path("store/ballast")) == 0);
		store = box_open("store");
		if (strcmp(c->path, "n") == 0) {
			l = load_notes(store, true);
			CHECK_EQ_INT(ward_landed_add(l, "n", &landed, &err), WARD_OK);
			CHECK_EQ_INT(ward_landed_sync(l, &err), WARD_OK);
		}
		if (strcmp(c->path, "p") == 0 &&
			setxattr(box_path("upper/p"), "user.run", "x", 1, 0) < 0)
			continue; /* of a tmpfs, not by every kernel */
		if (strcmp(c->path, "moved") == 0 || strcmp(c->path, "g") == 0) {
			put_at(box_path("root/g"), "it moved", 0644);
			put_at(box_path(c->path[0] == 'g' ? "upper/f" : "upper/moved"), "it moved",
				0644);
		}
		fill();
		(void)snprintf(before, sizeof(before), "%s", waiting());
		only = c->path;
		CHECK_EQ_INT(commit_all(false, l, -1, WARD_COMMIT_THEIRS), WARD_E_SYSTEM);
		CHECK_EQ_INT(last_error.sys_errno, ENOSPC);
		CHECK_STR_CONTAINS(last_error.fix, "nothing is forgotten");
		CHECK_STR_EQ(waiting(), before);
		CHECK(no_journal());
		/* And with room it is. */
		CHECK(unlink(box_path("store/ballast")) == 0);
		CHECK_EQ_INT(commit_all(false, l, -1, WARD_COMMIT_THEIRS), WARD_OK);
		CHECK(strcmp(waiting(), before) != 0);
		only = NULL;
		ward_landed_free(l);
	}
	_exit(tap_failures ? 1 : 0);
}

TEST(what_needs_a_journal_is_not_forgotten_without)
{
	in_a_small_box(keeps);
}

/* ---- what the notes themselves do ---- */

static bool is_ours(const struct ward_landed *l, uint64_t ino)
{
	struct stat st = { .st_ino = ino, .st_ctim = { .tv_nsec = (long)ino } };

	return ward_landed_ours(l, &st);
}

TEST(at_the_limit_nothing_is_noted_but_that_it_is_settled)
{
	const struct ward_landed_seen a = object(10), b = object(11);
	WARD_FD store = -1;
	WARD_FD empty = -1;
	struct ward_landed *l;
	struct ward_error err = WARD_ERROR_INIT;
	off_t size;

	box_make();
	store = box_open("store");
	empty = box_open("plain");
	l = load_notes(store, true);
	CHECK_EQ_INT(ward_landed_add(l, "a", &a, &err), WARD_OK);
	CHECK_EQ_INT(ward_landed_sync(l, &err), WARD_OK);
	size = notes_size();
	ward_landed_bound(l, (uint64_t)size);
	CHECK(!ward_landed_room(l, 1));
	/* The same once more is nothing new. */
	CHECK_EQ_INT(ward_landed_add(l, "a", &a, &err), WARD_OK);
	CHECK_EQ_INT(ward_landed_add(l, "b", &b, &err), WARD_E_LIMIT);
	CHECK(ward_landed_get(l, "b") == NULL && !is_ours(l, 11));
	CHECK_EQ_INT(ward_landed_sync(l, &err), WARD_OK);
	CHECK_EQ_INT(notes_size(), size);
	CHECK_EQ_INT(ward_landed_settle(l, empty, empty, &err), WARD_OK);
	CHECK(notes_size() > size);
	size = notes_size();
	CHECK_EQ_INT(ward_landed_settle(l, empty, empty, &err), WARD_OK);
	CHECK_EQ_INT(notes_size(), size);
	ward_landed_free(l);
	l = load_notes(store, false);
	CHECK(ward_landed_get(l, "a") && !ward_landed_get(l, "b") && is_ours(l, 10));
	ward_landed_free(l);
	box_end();
}

/* Of five paths, a hundred times; then p1 is gone, with another name of what it was, and p2 nothing. */
static void note_much(int store)
{
	const struct ward_landed_seen nothing = { .kind = WARD_LANDED_NOTHING };
	const struct ward_landed_seen gone = { .kind = WARD_LANDED_GONE };
	const struct ward_landed_seen left = {
		.kind = WARD_LANDED_NOTHING, .ino = 999, .ctime_ns = 999
	};
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_landed *l = load_notes(store, true);

	for (uint64_t i = 1; i <= 100; i++) {
		const struct ward_landed_seen s = object(i);
		char path[16];

		(void)snprintf(path, sizeof(path), "p%d", (int)(i % 5));
		CHECK_EQ_INT(ward_landed_add(l, path, &s, &err), WARD_OK);
	}
	CHECK_EQ_INT(ward_landed_add(l, "p1", &left, &err), WARD_OK);
	CHECK_EQ_INT(ward_landed_add(l, "p1", &gone, &err), WARD_OK);
	CHECK_EQ_INT(ward_landed_add(l, "p2", &nothing, &err), WARD_OK);
	CHECK_EQ_INT(ward_landed_sync(l, &err), WARD_OK);
	ward_landed_free(l);
}

/* And it goes on where it is. */
static int make_smaller(int store, long at)
{
	const struct ward_landed_seen s = object(200);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_landed *l = load_notes(store, false);

	calls = 0;
	kill_at = at;
	CHECK_EQ_INT(ward_landed_compact(l, store, &err), WARD_OK);
	CHECK_EQ_INT(ward_landed_add(l, "later", &s, &err), WARD_OK);
	CHECK_EQ_INT(ward_landed_sync(l, &err), WARD_OK);
	return tap_failures ? 1 : 0;
}

static void says_what_was_noted(const struct ward_landed *l)
{
	for (uint64_t i = 0; i < 5; i++) {
		const struct ward_landed_seen *seen;
		char path[16];

		(void)snprintf(path, sizeof(path), "p%d", (int)i);
		seen = ward_landed_get(l, path);
		if (i == 2)
			CHECK(seen == NULL);
		else
			CHECK(seen &&
				seen->kind == (i == 1 ? WARD_LANDED_GONE : WARD_LANDED_OBJECT));
		CHECK(i == 2 || i == 1 || is_ours(l, i ? 95 + i : 100));
	}
	CHECK(is_ours(l, 999)); /* a file that has another name yet */
}

/* Killed at each of its calls, and then read: it says what it said. */
TEST(made_smaller_it_says_the_same)
{
	bool ended = false;

	for (long at = 1; !ended && at < 100 && tap_failures == 0; at++) {
		struct ward_landed *l;
		WARD_FD store = -1;
		off_t size;
		int status;
		pid_t pid;

		CASE("killed at call %ld", at);
		box_make();
		store = box_open("store");
		note_much(store);
		size = notes_size();
		fflush(stdout);
		pid = fork();
		if (pid == 0)
			_exit(make_smaller(store, at));
		REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
		ended = !WIFSIGNALED(status);
		CHECK(!ended || status == 0);
		CHECK(!ended || notes_size() < size / 10);
		l = load_notes(store, false);
		CHECK(!ended || ward_landed_get(l, "later"));
		says_what_was_noted(l);
		ward_landed_free(l);
	}
	CHECK(ended);
	box_end();
}

TEST(what_is_torn_takes_nothing_more)
{
	const struct ward_landed_seen a = object(10);
	struct ward_error err = WARD_ERROR_INIT;
	WARD_FD store = -1;
	struct ward_landed *l;

	box_make();
	store = box_open("store");
	l = load_notes(store, true);
	CHECK(ward_landed_room(l, 1));
	CHECK_EQ_INT(ward_landed_add(l, "a", &a, &err), WARD_OK);
	fail_write = fail_cut = true;
	CHECK_EQ_INT(ward_landed_sync(l, &err), WARD_E_SYSTEM);
	fail_write = fail_cut = false;
	CHECK(!ward_landed_room(l, 1));
	CHECK_EQ_INT(ward_landed_sync(l, &err), WARD_E_SYSTEM);
	ward_landed_free(l);
	/* Who comes next cuts it. */
	l = load_notes(store, false);
	CHECK(l && ward_landed_room(l, 1) && !ward_landed_get(l, "a"));
	ward_landed_free(l);
	box_end();
}

/* The run made d for itself, it landed, and the run removed d/x again: its layer has no trace of that. It is taken back, and waits all the same. */
TEST(what_the_run_removed_without_a_trace_waits_when_it_is_taken_back)
{
	struct ward_landed *l;
	bool met = false;

	read_really = true;
	for (long at = 1; at < 400 && !met; at++) {
		WARD_CLEANUP(box_fds_done) struct box_fds f;
		struct ward_error err = WARD_ERROR_INIT;
		struct ward_changes *all = NULL;
		bool listed = false;

		scene();
		f = (struct box_fds){ box_open("root"), box_open("upper"), box_open("store") };
		l = load_notes(f.store, true);
		CHECK_EQ_INT(commit_all(true, l, -1, WARD_COMMIT_NEITHER), WARD_OK);
		ward_landed_free(l);
		REQUIRE(is_new() && unlink(box_path("upper/d/x")) == 0);
		REQUIRE(commit_dies(true, at));
		if (journal_state() != WARD_JOURNAL_BEGUN ||
			access(box_path("root/d/x"), F_OK) == 0)
			continue;
		met = true;
		l = load_notes(f.store, false);
		CHECK_EQ_INT(go_on(UNDO, l), WARD_OK);
		CHECK(has(box_path("root/d/x"), "new"));
		REQUIRE(ward_changes_read_of(&(struct ward_changes_of){ .layer = f.layer,
						     .root = f.root,
						     .landed = l },
				&all, &err) == WARD_OK);
		for (size_t i = 0; i < all->n; i++)
			listed = listed ||
				(strcmp(all->v[i].path, "d/x") == 0 &&
					all->v[i].kind == WARD_CHANGE_DELETED);
		CHECK_MSG(listed, "the removal is forgotten");
		ward_changes_free(all);
		ward_landed_free(l);
	}
	CHECK(met);
	box_end();
}

/* A directory of the name is there from before: what is kept has another name, and the commit ends. */
TEST(what_is_kept_twice_has_two_names)
{
	bool met = false;

	read_really = true;
	for (long at = 1; at < 400 && !met; at++) {
		int code = 0;

		scene();
		put_at(box_path("root/.ward-kept-" RUN), "before", 0600);
		if (killed(COMMIT, at, &code))
			break;
		if (journal_state() != WARD_JOURNAL_BEGUN || !has(box_path("root/f"), "new"))
			continue;
		met = true;
		/* What was there before goes back to no name. */
		put_at(box_path("root/f"), "somebody", 0644);
		CHECK_EQ_INT(go_on(UNDO, NULL), WARD_OK);
		CHECK_EQ_INT(journal_state(), WARD_JOURNAL_NONE);
		CHECK(has(box_path("root/f"), "somebody") &&
			has(box_path("root/.ward-kept-" RUN), "before"));
		CHECK(access(box_path("root/.ward-kept-" RUN "-2"), F_OK) == 0);
	}
	CHECK(met);
	box_end();
}

/* The run ends while a large file of its is copied: it is not copied to its end, and nothing of it is there. Of a dead run nobody says so. */
TEST(a_copy_ends_when_the_run_does)
{
	for (int lands = 0; lands < 2; lands++) {
		static char text[1 << 20] = "something";
		WARD_FD store = -1;
		WARD_FD fd = -1;
		struct ward_landed *l;
		struct stat st;
		unsigned before;

		CASE("%s", lands ? "live" : "dead");
		box_make();
		read_really = true;
		box_begin();
		put_at(box_path("upper/big"), "", 0644);
		fd = open(box_path("upper/big"), O_WRONLY | O_CLOEXEC);
		for (int i = 0; i < 64; i++)
			REQUIRE(fd >= 0 && write(fd, text, sizeof(text)) == (ssize_t)sizeof(text));
		store = box_open("store");
		l = load_notes(store, true);
		atomic_store(&stop, false);
		before = writes;
		stop_at = before + 5;
		CHECK_EQ_INT(commit_all(lands, l, -1, WARD_COMMIT_NEITHER),
			lands ? WARD_E_REFUSED : WARD_OK);
		atomic_store(&stop, false);
		stop_at = 0;
		CHECK(!lands || writes == before + 5);
		CHECK_EQ_INT(stat(box_path("root/big"), &st) == 0, !lands);
		CHECK_EQ_INT(journal_state(), WARD_JOURNAL_NONE);
		CHECK(access(box_path("store/stage"), F_OK) < 0);
		ward_landed_free(l);
	}
	box_end();
}

TAP_MAIN();
