/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket of the host, by a name with a zero byte in it and an own name behind: who compares texts is told another
 * name than the kernel (SOCKS5 with a NUL).
 * class: ipc
 * plants: sockets
 * args: ws_stream token
 * escaped: heard
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "attempt.h"

ATTEMPT(ipc_nul_in_path)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX },
			   own = { .sun_family = AF_UNIX, .sun_path = "mine" };
	int n = snprintf(u.sun_path, sizeof(u.sun_path) - 8, "%s", arg("ws_stream"));
	int here = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (bind(here, (struct sockaddr *)&own, sizeof(own)) < 0 || listen(here, 8) < 0)
		return refused("bind");
	memcpy(u.sun_path + n + 1, "/mine", 6);
	if (connect(fd, (struct sockaddr *)&u, sizeof(u)) < 0)
		return refused("connect");
	return spoil(fd) == ESCAPED && write(fd, arg("token"), strlen(arg("token"))) > 0 ? ESCAPED
											 : REFUSED;
}
