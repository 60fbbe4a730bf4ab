/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a path of eight components takes against sets of 10, 100, 1,000 and 10,000 file patterns, and a set takes to be made;
 * and how long two patterns take to be compared.
 *
 *	bench-patterns
 *
 * One line a figure: NAME VALUE. A figure is the median of some passes over many paths.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"

#define PASSES 41
#define PATHS 64

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench-patterns: %s\n", what);
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

/* The shapes that policies have. */
static void make_literal(char *out, size_t size, unsigned i)
{
	snprintf(out, size, "/home/dev/work/src/x%u/**", i);
}

static void make_suffix(char *out, size_t size, unsigned i)
{
	snprintf(out, size, "**/*.k%u", i);
}

static void make_absolute_suffix(char *out, size_t size, unsigned i)
{
	snprintf(out, size, "/home/dev/work/**/*.k%u", i);
}

static void make_name(char *out, size_t size, unsigned i)
{
	snprintf(out, size, "/**/.secret%u", i);
}

static void make_mixed(char *out, size_t size, unsigned i)
{
	switch (i % 6) {
	case 0: snprintf(out, size, "/home/dev/work/src/x%u/**", i); break;
	case 1: snprintf(out, size, "/home/dev/work/docs/d%u/*.md", i); break;
	case 2: snprintf(out, size, "/home/dev/work/**/.env.%u", i); break;
	case 3: snprintf(out, size, "/**/*.k%u", i); break;
	case 4: snprintf(out, size, "/home/dev/work/lib%u/**/*.{c,h}", i); break;
	default: snprintf(out, size, "/home/dev/work/src/*/test_%u*.py", i); break;
	}
}

static void make_nested(char *out, size_t size, unsigned i)
{
	snprintf(out, size, "/**/a%u/**/*.[ch]", i % 50);
}

static const struct {
	const char *name;
	void (*make)(char *out, size_t size, unsigned i);
} shapes[] = {
	{ "literal", make_literal },
	{ "suffix", make_suffix },
	{ "dir-suffix", make_absolute_suffix },
	{ "name", make_name },
	{ "mixed", make_mixed },
	{ "nested", make_nested },
};

static struct ward_patterns *make_set(size_t shape, unsigned n)
{
	struct ward_patterns *s = ward_patterns_new();
	char text[256];

	for (unsigned i = 0; s != NULL && i < n; i++) {
		shapes[shape].make(text, sizeof(text), i);
		if (ward_patterns_add(s, ward_str(text), WARD_GRAMMAR_2, NULL) < 0)
			die(text);
	}
	if (s == NULL || ward_patterns_build(s, NULL) < 0)
		die("no set");
	return s;
}

static void measure(size_t shape, unsigned n)
{
	static char paths[PATHS][256];
	double passes[PASSES], making[9];
	struct ward_patterns *s = NULL;
	uint32_t *out = calloc(n, sizeof(*out));
	size_t found = 0;
	void *scratch;

	for (size_t i = 0; i < 9; i++) {
		uint64_t start = now();

		ward_patterns_free(s);
		s = make_set(shape, n);
		making[i] = (double)(now() - start) / 1000;
	}
	scratch = malloc(ward_patterns_scratch_size(s));
	if (scratch == NULL || out == NULL)
		die("no memory");
	for (unsigned i = 0; i < PATHS; i++)
		snprintf(paths[i], sizeof(paths[i]), "/home/dev/work/src/x%u/a%u/main/file-%u.%s",
			i * 17 % n, i % 7, i,
			i % 3           ? "py"
				: i % 2 ? "k3"
					: "c");
	for (size_t k = 0; k < PASSES; k++) {
		uint64_t start = now();

		for (unsigned r = 0; r < 20; r++)
			for (size_t i = 0; i < PATHS; i++)
				found += ward_patterns_match(s, ward_str(paths[i]), scratch, out);
		passes[k] = (double)(now() - start) / (20 * PATHS);
	}
	printf("match-%s-%u-ns %.0f\n", shapes[shape].name, n, median(passes, PASSES));
	printf("make-%s-%u-us %.0f\n", shapes[shape].name, n, median(making, 9));
	if (found == 0 && shape != 1 && shape != 3)
		die("nothing matched");
	free(scratch);
	free(out);
	ward_patterns_free(s);
}

static void compare(void)
{
	enum { N = 300 };
	struct ward_patterns *s = make_set(4, N);
	size_t overlaps = 0, covers = 0;
	uint64_t start = now(), middle;

	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < N; k++)
			overlaps += ward_pattern_overlap(ward_patterns_get(s, i),
				ward_patterns_get(s, k));
	middle = now();
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < N; k++)
			covers += ward_pattern_covers(ward_patterns_get(s, i),
				ward_patterns_get(s, k));
	printf("overlap-ns %.0f\n", (double)(middle - start) / (N * N));
	printf("covers-ns %.0f\n", (double)(now() - middle) / (N * N));
	if (overlaps < N || covers < N)
		die("no pattern overlaps itself");
	ward_patterns_free(s);
}

int main(void)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(shapes); i++)
		for (unsigned n = 10; n <= 10000; n *= 10)
			measure(i, n);
	compare();
	return 0;
}
