/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward runs, ward discard: what waits, shown and forgotten. What is forgotten has a record first, in the log that has the run; without that
 * it stays. Nothing that is alive, or of which a commit has begun that can still be ended, is ever taken away here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"
#include "run/review/judge.h"
#include "run/run.h"
#include "ward/review.h"
#include "workspace/workspace.h"

#define COMMAND_SHOWN 60

/* What is known of one, with what is only found by looking. */
struct seen {
	const char *run;
	enum ward_workspace_state state;
	const struct ward_workspace_facts *f;
	const struct ward_error *why; /* NULL: its record is right */
	const char *path; /* in the store; NULL: not wanted */
	bool sized, counted;
	uint64_t bytes, objects, changes;
};

static void look_closer(struct seen *s)
{
	struct ward_workspace *w = NULL;
	struct ward_changes *all = NULL;
	int layer, root;

	if (s->why || s->state == WARD_WORKSPACE_LOST ||
		ward_workspace_open(s->run, WARD_WORKSPACE_LOOK, &w, NULL) < 0)
		return;
	s->sized = ward_workspace_size(w, &s->bytes, &s->objects, NULL) == WARD_OK;
	layer = s->sized ? ward_workspace_layer(w, NULL) : -1;
	root = layer < 0 ? -1 : ward_workspace_root(w, NULL);
	if (root >= 0 && ward_workspace_changes(w, WARD_CHANGES_ALL, &all, NULL) == WARD_OK) {
		s->counted = true;
		s->changes = all->n;
		ward_changes_free(all);
	}
	ward_workspace_close(w);
}

/* ---- shown ---- */

static void put_age(struct ward_buf *b, int64_t since_ns)
{
	static const struct {
		uint64_t s;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t now = (int64_t)ward_now_wall_ns();
	uint64_t s = now > since_ns ? (uint64_t)(now - since_ns) / 1000000000u : 0;
	size_t i = 0;

	while (i + 1 < WARD_ARRAY_SIZE(units) && s < units[i].s)
		i++;
	ward_buf_addf(b, "%" PRIu64 "%c", s / units[i].s, units[i].unit);
}

static void put_cell(struct ward_buf *b, const char *text, size_t width)
{
	ward_buf_adds(b, text);
	for (size_t n = strlen(text); n < width; n++)
		ward_buf_addc(b, ' ');
	ward_buf_adds(b, "  ");
}

static void put_line(struct ward_buf *b, const struct seen *s)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf cell = WARD_BUF_INIT;
	char text[32];

	put_cell(b, s->run, 26);
	if (s->why) {
		put_cell(b, "-", 4);
		put_cell(b, "broken", 10);
		ward_buf_adds(b, s->why->message);
		ward_buf_addc(b, '\n');
		return;
	}
	put_age(&cell, s->f->started_ns);
	put_cell(b, ward_buf_cstr(&cell), 4);
	put_cell(b, ward_workspace_state_name(s->state), 10);
	(void)snprintf(text, sizeof(text), "%" PRIu64, s->changes);
	put_cell(b, s->counted ? text : "-", 7);
	ward_format_size(s->bytes, text, sizeof(text));
	put_cell(b, s->sized ? text : "-", 8);
	ward_show(b, s->f->root, strlen(s->f->root));
	ward_buf_adds(b, "  ");
	ward_buf_clear(&cell);
	ward_show(&cell, s->f->command, strnlen(s->f->command, COMMAND_SHOWN));
	b->failed = b->failed || cell.failed;
	ward_buf_adds(b, ward_buf_cstr(&cell));
	ward_buf_adds(b, strlen(s->f->command) > COMMAND_SHOWN ? "...\n" : "\n");
}

