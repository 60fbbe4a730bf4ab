/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mediated connect and sendto, with the real filter and a hostile caller: addresses, descriptors, memory, Unix sockets
 * of the host. Needs user namespaces and seccomp user notification; skips with the reason.
 */
#include <sys/resource.h>
#include <sys/uio.h>

#include "broker_notify_box.h"

static long in_received(long arg)
{
	char text[16] = "";

	(void)arg;
	return recv(server, text, sizeof(text), MSG_DONTWAIT) == 5 && memcmp(text, "hello", 5) == 0;
}

/* ---- addresses ---- */

TEST(outside_addresses)
{
	static const struct {
		struct target t;
		const char *record;
		enum ward_refusal_seen seen;
	} rows[] = {
		{ { AF_INET, SOCK_STREAM, 0, "203.0.113.1", 443 }, "203.0.113.1:443" },
		{ { AF_INET, SOCK_DGRAM, 0, "8.8.8.8", 53 }, "8.8.8.8:53", WARD_SEEN_QUESTION },
		{ { AF_INET, SOCK_DGRAM, 0, "203.0.113.2", 443 }, "203.0.113.2:443",
			WARD_SEEN_DATAGRAM },
		{ { AF_INET, SOCK_STREAM, 0, "169.254.169.254", 80 }, "169.254.169.254:80" },
		{ { AF_INET, SOCK_STREAM, 0, "126.255.255.255", 1 }, "126.255.255.255:1" },
		{ { AF_INET6, SOCK_STREAM, 0, "2001:db8::1", 443 }, "[2001:db8::1]:443" },
		{ { AF_INET6, SOCK_STREAM, 0, "::ffff:10.0.0.1", 22 }, "10.0.0.1:22" },
		{ { AF_INET6, SOCK_DGRAM, 0, "::2", 22 }, "[::2]:22", WARD_SEEN_DATAGRAM },
	};

	START(x);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		const struct ward_refusal *r;

		CASE("%s", rows[i].record);
		CHECK_EQ_INT(CALL(in_connect, &rows[i].t), -ENETUNREACH);
		box_refusals(&x.b);
		r = find(&x, WARD_REFUSAL_CONNECT, "connect", rows[i].record);
		REQUIRE(r);
		CHECK_EQ_INT(r->action, WARD_CAP_NETWORK_CONNECT);
		CHECK_EQ_INT(r->seen, rows[i].seen);
		CHECK_EQ_INT(r->pid, 1);
		if (rows[i].t.type == SOCK_DGRAM)
			CHECK_EQ_INT(CALL(in_sendto, &rows[i].t), -ENETUNREACH);
	}
	nbox_end(&x);
}

TEST(own_loopback)
{
	static const struct target listen4 = { AF_INET, SOCK_STREAM, 8, "127.0.0.1", 0 };
	static const struct target listen6 = { AF_INET6, SOCK_STREAM, 8, "::1", 0 };
	static const struct target bind4 = { AF_INET, SOCK_DGRAM, 0, "127.0.0.1", 0 };
	static const struct target to[] = {
		{ AF_INET, SOCK_STREAM, 0, "127.0.0.1", 0 },
		{ AF_INET, SOCK_STREAM, 0, "0.0.0.0", 0 },
		{ AF_INET6, SOCK_STREAM, 0, "::ffff:127.0.0.1", 0 },
	};
	static const struct target to6[] = {
		{ AF_INET6, SOCK_STREAM, 0, "::1", 0 },
		{ AF_INET6, SOCK_STREAM, 0, "::", 0 },
	};
	static const struct target closed = { AF_INET, SOCK_STREAM, 0, "127.0.0.1", 1 };

	START(x);
	CHECK_EQ_INT(CALL(in_listen, &listen4), 0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(to); i++) {
		CASE("%s", to[i].host);
		CHECK_EQ_INT(CALL(in_connect, &to[i]), 0);
	}
	CHECK_EQ_INT(CALL(in_listen, &listen6), 0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(to6); i++) {
		CASE("%s", to6[i].host);
		CHECK_EQ_INT(CALL(in_connect, &to6[i]), 0);
	}
	CASE("closed, datagrams");
	CHECK_EQ_INT(CALL(in_connect, &closed), -ECONNREFUSED);
	CHECK_EQ_INT(CALL(in_listen, &bind4), 0);
	CHECK_EQ_INT(CALL(in_sendto, &bind4), 5);
	CHECK_EQ_INT(CALL(in_received, 0), 1);
	CHECK_EQ_INT(CALL(in_connect, &bind4), 0);
	box_refusals(&x.b);
	CHECK_EQ_SIZE(x.b.n, 0);
	nbox_end(&x);
}

