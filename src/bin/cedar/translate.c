/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward cedar format, translate-policy, translate-schema and link: text in, text out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cedar/cedar.h"

/* {"ok": true, NAME: text}, or the text itself. */
static int put_result(struct args *a, const char *name, const char *text, size_t n, bool is_json,
	bool newline)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = SIZE_MAX / 8 };

	if (!a->v[O_JSON])
		return put_text(text, n, newline, CEDAR_SUCCESS);
	ward_jw_open(&b, '{');
	ward_jw_kbool(&b, "ok", true);
	ward_jw_key(&b, name);
	if (is_json)
		ward_jw_raw(&b, text, n);
	else
		ward_jw_str(&b, text, n);
	ward_jw_close(&b, '}');
	return put_buf(a, &b, CEDAR_SUCCESS);
}

/* ---- format ---- */

static bool take_width(struct args *a, enum option o, const char *name, unsigned *ret)
{
	struct ward_error err = WARD_ERROR_INIT;
	uint64_t v = 0;

	*ret = 0;
	if (!a->v[o])
		return true;
	if (ward_parse_u64(a->v[o], 1, 10000, &v, &err) < 0) {
		ward_fail_at(&err, name, 0, 0);
		(void)usage_error(&err, "cedar format");
		return false;
	}
	*ret = (unsigned)v;
	return true;
}

static int format(struct args *a)
{
	WARD_CLEANUP(text_done) struct text t = { 0 };
	WARD_CLEANUP(free_string) char *out = NULL;
	struct ward_error err = WARD_ERROR_INIT;
	const char *name = a->v[O_POLICIES];
	unsigned width, indent;
	size_t n = 0;
	bool same;
	int code;

	if (a->v[O_WRITE] && (a->v[O_CHECK] || !name || ward_streq(name, "-"))) {
		ward_fail(&err, WARD_E_INVALID,
			"--write needs --policies FILE and does not go with --check");
		return usage_error(&err, "cedar format");
	}
	if (!take_width(a, O_LINE_WIDTH, "--line-width", &width) ||
		!take_width(a, O_INDENT_WIDTH, "--indent-width", &indent))
		return EXIT_USAGE;
	if (!read_text(a, name, "policy set", WARD_CEDAR_TEXT_MAX, &t))
		return CEDAR_FAILURE;
	if (ward_policy_format(shown_name(name), t.s, t.n, width, indent, &out, &n, a->d) < 0)
		return fail_diags(a, "failed to format");
	same = n == t.n && (n == 0 || memcmp(out, t.s, n) == 0);
	if (a->v[O_WRITE]) {
		if (!same && !write_text(a, name, out, n))
			return CEDAR_FAILURE;
		return a->v[O_JSON] ? put_result(a, "text", out, n, false, false) : CEDAR_SUCCESS;
	}
	code = put_result(a, "text", out, n, false, false);
	return code == CEDAR_SUCCESS && a->v[O_CHECK] && !same ? CEDAR_FAILURE : code;
}

int cmd_cedar_format(struct words w)
{
	struct args a;
	int code = 0;

	if (!take_args(w, C_FORMAT, 0, &a, &code))
		return code;
	code = format(&a);
	args_done(&a);
	return code;
}

/* ---- translate ---- */

static int translate_policy(struct args *a)
{
	WARD_CLEANUP(free_set) struct ward_policy_set *set = NULL;
	WARD_CLEANUP(free_string) char *out = NULL;
	struct ward_error err = WARD_ERROR_INIT;
	bool to_json = ward_streq(a->v[O_POLICY_DIRECTION], "cedar-to-json");
	size_t n = 0;
	int r;

	if (!load_policies(a, 0, false, &set))
		return CEDAR_FAILURE;
	r = ward_policy_set_print_all(set, to_json ? WARD_POLICY_JSON : WARD_POLICY_CEDAR, &out,
		&n);
	if (r == WARD_E_UNSUPPORTED) {
		ward_fail(&err, r,
			"unable to translate a policy set with template-linked policies");
		return fail_error(a, &err);
	}
	if (r < 0)
		return out_of_memory(a);
	return put_result(a, "policies", out, n, to_json, true);
}

int cmd_cedar_translate_policy(struct words w)
{
	struct args a;
	int code = 0;

	if (!take_args(w, C_TRANSLATE_POLICY, 0, &a, &code))
		return code;
	code = translate_policy(&a);
	args_done(&a);
	return code;
}

