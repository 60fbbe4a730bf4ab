/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of TCP that nobody accepts, with 128 KiB each that their receivers take: the kernel counts them as the memory of whoever accepts them.
 * Their senders close, and keep nothing. A hundred of them in six looks.
 * class: limits
 * args: count looks
 * during: looks
 * grants: --write {ws} --memory 32M
 * escaped: more 13
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "attempt.h"

#define ROUNDS 14
#define AT_ONCE 100

static int fill(const struct sockaddr_in *to)
{
	static char block[65536];
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (s < 0 || connect(s, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return -1;
	for (int sent = 0; sent < 128 << 10; sent += (int)sizeof(block))
		if (send(s, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) <= 0)
			break;
	return close(s);
}

ATTEMPT(limit_memory_waiting)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = open_count(), server = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t n = sizeof(a);

	if (bind(server, (struct sockaddr *)&a, n) < 0 || listen(server, 4096) < 0 ||
		getsockname(server, (struct sockaddr *)&a, &n) < 0)
		return refused("listen");
	for (int i = 0; i < ROUNDS; i++) {
		for (int k = 0; k < AT_ONCE; k++)
			if (fill(&a) < 0)
				return refused("connect");
		count_one(fd);
		wait_looks(6);
	}
	return ESCAPED;
}
