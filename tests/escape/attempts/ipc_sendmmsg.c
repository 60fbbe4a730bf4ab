/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many datagrams in one call, each with the name of a socket of the host: no filter sees those.
 * class: ipc
 * plants: sockets
 * args: ws_dgram token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(ipc_sendmmsg)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	struct iovec v = { (void *)(uintptr_t)arg("token"), strlen(arg("token")) };
	struct mmsghdr m[4];

	memset(m, 0, sizeof(m));
	snprintf(u.sun_path, sizeof(u.sun_path), "%s", arg("ws_dgram"));
	for (int i = 0; i < 4; i++)
		m[i].msg_hdr = (struct msghdr){
			.msg_name = &u, .msg_namelen = sizeof(u), .msg_iov = &v, .msg_iovlen = 1
		};
	return sendmmsg(socket(AF_UNIX, SOCK_DGRAM, 0), m, 4, 0) < 0 ? refused("sendmmsg")
								     : ESCAPED;
}
