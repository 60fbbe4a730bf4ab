/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The YAML reader: each good text against its twin in JSON, each bad one with its whole error line, what it bounds at the
 * bound and one above it, places in bytes, and lack of memory at every allocation, libyaml's own included.
 */
#include "alloc_fail.h"
#include "registry/registry.h"
#include "tap.h"

static struct ward_arena *arena;
static struct ward_error err;
static char line[2048];

static struct ward_json *parse(const char *text, size_t n)
{
	struct ward_json *v = NULL;
	int r;

	ward_arena_free(arena);
	arena = ward_arena_new(32u << 20);
	REQUIRE(arena != NULL);
	memset(&err, 0, sizeof(err));
	line[0] = '\0';
	r = ward_yaml_parse(arena, text, n, "p.yaml", &v, &err);
	CHECK_EQ_INT(r < 0, v == NULL);
	CHECK_EQ_INT(err.code, r);
	if (r < 0)
		ward_error_format(&err, line, sizeof(line));
	return v;
}

static void same(const struct ward_json *v, const char *json)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf got = WARD_BUF_INIT, want = WARD_BUF_INIT;
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *other = ward_arena_new(32u << 20);
	struct ward_json *twin = NULL;

	CHECK_EQ_INT(ward_json_parse(other, json, strlen(json), "twin.json", &twin, NULL), WARD_OK);
	REQUIRE(v != NULL && twin != NULL);
	ward_jw_value(&got, v);
	ward_jw_value(&want, twin);
	CHECK_STR_EQ(ward_buf_cstr(&got), ward_buf_cstr(&want));
}

TEST(twins)
{
	static const char *const twins[][2] = {
		{ "a: 1\nb: [x, y]\n", "{\"a\": 1, \"b\": [\"x\", \"y\"]}" },
		{ "- a\n-  b\n- - c\n  - d\n", "[\"a\", \"b\", [\"c\", \"d\"]]" },
		{ "a:\n- b\n- c: d\n  e: f\n", "{\"a\": [\"b\", {\"c\": \"d\", \"e\": \"f\"}]}" },
		{ "# note\n--- # again\nk: v # c\n...\n", "{\"k\": \"v\"}" },
		{ "%YAML 1.2\n---\nk: v\n", "{\"k\": \"v\"}" },
		{ "{\"a\": [1, 2.5, true, null], \"b\": {}}",
			"{\"a\": [1, 2.5, true, null], \"b\": {}}" },
		/* YAML 1.1 would have booleans, a time and an old number here */
		{ "[yes, no, on, off, y, n, Yes, NO]",
			"[\"yes\", \"no\", \"on\", \"off\", \"y\", \"n\", \"Yes\", \"NO\"]" },
		{ "[1:30, 1_000, 0b1, 2001-01-01, 0o9, 0xg, 0x, +, -, ., ..]",
			"[\"1:30\", \"1_000\", \"0b1\", \"2001-01-01\", \"0o9\", \"0xg\", \"0x\", \"+\", \"-\", \".\", \"..\"]" },
		{ "[true, True, TRUE, false, False, FALSE, tRUE]",
			"[true, true, true, false, false, false, \"tRUE\"]" },
		{ "[null, Null, NULL, ~, nULL]", "[null, null, null, null, \"nULL\"]" },
		{ "[0, -0x, 12, -12, +12, 0x1F, 0xff, 0o17]",
			"[0, \"-0x\", 12, -12, 12, 31, 255, 15]" },
		{ "[1.5, .5, -.5, 3., -3.e1, 1e3, +1.25E-2, 0.0]",
			"[1.5, 0.5, -0.5, 3.0, -3.0e1, 1e3, 1.25e-2, 0.0]" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "0x7fffffffffffffff", "9223372036854775807" },
		{ "['1', \"1\", ! 1, !!str 1, !!str no, !!str ]",
			"[\"1\", \"1\", \"1\", \"1\", \"no\", \"\"]" },
		{ "[!!int 5, !!float 5, !!bool true, !!null ~, !!int \"5\"]",
			"[5, 5.0, true, null, 5]" },
		{ "a: !!seq [b]\nc: !!map {d: e}\nf: ! [g]\n",
			"{\"a\": [\"b\"], \"c\": {\"d\": \"e\"}, \"f\": [\"g\"]}" },
		{ "a:\nb: \nc: ''\n", "{\"a\": null, \"b\": null, \"c\": \"\"}" },
		{ "a: |\n  one\n  two\nb: >-\n  one\n  two\n",
			"{\"a\": \"one\\ntwo\\n\", \"b\": \"one two\"}" },
		{ "\"\\x41\\u00e9\\t\\\"\"", "\"A\\u00e9\\t\\\"\"" },
		{ "'it''s'", "\"it's\"" },
		{ "a: &x [1, 2]\nb: *x\nc: [*x, *x]\n",
			"{\"a\": [1, 2], \"b\": [1, 2], \"c\": [[1, 2], [1, 2]]}" },
		{ "a: &x v\nb: {k: *x}\n", "{\"a\": \"v\", \"b\": {\"k\": \"v\"}}" },
		{ "a: b\r\nc: d\r\n", "{\"a\": \"b\", \"c\": \"d\"}" },
		{ "\"<<\": a\n", "{\"<<\": \"a\"}" },
		{ "no: 1\n\"1\": 2\n", "{\"no\": 1, \"1\": 2}" },
		{ "---\n", "null" },
		{ "rules:\n  - src/**\n  - \"!src/**/*.key\"\n  - '**/.env'\n",
			"{\"rules\": [\"src/**\", \"!src/**/*.key\", \"**/.env\"]}" },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(twins); i++) {
		CASE("%s", twins[i][0]);
		same(parse(twins[i][0], strlen(twins[i][0])), twins[i][1]);
	}
}

