/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate of the network in a run: begun while the cage is made, given its sockets before the command starts, polled by the
 * supervisor, ended when nothing of the run is alive. What the gate asks is asked of the judge; what it tells becomes records, and violations of the outcome.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/life.h"
#include "run/rules/rules.h"

/* Nothing else was refused of a name, and it is not known which port was meant: the next refusal would name it. */
#define CURE_PORT 443
#define NO_HOST "(no host)" /* what questions are about that name none: no name looks so */

static const char *rule_name(const struct ward_decision *d)
{
	if (d->rule)
		return d->rule->text ? d->rule->text : d->rule->pattern;
	return d->by ? (d->by->id ? d->by->id : d->by->text) : "";
}

static int on_ask(void *arg, const struct ward_egress_ask *q, enum ward_effect *ret, char *rule,
	size_t rule_size)
{
	const struct ward_connect_asked how = { .meant = q->meant,
		.hold = q->hold,
		.anyone = q->anyone,
		.program = q->program,
		.inspected = q->inspected };
	struct life *l = arg;
	struct ward_decision *d = malloc(sizeof(*d));
	size_t n;
	int r;

	*ret = WARD_DENY;
	if (!d)
		return WARD_E_NOMEM;
	r = q->unseen       ? ward_ask_unseen(l, q->name, q->port, how, d)
		: q->inward ? ward_ask_listen(l, q->address, q->port, d, NULL)
		: q->name && q->address
		? ward_ask_leads(l, q->name, q->port, q->address, how, d, NULL)
		: ward_ask_connect(l, q->name ? q->name : q->address, q->port, how, d, NULL);
	if (r == WARD_OK) {
		*ret = d->effect;
		n = strnlen(rule_name(d), rule_size - 1);
		memcpy(rule, rule_name(d), n);
		rule[n] = '\0';
	}
	free(d);
	return r;
}

static bool who(const struct life *l, const char *address, uint16_t port, bool wait,
	struct ward_cage_who *ret)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		return ward_cage_who(l->cage, (const struct sockaddr *)&v4, sizeof(v4), wait, ret);
	return inet_pton(AF_INET6, address, &v6.sin6_addr) == 1 &&
		ward_cage_who(l->cage, (const struct sockaddr *)&v6, sizeof(v6), wait, ret);
}

static bool on_who(void *arg, const char *address, uint16_t port, bool wait, int *ret_pid,
	char comm[16], char program[WARD_PROGRAM_TEXT_MAX])
{
	struct ward_cage_who w;

	if (!who(arg, address, port, wait, &w))
		return false;
	*ret_pid = w.pid;
	memcpy(comm, w.comm, sizeof(w.comm));
	memcpy(program, w.program, sizeof(w.program));
	return true;
}

static bool on_meant(void *arg, const char *address, uint16_t port, bool wait, uint16_t *io_port)
{
	const struct life *l = arg;
	struct ward_cage_who w;

	if (!l->plan->redirects)
		return true;
	if (!who(l, address, port, wait, &w) || !w.port)
		return false;
	*io_port = w.port;
	return true;
}

static int on_limits(void *arg, const struct ward_egress_ask *q,
	struct ward_egress_limit ret[WARD_EGRESS_LIMITS_MAX])
{
	return ward_ask_limits(arg, q->name ? q->name : q->address, q->port, q->program, ret,
		WARD_EGRESS_LIMITS_MAX);
}

static bool on_udp_alone(void *arg)
{
	const struct life *l = arg;

	return l->plan->redirects;
}

static bool on_inspects(void *arg)
{
	const struct life *l = arg;

	return l->book && ward_book_inspects(l->book->book);
}

/* ---- what it tells ---- */

static bool is_block(const struct ward_egress_event *e)
{
	return e->kind == WARD_EGRESS_BLOCK || e->kind == WARD_EGRESS_DNS_BLOCK;
}

/* "name:port", "[2001:db8::1]:443", a name alone. */
static void resource_of(const struct ward_egress_event *e, char *out, size_t size)
{
	const char *host = e->name ? e->name : e->address ? e->address : NO_HOST;
	bool six = !e->name && strchr(host, ':');

	if (e->kind == WARD_EGRESS_LIMIT)
		(void)snprintf(out, size, "%s", e->why);
	else if (e->port)
		(void)snprintf(out, size, "%s%s%s:%u", six ? "[" : "", host, six ? "]" : "",
			e->port);
	else
		(void)snprintf(out, size, "%s", host);
}

