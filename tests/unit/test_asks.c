/* SPDX-License-Identifier: Apache-2.0 */
/* What a person is asked: one question a rule, in one order, with a digest of exactly that; and what is remembered of answers. */
#include "alloc_fail.h"
#include "decide/decide.h"
#include "tap.h"

static const struct ward_book_rule out = { .id = "t.out",
	.file = "p.cedar",
	.line = 3,
	.column = 1,
	.text = "permit ...",
	.reason = "results",
	.layer = WARD_LAYER_USER,
	.approval = WARD_APPROVAL_RISKY };
static const struct ward_book_rule shell = { .file = "p.cedar",
	.line = 9,
	.column = 1,
	.text = "permit ...",
	.layer = WARD_LAYER_USER,
	.approval = WARD_APPROVAL_CRITICAL };
static char *const words[] = { (char[]){ "make" }, (char[]){ "all" }, NULL };
static char *const other_words[] = { (char[]){ "make" }, (char[]){ "clean" }, NULL };
#define POLICY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct ward_verdict verdict(const struct ward_book_rule *r)
{
	return (struct ward_verdict){
		.effect = WARD_ASK, .approval = r->approval, .n_rules = 1, .rules = { r }
	};
}

static enum ward_said put(struct ward_asks *a, const struct ward_book_rule *r,
	enum ward_action action, const char *resource)
{
	struct ward_verdict v = verdict(r);
	struct ward_query q = { .action = action, .resource = ward_str(resource), .any = true };
	enum ward_said said = WARD_SAID_RUN;

	CHECK_EQ_INT(ward_asks_put(a, &v, &q, false, &said, NULL), WARD_OK);
	return said;
}

static void look(struct ward_asks *a, const char *policy)
{
	CHECK_EQ_INT(ward_asks_begin(a, "/ws", words, policy, NULL), WARD_OK);
}

TEST(one_question_a_rule_in_one_order)
{
	struct ward_asks a = { .arena = ward_arena_new(0) }, b = { .arena = ward_arena_new(0) };

	look(&a, POLICY);
	look(&b, POLICY);
	CHECK_EQ_INT(put(&a, &shell, WARD_ACT_SHELL_EXEC, "/bin/sh"), WARD_SAID_OPEN);
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_WRITE, "/ws/out/" WARD_ANY_NAME), WARD_SAID_OPEN);
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_WRITE,
			     "/ws/out/" WARD_ANY_NAME "/" WARD_ANY_NAME "/" WARD_ANY_NAME),
		WARD_SAID_OPEN);
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_READ, "/ws/out"), WARD_SAID_OPEN);
	CHECK_EQ_INT(put(&b, &out, WARD_ACT_FS_READ, "/ws/out"), WARD_SAID_OPEN);
	CHECK_EQ_INT(put(&b, &out, WARD_ACT_FS_WRITE, "/ws/out/" WARD_ANY_NAME), WARD_SAID_OPEN);
	CHECK_EQ_INT(put(&b, &shell, WARD_ACT_SHELL_EXEC, "/bin/sh"), WARD_SAID_OPEN);
	CHECK_EQ_INT(ward_asks_finish(&a, NULL), WARD_OK);
	CHECK_EQ_INT(ward_asks_finish(&b, NULL), WARD_OK);
	REQUIRE(a.n == 2 && b.n == 2);
	CHECK_STR_EQ(a.v[0].id, "t.out");
	CHECK_EQ_INT(a.v[0].n_things, 2);
	CHECK(a.v[0].things[1].below);
	CHECK_STR_EQ(a.v[0].things[1].resource, "/ws/out");
	for (size_t i = 0; i < 2; i++)
		CHECK_STR_EQ(a.v[i].digest, b.v[i].digest);
	CHECK(strcmp(a.v[0].digest, a.v[1].digest) != 0);
	ward_arena_free(a.arena);
	ward_arena_free(b.arena);
}

static void digest(const char *workspace, char *const *argv, const char *policy, const char *name,
	char ret[WARD_SHA256_HEX])
{
	struct ward_asks a = { .arena = ward_arena_new(0) };

	CHECK_EQ_INT(ward_asks_begin(&a, workspace, argv, policy, NULL), WARD_OK);
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_WRITE, name), WARD_SAID_OPEN);
	CHECK_EQ_INT(ward_asks_finish(&a, NULL), WARD_OK);
	memcpy(ret, a.v[0].digest, WARD_SHA256_HEX);
	ward_arena_free(a.arena);
}

