/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is printed: results on standard output, findings on standard error; with --json one document on standard output in
 * either case, so that whoever reads it never has to guess which.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cedar/cedar.h"

void free_set(struct ward_policy_set **s)
{
	ward_policy_set_free(*s);
}

void free_schema(struct ward_policy_schema **s)
{
	ward_policy_schema_unref(*s);
}

void free_entities(struct ward_policy_entities **e)
{
	ward_policy_entities_unref(*e);
}

void free_request(struct ward_policy_request **r)
{
	ward_policy_request_free(*r);
}

void free_compiled(struct ward_policy_compiled **c)
{
	ward_policy_compiled_unref(*c);
}

void free_scratch(struct ward_policy_scratch **s)
{
	ward_policy_scratch_free(*s);
}

void free_string(char **s)
{
	free(*s);
}

void show_text(struct ward_buf *out, const char *s, size_t n)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_quote(&b, s, n);
	for (size_t i = 1; i + 1 < b.n; i++) {
		if (b.s[i] == '\\' && (b.s[i + 1] == '"' || b.s[i + 1] == '\\'))
			i++;
		ward_buf_addc(out, b.s[i]);
	}
}

static bool wants(const struct args *a, const char *format)
{
	return ward_streq(a->v[O_ERROR_FORMAT], format);
}

/* A document all the same, made of nothing that needs memory. */
int out_of_memory(struct args *a)
{
	if (a && a->v[O_JSON] && !a->said) {
		a->said = true;
		puts("{\"ok\":false,\"message\":\"out of memory\",\"diagnostics\":[]}");
		(void)fflush(stdout);
	}
	fprintf(stderr, "ward: out of memory\n");
	return CEDAR_FAILURE;
}

static int end(int code)
{
	static bool said;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (!said)
		fprintf(stderr, "ward: cannot write to standard output\n");
	said = true;
	clearerr(stdout); /* it is said */
	return CEDAR_FAILURE;
}

int put_text(const char *text, size_t n, bool newline, int code)
{
	(void)fwrite(text, 1, n, stdout);
	if (newline)
		(void)putchar('\n');
	return end(code);
}

int put_buf(struct args *a, struct ward_buf *b, int code)
{
	if (b->failed)
		return out_of_memory(a);
	return put_text(ward_buf_cstr(b), b->n, true, code);
}

/* ---- findings ---- */

static void print_findings(struct args *a)
{
	WARD_CLEANUP(free_string) char *text = NULL;
	size_t n = 0;
	int r;

	if (wants(a, "json")) {
		r = ward_policy_diags_json(a->d, &text, &n);
		if (r == WARD_OK)
			fprintf(stderr, "%s\n", text);
	} else {
		r = ward_policy_diags_print(a->d, !wants(a, "plain"), &text, &n);
		if (r == WARD_OK)
			(void)fwrite(text, 1, n, stderr);
	}
	if (r < 0)
		(void)out_of_memory(a);
}

/* With --json: {"ok": false, "message": ..., "diagnostics": [...]}: one document, of the first failure. */
static int print_failure(struct args *a, const char *message, const char *list, size_t n)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_jw_open(&b, '{');
	ward_jw_kbool(&b, "ok", false);
	ward_jw_kstr(&b, "message", message);
	ward_jw_key(&b, "diagnostics");
	ward_jw_raw(&b, list, n);
	ward_jw_close(&b, '}');
	if (!b.failed)
		a->said = true;
	return put_buf(a, &b, CEDAR_FAILURE);
}

static void put_number(struct ward_buf *b, const char *key, uint32_t v)
{
	ward_jw_key(b, key);
	if (v != 0)
		ward_jw_u64(b, v);
	else
		ward_jw_null(b);
}

/* What went wrong before there was a finding, as one: a list of it. */
static void put_error(struct ward_buf *b, const struct ward_error *err)
{
	ward_jw_open(b, '[');
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "severity", "error");
	ward_jw_kstr(b, "kind", NULL);
	ward_jw_kstr(b, "message", err->message);
	ward_jw_kstr(b, "help", err->fix[0] ? err->fix : NULL);
	ward_jw_kstr(b, "policyId", NULL);
	ward_jw_kstr(b, "file", err->file[0] ? err->file : NULL);
	put_number(b, "line", err->line);
	put_number(b, "column", err->column);
	ward_jw_ku64(b, "start", err->start);
	ward_jw_ku64(b, "end", err->end);
	ward_jw_close(b, '}');
	ward_jw_close(b, ']');
}

/* Does the first error say which file it is about? */
static bool has_place(const struct ward_policy_diags *d)
{
	struct ward_policy_diag g;

	for (size_t i = 0; ward_policy_diags_at(d, i, &g) == WARD_OK; i++)
		if (!g.warning)
			return *g.file;
	return false;
}

int fail_diags(struct args *a, const char *what)
{
	int code = CEDAR_FAILURE;

	if (a->v[O_JSON] && !a->said) {
		WARD_CLEANUP(free_string) char *list = NULL;
		size_t n = 0;

		code = ward_policy_diags_json(a->d, &list, &n) < 0
			? out_of_memory(a)
			: print_failure(a, what, list, n);
	} else if (!a->v[O_JSON]) {
		if (!has_place(a->d) && !wants(a, "json"))
			fprintf(stderr, "ward: %s\n", what);
		print_findings(a);
	}
	ward_policy_diags_clear(a->d);
	return code;
}

int fail_error(struct args *a, const struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	char line[WARD_ERROR_MESSAGE_MAX + WARD_ERROR_FIX_MAX + WARD_ERROR_FILE_MAX + 64];

	if (a->v[O_JSON] && a->said)
		return CEDAR_FAILURE;
	if (!a->v[O_JSON] && !wants(a, "json")) {
		say_error(err);
		return CEDAR_FAILURE;
	}
	put_error(&b, err);
	if (b.failed)
		return out_of_memory(a);
	if (!a->v[O_JSON]) {
		fprintf(stderr, "%s\n", ward_buf_cstr(&b));
		return CEDAR_FAILURE;
	}
	(void)ward_error_format(err, line, sizeof(line));
	return print_failure(a, line, ward_buf_cstr(&b), b.n);
}

void say_warnings(struct args *a)
{
	if (ward_policy_diags_count(a->d) > 0)
		print_findings(a);
	ward_policy_diags_clear(a->d);
}
