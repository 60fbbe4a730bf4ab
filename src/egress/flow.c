/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow, from the client's connect() to its end: what was meant by its address, whether that is allowed, which real addresses that
 * leads to and which of them may be dialled, and whether what the client says agrees. A flow that was refused stays until the relay
 * says that it is closed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/flow.h"
#include "egress/limits.h"
#include "egress/inside.h"
#include "egress/upstream/upstream.h"
#include "policy/policy.h"

#define PENDING_MS 30000u
#define RELAY_EARLIER_MS 2000u /* than it gives up: a refusal is still heard */

/* ---- the lists ---- */

static struct ward_flow **find(struct ward_egress *e, uint32_t id)
{
	struct ward_flow **at = &e->flows[id % WARD_FLOWS_BUCKETS];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

struct ward_flow *ward_flow_find(struct ward_egress *e, uint32_t id)
{
	return *find(e, id);
}

static void set_state(struct ward_flow *f, enum ward_flow_state state)
{
	f->e->n_held -= f->state == WARD_FLOW_HELD;
	f->e->n_held += state == WARD_FLOW_HELD;
	f->state = state;
}

static void drop(struct ward_egress *e, struct ward_flow **at)
{
	struct ward_flow *f = *at;

	*at = f->next;
	ward_pending_remove(f);
	ward_dial_drop(f);
	set_state(f, WARD_FLOW_REFUSED);
	e->n_flows--;
	ward_flow_give_back(f);
	ward_close(f->client);
	free(f);
}

/* ---- telling ---- */

static const char *name_of(const struct ward_flow *f)
{
	return f->name ? f->name->name : f->asked;
}

/* How it came, in the record. */
static const char *via(const struct ward_flow *f)
{
	static const char *const words[WARD_HOW_MAX] = { [WARD_HOW_CONNECT] = "connect",
		[WARD_HOW_PROXIED] = "http",
		[WARD_HOW_SOCKS] = "socks5" };

	return words[f->how];
}

static const char *upstream(const struct ward_flow *f)
{
	return f->upstream ? ward_upstream_text(f->e->upstream) : NULL;
}

static void tell_block(struct ward_flow *f, enum ward_egress_why why, const char *text,
	const struct ward_relay_addr *address)
{
	struct ward_egress_event v = { .kind = WARD_EGRESS_BLOCK,
		.name = name_of(f),
		.port = f->to.port,
		.inspected = f->inspected,
		.via = via(f),
		.upstream = upstream(f),
		.count = 1 };
	char shown[WARD_ADDRESS_TEXT_MAX], peer[WARD_ADDRESS_TEXT_MAX], of_rule[400];

	ward_flow_whose(f, true);
	if (ward_flow_over_rule(f, why, of_rule, sizeof(of_rule))) {
		v.of_rule = &f->budget->of;
		v.rule = f->budget->of.rule;
		text = of_rule;
	}
	if (f->peer.family && !address && !f->upstream)
		address = &f->peer;
	if (!address && !name_of(f))
		address = &f->to;
	if (address)
		v.address = ward_address_text(address, shown);
	v.pid = f->pid;
	v.comm = f->comm[0] ? f->comm : NULL;
	v.program = ward_flow_program(f);
	if (f->rule[0] && /* of a limit it is the one that let it through */
		(why < WARD_EGRESS_WHY_BUDGET_CONNECTIONS || why > WARD_EGRESS_WHY_BUDGET_NAMES))
		v.rule = f->rule;
	ward_inward_tell(f, &v, peer);
	ward_tell_why(&v, why, text);
	ward_tell(f->e, &v);
}

static void refuse(struct ward_flow *f, enum ward_egress_why why, const char *text,
	const struct ward_relay_addr *address)
{
	ward_pending_remove(f);
	ward_dial_drop(f);
	set_state(f, WARD_FLOW_REFUSED);
	ward_answer_refused(f, why);
	tell_block(f, why, text, address);
}

static enum ward_egress_why over(enum ward_net_limit which)
{
	return (enum ward_egress_why)(WARD_EGRESS_WHY_BUDGET_CONNECTIONS + which);
}
_Static_assert(WARD_EGRESS_WHY_BUDGET_NAMES - WARD_EGRESS_WHY_BUDGET_CONNECTIONS == WARD_NET_NAMES,
	"why.def has them in the order of enum ward_net_limit");

/* A flow that was let through has ended by a limit; who comes next is not let through where it is used up. */
static void tell_over(struct ward_flow *f, enum ward_relay_end end)
{
	static const struct {
		enum ward_relay_end end;
		enum ward_net_limit which;
	} rows[] = {
		{ WARD_END_BYTES_UP, WARD_NET_BYTES_UP },
		{ WARD_END_BYTES_DOWN, WARD_NET_BYTES_DOWN },
		{ WARD_END_RULE_UP, WARD_NET_BYTES_UP },
		{ WARD_END_RULE_DOWN, WARD_NET_BYTES_DOWN },
		{ WARD_END_IDLE, WARD_NET_IDLE },
		{ WARD_END_TIME, WARD_NET_TIME },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		if (rows[i].end != end || f->state != WARD_FLOW_OPEN)
			continue;
		if (end == WARD_END_IDLE &&
			ward_now_mono_ns() - f->opened <
				ward_flow_limit(f, WARD_NET_IDLE, NULL) * WARD_MS)
			continue;
		if (end != WARD_END_RULE_UP && end != WARD_END_RULE_DOWN)
			f->e->spent[rows[i].which] = true;
		else if (f->budget)
			f->budget->spent[rows[i].which] = true;
		tell_block(f, over(rows[i].which), NULL, f->name ? NULL : &f->to);
	}
}

/* Fill in what is said of a flow that was allowed at its begin and at its end. */
static void tell_allowed(struct ward_flow *f, struct ward_egress_event *v)
{
	char shown[WARD_ADDRESS_TEXT_MAX], peer[WARD_ADDRESS_TEXT_MAX];

	v->name = name_of(f);
	v->port = f->to.port;
	v->via = via(f);
	v->upstream = upstream(f);
	v->rule = f->rule[0] ? f->rule : NULL;
	v->count = 1;
	v->pid = f->pid;
	v->comm = f->comm[0] ? f->comm : NULL;
	v->program = ward_flow_program(f);
	ward_inward_tell(f, v, peer);
	if (f->peer.family && !f->inward && !f->upstream)
		v->address = ward_address_text(&f->peer, shown);
	else if (!f->name)
		v->address = ward_address_text(&f->to, shown);
	ward_tell(f->e, v);
}

void ward_flow_refuse_as(struct ward_flow *f, enum ward_egress_why why, const char *text)
{
	refuse(f, why, text, NULL);
}

void ward_flow_refuse(struct ward_flow *f, enum ward_egress_why why)
{
	refuse(f, why, NULL, NULL);
}

/* m: the relay's word; NULL: it did not come, and how much was moved is not known. */
static void tell_end(struct ward_flow *f, const char *ended, const struct ward_relay_msg *m)
{
	struct ward_egress_event v = { .kind = f->inward ? WARD_EGRESS_ACCEPT : WARD_EGRESS_CONNECT,
		.inspected = f->inspected ? f->inspected : "none",
		.ended = ended,
		.up = m ? m->up : 0,
		.down = m ? m->down : 0,
		.uncounted = !m,
		.dialled = f->peer.family,
		.duration_ms = (ward_now_mono_ns() - f->opened) / WARD_MS };

	tell_allowed(f, &v);
}

/* ---- judging ---- */

/* Until somebody says so, or it is time: what is looked up and dialled comes after that. */
static void hold(struct ward_flow *f)
{
	if (f->e->n_held >= WARD_EGRESS_HELD_MAX) {
		refuse(f, WARD_EGRESS_WHY_TOO_MANY,
			"too many connections that wait for a person's answer", NULL);
		return;
	}
	set_state(f, WARD_FLOW_HELD);
	f->deadline = f->opened + WARD_EGRESS_HOLD_MS * WARD_MS;
}

/* The connection itself: *ret_stop: it was refused, or waits. */
static bool stops(struct ward_flow *f, const struct ward_egress_ask *q)
{
	enum ward_effect effect = ward_may(f->e, q, f->rule);

	if (effect == WARD_ASK)
		hold(f);
	else if (effect != WARD_ALLOW)
		refuse(f, WARD_EGRESS_WHY_NO_RULE, NULL, NULL);
	return effect != WARD_ALLOW;
}

/* Its turn comes at the end of this one of ours, behind those that wait already. */
static void begin_dial(struct ward_flow *f)
{
	char shown[WARD_ADDRESS_TEXT_MAX];
	enum ward_net_limit which;

	const struct ward_egress_ask q = { .name = f->name ? f->name->name : NULL,
		.address = f->name ? NULL : ward_address_text(&f->to, shown),
		.port = f->to.port,
		.program = ward_flow_program(f) };

	if (!f->made && !ward_flow_take(f, &q, &which)) {
		if (which == WARD_NET_CONNECTIONS && ward_room_wait(f))
			return;
		refuse(f, which < WARD_NET_LIMIT_MAX ? over(which) : WARD_EGRESS_WHY_TOO_MANY, NULL,
			NULL);
		return;
	}
	f->made = true;
	f->state = WARD_FLOW_WAITING;
}

/* Both families in turn, that of the client first. */
static const struct ward_relay_addr *in_turn(const struct ward_flow *f, size_t i)
{
	const struct ward_dns_answer *first = f->to.family == 4 ? &f->name->out : &f->name->out6;
	const struct ward_dns_answer *second = f->to.family == 4 ? &f->name->out6 : &f->name->out;
	const struct ward_dns_answer *of = i % 2 ? second : first;

	return i / 2 < of->n ? &of->v[i / 2] : NULL;
}

static const char *which(enum ward_egress_why why)
{
	if (why == WARD_EGRESS_WHY_ADDRESS_NEVER)
		return "may never be reached";
	return why == WARD_EGRESS_WHY_ADDRESS_FORBIDDEN ? "a rule forbids"
							: "no rule grants by its address";
}

static void dial_name(struct ward_flow *f)
{
	enum ward_egress_why why = WARD_EGRESS_WHY_NOT_RESOLVED, first_why = why;
	const struct ward_relay_addr *a, *bad = NULL;
	const char *what, *bad_what = NULL;
	char text[160], shown[WARD_ADDRESS_TEXT_MAX];

	f->dial = calloc(1, sizeof(*f->dial));
	if (!f->dial) {
		refuse(f, WARD_EGRESS_WHY_SYSTEM, NULL, NULL);
		return;
	}
	f->dial->part = f->name->part;
	for (size_t i = 0; i < (size_t)2 * WARD_EGRESS_ADDRESSES_MAX; i++) {
		a = in_turn(f, i);
		if (!a)
			continue;
		if (ward_may_dial(f, a, &why, &what)) {
			f->dial->v[f->dial->n++] = *a;
		} else if (!bad) {
			bad = a;
			bad_what = what;
			first_why = why;
		}
	}
	if (f->dial->n) {
		begin_dial(f);
		return;
	}
	if (!bad) {
		refuse(f, WARD_EGRESS_WHY_NOT_RESOLVED, NULL, NULL);
		return;
	}
	(void)snprintf(text, sizeof(text), "it leads to %s (%s), which %s",
		ward_address_text(bad, shown), bad_what, which(first_why));
	refuse(f, first_why, text, bad);
}

static void refuse_silent(struct ward_flow *f)
{
	char text[160];

	(void)snprintf(text, sizeof(text),
		"no name server outside could be asked (%s): /etc/resolv.conf says which they are, or --resolver",
		strerror(f->name->err));
	refuse(f, WARD_EGRESS_WHY_RESOLVER_SILENT, f->name->err ? text : NULL, NULL);
}

/*
 * A short name is not completed as the host's programs do it: what is judged is the name that was asked for, and a policy that forbids the
 * whole one would be passed over. Which one it would be is told.
 */
static void refuse_unknown(struct ward_flow *f)
{
	const struct ward_resolv_conf *c = ward_resolver_conf(&f->e->resolver);
	const char *name = f->name->name, *text = NULL;
	char whole[480];

	if (f->name->failed) {
		text = "the name servers outside answered that they cannot say which address it has";
	} else if (c->n_search && !strchr(name, '.')) {
		(void)snprintf(whole, sizeof(whole),
			"the name has no address outside, as it is; if the host's %s.%s is meant, use and grant that",
			name, c->search[0]);
		text = whole;
	}
	refuse(f, WARD_EGRESS_WHY_NOT_RESOLVED, text, NULL);
}

/* Go on, if what the name is outside is known by now. */
static void try_resolved(struct ward_flow *f)
{
	if (f->upstream) {
		ward_tunnel_next(f);
		return;
	}
	if (!ward_resolver_begin(&f->e->resolver, f->name, f->whole) || f->name->lookup)
		return;
	switch (f->name->found) {
	case WARD_FOUND_SILENT: refuse_silent(f); return;
	case WARD_FOUND_NONE: refuse_unknown(f); return;
	case WARD_FOUND_SOME: dial_name(f); return;
	}
}

bool ward_flow_again(struct ward_flow *f)
{
	struct ward_pinned *p = f->upstream ? f->e->upstream_at : f->name;

	if (!f->dial || !f->dial->part || f->dial->tunnel || !p)
		return false;
	ward_dial_drop(f);
	f->whole = true;
	set_state(f, WARD_FLOW_RESOLVING);
	try_resolved(f);
	/* Whoever is ready goes on in the next turn. */
	f->e->more = f->e->more || !p->lookup;
	return true;
}

void ward_flow_dial(struct ward_flow *f, const struct ward_relay_addr *v, size_t n)
{
	f->dial = calloc(1, sizeof(*f->dial));
	if (!f->dial) {
		refuse(f, WARD_EGRESS_WHY_SYSTEM, NULL, NULL);
		return;
	}
	memcpy(f->dial->v, v, n * sizeof(*v));
	f->dial->n = n;
	begin_dial(f);
}

static void open_address(struct ward_flow *f)
{
	enum ward_egress_why why = WARD_EGRESS_WHY_NO_RULE;
	const char *what;
	char text[160], shown[WARD_ADDRESS_TEXT_MAX];
	/*
	 * The loopback of the run is its own and is never captured: whoever comes with such an address has found the capture's own
	 * port, and must not get to the host's.
	 */
	enum ward_address_class c = ward_address_what(f->to.family, f->to.a, &what);
	enum ward_address_class here = ward_may_class(f->e, &f->to, &what);
	const struct ward_egress_ask q = { .address = ward_address_text(&f->to, shown),
		.port = f->to.port,
		.hold = c != WARD_ADDRESS_NEVER,
		.program = ward_flow_program(f),
		.meant = here == WARD_ADDRESS_LOOPBACK || here == WARD_ADDRESS_PRIVATE };

	if (c == WARD_ADDRESS_LOOPBACK) {
		refuse(f, WARD_EGRESS_WHY_NO_NAME,
			f->how != WARD_HOW_CAPTURED ? WARD_ANSWER_LOOPBACK : NULL, NULL);
	} else if (stops(f, &q)) {
		return;
	} else if (c == WARD_ADDRESS_NEVER) {
		(void)snprintf(text, sizeof(text), "the address (%s) may never be reached", what);
		refuse(f, WARD_EGRESS_WHY_ADDRESS_NEVER, text, NULL);
	} else if (!ward_may_carry(f, ward_address_text(&f->to, shown), &f->to, &why, &what)) {
		(void)snprintf(text, sizeof(text),
			"the IPv4 address that it carries (%s) is one that %s", what, which(why));
		refuse(f, why, text, NULL);
	} else if (!ward_upstream_takes_address(f->e->upstream, &f->to)) {
		ward_flow_dial(f, &f->to, 1);
	} else if (q.meant || ward_upstream_is_carried_inner(&f->to)) {
		(void)snprintf(text, sizeof(text),
			"the address (%s) is not asked of the host's proxy: --upstream-direct dials it from here",
			what);
		f->upstream = true;
		refuse(f, WARD_EGRESS_WHY_UPSTREAM_INNER, text, NULL);
	} else {
		ward_tunnel_open(f);
	}
}

/*
 * The host's loopback, by the one name that says so. A wildcard that happens to hold that name says no such thing: then it is a name that
 * leads to the loopback, as any other.
 */
static void open_host(struct ward_flow *f)
{
	static const struct ward_relay_addr host[2] = { { .family = 4, .a = { 127, 0, 0, 1 } },
		{ .family = 6, .a = { [15] = 1 } } };
	struct ward_relay_addr spared[2];
	size_t n = 0;

	f->name->out = (struct ward_dns_answer){ .n = 1, .v = { host[0] } };
	f->name->out6 = (struct ward_dns_answer){ .n = 1, .v = { host[1] } };
	if (ward_may_name(f, WARD_HOST_SERVICE, true, NULL))
		for (size_t i = 0; i < 2; i++)
			if (ward_may_lead(f, WARD_HOST_SERVICE, &host[i]))
				spared[n++] = host[i];
	if (n)
		ward_flow_dial(f, spared, n);
	else
		dial_name(f);
}

static void open_name(struct ward_flow *f)
{
	const struct ward_egress_ask q = { .name = f->name->name,
		.port = f->to.port,
		.hold = true,
		.program = ward_flow_program(f) };

	if (stops(f, &q))
		return;
	if (ward_streq(f->name->name, WARD_HOST_SERVICE)) {
		open_host(f);
	} else if (ward_upstream_takes(f->e->upstream, f->name->name, f->to.port)) {
		ward_tunnel_open(f);
	} else {
		try_resolved(f);
	}
}

/* What waited is judged as if it came now. */
static void judge_anew(struct ward_flow *f)
{
	uint64_t until = ward_now_mono_ns() + PENDING_MS * WARD_MS;
	uint64_t relay = f->opened + (WARD_RELAY_GATE_MS - RELAY_EARLIER_MS) * WARD_MS;

	set_state(f, WARD_FLOW_RESOLVING);
	f->deadline = until < relay ? until : relay;
	if (f->name)
		open_name(f);
	else
		open_address(f);
}

void ward_flows_answered(struct ward_egress *e)
{
	struct ward_flow *after;

	for (struct ward_flow *f = e->pending; f; f = after) {
		after = f->after;
		if (f->state == WARD_FLOW_HELD)
			judge_anew(f);
	}
}

void ward_flow_prefetch(struct ward_egress *e, struct ward_pinned *p)
{
	if (ward_upstream_takes(e->upstream, p->name, 0))
		ward_tunnel_prefetch(e);
	else if (!ward_streq(p->name, WARD_HOST_SERVICE))
		(void)ward_resolver_begin(&e->resolver, p, false);
}

/*
 * By name, from the proxy. As for a name that is asked for by DNS: where it may be reached at some port, it is pinned and on record, and what
 * follows is as with every connection to it.
 */
static void open_asked(struct ward_flow *f)
{
	enum ward_egress_why why;
	enum ward_effect effect;

	f->name = ward_pinned_find(&f->e->pins, f->asked);
	if (!f->name)
		f->name = ward_gate_pin(f->e, f->asked, f->rule, &effect, &why);
	if (f->name)
		open_name(f);
	else
		refuse(f, why, NULL, NULL);
}

/* The next step of f, which may take long: each of its name's addresses is judged. Each makes one once, so they all get on. */
static bool steps(struct ward_flow *f)
{
	struct ward_egress *e = f->e;
	const struct ward_pinned *looked = f->upstream ? e->upstream_at : f->name;

	if (f->state == WARD_FLOW_RESOLVING)
		return !looked || !looked->lookup;
	return f->state == WARD_FLOW_WAITING &&
		(f->inward ? ward_inward_ready(f) : e->n_dials < e->dials_max);
}

/* Can such a message be? What it names is in its one form; a captured connection names nothing. */
static bool is_open(const struct ward_relay_msg *m)
{
	uint32_t how = m->value & ~WARD_OPEN_BAD;

	if (how >= WARD_HOW_MAX || (m->to.family != 4 && m->to.family != 6) ||
		(m->from.family != 4 && m->from.family != 6))
		return false;
	return m->name[0] ? how != WARD_HOW_CAPTURED && m->to.port && m->value == how &&
			ward_name_is_normal(ward_str(m->name))
			  : true;
}

/* client: what was accepted here; -1: the relay has it. NULL: it cannot be, or there is no memory, and the relay is given up. */
static struct ward_flow *begin(struct ward_egress *e, const struct ward_relay_msg *m, int client)
{
	struct ward_flow **at = find(e, m->id), *f;
	bool synthetic = false;

