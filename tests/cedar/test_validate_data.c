/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validator against what other engines said: recorded findings, strict and permissive, of the shared corpus and of
 * hand-written cases, and the probe vectors. The data lies in $WARD_CEDAR_DATA or beside the project; without it the
 * tests are skipped. Findings are compared as sets of messages, which hold their kind, policy and names.
 */
#include <dirent.h>

#include "validate_util.h"

static bool data_path(char out[4096], const char *rest)
{
	const char *dir = getenv("WARD_CEDAR_DATA");

	if (dir != NULL)
		(void)snprintf(out, 4096, "%s/%s", dir, rest);
	else
		(void)snprintf(out, 4096, WARD_SOURCE_ROOT "/../shared/cedar-conformance/%s", rest);
	return true;
}

static char *read_file(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	long n;

	if (f != NULL && fseek(f, 0, SEEK_END) == 0 && (n = ftell(f)) >= 0) {
		rewind(f);
		text = calloc(1, (size_t)n + 1);
		if (text != NULL && fread(text, 1, (size_t)n, f) != (size_t)n)
			text[0] = '\0';
		*ret_n = (size_t)n;
	}
	if (f != NULL)
		fclose(f);
	return text;
}

static struct ward_json *read_json(struct ward_arena *a, const char *path)
{
	struct ward_json_options o = { .bytes_max = 64u << 20, .depth_max = 2000, .nul_ok = true };
	struct ward_json *j = NULL;
	size_t n = 0;
	char *text = read_file(path, &n);

	if (text != NULL && ward_json_parse_with(a, text, n, path, &o, &j, NULL) < 0)
		FAIL("%s: not read", path);
	free(text);
	return j;
}

/*
 * One message as a line: NUL is \0, a line's end a blank, parentheses are left out (which of them are written is of the
 * version), and what came to be written small is.
 */
static void add_message(struct ward_buf *out, const char *s, size_t n)
{
	static const char old[] = "Failed to parse";

	for (size_t i = 0; i < n; i++) {
		if (n - i >= sizeof(old) - 1 && memcmp(s + i, old, sizeof(old) - 1) == 0)
			ward_buf_addc(out, 'f');
		else if (s[i] == '\0')
			ward_buf_adds(out, "\\0");
		else if (s[i] == '\n')
			ward_buf_addc(out, ' ');
		else if (s[i] != '(' && s[i] != ')')
			ward_buf_addc(out, s[i]);
	}
	ward_buf_addc(out, '\n');
}

static int text_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines in order, each once. */
static void as_set(struct ward_buf *lines, struct ward_buf *out)
{
	char **v = calloc(lines->n + 1, sizeof(*v));
	size_t n = 0;

	for (char *p = lines->n > 0 ? lines->s : NULL; p != NULL && *p;) {
		char *end = strchr(p, '\n');

		*end = '\0';
		v[n++] = p;
		p = end + 1;
	}
	qsort(v, n, sizeof(*v), text_cmp);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(v[i - 1], v[i]) != 0)
			ward_buf_addf(out, "%s\n", v[i]);
	free(v);
}

static void compare(struct ward_buf *want, struct ward_buf *got)
{
	struct ward_buf a WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	as_set(got, &a);
	as_set(want, &b);
	CHECK_STR_EQ(ward_buf_cstr(&a), ward_buf_cstr(&b));
}

static void check_recorded(struct check *c, const struct ward_json *v, uint8_t mode)
{
	const struct cedar_validate_options o = {
		.mode = mode, .inapplicable_is_error = true, .level = -1
	};
	const struct ward_json *ok =
		ward_json_get(v, mode == CEDAR_STRICT ? "strict" : "permissive");
	const struct ward_json *errors =
		ward_json_get(v, mode == CEDAR_STRICT ? "strictErrors" : "permissiveErrors");
	struct ward_buf want WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf got WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	ward_cedar_diags_done(&c->d);
	REQUIRE(ward_cedar_diags_init(&c->d) == WARD_OK);
	c->d.max = 10000;
	check_run(c, &o);
	CHECK(ok != NULL && ok->b == (c->result == WARD_OK));
	for (const struct ward_json *e = errors != NULL ? errors->child : NULL; e != NULL;
		e = e->next)
		add_message(&want, e->str.s, e->str.n);
	for (size_t i = 0; i < c->d.n; i++)
		if (c->d.v[i].severity == CEDAR_ERROR)
			add_message(&got, c->d.v[i].message, strlen(c->d.v[i].message));
	compare(&want, &got);
}

