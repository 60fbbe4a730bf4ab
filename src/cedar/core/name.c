/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the language: identifiers, reserved words, and types with their namespaces, in their normal form.
 */
#include <string.h>

#include "cedar/core/core.h"

static bool is_word(struct ward_str s, const char *word)
{
	return strlen(word) == s.n && memcmp(s.s, word, s.n) == 0;
}

bool ward_cedar_is_reserved(struct ward_str s)
{
	static const char *const words[] = { "true", "false", "if", "then", "else", "in", "like",
		"has", "is", "__cedar" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(words); i++) {
		if (is_word(s, words[i]))
			return true;
	}
	return false;
}

static bool is_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool ward_cedar_is_ident(struct ward_str s)
{
	if (s.n == 0 || !is_start(s.s[0]))
		return false;
	for (size_t i = 1; i < s.n; i++) {
		if (!is_start(s.s[i]) && !(s.s[i] >= '0' && s.s[i] <= '9'))
			return false;
	}
	return !ward_cedar_is_reserved(s);
}

bool ward_cedar_is_name(struct ward_str s)
{
	for (;;) {
		size_t n = 0;

		while (n < s.n && s.s[n] != ':')
			n++;
		if (!ward_cedar_is_ident((struct ward_str){ s.s, n }))
			return false;
		if (n == s.n)
			return true;
		if (s.n - n < 2 || s.s[n + 1] != ':')
			return false;
		s.s += n + 2;
		s.n -= n + 2;
	}
}

/* Length of what stands before the last "::"; name.n where there is none. */
static size_t split(struct ward_str name)
{
	for (size_t i = name.n; i >= 2; i--) {
		if (name.s[i - 1] == ':' && name.s[i - 2] == ':')
			return i - 2;
	}
	return name.n;
}

struct ward_str ward_cedar_basename(struct ward_str name)
{
	size_t at = split(name);

	if (at == name.n)
		return name;
	return (struct ward_str){ name.s + at + 2, name.n - at - 2 };
}

struct ward_str ward_cedar_namespace(struct ward_str name)
{
	size_t at = split(name);

	return (struct ward_str){ name.s, at == name.n ? 0 : at };
}
