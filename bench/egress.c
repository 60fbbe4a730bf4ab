/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of the connections that bench/egress measures.
 *
 *	egress serve                           an origin and a name server on 127.0.0.1: one line "PORT DNSPORT", then until standard input ends
 *	egress client direct HOST PORT         connects to HOST, an address
 *	egress client name[@ADDRESS:PORT] HOST PORT    asks for its address first, each time, as resolvers do: that server, or that of /etc/resolv.conf
 *	egress client proxy HOST PORT          asks the proxy of $HTTP_PROXY for HOST:PORT
 *
 * A client does what it is told by lines of standard input, and answers each with one line of figures, in nanoseconds:
 *
 *	bulk BYTES       how long it took to receive so many over one connection
 *	trips N          the least and the median of N times 64 bytes there and back over one connection
 *	setups N         the least and the median of N new connections, each to its first byte: name, connection, a byte there and a byte back
 *	rate THREADS N   how long N such connections of each thread took, all threads at once
 *	hold N, touch, drop    N connections are open and have moved a byte; a byte over each of them; none is any more
 *
 * The first bytes of a connection are no protocol that anybody knows, as most are not: a word that is not text, and a length.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ECHO 0xf1 /* what follows comes back */
#define BULK 0xf2 /* so many bytes come */
#define REQUEST 9 /* bytes: the word, and a number of eight bytes */
#define TRIP 64
#define BUFFER (256u << 10)
#define SAMPLES_MAX 100000
#define HELD_MAX 20000
#define THREADS_MAX 64
#define EVENTS 64

static void die(const char *what)
{
	(void)fprintf(stderr, "egress: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void many_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* ---- the origin ---- */

struct served {
	int fd;
	unsigned n_head;
	uint8_t head[REQUEST];
	uint64_t left; /* of BULK */
};
static char filler[BUFFER];

static int listening(int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || bind(fd, (const void *)&a, sizeof(a)) < 0 ||
		(type == SOCK_STREAM && listen(fd, 4096) < 0))
		die("listen");
	return fd;
}

static unsigned port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	if (getsockname(fd, (void *)&a, &n) < 0)
		die("getsockname");
	return ntohs(a.sin_port);
}

/* Every name is 127.0.0.1, for five minutes. */
static void answer_name(int udp)
{
	static const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 127, 0, 0, 1 };
	uint8_t q[512 + sizeof(record)];
	struct sockaddr_in from;
	socklen_t n_from = sizeof(from);
	ssize_t n = recvfrom(udp, q, 512, 0, (void *)&from, &n_from);
	size_t end = 12;

	if (n < 17)
		return;
	while (end < (size_t)n && q[end])
		end += 1u + q[end];
	end += 5;
	if (end > (size_t)n)
		return;
	q[2] = 0x81;
	q[3] = 0x80;
	memset(q + 6, 0, 6);
	q[7] = q[end - 3] == 1 ? 1 : 0;
	if (q[7])
		memcpy(q + end, record, sizeof(record));
	(void)sendto(udp, q, end + (q[7] ? sizeof(record) : 0), 0, (void *)&from, n_from);
}

static void let_go(struct served *s)
{
	close(s->fd);
	free(s);
}

static void pour(int epoll, struct served *s)
{
	struct epoll_event e = { .events = EPOLLOUT, .data.ptr = s };

	while (s->left) {
		size_t want = s->left < BUFFER ? (size_t)s->left : BUFFER;
		ssize_t n = send(s->fd, filler, want, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			(void)epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &e);
			return;
		}
		if (n < 0) {
			let_go(s);
			return;
		}
		s->left -= (uint64_t)n;
	}
	e.events = EPOLLIN;
	(void)epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &e);
	s->n_head = 0;
}