static void put_bytes(struct ward_buf *b, const struct ward_egress_event *e)
{
	ward_jw_ku64(b, "up", e->up);
	ward_jw_ku64(b, "down", e->down);
}

static void put_numbers(struct ward_buf *b, const struct ward_egress_event *e)
{
	if (e->kind == WARD_EGRESS_CONNECT)
		ward_jw_kstr(b, "inspected", e->inspected ? e->inspected : "none");
	ward_jw_kstr(b, "ended", e->ended);
	if (!e->uncounted)
		put_bytes(b, e);
	ward_jw_ku64(b, "duration_ms", e->duration_ms);
}

/* Who comes from outside is not the run, and what he does no violation of it. */
static bool is_violation(const struct ward_egress_event *e)
{
	return is_block(e) && !e->inner && ward_egress_is_violation(e->why);
}

/* Which limit of the run this word says is used up; WARD_NET_LIMIT_MAX: none. */
static enum ward_net_limit limit_of(const char *why)
{
	char word[WARD_NET_LIMIT_TEXT_MAX] = "budget_";
	int i;

	for (i = 0; i < WARD_NET_LIMIT_MAX; i++) {
		const char *name = ward_net_limit_name((enum ward_net_limit)i);

		for (size_t c = 0; c <= strlen(name); c++)
			word[strlen("budget_") + c] = name[c] == '-' ? '_' : name[c];
		if (ward_streq(word, why))
			break;
	}
	return (enum ward_net_limit)i;
}

/* Where a profile says what the run's own limit is; NULL: an option does, or nobody. */
static const struct ward_origin *said_by_profile(const struct life *l,
	const struct ward_egress_event *e)
{
	const struct ward_profile *p = l->book ? l->book->profile : NULL;
	enum ward_net_limit which =
		is_block(e) && !e->of_rule ? limit_of(e->why) : WARD_NET_LIMIT_MAX;

	if (which == WARD_NET_LIMIT_MAX || l->r->limits.net.v[which] != 0)
		return NULL;
	for (size_t i = 0; p && i < p->n_network; i++)
		if (p->network[i].said.limits.v[which] == l->plan->limits.net.v[which])
			return &p->network[i].said.limit_origin[which];
	return NULL;
}

/* file and line: of the policy that refused, or that has the limit. */
static void put_place(struct ward_buf *b, const char *file, uint32_t line)
{
	if (!line)
		return;
	ward_jw_kstr(b, "file", file);
	ward_jw_ku64(b, "line", line);
}

static char *detail_of(const struct life *l, const struct ward_egress_event *e,
	const struct ward_decision *d)
{
	const struct ward_origin *profile = said_by_profile(l, e);
	struct ward_buf b = WARD_BUF_INIT;
	bool is_end = e->kind == WARD_EGRESS_CONNECT || e->kind == WARD_EGRESS_ACCEPT;

	ward_jw_open(&b, '{');
	if (is_violation(e))
		ward_jw_kstr(&b, "error", ward_error_class_name(WARD_CLASS_SANDBOX_VIOLATION));
	if (e->name)
		ward_jw_kstr(&b, e->kind == WARD_EGRESS_LIMIT ? "of" : "name", e->name);
	if (e->address)
		ward_jw_kstr(&b, "address", e->address);
	if (e->port)
		ward_jw_ku64(&b, "port", e->port);
	if (e->peer)
		ward_jw_kstr(&b, "peer", e->peer);
	if (e->inner)
		ward_jw_ku64(&b, "inner", e->inner);
	if (e->comm)
		ward_jw_kstr(&b, "comm", e->comm);
	if (e->program)
		ward_jw_kstr(&b, "program", e->program);
	if (e->via)
		ward_jw_kstr(&b, "via", e->via);
	if (e->upstream)
		ward_jw_kstr(&b, "upstream", e->upstream);
	/* As usual it ends a connection that net.open began. */
	if (is_end && !e->dialled)
		ward_jw_kbool(&b, "dialled", false);
	if (is_end)
		put_numbers(&b, e);
	else if (e->up || e->down)
		put_bytes(&b, e);
	ward_jw_ku64(&b, "count", e->count);
	if (is_block(e))
		ward_jw_kstr(&b, "reason", e->why);
	if (is_block(e) || e->kind == WARD_EGRESS_LIMIT)
		ward_jw_kstr(&b, "why", d->why[0] ? d->why : e->text);
	if (d->by && d->by->line)
		put_place(&b, d->by->file, d->by->line);
	else if (e->of_rule)
		put_place(&b, e->of_rule->file, e->of_rule->line);
	else if (profile)
		put_place(&b, profile->file, profile->line);
	if (d->cure[0])
		ward_jw_kstr(&b, "cure", d->cure);
	ward_jw_close(&b, '}');
	return ward_buf_take(&b);
}

