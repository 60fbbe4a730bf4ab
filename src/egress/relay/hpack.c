/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first header block of an HTTP/2 connection (RFC 7541): whose authority it names. Pure. Only ":authority" and "host" are read, and how
 * ":path" begins: what is no path there is a URL with a host of its own to some servers. Of all else it is enough to know where it ends. An entry that a server has evicted is still known here: a reference to it is an error to
 * the server, and what it could name was counted when it was put in.
 */
#include "spoken.h"

#include <string.h>

#define TEXT_MAX 300 /* of a value that is read */
#define STATIC 61
#define STATIC_AUTHORITY 1
#define STATIC_PATH 4 /* "/", and behind it "/index.html" */
#define STATIC_HOST 38
#define ENTRIES_MAX 128 /* that one block puts in */
#define EOS 256
#define CODE_MAX 30

enum kind { OTHER = 0, AUTHORITY, HOST, PATH, KINDS };

/* By length: the first code, how many there are, where their symbols begin. */
struct code {
	uint32_t first[CODE_MAX + 1], n[CODE_MAX + 1], at[CODE_MAX + 1];
	uint16_t symbol[EOS + 1];
};

struct block {
	const uint8_t *p;
	size_t at, n;
	bool bad;
	struct code code;
	uint8_t entries[ENTRIES_MAX]; /* kinds */
	size_t n_entries;
	unsigned count[KINDS];
	char value[KINDS][WARD_RELAY_NAME_MAX + 2];
};

/* Bits of each symbol's code. The code is canonical: by length, then by symbol (RFC 7541, appendix B). */
static const uint8_t bits[EOS + 1] = { 13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28,
	28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8,
	11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11,
	14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23,
	24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22,
	24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
	20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21,
	21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30 };

static void sort(struct code *c)
{
	uint32_t first = 0, at = 0;

	for (unsigned l = 0; l <= CODE_MAX; l++) {
		c->first[l] = first;
		c->at[l] = at;
		for (unsigned i = 0; i <= EOS; i++)
			if (bits[i] == l)
				c->symbol[at++] = (uint16_t)i;
		c->n[l] = at - c->at[l];
		first = (first + c->n[l]) << 1;
	}
}

/* Bytes, -1: no such code, or too long. What is left over are fewer than eight bits, all of them set. */
static int huffman(const struct code *c, const uint8_t *p, size_t n, uint8_t out[TEXT_MAX])
{
	uint32_t code = 0;
	unsigned length = 0;
	int len = 0;

	for (size_t i = 0; i < 8 * n; i++) {
		uint32_t in;
		uint16_t s;

		code = code << 1 | (p[i / 8] >> (7 - i % 8) & 1u);
		in = code - c->first[++length];
		if (in >= c->n[length]) {
			if (length == CODE_MAX)
				return -1;
			continue;
		}
		s = c->symbol[c->at[length] + in];
		if (s == EOS || len == TEXT_MAX)
			return -1;
		out[len++] = (uint8_t)s;
		code = 0;
		length = 0;
	}
	return length < 8 && code == (1u << length) - 1 ? len : -1;
}

static uint32_t integer(struct block *b, unsigned prefix)
{
	uint32_t max = (1u << prefix) - 1, v;
	unsigned shift = 0;

	if (b->at >= b->n) {
		b->bad = true;
		return 0;
	}
	v = b->p[b->at++] & max;
	if (v < max)
		return v;
	for (;;) {
		uint8_t c = b->at < b->n ? b->p[b->at] : 0;

		if (b->at >= b->n || shift > 14) {
			b->bad = true;
			return 0;
		}
		b->at++;
		v += (uint32_t)(c & 0x7f) << shift;
		if ((c & 0x80) == 0)
			return v;
		shift += 7;
	}
}

/* A string; its bytes in out, if it is wanted. -1: it is longer than what is read, or no text of this code. */
static int string(struct block *b, uint8_t *out)
{
	bool coded = b->at < b->n && (b->p[b->at] & 0x80) != 0;
	size_t n = integer(b, 7);
	const uint8_t *p = b->p + b->at;

	if (b->bad || n > b->n - b->at) {
		b->bad = true;
		return -1;
	}
	b->at += n;
	if (out == NULL)
		return 0;
	if (coded)
		return huffman(&b->code, p, n, out);
	if (n > TEXT_MAX)
		return -1;
	memcpy(out, p, n);
	return (int)n;
}

