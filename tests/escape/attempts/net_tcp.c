/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP to a listener on the host's loopback.
 * class: network
 * plants: tcp
 * args: port token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_tcp)
{
	return send_token(AF_INET, SOCK_STREAM, 0, "127.0.0.1");
}
