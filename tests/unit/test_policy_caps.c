/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability files and lists: what is accepted means what it says, what is not is refused whole, with the place and
 * the fix, and lack of memory at any point is an error. The resources themselves are in tests/table/caps.tests.
 */
#include "alloc_fail.h"
#include "base/base.h"
#include "policy/policy.h"
#include "tap.h"

#define ARENA_MAX (8u << 20)

static struct ward_caps caps;
static struct ward_error err;
static char line[2048];

static void begin(void)
{
	ward_arena_free(caps.arena);
	memset(&caps, 0, sizeof(caps));
	memset(&err, 0, sizeof(err));
	caps.arena = ward_arena_new(ARENA_MAX);
	REQUIRE(caps.arena != NULL);
}

static int parse(const char *text)
{
	int r;

	begin();
	r = ward_caps_parse(&caps, text, strlen(text), "caps.json", &err);
	ward_error_format(&err, line, sizeof(line));
	return r;
}

TEST(types)
{
	for (unsigned t = WARD_CAP_NONE + 1; t < WARD_CAP_TYPE_MAX; t++) {
		enum ward_cap_type got = WARD_CAP_NONE;
		const char *name = ward_cap_type_name((enum ward_cap_type)t);

		CASE("%s", name);
		CHECK_EQ_INT(ward_cap_type_parse(ward_str(name), &got, NULL), WARD_OK);
		CHECK_EQ_INT(got, t);
		CHECK_EQ_INT(ward_cap_type_held((enum ward_cap_type)t),
			t <= WARD_CAP_NETWORK_LISTEN);
	}
	CASE("%s", "none");
	enum ward_cap_type got = WARD_CAP_ENV;
	CHECK_STR_EQ(ward_cap_type_name(WARD_CAP_NONE), "unknown");
	CHECK_STR_EQ(ward_cap_type_name((enum ward_cap_type)999), "unknown");
	CHECK(!ward_cap_type_held(WARD_CAP_NONE));
	CHECK(!ward_cap_type_held((enum ward_cap_type)999));
	CHECK_EQ_INT(ward_cap_type_parse(WARD_STR(""), &got, NULL), WARD_E_CAPABILITY);
	CHECK_EQ_INT(got, WARD_CAP_NONE);
	CHECK_EQ_INT(ward_cap_type_parse(WARD_STR("ENV\0X"), &got, NULL), WARD_E_CAPABILITY);
}

TEST(a_list_and_an_object)
{
	static const char *const texts[] = {
		"[{\"type\":\"FILE_READ\",\"resource\":\"src/**\",\"description\":\"sources\"},\n"
		" {\"resource\":\"HOME\",\"type\":\"ENV\"}]",
		"{\"capabilities\": [{\"type\":\"FILE_READ\",\"resource\":\"src/**\",\"description\":\"sources\"},\n"
		" {\"resource\":\"HOME\",\"type\":\"ENV\"}]}",
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(texts); i++) {
		CASE("%zu", i);
		CHECK_EQ_INT(parse(texts[i]), WARD_OK);
		REQUIRE(caps.n == 2);
		CHECK_EQ_INT(caps.v[0].type, WARD_CAP_FILE_READ);
		CHECK_STR_EQ(caps.v[0].resource, "src/**");
		CHECK_STR_EQ(caps.v[0].description, "sources");
		CHECK(!caps.v[0].literal);
		CHECK_STR_EQ(caps.v[0].origin.file, "caps.json");
		CHECK_EQ_INT(caps.v[0].origin.line, 1);
		CHECK_EQ_INT(caps.v[0].origin.column, i == 0 ? 2 : 19);
		CHECK_EQ_INT(caps.v[0].origin.index, 0);
		CHECK_EQ_INT(caps.v[1].type, WARD_CAP_ENV);
		CHECK_NULL(caps.v[1].description);
		CHECK_EQ_INT(caps.v[1].origin.line, 2);
		CHECK_EQ_INT(caps.v[1].origin.column, 2);
	}
}

