/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy sets in JSON. What is taken is printed and read again, and must then be printed the same; what is refused must
 * leave the set as it was and have a finding that can be shown.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/est/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void check_findings(struct cedar_diags *d, struct ward_str text)
{
	struct ward_buf b = { 0 };

	MUST(d->n > 0 && !d->failed);
	for (size_t i = 0; i < d->n; i++) {
		MUST(d->v[i].start <= d->v[i].end && d->v[i].end <= text.n);
		ward_cedar_diag_print(&b, &d->v[i], "f", text);
	}
	MUST(!b.failed);
	ward_buf_done(&b);
}

/* A chain of a text within the JSON may be longer than JSON may be deep. */
static bool is_too_deep(const struct cedar_diags *d)
{
	return d->n > 0 && strstr(d->v[0].message, "nested") != NULL;
}

static void check_again(const struct cedar_policies *s)
{
	struct ward_buf first = { 0 }, second = { 0 };
	struct cedar_policies again;
	struct cedar_diags d;

	MUST(ward_cedar_policies_init(&again) == WARD_OK && ward_cedar_diags_init(&d) == WARD_OK);
	ward_cedar_policies_json(&first, s);
	MUST(!first.failed);
	if (ward_cedar_policies_parse_json(&again, (struct ward_str){ first.s, first.n }, &d) ==
		WARD_OK) {
		ward_cedar_policies_json(&second, &again);
		MUST(ward_str_eq((struct ward_str){ first.s, first.n },
			(struct ward_str){ second.s, second.n }));
		MUST(again.statics.n == s->statics.n && again.templates.n == s->templates.n);
		MUST(again.n_links == s->n_links);
		for (size_t i = 0; i < s->statics.n; i++) {
			const struct cedar_policy *p = s->statics.v[i];
			const struct cedar_policy *q =
				ward_cedar_policies_get(&again, ward_cedar_text(p->id));

			MUST(q != NULL && ward_cedar_policy_eq(p, q));
			for (uint32_t k = 0; k < p->n_conditions; k++)
				MUST(ward_cedar_expr_depth(p->conditions[k].body) <=
					WARD_CEDAR_DEPTH_MAX);
		}
	} else {
		MUST(is_too_deep(&d));
	}
	ward_buf_done(&first);
	ward_buf_done(&second);
	ward_cedar_policies_done(&again);
	ward_cedar_diags_done(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ward_str text = { (const char *)data, size };
	struct cedar_policies s;
	struct cedar_diags d;

	MUST(ward_cedar_policies_init(&s) == WARD_OK && ward_cedar_diags_init(&d) == WARD_OK);
	if (ward_cedar_policies_parse_json(&s, text, &d) == WARD_OK) {
		check_again(&s);
	} else {
		check_findings(&d, text);
		MUST(s.statics.n == 0 && s.templates.n == 0 && s.n_links == 0);
		MUST(ward_cedar_policies_get(&s, WARD_STR("a")) == NULL);
	}
	ward_cedar_policies_done(&s);
	ward_cedar_diags_done(&d);
	return 0;
}
