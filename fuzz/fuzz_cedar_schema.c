/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema in either syntax: what begins with a brace or blanks before one is JSON as well. What is taken must come back the
 * same through JSON, and through text where that can say it; what is refused must have a finding that can be shown.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cedar/schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static struct ward_str str(const struct ward_buf *b)
{
	return (struct ward_str){ b->s, b->n };
}

/* Places lie in the text, and each finding can be printed. */
static void check_findings(const struct cedar_diags *d, struct ward_str text)
{
	struct ward_buf b = { 0 };

	MUST(d->errors > 0 && !d->failed);
	for (size_t i = 0; i < d->n; i++) {
		MUST(d->v[i].start <= d->v[i].end && d->v[i].end <= text.n);
		ward_cedar_diag_print(&b, &d->v[i], "f", text);
	}
	MUST(!b.failed);
	ward_buf_done(&b);
}

static void check_schema(const struct cedar_schema *s)
{
	for (uint32_t i = 0; i < s->n_entities; i++) {
		const struct cedar_entity_type *e = s->entities[i];

		MUST(ward_cedar_schema_entity(s, e->name) == e &&
			e->attrs->kind == CEDAR_TYPE_RECORD);
		for (uint32_t j = 0; j < e->n_ancestors; j++)
			MUST(ward_cedar_entity_type_in(e, e->ancestors[j]));
		for (uint32_t j = 0; j < e->n_descendants; j++)
			MUST(ward_cedar_entity_type_in(e->descendants[j], e));
		MUST(i == 0 || ward_cedar_str_cmp(s->entities[i - 1]->name, e->name) < 0);
	}
	for (uint32_t i = 0; i < s->n_actions; i++) {
		const struct cedar_action_type *a = s->actions[i];

		MUST(ward_cedar_schema_action(s, a->uid) == a &&
			a->context->kind == CEDAR_TYPE_RECORD);
		MUST(ward_cedar_schema_is_action_type(s, a->uid->type));
		for (uint32_t j = 0; j < a->n_ancestors; j++)
			MUST(a->ancestors[j] != a && ward_cedar_action_in(a, a->ancestors[j]));
	}
}

/* JSON of what is read again is the same JSON; text says the same too, though not in the same words. */
static void check_round_trip(const struct cedar_schema *s)
{
	struct ward_buf json = { 0 }, resolved = { 0 }, text = { 0 }, again = { 0 };
	struct cedar_schema *other = NULL;

	MUST(ward_cedar_schema_to_json(s, &json, NULL) == WARD_OK);
	MUST(ward_cedar_schema_to_resolved_json(s, &resolved, NULL) == WARD_OK);
	MUST(ward_cedar_schema_parse(str(&json), CEDAR_SCHEMA_JSON, &other, NULL) == WARD_OK);
	MUST(ward_cedar_schema_to_json(other, &again, NULL) == WARD_OK);
	MUST(ward_str_eq(str(&json), str(&again)));
	ward_buf_clear(&again);
	MUST(ward_cedar_schema_to_resolved_json(other, &again, NULL) == WARD_OK);
	MUST(ward_str_eq(str(&resolved), str(&again)));
	ward_cedar_schema_freep(&other);
	if (ward_cedar_schema_to_text(s, &text, NULL) == WARD_OK) {
		MUST(ward_cedar_schema_parse(str(&text), CEDAR_SCHEMA_TEXT, &other, NULL) ==
			WARD_OK);
		MUST(other->n_entities == s->n_entities && other->n_actions == s->n_actions);
		ward_buf_clear(&again);
		MUST(ward_cedar_schema_to_text(other, &again, NULL) == WARD_OK);
		MUST(ward_str_eq(str(&text), str(&again)));
		ward_cedar_schema_freep(&other);
	}
	ward_buf_done(&json);
	ward_buf_done(&resolved);
	ward_buf_done(&text);
	ward_buf_done(&again);
}

static void read(struct ward_str text, enum cedar_schema_syntax syntax)
{
	struct cedar_schema *s = NULL;
	struct cedar_diags d;

	MUST(ward_cedar_diags_init(&d) == WARD_OK);
	if (ward_cedar_schema_parse(text, syntax, &s, &d) == WARD_OK) {
		check_schema(s);
		check_round_trip(s);
	} else {
		MUST(s == NULL);
		check_findings(&d, text);
	}
	ward_cedar_schema_free(s);
	ward_cedar_diags_done(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ward_str text = { (const char *)data, size };
	size_t i = 0;

	read(text, CEDAR_SCHEMA_TEXT);
	while (i < size && (data[i] == ' ' || data[i] == '\n'))
		i++;
	if (i < size && data[i] == '{')
		read(text, CEDAR_SCHEMA_JSON);
	return 0;
}
