/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an abort gives back has a new ctime, and so has the directory that it comes back to, or that a part of a commit changed: without a
 * word of it the next commit would take them for somebody else's. It is noted as it happens, so that an abort that is killed has noted what
 * it did. Only what surely was as the run saw it, and was changed by nobody but the commit since: where that is not known nothing is noted,
 * and it is a conflict. That nothing can be noted ends no abort.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/commit/commit.h"
#include "workspace/landed.h"

/* A rename gives a directory and what it moves their ctimes one after the other. */
#define ONE_CALL_NS INT64_C(10000000)

/* ---- the notes ---- */

/* Of a run of which nothing landed there are none yet. */
bool ward_commit_begin_notes(struct ward_commit *c)
{
	if (!c->landed && c->begins && !c->given.none) {
		if (ward_landed_load(c->store, true, true, c->begins, NULL) == WARD_OK)
			c->landed = *c->begins;
		c->given.none = !c->landed;
	}
	return c->landed;
}

static void note(struct ward_commit *c, const char *path, const struct ward_landed_seen *seen)
{
	(void)ward_landed_add(c->landed, path, seen, NULL);
	(void)ward_landed_flush(c->landed, NULL);
}

static void note_directory(struct ward_commit *c, const char *path, const struct stat *st)
{
	if (ward_commit_begin_notes(c) && ward_landed_touch(c->landed, path, st, NULL) == WARD_OK)
		(void)ward_landed_flush(c->landed, NULL);
}

/* ---- what is given back ---- */

static bool was_old(const struct ward_commit *c, const struct ward_step *s)
{
	const struct stat then = { .st_ino = s->old.ino,
		.st_ctim = { .tv_sec = s->old_ctime_ns / 1000000000,
			.tv_nsec = s->old_ctime_ns % 1000000000 } };

	return s->was_old || (s->old_ctime_ns != 0 && ward_commit_is_old(c, &then));
}

static int by_number(const void *a, const void *b)
{
	const struct ward_name_of *x = a, *y = b;

	return x->ino != y->ino ? (x->ino < y->ino ? -1 : 1)
				: (x->step > y->step) - (x->step < y->step);
}

static bool know_names(struct ward_commit *c)
{
	struct ward_given *g = &c->given;

	if (g->names)
		return true;
	g->names = calloc(c->j.n + 1, sizeof(*g->names));
	for (size_t i = 0; g->names && i < c->j.n; i++)
		if (c->j.v[i].old.ino != 0 && c->j.v[i].old_ctime_ns == 0 &&
			!S_ISDIR(c->j.v[i].old.mode))
			g->names[g->n_names++] = (struct ward_name_of){ c->j.v[i].old.ino, i };
	if (g->names)
		qsort(g->names, g->n_names, sizeof(*g->names), by_number);
	return g->names;
}

/* Those of the file, *ret_n of them. NULL: not known. */
static const struct ward_name_of *names_of(struct ward_commit *c, uint64_t ino, size_t *ret_n)
{
	const struct ward_given *g = &c->given;
	size_t low = 0, high;

	*ret_n = 0;
	if (!know_names(c))
		return NULL;
	high = g->n_names;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (g->names[mid].ino < ino)
			low = mid + 1;
		else
			high = mid;
	}
	while (low + *ret_n < g->n_names && g->names[low + *ret_n].ino == ino)
		++*ret_n;
	return &g->names[low];
}

