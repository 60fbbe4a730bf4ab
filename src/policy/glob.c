/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File patterns, grammar 1: "*" any run within one component, "?" one character of it, "**" any number of whole
 * components (also none). Everything else is itself: no classes, no braces, no escapes, no case folding.
 *
 * A grant must never reach further than it reads. So a path or a pattern that holds ".." matches nothing at all (what
 * it names depends on links that nobody looked up here), an absolute one never meets a relative one, and empty and
 * "." components do not count: a second spelling of a path is still that path.
 *
 * Two pointers on both levels, components and characters: after a mismatch only the last star grows. That is enough,
 * because what stands between two stars has a fixed length, so its leftmost fit is as good as any later one. Each
 * pair of characters is compared at most once: time is bounded by the product of both lengths, memory is constant,
 * and nothing recurses. A character is a UTF-8 sequence; a byte that is not part of one is a character of its own.
 */
#include <string.h>

#include "policy/policy.h"

/* The next component at *p, which then points behind it. False: there is none. */
static bool next_component(const char **p, struct ward_str *ret)
{
	for (;;) {
		size_t n;

		*p += strspn(*p, "/");
		n = strcspn(*p, "/");
		if (n == 0)
			return false;
		ret->s = *p;
		ret->n = n;
		*p += n;
		if (n != 1 || ret->s[0] != '.')
			return true;
	}
}

static bool is_deep(struct ward_str c)
{
	return c.n == 2 && c.s[0] == '*' && c.s[1] == '*';
}

static bool is_special(struct ward_str c)
{
	return memchr(c.s, '*', c.n) != NULL || memchr(c.s, '?', c.n) != NULL;
}

/* Can the two be compared at all? */
static bool comparable(const char *pattern, const char *path)
{
	if (pattern == NULL || path == NULL || pattern[0] == '\0' || path[0] == '\0')
		return false;
	if ((pattern[0] == '/') != (path[0] == '/'))
		return false;
	return !ward_path_has_dotdot(pattern) && !ward_path_has_dotdot(path);
}

/* Bytes of the character at offset i, i < s.n. */
static size_t char_length(struct ward_str s, size_t i)
{
	uint8_t lead = (uint8_t)s.s[i];
	size_t want = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;

	if (want > s.n - i || (want > 1 && !ward_utf8_valid(s.s + i, want)))
		return 1;
	return want;
}

/* One component, which holds no "/", against one of the pattern. */
static bool component_match(struct ward_str pattern, struct ward_str text)
{
	size_t i = 0, j = 0;
	size_t behind_star = 0, mark = 0; /* behind_star 0: no star yet */

	while (j < text.n) {
		size_t width = char_length(text, j);

		if (i < pattern.n && pattern.s[i] == '*') {
			behind_star = ++i;
			mark = j;
			continue;
		}
		if (i < pattern.n) {
			size_t pwidth = char_length(pattern, i);

			if (pattern.s[i] == '?' ||
				(pwidth == width &&
					memcmp(pattern.s + i, text.s + j, width) == 0)) {
				i += pwidth;
				j += width;
				continue;
			}
		}
		if (behind_star == 0)
			return false;
		/* By whole characters: half of one would count as a character more. */
		mark += char_length(text, mark);
		i = behind_star;
		j = mark;
	}
	while (i < pattern.n && pattern.s[i] == '*')
		i++;
	return i == pattern.n;
}

bool ward_glob_is_pattern(const char *pattern)
{
	return pattern != NULL && strpbrk(pattern, "*?") != NULL;
}

bool ward_glob_match(const char *pattern, const char *path)
{
	const char *p = pattern, *t = path;
	const char *behind_deep = NULL, *mark = NULL;

	if (!comparable(pattern, path))
		return false;
	for (;;) {
		const char *p_next = p, *t_next = t;
		struct ward_str want = { 0 }, have = { 0 };
		bool more_pattern = next_component(&p_next, &want);
		bool more_path = next_component(&t_next, &have);

		if (more_pattern && is_deep(want)) {
			p = p_next;
			behind_deep = p;
			mark = t;
			continue;
		}
		if (!more_path)
			return !more_pattern;
		if (more_pattern && component_match(want, have)) {
			p = p_next;
			t = t_next;
			continue;
		}
		if (behind_deep == NULL)
			return false;
		(void)next_component(&mark, &have); /* there is one: mark is not behind t */
		p = behind_deep;
		t = mark;
	}
}

