/* SPDX-License-Identifier: Apache-2.0 */
/* The four extension types: what their constructors take and refuse, and with which words; and their functions. */
#include "cedar/value/value.h"
#include "tap.h"

#define MIN INT64_MIN
#define MAX INT64_MAX
#define HOUR 3600000ll
#define DAY (24 * HOUR)

static struct cedar_pool *pool;

__attribute__((constructor)) static void begin(void)
{
	pool = ward_cedar_pool_new(0);
}

__attribute__((destructor)) static void end(void)
{
	ward_cedar_pool_free(pool);
}

static struct cedar_value text(const char *s)
{
	return (struct cedar_value){ .tag = CEDAR_V_STRING,
		.str = ward_cedar_intern(pool, s, strlen(s)) };
}

/* fn(s), or the words in which it is refused. */
static bool make(enum cedar_fn fn, const char *s, struct cedar_value *ret, struct ward_buf *words)
{
	struct cedar_value v = text(s);
	struct cedar_fault f;

	if (ward_cedar_call(ward_cedar_pool_arena(pool), fn, &v, 1, ret, &f))
		return true;
	ward_cedar_fault_print(words, &f);
	return false;
}

struct number_row {
	const char *text;
	int64_t value;
	const char *words; /* NULL: it is taken */
};

static void check_numbers(enum cedar_fn fn, const struct number_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ward_buf words = WARD_BUF_INIT;
		struct cedar_value v;
		char want[300];

		CASE("%s", rows[i].text);
		if (make(fn, rows[i].text, &v, &words)) {
			CHECK_MSG(rows[i].words == NULL, "taken");
			CHECK_EQ_INT(v.number, rows[i].value);
			CHECK(ward_cedar_str_is(v.text, rows[i].text));
		} else {
			snprintf(want, sizeof(want),
				"error while evaluating `%s` extension function: %s",
				ward_cedar_functions[fn].name,
				rows[i].words != NULL ? rows[i].words : "none");
			CHECK_STR_EQ(ward_buf_cstr(&words), want);
		}
		ward_buf_done(&words);
	}
}

#define MALFORMED(s) \
	{ \
		s, 0, "`" s "` is not a well-formed decimal value" \
	}
#define TOO_BIG(s) \
	{ \
		s, 0, "overflow when converting to decimal" \
	}
#define TOO_LONG(s) \
	{ \
		s, 0, "too many digits after the decimal in `" s "`" \
	}

static const struct number_row decimals[] = {
	{ "0.0", 0, NULL }, { "1.0", 10000, NULL }, { "1.2345", 12345, NULL },
	{ "-1.5", -15000, NULL }, { "-0.5", -5000, NULL }, /* the sign of what begins with -0 */
	{ "-0.0001", -1, NULL }, { "-0.0", 0, NULL }, { "00001.50", 15000, NULL },
	{ "0000000000000000000000000000000000000001.0", 10000, NULL },
	{ "922337203685477.5807", MAX, NULL }, { "-922337203685477.5808", MIN, NULL },
	{ "922337203685477.0", 9223372036854770000, NULL }, TOO_BIG("922337203685477.5808"),
	TOO_BIG("-922337203685477.5809"), TOO_BIG("922337203685478.0"),
	TOO_BIG("-922337203685478.00001"), TOO_BIG("99999999999999999999.0"),
	TOO_BIG("99999999999999999999.00000"),
	TOO_BIG("\xd9\xa1.0"), /* an Arabic digit is one of the form, and none of the value */
	TOO_BIG("1.\xd9\xa1"), TOO_BIG("\xf0\x91\x9b\x90.0"), /* U+116D0, of Unicode 16 */
	TOO_LONG("1.00000"), TOO_LONG("0.12345"),
	TOO_LONG("1.\xd9\xa1\xd9\xa1\xd9\xa1"), /* bytes are counted */
	MALFORMED(""), MALFORMED("-"), MALFORMED("."), MALFORMED("1"), MALFORMED("1."),
	MALFORMED(".1"), MALFORMED("-.1"), MALFORMED("+1.0"), MALFORMED("--1.0"), MALFORMED("1.0 "),
	MALFORMED(" 1.0"), MALFORMED("1.0\n"), MALFORMED("1,0"), MALFORMED("1.0.0"),
	MALFORMED("1e3"), MALFORMED("0x1.0"), MALFORMED("1.-5"),
	MALFORMED("\xc2\xb2.0"), /* superscript two is no decimal digit */
};

