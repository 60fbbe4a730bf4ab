/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints: that a capability and the policy which it compiles to say the same of every endpoint; whether there is any port at which a
 * name may be reached, asked of rules and of books, against all 65,535 of them; names that are made into their one spelling.
 */
#include "judge_util.h"

static const char *const caps[] = { "api.example.com:443", "API.Example.org:80,443",
	"*.one.org:80,443", "**.deep.net:8000-8080,22", "any.org:*", "*.any.net:*",
	"10.0.0.0/8:5432", "8.8.8.8:53", "[fd00::/8]:80", "[2600::1]:*", "0.0.0.0/0:22",
	"[2600::]:1-10",
	("b\xc3\xbc"
	 "cher.de:443") };
static const char *const hosts[] = { "api.example.com", "example.com", "x.api.example.com",
	"api.example.org", "a.one.org", "one.org", "a.b.one.org", "aone.org", "a.deep.net",
	"a.b.deep.net", "deep.net", "any.org", "x.any.net", "10.0.0.1", "10.255.255.255",
	"11.0.0.0", "8.8.8.8", "8.8.8.9", "[fd00::1]", "[fdff::1]", "[fe80::1]", "[2600::1]",
	"[2600::]", "169.254.169.254", "198.18.0.5", "[fd00:ec2::254]", "xn--bcher-kva.de", "com",
	"API.example.com", "api.example.com.", "[::ffff:10.0.0.1]", "localhost" };
static const unsigned ports[] = { 1, 10, 11, 22, 53, 80, 81, 442, 443, 444, 5432, 7999, 8000, 8040,
	8080, 8081, 65535 };

static struct ward_arena *arena;

/* A capability as a rule of a plan and as the text of a policy. */
static bool both(const char *cap, struct ward_rule *rule)
{
	struct ward_caps list = { .arena = arena };
	struct ward_sources to = { .arena = arena };
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	const char *arg = ward_arena_printf(arena, "NETWORK_CONNECT:%s", cap);
	bool ok;

	if (arg == NULL || ward_caps_add_arg(&list, arg, 1, &err) < 0 ||
		ward_sugar_caps(&to, &list, WARD_LAYER_RUN, NULL, &err) < 0 ||
		!ward_endpoint_parse(ward_str(cap), &e, &why))
		return false;
	ward_endpoint_text(&e, text);
	*rule = (struct ward_rule){ .type = WARD_CAP_NETWORK_CONNECT,
		.pattern = ward_arena_strdup(arena, text) };
	n_sources = 0;
	sources[n_sources++] = to.v[0];
	ok = rule->pattern != NULL && judge_book() == WARD_OK;
	ward_sources_done(&to);
	return ok;
}

TEST(sugar_is_the_rule)
{
	static struct ward_decision d;
	unsigned allowed = 0;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(caps); i++) {
		struct ward_rule rule;
		struct ward_rules rules = { &rule, 1 };

		arena = ward_arena_new(0);
		CASE("%s", caps[i]);
		REQUIRE(both(caps[i], &rule));
		for (size_t h = 0; h < WARD_ARRAY_SIZE(hosts); h++) {
			for (size_t p = 0; p < WARD_ARRAY_SIZE(ports); p++) {
				char resource[512];
				struct ward_question q = { .action = WARD_CAP_NETWORK_CONNECT,
					.resource = resource };

				snprintf(resource, sizeof(resource), "%s:%u", hosts[h], ports[p]);
				CASE("%s asked about %.100s", caps[i], resource);
				CHECK_EQ_INT(ward_decide(&rules, &q, &d, NULL), WARD_OK);
				ask("net.connect", resource);
				CHECK_EQ_INT(d.effect, verdict.effect);
				allowed += verdict.effect == WARD_ALLOW;
			}
		}
		ward_arena_free(arena);
	}
	CASE("%u allowed", allowed);
	CHECK_EQ_INT(allowed, 78);
}

/* The truth: ask at each of them. */
static bool at_any(const char *host)
{
	for (unsigned port = 1; port <= 65535; port++) {
		char resource[512];

		snprintf(resource, sizeof(resource), "%s:%u", host, port);
		ask("net.connect", resource);
		if (verdict.effect == WARD_ALLOW)
			return true;
	}
	return false;
}

#define CONNECT "permit (principal, action == Ward::Action::\"net.connect\", resource"
#define NEVER_CONNECT "forbid (principal, action == Ward::Action::\"net.connect\", resource"

