/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy documents at large: random ones against the rules of S0 as one walk over one list, random lower layers that must not
 * widen, what is bounded at its bound, sets after errors, and lack of memory at every allocation. The cases that a person would
 * write are in tests/table/policy.tests.
 */
#include "alloc_fail.h"
#include "ref_doc.h"
#include "registry/registry.h"
#include "tap.h"

#define HEAD "schemaVersion: 2\nkind: Policy\nmetadata: {name: t}\nspec:\n"

static struct ward_error err;

static int add(struct ward_docs *docs, enum ward_layer layer, const char *text)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	struct ward_json *root = NULL;
	int r;

	memset(&err, 0, sizeof(err));
	REQUIRE(arena != NULL);
	r = ward_tree_parse(arena, text, strlen(text), "p.yaml", &root, &err);
	CHECK_EQ_INT(r, WARD_OK);
	return r < 0 ? r : ward_docs_add(docs, layer, root, ward_layer_name(layer), &err);
}

/* ---- random documents ---- */

static uint64_t seed = 0x5eed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static const char *const patterns[] = { "**", ".", "a", "b", "a/**", "b/**", "a/b", "a/b/**", "a/*",
	"*", "**/b", "**/b/**", "a/**/c", "?", "*/b", "a/b/c", "b/a", "b/a/**", "c/**", "a?",
	"**/*c" };
/* Of grammar 2 as well; in grammar 1 they are plain characters and match next to nothing. */
static const char *const patterns2[] = { "[ab]", "[!a]", "{a,b}/**", "a/{b,c}", "**/[bc]",
	"{a/b,c}/**", "a/[!b]/*", "\\a", "a{,/b}", "[a-b]/**", "{*,a/*}" };
static const char *const paths[] = { ".", "a", "b", "c", "a/a", "a/b", "a/c", "b/a", "b/b", "a/b/c",
	"a/b/a", "a/c/c", "b/a/b", "b/a/c", "c/b", "c/b/c", "ac", "a/ac", "b/b/b/c" };

#define RULES 6
struct rules {
	const char *p[RULES];
	bool negated[RULES];
	unsigned n, grammar;
};
struct random_doc {
	unsigned grammar;
	struct rules read, modify, deny_read, deny_modify;
};

static void random_rules(struct rules *r, unsigned grammar, bool negations, bool all_first)
{
	r->n = rnd(RULES);
	r->grammar = grammar;
	for (unsigned i = 0; i < r->n; i++) {
		r->p[i] = grammar == 2 && rnd(2) ? patterns2[rnd(WARD_ARRAY_SIZE(patterns2))]
						 : patterns[rnd(WARD_ARRAY_SIZE(patterns))];
		r->negated[i] = negations && rnd(3) == 0;
	}
	if (all_first && r->n > 0) {
		r->p[0] = "**";
		r->negated[0] = false;
	}
}

static void write_rules(struct ward_buf *b, const char *name, const struct rules *r,
	const char *indent)
{
	if (r->n == 0)
		return;
	ward_buf_addf(b, "%s%s:\n", indent, name);
	for (unsigned i = 0; i < r->n; i++)
		ward_buf_addf(b, "%s  - '%s%s'\n", indent, r->negated[i] ? "!" : "", r->p[i]);
}

static void random_doc(struct random_doc *d, struct ward_buf *b, const char *profile)
{
	d->grammar = 1 + rnd(2);
	random_rules(&d->read, d->grammar, true, rnd(4) > 0);
	random_rules(&d->modify, d->grammar, true, false);
	random_rules(&d->deny_read, d->grammar, false, false);
	d->deny_read.n = rnd(2) * (d->deny_read.n > 2 ? 2 : d->deny_read.n);
	random_rules(&d->deny_modify, d->grammar, true, false);
	d->deny_modify.n = d->deny_modify.n > 3 ? 3 : d->deny_modify.n;
	ward_buf_clear(b);
	ward_buf_addf(b, HEAD "  grammar: %u\n", d->grammar);
	write_rules(b, "denyRead", &d->deny_read, "  ");
	write_rules(b, "denyModify", &d->deny_modify, "  ");
	ward_buf_addf(b, "  fsProfiles:\n    %s:\n      description: random\n", profile);
	write_rules(b, "read", &d->read, "      ");
	write_rules(b, "modify", &d->modify, "      ");
}

