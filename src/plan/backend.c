/* SPDX-License-Identifier: Apache-2.0 */
/* What bounds the layer of a run under review: its words. */
#include "plan/plan.h"

static const char *const backends[WARD_DISK_BACKEND_MAX] = {
	[WARD_DISK_TMPFS] = "tmpfs",
	[WARD_DISK_LOOP] = "loop",
	[WARD_DISK_DIR] = "dir",
};

const char *ward_disk_backend_name(enum ward_disk_backend b)
{
	return (size_t)b < WARD_ARRAY_SIZE(backends) ? backends[b] : "?";
}

int ward_disk_backend_parse(const char *s, enum ward_disk_backend *ret, struct ward_error *err)
{
	*ret = WARD_DISK_TMPFS;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(backends); i++) {
		if (ward_streq(s, backends[i])) {
			*ret = (enum ward_disk_backend)i;
			return WARD_OK;
		}
	}
	(void)ward_fail(err, WARD_E_INVALID, "\"%s\" is no disk backend", s);
	ward_fail_fix(err, "use tmpfs, loop or dir");
	return WARD_E_INVALID;
}
