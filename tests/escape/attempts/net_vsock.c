/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket to the hypervisor: no network namespace holds those. Nothing is connected.
 * class: network
 * escaped: holds-socket 40
 */
#include "net.h"

ATTEMPT(net_vsock)
{
	return hold_socket(AF_VSOCK, SOCK_STREAM, 0);
}
