/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path that fills the address to its last byte, without the NUL that ends it elsewhere.
 * class: ipc
 * plants: sockets
 * args: token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_longest_path)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	const char name[] = "stream.sock";
	size_t room = sizeof(u.sun_path) - (sizeof(name) - 1);

	memset(u.sun_path, '/', sizeof(u.sun_path));
	u.sun_path[0] = '.';
	memcpy(u.sun_path + room, name, sizeof(name) - 1);
	return push_token(SOCK_STREAM, (struct sockaddr *)&u, sizeof(u));
}