TEST(any_port)
{
	static const char *const policies[] = {
		"",
		CONNECT " == Ward::Endpoint::\"a.org:47\");",
		CONNECT " in Ward::Domain::\"org\") when { resource.port == 5432 };",
		CONNECT
		" in Ward::Host::\"a.org\") when { resource.port > 8000 && resource.port < 8002 };",
		CONNECT " in Ward::Host::\"a.org\") when { [81, 9999].contains(resource.port) };",
		CONNECT " is Ward::Endpoint) when { resource.port >= 65535 };",
		CONNECT " is Ward::Endpoint) unless { resource.port <= 65534 };",
		CONNECT "); " NEVER_CONNECT
			" in Ward::Host::\"a.org\") unless { resource.port == 25 };",
		CONNECT "); " NEVER_CONNECT " in Ward::Host::\"a.org\");",
		CONNECT " in Ward::Host::\"b.org\"); " NEVER_CONNECT
			" == Ward::Endpoint::\"b.org:443\"); " NEVER_CONNECT
			" == Ward::Endpoint::\"b.org:80\");",
		CONNECT " is Ward::Endpoint) when { resource == Ward::Endpoint::\"a.org:99\" };",
		CONNECT " == Ward::Endpoint::\"a.org:47\"); " NEVER_CONNECT
			" is Ward::Endpoint) when { resource.port == 47 };",
		"permit (principal, action == Ward::Action::\"net.listen\", resource);",
		"@approval(\"risky\") " CONNECT " in Ward::Host::\"a.org\");",
	};
	static const char *const names[] = { "a.org", "b.org", "x.net" };
	unsigned yes = 0;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(policies); i++) {
		one_source(policies[i]);
		CASE("%s", policies[i]);
		REQUIRE(judge_book() == WARD_OK);
		for (size_t k = 0; k < WARD_ARRAY_SIZE(names); k++) {
			bool want = at_any(names[k]);
			struct ward_verdict v;

			CASE("%s in %s", names[k], policies[i]);
			CHECK_EQ_INT(ward_judge_any_port(book, desk, names[k], 1700000000000, &v),
				WARD_OK);
			CHECK_EQ_INT(v.effect == WARD_ALLOW, want);
			yes += want;
		}
	}
	CHECK_EQ_INT(yes, 18);
}

/* A question about a name is asked in the supervisor's loop: endpoints of other hosts make it no longer. */
TEST(endpoints_are_ports_of_their_own_host)
{
	size_t n;

	one_source(CONNECT " == Ward::Endpoint::\"a.org:47\");" CONNECT
			   " == Ward::Endpoint::\"b.org:5000\");" CONNECT
			   " == Ward::Endpoint::\"b.org:6000\") when { resource.port != 7000 };");
	REQUIRE(judge_book() == WARD_OK);
	(void)ward_book_ports(book, &n);
	CHECK_EQ_INT(n, 6);
}

/* A ceiling narrows by a list, and by forbidding, whatever is granted below it. */
TEST(who_narrows)
{
	one_source(CONNECT ");");
	add_source("ceiling.cedar", WARD_LAYER_CEILING, true, 0,
		CONNECT
		" in Ward::Domain::\"example.com\") when { resource.port == 443 };" NEVER_CONNECT
		" == Ward::Endpoint::\"bad.example.com:443\");");
	REQUIRE(judge_book() == WARD_OK);
	check_asks("net.connect a.example.com:443 allow granted\n"
		   "net.connect a.example.com:80 deny narrowed\n"
		   "net.connect a.example.org:443 deny narrowed\n"
		   "net.connect bad.example.com:443 deny forbidden\n"
		   "net.connect 169.254.169.254:443 deny never");
	CHECK_EQ_INT(ward_judge_any_port(book, desk, "a.example.org", 0, &verdict), WARD_OK);
	CHECK_EQ_INT(verdict.effect, WARD_DENY);
	CHECK_EQ_INT(verdict.why, WARD_WHY_NARROWED);
	CHECK_EQ_INT(ward_judge_any_port(book, desk, "bad.example.com", 0, &verdict), WARD_OK);
	CHECK_EQ_INT(verdict.effect, WARD_DENY);
	CHECK_EQ_INT(ward_judge_any_port(book, desk, "a.example.com", 0, &verdict), WARD_OK);
	CHECK_EQ_INT(verdict.effect, WARD_ALLOW);
}

