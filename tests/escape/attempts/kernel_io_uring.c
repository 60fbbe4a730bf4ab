/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An io_uring: what it is told to do, no filter of system calls sees.
 * class: kernel
 * escaped: holds [io_uring]
 */
#include "attempt.h"

ATTEMPT(kernel_io_uring)
{
	unsigned char params[256] = { 0 };

	return hold(syscall(425, 4, params));
}
