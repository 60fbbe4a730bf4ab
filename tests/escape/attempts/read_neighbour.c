/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The neighbour of a file that alone is granted.
 * class: read
 * args: neighbour granted
 * grants: --write {ws} --read {granted}
 * escaped: leak neighbour
 */
#include "attempt.h"

ATTEMPT(read_neighbour)
{
	if (open(arg("granted"), O_RDONLY) < 0)
		return refused("the granted one");
	return found_in(open(arg("neighbour"), O_RDONLY));
}
