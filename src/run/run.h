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
