/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the caller works with. Under a mode or a profile a run should find what its person finds: the caller's PATH is read, not
 * believed. Of its directories those count that lie in a runtime of data/runtimes (or stand in for one); those in the workspace
 * stay on the PATH, since they can only choose among what is in the view. Whether any of it may be read the policies say.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/caches/caches.h"

#define HOME_INSIDE "/home/ward"
#define ENTRIES_MAX 4096 /* of a directory of the PATH, that are looked at */
#define LINKS_MAX 64 /* into runtimes, in all of them */
#define HOPS_MAX 8 /* of a link to a link */
#define VERSIONS_MAX 32 /* of a runtime, where all of them count */
#define CACHE_SHARE 16 /* of the home inside */

/* The runtime that PATH lies in; NULL: none that counts, and is passed over, since nobody asked for it by name. */
static const char *runtime_at(struct ward_resolver *rs, const char *path, const char **ret_name)
{
	const char *prefix = NULL;

	if (!path || ward_rt_prefix(rs, path, &prefix, ret_name, NULL) < 0)
		return NULL;
	return prefix;
}

static const char *runtime_of(struct ward_resolver *rs, const char *dir, const char **ret_name)
{
	return runtime_at(rs, ward_arena_printf(rs->arena, "%s/x", dir), ret_name);
}

static bool brought_along(const struct ward_resolver *rs, const char *path)
{
	for (size_t i = 0; i < rs->toolchains.n; i++) {
		if (ward_path_within(path, rs->toolchains.v[i]))
			return true;
	}
	return false;
}

static int too_many(struct ward_resolver *rs, const char *at, struct ward_error *err)
{
	for (size_t i = 0; i < rs->linked.n; i++) {
		if (ward_streq(rs->linked.v[i], at))
			return WARD_OK;
	}
	if (rs->links_left)
		return WARD_OK;
	rs->links_left = true;
	return ward_rs_warn(rs, err,
		"more than %d links on the PATH lead into runtimes: %s and the ones after it are not there; --read of a link and of what it leads to shows it",
		LINKS_MAX, ward_rs_show(rs, at));
}

/* The links on the way to what is brought along: what does not lie in it itself would lead nowhere inside. */
static int keep_links(struct ward_resolver *rs, const struct ward_target *t, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < t->n_links; i++) {
		const char *at = t->links[i].at;

		if (brought_along(rs, at) || ward_base_holds(at) ||
			ward_path_within(at, rs->workspace) || ward_rs_reserved(at))
			continue;
		r = rs->linked.n < LINKS_MAX ? ward_rs_text(rs, &rs->linked, at, err)
					     : too_many(rs, at, err);
	}
	return r;
}

/* VARIABLE=PATH, unless the list has that variable already: what the caller has set by --env stays. */
static int add_variable(struct ward_resolver *rs, struct ward_texts *to, const char *variable,
	const char *path, struct ward_error *err)
{
	size_t n = strlen(variable);

	for (size_t i = 0; i < to->n; i++) {
		if (strncmp(to->v[i], variable, n) == 0 && to->v[i][n] == '=')
			return WARD_OK;
	}
	return ward_rs_text(rs, to, ward_arena_printf(rs->arena, "%s=%s", variable, path), err);
}

/* With the Python that a venv of the caller's leads to, and what is told by a variable where it is. */
static int bring(struct ward_resolver *rs, const char *prefix, const char *name,
	struct ward_error *err)
{
	const char *python = ward_arena_printf(rs->arena, "%s/bin/python3", prefix), *base, *of;
	struct ward_target t;
	int r = ward_rs_text(rs, &rs->toolchains, prefix, err);

