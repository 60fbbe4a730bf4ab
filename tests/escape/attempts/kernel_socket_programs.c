/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program on each kind of socket that there is, with rubbish in the half of level and option that the kernel does not look at.
 * class: kernel
 * escaped: answered
 */
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "attempt.h"

ATTEMPT(kernel_socket_programs)
{
	struct sock_filter all = { BPF_RET | BPF_K, 0, 0, 0xffffffff };
	const struct sock_fprog program = { 1, &all };
	const int one = 1;
	int s[5];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
		return refused("socketpair");
	s[2] = socket(AF_INET, SOCK_DGRAM, 0);
	s[3] = socket(AF_INET6, SOCK_DGRAM, 0);
	s[4] = socket(AF_INET, SOCK_STREAM, 0);
	for (long i = 0; i < 10; i++) {
		long option = i < 5 ? SO_ATTACH_FILTER : SO_ATTACH_REUSEPORT_CBPF;
		int fd = s[i % 5];

		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
		if (syscall(SYS_setsockopt, fd, SOL_SOCKET | i << 32, option | i << 40, &program,
			    sizeof(program)) == 0) {
			printf("answered: option %ld\n", option);
			return ESCAPED;
		}
	}
	return refused("SO_ATTACH");
}
