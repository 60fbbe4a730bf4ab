/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy sets: what comes in. Texts are kept beside the policies that came out of them, so that whoever checks the set
 * later can show the line. A set that was filled half-way is good for nothing: nobody shall decide by half the rules.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/api/api.h"

#define JSON_POLICY_ID \
	"JSON policy" /* of a policy in JSON that nobody named, as the official engine has it */

const char *ward_policy_language_version(void)
{
	return "4.5";
}

struct ward_policy_set *ward_policy_set_new(void)
{
	struct ward_policy_set *s = calloc(1, sizeof(*s));

	if (s != NULL && ward_cedar_policies_init(&s->p) < 0) {
		ward_cedar_policies_done(&s->p);
		free(s);
		s = NULL;
	}
	return s;
}

void ward_policy_set_free(struct ward_policy_set *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_ranges; i++)
		ward_source_unref(s->ranges[i].source);
	free(s->ranges);
	ward_cedar_policies_done(&s->p);
	free(s);
}

int ward_set_usable(const struct ward_policy_set *s, struct ward_policy_diags *d)
{
	if (!s->broken)
		return WARD_OK;
	return ward_diags_say(d, WARD_E_INVALID,
		"not all policies of an earlier text could be added to this set");
}

/* ---- where policies come from ---- */

static int push_range(struct ward_policy_set *s, const char *file, const char *text, size_t n)
{
	struct range *v = realloc(s->ranges, (s->n_ranges + 1) * sizeof(*v));
	struct source *source;

	if (v == NULL)
		return WARD_E_NOMEM;
	s->ranges = v;
	source = ward_source_new(file, text, n);
	if (source == NULL)
		return WARD_E_NOMEM;
	v[s->n_ranges++] = (struct range){ source, s->p.statics.n, s->p.templates.n };
	return WARD_OK;
}

static void pop_range(struct ward_policy_set *s)
{
	ward_source_unref(s->ranges[--s->n_ranges].source);
}

/* Which of the texts: the last one that began before it. */
static struct source *range_of(const struct ward_policy_set *s, bool is_template, size_t i)
{
	for (size_t r = s->n_ranges; r-- > 0;) {
		const struct range *v = &s->ranges[r];

		if ((is_template ? v->templates : v->statics) <= i)
			return v->source;
	}
	return NULL;
}

struct source *ward_set_source(const void *set, const char *policy)
{
	const struct ward_policy_set *s = set;
	struct ward_str id = ward_str(policy);
	const struct cedar_link *l = ward_cedar_policies_get_link(&s->p, id);
	const struct cedar_policy *p = l != NULL ? l->tmpl : ward_cedar_policies_get(&s->p, id);
	const struct cedar_policy_list *list;

	if (p == NULL)
		return NULL;
	list = p->is_template ? &s->p.templates : &s->p.statics;
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i] == p)
			return range_of(s, p->is_template, i);
	return NULL;
}

/* ---- policies under ids of their own ---- */

static bool taken(const struct ward_policy_set *s, const struct cedar_str *id)
{
	return ward_cedar_policies_get(&s->p, ward_cedar_text(id)) != NULL ||
		ward_cedar_policies_get_link(&s->p, ward_cedar_text(id)) != NULL;
}

/* NULL: no memory. */
static const struct cedar_policy *renamed(struct ward_policy_set *s, const struct cedar_policy *p,
	const struct cedar_str *id)
{
	struct cedar_policy *q =
		ward_arena_alloc(ward_cedar_pool_arena(s->p.pool), sizeof(struct cedar_policy));

	if (q == NULL)
		return NULL;
	*q = *p;
	q->id = id;
	return q;
}

static const struct cedar_annotation *annotation(const struct cedar_policy *p, const char *key)
{
	for (uint32_t i = 0; i < p->n_annotations; i++)
		if (ward_cedar_str_is(p->annotations[i].key, key))
			return &p->annotations[i];
	return NULL;
}

/* @id("x") is its id. */
static int rename_all(struct ward_policy_set *s, struct cedar_policy_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct cedar_annotation *a = annotation(list->v[i], "id");
		const struct cedar_str *id;

		if (a == NULL)
			continue;
		id = a->value != NULL ? a->value : ward_cedar_intern(s->p.pool, "", 0);
		list->v[i] = id != NULL ? renamed(s, list->v[i], id) : NULL;
		if (list->v[i] == NULL)
			return WARD_E_NOMEM;
	}
	return WARD_OK;
}

