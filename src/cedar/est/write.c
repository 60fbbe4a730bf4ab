/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of trees in the layout of the language. Chains of && and || are nested to the left, however long, without
 * recursion. Members stand in the order of the language's own tools; fields of records and annotations by name.
 */
#include <stdlib.h>

#include "cedar/est/read.h"

static void add_str(struct ward_buf *out, const struct cedar_str *s)
{
	ward_jw_str(out, s->s, s->n);
}

static void add_key(struct ward_buf *out, const struct cedar_str *s)
{
	add_str(out, s);
	ward_buf_addc(out, ':');
}

static void kstr(struct ward_buf *out, const char *key, const struct cedar_str *s)
{
	ward_jw_key(out, key);
	add_str(out, s);
}

static void kexpr(struct ward_buf *out, const char *key, const struct cedar_expr *x)
{
	ward_jw_key(out, key);
	ward_cedar_expr_json(out, x);
}

/* { "key": */
static void open_one(struct ward_buf *out, const char *key)
{
	ward_jw_open(out, '{');
	ward_jw_key(out, key);
}

static void add_uid(struct ward_buf *out, const struct cedar_uid *uid)
{
	ward_jw_open(out, '{');
	kstr(out, "type", uid->type);
	kstr(out, "id", uid->id);
	ward_jw_close(out, '}');
}

/* ---- lists and records ---- */

typedef void print_fn(struct ward_buf *out, const struct cedar_expr *x);

static void add_list(struct ward_buf *out, const struct cedar_expr *x, print_fn *print)
{
	ward_jw_open(out, '[');
	for (uint32_t i = 0; i < x->n; i++)
		print(out, x->v[i]);
	ward_jw_close(out, ']');
}

static void add_fields(struct ward_buf *out, const struct cedar_expr *x, print_fn *print)
{
	const struct cedar_field **v = ward_cedar_fields_sorted(x);

	if (v == NULL) {
		out->failed = true;
		return;
	}
	ward_jw_open(out, '{');
	for (uint32_t i = 0; i < x->n; i++) {
		add_key(out, v[i]->name);
		print(out, v[i]->x);
	}
	ward_jw_close(out, '}');
	free(v);
}

/* ---- values ---- */

/* Entity-JSON of what was read as that. */
static void add_value(struct ward_buf *out, const struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL: ward_jw_bool(out, x->truth); break;
	case CEDAR_X_LONG: ward_jw_i64(out, x->number); break;
	case CEDAR_X_STRING: add_str(out, x->str); break;
	case CEDAR_X_ENTITY:
		open_one(out, "__entity");
		add_uid(out, x->uid);
		ward_jw_close(out, '}');
		break;
	case CEDAR_X_SET: add_list(out, x, add_value); break;
	case CEDAR_X_RECORD: add_fields(out, x, add_value); break;
	case CEDAR_X_CALL:
		open_one(out, "__extn");
		ward_jw_open(out, '{');
		ward_jw_kstr(out, "fn", ward_cedar_functions[x->aux].name);
		ward_jw_key(out, x->n == 1 ? "arg" : "args");
		if (x->n == 1)
			add_value(out, x->v[0]);
		else
			add_list(out, x, add_value);
		ward_buf_adds(out, "}}");
		break;
	default: ward_jw_null(out); break; /* nothing else is read as a value */
	}
}

static void as_value(struct ward_buf *out, const struct cedar_expr *x)
{
	open_one(out, "Value");
	add_value(out, x);
	ward_jw_close(out, '}');
}

/* A value that evaluation made: the nodes that it stands for. */
static void made_value(struct ward_buf *out, const struct cedar_value *v)
{
	struct cedar_pool *pool = ward_cedar_pool_new(0);
	const struct cedar_expr *x = pool != NULL ? ward_cedar_value_expr(pool, v) : NULL;

	if (x == NULL)
		out->failed = true;
	else
		ward_cedar_expr_json(out, x);
	ward_cedar_pool_free(pool);
}

/* ---- operators ---- */

static void add_chain(struct ward_buf *out, const struct cedar_expr *x)
{
	for (uint32_t i = 1; i < x->n; i++) {
		open_one(out, ward_cedar_est_names[x->kind]);
		open_one(out, "left");
	}
	ward_cedar_expr_json(out, x->v[0]);
	for (uint32_t i = 1; i < x->n; i++) {
		kexpr(out, "right", x->v[i]);
		ward_buf_adds(out, "}}");
	}
}

/* One character each, as the language's own tools write patterns. */
static void add_pattern(struct ward_buf *out, const struct cedar_str *pattern)
{
	ward_jw_open(out, '[');
	for (uint32_t i = 0; i < pattern->n;) {
		unsigned char c = (unsigned char)pattern->s[i];
		uint32_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		if (c == 0xff) {
			ward_jw_cstr(out, "Wildcard");
			i++;
			continue;
		}
		open_one(out, "Literal");
		ward_jw_str(out, pattern->s + i, n);
		ward_jw_close(out, '}');
		i += n;
	}
	ward_jw_close(out, ']');
}

