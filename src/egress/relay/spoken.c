/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's first bytes are: which of the protocols they can be, and that one's part is asked. Pure. */
#include "spoken.h"

#include <string.h>

/* So much of a fixed beginning is there: NO when it differs, MAYBE when it is not whole. */
static enum ward_spoken_match begins(const uint8_t *p, size_t n, const char *with, size_t len)
{
	if (memcmp(p, with, n < len ? n : len) != 0)
		return WARD_MATCH_NO;
	return n < len ? WARD_MATCH_MAYBE : WARD_MATCH_YES;
}

static bool decide(struct ward_spoken *s, enum ward_relay_spoken what)
{
	s->what = what;
	return true;
}

/* A request for encryption, by TLS or by GSSAPI; the session begins anew behind it, encrypted or not. */
static enum ward_spoken_match postgres(const uint8_t *p, size_t n)
{
	enum ward_spoken_match tls = begins(p, n, "\0\0\0\10\4\322\26\57", 8);
	enum ward_spoken_match gss = begins(p, n, "\0\0\0\10\4\322\26\60", 8);

	return tls > gss ? tls : gss;
}

/* SSLv2's hello with a newer version in it: no server should take it, and what it names nobody can say. */
static enum ward_spoken_match sslv2(const uint8_t *p, size_t n)
{
	if ((p[0] & 0x80) == 0 || (n > 2 && p[2] != 1) || (n > 3 && p[3] != 0 && p[3] != 3) ||
		(n > 4 && (p[3] == 0 ? p[4] != 2 : p[4] > 4)))
		return WARD_MATCH_NO;
	return n > 4 ? WARD_MATCH_YES : WARD_MATCH_MAYBE;
}

#define RECORD_HIGH_MAX 0x48 /* the high byte of a record's length: 16 KiB and 2 */

/*
 * One whose version is none. Servers take it all the same (the JDK any, Go what is below 16): the hello, and what they read over before it. What
 * else begins with such a byte (a length, least byte first) is told by what no hello has.
 */
static enum ward_spoken_match other_version(const uint8_t *p, size_t n)
{
	bool hello = p[0] == 0x16;
	size_t len = n < 5 ? 0 : (size_t)p[3] << 8 | p[4];

	if (!hello && ((n > 3 && p[3] != 0) || (n > 4 && p[4] != 2)))
		return WARD_MATCH_NO; /* an alert has two bytes */
	if (hello && n > 3 && p[3] > RECORD_HIGH_MAX)
		return WARD_MATCH_NO;
	if (n < 6)
		return WARD_MATCH_MAYBE;
	/* Behind an empty record is the next one. */
	if (hello && len == 0)
		return p[5] >= 0x14 && p[5] <= 0x18 ? WARD_MATCH_YES : WARD_MATCH_NO;
	if (!hello)
		return p[5] == 1 || p[5] == 2 ? WARD_MATCH_YES : WARD_MATCH_NO;
	/* A record of one byte has no more of it; a hello of 64 KiB none of them takes. */
	if (p[5] != 1 || len == 1)
		return p[5] == 1 ? WARD_MATCH_YES : WARD_MATCH_NO;
	return n < 7 ? WARD_MATCH_MAYBE : p[6] == 0 ? WARD_MATCH_YES : WARD_MATCH_NO;
}

/*
 * Records of TLS that no client begins with, but that servers read over, or answer, before the hello: a warning is dropped, and what names
 * the host comes behind it. And PROXY's header, behind which the session begins (its second version: ward_spoken_text).
 */
static enum ward_spoken_match in_front(const uint8_t *p, size_t n)
{
	bool read_over = p[0] == 0x15 || p[0] == 0x16;

	if (p[0] == 0x14 || read_over || p[0] == 0x17 || p[0] == 0x18) {
		if (n < 2 || p[1] == 3)
			return n < 2 ? WARD_MATCH_MAYBE : WARD_MATCH_YES;
		return read_over ? other_version(p, n) : WARD_MATCH_NO;
	}
	return begins(p, n, "PROXY ", 6);
}

/*
 * The line that SSH begins with. Its first word is a method as well as any other, and what follows it may be a request: it is SSH where its
 * text is nothing else.
 */
static bool ssh(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	if (memchr(p, '\n', n) == NULL || !ward_spoken_text(s, p, n))
		return false;
	return decide(s, s->what == WARD_SPOKEN_UNKNOWN ? WARD_SPOKEN_SSH : s->what);
}

/* true: decided. The first that it can be has it; text is whatever else is not. */
static bool look(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	enum ward_spoken_match m = begins(p, n, "\26\3", 2);

	if (s->h2)
		return ward_spoken_h2(s, p, n);
	if (s->gone != WARD_GO_NOTHING)
		return ward_spoken_text(s, p, n);
	if (m != WARD_MATCH_NO)
		return m == WARD_MATCH_YES && ward_spoken_tls(s, p, n);
	m = begins(p, n, WARD_H2_PREFACE, WARD_H2_PREFACE_LEN);
	if (m == WARD_MATCH_YES)
		return ward_spoken_h2(s, p, n);
	if (m == WARD_MATCH_NO && n >= 14 && memcmp(p, WARD_H2_PREFACE, 14) == 0)
		return decide(s, WARD_SPOKEN_BROKEN);
	if (m == WARD_MATCH_MAYBE)
		return false;
	m = in_front(p, n);
	if (m != WARD_MATCH_NO)
		return m == WARD_MATCH_YES && decide(s, WARD_SPOKEN_BROKEN);
	m = begins(p, n, "SSH-", 4);
	if (m != WARD_MATCH_NO)
		return m == WARD_MATCH_YES && ssh(s, p, n);
	m = postgres(p, n);
	if (m != WARD_MATCH_NO) {
		s->take = 8;
		return m == WARD_MATCH_YES && decide(s, WARD_SPOKEN_POSTGRES);
	}
	m = sslv2(p, n);
	if (m != WARD_MATCH_NO)
		return m == WARD_MATCH_YES && decide(s, WARD_SPOKEN_BROKEN);
	return ward_spoken_text(s, p, n);
}

/* It ends within its beginning: of what is surely TLS or HTTP that is a breach, of anything else a word like others. */
static void cut(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	bool known = begins(p, n, "\26\3", 2) == WARD_MATCH_YES || ward_spoken_text_cut(s, p, n) ||
		(n > 3 && memcmp(p, "PRI ", 4) == 0);

	s->what = known || s->h2 ? WARD_SPOKEN_BROKEN : WARD_SPOKEN_UNKNOWN;
}

bool ward_spoken_look(struct ward_spoken *s, const uint8_t *p, size_t n, bool end)
{
	if (n == 0)
		return false;
	s->go = WARD_GO_NOTHING;
	s->front = 0;
	if (!look(s, p, n)) {
		s->take = 0;
		if (!end)
			return false;
		cut(s, p, n);
	}
	if (s->what == WARD_SPOKEN_BROKEN || s->what == WARD_SPOKEN_UNKNOWN) {
		s->take = 0;
		s->port = 0;
		memset(s->name, 0, sizeof(s->name));
	}
	return true;
}
