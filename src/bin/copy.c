/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy and memmove of the static ward. musl's are string instructions of x86, which cost some 20 to 40 ns before
 * they copy the first byte; a start makes thousands of copies, nearly all of them shorter than 64 bytes: a sixth of
 * its user time. Here the small ones are two loads and two stores that may overlap.
 *
 * Each piece is loaded whole before anything is stored over it, so that memcpy is memmove, and an overlap that its
 * callers never promised to avoid does no harm. Both must be here: musl's memmove is a part of its memcpy.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);

struct piece { /* 16 bytes, two registers or one */
	uint64_t v[2];
};

/* A constant size: the compiler makes loads and stores of these, not calls. */
#define LOAD(x, p) __builtin_memcpy(&(x), (p), sizeof(x))
#define STORE(p, x) __builtin_memcpy((p), &(x), sizeof(x))

/* The compiler knows loops that copy, and would make them calls of what they are the inside of. */
#define NO_CALL() __asm__ volatile("" ::: "memory")

#define BOTH_ENDS(type) \
	do { \
		type a, b; \
		LOAD(a, s); \
		LOAD(b, s + n - sizeof(b)); \
		STORE(d, a); \
		STORE(d + n - sizeof(b), b); \
	} while (0)

static inline void copy_small(char *d, const char *s, size_t n)
{
	if (n >= 8)
		BOTH_ENDS(uint64_t);
	else if (n >= 4)
		BOTH_ENDS(uint32_t);
	else if (n >= 2)
		BOTH_ENDS(uint16_t);
	else if (n == 1)
		*d = *s;
}

/* n > 16, and to lies below from or behind its end: nothing is stored over what is still to be loaded. */
static inline void copy_up(char *d, const char *s, size_t n)
{
	struct piece last, x;

	LOAD(last, s + n - sizeof(last));
	for (size_t i = 0; i < n - sizeof(x); i += sizeof(x)) {
		LOAD(x, s + i);
		STORE(d + i, x);
		NO_CALL();
	}
	STORE(d + n - sizeof(last), last);
}

static inline void copy_down(char *d, const char *s, size_t n)
{
	struct piece first, x;

	LOAD(first, s);
	for (size_t i = n; i > sizeof(x); i -= sizeof(x)) {
		LOAD(x, s + i - sizeof(x));
		STORE(d + i - sizeof(x), x);
		NO_CALL();
	}
	STORE(d, first);
}

static inline void *copy(void *to, const void *from, size_t n)
{
	if (n <= sizeof(struct piece))
		copy_small(to, from, n);
	else if ((uintptr_t)to - (uintptr_t)from >= n)
		copy_up(to, from, n);
	else
		copy_down(to, from, n);
	return to;
}

/* Neither calls the other: the compiler would turn the one around into the other. */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	return copy(to, from, n);
}

void *memmove(void *to, const void *from, size_t n)
{
	return copy(to, from, n);
}
