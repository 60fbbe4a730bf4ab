/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of the static ward. musl's own gives every small set of pages back at once, which for a program that lives for
 * three milliseconds is a hundred system calls of mapping and unmapping, a fifth of its time.
 *
 * Blocks of four sizes a power of two, up to 128 KiB, cut from regions that grow and are never unmapped; a freed one waits in the
 * list of its size. Larger ones are mappings of their own, or, where a huge page has room for them, cut from it and not used again.
 * Once a run lives, the pages of what was freed go back (ward_memory_settle). Every block carries its size behind a secret mark: a
 * block that was freed twice, overrun from below or never ours ends the process. One lock; no other state.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define ALIGN 16u
#define CLASS_MIN_SHIFT 5u /* 32 bytes */
#define CLASS_MAX (128u << 10)
#define CLASSES 52
#define KEPT (CLASSES + 1)
#define REGION (256u << 10)
#define LATER (512u << 10) /* each after the first */
#define STEP (64u << 10)
#define HUGE (2u << 20)
#define PAGE 4096u
#define LIVE 0x4556494cu
#define DEAD 0x44414544u

struct block {
	size_t size; /* usable bytes */
	uint32_t class; /* CLASSES = a mapping of its own, KEPT = a large one of a huge page */
	uint32_t mark;
};
struct freed {
	struct freed *next;
};

_Static_assert(sizeof(struct block) == ALIGN, "the head keeps the alignment");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct freed *lists[KEPT + 1];
static _Alignas(4096) char first[REGION]; /* costs nothing until it is touched */
static char *at = first, *end = first + REGION;
static bool grown; /* there is a second region */
static char *huge_end; /* of the huge page, while memory is cut from it */
static char *huge; /* it, until it is parted */
static char *filled = first + REGION; /* up to here pages are there, or come one by one */
static uint32_t secret;

