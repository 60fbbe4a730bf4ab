/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram to an address of the host that is not the loopback's.
 * class: network
 * plants: udp
 * args: port token address
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_udp_address)
{
	return send_token(AF_INET, SOCK_DGRAM, 0, arg("address"));
}
