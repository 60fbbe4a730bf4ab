/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NETWORK_CONNECT by what rules name (decide/net.c) answers as if the rules were looked through one by one: random sets of rules, of a
 * small alphabet so that they meet, and questions of the same alphabet, from a seed; and that its time does not grow with the rules.
 */
#include <time.h>

#include "alloc_fail.h"
#include "pattern_util.h"

#include "decide/decide.h"

#define RULES 48
#define ROUNDS 3000
#define QUESTIONS 40

static struct ward_rule v[5000];
static char texts[5000][WARD_ENDPOINT_TEXT_MAX];

static const char *const labels[] = { "a", "b", "ab", "x-1", "com" };
static const char *const four[] = { "10.0.0.1", "10.0.0.2", "10.1.0.1", "127.0.0.1", "8.8.8.8",
	"169.254.169.254", "192.168.1.1", "126.0.0.1", "0.0.0.1", "255.255.255.255", "11.0.0.1" };
static const char *const six[] = { "::1", "2600::1", "2600::2", "fd00::1", "fd00::ffff:1",
	"64:ff9b::a00:1", "fe80::1", "2600:8000::1" };

static char *make_name(char *p, unsigned max)
{
	for (unsigned n = 1 + draw(max); n > 0; n--) {
		p = stpcpy(p, labels[draw(WARD_ARRAY_SIZE(labels))]);
		if (n > 1)
			*p++ = '.';
	}
	*p = '\0';
	return p;
}

static char *make_port(char *p)
{
	static const unsigned ports[] = { 1, 22, 80, 443, 444, 8000, 8080, 65534, 65535 };

	return p + sprintf(p, "%u", ports[draw(WARD_ARRAY_SIZE(ports))]);
}

static void make_ports(char *p)
{
	if (draw(8) == 0) {
		(void)stpcpy(p, "*");
		return;
	}
	for (unsigned n = 1 + draw(3); n > 0; n--) {
		p = make_port(p);
		if (draw(3) == 0) {
			*p++ = '-';
			p = make_port(p);
		}
		if (n > 1)
			*p++ = ',';
	}
	*p = '\0';
}