/* The object that the step has in the staging directory. */
static bool look_away(const struct ward_commit *c, size_t i, struct stat *ret)
{
	char staged[WARD_COMMIT_NAME_MAX];

	ward_commit_staged(staged,
		c->j.v[i].kind == WARD_STEP_TAKE ? WARD_STAGED_OLD : WARD_STAGED_NEW, i);
	return fstatat(c->stage, staged, ret, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * One that has a name besides those of the commit is lost by nothing that is done to these. Of one that has none all have to be away, or one to be back
 * and noted: while it was away nobody could change it by a name.
 */
static bool out_of_reach(struct ward_commit *c, const struct stat *st, bool is_back)
{
	const struct ward_name_of *v;
	struct stat away;
	size_t n, i = 0;

	if (S_ISDIR(st->st_mode) || st->st_nlink == 1)
		return true;
	v = names_of(c, st->st_ino, &n);
	if (!v || n < st->st_nlink)
		return v;
	if (is_back)
		return false;
	if (ward_landed_ours(c->landed, st))
		return true;
	while (i < n && look_away(c, v[i].step, &away) && away.st_ino == st->st_ino)
		i++;
	return i == n;
}

static void note_given_back(struct ward_commit *c, struct ward_step *s)
{
	const struct ward_landed_seen *was;
	struct ward_landed_seen seen = { .kind = WARD_LANDED_NOTHING };

	if (!ward_commit_begin_notes(c))
		return;
	/* That the run removed what had landed is known by this alone. */
	was = ward_landed_get(c->landed, s->path);
	if (was && s->kind == WARD_STEP_TAKE)
		seen = *was;
	seen.ino = s->old.ino;
	seen.ctime_ns = s->given_back_ns;
	note(c, s->path, &seen);
	s->noted = true;
}

/* ---- the directory that it comes back to ---- */

/* In a directory that is older than the journal none was made. */
static bool is_of_call(const struct ward_commit *c, const struct stat *st, const struct stat *dir)
{
	int64_t at = ward_commit_ns(&st->st_ctim), d = ward_commit_ns(&dir->st_ctim);

	return at >= c->given.begun_ns && d >= c->given.begun_ns && d < c->given.again_ns &&
		d - at <= ONE_CALL_NS && at - d <= ONE_CALL_NS;
}

/*
 * A kill came between its call and the word of it: what it renamed is of the directory's moment, and younger than the journal. first: the call was
 * the first of the step; what lies where it was made was not renamed then.
 */
static bool is_of_step(const struct ward_commit *c, const struct ward_step *s, bool first,
	const struct stat *there, const struct stat *away, const struct stat *dir)
{
	if (there && ward_commit_same(there, &s->new) && is_of_call(c, there, dir))
		return true;
	if (away && ward_commit_same(away, &s->old) && is_of_call(c, away, dir))
		return true;
	return !first &&
		((there && ward_commit_same(there, &s->old) && is_of_call(c, there, dir)) ||
			(away && ward_commit_same(away, &s->new) && is_of_call(c, away, dir)));
}

/*
 * The commit, or an abort that was killed, was the last that changed names in the directory, in step i. What changes while this one lives is seen as it
 * happens. there, away: what the step has in the directory and in the staging directory, or NULL.
 */
static bool was_last(const struct ward_commit *c, size_t i, const struct stat *there,
	const struct stat *away, const struct stat *dir)
{
	const struct ward_step *s = &c->j.v[i];
	enum ward_commit_last last = ward_commit_time_is(c, i, dir);

	if (last != WARD_LAST_OURS && c->given.own_step != SIZE_MAX) {
		const struct ward_step *d = &c->j.v[c->given.own_step];
		enum ward_commit_last own = ward_commit_time_is(c, c->given.own_step, dir);

		/* Its own call gives it one of two modes, or had not begun. */
		if (own == WARD_LAST_OURS || dir->st_mode == d->new.mode ||
			dir->st_mode == d->old.mode)
			last = own > last ? own : last;
	}
	return last == WARD_LAST_OURS ||
		(last != WARD_LAST_UNKNOWN &&
			is_of_step(c, s, last == WARD_LAST_FIRST_UNDER_WAY, there, away, dir));
}

/* An abort that was killed before it could say so has given this back. */
static bool was_given_back(struct ward_commit *c, const struct ward_step *s, const struct stat *st,
	const struct stat *dir)
{
	return s->old.ino != 0 && was_old(c, s) && ward_commit_same(st, &s->old) &&
		st->st_mode == s->old.mode && is_of_call(c, st, dir) && out_of_reach(c, st, true);
}

/* ---- what somebody else took meanwhile ---- */

/* What the step found in the project has its name there no more, and is not where the commit keeps it. */
static bool is_lost(struct ward_commit *c, size_t i)
{
	const struct ward_step *s = &c->j.v[i];
	struct stat st;
	const char *name;
	int dir;

	if ((s->kind != WARD_STEP_TAKE && s->kind != WARD_STEP_SWAP) || !s->dir_old ||
		s->old.ino == 0 || s->with != 0 ||
		(look_away(c, i, &st) && st.st_ino == s->old.ino))
		return false;
	dir = ward_commit_hold(&c->in_root, c->root, s->path, &name);
	return dir >= 0 && c->in_root.st.st_ino == s->dir_ino &&
		(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_ino != s->old.ino);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Who did that at once after the kill did it at the moment of our own last call: no time says whose the directory is, and it is nobody's. */
void ward_commit_know_lost(struct ward_commit *c)
{
	uint64_t *lost = calloc(c->j.n + 1, sizeof(*lost));
	size_t n = 0;

	for (size_t i = 0; i < c->j.n && lost; i++)
		if (is_lost(c, i))
			lost[n++] = c->j.v[i].dir_ino;
	ward_commit_let_go(&c->in_root);
	if (lost)
		qsort(lost, n, sizeof(*lost), by_value);
	for (size_t i = 0; i < c->j.n; i++)
		if (!lost ||
			(n > 0 && bsearch(&c->j.v[i].dir_ino, lost, n, sizeof(*lost), by_value)))
			c->j.v[i].dir_old = false;
	free(lost);
}

/* The one of the steps before is left: as it was then. */
static void leave_directory(struct ward_commit *c)
{
	struct ward_given *g = &c->given;

	if (g->judged && g->ours && g->changed)
		note_directory(c, g->path, &g->st);
	g->judged = g->ours = g->changed = false;
	g->st.st_ino = 0;
}

/* They are the last. */
static size_t own_step_of(const struct ward_commit *c, const struct stat *dir)
{
	for (size_t i = c->j.n; i-- > 0 && c->j.v[i].kind >= WARD_STEP_DIR;)
		if (c->j.v[i].kind == WARD_STEP_DIR && c->j.v[i].new.ino == dir->st_ino)
			return i;
	return SIZE_MAX;
}

static void look_at_directory(struct ward_commit *c, const struct ward_step *s,
	const struct stat *st)
{
	struct ward_given *g = &c->given;
	const char *slash = strrchr(s->path, '/');
	size_t n = slash ? (size_t)(slash - s->path) : 1;

	if (g->st.st_ino != st->st_ino) {
		leave_directory(c);
		memcpy(g->path, slash ? s->path : ".", n);
		g->path[n] = '\0';
		g->judged = g->ours = ward_commit_is_old(c, st);
		g->own_step = g->judged ? SIZE_MAX : own_step_of(c, st);
	} else if (ward_commit_ns(&st->st_ctim) != ward_commit_ns(&g->st.st_ctim)) {
		g->ours = false; /* since the step before, by somebody else */
	}
	g->st = *st;
}

void ward_commit_note_before(struct ward_commit *c, size_t i, bool back, int dir, const char *name)
{
	struct ward_given *g = &c->given;
	struct ward_step *s = &c->j.v[i];
	struct stat st, now, away;
	bool there = fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) == 0,
	     kept = look_away(c, i, &away);

	g->noting = false;
	if (c->stage < 0 || fstat(dir, &st) < 0)
		return;
	look_at_directory(c, s, &st);
	if (!g->judged && s->dir_old &&
		was_last(c, i, there ? &now : NULL, kept ? &away : NULL, &st))
		g->judged = g->ours = g->changed = true;
	if (!back)
		return;
	if (there && g->ours && was_given_back(c, s, &now, &st) &&
		!ward_landed_ours(c->landed, &now)) {
		s->given_back_ns = ward_commit_ns(&now.st_ctim);
		note_given_back(c, s);
	}
	g->noting = kept && s->old.ino != 0 && was_old(c, s) && ward_commit_same(&away, &s->old) &&
		away.st_mode == s->old.mode && out_of_reach(c, &away, false);
}

void ward_commit_note_after(struct ward_commit *c, size_t i, int dir)
{
	struct ward_given *g = &c->given;
	struct ward_step *s = &c->j.v[i];
	struct stat st;

	/* At once: what anybody does from here on is not ours. */
	if (c->stage >= 0 && fstat(dir, &st) == 0 && st.st_ino == g->st.st_ino &&
		ward_commit_ns(&st.st_ctim) != ward_commit_ns(&g->st.st_ctim)) {
		g->judged = g->changed = true; /* if it was not judged, nobody can any more */
		g->st = st;
	}
	if (s->given_back_ns && g->noting && !s->noted)
		note_given_back(c, s);
}

void ward_commit_note_end(struct ward_commit *c)
{
	leave_directory(c);
	free(c->given.names);
	c->given.names = NULL;
	c->given.n_names = 0;
}

/* A directory that was as old as the run is so still, though it has its mode again by us. */
void ward_commit_note_mode(struct ward_commit *c, const char *path, int fd,
	const struct stat *before)
{
	struct stat st;

	if (ward_commit_is_old(c, before) && fstat(fd, &st) == 0 &&
		ward_commit_ns(&st.st_ctim) != ward_commit_ns(&before->st_ctim))
		note_directory(c, path, &st);
}
