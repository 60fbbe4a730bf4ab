/* SPDX-License-Identifier: Apache-2.0 */
/* Names of actions and of what they are done to, both ways. Spelled exactly: anything near is an error that says so. */
#include <string.h>

#include "policy/action.h"
#include "policy/fail.h"

static const char *const names[WARD_ACT_MAX] = { [WARD_ACT_NONE] = "",
#define WARD_X(id, name, thing) [WARD_ACT_##id] = name,
	WARD_ACTIONS(WARD_X)
#undef WARD_X
};

static const enum ward_thing things[WARD_ACT_MAX] = {
#define WARD_X(id, name, thing) [WARD_ACT_##id] = WARD_THING_##thing,
	WARD_ACTIONS(WARD_X)
#undef WARD_X
};

static const char *const thing_names[WARD_THING_MAX] = { [WARD_THING_NONE] = "unknown",
#define WARD_X(id, name) [WARD_THING_##id] = name,
	WARD_THINGS(WARD_X)
#undef WARD_X
};

const char *ward_action_name(enum ward_action a)
{
	return (unsigned)a > WARD_ACT_NONE && (unsigned)a < WARD_ACT_MAX ? names[a] : "unknown";
}

enum ward_thing ward_action_thing(enum ward_action a)
{
	return (unsigned)a < WARD_ACT_MAX ? things[a] : WARD_THING_NONE;
}

const char *ward_thing_name(enum ward_thing t)
{
	return (unsigned)t < WARD_THING_MAX ? thing_names[t] : "unknown";
}

int ward_action_parse(struct ward_str name, enum ward_action *ret, struct ward_error *err)
{
	char shown[WARD_CAP_SHOWN_MAX], word[32] = "";
	const char *near;

	*ret = WARD_ACT_NONE;
	for (unsigned a = WARD_ACT_NONE + 1; a < WARD_ACT_MAX; a++) {
		if (ward_str_eq(name, ward_str(names[a]))) {
			*ret = (enum ward_action)a;
			return WARD_OK;
		}
	}
	if (name.n < sizeof(word))
		memcpy(word, name.s, name.n);
	near = ward_nearest(word, names + 1, WARD_ACT_MAX - 1);
	ward_cap_shown(name, shown);
	(void)ward_fail(err, WARD_E_INVALID, "unknown action %s", shown);
	if (near != NULL)
		ward_fail_fix(err, "did you mean %s?", near);
	else
		ward_fail_fix(err,
			"data/ward.cedarschema lists the actions: fs.read fs.write proc.exec net.connect ...");
	return WARD_E_INVALID;
}
