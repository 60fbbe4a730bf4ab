/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward allow: the cure of a refusal, out of the log. Once: the option that the record has. Always: a permit in the user's own layer,
 * for that workspace, as narrow as the cure is. What has no cure (the ceiling, a rule that forbids, Ward's own) gets none here, and
 * what is forbidden now gets no rule either: it would be void. Names were chosen by the command: they are written as plain text or
 * not at all. A record is believed only out of a log that others cannot write, whose chain holds up to it; and its cure only if it is
 * options as Ward writes them, of what was refused or a directory above that.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "approve/approve.h"
#include "os/os.h"
#include "run/persist/persist.h"
#include "run/rules/rules.h"
#include "ward/approve.h"

struct allowing {
	struct ward_arena *arena;
	const char *run; /* "" = whatever run */
	uint64_t seq;
	bool found;
	/* in arena; NULL: the record has none */
	const char *kind, *workspace, *resource, *cure, *why, *of;
	const char *file; /* of the policy that refused, with line; or NULL */
	uint32_t line;
	struct ward_ask_thing things[2];
	size_t n_things;
};

/* ---- the record ---- */

static const char *text_of(const struct ward_json *o, const char *key)
{
	const struct ward_json *v = o && o->type == WARD_JSON_OBJECT ? ward_json_get(o, key) : NULL;

	return v && v->type == WARD_JSON_STRING ? v->str.s : NULL;
}

static const char *kept(struct allowing *a, const char *s)
{
	return s ? ward_arena_strdup(a->arena, s) : NULL;
}

static int look_at(void *arg, const struct ward_json *rec, const char *line, size_t n,
	uint64_t lineno)
{
	struct allowing *a = arg;
	const struct ward_json *seq = ward_json_get(rec, "seq"), *detail, *at;

	(void)line;
	(void)n;
	(void)lineno;
	if (!seq || seq->type != WARD_JSON_INT || seq->i < 0 || (uint64_t)seq->i != a->seq)
		return WARD_OK;
	a->of = kept(a, text_of(rec, "run"));
	if (!a->of || (a->run[0] && !ward_streq(a->of, a->run)))
		return WARD_OK;
	detail = ward_json_get(rec, "detail");
	a->kind = kept(a, text_of(rec, "kind"));
	a->workspace = kept(a, text_of(rec, "workspace"));
	a->resource = kept(a, text_of(rec, "resource"));
	a->cure = kept(a, text_of(detail, "cure"));
	a->why = kept(a, text_of(detail, "why"));
	a->file = kept(a, text_of(detail, "file"));
	at = detail && detail->type == WARD_JSON_OBJECT ? ward_json_get(detail, "line") : NULL;
	a->line = at && at->type == WARD_JSON_INT && at->i > 0 && at->i <= UINT32_MAX
		? (uint32_t)at->i
		: 0;
	a->found = true;
	return 1;
}

static int name_of(struct allowing *a, const char *what, struct ward_error *err)
{
	const char *hash = what ? strchr(what, '#') : NULL;
	size_t n = hash ? (size_t)(hash - what) : 0;

	if (hash && (n == 0 || n == WARD_ULID_SIZE - 1) &&
		ward_parse_u64(hash + 1, 1, INT64_MAX, &a->seq, NULL) == WARD_OK) {
		a->run = ward_arena_dup(a->arena, what, n);
		if (!a->run)
			return ward_fail(err, WARD_E_NOMEM, "out of memory");
		if (n == 0 || ward_ulid_valid(a->run))
			return WARD_OK;
	}
	(void)ward_fail(err, WARD_E_INVALID, "that names no record");
	ward_fail_fix(err, "give RUN#SEQ or '#SEQ', as the outcome and ward audit show have them");
	return WARD_E_INVALID;
}

/* ---- the cure as options ---- */

/* '\'' or '\\', as ward_quote_shell() has a quote and a backslash. */
static bool is_outside(const char *s)
{
	return strncmp(s, "'\\''", 4) == 0 || strncmp(s, "'\\\\'", 4) == 0;
}

/* What ward_quote_shell() made of plain text; NULL: of something else. */
static char *unquoted(struct allowing *a, const char *s)
{
	char *out = ward_arena_alloc(a->arena, strlen(s) + 1);
	size_t n = 0;

	if (!out || *s++ != '\'')
		return NULL;
	for (; *s; s++) {
		if (*s != '\'') {
			out[n++] = *s;
		} else if (is_outside(s)) {
			out[n++] = s[2];
			s += 3;
		} else {
			return s[1] == '\0' ? out : NULL;
		}
	}
	return NULL;
}

static const struct {
	const char *before;
	bool write, exec, pattern;
} forms[] = { { "FILE_READ:", false, false, true }, { "FILE_WRITE:", true, false, true },
	{ "EXTERNAL_COMMAND:", false, true, false } };

/* The name that a cure of one option gives, which form it has, and whether a pattern may stand in it. NULL: it gives none. */
static char *path_of(struct allowing *a, size_t *ret_form, bool *ret_pattern)
{
	char *word;

	*ret_form = 0;
	*ret_pattern = false;
	if (ward_has_prefix(a->cure, "--read "))
		return unquoted(a, a->cure + 7);
	if (ward_has_prefix(a->cure, "--write ")) {
		*ret_form = 1;
		return unquoted(a, a->cure + 8);
	}
	word = ward_has_prefix(a->cure, "--cap ") ? unquoted(a, a->cure + 6) : NULL;
	for (size_t i = 0; word && i < WARD_ARRAY_SIZE(forms); i++) {
		if (!ward_has_prefix(word, forms[i].before))
			continue;
		*ret_form = i;
		*ret_pattern = forms[i].pattern;
		return word + strlen(forms[i].before);
	}
	return NULL;
}

/* The path of a pattern: "P", and what is below it (true), or of the directory alone. */
static bool cut(char *path, bool pattern)
{
	size_t n = strlen(path);
	bool below = pattern && n > 3 && ward_streq(path + n - 3, "/**");

	if (below)
		path[n - 3] = '\0';
	else if (pattern && n > 2 && ward_streq(path + n - 2, "/."))
		path[n - 2] = '\0';
	return below;
}

/* It gives what was refused, or a directory above that, and nothing beside it; or no path at all. */
static bool is_of_it(struct allowing *a)
{
	char asked[WARD_PATH_MAX];
	bool pattern;
	size_t form;
	char *path = path_of(a, &form, &pattern);

	if (!path || path[0] != '/')
		return true;
	(void)cut(path, pattern);
	return path[1] && a->resource &&
		ward_path_normalize(a->resource, asked, sizeof(asked)) == WARD_OK &&
		ward_path_within(asked, path);
}

/* A record of which a grant would have made another one. */
static bool is_refusal(const struct allowing *a)
{
	static const char *const kinds[] = { "sandbox.violation", "net.block", "dns.block" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(kinds); i++) {
		if (a->kind && ward_streq(a->kind, kinds[i]))
			return true;
	}
	return false;
}

/* Behind one word that is itself in any shell: plain letters, or as ward_quote_shell() has it. NULL: it is none. */
static const char *past_word(const char *s)
{
	bool escapes = *s == '$';
	size_t n = strspn(s,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,=%@+-");

	if (n > 0)
		return s + n;
	s += escapes;
	if (*s++ != '\'')
		return NULL;
	for (; *s; s++) {
		/* One that is escaped ends the word in one shell and does not in the other. */
		if (*s == '\\' && (!escapes || !*++s || *s == '\''))
			return NULL;
		else if (!escapes && is_outside(s))
			s += 3;
		else if (*s == '\'')
			return s + 1;
	}
	return NULL;
}

/* It is pasted into a shell, so it is nothing but options that Ward offers, each with its word. */
static bool is_options(const char *s)
{
	static const char *const names[] = { "--cap ", "--read ", "--write ", "--env ",
		"--approve ", "--net-limit " };

	while (s) {
		size_t i = 0;

		while (i < WARD_ARRAY_SIZE(names) && !ward_has_prefix(s, names[i]))
			i++;
		s = i < WARD_ARRAY_SIZE(names) ? past_word(s + strlen(names[i])) : NULL;
		if (s && *s == '\0')
			return true;
		if (s && *s++ != ' ')
			return false;
	}
	return false;
}

static int find(struct allowing *a, const char *file, struct ward_error *err)
{
	int r = ward_audit_each_own(file, look_at, a, err);

	if (r < 0)
		return r;
	if (!a->found) {
		(void)ward_fail(err, WARD_E_NOTFOUND, "the log has no such record");
		ward_fail_fix(err,
			"name it as the report of the run does, RUN#SEQ; if the run wrote another log, give --audit FILE");
		return WARD_E_NOTFOUND;
	}
	if (is_refusal(a) && a->cure && a->workspace) {
		if (is_options(a->cure) && is_of_it(a))
			return WARD_OK;
		(void)ward_fail(err, WARD_E_REFUSED,
			"what the record calls its cure is no option that Ward would offer for it");
		ward_fail_fix(err,
			"look who wrote that log, or whether an older Ward did; ward audit show has the record");
		return WARD_E_REFUSED;
	}
	(void)ward_fail(err, WARD_E_REFUSED, "%s%.200s",
		is_refusal(a) ? "there is no grant that would allow it: "
			      : "it is no refusal of something inside: ",
		a->why            ? a->why
			: a->kind ? a->kind
				  : "?");
	if (a->file && a->line)
		ward_fail_at(err, a->file, a->line, 0);
	ward_fail_fix(err, "see ward policy explain");
	return WARD_E_REFUSED;
}

/* ---- the cure as things ---- */

static void put_thing(struct allowing *a, enum ward_action action, char *path, bool pattern)
{
	struct ward_ask_thing *t = &a->things[a->n_things++];

	*t = (struct ward_ask_thing){ .action = action, .resource = path };
	/* Of two things the second has the same path, cut already. */
	t->below = cut(path, pattern) || (a->n_things > 1 && a->things[0].below);
}

static int cannot(struct ward_error *err, const char *why, const char *cure)
{
	(void)ward_fail(err, WARD_E_REFUSED, "no rule can be written for it: %s", why);
	ward_fail_fix(err, "give it to a run: %.300s", cure);
	return WARD_E_REFUSED;
}

static int things(struct allowing *a, struct ward_error *err)
{
	bool pattern = false;
	size_t form = 0;
	char *path = path_of(a, &form, &pattern), real[PATH_MAX];

	if (!path || path[0] != '/' || ward_path_has_dotdot(path))
		return cannot(err, "it is not of a plain path", a->cure);
	/* The option grants a program to be read, too. */
	put_thing(a, WARD_ACT_FS_READ, path, pattern);
	if (forms[form].exec || forms[form].write)
		put_thing(a, forms[form].exec ? WARD_ACT_PROC_EXEC : WARD_ACT_FS_WRITE, path,
			false);
	/* What does not answer could be looked at for ever. */
	if (ward_named_answers(NULL, path, NULL) < 0)
		return cannot(err, "what is mounted there does not answer", a->cure);
	/* The option grants a link with what it leads to; a rule is about what is there once links are followed. */
	if (realpath(a->things[0].resource, real) && !ward_streq(real, a->things[0].resource))
		return cannot(err, "it leads through a link, and a rule about one is about nothing",
			a->cure);
	return WARD_OK;
}

/* ---- what may not be given ---- */

/* Whoever writes there says what runs may do. */
static int not_ours(struct allowing *a, const struct ward_layers_where *where,
	struct ward_error *err)
{
	const struct ward_ask_thing *last = &a->things[a->n_things - 1];
	char bell[WARD_PATH_MAX] = "";
	const char *own[] = { where->ceiling, where->user, where->trust, bell };
	const char *p = last->resource;
	size_t n = strlen(p);

	(void)ward_bell_where(bell, NULL);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(own); i++) {
		if (own[i] && own[i][0] &&
			(ward_path_within(p, own[i]) || ward_path_within(own[i], p)) &&
			(last->action == WARD_ACT_FS_WRITE || ward_streq(own[i], bell)))
			return cannot(err, "Ward's own files are protected",
				"no option gives it either");
	}
	if (last->action == WARD_ACT_FS_WRITE &&
		(strstr(p, "/.ward/") || (n >= 6 && ward_streq(p + n - 6, "/.ward"))))
		return cannot(err, "Ward's own files are protected", "no option gives it either");
	return WARD_OK;
}

/* By the policies as they are now, in that workspace. */
static int not_forbidden(struct allowing *a, struct ward_error *err)
{
	WARD_CLEANUP(ward_rulebook_freep) struct ward_rulebook *book = NULL;
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = NULL;
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_verdict v;
	struct ward_resolver rs;
	struct ward_host host;
	int code = r ? ward_request_set(r, "workspace", a->workspace, err)
		     : ward_fail(err, WARD_E_NOMEM, "out of memory");

	if (code == WARD_OK)
		code = ward_rules_of(r, &host, &rs, &arena, &book, err);
	for (size_t i = 0; code == WARD_OK && i < a->n_things; i++) {
		struct ward_query q = { .action = a->things[i].action,
			.resource = ward_str(a->things[i].resource),
			.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };

		if (ward_judge(book->book, book->desk, &q, &v) < 0)
			code = ward_fail(err, WARD_E_NOMEM, "no memory for a decision");
		else if (v.why != WARD_WHY_NO_RULE && v.why != WARD_WHY_GRANTED) {
			code = cannot(err, v.text, "no option gives it either");
			if (v.n_rules > 0)
				ward_fail_at(err, v.rules[0]->file, v.rules[0]->line,
					v.rules[0]->column);
		}
	}
	ward_request_free(r);
	return code;
}

/* ---- always ---- */

static int write_always(struct allowing *a, struct ward_buf *told, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	struct ward_layers_where where;
	char id[64], reason[128];
	int r = things(a, err);

	if (r == WARD_OK)
		r = ward_layers_where_default(a->arena, NULL, &where, err);
	if (r == WARD_OK)
		r = not_ours(a, &where, err);
	if (r == WARD_OK)
		r = not_forbidden(a, err);
	(void)snprintf(reason, sizeof(reason),
		"ward allow --always: refused to run %.26s, record %llu", a->of,
		(unsigned long long)a->seq);
	for (size_t i = 0; r == WARD_OK && i < a->n_things; i++) {
		(void)snprintf(id, sizeof(id), "allowed.%.26s.%llu.%zu", a->of,
			(unsigned long long)a->seq, i + 1);
		r = ward_rule_permit(&text, id, reason, &a->things[i], a->workspace, err);
	}
	/* What is told is there before the rule is: a yes that was written is never told as an error. */
	if (r == WARD_OK) {
		ward_buf_addf(told, "%s/%s:\n%s", where.user, WARD_ALLOWED_FILE,
			ward_buf_cstr(&text));
		(void)ward_buf_cstr(told);
		if (text.failed || told->failed)
			r = ward_fail(err, WARD_E_NOMEM, "out of memory");
	}
	if (r == WARD_OK)
		r = ward_rule_write(where.user, WARD_ALLOWED_FILE,
			(struct ward_str){ text.s, text.n }, ward_now_wall_ns() / 1000000000, err);
	return r;
}

int ward_approve_allow(const char *what, bool always, const char *file, char **ret_text,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	WARD_CLEANUP(ward_buf_done) struct ward_buf told = WARD_BUF_INIT;
	struct allowing a = { .arena = arena };
	int r;

	if (!ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_approve_allow without a place for the text");
	*ret_text = NULL;
	if (!arena)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (getenv("WARD_RUN")) {
		(void)ward_fail(err, WARD_E_REFUSED,
			"nothing is allowed from inside a sandbox (WARD_RUN is set)");
		ward_fail_fix(err, "use a shell outside of it");
		return WARD_E_REFUSED;
	}
	r = name_of(&a, what, err);
	if (r == WARD_OK)
		r = find(&a, file, err);
	if (r == WARD_OK && always)
		r = write_always(&a, &told, err);
	else if (r == WARD_OK) {
		ward_show(&told, a.cure, strlen(a.cure));
		ward_buf_addc(&told, '\n');
	}
	if (r < 0)
		return r;
	(void)ward_buf_cstr(&told);
	*ret_text = ward_buf_take(&told);
	return *ret_text ? WARD_OK : ward_fail(err, WARD_E_NOMEM, "out of memory");
}
