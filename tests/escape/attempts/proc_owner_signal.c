/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has the kernel send the signal: the owner of a pipe's events is a process of the host.
 * class: processes
 * plants: victim
 * args: pid
 * escaped: died
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(proc_owner_signal)
{
	int p[2];

	if (pipe(p) < 0 || fcntl(p[0], F_SETOWN, number("pid")) < 0 ||
		fcntl(p[0], F_SETSIG, SIGTERM) < 0 || fcntl(p[0], F_SETFL, O_ASYNC) < 0)
		return refused("fcntl");
	return spoil(p[1]);
}
