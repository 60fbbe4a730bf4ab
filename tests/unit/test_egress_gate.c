/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate with a stand-in for the relay, at the other end of its socket, and one for the name server: what it answers, what it asks, what
 * it tells, and that a relay that says what cannot be is ended.
 */
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "egress/answer.h"

#define TOLD_MAX 64
#define NOBODY 52777 /* as whom nothing is in flight */

static struct {
	struct ward_egress *e;
	int relay, dns, server;
	uint16_t port; /* of server */
	const char *address_allowed; /* by its own rule */
	const char *address_forbidden; /* behind a name */
	bool wildcard; /* "*.ward.internal" is */
	enum ward_effect held; /* of "held.example", if it may be held */
	bool no_rule; /* what is refused is by none */
	bool wide; /* addresses are allowed by a rule that holds them all */
	struct {
		enum ward_egress_kind kind;
		char why[32], name[64], address[64], ended[16];
		uint64_t count, up;
		bool uncounted, dialled;
	} told[TOLD_MAX];
	size_t n_told;
	unsigned slow_ms, n_slow; /* an address behind a name is judged so slowly; how many were */
	struct ward_relay_msg last; /* what connects() heard */
	const char *only,
		*is; /* the one program that may connect, and who does; NULL: any, and not known */
	unsigned n_who, n_waited; /* whose a connection is was asked, and waited for 2 ms */
	uint16_t meant; /* of a connection that was redirected; 0: nobody knows */
	bool no_record; /* nothing that is told can be recorded */
} t;

static int on_ask(void *arg, const struct ward_egress_ask *q, enum ward_effect *ret, char *rule,
	size_t size)
{
	(void)arg;
	if (t.only && q->port && !ward_streq(q->program, t.only))
		return WARD_OK;
	(void)snprintf(rule, size, "%s", t.no_rule ? "" : "a rule");
	if (q->name && q->address) {
		if (t.slow_ms > 0)
			(void)poll(NULL, 0, (int)t.slow_ms);
		t.n_slow++;
		if (!t.address_forbidden || strcmp(q->address, t.address_forbidden) != 0)
			*ret = WARD_ALLOW;
		return WARD_OK;
	}
	if (q->name && strcmp(q->name, "good.example") == 0 && (q->port == 0 || q->port == t.port))
		*ret = WARD_ALLOW;
	if (q->name && strcmp(q->name, "held.example") == 0)
		*ret = t.held;
	if (q->name && strstr(q->name, ".arpa"))
		*ret = WARD_ALLOW;
	if (!q->name && t.address_allowed && strcmp(q->address, t.address_allowed) == 0)
		*ret = WARD_ALLOW;
	if (q->address && t.wide && !q->meant)
		*ret = WARD_ALLOW;
	if (q->name && strcmp(q->name, "host.ward.internal") == 0 && !(t.wildcard && q->meant))
		*ret = WARD_ALLOW;
	/* Whatever else fails is no yes. */
	return q->name && strcmp(q->name, "broken.example") == 0 ? (*ret = WARD_ALLOW, WARD_E_NOMEM)
								 : WARD_OK;
}

static int on_event(void *arg, const struct ward_egress_event *e)
{
	(void)arg;
	if (t.no_record)
		return WARD_E_SYSTEM;
	if (t.n_told == TOLD_MAX)
		return WARD_OK;
	t.told[t.n_told].kind = e->kind;
	t.told[t.n_told].count = e->count;
	t.told[t.n_told].up = e->up;
	t.told[t.n_told].uncounted = e->uncounted;
	t.told[t.n_told].dialled = e->dialled;
	(void)snprintf(t.told[t.n_told].ended, 16, "%s", e->ended ? e->ended : "");
	(void)snprintf(t.told[t.n_told].why, 32, "%s", e->why ? e->why : "");
	(void)snprintf(t.told[t.n_told].name, 64, "%s", e->name ? e->name : "");
	(void)snprintf(t.told[t.n_told].address, 64, "%s", e->address ? e->address : "");
	t.n_told++;
	return WARD_OK;
}

static bool on_who(void *arg, const char *address, uint16_t port, bool wait, int *ret_pid,
	char comm[16], char program[WARD_PROGRAM_TEXT_MAX])
{
	(void)arg, (void)address, (void)port, (void)ret_pid, (void)comm;
	t.n_who++;
	t.n_waited += wait;
	if (wait)
		(void)poll(NULL, 0, 2);
	if (t.is)
		(void)snprintf(program, WARD_PROGRAM_TEXT_MAX, "%s", t.is);
	return t.is;
}

static bool on_meant(void *arg, const char *address, uint16_t port, bool wait, uint16_t *io_port)
{
	(void)arg;
	if (strcmp(address, "198.18.0.2") != 0 || port != 4000)
		return false;
	t.n_who++;
	t.n_waited += wait;
	if (wait)
		(void)poll(NULL, 0, 10);
	if (t.meant)
		*io_port = t.meant;
	return t.meant != 0;
}

static int bound(int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		abort();
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	return getsockname(fd, (struct sockaddr *)&a, &n) < 0 ? 0 : ntohs(a.sin_port);
}

static void begin(void)
{
	static const struct ward_egress_ops ops = { on_ask, on_event, NULL, NULL, NULL };
	struct ward_error err = WARD_ERROR_INIT;
	char resolver[64];
	int pair[2];

	memset(&t, 0, sizeof(t));
	t.dns = bound(SOCK_DGRAM);
	t.server = bound(SOCK_STREAM);
	if (listen(t.server, 8) < 0 || ward_socketpair(SOCK_SEQPACKET, pair) < 0)
		abort();
	t.port = port_of(t.server);
	t.relay = pair[1];
	(void)snprintf(resolver, sizeof(resolver), "127.0.0.1:%u", port_of(t.dns));
	struct ward_egress_options o = { .ops = &ops, .resolver = resolver };
	if (ward_gate_new(&o, pair[0], &t.e, &err) < 0)
		abort();
}

static void turn(void)
{
	struct pollfd p = { ward_egress_fd(t.e), POLLIN, 0 };

	(void)poll(&p, 1, 50);
	(void)ward_egress_next(t.e, NULL);
}

static void say(const struct ward_relay_msg *m)
{
	(void)ward_send_fds(t.relay, m, sizeof(*m), NULL, 0);
	turn();
}

static void ready(void)
{
	say(&(struct ward_relay_msg){ .type = WARD_RELAY_READY, .value = WARD_RELAY_VERSION });
}

/* The next message of the gate; 0: none, -1: the relay is given up. A descriptor that comes with it is closed, and counted. */
static int hear(struct ward_relay_msg *m, size_t *ret_fds)
{
	int fd[2] = { -1, -1 };
	size_t n_fds = 2;
	ssize_t n = ward_recv_fds(t.relay, m, sizeof(*m), fd, &n_fds, MSG_DONTWAIT);

	ward_close(fd[0]);
	ward_close(fd[1]);
	if (ret_fds)
		*ret_fds = n == (ssize_t)sizeof(*m) ? n_fds : 0;
	return n == (ssize_t)sizeof(*m) ? 1 : n == -EAGAIN ? 0 : -1;
}

static void end(void)
{
	ward_close(t.relay);
	ward_egress_stop(t.e);
	ward_close(t.dns);
	ward_close(t.server);
}

static struct ward_relay_msg named(const char *name)
{
	struct ward_relay_msg m = { .type = WARD_RELAY_NAME, .id = 7, .value = 1 };

	(void)snprintf(m.name, sizeof(m.name), "%s", name);
	return m;
}

static bool told(enum ward_egress_kind kind, const char *why)
{
	for (size_t i = 0; i < t.n_told; i++)
		if (t.told[i].kind == kind && strcmp(t.told[i].why, why) == 0)
			return true;
	return false;
}

/* The name of the first one of that kind. */
static const char *told_of(enum ward_egress_kind kind)
{
	for (size_t i = 0; i < t.n_told; i++)
		if (t.told[i].kind == kind)
			return t.told[i].name;
	return "";
}

/* Answers what the gate asked: A with this address, everything else with nothing. How many questions there were. */
static int serve(const char *address)
{
	uint8_t q[512];
	struct sockaddr_in from;
	socklen_t n_from = sizeof(from);
	ssize_t n;
	int served = 0;

	for (int i = 0; i < 20 && served < 2; i++) {
		struct pollfd p = { t.dns, POLLIN, 0 };
		size_t end_q;

		(void)poll(&p, 1, 20);
		n = recvfrom(t.dns, q, 256, 0, (struct sockaddr *)&from, &n_from);
		if (n < 20)
			continue;
		served++;
		end_q = 12 + strlen((char *)q + 12) + 1 + 4;
		q[2] = 0x81;
		q[3] = 0x80;
		q[7] = q[end_q - 3] == 1;
		q[11] = 0;
		n = (ssize_t)end_q;
		if (q[7]) {
			const uint8_t rr[12] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };

			memcpy(q + n, rr, sizeof(rr));
			(void)inet_pton(AF_INET, address, q + n + 12);
			n += 16;
		}
		(void)sendto(t.dns, q, (size_t)n, 0, (struct sockaddr *)&from, n_from);
	}
	return served;
}

