/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of the host swaps the directory that the command starts in and a link out of the workspace while Ward
 * starts.
 * class: races
 * grants: --write {ws} --cwd race
 * runs: 15
 * during: swap
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(race_cwd)
{
	int fd = open("secret", O_RDONLY);

	return found_in(fd < 0 ? open("race/secret", O_RDONLY) : fd);
}
