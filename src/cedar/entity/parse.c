/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entities from JSON: a list, read one entity at a time into memory that is used again for the next. What a schema says is
 * asked while a value is read (shorthand), then of the whole (validation); its actions are added last. The first entity
 * that cannot be read ends it.
 */
#include <assert.h>

#include "cedar/entity/store.h"

struct reading {
	struct cedar_entities *s;
	const struct cedar_schema *schema;
	struct cedar_diags *d;
	struct ward_arena *scratch; /* of the entity that is read */
};

/* The members of an entity; the rest of it does not matter. */
struct members {
	const struct ward_json *uid, *attrs, *parents, *tags;
};

static int wrong(struct reading *r, const struct ward_json *j, const char *message)
{
	return ward_cedar_diag(r->d, CEDAR_ERROR, 0, j->start, j->end, "%s", message);
}

static int need(struct reading *r, const struct ward_json *e, const struct ward_json *m,
	const char *name, enum ward_json_type type)
{
	if (m == NULL) {
		int code = ward_cedar_diag(r->d, CEDAR_ERROR, 0, e->start, e->end,
			"missing field `%s`", name);

		ward_cedar_diag_help(r->d, "an entity has `uid`, `attrs` and `parents`");
		return code;
	}
	if (m->type == type)
		return WARD_OK;
	return ward_cedar_diag(r->d, CEDAR_ERROR, 0, m->start, m->end,
		"`%s` of an entity must be %s, not %s", name, ward_json_type_name(type),
		ward_json_type_name(m->type));
}

/* An object, or, as the language's own engine takes it too, a list of uid, attrs, parents and perhaps tags. */
static int find_members(struct reading *r, const struct ward_json *e, struct members *m)
{
	const struct ward_json **places[] = { &m->uid, &m->attrs, &m->parents, &m->tags };
	static const char *const names[] = { "uid", "attrs", "parents", "tags" };
	int code;

	*m = (struct members){ 0 };
	if (e->type != WARD_JSON_OBJECT && e->type != WARD_JSON_ARRAY)
		return ward_cedar_diag(r->d, CEDAR_ERROR, 0, e->start, e->end,
			"an entity is an object, not %s", ward_json_type_name(e->type));
	if (e->type == WARD_JSON_ARRAY && e->count > WARD_ARRAY_SIZE(places))
		return wrong(r, e, "an entity is an object, not a list");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(places); i++)
		*places[i] = ward_json_get(e, names[i]);
	if (e->type == WARD_JSON_ARRAY) {
		size_t i = 0;

		for (const struct ward_json *j = e->child; j != NULL; j = j->next)
			*places[i++] = j;
	}
	if (m->uid == NULL)
		return need(r, e, NULL, "uid", WARD_JSON_OBJECT);
	code = need(r, e, m->attrs, "attrs", WARD_JSON_OBJECT);
	if (code == WARD_OK)
		code = need(r, e, m->parents, "parents", WARD_JSON_ARRAY);
	if (code == WARD_OK && m->tags != NULL)
		code = need(r, e, m->tags, "tags", WARD_JSON_OBJECT);
	return code;
}

/* BEFORE NAME BETWEEN UID BEHIND */
static int refuse(struct reading *r, const struct ward_json *j, const char *before,
	const struct cedar_str *name, const char *between, const struct cedar_uid *uid,
	const char *behind)
{
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	ward_buf_adds(&b, before);
	ward_buf_addc(&b, '`');
	ward_cedar_escape(&b, ward_cedar_text(name));
	ward_buf_adds(&b, between);
	ward_cedar_print_uid(&b, uid);
	ward_buf_adds(&b, behind);
	code = wrong(r, j, ward_buf_cstr(&b));
	ward_buf_done(&b);
	return code;
}

/*
 * Attributes or tags. With a type for them (all of t, else tag_type for each) they are guided by it; NULL and NULL:
 * anything goes. An attribute that t does not have is refused at once.
 */
