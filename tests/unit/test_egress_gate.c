/* SPDX-License-Identifier: Apache-2.0 */
/* The gate, with stand-ins: what it answers, what it asks, what is dialled, and which first bytes go on. */
#include "egress_gate_util.h"

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

static void asks_for(const char *name, uint32_t type, uint32_t rcode, const char *why)
{
	static const uint8_t none[16];
	struct ward_relay_msg m, ask = named(name);

	ask.value = type;
	t.n_told = 0;
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK_EQ_INT(m.value, rcode);
	CHECK(memcmp(m.v4, none, 4) == 0 && memcmp(m.v6, none, 16) == 0);
	CHECK_EQ_INT(t.n_told, 1);
	CHECK(told(WARD_EGRESS_DNS_BLOCK, why));
	CHECK_STR_EQ(t.told[0].name, name);
	CHECK(ward_pinned_find(&t.e->pins, name) == NULL);
	CHECK_EQ_INT(serve("127.0.0.1"), 0);
}

/* No addresses, so nothing is pinned, and nobody outside is asked; and what kind it was is on record. */
TEST(a_question_that_is_not_for_addresses)
{
	begin();
	ready();
	asks_for("good.example", 15, 0, "no_type");
	CHECK_STR_EQ(t.told[0].text, "a question for MX: only addresses are answered");
	/* What of a name was asked for is told of each kind. */
	asks_for("good.example", 16, 0, "no_type");
	CHECK_STR_EQ(t.told[0].text, "a question for TXT: only addresses are answered");
	asks_for("_ldap._tcp.evil.example", 33, 3, "no_type");
	CHECK_STR_EQ(t.told[0].text,
		"a question for SRV: only of names that a rule grants, by TCP (_SERVICE._tcp.NAME)");
	asks_for("_acme-challenge.good.example", 4711, 3, "no_type");
	CHECK_STR_EQ(t.told[0].text, "a question for type 4711: only addresses are answered");
	asks_for("evil.example", 16, 3, "no_rule");
	asks_for("1.0.0.10.in-addr.arpa", 16, 3, "no_host");
	CHECK(!ward_egress_is_violation("no_type"));
	end();
}

/* The host's programs would find it by "search"; it is not asked for, and told. */
TEST(a_short_name_that_is_not_there)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ "db", "the name has no address outside, as it is; if the host's db.corp.example is meant, use and grant that" },
		{ "db.prod", "the name has no address outside" },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		struct ward_relay_msg m, ask = named(rows[i].name);
		struct ward_pinned *p;

		begin();
		ready();
		t.any_name = true;
		say(&ask);
		REQUIRE(hear(&m, NULL) == 1);
		(void)serve("127.0.0.1");
		p = ward_pinned_find(&t.e->pins, rows[i].name);
		REQUIRE(p != NULL);
		for (int turns = 0; p->lookup && turns < 1000; turns++)
			turn();
		REQUIRE(!p->lookup);
		p->found = WARD_FOUND_NONE;
		p->until = UINT64_MAX;
		t.e->resolver.conf.n_search = 1;
		(void)snprintf(t.e->resolver.conf.search[0], 16, "corp.example");
		m = opened(1, m.v4);
		say(&m);
		REQUIRE(hear(&m, NULL) == 1);
		CHECK_EQ_INT(m.type, WARD_GATE_REFUSED);
		CHECK(told(WARD_EGRESS_BLOCK, "not_resolved"));
		CHECK_STR_EQ(t.told[t.n_told - 1].text, rows[i].text);
		end();
	}
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

/* The process has no descriptor left; or, shared, as many are out there as may be. Returns how many were added to these. */
static size_t lack(bool shared, struct rlimit *ret_before)
{
	int lowest = dup(t.relay), fd;
	struct rlimit l;
	size_t n = 0;

	REQUIRE(lowest >= 0 && getrlimit(RLIMIT_NOFILE, ret_before) == 0);
	ward_close(lowest);
	l = *ret_before;
	l.rlim_cur = shared ? 64 : (rlim_t)lowest;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &l) == 0);
	while (shared && (fd = ward_limits_socket(AF_INET, SOCK_STREAM, false)) >= 0) {
		ward_close(fd);
		n++;
	}
	return n;
}

/* No address has failed by it, and no name server was silent: it waits. */
TEST(what_has_no_descriptor_waits_for_one)
{
	static const struct {
		bool early, shared; /* the name is to be looked up yet */
	} rows[] = { { false, false }, { false, true }, { true, false }, { true, true } };

	TABLE(row, rows) {
		struct ward_relay_msg m, ask = named("good.example");
		struct rlimit before;
		size_t n = 0;

		CASE("%d %d", row->early, row->shared);
		begin();
		t.address_allowed = "127.0.0.1";
		ready();
		if (row->early)
			n = lack(row->shared, &before);
		say(&ask);
		REQUIRE(hear(&m, NULL) == 1);
		if (!row->early) {
			const struct ward_pinned *p = ward_pinned_find(&t.e->pins, "good.example");

			CHECK_EQ_INT(serve("127.0.0.1"), 2);
			for (int i = 0; i < 100 && p->lookup; i++)
				turn();
			CHECK_EQ_INT(p->found, WARD_FOUND_SOME);
			n = lack(row->shared, &before);
		}
		m = opened(1, m.v4);
		say(&m);
		for (int i = 0; i < 8; i++) {
			turn();
			CHECK_EQ_INT(hear(&m, NULL), 0);
		}
		REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
		while (n-- > 0)
			ward_limits_gone();
		m.type = 0;
		for (int i = 0; i < 100 && hear(&m, NULL) == 0; i++) {
			turn();
			if (row->early && i == 8)
				CHECK_EQ_INT(serve("127.0.0.1"), 2);
		}
		CHECK_EQ_INT(m.type, WARD_GATE_DIALED);
		end();
	}
}

/* A process of few descriptors has as few out there. */
TEST(what_is_tried_is_a_part_of_the_descriptors)
{
	struct rlimit before, l;

	REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
	l = before;
	l.rlim_cur = 256;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &l) == 0);
	begin();
	CHECK_EQ_INT(t.e->dials_max, 32);
	CHECK_EQ_INT(t.e->slow_max, 64);
	CHECK_EQ_INT(t.e->resolver.most, 16);
	CHECK_EQ_INT(t.e->resolver.most_slow, 16);
	end();
	CHECK_EQ_INT(ward_limits_part(512, 1024), 1);
	CHECK_EQ_INT(ward_limits_part(512, 1), 256);
	REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TAP_MAIN();