static bool read_texts(struct check *c, const char *base, char *texts[2])
{
	char path[8300];
	size_t n[2] = { 0, 0 };

	*c = (struct check){ .policy = "" };
	(void)snprintf(path, sizeof(path), "%s.cedarschema", base);
	texts[0] = read_file(path, &n[0]);
	(void)snprintf(path, sizeof(path), "%s.cedar", base);
	texts[1] = read_file(path, &n[1]);
	if (texts[0] == NULL || texts[1] == NULL || ward_cedar_diags_init(&c->d) < 0)
		return false;
	c->policy = texts[1];
	return ward_cedar_schema_parse((struct ward_str){ texts[0], n[0] }, CEDAR_SCHEMA_TEXT,
		       &c->schema, &c->d) == WARD_OK &&
		ward_cedar_policies_init(&c->set) == WARD_OK &&
		ward_cedar_policies_parse(&c->set, (struct ward_str){ texts[1], n[1] }, NULL, false,
			&c->d) == WARD_OK;
}

/* texts and validations: folders; a name without its ending is the case. */
static size_t check_folder(const char *texts, const char *validations)
{
	char dir[4096], base[4600], path[4600];
	DIR *d;
	size_t n = 0;

	data_path(dir, validations);
	d = opendir(dir);
	if (d == NULL)
		SKIP("no conformance data in %.200s", dir);
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		struct ward_arena *a WARD_CLEANUP(ward_arena_freep) = ward_arena_new(0);
		const char *end = strstr(e->d_name, ".validation.json");
		const struct ward_json *j;
		char *text[2];
		struct check c;

		if (end == NULL || e->d_name[0] == '.')
			continue;
		CASE("%s", e->d_name);
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		j = read_json(a, path);
		data_path(base, texts);
		(void)snprintf(base + strlen(base), 300, "/%.*s", (int)(end - e->d_name),
			e->d_name);
		if (!read_texts(&c, base, text) || j == NULL) {
			FAIL("not read: %s", c.d.n > 0 ? c.d.v[0].message : "no file");
		} else {
			check_recorded(&c, ward_json_get(j, "policyValidation"), CEDAR_STRICT);
			check_recorded(&c, ward_json_get(j, "policyValidation"), CEDAR_PERMISSIVE);
			n++;
		}
		check_done(&c);
		free(text[0]);
		free(text[1]);
	}
	closedir(d);
	return n;
}

TEST(corpus)
{
	CHECK(check_folder("corpus-tests", "corpus-tests-validation") >= 399);
}

TEST(hand_written)
{
	CHECK(check_folder("validator-cases/testdata", "validator-cases/testdata") >= 55);
}

static void messages(const struct ward_json *list, struct ward_buf *out)
{
	for (const struct ward_json *e = list != NULL ? list->child : NULL; e != NULL; e = e->next)
		add_message(out, e->str.s, e->str.n);
}

static void found(const struct check *c, uint8_t severity, struct ward_buf *out)
{
	for (size_t i = 0; i < c->d.n; i++)
		if (c->d.v[i].severity == severity)
			add_message(out, bare(c->d.v[i].message), strlen(bare(c->d.v[i].message)));
}

TEST(probes)
{
	struct ward_arena *a WARD_CLEANUP(ward_arena_freep) = ward_arena_new(0);
	char path[4096];
	const struct ward_json *j;

	data_path(path, "probes/validate.json");
	j = read_json(a, path);
	if (j == NULL)
		SKIP("no conformance data in %.200s", path);
	for (const struct ward_json *v = ward_json_get(j, "vectors")->child; v != NULL;
		v = v->next) {
		struct ward_buf want[2] = { WARD_BUF_INIT, WARD_BUF_INIT };
		struct ward_buf got[2] = { WARD_BUF_INIT, WARD_BUF_INIT };
		struct check c;

		CASE("%s", ward_json_get(v, "input")->str.s);
		if (check_read(&c, ward_json_get(j, "schema")->str.s,
			    ward_json_get(v, "input")->str.s)) {
			check_run(&c, NULL);
			CHECK(ward_json_get(v, "ok")->b == (c.result == WARD_OK));
			messages(ward_json_get(v, "errors"), &want[0]);
			messages(ward_json_get(v, "warnings"), &want[1]);
			found(&c, CEDAR_ERROR, &got[0]);
			found(&c, CEDAR_WARNING, &got[1]);
			compare(&want[0], &got[0]);
			compare(&want[1], &got[1]);
		}
		for (int i = 0; i < 2; i++) {
			ward_buf_done(&want[i]);
			ward_buf_done(&got[i]);
		}
		check_done(&c);
	}
}

TAP_MAIN();
