/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A relative name, asked for by a thread with a working directory of its own: there is an own socket in one, the host's in
 * the other.
 * class: ipc
 * plants: sockets
 * args: token
 * escaped: heard
 */
#include <pthread.h>
#include <sched.h>

#include "net.h"

static void *other(void *p)
{
	if (unshare(CLONE_FS) == 0 && chdir("..") == 0)
		(void)send_unix_path(SOCK_STREAM, "stream.sock", 0, false);
	return p;
}

ATTEMPT(ipc_thread_cwd)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX, .sun_path = "stream.sock" };
	int here = socket(AF_UNIX, SOCK_STREAM, 0);
	pthread_t t;

	if (mkdir("d", 0700) < 0 || chdir("d") < 0 ||
		bind(here, (struct sockaddr *)&u, sizeof(u)) < 0 || listen(here, 8) < 0 ||
		pthread_create(&t, NULL, other, NULL))
		return refused("bind");
	(void)pthread_join(t, NULL);
	return REFUSED;
}
