/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second, slow matcher of grammar 1 for tests and fuzzing: it splits both sides into characters and components and
 * tries every way a star can go. Written from docs/spec/capabilities.md and not from src/policy/glob.c; it shares no
 * code with it. Refuses inputs that would make it run forever: ref_glob_small().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define REF_CHARS 64
#define REF_COMPONENTS 33

struct ref_component {
	uint32_t c[REF_CHARS];
	size_t n;
};
struct ref_text {
	struct ref_component v[REF_COMPONENTS];
	size_t n;
	bool absolute, dotdot;
};

/* One character; a byte that begins no valid UTF-8 sequence becomes a value above all of Unicode. */
static inline uint32_t ref_decode(const uint8_t **p)
{
	const uint8_t *s = *p;
	uint32_t c = s[0], least = 0;
	int more = 0;

	if (c >= 0xf0 && c < 0xf8)
		more = 3, c &= 7, least = 0x10000;
	else if (c >= 0xe0 && c < 0xf0)
		more = 2, c &= 15, least = 0x800;
	else if (c >= 0xc0 && c < 0xe0)
		more = 1, c &= 31, least = 0x80;
	for (int i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			goto bad;
		c = c << 6 | (s[i] & 63u);
	}
	if ((more == 0 && c >= 0x80) || c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		goto bad;
	*p = s + 1 + more;
	return c;
bad:
	*p = s + 1;
	return 0x200000u + s[0];
}

/* False when it does not fit. */
static inline bool ref_split(const char *s, struct ref_text *t)
{
	const uint8_t *p = (const uint8_t *)s;

	t->n = 0;
	t->absolute = *p == '/';
	t->dotdot = false;
	while (*p) {
		if (*p == '/') {
			p++;
			continue;
		}
		if (t->n == REF_COMPONENTS)
			return false;
		struct ref_component *c = &t->v[t->n++];
		c->n = 0;
		while (*p && *p != '/') {
			if (c->n == REF_CHARS)
				return false;
			c->c[c->n++] = ref_decode(&p);
		}
		if (c->n == 1 && c->c[0] == '.')
			t->n--;
		else if (c->n == 2 && c->c[0] == '.' && c->c[1] == '.')
			t->dotdot = true;
	}
	return true;
}

static inline bool ref_chars(const uint32_t *p, size_t np, const uint32_t *t, size_t nt)
{
	if (np == 0)
		return nt == 0;
	if (p[0] == '*') {
		for (size_t i = 0; i <= nt; i++)
			if (ref_chars(p + 1, np - 1, t + i, nt - i))
				return true;
		return false;
	}
	return nt > 0 && (p[0] == '?' || p[0] == t[0]) && ref_chars(p + 1, np - 1, t + 1, nt - 1);
}

static inline bool ref_components(const struct ref_component *p, size_t np,
	const struct ref_component *t, size_t nt)
{
	if (np == 0)
		return nt == 0;
	if (p[0].n == 2 && p[0].c[0] == '*' && p[0].c[1] == '*') {
		for (size_t i = 0; i <= nt; i++)
			if (ref_components(p + 1, np - 1, t + i, nt - i))
				return true;
		return false;
	}
	return nt > 0 && ref_chars(p[0].c, p[0].n, t[0].c, t[0].n) &&
		ref_components(p + 1, np - 1, t + 1, nt - 1);
}

/* Does it end in reasonable time? */
static inline bool ref_glob_small(const char *pattern, const char *path)
{
	size_t stars = 0;

	for (const char *p = pattern; *p; p++)
		stars += *p == '*';
	return stars <= 6 && strlen(pattern) <= REF_CHARS && strlen(path) <= 48;
}

static inline bool ref_glob_match(const char *pattern, const char *path)
{
	struct ref_text p, t;

	if (!*pattern || !*path || !ref_split(pattern, &p) || !ref_split(path, &t))
		return false;
	if (p.absolute != t.absolute || p.dotdot || t.dotdot)
		return false;
	return ref_components(p.v, p.n, t.v, t.n);
}
