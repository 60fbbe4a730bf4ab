/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard input is a file of the host, opened for reading: change its times.
 * class: write
 * stdio: file
 * escaped: times target
 */
#include "attempt.h"

ATTEMPT(write_stdin_times)
{
	static const struct timespec long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	return futimens(0, long_ago) < 0 ? refused("futimens") : ESCAPED;
}