static int add_all(struct ward_policy_set *s, const struct cedar_policy_list *list, unsigned flags,
	struct cedar_diags *d)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct cedar_policy *p = list->v[i];

		if (p->is_template && (flags & WARD_POLICY_STATIC_ONLY) != 0) {
			(void)ward_cedar_diag(d, CEDAR_ERROR, 0, p->start, p->end,
				"expected a static policy, got a template");
			ward_cedar_diag_policy(d, p->id);
			return WARD_E_PARSE;
		}
		if (taken(s, p->id))
			return ward_cedar_policies_add(&s->p, p, d); /* which says so */
	}
	for (size_t i = 0; i < list->n; i++) {
		int r = ward_cedar_policies_add(&s->p, list->v[i], d);

		if (r < 0) {
			s->broken = i > 0;
			return r;
		}
	}
	return WARD_OK;
}

static int parse_cedar(struct ward_policy_set *s, const struct cedar_str *id, unsigned flags,
	struct ward_str text, struct cedar_diags *d)
{
	struct cedar_parse_options o = { .unknowns = (flags & WARD_POLICY_UNKNOWNS) != 0,
		.first = s->p.statics.n + s->p.templates.n };
	struct cedar_policy_list list = { 0 };
	int r = ward_cedar_parse_policies(s->p.pool, text, &o, &list, d);

	if (r == WARD_OK && id != NULL && list.n != 1)
		r = ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0,
			"expected exactly one policy or template, found %zu", list.n);
	if (r == WARD_OK && id != NULL) {
		list.v[0] = renamed(s, list.v[0], id);
		r = list.v[0] != NULL ? WARD_OK : WARD_E_NOMEM;
	}
	if (r == WARD_OK && id == NULL && (flags & WARD_POLICY_IDS_FROM_ANNOTATION) != 0)
		r = rename_all(s, &list);
	if (r == WARD_OK)
		r = add_all(s, &list, flags, d);
	ward_cedar_policy_list_done(&list);
	return r;
}

static bool has_any(const struct ward_json *j, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (ward_json_get(j, names[i]) != NULL)
			return true;
	return false;
}

static int parse_json_policy(struct ward_policy_set *s, const struct cedar_str *id, unsigned flags,
	const struct ward_json *j, struct cedar_diags *d)
{
	const struct cedar_policy *p = NULL;
	struct cedar_policy_list list = { .v = &p, .n = 1 };
	int r;

	if (id == NULL)
		id = ward_cedar_intern(s->p.pool, JSON_POLICY_ID, sizeof(JSON_POLICY_ID) - 1);
	if (id == NULL)
		return WARD_E_NOMEM;
	r = ward_cedar_policy_from_json(s->p.pool, j, id, (flags & WARD_POLICY_UNKNOWNS) != 0, &p,
		d);
	return r < 0 ? r : add_all(s, &list, flags, d);
}

/* A set or one policy: by the names in it, as the official command tells them apart. */
static int parse_json(struct ward_policy_set *s, const struct cedar_str *id, unsigned flags,
	struct ward_str text, struct cedar_diags *d)
{
	static const char *const of_set[] = { "staticPolicies", "templates", "templateLinks",
		NULL };
	static const char *const of_policy[] = { "action", "effect", "principal", "resource",
		"conditions", NULL };
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(WARD_CEDAR_BYTES_MAX);
	struct ward_json *j = NULL;
	bool set, policy;
	int r = a != NULL ? ward_cedar_json_parse(a, text, &j, d) : WARD_E_NOMEM;

	if (r < 0)
		return r;
	set = j->type == WARD_JSON_OBJECT && has_any(j, of_set);
	policy = j->type == WARD_JSON_OBJECT && has_any(j, of_policy);
	if (id != NULL || (policy && !set))
		return parse_json_policy(s, id, flags, j, d);
	if (set == policy)
		return ward_cedar_diag(d, CEDAR_ERROR, 0, j->start, j->end,
			"cannot tell whether this is a policy or a policy set: it has %s",
			set ? "properties of both" : "no property of either");
	r = ward_cedar_policies_from_json(&s->p, j, (flags & WARD_POLICY_UNKNOWNS) != 0, d);
	if (r < 0)
		s->broken = true;
	return r;
}

