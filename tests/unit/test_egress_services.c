/* SPDX-License-Identifier: Apache-2.0 */
/* Questions for services, with stand-ins: which are asked outside and how often, which servers are told, and what is said of the rest. */
#include "egress_gate_util.h"

#include "egress/upstream/upstream.h"

#define SERVICE "_db._tcp.good.example"

/* The next one; 0: none. */
static uint32_t asks(uint32_t id, const char *name, struct ward_relay_msg *ret)
{
	struct ward_relay_msg ask = named(name);

	ask.id = id;
	ask.value = WARD_DNS_SRV;
	say(&ask);
	return hear(ret, NULL) == 1 ? ret->type : 0;
}

/* Of the last that was told. */
static const char *said(void)
{
	return t.n_told ? t.told[t.n_told - 1].text : "";
}

/* Answers the gate's next question with these servers ("" = the root: none), port 80, of no time to live, in this order; -1: it asked nothing. */
static int serve_servers(const char *const *v, size_t n)
{
	uint8_t q[1024], *p;
	struct sockaddr_in from;
	socklen_t n_from = sizeof(from);
	struct pollfd wait = { t.dns, POLLIN, 0 };

	(void)poll(&wait, 1, 50);
	if (recvfrom(t.dns, q, 512, 0, (struct sockaddr *)&from, &n_from) < 20)
		return -1;
	q[2] = 0x81;
	q[3] = 0x80;
	q[7] = (uint8_t)n;
	q[11] = 0;
	p = q + 12 + strlen((char *)q + 12) + 1 + 4;
	for (size_t i = 0; i < n; i++) {
		const uint8_t rr[18] = { 0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 0, 0,
			(uint8_t)(6 + strlen(v[i]) + 2), 0, 1, 0, 1, (uint8_t)(t.port >> 8),
			(uint8_t)t.port };
		const char *at = v[i];

		memcpy(p, rr, sizeof(rr));
		p += sizeof(rr);
		for (size_t label; *at; at += label + (at[label] == '.')) {
			label = strcspn(at, ".");
			*p++ = (uint8_t)label;
			memcpy(p, at, label);
			p += label;
		}
		*p++ = 0;
	}
	(void)sendto(t.dns, q, (size_t)(p - q), 0, (struct sockaddr *)&from, n_from);
	for (int i = 0; i < 20 && t.e->resolver.first; i++)
		turn();
	return 0;
}

TEST(a_service_is_asked_once_a_minute)
{
	static const char *const one[] = { "good.example" };
	struct ward_relay_msg m;

	begin();
	ready();
	CHECK_EQ_INT(asks(7, SERVICE, &m), 0);
	/* Who asks again while it is asked is who waits. */
	CHECK_EQ_INT(asks(8, SERVICE, &m), WARD_GATE_ANSWER);
	CHECK(m.id == 7 && m.value == 2);
	CHECK_EQ_INT(serve_servers(one, 1), 0);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(m.type == WARD_GATE_SERVER && m.id == 8 && m.to.port == t.port);
	CHECK_STR_EQ(m.name, "good.example");
	REQUIRE(hear(&m, NULL) == 1);
	CHECK(m.type == WARD_GATE_ANSWER && m.id == 8 && m.value == 0 && m.up == 0);
	/* Whatever its owner says of how long that holds. */
	(void)poll(NULL, 0, 1100);
	for (uint32_t id = 9; id < 12; id++) {
		CHECK_EQ_INT(asks(id, SERVICE, &m), WARD_GATE_SERVER);
		REQUIRE(hear(&m, NULL) == 1);
		CHECK_EQ_INT(m.value, 0);
	}
	CHECK_EQ_INT(serve_servers(one, 1), -1);
	end();
}

TEST(there_are_so_many_services)
{
	struct ward_relay_msg m;
	char name[64];

	begin();
	ready();
	t.e->resolver.most = 1000;
	for (unsigned i = 0; i < WARD_EGRESS_SERVICES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "_s%u._tcp.good.example", i);
		CHECK_EQ_INT(asks(100 + i, name, &m), 0);
		CHECK(i > 0 || serve_servers(NULL, 0) == 0);
		CHECK(i > 0 || (hear(&m, NULL) == 1 && m.value == 3));
	}
	/* A mirror more is no violation: there is none of its services. */
	t.n_told = 0;
	CHECK_EQ_INT(asks(7, SERVICE, &m), WARD_GATE_ANSWER);
	CHECK_EQ_INT(m.value, 3);
	CHECK(told(WARD_EGRESS_DNS_BLOCK, "no_type"));
	CHECK_STR_EQ(said(), "a question for SRV: more services than one run may ask for");
	/* Those that are known go on; all of them are of one name. */
	CHECK_EQ_INT(asks(8, "_s0._tcp.good.example", &m), WARD_GATE_ANSWER);
	CHECK_EQ_INT(m.value, 3);
	CHECK_EQ_INT(t.e->pins.n, 1);
	end();
}

