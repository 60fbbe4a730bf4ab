/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For attempts in two runs: the first leaves a file somewhere, the second looks for it and says so in the workspace, which
 * is the host's to see. Nothing is refused here.
 */
#pragma once

#include "attempt.h"

static inline int pass_on(const char *where)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/left-%s", where, arg("marker"));
	if (number("phase") == 1)
		return spoil(open(path, O_WRONLY | O_CREAT, 0666)) == ESCAPED ? REFUSED
									      : refused("leave");
	if (open(path, O_RDONLY) < 0)
		return refused("find");
	(void)unlink(path);
	return spoil(open("passed-on", O_WRONLY | O_CREAT, 0666));
}
