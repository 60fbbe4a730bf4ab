/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three applications of the Cedar paper (OOPSLA 2024): shared documents, repositories of code, lists of tasks; with
 * policies and generators of our own after its description. For each size several random hierarchies are made, of so many
 * entities of each kind, and each is asked 500 random questions. Printed: median, 90th and 99th percentile of one question,
 * in nanoseconds, and the time in which all entities were read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cedar/eval/eval.h"

#define QUESTIONS 500
#define HIERARCHIES 40
#define REPEATS 8 /* of a question, timed together */

static const char gdrive_policies[] =
	"permit(principal, action in [Action::\"read\", Action::\"comment\"], resource is Document)\n"
	"when { resource in principal.viewable };\n"
	"permit(principal, action == Action::\"read\", resource is Document) when { resource.public };\n"
	"permit(principal, action in [Action::\"read\", Action::\"comment\", Action::\"write\", Action::\"share\"], resource)\n"
	"when { resource in principal.owned };\n"
	"permit(principal, action in [Action::\"read\", Action::\"comment\"], resource)\n"
	"when { principal in resource.readers };\n"
	"permit(principal, action == Action::\"write\", resource) when { principal in resource.writers };\n"
	"forbid(principal, action, resource) when { resource.locked && action != Action::\"read\" }\n"
	"unless { resource.owner == principal };\n";

static const char github_policies[] =
	"permit(principal, action == Action::\"pull\", resource) when { principal in resource.readers };\n"
	"permit(principal, action in [Action::\"pull\", Action::\"fork\"], resource) when { resource.public };\n"
	"permit(principal, action in [Action::\"triage\", Action::\"pull\"], resource) when { principal in resource.triagers };\n"
	"permit(principal, action in [Action::\"push\", Action::\"triage\", Action::\"pull\"], resource)\n"
	"when { principal in resource.writers };\n"
	"permit(principal, action in [Action::\"maintain\", Action::\"push\", Action::\"triage\", Action::\"pull\"], resource)\n"
	"when { principal in resource.maintainers };\n"
	"permit(principal, action, resource) when { principal in resource.admins };\n"
	"forbid(principal, action in [Action::\"push\", Action::\"maintain\"], resource) when { resource.archived };\n";

static const char tinytodo_policies[] =
	"permit(principal, action in [Action::\"create\", Action::\"list\"], resource == App::\"todo\");\n"
	"permit(principal, action, resource is List) when { resource has owner && resource.owner == principal };\n"
	"permit(principal, action == Action::\"get\", resource is List)\n"
	"when { principal in resource.readers || principal in resource.editors };\n"
	"permit(principal, action in [Action::\"update\", Action::\"add\", Action::\"remove\"], resource is List)\n"
	"when { principal in resource.editors };\n"
	"permit(principal in Team::\"admin\", action, resource in App::\"todo\");\n"
	"forbid(principal in Team::\"interns\", action == Action::\"create\", resource == App::\"todo\");\n"
	"forbid(principal, action, resource) when { principal.joblevel > 6 && resource is List && resource.secret }\n"
	"unless { resource.owner == principal };\n";

/* A kind of entity: so many of it, with attributes that are sets of entities, entities, and truths. */
struct kind {
	const char *type;
	const char *parent, *parent2; /* types it has parents of; NULL: none */
	const char *sets[5],
		*members[5]; /* name and type of what is in them; "Type" alone: any of them */
	const char *truths[3];
	const char *owner;
};
struct scenario {
	const char *name, *policies;
	struct kind kinds[5];
	const char *principal, *resource;
	const char *actions[6];
};

