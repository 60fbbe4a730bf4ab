/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the tables of this folder: glob.tests, pattern.tests, caps.tests, decide.tests; and reads what the documents promise: each
 * file in examples/, the block in docs/spec/capabilities.md, the types of its schema. A line is words between blanks;
 * each table says at its top what they mean. A line that cannot be read is a failure and never skipped: a typing error
 * in a table must not make a test vanish.
 */
#include <glob.h>

#include "base/base.h"
#include "decide/decide.h"
#include "policy/policy.h"
#include "tap.h"

#define LINE_MAX_BYTES 8192
#define RULES_MAX 16

struct table {
	FILE *file;
	const char *name;
	unsigned line, rows;
	char text[LINE_MAX_BYTES];
	char *rest;
};

static void table_open(struct table *t, const char *name)
{
	char path[4096];

	memset(t, 0, sizeof(*t));
	t->name = name;
	snprintf(path, sizeof(path), "%s/%s", TABLE_DIR, name);
	t->file = fopen(path, "re");
	REQUIRE(t->file != NULL);
}

/* The next line with something on it. */
static bool table_next(struct table *t)
{
	while (fgets(t->text, sizeof(t->text), t->file)) {
		size_t n = strlen(t->text);

		t->line++;
		while (n > 0 && strchr(" \t\n", t->text[n - 1]))
			t->text[--n] = '\0';
		t->rest = t->text;
		CASE("%s:%u %.180s", t->name, t->line, t->text);
		if (n == 0 || t->text[0] == '#')
			continue;
		t->rows++;
		return true;
	}
	fclose(t->file);
	return false;
}

static char *word(struct table *t)
{
	char *w = t->rest + strspn(t->rest, " \t");
	size_t n = strcspn(w, " \t");

	t->rest = w + n;
	if (*t->rest)
		*t->rest++ = '\0';
	t->rest += strspn(t->rest, " \t");
	return w;
}

/* In place: \s \xHH \\ \e. False for anything else behind a backslash. */
static bool unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		unsigned byte;

		if (*s != '\\') {
			*to++ = *s;
			continue;
		}
		s++;
		if (*s == 's')
			*to++ = ' ';
		else if (*s == '\\')
			*to++ = '\\';
		else if (*s == 'x' && sscanf(s + 1, "%2x", &byte) == 1 && byte != 0)
			*to++ = (char)byte, s += 2;
		else if (*s != 'e')
			return false;
	}
	*to = '\0';
	return true;
}

/* As grammar 1 means it, so does a pattern that was compiled, or escaped for grammar 2. Only what a run refuses is no pattern. */
static void both_grammars(const char *text, const char *path, bool want)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	WARD_CLEANUP(ward_buf_done) struct ward_buf two = WARD_BUF_INIT;
	const struct ward_pattern *p1, *p2;

	ward_pattern_escape1(&two, ward_str(text));
	if (ward_pattern_compile(arena, ward_str(text), WARD_GRAMMAR_1, &p1, NULL) == WARD_OK) {
		CHECK_EQ_INT(ward_pattern_match(p1, ward_str(path)), want);
		CHECK_EQ_INT(ward_pattern_compile(arena, ward_str(ward_buf_cstr(&two)),
				     WARD_GRAMMAR_2, &p2, NULL),
			WARD_OK);
		CHECK_EQ_INT(ward_pattern_match(p2, ward_str(path)), want);
	} else {
		CHECK(ward_path_has_dotdot(text) || strstr(text, "**") != NULL || text[0] == '\0' ||
			!ward_utf8_valid(text, strlen(text)));
	}
}

TEST(glob)
{
	struct table t;

	table_open(&t, "glob.tests");
	while (table_next(&t)) {
		char *pattern = word(&t), *path = word(&t), *want = word(&t);

		CHECK(unescape(pattern) && unescape(path) && t.rest[0] == '\0');
		CHECK(strcmp(want, "yes") == 0 || strcmp(want, "no") == 0);
		CHECK_EQ_INT(ward_glob_match(pattern, path), strcmp(want, "yes") == 0);
		both_grammars(pattern, path, strcmp(want, "yes") == 0);
	}
	CASE("%s", t.name);
	CHECK(t.rows > 100);
}

