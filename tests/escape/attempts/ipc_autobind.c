/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a socket that has a name of its own: bound by itself (SO_PASSCRED), to a path, and to an abstract name.
 * class: ipc
 * plants: sockets
 * args: ws_stream token
 * escaped: heard
 */
#include "net.h"

static int from(const struct sockaddr_un *own, socklen_t n)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), one = 1;
	const char *token = arg("token");

	snprintf(u.sun_path, sizeof(u.sun_path), "%s", arg("ws_stream"));
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	if (n && bind(fd, (const struct sockaddr *)own, n) < 0)
		return refused("bind");
	if (connect(fd, (struct sockaddr *)&u, sizeof(u)) < 0 ||
		write(fd, token, strlen(token)) < 0)
		return refused("connect");
	return ESCAPED;
}

ATTEMPT(ipc_autobind)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "named" };
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0ward-autobind" };
	int r = from(&path, sizeof(sa_family_t));

	r = r == ESCAPED ? r : from(&path, 0);
	r = r == ESCAPED ? r : from(&path, sizeof(path));
	return r == ESCAPED ? r : from(&name, sizeof(sa_family_t) + 14);
}
