/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's list of the mounts that this process sees, read once a run: most runs need none of it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "os/os.h"
#include "run/resolve/look.h"

#define MOUNTS_BYTES_MAX (4u << 20)
#define FIELDS \
	5 /* of a line, as far as they are used: its number, its parent's, the file system's, the root in that, where */

/* "\040" and the like, in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* Of "a,b=c", whole. */
static bool has_option(const char *options, const char *name)
{
	for (const char *s = options; *s; s += strspn(s, ",")) {
		size_t n = strcspn(s, ",");

		if (n == strlen(name) && strncmp(s, name, n) == 0)
			return true;
		s += n;
	}
	return false;
}

bool ward_mount_take(char *line, struct ward_mount *ret)
{
	char *field[FIELDS], *type, *tag; /* between fields and type: how it propagates */
	/* The last of the line: before it is what was mounted, which may be any text. */
	const char *options;
	bool autofs;

	for (size_t i = 0; i < FIELDS; i++) {
		field[i] = line;
		line += strcspn(line, " ");
		if (*line != ' ')
			return false;
		*line++ = '\0';
	}
	type = strstr(line, " - ");
	if (!type)
		return false;
	tag = strstr(line, " unbindable ");
	if (tag >= type)
		tag = NULL;
	type += 3;
	options = strrchr(type, ' ');
	type[strcspn(type, " ")] = '\0';
	autofs = ward_streq(type, "autofs");
	unescape(field[3]);
	unescape(field[4]);
	*ret = (struct ward_mount){ .id = strtoul(field[0], NULL, 10),
		.parent = strtoul(field[1], NULL, 10),
		.fs = field[2],
		.root = field[3],
		.at = field[4],
		.type = type,
		.unbindable = tag,
		.far = ward_mount_may_be_gone(type),
		.by_name = autofs && options && has_option(options + 1, "indirect"),
		.kernels = ward_mount_is_kernels(type) };
	ret->trap = autofs && !ret->by_name;
	return true;
}

/* at: as many bytes as that, which need not be its end. */
static int compare(const struct ward_mount *a, unsigned long parent, const char *at, size_t n)
{
	int r;

	if (a->parent != parent)
		return a->parent < parent ? -1 : 1;
	r = strncmp(a->at, at, n);
	return r ? r : a->at[n] != '\0';
}

static int by_place(const void *a, const void *b)
{
	const struct ward_mount *const *x = a, *const *y = b;

	return compare(*x, (*y)->parent, (*y)->at, strlen((*y)->at));
}

static int by_id(const void *a, const void *b)
{
	const struct ward_mount *const *x = a, *const *y = b;

	return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

/* A host of many containers has thousands, each of which is asked for those around it. */
static bool in_order(struct ward_arena *arena, struct ward_mounts *x)
{
	x->by_id = ward_arena_alloc(arena, (x->n + 1) * sizeof(*x->by_id));
	x->by_place = ward_arena_alloc(arena, (x->n + 1) * sizeof(*x->by_place));
	if (!x->by_id || !x->by_place)
		return false;
	for (size_t i = 0; i < x->n; i++)
		x->by_id[i] = x->by_place[i] = &x->v[i];
	qsort(x->by_id, x->n, sizeof(*x->by_id), by_id);
	qsort(x->by_place, x->n, sizeof(*x->by_place), by_place);
	return true;
}

const struct ward_mounts *ward_rs_mounts(struct ward_resolver *rs, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = MOUNTS_BYTES_MAX + 1 };
	struct ward_mounts *x = rs->mounts;
	size_t lines = 0;
	char *text, *next;

	if (x)
		return x;
	if (ward_read_file("/proc/self/mountinfo", MOUNTS_BYTES_MAX, &b, err) < 0)
		return NULL;
	text = ward_arena_dup(rs->arena, ward_buf_cstr(&b), b.n);
	for (size_t i = 0; i < b.n; i++)
		lines += b.s[i] == '\n';
	x = ward_arena_alloc(rs->arena, sizeof(*x));
	if (!text || !x) {
		(void)ward_rs_nomem(err);
		return NULL;
	}
	*x = (struct ward_mounts){ .v = ward_arena_alloc(rs->arena, (lines + 1) * sizeof(*x->v)) };
	if (!x->v) {
		(void)ward_rs_nomem(err);
		return NULL;
	}
	for (char *s = text; *s; s = next) {
		next = s + strcspn(s, "\n");
		if (*next)
			*next++ = '\0';
		if (x->n <= lines && ward_mount_take(s, &x->v[x->n]))
			x->n_far += x->v[x->n++].far;
	}
	if (!in_order(rs->arena, x)) {
		(void)ward_rs_nomem(err);
		return NULL;
	}
	rs->mounts = x;
	return x;
}