static char *make_range(char *p)
{
	bool is_six = draw(3) == 0;
	const char *a =
		is_six ? six[draw(WARD_ARRAY_SIZE(six))] : four[draw(WARD_ARRAY_SIZE(four))];
	struct ward_endpoint e;
	struct ward_endpoint_fault why;
	char text[WARD_ENDPOINT_TEXT_MAX], host[WARD_ENDPOINT_TEXT_MAX];
	unsigned bits = draw(is_six ? 129 : 33);

	(void)snprintf(text, sizeof(text), is_six ? "[%s]:1" : "%s:1", a);
	if (!ward_endpoint_parse(ward_str(text), &e, &why))
		abort();
	e.kind = WARD_HOST_RANGE;
	e.bits = (uint8_t)bits;
	for (unsigned i = bits; i < (is_six ? 128u : 32u); i++)
		e.address[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	ward_endpoint_host(&e, host);
	return p + sprintf(p, is_six ? "[%s]" : "%s", host);
}

static char *make_address(char *p)
{
	if (draw(3) == 0)
		return p + sprintf(p, "[%s]", six[draw(WARD_ARRAY_SIZE(six))]);
	return p + sprintf(p, "%s", four[draw(WARD_ARRAY_SIZE(four))]);
}

/* In its one spelling; false: it is none, such as a port twice. */
static bool make_rule(char *out)
{
	struct ward_endpoint e;
	struct ward_endpoint_fault why;
	char text[WARD_ENDPOINT_TEXT_MAX], *p = text;

	switch (draw(5)) {
	case 0: p = make_name(p, 4); break;
	case 1: p = make_name(stpcpy(p, "*."), 3); break;
	case 2: p = make_name(stpcpy(p, "**."), 3); break;
	case 3: p = make_address(p); break;
	default: p = make_range(p); break;
	}
	make_ports(stpcpy(p, ":"));
	if (!ward_endpoint_parse(ward_str(text), &e, &why))
		return false;
	ward_endpoint_text(&e, out);
	return true;
}

static size_t make_rules(size_t max)
{
	size_t n = 0;

	for (size_t tries = draw((unsigned)max + 1); tries > 0; tries--) {
		if (!make_rule(texts[n]))
			continue;
		v[n] = (struct ward_rule){ .type = draw(12) ? WARD_CAP_NETWORK_CONNECT
							    : WARD_CAP_NETWORK_LISTEN,
			.pattern = texts[n],
			.told = draw(10) == 0 };
		n++;
	}
	return n;
}

static void make_question(char *out, size_t n)
{
	char *p = out;

	/* The very words of a rule: a domain, a range, or what may be one place. */
	if (n > 0 && draw(8) == 0) {
		(void)stpcpy(out, texts[draw((unsigned)n)]);
		return;
	}
	p = draw(3) ? make_name(p, 5) : make_address(p);
	(void)make_port(stpcpy(p, ":"));
}

static void check_same(const struct ward_rules *plain, const struct ward_rules *indexed,
	const char *resource, bool meant)
{
	static struct ward_decision a, b;
	struct ward_question q = { .action = WARD_CAP_NETWORK_CONNECT,
		.resource = resource,
		.meant = meant,
		.no_cure = draw(4) > 0 };

	CASE("%.200s%s", resource, meant ? ", meant" : "");
	CHECK_EQ_INT(ward_decide(plain, &q, &a, NULL), WARD_OK);
	CHECK_EQ_INT(ward_decide(indexed, &q, &b, NULL), WARD_OK);
	CHECK_EQ_INT(b.effect, a.effect);
	CHECK_EQ_PTR(b.rule, a.rule);
	CHECK_STR_EQ(b.why, a.why);
	CHECK_STR_EQ(b.cure, a.cure);
}

TEST(as_if_one_by_one)
{
	char resource[WARD_ENDPOINT_TEXT_MAX], name[WARD_ENDPOINT_TEXT_MAX];

	for (seed = 1; seed <= ROUNDS;) {
		uint64_t round = seed;
		size_t n = make_rules(RULES);
		struct ward_net_index *x = NULL;
		struct ward_rules plain = { .v = v, .n = n }, indexed = plain;

		REQUIRE(ward_net_index_new(v, n, &x, NULL) == WARD_OK);
		indexed.net = x;
		for (unsigned i = 0; i < QUESTIONS; i++) {
			make_question(resource, n);
			check_same(&plain, &indexed, resource, draw(2) == 0);
			(void)make_name(name, 5);
			CASE("%.200s, any port", name);
			CHECK_EQ_PTR(ward_decide_any_port(&indexed, name),
				ward_decide_any_port(&plain, name));
		}
		ward_net_index_free(x);
		seed = round + 1;
	}
}

/* Many rules about one host, at ports that overlap. */
TEST(one_host_many_ports)
{
	struct ward_net_index *x = NULL;
	struct ward_rules plain = { .v = v, .n = 2000 }, indexed = plain;
	char resource[64];

	seed = 7;
	for (unsigned i = 0; i < 2000; i++) {
		unsigned first = 1 + draw(65000), wide = draw(3) ? 0 : draw(500);

		(void)snprintf(texts[i], sizeof(texts[i]), wide ? "one.org:%u-%u" : "one.org:%u",
			first, first + wide);
		v[i] = (struct ward_rule){ .type = WARD_CAP_NETWORK_CONNECT, .pattern = texts[i] };
	}
	REQUIRE(ward_net_index_new(v, 2000, &x, NULL) == WARD_OK);
	indexed.net = x;
	for (unsigned port = 1; port < 65536; port += 1 + draw(40)) {
		(void)snprintf(resource, sizeof(resource), "one.org:%u", port);
		check_same(&plain, &indexed, resource, draw(2) == 0);
	}
	ward_net_index_free(x);
}

/* Rules in no one spelling are nobody's grant, whoever wrote them there. */
TEST(no_one_spelling)
{
	static const char *const bad[] = { "A.org:443", "a.org.:443", "a.org:443,80",
		"010.0.0.1:443", "[::ffff:10.0.0.1]:443", "10.0.0.1/8:443", "*:443", "a.org", "",
		"a.org:0" };
	struct ward_net_index *x = NULL;
	struct ward_rules rules = { .v = v };

	for (; rules.n < WARD_ARRAY_SIZE(bad); rules.n++)
		v[rules.n] = (struct ward_rule){ .type = WARD_CAP_NETWORK_CONNECT,
			.pattern = bad[rules.n] };
	REQUIRE(ward_net_index_new(v, rules.n, &x, NULL) == WARD_OK);
	rules.net = x;
	CHECK_NULL(ward_decide_any_port(&rules, "a.org"));
	CHECK_NULL(ward_decide_any_port(&rules, "org"));
	ward_net_index_free(x);
}

TEST(of_other_rules)
{
	static struct ward_decision d;
	static struct ward_rule broken[] = { { .type = WARD_CAP_NETWORK_CONNECT } };
	struct ward_net_index *x = NULL;
	struct ward_rules rules = { .v = v, .n = 1 };
	struct ward_question q = { .action = WARD_CAP_NETWORK_CONNECT, .resource = "a.org:443" };

	v[0] = v[1] =
		(struct ward_rule){ .type = WARD_CAP_NETWORK_CONNECT, .pattern = "a.org:443" };
	CHECK_EQ_INT(ward_net_index_new(broken, 1, &x, NULL), WARD_E_INVALID);
	CHECK_EQ_INT(ward_net_index_new(NULL, 1, &x, NULL), WARD_E_INVALID);
	REQUIRE(ward_net_index_new(v, 1, &x, NULL) == WARD_OK);
	rules.net = x;
	CHECK_EQ_INT(ward_decide(&rules, &q, &d, NULL), WARD_OK);
	CHECK_EQ_INT(d.effect, WARD_ALLOW);
	rules.n = 2;
	CHECK_EQ_INT(ward_decide(&rules, &q, &d, NULL), WARD_E_INVALID);
	CHECK_EQ_INT(d.effect, WARD_DENY);
	CHECK_NULL(ward_decide_any_port(&rules, "a.org"));
	rules.n = 1;
	rules.v = v + 1;
	CHECK_EQ_INT(ward_decide(&rules, &q, &d, NULL), WARD_E_INVALID);
	CHECK_NULL(ward_decide_any_port(&rules, "a.org"));
	ward_net_index_free(x);
}

TEST(without_memory)
{
	struct ward_net_index *x;
	size_t n;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has an allocator of its own");
	seed = 3;
	n = make_rules(RULES);
	for (unsigned long at = 1;; at++) {
		int r;

		x = NULL;
		alloc_fail_hit = false;
		alloc_fail_at = at;
		r = ward_net_index_new(v, n, &x, NULL);
		alloc_fail_at = 0;
		CHECK_EQ_INT(r, alloc_fail_hit ? WARD_E_NOMEM : WARD_OK);
		if (!alloc_fail_hit)
			break;
		CHECK_NULL(x);
		REQUIRE(at < 100);
	}
	ward_net_index_free(x);
}

/* ---- time ---- */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The least of some rounds of many questions: what the machine does beside it is left out. */
static uint64_t cost(size_t n)
{
	static struct ward_decision d;
	struct ward_net_index *x = NULL;
	struct ward_rules rules = { .v = v, .n = n };
	uint64_t best = UINT64_MAX;
	char resource[64];

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]),
			i % 2 ? "10.%zu.%zu.0/24:443" : "h%zu.e%zu.org:443", i / 250, i % 250);
		v[i] = (struct ward_rule){ .type = WARD_CAP_NETWORK_CONNECT, .pattern = texts[i] };
	}
	REQUIRE(ward_net_index_new(v, n, &x, NULL) == WARD_OK);
	rules.net = x;
	for (unsigned round = 0; round < 7; round++) {
		uint64_t before = now();

		for (unsigned i = 0; i < 2000; i++) {
			struct ward_question q = { .action = WARD_CAP_NETWORK_CONNECT,
				.resource = resource,
				.no_cure = true };

			(void)snprintf(resource, sizeof(resource),
				i % 2 ? "10.200.%u.1:443" : "h%u.no.org:443", i % 250);
			if (ward_decide(&rules, &q, &d, NULL) != WARD_OK || d.effect != WARD_DENY)
				FAIL("%s", resource);
		}
		best = now() - before < best ? now() - before : best;
	}
	ward_net_index_free(x);
	return best;
}

TEST(time_does_not_grow)
{
	uint64_t few = cost(50), many = cost(5000);

	CHECK_MSG(many < 5 * few, "2000 decisions: %llu ns with 50 rules, %llu with 5000",
		(unsigned long long)few, (unsigned long long)many);
}

TAP_MAIN();