/* A rule has to mean it: docs/egress.md. carried: the IPv4 address behind the prefix of NAT64, as text; "" without one. */
static bool is_inner(const char *address, char carried[INET_ADDRSTRLEN])
{
	struct in6_addr six;
	struct in_addr four;
	const uint8_t *v4 = NULL;
	enum ward_address_class c = WARD_ADDRESS_PUBLIC;

	carried[0] = '\0';
	if (inet_pton(AF_INET, address, &four) == 1) {
		c = ward_address_classify(4, (const uint8_t *)&four);
	} else if (inet_pton(AF_INET6, address, &six) == 1) {
		c = ward_address_classify(6, six.s6_addr);
		v4 = ward_address_nat64(6, six.s6_addr);
	}
	if (v4 && !inet_ntop(AF_INET, v4, carried, INET_ADDRSTRLEN))
		carried[0] = '\0';
	return c == WARD_ADDRESS_LOOPBACK || c == WARD_ADDRESS_PRIVATE;
}

/* Of an address that a name leads to, the judge's own words; the gate's say which it is. */
static void explain_address(struct life *l, const struct ward_egress_event *e,
	struct ward_decision *d)
{
	bool by_forbid = ward_streq(e->why, "address_forbidden");
	const struct ward_connect_asked how = {
		.meant = true, .cure = true, .program = e->program
	};
	const char *from = e->name ? e->name : e->address, *to = e->address;
	char carried[INET_ADDRSTRLEN];
	int r;

	(void)is_inner(to, carried);
	for (;;) {
		r = by_forbid ? ward_ask_leads(l, from, e->port, to, how, d, NULL)
			      : ward_ask_connect(l, to, e->port, how, d, NULL);
		if (r == WARD_OK && d->effect != WARD_ALLOW)
			break;
		*d = (struct ward_decision){ 0 };
		if (!carried[0] || to == carried)
			return;
		to = carried;
	}
	d->why[0] = '\0';
}

/* What is spoken: a rule about the endpoint, or about where it leads. The gate's words say what it was, the rule's reason why. */
static void explain_spoken(struct life *l, const struct ward_egress_event *e,
	struct ward_decision *d)
{
	const struct ward_connect_asked how = { .program = e->program, .inspected = e->inspected };
	const char *host = e->name ? e->name : e->address;
	const char *reason;

	if ((ward_ask_connect(l, host, e->port, how, d, NULL) < 0 || d->effect == WARD_ALLOW) &&
		(!e->address || ward_ask_leads(l, host, e->port, e->address, how, d, NULL) < 0 ||
			d->effect == WARD_ALLOW))
		*d = (struct ward_decision){ 0 };
	reason = d->by ? d->by->reason : NULL;
	(void)snprintf(d->why, sizeof(d->why), "%s%s%.180s", e->text, reason ? ": " : "",
		reason ? reason : "");
}

/* Twice of what is used up, if that may be. */
static void cure_of_limit(const struct life *l, const struct ward_egress_event *e,
	struct ward_decision *d)
{
	char text[WARD_NET_LIMIT_TEXT_MAX];
	enum ward_net_limit which = limit_of(e->why);
	uint64_t v, max;

