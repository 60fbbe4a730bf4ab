/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the gate's work a run may have: buckets of tokens. */
#include "egress/gate.h"

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
