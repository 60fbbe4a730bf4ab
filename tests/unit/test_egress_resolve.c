/* SPDX-License-Identifier: Apache-2.0 */
/* What the gate reads of name servers and of the host's files, and which address stands for which name. */
#include "tap.h"

#include "egress/gate.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "good.test.example"

static uint8_t query[WARD_DNS_QUERY_MAX], message[70000];
static size_t query_n, message_n;

static void put(const void *p, size_t n)
{
	memcpy(message + message_n, p, n);
	message_n += n;
}

static void put16(unsigned v)
{
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(b, 2);
}

/* An answer to the query for NAME, with that many records to come. */
static void begin(unsigned type, unsigned flags, unsigned records)
{
	query_n = ward_dns_query(query, 0x1234, NAME, (uint16_t)type, true);
	message_n = 0;
	put(query, 2);
	put16(flags);
	put16(1);
	put16(records);
	put16(0);
	put16(0);
	put(query + 12, strlen(NAME) + 2 + 4);
}

static void put_name(const char *s)
{
	while (*s) {
		uint8_t n = (uint8_t)strcspn(s, ".");

		put(&n, 1);
		put(s, n);
		s += n + (s[n] == '.');
	}
	put("", 1);
}

/* owner NULL: the name that was asked for. */
static void record(const char *owner, unsigned type, const void *data, unsigned n)
{
	if (owner)
		put_name(owner);
	else
		put16(0xc00c);
	put16(type);
	put16(1);
	put16(0);
	put16(120);
	put16(n);
	put(data, n);
}

static void alias(const char *owner, const char *to)
{
	size_t at;

	record(owner, 5, "", 0);
	at = message_n;
	put_name(to);
	message[at - 2] = (uint8_t)((message_n - at) >> 8);
	message[at - 1] = (uint8_t)(message_n - at);
}

static enum ward_dns_result look(struct ward_dns_answer *a)
{
	return ward_dns_read(message, message_n, query, query_n, a);
}

TEST(answers)
{
	const uint8_t v4[4] = { 93, 184, 216, 34 },
		      mapped[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 };
	struct ward_dns_answer a;

	begin(WARD_DNS_A, 0x8180, 1);
	record(NULL, 1, v4, 4);
	CHECK_EQ_INT(look(&a), WARD_DNS_ANSWER);
	CHECK_EQ_INT(a.n, 1);
	CHECK_EQ_INT(a.v[0].family, 4);
	CHECK(memcmp(a.v[0].a, v4, 4) == 0);
	CHECK_EQ_INT(a.ttl, 120);
	/* A mapped address is what it carries. */
	begin(WARD_DNS_AAAA, 0x8180, 1);
	record(NULL, 28, mapped, 16);
	CHECK_EQ_INT(look(&a), WARD_DNS_ANSWER);
	CHECK_EQ_INT(a.v[0].family, 4);
	CHECK_EQ_INT(a.v[0].a[0], 127);
	/* A thousand: the first of them. */
	begin(WARD_DNS_A, 0x8180, 1000);
	for (int i = 0; i < 1000; i++)
		record(NULL, 1, v4, 4);
	CHECK_EQ_INT(look(&a), WARD_DNS_ANSWER);
	CHECK_EQ_INT(a.n, WARD_EGRESS_ADDRESSES_MAX);
	begin(WARD_DNS_A, 0x8183, 0);
	CHECK_EQ_INT(look(&a), WARD_DNS_NO_NAME);
	begin(WARD_DNS_A, 0x8182, 0);
	CHECK_EQ_INT(look(&a), WARD_DNS_FAILED);
	/* It cannot read the question: with EDNS it may be that. */
	begin(WARD_DNS_A, 0x8181, 0);
	CHECK_EQ_INT(look(&a), WARD_DNS_PLAIN);
	message_n = 12;
	message[5] = 0;
	CHECK_EQ_INT(look(&a), WARD_DNS_PLAIN);
	query[11] = 0;
	CHECK_EQ_INT(look(&a), WARD_DNS_FAILED);
	begin(WARD_DNS_A, 0x8184, 0);
	CHECK_EQ_INT(look(&a), WARD_DNS_PLAIN);
	begin(WARD_DNS_A, 0x8380, 0);
	CHECK_EQ_INT(look(&a), WARD_DNS_CUT);
	begin(WARD_DNS_A, 0x8180, 0);
	CHECK_EQ_INT(look(&a), WARD_DNS_ANSWER);
	CHECK_EQ_INT(a.n, 0);
}

