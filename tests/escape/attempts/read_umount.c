/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies below the mounts of the view: take them away one after the other, and look.
 * class: read
 * args: secret ws
 * escaped: leak file
 */
#include <sched.h>
#include <sys/mount.h>

#include "attempt.h"

ATTEMPT(read_umount)
{
	static const char *const covers[] = { "/usr", "/tmp", "/etc/ssl/certs", "/proc", "/dev/shm",
		"/dev" };

	/* Never the host's own, when this runs bare as root. */
	if (unshare(CLONE_NEWNS | CLONE_NEWUSER) == 0 || geteuid() != 0) {
		(void)umount2(arg("ws"), MNT_DETACH);
		for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]); i++)
			(void)umount2(covers[i], MNT_DETACH);
	}
	return found_in(open(arg("secret"), O_RDONLY));
}
