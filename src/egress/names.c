/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that the run asks for, by a question or of the proxy: may they be reached, and which synthetic addresses stand for them. A name keeps
 * its address as long as the run lives and no other name gets it, so that what a program remembers of an answer is never another name's. The
 * relay has read the question, and counts as the sandbox's; nobody outside is asked here, but for the servers of a service.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/flow.h"
#include "egress/limits.h"
#include "egress/upstream/upstream.h"

#define RCODE_OK 0u
#define RCODE_SERVFAIL 2u
#define RCODE_NO_NAME 3u
#define RCODE_REFUSED 5u

/* ---- the addresses ---- */

static size_t bucket_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h % WARD_PINS_BUCKETS;
}

struct ward_pinned *ward_pinned_find(const struct ward_pins_table *t, const char *name)
{
	for (struct ward_pinned *p = t->buckets[bucket_of(name)]; p; p = p->next)
		if (ward_streq(p->name, name))
			return p;
	return NULL;
}

struct ward_pinned *ward_pinned_make(struct ward_pins_table *t, const char *name)
{
	struct ward_pinned *p = ward_pinned_find(t, name);
	size_t n = strlen(name) + 1;

	if (p || t->n == WARD_EGRESS_NAMES_MAX)
		return p;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		struct ward_pinned **at = realloc(t->at, cap * sizeof(struct ward_pinned *));

		if (!at)
			return NULL;
		t->at = at;
		t->cap = cap;
	}
	p = calloc(1, sizeof(*p) + n);
	if (!p)
		return NULL;
	memcpy(p->name, name, n);
	p->offset = WARD_NET_NAMES_AT + (uint32_t)t->n;
	p->next = t->buckets[bucket_of(name)];
	t->buckets[bucket_of(name)] = p;
	t->at[t->n++] = p;
	return p;
}

struct ward_pinned *ward_pinned_at(const struct ward_pins_table *t, const struct ward_relay_addr *a,
	bool *ret_synthetic)
{
	/* Between the prefix and the offset, all is zero. */
	static const uint8_t net6[12] = WARD_NET_SYNTHETIC6;
	const uint8_t *low = a->family == 4 ? a->a : a->a + 12;
	uint32_t v =
		(uint32_t)low[0] << 24 | (uint32_t)low[1] << 16 | (uint32_t)low[2] << 8 | low[3];

	if (a->family == 4) {
		*ret_synthetic = (v ^ WARD_NET_SYNTHETIC4) >> (32 - WARD_NET_SYNTHETIC4_BITS) == 0;
		v -= WARD_NET_SYNTHETIC4;
	} else {
		*ret_synthetic = memcmp(a->a, net6, WARD_NET_SYNTHETIC6_BITS / 8) == 0;
		if (memcmp(a->a, net6, sizeof(net6)) != 0)
			return NULL;
	}
	if (!*ret_synthetic || v < WARD_NET_NAMES_AT || v - WARD_NET_NAMES_AT >= t->n)
		return NULL;
	return t->at[v - WARD_NET_NAMES_AT];
}

void ward_pinned_addresses(const struct ward_pinned *p, uint8_t v4[4], uint8_t v6[16])
{
	static const uint8_t net6[12] = WARD_NET_SYNTHETIC6;
	uint32_t a = WARD_NET_SYNTHETIC4 + p->offset;

	memcpy(v6, net6, sizeof(net6));
	for (unsigned i = 0; i < 4; i++) {
		v4[i] = (uint8_t)(a >> (24 - 8 * i));
		v6[12 + i] = (uint8_t)(p->offset >> (24 - 8 * i));
	}
}

void ward_pins_table_done(struct ward_pins_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->at[i]);
	free(t->at);
	memset(t, 0, sizeof(*t));
}

/* ---- questions ---- */

static void block_name(struct ward_egress *e, const char *name, enum ward_egress_why why)
{
	struct ward_egress_event v = { .kind = WARD_EGRESS_DNS_BLOCK, .name = name, .count = 1 };

	ward_tell_why(&v, why, NULL);
	ward_tell(e, &v);
}

