/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, as entities with their attributes; the actions and their families; what holds for all of a run. */
#include <stdio.h>
#include <string.h>

#include "policy/book/own.h"
#include "policy/vocabulary.h"

#define MEMBERS_MAX 4

struct maker {
	struct ward_book *b;
	struct cedar_diags *d;
	struct cedar_member v[MEMBERS_MAX];
	size_t n;
	bool failed; /* no memory */
};

static void put(struct maker *m, enum ward_word name, struct cedar_value value)
{
	m->v[m->n++] = (struct cedar_member){ .name = m->b->words[name], .value = value };
}

static struct cedar_value string(struct maker *m, const char *s)
{
	struct cedar_value v = { .tag = CEDAR_V_STRING };

	s = s != NULL ? s : "";
	v.str = ward_cedar_intern(m->b->pool, s, strlen(s));
	m->failed = m->failed || v.str == NULL;
	return v;
}

static struct cedar_value entity(struct maker *m, enum ward_type t, const char *id)
{
	struct cedar_value v = { .tag = CEDAR_V_ENTITY };

	v.uid = ward_book_uid(m->b, t, id, strlen(id));
	m->failed = m->failed || v.uid == NULL || !ward_book_mention(m->b, v.uid);
	return v;
}

static struct cedar_value set_of(struct maker *m, const char *const *v, size_t n, enum ward_type t)
{
	struct cedar_value set = { .tag = CEDAR_V_SET };
	struct cedar_value *values = ward_arena_alloc(m->b->arena, (n + 1) * sizeof(*values));

	for (size_t i = 0; values != NULL && i < n; i++)
		values[i] = t == WARD_TYPE_NONE ? string(m, v[i]) : entity(m, t, v[i]);
	if (values != NULL && !m->failed)
		set.set = ward_cedar_set_new(m->b->arena, values, n);
	m->failed = m->failed || set.set == NULL;
	return set;
}

/* The entity of the attributes that were put. */
static int add(struct maker *m, const struct cedar_uid *uid, const struct cedar_uid *const *parents,
	size_t n)
{
	struct cedar_entity_input e = { .uid = uid, .parents = parents, .n_parents = n };

	if (uid == NULL || m->failed)
		return WARD_E_NOMEM;
	e.attrs = ward_cedar_record_new(m->b->arena, m->v, m->n, NULL);
	m->n = 0;
	if (e.attrs == NULL)
		return WARD_E_NOMEM;
	return ward_cedar_entities_add(m->b->entities, &e, m->d);
}

/* Of those that there are, each is in the one before it; the last one asks. */
static int chain(struct maker *m, const struct ward_book_input *in)
{
	const struct ward_who *w = in->who;
	const struct cedar_uid *above[3];
	struct ward_book *b = m->b;
	size_t n = 0;
	int r;

	put(m, WARD_WORD_UID, (struct cedar_value){ .tag = CEDAR_V_LONG, .number = w->uid });
	b->principal = entity(m, WARD_TYPE_PERSON, w->person).uid;
	b->person = b->principal;
	r = add(m, b->principal, NULL, 0);
	above[n++] = b->principal;
	if (r == WARD_OK && w->agent != NULL) {
		b->principal = entity(m, WARD_TYPE_AGENT, w->agent).uid;
		r = add(m, b->principal, above, 1);
		above[n++] = b->principal;
	}
	if (r == WARD_OK && w->component != NULL) {
		put(m, WARD_WORD_NAME, string(m, w->component_name));
		put(m, WARD_WORD_VERSION, string(m, w->component_version));
		b->principal = entity(m, WARD_TYPE_COMPONENT, w->component).uid;
		r = add(m, b->principal, NULL, 0);
		above[n++] = b->principal;
	}
	if (r == WARD_OK && w->run != NULL) {
		put(m, WARD_WORD_WORKSPACE, entity(m, WARD_TYPE_PATH, in->workspace));
		put(m, WARD_WORD_REPO_ROOT,
			entity(m, WARD_TYPE_PATH,
				w->repo_root != NULL ? w->repo_root : in->workspace));
		put(m, WARD_WORD_GIT_DIRS, set_of(m, w->git_dirs, w->n_git_dirs, WARD_TYPE_PATH));
		put(m, WARD_WORD_GIT_PROTECTED,
			set_of(m, w->git_protected, w->n_git_protected, WARD_TYPE_PATH));
		b->principal = entity(m, WARD_TYPE_RUN, w->run).uid;
		r = add(m, b->principal, above, n);
	}
	return r;
}

static void fix(struct maker *m, enum ward_word name, struct cedar_value value)
{
	m->b->fixed[m->b->n_fixed++] =
		(struct cedar_member){ .name = m->b->words[name], .value = value };
}

