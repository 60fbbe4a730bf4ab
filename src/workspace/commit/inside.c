/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in a new directory is made in it, in the staging directory, and comes to its name with it, by one rename for all. Each has a step of
 * its own still: it is looked at before the directory goes, taken back by itself, and left by itself. What was changed where it was made is
 * moved out beforehand, beside the directory, where one that was made alone would lie.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workspace/commit/inside.h"

size_t ward_commit_find_step(const struct ward_commit *c, size_t begin, size_t end, bool backwards,
	const char *path, size_t n)
{
	size_t low = begin, high = end;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = strncmp(path, c->j.v[mid].path, n);

		r = r != 0 ? r : c->j.v[mid].path[n] ? -1 : 0;
		if (r == 0)
			return mid;
		if ((r < 0) != backwards)
			high = mid;
		else
			low = mid + 1;
	}
	return end;
}

/* The step that makes what has a path's first n bytes as its name; put_end: none does. */
size_t ward_commit_step_of(const struct ward_commit *c, const char *path, size_t n)
{
	return ward_commit_find_step(c, c->put_begin, c->put_end, false, path, n);
}

const struct ward_step *ward_commit_put_of(const struct ward_commit *c, const char *path, size_t n)
{
	size_t at = ward_commit_step_of(c, path, n);

	return at < c->put_end ? &c->j.v[at] : NULL;
}

/*
 * What lies in a directory that is new as well is made in it. Not what is another name of something that may lie elsewhere; nor where the
 * directory has a list that everything made in it inherits, which the layer's own may not have.
 */
void ward_commit_choose(const struct ward_commit *c, size_t i)
{
	struct ward_step *s = &c->j.v[i];
	const struct ward_change *change = c->change[i];
	const char *slash = strrchr(s->path, '/');
	const struct ward_step *dir = slash && s->kind == WARD_STEP_PUT &&
			strlen(s->path) < WARD_PATH_MAX / 2 &&
			(S_ISDIR(change->mode) || (change->n_links < 2 && !change->as_was))
		? ward_commit_put_of(c, s->path, (size_t)(slash - s->path))
		: NULL;

	s->inside = dir && dir->kind == WARD_STEP_PUT && S_ISDIR(dir->new.mode) &&
		dir->new.ino != 0 && !dir->inherited;
	if (s->inside)
		s->top = dir->inside ? dir->top : (size_t)(dir - c->j.v);
}

void ward_commit_made(const struct ward_commit *c, size_t i, char out[WARD_COMMIT_MADE_MAX])
{
	const struct ward_step *s = &c->j.v[i];
	size_t top = s->inside ? s->top : i, n;

	ward_commit_staged(out, WARD_STAGED_NEW, top);
	if (!s->inside)
		return;
	n = strlen(out);
	(void)snprintf(out + n, WARD_COMMIT_MADE_MAX - n, "%s", s->path + strlen(c->j.v[top].path));
}

/* Those that come with the step: between others, whose names go on where its own ends ("a-b" comes before "a/b"). */
static size_t next_of(const struct ward_commit *c, size_t top, size_t after)
{
	const char *path = c->j.v[top].path;
	size_t n = strlen(path);

	for (size_t i = after + 1; i < c->j.n && c->j.v[i].kind != WARD_STEP_DIR; i++) {
		if (strncmp(c->j.v[i].path, path, n) != 0)
			break;
		if (c->j.v[i].inside && c->j.v[i].top == top)
			return i;
	}
	return c->j.n;
}

static int look(int dir, const char *name, struct stat *ret)
{
	return fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/*
 * As it was made: it comes. Gone from there: an abort that was killed has moved it beside, or somebody took it, and its step sees which. Another
 * by now: it does not come to be.
 */
static int look_inside(struct ward_commit *c, struct ward_held *in_stage, size_t i)
{
	char made[WARD_COMMIT_MADE_MAX], beside[WARD_COMMIT_NAME_MAX];
	struct ward_step *s = &c->j.v[i];
	const char *name;
	struct stat st;
	int dir, r;

	ward_commit_made(c, i, made);
	dir = ward_commit_hold(in_stage, c->stage, made, &name);
	r = dir < 0 ? dir : look(dir, name, &st);
	s->came = r == 0 && ward_commit_same(&st, &s->new);
	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EXDEV ? 0 : r;
	if (s->came)
		return 0;
	ward_commit_staged(beside, WARD_STAGED_NEW, i);
	return ward_commit_rename(dir, name, c->stage, beside, RENAME_NOREPLACE);
}

bool ward_commit_brings(const struct ward_commit *c, size_t top)
{
	return next_of(c, top, top) < c->j.n;
}

int ward_commit_come(struct ward_commit *c, size_t top)
{
	struct ward_held in_stage = WARD_HELD_INIT;
	int r = 0;

	for (size_t i = next_of(c, top, top); i < c->j.n && r == 0; i = next_of(c, top, i))
		r = look_inside(c, &in_stage, i);
	ward_commit_let_go(&in_stage);
	return r;
}

/* What became of its directory is known: the step came with it, is left with it, or (false) has to be looked for. */
bool ward_commit_came(const struct ward_commit *c, const struct ward_step *s,
	enum ward_step_result *ret)
{
	if (!s->inside)
		return false;
	*ret = c->j.v[s->top].result;
	return *ret == WARD_RESULT_LEFT || (*ret == WARD_RESULT_DONE && s->came);
}

/* Of those that did not become real, what lies in a directory that did not either. What somebody else put there stays, and is kept with it. */
void ward_commit_empty_made(const struct ward_commit *c)
{
	struct ward_held in_stage = WARD_HELD_INIT;

	for (size_t i = c->stage < 0 ? 0 : c->j.n; i-- > 0;) {
		char made[WARD_COMMIT_MADE_MAX];
		const struct ward_step *s = &c->j.v[i];
		const char *name;
		struct stat st;
		int dir;

		if (!s->inside ||
			(c->j.state == WARD_JOURNAL_APPLIED &&
				c->j.v[s->top].result != WARD_RESULT_LEFT))
			continue;
		ward_commit_made(c, i, made);
		dir = ward_commit_hold(&in_stage, c->stage, made, &name);
		if (dir >= 0 && look(dir, name, &st) == 0 && ward_commit_same(&st, &s->new))
			(void)unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	}
	ward_commit_let_go(&in_stage);
}
