/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LOG.runs: one file for each run that has begun, from before its first record until after its last. It is locked as long as anything
 * of the run is alive; one that is left and not locked tells of a run whose ward was killed, and what it may have left. What it says is
 * a hint of where to look: the log alone says whether the run had started, and whether it has an end. docs/spec/audit.md
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log.h"

#define SUFFIX ".runs"
#define TEMPORARY ".new."
#define TRIES 16 /* whoever takes a half made one for a dead run's has it for some microseconds */
/* The lines of a run may begin this much before where the log ended when it began: a torn line was cut meanwhile. */
#define BEFORE (WARD_AUDIT_LINE_MAX + 1u)

struct ward_pending {
	int dir, fd;
	char name[WARD_ULID_SIZE];
};

int ward_pending_where(const char *log, char out[WARD_PATH_MAX])
{
	return (size_t)snprintf(out, WARD_PATH_MAX, "%s" SUFFIX, log) >= WARD_PATH_MAX
		? WARD_E_LIMIT
		: WARD_OK;
}

static int fail(const struct ward_audit *a, int sys, const char *what, struct ward_error *err)
{
	int r = ward_fail_errno(err, WARD_E_AUDIT, sys, "%s" SUFFIX " %s", a->path, what);

	ward_fail_fix(err,
		sys == ENOSPC || sys == EDQUOT
			? "free space there, or give --audit FILE on another file system"
			: "give --audit FILE in a directory that you may write");
	return r;
}

