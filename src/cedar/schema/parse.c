/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema's text becomes a tree. After something wrong, reading goes on behind the next semicolon, so that one text
 * gives several findings.
 */
#include "cedar/schema/lex.h"

/* Names of one declaration, and what it has in common. */
struct head {
	struct notes notes;
	uint32_t n;
	struct decl *v; /* name and place */
};

static bool names(struct reader *r, bool strings, struct head *h)
{
	size_t from = r->top;

	for (;;) {
		struct decl d = { .at = ward_schema_here(r), .notes = h->notes };

		if (!(strings ? ward_schema_name(r, &d.name)
			      : ward_schema_ident(r, false, &d.name)) ||
			!ward_schema_push(r, &d, sizeof(d)))
			return false;
		if (r->tok.kind != T_COMMA)
			break;
		ward_schema_next(r);
	}
	return ward_schema_pop(r, from, sizeof(struct decl), &h->v, &h->n);
}

/* A path, or a list of them in brackets, which may be empty. */
static bool paths(struct reader *r, struct ref **ret, uint32_t *ret_n)
{
	size_t from = r->top;
	bool list = r->tok.kind == T_LBRACKET;
	struct ref ref;

	if (list)
		ward_schema_next(r);
	if (!list && r->tok.kind != T_WORD)
		return ward_schema_unexpected(r, "a type or `[`");
	if (list && r->tok.kind == T_RBRACKET) {
		ward_schema_next(r);
		return ward_schema_pop(r, from, sizeof(ref), ret, ret_n);
	}
	for (;;) {
		if (!ward_schema_path(r, &ref, NULL) || !ward_schema_push(r, &ref, sizeof(ref)))
			return false;
		if (!list || r->tok.kind != T_COMMA)
			break;
		ward_schema_next(r);
	}
	if (list && !ward_schema_take(r, T_RBRACKET, "`,` or `]`"))
		return false;
	return ward_schema_pop(r, from, sizeof(ref), ret, ret_n);
}

static bool ids(struct reader *r, struct schema_entity *e)
{
	size_t from = r->top;
	const struct cedar_str *id;

	ward_schema_next(r);
	if (!ward_schema_take(r, T_LBRACKET, "`[`"))
		return false;
	for (;;) {
		if (!ward_schema_string(r, &id) || !ward_schema_push(r, &id, sizeof(id)))
			return false;
		if (r->tok.kind != T_COMMA)
			break;
		ward_schema_next(r);
	}
	return ward_schema_take(r, T_RBRACKET, "`,` or `]`") && ward_schema_ids(r, from, e);
}

static bool entity_body(struct reader *r, struct schema_entity *e)
{
	const char *expected = "`,`, `in`, `enum`, `=`, `{`, `tags` or `;`";

	if (ward_schema_is_word(r, "enum"))
		return ids(r, e) && ward_schema_take(r, T_SEMICOLON, "`;`");
	if (ward_schema_is_word(r, "in")) {
		ward_schema_next(r);
		if (!paths(r, &e->parents, &e->n_parents))
			return false;
		expected = "`=`, `{`, `tags` or `;`";
	}
	if (r->tok.kind == T_ASSIGN || r->tok.kind == T_LBRACE) {
		if (r->tok.kind == T_ASSIGN)
			ward_schema_next(r);
		if (!ward_schema_parse_record(r, &e->shape))
			return false;
		expected = "`tags` or `;`";
	}
	if (ward_schema_is_word(r, "tags")) {
		ward_schema_next(r);
		if (!ward_schema_parse_type(r, &e->tags))
			return false;
		expected = "`;`";
	}
	return ward_schema_take(r, T_SEMICOLON, expected);
}