/* An empty list is nothing, never everything (7 of the origin's defects). */
TEST(empty_grants_nothing)
{
	CHECK_EQ_INT(parse("[]"), WARD_OK);
	CHECK_EQ_SIZE(caps.n, 0);
	CHECK_EQ_INT(parse("{\"capabilities\":[]}"), WARD_OK);
	CHECK_EQ_SIZE(caps.n, 0);
}

TEST(bad_files)
{
#define GOOD "{\"type\":\"ENV\",\"resource\":\"A\"}"
	static const struct {
		const char *text;
		int code;
		const char *want;
	} rows[] = {
		{ "", WARD_E_PARSE, "caps.json:1:1: " },
		{ "nonsense", WARD_E_PARSE, "caps.json:1:1: " },
		{ "[" GOOD ",]", WARD_E_PARSE, "caps.json:1:" },
		{ "[" GOOD "] x", WARD_E_PARSE, "caps.json:1:" },
		{ "[\n" GOOD "\n" GOOD "]", WARD_E_PARSE, "caps.json:3:1: " },
		{ "[{\"type\":\"ENV\",\"type\":\"ENV\",\"resource\":\"A\"}]", WARD_E_PARSE,
			"caps.json:1:16: " },
		{ "[{\"type\":\"ENV\",\"resource\":\"A\xff\"}]", WARD_E_PARSE, "caps.json:1:" },
		{ "[{\"type\":\"ENV\",\"resource\":\"A\\u0000\"}]", WARD_E_PARSE, "caps.json:1:" },
		{ "\"FILE_READ:x\"", WARD_E_PARSE,
			"caps.json:1:1: a capability file must be a list, not" },
		{ "null", WARD_E_PARSE, "caps.json:1:1: a capability file must be a list" },
		{ "{}", WARD_E_PARSE, "caps.json:1:1: an object without \"capabilities\"" },
		{ "{\"capabilities\":{}}", WARD_E_PARSE,
			"caps.json:1:17: a capability file must be a list" },
		{ "{\"capabilites\":[]}", WARD_E_PARSE, "did you mean \"capabilities\"?" },
		{ GOOD, WARD_E_PARSE, "caps.json:1:2: unknown field \"type\"" },
		{ GOOD, WARD_E_PARSE, "write a list, or" },
		{ "{\"capabilities\":[" GOOD "],\n\"x\":1}", WARD_E_PARSE,
			"caps.json:2:1: unknown field \"x\"" },
		{ "[1]", WARD_E_PARSE, "caps.json:1:2: a capability must be an object" },
		{ "[\"FILE_READ:x\"]", WARD_E_PARSE,
			"caps.json:1:2: a capability must be an object" },
		{ "[{\"type\":\"ENV\"}]", WARD_E_PARSE,
			"caps.json:1:2: a capability without \"resource\"" },
		{ "[{\"resource\":\"A\"}]", WARD_E_PARSE,
			"caps.json:1:2: a capability without \"type\"" },
		{ "[{}]", WARD_E_PARSE, "without \"type\"" },
		{ "[{\"type\":\"ENV\",\"resource\":[\"A\"]}]", WARD_E_PARSE,
			"caps.json:1:27: resource must be a string" },
		{ "[{\"type\":7,\"resource\":\"A\"}]", WARD_E_PARSE,
			"caps.json:1:10: type must be a string" },
		{ "[{\"type\":\"ENV\",\"resource\":\"A\",\"description\":null}]", WARD_E_PARSE,
			"description must be a string" },
		{ "[{\"type\":\"ENV\",\n  \"resouce\":\"A\"}]", WARD_E_PARSE,
			"caps.json:2:3: unknown field \"resouce\"" },
		{ "[{\"type\":\"ENV\",\"resouce\":\"A\"}]", WARD_E_PARSE,
			"did you mean \"resource\"?" },
		{ "[{\"type\":\"ENV\",\"resource\":\"A\",\"only_if_signed\":\"x\"}]", WARD_E_PARSE,
			"the fields are" },
		{ "[{\"type\":\"ENV\",\"resource\":\"A\",\"a\\u001b[2J\":\"x\"}]", WARD_E_PARSE,
			"a\\x1b[2J" },
		{ "[\n  {\"type\":\"FILE_RAED\",\"resource\":\"x\"}]", WARD_E_CAPABILITY,
			"caps.json:2:11: unknown capability type \"FILE_RAED\"" },
		{ "[{\"type\":\"FILE_RAED\",\"resource\":\"x\"}]", WARD_E_CAPABILITY,
			"did you mean FILE_READ?" },
		{ "[{\"type\":\"\",\"resource\":\"x\"}]", WARD_E_CAPABILITY,
			"unknown capability type" },
		{ "[" GOOD ",\n {\"type\":\"FILE_READ\",\"resource\":\"src/\"}]", WARD_E_CAPABILITY,
			"caps.json:2:33: FILE_READ \"src/\"" },
		{ "[{\"type\":\"FILE_READ\",\"resource\":\"\"}]", WARD_E_CAPABILITY,
			"the resource is empty" },
		{ "[{\"type\":\"FILE_READ\",\"resource\":\"a\\u0001\"}]", WARD_E_CAPABILITY,
			"control character" },
		{ "[{\"type\":\"NETWORK_CONNECT\",\"resource\":\"a:99999\"}]", WARD_E_CAPABILITY,
			"99999" },
		{ "[{\"type\":\"SECRET_ACCESS\",\"resource\":\"a\"}]", WARD_E_REFUSED,
			"SECRET_ACCESS: not held by this backend" },
	};

	TABLE(row, rows) {
		CASE("row %td", row - rows);
		CHECK_EQ_INT(parse(row->text), row->code);
		CHECK_STR_CONTAINS(line, row->want);
		CHECK_STR_EQ(err.file, "caps.json");
		CHECK_EQ_INT(err.error_class, WARD_CLASS_CAPABILITY);
		CHECK(err.fix[0] != '\0');
		CHECK(err.line > 0 && err.column > 0);
		CHECK(strpbrk(line, "\n\r\t\x1b") == NULL);
		CHECK_EQ_SIZE(caps.n, 0); /* also when the first entry was good */
	}
}

