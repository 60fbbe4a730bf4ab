/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same from one end of a socket pair, where no call to socket is seen.
 * class: ipc
 * plants: sockets
 * args: ws_dgram token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_socketpair_dgram)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
		return refused("socketpair");
	return send_unix_message(pair[0], arg("ws_dgram"));
}
