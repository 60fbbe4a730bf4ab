/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first frames of HTTP/2, behind its preface: what names the server, however it is coded, and what is no request of one server. Each row
 * at every point where it may be cut.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "egress/relay/spoken.h"
#include "tap.h"

static const char *const words[] = { "unknown", "broken", "tls", "tls_ech", "http", "http2", "ssh",
	"postgres" };

#define ROW(b, what, name) \
	{ \
		(b), sizeof(b) - 1, (what), (name) \
	}
#define F(n, type, flags, stream) "\0\0" n type flags "\0\0\0" stream
#define GET "\x82\x86\x84"
#define LITERAL \
	GET "\x41\x09" \
	    "a.example"
/* RFC 7541, C.4.1: ":authority: www.example.com" */
#define CODED GET "\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"
static const struct {
	const char *bytes;
	size_t n;
	const char *what, *name;
} frames[] = {
	ROW(F("\x0e", "\1", "\5", "\1") LITERAL, "http2", "a.example"),
	ROW(F("\x11", "\1", "\5", "\1") CODED, "http2", "www.example.com"),
	ROW(F("\x16", "\1", "\x2d", "\1") "\2\0\0\0\0\x10" LITERAL "\0\0", "http2", "a.example"),
	ROW(F("\3", "\1", "\1", "\1") GET F("\x0b", "\x09", "\4", "\1") "\x41\x09"
									"a.example",
		"http2", "a.example"),
	ROW(F("\3", "\1", "\1", "\1") GET F("\0", "\x09", "\0", "\1")
			F("\x0b", "\x09", "\4", "\1") "\x01\x09"
						      "a.example",
		"http2", "a.example"),
	ROW(F("\x0f", "\1", "\5", "\1") "\x20" LITERAL, "http2",
		"a.example"), /* a new size of the table */
	ROW(F("\x13", "\1", "\5", "\1") GET "\x41\x0e"
					    "a.example:8080",
		"http2", "a.example"),
	ROW(F("\x0f", "\1", "\5", "\1") GET "\x0f\x17\x09"
					    "a.example",
		"http2", "a.example"), /* host alone */
	ROW(F("\x18", "\1", "\5", "\1") GET "\0\x0a"
					    ":authority"
					    "\x08"
					    "a.exampl",
		"http2", "a.exampl"),
	ROW(F("\x14", "\1", "\5", "\1") "\x40\1x\1y\xbe" LITERAL, "http2",
		"a.example"), /* a reference to what was put in */
	ROW(F("\x0a", "\1", "\5", "\1") "\x41\1a\x0f\x17\1a\x82\x86\x84", "http2",
		"a"), /* host as well, the same */
	ROW(F("\x13", "\1", "\5", "\1") "\x82\x86\x04\4/x:y\x41\x09"
					"a.example",
		"http2", "a.example"),
	ROW(F("\x10", "\1", "\5", "\1") "\x82\x86\x04\x81\x63\x41\x09"
					"a.example",
		"http2", "a.example"), /* "/" in the code */
	ROW(F("\x10", "\1", "\5", "\1") "\x82\x86\x04\x81\xf9\x41\x09"
					"a.example",
		"http2", "a.example"), /* "*" */
	/* a path that is a URL, one that is none, two */
	ROW(F("\x19", "\1", "\5", "\1") "\x82\x86\x04\x0ahttp://b/x\x41\x09"
					"a.example",
		"broken", ""),
	ROW(F("\x12", "\1", "\5", "\1") LITERAL "\x04\2/x", "broken", ""),
	ROW(F("\x0f", "\1", "\5", "\1") LITERAL "\x85", "broken", ""),
	ROW(F("\x10", "\1", "\5", "\1") "\x82\x86\x04\x81\x9f\x41\x09"
					"a.example",
		"broken", ""), /* "h" in the code */
	ROW(F("\x0f", "\1", "\5", "\1") "\x82\x86\x04\0\x41\x09"
					"a.example",
		"broken", ""),
	ROW(F("\x1d", "\1", "\5", "\1") "\x82\x86\0\5:path\x0ahttp://b/x\x41\7"
					"a.examp",
		"broken", ""),
	ROW(F("\x15", "\1", "\5", "\1") LITERAL "\0\4Host\0", "broken",
		""), /* no name has capitals */
	/* two, none, or one that is no name */
	ROW(F("\3", "\1", "\5", "\1") GET, "broken", ""),
	ROW(F("\x11", "\1", "\5", "\1") LITERAL "\x41\1b", "broken", ""),
	ROW(F("\x0f", "\1", "\5", "\1") LITERAL "\xbe", "broken", ""), /* the same by its index */
	ROW(F("\x12", "\1", "\5", "\1") LITERAL "\x0f\x2f\1b", "broken",
		""), /* its name by its index */
	ROW(F("\x12", "\1", "\5", "\1") LITERAL "\x0f\x17\1b", "broken", ""), /* another host */
	ROW(F("\4", "\1", "\5", "\1") GET "\x81", "broken", ""), /* ":authority:" */
	ROW(F("\4", "\1", "\5", "\1") GET "\xa6", "broken", ""), /* "host:" */
	ROW(F("\x0f", "\1", "\5", "\1") LITERAL "\x80", "broken", ""),
	ROW(F("\x0f", "\1", "\5", "\1") LITERAL "\xbf", "broken", ""), /* nothing has that index */
	ROW(F("\5", "\1", "\5", "\1") GET "\x41\0", "broken", ""),
	ROW(F("\x0e", "\1", "\5", "\1") GET "\x41\x09"
					    "a_example",
		"http2", "a_example"),
	ROW(F("\x0e", "\1", "\5", "\1") GET "\x41\x09"
					    "a/example",
		"broken", ""),
	ROW(F("\x0e", "\1", "\5", "\1") GET "\x41\x0a"
					    "a.example",
		"broken", ""), /* longer than the block */
	ROW(F("\6", "\1", "\5", "\1") GET "\x41\x81\xff", "broken", ""), /* filling alone */
	ROW(F("\6", "\1", "\5", "\1") GET "\x41\x81\x18", "broken", ""), /* filling of zeros */
	ROW(F("\x0a", "\1", "\5", "\1") GET "\x41\x7f\xff\xff\xff\xff\x0f", "broken",
		""), /* a number without an end */
	ROW(F("\x10", "\1", "\x0d", "\1") "\x20" LITERAL "\0", "broken",
		""), /* more filling than frame */
	ROW(F("\x0e", "\1", "\5", "\2") LITERAL, "broken", ""),
	ROW(F("\x0e", "\1", "\5", "\0") LITERAL, "broken", ""),
	ROW(F("\3", "\1", "\1", "\1") GET F("\x0b", "\x09", "\4", "\3") "\x41\x09"
									"a.example",
		"broken", ""),
	ROW(F("\3", "\1", "\1", "\1") GET F("\0", "\6", "\0", "\0"), "broken", ""),
	ROW(F("\1", "\0", "\0", "\1") "x", "broken", ""),
	ROW(F("\4", "\3", "\0", "\1") "\0\0\0\0", "broken", ""),
	ROW(F("\0", "\x09", "\4", "\1"), "broken", ""),
	ROW(F("\4", "\x08", "\0", "\0") "\0\1\0", "more", ""),
	ROW(F("\3", "\1", "\1", "\1") GET, "more", ""),
};

