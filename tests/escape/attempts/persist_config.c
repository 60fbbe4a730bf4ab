/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes Ward's own configuration in the workspace, which is there and is covered by the write grant.
 * class: persistence
 * plants: config
 * escaped: created ws/.ward/policy.cedar
 */
#include "attempt.h"

ATTEMPT(persist_config)
{
	return spoil(open(".ward/policy.cedar", O_WRONLY | O_CREAT, 0666));
}
