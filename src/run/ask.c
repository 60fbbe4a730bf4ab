/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward_ask: the only door to the judge. A verdict is recorded before it is handed out: an allow durably, before anything
 * starts; a refusal that the kernel already made with the next write. Nobody to ask and no room to record mean deny.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/life.h"

static const char *rule_text(const struct ward_rule *r)
{
	return r->text ? r->text : r->pattern;
}

/* A rule asked about itself: the resource is its own pattern, which must allow it, literally. */
static int judge_rule(const struct life *l, size_t i, struct ward_decision *d,
	struct ward_error *err)
{
	const struct ward_rule *rule = &l->plan->rules[i];
	struct ward_rules rules = { l->plan->rules, l->plan->n_rules };
	struct ward_question q = { .action = rule->type };
	char *name;
	int r;

	/* ENV rules may carry a value; the question is about the name. */
	name = strndup(rule->pattern,
		rule->type == WARD_CAP_ENV ? strcspn(rule->pattern, "=") : strlen(rule->pattern));
	if (!name)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a question");
	q.resource = name;
	r = ward_decide(&rules, &q, d, err);
	free(name);
	if (r < 0)
		return r;
	if (d->effect != WARD_ALLOW) {
		r = ward_fail(err, WARD_E_REFUSED, "%s \"%s\" is not allowed: %s",
			ward_cap_type_name(rule->type), rule->pattern, d->why);
		ward_fail_at(err, rule->origin.file, rule->origin.line, rule->origin.column);
		return r;
	}
	return WARD_OK;
}

struct grants {
	struct ward_event *v;
	const char **texts;
	size_t n;
};

static int judge_all(struct life *l, struct grants *g, struct ward_error *err)
{
	struct ward_decision *d =
		calloc(1, sizeof(*d)); /* too big for the stack of a caller's thread */
	int r = WARD_OK;

	if (!d)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a decision");
	for (size_t i = 0; r == WARD_OK && i < l->plan->n_rules; i++) {
		const struct ward_rule *rule = &l->plan->rules[i];
		struct ward_event *e = &g->v[g->n];

		r = judge_rule(l, i, d, err);
		if (r < 0)
			break;
		g->texts[i] = rule_text(d->rule ? d->rule : rule);
		*e = (struct ward_event){ .kind = "policy.check",
			.effect = "allow",
			.action = ward_cap_type_name(rule->type),
			.resource = rule->pattern,
			.rules = &g->texts[i],
			.n_rules = 1,
			.layer = "plan" };
		record_event(l, e);
		g->n++;
	}
	free(d);
	return r;
}

static char *start_detail(const struct life *l)
{
	struct ward_buf b = WARD_BUF_INIT;

	ward_jw_open(&b, '{');
	ward_jw_key(&b, "argv");
	ward_jw_open(&b, '[');
	for (size_t i = 0; l->plan->argv[i] && i < 64; i++)
		ward_jw_str(&b, l->plan->argv[i], strnlen(l->plan->argv[i], WARD_DETAIL_TEXT_MAX));
	ward_jw_close(&b, ']');
	ward_jw_kstr(&b, "exe", l->plan->exe);
	ward_jw_kstr(&b, "cwd", l->plan->cwd);
	ward_jw_kstr(&b, "plan", l->plan->sha256);
	ward_jw_key(&b, "warnings");
	ward_jw_open(&b, '[');
	for (size_t i = 0; i < l->plan->n_warnings && i < 64; i++)
		ward_jw_cstr(&b, l->plan->warnings[i]);
	ward_jw_close(&b, ']');
	ward_jw_key(&b, "accepted");
	ward_jw_open(&b, '[');
	for (int i = 0; i < WARD_AXIS_MAX; i++)
		if (l->plan->axes[i].accepted)
			ward_jw_cstr(&b, ward_axis_name(i));
	ward_jw_close(&b, ']');
	ward_jw_close(&b, '}');
	return ward_buf_take(&b);
}

int ward_ask_grants(struct life *l, struct ward_error *err)
{
	struct grants g = { 0 };
	char *detail = start_detail(l);
	int r = WARD_OK;

	g.v = calloc(l->plan->n_rules + 1, sizeof(*g.v));
	g.texts = calloc(l->plan->n_rules + 1, sizeof(*g.texts));
	if (g.v && g.texts && detail)
		r = judge_all(l, &g, err);
	else
		r = ward_fail(err, WARD_E_NOMEM, "no memory for the records of the start");
	if (r == WARD_OK && g.v) {
		struct ward_event *e = &g.v[g.n++];

		*e = (struct ward_event){ .kind = "run.start",
			.effect = "allow",
			.action = "run",
			.resource = l->plan->exe,
			.axes_json = l->axes_json,
			.detail_json = detail };
		record_event(l, e);
		r = record_append(l, g.v, g.n, true, NULL, err);
		if (r == WARD_OK)
			l->started_recorded = true;
	}
	free(g.v);
	free(g.texts);
	free(detail);
	return r;
}

int ward_ask_refusal(struct life *l, const struct ward_refusal *f, enum record_there there,
	const char *above, struct ward_decision *ret, struct ward_error *err)
{
	struct ward_rules rules = { l->plan->rules, l->plan->n_rules };
	struct ward_question q = { .action = f->action,
		.resource = f->resource,
		.is_dir = there == RECORD_DIR,
		.absent = there == RECORD_ABSENT,
		.above = above };
	int r;

	ret->effect = WARD_DENY;
	if (f->kind == WARD_REFUSAL_SYSCALL || f->kind == WARD_REFUSAL_FOREIGN_ARCH)
		q.syscall = f->syscall;
	if (f->kind == WARD_REFUSAL_UNIX) {
		/* A socket of the host: no capability names it yet. */
		q.action = WARD_CAP_NONE;
		q.syscall = "connect";
	}
	r = ward_decide(&rules, &q, ret, err);
	if (r < 0)
		return r;
	if (f->seen == WARD_SEEN_ALONE) {
		ret->effect = WARD_DENY;
		snprintf(ret->why, sizeof(ret->why),
			"granted as a single file, which cannot be replaced, renamed or removed");
		/* Only a grant of its directory gives the name away. */
		q.is_dir = false;
		q.absent = true;
		r = ward_cure(&q, ret->cure, sizeof(ret->cure));
		return r < 0 ? ward_fail(err, r, "no memory for the cure of a refusal") : WARD_OK;
	}
	if (ret->effect == WARD_ALLOW) {
		/* A rule names it and the kernel refused all the same. */
		ret->effect = WARD_DENY;
		snprintf(ret->why, sizeof(ret->why),
			"a rule grants it, but the file system's own permissions refuse");
		ret->cure[0] = 0;
	} else if (f->kind == WARD_REFUSAL_UNIX) {
		snprintf(ret->why, sizeof(ret->why),
			"a socket of the host cannot be reached from inside");
	} else if (f->kind == WARD_REFUSAL_FOREIGN_ARCH) {
		snprintf(ret->why, sizeof(ret->why), "calls of a foreign architecture end the run");
	}
	return WARD_OK;
}