TEST(names)
{
	struct ward_relay_msg m, ask = named("good.example");
	uint8_t v4[4];

	begin();
	ready();
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(m.type == WARD_GATE_ANSWER && m.id == 7 && m.value == 0);
	CHECK_EQ_INT(m.v4[0], 198);
	memcpy(v4, m.v4, 4);
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(memcmp(v4, m.v4, 4) == 0);
	CHECK_EQ_INT(serve("127.0.0.1"), 2);
	/* Refused, and refused because the judge failed: NXDOMAIN, and nobody outside is asked. */
	ask = named("evil.example");
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK_EQ_INT(m.value, 3);
	ask = named("broken.example");
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK_EQ_INT(m.value, 3);
	CHECK_EQ_INT(serve("127.0.0.1"), 0);
	CHECK(told(WARD_EGRESS_DNS_BLOCK, "no_rule"));
	/* Of a permit of everything, too. */
	ask = named("1.0.0.10.in-addr.arpa");
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK_EQ_INT(m.value, 3);
	CHECK_EQ_INT(serve("127.0.0.1"), 0);
	CHECK(told(WARD_EGRESS_DNS_BLOCK, "no_host"));
	end();
}

static struct ward_relay_msg opened(uint32_t id, const uint8_t v4[4])
{
	struct ward_relay_msg m = { .type = WARD_RELAY_OPEN,
		.id = id,
		.to = { .family = 4, .port = t.port },
		.from = { .family = 4, .port = 4000, .a = { 198, 18, 0, 2 } } };

	memcpy(m.to.a, v4, 4);
	return m;
}

/* From a name to a connection, as far as the name server lets it. */
static uint32_t connects(const char *address, size_t *ret_fds)
{
	struct ward_relay_msg m, ask = named("good.example");

	*ret_fds = 0;
	say(&ask);
	if (hear(&m, NULL) != 1)
		return 0;
	m = opened(1, m.v4);
	say(&m);
	(void)serve(address);
	for (int i = 0; i < 20; i++) {
		int r;

		turn();
		r = hear(&m, ret_fds);
		t.last = m;
		if (r)
			return r < 0 ? 0 : m.type;
	}
	return 0;
}

/* Asked for by name: judged as a name that DNS is asked for, before anything is kept of it; and its client is told why. */
TEST(a_name_of_the_proxy)
{
	static const uint8_t none[4];
	struct ward_relay_msg m, open = opened(7, none);
	int r = 0;

	begin();
	ready();
	open.to.port = t.port;
	open.value = WARD_HOW_CONNECT;
	memcpy(open.name, "evil.example", 13);
	say(&open);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(m.type == WARD_GATE_REFUSED && m.id == 7 && m.value == WARD_REFUSAL_RULE);
	CHECK_STR_EQ(m.name, "no_rule: no rule grants it");
	CHECK(told(WARD_EGRESS_BLOCK, "no_rule"));
	CHECK_STR_EQ(t.told[0].name, "evil.example");
	CHECK(ward_pinned_find(&t.e->pins, "evil.example") == NULL);
	/* Its port is judged, too. */
	open = opened(8, none);
	open.value = WARD_HOW_SOCKS;
	open.to.port = (uint16_t)(t.port + 1);
	memcpy(open.name, "good.example", 13);
	say(&open);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(m.type == WARD_GATE_REFUSED && m.id == 8);
	/* What cannot be read is on record, and refused. */
	open = opened(9, none);
	open.value = WARD_HOW_SOCKS | WARD_OPEN_BAD;
	say(&open);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(m.type == WARD_GATE_REFUSED && m.id == 9);
	CHECK(told(WARD_EGRESS_BLOCK, "broken"));
	/* Reverse names are nobody's, whatever is granted. */
	open = opened(11, none);
	open.value = WARD_HOW_CONNECT;
	open.to.port = t.port;
	memcpy(open.name, "0.8.e.f.ip6.arpa", 17);
	say(&open);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(m.type == WARD_GATE_REFUSED && m.id == 11);
	CHECK(ward_pinned_find(&t.e->pins, open.name) == NULL);
	CHECK_EQ_INT(serve("127.0.0.1"), 0);
	CHECK(told(WARD_EGRESS_BLOCK, "no_host"));
	/* And where it is allowed, it is on record, its real address is looked up, and judged. */
	CHECK_STR_EQ(told_of(WARD_EGRESS_DNS_QUERY), "good.example");
	t.address_allowed = "127.0.0.1";
	open = opened(10, none);
	open.to.port = t.port;
	open.value = WARD_HOW_CONNECT;
	memcpy(open.name, "good.example", 13);
	say(&open);
	(void)serve("127.0.0.1");
	for (int i = 0; i < 20 && r == 0; i++) {
		turn();
		r = hear(&m, NULL);
	}
	CHECK(r == 1 && m.type == WARD_GATE_DIALED && m.id == 10);
	end();
}

/* The answer of the proxy names a capability where it would help, of what was asked. */
TEST(a_grant_is_told_where_it_would_help)
{
	static const struct {
		const char *name, *address;
		uint32_t told;
	} rows[] = {
		{ "good.example", "0.0.0.0", WARD_REFUSAL_GRANT }, /* at another port */
		{ "", "203.0.114.1", WARD_REFUSAL_GRANT }, { "", "10.1.2.3", WARD_REFUSAL_GRANT },
		{ "", "169.254.169.254", WARD_REFUSAL_RULE },
		{ "", "64:ff9b::808:808", WARD_REFUSAL_GRANT },
		{ "", "64:ff9b::a9fe:a9fe", WARD_REFUSAL_RULE },
		{ "", "64:ff9b::a01:203", WARD_REFUSAL_RULE }, /* it needs two */
		{ "", "pinned", WARD_REFUSAL_RULE }, /* a name's, that was not asked for */
	};
	static const uint8_t none[4];
	struct ward_relay_msg m, ask = named("good.example"), open;
	uint8_t v4[4];

	begin();
	t.no_rule = true;
	ready();
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	memcpy(v4, m.v4, 4);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		open = opened((uint32_t)i + 1, none);
		open.value = WARD_HOW_SOCKS;
		open.to.port = (uint16_t)(t.port + 1);
		(void)snprintf(open.name, sizeof(open.name), "%s", rows[i].name);
		if (strcmp(rows[i].address, "pinned") == 0)
			memcpy(open.to.a, v4, 4);
		else
			CHECK(ward_address_parse(rows[i].address, strlen(rows[i].address),
				&open.to));
		say(&open);
		REQUIRE(hear(&m, NULL) == 1);
		CHECK_EQ_INT(m.type, WARD_GATE_REFUSED);
		CHECK_EQ_INT(m.value, rows[i].told);
	}
	end();
}

TEST(dials_what_was_looked_at)
{
	struct ward_relay_msg m;
	size_t n_fds;

	begin();
	ready();
	CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_REFUSED);
	CHECK_EQ_INT(n_fds, 0);
	CHECK(told(WARD_EGRESS_BLOCK, "address_class"));
	end();

	begin();
	ready();
	CHECK_EQ_INT(connects("169.254.169.254", &n_fds), WARD_GATE_REFUSED);
	CHECK(told(WARD_EGRESS_BLOCK, "address_never"));
	end();

	/* A forbid holds for what a name leads to, public or not; a rule that holds all addresses means none. */
	begin();
	t.address_forbidden = "8.8.8.8";
	ready();
	CHECK_EQ_INT(connects("8.8.8.8", &n_fds), WARD_GATE_REFUSED);
	CHECK(told(WARD_EGRESS_BLOCK, "address_forbidden"));
	end();

	begin();
	t.address_allowed = t.address_forbidden = "127.0.0.1";
	ready();
	CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_REFUSED);
	CHECK(told(WARD_EGRESS_BLOCK, "address_forbidden"));
	end();

	begin();
	t.wide = true;
	ready();
	CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_REFUSED);
	CHECK(told(WARD_EGRESS_BLOCK, "address_class"));
	end();

	begin();
	t.address_allowed = "127.0.0.1";
	ready();
	CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
	CHECK_EQ_INT(n_fds, 1);
	/* Whatever comes then, it is told that it was made. */
	REQUIRE(told(WARD_EGRESS_OPEN, ""));
	CHECK_STR_EQ(t.told[t.n_told - 1].address, "127.0.0.1");
	m = (struct ward_relay_msg){
		.type = WARD_RELAY_SEEN, .id = 1, .value = WARD_SPOKEN_HTTP, .name = "good.example"
	};
	say(&m);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK_EQ_INT(m.type, WARD_GATE_PASS);
	m = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED, .id = 1, .up = 5, .down = 6 };
	say(&m);
	CHECK(told(WARD_EGRESS_CONNECT, ""));
	CHECK_EQ_INT(t.told[t.n_told - 1].up, 5);
	CHECK(t.told[t.n_told - 1].dialled);
	CHECK_STR_EQ(t.told[t.n_told - 1].address, "127.0.0.1");
	end();
}

/* However many wait for one name: the run's time limits do not wait for all of them. */
TEST(many_that_wait_for_one_name_take_several_turns)
{
	struct ward_relay_msg m, ask = named("good.example");
	int refused = 0;
	uint8_t v4[4];

	begin();
	t.address_forbidden = "8.8.8.8";
	t.slow_ms = 5;
	ready();
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	memcpy(v4, m.v4, 4);
	for (uint32_t id = 1; id <= 40; id++) {
		m = opened(id, v4);
		say(&m);
	}
	CHECK_EQ_INT(serve("8.8.8.8"), 2);
	for (int i = 0; i < 20 && t.n_slow == 0; i++)
		turn();
	/* 20 ms, of which each takes five. */
	CHECK(t.n_slow >= 1 && t.n_slow <= 5);
	CHECK_EQ_INT(ward_egress_timeout(t.e), 0);
	for (int i = 0; i < 40 && t.n_slow < 40; i++)
		(void)ward_egress_next(t.e, NULL);
	CHECK_EQ_INT(t.n_slow, 40);
	(void)ward_egress_next(t.e, NULL);
	CHECK(ward_egress_timeout(t.e) != 0);
	while (hear(&m, NULL) == 1)
		refused += m.type == WARD_GATE_REFUSED;
	CHECK_EQ_INT(refused, 40);
	end();
}

