/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram by sendmsg, with the address where no filter sees it.
 * class: network
 * plants: udp
 * args: port token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_udp_sendmsg)
{
	return send_message(socket(AF_INET, SOCK_DGRAM, 0), AF_INET, "127.0.0.1", 0);
}
