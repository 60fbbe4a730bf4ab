/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a proxy of the host answers, and how its owner names it: whatever comes, an answer is a number only where its head is whole, the same
 * number however the bytes were cut, and none of it is of what stands behind; and no message about a proxy has a word of what was said.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/upstream/upstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_upstream.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void answer(const char *p, size_t n)
{
	size_t end, same;
	int status = ward_tunnel_status(p, n, &end);

	MUST(status >= -1 && status < 1000 && end <= n);
	if (status > 0) {
		MUST(status >= 100 && end >= 14 && p[end - 1] == '\n');
		MUST(p[end - 2] == '\n' || memcmp(p + end - 3, "\n\r", 2) == 0);
		MUST(ward_tunnel_status(p, end, &same) == status && same == end);
	}
	if (status == 0)
		MUST(end == 0);
	/* What is no answer yet, or none at all, was none before. */
	for (size_t cut = 0; cut < (end ? end : n); cut++)
		MUST(ward_tunnel_status(p, cut, &same) == 0 || (status < 0 && same == 0));
}

static void named(const char *url, const char *list)
{
	struct ward_arena *arena = ward_arena_new(0);
	struct ward_upstream *u = arena ? ward_upstream_new(arena) : NULL;
	struct ward_error err = WARD_ERROR_INIT;

	MUST(u != NULL);
	if (ward_upstream_set(u, url, "here", &err) == WARD_OK)
		MUST(u->host && u->text && u->at.port != 0);
	else
		MUST(!ward_upstream_text(u) && strncmp(err.message, "here: ", 6) == 0);
	err = (struct ward_error)WARD_ERROR_INIT;
	if (ward_upstream_spare(u, list, true, "here", &err) < 0)
		MUST(!ward_upstream_spares(u));
	(void)ward_upstream_takes(u, "good.test.example", 443);
	ward_upstream_forget(u);
	ward_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char *list = text ? strchr(text, '\n') : NULL;

	MUST(text != NULL);
	if (size <= 8192)
		answer((const char *)data, size);
	if (list)
		*list++ = '\0';
	named(text, list ? list : "");
	free(text);
	return 0;
}
