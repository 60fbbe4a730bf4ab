/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPsec or L2TP on a socket of UDP that is there, by both levels that the kernel takes for UDP, of both families, and with rubbish in the half
 * of level and option that it does not look at.
 * class: kernel
 * escaped: answered
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "attempt.h"

ATTEMPT(kernel_udp_encap_socket)
{
	static const int families[] = { AF_INET, AF_INET6 };
	static const long levels[] = { 17, 136, 0x100000011, 0x7f00000088 };

	for (size_t i = 0; i < 8; i++) {
		int s = socket(families[i % 2], SOCK_DGRAM, 0);

		/* Kinds of encapsulation: ESP in UDP, L2TP and some that have gone. */
		for (int kind = 1; kind < 8; kind++)
			if (s >= 0 &&
				syscall(SYS_setsockopt, s, levels[i / 2], 100 | (long)i << 40,
					&kind, sizeof(kind)) == 0) {
				printf("answered: %d by level %#lx\n", kind, levels[i / 2]);
				return ESCAPED;
			}
		close(s);
	}
	return refused("UDP_ENCAP");
}
