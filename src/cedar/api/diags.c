/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as the caller sees them: with file, line and column. The text that they speak of is kept only where there are
 * some. What is printed for people shows nothing that could steer a terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/api/api.h"

struct finding {
	struct ward_policy_diag pub;
	int code; /* of errors: what its function returned */
	struct source *source; /* NULL: no text */
};
struct ward_policy_diags {
	struct ward_arena *arena;
	struct finding *v;
	size_t n, cap, errors, dropped;
	bool failed;
};

/* ---- texts ---- */

struct source *ward_source_new(const char *file, const char *text, size_t n)
{
	size_t file_n = file != NULL ? strlen(file) + 1 : 0;
	struct source *s = malloc(sizeof(*s) + n + 1 + file_n);

	if (s == NULL)
		return NULL;
	s->refs = 1;
	s->n = n;
	if (n > 0)
		memcpy(s->text, text, n);
	s->text[n] = '\0';
	s->file = NULL;
	if (file != NULL) {
		s->file = s->text + n + 1;
		memcpy(s->file, file, file_n);
	}
	return s;
}

struct source *ward_source_ref(struct source *s)
{
	if (s != NULL)
		ward_refs_more(&s->refs);
	return s;
}

void ward_source_unref(struct source *s)
{
	if (s != NULL && ward_refs_last(&s->refs))
		free(s);
}

/* ---- the list ---- */

struct ward_policy_diags *ward_policy_diags_new(void)
{
	struct ward_policy_diags *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->arena = ward_arena_new(0);
	if (d->arena == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

void ward_policy_diags_clear(struct ward_policy_diags *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->n; i++)
		ward_source_unref(d->v[i].source);
	ward_arena_reset(d->arena);
	d->n = d->errors = d->dropped = 0;
	d->failed = false;
}

void ward_policy_diags_free(struct ward_policy_diags *d)
{
	if (d == NULL)
		return;
	ward_policy_diags_clear(d);
	ward_arena_free(d->arena);
	free(d->v);
	free(d);
}

size_t ward_policy_diags_count(const struct ward_policy_diags *d)
{
	return d != NULL ? d->n : 0;
}

size_t ward_policy_diags_errors(const struct ward_policy_diags *d)
{
	return d != NULL ? d->errors : 0;
}

size_t ward_policy_diags_dropped(const struct ward_policy_diags *d)
{
	return d != NULL ? d->dropped : 0;
}

int ward_policy_diags_at(const struct ward_policy_diags *d, size_t i, struct ward_policy_diag *ret)
{
	if (i >= ward_policy_diags_count(d))
		return WARD_E_NOTFOUND;
	*ret = d->v[i].pub;
	return WARD_OK;
}

static struct finding *more(struct ward_policy_diags *d)
{
	if (d->n == d->cap) {
		size_t cap = d->cap > 0 ? d->cap * 2 : 8;
		struct finding *v = realloc(d->v, cap * sizeof(*v));

		if (v == NULL)
			return NULL;
		d->v = v;
		d->cap = cap;
	}
	d->v[d->n] = (struct finding){ 0 };
	return &d->v[d->n];
}

static bool copy(struct ward_policy_diags *d, const char *text, const char **ret)
{
	*ret = text != NULL ? ward_arena_strdup(d->arena, text) : NULL;
	return text == NULL || *ret != NULL;
}

/* Its source is d's from here on, or dropped. False: no memory. */
static bool add(struct ward_policy_diags *d, const struct cedar_diag *g, int code,
	struct source *source)
{
	struct finding *f = more(d);
	struct ward_policy_diag *p = f != NULL ? &f->pub : NULL;

