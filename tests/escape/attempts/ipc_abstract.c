/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An abstract Unix socket of the host.
 * class: ipc
 * plants: sockets
 * args: abstract token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_abstract)
{
	return send_unix(SOCK_STREAM, "abstract", 1, false);
}
