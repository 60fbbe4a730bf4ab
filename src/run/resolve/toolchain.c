/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the caller works with. Under a mode or a profile a run should find what its person finds: the caller's PATH is read, not
 * believed. Of its directories those count that lie in a runtime of data/runtimes (or stand in for one); those in the workspace
 * stay on the PATH, since they can only choose among what is in the view. Whether any of it may be read the policies say.
 */
#include <stdlib.h>
#include <string.h>

#include "run/caches/caches.h"

#define HOME_INSIDE "/home/ward"
#define CACHE_SHARE 16 /* of the home inside */

static bool of_base(const char *path)
{
	for (size_t i = 0; i < ward_base_n; i++) {
		if (ward_base[i].verb == WARD_BASE_BIND &&
			ward_path_within(path, ward_base[i].path))
			return true;
	}
	return false;
}

/* The runtime that DIR is a directory of; NULL: none that counts. */
static int runtime_of(struct ward_resolver *rs, const char *dir, const char **ret_prefix,
	struct ward_error *err)
{
	const char *probe = ward_arena_printf(rs->arena, "%s/x", dir), *name;

	*ret_prefix = NULL;
	if (!probe)
		return ward_rs_nomem(err);
	if (ward_rt_prefix(rs, probe, ret_prefix, &name, NULL) < 0)
		*ret_prefix = NULL;
	return WARD_OK;
}

/*
 * A runtime that does not count is passed over: nobody asked for it by name. A version manager may put a link on the PATH that
 * leads into its runtime (fnm: one for each shell).
 */
static int consider(struct ward_resolver *rs, const char *dir, struct ward_error *err)
{
	const char *prefix = NULL;
	struct ward_target t;
	int r = ward_rs_text(rs, &rs->callers, dir, err);

	if (r < 0 || of_base(dir) || ward_path_within(dir, rs->workspace))
		return r;
	r = runtime_of(rs, dir, &prefix, err);
	if (r == WARD_OK && !prefix && ward_rs_target(rs, dir, &t) == 0 && t.n_links > 0 &&
		!of_base(t.path) && !ward_path_within(t.path, rs->workspace))
		r = runtime_of(rs, t.path, &prefix, err);
	return r == WARD_OK && prefix ? ward_rs_text(rs, &rs->toolchains, prefix, err) : r;
}

static int entry(struct ward_resolver *rs, const char *dir, struct ward_error *err)
{
	struct ward_texts bins = { 0 };
	bool shims = false;
	int r = ward_rt_shim_bins(rs, dir, &bins, &shims, err);

	for (size_t i = 0; r == WARD_OK && i < bins.n; i++)
		r = consider(rs, bins.v[i], err);
	return r == WARD_OK && !shims ? consider(rs, dir, err) : r;
}

/* Each absolute directory of a PATH, normalised. */
static int each_entry(struct ward_resolver *rs, const char *path,
	int (*fn)(struct ward_resolver *, const char *, struct ward_error *),
	struct ward_error *err)
{
	char dir[WARD_PATH_MAX], norm[WARD_PATH_MAX];
	int r = WARD_OK;

	for (const char *s = path, *end; r == WARD_OK && s && *s; s = *end ? end + 1 : end) {
		size_t n;
		const char *copy;

		end = strchrnul(s, ':');
		n = (size_t)(end - s);
		if (*s != '/' || n >= sizeof(dir))
			continue;
		memcpy(dir, s, n);
		dir[n] = '\0';
		if (ward_path_has_dotdot(dir) || ward_path_normalize(dir, norm, sizeof(norm)) < 0)
			continue;
		copy = ward_arena_strdup(rs->arena, norm);
		r = copy ? fn(rs, copy, err) : ward_rs_nomem(err);
	}
	return r;
}

/* What is not fit to be shown is passed over: nobody asked for it by name. */
static const char *cache_at(struct ward_resolver *rs, const struct ward_cache *c)
{
	const char *root = ward_cache_root(rs, c);
	struct ward_target t;

	if (!root || ward_rs_target(rs, root, &t) < 0 || ward_rs_is_pin(&t) ||
		ward_cache_unfit(rs, &t))
		return NULL;
	return t.path;
}

