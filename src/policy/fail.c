/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How policy complains. Everything shown is quoted, because a capability file may come out of a repository that
 * nobody has read; and what may be a secret, the value behind ENV:NAME=, is not shown at all.
 */
#include <stdio.h>
#include <string.h>

#include "policy/fail.h"

#define CUT 120 /* bytes of a resource in a message */

void ward_cap_shown(struct ward_str s, char out[WARD_CAP_SHOWN_MAX])
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	size_t n = s.n;

	if (n > CUT) {
		n = CUT;
		while (n > CUT - 4 && ((uint8_t)s.s[n] & 0xc0) == 0x80)
			n--;
	}
	ward_quote(&b, s.s, n);
	if (b.failed)
		(void)snprintf(out, WARD_CAP_SHOWN_MAX, "?");
	else if (b.n + 4 <= WARD_CAP_SHOWN_MAX)
		(void)snprintf(out, WARD_CAP_SHOWN_MAX, "%s%s", ward_buf_cstr(&b),
			n < s.n ? "..." : "");
	else /* long only because of its escapes */
		(void)snprintf(out, WARD_CAP_SHOWN_MAX, "%.180s...\"", ward_buf_cstr(&b));
}

void ward_cap_fail_at(struct ward_error *err, const struct ward_origin *origin)
{
	char place[WARD_ERROR_FILE_MAX];

	ward_fail_class(err, WARD_CLASS_CAPABILITY, WARD_VIOLATION_NONE);
	if (origin->file == NULL)
		return;
	if (origin->index > 1) {
		(void)snprintf(place, sizeof(place), "%s (%u)", origin->file, origin->index);
		ward_fail_at(err, place, origin->line, origin->column);
	} else {
		ward_fail_at(err, origin->file, origin->line, origin->column);
	}
}

int ward_cap_fail(struct ward_error *err, const struct ward_cap *cap, const char *fmt, ...)
{
	struct ward_str resource = ward_str(cap->resource);
	char shown[WARD_CAP_SHOWN_MAX], message[WARD_ERROR_MESSAGE_MAX];
	const char *equals = strchr(cap->resource, '=');
	va_list ap;

	if (cap->type == WARD_CAP_ENV && equals != NULL)
		resource.n = (size_t)(equals - cap->resource);
	ward_cap_shown(resource, shown);
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	(void)ward_fail(err, WARD_E_CAPABILITY, "%s %s: %s", ward_cap_type_name(cap->type), shown,
		message);
	ward_cap_fail_at(err, &cap->origin);
	return WARD_E_CAPABILITY;
}
