/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: the life of one action. Options -> request -> resolve -> decide -> plan -> cage -> outcome, with every
 * decision recorded. The public face of most of it is include/ward/ward.h; here is what the parts share.
 */
#pragma once

#include "audit/audit.h"
#include "base/base.h"
#include "confine/confine.h"
#include "decide/decide.h"
#include "plan/plan.h"
#include "policy/policy.h"
#include "ward/ward.h"

/* ---- net/opened.c: which connections of a run have a begin on record and no end ---- */
struct ward_net_opened;
struct ward_net_opened *ward_net_opened_new(void); /* NULL: no memory */
/* One more record of that run, in the log's order; line: how it is shown, if it is a begin. WARD_E_NOMEM. */
int ward_net_opened_note(struct ward_net_opened *o, const struct ward_json *rec, const char *line);
/* None where the run has its end. */
void ward_net_opened_each(const struct ward_net_opened *o, void (*fn)(void *arg, const char *line, int64_t n), void *arg);
void ward_net_opened_free(struct ward_net_opened *o); /* NULL ok */
