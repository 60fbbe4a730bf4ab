/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sequenced-packet socket of the host in the write grant.
 * class: ipc
 * plants: sockets
 * args: ws_seqpacket token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_write_grant_seqpacket)
{
	return send_unix(SOCK_SEQPACKET, "ws_seqpacket", 0, false);
}
