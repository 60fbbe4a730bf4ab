/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same where the process of the host comes to be told of it only while the run lives.
 * class: processes
 * plants: victim
 * stdio: pipe
 * during: own
 * escaped: died
 */
#include <signal.h>

#include "attempt.h"

ATTEMPT(proc_stream_owner_later)
{
	struct f_owner_ex owner = { .type = F_OWNER_TID };

	(void)creat("there", 0600);
	/* That there is one is seen, and who it is not. */
	for (int i = 0; i < 200 && owner.pid == 0 && owner.type == F_OWNER_TID; i++) {
		usleep(10 * 1000);
		(void)fcntl(0, F_GETOWN_EX, &owner);
	}
	if (fcntl(0, F_SETSIG, SIGTERM) < 0)
		return refused("F_SETSIG");
	if (fcntl(0, F_SETFL, O_ASYNC) < 0)
		return refused("O_ASYNC");
	return spoil(open("/proc/self/fd/0", O_WRONLY));
}
