/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a commit (src/workspace/commit/crew.c): each thing is done by one of them, and what failed is told of. */
#include <stdatomic.h>
#include <string.h>

#include "tap.h"
#include "workspace/commit/commit.h"

struct each {
	atomic_uint *done;
	size_t fails;
};

static int once(void *state, size_t i, struct ward_error *err)
{
	const struct each *e = state;

	atomic_fetch_add(&e->done[i], 1);
	return i < e->fails ? WARD_OK : ward_fail(err, WARD_E_SYSTEM, "%zu fails", i);
}

TEST(threads_do_each_once_and_tell_of_what_failed)
{
	static atomic_uint done[1000];
	struct ward_error err = WARD_ERROR_INIT;
	struct each e = { done, SIZE_MAX };
	void *states[WARD_CREW_MAX] = { &e, &e, &e, &e };
	size_t n = 0;

	CHECK_EQ_INT(ward_crew_run(WARD_ARRAY_SIZE(done), once, states, WARD_CREW_MAX, &err),
		WARD_OK);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(done); i++)
		n += atomic_load(&done[i]) == 1;
	CHECK_EQ_SIZE(n, WARD_ARRAY_SIZE(done));
	/* All after the first that fails may fail; it is told of, and is WARD_E_SYSTEM. */
	e.fails = 500;
	CHECK_EQ_INT(ward_crew_run(WARD_ARRAY_SIZE(done), once, states, WARD_CREW_MAX, &err),
		WARD_E_SYSTEM);
	CHECK(strstr(err.message, " fails"));
	n = 0;
	for (size_t i = 0; i < 500; i++)
		n += atomic_load(&done[i]) == 2;
	CHECK(n > 500 - WARD_CREW_MAX * 16);
	CHECK_EQ_INT(ward_crew_run(0, once, states, WARD_CREW_MAX, &err), WARD_OK);
}

TAP_MAIN();
