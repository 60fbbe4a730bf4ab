/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one run leaves in /tmp, the next one finds.
 * class: persistence
 * args: marker ws
 * runs: 2
 * escaped: created ws/passed-on
 */
#include "persist.h"

ATTEMPT(persist_tmp)
{
	return pass_on("/tmp");
}
