/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same through the 32-bit door (int 0x80).
 * class: kernel
 * escaped: holds [io_uring]
 */
#include "int80.h"

ATTEMPT(kernel_io_uring32)
{
	unsigned char *params = low_page();

	return hold(int80(425, 4, (long)(uintptr_t)params, 0));
}
