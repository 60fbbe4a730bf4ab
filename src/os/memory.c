/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program whose heap is its own can be told of memory; a library has the heap of whoever uses it, which is not told.
 */
#include "os/os.h"

/* src/bin/heap.c has the other. */
__attribute__((weak)) void ward_memory_expect(void)
{
}

__attribute__((weak)) void ward_memory_settle(void)
{
}
