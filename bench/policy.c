/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long policies take: a thousand rules from their text to the book that answers (a document of YAML, the same as JSON, the same
 * rules as Cedar), and one decision about a path of eight components.
 *
 *	bench-policy [RULES [t.yaml|t.json|t.cedar]]
 *
 * One line a figure: NAME VALUE. A figure is the median of some passes, in processor time: nothing here waits.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "decide/decide.h"
#include "policy/vocabulary.h"
#include "registry/registry.h"

#define PASSES 31
#define ROUNDS 41
#define ASKS 2000

static unsigned rules = 1000;
static bool broad; /* exceptions may concern every rule behind them */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const struct ward_error *err, const char *what)
{
	char line[2048] = "";

	if (err != NULL)
		ward_error_format(err, line, sizeof(line));
	fprintf(stderr, "bench-policy: %s %s\n", what, line);
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

/* ---- texts: the shapes that rules have, a sixth of them exceptions ---- */

static void pattern(char *out, size_t size, unsigned i)
{
	switch (i % 6) {
	case 0: (void)snprintf(out, size, "src/x%u/**", i); break;
	case 1: (void)snprintf(out, size, "docs/d%u/*.md", i); break;
	case 2:
		(void)snprintf(out, size, broad ? "**/.env.%u" : "src/x%u/**/.env",
			broad ? i : i - 2);
		break;
	case 3: (void)snprintf(out, size, "lib%u/main.c", i); break;
	case 4: (void)snprintf(out, size, "lib%u/**/*.{c,h}", i); break;
	default: (void)snprintf(out, size, "src/*/test_%u*.py", i); break;
	}
}

static void document(struct ward_buf *b, bool json)
{
	char text[128];

	ward_buf_adds(b,
		json ? "{\"schemaVersion\": 2, \"kind\": \"Policy\", \"metadata\": {\"name\": \"t\"}, \"spec\": {"
		       "\"grammar\": 2, \"fsProfiles\": {\"x\": {\"read\": [\"**\"\n"
		     : "schemaVersion: 2\nkind: Policy\nmetadata: {name: t}\nspec:\n  grammar: 2\n  fsProfiles:\n"
		       "    x:\n      read:\n        - '**'\n");
	for (unsigned i = 1; i < rules; i++) {
		pattern(text, sizeof(text), i);
		ward_buf_addf(b, json ? ", \"%s%s\"\n" : "        - '%s%s'\n",
			i % 6 == 2 ? "!" : "", text);
	}
	if (json)
		ward_buf_adds(b, "]}}}}");
}

static void cedar(struct ward_buf *b)
{
	char text[128];

	ward_buf_adds(b,
		"permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Path::\"./\");\n");
	for (unsigned i = 1; i < rules; i++) {
		pattern(text, sizeof(text), i);
		ward_buf_addf(b,
			"%s (principal, action == Ward::Action::\"fs.read\", resource in Ward::Glob::\"%s\");\n",
			i % 6 == 2 ? "forbid" : "permit", text);
	}
}

/* ---- from text to the book ---- */

static struct cedar_schema *schema(void)
{
	struct cedar_schema *s = NULL;
	struct cedar_diags d;

	if (ward_cedar_diags_init(&d) < 0 ||
		ward_cedar_schema_parse((struct ward_str){ ward_schema_text, ward_schema_size },
			CEDAR_SCHEMA_TEXT, &s, &d) < 0)
		die(NULL, "the schema");
	ward_cedar_diags_done(&d);
	return s;
}

static void sweeten(struct ward_docs *docs, struct ward_sources *to, const struct ward_buf *text,
	const char *name)
{
	struct ward_error err = WARD_ERROR_INIT;
	const struct ward_profile *p = NULL;
	struct ward_json *root;

	if (ward_tree_parse(to->arena, text->s, text->n, name, &root, &err) < 0 ||
		ward_docs_add(docs, WARD_LAYER_RUN, root, name, &err) < 0 ||
		ward_docs_check(docs, &err) < 0 ||
		ward_docs_resolve(docs, "x", NULL, &p, &err) < 0 ||
		ward_sugar_profile(to, p, NULL, &err) < 0)
		die(&err, name);
}

static struct ward_book *book_of(const struct cedar_schema *s, const struct ward_sources *from)
{
	static const struct ward_who who = { .run = "r1", .person = "ann", .uid = 1000 };
	static const struct ward_circumstances circumstances = { .tier = 1 };
	const struct ward_book_input in = { .schema = s,
		.workspace = "/home/dev/work/project",
		.sources = from->v,
		.n_sources = from->n,
		.who = &who,
		.circumstances = &circumstances };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_book *b;

	if (ward_book_new(&in, &b, &err) < 0)
		die(&err, "the book");
	return b;
}

/* The schema included: a start reads it as well. */
static struct ward_book *load(const struct ward_buf *text, const char *name,
	struct cedar_schema **ret_schema, double *ms)
{
	struct ward_sources to = { .arena = ward_arena_new(0) };
	struct ward_docs *docs = ward_docs_new();
	uint64_t from = now();
	struct ward_book *b;

	if (to.arena == NULL || docs == NULL)
		die(NULL, "no memory");
	*ret_schema = schema();
	if (ward_has_suffix(name, ".cedar")) {
		struct ward_source src = {
			.name = name, .text = { text->s, text->n }, .layer = WARD_LAYER_RUN
		};

		if (ward_sources_add(&to, &src, NULL) < 0)
			die(NULL, "no memory");
	} else {
		sweeten(docs, &to, text, name);
	}
	b = book_of(*ret_schema, &to);
	*ms = (double)(now() - from) / 1e6;
	ward_sources_done(&to);
	ward_docs_free(docs);
	ward_arena_free(to.arena);
	return b;
}

static void measure_load(const struct ward_buf *text, const char *name)
{
	double ms[PASSES];

	for (unsigned i = 0; i < PASSES; i++) {
		struct cedar_schema *s;

		ward_book_free(load(text, name, &s, &ms[i]));
		ward_cedar_schema_free(s);
	}
	printf("load.%s_ms %.3f\n", name, median(ms, PASSES));
}

/* ---- decisions ---- */

static void measure_decision(const struct ward_buf *text, const char *name)
{
	static const char *const paths[] = { "/home/dev/work/project/src/x6/deep/file.c",
		"/home/dev/work/project/docs/d7/readme.md", "/home/dev/work/project/src/x6/.env",
		"/home/dev/work/project/lib10/core/main.c",
		"/home/dev/work/project/src/y/test_11_a.py", "/home/dev/work/project/none/of/these",
		"/usr/lib/x86_64-linux-gnu/a/b/c/d/libc.so.6",
		"/home/dev/work/project/target/debug/app" };
	struct ward_desk *d = ward_desk_new();
	double us[ROUNDS], ms;
	struct cedar_schema *s;
	struct ward_book *b = load(text, name, &s, &ms);
	size_t allowed = 0;

	if (d == NULL)
		die(NULL, "no memory");
	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t from = now();

		for (unsigned i = 0; i < ASKS; i++) {
			struct ward_query q = { .action = WARD_ACT_FS_READ,
				.resource = ward_str(paths[i % WARD_ARRAY_SIZE(paths)]),
				.now_ms = 1 };
			struct ward_verdict v;

			if (ward_judge(b, d, &q, &v) < 0 || v.why == WARD_WHY_MALFORMED ||
				v.why == WARD_WHY_FAILED)
				die(NULL, "a decision");
			allowed += v.effect == WARD_ALLOW;
		}
		us[r] = (double)(now() - from) / 1e3 / ASKS;
	}
	if (allowed == 0 || allowed == (size_t)ROUNDS * ASKS)
		die(NULL, "the decisions are all the same");
	printf("decision.%s_us %.3f\n", name, median(us, ROUNDS));
	ward_desk_free(d);
	ward_book_free(b);
	ward_cedar_schema_free(s);
}

