/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to the supervisor. A supervisor that is gone is no reason to go on: senders end. */
#include "init.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MSG_FDS_MAX WARD_VIEW_FDS_MAX

void msg_send(int sock, const struct ward_msg *m, const int *fds, size_t n_fds)
{
	union {
		char b[CMSG_SPACE(MSG_FDS_MAX * sizeof(int))];
		struct cmsghdr h;
	} u;
	struct iovec iov = { (void *)(uintptr_t)m, sizeof(*m) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		memset(&u, 0, sizeof(u));
		u.h.cmsg_level = SOL_SOCKET;
		u.h.cmsg_type = SCM_RIGHTS;
		u.h.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&u.h), fds, n_fds * sizeof(int));
		mh.msg_control = &u;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	while (sendmsg(sock, &mh, MSG_NOSIGNAL) < 0) {
		if (errno == ETOOMANYREFS && n_fds)
			fail(sock, WARD_STAGE_HAND, errno, NULL);
		if (errno != EINTR)
			_exit(1);
	}
}

ssize_t msg_recv(int sock, struct ward_msg *m)
{
	ssize_t n;

	do
		n = recv(sock, m, sizeof(*m), 0);
	while (n < 0 && errno == EINTR);
	return n;
}

size_t msg_recv_fds(int sock, uint32_t type, int *fds, size_t max, struct ward_msg *ret)
{
	union {
		char b[CMSG_SPACE(WARD_TREES_MAX * sizeof(int))];
		struct cmsghdr h;
	} u = { { 0 } };
	struct ward_msg m;
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)
	};
	struct cmsghdr *c;
	ssize_t n;
	size_t got;

	do
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(m) || m.type != type)
		_exit(1);
	if (mh.msg_flags & MSG_CTRUNC)
		fail(sock, WARD_STAGE_BLOB, EMFILE, "descriptors");
	c = CMSG_FIRSTHDR(&mh);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		_exit(1);
	got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (got == 0 || got > max || got != (size_t)m.value)
		_exit(1);
	memcpy(fds, CMSG_DATA(c), got * sizeof(int));
	if (ret)
		*ret = m;
	return got;
}

void fail(int sock, enum ward_stage stage, int err, const char *text)
{
	struct ward_msg m = { .type = WARD_MSG_FAILED, .stage = (uint32_t)stage, .err = err };

	if (text)
		strncpy(m.text, text, sizeof(m.text) - 1);
	msg_send(sock, &m, NULL, 0);
	_exit(1);
}
