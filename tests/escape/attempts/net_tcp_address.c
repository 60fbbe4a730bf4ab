/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP to an address of the host that is not the loopback's.
 * class: network
 * plants: tcp
 * args: port token address
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_tcp_address)
{
	return send_token(AF_INET, SOCK_STREAM, 0, arg("address"));
}
