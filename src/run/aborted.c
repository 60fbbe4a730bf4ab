/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run whose ward was killed cannot write its own end, nor take away what outlives every process: pins in granted trees, and sockets.
 * So each run says beforehand, in a file beside the log (audit/pending.c), what that will be, and the next start with the same log looks
 * who has died. Only what is surely a pin that nobody holds is removed, whatever the file says. Nothing here is done for a run of which a
 * process is alive, and its end is written once, by whichever start comes first.
 */
#include <stdio.h>
#include <string.h>

#include "audit/audit.h"
#include "os/os.h"
#include "run/life.h"

#define TOLD 3 /* lines about as many; the others are counted */

/* ---- what is said beforehand: texts, each with its name, and a NUL behind it ---- */

static const char workspace_is[] = "workspace=", exe_is[] = "exe=", pin_is[] = "pin=";

static void add(struct ward_buf *b, const char *name, const char *value)
{
	ward_buf_adds(b, name);
	ward_buf_adds(b, value);
	ward_buf_addc(b, '\0');
}

int pending_begin(struct life *l, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const struct ward_plan *p = l->plan;

	ward_pending_end(l->pending, false);
	l->pending = NULL;
	if (p->workspace)
		add(&b, workspace_is, p->workspace);
	add(&b, exe_is, p->exe);
	for (size_t i = 0; i < p->n_nodes; i++) {
		if (p->nodes[i].pin)
			add(&b, pin_is, p->nodes[i].dest);
	}
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "no memory for what the run may leave");
	return ward_pending_begin(l->audit, l->o->run, b.s, b.n, &l->pending, err);
}

void pending_end(struct life *l)
{
	ward_pending_end(l->pending, l->pins_left || (l->start_tried && !l->end_recorded));
	l->pending = NULL;
}

/* ---- what is found afterwards ---- */

struct found {
	struct life *l;
	unsigned n; /* runs that got an end */
};

static int record(struct life *l, const struct ward_dead_run *d, const char *workspace,
	const char *exe, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_event e = { .kind = "run.end",
		.action = "run",
		.run = d->run,
		.workspace = workspace,
		.resource = exe };

	ward_jw_open(&b, '{');
	ward_jw_kstr(&b, "status", "aborted");
	ward_jw_kstr(&b, "error",
		"its ward was killed, or could not write its end; found by a later start");
	ward_jw_kstr(&b, "by", l->o->run);
	ward_jw_close(&b, '}');
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a record");
	e.detail_json = ward_buf_cstr(&b);
	return ward_audit_append(l->audit, &e, 1, true, NULL, NULL, err);
}

static int found_dead(void *arg, const struct ward_dead_run *d, struct ward_error *err)
{
	struct found *f = arg;
	const char *workspace = NULL, *exe = NULL;
	int r;

	for (size_t at = 0; at < d->n;) {
		const char *s = d->text + at;
		size_t n = strnlen(s, d->n - at);

		if (n == d->n - at)
			break; /* cut off */
		if (ward_has_prefix(s, workspace_is))
			workspace = s + strlen(workspace_is);
		else if (ward_has_prefix(s, exe_is))
			exe = s + strlen(exe_is);
		else if (ward_has_prefix(s, pin_is))
			ward_pin_forget(s + strlen(pin_is));
		at += n + 1;
	}
	ward_confine_forget(d->run);
	ward_live_forget(d->run);
	if (!d->started || d->ended)
		return WARD_OK;
	r = record(f->l, d, workspace, exe, err);
	if (r == WARD_OK && f->n++ < TOLD)
		ward_outcome_note(f->l->o,
			"warning: run %s was aborted: its ward was killed; the log says so now",
			d->run);
	return r;
}

int aborted_sweep(struct life *l, struct ward_error *err)
{
	struct found f = { l, 0 };
	int r = ward_pending_sweep(l->audit, found_dead, &f, err);

	if (f.n > TOLD)
		ward_outcome_note(l->o, "warning: %u more runs were aborted: see the log",
			f.n - TOLD);
	return r;
}
