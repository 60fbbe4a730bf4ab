/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory that the caller left open, and a name from there.
 * class: read
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_inherited_dir)
{
	return found_in(openat(208, "secret", O_RDONLY));
}