/* Fd or a code. It is nobody else's: a file in it could name what is to be taken away. */
static int open_dir(const struct ward_audit *a, bool make, struct ward_error *err)
{
	char name[WARD_PATH_MAX];
	struct stat st;
	WARD_FD fd = -1;

	(void)snprintf(name, sizeof(name), "%s" SUFFIX, a->base);
	for (int i = 0; i < 2 && fd < 0; i++) {
		fd = openat(a->dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			break;
		if (errno != ENOENT || i > 0)
			return fail(a, errno, "cannot be opened", err);
		if (!make)
			return WARD_E_NOTFOUND;
		if (mkdirat(a->dirfd, name, 0700) < 0 && errno != EEXIST)
			return fail(a, errno, "cannot be made", err);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(a, errno, "cannot be looked at", err);
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return fail(a, EPERM, "may be written by somebody else", err);
	return ward_take_fd(&fd);
}

/* ---- a run that begins ---- */

/* What is locked is a second, read-only opening: that one goes to the init, who must not be able to write. */
static int make_one(struct ward_pending *p, const char *temporary, const struct ward_buf *text)
{
	WARD_FD out = openat(p->dir, temporary,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	WARD_FD fd = -1;
	int r;

	if (out < 0)
		return -errno;
	r = fchmod(out, 0600) < 0 ? -errno : ward_write_all(out, text->s, text->n);
	if (r == 0 && flock(out, LOCK_SH | LOCK_NB) < 0)
		r = -errno;
	if (r == 0) {
		fd = openat(p->dir, temporary, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) < 0)
			r = -errno;
	}
	if (r == 0 && renameat(p->dir, temporary, p->dir, p->name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(p->dir, temporary, 0);
	else
		p->fd = ward_take_fd(&fd);
	return r;
}

int ward_pending_begin(struct ward_audit *a, const char *run, const void *text, size_t n,
	struct ward_pending **ret, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	char head[64], temporary[WARD_ULID_SIZE + sizeof(TEMPORARY)];
	struct ward_pending *p;
	struct stat st;
	int r = -EAGAIN;

	*ret = NULL;
	if (a->fd < 0)
		return WARD_OK;
	if (n > WARD_PENDING_BYTES_MAX - sizeof(head))
		return ward_fail(err, WARD_E_LIMIT, "too much to keep of a run that has begun");
	if (fstat(a->fd, &st) < 0)
		return fail(a, errno, "cannot be begun", err);
	(void)snprintf(head, sizeof(head), "%" PRIu64 " %" PRIu64, (uint64_t)st.st_ino,
		(uint64_t)st.st_size);
	ward_buf_add(&b, head, strlen(head) + 1);
	ward_buf_add(&b, text, n);
	p = b.failed ? NULL : calloc(1, sizeof(*p));
	if (!p)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	*p = (struct ward_pending){ .dir = -1, .fd = -1 };
	(void)snprintf(p->name, sizeof(p->name), "%s", run);
	(void)snprintf(temporary, sizeof(temporary), TEMPORARY "%s", run);
	p->dir = open_dir(a, true, err);
	if (p->dir < 0) {
		r = p->dir;
		free(p);
		return r;
	}
	for (int i = 0; i < TRIES; i++) {
		r = make_one(p, temporary, &b);
		if (r != -EWOULDBLOCK && r != -ENOENT && r != -EEXIST)
			break;
	}
	if (r < 0) {
		r = fail(a, -r, "cannot be written to", err);
		ward_close(p->dir);
		free(p);
		return r;
	}
	*ret = p;
	return WARD_OK;
}

int ward_pending_fd(const struct ward_pending *p)
{
	return p ? p->fd : -1;
}

void ward_pending_end(struct ward_pending *p, bool keep)
{
	if (!p)
		return;
	if (!keep)
		(void)unlinkat(p->dir, p->name, 0);
	ward_close(p->fd);
	ward_close(p->dir);
	free(p);
}

/* ---- runs that have died ---- */

/* One record of the run, if the line is one: is it its start, or its end? */
static void note_line(const struct ward_audit *a, const char *line, size_t n,
	struct ward_dead_run *d)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = NULL;
	const struct ward_json *run, *kind;
	struct ward_json *rec = NULL;

	if (!memmem(line, n, d->run, strlen(d->run)) ||
		ward_audit_line_parse(&arena, line, n, a->path, 0, &rec, NULL) < 0 ||
		rec->type != WARD_JSON_OBJECT)
		return;
	run = ward_json_get(rec, "run");
	kind = ward_json_get(rec, "kind");
	if (!run || run->type != WARD_JSON_STRING || !ward_streq(run->str.s, d->run) || !kind ||
		kind->type != WARD_JSON_STRING)
		return;
	d->started = d->started || ward_streq(kind->str.s, "run.start");
	d->ended = d->ended || ward_streq(kind->str.s, "run.end");
}

/*
 * From where the log ended when the run began. A log that is another file by now is read whole: if the run's records are not in it
 * they are in the old one, and whoever was killed with a log that was put away has no end there.
 */
static int look_into_log(const struct ward_audit *a, uint64_t ino, uint64_t from,
	struct ward_dead_run *d, struct ward_error *err)
{
	struct ward_audit_reader r = { .fd = -1 };
	const char *line;
	struct stat st;
	size_t n;
	int more = ward_audit_reader_open(&r, a->path, err);

	if (more < 0)
		return more == WARD_E_NOTFOUND ? WARD_OK : more;
	if (fstat(r.fd, &st) == 0 && st.st_ino == ino) {
		from = from > BEFORE && from <= r.left ? from - BEFORE : 0;
		if (lseek(r.fd, (off_t)from, SEEK_SET) == (off_t)from)
			r.left -= from;
	} else if (ino) {
		d->started = true;
	}
	while ((more = ward_audit_reader_next(&r, &line, &n, err)) == WARD_AUDIT_LINE)
		note_line(a, line, n, d);
	/* A line that cannot be one: what stands behind it is not known, and an end was not seen. */
	if (more == WARD_AUDIT_LONG)
		d->started = true;
	ward_audit_reader_done(&r);
	return more < 0 ? more : WARD_OK;
}

/* The name still is what was locked: else it was swept, or ended, meanwhile. */
static bool is_same(int dir, const char *name, int fd)
{
	struct stat now, st;

	return fstat(fd, &st) == 0 && fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISREG(now.st_mode) && now.st_dev == st.st_dev && now.st_ino == st.st_ino;
}

struct sweep {
	struct ward_audit *a;
	int (*fn)(void *arg, const struct ward_dead_run *d, struct ward_error *err);
	void *arg;
};

static int dead(const struct sweep *s, const char *name, int fd, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_dead_run d = { .run = name };
	uint64_t ino = 0, size = 0;
	size_t head;
	int r = ward_read_fd(fd, name, WARD_PENDING_BYTES_MAX, &b, err);

	if (r < 0)
		return r;
	/* What a crash of the machine left may be empty: then the whole log is looked at. */
	head = b.n > 0 ? strnlen(b.s, b.n) : 0;
	if (head < b.n) {
		char *end = NULL;

		ino = strtoull(b.s, &end, 10);
		size = strtoull(end, NULL, 10);
		d.text = b.s + head + 1;
		d.n = b.n - head - 1;
	}
	r = look_into_log(s->a, ino, size, &d, err);
	return r < 0 ? r : s->fn(s->arg, &d, err);
}

static int sweep_one(const struct sweep *s, int dir, const char *name, struct ward_error *err)
{
	bool temporary = ward_has_prefix(name, TEMPORARY);
	int r = WARD_OK;

	if (!temporary && !ward_ulid_valid(name))
		return WARD_OK;
	WARD_FD fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || !is_same(dir, name, fd))
		return WARD_OK;
	if (!temporary)
		r = dead(s, name, fd, err);
	if (r == WARD_OK)
		(void)unlinkat(dir, name, 0);
	return r;
}

int ward_pending_sweep(struct ward_audit *a,
	int (*fn)(void *arg, const struct ward_dead_run *d, struct ward_error *err), void *arg,
	struct ward_error *err)
{
	const struct sweep s = { a, fn, arg };
	const struct dirent *e;
	unsigned looked = 0;
	int dir, r = WARD_OK;
	DIR *d;

	if (a->fd < 0)
		return WARD_OK;
	dir = open_dir(a, false, err);
	if (dir < 0)
		return dir == WARD_E_NOTFOUND ? WARD_OK : dir;
	d = fdopendir(dir);
	if (!d) {
		ward_close(dir);
		return fail(a, errno, "cannot be looked at", err);
	}
	while (r == WARD_OK && looked++ < WARD_PENDING_LOOKS_MAX && (e = readdir(d)))
		r = sweep_one(&s, dirfd(d), e->d_name, err);
	closedir(d);
	return r;
}