/* S0 in its own words: one list, walked once; an exception gives back what the profile itself grants. */
static bool s0_list(const struct rules *r, const char *path)
{
	bool verdict = false;

	for (unsigned i = 0; i < r->n; i++) {
		if (ref_doc_match(r->grammar, r->p[i], path))
			verdict = !r->negated[i];
	}
	return verdict;
}

static bool s0_denied(const struct rules *r, const char *path)
{
	for (unsigned i = 0; i < r->n; i++) {
		if (ref_doc_match(r->grammar, r->p[i], path))
			return true;
	}
	return false;
}

static bool s0_allowed(const struct random_doc *d, enum ward_doc_op op, const char *path)
{
	bool own = s0_list(op == WARD_DOC_READ ? &d->read : &d->modify, path), verdict = own;

	if (op == WARD_DOC_MODIFY) {
		for (unsigned i = 0; i < d->deny_modify.n; i++) {
			if (ref_doc_match(d->grammar, d->deny_modify.p[i], path))
				verdict = d->deny_modify.negated[i] && own;
		}
		/* Ward's own addition: what is not readable is not modifiable. */
		verdict = verdict && s0_allowed(d, WARD_DOC_READ, path);
	}
	return verdict && !s0_denied(&d->deny_read, path);
}

TEST(a_document_means_what_s0_says)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	unsigned good = 0, tried = 0;
	size_t pairs = 0, allowed = 0;

	while (good < 3000 && tried++ < 300000) {
		WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
		const struct ward_profile *p = NULL;
		struct random_doc d;

		REQUIRE(docs != NULL);
		random_doc(&d, &b, "x");
		REQUIRE(!b.failed);
		REQUIRE(add(docs, WARD_LAYER_USER, ward_buf_cstr(&b)) == WARD_OK);
		if (ward_docs_resolve(docs, "x", NULL, &p, &err) < 0) {
			CHECK_EQ_INT(err.code, WARD_E_INVALID);
			CHECK(err.line > 4 && err.fix[0] != '\0');
			continue;
		}
		good++;
		for (size_t i = 0; i < WARD_ARRAY_SIZE(paths); i++) {
			for (unsigned op = 0; op < WARD_DOC_OP_MAX; op++, pairs++) {
				bool want = s0_allowed(&d, (enum ward_doc_op)op, paths[i]);

				allowed += want;
				CASE("%s of %s in\n%.150s", op == 0 ? "read" : "modify", paths[i],
					ward_buf_cstr(&b));
				CHECK_EQ_INT(ref_doc_allowed(p, (enum ward_doc_op)op, paths[i]),
					want);
			}
		}
	}
	CASE("%u documents of %u, %zu pairs, %zu allowed", good, tried, pairs, allowed);
	CHECK_GE_INT(good, 3000);
	CHECK_GE_INT(allowed, pairs / 20);
	CHECK_GE_INT(pairs - allowed, pairs / 20);
}