	if (*at || e->n_flows >= WARD_EGRESS_FLOWS_MAX || !is_open(m) ||
		!ward_inward_can_be(e, m)) {
		ward_gate_lost(e, "it opened a connection that cannot be");
		ward_close(client);
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		ward_gate_lost(e, "no memory for a connection");
		ward_close(client);
		return NULL;
	}
	*at = f;
	e->n_flows++;
	f->e = e;
	f->id = m->id;
	f->client = client;
	f->how = m->value & ~WARD_OPEN_BAD;
	f->to = m->to;
	f->from = m->from;
	ward_address_unmap(&f->to);
	ward_address_unmap(&f->from);
	f->opened = ward_now_mono_ns();
	f->deadline = f->opened + (m->inward ? WARD_INWARD_DIAL_MS : PENDING_MS) * WARD_MS;
	f->state = WARD_FLOW_RESOLVING;
	ward_pending_add(f);
	f->asked = m->name[0] ? m->name : NULL;
	f->named = f->asked != NULL;
	if (m->inward)
		f->inward = &e->inward[m->inward - 1];
	else if (!f->asked)
		f->name = ward_pinned_at(&e->pins, &f->to, &synthetic);
	if (e->by_program)
		ward_flow_whose(f, true);
	if (!ward_bucket_take(f->inward ? &e->comes : &e->opens, f->opened))
		refuse(f, WARD_EGRESS_WHY_TOO_MANY, NULL, NULL);
	else if (m->value & WARD_OPEN_BAD)
		refuse(f, WARD_EGRESS_WHY_BROKEN, NULL, NULL);
	else if (f->asked)
		open_asked(f);
	else if (f->inward)
		ward_inward_open(f);
	else if (!ward_flow_port(f))
		refuse(f, WARD_EGRESS_WHY_NO_PORT, NULL, NULL);
	/* No port: a client can mean it, so it is no fault of the relay's. */
	else if (f->name && f->to.port)
		open_name(f);
	else if (synthetic || !f->to.port)
		refuse(f, WARD_EGRESS_WHY_NO_NAME, NULL, NULL);
	else
		open_address(f);
	f->asked = NULL; /* the message's own */
	return f;
}

void ward_flow_open(struct ward_egress *e, const struct ward_relay_msg *m)
{
	/* Of a client's flows the gate alone has the ids. */
	if (m->id & WARD_GATE_FLOW)
		ward_gate_lost(e, "it opened a connection that cannot be");
	else
		(void)begin(e, m, -1);
}

void ward_flow_come(struct ward_egress *e, const struct ward_relay_msg *m, int client)
{
	struct ward_flow *f = begin(e, m, client);

	if (!f)
		return;
	/* Nobody waits before it. */
	if (f->state == WARD_FLOW_WAITING && e->pending == f && steps(f)) {
		ward_inside_judged(e);
		ward_dial_begin(f);
	}
	/* What goes on by itself the run's own thread sees to; and where a person is asked, it asks. */
	e->more = e->more || f->state == WARD_FLOW_HELD ||
		((f->state == WARD_FLOW_WAITING || f->state == WARD_FLOW_RESOLVING) && steps(f));
	ward_flow_hand(f);
}

void ward_flow_dialed(struct ward_flow *f, int fd, const struct ward_relay_addr *peer)
{
	struct ward_relay_msg m = { .type = WARD_GATE_DIALED,
		.id = f->id,
		.to = f->to,
		.idle_ms = ward_flow_limit(f, WARD_NET_IDLE, NULL),
		.total_ms = ward_flow_limit(f, WARD_NET_TIME, NULL),
		.inward = f->made && f->budget ? f->budget->number : 0 };

	if (f->name)
		memcpy(m.name, f->name->name, strlen(f->name->name));
	/* Where policies look at what is spoken, it is ours to say of all of it. */
	f->lets = !f->inward && !ward_may_inspects(f->e);
	m.value = f->lets;
	ward_pending_remove(f);
	f->peer = *peer;
	/* It has said what it speaks already. */
	if (f->inspected && !ward_may_speak(f)) {
		ward_answer_spoken(f);
		f->peer = (struct ward_relay_addr){ 0 };
		ward_close(fd);
		return;
	}
	f->state = WARD_FLOW_OPEN;
	/* Before a byte can go either way: whatever kills us then, it is on record who was connected. */
	ward_flow_whose(f, true);
	tell_allowed(f, &(struct ward_egress_event){ .kind = WARD_EGRESS_OPEN });
	if (f->client < 0) {
		ward_gate_send(f->e, &m, fd);
		return;
	}
	m.type = WARD_GATE_CLIENT;
	m.from = f->from;
	ward_gate_send_two(f->e, &m, f->client, fd);
	f->client = -1;
}

void ward_flow_failed(struct ward_flow *f, int err)
{
	char text[160];

	if (f->upstream) {
		ward_tunnel_failed(f, err);
		return;
	}
	if (f->inward && err == ECONNREFUSED) {
		refuse(f, WARD_EGRESS_WHY_NO_SERVER, NULL, NULL);
		return;
	}
	(void)snprintf(text, sizeof(text), "no connection could be made: %s", strerror(err));
	refuse(f, WARD_EGRESS_WHY_UNREACHABLE, text, NULL);
}

/* ---- the end ---- */

/* What waited for a person, or for room, and got none of it was not let through. */
static bool tell_waiting(struct ward_flow *f)
{
	if (f->state != WARD_FLOW_HELD && f->state != WARD_FLOW_FULL)
		return false;
	tell_block(f,
		f->state == WARD_FLOW_HELD ? WARD_EGRESS_WHY_NO_RULE
					   : WARD_EGRESS_WHY_BUDGET_CONNECTIONS,
		NULL, NULL);
	return true;
}

void ward_flow_closed(struct ward_egress *e, const struct ward_relay_msg *m)
{
	static const char *const ends[WARD_END_MAX] = {
		[WARD_END_DONE] = "done",
		[WARD_END_CLIENT] = "client",
		[WARD_END_SERVER] = "server",
		[WARD_END_REFUSED] = "refused",
		[WARD_END_IDLE] = "idle",
		[WARD_END_TIME] = "time",
		[WARD_END_BYTES_UP] = "bytes",
		[WARD_END_BYTES_DOWN] = "bytes",
		[WARD_END_MEMORY] = "memory",
		[WARD_END_HELD] = "held",
		[WARD_END_RULE_UP] = "bytes",
		[WARD_END_RULE_DOWN] = "bytes",
	};
	struct ward_flow **at = find(e, m->id);

	if (!*at || m->value >= WARD_END_MAX) {
		ward_gate_lost(e, "it closed a connection that is not open");
		return;
	}
	if (!tell_waiting(*at) && (*at)->state != WARD_FLOW_REFUSED) {
		if (m->value == WARD_END_HELD) {
			refuse(*at, WARD_EGRESS_WHY_HELD_BYTES, NULL, NULL);
		} else {
			ward_flow_whose(*at, true);
			tell_end(*at,
				e->stopping && m->value == WARD_END_REFUSED ? "run_end"
									    : ends[m->value],
				m);
			tell_over(*at, (enum ward_relay_end)m->value);
		}
	}
	/* What went either way before it was refused is on record, too. */
	if ((*at)->state == WARD_FLOW_REFUSED && (*at)->peer.family)
		tell_end(*at, "refused", m);
	drop(e, at);
}

void ward_flows_end(struct ward_egress *e, const char *ended)
{
	for (size_t i = 0; i < WARD_FLOWS_BUCKETS; i++)
		while (e->flows[i]) {
			struct ward_flow *f = e->flows[i];

			if (!tell_waiting(f) && f->state != WARD_FLOW_REFUSED)
				tell_end(f, ended, NULL);
			else if (f->state == WARD_FLOW_REFUSED && f->peer.family)
				tell_end(f, "refused", NULL);
			drop(e, &e->flows[i]);
		}
}

void ward_flows_tick(struct ward_egress *e, uint64_t now)
{
	struct ward_flow *after;

	for (struct ward_flow *f = e->pending; f; f = after) {
		after = f->after;
		if (now >= f->deadline) {
			ward_flow_overdue(f);
			continue;
		}
		if (f->state == WARD_FLOW_DIALING)
			ward_dial_tick(f, now);
		if (f->state == WARD_FLOW_DIALING ||
			(f->state == WARD_FLOW_FULL && !ward_room_is(f)))
			continue;
		e->more = e->more || ward_now_mono_ns() >= e->turn_until;
		if (e->more)
			continue;
		if (f->state == WARD_FLOW_FULL)
			judge_anew(f);
		if (f->state == WARD_FLOW_RESOLVING && steps(f))
			try_resolved(f);
		if (f->state == WARD_FLOW_WAITING && steps(f))
			ward_dial_begin(f);
	}
}
