/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of capabilities: their names both ways. A name is known only if it is spelled exactly; anything near one
 * is an error that says so, never a guess that would grant something.
 */
#include <string.h>

#include "policy/fail.h"
#include "policy/policy.h"

static const char *const names[] = {
#define WARD_X(id, name, held) name,
	WARD_CAP_TYPES(WARD_X)
#undef WARD_X
};

static const bool held[] = {
#define WARD_X(id, name, held) held,
	WARD_CAP_TYPES(WARD_X)
#undef WARD_X
};

static bool known(enum ward_cap_type t)
{
	return (unsigned)t > WARD_CAP_NONE && (unsigned)t < WARD_CAP_TYPE_MAX;
}

const char *ward_cap_type_name(enum ward_cap_type t)
{
	return known(t) ? names[t] : "unknown";
}

bool ward_cap_type_held(enum ward_cap_type t)
{
	return known(t) && held[t];
}

/* The nearest name; a word in small letters or with dashes is near too. */
static const char *nearest(struct ward_str name)
{
	static const char from[] = "abcdefghijklmnopqrstuvwxyz-. ",
			  to[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ___";
	char word[64];

	if (name.n == 0 || name.n >= sizeof(word))
		return NULL;
	for (size_t i = 0; i < name.n; i++) {
		const char *letter = memchr(from, name.s[i], sizeof(from) - 1);

		word[i] = letter != NULL ? to[letter - from] : name.s[i];
	}
	word[name.n] = '\0';
	return ward_nearest(word, names + 1, WARD_ARRAY_SIZE(names) - 1);
}

enum ward_action ward_cap_action(enum ward_cap_type t)
{
	static const enum ward_action actions[WARD_CAP_TYPE_MAX] = {
		[WARD_CAP_FILE_READ] = WARD_ACT_FS_READ,
		[WARD_CAP_FILE_WRITE] = WARD_ACT_FS_WRITE,
		[WARD_CAP_EXTERNAL_COMMAND] = WARD_ACT_PROC_EXEC,
		[WARD_CAP_ENV] = WARD_ACT_ENV_READ,
		[WARD_CAP_NETWORK_CONNECT] = WARD_ACT_NET_CONNECT,
		[WARD_CAP_NETWORK_LISTEN] = WARD_ACT_NET_LISTEN,
		[WARD_CAP_SECRET_ACCESS] = WARD_ACT_SECRET_READ,
		[WARD_CAP_DATABASE_READ] = WARD_ACT_DB_READ,
		[WARD_CAP_DATABASE_WRITE] = WARD_ACT_DB_WRITE,
		[WARD_CAP_REGISTRY_READ] = WARD_ACT_REGISTRY_READ,
		[WARD_CAP_REGISTRY_WRITE] = WARD_ACT_REGISTRY_WRITE,
		[WARD_CAP_ARTIFACT_READ] = WARD_ACT_ARTIFACT_READ,
		[WARD_CAP_ARTIFACT_WRITE] = WARD_ACT_ARTIFACT_WRITE,
	};

	return known(t) ? actions[t] : WARD_ACT_NONE;
}

/* Another word, of those in data/aliases, that means exactly what a type does. To read a repository is to read its files. */
static int by_actions(struct ward_str name, uint32_t actions, enum ward_cap_type *ret,
	struct ward_error *err)
{
	char text[WARD_CAP_SHOWN_MAX];

	for (unsigned t = WARD_CAP_NONE + 1; t < WARD_CAP_TYPE_MAX; t++) {
		uint32_t own = 0;

		(void)ward_actions_parse(ward_str(names[t]), &own, NULL);
		if (actions != own &&
			(t != WARD_CAP_FILE_READ ||
				actions != (own | WARD_ACTION_BIT(WARD_ACT_GIT_READ))))
			continue;
		*ret = (enum ward_cap_type)t;
		return WARD_OK;
	}
	ward_cap_shown(name, text);
	(void)ward_fail(err, WARD_E_CAPABILITY, "%s is what a policy permits, and no capability",
		text);
	ward_fail_fix(err,
		"name a --mode or --policy that permits it; docs/spec/capabilities.md lists the types");
	ward_fail_class(err, WARD_CLASS_CAPABILITY, WARD_VIOLATION_NONE);
	return WARD_E_CAPABILITY;
}

int ward_cap_type_parse(struct ward_str name, enum ward_cap_type *ret, struct ward_error *err)
{
	char text[WARD_CAP_SHOWN_MAX];
	const char *near;
	uint32_t actions;

	*ret = WARD_CAP_NONE;
	for (unsigned t = WARD_CAP_NONE + 1; t < WARD_CAP_TYPE_MAX; t++) {
		if (ward_str_eq(name, ward_str(names[t]))) {
			*ret = (enum ward_cap_type)t;
			return WARD_OK;
		}
	}
	if (ward_actions_parse(name, &actions, NULL) == WARD_OK)
		return by_actions(name, actions, ret, err);
	near = nearest(name);
	ward_cap_shown(name, text);
	(void)ward_fail(err, WARD_E_CAPABILITY, "unknown capability type %s", text);
	if (near != NULL)
		ward_fail_fix(err, "did you mean %s?", near);
	else
		ward_fail_fix(err,
			"the types that are held are FILE_READ FILE_WRITE EXTERNAL_COMMAND ENV NETWORK_CONNECT NETWORK_LISTEN; "
			"docs/spec/capabilities.md lists all");
	ward_fail_class(err, WARD_CLASS_CAPABILITY, WARD_VIOLATION_NONE);
	return WARD_E_CAPABILITY;
}
