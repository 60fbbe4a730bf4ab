/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of the log: what a new record is chained onto. Called under the lock. Reads a few KB, more only for a long
 * line, and believes the last line no more than its own hash. A last line without its newline is what a crash leaves:
 * it was never acknowledged, and goes into FILE.torn. Nothing else is ever repaired: a whole line that is damaged stops
 * every new run, until a person has looked.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/log.h"

#define WINDOW_FIRST 4096u
/* A whole line of maximal length, its newline, the newline before it, and a torn line of maximal length behind. */
#define WINDOW_MAX (2 * (WARD_AUDIT_LINE_MAX + 2u))

struct window { /* the last n bytes of the file */
	char *s;
	size_t n;
	uint64_t start; /* offset of s in the file */
};

static void window_done(struct window *w)
{
	free(w->s);
}

static int fail_read(const struct ward_audit *a, int sys, struct ward_error *err)
{
	return ward_fail_errno(err, WARD_E_AUDIT, sys, "audit log %s cannot be read", a->path);
}

static int window_read(const struct ward_audit *a, uint64_t size, size_t want, struct window *w,
	struct ward_error *err)
{
	size_t n = size < want ? (size_t)size : want;
	char *s = realloc(w->s, n ? n : 1);
	if (!s) {
		(void)ward_fail(err, WARD_E_NOMEM, "out of memory");
		return WARD_E_NOMEM;
	}
	*w = (struct window){ s, n, size - n };
	for (size_t got = 0; got < n;) {
		ssize_t r = pread(a->fd, s + got, n - got, (off_t)(w->start + got));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return fail_read(a, r < 0 ? errno : EIO, err);
		got += (size_t)r;
	}
	return WARD_OK;
}

/* Count the line that begins at offset: only for the message of a log that is refused. */
static uint64_t line_number(const struct ward_audit *a, uint64_t offset)
{
	char chunk[16384];
	uint64_t line = 1;
	for (uint64_t at = 0; at < offset;) {
		size_t want = offset - at < sizeof(chunk) ? (size_t)(offset - at) : sizeof(chunk);
		ssize_t n = pread(a->fd, chunk, want, (off_t)at);
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			line += chunk[i] == '\n';
		at += (uint64_t)n;
	}
	return line;
}

static int inconsistent(const struct ward_audit *a, uint64_t offset, const char *why,
	struct ward_error *err)
{
	uint64_t line = line_number(a, offset);
	char word[WARD_PASTE_MAX];
	int r = ward_fail(err, WARD_E_AUDIT, "audit log %s is inconsistent at line %" PRIu64 ": %s",
		a->path, line, why);
	ward_fail_fix(err,
		"run `ward audit verify %s`; then move the file away, or give --audit FILE",
		ward_paste(word, a->path, "FILE"));
	ward_fail_at(err, a->path, line > UINT32_MAX ? UINT32_MAX : (uint32_t)line, 0);
	return r;
}

/* Offset in w behind the last newline before end; SIZE_MAX: there is none in the window. */
static size_t line_start(const struct window *w, size_t end)
{
	const char *nl = memrchr(w->s, '\n', end);
	if (nl)
		return (size_t)(nl - w->s) + 1;
	return w->start == 0 ? 0 : SIZE_MAX;
}

/* The last whole line of the window lies in [*ret_begin, *ret_end); *ret_end is where a torn one begins. */
static int find_last(const struct ward_audit *a, uint64_t size, struct window *w, size_t *ret_begin,
	size_t *ret_end, struct ward_error *err)
{
	for (size_t want = WINDOW_FIRST;; want *= 4) {
		want = want < WINDOW_MAX ? want : WINDOW_MAX;
		int r = window_read(a, size, want, w, err);
		if (r < 0)
			return r;
		*ret_end = line_start(w, w->n);
		*ret_begin = *ret_end == SIZE_MAX || *ret_end == 0 ? *ret_end
								   : line_start(w, *ret_end - 1);
		if (*ret_end != SIZE_MAX && w->n - *ret_end > WARD_AUDIT_LINE_MAX)
			return inconsistent(a, w->start + *ret_end,
				"the last line is longer than a record may be", err);
		if (*ret_begin != SIZE_MAX)
			return WARD_OK;
		if (want == WINDOW_MAX)
			return inconsistent(a, size, "the last line is longer than a record may be",
				err);
	}
}

