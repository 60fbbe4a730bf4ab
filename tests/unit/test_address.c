/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an address is: the edges of every range and every form that carries an IPv4 address, and, over a spread of all IPv4 addresses, a
 * plain reading of the registry's ranges that shares nothing with data/addresses.
 */
#include <arpa/inet.h>

#include "policy/policy.h"
#include "tap.h"

static enum ward_address_class of(const char *text)
{
	uint8_t a[16];

	if (inet_pton(AF_INET6, text, a) == 1)
		return ward_address_classify(6, a);
	if (inet_pton(AF_INET, text, a) == 1)
		return ward_address_classify(4, a);
	CHECK_MSG(false, "%s is no address", text);
	return WARD_ADDRESS_CLASS_MAX;
}

/* first and last of a range, and what stands before and behind it. */
struct edge {
	const char *before, *first, *last, *after;
	enum ward_address_class out_before, in, out_after;
};
#define PUB WARD_ADDRESS_PUBLIC
#define PRI WARD_ADDRESS_PRIVATE
#define LOO WARD_ADDRESS_LOOPBACK
#define NEV WARD_ADDRESS_NEVER
static const struct edge edges[] = {
	{ NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0", NEV, NEV, PUB },
	{ "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", PUB, PRI, PUB },
	{ "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", PUB, PRI, PUB },
	{ "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", PUB, LOO, PUB },
	{ "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", PUB, NEV, PUB },
	{ "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", PUB, PRI, PUB },
	{ "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", PUB, NEV, PUB },
	{ "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", PUB, PUB, PUB },
	{ "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", PUB, NEV, PUB },
	{ "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", PUB, PRI, PUB },
	{ "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", PUB, PRI, PUB },
	{ "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", PUB, PUB, PUB },
	{ "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", PUB, PUB, PUB },
	{ "223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", PUB, NEV, NEV },
	{ "239.255.255.255", "240.0.0.0", "255.255.255.255", NULL, NEV, NEV, NEV },
	{ "100.100.100.199", "100.100.100.200", "100.100.100.200", "100.100.100.201", PRI, NEV,
		PRI },
	{ "168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17", PUB, NEV, PUB },
	{ NULL, "::1", "::1", NULL, NEV, LOO, NEV },
	{ NULL, "::", "::", "::1", NEV, NEV, LOO },
	{ "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fc00::", "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fd00::", NEV, PRI, PRI },
	{ "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fd00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::", PRI, PRI, NEV },
	{ "fd00:ec1:ffff:ffff:ffff:ffff:ffff:ffff", "fd00:ec2::",
		"fd00:ec2:ffff:ffff:ffff:ffff:ffff:ffff", "fd00:ec3::", PRI, NEV, PRI },
	{ "fd20:ce::253", "fd20:ce::254", "fd20:ce::254", "fd20:ce::255", PRI, NEV, PRI },
	{ "fd77:6172:63ff:ffff:ffff:ffff:ffff:ffff", "fd77:6172:6400::",
		"fd77:6172:6400:ffff:ffff:ffff:ffff:ffff", "fd77:6172:6401::", PRI, NEV, PRI },
	{ "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::", NEV, NEV, PRI },
	{ "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", NEV, PRI, NEV },
	{ "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, PRI, NEV, NEV },
	{ "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"2000::", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::", NEV, PUB, PUB },
	{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::",
		"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", PUB, PUB, PUB },
	{ "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::", PUB, PUB, PUB },
	{ "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::", PUB, NEV, PUB },
	{ "3fff:1000::", "4000::", "4000::1", "5f00::", PUB, NEV, NEV },
	{ "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "100::", "100::ffff:ffff:ffff:ffff",
		"100:0:0:1::", NEV, NEV, NEV },
};

TEST(edges)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(edges); i++) {
		const struct edge *e = &edges[i];

		CASE("%s", e->first);
		if (e->before != NULL)
			CHECK_EQ_INT(of(e->before), e->out_before);
		CHECK_EQ_INT(of(e->first), e->in);
		CHECK_EQ_INT(of(e->last), e->in);
		if (e->after != NULL)
			CHECK_EQ_INT(of(e->after), e->out_after);
	}
}

/* Credentials of clouds: each of them, whatever range it lies in. */
TEST(metadata)
{
	static const char *const all[] = { "169.254.169.254", "169.254.169.253", "169.254.170.2",
		"169.254.170.23", "169.254.0.23", "169.254.42.42", "100.100.100.200",
		"168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::253", "fd20:ce::254",
		"fd00:42::42", "fd00:c1::a9fe:a9fe", "fd00:a9fe:a9fe::1", "fd00:100::100:200" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(all); i++) {
		CASE("%s", all[i]);
		CHECK_EQ_INT(of(all[i]), NEV);
	}
}

