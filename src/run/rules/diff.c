/* SPDX-License-Identifier: Apache-2.0 */
/* `ward policy diff`: what is asked is what either side's policies tell apart (probe.c), and what a file names. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os/os.h"
#include "run/rules/tools.h"

struct differing {
	struct ward_side *a, *b;
	struct ward_probes probes;
	bool json;
	struct ward_buf *out;
	size_t asked, changed;
	struct ward_error *err;
};

/* ---- what a side is ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int set_all(struct ward_side *s, struct ward_texts *files, struct ward_error *err)
{
	int r = WARD_OK;

	if (files->n > 0)
		qsort(files->v, files->n, sizeof(*files->v), by_text);
	for (size_t i = 0; r == WARD_OK && i < files->n; i++)
		r = ward_request_set(s->r, "policy", files->v[i], err);
	return r;
}

static int cannot_read(const char *dir, int sys, struct ward_error *err)
{
	int r = ward_fail_errno(err, WARD_E_SYSTEM, sys, "the directory cannot be read");

	ward_fail_at(err, dir, 0, 0);
	return r;
}

/* As in a directory of a layer: notes do not count, and what is neither note nor policy is refused when it is read. */
static int directory(struct ward_side *s, struct ward_arena *arena, const char *name,
	struct ward_error *err)
{
	struct ward_resolver rs = { .arena = arena };
	struct ward_texts files = { 0 };
	const struct dirent *e;
	DIR *d = opendir(name);
	int r = WARD_OK;

	if (!d)
		return cannot_read(name, errno, err);
	while (errno = 0, r == WARD_OK && (e = readdir(d))) {
		if (e->d_name[0] == '.' || ward_has_prefix(e->d_name, "README") ||
			ward_streq(e->d_name, "epoch"))
			continue;
		if (files.n == WARD_LAYER_FILES_MAX) {
			r = ward_fail(err, WARD_E_LIMIT, "more than %u files",
				WARD_LAYER_FILES_MAX);
			ward_fail_at(err, name, 0, 0);
			break;
		}
		r = ward_rs_text(&rs, &files, ward_arena_printf(arena, "%s/%s", name, e->d_name),
			err);
	}
	if (r == WARD_OK && errno)
		r = cannot_read(name, errno, err);
	closedir(d);
	return r == WARD_OK ? set_all(s, &files, err) : r;
}

static int side(struct ward_side *s, struct ward_arena *arena,
	const struct ward_policy_setting *settings, size_t n, const char *what,
	struct ward_error *err)
{
	struct ward_error ignored = WARD_ERROR_INIT;
	struct stat st;
	int r = ward_side_begin(s, settings, n, err);

	if (r < 0)
		return r;
	if (stat(what, &st) == 0 && S_ISDIR(st.st_mode))
		r = directory(s, arena, what, err);
	else if (stat(what, &st) == 0 || strchr(what, '/') || strchr(what, '.'))
		r = ward_request_set(s->r, "policy", what,
			err); /* which says where it is not there */
	else if (ward_request_set(s->r, "mode", what, &ignored) < 0) {
		r = ward_fail(err, WARD_E_NOTFOUND,
			"\"%.64s\" is no file, no directory and no mode", what);
		ward_fail_fix(err, "%s",
			ignored.fix[0]
				? ignored.fix
				: "modes are read_only workspace_write repo_write danger_full_access");
	}
	return r == WARD_OK ? ward_side_open(s, err) : r;
}

/* ---- the questions ---- */

static int requests(struct differing *d, const char *file)
{
	struct ward_question_file f;
	int r = ward_questions_read(d->probes.arena, file, false, &f, d->err);

	if (r == WARD_OK && f.options) {
		(void)ward_fail(d->err, WARD_E_INVALID,
			"options are of tests: here both sides have the same");
		ward_fail_at(d->err, file, f.options->line, f.options->column);
		ward_fail_fix(d->err, "give them to ward policy diff");
		return WARD_E_INVALID;
	}
	for (size_t i = 0; r == WARD_OK && i < f.n; i++) {
		struct ward_query q = { .action = f.v[i].action };

		r = ward_rules_resource(&d->a->rs, d->a->rs.workspace, f.v[i].resource, &q, d->err);
		if (r < 0)
			ward_fail_at(d->err, file, f.v[i].line, f.v[i].column);
		else
			r = ward_probes_add(&d->probes, f.v[i].action, q.resource.s, d->err);
	}
	return r;
}

/* ---- the answers ---- */

