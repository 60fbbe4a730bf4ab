/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second, slow matcher of grammar 2 for tests and fuzzing. It works on the text: braces are written out one after the other,
 * and what is left is tried every way a star can go. Written from docs/spec/patterns.md and not from src/policy/pattern; it
 * shares no code with it. For texts that are patterns; what it says of others means nothing. Refuses what would make it run
 * forever: ref_pattern_small().
 */
#pragma once

#include <stdio.h>

#include "ref_glob.h"

#define REF_TEXT 256

/* Behind the class that begins at p, or behind the escaped or plain character. */
static inline const char *ref_skip(const char *p)
{
	if (*p == '\\')
		p++;
	else if (*p == '[') {
		p++;
		if (*p == '!' || *p == '^')
			p++;
		do
			p += *p == '\\' ? 2 : 1;
		while (*p != ']');
	}
	return p + 1;
}

static inline uint32_t ref_member(const char **p)
{
	if (**p == '\\')
		++*p;
	return ref_decode((const uint8_t **)p);
}

/* Is c in the class at p, "["? */
static inline bool ref_class(const char *p, uint32_t c)
{
	bool all_but, found = false, first = true;

	p++;
	all_but = *p == '!' || *p == '^';
	if (all_but)
		p++;
	for (; first || *p != ']'; first = false) {
		uint32_t lo = ref_member(&p), hi = lo;

		if (*p == '-' && p[1] != ']') {
			p++;
			hi = ref_member(&p);
		}
		found = found || (lo <= c && c <= hi);
	}
	return found != all_but;
}

static inline bool ref_name(const char *p, const char *p_end, const char *s, const char *s_end)
{
	const char *next = s, *literal = p;
	uint32_t c;

	if (p == p_end)
		return s == s_end;
	if (*p == '*') {
		for (;;) {
			if (ref_name(p + 1, p_end, s, s_end))
				return true;
			if (s == s_end)
				return false;
			(void)ref_decode((const uint8_t **)&s);
		}
	}
	if (s == s_end)
		return false;
	c = ref_decode((const uint8_t **)&next);
	if (*p == '?')
		return ref_name(p + 1, p_end, next, s_end);
	if (*p == '[')
		return ref_class(p, c) && ref_name(ref_skip(p), p_end, next, s_end);
	return ref_member(&literal) == c && ref_name(literal, p_end, next, s_end);
}

/* The next part between slashes that counts. */
static inline bool ref_part(const char **p, const char **end, bool pattern)
{
	for (;;) {
		while (**p == '/')
			++*p;
		if (!**p)
			return false;
		*end = *p;
		while (**end && **end != '/')
			*end = pattern ? ref_skip(*end) : *end + 1;
		if (!(*end - *p == 1 && **p == '.') &&
			!(pattern && *end - *p == 2 && (*p)[0] == '\\' && (*p)[1] == '.'))
			return true;
		*p = *end;
	}
}

static inline bool ref_parts(const char *p, const char *s)
{
	const char *p_end, *s_end;
	bool more = ref_part(&p, &p_end, true);

	if (more && p_end - p == 2 && p[0] == '*' && p[1] == '*') {
		while (!ref_parts(p_end, s)) {
			if (!ref_part(&s, &s_end, false))
				return false;
			s = s_end;
		}
		return true;
	}
	if (!ref_part(&s, &s_end, false))
		return !more;
	return more && ref_name(p, p_end, s, s_end) && ref_parts(p_end, s_end);
}

static inline bool ref_dotdot(const char *s)
{
	for (const char *end; ref_part(&s, &end, false); s = end)
		if (end - s == 2 && s[0] == '.' && s[1] == '.')
			return true;
	return false;
}

static inline bool ref_pattern_match(const char *pattern, const char *path)
{
	const char *open = pattern, *close, *from;
	unsigned depth = 0;

	if (!*path || ref_dotdot(path))
		return false;
	while (*open && *open != '{')
		open = ref_skip(open);
	if (!*open)
		return (pattern[0] == '/') == (path[0] == '/') && ref_parts(pattern, path);
	for (close = open; *close != '}' || depth > 1; close = ref_skip(close))
		depth += *close == '{' ? 1u : *close == '}' ? -1u : 0u;
	depth = 0;
	from = open + 1;
	for (const char *p = from; p <= close; p = ref_skip(p)) {
		char text[REF_TEXT];

		if (p == close || (*p == ',' && depth == 0)) {
			snprintf(text, sizeof(text), "%.*s%.*s%s", (int)(open - pattern), pattern,
				(int)(p - from), from, close + 1);
			if (ref_pattern_match(text, path))
				return true;
			from = p + 1;
		}
		depth += *p == '{' ? 1u : *p == '}' ? -1u : 0u;
	}
	return false;
}

/* Does it end in reasonable time? */
static inline bool ref_pattern_small(const char *pattern, const char *path)
{
	size_t stars = 0, commas = 0;

	for (const char *p = pattern; *p; p++) {
		stars += *p == '*';
		commas += *p == ',';
	}
	return stars <= 6 && commas <= 10 && strlen(pattern) < 128 && strlen(path) <= 48;
}
