/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge NAME VALUE ... --: the book of such a request (options as of `ward run`, in the caller's directory), asked once for each
 * line "ACTION HOST PATH" on stdin, where HOST is 1 if the host's file of that name is meant. Answers a line each: allow, ask, deny.
 * A PATH with "*" for its last name
 * is about whatever lies in that directory, near or far, and no policy names: the lesser of both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/rules/rules.h"
#include "ward/ward.h"

#define ANY WARD_ANY_NAME

static int fail(const struct ward_error *err)
{
	char text[2048];

	ward_error_format(err, text, sizeof(text));
	fprintf(stderr, "judge: %s\n", text);
	return 1;
}

static int answer(struct ward_rulebook *book, char *line)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_query q = { .now_ms = 0 };
	struct ward_verdict v, far;
	char path[WARD_PATH_MAX];
	char *host = strchr(line, ' ');
	size_t n;

	line[strcspn(line, "\n")] = '\0';
	if (!host || strlen(host) < 4)
		return 1;
	*host++ = '\0';
	if (ward_action_parse(ward_str(line), &q.action, &err) < 0)
		return fail(&err);
	n = strlen(host + 2);
	if (n > 1 && strcmp(host + n, "/*") == 0)
		n--;
	(void)snprintf(path, sizeof(path), "%.*s%s", (int)n, host + 2, host[2 + n] ? ANY : "");
	q.any = host[2 + n] != '\0';
	q.of_host = *host == '1';
	q.resource = ward_str(path);
	if (ward_judge(book->book, book->desk, &q, &v) < 0)
		return 1;
	far = v;
	if (host[2 + n]) {
		(void)snprintf(path, sizeof(path), "%.*s" ANY "/" ANY "/" ANY, (int)n, host + 2);
		q.resource = ward_str(path);
		if (ward_judge(book->book, book->desk, &q, &far) < 0)
			return 1;
	}
	puts(ward_effect_name(v.effect < far.effect ? v.effect : far.effect));
	return 0;
}

int main(int argc, char **argv)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_rulebook *book = NULL;
	struct ward_arena *arena = NULL;
	struct ward_resolver rs;
	struct ward_host host;
	static char line[WARD_PATH_MAX + 64];
	int code = 0;

	if (!r)
		return 1;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (ward_request_set(r, argv[i], argv[i + 1], &err) < 0)
			return fail(&err);
	}
	if (ward_rules_of(r, &host, &rs, &arena, &book, &err) < 0)
		return fail(&err);
	while (code == 0 && fgets(line, sizeof(line), stdin))
		code = answer(book, line);
	ward_rulebook_free(book);
	ward_arena_freep(&arena);
	ward_request_free(r);
	return code;
}
