/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs policy.tests: documents in YAML, and what comes of them: the error line, the warnings, or which paths a profile allows, by
 * the reference interpreter. The file says at its top how it is written. Everything that is not expected is a failure: a warning
 * too many, an error where there is none, a line that cannot be read.
 */
#include "../unit/ref_doc.h"
#include "registry/registry.h"
#include "tap.h"

#define TEXT_MAX (64u << 10)

static struct {
	struct ward_docs *docs;
	const struct ward_profile *profile;
	struct ward_error err;
	char text[TEXT_MAX]; /* of the document that is being read */
	size_t n;
	char layer[32], file[64];
	bool reading, checked;
	size_t warnings; /* seen so far */
	unsigned cases, line;
} t;

static enum ward_layer layer_of(const char *name)
{
	for (unsigned i = 0; i < WARD_LAYER_MAX; i++) {
		if (strcmp(ward_layer_name((enum ward_layer)i), name) == 0)
			return (enum ward_layer)i;
	}
	CHECK_STR_EQ(name, "a layer");
	return WARD_LAYER_REPOSITORY;
}

static void end_document(void)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	struct ward_json *root = NULL;

	if (!t.reading)
		return;
	t.reading = false;
	REQUIRE(arena != NULL);
	if (t.err.code == 0 &&
		ward_tree_parse(arena, t.text, t.n, t.file, &root, &t.err) == WARD_OK)
		(void)ward_docs_add(t.docs, layer_of(t.layer), root, t.file, &t.err);
}

static void check(void)
{
	end_document();
	if (!t.checked && t.err.code == 0)
		(void)ward_docs_check(t.docs, &t.err);
	t.checked = true;
}

static void show_warning(size_t i, char *out, size_t size)
{
	size_t n;
	const struct ward_doc_warning *w = ward_docs_warnings(t.docs, &n);

	if (i >= n)
		snprintf(out, size, "no warning");
	else
		snprintf(out, size, "%s:%u:%u: %s; %s", w[i].origin.file, w[i].origin.line,
			w[i].origin.column, w[i].message, w[i].fix);
}

/* Whatever was not asked for must not be there. */
static void end_case(void)
{
	char line[2048] = "";
	size_t n;

	if (t.docs == NULL)
		return;
	check();
	if (t.err.code != 0)
		ward_error_format(&t.err, line, sizeof(line));
	CHECK_STR_EQ(line, "");
	(void)ward_docs_warnings(t.docs, &n);
	if (line[0] == '\0' && t.warnings < n) {
		show_warning(t.warnings, line, sizeof(line));
		CHECK_STR_EQ(line, "");
	}
	ward_docs_free(t.docs);
	t.docs = NULL;
}

static void begin_case(const char *name)
{
	end_case();
	memset(&t.err, 0, sizeof(t.err));
	t.docs = ward_docs_new();
	t.profile = NULL;
	t.reading = t.checked = false;
	t.warnings = 0;
	t.cases++;
	CASE("policy.tests:%u %.180s", t.line, name);
	REQUIRE(t.docs != NULL);
}

static void begin_document(const char *rest, bool whole)
{
	end_document();
	REQUIRE(sscanf(rest, "%31s %63s", t.layer, t.file) == 2);
	t.reading = true;
	t.n = 0;
	if (!whole)
		t.n = (size_t)snprintf(t.text, sizeof(t.text),
			"schemaVersion: 2\nkind: Policy\nmetadata: {name: t}\nspec:\n");
}

static void expect_error(const char *want)
{
	char line[2048] = "no error";

	check();
	if (t.err.code != 0)
		ward_error_format(&t.err, line, sizeof(line));
	CHECK_STR_EQ(line, want);
	CHECK_NULL(t.profile);
	memset(&t.err, 0, sizeof(t.err));
}

static void expect_warning(const char *want)
{
	char line[2048];

	check();
	show_warning(t.warnings++, line, sizeof(line));
	CHECK_STR_EQ(line, want);
}

static void take_profile(const char *name)
{
	struct ward_origin asked = { .file = "--profile" };

	check();
	if (t.err.code == 0)
		(void)ward_docs_resolve(t.docs, name, &asked, &t.profile, &t.err);
}

/* yes a b c, or no a b c */
static void expect_paths(enum ward_doc_op op, char *rest)
{
	char *save = NULL, *word = strtok_r(rest, " ", &save);
	bool want = word != NULL && strcmp(word, "yes") == 0;

	REQUIRE(word != NULL && (want || strcmp(word, "no") == 0));
	REQUIRE(t.profile != NULL);
	while ((word = strtok_r(NULL, " ", &save)) != NULL) {
		CASE("policy.tests:%u %s", t.line, word);
		CHECK_EQ_INT(ref_doc_allowed(t.profile, op, word), want);
	}
}

static void add_rules(struct ward_buf *b, struct ward_doc_rules rules)
{
	for (size_t i = 0; i < rules.n; i++)
		ward_buf_addf(b, " %s%s", rules.v[i].negated ? "!" : "", rules.v[i].pattern);
}

