/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of some settings: a request that is made of options by name, and its book. */
#include <string.h>

#include "run/rules/tools.h"

static const char *const names[] = { "cap", "capabilities", "read", "write", "env", "mode",
	"profile", "policy", "component", "trust", "backend", "repo-root", "environment", "label",
	"caches", "workspace", "i-know" };

int ward_setting_check(const char *name, struct ward_error *err)
{
	const char *near;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		if (ward_streq(names[i], name))
			return WARD_OK;
	}
	near = ward_nearest(name, names, WARD_ARRAY_SIZE(names));
	(void)ward_fail(err, WARD_E_INVALID, "\"%.64s\" is no option that policies depend on",
		name);
	if (near)
		ward_fail_fix(err, "did you mean \"%s\"?", near);
	else
		ward_fail_fix(err,
			"known are mode profile policy cap read write env workspace and others: see ward help policy test");
	return WARD_E_INVALID;
}

void ward_side_done(struct ward_side *s)
{
	ward_rulebook_freep(&s->book);
	ward_arena_freep(&s->arena);
	ward_request_free(s->r);
	s->r = NULL;
}

int ward_side_begin(struct ward_side *s, const struct ward_policy_setting *settings, size_t n,
	struct ward_error *err)
{
	int r = WARD_OK;

	*s = (struct ward_side){ .r = ward_request_new(WARD_COMMAND_RUN) };
	if (!s->r)
		return ward_rs_nomem(err);
	for (size_t i = 0; r == WARD_OK && i < n; i++) {
		r = ward_setting_check(settings[i].name, err);
		if (r == WARD_OK)
			r = ward_request_set(s->r, settings[i].name, settings[i].value, err);
	}
	return r;
}

int ward_side_open(struct ward_side *s, struct ward_error *err)
{
	return ward_rules_of(s->r, &s->host, &s->rs, &s->arena, &s->book, err);
}
