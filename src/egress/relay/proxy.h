/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client asks of the proxy that the run's loopback has, as a parser: HTTP's CONNECT, its absolute form, SOCKS5. Pure: bytes in,
 * verdict out; no allocation. Stricter than any of their standards where two readers might see two hosts, or two requests.
 */
#pragma once

#include "spoken.h"

enum ward_proxy_verdict {
	WARD_PROXY_MORE = 0,
	WARD_PROXY_BAD,   /* status: of HTTP, or SOCKS's reply; 0: no answer that it would understand */
	WARD_PROXY_HELLO, /* SOCKS: its methods are answered, take bytes of it are done with */
	WARD_PROXY_OPEN   /* to, name; take bytes are done with */
};
/* All zero before the first look. */
struct ward_proxy {
	enum ward_relay_how how; /* CAPTURED: not known yet */
	bool old;       /* it speaks SOCKS4: there is one answer */
	bool greeted;   /* SOCKS: methods were answered */
	uint16_t status;
	const char *why; /* BAD: static */
	uint32_t take, need; /* need: no use in looking before so many bytes are there */
	struct ward_relay_addr to; /* port; where name is "", the address */
	char name[WARD_RELAY_NAME_MAX + 2];
	uint64_t body;  /* PROXIED: so many bytes come behind the head */
	struct ward_spoken head;
};

/* n bytes so far: from the beginning, of SOCKS from behind what was taken. */
enum ward_proxy_verdict ward_proxy_look(struct ward_proxy *s, const uint8_t *p, size_t n);
/* Behind OPEN of PROXIED: its head of n bytes as its server wants it. Room for n + WARD_PROXY_MORE_MAX bytes. */
size_t ward_proxy_rewrite(const struct ward_proxy *s, const uint8_t *p, size_t n, char *out);
#define WARD_PROXY_MORE_MAX 512

/* The parts. */
enum ward_proxy_verdict ward_proxy_socks(struct ward_proxy *s, const uint8_t *p, size_t n);
enum ward_proxy_verdict ward_proxy_http(struct ward_proxy *s, const uint8_t *p, size_t n);
enum ward_proxy_verdict ward_proxy_bad(struct ward_proxy *s, unsigned status, const char *why);
/*
 * A host: a name in its normal form (into name), or an address in its one spelling (into to). No number in another spelling, no zone,
 * no IPv4 address in an IPv6 one. localhost is 127.0.0.1. six: an IPv6 address and nothing else; they are taken with it alone.
 */
bool ward_proxy_host(struct ward_proxy *s, const uint8_t *p, size_t n, bool six);
bool ward_proxy_is_mapped(const uint8_t a[16]);
