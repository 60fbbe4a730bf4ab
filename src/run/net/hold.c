/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection that a person has to say yes to waits in the gate while he is asked, over the run's socket: `ward pending`, `ward approve`,
 * `ward deny`. The terminal is the command's while it lives. Each endpoint is a question by itself, in the log before it counts, as is
 * its answer, which holds for the run; what is critical for the connections alone that waited for it. No answer in time is a no, and both are
 * remembered: a command cannot ask until somebody is tired of it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"
#include "run/rules/rules.h"

#define BYTES_MAX (4u << 20)
#define MS 1000000ull

struct net_hold {
	struct ward_asks asks;
	struct ward_reply replies[WARD_ASKS_MAX]; /* of asks.v, as are these */
	uint64_t until[WARD_ASKS_MAX];
	bool had[WARD_ASKS_MAX]; /* the yes to what is critical: by a connection */
	bool new[WARD_ASKS_MAX]; /* not in the log yet, and nobody sees it: hold_next() */
	struct ward_agreed_one *agreed; /* every yes, also what is forgotten since */
	size_t n_agreed, cap_agreed;
	struct ward_bell *bell; /* while a question is open */
};

bool hold_may(const struct life *l)
{
	return !l->hold_over && l->r->ask == WARD_ASK_WAIT && l->egress && l->book &&
		l->asks.workspace;
}

static struct net_hold *hold_of(struct life *l)
{
	struct net_hold *h = l->hold;

	if (h || !hold_may(l))
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->asks.arena = ward_arena_new(BYTES_MAX);
	if (!h->asks.arena ||
		ward_asks_begin(&h->asks, l->asks.workspace, l->r->argv, l->book->sha256, NULL) <
			0) {
		ward_arena_free(h->asks.arena);
		free(h);
		return NULL;
	}
	l->hold = h;
	return h;
}

/* When the first of those that are open is over. */
static uint64_t first_until(const struct net_hold *h)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < h->asks.n; i++)
		if (h->asks.v[i].answer == WARD_SAID_OPEN && h->until[i] < first)
			first = h->until[i];
	return first;
}

/* A new ceiling is held against it, as against what the run was started with. */
static bool keep(struct net_hold *h, const struct ward_asked *k)
{
	struct ward_agreed_one *to = h->agreed;
	size_t cap = h->cap_agreed ? 2 * h->cap_agreed : 16;

	for (size_t i = 0; i < h->n_agreed; i++)
		if (h->agreed[i].level == k->level &&
			ward_streq(h->agreed[i].endpoint, k->things[0].resource))
			return true;
	if (h->n_agreed == h->cap_agreed) {
		to = realloc(h->agreed, cap * sizeof(*to));
		if (!to)
			return false;
		h->agreed = to;
		h->cap_agreed = cap;
	}
	to[h->n_agreed++] = (struct ward_agreed_one){ k->things[0].resource, k->level };
	return true;
}

struct ward_agreed hold_agreed(const struct life *l)
{
	const struct net_hold *h = l->hold;

	return h ? (struct ward_agreed){ h->agreed, h->n_agreed, &l->hold->asks }
		 : (struct ward_agreed){ 0 };
}

bool hold_had(const struct life *l, const char *endpoint)
{
	const struct net_hold *h = l->hold_over ? l->hold : NULL;
	size_t n = (size_t)(strrchr(endpoint, ':') - endpoint) + 1;

	for (size_t i = 0; h && i < h->asks.n; i++)
		if (h->asks.v[i].answer == WARD_SAID_RUN)
			return true;
	for (size_t i = 0; h && i < h->n_agreed; i++)
		if (strncmp(h->agreed[i].endpoint, endpoint, n) == 0)
			return true;
	return false;
}

static int settle(struct life *l, size_t i, struct ward_error *err)
{
	struct net_hold *h = l->hold;
	struct ward_asked *k = &h->asks.v[i];
	int r;

	if (h->replies[i].said != WARD_SAID_NO && !keep(h, k))
		h->replies[i] = (struct ward_reply){
			.said = WARD_SAID_NO, .how = "nobody", .uid = getuid()
		};
	r = asking_record_said(l, &h->asks, k, &h->replies[i], err);

	k->answer = r == WARD_OK ? h->replies[i].said : WARD_SAID_NO;
	return r;
}

static int ring(struct life *l, struct ward_error *err)
{
	struct ward_bell_run run = { .run = l->o->run,
		.argv = l->r->argv,
		.asks = &l->hold->asks,
		.alive = true,
		.stop_fd = -1 };

	return l->hold->bell ? WARD_OK : ward_bell_new(&run, &l->hold->bell, err);
}

/* The question is there: now somebody has to be able to see it, and the log to have it. */
static int put(struct life *l, size_t i)
{
	struct net_hold *h = l->hold;
	struct ward_error why = WARD_ERROR_INIT;
	int r = asking_record(l, &h->asks, &h->asks.v[i], &why);

	h->until[i] = ward_now_mono_ns() + l->r->ask_timeout_ms * MS;
	if (r == WARD_OK && ring(l, NULL) < 0) {
		h->replies[i] = (struct ward_reply){
			.said = WARD_SAID_NO, .how = "nobody", .uid = getuid()
		};
		r = settle(l, i, &why);
	}
	if (r < 0 && l->net_failed == WARD_OK) {
		l->net_failed = r;
		l->net_error = why;
	}
	return r;
}