TEST(the_digest_is_of_the_exact_action)
{
	char all[6][WARD_SHA256_HEX];

	digest("/ws", words, POLICY, "/ws/a", all[0]);
	digest("/wt", words, POLICY, "/ws/a", all[1]);
	digest("/ws", other_words, POLICY, "/ws/a", all[2]);
	digest("/ws", words, OTHER, "/ws/a", all[3]);
	/* Not UTF-8: as text of JSON both are the same. */
	digest("/ws", words, POLICY, "/ws/\xff", all[4]);
	digest("/ws", words, POLICY, "/ws/\xfe", all[5]);
	for (size_t i = 0; i < 6; i++) {
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(all[i], all[j]) != 0);
	}
}

/* As docs/spec/approval.md has it, worked out by another program. */
TEST(the_digest_is_the_documented_one)
{
	struct ward_asks a = { .arena = ward_arena_new(0) };

	look(&a, POLICY);
	CHECK_STR_EQ(a.argv_sha256,
		"c76180a26d3fd7647ad62f0112445cf94123c752a834f66efa0d1f9cbb14bf4b");
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_WRITE, "/ws/a"), WARD_SAID_OPEN);
	CHECK_EQ_INT(ward_asks_finish(&a, NULL), WARD_OK);
	CHECK_STR_EQ(a.v[0].digest,
		"eab6e1c5f59c3c4d9294ff2c1573c4bca2d4e4ba84046483936f30ffdc4ff8ba");
	ward_arena_free(a.arena);
}

TEST(what_is_remembered)
{
	struct ward_asks a = { .arena = ward_arena_new(0) };

	look(&a, POLICY);
	(void)put(&a, &out, WARD_ACT_FS_WRITE, "/ws/a");
	CHECK_EQ_INT(ward_asks_open(&a), 1);
	a.v[0].answer = WARD_SAID_ONCE;
	look(&a, POLICY);
	/* Once: exactly that, and no other name of the same rule. */
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_WRITE, "/ws/a"), WARD_SAID_ONCE);
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_READ, "/ws/a"), WARD_SAID_OPEN);
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_WRITE, "/ws/a/" WARD_ANY_NAME), WARD_SAID_OPEN);
	CHECK_EQ_INT(put(&a, &shell, WARD_ACT_FS_WRITE, "/ws/a"), WARD_SAID_OPEN);
	a.v[0].answer = WARD_SAID_RUN;
	look(&a, POLICY);
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_WRITE, "/ws/b"), WARD_SAID_RUN);
	a.v[0].answer = WARD_SAID_NO;
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_WRITE, "/ws/a"), WARD_SAID_NO);
	/* Another policy, and nothing was said. */
	look(&a, OTHER);
	CHECK_EQ_INT(put(&a, &out, WARD_ACT_FS_WRITE, "/ws/a"), WARD_SAID_OPEN);
	ward_arena_free(a.arena);
}

TEST(what_is_no_question_is_no_yes)
{
	struct ward_asks a = { .arena = ward_arena_new(0) };
	struct ward_verdict v = verdict(&out);
	struct ward_query q = { .action = WARD_ACT_FS_READ, .resource = WARD_STR("/ws") };
	enum ward_said said = WARD_SAID_RUN;

	look(&a, POLICY);
	v.effect = WARD_DENY;
	CHECK_EQ_INT(ward_asks_put(&a, &v, &q, false, &said, NULL), WARD_OK);
	CHECK_EQ_INT(said, WARD_SAID_NO);
	v.effect = WARD_ASK;
	v.n_rules = 0;
	said = WARD_SAID_RUN;
	CHECK_EQ_INT(ward_asks_put(&a, &v, &q, true, &said, NULL), WARD_OK);
	CHECK_EQ_INT(said, WARD_SAID_NO);
	CHECK_EQ_INT(a.n, 0);
	ward_arena_free(a.arena);
}

TEST(both_limits)
{
	struct ward_asks a = { .arena = ward_arena_new(0) };
	struct ward_book_rule r = out;
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_verdict v = verdict(&r);
	struct ward_query q = { .action = WARD_ACT_FS_READ, .resource = WARD_STR("/ws/last") };
	enum ward_said said = WARD_SAID_RUN;
	char name[32];

	look(&a, POLICY);
	for (unsigned i = 0; i < WARD_ASK_THINGS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "/ws/%u", i);
		(void)put(&a, &r, WARD_ACT_FS_READ, name);
	}
	CHECK_EQ_INT(ward_asks_put(&a, &v, &q, true, &said, &err), WARD_E_LIMIT);
	CHECK_EQ_INT(said, WARD_SAID_NO);
	for (r.line = 100; r.line < 100 + WARD_ASKS_MAX - 1; r.line++)
		(void)put(&a, &r, WARD_ACT_FS_READ, "/ws/x");
	CHECK_EQ_INT(ward_asks_put(&a, &v, &q, true, &said, &err), WARD_E_LIMIT);
	CHECK_EQ_INT(said, WARD_SAID_NO);
	ward_arena_free(a.arena);
}

