/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file behind the address changes while connect is decided: own socket, link to a socket of the host.
 * alone: yes
 * class: ipc
 * plants: sockets
 * args: ws_stream token
 * escaped: heard
 */
#include <pthread.h>

#include "net.h"

static volatile int over;

static void *swap(void *p)
{
	while (!over)
		(void)renameat2(AT_FDCWD, "own.sock", AT_FDCWD, "other.sock", RENAME_EXCHANGE);
	return p;
}

ATTEMPT(ipc_path_race)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX, .sun_path = "own.sock" };
	pthread_t t;
	int here = socket(AF_UNIX, SOCK_STREAM, 0);

	if (bind(here, (struct sockaddr *)&u, sizeof(u)) < 0 || listen(here, 4096) < 0 ||
		symlink(arg("ws_stream"), "other.sock") < 0 || pthread_create(&t, NULL, swap, NULL))
		return refused("bind");
	for (int i = 0; i < 3000; i++)
		push_token(SOCK_STREAM, (struct sockaddr *)&u, sizeof(u));
	over = 1;
	(void)pthread_join(t, NULL);
	return REFUSED;
}
