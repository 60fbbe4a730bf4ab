/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of the gate's work, and of the network, a run may have. And what a rule lets through, counted: each rule with limits has a budget from the first connection that it lets through to the end of the
 * run. Permits add up, so a connection that several let through needs room in one of theirs.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "egress/limits.h"

#define ROOM_MS 250u /* a round trip to most servers */

/* ---- of the process ---- */

static atomic_size_t out_there;

static size_t files(void)
{
	struct rlimit l;

	return getrlimit(RLIMIT_NOFILE, &l) < 0 ? 1024 : (size_t)l.rlim_cur;
}

size_t ward_limits_part(size_t most, size_t part)
{
	size_t n = files() / part;

	if (n >= most)
		return most;
	return n ? n : 1;
}

/* What is left keeps the rest of the process going: its looks at the ceiling, its records, what others do in it. */
int ward_limits_socket(int family, int type, bool spare)
{
	size_t most = files() / 4 * (spare ? 1 : 3);
	int fd = -1, err = EMFILE;

	if (atomic_fetch_add(&out_there, 1) < most) {
		fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		err = errno;
	}
	if (fd < 0) {
		ward_limits_gone();
		errno = err;
	}
	return fd;
}

void ward_limits_gone(void)
{
	atomic_fetch_sub(&out_there, 1);
}

bool ward_limits_is_lack(int err)
{
	return err == EMFILE || err == ENFILE;
}

/* ---- of a run ---- */

#define TOKEN 1000000000ull /* a nanosecond brings rate billionths of one */
#define LONG_NS (3600 * TOKEN)

static uint64_t filled(const struct ward_bucket *b, uint64_t now)
{
	uint64_t most = b->burst * TOKEN, since = now - b->at;

	if (b->at == 0 || since >= LONG_NS || most - b->have <= since * b->rate)
		return most;
	return b->have + since * b->rate;
}

bool ward_bucket_take(struct ward_bucket *b, uint64_t now)
{
	b->have = filled(b, now);
	b->at = now;
	if (b->have < TOKEN)
		return false;
	b->have -= TOKEN;
	return true;
}

uint64_t ward_bucket_next(const struct ward_bucket *b)
{
	return b->have >= TOKEN ? b->at : b->at + (TOKEN - b->have) / b->rate + 1;
}

bool ward_limits_bytes(const struct ward_egress *e, enum ward_net_limit *ret)
{
	*ret = e->spent[WARD_NET_BYTES_UP] ? WARD_NET_BYTES_UP : WARD_NET_BYTES_DOWN;
	return !e->spent[*ret];
}

bool ward_limits_take(struct ward_egress *e, enum ward_net_limit *ret)
{
	const uint64_t *max = e->limits.v;

	if (!ward_limits_bytes(e, ret))
		return false;
	*ret = WARD_NET_CONNECTIONS;
	if (max[WARD_NET_CONNECTIONS] && e->n_alive >= max[WARD_NET_CONNECTIONS])
		return false;
	*ret = WARD_NET_CONNECTIONS_TOTAL;
	if (max[WARD_NET_CONNECTIONS_TOTAL] && e->n_made >= max[WARD_NET_CONNECTIONS_TOTAL])
		return false;
	*ret = WARD_NET_RATE;
	if (max[WARD_NET_RATE] && !ward_bucket_take(&e->rate, ward_now_mono_ns()))
		return false;
	e->n_alive++;
	e->n_made++;
	return true;
}

bool ward_limits_name(const struct ward_egress *e, const char *name)
{
	uint64_t max = e->limits.v[WARD_NET_NAMES];

	/* As many as any run may have: that it is full the table says. */
	return max == 0 || max >= WARD_EGRESS_NAMES_MAX || e->pins.n < max ||
		ward_pinned_find(&e->pins, name) != NULL;
}

/* ---- of a rule ---- */

static bool same(const struct ward_egress_limit *a, const struct ward_egress_limit *b)
{
	return a->line == b->line && a->column == b->column && ward_streq(a->file, b->file);
}

/* NULL: no memory, or there are too many. */
static struct ward_budget *budget_of(struct ward_egress *e, const struct ward_egress_limit *of)
{
	struct ward_budget *b = e->budgets;

	while (b && !same(&b->of, of))
		b = b->next;
	if (b || e->n_budgets >= WARD_EGRESS_BUDGETS_MAX)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->of = *of;
	b->rate = (struct ward_bucket){ .rate = of->limits.v[WARD_NET_RATE],
		.burst = of->limits.v[WARD_NET_RATE] };
	b->next = e->budgets;
	e->budgets = b;
	b->number = (uint32_t)++e->n_budgets;
	if (of->limits.v[WARD_NET_BYTES_UP] || of->limits.v[WARD_NET_BYTES_DOWN]) {
		const struct ward_relay_msg m = { .type = WARD_GATE_LIMITS,
			.value = b->number,
			.up_max = of->limits.v[WARD_NET_BYTES_UP],
			.down_max = of->limits.v[WARD_NET_BYTES_DOWN] };

		ward_gate_send(e, &m, -1);
	}
	return b;
}

