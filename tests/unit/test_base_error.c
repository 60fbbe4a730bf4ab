/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: one printable line, cut between characters, never an allow; names for every code and
 * class.
 */
#include <errno.h>

#include "base/base.h"
#include "tap.h"

static const char *formatted(const struct ward_error *err)
{
	static char line[2048];

	CHECK(ward_error_format(err, line, sizeof(line)) == strlen(line));
	return line;
}

TEST(fail_fills)
{
	struct ward_error err;

	memset(&err, 0xaa, sizeof(err));
	CHECK_EQ_INT(ward_fail(&err, WARD_E_LIMIT, "over %d", 5), WARD_E_LIMIT);
	CHECK_EQ_INT(err.code, WARD_E_LIMIT);
	CHECK_EQ_INT(err.sys_errno, 0);
	CHECK_EQ_INT(err.error_class, WARD_CLASS_SECURITY);
	CHECK_EQ_INT(err.violation, WARD_VIOLATION_NONE);
	CHECK_STR_EQ(err.message, "over 5");
	CHECK_STR_EQ(err.fix, "");
	CHECK_STR_EQ(err.file, "");
	CHECK_EQ_UINT(err.line + err.column + err.start + err.end, 0);
	CHECK_STR_EQ(formatted(&err), "over 5");
}

TEST(fail_without_error)
{
	CHECK_EQ_INT(ward_fail(NULL, WARD_E_PARSE, "x"), WARD_E_PARSE);
	CHECK_EQ_INT(ward_fail_errno(NULL, WARD_E_SYSTEM, ENOENT, "x"), WARD_E_SYSTEM);
	ward_fail_at(NULL, "x", 1, 1);
	ward_fail_fix(NULL, "x");
	ward_fail_class(NULL, WARD_CLASS_SECURITY, WARD_VIOLATION_NONE);
}

/* A caller's mistake must not turn an error into success or into a code that nobody knows. */
TEST(fail_is_never_success)
{
	static const int codes[] = { WARD_OK, 1, 125, -15, -100, INT32_MIN };
	struct ward_error err;

	TABLE(code, codes) {
		CASE("%d", *code);
		CHECK_EQ_INT(ward_fail(&err, *code, "x"), WARD_E_INTERNAL);
		CHECK_EQ_INT(err.code, WARD_E_INTERNAL);
		CHECK_EQ_INT(ward_fail(NULL, *code, "x"), WARD_E_INTERNAL);
	}
}

TEST(fail_errno)
{
	struct ward_error err;

	errno = EBUSY;
	CHECK_EQ_INT(ward_fail_errno(&err, WARD_E_SYSTEM, ENOENT, "open %s", "x"), WARD_E_SYSTEM);
	CHECK_EQ_INT(errno, EBUSY);
	CHECK_EQ_INT(err.sys_errno, ENOENT);
	CHECK_STR_EQ(err.message, "open x: No such file or directory");
	/* -errno is the same. */
	(void)ward_fail_errno(&err, WARD_E_SYSTEM, -EACCES, "open");
	CHECK_EQ_INT(err.sys_errno, EACCES);
	CHECK_STR_EQ(err.message, "open: Permission denied");
}

TEST(fail_class)
{
	struct ward_error err;

	(void)ward_fail(&err, WARD_E_CAPABILITY, "x");
	CHECK_EQ_INT(err.error_class, WARD_CLASS_CAPABILITY);
	(void)ward_fail(&err, WARD_E_SPAWN, "x");
	CHECK_EQ_INT(err.error_class, WARD_CLASS_EXTERNAL_COMMAND);
	ward_fail_class(&err, WARD_CLASS_SANDBOX_VIOLATION, WARD_VIOLATION_FILE);
	CHECK_EQ_INT(err.error_class, WARD_CLASS_SANDBOX_VIOLATION);
	CHECK_EQ_INT(err.violation, WARD_VIOLATION_FILE);
}

