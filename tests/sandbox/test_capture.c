/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The captured network of a run: what is dialled inside comes to the sockets that the cage hands out, with the address that was dialled;
 * what is the sandbox's own stays its own; all else fails at once; and nobody inside can change any of it. Needs user namespaces and
 * nf_tables; skips with the reason.
 */
#include <linux/netlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include "capture_box.h"
#include "confine/native/launch.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif
#define ATONCE_MS \
	500 /* who is not answered is asked again after a second and more; a busy machine takes its time for less */

/* ---- inside: "tcp:ADDRESS:PORT" and the like; one line each, "WORD -> what came of it" ---- */

static double now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* "ADDRESS:PORT", IPv6 in brackets. */
static socklen_t address(const char *s, struct sockaddr_storage *ret)
{
	struct sockaddr_in *four = (void *)ret;
	struct sockaddr_in6 *six = (void *)ret;
	const char *colon = strrchr(s, ':');
	char host[64];

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - s), s);
	if (host[0] == '[') {
		host[strlen(host) - 1] = 0;
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
		return inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1 ? sizeof(*six) : 0;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	return inet_pton(AF_INET, host, &four->sin_addr) == 1 ? sizeof(*four) : 0;
}

static const char *outcome(int r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

/* Connects, hears and answers. */
static const char *in_tcp(const char *to)
{
	static char text[64];
	struct sockaddr_storage a;
	socklen_t n = address(to, &a);
	int fd = socket(a.ss_family, SOCK_STREAM, 0);
	ssize_t got;

	if (connect(fd, (void *)&a, n) < 0)
		return outcome(-1);
	got = recv(fd, text, sizeof(text) - 1, 0);
	text[got < 0 ? 0 : got] = 0;
	(void)!send(fd, "hi", 2, MSG_NOSIGNAL);
	close(fd);
	return got < 0 ? outcome(-1) : text;
}

static const char *ask(int fd, const struct sockaddr_storage *a, socklen_t n, bool connected)
{
	static char text[64];
	struct timeval wait = { .tv_sec = 2 };
	struct sockaddr_storage from = { 0 };
	socklen_t from_n = sizeof(from);
	ssize_t got;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connected ? connect(fd, (const void *)a, n) < 0 || send(fd, "who", 3, 0) < 0
		      : sendto(fd, "who", 3, 0, (const void *)a, n) < 0)
		return outcome(-1);
	got = recvfrom(fd, text, sizeof(text) - 1, 0, (void *)&from, &from_n);
	if (got < 0)
		return outcome(-1);
	text[got] = 0;
	return memcmp(&from, a, n) == 0 || a->ss_family == AF_INET6 ? text : "from elsewhere";
}

static const char *ask_datagram(const char *to, bool connected)
{
	struct sockaddr_storage a;
	socklen_t n = address(to, &a);
	int fd = socket(a.ss_family, SOCK_DGRAM, 0);
	const char *r = ask(fd, &a, n, connected);

	close(fd);
	return r;
}

static const char *in_udp(const char *to)
{
	return ask_datagram(to, true);
}

static const char *in_udp_sendto(const char *to)
{
	return ask_datagram(to, false);
}

/* What no filter of calls sees: an address in a message. */
static const char *in_udp_sendmsg(const char *to)
{
	struct sockaddr_storage a;
	socklen_t n = address(to, &a);
	struct iovec iov = { (char[]){ "x" }, 1 };
	struct msghdr m = { .msg_name = &a, .msg_namelen = n, .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = socket(a.ss_family, SOCK_DGRAM, 0), r = (int)sendmsg(fd, &m, 0);

	close(fd);
	return outcome(r);
}

/* A server of the sandbox's own, and its client. */
static const char *in_own(const char *at)
{
	struct sockaddr_storage a;
	socklen_t n = address(at, &a);
	int s = socket(a.ss_family, SOCK_STREAM, 0), c = socket(a.ss_family, SOCK_STREAM, 0), p;
	char text[8] = "";

	if (bind(s, (void *)&a, n) < 0 || listen(s, 4) < 0 || getsockname(s, (void *)&a, &n) < 0 ||
		connect(c, (void *)&a, n) < 0)
		return outcome(-1);
	p = accept(s, NULL, NULL);
	(void)!send(p, "own", 3, 0);
	(void)!recv(c, text, sizeof(text) - 1, 0);
	close(s);
	close(c);
	close(p);
	return strcmp(text, "own") == 0 ? "own" : "?";
}

/* A server of the inside, at a path. */
static const char *in_unix(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), r;

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	r = bind(s, (void *)&a, sizeof(a)) < 0 || listen(s, 4) < 0
		? -1
		: connect(c, (void *)&a, sizeof(a));
	close(s);
	close(c);
	return outcome(r);
}

