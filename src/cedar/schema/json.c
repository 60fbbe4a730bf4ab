/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema's JSON becomes a tree. Unknown fields, fields twice and values of other types are refused, each with its
 * place. Where the official engine takes a list for an object, its fields in their order, so does this.
 */
#include <string.h>

#include "cedar/schema/tree.h"

static struct place place_of(const struct ward_json *j)
{
	return (struct place){ j->start, j->end };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where the name of a member stands: behind its quote comes the colon, and then the value. */
static struct place key_of(const struct reader *r, const struct ward_json *j)
{
	const char *s = r->text.s;
	uint32_t end = j->start, start;

	while (end > 0 && (is_blank(s[end - 1]) || s[end - 1] == ':'))
		end--;
	if (end < 2 || s[end - 1] != '"')
		return place_of(j);
	for (start = end - 1; start > 0; start--) {
		uint32_t slashes = 0;

		/* Asked of quotes alone: what lies between two of them is looked at once. */
		while (s[start - 1] == '"' && slashes < start - 1 && s[start - 2 - slashes] == '\\')
			slashes++;
		if (s[start - 1] == '"' && slashes % 2 == 0)
			break;
	}
	return (struct place){ start > 0 ? start - 1 : 0, end };
}

static const char *key_text(struct reader *r, const struct ward_json *j)
{
	return ward_schema_shown(r, j->key.s, j->key.n);
}

static bool expected(struct reader *r, const struct ward_json *j, const char *what)
{
	NOTE(r, place_of(j), "invalid type: %s, expected %s", ward_json_type_name(j->type), what);
	return false;
}

static const struct cedar_str *intern(struct reader *r, struct ward_str s)
{
	const struct cedar_str *c = ward_cedar_intern(r->pool, s.s, s.n);

	if (c == NULL)
		ward_schema_no_memory(r);
	return c;
}

/* An object's fields by their names. */
#define FIELDS_MAX 6
struct fields {
	const char *what;
	uint8_t n, required; /* required: a bit for each */
	const char *names[FIELDS_MAX];
};

static bool unknown_field(struct reader *r, const struct ward_json *j, const struct fields *f)
{
	struct ward_buf b = WARD_BUF_INIT;

	for (unsigned i = 0; i < f->n; i++)
		ward_buf_addf(&b, "%s`%s`", i == 0 ? "" : f->n == 2 ? " or " : ", ", f->names[i]);
	NOTE(r, key_of(r, j), "unknown field `%s`, expected %s%s", key_text(r, j),
		f->n > 2 ? "one of " : "", ward_buf_cstr(&b));
	ward_buf_done(&b);
	return false;
}

static bool fields(struct reader *r, const struct ward_json *j, const struct fields *f,
	const struct ward_json *ret[FIELDS_MAX])
{
	bool list = j->type == WARD_JSON_ARRAY;
	unsigned i = 0;

	memset(ret, 0, FIELDS_MAX * sizeof(*ret));
	if (!list && j->type != WARD_JSON_OBJECT)
		return expected(r, j, f->what);
	if (list && j->count > f->n) {
		NOTE(r, place_of(j), "invalid length %zu, expected %s with %u elements", j->count,
			f->what, f->n);
		return false;
	}
	for (const struct ward_json *c = j->child; c != NULL; c = c->next) {
		if (!list) {
			for (i = 0; i < f->n && !ward_str_eq(c->key, ward_str(f->names[i])); i++)
				;
			if (i == f->n)
				return unknown_field(r, c, f);
		}
		ret[i] = c;
		i += list;
	}
	for (i = 0; i < f->n; i++) {
		if ((f->required >> i & 1) == 0 || ret[i] != NULL)
			continue;
		NOTE(r, place_of(j), "missing field `%s`", f->names[i]);
		return false;
	}
	return true;
}

static bool is_null(const struct ward_json *j)
{
	return j == NULL || j->type == WARD_JSON_NULL;
}

/* "A::B" in normal form; unlike names of the language it may hold __cedar. */
static bool is_path(struct ward_str s)
{
	for (;;) {
		struct ward_str part = s;

		for (part.n = 0; part.n < s.n && s.s[part.n] != ':';)
			part.n++;
		if (!ward_cedar_is_ident(part) && !ward_str_eq(part, WARD_STR("__cedar")))
			return false;
		if (part.n == s.n)
			return true;
		if (s.n - part.n < 2 || s.s[part.n + 1] != ':')
			return false;
		s.s += part.n + 2;
		s.n -= part.n + 2;
	}
}

static bool bad_name(struct reader *r, struct place at, const char *what, struct ward_str s)
{
	NOTE(r, at, "invalid %s `%s`", what, ward_schema_shown(r, s.s, s.n));
	HELP(r,
		"names are identifiers, joined by `::` without blanks; `true`, `false`, `if`, "
		"`then`, `else`, `in`, `is`, `like` and `has` are none");
	return false;
}

static bool reserved(struct reader *r, struct place at, struct ward_str s)
{
	NOTE(r, at, "the name `%s` contains `__cedar`, which is reserved",
		ward_schema_shown(r, s.s, s.n));
	return false;
}

/* The key of a declaration. */
static bool identifier(struct reader *r, const struct ward_json *j, const struct cedar_str **ret)
{
	struct place at = key_of(r, j);

	if (ward_str_eq(j->key, WARD_STR("__cedar")))
		return reserved(r, at, j->key);
	if (!ward_cedar_is_ident(j->key))
		return bad_name(r, at, "id", j->key);
	*ret = intern(r, j->key);
	return *ret != NULL;
}

static bool reference(struct reader *r, const struct ward_json *j, const char *what,
	struct ref *ret)
{
	if (j->type != WARD_JSON_STRING)
		return expected(r, j, "a string");
	if (!is_path(j->str))
		return bad_name(r, place_of(j), what, j->str);
	*ret = (struct ref){ .name = intern(r, j->str), .at = place_of(j) };
	return ret->name != NULL;
}

static bool references(struct reader *r, const struct ward_json *j, struct ref **ret,
	uint32_t *ret_n)
{
	size_t from = r->top;
	struct ref ref;

	if (j == NULL)
		return true;
	if (j->type != WARD_JSON_ARRAY)
		return expected(r, j, "a list");
	for (const struct ward_json *c = j->child; c != NULL; c = c->next) {
		if (!reference(r, c, "name", &ref) || !ward_schema_push(r, &ref, sizeof(ref)))
			return false;
	}
	return ward_schema_pop(r, from, sizeof(ref), ret, ret_n);
}

static bool is_any_ident(struct ward_str s)
{
	return ward_cedar_is_ident(s) || ward_cedar_is_reserved(s);
}

static bool annotations(struct reader *r, const struct ward_json *j, struct notes *ret)
{
	size_t from = r->top;
	struct place at;

	if (j == NULL)
		return true;
	if (j->type != WARD_JSON_OBJECT)
		return expected(r, j, "an object");
	at = place_of(j);
	for (const struct ward_json *c = j->child; c != NULL; c = c->next) {
		struct note n = { 0 };

		if (!is_any_ident(c->key))
			return bad_name(r, key_of(r, c), "id", c->key);
		if (c->type != WARD_JSON_NULL && c->type != WARD_JSON_STRING)
			return expected(r, c, "a string or null");
		n.key = intern(r, c->key);
		if (c->type == WARD_JSON_STRING)
			n.value = intern(r, c->str);
		if (r->code < 0 || !ward_schema_push(r, &n, sizeof(n)))
			return false;
	}
	return ward_schema_notes(r, from, &at, ret);
}

/* ---- types ---- */

enum { F_TYPE, F_ELEMENT, F_ATTRIBUTES, F_ADDITIONAL, F_NAME, F_REQUIRED, F_ANNOTATIONS, F_COUNT };
static const char *const type_fields[F_COUNT] = { "type", "element", "attributes",
	"additionalAttributes", "name", "required", "annotations" };

/* What else than a type stands beside its fields. */
struct beside {
	bool required_allowed, annotations_allowed;
	bool required;
	struct notes notes;
};

static bool type(struct reader *r, const struct ward_json *j, struct beside *beside,
	struct schema_type **ret);

static bool split(struct reader *r, const struct ward_json *j, const struct beside *beside,
	const struct ward_json *ret[F_COUNT])
{
	memset(ret, 0, F_COUNT * sizeof(*ret));
	if (j->type != WARD_JSON_OBJECT)
		return expected(r, j, "a type, which is an object with a field `type`");
	for (const struct ward_json *c = j->child; c != NULL; c = c->next) {
		unsigned i = 0;

		while (i < F_COUNT && !ward_str_eq(c->key, ward_str(type_fields[i])))
			i++;
		if (i == F_COUNT || (i == F_REQUIRED && !beside->required_allowed) ||
			(i == F_ANNOTATIONS && !beside->annotations_allowed)) {
			NOTE(r, key_of(r, c),
				"unknown field `%s`, expected one of `type`, `element`, "
				"`attributes`, `additionalAttributes`, `name`",
				key_text(r, c));
			return false;
		}
		ret[i] = c;
	}
	if (ret[F_TYPE] == NULL) {
		NOTE(r, place_of(j), "missing field `type`");
		return false;
	}
	return ret[F_TYPE]->type == WARD_JSON_STRING || expected(r, ret[F_TYPE], "a string");
}

static bool attributes(struct reader *r, const struct ward_json *j, struct schema_type *t)
{
	size_t from = r->top;

	if (j->type != WARD_JSON_OBJECT)
		return expected(r, j, "an object");
	for (const struct ward_json *c = j->child; c != NULL; c = c->next) {
		struct beside beside = {
			.required_allowed = true, .annotations_allowed = true, .required = true
		};
		struct schema_attr a = { .at = key_of(r, c) };

		a.name = intern(r, c->key);
		if (a.name == NULL || !type(r, c, &beside, &a.type))
			return false;
		a.required = beside.required;
		a.notes = beside.notes;
		if (!ward_schema_push(r, &a, sizeof(a)))
			return false;
	}
	return ward_schema_attrs(r, from, t);
}

/* The types that are spelled with a word, and the fields that each has besides; the first of them must be there. */
static const struct {
	const char *word;
	uint8_t kind, n, fields[2];
} kinds[] = {
	{ "String", SCHEMA_STRING, 0, { 0 } },
	{ "Long", SCHEMA_LONG, 0, { 0 } },
	{ "Boolean", SCHEMA_BOOL, 0, { 0 } },
	{ "Set", SCHEMA_SET, 1, { F_ELEMENT } },
	{ "Record", SCHEMA_RECORD, 2, { F_ATTRIBUTES, F_ADDITIONAL } },
	{ "Entity", SCHEMA_ENTITY, 1, { F_NAME } },
	{ "EntityOrCommon", SCHEMA_ENTITY_OR_COMMON, 1, { F_NAME } },
	{ "Extension", SCHEMA_EXTENSION, 1, { F_NAME } },
};

static bool fields_of(struct reader *r, const struct ward_json *j, unsigned kind,
	const struct ward_json *f[F_COUNT])
{
	for (unsigned i = F_ELEMENT; i <= F_NAME; i++) {
		bool mine = false;

		for (unsigned k = 0; kind < WARD_ARRAY_SIZE(kinds) && k < kinds[kind].n; k++)
			mine |= kinds[kind].fields[k] == i;
		if (f[i] == NULL || mine)
			continue;
		NOTE(r, key_of(r, f[i]), "unknown field `%s` of the type `%s`", type_fields[i],
			ward_schema_shown(r, f[F_TYPE]->str.s, f[F_TYPE]->str.n));
		return false;
	}
	if (kind == WARD_ARRAY_SIZE(kinds) || kinds[kind].n == 0 ||
		f[kinds[kind].fields[0]] != NULL)
		return true;
	NOTE(r, place_of(j), "missing field `%s`", type_fields[kinds[kind].fields[0]]);
	return false;
}

static bool named(struct reader *r, const struct ward_json *name, struct schema_type *t)
{
	const char *what = t->kind == SCHEMA_ENTITY ? "entity type"
		: t->kind == SCHEMA_EXTENSION       ? "extension type"
		: t->kind == SCHEMA_COMMON          ? "common type"
						    : "entity or common type";

	if (!reference(r, name, what, &t->ref))
		return false;
	if (t->kind == SCHEMA_EXTENSION && !ward_cedar_is_ident(name->str))
		return bad_name(r, place_of(name), what, name->str);
	return true;
}

static bool contents(struct reader *r, const struct ward_json *f[F_COUNT], struct schema_type *t)
{
	struct beside none = { 0 };

	switch ((enum schema_kind)t->kind) {
	case SCHEMA_SET: return type(r, f[F_ELEMENT], &none, &t->element);
	case SCHEMA_RECORD:
		if (f[F_ADDITIONAL] != NULL && f[F_ADDITIONAL]->type != WARD_JSON_BOOL)
			return expected(r, f[F_ADDITIONAL], "true or false");
		t->open = f[F_ADDITIONAL] != NULL && f[F_ADDITIONAL]->b;
		return attributes(r, f[F_ATTRIBUTES], t);
	case SCHEMA_ENTITY:
	case SCHEMA_ENTITY_OR_COMMON:
	case SCHEMA_EXTENSION: return named(r, f[F_NAME], t);
	case SCHEMA_COMMON: return named(r, f[F_TYPE], t);
	case SCHEMA_NONE:
	case SCHEMA_BOOL:
	case SCHEMA_LONG:
	case SCHEMA_STRING: break;
	}
	return true;
}

static bool type(struct reader *r, const struct ward_json *j, struct beside *beside,
	struct schema_type **ret)
{
	const struct ward_json *f[F_COUNT];
	unsigned kind = 0;
	bool ok;

