/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with documents together (S0-28, S0-29). The profiles would be safe all the same, since parts and denies only
 * narrow; what is refused here are contradictions, where an author believes to have granted or opened what he has not.
 */
#include <string.h>

#include "policy/doc/internal.h"

static int nomem(struct doc_check *in)
{
	return ward_doc_nomem(in->err, NULL);
}

static int init_denies(struct doc_check *in)
{
	for (size_t i = 0; i < in->docs->n; i++) {
		for (unsigned op = 0; op < WARD_DOC_OP_MAX; op++) {
			if (ward_doc_cover_init(&in->denies[i].positive[op], in->arena,
				    in->docs->v[i]->deny[op], DOC_COVER_POSITIVE) < 0)
				return nomem(in);
		}
	}
	return WARD_OK;
}

/* Two rules in one message: the first has the place, the second is named. */
static int contradiction(struct doc_check *in, const struct ward_doc_rule *rule, const char *how,
	const struct ward_doc_rule *other, const char *fix)
{
	char mine[WARD_CAP_SHOWN_MAX], theirs[WARD_CAP_SHOWN_MAX];

	ward_cap_shown(ward_str(rule->text), mine);
	ward_cap_shown(ward_str(other->text), theirs);
	(void)ward_doc_fail(in->err, WARD_E_INVALID, &rule->origin, "%s %s %s %s %s (%s:%u)",
		ward_doc_list_name(rule->list), mine, how, ward_doc_list_name(other->list), theirs,
		other->origin.file, other->origin.line);
	ward_fail_fix(in->err, "%s", fix);
	return WARD_E_INVALID;
}

/* X, or X and all below, for a path X. */
static bool is_literal(const struct ward_doc_rule *r)
{
	WARD_UNSET char path[WARD_PATH_MAX];

	return ward_pattern_is_literal(r->compiled, path, sizeof(path)) ||
		ward_pattern_is_subtree(r->compiled, path, sizeof(path));
}

static int no_exception(struct doc_check *in, const struct ward_doc_rule *x, const char *why,
	const char *fix)
{
	char shown[WARD_CAP_SHOWN_MAX];

	ward_cap_shown(ward_str(x->text), shown);
	(void)ward_doc_fail(in->err, WARD_E_INVALID, &x->origin, "denyModify %s: %s", shown, why);
	ward_fail_fix(in->err, "%s", fix);
	return WARD_E_INVALID;
}

static int check_exception(struct doc_check *in, size_t at, size_t i)
{
	const struct ward_doc *doc = in->docs->v[at];
	const struct ward_doc_rule *x = &doc->deny[WARD_DOC_MODIFY].v[i];

	if (!is_literal(x))
		return no_exception(in, x, "an exception names one path, or one directory",
			"write !PATH or !DIRECTORY/** without \"*\" and \"?\"");
	if (ward_doc_covered(&in->pairs, &in->denies[at].positive[WARD_DOC_MODIFY], x, 0, i, true,
		    NULL) == NULL)
		return no_exception(in, x,
			"an exception from nothing: no rule above it in this list denies more than that",
			"put it below the rule that it is an exception from, or take it out");
	for (size_t k = 0; k < in->docs->n; k++) {
		const struct ward_doc *other = in->docs->v[k];
		const struct ward_doc_rule *by = NULL;

		if (other->layer < doc->layer)
			continue;
		by = ward_doc_covered(&in->pairs, &in->denies[k].positive[WARD_DOC_READ], x, 0,
			SIZE_MAX, false, NULL);
		if (by == NULL && other != doc)
			by = ward_doc_denied_by(&in->pairs,
				&in->denies[k].positive[WARD_DOC_MODIFY],
				other->deny[WARD_DOC_MODIFY], x);
		if (by != NULL)
			return contradiction(in, x, "opens nothing, because of", by,
				other == doc
					? "take one of the two out"
					: "take it out; only that document can make an exception from its own rule");
	}
	return WARD_OK;
}

/* A grant that says the same as a deny of a layer that its author could know. */
static int check_equal_deny(struct doc_check *in, const struct ward_doc_rule *r)
{
	unsigned first = r->list == WARD_DOC_LIST_READ ? WARD_DOC_READ : WARD_DOC_MODIFY;

	for (size_t k = 0; k < in->docs->n; k++) {
		if (in->docs->v[k]->layer < r->doc->layer)
			continue;
		for (unsigned op = WARD_DOC_READ; op <= first; op++) {
			const struct ward_doc_rule *deny =
				ward_doc_cover_equal(&in->denies[k].positive[op], r);

			if (deny != NULL)
				return contradiction(in, r, "grants what is denied by", deny,
					"take it out: denies apply to every profile");
		}
	}
	return WARD_OK;
}