TEST(decimal)
{
	check_numbers(CEDAR_FN_DECIMAL, decimals, WARD_ARRAY_SIZE(decimals));
}

TEST(decimal_canonical)
{
	static const struct {
		int64_t v;
		const char *text;
	} rows[] = { { 0, "0.0000" }, { 1, "0.0001" }, { -1, "-0.0001" }, { -1200, "-0.1200" },
		{ 12345, "1.2345" }, { MAX, "922337203685477.5807" },
		{ MIN, "-922337203685477.5808" } };

	TABLE(row, rows) {
		struct ward_buf b = WARD_BUF_INIT;
		int64_t back;

		CASE("%s", row->text);
		ward_cedar_decimal_print(&b, row->v);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->text);
		CHECK(ward_cedar_decimal_parse((struct ward_str){ b.s, b.n }, &back) &&
			back == row->v);
		ward_buf_done(&b);
	}
}

#define NO_DURATION(s) \
	{ \
		s, 0, "invalid duration pattern" \
	}
#define LONG_DURATION(s) \
	{ \
		s, 0, "Duration overflows internal representation" \
	}

static const struct number_row durations[] = {
	{ "0ms", 0, NULL },
	{ "-0ms", 0, NULL },
	{ "1d", DAY, NULL },
	{ "24h", DAY, NULL },
	{ "1d2h3m4s5ms", DAY + 2 * HOUR + 3 * 60000 + 4000 + 5, NULL },
	{ "-1d2h3m4s5ms", -(DAY + 2 * HOUR + 3 * 60000 + 4000 + 5), NULL },
	{ "1m", 60000, NULL },
	{ "1ms", 1, NULL },
	{ "1m1ms", 60001, NULL },
	{ "007s", 7000, NULL },
	{ "000000000000000000000000000000007s", 7000, NULL },
	{ "9223372036854775807ms", MAX, NULL },
	{ "-9223372036854775807ms", -MAX, NULL },
	{ "-9223372036854775808ms", MIN, NULL }, /* one number more on that side */
	{ "-106751991167d7h12m55s808ms", MIN, NULL },
	{ "106751991167d7h12m55s807ms", MAX, NULL },
	LONG_DURATION("106751991167d7h12m55s808ms"),
	LONG_DURATION("-106751991167d7h12m55s809ms"),
	LONG_DURATION("9223372036854775808ms"),
	LONG_DURATION("-9223372036854775809ms"),
	LONG_DURATION("18446744073709551616ms"),
	LONG_DURATION("99999999999999999999999d"),
	LONG_DURATION("106751991168d"),
	LONG_DURATION("9223372036854775807s"),
	NO_DURATION(""),
	NO_DURATION("-"),
	NO_DURATION("1"),
	NO_DURATION("ms"),
	NO_DURATION("+1h"),
	NO_DURATION("1h1d"),
	NO_DURATION("1d1d"),
	NO_DURATION("1ms1s"),
	NO_DURATION("1.5h"),
	NO_DURATION("1d -2h"),
	NO_DURATION("1d-2h"),
	NO_DURATION("--1d"),
	NO_DURATION("1D"),
	NO_DURATION("1 d"),
	NO_DURATION("1d "),
	NO_DURATION("1w"),
	NO_DURATION("1d2"),
	NO_DURATION("1msx"),
	NO_DURATION("99999999999999999999999dx"), /* form before range */
	NO_DURATION("\xd9\xa1h"),
};

TEST(duration)
{
	check_numbers(CEDAR_FN_DURATION, durations, WARD_ARRAY_SIZE(durations));
}

#define NO_DATE(s) \
	{ \
		s, 0, "invalid date pattern" \
	}
#define BAD_DATE(s) \
	{ \
		s, 0, "invalid date: " s \
	}
#define NO_CLOCK(s) \
	{ \
		s, 0, "invalid hour/minute/second pattern" \
	}
#define NO_END(s) \
	{ \
		s, 0, "invalid millisecond and/or offset pattern" \
	}

