/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket that hears the kernel's messages about devices.
 * class: network
 * escaped: holds-socket 16 15
 */
#include "net.h"

ATTEMPT(net_netlink)
{
	return hold_socket(AF_NETLINK, SOCK_RAW, 15);
}
