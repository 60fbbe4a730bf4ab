/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which directories are git's, before and after a layer's changes: known by what they hold, for any directory that holds it is taken for
 * a repository, whatever its name. One that cannot be looked at is taken for one, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "os/os.h"
#include "run/review/marks.h"

enum { SAW_GIT = 1, SAW_HEAD = 2, SAW_OBJECTS = 4, SAW_REFS = 8, SAW_COMMON = 16, UNSEEN = 32 };
static const struct {
	const char *name;
	unsigned bit;
} marks_of_git[] = { { ".git", SAW_GIT }, { "HEAD", SAW_HEAD }, { "objects", SAW_OBJECTS },
	{ "refs", SAW_REFS }, { "commondir", SAW_COMMON } };

const char ward_by_git[] = "git runs it, or what it names";
static const char new_repository[] =
	"git takes its directory for a repository, which it was not, and runs what that configures";
static const char no_repository[] =
	"its directory is a repository of git's, and would be none any more";

static unsigned mark_bit(const char *name, size_t n, bool exactly)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(marks_of_git); i++) {
		const char *m = marks_of_git[i].name;

		if (strlen(m) == n && (exactly ? memcmp(m, name, n) : strncasecmp(m, name, n)) == 0)
			return marks_of_git[i].bit;
	}
	return 0;
}

static void mark(struct ward_git_marks *m, const char *path, bool gone)
{
	const char *name = ward_path_basename(path);
	size_t n = (size_t)(name - path);
	/* A file system may take "head" for it; what goes is gone only by its very name. */
	unsigned bit = mark_bit(name, strlen(name), gone);

	if (bit)
		m->v[m->n++] = (struct ward_git_mark){ .dir = path,
			.n = n > 0 ? n - 1 : 0,
			.added = gone ? 0 : bit,
			.gone = gone ? bit : 0 };
}

static int compare(const char *a, size_t n_a, const char *b, size_t n_b)
{
	int r = memcmp(a, b, n_a < n_b ? n_a : n_b);

	return r ? r : (n_a > n_b) - (n_a < n_b);
}

static int by_dir(const void *a, const void *b)
{
	const struct ward_git_mark *x = a, *y = b;

	return compare(x->dir, x->n, y->dir, y->n);
}

int ward_git_marks_read(struct ward_arena *a, const struct ward_changes *all, int root,
	struct ward_git_marks *m, struct ward_error *err)
{
	size_t to = 0;

	*m = (struct ward_git_marks){ .root = root };
	m->v = ward_arena_alloc(a, (2 * all->n + 1) * sizeof(*m->v));
	if (!m->v)
		return ward_rs_nomem(err);
	for (size_t i = 0; i < all->n; i++) {
		mark(m, all->v[i].path, all->v[i].kind == WARD_CHANGE_DELETED);
		if (all->v[i].kind == WARD_CHANGE_RENAMED)
			mark(m, all->v[i].from, true);
	}
	if (m->n > 0)
		qsort(m->v, m->n, sizeof(*m->v), by_dir);
	for (size_t i = 0; i < m->n; i++) {
		if (to > 0 && by_dir(&m->v[to - 1], &m->v[i]) == 0) {
			m->v[to - 1].added |= m->v[i].added;
			m->v[to - 1].gone |= m->v[i].gone;
		} else {
			m->v[to++] = m->v[i];
		}
	}
	m->n = to;
	return WARD_OK;
}

static const struct ward_git_mark *marked(const struct ward_git_marks *m, const char *dir, size_t n)
{
	struct ward_git_mark key = { .dir = dir, .n = n };

	return m->n > 0 ? bsearch(&key, m->v, m->n, sizeof(key), by_dir) : NULL;
}

/* Nothing of that name, as far as it can be told. A link on the way leads elsewhere: what lies there is not this directory. */
static bool is_none(int e)
{
	return e == ENOENT || e == ENOTDIR || e == ELOOP;
}

/* Of the project, as it is. UNSEEN: nobody could look, and it may be one. */
static unsigned seen(const struct ward_git_marks *m, const char *dir, size_t n)
{
	char rel[WARD_PATH_MAX];
	unsigned bits = 0;
	struct stat st;
	WARD_FD fd = -1;

	if (n >= sizeof(rel))
		return UNSEEN;
	memcpy(rel, n > 0 ? dir : ".", n > 0 ? n : 1);
	rel[n > 0 ? n : 1] = '\0';
	fd = ward_openat2(m->root, rel, O_PATH | O_DIRECTORY, 0,
		WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	if (fd < 0)
		return is_none(-fd) ? 0 : UNSEEN;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(marks_of_git); i++) {
		if (fstatat(fd, marks_of_git[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			bits |= marks_of_git[i].bit;
		else if (!is_none(errno))
			bits |= UNSEEN;
	}
	return bits;
}

static bool is_git(unsigned bits)
{
	return (bits & SAW_HEAD) &&
		((bits & SAW_COMMON) ||
			(bits & (SAW_OBJECTS | SAW_REFS)) == (SAW_OBJECTS | SAW_REFS));
}

bool ward_git_marks_is(const struct ward_git_marks *all, const char *dir, size_t n)
{
	unsigned bits = seen(all, dir, n);

	return is_git(bits) || (bits & UNSEEN);
}

static unsigned after(const struct ward_git_mark *m, unsigned before)
{
	return m ? (before & ~m->gone) | m->added : before;
}

bool ward_git_marks_beside(const struct ward_git_marks *m, const char *dir, size_t n)
{
	return (seen(m, dir, n) | after(marked(m, dir, n), 0)) & (SAW_GIT | UNSEEN);
}

static const char *becomes(bool before, bool now)
{
	return before == now ? NULL : before ? no_repository : new_repository;
}

/* Beside what is held below a plain grant: attributes and grafts, remotes of old, what is under way, and what a merge is given by itself. */
static bool git_takes(const char *name)
{
	static const char *const also[] = { "info", "remotes", "branches", "sequencer",
		"rr-cache" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(also); i++) {
		if (strcasecmp(name, also[i]) == 0)
			return true;
	}
	return ward_git_obeys(name);
}

const char *ward_git_marks_name(const struct ward_git_marks *all, const char *path, size_t dir,
	const char *name)
{
	const struct ward_git_mark *m = marked(all, path, dir);
	bool obeys = git_takes(name);
	unsigned before = m || obeys ? seen(all, path, dir) : 0;
	const char *why = becomes(is_git(before), is_git(after(m, before)));

	if (before & UNSEEN)
		return ward_by_git;
	return why ? why : is_git(before) && obeys ? ward_by_git : NULL;
}

const char *ward_git_marks_dir(const struct ward_git_marks *all, const char *path, size_t n)
{
	const struct ward_git_mark *m = marked(all, path, n);
	unsigned before = m ? seen(all, path, n) : 0;

	if (before & UNSEEN)
		return ward_by_git;
	return becomes(is_git(before), is_git(after(m, before)));
}
