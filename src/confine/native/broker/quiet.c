/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is refused but not worth a record: data/quiet, made into a table by gen-quiet. A name on it answers the
 * same errno as any other refused name; only the report is spared. It grants nothing and hides nothing: quiet
 * refusals stay in the list, marked.
 */
#include <string.h>

#include "confine/native/broker.h"

struct quiet_call {
	const char *name, *detail; /* detail NULL: any */
};
struct quiet_write {
	const char *pattern, *program, *word; /* program and word NULL: whoever */
};
#include "quiet_table.h"

static bool any_matches(const char *const *patterns, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (ward_glob_match(patterns[i], path))
			return true;
	return false;
}

bool ward_quiet_below(const char *path)
{
	return any_matches(quiet_paths, WARD_ARRAY_SIZE(quiet_paths), path);
}

bool ward_quiet_sought(const char *path)
{
	return any_matches(quiet_aboves, WARD_ARRAY_SIZE(quiet_aboves), path) &&
		!ward_quiet_below(path);
}

bool ward_quiet_path(const char *path)
{
	return ward_quiet_below(path) ||
		any_matches(quiet_names, WARD_ARRAY_SIZE(quiet_names), path) ||
		any_matches(quiet_aboves, WARD_ARRAY_SIZE(quiet_aboves), path);
}

bool ward_quiet_change(const char *path)
{
	return any_matches(quiet_changes, WARD_ARRAY_SIZE(quiet_changes), path);
}

static bool takes_a_word(const char *option)
{
	static const char *const taking[] = { "-C", "-c", "--git-dir", "--work-tree",
		"--namespace" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(taking); i++)
		if (ward_streq(taking[i], option))
			return true;
	return false;
}

/* A command line as procfs has it: words that end with NUL. The first that is no option is the one that counts. */
static bool is_called(const char *words, size_t n, const char *program, const char *word)
{
	const char *slash, *name = words, *end = words + n;

	if (n == 0 || words[n - 1])
		return false;
	slash = strrchr(words, '/');
	if (slash)
		name = slash + 1;
	if (!ward_streq(name, program))
		return false;
	for (const char *p = words + strlen(words) + 1; p < end; p += strlen(p) + 1) {
		if (*p != '-')
			return ward_streq(p, word);
		/* Options of git itself whose value is a word of its own. */
		if (takes_a_word(p) && p + strlen(p) + 1 < end)
			p += strlen(p) + 1;
	}
	return false;
}

bool ward_quiet_write(const char *path, const char *words, size_t n)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(quiet_writes); i++) {
		const struct quiet_write *w = &quiet_writes[i];

		if ((!w->program || is_called(words, n, w->program, w->word)) &&
			ward_glob_match(w->pattern, path))
			return true;
	}
	return false;
}

bool ward_quiet_syscall(const char *name, const char *detail)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(quiet_calls); i++) {
		const struct quiet_call *c = &quiet_calls[i];

		if (ward_streq(c->name, name) && (!c->detail || ward_streq(c->detail, detail)))
			return true;
	}
	return false;
}
