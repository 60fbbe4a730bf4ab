/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was made real while its run lives stays in the layer, which the run writes. Instead it is noted what the layer had and what the project
 * has of it now, so that neither counts as a change of the run's, nor as one of somebody else's, until it is another.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "workspace/commit/inside.h"
#include "workspace/index/index.h"
#include "workspace/landed.h"

#define SETTLE_STEP ((off_t)4 << 20)
#define SETTLES_MAX 4096 /* of one file */

bool ward_commit_is_old(const struct ward_commit *c, const struct stat *st)
{
	return ward_commit_ns(&st->st_ctim) < c->since_ns || ward_landed_ours(c->landed, st) ||
		ward_indexes_seen(c->indexes, st);
}

/* ---- while it is copied ---- */

bool ward_commit_stops(const struct ward_commit *c)
{
	return c->j.stays && c->stop && atomic_load(c->stop);
}

static int settle_range(int fd, off_t at, off_t n)
{
	return sync_file_range(fd, at, n,
		       SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
			       SYNC_FILE_RANGE_WAIT_AFTER) < 0 &&
			errno != EINVAL && errno != ESPIPE && errno != ENOSYS
		? -errno
		: 0;
}

/* In pieces: who waits for the end of it does not wait for all of a large file. The last one is to its end, wherever that is by then. */
int ward_commit_settle(const struct ward_commit *c, int fd)
{
	struct stat st;
	off_t at = 0, step = SETTLE_STEP;
	int r = 0;

	if (!c->j.stays)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* A run can make a file of any size, which is holes for the most part. */
	if (st.st_size / SETTLES_MAX > step)
		step = st.st_size / SETTLES_MAX;
	for (; r == 0 && st.st_size - at > step; at += step)
		r = ward_commit_stops(c) ? -ECANCELED : settle_range(fd, at, step);
	return r < 0 ? r : settle_range(fd, at, 0);
}

bool ward_commit_is_still(const struct ward_commit *c, int fd, struct ward_step *s)
{
	const struct ward_change *change = c->change[s - c->j.v];
	struct stat st;

	s->layer_ctime_ns = change->ctime_ns;
	return !c->j.stays ||
		(fstat(fd, &st) == 0 && st.st_ino == change->ino &&
			(uint64_t)st.st_size == change->size && st.st_mode == change->mode &&
			ward_commit_ns(&st.st_ctim) == change->ctime_ns);
}

int ward_commit_not_now(const struct ward_commit *c, int code, struct ward_step *s,
	struct ward_error *err)
{
	static const int signs[] = { ESTALE, EIO, ENOENT, ENOTDIR, ELOOP, EACCES };

	for (size_t i = 0; c->j.stays && err && code == WARD_E_SYSTEM && i < WARD_ARRAY_SIZE(signs);
		i++) {
		if (err->sys_errno != signs[i])
			continue;
		s->moved = true;
		return ward_fail(err, WARD_E_REFUSED,
			"'%s' was written to by the run while it was read", s->path);
	}
	return code;
}

void ward_commit_leave_moved(const struct ward_commit *c)
{
	for (size_t i = 0; i < c->j.n; i++)
		if (c->j.v[i].moved)
			ward_commit_leave(c, c->j.v[i].path,
				"was written to by the run while it was read");
}

