/* SPDX-License-Identifier: Apache-2.0 */
/* Where policies look at what is spoken, the gate has the last word of it, and knows each word that they may use. */
#include "egress_gate_util.h"

#include "policy/vocabulary.h"

static const struct {
	enum ward_relay_spoken value;
	const char *name, *word;
} said[] = {
	{ WARD_SPOKEN_UNKNOWN, "", "none" },
	{ WARD_SPOKEN_TLS, "good.example", "tls" },
	{ WARD_SPOKEN_TLS_ECH, "good.example", "tls_ech" },
	{ WARD_SPOKEN_HTTP, "good.example", "http" },
	{ WARD_SPOKEN_HTTP2, "good.example", "http2" },
	{ WARD_SPOKEN_SSH, "", "ssh" },
	{ WARD_SPOKEN_POSTGRES, "", "postgres" },
};

static struct ward_relay_msg seen(size_t i)
{
	struct ward_relay_msg m = { .type = WARD_RELAY_SEEN, .id = 1, .value = said[i].value };

	(void)snprintf(m.name, sizeof(m.name), "%s", said[i].name);
	return m;
}

static void begin_spoken(void)
{
	begin();
	t.address_allowed = "127.0.0.1";
	t.inspects = true;
	ready();
}

TEST(words_are_those_of_the_schema)
{
	size_t n = 0;

	for (size_t i = 0; i < ward_enumerated_n; i++) {
		bool there = !ward_streq(ward_enumerated[i].type, "Protocol");

		n += !there;
		for (size_t k = 0; k < WARD_ARRAY_SIZE(said); k++)
			there = there || ward_streq(ward_enumerated[i].word, said[k].word);
		CHECK(there);
	}
	CHECK_EQ_INT(n, WARD_ARRAY_SIZE(said));
	CHECK_EQ_INT(n, WARD_SPOKEN_MAX - 1); /* what is broken is none */
}

TEST(each_word_is_refused_by_its_rule_alone)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(said); i++) {
		for (size_t k = 0; k < 2 * WARD_ARRAY_SIZE(said); k++) {
			bool led = k >= WARD_ARRAY_SIZE(said);
			const char *word = said[k % WARD_ARRAY_SIZE(said)].word;
			struct ward_relay_msg m = seen(i);
			size_t n_fds;

			CASE("%s %s %d", said[i].word, word, led);
			begin_spoken();
			*(led ? &t.spoken_not_led : &t.spoken_not) = word;
			CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
			CHECK_EQ_INT(t.last.value, 0);
			say(&m);
			CHECK_EQ_INT(hear(&m, NULL), 1);
			CHECK_EQ_INT(m.type,
				ward_streq(said[i].word, word) ? WARD_GATE_REFUSED
							       : WARD_GATE_PASS);
			CHECK(told(WARD_EGRESS_BLOCK, "protocol_forbidden") ==
				ward_streq(said[i].word, word));
			end();
		}
	}
}

/* Where it leads is known later than what is spoken: then it is not dialled through, and nothing says that it was. */
TEST(spoken_before_it_is_dialled)
{
	for (int led = 0; led < 2; led++) {
		struct ward_relay_msg ask = named("good.example"), m = seen(1), open;
		int r = 0;

		CASE("%d", led);
		begin_spoken();
		t.spoken_not_led = led ? "tls" : NULL;
		say(&ask);
		REQUIRE(hear(&open, NULL) == 1);
		open = opened(1, open.v4);
		say(&open);
		say(&m);
		CHECK_EQ_INT(hear(&m, NULL), 1);
		CHECK_EQ_INT(m.type, WARD_GATE_PASS);
		(void)serve("127.0.0.1");
		for (int i = 0; i < 20 && r == 0; i++) {
			turn();
			r = hear(&m, NULL);
		}
		CHECK_EQ_INT(r, 1);
		CHECK_EQ_INT(m.type, led ? WARD_GATE_REFUSED : WARD_GATE_DIALED);
		CHECK_EQ_INT(told(WARD_EGRESS_OPEN, "") != 0, !led);
		end();
	}
}

