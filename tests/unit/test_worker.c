/* SPDX-License-Identifier: Apache-2.0 */
/* One thread for several jobs: in their order, each once, and none behind the last; whoever waits for one finds it done. */
#include <time.h>

#include "os/os.h"
#include "tap.h"

static int seen[8];
static int n_seen;

static void note(void *arg)
{
	seen[n_seen++] = *(const int *)arg;
}

static void note_late(void *arg)
{
	const struct timespec t = { .tv_nsec = 30000000 };

	(void)nanosleep(&t, NULL);
	note(arg);
}

/* From the start: nothing runs that was given before. */
static struct ward_worker *start(void (*fn)(void *arg), void *arg)
{
	n_seen = 0;
	return ward_worker_new(fn, arg);
}

static int numbers[] = { 1, 2, 3, 4 };

static void *number(int i)
{
	return &numbers[i];
}

TEST(jobs_are_done_in_their_order)
{
	struct ward_worker *w = start(note_late, number(0));
	unsigned second, third;

	REQUIRE(w != NULL);
	second = ward_worker_give(w, note_late, number(1), false);
	third = ward_worker_give(w, note, number(2), false);
	CHECK(second == 2 && third == 3);
	ward_worker_wait(w, second);
	CHECK(n_seen >= 2 && seen[0] == 1 && seen[1] == 2);
	ward_worker_wait(w, third);
	CHECK(n_seen == 3 && seen[2] == 3);
	ward_worker_unref(w);
}

TEST(one_that_sleeps_is_woken)
{
	const struct timespec t = { .tv_nsec = 20000000 };
	struct ward_worker *w = start(note, number(0));
	unsigned job;

	REQUIRE(w != NULL);
	ward_worker_wait(w, 1);
	(void)nanosleep(&t, NULL);
	job = ward_worker_give(w, note, number(3), true);
	CHECK_EQ_INT(job, 2);
	ward_worker_wait(w, job);
	CHECK(n_seen == 2 && seen[1] == 4);
	ward_worker_unref(w);
}

TEST(nothing_comes_behind_the_last)
{
	struct ward_worker *w = start(note_late, number(0));

	REQUIRE(w != NULL);
	CHECK(ward_worker_give(w, note, number(1), true) == 2);
	CHECK(ward_worker_give(w, note, number(2), false) == 0);
	ward_worker_unref(w);
	CHECK_EQ_INT(n_seen, 2);
	w = ward_worker_new(note, number(0));
	REQUIRE(w != NULL);
	ward_worker_end(w);
	CHECK(ward_worker_give(w, note, number(1), false) == 0);
	ward_worker_unref(w);
	CHECK_EQ_INT(n_seen, 3);
	CHECK(ward_worker_give(NULL, note, number(1), false) == 0);
	ward_worker_end(NULL);
	ward_worker_unref(ward_worker_ref(NULL));
}

TEST(more_than_there_is_room_for_is_not_taken)
{
	struct ward_worker *w = start(note_late, number(0));
	unsigned taken = 1;

	REQUIRE(w != NULL);
	for (int i = 0; i < 20; i++)
		taken += ward_worker_give(w, note, number(i % 4), false) != 0;
	CHECK(taken > 1 && taken < 20);
	ward_worker_unref(w);
	CHECK_EQ_INT(n_seen, (int)taken);
}

TEST(whoever_lets_go_last_waits)
{
	struct ward_worker *w = start(note_late, number(0));
	struct ward_worker *other = ward_worker_ref(w);

	REQUIRE(w != NULL && other == w);
	ward_worker_unref(w);
	CHECK(ward_worker_give(other, note_late, number(1), false) == 2);
	ward_worker_unref(other);
	CHECK(n_seen == 2 && seen[1] == 2);
}

TAP_MAIN();
