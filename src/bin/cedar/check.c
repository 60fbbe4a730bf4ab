/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward cedar evaluate, validate, check-parse and check-entities: commands that look, and say what they see.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cedar/cedar.h"

static int put_ok(struct args *a)
{
	static const char ok[] = "{\"ok\":true,\"diagnostics\":[]}";

	return a->v[O_JSON] ? put_text(ok, sizeof(ok) - 1, true, CEDAR_SUCCESS) : CEDAR_SUCCESS;
}

/* ---- evaluate ---- */

static int evaluate(struct args *a)
{
	WARD_CLEANUP(free_schema) struct ward_policy_schema *schema = NULL;
	WARD_CLEANUP(free_entities) struct ward_policy_entities *e = NULL;
	WARD_CLEANUP(free_request) struct ward_policy_request *r = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	WARD_CLEANUP(free_string) char *value = NULL;
	const char *text = a->rest.n > 0 ? a->rest.v[0] : "";
	size_t n = 0;
	bool given = a->v[O_PRINCIPAL] || a->v[O_ACTION] || a->v[O_RESOURCE] || a->v[O_CONTEXT] ||
		a->v[O_REQUEST_JSON];

	if (!load_schema(a, &schema))
		return CEDAR_FAILURE;
	/* An expression may stand for itself: then nothing of a request is known. */
	if (given && !load_request(a, schema, false, &r))
		return CEDAR_FAILURE;
	if (!load_entities(a, schema, &e))
		return CEDAR_FAILURE;
	if (ward_policy_evaluate("<expression>", text, strlen(text), e, r,
		    a->v[O_JSON] ? WARD_POLICY_JSON : WARD_POLICY_CEDAR, &value, &n, a->d) < 0)
		return fail_diags(a, "failed to evaluate the expression");
	if (!a->v[O_JSON])
		return put_text(value, n, true, CEDAR_SUCCESS);
	ward_jw_open(&b, '{');
	ward_jw_kbool(&b, "ok", true);
	ward_jw_key(&b, "value");
	ward_jw_raw(&b, value, n);
	ward_jw_close(&b, '}');
	return put_buf(a, &b, CEDAR_SUCCESS);
}

int cmd_cedar_evaluate(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct args a;
	int code = 0;

	if (!take_args(w, C_EVALUATE, 1, &a, &code))
		return code;
	if (a.rest.n < 1) {
		ward_fail(&err, WARD_E_INVALID, "EXPRESSION is missing");
		ward_fail_fix(&err, "see ward help cedar evaluate");
		code = usage_error(&err, NULL);
	} else {
		code = evaluate(&a);
	}
	args_done(&a);
	return code;
}

/* ---- validate ---- */

static bool take_options(struct args *a, struct ward_policy_validate_options *o)
{
	struct ward_error err = WARD_ERROR_INIT;
	uint64_t level = 0;

	if (ward_streq(a->v[O_VALIDATION_MODE], "permissive"))
		o->mode = WARD_POLICY_PERMISSIVE;
	o->inapplicable_is_error = a->v[O_COMPAT] && !ward_streq(a->v[O_COMPAT], "4.13");
	if (!a->v[O_LEVEL])
		return true;
	if (ward_parse_u64(a->v[O_LEVEL], 0, UINT32_MAX, &level, &err) < 0) {
		ward_fail_at(&err, "--level", 0, 0);
		(void)usage_error(&err, "cedar validate");
		return false;
	}
	o->levels = true;
	o->level = (uint32_t)level;
	return true;
}

static int say_validation(struct args *a, bool passed)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	WARD_CLEANUP(free_string) char *list = NULL;
	int code = passed ? CEDAR_SUCCESS : CEDAR_INVALID;
	size_t n = 0;

	if (!a->v[O_JSON]) {
		puts(passed ? "policy set validation passed" : "policy set validation failed");
		code = put_text("", 0, false, code);
		say_warnings(a); /* all findings */
		return code;
	}
	if (ward_policy_diags_json(a->d, &list, &n) < 0)
		return out_of_memory(a);
	ward_jw_open(&b, '{');
	ward_jw_kbool(&b, "ok", passed);
	ward_jw_key(&b, "diagnostics");
	ward_jw_raw(&b, list, n);
	ward_jw_close(&b, '}');
	return put_buf(a, &b, code);
}

