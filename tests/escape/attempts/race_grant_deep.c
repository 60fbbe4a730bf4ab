/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of the host swaps a directory above the grant and a link out of the workspace while Ward starts.
 * class: races
 * grants: --read race/deep
 * runs: 15
 * during: swap
 * expect: any
 * escaped: leak deep
 */
#include "attempt.h"

ATTEMPT(race_grant_deep)
{
	return found_in(open("race/deep/secret", O_RDONLY));
}
