/* SPDX-License-Identifier: Apache-2.0 */
/* Names that read as other ones: which character makes one of them, and which honest names have that character too. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "tap.h"

#define ZWNJ "\u200c"
#define ZWJ "\u200d"
#define VS16 "\ufe0f"
#define WOMAN "\U0001f469"
#define LAPTOP "\U0001f4bb"
#define HEART "\u2764"
#define KEYCAP "\u20e3"
#define FAMILY WOMAN ZWJ WOMAN ZWJ WOMAN

static const struct {
	const char *name;
	uint32_t bad;
} names[] = {
	{ "", 0 },
	{ "plain.txt", 0 },
	{ "a b", 0 },
	{ "\u0435\u0436\u0438\u043a", 0 },
	{ "\u65e5\u672c", 0 },
	/* Blanks that are none that is typed. */
	{ "a\u00a0b", 0xa0 },
	{ "\u1680", 0x1680 },
	{ "\u2000", 0x2000 },
	{ "a\u200a", 0x200a },
	{ "\u202fb", 0x202f },
	{ "\u205f", 0x205f },
	{ "\u2800", 0x2800 },
	{ "\u3000", 0x3000 },
	{ "\u200b", 0x200b },
	/* Their neighbours are seen. */
	{ "\u00a1\u1681\u2010\u2801\u3001", 0 },
	{ "\u202e", 0x202e },
	{ "a\x01", 1 },
	/* What is no UTF-8, wherever it stands; an end within a character. */
	{ "\xff", 0xff },
	{ "ab\xc3", 0xc3 },
	{ "ab\xf0\x9f\x91", 0xf0 },
	/* The first of several. */
	{ "\u3000\u200b", 0x3000 },
	{ "\u200b\u3000", 0x200b },
	/* A joiner between letters that it changes, or between emoji. */
	{ "\u0645\u06cc" ZWNJ "\u062e\u0648", 0 },
	{ "\u0915\u094d" ZWJ "\u0937", 0 },
	{ "\u0645" ZWNJ, 0x200c },
	{ ZWNJ "\u0645", 0x200c },
	{ "\u0645" ZWNJ "a", 0x200c },
	{ "a" ZWNJ "\u0645", 0x200c },
	{ "\u0645" ZWJ ZWJ "\u0645", 0x200d },
	{ "a" ZWJ "b", 0x200d },
	{ WOMAN ZWJ LAPTOP, 0 },
	{ FAMILY, 0 },
	{ HEART VS16 ZWJ WOMAN, 0 },
	{ WOMAN ZWJ, 0x200d },
	{ WOMAN ZWJ "a", 0x200d },
	{ "a" ZWJ WOMAN, 0x200d },
	{ ZWJ WOMAN, 0x200d },
	{ WOMAN ZWNJ LAPTOP, 0x200c },
	/* A character for the form of an emoji behind one, or within a keycap. */
	{ HEART VS16, 0 },
	{ "a" HEART VS16 "b", 0 },
	{ "1" VS16 KEYCAP, 0 },
	{ "#" VS16 KEYCAP, 0 },
	{ "*" VS16 KEYCAP, 0 },
	{ "1" VS16, 0xfe0f },
	{ "1" VS16 "a", 0xfe0f },
	{ "a" VS16 KEYCAP, 0xfe0f },
	{ VS16, 0xfe0f },
	{ VS16 KEYCAP, 0xfe0f },
	{ "a" VS16, 0xfe0f },
	{ HEART VS16 VS16, 0xfe0f },
};

TEST(each_name)
{
	TABLE(row, names) {
		/* In a block of its own size, so that a sanitizer sees a look beyond. */
		size_t n = strlen(row->name) + 1;
		char *own = malloc(n);

		REQUIRE(own != NULL);
		memcpy(own, row->name, n);
		CASE("%zu", (size_t)(row - names));
		CHECK_EQ_INT(ward_misread(own), row->bad);
		free(own);
	}
}

TAP_MAIN();
