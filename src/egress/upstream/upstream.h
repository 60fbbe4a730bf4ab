/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to egress: the host's proxy (docs/egress.md, "The proxy of the host"). where.c: which it is, and what is spared it, from
 * text. tunnel.c: a flow by way of it. Its credentials are in the one message that asks it, and nowhere else.
 */
#pragma once

#include "egress/flow.h"

/* What is dialled from here: a name and all below it, or a range of addresses; port 0: at any. */
struct ward_spared {
	struct ward_relay_addr a;    /* family 0: a name */
	unsigned bits;
	uint16_t port;
	const char *name;            /* "": every name, and every address */
};
struct ward_spared_list {
	const struct ward_spared *v;
	size_t n;
};
struct ward_upstream {
	struct ward_arena *arena;    /* borrowed */
	const char *host; bool whole; /* a name in its normal form, or an address; NULL: not said yet. whole: with a last dot */
	const char *text;            /* host and port, as records have it */
	struct ward_relay_addr at;   /* family 0: a name; with the port */
	char *login;                 /* base64 of USER:PASSWORD; NULL: none */
	struct ward_spared_list said, by_env; /* by_env counts where nothing was said */
	bool is_said;
};

/* Does this go by it? port 0: at some port. NULL: nothing does. */
bool ward_upstream_takes(const struct ward_upstream *u, const char *name, uint16_t port);
bool ward_upstream_takes_address(const struct ward_upstream *u, const struct ward_relay_addr *a);
/* Of whoever looks the name up that is himself, or his cloud; the address carries an IPv4 address that is not public (NAT64). */
bool ward_upstream_is_own(const char *name);
bool ward_upstream_is_carried_inner(const struct ward_relay_addr *a);

/* What the proxy has answered, of n bytes; *ret_end: behind the head. 0: there is more to come; -1: no answer; else its number. */
int ward_tunnel_status(const char *p, size_t n, size_t *ret_end);

/* It was allowed, and goes by the proxy: dialled, or refused, now or when the proxy's name has an address. */
void ward_tunnel_open(struct ward_flow *f);
void ward_tunnel_next(struct ward_flow *f);
/*
 * The names that the proxy may have, in the order in which they are looked up: a short one is completed as the host would. Of no table;
 * e->upstream_at is the one that is waited for. False: no memory.
 */
bool ward_tunnel_names(struct ward_egress *e, const struct ward_resolv_conf *c);
void ward_tunnel_names_done(struct ward_egress *e);
void ward_tunnel_prefetch(struct ward_egress *e);
/* t is connected to the proxy; the others are given up. */
void ward_tunnel_begin(struct ward_flow *f, struct ward_try *t);
void ward_tunnel_failed(struct ward_flow *f, int err);
/* dial.c: it is asked from now on, which may take long, and leaves its place to the next that is dialled. False: too many are. */
bool ward_dial_asks(struct ward_flow *f);
/* Could the name lead to an address that a rule forbids? Where it leads only the proxy knows. */
bool ward_tunnel_may(struct ward_flow *f);
