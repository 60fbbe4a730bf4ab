/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of the host swaps the directory that a pattern is matched in and a link out of the workspace while Ward
 * starts.
 * class: races
 * grants: --cap FILE_READ:race/?ecret
 * runs: 15
 * during: swap
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(race_grant_glob)
{
	return found_in(open("race/secret", O_RDONLY));
}
