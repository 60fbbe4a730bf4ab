/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What git obeys outside the sandbox: hooks, its configuration and what that includes or has it run, the files by which a work tree
 * finds its directory, those of other work trees and of submodules too. To keep more from being written than git would obey costs
 * nothing, so nothing here is believed or doubted: where a name leads is kept, whether it is there or not.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/persist/persist.h"
#include "run/resolve/look.h"

#define CONFIG_MAX (1u << 20)
#define FILES_MAX 64 /* of configuration */
#define DEPTH_MAX 10 /* of includes: git follows no more */
#define STEPS_MAX 64 /* links and missing directories on the way to one name */

struct guarding {
	struct ward_resolver *rs;
	struct ward_git *g;
	struct ward_error *err;
	unsigned files, steps;
	int r;
};

bool ward_rs_find(struct ward_resolver *rs, const char *dir, const char *name,
	struct ward_target *ret)
{
	const char *path = ward_rs_absolute(rs, dir, name);

	return path && ward_rs_target(rs, path, ret) == 0;
}

/* The first reason is enough. */
static void unsure(struct guarding *x, const char *path, const char *why)
{
	if (x->r < 0 || x->g->unsure)
		return;
	x->g->unsure = ward_arena_printf(x->rs->arena, "%s %s", ward_rs_show(x->rs, path), why);
	if (!x->g->unsure)
		x->r = ward_rs_nomem(x->err);
}

/* ---- names ---- */

static void link_at(struct guarding *x, const char *at)
{
	if (x->r == WARD_OK)
		x->r = ward_rs_text(x->rs, &x->g->links, at, x->err);
}

/* Where a name leads that may not be there; links to nothing are followed too. NULL: it has no such form, or x->r says why. */
static const char *leads_to(struct guarding *x, const char *path)
{
	struct ward_target t;
	const char *slash = path ? strrchr(path, '/') : NULL, *dir, *name;
	char to[WARD_PATH_MAX];
	ssize_t n;
	int r;

	if (!slash || x->r < 0)
		return NULL;
	r = ward_rs_target(x->rs, path, &t);
	for (size_t i = 0; i < t.n_links; i++)
		link_at(x, t.links[i].at);
	if (r == 0)
		return t.path;
	if (++x->steps > STEPS_MAX) {
		unsure(x, path, "leads too far");
		return NULL;
	}
	if (!slash[1] || ward_streq(slash + 1, ".") || ward_streq(slash + 1, ".."))
		return NULL;
	dir = slash == path ? "/" : ward_arena_dup(x->rs->arena, path, (size_t)(slash - path));
	dir = leads_to(x, dir);
	name = dir ? ward_rs_absolute(x->rs, dir, slash + 1) : NULL;
	n = name ? readlink(name, to, sizeof(to) - 1) : -1;
	if (n <= 0)
		return name;
	to[n] = '\0';
	link_at(x, name);
	return leads_to(x, ward_rs_absolute(x->rs, dir, to));
}

/* A value of git's as a path, not looked up; NULL: it is none that can lie in a workspace. */
static const char *as_path(struct guarding *x, const char *base, const char *value)
{
	const char *home;

	if (ward_has_prefix(value, "~/")) {
		home = ward_rs_home(x->rs);
		return home[0] ? ward_rs_absolute(x->rs, home, value + 2) : NULL;
	}
	if (value[0] == '~' || ward_has_prefix(value, "%(prefix)") || !value[0])
		return NULL;
	return ward_rs_absolute(x->rs, base, value);
}