/* The lists as they were resolved: "part LAYER: rules", "deny LAYER: rules", "|" between them. */
static void expect_lists(enum ward_doc_op op, const char *want)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const struct ward_profile_op *o;

	REQUIRE(t.profile != NULL);
	o = &t.profile->op[op];
	for (size_t i = 0; i < o->n_parts; i++) {
		ward_buf_addf(&b, "%spart %s:", b.n > 0 ? " | " : "",
			ward_layer_name(o->parts[i].layer));
		add_rules(&b, o->parts[i].rules);
	}
	for (size_t i = 0; i < o->n_denies; i++) {
		ward_buf_addf(&b, " | deny %s:", ward_layer_name(o->denies[i].layer));
		add_rules(&b, o->denies[i].rules);
	}
	CHECK_STR_EQ(ward_buf_cstr(&b), want);
}

static void expect_rest(const char *word, const char *want)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	REQUIRE(t.profile != NULL);
	if (strcmp(word, "env") == 0) {
		add_rules(&b, t.profile->env);
	} else if (strcmp(word, "network") == 0) {
		for (size_t i = 0; i < t.profile->n_network; i++) {
			const struct ward_profile_network *x = &t.profile->network[i];

			ward_buf_addf(&b, "%s %s: %s", i > 0 ? " |" : "", ward_layer_name(x->layer),
				ward_doc_net_mode_name(x->said.mode));
			if (x->said.mode_origin.line > 0)
				ward_buf_addf(&b, "@%s:%u", x->said.mode_origin.file,
					x->said.mode_origin.line);
			add_rules(&b, x->allow);
			ward_buf_adds(&b, " -");
			add_rules(&b, x->deny);
		}
	} else if (strcmp(word, "exec") == 0) {
		for (size_t i = 0; i < t.profile->n_exec; i++) {
			ward_buf_addf(&b, "%s %s:", i > 0 ? " |" : "",
				ward_layer_name(t.profile->exec[i].layer));
			add_rules(&b, t.profile->exec[i].allow);
			ward_buf_adds(&b, " -");
			add_rules(&b, t.profile->exec[i].deny);
		}
	} else {
		for (unsigned i = 0; i < WARD_DOC_LIMIT_MAX; i++) {
			const struct ward_doc_limit *l = &t.profile->limits[i];

			if (l->value != 0)
				ward_buf_addf(&b, " %s=%" PRIu64 "@%s:%u",
					ward_doc_limit_name((enum ward_doc_limit_id)i), l->value,
					l->origin.file, l->origin.line);
		}
	}
	CHECK_STR_EQ(ward_buf_cstr(&b) + (b.n > 0), want);
}

static void directive(char *s)
{
	size_t n = strcspn(s, " ");
	char *rest = s + n + (s[n] == ' ');
	char word[16];

	REQUIRE(n < sizeof(word));
	snprintf(word, sizeof(word), "%.*s", (int)n, s);
	CASE("policy.tests:%u", t.line);
	if (strcmp(word, "case") == 0)
		begin_case(rest);
	else if (strcmp(word, "doc") == 0 || strcmp(word, "spec") == 0)
		begin_document(rest, word[0] == 'd');
	else if (strcmp(word, "error") == 0)
		expect_error(rest);
	else if (strcmp(word, "warn") == 0)
		expect_warning(rest);
	else if (strcmp(word, "profile") == 0)
		take_profile(rest);
	else if (strcmp(word, "read") == 0 || strcmp(word, "modify") == 0)
		expect_paths(word[0] == 'r' ? WARD_DOC_READ : WARD_DOC_MODIFY, rest);
	else if (strcmp(word, "reads") == 0 || strcmp(word, "modifies") == 0)
		expect_lists(word[0] == 'r' ? WARD_DOC_READ : WARD_DOC_MODIFY, rest);
	else if (strcmp(word, "env") == 0 || strcmp(word, "exec") == 0 ||
		strcmp(word, "limits") == 0 || strcmp(word, "network") == 0)
		expect_rest(word, rest);
	else
		CHECK_STR_EQ(word, "a directive");
}

TEST(policy)
{
	char line[4096];
	FILE *f = fopen(TABLE_DIR "/policy.tests", "re");

	REQUIRE(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		size_t n = strcspn(line, "\n");

		t.line++;
		if (strncmp(line, "%% ", 3) == 0) {
			line[n] = '\0';
			directive(line + 3);
		} else if (t.reading) {
			REQUIRE(t.n + n + 1 < sizeof(t.text));
			memcpy(t.text + t.n, line, n + 1);
			t.n += n + 1;
		} else {
			CHECK(line[0] == '#' || line[0] == '\n');
		}
	}
	fclose(f);
	end_case();
	CASE("%s", "all");
	CHECK_GE_INT(t.cases, 60);
}

TAP_MAIN();
