/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by the mode that the file is made with.
 * class: write
 * escaped: setid ws/left
 */
#include "attempt.h"

ATTEMPT(write_setuid_create)
{
	return open("left", O_WRONLY | O_CREAT, 04755) < 0 ? refused("open") : ESCAPED;
}
