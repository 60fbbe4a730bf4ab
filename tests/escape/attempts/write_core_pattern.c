/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the kernel's core_pattern for writing: what stands there is run as root. Nothing is written.
 * class: write
 * for: root
 * escaped: holds core_pattern
 */
#include "attempt.h"

ATTEMPT(write_core_pattern)
{
	return hold(open("/proc/sys/kernel/core_pattern", O_WRONLY));
}
