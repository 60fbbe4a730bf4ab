/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which port a flow meant, on a host without nf_tables: there it comes to the listener's own port at the address that was dialled, and
 * the rest knows who mediated the connect (plan->redirects). What is said there is as good as an address that was dialled: it is judged.
 */
#include "egress/port.h"
#include "policy/policy.h"

#define WAIT_MS 250u /* for all of a second: the run's time limits wait meanwhile */

bool ward_flow_port(struct ward_flow *f)
{
	struct ward_egress *e = f->e;
	char address[WARD_ADDRESS_TEXT_MAX];
	uint64_t before;
	bool known;

	if (f->how != WARD_HOW_CAPTURED || f->to.port != WARD_NET_PROXY_PORT || !e->ops->meant)
		return true;
	before = ward_now_mono_ns();
	if (before - e->port_since > 1000 * WARD_MS) {
		e->port_since = before;
		e->port_waited = 0;
	}
	known = e->ops->meant(e->arg, ward_address_text(&f->from, address), f->from.port,
		e->port_waited < WAIT_MS * WARD_MS, &f->to.port);
	e->port_waited += ward_now_mono_ns() - before;
	return known;
}