TEST(fail_escapes)
{
	struct ward_error err;

	(void)ward_fail(&err, WARD_E_INVALID, "a\nb\x1b[2J \"q\\\" \xff \xc3\xa4 \xe2\x80\xae");
	ward_fail_at(&err, "f\n\xff", 0, 0);
	ward_fail_fix(&err, "do %s", "\x07this");
	CHECK_STR_EQ(err.message, "a\\nb\\x1b[2J \"q\\\" \\xff \xc3\xa4 \\xe2\\x80\\xae");
	CHECK_STR_EQ(err.file, "f\\n\\xff");
	CHECK_STR_EQ(err.fix, "do \\x07this");
}

/* A message that quotes the message, file or fix that it replaces. */
TEST(fail_over_itself)
{
	struct ward_error err;

	(void)ward_fail(&err, WARD_E_PARSE, "inner");
	ward_fail_at(&err, "file", 1, 2);
	ward_fail_fix(&err, "mend");
	(void)ward_fail(&err, WARD_E_PARSE, "outer(%s %s %s)", err.message, err.file, err.fix);
	CHECK_STR_EQ(err.message, "outer(inner file mend)");
	ward_fail_at(&err, "place", 1, 2);
	ward_fail_at(&err, err.file, 3, 4);
	CHECK_STR_EQ(formatted(&err), "place:3:4: outer(inner file mend)");
	/* NULL keeps the file. */
	ward_fail_at(&err, NULL, 5, 0);
	CHECK_STR_EQ(formatted(&err), "place:5: outer(inner file mend)");
	ward_fail_fix(&err, "mend");
	ward_fail_fix(&err, "%s and %s", err.fix, err.fix);
	CHECK_STR_EQ(err.fix, "mend and mend");
}

#define ELLIPSIS "\xe2\x80\xa6"

static void check_cut(const char *s, size_t size)
{
	size_t n = strlen(s);

	CHECK(n < size);
	/* Nothing was given away: the next character would not have fitted. */
	CHECK(n + 8 >= size);
	CHECK(ward_utf8_valid(s, n));
	CHECK(ward_has_suffix(s, ELLIPSIS));
}

TEST(fail_cuts_between_characters)
{
	static const char *const units[] = { "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
		"\n", "\x01" };

	TABLE(unit, units) {
		for (size_t lead = 0; lead < 8; lead++) {
			WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
			struct ward_error err;
			size_t broken;

			CASE("unit %zu after %zu", (size_t)(unit - units), lead);
			for (size_t i = 0; i < lead; i++)
				ward_buf_addc(&b, '.');
			for (size_t i = 0; i < 2000; i++)
				ward_buf_adds(&b, *unit);
			(void)ward_fail(&err, WARD_E_INVALID, "%s", ward_buf_cstr(&b));
			ward_fail_fix(&err, "%s", ward_buf_cstr(&b));
			ward_fail_at(&err, ward_buf_cstr(&b), 1, 1);
			check_cut(err.message, sizeof(err.message));
			check_cut(err.fix, sizeof(err.fix));
			check_cut(err.file, sizeof(err.file));
			/* An escape is not cut either: \x01 in whole fours, \n in whole twos. */
			broken = strlen(err.message) - lead - strlen(ELLIPSIS);
			CHECK_EQ_SIZE(broken %
					(**unit == '\x01' ? 4
							: strlen(*unit) == 1 && **unit == '\n'
							? 2
							: strlen(*unit)),
				0);
		}
	}
}

TEST(fail_exact_fit)
{
	char text[WARD_ERROR_MESSAGE_MAX + 1];
	struct ward_error err;

	memset(text, 'x', sizeof(text));
	text[WARD_ERROR_MESSAGE_MAX - 1] = '\0';
	(void)ward_fail(&err, WARD_E_INVALID, "%s", text);
	CHECK_STR_EQ(err.message, text);
	text[WARD_ERROR_MESSAGE_MAX - 1] = 'x';
	text[WARD_ERROR_MESSAGE_MAX] = '\0';
	(void)ward_fail(&err, WARD_E_INVALID, "%s", text);
	CHECK(ward_has_suffix(err.message, "x" ELLIPSIS));
	CHECK_EQ_SIZE(strlen(err.message), WARD_ERROR_MESSAGE_MAX - 1);
}

