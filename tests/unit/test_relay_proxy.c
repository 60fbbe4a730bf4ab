/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the proxy is asked: each row whole, and by one byte more at a time. A verdict that stands does not change with the bytes behind
 * it. What is refused names nobody.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/relay/proxy.h"
#include "tap.h"

struct row {
	const char *in;
	size_t n;
	const char *out;
};
#define ROW(in, out) \
	{ \
		in, sizeof(in) - 1, out \
	}

static const char *const hows[WARD_HOW_MAX] = { "?", "connect", "http", "socks" };

static void say(const struct ward_proxy *s, enum ward_proxy_verdict v, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN + 2] = "";

	if (v == WARD_PROXY_MORE) {
		(void)snprintf(out, size, "more");
	} else if (v == WARD_PROXY_BAD) {
		CHECK(s->why != NULL && s->name[0] == '\0' && s->to.family == 0);
		(void)snprintf(out, size, "bad %u", s->status);
	} else {
		(void)inet_ntop(s->to.family == 4 ? AF_INET : AF_INET6, s->to.a, host,
			sizeof(host));
		(void)snprintf(out, size, "%s %s %u", hows[s->how],
			s->name[0] != '\0' ? s->name : host, s->to.port);
	}
}

/* All of it as it comes, in blocks of their own size. Behind a greeting the rest is looked at by itself, as the relay does. */
static void ask(const uint8_t *p, size_t n, size_t step, char *out, size_t size, size_t *ret_at)
{
	struct ward_proxy s = { 0 };
	enum ward_proxy_verdict v = WARD_PROXY_MORE;
	size_t done = 0, at = 0;

	while (v == WARD_PROXY_MORE && at < n) {
		at = at + step < n ? at + step : n;
		do {
			uint8_t *own = malloc(at - done + 1);

			memcpy(own, p + done, at - done);
			v = ward_proxy_look(&s, own, at - done);
			free(own);
			CHECK(s.take <= at - done);
			done += v == WARD_PROXY_HELLO ? s.take : 0;
		} while (v == WARD_PROXY_HELLO);
	}
	say(&s, v, out, size);
	*ret_at = at;
}

static void check_row(const struct row *row)
{
	char all[400], bits[400];
	size_t first, at;

	CASE("%s", row->in);
	ask((const uint8_t *)row->in, row->n, row->n, all, sizeof(all), &at);
	CHECK_STR_EQ(all, row->out);
	ask((const uint8_t *)row->in, row->n, 1, bits, sizeof(bits), &first);
	CHECK_STR_EQ(bits, row->out);
	for (size_t step = 2; step < 40; step++) {
		ask((const uint8_t *)row->in, row->n, step, bits, sizeof(bits), &at);
		CHECK_STR_EQ(bits, row->out);
	}
}

#define CONNECT(target) "CONNECT " target " HTTP/1.1\r\nHost: " target "\r\n\r\n"
#define OLD(target) "CONNECT " target " HTTP/1.0\r\n\r\n"

