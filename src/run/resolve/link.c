/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a name to what it is. The common case, a path without links, is one openat2() that the kernel vouches for
 * (RESOLVE_NO_SYMLINKS), or, in a directory that was opened so, one fstatat(): policies name hundreds of names in few. Only if that says ELOOP is the path walked by hand, so that every link on the way can be
 * shown inside; what the walk ends at is then opened without links again, and only that identity counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/persist/persist.h"
#include "run/resolve/look.h"

#define REAL (WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS)

/* ---- directories that many names are looked up in: opened once, by the same promise ---- */

void ward_rs_dirs_done(struct ward_rs_dirs *d)
{
	for (size_t i = 0; i < d->n; i++)
		(void)close(d->v[i].fd);
	d->n = 0;
}

static uint64_t hash_of(const char *s, size_t n)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (uint8_t)s[i]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

void ward_rs_dirs_remember(struct ward_rs_dirs *d, bool remember)
{
	d->remember = remember;
	if (remember)
		return;
	/* By then the name may be another directory's. */
	ward_rs_dirs_done(d);
	if (d->n_known > 0)
		memset(d->known, 0, sizeof(d->known));
	d->n_known = 0;
}

/* Where path is, or would be. */
static struct ward_rs_known *known_at(struct ward_rs_dirs *d, const char *path)
{
	size_t mask = WARD_ARRAY_SIZE(d->known) - 1, at = hash_of(path, strlen(path)) & mask;

	while (d->known[at].path && strcmp(d->known[at].path, path) != 0)
		at = (at + 1) & mask;
	return &d->known[at];
}

/* The directory of the first n bytes of path; NULL: it is not open. */
static struct ward_rs_dir *open_already(struct ward_rs_dirs *d, const char *path, size_t n)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->v[i].n == n && memcmp(d->v[i].path, path, n) == 0)
			return &d->v[i];
	}
	return NULL;
}

/* As where it is asked for the second time: to open it costs more than one name in it. NULL: not yet, or it cannot be. */
static struct ward_rs_dir *open_again(struct ward_resolver *rs, const char *path, size_t n)
{
	struct ward_rs_dirs *d = rs->dirs;
	WARD_UNSET char dir[WARD_PATH_MAX];
	uint64_t hash = hash_of(path, n);
	bool seen = false;
	int fd;

	for (size_t i = 0; !seen && i < WARD_ARRAY_SIZE(d->seen); i++)
		seen = d->seen[i] == hash;
	if (!seen || d->n == WARD_ARRAY_SIZE(d->v) || n >= sizeof(dir)) {
		d->seen[d->next++ % WARD_ARRAY_SIZE(d->seen)] = hash;
		return NULL;
	}
	memcpy(dir, path, n);
	dir[n] = '\0';
	fd = ward_openat2(AT_FDCWD, n > 0 ? dir : "/", O_PATH | O_DIRECTORY, 0, REAL);
	if (fd < 0)
		return NULL;
	d->v[d->n] =
		(struct ward_rs_dir){ .path = ward_arena_strdup(rs->arena, dir), .n = n, .fd = fd };
	if (!d->v[d->n].path) {
		(void)close(fd);
		return NULL;
	}
	return &d->v[d->n++];
}

/* A directory that lacked so many names is read: rules speak of many in one, and few of them are there. /etc takes as long as fifty. */
#define MANY_MISSED 12

static void missed(struct ward_resolver *rs, struct ward_rs_dir *dir)
{
	struct ward_dir_names *names;

	if (!rs->dirs->remember || ++dir->missed != MANY_MISSED)
		return;
	names = ward_arena_alloc(rs->arena, sizeof(*names));
	if (!names)
		return;
	names->room = WARD_DIR_NAMES_ROOM;
	names->buf = ward_arena_alloc(rs->arena, names->room);
	if (!names->buf)
		return;
	/* One that takes more has more names, as a rule: it would be read in vain. */
	ward_dir_names_read_in(names, dir->fd, names->room);
	dir->names = names;
}

