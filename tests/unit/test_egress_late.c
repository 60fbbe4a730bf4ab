/* SPDX-License-Identifier: Apache-2.0 */
/* The gate, with ward-relay itself: it is executed when there is something for it to read, and where it cannot be nothing opens. */
#include "egress_gate_util.h"

static int question; /* our end of what is the relay's socket for questions */
static uint16_t asked_at;

static void begin_late(void)
{
	static const struct ward_egress_ops ops = { on_ask, on_event, NULL, NULL, NULL };
	const struct ward_egress_options o = { .ops = &ops, .resolver = "127.0.0.1:9" };
	int sockets[WARD_NET_SOCKET_MAX], udp = bound(SOCK_DGRAM), tcp = bound(SOCK_STREAM);
	struct ward_error err = WARD_ERROR_INIT;

	memset(&t, 0, sizeof(t));
	for (int i = 0; i < WARD_NET_SOCKET_MAX; i++)
		sockets[i] = -1;
	/* As ward-init makes it: an answer comes from where it was asked. */
	if (setsockopt(udp, IPPROTO_IP, IP_PKTINFO, &(const int){ 1 }, sizeof(int)) < 0 ||
		listen(tcp, 8) < 0)
		abort();
	sockets[WARD_NET_TCP4] = tcp;
	sockets[WARD_NET_UDP4] = udp;
	asked_at = port_of(udp);
	question = bound(SOCK_DGRAM);
	if (ward_egress_start(&o, &t.e, &err) < 0 ||
		ward_egress_attach(t.e, sockets, true, &err) < 0)
		abort();
}