	if (!split(r, j, beside, f))
		return false;
	if (f[F_REQUIRED] != NULL && f[F_REQUIRED]->type != WARD_JSON_BOOL)
		return expected(r, f[F_REQUIRED], "true or false");
	if (f[F_REQUIRED] != NULL)
		beside->required = f[F_REQUIRED]->b;
	if (!annotations(r, f[F_ANNOTATIONS], &beside->notes))
		return false;
	while (kind < WARD_ARRAY_SIZE(kinds) &&
		!ward_str_eq(f[F_TYPE]->str, ward_str(kinds[kind].word)))
		kind++;
	*ret = ward_schema_type_new(r,
		kind < WARD_ARRAY_SIZE(kinds) ? (enum schema_kind)kinds[kind].kind : SCHEMA_COMMON,
		place_of(j));
	if (*ret == NULL || !fields_of(r, j, kind, f) || !ward_schema_enter(r, place_of(j)))
		return false;
	ok = contents(r, f, *ret);
	r->level--;
	return ok;
}

static bool plain_type(struct reader *r, const struct ward_json *j, struct schema_type **ret)
{
	struct beside none = { 0 };

	return j == NULL || type(r, j, &none, ret);
}

/* ---- declarations ---- */

static bool ids(struct reader *r, const struct ward_json *f[FIELDS_MAX], struct schema_entity *e)
{
	size_t from = r->top;
	const struct ward_json *extra = f[0] != NULL ? f[0] : f[1] != NULL ? f[1] : f[2];
	const struct ward_json *j = f[3];

	if (j->type != WARD_JSON_ARRAY)
		return expected(r, j, "a list");
	for (const struct ward_json *c = j->child; c != NULL; c = c->next) {
		const struct cedar_str *id;

		if (c->type != WARD_JSON_STRING)
			return expected(r, c, "a string");
		id = intern(r, c->str);
		if (id == NULL || !ward_schema_push(r, &id, sizeof(id)))
			return false;
	}
	if (!ward_schema_ids(r, from, e))
		return false;
	if (e->n_ids == 0) {
		NOTE(r, place_of(j), "the list of an enum type needs at least one element");
		return false;
	}
	if (extra != NULL) {
		NOTE(r, place_of(extra), "unexpected field: %s",
			f[0] != NULL           ? "memberOfTypes"
				: f[1] != NULL ? "shape"
					       : "tags");
		HELP(r, "an enum type has no parents, attributes or tags");
		return false;
	}
	return true;
}

static bool entity(struct reader *r, struct schema_namespace *ns, const struct ward_json *j)
{
	static const struct fields names = { "an entity type", 5, 0,
		{ "memberOfTypes", "shape", "tags", "enum", "annotations" } };
	const struct ward_json *f[FIELDS_MAX];
	struct schema_entity *e = ward_schema_new(r, sizeof(*e));

	if (e == NULL || !identifier(r, j, &e->decl.name) || !fields(r, j, &names, f) ||
		!references(r, f[0], &e->parents, &e->n_parents) ||
		!plain_type(r, f[1], &e->shape) || !plain_type(r, f[2], &e->tags) ||
		!annotations(r, f[4], &e->decl.notes))
		return false;
	if (f[3] != NULL && !ids(r, f, e))
		return false;
	e->decl.at = key_of(r, j);
	ward_schema_declare(ns, DECL_ENTITY, &e->decl);
	return true;
}

static bool group(struct reader *r, const struct ward_json *j, struct schema_group *ret)
{
	static const struct fields names = { "an action's identifier", 2, 1, { "id", "type" } };
	const struct ward_json *f[FIELDS_MAX];
	struct ref type;

	*ret = (struct schema_group){ .at = place_of(j) };
	if (!fields(r, j, &names, f))
		return false;
	if (f[0]->type != WARD_JSON_STRING)
		return expected(r, f[0], "a string");
	ret->id = intern(r, f[0]->str);
	if (ret->id == NULL)
		return false;
	if (is_null(f[1]))
		return true;
	if (!reference(r, f[1], "name", &type))
		return false;
	ret->type = type.name;
	return true;
}

static bool groups(struct reader *r, const struct ward_json *j, struct schema_action *a)
{
	size_t from = r->top;
	struct schema_group g;

	if (is_null(j))
		return true;
	if (j->type != WARD_JSON_ARRAY)
		return expected(r, j, "a list");
	a->has_parents = true;
	for (const struct ward_json *c = j->child; c != NULL; c = c->next) {
		if (!group(r, c, &g) || !ward_schema_push(r, &g, sizeof(g)))
			return false;
	}
	return ward_schema_pop(r, from, sizeof(g), &a->parents, &a->n_parents);
}

static bool applies(struct reader *r, const struct ward_json *j, struct schema_action *a)
{
	static const struct fields names = { "what an action applies to", 3, 3,
		{ "resourceTypes", "principalTypes", "context" } };
	const struct ward_json *f[FIELDS_MAX];

	if (is_null(j))
		return true;
	a->has_applies = true;
	return fields(r, j, &names, f) && references(r, f[0], &a->resources, &a->n_resources) &&
		references(r, f[1], &a->principals, &a->n_principals) &&
		plain_type(r, f[2], &a->context);
}

static bool action(struct reader *r, struct schema_namespace *ns, const struct ward_json *j)
{
	static const struct fields names = { "an action", 4, 0,
		{ "attributes", "appliesTo", "memberOf", "annotations" } };
	const struct ward_json *f[FIELDS_MAX];
	struct schema_action *a = ward_schema_new(r, sizeof(*a));

	if (a == NULL)
		return false;
	a->decl.at = key_of(r, j);
	a->decl.name = intern(r, j->key);
	if (a->decl.name == NULL || !fields(r, j, &names, f) || !applies(r, f[1], a) ||
		!groups(r, f[2], a) || !annotations(r, f[3], &a->decl.notes))
		return false;
	if (!is_null(f[0])) {
		NOTE(r, place_of(f[0]),
			"unsupported feature used in schema: action declared with attributes: [%s]",
			key_text(r, j));
		return false;
	}
	ward_schema_declare(ns, DECL_ACTION, &a->decl);
	return true;
}

static bool common(struct reader *r, struct schema_namespace *ns, const struct ward_json *j)
{
	struct beside beside = { .annotations_allowed = true };
	struct schema_common *c = ward_schema_new(r, sizeof(*c));

	if (c == NULL)
		return false;
	c->decl.at = key_of(r, j);
	if (!identifier(r, j, &c->decl.name) || !type(r, j, &beside, &c->type))
		return false;
	c->decl.notes = beside.notes;
	ward_schema_declare(ns, DECL_COMMON, &c->decl);
	return true;
}

/* Each of the declarations of one kind; one that is wrong does not keep the others from being looked at. */
static bool each(struct reader *r, struct schema_namespace *ns, const struct ward_json *j,
	bool (*f)(struct reader *, struct schema_namespace *, const struct ward_json *))
{
	if (j == NULL)
		return true;
	if (j->type != WARD_JSON_OBJECT)
		return expected(r, j, "an object");
	for (const struct ward_json *c = j->child; c != NULL; c = c->next) {
		size_t top = r->top;

		r->level = 0;
		if (!f(r, ns, c)) {
			r->top = top;
			if (r->code < 0 || r->errors > WARD_CEDAR_DIAGS_MAX)
				return false;
		}
	}
	return true;
}

static bool namespace(struct reader *r, const struct ward_json *j)
{
	static const struct fields names = { "a namespace", 4, 2 | 4,
		{ "commonTypes", "entityTypes", "actions", "annotations" } };
	const struct ward_json *f[FIELDS_MAX];
	struct schema_namespace *ns = ward_schema_new(r, sizeof(*ns));

	if (ns == NULL)
		return false;
	ns->at = key_of(r, j);
	if (j->key.n > 0) {
		if (!is_path(j->key))
			return bad_name(r, ns->at, "namespace", j->key);
		ns->name = intern(r, j->key);
		if (ns->name == NULL)
			return false;
	}
	ns->next = r->tree->first;
	r->tree->first = ns;
	if (!fields(r, j, &names, f)) {
		if (ward_str_eq(j->key, WARD_STR("entityTypes")) ||
			ward_str_eq(j->key, WARD_STR("actions")))
			HELP(r,
				"a schema in JSON must specify a namespace; of the empty one that "
				"is `{ \"\": {..} }`");
		return false;
	}
	if (!annotations(r, f[3], &ns->notes))
		return false;
	if (ns->name == NULL && ns->notes.n > 0) {
		NOTE(r, key_of(r, f[3]), "annotations are not allowed on the empty namespace");
		return false;
	}
	return each(r, ns, f[0], common) && each(r, ns, f[1], entity) && each(r, ns, f[2], action);
}

static bool document(struct reader *r, const struct ward_json *j)
{
	if (j->type != WARD_JSON_OBJECT)
		return expected(r, j, "an object");
	for (const struct ward_json *c = j->child; c != NULL; c = c->next) {
		if (!namespace(r, c) && (r->code < 0 || r->errors > WARD_CEDAR_DIAGS_MAX))
			return false;
	}
	return true;
}

bool ward_schema_read_json(struct reader *r)
{
	struct ward_arena *arena = ward_arena_new(WARD_CEDAR_TREE_MAX);
	struct ward_json *j = NULL;
	bool ok = false;
	int code;

	if (arena == NULL)
		return ward_schema_no_memory(r);
	code = ward_cedar_json_parse(arena, r->text, &j, r->diags);
	if (code == WARD_OK)
		ok = document(r, j);
	else if (code == WARD_E_PARSE)
		r->errors++;
	else
		r->code = code;
	ward_arena_free(arena);
	return ok && r->code == 0 && r->errors == 0;
}
