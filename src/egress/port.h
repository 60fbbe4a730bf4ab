/* SPDX-License-Identifier: Apache-2.0 */
/* Private to egress: which port was dialled, where nothing captures (plan->redirects). */
#pragma once

#include "egress/gate.h"

/*
 * f->to gets it, if f came by the listener's own port. False: it came there by a way on which that is not known, and is to be refused.
 */
bool ward_flow_port(struct ward_flow *f);
