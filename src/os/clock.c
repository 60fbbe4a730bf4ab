/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks. Wall time is for people and records and may jump; whatever measures or waits uses the monotonic one; what bounds work
 * uses the processor time of the thread, too, which a busy machine does not shorten. None is ever an input to a decision but through the caller.
 */
#include <time.h>

#include "os/os.h"

static uint64_t now(clockid_t clock)
{
	struct timespec t = { 0 };

	/* Cannot fail: these clocks exist on every Linux, and t is ours. */
	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t ward_now_wall_ns(void)
{
	return now(CLOCK_REALTIME);
}

uint64_t ward_now_mono_ns(void)
{
	return now(CLOCK_MONOTONIC);
}

uint64_t ward_now_boot_ns(void)
{
	return now(CLOCK_BOOTTIME);
}

uint64_t ward_now_thread_ns(void)
{
	return now(CLOCK_THREAD_CPUTIME_ID);
}