/* A file that the run's user may not write is none by any name: stores of packages link what is equal. */
static void second_name(struct guarding *x, const char *path)
{
	struct stat st;

	if (ward_rs_lstat(x->rs, path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink > 1 &&
		(st.st_uid == x->rs->host->uid || (st.st_mode & (S_IWGRP | S_IWOTH))))
		unsure(x, path, "has a second name, and is written by that, too");
	else if (ward_rs_has_other_names(x->rs, path))
		unsure(x, path,
			"lies on a file system that takes no heed of case, and is written by another spelling, too");
}

static const char *guard(struct guarding *x, const char *base, const char *value)
{
	const char *real;

	if (x->g->guarded.n + x->g->links.n >= WARD_GIT_GUARDED_MAX) {
		unsure(x, x->g->top ? x->g->top : base,
			"holds more names that git obeys than can be kept from being written");
		return NULL;
	}
	x->steps = 0;
	real = leads_to(x, as_path(x, base, value));
	if (!real || x->r < 0)
		return NULL;
	x->r = ward_rs_text(x->rs, &x->g->guarded, real, x->err);
	second_name(x, real);
	return real;
}

/* A file of configuration: an empty one says what none does, and a directory of that name is an error to git. */
static const char *guard_file(struct guarding *x, const char *base, const char *value)
{
	const char *real = guard(x, base, value);

	if (real && x->r == WARD_OK)
		x->r = ward_rs_text(x->rs, &x->g->files, real, x->err);
	return real;
}

/* ---- directories of hooks ---- */

static int hook(void *arg, const char *path, enum ward_entry type, bool *ret_enter)
{
	struct guarding *x = arg;

	(void)ret_enter;
	if (ward_has_suffix(path, ".sample"))
		return WARD_OK;
	if (type == WARD_ENTRY_LINK)
		(void)guard(x, "/", path);
	else
		second_name(x, path);
	return x->r;
}

/* For each name in a real directory. */
static void each_in(struct guarding *x, const char *dir,
	int (*entry)(void *arg, const char *path, enum ward_entry type, bool *ret_enter), void *arg)
{
	struct ward_walk w = { .rs = x->rs, .entry = entry, .arg = arg, .err = x->err };
	int r;

	if (x->r < 0)
		return;
	r = ward_rs_walk(&w, dir);
	if (r == WARD_E_LIMIT && w.looked > WARD_GLOB_WALK_MAX)
		unsure(x, dir, "holds too much to be looked through");
	else if (x->r == WARD_OK)
		x->r = r;
}

static void hooks(struct guarding *x, const char *base, const char *value)
{
	const char *real = guard(x, base, value);

	if (real)
		each_in(x, real, hook, x);
}

/* ---- configuration ---- */

struct reading {
	struct guarding *x;
	const char *base; /* what a relative path of this file starts at */
	unsigned depth;
};

static void config(struct guarding *x, const char *path, unsigned depth);

static bool included(const char *value, void *arg)
{
	struct reading *c = arg;
	const char *path = as_path(c->x, c->base, value);

	if (path && guard_file(c->x, "/", path))
		config(c->x, path, c->depth + 1);
	return c->x->r == WARD_OK;
}

static bool hooks_path(const char *value, void *arg)
{
	struct reading *c = arg;

	if (c->x->g->top)
		hooks(c->x, c->x->g->top, value);
	return c->x->r == WARD_OK;
}

/* A word without a slash is looked for in PATH alone. */
static void not_there(struct guarding *x, const char *word)
{
	const char *path = strchr(word, '/') ? as_path(x, x->g->top, word) : NULL;
	struct ward_target t;

	if (path && ward_path_within(path, x->g->top) && ward_rs_target(x->rs, path, &t) < 0 &&
		x->g->absent.n < WARD_GIT_GUARDED_MAX)
		x->r = ward_rs_text(x->rs, &x->g->absent, path, x->err);
}

/* A command line: what it names of the work tree. */
static bool command(const char *value, void *arg)
{
	static const char between[] = " \t'\"";
	const struct reading *c = arg;
	struct guarding *x = c->x;

	value += value[0] == '!';
	for (size_t n; x->g->top && x->r == WARD_OK && *value; value += n) {
		struct ward_target t;
		const char *word;

		value += strspn(value, between);
		n = strcspn(value, between);
		word = ward_arena_dup(x->rs->arena, value, n);
		if (!word)
			x->r = ward_rs_nomem(x->err);
		else if (n > 0 && ward_rs_find(x->rs, x->g->top, word, &t) &&
			S_ISREG(t.st.st_mode) && ward_path_within(t.path, x->g->top))
			(void)guard(x, x->g->top, word);
		else if (n > 0)
			not_there(x, word);
	}
	return x->r == WARD_OK;
}

/* path: as git would open it, links and all. */
static void config(struct guarding *x, const char *path, unsigned depth)
{
	static const struct {
		struct ward_gitconfig_key key;
		bool (*each)(const char *value, void *arg);
	} keys[] = {
		{ { "include", "path", false, false }, included },
		{ { "includeif", "path", true, false }, included },
		{ { "core", "hookspath", false, false }, hooks_path },
		{ { "core", "fsmonitor", false, false }, command },
		{ { "core", "sshcommand", false, false }, command },
		{ { "core", "editor", false, false }, command },
		{ { "core", "pager", false, false }, command },
		{ { "filter", "clean", true, false }, command },
		{ { "filter", "smudge", true, false }, command },
		{ { "filter", "process", true, false }, command },
		{ { "diff", "external", false, false }, command },
		{ { "diff", "command", true, false }, command },
		{ { "diff", "textconv", true, false }, command },
		{ { "merge", "driver", true, false }, command },
		{ { "gpg", "program", true, false }, command },
		{ { "credential", "helper", true, false }, command },
	};
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = CONFIG_MAX };
	struct reading c = { .x = x, .depth = depth };
	struct ward_target t;

	if (depth > DEPTH_MAX || ward_rs_target(x->rs, path, &t) < 0 || S_ISDIR(t.st.st_mode))
		return;
	if (++x->files > FILES_MAX || !S_ISREG(t.st.st_mode) || t.st.st_size > CONFIG_MAX ||
		ward_read_file(t.path, CONFIG_MAX, &b, NULL) < 0 ||
		(b.n > 0 && memchr(b.s, '\0', b.n))) {
		unsure(x, path, "is not read as a configuration of git's");
		return;
	}
	c.base = ward_arena_dup(x->rs->arena, path, (size_t)(strrchr(path, '/') - path));
	if (!c.base)
		x->r = ward_rs_nomem(x->err);
	for (size_t i = 0; b.n > 0 && x->r == WARD_OK && i < WARD_ARRAY_SIZE(keys); i++)
		(void)ward_gitconfig_each(b.s, b.n, &keys[i].key, keys[i].each, &c);
}

