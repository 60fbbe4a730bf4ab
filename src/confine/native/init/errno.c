/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errno, of which there are two: the command's child shares the init's memory, and its thread pointer, until it executes, and the C library
 * would keep one for both. Whoever asks is known by the stack that it runs on. The library's own calls ask here too: it is linked statically,
 * and if its function came along as well the program could not be linked.
 */
#include "init.h"

_Alignas(16) char child_stack[CHILD_STACK];

int *__errno_location(void);
int *___errno_location(void);

int *__errno_location(void)
{
	static int of_init, of_child;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), stack = (uintptr_t)child_stack;

	return here - stack < CHILD_STACK ? &of_child : &of_init;
}

/* By this name the library knows it. */
int *___errno_location(void)
{
	return __errno_location();
}
