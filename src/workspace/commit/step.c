/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps, forward and back. How far a step is, is seen by looking at the staging directory: so each may be
 * done again, after a kill -9 at any instant. What is replaced or taken is looked at immediately before and once more when it lies in the
 * staging directory; if it is not what was planned for, it goes back to its name, and the step is left. Nothing is ever written over.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/commit/inside.h"
#include "workspace/commit/refused.h"

static const char changed_text[] = "was changed in the project while the commit went on";
static const char came_text[] = "came to be in the project while the commit went on";
static const char moved_text[] =
	"lies in a directory that was moved or replaced in the project while the commit went on";
static const char filled_text[] =
	"is a directory that something came into while the commit went on";
static const char made_text[] = "was made for the commit, and somebody else changed what was made";
static const char taken_text[] =
	"was made for the commit, and is neither there nor where it was made: it waits still";
static const char lost_text[] =
	"is not as it was, and what was there before is not where the commit keeps it either";
static const char named_text[] =
	"may be named by what was changed in the project while the commit went on";
static const char mode_text[] = "got another mode in the project while the commit went on";
static const char attributes_text[] =
	"got other extended attributes in the project while the commit went on";
static const char group_text[] =
	"has lost its set-group-ID bit, which only a member of its group can give back to it";
static const char kept_text[] =
	"was changed in the project after the commit; what was there before is kept beside";

static const char stays_text[] =
	"cannot be taken away again: an immutable or append-only attribute, or rights, of it or of its directory; it stays";

/* A step under way: its directory, open. */
struct at {
	struct ward_commit *c;
	struct ward_step *s;
	int dir;
	const char *name;
	char n[WARD_COMMIT_NAME_MAX], o[WARD_COMMIT_NAME_MAX];
	bool in_place; /* the directory was seen to have its name, after all that was done in it */
};

static int left(struct at *a, const char *why)
{
	a->s->result = WARD_RESULT_LEFT;
	ward_commit_leave(a->c, a->s->path, why);
	return 0;
}

static int done(struct at *a)
{
	a->s->result = WARD_RESULT_DONE;
	return 0;
}

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EXDEV || r == -ESTALE;
}

