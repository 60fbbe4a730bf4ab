/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The string functions and qsort() of the static ward, under other names, against plain ones: every length up to some pieces at every
 * place in a page, right before one that may not be read.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define strlen text_strlen
#define strcmp text_strcmp
#define memcmp text_memcmp
#define memchr text_memchr
#define strchrnul text_strchrnul
#define __strchrnul text_strchrnul_inner
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
char *strchrnul(const char *s, int c);
#include "../../src/bin/text.c"
#undef strlen
#undef strcmp
#undef memcmp
#undef memchr
#undef strchrnul
#undef __strchrnul
#define qsort sort_qsort
#define malloc sort_malloc
static void *sort_malloc(size_t n);
void qsort(void *v, size_t n, size_t size, int (*compare)(const void *, const void *));
#include "../../src/bin/sort.c"
#undef qsort
#undef malloc
#include "tap.h"

static bool no_memory;

static void *sort_malloc(size_t n)
{
	return no_memory ? NULL : malloc(n);
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

#ifdef __x86_64__
#define LONGEST 70u

/* The last byte that may be read is v[WARD_PAGES - 1]. */
#define WARD_PAGES 8192u

static char *pages(void)
{
	char *v = mmap(NULL, WARD_PAGES + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);

	if (v == MAP_FAILED || mprotect(v + WARD_PAGES, 4096, PROT_NONE) < 0)
		abort();
	return v;
}

/* A text of n bytes, of which none is NUL or 'x', with bytes above 127 among them. */
static void put(char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (char)(i % 3 == 2 ? 0x80 + i : 'A' + i % 20);
	at[n] = '\0';
}

TEST(lengths_and_characters_at_every_place)
{
	char *v = pages();

	for (size_t n = 0; n <= LONGEST; n++) {
		for (size_t back = 0; back < 40; back++) {
			char *s = v + WARD_PAGES - 1 - n - back;

			memset(v + WARD_PAGES - 256, 'x', 256);
			put(s, n);
			CASE("%zu bytes, %zu before the end", n, back);
			CHECK(text_strlen(s) == n);
			CHECK(text_strchrnul(s, 'x') == s + n);
			CHECK(text_strchrnul_inner(s, '\0') == s + n);
			CHECK(text_memchr(s, '\0', n) == NULL);
			CHECK(text_memchr(s, '\0', n + 1) == s + n);
			CHECK(text_memchr(s, '\0', SIZE_MAX) == s + n);
			CHECK(text_memchr(s, 'x', n + 1 + back) == (back > 0 ? s + n + 1 : NULL));
			for (size_t i = 0; i < n; i++) {
				char was = s[i];

				s[i] = 'x';
				CHECK(text_strchrnul(s, 'x') == s + i);
				CHECK(text_strchrnul(s, 'x' + 256) == s + i);
				CHECK(text_memchr(s, 'x', n) == s + i);
				CHECK(text_memchr(s, 'x', i) == NULL);
				s[i] = was;
			}
		}
	}
	CHECK(munmap(v, WARD_PAGES + 4096) == 0);
}

static bool ordered(const char *a, const char *b, size_t n)
{
	return sign(text_memcmp(a, b, n)) == sign(memcmp(a, b, n)) &&
		sign(text_memcmp(b, a, n)) == sign(memcmp(b, a, n)) &&
		sign(text_strcmp(a, b)) == sign(strcmp(a, b)) &&
		sign(text_strcmp(b, a)) == sign(strcmp(b, a));
}

TEST(comparisons_at_every_place)
{
	char *v = pages(), *w = pages();

	for (size_t n = 0; n <= LONGEST; n++) {
		for (size_t back = 0; back < 18; back++) {
			char *a = v + WARD_PAGES - 1 - n - back, *b = w + WARD_PAGES - 1 - n;

			/* What lies behind differs, and does not count. */
			memset(v, 'v', WARD_PAGES);
			memset(w, 'w', WARD_PAGES);
			put(a, n);
			put(b, n);
			CASE("%zu bytes, %zu before the end", n, back);
			CHECK(ordered(a, b, n + 1));
			CHECK(text_strcmp(a, b) == 0 && text_memcmp(a, b, n) == 0);
			for (size_t i = 0; i < n; i++) {
				char was = b[i];

				b[i] = (char)(was + 1);
				CHECK(ordered(a, b, n + 1));
				CHECK(text_memcmp(a, b, i) == 0);
				b[i] = (char)(was ^ 0x80);
				CHECK(ordered(a, b, n + 1));
				b[i] = '\0';
				CHECK(ordered(a, b, n + 1));
				b[i] = was;
			}
		}
	}
	CHECK(munmap(v, WARD_PAGES + 4096) == 0 && munmap(w, WARD_PAGES + 4096) == 0);
}
#endif

/* ---- sorting ---- */

struct item {
	unsigned key, was;
	char more[24];
};

static int by_key(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static bool sorts(size_t n, unsigned keys, bool stable)
{
	struct item *v = calloc(n + 1, sizeof(*v));
	unsigned char *seen = calloc(n + 1, 1);
	unsigned next = 12345;
	bool right = true;

	if (!v || !seen)
		abort();
	for (size_t i = 0; i < n; i++) {
		next = next * 1103515245u + 12345u;
		v[i] = (struct item){ .key = (next >> 16) % keys, .was = (unsigned)i };
		memset(v[i].more, (int)(i % 256), sizeof(v[i].more));
	}
	sort_qsort(v, n, sizeof(*v), by_key);
	for (size_t i = 0; i < n; i++) {
		right = right && v[i].was < n && !seen[v[i].was]++ &&
			(unsigned char)v[i].more[23] == v[i].was % 256;
		if (i > 0)
			right = right &&
				(v[i - 1].key < v[i].key ||
					(v[i - 1].key == v[i].key &&
						(!stable || v[i - 1].was < v[i].was)));
	}
	free(v);
	free(seen);
	return right;
}

TEST(sorting)
{
	for (size_t n = 0; n <= 300; n++) {
		CASE("%zu", n);
		no_memory = false;
		CHECK(sorts(n, 1000000, true));
		CHECK(sorts(n, 7, true));
		CHECK(sorts(n, 1, true));
		no_memory = true;
		CHECK(sorts(n, 1000000, false));
		CHECK(sorts(n, 7, false));
	}
	no_memory = false;
}

TAP_MAIN();
