/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket to the packet filter of the kernel.
 * class: network
 * escaped: holds-socket 16 12
 */
#include "net.h"

ATTEMPT(net_netlink_filter)
{
	return hold_socket(AF_NETLINK, SOCK_RAW, 12);
}
