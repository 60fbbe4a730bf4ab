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
#include <time.h>
#include <unistd.h>

#include "audit/log.h"

#define SUFFIX ".runs"
#define TEMPORARY ".new."
#define ENDED ".ended" /* behind the name of a run that has its end, but has left something */
#define TRIES 16 /* whoever takes a half made one for a dead run's has it for some microseconds */
/* The lines of a run may begin this much before where the log ended when it began: a torn line was cut meanwhile. */
#define BEFORE (WARD_AUDIT_LINE_MAX + 1u)
#define FOREIGN_OLD (24 * 3600) /* seconds, from where on another machine's run is told of */
#define HEAD_MAX (WARD_PENDING_BYTES_MAX - WARD_PENDING_TEXT_MAX)

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

bool ward_pending_alive(const char *log, const char *run)
{
	char dir[WARD_PATH_MAX], path[WARD_PATH_MAX + WARD_ULID_SIZE + 1];
	WARD_FD fd = -1;

	if (ward_pending_where(log, dir) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, run);
	fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static int fail(const struct ward_audit *a, int sys, const char *what, struct ward_error *err)
{
	int r = ward_fail_errno(err, WARD_E_AUDIT, sys, "%s" SUFFIX " %s", a->path, what);

	ward_audit_fix(err, sys, a->path);
	return r;
}

/* A run goes on without a file of its own where there is no place for one, or no lock: it is less, but it is not what holds the run. */
static int fail_making(const struct ward_audit *a, int sys, const char *what,
	struct ward_error *err)
{
	static const int without[] = { EACCES, EROFS, EPERM, ENOLCK, EOPNOTSUPP, ENOSYS };
	int r = fail(a, sys, what, err);

	for (size_t i = 0; i < WARD_ARRAY_SIZE(without); i++) {
		if (sys == without[i])
			r = WARD_E_UNSUPPORTED;
	}
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
			return fail_making(a, errno, "cannot be made", err);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(a, errno, "cannot be looked at", err);
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return fail(a, EPERM, "may be written by somebody else", err);
	return ward_take_fd(&fd);
}

/* ---- a run that begins ---- */

/*
 * What is locked is a second, read-only opening: that one goes to the init, who must not be able to write. The first is for reading
 * too: where flock is done with ranges of bytes (NFS, CIFS) a shared lock takes a descriptor that reads, an exclusive one one that writes.
 */
static int make_one(struct ward_pending *p, const char *temporary, const struct ward_buf *text)
{
	WARD_FD out =
		openat(p->dir, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
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
	char head[HEAD_MAX], temporary[WARD_ULID_SIZE + sizeof(TEMPORARY)];
	struct ward_pending *p;
	struct stat st;
	int r = -EAGAIN;

	*ret = NULL;
	if (a->fd < 0)
		return WARD_OK;
	if (n > WARD_PENDING_TEXT_MAX)
		return ward_fail(err, WARD_E_LIMIT, "too much to keep of a run that has begun");
	if (fstat(a->fd, &st) < 0)
		return fail(a, errno, "cannot be begun", err);
	(void)snprintf(head, sizeof(head), "%" PRIu64 " %" PRIu64 " %" PRIu64 " %s %s",
		(uint64_t)st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_dev, a->boot, a->host);
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
		r = fail_making(a, -r, "cannot be written to", err);
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

void ward_pending_end(struct ward_pending *p, enum ward_pending_left left)
{
	char ended[WARD_ULID_SIZE + sizeof(ENDED)];

	if (!p)
		return;
	(void)snprintf(ended, sizeof(ended), "%s" ENDED, p->name);
	if (left == WARD_PENDING_NOTHING)
		(void)unlinkat(p->dir, p->name, 0);
	else if (left == WARD_PENDING_ENDED)
		(void)renameat(p->dir, p->name, p->dir, ended);
	ward_close(p->fd);
	ward_close(p->dir);
	free(p);
}

/* ---- runs that have died ---- */

struct dead {
	char name[WARD_ULID_SIZE + sizeof(ENDED)], run[WARD_ULID_SIZE];
	int fd; /* exclusive lock */
	struct ward_buf b;
	uint64_t ino, size, dev; /* of the log when it began; 0 = not known */
};

struct sweep {
	struct ward_audit *a;
	const struct ward_pending_found *found;
	int dir;
	size_t n;
	struct dead of[WARD_PENDING_DEAD_MAX];
	struct ward_dead_run runs[WARD_PENDING_DEAD_MAX];
};

/* Somebody else's run is no reason to refuse this one. No memory is one everywhere. */
static int warn(const struct sweep *s, int r, const struct ward_error *why, struct ward_error *err)
{
	if (r == WARD_E_NOMEM)
		return ward_fail(err, r, "out of memory");
	s->found->warn(s->found->arg, why->message);
	return WARD_OK;
}

static int warn_errno(const struct sweep *s, const char *name, int sys, const char *what,
	struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;

	(void)ward_fail_errno(&why, WARD_E_AUDIT, sys, "%s" SUFFIX "/%s %s", s->a->path, name,
		what);
	return warn(s, WARD_E_AUDIT, &why, err);
}

/* A record of one of the runs, if the line is one: is it its start, or its end? */
static int note_line(struct sweep *s, const char *line, size_t n)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = NULL;
	const struct ward_json *run, *kind;
	struct ward_json *rec = NULL;
	bool named = false;
	int r;

	for (size_t i = 0; i < s->n && !named; i++)
		named = memmem(line, n, s->of[i].run, strlen(s->of[i].run)) != NULL;
	if (!named)
		return WARD_OK;
	r = ward_audit_line_parse(&arena, line, n, s->a->path, 0, &rec, NULL);
	if (r < 0 || rec->type != WARD_JSON_OBJECT)
		return r == WARD_E_NOMEM ? r : WARD_OK;
	run = ward_json_get(rec, "run");
	kind = ward_json_get(rec, "kind");
	if (!run || run->type != WARD_JSON_STRING || !kind || kind->type != WARD_JSON_STRING)
		return WARD_OK;
	for (size_t i = 0; i < s->n; i++) {
		struct ward_dead_run *d = &s->runs[i];

		if (!ward_streq(run->str.s, d->run))
			continue;
		d->started = d->started || ward_streq(kind->str.s, "run.start");
		d->ended = d->ended || ward_streq(kind->str.s, "run.end");
	}
	return WARD_OK;
}

/*
 * From where the log ended when the first of them began. A log that is another file by now, or was cut, is read whole: if a run's records
 * are not in it they are in the old one, and whoever was killed with a log that was put away has no end there. A device's number may be
 * another one after each boot, of the same file: then it is read whole, too, but what it does not have has not been.
 */
static uint64_t look_from(struct sweep *s, const struct stat *st, uint64_t size)
{
	uint64_t from = size;

	for (size_t i = 0; i < s->n; i++) {
		const struct dead *of = &s->of[i];
		uint64_t mine = 0;

		if (s->runs[i].ended)
			continue;
		if (of->ino == st->st_ino && of->dev == st->st_dev && of->size <= size)
			mine = of->size > BEFORE ? of->size - BEFORE : 0;
		else if (of->ino && (of->ino != st->st_ino || of->size > size))
			s->runs[i].started = true;
		from = mine < from ? mine : from;
	}
	return from;
}

static int look_into_log(struct sweep *s, struct ward_error *err)
{
	struct ward_audit_reader r = { .fd = -1 };
	const char *line;
	struct stat st = { 0 };
	uint64_t from;
	size_t n;
	int more = ward_audit_reader_open(&r, s->a->path, err);

	if (more < 0)
		return more == WARD_E_NOTFOUND ? WARD_OK : more;
	if (fstat(r.fd, &st) < 0)
		st.st_ino = 0;
	from = look_from(s, &st, r.left);
	if (lseek(r.fd, (off_t)from, SEEK_SET) == (off_t)from)
		r.left -= from;
	while ((more = ward_audit_reader_next(&r, &line, &n, err)) == WARD_AUDIT_LINE) {
		more = note_line(s, line, n);
		if (more < 0)
			break;
	}
	/* A line that cannot be one: what stands behind it is not known, and an end was not seen. */
	for (size_t i = 0; i < s->n && more == WARD_AUDIT_LONG; i++)
		s->runs[i].started = true;
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

/* False: it is of another machine, whose locks may not be seen here. Of this one is who has its boot, or its name. */
static bool read_head(const struct ward_audit *a, struct dead *of)
{
	char *end = NULL;
	const char *boot, *host;

	of->ino = strtoull(of->b.s, &end, 10);
	of->size = strtoull(end, &end, 10);
	of->dev = strtoull(end, &end, 10);
	boot = *end == ' ' ? end + 1 : "";
	host = strchr(boot, ' ');
	return !host || ward_streq(host + 1, a->host) ||
		((size_t)(host - boot) == strlen(a->boot) &&
			memcmp(boot, a->boot, strlen(a->boot)) == 0);
}

/*
 * Another machine's that may be alive there, in spite of its lock. Nobody there may be left to end it (a container that had a name of its
 * own), so that one that is old is told of, and who reads that knows better.
 */
static int leave_to_others(const struct sweep *s, const struct dead *of, int fd,
	struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;
	struct stat st;

	if (fstat(fd, &st) == 0 && time(NULL) - st.st_mtime < FOREIGN_OLD)
		return WARD_OK;
	(void)ward_fail(&why, WARD_E_AUDIT,
		"%s" SUFFIX
		"/%s is of another machine, or of a container with another name, and may be alive there; if it is not, remove that file",
		s->a->path, of->name);
	return warn(s, WARD_E_AUDIT, &why, err);
}

/* It is one of those that are looked at, if it can be read. Takes fd, then. */
static int add_dead(struct sweep *s, const char *name, int *fd, struct ward_error *err)
{
	struct dead *of = &s->of[s->n];
	struct ward_dead_run *d = &s->runs[s->n];
	struct ward_error why = WARD_ERROR_INIT;
	char path[WARD_PATH_MAX + 64];
	size_t head;
	int r;

	*of = (struct dead){ .fd = -1, .b = WARD_BUF_INIT };
	(void)snprintf(path, sizeof(path), "%s" SUFFIX "/%s", s->a->path, name);
	(void)snprintf(of->name, sizeof(of->name), "%s", name);
	(void)snprintf(of->run, sizeof(of->run), "%.*s", WARD_ULID_SIZE - 1, name);
	r = ward_read_fd(*fd, path, WARD_PENDING_BYTES_MAX, &of->b, &why);
	if (r < 0) {
		ward_buf_done(&of->b);
		return warn(s, r, &why, err);
	}
	*d = (struct ward_dead_run){ .run = of->run, .ended = name[WARD_ULID_SIZE - 1] != '\0' };
	/* What a crash of the machine left may be empty: then the whole log is looked at. */
	head = of->b.n > 0 ? strnlen(of->b.s, of->b.n) : 0;
	if (head < of->b.n) {
		if (!read_head(s->a, of)) {
			ward_buf_done(&of->b);
			return leave_to_others(s, of, *fd, err);
		}
		d->text = of->b.s + head + 1;
		d->n = of->b.n - head - 1;
	}
	of->fd = ward_take_fd(fd);
	s->n++;
	return WARD_OK;
}

/* ULID, or ULID.ended */
static bool is_name(const char *name)
{
	char run[WARD_ULID_SIZE];

	if (strlen(name) < WARD_ULID_SIZE - 1)
		return false;
	memcpy(run, name, WARD_ULID_SIZE - 1);
	run[WARD_ULID_SIZE - 1] = '\0';
	name += WARD_ULID_SIZE - 1;
	return ward_ulid_valid(run) && (*name == '\0' || ward_streq(name, ENDED));
}

static int look_at(struct sweep *s, const char *name, struct ward_error *err)
{
	bool temporary = ward_has_prefix(name, TEMPORARY);

	if (!temporary && !is_name(name))
		return WARD_OK;
	WARD_FD fd = openat(s->dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? WARD_OK
				       : warn_errno(s, name, errno, "cannot be looked at", err);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !is_same(s->dir, name, fd))
		return WARD_OK;
	if (!temporary)
		return add_dead(s, name, &fd, err);
	(void)unlinkat(s->dir, name, 0);
	return WARD_OK;
}

/* Where there are more names than a start looks at, each begins somewhere else: who cannot be swept is in nobody's way. */
static int collect(struct sweep *s, DIR *d, struct ward_error *err)
{
	const struct dirent *e;
	size_t n = 0, skip;
	int r = WARD_OK;

	while (readdir(d))
		n++;
	rewinddir(d);
	skip = n > WARD_PENDING_LOOKS_MAX ? ward_now_mono_ns() / 1000 % n : 0;
	while (skip-- > 0 && readdir(d))
		;
	n = n > WARD_PENDING_LOOKS_MAX ? WARD_PENDING_LOOKS_MAX : n;
	for (size_t i = 0; i < n && s->n < WARD_PENDING_DEAD_MAX && r == WARD_OK; i++) {
		e = readdir(d);
		if (!e) {
			rewinddir(d);
			e = readdir(d);
		}
		if (!e)
			break;
		r = look_at(s, e->d_name, err);
	}
	return r;
}

static bool all_ended(const struct sweep *s)
{
	size_t i = 0;

	while (i < s->n && s->runs[i].ended)
		i++;
	return i == s->n;
}

static int bury(struct sweep *s, struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;
	int r = all_ended(s) ? WARD_OK : look_into_log(s, &why);

	if (r < 0)
		return warn(s, r, &why, err);
	r = s->n > 0 ? s->found->fn(s->found->arg, s->runs, s->n, err) : WARD_OK;
	for (size_t i = 0; i < s->n && r == WARD_OK; i++)
		(void)unlinkat(s->dir, s->of[i].name, 0);
	return r;
}

int ward_pending_sweep(struct ward_audit *a, const struct ward_pending_found *found,
	struct ward_error *err)
{
	struct sweep s = { .a = a, .found = found };
	int dir, r;
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
	s.dir = dirfd(d);
	r = collect(&s, d, err);
	if (r == WARD_OK)
		r = bury(&s, err);
	for (size_t i = 0; i < s.n; i++) {
		ward_close(s.of[i].fd);
		ward_buf_done(&s.of[i].b);
	}
	closedir(d);
	return r;
}
