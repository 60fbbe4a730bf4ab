/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has the kernel send the signal: a process of the host is told of what happens at standard input, and by which signal is for whoever has
 * that open file to say.
 * class: processes
 * plants: victim
 * stdio: owned-pipe
 * expect: refused
 * escaped: died
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(proc_stream_owner)
{
	if (fcntl(0, F_SETSIG, SIGTERM) < 0)
		(void)refused("F_SETSIG");
	if (fcntl(0, F_SETFL, O_ASYNC) < 0)
		return refused("O_ASYNC");
	return spoil(open("/proc/self/fd/0", O_WRONLY));
}
