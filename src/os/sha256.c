/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 by the processor's own instructions, where it has them: ten times as fast as base/sha256.c. It is asked once, by whoever is
 * about to sum more than some kilobytes: asking (cpuid) is trapped in virtual machines, some 4 us each of two times.
 */
#include <stdatomic.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "os/os.h"

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

/* Who has SHA has SSE4.1. */
static bool has_it(void)
{
	unsigned a = 0, b = 0, c = 0, d = 0;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) != 0;
}

/* Threads that ask at once learn the same. */
void ward_sha256_quicken(void)
{
	static atomic_int known; /* 0: not asked; 1: no; 2: yes */
	int k = atomic_load_explicit(&known, memory_order_relaxed);

	if (k == 0) {
		k = has_it() ? 2 : 1;
		atomic_store_explicit(&known, k, memory_order_relaxed);
	}
	if (k == 2)
		ward_sha256_use(compress_fast);
}

#else

void ward_sha256_quicken(void)
{
}

#endif