static void serve_one(int epoll, struct served *s)
{
	char buf[4096];
	ssize_t n;

	if (s->left) {
		pour(epoll, s);
		return;
	}
	if (s->n_head < REQUEST)
		n = recv(s->fd, s->head + s->n_head, REQUEST - s->n_head, MSG_DONTWAIT);
	else
		n = recv(s->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		let_go(s);
		return;
	}
	if (s->n_head == REQUEST) {
		(void)send(s->fd, buf, (size_t)n, MSG_NOSIGNAL);
		return;
	}
	s->n_head += (unsigned)n;
	if (s->n_head == REQUEST && s->head[0] == BULK) {
		memcpy(&s->left, s->head + 1, sizeof(s->left));
		pour(epoll, s);
	} else if (s->n_head == REQUEST) {
		/* The first byte of the answer. */
		(void)send(s->fd, s->head, 1, MSG_NOSIGNAL);
	}
}

static void add(int epoll, int fd, void *p)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		die("epoll_ctl");
}

static void accept_one(int epoll, int tcp)
{
	int fd = accept(tcp, NULL, NULL), one = 1;
	struct served *s = fd < 0 ? NULL : calloc(1, sizeof(*s));

	if (!s)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->fd = fd;
	add(epoll, fd, s);
}

static void serve(void)
{
	int tcp = listening(SOCK_STREAM), udp = listening(SOCK_DGRAM), epoll = epoll_create1(0);
	static int in = STDIN_FILENO;

	many_descriptors();
	add(epoll, tcp, &tcp);
	add(epoll, udp, &udp);
	add(epoll, in, &in);
	printf("%u %u\n", port_of(tcp), port_of(udp));
	(void)fflush(stdout);
	for (;;) {
		struct epoll_event e[EVENTS];
		int n = epoll_wait(epoll, e, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (e[i].data.ptr == &in)
				return;
			if (e[i].data.ptr == &tcp)
				accept_one(epoll, tcp);
			else if (e[i].data.ptr == &udp)
				answer_name(udp);
			else
				serve_one(epoll, e[i].data.ptr);
		}
	}
}

/* ---- the client ---- */

static enum { DIRECT, NAME, PROXY } way;
static const char *host;
static struct sockaddr_in target, name_server, proxy; /* target: its port alone, but for DIRECT */
static char connect_line[1024];
static int *held;
static unsigned n_held;

static int dial(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (fd < 0 || connect(fd, (const void *)a, sizeof(*a)) < 0)
		die("connect");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void put(int fd, const void *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t r = send(fd, (const char *)p + at, n - at, MSG_NOSIGNAL);

		if (r <= 0)
			die("send");
		at += (size_t)r;
	}
}

static void get(int fd, void *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t r = recv(fd, (char *)p + at, n - at, 0);

		if (r == 0)
			errno = ECONNRESET;
		if (r <= 0)
			die("recv");
		at += (size_t)r;
	}
}

/* As a resolver does it: a socket of its own, connected, one question, one answer. */
static struct in_addr look_up(void)
{
	uint8_t q[512] = { 0x12, 0x34, 1, 0, 0, 1 }, *p = q + 12;
	struct in_addr found;
	ssize_t n;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (const char *s = host; *s;) {
		size_t len = strcspn(s, ".");

		*p++ = (uint8_t)len;
		memcpy(p, s, len);
		p += len;
		s += len + (s[len] == '.');
	}
	memcpy(p, "\0\0\1\0\1", 5);
	p += 5;
	if (fd < 0 || connect(fd, (const void *)&name_server, sizeof(name_server)) < 0 ||
		send(fd, q, (size_t)(p - q), 0) < 0)
		die("asking for the name");
	n = recv(fd, q, sizeof(q), 0);
	if (n < (p - q) + 16 || q[7] == 0) {
		errno = ENOENT;
		die("the name");
	}
	/* Its address ends the first record, which is the first that there is. */
	memcpy(&found, p + 12, sizeof(found));
	close(fd);
	return found;
}

static int ask_proxy(void)
{
	char head[4096];
	size_t n = 0;
	int fd = dial(&proxy);

	put(fd, connect_line, strlen(connect_line));
	while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
		if (n == sizeof(head))
			die("the proxy's answer");
		get(fd, head + n++, 1);
	}
	if (memcmp(head + 8, " 200", 4) != 0) {
		(void)fprintf(stderr, "egress: the proxy says %.40s\n", head);
		exit(1);
	}
	return fd;
}

