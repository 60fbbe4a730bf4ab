/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second, hard name of a socket of the host, in a directory of its own.
 * class: ipc
 * plants: sockets
 * args: token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_write_grant_link)
{
	if (mkdir("d", 0700) < 0 || link("seqpacket.sock", "d/s") < 0)
		return refused("link");
	return send_unix_path(SOCK_SEQPACKET, "d/s", 0, false);
}
