/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward cedar authorize and partially-authorize. Whatever goes wrong before there is an answer is a failure and never an
 * answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bin/cedar/cedar.h"

static uint64_t now_ns(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- one answer ---- */

static void put_ids(struct ward_buf *b, const char *key, const struct ward_policy_compiled *c,
	const uint32_t *v, size_t n)
{
	ward_jw_key(b, key);
	ward_jw_open(b, '[');
	for (size_t i = 0; i < n; i++) {
		size_t len = 0;
		const char *id = ward_policy_compiled_id(c, v[i], &len);

		ward_jw_str(b, id, len);
	}
	ward_jw_close(b, ']');
}

void put_answer(struct ward_buf *b, const struct ward_policy_compiled *c,
	const struct ward_policy_answer *answer, struct ward_policy_scratch *s, bool messages)
{
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "decision", answer->decision == WARD_POLICY_ALLOW ? "allow" : "deny");
	put_ids(b, "reason", c, answer->reasons, answer->n_reasons);
	put_ids(b, "errors", c, answer->errors, answer->n_errors);
	if (messages) {
		ward_jw_key(b, "messages");
		ward_jw_open(b, '[');
		for (size_t i = 0; i < answer->n_errors; i++)
			ward_jw_cstr(b, ward_policy_answer_error(s, i));
		ward_jw_close(b, ']');
	}
	ward_jw_close(b, '}');
}

static void show_id(struct ward_buf *b, const struct ward_policy_compiled *c, uint32_t i)
{
	size_t n = 0;
	const char *id = ward_policy_compiled_id(c, i, &n);

	show_text(b, id, n);
}

static void print_answer(const struct args *a, const struct ward_policy_compiled *c,
	const struct ward_policy_answer *answer, struct ward_policy_scratch *s)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	puts(answer->decision == WARD_POLICY_ALLOW ? "ALLOW" : "DENY");
	for (size_t i = 0; i < answer->n_errors; i++) {
		const char *why = ward_policy_answer_error(s, i);

		ward_buf_adds(&b,
			i == 0 ? "\nerror while evaluating policy `"
			       : "error while evaluating policy `");
		show_id(&b, c, answer->errors[i]);
		ward_buf_adds(&b, "`: ");
		show_text(&b, why, strlen(why));
		ward_buf_addc(&b, '\n');
	}
	(void)fputs(ward_buf_cstr(&b), stdout);
	if (!a->v[O_VERBOSE])
		return;
	if (answer->n_reasons == 0) {
		puts("\nnote: no policies applied to this request");
		return;
	}
	puts("\nnote: this decision was due to the following policies:");
	ward_buf_clear(&b);
	for (size_t i = 0; i < answer->n_reasons; i++) {
		ward_buf_adds(&b, "  ");
		show_id(&b, c, answer->reasons[i]);
		ward_buf_addc(&b, '\n');
	}
	puts(ward_buf_cstr(&b));
}

static int authorize_one(struct args *a, const struct ward_policy_compiled *c,
	const struct ward_policy_entities *e, const struct ward_policy_request *r)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	WARD_CLEANUP(free_scratch) struct ward_policy_scratch *s = ward_policy_scratch_new();
	struct ward_policy_answer answer;
	struct ward_error err = WARD_ERROR_INIT;
	uint64_t before, took;
	int code;

	if (!s)
		return out_of_memory(a);
	before = now_ns();
	code = ward_policy_authorize(c, e, r, s, &answer);
	took = now_ns() - before;
	if (code < 0) {
		ward_fail(&err, code, "no decision: %s", ward_code_name(code));
		return fail_error(a, &err);
	}
	code = answer.decision == WARD_POLICY_ALLOW ? CEDAR_SUCCESS : CEDAR_DENIED;
	if (a->v[O_JSON]) {
		put_answer(&b, c, &answer, s, true);
		return put_buf(a, &b, code);
	}
	if (a->v[O_TIMING])
		printf("Authorization Time (micro seconds) : %llu\n",
			(unsigned long long)(took / 1000));
	print_answer(a, c, &answer, s);
	return put_text("", 0, false, code);
}

static bool only_requests(struct args *a)
{
	static const enum option others[] = { O_PRINCIPAL, O_ACTION, O_RESOURCE, O_CONTEXT,
		O_REQUEST_JSON, O_TIMING };
	struct ward_error err = WARD_ERROR_INIT;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(others); i++) {
		if (!a->v[others[i]])
			continue;
		ward_fail(&err, WARD_E_INVALID,
			"--requests names the requests; one on the command line does not go with it");
		(void)fail_error(a, &err);
		return false;
	}
	return true;
}