/* Somebody listens at an address of this host that is no loopback; family 0: it has none. */
static struct ward_relay_addr own_listener(int *ret_fd)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xcb007101)
	}; /* nothing is sent */
	struct ward_relay_addr own = { .family = 4 };
	socklen_t n = sizeof(a);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*ret_fd = -1;
	if (connect(udp, (const struct sockaddr *)&a, n) < 0 ||
		getsockname(udp, (struct sockaddr *)&a, &n) < 0)
		own.family = 0;
	ward_close(udp);
	if (!own.family)
		return own;
	a.sin_port = 0;
	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(*ret_fd, (const struct sockaddr *)&a, n) < 0 || listen(*ret_fd, 8) < 0)
		abort();
	own.port = port_of(*ret_fd);
	memcpy(own.a, &a.sin_addr, 4);
	return own;
}

/* A name that a person would have to say yes to is none that a client may name behind an address, whatever it speaks. */
TEST(nobody_says_yes_by_what_is_spoken)
{
	for (int i = 0; i < 4; i++) {
		struct ward_relay_msg m = { .type = WARD_RELAY_SEEN,
			.id = 1,
			.value = WARD_SPOKEN_HTTP,
			.name = "held.example" };
		char text[WARD_ADDRESS_TEXT_MAX];
		struct ward_relay_addr own;
		int fd, heard;

		CASE("%d", i);
		begin();
		own = own_listener(&fd);
		if (!own.family) {
			end();
			SKIP("no address here but the loopback's");
		}
		t.address_allowed = ward_address_text(&own, text);
		t.inspects = i & 1;
		t.held = i & 2 ? WARD_ALLOW : WARD_ASK;
		ready();
		say(&(struct ward_relay_msg){ .type = WARD_RELAY_OPEN,
			.id = 1,
			.to = own,
			.from = { .family = 4, .port = 4000, .a = { 198, 18, 0, 2 } } });
		say(&m);
		do
			heard = hear(&m, NULL);
		while (heard == 1 && m.type == WARD_GATE_DIALED);
		CHECK_EQ_INT(heard, 1);
		CHECK_EQ_INT(m.type, i & 2 ? WARD_GATE_PASS : WARD_GATE_REFUSED);
		ward_close(fd);
		end();
	}
}

/* Nor to the address that one carries, which was said yes to after its client had spoken. */
TEST(nobody_says_yes_to_what_an_address_carries)
{
	const struct ward_relay_addr to = {
		.family = 6, .port = 9, .a = { 0, 0x64, 0xff, 0x9b, [12] = 10, [15] = 1 }
	};
	char text[WARD_ADDRESS_TEXT_MAX];

	for (int inspects = 0; inspects < 2; inspects++) {
		struct ward_relay_msg m = {
			.type = WARD_RELAY_SEEN, .id = 1, .value = WARD_SPOKEN_HTTP
		};

		CASE("%d", inspects);
		begin();
		t.inspects = inspects;
		t.held = WARD_ASK;
		t.address_held = ward_address_text(&to, text);
		t.address_asked = "10.0.0.1";
		ready();
		say(&(struct ward_relay_msg){ .type = WARD_RELAY_OPEN,
			.id = 1,
			.to = to,
			.from = { .family = 4, .port = 4000, .a = { 198, 18, 0, 2 } } });
		(void)snprintf(m.name, sizeof(m.name), "%s", text);
		say(&m);
		REQUIRE(hear(&m, NULL) == 1);
		CHECK_EQ_INT(m.type, WARD_GATE_PASS);
		t.held = WARD_ALLOW;
		ward_egress_answered(t.e);
		CHECK_EQ_INT(hear(&m, NULL), 1);
		CHECK_EQ_INT(m.type, WARD_GATE_REFUSED);
		CHECK(told(WARD_EGRESS_BLOCK, "address_class"));
		end();
	}
}