static bool entity(struct reader *r, struct schema_namespace *ns, struct head *h)
{
	struct schema_entity e = { 0 };

	ward_schema_next(r);
	if (!names(r, false, h) || !entity_body(r, &e))
		return false;
	for (uint32_t i = 0; i < h->n; i++) {
		struct schema_entity *new = ward_schema_new(r, sizeof(*new));

		if (new == NULL)
			return false;
		*new = e;
		new->decl = h->v[i];
		ward_schema_declare(ns, DECL_ENTITY, &new->decl);
	}
	return true;
}

/* A name, or a path with a string behind it. */
static bool group(struct reader *r, struct schema_group *ret)
{
	struct ref path;

	*ret = (struct schema_group){ .at = ward_schema_here(r) };
	if (r->tok.kind != T_WORD)
		return ward_schema_name(r, &ret->id);
	if (!ward_schema_path(r, &path, &ret->id))
		return false;
	ret->at = path.at;
	if (ret->id != NULL) {
		ret->type = path.name;
		return true;
	}
	if (ward_cedar_namespace(ward_cedar_text(path.name)).n > 0)
		return ward_schema_unexpected(r, "`::` and the action's name in quotes");
	ret->id = path.name;
	return true;
}

static bool groups(struct reader *r, struct schema_action *a)
{
	size_t from = r->top;
	bool list;
	struct schema_group g;

	ward_schema_next(r);
	a->has_parents = true;
	list = r->tok.kind == T_LBRACKET;
	if (list)
		ward_schema_next(r);
	for (;;) {
		if (!group(r, &g) || !ward_schema_push(r, &g, sizeof(g)))
			return false;
		if (!list || r->tok.kind != T_COMMA)
			break;
		ward_schema_next(r);
	}
	if (list && !ward_schema_take(r, T_RBRACKET, "`,` or `]`"))
		return false;
	return ward_schema_pop(r, from, sizeof(g), &a->parents, &a->n_parents);
}

/* What appliesTo has said so far. */
struct applies {
	bool principal, resource, context;
	struct place principal_at, resource_at;
};

static bool context(struct reader *r, struct schema_action *a)
{
	if (r->tok.kind == T_LBRACE)
		return ward_schema_parse_record(r, &a->context);
	if (r->tok.kind != T_WORD)
		return ward_schema_unexpected(r, "the name of a common type or `{`");
	a->context = ward_schema_type_new(r, SCHEMA_COMMON, ward_schema_here(r));
	return a->context != NULL && ward_schema_path(r, &a->context->ref, NULL);
}

static const char *shown(struct reader *r, const struct head *h)
{
	return ward_schema_shown(r, h->v[0].name->s, h->v[0].name->n);
}

static bool repeated(struct reader *r, const struct head *h, const char *what, struct place at)
{
	if (what == NULL) {
		NOTE(r, at, "duplicate context declaration in action `%s`", shown(r, h));
		HELP(r,
			"try either deleting one of the declarations, or merging into a single "
			"declaration");
		return false;
	}
	NOTE(r, at, "duplicate `%s` declaration in action `%s`", what, shown(r, h));
	HELP(r,
		"actions may only have a single %s declaration, but a %s declaration may specify a "
		"list of entity types like `%s: [X, Y, Z]`",
		what, what, what);
	return false;
}

/* One clause. Its word is r->tok. */
static bool clause(struct reader *r, const struct head *h, struct schema_action *a,
	struct applies *so_far)
{
	bool principal = ward_schema_is_word(r, "principal");
	bool resource = ward_schema_is_word(r, "resource");
	struct place at = ward_schema_here(r);

	if (!principal && !resource && !ward_schema_is_word(r, "context"))
		return ward_schema_unexpected(r, "`principal`, `resource` or `context`");
	if (principal ? so_far->principal : resource ? so_far->resource : so_far->context)
		return repeated(r, h, principal ? "principal" : resource ? "resource" : NULL, at);
	ward_schema_next(r);
	if (!ward_schema_take(r, T_COLON, "`:`"))
		return false;
	if (principal) {
		so_far->principal = true;
		so_far->principal_at = at;
		return paths(r, &a->principals, &a->n_principals);
	}
	if (resource) {
		so_far->resource = true;
		so_far->resource_at = at;
		return paths(r, &a->resources, &a->n_resources);
	}
	so_far->context = true;
	return context(r, a);
}