/* A connection that was made and then refused has its end, and what went either way, with the relay's word and without. */
TEST(what_a_refused_connection_moved_is_told)
{
	for (int lost = 0; lost < 2; lost++) {
		struct ward_relay_msg m = { .type = WARD_RELAY_SEEN,
			.id = 1,
			.value = WARD_SPOKEN_HTTP,
			.name = "evil.example" };
		size_t n_fds;

		CASE("%s", lost ? "the relay is lost" : "closed");
		begin();
		t.address_allowed = "127.0.0.1";
		ready();
		CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
		say(&m);
		CHECK(told(WARD_EGRESS_BLOCK, "name_mismatch"));
		CHECK(!told(WARD_EGRESS_CONNECT, ""));
		m = (struct ward_relay_msg){ .type = lost ? 99 : WARD_RELAY_CLOSED,
			.id = 1,
			.value = WARD_END_REFUSED,
			.up = 5 };
		t.n_told = 0;
		say(&m);
		REQUIRE(told(WARD_EGRESS_CONNECT, ""));
		CHECK_STR_EQ(t.told[0].ended, "refused");
		CHECK_STR_EQ(t.told[0].address, "127.0.0.1");
		CHECK(t.told[0].dialled && t.told[0].uncounted == lost);
		CHECK_EQ_INT(t.told[0].up, lost ? 0 : 5);
		end();
	}
}

/* Which message comes next, if one does. */
static uint32_t next_of(uint32_t *ret_id)
{
	struct ward_relay_msg m = { 0 };
	int r = hear(&m, NULL);

	*ret_id = m.id;
	return r > 0 ? m.type : 0;
}

/* What a person is asked about waits, and is not looked up; not all at a time; with his answer it goes on, or ends. */
TEST(what_a_person_is_asked_about_waits)
{
	struct ward_relay_msg m, ask = named("held.example");
	uint8_t v4[4];
	uint32_t id;

	begin();
	t.held = WARD_ASK;
	ready();
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK_EQ_INT(m.value, 0);
	memcpy(v4, m.v4, 4);
	for (uint32_t i = 1; i <= WARD_EGRESS_HELD_MAX; i++) {
		m = opened(i, v4);
		say(&m);
	}
	CHECK_EQ_INT(hear(&m, NULL), 0);
	CHECK_EQ_INT(serve("127.0.0.1"), 0);
	m = opened(500, v4);
	say(&m);
	CHECK_EQ_INT(next_of(&id), WARD_GATE_REFUSED);
	CHECK_EQ_INT(id, 500);
	CHECK(told(WARD_EGRESS_BLOCK, "too_many"));
	/* One that its client gave up makes room. */
	m = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED, .id = 1, .value = WARD_END_CLIENT };
	say(&m);
	m = opened(501, v4);
	say(&m);
	CHECK_EQ_INT(hear(&m, NULL), 0);
	/* Not answered yet: nothing changes. */
	ward_egress_answered(t.e);
	CHECK_EQ_INT(hear(&m, NULL), 0);
	t.held = WARD_DENY;
	ward_egress_answered(t.e);
	for (uint32_t i = 0; i < WARD_EGRESS_HELD_MAX; i++)
		CHECK_EQ_INT(next_of(&id), WARD_GATE_REFUSED);
	CHECK_EQ_INT(hear(&m, NULL), 0);
	CHECK_EQ_INT(serve("127.0.0.1"), 0);
	/* All of them are gone, so there is room again; and a yes looks it up. */
	t.held = WARD_ASK;
	m = opened(600, v4);
	say(&m);
	CHECK_EQ_INT(hear(&m, NULL), 0);
	t.held = WARD_ALLOW;
	ward_egress_answered(t.e);
	CHECK(serve("127.0.0.1") > 0);
	end();
}

static uint32_t connects_to_host(void)
{
	struct ward_relay_msg m, ask = named("host.ward.internal");

	say(&ask);
	if (hear(&m, NULL) != 1)
		return 0;
	m = opened(1, m.v4);
	say(&m);
	for (int i = 0; i < 20; i++) {
		int r = hear(&m, NULL);

		if (r)
			return r < 0 ? 0 : m.type;
		turn();
	}
	return 0;
}

TEST(the_host_s_loopback_by_its_own_name_and_by_no_wildcard)
{
	begin();
	ready();
	CHECK_EQ_INT(connects_to_host(), WARD_GATE_DIALED);
	CHECK_EQ_INT(serve("127.0.0.1"), 0);
	end();
	begin();
	t.wildcard = true;
	ready();
	CHECK_EQ_INT(connects_to_host(), WARD_GATE_REFUSED);
	CHECK(told(WARD_EGRESS_BLOCK, "address_class"));
	end();
	begin();
	t.wildcard = true;
	t.address_allowed = "127.0.0.1";
	ready();
	CHECK_EQ_INT(connects_to_host(), WARD_GATE_DIALED);
	end();
	/* By name, and forbidden by address: ::1 alone is left, where nobody listens. */
	begin();
	t.address_forbidden = "127.0.0.1";
	ready();
	CHECK_EQ_INT(connects_to_host(), WARD_GATE_REFUSED);
	end();
}

TEST(first_bytes)
{
	static const struct {
		enum ward_relay_spoken value;
		const char *name;
		enum ward_relay_type answer;
	} rows[] = {
		{ WARD_SPOKEN_UNKNOWN, "", WARD_GATE_PASS },
		{ WARD_SPOKEN_SSH, "", WARD_GATE_PASS },
		{ WARD_SPOKEN_POSTGRES, "", WARD_GATE_PASS },
		{ WARD_SPOKEN_TLS, "", WARD_GATE_PASS },
		{ WARD_SPOKEN_TLS, "good.example", WARD_GATE_PASS },
		{ WARD_SPOKEN_TLS, "evil.example", WARD_GATE_REFUSED },
		{ WARD_SPOKEN_TLS_ECH, "good.example", WARD_GATE_PASS },
		{ WARD_SPOKEN_TLS_ECH, "", WARD_GATE_REFUSED },
		{ WARD_SPOKEN_TLS_ECH, "evil.example", WARD_GATE_REFUSED },
		{ WARD_SPOKEN_HTTP, "sub.good.example", WARD_GATE_REFUSED },
		{ WARD_SPOKEN_HTTP, "127.0.0.1", WARD_GATE_REFUSED },
		{ WARD_SPOKEN_HTTP2, "evil.example", WARD_GATE_REFUSED },
		{ WARD_SPOKEN_BROKEN, "", WARD_GATE_REFUSED },
	};

	TABLE(row, rows) {
		struct ward_relay_msg m = { .type = WARD_RELAY_SEEN, .id = 1, .value = row->value };
		size_t n_fds;

		CASE("%u %s", row->value, row->name);
		begin();
		t.address_allowed = "127.0.0.1";
		ready();
		CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
		(void)snprintf(m.name, sizeof(m.name), "%s", row->name);
		say(&m);
		CHECK_EQ_INT(hear(&m, NULL), 1);
		CHECK_EQ_INT(m.type, row->answer);
		end();
	}
}

/* The relay passed it already: only what passes whatever the policies say it may, and once there is a server. */
TEST(first_bytes_that_went_on)
{
	static const struct {
		enum ward_relay_spoken value;
		const char *name;
		bool may;
	} rows[] = {
		{ WARD_SPOKEN_UNKNOWN, "", true },
		{ WARD_SPOKEN_TLS, "good.example", true },
		{ WARD_SPOKEN_TLS, "evil.example", false },
		{ WARD_SPOKEN_TLS_ECH, "", false },
		{ WARD_SPOKEN_HTTP, "127.0.0.1", false },
		{ WARD_SPOKEN_BROKEN, "", false },
	};

	TABLE(row, rows) {
		struct ward_relay_msg m = {
			.type = WARD_RELAY_SEEN, .id = 1, .value = row->value | WARD_SEEN_PASSED
		};
		size_t n_fds;

		CASE("%u %s", row->value, row->name);
		begin();
		t.address_allowed = "127.0.0.1";
		ready();
		CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
		(void)snprintf(m.name, sizeof(m.name), "%s", row->name);
		say(&m);
		CHECK_EQ_INT(hear(&m, NULL), row->may ? 0 : -1);
		end();
	}
}

/* What was connected to is told with the socket, and that no word is needed for it. */
TEST(dialled_with_its_name)
{
	size_t n_fds;

	begin();
	t.address_allowed = "127.0.0.1";
	ready();
	CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
	CHECK_EQ_INT(t.last.value, 1);
	CHECK_STR_EQ(t.last.name, "good.example");
	end();
}

TEST(went_on_before_it_was_dialled)
{
	struct ward_relay_msg m = { .type = WARD_RELAY_SEEN, .id = 1, .value = WARD_SEEN_PASSED };

	struct ward_relay_msg ask = named("good.example"), open;

	begin();
	ready();
	say(&ask);
	REQUIRE(hear(&open, NULL) == 1);
	open = opened(1, open.v4);
	say(&open);
	say(&m);
	CHECK_EQ_INT(hear(&m, NULL), -1);
	end();
}

TEST(addresses_without_a_name)
{
	static const struct {
		uint8_t a[4];
		const char *why;
	} rows[] = { { { 198, 18, 1, 0 }, "no_name" }, { { 198, 18, 0, 1 }, "no_name" },
		{ { 198, 19, 255, 255 }, "no_name" }, { { 93, 184, 216, 34 }, "no_rule" },
		{ { 169, 254, 169, 254 }, "address_never" }, { { 127, 0, 0, 1 }, "no_name" } };

	TABLE(row, rows) {
		struct ward_relay_msg m;

		CASE("%s", row->why);
		begin();
		/* Whatever a rule says of the last two. */
		t.address_allowed = row->a[0] == 127 ? "127.0.0.1" : "169.254.169.254";
		ready();
		m = opened(3, row->a);
		say(&m);
		CHECK_EQ_INT(hear(&m, NULL), 1);
		CHECK(m.type == WARD_GATE_REFUSED && m.id == 3);
		CHECK(told(WARD_EGRESS_BLOCK, row->why));
		end();
	}
}

