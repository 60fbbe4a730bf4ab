/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to egress: the gate's parts. gate.c speaks with the relay, inside.c accepts, flow.c has the flows, dial.c connects, resolve.c
 * asks name servers, names.c gives names their addresses, event.c tells what happened. Everything waits in one epoll descriptor.
 */
#pragma once

#include "egress/dns.h"
#include "egress/inside.h"
#include "egress/inward.h"
#include "os/os.h"

#define WARD_RULE_TEXT_MAX 256
/* ---- names.c: name <-> synthetic address, for the run, never given to another ---- */
enum ward_found { WARD_FOUND_SILENT = 0, WARD_FOUND_NONE, WARD_FOUND_SOME };
struct ward_lookup;
struct ward_pinned {
	struct ward_pinned *next;    /* of its bucket */
	uint32_t offset;             /* of its addresses in the ranges of plan.h */
	struct ward_lookup *lookup;  /* under way; NULL: none */
	uint64_t until, asked;       /* ns: what was found holds until then, 0: nothing was looked up; while conf_no (below) is asked */
	enum ward_found found;
	int err; bool failed, part;  /* SILENT: why none was asked; 0: in time. NONE: they cannot say. OTHER_MS of resolve.c */
	struct ward_dns_answer out, out6; /* real addresses, of either family; its IPv6 part, kept apart */
	struct ward_dns_servers *servers; const char *host; /* of a service, else NULL; what stands behind its two labels */
	char name[];
};
#define WARD_PINS_BUCKETS 1024
struct ward_pins_table {
	struct ward_pinned *buckets[WARD_PINS_BUCKETS];
	struct ward_pinned **at;     /* by offset - WARD_NET_NAMES_AT */
	size_t n, cap;
};
/* NULL: not there. */
struct ward_pinned *ward_pinned_find(const struct ward_pins_table *t, const char *name);
/* That, or a new one; NULL: no memory, or there are WARD_EGRESS_NAMES_MAX. */
struct ward_pinned *ward_pinned_make(struct ward_pins_table *t, const char *name);
/* *ret_synthetic: a is in the run's own ranges. NULL: it stands for no name. */
struct ward_pinned *ward_pinned_at(const struct ward_pins_table *t, const struct ward_relay_addr *a, bool *ret_synthetic);
void ward_pinned_addresses(const struct ward_pinned *p, uint8_t v4[4], uint8_t v6[16]);
void ward_pins_table_done(struct ward_pins_table *t);

/* ---- limits.c ---- */
struct ward_egress;
struct ward_bucket {
	uint64_t rate, burst;        /* tokens a second, at least 1 and at most 1000000 */
	uint64_t have, at;           /* billionths; ns, 0: it is full */
};
/* One more name; false: there are as many as there may be. */
bool ward_limits_name(const struct ward_egress *e, const char *name);
bool ward_bucket_take(struct ward_bucket *b, uint64_t now);
uint64_t ward_bucket_next(const struct ward_bucket *b); /* ns: when there is one again, of one that was asked */

/* ---- resolve.c ---- */
struct ward_resolver {
	int epoll; bool fixed; struct ward_resolv_conf conf; /* epoll: borrowed; fixed: --resolver */
	/* The file that it was read from: its last change, its number, its bytes; young: another one may have the same. */
	struct ward_file_was { struct timespec time; uint64_t ino, size; bool known, young; } conf_was, hosts_was;
	struct ward_buf hosts; uint64_t conf_again, conf_no; /* its text; ns: not looked at before; how often there was another one */
	const char *conf_file, *hosts_file; uint64_t silent_until[WARD_RESOLVERS_MAX]; /* ns: asked last until then */
	struct ward_lookup *first;
	size_t n, n_slow, most, most_slow; /* slow: of them, without a place any more */
	struct ward_bucket pace;     /* of what leaves the host: names carry data */
	uint64_t paced_until;        /* ns: somebody waits for the next token; 0: nobody */
	uint64_t paced;              /* how many had to, and were not told yet */
};
int ward_resolver_init(struct ward_resolver *r, int epoll, const char *spec, struct ward_error *err);
const struct ward_resolv_conf *ward_resolver_conf(struct ward_resolver *r); /* what the host says now */
/*
 * Begin, unless what is known of p still holds or it is under way: p->lookup says which. False: there are too many already; try again
 * when one is done. whole: nor does what is known in part.
 */