static int open_one(void)
{
	struct sockaddr_in a = target;

	if (way == PROXY)
		return ask_proxy();
	if (way == NAME)
		a.sin_addr = look_up();
	return dial(&a);
}

static void request(int fd, uint8_t word, uint64_t n)
{
	uint8_t b[REQUEST] = { word };

	memcpy(b + 1, &n, sizeof(n));
	put(fd, b, sizeof(b));
}

/* Open, and the first byte is here. */
static int set_up(void)
{
	int fd = open_one();
	char c;

	request(fd, ECHO, 0);
	get(fd, &c, 1);
	return fd;
}

static void finish(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	/* No TIME_WAIT: the ports would be used up. */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t samples[SAMPLES_MAX];
static void tell_samples(unsigned long n)
{
	qsort(samples, n, sizeof(*samples), by_size);
	printf("%llu %llu\n", (unsigned long long)samples[0], (unsigned long long)samples[n / 2]);
}

static void bulk(unsigned long n, unsigned long unused)
{
	static char buf[BUFFER];
	int fd = open_one();
	uint64_t began = now();

	(void)unused;
	request(fd, BULK, n);
	for (unsigned long left = n; left;) {
		ssize_t r = recv(fd, buf, left < sizeof(buf) ? left : sizeof(buf), 0);

		if (r <= 0)
			die("bulk");
		left -= (unsigned long)r;
	}
	printf("%llu\n", (unsigned long long)(now() - began));
	finish(fd);
}

static void trips(unsigned long n, unsigned long unused)
{
	char b[TRIP] = { 0 };
	int fd = set_up();

	(void)unused;
	for (unsigned long i = 0; i < n; i++) {
		uint64_t began = now();

		put(fd, b, sizeof(b));
		get(fd, b, sizeof(b));
		samples[i] = now() - began;
	}
	finish(fd);
	tell_samples(n);
}

static void setups(unsigned long n, unsigned long unused)
{
	(void)unused;
	for (unsigned long i = 0; i < n; i++) {
		uint64_t began = now();
		int fd = set_up();

		samples[i] = now() - began;
		finish(fd);
	}
	tell_samples(n);
}

static void *many(void *arg)
{
	for (unsigned long i = *(unsigned long *)arg; i; i--)
		finish(set_up());
	return NULL;
}

static void rate(unsigned long threads, unsigned long n)
{
	pthread_t id[THREADS_MAX];
	uint64_t began = now();

	for (unsigned long i = 0; i < threads; i++)
		if (pthread_create(&id[i], NULL, many, &n) != 0)
			die("pthread_create");
	for (unsigned long i = 0; i < threads; i++)
		(void)pthread_join(id[i], NULL);
	printf("%llu\n", (unsigned long long)(now() - began));
}

static void hold(unsigned long n, unsigned long unused)
{
	(void)unused;
	for (n_held = 0; n_held < n; n_held++)
		held[n_held] = set_up();
	puts("1");
}

static void touch(unsigned long a, unsigned long b)
{
	char c = 'x';

	(void)a;
	(void)b;
	for (unsigned i = 0; i < n_held; i++)
		put(held[i], &c, 1);
	for (unsigned i = 0; i < n_held; i++)
		get(held[i], &c, 1);
	puts("1");
}

static void drop(unsigned long a, unsigned long b)
{
	(void)a;
	(void)b;
	while (n_held)
		finish(held[--n_held]);
	puts("1");
}

static const struct {
	const char *word;
	void (*fn)(unsigned long a, unsigned long b);
	unsigned long a_max, b_max;
} commands[] = {
	{ "bulk", bulk, ~0ul, 0 },
	{ "trips", trips, SAMPLES_MAX, 0 },
	{ "setups", setups, SAMPLES_MAX, 0 },
	{ "rate", rate, THREADS_MAX, ~0ul },
	{ "hold", hold, HELD_MAX, 0 },
	{ "touch", touch, 0, 0 },
	{ "drop", drop, 0, 0 },
};

static void obey(const char *line)
{
	char word[16];
	unsigned long a = 0, b = 0;

	if (sscanf(line, "%15s %lu %lu", word, &a, &b) < 1)
		return;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(word, commands[i].word) != 0 || a > commands[i].a_max ||
			b > commands[i].b_max)
			continue;
		commands[i].fn(a, b);
		(void)fflush(stdout);
		return;
	}
	errno = EINVAL;
	die(line);
}

