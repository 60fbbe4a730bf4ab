/* SPDX-License-Identifier: Apache-2.0 */
/* The extension functions: names, how they are called, and the types of what goes in and comes out. */
#include <string.h>

#include "cedar/core/core.h"

/* clang-format off */
const struct cedar_function ward_cedar_functions[CEDAR_FN_MAX] = {
	/* name, method, constructor, arguments, result, types of the arguments */
	[CEDAR_FN_DECIMAL] = { "decimal", 0, 1, 1, CEDAR_T_DECIMAL, { CEDAR_T_STRING } },
	[CEDAR_FN_LESS_THAN] = { "lessThan", 1, 0, 2, CEDAR_T_BOOL, { CEDAR_T_DECIMAL, CEDAR_T_DECIMAL } },
	[CEDAR_FN_LESS_THAN_OR_EQUAL] = { "lessThanOrEqual", 1, 0, 2, CEDAR_T_BOOL, { CEDAR_T_DECIMAL, CEDAR_T_DECIMAL } },
	[CEDAR_FN_GREATER_THAN] = { "greaterThan", 1, 0, 2, CEDAR_T_BOOL, { CEDAR_T_DECIMAL, CEDAR_T_DECIMAL } },
	[CEDAR_FN_GREATER_THAN_OR_EQUAL] = { "greaterThanOrEqual", 1, 0, 2, CEDAR_T_BOOL, { CEDAR_T_DECIMAL, CEDAR_T_DECIMAL } },
	[CEDAR_FN_IP] = { "ip", 0, 1, 1, CEDAR_T_IPADDR, { CEDAR_T_STRING } },
	[CEDAR_FN_IS_IPV4] = { "isIpv4", 1, 0, 1, CEDAR_T_BOOL, { CEDAR_T_IPADDR } },
	[CEDAR_FN_IS_IPV6] = { "isIpv6", 1, 0, 1, CEDAR_T_BOOL, { CEDAR_T_IPADDR } },
	[CEDAR_FN_IS_LOOPBACK] = { "isLoopback", 1, 0, 1, CEDAR_T_BOOL, { CEDAR_T_IPADDR } },
	[CEDAR_FN_IS_MULTICAST] = { "isMulticast", 1, 0, 1, CEDAR_T_BOOL, { CEDAR_T_IPADDR } },
	[CEDAR_FN_IS_IN_RANGE] = { "isInRange", 1, 0, 2, CEDAR_T_BOOL, { CEDAR_T_IPADDR, CEDAR_T_IPADDR } },
	[CEDAR_FN_DATETIME] = { "datetime", 0, 1, 1, CEDAR_T_DATETIME, { CEDAR_T_STRING } },
	[CEDAR_FN_OFFSET] = { "offset", 1, 0, 2, CEDAR_T_DATETIME, { CEDAR_T_DATETIME, CEDAR_T_DURATION } },
	[CEDAR_FN_DURATION_SINCE] = { "durationSince", 1, 0, 2, CEDAR_T_DURATION, { CEDAR_T_DATETIME, CEDAR_T_DATETIME } },
	[CEDAR_FN_TO_DATE] = { "toDate", 1, 0, 1, CEDAR_T_DATETIME, { CEDAR_T_DATETIME } },
	[CEDAR_FN_TO_TIME] = { "toTime", 1, 0, 1, CEDAR_T_DURATION, { CEDAR_T_DATETIME } },
	[CEDAR_FN_DURATION] = { "duration", 0, 1, 1, CEDAR_T_DURATION, { CEDAR_T_STRING } },
	[CEDAR_FN_TO_MILLISECONDS] = { "toMilliseconds", 1, 0, 1, CEDAR_T_LONG, { CEDAR_T_DURATION } },
	[CEDAR_FN_TO_SECONDS] = { "toSeconds", 1, 0, 1, CEDAR_T_LONG, { CEDAR_T_DURATION } },
	[CEDAR_FN_TO_MINUTES] = { "toMinutes", 1, 0, 1, CEDAR_T_LONG, { CEDAR_T_DURATION } },
	[CEDAR_FN_TO_HOURS] = { "toHours", 1, 0, 1, CEDAR_T_LONG, { CEDAR_T_DURATION } },
	[CEDAR_FN_TO_DAYS] = { "toDays", 1, 0, 1, CEDAR_T_LONG, { CEDAR_T_DURATION } },
	[CEDAR_FN_UNKNOWN] = { "unknown", 0, 0, 1, CEDAR_T_NONE, { CEDAR_T_STRING } },
};
/* clang-format on */

enum cedar_fn ward_cedar_function(struct ward_str name)
{
	for (int i = 1; i < CEDAR_FN_MAX; i++) {
		const char *n = ward_cedar_functions[i].name;

		if (name.n > 0 && n[0] == name.s[0] && strlen(n) == name.n &&
			memcmp(n, name.s, name.n) == 0)
			return (enum cedar_fn)i;
	}
	return CEDAR_FN_NONE;
}

const char *ward_cedar_ext_name(enum cedar_ext e)
{
	static const char *const names[CEDAR_EXT_MAX] = { "none", "decimal", "ipaddr", "datetime",
		"duration" };

	return (size_t)e < CEDAR_EXT_MAX ? names[e] : "none";
}
