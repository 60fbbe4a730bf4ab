/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many small things with one lifetime: allocated in chunks, freed together, never one by one. There
 * is a maximum over all of them, so that a hostile document cannot make a small arena a large one.
 * Memory comes zeroed. Under AddressSanitizer each allocation is fenced, so that running over one
 * is seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_FENCE 16u
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_FENCE 16u
#endif
#ifdef ARENA_FENCE
#include <sanitizer/asan_interface.h>
#else
#define ARENA_FENCE 0u
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define ARENA_ALIGN 16u
/* Of a chunk with its head: a power of two, which no heap rounds up. Past the last size half a chunk would be much to leave empty. */
#define CHUNK_FIRST 4096u
#define CHUNK_LAST (32u << 10)

struct chunk {
	struct chunk *next;
	size_t size, used; /* of data */
	_Alignas(16) char data[];
};

struct ward_arena {
	struct chunk *chunks; /* the one that is being filled is first */
	size_t max, used; /* bytes handed out, rounded up */
	size_t next_size;
};

struct ward_arena *ward_arena_new(size_t max_bytes)
{
	struct ward_arena *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->max = max_bytes > 0 ? max_bytes : WARD_BUF_MAX;
	if (a->max > SIZE_MAX / 4)
		a->max = SIZE_MAX / 4;
	a->next_size = CHUNK_FIRST;
	return a;
}

void ward_arena_free(struct ward_arena *a)
{
	struct chunk *c;

	if (a == NULL)
		return;
	while ((c = a->chunks) != NULL) {
		a->chunks = c->next;
		ASAN_UNPOISON_MEMORY_REGION(c->data, c->size);
		free(c);
	}
	free(a);
}

void ward_arena_freep(struct ward_arena **a)
{
	ward_arena_free(*a);
	*a = NULL;
}

/* A chunk with room for need bytes, put first. */
static struct chunk *add_chunk(struct ward_arena *a, size_t need)
{
	size_t room = a->next_size - sizeof(struct chunk), size = need > room ? need : room;
	struct chunk *c = malloc(sizeof(*c) + size);

	if (c == NULL)
		return NULL;
	c->size = size;
	c->used = 0;
	c->next = a->chunks;
	a->chunks = c;
	if (a->next_size < CHUNK_LAST)
		a->next_size *= 2;
	ASAN_POISON_MEMORY_REGION(c->data, c->size);
	return c;
}

void *ward_arena_alloc(struct ward_arena *a, size_t n)
{
	struct chunk *c = a->chunks;
	size_t size;
	char *p;

	if (n > a->max - a->used)
		return NULL;
	size = ((n > 0 ? n : 1) + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1);
	if (size > a->max - a->used)
		return NULL;
	if (c == NULL || size + ARENA_FENCE > c->size - c->used)
		c = add_chunk(a, size + ARENA_FENCE);
	if (c == NULL)
		return NULL;
	p = c->data + c->used;
	c->used += size + ARENA_FENCE;
	a->used += size;
	ASAN_UNPOISON_MEMORY_REGION(p, n);
	memset(p, 0, n);
	return p;
}

size_t ward_arena_bytes(const struct ward_arena *a)
{
	size_t n = sizeof(*a);

	for (const struct chunk *c = a->chunks; c != NULL; c = c->next)
		n += sizeof(*c) + c->size;
	return n;
}

/* What took several chunks takes one the next time, and then no allocation any more. */
void ward_arena_reset(struct ward_arena *a)
{
	struct chunk *c = a->chunks;
	size_t sum = 0;

	a->used = 0;
	if (c == NULL)
		return;
	if (c->next == NULL) {
		c->used = 0;
		ASAN_POISON_MEMORY_REGION(c->data, c->size);
		return;
	}
	while ((c = a->chunks) != NULL) {
		a->chunks = c->next;
		sum += c->size;
		ASAN_UNPOISON_MEMORY_REGION(c->data, c->size);
		free(c);
	}
	a->next_size = sum + sizeof(struct chunk);
}

char *ward_arena_dup(struct ward_arena *a, const char *s, size_t n)
{
	char *p = n < SIZE_MAX ? ward_arena_alloc(a, n + 1) : NULL;

	if (p != NULL && n > 0)
		memcpy(p, s, n);
	return p;
}

char *ward_arena_strdup(struct ward_arena *a, const char *s)
{
	return ward_arena_dup(a, s, strlen(s));
}

char *ward_arena_printf(struct ward_arena *a, const char *fmt, ...)
{
	char most[256]; /* of what is short, which most is, it is printed once */
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(most, sizeof(most), fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	if ((size_t)n < sizeof(most))
		return ward_arena_dup(a, most, (size_t)n);
	p = ward_arena_alloc(a, (size_t)n + 1);
	if (p == NULL)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}
