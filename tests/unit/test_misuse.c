/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library used wrongly: without what it asks for, with numbers that are none, with lists that are shorter than they say. Each is
 * an error that says so, with and without a place for it; nothing is done, nothing is allowed, and what was to be returned is not there.
 */
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "ward/approve.h"
#include "ward/live.h"
#include "ward/policy.h"
#include "ward/review.h"
#include "ward/trust.h"
#include "ward/ward.h"

#define RUN "01M8ETPRYS8H93YJ0JJGE9X1MS"

static struct ward_error err;

/* Invalid, and said; the same where nobody wants to know why. */
#define REFUSED(call) \
	do { \
		struct ward_error *e = &err; \
		err = (struct ward_error)WARD_ERROR_INIT; \
		CASE("%s", #call); \
		CHECK_EQ_INT(call, WARD_E_INVALID); \
		CHECK_EQ_INT(err.code, WARD_E_INVALID); \
		CHECK(err.message[0]); \
		e = NULL; \
		CHECK_EQ_INT(call, WARD_E_INVALID); \
	} while (0)

static void line(void *arg, const char *s)
{
	(void)arg;
	(void)s;
}

static int bytes(void *arg, const char *s, size_t n)
{
	(void)arg;
	(void)s;
	return n == 0;
}

TEST(a_request)
{
	struct ward_request *q = ward_request_new(WARD_COMMAND_RUN);
	struct ward_outcome *o = NULL;
	char *words[] = { (char[]){ "true" }, NULL }, *none[] = { NULL }, *text = NULL;

	REQUIRE(q);
	CHECK(!ward_request_new((enum ward_command_kind)77));
	CHECK(ward_options(NULL));
	REFUSED(ward_request_set(NULL, "audit", "/dev/null", e));
	REFUSED(ward_request_set(q, NULL, "x", e));
	REFUSED(ward_request_set(q, "audit", NULL, e));
	REFUSED(ward_request_command(NULL, 1, words, e));
	REFUSED(ward_request_command(q, 1, NULL, e));
	REFUSED(ward_request_command(q, 1, none, e));
	REFUSED(ward_request_command(q, 3, words, e));
	REFUSED(ward_request_command(q, -1, words, e));
	CHECK(!ward_request_given(NULL, "audit"));
	CHECK(!ward_request_given(q, NULL));
	ward_request_on_line(NULL, line, NULL);
	ward_request_signal(NULL, 15);
	ward_request_free(NULL);
	REFUSED(ward_request_plan(NULL, false, &text, e));
	REFUSED(ward_request_plan(q, false, NULL, e));
	REFUSED(ward_request_plan(q, false, &text, e));
	REFUSED(ward_run(q, NULL, e));
	REFUSED(ward_run(NULL, &o, e));
	CHECK(!o && !text);
	/* It has no command: an outcome all the same, for whoever asks it what to exit with. */
	err = (struct ward_error)WARD_ERROR_INIT;
	CHECK_EQ_INT(ward_run(q, &o, &err), WARD_E_INVALID);
	REQUIRE(o);
	CHECK_EQ_INT(ward_outcome_status(o), WARD_STATUS_REFUSED);
	CHECK_EQ_INT(ward_outcome_exit_code(o), 125);
	CHECK(ward_outcome_error(o) && ward_outcome_error(o)->code == WARD_E_INVALID);
	ward_outcome_free(o);
	ward_request_free(q);
}

TEST(an_outcome_that_is_none)
{
	struct ward_request *q = ward_request_new(WARD_COMMAND_RUN);
	struct ward_outcome *o;
	size_t n = 1;

	CHECK_EQ_INT(ward_outcome_status(NULL), WARD_STATUS_REFUSED);
	CHECK_EQ_INT(ward_outcome_exit_code(NULL), 125);
	CHECK_STR_EQ(ward_outcome_json(NULL, &n), "");
	CHECK_EQ_UINT(n, 0);
	CHECK_STR_EQ(ward_outcome_report(NULL), "");
	CHECK_STR_EQ(ward_outcome_calm(NULL), "");
	CHECK(!ward_outcome_error(NULL));
	ward_outcome_free(NULL);
	CHECK_EQ_UINT(ward_error_format(NULL, NULL, 0), 2);
	REFUSED(ward_outcome_deliver(NULL, NULL, e));
	REFUSED(ward_outcome_deliver(q, NULL, e));
	for (int i = 0; i < 2; i++) {
		o = ward_outcome_refused(i ? q : NULL, NULL);
		REQUIRE(o);
		CHECK_EQ_INT(ward_outcome_exit_code(o), 125);
		CHECK(ward_outcome_error(o) && ward_outcome_error(o)->code == WARD_E_INTERNAL);
		REFUSED(ward_outcome_deliver(NULL, o, e));
		ward_outcome_free(o);
	}
	ward_request_free(q);
}

TEST(looking_and_answering)
{
	char *text = NULL;
	size_t n = 0;
	int worst = 0;

	REFUSED(ward_audit_verify_text("/nowhere", NULL, false, NULL, e));
	REFUSED(ward_audit_show("/nowhere", false, NULL, NULL, e));
	REFUSED(ward_net_log("/nowhere", NULL, false, line, NULL, e));
	REFUSED(ward_net_log("/nowhere", RUN, false, NULL, NULL, e));
	REFUSED(ward_doctor(false, NULL, &worst, e));
	REFUSED(ward_doctor(false, &text, NULL, e));
	REFUSED(ward_approve_pending(false, NULL, &n, e));
	REFUSED(ward_approve_answer(NULL, WARD_APPROVE_NO, &text, e));
	REFUSED(ward_approve_answer(RUN, WARD_APPROVE_NO, NULL, e));
	REFUSED(ward_approve_answer(RUN, (enum ward_approve_answer)3, &text, e));
	REFUSED(ward_approve_allow(NULL, true, NULL, &text, e));
	REFUSED(ward_approve_allow("#1", true, NULL, NULL, e));
	CHECK(!text);
}

TEST(stopping)
{
	const char *none[] = { NULL };
	const struct ward_stop odd[] = { { .all = false }, { .n_runs = 1 }, { .n_match = 1 },
		{ .n_runs = 1, .runs = none }, { .n_match = 1, .match = none },
		{ .all = true, .n_runs = 1, .runs = none } };
	const struct ward_stop look = { .all = true, .dry_run = true };
	char *text = NULL;

	REFUSED(ward_live_stop(NULL, &text, NULL, NULL, e));
	REFUSED(ward_live_stop(&look, NULL, NULL, NULL, e));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		REFUSED(ward_live_stop(&odd[i], &text, NULL, NULL, e));
	CHECK(!text);
}

TEST(policies)
{
	struct ward_request *q = ward_request_new(WARD_COMMAND_RUN);
	const struct ward_policy_setting unnamed = { NULL, NULL };
	const struct ward_policy_sides no_sides = { NULL, NULL, NULL },
				       sides = { "read_only", "workspace_write", NULL };
	const struct ward_policy_run of = { RUN, "/nowhere" }, nobody = { NULL, NULL };
	enum ward_answer answer = WARD_ANSWER_ALLOW;
	char *text = NULL;
	size_t n = 0;

	REFUSED(ward_request_explain(NULL, "fs.read", "/x", false, &text, &answer, e));
	REFUSED(ward_request_explain(q, NULL, "/x", false, &text, &answer, e));
	REFUSED(ward_request_explain(q, "fs.read", NULL, false, &text, &answer, e));
	REFUSED(ward_request_explain(q, "fs.read", "/x", false, NULL, &answer, e));
	REFUSED(ward_request_explain(q, "fs.read", "/x", false, &text, NULL, e));
	REFUSED(ward_request_policy(NULL, WARD_POLICY_AS_CEDAR, &text, e));
	REFUSED(ward_request_policy(q, (enum ward_policy_form)9, &text, e));
	REFUSED(ward_request_policy(q, WARD_POLICY_AS_CEDAR, NULL, e));
	REFUSED(ward_request_check(NULL, false, &text, e));
	REFUSED(ward_request_check(q, false, NULL, e));
	REFUSED(ward_request_snapshot(NULL, "/nowhere", &text, e));
	REFUSED(ward_request_snapshot(q, NULL, &text, e));
	REFUSED(ward_request_snapshot(q, "/nowhere", NULL, e));
	REFUSED(ward_policy_test(NULL, 1, NULL, 0, false, &text, &n, e));
	REFUSED(ward_policy_test(NULL, 0, NULL, 1, false, &text, &n, e));
	REFUSED(ward_policy_test(NULL, 0, NULL, 0, false, NULL, &n, e));
	REFUSED(ward_policy_test(NULL, 0, NULL, 0, false, &text, NULL, e));
	REFUSED(ward_policy_diff(NULL, 0, NULL, false, &text, &n, e));
	REFUSED(ward_policy_diff(NULL, 0, &no_sides, false, &text, &n, e));
	REFUSED(ward_policy_diff(NULL, 1, &sides, false, &text, &n, e));
	REFUSED(ward_policy_diff(&unnamed, 1, &sides, false, &text, &n, e));
	REFUSED(ward_policy_diff(NULL, 0, &sides, false, NULL, &n, e));
	REFUSED(ward_policy_diff(NULL, 0, &sides, false, &text, NULL, e));
	REFUSED(ward_policy_run_explain(NULL, "fs.read", "/x", false, &text, &answer, e));
	REFUSED(ward_policy_run_explain(&nobody, "fs.read", "/x", false, &text, &answer, e));
	REFUSED(ward_policy_run_explain(&of, NULL, "/x", false, &text, &answer, e));
	REFUSED(ward_policy_run_explain(&of, "fs.read", NULL, false, &text, &answer, e));
	REFUSED(ward_policy_run_text(NULL, WARD_POLICY_AS_CEDAR, &text, e));
	REFUSED(ward_policy_run_text(&of, (enum ward_policy_form)9, &text, e));
	REFUSED(ward_policy_run_text(&of, WARD_POLICY_AS_CEDAR, NULL, e));
	REFUSED(ward_policy_run_diff(NULL, NULL, 0, NULL, false, &text, &n, e));
	REFUSED(ward_policy_run_diff(&of, NULL, 1, NULL, false, &text, &n, e));
	REFUSED(ward_policy_run_diff(&of, NULL, 0, NULL, false, &text, NULL, e));
	CHECK(!text);
	ward_request_free(q);
}

TEST(reviews)
{
	const char *none[] = { NULL };
	const struct ward_review_diff odd_diffs[] = { { .form = WARD_REVIEW_PATCH },
		{ .write = bytes, .n_paths = 1 },
		{ .write = bytes, .form = (enum ward_review_form)5 } };
	const struct ward_review_commit odd[] = { { .run = RUN, .n_paths = 1 },
		{ .run = RUN, .n_theirs = 1 }, { .run = RUN, .n_ours = 1 },
		{ .run = RUN, .step = (enum ward_review_step)3 },
		{ .run = RUN, .yes = (enum ward_review_yes)3 } };
	const struct ward_review_commit commit = { .run = RUN };
	const struct ward_review_gc gc = { .dry_run = true };
	char *text = NULL;

	REFUSED(ward_review_list(false, NULL, NULL, e));
	REFUSED(ward_review_show(NULL, false, &text, e));
	REFUSED(ward_review_show(RUN, false, NULL, e));
	REFUSED(ward_review_diff(NULL, e));
	for (size_t i = 0; i < sizeof(odd_diffs) / sizeof(odd_diffs[0]); i++)
		REFUSED(ward_review_diff(&odd_diffs[i], e));
	REFUSED(ward_review_remove(NULL, 1, &text, e));
	REFUSED(ward_review_remove(none, 1, NULL, e));
	REFUSED(ward_review_discard(RUN, NULL, e));
	REFUSED(ward_review_gc(NULL, &text, NULL, e));
	REFUSED(ward_review_gc(&gc, NULL, NULL, e));
	REFUSED(ward_review_commit(NULL, &text, NULL, e));
	REFUSED(ward_review_commit(&commit, NULL, NULL, e));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		REFUSED(ward_review_commit(&odd[i], &text, NULL, e));
	CHECK(!text);
	/* A name that is missing in a list is the name of no run. */
	CHECK(ward_review_remove(none, 1, &text, &err) < 0);
	free(text);
}

TEST(trust)
{
	enum ward_trust_state state = WARD_TRUST_PINNED;
	char *text = NULL;

	REFUSED(ward_trust_show(NULL, false, &text, &state, e));
	REFUSED(ward_trust_show("/nowhere", false, NULL, &state, e));
	REFUSED(ward_trust_show("/nowhere", false, &text, NULL, e));
	REFUSED(ward_trust_pin(NULL, NULL, false, &text, e));
	REFUSED(ward_trust_pin("/nowhere", NULL, false, NULL, e));
	REFUSED(ward_trust_revoke(NULL, false, &text, e));
	REFUSED(ward_trust_revoke("/nowhere", false, NULL, e));
	CHECK(!text);
}

TAP_MAIN();
