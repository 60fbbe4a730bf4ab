/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another protocol on top of a connection of TCP: kTLS, IPsec, or whatever of that kind this kernel has.
 * class: kernel
 * escaped: answered
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "attempt.h"

ATTEMPT(kernel_tcp_ulp)
{
	static const char *const names[] = { "tls", "espintcp", "smc", "mptcp" };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	int server = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(server, (struct sockaddr *)&a, n) < 0 || listen(server, 1) < 0 ||
		getsockname(server, (struct sockaddr *)&a, &n) < 0 ||
		connect(s, (struct sockaddr *)&a, n) < 0)
		return refused("connect");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		long level = IPPROTO_TCP | (long)i << 32;

		/* ENOENT: no such protocol, or who refuses says so. */
		if (syscall(SYS_setsockopt, s, level, TCP_ULP, names[i], strlen(names[i])) == 0 ||
			errno != ENOENT) {
			printf("answered: %s\n", names[i]);
			return ESCAPED;
		}
	}
	(void)refused("TCP_ULP");
	return IMPOSSIBLE;
}
