/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a name to what it is. The common case, a path without links, is one openat2() that the kernel vouches for
 * (RESOLVE_NO_SYMLINKS). Only if that says ELOOP is the path walked by hand, so that every link on the way can be
 * shown inside; what the walk ends at is then opened without links again, and only that identity counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/resolve/look.h"

static int identify(struct ward_resolver *rs, const char *path, struct ward_target *ret)
{
	WARD_FD fd = ward_openat2(AT_FDCWD, path, O_PATH, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);

	if (fd < 0)
		return fd;
	if (fstat(fd, &ret->st) < 0)
		return -errno;
	ret->path = ward_arena_strdup(rs->arena, path);
	return ret->path ? 0 : -ENOMEM;
}

/* rest: what is still to be walked below out, which is real. Both have room for WARD_PATH_MAX. */
static int step(struct ward_resolver *rs, char *out, char *rest, struct ward_target *ret)
{
	char link[WARD_PATH_MAX], next[WARD_PATH_MAX];
	size_t n = strcspn(rest, "/"), len = strlen(out);
	char *behind = rest + n + (rest[n] == '/');
	ssize_t got;

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

int ward_rs_target(struct ward_resolver *rs, const char *path, struct ward_target *ret)
{
	char norm[WARD_PATH_MAX];
	int r;

	memset(ret, 0, offsetof(struct ward_target, links));
	ret->n_links = 0;
	if (!path || path[0] != '/')
		return -ENAMETOOLONG;
	if (ward_path_has_dotdot(path))
		return walk(rs, path, ret);
	if (ward_path_normalize(path, norm, sizeof(norm)) < 0)
		return -ENAMETOOLONG;
	if (rs->workspace && strcmp(norm, rs->workspace) == 0) {
		ret->path = rs->workspace;
		ret->st = rs->workspace_st;
		return 0;
	}
	r = identify(rs, norm, ret);
	return r == -ELOOP ? walk(rs, norm, ret) : r;
}

bool ward_rs_is_pin(const struct ward_target *t)
{
	return ward_pin_marked(t->st.st_mode) && ward_is_pin(AT_FDCWD, t->path);
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
	if (strlen(base) + strlen(path) + 2 > WARD_PATH_MAX)
		return NULL;
	if (path[0] == '/')
		return path;
	return ward_arena_printf(rs->arena, "%s/%s", ward_streq(base, "/") ? "" : base, path);
}
