/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verify a log: every line is a record, its hash is that of its bytes, it names the hash of the line before, and
 * numbers go up by one from 1. Stops at the first that is not so and names it. Promises no more than a
 * chain without a signature can: damage and partial edits show; a cut at a line end shows only with a head from
 * elsewhere; whoever can write the file can write another one that holds together.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/log.h"

WARD_PRINTF(3, 4)
static int bad(struct ward_audit_report *ret, uint64_t lineno, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(ret->why, sizeof(ret->why), fmt, ap);
	va_end(ap);
	ret->bad_line = lineno;
	return WARD_E_AUDIT;
}

/* What a line is that has no frame: no JSON at all says more than a missing member. */
static int bad_frame(struct ward_audit_report *ret, uint64_t lineno, const char *line, size_t n,
	const char *why)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = NULL;
	struct ward_json *rec = NULL;
	struct ward_error inner = WARD_ERROR_INIT;
	int r = ward_audit_line_parse(&a, line, n, NULL, lineno, &rec, &inner);
	if (r == WARD_E_NOMEM)
		return r;
	if (r < 0)
		return bad(ret, lineno, "bad JSON: %.200s", inner.message);
	return bad(ret, lineno, "%s", why);
}

static int check_content(struct ward_audit_report *ret, uint64_t lineno, const char *line, size_t n)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = NULL;
	struct ward_json *rec = NULL;
	struct ward_error inner = WARD_ERROR_INIT;
	char why[128];
	int r = ward_audit_line_parse(&a, line, n, NULL, lineno, &rec, &inner);
	if (r == WARD_E_NOMEM)
		return r;
	if (r < 0)
		return bad(ret, lineno, "bad JSON: %.200s", inner.message);
	if (!ward_audit_record_valid(rec, why, sizeof(why)))
		return bad(ret, lineno, "bad record: %s", why);
	return WARD_OK;
}

/* One line against what the lines before it, kept in ret, ask of it. */
static int check_line(struct ward_audit_report *ret, uint64_t lineno, const char *line, size_t n)
{
	struct ward_audit_links links;
	char why[128];
	bool framed = ward_audit_line_frame(line, n, &links, why, sizeof(why));
	ret->bad_seq = links.seq ? links.seq : ret->last_seq + 1;
	if (!framed)
		return bad_frame(ret, lineno, line, n, why);
	if (memcmp(links.prev, ret->head, sizeof(links.prev)) != 0)
		return bad(ret, lineno, "prev mismatch: it does not name the hash of %s",
			ret->records ? "the record before it" : "a first record (64 zeros)");
	if (links.seq != ret->last_seq + 1)
		return bad(ret, lineno, "seq gap: %" PRIu64 " where %" PRIu64 " is due", links.seq,
			ret->last_seq + 1);
	int r = check_content(ret, lineno, line, n);
	if (r < 0)
		return r;
	if (ret->records++ == 0)
		ret->first_seq = links.seq;
	ret->last_seq = links.seq;
	memcpy(ret->head, links.hash, sizeof(ret->head));
	ret->bad_seq = 0;
	return WARD_OK;
}

/* WARD_AUDIT_LINE: the next one, which is what the chain says. WARD_E_AUDIT: it is not, and ret has why. */
static int next_checked(struct ward_audit_reader *reader, struct ward_audit_report *ret,
	const char **ret_line, size_t *ret_n, struct ward_error *err)
{
	int r = ward_audit_reader_next(reader, ret_line, ret_n, err);
	if (r <= 0)
		return r;
	if (r == WARD_AUDIT_LINE) {
		r = check_line(ret, reader->lineno, *ret_line, *ret_n);
	} else {
		ret->torn = r == WARD_AUDIT_TORN;
		ret->bad_seq = ret->last_seq + 1;
		r = bad(ret, reader->lineno, "%s",
			ret->torn ? "torn: the last line has no end"
				  : "bad JSON: the line is longer than a record may be");
	}
	if (r == WARD_E_NOMEM)
		return ward_fail(err, r, "out of memory");
	return r < 0 ? r : WARD_AUDIT_LINE;
}

