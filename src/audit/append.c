/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Append: lock, read the end, build the lines, one write, unlock; then one sync, if it has to be durable. Either all
 * records of a call are in the file when it returns, or the call fails.
 *
 * The lock is not held over the sync, so that writers do not queue behind each other's disk and the file system can
 * commit many of them at once. Somebody else may therefore chain onto lines that are not on the disk yet. That takes
 * nothing from him: his own sync waits for all of the file, ours included, and an error of the disk is told once to every
 * open file, to his as to ours. What is new is only what can be done after a sync that failed. If the file still ends
 * where our lines ended, nobody built upon them and they are cut back. Else they stay, as records that nobody was told
 * of, whose run was refused: to take them out would break the chain of those who were told. They are written into
 * the page cache a second time then, because the kernel may have dropped them, and whoever comes next must find them
 * to be written down, with what he adds himself. docs/spec/audit.md has what remains.
 *
 * A sync that failed once is never tried again (the kernel may have dropped the pages and would then say yes): the
 * object refuses everything from then on.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log.h"

#define MANY \
	16 /* records at once, some 600 bytes each: the processor is asked whether it can sum by itself */

static int fail_io(struct ward_audit *a, int sys, const char *what, struct ward_error *err)
{
	int r = ward_fail_errno(err, WARD_E_AUDIT, sys, "audit log %s: %s", a->path, what);
	ward_audit_fix(err, sys, a->path);
	return r;
}

static int fail_dead(const struct ward_audit *a, struct ward_error *err)
{
	char word[WARD_PASTE_MAX];
	int r = ward_fail_errno(err, WARD_E_AUDIT, a->dead,
		"audit log %s: an earlier write could not be made durable", a->path);
	ward_fail_fix(err, "run `ward audit verify %s`, then start again",
		ward_paste(word, a->path, "FILE"));
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
	return -ward_write_all(a->fd, out->s, out->n);
}