static int authorize(struct args *a)
{
	WARD_CLEANUP(free_set) struct ward_policy_set *set = NULL;
	WARD_CLEANUP(free_schema) struct ward_policy_schema *schema = NULL;
	WARD_CLEANUP(free_entities) struct ward_policy_entities *e = NULL;
	WARD_CLEANUP(free_request) struct ward_policy_request *r = NULL;
	WARD_CLEANUP(free_compiled) struct ward_policy_compiled *c = NULL;
	/* All that is wrong is said, as far as one thing does not need the other. */
	bool ok = !a->v[O_REQUESTS] || only_requests(a);

	ok = load_policies(a, 0, false, &set) && ok;
	if (!load_schema(a, &schema))
		return CEDAR_FAILURE;
	ok = load_entities(a, schema, &e) && ok;
	if (!a->v[O_REQUESTS])
		ok = load_request(a, schema, false, &r) && ok;
	if (!ok)
		return CEDAR_FAILURE;
	if (ward_policy_compile(set, &c, a->d) < 0)
		return fail_diags(a, "failed to compile the policies");
	if (a->v[O_REQUESTS])
		return authorize_many(a, c, schema, e);
	return authorize_one(a, c, e, r);
}

int cmd_cedar_authorize(struct words w)
{
	struct args a;
	int code = 0;

	if (!take_args(w, C_AUTHORIZE, 0, &a, &code))
		return code;
	code = authorize(&a);
	args_done(&a);
	return code;
}

/* ---- partially ---- */

static int print_partial(struct args *a, const struct ward_policy_partial *p, uint64_t took)
{
	static const char *const words[] = { "UNKNOWN", "DENY", "ALLOW" };
	static const int codes[] = { CEDAR_UNKNOWN, CEDAR_DENIED, CEDAR_SUCCESS };
	int decision = ward_policy_partial_decision(p) + 1;

	if (a->v[O_JSON]) {
		WARD_CLEANUP(free_string) char *json = NULL;
		size_t n = 0;

		if (ward_policy_partial_json(p, &json, &n) < 0)
			return out_of_memory(a);
		return put_text(json, n, true, codes[decision]);
	}
	if (a->v[O_TIMING])
		printf("Authorization Time (micro seconds) : %llu\n",
			(unsigned long long)(took / 1000));
	puts(words[decision]);
	if (decision > 0)
		return put_text("", 0, false, codes[decision]);
	puts("All policy residuals:");
	for (size_t i = 0; i < ward_policy_partial_count(p); i++) {
		WARD_CLEANUP(free_string) char *text = NULL;
		struct ward_policy_residual res = { 0 };
		size_t n = 0;

		(void)ward_policy_partial_at(p, i, &res);
		if (res.state != WARD_POLICY_RESIDUAL_OPEN)
			continue;
		if (ward_policy_partial_print(p, i, WARD_POLICY_CEDAR, &text, &n) < 0)
			return out_of_memory(a);
		(void)put_text(text, n, true, 0);
	}
	return put_text("", 0, false, codes[decision]);
}

static int partially(struct args *a)
{
	WARD_CLEANUP(free_set) struct ward_policy_set *set = NULL;
	WARD_CLEANUP(free_schema) struct ward_policy_schema *schema = NULL;
	WARD_CLEANUP(free_entities) struct ward_policy_entities *e = NULL;
	WARD_CLEANUP(free_request) struct ward_policy_request *r = NULL;
	struct ward_policy_partial *p = NULL;
	uint64_t before;
	bool ok = load_policies(a, WARD_POLICY_UNKNOWNS, false, &set);
	int code;

	if (!load_schema(a, &schema))
		return CEDAR_FAILURE;
	ok = load_entities(a, schema, &e) && ok;
	ok = load_request(a, schema, true, &r) && ok;
	if (!ok)
		return CEDAR_FAILURE;
	before = now_ns();
	if (ward_policy_partial_new(set, e, r, &p, a->d) < 0)
		return fail_diags(a, "failed to authorize partially");
	code = print_partial(a, p, now_ns() - before);
	ward_policy_partial_free(p);
	return code;
}

int cmd_cedar_partially_authorize(struct words w)
{
	struct args a;
	int code = 0;

	if (!take_args(w, C_PARTIAL, 0, &a, &code))
		return code;
	code = partially(&a);
	args_done(&a);
	return code;
}
