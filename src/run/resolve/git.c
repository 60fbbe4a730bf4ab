/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where git keeps what: the top of the repository, its directory and the common one of a worktree. Nothing is run to find out, and the
 * repository is not believed: a ".git" file may name any directory, so that one counts only if it looks like git's, belongs to who
 * owns the repository, and names the ".git" file in return. What does not count grants nothing, with a warning; it is kept from being
 * written all the same, since git may believe it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/resolve/look.h"

#define POINTER_MAX 8192 /* bytes of a file that holds a path */
#define CONFIG_MAX (1u << 20)

/* The first line of dir/name, behind prefix. NULL: there is none. */
static const char *line_of(struct ward_resolver *rs, const char *dir, const char *name,
	const char *prefix)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = POINTER_MAX };
	struct ward_target t;
	size_t n = strlen(prefix), end;

	if (!ward_rs_find(rs, dir, name, &t) || !S_ISREG(t.st.st_mode) ||
		t.st.st_size > POINTER_MAX || ward_read_file(t.path, POINTER_MAX, &b, NULL) < 0 ||
		b.n <= n || memcmp(b.s, prefix, n) != 0 || memchr(b.s, '\0', b.n))
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

	if (!name || !ward_rs_find(rs, dir, name, &t) || !S_ISDIR(t.st.st_mode))
		return NULL;
	return t.path;
}

const char *ward_git_common(struct ward_resolver *rs, const char *dir)
{
	const char *common = named_dir(rs, dir, line_of(rs, dir, "commondir", ""));

	return common ? common : dir;
}

const char *ward_git_led_to(struct ward_resolver *rs, const char *top, const char *name)
{
	return named_dir(rs, top, line_of(rs, top, name, "gitdir: "));
}

/* HEAD, and objects and refs in it or in its common directory. */
static bool looks_like_git(struct ward_resolver *rs, const char *dir, const char *common,
	uid_t owner)
{
	struct ward_target head, objects, refs, self, other;

	return ward_rs_find(rs, dir, "HEAD", &head) &&
		ward_rs_find(rs, common, "objects", &objects) && S_ISDIR(objects.st.st_mode) &&
		ward_rs_find(rs, common, "refs", &refs) && S_ISDIR(refs.st.st_mode) &&
		ward_rs_target(rs, dir, &self) == 0 && self.st.st_uid == owner &&
		ward_rs_target(rs, common, &other) == 0 && other.st.st_uid == owner;
}

/* The workspace may be a repository without a work tree. */
static bool is_bare(struct ward_resolver *rs, const char *dir)
{
	struct ward_target t;

	return ward_rs_find(rs, dir, "HEAD", &t) && ward_rs_find(rs, dir, "objects", &t) &&
		ward_rs_find(rs, dir, "refs", &t);
}

static bool last_value(const char *value, void *arg)
{
	(void)snprintf(arg, WARD_GITCONFIG_VALUE_MAX, "%s", value);
	return true;
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
		return ward_rs_find(rs, dir, back, &t) && ward_streq(t.path, at);
	if (ward_rs_find(rs, dir, "config", &t) &&
		ward_read_file(t.path, CONFIG_MAX, &b, NULL) == WARD_OK && b.n > 0)
		(void)ward_gitconfig_each(b.s, b.n, &worktree, last_value, value);
	back = value[0] ? named_dir(rs, dir, value) : NULL;
	return back && ward_streq(back, top);
}

static int found(struct ward_resolver *rs, struct ward_git *g, const char *dir, const char *common,
	struct ward_error *err)
{
	int r = ward_rs_text(rs, &g->dirs, dir, err);

	if (r == WARD_OK)
		r = ward_rs_text(rs, &g->dirs, common, err);
	return r == WARD_OK ? ward_git_guard(rs, g, dir, common, err) : r;
}

/* git may believe what is not believed here: then nobody inside writes what it would obey. */
static int not_granted(struct ward_resolver *rs, struct ward_git *g, const char *dir,
	struct ward_error *err)
{
	if (ward_path_within(rs->workspace, dir))
		return ward_git_guard_names(rs, g, dir, err);
	return ward_git_guard_name(rs, g, "/", dir, err);
}

static int not_used(struct ward_resolver *rs, const char *at, const char *why,
	struct ward_error *err)
{
	return ward_rs_warn(rs, err, "%s is not used: %s", ward_rs_show(rs, at), why);
}

/* Only a work tree has another common directory, and its own lies in that one's list of them. */
static bool is_among_worktrees(const char *dir, const char *common)
{
	size_t n = strlen(common);

	return ward_path_within(dir, common) && ward_has_prefix(dir + n, "/worktrees/") &&
		!strchr(dir + n + strlen("/worktrees/"), '/');
}

