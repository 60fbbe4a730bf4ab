/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes Ward's own configuration in the workspace, where there is none yet.
 * class: persistence
 * escaped: created ws/.ward/policy.cedar
 */
#include "attempt.h"

ATTEMPT(persist_config)
{
	if (mkdir(".ward", 0777) < 0)
		return refused("mkdir");
	return spoil(open(".ward/policy.cedar", O_WRONLY | O_CREAT, 0666));
}
