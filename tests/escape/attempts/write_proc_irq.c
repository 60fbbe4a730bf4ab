/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a file of /proc that is no sysctl, but changes the whole machine, for writing. Nothing is written.
 * class: write
 * for: root
 * escaped: holds default_smp_affinity
 */
#include "attempt.h"

ATTEMPT(write_proc_irq)
{
	return hold(open("/proc/irq/default_smp_affinity", O_WRONLY));
}
