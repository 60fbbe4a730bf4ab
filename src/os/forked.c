/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that embeds the library forks when it likes, and a child without an exec has all descriptors: close-on-exec does nothing there,
 * and the kernel has no flag that would. fork() of the C library calls us in the child; clone(2) as such does not.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "os/os.h"

#define SLOTS 512

static atomic_int kept[SLOTS]; /* a descriptor and 1; 0: none */

static void in_child(void)
{
	for (size_t i = 0; i < SLOTS; i++) {
		int fd = atomic_exchange(&kept[i], 0) - 1;

		if (fd >= 0)
			(void)close(fd);
	}
}

static void once(void)
{
	(void)pthread_atfork(NULL, NULL, in_child);
}

static void exchange(int was, int is)
{
	for (size_t i = 0; i < SLOTS; i++) {
		int expected = was;

		if (atomic_compare_exchange_strong(&kept[i], &expected, is))
			return;
	}
}

void ward_forked_without(int fd)
{
	static pthread_once_t done = PTHREAD_ONCE_INIT;

	(void)pthread_once(&done, once);
	if (fd >= 0)
		exchange(0, fd + 1);
}

void ward_forked_with(int fd)
{
	if (fd >= 0)
		exchange(fd + 1, 0);
}
