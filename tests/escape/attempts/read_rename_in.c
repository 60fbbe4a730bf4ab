/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of the secret, moved into the workspace.
 * class: read
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_rename_in)
{
	if (rename("../out", "moved") < 0)
		return refused("rename");
	return found_in(open("moved/secret", O_RDONLY));
}