TEST(inherited_socket_stays_shut)
{
	static const struct target own = { AF_INET, SOCK_STREAM, 0, "127.0.0.1", 1 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	REQUIRE(bind(listener, (void *)&a, sizeof(a)) == 0 && listen(listener, 4) == 0);
	(void)getsockname(listener, (void *)&a, &n);
	last_port = ntohs(a.sin_port);
	inherited = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	START(x);
	/* Before one of the run's own was seen, and after. */
	for (int i = 0; i < 2; i++) {
		CHECK_EQ_INT(CALL(in_inherited, 0), -EACCES);
		CHECK_EQ_INT(CALL(in_inherited, 1), -EACCES);
		CHECK_EQ_INT(CALL(in_connect, &own), -ECONNREFUSED);
	}
	CHECK_EQ_INT(accept(listener, NULL, NULL), -1);
	nbox_end(&x);
	close(inherited);
	close(listener);
	inherited = -1;
	last_port = 0;
}

/* ---- hostile arguments ---- */

struct raw {
	int nr; /* connect or sendto */
	int fd; /* -1: a TCP socket, -2: a pipe, -3: a closed number, -4: a UDP socket */
	long addr; /* 0: a good one, else this */
	long len;
	int flags, err;
};

static long in_raw(long arg)
{
	const struct raw *w = (const void *)arg;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fds[2] = { 777, -1 };
	long r, at = w->addr ? w->addr : (long)&a;

	if (w->fd == -1 || w->fd == -4)
		fds[0] = socket(AF_INET, w->fd == -1 ? SOCK_STREAM : SOCK_DGRAM, 0);
	else if (w->fd == -2)
		(void)!pipe(fds);
	if (w->nr == SYS_connect)
		r = syscall(SYS_connect, fds[0], at, w->len) ? -errno : 0;
	else
		r = syscall(SYS_sendto, fds[0], "x", 1L, w->flags, at, w->len);
	if (r < 0 && w->nr == SYS_sendto)
		r = -errno;
	if (fds[0] != 777)
		close(fds[0]);
	close(fds[1]);
	return r;
}

static bool no_readv; /* as on a host that lets nobody read so */

/* The broker's too. */
ssize_t process_vm_readv(pid_t pid, const struct iovec *to, unsigned long n_to,
	const struct iovec *from, unsigned long n_from, unsigned long flags)
{
	if (no_readv) {
		errno = EPERM;
		return -1;
	}
	return syscall(SYS_process_vm_readv, pid, to, n_to, from, n_from, flags);
}

static void hostile_rows(void)
{
	static const struct raw rows[] = {
		{ SYS_connect, -1, 8, 16, 0, EFAULT },
		{ SYS_connect, -1, (long)0xffff800000000000ul, 16, 0, EFAULT },
		{ SYS_connect, -1, -8, 16, 0, EFAULT },
		{ SYS_connect, -1, 0, 1, 0, EINVAL },
		{ SYS_connect, -1, 0, 0, 0, EINVAL },
		{ SYS_connect, -1, 0, 8, 0, EINVAL },
		{ SYS_connect, -1, 0, 129, 0, EINVAL },
		{ SYS_connect, -1, 0, -1, 0, EINVAL },
		{ SYS_connect, -1, 0, 0x7fffffff, 0, EINVAL },
		{ SYS_connect, -2, 0, 16, 0, ENOTSOCK },
		{ SYS_connect, -3, 0, 16, 0, EBADF },
		{ SYS_sendto, -3, 0, 16, 0, EBADF },
		{ SYS_sendto, -2, 0, 16, 0, ENOTSOCK },
		{ SYS_sendto, -4, 8, 16, 0, EFAULT },
		{ SYS_sendto, -4, 0, 2, 0, EINVAL },
		{ SYS_sendto, -1, 0, 16, MSG_FASTOPEN, EOPNOTSUPP },
		{ SYS_sendto, -4, 0, 16, 0x4000000 /* MSG_ZEROCOPY */, EINVAL },
		{ SYS_sendto, -1, 0, 16, MSG_NOSIGNAL, EPIPE },
	};

	START(x);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		CASE("row %zu", i);
		CHECK_EQ_INT(CALL(in_raw, &rows[i]), -rows[i].err);
	}
	nbox_end(&x);
}

