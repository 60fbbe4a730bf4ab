/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a link where the next run's pattern matches it.
 * class: arguments
 * grants: --write {ws} | --cap FILE_READ:d/?
 * runs: 2
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_planted_glob)
{
	if (number("phase") == 1)
		return mkdir("d", 0777) < 0 || symlink("../../out/secret", "d/x") < 0
			? refused("symlink")
			: REFUSED;
	return found_in(open("d/x", O_RDONLY));
}