/* The reason of the system stays, however long the name in front of it is. */
TEST(fail_errno_keeps_reason)
{
	char text[3000];
	struct ward_error err;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	(void)ward_fail_errno(&err, WARD_E_SYSTEM, EACCES, "%s", text);
	CHECK(ward_has_suffix(err.message, ELLIPSIS ": Permission denied"));
	CHECK(strlen(err.message) < sizeof(err.message));
}

TEST(format_forms)
{
	static const struct {
		const char *file;
		uint32_t line, column;
		const char *fix, *want;
	} rows[] = {
		{ "", 0, 0, "", "msg" },
		{ "caps.json", 3, 14, "", "caps.json:3:14: msg" },
		{ "caps.json", 3, 0, "", "caps.json:3: msg" },
		{ "--memory", 0, 0, "", "--memory: msg" },
		{ "", 3, 14, "", "line 3:14: msg" },
		{ "", 3, 0, "", "line 3: msg" },
		{ "caps.json", 3, 14, "do this", "caps.json:3:14: msg; do this" },
		{ "", 0, 0, "do this", "msg; do this" },
	};

	TABLE(row, rows) {
		struct ward_error err;

		CASE("%s", row->want);
		(void)ward_fail(&err, WARD_E_PARSE, "msg");
		ward_fail_at(&err, row->file, row->line, row->column);
		if (row->fix[0] != '\0')
			ward_fail_fix(&err, "%s", row->fix);
		CHECK_STR_EQ(formatted(&err), row->want);
	}
}

TEST(format_truncates_as_snprintf)
{
	struct ward_error err = WARD_ERROR_INIT;
	char out[8];

	/* Nothing was said: the code speaks. */
	CHECK_EQ_SIZE(ward_error_format(&err, out, sizeof(out)), 2);
	CHECK_STR_EQ(out, "ok");
	(void)ward_fail(&err, WARD_E_PARSE, "0123456789");
	CHECK_EQ_SIZE(ward_error_format(&err, out, sizeof(out)), 10);
	CHECK_STR_EQ(out, "0123456");
	CHECK_EQ_SIZE(ward_error_format(&err, NULL, 0), 10);
}

TEST(names)
{
	/* From the header's text, once more by hand: these are promised to scripts. */
	static const struct {
		enum ward_error_class c;
		const char *name, *code;
	} classes[] = {
		{ WARD_CLASS_SECURITY, "SecurityError", "SECURITY-100" },
		{ WARD_CLASS_SANDBOX_VIOLATION, "SandboxViolationError", "SECURITY-110" },
		{ WARD_CLASS_CAPABILITY, "CapabilityError", "SECURITY-120" },
		{ WARD_CLASS_SECRET_ACCESS, "SecretAccessError", "SECURITY-130" },
		{ WARD_CLASS_EXTERNAL_COMMAND, "ExternalCommandError", "SECURITY-140" },
	};

	CHECK_EQ_SIZE(WARD_ARRAY_SIZE(classes), WARD_CLASS_MAX);
	TABLE(row, classes) {
		CHECK_STR_EQ(ward_error_class_name(row->c), row->name);
		CHECK_STR_EQ(ward_error_class_code(row->c), row->code);
	}
	for (int code = WARD_E_INTERNAL; code <= WARD_OK; code++)
		CHECK(strcmp(ward_code_name(code), "unknown") != 0);
	CHECK_STR_EQ(ward_code_name(WARD_OK), "ok");
	CHECK_STR_EQ(ward_code_name(WARD_E_NOMEM), "out of memory");
	CHECK_STR_EQ(ward_violation_name(WARD_VIOLATION_FILE), "file");
	CHECK_STR_EQ(ward_violation_code(WARD_VIOLATION_LIMIT), "SECURITY-116");
}

TEST(names_unknown)
{
	CHECK_STR_EQ(ward_code_name(1), "unknown");
	CHECK_STR_EQ(ward_code_name(-15), "unknown");
	CHECK_STR_EQ(ward_error_class_name(WARD_CLASS_MAX), "unknown");
	CHECK_STR_EQ(ward_error_class_code((enum ward_error_class)(-1)), "unknown");
	CHECK_STR_EQ(ward_violation_name(WARD_VIOLATION_MAX), "unknown");
	CHECK_STR_EQ(ward_violation_code((enum ward_violation_type)99), "unknown");
}

TAP_MAIN();