static void add_names(struct ward_buf *out, const struct cedar_expr *x)
{
	ward_jw_key(out, "attr");
	if (x->n == 1) {
		add_str(out, x->names[0]);
		return;
	}
	ward_jw_open(out, '[');
	for (uint32_t i = 0; i < x->n; i++)
		add_str(out, x->names[i]);
	ward_jw_close(out, ']');
}

/* What is in the object under the operator's name. */
static void add_operands(struct ward_buf *out, const struct cedar_expr *x)
{
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_NOT:
	case CEDAR_X_NEG:
	case CEDAR_X_IS_EMPTY: kexpr(out, "arg", x->a); break;
	case CEDAR_X_IF:
		kexpr(out, "if", x->v[0]);
		kexpr(out, "then", x->v[1]);
		kexpr(out, "else", x->v[2]);
		break;
	case CEDAR_X_ATTR:
		kexpr(out, "left", x->a);
		kstr(out, "attr", x->name);
		break;
	case CEDAR_X_HAS:
		kexpr(out, "left", x->a);
		add_names(out, x);
		break;
	case CEDAR_X_LIKE:
		kexpr(out, "left", x->a);
		ward_jw_key(out, "pattern");
		add_pattern(out, x->pattern);
		break;
	case CEDAR_X_IS:
		kexpr(out, "left", x->a);
		kstr(out, "entity_type", x->is->type);
		if (x->is->in != NULL)
			kexpr(out, "in", x->is->in);
		break;
	default:
		kexpr(out, "left", x->a);
		kexpr(out, "right", x->b);
		break;
	}
}

static void add_unknown(struct ward_buf *out, const struct cedar_str *name)
{
	open_one(out, "unknown");
	ward_jw_open(out, '[');
	open_one(out, "Value");
	add_str(out, name);
	ward_buf_adds(out, "}]}");
}

static void add_list_kind(struct ward_buf *out, const struct cedar_expr *x)
{
	if ((x->flags & CEDAR_AS_VALUE) != 0) {
		as_value(out, x);
		return;
	}
	open_one(out,
		x->kind == CEDAR_X_CALL ? ward_cedar_functions[x->aux].name
					: ward_cedar_est_names[x->kind]);
	if (x->kind == CEDAR_X_RECORD)
		add_fields(out, x, ward_cedar_expr_json);
	else
		add_list(out, x, ward_cedar_expr_json);
	ward_jw_close(out, '}');
}

void ward_cedar_expr_json(struct ward_buf *out, const struct cedar_expr *x)
{
	if (out->failed)
		return;
	switch ((enum cedar_expr_kind)x->kind) {
	case CEDAR_X_BOOL:
	case CEDAR_X_LONG:
	case CEDAR_X_STRING:
	case CEDAR_X_ENTITY: as_value(out, x); break;
	case CEDAR_X_VALUE: made_value(out, x->value); break;
	case CEDAR_X_VAR:
	case CEDAR_X_SLOT:
		open_one(out, x->kind == CEDAR_X_VAR ? "Var" : "Slot");
		ward_jw_cstr(out,
			x->kind == CEDAR_X_VAR ? ward_cedar_est_vars[x->aux]
					       : ward_cedar_est_slots[x->aux]);
		ward_jw_close(out, '}');
		break;
	case CEDAR_X_UNKNOWN: add_unknown(out, x->str); break;
	case CEDAR_X_AND:
	case CEDAR_X_OR: add_chain(out, x); break;
	case CEDAR_X_SET:
	case CEDAR_X_RECORD:
	case CEDAR_X_CALL: add_list_kind(out, x); break;
	default:
		open_one(out, ward_cedar_est_names[x->kind]);
		ward_jw_open(out, '{');
		add_operands(out, x);
		ward_buf_adds(out, "}}");
		break;
	}
}

/* ---- policies ---- */

static void add_target(struct ward_buf *out, const struct cedar_scope *s, unsigned slot)
{
	if (s->slot) {
		ward_jw_kstr(out, "slot", ward_cedar_est_slots[slot]);
		return;
	}
	ward_jw_key(out, "entity");
	add_uid(out, s->uid);
}

static void add_scope(struct ward_buf *out, const struct cedar_scope *s, unsigned slot)
{
	ward_jw_open(out, '{');
	ward_jw_kstr(out, "op", ward_cedar_est_ops[s->op]);
	if (s->op == CEDAR_SCOPE_IS || s->op == CEDAR_SCOPE_IS_IN)
		kstr(out, "entity_type", s->type);
	if (s->op == CEDAR_SCOPE_IS_IN) {
		ward_jw_key(out, "in");
		ward_jw_open(out, '{');
	}
	if (s->op != CEDAR_SCOPE_ANY && s->op != CEDAR_SCOPE_IS)
		add_target(out, s, slot);
	if (s->op == CEDAR_SCOPE_IS_IN)
		ward_jw_close(out, '}');
	ward_jw_close(out, '}');
}

