/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same file, through a link to its directory, and openat2 from the workspace.
 * class: read
 * escaped: leak file
 */
#include <linux/openat2.h>

#include "attempt.h"

ATTEMPT(read_linked_dir)
{
	struct open_how how = { .flags = O_RDONLY };

	if (symlink("../out", "dir") < 0)
		return refused("symlink");
	return found_in((int)syscall(SYS_openat2, AT_FDCWD, "dir/secret", &how, sizeof(how)));
}
