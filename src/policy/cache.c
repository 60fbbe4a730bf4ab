/* SPDX-License-Identifier: Apache-2.0 */
/* The names of package caches. An unknown one is an error: it may be a misspelt one. */
#include <stdio.h>
#include <string.h>

#include "policy/fail.h"

static int unknown(struct ward_str name, struct ward_error *err)
{
	char shown[WARD_CAP_SHOWN_MAX], word[64], all[WARD_ERROR_FIX_MAX] = "";
	const char *names[WARD_CACHES_MAX + 1], *near;
	size_t used = 0, n = 0;

	for (; n < ward_caches_n && n < WARD_CACHES_MAX && used < sizeof(all); n++) {
		names[n] = ward_caches[n].name;
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s ", names[n]);
	}
	names[n++] = "all";
	(void)snprintf(word, sizeof(word), "%.*s", (int)(name.n < 63 ? name.n : 63), name.s);
	near = ward_nearest(word, names, n);
	ward_cap_shown(name, shown);
	(void)ward_fail(err, WARD_E_INVALID, "there is no package cache %s", shown);
	if (near != NULL)
		ward_fail_fix(err, "did you mean %s?", near);
	else
		ward_fail_fix(err, "the caches are %sand all", all);
	return WARD_E_INVALID;
}

int ward_cache_parse(struct ward_str name, uint32_t *ret, struct ward_error *err)
{
	bool all = ward_str_eq(name, WARD_STR("all"));

	*ret = 0;
	for (size_t i = 0; i < ward_caches_n && i < WARD_CACHES_MAX; i++) {
		if (all ? !ward_caches[i].named : ward_str_eq(name, ward_str(ward_caches[i].name)))
			*ret |= UINT32_C(1) << i;
	}
	return *ret != 0 ? WARD_OK : unknown(name, err);
}