TEST(answers_to_something_else)
{
	const uint8_t v4[4] = { 1, 2, 3, 4 };
	struct ward_dns_answer a;

	begin(WARD_DNS_A, 0x8180, 1);
	record(NULL, 1, v4, 4);
	message[1] ^= 1;
	CHECK_EQ_INT(look(&a), WARD_DNS_FOREIGN);
	message[1] ^= 1;
	message[13] ^= 1; /* a letter of the question */
	CHECK_EQ_INT(look(&a), WARD_DNS_FOREIGN);
	message[13] ^= 1;
	message[2] &= 0x7f; /* a question, and no answer */
	CHECK_EQ_INT(look(&a), WARD_DNS_FOREIGN);
	message[2] |= 0x80;
	CHECK_EQ_INT(look(&a), WARD_DNS_ANSWER);
	/* Records of other names, of other types: passed over. */
	begin(WARD_DNS_A, 0x8180, 2);
	record("evil.test.example", 1, v4, 4);
	record(NULL, 28, message, 16);
	CHECK_EQ_INT(look(&a), WARD_DNS_ANSWER);
	CHECK_EQ_INT(a.n, 0);
}

TEST(aliases)
{
	const uint8_t v4[4] = { 1, 2, 3, 4 };
	struct ward_dns_answer a;
	char name[32], next[32];

	begin(WARD_DNS_A, 0x8180, 3);
	record("b.example", 1, v4, 4);
	alias("A.Example", "b.example");
	alias(NULL, "a.example");
	CHECK_EQ_INT(look(&a), WARD_DNS_ANSWER);
	CHECK_EQ_INT(a.n, 1);
	/* In a circle, to itself, and longer than any is followed. */
	begin(WARD_DNS_A, 0x8180, 2);
	alias(NULL, "a.example");
	alias("a.example", NAME);
	CHECK_EQ_INT(look(&a), WARD_DNS_FAILED);
	CHECK_EQ_INT(a.n, 0);
	begin(WARD_DNS_A, 0x8180, 42);
	alias(NULL, "n0.example");
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "n%d.example", i);
		(void)snprintf(next, sizeof(next), "n%d.example", i + 1);
		alias(name, next);
	}
	record("n40.example", 1, v4, 4);
	CHECK_EQ_INT(look(&a), WARD_DNS_FAILED);
	CHECK_EQ_INT(a.n, 0);
}

TEST(broken_answers)
{
	const uint8_t v4[4] = { 1, 2, 3, 4 };
	struct ward_dns_answer a;
	size_t whole;

	/* Cut anywhere, it is no answer. */
	begin(WARD_DNS_A, 0x8180, 1);
	record(NULL, 1, v4, 4);
	whole = message_n;
	for (message_n = 0; message_n < whole; message_n++) {
		enum ward_dns_result r = look(&a);

		CHECK(r == WARD_DNS_FOREIGN || r == WARD_DNS_FAILED);
		CHECK_EQ_INT(a.n, 0);
	}
	/* An owner that points at itself, and one that points ahead. */
	begin(WARD_DNS_A, 0x8180, 1);
	put16((unsigned)(0xc000 | message_n));
	CHECK_EQ_INT(look(&a), WARD_DNS_FAILED);
	begin(WARD_DNS_A, 0x8180, 1);
	put16(0xc0ff);
	CHECK_EQ_INT(look(&a), WARD_DNS_FAILED);
	begin(WARD_DNS_A, 0x8180, 1);
	record(NULL, 1, v4, 3);
	CHECK_EQ_INT(look(&a), WARD_DNS_FAILED);
}

static struct ward_resolv_conf parse(const char *text)
{
	struct ward_resolv_conf c;

	ward_resolv_conf_parse(text, strlen(text), &c);
	return c;
}

static bool is4(const struct sockaddr_in6 *a, const char *text, unsigned port)
{
	struct sockaddr_in v4;
	struct ward_relay_addr r = { .family = 4 };
	char shown[WARD_ADDRESS_TEXT_MAX];

	if (a->sin6_family != AF_INET)
		return false;
	memcpy(&v4, a, sizeof(v4));
	memcpy(r.a, &v4.sin_addr, 4);
	return strcmp(ward_address_text(&r, shown), text) == 0 && ntohs(v4.sin_port) == port;
}