TEST(bad)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{ "", "p.yaml:1:1: the document is empty; write what it is to say, or take the file away" },
		{ "# only a note\n",
			"p.yaml:1:1: the document is empty; write what it is to say, or take the file away" },
		{ "\xef\xbb\xbf"
		  "a: 1\n",
			"p.yaml:1:1: the document starts with a byte order mark; save it as UTF-8 without BOM" },
		{ "\xff\xfe"
		  "a",
			"p.yaml:1:1: the document starts with a byte order mark; save it as UTF-8 without BOM" },
		{ "a: 1\n---\nb: 2\n",
			"p.yaml:2:1: a second document in one file; put it into a file of its own" },
		{ "a: 1\nb: 2\na: 3\n",
			"p.yaml:3:1: the name \"a\" appears twice: in line 3 and first in line 1; remove one of the two" },
		{ "{b: 1, \"b\": 2}",
			"p.yaml:1:8: the name \"b\" appears twice: in line 1 and first in line 1; remove one of the two" },
		{ "r:\n  - !src/**\n",
			"p.yaml:2:5: the tag !src/**, where only those of the core schema may be; "
			"a text that begins with \"!\" is written in quotes: \"!src/**\"" },
		{ "r:\n  - *.py\n",
			"p.yaml:2:6: not YAML: did not find expected alphabetic or numeric character; "
			"a text that begins with \"*\" is written in quotes: \"*.py\"" },
		{ "r: *x\n",
			"p.yaml:1:4: the alias *x stands for nothing above it; "
			"a text that begins with \"*\" is written in quotes: \"*x\"" },
		{ "r: &x [*x]\n",
			"p.yaml:1:8: the alias *x inside of what it stands for; "
			"a text that begins with \"*\" is written in quotes: \"*x\"" },
		{ "a: &x 1\nb: &x 2\n",
			"p.yaml:2:4: the anchor &x is given twice, first in line 1; give the second one another name" },
		{ "<<: {a: 1}\n",
			"p.yaml:1:1: \"<<\" as a name; "
			"YAML 1.2 has no merge keys: write what is to be merged, or use \"extends\"" },
		{ "%YAML 1.1\n---\na: no\n",
			"p.yaml:1:1: YAML 1.1, where 1.2 is read; "
			"take the %YAML line out; \"no\" and \"off\" are texts here" },
		{ "a: !!binary aGk=\n",
			"p.yaml:1:4: the tag tag:yaml.org,2002:binary, where only those of the core schema may be; take it out" },
		{ "a: !!set {}\n",
			"p.yaml:1:4: the tag tag:yaml.org,2002:set, where only those of the core schema may be; take it out" },
		{ "a: !include x\n",
			"p.yaml:1:4: the tag !include, where only those of the core schema may be; "
			"a text that begins with \"!\" is written in quotes: \"!include\"" },
		{ "a: !!int x\n", "p.yaml:1:4: !!int, but \"x\" is none; take the tag out" },
		{ "a: !!bool no\n", "p.yaml:1:4: !!bool, but \"no\" is none; take the tag out" },
		{ "a: !!float .inf\n",
			"p.yaml:1:4: !!float, but \".inf\" is none; take the tag out" },
		{ "1: a\n", "p.yaml:1:1: an integer as a name; put it in quotes" },
		{ "a: 1\nnull: a\n", "p.yaml:2:1: null as a name; put it in quotes" },
		{ "true: a\n", "p.yaml:1:1: a boolean as a name; put it in quotes" },
		{ "? [a]\n: b\n", "p.yaml:1:3: a list as a name; put it in quotes" },
		{ "? {a: b}\n: b\n", "p.yaml:1:3: an object as a name; put it in quotes" },
		{ "a: &x k\n*x : v\n", "p.yaml:2:1: an alias as a name; write the name itself" },
		{ "&x a: b\n", "p.yaml:1:1: an anchor as a name; write the name alone" },
		{ "a: 010\n",
			"p.yaml:1:4: 010: some readers take this for a number to the base of eight; "
			"leave the zeros in front out, write 0o17, or put it in quotes" },
		{ "a: 9223372036854775808\n",
			"p.yaml:1:4: 9223372036854775808: a number out of range; write it in quotes" },
		{ "a: 0x8000000000000000\n",
			"p.yaml:1:4: 0x8000000000000000: a number out of range; write it in quotes" },
		{ "a: 1e999\n", "p.yaml:1:4: 1e999: a number out of range; write it in quotes" },
		{ "a: -.inf\n",
			"p.yaml:1:4: -.inf: there is no such number here; write a number, or put it in quotes" },
		{ "a: .NaN\n",
			"p.yaml:1:4: .NaN: there is no such number here; write a number, or put it in quotes" },
		{ "a:\n\t- b\n",
			"p.yaml:2:1: not YAML: found character that cannot start any token; "
			"indent with blanks: YAML takes no tabs there" },
		{ "a: b: c\n",
			"p.yaml:1:5: not YAML: mapping values are not allowed in this context; "
			"look at the indentation and the quotes of this line" },
		{ "a: [b\nc: d\n",
			"p.yaml:2:2: not YAML: did not find expected ',' or ']' (while parsing a flow sequence from line 1); "
			"look at the indentation and the quotes of this line" },
		{ "a: \"b\n",
			"p.yaml:2:1: not YAML: found unexpected end of stream (while scanning a quoted scalar from line 1); "
			"look at the indentation and the quotes of this line" },
		{ "a: \"b",
			"p.yaml:1:6: not YAML: found unexpected end of stream; look at the indentation and the quotes of this line" },
		{ "k: \xff\n",
			"p.yaml:1:4: not YAML: invalid leading UTF-8 octet; save it as UTF-8 without control characters" },
		{ "k: v\nl: \x01\n",
			"p.yaml:2:4: not YAML: control characters are not allowed; save it as UTF-8 without control characters" },
		{ "k: \"\\0\"\n",
			"p.yaml:1:4: a text holds NUL or what is no character; take it out" },
		{ "\"a\\0b\": 1\n",
			"p.yaml:1:1: a text holds NUL or what is no character; take it out" },
		{ "a: \"\\ud800\"\n",
			"p.yaml:1:7: not YAML: found invalid Unicode character escape code; "
			"look at the indentation and the quotes of this line" },
		{ "a: 1\rb: 2\n",
			"p.yaml:1:5: a carriage return, which only some readers take for the end of a line; "
			"end lines with \\n; inside a text write \"\\r\", \"\\N\", \"\\L\" or \"\\P\"" },
		{ "a: 1\nb: \xe2\x80\xa8 c\n",
			"p.yaml:2:4: U+2028, which only some readers take for the end of a line; "
			"end lines with \\n; inside a text write \"\\r\", \"\\N\", \"\\L\" or \"\\P\"" },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(bad); i++) {
		CASE("%s", bad[i].text);
		CHECK_NULL(parse(bad[i].text, strlen(bad[i].text)));
		CHECK_STR_EQ(line, bad[i].want);
		CHECK_EQ_INT(err.code, WARD_E_PARSE);
	}
}

