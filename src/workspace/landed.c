/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of what was made real while its run lives. It lies in the store entry, which no run sees; a crash tears at most its end off, and
 * what is forgotten so looks as if somebody else had changed the project: a conflict, and nothing is lost. docs/spec/workspace.md
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/commit/commit.h"
#include "workspace/landed_file.h"
#include "workspace/little.h"
#include "workspace/store.h"

#define MAGIC "WARDLAND"
#define VERSION 1u
#define FIRST_SLOTS 256u

struct entry {
	const char *path;
	struct ward_landed_seen s;
};

struct object {
	uint64_t ino; /* 0: free */
	int64_t ctime_ns;
};

static int no_memory(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "no memory for what was made real already");
}

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* ---- found by path ---- */

/* Seeded, so that nobody who names files can say which meet. */
static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	h ^= h >> 32;
	return h;
}

static size_t slot_of(const struct ward_landed *l, const char *path)
{
	uint64_t h = l->seed;

	for (const char *p = path; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u + (h >> 47);
	for (size_t at = mix(h) & (l->n_slots - 1);; at = (at + 1) & (l->n_slots - 1))
		if (l->slots[at] == 0 || ward_streq(l->v[l->slots[at] - 1].path, path))
			return at;
}

static struct entry *find(const struct ward_landed *l, const char *path)
{
	size_t at = slot_of(l, path);

	return l->slots[at] ? &l->v[l->slots[at] - 1] : NULL;
}

static bool grow(struct ward_landed *l)
{
	size_t n = l->n_slots ? 2 * l->n_slots : FIRST_SLOTS;
	uint32_t *slots = calloc(n, sizeof(*slots));
	struct entry *v = realloc(l->v, n / 2 * sizeof(*v));

	if (v) {
		l->v = v;
		l->cap = n / 2;
	}
	if (!slots || !v) {
		free(slots);
		return false;
	}
	free(l->slots);
	l->slots = slots;
	l->n_slots = n;
	for (size_t i = 0; i < l->n; i++)
		l->slots[slot_of(l, l->v[i].path)] = (uint32_t)i + 1;
	return true;
}

/* ---- found by what it is ---- */

static size_t object_slot(const struct ward_landed *l, uint64_t ino, int64_t ctime_ns)
{
	uint64_t h = mix(mix(ino ^ l->seed) ^ (uint64_t)ctime_ns);

	for (size_t at = h & (l->n_object_slots - 1);; at = (at + 1) & (l->n_object_slots - 1)) {
		const struct object *o = &l->objects[at];

		if (o->ino == 0 || (o->ino == ino && o->ctime_ns == ctime_ns))
			return at;
	}
}

static bool grow_objects(struct ward_landed *l)
{
	struct object *old = l->objects;
	size_t n = l->n_object_slots, k = n ? 2 * n : FIRST_SLOTS;

	l->objects = calloc(k, sizeof(*l->objects));
	if (!l->objects) {
		l->objects = old;
		return false;
	}
	l->n_object_slots = k;
	for (size_t i = 0; i < n; i++)
		if (old[i].ino)
			l->objects[object_slot(l, old[i].ino, old[i].ctime_ns)] = old[i];
	free(old);
	return true;
}

static bool keep_object(struct ward_landed *l, uint64_t ino, int64_t ctime_ns)
{
	size_t at;

	if (ino == 0 || ctime_ns == 0)
		return true;
	if (2 * l->n_objects >= l->n_object_slots && !grow_objects(l))
		return false;
	at = object_slot(l, ino, ctime_ns);
	l->n_objects += l->objects[at].ino == 0;
	l->objects[at] = (struct object){ ino, ctime_ns };
	return true;
}

static bool keep(struct ward_landed *l, const char *path, const struct ward_landed_seen *s)
{
	struct entry *e;

	if (s->kind == WARD_LANDED_SETTLED) {
		l->settled = true;
		return true;
	}
	if (l->n == l->cap && !grow(l))
		return false;
	e = find(l, path);
	if (!e) {
		path = ward_arena_strdup(l->arena, path);
		if (!path)
			return false;
		l->slots[slot_of(l, path)] = (uint32_t)l->n + 1;
		e = &l->v[l->n++];
		e->path = path;
	}
	e->s = *s;
	return keep_object(l, s->ino, s->ctime_ns);
}

const struct ward_landed_seen *ward_landed_get(const struct ward_landed *l, const char *path)
{
	const struct entry *e = l->n > 0 ? find(l, path) : NULL;

	return e && e->s.kind != WARD_LANDED_NOTHING ? &e->s : NULL;
}

bool ward_landed_ours(const struct ward_landed *l, const struct stat *st)
{
	return l && l->n_objects > 0 &&
		l->objects[object_slot(l, st->st_ino, ns_of(&st->st_ctim))].ino != 0;
}

/* ---- the file ---- */

static void put_record(struct ward_buf *b, const char *path, const struct ward_landed_seen *s)
{
	uint8_t sum[WARD_SHA256_SIZE];
	struct ward_sha256 h;
	size_t at = b->n, n = strlen(path);

	put_u32(b, (uint32_t)n);
	put_u32(b, s->kind);
	put_u64(b, s->layer_ino);
	put_u64(b, s->layer_size);
	put_u64(b, (uint64_t)s->layer_ctime_ns);
	put_u64(b, s->ino);
	put_u64(b, (uint64_t)s->ctime_ns);
	ward_buf_add(b, path, n + 1);
	if (b->failed)
		return;
	ward_sha256_init(&h);
	ward_sha256_update(&h, b->s + at, b->n - at);
	ward_sha256_final(&h, sum);
	ward_buf_add(b, sum, LANDED_SUM_BYTES);
}

size_t ward_landed_record(const char *p, size_t n, const char **ret_path,
	struct ward_landed_seen *ret)
{
	uint8_t sum[WARD_SHA256_SIZE];
	struct ward_sha256 h;
	size_t path, whole;

	if (n < LANDED_RECORD_BYTES)
		return 0;
	path = get_u32(p);
	if (path == 0 || path >= WARD_PATH_MAX ||
		n < LANDED_RECORD_BYTES + path + 1 + LANDED_SUM_BYTES)
		return 0;
	whole = LANDED_RECORD_BYTES + path + 1;
	ward_sha256_init(&h);
	ward_sha256_update(&h, p, whole);
	ward_sha256_final(&h, sum);
	*ret = (struct ward_landed_seen){ .kind = get_u32(p + 4),
		.layer_ino = get_u64(p + 8),
		.layer_size = get_u64(p + 16),
		.layer_ctime_ns = (int64_t)get_u64(p + 24),
		.ino = get_u64(p + 32),
		.ctime_ns = (int64_t)get_u64(p + 40) };
	*ret_path = p + LANDED_RECORD_BYTES;
	if (memcmp(sum, p + whole, LANDED_SUM_BYTES) != 0 ||
		memchr(*ret_path, 0, path + 1) != *ret_path + path ||
		ret->kind > WARD_LANDED_SETTLED)
		return 0;
	return whole + LANDED_SUM_BYTES;
}

static int wrong(struct ward_error *err, const char *what)
{
	int r = ward_fail(err, WARD_E_PARSE,
		"what was made real while the run lived is not known: %s", what);

	ward_fail_fix(err,
		"it is the file %s of the run's directory in the store; ward discard forgets the run",
		WARD_LANDED_NAME);
	return r;
}

static int parse(struct ward_landed *l, const struct ward_buf *b, struct ward_error *err)
{
	size_t at = LANDED_HEAD_BYTES, n;

	/* Its head is on the disk before anything is made real: of a torn one nothing was. */
	if (b->n < LANDED_HEAD_BYTES)
		return WARD_OK;
	if (memcmp(b->s, MAGIC, 8) != 0)
		return wrong(err, "it does not begin as such a file");
	if (get_u32(b->s + 8) != VERSION)
		return wrong(err, "it is of another version");
	while (at < b->n) {
		struct ward_landed_seen s;
		const char *path;

		n = ward_landed_record(b->s + at, b->n - at, &path, &s);
		if (n == 0)
			break; /* torn by a crash, or being written */
		if (!keep(l, path, &s))
			return no_memory(err);
		at += n;
	}
	l->bytes = at;
	return WARD_OK;
}

static int write_head(struct ward_landed *l, int fd)
{
	struct ward_buf b = WARD_BUF_INIT;
	int r;

	ward_buf_add(&b, MAGIC, 8);
	put_u32(&b, VERSION);
	put_u32(&b, 0);
	r = b.failed ? -ENOMEM : ftruncate(fd, 0) < 0 ? -errno : ward_write_all(fd, b.s, b.n);
	ward_buf_done(&b);
	l->bytes = LANDED_HEAD_BYTES;
	return r == 0 && fsync(fd) < 0 ? -errno : r;
}

static int begin(struct ward_landed *l, int dir)
{
	int r;

	l->fd = openat(dir, WARD_LANDED_NAME,
		O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (l->fd < 0)
		return -errno;
	r = write_head(l, l->fd);
	if (r == 0 && fsync(dir) < 0 && errno != EINVAL)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, WARD_LANDED_NAME, 0);
	return r;
}

static int load(struct ward_landed *l, int fd, bool to_write, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = LANDED_FILE_MAX + LANDED_SLACK };
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return wrong(err, "it is no regular file");
	if ((uint64_t)st.st_size > LANDED_FILE_MAX + LANDED_SLACK)
		return wrong(err, "it is larger than any that Ward writes");
	r = ward_read_fd(fd, WARD_LANDED_NAME, LANDED_FILE_MAX + LANDED_SLACK, &b, err);
	if (r == WARD_OK)
		r = parse(l, &b, err);
	if (r < 0 || !to_write)
		return r;
	if (l->bytes == 0)
		r = write_head(l, fd);
	else if (l->bytes < b.n && ftruncate(fd, (off_t)l->bytes) < 0)
		r = -errno;
	return r < 0 ? ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot cut what a crash left") : r;
}