/*
 * The directories of a PATH that what the caller runs is looked for in, each once: one that a link leads to (/bin) would be walked for
 * each program. Something in the workspace is not what anybody works with.
 */
static int real_dirs(struct ward_resolver *rs, const char *dirs, struct ward_texts *to,
	struct ward_error *err)
{
	int r = WARD_OK;

	for (const char *s = dirs, *end; r == WARD_OK && s && *s; s = *end ? end + 1 : end) {
		struct ward_target t;
		const char *dir;

		end = strchrnul(s, ':');
		if (*s != '/')
			continue;
		dir = ward_arena_dup(rs->arena, s, (size_t)(end - s));
		if (!dir)
			return ward_rs_nomem(err);
		if (!ward_path_within(dir, rs->workspace) && ward_rs_target(rs, dir, &t) == 0)
			r = ward_rs_text(rs, to, t.path, err);
	}
	return r;
}

static bool found_in(struct ward_resolver *rs, const struct ward_texts *dirs, const char *program)
{
	for (size_t i = 0; i < dirs->n; i++) {
		struct ward_target t;
		const char *path = ward_rs_absolute(rs, dirs->v[i], program);

		if (path && ward_rs_target(rs, path, &t) == 0 && S_ISREG(t.st.st_mode) &&
			!ward_path_within(t.path, rs->workspace))
			return true;
	}
	return false;
}

int ward_rs_toolchains(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_texts dirs = { 0 };
	bool looked = false;
	int r;

	rs->callers = rs->toolchains = (struct ward_texts){ 0 };
	r = each_entry(rs, getenv("PATH"), entry, err);
	for (size_t i = 0; r == WARD_OK && i < ward_caches_n; i++) {
		const struct ward_cache *c = &ward_caches[i];
		/* Most hosts have none of them, and to look for the program takes longer. */
		const char *at = c->implied && !ward_cache_asked(rs, i) ? cache_at(rs, c) : NULL;

		if (at && !looked)
			r = real_dirs(rs, getenv("PATH"), &dirs, err);
		looked = looked || at;
		if (r == WARD_OK && at && found_in(rs, &dirs, c->program))
			rs->caches[i] = at;
	}
	return r;
}

/* ---- in the view ---- */

bool ward_rs_on_path(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	for (const char *s = path, *end; s && *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, ':');
		if ((size_t)(end - s) == n && strncmp(s, dir, n) == 0)
			return true;
	}
	return false;
}

/* A link that is not shown itself (~/.sdkman/candidates/java/current) would lead nowhere inside: what it leads to stands there. */
static int put_behind(struct ward_resolver *rs, const char *dir, struct ward_error *err)
{
	struct ward_target t;

	if (ward_rs_target(rs, dir, &t) < 0 || !S_ISDIR(t.st.st_mode) ||
		!ward_rs_visible(rs, t.path))
		return WARD_OK;
	if (!ward_rs_visible(rs, dir) && !of_base(dir))
		dir = t.path;
	if (ward_rs_on_path(rs->path, dir) || strchr(dir, ':'))
		return WARD_OK;
	rs->path = rs->path[0] ? ward_arena_printf(rs->arena, "%s:%s", rs->path, dir) : dir;
	return rs->path ? WARD_OK : ward_rs_nomem(err);
}

static int compose(struct ward_resolver *rs, struct ward_error *err)
{
	const char *shipped = rs->path, *word;
	int r = WARD_OK;

	rs->path = "";
	for (size_t i = 0; r == WARD_OK && i < rs->callers.n; i++)
		r = put_behind(rs, rs->callers.v[i], err);
	for (const char *s = shipped, *end; r == WARD_OK && *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, ':');
		word = ward_arena_dup(rs->arena, s, (size_t)(end - s));
		if (!word)
			return ward_rs_nomem(err);
		if (ward_rs_on_path(rs->path, word))
			continue;
		rs->path = ward_arena_printf(rs->arena, "%s%s%s", rs->path, rs->path[0] ? ":" : "",
			word);
		if (!rs->path)
			return ward_rs_nomem(err);
	}
	for (size_t i = 0; r == WARD_OK && i < rs->env.n; i++) {
		if (strncmp(rs->env.v[i], "PATH=", 5) != 0)
			continue;
		rs->env.v[i] = ward_arena_printf(rs->arena, "PATH=%s", rs->path);
		if (!rs->env.v[i])
			return ward_rs_nomem(err);
	}
	return r;
}

