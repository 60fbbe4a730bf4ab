/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read a log line by line in bounded memory: one record of maximal length and one chunk. The log is read as it was
 * when it was opened: its size is taken under the readers' lock, so that a writer in the middle of its write is not
 * taken for a torn line. The file may be any copy by any name; only that it is a regular file is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/log.h"

#define CHUNK (64u << 10)
#define BUF_SIZE (WARD_AUDIT_LINE_MAX + 1 + CHUNK)

int ward_audit_file_or_default(const char *file, char *buf, const char **ret,
	struct ward_error *err)
{
	*ret = file;
	if (file && file[0] != '\0')
		return WARD_OK;
	if (file)
		return ward_fail(err, WARD_E_INVALID, "the name of the audit log is empty");
	*ret = buf;
	return ward_audit_default_path(buf, WARD_PATH_MAX, err);
}

static int fail_open(struct ward_error *err, int sys, const char *file)
{
	int r = ward_fail_errno(err,
		sys == ENOENT || sys == ENOTDIR ? WARD_E_NOTFOUND : WARD_E_SYSTEM, sys,
		"audit log %s cannot be opened", file);
	if (sys == ENOENT)
		ward_fail_fix(err, "give the FILE that --audit wrote");
	return r;
}

int ward_audit_reader_open(struct ward_audit_reader *r, const char *file, struct ward_error *err)
{
	struct stat st;
	*r = (struct ward_audit_reader){ .fd = -1, .file = file };
	WARD_FD fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fail_open(err, errno, file);
	if (fstat(fd, &st) < 0)
		return fail_open(err, errno, file);
	if (!S_ISREG(st.st_mode)) {
		(void)ward_fail(err, WARD_E_INVALID, "audit log %s is %s", file,
			S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
		ward_fail_fix(err,
			"give the FILE that --audit wrote, or none for the log of this user");
		return WARD_E_INVALID;
	}
	int sys = -ward_audit_lock_fd(fd, F_RDLCK);
	if (sys == ETIMEDOUT)
		return ward_fail(err, WARD_E_SYSTEM,
			"audit log %s: another process has held its lock for %u s", file,
			WARD_AUDIT_LOCK_WAIT_MS / 1000);
	/* A file system without locks has no writers either that would hold one. */
	if (fstat(fd, &st) < 0)
		return fail_open(err, errno, file);
	if (sys == 0)
		ward_audit_unlock_fd(fd);
	r->buf = malloc(BUF_SIZE);
	if (!r->buf) {
		(void)ward_fail(err, WARD_E_NOMEM, "out of memory");
		return WARD_E_NOMEM;
	}
	r->left = (uint64_t)st.st_size;
	r->fd = ward_take_fd(&fd);
	return WARD_OK;
}

void ward_audit_reader_done(struct ward_audit_reader *r)
{
	ward_close(r->fd);
	free(r->buf);
	*r = (struct ward_audit_reader){ .fd = -1 };
}

/* Get more bytes behind the unread ones. 0 at the end of the log. */
static int fill(struct ward_audit_reader *r, struct ward_error *err)
{
	if (r->start > 0) {
		memmove(r->buf, r->buf + r->start, r->end - r->start);
		r->end -= r->start;
		r->seen -= r->start;
		r->start = 0;
	}
	size_t want = BUF_SIZE - r->end;
	if (want > r->left)
		want = (size_t)r->left;
	ssize_t n = 0;
	while (want > 0 && (n = read(r->fd, r->buf + r->end, want)) < 0 && errno == EINTR)
		;
	if (n < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "audit log %s cannot be read",
			r->file);
	if (n == 0)
		r->left =
			0; /* it was cut while we read: the rest is seen as torn, or is not there */
	r->end += (size_t)n;
	r->left -= (uint64_t)n;
	return n > 0 ? 1 : 0;
}

int ward_audit_reader_next(struct ward_audit_reader *r, const char **ret, size_t *ret_n,
	struct ward_error *err)
{
	if (!r->buf)
		return ward_fail(err, WARD_E_INTERNAL, "an audit log is read that is not open");
	for (;;) {
		const char *nl = memchr(r->buf + r->seen, '\n', r->end - r->seen);
		size_t line_end = nl ? (size_t)(nl - r->buf) : r->end;
		*ret = r->buf + r->start;
		*ret_n = line_end - r->start;
		if (*ret_n > WARD_AUDIT_LINE_MAX) {
			r->lineno++;
			return WARD_AUDIT_LONG;
		}
		if (nl) {
			r->start = r->seen = line_end + 1;
			r->lineno++;
			return WARD_AUDIT_LINE;
		}
		r->seen = r->end;
		int got = fill(r, err);
		if (got < 0)
			return got;
		if (got > 0)
			continue;
		*ret = r->buf + r->start;
		*ret_n = r->end - r->start;
		r->start = r->end;
		r->lineno += *ret_n > 0;
		return *ret_n > 0 ? WARD_AUDIT_TORN : WARD_AUDIT_END;
	}
}

int ward_audit_fail_line(const struct ward_audit_reader *r, const char *why, struct ward_error *err)
{
	char word[WARD_PASTE_MAX];
	int e = ward_fail(err, WARD_E_AUDIT, "audit log %s is inconsistent at line %" PRIu64 ": %s",
		r->file, r->lineno, why);
	ward_fail_at(err, r->file, r->lineno > UINT32_MAX ? UINT32_MAX : (uint32_t)r->lineno, 0);
	ward_fail_fix(err, "run `ward audit verify %s`", ward_paste(word, r->file, "FILE"));
	return e;
}

int ward_audit_visit_line(const struct ward_audit_reader *reader, const struct ward_audit_visit *v,
	const char *line, size_t n, struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = NULL;
	struct ward_json *rec = NULL;
	struct ward_error inner = WARD_ERROR_INIT;
	int r = ward_audit_line_parse(&a, line, n, reader->file, reader->lineno, &rec, &inner);
	if (r == WARD_E_NOMEM)
		return ward_fail(err, r, "out of memory");
	if (r < 0)
		return ward_audit_fail_line(reader, inner.message, err);
	return v->fn(v->arg, rec, line, n, reader->lineno);
}

static int visit_all(struct ward_audit_reader *reader, const struct ward_audit_visit *v,
	struct ward_error *err)
{
	for (;;) {
		const char *line = "";
		size_t n = 0;
		int r = ward_audit_reader_next(reader, &line, &n, err);
		if (r == WARD_AUDIT_TORN)
			return ward_audit_fail_line(reader, "the last line is torn", err);
		if (r == WARD_AUDIT_LONG)
			return ward_audit_fail_line(reader,
				"the line is longer than a record may be", err);
		if (r != WARD_AUDIT_LINE)
			return r;
		r = ward_audit_visit_line(reader, v, line, n, err);
		if (r != 0)
			return r;
	}
}

static int visit_file(const char *file, const struct ward_audit_visit *v, struct ward_error *err)
{
	char def[WARD_PATH_MAX];
	struct ward_audit_reader reader = { .fd = -1 };
	int r = ward_audit_file_or_default(file, def, &file, err);
	if (r >= 0)
		r = ward_audit_reader_open(&reader, file, err);
	if (r >= 0)
		r = visit_all(&reader, v, err);
	ward_audit_reader_done(&reader);
	return r;
}

int ward_audit_each(const char *file,
	int (*fn)(void *arg, const struct ward_json *rec, const char *line, size_t n,
		uint64_t lineno),
	void *arg, struct ward_error *err)
{
	const struct ward_audit_visit v = { fn, arg, NULL };

	return visit_file(file, &v, err);
}
