/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client's first bytes are. Pure: bytes in, verdict out; no allocation. It is asked again with all that came so far, and
 * answers as soon as the bytes allow: what cannot be the beginning of anything known is UNKNOWN at its first byte that says so.
 * What begins as something known and then breaks its rules is BROKEN, and never passed: two readers of it might see two names.
 */
#pragma once

#include "egress/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What of undecided bytes may go on to the server, all of it; what follows is looked at with that as what is gone. */
enum ward_spoken_go {
	WARD_GO_NOTHING = 0,
	WARD_GO_LINES, /* empty ones */
	WARD_GO_WORD, /* the beginning of a line of one word, which is no known one */
	WARD_GO_LINE, /* the beginning of a line of more */
	WARD_GO_OTHER /* and of one that is no request of HTTP's, but may be what some server takes for one */
};

/* A line, as servers that take anything for a method read it: as three words, of which the last is a version. */
struct ward_spoken_line {
	uint8_t words; /* that have begun; 4: it is none */
	uint8_t first_n, first[20]; /* what the first one begins with; full: it is longer than any method */
	uint8_t which, at; /* of the third one: which protocol it may be, and how far it is it */
	bool within; /* a word, and not between two */
	uint32_t n; /* bytes */
};

/* All zero before the first look; what it holds between looks only saves work. */
struct ward_spoken {
	enum ward_relay_spoken what;
	uint32_t take; /* so many bytes are judged, what follows is to be looked at by itself; 0: all are */
	bool h2; /* what is looked at are frames of HTTP/2, not first bytes: without a name they hold no request */
	enum ward_spoken_go gone, go; /* in: what went before these bytes; out, undecided: what may go */
	struct ward_spoken_line gone_line, line; /* the same of the line */
	uint32_t front; /* out, undecided, where nothing may go: so many bytes may as WARD_GO_LINE, once no more can be held */
	uint16_t port; /* the one that a CONNECT or an absolute target means, 0: there is none */
	uint32_t need; /* undecided: no use in looking before so many bytes are there */
	uint32_t scanned; /* HTTP: there is no end of the head before */
	uint32_t hello; /* TLS: so many bytes are the hello */
	char name[WARD_RELAY_NAME_MAX + 2]; /* "" = none; or an address as it was written, without brackets */
};

/* n bytes so far; end: there will be no more. true: decided. */
bool ward_spoken_look(struct ward_spoken *s, const uint8_t *p, size_t n, bool end);

/*
 * Behind a ClientHello. Until its server has answered the client may say more that nobody has to read, and where the server asks for
 * another hello (RFC 8446, 4.1.4) that one counts, and not the first. Which record begins there; *ret_len: of what passes, all of it.
 */
enum ward_spoken_record { WARD_RECORD_MORE = 0, WARD_RECORD_PASSES, WARD_RECORD_HANDSHAKE, WARD_RECORD_BROKEN };
enum ward_spoken_record ward_spoken_record(const uint8_t *p, size_t n, uint32_t *ret_len);
/* Is c the byte at that place of a server's answer that asks for another hello? All of the first WARD_AGAIN_LEN: it is one. */
bool ward_spoken_again(unsigned at, uint8_t c);
#define WARD_AGAIN_LEN 43

#define WARD_H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define WARD_H2_PREFACE_LEN 24

/* The parts. Each is asked only where the bytes begin as its protocol does. false: more is needed (s->need). */
bool ward_spoken_tls(struct ward_spoken *s, const uint8_t *p, size_t n);
bool ward_spoken_http(struct ward_spoken *s, const uint8_t *p, size_t n);
/* All that is text; true as well: it is UNKNOWN. */
bool ward_spoken_text(struct ward_spoken *s, const uint8_t *p, size_t n);
/* It ends there: is it within a request? */
bool ward_spoken_text_cut(const struct ward_spoken *s, const uint8_t *p, size_t n);
bool ward_spoken_h2(struct ward_spoken *s, const uint8_t *p, size_t n);
/* A header block of HTTP/2. false: it names no authority, or two. */
bool ward_spoken_hpack(const uint8_t *p, size_t n, char ret[WARD_RELAY_NAME_MAX + 2]);
/* HOST or HOST:PORT, as in Host and :authority: the host. */
bool ward_spoken_authority(const uint8_t *p, size_t n, char ret[WARD_RELAY_NAME_MAX + 2]);
/* Is it the beginning of an HTTP/1 request line, or might it become one with more bytes? */
enum ward_spoken_match { WARD_MATCH_NO = 0, WARD_MATCH_MAYBE, WARD_MATCH_YES };
enum ward_spoken_match ward_spoken_http_begins(const uint8_t *p, size_t n);
/* What a byte is. Text of any length is looked at byte for byte until its line ends. */
enum { WARD_BYTE_BLANK = 1, WARD_BYTE_TOKEN = 2, WARD_BYTE_CONTROL = 4 };
extern const uint8_t ward_spoken_bytes[256];

/* What lenient servers take for the end of a method (RFC 9112, 3). */
static inline bool ward_spoken_blank(uint8_t c)
{
	return (ward_spoken_bytes[c] & WARD_BYTE_BLANK) != 0;
}

/* RFC 9110, 5.6.2 */
static inline bool ward_spoken_token(uint8_t c)
{
	return (ward_spoken_bytes[c] & WARD_BYTE_TOKEN) != 0;
}

/* NUL, and the other control bytes that are no blank and end no line. */
static inline bool ward_spoken_control(uint8_t c)
{
	return (ward_spoken_bytes[c] & WARD_BYTE_CONTROL) != 0;
}

/*
 * A host name in its normal form: labels of a-z, 0-9, "_" and "-", 1 to 63 bytes, no "-" at either end, no trailing dot,
 * at most 253 bytes, the last label not a number (what ends in one some readers take for an address). false: it is none. dot: one
 * trailing dot is taken off. ret is zero behind the name.
 */
bool ward_host_normal(const uint8_t *p, size_t n, bool dot, char ret[WARD_RELAY_NAME_MAX + 2]);
/* The same, or an address as inet_pton() takes it: as it was written. */
bool ward_host_or_address(const uint8_t *p, size_t n, bool dot, char ret[WARD_RELAY_NAME_MAX + 2]);