static int look(int dir, const char *name, struct stat *ret)
{
	return fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* Borrowed: held, if the step before left it where it was seen to have its name. */
static int open_place(struct ward_commit *c, const struct ward_step *s, const char **ret_name)
{
	int dir = ward_commit_hold(&c->in_root, c->root, s->path, ret_name);

	if (dir < 0)
		return dir;
	return c->in_root.st.st_ino == s->dir_ino ? dir : -ESTALE;
}

/* Is the directory that was written still the one of that name, below the root? */
static bool in_place(struct at *a)
{
	a->in_place = ward_commit_held_still(&a->c->in_root); /* it is a->dir */
	return a->in_place;
}

/* The object in the staging directory is the one that s speaks of; of a directory, with nothing in it. */
static bool staged_is(const struct at *a, const char *staged, const struct ward_seen *s)
{
	struct stat st;

	return look(a->c->stage, staged, &st) == 0 && ward_commit_same(&st, s) &&
		(!S_ISDIR(s->mode) || ward_commit_empty(a->c->stage, staged));
}

/* What was old is where it was. What anybody does to it from here on is not ours. */
static int gave_back(struct at *a)
{
	struct stat st;

	if (look(a->dir, a->name, &st) == 0 && ward_commit_same(&st, &a->s->old) &&
		st.st_mode == a->s->old.mode)
		a->s->given_back_ns = ward_commit_ns(&st.st_ctim);
	return done(a);
}

/* What has the name now is what was planned for. */
static bool still_is(const struct at *a, const struct stat *st, const struct ward_seen *s,
	int64_t ctime_ns)
{
	return ward_commit_same(st, s) &&
		(ctime_ns == 0 || S_ISDIR(s->mode) || ward_commit_ns(&st->st_ctim) == ctime_ns) &&
		(!S_ISDIR(s->mode) || ward_commit_empty(a->dir, a->name));
}

/* ---- forward ---- */

/* What was put is in the staging directory again. One that brings others has these in it. */
static bool is_back(const struct at *a)
{
	struct stat st;

	if (!ward_commit_brings(a->c, (size_t)(a->s - a->c->j.v)))
		return staged_is(a, a->n, &a->s->new);
	return look(a->c->stage, a->n, &st) == 0 && ward_commit_same(&st, &a->s->new);
}

static int put(struct at *a)
{
	struct stat st;
	int r = look(a->c->stage, a->n, &st);

	/* It came to its name before; or somebody took what was made away, and then the layer has it alone. */
	if (r == -ENOENT)
		return look(a->dir, a->name, &st) == 0 && st.st_ino == a->s->new.ino
			? done(a)
			: left(a, taken_text);
	if (r == 0 && !ward_commit_same(&st, &a->s->new))
		return left(a, made_text);
	if (r == 0 && S_ISDIR(st.st_mode))
		r = ward_commit_come(a->c, (size_t)(a->s - a->c->j.v));
	if (r == 0)
		r = ward_commit_rename(a->c->stage, a->n, a->dir, a->name, RENAME_NOREPLACE);
	if (r == -EEXIST)
		return left(a, came_text);
	if (is_missing(r))
		return left(a, moved_text);
	if (ward_commit_is_refused(r))
		return left(a, ward_commit_refused_text);
	if (r < 0)
		return r;
	if (in_place(a))
		return done(a);
	r = ward_commit_rename(a->dir, a->name, a->c->stage, a->n, RENAME_NOREPLACE);
	if (r == 0 && !is_back(a)) /* not ours any more: whoever put it there has it back */
		(void)ward_commit_rename(a->c->stage, a->n, a->dir, a->name, RENAME_NOREPLACE);
	return left(a, moved_text);
}

/* The wrong object was taken, or in the wrong place. */
static int swap_back(struct at *a, const char *why)
{
	struct stat st;
	int r = look(a->dir, a->name, &st);

	if (r == 0 && st.st_ino == a->s->new.ino) {
		r = ward_commit_rename(a->c->stage, a->n, a->dir, a->name, RENAME_EXCHANGE);
		if (r == 0)
			return left(a, why);
	} else if (r == -ENOENT) {
		r = ward_commit_rename(a->c->stage, a->n, a->dir, a->name, RENAME_NOREPLACE);
		if (r == 0)
			return left(a, why);
	}
	a->c->kept = true;
	return left(a, kept_text);
}

static int swap(struct at *a)
{
	struct ward_step *s = a->s;
	struct stat st, now;
	int r = look(a->c->stage, a->n, &st);

	if (r < 0)
		return r == -ENOENT ? left(a, changed_text) : r; /* given back once, by a rename */
	if (st.st_ino != s->new.ino)
		return staged_is(a, a->n, &s->old)
			? done(a)
			: swap_back(a, S_ISDIR(s->old.mode) ? filled_text : changed_text);
	if (!ward_commit_same(&st, &s->new))
		return left(a, made_text);
	r = look(a->dir, a->name, &now);
	if (r == 0 && !still_is(a, &now, &s->old, s->old_ctime_ns))
		return left(a, changed_text);
	if (r == 0)
		r = ward_commit_rename(a->c->stage, a->n, a->dir, a->name, RENAME_EXCHANGE);
	if (is_missing(r))
		return left(a, changed_text);
	if (ward_commit_is_refused(r))
		return left(a, ward_commit_refused_text);
	if (r < 0)
		return r;
	if (!staged_is(a, a->n, &s->old))
		return swap_back(a, S_ISDIR(s->old.mode) ? filled_text : changed_text);
	return in_place(a) ? done(a) : swap_back(a, moved_text);
}

static int take_back(struct at *a, const char *why)
{
	if (ward_commit_rename(a->c->stage, a->o, a->dir, a->name, RENAME_NOREPLACE) == 0)
		return left(a, why);
	a->c->kept = true;
	return left(a, kept_text);
}

static int take(struct at *a)
{
	struct ward_step *s = a->s;
	struct stat st, now;
	int r = look(a->c->stage, a->o, &st);

	if (r == 0)
		return staged_is(a, a->o, &s->old) ? done(a) : take_back(a, changed_text);
	if (r != -ENOENT)
		return r;
	r = look(a->dir, a->name, &now);
	if (r == 0 && !still_is(a, &now, &s->old, s->old_ctime_ns))
		return left(a, S_ISDIR(s->old.mode) ? filled_text : changed_text);
	if (r == 0)
		r = ward_commit_rename(a->dir, a->name, a->c->stage, a->o, RENAME_NOREPLACE);
	if (r == -ENOENT)
		return done(a); /* somebody else was faster */
	if (is_missing(r))
		return left(a, changed_text);
	if (ward_commit_is_refused(r))
		return left(a, ward_commit_refused_text);
	if (r < 0)
		return r;
	if (!staged_is(a, a->o, &s->old))
		return take_back(a, S_ISDIR(s->old.mode) ? filled_text : changed_text);
	return in_place(a) ? done(a) : take_back(a, moved_text);
}

/* The old object stays where it is. */
static int keep(struct at *a)
{
	a->c->kept = true;
	return left(a, kept_text);
}

/* ---- back ---- */

/* Nobody has given a directory that was put another mode since; but its owner's bits may be lent, or be settled already. */
static bool has_mode_as_put(const struct at *a, const struct stat *st)
{
	return !S_ISDIR(st->st_mode) || (st->st_mode | S_IRWXU) == (a->s->new.mode | S_IRWXU);
}

/* The layer's object, whose attributes were copied to now, has those yet: nobody has changed it since now was made. */
static bool is_layer_as_copied(const struct ward_commit *c, const struct stat *made, int now)
{
	struct ward_born born;

	if (!c->j.stays) /* nobody writes there any more */
		return true;
	ward_born_of(now, &born);
	return born.ns != 0 && ward_commit_ns(&made->st_ctim) < born.ns;
}

/*
 * Nor attributes: it has those that it was made with, which the layer has yet. What cannot be told has, so that no run that lives can keep its own in the
 * project; a link has none; and a list of a directory says what was lent.
 */
static bool has_attributes_as_put(const struct at *a, int dir, const char *name)
{
	const struct ward_step *s = a->s;
	bool lent = S_ISDIR(s->new.mode) && a->c->euid != 0 && (s->new.mode &S_IRWXU) != S_IRWXU;
	WARD_FD made = -1;
	WARD_FD now = -1;
	struct stat st;

	if (S_ISLNK(s->new.mode) || lent || s->layer_ino == 0)
		return true;
	made = ward_changed_get(&a->c->way, a->c->layer, s->path, a->c->j.stays, &st);
	if (made < 0 || st.st_ino != s->layer_ino)
		return true;
	now = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return now < 0 || !is_layer_as_copied(a->c, &st, now) || ward_commit_attrs_equal(made, now);
}

static bool is_as_put(const struct at *a, const struct stat *st)
{
	return still_is(a, st, &a->s->new, 0) && has_mode_as_put(a, st) &&
		has_attributes_as_put(a, a->dir, a->name);
}

static bool is_away_as_put(const struct at *a)
{
	struct stat st;

	return staged_is(a, a->n, &a->s->new) && look(a->c->stage, a->n, &st) == 0 &&
		has_mode_as_put(a, &st) && has_attributes_as_put(a, a->c->stage, a->n);
}

static int back_put(struct at *a)
{
	struct stat st, now;
	int r = look(a->c->stage, a->n, &st);

	if (r == 0)
		return done(a);
	if (r != -ENOENT)
		return r;
	r = look(a->dir, a->name, &now);
	if (r == -ENOENT)
		return done(a);
	if (r == 0 && !is_as_put(a, &now))
		return left(a, "was changed in the project after the commit; it stays");
	if (r == 0)
		r = ward_commit_rename(a->dir, a->name, a->c->stage, a->n, RENAME_NOREPLACE);
	if (ward_commit_is_refused(r))
		return left(a, stays_text);
	if (r < 0)
		return r;
	if (is_away_as_put(a))
		return done(a);
	if (ward_commit_rename(a->c->stage, a->n, a->dir, a->name, RENAME_NOREPLACE) < 0)
		a->c->kept = true;
	return left(a, "was changed in the project after the commit; it stays");
}

/* What was old is not where it is kept. Has the project it still, or again; or did somebody take it away? */
static int without_old(struct at *a)
{
	struct stat now;
	int r = look(a->dir, a->name, &now);

	if (ward_commit_is_refused(r)) /* nor could it be taken */
		return done(a);
	if (r < 0 && r != -ENOENT)
		return r;
	return r == 0 && now.st_ino == a->s->old.ino ? done(a) : left(a, lost_text);
}

static int back_swap(struct at *a)
{
	struct stat st, now;
	int r = look(a->c->stage, a->n, &st);

	if (r == -ENOENT)
		return without_old(a);
	if (r == 0 && st.st_ino == a->s->new.ino)
		return done(a);
	if (r < 0)
		return r;
	r = look(a->dir, a->name, &now);
	if (r == -ENOENT) {
		r = ward_commit_rename(a->c->stage, a->n, a->dir, a->name, RENAME_NOREPLACE);
		return r == 0 ? done(a) : keep(a);
	}
	if (r < 0 && !ward_commit_is_refused(r))
		return r;
	if (r < 0 || !is_as_put(a, &now))
		return keep(a);
	r = ward_commit_rename(a->c->stage, a->n, a->dir, a->name, RENAME_EXCHANGE);
	if (r < 0)
		return is_missing(r) || ward_commit_is_refused(r) ? keep(a) : r;
	if (is_away_as_put(a) && in_place(a))
		return gave_back(a);
	(void)ward_commit_rename(a->c->stage, a->n, a->dir, a->name, RENAME_EXCHANGE);
	return keep(a);
}

static int back_take(struct at *a)
{
	struct stat st;
	int r = look(a->c->stage, a->o, &st);

	if (r < 0)
		return r == -ENOENT ? without_old(a) : r;
	r = ward_commit_rename(a->c->stage, a->o, a->dir, a->name, RENAME_NOREPLACE);
	if (r == -EEXIST || is_missing(r) || ward_commit_is_refused(r))
		return keep(a);
	if (r < 0)
		return r;
	if (in_place(a))
		return gave_back(a);
	(void)ward_commit_rename(a->dir, a->name, a->c->stage, a->o, RENAME_NOREPLACE);
	return keep(a);
}

/* ---- directories ---- */

static int open_directory(const struct ward_commit *c, const struct ward_step *s, uint64_t flags,
	struct stat *st)
{
	WARD_FD fd = ward_commit_open(c->root, s->path, flags | O_DIRECTORY);

	if (fd < 0)
		return fd;
	if (fstat(fd, st) < 0)
		return -errno;
	return st->st_ino == s->new.ino ? ward_take_fd(&fd) : -ESTALE;
}

/*
 * Those that their owner may not write are lent to us until the end. The outermost first: only then can the next be reached. Of one that stays
 * closed, since somebody made it immutable meanwhile, what is to be done in it is left.
 */
int ward_commit_lend(struct ward_commit *c, struct ward_error *err)
{
	for (size_t i = c->j.n; i-- > 0 && c->euid != 0;) {
		const struct ward_step *s = &c->j.v[i];
		WARD_FD fd = -1;
		struct stat st;
		int r = 0;

		if (s->kind != WARD_STEP_DIR)
			continue;
		fd = open_directory(c, s, O_PATH, &st);
		if (fd >= 0 && st.st_uid == c->euid && (st.st_mode & S_IRWXU) != S_IRWXU)
			r = ward_commit_chmod(fd, (st.st_mode & 07777) | S_IRWXU);
		else if (fd < 0 && !is_missing(fd))
			r = fd;
		if (r < 0 && !ward_commit_is_refused(r))
			return ward_fail_errno(err, WARD_E_SYSTEM, -r,
				"cannot change the mode of '%s'", s->path);
	}
	return WARD_OK;
}

static bool is_either(mode_t bits, mode_t old, mode_t new, mode_t mask)
{
	return bits == (old & mask) || bits == (new &mask);
}

/*
 * It has the mode that it had when it was planned, or was made with, that which it gets, or one that was lent for the commit. An access list
 * that was given and a kill behind it leave the rights of the one with the other bits of the other; and who is not of its group takes the
 * set-group-ID bit away by any change.
 */
static bool has_mode_of(const struct ward_commit *c, const struct ward_step *s, mode_t mode)
{
	const mode_t new = s->new.mode, old = s->old.ino != 0 ? s->old.mode : new;
	const mode_t special = S_ISUID | S_ISGID | S_ISVTX, rights = 0777;
	const mode_t lent =
		c->euid != 0 ? S_IRWXU : 0; /* who goes on lends again what had its mode already */

	return (is_either(mode & rights, old, new, rights) ||
		       is_either(mode & rights, old | lent, new | lent, rights)) &&
		(is_either(mode & special, old, new, special) ||
			(c->euid != 0 && is_either(mode & special, old, new, special & ~S_ISGID)));
}

static int open_attributes(const struct ward_commit *c, enum ward_staged what, size_t i)
{
	char staged[WARD_COMMIT_NAME_MAX];

	ward_commit_staged(staged, what, i);
	return openat(c->stage, staged, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Its mode and attributes; said once. */
static void leave_directory(const struct ward_commit *c, struct ward_step *s, const char *why)
{
	if (s->result != WARD_RESULT_LEFT)
		ward_commit_leave(c, s->path, why);
	s->result = WARD_RESULT_LEFT;
}

static int attributes_back(struct ward_commit *c, struct ward_step *s, int fd, int old, int new,
	mode_t *mode, struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;
	int r = ward_commit_attrs_back(fd, old, new, mode, &why, s->path);

	if (r < 0 && ward_commit_is_refused(-why.sys_errno)) {
		leave_directory(c, s, ward_commit_refused_text);
		return WARD_OK;
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

/*
 * The run's attributes, or those before. What somebody else has given the directory meanwhile is nowhere else: then those of the run do not come,
 * and it is left as it was, with that; and where the file system refuses one of them.
 */
static int settle_attributes(struct ward_commit *c, size_t i, bool *back, int fd, mode_t *mode,
	struct ward_error *err)
{
	struct ward_step *s = &c->j.v[i];
	WARD_FD new = open_attributes(c, WARD_STAGED_NEW_ATTRIBUTES, i);
	WARD_FD old = open_attributes(c, WARD_STAGED_OLD_ATTRIBUTES, i);
	struct ward_error why = WARD_ERROR_INIT;
	int r;

	if (new < 0 || old < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"cannot read the attributes to come of '%s'", s->path);
	if (!*back && ward_commit_attrs_either(fd, old, new)) {
		r = ward_commit_attrs_copy(new, fd, true, &why, s->path);
		if (r == WARD_OK)
			return r;
		if (!ward_commit_is_refused(-why.sys_errno)) {
			if (err)
				*err = why;
			return r;
		}
	}
	if (!*back)
		leave_directory(c, s, why.sys_errno ? ward_commit_refused_text : attributes_text);
	*back = true;
	return attributes_back(c, s, fd, old, new, mode, err);
}

/* Open at fd, which is as st says. */
static int settle_open(struct ward_commit *c, size_t i, bool back, int fd, struct stat *st,
	struct ward_error *err)
{
	struct ward_step *s = &c->j.v[i];
	bool given = !has_mode_of(c, s, st->st_mode & 07777), undone = back;
	mode_t mode, now = st->st_mode & 07777;
	int r = 0;

	if (given) {
		leave_directory(c, s, mode_text);
		/* The attributes of the run do not stay with it. */
		if (!back || !s->attributes)
			return WARD_OK;
	}
	r = s->attributes ? settle_attributes(c, i, &undone, fd, &now, err) : WARD_OK;
	if (r < 0)
		return r;
	mode = given ? now : undone && s->old.ino != 0 ? s->old.mode & 07777 : s->new.mode & 07777;
	/* An access list that is put back changes the mode as well. */
	r = (st->st_mode & 07777) == mode && !given ? 0 : ward_commit_chmod(fd, mode);
	if (ward_commit_is_refused(r)) {
		leave_directory(c, s, ward_commit_refused_text);
		return WARD_OK;
	}
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot change the mode of '%s'",
			s->path);
	if (back || c->given.on)
		ward_commit_note_mode(c, s->path, fd, st);
	if ((mode & S_ISGID) && fstat(fd, st) == 0 && !(st->st_mode & S_ISGID))
		leave_directory(c, s, group_text);
	return WARD_OK;
}

static int settle(struct ward_commit *c, size_t i, bool back, struct ward_error *err)
{
	struct ward_step *s = &c->j.v[i];
	struct stat st, before;
	WARD_FD fd = open_directory(c, s, s->attributes ? O_RDONLY : O_PATH, &st);
	int64_t was;
	int r;

	s->result = WARD_RESULT_DONE;
	/* Gone, as it should, or somebody else's now; or it lies in one that stays closed. */
	if (is_missing(fd) || ward_commit_is_refused(fd)) {
		if (s->old.ino == 0 ? !is_missing(fd) : s->old.mode != s->new.mode || s->attributes)
			leave_directory(c, s,
				is_missing(fd) ? moved_text : ward_commit_refused_text);
		return WARD_OK;
	}
	if (fd < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -fd, "cannot change the mode of '%s'",
			s->path);
	before = st;
	was = ward_commit_time_begin(c, i);
	r = settle_open(c, i, back, fd, &st, err);
	ward_commit_time_end(c, i, fd, &before, was);
	return r;
}

static int settle_all(struct ward_commit *c, bool back, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; i < c->j.n && r == WARD_OK; i++)
		if (c->j.v[i].kind == WARD_STEP_DIR)
			r = settle(c, i, back, err);
	return r;
}

/* What was lent once more, when all was done. */
int ward_commit_settle_modes(const struct ward_commit *c)
{
	int first = 0;

	for (size_t i = 0; i < c->j.n && c->euid != 0; i++) {
		const struct ward_step *s = &c->j.v[i];
		WARD_FD fd = -1;
		struct stat st;
		int r;

		if (s->kind != WARD_STEP_DIR || s->result != WARD_RESULT_DONE)
			continue;
		fd = open_directory(c, s, O_PATH, &st);
		r = fd < 0 ? fd
			: (st.st_mode & 07777) == (s->new.mode & 07777)
			? 0
			: ward_commit_chmod(fd, s->new.mode & 07777);
		/* Settled it was: made immutable since, it stays as it is. */
		if (!is_missing(r) && !ward_commit_is_refused(r))
			first = first < 0 ? first : r;
	}
	return first;
}

/* ---- all ---- */

typedef int step_fn(struct at *a);

/* The old object is in the staging directory. */
static bool has_old(const struct at *a)
{
	struct stat st;

	return (a->s->kind == WARD_STEP_TAKE && look(a->c->stage, a->o, &st) == 0) ||
		(a->s->kind == WARD_STEP_SWAP && look(a->c->stage, a->n, &st) == 0 &&
			st.st_ino != a->s->new.ino);
}

/* Its directory is not there, or lets us in no more. It was, and did, if the step is done: a later one took it. */
static int no_place(struct at *a, const char *why)
{
	struct stat st;

	if (a->s->kind == WARD_STEP_PUT)
		return look(a->c->stage, a->n, &st) == -ENOENT ? done(a) : left(a, why);
	if (!has_old(a))
		return left(a, why);
	if (staged_is(a, a->s->kind == WARD_STEP_TAKE ? a->o : a->n, &a->s->old))
		return done(a);
	return keep(a);
}

static int no_place_back(struct at *a)
{
	struct stat st;

	if (has_old(a))
		return keep(a);
	if (ward_commit_is_refused(a->dir) && a->s->kind == WARD_STEP_PUT &&
		look(a->c->stage, a->n, &st) == -ENOENT)
		return left(a, stays_text);
	return done(a);
}

static int noted(struct at *a, size_t i, bool back, step_fn *fn)
{
	bool on = back || a->c->given.on;
	struct stat st;
	int64_t was;
	int r;

	if (on)
		ward_commit_note_before(a->c, i, back, a->dir, a->name);
	if (fstat(a->dir, &st) < 0)
		return -errno;
	was = ward_commit_time_begin(a->c, i);
	r = fn(a);
	ward_commit_time_end(a->c, i, a->dir, &st, was);
	if (on)
		ward_commit_note_after(a->c, i, a->dir);
	return r;
}

static int one(struct ward_commit *c, size_t i, bool back)
{
	static step_fn *const fns[][2] = {
		[WARD_STEP_TAKE] = { take, back_take },
		[WARD_STEP_PUT] = { put, back_put },
		[WARD_STEP_SWAP] = { swap, back_swap },
	};
	struct ward_step *s = &c->j.v[i];
	struct at a = { .c = c, .s = s };
	enum ward_step_result came;
	int r;

	if (s->kind == WARD_STEP_DIR || s->kind == WARD_STEP_DROP) {
		s->result = WARD_RESULT_DONE;
		return 0;
	}
	if (!back && s->named)
		return left(&a, named_text);
	if (!back && ward_commit_came(c, s, &came))
		return came == WARD_RESULT_LEFT ? left(&a, moved_text) : done(&a);
	ward_commit_staged(a.n, WARD_STAGED_NEW, i);
	ward_commit_staged(a.o, WARD_STAGED_OLD, i);
	a.dir = open_place(c, s, &a.name);
	if (is_missing(a.dir) || ward_commit_is_refused(a.dir))
		r = back ? no_place_back(&a)
			 : no_place(&a, is_missing(a.dir) ? moved_text : ward_commit_refused_text);
	else if (a.dir < 0)
		r = a.dir;
	else
		r = noted(&a, i, back, fns[s->kind][back]);
	if (!a.in_place || a.s->result == WARD_RESULT_LEFT)
		ward_commit_let_go(&c->in_root);
	return r;
}

/* ---- what moved ---- */

int ward_commit_take_back(struct ward_commit *c, size_t i, const char *why)
{
	struct at a = { .c = c, .s = &c->j.v[i] };
	int r;

	ward_commit_staged(a.n, WARD_STAGED_NEW, i);
	ward_commit_staged(a.o, WARD_STAGED_OLD, i);
	if (!has_old(&a)) /* somebody else has taken it */
		return 0;
	c->given.on = true;
	r = one(c, i, true);
	if (r == 0 && a.s->result == WARD_RESULT_DONE)
		(void)left(&a, why);
	return r;
}

static int all(struct ward_commit *c, bool back, struct ward_error *err)
{
	size_t *order = ward_commit_order(c);
	int r = ward_commit_lend(c, err);

	ward_commit_let_go(&c->in_root);
	for (size_t k = 0; k < c->j.n && r == WARD_OK; k++) {
		size_t at = back ? c->j.n - 1 - k : k, i = order ? order[at] : at;
		int failed = one(c, i, back);

		if (failed < 0)
			r = ward_fail_errno(err, WARD_E_SYSTEM, -failed,
				back ? "cannot put '%s' back" : "cannot make '%s' real",
				c->j.v[i].path);
	}
	free(order);
	if (r == WARD_OK && !back)
		r = ward_commit_take_back_moved(c, err);
	if (back || c->given.on)
		ward_commit_note_end(c);
	ward_commit_let_go(&c->in_root);
	if (r == WARD_OK)
		r = settle_all(c, back, err);
	if (r == WARD_OK && syncfs(c->stage) < 0)
		r = ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"cannot make the project's changes durable");
	return r;
}

int ward_commit_forward(struct ward_commit *c, struct ward_error *err)
{
	return all(c, false, err);
}

int ward_commit_back(struct ward_commit *c, struct ward_error *err)
{
	return all(c, true, err);
}
