/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What names objects in a repository of the project: HEAD and its like, index, references, a rebase or merge under way, those of its worktrees too. A
 * run that removed objects knew what named some when it did; a name that came since may name one that is gone then, and that nothing else has. Whether
 * it does only git could say, so it is asked whether there is any. Locks count: that git is at work; and so does what git has made of all packs, or
 * commits, since.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/commit/commit.h"
#include "workspace/index/index.h"

#define LOOKED_MAX 65536u
#define DEPTH_MAX 64u
#define STEP_NS 100000000 /* what a step of a commit does behind its rename */

struct looking {
	const struct ward_commit *c;
	const char *git; /* its directory, or a worktree's */
	size_t n_looked;
	unsigned depth;
};

static bool is_known(const struct ward_commit *c, const struct stat *st)
{
	return ward_commit_is_old(c, st) ||
		(c->died_ns > 0 && ward_commit_ns(&st->st_ctim) <= c->died_ns + STEP_NS);
}

/* As a ward_commit_name_fn: 0, 1: something is new, or -errno. */
static int look_below(void *arg, int dir, const char *name)
{
	struct looking *l = arg;
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (l->n_looked++ == LOOKED_MAX)
		return -E2BIG;
	if (!S_ISDIR(st.st_mode))
		return is_known(l->c, &st) ? 0 : 1;
	if (l->depth == DEPTH_MAX)
		return -ELOOP;
	l->depth++;
	r = ward_commit_names(dir, name, look_below, l);
	l->depth--;
	return r;
}

static int look_at_index(struct looking *l, int dir)
{
	char path[WARD_PATH_MAX + sizeof("/index")];
	struct stat st;

	if (fstatat(dir, "index", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	(void)snprintf(path, sizeof(path), "%s%sindex", l->git, l->git[0] ? "/" : "");
	return is_known(l->c, &st) ||
			ward_indexes_same(l->c->indexes, l->c->landed, l->c->began_ns, l->c->root,
				path, &st)
		? 0
		: 1;
}

/* git makes more of such than it says: HEAD, MERGE_HEAD, FETCH_HEAD, AUTO_MERGE, what update-ref is given; and locks them. */
static int look_at_root_ref(void *arg, int dir, const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-");

	return n > 0 && (name[n] == '\0' || ward_streq(name + n, ".lock"))
		? look_below(arg, dir, name)
		: 0;
}

static int look_at_one(struct looking *l)
{
	static const char *const names[] = { "index.lock", "packed-refs", "packed-refs.lock",
		"refs", "reftable", "rebase-merge", "rebase-apply", "sequencer",
		"objects/pack/multi-pack-index", "objects/info/commit-graph",
		"objects/info/commit-graphs" };
	WARD_FD dir = ward_commit_open(l->c->root, l->git, O_PATH | O_DIRECTORY);
	int r = dir < 0 ? dir : look_at_index(l, dir);

	for (size_t i = 0; r == 0 && i < WARD_ARRAY_SIZE(names); i++)
		r = look_below(l, dir, names[i]);
	return r == 0 ? ward_commit_names(dir, ".", look_at_root_ref, l) : r;
}

static int look_at_worktree(void *arg, int dir, const char *name)
{
	struct looking *l = arg;
	struct looking own = *l;
	char path[WARD_PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s%sworktrees/%s", l->git, l->git[0] ? "/" : "",
		name);
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	own.git = path;
	r = look_at_one(&own);
	l->n_looked = own.n_looked;
	return r;
}

int ward_names_moved(const struct ward_commit *c, const char *git)
{
	struct looking l = { .c = c, .git = git };
	WARD_FD dir = ward_commit_open(c->root, git, O_PATH | O_DIRECTORY);
	struct stat st;
	int r;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	r = look_at_one(&l);
	if (r != 0)
		return r;
	if (fstatat(dir, "worktrees", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return ward_commit_names(dir, "worktrees", look_at_worktree, &l);
}

bool ward_packs_moved(const struct ward_commit *c, const char *git)
{
	char path[WARD_PATH_MAX + sizeof("/objects/pack")];
	WARD_FD dir = -1;
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s%sobjects/pack", git, git[0] ? "/" : "");
	dir = ward_commit_open(c->root, path, O_PATH | O_DIRECTORY);
	return dir < 0 ? dir != -ENOENT : fstat(dir, &st) < 0 || !ward_commit_is_old(c, &st);
}
