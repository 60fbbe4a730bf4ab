/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An allocator that fails at will and counts what is not given back, for a test that is linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free: include it in its one .c file. Under a sanitizer, too,
 * whose own allocator is behind it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static long countdown = -1; /* allocations that still work; < 0: all of them */
static bool once; /* one failure, and all behind it works again */
static bool fired;
static long live; /* blocks that were not given back */

static bool refuse(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	/* Running out of memory is seldom over after one call. */
	countdown = once ? -1 : 0;
	fired = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	void *p = refuse() ? NULL : __real_malloc(n);

	live += p != NULL;
	return p;
}

void *__wrap_calloc(size_t n, size_t m)
{
	void *p = refuse() ? NULL : __real_calloc(n, m);

	live += p != NULL;
	return p;
}

void *__wrap_realloc(void *p, size_t n)
{
	void *q = refuse() ? NULL : __real_realloc(p, n);

	live += q != NULL && p == NULL;
	return q;
}

void __wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}