TEST(addresses_under_a_rule_that_holds_them_all)
{
	static const struct {
		uint8_t a[16];
		const char *why;
	} rows[] = { { { 10, 255, 255, 1 }, "no_rule" }, { { 192, 168, 255, 1 }, "no_rule" },
		/* NAT64 of 10.1.2.3, of 169.254.169.254, of 8.8.8.8 which is forbidden */
		{ { 0, 0x64, 0xff, 0x9b, [12] = 10, 1, 2, 3 }, "no_rule" },
		{ { 0, 0x64, 0xff, 0x9b, [12] = 169, 254, 169, 254 }, "address_never" },
		{ { 0, 0x64, 0xff, 0x9b, [12] = 8, 8, 8, 8 }, "address_forbidden" } };

	TABLE(row, rows) {
		struct ward_relay_msg m;

		CASE("%u.%u", row->a[0], row->a[12]);
		begin();
		t.wide = true;
		t.address_forbidden = "8.8.8.8";
		ready();
		m = opened(3, row->a);
		m.to.family = row->a[0] ? 4 : 6;
		memcpy(m.to.a, row->a, row->a[0] ? 4 : 16);
		say(&m);
		CHECK_EQ_INT(hear(&m, NULL), 1);
		CHECK(m.type == WARD_GATE_REFUSED && m.id == 3);
		CHECK(told(WARD_EGRESS_BLOCK, row->why));
		end();
	}
}

TEST(a_relay_that_says_what_cannot_be_is_ended)
{
	static const struct ward_relay_msg rows[] = {
		{ .type = WARD_RELAY_READY, .value = WARD_RELAY_VERSION },
		{ .type = 0 },
		{ .type = WARD_GATE_PASS },
		{ .type = 99 },
		{ .type = WARD_RELAY_NAME, .name = "" },
		{ .type = WARD_RELAY_NAME, .name = "Good.example" },
		{ .type = WARD_RELAY_NAME, .name = "good.example." },
		{ .type = WARD_RELAY_NAME, .name = "1.2.3.4" },
		/* Answered again, though it never was. */
		{ .type = WARD_RELAY_NAME, .name = "good.example", .up = 3 },
		{ .type = WARD_RELAY_OPEN, .to = { 5, 0, 80, { 1 } }, .from = { 4, 0, 1, { 1 } } },
		{ .type = WARD_RELAY_OPEN, .to = { 4, 0, 80, { 1 } }, .from = { 0, 0, 1, { 1 } } },
#define FROM .from = { 4, 0, 1, { 1 } }
		{ .type = WARD_RELAY_OPEN,
			.to = { 4, 0, 80, { 1 } },
			FROM,
			.name = "good.example" },
		{ .type = WARD_RELAY_OPEN, .value = WARD_HOW_MAX, .to = { 4, 0, 80, { 1 } }, FROM },
		{ .type = WARD_RELAY_OPEN, .value = 0x200, .to = { 4, 0, 80, { 1 } }, FROM },
		{ .type = WARD_RELAY_OPEN,
			.value = WARD_HOW_SOCKS,
			.to = { 4, 0, 80, { 0 } },
			FROM,
			.name = "Good.example" },
		{ .type = WARD_RELAY_OPEN,
			.value = WARD_HOW_SOCKS,
			.to = { 4, 0, 80, { 0 } },
			FROM,
			.name = "1.2.3.4" },
		{ .type = WARD_RELAY_OPEN,
			.value = WARD_HOW_SOCKS,
			.to = { 4, 0, 0, { 0 } },
			FROM,
			.name = "good.example" },
		{ .type = WARD_RELAY_OPEN,
			.value = WARD_HOW_SOCKS | WARD_OPEN_BAD,
			.to = { 4, 0, 80, { 0 } },
			FROM,
			.name = "good.example" },
#undef FROM
		/* Of these the gate alone has the numbers. */
		{ .type = WARD_RELAY_OPEN,
			.id = WARD_GATE_FLOW | 1,
			.to = { 4, 0, 80, { 1 } },
			.from = { 4, 0, 1, { 1 } } },
		{ .type = WARD_GATE_CLIENT, .to = { 4, 0, 80, { 1 } }, .from = { 4, 0, 1, { 1 } } },
		{ .type = WARD_RELAY_SEEN, .id = 5, .value = WARD_SPOKEN_TLS },
		{ .type = WARD_RELAY_CLOSED, .id = 5 },
		{ .type = WARD_RELAY_LIMIT, .value = WARD_RELAY_LIMIT_MAX },
	};

	TABLE(row, rows) {
		struct ward_relay_msg m;

		CASE("row %zu", (size_t)(row - rows));
		begin();
		ready();
		say(row);
		CHECK_EQ_INT(hear(&m, NULL), -1);
		CHECK(told(WARD_EGRESS_LIMIT, "egress.relay"));
		end();
	}
	/* Before it is ready; a message of another size; a flow that is open already; first bytes of it twice; a name without an end. */
	for (int i = 0; i < 5; i++) {
		struct ward_relay_msg m = { .type = WARD_RELAY_OPEN, .id = 1 };

		CASE("case %d", i);
		begin();
		if (i > 0)
			ready();
		m = opened(1, (const uint8_t[]){ 93, 184, 216, 34 });
		if (i == 1) {
			(void)send(t.relay, &m, sizeof(m) - 1, 0);
			turn();
		} else if (i == 4) {
			m = named("x");
			memset(m.name, 'a', sizeof(m.name));
			say(&m);
		} else {
			say(&m);
			(void)hear(&m, NULL);
			m = opened(1, (const uint8_t[]){ 93, 184, 216, 34 });
			if (i == 3)
				m.type = WARD_RELAY_SEEN;
			if (i > 1)
				say(&m);
			if (i == 3)
				say(&m);
		}
		CHECK_EQ_INT(hear(&m, NULL), -1);
		CHECK(told(WARD_EGRESS_LIMIT, "egress.relay"));
		end();
	}
}

/* Each answer may be quick, and all of them together not: then nobody is waited for, and still asked. */
TEST(whose_they_are_takes_no_more_than_its_share)
{
	static const struct ward_egress_ops ops = { on_ask, on_event, on_who, NULL, NULL };

	begin();
	t.e->ops = &ops;
	ready();
	for (uint32_t i = 1; i <= 60; i++) {
		struct ward_relay_msg m = opened(i, (const uint8_t[]){ 93, 184, 216, 34 });

		t.e->no_who_until = 0; /* however slow this machine is */
		say(&m);
		(void)hear(&m, NULL);
	}
	CHECK_EQ_INT(t.n_who, 60);
	CHECK(t.n_waited > 0 && t.n_waited <= 20);
	end();
}

/* Where policies ask for it: before the connection is judged, for each question about it, and however slow the answers were before. */
TEST(who_connects_is_known_before_it_is_judged)
{
	static const struct ward_egress_ops ops = { on_ask, on_event, on_who, NULL, NULL };
	static const struct {
		const char *is;
		bool asks, goes;
	} rows[] = { { "/bin/a", true, true }, { "/bin/b", true, false }, { NULL, true, false },
		{ "/bin/a", false, false } };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		size_t n_fds;

		begin();
		t.e->ops = &ops;
		t.e->by_program = rows[i].asks;
		t.e->no_who_until = UINT64_MAX;
		t.only = "/bin/a";
		t.is = rows[i].is;
		t.address_allowed = "127.0.0.1";
		ready();
		CHECK_EQ_INT(connects("127.0.0.1", &n_fds),
			rows[i].goes ? WARD_GATE_DIALED : WARD_GATE_REFUSED);
		CHECK_EQ_INT(told(WARD_EGRESS_BLOCK, "no_rule"), !rows[i].goes);
		end();
	}
}

/* What came by the listener's own port is judged by the port that was dialled, and where that is not known it is refused. */
TEST(a_port_that_was_redirected)
{
	static const struct ward_egress_ops ops = { on_ask, on_event, NULL, on_meant, NULL };
	const struct {
		uint16_t meant, at;
		const char *why; /* NULL: dialled */
	} rows[] = {
		{ 0, 1023, "no_port" },
		{ 9, 1023, "no_rule" },
		{ 1, 0, "no_name" }, /* of another port nobody is asked */
		{ 0, 1024, "no_rule" },
		{ 1, 1023, NULL },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		struct ward_relay_msg m, ask = named("good.example");

		CASE("%zu", i);
		begin();
		t.e->ops = &ops;
		ready();
		say(&ask);
		REQUIRE(hear(&m, NULL) == 1);
		CHECK_EQ_INT(serve("93.184.216.34"), 2);
		t.meant = rows[i].meant == 1 ? t.port : rows[i].meant;
		m = opened(1, m.v4);
		m.to.port = rows[i].at;
		say(&m);
		CHECK_EQ_INT(t.n_who, rows[i].at == 1023);
		if (rows[i].why) {
			REQUIRE(hear(&m, NULL) == 1);
			CHECK(m.type == WARD_GATE_REFUSED && told(WARD_EGRESS_BLOCK, rows[i].why));
		} else {
			CHECK(!told_of(WARD_EGRESS_BLOCK)[0]);
		}
		end();
	}
}