TEST(resolv_conf)
{
	struct ward_resolv_conf c =
		parse("# x\nsearch a b\nnameserver 192.0.2.1 \nnameserver\tfe80::1%4000000\r\n"
		      "nameserver nonsense\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"
		      "options ndots:5 timeout:2 attempts:3");

	CHECK_EQ_INT(c.n, 3);
	CHECK(is4(&c.v[0], "192.0.2.1", 53));
	CHECK(c.v[1].sin6_family == AF_INET6 && c.v[1].sin6_scope_id == 4000000);
	CHECK(is4(&c.v[2], "192.0.2.2", 53));
	CHECK_EQ_INT(c.timeout_ms, 2000);
	CHECK_EQ_INT(c.attempts, 3);
	CHECK_EQ_INT(c.ndots, 5);
	CHECK_EQ_INT(c.n_search, 2);
	CHECK_STR_EQ(c.search[1], "b");
	/* The last one counts; what is no domain is passed over. */
	c = parse("search a b\ndomain Corp.Example. x\n");
	CHECK_EQ_INT(c.n_search, 1);
	CHECK_STR_EQ(c.search[0], "corp.example");
	CHECK_EQ_INT(c.ndots, 1);
	c = parse("domain x\nsearch a..b . b c d e f g h\noptions ndots:0 use-vc");
	CHECK_EQ_INT(c.n_search, WARD_SEARCH_MAX);
	CHECK_STR_EQ(c.search[0], "b");
	CHECK(c.ndots == 0 && c.tcp);
	/* Bounded, whatever it says; and nothing is the host itself. */
	c = parse("options timeout:4000000000 attempts:99999999999\n");
	CHECK(is4(&c.v[0], "127.0.0.1", 53));
	CHECK_EQ_INT(c.timeout_ms, 5000);
	CHECK_EQ_INT(c.attempts, 3);
	c = parse("options timeout:0 attempts:0");
	CHECK_EQ_INT(c.timeout_ms, 1000);
	CHECK_EQ_INT(c.attempts, 1);
}

TEST(resolver_option)
{
	static const char *const bad[] = { "", "x", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
		"192.0.2.1:53x", "[::1", "[]:53", "[::1]53", "192.0.2.1.5", "010.0.0.1", "1:2",
		"::1%lo" };
	struct sockaddr_in6 a;
	struct ward_error err;

	CHECK_EQ_INT(ward_resolver_parse("192.0.2.1", &a, &err), WARD_OK);
	CHECK(is4(&a, "192.0.2.1", 53));
	CHECK_EQ_INT(ward_resolver_parse("192.0.2.1:5353", &a, &err), WARD_OK);
	CHECK(is4(&a, "192.0.2.1", 5353));
	CHECK_EQ_INT(ward_resolver_parse("[2001:db8::1]:5353", &a, &err), WARD_OK);
	CHECK_EQ_INT(ntohs(a.sin6_port), 5353);
	CHECK_EQ_INT(ward_resolver_parse("2001:db8::1", &a, &err), WARD_OK);
	CHECK_EQ_INT(ntohs(a.sin6_port), 53);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(bad); i++) {
		CASE("%s", bad[i]);
		CHECK_EQ_INT(ward_resolver_parse(bad[i], &a, &err), WARD_E_INVALID);
	}
}

TEST(hosts)
{
	char text[] =
		"127.0.0.1 localhost\n# 192.0.2.9 " NAME "\n192.0.2.7\tother GOOD.Test.example. x\n"
		"nonsense " NAME "\n2001:DB8::7 " NAME " # comment\n192.0.2.8 x" NAME "\n"
		"192.0.2.6 " NAME ".x " NAME "x\n192.0.2.5 a\t" NAME "#x\n" NAME " " NAME
		"\n192.0.2.4 " NAME;
	struct ward_dns_answer a;

	ward_hosts_fold(text, sizeof(text) - 1);

	CHECK(ward_hosts_find(text, sizeof(text) - 1, NAME, &a));
	CHECK_EQ_INT(a.n, 4);
	CHECK_EQ_INT(a.v[0].family, 4);
	CHECK_EQ_INT(a.v[0].a[3], 7);
	CHECK_EQ_INT(a.v[1].family, 6);
	CHECK_EQ_INT(a.v[2].a[3], 5);
	CHECK_EQ_INT(a.v[3].a[3], 4);
	CHECK(!ward_hosts_find(text, sizeof(text) - 1, "test.example", &a));
}