TEST(pattern)
{
	struct table t;

	table_open(&t, "pattern.tests");
	while (table_next(&t)) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
		char *text = word(&t), *path = word(&t), *want = word(&t);
		bool good = strcmp(path, "bad") != 0;
		struct ward_pattern_error bad = { 0 };
		const struct ward_pattern *p;
		int r;

		CHECK(unescape(text) && unescape(path) && unescape(t.rest));
		r = ward_pattern_compile(arena, ward_str(text), WARD_GRAMMAR_2, &p, &bad);
		CHECK_EQ_INT(r == WARD_OK, good);
		if (r == WARD_OK && good) {
			CHECK(t.rest[0] == '\0' &&
				(strcmp(want, "yes") == 0 || strcmp(want, "no") == 0));
			CHECK_EQ_INT(ward_pattern_match(p, ward_str(path)),
				strcmp(want, "yes") == 0);
		} else if (r != WARD_OK && !good) {
			CHECK_EQ_UINT(bad.column, strtoul(want, NULL, 10));
			CHECK(t.rest[0] != '\0' && bad.fix[0] != '\0');
			CHECK_STR_CONTAINS(bad.what, t.rest);
		}
	}
	CASE("%s", t.name);
	CHECK(t.rows > 150);
}

TEST(caps)
{
	struct table t;

	table_open(&t, "caps.tests");
	while (table_next(&t)) {
		WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(1u << 20);
		struct ward_caps caps = { .arena = arena };
		struct ward_error err = WARD_ERROR_INIT;
		char *verdict = word(&t), *arg = word(&t), line[2048];
		bool ok = strcmp(verdict, "ok") == 0;
		/* Well formed, and nothing holds it yet: that is no mistake of spelling. */
		int want = ok                                        ? WARD_OK
			: strstr(t.rest, "not held by this backend") ? WARD_E_REFUSED
								     : WARD_E_CAPABILITY;
		int r;

		CHECK(unescape(arg) && (ok ? t.rest[0] == '\0' : t.rest[0] != '\0'));
		CHECK(ok || strcmp(verdict, "no") == 0);
		r = ward_caps_add_arg(&caps, arg, 1, &err);
		ward_error_format(&err, line, sizeof(line));
		CHECK_MSG(r == want, "result %d, error \"%s\"", r, line);
		CHECK_EQ_SIZE(caps.n, ok ? 1 : 0);
		if (ok) {
			CHECK_STR_EQ(caps.v[0].resource, strchr(arg, ':') + 1);
			continue;
		}
		CHECK_STR_CONTAINS(line, t.rest);
		CHECK_STR_EQ(err.file, "--cap");
		CHECK_EQ_INT(err.error_class, WARD_CLASS_CAPABILITY);
		CHECK(err.fix[0] != '\0');
		CHECK(strpbrk(line, "\n\r\t\x1b") == NULL);
	}
	CASE("%s", t.name);
	CHECK(t.rows > 100);
}

/* [literal:|subtree:]TYPE:PATTERN */
static bool read_rule(char *s, struct ward_rule *rule)
{
	struct ward_str type;
	char *colon;

	memset(rule, 0, sizeof(*rule));
	rule->subtree = ward_has_prefix(s, "subtree:");
	rule->literal = rule->subtree || ward_has_prefix(s, "literal:");
	if (rule->literal)
		s += strlen("literal:");
	colon = strchr(s, ':');
	if (!colon)
		return false;
	type = (struct ward_str){ s, (size_t)(colon - s) };
	rule->pattern = colon + 1;
	return ward_cap_type_parse(type, &rule->type, NULL) == WARD_OK && unescape(colon + 1);
}

static void ask(struct table *t, const char *effect, const struct ward_rules *rules)
{
	struct ward_question q = { 0 };
	static struct ward_decision d;
	struct ward_error err = WARD_ERROR_INIT;
	char *action = word(t), *resource = word(t), *flags = word(t);

	CHECK(strcmp(effect, "allow") == 0 || strcmp(effect, "deny") == 0);
	CHECK(flags[0] != '\0' && flags[strspn(flags, "-dap")] == '\0' && t->rest[0] != '\0');
	CHECK(unescape(resource));
	CHECK_EQ_INT(ward_cap_type_parse(ward_str(action), &q.action, &err), WARD_OK);
	q.resource = resource;
	q.is_dir = strchr(flags, 'd') != NULL;
	q.absent = strchr(flags, 'a') != NULL;
	q.protected_name = strchr(flags, 'p') != NULL;
	memset(&d, 0xff, sizeof(d));
	CHECK_EQ_INT(ward_decide(rules, &q, &d, &err), WARD_OK);
	CHECK_STR_EQ(ward_effect_name(d.effect), effect);
	CHECK_STR_EQ(d.cure, strcmp(t->rest, "-") == 0 ? "" : t->rest);
	CHECK(d.why[0] != '\0');
	CHECK((d.rule != NULL) == (d.effect == WARD_ALLOW));
}