TEST(a_lower_layer_never_widens)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf upper = WARD_BUF_INIT, lower = WARD_BUF_INIT;
	unsigned good = 0, tried = 0, narrowed = 0;

	while (good < 6000 && tried++ < 600000) {
		WARD_CLEANUP(ward_docs_freep)
		struct ward_docs *one = ward_docs_new(), *two = ward_docs_new();
		enum ward_layer layer = (enum ward_layer)rnd(WARD_LAYER_CEILING);
		const struct ward_profile *p = NULL, *q = NULL, *other = NULL;
		const char *name = rnd(2) ? "x" : "y";
		struct random_doc d;

		REQUIRE(one != NULL && two != NULL);
		random_doc(&d, &upper, "x");
		REQUIRE(add(one, WARD_LAYER_CEILING, ward_buf_cstr(&upper)) == WARD_OK);
		if (ward_docs_resolve(one, "x", NULL, &p, &err) < 0)
			continue;
		random_doc(&d, &lower, name);
		/* The order in which they come must not matter. */
		if (rnd(2))
			REQUIRE(add(two, WARD_LAYER_CEILING, ward_buf_cstr(&upper)) == WARD_OK);
		REQUIRE(add(two, layer, ward_buf_cstr(&lower)) == WARD_OK);
		if (ward_docs_count(two) == 1)
			REQUIRE(add(two, WARD_LAYER_CEILING, ward_buf_cstr(&upper)) == WARD_OK);
		if (ward_docs_resolve(two, "x", NULL, &q, &err) < 0)
			continue;
		REQUIRE(ward_docs_resolve(two, name, NULL, &other, &err) == WARD_OK);
		good++;
		for (size_t i = 0; i < WARD_ARRAY_SIZE(paths); i++) {
			for (unsigned o = 0; o < WARD_DOC_OP_MAX; o++) {
				enum ward_doc_op op = (enum ward_doc_op)o;
				const struct ward_profile_op *top = &p->op[op];
				bool before = ref_doc_allowed(p, op, paths[i]),
				     after = ref_doc_allowed(q, op, paths[i]);

				CASE("%s of %s in\n%.100s\n%.100s", o == 0 ? "read" : "modify",
					paths[i], ward_buf_cstr(&upper), ward_buf_cstr(&lower));
				CHECK(!after || before);
				narrowed += before && !after;
				/* A profile of its own lies below the ceiling's denies all the same. */
				for (size_t k = 0; k < top->n_denies; k++)
					CHECK(!ref_doc_allowed(other, op, paths[i]) ||
						!ref_doc_list(top->denies[k].rules, paths[i]));
			}
		}
	}
	CASE("%u pairs of documents, %u narrowed", good, narrowed);
	CHECK_GE_INT(good, 6000);
	CHECK_GE_INT(narrowed, 1000);
}

/* ---- bounds ---- */

static int add_built(struct ward_docs *docs, struct ward_buf *b)
{
	REQUIRE(!b->failed);
	return add(docs, WARD_LAYER_USER, ward_buf_cstr(b));
}

static struct ward_doc_alone *alone(const char *text)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_doc_alone *one = NULL;
	struct ward_json *root = NULL;

	REQUIRE(ward_tree_parse(a, text, strlen(text), "p.yaml", &root, &err) == WARD_OK);
	REQUIRE(ward_doc_alone(WARD_LAYER_USER, root, "p.yaml", &one, &err) == WARD_OK);
	return one;
}

TEST(documents)
{
	WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
	struct ward_doc_alone *one;

	REQUIRE(docs != NULL);
	for (int i = 0; i < WARD_DOCS_MAX; i++)
		CHECK_EQ_INT(add(docs, WARD_LAYER_USER, HEAD "  description: x\n"), WARD_OK);
	CHECK_EQ_INT(add(docs, WARD_LAYER_USER, HEAD "  description: x\n"), WARD_E_LIMIT);
	CHECK_EQ_SIZE(ward_docs_count(docs), WARD_DOCS_MAX);
	CHECK_STR_EQ(ward_docs_get(docs, 1)->description, "x");
	CHECK_NULL(ward_docs_get(docs, WARD_DOCS_MAX));
	CHECK_EQ_INT(ward_docs_add(docs, WARD_LAYER_MAX, NULL, NULL, &err), WARD_E_INVALID);
	one = alone(HEAD "  description: x\n");
	CHECK_EQ_INT(ward_docs_take(docs, one, &err), WARD_E_LIMIT);
	CHECK_EQ_SIZE(ward_docs_count(docs), WARD_DOCS_MAX);
	one = NULL;
	CHECK_EQ_INT(ward_doc_alone(WARD_LAYER_MAX, NULL, NULL, &one, &err), WARD_E_INVALID);
	CHECK_NULL(one);
	ward_doc_alone_free(NULL);
}

