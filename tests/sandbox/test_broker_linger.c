/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the call broker holds for a caller, closed where that waits: a TCP socket with SO_LINGER whose peer does not read. Nobody else is
 * held up by it, and it leaves neither thread nor descriptor behind in the process that had the run.
 */
#include <signal.h>

#include "broker_notify_box.h"
#include "entries.h"

#define LINGER_S 1000
#define SOON_US (5e6 * tap_patience())
#define LEFT_US \
	0.9e6 /* the end waits for a close for that long, so that there was one to wait for */

/* As many as there were before the run. */
static bool soon(const char *dir, unsigned n)
{
	double end = box_now_us() + SOON_US;

	while (entries(dir) != n && box_now_us() < end)
		(void)usleep(10000);
	return entries(dir) == n;
}

/* ---- inside ---- */

static char much[64 << 10];
static int conn[2], made[4];

static void ignore(int sig)
{
	(void)sig;
}

static void stuff(int fd)
{
	for (int i = 0; i < 4; i++) {
		while (send(fd, much, sizeof(much), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			;
		(void)usleep(20000);
	}
}

/* With an address the broker sends. */
static void *send_on(void *arg)
{
	static const struct target tcp = { AF_INET, SOCK_STREAM, 0, "127.0.0.1", 0 };
	static const struct target local = { AF_UNIX, SOCK_STREAM, 0, "@x", 0 };
	int fd = *(int *)arg, domain = 0;
	struct sockaddr_storage a;
	socklen_t n = sizeof(domain);

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n);
	n = fill(domain == AF_UNIX ? &local : &tcp, &a);
	(void)sendto(fd, much, sizeof(much), MSG_NOSIGNAL, (void *)&a, n);
	return NULL;
}

/* conn: a connection whose first end waits with its last close. */
static long connection(void)
{
	static const struct target t = { AF_INET, SOCK_STREAM, 8, "127.0.0.1", 0 };
	const struct linger l = { 1, LINGER_S };
	const int small = 16 << 10; /* and does not grow by itself then */
	struct sockaddr_storage a;
	socklen_t n;
	long r = in_listen((long)&t);

	if (r)
		return r;
	n = fill(&t, &a);
	conn[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(conn[0], (void *)&a, n))
		return -errno;
	conn[1] = accept(server, NULL, NULL);
	if (conn[1] < 0 || setsockopt(conn[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) ||
		setsockopt(conn[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) ||
		setsockopt(conn[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l)))
		return -errno;
	stuff(conn[0]);
	return 0;
}

static bool blocked_in_send(pthread_t *t, int *fd)
{
	if (pthread_create(t, NULL, send_on, fd))
		return false;
	(void)usleep(200000);
	return pthread_tryjoin_np(*t, NULL) == EBUSY;
}

/* The broker has the last descriptor of a connection. */
static long in_abandon(long arg)
{
	struct sigaction sa = { .sa_handler = ignore };
	pthread_t t;
	long r = connection();

	(void)arg;
	if (r || sigaction(SIGUSR1, &sa, NULL))
		return r ? r : -errno;
	if (!blocked_in_send(&t, &conn[0]))
		return -EALREADY;
	close(conn[0]);
	(void)pthread_kill(t, SIGUSR1);
	r = -pthread_join(t, NULL);
	(void)usleep(200000); /* the broker looks now and then whether anybody still waits */
	return r;
}

static long put(int sock, int fd)
{
	char byte = 'x', room[CMSG_SPACE(sizeof(int))] = "";
	struct iovec v = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &m, 0) == 1 ? close(fd) : -errno;
}

/* Two sends that wait: in the queue of the first socket lies one end of a connection, in that of the second the other. */
static long in_entangle(long arg)
{
	static pthread_t t[2];
	long r = connection();

	(void)arg;
	for (int i = 0; i < 2 && r == 0; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, made + 2 * i))
			return -errno;
		r = put(made[2 * i], conn[i]);
		stuff(made[2 * i + 1]);
		if (r == 0 && !blocked_in_send(&t[i], &made[2 * i + 1]))
			return -EALREADY;
	}
	/* Whose the last are is not left to the order of the end. */
	close(made[1]);
	close(made[3]);
	return r;
}

/* ---- the tests ---- */

TEST(others_are_answered_while_one_lingers)
{
	static const struct target outside = { AF_INET, SOCK_STREAM, 0, "203.0.113.1", 443 };
	const struct timeval patience = { 10 * tap_patience(), 0 };
	unsigned threads = entries("/proc/self/task"), fds = entries("/proc/self/fd");
	double start;

	START(x);
	CHECK_EQ_INT(CALL(in_abandon, 0), 0);
	(void)setsockopt(x.b.sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	start = box_now_us();
	CHECK_EQ_INT(CALL(in_connect, &outside), -ENETUNREACH);
	CHECK(box_now_us() - start < SOON_US);
	start = box_now_us();
	nbox_end(&x);
	CHECK(box_now_us() - start < SOON_US);
	CHECK(soon("/proc/self/task", threads));
	CHECK(soon("/proc/self/fd", fds));
}

TEST(who_is_left_behind_leaves_nothing)
{
	unsigned threads = entries("/proc/self/task"), fds = entries("/proc/self/fd");
	double took = 0;

	/* Now and then the kernel has room for all that was sent, and nothing is waited for. */
	for (int i = 0; i < 8 && took <= LEFT_US && tap_failures == 0; i++) {
		START(x);
		CHECK_EQ_INT(CALL(in_entangle, 0), 0);
		took = box_now_us();
		nbox_end(&x);
		took = box_now_us() - took;
		CHECK(took < SOON_US);
		CHECK(soon("/proc/self/task", threads));
		CHECK(soon("/proc/self/fd", fds));
	}
	CHECK(took > LEFT_US);
}

/* Of a connect that is captured. */
struct captured {
	bool caller; /* he may be answered in the middle of it */
	unsigned fds; /* of this process by then */
};

static void note_captured(void *arg, bool six, struct ward_cage_caller *caller)
{
	struct captured *c = arg;

	(void)six;
	*c = (struct captured){ caller != NULL, entries("/proc/self/fd") };
}

static long in_connect_to_door(long lingers)
{
	static const struct target t = { AF_INET, SOCK_STREAM, 0, "127.0.0.1",
		WARD_NET_PROXY_PORT };
	const struct linger l = { (int)lingers, LINGER_S };
	struct sockaddr_storage a;
	socklen_t n = fill(&t, &a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	long r;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)))
		return -errno;
	r = connect(fd, (void *)&a, n) ? -errno : 0;
	close(fd);
	return r;
}

/* Else the broker's copy may be the last, and his own close does not wait for what he has sent. Where it lingers a thread closes it, which may be late. */
TEST(who_connects_goes_on_when_the_copy_is_closed)
{
	plan.egress = true;
	{
		static struct captured c; /* also where a check ends this before the broker's end */
		unsigned fds;

		START(x);
		ward_notify_on_captured(x.n, note_captured, &c);
		CHECK_EQ_INT(CALL(in_connect_to_door, false), 0);
		fds = entries("/proc/self/fd");
		for (long lingers = 0; lingers < 2; lingers++) {
			for (int i = 0; i < (lingers ? 20 : 1) && (i == 0 || c.fds != fds); i++) {
				CHECK_EQ_INT(CALL(in_connect_to_door, lingers), 0);
				CHECK(c.caller);
			}
			CHECK_EQ_UINT(c.fds, fds);
		}
		nbox_end(&x);
	}
	plan.egress = false;
}

TEST(tidy)
{
	CHECK(shared_gone());
}

TAP_MAIN();
