/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data in an echo request.
 * class: network
 * for: root
 * plants: icmp
 * args: token
 * escaped: heard
 */
#include <netinet/ip_icmp.h>

#include "net.h"

ATTEMPT(net_icmp)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct {
		struct icmphdr h;
		char text[64];
	} p = { .h = { .type = ICMP_ECHO } };
	int n = snprintf(p.text, sizeof(p.text), "%s", arg("token"));
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	return sendto(fd, &p, sizeof(p.h) + (size_t)n, 0, (struct sockaddr *)&to, sizeof(to)) < 0
		? refused("icmp")
		: ESCAPED;
}