TEST(a_failed_file_changes_nothing)
{
	static const char good[] = "[" GOOD "]", bad[] = "[" GOOD "," GOOD ",{}]";

	CHECK_EQ_INT(parse(good), WARD_OK);
	CHECK_EQ_INT(ward_caps_parse(&caps, bad, strlen(bad), NULL, NULL), WARD_E_PARSE);
	CHECK_EQ_SIZE(caps.n, 1);
	CHECK_EQ_INT(ward_caps_add_arg(&caps, "ENV:", 2, &err), WARD_E_CAPABILITY);
	CHECK_EQ_SIZE(caps.n, 1);
	CHECK_STR_EQ(err.file, "--cap (2)");
	CHECK_EQ_INT(ward_caps_add_arg(&caps, "ENV:B", 2, &err), WARD_OK);
	REQUIRE(caps.n == 2);
	CHECK_EQ_INT(caps.v[1].origin.index, 2);
	CHECK_STR_EQ(caps.v[1].origin.file, "--cap");
	CHECK_STR_EQ(caps.v[0].resource, "A");
}

TEST(limits)
{
	size_t n = WARD_CAPFILE_BYTES_MAX + 1;
	char *text = malloc(n);
	REQUIRE(text != NULL);
	memset(text, ' ', n);
	memcpy(text, "[]", 2);
	begin();
	CHECK_EQ_INT(ward_caps_parse(&caps, text, n - 1, "caps.json", &err), WARD_OK);
	CHECK_EQ_INT(ward_caps_parse(&caps, text, n, "caps.json", &err), WARD_E_LIMIT);
	CHECK_EQ_INT(err.error_class, WARD_CLASS_CAPABILITY);
	CHECK_STR_EQ(err.file, "caps.json");
	/* A list of nothing but numbers, as many as fit: refused, whatever it costs. */
	for (size_t i = 0; i + 1 < n; i += 2)
		memcpy(text + i, "0,", 2);
	text[0] = '[';
	CHECK(ward_caps_parse(&caps, text, n - 1, "caps.json", &err) < 0);
	free(text);

	begin();
	for (unsigned i = 0; i < WARD_CAPS_MAX; i++)
		if (ward_caps_add_arg(&caps, "ENV:A", i + 1, &err) < 0)
			break;
	CHECK_EQ_SIZE(caps.n, WARD_CAPS_MAX);
	CHECK_EQ_INT(ward_caps_add_arg(&caps, "ENV:A", 1, &err), WARD_E_LIMIT);
	CHECK_EQ_INT(err.error_class, WARD_CLASS_CAPABILITY);
	CHECK(err.fix[0] != '\0');
	CHECK_EQ_SIZE(caps.n, WARD_CAPS_MAX);
	CHECK_STR_EQ(caps.v[WARD_CAPS_MAX - 1].resource, "A");

	char arg[WARD_PATH_MAX + 32] = "FILE_READ:";
	memset(arg + 10, 'x', WARD_PATH_MAX - 1);
	begin();
	CHECK_EQ_INT(ward_caps_add_arg(&caps, arg, 1, &err), WARD_OK);
	arg[10 + WARD_PATH_MAX - 1] = 'x';
	CHECK_EQ_INT(ward_caps_add_arg(&caps, arg, 1, &err), WARD_E_CAPABILITY);
	CHECK_STR_CONTAINS(err.message, "longer than 4095 bytes");
	CHECK_STR_CONTAINS(err.message, "xxx\"...");
}

