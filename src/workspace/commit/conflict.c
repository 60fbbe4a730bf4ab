/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the project has in the way of a change: what came, changed or went since the run began. The clock of it is ctime, which nobody but the
 * kernel sets: contents, bits, attributes, names and moves all leave it there, so an object without a newer one is as the run saw it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workspace/commit/commit.h"
#include "workspace/diff/diff.h"
#include "workspace/index/index.h"

static const char gone_text[] = "was removed from the project since the run began";
static const char changed_text[] = "was changed in the project since the run began";
static const char unsure_text[] =
	"may have been changed in the project since the run began: the clock of the machine was set back meanwhile";
static const char came_text[] = "came to be in the project since the run began";
static const char type_text[] = "became another type of object in the project since the run began";
static const char names_text[] =
	"has other names (hard links) in the project, which would keep the old content";
static const char packed_text[] =
	"was changed in the project since the run began, and is in packed-refs there";
static const char unread_text[] =
	"may have been changed in the project since the run began: packed-refs there is no file, or is too large";
static const char below_text[] =
	"holds something that came or changed in the project since the run began";
static const char mount_text[] = "holds another file system, or cannot be looked into";

static bool newer(const struct ward_commit *c, const struct stat *st)
{
	return !ward_commit_is_old(c, st);
}

struct scan {
	const struct ward_commit *c;
	const char *why;
	dev_t dev;
	unsigned depth;
};