/*
 * A link DIR/NAME in the home inside. DIR has to be there before the tool makes it: a small private place, taken from the home's
 * share of --disk, since a tool writes other things beside the link.
 */
static int link_cache(struct ward_resolver *rs, const char *inside, const char *source,
	struct ward_error *err)
{
	struct ward_node dir = {
		.kind = WARD_NODE_TMPFS, .exec = rs->exec_all, .mode = 0700, .rule = -1
	};
	struct ward_node link = { .kind = WARD_NODE_SYMLINK, .source = source, .rule = -1 };
	const char *slash = strchr(inside, '/');
	size_t n = slash ? (size_t)(slash - inside) : 0;
	int r;

	dir.dest = ward_arena_printf(rs->arena, HOME_INSIDE "/%.*s", (int)n, inside);
	link.dest = ward_arena_printf(rs->arena, HOME_INSIDE "/%s", inside);
	if (!dir.dest || !link.dest)
		return ward_rs_nomem(err);
	for (size_t i = 0; i < rs->n_nodes; i++) {
		struct ward_node *home = &rs->nodes[i];

		/* Another cache has made it. */
		if (ward_streq(home->dest, dir.dest))
			return ward_rs_node(rs, &link, err);
		if (home->kind != WARD_NODE_TMPFS || !ward_streq(home->dest, HOME_INSIDE))
			continue;
		dir.size = home->size / CACHE_SHARE;
		dir.inodes = home->inodes / CACHE_SHARE;
		home->size -= dir.size;
		home->inodes -= dir.inodes;
	}
	if (dir.size == 0 || dir.inodes == 0)
		return WARD_OK;
	r = ward_rs_node(rs, &dir, err);
	return r == WARD_OK ? ward_rs_node(rs, &link, err) : r;
}

/* What the caller has set by --env stays. */
static int name_cache(struct ward_resolver *rs, const char *variable, const char *source,
	struct ward_error *err)
{
	size_t n = strlen(variable);

	for (size_t i = 0; i < rs->env.n; i++) {
		if (strncmp(rs->env.v[i], variable, n) == 0 && rs->env.v[i][n] == '=')
			return WARD_OK;
	}
	return ward_rs_text(rs, &rs->env, ward_arena_printf(rs->arena, "%s=%s", variable, source),
		err);
}

static bool only_read(struct ward_resolver *rs, const char *name)
{
	rs->caches_read = rs->caches_read
		? ward_arena_printf(rs->arena, "%s,%s", rs->caches_read, name)
		: name;
	return rs->caches_read;
}

int ward_rs_toolchain_path(struct ward_resolver *rs, struct ward_error *err)
{
	const char *lfs = ward_rs_git_lfs(rs);
	int r = WARD_OK;

	if (rs->callers.n > 0 && !rs->path_set)
		r = compose(rs, err);
	/* Its storage is the run's own (gitconfig.c): what it has is found beside the objects of another. */
	if (r == WARD_OK && lfs)
		r = name_cache(rs, "GIT_ALTERNATE_OBJECT_DIRECTORIES",
			ward_arena_printf(rs->arena, "%s/objects", lfs), err);
	for (size_t i = 0; r == WARD_OK && i < ward_caches_n; i++) {
		const char *inside = ward_caches[i].inside;

		if (!rs->caches[i] || !ward_rs_visible(rs, rs->caches[i]))
			continue;
		if (!ward_cache_asked(rs, i) && !only_read(rs, ward_caches[i].name))
			return ward_rs_nomem(err);
		r = strchr(inside, '/') ? link_cache(rs, inside, rs->caches[i], err)
					: name_cache(rs, inside, rs->caches[i], err);
	}
	return r;
}
