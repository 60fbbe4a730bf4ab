/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old way out of a changed root: change it again below, and walk up from a directory kept open.
 * class: read
 * for: root
 * args: secret
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_chroot_out)
{
	int top = open(".", O_RDONLY | O_DIRECTORY);

	(void)mkdir("jail", 0777);
	if (chroot("jail") < 0 || fchdir(top) < 0)
		return refused("chroot");
	for (int i = 0; i < 32; i++)
		if (chdir("..") < 0)
			return refused("chdir");
	return found_in(open(arg("secret") + 1, O_RDONLY));
}
