/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client's first bytes are: each row at every point where they may be cut. A verdict that stands does not change with the bytes
 * behind it, and none comes before it must.
 */
#include <stdbool.h>
#include <string.h>

#include "egress/relay/spoken.h"
#include "tap.h"

#define MAX 70000

static const char *const words[] = { "unknown", "broken", "tls", "tls_ech", "http", "http2", "ssh",
	"postgres" };

/* The whole, by steps of so many bytes, in blocks of their own size so that a sanitizer sees a look beyond. */
static struct ward_spoken look(const uint8_t *p, size_t n, size_t step, bool *ret_decided,
	size_t *ret_at)
{
	struct ward_spoken s = { 0 };

	*ret_decided = false;
	for (size_t at = step < n ? step : n;; at = at + step < n ? at + step : n) {
		uint8_t *own = malloc(at ? at : 1);

		memcpy(own, p, at);
		if (at >= s.need)
			*ret_decided = ward_spoken_look(&s, own, at, false);
		free(own);
		*ret_at = at;
		if (*ret_decided || at == n)
			return s;
	}
}

static void check_bytes(const uint8_t *p, size_t n, const char *what, const char *name)
{
	static const size_t steps[] = { MAX, 1, 2, 3, 5, 7, 64, 1000 };
	size_t first = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		bool decided;
		size_t at;
		struct ward_spoken s = look(p, n, steps[i], &decided, &at);

		CHECK_STR_EQ(decided ? words[s.what] : "more", what);
		CHECK_STR_EQ(s.name, name);
		if (steps[i] == 1)
			first = at;
	}
	/* One cut, anywhere: the same. */
	for (size_t cut = 1; cut < n && cut < 600; cut++) {
		struct ward_spoken s = { 0 };
		bool early = ward_spoken_look(&s, p, cut, false);

		CHECK(early == (cut >= first && strcmp(what, "more") != 0));
		if (!early)
			CHECK(strcmp(what, "more") == 0 || ward_spoken_look(&s, p, n, false));
		if (strcmp(what, "more") != 0)
			CHECK_STR_EQ(words[s.what], what);
	}
}

/* ---- ClientHello ---- */

struct bytes {
	uint8_t p[MAX];
	size_t n;
};
static struct bytes out;

static void put(struct bytes *b, const void *p, size_t n)
{
	if (b->n + n > MAX)
		abort();
	memcpy(b->p + b->n, p, n);
	b->n += n;
}
static void put_n(struct bytes *b, unsigned long v, int bytes)
{
	while (bytes-- > 0) {
		uint8_t c = (uint8_t)(v >> (8 * bytes));

		put(b, &c, 1);
	}
}

struct hello {
	const char *label;
	const char *exts; /* bytes of the extensions in hex; NULL: no block at all */
	const char *what, *name;
	int record; /* bytes in a record, 0 = all in one */
	int pad; /* an extension of so many bytes more */
	int session, ciphers, compressions; /* 0 = as it should be; -1 = none */
	int behind; /* bytes behind the hello, in its record */
	int list; /* added to the length of the block */
};

static unsigned digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void make_hello(const struct hello *h)
{
	static struct bytes body, ext, message;

	body.n = ext.n = message.n = out.n = 0;
	for (const char *c = h->exts; c != NULL && *c != '\0'; c++) {
		if (*c == ' ')
			continue;
		put_n(&ext, digit(c[0]) << 4 | digit(c[1]), 1);
		c++;
	}
	if (h->pad > 0) {
		put_n(&ext, 21, 2);
		put_n(&ext, (unsigned long)h->pad, 2);
		for (int i = 0; i < h->pad; i++)
			put_n(&ext, 0, 1);
	}
	put_n(&body, 0x0303, 2);
	for (int i = 0; i < 32; i++)
		put_n(&body, 0x16, 1);
	put_n(&body, h->session > 0 ? (unsigned)h->session : 0, 1);
	for (int i = 0; i < h->session; i++)
		put_n(&body, 7, 1);
	put_n(&body, h->ciphers == 0 ? 2 : h->ciphers < 0 ? 0 : (unsigned)h->ciphers, 2);
	for (int i = 0; i < (h->ciphers == 0 ? 2 : h->ciphers); i++)
		put_n(&body, 0x13, 1);
	put_n(&body, h->compressions < 0 ? 0 : 1, 1);
	if (h->compressions >= 0)
		put_n(&body, 0, 1);
	if (h->exts != NULL) {
		put_n(&body, ext.n + (unsigned long)h->list, 2);
		put(&body, ext.p, ext.n);
	}
	put_n(&message, 1, 1);
	put_n(&message, body.n, 3);
	put(&message, body.p, body.n);
	for (int i = 0; i < h->behind; i++)
		put_n(&message, 0, 1);
	for (size_t at = 0; at < message.n;) {
		size_t n = h->record > 0 && (size_t)h->record < message.n - at ? (size_t)h->record
									       : message.n - at;

		put_n(&out, 0x160301, 3);
		put_n(&out, n, 2);
		put(&out, message.p + at, n);
		at += n;
	}
}