bool ward_resolver_begin(struct ward_resolver *r, struct ward_pinned *p, bool whole);
void ward_resolver_tick(struct ward_resolver *r, uint64_t now);
uint64_t ward_resolver_next(const struct ward_resolver *r); /* when it wants a tick; UINT64_MAX: never */
void ward_resolver_done(struct ward_resolver *r);

/* ---- flow.c, dial.c ---- */
enum ward_flow_state {
	WARD_FLOW_REFUSED = 0, /* the relay will say that it is closed */
	WARD_FLOW_RESOLVING,
	WARD_FLOW_HELD, WARD_FLOW_FULL, /* a person is asked; as many as may be at a time are there, of which one may be about to end */
	WARD_FLOW_WAITING, /* to be dialled */
	WARD_FLOW_DIALING,
	WARD_FLOW_OPEN
};
#define WARD_TRIES_MAX 4
struct ward_flow;
struct ward_try {
	struct ward_waiter source;
	int fd;
	uint8_t which;
	bool waited;                 /* epoll has it */
};
struct ward_dial {
	struct ward_relay_addr v[2 * WARD_EGRESS_ADDRESSES_MAX];
	size_t n, at;
	int door[2];                 /* inward: sockets of the run's network, IPv4 and IPv6; -1 */
	struct ward_try tries[WARD_TRIES_MAX];
	uint64_t next, begun;        /* ns: when the next address is tried, too; when it began */
	int err;                     /* the last */
	struct ward_tunnel *tunnel; bool placed, slow, asks, one, part; /* its places; one try; resolve.c */
};
struct ward_flow {
	struct ward_flow *next;      /* of its bucket */
	struct ward_flow *before, *after; /* of those that are not open yet */
	struct ward_egress *e;
	uint32_t id;
	enum ward_flow_state state;
	struct ward_pinned *name;    /* NULL: an address was meant */
	const struct ward_inward *inward; /* NULL: it goes out */
	struct ward_relay_addr to, peer; /* peer: what was dialled, family 0: nothing yet */
	struct ward_relay_addr from;
	int client;                  /* what was accepted, until the relay has it; -1 */
	uint64_t opened, deadline, room_by; /* ns: until room_by it waits for room (limits.h), 0: it did not yet */
	unsigned looks;              /* how often its first bytes were judged */
	bool again, some, lets;      /* they may be once more; were undecided; the relay may pass some of them by itself (wire.h) */
	const char *inspected, *speaks; /* speaks: the same, while what is asked is asked with it: may.c */
	enum ward_relay_how how;
	const char *asked;           /* of the proxy, while it is opened: the name; NULL */
	bool made, named, upstream, whole; /* counts against limits; the proxy was asked for the name; peer is that; not a part */
	struct ward_budget *budget;  /* limits.h: of the rule that let it through, or the one that did not; NULL: it has none */
	struct ward_dial *dial;      /* while WAITING, DIALING */
	int pid; char comm[16], program[WARD_PROGRAM_TEXT_MAX];
	char rule[WARD_RULE_TEXT_MAX];
};
#define WARD_FLOWS_BUCKETS 4096

