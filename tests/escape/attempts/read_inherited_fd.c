/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that the caller left open.
 * class: read
 * escaped: leak inherited
 */
#include "attempt.h"

ATTEMPT(read_inherited_fd)
{
	return found_in(207);
}
