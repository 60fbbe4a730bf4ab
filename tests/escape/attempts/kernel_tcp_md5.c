/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key of MD5 for a connection of TCP: an algorithm that the kernel may load a module for, and memory of its own that no limit counts.
 * class: kernel
 * escaped: answered
 */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "attempt.h"

ATTEMPT(kernel_tcp_md5)
{
	struct tcp_md5sig key = { .tcpm_keylen = 4, .tcpm_key = "key" };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	memcpy(&key.tcpm_addr, &to, sizeof(to));
	if (syscall(SYS_setsockopt, s, IPPROTO_TCP | 1L << 32, TCP_MD5SIG, &key, sizeof(key)) ==
		0) {
		printf("answered: a key\n");
		return ESCAPED;
	}
	return errno == ENOPROTOOPT ? IMPOSSIBLE : refused("TCP_MD5SIG");
}
