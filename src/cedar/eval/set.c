/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy set as data: static policies, templates and links under their ids, of which each is there once, whichever of
 * the three it names. What does not fit leaves the set as it was: there is room for everything before anything is added.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/eval/eval.h"

enum what { STATIC = 0, TEMPLATE, LINK };
struct entry {
	const struct cedar_str *id; /* NULL: free */
	uint32_t what; /* enum what */
	uint32_t at; /* in the array of its kind */
};
/* Open-addressed, at most half full. */
struct cedar_ids {
	size_t n, cap;
	struct entry v[];
};

static const char *const slot_names[CEDAR_SLOT_MAX] = { "?principal", "?resource" };

int ward_cedar_policies_init(struct cedar_policies *s)
{
	*s = (struct cedar_policies){ .pool = ward_cedar_pool_new(0) };
	return s->pool != NULL ? WARD_OK : WARD_E_NOMEM;
}

void ward_cedar_policies_done(struct cedar_policies *s)
{
	if (s == NULL)
		return;
	ward_cedar_policy_list_done(&s->statics);
	ward_cedar_policy_list_done(&s->templates);
	free(s->links);
	free(s->ids);
	ward_cedar_pool_free(s->pool);
	*s = (struct cedar_policies){ 0 };
}

/* ---- ids ---- */

static const struct entry *find(const struct cedar_ids *t, struct ward_str id, uint64_t hash)
{
	if (t == NULL)
		return NULL;
	for (size_t at = hash & (t->cap - 1); t->v[at].id != NULL; at = (at + 1) & (t->cap - 1)) {
		const struct cedar_str *e = t->v[at].id;

		if (e->hash == hash && e->n == id.n && memcmp(e->s, id.s, id.n) == 0)
			return &t->v[at];
	}
	return NULL;
}

static const struct entry *lookup(const struct cedar_policies *s, struct ward_str id)
{
	return find(s->ids, id, ward_cedar_hash(id.s, id.n));
}

static bool taken(const struct cedar_policies *s, const struct cedar_str *id)
{
	return find(s->ids, ward_cedar_text(id), id->hash) != NULL;
}

static void put(struct cedar_ids *t, struct entry e)
{
	size_t at = e.id->hash & (t->cap - 1);

	while (t->v[at].id != NULL)
		at = (at + 1) & (t->cap - 1);
	t->v[at] = e;
	t->n++;
}

static bool room_for_ids(struct cedar_policies *s, size_t more)
{
	struct cedar_ids *old = s->ids, *new;
	size_t n = old != NULL ? old->n : 0, cap = old != NULL ? old->cap : 32;

	if (old != NULL && (n + more) <= cap / 2)
		return true;
	while (cap / 2 < n + more) {
		if (cap > SIZE_MAX / sizeof(struct entry) / 4)
			return false;
		cap *= 2;
	}
	new = calloc(1, sizeof(*new) + cap * sizeof(struct entry));
	if (new == NULL)
		return false;
	new->cap = cap;
	for (size_t i = 0; old != NULL && i < old->cap; i++) {
		if (old->v[i].id != NULL)
			put(new, old->v[i]);
	}
	free(old);
	s->ids = new;
	return true;
}

static bool room_in_list(struct cedar_policy_list *l, size_t more)
{
	size_t cap = l->cap > 0 ? l->cap : 8;
	const struct cedar_policy **v;

	if (l->n + more <= l->cap)
		return true;
	if (more > UINT32_MAX - l->n)
		return false;
	while (cap < l->n + more)
		cap *= 2;
	v = realloc(l->v, cap * sizeof(*v));
	if (v == NULL)
		return false;
	l->v = v;
	l->cap = cap;
	return true;
}

static bool room_for_link(struct cedar_policies *s)
{
	size_t cap = s->cap_links > 0 ? s->cap_links * 2 : 8;
	struct cedar_link *v;

	if (s->n_links >= UINT32_MAX)
		return false;
	if (s->n_links < s->cap_links)
		return true;
	v = realloc(s->links, cap * sizeof(*v));
	if (v == NULL)
		return false;
	s->links = v;
	s->cap_links = cap;
	return true;
}

static int no_memory(struct cedar_diags *d)
{
	if (d != NULL)
		d->failed = true;
	return WARD_E_NOMEM;
}