static const struct scenario scenarios[] = {
	{ "gdrive", gdrive_policies,
		{ { .type = "Group", .parent = "Group" },
			{ .type = "User",
				.parent = "Group",
				.sets = { "owned", "viewable" },
				.members = { "Folder", "Document" } },
			{ .type = "Folder", .parent = "Folder" },
			{ .type = "Document",
				.parent = "Folder",
				.sets = { "readers", "writers" },
				.members = { "Group", "User" },
				.truths = { "public", "locked" },
				.owner = "User" } },
		"User", "Document", { "read", "comment", "write", "share" } },
	{ "github", github_policies,
		{ { .type = "Team", .parent = "Team", .parent2 = "Org" }, { .type = "Org" },
			{ .type = "User", .parent = "Team", .parent2 = "Org" },
			{ .type = "Repository",
				.sets = { "readers", "triagers", "writers", "maintainers",
					"admins" },
				.members = { "Team", "Team", "Team", "User", "Org" },
				.truths = { "public", "archived" } } },
		"User", "Repository", { "pull", "triage", "push", "maintain", "fork", "delete" } },
	{ "tinytodo", tinytodo_policies,
		{ { .type = "Team", .parent = "Team" }, { .type = "App" },
			{ .type = "User", .parent = "Team" },
			{ .type = "List",
				.parent = "App",
				.sets = { "readers", "editors" },
				.members = { "Team", "User" },
				.truths = { "secret" },
				.owner = "User" } },
		"User", "List", { "get", "update", "add", "remove", "create", "list" } },
};

static uint64_t next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static unsigned below(uint64_t *seed, unsigned n)
{
	return (unsigned)(next(seed) % n);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what, const struct cedar_diags *d)
{
	fprintf(stderr, "%s: %s\n", what, d->n > 0 ? d->v[0].message : "no memory");
	exit(1);
}

/* ---- entities ---- */

/* One in ten is in it; of the same type only later ones, so that there is no cycle. */
static void parents(uint64_t *seed, struct ward_buf *b, const char *type, const char *own,
	unsigned self, unsigned n, bool *first)
{
	unsigned from = strcmp(type, own) == 0 ? self + 1 : 0;

	for (unsigned i = from; i < n; i++) {
		if (below(seed, 10) != 0)
			continue;
		ward_buf_addf(b, "%s{\"type\":\"%s\",\"id\":\"%u\"}", *first ? "" : ",", type, i);
		*first = false;
	}
}

static void attributes(uint64_t *seed, struct ward_buf *b, const struct kind *k, unsigned n)
{
	for (size_t s = 0; s < WARD_ARRAY_SIZE(k->sets) && k->sets[s] != NULL; s++) {
		bool first = true;

		ward_buf_addf(b, "\"%s\":[", k->sets[s]);
		for (unsigned i = 0; i < n; i++) {
			if (below(seed, 10) != 0)
				continue;
			ward_buf_addf(b, "%s{\"__entity\":{\"type\":\"%s\",\"id\":\"%u\"}}",
				first ? "" : ",", k->members[s], i);
			first = false;
		}
		ward_buf_adds(b, "],");
	}
	for (size_t t = 0; t < WARD_ARRAY_SIZE(k->truths) && k->truths[t] != NULL; t++)
		ward_buf_addf(b, "\"%s\":%s,", k->truths[t],
			below(seed, 5) == 0 ? "true" : "false");
	if (k->owner != NULL)
		ward_buf_addf(b, "\"owner\":{\"__entity\":{\"type\":\"%s\",\"id\":\"%u\"}},",
			k->owner, below(seed, n));
	ward_buf_addf(b, "\"joblevel\":%u", below(seed, 10));
}

static void entities(uint64_t *seed, struct ward_buf *b, const struct scenario *s, unsigned n)
{
	ward_buf_clear(b);
	ward_buf_addc(b, '[');
	for (const struct kind *k = s->kinds; k->type != NULL; k++) {
		for (unsigned i = 0; i < n; i++) {
			bool first = true;

			ward_buf_addf(b, "%s{\"uid\":{\"type\":\"%s\",\"id\":\"%u\"},\"attrs\":{",
				b->n > 1 ? "," : "", k->type, i);
			attributes(seed, b, k, n);
			ward_buf_adds(b, "},\"parents\":[");
			if (k->parent != NULL)
				parents(seed, b, k->parent, k->type, i, n, &first);
			if (k->parent2 != NULL)
				parents(seed, b, k->parent2, k->type, i, n, &first);
			ward_buf_adds(b, "]}");
		}
	}
	ward_buf_addc(b, ']');
}

/* ---- questions ---- */

struct tally {
	double *times;
	size_t n, allowed, errors;
	double reading;
};

