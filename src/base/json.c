/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader: RFC 8259 and nothing beside it. Capability files, policies and options come
 * through here, and two readers that differ on one document are a hole; so what others let pass is
 * an error: duplicate keys, a byte order mark, bytes that are not UTF-8, lone surrogates, NUL in a
 * text, integers that do not fit, trailing commas, comments. Everything is bounded: bytes by
 * WARD_JSON_BYTES_MAX, nesting (and with it recursion) by WARD_JSON_DEPTH_MAX, memory by the arena.
 * No repair is attempted; the message says how to.
 */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/json_reader.h"
#include "base/text.h"

static int parse_value(struct json_reader *r, struct ward_json **ret);

int ward_json_fail(struct json_reader *r, size_t at, const char *fmt, ...)
{
	char message[WARD_ERROR_MESSAGE_MAX];
	va_list ap;
	int code;

	va_start(ap, fmt);
	if (vsnprintf(message, sizeof(message), fmt, ap) < 0)
		message[0] = '\0';
	va_end(ap);
	code = ward_fail(r->err, WARD_E_PARSE, "%s", message);
	ward_fail_at(r->err, r->file, r->line, (uint32_t)(at - r->line_start + 1));
	if (r->err != NULL) {
		r->err->start = (uint32_t)at;
		r->err->end = (uint32_t)(at < r->n ? at + 1 : r->n);
	}
	return code;
}

int ward_json_nomem(struct json_reader *r)
{
	int code = ward_fail(r->err, WARD_E_NOMEM,
		"no memory left for this document, or it needs more than is allowed for one");

	ward_fail_at(r->err, r->file, r->line, (uint32_t)(r->pos - r->line_start + 1));
	if (r->err != NULL) {
		r->err->start = (uint32_t)r->pos;
		r->err->end = r->err->start + 1;
	}
	return code;
}

const char *ward_json_found(const struct json_reader *r, size_t at, char out[JSON_FOUND_MAX])
{
	char piece[WARD_ESCAPE_MAX];

	if (at >= r->n)
		return "the end of the text";
	(void)ward_escape_char(r->text + at, r->n - at, "", piece);
	(void)snprintf(out, JSON_FOUND_MAX, "'%s'", piece);
	return out;
}

static void skip_blanks(struct json_reader *r)
{
	for (; r->pos < r->n; r->pos++) {
		char c = r->text[r->pos];

		if (c == '\n') {
			r->line++;
			r->line_start = r->pos + 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			return;
		}
	}
}

/* What people write where a value is due, and what they should. Longer words first. */
static const struct {
	const char *word, *fix;
} value_hints[] = {
	{ "'", "write strings in double quotes" },
	{ "//", "JSON has no comments: take it out" },
	{ "/*", "JSON has no comments: take it out" },
	{ "#", "JSON has no comments: take it out" },
	{ "True", "write true, in small letters" },
	{ "TRUE", "write true, in small letters" },
	{ "False", "write false, in small letters" },
	{ "FALSE", "write false, in small letters" },
	{ "None", "write null" },
	{ "NULL", "write null, in small letters" },
	{ "undefined", "write null, or leave the name out" },
	{ "NaN", "JSON has no such number" },
	{ "Infinity", "JSON has no such number" },
	{ "+", "write the number without its plus sign" },
	{ ".", "write a digit in front of the point" },
};

static bool at_word(const struct json_reader *r, const char *word)
{
	size_t n = strlen(word);

	return n <= r->n - r->pos && memcmp(r->text + r->pos, word, n) == 0;
}

static int no_value(struct json_reader *r)
{
	char found[JSON_FOUND_MAX];
	int code = ward_json_fail(r, r->pos, "expected a value, found %s",
		ward_json_found(r, r->pos, found));

	if (r->pos >= r->n) {
		ward_fail_fix(r->err, "the text is cut off: complete it");
		return code;
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(value_hints); i++) {
		if (at_word(r, value_hints[i].word)) {
			ward_fail_fix(r->err, "%s", value_hints[i].fix);
			return code;
		}
	}
	ward_fail_fix(r->err, "write a string, a number, true, false, null, a list or an object");
	return code;
}

static int parse_literal(struct json_reader *r, struct ward_json *v)
{
	static const struct {
		const char *word;
		enum ward_json_type type;
		bool b;
	} literals[] = {
		{ "true", WARD_JSON_BOOL, true },
		{ "false", WARD_JSON_BOOL, false },
		{ "null", WARD_JSON_NULL, false },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(literals); i++) {
		if (!at_word(r, literals[i].word))
			continue;
		v->type = literals[i].type;
		v->b = literals[i].b;
		r->pos += strlen(literals[i].word);
		return WARD_OK;
	}
	return no_value(r);
}

