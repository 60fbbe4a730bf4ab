/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openat2, asked to hold .. within (RESOLVE_IN_ROOT), with a root above the workspace.
 * class: read
 * escaped: leak file
 */
#include <linux/openat2.h>

#include "attempt.h"

ATTEMPT(read_openat2_in_root)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT };
	int fd = open("..", O_PATH | O_DIRECTORY);

	return found_in((int)syscall(SYS_openat2, fd, "/out/secret", &how, sizeof(how)));
}