/* Places are what a person counts: lines from 1, and bytes as the JSON reader has them. */
TEST(places)
{
	const char *text =
		"a:\n  - \xc3\xa9\xc3\xa9\n  - {k\xc3\xa9: \xe2\x82\xac, b: [c, d]}\nz: x\n";
	struct ward_json *v = parse(text, strlen(text)), *list, *second, *b, *z;

	REQUIRE(v != NULL);
	list = v->child;
	second = list->child->next;
	b = second->child->next;
	z = list->next;
	CHECK_EQ_INT(list->key_line, 1);
	CHECK_EQ_INT(list->line, 2);
	CHECK_EQ_INT(list->column, 3);
	CHECK_EQ_INT(list->child->line, 2);
	CHECK_EQ_INT(list->child->column, 5);
	CHECK_EQ_INT(list->child->end - list->child->start, 4);
	CHECK_EQ_INT(second->line, 3);
	CHECK_EQ_INT(second->column, 5);
	CHECK_EQ_INT(second->child->key_column, 6);
	CHECK_EQ_INT(second->child->column, 11);
	CHECK_EQ_INT(b->key_column, 16);
	CHECK_EQ_INT(b->child->next->line, 3);
	CHECK_EQ_INT(b->child->next->column, 23);
	CHECK_STR_EQ(b->child->next->str.s, "d");
	CHECK(text[b->child->next->start] == 'd');
	CHECK_EQ_INT(z->key_line, 4);
	CHECK_EQ_INT(z->column, 4);
}

