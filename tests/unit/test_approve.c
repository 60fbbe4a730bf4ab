/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that a yes leaves: valid in Ward's schema, as narrow as what was asked, over at their time, and written whole or not at all. */
#include "alloc_fail.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "approve/approve.h"
#include "judge_util.h"
#include "os/os.h"

static struct ward_ask_thing things[2];
static const struct ward_asks asks = { .workspace = "/w" };

static struct ward_asked asked(enum ward_action action, const char *resource, bool below)
{
	things[0] =
		(struct ward_ask_thing){ .action = action, .resource = resource, .below = below };
	return (struct ward_asked){ .id = "t",
		.file = "f",
		.reason = "why \"not\"",
		.layer = WARD_LAYER_RUN,
		.level = WARD_APPROVAL_RISKY,
		.things = things,
		.n_things = 1,
		.digest = "0123456789abcdef" };
}

TEST(what_is_written_is_what_was_asked)
{
	static const struct {
		enum ward_action action;
		const char *resource;
		bool below;
		const char *asks;
	} rows[] = {
		{ WARD_ACT_FS_WRITE, "/w/out", true,
			"fs.write /w/out/a allow granted\nfs.write /w/out allow granted\n"
			"fs.write /w/outs deny no_rule\nfs.read /w/out/a deny no_rule" },
		{ WARD_ACT_FS_READ, "/w/a \"b\\c", false,
			"fs.read /w/a deny no_rule\nfs.read /w deny no_rule" },
		{ WARD_ACT_PROC_EXEC, "/usr/bin/git", false,
			"proc.exec /usr/bin/git allow granted\nproc.exec /usr/bin/gitk deny no_rule" },
		{ WARD_ACT_PROC_EXEC, "/usr/bin", true, "proc.exec /usr/bin/git allow granted" },
		{ WARD_ACT_ENV_READ, "LANG", false,
			"env.read LANG allow granted\nenv.read HOME deny no_rule" },
	};

	TABLE(row, rows) {
		struct ward_asked k = asked(row->action, row->resource, row->below);
		struct ward_buf b = WARD_BUF_INIT;

		CASE("%s", row->resource);
		CHECK(ward_rule_possible(&asks, &k));
		CHECK_EQ_INT(ward_rule_text(&asks, &k, "RUN", 1000, 2000, &b, NULL), WARD_OK);
		one_source(ward_buf_cstr(&b));
		CHECK_EQ_INT(judge_book(), WARD_OK);
		check_asks(row->asks);
		ward_buf_done(&b);
	}
}

TEST(what_is_never_written)
{
	struct ward_asked k = asked(WARD_ACT_FS_WRITE, "/w/out", true);
	struct ward_buf b = WARD_BUF_INIT;

	CHECK(ward_rule_possible(&asks, &k));
	k.level = WARD_APPROVAL_CRITICAL;
	CHECK(!ward_rule_possible(&asks, &k));
	CHECK_EQ_INT(ward_rule_text(&asks, &k, "RUN", 1000, 2000, &b, NULL), WARD_E_REFUSED);
	k = asked(WARD_ACT_FS_WRITE, "/w/out", true);
	k.layer = WARD_LAYER_CEILING;
	CHECK(!ward_rule_possible(&asks, &k));
	k.layer = WARD_LAYER_REPOSITORY;
	CHECK(!ward_rule_possible(&asks, &k));
	k = asked(WARD_ACT_MODE_ENTER, "repo_write", false);
	CHECK(!ward_rule_possible(&asks, &k));
	k = asked(WARD_ACT_FS_READ, "/", true);
	CHECK(!ward_rule_possible(&asks, &k));
	k = asked(WARD_ACT_FS_READ, "/w/\n", false);
	CHECK(!ward_rule_possible(&asks, &k));
	k = asked(WARD_ACT_FS_READ, "/w/\xff", false);
	CHECK(!ward_rule_possible(&asks, &k));
	CHECK_EQ_SIZE(b.n, 0);
	ward_buf_done(&b);
}

