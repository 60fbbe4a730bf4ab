/* SPDX-License-Identifier: Apache-2.0 */
/* What a pattern is by its form: nothing, one path, a directory and all below; and where its matches lie. */
#include <string.h>

#include "policy/pattern/own.h"

bool ward_pattern_never(const struct ward_pattern *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		if (!p->v[i].never)
			return false;
	}
	return true;
}

/* The first n components, all literal, as a path. */
static int put_path(const struct ward_pattern *p, const struct ward_component *v, uint32_t n,
	char *out, size_t size)
{
	size_t used = 0;

	for (uint32_t i = 0; i < n; i++) {
		size_t slash = p->absolute || i > 0 ? 1 : 0;

		if (size > WARD_PATH_MAX)
			size = WARD_PATH_MAX;
		if (v[i].prefix.n + slash + 1 > size - used)
			return WARD_E_LIMIT;
		if (slash != 0)
			out[used++] = '/';
		memcpy(out + used, v[i].prefix.s, v[i].prefix.n);
		used += v[i].prefix.n;
	}
	if (size < 2)
		return WARD_E_LIMIT;
	if (n == 0)
		out[used++] = p->absolute ? '/' : '.';
	out[used] = '\0';
	return WARD_OK;
}

static uint32_t literals(const struct ward_alternative *a)
{
	uint32_t n = 0;

	while (n < a->n && a->v[n].kind == WARD_COMPONENT_LITERAL)
		n++;
	return n;
}

/* How many leading components name a directory that holds every match of a; what is literal to its end may be a file. */
static uint32_t directory(const struct ward_alternative *a)
{
	uint32_t n = literals(a);

	return n == a->n && n > 0 ? n - 1 : n;
}

int ward_pattern_prefix(const struct ward_pattern *p, char *out, size_t size)
{
	uint32_t n = directory(&p->v[0]);

	for (uint32_t i = 1; i < p->n; i++) {
		uint32_t same = 0, most = directory(&p->v[i]);

		while (same < n && same < most &&
			ward_component_equal(&p->v[0].v[same], &p->v[i].v[same]))
			same++;
		n = same;
	}
	return put_path(p, p->v[0].v, n, out, size);
}

bool ward_pattern_is_subtree(const struct ward_pattern *p, char *out, size_t size)
{
	const struct ward_alternative *a = &p->v[0];

	return p->n == 1 && a->n > 0 && literals(a) == a->n - 1 &&
		a->v[a->n - 1].kind == WARD_COMPONENT_DEEP &&
		put_path(p, a->v, a->n - 1, out, size) == WARD_OK;
}

bool ward_pattern_is_literal(const struct ward_pattern *p, char *out, size_t size)
{
	const struct ward_alternative *a = &p->v[0];

	return p->n == 1 && literals(a) == a->n && put_path(p, a->v, a->n, out, size) == WARD_OK;
}

char ward_pattern_ending(const struct ward_pattern *p)
{
	char all = '\0';

	for (uint32_t i = 0; i < p->n; i++) {
		const struct ward_component *c;
		struct ward_str s;

		if (p->v[i].n == 0)
			return '\0';
		c = &p->v[i].v[p->v[i].n - 1];
		s = c->kind == WARD_COMPONENT_LITERAL ? c->prefix : c->suffix;
		if (c->kind == WARD_COMPONENT_DEEP || s.n == 0 || (i > 0 && s.s[s.n - 1] != all))
			return '\0';
		all = s.s[s.n - 1];
	}
	return all;
}

static bool ranges_equal(const struct ward_ranges *a, const struct ward_ranges *b)
{
	return a->n == b->n && memcmp(a->v, b->v, a->n * sizeof(a->v[0])) == 0;
}

bool ward_component_equal(const struct ward_component *a, const struct ward_component *b)
{
	if (a->kind != b->kind || a->hash != b->hash || a->n != b->n)
		return false;
	if (a->kind == WARD_COMPONENT_LITERAL)
		return ward_str_eq(a->prefix, b->prefix);
	for (uint32_t i = 0; i < a->n; i++) {
		const struct ward_token *x = &a->v[i], *y = &b->v[i];

		if (x->kind != y->kind || x->c != y->c ||
			(x->kind == WARD_TOKEN_CLASS && !ranges_equal(x->ranges, y->ranges)))
			return false;
	}
	return true;
}
