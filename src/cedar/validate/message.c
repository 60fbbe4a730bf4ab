/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the type-checker finds, in the words of the language's own tools, with their advice.
 */
#include <string.h>

#include "cedar/validate/check.h"

static const char *const type_helps[] = {
	[HELP_NONE] = NULL,
	[HELP_LIKE] = "try using `like` to examine the contents of a string",
	[HELP_CONTAINS] =
		"try using `contains`, `containsAny`, or `containsAll` to examine the contents of a set",
	[HELP_SINGLE_CONTAINS] = "try using `contains` to test if a single element is in a set",
	[HELP_HAS] = "try using `has` to test for an attribute",
	[HELP_IS] = "try using `is` to test for an entity type",
	[HELP_IN] = "try using `in` for entity hierarchy membership",
	[HELP_EMPTY_STRING] = "try using `== \"\"` to test if a string is empty",
	[HELP_TYPE_TEST] = "Cedar only supports run time type tests for entities",
	[HELP_CONCATENATION] = "Cedar does not support string concatenation",
	[HELP_SET_OPERATIONS] =
		"Cedar does not support computing the union, intersection, or difference of sets",
};
static const char *const lub_whys[] = {
	[LUB_NONE] = "Types must be exactly equal to be compatible",
	[LUB_QUALIFIER] =
		"Corresponding attributes of compatible record types must have the same optionality, either both being required or both being optional",
	[LUB_WIDTH] = "Compatible record types must have exactly the same attributes",
	[LUB_ENTITY] =
		"Different entity types are never compatible even when their attributes would be compatible",
	[LUB_ENTITY_RECORD] =
		"Entity and record types are never compatible even when their attributes would be compatible",
};
static const char *const lub_wheres[] = {
	[LUB_SET] = "elements of a set",
	[LUB_IF] = "both branches of a conditional",
	[LUB_EQUALITY] = "both operands to a `==` expression",
	[LUB_CONTAINS] =
		"elements of the first operand and the second operand to a `contains` expression",
	[LUB_CONTAINS_ANY_ALL] =
		"elements of both set operands to a `containsAll` or `containsAny` expression",
	[LUB_TAG] = "tag types for a `.getTag()` operation",
};

void ward_cedar_find_type(struct checker *c, struct cedar_span at,
	const struct cedar_type *const *expected, size_t n, const struct cedar_type *actual,
	enum type_help help)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	ward_buf_adds(&b, "unexpected type: expected ");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			ward_buf_adds(&b, ", or ");
		ward_vt_print(&b, expected[i]);
	}
	ward_buf_adds(&b, " but saw ");
	ward_vt_print(&b, actual);
	ward_cedar_find(c, CEDAR_FINDING_UNEXPECTED_TYPE, at, &b, type_helps[help]);
}

/* Two runs of v, from at to middle to end, become one of to. */
static void merge(struct checker *c, const struct cedar_type **v, const struct cedar_type **to,
	size_t at, size_t middle, size_t end)
{
	size_t i = at, j = middle;

	for (size_t k = at; k < end; k++)
		to[k] = i < middle && (j >= end || ward_vt_cmp(c, v[i], v[j]) <= 0) ? v[i++]
										    : v[j++];
}

/* Ordered and each once; the result is v or lies in the arena. NULL: no memory. */
static const struct cedar_type **sort_types(struct checker *c, const struct cedar_type **v,
	size_t *n)
{
	const struct cedar_type **other = ward_cedar_check_alloc(c, c->per_env, *n, sizeof(*other));
	size_t kept = 0;

	if (other == NULL)
		return NULL;
	for (size_t run = 1; run < *n; run *= 2) {
		const struct cedar_type **swap = v;

		for (size_t at = 0; at < *n; at += 2 * run)
			merge(c, v, other, at, at + run < *n ? at + run : *n,
				at + 2 * run < *n ? at + 2 * run : *n);
		v = other;
		other = swap;
	}
	for (size_t i = 0; i < *n; i++)
		if (kept == 0 || ward_vt_cmp(c, v[kept - 1], v[i]) != 0)
			v[kept++] = v[i];
	*n = kept;
	return v;
}

