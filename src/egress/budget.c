/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the gate's work, and of the network, a run may have. */
#include "egress/limits.h"

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
