/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same file, through a symbolic link made in the workspace.
 * class: read
 * args: secret
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_symlink)
{
	if (symlink(arg("secret"), "link") < 0)
		return refused("symlink");
	return found_in(open("link", O_RDONLY));
}
