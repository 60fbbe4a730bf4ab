/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ULIDs: 48 bits of milliseconds and 80 random bits as 26 characters that sort by time. Neither the
 * clock nor the random source is asked here; the caller brings both. Only the canonical form counts
 * as valid: upper case, no I L O U, nothing above 7ZZZZZZZZZZZZZZZZZZZZZZZZZ.
 */
#include <string.h>

#include "base/base.h"

#define ULID_CHARS 26

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void ward_ulid_format(uint64_t unix_ms, const uint8_t random[10], char out[WARD_ULID_SIZE])
{
	uint8_t bytes[16];

	for (unsigned i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
	memcpy(bytes + 6, random, 10);
	/* 128 bits in groups of five, from the left, with two zero bits in front. */
	for (unsigned i = 0; i < ULID_CHARS; i++) {
		unsigned value = 0;

		for (unsigned k = 0; k < 5; k++) {
			unsigned bit = i * 5 + k;

			value <<= 1;
			if (bit >= 2)
				value |= bytes[(bit - 2) / 8] >> (7 - (bit - 2) % 8) & 1u;
		}
		out[i] = alphabet[value];
	}
	out[ULID_CHARS] = '\0';
}

bool ward_ulid_valid(const char *s)
{
	if (s == NULL || strlen(s) != ULID_CHARS || s[0] > '7')
		return false;
	return strspn(s, alphabet) == ULID_CHARS;
}
