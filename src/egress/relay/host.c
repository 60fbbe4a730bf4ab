/* SPDX-License-Identifier: Apache-2.0 */
/* Host names in their normal form. Pure. */
#include "spoken.h"

#include <arpa/inet.h>
#include <string.h>

#define LABEL_MAX 63

/* What readers of addresses may take for one: digits, or 0x and hexadecimal ones, if any. */
static bool is_number(const char *s, size_t n)
{
	bool hex = n >= 2 && s[0] == '0' && s[1] == 'x';

	for (size_t i = hex ? 2 : 0; i < n; i++)
		if (!(s[i] >= '0' && s[i] <= '9') && !(hex && s[i] >= 'a' && s[i] <= 'f'))
			return false;
	return true;
}

bool ward_host_normal(const uint8_t *p, size_t n, bool dot, char ret[WARD_RELAY_NAME_MAX + 2])
{
	size_t label = 0;

	if (dot && n > 0 && p[n - 1] == '.')
		n--;
	if (n == 0 || n > WARD_RELAY_NAME_MAX - 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i];

		if (c == '.') {
			if (label == 0 || p[i - 1] == '-')
				return false;
			label = 0;
		} else {
			if (c >= 'A' && c <= 'Z')
				c = (uint8_t)(c - 'A' + 'a');
			if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' &&
				!(c == '-' && label > 0))
				return false;
			if (++label > LABEL_MAX)
				return false;
		}
		ret[i] = (char)c;
	}
	if (label == 0 || p[n - 1] == '-' || is_number(ret + n - label, label))
		return false;
	for (size_t i = n; i < WARD_RELAY_NAME_MAX + 2; i++)
		ret[i] = '\0';
	return true;
}

bool ward_host_or_address(const uint8_t *p, size_t n, bool dot, char ret[WARD_RELAY_NAME_MAX + 2])
{
	uint8_t a[16];
	char text[48] = "";

	if (ward_host_normal(p, n, dot, ret))
		return true;
	if (n == 0 || n >= sizeof(text) || memchr(p, '\0', n) != NULL)
		return false;
	memcpy(text, p, n);
	if (inet_pton(AF_INET, text, a) != 1 && inet_pton(AF_INET6, text, a) != 1)
		return false;
	memset(ret, 0, WARD_RELAY_NAME_MAX + 2);
	memcpy(ret, text, n);
	return true;
}