static const struct number_row datetimes[] = {
	{ "1970-01-01", 0, NULL },
	{ "1970-01-02", DAY, NULL },
	{ "1969-12-31", -DAY, NULL },
	{ "2000-02-29", 951782400000, NULL },
	{ "2024-10-15T11:38:02.101Z", 1728992282101, NULL },
	{ "2024-10-15T11:38:02Z", 1728992282000, NULL },
	{ "2024-10-15T11:38:02.101+1134", 1728992282101 - (11 * HOUR + 34 * 60000), NULL },
	{ "2024-10-15T11:38:02.101-1134", 1728992282101 + (11 * HOUR + 34 * 60000), NULL },
	{ "1970-01-01T00:00:00+0100", -HOUR, NULL }, /* east is earlier */
	{ "1970-01-01T00:00:00-0100", HOUR, NULL },
	{ "1970-01-01T00:00:00-2359", 23 * HOUR + 59 * 60000, NULL },
	{ "1970-01-01T23:59:59.999Z", DAY - 1, NULL },
	{ "0000-01-01", -62167219200000, NULL },
	{ "0000-02-29", -62167219200000 + 59 * DAY, NULL },
	{ "0001-01-01", -62135596800000, NULL },
	{ "9999-12-31T23:59:59.999Z", 253402300799999, NULL },
	{ "1600-02-29", -11670998400000, NULL },
	BAD_DATE("2023-02-29"),
	BAD_DATE("1900-02-29"),
	BAD_DATE("2024-00-01"),
	BAD_DATE("2024-01-00"),
	BAD_DATE("2024-01-32"),
	BAD_DATE("2024-04-31"),
	BAD_DATE("2024-13-01"),
	{ "2024-02-30T00:00:00Z", 0, "invalid date: 2024-02-30" },
	{ "2024-02-30T25:00:00+9999", 0, "invalid date: 2024-02-30" },
	NO_END("2024-02-30T25:00:00"), /* form before meaning */
	NO_DATE(""),
	NO_DATE("2024"),
	NO_DATE("10000-01-01"),
	NO_DATE("+2024-01-01"),
	NO_DATE("-001-01-01"),
	NO_DATE("2024-1-01"),
	NO_DATE(" 2024-01-01"),
	NO_DATE("2024/01/01"),
	NO_CLOCK("2024-01-01T"),
	NO_CLOCK("2024-01-01Z"),
	NO_CLOCK("2024-01-01 "),
	NO_CLOCK("2024-01-01t00:00:00Z"),
	NO_CLOCK("2024-01-01 00:00:00Z"),
	NO_CLOCK("2024-01-01T00:00Z"),
	NO_CLOCK("2024-01-01T0:00:00Z"),
	NO_END("2024-01-01T00:00:00"),
	NO_END("2024-01-01T00:00:00z"),
	NO_END("2024-01-01T00:00:00.Z"),
	NO_END("2024-01-01T00:00:00.1Z"),
	NO_END("2024-01-01T00:00:00.1234Z"),
	NO_END("2024-01-01T00:00:00.123"),
	NO_END("2024-01-01T00:00:00+01:00"),
	NO_END("2024-01-01T00:00:00+010"),
	NO_END("2024-01-01T00:00:00+01000"),
	NO_END("2024-01-01T00:00:00ZZ"),
	NO_END("2024-01-01T00:00:00Z "),
	{ "2024-01-01T24:00:00Z", 0, "invalid hour/minute/second: 24:00:00" },
	{ "2024-01-01T00:60:00Z", 0, "invalid hour/minute/second: 00:60:00" },
	{ "2016-12-31T23:59:60Z", 0, "invalid hour/minute/second: 23:59:60" },
	{ "2024-01-01T24:00:00+9999", 0, "invalid hour/minute/second: 24:00:00" },
	{ "2024-01-01T00:00:00+2400", 0, "invalid offset range: 240" },
	{ "2024-01-01T00:00:00-0060", 0, "invalid offset range: 060" },
};

TEST(datetime)
{
	check_numbers(CEDAR_FN_DATETIME, datetimes, WARD_ARRAY_SIZE(datetimes));
}

