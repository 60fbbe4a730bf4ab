/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves a link by the very name that the next run is told to write to.
 * class: arguments
 * grants: --write {ws} | --report there
 * runs: 2
 * expect: any
 * escaped: changed target
 */
#include "attempt.h"

ATTEMPT(argument_report_last_link)
{
	if (number("phase") == 1)
		return symlink("../out/target", "there") < 0 ? refused("symlink") : REFUSED;
	return spoil(open("there", O_WRONLY));
}
