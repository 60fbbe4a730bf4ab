/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a commit as bytes: little-endian, a head of fixed size, the steps, and the SHA-256 of all before it. The store entry that it
 * lies in is the caller's own, but a disk can tear and a hand can slip: nothing is believed that is not checked, and nothing is mended.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "workspace/commit/journal.h"
#include "workspace/little.h"
#include "workspace/workspace.h"

#define MAGIC "WARDCJNL"
#define RUN_ROOM 32
#define HEAD_BYTES 104u
#define HEAD_BYTES_1 96u /* of version 1 */
#define STEP_BYTES 112u /* and the path, with its NUL */
#define STEP_BYTES_5 104u
#define STEP_BYTES_4 88u /* up to version 4 */
/* What fitted as an older version needs more when its end is written as this one. */
#define BODY_MAX (WARD_JOURNAL_BYTES_MAX + (STEP_BYTES - STEP_BYTES_4) * WARD_COMMIT_STEPS_MAX)
#define READ_MAX (BODY_MAX + HEAD_BYTES + WARD_SHA256_SIZE)
#define FLUSH_BYTES (256u << 10)
#define RESOLVE (WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS)

/* ---- out ---- */

struct writer {
	int fd;
	struct ward_buf buf;
	struct ward_sha256 sum;
	int error; /* -errno */
};

static void writer_done(struct writer *w)
{
	ward_buf_done(&w->buf);
	ward_close(w->fd);
}

static void flush(struct writer *w)
{
	if (w->error == 0 && w->buf.failed)
		w->error = -ENOMEM;
	if (w->error == 0) {
		ward_sha256_update(&w->sum, w->buf.s, w->buf.n);
		w->error = ward_write_all(w->fd, w->buf.s, w->buf.n);
	}
	ward_buf_clear(&w->buf);
}

enum { INSIDE = 1, DIR_OLD = 2, WAS_OLD = 4 };
/* Those that a version has. */
static const uint8_t flags_of[WARD_JOURNAL_VERSION + 1] = { [3] = INSIDE,
	[4] = INSIDE | DIR_OLD | WAS_OLD,
	[5] = INSIDE | DIR_OLD | WAS_OLD,
	[6] = INSIDE | DIR_OLD | WAS_OLD };

static void put_head(struct ward_buf *b, const struct ward_journal *j, uint64_t body)
{
	char run[RUN_ROOM] = "";

	memcpy(run, j->run, WARD_ULID_SIZE - 1);
	ward_buf_add(b, MAGIC, 8);
	put_u32(b, WARD_JOURNAL_VERSION);
	put_u32(b, j->state);
	put_u64(b, j->n);
	put_u64(b, body);
	ward_buf_add(b, run, sizeof(run));
	put_u64(b, j->root_ino);
	put_u64(b, j->stage_ino);
	put_u64(b, j->stays);
	put_u64(b, (uint64_t)j->root_born.ns);
	put_u64(b, j->root_born.handle);
}

static void put_seen(struct ward_buf *b, const struct ward_seen *s)
{
	put_u64(b, s->ino);
	put_u64(b, s->size);
	put_u64(b, (uint64_t)s->mtime_ns);
}

static void put_owner(struct ward_buf *b, const struct ward_seen *s)
{
	put_u32(b, s->owned ? s->uid : UINT32_MAX);
	put_u32(b, s->owned ? s->gid : UINT32_MAX);
}

static void put_step(struct ward_buf *b, const struct ward_step *s)
{
	size_t n = strlen(s->path);

	ward_buf_addc(b, (char)s->kind);
	ward_buf_addc(b, (char)s->result);
	ward_buf_addc(b, (char)s->attributes);
	ward_buf_addc(b,
		(char)((s->inside ? INSIDE : 0) | (s->dir_old ? DIR_OLD : 0) |
			(s->was_old ? WAS_OLD : 0)));
	put_u32(b, (uint32_t)n);
	put_seen(b, &s->old);
	put_seen(b, &s->new);
	put_u64(b, (uint64_t)s->old_ctime_ns);
	put_u64(b, s->dir_ino);
	put_u64(b, s->layer_ino);
	put_u32(b, s->old.mode);
	put_u32(b, s->new.mode);
	put_owner(b, &s->old);
	put_owner(b, &s->new);
	put_u64(b, s->with);
	ward_buf_add(b, s->path, n + 1);
}

