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
	CHECK(told(WARD_EGRESS_LIMIT, "egress.relay"));
	CHECK(t.e->inside.listener[0] < 0 && !ward_egress_came(t.e, false, NULL));
	asks();
	turn();
	CHECK(t.e->relay.pidfd < 0);
	end_late();
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
