/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same on a file that may only be read, with rubbish in the half of the command that the kernel does not look at.
 * class: ipc
 * args: fixed
 * grants: --write {ws} --read {ro}
 * during: write
 * escaped: blocked
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(ipc_lease_read_grant)
{
	int fd = open(arg("fixed"), O_RDONLY);

	(void)signal(SIGIO, SIG_IGN);
	return syscall(SYS_fcntl, fd, 0x700000000L | F_SETLEASE, F_RDLCK) < 0
		? refused("F_SETLEASE")
		: hold_a_moment(fd);
}
