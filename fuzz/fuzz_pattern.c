/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "pattern\npattern\n...\npath": each line but the last is compiled in both grammars, and those that are patterns make a set. What
 * the set finds is what they match one by one; small ones match as the reference of the unit tests; the questions about one and
 * about two agree with what matches.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/unit/ref_pattern.h"
#include "base/base.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)
#define LINES_MAX 12

/* What must be true of a pattern and a path that matches it. */
static void check_match(const struct ward_pattern *p, const char *path)
{
	char prefix[WARD_PATH_MAX], clean[WARD_PATH_MAX];

	MUST(!ward_pattern_never(p));
	if (path[0] != '/' || ward_path_normalize(path, clean, sizeof(clean)) < 0)
		return;
	MUST(ward_pattern_match(p, ward_str(clean)));
	if (ward_pattern_prefix(p, prefix, sizeof(prefix)) == WARD_OK)
		MUST(ward_path_within(clean, prefix));
	while (strcmp(clean, "/") != 0) {
		char *slash = strrchr(clean, '/');

		slash[slash == clean ? 1 : 0] = '\0';
		MUST(ward_pattern_may_match_below(p, ward_str(clean)));
	}
}

/* Each alternative, printed, is a pattern again, and matches what it did. */
static void check_alternatives(struct ward_arena *a, const struct ward_pattern *p,
	struct ward_str path, bool match)
{
	bool any = false, whole = true;

	for (size_t i = 0; i < ward_pattern_alternatives(p); i++) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
		const struct ward_pattern *one;
		int r;

		ward_pattern_alternative(p, i, &b);
		r = ward_pattern_compile(a, ward_str(ward_buf_cstr(&b)), WARD_GRAMMAR_2, &one,
			NULL);
		/* Escaped, it may be too long. */
		MUST(r == WARD_OK || (r == WARD_E_LIMIT && b.n > WARD_PATTERN_BYTES_MAX));
		whole = whole && r == WARD_OK;
		any = any || (r == WARD_OK && ward_pattern_match(one, path));
	}
	MUST(!whole || any == match);
}

static void check_text(struct ward_arena *a, const char *text, const char *path)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf two = WARD_BUF_INIT;
	struct ward_pattern_error bad;
	const struct ward_pattern *p1, *p2;
	/* It stands for many names, and is none: other matchers do not know it (src/policy/pattern/pattern.h). */
	bool match, plain = strstr(path, WARD_ANY_NAME) == NULL;

	if (ward_pattern_compile(a, ward_str(text), WARD_GRAMMAR_2, &p2, &bad) == WARD_OK) {
		match = ward_pattern_match(p2, ward_str(path));
		if (plain && ref_pattern_small(text, path))
			MUST(match == ref_pattern_match(text, path));
		if (match)
			check_match(p2, path);
		check_alternatives(a, p2, ward_str(path), match);
		MUST(ward_pattern_covers(p2, p2));
		MUST(ward_pattern_overlap(p2, p2) != ward_pattern_never(p2));
	} else {
		MUST(bad.what != NULL && bad.fix != NULL && bad.column > 0 &&
			bad.offset <= strlen(text));
	}
	if (ward_pattern_compile(a, ward_str(text), WARD_GRAMMAR_1, &p1, NULL) != WARD_OK)
		return;
	MUST(!plain || ward_pattern_match(p1, ward_str(path)) == ward_glob_match(text, path));
	ward_pattern_escape1(&two, ward_str(text));
	if (two.n > WARD_PATTERN_BYTES_MAX)
		return;
	MUST(ward_pattern_compile(a, ward_str(ward_buf_cstr(&two)), WARD_GRAMMAR_2, &p2, NULL) ==
		WARD_OK);
	MUST(!plain || ward_pattern_match(p2, ward_str(path)) == ward_glob_match(text, path));
}

static void check_two(const struct ward_pattern *a, const struct ward_pattern *b,
	struct ward_str path)
{
	bool in_a = ward_pattern_match(a, path), in_b = ward_pattern_match(b, path);

	if (in_a && in_b)
		MUST(ward_pattern_overlap(a, b));
	if (in_b && !in_a)
		MUST(!ward_pattern_covers(a, b));
}

static void check_set(struct ward_patterns *s, struct ward_str path)
{
	size_t count = ward_patterns_count(s), n, k = 0;
	uint32_t out[LINES_MAX];
	void *scratch;

	MUST(ward_patterns_build(s, NULL) == WARD_OK);
	scratch = malloc(ward_patterns_scratch_size(s));
	MUST(scratch != NULL);
	n = ward_patterns_match(s, path, scratch, out);
	for (size_t i = 0; i < count; i++) {
		bool got = k < n && out[k] == i;

		MUST(got == ward_pattern_match(ward_patterns_get(s, i), path));
		k += got;
		for (size_t m = 0; m < count; m++)
			check_two(ward_patterns_get(s, i), ward_patterns_get(s, m), path);
	}
	MUST(k == n);
	free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ward_patterns *s;
	struct ward_arena *a;
	char *text, *path, *line, *end;

	if (size > 2 * WARD_PATH_MAX || memchr(data, 0, size) != NULL)
		return 0;
	text = strndup((const char *)data, size);
	MUST(text != NULL);
	path = strrchr(text, '\n');
	s = ward_patterns_new();
	a = ward_arena_new(0);
	MUST(s != NULL && a != NULL);
	if (path != NULL) {
		*path++ = '\0';
		for (line = text; line != NULL && ward_patterns_count(s) < LINES_MAX; line = end) {
			end = strchr(line, '\n');
			if (end != NULL)
				*end++ = '\0';
			check_text(a, line, path);
			(void)ward_patterns_add(s, ward_str(line), WARD_GRAMMAR_2, NULL);
		}
		check_set(s, ward_str(path));
	}
	ward_patterns_free(s);
	ward_arena_free(a);
	free(text);
	return 0;
}