TEST(pins)
{
	struct ward_pins_table t = { 0 };
	struct ward_relay_addr a4 = { .family = 4 }, a6 = { .family = 6 };
	struct ward_pinned *first = ward_pinned_make(&t, "a.example"), *p;
	bool synthetic;
	char name[32];

	REQUIRE(first != NULL);
	CHECK(ward_pinned_make(&t, "a.example") == first);
	CHECK(ward_pinned_find(&t, "b.example") == NULL);
	ward_pinned_addresses(first, a4.a, a6.a);
	CHECK_EQ_INT(a4.a[0], 198);
	CHECK(ward_pinned_at(&t, &a4, &synthetic) == first && synthetic);
	CHECK(ward_pinned_at(&t, &a6, &synthetic) == first && synthetic);
	/* The next one's, before there is one; the name server's; one outside of the ranges; one with bits between. */
	a4.a[3]++;
	CHECK(ward_pinned_at(&t, &a4, &synthetic) == NULL && synthetic);
	a4.a[2] = 0;
	a4.a[3] = WARD_NET_DNS_AT;
	CHECK(ward_pinned_at(&t, &a4, &synthetic) == NULL && synthetic);
	a4.a[0] = 93;
	CHECK(ward_pinned_at(&t, &a4, &synthetic) == NULL && !synthetic);
	a6.a[8] = 1;
	CHECK(ward_pinned_at(&t, &a6, &synthetic) == NULL && synthetic);
	/* Bounded, and what is there stays what it is. */
	for (int i = 1; i < WARD_EGRESS_NAMES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d.example", i);
		p = ward_pinned_make(&t, name);
		if (!p || p->offset != WARD_NET_NAMES_AT + (uint32_t)i)
			break;
	}
	CHECK_EQ_INT(t.n, WARD_EGRESS_NAMES_MAX);
	CHECK(ward_pinned_make(&t, "over.example") == NULL);
	CHECK(ward_pinned_make(&t, "a.example") == first);
	ward_pins_table_done(&t);
}

/* ---- the resolver itself, with name servers of the test's own ---- */

#define SERVERS 3
struct whole;
struct servers {
	struct ward_resolver r;
	int fd[SERVERS], epoll;
	size_t asked[SERVERS]; /* for A */
	const char *
		how; /* of each: '-' silent, 'a' answers, 'e' no EDNS, 's' SERVFAIL, 'c' what is cut */
	struct whole *whole; /* who has the whole of it, or NULL */
};

static struct servers servers_begin(const char *how)
{
	struct servers s = { .epoll = epoll_create1(EPOLL_CLOEXEC), .how = how };

	CHECK_EQ_INT(ward_resolver_init(&s.r, s.epoll, "127.0.0.1", NULL), WARD_OK);
	s.r.hosts_file = "/nonexistent";
	s.r.conf = (struct ward_resolv_conf){ .n = strlen(how), .timeout_ms = 100, .attempts = 1 };
	for (size_t i = 0; i < s.r.conf.n; i++) {
		struct sockaddr_in a = { .sin_family = AF_INET };
		socklen_t n = sizeof(a);

		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		s.fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		CHECK(bind(s.fd[i], (const struct sockaddr *)&a, sizeof(a)) == 0);
		CHECK(getsockname(s.fd[i], (struct sockaddr *)&a, &n) == 0);
		memcpy(&s.r.conf.v[i], &a, sizeof(a));
	}
	return s;
}

static void servers_end(struct servers *s)
{
	ward_resolver_done(&s->r);
	for (size_t i = 0; i < s->r.conf.n; i++)
		ward_close(s->fd[i]);
	ward_close(s->epoll);
}

