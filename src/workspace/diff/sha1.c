/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-1 (FIPS 180-4): git names contents by it, and a patch carries those names. Nothing here depends on it. */
#include <stdio.h>
#include <string.h>

#include "workspace/diff/diff.h"

struct sha1 {
	uint32_t h[5];
	uint64_t n;
	uint8_t block[64];
};

static uint32_t turn(uint32_t x, unsigned by)
{
	return x << by | x >> (32 - by);
}

static void step(struct sha1 *c, const uint8_t *p)
{
	uint32_t w[80], a = c->h[0], b = c->h[1], d = c->h[2], e = c->h[3], f = c->h[4];

	for (unsigned i = 0; i < 16; i++)
		w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
			(uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
	for (unsigned i = 16; i < 80; i++)
		w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		uint32_t x, k, t;

		if (i < 20)
			x = (b & d) | (~b & e), k = 0x5a827999;
		else if (i < 40)
			x = b ^ d ^ e, k = 0x6ed9eba1;
		else if (i < 60)
			x = (b & d) | (b & e) | (d & e), k = 0x8f1bbcdc;
		else
			x = b ^ d ^ e, k = 0xca62c1d6;
		t = turn(a, 5) + x + f + k + w[i];
		f = e;
		e = d;
		d = turn(b, 30);
		b = a;
		a = t;
	}
	c->h[0] += a;
	c->h[1] += b;
	c->h[2] += d;
	c->h[3] += e;
	c->h[4] += f;
}

static void update(struct sha1 *c, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n > 0) {
		size_t used = c->n % 64, take = 64 - used < n ? 64 - used : n;

		if (used == 0 && n >= 64) {
			step(c, p);
			take = 64;
		} else {
			memcpy(c->block + used, p, take);
			if (used + take == 64)
				step(c, c->block);
		}
		c->n += take;
		p += take;
		n -= take;
	}
}

static void final(struct sha1 *c, uint8_t out[SHA1_SIZE])
{
	static const uint8_t pad[64] = { 0x80 };
	uint64_t bits = c->n * 8;
	uint8_t length[8];

	for (unsigned i = 0; i < 8; i++)
		length[i] = (uint8_t)(bits >> (56 - 8 * i));
	update(c, pad, c->n % 64 < 56 ? 56 - c->n % 64 : 120 - c->n % 64);
	update(c, length, sizeof(length));
	for (unsigned i = 0; i < SHA1_SIZE; i++)
		out[i] = (uint8_t)(c->h[i / 4] >> (24 - 8 * (i % 4)));
}

void ward_diff_blob(const void *p, size_t n, uint8_t out[SHA1_SIZE])
{
	struct sha1 c = { .h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 } };
	char head[32];
	int k = snprintf(head, sizeof(head), "blob %zu", n);

	update(&c, head, (size_t)k + 1);
	update(&c, p, n);
	final(&c, out);
}
