/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram socket of the host, named in a message.
 * class: ipc
 * plants: sockets
 * args: ws_dgram token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_write_grant_sendmsg)
{
	return send_unix_message(socket(AF_UNIX, SOCK_DGRAM, 0), arg("ws_dgram"));
}
