/* SPDX-License-Identifier: Apache-2.0 */
/* SOCKS5 (RFC 1928): without authentication, CONNECT alone. Pure. */
#include "proxy.h"

#include <string.h>

enum {
	REPLY_FAILED = 1,
	REPLY_REFUSED = 2,
	REPLY_NO_COMMAND = 7,
	REPLY_NO_TYPE = 8,
	NO_METHOD = 0xff
};
enum { IPV4 = 1, NAME = 3, IPV6 = 4 };
#define HEAD 4

static enum ward_proxy_verdict more(struct ward_proxy *s, size_t need)
{
	s->need = (uint32_t)need;
	return WARD_PROXY_MORE;
}

static enum ward_proxy_verdict greeting(struct ward_proxy *s, const uint8_t *p, size_t n)
{
	size_t all = n > 1 ? 2 + (size_t)p[1] : 2;

	if (n < all || n < 2)
		return more(s, all);
	if (memchr(p + 2, 0, p[1]) == NULL)
		return ward_proxy_bad(s, NO_METHOD,
			"it asks for authentication, of which there is none");
	s->greeted = true;
	s->take = (uint32_t)all;
	s->need = 0;
	return WARD_PROXY_HELLO;
}

static enum ward_proxy_verdict address(struct ward_proxy *s, const uint8_t *p, size_t len,
	uint8_t type)
{
	if (type == NAME && !ward_proxy_host(s, p, len, false))
		return ward_proxy_bad(s, REPLY_REFUSED,
			"the host is no name and no address in its one spelling");
	if (type == NAME)
		return WARD_PROXY_OPEN;
	if (type == IPV6 && ward_proxy_is_mapped(p))
		return ward_proxy_bad(s, REPLY_NO_TYPE, "an IPv4 address in an IPv6 one");
	s->to = (struct ward_relay_addr){ .family = type == IPV6 ? 6 : 4 };
	memcpy(s->to.a, p, len);
	return WARD_PROXY_OPEN;
}

static enum ward_proxy_verdict request(struct ward_proxy *s, const uint8_t *p, size_t n)
{
	size_t at = HEAD, len;
	uint16_t port;

	if (n < HEAD)
		return more(s, HEAD);
	if (p[0] != 5 || p[2] != 0)
		return ward_proxy_bad(s, REPLY_FAILED, "no request of SOCKS5");
	if (p[1] != 1)
		return ward_proxy_bad(s, REPLY_NO_COMMAND, "of SOCKS5 only CONNECT is spoken here");
	if (p[3] != IPV4 && p[3] != NAME && p[3] != IPV6)
		return ward_proxy_bad(s, REPLY_NO_TYPE, "no type of address");
	if (p[3] == NAME && n < HEAD + 1)
		return more(s, HEAD + 1);
	len = p[3] == IPV4 ? 4 : p[3] == IPV6 ? 16 : p[at++];
	if (n < at + len + 2)
		return more(s, at + len + 2);
	port = (uint16_t)(p[at + len] << 8 | p[at + len + 1]);
	if (port == 0)
		return ward_proxy_bad(s, REPLY_REFUSED, "no port");
	if (address(s, p + at, len, p[3]) == WARD_PROXY_BAD)
		return WARD_PROXY_BAD;
	s->to.port = port;
	s->take = (uint32_t)(at + len + 2);
	return WARD_PROXY_OPEN;
}

enum ward_proxy_verdict ward_proxy_socks(struct ward_proxy *s, const uint8_t *p, size_t n)
{
	s->how = WARD_HOW_SOCKS;
	return s->greeted ? request(s, p, n) : greeting(s, p, n);
}
