/* SPDX-License-Identifier: Apache-2.0 */
/* The names of package caches. An unknown one is an error: it may be a misspelt one. */
#include <stdio.h>
#include <string.h>

#include "policy/fail.h"

static const char *nearest(struct ward_str name)
{
	const char *names[WARD_CACHES_MAX + 1];
	char word[64];
	size_t n = 0;

	for (; n < ward_caches_n && n < WARD_CACHES_MAX; n++)
		names[n] = ward_caches[n].name;
	names[n++] = "all";
	(void)snprintf(word, sizeof(word), "%.*s", (int)(name.n < 63 ? name.n : 63), name.s);
	return ward_nearest(word, names, n);
}

const char *ward_cache_meant(const char *list)
{
	const struct ward_str name = { list, strcspn(list, ",") };
	const char *near = nearest(name);

	return near != NULL && ward_str_eq(ward_str(near), name) ? list : near;
}

static int unknown(struct ward_str name, struct ward_error *err)
{
	char shown[WARD_CAP_SHOWN_MAX], all[WARD_ERROR_FIX_MAX] = "";
	const char *near = nearest(name);
	size_t used = 0;

	for (size_t i = 0; i < ward_caches_n && i < WARD_CACHES_MAX && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s ",
			ward_caches[i].name);
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
