/* SPDX-License-Identifier: Apache-2.0 */
/* Options about policies: what each of them does to a request. As strict as the others (run/options.c). */
#include <string.h>

#include "run/persist/persist.h"
#include "run/request.h"

#define LABELS_MAX 64u

int ward_apply_mode(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_mode_parse(ward_str(value), &r->mode, err);
}

int ward_apply_profile(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_option_keep(r, value, &r->profile, err);
}

int ward_apply_policy(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	struct ward_policy_option *v;
	const char *path;
	int code = ward_named_answers(r, value, err);

	if (code >= 0)
		code = ward_option_keep(r, value, &path, err);
	if (code < 0)
		return code;
	v = ward_arena_alloc(r->arena, (r->n_policies + 1) * sizeof(*v));
	if (!v)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (r->n_policies > 0)
		memcpy(v, r->policies, r->n_policies * sizeof(*v));
	v[r->n_policies] = (struct ward_policy_option){ path, index };
	r->policies = v;
	r->n_policies++;
	return WARD_OK;
}

int ward_apply_approve(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	static const char *const names[] = { "risky", "critical" };
	int which = 0;
	int code = ward_option_choice(value, names, WARD_ARRAY_SIZE(names), &which, err);

	(void)index;
	if (code >= 0)
		r->consent = which == 1 ? WARD_CONSENT_CRITICAL : WARD_CONSENT_RISKY;
	return code;
}

int ward_apply_ask(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	static const char *const names[] = { "no", "auto", "wait" };
	int which = 0;
	int code = ward_option_choice(value, names, WARD_ARRAY_SIZE(names), &which, err);

	(void)index;
	if (code >= 0)
		r->ask = (enum ward_ask_whom)which;
	return code;
}

int ward_apply_ask_timeout(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_parse_duration(value, &r->ask_timeout_ms, err);
}

int ward_apply_repo_root(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_option_keep(r, value, &r->repo_root, err);
}

int ward_apply_environment(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	static const char *const names[] = { "dev", "test", "ci", "staging", "prod" };
	int which = 0;
	int code = ward_option_choice(value, names, WARD_ARRAY_SIZE(names), &which, err);

	(void)index;
	if (code >= 0)
		r->environment = names[which];
	return code;
}

int ward_apply_label(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	const char **v, *copy;

	(void)index;
	if (!ward_is_label(ward_str(value))) {
		int code = ward_fail(err, WARD_E_INVALID,
			"a label is KEY=VALUE, in at most %u bytes", WARD_LABEL_BYTES_MAX);

		ward_fail_fix(err, "as in --label team=ops");
		return code;
	}
	if (r->n_labels == LABELS_MAX) {
		(void)ward_fail(err, WARD_E_LIMIT, "more than %u labels", LABELS_MAX);
		ward_fail_fix(err, "leave some out");
		return WARD_E_LIMIT;
	}
	v = ward_arena_alloc(r->arena, (r->n_labels + 1) * sizeof(*v));
	copy = ward_arena_strdup(r->arena, value);
	if (!v || !copy)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (r->n_labels > 0)
		memcpy(v, r->labels, r->n_labels * sizeof(*v));
	v[r->n_labels++] = copy;
	r->labels = v;
	return WARD_OK;
}

int ward_apply_component(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	r->component_data = NULL;
	return ward_option_keep(r, value, &r->component, err);
}

int ward_apply_trust(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	static const char *const names[] = { "untrusted", "semi_trusted", "trusted" };
	int which = 0;
	int code = ward_option_choice(value, names, WARD_ARRAY_SIZE(names), &which, err);

	(void)index;
	if (code >= 0)
		r->trust = names[which];
	return code;
}

int ward_apply_tier(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	static const char *const names[] = { "0", "1", "2", "3" };
	int which = 0;
	int code = ward_option_choice(value, names, WARD_ARRAY_SIZE(names), &which, err);

	(void)index;
	if (code >= 0)
		r->tier = which;
	return code;
}