/* For the record: the relay answered these with what was said before. */
static void asked_again(struct ward_egress *e, const struct ward_relay_msg *m)
{
	const struct ward_egress_ask q = { .name = m->name, .hold = true };
	struct ward_egress_event v = {
		.kind = WARD_EGRESS_DNS_QUERY, .name = m->name, .count = m->up
	};
	enum ward_effect effect = WARD_DENY;
	char rule[WARD_RULE_TEXT_MAX] = "";

	if (!m->up || !ward_pinned_find(&e->pins, m->name)) {
		ward_gate_lost(e, "it answered for a name that there is not");
		return;
	}
	if (e->ops->ask(e->arg, &q, &effect, rule, sizeof(rule)) == WARD_OK && rule[0])
		v.rule = rule;
	ward_tell(e, &v);
}

/* Of the kind that the relay's questions never have: nobody outside is asked, whatever is granted. */
static bool is_reverse(const char *name)
{
	static const char *const ends[] = { "in-addr.arpa", "ip6.arpa" };
	size_t n = strlen(name);

	for (size_t i = 0; i < WARD_ARRAY_SIZE(ends); i++) {
		size_t m = strlen(ends[i]);

		if (n >= m && ward_streq(name + n - m, ends[i]) &&
			(n == m || name[n - m - 1] == '.'))
			return true;
	}
	return false;
}

struct ward_pinned *ward_gate_pin(struct ward_egress *e, const char *name, char *rule,
	enum ward_effect *ret_effect, enum ward_egress_why *ret_why)
{
	const struct ward_egress_ask q = { .name = name, .hold = true };
	struct ward_egress_event v = { .kind = WARD_EGRESS_DNS_QUERY, .name = name, .count = 1 };
	struct ward_pinned *p;

	*ret_effect = WARD_DENY;
	*ret_why = WARD_EGRESS_WHY_NO_HOST;
	if (is_reverse(name))
		return NULL;
	*ret_why = WARD_EGRESS_WHY_NO_RULE;
	if (e->ops->ask(e->arg, &q, ret_effect, rule, WARD_RULE_TEXT_MAX) != WARD_OK ||
		*ret_effect == WARD_DENY)
		return NULL;
	*ret_why = WARD_EGRESS_WHY_BUDGET_NAMES;
	if (!ward_limits_name(e, name))
		return NULL;
	*ret_why = WARD_EGRESS_WHY_TOO_MANY;
	p = ward_pinned_make(&e->pins, name);
	if (p) {
		v.rule = rule[0] ? rule : NULL;
	} else {
		v = (struct ward_egress_event){ .kind = WARD_EGRESS_LIMIT,
			.why = "egress.names",
			.text = "more names than one run may reach",
			.count = 1 };
	}
	ward_tell(e, &v);
	return p;
}

/* ---- kinds of questions ---- */

/* The HTTPS and SVCB of whoever connects (RFC 9460), which is answered with nothing, come beside a question for addresses. */
static bool has_addresses(uint32_t type)
{
	return type == WARD_DNS_A || type == WARD_DNS_AAAA || type == 64 || type == 65;
}

static void type_text(uint32_t type, char out[24])
{
	static const struct {
		uint32_t type;
		const char *text;
	} rows[] = {
		{ 2, "NS" },
		{ 5, "CNAME" },
		{ 6, "SOA" },
		{ 15, "MX" },
		{ 16, "TXT" },
		{ 33, "SRV" },
		{ 35, "NAPTR" },
		{ 43, "DS" },
		{ 44, "SSHFP" },
		{ 48, "DNSKEY" },
		{ 52, "TLSA" },
		{ 256, "URI" },
		{ 257, "CAA" },
	};

	(void)snprintf(out, 24, "type %u", type & 0xffffu);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++)
		if (rows[i].type == type)
			(void)snprintf(out, 24, "%s", rows[i].text);
}

/* "_ldap._tcp.example.com": of a service, not of a host. */
static bool is_of_service(const char *name)
{
	return name[0] == '_' || strstr(name, "._");
}