static const struct cedar_uid *uid(struct cedar_pool *p, const char *type, const char *id)
{
	return ward_cedar_intern_uid(p, ward_cedar_intern(p, type, strlen(type)),
		ward_cedar_intern(p, id, strlen(id)));
}

static const struct cedar_uid *number(struct cedar_pool *p, const char *type, unsigned i)
{
	char id[32];

	snprintf(id, sizeof(id), "%u", i);
	return uid(p, type, id);
}

static void ask(uint64_t *seed, const struct scenario *s, unsigned n,
	const struct cedar_compiled *c, const struct cedar_entities *e,
	struct cedar_scratch *scratch, struct tally *t)
{
	struct cedar_pool *pool = ward_cedar_pool_new(0);
	struct cedar_request r = { 0 };
	struct cedar_diags none = { 0 };
	unsigned n_actions = 0;

	while (n_actions < WARD_ARRAY_SIZE(s->actions) && s->actions[n_actions] != NULL)
		n_actions++;
	if (pool == NULL ||
		ward_cedar_context_parse(pool, WARD_STR("{}"), NULL, NULL, &r.context, NULL) < 0)
		die("context", &none);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		struct cedar_answer a = { 0 };
		double start;

		r.principal = number(pool, s->principal, below(seed, n));
		r.action = uid(pool, "Action", s->actions[below(seed, n_actions)]);
		r.resource = number(pool, s->resource, below(seed, n));
		if (r.principal == NULL || r.action == NULL || r.resource == NULL)
			die("request", &none);
		start = now();
		for (unsigned k = 0; k < REPEATS; k++) {
			if (ward_cedar_authorize(c, e, &r, scratch, false, &a) < 0)
				die("authorize", &none);
		}
		t->times[t->n++] = (now() - start) / REPEATS;
		t->allowed += a.decision == CEDAR_ALLOW;
		t->errors += a.n_errors;
	}
	ward_cedar_pool_free(pool);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run(const struct scenario *s, unsigned n)
{
	struct tally t = { .times = calloc((size_t)HIERARCHIES * QUESTIONS, sizeof(double)) };
	struct ward_buf text = { .max = 1u << 30 };
	struct cedar_scratch *scratch = ward_cedar_scratch_new();
	struct cedar_policies set;
	struct cedar_compiled *c;
	struct cedar_diags d;
	uint64_t seed = 1;

	if (t.times == NULL || scratch == NULL || ward_cedar_diags_init(&d) < 0 ||
		ward_cedar_policies_init(&set) < 0)
		exit(1);
	if (ward_cedar_policies_parse(&set, ward_str(s->policies), NULL, false, &d) < 0 ||
		ward_cedar_compile(&set, &c, &d) < 0)
		die(s->name, &d);
	for (unsigned i = 0; i < HIERARCHIES; i++) {
		struct cedar_entities *e;
		double start;

		entities(&seed, &text, s, n);
		start = now();
		if (ward_cedar_entities_parse((struct ward_str){ text.s, text.n }, NULL, &e, &d) <
			0)
			die("entities", &d);
		t.reading += now() - start;
		ask(&seed, s, n, c, e, scratch, &t);
		ward_cedar_entities_unref(e);
	}
	qsort(t.times, t.n, sizeof(*t.times), by_value);
	printf("%-9s %4u  %7.0f %7.0f %7.0f  %9.1f  %3zu %%  %4.1f\n", s->name, n, t.times[t.n / 2],
		t.times[t.n * 9 / 10], t.times[t.n * 99 / 100], t.reading / HIERARCHIES / 1e3,
		t.allowed * 100 / t.n, (double)t.errors / (double)t.n);
	ward_cedar_compiled_unref(c);
	ward_cedar_policies_done(&set);
	ward_cedar_diags_done(&d);
	ward_cedar_scratch_free(scratch);
	ward_buf_done(&text);
	free(t.times);
}

int main(void)
{
	static const unsigned sizes[] = { 5, 10, 20, 50 };

	printf("scenario     n   median     90%%     99%%  us to read  allowed  errors a question\n");
	for (size_t s = 0; s < WARD_ARRAY_SIZE(scenarios); s++) {
		for (size_t i = 0; i < WARD_ARRAY_SIZE(sizes); i++)
			run(&scenarios[s], sizes[i]);
	}
	return 0;
}
