/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same in /dev/shm.
 * class: persistence
 * args: marker ws
 * runs: 2
 * escaped: created ws/passed-on
 */
#include "persist.h"

ATTEMPT(persist_shm)
{
	return pass_on("/dev/shm");
}