/*
 * Exact, not only safe. Up to the first "**" the pattern and dir go in step; once it is reached, anything below may
 * follow. If dir ends first, what is left of the pattern needs at least one more component or allows one.
 */
bool ward_glob_may_match_below(const char *pattern, const char *dir)
{
	const char *p = pattern, *t = dir;
	struct ward_str want, have;

	if (!comparable(pattern, dir))
		return false;
	while (next_component(&p, &want)) {
		if (is_deep(want) || !next_component(&t, &have))
			return true;
		if (!component_match(want, have))
			return false;
	}
	return false;
}

/* A path that is being put together in a fixed place. */
struct path {
	char *out;
	size_t size, n;
	bool absolute;
};

static bool append(struct path *p, struct ward_str c)
{
	size_t slash = p->absolute || p->n > 0 ? 1 : 0;

	/* What is there already left room for its NUL. */
	if (p->size == 0 || slash + c.n > p->size - 1 - p->n)
		return false;
	if (slash != 0)
		p->out[p->n++] = '/';
	memcpy(p->out + p->n, c.s, c.n);
	p->n += c.n;
	return true;
}

/* End the text; no component at all is "/" or ".". */
static bool finish(struct path *p)
{
	if (p->size < 2)
		return false;
	if (p->n == 0)
		p->out[p->n++] = p->absolute ? '/' : '.';
	p->out[p->n] = '\0';
	return true;
}

int ward_glob_prefix(const char *pattern, char *out, size_t size)
{
	struct path path = { .out = out, .size = size };
	struct ward_str c;
	size_t parent = 0;
	bool literal = true;

	if (pattern == NULL || out == NULL || pattern[0] == '\0')
		return WARD_E_INVALID;
	path.absolute = pattern[0] == '/';
	for (const char *p = pattern; next_component(&p, &c);) {
		if (is_special(c)) {
			literal = false;
			break;
		}
		parent = path.n;
		if (!append(&path, c))
			return WARD_E_LIMIT;
	}
	if (literal)
		path.n = parent; /* what the pattern names may be a file: its directory */
	return finish(&path) ? WARD_OK : WARD_E_LIMIT;
}

bool ward_glob_is_subtree(const char *pattern, char *out, size_t size)
{
	struct path path = { .out = out, .size = size };
	struct ward_str c;
	bool deep = false;

	if (pattern == NULL || out == NULL || pattern[0] == '\0')
		return false;
	path.absolute = pattern[0] == '/';
	for (const char *p = pattern; next_component(&p, &c);) {
		if (is_deep(c))
			deep = true;
		else if (deep || is_special(c) || !append(&path, c))
			return false;
	}
	return deep && finish(&path);
}

#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"

static bool ends_name(char c)
{
	return c == '\0' || c == '/' || c == '\\';
}

/* In capitals, as those of the environment are: "$slug" is how some frameworks call a directory. */
static bool is_shell_variable(const char *s)
{
	bool braces = s[0] == '$' && s[1] == '{';
	size_t n = s[0] == '$' ? strspn(s + 1 + braces, CAPITALS) : 0;

	s += 1 + braces + n;
	return n > 0 && (!braces || *s == '}') && ends_name(s[braces]);
}

static bool is_windows_variable(const char *s)
{
	size_t n = s[0] == '%' ? strspn(s + 1, CAPITALS) : 0;

	return n > 0 && s[n + 1] == '%' && ends_name(s[n + 2]);
}

const char *ward_path_elsewhere(const char *path)
{
	size_t letters = strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	if (is_shell_variable(path) || is_windows_variable(path))
		return "no variable is expanded";
	if (letters == 1 && path[1] == ':' && (path[2] == '/' || path[2] == '\\'))
		return "there are no drives here";
	if (letters > 1 && strncmp(path + letters, "://", 3) == 0)
		return "a URL is no path";
	return NULL;
}
