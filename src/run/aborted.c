/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run whose ward was killed cannot write its own end, nor take away what outlives every process: pins in granted trees, and sockets.
 * So each run says beforehand, in a file beside the log (audit/pending.c), what that will be, and the next start with the same log looks
 * who has died. Only what is surely a pin that nobody holds is removed, whatever the file says. Nothing here is done for a run of which a
 * process is alive, and its end is written once, by whichever start comes first.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/audit.h"
#include "os/os.h"
#include "run/life.h"

#define WAITS_MAX 128
#define TOLD 3 /* lines about as many; the others are counted */

/* ---- what is said beforehand: texts, each with its name, and a NUL behind it ---- */

static const char workspace_is[] = "workspace=", exe_is[] = "exe=", pin_is[] = "pin=",
		  review_is[] = "review=";

/* What does not fit is left out: a pin that stays is less than a run that cannot be started. */
static void add(struct ward_buf *b, const char *name, const char *value)
{
	if (b->n + strlen(name) + strlen(value) + 1 > WARD_PENDING_TEXT_MAX)
		return;
	ward_buf_adds(b, name);
	ward_buf_adds(b, value);
	ward_buf_addc(b, '\0');
}

int pending_begin(struct life *l, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error why = WARD_ERROR_INIT;
	const struct ward_plan *p = l->plan;
	struct ward_pending *now;
	int r;

	if (p->workspace)
		add(&b, workspace_is, p->workspace);
	add(&b, exe_is, p->exe);
	if (p->review.on)
		add(&b, review_is, ward_disk_backend_name(p->review.backend));
	for (size_t i = 0; i < p->n_nodes; i++) {
		if (p->nodes[i].pin)
			add(&b, pin_is, p->nodes[i].dest);
	}
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "no memory for what the run may leave");
	r = ward_pending_begin(l->audit, l->o->run, b.s, b.n, &now, &why);
	if (r == WARD_OK) {
		/* It has taken the name of the one before, which may have a start in the log. */
		ward_pending_end(l->pending, WARD_PENDING_NO_END);
		l->pending = now;
	} else if (r == WARD_E_UNSUPPORTED) {
		if (!l->not_pending)
			ward_outcome_note(l->o,
				"warning: %s: if ward is killed, the log will not say so, and names may be left",
				why.message);
		l->not_pending = true;
		r = WARD_OK;
	} else if (err) {
		*err = why;
	}
	return r;
}

void pending_end(struct life *l)
{
	enum ward_pending_left left = WARD_PENDING_NOTHING;

	if (l->start_tried && !l->end_recorded)
		left = WARD_PENDING_NO_END;
	else if (l->pins_left)
		left = WARD_PENDING_ENDED;
	ward_pending_end(l->pending, left);
	l->pending = NULL;
}

/* ---- what is found afterwards ---- */

struct found {
	struct life *l;
	unsigned n; /* runs that got an end */
	unsigned warned;
};

/* A path of the file, which may say anything: one that is none would make a record that no log takes. */
static const char *path_or_none(const char *s)
{
	return strlen(s) < WARD_PATH_MAX ? s : NULL;
}

/* What it wrote under review is the store's, and stays; unless somebody has committed or discarded it since. */
static const char *waits(const char *run, const char *backend, char out[WAITS_MAX])
{
	WARD_UNSET char entry[WARD_PATH_MAX];
	struct stat st;
	size_t n;

	out[0] = '\0';
	n = ward_workspace_where(entry) ? strlen(entry) : sizeof(entry);
	if (n + 1 + strlen(run) < sizeof(entry)) {
		(void)snprintf(entry + n, sizeof(entry) - n, "/%s", run);
		if (lstat(entry, &st) < 0 && errno == ENOENT)
			return out;
	}
	(void)snprintf(out, WAITS_MAX,
		ward_streq(backend, "tmpfs")
			? "; what it changed lay on a tmpfs and is lost: ward discard %s"
			: "; what it changed waits: ward diff %s",
		run);
	return out;
}

/* Take away what it left, and who it was into e. The disk backend that it was under review with; NULL: it was not. */
static const char *clean(const struct ward_dead_run *d, struct ward_event *e)
{
	const char *review = NULL;

	for (size_t at = 0; at < d->n;) {
		const char *s = d->text + at;
		size_t n = strnlen(s, d->n - at);

		if (n == d->n - at)
			break; /* cut off */
		if (ward_has_prefix(s, workspace_is))
			e->workspace = path_or_none(s + strlen(workspace_is));
		else if (ward_has_prefix(s, exe_is))
			e->resource = path_or_none(s + strlen(exe_is));
		else if (ward_has_prefix(s, review_is))
			review = s + strlen(review_is);
		else if (ward_has_prefix(s, pin_is))
			ward_pin_forget(s + strlen(pin_is));
		at += n + 1;
	}
	ward_confine_forget(d->run);
	ward_live_forget(d->run);
	return review;
}

static int found_dead(void *arg, const struct ward_dead_run *d, size_t n, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_event events[WARD_PENDING_DEAD_MAX];
	const char *review[WARD_PENDING_DEAD_MAX];
	char left[WAITS_MAX];
	struct found *f = arg;
	size_t k = 0;
	int r;

	ward_jw_open(&b, '{');
	ward_jw_kstr(&b, "status", "aborted");
	ward_jw_kstr(&b, "error",
		"its ward was killed, or could not write its end; found by a later start");
	ward_jw_kstr(&b, "by", f->l->o->run);
	ward_jw_close(&b, '}');
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a record");
	for (size_t i = 0; i < n; i++) {
		events[k] = (struct ward_event){ .kind = "run.end",
			.action = "run",
			.run = d[i].run,
			.detail_json = ward_buf_cstr(&b) };
		review[k] = clean(&d[i], &events[k]);
		k += d[i].started && !d[i].ended;
	}
	r = k > 0 ? ward_audit_append(f->l->audit, events, k, true, NULL, NULL, err) : WARD_OK;
	for (size_t i = 0; i < k && r == WARD_OK; i++) {
		if (f->n++ < TOLD)
			ward_outcome_note(f->l->o,
				"warning: run %s was aborted: its ward was killed, or could not write its end; the log says so now%s",
				events[i].run,
				review[i] ? waits(events[i].run, review[i], left) : "");
	}
	return r;
}

static void not_looked_at(void *arg, const char *what)
{
	struct found *f = arg;

	if (f->warned++ < TOLD)
		ward_outcome_note(f->l->o, "warning: a run that has died is left: %s", what);
}

int aborted_sweep(struct life *l, struct ward_error *err)
{
	struct found f = { .l = l };
	const struct ward_pending_found found = { found_dead, not_looked_at, &f };
	int r = ward_pending_sweep(l->audit, &found, err);

	if (f.n > TOLD)
		ward_outcome_note(l->o, "warning: %u more runs were aborted: see the log",
			f.n - TOLD);
	return r;
}
