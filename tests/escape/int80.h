/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 32-bit door into the kernel: other numbers, other filters. Pointers have to fit into 32 bits. Where there is no such
 * door (other machines, or switched off), the attempt says that it is impossible.
 */
#pragma once

#include <signal.h>
#include <sys/mman.h>

#include "attempt.h"

static inline void no_door(int sig)
{
	(void)sig;
	_exit(IMPOSSIBLE);
}

static inline void *low_page(void)
{
	void *p = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static inline long int80(long nr, long a, long b, long c)
{
#if defined(__x86_64__)
	long r;

	(void)signal(SIGSEGV, no_door);
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "r8", "r9", "r10", "r11", "memory");
	if ((int)r < 0) {
		errno = -(int)r;
		return -1;
	}
	return (int)r;
#else
	(void)nr, (void)a, (void)b, (void)c;
	exit(IMPOSSIBLE);
#endif
}
