/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entities and contexts in JSON, with a schema (first byte 's', 'c') and without ('e', 'x'). What is taken is printed and
 * read again, without a schema, and must then be printed the same; every entity is below its parents and their ancestors.
 * What is refused has a finding that can be shown, with a place that lies in the text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/entity/entity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

#define SCHEMA \
	"entity U in [G] { n: Long, o?: ipaddr, d?: decimal, s: Set<U>, r?: {a: Long, b?: String}, m?: datetime, u?: duration }" \
	" tags Set<Long>; entity G in [G]; entity V enum [\"x\", \"y\"]; action top; action grp in top;" \
	" action act in grp appliesTo {principal: U, resource: G, context: {n: Long, o?: ipaddr, s?: Set<V>}};"

static void check_findings(struct cedar_diags *d, struct ward_str text)
{
	struct ward_buf b = WARD_BUF_INIT;

	MUST(d->n > 0 && !d->failed);
	for (size_t i = 0; i < d->n; i++) {
		MUST(d->v[i].start <= d->v[i].end && d->v[i].end <= text.n);
		MUST(d->v[i].message[0] != '\0');
		ward_cedar_diag_print(&b, &d->v[i], "f", text);
	}
	MUST(!b.failed);
	ward_buf_done(&b);
}

static void check_hierarchy(const struct cedar_entities *s)
{
	for (size_t i = 0; i < ward_cedar_entities_count(s); i++) {
		const struct cedar_entity *e = ward_cedar_entities_at(s, i);

		MUST(e != NULL && ward_cedar_entities_get(s, e->uid) == e);
		MUST(!ward_cedar_entity_in(e, e->uid));
		for (uint32_t k = 0; k < e->n_parents; k++) {
			const struct cedar_entity *p = ward_cedar_entities_get(s, e->parents[k]);

			MUST(ward_cedar_entity_in(e, e->parents[k]));
			for (uint32_t m = 0; p != NULL && m < p->n_ancestors; m++)
				MUST(ward_cedar_entity_in(e, p->ancestors[m]));
		}
		for (uint32_t k = 1; k < e->n_ancestors; k++)
			MUST(e->ancestors[k - 1]->hash <= e->ancestors[k]->hash);
	}
}

static void check_entities(struct ward_str text, const struct cedar_schema *schema)
{
	struct cedar_entities *s = NULL, *again = NULL;
	struct ward_buf first = WARD_BUF_INIT, second = WARD_BUF_INIT;
	struct cedar_diags d;

	MUST(ward_cedar_diags_init(&d) == WARD_OK);
	if (ward_cedar_entities_parse(text, schema, &s, &d) == WARD_OK) {
		MUST(d.errors == 0);
		check_hierarchy(s);
		ward_cedar_entities_json(s, &first);
		MUST(!first.failed);
		MUST(ward_cedar_entities_parse((struct ward_str){ first.s, first.n }, NULL, &again,
			     &d) == WARD_OK);
		ward_cedar_entities_json(again, &second);
		MUST(ward_str_eq((struct ward_str){ first.s, first.n },
			(struct ward_str){ second.s, second.n }));
		MUST(schema == NULL || ward_cedar_entities_validate(s, schema, &d) == WARD_OK);
	} else {
		MUST(s == NULL);
		check_findings(&d, text);
	}
	ward_cedar_entities_unref(s);
	ward_cedar_entities_unref(again);
	ward_buf_done(&first);
	ward_buf_done(&second);
	ward_cedar_diags_done(&d);
}

static void check_context(struct ward_str text, const struct cedar_schema *schema)
{
	struct cedar_pool *p = ward_cedar_pool_new(0);
	struct cedar_value v = { .tag = CEDAR_V_RECORD }, again = v;
	struct ward_buf first = WARD_BUF_INIT;
	struct cedar_request r = { 0 };
	struct cedar_diags d;

	MUST(p != NULL && ward_cedar_diags_init(&d) == WARD_OK);
	r.action = ward_cedar_intern_uid(p, ward_cedar_intern(p, "Action", 6),
		ward_cedar_intern(p, "act", 3));
	if (ward_cedar_context_parse(p, text, schema, r.action, &v.record, &d) == WARD_OK) {
		ward_cedar_value_json(&first, &v);
		MUST(!first.failed);
		MUST(ward_cedar_context_parse(p, (struct ward_str){ first.s, first.n }, NULL, NULL,
			     &again.record, &d) == WARD_OK);
		MUST(ward_cedar_value_eq(&v, &again));
		MUST(ward_cedar_value_hash(&v) == ward_cedar_value_hash(&again));
		r.context = v.record;
		if (schema != NULL && ward_cedar_request_validate(&r, schema, &d) < 0)
			check_findings(&d, text);
	} else {
		check_findings(&d, text);
	}
	ward_buf_done(&first);
	ward_cedar_diags_done(&d);
	ward_cedar_pool_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cedar_schema *schema;
	struct ward_str text = { (const char *)data + 1, size - 1 };

	if (schema == NULL)
		MUST(ward_cedar_schema_parse(ward_str(SCHEMA), CEDAR_SCHEMA_TEXT, &schema, NULL) ==
			WARD_OK);
	if (size == 0)
		return 0;
	if (data[0] == 's' || data[0] == 'e')
		check_entities(text, data[0] == 's' ? schema : NULL);
	else if (data[0] == 'c' || data[0] == 'x')
		check_context(text, data[0] == 'c' ? schema : NULL);
	return 0;
}