	if (which == WARD_NET_LIMIT_MAX)
		return;
	v = l->plan->limits.net.v[which];
	max = ward_net_limit_max(which);
	if (v >= max)
		return;
	ward_net_limit_text(which, v > max / 2 ? max : 2 * v, text);
	(void)snprintf(d->cure, sizeof(d->cure), "--net-limit %s", text);
}

/* The judge's own words for what it refused, and what would help. */
static void explain(struct life *l, const struct ward_egress_event *e, struct ward_decision *d)
{
	const char *host = e->name ? e->name : e->address;
	struct ward_connect_asked how = { .cure = true, .program = e->program };
	struct ward_decision *port = NULL;
	char carried[INET_ADDRSTRLEN];

	if (!is_block(e) || !host)
		return;
	if (e->inner) {
		if (!ward_streq(e->why, "no_rule") ||
			ward_ask_listen(l, e->address, e->port, d, NULL) < 0 ||
			d->effect == WARD_ALLOW)
			*d = (struct ward_decision){ 0 };
		return;
	}
	if (e->address &&
		(ward_streq(e->why, "address_class") || ward_streq(e->why, "address_forbidden"))) {
		explain_address(l, e, d);
		return;
	}
	if (ward_streq(e->why, "upstream_address")) {
		if (ward_ask_unseen(l, host, e->port, how, d) < 0 || d->effect == WARD_ALLOW)
			*d = (struct ward_decision){ 0 };
		d->cure[0] = '\0';
		if (d->by)
			d->why[0] = '\0'; /* the gate's say what it means */
		return;
	}
	if (ward_streq(e->why, "protocol_forbidden")) {
		explain_spoken(l, e, d);
		return;
	}
	if (!ward_streq(e->why, "no_rule")) {
		if (!e->of_rule)
			cure_of_limit(l, e, d);
		return;
	}
	how.meant = !e->name && is_inner(host, carried);
	if (ward_ask_connect(l, host, e->port, how, d, NULL) < 0 || d->effect == WARD_ALLOW) {
		*d = (struct ward_decision){ 0 };
	} else if (!e->port && !d->by) {
		port = malloc(sizeof(*port));
		how.meant = false;
		if (port && ward_ask_connect(l, host, CURE_PORT, how, port, NULL) == WARD_OK)
			memcpy(d->cure, port->cure, sizeof(d->cure));
		free(port);
	}
}

static int to_outcome(struct life *l, const struct ward_egress_event *e, const char *resource,
	const struct ward_decision *d, uint64_t seq)
{
	const char *why = d->why[0] ? d->why : e->text;
	struct ward_outcome_violation v = { .error = WARD_CLASS_SANDBOX_VIOLATION,
		.axis = WARD_AXIS_NETWORK,
		.action = ward_cap_type_name(WARD_CAP_NETWORK_CONNECT),
		.resource = resource,
		.count = e->count,
		.why = why,
		.cure = d->cure,
		.seq = seq };

	for (size_t i = 0; i < l->o->n_violations; i++) {
		struct ward_outcome_violation *had = &l->o->violations[i];

		if (had->axis == WARD_AXIS_NETWORK && ward_streq(had->resource, resource) &&
			ward_streq(had->why, why)) {
			had->count += e->count;
			l->o->violations_total += e->count;
			return WARD_OK;
		}
	}
	if (d->by) {
		v.rule = rule_name(d);
		v.file = d->by->line ? d->by->file : NULL;
		v.line = d->by->line;
	}
	if (l->o->n_violations >= WARD_VIOLATION_NAMES_MAX)
		l->names_over += e->count;
	return ward_outcome_add_violation(l->o, &v);
}

static int record(struct life *l, const struct ward_egress_event *e, struct ward_decision *d,
	struct ward_error *err)
{
	char resource[WARD_ENDPOINT_TEXT_MAX];
	const char *rules[1] = { d->by ? rule_name(d) : e->rule };
	char *detail = detail_of(l, e, d);
	bool violation = is_violation(e);
	struct ward_event v = { .kind = ward_egress_kind_name(e->kind),
		.effect = is_block(e) || e->kind == WARD_EGRESS_LIMIT ? "deny" : "allow",
		.pid = e->pid,
		.action = e->kind == WARD_EGRESS_LIMIT
			? "limit"
			: ward_cap_type_name(e->inner ? WARD_CAP_NETWORK_LISTEN
						      : WARD_CAP_NETWORK_CONNECT),
		.resource = resource,
		.negated = is_block(e) && !d->by && e->why && ward_streq(e->why, "no_rule"),
		.layer = "egress",
		.rules = rules,
		.n_rules = rules[0] && rules[0][0],
		.detail_json = detail };
	uint64_t seq = 0;
	int r;