static int record(struct reading *r, const struct cedar_uid *uid, const struct ward_json *j,
	const struct cedar_type *t, const struct cedar_type *tag_type, bool tags,
	const struct cedar_record **ret)
{
	struct cedar_json_context c = {
		.pool = r->s->pool, .diags = r->d, .uid = uid, .tag = tags, .scratch = r->scratch
	};
	struct cedar_member *v;
	size_t n = 0;
	int code;

	*ret = r->s->empty;
	if (j == NULL || j->count == 0)
		return WARD_OK;
	v = ward_arena_alloc(r->scratch, j->count * sizeof(*v));
	if (v == NULL)
		return WARD_E_NOMEM;
	for (const struct ward_json *m = j->child; m != NULL; m = m->next, n++) {
		const struct cedar_attr_type *attr;
		const struct cedar_type *type = tag_type;

		c.name = v[n].name = ward_cedar_intern(r->s->pool, m->key.s, m->key.n);
		if (c.name == NULL)
			return WARD_E_NOMEM;
		if (t != NULL) {
			attr = ward_cedar_type_attr(t, c.name);
			if (attr == NULL)
				return refuse(r, m, "attribute ", c.name, "` on `", uid,
					"` should not exist according to the schema");
			type = attr->type;
		}
		code = ward_cedar_json_value(&c, m, type, &v[n].value);
		if (code < 0)
			return code;
	}
	*ret = ward_cedar_record_new(ward_cedar_pool_arena(r->s->pool), v, n, NULL);
	return *ret != NULL ? WARD_OK : WARD_E_NOMEM;
}

static int parents(struct reading *r, const struct ward_json *j, struct cedar_entity_input *e)
{
	struct cedar_json_context c = { .pool = r->s->pool, .diags = r->d, .uid = e->uid };
	const struct cedar_uid **v = ward_arena_alloc(r->scratch, j->count * sizeof(*v));
	bool action = ward_is_action(e->uid);
	int code;

	if (v == NULL)
		return WARD_E_NOMEM;
	e->parents = v;
	for (const struct ward_json *p = j->child; p != NULL; p = p->next) {
		struct ward_buf b = WARD_BUF_INIT;

		code = ward_cedar_json_uid(&c, p, &v[e->n_parents++]);
		if (code < 0)
			return code;
		if (!action || ward_is_action(v[e->n_parents - 1]))
			continue;
		ward_buf_adds(&b, "action `");
		ward_cedar_print_uid(&b, e->uid);
		ward_buf_adds(&b, "` has a non-action parent `");
		ward_cedar_print_uid(&b, v[e->n_parents - 1]);
		ward_buf_addc(&b, '`');
		code = wrong(r, p, ward_buf_cstr(&b));
		ward_cedar_diag_help(r->d,
			"parents of actions need to have type `Action` themselves, perhaps namespaced");
		ward_buf_done(&b);
		return code;
	}
	return WARD_OK;
}

static int unknown_type(struct reading *r, const struct ward_json *j, const struct cedar_uid *uid)
{
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	ward_buf_adds(&b, "entity `");
	ward_cedar_print_uid(&b, uid);
	ward_buf_adds(&b, "` has type `");
	ward_buf_add(&b, uid->type->s, uid->type->n);
	ward_buf_adds(&b, "` which is not declared in the schema");
	code = wrong(r, j, ward_buf_cstr(&b));
	ward_buf_done(&b);
	return code;
}

static int unwanted_tag(struct reading *r, const struct ward_json *j, const struct cedar_str *tag,
	const struct cedar_uid *uid)
{
	struct ward_buf b = WARD_BUF_INIT;
	int code;

	ward_buf_adds(&b, "`, but no tags should exist on `");
	ward_cedar_print_uid(&b, uid);
	ward_buf_adds(&b, "` according to the schema");
	code = refuse(r, j, "found a tag ", tag, "` on `", uid, ward_buf_cstr(&b));
	ward_buf_done(&b);
	return code;
}

