/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index of git's (gitformat-index(5)), versions 2 to 4, of SHA-1 and of SHA-256: a sum of what it says. It believes nothing: what does not fit in
 * each of its bytes, or is not known, has no sum. What names take together is bounded, since those of version 4 are as long as somebody
 * likes.
 */
#include <string.h>

#include "workspace/diff/diff.h"
#include "workspace/index/index.h"

#define HEAD_BYTES 12u
#define STAT_BYTES 40u /* of an entry, the mode among them */
#define MODE_AT 24u
#define NAME_LONG 0xfffu
#define IS_VALID 0x8000u
#define IS_EXTENDED 0x4000u
#define STAGE 0x3000u
#define UNKNOWN_FLAGS 0x9fffu /* of those beside: all but skip-worktree and intent-to-add */
#define NAMES_MAX (4u * (size_t)WARD_INDEX_BYTES_MAX)

struct reading {
	const uint8_t *p;
	size_t at, end;
	unsigned version;
	size_t hash; /* bytes of an object's name */
	struct ward_sha256 sum;
	size_t names; /* bytes, of all so far */
	/* The entry before. */
	char name[WARD_PATH_MAX];
	size_t n_name;
	unsigned stage;
	bool first;
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static size_t left(const struct reading *r)
{
	return r->end - r->at;
}

/* How many bytes of the name before are not of this one (version 4). */
static bool strip(struct reading *r, size_t *ret)
{
	size_t v;
	uint8_t c;

	if (left(r) == 0)
		return false;
	c = r->p[r->at++];
	v = c & 127u;
	while (c & 128u) {
		if (left(r) == 0 || v >= WARD_PATH_MAX)
			return false;
		c = r->p[r->at++];
		v = ((v + 1) << 7) + (c & 127u);
	}
	*ret = v;
	return v <= r->n_name;
}

/* It begins at the byte from of r->name, and ends with the first NUL. */
static bool read_name(struct reading *r, size_t from, unsigned flags)
{
	const uint8_t *name = r->p + r->at, *end = memchr(name, 0, left(r));
	size_t n = end ? (size_t)(end - name) : 0;

	if (!end || from + n == 0 || from + n >= sizeof(r->name))
		return false;
	memcpy(r->name + from, name, n);
	r->name[from + n] = '\0';
	r->n_name = from + n;
	r->at += n;
	return (flags & NAME_LONG) == (r->n_name < NAME_LONG ? r->n_name : NAME_LONG);
}

/* Entries are in order, by name and then by stage. */
static bool next_name(struct reading *r, size_t begin, unsigned flags)
{
	char before[WARD_PATH_MAX];
	unsigned stage = (flags & STAGE) >> 12;
	size_t cut = r->n_name;
	int order = -1;

	memcpy(before, r->name, r->n_name + 1);
	if (r->version == 4 && !strip(r, &cut))
		return false;
	if (!read_name(r, r->n_name - cut, flags))
		return false;
	if (!r->first)
		order = strcmp(before, r->name);
	if (order > 0 || (order == 0 && r->stage >= stage))
		return false;
	r->first = false;
	r->stage = stage;
	r->names += r->n_name;
	if (r->version == 4) {
		r->at++; /* its NUL */
		return true;
	}
	/* Up to the next eighth byte of the entry, at least one. */
	for (size_t n = 8 - (r->at - begin) % 8; n > 0; n--)
		if (left(r) == 0 || r->p[r->at++] != 0)
			return false;
	return true;
}

static bool is_mode(uint32_t mode)
{
	return mode == 0100644 || mode == 0100755 || mode == 0120000 || mode == 0160000;
}

static void put32(struct ward_sha256 *sum, uint32_t v)
{
	const uint8_t b[] = { v >> 24 & 255, v >> 16 & 255, v >> 8 & 255, v & 255 };

	ward_sha256_update(sum, b, sizeof(b));
}

static bool entry(struct reading *r)
{
	const uint8_t *p = r->p + r->at;
	size_t begin = r->at;
	unsigned flags, more = 0;

	if (left(r) < STAT_BYTES + r->hash + 4)
		return false;
	flags = be16(p + STAT_BYTES + r->hash);
	r->at += STAT_BYTES + r->hash + 2;
	if (flags & IS_EXTENDED) {
		more = be16(r->p + r->at);
		r->at += 2;
		if (r->version < 3 || (more & UNKNOWN_FLAGS))
			return false;
	}
	if (!is_mode(be32(p + MODE_AT)) || !next_name(r, begin, flags) || r->names > NAMES_MAX)
		return false;
	put32(&r->sum, be32(p + MODE_AT));
	put32(&r->sum, (flags & (IS_VALID | STAGE)) << 16 | more);
	put32(&r->sum, (uint32_t)r->n_name);
	ward_sha256_update(&r->sum, p + STAT_BYTES, r->hash);
	ward_sha256_update(&r->sum, r->name, r->n_name);
	return true;
}

/* What git can make anew of the entries and the files, or by which it finds its way in the file. */
static bool is_made_anew(const uint8_t *name)
{
	static const char *const names[] = { "TREE", "UNTR", "FSMN", "EOIE", "IEOT" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++)
		if (memcmp(name, names[i], 4) == 0)
			return true;
	return false;
}

static bool extension(struct reading *r)
{
	const uint8_t *p = r->p + r->at;
	size_t n;

	if (left(r) < 8 || be32(p + 4) > left(r) - 8)
		return false;
	n = be32(p + 4);
	r->at += 8 + n;
	if (is_made_anew(p))
		return true;
	/* How conflicts were resolved, which nobody knows once it is gone. */
	if (memcmp(p, "REUC", 4) != 0)
		return false;
	ward_sha256_update(&r->sum, p, 8 + n);
	return true;
}

static bool read_all(struct reading *r, uint8_t ret[WARD_SHA256_SIZE])
{
	uint32_t n = be32(r->p + 8);

	ward_sha256_init(&r->sum);
	put32(&r->sum, (uint32_t)r->hash);
	put32(&r->sum, n);
	while (n-- > 0)
		if (!entry(r))
			return false;
	while (left(r) > 0)
		if (!extension(r))
			return false;
	ward_sha256_final(&r->sum, ret);
	return true;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

/* The sum at its end; zeros, with index.skipHash. */
static bool is_whole(const uint8_t *p, size_t n, size_t hash)
{
	uint8_t sum[WARD_SHA256_SIZE];
	struct ward_sha256 h;

	if (n < HEAD_BYTES + hash)
		return false;
	if (is_zero(p + n - hash, hash))
		return true;
	if (hash == SHA1_SIZE) {
		ward_diff_sha1(p, n - hash, ward_diff_blob_fast(), sum);
	} else {
		ward_sha256_init(&h);
		ward_sha256_update(&h, p, n - hash);
		ward_sha256_final(&h, sum);
	}
	return memcmp(p + n - hash, sum, hash) == 0;
}

bool ward_index_sum(const void *p, size_t n, uint8_t ret[WARD_SHA256_SIZE])
{
	static const size_t hashes[] = { SHA1_SIZE, WARD_SHA256_SIZE };
	const uint8_t *s = p;
	unsigned version;

	if (n < HEAD_BYTES || n > WARD_INDEX_BYTES_MAX || memcmp(s, "DIRC", 4) != 0)
		return false;
	version = be32(s + 4);
	if (version < 2 || version > 4)
		return false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(hashes); i++) {
		struct reading r;

		if (!is_whole(s, n, hashes[i]))
			continue;
		r.p = s;
		r.at = HEAD_BYTES;
		r.end = n - hashes[i];
		r.version = version;
		r.hash = hashes[i];
		r.names = r.n_name = 0;
		r.name[0] = '\0';
		r.stage = 0;
		r.first = true;
		if (read_all(&r, ret))
			return true;
	}
	return false;
}
