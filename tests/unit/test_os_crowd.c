/* SPDX-License-Identifier: Apache-2.0 */
/* Where a thread may run while many ask at once: the calls are wrapped, so that the machine has any number of processors. */
#include <errno.h>

#include "os/crowd.h"
#include "tap.h"

int __wrap_sched_getaffinity(pid_t pid, size_t n, cpu_set_t *ret);
int __wrap_sched_setaffinity(pid_t pid, size_t n, const cpu_set_t *to);

static cpu_set_t machine;
static int fail_get, fail_set, sets;

int __wrap_sched_getaffinity(pid_t pid, size_t n, cpu_set_t *ret)
{
	REQUIRE(pid == 0 && n == sizeof(*ret));
	if (fail_get) {
		errno = fail_get;
		return -1;
	}
	*ret = machine;
	return 0;
}

int __wrap_sched_setaffinity(pid_t pid, size_t n, const cpu_set_t *to)
{
	REQUIRE(pid == 0 && n == sizeof(*to));
	sets++;
	if (fail_set) {
		errno = fail_set;
		return -1;
	}
	machine = *to;
	return 0;
}

/* Processors of the machine, by their bits. */
static void has(uint64_t bits)
{
	CPU_ZERO(&machine);
	for (int i = 0; i < 64; i++)
		if (bits >> i & 1)
			CPU_SET(i, &machine);
	sets = fail_get = fail_set = 0;
}

static bool is(uint64_t bits)
{
	cpu_set_t now = machine;
	int n = sets;

	has(bits);
	sets = n;
	bits = (uint64_t)CPU_EQUAL(&now, &machine);
	machine = now;
	return bits != 0;
}

static bool turn(struct ward_crowd *c, bool much)
{
	bool changed = ward_crowd_turn(c, much);

	ward_crowd_hold(c, c->is);
	return changed;
}

static bool come(struct ward_crowd *c)
{
	for (int i = 0; i < 8; i++)
		if (turn(c, true))
			return true;
	return false;
}

static bool go(struct ward_crowd *c)
{
	for (int i = 0; i < 64; i++)
		if (turn(c, false))
			return true;
	return false;
}

TEST(one_each_of_two)
{
	struct ward_crowd lower = { .side = WARD_CROWD_LOWER };
	struct ward_crowd higher = { .side = WARD_CROWD_HIGHER };

	has(0x24);
	CHECK(come(&lower));
	CHECK(lower.is && is(0x4));
	CHECK(go(&lower));
	CHECK(!lower.is && is(0x24));
	CHECK(come(&higher));
	CHECK(higher.is && is(0x20));
	CHECK(go(&higher));
	CHECK(is(0x24));
	CHECK_EQ_INT(sets, 4);
}

TEST(the_last_processor_that_a_set_can_name)
{
	struct ward_crowd c = { .side = WARD_CROWD_HIGHER };

	has(1);
	CPU_SET(CPU_SETSIZE - 1, &machine);
	CHECK(come(&c));
	CHECK(CPU_COUNT(&machine) == 1 && CPU_ISSET(CPU_SETSIZE - 1, &machine));
	CHECK(go(&c));
	CHECK(CPU_COUNT(&machine) == 2 && CPU_ISSET(0, &machine));
}

TEST(nothing_else_of_it_is_touched)
{
	static const uint64_t machines[] = { 0x1, 0x7, 0xf, ~0ull };

	for (size_t i = 0; i < 4; i++) {
		struct ward_crowd c = { .side = WARD_CROWD_HIGHER };

		has(machines[i]);
		CHECK(come(&c));
		CHECK(go(&c));
		CHECK_EQ_INT(sets, 0);
	}
}

TEST(held_and_let_go_meanwhile)
{
	struct ward_crowd c = { .side = WARD_CROWD_LOWER };

	has(0x3);
	CHECK(come(&c) && is(0x1));
	for (int i = 0; i < 3; i++) {
		ward_crowd_hold(&c, false);
		CHECK(is(0x3) && c.is);
		ward_crowd_hold(&c, true);
		CHECK(is(0x1));
		ward_crowd_hold(&c, true);
	}
	CHECK_EQ_INT(sets, 7);
}

TEST(a_lone_caller_is_no_crowd)
{
	struct ward_crowd c = { .side = WARD_CROWD_LOWER };

	has(0x3);
	for (int i = 0; i < 10000; i++)
		CHECK(!turn(&c, i % 10 == 0));
	CHECK(!turn(&c, true));
	CHECK_EQ_INT(sets, 0);
}

TEST(a_crowd_may_breathe)
{
	struct ward_crowd c = { .side = WARD_CROWD_LOWER };

	has(0x3);
	CHECK(come(&c));
	for (int i = 0; i < 10000; i++)
		CHECK(!turn(&c, i % 6 == 0));
	CHECK(is(0x1));
}

TEST(what_is_refused_holds_nothing)
{
	struct ward_crowd c = { .side = WARD_CROWD_LOWER };

	has(0x3);
	fail_get = EINVAL;
	CHECK(come(&c));
	CHECK(go(&c));
	CHECK_EQ_INT(sets, 0);
	fail_get = 0;
	fail_set = EPERM;
	CHECK(come(&c));
	ward_crowd_hold(&c, true); /* it is not asked again at each turn */
	CHECK(go(&c));
	CHECK_EQ_INT(sets, 1);
	CHECK(is(0x3));
}

TEST(what_cannot_be_let_go_is_tried_again)
{
	struct ward_crowd c = { .side = WARD_CROWD_LOWER };

	has(0x3);
	CHECK(come(&c));
	fail_get = EINTR;
	CHECK(go(&c));
	CHECK(is(0x1));
	fail_get = 0;
	fail_set = EINTR;
	ward_crowd_hold(&c, false);
	CHECK(is(0x1));
	fail_set = 0;
	ward_crowd_hold(&c, false);
	CHECK(is(0x3));
}

TEST(who_was_put_elsewhere_stays_there)
{
	struct ward_crowd c = { .side = WARD_CROWD_LOWER };

	has(0x3);
	CHECK(come(&c));
	has(0x2);
	CHECK(go(&c));
	CHECK(is(0x2));
	CHECK_EQ_INT(sets, 0);
}

TAP_MAIN();