/*
 * What lies above the workspace widens what may be read, and anybody may make a .git in /tmp. So that counts as it does for git
 * itself: with the directory that it is in, it belongs to who runs, or to whom the workspace belongs.
 */
static bool may_widen(struct ward_resolver *rs, const struct ward_git *g,
	const struct ward_target *at)
{
	struct ward_target top;
	uid_t owner = at->st.st_uid;

	if (ward_streq(g->top, rs->workspace))
		return true;
	return ward_rs_target(rs, g->top, &top) == 0 && top.st.st_uid == owner &&
		(owner == rs->host->uid || owner == rs->workspace_st.st_uid);
}

/* A directory that .git (at) is or names, of which said is the common one, if it names any. */
static int named(struct ward_resolver *rs, struct ward_git *g, const struct ward_target *at,
	const char *dir, struct ward_error *err)
{
	const char *said = line_of(rs, dir, "commondir", ""), *why = NULL;
	const char *common = said ? named_dir(rs, dir, said) : dir;
	int r = WARD_OK;

	if (!may_widen(rs, g, at))
		why = "it lies above the workspace, and is another user's, or in another user's directory";
	else if (!common)
		why = "its commondir names no directory";
	else if (!looks_like_git(rs, dir, common, at->st.st_uid))
		why = "it is no directory of git's, or another user's";
	else if (!ward_streq(dir, common) && !is_among_worktrees(dir, common))
		why = "the common directory that it names does not have it among its work trees";
	else if (at->n_links > 0 && !ward_path_within(dir, g->top))
		why = "a link leads to it, out of the repository";
	if (why) {
		r = not_used(rs, dir, why, err);
	} else if (!S_ISDIR(at->st.st_mode) && !points_back(rs, dir, at->path, g->top)) {
		why = "the directory that it names does not name it in return";
		r = not_used(rs, at->path, why, err);
	}
	if (r == WARD_OK && !why)
		return found(rs, g, dir, common, err);
	if (r == WARD_OK && common && !ward_streq(common, dir))
		r = not_granted(rs, g, common, err);
	return r == WARD_OK ? not_granted(rs, g, dir, err) : r;
}

/* A repository at top, with .git being t. */
static int at_top(struct ward_resolver *rs, struct ward_git *g, const char *top,
	const struct ward_target *t, struct ward_error *err)
{
	const char *dir, *said;
	int r = WARD_OK;

	g->top = top;
	if (!top)
		return ward_rs_nomem(err);
	if (S_ISDIR(t->st.st_mode)) {
		for (size_t i = 0; r == WARD_OK && i < t->n_links; i++)
			r = ward_rs_text(rs, &g->links, t->links[i].at, err);
		return r == WARD_OK ? named(rs, g, t, t->path, err) : r;
	}
	r = ward_git_guard_name(rs, g, top, ".git", err);
	if (r < 0)
		return r;
	said = line_of(rs, top, ".git", "gitdir: ");
	dir = named_dir(rs, top, said);
	if (dir)
		return named(rs, g, t, dir, err);
	r = not_used(rs, t->path, "it names no directory", err);
	return r == WARD_OK && said ? ward_git_guard_name(rs, g, top, said, err) : r;
}

static int look(struct ward_resolver *rs, struct ward_git *ret, struct ward_error *err)
{
	char dir[WARD_PATH_MAX];
	struct ward_target t;

	(void)snprintf(dir, sizeof(dir), "%s", rs->workspace);
	for (;;) {
		char *slash;

		/* A home under version control is not meant by a project below it. */
		if (ward_rs_find(rs, dir, ".git", &t) && !ward_rs_is_pin(&t) &&
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
	/* What is not believed is the top of nothing, and lets nothing be read. */
	if (ret->dirs.n == 0 && ret->top && !ward_streq(ret->top, rs->workspace))
		ret->top = NULL;
	/* Where there is none yet, one that came to be would be obeyed by the next git that is run there. */
	if (r == WARD_OK && !ward_streq(ret->top, rs->workspace))
		r = ward_git_guard_name(rs, ret, rs->workspace, ".git", err);
	if (r == WARD_OK && is_bare(rs, rs->workspace))
		r = ward_git_guard_names(rs, ret, rs->workspace, err);
	return r;
}

const char *ward_git_stand_in(const struct ward_git *g, const char *path)
{
	for (size_t i = 0; i < g->files.n; i++) {
		if (ward_streq(g->files.v[i], path))
			return "";
	}
	/* A common directory that is the directory itself. */
	for (size_t i = 0; i < g->dirs.n; i++) {
		size_t n = strlen(g->dirs.v[i]);

		if (strncmp(path, g->dirs.v[i], n) == 0 && ward_streq(path + n, "/commondir"))
			return ".\n";
	}
	return NULL;
}
