/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar/est: policies and policy sets in JSON, both ways, lossless up to blanks, comments and parentheses.
 */
#pragma once

#include "cedar/eval/eval.h"

void ward_cedar_expr_json(struct ward_buf *out, const struct cedar_expr *x);
void ward_cedar_policy_json(struct ward_buf *out, const struct cedar_policy *p);
/* {staticPolicies, templates, templateLinks}; ids ordered as in the set. */
void ward_cedar_policies_json(struct ward_buf *out, const struct cedar_policies *s);
/* One policy or template. unknowns: as in struct cedar_parse_options. */
int ward_cedar_policy_from_json(struct cedar_pool *pool, const struct ward_json *j, const struct cedar_str *id, bool unknowns,
	const struct cedar_policy **ret, struct cedar_diags *d);
/* A set, added to s. Its policies may be objects, or text of the language in a JSON string. */
int ward_cedar_policies_from_json(struct cedar_policies *s, const struct ward_json *j, bool unknowns, struct cedar_diags *d);
int ward_cedar_policies_parse_json(struct cedar_policies *s, struct ward_str text, struct cedar_diags *d);