TEST(decide)
{
	struct table t;
	static char line[LINE_MAX_BYTES];
	struct ward_rule v[RULES_MAX];
	struct ward_rules rules = { .v = v };

	table_open(&t, "decide.tests");
	while (table_next(&t)) {
		char *first = word(&t);

		if (strcmp(first, "rules") != 0) {
			ask(&t, first, &rules);
			continue;
		}
		memcpy(line, t.text, sizeof(line)); /* the rules outlive their line */
		t.rest = line + (t.rest - t.text);
		for (rules.n = 0; t.rest[0] != '\0'; rules.n++) {
			REQUIRE(rules.n < RULES_MAX);
			CHECK(read_rule(word(&t), &v[rules.n]));
		}
	}
	CASE("%s", t.name);
	CHECK(t.rows > 60);
}

static size_t read_all(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n;

	REQUIRE(f != NULL);
	n = fread(out, 1, size - 1, f);
	fclose(f);
	REQUIRE(n < size - 1);
	out[n] = '\0';
	return n;
}

static void check_file(const char *text, size_t n, const char *name)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(1u << 20);
	struct ward_caps caps = { .arena = arena };
	struct ward_error err = WARD_ERROR_INIT;
	char line[2048];
	int r;

	CASE("%s", name);
	r = ward_caps_parse(&caps, text, n, name, &err);
	ward_error_format(&err, line, sizeof(line));
	CHECK_MSG(r == WARD_OK, "%s", line);
	CHECK((caps.n == 0) == (strstr(name, "nothing") != NULL));
}

static char document[64 << 10];

TEST(examples)
{
	glob_t found;

	REQUIRE(glob(TABLE_DIR "/../../examples/*.json", 0, NULL, &found) == 0);
	CHECK(found.gl_pathc >= 4);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t n = read_all(found.gl_pathv[i], document, sizeof(document));

		check_file(document, n, strrchr(found.gl_pathv[i], '/') + 1);
	}
	globfree(&found);
}

TEST(documents)
{
	static const char fence[] = "```json\n";
	size_t n =
		read_all(TABLE_DIR "/../../docs/spec/capabilities.md", document, sizeof(document));
	char *block = strstr(document, fence);
	char *end = block ? strstr(block, "\n```\n") : NULL;

	REQUIRE(n > 0 && end != NULL);
	block += strlen(fence);
	check_file(block, (size_t)(end - block), "capabilities.md");
	for (unsigned t = WARD_CAP_NONE + 1; t < WARD_CAP_TYPE_MAX; t++) {
		char name[64];

		snprintf(name, sizeof(name), "`%s`", ward_cap_type_name((enum ward_cap_type)t));
		CHECK_STR_CONTAINS(document, name);
	}
}

TEST(schema)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(4u << 20);
	size_t n = read_all(TABLE_DIR "/../../docs/spec/capabilities.schema.json", document,
		sizeof(document));
	static const char *const way[] = { "$defs", "capability", "properties", "type", "enum" };
	struct ward_json *root = NULL;
	const struct ward_json *node;
	size_t types = 0;

	REQUIRE(ward_json_parse(arena, document, n, NULL, &root, NULL) == WARD_OK);
	node = root;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(way); i++) {
		node = ward_json_get(node, way[i]);
		REQUIRE(node != NULL);
	}
	for (node = node->child; node != NULL; node = node->next, types++) {
		enum ward_cap_type type;

		CASE("%s", node->str.s);
		CHECK_EQ_INT(ward_cap_type_parse(node->str, &type, NULL), WARD_OK);
		CHECK_EQ_INT(type, types + 1);
	}
	CHECK_EQ_SIZE(types, WARD_CAP_TYPE_MAX - 1);
}

TAP_MAIN();
