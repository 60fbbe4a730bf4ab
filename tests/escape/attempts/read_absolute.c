/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file outside every grant, by its absolute path.
 * class: read
 * args: secret
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_absolute)
{
	return found_in(open(arg("secret"), O_RDONLY));
}
