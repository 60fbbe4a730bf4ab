/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said about components. The first byte chooses: 'c' a description of one, 'i' a document of what they are allowed, any other a word
 * of a command line, of which secrets are left out. What is refused has a place, a fix and a line fit to print; what is accepted
 * becomes policies that Ward's schema takes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void check_error(int r, const struct ward_error *err)
{
	char line[2048];

	MUST(r < 0 && r != WARD_E_INTERNAL && err->message[0] != '\0' && err->file[0] != '\0');
	MUST(err->fix[0] != '\0' || r == WARD_E_NOMEM);
	ward_error_format(err, line, sizeof(line));
	for (const char *p = line; *p; p++)
		MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void component(struct ward_arena *a, const struct ward_json *root)
{
	const struct ward_component_data *c;
	struct ward_error err = WARD_ERROR_INIT;
	int r = ward_component_read(a, root, "fuzz.json", &c, &err);

	if (r < 0) {
		check_error(r, &err);
		MUST(c == NULL);
		return;
	}
	MUST(ward_is_uuid(ward_str(c->id)) && c->name[0] != '\0' && c->version[0] != '\0' &&
		c->phase);
	MUST(c->tier >= 0 && c->tier <= 3 && c->requests.n <= 4096);
	for (size_t i = 0; i < c->requests.n; i++)
		MUST(ward_cap_check(&c->requests.v[i], NULL) == WARD_OK);
}

static const struct cedar_schema *schema(void)
{
	static struct cedar_schema *once;
	struct cedar_diags d;

	if (once != NULL)
		return once;
	MUST(ward_cedar_diags_init(&d) == WARD_OK);
	MUST(ward_cedar_schema_parse((struct ward_str){ ward_schema_text, ward_schema_size },
		     CEDAR_SCHEMA_TEXT, &once, &d) == WARD_OK);
	ward_cedar_diags_done(&d);
	return once;
}

static const char *program(const char *name, struct ward_arena *a, void *arg)
{
	(void)arg;
	return strchr(name, '/') == NULL ? ward_arena_printf(a, "/usr/bin/%s", name) : NULL;
}

static void import(struct ward_arena *a, const struct ward_json *root)
{
	struct ward_sources s = { .arena = a };
	const struct ward_sugar_from from = { .file = "fuzz.cedar.json", .layer = WARD_LAYER_USER };
	const struct ward_sugar_host host = { .cwd = "/ws", .program = program };
	const struct ward_who who = { .person = "me" };
	struct ward_book_input in = { .workspace = "/ws", .who = &who };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_book *b = NULL;
	int r = ward_sugar_import(&s, root, &from, &host, &err);

	if (r < 0) {
		check_error(r, &err);
		MUST(s.n == 0);
	} else {
		in.schema = schema();
		in.sources = s.v;
		in.n_sources = s.n;
		r = ward_book_new(&in, &b, &err);
		if (r < 0)
			fprintf(stderr, "%s:%u: %s\n%.*s\n", err.file, err.line, err.message,
				(int)s.v[0].text.n, s.v[0].text.s);
		MUST(r == WARD_OK || r == WARD_E_LIMIT);
		ward_book_free(b);
	}
	ward_sources_done(&s);
}

static void redact(const char *text, size_t n)
{
	struct ward_redactor r = { 0 };
	struct ward_buf out = WARD_BUF_INIT;
	const char *feed;

	while ((feed = memchr(text, '\f', n)) != NULL) {
		ward_redact_word(&r, (struct ward_str){ text, (size_t)(feed - text) }, SIZE_MAX,
			&out);
		n -= (size_t)(feed - text) + 1;
		text = feed + 1;
	}
	ward_redact_word(&r, (struct ward_str){ text, n }, SIZE_MAX, &out);
	MUST(!out.failed);
	ward_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	const char *text = (const char *)data + 1;
	struct ward_json *root;

	MUST(a != NULL);
	if (size == 0)
		return 0;
	if (data[0] != 'c' && data[0] != 'i')
		redact(text, size - 1);
	else if (ward_json_parse(a, text, size - 1, "fuzz.json", &root, NULL) == WARD_OK)
		(data[0] == 'c' ? component : import)(a, root);
	return 0;
}