static enum kind kind_of(struct block *b, uint32_t index)
{
	if (index == STATIC_AUTHORITY)
		return AUTHORITY;
	if (index == STATIC_HOST)
		return HOST;
	if (index == STATIC_PATH || index == STATIC_PATH + 1)
		return PATH;
	if (index <= STATIC)
		return OTHER;
	if (index - STATIC > b->n_entries) {
		b->bad = true;
		return OTHER;
	}
	return (enum kind)b->entries[b->n_entries - (index - STATIC)];
}

/* A name in full. One that cannot be read is not passed over: it might be one of ours in a form that a server reads. */
static enum kind kind_named(struct block *b)
{
	uint8_t text[TEXT_MAX];
	int n = string(b, text);

	if (n <= 0)
		b->bad = true;
	/* RFC 9113, 8.2.1: no name has these. Who reads over that reads "Host", too. */
	for (int i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f || (text[i] >= 'A' && text[i] <= 'Z') ||
			(text[i] == ':' && i > 0))
			b->bad = true;
	if (n == 10 && memcmp(text, ":authority", 10) == 0)
		return AUTHORITY;
	if (n == 5 && memcmp(text, ":path", 5) == 0)
		return PATH;
	return n == 4 && memcmp(text, "host", 4) == 0 ? HOST : OTHER;
}

/* "/...", or "*" alone. It may be longer than what is read; how it begins its first byte says, in the code as well. */
static void path(struct block *b)
{
	bool coded = b->at < b->n && (b->p[b->at] & 0x80) != 0;
	size_t n = integer(b, 7);
	const uint8_t *p = b->p + b->at;

	if (b->bad || n == 0 || n > b->n - b->at || b->count[PATH]++ > 0) {
		b->bad = true;
		return;
	}
	b->at += n;
	if (coded ? p[0] >> 2 != 0x18 && !(n == 1 && p[0] == 0xf9)
		  : p[0] != '/' && !(n == 1 && p[0] == '*'))
		b->bad = true;
}

static void value(struct block *b, enum kind k)
{
	uint8_t text[TEXT_MAX];
	int n;

	if (k == PATH) {
		path(b);
		return;
	}
	n = string(b, k == OTHER ? NULL : text);
	if (k == OTHER)
		return;
	if (n < 0 || b->count[k]++ > 0 || !ward_spoken_authority(text, (size_t)n, b->value[k]))
		b->bad = true;
}

static void field(struct block *b)
{
	uint8_t c = b->p[b->at];
	uint32_t index;
	enum kind k;

	if ((c & 0xe0) == 0x20) { /* the table's size */
		(void)integer(b, 5);
		return;
	}
	index = integer(b, (c & 0x80) != 0 ? 7 : (c & 0x40) != 0 ? 6 : 4);
	if (b->bad)
		return;
	if ((c & 0x80) != 0) {
		/* Whole: of names, an empty one or one for the second time. */
		k = index == 0 ? HOST : kind_of(b, index);
		if (k == AUTHORITY || k == HOST || (k == PATH && b->count[PATH]++ > 0))
			b->bad = true;
		return;
	}
	k = index == 0 ? kind_named(b) : kind_of(b, index);
	if (b->bad)
		return;
	value(b, k);
	if ((c & 0x40) == 0)
		return;
	if (b->n_entries == ENTRIES_MAX)
		b->bad = true;
	else
		b->entries[b->n_entries++] = (uint8_t)k;
}

bool ward_spoken_hpack(const uint8_t *p, size_t n, char ret[WARD_RELAY_NAME_MAX + 2])
{
	struct block b = { .p = p, .n = n };
	enum kind k;

	sort(&b.code);
	while (!b.bad && b.at < b.n)
		field(&b);
	if (b.bad || (b.count[AUTHORITY] == 0 && b.count[HOST] == 0))
		return false;
	if (b.count[AUTHORITY] > 0 && b.count[HOST] > 0 &&
		strcmp(b.value[AUTHORITY], b.value[HOST]) != 0)
		return false;
	k = b.count[AUTHORITY] > 0 ? AUTHORITY : HOST;
	memcpy(ret, b.value[k], WARD_RELAY_NAME_MAX + 2);
	return true;
}
