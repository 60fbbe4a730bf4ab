/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of what is long, by the processor's own instructions where it has them, to the same digest as base/sha256.c. For less than
 * some kilobytes it is not even asked: asking (cpuid) is trapped in virtual machines, some 4 us each time.
 */
#include <stdatomic.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "os/os.h"

#define LONG_BYTES 8192u /* takes some 35 us in plain C */

#if defined(__x86_64__)

/* The state as two vectors, ABEF and CDGH; four rounds and four words of the schedule at a time. */
__attribute__((target("sha,sse4.1,ssse3"))) static void compress_fast(uint32_t state[8],
	const uint8_t *p, size_t n_blocks)
{
	const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	__m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
	__m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
	__m128i abef = _mm_alignr_epi8(abcd, efgh, 8);
	__m128i cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);

	for (; n_blocks > 0; n_blocks--, p += 64) {
		const __m128i abef_before = abef, cdgh_before = cdgh;
		__m128i w[4];

		for (unsigned i = 0; i < 4; i++)
			w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p +
							(size_t)16 * i)),
				order);
		for (unsigned i = 0; i < 16; i++) {
			__m128i now = w[i % 4], kw;

			kw = _mm_add_epi32(now,
				_mm_loadu_si128((const __m128i *)(ward_sha256_k + 4 * i)));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, kw);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(kw, 0x0e));
			/* The words four turns from now: they take the place of those that were used. */
			now = _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) % 4]),
				_mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
			w[i % 4] = _mm_sha256msg2_epu32(now, w[(i + 3) % 4]);
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	efgh = _mm_shuffle_epi32(abef, 0x1b);
	abcd = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(efgh, abcd, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(abcd, efgh, 8));
}

/* Asked once. Threads that ask at once learn the same. */
static bool is_fast(void)
{
	static atomic_int known; /* 0: not asked; 1: no; 2: yes */
	int k = atomic_load_explicit(&known, memory_order_relaxed);

	if (k == 0) {
		unsigned a = 0, b = 0, c = 0, d = 0;

		/* Who has SHA has SSE4.1. */
		k = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) != 0 ? 2 : 1;
		atomic_store_explicit(&known, k, memory_order_relaxed);
	}
	return k == 2;
}

#else

static void compress_fast(uint32_t state[8], const uint8_t *p, size_t n_blocks)
{
	(void)state;
	(void)p;
	(void)n_blocks;
}

static bool is_fast(void)
{
	return false;
}

#endif

static void sum(const void *p, size_t n, bool fast, char out[WARD_SHA256_HEX])
{
	uint8_t digest[WARD_SHA256_SIZE];
	struct ward_sha256 c;
	size_t whole = fast ? n - n % sizeof(c.block) : 0;

	ward_sha256_init(&c);
	if (whole > 0) {
		compress_fast(c.h, p, whole / sizeof(c.block));
		c.n = whole;
	}
	ward_sha256_update(&c, (const uint8_t *)p + whole, n - whole);
	ward_sha256_final(&c, digest);
	ward_hex(digest, sizeof(digest), out);
}

void ward_sha256_long(const void *p, size_t n, char out[WARD_SHA256_HEX])
{
	sum(p, n, n >= LONG_BYTES && is_fast(), out);
}

void ward_sha256_of_many(const void *p, size_t n, char out[WARD_SHA256_HEX])
{
	sum(p, n, is_fast(), out);
}
