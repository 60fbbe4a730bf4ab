/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run under review ends: what it wrote is kept where it was not yet, counted, and said. A run that changed nothing leaves nothing. What
 * fails here loses nothing that could be kept: the entry stays, and says what it lacks.
 */
#include <fcntl.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"
#include "run/review/judge.h"

/* From the tmpfs of the cage, of which nothing else is left. */
static int keep(struct life *l, struct ward_workspace_facts *f, struct ward_error *err)
{
	int from = ward_cage_layer(l->cage), to;
	uint64_t left;
	int r;

	if (f->backend != WARD_DISK_TMPFS)
		return WARD_OK;
	ward_cage_finish(l->cage);
	to = ward_workspace_layer(l->workspace, err);
	if (to < 0)
		return to;
	if (from < 0)
		return ward_fail(err, WARD_E_INTERNAL, "the layer of the run is not there");
	r = ward_layer_keep(from, to, &left, err);
	f->incomplete = r < 0;
	return r;
}

/* Before the record says that it ended: what a crash takes afterwards would look deleted. A full disk behind a loop is seen here. */
static int settle(struct life *l, struct ward_workspace_facts *f, struct ward_error *err)
{
	int r = ward_workspace_settle(l->workspace, err);

	f->incomplete = r < 0;
	return r;
}

static int count(struct life *l, uint64_t *ret, struct ward_error *err)
{
	struct ward_changes *all = NULL;
	int layer = ward_workspace_layer(l->workspace, err), r;

	if (layer < 0)
		return layer;
	/* The most runs wrote nothing. */
	*ret = 0;
	if (l->r->review != WARD_REVIEW_LIVE && ward_workspace_unwritten(l->workspace))
		return WARD_OK;
	r = ward_workspace_changes(l->workspace, WARD_CHANGES_LAST, &all, err);

	if (r < 0)
		return r;
	*ret = all->n;
	/* In time for who commits later: the host's git may look meanwhile. */
	ward_workspace_indexes_of(l->workspace, all);
	ward_changes_free(all);
	return WARD_OK;
}

static int record_close(struct life *l, bool counted, uint64_t changes, bool incomplete,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_event e = { .kind = "workspace.close", .action = "fs.write" };

	e.resource = ward_workspace_facts(l->workspace)->root;
	ward_jw_open(&b, '{');
	ward_jw_key(&b, "changes");
	if (counted)
		ward_jw_u64(&b, changes);
	else
		ward_jw_null(&b);
	if (incomplete)
		ward_jw_kbool(&b, "incomplete", true);
	ward_jw_close(&b, '}');
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a record");
	e.detail_json = ward_buf_cstr(&b);
	record_event(l, &e);
	return record_append(l, &e, 1, false, NULL, err);
}

static void say(struct life *l)
{
	struct ward_outcome *o = l->o;
	const char *run = o->run;

	if (ward_streq(o->review_state, "incomplete"))
		ward_outcome_note(o,
			"what could be kept waits: ward diff %s, ward commit %s --incomplete, ward discard %s",
			run, run, run);
	else if (!o->review_counted)
		ward_outcome_note(o,
			"changes wait that could not be counted: ward diff %s, ward commit %s, ward discard %s",
			run, run, run);
	else if (o->review_changes)
		ward_outcome_note(o, "%llu change%s: ward diff %s, ward commit %s, ward discard %s",
			(unsigned long long)o->review_changes,
			o->review_changes == 1 ? " waits" : "s wait", run, run, run);
}

/* Nothing of it is worth a word: the run wrote nothing, or never was. */
static void forget(struct life *l)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_workspace *w = l->workspace;

	l->workspace = NULL;
	if (ward_workspace_remove(w, &err) < 0)
		ward_outcome_note(l->o, "warning: %s", err.message);
}

/* --review=auto: what the policies permit without asking is real when the run has ended well. What fails leaves all of it waiting. */
static void commit_now(struct life *l)
{
	struct ward_outcome *o = l->o;
	struct ward_error err = WARD_ERROR_INIT;
	char why[WARD_REVIEW_WHY_SIZE];
	size_t applied = 0, left = 0;
	bool gone = false;
	int r;

	if ((l->r->review != WARD_REVIEW_AUTO && l->r->review != WARD_REVIEW_LIVE) || !l->ended ||
		!o->has_code || o->code != 0)
		return;
	r = ward_review_auto(l->workspace, &applied, &left, &gone, why, &err);
	if (gone)
		l->workspace = NULL;
	if (r < 0)
		ward_outcome_warn(o, "nothing more is committed", &err);
	else
		ward_outcome_note(o, "committed: %zu change%s", applied, applied == 1 ? "" : "s");
	if (r == WARD_OK && left && why[0])
		ward_outcome_note(o, "not committed: %s", why);
	if (r == WARD_OK && gone) {
		o->review_state = "committed";
		o->review_changes = 0;
	} else if (r == WARD_OK) {
		o->review_changes = left;
	}
}

int review_end(struct life *l, struct ward_error *err)
{
	struct ward_outcome *o = l->o;
	struct ward_error later = WARD_ERROR_INIT, why = WARD_ERROR_INIT;
	struct ward_workspace_facts f;
	size_t landed = 0;
	bool none;
	int r, s;

	review_live_end(l, &landed);
	if (!l->workspace)
		return WARD_OK;
	f = *ward_workspace_facts(l->workspace);
	r = keep(l, &f, err);
	o->reviewed = true;
	s = count(l, &o->review_changes, r < 0 ? &later : &why);
	o->review_counted = s == WARD_OK;
	if (s < 0)
		ward_outcome_note(o, "warning: %s", (r < 0 ? &later : &why)->message);
	o->review_state = f.incomplete                        ? "incomplete"
		: o->review_counted && o->review_changes == 0 ? "none"
							      : "pending";
	/* A landing that began and did not end has what is nowhere else. */
	if (ward_streq(o->review_state, "none") &&
		faccessat(ward_workspace_dir(l->workspace), WARD_WORKSPACE_JOURNAL, F_OK,
			AT_SYMLINK_NOFOLLOW) == 0)
		o->review_state = "pending";
	none = r == WARD_OK && ward_streq(o->review_state, "none");
	if (!none && !f.incomplete) {
		s = settle(l, &f, r < 0 ? &later : err);
		r = r < 0 ? r : s;
		o->review_state = f.incomplete ? "incomplete" : o->review_state;
	}
	f.ended_ns = (int64_t)ward_now_wall_ns();
	f.has_code = o->has_code;
	f.code = o->has_code ? o->code & 0xff : 0;
	s = none ? WARD_OK : ward_workspace_record(l->workspace, &f, r < 0 ? &later : err);
	r = r < 0 ? r : s;
	s = record_close(l, o->review_counted, o->review_changes, f.incomplete,
		r < 0 ? &later : err);
	r = r < 0 ? r : s;
	if (none)
		forget(l);
	else if (r == WARD_OK && !f.incomplete)
		commit_now(l);
	if (none && landed > 0)
		o->review_state = "committed";
	if (l->workspace)
		say(l);
	return r;
}

void review_done(struct life *l)
{
	bool was = l->workspace != NULL;

	if (was && !l->went)
		forget(l);
	ward_workspace_close(l->workspace);
	l->workspace = NULL;
	/* What starts and removals that died have left; nothing of this run waits for it. */
	if (was)
		(void)ward_workspace_sweep(NULL, NULL);
}
