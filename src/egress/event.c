/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling what happened, without letting the sandbox fill the log: what is alike is told once, then each time that as many again have
 * come, and the rest at the end. Of more than WARD_EGRESS_ALIKE_MAX different things of a kind the further ones are told without what the
 * sandbox chooses freely, who it was; and as many again later only counted. No kind can crowd out another.
 */
#include <stdlib.h>
#include <string.h>

#include "egress/gate.h"
#include "egress/wire.h"

struct ward_told {
	struct ward_told *next;
	enum ward_egress_kind kind;
	const char *why; /* static, as are inspected and ended */
	const char *inspected, *ended, *via, *upstream;
	uint16_t port, inner;
	bool dialled;
	uint64_t total; /* told, with what waits */
	struct ward_egress_event waits; /* count 0: nothing */
	char *name, *address, *text, *rule, *peer, *program;
	char comm[16];
	const struct ward_egress_limit *of_rule; /* of a budget, which lives as long */
};

static const struct {
	const char *word, *text;
} whys[] = {
#define WARD_X(id, word, violation, text) { word, text },
#include "egress/why.def"
#undef WARD_X
};

bool ward_egress_is_violation(const char *word)
{
	static const bool is[] = {
#define WARD_X(id, word, violation, text) violation,
#include "egress/why.def"
#undef WARD_X
	};

	for (size_t i = 0; word && i < WARD_EGRESS_WHY_MAX; i++)
		if (ward_streq(whys[i].word, word))
			return is[i];
	return true;
}

const char *ward_egress_kind_name(enum ward_egress_kind k)
{
	static const char *const names[WARD_EGRESS_KIND_MAX] = {
		[WARD_EGRESS_DNS_QUERY] = "dns.query",
		[WARD_EGRESS_DNS_BLOCK] = "dns.block",
		[WARD_EGRESS_OPEN] = "net.open",
		[WARD_EGRESS_CONNECT] = "net.connect",
		[WARD_EGRESS_BLOCK] = "net.block",
		[WARD_EGRESS_ACCEPT] = "net.accept",
		[WARD_EGRESS_LIMIT] = "limit.hit",
	};

	return (unsigned)k < WARD_ARRAY_SIZE(names) ? names[k] : "net.block";
}

void ward_tell_why(struct ward_egress_event *e, enum ward_egress_why why, const char *text)
{
	e->why = whys[why].word;
	e->text = text ? text : whys[why].text;
}

/* What was asked for is in the text alone. */
static const char *apart(const char *why, const char *text)
{
	return ward_streq(why, whys[WARD_EGRESS_WHY_NO_TYPE].word) ? text : NULL;
}

/* All that alike() compares. The sandbox chooses most of it, and shall not be able to say which of it meet: hence the seed. */
static size_t bucket_of(const struct ward_egress *g, const struct ward_egress_event *e)
{
	uint64_t h = g->told_seed ^ (uint64_t)e->kind ^ (uint64_t)e->port << 8;
	const char *parts[] = { e->name, e->address, e->why, e->inspected, e->ended, e->via,
		e->rule, e->comm, e->peer, e->program, apart(e->why, e->text) };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(parts); i++) {
		h = (h ^ 0xff) * 1099511628211u;
		for (const char *p = parts[i]; p && *p; p++)
			h = (h ^ (unsigned char)*p) * 1099511628211u;
	}
	return (h ^ h >> 32) % WARD_TOLD_BUCKETS;
}

static bool alike(const struct ward_told *t, const struct ward_egress_event *e)
{
	return t->kind == e->kind && t->port == e->port && t->inner == e->inner &&
		t->dialled == e->dialled && t->of_rule == e->of_rule &&
		ward_streq(t->peer, e->peer) && ward_streq(t->program, e->program) &&
		ward_streq(t->why, e->why) &&
		ward_streq(apart(t->why, t->text), apart(e->why, e->text)) &&
		ward_streq(t->inspected, e->inspected) && ward_streq(t->upstream, e->upstream) &&
		ward_streq(t->ended, e->ended) && ward_streq(t->via, e->via) &&
		ward_streq(t->name, e->name) && ward_streq(t->address, e->address) &&
		ward_streq(t->rule, e->rule) && ward_streq(t->comm, e->comm ? e->comm : "");
}

/* What is counted together. Who comes from outside takes no place of what the run does. */
static size_t lane(const struct ward_egress_event *e)
{
	if (e->inner && e->kind == WARD_EGRESS_BLOCK)
		return WARD_TOLD_BLOCK_INWARD;
	return e->inner && e->kind == WARD_EGRESS_OPEN ? WARD_TOLD_OPEN_INWARD : e->kind;
}

static enum ward_egress_kind kind_of(size_t k)
{
	if (k == WARD_TOLD_BLOCK_INWARD)
		return WARD_EGRESS_BLOCK;
	return k == WARD_TOLD_OPEN_INWARD ? WARD_EGRESS_OPEN : (enum ward_egress_kind)k;
}

static void free_told(struct ward_told *t)
{
	free(t->name);
	free(t->address);
	free(t->text);
	free(t->rule);
	free(t->peer);
	free(t->program);
	free(t);
}