static void serve(struct servers *s, size_t i)
{
	static const uint8_t v4[4] = { 93, 184, 216, 34 };
	uint8_t q[512];
	struct sockaddr_in from;
	socklen_t from_n = sizeof(from);
	ssize_t n =
		recvfrom(s->fd[i], q, sizeof(q), MSG_DONTWAIT, (struct sockaddr *)&from, &from_n);
	bool a, edns;
	unsigned flags;

	if (n < 0)
		return;
	edns = q[11] != 0;
	a = q[n - 3 - (edns ? 11 : 0)] == WARD_DNS_A;
	s->asked[i] += a;
	if (s->how[i] == '-')
		return;
	flags = s->how[i] == 's'           ? 0x8182
		: s->how[i] == 'c'         ? 0x8380
		: s->how[i] == 'e' && edns ? 0x8181
					   : 0x8180;
	begin(a ? WARD_DNS_A : WARD_DNS_AAAA, flags, a && flags == 0x8180);
	if (a && flags == 0x8180)
		record(NULL, 1, v4, 4);
	memcpy(message, q, 2);
	CHECK(sendto(s->fd[i], message, message_n, 0, (struct sockaddr *)&from, from_n) > 0);
}

static void whole_serve(struct whole *w);

/* Until it is known; p as it was, but for that nothing is known of it. */
static void servers_find(struct servers *s, struct ward_pinned *p)
{
	uint64_t end = ward_now_mono_ns() + 20000 * WARD_MS;
	struct epoll_event ev;

	p->until = 0;
	memset(s->asked, 0, sizeof(s->asked));
	CHECK(ward_resolver_begin(&s->r, p, false));
	while (p->lookup && ward_now_mono_ns() < end) {
		for (size_t i = 0; i < s->r.conf.n; i++)
			serve(s, i);
		if (s->whole)
			whole_serve(s->whole);
		if (epoll_wait(s->epoll, &ev, 1, 5) > 0)
			((struct ward_waiter *)ev.data.ptr)->fn(ev.data.ptr, ev.events);
		ward_resolver_tick(&s->r, ward_now_mono_ns());
	}
	CHECK(p->lookup == NULL);
}

TEST(a_server_that_says_nothing_comes_last_for_a_while)
{
	struct servers s = servers_begin("--a");
	struct ward_pins_table t = { 0 };
	struct ward_pinned *p = ward_pinned_make(&t, NAME);
	char path[] = "/tmp/ward-test-hosts-XXXXXX";
	int fd = mkstemp(path);

	REQUIRE(p != NULL);
	servers_find(&s, p);
	CHECK_EQ_INT(p->found, WARD_FOUND_SOME);
	CHECK_EQ_INT(s.asked[0], 1);
	CHECK_EQ_INT(s.asked[1], 1);
	servers_find(&s, p);
	CHECK_EQ_INT(p->found, WARD_FOUND_SOME);
	CHECK_EQ_INT(s.asked[0], 0);
	CHECK_EQ_INT(s.asked[1], 0);
	CHECK_EQ_INT(s.asked[2], 1);
	/* Where that one is silent, too, the others are asked again. */
	s.how = "a--";
	servers_find(&s, p);
	CHECK_EQ_INT(p->found, WARD_FOUND_SOME);
	CHECK_EQ_INT(s.asked[0], 1);
	/* For what the host's own file says nobody is, however much it says (lists against advertisements). */
	REQUIRE(fd >= 0 && dprintf(fd, "%*s\n192.0.2.7 %s\n", 3 << 20, "", NAME) > 0);
	s.r.hosts_file = path;
	servers_find(&s, p);
	CHECK_EQ_INT(s.asked[0], 0);
	CHECK_EQ_INT(p->out.v[0].a[3], 7);
	/* It is read once: what was read of it is looked at until it is another one. */
	REQUIRE(s.r.hosts.n > 3 << 20);
	s.r.hosts_was.young = false;
	*strchr(strstr(s.r.hosts.s, "192.0.2."), '7') = '6';
	servers_find(&s, p);
	CHECK_EQ_INT(p->out.v[0].a[3], 6);
	REQUIRE(dprintf(fd, "#\n") > 0);
	servers_find(&s, p);
	CHECK_EQ_INT(p->out.v[0].a[3], 7);
	(void)unlink(path);
	ward_close(fd);
	servers_end(&s);
	ward_pins_table_done(&t);
}

TEST(each_server_has_its_turn_within_the_whole)
{
	struct servers s = servers_begin("--a");
	struct ward_pins_table t = { 0 };
	struct ward_pinned *p = ward_pinned_make(&t, NAME);

	REQUIRE(p != NULL);
	s.r.conf.timeout_ms = 5000; /* as resolv.conf(5) has it, where nothing is said */
	servers_find(&s, p);
	CHECK_EQ_INT(p->found, WARD_FOUND_SOME);
	servers_end(&s);
	ward_pins_table_done(&t);
}

