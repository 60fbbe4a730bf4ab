/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648 section 4, with padding): how bytes that are not UTF-8 stand in a JSON document.
 * There is no decoder: Ward reads no base64.
 */
#include "base/base.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void ward_base64(struct ward_buf *out, const void *p, size_t n)
{
	const uint8_t *s = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)s[i] << 16;
		char four[4];

		if (have > 1)
			v |= (uint32_t)s[i + 1] << 8;
		if (have > 2)
			v |= s[i + 2];
		four[0] = alphabet[v >> 18];
		four[1] = alphabet[v >> 12 & 63];
		four[2] = have > 1 ? alphabet[v >> 6 & 63] : '=';
		four[3] = have > 2 ? alphabet[v & 63] : '=';
		ward_buf_add(out, four, sizeof(four));
	}
}
