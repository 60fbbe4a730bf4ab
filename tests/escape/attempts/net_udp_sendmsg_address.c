/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram by sendmsg to an address of the host that is not the loopback's.
 * class: network
 * plants: udp
 * args: port token address
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_udp_sendmsg_address)
{
	return send_message(socket(AF_INET, SOCK_DGRAM, 0), AF_INET, arg("address"), 0);
}
