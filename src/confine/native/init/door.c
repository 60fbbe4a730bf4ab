/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the run's network, for the supervisor to connect to what a run publishes: it is not in there, and must not be. A socket
 * is of the network of who makes it, whoever connects it then. The init asks nobody what for, and reads nothing: it puts pairs (IPv4,
 * and IPv6 where there is one) into a small queue as long as there is room.
 */
#include "init.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_BYTES 8192 /* a handful of pairs */

int door_make(struct init *in)
{
	const int room = QUEUE_BYTES;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0 ||
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0)
		fail(in->ctl, WARD_STAGE_NET, errno, "the door for what is published");
	in->door = pair[0];
	return pair[1];
}

static int make(int family)
{
	return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* It passes by itself, or when what is inside lets it: descriptors in flight, for one, are counted by user. */
static bool passes(int e)
{
	return e == ETOOMANYREFS || e == ENOBUFS || e == ENOMEM || e == EMFILE || e == ENFILE;
}

/* 0, or errno. n: how many there are. */
static int give(int door, const int *fds, size_t n)
{
	union {
		char b[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr h;
	} u;
	char word = 0;
	struct iovec iov = { &word, sizeof(word) };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &u,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	memset(&u, 0, sizeof(u));
	u.h.cmsg_level = SOL_SOCKET;
	u.h.cmsg_type = SCM_RIGHTS;
	u.h.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&u.h), fds, n * sizeof(int));
	return sendmsg(door, &mh, MSG_NOSIGNAL) < 0 ? errno : 0;
}

enum door_state door_give(int door)
{
	int fds[2] = { make(AF_INET), -1 };
	int e = fds[0] < 0 ? errno : 0;

	if (e == 0)
		fds[1] = make(AF_INET6);
	if (e == 0 && fds[1] < 0 && passes(errno))
		e = errno;
	if (e == 0)
		e = give(door, fds, fds[1] >= 0 ? 2 : 1);
	for (size_t i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (e == 0 || e == EAGAIN || e == EINTR)
		return DOOR_OPEN;
	if (passes(e))
		return DOOR_LATER;
	close(door);
	return DOOR_CLOSED;
}
