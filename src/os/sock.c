/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages with descriptors between Ward's own processes. A message arrives whole or not at all:
 * one that was cut, in its bytes or in its descriptors, is an error, and every descriptor that came
 * with it is closed, so that a peer can neither leak descriptors into the receiver nor have half a
 * message acted upon.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "os/os.h"

#define FDS_MAX 250 /* that ward_send_fds() takes */
#define FDS_KERNEL 253 /* SCM_MAX_FD: what a hostile peer may send at once */

int ward_socketpair(int type, int ret[2])
{
	ret[0] = ret[1] = -1;
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

ssize_t ward_send_fds(int sock, const void *p, size_t n, const int *fds, size_t n_fds)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
		struct cmsghdr align;
	} control;
	/* sendmsg() does not write through it. */
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t r;

	/* Without a byte of its own a stream would not carry the descriptors. */
	if (n_fds > FDS_MAX || (n_fds > 0 && n == 0))
		return -EINVAL;
	if (n_fds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, CMSG_SPACE(sizeof(int) * n_fds));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do
		r = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/*
 * Take the descriptors out of msg: at most room into fds, the rest is closed. Returns how many
 * there were.
 */
static size_t take_fds(struct msghdr *msg, int *fds, size_t room)
{
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++, count++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (count < room)
				fds[count] = fd;
			else
				ward_close(fd);
		}
	}
	return count;
}

ssize_t ward_recv_fds(int sock, void *p, size_t n, int *fds, size_t *io_n_fds, int flags)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FDS_KERNEL) + CMSG_SPACE(64)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = p, .iov_len = n };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control),
	};
	size_t room = io_n_fds != NULL ? *io_n_fds : 0;
	size_t count;
	ssize_t r;

	if (io_n_fds != NULL)
		*io_n_fds = 0;
	do
		r = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	count = take_fds(&msg, fds, room);
	if (count <= room && (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) {
		if (io_n_fds != NULL)
			*io_n_fds = count;
		return r;
	}
	for (size_t i = 0; i < count && i < room; i++)
		ward_close(fds[i]);
	/*
	 * The room for control data is what the kernel sends at most: cut there, it had no free
	 * descriptor number.
	 */
	return (msg.msg_flags & MSG_CTRUNC) != 0 && count <= room ? -EMFILE : -EMSGSIZE;
}
