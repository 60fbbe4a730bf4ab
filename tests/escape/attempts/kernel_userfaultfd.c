/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A userfaultfd: stops the kernel in the middle of a copy.
 * class: kernel
 * escaped: holds [userfaultfd]
 */
#include "attempt.h"

ATTEMPT(kernel_userfaultfd)
{
	return hold(syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */));
}
