/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket of the host in the write grant that is made after the start.
 * class: ipc
 * args: token
 * during: socket
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_write_grant_later)
{
	for (int i = 0; i < 300 && access("told", F_OK) < 0; i++)
		usleep(10 * 1000);
	return send_unix_path(SOCK_STREAM, "later.sock", 0, false);
}