void ward_cedar_find_lub(struct checker *c, struct cedar_span at, const struct cedar_type **types,
	size_t n, enum lub_why why, enum lub_where where)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf help WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	types = sort_types(c, types, &n);
	if (types == NULL)
		return;
	ward_buf_adds(&b, "the types ");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			ward_buf_adds(&b, i + 1 < n ? ", " : n == 2 ? " and " : ", and ");
		ward_vt_print(&b, types[i]);
	}
	ward_buf_adds(&b, " are not compatible");
	ward_buf_adds(&help, "for policy `");
	ward_vt_print_name(&help, c->id);
	ward_buf_adds(&help, "`, ");
	ward_buf_adds(&help, lub_wheres[where]);
	ward_buf_adds(&help, " must have compatible types. ");
	ward_buf_adds(&help, lub_whys[why]);
	if (help.failed)
		c->failed = true;
	ward_cedar_find(c, CEDAR_FINDING_INCOMPATIBLE_TYPES, at, &b, ward_buf_cstr(&help));
}

/* An access, from the entity or the context that it begins at: the names, the last first. */
struct access {
	const struct node *root; /* an entity, or the context, or neither */
	uint32_t n;
};

static bool is_root(const struct node *n)
{
	const struct cedar_str *const *names;

	if (n->type != NULL && ward_vt_names(n->type, &names) > 0)
		return true;
	return n->kind != CEDAR_X_ATTR;
}

static struct access access_of(const struct node *what)
{
	struct access a = { what, 1 };

	while (!is_root(a.root)) {
		a.root = a.root->v[0];
		a.n++;
	}
	return a;
}

static void print_step(struct ward_buf *out, const struct cedar_str *name, bool dot)
{
	if (ward_cedar_is_ident(ward_cedar_text(name))) {
		if (dot)
			ward_buf_addc(out, '.');
		ward_buf_add(out, name->s, name->n);
	} else {
		ward_buf_addc(out, '[');
		ward_cedar_quote(out, ward_cedar_text(name));
		ward_buf_addc(out, ']');
	}
}

/* .a.b of the ATTR nodes above root, up to what. */
static void print_steps(struct checker *c, struct ward_buf *out, const struct node *what,
	struct access a, bool dot)
{
	const struct node **v = ward_cedar_check_alloc(c, c->per_env, a.n, sizeof(*v));
	uint32_t n = 0;

	for (; v != NULL && what != a.root; what = what->v[0])
		v[n++] = what;
	while (n > 0) {
		print_step(out, v[--n]->str, dot);
		dot = true;
	}
}

static void print_access(struct checker *c, struct ward_buf *out, const struct node *what,
	const struct cedar_str *name)
{
	struct access a = access_of(what);
	const struct cedar_str *const *names;
	uint32_t n = a.root->type != NULL ? ward_vt_names(a.root->type, &names) : 0;

	ward_buf_adds(out, "`");
	print_steps(c, out, what, a, false);
	print_step(out, name, a.n > 1);
	ward_buf_adds(out, "`");
	if (n > 0) {
		ward_buf_adds(out, n == 1 ? " on entity type `" : " on entity types `");
		for (uint32_t i = 0; i < n; i++) {
			if (i > 0)
				ward_buf_adds(out, "`, `");
			if (out->n >= PRINTED_MAX) {
				ward_buf_adds(out, "..");
				break;
			}
			ward_buf_add(out, names[i]->s, names[i]->n);
		}
		ward_buf_adds(out, "`");
	} else if (a.root->kind == CEDAR_X_VAR && a.root->aux == CEDAR_CONTEXT) {
		ward_buf_adds(out, " in context for ");
		ward_cedar_print_uid(out, c->env->action->uid);
	}
}

static void suggest_guard(struct checker *c, struct ward_buf *out, const struct node *what,
	const struct cedar_str *name)
{
	struct access a = access_of(what);
	bool context = a.root->kind == CEDAR_X_VAR && a.root->aux == CEDAR_CONTEXT;

	ward_buf_adds(out, "try testing for the attribute's presence with `");
	ward_buf_adds(out, context ? "context" : "e");
	print_steps(c, out, what, a, true);
	ward_buf_adds(out, " has ");
	if (ward_cedar_is_ident(ward_cedar_text(name)))
		ward_buf_add(out, name->s, name->n);
	else
		ward_cedar_quote(out, ward_cedar_text(name));
	ward_buf_adds(out, " && ..`");
}