static char *copy(const char *s, bool *failed)
{
	char *c = s ? strdup(s) : NULL;

	*failed = *failed || (s && !c);
	return c;
}

static struct ward_told *remember(struct ward_egress *g, const struct ward_egress_event *e,
	size_t bucket)
{
	struct ward_told *t;
	bool failed = false;

	if (g->n_told[lane(e)] >= (e->comm ? 1u : 2u) * (size_t)WARD_EGRESS_ALIKE_MAX)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	*t = (struct ward_told){ .next = g->told[bucket],
		.kind = e->kind,
		.why = e->why,
		.inspected = e->inspected,
		.ended = e->ended,
		.via = e->via,
		.upstream = e->upstream,
		.port = e->port,
		.dialled = e->dialled,
		.of_rule = e->of_rule,
		.inner = e->inner,
		.name = copy(e->name, &failed),
		.address = copy(e->address, &failed),
		.text = copy(e->text, &failed),
		.rule = copy(e->rule, &failed),
		.peer = copy(e->peer, &failed),
		.program = copy(e->program, &failed) };
	if (failed) {
		free_told(t);
		return NULL;
	}
	if (e->comm)
		memcpy(t->comm, e->comm, strnlen(e->comm, sizeof(t->comm) - 1));
	g->told[bucket] = t;
	g->n_told[lane(e)]++;
	return t;
}

/* What is on no record must not happen: whoever sends after this sends nothing, and no socket goes to the relay any more. */
static void put(struct ward_egress *g, const struct ward_egress_event *e)
{
	if (g->ops->event(g->arg, e) < 0)
		ward_gate_lost(g, "what it does cannot be recorded");
}

/* The relay counts, and may be somebody else's: what no record can have would be on none. */
static uint64_t sum(uint64_t a, uint64_t b)
{
	return b < WARD_RELAY_NUMBER_MAX - a ? a + b : WARD_RELAY_NUMBER_MAX;
}

static void flush(struct ward_egress *g, struct ward_told *t)
{
	struct ward_egress_event e = t->waits;

	e.kind = t->kind;
	e.name = t->name;
	e.address = t->address;
	e.port = t->port;
	e.dialled = t->dialled;
	e.of_rule = t->of_rule;
	e.why = t->why;
	e.text = t->text;
	e.inspected = t->inspected;
	e.ended = t->ended;
	e.via = t->via;
	e.upstream = t->upstream;
	e.rule = t->rule;
	e.peer = t->peer;
	e.program = t->program;
	e.inner = t->inner;
	e.comm = t->comm[0] ? t->comm : NULL;
	t->waits = (struct ward_egress_event){ 0 };
	put(g, &e);
}

static struct ward_told *told_of(struct ward_egress *g, const struct ward_egress_event *e)
{
	size_t bucket = bucket_of(g, e);
	struct ward_told *t = g->told[bucket];

	while (t && !alike(t, e))
		t = t->next;
	return t ? t : remember(g, e, bucket);
}

void ward_tell(struct ward_egress *g, const struct ward_egress_event *e)
{
	struct ward_told *t = told_of(g, e);
	struct ward_egress_event nobody = *e;
	uint64_t before;

	if (!t && e->comm) {
		nobody.comm = nobody.program = NULL;
		nobody.pid = 0;
		e = &nobody;
		t = told_of(g, e);
	}
	if (!t) {
		struct ward_told_over *over = &g->told_over[lane(e)];

		over->count = sum(over->count, e->count);
		over->up = sum(over->up, e->up);
		over->down = sum(over->down, e->down);
		return;
	}
	before = t->total;
	t->total = sum(t->total, e->count);
	t->waits.count = sum(t->waits.count, e->count);
	t->waits.uncounted = t->waits.uncounted || e->uncounted;
	t->waits.up = sum(t->waits.up, e->up);
	t->waits.down = sum(t->waits.down, e->down);
	t->waits.duration_ms += e->duration_ms;
	t->waits.pid = e->pid;
	t->waits.noted = e->noted;
	/* 1, 2, 4, 8 ...: the number of all has reached a power of two. */
	if ((t->total ^ before) > before)
		flush(g, t);
}

static void tell_over(struct ward_egress *g, unsigned k)
{
	struct ward_egress_event over = { .kind = WARD_EGRESS_LIMIT,
		.why = "egress.alike",
		.text = "more different things happened on the network than are told",
		.name = ward_egress_kind_name(kind_of(k)),
		.up = g->told_over[k].up,
		.down = g->told_over[k].down,
		.count = g->told_over[k].count };

	if (over.count)
		put(g, &over);
}

void ward_tell_end(struct ward_egress *g)
{
	for (size_t i = 0; i < WARD_TOLD_BUCKETS; i++)
		while (g->told[i]) {
			struct ward_told *t = g->told[i];

			g->told[i] = t->next;
			if (t->waits.count)
				flush(g, t);
			free_told(t);
		}
	for (unsigned k = 0; k < WARD_TOLD_LANES; k++)
		tell_over(g, k);
	memset(g->n_told, 0, sizeof(g->n_told));
	memset(g->told_over, 0, sizeof(g->told_over));
}
