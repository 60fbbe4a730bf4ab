/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema, a line "---" and policies. Whatever both are, the validator ends, finds the same twice, each finding once and
 * at a place in the text, and what is valid strictly is valid permissively. Templates are linked to one another's names.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void check_findings(const struct cedar_diags *d, size_t n)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct cedar_diag *g = &d->v[i];

		MUST(g->start <= g->end && g->end <= n);
		MUST(g->message[0] != '\0' && g->policy != NULL);
		MUST(g->kind > CEDAR_FINDING_NONE && g->kind < CEDAR_FINDING_MAX);
		MUST(ward_utf8_valid(g->message, strlen(g->message)));
		/* Texts that look like others (strings.c) are found wherever they stand. */
		for (size_t j = 0; j < i &&
			(g->kind < CEDAR_FINDING_MIXED_SCRIPT_STRING ||
				g->kind > CEDAR_FINDING_CONFUSABLE_IDENTIFIER);
			j++) {
			const struct cedar_diag *h = &d->v[j];

			MUST(h->kind != g->kind || h->start != g->start || h->end != g->end ||
				strcmp(h->policy, g->policy) != 0 ||
				strcmp(h->message, g->message) != 0 ||
				!ward_streq(h->help, g->help));
		}
	}
}

static int validate(const struct cedar_schema *schema, const struct cedar_policies *set,
	uint8_t mode, int level, size_t n)
{
	const struct cedar_validate_options o = { .mode = mode, .level = level };
	struct cedar_diags d, again;
	int r, twice;

	MUST(ward_cedar_diags_init(&d) == WARD_OK && ward_cedar_diags_init(&again) == WARD_OK);
	r = ward_cedar_validate(schema, set, &o, &d);
	twice = ward_cedar_validate(schema, set, &o, &again);
	MUST(r == twice && d.n == again.n && d.errors == again.errors);
	MUST(r == WARD_E_LIMIT || (r == WARD_OK) == (d.errors == 0));
	if (r != WARD_E_LIMIT)
		check_findings(&d, n);
	for (size_t i = 0; i < d.n; i++)
		MUST(strcmp(d.v[i].message, again.v[i].message) == 0);
	ward_cedar_diags_done(&d);
	ward_cedar_diags_done(&again);
	return r;
}

/* Each template to entities that stand in the scope of the first policy, where there are any. */
static void link_all(struct cedar_policies *set)
{
	const struct cedar_policy *p = set->statics.n > 0 ? set->statics.v[0] : NULL;

	for (size_t i = 0; p != NULL && i < set->templates.n; i++) {
		const struct cedar_policy *t = set->templates.v[i];
		const struct cedar_uid *slots[CEDAR_SLOT_MAX] = {
			t->principal.slot ? p->principal.uid : NULL,
			t->resource.slot ? p->resource.uid : NULL,
		};
		char id[32];

		(void)snprintf(id, sizeof(id), "link%zu", i);
		(void)ward_cedar_policies_link(set, ward_cedar_text(t->id), ward_str(id), slots,
			NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct cedar_schema *schema = NULL;
	struct cedar_policies set;
	size_t at = 0, n;

	while (at + 5 <= size && memcmp(text + at, "\n---\n", 5) != 0)
		at++;
	if (at + 5 > size)
		return 0;
	n = size - at - 5;
	if (ward_cedar_schema_parse((struct ward_str){ text, at }, CEDAR_SCHEMA_TEXT, &schema,
		    NULL) < 0)
		return 0;
	MUST(ward_cedar_policies_init(&set) == WARD_OK);
	if (ward_cedar_policies_parse(&set, (struct ward_str){ text + at + 5, n }, NULL, false,
		    NULL) == WARD_OK) {
		link_all(&set);
		int strict = validate(schema, &set, CEDAR_STRICT, -1, n);
		int permissive = validate(schema, &set, CEDAR_PERMISSIVE, -1, n);

		MUST(strict != WARD_OK || permissive == WARD_OK);
		(void)validate(schema, &set, CEDAR_STRICT, (int)(n % 4), n);
		(void)validate(schema, &set, CEDAR_PERMISSIVE, (int)(n % 4), n);
	}
	ward_cedar_policies_done(&set);
	ward_cedar_schema_free(schema);
	return 0;
}