#define SNI "0000 000a 0008 00 0005 612e622e63" /* a.b.c */
static const struct hello hellos[] = {
	{ "a name", SNI, "tls", "a.b.c" },
	{ "no name", "000a 0000", "tls", "" },
	{ "no extensions", NULL, "tls", "" },
	{ "an empty block", "", "tls", "" },
	{ "upper case", "0000 000a 0008 00 0005 412e422e43", "tls", "a.b.c" },
	{ "an address", "0000 000c 000a 00 0007 312e322e332e34", "tls", "1.2.3.4" },
	{ "trailing dot", "0000 000b 0009 00 0006 612e622e632e", "tls", "a.b.c" },
	{ "two trailing dots", "0000 000c 000a 00 0007 612e622e632e2e", "broken", "" },
	{ "an address with one", "0000 000d 000b 00 0008 312e322e332e342e", "broken", "" },
	{ "a dot alone", "0000 0006 0004 00 0001 2e", "broken", "" },
	{ "a NUL", "0000 000a 0008 00 0005 612e620063", "broken", "" },
	{ "a NUL at the end", "0000 000b 0009 00 0006 612e622e6300", "broken", "" },
	{ "underscore", "0000 000a 0008 00 0005 615f622e63", "tls", "a_b.c" },
	{ "not ASCII", "0000 000a 0008 00 0005 61c3bc2e63", "broken", "" },
	{ "ends in a number", "0000 000a 0008 00 0005 612e622e31", "broken", "" },
	{ "an empty name", "0000 0005 0003 00 0000", "broken", "" },
	{ "an empty list", "0000 0002 0000", "broken", "" },
	{ "an empty extension", "0000 0000", "broken", "" },
	{ "two names in the list", "0000 0012 0010 00 0005 612e622e63 00 0005 612e622e63", "broken",
		"" },
	{ "two lists", SNI SNI, "broken", "" },
	{ "another kind of name", "0000 000a 0008 01 0005 612e622e63", "broken", "" },
	{ "list longer than its extension", "0000 000a 0009 00 0005 612e622e63", "broken", "" },
	{ "list shorter than its extension", "0000 000a 0007 00 0004 612e622e63", "broken", "" },
	{ "name longer than its list", "0000 000a 0008 00 0006 612e622e63", "broken", "" },
	{ "an extension twice", "000a 0000 000a 0000", "broken", "" },
	{ "an extension that ends early", SNI "000a 0001", "broken", "" },
	{ "half an extension", SNI "000a", "broken", "" },
	{ "encrypted inside", "fe0d 0001 00" SNI, "tls_ech", "a.b.c" },
	{ "encrypted inside, behind", SNI "fe0d 0001 00", "tls_ech", "a.b.c" },
	{ "encrypted inside, no name", "fe0d 0000", "tls_ech", "" },
	{ "encrypted name of old", "ffce 0001 00" SNI, "tls_ech", "a.b.c" },
	{ "encrypted inside, broken name", "fe0d 0000 0000 0000", "broken", "" },
	{ "block longer than the hello", SNI, "broken", "", .list = 1 },
	{ "block shorter than the hello", SNI, "broken", "", .list = -1 },
	{ "bytes behind it", SNI, "broken", "", .behind = 1 },
	{ "another message behind it", SNI, "broken", "", .behind = 4 },
	{ "a session", SNI, "tls", "a.b.c", .session = 32 },
	{ "a session that is too long", SNI, "broken", "", .session = 33 },
	{ "no ciphers", SNI, "broken", "", .ciphers = -1 },
	{ "half a cipher", SNI, "broken", "", .ciphers = 3 },
	{ "no compression", SNI, "broken", "", .compressions = -1 },
	{ "records of ten", SNI, "tls", "a.b.c", .record = 10 },
	{ "records of five, 16 of them are not enough", SNI, "broken", "", .record = 3 },
	{ "large, in records", SNI, "tls", "a.b.c", .pad = 20000, .record = 16000 },
	{ "a record that is too large", SNI, "broken", "", .pad = 20000 },
	{ "a hello of 64 KiB", SNI, "broken", "", .pad = 65480, .record = 16000 },
};

TEST(client_hello)
{
	TABLE(row, hellos) {
		CASE("%s", row->label);
		make_hello(row);
		check_bytes(out.p, out.n, row->what, row->name);
	}
}

