/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by a directory that is moved there.
 * class: configuration
 * grants: --mode workspace_write
 * escaped: created ws/.ward/grant.cedar
 */
#include "attempt.h"

ATTEMPT(config_repository_moved)
{
	if (mkdir("new", 0755) < 0 ||
		spoil(open("new/grant.cedar", O_WRONLY | O_CREAT, 0644)) != ESCAPED)
		return refused("mkdir");
	return rename("new", ".ward") < 0 ? refused("rename") : ESCAPED;
}