int ward_landed_load(int dir, bool make, bool to_write, struct ward_landed **ret,
	struct ward_error *err)
{
	WARD_FD fd = openat(dir, WARD_LANDED_NAME,
		(to_write ? O_RDWR | O_APPEND : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW |
			O_CLOEXEC);
	struct ward_landed *l;
	int r = WARD_OK;

	*ret = NULL;
	if (fd < 0 && (errno != ENOENT || !make))
		return errno == ENOENT ? WARD_OK
				       : ward_fail_errno(err, WARD_E_SYSTEM, errno,
						 "cannot open what was made real already");
	l = calloc(1, sizeof(*l));
	if (!l)
		return no_memory(err);
	l->fd = -1;
	l->max = LANDED_FILE_MAX;
	l->late.max = LANDED_FILE_MAX + LANDED_SLACK;
	/* Each text is a record's, and takes no more there than that. */
	l->arena = ward_arena_new(LANDED_FILE_MAX + LANDED_SLACK);
	if (!l->arena || ward_random(&l->seed, sizeof(l->seed)) < 0 || !grow(l) ||
		!grow_objects(l)) {
		r = no_memory(err);
	} else if (fd >= 0) {
		r = load(l, fd, to_write, err);
		l->fd = to_write ? ward_take_fd(&fd) : -1;
	} else {
		r = begin(l, dir);
		r = r < 0 ? ward_fail_errno(err, WARD_E_SYSTEM, -r,
				    "cannot note in the store what is made real")
			  : WARD_OK;
	}
	if (r < 0)
		ward_landed_free(l);
	else
		*ret = l;
	return r;
}

void ward_landed_free(struct ward_landed *l)
{
	if (!l)
		return;
	ward_close(l->fd);
	ward_buf_done(&l->late);
	ward_arena_free(l->arena);
	free(l->v);
	free(l->slots);
	free(l->objects);
	free(l);
}

static bool is_same(const struct ward_landed_seen *a, const struct ward_landed_seen *b)
{
	return a->kind == b->kind && a->layer_ino == b->layer_ino &&
		a->layer_size == b->layer_size && a->layer_ctime_ns == b->layer_ctime_ns &&
		a->ino == b->ino && a->ctime_ns == b->ctime_ns;
}

int ward_landed_add(struct ward_landed *l, const char *path, const struct ward_landed_seen *s,
	struct ward_error *err)
{
	const struct entry *was = l->n > 0 ? find(l, path) : NULL;
	size_t n = LANDED_RECORD_BYTES + strlen(path) + 1 + LANDED_SUM_BYTES, before = l->late.n;

