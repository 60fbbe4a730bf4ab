/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open file, handed over by a process of the host through its socket in the write grant.
 * class: ipc
 * plants: sockets
 * args: ws_stream
 * escaped: leak file
 */
#include "net.h"

ATTEMPT(ipc_received_fd)
{
	char text[16], space[CMSG_SPACE(sizeof(int))];
	struct iovec v = { text, sizeof(text) };
	struct msghdr m = { .msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space) };
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), got;

	snprintf(u.sun_path, sizeof(u.sun_path), "%s", arg("ws_stream"));
	if (connect(fd, (struct sockaddr *)&u, sizeof(u)) < 0 || recvmsg(fd, &m, 0) < 0 ||
		!CMSG_FIRSTHDR(&m))
		return refused("connect");
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(got));
	return found_in(got);
}