static void measure_schema(void)
{
	double ms[PASSES];

	for (unsigned i = 0; i < PASSES; i++) {
		uint64_t from = now();

		ward_cedar_schema_free(schema());
		ms[i] = (double)(now() - from) / 1e6;
	}
	printf("load.schema_ms %.3f\n", median(ms, PASSES));
}

int main(int argc, char **argv)
{
	struct ward_buf texts[3] = { WARD_BUF_INIT, WARD_BUF_INIT, WARD_BUF_INIT };
	static const char *const names[] = { "t.yaml", "t.json", "t.cedar" };

	if (argc > 1)
		rules = (unsigned)strtoul(argv[1], NULL, 10);
	document(&texts[0], false);
	document(&texts[1], true);
	cedar(&texts[2]);
	measure_schema();
	for (unsigned i = 0; i < 3; i++) {
		if (argc < 3 || ward_streq(argv[2], names[i]))
			measure_load(&texts[i], names[i]);
	}
	if (argc < 3) {
		measure_decision(&texts[0], names[0]);
		measure_decision(&texts[2], names[2]);
	}
	if (argc < 3 || ward_streq(argv[2], "broad.yaml")) {
		broad = true;
		ward_buf_clear(&texts[0]);
		document(&texts[0], false);
		measure_load(&texts[0], "broad.yaml");
		measure_decision(&texts[0], "broad.yaml");
	}
	for (unsigned i = 0; i < 3; i++)
		ward_buf_done(&texts[i]);
	return 0;
}
