/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options and their values, one "name value" a line. Whatever comes: no crash, an error says what and where, and a
 * call that failed changed nothing. The outcome of the refusal must be JSON, and its report one line a line.
 */
#include <stdlib.h>
#include <string.h>

#include "run/outcome.h"
#include "run/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Options that open the file that they name are not for a fuzzer. */
static bool opens_files(const char *name)
{
	static const char *const names[] = { "capabilities", "stdin", "outcome", "report",
		"head-to" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++)
		if (ward_streq(name, names[i]))
			return true;
	return false;
}

static void check_outcome(const struct ward_request *r, const struct ward_error *err)
{
	struct ward_outcome *o = ward_outcome_refused(r, err);
	struct ward_arena *a = ward_arena_new(1 << 20);
	struct ward_json *root = NULL;
	size_t n = 0;
	const char *text;

	if (!o || !a)
		abort();
	text = ward_outcome_json(o, &n);
	if (ward_json_parse(a, text, n, NULL, &root, NULL) != WARD_OK ||
		strchr(text, '\n') != text + n - 1)
		abort();
	ward_outcome_free(o);
	ward_arena_free(a);
}

static void one(struct ward_request *r, char *line)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_limits limits = r->limits;
	size_t caps = r->caps.n, env = r->n_env;
	char *value = strchr(line, ' ');

	if (value)
		*value++ = '\0';
	if (opens_files(line))
		return;
	if (ward_request_set(r, line, value, &err) == WARD_OK) {
		if (!ward_request_given(r, line))
			abort();
		return;
	}
	if (err.code >= 0 || !err.message[0] || !err.fix[0] || strpbrk(err.message, "\n\x1b"))
		abort();
	if (memcmp(&limits, &r->limits, sizeof(limits)) || caps != r->caps.n || env != r->n_env)
		abort();
	check_outcome(r, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ward_request *r;
	char *text, *rest, *line;

	if (size > 4096)
		return 0;
	r = ward_request_new(size & 1 ? WARD_COMMAND_SCRIPT : WARD_COMMAND_RUN);
	text = malloc(size + 1);
	if (!r || !text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	rest = text;
	while ((line = strsep(&rest, "\n")))
		one(r, line);
	free(text);
	ward_request_free(r);
	return 0;
}