/* ---- other work trees ---- */

struct others {
	struct guarding *x;
	const char *own;
};

static int other(void *arg, const char *path, enum ward_entry type, bool *ret_enter)
{
	const struct others *o = arg;

	(void)type;
	(void)ret_enter;
	if (!ward_streq(path, o->own))
		(void)guard(o->x, "/", path);
	return o->x->r;
}

/* Whoever writes the directory of another work tree says where git finds the configuration of that one. */
static void worktrees(struct guarding *x, const char *dir, const char *common)
{
	struct others o = { x, dir };
	struct ward_target t;

	if (!ward_rs_find(x->rs, common, "worktrees", &t) || !S_ISDIR(t.st.st_mode))
		return;
	if (ward_path_within(dir, t.path))
		each_in(x, t.path, other, &o);
	else
		(void)guard(x, "/", t.path);
}

/* ---- submodules ---- */

static bool is_empty(const char *dir)
{
	WARD_FD fd = ward_openat2(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, 0);

	return fd >= 0 && ward_is_empty(fd);
}

/* git enters each to find out what has changed: the way to its directory is not for a run to say. */
static void submodule(struct guarding *x, const char *path)
{
	struct ward_target t;
	const char *git = ward_rs_absolute(x->rs, path, ".git");

	if (!git || ward_rs_target(x->rs, path, &t) < 0 || !S_ISDIR(t.st.st_mode) ||
		!ward_path_within(t.path, x->g->top) || ward_streq(t.path, x->g->top))
		return;
	/* One that was never fetched is an empty directory, and stays one: an empty .git in it is an error to git. */
	if (is_empty(t.path))
		(void)guard(x, "/", t.path);
	else
		(void)guard(x, "/", git);
}

static bool listed(const char *value, void *arg)
{
	struct guarding *x = arg;
	const char *path = ward_rs_absolute(x->rs, x->g->top, value);

	if (path && value[0] != '/')
		submodule(x, path);
	return x->r == WARD_OK;
}

static bool worktree_of(const char *value, void *arg)
{
	struct reading *c = arg;
	const char *path = ward_rs_absolute(c->x->rs, c->base, value);

	if (path)
		submodule(c->x, path);
	return c->x->r == WARD_OK;
}

/* A name in the directories of submodules: those of theirs lie in them. */
static int module_entry(void *arg, const char *path, enum ward_entry type, bool *ret_enter)
{
	static const char *const of_git[] = { "objects", "refs", "logs", "hooks", "info", "lfs" };
	static const struct ward_gitconfig_key worktree = { "core", "worktree", false, false };
	struct guarding *x = arg;
	const char *name = strrchr(path, '/') + 1;
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = CONFIG_MAX };
	struct reading c = { .x = x };

	*ret_enter = type == WARD_ENTRY_DIR;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(of_git); i++)
		*ret_enter = *ret_enter && !ward_streq(name, of_git[i]);
	if (type != WARD_ENTRY_OTHER || !ward_streq(name, "config") ||
		ward_read_file(path, CONFIG_MAX, &b, NULL) < 0 || b.n == 0)
		return WARD_OK;
	c.base = ward_arena_dup(x->rs->arena, path, (size_t)(name - 1 - path));
	if (!c.base)
		return ward_rs_nomem(x->err);
	(void)ward_gitconfig_each(b.s, b.n, &worktree, worktree_of, &c);
	return x->r;
}

static void submodules(struct guarding *x, const char *dir)
{
	static const struct ward_gitconfig_key path = { "submodule", "path", true, false };
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = CONFIG_MAX };
	struct ward_target t;

	if (ward_rs_find(x->rs, x->g->top, ".gitmodules", &t) &&
		ward_read_file(t.path, CONFIG_MAX, &b, NULL) == WARD_OK && b.n > 0)
		(void)ward_gitconfig_each(b.s, b.n, &path, listed, x);
	if (ward_rs_find(x->rs, dir, "modules", &t) && S_ISDIR(t.st.st_mode))
		each_in(x, t.path, module_entry, x);
}