TEST(connect)
{
	static const struct row rows[] = {
		ROW(CONNECT("good.example:443"), "connect good.example 443"),
		ROW(OLD("good.example:443"), "connect good.example 443"),
		ROW(OLD("Good.Example.:443"), "connect good.example 443"),
		ROW(OLD("10.1.2.3:22"), "connect 10.1.2.3 22"),
		ROW(OLD("[2001:db8::1]:22"), "connect 2001:db8::1 22"),
		ROW(OLD("[2001:DB8::1]:22"), "connect 2001:db8::1 22"),
		ROW(OLD("localhost:80"), "connect 127.0.0.1 80"),
		ROW(OLD("a.LocalHost.:80"), "connect 127.0.0.1 80"),
		ROW("CONNECT good.example:443 HTTP/1.1\r\nHost: good.example\r\n\r\n",
			"connect good.example 443"),
		ROW("CONNECT good.example:443 HTTP/1.1\r\nHost: good.example:443\r\nContent-Length: 0\r\n\r\n",
			"connect good.example 443"),
		ROW(OLD("good.example:443") "\x16\3\1", "connect good.example 443"),
		ROW("CONNECT good.example:443 HTTP/1.0\r\n", "more"),
		/* no port, no such port, two ways to write one */
		ROW(OLD("good.example"), "bad 400"),
		ROW(OLD("good.example:"), "bad 400"),
		ROW(OLD("good.example:0"), "bad 400"),
		ROW(OLD("good.example:65536"), "bad 400"),
		ROW(OLD("good.example:0443"), "bad 400"),
		ROW(OLD("good.example:443x"), "bad 400"),
		ROW(OLD("good.example:+443"), "bad 400"),
		ROW(OLD("good.example:443:443"), "bad 400"),
		/* whom */
		ROW(OLD("user@good.example:443"), "bad 400"),
		ROW(OLD("user:pass@good.example:443"), "bad 400"),
		ROW(OLD("good.example/:443"), "bad 400"),
		ROW(OLD("http://good.example:443"), "bad 400"),
		ROW(OLD("good_example:443"), "connect good_example 443"),
		ROW(OLD("good+example:443"), "bad 400"),
		ROW(OLD("good.example%00.evil:443"), "bad 400"),
		ROW("CONNECT good.example\0.evil.example:443 HTTP/1.0\r\n\r\n", "bad 400"),
		ROW(OLD("g\xc3\xb6od.example:443"), "bad 400"),
		ROW(OLD(":443"), "bad 400"),
		ROW(OLD("*:443"), "bad 400"),
		/* addresses in other spellings */
		ROW(OLD("2130706433:80"), "bad 400"),
		ROW(OLD("0x7f000001:80"), "bad 400"),
		ROW(OLD("0x7f.0.0.0x1:80"), "bad 400"),
		ROW(OLD("a.0x7f:80"), "bad 400"),
		ROW(OLD("0177.0.0.1:80"), "bad 400"),
		ROW(OLD("127.1:80"), "bad 400"),
		ROW(OLD("127.0.0.1.:80"), "bad 400"),
		ROW(OLD("127.0.0.01:80"), "bad 400"),
		ROW(OLD("256.0.0.1:80"), "bad 400"),
		ROW(OLD("[::ffff:127.0.0.1]:80"), "bad 400"),
		ROW(OLD("[::ffff:7f00:1]:80"), "bad 400"),
		ROW(OLD("[fe80::1%lo]:80"), "bad 400"),
		ROW(OLD("[fe80::1%25lo]:80"), "bad 400"),
		ROW(OLD("[0:0:0:0:0:0:0:1]:80"), "bad 400"),
		ROW(OLD("[127.0.0.1]:80"), "bad 400"),
		ROW(OLD("[good.example]:80"), "bad 400"),
		ROW(OLD("[::1:80"), "bad 400"),
		ROW(OLD("[::1]80"), "bad 400"),
		ROW(OLD("::1:80"), "bad 400"),
		/* more than one way to read it */
		ROW("CONNECT good.example:443 HTTP/1.1\r\n\r\n", "bad 400"),
		ROW("CONNECT good.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
			"bad 400"),
		ROW("CONNECT good.example:443 HTTP/1.1\r\nHost: good.example:80\r\n\r\n",
			"bad 400"),
		ROW("CONNECT good.example:443 HTTP/1.1\r\nHost: good.example\r\nHost: good.example\r\n\r\n",
			"bad 400"),
		ROW("CONNECT good.example:443 HTTP/1.1\nHost: good.example\n\n", "bad 400"),
		ROW("CONNECT good.example:443\rX HTTP/1.1\r\n\r\n", "bad 400"),
		ROW("CONNECT  good.example:443 HTTP/1.0\r\n\r\n", "bad 400"),
		ROW("CONNECT good.example:443 HTTP/1.0\r\n X\r\n\r\n", "bad 400"),
		ROW("CONNECT good.example:443 HTTP/2.0\r\n\r\n", "bad 400"),
		ROW("CONNECT good.example:443 HTTP/1.0\r\nContent-Length: 4\r\n\r\n", "bad 400"),
		ROW("CONNECT good.example:443 HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: chunked\r\n\r\n",
			"bad 400"),
		ROW("connect good.example:443 HTTP/1.0\r\n\r\n", "bad 400"),
	};

	TABLE(row, rows)
		check_row(row);
}

#define GET(target, more) "GET " target " HTTP/1.1\r\nHost: good.example\r\n" more "\r\n"
#define POST(more, body) \
	"POST http://good.example/ HTTP/1.1\r\nHost: good.example\r\n" more "\r\n" body