/* Who asks for a name is not known: it is answered where some program may reach it. */
TEST(any_program)
{
	const char *program;
	size_t at = 0, n = 0;

	one_source(
		"@advisory(\"program\") " CONNECT
		" in Ward::Domain::\"a.org\") when { context has program && context.program == \"/bin/a\" };"
		"@advisory(\"program\") " CONNECT
		" in Ward::Domain::\"b.org\") unless { context has program && [\"/bin/b\", \"/bin/c\"].contains(context.program) };" CONNECT
		" in Ward::Domain::\"c.org\");" NEVER_CONNECT
		" in Ward::Domain::\"c.org\") unless { context has program && context.program == \"/bin/c\" };" NEVER_CONNECT
		" in Ward::Domain::\"none.c.org\");@approval(\"risky\") " CONNECT
		" in Ward::Domain::\"e.org\");@advisory(\"program\") " CONNECT
		" in Ward::Domain::\"e.org\") when { context has program && context.program == \"/bin/a\" };");
	REQUIRE(judge_book() == WARD_OK);
	CHECK(ward_book_asks_program(book));
	while ((program = ward_book_program(book, &at)) != NULL)
		n++;
	CHECK_EQ_INT(n, 4); /* these, and one that has no name */
	static const struct {
		const char *host;
		enum ward_effect effect;
		enum ward_why why;
	} asked[] = { { "x.a.org", WARD_ALLOW, WARD_WHY_GRANTED },
		{ "x.b.org", WARD_ALLOW, WARD_WHY_GRANTED },
		{ "x.c.org", WARD_ALLOW, WARD_WHY_GRANTED },
		{ "x.none.c.org", WARD_DENY, WARD_WHY_FORBIDDEN },
		{ "x.d.org", WARD_DENY, WARD_WHY_NO_RULE },
		/* Who is not asked about goes before who is. */
		{ "x.e.org", WARD_ALLOW, WARD_WHY_GRANTED } };
	for (size_t i = 0; i < WARD_ARRAY_SIZE(asked); i++) {
		CHECK_EQ_INT(ward_judge_any_port(book, desk, asked[i].host, 0, &verdict), WARD_OK);
		CHECK_EQ_INT(verdict.effect, asked[i].effect);
		CHECK_EQ_INT(verdict.why, asked[i].why);
	}
	static const struct {
		const char *at, *program;
		enum ward_effect effect;
	} rows[] = { { "x.a.org:443", "/bin/a", WARD_ALLOW },
		{ "x.a.org:443", "/bin/b", WARD_DENY }, { "x.a.org:443", NULL, WARD_DENY },
		{ "x.b.org:443", "/bin/b", WARD_DENY }, { "x.b.org:443", "/bin/a", WARD_ALLOW },
		{ "x.b.org:443", NULL, WARD_ALLOW }, { "x.c.org:443", "/bin/c", WARD_ALLOW },
		{ "x.c.org:443", "/bin/a", WARD_DENY }, { "x.c.org:443", NULL, WARD_DENY },
		{ "x.a.org:443", "/bin/\xff", WARD_DENY } };
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		const struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
			.resource = ward_str(rows[i].at),
			.program = rows[i].program };

		CHECK_EQ_INT(ward_judge(book, desk, &q, &verdict), WARD_OK);
		CHECK_EQ_INT(verdict.effect, rows[i].effect);
	}
}

/* What is spoken on it is looked at by nobody: what could be is no reason to connect. */
TEST(a_unix_socket_is_no_place_for_a_protocol)
{
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.thing = WARD_THING_PATH,
		.resource = WARD_STR("/run/other.sock") };

	for (int forbids = 0; forbids < 2; forbids++) {
		one_source(forbids ? CONNECT
				");" NEVER_CONNECT
				") unless { context has inspected && context.inspected == Ward::Protocol::\"tls\" };"
				   : CONNECT ");");
		REQUIRE(judge_book() == WARD_OK);
		CHECK_EQ_INT(ward_judge(book, desk, &q, &verdict), WARD_OK);
		CHECK_EQ_INT(verdict.effect, forbids ? WARD_DENY : WARD_ALLOW);
	}
}

/* An address that only a name is granted to lead to: nobody grants it, and what forbids all but one protocol forbids no connection. */
TEST(where_one_protocol_alone_may_go)
{
	static const struct {
		const char *inspected;
		enum ward_effect leads;
		enum ward_why itself;
	} rows[] = { { NULL, WARD_ALLOW, WARD_WHY_NO_RULE },
		{ "tls", WARD_ALLOW, WARD_WHY_NO_RULE },
		{ "http", WARD_DENY, WARD_WHY_FORBIDDEN } };
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT };

	one_source(CONNECT
		" in Ward::Domain::\"a.org\");" NEVER_CONNECT
		" == Ward::Endpoint::\"93.184.216.34:443\") unless { context has inspected && context.inspected == Ward::Protocol::\"tls\" };");
	REQUIRE(judge_book() == WARD_OK);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		CASE("%s", rows[i].inspected ? rows[i].inspected : "");
		q.inspected = rows[i].inspected;
		q.resource = ward_str("a.org:443");
		CHECK_EQ_INT(ward_judge_leads(book, desk, &q, "93.184.216.34", &verdict), WARD_OK);
		CHECK_EQ_INT(verdict.effect, rows[i].leads);
		q.resource = ward_str("93.184.216.34:443");
		CHECK_EQ_INT(ward_judge(book, desk, &q, &verdict), WARD_OK);
		CHECK_EQ_INT(verdict.why, rows[i].itself);
	}
}

