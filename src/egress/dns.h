/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to egress: what is read of DNS answers, resolv.conf and hosts. Nothing here does I/O; every byte read is hostile.
 */
#pragma once

#include <netinet/in.h>

#include "egress/egress.h"
#include "egress/wire.h"

/* ---- name.c ---- */
/* RFC 5952 for IPv6, without brackets. */
#define WARD_ADDRESS_TEXT_MAX 48
const char *ward_address_text(const struct ward_relay_addr *a, char out[WARD_ADDRESS_TEXT_MAX]);
bool ward_address_same(const struct ward_relay_addr *a, const struct ward_relay_addr *b); /* port aside */
/* "192.0.2.1", "2001:db8::1"; mapped forms become IPv4. The port is not touched. */
bool ward_address_parse(const char *s, size_t n, struct ward_relay_addr *ret);
/* A mapped IPv4 address as what it is. */
void ward_address_unmap(struct ward_relay_addr *a);

/* ---- dns_message.c ---- */
#define WARD_DNS_A 1u
#define WARD_DNS_AAAA 28u
#define WARD_DNS_SRV 33u
#define WARD_DNS_QUERY_MAX 300
#define WARD_DNS_EDNS_BYTES 1232
/* A query for an absolute name in normal form; edns: with EDNS; bytes. */
size_t ward_dns_query(uint8_t out[WARD_DNS_QUERY_MAX], uint16_t id, const char *name, uint16_t type, bool edns);

enum ward_dns_result {
	WARD_DNS_FOREIGN = 0, /* no answer to this query: go on waiting */
	WARD_DNS_FAILED,      /* the server cannot say, or says nonsense: ask another */
	WARD_DNS_PLAIN,       /* it cannot read a query with EDNS: ask it without */
	WARD_DNS_CUT,         /* ask again by TCP */
	WARD_DNS_NO_NAME,
	WARD_DNS_ANSWER       /* n addresses of the type that was asked for, perhaps none */
};
struct ward_dns_answer {
	size_t n;
	struct ward_relay_addr v[WARD_EGRESS_ADDRESSES_MAX];
	uint32_t ttl; /* seconds, the least of all records on the way */
};
/* p: n bytes that came; query: what was sent. */
enum ward_dns_result ward_dns_read(const uint8_t *p, size_t n, const uint8_t *query, size_t query_n,
	struct ward_dns_answer *ret);
/* The same of a query for SRV: ret->n is how many servers there are, without those whose names are none of hosts. */
struct ward_dns_servers {
	size_t n;
	struct ward_dns_server v[WARD_EGRESS_SERVERS_MAX];
};
enum ward_dns_result ward_dns_read_servers(const uint8_t *p, size_t n, const uint8_t *query, size_t query_n,
	struct ward_dns_answer *ret, struct ward_dns_servers *servers);

/* ---- resolv_conf.c ---- */
#define WARD_RESOLVERS_MAX 3
#define WARD_SEARCH_MAX 6
struct ward_resolv_conf {
	size_t n;
	struct sockaddr_in6 v[WARD_RESOLVERS_MAX]; /* or sockaddr_in, by sin6_family */
	unsigned timeout_ms, attempts, ndots;
	bool tcp; /* use-vc */
	size_t n_search;
	char search[WARD_SEARCH_MAX][WARD_RELAY_NAME_MAX + 2]; /* in normal form */
};
socklen_t ward_resolver_size(const struct sockaddr_in6 *a);
/* What cannot be read of it is passed over; without a server it is 127.0.0.1, as resolv.conf(5) says. */
void ward_resolv_conf_parse(const char *text, size_t n, struct ward_resolv_conf *ret);
/* "ADDRESS", "ADDRESS:PORT", "[IPV6]:PORT" of --resolver. */
int ward_resolver_parse(const char *s, struct sockaddr_in6 *ret, struct ward_error *err);
/* Addresses of name in the text of a hosts file, whose letters were made small; false: it is not in it. */
void ward_hosts_fold(char *text, size_t n);
bool ward_hosts_find(const char *text, size_t n, const char *name, struct ward_dns_answer *ret);
