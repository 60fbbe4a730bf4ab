/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log as people and scripts see it: the verdict of verify, the lines of show. A hostile text in a record, or in
 * a log that somebody else wrote, must not reach a terminal as it is.
 */
#include <time.h>

#include "audit_util.h"
#include "ward/ward.h"

static struct ward_error err;
static char shown[64][2048];
static size_t n_shown;

static void keep(void *arg, const char *line)
{
	CHECK(arg == shown);
	if (n_shown < 64)
		snprintf(shown[n_shown++], sizeof(shown[0]), "%s", line);
}

static int show(const char *file, bool json)
{
	n_shown = 0;
	err = (struct ward_error)WARD_ERROR_INIT;
	return ward_audit_show(file, json, keep, shown, &err);
}

static struct ward_json *parsed(struct ward_arena *a, const char *text)
{
	struct ward_json *j = NULL;
	REQUIRE(text && ward_json_parse(a, text, strlen(text), NULL, &j, &err) == WARD_OK);
	return j;
}

TEST(the_verdict_on_a_good_log)
{
	char *text = NULL;
	struct ward_audit_report rep;
	audit_begin();
	REQUIRE(audit_write(audit_log, 5, &err) == WARD_OK && audit_verifies(audit_log, &rep));
	CHECK_EQ_INT(ward_audit_verify_text(audit_log, NULL, false, &text, &err), WARD_OK);
	CHECK_STR_CONTAINS(text, audit_log);
	CHECK_STR_CONTAINS(text, ": ok: 5 records, seq 1 to 5, head ");
	CHECK_STR_CONTAINS(text, rep.head);
	CHECK_STR_CONTAINS(text,
		"unsigned chain; detects damage and partial edits, not a rewrite by whoever can");
	CHECK(!strstr(text, "head asked"));
	free(text);
	CHECK_EQ_INT(ward_audit_verify_text(audit_log, rep.head, false, &text, &err), WARD_OK);
	CHECK_STR_CONTAINS(text, "the head asked for is seq 5, the last record");
	free(text);
	REQUIRE(audit_write(audit_log, 1, &err) == WARD_OK);
	CHECK_EQ_INT(ward_audit_verify_text(audit_log, rep.head, false, &text, &err), WARD_OK);
	CHECK_STR_CONTAINS(text, "the head asked for is seq 5, not the last record");
	free(text);
	CHECK_EQ_INT(ward_audit_verify_text(audit_log, rep.head, true, &text, &err), WARD_OK);
	struct ward_arena *a = ward_arena_new(1 << 20);
	struct ward_json *j = parsed(a, text);
	CHECK(ward_json_get(j, "ok")->b);
	CHECK_EQ_INT(ward_json_get(j, "records")->i, 6);
	CHECK_EQ_INT(ward_json_get(j, "bad_line")->i, 0);
	CHECK_EQ_INT(ward_json_get(ward_json_get(j, "asked"), "seq")->i, 5);
	CHECK(!ward_json_get(ward_json_get(j, "asked"), "last")->b);
	CHECK(ward_json_get(ward_json_get(j, "asked"), "found")->b);
	ward_arena_free(a);
	free(text);
	audit_end();
}