/* A text that a rule compares it with whole is a program of the book's; of anything else there are more than it names. */
TEST(programs_that_no_text_names)
{
	static const struct {
		const char *when;
		bool unsure;
	} rows[] = { { "context.program == \"/bin/a\"", false },
		{ "\"/bin/a\" != context[\"program\"]", false },
		{ "[\"/bin/a\", \"/bin/b\"].contains(context.program)", false },
		{ "context.time < datetime(\"2030-01-01\")", false },
		{ "context.program like \"/bin/*\"", true },
		{ "!(context[\"program\"] like \"/bin/a*\")", true },
		{ "context.program == (if context has program then \"/bin/a\" else \"/bin/b\")",
			true },
		{ "[context.program].contains(\"/bin/a\")", true },
		{ "[\"/bin/a\", context.program].contains(context.program)", true },
		{ "(if true then context.program else \"/bin/a\") == \"/bin/a\"", true },
		{ "[context].contains(context)", true } };
	char text[400];

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		CASE("%s", rows[i].when);
		(void)snprintf(text, sizeof(text),
			CONNECT ");" NEVER_CONNECT ") when { context has program && (%s) };",
			rows[i].when);
		one_source(text);
		REQUIRE(judge_book() == WARD_OK);
		CHECK(ward_book_asks_program(book));
		CHECK_EQ_INT(ward_book_programs_unsure(book), rows[i].unsure);
	}
	one_source(CONNECT ") when { context.time < datetime(\"2030-01-01\") };");
	REQUIRE(judge_book() == WARD_OK);
	CHECK(!ward_book_programs_unsure(book));
}

TEST(any_port_of_rules)
{
	static const struct ward_rule v[] = { { .type = WARD_CAP_NETWORK_CONNECT,
						      .pattern = "a.org:443" },
		{ .type = WARD_CAP_NETWORK_CONNECT, .pattern = "*.one.org:22" },
		{ .type = WARD_CAP_NETWORK_CONNECT, .pattern = "10.0.0.0/8:*" },
		{ .type = WARD_CAP_NETWORK_CONNECT, .pattern = "told.org:443", .told = true },
		{ .type = WARD_CAP_NETWORK_LISTEN, .pattern = "listen.org:443" } };
	static const struct ward_rules rules = { v, WARD_ARRAY_SIZE(v) };

	CHECK(ward_decide_any_port(&rules, "a.org") == &v[0]);
	CHECK(ward_decide_any_port(&rules, "x.one.org") == &v[1]);
	CHECK_NULL(ward_decide_any_port(&rules, "one.org"));
	CHECK_NULL(ward_decide_any_port(&rules, "b.a.org"));
	CHECK_NULL(ward_decide_any_port(&rules, "10.0.0.1"));
	CHECK_NULL(ward_decide_any_port(&rules, "told.org"));
	CHECK_NULL(ward_decide_any_port(&rules, "listen.org"));
	CHECK_NULL(ward_decide_any_port(&rules, "A.org"));
	CHECK_NULL(ward_decide_any_port(&rules, "a.org."));
	CHECK_NULL(ward_decide_any_port(&rules, ""));
	CHECK_NULL(ward_decide_any_port(NULL, "a.org"));
}