/* The project's may be written anew as soon as it is there: what it says is known before. */
void ward_commit_know_indexes(const struct ward_commit *c)
{
	ward_indexes_none_come(c->indexes);
	for (size_t i = c->put_begin; c->j.stays && c->indexes && i < c->put_end; i++) {
		const struct ward_step *s = &c->j.v[i];
		char made[WARD_COMMIT_MADE_MAX];
		WARD_FD fd = -1;

		if (!S_ISREG(s->new.mode) || !ward_indexes_counts(s->path))
			continue;
		ward_commit_made(c, i, made);
		fd = ward_commit_open(c->stage, made,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
		if (fd >= 0)
			ward_indexes_comes(c->indexes, fd, s->path, s->layer_ino,
				s->layer_ctime_ns);
	}
}

/* ---- noted ---- */

/*
 * Where there is no room for it, it is not noted, and that ends no commit: none could be finished or taken back otherwise. What is not noted is
 * safe. The layer has what was made real as it was made real, so it is no change until somebody else changes the project's, and then it is a
 * conflict; a name that is gone is as gone as the layer says, or a conflict where somebody made it again. What the run removed again without a
 * trace, in a directory of its own, stays in the project. Taken back, what stands there of an earlier landing is of what the layer does not
 * have any more, since nobody can give a file a ctime back. While the run lives ward_landed_room() is asked before.
 */
static int add(struct ward_commit *c, const char *path, const struct ward_landed_seen *seen,
	struct ward_error *err)
{
	struct ward_error full = WARD_ERROR_INIT;
	int r = ward_landed_add(c->landed, path, seen, &full);

	if (r < 0 && r != WARD_E_LIMIT && err)
		*err = full;
	return r == WARD_E_LIMIT ? WARD_OK : r;
}

/*
 * What was replaced or taken has other names yet: that it loses this one is a ctime, and by us. So it loses it now, and not when the staging
 * directory goes.
 */
static int note_names(struct ward_commit *c, size_t i, struct ward_error *err)
{
	const struct ward_step *s = &c->j.v[i];
	struct ward_landed_seen seen = { .kind = WARD_LANDED_NOTHING };
	char staged[WARD_COMMIT_NAME_MAX];
	WARD_FD fd = -1;
	struct stat st;

	if (s->result != WARD_RESULT_DONE || !S_ISREG(s->old.mode) || s->old_ctime_ns != 0 ||
		!s->was_old || c->stage < 0)
		return WARD_OK;
	ward_commit_staged(staged, s->kind == WARD_STEP_TAKE ? WARD_STAGED_OLD : WARD_STAGED_NEW,
		i);
	fd = openat(c->stage, staged, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !ward_commit_same(&st, &s->old) ||
		!ward_commit_begin_notes(c) || unlinkat(c->stage, staged, 0) < 0 ||
		fstat(fd, &st) < 0)
		return WARD_OK;
	seen.ino = st.st_ino;
	seen.ctime_ns = ward_commit_ns(&st.st_ctim);
	return st.st_nlink > 0 ? add(c, s->path, &seen, err) : WARD_OK;
}

static int note_gone(struct ward_commit *c, const struct ward_step *s, struct ward_error *err)
{
	const struct ward_landed_seen gone = { .kind = WARD_LANDED_GONE };

	return add(c, s->path, &gone, err);
}

/* Somebody may have written to it since: then it is not ours any more, and the layer's was landed all the same. */
static int note_object(struct ward_commit *c, const struct ward_step *s, struct ward_error *err)
{
	struct ward_landed_seen seen = { .kind = WARD_LANDED_OBJECT,
		.layer_ino = s->layer_ino,
		.layer_size = S_ISDIR(s->new.mode) ? s->new.mode & 07777 : s->new.size,
		.layer_ctime_ns = s->layer_ctime_ns,
		.ino = s->new.ino };
	struct stat st;

	if (ward_commit_look(&c->in_root, c->root, s->path, &st) == 0 &&
		ward_commit_same(&st, &s->new))
		seen.ctime_ns = ward_commit_ns(&st.st_ctim);
	if (S_ISREG(s->new.mode) && ward_indexes_landed(c->indexes, c->root, s->path, &seen))
		ward_indexes_save(c->indexes, c->store);
	return add(c, s->path, &seen, err);
}

/* The bits of a directory that was there, or that an earlier step has made. */
static int note_bits(struct ward_commit *c, const struct ward_step *s, struct ward_error *err)
{
	const struct ward_landed_seen *was = ward_landed_get(c->landed, s->path);
	struct ward_landed_seen seen = { .kind = WARD_LANDED_TOUCHED };
	struct stat st;

	if (was && was->kind == WARD_LANDED_OBJECT)
		seen = *was;
	if (s->layer_ino) {
		seen.layer_ino = s->layer_ino;
		seen.layer_size = s->new.mode & 07777;
	}
	seen.ino = s->new.ino;
	seen.ctime_ns = 0;
	if ((s->dir_old || s->old.ino == 0) &&
		ward_commit_look(&c->in_root, c->root, s->path, &st) == 0 &&
		ward_commit_same(&st, &s->new))
		seen.ctime_ns = ward_commit_ns(&st.st_ctim);
	return add(c, s->path, &seen, err);
}

/* Names came into it and went, by us: it is as old as it was. */
static int note_directory(struct ward_commit *c, const struct ward_step *s, struct ward_error *err)
{
	const char *slash = strrchr(s->path, '/');
	const char *dir =
		slash ? ward_arena_dup(c->arena, s->path, (size_t)(slash - s->path)) : ".";
	struct ward_error full = WARD_ERROR_INIT;
	struct stat st;
	int r;

	if (!dir)
		return ward_fail(err, WARD_E_NOMEM, "no memory to note what was made real");
	if (ward_commit_look(&c->in_root, c->root, dir, &st) < 0 || st.st_ino != s->dir_ino)
		return WARD_OK;
	r = ward_landed_touch(c->landed, dir, &st, &full);
	if (r < 0 && r != WARD_E_LIMIT && err)
		*err = full;
	return r == WARD_E_LIMIT ? WARD_OK : r;
}

static int note(struct ward_commit *c, const struct ward_step *s, struct ward_error *err)
{
	switch (s->kind) {
	case WARD_STEP_TAKE:
	case WARD_STEP_DROP: return note_gone(c, s, err);
	case WARD_STEP_PUT:
	case WARD_STEP_SWAP: return note_object(c, s, err);
	case WARD_STEP_DIR: return note_bits(c, s, err);
	case WARD_STEP_NONE: break;
	}
	return WARD_OK;
}

/*
 * It is not real: neither by this commit nor, for what was replaced is another object than before, by an earlier one. But what was taken is there
 * again, and that the run has removed it may be known by what stands there of its landing alone.
 */
static int note_back(struct ward_commit *c, const struct ward_step *s, bool back,
	struct ward_error *err)
{
	const struct ward_landed_seen nothing = { .kind = WARD_LANDED_NOTHING };

	if (s->kind == WARD_STEP_DIR || s->noted ||
		(back && (s->kind == WARD_STEP_TAKE || s->kind == WARD_STEP_DROP)))
		return WARD_OK;
	return add(c, s->path, &nothing, err);
}

int ward_commit_note(struct ward_commit *c, bool back, struct ward_error *err)
{
	uint64_t last = 0;
	int r = WARD_OK;

	for (size_t i = 0; i < c->j.n && !c->j.stays && !back && c->given.on; i++)
		(void)note_names(c, i, NULL);
	if (!c->landed)
		return WARD_OK;
	/* Begun for what is no conflict alone: that ends nothing. */
	if (c->begins) {
		(void)ward_landed_sync(c->landed, NULL);
		return WARD_OK;
	}
	for (size_t i = 0; i < c->j.n && r == WARD_OK && c->j.stays && !back; i++)
		r = note_names(c, i, err);
	for (size_t i = 0; i < c->j.n && r == WARD_OK; i++) {
		const struct ward_step *s = &c->j.v[i];

		if (back || !c->j.stays)
			r = note_back(c, s, back, err);
		else if (s->result == WARD_RESULT_DONE)
			r = note(c, s, err);
	}
	/* After the objects: one that is new, and that something came into, is noted as it is then. */
	for (size_t i = 0; i < c->j.n && r == WARD_OK && c->j.stays && !back; i++) {
		const struct ward_step *s = &c->j.v[i];

		if (s->result != WARD_RESULT_DONE || s->kind == WARD_STEP_DIR || !s->dir_old ||
			s->dir_ino == last)
			continue;
		last = s->dir_ino;
		r = note_directory(c, s, err);
	}
	return r == WARD_OK ? ward_landed_sync(c->landed, err) : r;
}
