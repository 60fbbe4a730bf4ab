/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance cases out of memory: the n-th allocation fails, of the system's and of those that arenas hand out of what
 * they have, alone or with all behind it, while a case's policies,
 * schema, entities and requests are read, compiled, validated and decided. What comes back is what was recorded or an
 * error; an error is never an allow; every block is given back; and with memory again the same scratch decides as recorded.
 * Each n, but for cases with more allocations than WARD_CEDAR_FAULTS, where that many are spread over all (0: no such bound).
 */
#include "arena_wrap.h"
#include "cedar_data.h"
#include "ward/cedar.h"

#define FAULTS 150
#define REQUESTS_MAX 16

struct request {
	struct ward_str part[3][2]; /* principal, action, resource: type, id */
	struct ward_str context;
	bool validate;
	enum ward_policy_decision want;
	size_t n_reasons, n_errors;
};
struct conformance_case {
	struct ward_buf policies, schema, entities;
	struct request v[REQUESTS_MAX];
	size_t n;
};
struct tally {
	size_t cases, requests, failures, allocations, every;
	unsigned long bound;
};
static struct tally total;

/* ---- the case ---- */

static bool read_member(const struct ward_json *root, const char *key, struct ward_buf *out)
{
	const char *name = data_str(root, key);

	return name != NULL && data_read(out, name);
}

static void read_request(struct request *r, const struct ward_json *j, struct ward_str file)
{
	static const char *const parts[] = { "principal", "action", "resource" };
	const struct ward_json *context = ward_json_get(j, "context");

	for (size_t i = 0; i < 3; i++) {
		const struct ward_json *uid = ward_json_get(j, parts[i]);

		r->part[i][0] = ward_json_get(uid, "type")->str;
		r->part[i][1] = ward_json_get(uid, "id")->str;
	}
	r->context = (struct ward_str){ file.s + context->start, context->end - context->start };
	r->validate = data_bool(j, "validateRequest");
	r->want = strcmp(data_str(j, "decision"), "allow") == 0 ? WARD_POLICY_ALLOW
								: WARD_POLICY_DENY;
	r->n_reasons = ward_json_get(j, "reason")->count;
	r->n_errors = ward_json_get(j, "errors")->count;
}

/* ---- one run of it ---- */

struct objects {
	struct ward_policy_diags *d;
	struct ward_policy_set *set;
	struct ward_policy_schema *schema;
	struct ward_policy_entities *e;
	struct ward_policy_compiled *c;
	struct ward_policy_request *r;
	struct ward_policy_scratch *s;
};

static void done(struct objects *o)
{
	ward_policy_scratch_free(o->s);
	ward_policy_request_free(o->r);
	ward_policy_compiled_unref(o->c);
	ward_policy_entities_unref(o->e);
	ward_policy_schema_unref(o->schema);
	ward_policy_set_free(o->set);
	ward_policy_diags_free(o->d);
}

static int decide(struct objects *o, const struct request *q)
{
	struct ward_policy_answer got = { .decision = WARD_POLICY_ALLOW };
	int code = WARD_OK;

	ward_policy_request_clear(o->r);
	for (unsigned i = 0; i < 3 && code == WARD_OK; i++)
		code = ward_policy_request_set_uid(o->r, (enum ward_policy_part)i, q->part[i][0].s,
			q->part[i][0].n, q->part[i][1].s, q->part[i][1].n, o->d);
	if (code == WARD_OK)
		code = ward_policy_request_set_context(o->r, o->schema, "c", q->context.s,
			q->context.n, o->d);
	if (code == WARD_OK && q->validate)
		code = ward_policy_request_validate(o->r, o->schema, o->d);
	if (code < 0)
		return code;
	code = ward_policy_authorize(o->c, o->e, o->r, o->s, &got);
	if (code < 0) {
		CHECK_EQ_INT(got.decision, WARD_POLICY_DENY);
		CHECK_EQ_SIZE(got.n_reasons + got.n_errors, 0);
		countdown = -1;
		CHECK_EQ_INT(ward_policy_authorize(o->c, o->e, o->r, o->s, &got), WARD_OK);
	}
	CHECK_EQ_INT(got.decision, q->want);
	CHECK_EQ_SIZE(got.n_reasons, q->n_reasons);
	CHECK_EQ_SIZE(got.n_errors, q->n_errors);
	for (size_t i = 0; i < got.n_errors && code == WARD_OK; i++)
		CHECK(ward_policy_answer_error(o->s, i) != NULL);
	return code;
}

