/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ward's side of bench/cedar: DIR/policies.cedar, entities.json and requests.jsonl are read and prepared, then requests are
 * answered for MS milliseconds. Prints one line of JSON: the median of the time of one request, in ns, over samples of 50 us or
 * more; what was parsed how fast; and what the sets take of memory.
 *
 * usage: cedar-engine DIR MS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cedar/cedar.h"

#define SAMPLE_NS 50000u
#define PASSES 7

static void die(const char *what)
{
	fprintf(stderr, "cedar-engine: %s\n", what);
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct ward_str read_file(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;
	char *s;
	long n;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		die("a path that is too long");
	f = fopen(path, "r");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0)
		die(path);
	rewind(f);
	s = malloc((size_t)n + 1);
	if (s == NULL || fread(s, 1, (size_t)n, f) != (size_t)n)
		die(path);
	s[n] = '\0';
	fclose(f);
	return (struct ward_str){ s, (size_t)n };
}

static const struct cedar_uid *read_uid(const struct ward_json *j, struct cedar_pool *pool,
	struct cedar_diags *d)
{
	struct cedar_json_context c = { .pool = pool, .diags = d };
	const struct cedar_uid *uid;

	if (ward_cedar_json_uid(&c, j, &uid) < 0)
		die("requests.jsonl: not an entity");
	return uid;
}

static struct cedar_request read_request(struct ward_str line, struct cedar_pool *pool,
	struct cedar_diags *d)
{
	struct ward_arena *a = ward_arena_new(0);
	struct ward_buf context = WARD_BUF_INIT;
	struct cedar_request q = { 0 };
	struct ward_json *j;

	if (ward_cedar_json_parse(a, line, &j, d) < 0)
		die("requests.jsonl: not JSON");
	q.principal = read_uid(ward_json_get(j, "principal"), pool, d);
	q.action = read_uid(ward_json_get(j, "action"), pool, d);
	q.resource = read_uid(ward_json_get(j, "resource"), pool, d);
	ward_jw_value(&context, ward_json_get(j, "context"));
	if (ward_cedar_context_parse(pool, (struct ward_str){ context.s, context.n }, NULL, NULL,
		    &q.context, d) < 0)
		die("requests.jsonl: not a context");
	ward_buf_done(&context);
	ward_arena_free(a);
	return q;
}

static size_t read_requests(struct ward_str text, struct cedar_pool *pool, struct cedar_diags *d,
	struct cedar_request **ret)
{
	struct cedar_request *v = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < text.n;) {
		const char *end = memchr(text.s + i, '\n', text.n - i);
		size_t len = end != NULL ? (size_t)(end - text.s) - i : text.n - i;

		if (n == cap) {
			cap = cap > 0 ? cap * 2 : 64;
			v = realloc(v, cap * sizeof(*v));
			if (v == NULL)
				die("no memory");
		}
		v[n++] = read_request((struct ward_str){ text.s + i, len }, pool, d);
		i += len + 1;
	}
	*ret = v;
	return n;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct measured {
	uint64_t median, min, allowed;
	size_t samples;
};

static struct measured measure(const struct cedar_compiled *set, const struct cedar_entities *e,
	const struct cedar_request *q, size_t n, uint64_t ms)
{
	struct cedar_scratch *scratch = ward_cedar_scratch_new();
	uint64_t end = now_ns() + ms * 1000000u, passes = 1;
	size_t cap = 1u << 20;
	uint64_t *v = malloc(cap * sizeof(*v));
	struct measured m = { 0 };

	if (scratch == NULL || v == NULL)
		die("no memory");
	while ((now_ns() < end || m.samples < 3) && m.samples < cap) {
		uint64_t t = now_ns();

		for (uint64_t k = 0; k < passes; k++) {
			for (size_t i = 0; i < n; i++) {
				struct cedar_answer a;

				if (ward_cedar_authorize(set, e, &q[i], scratch, false, &a) < 0)
					die("no memory");
				m.allowed += a.decision == CEDAR_ALLOW;
			}
		}
		t = now_ns() - t;
		if (t < SAMPLE_NS) {
			passes *= 2;
			continue;
		}
		v[m.samples++] = t / (passes * n);
	}
	qsort(v, m.samples, sizeof(*v), by_size);
	m.median = v[m.samples / 2];
	m.min = v[0];
	free(v);
	ward_cedar_scratch_free(scratch);
	return m;
}

/* The set of a text, and the least time that parsing it took: the first passes pay for the memory. */
static uint64_t parse(struct ward_str text, struct cedar_policies *ret, struct cedar_diags *d)
{
	static const struct cedar_parse_options o = { 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < PASSES; i++) {
		uint64_t t = now_ns();

		if (ward_cedar_policies_init(ret) < 0 ||
			ward_cedar_policies_parse(ret, text, &o, true, d) < 0)
			die("policies.cedar");
		t = now_ns() - t;
		least = t < least ? t : least;
		if (i < PASSES - 1)
			ward_cedar_policies_done(ret);
	}
	return least;
}

int main(int argc, char **argv)
{
	struct cedar_policies policies;
	struct cedar_compiled *set = NULL;
	struct cedar_entities *e = NULL;
	struct cedar_pool *pool = ward_cedar_pool_new(0);
	struct cedar_request *q;
	struct cedar_diags d;
	struct measured m;
	struct ward_str text;
	uint64_t parse_ns, compile_ns;
	size_t n, parsed;

	if (argc != 3 || pool == NULL || ward_cedar_diags_init(&d) < 0)
		die("usage: cedar-engine DIR MS");
	text = read_file(argv[1], "policies.cedar");
	parse_ns = parse(text, &policies, &d);
	compile_ns = now_ns();
	if (ward_cedar_compile(&policies, &set, &d) < 0)
		die("policies.cedar: no memory");
	compile_ns = now_ns() - compile_ns;
	if (ward_cedar_entities_parse(read_file(argv[1], "entities.json"), NULL, &e, &d) < 0)
		die("entities.json");
	n = read_requests(read_file(argv[1], "requests.jsonl"), pool, &d, &q);
	if (n == 0)
		die("requests.jsonl: empty");
	m = measure(set, e, q, n, strtoull(argv[2], NULL, 10));
	parsed = ward_cedar_pool_bytes(policies.pool);
	printf("{\"engine\": \"ward\", \"median_ns\": %llu, \"min_ns\": %llu, \"samples\": %zu, \"parse_us\": %llu, "
	       "\"parse_mb_s\": %.1f, \"compile_us\": %llu, \"parsed_bytes\": %zu, \"compiled_bytes\": %zu, \"allowed\": %s}\n",
		(unsigned long long)m.median, (unsigned long long)m.min, m.samples,
		(unsigned long long)(parse_ns / 1000), (double)text.n * 1000.0 / (double)parse_ns,
		(unsigned long long)(compile_ns / 1000), parsed, ward_cedar_compiled_bytes(set),
		m.allowed > 0 ? "true" : "false");
	return 0;
}
