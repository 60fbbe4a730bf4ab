/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rest knows of a connection from the inside. Whose it is, and which port a flow meant, on a host without nf_tables: there it comes to the listener's own port at the address that was dialled, and
 * the rest knows who mediated the connect (plan->redirects). What is said there is as good as an address that was dialled: it is judged.
 */
#include "egress/answer.h"
#include "egress/port.h"
#include "policy/policy.h"

#define WHO_SLOW_MS 5u
#define WHO_WAIT_MS 20u /* for all answers of a second */
#define WHO_AGAIN_MS 1000u
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

/*
 * For the record alone, but where policies ask for it. Who answers may be held up by a caller inside, a little each time: after an answer
 * that took long nobody is asked for a while, since the run's time limits wait meanwhile; where policies ask it is waited for as for a port.
 * Without wait it may be known later: who connects is busy with others.
 */
void ward_flow_whose(struct ward_flow *f, bool wait)
{
	struct ward_egress *e = f->e;
	char address[WARD_ADDRESS_TEXT_MAX];
	uint64_t before = ward_now_mono_ns(), now;
	uint64_t most = e->by_program ? WAIT_MS : WHO_WAIT_MS;

	if (f->pid || f->inward || !e->ops->who || (before < e->no_who_until && !e->by_program))
		return;
	if (before - e->who_since > 1000 * WARD_MS) {
		e->who_since = before;
		e->who_waited = 0;
	}
	wait = wait && e->who_waited < most * WARD_MS;
	(void)e->ops->who(e->arg, ward_address_text(&f->from, address), f->from.port, wait, &f->pid,
		f->comm, f->program);
	now = ward_now_mono_ns();
	e->who_waited += wait ? now - before : 0;
	if (now - before > WHO_SLOW_MS * WARD_MS)
		e->no_who_until = now + WHO_AGAIN_MS * WARD_MS;
}

const char *ward_flow_program(const struct ward_flow *f)
{
	return f->program[0] ? f->program : NULL;
}
