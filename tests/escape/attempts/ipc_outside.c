/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket file of the host outside every grant.
 * class: ipc
 * plants: sockets
 * args: out_stream token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_outside)
{
	return send_unix(SOCK_STREAM, "out_stream", 0, false);
}