	if (l->fd < 0)
		return ward_fail(err, WARD_E_INTERNAL, "what is only looked at is not noted");
	/* Said already: whoever goes on where another died says all of it again. */
	if (was && is_same(&was->s, s))
		return WARD_OK;
	if (s->kind != WARD_LANDED_SETTLED && l->bytes + l->late.n + n > l->max)
		return ward_fail(err, WARD_E_LIMIT,
			"more was made real while the run lives than can be noted");
	put_record(&l->late, path, s);
	if (l->late.failed)
		l->late.n = before; /* half a record is not written with the others */
	return l->late.failed || !keep(l, path, s) ? no_memory(err) : WARD_OK;
}

void ward_landed_bound(struct ward_landed *l, uint64_t max)
{
	l->max = max;
}

bool ward_landed_room(const struct ward_landed *l, size_t n_bytes)
{
	return !l->torn && l->bytes + l->late.n + n_bytes <= l->max / 3 * 2;
}

int ward_landed_touch(struct ward_landed *l, const char *path, const struct stat *st,
	struct ward_error *err)
{
	const struct ward_landed_seen *was = ward_landed_get(l, path);
	struct ward_landed_seen s = { .kind = WARD_LANDED_TOUCHED };

	if (was && was->kind != WARD_LANDED_GONE)
		s = *was;
	s.ino = st->st_ino;
	s.ctime_ns = ns_of(&st->st_ctim);
	return ward_landed_add(l, path, &s, err);
}

/* Nothing may come behind half a record: who reads it stops there. */
static int write_late(struct ward_landed *l, bool sync)
{
	int r = l->late.n == 0 ? 0 : l->torn ? -EIO : ward_write_all(l->fd, l->late.s, l->late.n);

	if (r == 0 && sync && (l->late.n > 0 || l->unsynced) && fdatasync(l->fd) < 0)
		r = -errno;
	if (r < 0) {
		l->torn = l->torn || ftruncate(l->fd, (off_t)l->bytes) < 0;
		return r;
	}
	l->unsynced = !sync && (l->unsynced || l->late.n > 0);
	l->bytes += l->late.n;
	ward_buf_clear(&l->late);
	return 0;
}

int ward_landed_flush(struct ward_landed *l, struct ward_error *err)
{
	int r = write_late(l, false);

	return r < 0 ? ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot note what was given back")
		     : WARD_OK;
}

int ward_landed_sync(struct ward_landed *l, struct ward_error *err)
{
	int r = write_late(l, true);

	if (r == 0)
		return WARD_OK;
	(void)ward_fail_errno(err, WARD_E_SYSTEM, -r,
		"cannot note in the store what was made real");
	if (r == -ENOSPC || r == -EDQUOT)
		ward_fail_fix(err, "make room where the store is, then again");
	return WARD_E_SYSTEM;
}

bool ward_landed_is_large(const struct ward_landed *l)
{
	return l->bytes > l->max / 2;
}

/* ---- what it says of changes ---- */

static bool is_as_landed(const struct ward_landed_seen *s, uint64_t ino, mode_t mode, uint64_t size,
	int64_t ctime_ns)
{
	if (s->layer_ino == 0 || s->layer_ino != ino)
		return false;
	return S_ISDIR(mode)
		? s->layer_size == (mode & 07777)
		: s->layer_size == size && s->layer_ctime_ns != 0 && s->layer_ctime_ns == ctime_ns;
}

bool ward_landed_is(const struct ward_landed *l, const char *path, const struct stat *layer,
	const struct stat *root)
{
	const struct ward_landed_seen *s = ward_landed_get(l, path);

	return s && s->kind == WARD_LANDED_OBJECT && s->ino == root->st_ino &&
		s->ctime_ns == ns_of(&root->st_ctim) &&
		is_as_landed(s, layer->st_ino, layer->st_mode, (uint64_t)layer->st_size,
			ns_of(&layer->st_ctim));
}

/* What the project has is what was landed: then a difference is of the layer alone. */
static bool project_is(const struct reader *r, const char *path, const struct ward_landed_seen *s)
{
	WARD_FD fd = ward_beneath(r->root, path, 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == s->ino &&
		ns_of(&st.st_ctim) == s->ctime_ns;
}

static bool layer_has(int layer, const char *path)
{
	WARD_FD fd = ward_beneath(layer, path, 0);

	return fd >= 0 || (fd != -ENOENT && fd != -ENOTDIR);
}

/* The project got it after the run had the directory for itself, or had it removed: the run knows nothing of it. */
static bool is_below_landed(const struct ward_landed *l, const char *path)
{
	char dir[WARD_PATH_MAX];
	size_t n = strlen(path);

	memcpy(dir, path, n + 1);
	for (char *slash; (slash = strrchr(dir, '/'));) {
		const struct ward_landed_seen *s;

		*slash = '\0';
		s = ward_landed_get(l, dir);
		if (s && s->kind != WARD_LANDED_TOUCHED)
			return true;
	}
	return false;
}

static bool is_no_change(const struct reader *r, const struct ward_change *c)
{
	const struct ward_landed_seen *s = ward_landed_get(r->landed, c->path);

	if (c->kind == WARD_CHANGE_DELETED) {
		if (s && s->kind != WARD_LANDED_TOUCHED)
			return s->kind == WARD_LANDED_GONE;
		return is_below_landed(r->landed, c->path) && !layer_has(r->layer, c->path);
	}
	if (!s || s->kind == WARD_LANDED_GONE ||
		!is_as_landed(s, c->ino, c->mode, c->size, c->ctime_ns))
		return false;
	return S_ISDIR(c->mode) || !project_is(r, c->path, s);
}

/* In a directory that was new to the overlay the removal of what was landed leaves no whiteout. */
static int add_gone(struct reader *r, const char *path)
{
	struct ward_change *c;
	struct stat st;
	WARD_FD fd = -1;
	int code = WARD_OK;

	if (layer_has(r->layer, path))
		return WARD_OK;
	fd = ward_beneath(r->root, path, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return WARD_OK;
	c = ward_change_add(r, path, &code);
	if (!c)
		return code;
	c->kind = WARD_CHANGE_DELETED;
	c->was_mode = st.st_mode;
	c->was_size = S_ISDIR(st.st_mode) ? 0 : (uint64_t)st.st_size;
	return WARD_OK;
}

static bool is_listed(const struct ward_changes *c, size_t n, const char *path)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(path, c->v[mid].path);

		if (order == 0)
			return true;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

int ward_landed_filter(struct reader *r)
{
	const struct ward_landed *l = r->landed;
	struct ward_changes *c = r->out;
	size_t n = 0;
	int code = WARD_OK;

	for (size_t i = 0; i < c->n; i++)
		if (!is_no_change(r, &c->v[i]))
			c->v[n++] = c->v[i];
	c->n = n;
	for (size_t i = 0; i < l->n && code == WARD_OK && !l->settled; i++)
		if (l->v[i].s.kind == WARD_LANDED_OBJECT && !is_listed(c, n, l->v[i].path))
			code = add_gone(r, l->v[i].path);
	if (code == WARD_OK && c->n > n)
		ward_changes_sort(c);
	return code;
}

/* ---- the end ---- */

static int by_path(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The directory that path lies in is one in the layer: else that one says what is gone. */
static int leave_whiteout(struct ward_way *way, int layer, int root, const char *path)
{
	WARD_CLEANUP(ward_commit_give_back) struct ward_lent lent = { .fd = -1 };
	struct ward_held held = WARD_HELD_INIT;
	struct stat st;
	int r = ward_commit_look(&held, root, path, &st);

	ward_commit_let_go(&held);
	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR || r == -ELOOP ? 0 : r;
	r = ward_commit_borrow(way, layer, path, false, &lent);
	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR || r == -ELOOP ? 0 : r;
	if (mknodat(lent.fd, lent.name, S_IFCHR, 0) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

int ward_landed_settle(struct ward_landed *l, int layer, int root, struct ward_error *err)
{
	WARD_CLEANUP(ward_way_done) struct ward_way way = { .n = 0 };
	const struct ward_landed_seen settled = { .kind = WARD_LANDED_SETTLED };
	const char **paths;
	size_t n = 0;
	int r = 0;

	if (l->settled)
		return WARD_OK;
	paths = calloc(l->n + 1, sizeof(*paths)); /* NOLINT(bugprone-sizeof-expression): pointers */
	if (!paths)
		return no_memory(err);
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].s.kind == WARD_LANDED_OBJECT)
			paths[n++] = l->v[i].path;
	if (n > 1)
		qsort(paths, n, sizeof(*paths),
			by_path); /* NOLINT(bugprone-sizeof-expression): pointers */
	for (size_t i = 0; i < n && r == 0; i++)
		r = leave_whiteout(&way, layer, root, paths[i]);
	free(paths);
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r,
			"cannot note in the layer what the run removed again");
	r = ward_landed_add(l, ".", &settled, err);
	return r == WARD_OK ? ward_landed_sync(l, err) : r;
}
