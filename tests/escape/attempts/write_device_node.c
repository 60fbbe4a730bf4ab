/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves a device node in the workspace, for whoever comes later.
 * class: write
 * for: root
 * escaped: device ws/node
 */
#include <sys/sysmacros.h>

#include "attempt.h"

ATTEMPT(write_device_node)
{
	return mknod("node", S_IFCHR | 0666, makedev(1, 1)) < 0 ? refused("mknod") : ESCAPED;
}