static void base64(char *out, const char *in, size_t n)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)(uint8_t)in[i] << 16;

		v |= i + 1 < n ? (uint32_t)(uint8_t)in[i + 1] << 8 : 0;
		v |= i + 2 < n ? (uint32_t)(uint8_t)in[i + 2] : 0;
		for (unsigned k = 0; k < 4; k++)
			*out++ = i + k > n ? '=' : set[v >> (18 - 6 * k) & 63];
	}
	*out = '\0';
}

/* http://[user:password@]host:port of $HTTP_PROXY */
static void find_proxy(unsigned port)
{
	const char *s = getenv("HTTP_PROXY"), *at;
	char where[256], login[512] = "", *colon;

	if (!s)
		s = getenv("http_proxy");
	if (!s || strncmp(s, "http://", 7) != 0) {
		errno = ENOENT;
		die("$HTTP_PROXY");
	}
	s += 7;
	at = strrchr(s, '@');
	if (at && (size_t)(at - s) < 300) {
		memcpy(login, "Proxy-Authorization: Basic ", 28);
		base64(login + 27, s, (size_t)(at - s));
		strcat(login, "\r\n");
		s = at + 1;
	}
	(void)snprintf(where, sizeof(where), "%.*s", (int)strcspn(s, "/"), s);
	colon = strrchr(where, ':');
	if (!colon)
		die("the proxy's port");
	*colon = '\0';
	proxy = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)) };
	if (inet_pton(AF_INET, strcmp(where, "localhost") == 0 ? "127.0.0.1" : where,
		    &proxy.sin_addr) != 1)
		die("the proxy's address");
	(void)snprintf(connect_line, sizeof(connect_line),
		"CONNECT %s:%u HTTP/1.1\r\nHost: %s:%u\r\n%s\r\n", host, port, host, port, login);
}

/* ADDRESS:PORT, or NULL: the first of /etc/resolv.conf. */
static void find_name_server(const char *given)
{
	FILE *f = given ? NULL : fopen("/etc/resolv.conf", "re");
	char line[256], text[64];
	unsigned port;

	name_server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(53) };
	if (given) {
		if (sscanf(given, "%63[^:]:%u", text, &port) != 2 ||
			inet_pton(AF_INET, text, &name_server.sin_addr) != 1)
			die(given);
		name_server.sin_port = htons((uint16_t)port);
		return;
	}
	if (!f)
		die("/etc/resolv.conf");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "nameserver %63s", text) == 1 &&
			inet_pton(AF_INET, text, &name_server.sin_addr) == 1)
			break;
	(void)fclose(f);
}

static void client(char **argv)
{
	unsigned port = (unsigned)strtoul(argv[2], NULL, 10);
	char line[128];

	host = argv[1];
	target = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	way = strcmp(argv[0], "proxy") == 0        ? PROXY
		: strncmp(argv[0], "name", 4) == 0 ? NAME
						   : DIRECT;
	if (way == PROXY)
		find_proxy(port);
	if (way == NAME)
		find_name_server(argv[0][4] == '@' ? argv[0] + 5 : NULL);
	if (way == DIRECT && inet_pton(AF_INET, host, &target.sin_addr) != 1)
		die("an address is wanted");
	many_descriptors();
	held = calloc(HELD_MAX, sizeof(*held));
	if (!held)
		die("memory");
	puts("ready");
	(void)fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		obey(line);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "serve") == 0) {
		serve();
		return 0;
	}
	if (argc != 5 || strcmp(argv[1], "client") != 0) {
		(void)fputs("usage: egress serve | egress client direct|name|proxy HOST PORT\n",
			stderr);
		return 2;
	}
	client(argv + 2);
	return 0;
}