static void required(struct reader *r, const struct head *h, const char *what, bool said,
	struct place at, uint32_t n)
{
	if (!said)
		NOTE(r, h->v[0].at, "missing `%s` declaration for `%s`", what, shown(r, h));
	else if (n == 0)
		NOTE(r, at, "for action `%s`, `%s` is `[]`, which is invalid", shown(r, h), what);
	else
		return;
	HELP(r,
		"every action must define both `principal` and `resource` targets, and the "
		"`principal` and `resource` lists must not be `[]`");
}

static bool applies(struct reader *r, const struct head *h, struct schema_action *a)
{
	struct applies so_far = { 0 };

	ward_schema_next(r);
	if (!ward_schema_take(r, T_LBRACE, "`{`"))
		return false;
	do {
		if (!clause(r, h, a, &so_far))
			return false;
		if (r->tok.kind != T_COMMA)
			break;
		ward_schema_next(r);
	} while (r->tok.kind != T_RBRACE);
	if (!ward_schema_take(r, T_RBRACE, "`,` or `}`"))
		return false;
	required(r, h, "resource", so_far.resource, so_far.resource_at, a->n_resources);
	required(r, h, "principal", so_far.principal, so_far.principal_at, a->n_principals);
	return true;
}

static bool action_body(struct reader *r, const struct head *h, struct schema_action *a)
{
	const char *expected = "`,`, `in`, `appliesTo`, `attributes` or `;`";

	if (ward_schema_is_word(r, "in")) {
		if (!groups(r, a))
			return false;
		expected = "`appliesTo`, `attributes` or `;`";
	}
	if (ward_schema_is_word(r, "appliesTo")) {
		if (!applies(r, h, a))
			return false;
		expected = "`attributes` or `;`";
	} else if (r->tok.kind == T_LBRACE) {
		ward_schema_unexpected(r, expected);
		HELP(r, "action declarations require `appliesTo` before the `{ ... }` block");
		return false;
	}
	if (ward_schema_is_word(r, "attributes")) {
		ward_schema_next(r);
		if (!ward_schema_take(r, T_LBRACE, "`{`") || !ward_schema_take(r, T_RBRACE, "`}`"))
			return false;
		expected = "`;`";
	}
	return ward_schema_take(r, T_SEMICOLON, expected);
}

static bool action(struct reader *r, struct schema_namespace *ns, struct head *h)
{
	struct schema_action a = { .has_applies = true };

	ward_schema_next(r);
	if (!names(r, true, h) || !action_body(r, h, &a))
		return false;
	for (uint32_t i = 0; i < h->n; i++) {
		struct schema_action *new = ward_schema_new(r, sizeof(*new));

		if (new == NULL)
			return false;
		*new = a;
		new->decl = h->v[i];
		ward_schema_declare(ns, DECL_ACTION, &new->decl);
	}
	return true;
}

static bool common(struct reader *r, struct schema_namespace *ns, struct head *h)
{
	struct schema_common *new;

	ward_schema_next(r);
	new = ward_schema_new(r, sizeof(*new));
	if (new == NULL)
		return false;
	new->decl = (struct decl){ .at = ward_schema_here(r), .notes = h->notes };
	if (!ward_schema_ident(r, false, &new->decl.name) ||
		!ward_schema_take(r, T_ASSIGN, "`=`") || !ward_schema_parse_type(r, &new->type) ||
		!ward_schema_take(r, T_SEMICOLON, "`;`"))
		return false;
	ward_schema_declare(ns, DECL_COMMON, &new->decl);
	return true;
}

static struct schema_namespace *namespace_new(struct reader *r, const struct cedar_str *name,
	struct place at)
{
	struct schema_namespace *ns = ward_schema_new(r, sizeof(*ns));

