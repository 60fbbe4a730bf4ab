/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves a link where the next run is told to write (--report).
 * class: arguments
 * grants: --write {ws} | --report there/target
 * runs: 2
 * expect: any
 * escaped: changed target
 */
#include "attempt.h"

ATTEMPT(argument_report_link)
{
	if (number("phase") == 1)
		return symlink("../out", "there") < 0 ? refused("symlink") : REFUSED;
	return spoil(open("there/target", O_WRONLY));
}
