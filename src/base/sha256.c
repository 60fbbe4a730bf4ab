/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4), in plain C. The audit chain, snapshots and identities of plans rest on it.
 * Which instructions the processor has is for others to ask (os/sha256.c), who then put theirs in the place
 * of what is here. Not for passwords, and not a MAC.
 */
#include <string.h>

#include "base/base.h"

const uint32_t ward_sha256_k[64] = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

static inline uint32_t rotr(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static inline uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#define ROUND(a, b, c, d, e, f, g, h, kw) \
	do { \
		uint32_t t = (h) + (rotr((e), 6) ^ rotr((e), 11) ^ rotr((e), 25)) + \
			((g) ^ ((e) & ((f) ^ (g)))) + (kw); \
		(d) += t; \
		(h) = t + (rotr((a), 2) ^ rotr((a), 13) ^ rotr((a), 22)) + \
			(((a) & (b)) | ((c) & ((a) | (b)))); \
	} while (0)

static void compress(uint32_t state[8], const uint8_t *p)
{
	uint32_t w[64];
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

	for (unsigned i = 0; i < 16; i++)
		w[i] = load_be32(p + (size_t)4 * i);
	for (unsigned i = 16; i < 64; i++) {
		uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;

		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	/* Eight at a time: the names move, the values stay where they are. */
	for (unsigned i = 0; i < 64; i += 8) {
		ROUND(a, b, c, d, e, f, g, h, ward_sha256_k[i] + w[i]);
		ROUND(h, a, b, c, d, e, f, g, ward_sha256_k[i + 1] + w[i + 1]);
		ROUND(g, h, a, b, c, d, e, f, ward_sha256_k[i + 2] + w[i + 2]);
		ROUND(f, g, h, a, b, c, d, e, ward_sha256_k[i + 3] + w[i + 3]);
		ROUND(e, f, g, h, a, b, c, d, ward_sha256_k[i + 4] + w[i + 4]);
		ROUND(d, e, f, g, h, a, b, c, ward_sha256_k[i + 5] + w[i + 5]);
		ROUND(c, d, e, f, g, h, a, b, ward_sha256_k[i + 6] + w[i + 6]);
		ROUND(b, c, d, e, f, g, h, a, ward_sha256_k[i + 7] + w[i + 7]);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

static void compress_all(uint32_t state[8], const uint8_t *p, size_t n_blocks)
{
	for (; n_blocks > 0; n_blocks--, p += 64)
		compress(state, p);
}

static void (*blocks)(uint32_t state[8], const uint8_t *p, size_t n_blocks) = compress_all;

void ward_sha256_use(void (*fn)(uint32_t state[8], const uint8_t *p, size_t n_blocks))
{
	__atomic_store_n(&blocks, fn ? fn : compress_all, __ATOMIC_RELAXED);
}

void ward_sha256_init(struct ward_sha256 *c)
{
	*c = (struct ward_sha256){
		.h = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
			0x1f83d9ab, 0x5be0cd19 },
	};
}

void ward_sha256_update(struct ward_sha256 *c, const void *p, size_t n)
{
	void (*sum)(uint32_t[8], const uint8_t *, size_t) =
		__atomic_load_n(&blocks, __ATOMIC_RELAXED);
	const uint8_t *s = p;
	size_t have = (size_t)(c->n % sizeof(c->block)), whole;

	c->n += n;
	if (have > 0) {
		size_t take = sizeof(c->block) - have < n ? sizeof(c->block) - have : n;

		if (take > 0)
			memcpy(c->block + have, s, take);
		if (have + take < sizeof(c->block))
			return;
		sum(c->h, c->block, 1);
		s += take;
		n -= take;
	}
	whole = n / sizeof(c->block);
	if (whole > 0)
		sum(c->h, s, whole);
	if (n % sizeof(c->block) > 0)
		memcpy(c->block, s + whole * sizeof(c->block), n % sizeof(c->block));
}

void ward_sha256_final(struct ward_sha256 *c, uint8_t out[WARD_SHA256_SIZE])
{
	static const uint8_t padding[64] = { 0x80 };
	uint64_t bits = c->n * 8;
	size_t have = (size_t)(c->n % sizeof(c->block));
	uint8_t length[8];

	for (unsigned i = 0; i < 8; i++)
		length[i] = (uint8_t)(bits >> (56 - 8 * i));
	ward_sha256_update(c, padding, have < 56 ? 56 - have : 120 - have);
	ward_sha256_update(c, length, sizeof(length));
	for (unsigned i = 0; i < 8; i++) {
		for (unsigned k = 0; k < 4; k++)
			out[4 * i + k] = (uint8_t)(c->h[i] >> (24 - 8 * k));
	}
}

void ward_hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

void ward_sha256_hex(const void *p, size_t n, char out[WARD_SHA256_HEX])
{
	struct ward_sha256 c;
	uint8_t digest[WARD_SHA256_SIZE];

	ward_sha256_init(&c);
	ward_sha256_update(&c, p, n);
	ward_sha256_final(&c, digest);
	ward_hex(digest, sizeof(digest), out);
}
