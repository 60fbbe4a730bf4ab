/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy tools share: questions in a file, the rules of some settings, and those of a run that was. Private to run/rules. */
#pragma once

#include "run/rules/rules.h"
#include "ward/policy.h"

/* ---- questions.c: a list of questions in a file, docs/spec/policy-test.md ---- */
struct ward_question_row {
	enum ward_action action;
	const char *resource;
	bool expects;                /* there is an answer to compare with */
	enum ward_effect effect;
	const char *why, *rule;      /* NULL: any */
	const char *program, *inspected; /* of net.connect: whose, and what is spoken; NULL: not said */
	uint32_t line, column;
	const struct ward_json *options; /* of its own; NULL: none */
};
struct ward_question_file {
	const char *file;
	struct ward_question_row *v;
	size_t n;
	const struct ward_json *options; /* of all of them; NULL: none */
};
/* must_expect: a row without "expect" is an error. All of it lives in a. */
int ward_questions_read(struct ward_arena *a, const char *file, bool must_expect, struct ward_question_file *ret,
	struct ward_error *err);

/* ---- net/upstream.c: the host's proxy, beforehand ---- */
struct ward_by_upstream {
	const char *proxy, *refused; /* HOST:PORT, NULL: a connection would not go by it; the reason of its record, NULL: it is asked */
	char why[256];
	const struct ward_book_rule *by; /* with refused; NULL: no rule */
};
/* What a run would meet that connects to an endpoint to which it may (q). WARD_E_NOMEM. */
int ward_net_by_upstream(const struct ward_request *r, const struct ward_rulebook *book, const struct ward_query *q,
	struct ward_by_upstream *ret);
int ward_rs_upstream_check(const struct ward_request *r, struct ward_error *err); /* what is wrong with the options alone */

/* ---- side.c ---- */
struct ward_side {
	struct ward_request *r;
	struct ward_host host;
	struct ward_resolver rs;
	struct ward_arena *arena;
	struct ward_rulebook *book;
};
void ward_side_done(struct ward_side *s);        /* zeroed is good */
/* A request of these settings; more may be set before it is opened. */
int ward_side_begin(struct ward_side *s, const struct ward_policy_setting *settings, size_t n, struct ward_error *err);
int ward_side_open(struct ward_side *s, struct ward_error *err);
/* Is it the name of an option that policies depend on? Else WARD_E_INVALID, with the nearest. */
int ward_setting_check(const char *name, struct ward_error *err);

/* ---- recall.c: the policies of a run that was, from what was stored with it ---- */
struct ward_recalled {
	struct ward_side side;                   /* as far as questions need it; its mode and profile are not known any more */
	struct ward_buf text, schema;
	const char *workspace;                   /* of that run: what relative is to */
	int64_t started_ms;
};
/* Always ward_recalled_done(). The side points into it: it stays where it is. */
int ward_rules_recall(const struct ward_policy_run *of, struct ward_recalled *ret, struct ward_error *err);
void ward_recalled_done(struct ward_recalled *r);

/* ---- probe.c: what a book could answer differently from another ---- */
struct ward_probe {
	enum ward_action action;
	const char *resource;
};
struct ward_probes {
	struct ward_arena *arena;
	struct ward_probe *v;        /* malloced */
	size_t n, cap;
};
int ward_probes_add(struct ward_probes *p, enum ward_action action, const char *resource, struct ward_error *err);
int ward_probes_once(struct ward_probes *p, struct ward_error *err); /* in order, each once */
int ward_probes_of(struct ward_probes *p, const struct ward_book *b, struct ward_error *err);

/* ---- explain.c ---- */
/*
 * The answer to a question that is asked beforehand, as a run would be told: the addresses that host.ward.internal stands for, and
 * those that only a rule opens which means them, are looked at as at the gate; a mode is entered by the person; and whether a grant
 * could be of any use. For every tool that answers.
 */
int ward_rules_judge(const struct ward_rulebook *book, const struct ward_query *q, struct ward_verdict *ret);
