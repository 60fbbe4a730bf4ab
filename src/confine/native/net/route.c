/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink: an address of our own on lo, and every other address local there, too. */
#define _GNU_SOURCE
#include "confine/native/net/net.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define LO 1 /* the index of lo, in every namespace (LOOPBACK_IFINDEX) */

static const uint8_t self4[4] = WARD_SELF4, self6[16] = WARD_SELF6;

static void put_address(struct ward_nl *nl, int family, const void *self, size_t n)
{
	const struct ifaddrmsg a = { .ifa_family = (uint8_t)family,
		.ifa_prefixlen = (uint8_t)(n * 8),
		/* Nobody else can have it: to be used at once. */
		.ifa_flags = IFA_F_PERMANENT | IFA_F_NODAD,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = LO };

	ward_nl_begin(nl, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &a, sizeof(a));
	ward_nl_put(nl, IFA_LOCAL, self, n);
	ward_nl_put(nl, IFA_ADDRESS, self, n);
	ward_nl_end(nl);
}

/* In the table of what is local, where the kernel also looks whether one may send from an address. */
static void put_route(struct ward_nl *nl, int family, const void *self, size_t n)
{
	const struct rtmsg r = { .rtm_family = (uint8_t)family,
		.rtm_table = RT_TABLE_LOCAL,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_HOST,
		.rtm_type = RTN_LOCAL };
	const uint32_t lo = LO;

	ward_nl_begin(nl, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &r, sizeof(r));
	ward_nl_put(nl, RTA_OIF, &lo, sizeof(lo));
	ward_nl_put(nl, RTA_PREFSRC, self, n);
	ward_nl_end(nl);
}

int ward_route_local(struct ward_nl *route, int family)
{
	const void *self = family == AF_INET6 ? self6 : self4;
	size_t n = family == AF_INET6 ? sizeof(self6) : sizeof(self4);

	put_address(route, family, self, n);
	put_route(route, family, self, n);
	return ward_nl_run(route);
}
