/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serves a port that processes of the host can connect to.
 * class: network
 * args: token marker
 * during: connect
 * escaped: served
 */
#include "net.h"

ATTEMPT(net_listen)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned short high;

	if (sscanf(arg("marker"), "%4hx", &high) != 1)
		return IMPOSSIBLE;
	a.sin_port = htons((uint16_t)(high % 20000 + 20000));
	return serve(AF_INET, &a, sizeof(a));
}
