/* SPDX-License-Identifier: Apache-2.0 */
/* The gate, with stand-ins: what it accepts itself. */
#include <netinet/tcp.h>

#include "egress_gate_util.h"

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

/* The gate is there, knows the name, and may go where it leads. */
static bool begin_looked_up(uint8_t v4[4])
{
	begin();
	t.address_allowed = "127.0.0.1";
	ready();
	return looked_up(v4);
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

	REQUIRE(begin_looked_up(v4));
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
	CHECK_EQ_INT(hear(&m, NULL), 0); /* the other one may be about to end */
	for (int i = 0; i < 40 && hear(&m, NULL) != 1; i++)
		turn();
	CHECK(m.type == WARD_GATE_REFUSED);
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

/* Its client has closed it, and its server has not yet: who comes meanwhile waits for that, and is judged anew. */
static void the_next_of_as_many_as_may_be(bool allowed)
{
	struct ward_relay_msg m;
	uint8_t v4[4];
	uint32_t id, next;
	size_t n_fds;
	int fd[2];

	begin();
	t.address_allowed = "127.0.0.1";
	t.e->limits.v[WARD_NET_CONNECTIONS] = 1;
	ready();
	REQUIRE(looked_up(v4));
	id = comes(1, v4, &fd[0]);
	REQUIRE(hear(&m, NULL) == 1 && m.type == WARD_GATE_CLIENT);
	next = comes(2, v4, &fd[1]);
	REQUIRE(hear(&m, NULL) == 1 && m.type == WARD_GATE_CLIENT && m.id == next && m.value == 0);
	turn();
	CHECK_EQ_INT(hear(&m, NULL), 0);
	if (!allowed)
		t.address_allowed = NULL;
	m = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED, .id = id };
	say(&m);
	REQUIRE(hear(&m, &n_fds) == 1 && m.id == next);
	CHECK_EQ_INT(m.type, allowed ? WARD_GATE_DIALED : WARD_GATE_REFUSED);
	CHECK_EQ_INT(n_fds, allowed);
	CHECK(!told(WARD_EGRESS_BLOCK, "budget_connections"));
	ward_close(fd[0]);
	ward_close(fd[1]);
	end();
}

TEST(who_comes_before_the_last_end_is_known_waits)
{
	the_next_of_as_many_as_may_be(true);
}

TEST(who_waited_is_judged_anew)
{
	the_next_of_as_many_as_may_be(false);
}

/* Its own end, or the run's, is no end of a connection: there was none. */
TEST(who_waited_and_went_was_not_let_through)
{
	struct ward_relay_msg m;
	uint8_t v4[4];
	int fd[2];
	size_t n = 0;

	begin();
	t.address_allowed = "127.0.0.1";
	t.e->limits.v[WARD_NET_CONNECTIONS] = 1;
	ready();
	REQUIRE(looked_up(v4));
	(void)comes(1, v4, &fd[0]);
	for (uint32_t i = 0; i < 2; i++) {
		m = (struct ward_relay_msg){ .type = WARD_RELAY_CLOSED,
			.id = comes(2 + i, v4, &fd[1]) };
		if (i == 0) {
			say(&m);
			CHECK(told(WARD_EGRESS_BLOCK, "budget_connections"));
		}
		ward_close(fd[1]);
	}
	ward_close(fd[0]);
	end();
	for (size_t i = 0; i < t.n_told; i++)
		n += t.told[i].kind == WARD_EGRESS_BLOCK ? t.told[i].count : 0;
	CHECK_EQ_INT(n, 2);
	for (size_t i = 0; i < t.n_told; i++)
		CHECK(t.told[i].kind != WARD_EGRESS_CONNECT || t.told[i].dialled);
}

