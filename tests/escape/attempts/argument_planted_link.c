/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a link in the place of a directory that the next run is granted by its relative name.
 * class: arguments
 * grants: --write {ws} | --read planted
 * runs: 2
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_planted_link)
{
	if (number("phase") == 1)
		return symlink("../out", "planted") < 0 ? refused("symlink") : REFUSED;
	return found_in(open("planted/secret", O_RDONLY));
}
