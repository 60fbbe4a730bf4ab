/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lease on a file of the write grant: a program of the host that opens it has to wait until it is given back.
 * class: ipc
 * args: own
 * during: write
 * escaped: blocked
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(ipc_lease)
{
	int fd = open(arg("own"), O_RDONLY);

	(void)signal(SIGIO, SIG_IGN);
	return fcntl(fd, F_SETLEASE, F_RDLCK) < 0 ? refused("F_SETLEASE") : hold_a_moment(fd);
}
