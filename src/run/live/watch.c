/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emergency deny: the ceiling is looked at while a run lives, and a new epoch of it holds for what was granted before. What a view
 * shows cannot be taken out of it, so a run that holds what the new ceiling denies is killed, whole and at once, without grace: its
 * owner says that it must not go on. docs/policy-layers.md
 *
 * It is read as at a start, list, owners, modes and texts, several times a second, and not waited for with inotify: that sees neither a
 * mount over the directory nor what another host writes, has 128 instances a user, and takes longer to give up than a short run lives.
 * What cannot be read, or went back, is looked at again for a moment, as somebody may be renaming, and then ends the run too.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/life.h"
#include "run/rules/rules.h"

#define MS 1000000ull
#define LOOK_EVERY_MS 200 /* with the patience, and what judging takes, less than a second */
#define LOOK_AGAIN_MS 50
#define PATIENCE_MS 250
/* Without a descriptor or memory: somebody in this process may be about to give some back. */
#define LACK_PATIENCE_MS 1000
#define CEILING_BYTES_MAX (64u << 20)

static const struct ward_layers_where where = { .ceiling = WARD_CEILING_DIR };

void watch_begin(struct life *l)
{
	l->t_look = ward_now_mono_ns() + LOOK_EVERY_MS * MS;
	l->epoch = (struct ward_epoch){ 0 };
	ward_sha256_hex("", 0, l->epoch.sha256);
	if (!l->book || !l->book->layers)
		return;
	l->epoch.number = l->book->layers->epoch;
	memcpy(l->epoch.sha256, l->book->layers->ceiling.sha256, sizeof(l->epoch.sha256));
}

/* ---- what is left of it ---- */

static void place(const struct ward_taken *t, char *out, size_t size)
{
	(void)snprintf(out, size, "%s%s%.0u%s%s", t->file, t->line ? ":" : "", t->line,
		t->id[0] ? " " : "", t->id);
}

static int record(struct life *l, const char *effect, uint64_t to, const struct ward_taken *t,
	const char *why, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	char rule[WARD_ERROR_FILE_MAX + 160];
	const char *rules[] = { rule };
	struct ward_event e = { .kind = "policy.epoch", .effect = effect, .layer = "ceiling" };

	ward_jw_open(&b, '{');
	ward_jw_ku64(&b, "from", l->epoch.number);
	if (to)
		ward_jw_ku64(&b, "to", to);
	if (why)
		ward_jw_kstr(&b, "why", why);
	if (t && t->reason[0])
		ward_jw_kstr(&b, "reason", t->reason);
	ward_jw_close(&b, '}');
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a record");
	if (t) {
		place(t, rule, sizeof(rule));
		e.action = t->action;
		e.resource = t->resource[0] ? t->resource : NULL;
		e.rules = rules;
		e.n_rules = rule[0] != '\0';
	}
	e.detail_json = ward_buf_cstr(&b);
	record_event(l, &e);
	return record_append(l, &e, 1, true, NULL, err);
}

/* Dead first, then written down. */
static int end(struct life *l, uint64_t to, const struct ward_taken *t,
	const struct ward_error *why, struct ward_error *err)
{
	ward_cage_kill(l->cage);
	l->t_kill = UINT64_MAX;
	l->t_timeout = 0;
	l->t_look = 0;
	l->o->status = WARD_STATUS_POLICY_KILL;
	ward_outcome_set_error(l->o, why);
	return record(l, "deny", to, t, why->message, err);
}

static int end_taken(struct life *l, uint64_t to, const struct ward_taken *t,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf shown = WARD_BUF_INIT;
	struct ward_error why = WARD_ERROR_INIT;

	ward_quote(&shown, t->resource, strlen(t->resource));
	(void)ward_fail(&why, WARD_E_REFUSED,
		"the run was ended: epoch %llu of the ceiling denies %s %.200s, which it was granted: %.120s%s%.40s%s%.80s",
		(unsigned long long)to, t->action, shown.failed ? "" : ward_buf_cstr(&shown),
		t->why, t->id[0] ? ": " : "", t->id, t->reason[0] ? ": " : "", t->reason);
	if (t->file[0])
		ward_fail_at(&why, t->file, t->line, 0);
	ward_fail_fix(&why,
		"start it again: what the ceiling denies is then left out, or the start is refused; who owns this host can change the rule");
	return end(l, to, t, &why, err);
}

static bool is_lack(const struct ward_error *e)
{
	return e->sys_errno == EMFILE || e->sys_errno == ENFILE || e->sys_errno == ENOMEM ||
		e->code == WARD_E_NOMEM;
}