TEST(the_verdict_on_a_bad_log)
{
	char *text = NULL;
	audit_begin();
	REQUIRE(audit_write(audit_log, 5, &err) == WARD_OK);
	struct blob b = blob_read(audit_log), l[5];
	REQUIRE(blob_lines(b, l, 5) == 5);
	CHECK_EQ_INT(ward_audit_verify_text(audit_log, AUDIT_ZEROS, false, &text, &err),
		WARD_E_AUDIT);
	CHECK_STR_CONTAINS(text, ": INCONSISTENT: no record has the hash 0000");
	free(text);
	l[3].s[l[3].n / 2] ^= 1;
	blob_write(audit_log, b.s, b.n);
	CHECK_EQ_INT(ward_audit_verify_text(audit_log, NULL, false, &text, &err), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(text, ": INCONSISTENT at line 4 (seq 4): ");
	CHECK_STR_CONTAINS(text, "3 records before it hold together");
	CHECK_STR_CONTAINS(err.message, "inconsistent at line 4 (seq 4)");
	free(text);
	CHECK_EQ_INT(ward_audit_verify_text(audit_log, NULL, true, &text, &err), WARD_E_AUDIT);
	struct ward_arena *a = ward_arena_new(1 << 20);
	struct ward_json *j = parsed(a, text);
	CHECK(!ward_json_get(j, "ok")->b);
	CHECK_EQ_INT(ward_json_get(j, "bad_line")->i, 4);
	CHECK(ward_json_get(j, "why")->str.n > 0);
	ward_arena_free(a);
	free(text);
	blob_write(audit_log, b.s, l[0].n + 9);
	CHECK_EQ_INT(ward_audit_verify_text(audit_log, NULL, false, &text, &err), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(text, "line 2 (seq 2): torn");
	CHECK_STR_CONTAINS(text, "the next start cuts it");
	free(text);
	free(b.s);
	audit_end();
}

TEST(no_verdict_without_a_log)
{
	char *text = (char *)&err;
	CHECK_EQ_INT(ward_audit_verify_text("/tmp/no/such/log", NULL, false, &text, &err),
		WARD_E_NOTFOUND);
	CHECK_NULL(text);
	CHECK_EQ_INT(ward_audit_verify_text("/tmp", "xyz", false, &text, &err), WARD_E_INVALID);
	CHECK_STR_CONTAINS(err.message, "64 lower-case hex");
	CHECK_EQ_INT(ward_audit_verify_text("/tmp", NULL, false, NULL, &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_audit_show("/tmp", false, NULL, NULL, &err), WARD_E_INVALID);
	CHECK_EQ_INT(show("/tmp/no/such/log", false), WARD_E_NOTFOUND);
	CHECK_EQ_SIZE(n_shown, 0);
}

TEST(a_record_is_one_line_for_people)
{
	static const char *const rules[] = { "--read ./data" };
	audit_begin();
	struct ward_audit *a = NULL;
	REQUIRE(ward_audit_open(audit_log, &a, NULL, &err) == WARD_OK);
	struct ward_event e[] = {
		{ .kind = "run.start", .run = "R" },
		{ .kind = "policy.check",
			.effect = "allow",
			.action = "FILE_READ",
			.resource = "/d/x",
			.rules = rules,
			.n_rules = 1 },
		{ .kind = "sandbox.violation",
			.effect = "deny",
			.action = "FILE_READ",
			.resource = "/a\n\x1b[31m\"b\\",
			.pid = 9,
			.detail_json = "{\"cure\":\"--cap $'FILE_READ:/a\\\\n\\\"' \\u001b\"}" },
	};
	REQUIRE(ward_audit_append(a, e, 3, false, NULL, NULL, &err) == WARD_OK);
	ward_audit_close(a);
	setenv("TZ", "UTC-05:30", 1);
	tzset();
	CHECK_EQ_INT(show(audit_log, false), WARD_OK);
	REQUIRE(n_shown == 3);
	/* 2026-11-23T01:02:03.456+05:30 */
	CHECK(strlen(shown[0]) > 30 && shown[0][10] == 'T' && shown[0][19] == '.');
	CHECK(strncmp(shown[0] + 23, "+05:30 #1 ", 10) == 0);
	struct tm tm = { 0 };
	CHECK(strptime(shown[0], "%Y-%m-%dT%H:%M:%S", &tm));
	/* Not time(): it is that of the last tick. */
	struct timespec now;
	REQUIRE(clock_gettime(CLOCK_REALTIME, &now) == 0);
	time_t ago = now.tv_sec - timegm(&tm) + 19800;
	CHECK(ago >= 0 && ago < 60);
	CHECK_STR_EQ(shown[0] + 29, " #1 run.start");
	CHECK_STR_EQ(shown[1] + 29,
		" #2 policy.check allow FILE_READ \"/d/x\" rule=\"--read ./data\"");
	CHECK_STR_EQ(shown[2] + 29,
		" #3 sandbox.violation deny FILE_READ \"/a\\n\\x1b[31m\\\"b\\\\\" pid=9"
		"; grant: --cap $'FILE_READ:/a\\n\"' \\x1b");
	CHECK_EQ_INT(show(audit_log, true), WARD_OK);
	struct blob b = blob_read(audit_log), l[3];
	REQUIRE(n_shown == 3 && blob_lines(b, l, 3) == 3);
	for (size_t i = 0; i < 3; i++)
		CHECK(strlen(shown[i]) == l[i].n - 1 && memcmp(shown[i], l[i].s, l[i].n - 1) == 0);
	free(b.s);
	audit_end();
}

TEST(what_the_command_did_not_do_wrong_is_marked_and_has_no_cure)
{
	audit_begin();
	struct ward_audit *a = NULL;
	REQUIRE(ward_audit_open(audit_log, &a, NULL, &err) == WARD_OK);
	struct ward_event e[] = {
		{ .kind = "sandbox.violation",
			.action = "syscall",
			.resource = "keyctl",
			.detail_json = "{\"selftest\":true,\"cure\":\"--cap x\"}" },
		{ .kind = "sandbox.violation",
			.action = "FILE_READ",
			.resource = "/q",
			.detail_json = "{\"quiet\":true,\"cure\":\"--cap x\"}" },
		{ .kind = "sandbox.violation",
			.action = "FILE_READ",
			.resource = "/r",
			.detail_json = "{\"selftest\":false,\"quiet\":1,\"cure\":\"--cap x\"}" },
		{ .kind = "policy.block",
			.action = "run",
			.resource = "ls",
			.detail_json =
				"{\"code\":\"not found\",\"why\":\"no\\nsuch\",\"cure\":\"name it\"}" },
	};
	REQUIRE(ward_audit_append(a, e, 4, false, NULL, NULL, &err) == WARD_OK);
	ward_audit_close(a);
	CHECK_EQ_INT(show(audit_log, false), WARD_OK);
	REQUIRE(n_shown == 4);
	CHECK_STR_EQ(shown[0] + 29, " #1 sandbox.violation syscall \"keyctl\" (self-test)");
	CHECK_STR_EQ(shown[1] + 29, " #2 sandbox.violation FILE_READ \"/q\" (quiet)");
	CHECK_STR_EQ(shown[2] + 29, " #3 sandbox.violation FILE_READ \"/r\"; grant: --cap x");
	CHECK_STR_EQ(shown[3] + 29, " #4 policy.block run \"ls\"; no\\nsuch; fix: name it");
	audit_end();
}

TEST(a_foreign_log_is_shown_without_being_trusted)
{
	static const char text[] =
		"{}\n[1]\nnull\n"
		"{\"kind\":\"\\u001b[2J\",\"effect\":7,\"ts\":-1,\"rules\":[1,\"a\\u009bb\"],\"seq\":\"x\",\"detail\":[]}\n"
		"{\"ts\":9223372036854775807,\"kind\":\"\",\"detail\":{\"cure\":5}}\n"
		"{\"ts\":1}\nnot json\n{}\n";
	audit_begin();
	blob_write(audit_log, text, sizeof(text) - 1);
	CHECK_EQ_INT(show(audit_log, false), WARD_E_AUDIT);
	CHECK_EQ_UINT(err.line, 7);
	CHECK_EQ_SIZE(n_shown, 6);
	for (size_t i = 0; i < n_shown; i++)
		for (const char *p = shown[i]; *p; p++)
			CHECK((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
	CHECK_STR_CONTAINS(shown[3], "\"\\x1b[2J\"");
	audit_end();
}

TAP_MAIN();
