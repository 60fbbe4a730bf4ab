/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write grant on / by mistake must be meant.
 * class: arguments
 * args: target
 * grants: --write /
 * expect: refused
 * escaped: changed target
 */
#include "attempt.h"

ATTEMPT(argument_root_workspace)
{
	return spoil(open(arg("target"), O_WRONLY));
}