/* Whoever listens where others are dialled: is it he who is reached? "hello": no. */
static const char *in_steal(const char *at)
{
	struct sockaddr_storage a;
	struct sockaddr_in any = { .sin_family = AF_INET };
	socklen_t n = address(at, &a);
	int s = socket(a.ss_family, SOCK_STREAM, 0), w = socket(AF_INET, SOCK_STREAM, 0);
	const char *r;

	any.sin_port = htons((uint16_t)(ntohs(((const struct sockaddr_in *)&a)->sin_port) + 1));
	if (bind(s, (void *)&a, n) < 0 || listen(s, 4) < 0 ||
		bind(w, (void *)&any, sizeof(any)) < 0 || listen(w, 4) < 0)
		return outcome(-1);
	r = in_tcp(at);
	close(s);
	close(w);
	return r;
}

/* From an address that is somebody else's. */
static const char *in_from(const char *from_and_to)
{
	static char text[64];
	struct sockaddr_storage a;
	char from[64];
	const char *to = strchr(from_and_to, '-') + 1;
	socklen_t n;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ssize_t got;

	(void)snprintf(from, sizeof(from), "%.*s", (int)(to - 1 - from_and_to), from_and_to);
	n = address(from, &a);
	if (bind(fd, (void *)&a, n) < 0)
		return outcome(-1);
	n = address(to, &a);
	if (connect(fd, (void *)&a, n) < 0)
		return outcome(-1);
	got = recv(fd, text, sizeof(text) - 1, 0);
	text[got < 0 ? 0 : got] = 0;
	(void)!send(fd, "hi", 2, MSG_NOSIGNAL);
	close(fd);
	return text;
}

static const char *in_socket(const char *what)
{
	int family, type, protocol;

	if (sscanf(what, "%d,%d,%d", &family, &type, &protocol) != 3)
		return "?";
	return outcome(socket(family, type, protocol));
}

static const char *in_fastopen(const char *to)
{
	struct sockaddr_storage a;
	socklen_t n = address(to, &a);

	return outcome((int)sendto(socket(a.ss_family, SOCK_STREAM, 0), "x", 1, MSG_FASTOPEN,
		(void *)&a, n));
}

/* What there is beside lo. */
static const char *in_links(const char *none)
{
	static char names[128];
	char line[256];
	FILE *f = fopen("/proc/net/dev", "r");

	(void)none;
	names[0] = 0;
	for (int i = 0; f && fgets(line, sizeof(line), f); i++)
		if (i > 1) {
			char *name = line + strspn(line, " ");

			name[strcspn(name, ":")] = 0;
			(void)snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ",
				name);
		}
	if (f)
		(void)fclose(f);
	return names;
}

/* By the old way, which needs no netlink. */
static const char *in_ioctl(const char *which)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = 0 };

	return outcome(ioctl(socket(AF_INET, SOCK_DGRAM, 0),
		strcmp(which, "down") == 0 ? SIOCSIFFLAGS : SIOCDELRT, &r));
}

static const char *in_port(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atol(port)) };

	return outcome(bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof(a)));
}

static const struct {
	const char *name;
	const char *(*fn)(const char *arg);
} words[] = {
	{ "tcp", in_tcp },
	{ "udp", in_udp },
	{ "sendto", in_udp_sendto },
	{ "sendmsg", in_udp_sendmsg },
	{ "own", in_own },
	{ "unix", in_unix },
	{ "steal", in_steal },
	{ "from", in_from },
	{ "socket", in_socket },
	{ "fastopen", in_fastopen },
	{ "links", in_links },
	{ "ioctl", in_ioctl },
	{ "port", in_port },
};

static int inside(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		char name[16];
		const char *arg = strchr(argv[i], '='), *r = "?";
		double t = now_ms();

		(void)snprintf(name, sizeof(name), "%.*s",
			(int)(arg ? arg - argv[i] : (long)strlen(argv[i])), argv[i]);
		for (size_t k = 0; k < WARD_ARRAY_SIZE(words); k++)
			if (strcmp(words[k].name, name) == 0)
				r = words[k].fn(arg ? arg + 1 : "");
		printf("%s -> %s%s\n", argv[i], r, now_ms() - t > ATONCE_MS ? " late" : "");
		(void)fflush(stdout);
	}
	return 0;
}

