/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a socket with a name into a read grant, for programs of the host to talk to.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: created ro/new
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "attempt.h"

ATTEMPT(write_read_grant_socket)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(u.sun_path, sizeof(u.sun_path), "%s/new", arg("ro"));
	return bind(fd, (struct sockaddr *)&u, sizeof(u)) < 0 ? refused("bind") : ESCAPED;
}
