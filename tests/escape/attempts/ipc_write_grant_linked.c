/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same under another name: a hard link to the socket file.
 * class: ipc
 * plants: sockets
 * args: token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_write_grant_linked)
{
	if (link("stream.sock", "mine.sock") < 0)
		return refused("link");
	return send_unix_path(SOCK_STREAM, "mine.sock", 0, false);
}
