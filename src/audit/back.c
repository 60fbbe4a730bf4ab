/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read a log from its end, line by line, in bounded memory: for whoever looks for the last record of one run. It is mostly near the end, and of a
 * log of years nothing before it is read. The log is the one of the moment when it was opened, as for who reads it from its beginning.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "audit/log.h"

#define CHUNK \
	(64u << 10) /* what the reader's buffer has room for behind the longest line and its end */

/*
 * Which lines have a text, mostly a run's identifier: most of a long log has not, and is gone over in steps of the text's length (Horspool's
 * search). The table is made once; memmem() makes one for each line.
 */
struct needle {
	const char *s;
	size_t n;
	uint8_t skip[UINT8_MAX + 1];
};

static void needle_init(struct needle *d, const char *text)
{
	*d = (struct needle){ text, strlen(text), { 0 } };
	if (d->n == 0 || d->n > UINT8_MAX)
		return;
	memset(d->skip, (int)d->n, sizeof(d->skip));
	for (size_t i = 0; i + 1 < d->n; i++)
		d->skip[(uint8_t)text[i]] = (uint8_t)(d->n - 1 - i);
}

static bool has(const struct needle *d, const char *line, size_t n)
{
	if (d->n == 0)
		return true;
	if (d->n > UINT8_MAX)
		return memmem(line, n, d->s, d->n) != NULL;
	for (size_t i = d->n - 1; i < n; i += d->skip[(uint8_t)line[i]])
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): read from the file */
		if (line[i] == d->s[d->n - 1] && memcmp(line + i - (d->n - 1), d->s, d->n - 1) == 0)
			return true;
	return false;
}

struct back {
	struct ward_audit_reader
		r; /* its buf has the n bytes of the log from at on that are not looked at yet */
	uint64_t at;
	size_t n;
};

/* 0 or a code: n bytes of the log at off. */
static int read_at(const struct ward_audit_reader *r, char *out, size_t n, uint64_t off,
	struct ward_error *err)
{
	for (size_t got = 0; got < n;) {
		ssize_t k = pread(r->fd, out + got, n - got, (off_t)(off + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return ward_fail_errno(err, WARD_E_SYSTEM, errno,
				"audit log %s cannot be read", r->file);
		if (k == 0)
			return ward_fail(err, WARD_E_AUDIT,
				"audit log %s was cut while it was read", r->file);
		got += (size_t)k;
	}
	return WARD_OK;
}

/* More of what lies before. */
static int fill(struct back *b, struct ward_error *err)
{
	size_t want = b->at < CHUNK ? (size_t)b->at : CHUNK;

	/* n is at most the longest line, and its end: else it was refused. */
	memmove(b->r.buf + want, b->r.buf, b->n);
	b->at -= want;
	b->n += want;
	return read_at(&b->r, b->r.buf, want, b->at, err);
}

/* How many lines end before off: it is asked for where one is to be named, which is once. */
static uint64_t lines_before(const struct back *b, uint64_t off)
{
	char chunk[16384];
	uint64_t lines = 0;

	for (uint64_t at = 0; at < off; at += sizeof(chunk)) {
		size_t n = off - at < sizeof(chunk) ? (size_t)(off - at) : sizeof(chunk);

		if (read_at(&b->r, chunk, n, at, NULL) < 0)
			break;
		for (size_t i = 0; i < n; i++)
			lines += chunk[i] == '\n';
	}
	return lines;
}

static int inconsistent(struct back *b, uint64_t off, const char *why, struct ward_error *err)
{
	b->r.lineno = lines_before(b, off) + 1;
	return ward_audit_fail_line(&b->r, why, err);
}

/* The line, parsed; which one it is is not counted. */
static int visit(struct back *b, const struct ward_audit_visit *v, size_t begin, size_t end,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = NULL;
	struct ward_error inner = WARD_ERROR_INIT;
	const char *line = b->r.buf + begin;
	struct ward_json *rec = NULL;
	int r = ward_audit_line_parse(&a, line, end - begin, b->r.file, 0, &rec, &inner);

	if (r == WARD_E_NOMEM)
		return ward_fail(err, r, "out of memory");
	if (r < 0)
		return inconsistent(b, b->at + begin, inner.message, err);
	return v->fn(v->arg, rec, line, end - begin, 0);
}

/* 1: the last line that is left is at *ret_begin, and ends at *ret_end. 0: none is left. */
static int next(struct back *b, size_t *ret_begin, size_t *ret_end, struct ward_error *err)
{
	for (;;) {
		const char *nl = b->n > 0 ? memrchr(b->r.buf, '\n', b->n - 1) : NULL;

		*ret_begin = nl ? (size_t)(nl - b->r.buf) + 1 : 0;
		*ret_end = b->n > 0 ? b->n - 1 : 0;
		if (*ret_end - *ret_begin > WARD_AUDIT_LINE_MAX)
			return inconsistent(b, b->at + *ret_begin,
				"the line is longer than a record may be", err);
		if (nl || b->at == 0)
			return b->n > 0;

		int r = fill(b, err);

		if (r < 0)
			return r;
	}
}

static int visit_all(struct back *b, const struct ward_audit_visit *v, struct ward_error *err)
{
	struct needle with;
	size_t begin, end;
	int r;

	needle_init(&with, v->with);
	b->at = b->r.left;
	r = b->at > 0 ? fill(b, err) : WARD_OK;
	if (r == WARD_OK && b->n > 0 && b->r.buf[b->n - 1] != '\n')
		r = inconsistent(b, b->r.left, "the last line is torn", err);
	while (r == WARD_OK && (r = next(b, &begin, &end, err)) > 0) {
		r = has(&with, b->r.buf + begin, end - begin) ? visit(b, v, begin, end, err)
							      : WARD_OK;
		b->n = begin;
	}
	return r;
}

int ward_audit_last_with(const char *file, const char *text,
	int (*fn)(void *arg, const struct ward_json *rec, const char *line, size_t n,
		uint64_t lineno),
	void *arg, struct ward_error *err)
{
	const struct ward_audit_visit v = { fn, arg, text };
	char def[WARD_PATH_MAX];
	struct back b = { .r = { .fd = -1 } };
	int r = ward_audit_file_or_default(file, def, &file, err);

	if (r >= 0)
		r = ward_audit_reader_open(&b.r, file, err);
	if (r >= 0)
		r = visit_all(&b, &v, err);
	ward_audit_reader_done(&b.r);
	return r;
}