	for (size_t i = 0; r == WARD_OK && i < ward_runtime_homes_n; i++) {
		if (ward_streq(ward_runtime_homes[i].runtime, name))
			r = add_variable(rs, &rs->homes, ward_runtime_homes[i].variable, prefix,
				err);
	}
	if (r < 0 || !ward_streq(name, "venv"))
		return r;
	if (!python)
		return ward_rs_nomem(err);
	if (ward_rs_target(rs, python, &t) < 0 || ward_base_holds(t.path))
		return WARD_OK;
	base = runtime_at(rs, t.path, &of);
	if (!base)
		return WARD_OK;
	r = ward_rs_text(rs, &rs->toolchains, base, err);
	return r == WARD_OK ? keep_links(rs, &t, err) : r;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* A link in DIR to a program of a runtime: pipx, uv, ghcup and proto lay such ones. */
static int linked(struct ward_resolver *rs, const char *path, struct ward_error *err)
{
	const char *prefix, *name;
	struct ward_target t;
	int r;

	if (ward_rs_target(rs, path, &t) < 0 || t.n_links == 0 || !S_ISREG(t.st.st_mode) ||
		!(t.st.st_mode & 0111) || ward_base_holds(t.path) ||
		ward_path_within(t.path, rs->workspace))
		return WARD_OK;
	prefix = runtime_at(rs, t.path, &name);
	if (!prefix)
		return WARD_OK;
	r = bring(rs, prefix, name, err);
	return r == WARD_OK ? keep_links(rs, &t, err) : r;
}

/* The mount of a path, by its text; NULL: the list cannot be read. */
static const struct ward_mount *mount_of(const struct ward_mounts *mounts, const char *path)
{
	const struct ward_mount *found = NULL;

	for (size_t i = 0; mounts && i < mounts->n; i++) {
		const struct ward_mount *m = &mounts->v[i];

		if (ward_path_within(path, m->at) && (!found || strlen(m->at) >= strlen(found->at)))
			found = m;
	}
	return found;
}

/* Nobody knows whether it answers, and to look at it would mount it, or wait for it. */
static bool far_off(struct ward_resolver *rs, const char *dir, const char *path)
{
	const struct ward_mounts *mounts = ward_rs_mounts(rs, NULL);
	const struct ward_mount *m = mount_of(mounts, path);

	if (!mounts || !m)
		return !mounts;
	return m != mount_of(mounts, dir) &&
		(ward_streq(m->type, "autofs") || ward_mount_may_be_gone(m->type));
}

/*
 * Does the link NAME in DIR lead into a runtime, as far as its text and that of the links behind it say? Any of them may lead to a mount whose
 * server is gone, which nobody who starts a run has asked for.
 */
static bool leads_in(struct ward_resolver *rs, const char *dir, const char *name)
{
	WARD_UNSET char at[WARD_PATH_MAX];
	WARD_UNSET char next[WARD_PATH_MAX];
	WARD_UNSET char text[WARD_PATH_MAX];
	int n = snprintf(at, sizeof(at), "%s/%s", dir, name);

	for (unsigned hops = 0; n > 0 && (size_t)n < sizeof(at) && hops < HOPS_MAX; hops++) {
		ssize_t len = readlinkat(AT_FDCWD, at, text, sizeof(text) - 1);
		const char *slash = strrchr(at, '/'), *path;

		if (len <= 0)
			return false;
		text[len] = '\0';
		n = text[0] == '/'
			? snprintf(next, sizeof(next), "%s", text)
			: snprintf(next, sizeof(next), "%.*s/%s", (int)(slash - at), at, text);
		if (n < 0 || (size_t)n >= sizeof(next) ||
			ward_path_normalize(next, at, sizeof(at)) < 0)
			return false;
		path = ward_arena_strdup(rs->arena, at);
		if (!path || far_off(rs, dir, path))
			return false;
		if (ward_rt_named(rs, path))
			return true;
	}
	return false;
}

static int links_in(struct ward_resolver *rs, const char *dir, struct ward_error *err)
{
	struct ward_target t;
	int fd = ward_rs_target(rs, dir, &t) < 0
		? -1
		: ward_openat2(AT_FDCWD, t.path, O_RDONLY | O_DIRECTORY, 0,
			  WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	WARD_CLEANUP(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int r = WARD_OK;

	if (!d) {
		ward_close(fd);
		return WARD_OK;
	}
	for (unsigned n = 0; r == WARD_OK && n < ENTRIES_MAX && !rs->links_left && (e = readdir(d));
		n++) {
		const char *at;

		if ((e->d_type != DT_LNK && e->d_type != DT_UNKNOWN) ||
			!leads_in(rs, t.path, e->d_name))
			continue;
		at = ward_arena_printf(rs->arena, "%s/%s", t.path, e->d_name);
		if (!at)
			return ward_rs_nomem(err);
		r = rs->linked.n < LINKS_MAX ? linked(rs, at, err) : too_many(rs, at, err);
	}
	return r;
}

/* A version manager may put a link on the PATH that leads into its runtime (fnm: one for each shell). */
static int consider(struct ward_resolver *rs, const char *dir, struct ward_error *err)
{
	const char *prefix, *name;
	struct ward_target t;
	int r = ward_rs_text(rs, &rs->callers, dir, err);

	if (r < 0 || ward_base_holds(dir) || ward_path_within(dir, rs->workspace))
		return r;
	/* First: what is looked for beside it is asked for by name, and a link on the way may lead to what does not answer. */
	if (ward_rs_target(rs, dir, &t) < 0)
		return WARD_OK;
	prefix = runtime_of(rs, dir, &name);
	if (!prefix && t.n_links > 0) {
		if (ward_base_holds(t.path) || ward_path_within(t.path, rs->workspace))
			return WARD_OK;
		prefix = runtime_of(rs, t.path, &name);
	}
	if (prefix)
		r = bring(rs, prefix, name, err);
	/* Where a prefix is more than this directory, what its links lead to lies in it. */
	return r == WARD_OK && (!prefix || ward_streq(prefix, dir)) ? links_in(rs, dir, err) : r;
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

/* Behind what the caller's PATH is without stand-ins. */
static int put_callers(struct ward_resolver *rs, const char *dir, struct ward_error *err)
{
	struct ward_texts bins = { 0 };
	bool shims = false;
	int r = ward_rt_shim_bins(rs, dir, &bins, &shims, err);

	if (r == WARD_OK && !shims)
		r = ward_rs_text(rs, &bins, dir, err);
	for (size_t i = 0; r == WARD_OK && i < bins.n; i++) {
		rs->ahead = ward_arena_printf(rs->arena, "%s%s%s", rs->ahead,
			rs->ahead[0] ? ":" : "", bins.v[i]);
		if (!rs->ahead)
			return ward_rs_nomem(err);
	}
	return r;
}

int ward_rs_callers_path(struct ward_resolver *rs, const char **ret, struct ward_error *err)
{
	int r;

	rs->ahead = "";
	r = each_entry(rs, getenv("PATH"), put_callers, err);
	*ret = rs->ahead;
	rs->ahead = NULL;
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

/* Each version of a runtime: root/REST of its shape's "*". */
static int all_versions(struct ward_resolver *rs, const char *root, struct ward_error *err)
{
	int fd = ward_openat2(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	WARD_CLEANUP(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int r = WARD_OK;

	if (!d) {
		ward_close(fd);
		return WARD_OK;
	}
	for (unsigned n = 0; r == WARD_OK && n < VERSIONS_MAX && (e = readdir(d));) {
		const char *prefix, *name, *dir;

		if (e->d_name[0] == '.')
			continue;
		n++;
		dir = ward_arena_printf(rs->arena, "%s/%s", root, e->d_name);
		if (!dir)
			return ward_rs_nomem(err);
		prefix = runtime_of(rs, dir, &name);
		if (prefix)
			r = bring(rs, prefix, name, err);
	}
	return r;
}

/* Of those that a program on the PATH chooses among by what the project says. */
static int alls(struct ward_resolver *rs, struct ward_texts *dirs, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < ward_runtime_alls_n; i++) {
		for (size_t k = 0; r == WARD_OK && k < ward_runtimes_n; k++) {
			const char *root =
				ward_streq(ward_runtimes[k].name, ward_runtime_alls[i].runtime)
				? ward_rt_above(rs, &ward_runtimes[k])
				: NULL;

			/* Most hosts have none of them, and to look for the program takes longer. */
			if (!root)
				continue;
			if (dirs->n == 0)
				r = real_dirs(rs, getenv("PATH"), dirs, err);
			if (r == WARD_OK && found_in(rs, dirs, ward_runtime_alls[i].program))
				r = all_versions(rs, root, err);
		}
	}
	return r;
}

/* What the caller's own variables say. */
static int by_variables(struct ward_resolver *rs, struct ward_error *err)
{
	char norm[WARD_PATH_MAX];
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < ward_runtime_homes_n; i++) {
		const char *variable = ward_runtime_homes[i].variable, *value = getenv(variable);
		const char *prefix, *name;
		struct ward_target t;

		if (!value || value[0] != '/' || ward_path_has_dotdot(value) ||
			ward_path_normalize(value, norm, sizeof(norm)) < 0 ||
			ward_rs_target(rs, norm, &t) < 0 || !S_ISDIR(t.st.st_mode))
			continue;
		if (ward_base_holds(t.path)) {
			r = add_variable(rs, &rs->homes, variable, t.path, err);
			continue;
		}
		prefix = runtime_of(rs, t.path, &name);
		if (!prefix)
			continue;
		r = add_variable(rs, &rs->homes, variable, t.path, err);
		if (r == WARD_OK)
			r = bring(rs, prefix, name, err);
	}
	return r;
}

int ward_rs_toolchains(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_texts dirs = { 0 };
	bool looked = false;
	int r;

	rs->callers = rs->toolchains = rs->linked = rs->homes = (struct ward_texts){ 0 };
	rs->links_left = false;
	r = by_variables(rs, err);
	if (r == WARD_OK)
		r = each_entry(rs, getenv("PATH"), entry, err);
	if (r == WARD_OK)
		r = alls(rs, &dirs, err);
	looked = dirs.n > 0;
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

int ward_rs_toolchain_links(struct ward_resolver *rs, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < rs->linked.n; i++) {
		struct ward_node n = {
			.kind = WARD_NODE_SYMLINK, .dest = rs->linked.v[i], .rule = -1
		};
		struct ward_target t;

		if (ward_rs_visible(rs, n.dest) || ward_rs_target(rs, n.dest, &t) < 0 ||
			t.n_links == 0 || !ward_streq(t.links[0].at, n.dest))
			continue;
		n.source = t.links[0].to;
		r = ward_rs_node(rs, &n, err);
	}
	return r;
}

/* Of a directory nothing but links that are shown: one of them leads to what is there. */
static bool has_linked(struct ward_resolver *rs, const char *dir)
{
	size_t n = strlen(dir);

	for (size_t i = 0; i < rs->linked.n; i++) {
		const char *at = rs->linked.v[i];
		struct ward_target t;

		if (strncmp(at, dir, n) == 0 && at[n] == '/' && !strchr(at + n + 1, '/') &&
			ward_rs_target(rs, at, &t) == 0 && ward_rs_visible(rs, t.path))
			return true;
	}
	return false;
}

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
		(!ward_rs_visible(rs, t.path) && !has_linked(rs, t.path)))
		return WARD_OK;
	if (!ward_rs_visible(rs, dir) && !ward_base_holds(dir))
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
	for (size_t i = 0; r == WARD_OK && i < rs->homes.n; i++) {
		const char *at = strchr(rs->homes.v[i], '=') + 1;
		const char *variable = ward_arena_dup(rs->arena, rs->homes.v[i],
			(size_t)(at - 1 - rs->homes.v[i]));

		if (!variable)
			return ward_rs_nomem(err);
		if (ward_rs_visible(rs, at) || ward_base_holds(at))
			r = add_variable(rs, &rs->env, variable, at, err);
	}
	/* Its storage is the run's own (gitconfig.c): what it has is found beside the objects of another. */
	if (r == WARD_OK && lfs)
		r = add_variable(rs, &rs->env, "GIT_ALTERNATE_OBJECT_DIRECTORIES",
			ward_arena_printf(rs->arena, "%s/objects", lfs), err);
	for (size_t i = 0; r == WARD_OK && i < ward_caches_n; i++) {
		const char *inside = ward_caches[i].inside;

		if (!rs->caches[i] || !ward_rs_visible(rs, rs->caches[i]))
			continue;
		if (!ward_cache_asked(rs, i) && !only_read(rs, ward_caches[i].name))
			return ward_rs_nomem(err);
		r = strchr(inside, '/') ? link_cache(rs, inside, rs->caches[i], err)
					: add_variable(rs, &rs->env, inside, rs->caches[i], err);
	}
	return r;
}
