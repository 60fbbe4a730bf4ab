/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The indexes of the project, as a run begins: beside it, so bounded by names, and no further down than repositories of one project lie. What is not
 * found here is read when the run has ended, if the run wrote it and nobody else did.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workspace/commit/commit.h"
#include "workspace/index/index.h"
#include "workspace/store.h"

#define NAMES_MAX 4096u
#define DEPTH_MAX 8u /* of a directory that has a repository; those above are looked at first */
#define BYTES_MAX (4u << 20)
#define PARTS_MAX 4u /* of the name of a submodule */

enum what { WORK = 0, GIT, PARTS }; /* PARTS: a directory of such that are git's */

struct todo {
	struct todo *next;
	enum what what;
	unsigned depth;
	const char *path;
};

struct finding {
	struct ward_indexes *x;
	struct ward_index_from *from;
	struct ward_arena *arena; /* has all of them */
	struct todo *first, **last;
	size_t n_names;
};

static void later(struct finding *f, const char *dir, const char *name, enum what what,
	unsigned depth)
{
	struct todo *t = ward_arena_alloc(f->arena, sizeof(*t));
	const char *path = ward_arena_printf(f->arena, "%s%s%s", dir, dir[0] ? "/" : "", name);

	if (!t || !path || strlen(path) >= WARD_PATH_MAX)
		return;
	*t = (struct todo){ .what = what, .depth = depth, .path = path };
	*f->last = t;
	f->last = &t->next;
}

static bool stops(const struct finding *f)
{
	return f->n_names >= NAMES_MAX || (f->from->stop && atomic_load(f->from->stop));
}

static void name_of(struct finding *f, const struct todo *t, const char *name)
{
	if (t->what == PARTS)
		later(f, t->path, name, GIT, t->depth + 1);
	else if (ward_streq(name, ".git"))
		later(f, t->path, name, GIT, 0);
	else if (t->depth < DEPTH_MAX && name[0] != '.' && !ward_streq(name, "node_modules"))
		later(f, t->path, name, WORK, t->depth + 1);
}

static void look_into(struct finding *f, const struct todo *t)
{
	int fd = ward_commit_open(f->from->root, t->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!d) {
		ward_close(fd);
		return;
	}
	while (!stops(f) && (e = readdir(d))) {
		f->n_names++;
		if ((e->d_type == DT_DIR || e->d_type == DT_UNKNOWN) &&
			!ward_streq(e->d_name, ".") && !ward_streq(e->d_name, ".."))
			name_of(f, t, e->d_name);
	}
	(void)closedir(d);
}

static bool is_there(const struct finding *f, const char *dir, const char *name)
{
	WARD_FD fd = ward_commit_open(f->from->root, dir, O_PATH | O_DIRECTORY);
	struct stat st;

	return fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void look_at(struct finding *f, struct todo *t)
{
	char index[2 * WARD_PATH_MAX];

	if (t->what == GIT && is_there(f, t->path, "HEAD")) {
		(void)snprintf(index, sizeof(index), "%s/index", t->path);
		(void)ward_indexes_learn(f->x, f->from, index);
		later(f, t->path, "worktrees", PARTS, 0);
		later(f, t->path, "modules", PARTS, 0);
	} else if (t->what == GIT && t->depth > 0 && t->depth < PARTS_MAX) {
		t->what = PARTS; /* a/b is the name of a submodule, too */
		look_into(f, t);
	} else if (t->what != GIT) {
		look_into(f, t);
	}
}

void ward_indexes_find(struct ward_indexes *x, struct ward_index_from *from)
{
	struct finding f = { .x = x, .from = from, .arena = ward_arena_new(BYTES_MAX) };

	if (!f.arena)
		return;
	f.last = &f.first;
	/* Its own first, however much lies beside it. */
	later(&f, "", ".git", GIT, 0);
	later(&f, "", "", WORK, 0);
	for (struct todo *t = f.first; t && !stops(&f); t = t->next)
		look_at(&f, t);
	ward_arena_free(f.arena);
}
