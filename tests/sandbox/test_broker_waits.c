/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mediated connects that would block: others are served meanwhile, the end of a run does not wait for them, and whoever would not wait by
 * himself does not. Needs what test_broker_connect.c needs.
 */
#include "broker_notify_box.h"

static long in_fill_backlog(long arg)
{
	const struct target *t = (const void *)arg;
	struct sockaddr_storage a;
	socklen_t n = fill(t, &a);
	pid_t pid = fork();

	if (pid == 0) { /* one more than the backlog holds: the last of them waits */
		for (int i = 0; i < 3; i++)
			if (connect(socket(t->family, t->type, 0), (void *)&a, n))
				_exit(1);
		_exit(0);
	}
	return pid;
}

static long in_accept_all(long pid)
{
	struct pollfd p = { .fd = server, .events = POLLIN };
	int status = -1, n = 0;

	while (n < 3 && poll(&p, 1, 5000 * (int)tap_patience()) > 0)
		n += accept(server, NULL, NULL) >= 0;
	(void)waitpid((pid_t)pid, &status, 0);
	return n * 1000 + status;
}

static long in_kill(long pid)
{
	int status = 0;

	kill((pid_t)pid, SIGKILL);
	(void)waitpid((pid_t)pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

TEST(full_backlog)
{
	static const struct target rows[] = {
		{ AF_UNIX, SOCK_STREAM, 0, "/tmp/full", 0 },
		{ AF_INET, SOCK_STREAM, 0, "127.0.0.1", 0 },
	};

	START(x);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		double start, least = 1e9;
		long pid;

		CASE("row %zu", i);
		CHECK_EQ_INT(CALL(in_listen, &rows[i]), 0);
		pid = CALL(in_fill_backlog, &rows[i]);
		usleep(50000);
		/* Others are served meanwhile: the best of some, as the machine may be busy. */
		for (int k = 0; k < 50 && least >= 40000; k++) {
			start = box_now_us();
			CHECK_EQ_INT(CALL(in_unshare, CLONE_NEWUSER), -EPERM);
			start = box_now_us() - start;
			least = start < least ? start : least;
		}
		CHECK(least < 40000);
		CHECK_EQ_INT(CALL(in_accept_all, pid), 3000);
	}
	nbox_end(&x);
}

TEST(end_while_waiting)
{
	static const struct target full = { AF_UNIX, SOCK_STREAM, 0, "/tmp/full", 0 };
	double start;
	long pid;

	START(x);
	CHECK_EQ_INT(CALL(in_listen, &full), 0);
	pid = CALL(in_fill_backlog, &full);
	usleep(50000);
	CHECK_EQ_INT(CALL(in_kill, pid), SIGKILL); /* dies in the middle of its notification */
	CHECK_EQ_INT(CALL(in_unshare, CLONE_NEWUSER), -EPERM);
	(void)CALL(in_fill_backlog, &full);
	usleep(20000);
	start = box_now_us();
	nbox_end(&x);
	CHECK(box_now_us() - start < 1e6 * tap_patience());
}

static long in_timeout(long arg)
{
	const struct target *t = (const void *)arg;
	struct timeval tv = { .tv_usec = 100000 }, now = { 0 };
	struct sockaddr_storage a;
	socklen_t n = fill(t, &a), size = sizeof(now);
	int fd[2] = { socket(t->family, t->type, 0), socket(t->family, t->type, 0) };
	long r;

	(void)setsockopt(fd[1], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	r = connect(fd[0], (void *)&a, n) ? -errno : connect(fd[1], (void *)&a, n) ? -errno : 0;
	(void)getsockopt(fd[1], SOL_SOCKET, SO_SNDTIMEO, &now, &size);
	close(fd[0]);
	close(fd[1]);
	return now.tv_usec == 100000 ? r : -1000;
}

static long in_nonblock(long arg)
{
	const struct target *t = (const void *)arg;
	struct sockaddr_storage a;
	socklen_t n = fill(t, &a);
	int fd[2] = { socket(t->family, t->type | SOCK_NONBLOCK, 0),
		socket(t->family, t->type | SOCK_NONBLOCK, 0) };
	long r = connect(fd[0], (void *)&a, n)  ? -errno
		: connect(fd[1], (void *)&a, n) ? -errno
						: 0;

	close(fd[0]);
	close(fd[1]);
	return r;
}

TEST(nonblocking_is_not_waited_for)
{
	static const struct target full = { AF_UNIX, SOCK_STREAM, 0, "/tmp/full", 0 };

	START(x);
	CHECK_EQ_INT(CALL(in_listen, &full), 0);
	CHECK_EQ_INT(CALL(in_nonblock, &full), -EAGAIN);
	nbox_end(&x);
}

TEST(own_timeout_counts)
{
	static const struct target full = { AF_UNIX, SOCK_STREAM, 0, "/tmp/full", 0 };

	START(x);
	CHECK_EQ_INT(CALL(in_listen, &full), 0);
	CHECK_EQ_INT(CALL(in_timeout, &full), -EAGAIN);
	nbox_end(&x);
}

TEST(tidy)
{
	CHECK(!shared[0] || rmdir(shared) == 0);
}

TAP_MAIN();
