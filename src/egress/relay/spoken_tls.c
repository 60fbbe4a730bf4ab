/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ClientHello, as it comes: in records, in pieces. Pure. What it says about names: server_name (RFC 6066), and whether there is another
 * hello in it that only the server reads (encrypted_client_hello; browsers send that extension filled with noise, too). Whatever two
 * readers could read in two ways is BROKEN: an extension twice, two names, bytes behind the end of a part.
 */
#include "spoken.h"

#include "base/base.h"

#include <string.h>

#define RECORD_HEAD 5
#define RECORD_MAX (1u << 14) /* RFC 8446, 5.1 */
#define RECORD_SEALED_MAX (RECORD_MAX + 2048) /* of TLS 1.2; less since */
#define CHANGE_CIPHER 20 /* the least of the types that there are */
#define HANDSHAKE 22
#define HEARTBEAT 24 /* the last */
#define CLIENT_HELLO 1
#define SERVER_HELLO 2
#define EXT_SERVER_NAME 0
#define EXT_ECH 0xfe0d
#define EXT_ECH_DRAFTS 0xfe08 /* up to the one above, of the drafts */
#define EXT_ESNI 0xffce
#define EXTENSIONS_MAX 128

/* What is left of the hello, over the seams of its records. */
struct hello {
	const uint8_t *p; /* the records */
	size_t at; /* in them */
	size_t in_record; /* bytes left of the one that it is in */
	size_t left; /* of the part that is read */
	bool bad;
};

static uint8_t byte(struct hello *h)
{
	if (h->bad || h->left == 0) {
		h->bad = true;
		return 0;
	}
	while (h->in_record == 0) {
		h->in_record = (size_t)h->p[h->at + 3] << 8 | h->p[h->at + 4];
		h->at += RECORD_HEAD;
	}
	h->in_record--;
	h->left--;
	return h->p[h->at++];
}

static uint32_t number(struct hello *h, int bytes)
{
	uint32_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | byte(h);
	return v;
}

static void skip(struct hello *h, size_t n)
{
	if (n > h->left)
		h->bad = true;
	while (!h->bad && n-- > 0)
		(void)byte(h);
}

/*
 * A list of one host name; the protocol foresees other kinds, and nobody uses them. A last dot should not be in it (RFC 6066, 3), but clients
 * that are given one say it (Node, Python), and a server that does not know the name with it does as without a name.
 */
static bool server_name(struct hello *h, size_t len, struct ward_spoken *s)
{
	uint8_t name[WARD_RELAY_NAME_MAX];
	uint32_t list = number(h, 2), kind = number(h, 1), n = number(h, 2);

	if (h->bad || list + 2 != len || kind != 0 || n + 3 != list || n > sizeof(name))
		return false;
	for (uint32_t i = 0; i < n; i++)
		name[i] = byte(h);
	return !h->bad && ward_host_or_address(name, n, true, s->name);
}

static bool extensions(struct hello *h, struct ward_spoken *s)
{
	uint16_t seen[EXTENSIONS_MAX];
	size_t n_seen = 0;

	if (number(h, 2) != h->left || h->bad)
		return false;
	while (h->left > 0) {
		uint32_t type = number(h, 2), len = number(h, 2);

		if (h->bad || len > h->left || n_seen == EXTENSIONS_MAX)
			return false;
		for (size_t i = 0; i < n_seen; i++)
			if (seen[i] == type)
				return false;
		seen[n_seen++] = (uint16_t)type;
		if (type == EXT_SERVER_NAME) {
			if (!server_name(h, len, s))
				return false;
			continue;
		}
		if (type == EXT_ESNI || (type >= EXT_ECH_DRAFTS && type <= EXT_ECH))
			s->what = WARD_SPOKEN_TLS_ECH;
		skip(h, len);
	}
	return !h->bad;
}

