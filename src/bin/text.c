/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The string functions that the static ward calls most. musl's go byte by byte, or by words after a byte-wise beginning, which for
 * texts of 10 to 60 bytes is nearly all of them; policies of some hundred rules compare and measure texts a hundred thousand times.
 *
 * Here 16 bytes are looked at together (SSE2, which every x86-64 has). A load behind the end of a text is either aligned, and so lies in
 * a page that the text is in, or is only made where it does not reach the next page. Other machines keep musl's.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __x86_64__
#include <emmintrin.h>

#define PIECE 16u
#define PAGE 4096u

char *__strchrnul(const char *s, int c); /* as musl's own strchr and strcspn call it */

static inline uint64_t load8(const unsigned char *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline __m128i load(const void *p)
{
	return _mm_loadu_si128(p);
}

static inline __m128i load_aligned(const void *p)
{
	return _mm_load_si128(p);
}

static inline unsigned equal(__m128i a, __m128i b)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
}

static inline const char *down(const char *s)
{
	return s - (uintptr_t)s % PIECE;
}

/* The first byte at or behind s that is c, or NUL where the text ends before. */
static inline const char *find(const char *s, char c)
{
	const __m128i zero = _mm_setzero_si128(), wanted = _mm_set1_epi8(c);
	const char *p = down(s);
	__m128i v = load_aligned(p);
	unsigned found = (equal(v, zero) | equal(v, wanted)) >> (s - p) << (s - p);

	while (found == 0) {
		p += PIECE;
		v = load_aligned(p);
		found = equal(v, zero) | equal(v, wanted);
	}
	return p + __builtin_ctz(found);
}

size_t strlen(const char *s)
{
	return (size_t)(find(s, '\0') - s);
}

char *__strchrnul(const char *s, int c)
{
	return (char *)(uintptr_t)find(s, (char)c);
}

char *strchrnul(const char *s, int c)
{
	return (char *)(uintptr_t)find(s, (char)c);
}

void *memchr(const void *from, int c, size_t n)
{
	const __m128i wanted = _mm_set1_epi8((char)c);
	const char *s = from, *p = down(s);
	size_t before = (size_t)(s - p), at;
	unsigned found;

	if (n == 0)
		return NULL;
	found = equal(load_aligned(p), wanted) >> before << before;
	for (at = PIECE - before; found == 0; at += PIECE) {
		if (at >= n)
			return NULL;
		p += PIECE;
		found = equal(load_aligned(p), wanted);
	}
	at = (size_t)(p - s) + (size_t)__builtin_ctz(found);
	return at < n ? (void *)(uintptr_t)(s + at) : NULL;
}

static inline int order(const unsigned char *a, const unsigned char *b)
{
	return *a - *b;
}

int memcmp(const void *left, const void *right, size_t n)
{
	const unsigned char *a = left, *b = right;
	size_t i = 0;

	for (; n - i >= PIECE; i += PIECE) {
		unsigned differs = equal(load(a + i), load(b + i)) ^ 0xffffu;

		if (differs != 0)
			return order(a + i + __builtin_ctz(differs),
				b + i + __builtin_ctz(differs));
	}
	if (n - i >= 8) {
		uint64_t differs = load8(a + i) ^ load8(b + i);

		if (differs != 0) {
			i += (size_t)__builtin_ctzll(differs) / 8;
			return order(a + i, b + i);
		}
		i += 8;
	}
	for (; i < n; i++) {
		if (a[i] != b[i])
			return order(a + i, b + i);
	}
	return 0;
}

/* A load of 16 bytes there stays in its page. */
static inline int within(const void *p)
{
	return (uintptr_t)p % PAGE <= PAGE - PIECE;
}

int strcmp(const char *left, const char *right)
{
	const unsigned char *a = (const unsigned char *)left, *b = (const unsigned char *)right;

	for (;;) {
		if (within(a) && within(b)) {
			__m128i v = load(a);
			unsigned ends =
				equal(v, _mm_setzero_si128()) | (equal(v, load(b)) ^ 0xffffu);

			if (ends != 0)
				return order(a + __builtin_ctz(ends), b + __builtin_ctz(ends));
			a += PIECE;
			b += PIECE;
			continue;
		}
		if (*a != *b || *a == '\0')
			return order(a, b);
		a++;
		b++;
	}
}
#else
extern int ward_no_text; /* not an empty unit */
#endif
