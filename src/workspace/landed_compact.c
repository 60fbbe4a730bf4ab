/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of what was landed, made smaller. What is left out is what a later record of the same path, or of the same object, has overtaken: who
 * reads the one file or the other knows the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/landed_file.h"

#define NEW_NAME WARD_LANDED_NAME ".new"

struct noted {
	const char *at; /* the record, n bytes */
	size_t n;
	const char *path;
	uint64_t ino;
	enum ward_landed_kind kind;
	bool last_of_path, last_of_object;
};

struct compacting {
	struct noted *v;
	struct noted **order;
	size_t n, cap;
	struct ward_buf out;
};

static int by_path(const void *a, const void *b)
{
	const struct noted *x = *(struct noted *const *)a, *y = *(struct noted *const *)b;
	int order = strcmp(x->path, y->path);

	return order ? order : x->at < y->at ? -1 : x->at > y->at;
}

static int by_object(const void *a, const void *b)
{
	const struct noted *x = *(struct noted *const *)a, *y = *(struct noted *const *)b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* False: no memory, or what was read before is not there any more. */
static bool find_all(struct compacting *c, const struct ward_buf *b, uint64_t end)
{
	for (size_t at = LANDED_HEAD_BYTES; at < b->n && at < end;) {
		struct noted *v = &(struct noted){ .at = b->s + at };
		struct ward_landed_seen s;

		v->n = ward_landed_record(b->s + at, b->n - at, &v->path, &s);
		if (v->n == 0)
			return false;
		if (c->n == c->cap) {
			size_t cap = c->cap ? 2 * c->cap : 1024;
			struct noted *more = realloc(c->v, cap * sizeof(*more));

			if (!more)
				return false;
			c->v = more;
			c->cap = cap;
		}
		v->kind = s.kind;
		v->ino = s.ino;
		c->v[c->n++] = *v;
		at += v->n;
	}
	return true;
}

/* Of several the last one behind the others. */
static bool find_last(struct compacting *c)
{
	struct noted **v =
		calloc(c->n + 1, sizeof(*v)); /* NOLINT(bugprone-sizeof-expression): pointers */

	if (!v)
		return false;
	c->order = v;
	for (size_t i = 0; i < c->n; i++)
		v[i] = &c->v[i];
	/* NOLINTBEGIN(bugprone-sizeof-expression): pointers */
	if (c->n > 1)
		qsort(v, c->n, sizeof(*v), by_path);
	for (size_t i = 0; i < c->n; i++)
		v[i]->last_of_path = i + 1 == c->n || !ward_streq(v[i]->path, v[i + 1]->path);
	if (c->n > 1)
		qsort(v, c->n, sizeof(*v), by_object);
	/* NOLINTEND(bugprone-sizeof-expression) */
	for (size_t i = 0; i < c->n; i++)
		v[i]->last_of_object = i + 1 == c->n || v[i]->ino != v[i + 1]->ino;
	return true;
}

/*
 * The last of each path. Of what only says that an object of the project is ours, which outlives the path (it has other names), the last of the
 * object: a ctime goes forward, so that none from before is the object's again. What an earlier record said of an object that was replaced is
 * of one that is gone.
 */
static bool is_kept(const struct noted *v)
{
	if (v->kind == WARD_LANDED_SETTLED)
		return true;
	if (v->kind == WARD_LANDED_NOTHING)
		return v->ino != 0 && v->last_of_object;
	return v->last_of_path;
}

/* Whole beside its place, then renamed: who dies in between leaves the old one or the new. */
static int replace(struct ward_landed *l, int dir, const struct ward_buf *b)
{
	WARD_FD fd = -1;
	int r;

	if (unlinkat(dir, NEW_NAME, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir, NEW_NAME, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		0600);
	if (fd < 0)
		return -errno;
	r = ward_write_all(fd, b->s, b->n);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dir, NEW_NAME, dir, WARD_LANDED_NAME) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir, NEW_NAME, 0);
		return r;
	}
	ward_close(l->fd);
	l->fd = ward_take_fd(&fd);
	l->bytes = b->n;
	if (fsync(dir) == 0 || errno == EINVAL)
		return 0;
	r = -errno;
	/* A crash may bring the old one back, which says the same, but would lack what comes now. */
	l->torn = true;
	return r;
}

static int compact(struct ward_landed *l, int dir, const struct ward_buf *b, struct compacting *c,
	struct ward_error *err)
{
	bool found = find_all(c, b, l->bytes) && find_last(c);
	int r;

	ward_buf_add(&c->out, b->s, b->n < LANDED_HEAD_BYTES ? b->n : LANDED_HEAD_BYTES);
	for (size_t i = 0; found && i < c->n; i++)
		if (is_kept(&c->v[i]))
			ward_buf_add(&c->out, c->v[i].at, c->v[i].n);
	if (!found || c->out.failed)
		return ward_fail(err, WARD_E_NOMEM, "no memory for what was made real already");
	r = c->out.n < l->bytes ? replace(l, dir, &c->out) : 0;
	return r < 0 ? ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot make smaller what was noted")
		     : WARD_OK;
}

int ward_landed_compact(struct ward_landed *l, int dir, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = LANDED_FILE_MAX + LANDED_SLACK };
	struct compacting c = { .out = { .max = LANDED_FILE_MAX + LANDED_SLACK } };
	int r;

	if (l->fd < 0 || l->late.n > 0 || l->torn || lseek(l->fd, 0, SEEK_SET) < 0)
		return WARD_OK;
	r = ward_read_fd(l->fd, WARD_LANDED_NAME, LANDED_FILE_MAX + LANDED_SLACK, &b, err);
	if (r < 0)
		return r;
	r = compact(l, dir, &b, &c, err);
	free(c.v);
	free(c.order); /* NOLINT(bugprone-multi-level-implicit-pointer-conversion) */
	ward_buf_done(&c.out);
	return r;
}