/* A list of one in a text is the one; in JSON it stays a list. */
static void add_action(struct ward_buf *out, const struct cedar_action_scope *a)
{
	ward_jw_open(out, '{');
	ward_jw_kstr(out, "op", ward_cedar_est_ops[a->op]);
	if (a->op != CEDAR_SCOPE_ANY && a->n == 1 && (!a->list || a->at != NULL)) {
		ward_jw_key(out, "entity");
		add_uid(out, a->uids[0]);
	} else if (a->op != CEDAR_SCOPE_ANY) {
		ward_jw_key(out, "entities");
		ward_jw_open(out, '[');
		for (uint32_t i = 0; i < a->n; i++)
			add_uid(out, a->uids[i]);
		ward_jw_close(out, ']');
	}
	ward_jw_close(out, '}');
}

static void add_annotations(struct ward_buf *out, const struct cedar_policy *p)
{
	ward_jw_key(out, "annotations");
	ward_jw_open(out, '{');
	for (uint32_t i = 0; i < p->n_annotations; i++) {
		const struct cedar_annotation *a = &p->annotations[i];

		add_key(out, a->key);
		if (a->value != NULL)
			add_str(out, a->value);
		else
			ward_jw_null(out);
	}
	ward_jw_close(out, '}');
}

void ward_cedar_policy_json(struct ward_buf *out, const struct cedar_policy *p)
{
	ward_jw_open(out, '{');
	ward_jw_kstr(out, "effect", p->effect == CEDAR_PERMIT ? "permit" : "forbid");
	ward_jw_key(out, "principal");
	add_scope(out, &p->principal, CEDAR_SLOT_PRINCIPAL);
	ward_jw_key(out, "action");
	add_action(out, &p->action);
	ward_jw_key(out, "resource");
	add_scope(out, &p->resource, CEDAR_SLOT_RESOURCE);
	ward_jw_key(out, "conditions");
	ward_jw_open(out, '[');
	for (uint32_t i = 0; i < p->n_conditions; i++) {
		ward_jw_open(out, '{');
		ward_jw_kstr(out, "kind", p->conditions[i].unless ? "unless" : "when");
		kexpr(out, "body", p->conditions[i].body);
		ward_jw_close(out, '}');
	}
	ward_jw_close(out, ']');
	if (p->n_annotations > 0)
		add_annotations(out, p);
	ward_jw_close(out, '}');
}

/* ---- sets ---- */

static int by_policy_id(const void *a, const void *b)
{
	const struct cedar_policy *const *x = a, *const *y = b;

	return ward_cedar_str_cmp((*x)->id, (*y)->id);
}

static int by_link_id(const void *a, const void *b)
{
	const struct cedar_link *const *x = a, *const *y = b;

	return ward_cedar_str_cmp((*x)->id, (*y)->id);
}

static void add_policies(struct ward_buf *out, const char *key, const struct cedar_policy_list *l)
{
	const struct cedar_policy **v = calloc(l->n + 1, sizeof(*v));

	if (v == NULL) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < l->n; i++)
		v[i] = l->v[i];
	qsort(v, l->n, sizeof(*v), by_policy_id);
	ward_jw_key(out, key);
	ward_jw_open(out, '{');
	for (size_t i = 0; i < l->n; i++) {
		add_key(out, v[i]->id);
		ward_cedar_policy_json(out, v[i]);
	}
	ward_jw_close(out, '}');
	free(v);
}

static void add_link(struct ward_buf *out, const struct cedar_link *l)
{
	ward_jw_open(out, '{');
	kstr(out, "templateId", l->tmpl->id);
	kstr(out, "newId", l->id);
	ward_jw_key(out, "values");
	ward_jw_open(out, '{');
	for (unsigned i = 0; i < CEDAR_SLOT_MAX; i++) {
		if (l->slots[i] == NULL)
			continue;
		ward_jw_key(out, ward_cedar_est_slots[i]);
		add_uid(out, l->slots[i]);
	}
	ward_buf_adds(out, "}}");
}

void ward_cedar_policies_json(struct ward_buf *out, const struct cedar_policies *s)
{
	const struct cedar_link **v = calloc(s->n_links + 1, sizeof(*v));

	if (v == NULL) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < s->n_links; i++)
		v[i] = &s->links[i];
	qsort(v, s->n_links, sizeof(*v), by_link_id);
	ward_jw_open(out, '{');
	add_policies(out, "staticPolicies", &s->statics);
	add_policies(out, "templates", &s->templates);
	ward_jw_key(out, "templateLinks");
	ward_jw_open(out, '[');
	for (size_t i = 0; i < s->n_links; i++)
		add_link(out, v[i]);
	ward_buf_adds(out, "]}");
	free(v);
}
