/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP to the loopback, as a v4 address in v6 clothes.
 * class: network
 * plants: tcp
 * args: port token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_tcp_mapped)
{
	return send_token(AF_INET6, SOCK_STREAM, 0, "::ffff:127.0.0.1");
}