	if (!detail)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a record");
	resource_of(e, resource, sizeof(resource));
	record_event(l, &v);
	r = record_append(l, &v, 1, false, &seq, err);
	if (r == WARD_OK && violation && to_outcome(l, e, resource, d, seq) < 0)
		r = ward_fail(err, WARD_E_NOMEM, "no memory for a refusal");
	free(detail);
	return r;
}

/* For people, once each: what is no refusal of Ward's, and still the reason why something did not work. */
static void note(struct life *l, const struct ward_egress_event *e)
{
	char resource[WARD_ENDPOINT_TEXT_MAX];

	if (e->kind == WARD_EGRESS_LIMIT) {
		ward_outcome_note(l->o, "network: %s (%s)", e->text, e->why);
	} else if (e->noted && l->net_notes < WARD_NET_NOTES_MAX) {
		l->net_notes++;
		ward_outcome_note(l->o, "network: %s has no answer: %s", e->name, e->text);
	} else if (e->kind == WARD_EGRESS_BLOCK && !ward_egress_is_violation(e->why) &&
		l->net_notes < WARD_NET_NOTES_MAX) {
		l->net_notes++;
		resource_of(e, resource, sizeof(resource));
		ward_outcome_note(l->o,
			e->inner ? "network: %s was reached from the host, but: %s"
				 : "network: %s was allowed, but: %s",
			resource, e->text);
	}
}

static int on_event(void *arg, const struct ward_egress_event *e)
{
	struct life *l = arg;
	struct ward_decision *d = calloc(1, sizeof(*d));
	int r;

	if (!d) {
		l->net_failed = ward_fail(&l->net_error, WARD_E_NOMEM, "no memory for a record");
		return l->net_failed;
	}
	explain(l, e, d);
	r = record(l, e, d, l->net_failed < 0 ? NULL : &l->net_error);
	if (r < 0 && l->net_failed == WARD_OK)
		l->net_failed = r;
	if (e->count == 1 || e->kind == WARD_EGRESS_LIMIT)
		note(l, e);
	free(d);
	return l->net_failed;
}

/* ---- its life ---- */

int net_prepare(struct life *l, struct ward_error *err)
{
	static const struct ward_egress_ops ops = { on_ask, on_event, on_who, on_meant, on_limits,
		on_inspects, on_udp_alone };
	const struct ward_egress_options o = { .ops = &ops,
		.arg = l,
		.limits = l->plan->limits.net,
		.resolver = l->r->resolver,
		.upstream = l->r->upstream,
		.inward = l->plan->n_published > 0,
		.by_program = l->book && ward_book_asks_program(l->book->book) };

	/* A second try with another plan finds it there. */
	return (!l->plan->egress && !l->plan->n_published) || l->egress
		? WARD_OK
		: ward_egress_start(&o, &l->egress, err);
}

/* What is listened at becomes the relay's, and what it accepts goes in by the door. */
static int begin_inward(struct life *l, int door, struct ward_error *err)
{
	size_t n = l->n_listen;

	l->n_listen = 0;
	return ward_egress_listen(l->egress, l->listen, n, door, err);
}

struct net_turn {
	pthread_mutex_t lock; /* held by the run's own thread, but while it waits */
	atomic_bool wanted; /* by that one: nobody else comes before it */
};

static void go_on(void *arg)
{
	struct ward_cage_caller *c = arg;

	c->go_on(c);
}

/*
 * What is captured: where the run's own thread waits for something to happen, the gate has its turn on the thread that made the connect, as it would
 * have it there, and nobody is woken. Where the run's thread is at work, that takes it on afterwards: nobody waits here.
 */
