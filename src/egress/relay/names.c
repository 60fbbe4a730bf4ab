/* SPDX-License-Identifier: Apache-2.0 */
/* Questions for names. */
#include "relay.h"

void relay_names_udp(struct relay *r, enum ward_relay_fd which)
{
	(void)r;
	(void)which;
}
void relay_names_tcp(struct relay *r, struct relay_flow *f)
{
	(void)r;
	f->ending = WARD_END_REFUSED + 1;
}
void relay_names_answer(struct relay *r, const struct ward_relay_msg *m)
{
	(void)r;
	(void)m;
}
void relay_names_timers(struct relay *r)
{
	(void)r;
}
void relay_names_forget(struct relay *r, uint32_t flow)
{
	(void)r;
	(void)flow;
}
