/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "pattern\npath" through the matcher. Small inputs are compared with the reference of the unit tests; for all of them
 * the questions about a pattern must agree with each other: what matches lies below its prefix, every directory above
 * a match may match below, and a subtree pattern matches exactly its directory and what lies in it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/unit/ref_glob.h"
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

/* What must be true of a pattern and a path that matches it. */
static void check_match(const char *pattern, const char *path)
{
	char prefix[WARD_PATH_MAX], clean[WARD_PATH_MAX], dir[WARD_PATH_MAX];

	if (path[0] != '/' || ward_path_normalize(path, clean, sizeof(clean)) < 0)
		return;
	MUST(ward_glob_match(pattern, clean));
	if (ward_glob_prefix(pattern, prefix, sizeof(prefix)) == WARD_OK)
		MUST(ward_path_within(clean, prefix));
	strcpy(dir, clean);
	while (strcmp(dir, "/") != 0) {
		char *slash = strrchr(dir, '/');

		slash[slash == dir ? 1 : 0] = '\0';
		MUST(ward_glob_may_match_below(pattern, dir));
	}
}

static void check(const char *pattern, const char *path)
{
	char dir[WARD_PATH_MAX], clean[WARD_PATH_MAX];
	bool match = ward_glob_match(pattern, path);

	if (ref_glob_small(pattern, path) &&
		ward_glob_match(pattern, path) != ref_glob_match(pattern, path)) {
		fprintf(stderr, "\"%s\" against \"%s\": %d\n", pattern, path, match);
		abort();
	}
	(void)ward_glob_may_match_below(pattern, path);
	if (match)
		check_match(pattern, path);
	if (pattern[0] != '/' || ward_path_has_dotdot(pattern) || ward_path_has_dotdot(path) ||
		!ward_glob_is_subtree(pattern, dir, sizeof(dir)))
		return;
	if (ward_path_normalize(path, clean, sizeof(clean)) == WARD_OK)
		MUST(match == ward_path_within(clean, dir));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;
	char *path;

	if (size > 2 * WARD_PATH_MAX || memchr(data, 0, size) != NULL)
		return 0;
	text = strndup((const char *)data, size);
	MUST(text != NULL);
	path = strchr(text, '\n');
	if (path != NULL) {
		*path++ = '\0';
		check(text, path);
	}
	free(text);
	return 0;
}