TEST(nothing_goes_on_without_a_word)
{
	struct ward_relay_msg m = seen(1);
	size_t n_fds;

	begin_spoken();
	CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
	m.value |= WARD_SEEN_PASSED;
	say(&m);
	CHECK_EQ_INT(hear(&m, NULL), -1);
	end();
}

/* A ceiling may have come since: what the relay was let do it may have done, and what it asks is judged as things are. */
TEST(policies_that_came_later_count_from_then_on)
{
	for (int passed = 0; passed < 2; passed++) {
		struct ward_relay_msg m = seen(1);
		size_t n_fds;

		CASE("%d", passed);
		begin_spoken();
		t.inspects = false;
		CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
		CHECK_EQ_INT(t.last.value, 1);
		t.inspects = true;
		t.spoken_not = "tls";
		m.value |= passed ? WARD_SEEN_PASSED : 0;
		say(&m);
		CHECK_EQ_INT(hear(&m, NULL), passed ? 0 : 1);
		CHECK_EQ_INT(told(WARD_EGRESS_BLOCK, "protocol_forbidden"), !passed);
		end();
	}
}

TEST(what_is_undecided)
{
	static const struct {
		const char * not, *led;
		enum ward_relay_type answer;
	} rows[] = { { "tls_ech", NULL, WARD_GATE_PASS }, { "none", NULL, WARD_GATE_REFUSED },
		{ NULL, "none", WARD_GATE_REFUSED } };

	TABLE(row, rows) {
		struct ward_relay_msg m = { .type = WARD_RELAY_SEEN,
			.id = 1,
			.value = WARD_SPOKEN_UNKNOWN | WARD_SEEN_SOME };
		size_t n_fds;

		CASE("%s %s", row->not ? row->not : "", row->led ? row->led : "");
		begin_spoken();
		t.spoken_not = row->not ;
		t.spoken_not_led = row->led;
		CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
		say(&m);
		CHECK_EQ_INT(hear(&m, NULL), 1);
		CHECK_EQ_INT(m.type, row->answer);
		CHECK_EQ_INT(m.value, row->answer == WARD_GATE_PASS);
		if (row->answer == WARD_GATE_PASS) {
			/* It becomes something, once; and is not asked about again. */
			m = seen(3);
			say(&m);
			CHECK_EQ_INT(hear(&m, NULL), 1);
			CHECK(m.type == WARD_GATE_PASS && m.value == 0);
			m = (struct ward_relay_msg){ .type = WARD_RELAY_SEEN,
				.id = 1,
				.value = WARD_SPOKEN_UNKNOWN | WARD_SEEN_SOME };
			say(&m);
			CHECK_EQ_INT(hear(&m, NULL), -1);
		}
		end();
	}
}

TEST(what_cannot_be_undecided)
{
	static const struct {
		uint32_t value;
		const char *name;
		bool dialled;
	} rows[] = {
		{ WARD_SPOKEN_TLS | WARD_SEEN_SOME, "", true },
		{ WARD_SPOKEN_UNKNOWN | WARD_SEEN_SOME | WARD_SEEN_PASSED, "", true },
		{ WARD_SPOKEN_UNKNOWN | WARD_SEEN_SOME, "good.example", true },
	};

	TABLE(row, rows) {
		struct ward_relay_msg m = { .type = WARD_RELAY_SEEN, .id = 1, .value = row->value };
		size_t n_fds;

		CASE("%x %s", row->value, row->name);
		begin_spoken();
		CHECK_EQ_INT(connects("127.0.0.1", &n_fds), WARD_GATE_DIALED);
		(void)snprintf(m.name, sizeof(m.name), "%s", row->name);
		say(&m);
		CHECK_EQ_INT(hear(&m, NULL), -1);
		end();
	}
}

TAP_MAIN();