static int enter(struct json_reader *r)
{
	int code;

	if (r->depth >= r->depth_max) {
		code = ward_json_fail(r, r->pos, "nested deeper than %u", r->depth_max);
		ward_fail_fix(r->err, "flatten the document");
		return code;
	}
	r->depth++;
	r->pos++;
	return WARD_OK;
}

/*
 * Behind an element: WARD_OK with *ret_more, or the error. close is the bracket that ends the list
 * or object, what names an element of it.
 */
static int next_element(struct json_reader *r, char close, const char *what, bool *ret_more)
{
	char found[JSON_FOUND_MAX];
	char c;
	int code;

	skip_blanks(r);
	c = r->pos < r->n ? r->text[r->pos] : '\0';
	*ret_more = c == ',';
	if (c == close) {
		r->pos++;
		return WARD_OK;
	}
	if (c == ',') {
		r->pos++;
		skip_blanks(r);
		if (r->pos >= r->n || r->text[r->pos] != close)
			return WARD_OK;
		code = ward_json_fail(r, r->pos, "expected %s after ',', found '%c'", what, close);
		ward_fail_fix(r->err, "take out the last comma");
		return code;
	}
	code = ward_json_fail(r, r->pos, "expected ',' or '%c' after %s, found %s", close, what,
		ward_json_found(r, r->pos, found));
	if (r->pos >= r->n)
		ward_fail_fix(r->err, "the text is cut off: add the missing '%c'", close);
	else
		ward_fail_fix(r->err, "add the missing ',' or '%c'", close);
	return code;
}

static int parse_array(struct json_reader *r, struct ward_json *v)
{
	struct ward_json **tail = &v->child;
	bool more;
	int code = enter(r);

	if (code < 0)
		return code;
	v->type = WARD_JSON_ARRAY;
	skip_blanks(r);
	more = r->pos >= r->n || r->text[r->pos] != ']';
	if (!more)
		r->pos++;
	while (more) {
		code = parse_value(r, tail);
		if (code < 0)
			return code;
		tail = &(*tail)->next;
		v->count++;
		code = next_element(r, ']', "a list element", &more);
		if (code < 0)
			return code;
	}
	r->depth--;
	return WARD_OK;
}

static int no_key(struct json_reader *r)
{
	char found[JSON_FOUND_MAX];
	int code = ward_json_fail(r, r->pos, "expected a name in double quotes, found %s",
		ward_json_found(r, r->pos, found));

	if (r->pos >= r->n)
		ward_fail_fix(r->err, "the text is cut off: add the missing '}'");
	else if (at_word(r, "//") || at_word(r, "/*") || at_word(r, "#"))
		ward_fail_fix(r->err, "JSON has no comments: take it out");
	else
		ward_fail_fix(r->err, "put the name in double quotes");
	return code;
}

/* "key": value */
static int parse_member(struct json_reader *r, struct ward_json **ret)
{
	char found[JSON_FOUND_MAX];
	uint32_t line = r->line;
	uint32_t column = (uint32_t)(r->pos - r->line_start + 1);
	struct ward_str key;
	int code;

	if (r->pos >= r->n || r->text[r->pos] != '"')
		return no_key(r);
	code = ward_json_string(r, &key);
	if (code < 0)
		return code;
	skip_blanks(r);
	if (r->pos >= r->n || r->text[r->pos] != ':') {
		code = ward_json_fail(r, r->pos, "expected ':' after a name, found %s",
			ward_json_found(r, r->pos, found));
		ward_fail_fix(r->err, "write \"name\": value");
		return code;
	}
	r->pos++;
	skip_blanks(r);
	code = parse_value(r, ret);
	if (code < 0)
		return code;
	(*ret)->key = key;
	(*ret)->key_line = line;
	(*ret)->key_column = column;
	return WARD_OK;
}

/* Some total order of keys: by length, then by bytes. */
static int compare_keys(const struct ward_json *a, const struct ward_json *b)
{
	if (a->key.n != b->key.n)
		return a->key.n < b->key.n ? -1 : 1;
	return memcmp(a->key.s, b->key.s, a->key.n);
}

/*
 * Stable merge sort: n log n comparisons whatever the keys are, and no allocation beside the arena.
 */
static struct ward_json **sort_members(struct ward_json **v, struct ward_json **spare, size_t n)
{
	for (size_t width = 1; width < n; width *= 2) {
		struct ward_json **swap = v;

		for (size_t lo = 0; lo < n; lo += 2 * width) {
			size_t mid = lo + width < n ? lo + width : n;
			size_t hi = mid + width < n ? mid + width : n;
			size_t i = lo, k = mid;

			for (size_t out = lo; out < hi; out++) {
				bool left = k >= hi || (i < mid && compare_keys(v[i], v[k]) <= 0);

				spare[out] = left ? v[i++] : v[k++];
			}
		}
		v = spare;
		spare = swap;
	}
	return v;
}

