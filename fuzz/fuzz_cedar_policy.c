/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy text through the parser, as policies, as one expression and as an identifier. What is taken must come back the
 * same from its own printing, and be printed as before; what is refused must have a finding that can be shown.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cedar/syntax/syntax.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static const struct cedar_parse_options options = { .unknowns = true };

/* Places lie in the text, and each finding can be printed. */
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
	ward_cedar_diags_done(d);
	MUST(ward_cedar_diags_init(d) == WARD_OK);
}

static void check_policy(struct cedar_pool *pool, const struct cedar_policy *p)
{
	struct cedar_policy_list again = { 0 };
	struct ward_buf b = { 0 }, c = { 0 };

	MUST(p->start < p->end && p->id != NULL);
	ward_cedar_print_policy(&b, p);
	MUST(!b.failed);
	MUST(ward_cedar_parse_policies(pool, (struct ward_str){ b.s, b.n }, &options, &again,
		     NULL) == WARD_OK);
	MUST(again.n == 1 && ward_cedar_policy_eq(p, again.v[0]));
	ward_cedar_print_policy(&c, again.v[0]);
	MUST(ward_str_eq((struct ward_str){ b.s, b.n }, (struct ward_str){ c.s, c.n }));
	for (uint32_t i = 0; i < p->n_conditions; i++)
		MUST(ward_cedar_expr_depth(p->conditions[i].body) <= WARD_CEDAR_DEPTH_MAX);
	ward_cedar_policy_list_done(&again);
	ward_buf_done(&b);
	ward_buf_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ward_str text = { (const char *)data, size };
	struct cedar_pool *pool = ward_cedar_pool_new(0);
	struct cedar_policy_list list = { 0 };
	const struct cedar_expr *x = NULL;
	const struct cedar_uid *uid = NULL;
	struct cedar_diags d;

	MUST(pool != NULL && ward_cedar_diags_init(&d) == WARD_OK);
	if (ward_cedar_parse_policies(pool, text, &options, &list, &d) != WARD_OK)
		check_findings(&d, text);
	for (size_t i = 0; i < list.n; i++)
		check_policy(pool, list.v[i]);
	if (ward_cedar_parse_expr(pool, text, &options, &x, &d) != WARD_OK)
		check_findings(&d, text);
	else
		MUST(x != NULL && ward_cedar_expr_eq(x, x));
	if (ward_cedar_parse_uid(pool, text, &uid, &d) != WARD_OK)
		check_findings(&d, text);
	ward_cedar_policy_list_done(&list);
	ward_cedar_diags_done(&d);
	ward_cedar_pool_free(pool);
	return 0;
}