/* Nor is the port waited for without an end. */
TEST(a_port_takes_no_more_than_its_share)
{
	static const struct ward_egress_ops ops = { on_ask, on_event, NULL, on_meant, NULL };

	begin();
	t.e->ops = &ops;
	ready();
	for (uint32_t i = 1; i <= 60; i++) {
		struct ward_relay_msg m = opened(i, (const uint8_t[]){ 93, 184, 216, 34 });

		m.to.port = 1023;
		say(&m);
		(void)hear(&m, NULL);
	}
	CHECK_EQ_INT(t.n_who, 60);
	CHECK(t.n_waited > 0 && t.n_waited <= 25);
	end();
}

/* Any client can mean port 0: that costs it its connection, and nobody else theirs. */
TEST(port_0_is_refused_and_no_more)
{
	struct ward_relay_msg m;

	begin();
	ready();
	m = opened(4, (const uint8_t[]){ 93, 184, 216, 34 });
	m.to.port = 0;
	say(&m);
	CHECK_EQ_INT(hear(&m, NULL), 1);
	CHECK(m.type == WARD_GATE_REFUSED && m.id == 4);
	CHECK(told(WARD_EGRESS_BLOCK, "no_name"));
	CHECK(!told(WARD_EGRESS_LIMIT, "egress.relay"));
	end();
}

/* What the relay turned away is told with its number; what it can no longer tell is told as unknown, and not as nothing. */
TEST(numbers_that_are_known_and_that_are_not)
{
	struct ward_relay_msg m = {
		.type = WARD_RELAY_LIMIT, .value = WARD_RELAY_LIMIT_FLOWS, .up = 1000
	};

	begin();
	ready();
	say(&m);
	CHECK_EQ_INT((long long)t.told[t.n_told - 1].count, 1000);
	m = opened(1, (const uint8_t[]){ 93, 184, 216, 34 });
	say(&m);
	m.type = 99;
	say(&m);
	for (size_t i = 0; i < t.n_told; i++)
		if (t.told[i].kind == WARD_EGRESS_CONNECT)
			CHECK(t.told[i].uncounted);
	end();
}

TEST(what_is_alike_is_counted)
{
	uint64_t sum = 0;

	begin();
	ready();
	for (int i = 0; i < 100; i++) {
		struct ward_relay_msg m = named("evil.example");

		say(&m);
		(void)hear(&m, NULL);
	}
	CHECK_EQ_INT(t.n_told, 7); /* at 1 2 4 8 16 32 64 */
	ward_close(t.relay);
	t.relay = -1;
	ward_egress_stop(t.e);
	t.e = NULL;
	for (size_t i = 0; i < t.n_told; i++)
		sum += t.told[i].kind == WARD_EGRESS_DNS_BLOCK ? t.told[i].count : 0;
	CHECK_EQ_INT(sum, 100);
	CHECK_EQ_INT(t.n_told, 8);
	end();
}

TEST(what_the_relay_answered_again_is_counted)
{
	struct ward_relay_msg m = named("good.example"), again = m, none;
	uint64_t sum = 0;

	begin();
	ready();
	say(&m);
	REQUIRE(hear(&m, NULL) == 1);
	again.id = 0;
	again.up = 41;
	say(&again);
	CHECK_EQ_INT(hear(&none, NULL), 0); /* it is no question */
	ward_close(t.relay);
	t.relay = -1;
	ward_egress_stop(t.e);
	t.e = NULL;
	for (size_t i = 0; i < t.n_told; i++)
		sum += t.told[i].kind == WARD_EGRESS_DNS_QUERY ? t.told[i].count : 0;
	CHECK_EQ_INT(sum, 42);
	end();
}

/* What the sandbox can do without end takes no room from what else is told, and its numbers are not lost. */
TEST(no_kind_crowds_out_another)
{
	struct ward_egress_event block = { .kind = WARD_EGRESS_DNS_BLOCK, .count = 1 };
	struct ward_egress_event c = {
		.kind = WARD_EGRESS_CONNECT, .port = 443, .up = 3, .inspected = "tls", .count = 1
	};
	char text[32], comm[16];
	uint64_t up = 0;

	begin();
	ward_tell_why(&block, WARD_EGRESS_WHY_NO_RULE, NULL);
	for (unsigned i = 0; i < 2 * WARD_EGRESS_ALIKE_MAX + 5; i++) {
		(void)snprintf(text, sizeof(text), "n%u.example", i);
		block.name = text;
		ward_tell(t.e, &block);
	}
	t.n_told = 0;
	/* Whoever calls himself otherwise each time is told without his name. */
	for (unsigned i = 0; i < WARD_EGRESS_ALIKE_MAX + 5; i++) {
		(void)snprintf(comm, sizeof(comm), "c%u", i);
		c.name = "good.example";
		c.comm = comm;
		ward_tell(t.e, &c);
		if (i == 0 || i == WARD_EGRESS_ALIKE_MAX)
			CHECK_EQ_INT(t.n_told, 1);
		t.n_told = 0;
	}
	c.comm = NULL;
	for (unsigned i = 0; i < 2 * WARD_EGRESS_ALIKE_MAX; i++) {
		(void)snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
		c.name = NULL;
		c.address = text;
		ward_tell(t.e, &c);
	}
	t.n_told = 0;
	c.kind = WARD_EGRESS_BLOCK;
	c.why = "no_rule";
	ward_tell(t.e, &c);
	CHECK_EQ_INT(t.n_told, 1);
	t.n_told = 0;
	ward_tell_end(t.e);
	for (size_t i = 0; i < t.n_told; i++)
		if (strcmp(t.told[i].why, "egress.alike") == 0)
			up += t.told[i].up;
	CHECK(told(WARD_EGRESS_LIMIT, "egress.alike"));
	CHECK_EQ_INT(up, 3 * (WARD_EGRESS_ALIKE_MAX + 1));
	end();
}

/* What the sandbox chooses is not found together: who it is, and, by what it asks, the rule. */
TEST(what_is_told_is_spread)
{
	struct ward_egress_event v = { .kind = WARD_EGRESS_BLOCK, .why = "no_rule", .count = 1 };
	char text[32];

	for (int by_rule = 0; by_rule < 2; by_rule++) {
		size_t n_used = 0;

		CASE("by %s", by_rule ? "rule" : "comm");
		begin();
		v.comm = by_rule ? "c" : text;
		v.rule = by_rule ? text : NULL;
		for (unsigned i = 0; i < WARD_EGRESS_ALIKE_MAX; i++) {
			(void)snprintf(text, sizeof(text), "c%u", i);
			ward_tell(t.e, &v);
		}
		for (size_t i = 0; i < WARD_TOLD_BUCKETS; i++)
			n_used += t.e->told[i] != NULL;
		CHECK(n_used > WARD_TOLD_BUCKETS / 2);
		end();
	}
}

/* Names carry data out: how many are asked for outside in a second has a bound, and who waits is no busy loop. */
TEST(lookups_have_a_pace)
{
	struct ward_pinned *p[3];

	begin();
	ready();
	t.e->resolver.pace = (struct ward_bucket){ .rate = 1, .burst = 2 };
	p[0] = ward_pinned_make(&t.e->pins, "a.example");
	p[1] = ward_pinned_make(&t.e->pins, "b.example");
	p[2] = ward_pinned_make(&t.e->pins, "c.example");
	CHECK(ward_resolver_begin(&t.e->resolver, p[0]));
	CHECK(ward_resolver_begin(&t.e->resolver, p[1]));
	CHECK(!ward_resolver_begin(&t.e->resolver, p[2]));
	CHECK(!ward_resolver_begin(&t.e->resolver, p[2]));
	CHECK(!p[2]->lookup);
	CHECK_EQ_INT(t.e->resolver.paced, 1);
	CHECK(ward_egress_timeout(t.e) > 0);
	turn();
	CHECK(told(WARD_EGRESS_LIMIT, "egress.lookups"));
	t.e->resolver.pace.at -= 2000 * WARD_MS;
	t.e->resolver.paced_until -= 2000 * WARD_MS;
	turn();
	CHECK(ward_resolver_begin(&t.e->resolver, p[2]));
	end();
}

TEST(what_is_judged_has_a_pace)
{
	struct ward_relay_msg m, ask = named("good.example");
	size_t n_fds;

	begin();
	ready();
	t.e->names = (struct ward_bucket){ .rate = 1, .burst = 2 };
	for (int i = 0; i < 3; i++) {
		say(&ask);
		REQUIRE(hear(&m, NULL) == 1);
		CHECK_EQ_INT(m.value, i < 2 ? 0 : 2);
	}
	CHECK(told(WARD_EGRESS_LIMIT, "egress.questions"));
	end();

	begin();
	ready();
	t.address_allowed = "127.0.0.1";
	t.e->opens = (struct ward_bucket){ .rate = 1, .burst = 1 };
	CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
	m = opened(2, (const uint8_t[]){ 198, 18, 1, 0 });
	say(&m);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK_EQ_INT(m.type, WARD_GATE_REFUSED);
	CHECK(told(WARD_EGRESS_BLOCK, "too_many"));
	end();
}

TEST(what_the_relay_turned_away_is_told)
{
	struct ward_relay_msg m = {
		.type = WARD_RELAY_LIMIT, .value = WARD_RELAY_LIMIT_NO_HOST, .up = 5
	};
	size_t n_fds;

	begin();
	ready();
	say(&m);
	REQUIRE(t.n_told == 1);
	CHECK(told(WARD_EGRESS_DNS_BLOCK, "no_host"));
	CHECK_EQ_INT(t.told[0].count, 5);
	CHECK(!ward_egress_is_violation("no_host"));
	/* What was held for too long among too many is no end as any other. */
	t.address_allowed = "127.0.0.1";
	CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
	m = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED, .id = 1, .value = WARD_END_HELD };
	say(&m);
	CHECK(told(WARD_EGRESS_BLOCK, "held_bytes"));
	CHECK(told(WARD_EGRESS_CONNECT, ""));
	CHECK_STR_EQ(t.told[t.n_told - 1].ended, "refused");
	end();
}

