/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsnprintf of the static ward against the platform's: the same text, the same length, in every size of buffer, and not a byte behind it;
 * what is not its own it hands on, with all arguments still there.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tap.h"

#define ROOM 400u

static char want[ROOM], have[ROOM];
static int handed_on;

static int plain(char *s, size_t n, const char *format, va_list ap)
{
	handed_on++;
	return n <= ROOM ? vsnprintf(s, n, format, ap) : -1;
}

#define __real_vsnprintf plain
#define __wrap_vsnprintf print_vsnprintf
#include "../../src/bin/print.c"

__attribute__((format(printf, 2, 3))) static int expected(size_t n, const char *format, ...)
{
	va_list ap;
	int r;

	memset(want, 'x', sizeof(want));
	va_start(ap, format);
	r = plain(want, n, format, ap);
	va_end(ap);
	return r;
}

__attribute__((format(printf, 2, 3))) static int printed(size_t n, const char *format, ...)
{
	va_list ap;
	int r;

	memset(have, 'x', sizeof(have));
	handed_on = 0;
	va_start(ap, format);
	r = print_vsnprintf(have, n, format, ap);
	va_end(ap);
	return r;
}

/* In every room up to more than it takes. */
#define SAME(ours, ...) \
	do { \
		size_t all = (size_t)expected(ROOM, __VA_ARGS__); \
		for (size_t room = 0; room <= all + 2; room++) { \
			CASE("%.100s in %zu", want, room); \
			CHECK_EQ_INT(expected(room, __VA_ARGS__), (int)all); \
			CHECK_EQ_INT(printed(room, __VA_ARGS__), (int)all); \
			CHECK_EQ_INT(handed_on, (ours) ? 0 : 1); \
			CHECK_MEM_EQ(want, have, ROOM); \
		} \
	} while (0)

TEST(text)
{
	SAME(true, "%s", "");
	SAME(true, "nothing else");
	SAME(true, "%s/%s", "/usr", "bin");
	SAME(true, "%s%s%s%s%%%c.", "a", "", "bc", "a longer text of some twenty bytes and more",
		'z');
	SAME(true, "%.*s|%.3s|%.0s|%.*s|%.20s", 2, "abcdef", "abcdef", "abc", -1, "all of it",
		"short");
	SAME(true, "100%% of %c%c", 'x', 'y');
}

TEST(numbers)
{
	SAME(true, "%d %i %u", 0, -1, 1u);
	SAME(true, "%d %d %u", INT_MIN, INT_MAX, UINT_MAX);
	SAME(true, "%ld %ld %lu", LONG_MIN, LONG_MAX, ULONG_MAX);
	SAME(true, "%lld %llu %zu %jd %ju", LLONG_MIN, ULLONG_MAX, (size_t)-1, (intmax_t)-5,
		UINTMAX_MAX);
	SAME(true, "%x %lx %llx %zx", 0xabcdefu, ULONG_MAX, 0x10ull, (size_t)0);
	SAME(true, "%02d:%02d %04x %06d %03u", 1, 12, 0x1fu, -42, 12345u);
	SAME(true, "%020d %016llx", INT_MIN, 1ull);
}

TEST(what_is_handed_on)
{
	const char *volatile none = NULL;

	SAME(false, "%5d|%-5d|%+d", 1, 2, 3);
	SAME(false, "%s and then %10s", "x", "y");
	SAME(false, "%s %f %s", "a", 1.5, "b");
	SAME(false, "%d %s %p", 5, "c", (void *)have);
	SAME(false, "%hd %hhu %X %o", (short)-3, (unsigned char)200, 0xffu, 8u);
	SAME(false, "%.3d %#x %021d", 7, 255u, 1);
	CHECK(printed(ROOM, "%s", none) > 0);
	CHECK_EQ_INT(handed_on, 1);
}

TAP_MAIN();