TEST(of_three_servers_the_first_has_as_long_as_if_it_were_alone)
{
	struct servers s = servers_begin("---");
	struct ward_pins_table t = { 0 };
	struct ward_pinned *p = ward_pinned_make(&t, NAME);
	uint64_t now = ward_now_mono_ns();

	REQUIRE(p != NULL);
	s.r.conf.timeout_ms = 5000;
	CHECK(ward_resolver_begin(&s.r, p, false));
	CHECK(ward_resolver_next(&s.r) >= now + 4990 * WARD_MS);
	/* It is silent, as it seems: the others share what is left. */
	now = ward_now_mono_ns();
	ward_resolver_tick(&s.r, ward_resolver_next(&s.r));
	CHECK(ward_resolver_next(&s.r) > now + 2000 * WARD_MS);
	servers_end(&s);
	ward_pins_table_done(&t);
}

TEST(a_server_without_edns_is_asked_without)
{
	struct servers s = servers_begin("e");
	struct ward_pins_table t = { 0 };
	struct ward_pinned *p = ward_pinned_make(&t, NAME);

	REQUIRE(p != NULL);
	servers_find(&s, p);
	CHECK_EQ_INT(p->found, WARD_FOUND_SOME);
	CHECK_EQ_INT(s.asked[0], 2);
	/* That it cannot say is not that there is none. */
	s.how = "s";
	servers_find(&s, p);
	CHECK_EQ_INT(p->found, WARD_FOUND_NONE);
	CHECK(p->failed);
	s.how = "a";
	servers_find(&s, p);
	CHECK(p->found == WARD_FOUND_SOME && !p->failed);
	servers_end(&s);
	ward_pins_table_done(&t);
}

/* ---- what does not fit into a datagram ---- */

#define STREAMS 8

/* A server whose answers are cut, and that has the whole of them over TCP: a piece of it each time that it is served. */
struct whole {
	int fd, n;
	struct {
		int fd;
		size_t at, n; /* of the answer; n 0: it was not asked yet */
		uint8_t answer[128];
	} v[STREAMS];
	bool closes, cuts; /* instead of an answer; in it as well */
};

/* At a server's port, which whoever else is on this machine may have for TCP. One that does not listen keeps them from it. */
static struct whole whole_begin(struct servers *s, bool listens)
{
	struct whole w = { .fd = -1 };

	for (int i = 0; i < 100 && w.fd < 0; i++) {
		*s = servers_begin("c");
		w.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (bind(w.fd, (const struct sockaddr *)&s->r.conf.v[0],
			    sizeof(struct sockaddr_in)) < 0) {
			ward_close(w.fd);
			w.fd = -1;
			servers_end(s);
		}
	}
	REQUIRE(w.fd >= 0 && (!listens || listen(w.fd, STREAMS) == 0));
	return w;
}

static void whole_answer(struct whole *w, int i)
{
	static const uint8_t v4[4] = { 93, 184, 216, 35 };
	uint8_t q[512];
	ssize_t n = recv(w->v[i].fd, q, sizeof(q), MSG_DONTWAIT);
	bool a;

	if (n <= 0)
		return;
	/* Its length comes first, and all of it at once. */
	CHECK_EQ_INT(q[0] << 8 | q[1], n - 2);
	a = q[n - 3 - (q[2 + 11] ? 11 : 0)] == WARD_DNS_A;
	begin(a ? WARD_DNS_A : WARD_DNS_AAAA, w->cuts ? 0x8380 : 0x8180, a);
	if (a)
		record(NULL, 1, v4, 4);
	memcpy(message, q + 2, 2);
	w->v[i].answer[1] = (uint8_t)message_n;
	memcpy(w->v[i].answer + 2, message, message_n);
	/* And more, that nobody asked for. */
	w->v[i].n = message_n + 2 + 16;
}

static void whole_serve(struct whole *w)
{
	static const size_t pieces[] = { 1, 1, 20, 106 };
	int fd = w->n < STREAMS ? accept4(w->fd, NULL, NULL, SOCK_CLOEXEC) : -1;

	if (fd >= 0)
		w->v[w->n++].fd = fd;
	for (int i = 0; i < w->n; i++) {
		size_t at = w->v[i].at, left = w->v[i].n - at, piece = left;

		if (w->v[i].n == 0 && w->v[i].fd >= 0)
			whole_answer(w, i);
		if (left == 0)
			continue;
		if (w->closes) {
			ward_closep(&w->v[i].fd);
			w->v[i].at = w->v[i].n;
			continue;
		}
		piece = at < 2 ? pieces[at] : at == 2 ? pieces[2] : left;
		CHECK(send(w->v[i].fd, w->v[i].answer + at, piece, MSG_NOSIGNAL) == (ssize_t)piece);
		w->v[i].at += piece;
	}
}