static int read_members(struct reading *r, const struct ward_json *j)
{
	struct cedar_json_context c = {
		.pool = r->s->pool, .diags = r->d, .what = "in uid field of <unknown entity>"
	};
	const struct cedar_entity_type *t = NULL;
	struct cedar_entity_input e = { 0 };
	struct members m;
	int code = find_members(r, j, &m);

	if (code == WARD_OK)
		code = ward_cedar_json_uid(&c, m.uid, &e.uid);
	if (code < 0)
		return code;
	assert(m.uid != NULL && m.attrs != NULL && m.parents != NULL && e.uid != NULL);
	if (r->schema != NULL && !ward_is_action(e.uid)) {
		t = ward_cedar_schema_entity(r->schema, e.uid->type);
		if (t == NULL)
			return unknown_type(r, m.uid, e.uid);
	}
	if (t != NULL && t->tags == NULL && m.tags != NULL && m.tags->count > 0) {
		const struct cedar_str *tag =
			ward_cedar_intern(r->s->pool, m.tags->child->key.s, m.tags->child->key.n);

		return tag == NULL ? WARD_E_NOMEM : unwanted_tag(r, m.tags->child, tag, e.uid);
	}
	code = record(r, e.uid, m.attrs, t != NULL ? t->attrs : NULL, NULL, false, &e.attrs);
	if (code == WARD_OK)
		code = record(r, e.uid, m.tags, NULL, t != NULL ? t->tags : NULL, true, &e.tags);
	if (code == WARD_OK)
		code = parents(r, m.parents, &e);
	r->s->now = (struct place){ j->start, j->end };
	return code == WARD_OK ? ward_cedar_entities_add(r->s, &e, r->d) : code;
}

static int read_entity(const struct ward_json *j, void *arg)
{
	struct reading *r = arg;
	int code = read_members(r, j);

	if (code == WARD_E_NOMEM)
		(void)wrong(r, j,
			"no memory left for this entity, or it needs more than is allowed for one");
	return code;
}

/* Those that are actions, or those that are not, against the schema. */
static int validate(struct reading *r, bool actions)
{
	const struct cedar_entities *s = r->s;
	int code = WARD_OK;

	for (size_t i = 0; i < s->n; i++) {
		size_t from = r->d != NULL ? r->d->n : 0;
		int found;

		if (ward_is_action(s->v[i].uid) != actions)
			continue;
		found = actions ? ward_action_validate(&s->v[i], r->schema, r->d)
				: ward_entity_validate(&s->v[i], r->schema, r->d);
		if (found < 0) {
			ward_entities_place(r->d, from, s->places[i]);
			code = found;
		}
	}
	return code;
}

/* The actions of the document must be those of the schema, whose others are added; everything else is looked at before. */
static int apply_schema(struct reading *r)
{
	struct cedar_entities *s = r->s;
	int code = validate(r, false), closed, actions;

	closed = ward_entities_close(s, r->d);
	if (closed < 0)
		return closed;
	actions = validate(r, true);
	code = actions < 0 ? actions : code;
	s->now = (struct place){ 0, 0 };
	return code < 0 ? code : ward_cedar_entities_add_actions(s, r->schema, r->d);
}

int ward_cedar_entities_parse(struct ward_str text, const struct cedar_schema *schema,
	struct cedar_entities **ret, struct cedar_diags *d)
{
	WARD_CLEANUP(ward_cedar_entities_unrefp)
	struct cedar_entities *s = ward_cedar_entities_new();
	WARD_CLEANUP(ward_arena_freep)
	struct ward_arena *scratch = ward_arena_new(WARD_CEDAR_TREE_MAX);
	struct reading r = { .s = s, .schema = schema, .d = d, .scratch = scratch };
	int code;

	*ret = NULL;
	if (s == NULL || scratch == NULL)
		return WARD_E_NOMEM;
	code = ward_cedar_json_each(scratch, text, read_entity, &r, d);
	if (code == WARD_OK && schema != NULL)
		code = apply_schema(&r);
	if (code == WARD_OK)
		code = ward_cedar_entities_finish(s, d);
	if (d != NULL && d->failed)
		return WARD_E_NOMEM;
	if (code < 0)
		return code;
	*ret = s;
	s = NULL;
	return WARD_OK;
}