static void asks(void)
{
	/* evil.example, A */
	static const uint8_t q[] = { 0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, 'e', 'v', 'i', 'l', 7,
		'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1 };
	const struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(asked_at),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (sendto(question, q, sizeof(q), 0, (const struct sockaddr *)&a, sizeof(a)) < 0)
		abort();
}

/* Before anything else of this process: the image of the relay is made once. */
TEST(without_an_image_nothing_begins)
{
	static const struct ward_egress_ops ops = { on_ask, on_event, NULL, NULL, NULL };
	const struct ward_egress_options o = { .ops = &ops, .resolver = "127.0.0.1:9" };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_egress *e = NULL;
	struct rlimit had, none;
	int r;

	(void)signal(SIGXFSZ, SIG_IGN);
	REQUIRE(getrlimit(RLIMIT_FSIZE, &had) == 0);
	none = (struct rlimit){ 0, had.rlim_max };
	REQUIRE(setrlimit(RLIMIT_FSIZE, &none) == 0);
	r = ward_egress_start(&o, &e, &err);
	REQUIRE(setrlimit(RLIMIT_FSIZE, &had) == 0);
	CHECK_EQ_INT(r, WARD_E_SYSTEM);
	CHECK(e == NULL);
	CHECK_EQ_INT(err.sys_errno, EFBIG);
	ward_egress_stop(e);
}

static uint64_t ms_of_a_start(const struct ward_egress_options *o)
{
	uint64_t from = ward_now_mono_ns();
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_egress *e = NULL;

	CHECK(ward_egress_start(o, &e, &err) < 0);
	CHECK(e == NULL);
	return (ward_now_mono_ns() - from) / WARD_MS;
}

TEST(a_start_that_fails_waits_for_nobody)
{
	static const struct ward_egress_ops ops = { on_ask, on_event, NULL, NULL, NULL };
	const struct ward_egress_options o = { .ops = &ops, .resolver = "nowhere" };
	uint64_t least = UINT64_MAX;

	/* The best of some: the machine may be busy. */
	for (int i = 0; i < 20 && least >= 400; i++) {
		uint64_t ms = ms_of_a_start(&o);

		least = ms < least ? ms : least;
	}
	CHECK(least < 400);
}

static void end_late(void)
{
	ward_egress_stop(t.e);
	ward_close(question);
}

TEST(nobody_asks_and_there_is_none)
{
	begin_late();
	turn();
	turn();
	CHECK(t.e->relay.pidfd < 0 && !t.e->ready && !t.e->lost);
	ward_egress_end(t.e);
	end_late();
	CHECK_EQ_INT(t.n_told, 0);
}

TEST(a_question_begins_it_and_is_answered)
{
	uint8_t answer[512];
	ssize_t n = -1;

	begin_late();
	asks();
	for (int i = 0; i < 200 && n < 0; i++) {
		turn();
		n = recv(question, answer, sizeof(answer), MSG_DONTWAIT);
	}
	CHECK(t.e->relay.pidfd >= 0 && t.e->ready);
	REQUIRE(n > 4);
	CHECK_EQ_INT(answer[3] & 15, 3);
	CHECK(told(WARD_EGRESS_DNS_BLOCK, "no_rule"));
	end_late();
}

/* What it sends first finds no relay: nobody is connected any more, and that is told. */
TEST(it_cannot_be_executed)
{
	struct rlimit had, none;

	begin_late();
	REQUIRE(getrlimit(RLIMIT_NOFILE, &had) == 0);
	none = (struct rlimit){ 0, had.rlim_max };
	asks();
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	turn();
	REQUIRE(setrlimit(RLIMIT_NOFILE, &had) == 0);
	CHECK(t.e->lost && t.e->relay.pidfd < 0);
	CHECK_STR_EQ(t.e->lost, "it cannot be executed: Too many open files");
	CHECK(told(WARD_EGRESS_LIMIT, "egress.relay"));
	CHECK(t.e->inside.listener[0] < 0 && !ward_egress_came(t.e, false, NULL));
	asks();
	turn();
	CHECK(t.e->relay.pidfd < 0);
	end_late();
}

/* As a relay that cannot confine itself: the code that it ended with is what tells why. */
TEST(it_ends_before_it_is_ready)
{
	static const char *const argv[] = { "false", NULL };
	const struct ward_spawn what = {
		.exe_fd = open("/bin/false", O_RDONLY | O_CLOEXEC), .argv = argv, .cgroup = -1
	};

	begin();
	REQUIRE(ward_spawn(&what, &t.e->relay) == 0);
	ward_close(what.exe_fd);
	(void)poll(&(struct pollfd){ t.e->relay.pidfd, POLLIN, 0 }, 1, 5000);
	ward_gate_lost(t.e, "it has ended");
	turn();
	CHECK_STR_EQ(t.e->lost, "it has ended with exit code 1");
	end();
	/* And what failed before it was executed. */
	begin();
	REQUIRE(ward_spawn(&(struct ward_spawn){ .exe_fd = t.relay, .argv = argv, .cgroup = -1 },
			&t.e->relay) == 0);
	ward_gate_lost(t.e, "it has ended");
	(void)poll(&(struct pollfd){ t.e->relay.pidfd, POLLIN, 0 }, 1, 5000);
	turn();
	CHECK_STR_EQ(t.e->lost, "it cannot be executed: Permission denied");
	end();
}

/* With something that it was told and never read the kernel says that as a reset. */
TEST(it_ends_and_has_not_read_all)
{
	const struct ward_relay_msg m = { .type = WARD_GATE_LIMITS };

	begin();
	ready();
	turn();
	ward_gate_send(t.e, &m, -1);
	ward_close(t.relay);
	t.relay = -1;
	turn();
	CHECK_STR_EQ(t.e->lost, "it has ended");
	end();
}

TEST(it_says_nothing_in_time)
{
	begin();
	t.e->late.ready_by = ward_now_mono_ns() + 20 * WARD_MS;
	CHECK(ward_egress_timeout(t.e) >= 0 && ward_egress_timeout(t.e) <= 21);
	turn();
	CHECK(t.e->lost);
	CHECK(told(WARD_EGRESS_LIMIT, "egress.relay"));
	end();
	/* It did. */
	begin();
	t.e->late.ready_by = ward_now_mono_ns() + 20 * WARD_MS;
	ready();
	CHECK_EQ_INT(ward_egress_timeout(t.e), -1);
	turn();
	turn();
	CHECK(!t.e->lost);
	end();
}

TAP_MAIN();