/* --read and --write: no character is special, but ".." is no character. */
TEST(literals)
{
	static const struct {
		const char *resource;
		int want;
	} rows[] = {
		{ "we*ird?", WARD_OK },
		{ "**", WARD_OK },
		{ "a**b", WARD_OK },
		{ "dir/", WARD_OK },
		{ "/", WARD_OK },
		{ "~x", WARD_OK },
		{ "a\nb", WARD_OK },
		{ "a\xff", WARD_OK },
		{ ".", WARD_OK },
		{ "", WARD_E_CAPABILITY },
		{ "..", WARD_E_CAPABILITY },
		{ "a/../b", WARD_E_CAPABILITY },
	};

	TABLE(row, rows) {
		struct ward_cap cap = { .type = WARD_CAP_FILE_WRITE,
			.resource = row->resource,
			.literal = true,
			.origin = { .file = "--write", .index = 3 } };

		CASE("%s", row->resource);
		begin();
		CHECK_EQ_INT(ward_caps_add(&caps, &cap, &err), row->want);
		CHECK_EQ_SIZE(caps.n, row->want == WARD_OK ? 1 : 0);
		if (row->want == WARD_OK) {
			CHECK(caps.v[0].literal);
			CHECK_STR_EQ(caps.v[0].resource, row->resource);
			CHECK(caps.v[0].resource != row->resource);
		} else {
			CHECK_STR_EQ(err.file, "--write (3)");
		}
	}
	struct ward_cap program = {
		.type = WARD_CAP_EXTERNAL_COMMAND, .resource = "/opt/a*b", .literal = true
	};
	CHECK_EQ_INT(ward_cap_check(&program, &err), WARD_OK);
}

