/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listens to what the host's processes send to each other.
 * class: network
 * for: root
 * plants: sniff
 * escaped: leak traffic
 */
#include <net/ethernet.h>

#include "net.h"

ATTEMPT(net_packet)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	char buf[4096];

	if (fd < 0)
		return refused("socket");
	for (int i = 0; i < 200; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n > 3 && memmem(buf, (size_t)n, "WS-", 3))
			return found(buf, (size_t)n);
	}
	return REFUSED;
}
