/* SPDX-License-Identifier: Apache-2.0 */
/* A list of questions, and of the answers that are expected, out of YAML or JSON: docs/spec/policy-test.md. */
#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "policy/policy.h"
#include "run/rules/tools.h"

#define PROTOCOLS_MAX 16

struct reading {
	struct ward_arena *arena;
	const char *file;
	bool must_expect;
	struct ward_error *err;
};

static int wrong(struct reading *in, const struct ward_json *v, bool key, const char *what,
	const char *fix)
{
	(void)ward_fail(in->err, WARD_E_INVALID, "%s", what);
	ward_fail_at(in->err, in->file, key ? v->key_line : v->line,
		key ? v->key_column : v->column);
	ward_fail_fix(in->err, "%s", fix);
	return WARD_E_INVALID;
}

static int unknown(struct reading *in, const struct ward_json *v, const char *const *names,
	size_t n)
{
	const char *near = ward_nearest(v->key.s, names, n);
	char shown[128], fix[128] = "see docs/spec/policy-test.md";

	(void)snprintf(shown, sizeof(shown), "unknown field \"%.64s\"", v->key.s);
	if (near)
		(void)snprintf(fix, sizeof(fix), "did you mean \"%s\"?", near);
	return wrong(in, v, true, shown, fix);
}

static int text_of(struct reading *in, const struct ward_json *v, const char **ret)
{
	char what[128];

	if (v->type != WARD_JSON_STRING || v->str.n == 0) {
		(void)snprintf(what, sizeof(what), "%.64s is a text, and here is %s", v->key.s,
			v->type == WARD_JSON_STRING ? "an empty one"
						    : ward_json_type_name(v->type));
		return wrong(in, v, false, what, "write it in quotes");
	}
	if (*ret)
		return wrong(in, v, true, "the same is said twice",
			"op and path are action and resource by other names");
	*ret = v->str.s;
	return WARD_OK;
}

static int placed(struct reading *in, const struct ward_json *v, int code)
{
	if (code < 0)
		ward_fail_at(in->err, in->file, v->line, v->column);
	return code;
}

static int action(struct reading *in, const struct ward_json *v, const char *name, bool op,
	struct ward_question_row *row)
{
	if (op && ward_streq(name, "read"))
		row->action = WARD_ACT_FS_READ;
	else if (op && (ward_streq(name, "modify") || ward_streq(name, "write")))
		row->action = WARD_ACT_FS_WRITE;
	else if (op)
		return wrong(in, v, false, "op is read or modify", "for everything else: action");
	else
		return placed(in, v, ward_action_parse(ward_str(name), &row->action, in->err));
	return WARD_OK;
}

static int expect(struct reading *in, const struct ward_json *v, const char *name,
	struct ward_question_row *row)
{
	static const enum ward_effect effects[] = { WARD_DENY, WARD_ASK, WARD_ALLOW };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(effects); i++) {
		if (!ward_streq(ward_effect_name(effects[i]), name))
			continue;
		row->effect = effects[i];
		row->expects = true;
		return WARD_OK;
	}
	return wrong(in, v, false, "expect is allow, deny or ask", "write one of them");
}

static int why(struct reading *in, const struct ward_json *v, const char *name)
{
	for (unsigned w = WARD_WHY_MALFORMED; w <= WARD_WHY_NEVER; w++) {
		if (ward_streq(ward_why_name((enum ward_why)w), name))
			return WARD_OK;
	}
	return wrong(in, v, false, "there is no such reason",
		"known are malformed failed forbidden no_rule narrowed granted never");
}

/* What is spoken is a word of the schema. */
static int protocol(struct reading *in, const struct ward_json *v, const char *word)
{
	const char *words[PROTOCOLS_MAX], *near;
	char what[128], fix[128] = "docs/egress.md has them";
	size_t n = 0;

	for (size_t i = 0; i < ward_enumerated_n && n < PROTOCOLS_MAX; i++) {
		if (!ward_streq(ward_enumerated[i].type, "Protocol"))
			continue;
		if (ward_streq(ward_enumerated[i].word, word))
			return WARD_OK;
		words[n++] = ward_enumerated[i].word;
	}
	near = ward_nearest(word, words, n);
	(void)snprintf(what, sizeof(what), "unknown protocol \"%.64s\"", word);
	if (near)
		(void)snprintf(fix, sizeof(fix), "did you mean \"%s\"?", near);
	return wrong(in, v, false, what, fix);
}

/* Option names and their values: a text, true, or a list of texts. */
static int options(struct reading *in, const struct ward_json *v, const struct ward_json **ret)
{
	if (v->type != WARD_JSON_OBJECT)
		return wrong(in, v, false, "options are NAME: VALUE",
			"as in options: {mode: read_only}");
	for (const struct ward_json *o = v->child; o; o = o->next) {
		int r = ward_setting_check(o->key.s, in->err);

		if (r < 0) {
			ward_fail_at(in->err, in->file, o->key_line, o->key_column);
			return r;
		}
		if (o->type == WARD_JSON_STRING || (o->type == WARD_JSON_BOOL && o->b))
			continue;
		if (o->type != WARD_JSON_ARRAY)
			return wrong(in, o, false,
				"the value of an option is a text, or a list of texts",
				"write it in quotes; leave an option out that does not hold");
		for (const struct ward_json *e = o->child; e; e = e->next) {
			if (e->type != WARD_JSON_STRING)
				return wrong(in, e, false, "the value of an option is a text",
					"write it in quotes");
		}
	}
	*ret = v;
	return WARD_OK;
}