static int write_body(struct writer *w, const struct ward_journal *j, uint64_t body)
{
	uint8_t sum[WARD_SHA256_SIZE];

	ward_sha256_init(&w->sum);
	put_head(&w->buf, j, body);
	for (size_t i = 0; i < j->n && w->error == 0; i++) {
		put_step(&w->buf, &j->v[i]);
		if (w->buf.n >= FLUSH_BYTES)
			flush(w);
	}
	flush(w);
	ward_sha256_final(&w->sum, sum);
	if (w->error == 0)
		w->error = ward_write_all(w->fd, sum, sizeof(sum));
	if (w->error == 0 && fsync(w->fd) < 0)
		w->error = -errno;
	return w->error;
}

static uint64_t body_bytes(const struct ward_journal *j)
{
	uint64_t body = 0;

	for (size_t i = 0; i < j->n; i++)
		body += STEP_BYTES + strlen(j->v[i].path) + 1;
	return body;
}

int ward_journal_fits(const struct ward_journal *j, struct ward_error *err)
{
	int r;

	if (j->n <= WARD_COMMIT_STEPS_MAX && body_bytes(j) <= WARD_JOURNAL_BYTES_MAX)
		return WARD_OK;
	r = ward_fail(err, WARD_E_LIMIT, "too much for one commit: %zu steps", j->n);
	ward_fail_fix(err, "commit it in parts: ward commit RUN PATH...");
	return r;
}

int ward_journal_write(int dir, const struct ward_journal *j, struct ward_error *err)
{
	WARD_CLEANUP(writer_done) struct writer w = { .fd = -1 };
	uint64_t body = body_bytes(j);
	int r = j->state == WARD_JOURNAL_BEGUN ? ward_journal_fits(j, err) : WARD_OK;

	if (r < 0)
		return r;
	if (unlinkat(dir, WARD_JOURNAL_NEW, 0) < 0 && errno != ENOENT)
		r = -errno;
	if (r == 0)
		w.fd = r = ward_openat2(dir, WARD_JOURNAL_NEW, O_WRONLY | O_CREAT | O_EXCL, 0600,
			RESOLVE);
	if (r >= 0)
		r = write_body(&w, j, body);
	if (r == 0 && renameat(dir, WARD_JOURNAL_NEW, dir, WARD_JOURNAL_NAME) < 0)
		r = -errno;
	/* Half of one takes what room there was. */
	if (r < 0 && w.fd >= 0)
		(void)unlinkat(dir, WARD_JOURNAL_NEW, 0);
	if (r == 0 && fsync(dir) < 0 && errno != EINVAL)
		r = -errno;
	return r < 0
		? ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot write the journal of the commit")
		: WARD_OK;
}

int ward_journal_remove(int dir, struct ward_error *err)
{
	if (unlinkat(dir, WARD_JOURNAL_NAME, 0) < 0 && errno != ENOENT)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"cannot remove the journal of the commit");
	(void)unlinkat(dir, WARD_JOURNAL_TIMES, 0);
	(void)unlinkat(dir, WARD_JOURNAL_NEW, 0); /* of one that died; mostly there is none */
	return WARD_OK;
}