TEST(profiles_and_rules)
{
	for (int over = 0; over < 2; over++) {
		WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

		CASE("profiles, over %d", over);
		ward_buf_adds(&b, HEAD "  fsProfiles:\n");
		for (int i = 0; i < WARD_DOC_PROFILES_MAX + over; i++)
			ward_buf_addf(&b, "    p%d: {}\n", i);
		CHECK_EQ_INT(add_built(docs, &b), over ? WARD_E_LIMIT : WARD_OK);
	}
	for (int over = 0; over < 2; over++) {
		WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

		CASE("rules, over %d", over);
		ward_buf_adds(&b, HEAD "  denyRead:\n");
		for (int i = 0; i < WARD_DOC_RULES_MAX + over; i++)
			ward_buf_addf(&b, "  - a%d/**\n", i);
		CHECK_EQ_INT(add_built(docs, &b), over ? WARD_E_LIMIT : WARD_OK);
		if (!over)
			CHECK_EQ_INT(ward_docs_check(docs, &err), WARD_OK);
	}
	for (int over = 0; over < 2; over++) {
		WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

		CASE("variables that are taken over, over %d", over);
		ward_buf_adds(&b, HEAD "  fsProfiles:\n    a:\n      env:\n");
		for (int i = 0; i < WARD_DOC_ENV_MAX; i++)
			ward_buf_addf(&b, "      - A%d\n", i);
		ward_buf_addf(&b, "    b: {extends: a%s}\n", over ? ", env: [B]" : "");
		CHECK_EQ_INT(add_built(docs, &b), WARD_OK);
		CHECK_EQ_INT(ward_docs_check(docs, &err), over ? WARD_E_LIMIT : WARD_OK);
	}
}

TEST(chains)
{
	for (int over = 0; over < 2; over++) {
		WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

		CASE("in a row, over %d", over);
		ward_buf_adds(&b, HEAD "  fsProfiles:\n    p0: {read: [a]}\n");
		/* Names in both orders, so that the walk begins at either end. */
		for (int i = 1; i < WARD_DOC_CHAIN_MAX + over; i++)
			ward_buf_addf(&b, "    p%d: {extends: p%d}\n", i, i - 1);
		CHECK_EQ_INT(add_built(docs, &b), WARD_OK);
		CHECK_EQ_INT(ward_docs_check(docs, &err), over ? WARD_E_LIMIT : WARD_OK);
		CHECK(!over || err.line > 0);
	}
	for (int levels = 11; levels < 13; levels++) {
		WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

		/* 2^levels - 1 profiles are met, none of which has a rule. */
		CASE("a bomb of %d levels", levels);
		ward_buf_adds(&b, HEAD "  fsProfiles:\n    p1: {}\n");
		for (int i = 2; i <= levels; i++)
			ward_buf_addf(&b, "    p%d: {includes: [p%d, p%d]}\n", i, i - 1, i - 1);
		CHECK_EQ_INT(add_built(docs, &b), WARD_OK);
		CHECK_EQ_INT(ward_docs_check(docs, &err), WARD_OK);
		ward_buf_adds(&b, "    q: {includes: [p11, p11, p11]}\n");
		WARD_CLEANUP(ward_docs_freep) struct ward_docs *more = ward_docs_new();
		CHECK_EQ_INT(add_built(more, &b), WARD_OK);
		CHECK_EQ_INT(ward_docs_check(more, &err), WARD_E_LIMIT);
		CHECK_STR_EQ(err.message, "more than 4096 profiles are taken over by one");
	}
	WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	CASE("%s", "a bomb of rules");
	ward_buf_adds(&b, HEAD "  fsProfiles:\n    p1: {read: [a, b, c, d, e, f, g, h, i, j]}\n");
	for (int i = 2; i <= 12; i++)
		ward_buf_addf(&b, "    p%d: {includes: [p%d, p%d]}\n", i, i - 1, i - 1);
	CHECK_EQ_INT(add_built(docs, &b), WARD_OK);
	CHECK_EQ_INT(ward_docs_check(docs, &err), WARD_E_LIMIT);
	CHECK_STR_EQ(err.message,
		"profile \"p12\" has more than 16384 rules in read, with those that it takes over");
}

