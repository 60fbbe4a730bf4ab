/* SPDX-License-Identifier: Apache-2.0 */
/* How policy complains: one line with the place, the capability, the rule and the fix. Private to policy. */
#pragma once

#include "policy/policy.h"

#define WARD_CAP_SHOWN_MAX 192

/* Quoted for people and cut to a length that leaves room for the message. Without memory: a plain "?". */
void ward_cap_shown(struct ward_str s, char out[WARD_CAP_SHOWN_MAX]);

/* Give a filled err the class CapabilityError and the place of origin. err may be NULL. */
void ward_cap_fail_at(struct ward_error *err, const struct ward_origin *origin);

/* WARD_E_CAPABILITY: `TYPE "RESOURCE": message`, with class and place. The fix is the caller's to add. */
int ward_cap_fail(struct ward_error *err, const struct ward_cap *cap, const char *fmt, ...)
	WARD_PRINTF(3, 4);

/* host.c: is s "host:port"? Complains about cap. */
int ward_cap_check_endpoint(const struct ward_cap *cap, struct ward_error *err);