static bool has_room(struct ward_budget *b, enum ward_net_limit *ret)
{
	const uint64_t *max = b->of.limits.v;

	*ret = b->spent[WARD_NET_BYTES_UP] ? WARD_NET_BYTES_UP : WARD_NET_BYTES_DOWN;
	if (b->spent[*ret])
		return false;
	*ret = WARD_NET_CONNECTIONS;
	if (max[WARD_NET_CONNECTIONS] && b->n_alive >= max[WARD_NET_CONNECTIONS])
		return false;
	*ret = WARD_NET_CONNECTIONS_TOTAL;
	if (max[WARD_NET_CONNECTIONS_TOTAL] && b->n_made >= max[WARD_NET_CONNECTIONS_TOTAL])
		return false;
	*ret = WARD_NET_RATE;
	return !max[WARD_NET_RATE] || ward_bucket_take(&b->rate, ward_now_mono_ns());
}

bool ward_flow_take(struct ward_flow *f, const struct ward_egress_ask *q, enum ward_net_limit *ret)
{
	struct ward_egress_limit v[WARD_EGRESS_LIMITS_MAX];
	struct ward_egress *e = f->e;
	int n = e->ops->limits ? e->ops->limits(e->arg, q, v) : 0;
	bool room = n == 0;

	f->budget = NULL;
	/* First: whoever waits for the run's takes nothing of a rule's rate. */
	*ret = WARD_NET_CONNECTIONS;
	if (e->limits.v[*ret] && e->n_alive >= e->limits.v[*ret])
		return false;
	*ret = WARD_NET_LIMIT_MAX;
	for (int i = 0; i < n && !room; i++) {
		struct ward_budget *b = budget_of(e, &v[i]);

		if (!b) {
			*ret = WARD_NET_LIMIT_MAX;
			f->budget = NULL;
			return false;
		}
		f->budget = b;
		room = has_room(b, ret);
	}
	if (!room)
		return false;
	if (!ward_limits_take(e, ret)) {
		f->budget = NULL;
		return false;
	}
	if (f->budget) {
		f->budget->n_made++;
		f->budget->n_alive++;
	}
	return true;
}

void ward_flow_give_back(struct ward_flow *f)
{
	if (!f->made)
		return;
	f->e->n_alive--;
	if (f->budget)
		f->budget->n_alive--;
}

bool ward_room_wait(struct ward_flow *f)
{
	uint64_t now = ward_now_mono_ns();

	if (!f->room_by)
		f->room_by = now + ROOM_MS * WARD_MS;
	if (now >= f->room_by)
		return false;
	ward_dial_drop(f);
	f->state = WARD_FLOW_FULL;
	f->deadline = f->room_by;
	return true;
}

bool ward_room_is(const struct ward_flow *f)
{
	const struct ward_budget *b = f->budget;

	if (b)
		return b->n_alive < b->of.limits.v[WARD_NET_CONNECTIONS];
	return f->e->n_alive < f->e->limits.v[WARD_NET_CONNECTIONS];
}

uint64_t ward_flow_limit(const struct ward_flow *f, enum ward_net_limit which, bool *ret_of_rule)
{
	uint64_t run = f->e->limits.v[which];
	uint64_t rule = f->made && f->budget ? f->budget->of.limits.v[which] : 0;
	bool of_rule = rule && (!run || rule <= run);

	if (ret_of_rule)
		*ret_of_rule = of_rule;
	return of_rule ? rule : run;
}

bool ward_flow_over_rule(const struct ward_flow *f, enum ward_egress_why why, char *text,
	size_t size)
{
	enum ward_net_limit which = (enum ward_net_limit)(why - WARD_EGRESS_WHY_BUDGET_CONNECTIONS);
	char limit[WARD_NET_LIMIT_TEXT_MAX];
	bool of_rule = true;

	if (!f->budget || why < WARD_EGRESS_WHY_BUDGET_CONNECTIONS ||
		why > WARD_EGRESS_WHY_BUDGET_NAMES)
		return false;
	if (f->made && which != WARD_NET_BYTES_UP && which != WARD_NET_BYTES_DOWN)
		(void)ward_flow_limit(f, which, &of_rule);
	else if (f->made)
		of_rule = f->budget->spent[which] && !f->e->spent[which];
	if (!of_rule)
		return false;
	ward_net_limit_text(which, f->budget->of.limits.v[which], limit);
	(void)snprintf(text, size, "its rule lets no more through: %s (%s:%u)", limit,
		f->budget->of.file, f->budget->of.line);
	return true;
}

void ward_budgets_done(struct ward_egress *e)
{
	while (e->budgets) {
		struct ward_budget *b = e->budgets;

		e->budgets = b->next;
		free(b);
	}
}