static int translate_schema(struct args *a)
{
	WARD_CLEANUP(text_done) struct text t = { 0 };
	WARD_CLEANUP(free_string) char *out = NULL;
	const char *name = a->v[O_SCHEMA], *direction = a->v[O_SCHEMA_DIRECTION];
	bool from_json = ward_streq(direction, "json-to-cedar");
	bool resolved = ward_has_suffix(direction, "resolved-types");
	size_t n = 0;

	if (!read_text(a, name, "schema",
		    from_json ? WARD_CEDAR_JSON_BYTES_MAX : WARD_CEDAR_TEXT_MAX, &t))
		return CEDAR_FAILURE;
	if (ward_policy_schema_translate(from_json ? WARD_POLICY_JSON : WARD_POLICY_CEDAR,
		    from_json          ? WARD_POLICY_CEDAR
			    : resolved ? WARD_POLICY_JSON_RESOLVED
				       : WARD_POLICY_JSON,
		    shown_name(name), t.s, t.n, &out, &n, a->d) < 0)
		return fail_diags(a, "failed to translate the schema");
	say_warnings(a);
	return put_result(a, "schema", out, n, !from_json, true);
}

int cmd_cedar_translate_schema(struct words w)
{
	struct args a;
	int code = 0;

	if (!take_args(w, C_TRANSLATE_SCHEMA, 0, &a, &code))
		return code;
	code = translate_schema(&a);
	args_done(&a);
	return code;
}

/* ---- link ---- */

static void put_link(struct ward_buf *b, const char *template_id, const char *link_id,
	const char *const slots[2])
{
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "template_id", template_id);
	ward_jw_kstr(b, "link_id", link_id);
	ward_jw_key(b, "args");
	ward_jw_open(b, '{');
	if (slots[0])
		ward_jw_kstr(b, "?principal", slots[0]);
	if (slots[1])
		ward_jw_kstr(b, "?resource", slots[1]);
	ward_jw_close(b, '}');
	ward_jw_close(b, '}');
}

/* The links that there are, as they stand in the file, and the new one. */
static bool save_link(struct args *a, const char *const slots[2])
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = WARD_CEDAR_JSON_BYTES_MAX };
	const char *file = a->v[O_TEMPLATE_LINKED];
	struct ward_json *j = NULL;

	if (!arena) {
		(void)out_of_memory(a);
		return false;
	}
	if (!read_links(a, file, true, arena, &j))
		return false;
	ward_jw_open(&b, '[');
	for (const struct ward_json *m = j ? j->child : NULL; m; m = m->next)
		ward_jw_value(&b, m);
	put_link(&b, a->v[O_TEMPLATE_ID], a->v[O_NEW_ID], slots);
	ward_jw_close(&b, ']');
	if (b.failed) {
		(void)out_of_memory(a);
		return false;
	}
	return write_text(a, file, ward_buf_cstr(&b), b.n);
}

static int say_link(struct args *a, const struct ward_policy_set *set)
{
	WARD_CLEANUP(free_string) char *text = NULL;
	const char *id = a->v[O_NEW_ID];
	size_t i = 0, n = 0;
	enum ward_policy_syntax syntax = a->v[O_JSON] ? WARD_POLICY_JSON : WARD_POLICY_CEDAR;

	if (ward_policy_set_find(set, id, strlen(id), &i) < 0 ||
		ward_policy_set_print(set, i, syntax, &text, &n) < 0)
		return out_of_memory(a);
	if (!a->v[O_JSON])
		printf("Template-linked policy added: ");
	return put_result(a, "policy", text, n, true, true);
}

static int link_template(struct args *a)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	WARD_CLEANUP(free_set) struct ward_policy_set *set = NULL;
	struct ward_error err = WARD_ERROR_INIT;
	const char *slots[2], *text = a->v[O_ARGUMENTS];
	struct text t = { (char *)(uintptr_t)text, strlen(text) };
	struct ward_json *j = NULL;

	if (!arena)
		return out_of_memory(a);
	if (ward_streq(a->v[O_TEMPLATE_LINKED], "-")) {
		ward_fail(&err, WARD_E_INVALID, "--template-linked is a file that is written to");
		return usage_error(&err, "cedar link");
	}
	if (!parse_json(arena, &t, "--arguments", &j, &err))
		return fail_error(a, &err);
	if (!take_slots(a, "--arguments", j, slots) || !load_policies(a, 0, true, &set))
		return CEDAR_FAILURE;
	if (ward_policy_set_link(set, a->v[O_TEMPLATE_ID], a->v[O_NEW_ID], slots[0], slots[1],
		    a->d) < 0) {
		(void)fail_link(a, "--arguments", j);
		return CEDAR_FAILURE;
	}
	if (a->v[O_TEMPLATE_LINKED] && !save_link(a, slots))
		return CEDAR_FAILURE;
	return say_link(a, set);
}

int cmd_cedar_link(struct words w)
{
	struct args a;
	int code = 0;

	if (!take_args(w, C_LINK, 0, &a, &code))
		return code;
	code = link_template(&a);
	args_done(&a);
	return code;
}