static bool hello(struct hello *h, struct ward_spoken *s)
{
	uint32_t n;

	if (number(h, 1) != 3) /* its version; the second byte is not what decides */
		return false;
	skip(h, 1 + 32); /* and the random */
	n = number(h, 1);
	if (n > 32)
		return false;
	skip(h, n); /* session */
	n = number(h, 2);
	if (n < 2 || n % 2 != 0)
		return false;
	skip(h, n); /* ciphers */
	n = number(h, 1);
	if (n == 0)
		return false;
	skip(h, n); /* compression */
	if (h->bad)
		return false;
	s->what = WARD_SPOKEN_TLS;
	return h->left == 0 || extensions(h, s);
}

static bool broken(struct ward_spoken *s)
{
	s->what = WARD_SPOKEN_BROKEN;
	return true;
}

/* The records, one by one, until the hello is whole; it must end with the last of them. */
bool ward_spoken_tls(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	struct hello h = { .p = p };
	size_t at = 0, have = 0, want = 4;

	for (int records = 0; have < want; records++) {
		size_t len;

		if (n < at + RECORD_HEAD) {
			/* Its own first bytes are judged as they come. */
			s->need = (uint32_t)n + 1;
			return n > at && (p[at] != HANDSHAKE || (n > at + 1 && p[at + 1] != 3))
				? broken(s)
				: false;
		}
		len = (size_t)p[at + 3] << 8 | p[at + 4];
		if (p[at] != HANDSHAKE || p[at + 1] != 3 || p[at + 2] > 4 || len == 0 ||
			len > RECORD_MAX || records == WARD_RELAY_RECORDS_MAX)
			return broken(s);
		s->need = (uint32_t)(at + RECORD_HEAD + len);
		if (at == 0 && n > RECORD_HEAD && p[RECORD_HEAD] != CLIENT_HELLO)
			return broken(s);
		if (have < 4) {
			/* The head of the message may lie in several records itself. */
			struct hello head = { .p = p, .left = 4 };
			size_t there = n - at - RECORD_HEAD < len ? n - at - RECORD_HEAD : len;

			if (have + there < 4 && there < len) {
				s->need = (uint32_t)n + 1;
				return false;
			}
			if (have + there >= 4) {
				(void)number(&head, 1);
				want = 4 + (size_t)number(&head, 3);
				if (want > WARD_RELAY_HELD_MAX)
					return broken(s);
			}
		}
		if (n < s->need)
			return false;
		have += len;
		at += RECORD_HEAD + len;
	}
	if (have != want)
		return broken(s);
	h.left = want;
	if (number(&h, 1) != CLIENT_HELLO || number(&h, 3) != want - 4 || !hello(&h, s))
		return broken(s);
	s->hello = (uint32_t)at;
	return true;
}

/* ---- behind it ---- */

enum ward_spoken_record ward_spoken_record(const uint8_t *p, size_t n, uint32_t *ret_len)
{
	size_t len;

	if (p[0] < CHANGE_CIPHER || p[0] > HEARTBEAT || (n > 1 && p[1] != 3))
		return WARD_RECORD_BROKEN;
	if (p[0] == HANDSHAKE)
		return WARD_RECORD_HANDSHAKE;
	if (n < RECORD_HEAD)
		return WARD_RECORD_MORE;
	len = (size_t)p[3] << 8 | p[4];
	*ret_len = (uint32_t)(RECORD_HEAD + len);
	return len > RECORD_SEALED_MAX ? WARD_RECORD_BROKEN : WARD_RECORD_PASSES;
}

/* A record of a ServerHello whose random is SHA-256 of "HelloRetryRequest". */
bool ward_spoken_again(unsigned at, uint8_t c)
{
	static const uint8_t random[32] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe,
		0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c,
		0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };

	switch (at) {
	case 0: return c == HANDSHAKE;
	case 1: return c == 3;
	case RECORD_HEAD: return c == SERVER_HELLO;
	case RECORD_HEAD + 4: return c == 3;
	default: break;
	}
	return at < WARD_AGAIN_LEN - sizeof(random) ||
		(at < WARD_AGAIN_LEN && c == random[at - (WARD_AGAIN_LEN - sizeof(random))]);
}
