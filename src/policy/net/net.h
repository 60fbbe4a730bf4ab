/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/net: what an address is, what a name may be, and the endpoints of NETWORK_CONNECT (docs/spec/capabilities.md). Pure: nothing
 * is looked up.
 */
#pragma once

#include "base/base.h"

/* ---- address.c: what an address is (data/addresses) ---- */
enum ward_address_class {
	WARD_ADDRESS_NEVER = 0, /* metadata, link-local, multicast, broadcast, unspecified, reserved, malformed */
	WARD_ADDRESS_LOOPBACK,
	WARD_ADDRESS_PRIVATE, /* RFC 1918, CGNAT, ULA, site-local, documentation */
	WARD_ADDRESS_PUBLIC,
	WARD_ADDRESS_CLASS_MAX
};
/*
 * family 4 or 6, bytes in network order. A mapped IPv4 address, and one behind the well-known prefix of NAT64, is what that is; other
 * forms that carry one are NEVER, since no rule about IPv4 would hold for them.
 */
enum ward_address_class ward_address_classify(int family, const uint8_t *a);
/* The same, and what it is, in words: "private", "metadata of Alibaba Cloud"; "public" for PUBLIC. */
enum ward_address_class ward_address_what(int family, const uint8_t *a, const char **ret_what);
bool ward_address_within(const uint8_t *a, const uint8_t *net, unsigned bits); /* the first bits of two addresses agree */
const char *ward_address_class_name(enum ward_address_class c);
/* The length of the line of data/addresses that it lies in, the widest that does not say never; none: 8, of IPv6 64. */
unsigned ward_address_line(int family, const uint8_t *a);
/* The IPv4 address that stands behind the well-known prefix of NAT64 (64:ff9b::/96); NULL: none does. */
const uint8_t *ward_address_nat64(int family, const uint8_t *a);
/*
 * A range of addresses of which none may ever be reached: it lies in a line of data/addresses that says never. some: there are such
 * addresses in it, and others. ret_what: what they are, static; NULL: there are none.
 */
struct ward_address_range_said {
	bool never, some;
	const char *what;
};
struct ward_address_range_said ward_address_range(int family, const uint8_t *net, unsigned bits);

/* ---- name.c: what a host's name may be ---- */
#define WARD_NAME_SIZE 254 /* 253 bytes and the NUL */

enum ward_name_fault {
	WARD_NAME_OK = 0,
	WARD_NAME_BAD,    /* no name */
	WARD_NAME_NUMBER, /* its last label is a number: some resolvers read it as an address */
	WARD_NAME_DOT,    /* a dot at its end; out gets it without */
	WARD_NAME_LETTERS /* letters outside of ASCII that are not sure to be in their one form; out gets A-labels of them, or is "" */
};
/*
 * The one form that a name has everywhere: labels of letters, digits, "-" and "_" in lower case, 1 to 63 bytes each, 253 together, no
 * dot at the end; letters outside of ASCII as A-labels (RFC 5890), which have no "_". Upper case of ASCII becomes lower case, letters
 * outside of ASCII that are sure to be what IDNA allows become A-labels.
 */
enum ward_name_fault ward_name_normalize(struct ward_str name, char out[WARD_NAME_SIZE]);
/* It is in that form already. */
bool ward_name_is_normal(struct ward_str name);