	if (ns == NULL)
		return NULL;
	ns->name = name;
	ns->at = at;
	ns->next = r->tree->first;
	r->tree->first = ns;
	return ns;
}

/* A declaration whose annotations have been read. *empty: the namespace without a name, made when it is needed. */
static bool declaration(struct reader *r, struct schema_namespace **ns, struct head *h,
	const char *expected)
{
	bool (*f)(struct reader *, struct schema_namespace *, struct head *) =
		ward_schema_is_word(r, "entity")   ? entity
		: ward_schema_is_word(r, "action") ? action
		: ward_schema_is_word(r, "type")   ? common
						   : NULL;

	if (f == NULL)
		return ward_schema_unexpected(r, expected);
	if (*ns == NULL)
		*ns = namespace_new(r, NULL, (struct place){ 0 });
	return *ns != NULL && f(r, *ns, h);
}

static bool begins_declaration(const struct reader *r)
{
	return r->tok.kind == T_AT || ward_schema_is_word(r, "entity") ||
		ward_schema_is_word(r, "action") || ward_schema_is_word(r, "type") ||
		ward_schema_is_word(r, "namespace");
}

/*
 * Behind the semicolon that ends what could not be read, or at the brace that closes the namespace (braces: 1, in none: 0).
 * No semicolon stands within braces, so one ends those that were forgotten.
 */
static bool recover(struct reader *r, size_t top, unsigned braces)
{
	r->top = top;
	r->level = 0;
	if (r->code < 0 || (r->diags != NULL && (r->diags->failed || r->diags->dropped > 0)))
		return false;
	while (r->tok.kind != T_END) {
		unsigned kind = r->tok.kind;

		if (kind == T_RBRACE && braces == 1 && r->braces == 1)
			return true;
		ward_schema_next(r);
		if (kind == T_SEMICOLON)
			r->braces = braces;
		if (kind == T_SEMICOLON ||
			(kind == T_RBRACE && r->braces == braces && begins_declaration(r)))
			return true;
	}
	return false;
}

static bool namespace(struct reader *r, const struct notes *notes)
{
	struct schema_namespace *ns;
	struct ref name;
	size_t top = r->top;

	ward_schema_next(r);
	if (!ward_schema_path(r, &name, NULL) || !ward_schema_take(r, T_LBRACE, "`::` or `{`"))
		return false;
	ns = namespace_new(r, name.name, name.at);
	if (ns == NULL)
		return false;
	ns->notes = *notes;
	while (r->tok.kind != T_RBRACE && r->tok.kind != T_END) {
		struct head h = { 0 };

		if (!(ward_schema_parse_notes(r, &h.notes) &&
			    declaration(r, &ns, &h, "`@`, `entity`, `action`, `type` or `}`")) &&
			!recover(r, top, 1))
			return false;
	}
	return ward_schema_take(r, T_RBRACE, "`@`, `entity`, `action`, `type` or `}`");
}

bool ward_schema_read_text(struct reader *r)
{
	struct schema_namespace *empty = NULL;
	bool behind = false; /* a namespace, which has just been closed */

	ward_schema_lex(r->text, 0, &r->tok);
	while (r->tok.kind != T_END) {
		struct head h = { 0 };
		size_t before = r->errors;
		bool ok;

		if (behind && r->tok.kind == T_SEMICOLON) {
			ward_schema_unexpected(r, "a declaration");
			HELP(r,
				"namespace declarations are not followed by `;`; try removing this "
				"semicolon");
		}
		behind = false;
		if (r->errors > before || !ward_schema_parse_notes(r, &h.notes)) {
			ok = false;
		} else if (ward_schema_is_word(r, "namespace")) {
			ok = namespace(r, &h.notes);
			behind = ok;
		} else {
			ok = declaration(r, &empty, &h,
				"`@`, `namespace`, `entity`, `action` or `type`");
		}
		if (!ok && !recover(r, 0, 0))
			break;
	}
	return r->code == 0 && r->errors == 0;
}
