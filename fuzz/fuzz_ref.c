/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packed-refs and logs of git's, as src/workspace/index/ref.c reads them: up to the first NUL what packed-refs has, then up to the next the project's log,
 * then the run's. What is found for a name is the first line of it, by whoever looks through all of them; a log goes on from itself and from each of
 * its beginnings, and from nothing that it has not.
 */
#include <stdint.h>

#include "workspace/index/ref.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_ref.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

#define NAMES_MAX 64
#define OTHER "\x01 no such name" /* nearly never: what fuzzes learns what is compared */
#define SINCE 1700000000000000000

static const uint8_t *part(const uint8_t **io, const uint8_t *end, struct ward_buf *out)
{
	const uint8_t *to = *io < end ? memchr(*io, 0, (size_t)(end - *io)) : NULL;

	to = to ? to : end;
	ward_buf_add(out, *io, (size_t)(to - *io));
	MUST(!out->failed);
	*io = to < end ? to + 1 : end;
	return to;
}

/* The first line "VALUE NAME", without an index. */
static const char *by_looking(const struct ward_buf *b, const char *name, size_t n_name)
{
	const char *end = b->s + b->n, *next;

	for (const char *at = b->s; at && at < end && (next = memchr(at, '\n', (size_t)(end - at)));
		at = next + 1) {
		size_t n = strspn(at, "0123456789abcdef");

		if (n >= HEX_MIN && at[n] == ' ' && (size_t)(next - at) - n - 1 == n_name &&
			memcmp(at + n + 1, name, n_name) == 0)
			return at;
	}
	return NULL;
}

static void packed(const struct ward_buf *text)
{
	struct ward_packed p = { .text = *text };
	size_t n = 0;

	MUST(index_lines(&p));
	for (size_t i = 0; i < p.n && i < NAMES_MAX; i++) {
		const struct line *l = &p.v[i];
		char *name = strndup(text->s + l->at + l->n_value + 1, l->n_name);
		const char *found;

		MUST(name);
		MUST(l->at + l->n_value + 1 + l->n_name < text->n);
		found = line_of(&p, name, &n);
		MUST(found == by_looking(text, name, strlen(name)));
		MUST(strlen(name) < l->n_name || (found && n >= HEX_MIN));
		free(name);
	}
	MUST(line_of(&p, OTHER, &n) == by_looking(text, OTHER, sizeof(OTHER) - 1));
	free(p.v);
}

static void logs(const struct ward_buf *theirs, const struct ward_buf *runs)
{
	static const char value[] = "0123456789abcdef0123456789abcdef01234567";
	const size_t n = sizeof(value) - 1;
	struct ward_buf head = *theirs;
	struct entry last;

	MUST(begins_with(theirs, theirs) == (theirs->n == 0 || theirs->s[theirs->n - 1] == '\n'));
	for (size_t i = 0; i < 8; i++) {
		const char *to = head.n > 0 ? memrchr(head.s, '\n', head.n - 1) : NULL;

		if (!to)
			break;
		head.n = (size_t)(to - head.s) + 1;
		MUST(begins_with(theirs, &head));
	}
	if (runs->n == 0 || !last_of(theirs, value, n, SINCE, &last))
		return;
	MUST(last.n == 0 || (last.s >= theirs->s && last.s + last.n < theirs->s + theirs->n));
	MUST(last.n > 0 || theirs->n == 0);
	if (goes_on_from(runs, &last, value, n, SINCE))
		MUST(memmem(runs->s, runs->n, value, n) &&
			(last.n == 0 || memmem(runs->s, runs->n, last.s, last.n)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	WARD_CLEANUP(ward_buf_done) struct ward_buf theirs = WARD_BUF_INIT;
	WARD_CLEANUP(ward_buf_done) struct ward_buf runs = WARD_BUF_INIT;
	const uint8_t *at = data, *end = data + size;

	if (size == 0)
		return 0;
	(void)part(&at, end, &text);
	(void)part(&at, end, &theirs);
	ward_buf_add(&runs, at, (size_t)(end - at));
	MUST(!runs.failed);
	packed(&text);
	logs(&theirs, &runs);
	return 0;
}
