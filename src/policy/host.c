/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints of NETWORK_CONNECT and NETWORK_LISTEN as capabilities: their form is policy/net's. What no rule could ever let be
 * reached is no grant: an error where it is written, not a surprise later. To deny it is what people do, and no error.
 */
#include <stdio.h>
#include <string.h>

#include "policy/fail.h"

static int never(const struct ward_cap *cap, const struct ward_endpoint *e, struct ward_error *err)
{
	struct ward_address_range_said s;

	if (e->kind != WARD_HOST_ADDRESS && e->kind != WARD_HOST_RANGE)
		return WARD_OK;
	s = ward_address_range(e->family, e->address, e->bits);
	if (!s.never)
		return WARD_OK;
	(void)ward_cap_fail(err, cap, "never reached, whatever is granted: %s", s.what);
	ward_fail_fix(err, "take it out");
	return WARD_E_CAPABILITY;
}

static int connects(const struct ward_cap *cap, const struct ward_endpoint *e,
	struct ward_error *err)
{
	if (ward_streq(e->name, "localhost") || ward_has_suffix(e->name, ".localhost")) {
		(void)ward_cap_fail(err, cap, "that is the sandbox's own, which needs no grant");
		ward_fail_fix(err, "the host's own is " WARD_HOST_SERVICE);
		return WARD_E_CAPABILITY;
	}
	return never(cap, e, err);
}

int ward_cap_check_endpoint(const struct ward_cap *cap, struct ward_error *err)
{
	struct ward_endpoint e;
	struct ward_endpoint_fault why;

	if (ward_endpoint_parse(ward_str(cap->resource), &e, &why))
		return cap->type == WARD_CAP_NETWORK_CONNECT && !cap->denied
			? connects(cap, &e, err)
			: WARD_OK;
	(void)ward_cap_fail(err, cap, "%s", why.what);
	/* What is published is one place: no pattern, and no name. */
	if (cap->type == WARD_CAP_NETWORK_LISTEN)
		ward_fail_fix(err,
			"write one address and one port from 1 to 65535, for example 127.0.0.1:8080 or [::1]:8080");
	else if (why.fix[0] != '\0')
		ward_fail_fix(err, "%s", why.fix);
	return WARD_E_CAPABILITY;
}
