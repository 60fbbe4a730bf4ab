/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fanotify group: hears what others do with files.
 * class: kernel
 * escaped: holds fanotify
 */
#include <sys/fanotify.h>

#include "attempt.h"

ATTEMPT(kernel_fanotify)
{
	return hold(fanotify_init(0x200 /* FAN_REPORT_FID */, O_RDONLY));
}
