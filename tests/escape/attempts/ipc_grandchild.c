/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an orphan in a session of its own, from a thread that is not the first, with a descriptor that it was sent.
 * class: ipc
 * plants: sockets
 * args: token
 * escaped: heard
 */
#include <pthread.h>
#include <sys/wait.h>

#include "net.h"

static int sock;

static void *talk(void *p)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX, .sun_path = "stream.sock" };
	const char *token = arg("token");

	if (connect(sock, (struct sockaddr *)&u, sizeof(u)) == 0)
		(void)!write(sock, token, strlen(token));
	return p;
}

static void send_fd(int to, int fd)
{
	char space[CMSG_SPACE(sizeof(int))] = "", byte = 0;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	*c = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	(void)sendmsg(to, &m, 0);
}

static int receive_fd(int from)
{
	char space[CMSG_SPACE(sizeof(int))], byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space) };
	int fd = -1;

	if (recvmsg(from, &m, 0) > 0 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

ATTEMPT(ipc_grandchild)
{
	int pair[2];
	pthread_t t;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return refused("socketpair");
	if (fork() == 0) {
		(void)setsid();
		if (fork())
			_exit(0);
		sock = receive_fd(pair[1]);
		if (pthread_create(&t, NULL, talk, NULL) == 0)
			(void)pthread_join(t, NULL);
		_exit(0);
	}
	send_fd(pair[0], socket(AF_UNIX, SOCK_STREAM, 0));
	(void)wait(NULL);
	usleep(500 * 1000);
	return REFUSED;
}