TEST(what_has_expired)
{
	static const struct {
		const char *text, *left;
	} rows[] = {
		{ "a\n// until 1970-01-01T00:16:41Z\nb\n",
			"a\n// until 1970-01-01T00:16:41Z\nb\n" },
		{ "a\n// until 1970-01-01T00:16:40Z\nb\n", "a\n\n\n" },
		{ "// until 1970-01-01T00:00:00Z\nb\n// for good\nc", "\n\n// for good\nc" },
		{ "// until tomorrow\nb\n// until 2999-01-01T00:00:00Z\nc\n",
			"\n\n// until 2999-01-01T00:00:00Z\nc\n" },
		{ "// until 9999\nb", "\n" },
		/* As other systems end their lines, where the language ends a comment. */
		{ "a\r\n// until 1970-01-01T00:16:40Z\r\nb\r\n// for good\r\nc\r\n",
			"a\r\n\r\n\r\n// for good\r\nc\r\n" },
		{ "// until 1970-01-01T00:16:41Z\r\nb", "// until 1970-01-01T00:16:41Z\r\nb" },
		{ "// a\r// until 1970-01-01T00:16:40Z\rb\r", "// a\r\r\r" },
		{ "", "" },
	};

	TABLE(row, rows) {
		char text[128], left[128];
		size_t n = 0, line = 0;

		(void)snprintf(text, sizeof(text), "%s", row->text);
		ward_rule_expire(text, strlen(text), 1000);
		/* Lines stay; blanks at their ends are what was taken. */
		for (size_t i = 0; text[i]; i++) {
			if (text[i] == '\n' || text[i] == '\r') {
				while (n > line && left[n - 1] == ' ')
					n--;
				line = n + 1;
			}
			left[n++] = text[i];
		}
		while (n > line && left[n - 1] == ' ')
			n--;
		left[n] = '\0';
		CHECK_STR_EQ(left, row->left);
	}
}

TEST(which_times_are_none)
{
	static const struct {
		const char *text;
		uint32_t line; /* 0: all of them are times */
	} rows[] = {
		{ "// until 2027-01-31T00:00:00Z\r\nx\r\n// for good\r\n", 0 },
		{ "// a\r// until 2027-01-31T00:00:00Z\rx\r", 0 },
		{ "a\r\nb\r\n// until 2027\r\nx", 3 },
		{ "// a\r// until 2027\rx\r", 1 },
		{ "a\n  // until 2027-01-31T00:00:00Z\n", 2 },
	};

	TABLE(row, rows) {
		struct ward_error e = WARD_ERROR_INIT;

		CHECK_EQ_INT(ward_rule_check(row->text, strlen(row->text), "f", &e),
			row->line == 0 ? WARD_OK : WARD_E_PARSE);
		CHECK_EQ_INT(e.line, row->line);
	}
}

/* Time goes on between two rules, and a file is never younger than it is. */
static void written_at(const char *path, time_t when)
{
	const struct timespec t[2] = { { .tv_sec = when }, { .tv_sec = when } };

	CHECK_EQ_INT(utimensat(AT_FDCWD, path, t, 0), 0);
}

TEST(when_a_clock_is_doubted)
{
#define LATER "// until 1970-01-01T03:00:00Z\n"
	static const struct {
		const char *text;
		int64_t written;
		enum ward_rule_doubt doubt;
	} rows[] = {
		{ LATER "permit;\n", 4600, WARD_RULE_SURE },
		{ LATER "permit;\n", 4601, WARD_RULE_DOUBTED },
		{ LATER "permit;\nforbid;", 4601, WARD_RULE_DOUBTED_FORBID },
		{ LATER "permit;\n// for good\nforbid;", 4601, WARD_RULE_DOUBTED },
		{ "forbid;\r" LATER "permit;\r", 4601, WARD_RULE_DOUBTED },
		{ LATER "\n// until 1970-01-01T00:00:01Z\nforbid;", 4601, WARD_RULE_DOUBTED },
		{ "// until 1970-01-01T00:00:01Z\nforbid;", 4601, WARD_RULE_SURE },
		{ "// for good\nforbid;", 4601, WARD_RULE_SURE },
		{ "", 4601, WARD_RULE_SURE },
	};

	TABLE(row, rows)
		CHECK_EQ_INT(ward_rule_doubt(row->text, strlen(row->text), row->written, 1000),
			row->doubt);
}

