/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of the host swaps the granted directory and a link out of the workspace while Ward resolves and starts.
 * class: arguments
 * grants: --read race
 * runs: 40
 * during: swap
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_swapped_grant)
{
	return found_in(open("race/secret", O_RDONLY));
}