static int validate(struct args *a)
{
	WARD_CLEANUP(free_set) struct ward_policy_set *set = NULL;
	WARD_CLEANUP(free_schema) struct ward_policy_schema *schema = NULL;
	struct ward_policy_validate_options o = { 0 };
	bool ok;
	int r;

	if (!take_options(a, &o))
		return EXIT_USAGE;
	ok = load_policies(a, 0, false, &set);
	if (!load_schema(a, &schema) || !ok)
		return CEDAR_FAILURE;
	r = ward_policy_validate(set, schema, &o, a->d);
	if (r < 0 && r != WARD_E_REFUSED)
		return fail_diags(a, "failed to validate");
	if (a->v[O_DENY_WARNINGS] && ward_policy_diags_count(a->d) > 0)
		r = WARD_E_REFUSED;
	return say_validation(a, r == WARD_OK);
}

int cmd_cedar_validate(struct words w)
{
	struct args a;
	int code = 0;

	if (!take_args(w, C_VALIDATE, 0, &a, &code))
		return code;
	code = validate(&a);
	args_done(&a);
	return code;
}

/* ---- check-parse, check-entities ---- */

static int check_parse(struct args *a)
{
	WARD_CLEANUP(free_set) struct ward_policy_set *set = NULL;
	WARD_CLEANUP(free_schema) struct ward_policy_schema *schema = NULL;
	WARD_CLEANUP(free_entities) struct ward_policy_entities *e = NULL;
	const char *x = a->v[O_EXPRESSION];
	bool alone = !a->v[O_SCHEMA] && !a->v[O_ENTITIES] && !x;
	bool ok = true;

	if (a->v[O_POLICIES] || alone)
		ok = load_policies(a, 0, false, &set);
	if (x && ward_policy_expression_check("--expression", x, strlen(x), a->d) < 0) {
		(void)fail_diags(a, "failed to parse expression");
		ok = false;
	}
	if (!load_schema(a, &schema))
		ok = false;
	if (a->v[O_ENTITIES] && !load_entities(a, schema, &e))
		ok = false;
	return ok ? put_ok(a) : CEDAR_FAILURE;
}

int cmd_cedar_check_parse(struct words w)
{
	struct args a;
	int code = 0;

	if (!take_args(w, C_CHECK_PARSE, 0, &a, &code))
		return code;
	code = check_parse(&a);
	args_done(&a);
	return code;
}

static int check_entities(struct args *a)
{
	WARD_CLEANUP(free_schema) struct ward_policy_schema *schema = NULL;
	WARD_CLEANUP(free_entities) struct ward_policy_entities *e = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	if (!load_schema(a, &schema) || !load_entities(a, schema, &e))
		return CEDAR_FAILURE;
	if (schema && ward_policy_entities_validate(e, schema, a->d) < 0)
		return fail_diags(a, "failed to validate entities");
	if (!a->v[O_JSON]) {
		printf("%zu entities\n", ward_policy_entities_count(e));
		return put_text("", 0, false, CEDAR_SUCCESS);
	}
	ward_jw_open(&b, '{');
	ward_jw_kbool(&b, "ok", true);
	ward_jw_ku64(&b, "entities", ward_policy_entities_count(e));
	ward_jw_key(&b, "diagnostics");
	ward_jw_raw(&b, "[]", 2);
	ward_jw_close(&b, '}');
	return put_buf(a, &b, CEDAR_SUCCESS);
}

int cmd_cedar_check_entities(struct words w)
{
	struct args a;
	int code = 0;

	if (!take_args(w, C_ENTITIES, 0, &a, &code))
		return code;
	code = check_entities(&a);
	args_done(&a);
	return code;
}
