/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram socket file of the host in a read grant, by sendto.
 * class: ipc
 * plants: sockets
 * args: ro_dgram token
 * grants: --write {ws} --read {ro}
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_read_grant_dgram)
{
	return send_unix(SOCK_DGRAM, "ro_dgram", 0, true);
}