TEST(all_together)
{
	WARD_CLEANUP(ward_docs_freep)
	struct ward_docs *rules = ward_docs_new(), *visits = ward_docs_new();
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	CASE("%s", "rules");
	ward_buf_adds(&b, HEAD "  fsProfiles:\n    p:\n      read:\n");
	for (int i = 0; i < 16000; i++)
		ward_buf_addf(&b, "      - a%d\n", i);
	for (int i = 0; i < 16; i++)
		ward_buf_addf(&b, "    q%d: {extends: p}\n", i);
	CHECK_EQ_INT(add_built(rules, &b), WARD_OK);
	CHECK_EQ_INT(ward_docs_check(rules, &err), WARD_E_LIMIT);
	CHECK_STR_EQ(err.message,
		"all profiles together have more than 262144 rules, with those that they take over");
	CASE("%s", "taking over");
	ward_buf_clear(&b);
	ward_buf_adds(&b, HEAD "  fsProfiles:\n    p1: {}\n");
	for (int i = 2; i <= 11; i++)
		ward_buf_addf(&b, "    p%d: {includes: [p%d, p%d]}\n", i, i - 1, i - 1);
	for (int i = 0; i < 130; i++)
		ward_buf_addf(&b, "    q%d: {extends: p11}\n", i);
	CHECK_EQ_INT(add_built(visits, &b), WARD_OK);
	CHECK_EQ_INT(ward_docs_check(visits, &err), WARD_E_LIMIT);
	CHECK_STR_EQ(err.message,
		"all profiles together take over from others more than 262144 times");
}

TEST(warnings_end)
{
	WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const struct ward_doc_warning *w;
	size_t n = 0;

	ward_buf_adds(&b, HEAD "  denyRead:\n");
	for (int i = 0; i < 1500; i++)
		ward_buf_adds(&b, "  - a/**\n");
	CHECK_EQ_INT(add_built(docs, &b), WARD_OK);
	CHECK_EQ_INT(ward_docs_check(docs, &err), WARD_OK);
	w = ward_docs_warnings(docs, &n);
	REQUIRE(n == WARD_DOC_WARNINGS_MAX);
	CHECK_STR_EQ(w[n - 1].message, "500 more warnings, from here on");
	CHECK_EQ_INT(w[0].kind, WARD_DOC_WARN_COVERED);
	/* And once more: the warnings of the last check alone. */
	CHECK_EQ_INT(ward_docs_check(docs, &err), WARD_OK);
	(void)ward_docs_warnings(docs, &n);
	CHECK_EQ_SIZE(n, WARD_DOC_WARNINGS_MAX);
}

/* What would be slow if rules were compared each with each. */
TEST(many_rules_are_no_square)
{
	WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const struct ward_profile *p = NULL;

	ward_buf_adds(&b, HEAD "  denyModify:\n  - d/**\n");
	for (int i = 0; i < 8000; i++)
		ward_buf_addf(&b, "  - \"!d/%d\"\n", i);
	ward_buf_adds(&b, "  fsProfiles:\n    a:\n      read: [\"**\"]\n      modify:\n");
	for (int i = 0; i < 8000; i++)
		ward_buf_addf(&b, "      - d/%d\n      - \"!x/%d\"\n", i, i);
	CHECK_EQ_INT(add_built(docs, &b), WARD_OK);
	CHECK_EQ_INT(ward_docs_resolve(docs, "a", NULL, &p, &err), WARD_OK);
	REQUIRE(p != NULL);
	CHECK_EQ_SIZE(p->op[WARD_DOC_MODIFY].parts[0].rules.n, 16000);
}

TEST(after_an_error)
{
	WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
	const struct ward_profile *p = NULL, *q = NULL;

	CHECK_EQ_INT(add(docs, WARD_LAYER_USER, HEAD "  fsProfiles: {a: {read: [x]}}\n"), WARD_OK);
	CHECK_EQ_INT(add(docs, WARD_LAYER_USER, HEAD "  fsProfiles: {b: {read: [/]}}\n"),
		WARD_E_INVALID);
	CHECK_EQ_SIZE(ward_docs_count(docs), 1);
	CHECK_EQ_INT(ward_docs_resolve(docs, "b", NULL, &p, &err), WARD_E_NOTFOUND);
	CHECK_NULL(p);
	CHECK_EQ_INT(ward_docs_resolve(docs, NULL, NULL, &p, &err), WARD_E_INVALID);
	CHECK_STR_EQ(err.fix,
		"name one; leaving it out never means everything, \"unrestricted\" does");
	CHECK_EQ_INT(ward_docs_resolve(docs, "a", NULL, &p, &err), WARD_OK);
	CHECK_EQ_INT(ward_docs_resolve(docs, "a", NULL, &q, &err), WARD_OK);
	CHECK(p != NULL && p == q);
	/* A set that is wrong as a whole resolves nothing. */
	CHECK_EQ_INT(add(docs, WARD_LAYER_RUN, HEAD "  fsProfiles: {c: {extends: nobody}}\n"),
		WARD_OK);
	CHECK_EQ_INT(ward_docs_resolve(docs, "a", NULL, &p, &err), WARD_E_NOTFOUND);
	CHECK_NULL(p);
	ward_docs_free(NULL);
}

