/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the FUSE device comes: from the init that has just mounted it, as the only message of its socket. What comes in another
 * form is closed; nothing came: nothing is served.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "confine/native/broker.h"
#include "confine/native/launch.h"
#include "os/os.h"

int ward_fuse_receive(int sock)
{
	struct ward_msg m = { 0 };
	cpu_set_t at;
	int fd = -1;
	size_t n = 1;
	ssize_t got;

	do
		got = ward_recv_fds(sock, &m, sizeof(m), &fd, &n, 0);
	while (got == -EINTR);
	if (got < 0)
		return (int)got;
	if (got != (ssize_t)sizeof(m) || m.type != WARD_MSG_FUSE || n != 1) {
		ward_close(n == 1 ? fd : -1);
		return -EPROTO;
	}
	/* Who waits for an answer cannot be killed while anybody has the device: a child that outlives us would keep the run alive. */
	ward_forked_without(fd);
	/* To the init's side: it waits for each answer. The owner lets us go when the view is built. */
	if (m.value >= 0 && m.value < CPU_SETSIZE) {
		CPU_ZERO(&at);
		CPU_SET((unsigned)m.value, &at);
		(void)sched_setaffinity(0, sizeof(at), &at);
	}
	return fd;
}

void ward_fuse_close(int fd)
{
	ward_forked_with(fd);
	ward_close(fd);
}

int ward_fuse_unblocked(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}