/* One name in an open directory: what openat2() without links would say of it, without opening it. */
static int in_dir(struct ward_resolver *rs, struct ward_rs_dir *dir, const char *name,
	struct stat *ret)
{
	if (dir->names && ward_dir_names_lack(dir->names, name))
		return -ENOENT;
	if (fstatat(dir->fd, name, ret, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		int r = -errno;

		if (r == -ENOENT)
			missed(rs, dir);
		return r;
	}
	return S_ISLNK(ret->st_mode) ? -ELOOP : 0;
}

/* 1: nothing is known of it yet. What is missing above it is asked for in the directory that has it. */
static int near(struct ward_resolver *rs, const char *path, struct stat *ret)
{
	const char *slash = strrchr(path, '/'), *above = slash;
	WARD_UNSET char name[NAME_MAX + 1];
	struct ward_rs_dir *dir;
	size_t n;
	int r;

	if (!rs->dirs || !slash[1])
		return 1;
	dir = open_already(rs->dirs, path, (size_t)(slash - path));
	if (dir)
		return in_dir(rs, dir, slash + 1, ret);
	while (above > path && above[-1] != '/')
		above--;
	n = (size_t)(slash - above);
	dir = above > path && n < sizeof(name)
		? open_already(rs->dirs, path, (size_t)(above - 1 - path))
		: NULL;
	if (!dir && above > path && n < sizeof(name))
		dir = open_again(rs, path, (size_t)(above - 1 - path));
	if (dir) {
		memcpy(name, above, n);
		name[n] = '\0';
		r = in_dir(rs, dir, name, ret);
		if (r == 0 && !S_ISDIR(ret->st_mode))
			r = -ENOTDIR;
		if (r < 0) {
			ret->st_mode = 0; /* it is not what was asked about */
			return r;
		}
	}
	dir = open_again(rs, path, (size_t)(slash - path));
	return dir ? in_dir(rs, dir, slash + 1, ret) : 1;
}

static int look_at(struct ward_resolver *rs, const char *path, struct stat *ret)
{
	int r = near(rs, path, ret);

	if (r == 1) {
		WARD_FD fd = ward_openat2(AT_FDCWD, path, O_PATH, 0, REAL);

		if (fd < 0)
			return fd;
		r = fstat(fd, ret) < 0 ? -errno : 0;
	}
	return r;
}

/* Room or not: what is not remembered is looked at again. */
static void learn(struct ward_resolver *rs, struct ward_rs_known *at, const char *path,
	const struct stat *st)
{
	struct stat *copy = NULL;

	if (rs->dirs->n_known >= WARD_ARRAY_SIZE(rs->dirs->known) / 2)
		return;
	if (st) {
		copy = ward_arena_alloc(rs->arena, sizeof(*copy));
		if (!copy)
			return;
		*copy = *st;
	}
	at->path = path;
	at->st = copy;
	rs->dirs->n_known += path != NULL;
}

static int identify(struct ward_resolver *rs, const char *path, struct ward_target *ret)
{
	struct ward_rs_dirs *d = rs->dirs;
	struct ward_rs_known *known = d && d->remember ? known_at(d, path) : NULL;
	const char *copy;
	bool link;
	int r;

	ret->st.st_mode = 0;
	if (known && known->path) {
		if (!known->st)
			return -ENOENT;
		ret->st = *known->st;
		ret->path = known->path;
		return S_ISLNK(ret->st.st_mode) ? -ELOOP : 0;
	}
	r = ward_rs_far(rs, path);
	if (r < 0)
		return r;
	r = look_at(rs, path, &ret->st);
	link = r == -ELOOP && S_ISLNK(ret->st.st_mode);
	if (r < 0 && ((r != -ENOENT && !link) || !known))
		return r;
	copy = ward_arena_strdup(rs->arena, path);
	if (!copy)
		return r < 0 ? r : -ENOMEM;
	if (known)
		learn(rs, known, copy, r < 0 && !link ? NULL : &ret->st);
	if (r == 0)
		ret->path = copy;
	return r;
}

int ward_rs_look(struct ward_resolver *rs, const char *path, struct ward_target *ret)
{
	ret->n_links = 0;
	return identify(rs, path, ret);
}

/* rest: what is still to be walked below out, which is real. Both have room for WARD_PATH_MAX. */
static int step(struct ward_resolver *rs, char *out, char *rest, struct ward_target *ret)
{
	WARD_UNSET char link[WARD_PATH_MAX];
	WARD_UNSET char next[WARD_PATH_MAX];
	size_t n = strcspn(rest, "/"), len = strlen(out);
	char *behind = rest + n + (rest[n] == '/');
	ssize_t got;
	int r;

	if (n == 0 || (n == 1 && rest[0] == '.')) {
		memmove(rest, behind, strlen(behind) + 1);
		return 0;
	}
	if (n == 2 && rest[0] == '.' && rest[1] == '.') {
		while (len > 0 && out[len - 1] != '/')
			len--;
		out[len > 0 ? len - 1 : 0] = '\0';
		memmove(rest, behind, strlen(behind) + 1);
		return 0;
	}
	if (len + n + 2 > WARD_PATH_MAX)
		return -ENAMETOOLONG;
	out[len] = '/';
	memcpy(out + len + 1, rest, n);
	out[len + 1 + n] = '\0';
	r = ward_rs_far(rs, out);
	if (r < 0)
		return r;
	got = readlink(out, link, sizeof(link) - 1);
	if (got < 0 && errno != EINVAL)
		return -errno;
	if (got < 0) {
		memmove(rest, behind, strlen(behind) + 1);
		return 0;
	}
	link[got] = '\0';
	if (ret->n_links >= WARD_LINKS_MAX)
		return -ELOOP;
	ret->links[ret->n_links].at = ward_arena_strdup(rs->arena, out);
	ret->links[ret->n_links].to = ward_arena_strdup(rs->arena, link);
	if (!ret->links[ret->n_links].at || !ret->links[ret->n_links].to)
		return -ENOMEM;
	ret->n_links++;
	if ((size_t)snprintf(next, sizeof(next), "%s/%s", link, behind) >= sizeof(next))
		return -ENAMETOOLONG;
	out[link[0] == '/' ? 0 : len] = '\0';
	memcpy(rest, next, strlen(next) + 1);
	return 0;
}

static int walk(struct ward_resolver *rs, const char *path, struct ward_target *ret)
{
	char out[WARD_PATH_MAX] = "", rest[WARD_PATH_MAX];

	if ((size_t)snprintf(rest, sizeof(rest), "%s", path) >= sizeof(rest))
		return -ENAMETOOLONG;
	while (rest[0]) {
		int r = step(rs, out, rest, ret);

		if (r < 0)
			return r;
	}
	return identify(rs, out[0] ? out : "/", ret);
}

/* out is real, but for its last component, of which nothing can be said; rest is that component and what is behind it. */
static const char *as_it_would_be(struct ward_resolver *rs, const char *out, const char *rest)
{
	const char *behind = rest + strcspn(rest, "/");
	char all[2 * WARD_PATH_MAX], normal[WARD_PATH_MAX];

	if (ward_path_has_dotdot(behind))
		return NULL;
	(void)snprintf(all, sizeof(all), "%s%s", out, behind);
	return ward_path_normalize(all, normal, sizeof(normal)) < 0
		? NULL
		: ward_arena_strdup(rs->arena, normal);
}

const char *ward_rs_would_be(struct ward_resolver *rs, const char *path)
{
	char out[WARD_PATH_MAX] = "", rest[WARD_PATH_MAX];
	struct ward_target t = { 0 };

	if (ward_rs_target(rs, path, &t) == 0)
		return t.path;
	t.n_links = 0;
	if ((size_t)snprintf(rest, sizeof(rest), "%s", path) >= sizeof(rest))
		return NULL;
	while (rest[0]) {
		int r = step(rs, out, rest, &t);

		if (r == -ENOENT || r == -ENOTDIR || r == -EACCES || r == -EPERM)
			return as_it_would_be(rs, out, rest);
		if (r < 0)
			return NULL;
	}
	return ward_arena_strdup(rs->arena, out[0] ? out : "/");
}

int ward_rs_stuck(struct ward_resolver *rs, const char *path, char *ret_at, const char **ret_would)
{
	char rest[WARD_PATH_MAX];
	struct ward_target t = { 0 };

	ret_at[0] = '\0';
	*ret_would = NULL;
	if ((size_t)snprintf(rest, sizeof(rest), "%s", path) >= sizeof(rest))
		return -ENAMETOOLONG;
	while (rest[0]) {
		int r = step(rs, ret_at, rest, &t);

		if (r < 0) {
			*ret_would = as_it_would_be(rs, ret_at, rest);
			return r;
		}
	}
	return identify(rs, ret_at[0] ? ret_at : "/", &t);
}

bool ward_rs_is_gone(int r)
{
	return r == -ETIMEDOUT || r == -EHOSTDOWN || r == -EHOSTUNREACH || r == -ENETUNREACH ||
		r == -ENETDOWN || r == -ENOTCONN || r == -ECONNABORTED || r == -ECONNREFUSED ||
		r == -ECONNRESET || r == -ESTALE || r == -EIO || r == -EREMOTEIO;
}

bool ward_rs_is_none(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EACCES || r == -ENAMETOOLONG;
}

static int target(struct ward_resolver *rs, const char *path, struct ward_target *ret)
{
	WARD_UNSET char norm[WARD_PATH_MAX];
	int r;

	memset(ret, 0, offsetof(struct ward_target, links));
	ret->n_links = 0;
	if (!path || path[0] != '/')
		return -ENAMETOOLONG;
	if (ward_path_has_dotdot(path))
		return walk(rs, path, ret);
	if (ward_path_normalize(path, norm, sizeof(norm)) < 0)
		return -ENAMETOOLONG;
	/* Who looks at a run that is alive has not looked it up: then it is looked at as any other. */
	if (rs->workspace && rs->workspace_st.st_mode != 0 && strcmp(norm, rs->workspace) == 0) {
		ret->path = rs->workspace;
		ret->st = rs->workspace_st;
		return 0;
	}
	r = identify(rs, norm, ret);
	return r == -ELOOP ? walk(rs, norm, ret) : r;
}

int ward_rs_target(struct ward_resolver *rs, const char *path, struct ward_target *ret)
{
	int r = target(rs, path, ret);

	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
		rs->starved = -r;
	return r;
}

bool ward_rs_is_link(struct ward_resolver *rs, const char *path)
{
	struct ward_target t;

	return identify(rs, path, &t) == -ELOOP;
}

bool ward_rs_is_pin(const struct ward_target *t)
{
	return ward_pin_marked(t->st.st_mode) && ward_was_pin(AT_FDCWD, t->path);
}

const char *ward_rs_reserved(const char *path)
{
	static const char *const own[] = { "/proc", "/sys", "/dev" };

	if (ward_streq(path, "/"))
		return "/";
	for (size_t i = 0; i < WARD_ARRAY_SIZE(own); i++)
		if (ward_path_within(path, own[i]))
			return own[i];
	return NULL;
}

int ward_rs_links(struct ward_resolver *rs, const struct ward_target *t, int rule,
	struct ward_error *err)
{
	for (size_t i = 0; i < t->n_links; i++) {
		struct ward_node n = {
			.kind = WARD_NODE_SYMLINK,
			.dest = t->links[i].at,
			.source = t->links[i].to,
			.rule = rule,
		};
		char word[WARD_PASTE_MAX];
		int r;

		if (ward_rs_reserved(n.dest)) {
			ward_fail(err, WARD_E_REFUSED,
				"%s leads through %s, which cannot be granted",
				ward_rs_show(rs, t->path), ward_rs_show(rs, n.dest));
			ward_fail_fix(err, "name %s itself",
				ward_paste(word, t->path, "its target"));
			return WARD_E_REFUSED;
		}
		r = ward_rs_node(rs, &n, err);
		if (r < 0)
			return r;
	}
	return WARD_OK;
}

const char *ward_rs_absolute(struct ward_resolver *rs, const char *base, const char *path)
{
	if (path[0] == '/')
		return strlen(path) < WARD_PATH_MAX ? path : NULL;
	if (strlen(base) + strlen(path) + 2 > WARD_PATH_MAX)
		return NULL;
	return ward_arena_printf(rs->arena, "%s/%s", ward_streq(base, "/") ? "" : base, path);
}