/*
 * A question for anything but addresses: nobody outside is asked, and there is nothing to give an address to. What kind it was is on record:
 * who waits for a service to be found by it would not learn otherwise why it is not. text_of: why it is not answered.
 */
static uint32_t other_type(struct ward_egress *e, const char *name, uint32_t type,
	const char *text_of)
{
	const struct ward_egress_ask q = { .name = name, .hold = true };
	struct ward_egress_event v = { .kind = WARD_EGRESS_DNS_BLOCK, .name = name, .count = 1 };
	char kind[24], text[192];
	bool service = is_of_service(name);

	if (!service && (is_reverse(name) || ward_may(e, &q, NULL) == WARD_DENY)) {
		block_name(e, name,
			is_reverse(name) ? WARD_EGRESS_WHY_NO_HOST : WARD_EGRESS_WHY_NO_RULE);
		return RCODE_NO_NAME;
	}
	type_text(type, kind);
	(void)snprintf(text, sizeof(text), "a question for %s: %s", kind, text_of);
	ward_tell_why(&v, WARD_EGRESS_WHY_NO_TYPE, text);
	ward_tell(e, &v);
	return service ? RCODE_NO_NAME : RCODE_OK;
}

/*
 * ---- services ----
 * Which servers offer one (SRV, RFC 2782) is asked outside, of a name that a rule lets be connected to, in a form that leaves little room for
 * anything else to be said, and for WARD_EGRESS_SERVICES_MAX of them. NAME counts as one that was asked for. Told are the servers that some
 * program may connect to, each at its port, and no other: who is told of one that is not granted would try it and fail, where he does well
 * without an answer. It gives no right: each of these names is asked for and judged as any.
 */
#define LABEL_MAX 15 /* RFC 6335, 5.1 */

struct ward_service {
	struct ward_service *next;
	uint32_t waits; /* the question of the relay's; 0: none */
	bool noted; /* who started the run knows that none of its servers may be connected to */
	struct ward_dns_servers servers;
	struct ward_pinned *p; /* its name, which stands for no address */
};

/* "_mongodb._tcp.db.example.com": the host behind it. NULL: it is none that is asked for. UDP goes nowhere, so nobody has to find it. */
static const char *service_host(const char *name)
{
	static const char tcp[] = "._tcp.";
	size_t n = strcspn(name, ".");

	if (name[0] != '_' || n < 2 || n > LABEL_MAX + 1 || memchr(name + 1, '_', n - 1) ||
		strncmp(name + n, tcp, sizeof(tcp) - 1) != 0)
		return NULL;
	return name + n + sizeof(tcp) - 1;
}

static struct ward_service *service_find(struct ward_egress *e, const char *name)
{
	for (struct ward_service *s = e->services; s; s = s->next)
		if (ward_streq(s->p->name, name))
			return s;
	return NULL;
}

/* host: in name. NULL: no memory, or there are as many names as there may be. */
static struct ward_service *service_make(struct ward_egress *e, const char *name, const char *host)
{
	size_t n = strlen(name) + 1;
	struct ward_service *s;

	if (!ward_pinned_make(&e->pins, host))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->p = calloc(1, sizeof(*s->p) + n);
	if (!s->p) {
		free(s);
		return NULL;
	}
	memcpy(s->p->name, name, n);
	s->p->servers = &s->servers;
	s->p->host = s->p->name + (host - name);
	s->next = e->services;
	e->services = s;
	e->n_services++;
	return s;
}

static void service_say(struct ward_egress *e, struct ward_service *s, uint32_t rcode)
{
	const struct ward_relay_msg m = { .type = WARD_GATE_ANSWER,
		.id = s->waits,
		.value = rcode,
		.up = e->ops->udp_alone && e->ops->udp_alone(e->arg) };

	s->waits = 0;
	ward_gate_send(e, &m, -1);
}

static void service_say_server(struct ward_egress *e, const struct ward_service *s,
	const struct ward_dns_server *v)
{
	struct ward_relay_msg m = { .type = WARD_GATE_SERVER,
		.id = s->waits,
		.value = (uint32_t)v->priority << 16 | v->weight,
		.to = { .port = v->port } };

	memcpy(m.name, v->name, strlen(v->name));
	ward_gate_send(e, &m, -1);
}

