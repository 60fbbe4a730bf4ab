/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes Ward's directory of the repository where none was at the start: CVE-2026-25725.
 * class: configuration
 * grants: --mode workspace_write
 * escaped: created ws/.ward/grant.cedar
 */
#include "attempt.h"

ATTEMPT(config_repository_absent)
{
	if (mkdir(".ward", 0755) < 0)
		(void)refused("mkdir");
	return spoil(open(".ward/grant.cedar", O_WRONLY | O_CREAT, 0644));
}