TEST(writing_adds_and_takes_out)
{
	char dir[] = "/tmp/ward-approve-XXXXXX", own[64], path[128];
	struct ward_buf b = WARD_BUF_INIT;
	struct ward_error e = WARD_ERROR_INIT;
	struct stat st;

	REQUIRE(mkdtemp(dir) != NULL);
	(void)snprintf(own, sizeof(own), "%s/ward", dir);
	(void)snprintf(path, sizeof(path), "%s/approved.cedar", own);
	CHECK_EQ_INT(ward_rule_write(own, WARD_APPROVED_FILE,
			     WARD_STR("// until 1970-01-01T00:16:40Z\nfirst\n"), 900, NULL),
		WARD_OK);
	/* Of now, which is long after 900: what is over nobody knows. */
	CHECK_EQ_INT(ward_rule_write(own, WARD_APPROVED_FILE, WARD_STR("// for good\nno\n"), 900,
			     &e),
		WARD_E_REFUSED);
	written_at(path, 900);
	CHECK_EQ_INT(ward_rule_write(own, WARD_APPROVED_FILE,
			     WARD_STR("// until 1970-01-01T01:00:00Z\nsecond\n"), 900, NULL),
		WARD_OK);
	written_at(path, 1000);
	CHECK_EQ_INT(ward_read_file(path, 4096, &b, NULL), WARD_OK);
	CHECK_STR_CONTAINS(ward_buf_cstr(&b), "first\n");
	CHECK_STR_CONTAINS(ward_buf_cstr(&b), "second\n");
	ward_buf_clear(&b);
	CHECK_EQ_INT(ward_rule_write(own, WARD_APPROVED_FILE, WARD_STR("// for good\nthird\n"),
			     1000, NULL),
		WARD_OK);
	written_at(path, 1000);
	CHECK_EQ_INT(ward_read_file(path, 4096, &b, NULL), WARD_OK);
	CHECK(strstr(ward_buf_cstr(&b), "first") == NULL);
	CHECK_STR_CONTAINS(ward_buf_cstr(&b), "second\n");
	CHECK_STR_CONTAINS(ward_buf_cstr(&b), "third\n");
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	/* What says no time is for good, and stands there once. */
	for (int i = 0; i < 2; i++) {
		CHECK_EQ_INT(ward_rule_write(own, WARD_APPROVED_FILE,
				     WARD_STR("// until 1970-01-01T01:00:00Z\n@f(1)\nx;\n\n"), 1000,
				     NULL),
			WARD_OK);
		written_at(path, 1000);
	}
	for (int i = 0; i < 2; i++) {
		CHECK_EQ_INT(ward_rule_write(own, WARD_APPROVED_FILE, WARD_STR("@f(1)\nx;\n\n"),
				     1000, NULL),
			WARD_OK);
		written_at(path, 1000);
	}
	CHECK_EQ_INT(ward_rule_write(own, WARD_APPROVED_FILE, WARD_STR("@f(2)\ny;\n"), 9999, NULL),
		WARD_OK);
	ward_buf_clear(&b);
	CHECK_EQ_INT(ward_read_file(path, 4096, &b, NULL), WARD_OK);
	CHECK_STR_CONTAINS(ward_buf_cstr(&b), "// for good\n@f(1)\nx;\n\n@f(2)\ny;\n");
	CHECK(strstr(ward_buf_cstr(&b), "until 1970") == NULL);
	/* Where others may write, nothing is written. */
	CHECK_EQ_INT(chmod(own, 0777), 0);
	CHECK_EQ_INT(ward_rule_write(own, WARD_APPROVED_FILE, WARD_STR("x\n"), 1000, &e),
		WARD_E_REFUSED);
	CHECK_EQ_INT(unlink(path), 0);
	CHECK_EQ_INT(rmdir(own), 0);
	CHECK_EQ_INT(rmdir(dir), 0);
	ward_buf_done(&b);
}

TEST(what_nobody_sees_is_in_no_rule)
{
	static const char *const hidden[] = { "/w/a\xe2\x80\xae"
					      "b",
		"/w/a\xe2\x80\x8b"
		"b",
		"/w/\x1b[2J", "/w/\xff", "/w/\xc2\x85", "/w/a\nb" };
	struct ward_ask_thing t = { .action = WARD_ACT_FS_READ, .resource = "/w/a b\xc3\xa9\"" };
	struct ward_buf b = WARD_BUF_INIT;

	CHECK_EQ_INT(ward_rule_permit(&b, "x", "y", &t, "/w", NULL), WARD_OK);
	CHECK_EQ_INT(ward_rule_permit(&b, "x", hidden[0], &t, "/w", NULL), WARD_OK);
	CHECK(strstr(ward_buf_cstr(&b), "\xe2\x80\xae") == NULL);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(hidden); i++) {
		t.resource = hidden[i];
		CHECK_EQ_INT(ward_rule_permit(&b, "x", "y", &t, "/w", NULL), WARD_E_REFUSED);
		t.resource = "/w/a";
		CHECK_EQ_INT(ward_rule_permit(&b, "x", "y", &t, hidden[i], NULL), WARD_E_REFUSED);
	}
	ward_buf_done(&b);
}

TEST(no_memory)
{
	struct ward_asked k = asked(WARD_ACT_FS_WRITE, "/w/out", true);
	unsigned long n = 1;

	if (!ALLOC_FAIL_WORKS)
		SKIP("a sanitizer has an allocator of its own");
	for (;; n++) {
		struct ward_buf b = WARD_BUF_INIT;
		int r;

		alloc_fail_hit = false;
		alloc_fail_at = n;
		r = ward_rule_text(&asks, &k, "RUN", 1000, 2000, &b, NULL);
		alloc_fail_at = 0;
		ward_buf_done(&b);
		CHECK_EQ_INT(r, alloc_fail_hit ? WARD_E_NOMEM : WARD_OK);
		if (!alloc_fail_hit)
			break;
	}
	CHECK(n > 1);
}

TAP_MAIN();