/* Which of two members with the same key would win differs between readers: none may. */
static int refuse_duplicates(struct json_reader *r, const struct ward_json *object)
{
	size_t n = object->count;
	struct ward_json **v, **sorted;
	struct ward_json *first = NULL, *again = NULL;
	char key[80];
	size_t i = 0;
	int code;

	if (n < 2)
		return WARD_OK;
	v = ward_arena_alloc(r->arena, 2 * n * sizeof(struct ward_json *));
	if (v == NULL)
		return ward_json_nomem(r);
	for (struct ward_json *m = object->child; m != NULL; m = m->next)
		v[i++] = m;
	sorted = sort_members(v, v + n, n);
	for (i = 1; i < n; i++) {
		if (!ward_str_eq(sorted[i - 1]->key, sorted[i]->key))
			continue;
		/* The one that a person meets first when reading down. */
		if (again == NULL || sorted[i]->start < again->start) {
			first = sorted[i - 1];
			again = sorted[i];
		}
	}
	if (again == NULL)
		return WARD_OK;
	(void)ward_escape_fixed(key, sizeof(key), again->key.s, again->key.n, "\"\\");
	code = ward_json_fail(r, r->pos,
		"the name \"%s\" appears twice: in line %u and first in line %u", key,
		again->key_line, first->key_line);
	ward_fail_at(r->err, r->file, again->key_line, again->key_column);
	if (r->err != NULL) {
		r->err->start = again->start;
		r->err->end = again->end;
	}
	ward_fail_fix(r->err, "remove one of the two");
	return code;
}

static int parse_object(struct json_reader *r, struct ward_json *v)
{
	struct ward_json **tail = &v->child;
	bool more;
	int code = enter(r);

	if (code < 0)
		return code;
	v->type = WARD_JSON_OBJECT;
	skip_blanks(r);
	more = r->pos >= r->n || r->text[r->pos] != '}';
	if (!more)
		r->pos++;
	while (more) {
		code = parse_member(r, tail);
		if (code < 0)
			return code;
		tail = &(*tail)->next;
		v->count++;
		code = next_element(r, '}', "a member of an object", &more);
		if (code < 0)
			return code;
	}
	r->depth--;
	return refuse_duplicates(r, v);
}

static int parse_value(struct json_reader *r, struct ward_json **ret)
{
	struct ward_json *v = ward_arena_alloc(r->arena, sizeof(*v));
	char c = r->pos < r->n ? r->text[r->pos] : '\0';
	int code;

	if (v == NULL)
		return ward_json_nomem(r);
	v->line = r->line;
	v->column = (uint32_t)(r->pos - r->line_start + 1);
	v->start = (uint32_t)r->pos;
	if (c == '{') {
		code = parse_object(r, v);
	} else if (c == '[') {
		code = parse_array(r, v);
	} else if (c == '"') {
		v->type = WARD_JSON_STRING;
		code = ward_json_string(r, &v->str);
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		code = ward_json_number(r, v);
	} else {
		code = parse_literal(r, v);
	}
	if (code < 0)
		return code;
	v->end = (uint32_t)r->pos;
	*ret = v;
	return WARD_OK;
}

/* What is wrong with the text as a whole, before its first character is looked at. */
static int check_text(struct json_reader *r, size_t bytes_max)
{
	int code = WARD_OK;

	if (r->n > bytes_max) {
		code = ward_fail(r->err, WARD_E_PARSE, "the document has %zu bytes, more than %zu",
			r->n, bytes_max);
		ward_fail_at(r->err, r->file, 0, 0);
		ward_fail_fix(r->err, "split it");
	} else if (r->n >= 3 && memcmp(r->text, "\xef\xbb\xbf", 3) == 0) {
		code = ward_json_fail(r, 0, "the document starts with a byte order mark");
		ward_fail_fix(r->err, "save it as UTF-8 without BOM");
	}
	return code;
}

/* Up to the value of a text. */
static int begin_text(struct json_reader *r, size_t bytes_max)
{
	int code = check_text(r, bytes_max);

	if (code < 0)
		return code;
	skip_blanks(r);
	if (r->pos < r->n)
		return WARD_OK;
	code = ward_json_fail(r, r->pos, "the document is empty");
	ward_fail_fix(r->err, "write a JSON value; an empty list is []");
	return code;
}

static int expect_end(struct json_reader *r)
{
	char found[JSON_FOUND_MAX];
	int code;

	skip_blanks(r);
	if (r->pos >= r->n)
		return WARD_OK;
	code = ward_json_fail(r, r->pos, "expected the end of the document, found %s",
		ward_json_found(r, r->pos, found));
	ward_fail_fix(r->err, "a document is one value: take out what follows it");
	return code;
}