static void on_captured(void *arg, bool six, struct ward_cage_caller *caller)
{
	const struct ward_egress_caller who = { go_on, caller };
	struct life *l = arg;
	bool wake = true;

	if (!atomic_load(&l->turn->wanted) && pthread_mutex_trylock(&l->turn->lock) == 0) {
		/* What could not be recorded ends the run, and until then nothing more is taken. */
		l->net_elsewhere = true;
		wake = l->net_failed < 0 ||
			ward_egress_came(l->egress, six, caller ? &who : NULL) || l->net_failed < 0;
		l->net_elsewhere = false;
		(void)pthread_mutex_unlock(&l->turn->lock);
	}
	if (wake)
		ward_egress_ring(l->egress);
}

/* Where nothing captures the listener is at every address, and the relay sorts out who comes. */
static bool accepts_itself(const struct life *l)
{
	return l->plan->egress && !l->plan->redirects;
}

static int share(struct life *l, struct ward_error *err)
{
	l->turn = calloc(1, sizeof(*l->turn));
	if (!l->turn)
		return ward_fail(err, WARD_E_NOMEM, "no memory for the run's network");
	(void)pthread_mutex_init(&l->turn->lock, NULL); /* cannot fail without attributes */
	(void)pthread_mutex_lock(&l->turn->lock);
	ward_cage_on_captured(l->cage, on_captured, l);
	return WARD_OK;
}

/* Nobody is in on_captured() any more, and nobody comes there. */
static void share_no_more(struct life *l)
{
	if (!l->turn)
		return;
	ward_cage_on_captured(l->cage, NULL, NULL);
	(void)pthread_mutex_unlock(&l->turn->lock);
	(void)pthread_mutex_destroy(&l->turn->lock);
	free(l->turn);
	l->turn = NULL;
}

void net_waits(struct life *l)
{
	if (l->turn)
		(void)pthread_mutex_unlock(&l->turn->lock);
}

void net_waited(struct life *l)
{
	if (!l->turn)
		return;
	atomic_store(&l->turn->wanted, true);
	(void)pthread_mutex_lock(&l->turn->lock);
	atomic_store(&l->turn->wanted, false);
}

/* What could not be recorded, whoever heard of it. */
static int failed(struct life *l, struct ward_error *err)
{
	if (l->net_failed < 0 && err)
		*err = l->net_error;
	return l->net_failed;
}

int net_begin(struct life *l, struct ward_error *err)
{
	int sockets[WARD_NET_SOCKET_MAX], r = WARD_OK;
	bool publishes = l->plan->n_published > 0;

	if (!l->plan->egress && !publishes)
		return net_end(l, err);
	ward_cage_take_net(l->cage, sockets);
	if (!l->egress || (publishes && sockets[WARD_NET_DOOR] < 0) ||
		(l->plan->egress && (sockets[WARD_NET_TCP4] < 0 || sockets[WARD_NET_UDP4] < 0))) {
		for (int i = 0; i < WARD_NET_SOCKET_MAX; i++)
			ward_close(sockets[i]);
		return ward_fail(err, WARD_E_SYSTEM, "the run's network was not captured");
	}
	r = ward_egress_attach(l->egress, sockets, accepts_itself(l), err);
	if (r == WARD_OK && accepts_itself(l))
		r = share(l, err);
	if (r == WARD_OK && publishes)
		r = begin_inward(l, sockets[WARD_NET_DOOR], err);
	else
		ward_close(sockets[WARD_NET_DOOR]);
	return r < 0 ? r : failed(l, err);
}

int net_next(struct life *l, struct ward_error *err)
{
	int r = l->egress ? ward_egress_next(l->egress, err) : WARD_OK;

	if (r == WARD_OK)
		r = hold_next(l, err);
	return r < 0 ? r : failed(l, err);
}

void net_ends(struct life *l)
{
	share_no_more(l);
	ward_egress_end(l->egress);
}

int net_end(struct life *l, struct ward_error *err)
{
	struct ward_egress *e = l->egress;
	int r = hold_end(l, err);

	share_no_more(l);
	l->egress = NULL; /* nobody is asked any more */
	ward_egress_stop(e);
	hold_free(l);
	return r < 0 ? r : failed(l, err);
}