/* Every rule knows where it stands and how it was written. */
TEST(provenance)
{
	WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
	const struct ward_profile *p = NULL;
	const struct ward_doc_rule *r;

	CHECK_EQ_INT(add(docs, WARD_LAYER_CEILING, HEAD "  denyRead: [./x//y]\n"), WARD_OK);
	CHECK_EQ_INT(
		add(docs, WARD_LAYER_USER,
			HEAD
			"  grammar: 2\n  fsProfiles:\n    base:\n      read: [\"**\", \"! ./b\"]\n    a: {extends: base}\n"),
		WARD_OK);
	REQUIRE(ward_docs_resolve(docs, "a", NULL, &p, &err) == WARD_OK);
	r = &p->op[WARD_DOC_READ].parts[0].rules.v[1];
	CHECK_STR_EQ(r->text, "! ./b");
	CHECK_STR_EQ(r->pattern, "b");
	CHECK(r->negated);
	CHECK_STR_EQ(r->profile, "base");
	CHECK_STR_EQ(r->doc->file, "user");
	CHECK_EQ_INT(r->doc->layer, WARD_LAYER_USER);
	CHECK_EQ_INT(r->doc->grammar, 2);
	CHECK_EQ_INT(r->origin.line, 8);
	CHECK_EQ_INT(r->origin.column, 20);
	CHECK_STR_EQ(r->origin.file, "user");
	CHECK_EQ_INT(p->origin.line, 9);
	CHECK_STR_EQ(p->name, "a");
	r = &p->op[WARD_DOC_READ].denies[0].rules.v[0];
	CHECK_STR_EQ(r->text, "./x//y");
	CHECK_STR_EQ(r->pattern, "x/y");
	CHECK_NULL(r->profile);
	CHECK_EQ_INT(r->list, WARD_DOC_LIST_DENY_READ);
	CHECK_STR_EQ(r->doc->name, "t");
	CHECK_STR_EQ(ward_doc_list_name(r->list), "denyRead");
	CHECK_STR_EQ(ward_doc_list_name((enum ward_doc_list)99), "unknown");
	CHECK_STR_EQ(ward_doc_limit_name((enum ward_doc_limit_id)99), "unknown");
	CHECK_STR_EQ(ward_layer_name((enum ward_layer)99), "unknown");
}

/* ---- what is shipped ---- */

static void add_file(struct ward_docs *docs, enum ward_layer layer, const char *name)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	static char text[64 << 10];
	struct ward_json *root = NULL;
	char path[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", EXAMPLES, name);
	f = fopen(path, "re");
	REQUIRE(f != NULL && arena != NULL);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	REQUIRE(n < sizeof(text));
	memset(&err, 0, sizeof(err));
	CHECK_EQ_INT(ward_tree_parse(arena, text, n, name, &root, &err), WARD_OK);
	REQUIRE(root != NULL);
	CHECK_EQ_INT(ward_docs_add(docs, layer, root, name, &err), WARD_OK);
	CHECK_STR_EQ(err.message, "");
}

TEST(examples_are_good_and_without_warnings)
{
	static const char *const names[] = { "default.yaml", "team.yaml", "repository.yaml",
		"compute.json" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
		const struct ward_doc_warning *w;
		size_t n = 0;

		CASE("%s", names[i]);
		add_file(docs, WARD_LAYER_USER, names[i]);
		CHECK_EQ_INT(ward_docs_check(docs, &err), WARD_OK);
		CHECK_STR_EQ(err.message, "");
		w = ward_docs_warnings(docs, &n);
		CHECK_STR_EQ(n > 0 ? w[0].message : "", "");
	}
}

