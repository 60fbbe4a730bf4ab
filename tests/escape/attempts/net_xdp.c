/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket that takes packets before anything else sees them.
 * class: network
 * for: root
 * escaped: holds-socket 44
 */
#include "net.h"

ATTEMPT(net_xdp)
{
	return hold_socket(44, SOCK_RAW, 0);
}
