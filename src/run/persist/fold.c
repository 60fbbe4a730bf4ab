/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a name is to a file system that takes no heed of case as Unicode has it, or of characters that nobody sees: HFS+, ext4 with casefold, what
 * a host shares with its guests. Of all of that only what ends in ASCII counts, for the names that are obeyed are of ASCII. Bytes that are no
 * UTF-8 stay as they are.
 */
#include <stdint.h>
#include <string.h>

#include "run/persist/persist.h"

/* Default_Ignorable_Code_Point, of Unicode 15. */
static const struct {
	uint32_t first, last;
} unseen[] = { { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c }, { 0x115f, 0x1160 },
	{ 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x202a, 0x202e },
	{ 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 }, { 0xfff0, 0xfff8 }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
	{ 0xe0000, 0xe0fff } };

/* What folds to ASCII: the long s, the sign of Kelvin, the sharp s and ligatures. */
static const struct {
	uint32_t point;
	const char *as;
} folds[] = { { 0xdf, "ss" }, { 0x17f, "s" }, { 0x1e9e, "ss" }, { 0x212a, "k" }, { 0xfb00, "ff" },
	{ 0xfb01, "fi" }, { 0xfb02, "fl" }, { 0xfb03, "ffi" }, { 0xfb04, "ffl" }, { 0xfb05, "st" },
	{ 0xfb06, "st" } };

/* NULL: it stays. */
static const char *folded(uint32_t point)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(unseen); i++) {
		if (point >= unseen[i].first && point <= unseen[i].last)
			return "";
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(folds); i++) {
		if (point == folds[i].point)
			return folds[i].as;
	}
	return NULL;
}

/* Bytes of the code point that s begins with; of what is none, 1 and a point that stays. */
static size_t point_at(const char *s, uint32_t *ret)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] >= 0xf0 && u[0] < 0xf8 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc0 ? 2 : 1;
	uint32_t point = n == 4 ? u[0] & 7u : n == 3 ? u[0] & 15u : u[0] & 31u;

	*ret = 'x';
	if (n == 1 || u[0] >= 0xf8)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 1;
		point = point << 6 | (u[i] & 63u);
	}
	*ret = point;
	return n;
}

bool ward_persist_folds(const char *path, char out[WARD_PATH_MAX])
{
	bool differs = false;
	size_t to = 0;

	for (size_t n; *path; path += n) {
		uint32_t point = 'x';
		const char *as = NULL;
		size_t bytes;

		n = 1;
		if ((unsigned char)*path >= 0x80) {
			n = point_at(path, &point);
			as = folded(point);
		}
		bytes = as ? strlen(as) : n;
		if (to + bytes >= WARD_PATH_MAX)
			return false; /* a code point is no shorter than what it folds to */
		memcpy(out + to, as ? as : path, bytes);
		to += bytes;
		differs = differs || as;
	}
	out[to] = '\0';
	return differs;
}