/* What was asked while the gate had its turn elsewhere. *ret_any: of some there is an answer already. */
static int put_new(struct life *l, bool *ret_any)
{
	struct net_hold *h = l->hold;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < h->asks.n; i++) {
		if (!h->new[i])
			continue;
		h->new[i] = false;
		r = put(l, i);
		*ret_any = *ret_any || h->asks.v[i].answer != WARD_SAID_OPEN;
	}
	return r;
}

enum ward_said hold_ask(struct life *l, const struct ward_verdict *v, const struct ward_query *q,
	bool begin, const char **ret_how)
{
	struct net_hold *h = begin ? hold_of(l) : l->hold;
	bool may_begin = begin && hold_may(l);
	struct ward_asked *k;
	size_t n = h ? h->asks.n : 0;

	*ret_how = may_begin ? "nobody" : NULL;
	if (!h || ward_asks_one(&h->asks, v, q, may_begin && n < WARD_ASKS_MAX, &k, NULL) < 0)
		return WARD_SAID_NO;
	if (!k) {
		*ret_how = n == WARD_ASKS_MAX ? "limit" : NULL;
		return WARD_SAID_NO;
	}
	/* It is durable before it counts, which takes as long as the disk does: not where others wait to connect. */
	if (h->asks.n > n && l->net_elsewhere)
		h->new[n] = true;
	else if (h->asks.n > n && put(l, n) < 0)
		return WARD_SAID_NO;
	if (begin && k->answer == WARD_SAID_ONCE)
		h->had[k - h->asks.v] = true;
	*ret_how = k->answer == WARD_SAID_OPEN ? "open" : h->replies[k - h->asks.v].how;
	return k->answer;
}

/* What is critical is never remembered: a connection has had the yes, or none came for it in time. Its place is free again. */
static void forget_critical(struct net_hold *h)
{
	uint64_t now = ward_now_mono_ns();

	for (size_t i = h->asks.n; i-- > 0;) {
		size_t last = h->asks.n - 1;

		if (h->asks.v[i].level != WARD_APPROVAL_CRITICAL ||
			h->asks.v[i].answer != WARD_SAID_ONCE || (!h->had[i] && now < h->until[i]))
			continue;
		h->asks.v[i] = h->asks.v[last];
		h->replies[i] = h->replies[last];
		h->until[i] = h->until[last];
		h->had[i] = h->had[last];
		h->new[i] = h->new[last];
		h->replies[last] = (struct ward_reply){ 0 };
		h->had[last] = h->new[last] = false;
		h->asks.n = last;
	}
}

static int settle_open(struct life *l, const char *rest, bool *ret_any, struct ward_error *err)
{
	struct net_hold *h = l->hold;
	uint64_t now = ward_now_mono_ns();
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < h->asks.n; i++) {
		if (h->asks.v[i].answer != WARD_SAID_OPEN)
			continue;
		if (!h->replies[i].how && (rest || now >= h->until[i]))
			h->replies[i] = (struct ward_reply){ .said = WARD_SAID_NO,
				.how = rest ? rest : "timeout",
				.uid = getuid() };
		if (!h->replies[i].how)
			continue;
		r = settle(l, i, err);
		*ret_any = true;
	}
	return r;
}

int hold_next(struct life *l, struct ward_error *err)
{
	struct net_hold *h = l->hold;
	bool any = false;
	int r;

	if (!h)
		return WARD_OK;
	forget_critical(h);
	r = put_new(l, &any);
	if (r < 0)
		return WARD_OK; /* net_failed has it */
	if (h->bell) {
		ward_bell_next(h->bell, first_until(h), h->replies);
		r = settle_open(l, NULL, &any, err);
	}
	if (any) {
		ward_egress_answered(l->egress);
		forget_critical(h);
	}
	/* What the connections that went on asked meanwhile is open again. */
	if (first_until(h) == UINT64_MAX) {
		ward_bell_free(h->bell);
		h->bell = NULL;
	}
	return r;
}

int hold_stop(struct life *l, struct ward_error *err)
{
	bool any = false;
	int r;

	l->hold_over = true;
	if (!l->hold)
		return WARD_OK;
	r = settle_open(l, "epoch", &any, err);
	if (any)
		ward_egress_answered(l->egress);
	ward_bell_free(l->hold->bell);
	l->hold->bell = NULL;
	return r;
}

int hold_end(struct life *l, struct ward_error *err)
{
	bool any = false;
	int r = WARD_OK;

	if (!l->hold)
		return WARD_OK;
	if (put_new(l, &any) == WARD_OK) /* net_failed has it, else */
		r = settle_open(l, "end", &any, err);
	ward_bell_free(l->hold->bell);
	l->hold->bell = NULL;
	return r;
}

void hold_free(struct life *l)
{
	if (!l->hold)
		return;
	ward_bell_free(l->hold->bell);
	ward_arena_free(l->hold->asks.arena);
	free(l->hold->agreed);
	free(l->hold);
	l->hold = NULL;
}
