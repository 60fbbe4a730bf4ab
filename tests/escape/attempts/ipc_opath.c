/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket file of the host, named by /proc/self/fd of a descriptor that can open nothing.
 * class: ipc
 * plants: sockets
 * args: ro_stream token
 * grants: --write {ws} --read {ro}
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_opath)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", open(arg("ro_stream"), O_PATH));
	return send_unix_path(SOCK_STREAM, path, 0, false);
}
