/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes over netlink, read as acknowledgements (of the routes and rules of a run's network) and as what the kernel would do with a
 * packet. Nothing counts as acknowledged that no message with the error 0 stands for, and an address is another host's only
 * where the answer to this very question says so. Both are looked at by walks of this file's own.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confine/native/net/net.h"
#include "egress/gate.h"

#define ASKED 3u
#define SEQ 7u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_netlink.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

/* Every message with the error 0 before the first that is broken or refuses; *ret_bad: what that says, 0: there is none. */
static uint32_t acknowledged(const uint8_t *p, size_t n, int *ret_bad)
{
	uint32_t found = 0;
	size_t at = 0;

	*ret_bad = 0;
	while (at < n) {
		struct nlmsghdr h;
		int e;

		if (n - at < sizeof(h)) {
			*ret_bad = -EPROTO;
			break;
		}
		memcpy(&h, p + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > n - at ||
			(h.nlmsg_type == NLMSG_ERROR && h.nlmsg_len < sizeof(h) + sizeof(e))) {
			*ret_bad = -EPROTO;
			break;
		}
		if (h.nlmsg_type == NLMSG_ERROR) {
			memcpy(&e, p + at + sizeof(h), sizeof(e));
			if (e) {
				*ret_bad = e < 0 ? e : -EPROTO;
				break;
			}
			found++;
		}
		at += ((size_t)h.nlmsg_len + 3) & ~(size_t)3;
	}
	return found;
}

static void check_route(const uint8_t *p, size_t n)
{
	struct nlmsghdr h;
	struct rtmsg r;
	int e;

	if (ward_route_says_own((const char *)p, n, SEQ))
		return;
	MUST(n >= sizeof(h));
	memcpy(&h, p, sizeof(h));
	MUST(h.nlmsg_seq == SEQ && h.nlmsg_len <= n);
	if (h.nlmsg_type == NLMSG_ERROR) {
		MUST(h.nlmsg_len >= sizeof(h) + sizeof(e));
		memcpy(&e, p + sizeof(h), sizeof(e));
		MUST(e < 0);
		return;
	}
	MUST(h.nlmsg_type == RTM_NEWROUTE && h.nlmsg_len >= sizeof(h) + sizeof(r));
	memcpy(&r, p + sizeof(h), sizeof(r));
	MUST(r.rtm_type == RTN_UNICAST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t left = ASKED, found;
	int bad, r = ward_nl_answers((const char *)data, size, &left);

	found = acknowledged(data, size, &bad);
	MUST(r == bad);
	MUST(left == ASKED - (found < ASKED ? found : ASKED));
	check_route(data, size);
	return 0;
}
