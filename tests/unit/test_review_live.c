/* SPDX-License-Identifier: Apache-2.0 */
/* --review=live: its bounds, and that what was written to meanwhile waits, however many there are. Its whole: tests/sandbox/test_review_live.py. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ward_review_land fake_land
#define ward_review_land_on fake_land_on
#define ward_workspace_dir fake_dir
#define sync_file_range fake_sync
#include "run/life.h"
#include "run/review/judge.h"
#include "tap.h"

#undef WARD_LIVE_OBJECTS_MAX
#define WARD_LIVE_OBJECTS_MAX 50u
#include "run/review/live.c"

static int land_code, land_dir = -1, lands;
static size_t land_recorded;
static bool stop_on;
static struct review_live *landing;

int fake_land(struct ward_workspace *w, const struct ward_review_landing *how, size_t *ret_applied,
	size_t *ret_recorded, struct ward_error *err)
{
	(void)w;
	(void)how;
	lands++;
	*ret_applied = 0;
	*ret_recorded = land_recorded;
	return land_code == WARD_OK ? WARD_OK : ward_fail(err, land_code, "it is told so");
}

int fake_land_on(struct ward_workspace *w, const struct ward_review_landing *how,
	struct ward_error *err)
{
	(void)w;
	(void)how;
	atomic_store(&landing->stop, stop_on);
	return ward_fail(err, WARD_E_REFUSED, "the run ends");
}

int fake_dir(const struct ward_workspace *w)
{
	(void)w;
	return land_dir;
}

static struct review_live *sending;
static size_t sends, stop_at;
static off_t sent_to;

int fake_sync(int fd, off_t at, off_t n, unsigned flags)
{
	struct stat st;

	REQUIRE(fstat(fd, &st) == 0 && flags);
	CHECK(at == sent_to);
	sent_to = n ? at + n : st.st_size;
	if (++sends == stop_at)
		atomic_store(&sending->stop, true);
	return 0;
}

static char dir[64];

static void begins(struct review_live *v)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/ward-review-live-XXXXXX");
	REQUIRE(mkdtemp(dir));
	*v = (struct review_live){ .wake = -1, .n_slots = FIRST_SLOTS, .seed = 1 };
	v->v = calloc(v->n_slots, sizeof(*v->v));
	v->layer = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(v->v && v->layer >= 0);
	land_dir = v->layer;
	land_code = WARD_OK;
	land_recorded = 0;
	lands = 0;
}

static void ends(struct review_live *v, int n)
{
	char name[32];

	for (int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "d%d", i);
		REQUIRE(unlinkat(v->layer, name, AT_REMOVEDIR) == 0);
	}
	close(v->layer);
	free(v->v);
	REQUIRE(rmdir(dir) == 0);
}

static void makes(const struct review_live *v, int begin, int end)
{
	char name[32];

	for (int i = begin; i < end; i++) {
		(void)snprintf(name, sizeof(name), "d%d", i);
		REQUIRE(mkdirat(v->layer, name, 0755) == 0);
	}
}

TEST(it_looks_at_so_many_objects_and_no_more)
{
	struct review_live v;

	begins(&v);
	makes(&v, 0, 50);
	look(&v);
	CHECK(!v.over);
	CHECK_EQ_SIZE(v.n_waiting, 0);
	makes(&v, 50, 51);
	look(&v);
	CHECK(v.over);
	CHECK_EQ_SIZE(v.n_waiting, 0);
	ends(&v, 51);
}

TEST(what_it_knows_is_bounded)
{
	struct review_live v;
	char name[32];
	size_t n = 0;

	begins(&v);
	v.look = 1;
	for (; n < 100000; n++) {
		struct known *k;

		(void)snprintf(name, sizeof(name), "%zu", n);
		k = know(&v, sum_of(&v, name));
		if (!k)
			break;
		k->look = v.look;
	}
	CHECK(n >= WARD_LIVE_OBJECTS_MAX && n < 16 * WARD_LIVE_OBJECTS_MAX + FIRST_SLOTS);
	/* What is there no more makes room. */
	v.look = 3;
	CHECK(know(&v, sum_of(&v, "another")) == NULL || v.n < n);
	ends(&v, 0);
}

/* A run that renames all that it has between two looks, without end: what is known stays as large, and there is room. */
TEST(new_names_without_end_have_room_and_take_no_more)
{
	struct review_live v;
	char name[32];
	bool room = true;

	begins(&v);
	for (v.look = 1; v.look < 1000; v.look++) {
		v.n_objects = WARD_LIVE_OBJECTS_MAX;
		for (unsigned i = 0; i < WARD_LIVE_OBJECTS_MAX; i++) {
			struct known *k;

			(void)snprintf(name, sizeof(name), "%u-%u", v.look, i);
			k = know(&v, sum_of(&v, name));
			room = room && k;
			if (k)
				k->look = v.look;
		}
	}
	CHECK(room);
	CHECK_EQ_SIZE(v.n_slots, FIRST_SLOTS);
	ends(&v, 0);
}

/* What docs/live.md says of it in figures. */
TEST(what_one_name_costs)
{
	CHECK_EQ_SIZE(sizeof(struct known), 72);
}

TEST(directories_that_wait_are_bounded)
{
	struct review_live v;
	struct pending *list = NULL;

	begins(&v);
	v.n_waiting = WAITING_MAX - sizeof(struct pending) - 2;
	CHECK(later(&v, &list, "a"));
	CHECK(!later(&v, &list, "b"));
	free(list->path);
	free(list);
	ends(&v, 0);
}

