/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validator against what other engines said: recorded findings, strict and permissive, of the shared corpus and of
 * hand-written cases, and the probe vectors. The data lies in $WARD_CEDAR_DATA or beside the project; without it the
 * tests are skipped. Findings are compared as sets of messages, which hold their kind, policy and names.
 */
#include "cedar_data.h"
#include "validate_util.h"

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
	qsort(v, n, sizeof(*v), data_cmp);
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

static bool read_texts(struct check *c, const char *base, struct ward_buf texts[2])
{
	char name[600];

	*c = (struct check){ .policy = "" };
	(void)snprintf(name, sizeof(name), "%s.cedarschema", base);
	if (!data_read(&texts[0], name) || ward_cedar_diags_init(&c->d) < 0)
		return false;
	(void)snprintf(name, sizeof(name), "%s.cedar", base);
	if (!data_read(&texts[1], name))
		return false;
	c->policy = ward_buf_cstr(&texts[1]);
	return ward_cedar_schema_parse(data_text(&texts[0]), CEDAR_SCHEMA_TEXT, &c->schema,
		       &c->d) == WARD_OK &&
		ward_cedar_policies_init(&c->set) == WARD_OK &&
		ward_cedar_policies_parse(&c->set, data_text(&texts[1]), NULL, false, &c->d) ==
		WARD_OK;
}

/* The texts lie in the folder of that name, without "-validation". */
static void check_case(const char *folder, const char *name)
{
	struct ward_arena *a WARD_CLEANUP(ward_arena_freep) = ward_arena_new(0);
	struct ward_buf texts[2] = { WARD_BUF_INIT, WARD_BUF_INIT };
	const char *end = strstr(folder, "-validation");
	int n = (int)(end != NULL ? (size_t)(end - folder) : strlen(folder));
	char path[512];
	const struct ward_json *j;
	struct check c;

	(void)snprintf(path, sizeof(path), "%s/%s.validation.json", folder, name);
	j = data_json(a, path);
	(void)snprintf(path, sizeof(path), "%.*s/%s", n, folder, name);
	CASE("%.200s", name);
	if (!read_texts(&c, path, texts) || j == NULL) {
		FAIL("not read: %s", c.d.n > 0 ? c.d.v[0].message : "no file");
	} else {
		check_recorded(&c, ward_json_get(j, "policyValidation"), CEDAR_STRICT);
		check_recorded(&c, ward_json_get(j, "policyValidation"), CEDAR_PERMISSIVE);
	}
	check_done(&c);
	ward_buf_done(&texts[0]);
	ward_buf_done(&texts[1]);
}

TEST(corpus)
{
	data_or_skip();
	CHECK(data_each("corpus-tests-validation", ".validation.json", check_case) >= 399);
}

TEST(hand_written)
{
	data_or_skip();
	CHECK(data_each("validator-cases/testdata", ".validation.json", check_case) >= 55);
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
	struct ward_arena *a WARD_CLEANUP(ward_arena_freep) = NULL;
	const struct ward_json *j;

	data_or_skip(); /* which leaves by a jump, past every cleanup */
	a = ward_arena_new(0);
	j = data_json(a, "probes/validate.json");
	REQUIRE(j != NULL);
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
