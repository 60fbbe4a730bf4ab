/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over directories, for those who look for names by a pattern: no link is followed, and the number of names looked at is bounded.
 * What cannot be listed is not empty: names in it may be had all the same, by who knows them, and whoever walks may want to know. Where the
 * caller alone lacks what a look takes (descriptors, memory), nothing at all can be said.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/persist/persist.h"
#include "run/resolve/look.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void ward_rs_sort(struct ward_texts *t)
{
	if (t->n > 0)
		qsort(t->v, t->n, sizeof(*t->v), by_text);
}

int ward_rs_push(struct ward_resolver *rs, struct ward_texts *to, const char *path,
	struct ward_error *err)
{
	if (to->n == to->cap) {
		size_t cap = to->cap ? to->cap * 2 : 64;
		const char **v = ward_arena_alloc(rs->arena, cap * sizeof(*v));

		if (!v)
			return ward_rs_nomem(err);
		if (to->n > 0)
			memcpy(v, to->v, to->n * sizeof(*v));
		to->v = v;
		to->cap = cap;
	}
	to->v[to->n] = ward_arena_strdup(rs->arena, path);
	return to->v[to->n++] ? WARD_OK : ward_rs_nomem(err);
}

/* Does path lie below one of these? They are sorted. */
static bool is_below(const struct ward_texts *names, const char *path)
{
	char at[WARD_PATH_MAX];
	const char *key = at;
	char *slash;

	if (names->n == 0 || strlen(path) >= sizeof(at))
		return names->n > 0;
	memcpy(at, path, strlen(path) + 1);
	while ((slash = strrchr(at, '/')) != NULL && slash > at) {
		*slash = '\0';
		if (bsearch(&key, names->v, names->n, sizeof(*names->v), by_text))
			return true;
	}
	return false;
}

int ward_rs_again(struct ward_resolver *rs, const struct ward_texts *written,
	struct ward_texts *io_names, struct ward_error *err)
{
	struct ward_texts matches;
	int r = WARD_OK;

	ward_rs_sort(io_names);
	matches = *io_names;
	for (size_t i = 0; r == WARD_OK && i < written->n; i++) {
		if (is_below(&matches, written->v[i]))
			r = ward_rs_push(rs, io_names, written->v[i], err);
	}
	return r;
}

static enum ward_entry type_of(int dirfd, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR    ? WARD_ENTRY_DIR
			: d->d_type == DT_LNK ? WARD_ENTRY_LINK
					      : WARD_ENTRY_OTHER;
	if (fstatat(dirfd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return WARD_ENTRY_OTHER;
	return S_ISDIR(st.st_mode)    ? WARD_ENTRY_DIR
		: S_ISLNK(st.st_mode) ? WARD_ENTRY_LINK
				      : WARD_ENTRY_OTHER;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Who may search a directory has what he can name in it; who owns it, or one above it that keeps us out, can give himself that. */
static bool may_enter(const char *dir)
{
	WARD_FD fd = ward_openat2(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	WARD_FD in = fd < 0 ? -1 : openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	return fd == -EACCES || in >= 0 ||
		(fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid());
}

static int cannot_list(struct ward_walk *w, const char *dir, int sys)
{
	switch (sys) {
	case ENOENT:
	case ENOTDIR:
	case ELOOP: return WARD_OK; /* gone, or something else by now */
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return ward_fail_errno(w->err, sys == ENOMEM ? WARD_E_NOMEM : WARD_E_SYSTEM, sys,
			"cannot list '%s'", dir);
	default:
		/* Whose server is gone: it may be back while the run lives. */
		return w->unlisted && (ward_rs_is_gone(-sys) || may_enter(dir))
			? w->unlisted(w->arg, dir)
			: WARD_OK;
	}
}

/* Of a mount that answers nobody: it is not looked at, and who knows a name in it may have that when it answers again. */
static int far(struct ward_walk *w, const char *dir)
{
	return w->unlisted ? w->unlisted(w->arg, dir) : WARD_OK;
}

static int directory(struct ward_walk *w, const char *dir)
{
	char path[WARD_PATH_MAX];
	int fd = ward_openat2(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	WARD_CLEANUP(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!d) {
		int sys = fd < 0 ? -fd : errno;

		ward_close(fd);
		return cannot_list(w, dir, sys);
	}
	while (errno = 0, (e = readdir(d))) {
		bool enter = false;
		int r;

		if (ward_streq(e->d_name, ".") || ward_streq(e->d_name, ".."))
			continue;
		if (++w->looked > WARD_GLOB_WALK_MAX)
			return WARD_E_LIMIT;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir[1] ? dir : "", e->d_name) >=
			sizeof(path))
			continue;
		r = w->entry(w->arg, path, type_of(fd, e), &enter);
		if (r == WARD_OK && enter)
			r = ward_rs_push(w->rs, &w->todo, path, w->err);
		if (r < 0)
			return r;
	}
	return errno ? cannot_list(w, dir, errno) : WARD_OK;
}

int ward_rs_walk(struct ward_walk *w, const char *start)
{
	int r = ward_rs_push(w->rs, &w->todo, start, w->err);

	while (r == WARD_OK && w->todo.n > 0) {
		const char *dir = w->todo.v[--w->todo.n];

		/* Nothing in what is the kernel's own is ever shown. */
		if (!ward_rs_in_kernels(w->rs, dir))
			r = ward_rs_waits(w->rs, dir) || ward_rs_far(w->rs, dir) < 0
				? far(w, dir)
				: directory(w, dir);
	}
	return r;
}

struct names_in {
	struct ward_resolver *rs;
	struct ward_texts *found, *shut;
	size_t room;
	struct ward_error *err;
};

static int one_name(void *arg, const char *path, enum ward_entry type, bool *ret_enter)
{
	struct names_in *in = arg;

	*ret_enter = false;
	if (type == WARD_ENTRY_LINK || ward_rs_reserved(path))
		return WARD_OK;
	if (in->room == 0)
		return WARD_E_LIMIT;
	in->room--;
	return ward_rs_push(in->rs, in->found, path, in->err);
}

static int no_names(void *arg, const char *path)
{
	struct names_in *in = arg;

	return ward_rs_push(in->rs, in->shut, path, in->err);
}

int ward_rs_names(struct ward_resolver *rs, struct ward_names *n, struct ward_texts *found,
	struct ward_texts *shut, struct ward_error *err)
{
	int r = WARD_OK;

	for (; r == WARD_OK && n->done < n->dirs.n; n->done++) {
		struct names_in in = {
			.rs = rs, .found = found, .shut = shut, .room = n->room, .err = err
		};
		struct ward_walk w = {
			.rs = rs, .entry = one_name, .unlisted = no_names, .arg = &in, .err = err
		};
		const char *dir = n->dirs.v[n->done];
		size_t had = found->n;

		r = ward_rs_walk(&w, dir);
		if (r == WARD_OK)
			n->room = in.room;
		if (r != WARD_E_LIMIT)
			continue;
		/* Some of a directory's names would be those that it happens to list first. */
		r = WARD_OK;
		found->n = had;
		n->more += n->first != NULL;
		n->first = n->first ? n->first : dir;
	}
	return r;
}
