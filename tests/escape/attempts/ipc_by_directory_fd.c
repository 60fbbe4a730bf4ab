/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket of the host in the read grant, through /proc/self/fd of its directory and through /proc/thread-self/cwd and root.
 * class: ipc
 * plants: sockets
 * args: ro_stream ro_seqpacket token
 * grants: --write {ws} --read {ro}
 * escaped: heard
 */
#include <libgen.h>

#include "net.h"

ATTEMPT(ipc_by_directory_fd)
{
	char dir[200], path[108];
	int fd, r;

	snprintf(dir, sizeof(dir), "%s", arg("ro_stream"));
	fd = open(dirname(dir), O_PATH | O_DIRECTORY);
	if (fd < 0 || fchdir(fd) < 0)
		return refused("chdir");
	snprintf(path, sizeof(path), "/proc/self/fd/%d/stream.sock", fd);
	r = send_unix_path(SOCK_STREAM, path, 0, false);
	if (r != ESCAPED)
		r = send_unix_path(SOCK_STREAM, "/proc/thread-self/cwd/stream.sock", 0, false);
	snprintf(path, sizeof(path), "/proc/self/root%s", arg("ro_seqpacket"));
	return r == ESCAPED ? r : send_unix_path(SOCK_SEQPACKET, path, 0, false);
}
