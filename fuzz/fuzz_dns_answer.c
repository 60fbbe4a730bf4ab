/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of name servers, and the files that say which to ask: whatever comes, what is taken out of it is an address of the kind that was
 * asked for, bounded in number, and nothing of an answer to something else. The first byte chooses A or AAAA.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_dns_answer.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t query[WARD_DNS_QUERY_MAX];
	struct ward_dns_answer a;
	struct ward_dns_servers s;
	struct ward_resolv_conf c;
	size_t n;

	if (size < 1)
		return 0;
	n = ward_dns_query(query, 0x1234, "good.test.example",
		data[0] & 1 ? WARD_DNS_AAAA : WARD_DNS_A, !(data[0] & 2));
	if (ward_dns_read(data + 1, size - 1, query, n, &a) == WARD_DNS_ANSWER) {
		MUST(a.n <= WARD_EGRESS_ADDRESSES_MAX);
		/* It repeats the question. */
		MUST(size - 1 >= 12 && memcmp(data + 1, query, 2) == 0);
		for (size_t i = 0; i < a.n; i++)
			MUST(a.v[i].family == 4 || (a.v[i].family == 6 && data[0] & 1));
	} else {
		MUST(a.n == 0);
	}
	n = ward_dns_query(query, 0x1234, "_db._tcp.good.test.example", WARD_DNS_SRV, true);
	if (ward_dns_read_servers(data + 1, size - 1, query, n, &a, &s) != WARD_DNS_ANSWER)
		MUST(s.n == 0);
	MUST(s.n == a.n && s.n <= WARD_EGRESS_SERVERS_MAX);
	for (size_t i = 0; i < s.n; i++)
		MUST(s.v[i].port && ward_name_is_normal(ward_str(s.v[i].name)));
	/* What it is asked for, and what is read, are of one kind. */
	MUST(ward_dns_read(data + 1, size - 1, query, n, &a) != WARD_DNS_ANSWER);
	ward_resolv_conf_parse((const char *)data, size, &c);
	MUST(c.n >= 1 && c.n <= WARD_RESOLVERS_MAX && c.attempts >= 1 && c.attempts <= 3);
	MUST(c.timeout_ms >= 1000 && c.timeout_ms <= 5000);
	if (ward_hosts_find((const char *)data, size, "good.test.example", &a))
		MUST(a.n >= 1 && a.n <= WARD_EGRESS_ADDRESSES_MAX);
	return 0;
}
