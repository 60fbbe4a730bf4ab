/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy sets: {staticPolicies, templates, templateLinks}, each of which may be missing. A policy is an object, or a text
 * of the language in a JSON string; staticPolicies may be one text with several. Any error leaves the set as it was.
 */
#include <assert.h>
#include <string.h>

#include "cedar/est/read.h"

struct run {
	struct cedar_est_reader r;
	struct cedar_policies *s;
};

/* ---- texts in strings ---- */

/* What was found in a text that stands in the string j since there were n findings: its place in the document is j's. */
static void place(struct run *u, const struct ward_json *j, size_t n)
{
	struct cedar_diags *d = u->r.diags;
	uint32_t line, column;

	for (size_t i = n; d != NULL && i < d->n; i++) {
		struct cedar_diag *g = &d->v[i];
		const char *text;

		if (g->start != 0 || g->end != 0) {
			ward_cedar_place(j->str, g->start, &line, &column);
			text = ward_arena_printf(d->arena, "line %u, column %u of this text: %s",
				line, column, g->message);
			g->message = text != NULL ? text : g->message;
			d->failed = d->failed || text == NULL;
		}
		g->start = j->start;
		g->end = j->end;
		if (g->policy == NULL && u->r.id != NULL)
			g->policy = ward_arena_dup(d->arena, u->r.id->s, u->r.id->n);
		d->failed = d->failed || (g->policy == NULL && u->r.id != NULL);
	}
}

static int several(struct run *u, const struct ward_json *j)
{
	struct cedar_parse_options o = { .unknowns = u->r.unknowns };
	size_t n = u->r.diags != NULL ? u->r.diags->n : 0;
	size_t before = u->s->statics.n;
	int code = ward_cedar_policies_parse(u->s, j->str, &o, true, u->r.diags);

	place(u, j, n);
	for (size_t i = before; i < u->s->statics.n; i++)
		ward_cedar_est_place(u->s->statics.v[i], j);
	return code;
}

/* The one policy of a text, under the id that is read. */
static int text_policy(struct run *u, const struct ward_json *j, const struct cedar_policy **ret)
{
	struct cedar_parse_options o = { .unknowns = u->r.unknowns };
	struct cedar_policy_list list = { 0 };
	size_t n = u->r.diags != NULL ? u->r.diags->n : 0;
	struct cedar_policy *p = ward_arena_alloc(u->r.arena, sizeof(*p));
	int code;

	if (p == NULL)
		return ward_cedar_est_no_memory(&u->r);
	code = ward_cedar_parse_policies(u->r.pool, j->str, &o, &list, u->r.diags);
	place(u, j, n);
	if (code == WARD_OK && list.n != 1)
		code = ward_cedar_est_fail(&u->r, j, "expected one policy, found %zu", list.n);
	if (code == WARD_OK) {
		*p = *list.v[0];
		p->id = u->r.id;
		ward_cedar_est_place(p, j);
		*ret = p;
	}
	ward_cedar_policy_list_done(&list);
	return code;
}

/* ---- policies and templates ---- */

static int check_kind(struct run *u, const struct ward_json *j, const struct cedar_policy *p,
	bool want_template)
{
	int code;

	if (p->is_template == want_template)
		return WARD_OK;
	if (want_template) {
		code = ward_cedar_est_fail(&u->r, j, "expected a template, got a static policy");
		ward_cedar_diag_help(u->r.diags,
			"a template should include slot(s) `?principal` or `?resource`");
		return code;
	}
	code = ward_cedar_est_fail(&u->r, j,
		"expected a static policy, got a template containing the slot %s",
		p->principal.slot ? "?principal" : "?resource");
	ward_cedar_diag_help(u->r.diags, "try removing the template slot(s) from this policy");
	return code;
}

static int policy(struct run *u, const struct ward_json *j, struct ward_str id, bool want_template)
{
	const struct cedar_policy *p = NULL;
	int code;

	u->r.id = ward_cedar_est_intern(&u->r, id);
	if (u->r.id == NULL)
		return WARD_E_NOMEM;
	code = j->type == WARD_JSON_STRING ? text_policy(u, j, &p)
					   : ward_cedar_est_policy(&u->r, j, &p);
	assert(code != WARD_OK || p != NULL);
	if (code == WARD_OK)
		code = check_kind(u, j, p, want_template);
	if (code == WARD_OK)
		code = ward_cedar_policies_add(u->s, p, u->r.diags);
	u->r.id = NULL;
	return code;
}

