/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of the host swaps the write grant and a link out of the workspace while Ward starts.
 * class: races
 * grants: --write race
 * runs: 15
 * during: swap
 * expect: any
 * escaped: created out/raced
 */
#include "attempt.h"

ATTEMPT(race_grant_write)
{
	return spoil(open("race/raced", O_WRONLY | O_CREAT, 0666));
}
