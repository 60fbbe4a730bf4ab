/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram to the host's loopback, by connect.
 * class: network
 * plants: udp
 * args: port token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_udp)
{
	return send_token(AF_INET, SOCK_DGRAM, 0, "127.0.0.1");
}
