/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions for names, as programs in the sandbox send them, and the answers to them. Pure. The questions are hostile; the answers hold
 * nothing but the question, as it was, and at most one synthetic address, which is never too long for a packet; or the servers of a
 * service, which can be.
 */
#pragma once

#include "spoken.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WARD_DNS_BYTES_MAX 512 /* of an answer; of a question */
#define WARD_DNS_QUESTION_MAX 259 /* a name of 255 bytes, type and class */
#define WARD_DNS_SERVERS_BYTES_MAX 4864 /* of one with WARD_EGRESS_SERVERS_MAX servers */
#define WARD_DNS_TTL 60 /* seconds; names are pinned for the run, so it is only how often one is asked */

enum ward_dns_rcode {
	WARD_RCODE_OK = 0,
	WARD_RCODE_FORMERR = 1,
	WARD_RCODE_SERVFAIL = 2,
	WARD_RCODE_NXDOMAIN = 3,
	WARD_RCODE_NOTIMP = 4,
	WARD_RCODE_REFUSED = 5
};
enum ward_dns_type {
	WARD_TYPE_A = 1,
	WARD_TYPE_PTR = 12,
	WARD_TYPE_AAAA = 28,
	WARD_TYPE_SRV = 33,
	WARD_TYPE_OPT = 41,
	WARD_TYPE_SVCB = 64,
	WARD_TYPE_HTTPS = 65
};

enum ward_dns_verdict {
	WARD_DNS_DROP = 0, /* no question at all: whoever answers that answers answers */
	WARD_DNS_REPLY, /* rcode says all */
	WARD_DNS_LOCAL, /* localhost */
	WARD_DNS_ASK
};
struct ward_dns_question {
	uint16_t id, type;
	uint8_t rcode; /* REPLY */
	bool recurse; /* RD, given back */
	bool edns;
	uint16_t room; /* so many bytes of an answer over UDP, from 512 to 1232 */
	uint16_t len; /* of raw; 0: there was no question that could be read */
	uint8_t raw[WARD_DNS_QUESTION_MAX]; /* as it was, in its own case */
	char name[WARD_RELAY_NAME_MAX + 2]; /* ASK, LOCAL: normal form */
};
enum ward_dns_verdict ward_dns_read(const uint8_t *p, size_t n, struct ward_dns_question *ret);

/* The answer. v4, v6: 4 and 16 bytes, of which the one of the question's type is put in; NULL or zero: there is none. Bytes. */
size_t ward_dns_write(const struct ward_dns_question *q, uint8_t rcode, const uint8_t *v4, const uint8_t *v6,
	uint8_t out[WARD_DNS_BYTES_MAX]);
/*
 * The same with the servers of a service, as many as there is room for (WARD_DNS_BYTES_MAX or more). Cut, if those are not all and
 * TCP has more.
 */
size_t ward_dns_write_servers(const struct ward_dns_question *q, const struct ward_dns_server *v, size_t n, size_t room, bool tcp,
	uint8_t out[WARD_DNS_SERVERS_BYTES_MAX]);