TEST(no_capability_at_all)
{
	struct ward_cap cap = { .type = WARD_CAP_NONE, .resource = "x" };

	begin();
	CHECK_EQ_INT(ward_caps_add(&caps, &cap, &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_cap_check(NULL, &err), WARD_E_INVALID);
	cap.type = WARD_CAP_TYPE_MAX;
	CHECK_EQ_INT(ward_cap_check(&cap, NULL), WARD_E_INVALID);
	cap = (struct ward_cap){ .type = WARD_CAP_ENV };
	CHECK_EQ_INT(ward_cap_check(&cap, NULL), WARD_E_INVALID);
	CHECK_EQ_SIZE(caps.n, 0);
}

/* The value of a variable may be a secret: no error may hold it. */
TEST(values_are_not_shown)
{
	begin();
	CHECK_EQ_INT(ward_caps_add_arg(&caps, "ENV:BAD-NAME=hunter2", 1, &err), WARD_E_CAPABILITY);
	ward_error_format(&err, line, sizeof(line));
	CHECK_STR_CONTAINS(line, "BAD-NAME");
	CHECK(strstr(line, "hunter2") == NULL);
}

/* A long hostile resource leaves room for what is wrong with it. */
TEST(long_resources_are_cut)
{
	char arg[4000] = "FILE_READ:";

	begin();
	for (size_t i = strlen(arg); i + 4 < sizeof(arg); i += 3)
		memcpy(arg + i, "\xe2\x80\xae", 4); /* right-to-left override */
	memcpy(arg + strlen(arg) - 3, "/..", 3);
	CHECK_EQ_INT(ward_caps_add_arg(&caps, arg, 1, &err), WARD_E_CAPABILITY);
	CHECK_STR_CONTAINS(err.message, "is not allowed in a path");
	CHECK(strstr(err.message, "\xe2\x80\xae") == NULL);
	CHECK(ward_utf8_valid(err.message, strlen(err.message)));
}

TEST(every_allocation_may_fail)
{
	static const char text[] =
		"{\"capabilities\":[" GOOD ",{\"type\":\"FILE_READ\",\"resource\":\"src/**\","
		"\"description\":\"d\"}," GOOD "]}";
	static const char bad[] = "[{\"type\":\"FILE_RAED\",\"resource\":\"src/\"}]";
	unsigned long n;

	if (!ALLOC_FAIL_WORKS)
		SKIP("a sanitizer owns the allocator");
	for (n = 1;; n++) {
		begin();
		alloc_fail_hit = false;
		alloc_fail_at = n;
		int r = ward_caps_parse(&caps, text, strlen(text), "caps.json", &err);
		alloc_fail_at = 0;
		CASE("allocation %lu", n);
		if (!alloc_fail_hit) {
			CHECK_EQ_INT(r, WARD_OK);
			CHECK_EQ_SIZE(caps.n, 3);
			break;
		}
		CHECK_EQ_INT(r, WARD_E_NOMEM);
		CHECK_EQ_INT(err.code, WARD_E_NOMEM);
		CHECK_EQ_SIZE(caps.n, 0);
	}
	CHECK(n > 2);
	for (n = 1;; n++) {
		begin();
		alloc_fail_hit = false;
		alloc_fail_at = n;
		int r = ward_caps_parse(&caps, bad, strlen(bad), "caps.json", &err);
		alloc_fail_at = 0;
		CASE("allocation %lu of an error", n);
		CHECK(r < 0);
		CHECK_EQ_INT(err.code, r);
		CHECK_EQ_SIZE(caps.n, 0);
		if (!alloc_fail_hit)
			break;
	}
	/* An arena that is full is no memory either. */
	ward_arena_free(caps.arena);
	caps = (struct ward_caps){ .arena = ward_arena_new(64) };
	CHECK_EQ_INT(ward_caps_add_arg(&caps, "ENV:A", 1, &err), WARD_E_NOMEM);
	CHECK_EQ_SIZE(caps.n, 0);
}

TAP_MAIN();