/* ---- policies and templates ---- */

/* There is room, and the id is free. */
static void add(struct cedar_policies *s, const struct cedar_policy *p)
{
	struct cedar_policy_list *l = p->is_template ? &s->templates : &s->statics;

	put(s->ids, (struct entry){ p->id, p->is_template ? TEMPLATE : STATIC, (uint32_t)l->n });
	l->v[l->n++] = p;
}

static int duplicate(const struct cedar_policy *p, struct cedar_diags *d)
{
	int r = ward_cedar_diag(d, CEDAR_ERROR, 0, p->start, p->end,
		"duplicate template or policy id `%s`", p->id->s);

	ward_cedar_diag_policy(d, p->id);
	return r;
}

int ward_cedar_policies_reserve(struct cedar_policies *s, size_t more)
{
	return room_for_ids(s, more) && room_in_list(&s->statics, more) ? WARD_OK : WARD_E_NOMEM;
}

int ward_cedar_policies_add(struct cedar_policies *s, const struct cedar_policy *p,
	struct cedar_diags *d)
{
	if (taken(s, p->id))
		return duplicate(p, d);
	if (!room_for_ids(s, 1) || !room_in_list(p->is_template ? &s->templates : &s->statics, 1))
		return no_memory(d);
	add(s, p);
	return WARD_OK;
}

static int check(const struct cedar_policies *s, const struct cedar_policy *p, bool static_only,
	struct cedar_diags *d)
{
	const struct cedar_scope *at = p->principal.slot ? &p->principal : &p->resource;

	if (taken(s, p->id))
		return duplicate(p, d);
	if (!static_only || !p->is_template)
		return WARD_OK;
	(void)ward_cedar_diag(d, CEDAR_ERROR, 0, at->uid_at.start, at->uid_at.end,
		"static policy set includes a template");
	ward_cedar_diag_help(d,
		"slots are for templates, which are linked before they decide anything");
	ward_cedar_diag_policy(d, p->id);
	return WARD_E_PARSE;
}

int ward_cedar_policies_parse(struct cedar_policies *s, struct ward_str text,
	const struct cedar_parse_options *o, bool static_only, struct cedar_diags *d)
{
	struct cedar_policy_list list = { 0 };
	int r = ward_cedar_parse_policies(s->pool, text, o, &list, d);

	for (size_t i = 0; i < list.n; i++) {
		int bad = check(s, list.v[i], static_only, d);

		r = r == WARD_OK ? bad : r;
	}
	if (r == WARD_OK &&
		(!room_for_ids(s, list.n) || !room_in_list(&s->statics, list.n) ||
			!room_in_list(&s->templates, list.n)))
		r = no_memory(d);
	for (size_t i = 0; r == WARD_OK && i < list.n; i++)
		add(s, list.v[i]);
	ward_cedar_policy_list_done(&list);
	return r;
}

const struct cedar_policy *ward_cedar_policies_get(const struct cedar_policies *s,
	struct ward_str id)
{
	const struct entry *e = lookup(s, id);

	if (e == NULL || e->what == LINK)
		return NULL;
	return e->what == TEMPLATE ? s->templates.v[e->at] : s->statics.v[e->at];
}

/* ---- links ---- */

const struct cedar_link *ward_cedar_policies_get_link(const struct cedar_policies *s,
	struct ward_str id)
{
	const struct entry *e = lookup(s, id);

	return e != NULL && e->what == LINK ? &s->links[e->at] : NULL;
}

static bool has_slot(const struct cedar_policy *tmpl, unsigned slot)
{
	return slot == CEDAR_SLOT_PRINCIPAL ? tmpl->principal.slot : tmpl->resource.slot;
}

/* Names of the slots whose bits are set. */
static const char *slots_text(unsigned bits)
{
	return bits == 3 ? "?principal,?resource" : slot_names[bits == 1 ? 0 : 1];
}

