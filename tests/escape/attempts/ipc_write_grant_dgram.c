/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram socket of the host in the write grant, by connect.
 * class: ipc
 * plants: sockets
 * args: ws_dgram token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_write_grant_dgram)
{
	return send_unix(SOCK_DGRAM, "ws_dgram", 0, false);
}
