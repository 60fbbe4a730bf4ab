/* SPDX-License-Identifier: Apache-2.0 */
/* Random patterns and paths of a small alphabet, so that they meet often, from a seed, so that a failure comes again. */
#pragma once

#include "base/base.h"
#include "policy/policy.h"
#include "tap.h"

static uint64_t seed;

static TAP_UNUSED unsigned draw(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static const char *const path_pieces[] = { "a", "b", "ab", "\xe2\x82\xac", "\xff", ".", "z", "-" };
static const char *const simple_pieces[] = { "a", "b", "a", "b", "*", "?", "*", "ab" };
static const char *const pattern_pieces[] = { "a", "b", "*", "?", "\xe2\x82\xac", "ab", ".", "[ab]",
	"[!a]", "[a-c]", "[^-b]", "[]-]", "[\\]a-b]", "\\*", "\\a", "[\xc3\xa9-\xe2\x82\xac]", "[.]",
	"[!.z]", ",", "-" };

/* Up to max components. Returns its length. */
static TAP_UNUSED size_t make_path(char *out, unsigned max)
{
	unsigned n = draw(max + 1);
	char *p = out;

	if (draw(3) == 0)
		*p++ = '/';
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			p = stpcpy(p, draw(12) ? "/" : draw(2) ? "//" : "/./");
		for (unsigned k = 1 + draw(3); k > 0; k--)
			p = stpcpy(p, path_pieces[draw(WARD_ARRAY_SIZE(path_pieces))]);
	}
	if (p == out)
		p = stpcpy(p, ".");
	*p = '\0';
	return (size_t)(p - out);
}

/* Components, with braces around some of their parts: often none, often no pattern. */
static TAP_UNUSED char *make_parts(char *p, unsigned max, unsigned depth, bool simple)
{
	unsigned n = 1 + draw(max);

	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			*p++ = '/';
		if (draw(5) == 0) {
			p = stpcpy(p, "**");
			continue;
		}
		for (unsigned k = 1 + draw(2); k > 0; k--) {
			if (depth < 3 && draw(6) == 0) {
				*p++ = '{';
				for (unsigned m = 2 + draw(2); m > 0; m--) {
					if (draw(5))
						p = make_parts(p, draw(4) ? 1 : 2, depth + 1, simple);
					*p++ = m > 1 ? ',' : '}';
				}
			} else if (simple) {
				p = stpcpy(p, simple_pieces[draw(WARD_ARRAY_SIZE(simple_pieces))]);
			} else {
				p = stpcpy(p, pattern_pieces[draw(WARD_ARRAY_SIZE(pattern_pieces))]);
			}
		}
	}
	return p;
}

#define MADE_MAX 4096 /* what make_pattern() may need */

static TAP_UNUSED struct ward_str make_pattern(char *out, unsigned max, bool simple)
{
	char *p = out;

	if (draw(3) == 0)
		*p++ = '/';
	p = make_parts(p, max, 0, simple);
	*p = '\0';
	return (struct ward_str){ out, (size_t)(p - out) };
}

static TAP_UNUSED const struct ward_pattern *compile(struct ward_arena *a, const char *text)
{
	const struct ward_pattern *p = NULL;

	return ward_pattern_compile(a, ward_str(text), WARD_GRAMMAR_2, &p, NULL) == WARD_OK ? p : NULL;
}
