/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fast Open by the socket option, which puts the connection off until something is written.
 * class: network
 * plants: tcp
 * args: port token
 * escaped: heard
 */
#include <netinet/tcp.h>

#include "net.h"

ATTEMPT(net_fastopen_connect)
{
	struct sockaddr_storage a;
	socklen_t n = address(AF_INET, "127.0.0.1", &a);
	const char *token = arg("token");
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) < 0 ||
		connect(fd, (struct sockaddr *)&a, n) < 0)
		return refused("connect");
	return write(fd, token, strlen(token)) < 0 ? refused("write") : ESCAPED;
}
