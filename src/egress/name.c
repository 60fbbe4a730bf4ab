/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as texts. */
#include <arpa/inet.h>
#include <string.h>

#include "egress/dns.h"

/* Some times for each connection: musl's inet_ntop prints, which takes ten times as long. */
static char *put_byte(char *p, uint8_t v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

const char *ward_address_text(const struct ward_relay_addr *a, char out[WARD_ADDRESS_TEXT_MAX])
{
	char *p = out;

	for (int i = 0; a->family == 4 && i < 4; i++) {
		p = put_byte(p, a->a[i]);
		*p++ = i < 3 ? '.' : '\0';
	}
	if (a->family != 4 && !inet_ntop(AF_INET6, a->a, out, WARD_ADDRESS_TEXT_MAX))
		out[0] = '\0';
	return out;
}

bool ward_address_same(const struct ward_relay_addr *a, const struct ward_relay_addr *b)
{
	return a->family == b->family && memcmp(a->a, b->a, a->family == 4 ? 4 : 16) == 0;
}

void ward_address_unmap(struct ward_relay_addr *a)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	if (a->family != 6 || memcmp(a->a, mapped, sizeof(mapped)) != 0)
		return;
	a->family = 4;
	memmove(a->a, a->a + 12, 4);
	memset(a->a + 4, 0, 12);
}

bool ward_address_parse(const char *s, size_t n, struct ward_relay_addr *ret)
{
	char text[WARD_ADDRESS_TEXT_MAX];

	if (n == 0 || n >= sizeof(text) || memchr(s, '\0', n))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	memset(ret->a, 0, sizeof(ret->a));
	if (inet_pton(AF_INET, text, ret->a) == 1) {
		ret->family = 4;
		return true;
	}
	if (inet_pton(AF_INET6, text, ret->a) != 1)
		return false;
	ret->family = 6;
	ward_address_unmap(ret);
	return true;
}
