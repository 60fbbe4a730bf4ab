/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy and memmove of the static ward, under other names, against copies made byte by byte: every length up to some
 * pieces, every alignment, every overlap; and not a byte beside the target is touched.
 */
#define memcpy copy_memcpy
#define memmove copy_memmove
#include "../../src/bin/copy.c"
#undef memcpy
#undef memmove
#include "tap.h"

#define ROOM 400u

static unsigned char was[ROOM], now[ROOM], want[ROOM];

static void fill(void)
{
	for (size_t i = 0; i < ROOM; i++)
		was[i] = (unsigned char)(i * 7 + i / 256 + 1);
}

/* The whole room after n bytes at from were moved to to, wherever both lie in it. */
static bool moves(void *(*fn)(void *, const void *, size_t), size_t to, size_t from, size_t n)
{
	for (size_t i = 0; i < ROOM; i++)
		now[i] = want[i] = was[i];
	for (size_t i = 0; i < n; i++)
		want[to + i] = was[from + i];
	return fn(now + to, now + from, n) == now + to && memcmp(now, want, ROOM) == 0;
}

static void *plain_memcpy(void *to, const void *from, size_t n)
{
	return copy_memcpy(to, from, n);
}

TEST(memcpy_of_every_length_and_alignment)
{
	fill();
	for (size_t n = 0; n <= 100; n++)
		for (size_t to = 0; to < 17; to++)
			for (size_t from = 200; from < 217; from++) {
				CASE("%zu bytes from %zu to %zu", n, from, to);
				CHECK(moves(plain_memcpy, to, from, n));
			}
	CHECK(moves(plain_memcpy, 3, 205, 190));
}

TEST(memmove_of_every_overlap)
{
	fill();
	for (size_t n = 0; n <= 100; n++)
		for (size_t to = 0; to <= 210; to++) {
			CASE("%zu bytes from 105 to %zu", n, to);
			CHECK(moves(copy_memmove, to, 105, n));
		}
}

TAP_MAIN();
