/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a file of /sys for writing. Nothing is written.
 * class: write
 * for: root
 * escaped: holds transparent_hugepage
 */
#include "attempt.h"

ATTEMPT(write_sysfs)
{
	return hold(open("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY));
}
