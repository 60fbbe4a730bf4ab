/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An abstract datagram socket of the host, by sendto.
 * class: ipc
 * plants: sockets
 * args: abstract_dgram token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_abstract_dgram)
{
	return send_unix(SOCK_DGRAM, "abstract_dgram", 1, true);
}
