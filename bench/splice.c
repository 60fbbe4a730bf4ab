/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is splice(2) worth it where bytes go from one TCP connection to another, as those of a run's connections do (src/egress/relay/pump.c)?
 * A sender, something in between and a receiver on the loopback, in turn: nothing in between, a copy through a buffer as large as the relay's,
 * and splice through a pipe of 64 KiB and of 1 MiB. Printed: the best of the rounds, and what the process in between used for it.
 *
 * usage: bench-splice [MIB [ROUNDS]]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (48u << 10)
#define SENDER (256u << 10)

static char buf[SENDER];

static const struct way {
	const char *name;
	int pipe; /* its size; 0: a copy; -1: nothing in between */
} ways[] = {
	{ "direct", -1 },
	{ "copy", 0 },
	{ "splice, 64 KiB", 64 << 10 },
	{ "splice, 1 MiB", 1 << 20 },
};
#define N_WAYS (sizeof(ways) / sizeof(*ways))

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void connection(int fd[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int at = socket(AF_INET, SOCK_STREAM, 0);

	if (at < 0 || bind(at, (void *)&a, n) < 0 || listen(at, 1) < 0 ||
		getsockname(at, (void *)&a, &n) < 0)
		die("listen");
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (fd[0] < 0 || connect(fd[0], (void *)&a, n) < 0)
		die("connect");
	fd[1] = accept(at, NULL, NULL);
	if (fd[1] < 0)
		die("accept");
	close(at);
}

static void wait_until(int fd, short what)
{
	struct pollfd p = { fd, what, 0 };

	if (poll(&p, 1, -1) < 0)
		die("poll");
}

static void send_all(int fd, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, buf, n < SENDER ? n : SENDER, MSG_NOSIGNAL);

		if (sent < 0)
			die("send");
		n -= (size_t)sent;
	}
}

static void copy(int from, int to)
{
	ssize_t n;

	while ((n = recv(from, buf, BUFFER, MSG_DONTWAIT)) != 0) {
		if (n < 0 && errno != EAGAIN)
			die("recv");
		if (n < 0)
			wait_until(from, POLLIN);
		for (ssize_t at = 0; at < n;) {
			ssize_t sent =
				send(to, buf + at, (size_t)(n - at), MSG_NOSIGNAL | MSG_DONTWAIT);

			if (sent < 0 && errno != EAGAIN)
				die("send");
			if (sent < 0)
				wait_until(to, POLLOUT);
			else
				at += sent;
		}
	}
}

static void splice_all(int from, int to, int size)
{
	const unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
	size_t in = 0;
	int p[2];

	if (pipe2(p, O_NONBLOCK) < 0 || fcntl(p[0], F_SETPIPE_SZ, size) < 0 ||
		fcntl(from, F_SETFL, O_NONBLOCK) < 0 || fcntl(to, F_SETFL, O_NONBLOCK) < 0)
		die("pipe");
	for (;;) {
		ssize_t got = splice(from, NULL, p[1], NULL, (size_t)size, flags), sent = 0;

		if (got == 0 && in == 0)
			return;
		if (got > 0)
			in += (size_t)got;
		if (in)
			sent = splice(p[0], NULL, to, NULL, in, flags);
		if (sent > 0)
			in -= (size_t)sent;
		if (got <= 0 && sent <= 0)
			wait_until(in ? to : from, in ? POLLOUT : POLLIN);
	}
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

/* Seconds that it took; *ret_used: of the processor, by what is in between. */
static double one_round(const struct way *w, size_t size, double *ret_used)
{
	int first[2], second[2] = { -1, -1 }, at;
	pid_t between = -1, sender;
	struct rusage used = { 0 };
	double began;
	ssize_t n;

	connection(first);
	if (w->pipe >= 0)
		connection(second);
	at = w->pipe >= 0 ? second[1] : first[1];
	began = now();
	sender = child();
	if (sender == 0) {
		send_all(first[0], size);
		_exit(0);
	}
	close(first[0]);
	if (w->pipe >= 0)
		between = child();
	if (between == 0) {
		close(second[1]);
		if (w->pipe)
			splice_all(first[1], second[0], w->pipe);
		else
			copy(first[1], second[0]);
		_exit(0);
	}
	if (w->pipe >= 0) {
		close(first[1]);
		close(second[0]);
	}
	for (size_t got = 0; got < size; got += (size_t)n) {
		n = recv(at, buf, sizeof(buf), 0);
		if (n <= 0)
			die("recv");
	}
	began = now() - began;
	close(at);
	(void)waitpid(sender, NULL, 0);
	if (between > 0 && wait4(between, NULL, 0, &used) < 0)
		die("wait4");
	*ret_used = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
	return began;
}

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) << 20;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 10;
	double best[N_WAYS] = { 0 }, least[N_WAYS] = { 0 };

	if (!size || !rounds) {
		(void)fprintf(stderr, "usage: bench-splice [MIB [ROUNDS]]\n");
		return 2;
	}
	for (unsigned long i = 0; i < rounds; i++) {
		for (size_t k = 0; k < N_WAYS; k++) {
			double used,
				rate = (double)size * 8 / one_round(&ways[k], size, &used) / 1e9;

			best[k] = rate > best[k] ? rate : best[k];
			least[k] = i == 0 || used < least[k] ? used : least[k];
		}
	}
	for (size_t k = 0; k < N_WAYS; k++)
		printf("%-16s %6.1f Gbit/s   %6.3f s of the processor a GiB\n", ways[k].name,
			best[k], least[k] / ((double)size / (1 << 30)));
	return 0;
}