static const char *fix_of(const struct ward_error *e)
{
	if (e->sys_errno == EMFILE)
		return "it was not read, and nothing is said of it: the process of ward had no descriptor left; raise its limit of open files (ulimit -n), then start the run again";
	if (is_lack(e))
		return "it was not read, and nothing is said of it: the host had no descriptor or no memory left for ward; start the run again when it has";
	return e->fix[0] ? e->fix : "mend " WARD_CEILING_DIR ", then start it again";
}

/* cause: what could not be read or judged. */
static int end_unknown(struct life *l, uint64_t to, const struct ward_error *cause,
	struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;

	(void)ward_fail(&why, WARD_E_REFUSED,
		"the run was ended: the ceiling cannot be kept any more: %.300s", cause->message);
	ward_fail_at(&why, cause->file, cause->line, cause->column);
	ward_fail_fix(&why, "%s", fix_of(cause));
	return end(l, to, NULL, &why, err);
}

/* ---- a look ---- */

static int judge(struct life *l, const struct ward_layers *ceiling, struct ward_error *err)
{
	struct ward_taken *t = calloc(1, sizeof(*t));
	const struct ward_agreed agreed = hold_agreed(l);
	struct ward_error why = WARD_ERROR_INIT;
	int r = t ? ward_rules_again(l->r, l->plan, l->book, &agreed, ceiling, t, &why)
		  : ward_fail(&why, WARD_E_NOMEM, "no memory for a decision");

	if (r < 0 || !t)
		r = end_unknown(l, ceiling->epoch, &why, err);
	else if (t->any)
		r = end_taken(l, ceiling->epoch, t, err);
	else
		r = record(l, "allow", ceiling->epoch, NULL, NULL, err);
	/* Who is asked is asked by policies that know nothing of this ceiling. */
	if (r == WARD_OK && l->t_look)
		r = hold_stop(l, err);
	free(t);
	l->epoch.number = ceiling->epoch;
	memcpy(l->epoch.sha256, ceiling->ceiling.sha256, sizeof(l->epoch.sha256));
	return r;
}

/* The texts, with the number that stands among them: both from one reading. */
static int read_new(struct life *l, bool *ret_bad, struct ward_error *why, struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(CEILING_BYTES_MAX);
	const struct ward_layers *ceiling = NULL;
	struct ward_epoch now = { 0 };
	int r = a ? ward_layers_load(a, &where, &ceiling, why)
		  : ward_fail(why, WARD_E_NOMEM, "no memory for the ceiling");

	*ret_bad = r < 0 || !ceiling;
	if (*ret_bad)
		return WARD_OK;
	now.number = ceiling->epoch;
	memcpy(now.sha256, ceiling->ceiling.sha256, sizeof(now.sha256));
	if (ward_epoch_compare(&l->epoch, &now) != WARD_EPOCH_NEW)
		return WARD_OK; /* changed again meanwhile: the next look says to what */
	return judge(l, ceiling, err);
}

static bool went_back(const struct life *l, const struct ward_epoch *now, struct ward_error *why)
{
	if (ward_epoch_compare(&l->epoch, now) != WARD_EPOCH_BACK)
		return false;
	if (now->number)
		(void)ward_fail(why, WARD_E_REFUSED, "its epoch went from %llu back to %llu",
			(unsigned long long)l->epoch.number, (unsigned long long)now->number);
	else
		(void)ward_fail(why, WARD_E_REFUSED, "its epoch %llu is gone",
			(unsigned long long)l->epoch.number);
	ward_fail_at(why, WARD_CEILING_DIR "/epoch", 0, 0);
	ward_fail_fix(why, "write a number there that is larger than every one before");
	return true;
}

int watch_ceiling(struct life *l, struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;
	uint64_t t = ward_now_mono_ns();
	struct ward_epoch now;
	bool bad;
	int r = WARD_OK;

	if (!l->t_look || t < l->t_look)
		return WARD_OK;
	bad = ward_layers_epoch(&where, &now, &why) < 0 || went_back(l, &now, &why);
	if (!bad && ward_epoch_compare(&l->epoch, &now) == WARD_EPOCH_NEW)
		r = read_new(l, &bad, &why, err);
	if (!bad)
		l->t_bad = 0;
	else if (!l->t_bad)
		l->t_bad = t;
	else if (t - l->t_bad >= (is_lack(&why) ? LACK_PATIENCE_MS : PATIENCE_MS) * MS)
		return end_unknown(l, 0, &why, err);
	if (l->t_look)
		l->t_look = t + (bad ? LOOK_AGAIN_MS : LOOK_EVERY_MS) * MS;
	return r;
}
