/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes the outside file through a symbolic link made in the workspace.
 * class: write
 * args: target
 * escaped: changed target
 */
#include "attempt.h"

ATTEMPT(write_symlink)
{
	if (symlink(arg("target"), "link") < 0)
		return refused("symlink");
	return spoil(open("link", O_WRONLY));
}
