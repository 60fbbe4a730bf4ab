/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by mknod of a plain file.
 * class: write
 * escaped: setid ws/left
 */
#include "attempt.h"

ATTEMPT(write_setuid_mknod)
{
	return mknod("left", S_IFREG | 04755, 0) < 0 ? refused("mknod") : ESCAPED;
}