/* ---- outside ---- */

#define BOX(b, egress, ...) \
	struct capture_box b; \
	do { \
		static const char *const box_words[] = { __VA_ARGS__, NULL }; \
		if (!box_start(&b, egress, box_words)) { \
			static char why[512]; \
			(void)snprintf(why, sizeof(why), "%s", b.error); \
			box_end(&b); \
			if (strstr(why, "nf_tables") || strstr(why, "namespaces")) \
				SKIP("%.200s", why); \
			FAIL("%s", why); \
			return; \
		} \
	} while (0)

static bool has_six(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool r = fd >= 0 && bind(fd, (void *)&a, sizeof(a)) == 0;

	ward_close(fd);
	return r;
}

static const struct arrival *arrived(const struct arrival *v, size_t n, const char *to)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].to, to) == 0)
			return &v[i];
	return NULL;
}

TEST(tcp_to_anywhere)
{
	static const char *const to[] = { "203.0.113.7:443", "8.8.8.8:53", "10.1.2.3:1",
		"169.254.169.254:80", "1.1.1.1:1023", "198.18.1.0:5432", "255.1.2.3:65535",
		"[2001:db8::7]:443", "[fd77:6172:6400::100]:80", "[fe80::1]:22" };
	struct arrival v[16];
	size_t n, want = 0;

	BOX(b, true, "tcp=203.0.113.7:443", "tcp=8.8.8.8:53", "tcp=10.1.2.3:1",
		"tcp=169.254.169.254:80", "tcp=1.1.1.1:1023", "tcp=198.18.1.0:5432",
		"tcp=[2001:db8::7]:443", "tcp=[fd77:6172:6400::100]:80");
	n = box_serve(&b, v, WARD_ARRAY_SIZE(v));
	CHECK(b.over);
	CASE("%.200s", b.text);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(to); i++) {
		const struct arrival *a = arrived(v, n, to[i]);
		char line[128];

		(void)snprintf(line, sizeof(line), "tcp=%s -> hello\n", to[i]);
		if (!strstr(b.text, to[i]) || (to[i][0] == '[' && !has_six()))
			continue;
		want++;
		CHECK_MSG(a, "%s did not arrive", to[i]);
		CHECK_STR_CONTAINS(b.text, line);
		if (!a)
			continue;
		CHECK_STR_EQ(a->said, "hi");
		CHECK_MSG(strncmp(a->from, to[i][0] == '[' ? "[fd77:6172:6400::2]:" : "198.18.0.2:",
				  to[i][0] == '[' ? 20 : 11) == 0,
			"from %s", a->from);
		CHECK(a->known);
		CHECK_STR_EQ(a->comm, "inside");
		CHECK_EQ_INT(a->pid, 2);
	}
	CHECK_EQ_SIZE(n, want);
	box_end(&b);
}

TEST(own_servers)
{
	struct arrival v[4];
	size_t n;

	BOX(b, true, "own=127.0.0.1:0", "own=0.0.0.0:0", "own=127.5.6.7:0", "own=198.18.0.2:0",
		"own=[::1]:0", "own=[fd77:6172:6400::2]:0", "port=1023", "port=53");
	n = box_serve(&b, v, 4);
	CHECK_EQ_SIZE(n, 0);
	CASE("%.200s", b.text);
	CHECK_STR_CONTAINS(b.text, "own=127.0.0.1:0 -> own\n");
	CHECK_STR_CONTAINS(b.text, "own=0.0.0.0:0 -> own\n");
	CHECK_STR_CONTAINS(b.text, "own=127.5.6.7:0 -> own\n");
	CHECK_STR_CONTAINS(b.text, "own=198.18.0.2:0 -> own\n");
	if (has_six()) {
		CHECK_STR_CONTAINS(b.text, "own=[::1]:0 -> own\n");
		CHECK_STR_CONTAINS(b.text, "own=[fd77:6172:6400::2]:0 -> own\n");
	}
	/* Nobody inside can take the place of the listener, or of the name server. */
	CHECK_STR_CONTAINS(b.text, "port=1023 -> EACCES\n");
	CHECK_STR_CONTAINS(b.text, "port=53 -> EACCES\n");
	box_end(&b);
}

