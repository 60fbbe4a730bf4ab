/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas, entities, and validation by them.
 */
#include <stdlib.h>

#include "cedar/api/api.h"

/* ---- schemas ---- */

static int check_schema_size(struct ward_policy_diags *d, enum ward_policy_syntax syntax, size_t n)
{
	return ward_check_size(d, n,
		syntax == WARD_POLICY_CEDAR ? WARD_CEDAR_TEXT_MAX : WARD_CEDAR_JSON_BYTES_MAX);
}

static enum cedar_schema_syntax syntax_of(enum ward_policy_syntax s)
{
	return s == WARD_POLICY_CEDAR ? CEDAR_SCHEMA_TEXT : CEDAR_SCHEMA_JSON;
}

int ward_policy_schema_parse(enum ward_policy_syntax syntax, const char *file, const char *text,
	size_t n, struct ward_policy_schema **ret, struct ward_policy_diags *d)
{
	struct ward_str t = ward_text_of(text, n);
	struct ward_policy_schema *s;
	struct cedar_diags found;
	int r = check_schema_size(d, syntax, n);

	if (r < 0)
		return r;
	r = ward_cedar_diags_init(&found);
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		r = WARD_E_NOMEM;
	if (r == WARD_OK)
		r = ward_cedar_schema_parse(t, syntax_of(syntax), &s->schema, &found);
	r = ward_diags_move(d, &found, &(struct origin){ file, t, NULL }, r);
	if (r < 0 || s == NULL) {
		if (s != NULL)
			ward_cedar_schema_free(s->schema);
		free(s);
		return r;
	}
	s->refs = 1;
	*ret = s;
	return WARD_OK;
}

struct ward_policy_schema *ward_policy_schema_ref(struct ward_policy_schema *s)
{
	if (s != NULL)
		ward_refs_more(&s->refs);
	return s;
}

void ward_policy_schema_unref(struct ward_policy_schema *s)
{
	if (s == NULL || !ward_refs_last(&s->refs))
		return;
	ward_cedar_schema_free(s->schema);
	free(s);
}

/* With every name resolved: through the schema itself, which must be whole then. */
static int resolve(struct ward_str text, enum ward_policy_syntax from, struct ward_buf *out,
	struct cedar_diags *d)
{
	WARD_CLEANUP(ward_cedar_schema_freep) struct cedar_schema *s = NULL;
	int r = ward_cedar_schema_parse(text, syntax_of(from), &s, d);

	return r < 0 ? r : ward_cedar_schema_to_resolved_json(s, out, d);
}

int ward_policy_schema_translate(enum ward_policy_syntax from, enum ward_policy_syntax to,
	const char *file, const char *text, size_t n, char **ret, size_t *ret_n,
	struct ward_policy_diags *d)
{
	struct ward_str t = ward_text_of(text, n);
	struct ward_buf b = GIVE_BUF;
	struct cedar_diags found;
	int r = check_schema_size(d, from, n);

	if (r < 0)
		return r;
	r = ward_cedar_diags_init(&found);
	if (r == WARD_OK && to == WARD_POLICY_JSON_RESOLVED)
		r = resolve(t, from, &b, &found);
	else if (r == WARD_OK)
		r = ward_cedar_schema_translate(t, syntax_of(from), syntax_of(to), &b, &found);
	r = ward_diags_move(d, &found, &(struct origin){ file, t, NULL }, r);
	return ward_give_after(d, r, &b, ret, ret_n);
}

/* ---- entities ---- */

int ward_policy_entities_parse(const struct ward_policy_schema *schema, const char *file,
	const char *text, size_t n, struct ward_policy_entities **ret, struct ward_policy_diags *d)
{
	struct ward_str t = ward_text_of(text, n);
	struct cedar_entities *e = NULL;
	struct cedar_diags found;
	int r = ward_check_size(d, n, WARD_CEDAR_JSON_BYTES_MAX);

	if (r < 0)
		return r;
	r = ward_cedar_diags_init(&found);
	if (r == WARD_OK)
		r = ward_cedar_entities_parse(t, schema != NULL ? schema->schema : NULL, &e,
			&found);
	r = ward_diags_move(d, &found, &(struct origin){ file, t, NULL }, r);
	if (r < 0) {
		ward_cedar_entities_unref(e);
		return r;
	}
	*ret = (struct ward_policy_entities *)e;
	return WARD_OK;
}

struct ward_policy_entities *ward_policy_entities_ref(struct ward_policy_entities *e)
{
	if (e != NULL)
		(void)ward_cedar_entities_ref(ward_entities_of(e));
	return e;
}

void ward_policy_entities_unref(struct ward_policy_entities *e)
{
	ward_cedar_entities_unref(ward_entities_of(e));
}

size_t ward_policy_entities_count(const struct ward_policy_entities *e)
{
	return ward_cedar_entities_count(ward_entities_of(e));
}

int ward_policy_entities_validate(const struct ward_policy_entities *e,
	const struct ward_policy_schema *schema, struct ward_policy_diags *d)
{
	struct cedar_diags found;
	int r = ward_cedar_diags_init(&found);

	if (r == WARD_OK)
		r = ward_cedar_entities_validate(ward_entities_of(e), schema->schema, &found);
	return ward_diags_move(d, &found, &(struct origin){ 0 }, r);
}

int ward_policy_entities_print(const struct ward_policy_entities *e, char **ret, size_t *ret_n)
{
	struct ward_buf b = GIVE_BUF;

	ward_cedar_entities_json(ward_entities_of(e), &b);
	return ward_give(&b, ret, ret_n);
}

/* ---- validation ---- */

int ward_policy_validate(const struct ward_policy_set *s, const struct ward_policy_schema *schema,
	const struct ward_policy_validate_options *o, struct ward_policy_diags *d)
{
	struct cedar_validate_options opts = { .mode = CEDAR_STRICT, .level = -1 };
	struct cedar_diags found;
	int r = ward_set_usable(s, d);

	if (r < 0)
		return r;
	if (o != NULL) {
		opts.mode = o->mode == WARD_POLICY_PERMISSIVE ? CEDAR_PERMISSIVE : CEDAR_STRICT;
		opts.inapplicable_is_error = o->inapplicable_is_error;
		if (o->levels)
			opts.level = o->level > INT32_MAX ? INT32_MAX : (int)o->level;
	}
	r = ward_cedar_diags_init(&found);
	if (r == WARD_OK)
		r = ward_cedar_validate(schema->schema, &s->p, &opts, &found);
	return ward_diags_move_of(d, &found, ward_set_source, s, r);
}