/* S0-33: what the shipped profiles are for. */
TEST(the_default_profiles)
{
	static const struct {
		const char *profile, *path;
		bool read, modify;
	} rows[] = {
		{ "implementer", "src/a.c", true, true },
		{ "implementer", ".ward/policy.yaml", true, false },
		{ "implementer", ".env", false, false },
		{ "implementer", "a/.env.local", false, false },
		{ "implementer", "prod.env", false, false },
		{ "reviewer", "src/a.c", true, false },
		{ "reviewer", ".env", false, false },
		{ "docs_writer", "src/a.c", true, false },
		{ "docs_writer", "docs/a.md", true, true },
		{ "docs_writer", "docs/drafts/a.md", true, false },
		{ "docs_writer", "docs/.env", false, false },
		{ "pure_compute", "src/a.c", false, false },
		{ "pure_compute", ".", false, false },
		{ "unrestricted", "src/a.c", true, true },
		{ "unrestricted", "b.env.x", false, false },
	};
	WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();

	add_file(docs, WARD_LAYER_BUILTIN, "default.yaml");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		const struct ward_profile *p = NULL;

		CASE("%s %s", rows[i].profile, rows[i].path);
		REQUIRE(ward_docs_resolve(docs, rows[i].profile, NULL, &p, &err) == WARD_OK);
		CHECK_EQ_INT(ref_doc_allowed(p, WARD_DOC_READ, rows[i].path), rows[i].read);
		CHECK_EQ_INT(ref_doc_allowed(p, WARD_DOC_MODIFY, rows[i].path), rows[i].modify);
	}
}

/* ---- no memory ---- */

static const char memory_text[] = HEAD
	"  denyRead: [\"**/.env\"]\n  denyModify: [.ward/**, \"!.ward/notes/**\", x, x]\n  fsProfiles:\n"
	"    base: {read: [\"**\"], env: [A, B=1], allowExec: [git], limits: {cpus: 0.5}, description: d,\n"
	"      network: {mode: allow, allow: [a.org:443, '[fd00::/8]:1'], deny: [b.org:1]}}\n"
	"    a: {extends: base, includes: [base], modify: [src/**, \"!src/x\", \"!y\"], denyExec: [sh], read: [],\n"
	"      network: {deny: [], allow: [c.org:1, c.org:1]}}\n";

static bool memory_run(struct ward_docs *docs, const struct ward_json *root)
{
	const struct ward_profile *p = NULL;
	struct ward_error e = WARD_ERROR_INIT;
	struct ward_doc_alone *one = NULL;
	int r = ward_docs_add(docs, WARD_LAYER_CEILING, root, "c.yaml", &e);

	if (r == WARD_OK)
		r = ward_doc_alone(WARD_LAYER_USER, root, "u.yaml", &one, &e);
	if (r == WARD_OK)
		r = ward_docs_take(docs, one, &e);
	if (r == WARD_OK)
		r = ward_docs_resolve(docs, "a", NULL, &p, &e);
	CHECK(r == WARD_OK || r == WARD_E_NOMEM);
	CHECK_EQ_INT(e.code, r);
	CHECK_EQ_INT(r == WARD_OK, p != NULL);
	return r == WARD_OK;
}

TEST(no_memory)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = NULL;
	struct ward_json *root = NULL;
	unsigned long n = 1;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has its own allocator");
	arena = ward_arena_new(0);
	REQUIRE(ward_tree_parse(arena, memory_text, strlen(memory_text), "p.yaml", &root, &err) ==
		WARD_OK);
	for (;; n++) {
		WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = NULL;
		bool worked = false;

		CASE("allocation %lu", n);
		alloc_fail_hit = false;
		alloc_fail_at = n;
		docs = ward_docs_new();
		if (docs != NULL)
			worked = memory_run(docs, root);
		alloc_fail_at = 0;
		CHECK_EQ_INT(worked, !alloc_fail_hit);
		if (!alloc_fail_hit)
			break;
	}
	CHECK_GE_INT(n, 10);
}

TAP_MAIN();