/* The head of the message in records of one byte, and records of other kinds between. */
TEST(client_hello_seams)
{
	static struct bytes b;

	for (int kind = 0; kind < 5; kind++) {
		CASE("%d", kind);
		make_hello(&(struct hello){ .exts = SNI });
		b.n = 0;
		for (size_t i = 0; i < 4; i++) {
			put_n(&b, 0x1603010001, 5);
			put(&b, out.p + 5 + i, 1);
		}
		if (kind == 1)
			put_n(&b, 0x140303000101, 6);
		if (kind == 2)
			put_n(&b, 0x1603010000, 5);
		put_n(&b, kind == 3 ? 0x170301 : kind == 4 ? 0x160305 : 0x160301, 3);
		put_n(&b, out.n - 9, 2);
		put(&b, out.p + 9, out.n - 9);
		check_bytes(b.p, b.n, kind == 0 ? "tls" : "broken", kind == 0 ? "a.b.c" : "");
	}
}

/* ---- everything else ---- */

#define ROW(b, what, name) \
	{ \
		(b), sizeof(b) - 1, (what), (name) \
	}
#define HTTP(line) "GET / HTTP/1.1\r\n" line "\r\n\r\n"
static const struct {
	const char *bytes;
	size_t n;
	const char *what, *name;
} rows[] = {
	ROW("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "http", "a.example"),
	ROW("GET / HTTP/1.1\r\nhOST:A.Example\t \r\nX: y\r\n\r\nbody\0\n", "http", "a.example"),
	ROW(HTTP("Host: a.example:8080"), "http", "a.example"),
	ROW(HTTP("Host: a.example."), "http", "a.example"),
	ROW(HTTP("Host: 192.0.2.1:80"), "http", "192.0.2.1"),
	ROW(HTTP("Host: [2001:db8::1]"), "http", "2001:db8::1"),
	ROW(HTTP("Host: [2001:db8::1]:80"), "http", "2001:db8::1"),
	ROW("GET / HTTP/1.0\r\n\r\n", "http", ""),
	ROW("GET / HTTP/1.0\r\nHost: a.example\r\n\r\n", "http", "a.example"),
	ROW("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", "http", "a.example"),
	ROW("GET http://A.example:80?x HTTP/1.1\r\nHost: a.example\r\n\r\n", "http", "a.example"),
	ROW("GET http://a.example HTTP/1.0\r\n\r\n", "http", "a.example"),
	ROW("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", "http", "a.example"),
	ROW("OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", "http", "a.example"),
	ROW("VERSION-CONTROL / HTTP/1.1\r\nHost: a.example\r\n\r\n", "http", "a.example"),
	ROW("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n", "http",
		"a.example"),
	ROW("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc", "http",
		"a.example"),
	/* two readers, two hosts */
	ROW(HTTP("Host: a.example\r\nHost: a.example"), "broken", ""),
	ROW(HTTP("Host: a.example\r\nhost: b.example"), "broken", ""),
	ROW(HTTP("X: y"), "broken", ""),
	ROW(HTTP("Host:"), "broken", ""),
	ROW(HTTP("Host : a.example"), "broken", ""),
	ROW(HTTP("Host\t: a.example"), "broken", ""),
	ROW(HTTP(" Host: a.example"), "broken", ""),
	ROW(HTTP("Host: a.example\r\n Host: b.example"), "broken", ""),
	ROW(HTTP("Host: a.example\r\n\tfolded"), "broken", ""),
	ROW(HTTP("Host: a.example\rX: y"), "broken", ""),
	ROW(HTTP("Host: a.example\nX: y"), "broken", ""),
	ROW("GET / HTTP/1.1\nHost: a.example\n\n", "broken", ""),
	ROW("GET / HTTP/1.1\r\nHost: a.example\r\n\n", "broken", ""),
	ROW(HTTP("Host: a.example b.example"), "broken", ""),
	ROW(HTTP("Host: a.example, b.example"), "broken", ""),
	ROW(HTTP("Host: user@a.example"), "broken", ""),
	ROW(HTTP("Host: a.example/x"), "broken", ""),
	ROW(HTTP("Host: a.example#"), "broken", ""),
	ROW(HTTP("Host: a_b.example"), "http", "a_b.example"),
	ROW(HTTP("Host: a+b.example"), "broken", ""),
	ROW(HTTP("Host: -a.example"), "broken", ""),
	ROW(HTTP("Host: a..example"), "broken", ""),
	ROW(HTTP("Host: a.example.."), "broken", ""),
	ROW(HTTP("Host: a.example:"), "broken", ""),
	ROW(HTTP("Host: a.example:80:80"), "broken", ""),
	ROW(HTTP("Host: a.example:x"), "broken", ""),
	ROW(HTTP("Host: a.example:123456"), "broken", ""),
	ROW(HTTP("Host: 2130706433"), "broken", ""),
	ROW(HTTP("Host: 127.1"), "broken", ""),
	ROW(HTTP("Host: 0177.0.0.1"), "broken", ""),
	ROW(HTTP("Host: [::1%25lo]"), "broken", ""),
	ROW(HTTP("Host: [a.example]"), "broken", ""),
	ROW(HTTP("Host: [::1"), "broken", ""),
	ROW(HTTP("Host: [::1]x"), "broken", ""),
	ROW(HTTP("Host: ::1"), "broken", ""),
	ROW(HTTP("Host: a.ex\0mple"), "broken", ""),
	ROW(HTTP("Host: a.example\r\nX: \1"), "broken", ""),
	ROW(HTTP("Host: a.example\r\nX: \x7f"), "broken", ""),
	ROW(HTTP("Host: a.example\r\n: x"), "broken", ""),
	ROW(HTTP("Host: a.example\r\nX"), "broken", ""),
	ROW(HTTP("Host: a.example\r\nX(: y"), "broken", ""),
	ROW("GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET http://a.example@b.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("GET http:/a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET ftp://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET http://a.example/ HTTP/1.1\r\nX: y\r\n\r\n", "broken", ""),
	ROW("GET x HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET * HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("CONNECT a.example HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("CONNECT b.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("CONNECT / HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET  / HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET / x HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET / HTTP/1.1 \r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET\t/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET /\t HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET /\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET / HTTP/2.0\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET / HTTP/1.2\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET / http/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("\n\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"broken", ""),
	ROW("\r\nX / HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("\r\nHELO x\r\n", "unknown", ""),
	ROW("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
		"broken", ""),
	ROW("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
		"broken", ""),
	ROW("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: +3\r\n\r\n", "broken", ""),
	ROW("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3, 4\r\n\r\n", "broken", ""),
	ROW("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: xchunked\r\n\r\n", "broken",
		""),
	ROW("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
		"broken", ""),
	ROW("POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n", "broken",
		""),
	/* not whole */
	ROW("G", "more", ""),
	ROW("GET / HTTP/1.1\r\nHost: a.example\r\n", "more", ""),
	ROW("\x16", "more", ""),
	ROW("\x16\3\1", "more", ""),
	ROW("P", "more", ""),
	ROW("PRI * HTTP/2.0\r\n", "more", ""),
	ROW("SSH", "more", ""),
	ROW("\r\n", "more", ""),
	/* others */
	ROW("SSH-2.0-OpenSSH_9\r\n", "ssh", ""),
	ROW("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", "ssh", ""),
	ROW("SSH-2.0-x", "more", ""),
	ROW("SSH-X / HTTP/1.1\r\nHost: b.example\r\n\r\n", "http", "b.example"),
	ROW("SSH-2.0-x\0\r\n", "ssh", ""),
	ROW("SSX", "more", ""),
	ROW("SSX\r\n", "unknown", ""),
	ROW("SSX/", "more", ""),
	ROW("GETX", "more", ""),
	ROW("GEX", "more", ""),
	ROW("GETX 1\n", "unknown", ""),
	ROW("ruok", "more", ""),
	ROW("JDWP-Handshake", "more", ""),
	ROW("JDWP-Handshake\0\0", "more", ""),
	ROW("0032git-upload-pack /p\0host=a.example\0", "more", ""),
	/* any word is a method */
	ROW("get / HTTP/1.1\r\n", "more", ""),
	ROW("get / HTTP/1.1\r\nHost: a.example\r\n\r\n", "http", "a.example"),
	ROW("X / HTTP/1.0\r\nHost: a.example\r\n\r\n", "http", "a.example"),
	ROW("x-y_z! / HTTP/1.1\r\nHost: a.example\r\n\r\n", "http", "a.example"),
	ROW("GETX / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("X / HTTP/1.1\nHost: a.example\n\n", "broken", ""),
	ROW("X\t/\thttp/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("X / HTTP/1.1 \r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("X / HTTP/1.1\rHost: a.example\r\n\r\n", "broken", ""),
	ROW("X / HTTP/3.0\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("X /HTTP/1.1\r\n", "unknown", ""),
	ROW("XY /\1 HTTP/1.1\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("XY /\1", "more", ""),
	ROW("XY\1 / HTTP/1.1\r\nHost: b.example\r\n\r\n", "broken", ""),
	/* what is no method is one to some */
	ROW("X@Y / HTTP/1.1\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("\x92\x93 / http/1.1\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("X\0Y / HTTP/1.0\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("\1\t/\x1cRTSP/1.0 ", "broken", ""),
	ROW("(x / HTTP/1.1", "more", ""),
	ROW("{\"m\":\"GET / HTTP/1.1\"}\n", "unknown", ""),
	ROW("<190>Nov 28 \"GET / HTTP/1.1\" 200\n", "unknown", ""),
	ROW("(x / HTTP/+1.1\r\n", "broken", ""), /* as Python's int() reads it */
	ROW("(x / HTTP/1.-1\r\n", "broken", ""),
	ROW("(x / HTTP/1_0.1_1\r\n", "broken", ""),
	ROW("(x / HTTP/1.\r", "unknown", ""),
	ROW("(x / HTTP/1\r", "unknown", ""),
	ROW("(x / HTTP/.1\r", "unknown", ""),
	ROW("(x / y HTTP/1.1\r\n", "unknown", ""),
	ROW("(x HTTP/1.1\r\n", "unknown", ""),
	ROW("(x\n/ HTTP/1.1\r\n", "unknown", ""),
	ROW("XY /\0 HTTP/1.1\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("0 \2\1\1`\x1b\2\1\3\4", "more", ""),
	/* nor is it any other's with blanks before it, which some servers strip */
	ROW(" GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	/* or with those that only Unicode calls blanks, in front or between */
	ROW("\x1cGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("\x1fX / HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("\xa0GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET\x1f/\x0cHTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("GET\x85/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("X\x1d/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("X /\xa0HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("\t X / HTTP/1.0\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("\fGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW(" hello world\r\n", "unknown", ""),
	ROW("\t{\"x\": 1}\n", "unknown", ""),
	ROW("\x0c\x08\1\x12\3abc", "more", ""),
	/* methods of others: NATS, SIP, NNTP, STOMP; and HTTP/0.9, which names a host in its target */
	ROW("CONNECT {\"verbose\":false}\r\n", "unknown", ""),
	ROW("SUBSCRIBE sip:x@a.example SIP/2.0\r\n", "unknown", ""),
	ROW("POST\r\n", "unknown", ""),
	ROW("CONNECT\r\naccept-version:1.2\r\n", "unknown", ""),
	ROW("CONNECT {\"x\":1} HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("OPTIONS x\r RTSP/1.0\r\n", "broken", ""),
	ROW("GET /\r\n", "broken", ""),
	ROW("GET http://b.example/\r\n", "broken", ""),
	ROW("POST /x\r\n", "broken", ""),
	/* with other blanks, or behind some: Python's http.server reads a head behind it */
	ROW("GET\x1f/\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("GET\x85/\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW(" GET /\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("\x85GET\xa0/ \r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW(" POST /\r\nHost: b.example\r\n\r\n", "broken", ""), /* waitress */
	ROW("\tUPDATEREDIRECTREF /\n", "broken", ""),
	ROW(" UPDATEREDIRECTREFERENCE /\n", "unknown", ""),
	ROW(" GETX /\r\n", "unknown", ""),
	ROW(" GE /\r\n", "unknown", ""),
	ROW(" GET / x\r\n", "unknown", ""),
	ROW(" GET\r\n", "unknown", ""),
	ROW(" X GET\r\n", "unknown", ""),
	/* SIP's version behind what is no target of SIP's: the JDK's server takes any version */
	ROW("GET / SIP/2.0\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("GET http:/x SIP/2.0\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("CONNECT a.example:65536 HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	ROW("CONNECT a.example:0 HTTP/1.1\r\nHost: a.example\r\n\r\n", "broken", ""),
	/* RTSP and Icecast, which servers of HTTP take for theirs */
	ROW("OPTIONS rtsp://a.example/x RTSP/1.0\r\nCSeq: 1\r\n\r\n", "http", "a.example"),
	ROW("DESCRIBE rtsp://a.example:8554/x RTSP/1.0\r\nCSeq: 1\r\n\r\n", "http", "a.example"),
	ROW("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "http", ""),
	ROW("GET / RTSP/1.0\r\nHost: b.example\r\n\r\n", "http", "b.example"),
	ROW("GET rtsp://a.example/ RTSP/1.0\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("GET http://b.example/ RTSP/1.0\r\n\r\n", "broken", ""),
	ROW("GET rtsp://b.example/ HTTP/1.0\r\n\r\n", "broken", ""),
	ROW("CONNECT b.example:443 RTSP/1.0\r\n\r\n", "broken", ""),
	ROW("GET / RTSP/1.1\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("SOURCE / ICE/1.0\r\nHost: b.example\r\n\r\n", "http", "b.example"),
	ROW("SOURCE /x ICE/1.0\r\nContent-Type: audio/ogg\r\n\r\n", "http", ""),
	ROW("SOURCE http://b.example/ ICE/1.0\r\n\r\n", "broken", ""),
	ROW("GET / ICE/1.1\r\nHost: b.example\r\n\r\n", "broken", ""),
	ROW("PING\r\n", "unknown", ""),
	ROW("*1\r\n$4\r\nPING\r\n", "unknown", ""),
	ROW("EHLO x\r\n", "unknown", ""),
	ROW("\1", "more", ""),
	/* what servers read over, or answer, before a hello */
	ROW("\x15\3\1\0\2\1\x5a", "broken", ""),
	ROW("\x14\3", "broken", ""),
	ROW("\x17\3\3", "broken", ""),
	ROW("\x18\3\3", "broken", ""),
	ROW("\x15", "more", ""),
	ROW("\x15\1", "more", ""),
	/* a version that is none */
	ROW("\x16\0\1\0\5\1\0\0\1\3", "broken", ""),
	ROW("\x16\2\0\x40\0\1\0", "broken", ""),
	ROW("\x16\2\0\x40\0\1", "more", ""),
	/* none either, and no hello: a length, least byte first (MongoDB) */
	ROW("\x16\1\0\0\x40\1\7\0", "more", ""),
	ROW("\x16\2\0\x49\0\1\0", "more", ""),
	ROW("\x16\xff\1\0\1\1\x16\3\1", "broken", ""),
	ROW("\x16\4\1\0\0\x16\3\1", "broken", ""),
	ROW("\x15\2\1\0\2\1\x5a\x16\3\1", "broken", ""),
	ROW("\x15\0\0\0\2\2\0", "broken", ""),
	ROW("\x16\2\0\x40\0", "more", ""),
	ROW("\x15\2\1\0\2", "more", ""),
	ROW("\x16\0\0\0\0\0", "more", ""),
	ROW("\x16\0\0\0\5\2", "more", ""),
	ROW("\x15\0\0\1\2\1", "more", ""),
	ROW("\x15\0\0\0\3\1", "more", ""),
	ROW("\x13\3", "more", ""),
	ROW("\x19\3", "more", ""),
	ROW("PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n", "broken", ""),
	ROW("PROXY", "more", ""),
	ROW("\r\n\r\n\0\r\nQUIT\n\x21\x11", "broken", ""),
	ROW("\r\n\r\n\0\r\nQUIT", "more", ""),
	ROW("\r\n\r\n\0\r\nQUIX", "unknown", ""),
	ROW("\x16\1", "more", ""),
	ROW("\x16\3\1\0\5\2\0\0\1\0", "broken", ""),
	ROW("\x16\3\1\0\1", "more", ""),
	ROW("\x80\x2e\1\3\1", "broken", ""),
	ROW("\x80\x2e\1\0\2", "broken", ""),
	ROW("\x80\x2e\2", "more", ""),
	ROW("\x80\x2e\1\5", "more", ""),
	ROW("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "broken", ""),
	ROW("PRI x", "more", ""),
	ROW("PRI x\r\n", "unknown", ""),
	ROW(WARD_H2_PREFACE "\0\0\0\4\0\0\0\0\0", "http2", ""),
	ROW(WARD_H2_PREFACE "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64", "http2", ""),
	ROW(WARD_H2_PREFACE "\0\0\6\4\0\0\0\0\0\0\3\0\0\0", "more", ""),
	ROW(WARD_H2_PREFACE "\0\0\0\4\1\0\0\0\0", "broken", ""),
	ROW(WARD_H2_PREFACE "\0\0\0\4\0\0\0\0\1", "broken", ""),
	ROW(WARD_H2_PREFACE "\0\0\0\1\5\0\0\0\1", "broken", ""),
	ROW(WARD_H2_PREFACE "\1\0\0\4\0\0\0\0\0", "broken", ""),
};

TEST(first_bytes)
{
	TABLE(row, rows) {
		CASE("%s", row->bytes);
		check_bytes((const uint8_t *)row->bytes, row->n, row->what, row->name);
	}
}

/* What may go while it is undecided, and what the rest is then. */
/* What a connection said first, what it may say then, and what that is judged to be. */
static const struct went {
	const char *first, *then, *what;
	enum ward_spoken_go go;
} went[] = {
	{ "\r\n", "GET / HTTP/1.1\r\n", "broken", WARD_GO_LINES },
	{ "\n", "X / HTTP/1.1\r\n", "broken", WARD_GO_LINES },
	{ "\r\n", " X / HTTP/1.1\r\n", "broken", WARD_GO_LINES },
	{ " GE", "T / HTTP/1.1\r\n", "broken", WARD_GO_LINE },
	{ " GE", "T /\r\n", "broken", WARD_GO_LINE },
	{ " GET ", "/\r\nHost: b.example\r\n", "more", WARD_GO_NOTHING },
	{ " GET /", "\r\nHost: b.example\r\n", "broken", WARD_GO_LINE },
	{ " GET", "X /\r\n", "unknown", WARD_GO_LINE },
	{ "\t", "", "more", WARD_GO_NOTHING },
	{ "\r\n\r", "\n\r\n", "more", WARD_GO_LINES },
	{ "\r\n", "hello\r\n", "unknown", WARD_GO_LINES },
	{ "ruok", "X / HTTP/1.1\r\n", "broken", WARD_GO_WORD },
	{ "ruok", "\r\n", "unknown", WARD_GO_WORD },
	{ "ruok", "\r/ HTTP/1.1\r\n", "broken", WARD_GO_WORD },
	{ "ruok", "/", "more", WARD_GO_WORD },
	{ "ruok", "\1", "more", WARD_GO_WORD },
	{ "ruok", "@ / HTTP/1.1\r", "broken", WARD_GO_WORD },
	{ "ruok /", "\1 HTTP/1.1\r\n", "broken", WARD_GO_LINE },
	{ "X@", "Y / HTTP/1.1\r", "broken", WARD_GO_OTHER },
	{ "X@Y / HTT", "P/1.1\r", "broken", WARD_GO_OTHER },
	{ "X@Y / HTTP/1", ".1 ", "broken", WARD_GO_OTHER },
	{ "X@Y / HTTP/1.1", "\r\nHost: b.example\r\n\r\n", "broken", WARD_GO_OTHER },
	{ "X@Y / HTTP/1.1", "1", "more", WARD_GO_OTHER },
	{ "X@Y / HTTP/1.1", "x", "unknown", WARD_GO_OTHER },
	{ "X@Y / HTTP/1", "x", "unknown", WARD_GO_OTHER },
	{ " PO", "ST /\r\n", "broken", WARD_GO_LINE },
	{ "X@", "Y\r\n/ HTTP/1.1\r\n", "unknown", WARD_GO_OTHER },
	{ "hello world", " HTTP/1.1\r\n", "broken", WARD_GO_LINE },
	{ "hello world", "HTTP/1.1\r\n", "unknown", WARD_GO_LINE },
	{ "hello world", "/x", "more", WARD_GO_LINE },
	{ "hello world", "\r\n", "unknown", WARD_GO_LINE },
	{ "hello /", "\rhttp/1.1\r\n", "broken", WARD_GO_LINE },
	{ "hello / ", "HTTP/1.1\r\n\r\n", "more", WARD_GO_NOTHING },
	{ "hello / htt", "", "more", WARD_GO_NOTHING },
	{ "hello / HTTP/1.1", "", "more", WARD_GO_NOTHING },
	{ "hello\r", "", "more", WARD_GO_NOTHING },
	{ "GE", "", "more", WARD_GO_NOTHING },
	{ "\r\nGE", "", "more", WARD_GO_NOTHING },
	{ "GET /", "", "more", WARD_GO_NOTHING },
	{ "SSH", "", "more", WARD_GO_NOTHING },
	{ "PROXY", "", "more", WARD_GO_NOTHING },
	{ "\x15", "", "more", WARD_GO_NOTHING },
};

TEST(goes_before)
{
	TABLE(row, went) {
		struct ward_spoken s = { 0 };
		bool decided;

		CASE("%s + %s", row->first, row->then);
		CHECK(!ward_spoken_look(&s, (const uint8_t *)row->first, strlen(row->first),
			false));
		CHECK_EQ_INT(s.go, row->go);
		if (s.go == WARD_GO_NOTHING)
			continue;
		s = (struct ward_spoken){ .gone = s.go, .gone_line = s.line };
		decided =
			ward_spoken_look(&s, (const uint8_t *)row->then, strlen(row->then), false);
		CHECK_STR_EQ(decided ? words[s.what] : "more", row->what);
	}
	struct ward_spoken s = { .gone = WARD_GO_LINES };

	CHECK(ward_spoken_look(&s, (const uint8_t *)"\n\0\r\nQUIT\n", 9, false));
	CHECK_EQ_INT(s.what, WARD_SPOKEN_BROKEN);
}

/* What may go of half a line that ends as a version may begin, once no more can be held; the rest is looked at as the end of that line. */
TEST(front_of_what_is_held)
{
	static const struct {
		const char *bytes;
		uint32_t front;
	} halves[] = {
		{ "hello / ", 7 },
		{ "hello / htt", 7 },
		{ "hello / ICE", 7 },
		{ "\r\nhello ", 7 },
		{ "    ", 3 },
		{ "hello / ICE/", 0 },
		{ "hello HTTP/ x ", 0 },
		{ "GET / HT", 0 },
		{ "hello", 0 },
		{ "hello x", 0 },
		{ "X@Y / ", 0 },
	};

	TABLE(row, halves) {
		struct ward_spoken s = { 0 };
		const uint8_t *p = (const uint8_t *)row->bytes;

		CASE("%s", row->bytes);
		CHECK(!ward_spoken_look(&s, p, strlen(row->bytes), false));
		CHECK_EQ_INT(s.front, row->front);
		CHECK(s.front == 0 || s.go == WARD_GO_NOTHING);
	}
	struct ward_spoken s = { 0 };

	CHECK(!ward_spoken_look(&s, (const uint8_t *)"hello / HT", 10, false));
	s = (struct ward_spoken){ .gone = WARD_GO_LINE, .gone_line = s.line };
	CHECK(ward_spoken_look(&s, (const uint8_t *)" HTTP/1.1\r\n", 11, false));
	CHECK_EQ_INT(s.what, WARD_SPOKEN_BROKEN);
}

TEST(port_that_is_meant)
{
	static const struct {
		const char *bytes;
		uint16_t port;
	} ports[] = { { "CONNECT a.example:25 HTTP/1.1\r\nHost: a.example\r\n\r\n", 25 },
		{ "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 80 },
		{ "GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 443 },
		{ "GET http://[2001:db8::1]:81/ HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", 81 },
		{ "GET / HTTP/1.1\r\nHost: a.example:81\r\n\r\n", 0 } };

	TABLE(row, ports) {
		struct ward_spoken s = { 0 };

		CASE("%s", row->bytes);
		CHECK(ward_spoken_look(&s, (const uint8_t *)row->bytes, strlen(row->bytes), false));
		CHECK_STR_EQ(words[s.what], "http");
		CHECK_EQ_INT(s.port, row->port);
	}
}

TEST(postgres)
{
	static const uint8_t tls[] = { 0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f, 0x16, 3 };
	static const uint8_t gss[] = { 0, 0, 0, 8, 4, 0xd2, 0x16, 0x30 };
	static const uint8_t plain[] = { 0, 0, 0, 41, 0, 3, 0, 0 };
	static const uint8_t cancel[] = { 0, 0, 0, 8, 4, 0xd2, 0x16, 0x2e };
	struct ward_spoken s = { 0 };

	check_bytes(tls, sizeof(tls), "postgres", "");
	check_bytes(gss, sizeof(gss), "postgres", "");
	check_bytes(plain, sizeof(plain), "more", "");
	check_bytes(cancel, sizeof(cancel), "more", "");
	CHECK(ward_spoken_look(&s, tls, sizeof(tls), false));
	CHECK_EQ_INT(s.take, 8);
	s = (struct ward_spoken){ 0 };
	CHECK(!ward_spoken_look(&s, plain, sizeof(plain), false));
	CHECK(s.take == 0 && s.go == WARD_GO_OTHER);
}

/* An end within a beginning. */
TEST(ends)
{
	static const struct {
		const char *bytes, *what;
	} ends[] = { { "GET / HTTP/1.1\r\nHost: a", "broken" }, { "GET ", "broken" },
		{ "\x16\3\1", "broken" }, { "\x16", "unknown" }, { "GE", "unknown" },
		{ "PRI * HTTP/2", "broken" }, { "X / HTTP/1.1", "broken" },
		{ "X / HTTP/1.1\r\nHost: a", "broken" }, { "X / HTT", "unknown" },
		{ "\r\nGET /", "broken" }, { "ruok", "unknown" }, { "SS", "unknown" },
		{ "\r\n", "unknown" } };

	TABLE(row, ends) {
		struct ward_spoken s = { 0 };

		CASE("%s", row->bytes);
		CHECK(ward_spoken_look(&s, (const uint8_t *)row->bytes, strlen(row->bytes), true));
		CHECK_STR_EQ(words[s.what], row->what);
	}
}

TEST(host_names)
{
	char in[300], name[WARD_RELAY_NAME_MAX + 2];
	static const struct {
		const char *in, *out;
	} names[] = { { "a", "a" }, { "A.b-c.D", "a.b-c.d" }, { "1a.2b", "1a.2b" },
		{ "1.2.a", "1.2.a" }, { "", NULL }, { ".", NULL }, { "a.", NULL }, { ".a", NULL },
		{ "a..b", NULL }, { "-a", NULL }, { "a-", NULL }, { "a-.b", NULL },
		{ "a.-b", NULL }, { "a_b", "a_b" }, { "_A_.b", "_a_.b" }, { "a_-", NULL },
		{ "a+b", NULL }, { "a b", NULL }, { "a.1", NULL }, { "1.2.3.4", NULL },
		{ "12", NULL }, { "a\xc3\xbc", NULL }, { "a*", NULL }, { "a.x1", "a.x1" },
		{ "a.1x", "a.1x" } };

	TABLE(row, names) {
		CASE("%s", row->in);
		bool ok = ward_host_normal((const uint8_t *)row->in, strlen(row->in), false, name);

		CHECK(ok == (row->out != NULL));
		if (ok)
			CHECK_STR_EQ(name, row->out);
	}
	CASE("lengths");
	memset(in, 'a', sizeof(in));
	CHECK(ward_host_normal((const uint8_t *)in, 63, false, name));
	CHECK(!ward_host_normal((const uint8_t *)in, 64, false, name));
	for (size_t i = 31; i < sizeof(in); i += 32)
		in[i] = '.';
	CHECK(ward_host_normal((const uint8_t *)in, 253, false, name));
	CHECK(!ward_host_normal((const uint8_t *)in, 254, false, name));
	in[253] = '.';
	CHECK(ward_host_normal((const uint8_t *)in, 254, true, name));
	CHECK_EQ_INT(strlen(name), 253);
}

TAP_MAIN();
