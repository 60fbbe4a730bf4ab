/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several datagrams at once over IPv6.
 * class: network
 * plants: udp
 * args: port token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_udp6_sendmmsg)
{
	struct sockaddr_storage a;
	char token[64];
	struct iovec v = { token, (size_t)snprintf(token, sizeof(token), "%s", arg("token")) };
	struct mmsghdr m = { .msg_hdr = { .msg_name = &a,
				     .msg_namelen = address(AF_INET6, "::1", &a),
				     .msg_iov = &v,
				     .msg_iovlen = 1 } };

	return sendmmsg(socket(AF_INET6, SOCK_DGRAM, 0), &m, 1, 0) < 0 ? refused("sendmmsg")
								       : ESCAPED;
}
