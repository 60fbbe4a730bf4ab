/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of the host swaps the directory of a granted file and a link out of the workspace while Ward starts.
 * class: races
 * grants: --read race/secret
 * runs: 15
 * during: swap
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(race_grant_file)
{
	return found_in(open("race/secret", O_RDONLY));
}