static int all(struct objects *o, const struct conformance_case *c, int *verdict)
{
	int code;

	o->d = ward_policy_diags_new();
	o->set = ward_policy_set_new();
	o->r = ward_policy_request_new();
	o->s = ward_policy_scratch_new();
	if (!o->d || !o->set || !o->r || !o->s)
		return WARD_E_NOMEM;
	code = ward_policy_set_parse(o->set, WARD_POLICY_CEDAR, 0, "p", c->policies.s,
		c->policies.n, o->d);
	if (code == WARD_OK)
		code = ward_policy_schema_parse(WARD_POLICY_CEDAR, "s", c->schema.s, c->schema.n,
			&o->schema, o->d);
	if (code == WARD_OK)
		code = ward_policy_entities_parse(o->schema, "e", c->entities.s, c->entities.n,
			&o->e, o->d);
	if (code == WARD_OK)
		code = ward_policy_compile(o->set, &o->c, o->d);
	for (size_t i = 0; i < c->n && code == WARD_OK; i++)
		code = decide(o, &c->v[i]);
	if (code < 0)
		return code;
	*verdict = ward_policy_validate(o->set, o->schema, NULL, o->d);
	return *verdict == WARD_E_REFUSED ? WARD_OK : *verdict;
}

/* ---- all runs of it ---- */

static void fail_at(const struct conformance_case *c, long n, bool only_one, int verdict)
{
	struct objects o = { 0 };
	long before = live;
	int code, got = WARD_OK;

	once = only_one;
	fired = false;
	countdown = n;
	code = all(&o, c, &got);
	countdown = -1;
	CHECK(fired);
	/* What is refused may be refused without its findings. */
	if (code == WARD_OK)
		CHECK(got == verdict && (only_one || verdict == WARD_E_REFUSED));
	else
		CHECK_EQ_INT(code, WARD_E_NOMEM);
	done(&o);
	CHECK_EQ_INT(live, before);
	total.failures++;
}

static void run(const struct conformance_case *c, const char *name)
{
	const long many = 1L << 30;
	struct objects o = { 0 };
	long n, step = 1, start = (long)(total.cases % 7);
	int verdict = WARD_OK;

	countdown = many;
	CHECK_EQ_INT(all(&o, c, &verdict), WARD_OK);
	n = many - countdown;
	countdown = -1;
	done(&o);
	total.cases++;
	total.requests += c->n;
	total.allocations += (size_t)n;
	if (total.bound > 0 && n > (long)total.bound)
		step = (n + (long)total.bound - 1) / (long)total.bound;
	else
		total.every++;
	for (long i = start % step; i < n; i += step) {
		CASE("%.100s, allocation %ld of %ld", name, i, n);
		fail_at(c, i, false, verdict);
		fail_at(c, i, true, verdict);
	}
}

static void one(const char *folder, const char *name)
{
	struct conformance_case c = { .n = 0 };
	struct ward_arena *arena = ward_arena_new(0);
	struct ward_buf file = WARD_BUF_INIT;
	struct ward_json *root = NULL;
	char path[512];

	if (ward_has_suffix(name, ".entities")) {
		ward_arena_free(arena);
		return;
	}
	CASE("%.100s", name);
	snprintf(path, sizeof(path), "%s/%s.json", folder, name);
	REQUIRE(arena != NULL && data_read(&file, path));
	(void)ward_cedar_json_parse(arena, data_text(&file), &root, NULL);
	REQUIRE(root != NULL);
	REQUIRE(read_member(root, "policies", &c.policies) &&
		read_member(root, "schema", &c.schema) &&
		read_member(root, "entities", &c.entities));
	for (const struct ward_json *j = ward_json_get(root, "requests")->child;
		j != NULL && c.n < REQUESTS_MAX; j = j->next)
		read_request(&c.v[c.n++], j, data_text(&file));
	run(&c, name);
	ward_buf_done(&file);
	ward_buf_done(&c.policies);
	ward_buf_done(&c.schema);
	ward_buf_done(&c.entities);
	ward_arena_free(arena);
}

TEST(corpus)
{
	const char *bound = getenv("WARD_CEDAR_FAULTS");

	total.bound = bound != NULL && bound[0] != '\0' ? strtoul(bound, NULL, 10) : FAULTS;
	if (data_each("corpus-tests", ".json", one) == 0)
		SKIP("no conformance data in %s", data_folder());
	printf("# %zu cases (%zu of them whole), %zu requests, %zu allocations; %zu failures\n",
		total.cases, total.every, total.requests, total.allocations, total.failures);
}

TAP_MAIN();
