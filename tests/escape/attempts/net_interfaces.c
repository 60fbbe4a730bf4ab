/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hardware addresses of the host's interfaces.
 * class: network
 * plants: link
 * escaped: told mac
 */
#include <ifaddrs.h>
#include <linux/if_packet.h>

#include "net.h"

ATTEMPT(net_interfaces)
{
	struct ifaddrs *all = NULL;
	int result = REFUSED;

	if (getifaddrs(&all) < 0)
		return refused("getifaddrs");
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		const struct sockaddr_ll *a = (const void *)i->ifa_addr;
		char text[13] = "";

		if (!a || a->sll_family != AF_PACKET)
			continue;
		for (int k = 0; k < 6; k++)
			snprintf(text + 2 * k, 3, "%02x", a->sll_addr[k]);
		result = found(text, 12);
	}
	freeifaddrs(all);
	return result;
}