static bool service_may_reach(struct ward_egress *e, const struct ward_dns_server *v)
{
	const struct ward_egress_ask q = { .name = v->name, .port = v->port, .anyone = true };

	return ward_may(e, &q, NULL) == WARD_ALLOW;
}

/*
 * Of servers that are not granted the record says which they are; and so is told who started the run, where none is left. But of the web's
 * (apt): there the name itself does as well, and is what was granted.
 */
static void tell_closed(struct ward_egress *e, struct ward_service *s,
	const bool closed[WARD_EGRESS_SERVERS_MAX], size_t n_closed)
{
	struct ward_egress_event v = { .kind = WARD_EGRESS_DNS_BLOCK,
		.name = s->p->name,
		.noted = !s->noted && n_closed == s->servers.n &&
			strncmp(s->p->name, "_http", 5) != 0,
		.count = 1 };
	char text[1024];
	size_t n = (size_t)snprintf(text, sizeof(text),
		"a question for SRV: %zu of its %zu servers may not be connected to; grant them, if they are meant:",
		n_closed, s->servers.n);

	for (size_t i = 0; i < s->servers.n; i++)
		if (closed[i] && n + sizeof(s->servers.v[i].name) + 8 < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, " %s:%u",
				s->servers.v[i].name, s->servers.v[i].port);
	s->noted = s->noted || v.noted;
	ward_tell_why(&v, WARD_EGRESS_WHY_NO_TYPE, text);
	ward_tell(e, &v);
}

/* Name servers tell them in another order each time, and records of one thing are to be alike. */
static int by_place(const void *left, const void *right)
{
	const struct ward_dns_server *a = left, *b = right;
	int r = strcmp(a->name, b->name);

	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	if (r != 0)
		return r;
	return a->port != b->port ? (a->port < b->port ? -1 : 1)
				  : (a->weight > b->weight) - (a->weight < b->weight);
}

/* What was found, as far as it is of use inside. */
static void service_answer(struct ward_egress *e, struct ward_service *s)
{
	bool closed[WARD_EGRESS_SERVERS_MAX] = { false };
	size_t n_closed = 0;

	qsort(s->servers.v, s->servers.n, sizeof(s->servers.v[0]), by_place);
	for (size_t i = 0; i < s->servers.n; i++) {
		const struct ward_dns_server *v = &s->servers.v[i];

		if (service_may_reach(e, v)) {
			service_say_server(e, s, v);
			continue;
		}
		closed[i] = true;
		n_closed++;
	}
	if (n_closed)
		tell_closed(e, s, closed, n_closed);
	service_say(e, s, n_closed < s->servers.n ? RCODE_OK : RCODE_NO_NAME);
}

/* Go on with a question that waits. */
static void service_go_on(struct ward_egress *e, struct ward_service *s)
{
	if (!ward_resolver_begin(&e->resolver, s->p, false) || s->p->lookup)
		return;
	if (s->p->found == WARD_FOUND_SOME)
		service_answer(e, s);
	else
		service_say(e, s,
			s->p->found == WARD_FOUND_NONE && !s->p->failed ? RCODE_NO_NAME
									: RCODE_SERVFAIL);
}

/* Why nobody outside is asked for it; NULL: that may be. host: NULL: it has none. */
static const char *service_closed(struct ward_egress *e, const char *host, char *rule)
{
	const struct ward_egress_ask q = { .name = host, .hold = true };
	enum ward_effect effect;

	if (!host)
		return "only by TCP (_SERVICE._tcp.NAME, SERVICE of at most 15 letters, digits and hyphens)";
	if (ward_streq(host, WARD_HOST_SERVICE))
		return "the host tells of none";
	effect = is_reverse(host) ? WARD_DENY : ward_may(e, &q, rule);
	if (effect == WARD_DENY)
		return "only of names that a rule grants, by TCP (_SERVICE._tcp.NAME)";
	if (effect == WARD_ASK)
		return "only of names that are granted without asking a person";
	return ward_upstream_takes(e->upstream, host, 0)
		? "not of names that go by the proxy of the host"
		: NULL;
}