static int check_slots(const struct cedar_policy *tmpl,
	const struct cedar_uid *const slots[CEDAR_SLOT_MAX], struct cedar_diags *d)
{
	unsigned missing = 0, extra = 0;

	for (unsigned i = 0; i < CEDAR_SLOT_MAX; i++) {
		bool there = has_slot(tmpl, i);

		missing |= there && slots[i] == NULL ? 1u << i : 0;
		extra |= !there && slots[i] != NULL ? 1u << i : 0;
	}
	if (missing != 0)
		return ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0,
			"unable to link template: the following slots were not provided as "
			"arguments: %s",
			slots_text(missing));
	if (extra != 0)
		return ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0,
			"unable to link template: the following slots were provided as arguments, "
			"but did not exist in the template: %s",
			slots_text(extra));
	return WARD_OK;
}

/* The template of that id; NULL: there is none, and *r says so. */
static const struct cedar_policy *template_of(const struct cedar_policies *s, struct ward_str id,
	struct cedar_diags *d, int *r)
{
	const struct entry *e = lookup(s, id);

	if (e != NULL && e->what == TEMPLATE)
		return s->templates.v[e->at];
	*r = e != NULL
		? ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0,
			  "expected a template, but a static policy was provided")
		: ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0,
			  "unable to link template: failed to find a template with id `%.*s`",
			  (int)(id.n < 256 ? id.n : 256), id.s);
	return NULL;
}

int ward_cedar_policies_link(struct cedar_policies *s, struct ward_str template_id,
	struct ward_str new_id, const struct cedar_uid *const slots[CEDAR_SLOT_MAX],
	struct cedar_diags *d)
{
	int r = WARD_OK;
	const struct cedar_policy *tmpl = template_of(s, template_id, d, &r);
	struct cedar_link l = { .tmpl = tmpl };

	if (tmpl == NULL)
		return r;
	r = check_slots(tmpl, slots, d);
	if (r != WARD_OK)
		return r;
	if (lookup(s, new_id) != NULL)
		return ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0,
			"unable to link template: template-linked policy id `%.*s` conflicts with "
			"an existing policy id",
			(int)(new_id.n < 256 ? new_id.n : 256), new_id.s);
	l.id = ward_cedar_intern(s->pool, new_id.s, new_id.n);
	for (unsigned i = 0; i < CEDAR_SLOT_MAX; i++) {
		if (slots[i] == NULL)
			continue;
		l.slots[i] = ward_cedar_adopt_uid(s->pool, slots[i]);
		if (l.slots[i] == NULL)
			return no_memory(d);
	}
	if (l.id == NULL || !room_for_ids(s, 1) || !room_for_link(s))
		return no_memory(d);
	put(s->ids, (struct entry){ l.id, LINK, (uint32_t)s->n_links });
	s->links[s->n_links++] = l;
	return WARD_OK;
}

void ward_cedar_policies_back(struct cedar_policies *s, size_t n_statics, size_t n_templates,
	size_t n_links)
{
	s->statics.n = n_statics;
	s->templates.n = n_templates;
	s->n_links = n_links;
	if (s->ids == NULL)
		return;
	s->ids->n = 0;
	for (size_t i = 0; i < s->ids->cap; i++)
		s->ids->v[i] = (struct entry){ 0 };
	for (size_t i = 0; i < n_statics; i++)
		put(s->ids, (struct entry){ s->statics.v[i]->id, STATIC, (uint32_t)i });
	for (size_t i = 0; i < n_templates; i++)
		put(s->ids, (struct entry){ s->templates.v[i]->id, TEMPLATE, (uint32_t)i });
	for (size_t i = 0; i < n_links; i++)
		put(s->ids, (struct entry){ s->links[i].id, LINK, (uint32_t)i });
}

static void fill(struct cedar_scope *scope, const struct cedar_uid *value)
{
	if (!scope->slot)
		return;
	scope->slot = false;
	scope->uid = value;
}

const struct cedar_policy *ward_cedar_link_policy(struct cedar_pool *p, const struct cedar_link *l)
{
	struct cedar_policy *new = ward_arena_alloc(ward_cedar_pool_arena(p), sizeof(*new));

	if (new == NULL)
		return NULL;
	*new = *l->tmpl;
	new->id = l->id;
	new->is_template = false;
	fill(&new->principal, l->slots[CEDAR_SLOT_PRINCIPAL]);
	fill(&new->resource, l->slots[CEDAR_SLOT_RESOURCE]);
	return new;
}
