/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of the host's /dev/shm.
 * class: read
 * args: shm
 * escaped: leak shm
 */
#include "attempt.h"

ATTEMPT(read_host_shm)
{
	return found_in(open(arg("shm"), O_RDONLY));
}
