/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address changes in memory while connect is decided: own socket, socket of the host.
 * alone: yes
 * class: ipc
 * plants: sockets
 * args: ws_stream token
 * escaped: heard
 */
#include <pthread.h>

#include "net.h"

static struct sockaddr_un shared = { .sun_family = AF_UNIX };
static char own[100] = "own.sock";
static volatile int over;

static void *flip(void *p)
{
	while (!over) {
		memcpy(shared.sun_path, own, sizeof(own));
		memcpy(shared.sun_path, p, strlen(p) + 1);
	}
	return NULL;
}

ATTEMPT(ipc_address_race)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX, .sun_path = "own.sock" };
	char path[100];
	pthread_t t;
	int here = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, sizeof(path), "%s", arg("ws_stream"));
	memcpy(shared.sun_path, own, sizeof(own));
	if (bind(here, (struct sockaddr *)&u, sizeof(u)) < 0 || listen(here, 4096) < 0 ||
		pthread_create(&t, NULL, flip, path))
		return refused("bind");
	for (int i = 0; i < 20000; i++)
		push_token(SOCK_STREAM | SOCK_NONBLOCK, (struct sockaddr *)&shared, sizeof(shared));
	over = 1;
	(void)pthread_join(t, NULL);
	return REFUSED;
}
