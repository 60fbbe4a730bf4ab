/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams by sendmmsg, each to another name: an address of the host, its loopback, a Unix socket of it.
 * class: network
 * plants: udp
 * args: port address token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_udp_sendmmsg)
{
	struct sockaddr_storage a, b;
	struct iovec v = { (void *)(uintptr_t)arg("token"), strlen(arg("token")) };
	struct sockaddr_un u = { .sun_family = AF_UNIX, .sun_path = "dgram.sock" };
	struct mmsghdr m[3];
	socklen_t na = address(AF_INET, arg("address"), &a), nb = address(AF_INET, "127.0.0.1", &b);

	memset(m, 0, sizeof(m));
	m[0].msg_hdr = (struct msghdr){
		.msg_name = &a, .msg_namelen = na, .msg_iov = &v, .msg_iovlen = 1
	};
	m[1].msg_hdr = (struct msghdr){
		.msg_name = &b, .msg_namelen = nb, .msg_iov = &v, .msg_iovlen = 1
	};
	m[2].msg_hdr = (struct msghdr){
		.msg_name = &u, .msg_namelen = sizeof(u), .msg_iov = &v, .msg_iovlen = 1
	};
	for (unsigned i = 0; i < 3; i++)
		(void)sendmmsg(socket(AF_INET, SOCK_DGRAM, 0), m + i, 1, 0);
	return REFUSED;
}
