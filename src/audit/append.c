/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Append: lock, read the end, build the lines, one write, one sync, unlock. Either all records of a call are in
 * the file when it returns, or none. The lock is held over the sync: only so can a failed one be cut back without
 * taking the record of somebody else with it. A sync that failed once is never tried again (the kernel may have
 * dropped the pages and would then say yes): the object refuses everything from then on.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "audit/log.h"

static int fail_io(struct ward_audit *a, int sys, const char *what, struct ward_error *err)
{
	int r = ward_fail_errno(err, WARD_E_AUDIT, sys, "audit log %s: %s", a->path, what);
	ward_audit_fix(err, sys, a->path);
	return r;
}

static int fail_dead(const struct ward_audit *a, struct ward_error *err)
{
	int r = ward_fail_errno(err, WARD_E_AUDIT, a->dead,
		"audit log %s: an earlier write could not be made durable", a->path);
	ward_fail_fix(err, "run `ward audit verify %s`, then start again", a->path);
	return r;
}

/* Take back what a failed append left. If not even that works the object is of no use any more. */
static void cut_back(struct ward_audit *a, uint64_t size)
{
	if (ftruncate(a->fd, (off_t)size) < 0)
		a->dead = errno;
}

/* 0 or errno. Not past RLIMIT_FSIZE: that would raise SIGXFSZ in the caller's process. */
static int write_lines(struct ward_audit *a, const struct ward_buf *out, uint64_t size)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_FSIZE, &l) == 0 && l.rlim_cur != RLIM_INFINITY &&
		(size > l.rlim_cur || out->n > l.rlim_cur - size))
		return EFBIG;
	for (size_t done = 0; done < out->n;) {
		ssize_t n = write(a->fd, out->s + done, out->n - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		done += (size_t)n;
	}
	return 0;
}

static int store(struct ward_audit *a, const struct ward_buf *out, uint64_t size, bool durable,
	struct ward_error *err)
{
	int sys = write_lines(a, out, size);
	if (sys != 0) {
		cut_back(a, size);
		return fail_io(a, sys, "cannot be written", err);
	}
	if (durable && fdatasync(a->fd) < 0) {
		sys = errno;
		cut_back(a, size);
		a->dead = sys;
		return fail_io(a, sys, "cannot be made durable", err);
	}
	return WARD_OK;
}

/* One call of ward_audit_append. first and last: where it was written, once it was. */
struct batch {
	const struct ward_event *events;
	size_t n;
	bool durable;
	struct ward_audit_mark first, last;
};

static int build_lines(const struct ward_audit *a, struct batch *b,
	const struct ward_audit_tail *tail, struct ward_buf *out, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf line = WARD_BUF_INIT;
	struct ward_audit_stamp stamp = {
		.seq = tail->seq, .boot = a->boot, .host = a->host, .prev = tail->hash
	};
	char prev[WARD_SHA256_HEX];
	if (b->n > WARD_BUF_MAX || tail->seq > INT64_MAX / 10 - b->n)
		return ward_fail(err, WARD_E_AUDIT,
			"audit log %s: its sequence numbers are used up", a->path);
	for (size_t i = 0; i < b->n; i++) {
		stamp.seq++;
		int r = ward_audit_line_build(&line, &b->events[i], &stamp, b->last.hash, err);
		if (r < 0)
			return r;
		if (out->n + line.n + 1 > WARD_BUF_MAX)
			return ward_fail(err, WARD_E_LIMIT,
				"%zu audit records at once are too many", b->n);
		ward_buf_add(out, line.s, line.n);
		ward_buf_addc(out, '\n');
		b->last.seq = stamp.seq;
		if (i == 0)
			b->first = b->last;
		memcpy(prev, b->last.hash, sizeof(prev));
		stamp.prev = prev;
	}
	if (out->failed)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	return WARD_OK;
}

static int append_locked(struct ward_audit *a, struct batch *b, uint64_t size,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf out = WARD_BUF_INIT;
	struct ward_audit_tail tail;
	int r = ward_audit_tail(a, size, &tail, err);
	if (r >= 0)
		r = build_lines(a, b, &tail, &out, err);
	if (r >= 0)
		r = store(a, &out, tail.size, b->durable, err);
	return r;
}

static int append(struct ward_audit *a, struct batch *b, struct ward_error *err)
{
	uint64_t size = 0;
	if (a->dead)
		return fail_dead(a, err);
	if (b->n == 0 && !b->durable)
		return WARD_OK;
	int r = ward_audit_lock(a, &size, err);
	if (r < 0)
		return r;
	r = append_locked(a, b, size, err);
	ward_audit_unlock_fd(a->fd);
	return r;
}

int ward_audit_append(struct ward_audit *a, const struct ward_event *events, size_t n, bool durable,
	struct ward_audit_mark *ret_first, struct ward_audit_mark *ret_last, struct ward_error *err)
{
	const struct ward_audit_mark none = { 0, WARD_AUDIT_ZEROS };
	struct batch b = { events, n, durable, none, none };
	int r = WARD_OK;
	if (ret_first)
		*ret_first = none;
	if (ret_last)
		*ret_last = none;
	if (!a || (n > 0 && !events))
		return ward_fail(err, WARD_E_INVALID, "ward_audit_append without a log or events");
	for (size_t i = 0; i < n && r >= 0; i++)
		r = ward_audit_event_check(&events[i], err);
	if (r < 0 || a->fd < 0)
		return r;
	pthread_mutex_lock(&a->mutex);
	r = append(a, &b, err);
	pthread_mutex_unlock(&a->mutex);
	if (r < 0)
		return r;
	if (ret_first)
		*ret_first = b.first;
	if (ret_last)
		*ret_last = b.last;
	return WARD_OK;
}