TEST(its_decisions_in_the_log_are_bounded)
{
	struct review_live v;

	begins(&v);
	v.recorded = RECORDED_MAX - 1;
	land_recorded = 1;
	CHECK(land(&v) && !v.over);
	CHECK(land(&v) && v.over);
	ends(&v, 0);
}

/* One that fails has put its decisions into the log all the same. */
TEST(what_fails_is_counted_too)
{
	static const int codes[] = { WARD_E_SYSTEM, WARD_E_REFUSED };

	TABLE(code, codes) {
		struct review_live v;

		CASE("%d", *code);
		begins(&v);
		land_code = *code;
		land_recorded = 1;
		v.recorded = RECORDED_MAX;
		(void)land(&v);
		CHECK(v.over);
		CHECK_EQ_INT(lands, 1);
		ends(&v, 0);
	}
}

/* How long one takes is the disk's affair: so each is of a few megabytes, and between two it is asked whether anybody waits. */
TEST(the_end_of_the_run_is_heard_while_a_file_goes_to_the_disk)
{
	static const struct {
		off_t size;
		size_t stop_at, sends; /* at most */
		bool settled;
	} rows[] = { { 100 << 20, 0, 25, true }, { 100 << 20, 3, 3, false }, { 0, 0, 1, true },
		{ (off_t)1 << 40, 0, SENDS_MAX + 1, true }, { (off_t)1 << 40, 2, 2, false } };

	TABLE(row, rows) {
		struct review_live v;
		struct known k = { .path = 1 };
		struct stat st;
		int fd;

		CASE("%jd, to %zu", (intmax_t)row->size, row->stop_at);
		begins(&v);
		fd = openat(v.layer, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		REQUIRE(fd >= 0 && ftruncate(fd, row->size) == 0 && fstat(fd, &st) == 0);
		close(fd);
		v.now_ns = ns_of(&st.st_ctim) + QUIET_NS;
		sending = &v;
		sends = 0;
		sent_to = 0;
		stop_at = row->stop_at;
		CHECK(!is_calm(&v, &k, v.layer, "f", &st));
		CHECK_MSG(sends > 0 && sends <= row->sends, "%zu", sends);
		CHECK_EQ_INT(k.settled == ns_of(&st.st_ctim), row->settled);
		CHECK(!row->settled || sent_to == row->size);
		REQUIRE(unlinkat(v.layer, "f", 0) == 0);
		ends(&v, 0);
	}
}

/* What had begun, and is stopped by the end of the run, is no error to be told of. */
TEST(one_that_the_end_stops_is_no_error)
{
	static const bool stops[] = { true, false };

	TABLE(s, stops) {
		struct review_live v;
		int fd;

		begins(&v);
		landing = &v;
		stop_on = *s;
		fd = openat(v.layer, WARD_WORKSPACE_JOURNAL, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		REQUIRE(fd >= 0);
		close(fd);
		CHECK(!land(&v));
		CHECK_EQ_INT(v.err.code, *s ? WARD_OK : WARD_E_REFUSED);
		CHECK_EQ_SIZE(v.recorded, 1);
		REQUIRE(unlinkat(v.layer, WARD_WORKSPACE_JOURNAL, 0) == 0);
		ends(&v, 0);
	}
}

TEST(how_a_landing_fails_says_how_it_goes_on)
{
	static const struct row {
		int code;
		bool well, over;
		int lands;
	} rows[] = {
		{ WARD_OK, true, false, 1 },
		{ WARD_E_REFUSED, true, false, TRIES_MAX }, /* written to meanwhile */
		{ WARD_E_LIMIT, false, true, 1 }, /* nothing more can be noted */
		{ WARD_E_SYSTEM, false, false, 1 },
	};

	TABLE(row, rows) {
		struct review_live v;

		CASE("%d", row->code);
		begins(&v);
		land_code = row->code;
		CHECK_EQ_INT(land(&v), row->well);
		CHECK_EQ_INT(v.over, row->over);
		CHECK_EQ_INT(lands, row->lands);
		ends(&v, 0);
	}
}

/* However many: none pushes another out, and each is wanted again. */
TEST(what_was_written_to_meanwhile_waits_and_is_wanted_again)
{
	struct review_live v;
	char name[32];

	begins(&v);
	v.now_ns = 1000 * QUIET_NS;
	for (int turn = 0; turn < 2; turn++) {
		size_t wanted = 0;

		for (int i = 0; i < 200; i++) {
			struct ward_change c = { .kind = WARD_CHANGE_ADDED,
				.path = name,
				.mode = S_IFDIR | 0755,
				.ino = 1 };

			(void)snprintf(name, sizeof(name), "f%d", i);
			if (turn == 0) {
				CHECK(pick(&v, &c));
				left(&v, name);
			} else {
				wanted += pick(&v, &c);
			}
		}
		CHECK_EQ_SIZE(wanted, 0);
	}
	v.now_ns += AGAIN_NS;
	for (int i = 0; i < 200; i++) {
		struct ward_change c = {
			.kind = WARD_CHANGE_ADDED, .path = name, .mode = S_IFDIR | 0755, .ino = 1
		};

		(void)snprintf(name, sizeof(name), "f%d", i);
		CHECK(pick(&v, &c));
	}
	ends(&v, 0);
}

TAP_MAIN();
