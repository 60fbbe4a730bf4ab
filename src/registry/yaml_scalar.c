/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalars and tags. The core schema of YAML 1.2 (section 10.3.2), and none of 1.1: what 1.1 takes for a boolean (no, off, y)
 * or a number to the base of sixty is a string. Where the two read different numbers out of one text (010), and where JSON has
 * no such value (.inf), it is refused: two readers that differ on a document are a hole.
 */
#include <stdio.h>
#include <string.h>

#include "registry/yaml_reader.h"

#define CORE "tag:yaml.org,2002:"
#define NUMBER_MAX WARD_JSON_NUMBER_MAX

static bool one_of(const char *s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(s, words[i]) == 0)
			return true;
	}
	return false;
}
#define ONE_OF(s, ...) \
	one_of((s), (const char *const[]){ __VA_ARGS__ }, \
		WARD_ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })))

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* [-+]?[0-9]+ */
static bool is_decimal(const char *s)
{
	s += *s == '-' || *s == '+';
	return digits(s) > 0 && s[digits(s)] == '\0';
}

/* 0o7, 0xf: no sign. */
static bool is_based(const char *s)
{
	const char *set = s[0] == '0' && s[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";

	return s[0] == '0' && (s[1] == 'o' || s[1] == 'x') && s[2] != '\0' &&
		s[2 + strspn(s + 2, set)] == '\0';
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *s)
{
	size_t whole;

	s += *s == '-' || *s == '+';
	whole = digits(s);
	s += whole;
	if (*s == '.') {
		size_t part = digits(++s);

		if (whole == 0 && part == 0)
			return false;
		s += part;
	} else if (whole == 0) {
		return false;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (digits(s) == 0)
			return false;
		s += digits(s);
	}
	return *s == '\0';
}

static bool is_special_float(const char *s)
{
	if (ONE_OF(s, ".nan", ".NaN", ".NAN"))
		return true;
	s += *s == '-' || *s == '+';
	return ONE_OF(s, ".inf", ".Inf", ".INF");
}

static int no_number(struct yaml_reader *r, const yaml_event_t *event, const char *why,
	const char *fix)
{
	int code = ward_yaml_fail(r, WARD_E_PARSE, &event->start_mark, "%.80s: %s",
		(const char *)event->data.scalar.value, why);

	ward_fail_fix(r->err, "%s", fix);
	return code;
}

/* The JSON reader is the one that turns digits into numbers: give it what JSON calls one. */
static int number(struct yaml_reader *r, const yaml_event_t *event, struct ward_json *v)
{
	const char *s = (const char *)event->data.scalar.value;
	char text[NUMBER_MAX + 8];
	size_t n = 0;
	struct ward_json *found = NULL;
	const char *rest = s + (*s == '-' || *s == '+');
	int code;

	if (strlen(s) > NUMBER_MAX)
		return no_number(r, event, "a number of too many characters", "write it in quotes");
	if (rest[0] == '0' && rest[1] >= '0' && rest[1] <= '9')
		return no_number(r, event,
			"some readers take this for a number to the base of eight",
			"leave the zeros in front out, write 0o17, or put it in quotes");
	if (*s == '-')
		text[n++] = '-';
	if (*rest == '.')
		text[n++] = '0';
	for (; *rest != '\0'; rest++) {
		text[n++] = *rest;
		if (*rest == '.' && digits(rest + 1) == 0)
			text[n++] = '0';
	}
	code = ward_json_parse(r->arena, text, n, r->file, &found, NULL);
	if (code == WARD_E_NOMEM)
		return ward_yaml_nomem(r);
	if (code < 0)
		return no_number(r, event, "a number out of range", "write it in quotes");
	v->type = found->type;
	v->i = found->i;
	v->d = found->d;
	return WARD_OK;
}

static int based_number(struct yaml_reader *r, const yaml_event_t *event, struct ward_json *v)
{
	const char *s = (const char *)event->data.scalar.value;
	unsigned base = s[1] == 'o' ? 8 : 16;
	uint64_t value = 0;

	for (s += 2; *s != '\0'; s++) {
		unsigned digit = (unsigned)(*s <= '9' ? *s - '0' : (*s | 0x20) - 'a' + 10);

		if (value > ((uint64_t)INT64_MAX - digit) / base)
			return no_number(r, event, "a number out of range", "write it in quotes");
		value = value * base + digit;
	}
	v->type = WARD_JSON_INT;
	v->i = (int64_t)value;
	return WARD_OK;
}

static int string(struct yaml_reader *r, const yaml_event_t *event, struct ward_json *v)
{
	const char *s = (const char *)event->data.scalar.value;
	size_t n = event->data.scalar.length;
	int code;

	if (memchr(s, '\0', n) != NULL || !ward_utf8_valid(s, n)) {
		code = ward_yaml_fail(r, WARD_E_PARSE, &event->start_mark,
			"a text holds NUL or what is no character");
		ward_fail_fix(r->err, "take it out");
		return code;
	}
	v->type = WARD_JSON_STRING;
	v->str.s = ward_arena_dup(r->arena, s, n);
	v->str.n = n;
	return v->str.s != NULL ? WARD_OK : ward_yaml_nomem(r);
}

static bool is_null(const char *s)
{
	return s[0] == '\0' || ONE_OF(s, "~", "null", "Null", "NULL");
}

static bool is_true(const char *s)
{
	return ONE_OF(s, "true", "True", "TRUE");
}

static bool is_bool(const char *s)
{
	return is_true(s) || ONE_OF(s, "false", "False", "FALSE");
}

static int resolve(struct yaml_reader *r, const yaml_event_t *event, struct ward_json *v)
{
	const char *s = (const char *)event->data.scalar.value;

	if (is_null(s)) {
		v->type = WARD_JSON_NULL;
		return WARD_OK;
	}
	if (is_bool(s)) {
		v->type = WARD_JSON_BOOL;
		v->b = is_true(s);
		return WARD_OK;
	}
	if (is_based(s))
		return based_number(r, event, v);
	if (is_special_float(s))
		return no_number(r, event, "there is no such number here",
			"write a number, or put it in quotes");
	if (is_decimal(s) || is_float(s))
		return number(r, event, v);
	return string(r, event, v);
}

int ward_yaml_tag(struct yaml_reader *r, const yaml_event_t *event, const yaml_char_t *tag,
	const char *kind)
{
	const char *s = (const char *)tag;
	int code;

	if (s == NULL || strcmp(s, "!") == 0)
		return WARD_OK;
	if (ward_has_prefix(s, CORE) && strcmp(s + strlen(CORE), kind) == 0)
		return WARD_OK;
	code = ward_yaml_fail(r, WARD_E_PARSE, &event->start_mark,
		"the tag %.120s, where only those of the core schema may be", s);
	if (s[0] == '!')
		ward_fail_fix(r->err,
			"a text that begins with \"!\" is written in quotes: \"%.120s\"", s);
	else
		ward_fail_fix(r->err, "take it out");
	return code;
}

int ward_yaml_scalar(struct yaml_reader *r, const yaml_event_t *event, struct ward_json *v)
{
	static const char *const kinds[] = { "str", "null", "bool", "int", "float" };
	const char *tag = (const char *)event->data.scalar.tag;
	const char *s = (const char *)event->data.scalar.value;
	const char *kind = NULL;
	bool fits;
	int code;

	/* A NUL would end what the comparisons below see. */
	if (memchr(s, '\0', event->data.scalar.length) != NULL)
		return string(r, event, v);
	if (tag == NULL)
		return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? resolve(r, event, v)
									   : string(r, event, v);
	if (strcmp(tag, "!") == 0)
		return string(r, event, v);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(kinds); i++) {
		if (ward_has_prefix(tag, CORE) && strcmp(tag + strlen(CORE), kinds[i]) == 0)
			kind = kinds[i];
	}
	if (kind == NULL)
		return ward_yaml_tag(r, event, event->data.scalar.tag, "");
	if (strcmp(kind, "str") == 0)
		return string(r, event, v);
	fits = strcmp(kind, "null") == 0    ? is_null(s)
		: strcmp(kind, "bool") == 0 ? is_bool(s)
		: strcmp(kind, "int") == 0  ? is_decimal(s) || is_based(s)
					    : is_float(s);
	if (fits) {
		code = resolve(r, event, v);
		if (code == WARD_OK && v->type == WARD_JSON_INT && strcmp(kind, "float") == 0) {
			v->type = WARD_JSON_REAL;
			v->d = (double)v->i;
		}
		return code;
	}
	code = ward_yaml_fail(r, WARD_E_PARSE, &event->start_mark, "!!%s, but \"%.80s\" is none",
		kind, s);
	ward_fail_fix(r->err, "take the tag out");
	return code;
}
