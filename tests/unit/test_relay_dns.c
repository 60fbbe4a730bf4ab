/* SPDX-License-Identifier: Apache-2.0 */
/* Questions as they are and as they should not be; answers byte by byte. */
#include <stdbool.h>
#include <string.h>

#include "egress/relay/dns.h"
#include "tap.h"

#define HEAD(flags, qd, an, ns, ar) "\x12\x34" flags "\0" qd "\0" an "\0" ns "\0" ar
#define ASK HEAD("\1\0", "\1", "\0", "\0", "\0")
#define OPT_ASK HEAD("\1\0", "\1", "\0", "\0", "\1")
#define OPT "\0\0\x29\4\xd0\0\0\0\0\0\0"
#define A "\0\1\0\1"
#define L63 "\77aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61 "\75aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ROW(b, verdict, rcode, name) \
	{ \
		(b), sizeof(b) - 1, (verdict), (rcode), (name) \
	}

static const struct {
	const char *bytes;
	size_t n;
	enum ward_dns_verdict verdict;
	int rcode;
	const char *name;
} rows[] = {
	ROW(ASK "\3www\7Example\3CoM\0" A, WARD_DNS_ASK, 0, "www.example.com"),
	ROW(ASK "\1a\0\0\x1c\0\1", WARD_DNS_ASK, 0, "a"),
	ROW(ASK "\1a\0\0\x41\0\1", WARD_DNS_ASK, 0, "a"), /* HTTPS: answered with nothing */
	ROW(OPT_ASK "\1a\0" A OPT, WARD_DNS_ASK, 0, "a"),
	ROW(OPT_ASK "\1a\0" A "\0\0\x29\4\xd0\0\0\0\0\0\4abcd", WARD_DNS_ASK, 0, "a"),
	ROW(ASK "\11localhost\0" A, WARD_DNS_LOCAL, 0, "localhost"),
	ROW(ASK "\3App\11LocalHost\0" A, WARD_DNS_LOCAL, 0, "app.localhost"),
	ROW(ASK "\12xlocalhost\0" A, WARD_DNS_ASK, 0, "xlocalhost"),
	ROW(ASK L63 L63 L63 L61 "\0" A, WARD_DNS_ASK, 0, NULL),
	/* names that nobody is asked about */
	ROW(ASK "\0" A, WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\4_tcp\1a\0" A, WARD_DNS_ASK, 0, "_tcp.a"),
	ROW(ASK "\5_ldap\4_TCP\1a\0\0\41\0\1", WARD_DNS_ASK, 0, "_ldap._tcp.a"), /* SRV */
	ROW(ASK "\3a+b\1c\0" A, WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\1a\7in-addr\4arpa\0" A, WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\3ip6\4arpa\0" A, WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\1a\0\0\14\0\1", WARD_DNS_REPLY, 3, NULL), /* PTR */
	ROW(ASK "\3a.b\1c\0" A, WARD_DNS_REPLY, 3, NULL), /* a dot in a label */
	ROW(ASK "\3a\0b\1c\0" A, WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\1 \0" A, WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\2\xc3\xbc\0" A, WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\1-\0" A, WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\2a-\1b\0" A, WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\1a\1*\0" A, WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\3"
		"127\1"
		"0\1"
		"0\1"
		"1\0" A,
		WARD_DNS_REPLY, 3, NULL),
	ROW(ASK "\4"
		"0177\1"
		"1\0" A,
		WARD_DNS_REPLY, 3, NULL),
	/* no question in this form */
	ROW(ASK "\3www\7Example\xc0\x0c" A, WARD_DNS_REPLY, 1, NULL), /* a pointer */
	ROW(ASK "\xc0\x0c" A, WARD_DNS_REPLY, 1, NULL),
	ROW(ASK "\x40"
		"a\0" A,
		WARD_DNS_REPLY, 1, NULL),
	ROW(ASK "\x80"
		"a\0" A,
		WARD_DNS_REPLY, 1, NULL),
	ROW(ASK "\5www\0" A, WARD_DNS_REPLY, 1, NULL),
	ROW(ASK "\3www", WARD_DNS_REPLY, 1, NULL),
	ROW(ASK "\1a\0\0\1\0", WARD_DNS_REPLY, 1, NULL),
	ROW(ASK "\1a\0" A "x", WARD_DNS_REPLY, 1, NULL),
	ROW(ASK L63 L63 L63 L63 "\0" A, WARD_DNS_REPLY, 1, NULL), /* 257 bytes */
	ROW(ASK "", WARD_DNS_REPLY, 1, NULL),
	ROW(HEAD("\1\0", "\0", "\0", "\0", "\0"), WARD_DNS_REPLY, 1, NULL),
	ROW(HEAD("\1\0", "\2", "\0", "\0", "\0") "\1a\0" A "\1b\0" A, WARD_DNS_REPLY, 1, NULL),
	ROW(HEAD("\1\0", "\1", "\1", "\0", "\0") "\1a\0" A, WARD_DNS_REPLY, 1, NULL),
	ROW(HEAD("\1\0", "\1", "\0", "\1", "\0") "\1a\0" A, WARD_DNS_REPLY, 1, NULL),
	ROW(HEAD("\1\0", "\1", "\0", "\0", "\2") "\1a\0" A OPT OPT, WARD_DNS_REPLY, 1, NULL),
	ROW(OPT_ASK "\1a\0" A, WARD_DNS_REPLY, 1, NULL),
	ROW(OPT_ASK "\1a\0" A "\0\0\x29\4\xd0\0\0\0\0\0", WARD_DNS_REPLY, 1, NULL),
	ROW(OPT_ASK "\1a\0" A "\0\0\x29\4\xd0\0\0\0\0\0\1", WARD_DNS_REPLY, 1, NULL),
	ROW(OPT_ASK "\1a\0" A "\1b\0\x29\4\xd0\0\0\0\0\0\0", WARD_DNS_REPLY, 1, NULL),
	ROW(OPT_ASK "\1a\0" A OPT "x", WARD_DNS_REPLY, 1, NULL),
	/* nothing that is done */
	ROW(ASK "\1a\0\0\xff\0\1", WARD_DNS_REPLY, 4, NULL), /* ANY */
	ROW(ASK "\1a\0\0\xfc\0\1", WARD_DNS_REPLY, 4, NULL), /* AXFR */
	ROW(ASK "\1a\0\0\x29\0\1", WARD_DNS_REPLY, 4, NULL), /* OPT */
	ROW(ASK "\1a\0\0\0\0\1", WARD_DNS_REPLY, 4, NULL),
	ROW(ASK "\1a\0\0\1\0\3", WARD_DNS_REPLY, 4, NULL), /* CHAOS */
	ROW(ASK "\1a\0\0\1\0\xff", WARD_DNS_REPLY, 4, NULL),
	ROW(HEAD("\x28\0", "\1", "\0", "\0", "\0") "\1a\0" A, WARD_DNS_REPLY, 4, NULL), /* UPDATE */
	ROW(HEAD("\x10\0", "\1", "\0", "\0", "\0") "\1a\0" A, WARD_DNS_REPLY, 4, NULL), /* STATUS */
	/* nobody to answer */
	ROW(HEAD("\x81\0", "\1", "\0", "\0", "\0") "\1a\0" A, WARD_DNS_DROP, 0, NULL),
	ROW("\x12\x34\1\0\0\1\0\0\0\0\0", WARD_DNS_DROP, 0, NULL),
	ROW("", WARD_DNS_DROP, 0, NULL),
};

static enum ward_dns_verdict read_own(const char *bytes, size_t n, struct ward_dns_question *q)
{
	uint8_t *own = malloc(n ? n : 1);
	enum ward_dns_verdict v;

	memcpy(own, bytes, n);
	v = ward_dns_read(own, n, q);
	free(own);
	return v;
}

TEST(questions)
{
	TABLE(row, rows) {
		struct ward_dns_question q;

		CASE("%zu", (size_t)(row - rows));
		CHECK_EQ_INT(read_own(row->bytes, row->n, &q), row->verdict);
		if (row->verdict == WARD_DNS_REPLY)
			CHECK_EQ_INT(q.rcode, row->rcode);
		if (row->name != NULL)
			CHECK_STR_EQ(q.name, row->name);
		/* Cut anywhere, it is no question. */
		for (size_t cut = 0; cut < row->n; cut++) {
			enum ward_dns_verdict v = read_own(row->bytes, cut, &q);

			CHECK(row->verdict == WARD_DNS_REPLY || v == WARD_DNS_DROP ||
				(v == WARD_DNS_REPLY && q.rcode != 0));
		}
	}
}

TEST(question_that_is_too_long)
{
	static uint8_t p[WARD_DNS_BYTES_MAX + 1];
	struct ward_dns_question q;

	memcpy(p, OPT_ASK "\1a\0" A OPT, sizeof(OPT_ASK "\1a\0" A OPT) - 1);
	p[28] = (uint8_t)((sizeof(p) - 30) >> 8);
	p[29] = (uint8_t)(sizeof(p) - 30);
	CHECK_EQ_INT(ward_dns_read(p, sizeof(p), &q), WARD_DNS_REPLY);
	CHECK_EQ_INT(q.rcode, WARD_RCODE_FORMERR);
	p[29]--;
	CHECK_EQ_INT(ward_dns_read(p, sizeof(p) - 1, &q), WARD_DNS_ASK);
}

TEST(answers)
{
	static const uint8_t v4[4] = { 198, 18, 1, 2 }, v6[16] = { 0xfd, 0x77, [15] = 9 },
			     none[16] = { 0 };
	static const char a[] =
		"\x12\x34\x81\x80\0\1\0\1\0\0\0\0\1B\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\1\2";
	static const char no[] = "\x12\x34\x81\x83\0\1\0\0\0\0\0\0\1B\0\0\1\0\1";
	static const char opt[] =
		"\x12\x34\x81\x80\0\1\0\0\0\0\0\1\1B\0\0\x0f\0\1\0\0\x29\4\xd0\0\0\0\0\0\0";
	static const char bad[] = "\x12\x34\x80\x84\0\0\0\0\0\0\0\0";
	struct ward_dns_question q;
	uint8_t out[WARD_DNS_BYTES_MAX];

	(void)read_own(ASK "\1B\0" A, sizeof(ASK "\1B\0" A) - 1, &q);
	CHECK_EQ_SIZE(ward_dns_write(&q, 0, v4, v6, out), sizeof(a) - 1);
	CHECK_MEM_EQ(out, a, sizeof(a) - 1);
	CHECK_EQ_SIZE(ward_dns_write(&q, 3, v4, v6, out), sizeof(no) - 1);
	CHECK_MEM_EQ(out, no, sizeof(no) - 1);
	/* No address of that kind: the name is there, and has none. */
	CHECK_EQ_SIZE(ward_dns_write(&q, 0, none, v6, out), sizeof(no) - 1);
	CHECK_EQ_INT(out[3], 0x80);
	CHECK_EQ_SIZE(ward_dns_write(&q, 0, NULL, NULL, out), sizeof(no) - 1);
	(void)read_own(ASK "\1B\0\0\x1c\0\1", sizeof(ASK "\1B\0\0\x1c\0\1") - 1, &q);
	CHECK_EQ_SIZE(ward_dns_write(&q, 0, v4, v6, out), sizeof(a) - 1 + 12);
	CHECK_MEM_EQ(out + sizeof(a) - 1 - 4, v6, 16);
	CHECK_EQ_SIZE(ward_dns_write(&q, 0, v4, none, out), sizeof(no) - 1);
	(void)read_own(OPT_ASK "\1B\0\0\x0f\0\1" OPT, sizeof(OPT_ASK "\1B\0\0\x0f\0\1" OPT) - 1,
		&q);
	CHECK_EQ_SIZE(ward_dns_write(&q, 0, v4, v6, out), sizeof(opt) - 1);
	CHECK_MEM_EQ(out, opt, sizeof(opt) - 1);
	(void)read_own(HEAD("\x28\0", "\1", "\0", "\0", "\0"), 12, &q);
	CHECK_EQ_SIZE(ward_dns_write(&q, q.rcode, NULL, NULL, out), sizeof(bad) - 1);
	CHECK_MEM_EQ(out + 3, bad + 3, sizeof(bad) - 1 - 3);
	/* The longest fits. */
	(void)read_own(rows[8].bytes, rows[8].n, &q);
	CHECK_EQ_SIZE(strlen(q.name), 253);
	q.edns = true;
	CHECK_LE_INT(ward_dns_write(&q, 0, v4, v6, out), WARD_DNS_BYTES_MAX);
}

TAP_MAIN();