static struct json_reader reader(struct ward_arena *a, const char *text, size_t n, const char *file,
	const struct ward_json_options *o, struct ward_error *err)
{
	return (struct json_reader){ .arena = a,
		.text = text,
		.n = n,
		.file = file,
		.line = 1,
		.depth_max = o->depth_max,
		.nul_ok = o->nul_ok,
		.wide_ok = o->wide_ok,
		.err = err };
}

int ward_json_parse_with(struct ward_arena *a, const char *text, size_t n, const char *file,
	const struct ward_json_options *o, struct ward_json **ret, struct ward_error *err)
{
	struct json_reader r = reader(a, text, n, file, o, err);
	struct ward_json *v = NULL;
	int code;

	*ret = NULL;
	code = begin_text(&r, o->bytes_max);
	if (code == WARD_OK)
		code = parse_value(&r, &v);
	if (code < 0)
		return code;
	code = expect_end(&r);
	if (code < 0)
		return code;
	*ret = v;
	return WARD_OK;
}

int ward_json_each(struct ward_arena *a, const char *text, size_t n, const char *file,
	const struct ward_json_options *o, int (*each)(const struct ward_json *element, void *arg),
	void *arg, struct ward_error *err)
{
	struct json_reader r = reader(a, text, n, file, o, err);
	char found[JSON_FOUND_MAX];
	bool more;
	int code = begin_text(&r, o->bytes_max);

	if (code == WARD_OK && r.text[r.pos] != '[') {
		code = ward_json_fail(&r, r.pos, "expected a list, found %s",
			ward_json_found(&r, r.pos, found));
		ward_fail_fix(err, "write [ and ] around it");
	}
	if (code == WARD_OK)
		code = enter(&r);
	if (code < 0)
		return code;
	skip_blanks(&r);
	more = r.pos >= r.n || r.text[r.pos] != ']';
	if (!more)
		r.pos++;
	while (more) {
		struct ward_json *v = NULL;

		ward_arena_reset(a);
		code = parse_value(&r, &v);
		if (code == WARD_OK)
			code = each(v, arg);
		if (code == WARD_OK)
			code = next_element(&r, ']', "a list element", &more);
		if (code != WARD_OK)
			return code;
	}
	return expect_end(&r);
}

int ward_json_parse(struct ward_arena *a, const char *text, size_t n, const char *file,
	struct ward_json **ret, struct ward_error *err)
{
	static const struct ward_json_options plain = { .bytes_max = WARD_JSON_BYTES_MAX,
		.depth_max = WARD_JSON_DEPTH_MAX };

	return ward_json_parse_with(a, text, n, file, &plain, ret, err);
}

const struct ward_json *ward_json_get(const struct ward_json *object, const char *key)
{
	struct ward_str want = ward_str(key);

	if (object == NULL || object->type != WARD_JSON_OBJECT)
		return NULL;
	for (const struct ward_json *m = object->child; m != NULL; m = m->next) {
		if (ward_str_eq(m->key, want))
			return m;
	}
	return NULL;
}

static int digit_of(char c)
{
	const char *digits = "0123456789abcdef", *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* {"hex": "2f61"}, and nothing beside it. */
static const char *from_hex(const struct ward_json *v, struct ward_arena *a)
{
	const struct ward_json *hex = v->count == 1 ? ward_json_get(v, "hex") : NULL;
	size_t n = hex != NULL && hex->type == WARD_JSON_STRING ? hex->str.n / 2 : 0;
	char *s;

	if (n == 0 || hex->str.n % 2 != 0 || n >= WARD_PATH_MAX)
		return NULL;
	s = ward_arena_alloc(a, n + 1);
	for (size_t i = 0; s != NULL && i < n; i++) {
		int high = digit_of(hex->str.s[2 * i]), low = digit_of(hex->str.s[2 * i + 1]);

		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return NULL;
		s[i] = (char)(high * 16 + low);
	}
	return s;
}

const char *ward_json_path(const struct ward_json *v, struct ward_arena *a)
{
	if (v != NULL && v->type == WARD_JSON_OBJECT)
		return from_hex(v, a);
	if (v == NULL || v->type != WARD_JSON_STRING || strlen(v->str.s) != v->str.n)
		return NULL;
	return ward_arena_strdup(a, v->str.s);
}

const char *ward_json_type_name(enum ward_json_type t)
{
	static const char *const names[] = {
		[WARD_JSON_NULL] = "null",
		[WARD_JSON_BOOL] = "a boolean",
		[WARD_JSON_INT] = "an integer",
		[WARD_JSON_REAL] = "a real number",
		[WARD_JSON_STRING] = "a string",
		[WARD_JSON_ARRAY] = "a list",
		[WARD_JSON_OBJECT] = "an object",
	};

	return (size_t)t < WARD_ARRAY_SIZE(names) ? names[t] : "unknown";
}