/* libyaml puts the end of a text that has no last newline into a line of its own, which is none. */
TEST(without_the_last_newline)
{
	struct ward_json *v = parse("a:\r\n  - \xc3\xa9: b", 13);

	REQUIRE(v != NULL);
	CHECK_EQ_INT(v->child->child->line, 2);
	CHECK_EQ_INT(v->child->child->start, 8);
	CHECK_EQ_INT(v->child->child->end, 13);
	CHECK_EQ_INT(v->end, 13);
}

/* n times piece between head and tail. */
static struct ward_json *repeated(const char *head, const char *piece, size_t n, const char *tail)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_buf_adds(&b, head);
	for (size_t i = 0; i < n; i++)
		ward_buf_adds(&b, piece);
	ward_buf_adds(&b, tail);
	REQUIRE(!b.failed);
	return parse(b.s, b.n);
}

static struct ward_json *nested(size_t n)
{
	char text[512];

	memset(text, '[', n);
	memset(text + n, ']', n);
	return parse(text, 2 * n);
}

TEST(limits)
{
	CASE("%s", "nesting");
	CHECK(nested(WARD_JSON_DEPTH_MAX) != NULL);
	CHECK_NULL(nested(WARD_JSON_DEPTH_MAX + 1));
	CHECK_EQ_INT(err.code, WARD_E_LIMIT);
	CHECK_STR_EQ(line,
		"p.yaml:1:65: more than 64 levels of lists and objects; split the document, or write it with fewer");
	CASE("%s", "values");
	CHECK(repeated("[", "a,", WARD_YAML_NODES_MAX - 1, "]") != NULL);
	CHECK_NULL(repeated("[", "a,", WARD_YAML_NODES_MAX, "]"));
	CHECK_EQ_INT(err.code, WARD_E_LIMIT);
	CASE("%s", "aliases");
	CHECK(repeated("[&x a, ", "*x,", WARD_YAML_ALIASES_MAX, "]") != NULL);
	CHECK_NULL(repeated("[&x a, ", "*x,", WARD_YAML_ALIASES_MAX + 1, "]"));
	CHECK_EQ_INT(err.code, WARD_E_LIMIT);
	CASE("%s", "bytes");
	CHECK(repeated("#", "a", WARD_YAML_BYTES_MAX - 4, "\nb\n") != NULL);
	CHECK_NULL(repeated("#", "a", WARD_YAML_BYTES_MAX - 3, "\nb\n"));
	CHECK_STR_EQ(line, "p.yaml: the document has 1048577 bytes, more than 1048576; split it");
	CASE("%s", "the arena");
	ward_arena_free(arena);
	arena = ward_arena_new(4096);
	struct ward_json *v = NULL;
	CHECK_EQ_INT(ward_yaml_parse(arena, "a: b", 4, NULL, &v, &err), WARD_E_NOMEM);
	CHECK_NULL(v);
}

