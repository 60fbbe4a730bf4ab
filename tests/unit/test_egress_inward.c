/* SPDX-License-Identifier: Apache-2.0 */
/* The gate, with stand-ins: who comes from the host, and a relay that reads nothing. */
#include "egress_gate_util.h"

/* ---- from the host ---- */

static struct ward_relay_addr home;
static int listener = -1; /* the same socket, to look at */

/* One that listens at 127.0.0.1; where door sockets of the inside come from is the other end of what is returned. */
static int publishes(void)
{
	struct ward_egress_listener v = { .fd = bound(SOCK_STREAM) };
	struct ward_relay_msg m;
	int door[2];

	home = (struct ward_relay_addr){
		.family = 4, .port = port_of(v.fd), .a = { 127, 0, 0, 1 }
	};
	ward_close(listener);
	listener = dup(v.fd);
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

/* Else one that came from another machine, and lost it, has his place for as long as the server inside is silent. */
TEST(who_comes_from_the_host_and_is_gone_is_asked_for)
{
	int door = publishes(), on = 0;
	socklen_t n = sizeof(on);

	CHECK(getsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, &n) == 0 && on == 1);
	ward_close(door);
	end();
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

	(void)alarm(60 * tap_patience()); /* of a gate that waits for it */
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
	int status = 2 << 8;

	/* They are counted by user: another test of this one's may just have taken its own. */
	for (int i = 0; i < 10 && WEXITSTATUS(status) == 2; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(too_many_in_flight());
		REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	}
	CHECK_EQ_INT(WEXITSTATUS(status), 0);
}

TAP_MAIN();
