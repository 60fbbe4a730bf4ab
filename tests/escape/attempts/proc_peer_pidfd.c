/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a signal to a process of the host that connects to a socket of the command's in a write grant, through the descriptor that the
 * kernel gives of whoever is at the other end.
 * class: processes
 * args: ws
 * during: peer
 * escaped: signalled
 */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "attempt.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

ATTEMPT(proc_peer_pidfd)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM, 0), peer, pidfd = -1;
	struct pollfd p = { .fd = sock, .events = POLLIN };
	socklen_t n = sizeof(pidfd);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/peer.sock", arg("ws"));
	if (bind(sock, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(sock, 1) < 0)
		return refused("bind");
	if (poll(&p, 1, 5000) <= 0)
		return UNSEEN;
	peer = accept(sock, NULL, NULL);
	if (getsockopt(peer, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &n) < 0)
		return errno == ENOPROTOOPT ? IMPOSSIBLE : refused("SO_PEERPIDFD");
	return syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) < 0 ? refused("pidfd")
									   : ESCAPED;
}