TEST(a_bucket_fills_up_again)
{
	struct ward_bucket b = { .rate = 10, .burst = 3 };
	uint64_t now = 1000 * WARD_MS;

	for (int i = 0; i < 3; i++)
		CHECK(ward_bucket_take(&b, now));
	CHECK(!ward_bucket_take(&b, now));
	CHECK(ward_bucket_next(&b) > now + 99 * WARD_MS &&
		ward_bucket_next(&b) < now + 101 * WARD_MS);
	CHECK(!ward_bucket_take(&b, now + 99 * WARD_MS));
	CHECK(ward_bucket_take(&b, now + 101 * WARD_MS));
	CHECK(!ward_bucket_take(&b, now + 150 * WARD_MS));
	now += 24ull * 3600 * 1000 * WARD_MS;
	for (int i = 0; i < 3; i++)
		CHECK(ward_bucket_take(&b, now));
	CHECK(!ward_bucket_take(&b, now));
}

/* Its place among those that are dialled is free again, whoever ended it. */
TEST(a_connection_that_ends_while_it_is_dialled)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct ward_relay_msg m;
	size_t n_fds;
	int full[32];

	begin();
	ready();
	t.address_allowed = "127.0.0.1";
	a.sin_port = htons(t.port);
	/* Nobody accepts, and there is no room for one more. */
	for (size_t i = 0; i < WARD_ARRAY_SIZE(full); i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(full[i], (const struct sockaddr *)&a, sizeof(a));
	}
	(void)connects("127.0.0.1", &n_fds);
	CHECK_EQ_INT(n_fds, 0);
	CHECK_EQ_INT(t.e->n_dials, 1);
	m = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED, .id = 1, .value = WARD_END_CLIENT };
	say(&m);
	CHECK_EQ_INT(t.e->n_dials, 0);
	CHECK_EQ_INT(t.e->n_alive, 0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(full); i++)
		ward_close(full[i]);
	end();
}

/* ---- from the host ---- */

static struct ward_relay_addr home;

/* One that listens at 127.0.0.1; where door sockets of the inside come from is the other end of what is returned. */
static int publishes(void)
{
	struct ward_egress_listener v = { .fd = bound(SOCK_STREAM) };
	struct ward_relay_msg m;
	int door[2];

	home = (struct ward_relay_addr){
		.family = 4, .port = port_of(v.fd), .a = { 127, 0, 0, 1 }
	};
	if (listen(v.fd, 8) < 0 || ward_socketpair(SOCK_SEQPACKET, door) < 0)
		abort();
	begin();
	ready();
	t.address_allowed = "127.0.0.1";
	v.inner = t.port;
	if (ward_egress_listen(t.e, &v, 1, door[0], NULL) < 0 || hear(&m, NULL) != 1)
		abort();
	CHECK(m.type == WARD_GATE_INWARD && m.value == 0);
	return door[1];
}

static struct ward_relay_msg came(uint32_t id)
{
	return (struct ward_relay_msg){ .type = WARD_RELAY_OPEN,
		.id = id,
		.inward = 1,
		.to = home,
		.from = { .family = 4, .port = 4000, .a = { 127, 0, 0, 1 } } };
}

TEST(what_cannot_have_come_to_a_listener)
{
	for (int i = 0; i < 5; i++) {
		struct ward_relay_msg m;
		int door = publishes();

		m = came(1);
		if (i == 0)
			m.to.port++;
		else if (i == 1)
			m.to.family = 6;
		else if (i == 2)
			m.to.a[3] = 2;
		else if (i == 3)
			m.inward = 2;
		else
			m.value = WARD_HOW_CONNECT;
		say(&m);
		CHECK_EQ_INT(hear(&m, NULL), -1);
		CHECK(told(WARD_EGRESS_LIMIT, "egress.relay"));
		ward_close(door);
		end();
	}
}

/* A socket that waits would hold the supervisor up; it is made to wait for nobody, and goes to the one place. */
TEST(a_socket_of_the_inside_waits_for_nobody)
{
	struct ward_relay_msg m;
	int door = publishes(), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n_fds = 0;

	REQUIRE(fd >= 0);
	m = came(1);
	say(&m);
	CHECK_EQ_INT(hear(&m, NULL), 0);
	CHECK(t.e->door_empty);
	REQUIRE(ward_send_fds(door, "", 1, &fd, 1) == 1);
	turn();
	turn();
	REQUIRE(hear(&m, &n_fds) == 1);
	CHECK(m.type == WARD_GATE_DIALED && m.id == 1 && n_fds == 1);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ward_close(fd);
	ward_close(door);
	end();
}

/* Then nobody is let in any more, and the gate has nothing to do for it. */
TEST(a_door_that_is_closed)
{
	struct ward_relay_msg m;
	int door = publishes();
	struct pollfd p = { ward_egress_fd(t.e), POLLIN, 0 };

	/* Nobody has come through it yet. */
	ward_close(door);
	turn();
	CHECK_EQ_INT(poll(&p, 1, 0), 0);
	end();

	door = publishes();
	p.fd = ward_egress_fd(t.e);
	m = came(1);
	say(&m);
	CHECK_EQ_INT(hear(&m, NULL), 0);
	ward_close(door);
	turn();
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(m.type == WARD_GATE_REFUSED && m.id == 1);
	CHECK(told(WARD_EGRESS_BLOCK, "system"));
	turn();
	CHECK_EQ_INT(poll(&p, 1, 0), 0);
	m = came(2);
	say(&m);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(m.type == WARD_GATE_REFUSED && m.id == 2);
	turn();
	CHECK_EQ_INT(poll(&p, 1, 0), 0);
	end();
}

/* Its own pace, its own places to be dialled and told in: what goes out has all of its own. */
TEST(who_comes_from_outside_keeps_nobody_from_going_out)
{
	struct ward_egress_event block = {
		.kind = WARD_EGRESS_BLOCK, .inner = 8080, .address = "127.0.0.1", .count = 1
	};
	struct ward_relay_msg m;
	char text[WARD_ADDRESS_TEXT_MAX];
	int door = publishes(), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), full[32];
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(t.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	size_t n_fds;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(full); i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(full[i], (const struct sockaddr *)&a, sizeof(a));
	}
	REQUIRE(fd >= 0 && ward_send_fds(door, "", 1, &fd, 1) == 1);
	m = came(2);
	say(&m);
	CHECK_EQ_INT(t.e->n_dials, 0);
	CHECK_EQ_INT(t.e->n_inward_dials, 1);
	m = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED, .id = 2, .value = WARD_END_CLIENT };
	say(&m);
	CHECK_EQ_INT(t.e->n_inward_dials, 0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(full); i++)
		ward_close(full[i]);
	t.e->comes = (struct ward_bucket){ .rate = 1, .burst = 1 };
	for (uint32_t i = 0; i < 2; i++) {
		m = came(3 + i);
		say(&m);
	}
	CHECK(hear(&m, NULL) == 1 && m.type == WARD_GATE_REFUSED && m.id == 4);
	for (int n; (n = accept(t.server, NULL, NULL)) >= 0;)
		ward_close(n);
	CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
	ward_tell_why(&block, WARD_EGRESS_WHY_NO_RULE, NULL);
	for (unsigned i = 0; i < 2 * WARD_EGRESS_ALIKE_MAX + 5; i++) {
		(void)snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
		block.peer = text;
		ward_tell(t.e, &block);
	}
	t.n_told = 0;
	block.inner = 0;
	block.peer = NULL;
	ward_tell(t.e, &block);
	CHECK_EQ_INT(t.n_told, 1);
	ward_close(fd);
	ward_close(door);
	end();
	CHECK(told(WARD_EGRESS_LIMIT, "egress.alike"));
}

/* The relay says so of other silences, too: it is the limit's only when so much time has passed; and no rule is to blame for it. */
TEST(a_silence_that_is_no_limit)
{
	struct ward_relay_msg m;
	size_t n_fds;

	begin();
	ready();
	t.address_allowed = "127.0.0.1";
	t.e->limits.v[WARD_NET_IDLE] = 1000;
	CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
	m = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED, .id = 1, .value = WARD_END_IDLE };
	say(&m);
	CHECK(told(WARD_EGRESS_CONNECT, ""));
	CHECK(!told(WARD_EGRESS_BLOCK, "budget_idle"));
	end();
}

/* Who does not read holds nobody up, and hears all of it in its order once he does. */
TEST(relay_that_does_not_read)
{
	struct ward_relay_msg m, ask = named("evil.example");
	enum { N = 900 };

	(void)alarm(60); /* of a gate that waits for it */
	begin();
	ready();
	for (uint32_t i = 1; i <= N; i++) {
		ask.id = i;
		say(&ask);
	}
	CHECK(t.e->n_out > 0);
	for (uint32_t i = 1; i <= N; i++) {
		if (hear(&m, NULL) == 0) {
			turn();
			REQUIRE(hear(&m, NULL) == 1);
		}
		REQUIRE(m.id == i);
	}
	CHECK_EQ_SIZE(t.e->n_out, 0);
	CHECK(!t.e->lost);
	end();
	(void)alarm(0);
}

