/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of the caller's PATH in the workspace that a wider grant lets be written (the bin of an active .venv, node_modules/.bin):
 * what a run does there is somebody's daily work, and a warning at each start would teach to pass warnings over. What is dangerous is a
 * program that comes to stand before another of its name, which somebody then calls who means that one (git, ls, ward). So names are kept
 * before the start, and at the end each new one that hides a program behind it on PATH is listed. What was there already is the project's
 * own, called by who means it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/persist/persist.h"

#define NAMES_BYTES_MAX (64u << 10) /* some five thousand names */
#define NEW_NAMES_MAX 4096
#define WHY \
	"it is called, outside, in place of the program of its name that stands behind it on PATH"
#define WHY_LINK \
	"it leads to a directory of PATH: outside, programs are called by name from where it leads"

static int64_t changed_at(const struct stat *st)
{
	return st->st_ctim.tv_sec * 1000000000LL + st->st_ctim.tv_nsec;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Whatever somebody makes of it meanwhile, no link on the way is followed, as there was none. NULL: errno. */
static DIR *open_dir(const char *path)
{
	int fd = ward_openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, WARD_OPEN_NO_SYMLINKS);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd < 0)
		errno = -fd;
	else if (!d)
		(void)close(fd);
	return d;
}

static bool is_dot(const char *name)
{
	return ward_streq(name, ".") || ward_streq(name, "..");
}

/* A link is one, whatever it leads to by now. */
static bool is_program(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW) == 0 &&
		(S_ISLNK(st.st_mode) || (S_ISREG(st.st_mode) && (st.st_mode & 0111)));
}

/* ---- before the start ---- */

/*
 * The programs of a directory, each with its end: another name may become one, and is new then. False: too many, or it cannot be read.
 */
static bool read_names(struct ward_arena *arena, const char *dir, struct ward_on_path *to)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	WARD_CLEANUP(close_dir) DIR *d = open_dir(dir);
	const struct dirent *e;

	if (!d)
		return errno == ENOENT;
	while ((errno = 0, e = readdir(d)) && b.n < NAMES_BYTES_MAX) {
		if (!is_dot(e->d_name) && is_program(dirfd(d), e->d_name))
			ward_buf_add(&b, e->d_name, strlen(e->d_name) + 1);
	}
	to->n_names = b.n;
	to->names = b.n > 0 ? ward_arena_dup(arena, b.s, b.n) : "";
	return !e && errno == 0 && !b.failed && to->names;
}

static bool add(struct ward_before *b, const struct ward_on_path *one)
{
	struct ward_on_path *v;

	if (b->n_on_path == WARD_ON_PATH_MAX)
		return false;
	v = ward_arena_alloc(b->arena, (b->n_on_path + 1) * sizeof(*v));
	if (!v)
		return false;
	if (b->n_on_path > 0)
		memcpy(v, b->on_path, b->n_on_path * sizeof(*v));
	v[b->n_on_path++] = *one;
	b->on_path = v;
	return true;
}

bool ward_on_path_know(struct ward_before *b, const char *dir, const char *all, size_t behind)
{
	struct ward_on_path one = { .path = ward_arena_strdup(b->arena, dir),
		.all = ward_arena_strdup(b->arena, all),
		.behind = behind };

	return one.path && one.all && read_names(b->arena, dir, &one) && add(b, &one);
}

bool ward_on_path_know_link(struct ward_before *b, const char *link)
{
	struct ward_on_path one = { .path = ward_arena_strdup(b->arena, link), .link = true };
	struct stat st;

	if (!one.path || lstat(link, &st) < 0)
		return false;
	one.ino = st.st_ino;
	one.ctime_ns = changed_at(&st);
	return add(b, &one);
}

/* ---- at the end ---- */

static bool was_there(const struct ward_on_path *o, const char *name)
{
	for (const char *s = o->names; s && s < o->names + o->n_names; s += strlen(s) + 1) {
		if (ward_streq(s, name))
			return true;
	}
	return false;
}

/* In a part of PATH, and in what the run could not have made as well. */
static bool found_in(const struct ward_before *b, const char *s, const char *stop, const char *name,
	struct ward_on_path_tell *to)
{
	char path[WARD_PATH_MAX];
	struct stat st;

	for (const char *end; s < stop && *s; s = *end ? end + 1 : end) {
		bool written = false;
		int r;

		end = strchrnul(s, ':');
		if (*s != '/' ||
			(size_t)snprintf(path, sizeof(path), "%.*s/%s", (int)(end - s), s, name) >=
				sizeof(path))
			continue;
		for (size_t i = 0; i < b->n_roots; i++)
			written = written || ward_path_within(path, b->roots[i]);
		if (written)
			continue;
		r = ward_look(to->looks, path, 0, &st);
		to->cut = to->cut || r == -ETIMEDOUT;
		if (r == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111))
			return true;
	}
	return false;
}

/* What is found before it is called as ever. */
static bool hides(const struct ward_before *b, const struct ward_on_path *o, const char *name,
	struct ward_on_path_tell *to)
{
	const char *behind = o->all + o->behind;

	return found_in(b, behind, behind + strlen(behind), name, to) &&
		!found_in(b, o->all, behind, name, to);
}

static int look_at_names(const struct ward_before *b, const struct ward_on_path *o, DIR *d,
	struct ward_on_path_tell *to)
{
	char path[WARD_PATH_MAX];
	const struct dirent *e;
	size_t n = 0;
	int r = WARD_OK;

	while (r == WARD_OK && (e = readdir(d))) {
		if (is_dot(e->d_name) || was_there(o, e->d_name))
			continue;
		if (++n > NEW_NAMES_MAX) {
			to->cut = true;
			return WARD_OK;
		}
		if (is_program(dirfd(d), e->d_name) && hides(b, o, e->d_name, to) &&
			(size_t)snprintf(path, sizeof(path), "%s/%s", o->path, e->d_name) <
				sizeof(path))
			r = to->tell(to->arg, path, "appeared", WHY);
	}
	return r;
}

static int look_at_link(const struct ward_on_path *o, struct ward_on_path_tell *to)
{
	struct stat st;

	if (lstat(o->path, &st) < 0 || (st.st_ino == o->ino && changed_at(&st) == o->ctime_ns))
		return WARD_OK;
	return to->tell(to->arg, o->path, "changed", WHY_LINK);
}

static int look_at(const struct ward_before *b, const struct ward_on_path *o,
	struct ward_on_path_tell *to)
{
	struct stat st;
	bool gone = ward_look(to->looks, o->path, AT_SYMLINK_NOFOLLOW, &st) == -ETIMEDOUT;
	WARD_CLEANUP(close_dir) DIR *d = gone ? NULL : open_dir(o->path);

	if (gone)
		errno = ETIMEDOUT;
	if (!d && errno == ELOOP)
		return to->tell(to->arg, o->path, "changed", WHY_LINK);
	if (!d)
		to->cut = to->cut || (errno != ENOENT && errno != ENOTDIR);
	return d ? look_at_names(b, o, d, to) : WARD_OK;
}

int ward_on_path_look(const struct ward_before *b, struct ward_on_path_tell *to)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < b->n_on_path; i++)
		r = b->on_path[i].link ? look_at_link(&b->on_path[i], to)
				       : look_at(b, &b->on_path[i], to);
	return r;
}
