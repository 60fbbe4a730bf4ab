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

/* The low 5 * n bits of v as n characters. */
static void put(uint64_t v, unsigned n, char *out)
{
	while (n-- > 0) {
		out[n] = alphabet[v & 31];
		v >>= 5;
	}
}

void ward_ulid_format(uint64_t unix_ms, const uint8_t random[10], char out[WARD_ULID_SIZE])
{
	uint64_t halves[2] = { 0 };

	for (unsigned i = 0; i < 10; i++)
		halves[i / 5] = halves[i / 5] << 8 | random[i];
	/* 128 bits in groups of five with two zero bits in front: 2 + 48 of time, then twice 40. */
	put(unix_ms & ((UINT64_C(1) << 48) - 1), 10, out);
	put(halves[0], 8, out + 10);
	put(halves[1], 8, out + 18);
	out[ULID_CHARS] = '\0';
}

bool ward_ulid_valid(const char *s)
{
	if (s == NULL || strlen(s) != ULID_CHARS || s[0] > '7')
		return false;
	return strspn(s, alphabet) == ULID_CHARS;
}
