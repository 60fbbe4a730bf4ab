/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run that is told to end by `ward stop`: it ends as after a TERM to its ward, and who said so, and why, is in the log before
 * anything else happens. Where it cannot be found from outside it runs all the same, and says that.
 */
#include <signal.h>
#include <string.h>

#include "os/os.h"
#include "run/life.h"

void live_begin(struct life *l)
{
	struct ward_error why = WARD_ERROR_INIT;
	const struct ward_live_run run = { .run = l->o->run,
		.workspace = l->plan->workspace,
		.argv = l->r->argv,
		.labels = l->r->labels,
		.n_labels = l->r->n_labels };

	/* A second plan is the same run. */
	if (!l->r->unlisted && !l->live && ward_live_new(&run, &l->live, &why) < 0)
		ward_outcome_warn(l->o, "ward stop cannot find this run", &why);
}

static int record(struct life *l, const struct ward_stopped *s, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_event e = {
		.kind = "run.stop", .effect = "deny", .action = "run", .resource = l->plan->exe
	};

	ward_jw_open(&b, '{');
	if (s->reason[0])
		ward_jw_kstr(&b, "reason", s->reason);
	ward_jw_kbool(&b, "now", s->now);
	ward_jw_key(&b, "by");
	ward_jw_open(&b, '{');
	ward_jw_ku64(&b, "uid", s->by.uid);
	ward_jw_ki64(&b, "pid", s->by.pid);
	ward_jw_close(&b, '}');
	ward_jw_close(&b, '}');
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a record");
	e.detail_json = ward_buf_cstr(&b);
	record_event(l, &e);
	return record_append(l, &e, 1, true, NULL, err);
}

static void note(struct life *l, const struct ward_stopped *s)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	if (s->reason[0]) {
		ward_buf_adds(&b, ": ");
		ward_quote(&b, s->reason, strlen(s->reason));
	}
	ward_outcome_note(l->o, "stopped by uid %u (ward stop, pid %d)%s", (unsigned)s->by.uid,
		s->by.pid, b.failed || b.n == 0 ? "" : ward_buf_cstr(&b));
}

int live_stop(struct life *l, const struct ward_stopped *s, struct ward_error *err)
{
	int r;

	if (!s->wanted || l->ended)
		return WARD_OK;
	r = record(l, s, err);
	note(l, s);
	if (s->now)
		end_now(l, SIGTERM);
	else
		end_as(l, SIGTERM);
	return r;
}
