/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arenas hand out of what they have fails as well, for a test that is linked with
 * -Wl,--wrap=ward_arena_alloc,--wrap=ward_arena_dup,--wrap=ward_arena_strdup besides.
 */
#pragma once

#include "alloc_wrap.h"
#include "base/base.h"

void *__real_ward_arena_alloc(struct ward_arena *a, size_t n);
char *__real_ward_arena_dup(struct ward_arena *a, const char *s, size_t n);
char *__real_ward_arena_strdup(struct ward_arena *a, const char *s);
void *__wrap_ward_arena_alloc(struct ward_arena *a, size_t n);
char *__wrap_ward_arena_dup(struct ward_arena *a, const char *s, size_t n);
char *__wrap_ward_arena_strdup(struct ward_arena *a, const char *s);

void *__wrap_ward_arena_alloc(struct ward_arena *a, size_t n)
{
	return refuse() ? NULL : __real_ward_arena_alloc(a, n);
}

char *__wrap_ward_arena_dup(struct ward_arena *a, const char *s, size_t n)
{
	return refuse() ? NULL : __real_ward_arena_dup(a, s, n);
}

char *__wrap_ward_arena_strdup(struct ward_arena *a, const char *s)
{
	return refuse() ? NULL : __real_ward_arena_strdup(a, s);
}
