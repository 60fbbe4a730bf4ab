/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long it takes to decide whether something may be connected to, in a run whose rules come from options and files (no policies), and
 * to make the index of these rules. "one-by-one" is the same without the index, with the cure of each refusal.
 *
 *	bench-net [RULES...]
 *
 * One line a figure: NAME VALUE. A figure is the median of some passes over many questions.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "decide/decide.h"

#define PASSES 41
#define QUESTIONS 60
#define RULES_MAX 100000u

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench-net: %s\n", what);
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

/* Of each kind the same number. */
static void make_rule(char *out, size_t size, unsigned i)
{
	switch (i % 5) {
	case 0: snprintf(out, size, "api%u.example.com:443", i); break;
	case 1: snprintf(out, size, "*.d%u.example.org:80,443", i); break;
	case 2: snprintf(out, size, "**.e%u.example.net:8000-8080", i); break;
	case 3: snprintf(out, size, "10.%u.%u.0/24:5432", i / 256 % 256, i % 256); break;
	default: snprintf(out, size, "[2600:%x::/48]:443", i); break;
	}
}

/* What a rule in the middle holds, of each kind, and what none does. */
static const char *const kinds[] = { "name", "child", "below", "v4", "v6", "refused" };

static void make_question(char *out, size_t size, unsigned kind, unsigned n, unsigned i)
{
	unsigned at = (n / 2 + i % (n < 50 ? 5 : 20)) / 5 * 5;

	switch (kind) {
	case 0: snprintf(out, size, "api%u.example.com:443", at); break;
	case 1: snprintf(out, size, "x.d%u.example.org:443", at + 1); break;
	case 2: snprintf(out, size, "a.b.e%u.example.net:8080", at + 2); break;
	case 3: snprintf(out, size, "10.%u.%u.7:5432", (at + 3) / 256 % 256, (at + 3) % 256); break;
	case 4: snprintf(out, size, "[2600:%x::7]:443", at + 4); break;
	default: snprintf(out, size, "a.b.c%u.example.com:443", at); break;
	}
}

static double decide(const struct ward_rules *rules, unsigned kind)
{
	static char texts[QUESTIONS][64];
	static struct ward_decision d;
	double passes[PASSES];

	for (unsigned i = 0; i < QUESTIONS; i++)
		make_question(texts[i], sizeof(texts[i]), kind, (unsigned)rules->n, i);
	for (unsigned p = 0; p < PASSES; p++) {
		uint64_t before = now();

		for (unsigned i = 0; i < QUESTIONS; i++) {
			const struct ward_question q = { .action = WARD_CAP_NETWORK_CONNECT,
				.resource = texts[i],
				.no_cure = rules->net != NULL };

			if (ward_decide(rules, &q, &d, NULL) != WARD_OK ||
				(d.effect == WARD_ALLOW) != (kind < 5))
				die(texts[i]);
		}
		passes[p] = (double)(now() - before) / QUESTIONS;
	}
	return median(passes, PASSES);
}

static void measure(unsigned n)
{
	struct ward_rule *v = calloc(n, sizeof(*v));
	char(*texts)[64] = calloc(n, sizeof(*texts));
	struct ward_rules plain = { .v = v, .n = n }, indexed = plain;
	struct ward_net_index *x = NULL;
	double made[PASSES];

	if (!v || !texts)
		die("no memory");
	for (unsigned i = 0; i < n; i++) {
		make_rule(texts[i], sizeof(texts[i]), i);
		v[i] = (struct ward_rule){ .type = WARD_CAP_NETWORK_CONNECT, .pattern = texts[i] };
	}
	for (unsigned p = 0; p < PASSES; p++) {
		uint64_t before = now();

		ward_net_index_free(x);
		if (ward_net_index_new(v, n, &x, NULL) != WARD_OK)
			die("no index");
		made[p] = (double)(now() - before) / 1000;
	}
	printf("net_%u_index_us %.0f\n", n, median(made, PASSES));
	indexed.net = x;
	for (unsigned kind = 0; kind < WARD_ARRAY_SIZE(kinds); kind++) {
		printf("net_%u_%s_one_by_one_ns %.0f\n", n, kinds[kind], decide(&plain, kind));
		printf("net_%u_%s_ns %.0f\n", n, kinds[kind], decide(&indexed, kind));
	}
	ward_net_index_free(x);
	free(texts);
	free(v);
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = { 10, 100, 1000, 4000 };

	for (size_t i = 0; argc == 1 && i < WARD_ARRAY_SIZE(sizes); i++)
		measure(sizes[i]);
	for (int i = 1; i < argc; i++) {
		unsigned long n = strtoul(argv[i], NULL, 10);

		if (n < 10 || n > RULES_MAX)
			die("a number of rules is 10 to 100000");
		measure((unsigned)n);
	}
	return 0;
}