TEST(hostile_arguments)
{
	hostile_rows();
}

TEST(hostile_arguments_where_memory_is_read_as_a_file)
{
	no_readv = true;
	hostile_rows();
	no_readv = false;
}

static long in_big_send(long n)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char *p = calloc(1, (size_t)n);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	long r = sendto(fd, p, (size_t)n, 0, (void *)&a, sizeof(a));

	r = r < 0 ? -errno : r;
	close(fd);
	free(p);
	return r;
}

TEST(big_send)
{
	START(x);
	CHECK_EQ_INT(CALL(in_big_send, 60000), 60000);
	CHECK_EQ_INT(CALL(in_big_send, 300 << 10), -EMSGSIZE);
	nbox_end(&x);
}

static struct sockaddr_in racing;
static volatile bool race_on;

static void *racer(void *arg)
{
	(void)arg;
	while (race_on) {
		racing.sin_addr.s_addr = inet_addr("203.0.113.9");
		racing.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	return NULL;
}

/* Counts what came out: 0 = only what is allowed did. */
static long in_race(long n)
{
	pthread_t t;
	long bad = 0;

	racing = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)last_port) };
	race_on = true;
	if (pthread_create(&t, NULL, racer, NULL))
		return -1;
	for (long i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (void *)&racing, sizeof(racing)) == 0) {
			struct sockaddr_in peer;
			socklen_t len = sizeof(peer);

			(void)getpeername(fd, (void *)&peer, &len);
			bad += peer.sin_addr.s_addr != htonl(INADDR_LOOPBACK);
		} else {
			bad += errno != ENETUNREACH;
		}
		close(fd);
		close(accept(server, NULL, NULL));
	}
	race_on = false;
	pthread_join(t, NULL);
	return bad;
}

TEST(raced_address)
{
	static const struct target listen4 = { AF_INET, SOCK_STREAM, 64, "127.0.0.1", 0 };

	START(x);
	CHECK_EQ_INT(CALL(in_listen, &listen4), 0);
	CHECK_EQ_INT(CALL(in_race, 300), 0);
	nbox_end(&x);
}

/* From a thread that is not the first of its process. */
static void *thread_connect(void *arg)
{
	return (void *)in_connect((long)arg);
}

static long in_thread(long arg)
{
	pthread_t t;
	void *r = (void *)-1;

	if (pthread_create(&t, NULL, thread_connect, (void *)arg))
		return -1;
	pthread_join(t, &r);
	return (long)r;
}

TEST(from_a_thread)
{
	static const struct target listen4 = { AF_INET, SOCK_STREAM, 8, "127.0.0.1", 0 };
	static const struct target out = { AF_INET, SOCK_STREAM, 8, "203.0.113.1", 80 };

	START(x);
	CHECK_EQ_INT(CALL(in_listen, &listen4), 0);
	CHECK_EQ_INT(CALL(in_thread, &listen4), 0);
	CHECK_EQ_INT(CALL(in_thread, &out), -ENETUNREACH);
	nbox_end(&x);
}

/* Each by a process of its own, which is gone when the next one comes; the descriptor has the same number in all. */
static long in_child(long arg)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(in_connect(arg) == 0 ? 7 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : -1;
}

TEST(from_one_after_the_other)
{
	static const struct target listen4 = { AF_INET, SOCK_STREAM, 64, "127.0.0.1", 0 };

	START(x);
	CHECK_EQ_INT(CALL(in_listen, &listen4), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ_INT(CALL(in_connect, &listen4), 0);
		CHECK_EQ_INT(CALL(in_child, &listen4), 7);
		CHECK_EQ_INT(CALL(in_child, &listen4), 7);
		CHECK_EQ_INT(CALL(in_thread, &listen4), 0);
	}
	nbox_end(&x);
}

/* Its memory is opened for what it says to send. */
static long in_sending_child(long arg)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(in_sendto(arg) == 5 ? 7 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : -1;
}

