/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What entities cost: a million of them (or as many as are asked for) with three attributes and two of ten thousand groups
 * each, from JSON to a store with its hierarchy closed; the memory of the store; and finding one, and asking whether it is in
 * a group, in a store of a thousand.
 *
 *	bench-cedar-entities [N]
 *
 * One line a figure: NAME VALUE. Time is that of the processor; the least of the passes counts, since noise only adds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cedar/entity/entity.h"

#define PASSES 15
#define SMALL 1000
#define GROUPS_PER 100 /* members for one group */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench-cedar-entities: %s\n", what);
	exit(1);
}

static void make(struct ward_buf *b, unsigned n)
{
	unsigned groups = n / GROUPS_PER + 1;

	b->max = WARD_CEDAR_JSON_BYTES_MAX;
	ward_buf_addc(b, '[');
	for (unsigned i = 0; i < groups; i++)
		ward_buf_addf(b,
			"{\"uid\":{\"type\":\"Group\",\"id\":\"g%u\"},\"attrs\":{},"
			"\"parents\":[{\"type\":\"Group\",\"id\":\"top%u\"}]},",
			i, i / 10);
	for (unsigned i = 0; i < n; i++)
		ward_buf_addf(b,
			"%s{\"uid\":{\"type\":\"User\",\"id\":\"user-%u\"},"
			"\"attrs\":{\"name\":\"User number %u\",\"age\":%u,\"admin\":%s},"
			"\"parents\":[{\"type\":\"Group\",\"id\":\"g%u\"},{\"type\":\"Group\",\"id\":\"g%u\"}]}",
			i > 0 ? "," : "", i, i, i % 90, i % 7 > 0 ? "false" : "true", i % groups,
			(unsigned)(i * 7919ull % groups));
	ward_buf_addc(b, ']');
	if (b->failed)
		die("no memory");
}

static struct cedar_entities *parse(const struct ward_buf *b)
{
	struct cedar_entities *e = NULL;

	if (ward_cedar_entities_parse((struct ward_str){ b->s, b->n }, NULL, &e, NULL) < 0)
		die("the entities cannot be read");
	return e;
}

static const struct cedar_uid *uid(struct cedar_pool *p, const char *type, size_t type_n, char c,
	unsigned i)
{
	char id[40];
	int n = snprintf(id, sizeof(id), c == 'g' ? "g%u" : "user-%u", i);
	const struct cedar_uid *u = ward_cedar_intern_uid(p, ward_cedar_intern(p, type, type_n),
		ward_cedar_intern(p, id, (size_t)n));

	if (u == NULL)
		die("no memory");
	return u;
}

static void ask(void)
{
	struct ward_buf b = WARD_BUF_INIT;
	struct cedar_pool *p = ward_cedar_pool_new(0);
	const struct cedar_uid *users[SMALL], *groups[SMALL];
	const struct cedar_entity *found[SMALL];
	double get = 1e9, in = 1e9;
	volatile unsigned sum = 0;
	struct cedar_entities *e;

	if (p == NULL)
		die("no memory");
	make(&b, SMALL);
	e = parse(&b);
	for (unsigned i = 0; i < SMALL; i++) {
		users[i] = uid(p, "User", 4, 'u', i * 7919 % SMALL);
		groups[i] = uid(p, "Group", 5, 'g', i % (SMALL / GROUPS_PER + 1));
	}
	for (int pass = 0; pass < PASSES * 100; pass++) {
		double from = now(), middle, to;

		for (unsigned i = 0; i < SMALL; i++) {
			found[i] = ward_cedar_entities_get(e, users[i]);
			sum += found[i] != NULL;
		}
		middle = now();
		for (unsigned i = 0; i < SMALL; i++)
			sum += ward_cedar_entity_in(found[i], groups[i]);
		to = now();
		get = middle - from < get ? middle - from : get;
		in = to - middle < in ? to - middle : in;
	}
	printf("entity-get-ns %.1f\nentity-in-ns %.1f\n", get * 1e9 / SMALL, in * 1e9 / SMALL);
	ward_cedar_entities_unref(e);
	ward_cedar_pool_free(p);
	ward_buf_done(&b);
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
	struct ward_buf b = WARD_BUF_INIT;
	double least = 1e9;

	if (n == 0)
		die("how many?");
	make(&b, n);
	printf("entities %u\njson-mb %.1f\n", n, (double)b.n / 1e6);
	for (int pass = 0; pass < 3; pass++) {
		double from = now();
		struct cedar_entities *e = parse(&b);
		double took = now() - from;

		least = took < least ? took : least;
		if (pass == 0)
			printf("store-mb %.1f\n",
				(double)ward_cedar_pool_bytes(ward_cedar_entities_pool(e)) / 1e6);
		ward_cedar_entities_unref(e);
	}
	printf("parse-s %.2f\nparse-mb-s %.1f\nparse-us-entity %.2f\n", least,
		(double)b.n / 1e6 / least, least * 1e6 / n);
	ask();
	ward_buf_done(&b);
	return 0;
}