	if (f == NULL || !copy(d, g->message, &p->message) || !copy(d, g->help, &p->help) ||
		!copy(d, g->policy, &p->policy)) {
		d->failed = true;
		ward_source_unref(source);
		return false;
	}
	p->warning = g->severity == CEDAR_WARNING;
	p->kind = g->kind != 0 ? ward_cedar_finding_name(g->kind) : "";
	p->file = source != NULL && source->file != NULL ? source->file : "";
	p->start = g->start;
	p->end = g->end;
	/* A text of nothing has one place alone. */
	if (source != NULL &&
		(g->start != 0 || g->end != 0 || (source->n == 0 && source->file != NULL)))
		ward_cedar_place((struct ward_str){ source->text, source->n }, g->start, &p->line,
			&p->column);
	f->code = p->warning ? WARD_OK : code;
	f->source = source;
	d->n++;
	return true;
}

int ward_diags_say(struct ward_policy_diags *d, int code, const char *message)
{
	struct cedar_diag g = { .severity = CEDAR_ERROR, .message = message };

	if (d == NULL)
		return code;
	d->errors++;
	(void)add(d, &g, code, NULL);
	return code;
}

/* After the findings themselves: what became of the whole. A warning that is lost is not silence: lost makes it an error. */
static int finish(struct ward_policy_diags *d, const struct cedar_diags *from, bool lost, int code)
{
	if ((from->failed && code != WARD_E_LIMIT) || (lost && code == WARD_OK))
		code = WARD_E_NOMEM;
	if (d == NULL)
		return code;
	d->errors += from->errors;
	d->dropped += from->dropped;
	d->failed = d->failed || from->failed;
	if (code < 0 && from->errors == 0)
		return ward_diags_say(d, code, ward_code_name(code));
	return code;
}

int ward_diags_move(struct ward_policy_diags *d, struct cedar_diags *from, const struct origin *o,
	int code)
{
	struct source *source = NULL;
	int each = code < 0 ? code : WARD_E_PARSE;
	bool lost = false;

	if (d != NULL && from->n > 0)
		source = o->kept != NULL ? ward_source_ref(o->kept)
					 : ward_source_new(o->file, o->text.s, o->text.n);
	for (size_t i = 0; d != NULL && i < from->n; i++)
		lost = !add(d, &from->v[i], each, ward_source_ref(source)) || lost;
	ward_source_unref(source);
	code = finish(d, from, lost, code);
	ward_cedar_diags_done(from);
	return code;
}

int ward_diags_move_of(struct ward_policy_diags *d, struct cedar_diags *from, source_of *of,
	const void *arg, int code)
{
	int each = code < 0 ? code : WARD_E_PARSE;
	bool lost = false;

	for (size_t i = 0; d != NULL && i < from->n; i++) {
		struct source *source =
			from->v[i].policy != NULL ? of(arg, from->v[i].policy) : NULL;

		lost = !add(d, &from->v[i], each, ward_source_ref(source)) || lost;
	}
	code = finish(d, from, lost, code);
	ward_cedar_diags_done(from);
	return code;
}

int ward_check_size(struct ward_policy_diags *d, size_t n, size_t max)
{
	char message[96], size[32];

	if (n <= max)
		return WARD_OK;
	ward_format_size(max, size, sizeof(size));
	(void)snprintf(message, sizeof(message), "the text is longer than %s", size);
	return ward_diags_say(d, WARD_E_LIMIT, message);
}

int ward_give_after(struct ward_policy_diags *d, int code, struct ward_buf *b, char **ret,
	size_t *ret_n)
{
	if (code < 0) {
		ward_buf_done(b);
		return code;
	}
	code = ward_give(b, ret, ret_n);
	return code < 0 ? ward_diags_say(d, code, ward_code_name(code)) : code;
}

int ward_give(struct ward_buf *b, char **ret, size_t *ret_n)
{
	size_t n = b->n;
	char *text;

	text = ward_buf_take(b);
	if (text == NULL) {
		ward_buf_done(b);
		return WARD_E_NOMEM;
	}
	*ret = text;
	if (ret_n != NULL)
		*ret_n = n;
	return WARD_OK;
}

/* ---- to be read ---- */

/* On one line that steers no terminal; quotes and backslashes stay, as the language's own texts are escaped already. */
static const char *shown(struct ward_arena *a, const char *text)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	size_t n = 0;
	char *out;