static int check_all(struct ward_audit_reader *reader, const char *head,
	struct ward_audit_report *ret, struct ward_error *err)
{
	for (;;) {
		const char *line = NULL;
		size_t n = 0;
		int r = next_checked(reader, ret, &line, &n, err);
		if (r <= 0)
			return r;
		if (head)
			ret->head_last = ward_streq(head, ret->head);
		if (head && ret->head_last)
			ret->head_seq = ret->last_seq;
	}
}

static int check_head_text(const char *head, struct ward_error *err)
{
	size_t n = strspn(head, "0123456789abcdef");
	if (n == WARD_SHA256_HEX - 1 && head[n] == '\0')
		return WARD_OK;
	int r = ward_fail(err, WARD_E_INVALID, "head \"%.100s\" is not 64 lower-case hex digits",
		head);
	ward_fail_fix(err, "give the hash that --head-to wrote");
	return r;
}

static int fail_report(const char *file, const struct ward_audit_report *rep,
	struct ward_error *err)
{
	if (!rep->bad_line)
		return ward_fail(err, WARD_E_AUDIT, "audit log %s: %s", file, rep->why);
	int r = ward_fail(err, WARD_E_AUDIT,
		"audit log %s is inconsistent at line %" PRIu64 " (seq %" PRIu64 "): %s", file,
		rep->bad_line, rep->bad_seq, rep->why);
	ward_fail_at(err, file, rep->bad_line > UINT32_MAX ? UINT32_MAX : (uint32_t)rep->bad_line,
		0);
	return r;
}

int ward_audit_verify(const char *file, const char *head, struct ward_audit_report *ret,
	struct ward_error *err)
{
	char def[WARD_PATH_MAX];
	WARD_CLEANUP(ward_audit_reader_done) struct ward_audit_reader reader = { .fd = -1 };
	if (!ret)
		return ward_fail(err, WARD_E_INVALID,
			"ward_audit_verify without a place for the report");
	*ret = (struct ward_audit_report){ .head = WARD_AUDIT_ZEROS };
	int r = head ? check_head_text(head, err) : WARD_OK;
	if (r >= 0)
		r = ward_audit_file_or_default(file, def, &file, err);
	if (r >= 0)
		r = ward_audit_reader_open(&reader, file, err);
	if (r < 0)
		return r;
	r = check_all(&reader, head, ret, err);
	if (r == WARD_OK && head && ret->head_seq == 0)
		r = bad(ret, 0, "no record has the hash %s: the log was cut, replaced or rewritten",
			head);
	if (r == WARD_E_AUDIT)
		return fail_report(file, ret, err);
	ret->ok = r == WARD_OK;
	return r;
}

/* Up to where fn has had enough: what stands behind that is not looked at. */
static int visit_own(struct ward_audit_reader *reader, const struct ward_audit_visit *v,
	struct ward_audit_report *rep, struct ward_error *err)
{
	for (;;) {
		const char *line = NULL;
		size_t n = 0;
		int r = next_checked(reader, rep, &line, &n, err);
		if (r == WARD_E_AUDIT) {
			char word[WARD_PASTE_MAX];

			(void)fail_report(reader->file, rep, err);
			/* Not one record: perhaps it is another file. */
			ward_fail_fix(err, "%srun `ward audit verify %s`",
				rep->records ? "" : "give the FILE that --audit wrote, or ",
				ward_paste(word, reader->file, "FILE"));
			return r;
		}
		if (r <= 0)
			return r;
		r = ward_audit_visit_line(reader, v, line, n, err);
		if (r != 0)
			return r;
	}
}

int ward_audit_each_own(const char *file,
	int (*fn)(void *arg, const struct ward_json *rec, const char *line, size_t n,
		uint64_t lineno),
	void *arg, struct ward_error *err)
{
	char def[WARD_PATH_MAX];
	struct ward_audit_report rep = { .head = WARD_AUDIT_ZEROS };
	struct ward_audit_reader reader = { .fd = -1 };
	const struct ward_audit_visit v = { fn, arg, NULL };
	int r = ward_audit_file_or_default(file, def, &file, err);
	if (r >= 0)
		r = ward_audit_reader_open(&reader, file, err);
	if (r >= 0)
		r = ward_audit_check_file(reader.fd, file, err);
	if (r >= 0)
		r = visit_own(&reader, &v, &rep, err);
	ward_audit_reader_done(&reader);
	return r;
}
