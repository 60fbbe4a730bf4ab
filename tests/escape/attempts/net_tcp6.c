/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP over IPv6 to a listener on the host's loopback.
 * class: network
 * plants: tcp
 * args: port token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_tcp6)
{
	return send_token(AF_INET6, SOCK_STREAM, 0, "::1");
}