static int scan_name(void *arg, int dir, const char *name)
{
	struct scan *s = arg;
	struct stat st;
	int r = 0;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (newer(s->c, &st)) {
		s->why = below_text;
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (st.st_dev != s->dev || s->depth == WARD_CHANGE_DEPTH_MAX) {
		s->why = mount_text;
		return 1;
	}
	s->depth++;
	r = ward_commit_names(dir, name, scan_name, s);
	s->depth--;
	return r;
}

/* Of a directory that is gone: itself, and with deep all below it. */
static int directory_in_way(const struct ward_commit *c, const char *path, const struct stat *st,
	bool deep, const char **ret)
{
	struct scan s = { c, NULL, st->st_dev, 0 };
	const char *name;
	WARD_FD parent = -1;
	int r;

	if (newer(c, st)) {
		*ret = below_text;
		return 0;
	}
	if (!deep)
		return 0;
	parent = ward_commit_parent(c->root, path, &name);
	if (parent < 0)
		return parent;
	r = ward_commit_names(parent, name, scan_name, &s);
	if (r == -EACCES || r == -ELOOP || r == -ENOTDIR)
		s.why = mount_text;
	else if (r < 0)
		return r;
	*ret = s.why;
	return 0;
}

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

/* The layer has a copy of what the project has no longer: moved within the run, or gone from the project, which its directory then knows. */
static int origin_in_way(const struct ward_commit *c, const char *path, const char **ret)
{
	char parent[WARD_PATH_MAX];
	struct stat st;
	size_t n = 0;

	for (const char *p = path; *p && (size_t)(p - path) < sizeof(parent); p++) {
		parent[p - path] = *p;
		n = *p == '/' ? (size_t)(p - path) : n;
	}
	for (;;) {
		WARD_FD fd = -1;

		parent[n] = '\0';
		fd = ward_commit_open(c->root, parent, O_PATH | O_DIRECTORY);
		if (fd >= 0 && fstat(fd, &st) < 0)
			return -errno;
		if (fd >= 0) {
			*ret = newer(c, &st) ? gone_text : NULL;
			return 0;
		}
		/* Of one that is there, and cannot be looked at, the one above says nothing. */
		if (n == 0 || !is_missing(fd))
			return fd;
		while (n > 0 && parent[n - 1] != '/')
			n--;
		n = n > 0 ? n - 1 : 0;
	}
}

/* Of n bytes: from its directory on "xx" or "xx/...", in hexadecimal. */
static bool is_loose_name(const char *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t first = strspn(p, hex), rest = first == 2 && p[2] == '/' ? strspn(p + 3, hex) : 0;

	return first == 2 &&
		(n == 2 ||
			(n == 3 + rest &&
				(rest == 2 * SHA1_SIZE - 2 || rest == 2 * WARD_SHA256_SIZE - 2)));
}

/*
 * An object of git's, whose name says what is in it; or the directory of such. The run's git touched what the project had, since it names it by now;
 * the host's has it in a pack meanwhile, or, since nothing else names it, nowhere.
 */
static bool is_loose_object(struct ward_commit *c, const char *path)
{
	static const char objects[] = "objects/";
	const char *at = path, *end = path + strlen(path);
	char head[WARD_PATH_MAX + sizeof("HEAD")];
	struct stat st;

	while ((at = strstr(at, objects))) {
		const char *name = at + sizeof(objects) - 1;

		if ((at == path || at[-1] == '/') && is_loose_name(name, (size_t)(end - name)))
			break;
		at = name;
	}
	if (!at)
		return false;
	(void)snprintf(head, sizeof(head), "%.*sHEAD", (int)(at - path), path);
	return ward_commit_look(&c->in_root, c->root, head, &st) == 0;
}

static const char *packed_in_way(struct ward_commit *c, const char *path)
{
	switch (ward_ref_packed(&c->packed, c->indexes, c->landed, c->root, c->layer, c->since_ns,
		path)) {
	case WARD_REF_MOVED: return packed_text;
	case WARD_REF_UNREAD: return unread_text;
	case WARD_REF_AS_WAS:
	case WARD_REF_NONE: break;
	}
	return NULL;
}

static int added_in_way(struct ward_commit *c, const struct ward_change *change, const char **ret)
{
	struct stat st;
	int r = ward_commit_look(&c->in_root, c->root, change->path, &st);

	c->absent = is_missing(r);
	if (c->absent && !S_ISDIR(change->mode) && ward_ref_is_name(change->path))
		*ret = packed_in_way(c, change->path);
	if (c->absent)
		return *ret ? 0
			: change->origin && change->kind == WARD_CHANGE_ADDED &&
				!is_loose_object(c, change->path)
			? origin_in_way(c, change->path, ret)
			: 0;
	if (r < 0 || (S_ISDIR(st.st_mode) && S_ISDIR(change->mode)))
		return r;
	if (change->kind == WARD_CHANGE_ADDED || newer(c, &st))
		*ret = came_text;
	return 0;
}

static int renamed_in_way(struct ward_commit *c, const struct ward_change *change, const char **ret)
{
	struct stat st;
	int r = change->from ? ward_commit_look(&c->in_root, c->root, change->from, &st) : -EINVAL;

	if (is_missing(r))
		*ret = gone_text;
	else if (r == 0 && newer(c, &st))
		*ret = changed_text;
	return r < 0 && !is_missing(r) ? r : *ret ? 0 : added_in_way(c, change, ret);
}

/* git writes its index anew where it only looks, and its logs with each gc. What they say is as old as it was. */
static bool is_written_anew(const struct ward_commit *c, const struct ward_change *change,
	const struct stat *st)
{
	return c->indexes && change->kind == WARD_CHANGE_MODIFIED && S_ISREG(change->mode) &&
		S_ISREG(st->st_mode) &&
		(ward_indexes_same(c->indexes, c->landed, c->began_ns, c->root, change->path, st) ||
			ward_ref_log_goes_on(c->indexes, c->root, c->layer, change->path, st));
}

int ward_commit_in_way(struct ward_commit *c, const struct ward_change *change, bool deep,
	const char **ret)
{
	struct stat st;
	int r;

	*ret = NULL;
	c->absent = false;
	if (change->kind == WARD_CHANGE_ADDED)
		return added_in_way(c, change, ret);
	if (change->kind == WARD_CHANGE_RENAMED)
		return renamed_in_way(c, change, ret);
	r = ward_commit_look(&c->in_root, c->root, change->path, &st);
	if (is_missing(r)) {
		*ret = change->kind == WARD_CHANGE_DELETED ? NULL : gone_text;
		return 0;
	}
	if (r < 0)
		return r;
	if ((st.st_mode & S_IFMT) != (change->was_mode & S_IFMT))
		*ret = type_text;
	else if (S_ISDIR(st.st_mode) && change->kind != WARD_CHANGE_MODIFIED)
		return directory_in_way(c, change->path, &st, deep, ret);
	else if (newer(c, &st) && !is_written_anew(c, change, &st))
		*ret = ward_commit_ns(&st.st_ctim) < c->began_ns ? unsure_text : changed_text;
	/*
	 * More than the run changed: no overlay marks the copy of such a file, so nobody can tell it from one that was put in its place. Names that
	 * the run made elsewhere are none of these.
	 */
	else if (change->kind == WARD_CHANGE_MODIFIED && S_ISREG(st.st_mode) &&
		st.st_nlink > (change->n_same > 1 ? change->n_same : 1))
		*ret = names_text;
	return 0;
}