static void whole_end(struct whole *w)
{
	for (int i = 0; i < w->n; i++)
		ward_close(w->v[i].fd);
	ward_close(w->fd);
}

TEST(what_is_cut_is_asked_for_by_tcp)
{
	static const struct {
		bool listens, closes, cuts, tcp; /* tcp: as it is wanted at once (use-vc) */
		enum ward_found found;
	} whats[] = { { .listens = true, .found = WARD_FOUND_SOME },
		{ .listens = true, .tcp = true, .found = WARD_FOUND_SOME },
		{ .listens = true, .closes = true, .found = WARD_FOUND_SILENT },
		{ .listens = true, .cuts = true, .found = WARD_FOUND_SILENT },
		{ .found = WARD_FOUND_SILENT } };

	TABLE(row, whats) {
		struct servers s;
		struct whole w = whole_begin(&s, row->listens);
		struct ward_pins_table t = { 0 };
		struct ward_pinned *p = ward_pinned_make(&t, NAME);
		CASE("%zu", (size_t)(row - whats));
		REQUIRE(p != NULL);
		w.closes = row->closes;
		w.cuts = row->cuts;
		s.whole = row->listens ? &w : NULL;
		s.r.conf.timeout_ms = 5000;
		s.r.conf.tcp = row->tcp;
		servers_find(&s, p);
		CHECK_EQ_INT(p->found, row->found);
		/* For each family, and no more often. */
		CHECK(w.n == (row->listens ? 2 : 0) && (s.asked[0] == 0) == row->tcp);
		if (row->found == WARD_FOUND_SOME)
			CHECK(p->out.n == 1 && p->out.v[0].a[3] == 35);
		else
			CHECK_EQ_INT(p->err, row->listens ? 0 : ECONNREFUSED);
		servers_end(&s);
		whole_end(&w);
		ward_pins_table_done(&t);
	}
}

static void conf_says(const char *path, const char *server)
{
	FILE *f = fopen(path, "we");

	REQUIRE(f != NULL);
	CHECK(fprintf(f, "nameserver %s\n", server) > 0);
	CHECK(fclose(f) == 0);
}

TEST(another_network_is_followed_by_who_waits_for_the_last_ones_server)
{
	struct servers s = servers_begin("-a");
	struct ward_pins_table t = { 0 };
	struct ward_pinned *waits = ward_pinned_make(&t, NAME),
			   *known = ward_pinned_make(&t, "b.example");
	char path[] = "/tmp/ward-resolv-XXXXXX";
	int fd = mkstemp(path);

	REQUIRE(waits && known && fd >= 0);
	ward_close(fd);
	s.r.conf.timeout_ms = 600000;
	s.r.conf.n = 1;
	CHECK(ward_resolver_begin(&s.r, waits, false));
	CHECK(waits->lookup != NULL);
	/* As it was for the host's own file, which has another server by now; seen by who asks next. */
	s.r.fixed = false;
	s.r.conf_file = path;
	conf_says(path, "127.0.0.9");
	known->until = UINT64_MAX;
	known->found = WARD_FOUND_SOME;
	CHECK(ward_resolver_begin(&s.r, known, false));
	CHECK_EQ_INT(s.r.conf.n, 1);
	CHECK_EQ_INT(((const struct sockaddr_in *)&s.r.conf.v[0])->sin_addr.s_addr,
		htonl(0x7f000009));
	/* What the last network's servers said of it holds no more. */
	CHECK(known->lookup != NULL);
	CHECK_EQ_INT(s.r.n, 2);
	/* Nobody is there at the new one, so that each of them knows it at once, where the old one would be waited for. */
	for (uint64_t end = ward_now_mono_ns() + 20000 * WARD_MS;
		s.r.n && ward_now_mono_ns() < end;) {
		struct epoll_event ev;

		if (epoll_wait(s.epoll, &ev, 1, 5) > 0)
			((struct ward_waiter *)ev.data.ptr)->fn(ev.data.ptr, ev.events);
		ward_resolver_tick(&s.r, ward_now_mono_ns());
	}
	CHECK_EQ_INT(s.r.n, 0);
	CHECK(!waits->lookup && waits->found == WARD_FOUND_SILENT && waits->err == ECONNREFUSED);
	(void)unlink(path);
	s.r.conf.n = SERVERS - 1;
	servers_end(&s);
	ward_pins_table_done(&t);
}