/* The elements of a list have no ids of their own. */
static int static_policies(struct run *u, const struct ward_json *j)
{
	int code = WARD_OK;

	if (j->type == WARD_JSON_STRING)
		return several(u, j);
	if (j->type == WARD_JSON_ARRAY) {
		for (const struct ward_json *m = j->child; code == WARD_OK && m != NULL;
			m = m->next)
			code = policy(u, m,
				m->type == WARD_JSON_STRING ? WARD_STR("policy0")
							    : WARD_STR("JSON policy"),
				false);
		return code;
	}
	if (j->type != WARD_JSON_OBJECT)
		return ward_cedar_est_fail(&u->r, j,
			"expected a static policy set represented by a string, JSON array, or JSON "
			"object (with no duplicate keys)");
	for (const struct ward_json *m = j->child; code == WARD_OK && m != NULL; m = m->next)
		code = policy(u, m, m->key, false);
	return code;
}

static int templates(struct run *u, const struct ward_json *j)
{
	int code = ward_cedar_est_map(&u->r, j);

	if (code != WARD_OK)
		return code;
	for (const struct ward_json *m = j->child; code == WARD_OK && m != NULL; m = m->next)
		code = policy(u, m, m->key, true);
	return code;
}

/* ---- links ---- */

static int slots(struct run *u, const struct ward_json *j, const struct cedar_uid **v)
{
	int code = ward_cedar_est_map(&u->r, j);

	if (code != WARD_OK)
		return code;
	for (const struct ward_json *m = j->child; code == WARD_OK && m != NULL; m = m->next) {
		struct ward_json name = *m;
		size_t which = 0;

		name.type = WARD_JSON_STRING;
		name.str = m->key;
		code = ward_cedar_est_word(&u->r, &name, ward_cedar_est_slots, CEDAR_SLOT_MAX,
			&which);
		if (code == WARD_OK)
			code = ward_cedar_est_uid(&u->r, m, &v[which]);
	}
	return code;
}

static int link(struct run *u, const struct ward_json *j)
{
	struct cedar_est_field f[] = { { .name = "templateId" }, { .name = "newId" },
		{ .name = "values" } };
	const struct cedar_str *tmpl, *id;
	const struct cedar_uid *v[CEDAR_SLOT_MAX] = { NULL };
	size_t n = u->r.diags != NULL ? u->r.diags->n : 0;
	int code = ward_cedar_est_object(&u->r, j, f, 3, false);

	if (code == WARD_OK)
		code = ward_cedar_est_text(&u->r, f[0].j, &tmpl);
	if (code == WARD_OK)
		code = ward_cedar_est_text(&u->r, f[1].j, &id);
	if (code == WARD_OK)
		code = slots(u, f[2].j, v);
	if (code != WARD_OK)
		return code;
	code = ward_cedar_policies_link(u->s, ward_cedar_text(tmpl), ward_cedar_text(id), v,
		u->r.diags);
	for (size_t i = n; u->r.diags != NULL && i < u->r.diags->n; i++) {
		u->r.diags->v[i].start = j->start;
		u->r.diags->v[i].end = j->end;
	}
	return code;
}

static int links(struct run *u, const struct ward_json *j)
{
	int code = ward_cedar_est_list(&u->r, j);

	if (code != WARD_OK)
		return code;
	for (const struct ward_json *m = j->child; code == WARD_OK && m != NULL; m = m->next)
		code = link(u, m);
	return code;
}

/* ---- sets ---- */

int ward_cedar_policies_from_json(struct cedar_policies *s, const struct ward_json *j,
	bool unknowns, struct cedar_diags *d)
{
	struct run u = { .r = { .pool = s->pool,
				 .arena = ward_cedar_pool_arena(s->pool),
				 .diags = d,
				 .unknowns = unknowns },
		.s = s };
	struct cedar_est_field f[] = { { .name = "staticPolicies", .optional = true },
		{ .name = "templates", .optional = true },
		{ .name = "templateLinks", .optional = true } };
	size_t n_statics = s->statics.n, n_templates = s->templates.n, n_links = s->n_links;
	int code = ward_cedar_est_object(&u.r, j, f, 3, false);

	if (code == WARD_OK && f[0].j != NULL)
		code = static_policies(&u, f[0].j);
	if (code == WARD_OK && f[1].j != NULL)
		code = templates(&u, f[1].j);
	if (code == WARD_OK && f[2].j != NULL)
		code = links(&u, f[2].j);
	if (code != WARD_OK)
		ward_cedar_policies_back(s, n_statics, n_templates, n_links);
	return code;
}

int ward_cedar_policies_parse_json(struct cedar_policies *s, struct ward_str text,
	struct cedar_diags *d)
{
	struct ward_arena *arena = ward_arena_new(WARD_CEDAR_BYTES_MAX);
	struct ward_json *j;
	int code;

	if (arena == NULL) {
		if (d != NULL)
			d->failed = true;
		return WARD_E_NOMEM;
	}
	code = ward_cedar_json_parse(arena, text, &j, d);
	if (code == WARD_OK)
		code = ward_cedar_policies_from_json(s, j, false, d);
	ward_arena_free(arena);
	return code;
}