static int all(struct ward_asks *a)
{
	struct ward_verdict v = verdict(&out), w = verdict(&shell);
	struct ward_query q = { .action = WARD_ACT_FS_READ, .resource = WARD_STR("/ws/last") };
	enum ward_said said = WARD_SAID_RUN;
	int r = ward_asks_begin(a, "/ws", words, POLICY, NULL);

	if (r == WARD_OK)
		r = ward_asks_put(a, &v, &q, true, &said, NULL);
	if (r < 0)
		return r;
	r = ward_asks_put(a, &w, &q, true, &said, NULL);
	return r == WARD_OK ? ward_asks_finish(a, NULL) : r;
}

TEST(no_memory)
{
	unsigned long n = 1;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has an allocator of its own");
	for (;; n++) {
		struct ward_asks a = { .arena = ward_arena_new(0) };
		int r;

		alloc_fail_hit = false;
		alloc_fail_at = n;
		r = all(&a);
		alloc_fail_at = 0;
		ward_arena_free(a.arena);
		if (!alloc_fail_hit) {
			CHECK_EQ_INT(r, WARD_OK);
			break;
		}
		CHECK_EQ_INT(r, WARD_E_NOMEM);
	}
	CHECK(n > 2);
}

/* Every allocation of the list, of whatever size, is refused once: never a yes, never a shorter list that passes for whole. */
TEST(no_room)
{
	size_t max = 16;
	int r = WARD_E_NOMEM;

	for (; r != WARD_OK && max < 1u << 16; max += 16) {
		struct ward_asks a = { .arena = ward_arena_new(max) };

		r = all(&a);
		CHECK(r == WARD_OK || r == WARD_E_NOMEM);
		CHECK(r != WARD_OK || (a.n == 2 && a.v[0].n_things == 1 && a.v[1].n_things == 1));
		ward_arena_free(a.arena);
	}
	CHECK_EQ_INT(r, WARD_OK);
	CHECK(max > 256);
}

/* ---- the order: of what people read, and of what is hashed ---- */

#define RULE(file_, line_, column_, id_, approval_) \
	{ \
		.id = id_, .file = file_, .line = line_, .column = column_, .text = "permit ...", \
		.layer = WARD_LAYER_USER, .approval = approval_ \
	}
static const struct ward_book_rule in_order[] = {
	RULE(NULL, 1, 1, NULL, WARD_APPROVAL_RISKY),
	RULE("a.cedar", 2, 7, "z", WARD_APPROVAL_RISKY),
	RULE("a.cedar", 10, 1, "a", WARD_APPROVAL_RISKY),
	RULE("a.cedar", 10, 3, NULL, WARD_APPROVAL_RISKY),
	RULE("a.cedar", 10, 3, "b", WARD_APPROVAL_CRITICAL),
	RULE("a.cedar", 10, 3, "b", WARD_APPROVAL_RISKY),
	RULE("a.cedar", 10, 3, "c", WARD_APPROVAL_CRITICAL),
	RULE("a.cedar", 10, 12, "a", WARD_APPROVAL_RISKY),
	RULE("a.cedar", 11, 1, "a", WARD_APPROVAL_RISKY),
	RULE("b.cedar", 1, 1, "a", WARD_APPROVAL_RISKY),
};
#define N WARD_ARRAY_SIZE(in_order)

TEST(rules_are_in_the_order_of_their_files)
{
	/* Each step is prime to N: every rule, in another order. */
	for (size_t step = 1; step < N; step += 2) {
		struct ward_asks a = { 0 };

		if (step == 5)
			continue;
		CASE("step %zu", step);
		a.arena = ward_arena_new(0);
		look(&a, POLICY);
		for (size_t i = 0; i < N; i++)
			(void)put(&a, &in_order[i * step % N], WARD_ACT_FS_READ, "/ws/a");
		CHECK_EQ_INT(ward_asks_finish(&a, NULL), WARD_OK);
		REQUIRE(a.n == N);
		for (size_t i = 0; i < N; i++) {
			CHECK_EQ_INT(a.v[i].line, in_order[i].line);
			CHECK_EQ_INT(a.v[i].column, in_order[i].column);
			CHECK_EQ_INT(a.v[i].level, in_order[i].approval);
			CHECK_STR_EQ(a.v[i].id ? a.v[i].id : "-",
				in_order[i].id ? in_order[i].id : "-");
		}
		ward_arena_free(a.arena);
	}
}