/* Who waits for a silent server hears of it within a second, though nobody else asks for anything. */
TEST(another_network_is_looked_for_while_somebody_waits)
{
	struct servers s = servers_begin("-");
	struct ward_pins_table t = { 0 };
	struct ward_pinned *p = ward_pinned_make(&t, NAME);
	uint64_t now = ward_now_mono_ns();
	char path[] = "/tmp/ward-resolv-XXXXXX";
	int fd = mkstemp(path);

	REQUIRE(p && fd >= 0);
	ward_close(fd);
	s.r.conf.timeout_ms = 5000;
	CHECK(ward_resolver_begin(&s.r, p, false));
	s.r.fixed = false;
	s.r.conf_file = path;
	s.r.conf_again = now + 1000 * WARD_MS;
	conf_says(path, "127.0.0.9");
	CHECK(ward_resolver_next(&s.r) <= now + 1000 * WARD_MS);
	ward_resolver_tick(&s.r, now + 1000 * WARD_MS);
	CHECK_EQ_INT(s.r.conf_no, 1);
	CHECK_EQ_INT(((const struct sockaddr_in *)&s.r.conf.v[0])->sin_addr.s_addr,
		htonl(0x7f000009));
	(void)unlink(path);
	servers_end(&s);
	ward_pins_table_done(&t);
}

/* As whoever renews a lease does: what is asked and what is known are left as they are (conf_no). */
TEST(the_same_network_written_again_is_none_to_follow)
{
	static const char *const writes[] = { "127.0.0.1", "127.0.0.1 # renewed", "127.0.0.9" };
	struct servers s = servers_begin("-");
	struct ward_pins_table t = { 0 };
	struct ward_pinned *known = ward_pinned_make(&t, NAME);
	char path[] = "/tmp/ward-resolv-XXXXXX";
	int fd = mkstemp(path);

	REQUIRE(known && fd >= 0);
	ward_close(fd);
	s.r.fixed = false;
	s.r.conf_file = path;
	s.r.conf.n = 0;
	conf_says(path, "127.0.0.1");
	/* Port 53 is not for a test to serve: the first look is without anybody who asks. */
	CHECK_EQ_INT(ward_resolver_conf(&s.r)->n, 1);
	CHECK_EQ_INT(s.r.conf_no, 1);
	known->until = UINT64_MAX;
	known->asked = 1;
	known->found = WARD_FOUND_SOME;
	TABLE(row, writes) {
		CASE("%s", *row);
		(void)unlink(path); /* another file */
		conf_says(path, *row);
		s.r.conf_again = 0;
		CHECK(ward_resolver_begin(&s.r, known, false));
		CHECK_EQ_INT(s.r.conf_no, row == &writes[2] ? 2 : 1);
		CHECK((known->lookup != NULL) == (row == &writes[2]));
	}
	(void)unlink(path);
	servers_end(&s);
	ward_pins_table_done(&t);
}

/* Emptied, looked at and written within a tick of the clock it has the time of what was seen. */
TEST(a_file_that_has_just_changed_is_looked_at_again)
{
	struct servers s = servers_begin("-");
	char path[] = "/tmp/ward-resolv-XXXXXX";
	struct stat st;
	int fd = mkstemp(path);

	REQUIRE(fd >= 0);
	ward_close(fd);
	s.r.fixed = false;
	s.r.conf_file = path;
	s.r.conf.n = 0;
	conf_says(path, "127.0.0.8");
	CHECK_EQ_INT(ward_resolver_conf(&s.r)->n, 1);
	conf_says(path, "127.0.0.9");
	CHECK(stat(path, &st) == 0);
	s.r.conf_was.time = st.st_ctim; /* as if it were that tick */
	s.r.conf_again = 0;
	CHECK_EQ_INT(((const struct sockaddr_in *)&ward_resolver_conf(&s.r)->v[0])->sin_addr.s_addr,
		htonl(0x7f000009));
	(void)unlink(path);
	servers_end(&s);
}

TAP_MAIN();