	if (text == NULL)
		return NULL;
	ward_quote(&b, text, strlen(text));
	out = b.failed ? NULL : ward_arena_dup(a, b.s + 1, b.n - 2);
	if (out == NULL)
		return "";
	for (const char *s = out; *s != '\0'; s++) {
		if (*s == '\\' && (s[1] == '"' || s[1] == '\\'))
			s++;
		out[n++] = *s;
	}
	out[n] = '\0';
	return out;
}

static void print(struct ward_buf *out, struct ward_arena *a, const struct finding *f, bool carets)
{
	struct cedar_diag g = { .severity = f->pub.warning ? CEDAR_WARNING : CEDAR_ERROR,
		.message = shown(a, f->pub.message),
		.help = shown(a, f->pub.help),
		.policy = shown(a, f->pub.policy),
		.start = f->pub.start,
		.end = f->pub.end };
	const char *file = f->pub.file[0] != '\0' ? shown(a, f->pub.file) : NULL;
	struct ward_str text = { 0 };

	if (ward_has_prefix(g.message, "for policy `"))
		g.policy = NULL; /* it says so itself */
	if (carets && f->source != NULL && f->source->n > 0)
		text = (struct ward_str){ f->source->text, f->source->n };
	else if (file != NULL && f->pub.line != 0)
		file = ward_arena_printf(a, "%s:%u:%u", file, f->pub.line, f->pub.column);
	ward_cedar_diag_print(out, &g, file, text);
}

int ward_policy_diags_print(const struct ward_policy_diags *d, bool carets, char **ret,
	size_t *ret_n)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_buf b = GIVE_BUF;

	if (a == NULL)
		return WARD_E_NOMEM;
	for (size_t i = 0; i < ward_policy_diags_count(d); i++) {
		print(&b, a, &d->v[i], carets);
		ward_arena_reset(a);
	}
	if (ward_policy_diags_dropped(d) > 0)
		ward_buf_addf(&b, "and %zu more\n", d->dropped);
	if (d != NULL && d->failed)
		ward_buf_adds(&b, "error: out of memory\n");
	return ward_give(&b, ret, ret_n);
}

static void json(struct ward_buf *b, const struct ward_policy_diag *p)
{
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "severity", p->warning ? "warning" : "error");
	ward_jw_kstr(b, "kind", p->kind[0] != '\0' ? p->kind : NULL);
	ward_jw_kstr(b, "message", p->message);
	ward_jw_kstr(b, "help", p->help);
	ward_jw_kstr(b, "policyId", p->policy);
	ward_jw_kstr(b, "file", p->file[0] != '\0' ? p->file : NULL);
	ward_jw_key(b, "line");
	if (p->line != 0)
		ward_jw_u64(b, p->line);
	else
		ward_jw_null(b);
	ward_jw_key(b, "column");
	if (p->line != 0)
		ward_jw_u64(b, p->column);
	else
		ward_jw_null(b);
	ward_jw_ku64(b, "start", p->start);
	ward_jw_ku64(b, "end", p->end);
	ward_jw_close(b, '}');
}

int ward_policy_diags_json(const struct ward_policy_diags *d, char **ret, size_t *ret_n)
{
	struct ward_buf b = GIVE_BUF;

	if (d != NULL && d->failed)
		return WARD_E_NOMEM;
	ward_jw_open(&b, '[');
	for (size_t i = 0; i < ward_policy_diags_count(d); i++)
		json(&b, &d->v[i].pub);
	ward_jw_close(&b, ']');
	return ward_give(&b, ret, ret_n);
}

int ward_policy_diags_error(const struct ward_policy_diags *d, struct ward_error *err)
{
	if (d == NULL)
		return WARD_OK;
	if (d->failed)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	for (size_t i = 0; i < d->n; i++) {
		const struct ward_policy_diag *p = &d->v[i].pub;

		if (p->warning)
			continue;
		(void)ward_fail(err, d->v[i].code, "%s", p->message);
		ward_fail_at(err, p->file, p->line, p->column);
		if (err != NULL) {
			err->start = p->start;
			err->end = p->end;
		}
		if (p->help != NULL)
			ward_fail_fix(err, "%s", p->help);
		return d->v[i].code;
	}
	return d->errors > 0 ? ward_fail(err, WARD_E_PARSE, "malformed input") : WARD_OK;
}