TEST(the_capturing_port_itself)
{
	struct arrival v[4];
	size_t n;

	/* It is told from a captured one by its address. */
	BOX(b, true, "tcp=127.0.0.1:1023", "tcp=198.18.0.2:1023");
	n = box_serve(&b, v, 4);
	CASE("%.200s", b.text);
	CHECK_EQ_SIZE(n, 1);
	CHECK_STR_EQ(v[0].to, "127.0.0.1:1023");
	CHECK_STR_CONTAINS(b.text, "tcp=198.18.0.2:1023 -> ECONNREFUSED\n");
	box_end(&b);
}

/* An address can be bound by anybody, since all are local: nobody is reached by that who is not the gate, and who asks is known. */
TEST(who_binds_an_address_of_others)
{
	struct arrival v[8];
	const struct arrival *a;
	size_t n;

	BOX(b, true, "steal=203.0.113.7:8080", "from=8.8.4.4:7777-203.0.113.8:443",
		"tcp=[::ffff:203.0.113.9]:443");
	n = box_serve(&b, v, 8);
	CASE("%.200s", b.text);
	CHECK(arrived(v, n, "203.0.113.7:8080"));
	CHECK_STR_CONTAINS(b.text, "steal=203.0.113.7:8080 -> hello\n");
	a = arrived(v, n, "203.0.113.8:443");
	REQUIRE(a);
	CHECK_STR_EQ(a->from, "8.8.4.4:7777");
	CHECK(a->known);
	CHECK_STR_CONTAINS(b.text, "-203.0.113.8:443 -> hello\n");
	if (has_six()) {
		a = arrived(v, n, "203.0.113.9:443");
		REQUIRE(a);
		CHECK(a->known);
	}
	box_end(&b);
}

TEST(names_are_asked_of_anybody)
{
	struct arrival v[8];
	size_t n;

	BOX(b, true, "udp=8.8.8.8:53", "udp=198.18.0.1:53", "sendto=9.9.9.9:53",
		"udp=127.0.0.53:53", "udp=[2001:4860:4860::8888]:53", "sendto=[2001:db8::53]:53");
	n = box_serve(&b, v, 8);
	CASE("%.200s", b.text);
	CHECK(arrived(v, n, "8.8.8.8:53"));
	CHECK_STR_CONTAINS(b.text, "udp=8.8.8.8:53 -> re:who\n");
	CHECK_STR_CONTAINS(b.text, "udp=198.18.0.1:53 -> re:who\n");
	CHECK_STR_CONTAINS(b.text, "sendto=9.9.9.9:53 -> re:who\n");
	CHECK_STR_CONTAINS(b.text, "udp=127.0.0.53:53 -> re:who\n");
	if (has_six()) {
		CHECK(arrived(v, n, "[2001:4860:4860::8888]:53"));
		CHECK_STR_CONTAINS(b.text, "udp=[2001:4860:4860::8888]:53 -> re:who\n");
		CHECK_STR_CONTAINS(b.text, "sendto=[2001:db8::53]:53 -> re:who\n");
	}
	box_end(&b);
}

TEST(other_datagrams_fail_at_once)
{
	struct arrival v[4];
	struct ward_refusal *r = NULL;
	size_t n, n_refused = 0;
	uint64_t dropped;
	bool noted = false;

	BOX(b, true, "udp=203.0.113.7:443", "sendto=203.0.113.7:443", "sendmsg=203.0.113.7:443",
		"udp=198.18.1.0:443", "sendto=198.18.1.0:443", "udp=[2001:db8::7]:443",
		"sendmsg=[2001:db8::7]:443");
	n = box_serve(&b, v, 4);
	CASE("%.200s", b.text);
	CHECK_EQ_SIZE(n, 0);
	CHECK_STR_CONTAINS(b.text, "\nsendto=203.0.113.7:443 -> ENETUNREACH\n");
	CHECK_STR_CONTAINS(b.text, "\nsendmsg=203.0.113.7:443 -> EPERM\n");
	/* A resolver's connect, which is fine; what is sent is not. */
	CHECK_STR_CONTAINS(b.text, "\nudp=198.18.1.0:443 -> EPERM\n");
	CHECK_STR_CONTAINS(b.text, "\nsendto=198.18.1.0:443 -> ENETUNREACH\n");
	CHECK(strncmp(b.text, "udp=203.0.113.7:443 -> ENETUNREACH\n", 35) == 0);
	if (has_six()) {
		CHECK_STR_CONTAINS(b.text, "\nudp=[2001:db8::7]:443 -> ENETUNREACH\n");
		CHECK_STR_CONTAINS(b.text, "\nsendmsg=[2001:db8::7]:443 -> EPERM\n");
	}
	CHECK_EQ_INT(ward_cage_take_refusals(b.cage, &r, &n_refused, &dropped), WARD_OK);
	for (size_t i = 0; i < n_refused; i++)
		noted = noted || strcmp(r[i].resource, "203.0.113.7:443") == 0;
	CHECK(noted);
	ward_refusals_free(r, n_refused);
	box_end(&b);
}

