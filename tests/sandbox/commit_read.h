/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of commits: what a layer says, read as simply as can be; an oracle beside ward_changes_read(). After commit_box.h. */
#pragma once

struct read {
	struct ward_changes *real;
	struct ward_changes c;
	size_t cap;
};

static void read_add(struct read *r, enum ward_change_kind kind, const char *path, const struct stat *was, const struct stat *now)
{
	struct ward_change *c;

	if (r->c.n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 256;
		r->c.v = realloc(r->c.v, r->cap * sizeof(*r->c.v));
		if (!r->c.v)
			abort();
	}
	c = &r->c.v[r->c.n++];
	*c = (struct ward_change){ .kind = kind, .path = ward_arena_strdup(r->c.arena, path), .bits = true, .xattrs = true };
	if (was)
		c->was_mode = was->st_mode;
	if (now) {
		c->mode = now->st_mode;
		c->dev = now->st_dev;
		c->ino = now->st_ino;
		c->n_links = now->st_nlink;
		c->n_same = now->st_nlink;
	}
}

static int read_open(int dir, const char *name)
{
	return dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static const char *read_join(char out[WARD_PATH_MAX], const char *dir, const char *name)
{
	(void)snprintf(out, WARD_PATH_MAX, "%.3000s%s%s", dir, dir[0] ? "/" : "", name);
	return out;
}

typedef void read_fn(struct read *r, int root, const char *name, const char *path);

static void read_gone(struct read *r, int root, const char *name, const char *path)
{
	char inner[WARD_PATH_MAX];
	struct stat st;
	DIR *d;

	if (fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	read_add(r, WARD_CHANGE_DELETED, path, &st, NULL);
	if (!S_ISDIR(st.st_mode))
		return;
	d = fdopendir(read_open(root, name));
	for (struct dirent *e; d && (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			read_gone(r, dirfd(d), e->d_name, read_join(inner, path, e->d_name));
	if (d)
		closedir(d);
}

static void read_dir(struct read *r, int layer, int root, const char *path, bool opaque);

static void read_name(struct read *r, int layer, int root, const char *name, const char *path, bool opaque)
{
	struct stat now, was;
	bool had = root >= 0 && fstatat(root, name, &was, AT_SYMLINK_NOFOLLOW) == 0;
	char inner[WARD_PATH_MAX];

	if (fstatat(layer, name, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISCHR(now.st_mode)) {
		read_gone(r, root, name, path);
	} else if (!S_ISDIR(now.st_mode)) {
		bool type = had && (was.st_mode & S_IFMT) != (now.st_mode & S_IFMT);

		read_add(r, !had ? WARD_CHANGE_ADDED : type ? WARD_CHANGE_TYPE : WARD_CHANGE_MODIFIED, path, had ? &was : NULL, &now);
		if (S_ISLNK(now.st_mode)) {
			ssize_t n = readlinkat(layer, name, inner, sizeof(inner));

			r->c.v[r->c.n - 1].target = n < 0 ? NULL : ward_arena_dup(r->c.arena, inner, (size_t)n);
		}
		if (had && S_ISDIR(was.st_mode)) {
			DIR *d = fdopendir(read_open(root, name));

			for (struct dirent *e; d && (e = readdir(d));)
				if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
					read_gone(r, dirfd(d), e->d_name, read_join(inner, path, e->d_name));
			if (d)
				closedir(d);
		}
	} else {
		WARD_FD l = read_open(layer, name);
		WARD_FD p = had && S_ISDIR(was.st_mode) ? read_open(root, name) : -1;

		if (p < 0)
			read_add(r, had ? WARD_CHANGE_TYPE : WARD_CHANGE_ADDED, path, had ? &was : NULL, &now);
		else if (was.st_mode != now.st_mode || !ward_commit_attrs_equal(l, p))
			read_add(r, WARD_CHANGE_MODIFIED, path, &was, &now);
		read_dir(r, l, p, path, opaque || fgetxattr(l, "user.overlay.opaque", NULL, 0) > 0);
	}
}

static void read_dir(struct read *r, int layer, int root, const char *path, bool opaque)
{
	char inner[WARD_PATH_MAX];
	struct stat st;

	for (int turn = 0; turn < 2; turn++) {
		DIR *d;

		if (turn == 1 && (!opaque || root < 0))
			break;
		d = fdopendir(fcntl(turn ? root : layer, F_DUPFD_CLOEXEC, 3));
		rewinddir(d);
		for (struct dirent *e; d && (e = readdir(d));) {
			if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
				continue;
			read_join(inner, path, e->d_name);
			if (turn == 0)
				read_name(r, layer, root, e->d_name, inner, opaque);
			else if (fstatat(layer, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
				read_gone(r, root, e->d_name, inner);
		}
		if (d)
			closedir(d);
	}
}

static void read_done(struct read *r)
{
	if (!r->real)
		free(r->c.v);
	if (!r->real)
		ward_arena_free(r->c.arena);
	ward_changes_free(r->real);
}

static bool read_really; /* by ward_changes_read() */

static struct read read_layer(void)
{
	struct read r = { .real = NULL };
	WARD_FD layer = box_open("upper");
	WARD_FD root = box_open("root");
	struct ward_error err = WARD_ERROR_INIT;

	if (read_really) {
		CHECK_MSG(ward_changes_read(layer, root, &r.real, &err) == WARD_OK, "%s", err.message);
		REQUIRE(r.real);
		r.c = *r.real;
		return r;
	}
	r.c.arena = ward_arena_new(0);
	read_dir(&r, layer, root, "", false);
	return r;
}
