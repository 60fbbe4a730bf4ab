/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A POSIX message queue of the host.
 * class: ipc
 * plants: mqueue
 * args: queue
 * escaped: leak mqueue
 */
#include "attempt.h"

ATTEMPT(ipc_mqueue)
{
	static char buf[65536];
	long fd = syscall(SYS_mq_open, arg("queue"), O_RDONLY, 0, NULL);
	long n = fd < 0 ? -1 : syscall(SYS_mq_timedreceive, fd, buf, sizeof(buf), NULL, NULL);

	return n > 0 ? found(buf, (size_t)n) : refused("mq_open");
}
