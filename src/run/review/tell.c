/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions of a commit as records of the log (docs/spec/audit.md), as lines, and as JSON (docs/spec/commit.schema.json). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/review/judge.h"

#define RECORDS_AT_ONCE 512
#define LINES_SHOWN 256
#define SPARED_WHYS 8 /* more than there are */

/* ---- the log ---- */

static void end_detail(struct ward_buf *b)
{
	ward_jw_close(b, '}');
}

static void change_detail(struct ward_buf *b, const struct ward_review_decision *d)
{
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "change", ward_change_kind_name(d->change->kind));
	if (d->change->kind == WARD_CHANGE_RENAMED)
		ward_jw_kstr(b, "from", d->change->from);
	ward_jw_kstr(b, "decision", ward_review_effect_name(d->effect));
	if (d->level != WARD_APPROVAL_NONE &&
		(d->effect == WARD_REVIEW_ASK || d->effect == WARD_REVIEW_APPLY))
		ward_jw_kstr(b, "level", ward_approval_name(d->level));
	if (d->side != WARD_COMMIT_NEITHER)
		ward_jw_kstr(b, "side", d->side == WARD_COMMIT_OURS ? "ours" : "theirs");
	if (d->how)
		ward_jw_kstr(b, "by", d->how);
	if (d->why)
		ward_jw_kstr(b, "why", d->why);
	if (d->cure)
		ward_jw_kstr(b, "cure", d->cure);
	end_detail(b);
}

static const char *effect_of(const struct ward_review_decision *d)
{
	if (d->effect == WARD_REVIEW_APPLY && d->side != WARD_COMMIT_THEIRS)
		return "allow";
	return d->effect == WARD_REVIEW_ASK && !d->how ? "ask" : "deny";
}

/* The texts of one record; they live until it is appended. */
struct texts {
	char *resource, *detail;
};

static bool change_event(const struct ward_review_told *t, const struct ward_review_decision *d,
	struct ward_event *e, struct texts *own)
{
	struct ward_buf detail = WARD_BUF_INIT, path = WARD_BUF_INIT;

	change_detail(&detail, d);
	ward_buf_addf(&path, "%s/%s", t->root, d->change->path);
	own->detail = ward_buf_take(&detail);
	own->resource = ward_buf_take(&path);
	*e = (struct ward_event){ .kind = "workspace.change",
		.run = t->run,
		.workspace = t->root,
		.effect = effect_of(d),
		.action = ward_action_name(WARD_ACT_FS_WRITE),
		.resource = own->resource,
		.rules = d->rule ? &d->rule : NULL,
		.n_rules = d->rule ? 1 : 0,
		.layer = "workspace",
		.policy = t->policy,
		.detail_json = own->detail };
	return own->detail && own->resource;
}

struct batch {
	struct ward_event e[RECORDS_AT_ONCE];
	struct texts own[RECORDS_AT_ONCE];
	size_t n;
};

static int flush(struct ward_audit *log, struct ward_review_told *t, struct batch *b, bool durable,
	struct ward_error *err)
{
	int r = b->n > 0 || durable ? ward_audit_append(log, b->e, b->n, durable, NULL, NULL, err)
				    : WARD_OK;

	for (size_t i = 0; i < b->n; i++) {
		free(b->own[i].detail);
		free(b->own[i].resource);
	}
	t->n_recorded += b->n;
	b->n = 0;
	return r;
}

int ward_review_record(struct ward_audit *log, struct ward_review_told *t,
	const struct ward_review_decisions *d, struct ward_error *err)
{
	struct batch *b = calloc(1, sizeof(*b));
	int r = WARD_OK;

	if (!b)
		return ward_rs_nomem(err);
	for (size_t i = 0; r == WARD_OK && i < d->n; i++) {
		if (!d->v[i].wanted)
			continue;
		if (!change_event(t, &d->v[i], &b->e[b->n], &b->own[b->n]))
			r = ward_rs_nomem(err);
		b->n++;
		if (r == WARD_OK && b->n == RECORDS_AT_ONCE)
			r = flush(log, t, b, false, err);
	}
	if (r == WARD_OK)
		r = flush(log, t, b, true, err);
	else /* what was not appended is freed all the same */
		for (size_t i = 0; i < b->n; i++) {
			free(b->own[i].detail);
			free(b->own[i].resource);
		}
	free(b);
	return r;
}

int ward_review_record_left(struct ward_audit *log, struct ward_review_told *t,
	const struct ward_review_decision *d, struct ward_error *err)
{
	struct ward_event e;
	struct texts own;
	int r = change_event(t, d, &e, &own) ? ward_audit_append(log, &e, 1, false, NULL, NULL, err)
					     : ward_rs_nomem(err);

	t->n_recorded++;
	free(own.detail);
	free(own.resource);
	return r;
}

int ward_review_record_end(struct ward_audit *log, struct ward_review_told *t, const char *step,
	const char *why, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_event e = { .kind = "workspace.commit",
		.run = t->run,
		.workspace = t->root,
		.effect = why ? "deny" : "allow",
		.action = "commit",
		.resource = t->root,
		.layer = "workspace",
		.policy = t->policy };

	ward_jw_open(&b, '{');
	ward_jw_kstr(&b, "step", step);
	ward_jw_ku64(&b, "applied", t->n_applied);
	ward_jw_ku64(&b, "left", t->n_left);
	ward_jw_kbool(&b, "removed", t->removed);
	if (why)
		ward_jw_kstr(&b, "why", why);
	end_detail(&b);
	e.detail_json = ward_buf_cstr(&b);
	t->n_recorded++;
	return b.failed ? ward_rs_nomem(err) : ward_audit_append(log, &e, 1, true, NULL, NULL, err);
}