TEST(no_other_way)
{
	struct arrival v[4];
	size_t n;

	BOX(b, true, "links", "socket=16,3,0", "socket=16,3,12", "socket=2,3,1", "socket=2,2,1",
		"socket=10,2,58", "socket=17,3,0", "socket=40,1,0", "socket=2,1,262",
		"socket=2,1,132", "fastopen=203.0.113.7:443", "ioctl=down", "ioctl=route");
	n = box_serve(&b, v, 4);
	CASE("%.200s", b.text);
	CHECK_EQ_SIZE(n, 0);
	CHECK_STR_CONTAINS(b.text, "links -> lo \n"); /* and nothing that leads out */
	CHECK_STR_CONTAINS(b.text, "socket=16,3,0 -> EAFNOSUPPORT\n"); /* netlink: route */
	CHECK_STR_CONTAINS(b.text, "socket=16,3,12 -> EAFNOSUPPORT\n"); /* netfilter */
	CHECK_STR_CONTAINS(b.text, "socket=2,3,1 -> EPROTONOSUPPORT\n"); /* raw ICMP */
	CHECK_STR_CONTAINS(b.text, "socket=2,2,1 -> EPROTONOSUPPORT\n"); /* ping */
	CHECK_STR_CONTAINS(b.text, "socket=10,2,58 -> EPROTONOSUPPORT\n");
	CHECK_STR_CONTAINS(b.text, "socket=17,3,0 -> EAFNOSUPPORT\n"); /* packet */
	CHECK_STR_CONTAINS(b.text, "socket=40,1,0 -> EAFNOSUPPORT\n"); /* vsock */
	CHECK_STR_CONTAINS(b.text, "socket=2,1,262 -> EPROTONOSUPPORT\n"); /* MPTCP */
	CHECK_STR_CONTAINS(b.text, "socket=2,1,132 -> EPROTONOSUPPORT\n"); /* SCTP */
	CHECK_STR_CONTAINS(b.text, "fastopen=203.0.113.7:443 -> EOPNOTSUPP\n");
	CHECK_STR_CONTAINS(b.text, "ioctl=down -> EPERM\n");
	CHECK_STR_CONTAINS(b.text, "ioctl=route -> EPERM\n");
	box_end(&b);
}

/* As many as the supervisor can be handed; the last one by its name is not left out. */
TEST(as_many_private_directories_as_there_may_be)
{
	struct arrival v[1];

	more_private = WARD_VIEW_ROOTS_MAX - 1;
	BOX(b, false, "unix=/tmp/s", "unix=/private0/s", "unix=/private6/s");
	CHECK_EQ_SIZE(box_serve(&b, v, 1), 0);
	CASE("%.200s", b.text);
	CHECK_STR_CONTAINS(b.text, "unix=/tmp/s -> ok\n");
	CHECK_STR_CONTAINS(b.text, "unix=/private0/s -> ok\n");
	CHECK_STR_CONTAINS(b.text, "unix=/private6/s -> ok\n");
	box_end(&b);
	more_private = 0;
}

TEST(without_egress)
{
	struct arrival v[4];
	size_t n;

	BOX(b, false, "tcp=203.0.113.7:443", "udp=8.8.8.8:53", "own=127.0.0.1:0",
		"sendmsg=203.0.113.7:443");
	n = box_serve(&b, v, 4);
	CASE("%.200s", b.text);
	CHECK_EQ_SIZE(n, 0);
	for (int i = 0; i < WARD_NET_SOCKET_MAX; i++)
		CHECK_EQ_INT(b.net[i], -1);
	CHECK_STR_CONTAINS(b.text, "tcp=203.0.113.7:443 -> ENETUNREACH\n");
	CHECK_STR_CONTAINS(b.text, "udp=8.8.8.8:53 -> ENETUNREACH\n");
	CHECK_STR_CONTAINS(b.text, "own=127.0.0.1:0 -> own\n");
	CHECK_STR_CONTAINS(b.text, "sendmsg=203.0.113.7:443 -> ENETUNREACH\n");
	box_end(&b);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "inside") == 0)
		return inside(argc, argv);
	return tap_main(argc, argv);
}
