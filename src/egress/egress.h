/* SPDX-License-Identifier: Apache-2.0 */
/*
 * egress: the gate. Every TCP flow of a run comes here with the name that was asked for, is judged, and is dialled from outside;
 * nothing leaves by any other way. The sandbox's own side (network namespace, capture, sockets) is confine's; this is ours from
 * its sockets on.
 *
 * Life: ward_egress_start() while the cage is made, ward_egress_attach() with its sockets before GO. The relay begins with the first
 * question or connection. Poll ward_egress_fd(), at
 * the latest after ward_egress_timeout(); ward_egress_next() does what there is to do and asks, through ops, in the caller's
 * thread. One run, one gate, one thread. If the relay dies its connections end, and no new one opens.
 *
 * What an address is says ward_address_classify() (policy/net/net.h).
 */
#pragma once

#include "base/base.h"
#include "decide/decide.h"
#include "plan/plan.h"

struct ward_egress;

/* What is asked before a name is answered (port 0), and before a flow is dialled. */
struct ward_egress_ask {
	const char *name; /* normal form; NULL: an address was dialled that no name stands for */
	/*
	 * Text, RFC 5952 for IPv6, no brackets; NULL: not resolved yet. With a name (or an address as its text, which carries this
	 * one): is it forbidden that the name leads there? ALLOW: no.
	 */
	const char *address;
	bool hold; /* a person may be asked: ASK, and the answer comes by ward_egress_answered() */
	bool inward; /* may a connection come in from the host? address: the host's own that it came to; name: NULL */
	bool anyone; /* with a port: may some program connect? It gives no right: who connects is asked about then */
	bool meant; /* only a rule counts that means it, and not just holds it among others: docs/egress.md */
	bool unseen; /* with a name: could it lead to an address that is forbidden? Where it leads is not to be known. ALLOW: no */
	uint16_t port; /* 0: any port of that name */
	const char *program; /* who connects; NULL: not known. For policies that say that this is advice */
	const char *inspected; /* what is spoken, as in records; NULL: nothing yet. Then the rest was asked before, and ASK is ALLOW */
};
enum ward_egress_kind {
	WARD_EGRESS_DNS_QUERY = 0, /* answered */
	WARD_EGRESS_DNS_BLOCK,
	WARD_EGRESS_OPEN, /* a flow that was allowed has its connection outside, or inside */
	WARD_EGRESS_CONNECT, /* a flow that was allowed has ended (or the run), also by a BLOCK: its numbers */
	WARD_EGRESS_BLOCK, /* a flow that was refused */
	WARD_EGRESS_ACCEPT, /* a flow from the host to a server inside has ended (or the run) */
	WARD_EGRESS_LIMIT, /* why: which limit; count: how often it turned something away */
	WARD_EGRESS_KIND_MAX
};
const char *ward_egress_kind_name(enum ward_egress_kind k); /* "dns.query" ... */
/* why of a block: the run tried what it may not; false: the network outside is to blame. */
bool ward_egress_is_violation(const char *why);

struct ward_egress_limit;
/* What happened, as it is recorded. Texts live for the call. */
struct ward_egress_event {
	enum ward_egress_kind kind;
	const char *name, *address; /* NULL = none */
	uint16_t port;
	const char *peer; /* ACCEPT, and BLOCK of such a flow: who came, at address and port; else NULL */
	uint16_t inner; /* the port inside; 0: the flow went out */
	const char *why; /* BLOCK: machine word of egress/why.def: "no_rule" "address_class" "name_mismatch" ... */
	const char *text; /* the same for people */
	bool noted; /* DNS_BLOCK: who started the run is told, too */
	const char *inspected; /* "tls" "http" "none" ... */
	const char *via; /* of the proxy: "connect" "http" "socks5"; NULL: as programs connect */
	const char *upstream; /* the host's proxy by which it went, or should have gone; NULL: none */
	const char *ended; /* CONNECT: "done" "idle" ... */
	const char *rule; /* what the verdict's text was; NULL = none */
	const struct ward_egress_limit *of_rule; /* BLOCK by a limit of a rule, so that no option of the run helps; else NULL */
	uint64_t up, down, duration_ms;
	bool uncounted; /* CONNECT: how much was moved is not known, the relay was lost */
	bool dialled; /* CONNECT, ACCEPT: this ends one that OPEN told */
	uint64_t count; /* how many alike, at least 1 */
	int pid;
	const char *comm, *program;
};
/* What one rule lets through, and so much of it: all but names. */
struct ward_egress_limit {
	char file[200]; /* of the rule, which is that one for as long as the run lives */
	uint32_t line, column;
	char rule[256]; /* as ask() has it */
	struct ward_net_limits limits;
};
#define WARD_EGRESS_LIMITS_MAX 4 /* rules that are told of one connection */
struct ward_egress_ops {
	/*
	 * The judge. *ret is preset to DENY; anything but WARD_OK is a deny. rule: room for the text of the rule, NUL-terminated.
	 * ASK: a person is asked now (port 0: will be, when it is connected to); where hold is not set it is a deny.
	 */
	int (*ask)(void *arg, const struct ward_egress_ask *q, enum ward_effect *ret, char *rule, size_t rule_size);
	/* Negative: it is on no record, and the gate is given up at once: nothing opens any more, and what is open ends. */
	int (*event)(void *arg, const struct ward_egress_event *e);
	/* Who has the connection from this address inside; false: not known, or, without wait, not yet. program: "" = not known. */
	bool (*who)(void *arg, const char *address, uint16_t port, bool wait, int *ret_pid, char comm[16],
		char program[WARD_PROGRAM_TEXT_MAX]);
	/*
	 * Of a connection from this address inside to the listener's own port: which port was dialled. False: none, and it is to be
	 * refused. NULL: that one, since nothing is redirected.
	 */
	bool (*meant)(void *arg, const char *address, uint16_t port, bool wait, uint16_t *io_port);
	/*
	 * Of a connection that was allowed: the rules that let it through, where each of them has limits: any of them will do. 0: there
	 * are none, or one without. Negative: not known, and it is refused. NULL: no rule has any.
	 */
	int (*limits)(void *arg, const struct ward_egress_ask *q, struct ward_egress_limit ret[WARD_EGRESS_LIMITS_MAX]);
	/* Does, now, some policy look at what is spoken? Then each is asked again once that is known. NULL: none does. */
	bool (*inspects)(void *arg);
	/* Does nobody listen at TCP 53 of the inside? NULL: somebody does. */
	bool (*udp_alone)(void *arg);
};
struct ward_egress_options {
	const struct ward_egress_ops *ops;
	void *arg;
	struct ward_net_limits limits; /* of the run; 0: none */
	bool inward; /* it listens to the host: the relay begins at once, and confines itself beside what the caller does next */
	bool by_program; /* some policy asks who connects: that is found out before it is judged */
	const struct ward_upstream *upstream; /* the host's proxy, by which all goes that is not spared; NULL, or nothing set: none */
	const char *resolver; /* "ADDRESS" or "ADDRESS:PORT" in place of /etc/resolv.conf; NULL */
};