/* spoken: what is, on a connection; NULL: nothing yet. */
static int judge(struct ward_side *s, const struct ward_probe *p, const char *spoken,
	struct ward_verdict *ret, struct ward_error *err)
{
	struct ward_query q = { .action = p->action,
		.inspected = spoken,
		.resource = ward_str(p->resource),
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000),
		.backend = "native" };

	q.of_host = ward_action_thing(p->action) == WARD_THING_PATH &&
		(ward_path_within(p->resource, s->rs.workspace) ||
			!ward_rules_made_inside(p->resource));
	return ward_rules_judge(s->book, &q, ret) < 0 ? ward_rs_nomem(err) : WARD_OK;
}

static void effect(struct ward_buf *b, const struct ward_verdict *v)
{
	ward_buf_adds(b, ward_effect_name(v->effect));
	if (v->effect == WARD_ASK)
		ward_buf_addf(b, "(%s)", ward_approval_name(v->approval));
}

static void place(struct ward_buf *b, const struct ward_book_rule *r)
{
	ward_buf_adds(b, r->file);
	if (r->line > 0)
		ward_buf_addf(b, ":%u", r->line);
}

static void change_text(struct differing *d, const struct ward_probe *p, const char *spoken,
	const struct ward_verdict *was, const struct ward_verdict *is)
{
	const struct ward_verdict *by = is->n_rules > 0 ? is : was;

	ward_buf_addf(d->out, "%s ", ward_action_name(p->action));
	ward_show(d->out, p->resource, strlen(p->resource));
	if (spoken)
		ward_buf_addf(d->out, " (%s)", spoken);
	ward_buf_adds(d->out, ": ");
	effect(d->out, was);
	ward_buf_adds(d->out, " -> ");
	effect(d->out, is);
	if (by->n_rules > 0) {
		ward_buf_adds(d->out, " (");
		place(d->out, by->rules[0]);
		ward_buf_addc(d->out, ')');
	}
	ward_buf_addc(d->out, '\n');
}

static void side_json(struct ward_buf *b, const char *key, const struct ward_verdict *v)
{
	ward_jw_key(b, key);
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "effect", ward_effect_name(v->effect));
	if (v->effect == WARD_ASK)
		ward_jw_kstr(b, "approval", ward_approval_name(v->approval));
	ward_jw_kstr(b, "why", ward_why_name(v->why));
	if (v->n_rules > 0) {
		ward_jw_kstr(b, "file", v->rules[0]->file);
		if (v->rules[0]->line > 0)
			ward_jw_ku64(b, "line", v->rules[0]->line);
	}
	ward_jw_close(b, '}');
}

static void change_json(struct differing *d, const struct ward_probe *p, const char *spoken,
	const struct ward_verdict *was, const struct ward_verdict *is)
{
	ward_jw_open(d->out, '{');
	ward_jw_kstr(d->out, "action", ward_action_name(p->action));
	ward_jw_kstr(d->out, "resource", p->resource);
	if (spoken)
		ward_jw_kstr(d->out, "inspected", spoken);
	side_json(d->out, "a", was);
	side_json(d->out, "b", is);
	ward_jw_close(d->out, '}');
}

static int ask(struct differing *d, const struct ward_probe *p, const char *spoken)
{
	struct ward_verdict was = { 0 }, is = { 0 };
	int r = judge(d->a, p, spoken, &was, d->err);

	d->asked++;
	if (r == WARD_OK)
		r = judge(d->b, p, spoken, &is, d->err);
	if (r < 0 ||
		(was.effect == is.effect &&
			(was.effect != WARD_ASK || was.approval == is.approval)))
		return r;
	d->changed++;
	(d->json ? change_json : change_text)(d, p, spoken, &was, &is);
	return WARD_OK;
}

/* Where a side looks at what is spoken on a connection: each that there is, beside the question whether it may be made. */
static int ask_spoken(struct differing *d, const struct ward_probe *p)
{
	const struct ward_book *a = d->a->book->book, *b = d->b->book->book;
	const struct ward_book *of = ward_book_inspects(a) ? a : b;
	const char *spoken;
	size_t at = 0;
	int r = WARD_OK;

	while (r == WARD_OK && p->action == WARD_ACT_NET_CONNECT &&
		(spoken = ward_book_protocol(of, &at)) != NULL)
		r = ask(d, p, spoken);
	return r;
}

static int compare(struct differing *d)
{
	int r = ward_probes_once(&d->probes, d->err);

	for (size_t i = 0; r == WARD_OK && d->probes.v && i < d->probes.n; i++) {
		size_t changed = d->changed;

		r = ask(d, &d->probes.v[i], NULL);
		/* What differs as a whole differs for each of them. */
		if (r == WARD_OK && d->changed == changed)
			r = ask_spoken(d, &d->probes.v[i]);
	}
	return r;
}

