/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor changes while connect is looked at: an own socket that listens inside, and one of the caller that
 * was left open elsewhere.
 * alone: yes
 * class: races
 * plants: sockets
 * args: ws_stream token
 * escaped: heard
 */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "attempt.h"

static volatile int over;

static void *flip(void *p)
{
	while (!over) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		(void)dup2(fd, 50);
		(void)dup2(*(int *)p, 50);
		close(fd);
	}
	return NULL;
}

ATTEMPT(race_socket_descriptor)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX, .sun_path = "own.sock" }, host = own;
	int here = socket(AF_UNIX, SOCK_STREAM, 0);
	const char *token = arg("token");
	pthread_t t;

	snprintf(host.sun_path, sizeof(host.sun_path), "%s", arg("ws_stream"));
	if (bind(here, (struct sockaddr *)&own, sizeof(own)) < 0 || listen(here, 4096) < 0)
		return refused("bind");
	(void)pthread_create(&t, NULL, flip, (void *)&here);
	for (int i = 0; i < 1500; i++) {
		int fd = socket(AF_UNIX, i & 1 ? SOCK_STREAM : SOCK_SEQPACKET, 0);

		(void)dup2(fd, 50);
		if (connect(50, (struct sockaddr *)(i & 2 ? &host : &own), sizeof(own)) == 0 &&
			i & 2)
			(void)send(50, token, strlen(token), MSG_NOSIGNAL);
		close(fd);
	}
	over = 1;
	(void)pthread_join(t, NULL);
	return REFUSED;
}
