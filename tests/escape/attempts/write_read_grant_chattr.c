/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes the attribute flags of a read grant, by a descriptor that was opened for reading.
 * class: write
 * args: fixed
 * grants: --write {ws} --read {ro}
 * escaped: flags fixed
 */
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "attempt.h"

ATTEMPT(write_read_grant_chattr)
{
	int fd = open(arg("fixed"), O_RDONLY), flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return errno == ENOTTY ? IMPOSSIBLE : refused("FS_IOC_GETFLAGS");
	flags |= FS_NODUMP_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? refused("FS_IOC_SETFLAGS") : ESCAPED;
}
