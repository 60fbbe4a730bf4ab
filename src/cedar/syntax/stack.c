/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of lists that are being read, of any size: one stack for all of them; finished lists move into the pool. */
#include <stdlib.h>
#include <string.h>

#include "cedar/syntax/parser.h"

bool ward_cedar_push(struct parser *p, const void *e, size_t size)
{
	if (size > p->cap - p->top) {
		size_t cap = p->cap > 0 ? p->cap : 1024;
		char *stack;

		while (cap - p->top < size) {
			if (cap > SIZE_MAX / 4)
				return ward_cedar_no_memory(p);
			cap *= 2;
		}
		stack = realloc(p->stack, cap);
		if (stack == NULL)
			return ward_cedar_no_memory(p);
		p->stack = stack;
		p->cap = cap;
	}
	if (e != NULL)
		memcpy(p->stack + p->top, e, size);
	p->top += size;
	return true;
}

bool ward_cedar_pop(struct parser *p, size_t from, const void **ret)
{
	size_t n = p->top - from;
	void *v;

	*ret = NULL;
	p->top = from;
	if (n == 0)
		return true;
	v = ward_arena_alloc(p->arena, n);
	if (v == NULL)
		return ward_cedar_no_memory(p);
	memcpy(v, p->stack + from, n);
	*ret = v;
	return true;
}
