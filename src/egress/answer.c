/* SPDX-License-Identifier: Apache-2.0 */
/* What the inside hears of a flow that is refused. The record says more. */
#include <stdio.h>

#include "egress/answer.h"
#include "policy/policy.h"

/* Would the capability that the answer names help? It is of what was asked: a name, or an address that may be reached. */
static bool is_granted_so(const struct ward_flow *f)
{
	const uint8_t *v4 = ward_address_nat64(f->to.family, f->to.a);

	if (f->name || f->asked)
		return f->named;
	return ward_address_classify(f->to.family, f->to.a) != WARD_ADDRESS_NEVER &&
		(!v4 || ward_address_classify(4, v4) == WARD_ADDRESS_PUBLIC);
}

/* What it is that a name leads to is not told: an inner name's class would be. */
static void put_reason(const struct ward_flow *f, enum ward_egress_why why, char *out, size_t size)
{
	struct ward_egress_event v = { 0 };
	bool leads = why == WARD_EGRESS_WHY_ADDRESS_NEVER || why == WARD_EGRESS_WHY_ADDRESS_CLASS ||
		why == WARD_EGRESS_WHY_ADDRESS_FORBIDDEN;
	bool own = why == WARD_EGRESS_WHY_NO_NAME &&
		ward_address_classify(f->to.family, f->to.a) == WARD_ADDRESS_LOOPBACK;

	ward_tell_why(&v, why, own ? WARD_ANSWER_LOOPBACK : NULL);
	if (leads && f->name)
		(void)snprintf(out, size,
			"address: it leads to an address that may not be reached");
	else
		(void)snprintf(out, size, "%s: %s", v.why, v.text);
}

/*
 * For who asked the proxy: the word, and what it means in general. What a name leads to, which rule it was and what went wrong outside is
 * not told to the inside. A grant helps where no rule said no.
 */
void ward_answer_refused(const struct ward_flow *f, enum ward_egress_why why)
{
	static const enum ward_relay_refusal kinds[WARD_EGRESS_WHY_MAX] = {
		[WARD_EGRESS_WHY_TOO_MANY] = WARD_REFUSAL_BUSY,
		[WARD_EGRESS_WHY_BUDGET_CONNECTIONS] = WARD_REFUSAL_BUSY,
		[WARD_EGRESS_WHY_BUDGET_RATE] = WARD_REFUSAL_BUSY,
		[WARD_EGRESS_WHY_RESOLVER_SILENT] = WARD_REFUSAL_SILENT,
		[WARD_EGRESS_WHY_NOT_RESOLVED] = WARD_REFUSAL_NO_HOST,
		[WARD_EGRESS_WHY_UNREACHABLE] = WARD_REFUSAL_NO_WAY,
		[WARD_EGRESS_WHY_RELAY_LOST] = WARD_REFUSAL_BUSY,
		[WARD_EGRESS_WHY_SYSTEM] = WARD_REFUSAL_BUSY,
	};
	struct ward_relay_msg m = { .type = WARD_GATE_REFUSED, .id = f->id, .value = kinds[why] };

	if (why == WARD_EGRESS_WHY_NO_RULE && !f->rule[0] && is_granted_so(f))
		m.value = WARD_REFUSAL_GRANT;
	if (f->how != WARD_HOW_CAPTURED)
		put_reason(f, why, m.name, sizeof(m.name));
	ward_gate_send(f->e, &m, -1);
}
