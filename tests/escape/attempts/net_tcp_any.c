/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP to 0.0.0.0, which means this host.
 * class: network
 * plants: tcp
 * args: port token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_tcp_any)
{
	return send_token(AF_INET, SOCK_STREAM, 0, "0.0.0.0");
}