/* So many at once, none of which ends. */
static long in_many(long arg)
{
	static const struct target to = { AF_INET, SOCK_STREAM, 64, "127.0.0.1", 0 };
	int ok = 0;

	for (long i = 0; i < arg; i++) {
		int p[2];
		char c = 0;

		if (pipe(p) < 0)
			return -errno;
		if (fork() == 0) {
			c = in_connect((long)&to) == 0;
			(void)!write(p[1], &c, 1);
			for (;;)
				(void)pause();
		}
		ok += read(p[0], &c, 1) == 1 && c;
		close(p[0]);
		close(p[1]);
	}
	return ok;
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* What is kept of callers is little, and gives way to what is needed. */
TEST(from_many)
{
	static const struct target listen4 = { AF_INET, SOCK_STREAM, 256, "127.0.0.1", 0 };
	static const struct target datagram = { AF_INET, SOCK_DGRAM, 0, "127.0.0.1", 9 };
	struct rlimit was, none;

	REQUIRE(getrlimit(RLIMIT_NOFILE, &was) == 0);
	for (int egress = 0; egress < 2; egress++) {
		int before, kept, next, r;

		CASE(egress ? "with egress" : "without");
		plan.egress = egress;
		START(x);
		plan.egress = false;
		CHECK_EQ_INT(CALL(in_listen, &listen4), 0);
		CHECK_EQ_INT(CALL(in_child, &listen4), 7);
		before = open_fds();
		CHECK_EQ_INT(CALL(in_many, 24), 24);
		kept = open_fds() - before;
		if (egress)
			CHECK(kept > 2 * 4 && kept <= 4 * 16);
		else
			CHECK(kept > 0 && kept <= 2 * 4);
		/* None is free below the limit: whatever is opened now, something was closed for. */
		for (int i = 0; i < 10; i++) {
			int free_ones = i / 2;
			bool sends = i % 2;

			CASE("%s egress, %d free, %s", egress ? "with" : "without", free_ones,
				sends ? "sendto" : "connect");
			CHECK_EQ_INT(CALL(in_many, 4), 4);
			next = fcntl(STDOUT_FILENO, F_DUPFD, 0);
			close(next);
			none = (struct rlimit){ (rlim_t)next + (rlim_t)free_ones, was.rlim_max };
			REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
			r = (int)(sends ? CALL(in_sending_child, &datagram)
					: CALL(in_child, &listen4));
			REQUIRE(setrlimit(RLIMIT_NOFILE, &was) == 0);
			CHECK_EQ_INT(r, 7);
		}
		nbox_end(&x);
	}
}

/* ---- Unix sockets ---- */

static long in_chdir_connect(long arg)
{
	long r = chdir("/tmp") ? -errno : in_connect(arg);

	return chdir("/") ? -errno : r;
}

static long in_link(long arg)
{
	return symlink((const char *)arg, "/tmp/way-out") ? -errno : 0;
}

static long in_unlink(long arg)
{
	return unlink((const char *)arg) ? -errno : 0;
}

static long in_bind_only(long arg)
{
	const struct target *t = (const void *)arg;
	struct sockaddr_storage a;
	socklen_t n = fill(t, &a);
	int fd = socket(t->family, t->type, 0);
	long r = bind(fd, (void *)&a, n) ? -errno : 0;

	close(fd);
	return r;
}

TEST(unix_sockets_of_the_run)
{
	static const struct target abstract = { AF_UNIX, SOCK_STREAM, 8, "@ward-test", 0 };
	static const struct target tmp = { AF_UNIX, SOCK_STREAM, 8, "/tmp/sock", 0 };
	static const struct target linked = { AF_UNIX, SOCK_STREAM, 8, "/lnk/../lnk/./sock", 0 };
	static const struct target relative = { AF_UNIX, SOCK_STREAM, 8, "sock", 0 };
	static const struct target packet = { AF_UNIX, SOCK_SEQPACKET, 8, "/tmp/packet", 0 };
	static const struct target stale = { AF_UNIX, SOCK_STREAM, 8, "/tmp/stale", 0 };
	static const struct target nothing = { AF_UNIX, SOCK_STREAM, 8, "/tmp/nothing", 0 };
	static const struct target below = { AF_UNIX, SOCK_STREAM, 8, "/tmp/sock/below", 0 };
	static const struct target circle = { AF_UNIX, SOCK_STREAM, 8, "/tmp/way-out/x", 0 };
	static const struct target own = { AF_UNIX, SOCK_STREAM, 8, in_path, 0 };

	START(x);
	CHECK_EQ_INT(CALL(in_listen, &abstract), 0);
	CHECK_EQ_INT(CALL(in_connect, &abstract), 0);
	CHECK_EQ_INT(CALL(in_listen, &packet), 0);
	CHECK_EQ_INT(CALL(in_connect, &packet), 0);
	CHECK_EQ_INT(CALL(in_listen, &tmp), 0);
	CHECK_EQ_INT(CALL(in_connect, &tmp), 0);
	CHECK_EQ_INT(CALL(in_connect, &linked), 0);
	CHECK_EQ_INT(CALL(in_chdir_connect, &relative), 0);
	CHECK_EQ_INT(CALL(in_bind_only, &stale), 0);
	CHECK_EQ_INT(CALL(in_connect, &stale), -ECONNREFUSED);
	CHECK_EQ_INT(CALL(in_connect, &nothing), -ENOENT);
	CHECK_EQ_INT(CALL(in_connect, &below), -ENOTDIR);
	CHECK_EQ_INT(CALL(in_link, "way-out"), 0);
	CHECK_EQ_INT(CALL(in_connect, &circle), -ELOOP);
	CHECK_EQ_INT(CALL(in_unlink, "/tmp/way-out"), 0);
	CHECK_EQ_INT(CALL(in_listen, &own), 0);
	CHECK_EQ_INT(CALL(in_connect, &own), 0);
	box_refusals(&x.b);
	dump(&x);
	/* Whether the host has what is missing in a private directory is looked at afterwards. */
	CHECK_EQ_SIZE(x.b.n, 1);
	CHECK_EQ_INT(x.b.r[0].seen, WARD_SEEN_MISSING);
	CHECK(x.b.r[0].quiet && x.b.r[0].sought);
	nbox_end(&x);
	unlink(in_path);
}

TEST(unix_sockets)
{
	static const struct target outside = { AF_UNIX, SOCK_STREAM, 8, "/run/docker.sock", 0 };
	static const struct target host_abstract = { AF_UNIX, SOCK_STREAM, 8, "@ward-test-host",
		0 };
	static const struct target host = { AF_UNIX, SOCK_STREAM, 8, host_path, 0 };
	static const struct target host_link = { AF_UNIX, SOCK_STREAM, 8, link_path, 0 };
	static const struct target way_out = { AF_UNIX, SOCK_STREAM, 8, "/tmp/way-out", 0 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int listener, listener2;

	START(x);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", host_path);
	REQUIRE(bind(listener, (void *)&a, sizeof(a)) == 0 && listen(listener, 4) == 0 &&
		chmod(host_path, 0777) == 0);
	REQUIRE(symlink("host", link_path) == 0);
	memset(&a.sun_path, 0, sizeof(a.sun_path));
	memcpy(a.sun_path + 1, "ward-test-host", 14);
	listener2 = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	REQUIRE(bind(listener2, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 15) == 0 &&
		listen(listener2, 4) == 0);

	CHECK_EQ_INT(CALL(in_connect, &host), -EACCES);
	CHECK_EQ_INT(CALL(in_connect, &host_link), -EACCES);
	CHECK_EQ_INT(CALL(in_connect, &outside), -ENOENT);
	CHECK_EQ_INT(CALL(in_connect, &host_abstract), -ECONNREFUSED);
	CHECK_EQ_INT(CALL(in_link, host_path), 0);
	CHECK_EQ_INT(CALL(in_connect, &way_out), -EACCES);
	CHECK_EQ_INT(accept(listener, NULL, NULL), -1);
	CHECK_EQ_INT(accept(listener2, NULL, NULL), -1);
	box_refusals(&x.b);
	CHECK(find(&x, WARD_REFUSAL_UNIX, "connect", host_path));
	CHECK(find(&x, WARD_REFUSAL_UNIX, "connect", link_path));
	CHECK(find(&x, WARD_REFUSAL_UNIX, "connect", "/run/docker.sock"));
	CHECK(find(&x, WARD_REFUSAL_UNIX, "connect", "/tmp/way-out"));
	nbox_end(&x);
	close(listener);
	close(listener2);
	unlink(host_path);
	unlink(link_path);
}

/* Behind FUSE a private mount is reached by the descriptor that was handed over, whatever links say. */
TEST(unix_sockets_by_root)
{
	static const struct target tmp = { AF_UNIX, SOCK_STREAM, 8, "/tmp/sock", 0 };
	static const struct target priv = { AF_UNIX, SOCK_STREAM, 8, "/priv/sock", 0 };
	static const struct target dots = { AF_UNIX, SOCK_STREAM, 8, "/priv/../priv/x/../sock", 0 };
	static const struct target out = { AF_UNIX, SOCK_STREAM, 8, "/priv/way-out", 0 };

	START(x);
	CHECK_EQ_INT(CALL(in_listen, &tmp), 0);
	CHECK_EQ_INT(CALL(in_connect, &priv), -EACCES);
	ward_notify_set_roots(x.n, &x.tmp, 1);
	x.tmp = -1;
	CHECK_EQ_INT(CALL(in_connect, &priv), 0);
	CHECK_EQ_INT(CALL(in_connect, &dots), 0);
	CHECK_EQ_INT(CALL(in_link, host_path), 0);
	/* Nothing is there, in what is granted; of a socket of the host: unix_sockets. */
	CHECK_EQ_INT(CALL(in_connect, &out), -ENOENT);
	nbox_end(&x);
}

/* Without a way to ask who bound it, a socket in a bind is refused; one in a private mount is not. */
TEST(unix_sockets_without_diag)
{
	static const struct target tmp = { AF_UNIX, SOCK_STREAM, 8, "/tmp/sock", 0 };
	static const struct target own = { AF_UNIX, SOCK_STREAM, 8, in_path, 0 };

	START(x);
	ward_notify_set_diag(x.n, -1);
	CHECK_EQ_INT(CALL(in_listen, &tmp), 0);
	CHECK_EQ_INT(CALL(in_connect, &tmp), 0);
	CHECK_EQ_INT(CALL(in_listen, &own), 0);
	CHECK_EQ_INT(CALL(in_connect, &own), -EACCES);
	nbox_end(&x);
	unlink(in_path);
}

/* ---- netlink ---- */

static long in_netlink(long type)
{
	struct {
		struct nlmsghdr h;
		struct rtgenmsg g;
		char pad[32];
	} q = { .h = { .nlmsg_len = NLMSG_LENGTH(16),
			.nlmsg_type = (uint16_t)type,
			.nlmsg_flags =
				NLM_F_REQUEST | (type == RTM_GETLINK ? NLM_F_DUMP : NLM_F_ACK) } };
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	char buf[8192];
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	long r = sendto(fd, &q, q.h.nlmsg_len, 0, (void *)&to, sizeof(to));

	if (r < 0)
		r = -errno;
	else if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) <= 0)
		r = -2000;
	else
		r = ((struct nlmsghdr *)(void *)buf)->nlmsg_type;
	close(fd);
	return r;
}