static int check_rules(struct doc_check *in, const struct ward_doc_profile *p)
{
	struct ward_doc_rules read;
	struct doc_cover readable;
	int r = ward_doc_flatten(in->docs, in->one, p, WARD_DOC_LIST_READ, &read, in->err);

	if (r < 0)
		return r;
	if (ward_doc_cover_init(&readable, in->one, read, DOC_COVER_POSITIVE) < 0)
		return nomem(in);
	for (unsigned list = WARD_DOC_LIST_READ; list <= WARD_DOC_LIST_MODIFY; list++) {
		for (size_t i = 0; i < p->lists[list].n; i++) {
			const struct ward_doc_rule *rule = &p->lists[list].v[i];
			char shown[WARD_CAP_SHOWN_MAX];

			if (rule->negated)
				continue;
			r = check_equal_deny(in, rule);
			if (r < 0)
				return r;
			if (list == WARD_DOC_LIST_READ ||
				ward_doc_covered(&in->pairs, &readable, rule, 0, SIZE_MAX, false,
					NULL) != NULL)
				continue;
			ward_cap_shown(ward_str(rule->text), shown);
			(void)ward_doc_fail(in->err, WARD_E_INVALID, &rule->origin,
				"modify %s of profile \"%s\": nothing under read covers it, and what cannot be read is not modified",
				shown, p->name);
			ward_fail_fix(in->err, "add it to read as well");
			return WARD_E_INVALID;
		}
	}
	return WARD_OK;
}

/* A mode that lists count for nothing in, and an endpoint in both of them. */
static int check_network(struct doc_check *in, const struct ward_doc_profile *p)
{
	const struct ward_doc_rules *own = &p->lists[WARD_DOC_LIST_NET_ALLOW];
	struct ward_doc_network all = ward_doc_flatten_network(in->docs, p);
	struct ward_doc_rules deny;
	struct doc_cover denied;
	int r;

	if (own->n == 0 && p->network.limits_origin.line > 0 && all.mode == WARD_DOC_NET_DENY_ALL) {
		(void)ward_doc_fail(in->err, WARD_E_INVALID, &p->network.limits_origin,
			"network.limits of profile \"%s\" limit nothing: the mode is deny-all",
			p->name);
		ward_fail_fix(in->err, "write mode: allow or mode: open, or take them out");
		return WARD_E_INVALID;
	}
	if (own->n == 0)
		return WARD_OK;
	if (all.mode == WARD_DOC_NET_DENY_ALL) {
		if (all.mode_origin.line > 0)
			(void)ward_doc_fail(in->err, WARD_E_INVALID, &own->origin,
				"network.allow of profile \"%s\" allows nothing: the mode is deny-all (%s:%u)",
				p->name, all.mode_origin.file, all.mode_origin.line);
		else
			(void)ward_doc_fail(in->err, WARD_E_INVALID, &own->origin,
				"network.allow of profile \"%s\" allows nothing: a mode that is left out is deny-all",
				p->name);
		ward_fail_fix(in->err, "write mode: allow, or take the list out");
		return WARD_E_INVALID;
	}
	r = ward_doc_flatten(in->docs, in->one, p, WARD_DOC_LIST_NET_DENY, &deny, in->err);
	if (r == WARD_OK && ward_doc_cover_init(&denied, in->one, deny, DOC_COVER_ALL) < 0)
		return nomem(in);
	for (size_t i = 0; i < own->n && r == WARD_OK; i++) {
		const struct ward_doc_rule *by = ward_doc_cover_equal(&denied, &own->v[i]);

		if (by != NULL)
			r = contradiction(in, &own->v[i], "allows what is denied by", by,
				"take one of the two out");
	}
	return r;
}

static int check_profiles(struct doc_check *in)
{
	size_t total = 0;

	for (size_t i = 0; i < in->docs->n; i++) {
		for (size_t k = 0; k < in->docs->v[i]->n_profiles; k++) {
			const struct ward_doc_profile *p = &in->docs->v[i]->profiles[k];
			int r;

			ward_arena_reset(in->one);
			for (unsigned list = 0; list < WARD_DOC_PROFILE_LISTS; list++) {
				struct ward_doc_rules rules;

				r = ward_doc_flatten(in->docs, in->one, p, (enum ward_doc_list)list,
					&rules, in->err);
				if (r < 0)
					return r;
				total += rules.n;
			}
			if (total > WARD_DOC_TOTAL_MAX) {
				(void)ward_doc_fail(in->err, WARD_E_LIMIT, &p->origin,
					"all profiles together have more than %d rules, with those that they take over",
					WARD_DOC_TOTAL_MAX);
				ward_fail_fix(in->err,
					"name directories (DIRECTORY/**) instead of single files");
				return WARD_E_LIMIT;
			}
			r = check_rules(in, p);
			if (r == WARD_OK)
				r = check_network(in, p);
			if (r < 0)
				return r;
		}
	}
	return WARD_OK;
}

int ward_doc_check_all(struct doc_check *in)
{
	int r = ward_doc_index(in->docs, in->err);

	if (r == WARD_OK)
		r = ward_doc_refs_check(in->docs, in->arena, in->err);
	if (r == WARD_OK)
		r = init_denies(in);
	for (size_t at = 0; at < in->docs->n && r == WARD_OK; at++) {
		const struct ward_doc_rules *list = &in->docs->v[at]->deny[WARD_DOC_MODIFY];

		for (size_t i = 0; i < list->n && r == WARD_OK; i++) {
			if (list->v[i].negated)
				r = check_exception(in, at, i);
		}
	}
	if (r == WARD_OK)
		r = check_profiles(in);
	return r;
}
