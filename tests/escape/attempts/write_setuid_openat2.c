/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by openat2, whose mode no filter of system calls can see.
 * class: write
 * escaped: setid ws/left
 */
#include <linux/openat2.h>

#include "attempt.h"

ATTEMPT(write_setuid_openat2)
{
	struct open_how how = { .flags = O_WRONLY | O_CREAT, .mode = 04755 };

	return syscall(SYS_openat2, AT_FDCWD, "left", &how, sizeof(how)) < 0 ? refused("openat2")
									     : ESCAPED;
}