static const char *const fields[] = { "action", "op", "resource", "path", "expect", "why", "rule",
	"program", "inspected", "options", "description" };

static int field(struct reading *in, const struct ward_json *v, const char **action_name,
	struct ward_question_row *row)
{
	const char *key = v->key.s, *s = NULL;
	int r;

	if (ward_streq(key, "options"))
		return options(in, v, &row->options);
	if (ward_streq(key, "action") || ward_streq(key, "op")) {
		r = text_of(in, v, action_name);
		return r == WARD_OK ? action(in, v, *action_name, key[0] == 'o', row) : r;
	}
	if (ward_streq(key, "resource") || ward_streq(key, "path"))
		return text_of(in, v, &row->resource);
	if (ward_streq(key, "rule"))
		return text_of(in, v, &row->rule);
	if (ward_streq(key, "program"))
		return text_of(in, v, &row->program);
	if (ward_streq(key, "inspected")) {
		r = text_of(in, v, &row->inspected);
		return r == WARD_OK ? protocol(in, v, row->inspected) : r;
	}
	if (ward_streq(key, "why")) {
		r = text_of(in, v, &row->why);
		return r == WARD_OK ? why(in, v, row->why) : r;
	}
	if (ward_streq(key, "description"))
		return text_of(in, v, &s);
	if (!ward_streq(key, "expect"))
		return unknown(in, v, fields, WARD_ARRAY_SIZE(fields));
	r = text_of(in, v, &s);
	return r == WARD_OK ? expect(in, v, s, row) : r;
}

static int row(struct reading *in, const struct ward_json *v, struct ward_question_row *ret)
{
	const char *action_name = NULL;
	int r = WARD_OK;

	if (v->type != WARD_JSON_OBJECT)
		return wrong(in, v, false, "each is an object",
			"as in {action: fs.read, resource: src/a, expect: allow}");
	ret->line = v->line;
	ret->column = v->column;
	for (const struct ward_json *f = v->child; r == WARD_OK && f; f = f->next)
		r = field(in, f, &action_name, ret);
	if (r < 0)
		return r;
	if (!action_name || !ret->resource)
		return wrong(in, v, false, "what is asked is missing",
			"action and resource, or op and path");
	if ((ret->program || ret->inspected) && ret->action != WARD_ACT_NET_CONNECT)
		return wrong(in, v, false,
			"program and inspected are of connections, and here there is none",
			"ask them of net.connect");
	if ((ret->program || ret->inspected) && !in->must_expect)
		return wrong(in, v, false, "program and inspected are of tests",
			"leave them out: what is spoken is compared for each protocol there is");
	if (in->must_expect && !ret->expects)
		return wrong(in, v, false, "expect is missing", "allow, deny or ask");
	return WARD_OK;
}

static int rows(struct reading *in, const struct ward_json *list, struct ward_question_file *ret)
{
	size_t i = 0;
	int r = WARD_OK;

	if (list->type != WARD_JSON_ARRAY)
		return wrong(in, list, false, "this is no list of questions",
			"write a list, or {options: ..., tests: [...]}");
	if (list->count == 0)
		return wrong(in, list, false, "the list is empty: nothing would be tested",
			"write what is expected");
	if (list->count > WARD_POLICY_QUESTIONS_MAX)
		return wrong(in, list, false, "these are too many questions", "divide the file");
	ret->v = ward_arena_alloc(in->arena, list->count * sizeof(*ret->v));
	if (!ret->v)
		return ward_rs_nomem(in->err);
	for (const struct ward_json *v = list->child; r == WARD_OK && v; v = v->next)
		r = row(in, v, &ret->v[i++]);
	ret->n = i;
	return r;
}

int ward_questions_read(struct ward_arena *a, const char *file, bool must_expect,
	struct ward_question_file *ret, struct ward_error *err)
{
	static const char *const tops[] = { "options", "tests" };
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = { .max = WARD_LAYER_FILE_BYTES_MAX };
	struct reading in = { .arena = a, .file = file, .must_expect = must_expect, .err = err };
	const struct ward_json *list;
	struct ward_json *root = NULL;
	int r = ward_read_file(file, WARD_LAYER_FILE_BYTES_MAX, &text, err);

	*ret = (struct ward_question_file){ .file = file };
	if (r == WARD_OK)
		r = ward_tree_parse(a, ward_buf_cstr(&text), text.n, file, &root, err);
	if (r < 0 || !root)
		return r;
	list = root;
	if (root->type == WARD_JSON_OBJECT) {
		list = ward_json_get(root, "tests");
		for (const struct ward_json *v = root->child; r == WARD_OK && v; v = v->next) {
			if (ward_streq(v->key.s, "options"))
				r = options(&in, v, &ret->options);
			else if (!ward_streq(v->key.s, "tests"))
				r = unknown(&in, v, tops, WARD_ARRAY_SIZE(tops));
		}
		if (r == WARD_OK && !list)
			r = wrong(&in, root, false, "tests are missing",
				"write {options: ..., tests: [...]}, or a list");
	}
	return r == WARD_OK ? rows(&in, list, ret) : r;
}