/* Size of a class: 32 40 48 56 64 80 ... rounded to the alignment. */
static size_t class_size(unsigned c)
{
	size_t base = (size_t)1 << (CLASS_MIN_SHIFT + c / 4);

	return (base + base / 4 * (c % 4) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static unsigned class_of(size_t n)
{
	unsigned c = 0;

	if (n > 64)
		c = (unsigned)(63 - __builtin_clzl(n - 1) - (int)CLASS_MIN_SHIFT) * 4;
	while (class_size(c) < n)
		c++;
	return c;
}

static struct block *head_of(void *p)
{
	return (struct block *)((char *)p - sizeof(struct block));
}

static void mark(struct block *b, uint32_t what)
{
	b->mark = what ^ secret ^ (uint32_t)((uintptr_t)b >> 4);
}

static struct block *check(void *p)
{
	struct block *b = head_of(p);

	if (b->mark != (LIVE ^ secret ^ (uint32_t)((uintptr_t)b >> 4)))
		abort();
	return b;
}

/* Pages come some at a time, not fault by fault; where the kernel does not know how (before 5.14), they do. */
static void fill(const char *to)
{
	while (filled < to) {
		(void)madvise(filled, STEP, MADV_POPULATE_WRITE);
		filled += STEP;
	}
}

/* No huge pages, unless somebody needs one (below): they come faster, and each run would hold up to 2 MiB that it does not need. */
static bool region(void)
{
	size_t size = grown ? LATER : REGION;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	at = filled = p;
	end = p + size;
	grown = true;
	huge_end = NULL;
	return true;
}

/*
 * Whoever will need most of two megabytes gets one huge page, at an eighth of what 300 small ones cost to come and to go. What is left
 * of the region until now is left: most of it was never touched. Where the kernel has none, small ones come one by one.
 */
void ward_memory_expect(void)
{
	char *p = huge_end ? MAP_FAILED
			   : mmap(NULL, 2 * (size_t)HUGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	p = (char *)(((uintptr_t)p + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
	(void)madvise(p, HUGE, MADV_HUGEPAGE);
	pthread_mutex_lock(&lock);
	at = p;
	huge = p;
	end = filled = huge_end = p + HUGE;
	grown = true;
	pthread_mutex_unlock(&lock);
}

/* The whole pages between from and to, under the lock. Whoever touches them again finds zeros. */
static void give_back(char *from, char *to)
{
	from = (char *)(((uintptr_t)from + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
	to = (char *)((uintptr_t)to & ~(uintptr_t)(PAGE - 1));
	if (from >= to)
		return;
	/*
	 * Of a huge page the kernel keeps all, whatever of it is given back, until it is short of memory; what may be freed at leisure
	 * it parts at once. Nor is one to be made of it again.
	 */
	if (huge && from >= huge && to <= huge + HUGE) {
		(void)madvise(huge, HUGE, MADV_NOHUGEPAGE);
		(void)madvise(from, (size_t)(to - from), MADV_FREE);
		huge = NULL;
	}
	(void)madvise(from, (size_t)(to - from), MADV_DONTNEED);
}

void ward_memory_settle(void)
{
	pthread_mutex_lock(&lock);
	if (huge_end)
		give_back(at, huge_end);
	for (unsigned c = class_of(2 * PAGE); grown && c <= KEPT; c++) {
		for (struct freed *f = lists[c]; f; f = f->next)
			give_back((char *)(f + 1), (char *)f + head_of(f)->size);
	}
	pthread_mutex_unlock(&lock);
}

/* Under the lock. Fresh memory is zero. */
static void *carve(size_t n)
{
	size_t whole = n + sizeof(struct block);
	char *p;

	if ((size_t)(end - at) < whole && !region())
		return NULL;
	p = at;
	at += whole;
	fill(at);
	return p + sizeof(struct block);
}

static void *map_large(size_t n)
{
	struct block *b;

	if (n > PTRDIFF_MAX - sizeof(*b)) {
		errno = ENOMEM;
		return NULL;
	}
	b = mmap(NULL, n + sizeof(*b), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b == MAP_FAILED)
		return NULL;
	b->size = n;
	b->class = CLASSES;
	mark(b, LIVE);
	return b + 1;
}

/* In what is left of a huge page, if there is room in it. */
static void *large(size_t n)
{
	size_t whole = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	void *p = NULL;

	pthread_mutex_lock(&lock);
	if (huge_end && n < HUGE && (size_t)(huge_end - at) >= whole + sizeof(struct block))
		p = carve(whole);
	pthread_mutex_unlock(&lock);
	if (!p)
		return map_large(n);
	head_of(p)->size = whole;
	head_of(p)->class = KEPT;
	mark(head_of(p), LIVE);
	return p;
}

/* Before the first block is marked. Where the kernel's pool is not ready, the addresses' own randomness has to do. */
static void draw_secret(void)
{
	if (getrandom(&secret, sizeof(secret), GRND_NONBLOCK) != (ssize_t)sizeof(secret))
		secret = (uint32_t)((uintptr_t)&lock >> 4);
}

static void *take(size_t n, bool *ret_zero)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned c;
	void *p;

	(void)pthread_once(&once, draw_secret);
	*ret_zero = true;
	if (n > CLASS_MAX)
		return large(n);
	c = class_of(n ? n : 1);
	pthread_mutex_lock(&lock);
	p = lists[c];
	if (p) {
		lists[c] = lists[c]->next;
		*ret_zero = false;
	} else {
		p = carve(class_size(c));
	}
	pthread_mutex_unlock(&lock);
	if (!p) {
		errno = ENOMEM;
		return NULL;
	}
	head_of(p)->size = class_size(c);
	head_of(p)->class = c;
	mark(head_of(p), LIVE);
	return p;
}

void *malloc(size_t n)
{
	bool zero;

	return take(n, &zero);
}

void *calloc(size_t n, size_t size)
{
	size_t all;
	bool zero;
	void *p;

	if (__builtin_mul_overflow(n, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	p = take(all, &zero);
	if (p && !zero)
		memset(p, 0, all);
	return p;
}

void free(void *p)
{
	struct block *b;
	struct freed *f = p;

	if (!p)
		return;
	b = check(p);
	mark(b, DEAD);
	if (b->class == CLASSES) {
		int e = errno;

		(void)munmap(b, b->size + sizeof(*b));
		errno = e;
		return;
	}
	if (b->class > KEPT)
		abort();
	pthread_mutex_lock(&lock);
	f->next = lists[b->class];
	lists[b->class] = f;
	pthread_mutex_unlock(&lock);
}

void *realloc(void *p, size_t n)
{
	void *q;
	size_t have;

	if (!p)
		return malloc(n);
	have = check(p)->size;
	if (n <= have && n > have / 4)
		return p;
	q = malloc(n);
	if (!q)
		return NULL;
	memcpy(q, p, n < have ? n : have);
	free(p);
	return q;
}

/* Nothing in ward asks for more than the alignment that every block has. */
void *aligned_alloc(size_t alignment, size_t n)
{
	if (alignment > ALIGN) {
		errno = EINVAL;
		return NULL;
	}
	return malloc(n);
}
