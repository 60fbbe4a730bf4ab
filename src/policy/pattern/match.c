/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pattern against one path. Two pointers on both levels, components and characters: after a mismatch only the last star
 * grows. That is enough, because what stands between two stars has a fixed length, so its leftmost fit is as good as any later
 * one. No recursion, no memory; what stands before the first star and behind the last is compared as bytes at once, which is
 * the same as by characters, as patterns are UTF-8.
 */
#include <string.h>

#include "policy/pattern/own.h"

uint64_t ward_name_hash(const char *s, size_t n)
{
	const uint64_t k = 0x9e3779b97f4a7c15u;
	uint64_t h = n * k, w = 0;

	for (; n > 8; s += 8, n -= 8) {
		memcpy(&w, s, 8);
		h = (h ^ w) * k;
		h ^= h >> 32;
	}
	w = 0;
	memcpy(&w, s, n);
	h = (h ^ w) * k;
	return h ^ h >> 32;
}

bool ward_path_next(struct ward_str path, size_t *at, struct ward_str *ret)
{
	for (;;) {
		const char *slash;

		while (*at < path.n && path.s[*at] == '/')
			++*at;
		if (*at == path.n)
			return false;
		ret->s = path.s + *at;
		slash = memchr(ret->s, '/', path.n - *at);
		ret->n = slash != NULL ? (size_t)(slash - ret->s) : path.n - *at;
		*at += ret->n;
		if (ret->n != 1 || ret->s[0] != '.')
			return true;
	}
}

bool ward_path_is_plain(struct ward_str path)
{
	struct ward_str c;

	if (path.n == 0 || memchr(path.s, '\0', path.n) != NULL)
		return false;
	for (size_t at = 0; ward_path_next(path, &at, &c);) {
		if (c.n == 2 && c.s[0] == '.' && c.s[1] == '.')
			return false;
	}
	return true;
}

/* Behind the name it has a "/", and then nothing, or the "/" before the next name. */
bool ward_path_is_any(struct ward_str path, struct ward_str name)
{
	const size_t n = sizeof(WARD_ANY_NAME) - 1;
	size_t left = path.n - (size_t)(name.s - path.s);

	return name.n == n - 1 && left >= n && memcmp(name.s, WARD_ANY_NAME, n) == 0 &&
		(left == n || name.s[n] == '/');
}

size_t ward_path_known(struct ward_str path)
{
	struct ward_str c;

	for (size_t at = 0; ward_path_next(path, &at, &c);) {
		if (ward_path_is_any(path, c))
			return c.s > path.s ? (size_t)(c.s - path.s) - 1 : 0;
	}
	return path.n;
}

/* The tokens between prefix and suffix against what is left between them. */
static bool middle_match(const struct ward_component *c, struct ward_str text)
{
	const struct ward_token *v = c->v + c->middle;
	size_t i = 0, j = 0;
	size_t behind_star = 0, mark = 0; /* behind_star 0: no star yet */

	while (j < text.n) {
		size_t width;
		uint32_t have;

		if (i < c->n_middle && v[i].kind == WARD_TOKEN_STAR) {
			behind_star = ++i;
			mark = j;
			continue;
		}
		if (i == c->n_middle && behind_star == i && i > 0)
			return true; /* the last star takes the rest */
		have = ward_char_at(text, j, &width);
		if (i < c->n_middle && ward_token_holds(&v[i], have)) {
			i++;
			j += width;
			continue;
		}
		if (behind_star == 0)
			return false;
		/* By whole characters: half of one would count as a character more. */
		(void)ward_char_at(text, mark, &width);
		mark += width;
		i = behind_star;
		j = mark;
	}
	while (i < c->n_middle && v[i].kind == WARD_TOKEN_STAR)
		i++;
	return i == c->n_middle;
}

bool ward_component_match(const struct ward_component *c, struct ward_str name)
{
	size_t rest;

	if (c->kind == WARD_COMPONENT_LITERAL)
		return name.n == c->prefix.n && memcmp(name.s, c->prefix.s, name.n) == 0;
	if (c->kind == WARD_COMPONENT_DEEP)
		return true;
	if (name.n < c->least || memcmp(name.s, c->prefix.s, c->prefix.n) != 0)
		return false;
	rest = name.n - c->suffix.n;
	if (memcmp(name.s + rest, c->suffix.s, c->suffix.n) != 0)
		return false;
	return c->simple ||
		middle_match(c, (struct ward_str){ name.s + c->prefix.n, rest - c->prefix.n });
}

static bool name_match(const struct ward_component *c, struct ward_str path, struct ward_str name)
{
	return ward_path_is_any(path, name) ? c->all : ward_component_match(c, name);
}

/* path is absolute exactly if the pattern is, and plain. */
static bool alternative_match(const struct ward_alternative *a, struct ward_str path)
{
	uint32_t i = 0, behind_deep = 0; /* behind_deep 0: none yet */
	size_t at = 0, mark = 0;

	for (;;) {
		size_t next = at;
		struct ward_str name;

		if (i < a->n && a->v[i].kind == WARD_COMPONENT_DEEP) {
			behind_deep = ++i;
			mark = at;
			if (i == a->n)
				return true;
			continue;
		}
		if (!ward_path_next(path, &next, &name))
			return i == a->n;
		if (i < a->n && name_match(&a->v[i], path, name)) {
			i++;
			at = next;
			continue;
		}
		if (behind_deep == 0)
			return false;
		(void)ward_path_next(path, &mark, &name); /* there is one: mark is not behind at */
		i = behind_deep;
		at = mark;
	}
}

bool ward_pattern_match(const struct ward_pattern *p, struct ward_str path)
{
	if (!ward_path_is_plain(path) || p->absolute != (path.s[0] == '/'))
		return false;
	for (uint32_t i = 0; i < p->n; i++) {
		if (!p->v[i].never && alternative_match(&p->v[i], path))
			return true;
	}
	return false;
}

/*
 * Up to the first "**" the alternative and dir go in step; once it is reached, anything below may follow. If dir ends first,
 * what is left of the alternative needs at least one more component or allows one.
 */
static bool alternative_reaches(const struct ward_alternative *a, struct ward_str dir)
{
	size_t at = 0;
	struct ward_str name;

	for (uint32_t i = 0; i < a->n; i++) {
		if (a->v[i].kind == WARD_COMPONENT_DEEP || !ward_path_next(dir, &at, &name))
			return true;
		if (!name_match(&a->v[i], dir, name))
			return false;
	}
	return false;
}

bool ward_pattern_may_match_below(const struct ward_pattern *p, struct ward_str dir)
{
	if (!ward_path_is_plain(dir) || p->absolute != (dir.s[0] == '/'))
		return false;
	for (uint32_t i = 0; i < p->n; i++) {
		if (!p->v[i].never && alternative_reaches(&p->v[i], dir))
			return true;
	}
	return false;
}
