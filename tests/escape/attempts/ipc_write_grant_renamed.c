/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket of the host under another name: renamed within the grant, over a socket of its own that listens.
 * class: ipc
 * plants: sockets
 * args: token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_write_grant_renamed)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX, .sun_path = "mine.sock" };
	int here = socket(AF_UNIX, SOCK_STREAM, 0);

	if (bind(here, (struct sockaddr *)&u, sizeof(u)) < 0 || listen(here, 8) < 0 ||
		rename("stream.sock", "mine.sock") < 0)
		return refused("rename");
	return send_unix_path(SOCK_STREAM, "mine.sock", 0, false);
}
