/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the n-th allocation of a piece of code fail: include it in the one .c file of a test, set alloc_fail_at to
 * n (1 = the first) and look at the result; alloc_fail_hit tells whether there was an n-th one. Under a sanitizer,
 * which has an allocator of its own, ALLOC_FAIL_WORKS is 0 and the test skips.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALLOC_FAIL_WORKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define ALLOC_FAIL_WORKS 0
#endif
#endif
#ifndef ALLOC_FAIL_WORKS
#define ALLOC_FAIL_WORKS 1
#endif

static unsigned long alloc_fail_at;
static bool alloc_fail_hit;

#if ALLOC_FAIL_WORKS
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);

static bool alloc_fails(void)
{
	if (alloc_fail_at == 0 || --alloc_fail_at > 0)
		return false;
	alloc_fail_hit = true;
	return true;
}

void *malloc(size_t n)
{
	return alloc_fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return alloc_fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return alloc_fails() ? NULL : __libc_realloc(p, n);
}
#endif
