/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket file of the host in a read grant: read-only mounts do not stop connect.
 * class: ipc
 * plants: sockets
 * args: ro_stream token
 * grants: --write {ws} --read {ro}
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_read_grant)
{
	return send_unix(SOCK_STREAM, "ro_stream", 0, false);
}
