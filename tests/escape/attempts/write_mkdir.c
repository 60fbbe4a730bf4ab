/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a directory outside every grant, along a path that exists on the host alone.
 * class: write
 * args: out
 * escaped: created out/dir
 */
#include "attempt.h"

ATTEMPT(write_mkdir)
{
	if (chdir(arg("out")) < 0)
		return refused("chdir");
	return mkdir("dir", 0777) < 0 ? refused("mkdir") : ESCAPED;
}
