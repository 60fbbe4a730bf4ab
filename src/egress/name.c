/* SPDX-License-Identifier: Apache-2.0 */
/* Names and addresses as texts. The relay has looked at names already; it reads hostile bytes, so it is not believed. */
#include <arpa/inet.h>
#include <string.h>

#include "egress/dns.h"

#define NAME_MAX_BYTES 253
#define LABEL_MAX 63

static bool is_ldh(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
}

bool ward_name_normal(const char *s, size_t n)
{
	size_t label = 0;
	bool number = true;

	if (n == 0 || n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (i == n || s[i] == '.') {
			if (label == 0 || label > LABEL_MAX || s[i - 1] == '-')
				return false;
			/* A name that ends in a number some readers take for an address. */
			if (i == n)
				return !number;
			label = 0;
			number = true;
			continue;
		}
		if (!is_ldh(s[i]) || (label == 0 && s[i] == '-'))
			return false;
		number = number && s[i] >= '0' && s[i] <= '9';
		label++;
	}
	return false;
}

const char *ward_address_text(const struct ward_relay_addr *a, char out[WARD_ADDRESS_TEXT_MAX])
{
	if (!inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->a, out, WARD_ADDRESS_TEXT_MAX))
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