/* Keep the torn bytes beside the log, then cut them off. In this order: a crash in between loses nothing. */
static int cut_torn(struct ward_audit *a, const char *torn, size_t n, uint64_t size,
	struct ward_error *err)
{
	char name[WARD_PATH_MAX + 8];
	snprintf(name, sizeof(name), "%s.torn", a->base);
	WARD_FD fd = ward_audit_open_file(a, name, err);
	if (fd < 0)
		return fd;
	int sys = -ward_write_all(fd, torn, n);
	if (sys == 0)
		sys = -ward_write_all(fd, "\n", 1);
	if (sys == 0 && fdatasync(fd) < 0)
		sys = errno;
	if (sys == 0 && ftruncate(a->fd, (off_t)size) < 0)
		sys = errno;
	if (sys == 0 && fdatasync(a->fd) < 0)
		a->dead = sys = errno;
	if (sys != 0) {
		int r = ward_fail_errno(err, WARD_E_AUDIT, sys,
			"audit log %s: its torn last line cannot be cut into %s.torn", a->path,
			a->path);
		ward_audit_fix(err, sys, a->path);
		return r;
	}
	a->torn += n;
	return WARD_OK;
}

/* Could these bytes be the beginning of a record? Else the file is not a log, and not ours to cut. */
static bool begins_like_record(const char *s, size_t n)
{
	size_t want = sizeof(WARD_AUDIT_HEAD_KEY) - 1;
	return memcmp(s, WARD_AUDIT_HEAD_KEY, n < want ? n : want) == 0;
}

/* seq and hash of a whole line. One that is byte for byte what we built ourselves need not be hashed again. */
static bool read_line(const struct ward_audit *a, const char *line, size_t n,
	struct ward_audit_tail *ret, char *why, size_t size)
{
	if (a->made.seq != 0 && n == a->line.n && memcmp(line, a->line.s, n) == 0) {
		ret->seq = a->made.seq;
		memcpy(ret->hash, a->made.hash, sizeof(ret->hash));
		return true;
	}
	struct ward_audit_links links;
	if (!ward_audit_line_frame(line, n, &links, why, size))
		return false;
	ret->seq = links.seq;
	memcpy(ret->hash, links.hash, sizeof(ret->hash));
	return true;
}

int ward_audit_tail(struct ward_audit *a, uint64_t size, struct ward_audit_tail *ret,
	struct ward_error *err)
{
	*ret = (struct ward_audit_tail){ .size = size, .hash = WARD_AUDIT_ZEROS };
	if (size == 0)
		return WARD_OK;
	WARD_CLEANUP(window_done) struct window w = { 0 };
	size_t begin = 0, end = 0;
	int r = find_last(a, size, &w, &begin, &end, err);
	if (r < 0)
		return r;
	if (end > 0) {
		char why[128];
		size_t n = end - 1 - begin;
		bool ok = n <= WARD_AUDIT_LINE_MAX &&
			read_line(a, w.s + begin, n, ret, why, sizeof(why));
		if (!ok)
			return inconsistent(a, w.start + begin,
				n > WARD_AUDIT_LINE_MAX ? "the line is too long" : why, err);
	} else if (!begins_like_record(w.s, w.n)) {
		return inconsistent(a, 0, "it does not begin like an audit log", err);
	}
	if (end == w.n)
		return WARD_OK;
	ret->size = w.start + end;
	return cut_torn(a, w.s + end, w.n - end, ret->size, err);
}