static bool format_time(int64_t ns, char *out, size_t size)
{
	time_t t = (time_t)(ns / 1000000000);
	struct tm tm;

	return ns > 0 && gmtime_r(&t, &tm) && strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void put_time(struct ward_buf *b, const char *key, int64_t ns)
{
	char text[40];

	ward_jw_kstr(b, key, format_time(ns, text, sizeof(text)) ? text : NULL);
}

static void put_number(struct ward_buf *b, const char *key, bool has, uint64_t v)
{
	ward_jw_key(b, key);
	if (has)
		ward_jw_u64(b, v);
	else
		ward_jw_null(b);
}

static void put_json(struct ward_buf *b, const struct seen *s)
{
	const struct ward_workspace_facts *f = s->f;

	ward_jw_open(b, '{');
	ward_jw_kstr(b, "run", s->run);
	ward_jw_kstr(b, "state",
		ward_workspace_state_name(s->why ? WARD_WORKSPACE_BROKEN : s->state));
	if (s->why) {
		ward_jw_kstr(b, "error", s->why->message);
		ward_jw_close(b, '}');
		return;
	}
	ward_jw_kstr(b, "root", f->root);
	put_number(b, "changes", s->counted, s->changes);
	put_number(b, "bytes", s->sized, s->bytes);
	put_number(b, "objects", s->sized, s->objects);
	ward_jw_kstr(b, "command", f->command);
	put_time(b, "started", f->started_ns);
	put_time(b, "ended", f->ended_ns);
	put_number(b, "code", f->has_code, (uint64_t)f->code);
	ward_jw_kstr(b, "backend", ward_disk_backend_name(f->backend));
	ward_jw_ku64(b, "bound", f->bound);
	ward_jw_kbool(b, "incomplete", f->incomplete);
	ward_jw_kstr(b, "log", f->log);
	ward_jw_close(b, '}');
}

static void put_row(struct ward_buf *b, const char *name, const char *text)
{
	put_cell(b, name, 10);
	ward_show(b, text, strlen(text));
	ward_buf_addc(b, '\n');
}

static const char *hint(const struct seen *s)
{
	switch (s->state) {
	case WARD_WORKSPACE_LIVE:
		return "it is running: its changes can be looked at, and neither be committed nor discarded";
	case WARD_WORKSPACE_PENDING:
		return s->f->incomplete
			? "not all of it could be kept, or the machine went down meanwhile: ward diff, ward commit --incomplete or ward discard"
			: "ward diff, ward commit or ward discard";
	case WARD_WORKSPACE_COMMITTING:
		return "a commit has begun and not ended: ward commit --continue or --abort";
	case WARD_WORKSPACE_LOST:
		return s->f->backend == WARD_DISK_TMPFS
			? "what it changed lay on a tmpfs and is lost: ward discard"
			: "what it changed is forgotten already, but for the record of that: ward discard";
	case WARD_WORKSPACE_BROKEN: break;
	}
	return "";
}

static void put_all(struct ward_buf *b, const struct seen *s)
{
	const struct ward_workspace_facts *f = s->f;
	char text[64], size[32];

	put_row(b, "run", s->run);
	put_row(b, "state", ward_workspace_state_name(s->state));
	put_row(b, "directory", f->root);
	put_row(b, "command", f->command);
	put_row(b, "started", format_time(f->started_ns, text, sizeof(text)) ? text : "-");
	put_row(b, "ended", format_time(f->ended_ns, text, sizeof(text)) ? text : "-");
	(void)snprintf(text, sizeof(text), "%d", f->code);
	put_row(b, "exit code", f->has_code ? text : "-");
	(void)snprintf(text, sizeof(text), "%" PRIu64 "%s", s->changes,
		!f->incomplete        ? ""
			: f->ended_ns ? ", and others that could not be kept"
				      : ", and perhaps others that the machine lost");
	put_row(b, "changes", s->counted ? text : "-");
	ward_format_size(s->bytes, size, sizeof(size));
	(void)snprintf(text, sizeof(text), "%s in %" PRIu64 " objects", size, s->objects);
	put_row(b, "size", s->sized ? text : "-");
	ward_format_size(f->bound, size, sizeof(size));
	(void)snprintf(text, sizeof(text), "%s, at most %s", ward_disk_backend_name(f->backend),
		size);
	put_row(b, "layer", text);
	put_row(b, "kept in", s->path);
	put_row(b, "log", f->log);
	put_row(b, "next", hint(s));
}

/* ---- which there are ---- */

struct listing {
	struct ward_buf b;
	bool json;
	size_t n;
};

static int list_one(void *arg, const char *run, enum ward_workspace_state state,
	const struct ward_workspace_facts *f, const struct ward_error *why)
{
	struct seen s = { .run = run, .state = state, .f = f, .why = why };
	struct listing *l = arg;

	look_closer(&s);
	if (!l->json && l->n == 0) {
		put_cell(&l->b, "RUN", 26);
		put_cell(&l->b, "AGE", 4);
		put_cell(&l->b, "STATE", 10);
		put_cell(&l->b, "CHANGES", 7);
		put_cell(&l->b, "SIZE", 8);
		ward_buf_adds(&l->b, "DIRECTORY  COMMAND\n");
	}
	l->n++;
	if (l->json)
		put_json(&l->b, &s);
	else
		put_line(&l->b, &s);
	return 0;
}

static int give(struct ward_buf *b, char **ret, struct ward_error *err)
{
	(void)ward_buf_cstr(b);
	*ret = ward_buf_take(b);
	return *ret ? WARD_OK : ward_fail(err, WARD_E_NOMEM, "no memory for a text");
}

int ward_review_list(bool json, char **ret_text, size_t *ret_n, struct ward_error *err)
{
	struct listing l = { .json = json };
	int r;

	if (!ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_review_list without a place for the text");
	*ret_text = NULL;
	if (json) {
		ward_jw_open(&l.b, '{');
		ward_jw_ki64(&l.b, "v", 1);
		ward_jw_key(&l.b, "runs");
		ward_jw_open(&l.b, '[');
	}
	r = ward_workspace_each(list_one, &l, err);
	if (json) {
		ward_jw_close(&l.b, ']');
		ward_jw_close(&l.b, '}');
		ward_buf_addc(&l.b, '\n');
	}
	if (r == WARD_OK)
		r = give(&l.b, ret_text, err);
	ward_buf_done(&l.b);
	if (ret_n)
		*ret_n = l.n;
	return r;
}

int ward_review_show(const char *run, bool json, char **ret_text, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_workspace *w = NULL;
	struct seen s = { 0 };
	int r;

	if (!run || !ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_review_show without a run, or a place for the text");
	*ret_text = NULL;
	r = ward_workspace_open(run, WARD_WORKSPACE_LOOK, &w, err);
	if (r < 0)
		return r;
	s.f = ward_workspace_facts(w);
	s.run = s.f->run;
	s.state = ward_workspace_state(w);
	s.path = ward_workspace_path(w);
	look_closer(&s);
	if (json) {
		put_json(&b, &s);
		ward_buf_addc(&b, '\n');
	} else {
		put_all(&b, &s);
	}
	r = give(&b, ret_text, err);
	ward_workspace_close(w);
	return r;
}

/* ---- forgotten ---- */

static int record(const struct ward_workspace *w, const char *by, const char *state,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const struct ward_workspace_facts *f = ward_workspace_facts(w);
	struct ward_event e = { .kind = "workspace.discard", .action = "fs.write" };
	struct ward_audit *a = NULL;
	int r = ward_audit_open(f->log, &a, NULL, err);

	if (r < 0)
		return r;
	ward_jw_open(&b, '{');
	ward_jw_kstr(&b, "by", by);
	ward_jw_kstr(&b, "state", state);
	ward_jw_close(&b, '}');
	e.run = f->run;
	e.workspace = e.resource = f->root;
	e.detail_json = ward_buf_cstr(&b);
	r = b.failed ? ward_fail(err, WARD_E_NOMEM, "no memory for a record")
		     : ward_audit_append(a, &e, 1, true, NULL, NULL, err);
	ward_audit_close(a);
	return r;
}

static bool lies_beside(const struct ward_workspace *w, const char *log)
{
	struct stat store, st;

	return fstat(ward_workspace_dir(w), &store) == 0 && stat(log, &st) == 0 &&
		store.st_dev == st.st_dev;
}

/*
 * The log is full, and what is to be forgotten lies on the same disk: that goes first, and the run stays until its record is written. To forget
 * is how room is made.
 */
static int record_or_empty(struct ward_workspace *w, const char *by, struct ward_error *err)
{
	const struct ward_workspace_facts *f = ward_workspace_facts(w);
	const char *was = ward_workspace_state_name(ward_workspace_state(w));
	struct ward_error why = WARD_ERROR_INIT;
	int r = record(w, by, was, &why);

	if ((why.sys_errno == ENOSPC || why.sys_errno == EDQUOT) && r < 0 &&
		lies_beside(w, f->log) && ward_workspace_empty(w, NULL) == WARD_OK) {
		why = (struct ward_error)WARD_ERROR_INIT;
		r = record(w, by, was, &why);
		if (r < 0)
			ward_fail_fix(&why,
				"what the run changed is forgotten, and that is not on record: make room there, and say the same again");
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

static void kept(void *arg, const char *path, const char *why)
{
	struct ward_buf *out = arg;

	ward_quote(out, path, strlen(path));
	ward_buf_addf(out, ": %s\n", why);
}

static int drop(const char *run, const char *by, struct ward_buf *out, struct ward_error *err)
{
	struct ward_commit_giving_up how = { .left = kept, .arg = out };
	struct ward_workspace *w = NULL;
	char name[WARD_ULID_SIZE];
	const char *why = NULL;
	bool over;
	int r = ward_workspace_open(run, WARD_WORKSPACE_DROP, &w, err);

	if (r < 0)
		return r;
	memcpy(name, ward_workspace_facts(w)->run, sizeof(name));
	if (ward_workspace_state(w) == WARD_WORKSPACE_COMMITTING) {
		how.look = true;
		r = ward_commit_give_up(w, &how, &why, &over, err);
		how.look = false;
	}
	if (r == WARD_OK)
		r = record_or_empty(w, by, err);
	if (r == WARD_OK && why)
		r = ward_commit_give_up(w, &how, &why, &over, err);
	if (r < 0) {
		ward_review_log_fix(err);
		ward_workspace_close(w);
		return r;
	}
	r = ward_workspace_remove(w, err);
	if (r == WARD_OK)
		ward_buf_addf(out, "forgotten: %s%s%s\n", name, why ? "; " : "", why ? why : "");
	return r;
}

int ward_review_remove(const char *const *runs, size_t n_runs, char **ret_text,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	int r = WARD_OK, s;

	if (!ret_text || (n_runs > 0 && !runs))
		return ward_fail(err, WARD_E_INVALID,
			"ward_review_remove without runs, or a place for the text");
	*ret_text = NULL;
	for (size_t i = 0; i < n_runs && r == WARD_OK; i++)
		r = drop(runs[i] ? runs[i] : "", "ward runs rm", &b, err);
	s = give(&b, ret_text, r < 0 ? NULL : err);
	return r < 0 ? r : s;
}

int ward_review_discard(const char *run, char **ret_text, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	char found[WARD_ULID_SIZE], here[WARD_PATH_MAX];
	int r = WARD_OK;

	if (!ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_review_discard without a place for the text");
	*ret_text = NULL;
	if (!run && (!getcwd(here, sizeof(here)) || here[0] != '/'))
		return ward_fail_errno(err, WARD_E_INVALID, errno,
			"the working directory cannot be named");
	if (!run)
		r = ward_workspace_find(here, true, found, err);
	if (r == WARD_OK)
		r = drop(run ? run : found, "ward discard", &b, err);
	return r < 0 ? r : give(&b, ret_text, err);
}

struct collecting {
	const struct ward_review_gc *what;
	int64_t before_ns;
	struct ward_buf names; /* each of WARD_ULID_SIZE bytes */
};

/* All of its commit is real, or back. */
static bool is_over(const char *run)
{
	const struct ward_commit_giving_up look = { .look = true };
	struct ward_workspace *w = NULL;
	const char *why;
	bool over = false;

	if (ward_workspace_open(run, WARD_WORKSPACE_LOOK, &w, NULL) < 0)
		return false;
	over = ward_commit_give_up(w, &look, &why, &over, NULL) == WARD_OK && over;
	ward_workspace_close(w);
	return over;
}

static int may_go(void *arg, const char *run, enum ward_workspace_state state,
	const struct ward_workspace_facts *f, const struct ward_error *why)
{
	struct collecting *c = arg;
	bool old = c->what->older_than_ms && !why &&
		(f->ended_ns ? f->ended_ns : f->started_ns) <= c->before_ns;

	if (!why &&
		(state == WARD_WORKSPACE_LOST ||
			(old &&
				(state == WARD_WORKSPACE_PENDING ||
					(state == WARD_WORKSPACE_COMMITTING && is_over(run))))))
		ward_buf_add(&c->names, run, WARD_ULID_SIZE);
	return 0;
}

static void put_gone(struct ward_buf *b, const struct collecting *c, size_t n_done, size_t swept)
{
	if (c->what->json) {
		ward_jw_open(b, '{');
		ward_jw_ki64(b, "v", 1);
		ward_jw_kbool(b, "dry_run", c->what->dry_run);
		ward_jw_key(b, "runs");
		ward_jw_open(b, '[');
		for (size_t i = 0; i < n_done; i++)
			ward_jw_cstr(b, c->names.s + i * WARD_ULID_SIZE);
		ward_jw_close(b, ']');
		ward_jw_ku64(b, "swept", swept);
		ward_jw_close(b, '}');
		ward_buf_addc(b, '\n');
		return;
	}
	for (size_t i = 0; i < n_done; i++)
		ward_buf_addf(b, "%s: %s\n", c->what->dry_run ? "would be forgotten" : "forgotten",
			c->names.s + i * WARD_ULID_SIZE);
	if (swept)
		ward_buf_addf(b, "taken away: what %zu that died had left\n", swept);
}

int ward_review_gc(const struct ward_review_gc *what, char **ret_text, size_t *ret_n,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT, ignored = WARD_BUF_INIT;
	struct collecting c = { .what = what };
	size_t swept = 0, n = 0, all;
	int r, s;

	if (!what || !ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_review_gc without what is meant, or a place for the text");
	*ret_text = NULL;
	c.before_ns = (int64_t)ward_now_wall_ns() - (int64_t)(what->older_than_ms * 1000000u);
	r = ward_workspace_each(may_go, &c, err);
	if (r == WARD_OK && c.names.failed)
		r = ward_fail(err, WARD_E_NOMEM, "out of memory");
	all = r == WARD_OK ? c.names.n / WARD_ULID_SIZE : 0;
	/* One that somebody has taken, or begun to commit, since is left to him. */
	while (r == WARD_OK && !what->dry_run && n < all) {
		struct ward_error why = WARD_ERROR_INIT;

		r = drop(c.names.s + n * WARD_ULID_SIZE, "ward runs gc", &ignored, &why);
		if (r == WARD_E_REFUSED || r == WARD_E_NOTFOUND) {
			memmove(c.names.s + n * WARD_ULID_SIZE,
				c.names.s + (n + 1) * WARD_ULID_SIZE,
				(all - n - 1) * WARD_ULID_SIZE);
			all--;
			r = WARD_OK;
			continue;
		}
		if (r < 0 && err)
			*err = why;
		n += r == WARD_OK;
	}
	if (r == WARD_OK && !what->dry_run)
		r = ward_workspace_sweep(&swept, err);
	n = what->dry_run ? all : n;
	put_gone(&b, &c, n, swept);
	ward_buf_done(&c.names);
	s = give(&b, ret_text, r < 0 ? NULL : err);
	if (ret_n)
		*ret_n = n + swept;
	return r < 0 ? r : s;
}
