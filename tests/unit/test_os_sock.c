/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages with descriptors: they arrive whole or not at all, whatever the peer sends; and after
 * every refusal no descriptor is left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "entries.h"
#include "os/os.h"
#include "tap.h"

struct pair {
	int fd[2];
};

static void pair_done(struct pair *p)
{
	ward_closep(&p->fd[0]);
	ward_closep(&p->fd[1]);
}

static unsigned open_fds(void)
{
	return entries("/proc/self/fd");
}

static ino_t inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

TEST(socketpair)
{
	WARD_CLEANUP(pair_done) struct pair p = { { 7, 7 } };
	struct pair bad = { { 7, 7 } };

	CHECK_EQ_INT(ward_socketpair(SOCK_SEQPACKET, p.fd), 0);
	CHECK_EQ_INT(fcntl(p.fd[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ_INT(fcntl(p.fd[1], F_GETFD), FD_CLOEXEC);
	CHECK(ward_socketpair(99, bad.fd) < 0);
	CHECK_EQ_INT(bad.fd[0], -1);
	CHECK_EQ_INT(bad.fd[1], -1);
}

TEST(bytes_only)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };

	TABLE(type, types) {
		WARD_CLEANUP(pair_done) struct pair p = { { -1, -1 } };
		char got[16] = "";
		int fds[2];
		size_t n = 2;

		REQUIRE(ward_socketpair(*type, p.fd) == 0);
		CHECK_EQ_INT(ward_send_fds(p.fd[0], "hello", 5, NULL, 0), 5);
		CHECK_EQ_INT(ward_recv_fds(p.fd[1], got, sizeof(got), fds, &n, 0), 5);
		CHECK_EQ_SIZE(n, 0);
		CHECK_STR_EQ(got, "hello");
		CHECK_EQ_INT(ward_recv_fds(p.fd[1], got, sizeof(got), NULL, NULL, MSG_DONTWAIT),
			-EAGAIN);
		ward_closep(&p.fd[0]);
		CHECK_EQ_INT(ward_recv_fds(p.fd[1], got, sizeof(got), NULL, NULL, 0), 0);
		/* No SIGPIPE, which would end the program here. */
		CHECK_EQ_INT(ward_send_fds(p.fd[1], "x", 1, NULL, 0), -EPIPE);
	}
}

TEST(descriptors)
{
	WARD_CLEANUP(pair_done) struct pair p = { { -1, -1 } };
	WARD_CLEANUP(pair_done) struct pair sent = { { -1, -1 } };
	unsigned before = open_fds();
	char got[4];

	REQUIRE(ward_socketpair(SOCK_SEQPACKET, p.fd) == 0);
	REQUIRE(ward_socketpair(SOCK_STREAM, sent.fd) == 0);
	for (size_t room = 2; room < 4; room++) {
		int fds[4] = { -1, -1, -1, -1 };
		size_t n = room;

		CHECK_EQ_INT(ward_send_fds(p.fd[0], "ab", 2, sent.fd, 2), 2);
		CHECK_EQ_INT(ward_recv_fds(p.fd[1], got, sizeof(got), fds, &n, 0), 2);
		CHECK_EQ_SIZE(n, 2);
		for (int i = 0; i < 2; i++) {
			CHECK(fds[i] != sent.fd[i] && inode(fds[i]) == inode(sent.fd[i]));
			CHECK_EQ_INT(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
			ward_close(fds[i]);
		}
	}
	pair_done(&p);
	pair_done(&sent);
	CHECK_EQ_UINT(open_fds(), before);
}

TEST(most_descriptors)
{
	WARD_CLEANUP(pair_done) struct pair p = { { -1, -1 } };
	int fds[251], got[250];
	size_t n = 250;
	char byte;

	REQUIRE(ward_socketpair(SOCK_STREAM, p.fd) == 0);
	for (size_t i = 0; i < 251; i++)
		fds[i] = p.fd[0];
	CHECK_EQ_INT(ward_send_fds(p.fd[0], "x", 1, fds, 251), -EINVAL);
	CHECK_EQ_INT(ward_send_fds(p.fd[0], "", 0, fds, 1), -EINVAL);
	CHECK_EQ_INT(ward_send_fds(p.fd[0], "x", 1, fds, 250), 1);
	CHECK_EQ_INT(ward_recv_fds(p.fd[1], &byte, 1, got, &n, 0), 1);
	CHECK_EQ_SIZE(n, 250);
	for (size_t i = 0; i < n; i++)
		ward_close(got[i]);
	fds[0] = -1;
	CHECK_EQ_INT(ward_send_fds(p.fd[0], "x", 1, fds, 1), -EBADF);
}

/* More descriptors than there is room for: none is taken. */
TEST(too_many)
{
	WARD_CLEANUP(pair_done) struct pair p = { { -1, -1 } };
	int fds[253], got[250];
	unsigned before;
	char byte = 'x';
	size_t n;

	REQUIRE(ward_socketpair(SOCK_SEQPACKET, p.fd) == 0);
	for (size_t i = 0; i < 253; i++)
		fds[i] = p.fd[0];
	before = open_fds();
	n = 1;
	CHECK_EQ_INT(ward_send_fds(p.fd[0], "x", 1, fds, 2), 1);
	CHECK_EQ_INT(ward_recv_fds(p.fd[1], &byte, 1, got, &n, 0), -EMSGSIZE);
	CHECK_EQ_SIZE(n, 0);
	CHECK_EQ_UINT(open_fds(), before);
	CHECK_EQ_INT(ward_send_fds(p.fd[0], "x", 1, fds, 1), 1);
	CHECK_EQ_INT(ward_recv_fds(p.fd[1], &byte, 1, NULL, NULL, 0), -EMSGSIZE);
	CHECK_EQ_UINT(open_fds(), before);

	/* What no Ward sends, but a hostile peer can: the kernel's most. */
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	char control[CMSG_SPACE(sizeof(fds))];
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	memset(control, 0, sizeof(control));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	REQUIRE(sendmsg(p.fd[0], &msg, 0) == 1);
	n = 250;
	CHECK_EQ_INT(ward_recv_fds(p.fd[1], &byte, 1, got, &n, 0), -EMSGSIZE);
	CHECK_EQ_UINT(open_fds(), before);
}

/* A packet that is cut is no packet, and its descriptors go with it. */
TEST(cut_bytes)
{
	WARD_CLEANUP(pair_done) struct pair p = { { -1, -1 } };
	unsigned before;
	char got[2];
	int fds[2];
	size_t n = 2;

	REQUIRE(ward_socketpair(SOCK_SEQPACKET, p.fd) == 0);
	before = open_fds();
	CHECK_EQ_INT(ward_send_fds(p.fd[0], "abc", 3, p.fd, 2), 3);
	CHECK_EQ_INT(ward_recv_fds(p.fd[1], got, sizeof(got), fds, &n, 0), -EMSGSIZE);
	CHECK_EQ_SIZE(n, 0);
	CHECK_EQ_UINT(open_fds(), before);
}

/* The receiver has no free numbers left: the kernel cuts the list, and what came is given back. */
TEST(no_free_numbers)
{
	WARD_CLEANUP(pair_done) struct pair p = { { -1, -1 } };
	int fds[8], got[8];
	struct rlimit old, tight;
	unsigned before;
	size_t n = 8;
	ssize_t r;
	char byte;
	int top;

	REQUIRE(ward_socketpair(SOCK_SEQPACKET, p.fd) == 0);
	for (size_t i = 0; i < 8; i++)
		fds[i] = p.fd[0];
	before = open_fds();
	CHECK_EQ_INT(ward_send_fds(p.fd[0], "x", 1, fds, 8), 1);
	top = dup(0);
	REQUIRE(top >= 0 && getrlimit(RLIMIT_NOFILE, &old) == 0);
	ward_close(top);
	tight = (struct rlimit){ .rlim_cur = (rlim_t)top + 3, .rlim_max = old.rlim_max };
	REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
	r = ward_recv_fds(p.fd[1], &byte, 1, got, &n, 0);
	REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
	CHECK_EQ_INT(r, -EMFILE);
	CHECK_EQ_SIZE(n, 0);
	CHECK_EQ_UINT(open_fds(), before);
}

/* Other control messages are nothing to us and must not be taken for descriptors. */
TEST(credentials_ignored)
{
	WARD_CLEANUP(pair_done) struct pair p = { { -1, -1 } };
	int on = 1, fds[2] = { -1, -1 };
	size_t n = 2;
	char byte;

	REQUIRE(ward_socketpair(SOCK_SEQPACKET, p.fd) == 0);
	REQUIRE(setsockopt(p.fd[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	CHECK_EQ_INT(ward_send_fds(p.fd[0], "x", 1, p.fd, 1), 1);
	CHECK_EQ_INT(ward_recv_fds(p.fd[1], &byte, 1, fds, &n, 0), 1);
	CHECK_EQ_SIZE(n, 1);
	CHECK(inode(fds[0]) == inode(p.fd[0]));
	ward_close(fds[0]);
}

TEST(bad_sockets)
{
	int fds[1];
	size_t n = 1;
	char byte;

	CHECK_EQ_INT(ward_send_fds(-1, "x", 1, NULL, 0), -EBADF);
	CHECK_EQ_INT(ward_recv_fds(-1, &byte, 1, fds, &n, 0), -EBADF);
	CHECK_EQ_SIZE(n, 0);
}

TAP_MAIN();