struct ward_egress {
	const struct ward_egress_ops *ops;
	void *arg;
	int epoll, ctl, route; struct ward_waiter ctl_source; /* route: rtnetlink, to ask which addresses are the host's own */
	struct ward_spawned relay; struct ward_late late;
	bool ready, stopping, more, by_program;
	uint64_t turn_until;         /* ns: after that, what can wait is left to the next turn: more */
	const char *lost; int lost_errno; char lost_text[96]; /* why the relay is given up (NULL: it lives), and by which error */
	bool buried;                 /* and what that means was done */
	struct ward_inward inward[WARD_PUBLISH_SOCKETS_MAX];
	uint32_t n_inward;
	struct ward_inside inside;   /* where connections of the run come to the gate itself */
	int door;                    /* where sockets of the run's network come from; -1 */
	struct ward_waiter door_source;
	bool door_empty;             /* and it will say when it is not */
	struct ward_pins_table pins; struct ward_service *services; size_t n_services;
	struct ward_resolver resolver;
	const struct ward_upstream *upstream; struct ward_pinned *upstream_pins, *upstream_at; /* NULL: no proxy; no name of it */
	struct ward_bucket names, opens, comes; /* what is judged a second; comes: from the host */
	struct ward_net_limits limits;
	struct ward_bucket rate;     /* of connections that are made, if there is such a limit */
	struct ward_budget *budgets; size_t n_budgets; /* limits.h: of rules */
	uint64_t n_made, n_alive; bool spent[WARD_NET_LIMIT_MAX];
	struct ward_flow *flows[WARD_FLOWS_BUCKETS];
	size_t n_flows, flows_max, dials_max, slow_max, n_dials, n_slow, n_tunnels, n_held;
	size_t n_inward_dials;       /* who comes in keeps nobody from going out */
	struct ward_flow *pending, *pending_last; /* not open yet, by their age */
	/* ns: whose a connection is, and its port: who was waited for */
	uint64_t no_who_until, who_since, who_waited, port_since, port_waited;
	struct ward_out *out, *out_last; /* what the relay has not taken yet */
	size_t n_out;
	uint64_t out_at;             /* ns: when it is tried again; 0: when the socket takes more */
	struct ward_told *told[WARD_TOLD_BUCKETS];
	uint64_t told_seed;
	size_t n_told[WARD_TOLD_LANES];
	struct ward_told_over { uint64_t count, up, down; } told_over[WARD_TOLD_LANES];
};

/* gate.c. For the tests: without a process; ctl is taken. */
int ward_gate_new(const struct ward_egress_options *o, int ctl, struct ward_egress **ret, struct ward_error *err);
void ward_gate_send(struct ward_egress *e, const struct ward_relay_msg *m, int fd); /* fd: -1, or taken */
void ward_gate_send_two(struct ward_egress *e, const struct ward_relay_msg *m, int fd, int second);
void ward_gate_limit(struct ward_egress *e, enum ward_relay_limit which, uint64_t count); /* told */
void ward_gate_lost(struct ward_egress *e, const char *how); /* how: static. It takes effect at the end of this turn */

void ward_gate_name(struct ward_egress *e, const struct ward_relay_msg *m); /* names.c */
void ward_flow_open(struct ward_egress *e, const struct ward_relay_msg *m);
void ward_flow_come(struct ward_egress *e, const struct ward_relay_msg *m, int client); /* accepted here (taken) */
void ward_flow_seen(struct ward_egress *e, const struct ward_relay_msg *m);
void ward_flow_closed(struct ward_egress *e, const struct ward_relay_msg *m);
void ward_flow_prefetch(struct ward_egress *e, struct ward_pinned *p);
void ward_flow_dialed(struct ward_flow *f, int fd, const struct ward_relay_addr *peer);
void ward_flow_failed(struct ward_flow *f, int err);
void ward_flows_answered(struct ward_egress *e);
void ward_flows_tick(struct ward_egress *e, uint64_t now);
void ward_pending_add(struct ward_flow *f);
void ward_pending_remove(struct ward_flow *f);
uint64_t ward_flows_next(const struct ward_egress *e);
/* All of them end and are told. */
void ward_flows_end(struct ward_egress *e, const char *ended);

void ward_dial_begin(struct ward_flow *f); /* f->dial has its addresses */
void ward_dial_tick(struct ward_flow *f, uint64_t now);
void ward_dial_drop(struct ward_flow *f);
/* Is it an address of this host, by what the kernel would do with a packet to it? Fails to true. */
bool ward_route_is_own(int route, const struct ward_relay_addr *a); int ward_route_open(void);
/* What the kernel answered to the question with that number; what is no answer says yes. */
bool ward_route_says_own(const char *buf, size_t n, uint32_t seq);

/* names.c: a name that the run wants, by DNS or of the proxy: pinned and told, where it may be reached at some port. NULL: *ret_why. */
struct ward_pinned *ward_gate_pin(struct ward_egress *e, const char *name, char *rule, enum ward_effect *ret_effect,
	enum ward_egress_why *ret_why);
