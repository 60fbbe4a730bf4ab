/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same file, by .. out of the workspace.
 * class: read
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_dotdot)
{
	return found_in(open("../out/secret", O_RDONLY));
}
