/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same one component higher.
 * class: arguments
 * grants: --write {ws} | --read planted/out
 * runs: 2
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_planted_parent)
{
	if (number("phase") == 1)
		return symlink("..", "planted") < 0 ? refused("symlink") : REFUSED;
	return found_in(open("planted/out/secret", O_RDONLY));
}
