/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON documents for the tests of the reader: those that RFC 8259 allows, with what they mean in
 * the writer's form, and those that it or Ward refuses, with the place and the words of the
 * refusal. Used by test_base_json.c directly and by test_base_json_diff.c as seeds; it trusts
 * nothing of the code under test.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DOC(text) (text), sizeof(text) - 1

struct json_valid {
	const char *text;
	size_t n;
	const char *compact;
};

static const struct json_valid json_valid[] = {
	{ DOC("null"), "null" },
	{ DOC(" \t\r\n true \n"), "true" },
	{ DOC("false"), "false" },
	{ DOC("0"), "0" },
	{ DOC("-0"), "0" },
	{ DOC("-1"), "-1" },
	{ DOC("1234567890"), "1234567890" },
	{ DOC("9223372036854775807"), "9223372036854775807" },
	{ DOC("-9223372036854775808"), "-9223372036854775808" },
	{ DOC("0.5"), "0.5" },
	{ DOC("-0.0"), "-0.0" },
	{ DOC("1.0"), "1.0" },
	{ DOC("10E-1"), "1.0" },
	{ DOC("2e+2"), "200.0" },
	{ DOC("0e5"), "0.0" },
	{ DOC("0.1"), "0.10000000000000001" },
	{ DOC("1e308"), "1e+308" },
	{ DOC("1.7976931348623157e308"), "1.7976931348623157e+308" },
	{ DOC("5e-324"), "4.9406564584124654e-324" },
	{ DOC("1e-400"), "0.0" },
	{ DOC("12345678901234567890.0"), "1.2345678901234567e+19" },
	{ DOC("\"\""), "\"\"" },
	{ DOC("\"abc\""), "\"abc\"" },
	{ DOC("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
	{ DOC("\"\\u0041\\u00e9\\u20AC\""), "\"A\xc3\xa9\xe2\x82\xac\"" },
	{ DOC("\"\\ud83d\\ude00\""), "\"\xf0\x9f\x98\x80\"" },
	{ DOC("\"\\uD800\\uDC00\""), "\"\xf0\x90\x80\x80\"" },
	{ DOC("\"\\udbff\\udfff\""), "\"\\udbff\\udfff\"" },
	{ DOC("\"\\u007f\\u0001\""), "\"\\u007f\\u0001\"" },
	{ DOC("\"\x7f\""), "\"\\u007f\"" },
	{ DOC("\"\\u202e\\ufffe\\ufeff\""), "\"\\u202e\\ufffe\\ufeff\"" },
	{ DOC("\"\xc3\xa9\xf0\x9f\x98\x80\""), "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
	{ DOC("\"\\\\u0000\""), "\"\\\\u0000\"" },
	{ DOC("[]"), "[]" },
	{ DOC("[ ]"), "[]" },
	{ DOC("[1,2 , 3]"), "[1,2,3]" },
	{ DOC("[[],[[]],{}]"), "[[],[[]],{}]" },
	{ DOC("[null,true,false,\"x\",-1.5]"), "[null,true,false,\"x\",-1.5]" },
	{ DOC("{}"), "{}" },
	{ DOC("{ }"), "{}" },
	{ DOC("{\"a\":1}"), "{\"a\":1}" },
	{ DOC("{\"a\" : 1 , \"b\" : [ ] }"), "{\"a\":1,\"b\":[]}" },
	{ DOC("{\"b\":1,\"a\":2,\"B\":3}"), "{\"b\":1,\"a\":2,\"B\":3}" },
	{ DOC("{\"\":0}"), "{\"\":0}" },
	{ DOC("{\"a\":{\"a\":{\"a\":1}}}"), "{\"a\":{\"a\":{\"a\":1}}}" },
	{ DOC("[{\"a\":1},{\"a\":1}]"), "[{\"a\":1},{\"a\":1}]" },
	{ DOC("{\"k\\n\\u00e9\":1}"), "{\"k\\n\xc3\xa9\":1}" },
	{ DOC("\n\n[\n1\n,\n2\n]\n\n"), "[1,2]" },
};

struct json_invalid {
	const char *text;
	size_t n;
	uint32_t line, column;
	const char *message, *fix;
};

static const struct json_invalid json_invalid[] = {
	/* nothing, or too much */
	{ DOC(""), 1, 1, "the document is empty", "write a JSON value" },
	{ DOC("  \n "), 2, 2, "the document is empty", "write a JSON value" },
	{ DOC("1 2"), 1, 3, "expected the end of the document, found '2'", "one value" },
	{ DOC("{}\n}"), 2, 1, "expected the end of the document, found '}'", "one value" },
	{ DOC("[]\0"), 1, 3, "found '\\x00'", "one value" },
	{ DOC("\0"), 1, 1, "expected a value, found '\\x00'", "" },
	{ DOC("1a"), 1, 2, "expected the end of the document, found 'a'", "" },
	{ DOC("nulll"), 1, 5, "found 'l'", "" },
	/* byte order marks, other encodings, other blanks */
	{ DOC("\xef\xbb\xbf[]"), 1, 1, "byte order mark", "without BOM" },
	{ DOC("\xff\xfe[\0]\0"), 1, 1, "expected a value, found '\\xff'", "" },
	{ DOC("[\xc2\xa0"
	      "1]"),
		1, 2, "expected a value, found '\xc2\xa0'", "" },
	{ DOC("[\f1]"), 1, 2, "found '\\x0c'", "" },
	{ DOC("[1\v]"), 1, 3, "expected ',' or ']' after a list element, found '\\x0b'", "" },
	/* values that people write */
	{ DOC("['a']"), 1, 2, "expected a value, found '''", "double quotes" },
	{ DOC("[True]"), 1, 2, "found 'T'", "write true" },
	{ DOC("[FALSE]"), 1, 2, "found 'F'", "write false" },
	{ DOC("[None]"), 1, 2, "found 'N'", "write null" },
	{ DOC("[NULL]"), 1, 2, "found 'N'", "write null" },
	{ DOC("undefined"), 1, 1, "found 'u'", "write null" },
	{ DOC("NaN"), 1, 1, "found 'N'", "no such number" },
	{ DOC("Infinity"), 1, 1, "found 'I'", "no such number" },
	{ DOC("-Infinity"), 1, 2, "expected a digit after '-', found 'I'", "" },
	{ DOC("+1"), 1, 1, "found '+'", "plus sign" },
	{ DOC(".5"), 1, 1, "found '.'", "digit in front" },
	{ DOC("// x\n1"), 1, 1, "found '/'", "no comments" },
	{ DOC("[1, /* x */ 2]"), 1, 5, "found '/'", "no comments" },
	{ DOC("# x"), 1, 1, "found '#'", "no comments" },
	{ DOC("tru"), 1, 1, "expected a value, found 't'", "" },
	{ DOC("nul"), 1, 1, "expected a value, found 'n'", "" },
	{ DOC("abc"), 1, 1, "expected a value, found 'a'", "write a string, a number" },
	{ DOC(","), 1, 1, "expected a value, found ','", "" },
	{ DOC("]"), 1, 1, "expected a value, found ']'", "" },
	/* lists */
	{ DOC("["), 1, 2, "found the end of the text", "complete it" },
	{ DOC("[\n 1,\n 2"), 3, 3,
		"expected ',' or ']' after a list element, found the end of the text",
		"add the missing ']'" },
	{ DOC("[1,"), 1, 4, "expected a value, found the end", "complete it" },
	{ DOC("[1,]"), 1, 4, "expected a list element after ',', found ']'",
		"take out the last comma" },
	{ DOC("[1 2]"), 1, 4, "expected ',' or ']' after a list element, found '2'",
		"add the missing ','" },
	{ DOC("[1}"), 1, 3, "found '}'", "" },
	{ DOC("[,1]"), 1, 2, "expected a value, found ','", "" },
	{ DOC("[1,,2]"), 1, 4, "expected a value, found ','", "" },
	/* objects */
	{ DOC("{"), 1, 2, "expected a name in double quotes, found the end", "missing '}'" },
	{ DOC("{a:1}"), 1, 2, "expected a name in double quotes, found 'a'", "put the name" },
	{ DOC("{'a':1}"), 1, 2, "expected a name in double quotes", "put the name" },
	{ DOC("{1:1}"), 1, 2, "expected a name in double quotes, found '1'", "" },
	{ DOC("{ // x\n}"), 1, 3, "expected a name in double quotes, found '/'", "no comments" },
	{ DOC("{\"a\":1,\n}"), 2, 1, "expected a member of an object after ',', found '}'",
		"take out the last comma" },
	{ DOC("{\"a\":1,,}"), 1, 8, "expected a name in double quotes, found ','", "" },
	{ DOC("{\"a\":1 \"b\":2}"), 1, 8,
		"expected ',' or '}' after a member of an object, found '\"'",
		"add the missing ','" },
	{ DOC("{\"a\" 1}"), 1, 6, "expected ':' after a name, found '1'", "\"name\": value" },
	{ DOC("{\"a\"}"), 1, 5, "expected ':' after a name, found '}'", "" },
	{ DOC("{\"a\""), 1, 5, "expected ':' after a name, found the end", "" },
	{ DOC("{\"a\":"), 1, 6, "expected a value, found the end", "" },
	{ DOC("{\"a\":}"), 1, 6, "expected a value, found '}'", "" },
	{ DOC("{\"a\":1"), 1, 7, "found the end of the text", "missing '}'" },
	{ DOC("{\"a\":1]"), 1, 7, "found ']'", "" },
	{ DOC("{\"a\":1,"), 1, 8, "found the end", "" },
	/* duplicates: the second is the place */
	{ DOC("{\"a\":1,\n \"b\":2,\n  \"a\":3}"), 3, 3,
		"the name \"a\" appears twice: in line 3 and first in line 1", "remove one" },
	{ DOC("{\"a\":1,\"\\u0061\":2}"), 1, 8, "the name \"a\" appears twice", "remove one" },
	{ DOC("{\"\":1,\"\":2}"), 1, 7, "the name \"\" appears twice", "" },
	{ DOC("[{\"x\":{\"q\\n\\\"\":1,\n\"q\\n\\\"\":1}}]"), 2, 1,
		"the name \"q\\n\\\"\" appears twice", "" },
	/* the first that a reader meets, of two and of three */
	{ DOC("{\"z\":1,\n\"a\":1,\n\"z\":2,\n\"a\":2}"), 3, 1, "in line 3 and first in line 1",
		"" },
	{ DOC("{\"a\":1,\n\"a\":2,\n\"a\":3}"), 2, 1, "in line 2 and first in line 1", "" },
	/* strings */
	{ DOC("\"abc"), 1, 1, "the string that starts here has no end", "closing '\"'" },
	{ DOC("\""), 1, 1, "has no end", "" },
	{ DOC("\"abc\\\""), 1, 1, "has no end", "" },
	{ DOC("\"abc\\"), 1, 1, "has no end", "" },
	{ DOC("[\"a\nb\"]"), 1, 4, "control byte '\\n' inside a string", "such as \\n" },
	{ DOC("\"a\tb\""), 1, 3, "control byte '\\t'", "" },
	{ DOC("\"a\0b\""), 1, 3, "control byte '\\x00'", "" },
	{ DOC("\"a\\\nb\""), 1, 4, "control byte '\\n'", "" },
	{ DOC("\"\x1f\""), 1, 2, "control byte '\\x1f'", "" },
	{ DOC("\"\\q\""), 1, 2, "unknown escape: a backslash and 'q'", "write \\\\" },
	{ DOC("\"\\x41\""), 1, 2, "unknown escape: a backslash and 'x'", "" },
	{ DOC("\"\\'\""), 1, 2, "unknown escape", "" },
	{ DOC("\"\\\xc3\xa4\""), 1, 2, "unknown escape: a backslash and '\xc3\xa4'", "" },
	{ DOC("\"\\u12\""), 1, 2, "\\u without four hexadecimal digits", "" },
	{ DOC("\"\\u12g4\""), 1, 2, "\\u without four", "" },
	{ DOC("\"\\u\""), 1, 2, "\\u without four", "" },
	{ DOC("\"\\u-123\""), 1, 2, "\\u without four", "" },
	{ DOC("\"x\\u0000\""), 1, 3, "a NUL character", "remove it" },
	{ DOC("{\"\\u0000\":1}"), 1, 3, "a NUL character", "" },
	{ DOC("\"\\ud800\""), 1, 2, "half of a surrogate pair: \\ud800", "both halves" },
	{ DOC("\"\\udc00\""), 1, 2, "half of a surrogate pair: \\udc00", "" },
	{ DOC("\"\\ud800x\""), 1, 2, "half of a surrogate pair", "" },
	{ DOC("\"\\ud800\\n12345\""), 1, 2, "half of a surrogate pair", "" },
	{ DOC("\"\\ud800\\u0041\""), 1, 2, "half of a surrogate pair", "" },
	{ DOC("\"\\ud800\\ud800\""), 1, 2, "half of a surrogate pair", "" },
	{ DOC("\"\\udc00\\ud800\""), 1, 2, "half of a surrogate pair: \\udc00", "" },
	{ DOC("\"\\ud800\\udc0\""), 1, 2, "half of a surrogate pair", "" },
	{ DOC("\"a\xff\""), 1, 3, "byte 0xff is not UTF-8", "as UTF-8" },
	{ DOC("\"\xc3\""), 1, 2, "byte 0xc3 is not UTF-8", "" },
	{ DOC("\"\xc0\xaf\""), 1, 2, "byte 0xc0 is not UTF-8", "" },
	{ DOC("\"\xed\xa0\x80\""), 1, 2, "byte 0xed is not UTF-8", "" },
	{ DOC("\"\xf4\x90\x80\x80\""), 1, 2, "byte 0xf4 is not UTF-8", "" },
	{ DOC("{\"\xc3\xa4\xff\":1}"), 1, 5, "byte 0xff is not UTF-8", "" },
	/* numbers */
	{ DOC("01"), 1, 1, "a leading zero", "octal" },
	{ DOC("-01"), 1, 2, "a leading zero", "" },
	{ DOC("00"), 1, 1, "a leading zero", "" },
	{ DOC("-"), 1, 2, "expected a digit after '-', found the end", "" },
	{ DOC("--1"), 1, 2, "expected a digit after '-', found '-'", "" },
	{ DOC("1."), 1, 3, "expected a digit after '.', found the end", "" },
	{ DOC("1.e5"), 1, 3, "expected a digit after '.', found 'e'", "" },
	{ DOC("[1e]"), 1, 4, "expected a digit in the exponent, found ']'", "" },
	{ DOC("1e+"), 1, 4, "expected a digit in the exponent, found the end", "" },
	{ DOC("1e1.5"), 1, 4, "expected the end of the document, found '.'", "" },
	{ DOC("0x10"), 1, 2, "expected the end of the document, found 'x'", "" },
	{ DOC("[\n 9223372036854775808]"), 2, 2, "does not fit into 64 bits",
		"9223372036854775807" },
	{ DOC("-9223372036854775809"), 1, 1, "does not fit into 64 bits", "-9223372036854775808" },
	{ DOC("99999999999999999999999"), 1, 1, "does not fit into 64 bits", "" },
	{ DOC("-99999999999999999999999"), 1, 1, "does not fit into 64 bits", "" },
	{ DOC("[1, 1e999]"), 1, 5, "a number too large", "1.7e308" },
	{ DOC("-1e999"), 1, 1, "a number too large", "" },
};