static void suggest_name(struct checker *c, struct ward_buf *out, const struct node *what,
	const struct cedar_str *name)
{
	const struct cedar_type *known = ward_vt_attrs(c, what->type);
	const struct cedar_str *best = NULL;
	bool more = ward_vt_may_have(c, what->type, name);
	struct nearest s;

	if (known != NULL && ward_cedar_nearest_begin(c, &s, ward_cedar_text(name)))
		for (uint32_t i = 0; i < known->n; i++)
			if (ward_cedar_nearest_try(&s, ward_cedar_text(known->attrs[i].name)))
				best = known->attrs[i].name;
	if (best != NULL) {
		ward_buf_adds(out, "did you mean `");
		ward_vt_print_name(out, best);
		ward_buf_adds(out, "`?");
		if (more)
			ward_buf_adds(out,
				" (there may also be additional attributes that the validator is not able to reason about)");
	} else if (more) {
		ward_buf_adds(out,
			"there may be additional attributes that the validator is not able to reason about");
	}
}

void ward_cedar_find_attr(struct checker *c, struct cedar_span at, const struct node *what,
	const struct cedar_str *name, bool optional)
{
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf help WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	ward_buf_adds(&b,
		optional ? "unable to guarantee safety of access to optional attribute "
			 : "attribute ");
	print_access(c, &b, what, name);
	if (optional) {
		suggest_guard(c, &help, what, name);
	} else {
		ward_buf_adds(&b, " not found");
		suggest_name(c, &help, what, name);
	}
	if (help.failed)
		c->failed = true;
	ward_cedar_find(c,
		optional ? CEDAR_FINDING_UNSAFE_OPTIONAL_ATTRIBUTE_ACCESS
			 : CEDAR_FINDING_UNSAFE_ATTRIBUTE_ACCESS,
		at, &b, help.n > 0 ? ward_buf_cstr(&help) : NULL);
}

/* The one entity type that it is, or NULL. */
static const struct cedar_str *single(const struct cedar_type *t)
{
	return t != NULL && t->kind == CEDAR_TYPE_ENTITY ? t->name : NULL;
}

void ward_cedar_find_tag(struct checker *c, const struct node *n)
{
	const struct cedar_str *name = single(n->v[0]->type);
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf help WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	ward_buf_adds(&b, "unable to guarantee safety of access to tag `");
	ward_cedar_print_node(c, &b, n->v[1]);
	ward_buf_adds(&b, "`");
	if (name != NULL) {
		ward_buf_adds(&b, " on entity type `");
		ward_buf_add(&b, name->s, name->n);
		ward_buf_adds(&b, "`");
	}
	ward_buf_adds(&help, "try testing for the tag's presence with `.hasTag(");
	ward_cedar_print_node(c, &help, n->v[1]);
	ward_buf_adds(&help, ") && ..`");
	if (help.failed)
		c->failed = true;
	ward_cedar_find(c, CEDAR_FINDING_UNSAFE_TAG_ACCESS, ward_cedar_node_at(n), &b,
		ward_buf_cstr(&help));
}

void ward_cedar_find_no_tags(struct checker *c, const struct node *n)
{
	const struct cedar_str *name = single(n->v[0]->type);
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	ward_buf_adds(&b, "`.getTag()` is not allowed on entities of ");
	if (name != NULL) {
		ward_buf_adds(&b, "type `");
		ward_buf_add(&b, name->s, name->n);
		ward_buf_adds(&b, "`");
	} else {
		ward_buf_adds(&b, "this type");
	}
	ward_buf_adds(&b, " because no `tags` were declared on the entity type in the schema");
	ward_cedar_find(c, CEDAR_FINDING_NO_TAGS_ALLOWED, ward_cedar_node_at(n), &b, NULL);
}
