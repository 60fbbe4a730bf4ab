/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with units: what is accepted, to the last value; what is refused, with its reason and the
 * way to mend it.
 */
#include "base/base.h"
#include "tap.h"

#define WHY(part) 0, part

struct row {
	const char *text;
	uint64_t want;
	const char *why; /* NULL = accepted */
};

static void check_refused(int r, const struct ward_error *err, const struct row *row,
	const char *fix)
{
	CHECK_EQ_INT(r, WARD_E_INVALID);
	CHECK_EQ_INT(err->code, WARD_E_INVALID);
	CHECK_STR_CONTAINS(err->message, row->why);
	CHECK_STR_CONTAINS(err->message, "'");
	CHECK_STR_CONTAINS(err->fix, fix);
}

TEST(size)
{
	static const struct row rows[] = {
		{ "1", 1, NULL },
		{ "4096", 4096, NULL },
		{ "1K", 1024, NULL },
		{ "50M", 52428800, NULL },
		{ "1G", 1073741824, NULL },
		{ "2T", UINT64_C(2199023255552), NULL },
		{ "8388607T", UINT64_C(9223370937343148032), NULL },
		{ "9223372036854775807", INT64_MAX, NULL },
		{ "0", WHY("more than 0") },
		{ "0M", WHY("more than 0") },
		{ "", WHY("it is empty") },
		{ "-1", WHY("a sign") },
		{ "+1", WHY("a sign") },
		{ " 1", WHY("does not start with a digit") },
		{ "1 ", WHY("the unit is none of K, M, G, T") },
		{ "1 M", WHY("the unit") },
		{ "M", WHY("does not start with a digit") },
		{ "50m", WHY("the unit") },
		{ "50MB", WHY("the unit") },
		{ "50MiB", WHY("the unit") },
		{ "50KM", WHY("the unit") },
		{ "1.5G", WHY("a fraction") },
		{ "1e3", WHY("the unit") },
		{ "0x10", WHY("the unit") },
		{ "010", WHY("a leading zero") },
		{ "9223372036854775808", WHY("too large") },
		{ "8388608T", WHY("too large") },
		{ "16777216T", WHY("too large") },
		{ "18446744073709551616", WHY("too large") },
		{ "99999999999999999999999999", WHY("too large") },
		{ "nan", WHY("does not start with a digit") },
		{ "1\n", WHY("the unit") },
	};

	TABLE(row, rows) {
		struct ward_error err = WARD_ERROR_INIT;
		uint64_t got = 77;
		int r = ward_parse_size(row->text, &got, &err);

		CASE("%s", row->text);
		if (row->why != NULL) {
			check_refused(r, &err, row, "such as 256M");
			CHECK_EQ_UINT(got, 77);
			continue;
		}
		CHECK_EQ_INT(r, WARD_OK);
		CHECK_EQ_UINT(got, row->want);
		CHECK_STR_EQ(err.message, "");
	}
}

TEST(duration)
{
	static const struct row rows[] = {
		{ "5s", 5000, NULL },
		{ "200ms", 200, NULL },
		{ "1ms", 1, NULL },
		{ "1.5m", 90000, NULL },
		{ "2h", 7200000, NULL },
		{ "10", 10000, NULL },
		{ "0.5", 500, NULL },
		{ "0.001s", 1, NULL },
		{ "0.25h", 900000, NULL },
		{ "1.000000s", 1000, NULL },
		{ "8760h", UINT64_C(31536000000), NULL },
		{ "31536000", UINT64_C(31536000000), NULL },
		{ "0", WHY("more than 0") },
		{ "0ms", WHY("more than 0") },
		{ "0.000s", WHY("more than 0") },
		{ "-1", WHY("a sign") },
		{ "-1s", WHY("a sign") },
		{ "1e999", WHY("an exponent is not accepted") },
		{ "nan", WHY("does not start with a digit") },
		{ "inf", WHY("does not start with a digit") },
		{ "infinity", WHY("does not start with a digit") },
		{ "", WHY("it is empty") },
		{ "s", WHY("does not start with a digit") },
		{ "5 s", WHY("the unit") },
		{ "5S", WHY("the unit") },
		{ "5d", WHY("the unit") },
		{ "5sec", WHY("the unit") },
		{ "1.s", WHY("no digit behind the point") },
		{ ".5s", WHY("does not start with a digit") },
		{ "1.2.3s", WHY("the unit") },
		{ "0.0005s", WHY("finer than a millisecond") },
		{ "1.5ms", WHY("finer than a millisecond") },
		{ "0.0000001h", WHY("too many digits") },
		{ "00s", WHY("a leading zero") },
		{ "8761h", WHY("more than 365 days") },
		{ "8760.5h", WHY("more than 365 days") },
		{ "31536000001ms", WHY("more than 365 days") },
		{ "18446744073709551615h", WHY("more than 365 days") },
		{ "18446744073709551616", WHY("too large") },
	};

	TABLE(row, rows) {
		struct ward_error err = WARD_ERROR_INIT;
		uint64_t got = 77;
		int r = ward_parse_duration(row->text, &got, &err);

		CASE("%s", row->text);
		if (row->why != NULL) {
			check_refused(r, &err, row, "such as 200ms, 5s or 1.5m");
			CHECK_EQ_UINT(got, 77);
			continue;
		}
		CHECK_EQ_INT(r, WARD_OK);
		CHECK_EQ_UINT(got, row->want);
	}
}