/* Each day from 0000-03-01 to 2400-03-01 is one day after the one before it. */
TEST(calendar)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t last = 0, now;
	unsigned wrong = 0, seen = 0;

	for (int y = 0; y < 2400; y++) {
		bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

		for (int m = 1; m <= 12; m++) {
			for (int d = 1; d <= days[m - 1] + (leap && m == 2); d++) {
				char s[40];

				snprintf(s, sizeof(s), "%04d-%02d-%02d", y, m, d);
				wrong += !ward_cedar_datetime_parse(ward_str(s), &now);
				wrong += seen++ > 0 && now != last + DAY;
				last = now;
			}
		}
	}
	CHECK_EQ_INT(wrong, 0);
	CHECK_EQ_INT(seen, 876582);
}

#define NO_IP(s) \
	{ \
		s, NULL, "invalid IP address: " s \
	}
#define BAD_CIDR(a, p) \
	{ \
		a "/" p, NULL, \
			"error parsing IP address from the string `" a \
			"`: invalid IP address syntax" \
	}

static const struct {
	const char *text, *canonical, *words;
} ips[] = {
	{ "127.0.0.1", "127.0.0.1/32", NULL },
	{ "0.0.0.0/0", "0.0.0.0/0", NULL },
	{ "10.1.2.3/8", "10.1.2.3/8", NULL }, /* host bits are kept */
	{ "255.255.255.255/32", "255.255.255.255/32", NULL },
	{ "::", "::/128", NULL },
	{ "::1", "::1/128", NULL },
	{ "::/0", "::/0", NULL },
	{ "1::", "1::/128", NULL },
	{ "FFEE::11/64", "ffee::11/64", NULL },
	{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8/128", NULL },
	{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0/128", NULL },
	{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8/128", NULL },
	{ "1:0:0:2:0:0:0:3", "1:0:0:2::3/128", NULL },
	{ "1:0:0:2:3:0:0:4", "1::2:3:0:0:4/128", NULL },
	{ "0001:0:00:000:0000::2", "1::2/128", NULL },
	{ "::ffff:7f00:1", "::ffff:7f00:1/128", NULL }, /* stays what it is */
	{ "ABCD:EF01:2345:6789:ABCD:EF01:2345:6789/128",
		"abcd:ef01:2345:6789:abcd:ef01:2345:6789/128", NULL },
	NO_IP(""),
	NO_IP("1.2.3"),
	NO_IP("1.2.3.4.5"),
	NO_IP("1.2.3.256"),
	NO_IP("1.2.3.1000"),
	NO_IP("01.2.3.4"),
	NO_IP("1.2.3.00"),
	NO_IP(" 1.2.3.4"),
	NO_IP("1.2.3.4 "),
	NO_IP("1.2.3.-4"),
	NO_IP("1.2.3."),
	NO_IP("0x1.2.3.4"),
	NO_IP("[::1]"),
	NO_IP("::1%lo"),
	NO_IP(":"),
	NO_IP(":::"),
	NO_IP("1::2::3"),
	NO_IP("12345::"),
	NO_IP("g::"),
	NO_IP("1:2:3:4:5:6:7"),
	NO_IP("1:2:3:4:5:6:7:8:9"),
	NO_IP("1:2:3:4:5:6:7::8"),
	NO_IP("::1:2:3:4:5:6:7:8"),
	NO_IP("1:2:3:4:5:6:7:"),
	NO_IP(":1:2:3:4:5:6:7:8"),
	NO_IP("localhost"),
	BAD_CIDR("", "8"),
	BAD_CIDR("1.2.3", "8"),
	BAD_CIDR("::g", "8"),
	{ "::ffff:1.2.3.4", NULL,
		"error parsing IP address from string: We do not accept IPv4 embedded in IPv6 (e.g., ::ffff:127.0.0.1). Found: `::ffff:1.2.3.4`" },
	{ "1.2.3.4/33", NULL, "error parsing prefix: 33 is larger than the limit 32" },
	{ "::1/129", NULL, "error parsing prefix: 129 is larger than the limit 128" },
	{ "::1/256", NULL,
		"error parsing prefix from the string `256`: number too large to fit in target type" },
	{ "1.2.3.4/032", NULL, "error parsing prefix: string length 3 is too large" },
	{ "1.2.3.4/01", NULL, "error parsing prefix `01`: leading zero(s)" },
	{ "1.2.3.4/00", NULL, "error parsing prefix `00`: leading zero(s)" },
	{ "1.2.3.4/", NULL,
		"error parsing prefix from the string ``: cannot parse integer from empty string" },
	{ "1.2.3.4/+8", NULL, "error parsing prefix `+8`: encountered non-digit" },
	{ "1.2.3.4/a", NULL, "error parsing prefix `a`: encountered non-digit" },
	{ "1.2.3.4/8/", NULL, "error parsing prefix `8/`: encountered non-digit" },
	{ "1.2.3.4/8/8", NULL, "error parsing prefix: string length 3 is too large" },
	{ "::1/0128", NULL, "error parsing prefix: string length 4 is too large" },
	{ "ABCD:EF01:2345:6789:ABCD:EF01:2345:06789/128", NULL,
		"error parsing IP address from string `ABCD:EF01:2345:6789:ABCD:EF01:2345:06789/128`: string length is too large" },
};

TEST(ip)
{
	TABLE(row, ips) {
		struct ward_buf words = WARD_BUF_INIT, b = WARD_BUF_INIT;
		struct cedar_value v, again;
		char want[300];

		CASE("%s", row->text);
		if (make(CEDAR_FN_IP, row->text, &v, &words)) {
			CHECK_MSG(row->words == NULL, "taken");
			ward_cedar_ip_print(&b, v.ip);
			CHECK_STR_EQ(ward_buf_cstr(&b), row->canonical);
			CHECK(make(CEDAR_FN_IP, ward_buf_cstr(&b), &again, &words) &&
				ward_cedar_value_eq(&v, &again) &&
				ward_cedar_value_hash(&v) == ward_cedar_value_hash(&again));
		} else {
			snprintf(want, sizeof(want),
				"error while evaluating `ipaddr` extension function: %s",
				row->words != NULL ? row->words : "none");
			CHECK_STR_EQ(ward_buf_cstr(&words), want);
		}
		ward_buf_done(&words);
		ward_buf_done(&b);
	}
}

TEST(ip_functions)
{
	static const struct {
		enum cedar_fn fn;
		const char *a, *b;
		bool result;
	} rows[] = {
		{ CEDAR_FN_IS_IPV4, "1.2.3.4", NULL, true },
		{ CEDAR_FN_IS_IPV4, "::1", NULL, false },
		{ CEDAR_FN_IS_IPV4, "::ffff:7f00:1", NULL, false },
		{ CEDAR_FN_IS_IPV6, "::1", NULL, true },
		{ CEDAR_FN_IS_IPV6, "1.2.3.4", NULL, false },
		{ CEDAR_FN_IS_LOOPBACK, "127.0.0.1", NULL, true },
		{ CEDAR_FN_IS_LOOPBACK, "127.255.0.1/8", NULL, true },
		{ CEDAR_FN_IS_LOOPBACK, "127.0.0.1/7", NULL, false },
		{ CEDAR_FN_IS_LOOPBACK, "128.0.0.1", NULL, false },
		{ CEDAR_FN_IS_LOOPBACK, "::1", NULL, true },
		{ CEDAR_FN_IS_LOOPBACK, "::1/127", NULL, false },
		{ CEDAR_FN_IS_LOOPBACK, "::2", NULL, false },
		{ CEDAR_FN_IS_LOOPBACK, "::ffff:7f00:1", NULL, false },
		{ CEDAR_FN_IS_MULTICAST, "224.0.0.0", NULL, true },
		{ CEDAR_FN_IS_MULTICAST, "239.255.255.255/4", NULL, true },
		{ CEDAR_FN_IS_MULTICAST, "224.0.0.0/3", NULL, false },
		{ CEDAR_FN_IS_MULTICAST, "240.0.0.0", NULL, false },
		{ CEDAR_FN_IS_MULTICAST, "223.255.255.255", NULL, false },
		{ CEDAR_FN_IS_MULTICAST, "ff00::/8", NULL, true },
		{ CEDAR_FN_IS_MULTICAST, "ff00::/7", NULL, false },
		{ CEDAR_FN_IS_MULTICAST, "fe00::", NULL, false },
		{ CEDAR_FN_IS_IN_RANGE, "10.1.2.3", "10.0.0.0/8", true },
		{ CEDAR_FN_IS_IN_RANGE, "10.1.2.3", "10.9.9.9/8",
			true }, /* host bits do not count there */
		{ CEDAR_FN_IS_IN_RANGE, "11.1.2.3", "10.0.0.0/8", false },
		{ CEDAR_FN_IS_IN_RANGE, "10.0.0.0/8", "10.0.0.0/8", true },
		{ CEDAR_FN_IS_IN_RANGE, "10.0.0.0/7", "10.0.0.0/8", false },
		{ CEDAR_FN_IS_IN_RANGE, "10.0.0.0/9", "10.0.0.0/8", true },
		{ CEDAR_FN_IS_IN_RANGE, "1.2.3.4", "0.0.0.0/0", true },
		{ CEDAR_FN_IS_IN_RANGE, "0.0.0.0/0", "1.2.3.4", false },
		{ CEDAR_FN_IS_IN_RANGE, "10.0.0.129/31", "10.0.0.128/30", true },
		{ CEDAR_FN_IS_IN_RANGE, "10.0.0.132", "10.0.0.128/30", false },
		{ CEDAR_FN_IS_IN_RANGE, "1:2::3", "1:2::/64", true },
		{ CEDAR_FN_IS_IN_RANGE, "1:2:0:1::3", "1:2::/64", false },
		{ CEDAR_FN_IS_IN_RANGE, "1:2::3", "1:2::3", true },
		{ CEDAR_FN_IS_IN_RANGE, "::1", "::/0", true },
		{ CEDAR_FN_IS_IN_RANGE, "1.2.3.4", "::/0", false },
		{ CEDAR_FN_IS_IN_RANGE, "::1", "0.0.0.0/0", false },
		{ CEDAR_FN_IS_IN_RANGE, "::ffff:7f00:1", "127.0.0.0/8", false },
	};

	TABLE(row, rows) {
		struct ward_buf words = WARD_BUF_INIT;
		struct cedar_value v[2] = { 0 }, r;
		struct cedar_fault f;

		CASE("%s %s %s", ward_cedar_functions[row->fn].name, row->a, row->b ? row->b : "");
		REQUIRE(make(CEDAR_FN_IP, row->a, &v[0], &words));
		REQUIRE(row->b == NULL || make(CEDAR_FN_IP, row->b, &v[1], &words));
		REQUIRE(ward_cedar_call(ward_cedar_pool_arena(pool), row->fn, v, row->b ? 2 : 1, &r,
			&f));
		CHECK_EQ_INT(r.tag, CEDAR_V_BOOL);
		CHECK_EQ_INT(r.truth, row->result);
	}
}

TEST(number_functions)
{
	static const struct {
		enum cedar_fn fn;
		enum cedar_tag tag, tag2;
		int64_t a, b, result; /* of predicates: 0 or 1 */
		const char *words;
	} rows[] = {
		{ CEDAR_FN_LESS_THAN, CEDAR_V_DECIMAL, CEDAR_V_DECIMAL, 1, 2, 1, NULL },
		{ CEDAR_FN_LESS_THAN, CEDAR_V_DECIMAL, CEDAR_V_DECIMAL, 2, 2, 0, NULL },
		{ CEDAR_FN_LESS_THAN_OR_EQUAL, CEDAR_V_DECIMAL, CEDAR_V_DECIMAL, 2, 2, 1, NULL },
		{ CEDAR_FN_LESS_THAN_OR_EQUAL, CEDAR_V_DECIMAL, CEDAR_V_DECIMAL, 3, 2, 0, NULL },
		{ CEDAR_FN_GREATER_THAN, CEDAR_V_DECIMAL, CEDAR_V_DECIMAL, 1, MIN, 1, NULL },
		{ CEDAR_FN_GREATER_THAN, CEDAR_V_DECIMAL, CEDAR_V_DECIMAL, 1, 1, 0, NULL },
		{ CEDAR_FN_GREATER_THAN_OR_EQUAL, CEDAR_V_DECIMAL, CEDAR_V_DECIMAL, 1, 1, 1, NULL },
		{ CEDAR_FN_GREATER_THAN_OR_EQUAL, CEDAR_V_DECIMAL, CEDAR_V_DECIMAL, 0, 1, 0, NULL },
		{ CEDAR_FN_OFFSET, CEDAR_V_DATETIME, CEDAR_V_DURATION, 5, -7, -2, NULL },
		{ CEDAR_FN_OFFSET, CEDAR_V_DATETIME, CEDAR_V_DURATION, MAX, 1, 0,
			"error while evaluating `offset` extension function: overflows when adding an offset: "
			"datetime(\"1970-01-01\").offset(duration(\"9223372036854775807ms\"))+(1ms)" },
		{ CEDAR_FN_DURATION_SINCE, CEDAR_V_DATETIME, CEDAR_V_DATETIME, 5, 7, -2, NULL },
		{ CEDAR_FN_DURATION_SINCE, CEDAR_V_DATETIME, CEDAR_V_DATETIME, MIN, 1, 0,
			"error while evaluating `durationSince` extension function: overflows when computing the duration between "
			"datetime(\"1970-01-01\").offset(duration(\"-9223372036854775808ms\")) and "
			"datetime(\"1970-01-01\").offset(duration(\"1ms\"))" },
		{ CEDAR_FN_TO_DATE, CEDAR_V_DATETIME, CEDAR_V_NONE, DAY + 1, 0, DAY, NULL },
		{ CEDAR_FN_TO_DATE, CEDAR_V_DATETIME, CEDAR_V_NONE, -1, 0, -DAY, NULL },
		{ CEDAR_FN_TO_DATE, CEDAR_V_DATETIME, CEDAR_V_NONE, -DAY, 0, -DAY, NULL },
		{ CEDAR_FN_TO_DATE, CEDAR_V_DATETIME, CEDAR_V_NONE, MIN, 0, 0,
			"error while evaluating `toDate` extension function: overflows when computing the date of "
			"datetime(\"1970-01-01\").offset(duration(\"-9223372036854775808ms\"))" },
		{ CEDAR_FN_TO_TIME, CEDAR_V_DATETIME, CEDAR_V_NONE, DAY + 1, 0, 1, NULL },
		{ CEDAR_FN_TO_TIME, CEDAR_V_DATETIME, CEDAR_V_NONE, -1, 0, DAY - 1, NULL },
		{ CEDAR_FN_TO_TIME, CEDAR_V_DATETIME, CEDAR_V_NONE, -DAY, 0, 0, NULL },
		{ CEDAR_FN_TO_TIME, CEDAR_V_DATETIME, CEDAR_V_NONE, MIN, 0, MIN % DAY + DAY, NULL },
		{ CEDAR_FN_TO_MILLISECONDS, CEDAR_V_DURATION, CEDAR_V_NONE, MIN, 0, MIN, NULL },
		{ CEDAR_FN_TO_SECONDS, CEDAR_V_DURATION, CEDAR_V_NONE, -1999, 0, -1, NULL },
		{ CEDAR_FN_TO_MINUTES, CEDAR_V_DURATION, CEDAR_V_NONE, 119999, 0, 1, NULL },
		{ CEDAR_FN_TO_HOURS, CEDAR_V_DURATION, CEDAR_V_NONE, -HOUR + 1, 0, 0, NULL },
		{ CEDAR_FN_TO_DAYS, CEDAR_V_DURATION, CEDAR_V_NONE, 3 * DAY - 1, 0, 2, NULL },
	};

	TABLE(row, rows) {
		struct cedar_value v[2] = { { .tag = (uint8_t)row->tag, .number = row->a },
			{ .tag = (uint8_t)row->tag2, .number = row->b } };
		struct cedar_value r = { 0 };
		struct cedar_fault f = { 0 };
		struct ward_buf words = WARD_BUF_INIT;

		CASE("%s %lld", ward_cedar_functions[row->fn].name, (long long)row->a);
		if (ward_cedar_call(ward_cedar_pool_arena(pool), row->fn, v,
			    row->tag2 == CEDAR_V_NONE ? 1 : 2, &r, &f)) {
			CHECK_MSG(row->words == NULL, "no fault");
			CHECK_EQ_INT(r.tag == CEDAR_V_BOOL ? r.truth : r.number, row->result);
		} else {
			ward_cedar_fault_print(&words, &f);
			CHECK_STR_EQ(ward_buf_cstr(&words), row->words);
		}
		ward_buf_done(&words);
	}
}

TEST(arguments)
{
	struct cedar_value v[300] = { 0 }, r;
	struct cedar_fault f;
	struct ward_buf b = WARD_BUF_INIT;

	v[0] = text("1.0");
	v[1] = v[0];
	for (int i = 2; i < 300; i++)
		v[i] = v[0];
	REQUIRE(!ward_cedar_call(ward_cedar_pool_arena(pool), CEDAR_FN_DECIMAL, v, 300, &r, &f));
	ward_cedar_fault_print(&b, &f);
	CHECK_STR_EQ(ward_buf_cstr(&b),
		"wrong number of arguments provided to extension function `decimal`: expected 1, got 300");
	ward_buf_clear(&b);
	REQUIRE(!ward_cedar_call(ward_cedar_pool_arena(pool), CEDAR_FN_LESS_THAN, v, 0, &r, &f));
	ward_cedar_fault_print(&b, &f);
	CHECK_STR_EQ(ward_buf_cstr(&b),
		"wrong number of arguments provided to extension function `lessThan`: expected 2, got 0");
	ward_buf_clear(&b);
	REQUIRE(!ward_cedar_call(ward_cedar_pool_arena(pool), CEDAR_FN_LESS_THAN, v, 2, &r, &f));
	ward_cedar_fault_print(&b, &f);
	CHECK_STR_EQ(ward_buf_cstr(&b), "type error: expected decimal, got string");
	ward_buf_clear(&b);
	ward_cedar_fault_help(&b, &f);
	CHECK_STR_EQ(ward_buf_cstr(&b), "maybe you forgot to apply the `decimal` constructor?");
	ward_buf_clear(&b);
	REQUIRE(!ward_cedar_call(ward_cedar_pool_arena(pool), CEDAR_FN_IS_IPV4, v, 1, &r, &f));
	ward_cedar_fault_help(&b, &f);
	CHECK_STR_EQ(ward_buf_cstr(&b), "maybe you forgot to apply the `ip` constructor?");
	ward_buf_clear(&b);
	REQUIRE(!ward_cedar_call(ward_cedar_pool_arena(pool), CEDAR_FN_UNKNOWN, v, 1, &r, &f));
	CHECK_EQ_INT(f.kind, CEDAR_FAULT_UNKNOWN);
	ward_cedar_fault_print(&b, &f);
	CHECK_STR_EQ(ward_buf_cstr(&b), "the expression contains unknown(s): `unknown(\"1.0\")`");
	ward_buf_done(&b);
}

TEST(help)
{
	static const struct {
		enum cedar_fn fn;
		const char *text, *part;
	} rows[] = {
		{ CEDAR_FN_DECIMAL, "1", "valid decimal strings look like `12.34`" },
		{ CEDAR_FN_DECIMAL, "1.00000", "at most 4 digits" },
		{ CEDAR_FN_DECIMAL, "9223372036854775807.0", "the value must be in range" },
		{ CEDAR_FN_IP, "x", "valid IP strings are" },
		{ CEDAR_FN_DATETIME, "x", "valid datetime strings start with" },
		{ CEDAR_FN_DATETIME, "2024-01-01T", "valid datetime strings start with" },
		{ CEDAR_FN_DATETIME, "2024-01-01T00:00:00", "valid datetime strings start with" },
		{ CEDAR_FN_DATETIME, "2024-01-01T00:00:00+2400", "like `+0700`" },
		{ CEDAR_FN_DATETIME, "2024-02-30", "valid datetime strings start with" },
		{ CEDAR_FN_DURATION, "x", "valid duration strings are concatenated" },
		{ CEDAR_FN_DURATION, "9223372036854775808ms", "for example `1d2h3m4s50ms`" },
	};

	TABLE(row, rows) {
		struct cedar_value v = text(row->text), r;
		struct cedar_fault f;
		struct ward_buf b = WARD_BUF_INIT;

		CASE("%s", row->text);
		REQUIRE(!ward_cedar_call(ward_cedar_pool_arena(pool), row->fn, &v, 1, &r, &f));
		ward_cedar_fault_help(&b, &f);
		CHECK_STR_CONTAINS(ward_buf_cstr(&b), row->part);
		ward_buf_done(&b);
	}
}

TAP_MAIN();
