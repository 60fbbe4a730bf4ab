/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A raw socket that writes a whole UDP packet itself.
 * class: network
 * for: root
 * plants: udp
 * args: port token
 * escaped: heard
 */
#include <netinet/ip.h>
#include <netinet/udp.h>

#include "net.h"

ATTEMPT(net_raw)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct {
		struct udphdr h;
		char text[64];
	} p = { 0 };
	int n = snprintf(p.text, sizeof(p.text), "%s", arg("token"));

	p.h.source = htons(4000);
	p.h.dest = htons((uint16_t)number("port"));
	p.h.len = htons((uint16_t)(sizeof(p.h) + (size_t)n));
	return sendto(socket(AF_INET, SOCK_RAW, IPPROTO_UDP), &p, sizeof(p.h) + (size_t)n, 0,
		       (struct sockaddr *)&to, sizeof(to)) < 0
		? refused("raw")
		: ESCAPED;
}
