/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a file below a directory that the caller left open.
 * class: write
 * escaped: created out/below
 */
#include "attempt.h"

ATTEMPT(write_inherited_fd)
{
	return spoil(openat(208, "below", O_WRONLY | O_CREAT, 0666));
}