/* Our user has as many descriptors in flight as he may: the socket is writable all the same, and that is not asked in a circle. */
static int too_many_in_flight(void)
{
	struct rlimit few = { 40, 40 };
	size_t n_fds;
	int pair[2];

	begin();
	t.address_allowed = "127.0.0.1";
	ready();
	if (ward_socketpair(SOCK_SEQPACKET, pair) < 0 ||
		(geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0) ||
		setrlimit(RLIMIT_NOFILE, &few) < 0)
		return 1;
	for (int i = 0; i < 200; i++)
		if (ward_send_fds(pair[0], "", 1, &pair[1], 1) == -ETOOMANYREFS)
			break;
	if (connects("127.0.0.1", &n_fds) != 0 || t.e->n_out != 1)
		return 2;
	for (int i = 0; i < 3; i++) {
		struct pollfd p = { ward_egress_fd(t.e), POLLIN, 0 };
		int wait = ward_egress_timeout(t.e);

		if (wait <= 0 || poll(&p, 1, 0) != 0)
			return 3;
		(void)poll(NULL, 0, wait);
		(void)ward_egress_next(t.e, NULL);
	}
	ward_close(pair[1]);
	ward_close(pair[0]);
	for (int i = 0; i < 20; i++) {
		struct ward_relay_msg m;

		turn();
		if (hear(&m, &n_fds) == 1)
			return m.type == WARD_GATE_DIALED && n_fds == 1 && t.e->n_out == 0 ? 0 : 4;
	}
	return 5;
}

TEST(descriptors_that_cannot_be_in_flight)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(too_many_in_flight());
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK_EQ_INT(WEXITSTATUS(status), 0);
}

/* ---- what is accepted here ---- */

/* The synthetic address of good.example, which is known by then. */
static bool looked_up(uint8_t v4[4])
{
	struct ward_relay_msg m, ask = named("good.example");

	say(&ask);
	if (hear(&m, NULL) != 1)
		return false;
	memcpy(v4, m.v4, 4);
	for (int i = 0; i < 20 && serve("127.0.0.1") == 0; i++)
		;
	for (int i = 0; i < 3; i++)
		turn();
	return true;
}

/* One that came, as its number; its other end is *ret_fd. */
static uint32_t comes(uint32_t id, const uint8_t v4[4], int *ret_fd)
{
	struct ward_relay_msg m = opened(id | WARD_GATE_FLOW, v4);
	int pair[2];

	m.type = WARD_GATE_CLIENT;
	if (ward_socketpair(SOCK_STREAM, pair) < 0)
		abort();
	*ret_fd = pair[0];
	ward_flow_come(t.e, &m, pair[1]);
	return m.id;
}

static bool is_over(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

TEST(what_is_accepted_here_is_dialled_at_once)
{
	struct ward_relay_msg m;
	uint8_t v4[4];
	size_t n_fds;
	uint32_t id;
	int fd;

	begin();
	t.address_allowed = "127.0.0.1";
	ready();
	REQUIRE(looked_up(v4));
	id = comes(1, v4, &fd);
	/* No turn of the gate is between, and that it is open is told by then. */
	CHECK(told(WARD_EGRESS_OPEN, ""));
	REQUIRE(hear(&m, &n_fds) == 1);
	CHECK(m.type == WARD_GATE_CLIENT && m.id == id && m.value == 1);
	CHECK_EQ_SIZE(n_fds, 2);
	CHECK_STR_EQ(m.name, "good.example");
	CHECK_EQ_INT(m.from.port, 4000);
	m = (struct ward_relay_msg){ .type = WARD_RELAY_SEEN, .id = id, .value = WARD_SEEN_PASSED };
	say(&m);
	m = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED, .id = id, .up = 5 };
	say(&m);
	CHECK(told(WARD_EGRESS_CONNECT, "") && t.told[t.n_told - 1].up == 5);
	CHECK(t.told[t.n_told - 1].dialled && !ward_flow_find(t.e, id));
	ward_close(fd);
	end();
}

/* The relay hears of it before it hears what became of it, and nothing is dialled. */
TEST(what_is_accepted_here_and_refused)
{
	struct ward_relay_msg m;
	uint8_t v4[4];
	size_t n_fds;
	uint32_t id;
	int fd;

	begin();
	ready();
	REQUIRE(looked_up(v4));
	id = comes(1, v4, &fd); /* the address has no rule */
	REQUIRE(hear(&m, &n_fds) == 1);
	CHECK(m.type == WARD_GATE_CLIENT && m.id == id && m.value == 0 && n_fds == 1);
	REQUIRE(hear(&m, &n_fds) == 1);
	CHECK(m.type == WARD_GATE_REFUSED && m.id == id && n_fds == 0);
	CHECK(told(WARD_EGRESS_BLOCK, "address_class") && !told(WARD_EGRESS_OPEN, ""));
	CHECK(is_over(fd)); /* hear() closed the relay's: the gate kept none */
	ward_close(fd);
	end();
}

TEST(what_is_accepted_here_and_waits)
{
	struct ward_relay_msg m, ask = named("good.example");
	uint8_t v4[4];
	size_t n_fds;
	uint32_t id;
	int fd;

	begin();
	t.address_allowed = "127.0.0.1";
	ready();
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	memcpy(v4, m.v4, 4);
	id = comes(1, v4, &fd); /* its name is not known yet */
	REQUIRE(hear(&m, &n_fds) == 1);
	CHECK(m.type == WARD_GATE_CLIENT && m.id == id && n_fds == 1);
	CHECK_EQ_INT(serve("127.0.0.1"), 2);
	for (int i = 0; i < 20 && hear(&m, &n_fds) != 1; i++)
		turn();
	CHECK(m.type == WARD_GATE_DIALED && m.id == id && n_fds == 1);
	ward_close(fd);
	end();
}

/* Limits count the same, whoever accepted; and one that has ended makes room. */
TEST(limits_of_what_is_accepted_here)
{
	struct ward_relay_msg m;
	uint8_t v4[4];
	uint32_t id;
	int fd[3];

	begin();
	t.address_allowed = "127.0.0.1";
	t.e->limits.v[WARD_NET_CONNECTIONS] = 1;
	ready();
	REQUIRE(looked_up(v4));
	id = comes(1, v4, &fd[0]);
	REQUIRE(hear(&m, NULL) == 1 && m.type == WARD_GATE_CLIENT);
	(void)comes(2, v4, &fd[1]);
	REQUIRE(hear(&m, NULL) == 1 && m.type == WARD_GATE_CLIENT && m.value == 0);
	REQUIRE(hear(&m, NULL) == 1 && m.type == WARD_GATE_REFUSED);
	CHECK(told(WARD_EGRESS_BLOCK, "budget_connections"));
	m = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED, .id = id };
	say(&m);
	id = comes(3, v4, &fd[2]);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(m.type == WARD_GATE_CLIENT && m.id == id && m.value == 1);
	for (int i = 0; i < 3; i++)
		ward_close(fd[i]);
	end();
}

/* What is on no record reaches nobody: neither the relay nor whoever comes afterwards. */
TEST(what_cannot_be_recorded_does_not_happen)
{
	struct ward_relay_msg m;
	uint8_t v4[4];
	uint32_t id;
	int fd;

	begin();
	t.address_allowed = "127.0.0.1";
	ready();
	REQUIRE(looked_up(v4));
	t.no_record = true;
	id = comes(1, v4, &fd);
	CHECK_EQ_INT(hear(&m, NULL), 0);
	CHECK(is_over(fd) && ward_flow_find(t.e, id));
	turn();
	CHECK_EQ_INT(hear(&m, NULL), -1);
	CHECK(!ward_flow_find(t.e, id));
	ward_close(fd);
	end();
	/* Nor what the relay itself accepted. */
	begin();
	t.address_allowed = "127.0.0.1";
	ready();
	REQUIRE(looked_up(v4));
	t.no_record = true;
	m = opened(1, v4);
	say(&m);
	turn();
	CHECK_EQ_INT(hear(&m, NULL), -1);
	end();
}

/* A listener in place of the run's. */
static int inside_at(int li)
{
	int sockets[WARD_NET_SOCKET_MAX];
	struct ward_relay_msg m = { .type = WARD_RELAY_READY, .value = WARD_RELAY_VERSION };

	if (listen(li, 256) < 0)
		abort();
	for (int i = 0; i < WARD_NET_SOCKET_MAX; i++)
		sockets[i] = -1;
	sockets[WARD_NET_TCP4] = li;
	(void)ward_send_fds(t.relay, &m, sizeof(m), NULL, 0);
	if (ward_egress_attach(t.e, sockets, true, NULL) < 0 || hear(&m, NULL) != 1 ||
		m.type != WARD_GATE_LIMITS)
		return -1;
	return hear(&m, NULL); /* the relay has no such listener */
}

/* One of our own. The loopback is the proxy's: what comes there the relay reads first. */
static int inside(uint16_t *ret_port)
{
	int li = bound(SOCK_STREAM);

	*ret_port = port_of(li);
	return inside_at(li);
}

static int connects_to(struct sockaddr_in a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		abort();
	return fd;
}

static int connects_inside(uint16_t port)
{
	return connects_to((struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) });
}

