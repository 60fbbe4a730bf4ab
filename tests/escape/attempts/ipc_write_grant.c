/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket file of the host in the write grant, such as that of a container engine in a work tree.
 * class: ipc
 * plants: sockets
 * args: ws_stream token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_write_grant)
{
	return send_unix(SOCK_STREAM, "ws_stream", 0, false);
}
