/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ward policy test`: expectations that are written beside a policy, against the judge. Settings of a row stand before those of its
 * file, and these before the caller's: of one name, the nearest counts.
 */
#include <stdio.h>
#include <string.h>

#include "run/rules/tools.h"

struct testing {
	const struct ward_policy_setting *settings;
	size_t n_settings;
	struct ward_arena *arena;
	struct ward_side shared; /* of rows without options of their own */
	bool json;
	struct ward_buf *out;
	size_t passed, failed;
	struct ward_error *err;
};

/* ---- settings ---- */

static bool names(const struct ward_json *options, const char *name)
{
	return options && ward_json_get(options, name);
}

/* Policies and capability files lie beside the test. */
static const char *value(struct testing *t, const struct ward_question_file *f, const char *name,
	const char *s)
{
	const char *slash = strrchr(f->file, '/');

	if (s[0] == '/' || !slash ||
		(!ward_streq(name, "policy") && !ward_streq(name, "capabilities") &&
			!ward_streq(name, "component")))
		return s;
	return ward_arena_printf(t->arena, "%.*s/%s", (int)(slash - f->file), f->file, s);
}

static int set(struct testing *t, struct ward_side *side, const struct ward_question_file *f,
	const struct ward_json *o)
{
	const struct ward_json *v = o->type == WARD_JSON_ARRAY ? o->child : o;
	int r = WARD_OK;

	for (; r == WARD_OK && v; v = o->type == WARD_JSON_ARRAY ? v->next : NULL) {
		const char *s =
			v->type == WARD_JSON_STRING ? value(t, f, o->key.s, v->str.s) : NULL;

		if (v->type == WARD_JSON_STRING && !s)
			return ward_rs_nomem(t->err);
		r = ward_request_set(side->r, o->key.s, s, t->err);
		if (r < 0)
			ward_fail_at(t->err, f->file, v->line, v->column);
	}
	return r;
}

static int open_side(struct testing *t, const struct ward_question_file *f,
	const struct ward_json *own, struct ward_side *side)
{
	struct ward_policy_setting *kept =
		ward_arena_alloc(t->arena, (t->n_settings + 1) * sizeof(*kept));
	size_t n = 0;
	int r;

	if (!kept)
		return ward_rs_nomem(t->err);
	for (size_t i = 0; i < t->n_settings; i++) {
		if (!names(own, t->settings[i].name) && !names(f->options, t->settings[i].name))
			kept[n++] = t->settings[i];
	}
	r = ward_side_begin(side, kept, n, t->err);
	for (const struct ward_json *o = f->options ? f->options->child : NULL; r == WARD_OK && o;
		o = o->next) {
		if (!names(own, o->key.s))
			r = set(t, side, f, o);
	}
	for (const struct ward_json *o = own ? own->child : NULL; r == WARD_OK && o; o = o->next)
		r = set(t, side, f, o);
	return r == WARD_OK ? ward_side_open(side, t->err) : r;
}

/* ---- one row ---- */

static bool is_rule(const struct ward_book_rule *r, const char *wanted)
{
	char place[WARD_PATH_MAX + 16], end[WARD_PATH_MAX];

	if (r->id && ward_streq(r->id, wanted))
		return true;
	(void)snprintf(place, sizeof(place), "%s:%u", r->file, r->line);
	(void)snprintf(end, sizeof(end), "/%s", wanted);
	return ward_streq(place, wanted) || ward_has_suffix(place, end);
}

static bool any_rule(const struct ward_verdict *v, const char *wanted)
{
	for (size_t i = 0; i < v->n_rules && i < WARD_VERDICT_RULES_MAX; i++) {
		if (is_rule(v->rules[i], wanted))
			return true;
	}
	return false;
}

static void put_place(struct ward_buf *b, const struct ward_book_rule *r)
{
	ward_buf_adds(b, r->file);
	if (r->line > 0)
		ward_buf_addf(b, ":%u", r->line);
}

static void report_text(struct testing *t, const struct ward_question_file *f,
	const struct ward_question_row *row, const struct ward_verdict *v)
{
	struct ward_buf *b = t->out;

	ward_buf_addf(b, "%s:%u: %s ", f->file, row->line, ward_action_name(row->action));
	ward_show(b, row->resource, strlen(row->resource));
	if (v->effect != row->effect)
		ward_buf_addf(b, ": expected %s, is %s: %s", ward_effect_name(row->effect),
			ward_effect_name(v->effect), v->text);
	else if (row->why && !ward_streq(row->why, ward_why_name(v->why)))
		ward_buf_addf(b, ": %s as expected, but why is %s, not %s",
			ward_effect_name(v->effect), ward_why_name(v->why), row->why);
	else
		ward_buf_addf(b, ": %s as expected, but not by rule %s",
			ward_effect_name(v->effect), row->rule);
	for (size_t i = 0; i < v->n_rules && i < WARD_VERDICT_RULES_MAX; i++) {
		ward_buf_adds(b, i == 0 ? " (" : ", ");
		put_place(b, v->rules[i]);
	}
	ward_buf_adds(b, v->n_rules > 0 ? ")\n" : "\n");
}

static void report_json(struct testing *t, const struct ward_question_file *f,
	const struct ward_question_row *row, const struct ward_verdict *v)
{
	struct ward_buf *b = t->out;

	ward_jw_open(b, '{');
	ward_jw_kstr(b, "file", f->file);
	ward_jw_ku64(b, "line", row->line);
	ward_jw_kstr(b, "action", ward_action_name(row->action));
	ward_jw_kstr(b, "resource", row->resource);
	ward_jw_kstr(b, "expected", ward_effect_name(row->effect));
	ward_jw_kstr(b, "effect", ward_effect_name(v->effect));
	ward_jw_kstr(b, "why", ward_why_name(v->why));
	ward_jw_kstr(b, "text", v->text);
	ward_jw_key(b, "rules");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < v->n_rules && i < WARD_VERDICT_RULES_MAX; i++) {
		ward_jw_open(b, '{');
		if (v->rules[i]->id)
			ward_jw_kstr(b, "id", v->rules[i]->id);
		ward_jw_kstr(b, "file", v->rules[i]->file);
		if (v->rules[i]->line > 0)
			ward_jw_ku64(b, "line", v->rules[i]->line);
		ward_jw_close(b, '}');
	}
	ward_jw_close(b, ']');
	ward_jw_close(b, '}');
}

static int judge(struct testing *t, const struct ward_question_file *f,
	const struct ward_question_row *row, struct ward_side *side)
{
	struct ward_query q = { .action = row->action }, whose = { .action = WARD_ACT_PROC_EXEC };
	struct ward_verdict v;
	int r = ward_rules_resource(&side->rs, side->rs.workspace, row->resource, &q, t->err);

	if (r == WARD_OK && row->program)
		r = ward_rules_resource(&side->rs, side->rs.workspace, row->program, &whose,
			t->err);
	q.program = whose.resource.s;
	q.inspected = row->inspected;
	if (r < 0) {
		ward_fail_at(t->err, f->file, row->line, row->column);
		return r;
	}
	if (ward_rules_judge(side->book, &q, &v) < 0)
		return ward_rs_nomem(t->err);
	if (v.effect == row->effect && (!row->why || ward_streq(row->why, ward_why_name(v.why))) &&
		(!row->rule || any_rule(&v, row->rule))) {
		t->passed++;
		return WARD_OK;
	}
	t->failed++;
	if (t->json)
		report_json(t, f, row, &v);
	else
		report_text(t, f, row, &v);
	return WARD_OK;
}

static int one_file(struct testing *t, const char *name)
{
	struct ward_question_file f;
	int r = ward_questions_read(t->arena, name, true, &f, t->err);

	for (size_t i = 0; r == WARD_OK && i < f.n; i++) {
		struct ward_side own = { 0 };
		struct ward_side *side = f.v[i].options ? &own : &t->shared;

		if (!side->book)
			r = open_side(t, &f, f.v[i].options, side);
		if (r == WARD_OK)
			r = judge(t, &f, &f.v[i], side);
		ward_side_done(&own);
	}
	ward_side_done(&t->shared);
	return r;
}

static int all_files(struct testing *t, const char *const *files, size_t n)
{
	int r = WARD_OK;

	if (t->json) {
		ward_jw_open(t->out, '{');
		ward_jw_ki64(t->out, "v", 1);
		ward_jw_key(t->out, "failures");
		ward_jw_open(t->out, '[');
	}
	for (size_t i = 0; r == WARD_OK && i < n; i++)
		r = one_file(t, files[i]);
	if (!t->json) {
		ward_buf_addf(t->out, "%zu passed, %zu failed\n", t->passed, t->failed);
		return r;
	}
	ward_jw_close(t->out, ']');
	ward_jw_ku64(t->out, "passed", t->passed);
	ward_jw_ku64(t->out, "failed", t->failed);
	ward_jw_close(t->out, '}');
	ward_buf_addc(t->out, '\n');
	return r;
}

int ward_policy_test(const struct ward_policy_setting *settings, size_t n_settings,
	const char *const *files, size_t n_files, bool json, char **ret_text, size_t *ret_failed,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf out = WARD_BUF_INIT;
	WARD_CLEANUP(ward_arena_freep)
	struct ward_arena *arena = ward_arena_new(WARD_POLICY_TOOLS_BYTES_MAX);
	struct testing t = { .settings = settings,
		.n_settings = n_settings,
		.arena = arena,
		.json = json,
		.out = &out,
		.err = err };
	int r;

	if (!ret_text || !ret_failed || (n_settings > 0 && !settings) || (n_files > 0 && !files))
		return ward_fail(err, WARD_E_INVALID,
			"ward_policy_test without settings, files, or a place for the text");
	*ret_text = NULL;
	*ret_failed = 0;
	if (!arena)
		return ward_rs_nomem(err);
	r = all_files(&t, files, n_files);
	if (r < 0)
		return r;
	*ret_failed = t.failed;
	*ret_text = ward_buf_take(&out);
	return *ret_text ? WARD_OK : ward_rs_nomem(err);
}
