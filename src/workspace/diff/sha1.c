/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-1 (FIPS 180-4): git names contents by it, and a patch carries those names. Nothing here depends on it. A patch of many files is mostly
 * this sum, so it is made by the processor's own instructions where it has them.
 */
#include <string.h>

#include "workspace/diff/diff.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

struct sha1 {
	uint32_t h[5];
	uint64_t n;
	uint8_t block[64];
	bool fast;
};

static inline uint32_t turn(uint32_t x, unsigned by)
{
	return x << by | x >> (32 - by);
}

/* Of the last sixteen words alone. */
static inline uint32_t word(uint32_t w[16], unsigned i)
{
	if (i >= 16)
		w[i % 16] =
			turn(w[(i + 13) % 16] ^ w[(i + 8) % 16] ^ w[(i + 2) % 16] ^ w[i % 16], 1);
	return w[i % 16];
}

#define CHOOSE(b, c, d) (((b) & (c)) | (~(b) & (d)))
#define PARITY(b, c, d) ((b) ^ (c) ^ (d))
#define MAJORITY(b, c, d) (((b) & (c)) | ((b) & (d)) | ((c) & (d)))
#define ROUND(f, k, a, b, c, d, e, i) \
	((e) += turn((a), 5) + f((b), (c), (d)) + (k) + word(w, (i)), (b) = turn((b), 30))
/* Twenty rounds; the variables are named anew instead of moved. */
#define ROUNDS(f, k, from) \
	for (unsigned i = (from); i < (from) + 20; i += 5) { \
		ROUND(f, k, a, b, c, d, e, i); \
		ROUND(f, k, e, a, b, c, d, i + 1); \
		ROUND(f, k, d, e, a, b, c, i + 2); \
		ROUND(f, k, c, d, e, a, b, i + 3); \
		ROUND(f, k, b, c, d, e, a, i + 4); \
	}

static void step_plain(struct sha1 *s, const uint8_t *p)
{
	uint32_t w[16], a = s->h[0], b = s->h[1], c = s->h[2], d = s->h[3], e = s->h[4];

	for (unsigned i = 0; i < 16; i++)
		w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
			(uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
	ROUNDS(CHOOSE, 0x5a827999u, 0)
	ROUNDS(PARITY, 0x6ed9eba1u, 20)
	ROUNDS(MAJORITY, 0x8f1bbcdcu, 40)
	ROUNDS(PARITY, 0xca62c1d6u, 60)
	s->h[0] += a;
	s->h[1] += b;
	s->h[2] += c;
	s->h[3] += d;
	s->h[4] += e;
}

#ifdef __x86_64__

#define FOUR(k, i) \
	do { \
		last = abcd; \
		abcd = _mm_sha1rnds4_epu32(abcd, e, (k)); \
		e = _mm_sha1nexte_epu32(last, (i) < 19 ? m[(i) + 1] : e_before); \
	} while (0)

__attribute__((target("sha,ssse3,sse4.1"))) static void step_fast(struct sha1 *s, const uint8_t *p)
{
	const __m128i swap = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
	const __m128i before = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)s->h), 0x1b);
	const __m128i e_before = _mm_set_epi32((int)s->h[4], 0, 0, 0);
	__m128i m[20], last, abcd = before, e;

	for (int i = 0; i < 4; i++)
		m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 16 * i)), swap);
	for (int i = 4; i < 20; i++)
		m[i] = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(m[i - 4], m[i - 3]),
						  m[i - 2]),
			m[i - 1]);
	e = _mm_add_epi32(e_before, m[0]);
	for (int i = 0; i < 5; i++)
		FOUR(0, i);
	for (int i = 5; i < 10; i++)
		FOUR(1, i);
	for (int i = 10; i < 15; i++)
		FOUR(2, i);
	for (int i = 15; i < 20; i++)
		FOUR(3, i);
	abcd = _mm_add_epi32(abcd, before);
	_mm_storeu_si128((__m128i *)s->h, _mm_shuffle_epi32(abcd, 0x1b));
	s->h[4] = (uint32_t)_mm_extract_epi32(e, 3);
}

bool ward_diff_blob_fast(void)
{
	unsigned a, b, c, d;

	/* SSSE3, SSE4.1; then SHA */
	return __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 9)) != 0 && (c & (1u << 19)) != 0 &&
		__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) != 0;
}

#else

static void step_fast(struct sha1 *s, const uint8_t *p)
{
	step_plain(s, p);
}

bool ward_diff_blob_fast(void)
{
	return false;
}

#endif

static void step(struct sha1 *s, const uint8_t *p)
{
	if (s->fast)
		step_fast(s, p);
	else
		step_plain(s, p);
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

static void init(struct sha1 *c, bool fast)
{
	*c = (struct sha1){ .h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 },
		.fast = fast };
}

void ward_diff_sha1(const void *p, size_t n, bool fast, uint8_t out[SHA1_SIZE])
{
	struct sha1 c;

	init(&c, fast);
	update(&c, p, n);
	final(&c, out);
}

void ward_diff_blob(const void *p, size_t n, bool fast, uint8_t out[SHA1_SIZE])
{
	char head[5 + DECIMAL_SIZE] = "blob ";
	size_t k = 5 + ward_diff_decimal(n, head + 5);
	struct sha1 c;

	init(&c, fast);
	update(&c, head, k + 1);
	update(&c, p, n);
	final(&c, out);
}