/* ---- endpoint.c: what NETWORK_CONNECT names ---- */
enum ward_host_kind {
	WARD_HOST_NONE = 0,
	WARD_HOST_NAME,    /* this name */
	WARD_HOST_CHILD,   /* "*.NAME": one label below it */
	WARD_HOST_BELOW,   /* "**.NAME": any depth below it, not itself */
	WARD_HOST_ADDRESS, /* a literal */
	WARD_HOST_RANGE    /* ADDRESS/BITS */
};
struct ward_port_range {
	uint16_t first, last;
};
struct ward_endpoint {
	enum ward_host_kind kind;
	char name[WARD_NAME_SIZE]; /* in its normal form */
	size_t name_n;
	uint8_t family, bits, address[16]; /* family 4 or 6 */
	struct ward_port_range ports[WARD_PORT_RANGES_MAX]; /* in order, apart */
	size_t n_ports;
};
struct ward_endpoint_fault {
	char what[160], fix[320]; /* the fix may be "" */
};
/* "HOST:PORTS" as people write it. False: *why. */
bool ward_endpoint_parse(struct ward_str text, struct ward_endpoint *ret, struct ward_endpoint_fault *why);
/* Its one spelling. */
#define WARD_ENDPOINT_TEXT_MAX 512
#define WARD_HOST_SERVICE "host.ward.internal" /* the host's loopback, by the one name that says so */
void ward_endpoint_text(const struct ward_endpoint *e, char out[WARD_ENDPOINT_TEXT_MAX]);
/* The host alone: "*.example.com", "10.0.0.0/8", "fd00::/8"; no brackets. */
void ward_endpoint_host(const struct ward_endpoint *e, char out[WARD_ENDPOINT_TEXT_MAX]);
/* Exactly one name or address, at one port. */
bool ward_endpoint_is_one(const struct ward_endpoint *e);
/* Of an address behind the well-known prefix of NAT64 the IPv4 address that it carries, at the same ports. False: it carries none. */
bool ward_endpoint_carried(const struct ward_endpoint *e, struct ward_endpoint *ret);
/* What was asked for, by whoever may not be believed: one name or one address, one port, in the one spelling and no other. */
bool ward_endpoint_parse_asked(struct ward_str text, struct ward_endpoint *ret);
/* "name:port" of a name, "address:port" or "[address]:port" of an address as text; false: neither, or it does not fit. */
bool ward_endpoint_question(const char *host, uint16_t port, char out[WARD_ENDPOINT_TEXT_MAX]);
/* Does rule, in its one spelling, hold what was asked? A rule about names holds no address, and one about addresses no name. */
bool ward_endpoint_holds(const char *rule, const struct ward_endpoint *asked);
bool ward_endpoint_holds_host(const char *rule, const struct ward_endpoint *asked); /* at some port */

/* ---- limits.c: how much of the network may be used, by a run or by what one rule lets through ---- */
enum ward_net_limit {
	WARD_NET_CONNECTIONS = 0,  /* at a time */
	WARD_NET_CONNECTIONS_TOTAL,
	WARD_NET_RATE,             /* connections a second, and at once after a rest */
	WARD_NET_BYTES_UP,         /* of all connections together */
	WARD_NET_BYTES_DOWN,
	WARD_NET_IDLE,             /* ms of one connection without a byte */
	WARD_NET_TIME,             /* ms of one connection */
	WARD_NET_NAMES,            /* different names that are given an address */
	WARD_NET_LIMIT_MAX
};
struct ward_net_limits {
	uint64_t v[WARD_NET_LIMIT_MAX]; /* 0: none */
};
#define WARD_NET_LIMIT_TEXT_MAX 80
const char *ward_net_limit_name(enum ward_net_limit which); /* "connections" ... */
uint64_t ward_net_limit_max(enum ward_net_limit which); /* more none may be */
/* "bytes-up=10M,rate=5": into io, where none of them may be yet. On failure io is as it was. */
int ward_net_limits_parse(const char *text, struct ward_net_limits *io, struct ward_error *err);
/* What an annotation of a permit may say of what that lets through: not all of them are held of a rule. Into an empty one. */
int ward_net_limits_of_rule(const char *text, struct ward_net_limits *io, struct ward_error *err);
void ward_net_limits_default(struct ward_net_limits *io); /* of what nothing is said */
void ward_net_limit_text(enum ward_net_limit which, uint64_t v, char out[WARD_NET_LIMIT_TEXT_MAX]); /* "bytes-up=10M" */
void ward_net_limits_text(const struct ward_net_limits *l, struct ward_buf *b); /* all of them, with commas */
