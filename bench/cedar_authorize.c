/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one authorization costs: medians over requests that are prepared beforehand, for policies with scopes alone (==),
 * with groups (in), with conditions over attributes of resident entities, and with templates; the memory of a set, parsed
 * and compiled; the time to parse and to compile it. Prints a table; asks the unindexed way too, and stops if they differ.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cedar/eval/eval.h"

#define REQUESTS 1024 /* distinct ones */
#define BATCH 64 /* timed together, so that the clock costs nothing */

struct bench {
	struct cedar_policies s;
	struct cedar_pool
		*pool; /* of requests: nothing in it is at the address of a name of the policies */
	struct cedar_entities *e;
	struct cedar_compiled *c;
	struct cedar_scratch *scratch;
	struct cedar_diags d;
	struct cedar_request v[REQUESTS];
	size_t text;
	double parse, compile; /* seconds */
};

static void die(const char *what, const struct cedar_diags *d)
{
	fprintf(stderr, "%s: %s\n", what, d->n > 0 ? d->v[0].message : "no memory");
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* ---- policies ---- */

enum shape { EQUAL = 0, GROUP, CONDITION, LINKED, SHAPE_MAX };
static const char *const shape_names[SHAPE_MAX] = { "== scopes", "in groups", "conditions",
	"links" };

static void policy(struct ward_buf *b, enum shape shape, size_t i)
{
	switch (shape) {
	case EQUAL:
		ward_buf_addf(b,
			"permit(principal == User::\"user-%zu\", action == Action::\"view\", "
			"resource == Doc::\"doc-%zu\");\n",
			i, i);
		break;
	case GROUP:
		ward_buf_addf(b,
			"permit(principal in Group::\"group-%zu\", action in [Action::\"view\", "
			"Action::\"edit\"], resource in Folder::\"folder-%zu\");\n",
			i, i);
		break;
	case CONDITION:
		ward_buf_addf(b,
			"permit(principal == User::\"user-%zu\", action == Action::\"view\", resource) "
			"when { principal.department == resource.department && principal.level > %zu "
			"&& context.mfa } unless { resource.owner != principal && resource.private };\n",
			i, i % 5);
		break;
	default: break;
	}
}

static void policies(struct bench *b, enum shape shape, size_t n)
{
	struct ward_buf text = { .max = 1u << 30 };
	double start;

	if (shape == LINKED)
		ward_buf_adds(&text,
			"permit(principal == ?principal, action == Action::\"view\", resource == ?resource) "
			"when { principal.level > 2 };");
	for (size_t i = 0; i < n; i++)
		policy(&text, shape, i);
	b->text = text.n;
	start = now();
	if (ward_cedar_policies_parse(&b->s, (struct ward_str){ text.s, text.n }, NULL, false,
		    &b->d) < 0)
		die("policies", &b->d);
	for (size_t i = 0; shape == LINKED && i < n; i++) {
		const struct cedar_uid *slots[CEDAR_SLOT_MAX];
		char id[64], u[64], d[64];

		snprintf(id, sizeof(id), "link%zu", i);
		snprintf(u, sizeof(u), "User::\"user-%zu\"", i);
		snprintf(d, sizeof(d), "Doc::\"doc-%zu\"", i);
		if (ward_cedar_parse_uid(b->s.pool, ward_str(u), &slots[0], &b->d) < 0 ||
			ward_cedar_parse_uid(b->s.pool, ward_str(d), &slots[1], &b->d) < 0 ||
			ward_cedar_policies_link(&b->s, WARD_STR("policy0"), ward_str(id), slots,
				&b->d) < 0)
			die("link", &b->d);
	}
	b->parse = now() - start;
	ward_buf_done(&text);
	start = now();
	if (ward_cedar_compile(&b->s, &b->c, &b->d) < 0)
		die("compile", &b->d);
	b->compile = now() - start;
}

/* ---- entities: users in groups, documents in folders, so many of each kind ---- */

static void entities(struct bench *b, size_t n)
{
	struct ward_buf text = { .max = 1u << 30 };

	ward_buf_addc(&text, '[');
	for (size_t i = 0; i < n; i++) {
		ward_buf_addf(&text,
			"%s{\"uid\":{\"type\":\"User\",\"id\":\"user-%zu\"},\"attrs\":{\"department\":\"d%zu\","
			"\"level\":%zu,\"name\":\"n%zu\"},\"parents\":[{\"type\":\"Group\",\"id\":\"group-%zu\"},"
			"{\"type\":\"Group\",\"id\":\"everyone\"}]}",
			i > 0 ? "," : "", i, i % 3, i % 7, i, i);
		ward_buf_addf(&text,
			",{\"uid\":{\"type\":\"Doc\",\"id\":\"doc-%zu\"},\"attrs\":{\"department\":\"d%zu\","
			"\"private\":%s,\"owner\":{\"__entity\":{\"type\":\"User\",\"id\":\"user-%zu\"}}},"
			"\"parents\":[{\"type\":\"Folder\",\"id\":\"folder-%zu\"}]}",
			i, i % 3, i % 2 ? "true" : "false", i, i);
	}
	ward_buf_addc(&text, ']');
	if (ward_cedar_entities_parse((struct ward_str){ text.s, text.n }, NULL, &b->e, &b->d) < 0)
		die("entities", &b->d);
	ward_buf_done(&text);
}

static const struct cedar_uid *uid(struct bench *b, const char *type, const char *id, size_t i)
{
	char text[128];
	const struct cedar_uid *u;

	snprintf(text, sizeof(text), "%s::\"%s-%zu\"", type, id, i);
	if (ward_cedar_parse_uid(b->pool, ward_str(text), &u, &b->d) < 0)
		die("uid", &b->d);
	return u;
}

/* Users ask for their own document, mostly; names are copies, as they come from outside. */
static void requests(struct bench *b, size_t n)
{
	const struct cedar_record *context;
	const struct cedar_uid *view;
	uint64_t seed = 1;

	if (ward_cedar_context_parse(b->pool, WARD_STR("{\"mfa\":true}"), NULL, NULL, &context,
		    &b->d) < 0 ||
		ward_cedar_parse_uid(b->pool, WARD_STR("Action::\"view\""), &view, &b->d) < 0)
		die("context", &b->d);
	for (size_t i = 0; i < REQUESTS; i++) {
		size_t who = next(&seed) % n;

		b->v[i] = (struct cedar_request){
			.principal = uid(b, "User", "user", who),
			.action = view,
			.resource = uid(b, "Doc", "doc", i % 8 ? who : next(&seed) % n),
			.context = context,
		};
	}
}

/* ---- the measurement ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(struct bench *b, size_t rounds, size_t *ret_allowed)
{
	double *times = calloc(rounds, sizeof(*times)), result;
	size_t allowed = 0, at = 0;

	if (times == NULL)
		die("times", &b->d);
	for (size_t r = 0; r < rounds; r++) {
		double start = now();

		for (size_t k = 0; k < BATCH; k++, at = (at + 1) % REQUESTS) {
			struct cedar_answer a;

			if (ward_cedar_authorize(b->c, b->e, &b->v[at], b->scratch, false, &a) < 0)
				die("authorize", &b->d);
			allowed += a.decision == CEDAR_ALLOW;
		}
		times[r] = (now() - start) / BATCH * 1e9;
	}
	qsort(times, rounds, sizeof(*times), by_value);
	result = times[rounds / 2];
	*ret_allowed = allowed * 100 / (rounds * BATCH);
	free(times);
	return result;
}

static void compare(struct bench *b)
{
	struct cedar_scratch *s = ward_cedar_scratch_new();

	for (size_t i = 0; s != NULL && i < REQUESTS; i += 16) {
		struct cedar_answer x, y;

		if (ward_cedar_authorize(b->c, b->e, &b->v[i], b->scratch, false, &x) < 0 ||
			ward_cedar_authorize(b->c, b->e, &b->v[i], s, true, &y) < 0 ||
			x.decision != y.decision || x.n_reasons != y.n_reasons ||
			x.n_errors != y.n_errors)
			die("the index changes an answer", &b->d);
	}
	ward_cedar_scratch_free(s);
}

static void run(enum shape shape, size_t n, size_t n_entities)
{
	struct bench *b = calloc(1, sizeof(*b));
	size_t allowed;
	double ns;

	if (b == NULL || ward_cedar_diags_init(&b->d) < 0 || ward_cedar_policies_init(&b->s) < 0 ||
		(b->pool = ward_cedar_pool_new(0)) == NULL ||
		(b->scratch = ward_cedar_scratch_new()) == NULL)
		exit(1);
	policies(b, shape, n);
	printf("%-11s %6zu %6zu", shape_names[shape], n, 2 * n_entities);
	printf("  %6.2f  %6.2f", (double)ward_cedar_pool_bytes(b->s.pool) / 1e6,
		(double)ward_cedar_compiled_bytes(b->c) / 1e6);
	printf("  %7.1f  %7.1f", (double)b->text / 1e6 / b->parse, b->compile * 1e9 / (double)n);
	entities(b, n_entities);
	requests(b, n > n_entities && n_entities > 0 ? n_entities : n);
	compare(b);
	(void)median(b, 200, &allowed);
	ns = median(b, 3000, &allowed);
	printf("  %7.0f  %3zu %%\n", ns, allowed);
	ward_cedar_compiled_unref(b->c);
	ward_cedar_entities_unref(b->e);
	ward_cedar_scratch_free(b->scratch);
	ward_cedar_policies_done(&b->s);
	ward_cedar_pool_free(b->pool);
	ward_cedar_diags_done(&b->d);
	free(b);
}

int main(void)
{
	printf("policies         n  ents  MB parsed MB comp.   MB/s    ns/pol.     ns  allowed\n");
	for (size_t n = 1; n <= 10000; n *= 10)
		run(EQUAL, n, 0);
	for (size_t n = 1; n <= 10000; n *= 10)
		run(EQUAL, n, 500);
	for (size_t n = 1; n <= 10000; n *= 10)
		run(GROUP, n, n < 10 ? 10 : n);
	for (size_t n = 1; n <= 10000; n *= 10)
		run(CONDITION, n, n < 1000 ? n : 1000);
	for (size_t e = 1; e <= 1000; e *= 10)
		run(CONDITION, 1000, e);
	for (size_t n = 1; n <= 10000; n *= 10)
		run(LINKED, n, 500);
	return 0;
}
