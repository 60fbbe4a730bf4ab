/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard input is a directory: walk to its parent, and from there to a neighbour.
 * class: read
 * stdio: dir
 * expect: any
 * escaped: leak neighbour
 */
#include "attempt.h"

ATTEMPT(read_stdin_dir_up)
{
	if (fchdir(0) < 0 || chdir("..") < 0)
		return refused("chdir");
	return found_in(open("side/neighbour", O_RDONLY));
}
