/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as people see them: the place, the line with carets, and nothing in either that drives a terminal. */
#include "cedar/core/core.h"
#include "tap.h"
#include "ward/cedar.h"

static void check(struct ward_str text, uint32_t start, uint32_t end, const char *message,
	const char *expected)
{
	struct cedar_diag g = {
		.message = message, .help = message, .policy = message, .start = start, .end = end
	};
	struct ward_buf out = WARD_BUF_INIT;

	ward_cedar_diag_print(&out, &g, "f", text);
	CHECK_STR_EQ(ward_buf_cstr(&out), expected);
	ward_buf_done(&out);
}

TEST(plain)
{
	check(WARD_STR("one\n\ttwo three\nfour"), 5, 8, "m",
		"f:2:2: error: for policy `m`, m\n     2 |  two three\n       |  ^^^\n"
		"       = help: m\n");
	check(WARD_STR("a\n\xc3\xa4\xc3\xa4 b"), 7, 8, "\xc3\xa4",
		"f:2:4: error: for policy `\xc3\xa4`, \xc3\xa4\n     2 | \xc3\xa4\xc3\xa4 b\n"
		"       |    ^\n       = help: \xc3\xa4\n");
	check(WARD_STR("abc"), 3, 3, "end",
		"f:1:4: error: for policy `end`, end\n     1 | abc\n       |    ^\n"
		"       = help: end\n");
}

TEST(nothing_drives_the_terminal)
{
	/* an escape sequence, C1's of it, right to left, a line of its own */
	check(WARD_STR("a\x1b[2J\xc2\x9b"
		       "1m\xe2\x80\xae b"),
		0, 1, "x\x1b[2J\xc2\x9b\xe2\x80\xae\ny\x7f",
		"f:1:1: error: for policy `x\\u{1b}[2J\\u{9b}\\u{202e}\\u{a}y\\u{7f}`, "
		"x\\u{1b}[2J\\u{9b}\\u{202e}\\u{a}y\\u{7f}\n"
		"     1 | a [2J 1m  b\n       | ^\n"
		"       = help: x\\u{1b}[2J\\u{9b}\\u{202e}\\u{a}y\\u{7f}\n");
	/* bytes that are no characters */
	check(WARD_STR("a\xff\x80z\xe2\x80"), 3, 4, "\xff\xe2\x80",
		"f:1:3: error: for policy `\\u{ff}\\u{e2}\\u{80}`, \\u{ff}\\u{e2}\\u{80}\n"
		"     1 | a z \n       |   ^\n       = help: \\u{ff}\\u{e2}\\u{80}\n");
}

/* A place that is not of the text is one at its end. */
TEST(no_such_place)
{
	char *text = malloc(3);

	REQUIRE(text != NULL);
	memcpy(text, "a\nb", 3);
	check((struct ward_str){ text, 3 }, 5000, 6000, "m",
		"f:2:2: error: for policy `m`, m\n     2 | b\n       |  ^\n       = help: m\n");
	free(text);
}

/* A hundred findings at the end of one long line: no more of it is looked at than is shown. */
TEST(long_line)
{
	enum { N = 32 << 20 };
	char *text = malloc(N);
	struct ward_buf out = WARD_BUF_INIT;

	REQUIRE(text != NULL);
	memset(text, 'x', N);
	for (uint32_t i = 0; i < 100; i++) {
		struct cedar_diag g = { .message = "m", .start = 1000 + i, .end = N };

		ward_buf_clear(&out);
		ward_cedar_diag_print(&out, &g, NULL, (struct ward_str){ text, N });
		CHECK(!out.failed && out.n < 400);
	}
	ward_buf_done(&out);
	free(text);
}

TEST(no_findings_are_none)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_policy_diag g;
	char *text = NULL;

	ward_policy_diags_clear(NULL);
	CHECK_EQ_SIZE(ward_policy_diags_count(NULL), 0);
	CHECK_EQ_SIZE(ward_policy_diags_errors(NULL), 0);
	CHECK_EQ_SIZE(ward_policy_diags_dropped(NULL), 0);
	CHECK_EQ_INT(ward_policy_diags_at(NULL, 0, &g), WARD_E_NOTFOUND);
	CHECK_EQ_INT(ward_policy_diags_error(NULL, &err), WARD_OK);
	CHECK_EQ_INT(ward_policy_diags_json(NULL, &text, NULL), WARD_OK);
	CHECK_STR_EQ(text, "[]");
	free(text);
}

TAP_MAIN();