/* Is it what options.resolver may be? */
int ward_egress_resolver_check(const char *resolver, struct ward_error *err);
/*
 * upstream/where.c: the host's proxy, by text from the host's owner. of: what the text is called in messages, which never have any of
 * it: there may be a password in it. A call that fails changes nothing.
 */
struct ward_upstream *ward_upstream_new(struct ward_arena *arena); /* names none yet; it lives there. NULL: no memory */
int ward_upstream_set(struct ward_upstream *u, const char *url, const char *of, struct ward_error *err);
/* Names, addresses and ranges that go directly; by_env: only while nothing else says any. */
int ward_upstream_spare(struct ward_upstream *u, const char *list, bool by_env, const char *of, struct ward_error *err);
bool ward_upstream_spares(const struct ward_upstream *u); /* somebody said so, by_env aside. NULL: no */
const char *ward_upstream_text(const struct ward_upstream *u); /* host and port; NULL: none is set */
/* Of one endpoint that may be connected to, as the gate has it, which asks the kernel as well: public addresses may be this host's. */
enum ward_upstream_way { WARD_UPSTREAM_INNER = 0 /* not asked of it, and not dialled */, WARD_UPSTREAM_ASKED, WARD_UPSTREAM_SPARED };
enum ward_upstream_way ward_upstream_way(const struct ward_upstream *u, const struct ward_endpoint *e);
void ward_upstream_forget(struct ward_upstream *u); /* its credentials. NULL ok */
/* o need not live on, but for what it points to. */
int ward_egress_start(const struct ward_egress_options *o, struct ward_egress **ret, struct ward_error *err);
/*
 * Once: it is there, and has the sockets. They are taken, also on failure. Until then nothing else but stop() may be called.
 * accepts: what is captured is accepted here, and not by the relay; the caller tells of it by ward_egress_came().
 */
int ward_egress_attach(struct ward_egress *e, const int sockets[WARD_NET_SOCKET_MAX], bool accepts, struct ward_error *err);
/*
 * After attach(), once: what is accepted at these goes to port inner inside. door: of ward_cage_take_net(), where the sockets inside
 * come from. The descriptors are taken, also on failure.
 */
struct ward_egress_listener {
	int fd; /* listening, non-blocking */
	uint16_t inner;
};
int ward_egress_listen(struct ward_egress *e, const struct ward_egress_listener *v, size_t n, int door, struct ward_error *err);
int ward_egress_fd(const struct ward_egress *e);
int ward_egress_timeout(const struct ward_egress *e); /* ms, -1 = none */
/*
 * With accepts: something was captured (six: over IPv6). Called in whatever thread made it, while the run's own waits for the
 * gate's descriptor and nothing else touches the gate: the caller sees to that. It is accepted, judged and dialled as far as that
 * goes at once; caller, who made it (NULL ok), goes on when he was judged, while he is dialled for, or later. True: the run's thread
 * has something to do before it would look. ring() wakes it, from any thread, at any time; also in place of came().
 */
struct ward_egress_caller {
	void (*go_on)(void *arg); /* at most once */
	void *arg;
};
bool ward_egress_came(struct ward_egress *e, bool six, const struct ward_egress_caller *caller);
void ward_egress_ring(struct ward_egress *e);
/* A person said something: the connections that wait for one are asked about again. NULL ok. */
void ward_egress_answered(struct ward_egress *e);
int ward_egress_next(struct ward_egress *e, struct ward_error *err);
/* Nobody inside is alive: the relay begins to end, beside what the caller does before stop(), which alone may follow. NULL ok. */
void ward_egress_end(struct ward_egress *e);
/* Every flow ends and is told; the relay is gone when it returns. NULL ok. */
void ward_egress_stop(struct ward_egress *e);