TEST(who_comes_is_taken_at_once_or_found)
{
	struct ward_relay_msg m;
	uint16_t port;
	size_t n_fds;
	int fd[4];

	begin();
	REQUIRE(inside(&port) == 0);
	fd[0] = connects_inside(port);
	CHECK(!ward_egress_came(t.e, false)); /* nothing is left to do for the run's own thread */
	REQUIRE(hear(&m, &n_fds) == 1);
	CHECK(m.type == WARD_GATE_CLIENT && m.id == 0 && n_fds == 1);
	CHECK(m.to.port == port && m.to.a[0] == 127 && m.from.port == port_of(fd[0]));
	/* Told too early: the listener says when he is there. */
	CHECK(!ward_egress_came(t.e, false));
	CHECK_EQ_INT(hear(&m, NULL), 0);
	fd[1] = connects_inside(port);
	turn();
	REQUIRE(hear(&m, &n_fds) == 1);
	CHECK(m.type == WARD_GATE_CLIENT && n_fds == 1);
	/* Told by the bell. */
	fd[2] = connects_inside(port);
	ward_egress_ring(t.e);
	turn();
	REQUIRE(hear(&m, &n_fds) == 1);
	/* Not told at all. */
	fd[3] = connects_inside(port);
	for (int i = 0; i < 40 && hear(&m, &n_fds) == 0; i++) {
		CHECK(ward_egress_timeout(t.e) >= 0 && ward_egress_timeout(t.e) <= 101);
		(void)poll(NULL, 0, ward_egress_timeout(t.e));
		(void)ward_egress_next(t.e, NULL);
	}
	CHECK(m.type == WARD_GATE_CLIENT && m.from.port == port_of(fd[3]));
	/* With the relay's end nobody listens any more. */
	ward_close(t.relay);
	t.relay = -1;
	turn();
	CHECK(t.e->inside.listener[0] < 0 && !ward_egress_came(t.e, false));
	for (int i = 0; i < 4; i++)
		ward_close(fd[i]);
	end();
}

/* A relay that does not read: whoever comes waits in the kernel, nothing spins, and all get on when it reads. */
TEST(who_comes_waits_for_the_relay)
{
	enum { ALL = 200 };
	struct ward_relay_msg m;
	int fd[ALL], few = 1, heard = 0;
	uint16_t port;

	begin();
	REQUIRE(inside(&port) == 0);
	REQUIRE(setsockopt(t.e->ctl, SOL_SOCKET, SO_SNDBUF, &few, sizeof(few)) == 0);
	for (int i = 0; i < ALL; i++)
		fd[i] = connects_inside(port);
	ward_egress_ring(t.e);
	for (int i = 0; i < 10; i++)
		(void)ward_egress_next(t.e, NULL);
	CHECK(t.e->n_out >= 60 && t.e->n_out <= 64);
	CHECK(t.e->inside.behind[0] && !t.e->more);
	CHECK(!ward_egress_came(t.e, false) && t.e->n_out <= 64);
	for (int i = 0; i < 2000 && heard < ALL; i++) {
		while (hear(&m, NULL) == 1)
			heard += m.type == WARD_GATE_CLIENT;
		(void)ward_egress_next(t.e, NULL);
	}
	CHECK_EQ_INT(heard, ALL);
	CHECK_EQ_SIZE(t.e->n_out, 0);
	for (int i = 0; i < ALL; i++)
		ward_close(fd[i]);
	end();
}

/* No descriptor for whoever comes: it is told, nothing spins, and he is found when there is one. */
TEST(who_comes_and_there_is_no_descriptor)
{
	struct rlimit was, none;
	struct ward_relay_msg m;
	uint16_t port;
	int fd, next, r = 0;

	begin();
	REQUIRE(inside(&port) == 0);
	fd = connects_inside(port);
	REQUIRE(getrlimit(RLIMIT_NOFILE, &was) == 0);
	next = dup(fd);
	REQUIRE(next >= 0);
	ward_close(next);
	none = (struct rlimit){ (rlim_t)next, was.rlim_max };
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	(void)ward_egress_came(t.e, false);
	CHECK(told(WARD_EGRESS_LIMIT, "egress.flows"));
	for (int i = 0; i < 3; i++)
		(void)ward_egress_next(t.e, NULL);
	CHECK(!t.e->more && !t.e->lost);
	CHECK_EQ_INT(hear(&m, NULL), 0);
	REQUIRE(setrlimit(RLIMIT_NOFILE, &was) == 0);
	for (int i = 0; i < 40 && r == 0; i++) {
		turn();
		r = hear(&m, NULL);
	}
	CHECK(r == 1 && m.type == WARD_GATE_CLIENT && m.from.port == port_of(fd));
	ward_close(fd);
	end();
}

/* ---- in a network of its own, where the address of a name is one of the loopback's ---- */

static bool has_address(const char *name, const uint8_t v4[4])
{
	struct ifreq q = { .ifr_flags = IFF_UP };
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	(void)snprintf(q.ifr_name, sizeof(q.ifr_name), "%s", name);
	if (v4) {
		memcpy(&a.sin_addr, v4, 4);
		memcpy(&q.ifr_addr, &a, sizeof(a));
	}
	ok = ioctl(fd, v4 ? SIOCSIFADDR : SIOCSIFFLAGS, &q) == 0;
	ward_close(fd);
	return ok;
}

/* The name's, where its connections come in; the gate is there, and knows the name. */
static struct sockaddr_in begin_named(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	uint8_t v4[4] = { 0 };
	int li = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	begin();
	ready();
	a.sin_port = htons(t.port);
	if (!looked_up(v4) || !has_address("lo:1", v4))
		abort();
	memcpy(&a.sin_addr, v4, 4);
	if (bind(li, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(li, 256) < 0 ||
		ward_inside_begin(t.e, NULL) < 0 || ward_inside_listen(t.e, false, li, NULL) < 0)
		abort();
	return a;
}

/* True: it was done, there. */
static bool apart(void (*fn)(void))
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		tap_failures = 0;
		if ((unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) ||
			!has_address("lo", NULL))
			_exit(77);
		if (setjmp(tap_leave) == 0)
			fn();
		(void)fflush(stdout);
		_exit(tap_failures > 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		abort();
	CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
	return WEXITSTATUS(status) != 77;
}

static void reset_and_told(void)
{
	struct sockaddr_in a = begin_named();
	struct ward_relay_msg m;
	int fd[2];
	char c;

	t.address_allowed = "127.0.0.1";
	t.e->flows_max = 1;
	fd[0] = connects_to(a);
	(void)ward_egress_came(t.e, false);
	CHECK(hear(&m, NULL) == 1 && m.type == WARD_GATE_CLIENT && m.value == 1);
	fd[1] = connects_to(a);
	CHECK(!told(WARD_EGRESS_LIMIT, "egress.flows"));
	(void)ward_egress_came(t.e, false);
	CHECK(told(WARD_EGRESS_LIMIT, "egress.flows"));
	CHECK(recv(fd[1], &c, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
	CHECK_EQ_INT(hear(&m, NULL), 0);
	CHECK_EQ_SIZE(t.e->n_flows, 1);
	ward_close(fd[0]);
	ward_close(fd[1]);
	end();
}

TEST(more_than_may_be_at_a_time)
{
	if (!apart(reset_and_told))
		SKIP("no network namespace");
}

/* Each is judged so slowly that all of them take more than ten turns. */
#define SLOW_MS 4u
static void many_in_turns(void)
{
	enum { ALL = 64, MOST = WARD_TURN_MS / SLOW_MS + 1 };
	struct sockaddr_in a = begin_named();
	struct ward_relay_msg m;
	int fd[ALL], heard = 0;

	for (int i = 0; i < ALL; i++)
		fd[i] = connects_to(a);
	t.slow_ms = SLOW_MS;
	t.n_slow = 0;
	ward_egress_ring(t.e);
	(void)ward_egress_next(t.e, NULL);
	CHECK(t.n_slow > 0 && t.n_slow <= 2 * MOST);
	CHECK_EQ_INT(ward_egress_timeout(t.e), 0);
	t.n_slow = 0;
	CHECK(ward_egress_came(t.e, false));
	CHECK(t.n_slow > 0 && t.n_slow <= MOST);
	for (int i = 0; i < 200 && heard < ALL; i++) {
		while (hear(&m, NULL) == 1)
			heard += m.type == WARD_GATE_REFUSED;
		(void)ward_egress_next(t.e, NULL);
	}
	CHECK_EQ_INT(heard, ALL);
	for (int i = 0; i < ALL; i++)
		ward_close(fd[i]);
	end();
}

TEST(many_that_are_judged_slowly_hold_nobody_up)
{
	if (!apart(many_in_turns))
		SKIP("no network namespace");
}

/* As many as the relay can have. */
TEST(more_than_the_relay_can_have)
{
	struct ward_relay_msg m = {
		.type = WARD_RELAY_READY, .value = WARD_RELAY_VERSION, .up = 3
	};

	begin();
	say(&m);
	CHECK_EQ_SIZE(t.e->flows_max, 3);
	end();
	begin();
	m.up = UINT64_MAX;
	say(&m);
	CHECK_EQ_SIZE(t.e->flows_max, WARD_EGRESS_FLOWS_MAX);
	end();
}

/* In their order; and no more than were agreed on. */
TEST(several_messages_in_one_packet)
{
	static struct ward_relay_msg many[WARD_RELAY_TOLD_MAX + 1];
	struct ward_relay_msg m;
	uint8_t v4[4];
	uint32_t id;
	int fd;

	begin();
	t.address_allowed = "127.0.0.1";
	ready();
	REQUIRE(looked_up(v4));
	id = comes(1, v4, &fd);
	REQUIRE(hear(&m, NULL) == 1);
	many[0] = (struct ward_relay_msg){
		.type = WARD_RELAY_SEEN, .id = id, .value = WARD_SPOKEN_SSH | WARD_SEEN_PASSED
	};
	many[1] = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED, .id = id };
	(void)ward_send_fds(t.relay, many, 2 * sizeof(*many), NULL, 0);
	turn();
	CHECK(told(WARD_EGRESS_CONNECT, "") && !t.e->lost);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(many); i++)
		many[i] = (struct ward_relay_msg){ .type = WARD_RELAY_LIMIT };
	(void)ward_send_fds(t.relay, many, sizeof(many) - sizeof(*many), NULL, 0);
	turn();
	CHECK(!t.e->lost);
	(void)ward_send_fds(t.relay, many, sizeof(many), NULL, 0);
	turn();
	CHECK(t.e->lost);
	ward_close(fd);
	end();
}

TAP_MAIN();
