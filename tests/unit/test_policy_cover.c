/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quick answers of cover.c against the full computation, which is in there as well: for names all states and samples, for paths the
 * walk over all of them. So the file itself is part of this test.
 */
#include "pattern_util.h"

#include "policy/pattern/own.h"

/* The library's own stand beside them. */
#define ward_component_covers quick_component_covers
#define ward_pattern_covers quick_pattern_covers
bool ward_component_covers(const struct ward_component *a, const struct ward_component *b,
	size_t *steps);
bool ward_pattern_covers(const struct ward_pattern *a, const struct ward_pattern *b);
#include "policy/pattern/cover.c"

static struct ward_arena *arena;

/* One component, or NULL: only such as match a name. */
static const struct ward_component *component(char *out)
{
	static const char *const pieces[] = { "a", "b", "ab", ".", "*", "*", "?", "[ab]", "[!a]",
		"[.]", "\xc3\xa9", "\xe2\x82\xac", "[\xc3\xa9-\xe2\x82\xac]" };
	const struct ward_pattern *p;
	char *s = out;

	for (unsigned k = 1 + draw(4); k > 0; k--)
		s = stpcpy(s, pieces[draw(WARD_ARRAY_SIZE(pieces))]);
	p = compile(arena, out);
	return p != NULL && p->n == 1 && p->v[0].n == 1 && !p->v[0].never &&
			p->v[0].v[0].kind != WARD_COMPONENT_DEEP
		? &p->v[0].v[0]
		: NULL;
}

static bool full_component(const struct ward_component *a, const struct ward_component *b)
{
	struct ward_token v[TOKENS_MAX];
	uint32_t n = 0;
	size_t steps = 0;

	if (b->kind == WARD_COMPONENT_LITERAL)
		return ward_component_match(a, b->prefix);
	if (a->kind == WARD_COMPONENT_WILD)
		return names_covered(a->v, a->n, b, &steps);
	for (size_t at = 0, width; at < a->prefix.n; at += width)
		v[n++] = (struct ward_token){ .c = ward_char_at(a->prefix, at, &width) };
	return names_covered(v, n, b, &steps);
}

TEST(names)
{
	char a_text[64], b_text[64];
	unsigned pairs = 0, differ = 0, covered = 0, quick = 0;

	seed = 20261126;
	arena = ward_arena_new(0);
	while (pairs < 300000) {
		const struct ward_component *a, *b;
		size_t steps = 0;
		bool want, ret;

		ward_arena_reset(arena);
		a = component(a_text);
		b = component(b_text);
		if (a == NULL || b == NULL)
			continue;
		pairs++;
		want = full_component(a, b);
		covered += want;
		if (b->kind == WARD_COMPONENT_WILD && decided_by_ends(a, b, &ret))
			quick++;
		if (ward_component_covers(a, b, &steps) != want && differ++ < 5)
			FAIL("%s covers %s: should be %d", a_text, b_text, want);
	}
	ward_arena_free(arena);
	printf("# %u pairs, %u covered, %u by their ends\n", pairs, covered, quick);
	CHECK_EQ_UINT(differ, 0);
	CHECK(covered > 10000 && quick > 50000);
}

static bool full_pattern(const struct ward_pattern *a, const struct ward_pattern *b)
{
	size_t steps = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		if (!b->v[i].never &&
			(a->absolute != b->absolute || !together(a, &b->v[i], &steps)))
			return false;
	}
	return true;
}

TEST(paths)
{
	char a_text[MADE_MAX], b_text[MADE_MAX];
	unsigned pairs = 0, differ = 0, covered = 0, quick = 0;

	seed = 4;
	arena = ward_arena_new(0);
	while (pairs < 60000) {
		bool simple = pairs % 2 == 0, want;
		const struct ward_pattern *a, *b;
		size_t steps = 0;

		ward_arena_reset(arena);
		(void)make_pattern(a_text, 4, simple);
		(void)make_pattern(b_text, 4, simple);
		a = compile(arena, a_text);
		b = compile(arena, b_text);
		if (a == NULL || b == NULL)
			continue;
		pairs++;
		want = full_pattern(a, b);
		covered += want;
		quick += stands_out(&a->v[0], &b->v[0], &steps);
		if (ward_pattern_covers(a, b) != want && differ++ < 5)
			FAIL("%s covers %s: should be %d", a_text, b_text, want);
	}
	ward_arena_free(arena);
	printf("# %u pairs, %u covered, %u stand out\n", pairs, covered, quick);
	CHECK_EQ_UINT(differ, 0);
	CHECK(covered > 1000 && quick > 10000);
}

TAP_MAIN();
