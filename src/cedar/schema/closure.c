/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be reached in a graph of types or actions. One search for each node, none of them recursive; the steps of all
 * of them together have a maximum, which no schema that people write comes near.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/schema/resolve.h"

void ward_schema_closure_done(struct closure *c)
{
	free(c->start);
	free(c->v);
	*c = (struct closure){ 0 };
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool room(struct closure *c, size_t *cap, size_t n)
{
	uint32_t *v;

	if (n <= *cap)
		return true;
	*cap = n > 256 ? n * 2 : 512;
	v = realloc(c->v, *cap * sizeof(*v));
	if (v == NULL)
		return false;
	c->v = v;
	return true;
}

/* From one node: what is found is the queue at the same time. */
static int search(const struct closure *to, uint32_t from, uint32_t *stamps, struct closure *ret,
	size_t *cap, size_t *steps)
{
	size_t first = ret->start[from], end = first;
	uint32_t node = from;

	for (size_t next = first;; next++) {
		for (size_t e = to->start[node]; e < to->start[node + 1]; e++) {
			if (++*steps > WARD_CEDAR_CLOSURE_MAX)
				return WARD_E_LIMIT;
			if (stamps[to->v[e]] == from + 1)
				continue;
			stamps[to->v[e]] = from + 1;
			if (!room(ret, cap, end + 1))
				return WARD_E_NOMEM;
			ret->v[end++] = to->v[e];
		}
		if (next == end)
			break;
		node = ret->v[next];
	}
	if (end - first > 1)
		qsort(ret->v + first, end - first, sizeof(*ret->v), by_number);
	ret->start[from + 1] = end;
	return WARD_OK;
}

int ward_schema_close(uint32_t n, const struct closure *to, struct closure *ret)
{
	uint32_t *stamps = calloc((size_t)n + 1, sizeof(*stamps));
	size_t cap = 0, steps = 0;
	int code = WARD_OK;

	ret->start = calloc((size_t)n + 1, sizeof(*ret->start));
	if (stamps == NULL || ret->start == NULL)
		code = WARD_E_NOMEM;
	for (uint32_t i = 0; code == WARD_OK && i < n; i++)
		code = search(to, i, stamps, ret, &cap, &steps);
	free(stamps);
	if (code < 0)
		ward_schema_closure_done(ret);
	return code;
}

int ward_schema_invert(uint32_t n, const struct closure *to, struct closure *ret)
{
	size_t edges = to->start[n];

	ret->start = calloc((size_t)n + 2, sizeof(*ret->start));
	ret->v = calloc(edges + 1, sizeof(*ret->v));
	if (ret->start == NULL || ret->v == NULL) {
		ward_schema_closure_done(ret);
		return WARD_E_NOMEM;
	}
	/* Counted two places on, summed up to one place on, where filling moves each to where it belongs. */
	for (size_t e = 0; e < edges; e++)
		ret->start[(size_t)to->v[e] + 2]++;
	for (uint32_t i = 1; i <= n; i++)
		ret->start[i + 1] += ret->start[i];
	for (uint32_t i = 0; i < n; i++) {
		for (size_t e = to->start[i]; e < to->start[i + 1]; e++)
			ret->v[ret->start[(size_t)to->v[e] + 1]++] = i;
	}
	return WARD_OK;
}