static int report(struct differing *d)
{
	char text[384];
	int r;

	if (d->json) {
		ward_jw_open(d->out, '{');
		ward_jw_ki64(d->out, "v", 1);
		ward_jw_key(d->out, "changes");
		ward_jw_open(d->out, '[');
	}
	r = compare(d);
	if (!d->json) {
		ward_buf_addf(d->out, "%zu of %zu answers differ\n", d->changed, d->asked);
		if (ward_rules_unasked(&d->b->rs, d->b->book, text, sizeof(text)))
			ward_buf_addf(d->out, "%s\n", text);
		return r;
	}
	ward_jw_close(d->out, ']');
	ward_jw_ku64(d->out, "asked", d->asked);
	ward_jw_kstr(d->out, "a_sha256", d->a->book->sha256);
	ward_jw_kstr(d->out, "b_sha256", d->b->book->sha256);
	ward_jw_close(d->out, '}');
	ward_buf_addc(d->out, '\n');
	return r;
}

/* Both sides are open. */
static int both(struct differing *d, const char *file)
{
	int r = ward_probes_of(&d->probes, d->a->book->book, d->err);

	if (r == WARD_OK)
		r = ward_probes_of(&d->probes, d->b->book->book, d->err);
	if (r == WARD_OK && file)
		r = requests(d, file);
	return r == WARD_OK ? report(d) : r;
}

/* Takes the texts out of what was compared. */
static int compared(struct differing *d, const char *requests_file, int r, char **ret_text,
	size_t *ret_changed)
{
	if (r == WARD_OK)
		r = both(d, requests_file);
	if (r == WARD_OK) {
		*ret_changed = d->changed;
		*ret_text = ward_buf_take(d->out);
		r = *ret_text ? WARD_OK : ward_rs_nomem(d->err);
	}
	free(d->probes.v);
	return r;
}

int ward_policy_diff(const struct ward_policy_setting *settings, size_t n_settings,
	const struct ward_policy_sides *sides, bool json, char **ret_text, size_t *ret_changed,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf out = WARD_BUF_INIT;
	WARD_CLEANUP(ward_arena_freep)
	struct ward_arena *arena = ward_arena_new(WARD_POLICY_TOOLS_BYTES_MAX);
	struct ward_side a = { 0 }, b = { 0 };
	struct differing d = { .a = &a,
		.b = &b,
		.probes = { .arena = arena },
		.json = json,
		.out = &out,
		.err = err };
	int r;

	if (!sides || !sides->a || !sides->b || !ret_text || !ret_changed ||
		(n_settings > 0 && !settings))
		return ward_fail(err, WARD_E_INVALID,
			"ward_policy_diff without two sides, settings, or a place for the text");
	*ret_text = NULL;
	*ret_changed = 0;
	if (!arena)
		return ward_rs_nomem(err);
	r = side(&a, arena, settings, n_settings, sides->a, err);
	if (r == WARD_OK)
		r = side(&b, arena, settings, n_settings, sides->b, err);
	r = compared(&d, sides->requests, r, ret_text, ret_changed);
	ward_side_done(&a);
	ward_side_done(&b);
	return r;
}

int ward_policy_run_diff(const struct ward_policy_run *of,
	const struct ward_policy_setting *settings, size_t n_settings, const char *requests_file,
	bool json, char **ret_text, size_t *ret_changed, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf out = WARD_BUF_INIT;
	WARD_CLEANUP(ward_arena_freep)
	struct ward_arena *arena = ward_arena_new(WARD_POLICY_TOOLS_BYTES_MAX);
	struct ward_recalled was;
	struct ward_side now = { 0 };
	struct differing d = { .a = &was.side,
		.b = &now,
		.probes = { .arena = arena },
		.json = json,
		.out = &out,
		.err = err };
	int r;

	if (!of || !ret_text || !ret_changed || (n_settings > 0 && !settings))
		return ward_fail(err, WARD_E_INVALID,
			"ward_policy_run_diff without a run, settings, or a place for the text");
	*ret_text = NULL;
	*ret_changed = 0;
	if (!arena)
		return ward_rs_nomem(err);
	r = ward_rules_recall(of, &was, err);
	if (r == WARD_OK)
		r = ward_side_begin(&now, settings, n_settings, err);
	if (r == WARD_OK)
		r = ward_side_open(&now, err);
	r = compared(&d, requests_file, r, ret_text, ret_changed);
	ward_side_done(&now);
	ward_recalled_done(&was);
	return r;
}