TEST(what_is_one_rules_is_in_the_order_of_action_kind_and_name)
{
	static const struct {
		enum ward_action action;
		const char *resource;
		bool below;
	} things[] = {
		{ WARD_ACT_FS_READ, "/ws/b", false },
		{ WARD_ACT_FS_READ, "/ws/d", false },
		{ WARD_ACT_FS_READ, "/ws/a/" WARD_ANY_NAME, true },
		{ WARD_ACT_FS_READ, "/ws/c/" WARD_ANY_NAME, true },
		{ WARD_ACT_FS_WRITE, "/ws/a", false },
		{ WARD_ACT_FS_WRITE, "/ws/0/" WARD_ANY_NAME, true },
		{ WARD_ACT_FS_WRITE, "/" WARD_ANY_NAME, true },
	};
	static const char *const names[] = { "/ws/b", "/ws/d", "/ws/a", "/ws/c", "/ws/a", "/",
		"/ws/0" };
	const size_t n = WARD_ARRAY_SIZE(things);
	char first[WARD_SHA256_HEX] = "";

	_Static_assert(WARD_ACT_FS_READ < WARD_ACT_FS_WRITE, "the order of the table");
	for (size_t step = 1; step < n; step++) {
		struct ward_asks a = { .arena = ward_arena_new(0) };

		CASE("step %zu", step);
		look(&a, POLICY);
		for (size_t i = 0; i < n; i++)
			(void)put(&a, &out, things[i * step % n].action,
				things[i * step % n].resource);
		CHECK_EQ_INT(ward_asks_finish(&a, NULL), WARD_OK);
		REQUIRE(a.n == 1 && a.v[0].n_things == n);
		for (size_t i = 0; i < n; i++) {
			CHECK_EQ_INT(a.v[0].things[i].action, things[i].action);
			CHECK_EQ_INT(a.v[0].things[i].below, things[i].below);
			CHECK_STR_EQ(a.v[0].things[i].resource, names[i]);
		}
		if (step == 1)
			memcpy(first, a.v[0].digest, sizeof(first));
		CHECK_STR_EQ(a.v[0].digest, first);
		ward_arena_free(a.arena);
	}
}

/* Of one rule: once for this, and now something else: both stand in the list, the same way round whatever came first. */
TEST(what_was_answered_and_what_is_open_of_one_rule)
{
	char order[2][2][WARD_SHA256_HEX];

	for (int i = 0; i < 2; i++) {
		struct ward_asks a = { .arena = ward_arena_new(0) };

		look(&a, POLICY);
		(void)put(&a, &out, WARD_ACT_FS_READ, i ? "/ws/b" : "/ws/a");
		CHECK_EQ_INT(ward_asks_finish(&a, NULL), WARD_OK);
		a.v[0].answer = WARD_SAID_ONCE;
		look(&a, POLICY);
		(void)put(&a, &out, WARD_ACT_FS_READ, i ? "/ws/a" : "/ws/b");
		CHECK_EQ_INT(ward_asks_finish(&a, NULL), WARD_OK);
		REQUIRE(a.n == 2);
		for (int k = 0; k < 2; k++)
			memcpy(order[i][k], a.v[k].digest, WARD_SHA256_HEX);
		ward_arena_free(a.arena);
	}
	CHECK_STR_EQ(order[0][0], order[1][0]);
	CHECK_STR_EQ(order[0][1], order[1][1]);
	CHECK(strcmp(order[0][0], order[0][1]) < 0);
}

/* While a run lives it is asked as often as the command likes. */
TEST(to_find_a_question_takes_no_memory)
{
	struct ward_asks a = { .arena = ward_arena_new(64u << 10) };
	struct ward_verdict v = verdict(&out);
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.resource = ward_str("x.example.com:443") };
	struct ward_asked *first, *k;

	look(&a, POLICY);
	REQUIRE(ward_asks_one(&a, &v, &q, true, &first, NULL) == WARD_OK && first);
	for (int i = 0; i < 10000; i++)
		REQUIRE(ward_asks_one(&a, &v, &q, i % 2, &k, NULL) == WARD_OK && k == first);
	q.resource = ward_str("y.example.com:443");
	for (int i = 0; i < 10000; i++)
		REQUIRE(ward_asks_one(&a, &v, &q, false, &k, NULL) == WARD_OK && !k);
	CHECK(ward_asks_one(&a, &v, &q, true, &k, NULL) == WARD_OK && k);
	ward_arena_free(a.arena);
}

TAP_MAIN();
