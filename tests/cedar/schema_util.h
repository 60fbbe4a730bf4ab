/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of schemas: everything that a resolved schema says, as text, so that two of them can be compared whatever
 * syntax they came from.
 */
#pragma once

#include "cedar/schema/schema.h"
#include "tap.h"

static TAP_UNUSED void describe_types(struct ward_buf *b, const char *what,
	const struct cedar_entity_type *const *v, uint32_t n)
{
	ward_buf_addf(b, " %s", what);
	for (uint32_t i = 0; i < n; i++)
		ward_buf_addf(b, " %s", v[i]->name->s);
}

static TAP_UNUSED void describe_actions(struct ward_buf *b, const char *what,
	const struct cedar_action_type *const *v, uint32_t n)
{
	ward_buf_addf(b, " %s", what);
	for (uint32_t i = 0; i < n; i++) {
		ward_buf_addc(b, ' ');
		ward_cedar_print_uid(b, v[i]->uid);
	}
}

static TAP_UNUSED void describe_entity(struct ward_buf *b, const struct cedar_entity_type *e)
{
	ward_buf_addf(b, "%s ", e->name->s);
	ward_cedar_type_print(b, e->attrs);
	if (e->tags != NULL) {
		ward_buf_adds(b, " tags ");
		ward_cedar_type_print(b, e->tags);
	}
	for (uint32_t i = 0; e->is_enum && i < e->n_ids; i++) {
		ward_buf_adds(b, i == 0 ? " enum " : ", ");
		ward_cedar_quote(b, ward_cedar_text(e->ids[i]));
	}
	describe_types(b, "<", e->parents, e->n_parents);
	describe_types(b, "<<", e->ancestors, e->n_ancestors);
	describe_types(b, ">>", e->descendants, e->n_descendants);
	ward_buf_addc(b, '\n');
}

static TAP_UNUSED void describe_action(struct ward_buf *b, const struct cedar_action_type *a)
{
	ward_cedar_print_uid(b, a->uid);
	ward_buf_addc(b, ' ');
	ward_cedar_type_print(b, a->context);
	if (a->applies)
		ward_buf_adds(b, " applies");
	describe_types(b, "principal", a->principals, a->n_principals);
	describe_types(b, "resource", a->resources, a->n_resources);
	describe_actions(b, "<", a->parents, a->n_parents);
	describe_actions(b, "<<", a->ancestors, a->n_ancestors);
	describe_actions(b, ">>", a->descendants, a->n_descendants);
	ward_buf_addc(b, '\n');
}

static TAP_UNUSED void describe(struct ward_buf *b, const struct cedar_schema *s)
{
	for (uint32_t i = 0; i < s->n_entities; i++)
		describe_entity(b, s->entities[i]);
	for (uint32_t i = 0; i < s->n_actions; i++)
		describe_action(b, s->actions[i]);
	for (uint32_t i = 0; i < s->n_action_types; i++)
		ward_buf_addf(b, "%s\n", s->action_types[i]->s);
}

/* The schema of a text, NULL where it is none; *d holds what was found. */
static TAP_UNUSED struct cedar_schema *schema_of(struct ward_str text, enum cedar_schema_syntax syntax,
	struct cedar_diags *d)
{
	struct cedar_schema *s = NULL;
	int code;

	ward_cedar_diags_done(d);
	REQUIRE(ward_cedar_diags_init(d) == WARD_OK);
	code = ward_cedar_schema_parse(text, syntax, &s, d);
	CHECK_EQ_INT(code == WARD_OK, s != NULL);
	CHECK_EQ_INT(code != WARD_OK, d->errors > 0);
	return s;
}

static TAP_UNUSED const char *first_error(const struct cedar_diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->v[i].severity == CEDAR_ERROR)
			return d->v[i].message;
	}
	return "ok";
}

/* A whole file, to be freed; NULL: it is not there. */
static TAP_UNUSED char *read_file(const char *path, size_t *ret_n)
{
	struct ward_buf b = { .max = 1u << 26 };
	char part[65536];
	size_t n;
	FILE *f = fopen(path, "rb");

	if (f == NULL)
		return NULL;
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		ward_buf_add(&b, part, n);
	fclose(f);
	ward_buf_adds(&b, "");
	*ret_n = b.n;
	return b.n > 0 ? ward_buf_take(&b) : calloc(1, 1);
}