void ward_review_log_fix(struct ward_error *err)
{
	if (!err || err->code != WARD_E_AUDIT || !strstr(err->fix, "--audit FILE"))
		return;
	ward_fail_fix(err, "%s: it is the log of the run, and no other will do",
		err->sys_errno == ENOSPC || err->sys_errno == EDQUOT ? "make room there"
								     : "let it be written");
}

/* ---- for people ---- */

static const char *word(const struct ward_review_decision *d)
{
	switch (d->effect) {
	case WARD_REVIEW_APPLY: return d->side == WARD_COMMIT_THEIRS ? "forget" : "apply";
	case WARD_REVIEW_ASK:
		return d->level == WARD_APPROVAL_CRITICAL ? "waits (critical)" : "waits (risky)";
	case WARD_REVIEW_BEHIND: return "waits";
	case WARD_REVIEW_CONFLICT: return "conflict";
	case WARD_REVIEW_REFUSE: break;
	}
	return "refused";
}

static void line(struct ward_buf *b, const struct ward_review_decision *d)
{
	const struct ward_change *c = d->change;

	ward_buf_addf(b, "%s: %s ", word(d), ward_change_kind_name(c->kind));
	if (c->kind == WARD_CHANGE_RENAMED) {
		ward_quote(b, c->from, strlen(c->from));
		ward_buf_adds(b, " -> ");
	}
	ward_quote(b, c->path, strlen(c->path));
	if (d->why)
		ward_buf_addf(b, ": %s", d->why);
	if (d->rule)
		ward_buf_addf(b, " [%s]", d->rule);
	if (d->cure)
		ward_buf_addf(b, "; %s", d->cure);
	ward_buf_addc(b, '\n');
}

/* They are of one kind and may be many: a line for each reason says it. */
static void spared(struct ward_buf *b, const struct ward_review_told *t,
	const struct ward_review_decisions *d)
{
	const char *why[SPARED_WHYS] = { NULL };
	size_t n[SPARED_WHYS] = { 0 };

	for (size_t i = 0; i < d->n && !t->dry_run; i++) {
		size_t k = 0;

		if (!d->v[i].spared || !ward_review_is_real(&d->v[i]))
			continue;
		while (k < SPARED_WHYS - 1 && why[k] && !ward_streq(why[k], d->v[i].why))
			k++;
		why[k] = d->v[i].why;
		n[k]++;
	}
	for (size_t k = 0; k < SPARED_WHYS && why[k]; k++)
		ward_buf_addf(b, "forgotten: %zu %s among git's objects: %s\n", n[k],
			n[k] == 1 ? "change" : "changes", why[k]);
}

/* "0 left" is of what was asked for, and is taken for all of the run. */
static void others(struct ward_buf *b, const struct ward_review_told *t,
	const struct ward_review_decisions *d)
{
	bool beyond = false;
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (d->v[i].wanted || d->v[i].told)
			continue;
		n++;
		beyond = beyond || d->v[i].change->beyond;
	}
	if (t->removed)
		ward_buf_adds(b, "; nothing of the run waits any more");
	else if (n > 0)
		ward_buf_addf(b, "; %s%zu not asked for %s still", beyond ? "at least " : "", n,
			n == 1 ? "waits" : "wait");
}

void ward_review_text(const struct ward_review_told *t, const struct ward_review_decisions *d,
	struct ward_buf *out)
{
	size_t n = 0, shown = 0;

	if (t->unsure)
		ward_buf_addf(out, "not all was looked at: %s\n", t->unsure);
	for (size_t i = 0; i < d->n; i++) {
		if (!d->v[i].wanted || (ward_review_is_real(&d->v[i]) && !t->dry_run))
			continue;
		if (n++ < LINES_SHOWN) {
			line(out, &d->v[i]);
			shown++;
		}
	}
	if (n > shown)
		ward_buf_addf(out, "and %zu more: --json shows all\n", n - shown);
	spared(out, t, d);
	if (t->unfinished) {
		ward_buf_addf(out, "commit %s: not finished\n", t->run);
		return;
	}
	ward_buf_addf(out, "%s %s: %zu %s, %zu left", t->dry_run ? "would commit" : "commit",
		t->run, t->n_applied, t->n_applied == 1 ? "change" : "changes", t->n_left);
	others(out, t, d);
	ward_buf_addc(out, '\n');
}

void ward_review_json(const struct ward_review_told *t, const struct ward_review_decisions *d,
	struct ward_buf *out)
{
	ward_jw_open(out, '{');
	ward_jw_ki64(out, "v", 1);
	ward_jw_kstr(out, "run", t->run);
	ward_jw_kstr(out, "root", t->root);
	ward_jw_kbool(out, "dry_run", t->dry_run);
	ward_jw_ku64(out, "applied", t->n_applied);
	ward_jw_ku64(out, "left", t->n_left);
	ward_jw_kbool(out, "removed", t->removed);
	ward_jw_kstr(out, "unsure", t->unsure);
	ward_jw_key(out, "decisions");
	ward_jw_open(out, '[');
	for (size_t i = 0; i < d->n; i++) {
		const struct ward_review_decision *one = &d->v[i];
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

		if (!one->wanted)
			continue;
		ward_jw_open(out, '{');
		ward_jw_kstr(out, "path", one->change->path);
		ward_jw_kstr(out, "rule", one->rule);
		ward_jw_key(out, "detail");
		change_detail(&b, one);
		ward_jw_raw(out, b.s, b.n);
		ward_jw_close(out, '}');
	}
	ward_jw_close(out, ']');
	ward_jw_close(out, '}');
	ward_buf_addc(out, '\n');
}