TEST(bombs)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	CASE("%s", "a billion of what is harmless");
	ward_buf_adds(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 10; i++) {
		ward_buf_addf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			ward_buf_addf(&b, "*a%d,", i - 1);
		ward_buf_adds(&b, "]\n");
	}
	CHECK_NULL(parse(b.s, b.n));
	CHECK_EQ_INT(err.code, WARD_E_LIMIT);
	CHECK_STR_EQ(line,
		"p.yaml:5:38: more than 100000 values, those of aliases counted each time; "
		"split the document, or write it with fewer");
	CASE("%s", "depth through aliases");
	ward_buf_clear(&b);
	ward_buf_adds(&b, "- &b0 [x]\n");
	for (int i = 1; i < 100; i++)
		ward_buf_addf(&b, "- &b%d [*b%d]\n", i, i - 1);
	CHECK_NULL(parse(b.s, b.n));
	CHECK_EQ_INT(err.code, WARD_E_LIMIT);
	CHECK_STR_EQ(line,
		"p.yaml:64:9: more than 64 levels of lists and objects; split the document, or write it with fewer");
	CASE("%s", "anchors");
	ward_buf_clear(&b);
	for (int i = 0; i <= WARD_YAML_ALIASES_MAX; i++)
		ward_buf_addf(&b, "- &c%d x\n", i);
	CHECK_NULL(parse(b.s, b.n));
	CHECK_EQ_INT(err.code, WARD_E_LIMIT);
}

TEST(by_name)
{
	struct ward_json *v = NULL;

	ward_arena_free(arena);
	REQUIRE((arena = ward_arena_new(0)) != NULL);
	CHECK_EQ_INT(ward_tree_parse(arena, "a: b", 4, "p.yaml", &v, &err), WARD_OK);
	CHECK_EQ_INT(ward_tree_parse(arena, "a: b", 4, "p.yml", &v, &err), WARD_OK);
	CHECK_EQ_INT(ward_tree_parse(arena, "a: b", 4, NULL, &v, &err), WARD_OK);
	CHECK_EQ_INT(ward_tree_parse(arena, "a: b", 4, "p.json", &v, &err), WARD_E_PARSE);
	CHECK_EQ_INT(ward_tree_parse(arena, "{\"a\":1}", 7, "p.json", &v, &err), WARD_OK);
	CHECK_EQ_INT(ward_json_get(v, "a")->i, 1);
}

TEST(no_memory)
{
	static const char text[] =
		"a: &x [1, two, '3', 4.5, \"\\u00e9\"]\nb: {c: *x, d: !!str 5}\ne: |\n  f\n";
	unsigned long n = 1;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has its own allocator");
	for (;; n++) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = NULL;
		struct ward_json *v = NULL;
		struct ward_error e = WARD_ERROR_INIT;
		int r;

		CASE("allocation %lu", n);
		a = ward_arena_new(0);
		REQUIRE(a != NULL);
		alloc_fail_hit = false;
		alloc_fail_at = n;
		r = ward_yaml_parse(a, text, sizeof(text) - 1, "p.yaml", &v, &e);
		alloc_fail_at = 0;
		if (!alloc_fail_hit) {
			CHECK_EQ_INT(r, WARD_OK);
			break;
		}
		CHECK_EQ_INT(r, WARD_E_NOMEM);
		CHECK_NULL(v);
		CHECK_EQ_INT(e.code, WARD_E_NOMEM);
	}
	CHECK_GE_INT(n, 20);
	/* An arena that is a little too small, at every size. */
	for (size_t size = 1u << 10; size < 1u << 20; size += 4096) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(size);
		struct ward_json *v = NULL;
		int r = ward_yaml_parse(a, text, sizeof(text) - 1, "p.yaml", &v, NULL);

		CASE("arena of %zu", size);
		CHECK(r == WARD_OK || r == WARD_E_NOMEM);
		CHECK_EQ_INT(r == WARD_OK, v != NULL);
	}
}

TAP_MAIN();