static int parse(struct ward_policy_set *s, const char *id, enum ward_policy_syntax syntax,
	unsigned flags, const char *file, struct ward_str text, struct ward_policy_diags *d)
{
	struct cedar_diags found;
	const struct cedar_str *name = NULL;
	int r = ward_set_usable(s, d), parsed;

	if (r < 0)
		return r;
	r = ward_check_size(d, text.n,
		syntax == WARD_POLICY_CEDAR ? WARD_CEDAR_TEXT_MAX : WARD_CEDAR_JSON_BYTES_MAX);
	if (r < 0)
		return r;
	r = push_range(s, file, text.s, text.n);
	if (r < 0)
		return ward_diags_say(d, r, ward_code_name(r));
	r = ward_cedar_diags_init(&found);
	if (r == WARD_OK && id != NULL && !ward_utf8_valid(id, strlen(id)))
		r = ward_cedar_diag(&found, CEDAR_ERROR, 0, 0, 0, "the id is no valid UTF-8");
	if (r == WARD_OK && id != NULL) {
		name = ward_cedar_intern(s->p.pool, id, strlen(id));
		r = name != NULL ? WARD_OK : WARD_E_NOMEM;
	}
	if (r == WARD_OK)
		r = syntax == WARD_POLICY_CEDAR ? parse_cedar(s, name, flags, text, &found)
						: parse_json(s, name, flags, text, &found);
	parsed = r;
	r = ward_diags_move(d, &found,
		&(struct origin){ file, text, s->ranges[s->n_ranges - 1].source }, r);
	if (r < 0)
		pop_range(s);
	if (r < 0 && parsed == WARD_OK) /* the policies are in it */
		s->broken = true;
	return r;
}

int ward_policy_set_parse(struct ward_policy_set *s, enum ward_policy_syntax syntax, unsigned flags,
	const char *file, const char *text, size_t n, struct ward_policy_diags *d)
{
	return parse(s, NULL, syntax, flags, file, ward_text_of(text, n), d);
}

int ward_policy_set_add(struct ward_policy_set *s, const char *id, enum ward_policy_syntax syntax,
	unsigned flags, const char *file, const char *text, size_t n, struct ward_policy_diags *d)
{
	return parse(s, id, syntax, flags, file, ward_text_of(text, n), d);
}

int ward_policy_set_link(struct ward_policy_set *s, const char *template_id, const char *new_id,
	const char *principal, const char *resource, struct ward_policy_diags *d)
{
	const char *const given[CEDAR_SLOT_MAX] = { principal, resource };
	const struct cedar_uid *slots[CEDAR_SLOT_MAX] = { NULL };
	struct cedar_diags found;
	struct origin o = { 0 };
	int r = ward_set_usable(s, d);

	if (r < 0)
		return r;
	r = ward_cedar_diags_init(&found);
	if (r == WARD_OK && !ward_utf8_valid(new_id, strlen(new_id)))
		r = ward_cedar_diag(&found, CEDAR_ERROR, 0, 0, 0, "the id is no valid UTF-8");
	for (size_t i = 0; r == WARD_OK && i < CEDAR_SLOT_MAX; i++) {
		if (given[i] == NULL)
			continue;
		o.text = ward_str(given[i]);
		r = ward_cedar_parse_uid(s->p.pool, o.text, &slots[i], &found);
	}
	if (r == WARD_OK) {
		o.text = (struct ward_str){ 0 };
		r = ward_cedar_policies_link(&s->p, ward_str(template_id), ward_str(new_id), slots,
			&found);
	}
	return ward_diags_move(d, &found, &o, r);
}

const char *ward_policy_set_annotation(const struct ward_policy_set *s, size_t i, const char *key)
{
	const struct cedar_policy_list *statics = &s->p.statics, *templates = &s->p.templates;
	const struct cedar_policy *p = NULL;
	const struct cedar_annotation *a;

	if (i < statics->n)
		p = statics->v[i];
	else if (i - statics->n < templates->n)
		p = templates->v[i - statics->n];
	else if (i - statics->n - templates->n < s->p.n_links)
		p = s->p.links[i - statics->n - templates->n].tmpl;
	a = p != NULL ? annotation(p, key) : NULL;
	if (a == NULL)
		return NULL;
	return a->value != NULL ? a->value->s : "";
}
