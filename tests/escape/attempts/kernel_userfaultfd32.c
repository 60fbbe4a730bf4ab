/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same through the 32-bit door.
 * class: kernel
 * escaped: holds [userfaultfd]
 */
#include "int80.h"

ATTEMPT(kernel_userfaultfd32)
{
	return hold(int80(374, 1, 0, 0));
}
