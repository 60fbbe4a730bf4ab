/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where git keeps what: the top of the repository, its directory and the common one of a worktree, and what git obeys outside
 * the sandbox (hooks, configuration, the file that points to the directory). Nothing is run to find out, and the repository is
 * not believed: a ".git" file may name any directory, so that one counts only if it looks like git's, belongs to who owns the
 * repository, and names the ".git" file in return. What does not count is left out, with a warning: it grants nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/resolve/look.h"

#define POINTER_MAX 8192 /* bytes of a file that holds a path */
#define CONFIG_MAX (256u << 10)

static bool exists(struct ward_resolver *rs, const char *dir, const char *name,
	struct ward_target *t)
{
	const char *path = ward_rs_absolute(rs, dir, name);

	return path && ward_rs_target(rs, path, t) == 0;
}

/* The first line of dir/name, behind prefix. NULL: there is none. */
static const char *line_of(struct ward_resolver *rs, const char *dir, const char *name,
	const char *prefix)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = POINTER_MAX };
	struct ward_target t;
	size_t n = strlen(prefix), end;

	if (!exists(rs, dir, name, &t) || !S_ISREG(t.st.st_mode) || t.st.st_size > POINTER_MAX ||
		ward_read_file(t.path, POINTER_MAX, &b, NULL) < 0 || b.n <= n ||
		memcmp(b.s, prefix, n) != 0 || memchr(b.s, '\0', b.n))
		return NULL;
	end = n;
	while (end < b.n && b.s[end] != '\n' && b.s[end] != '\r')
		end++;
	return end > n ? ward_arena_dup(rs->arena, b.s + n, end - n) : NULL;
}

/* A directory that a line names, relative to dir. NULL: it is none. */
static const char *named_dir(struct ward_resolver *rs, const char *dir, const char *name)
{
	struct ward_target t;

	if (!name || !exists(rs, dir, name, &t) || !S_ISDIR(t.st.st_mode))
		return NULL;
	return t.path;
}

/* HEAD, and objects and refs in it or in its common directory. */
static bool looks_like_git(struct ward_resolver *rs, const char *dir, const char *common,
	uid_t owner)
{
	struct ward_target head, objects, refs, self, other;

	return exists(rs, dir, "HEAD", &head) && exists(rs, common, "objects", &objects) &&
		S_ISDIR(objects.st.st_mode) && exists(rs, common, "refs", &refs) &&
		S_ISDIR(refs.st.st_mode) && ward_rs_target(rs, dir, &self) == 0 &&
		self.st.st_uid == owner && ward_rs_target(rs, common, &other) == 0 &&
		other.st.st_uid == owner;
}

/* ---- configuration ---- */

static bool last_value(const char *value, void *arg)
{
	(void)snprintf(arg, WARD_GITCONFIG_VALUE_MAX, "%s", value);
	return true;
}

static void read_config(struct ward_resolver *rs, const char *dir, const char *name,
	struct ward_buf *b)
{
	struct ward_target t;

	ward_buf_clear(b);
	if (!exists(rs, dir, name, &t) || !S_ISREG(t.st.st_mode) || t.st.st_size > CONFIG_MAX ||
		ward_read_file(t.path, CONFIG_MAX, b, NULL) < 0)
		ward_buf_clear(b);
}

/* Does a worktree's directory name the ".git" file at at, or a submodule's configuration its directory? */
static bool points_back(struct ward_resolver *rs, const char *dir, const char *at, const char *top)
{
	static const struct ward_gitconfig_key worktree = { "core", "worktree", false };
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = CONFIG_MAX };
	const char *back = line_of(rs, dir, "gitdir", "");
	char value[WARD_GITCONFIG_VALUE_MAX] = "";
	struct ward_target t;

	if (back)
		return exists(rs, dir, back, &t) && ward_streq(t.path, at);
	read_config(rs, dir, "config", &b);
	if (b.n > 0)
		(void)ward_gitconfig_each(b.s, b.n, &worktree, last_value, value);
	back = value[0] ? named_dir(rs, dir, value) : NULL;
	return back && ward_streq(back, top);
}

static int add(struct ward_resolver *rs, struct ward_texts *to, const char *path,
	struct ward_error *err)
{
	return path ? ward_rs_text(rs, to, path, err) : WARD_OK;
}

/* ---- what git obeys ---- */

struct guarding {
	struct ward_resolver *rs;
	struct ward_git *g;
	const char *base; /* what a relative path starts at */
	struct ward_error *err;
	int r;
};

static bool guard(const char *value, void *arg)
{
	struct guarding *x = arg;
	char path[WARD_PATH_MAX];

	/* "~/" is the caller's home, and no repository's to write; where ".." leads depends on links, which were looked up. */
	if (value[0] == '~')
		return true;
	if (ward_path_has_dotdot(value)) {
		struct ward_target t;

		if (!exists(x->rs, x->base, value, &t))
			return true;
		x->r = add(x->rs, &x->g->guarded, t.path, x->err);
	} else if (ward_path_join(value[0] == '/' ? "/" : x->base, value, path, sizeof(path)) ==
		WARD_OK) {
		x->r = add(x->rs, &x->g->guarded, ward_arena_strdup(x->rs->arena, path), x->err);
	}
	return x->r == WARD_OK;
}