TEST(http2_frames)
{
	TABLE(row, frames) {
		CASE("%zu", (size_t)(row - frames));
		for (size_t cut = 1; cut <= row->n; cut++) {
			struct ward_spoken s = { .h2 = true };
			uint8_t *own = malloc(cut);
			bool decided;

			memcpy(own, row->bytes, cut);
			decided = ward_spoken_look(&s, own, cut, false);
			free(own);
			CHECK(!decided || s.take == 0);
			if (!decided) {
				CHECK(cut < row->n || strcmp(row->what, "more") == 0);
				CHECK(s.need > cut);
				continue;
			}
			CHECK_STR_EQ(words[s.what], row->what);
			CHECK_STR_EQ(s.name, row->name);
		}
	}
}

/* What is no request is taken frame by frame, without a name. */
TEST(http2_takes)
{
	static const char window[] =
		F("\4", "\x08", "\0", "\0") "\0\1\0\0" F("\0", "\4", "\1", "\0");
	static const char first[] =
		WARD_H2_PREFACE F("\0", "\4", "\0", "\0") F("\x0e", "\1", "\5", "\1") LITERAL;
	struct ward_spoken s = { .h2 = true };

	CHECK(ward_spoken_look(&s, (const uint8_t *)window, sizeof(window) - 1, false));
	CHECK_EQ_INT(s.what, WARD_SPOKEN_HTTP2);
	CHECK_EQ_INT(s.take, 13);
	CHECK_STR_EQ(s.name, "");
	s = (struct ward_spoken){ 0 };
	CHECK(ward_spoken_look(&s, (const uint8_t *)first, sizeof(first) - 1, false));
	CHECK_EQ_INT(s.take, 33);
	CHECK_STR_EQ(s.name, "");
}

TAP_MAIN();