/* A new one, or why there is none. */
static struct ward_service *service_new(struct ward_egress *e, const char *name, const char *host,
	const char **ret_closed)
{
	struct ward_service *s = NULL;

	*ret_closed = "more services than one run may ask for";
	if (e->n_services < WARD_EGRESS_SERVICES_MAX) {
		s = service_make(e, name, host);
		*ret_closed = "there is no room for one more name";
	}
	return s;
}

/* NULL: it is seen to. Else why it is not. */
static const char *service_ask(struct ward_egress *e, const struct ward_relay_msg *m)
{
	struct ward_egress_event v = { .kind = WARD_EGRESS_DNS_QUERY, .name = m->name, .count = 1 };
	const char *host = service_host(m->name), *closed;
	char rule[WARD_RULE_TEXT_MAX] = "";
	struct ward_service *s;

	/* Nothing of it leaves before somebody said so. */
	closed = service_closed(e, host, rule);
	if (closed)
		return closed;
	s = service_find(e, m->name);
	if (!s && !ward_limits_name(e, host)) {
		const struct ward_relay_msg no = {
			.type = WARD_GATE_ANSWER, .id = m->id, .value = RCODE_REFUSED
		};

		ward_gate_send(e, &no, -1);
		block_name(e, m->name, WARD_EGRESS_WHY_BUDGET_NAMES);
		return NULL;
	}
	if (!s)
		s = service_new(e, m->name, host, &closed);
	if (!s)
		return closed;
	/* The relay asks once at a time; who waited for an earlier one has had its time. */
	if (s->waits)
		service_say(e, s, RCODE_SERVFAIL);
	s->waits = m->id;
	v.rule = rule[0] ? rule : NULL;
	ward_tell(e, &v);
	service_go_on(e, s);
	return NULL;
}

void ward_services_tick(struct ward_egress *e)
{
	for (struct ward_service *s = e->services; s; s = s->next)
		if (s->waits)
			service_go_on(e, s);
}

void ward_services_done(struct ward_egress *e)
{
	while (e->services) {
		struct ward_service *s = e->services;

		e->services = s->next;
		free(s->p);
		free(s);
	}
	e->n_services = 0;
}

void ward_gate_name(struct ward_egress *e, const struct ward_relay_msg *m)
{
	struct ward_relay_msg answer = { .type = WARD_GATE_ANSWER, .id = m->id };
	enum ward_egress_why why;
	enum ward_effect effect;
	char rule[WARD_RULE_TEXT_MAX] = "";
	struct ward_pinned *p;

	if (!ward_name_is_normal(ward_str(m->name))) {
		ward_gate_lost(e, "it asked for a name that is none");
		return;
	}
	if (!m->id) {
		asked_again(e, m);
		return;
	}
	if (!ward_bucket_take(&e->names, ward_now_mono_ns())) {
		answer.value = RCODE_SERVFAIL;
		ward_gate_send(e, &answer, -1);
		ward_gate_limit(e, WARD_RELAY_LIMIT_NAMES, 1);
		return;
	}
	if (!has_addresses(m->value)) {
		const char *closed = m->value == WARD_DNS_SRV ? service_ask(e, m)
							      : "only addresses are answered";

		if (!closed)
			return;
		answer.value = other_type(e, m->name, m->value, closed);
		ward_gate_send(e, &answer, -1);
		return;
	}
	p = ward_gate_pin(e, m->name, rule, &effect, &why);
	if (!p) {
		answer.value = why == WARD_EGRESS_WHY_NO_RULE || why == WARD_EGRESS_WHY_NO_HOST
			? RCODE_NO_NAME
			: RCODE_REFUSED;
		ward_gate_send(e, &answer, -1);
		block_name(e, m->name, why);
		return;
	}
	ward_pinned_addresses(p, answer.v4, answer.v6);
	ward_gate_send(e, &answer, -1);
	/* Nothing of it leaves before somebody said so. */
	if (effect == WARD_ALLOW)
		ward_flow_prefetch(e, p);
}