/* What is on no record reaches nobody: neither the relay nor whoever comes afterwards. */
TEST(what_cannot_be_recorded_does_not_happen)
{
	struct ward_relay_msg m;
	uint8_t v4[4];
	uint32_t id;
	int fd;

	REQUIRE(begin_looked_up(v4));
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
	REQUIRE(begin_looked_up(v4));
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

/* Else a connection that he has closed is there for as long as its server likes, and his next ones are too many. */
TEST(who_is_gone_is_asked_for_once_his_kernel_has_forgotten_him)
{
	struct ward_relay_msg m;
	int fd[2] = { -1, -1 }, client, on = 0, after = 0;
	size_t n_fds = 2;
	socklen_t n = sizeof(on);
	uint16_t port;

	begin();
	REQUIRE(inside(&port) == 0);
	client = connects_inside(port);
	CHECK(!ward_egress_came(t.e, false, NULL));
	REQUIRE(ward_recv_fds(t.relay, &m, sizeof(m), fd, &n_fds, MSG_DONTWAIT) ==
		(ssize_t)sizeof(m));
	REQUIRE(n_fds == 1);
	CHECK(getsockopt(fd[0], SOL_SOCKET, SO_KEEPALIVE, &on, &n) == 0 && on == 1);
	CHECK(getsockopt(fd[0], IPPROTO_TCP, TCP_KEEPIDLE, &after, &n) == 0);
	CHECK(after > 60 && after <= 120); /* tcp_fin_timeout, with which each network begins */
	close(client);
	close(fd[0]);
	end();
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
	/* Nothing is left to do for the run's own thread. */
	CHECK(!ward_egress_came(t.e, false, NULL));
	REQUIRE(hear(&m, &n_fds) == 1);
	CHECK(m.type == WARD_GATE_CLIENT && m.id == 0 && n_fds == 1);
	CHECK(m.to.port == port && m.to.a[0] == 127 && m.from.port == port_of(fd[0]));
	/* Told too early: the listener says when he is there. */
	CHECK(!ward_egress_came(t.e, false, NULL));
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
	CHECK(t.e->inside.listener[0] < 0 && !ward_egress_came(t.e, false, NULL));
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
	CHECK(!ward_egress_came(t.e, false, NULL) && t.e->n_out <= 64);
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
	(void)ward_egress_came(t.e, false, NULL);
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
	(void)ward_egress_came(t.e, false, NULL);
	CHECK(hear(&m, NULL) == 1 && m.type == WARD_GATE_CLIENT && m.value == 1);
	fd[1] = connects_to(a);
	CHECK(!told(WARD_EGRESS_LIMIT, "egress.flows"));
	(void)ward_egress_came(t.e, false, NULL);
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

static struct {
	unsigned n;
	size_t dials, told;
} went_on;

static void goes_on(void *arg)
{
	(void)arg;
	went_on.n++;
	went_on.dials = t.e->n_dials;
	went_on.told = t.n_told;
}

static void judged_and_goes_on(void)
{
	static const struct ward_egress_caller caller = { goes_on, NULL };
	struct sockaddr_in a = begin_named();
	struct ward_relay_msg m;
	int fd[2];

	t.address_allowed = "127.0.0.1";
	fd[0] = connects_to(a);
	(void)ward_egress_came(t.e, false, &caller);
	CHECK(hear(&m, NULL) == 1 && m.type == WARD_GATE_CLIENT && m.value == 1);
	/* He is dialled for, and that is told, while whoever made it goes on. */
	CHECK_EQ_INT(went_on.n, 1);
	CHECK_EQ_SIZE(went_on.dials, 0);
	CHECK_EQ_SIZE(went_on.told + 1, t.n_told);
	CHECK(told(WARD_EGRESS_OPEN, ""));
	/* Refused: that is on record before he does. */
	t.address_allowed = NULL;
	fd[1] = connects_to(a);
	(void)ward_egress_came(t.e, false, &caller);
	CHECK(told(WARD_EGRESS_BLOCK, "address_class"));
	CHECK_EQ_INT(went_on.n, 1);
	while (hear(&m, NULL) == 1)
		continue; /* closes the relay's */
	CHECK(is_over(fd[1]));
	/* Nobody came, and of somebody else who is found later it is not he who goes on. */
	(void)ward_egress_came(t.e, false, &caller);
	t.address_allowed = "127.0.0.1";
	ward_close(fd[1]);
	fd[1] = connects_to(a);
	turn();
	CHECK_EQ_INT(went_on.n, 1);
	ward_close(fd[0]);
	ward_close(fd[1]);
	end();
}

TEST(whoever_made_it_goes_on_when_it_was_judged)
{
	if (!apart(judged_and_goes_on))
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
	CHECK(ward_egress_came(t.e, false, NULL));
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

	REQUIRE(begin_looked_up(v4));
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
