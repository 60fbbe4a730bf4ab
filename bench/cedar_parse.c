/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast policy text becomes trees: megabytes a second, and the memory that ten thousand policies take. Texts are made
 * here, from the shapes that policies in use have; or, with a file, that file.
 *
 *	bench-cedar-parse [FILE]
 *
 * One line a figure: NAME VALUE. The least time of the passes counts, since noise only adds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cedar/syntax/syntax.h"

#define PASSES 15
#define POLICIES 10000

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench-cedar-parse: %s\n", what);
	exit(1);
}

/* Scope alone: one of each. */
static void scopes(struct ward_buf *b, unsigned i)
{
	ward_buf_addf(b,
		"permit(\n  principal == User::\"user-%u\",\n  action == Action::\"view\",\n"
		"  resource == Photo::\"photo-%u.jpg\"\n);\n\n",
		i, i * 7);
}

static void groups(struct ward_buf *b, unsigned i)
{
	ward_buf_addf(b,
		"// team %u\n@id(\"team-%u\")\n@owner(\"security\")\npermit (\n"
		"  principal in App::Team::\"team-%u\",\n"
		"  action in [App::Action::\"read\", App::Action::\"write\", App::Action::\"list\"],\n"
		"  resource in App::Folder::\"folder-%u\"\n);\n\n",
		i, i, i, i % 500);
}

static void attributes(struct ward_buf *b, unsigned i)
{
	ward_buf_addf(b,
		"permit (\n  principal is User,\n  action in [Action::\"view\", Action::\"comment\"],\n"
		"  resource is Document in Folder::\"f%u\"\n)\n"
		"when {\n  // readers of the same department, in working hours\n"
		"  principal has department && principal.department == resource.department &&\n"
		"  context.authentication.mfa == true &&\n"
		"  (resource.classification <= %u || principal.roles.contains(\"admin\"))\n}\n"
		"unless {\n  resource.private && !(principal in resource.owners) ||\n"
		"  context.ip.isInRange(ip(\"10.%u.0.0/16\"))\n};\n\n",
		i, i % 10, i % 256);
}

static void tags(struct ward_buf *b, unsigned i)
{
	ward_buf_addf(b,
		"forbid (\n  principal,\n  action == Action::\"deploy\",\n  resource\n) when {\n"
		"  resource.hasTag(\"env-%u\") && resource.getTag(\"env-%u\") like \"prod-*\" &&\n"
		"  (if context has ticket.id then context.ticket.id != \"\" else false) &&\n"
		"  {region: \"eu-%u\", \"cost center\": [1, 2, %u]} == resource.place\n};\n\n",
		i, i, i % 9, i);
}

static void pass(struct ward_str text, uint64_t *best, size_t *bytes, size_t *n)
{
	struct cedar_pool *pool = ward_cedar_pool_new(0);
	struct cedar_policy_list list = { 0 };
	struct cedar_diags d;
	uint64_t start = now(), time;

	if (pool == NULL || ward_cedar_diags_init(&d) != WARD_OK)
		die("no memory");
	if (ward_cedar_parse_policies(pool, text, NULL, &list, &d) != WARD_OK)
		die(d.n > 0 ? d.v[0].message : "no memory");
	time = now() - start;
	*best = time < *best ? time : *best;
	*bytes = ward_cedar_pool_bytes(pool) + list.cap * sizeof(*list.v);
	*n = list.n;
	ward_cedar_policy_list_done(&list);
	ward_cedar_diags_done(&d);
	ward_cedar_pool_free(pool);
}

static void measure(const char *name, struct ward_str text)
{
	uint64_t best = UINT64_MAX;
	size_t bytes = 0, n = 0;

	for (int i = 0; i < PASSES; i++)
		pass(text, &best, &bytes, &n);
	printf("%s.policies %zu\n%s.text_bytes %zu\n%s.mb_per_s %.1f\n%s.ns_per_policy %.0f\n"
	       "%s.tree_bytes %zu\n",
		name, n, name, text.n, name, (double)text.n * 1000 / (double)best, name,
		(double)best / (double)(n > 0 ? n : 1), name, bytes);
}

static void made(const char *name, void (*const *f)(struct ward_buf *, unsigned), unsigned n)
{
	struct ward_buf b = { .max = 64u << 20 };

	for (unsigned i = 0; i < POLICIES; i++)
		f[i % n](&b, i);
	if (b.failed)
		die("no memory");
	measure(name, (struct ward_str){ b.s, b.n });
	ward_buf_done(&b);
}

static void file(const char *path)
{
	struct ward_buf b = { .max = 256u << 20 };
	FILE *f = fopen(path, "rb");
	char part[65536];
	size_t n;

	if (f == NULL)
		die("cannot open the file");
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		ward_buf_add(&b, part, n);
	fclose(f);
	if (b.failed)
		die("no memory");
	measure("file", (struct ward_str){ b.s, b.n });
	ward_buf_done(&b);
}

int main(int argc, char **argv)
{
	static void (*const all[])(struct ward_buf *, unsigned) = { scopes, groups, attributes,
		tags };

	if (argc > 1) {
		file(argv[1]);
		return 0;
	}
	made("scopes", all, 1);
	made("groups", all + 1, 1);
	made("attributes", all + 2, 1);
	made("mixed", all, 4);
	return 0;
}