/* %s is an IPv4 address in hexadecimal, as two groups. */
TEST(carried)
{
	static const struct {
		unsigned char v4[4];
		enum ward_address_class in;
	} of4[] = { { { 8, 8, 8, 8 }, PUB }, { { 10, 1, 2, 3 }, PRI }, { { 127, 0, 0, 1 }, LOO },
		{ { 169, 254, 169, 254 }, NEV }, { { 168, 63, 129, 16 }, NEV },
		{ { 100, 100, 100, 200 }, NEV }, { { 192, 168, 1, 1 }, PRI },
		{ { 224, 0, 0, 1 }, NEV } };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(of4); i++) {
		unsigned a = of4[i].v4[0], b = of4[i].v4[1], c = of4[i].v4[2], d = of4[i].v4[3];
		const struct {
			const char *name, *format;
			bool as; /* it is what the IPv4 address is; else never reached */
		} forms[] = { { "mapped", "::ffff:%x:%x", true },
			{ "NAT64", "64:ff9b::%x:%x", true },
			{ "translated", "::ffff:0:%x:%x", false },
			{ "compatible", "::%x:%x", false }, { "6to4", "2002:%x:%x::1", false },
			{ "NAT64 /96", "64:ff9b:1::%x:%x", false },
			{ "NAT64 /48", "64:ff9b:1:%x:%x::", false },
			{ "Teredo server", "2001:0:%x:%x:0:0:f7f7:f7f7", false },
			{ "Teredo client", "2001:0:808:808:0:0:%x:%x", false },
			{ "ISATAP", "2600::5efe:%x:%x", false },
			{ "ISATAP, unique", "2600::200:5efe:%x:%x", false } };
		char text[64];

		for (size_t k = 0; k < WARD_ARRAY_SIZE(forms); k++) {
			CASE("%s of %u.%u.%u.%u", forms[k].name, a, b, c, d);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			(void)snprintf(text, sizeof(text), forms[k].format, a << 8 | b, c << 8 | d);
#pragma GCC diagnostic pop
			CHECK_EQ_INT(of(text), forms[k].as ? of4[i].in : NEV);
		}
	}
	CHECK_EQ_INT(of("64:ff9b:1::"), NEV);
	CHECK_EQ_INT(of("fe80::5efe:808:808"), NEV);
	CHECK_EQ_INT(of("fd00::5efe:808:808"), NEV);
}

/* A range that is no wider names only addresses of one kind. */
TEST(lines)
{
	static const struct {
		const char *address;
		unsigned bits;
	} all[] = { { "10.1.2.3", 8 }, { "127.0.0.1", 8 }, { "172.31.0.1", 12 },
		{ "192.168.1.1", 16 }, { "100.64.0.1", 10 }, { "203.0.113.9", 8 }, { "8.8.8.8", 8 },
		{ "::1", 128 }, { "fd12::1", 7 }, { "fec0::1", 10 }, { "2001:db8::1", 64 },
		{ "64:ff9b::a01:203", 96 }, { "2600::1", 64 } };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(all); i++) {
		int family = strchr(all[i].address, ':') != NULL ? 6 : 4;
		uint8_t a[16];

		CASE("%s", all[i].address);
		REQUIRE(inet_pton(family == 6 ? AF_INET6 : AF_INET, all[i].address, a) == 1);
		CHECK_EQ_INT(ward_address_line(family, a), all[i].bits);
		CHECK((ward_address_nat64(family, a) != NULL) == (all[i].bits == 96));
	}
}

TEST(no_address)
{
	uint8_t a[16] = { 8, 8, 8, 8 };
	const char *what = NULL;

	CHECK_EQ_INT(ward_address_classify(0, a), NEV);
	CHECK_EQ_INT(ward_address_classify(5, a), NEV);
	CHECK_EQ_INT(ward_address_classify(4, NULL), NEV);
	CHECK_EQ_INT(ward_address_what(4, a, &what), PUB);
	CHECK_STR_EQ(what, "public");
	a[0] = 127;
	CHECK_EQ_INT(ward_address_what(4, a, &what), LOO);
	CHECK_STR_EQ(what, "loopback");
	CHECK_STR_EQ(ward_address_class_name(WARD_ADDRESS_PRIVATE), "private");
	CHECK_STR_EQ(ward_address_class_name(WARD_ADDRESS_CLASS_MAX), "never");
}

/* Written from the registries, octet by octet. */
static enum ward_address_class plainly(unsigned a, unsigned b, unsigned c, unsigned d)
{
	if (a == 0 || a >= 224 || (a == 169 && b == 254) || (a == 192 && b == 0 && c == 0) ||
		(a == 192 && b == 88 && c == 99) || (a == 168 && b == 63 && c == 129 && d == 16) ||
		(a == 100 && b == 100 && c == 100 && (d == 100 || d == 200)))
		return NEV;
	if (a == 127)
		return LOO;
	if (a == 10 || (a == 172 && b >= 16 && b <= 31) || (a == 192 && b == 168) ||
		(a == 100 && b >= 64 && b <= 127) || (a == 198 && (b == 18 || b == 19)))
		return PRI;
	return PUB;
}

/* 2^24 of them: every /24, with an octet that wanders; each also as the mapped one, now and then. */
TEST(all_of_ipv4)
{
	unsigned wrong = 0;

	for (uint32_t net = 0; net < 1u << 24; net++) {
		uint8_t a[16] = { (uint8_t)(net >> 16), (uint8_t)(net >> 8), (uint8_t)net,
			(uint8_t)((net * 2654435761u) >> 24) };
		enum ward_address_class want = plainly(a[0], a[1], a[2], a[3]);

		wrong += ward_address_classify(4, a) != want;
		if (net % 61 == 0) {
			uint8_t m[16] = { [10] = 0xff, [11] = 0xff, [12] = a[0], a[1], a[2], a[3] };

			wrong += ward_address_classify(6, m) != want;
		}
	}
	CHECK_EQ_INT(wrong, 0);
}

TAP_MAIN();