/* The same bytes at the same place, so that their pages are dirty again. The object is dead: O_APPEND is not missed. */
static void write_again(const struct ward_audit *a, const struct ward_buf *out, uint64_t start)
{
	int flags = fcntl(a->fd, F_GETFL);
	if (flags < 0 || fcntl(a->fd, F_SETFL, flags & ~O_APPEND) < 0)
		return;
	for (size_t done = 0; done < out->n;) {
		ssize_t n = pwrite(a->fd, out->s + done, out->n - done, (off_t)(start + done));
		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

/* A file that was cut and has grown again (a rotation by copy) holds somebody else's lines there. */
static bool ours(const struct ward_audit *a, const struct ward_buf *out, uint64_t start)
{
	char text[4096];
	for (size_t done = 0; done < out->n;) {
		size_t want = out->n - done < sizeof(text) ? out->n - done : sizeof(text);
		ssize_t n = pread(a->fd, text, want, (off_t)(start + done));
		if (n <= 0 || memcmp(text, out->s + done, (size_t)n) != 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/*
 * The sync of lines that lie at start failed. Under the lock of the file that was written, whatever its name is now.
 * Without the lock, or where our lines are no more, nothing is touched.
 */
static void after_failed_sync(struct ward_audit *a, const struct ward_buf *out, uint64_t start)
{
	struct stat st = { 0 };
	uint64_t end = start + out->n;
	if (out->n == 0 || ward_audit_lock_fd(a->fd, F_WRLCK) < 0)
		return;
	(void)fstat(a->fd, &st);
	if ((uint64_t)st.st_size >= end && ours(a, out, start)) {
		if ((uint64_t)st.st_size == end)
			cut_back(a, start);
		else
			write_again(a, out, start);
	}
	ward_audit_unlock_fd(a->fd);
}

/* Without the lock; sys: 0, or why the sync failed. */
static int synced(struct ward_audit *a, int sys, const struct ward_buf *out, uint64_t start,
	struct ward_error *err)
{
	if (sys == 0)
		return WARD_OK;
	a->dead = sys;
	int r = fail_io(a, sys, "cannot be made durable", err);
	after_failed_sync(a, out, start);
	return r;
}

static void *sync_ahead(void *arg)
{
	struct ward_audit *a = arg;
	a->ahead.sys = fdatasync(a->fd) == 0 ? 0 : errno;
	return NULL;
}

/* Nothing is done with the file, and none of its descriptors changes, before this. */
static int settle(struct ward_audit *a, struct ward_error *err)
{
	if (!a->ahead.running)
		return WARD_OK;
	(void)pthread_join(a->ahead.thread, NULL);
	a->ahead.running = false;
	int r = synced(a, a->ahead.sys, &a->ahead.out, a->ahead.start, err);
	ward_buf_done(&a->ahead.out);
	return r;
}

/* Where no thread is to be had it is waited for at once. */
static int sync_lines(struct ward_audit *a, bool ahead, struct ward_buf *out, uint64_t start,
	struct ward_error *err)
{
	if (ahead && ward_thread_start(&a->ahead.thread, sync_ahead, a) == 0) {
		a->ahead.running = true;
		a->ahead.start = start;
		a->ahead.out = *out;
		*out = (struct ward_buf)WARD_BUF_INIT;
		return WARD_OK;
	}
	return synced(a, fdatasync(a->fd) == 0 ? 0 : errno, out, start, err);
}

/* One call of ward_audit_append. first and last: where it was written, once it was. */
struct batch {
	const struct ward_event *events;
	size_t n;
	bool durable, ahead;
	struct ward_audit_mark first, last;
};

static int build_lines(struct ward_audit *a, struct batch *b, const struct ward_audit_tail *tail,
	struct ward_buf *out, struct ward_error *err)
{
	struct ward_buf *line = &a->line;
	struct ward_ulids ids = { .n = b->n };
	struct ward_audit_stamp stamp = { .seq = tail->seq,
		.boot = a->boot,
		.host = a->host,
		.prev = tail->hash,
		.of_many = b->n >= MANY,
		.ids = &ids };
	char prev[WARD_SHA256_HEX];
	if (b->n > WARD_BUF_MAX || tail->seq > INT64_MAX / 10 - b->n)
		return ward_fail(err, WARD_E_AUDIT,
			"audit log %s: its sequence numbers are used up", a->path);
	for (size_t i = 0; i < b->n; i++) {
		stamp.seq++;
		a->made.seq = 0;
		int r = ward_audit_line_build(line, &b->events[i], &stamp, b->last.hash, err);
		if (r < 0)
			return r;
		if (out->n + line->n + 1 > WARD_BUF_MAX)
			return ward_fail(err, WARD_E_LIMIT,
				"%zu audit records at once are too many", b->n);
		ward_buf_add(out, line->s, line->n);
		ward_buf_addc(out, '\n');
		b->last.seq = stamp.seq;
		a->made = b->last;
		stamp.before = &b->events[i];
		if (i == 0) {
			b->first = b->last;
			ward_buf_expect(out, b->n < MANY ? 0 : b->n * (line->n + 32));
		}
		memcpy(prev, b->last.hash, sizeof(prev));
		stamp.prev = prev;
	}
	if (out->failed)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	return WARD_OK;
}

/* *ret_start: where in the file the lines begin. */
static int append_locked(struct ward_audit *a, struct batch *b, struct ward_buf *out, uint64_t size,
	uint64_t *ret_start, struct ward_error *err)
{
	struct ward_audit_tail tail;
	int r = ward_audit_tail(a, size, &tail, err);
	if (r >= 0)
		r = build_lines(a, b, &tail, out, err);
	if (r < 0)
		return r;
	*ret_start = tail.size;
	int sys = write_lines(a, out, tail.size);
	if (sys == 0)
		return WARD_OK;
	cut_back(a, tail.size);
	return fail_io(a, sys, "cannot be written", err);
}

static int append(struct ward_audit *a, struct batch *b, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf out = WARD_BUF_INIT;
	uint64_t size = 0, start = 0;
	int r = settle(a, err);
	if (r < 0)
		return r;
	if (a->dead)
		return fail_dead(a, err);
	if (b->n == 0 && !b->durable)
		return WARD_OK;
	r = ward_audit_lock(a, &size, err);
	if (r < 0)
		return r;
	r = append_locked(a, b, &out, size, &start, err);
	ward_audit_unlock_fd(a->fd);
	return r >= 0 && b->durable ? sync_lines(a, b->ahead, &out, start, err) : r;
}

static int append_batch(struct ward_audit *a, struct batch *b, struct ward_audit_mark *ret_first,
	struct ward_audit_mark *ret_last, struct ward_error *err)
{
	const struct ward_audit_mark none = { 0, WARD_AUDIT_ZEROS };
	int r = WARD_OK;
	b->first = none;
	b->last = none;
	if (ret_first)
		*ret_first = none;
	if (ret_last)
		*ret_last = none;
	if (!a || (b->n > 0 && !b->events))
		return ward_fail(err, WARD_E_INVALID, "ward_audit_append without a log or events");
	for (size_t i = 0; i < b->n && r >= 0; i++)
		r = ward_audit_event_check(&b->events[i], err);
	if (r < 0 || a->fd < 0)
		return r;
	pthread_mutex_lock(&a->mutex);
	r = append(a, b, err);
	pthread_mutex_unlock(&a->mutex);
	if (r < 0)
		return r;
	if (ret_first)
		*ret_first = b->first;
	if (ret_last)
		*ret_last = b->last;
	return WARD_OK;
}

int ward_audit_append(struct ward_audit *a, const struct ward_event *events, size_t n, bool durable,
	struct ward_audit_mark *ret_first, struct ward_audit_mark *ret_last, struct ward_error *err)
{
	struct batch b = { .events = events, .n = n, .durable = durable };
	return append_batch(a, &b, ret_first, ret_last, err);
}

int ward_audit_append_ahead(struct ward_audit *a, const struct ward_event *events, size_t n,
	struct ward_audit_mark *ret_first, struct ward_audit_mark *ret_last, struct ward_error *err)
{
	struct batch b = { .events = events, .n = n, .durable = true, .ahead = true };
	return append_batch(a, &b, ret_first, ret_last, err);
}

int ward_audit_settle(struct ward_audit *a, struct ward_error *err)
{
	if (!a)
		return ward_fail(err, WARD_E_INVALID, "ward_audit_settle without a log");
	pthread_mutex_lock(&a->mutex);
	int r = settle(a, err);
	if (r >= 0 && a->dead) /* somebody else heard of it */
		r = fail_dead(a, err);
	pthread_mutex_unlock(&a->mutex);
	return r;
}