/* Of those that are mounted in the one of that number, one at that place; NULL: none. Never but itself. */
static const struct ward_mount *mounted_in(const struct ward_mounts *all, unsigned long parent,
	const char *at, size_t n, const struct ward_mount *but)
{
	size_t low = 0, high = all->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(all->by_place[middle], parent, at, n) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < all->n && compare(all->by_place[low], parent, at, n) == 0; low++) {
		if (all->by_place[low] != but)
			return all->by_place[low];
	}
	return NULL;
}

const struct ward_mount *ward_mount_parent(const struct ward_mounts *all,
	const struct ward_mount *m)
{
	size_t low = 0, high = all->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (all->by_id[middle]->id < m->parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low < all->n && all->by_id[low]->id == m->parent && all->by_id[low] != m
		? all->by_id[low]
		: NULL;
}

/* By one of the same parent, on the way to it. */
static bool is_covered(const struct ward_mounts *all, const struct ward_mount *m)
{
	for (size_t i = 0; m->at[i]; i++) {
		if (m->at[i] == '/' && m->at[i + 1] &&
			mounted_in(all, m->parent, m->at, i ? i : 1, m))
			return true;
	}
	return false;
}

bool ward_mount_is_hidden(const struct ward_mounts *all, const struct ward_mount *m)
{
	if (mounted_in(all, m->id, m->at, strlen(m->at), m))
		return true;
	for (size_t up = 0; m && up <= all->n; up++) {
		if (is_covered(all, m))
			return true;
		m = ward_mount_parent(all, m);
	}
	return false;
}

/* By now: what was read of the mounts may be older than one that somebody's step brought. */
static bool is_bare(const struct ward_mount *m, const char *path, struct stat *ret)
{
	char fs[32];

	if (fstatat(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return false;
	(void)snprintf(fs, sizeof(fs), "%u:%u", major(ret->st_dev), minor(ret->st_dev));
	return ward_streq(fs, m->fs);
}

/* A directory that an indirect map shows before anything is mounted there: of its own ones directly below it, one with none in it. */
static bool is_shown_only(const struct ward_mounts *all, const struct ward_mount *m,
	const char *path)
{
	const char *name = strrchr(path, '/');
	struct stat st;

	return name && (size_t)(name - path) == strlen(m->at) && ward_path_within(path, m->at) &&
		!mounted_in(all, m->id, path, strlen(path), m) && is_bare(m, path, &st) &&
		S_ISDIR(st.st_mode) && st.st_nlink == 2;
}

bool ward_rs_waits(struct ward_resolver *rs, const char *path)
{
	const struct ward_mounts *all =
		rs->arena && !rs->no_mounts ? ward_rs_mounts(rs, NULL) : NULL;
	struct stat st;

	for (size_t i = 0; all && i < all->n; i++) {
		const struct ward_mount *m = &all->v[i];

		if (m->trap ? !ward_streq(path, m->at)
			    : !m->by_name || !is_shown_only(all, m, path))
			continue;
		if (!ward_mount_is_hidden(all, m) && (m->by_name || is_bare(m, path, &st)))
			return true;
	}
	return false;
}