/* The vectors of RFC 3492, 7.1 that are of letters that count as sure, and the rest of what a name may be. */
TEST(names)
{
	static const struct {
		const char *given, *want;
		enum ward_name_fault fault;
	} names[] = { { "b\xc3\xbc"
			"cher.de",
			      "xn--bcher-kva.de", WARD_NAME_OK },
		{ "\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d\xe8\xaf\xb4\xe4\xb8\xad\xe6\x96\x87",
			"xn--ihqwcrb4cv8a8dqg056pqjye", WARD_NAME_OK },
		{ "3\xe5\xb9\xb4"
		  "b\xe7\xb5\x84\xe9\x87\x91\xe5\x85\xab\xe5\x85\x88\xe7\x94\x9f",
			"xn--3b-ww4c5e180e575a65lsy2b", WARD_NAME_OK },
		{ "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84",
			"xn--e1afmkfd.xn--p1ai", WARD_NAME_OK },
		{ "A.B", "a.b", WARD_NAME_OK }, { "a.b.", "a.b", WARD_NAME_DOT },
		{ ".", "", WARD_NAME_BAD }, { "", "", WARD_NAME_BAD },
		{ "a..b", "", WARD_NAME_BAD }, { "a.1", "a.1", WARD_NAME_NUMBER },
		{ "0x7f000001", "", WARD_NAME_NUMBER }, { "a.0X7F", "", WARD_NAME_NUMBER },
		{ "a.0x", "", WARD_NAME_NUMBER }, { "a.0xg", "a.0xg", WARD_NAME_OK },
		{ "0x1.a", "0x1.a", WARD_NAME_OK }, { "1.a", "1.a", WARD_NAME_OK },
		{ "-a", "", WARD_NAME_BAD }, { "a-", "", WARD_NAME_BAD },
		{ "a_b", "a_b", WARD_NAME_OK }, { "_A_.b", "_a_.b", WARD_NAME_OK },
		{ "a.0x_", "a.0x_", WARD_NAME_OK }, { "a+b", "", WARD_NAME_BAD },
		{ "a_-", "", WARD_NAME_BAD }, { "b\xc3\xbc_c", "", WARD_NAME_BAD },
		{ "stra\xc3\x9f"
		  "e.de",
			"", WARD_NAME_LETTERS },
		{ "\xff.de", "", WARD_NAME_BAD } };
	char out[WARD_NAME_SIZE], whole[300];

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		CASE("%s", names[i].given);
		CHECK_EQ_INT(ward_name_normalize(ward_str(names[i].given), out), names[i].fault);
		if (names[i].fault != WARD_NAME_NUMBER)
			CHECK_STR_EQ(out, names[i].want);
	}
	CHECK_EQ_INT(ward_name_normalize((struct ward_str){ "a\0b", 3 }, out), WARD_NAME_BAD);
	CASE("%s", "lengths");
	for (size_t n = 60; n < 260; n++) {
		memset(whole, 'a', sizeof(whole));
		for (size_t i = 63; i < n; i += 64)
			whole[i] = '.';
		CHECK_EQ_INT(ward_name_normalize((struct ward_str){ whole, n }, out),
			n > 253 || n % 64 == 0 ? (n <= 253 ? WARD_NAME_DOT : WARD_NAME_BAD)
					       : WARD_NAME_OK);
	}
	memset(whole, 'a', 64);
	CHECK_EQ_INT(ward_name_normalize((struct ward_str){ whole, 63 }, out), WARD_NAME_OK);
	CHECK_EQ_INT(ward_name_normalize((struct ward_str){ whole, 64 }, out), WARD_NAME_BAD);
}

TEST(limits_of_the_network)
{
	static const char *const bad[] = { "", "rate", "rate=", "=5", "rate=0", "rate=-1",
		"rate=5x", "rate=5,", ",rate=5", "rate=5,rate=6", "burst=5", "Rate=5", "rate =5",
		"bytes-up=1X", "idle=0", "idle=1w", "names=4097", "connections=8193", "rate=20001",
		"connections-total=4294967296" };
	struct ward_net_limits l = { { 0 } }, before;
	struct ward_buf b = WARD_BUF_INIT;

	CHECK_EQ_INT(ward_net_limits_parse("bytes-up=10M,rate=5,idle=90s", &l, &err), WARD_OK);
	CHECK_EQ_INT(ward_net_limits_parse("bytes-down=1000,time=1500ms", &l, &err), WARD_OK);
	ward_net_limits_text(&l, &b);
	CHECK_STR_EQ(ward_buf_cstr(&b), "rate=5,bytes-up=10M,bytes-down=1000,idle=90s,time=1500ms");
	before = l;
	CHECK(ward_net_limits_parse("names=5,rate=6", &l, &err) < 0);
	CHECK(memcmp(&before, &l, sizeof(l)) == 0);
	ward_net_limits_default(&l);
	CHECK_EQ_UINT(l.v[WARD_NET_IDLE], 90000);
	CHECK_EQ_UINT(l.v[WARD_NET_NAMES], WARD_EGRESS_NAMES_MAX);
	CHECK_EQ_UINT(l.v[WARD_NET_BYTES_UP], 10u << 20);
	TABLE(text, bad) {
		struct ward_net_limits none = { { 0 } };

		CASE("%s", *text);
		CHECK(ward_net_limits_parse(*text, &none, &err) < 0);
	}
	ward_buf_done(&b);
}

TAP_MAIN();