TEST(a_service_counts_as_its_name)
{
	struct ward_relay_msg m, ask = named("b.example");

	begin();
	ready();
	t.any_name = true;
	t.e->limits.v[WARD_NET_NAMES] = 1;
	CHECK_EQ_INT(asks(7, "_db._tcp.a.example", &m), 0);
	CHECK_EQ_INT(asks(8, "_ws._tcp.a.example", &m), 0);
	CHECK_EQ_INT(asks(9, "_db._tcp.b.example", &m), WARD_GATE_ANSWER);
	CHECK(m.id == 9 && m.value == 5);
	CHECK(told(WARD_EGRESS_DNS_BLOCK, "budget_names"));
	say(&ask);
	REQUIRE(hear(&m, NULL) == 1);
	CHECK_EQ_INT(m.value, 5);
	CHECK_EQ_INT(serve_servers(NULL, 0), 0);
	CHECK_EQ_INT(serve_servers(NULL, 0), 0);
	CHECK_EQ_INT(serve_servers(NULL, 0), -1);
	end();
}

TEST(why_nobody_is_asked_for_it)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ "_db._tcp.evil.example",
			"only of names that a rule grants, by TCP (_SERVICE._tcp.NAME)" },
		{ "_db._tcp.broken.example",
			"only of names that a rule grants, by TCP (_SERVICE._tcp.NAME)" },
		{ "_db._tcp.1.0.0.10.in-addr.arpa",
			"only of names that a rule grants, by TCP (_SERVICE._tcp.NAME)" },
		{ "_db._tcp.held.example",
			"only of names that are granted without asking a person" },
		{ "_db._tcp.host.ward.internal", "the host tells of none" },
		{ "_db._udp.good.example",
			"only by TCP (_SERVICE._tcp.NAME, SERVICE of at most 15 letters, digits and hyphens)" },
		{ "_0123456789abcdef._tcp.good.example",
			"only by TCP (_SERVICE._tcp.NAME, SERVICE of at most 15 letters, digits and hyphens)" },
		{ SERVICE, "not of names that go by the proxy of the host" },
	};
	const struct ward_upstream up = { .host = "proxy.example", .text = "proxy.example:9" };
	struct ward_relay_msg m;

	begin();
	ready();
	t.held = WARD_ASK;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		if (i + 1 == WARD_ARRAY_SIZE(rows))
			t.e->upstream = &up;
		t.n_told = 0;
		CHECK_EQ_INT(asks(7, rows[i].name, &m), WARD_GATE_ANSWER);
		CHECK_EQ_INT(m.value, 3);
		CHECK(told(WARD_EGRESS_DNS_BLOCK, "no_type"));
		REQUIRE(ward_has_prefix(said(), "a question for SRV: "));
		CHECK_STR_EQ(said() + 20, rows[i].text);
	}
	CHECK_EQ_INT(serve_servers(NULL, 0), -1);
	CHECK_EQ_INT(t.e->pins.n, 0);
	end();
}

/* One cause, one record: whichever order they come in, and however often. */
TEST(servers_that_take_turns_are_told_once)
{
	static const char *const turns[][2] = { { "b.example", "a.example" },
		{ "a.example", "b.example" } };
	struct ward_relay_msg m;

	begin();
	ready();
	for (uint32_t i = 0; i < 2; i++) {
		CHECK_EQ_INT(asks(7 + i, SERVICE, &m), 0);
		CHECK_EQ_INT(serve_servers(turns[i], 2), 0);
		REQUIRE(hear(&m, NULL) == 1);
		CHECK(m.type == WARD_GATE_ANSWER && m.value == 3);
		t.e->resolver.conf_no++; /* nothing is known any more */
	}
	for (size_t i = 0, n = 0; i < t.n_told; i++) {
		if (t.told[i].kind != WARD_EGRESS_DNS_BLOCK)
			continue;
		CHECK_EQ_INT(t.told[i].noted, n++ == 0);
		CHECK(strstr(t.told[i].text, "a.example:") < strstr(t.told[i].text, "b.example:"));
	}
	CHECK(told(WARD_EGRESS_DNS_BLOCK, "no_type"));
	end();
}

TEST(what_the_hosts_file_has_is_asked_of_nobody)
{
	char path[] = "/tmp/ward-test-hosts-XXXXXX";
	int fd = mkstemp(path);
	struct ward_relay_msg m;

	begin();
	ready();
	REQUIRE(fd >= 0 && dprintf(fd, "192.0.2.7 good.example\n") > 0);
	t.e->resolver.hosts_file = path;
	CHECK_EQ_INT(asks(7, SERVICE, &m), WARD_GATE_ANSWER);
	CHECK_EQ_INT(m.value, 3);
	CHECK_EQ_INT(serve_servers(NULL, 0), -1);
	ward_close(fd);
	(void)unlink(path);
	end();
}

TEST(services_leave_names_their_places)
{
	struct ward_relay_msg m, ask = named("good.example");
	char name[64];

	begin();
	ready();
	t.e->resolver.most = 8;
	for (unsigned i = 0; i < 8; i++) {
		(void)snprintf(name, sizeof(name), "_s%u._tcp.good.example", i);
		CHECK_EQ_INT(asks(100 + i, name, &m), 0);
	}
	CHECK_EQ_INT(t.e->resolver.n, 2);
	say(&ask);
	CHECK_EQ_INT(hear(&m, NULL), 1);
	CHECK_EQ_INT(t.e->resolver.n, 3);
	end();
}

TAP_MAIN();
