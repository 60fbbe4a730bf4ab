/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes a file outside every grant that anybody may write.
 * class: write
 * args: target
 * escaped: changed target
 */
#include "attempt.h"

ATTEMPT(write_absolute)
{
	return spoil(open(arg("target"), O_WRONLY));
}
