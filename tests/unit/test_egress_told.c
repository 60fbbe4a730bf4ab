/* SPDX-License-Identifier: Apache-2.0 */
/* The gate, with stand-ins: what it tells, how much of it, and that a relay that says what cannot be is ended. */
#include "egress_gate_util.h"

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
		/* What no record could have. */
		{ .type = WARD_RELAY_LIMIT, .up = WARD_RELAY_NUMBER_MAX + 1 },
		{ .type = WARD_RELAY_LIMIT, .up = 1, .down = UINT64_MAX },
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
			/* It is dialled; where there is no network that comes to nothing. */
			CHECK(!told(WARD_EGRESS_BLOCK, "no_rule") &&
				!told(WARD_EGRESS_BLOCK, "no_port") &&
				!told(WARD_EGRESS_BLOCK, "no_name"));
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
	CHECK(ward_resolver_begin(&t.e->resolver, p[0], false));
	CHECK(ward_resolver_begin(&t.e->resolver, p[1], false));
	CHECK(!ward_resolver_begin(&t.e->resolver, p[2], false));
	CHECK(!ward_resolver_begin(&t.e->resolver, p[2], false));
	CHECK(!p[2]->lookup);
	CHECK_EQ_INT(t.e->resolver.paced, 1);
	CHECK(ward_egress_timeout(t.e) > 0);
	turn();
	CHECK(told(WARD_EGRESS_LIMIT, "egress.lookups"));
	t.e->resolver.pace.at -= 2000 * WARD_MS;
	t.e->resolver.paced_until -= 2000 * WARD_MS;
	turn();
	CHECK(ward_resolver_begin(&t.e->resolver, p[2], false));
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

/* However often the relay says how often. */
TEST(no_number_is_more_than_a_record_can_have)
{
	const struct ward_relay_msg m = { .type = WARD_RELAY_LIMIT, .up = WARD_RELAY_NUMBER_MAX };

	begin();
	ready();
	for (int i = 0; i < 2050; i++)
		say(&m);
	CHECK(!t.e->lost);
	end();
	CHECK(t.n_told > 0);
	for (size_t i = 0; i < t.n_told; i++)
		CHECK(t.told[i].count > 0 && t.told[i].count <= WARD_RELAY_NUMBER_MAX);
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

TAP_MAIN();