/* Names that git obeys if they come to be count as well. */
static int protect(struct ward_resolver *rs, struct ward_git *g, const char *dir,
	struct ward_error *err)
{
	/* These count where they are, and the first where the configuration makes git look for it. */
	static const char *const names[] = { "hooks", "config", "info", "modules", "commondir" };
	static const char *const if_there[] = { "config.worktree", "gitdir" };
	static const struct ward_gitconfig_key hooks = { "core", "hookspath", false },
					       include = { "include", "path", false },
					       include_if = { "includeif", "path", true };
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = CONFIG_MAX };
	struct guarding x = { rs, g, dir, err, WARD_OK };

	for (size_t i = 0; x.r == WARD_OK && i < WARD_ARRAY_SIZE(names); i++)
		(void)guard(names[i], &x);
	for (size_t i = 0; x.r == WARD_OK && i < WARD_ARRAY_SIZE(if_there); i++) {
		struct ward_target t;

		if (exists(rs, dir, if_there[i], &t))
			(void)guard(if_there[i], &x);
	}
	read_config(rs, dir, "config", &b);
	if (b.n == 0)
		return x.r;
	(void)ward_gitconfig_each(b.s, b.n, &include, guard, &x);
	(void)ward_gitconfig_each(b.s, b.n, &include_if, guard, &x);
	x.base = g->top;
	(void)ward_gitconfig_each(b.s, b.n, &hooks, guard, &x);
	return x.r;
}

static int found(struct ward_resolver *rs, struct ward_git *g, const char *dir, const char *common,
	struct ward_error *err)
{
	static const struct ward_gitconfig_key per_worktree = { "extensions", "worktreeconfig",
		false, true };
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = CONFIG_MAX };
	char value[WARD_GITCONFIG_VALUE_MAX] = "";
	struct guarding x = { rs, g, dir, err, WARD_OK };
	int r = add(rs, &g->dirs, dir, err);

	if (r == WARD_OK)
		r = add(rs, &g->dirs, common, err);
	if (r == WARD_OK)
		r = protect(rs, g, dir, err);
	if (r == WARD_OK && !ward_streq(dir, common))
		r = protect(rs, g, common, err);
	read_config(rs, common, "config", &b);
	if (r < 0 || b.n == 0)
		return r;
	(void)ward_gitconfig_each(b.s, b.n, &per_worktree, last_value, value);
	if (value[0] && guard("config.worktree", &x)) {
		x.base = common;
		(void)guard("config.worktree", &x);
	}
	return x.r;
}

static int not_used(struct ward_resolver *rs, const char *at, const char *why,
	struct ward_error *err)
{
	return ward_rs_warn(rs, err, "%s is not used: %s", ward_rs_show(rs, at), why);
}

/* A repository at top, with .git being t. */
static int at_top(struct ward_resolver *rs, struct ward_git *g, const char *top,
	const struct ward_target *t, struct ward_error *err)
{
	const char *dir, *common, *said;

	g->top = top;
	if (!top || (!S_ISDIR(t->st.st_mode) && ward_rs_text(rs, &g->guarded, t->path, err) < 0))
		return ward_rs_nomem(err);
	dir = S_ISDIR(t->st.st_mode) ? t->path
				     : named_dir(rs, top, line_of(rs, top, ".git", "gitdir: "));
	if (!dir)
		return not_used(rs, t->path, "it names no directory", err);
	said = line_of(rs, dir, "commondir", "");
	common = said ? named_dir(rs, dir, said) : dir;
	if (!common)
		return not_used(rs, dir, "its commondir names no directory", err);
	if (!looks_like_git(rs, dir, common, t->st.st_uid))
		return not_used(rs, dir, "it is no directory of git's, or another user's", err);
	if (!S_ISDIR(t->st.st_mode) && !points_back(rs, dir, t->path, top))
		return not_used(rs, t->path,
			"the directory that it names does not name it in return", err);
	return found(rs, g, dir, common, err);
}

static int look(struct ward_resolver *rs, struct ward_git *ret, struct ward_error *err)
{
	char dir[WARD_PATH_MAX];
	struct ward_target t;

	(void)snprintf(dir, sizeof(dir), "%s", rs->workspace);
	for (;;) {
		char *slash;

		/* A link named .git is nobody's habit. A home under version control is not meant by a project below it. */
		if (exists(rs, dir, ".git", &t) && t.n_links == 0 && !ward_rs_is_pin(&t) &&
			(S_ISDIR(t.st.st_mode) || S_ISREG(t.st.st_mode)))
			return at_top(rs, ret, ward_arena_strdup(rs->arena, dir), &t, err);
		slash = strrchr(dir, '/');
		if (!slash || slash == dir)
			return WARD_OK;
		*slash = '\0';
		if (ward_rs_is_home(rs, dir))
			return WARD_OK;
	}
}

int ward_rs_git(struct ward_resolver *rs, struct ward_git *ret, struct ward_error *err)
{
	int r;

	*ret = (struct ward_git){ 0 };
	r = look(rs, ret, err);
	/* Where there is none yet, one that came to be would be obeyed by the next git that is run there. */
	if (r == WARD_OK && !ward_streq(ret->top, rs->workspace))
		r = add(rs, &ret->guarded, ward_rs_absolute(rs, rs->workspace, ".git"), err);
	return r;
}

const char *ward_git_stand_in(const struct ward_git *g, const char *path)
{
	/* A configuration without a line; a common directory that is the directory itself. */
	static const struct {
		const char *name, *text;
	} files[] = { { "config", "" }, { "commondir", ".\n" } };

	for (size_t i = 0; i < g->dirs.n; i++) {
		size_t n = strlen(g->dirs.v[i]);

		if (strncmp(path, g->dirs.v[i], n) != 0 || path[n] != '/')
			continue;
		for (size_t k = 0; k < WARD_ARRAY_SIZE(files); k++) {
			if (ward_streq(path + n + 1, files[k].name))
				return files[k].text;
		}
	}
	return NULL;
}