TEST(netlink_asks_only)
{
	START(x);
	CHECK_EQ_INT(CALL(in_netlink, RTM_GETLINK), RTM_NEWLINK);
	CHECK_EQ_INT(CALL(in_netlink, RTM_NEWLINK), -EPERM);
	CHECK_EQ_INT(CALL(in_netlink, RTM_DELLINK), -EPERM);
	nbox_end(&x);
}

/* ---- what it costs (printed, not judged) ---- */

static long in_time_connect(long arg)
{
	double spent = 0;
	int n = 300;

	for (int i = 0; i < n; i++) {
		const struct target *t = (const void *)arg;
		struct sockaddr_storage a;
		socklen_t len = fill(t, &a);
		int fd = socket(t->family, t->type, 0);
		double start = box_now_us();

		(void)connect(fd, (void *)&a, len);
		spent += box_now_us() - start;
		close(fd);
		close(accept(server, NULL, NULL));
	}
	return (long)(spent * 1000 / n);
}

TEST(cost)
{
	static const struct target tcp = { AF_INET, SOCK_STREAM, 64, "127.0.0.1", 0 };
	static const struct target un = { AF_UNIX, SOCK_STREAM, 64, "/tmp/cost", 0 };
	static const struct target own = { AF_UNIX, SOCK_STREAM, 64, in_path, 0 };

	START(x);
	(void)CALL(in_listen, &tcp);
	printf("# mediated connect, TCP: %ld ns\n", CALL(in_time_connect, &tcp));
	(void)CALL(in_listen, &un);
	printf("# mediated connect, Unix path in /tmp: %ld ns\n", CALL(in_time_connect, &un));
	(void)CALL(in_listen, &own);
	printf("# mediated connect, Unix path in a bind: %ld ns\n", CALL(in_time_connect, &own));
	CHECK(true);
	nbox_end(&x);
	unlink(in_path);
}

TEST(tidy)
{
	CHECK(!shared[0] || rmdir(shared) == 0);
}

TAP_MAIN();
