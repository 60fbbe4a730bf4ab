/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by a relative name, from another working directory, through a link and .. .
 * class: ipc
 * plants: sockets
 * args: token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_write_grant_relative)
{
	(void)mkdir("a", 0777);
	(void)symlink("../stream.sock", "a/s");
	if (chdir("a") < 0)
		return refused("chdir");
	return send_unix_path(SOCK_STREAM, "../a/./s", 0, false);
}