TEST(cpus)
{
	static const struct row rows[] = {
		{ "1", 1000, NULL },
		{ "0.5", 500, NULL },
		{ "2.25", 2250, NULL },
		{ "0.01", 10, NULL },
		{ "0.010", 10, NULL },
		{ "1024", 1024000, NULL },
		{ "1024.000", 1024000, NULL },
		{ "0", WHY("too small") },
		{ "0.009", WHY("too small") },
		{ "0.0001", WHY("too many digits") },
		{ "1024.001", WHY("too large") },
		{ "1025", WHY("too large") },
		{ "18446744073709551615", WHY("too large") },
		{ "-1", WHY("a sign") },
		{ "", WHY("it is empty") },
		{ "2x", WHY("something stands behind") },
		{ "50%", WHY("something stands behind") },
		{ "1.", WHY("no digit behind the point") },
		{ "01", WHY("a leading zero") },
		{ "1e3", WHY("something stands behind") },
	};

	TABLE(row, rows) {
		struct ward_error err = WARD_ERROR_INIT;
		uint32_t got = 77;
		int r = ward_parse_cpus(row->text, &got, &err);

		CASE("%s", row->text);
		if (row->why != NULL) {
			check_refused(r, &err, row, "such as 1, 0.5 or 2.25");
			CHECK_EQ_UINT(got, 77);
			continue;
		}
		CHECK_EQ_INT(r, WARD_OK);
		CHECK_EQ_UINT(got, row->want);
	}
}

TEST(u64)
{
	static const struct row rows[] = {
		{ "1", 1, NULL },
		{ "65535", 65535, NULL },
		{ "0", WHY("too small") },
		{ "65536", WHY("too large") },
		{ "99999", WHY("too large") },
		{ "99999999999999999999", WHY("too large") },
		{ "-1", WHY("a sign") },
		{ "", WHY("it is empty") },
		{ "12a", WHY("something stands behind") },
		{ "1.0", WHY("something stands behind") },
		{ "0080", WHY("a leading zero") },
		{ "http", WHY("does not start with a digit") },
	};
	struct ward_error err = WARD_ERROR_INIT;
	uint64_t all = 0;

	TABLE(row, rows) {
		uint64_t got = 77;
		int r = ward_parse_u64(row->text, 1, 65535, &got, &err);

		CASE("%s", row->text);
		if (row->why != NULL) {
			check_refused(r, &err, row, "1 to 65535");
			CHECK_EQ_UINT(got, 77);
			continue;
		}
		CHECK_EQ_INT(r, WARD_OK);
		CHECK_EQ_UINT(got, row->want);
	}
	CHECK_EQ_INT(ward_parse_u64("18446744073709551615", 0, UINT64_MAX, &all, &err), WARD_OK);
	CHECK_EQ_UINT(all, UINT64_MAX);
	CHECK_EQ_INT(ward_parse_u64("0", 0, 0, &all, &err), WARD_OK);
	CHECK_EQ_UINT(all, 0);
}

/* A wrong text is repeated, but not without end, and not raw. */
TEST(message_is_bounded)
{
	char text[5000];
	struct ward_error err;
	uint64_t got;

	memset(text, '9', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	CHECK_EQ_INT(ward_parse_size(text, &got, &err), WARD_E_INVALID);
	CHECK_STR_CONTAINS(err.message, "...' is not a size: it is too large");
	CHECK(strlen(err.message) < 150);
	CHECK_EQ_INT(ward_parse_size("1\x1b[2J", &got, NULL), WARD_E_INVALID);
	CHECK_EQ_INT(ward_parse_size("1\x1b[2J", &got, &err), WARD_E_INVALID);
	CHECK_STR_CONTAINS(err.message, "'1\\x1b[2J'");
}

TEST(format_size)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} rows[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ 1023, "1023" },
		{ 1024, "1K" },
		{ 1536, "1536" },
		{ 52428800, "50M" },
		{ 1610612736, "1536M" },
		{ UINT64_C(1) << 40, "1T" },
		{ 52428801, "50.0M" },
		{ 123456789, "117.7M" },
		{ UINT64_MAX, "16777215.9T" },
	};

	TABLE(row, rows) {
		char out[32];

		ward_format_size(row->bytes, out, sizeof(out));
		CHECK_STR_EQ(out, row->want);
	}
}

TAP_MAIN();