bool ward_journal_there(int dir)
{
	struct stat st;

	return fstatat(dir, WARD_JOURNAL_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- in ---- */

struct reader {
	const char *p, *end;
};

static uint32_t take_u32(struct reader *r)
{
	uint32_t v;

	memcpy(&v, r->p, sizeof(v));
	r->p += sizeof(v);
	return le32toh(v);
}

static uint64_t take_u64(struct reader *r)
{
	uint64_t v;

	memcpy(&v, r->p, sizeof(v));
	r->p += sizeof(v);
	return le64toh(v);
}

static void get_seen(struct reader *r, struct ward_seen *s)
{
	s->ino = take_u64(r);
	s->size = take_u64(r);
	s->mtime_ns = (int64_t)take_u64(r);
}

/* All ones are nobody's. */
static bool get_owner(struct reader *r, struct ward_seen *s)
{
	s->uid = take_u32(r);
	s->gid = take_u32(r);
	s->owned = s->uid != UINT32_MAX;
	return s->owned == (s->gid != UINT32_MAX) && (!s->owned || s->ino != 0);
}

/* A name below a directory, in the one way that it can be written. */
static bool sound_path(const char *p, size_t n)
{
	size_t begin = 0;

	if (n == 0 || n >= WARD_PATH_MAX || memchr(p, 0, n))
		return false;
	for (size_t i = 0; i <= n; i++) {
		size_t part = i - begin;

		if (i < n && p[i] != '/')
			continue;
		if (part == 0 || part > 255 ||
			(p[begin] == '.' && (part == 1 || (part == 2 && p[begin + 1] == '.'))))
			return false;
		begin = i + 1;
	}
	return true;
}

static bool sound_seen(const struct ward_seen *s, bool there)
{
	if (!there)
		return s->ino == 0 && s->size == 0 && s->mtime_ns == 0 && s->mode == 0;
	return s->ino != 0 && (S_ISREG(s->mode) || S_ISLNK(s->mode) || S_ISDIR(s->mode));
}

/* What is replaced or removed may be of any type. */
static bool sound_old(const struct ward_seen *s, bool there)
{
	return there ? s->ino != 0 && (s->mode & S_IFMT) != 0 : sound_seen(s, false);
}

static bool sound_step(const struct ward_step *s, enum ward_journal_state state)
{
	if (s->result > WARD_RESULT_LEFT ||
		(state == WARD_JOURNAL_BEGUN && s->result != WARD_RESULT_OPEN))
		return false;
	if ((s->attributes && s->kind != WARD_STEP_DIR) ||
		(s->inside && s->kind != WARD_STEP_PUT) ||
		(s->was_old && s->kind != WARD_STEP_TAKE && s->kind != WARD_STEP_SWAP) ||
		(s->dir_old && s->kind == WARD_STEP_DROP))
		return false;
	switch (s->kind) {
	case WARD_STEP_TAKE: return sound_old(&s->old, true) && sound_seen(&s->new, false);
	case WARD_STEP_PUT: return sound_old(&s->old, false) && sound_seen(&s->new, true);
	case WARD_STEP_SWAP: return sound_old(&s->old, true) && sound_seen(&s->new, true);
	case WARD_STEP_DIR:
		return sound_seen(&s->new, true) && S_ISDIR(s->new.mode) &&
			(s->old.ino == 0 || s->old.ino == s->new.ino) &&
			(s->old.mode == 0 || S_ISDIR(s->old.mode));
	case WARD_STEP_DROP: return sound_old(&s->old, false) && sound_seen(&s->new, false);
	case WARD_STEP_NONE: break;
	}
	return false;
}

static size_t step_bytes(uint32_t version)
{
	return version > 5 ? STEP_BYTES : version > 4 ? STEP_BYTES_5 : STEP_BYTES_4;
}

static bool get_step(struct reader *r, struct ward_step *s, const struct ward_journal *j,
	uint32_t version)
{
	uint8_t kind, result, attributes, flags;
	size_t n;

	if ((size_t)(r->end - r->p) < step_bytes(version))
		return false;
	kind = (uint8_t)r->p[0];
	result = (uint8_t)r->p[1];
	attributes = (uint8_t)r->p[2];
	flags = (uint8_t)r->p[3];
	r->p += 4;
	n = take_u32(r);
	get_seen(r, &s->old);
	get_seen(r, &s->new);
	s->old_ctime_ns = (int64_t)take_u64(r);
	s->dir_ino = take_u64(r);
	s->layer_ino = take_u64(r);
	s->old.mode = take_u32(r);
	s->new.mode = take_u32(r);
	if (version > 4 && (!get_owner(r, &s->old) || !get_owner(r, &s->new)))
		return false;
	s->with = version > 5 ? take_u64(r) : 0;
	if (kind > WARD_STEP_DROP || result > WARD_RESULT_LEFT || attributes > 1 ||
		(flags & ~flags_of[version]) != 0)
		return false;
	s->kind = kind;
	s->result = result;
	s->attributes = attributes == 1;
	s->inside = flags & INSIDE;
	s->dir_old = flags & DIR_OLD;
	s->was_old = flags & WAS_OLD;
	s->path = r->p;
	if (n >= (size_t)(r->end - r->p) || r->p[n] != '\0')
		return false;
	if (!sound_path(r->p, n) &&
		!(ward_streq(s->path, ".") && (kind == WARD_STEP_DIR || kind == WARD_STEP_DROP)))
		return false;
	r->p += n + 1;
	return sound_step(s, j->state);
}

/* The step that makes the directory which has the path's first n bytes as its name, of those before end, which stand in the order of paths. */
static bool find_directory(const struct ward_journal *j, size_t begin, size_t end, const char *path,
	size_t n, size_t *ret)
{
	while (begin < end) {
		size_t mid = begin + (end - begin) / 2;
		int r = strncmp(path, j->v[mid].path, n);

		r = r != 0 ? r : j->v[mid].path[n] ? -1 : 0;
		*ret = mid;
		if (r == 0)
			return j->v[mid].kind == WARD_STEP_PUT && S_ISDIR(j->v[mid].new.mode);
		if (r < 0)
			end = mid;
		else
			begin = mid + 1;
	}
	return false;
}

/* What is made inside a directory comes with it, or with the one that it is inside itself. */
static bool find_tops(struct ward_journal *j)
{
	size_t begin = 0, at = 0;

	/* What goes; and what was gone already. */
	while (begin < j->n &&
		(j->v[begin].kind == WARD_STEP_TAKE || j->v[begin].kind == WARD_STEP_DROP))
		begin++;
	for (size_t i = begin; i < j->n; i++) {
		struct ward_step *s = &j->v[i];
		const char *slash = s->inside ? strrchr(s->path, '/') : NULL;

		if (!s->inside)
			continue;
		if (!slash || !find_directory(j, begin, i, s->path, (size_t)(slash - s->path), &at))
			return false;
		s->top = j->v[at].inside ? j->v[at].top : at;
	}
	return true;
}

static bool are_with_others(const struct ward_journal *j)
{
	for (size_t i = 0; i < j->n; i++) {
		const struct ward_step *s = &j->v[i];
		const struct ward_step *with =
			s->with > 0 && s->with <= j->n ? &j->v[s->with - 1] : NULL;

		if (s->with == 0)
			continue;
		if (!with || with == s ||
			(s->kind != WARD_STEP_TAKE && s->kind != WARD_STEP_SWAP) ||
			(with->kind != WARD_STEP_PUT && with->kind != WARD_STEP_SWAP))
			return false;
	}
	return true;
}

static int damaged(struct ward_error *err, const char *what)
{
	int r = ward_fail(err, WARD_E_PARSE, "the journal of the commit is damaged: %s", what);

	ward_fail_fix(err,
		"it is the file %s of the run's directory in the store; nothing is done by guessing what it said. ward discard forgets the run",
		WARD_JOURNAL_NAME);
	return r;
}

static int check_frame(const char *text, size_t n, uint32_t *ret_version, struct ward_error *err)
{
	uint8_t sum[WARD_SHA256_SIZE];
	struct ward_sha256 c;
	uint32_t version;

	if (n < HEAD_BYTES_1 + sizeof(sum) || memcmp(text, MAGIC, 8) != 0)
		return damaged(err, "it does not begin as one");
	memcpy(&version, text + 8, sizeof(version));
	version = le32toh(version);
	if (version > WARD_JOURNAL_VERSION) {
		int r = ward_fail(err, WARD_E_UNSUPPORTED,
			"the journal of the commit is of version %u, and this ward knows versions up to %u",
			version, WARD_JOURNAL_VERSION);

		ward_fail_fix(err, "use the ward that began the commit, or a newer one");
		return r;
	}
	if (version == 0)
		return damaged(err, "it has no version");
	if (version > 1 && n < HEAD_BYTES + sizeof(sum))
		return damaged(err, "it does not begin as one");
	ward_sha256_init(&c);
	ward_sha256_update(&c, text, n - sizeof(sum));
	ward_sha256_final(&c, sum);
	if (memcmp(sum, text + n - sizeof(sum), sizeof(sum)) != 0)
		return damaged(err, "its checksum is that of another text");
	*ret_version = version;
	return WARD_OK;
}

/* The head; the number of its steps and bytes are true when it returns WARD_OK. */
static int get_head(struct reader *r, uint32_t version, struct ward_journal *j,
	struct ward_error *err)
{
	char run[RUN_ROOM];
	uint32_t state;
	uint64_t n, body, stays, zero = 0;

	r->p += 12;
	state = take_u32(r);
	n = take_u64(r);
	body = take_u64(r);
	memcpy(run, r->p, sizeof(run));
	r->p += sizeof(run);
	j->root_ino = take_u64(r);
	j->stage_ino = take_u64(r);
	stays = take_u64(r);
	if (version == 1) {
		zero = take_u64(r);
	} else {
		j->root_born.ns = (int64_t)take_u64(r);
		j->root_born.handle = take_u64(r);
	}
	for (size_t i = WARD_ULID_SIZE - 1; i < sizeof(run); i++)
		zero |= (uint8_t)run[i];
	if (state < WARD_JOURNAL_BEGUN || state > WARD_JOURNAL_ABORTED || stays > 1 || zero != 0 ||
		j->root_born.ns < 0)
		return damaged(err, "its head has a value that there is none of");
	if (!ward_ulid_valid(run))
		return damaged(err, "its run is no identifier");
	if (body != (uint64_t)(r->end - r->p) || n > WARD_COMMIT_STEPS_MAX ||
		n > body / (step_bytes(version) + 2))
		return damaged(err, "it is of another length than it says");
	memcpy(j->run, run, WARD_ULID_SIZE);
	j->state = state;
	j->stays = stays == 1;
	j->n = (size_t)n;
	return WARD_OK;
}

int ward_journal_parse(char *text, size_t n, struct ward_journal *ret, struct ward_error *err)
{
	WARD_CLEANUP(ward_journal_done) struct ward_journal j = { .text = text };
	struct reader r = { text, text + n };
	uint32_t version = 0;
	int code = check_frame(text, n, &version, err);

	if (code < 0)
		return code;
	r.end -= WARD_SHA256_SIZE;
	code = get_head(&r, version, &j, err);
	if (code < 0)
		return code;
	j.v = calloc(j.n + 1, sizeof(*j.v));
	if (!j.v)
		return ward_fail(err, WARD_E_NOMEM, "no memory for the journal of a commit");
	for (size_t i = 0; i < j.n; i++)
		if (!get_step(&r, &j.v[i], &j, version))
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
			return damaged(err, "a step of it says what none can say");
	if (!find_tops(&j))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return damaged(err, "a step of it lies in a directory that none before it makes");
	if (!are_with_others(&j))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return damaged(err, "a step of it goes with one that brings nothing");
	if (r.p != r.end)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return damaged(err, "something stands behind its last step");
	*ret = j;
	j.text = NULL;
	j.v = NULL;
	return WARD_OK;
}

int ward_journal_read(int dir, struct ward_journal *ret, struct ward_error *err)
{
	WARD_FD fd =
		ward_openat2(dir, WARD_JOURNAL_NAME, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, RESOLVE);
	struct ward_buf buf = { .max = READ_MAX };
	struct stat st;
	size_t n;
	int r;

	if (fd == -ENOENT)
		return ward_fail(err, WARD_E_NOTFOUND,
			"no commit of this run began that did not end");
	if (fd < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -fd,
			"cannot open the journal of the commit");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return damaged(err, "it is no regular file");
	if ((uint64_t)st.st_size > READ_MAX)
		return damaged(err, "it is larger than any that Ward writes");
	r = ward_read_fd(fd, WARD_JOURNAL_NAME, READ_MAX, &buf, err);
	if (r < 0 || buf.n == 0) {
		ward_buf_done(&buf);
		return r < 0 ? r : damaged(err, "it is empty");
	}
	n = buf.n;
	return ward_journal_parse(ward_buf_take(&buf), n, ret, err);
}

void ward_journal_done(struct ward_journal *j)
{
	free(j->text);
	free(j->v);
	*j = (struct ward_journal){ 0 };
}
