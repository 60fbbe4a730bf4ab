/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question of DNS as the relay reads it. What is asked or answered here is a name in its normal form; the answer fits, gives the
 * question back as it was, and is read by nobody as a question.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "egress/relay/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t v4[4] = { 198, 18, 0, 1 }, v6[16] = { 0xfd };
	struct ward_dns_question q, again;
	static struct ward_dns_server servers[WARD_EGRESS_SERVERS_MAX];
	static uint8_t out[WARD_DNS_SERVERS_BYTES_MAX];
	char name[WARD_RELAY_NAME_MAX + 2];
	enum ward_dns_verdict v = ward_dns_read(data, size, &q);
	size_t n;

	if (v == WARD_DNS_ASK || v == WARD_DNS_LOCAL) {
		MUST(ward_host_normal((const uint8_t *)q.name, strlen(q.name), false, name));
		MUST(strcmp(q.name, name) == 0);
	}
	if (v == WARD_DNS_DROP)
		return 0;
	MUST(v != WARD_DNS_REPLY || q.rcode != WARD_RCODE_OK);
	n = ward_dns_write(&q, v == WARD_DNS_REPLY ? q.rcode : WARD_RCODE_OK, v4, v6, out);
	MUST(n >= 12 + (size_t)q.len && n <= WARD_DNS_BYTES_MAX);
	MUST(q.len == 0 || memcmp(out + 12, data + 12, q.len) == 0);
	MUST(ward_dns_read(out, n, &again) == WARD_DNS_DROP);
	if (v != WARD_DNS_ASK)
		return 0;
	for (size_t i = 0; i < WARD_EGRESS_SERVERS_MAX; i++)
		memcpy(servers[i].name, q.name, strlen(q.name) + 1);
	MUST(q.room >= WARD_DNS_BYTES_MAX && q.room <= 1232);
	n = ward_dns_write_servers(&q, servers, WARD_EGRESS_SERVERS_MAX, q.room, true, out);
	MUST(n >= 12 + (size_t)q.len && n <= q.room);
	MUST(out[7] == WARD_EGRESS_SERVERS_MAX || (out[2] & 2));
	/* Who cannot ask again by TCP is not told to. */
	MUST(ward_dns_write_servers(&q, servers, WARD_EGRESS_SERVERS_MAX, q.room, false, out) == n);
	MUST(!(out[2] & 2));
	/* Over TCP there is room for all. */
	n = ward_dns_write_servers(&q, servers, WARD_EGRESS_SERVERS_MAX, sizeof(out), true, out);
	MUST(n <= sizeof(out) && !(out[2] & 2) && out[7] == WARD_EGRESS_SERVERS_MAX);
	return 0;
}
