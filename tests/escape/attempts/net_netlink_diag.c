/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket that lists all sockets.
 * class: network
 * escaped: holds-socket 16 4
 */
#include "net.h"

ATTEMPT(net_netlink_diag)
{
	return hold_socket(AF_NETLINK, SOCK_RAW, 4);
}