static bool known_word(struct maker *m, const struct cedar_schema *schema, enum ward_type t,
	const struct cedar_str *id)
{
	const struct cedar_entity_type *type;

	if (schema != NULL) {
		type = ward_cedar_schema_entity(schema, m->b->types[t]);
		return type != NULL && ward_cedar_entity_type_has_id(type, id);
	}
	for (size_t i = 0; i < ward_enumerated_n; i++) {
		if (ward_cedar_str_is(id, ward_enumerated[i].word) &&
			ward_streq(m->b->types[t]->s + strlen("Ward::"), ward_enumerated[i].type))
			return true;
	}
	return false;
}

/* One word of a closed list, or an error that names it. */
static int word(struct maker *m, const struct cedar_schema *schema, enum ward_word name,
	enum ward_type t, const char *id)
{
	struct cedar_value v = entity(m, t, id);

	if (m->failed)
		return WARD_E_NOMEM;
	if (!known_word(m, schema, t, v.uid->id))
		return ward_cedar_diag(m->d, CEDAR_ERROR, 0, 0, 0, "there is no %s \"%s\"",
			m->b->words[name]->s, id);
	fix(m, name, v);
	return WARD_OK;
}

static int circumstances(struct maker *m, const struct ward_book_input *in)
{
	static const struct ward_circumstances unknown = { 0 };
	const struct ward_circumstances *c =
		in->circumstances != NULL ? in->circumstances : &unknown;
	int r = word(m, in->schema, WARD_WORD_PHASE, WARD_TYPE_PHASE,
		c->phase != NULL ? c->phase : "unregistered");

	if (r == WARD_OK)
		r = word(m, in->schema, WARD_WORD_ENVIRONMENT, WARD_TYPE_ENVIRONMENT,
			c->environment != NULL ? c->environment : "dev");
	if (r == WARD_OK)
		r = word(m, in->schema, WARD_WORD_TRUST, WARD_TYPE_TRUST,
			c->trust != NULL ? c->trust : "untrusted");
	if (r == WARD_OK && c->mode != NULL)
		r = word(m, in->schema, WARD_WORD_MODE, WARD_TYPE_MODE, c->mode);
	if (r != WARD_OK)
		return r;
	fix(m, WARD_WORD_TIER, (struct cedar_value){ .tag = CEDAR_V_LONG, .number = c->tier });
	fix(m, WARD_WORD_LABELS, set_of(m, c->labels, c->n_labels, WARD_TYPE_NONE));
	return m->failed ? WARD_E_NOMEM : WARD_OK;
}

/* The actions and their families, as the built-in schema has them. */
static int actions(struct maker *m)
{
	struct ward_book *b = m->b;
	const struct cedar_uid *of[WARD_ACT_MAX][1];
	size_t n_of[WARD_ACT_MAX] = { 0 };
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < ward_families_n; i++) {
		const struct ward_family *f = &ward_families[i];
		const struct cedar_uid *uid =
			ward_book_uid(b, WARD_TYPE_ACTION, f->name, strlen(f->name));

		if (uid == NULL)
			return WARD_E_NOMEM;
		for (unsigned a = WARD_ACT_NONE + 1; a < WARD_ACT_MAX; a++) {
			if ((f->actions & WARD_ACTION_BIT(a)) == 0)
				continue;
			if (n_of[a] == WARD_ARRAY_SIZE(of[a]))
				return WARD_E_INTERNAL;
			of[a][n_of[a]++] = uid;
		}
		r = add(m, uid, NULL, 0);
	}
	for (unsigned a = WARD_ACT_NONE + 1; r == WARD_OK && a < WARD_ACT_MAX; a++)
		r = add(m, b->actions[a], of[a], n_of[a]);
	return r;
}

int ward_book_who(struct ward_book *b, const struct ward_book_input *in, struct cedar_diags *d)
{
	struct maker m = { .b = b, .d = d };
	int r;

	b->entities = ward_cedar_entities_new();
	if (b->entities == NULL)
		return WARD_E_NOMEM;
	for (unsigned a = WARD_ACT_NONE + 1; a < WARD_ACT_MAX; a++) {
		const char *name = ward_action_name((enum ward_action)a);

		b->actions[a] = ward_book_uid(b, WARD_TYPE_ACTION, name, strlen(name));
		if (b->actions[a] == NULL)
			return WARD_E_NOMEM;
	}
	r = chain(&m, in);
	if (r == WARD_OK)
		r = circumstances(&m, in);
	if (r == WARD_OK)
		r = in->schema != NULL ? ward_cedar_entities_add_actions(b->entities, in->schema, d)
				       : actions(&m);
	if (r == WARD_OK)
		r = ward_cedar_entities_finish(b->entities, d);
	return r;
}
