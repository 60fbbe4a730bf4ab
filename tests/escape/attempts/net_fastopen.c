/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP that connects by sending (Fast Open), so that nobody calls connect.
 * class: network
 * plants: tcp
 * args: port token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_fastopen)
{
	struct sockaddr_storage a;
	socklen_t n = address(AF_INET, "127.0.0.1", &a);
	const char *token = arg("token");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (sendto(fd, token, strlen(token), MSG_FASTOPEN, (struct sockaddr *)&a, n) < 0)
		return refused("sendto");
	return ESCAPED;
}