TEST(absolute_form)
{
	static const struct row rows[] = {
		ROW(GET("http://good.example/a?b=http://x/", ""), "http good.example 80"),
		ROW(GET("HTTP://Good.example", ""), "http good.example 80"),
		ROW(GET("http://good.example:80/", ""), "http good.example 80"),
		ROW("GET http://good.example:8080/ HTTP/1.1\r\nHost: good.example:8080\r\n\r\n",
			"http good.example 8080"),
		ROW("GET http://[2001:db8::1]:8080/ HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
			"http 2001:db8::1 8080"),
		ROW("GET http://10.1.2.3/ HTTP/1.0\r\n\r\n", "http 10.1.2.3 80"),
		ROW(POST("Content-Length: 5\r\n", "12345"), "http good.example 80"),
		ROW(POST("Content-Length: 5\r\n", "123"), "http good.example 80"),
		/* not for a proxy */
		ROW(GET("/", ""), "bad 400"),
		ROW("OPTIONS * HTTP/1.1\r\nHost: good.example\r\n\r\n", "bad 400"),
		ROW(GET("https://good.example/", ""), "bad 400"),
		ROW(GET("ftp://good.example/", ""), "bad 400"),
		ROW(GET("http:good.example/", ""), "bad 400"),
		ROW(GET("http://good.example/#a", ""), "bad 400"),
		ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad 400"),
		ROW("GET http://good.example/\r\n\r\n", "bad 400"),
		/* whom */
		ROW(GET("http://u:p@good.example/", ""), "bad 400"),
		ROW(GET("http://evil.example/", ""), "bad 400"),
		ROW(GET("http://good.example:8080/", ""), "bad 400"),
		ROW("GET http://good.example/ HTTP/1.1\r\nHost: good.example:8080\r\n\r\n",
			"bad 400"),
		ROW("GET http://0x7f000001/ HTTP/1.0\r\n\r\n", "bad 400"),
		ROW("GET http://2130706433/ HTTP/1.0\r\n\r\n", "bad 400"),
		ROW("GET http://017700000001/ HTTP/1.0\r\n\r\n", "bad 400"),
		ROW("GET http://[::ffff:127.0.0.1]/ HTTP/1.0\r\n\r\n", "bad 400"),
		ROW("GET http://good.example\\@evil.example/ HTTP/1.0\r\n\r\n", "bad 400"),
		/* where it ends */
		ROW(POST("Content-Length: 5\r\nContent-Length: 5\r\n", ""), "bad 400"),
		ROW(POST("Content-Length: 5, 5\r\n", ""), "bad 400"),
		ROW(POST("Content-Length: +5\r\n", ""), "bad 400"),
		ROW(POST("Content-Length: 9999999999999999999\r\n", ""), "bad 400"),
		ROW(POST("Content-Length : 5\r\n", ""), "bad 400"),
		ROW(POST("Transfer-Encoding: chunked\r\n", ""), "bad 411"),
		ROW(POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", ""), "bad 400"),
		ROW(POST("Transfer-Encoding: xchunked\r\n", ""), "bad 400"),
		ROW(POST("X: a\r\n Content-Length: 5\r\n", ""), "bad 400"),
		ROW(POST("X: a\rContent-Length: 5\r\n", ""), "bad 400"),
	};

	TABLE(row, rows)
		check_row(row);
}

/* Where it has come with the first; later it is not read (the relay's side: tests/sandbox/test_proxy.py). */
TEST(a_second_request)
{
	static const struct row rows[] = {
		ROW(POST("Content-Length: 5\r\n", "123456"), "bad 400"),
		ROW(GET("http://good.example/", "") "GET http://evil.example/ HTTP/1.1\r\n",
			"bad 400"),
	};
	char all[400];
	size_t at;

	TABLE(row, rows) {
		ask((const uint8_t *)row->in, row->n, row->n, all, sizeof(all), &at);
		CHECK_STR_EQ(all, row->out);
	}
}

TEST(socks)
{
#define HI "\5\1\0"
#define NAMED(len, name, port) HI "\5\1\0\3" len name port
	static const struct row rows[] = {
		ROW(HI, "more"),
		ROW(HI "\5\1\0\1\x0a\1\2\3\0\x50", "socks 10.1.2.3 80"),
		ROW("\5\3\2\0\1\5\1\0\1\x0a\1\2\3\0\x50", "socks 10.1.2.3 80"),
		ROW(NAMED("\x0c", "good.example", "\1\xbb"), "socks good.example 443"),
		ROW(NAMED("\x0d", "Good.Example.", "\1\xbb"), "socks good.example 443"),
		ROW(NAMED("\x08", "10.1.2.3", "\0\x50"), "socks 10.1.2.3 80"),
		ROW(NAMED("\x09", "localhost", "\0\x50"), "socks 127.0.0.1 80"),
		ROW(HI "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x50",
			"socks 2001:db8::1 80"),
		ROW(HI "\5\1\0\1\x0a\1\2\3\0", "more"),
		ROW("\5\0", "bad 255"),
		ROW("\5\1\2", "bad 255"),
		ROW("\5\2\1\2", "bad 255"),
		ROW("\4\1\0\x50\x0a\1\2\3\0", "bad 91"),
		ROW(HI "\4\1\0\1\x0a\1\2\3\0\x50", "bad 1"),
		ROW(HI "\5\1\1\1\x0a\1\2\3\0\x50", "bad 1"),
		ROW(HI "\5\2\0\1\x0a\1\2\3\0\x50", "bad 7"),
		ROW(HI "\5\3\0\1\x0a\1\2\3\0\x50", "bad 7"),
		ROW(HI "\5\0\0\1\x0a\1\2\3\0\x50", "bad 7"),
		ROW(HI "\5\1\0\2\x0a\1\2\3\0\x50", "bad 8"),
		ROW(HI "\5\1\0\1\x0a\1\2\3\0\0", "bad 2"),
		ROW(HI "\5\1\0\4\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1\0\x50", "bad 8"),
		ROW(NAMED("\0", "", "\0\x50"), "bad 2"),
		ROW(NAMED("\x12", "good.example\0.evil", "\0\x50"), "bad 2"),
		ROW(NAMED("\x0d", "good.example\0", "\0\x50"), "bad 2"),
		ROW(NAMED("\x0e", "u@good.example", "\0\x50"), "bad 2"),
		ROW(NAMED("\x10", "good.example:443", "\0\x50"), "bad 2"),
		ROW(NAMED("\x0e", "good.example\r\n", "\0\x50"), "bad 2"),
		ROW(NAMED("\x0a", "2130706433", "\0\x50"), "bad 2"),
		ROW(NAMED("\x0a", "0x7f000001", "\0\x50"), "bad 2"),
		ROW(NAMED("\x0a", "0177.0.0.1", "\0\x50"), "bad 2"),
		ROW(NAMED("\x05", "127.1", "\0\x50"), "bad 2"),
		ROW(NAMED("\x03", "::1", "\0\x50"), "bad 2"),
		ROW(NAMED("\x05", "[::1]", "\0\x50"), "bad 2"),
		ROW("\x16\3\1\0", "bad 0"),
		ROW("\0", "bad 0"),
		ROW("\r\nGET", "bad 0"),
	};

	TABLE(row, rows)
		check_row(row);
}

TEST(names_of_every_length)
{
	uint8_t in[7 + 255 + 2] = { 5, 1, 0, 3 };

	for (unsigned n = 1; n < 256; n++) {
		struct ward_proxy s = { .greeted = true, .how = WARD_HOW_SOCKS };
		bool good = n <= 253 && n % 64 != 0;

		CASE("%u", n);
		in[4] = (uint8_t)n;
		memset(in + 5, 'a', n);
		for (unsigned i = 63; i < n; i += 64)
			in[5 + i] = '.';
		in[5 + n] = 0;
		in[6 + n] = 80;
		/* A dot at its end is taken off. */
		CHECK_EQ_INT(ward_proxy_look(&s, in, n + 7),
			good || (n % 64 == 0 && n <= 254) ? WARD_PROXY_OPEN : WARD_PROXY_BAD);
		s = (struct ward_proxy){ .greeted = true, .how = WARD_HOW_SOCKS };
		CHECK_EQ_INT(ward_proxy_look(&s, in, n + 6), WARD_PROXY_MORE);
	}
}

TEST(rewritten)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "GET http://good.example/a?b HTTP/1.1\r\nHost: good.example\r\nAccept: */*\r\n\r\n",
			"GET /a?b HTTP/1.1\r\nHost: good.example\r\nAccept: */*\r\nConnection: close\r\n\r\n" },
		{ "GET http://Good.example.:8080?b HTTP/1.1\r\nHOST: good.example:8080\r\n\r\n",
			"GET /?b HTTP/1.1\r\nHost: good.example:8080\r\nConnection: close\r\n\r\n" },
		{ "GET http://[2001:db8::1] HTTP/1.0\r\n\r\n",
			"GET / HTTP/1.0\r\nHost: [2001:db8::1]\r\nConnection: close\r\n\r\n" },
		/* What is for the next hop stays here; a length does not go with it, whatever Connection names. */
		{ "POST http://good.example/ HTTP/1.1\r\nHost: good.example\r\nConnection: keep-alive, Content-Length\r\n"
		  "proxy-connection: x\r\nProxy-Authorization: Basic eDp5\r\nKeep-Alive: 5\r\nTE: trailers\r\nTrailer: X\r\n"
		  "Upgrade: h2c\r\nHTTP2-Settings: AA\r\nContent-Length: 2\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: good.example\r\nContent-Length: 2\r\nConnection: close\r\n\r\n" },
	};

	TABLE(row, rows) {
		struct ward_proxy s = { 0 };
		size_t n = strlen(row->in), len;
		char *out = malloc(n + WARD_PROXY_MORE_MAX);

		CASE("%s", row->in);
		CHECK_EQ_INT(ward_proxy_look(&s, (const uint8_t *)row->in, n), WARD_PROXY_OPEN);
		CHECK_EQ_SIZE(s.take, n);
		len = ward_proxy_rewrite(&s, (const uint8_t *)row->in, n, out);
		CHECK_EQ_SIZE(len, strlen(row->out));
		CHECK(memcmp(out, row->out, len) == 0);
		free(out);
	}
}

TAP_MAIN();