/* ---- all of it ---- */

/* Names in a directory of git's; those that git obeys if they come to be count as well. */
static void names_in(struct guarding *x, const char *dir)
{
	static const char *const names[] = { "info", "modules", "commondir" };
	static const char *const if_there[] = { "config.worktree", "gitdir", "rebase-merge",
		"rebase-apply" };
	struct ward_target t;

	hooks(x, dir, "hooks");
	(void)guard_file(x, dir, "config");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++)
		(void)guard(x, dir, names[i]);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(if_there); i++) {
		if (ward_rs_find(x->rs, dir, if_there[i], &t))
			(void)guard(x, dir, if_there[i]);
	}
}

static void config_in(struct guarding *x, const char *dir, const char *name)
{
	const char *path = ward_rs_absolute(x->rs, dir, name);

	if (path)
		config(x, path, 0);
}

/* Where the caller's environment says so git reads that file; without it the usual one, which counts as well: the next shell may say nothing. */
static void config_of_variable(struct guarding *x, const char *variable)
{
	const char *value = getenv(variable);
	const char *path = value && value[0] ? ward_rs_absolute(x->rs, x->rs->cwd, value) : NULL;
	struct ward_target t;

	/* "/dev/null" is none. */
	if (path && (ward_rs_target(x->rs, path, &t) < 0 || !S_ISCHR(t.st.st_mode)) &&
		guard_file(x, "/", path))
		config(x, path, 0);
}

/* Those of the host and the caller say "hooksPath = .githooks" for every repository. */
static void config_of_caller(struct guarding *x)
{
	const char *home = ward_rs_home(x->rs), *xdg = getenv("XDG_CONFIG_HOME");

	config_of_variable(x, "GIT_CONFIG_GLOBAL");
	config_of_variable(x, "GIT_CONFIG_SYSTEM");
	config(x, "/etc/gitconfig", 0);
	if (!home[0])
		return;
	config_in(x, home, ".gitconfig");
	if (xdg && xdg[0] == '/')
		config_in(x, xdg, "git/config");
	else
		config_in(x, home, ".config/git/config");
}

static bool each_worktree_has_its_own(const char *value, void *arg)
{
	*(bool *)arg = *value != '\0';
	return true;
}

static void config_worktree(struct guarding *x, const char *dir, const char *common)
{
	static const struct ward_gitconfig_key key = { "extensions", "worktreeconfig", false,
		true };
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = CONFIG_MAX };
	struct ward_target t;
	bool own = false;

	if (ward_rs_find(x->rs, common, "config", &t) &&
		ward_read_file(t.path, CONFIG_MAX, &b, NULL) == WARD_OK && b.n > 0)
		(void)ward_gitconfig_each(b.s, b.n, &key, each_worktree_has_its_own, &own);
	if (own) {
		(void)guard_file(x, dir, "config.worktree");
		(void)guard_file(x, common, "config.worktree");
	}
	config_in(x, dir, "config.worktree");
}

int ward_git_guard_name(struct ward_resolver *rs, struct ward_git *g, const char *dir,
	const char *name, struct ward_error *err)
{
	struct guarding x = { .rs = rs, .g = g, .err = err };

	(void)guard(&x, dir, name);
	return x.r;
}

int ward_git_guard_names(struct ward_resolver *rs, struct ward_git *g, const char *dir,
	struct ward_error *err)
{
	struct guarding x = { .rs = rs, .g = g, .err = err };

	names_in(&x, dir);
	return x.r;
}

/* Of any repository that lies in what is granted: what is there of it and runs code, and no more. */
int ward_git_guard_found(struct ward_resolver *rs, struct ward_git *g, const char *dir,
	const char *common, struct ward_error *err)
{
	static const char *const if_there[] = { "commondir", "config.worktree", "gitdir",
		"rebase-merge", "rebase-apply" };
	struct guarding x = { .rs = rs, .g = g, .err = err };
	struct ward_target t;

	hooks(&x, common, "hooks");
	(void)guard_file(&x, common, "config");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(if_there); i++) {
		if (ward_rs_find(rs, dir, if_there[i], &t))
			(void)guard(&x, dir, if_there[i]);
	}
	config_in(&x, common, "config");
	config_worktree(&x, dir, common);
	config_of_caller(&x);
	return x.r;
}

int ward_git_guard(struct ward_resolver *rs, struct ward_git *g, const char *dir,
	const char *common, struct ward_error *err)
{
	struct guarding x = { .rs = rs, .g = g, .err = err };

	names_in(&x, dir);
	if (!ward_streq(dir, common))
		names_in(&x, common);
	config_in(&x, common, "config");
	config_worktree(&x, dir, common);
	config_of_caller(&x);
	worktrees(&x, dir, common);
	submodules(&x, dir);
	return x.r;
}
