/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runtimes: the only things that are granted without being named, and only in the shapes of data/runtimes. A prefix
 * counts if root or the caller owns it, outside the workspace, and if it is neither / nor the home nor above either; one
 * that turns out to be a link to something else is refused by name. Shims and pyvenv.cfg are read, never run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "os/os.h"
#include "run/persist/persist.h"
#include "run/resolve/look.h"

#define FILE_BYTES_MAX (64u << 10)
#define VERSION_MAX 128

/*
 * The root of an entry on this machine, not looked up; NULL: no home, or not absolute. stays: where it is if no variable
 * moves it.
 */
static const char *expand_as(struct ward_resolver *rs, const struct ward_runtime_root *root,
	bool stays)
{
	const char *moved = root->env && !stays ? getenv(root->env) : NULL;
	WARD_UNSET char norm[WARD_PATH_MAX];
	const char *path;

	if (moved && moved[0] == '/')
		path = ward_arena_printf(rs->arena, "%s%s", moved, root->rest);
	else if (root->path[0] == '~' && ward_rs_home(rs)[0])
		path = ward_arena_printf(rs->arena, "%s%s%s", rs->home, root->path + 1, root->rest);
	else if (root->path[0] == '/')
		path = ward_arena_printf(rs->arena, "%s%s", root->path, root->rest);
	else
		return NULL;
	if (!path || ward_path_normalize(path, norm, sizeof(norm)) < 0)
		return NULL;
	return ward_arena_strdup(rs->arena, norm);
}

static const char *expand(struct ward_resolver *rs, const struct ward_runtime_root *root)
{
	return expand_as(rs, root, false);
}

/* Each root of data/runtimes, looked up once: every directory of a PATH, and each link in one, is held against all of them. */
struct ward_rt_at {
	const char *path, *real; /* NULL: nowhere; the same, or not there */
};

/* A variable says that it is here, itself: it might say so of any directory. */
static bool signless(struct ward_resolver *rs, const struct ward_runtime *rt, const char *path)
{
	const char *moved = rt->root.env && !rt->shape[0] ? getenv(rt->root.env) : NULL;
	const char *stays = moved ? expand_as(rs, &rt->root, true) : NULL;
	bool any = false;

	if (!moved || moved[0] != '/' || (stays && ward_streq(stays, path)))
		return false;
	for (size_t i = 0; i < ward_runtime_signs_n; i++) {
		const struct ward_runtime_sign *s = &ward_runtime_signs[i];
		const char *at = ward_streq(s->name, rt->name)
			? ward_arena_printf(rs->arena, "%s/%s", path, s->file)
			: NULL;
		struct ward_target t;

		if (!ward_streq(s->name, rt->name))
			continue;
		any = true;
		if (at && ward_rs_target(rs, at, &t) == 0 &&
			(s->is_dir ? S_ISDIR(t.st.st_mode) : S_ISREG(t.st.st_mode)))
			return false;
	}
	return any;
}

static const struct ward_rt_at *roots(struct ward_resolver *rs, bool stays)
{
	struct ward_rt_at *at = rs->rt_at[stays];

	if (at)
		return at;
	at = ward_arena_alloc(rs->arena, ward_runtimes_n * sizeof(*at));
	if (!at)
		return NULL;
	for (size_t i = 0; i < ward_runtimes_n; i++) {
		struct ward_target t;

		at[i].path = expand_as(rs, &ward_runtimes[i].root, stays);
		if (!stays && at[i].path && signless(rs, &ward_runtimes[i], at[i].path))
			at[i].path = NULL;
		at[i].real = at[i].path && ward_rs_target(rs, at[i].path, &t) == 0 && t.n_links > 0
			? t.path
			: NULL;
	}
	return rs->rt_at[stays] = at;
}

static size_t components(const char *shape)
{
	size_t n = shape[0] != '\0';

	for (; *shape; shape++)
		n += *shape == '/';
	return n;
}

/* Does path lie strictly below ROOT/SHAPE? Its prefix in the arena, or NULL. */
static const char *fit(struct ward_resolver *rs, const char *root, const char *shape,
	const char *path)
{
	/* A start asks this of some thousand pairs, and nearly all are none. */
	WARD_UNSET char literal[WARD_PATH_MAX];
	size_t n = strlen(root);
	const char *s = path + n;

	if (!ward_path_within(path, root) || path[n] != '/')
		return NULL;
	for (size_t i = components(shape); i > 0; i--) {
		s = strchr(s + 1, '/');
		if (!s)
			return NULL;
	}
	(void)snprintf(literal, sizeof(literal), "%s/%s", root, shape);
	const char *prefix = ward_arena_dup(rs->arena, path, (size_t)(s - path));
	return prefix && (!shape[0] || ward_glob_match(literal, prefix)) ? prefix : NULL;
}

/* By shape; the root may itself be a link (~/.pyenv on another disk). */
static const char *by_shape_as(struct ward_resolver *rs, const char *path, bool stays,
	const char **ret_name)
{
	const struct ward_rt_at *at = roots(rs, stays);

	for (size_t i = 0; at && i < ward_runtimes_n; i++) {
		const struct ward_runtime *rt = &ward_runtimes[i];
		const char *prefix = at[i].path ? fit(rs, at[i].path, rt->shape, path) : NULL;

		if (!prefix && at[i].real)
			prefix = fit(rs, at[i].real, rt->shape, path);
		if (prefix) {
			*ret_name = rt->name;
			return prefix;
		}
	}
	return NULL;
}

static const char *by_shape(struct ward_resolver *rs, const char *path, const char **ret_name)
{
	return by_shape_as(rs, path, false, ret_name);
}

/* P of P/bin/X, if P holds a marker. */
static const char *by_marker(struct ward_resolver *rs, const char *path, const char **ret_name)
{
	char file[WARD_PATH_MAX];
	struct stat st;
	const char *slash = strrchr(path, '/');
	size_t n;

	for (n = slash ? (size_t)(slash - path) : 0; n > 0 && path[n - 1] != '/';)
		n--;
	if (n < 2)
		return NULL;
	n--;
	for (size_t i = 0; i < ward_runtime_markers_n; i++) {
		(void)snprintf(file, sizeof(file), "%.*s/%s", (int)n, path,
			ward_runtime_markers[i].file);
		if (ward_rs_lstat(rs, file, &st) == 0) {
			*ret_name = ward_runtime_markers[i].name;
			return ward_arena_dup(rs->arena, path, n);
		}
	}
	return NULL;
}

bool ward_rt_named(struct ward_resolver *rs, const char *path)
{
	const char *name;

	return by_shape(rs, path, &name) || by_marker(rs, path, &name);
}

static int refuse(struct ward_resolver *rs, const char *name, const char *prefix, const char *why,
	struct ward_error *err)
{
	char word[WARD_PASTE_MAX];

	(void)ward_fail(err, WARD_E_REFUSED, "the runtime %s (%s) does not count: %s",
		ward_rs_show(rs, prefix), name, why);
	ward_fail_class(err, WARD_CLASS_EXTERNAL_COMMAND, WARD_VIOLATION_EXEC);
	ward_fail_fix(err, "grant what is meant by name: --read %s",
		ward_paste(word, prefix, "PATH"));
	return WARD_E_REFUSED;
}

static int refuse_link(struct ward_resolver *rs, const char *name, const char *prefix,
	const struct ward_target *t, struct ward_error *err)
{
	char why[WARD_ERROR_MESSAGE_MAX];

	(void)snprintf(why, sizeof(why), "it is a link to %s, which is no runtime of data/runtimes",
		ward_rs_show(rs, t->path));
	return refuse(rs, name, prefix, why, err);
}

static int check_prefix(struct ward_resolver *rs, const char *name, const struct ward_target *t,
	struct ward_error *err)
{
	char text[64];
	const char *why = NULL;

	if (ward_rs_is_home(rs, t->path))
		why = !t->path[1]                       ? "it is /"
			: ward_streq(t->path, rs->home) ? "it is your home"
							: "it is above your home";
	else if (ward_rs_reserved(t->path))
		why = "it lies in /proc, /sys or /dev";
	else if (ward_path_within(t->path, rs->workspace))
		why = "it lies in the workspace, which may choose among what is granted and add nothing";
	else if (ward_path_within(rs->workspace, t->path))
		why = "the workspace lies in it";
	else if (t->st.st_uid != 0 && t->st.st_uid != rs->host->uid) {
		(void)snprintf(text, sizeof(text), "it belongs to uid %u", (unsigned)t->st.st_uid);
		why = text;
	} else if (!S_ISDIR(t->st.st_mode))
		why = "it is not a directory";
	return why ? refuse(rs, name, t->path, why, err) : WARD_OK;
}

int ward_rt_prefix(struct ward_resolver *rs, const char *path, const char **ret_prefix,
	const char **ret_name, struct ward_error *err)
{
	struct ward_target t;
	const char *name = NULL, *prefix, *again;
	char inner[WARD_PATH_MAX];

	*ret_prefix = *ret_name = NULL;
	prefix = by_shape(rs, path, &name);
	if (!prefix)
		prefix = by_marker(rs, path, &name);
	if (!prefix || ward_rs_target(rs, prefix, &t) < 0)
		return WARD_OK;
	if (t.n_links > 0 && !ward_streq(t.path, prefix)) {
		/* A link is fine if what it leads to is a runtime by its own name. */
		(void)snprintf(inner, sizeof(inner), "%.*s/bin/x", WARD_PATH_MAX - 16, t.path);
		again = by_shape(rs, inner, &name);
		if (!again)
			again = by_marker(rs, inner, &name);
		if (!again)
			return refuse_link(rs, name, prefix, &t, err);
		if (ward_rs_target(rs, again, &t) < 0)
			return WARD_OK;
	}
	*ret_prefix = t.path;
	*ret_name = name;
	return check_prefix(rs, name, &t, err);
}

/* In the shape of a runtime, be its root moved by a variable or not. */
static const char *by_any_shape(struct ward_resolver *rs, const char *path, const char **ret_name)
{
	const char *prefix = by_shape(rs, path, ret_name);

	return prefix ? prefix : by_shape_as(rs, path, true, ret_name);
}

static int check_linked(struct ward_resolver *rs, const char *path, struct ward_error *err)
{
	char inner[WARD_PATH_MAX];
	const char *name = NULL, *other, *prefix = path ? by_any_shape(rs, path, &name) : NULL;
	struct ward_target t;

	if (!prefix || ward_path_within(prefix, rs->workspace) ||
		ward_rs_target(rs, prefix, &t) < 0 || t.n_links == 0 || ward_streq(t.path, prefix))
		return WARD_OK;
	(void)snprintf(inner, sizeof(inner), "%.*s/bin/x", WARD_PATH_MAX - 16, t.path);
	if (by_any_shape(rs, inner, &other) || by_marker(rs, inner, &other))
		return WARD_OK;
	return refuse_link(rs, name, prefix, &t, err);
}

int ward_rt_linked(struct ward_resolver *rs, const char *path, const struct ward_target *t,
	struct ward_error *err)
{
	char dir[WARD_PATH_MAX], to[WARD_PATH_MAX];
	int r = check_linked(rs, path, err);

	for (size_t i = 0; r == WARD_OK && i < t->n_links; i++) {
		const struct ward_link *l = &t->links[i];

		r = check_linked(rs, ward_arena_printf(rs->arena, "%s/x", l->at), err);
		(void)snprintf(dir, sizeof(dir), "%.*s/", (int)(strrchr(l->at, '/') - l->at),
			l->at);
		if (r == WARD_OK && ward_path_join(dir, l->to, to, sizeof(to)) == WARD_OK)
			r = check_linked(rs, ward_arena_strdup(rs->arena, to), err);
	}
	return r;
}

/* The name of the runtime that prefix, which is real, is; NULL: it is none by itself. */
static const char *name_of(struct ward_resolver *rs, const char *prefix)
{
	char inner[WARD_PATH_MAX];
	const char *name = NULL, *found;

	(void)snprintf(inner, sizeof(inner), "%.*s/x", WARD_PATH_MAX - 16, prefix);
	found = by_any_shape(rs, inner, &name);
	if (found && ward_streq(found, prefix))
		return name;
	(void)snprintf(inner, sizeof(inner), "%.*s/bin/x", WARD_PATH_MAX - 16, prefix);
	return by_marker(rs, inner, &name) ? name : NULL;
}

/* Before the "*" of its shape; NULL: it is not there. */
const char *ward_rt_above(struct ward_resolver *rs, const struct ward_runtime *rt)
{
	const char *root = expand(rs, &rt->root), *star = strrchr(rt->shape, '*');
	struct ward_target t;
	int n = star > rt->shape ? (int)(star - rt->shape) - 1 : 0;

	if (!root || !star)
		return NULL;
	root = ward_arena_printf(rs->arena, "%s%s%.*s", root, n ? "/" : "", n, rt->shape);
	return root && ward_rs_target(rs, root, &t) == 0 && S_ISDIR(t.st.st_mode) ? t.path : NULL;
}

int ward_rt_hidden(struct ward_resolver *rs, const char *prefix, struct ward_texts *to,
	struct ward_error *err)
{
	const char *name = name_of(rs, prefix);
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < ward_runtime_hides_n; i++) {
		const struct ward_runtime_hide *h = &ward_runtime_hides[i];

		if (!h->runtime || (name && ward_streq(h->runtime, name)))
			r = h->but ? ward_rs_hidden_but(rs, prefix, h->path, h->but, to, err)
				   : ward_rs_hidden(rs, prefix, h->path, to, err);
	}
	return r;
}

/* Who grants one of them by itself means it. */
static int hide(struct ward_resolver *rs, const char *prefix, int rule, struct ward_error *err)
{
	struct ward_texts hidden = { 0 };
	int r = ward_rt_hidden(rs, prefix, &hidden, err);

	for (size_t i = 0; r == WARD_OK && i < hidden.n; i++) {
		struct ward_node mask = {
			.kind = WARD_NODE_MASK, .dest = hidden.v[i], .fixed = true, .rule = rule
		};
		struct ward_target t;

		if (ward_rs_target(rs, mask.dest, &t) < 0 || ward_rs_visible(rs, mask.dest))
			continue;
		mask.is_dir = S_ISDIR(t.st.st_mode);
		r = ward_rs_node(rs, &mask, err);
	}
	return r;
}

int ward_rt_grant(struct ward_resolver *rs, const char *prefix, const char *name,
	struct ward_error *err)
{
	struct ward_target t;
	struct ward_rule rule = {
		.type = WARD_CAP_FILE_READ,
		.pattern = prefix,
		.origin = { .file = "implied" },
		.text = ward_arena_printf(rs->arena, "implied: runtime %s", name),
		.literal = true,
		.subtree = true,
	};
	const char *bin = ward_arena_printf(rs->arena, "%s/bin", prefix);
	struct ward_node n;
	int r;

	r = bin ? ward_rs_text(rs, &rs->bins, bin, err) : ward_rs_nomem(err);
	if (r < 0 || ward_rs_visible(rs, prefix))
		return r;
	r = ward_rs_target(rs, prefix, &t);
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SPAWN, -r, "the runtime '%s' cannot be opened",
			prefix);
	r = ward_rs_rule(rs, &rule, err);
	if (r < 0)
		return r;
	n = ward_rs_bind(rs, &t, r);
	n.exec = true;
	r = hide(rs, t.path, n.rule, err);
	return r == WARD_OK ? ward_rs_node(rs, &n, err) : r;
}

/* ---- venv ---- */

/* "home = DIR" of a pyvenv.cfg: its value and line; NULL: there is none. */
char *ward_rt_venv_home(char *text, uint32_t *ret_line)
{
	char *line, *rest = text;

	for (uint32_t no = 1; (line = strsep(&rest, "\n")); no++) {
		char *eq = strchr(line, '='), *end;

		line += strspn(line, " \t");
		if (!eq || strncasecmp(line, "home", 4) != 0 ||
			line[4 + strspn(line + 4, " \t")] != '=')
			continue;
		eq += 1 + strspn(eq + 1, " \t");
		for (end = eq + strlen(eq); end > eq && strchr(" \t\r", end[-1]);)
			*--end = '\0';
		*ret_line = no;
		return eq;
	}
	return NULL;
}

static int refuse_home(struct ward_resolver *rs, const char *file, uint32_t line, const char *home,
	const char *why, const char *fix, struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_REFUSED, "home = %s %s", ward_rs_show(rs, home), why);
	ward_fail_class(err, WARD_CLASS_EXTERNAL_COMMAND, WARD_VIOLATION_EXEC);
	ward_fail_at(err, file, line, 0);
	ward_fail_fix(err, "%s", fix);
	return WARD_E_REFUSED;
}

/* Of PREFIX/bin its PREFIX: the standard library lies beside. */
static const char *with_libraries(struct ward_resolver *rs, const char *dir)
{
	const char *slash = strrchr(dir, '/');
	const char *prefix = slash > dir && ward_streq(slash, "/bin")
		? ward_arena_printf(rs->arena, "%.*s", (int)(slash - dir), dir)
		: NULL;

	return prefix && !ward_rs_is_home(rs, prefix) && !ward_path_within(rs->workspace, prefix)
		? prefix
		: dir;
}

static int check_home(struct ward_resolver *rs, const char *file, uint32_t line, const char *home,
	bool trusted, struct ward_error *err)
{
	static const char rebuild[] =
		"make the venv again with a python of the system or of a known runtime";
	char word[WARD_PASTE_MAX];
	struct ward_target t;
	const char *prefix, *name, *fix;
	int r;

	if (home[0] != '/')
		return refuse_home(rs, file, line, home, "is not an absolute path", rebuild, err);
	if (ward_rs_target(rs, home, &t) < 0)
		return refuse_home(rs, file, line, home, "does not exist", rebuild, err);
	if (ward_rs_is_home(rs, t.path))
		return refuse_home(rs, file, line, home,
			!t.path[1] ? "is the root of the host and no runtime"
				   : "is your home, or above it, and no runtime",
			rebuild, err);
	if (ward_path_within(rs->workspace, t.path))
		return refuse_home(rs, file, line, home, "holds the workspace and is no runtime",
			rebuild, err);
	if (ward_rs_visible(rs, t.path))
		return WARD_OK;
	fix = ward_arena_printf(rs->arena, "if that is meant, grant it: --read %s",
		ward_paste(word, with_libraries(rs, t.path), "PATH"));
	if (!trusted)
		return refuse_home(rs, file, line, home,
			"is not granted, and a file in the workspace cannot add to what is",
			fix ? fix : "", err);
	r = ward_rt_prefix(rs, ward_arena_printf(rs->arena, "%s/python3", t.path), &prefix, &name,
		err);
	if (r < 0)
		return r;
	if (!prefix)
		return refuse_home(rs, file, line, home, "is no runtime of data/runtimes",
			fix ? fix : "", err);
	return ward_rt_grant(rs, prefix, name, err);
}

int ward_rt_venv(struct ward_resolver *rs, const char *path, bool trusted, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const char *name = NULL, *dir = by_marker(rs, path, &name), *file;
	uint32_t line = 0;
	char *home;

	if (!dir || !ward_streq(name, "venv"))
		return WARD_OK;
	file = ward_arena_printf(rs->arena, "%s/pyvenv.cfg", dir);
	if (!file)
		return ward_rs_nomem(err);
	if (ward_read_file(file, FILE_BYTES_MAX, &b, err) < 0)
		return WARD_E_REFUSED;
	home = b.n > 0 && !memchr(b.s, '\0', b.n) ? ward_rt_venv_home(b.s, &line) : NULL;
	if (!home)
		return refuse_home(rs, file, 0, "", "is not there", "make the venv again", err);
	return check_home(rs, file, line, home, trusted, err);
}

/* ---- shims ---- */

static bool word_ok(const char *s)
{
	return s[0] && s[0] != '.' && strlen(s) < VERSION_MAX && !strchr(s, '/');
}

static bool version_ok(const char *s)
{
	return word_ok(s) && !ward_streq(s, "system");
}

/* A runtime of versions of many tools: two components of its shape are any. */
static bool of_tools(const struct ward_shim *shim)
{
	const char *star;

	for (size_t i = 0; i < ward_runtimes_n; i++) {
		star = strchr(ward_runtimes[i].shape, '*');
		if (ward_streq(ward_runtimes[i].name, shim->runtime) && star &&
			strchr(star + 1, '*'))
			return true;
	}
	return false;
}

/* The program of one version: the shape's "*" is the version, two of them a tool and its version. */
static bool try_version(struct ward_resolver *rs, const struct ward_shim *shim, const char *version,
	const char *program, const char **ret)
{
	struct ward_target t;

	for (size_t i = 0; i < ward_runtimes_n; i++) {
		const struct ward_runtime *rt = &ward_runtimes[i];
		const char *star = strchr(rt->shape, '*'), *last = strrchr(rt->shape, '*'), *root;

		if (!ward_streq(rt->name, shim->runtime) || !star)
			continue;
		root = expand(rs, &rt->root);
		*ret = root
			? ward_arena_printf(rs->arena, "%s/%.*s%s%s/bin/%s", root,
				  (int)(star - rt->shape), rt->shape, version, last + 1, program)
			: NULL;
		if (*ret && ward_rs_target(rs, *ret, &t) == 0)
			return true;
	}
	return false;
}

char *ward_rt_version(char *line, const char *key)
{
	size_t n;

	line += strspn(line, " \t");
	if (key) {
		n = strlen(key);
		if (strncmp(line, key, n) != 0)
			return NULL;
		line += n + strspn(line + n, " \t");
		if (*line != '=' && *line != ':')
			return NULL;
		line++;
		line += strspn(line, " \t");
		if (*line++ != '"')
			return NULL;
		line[strcspn(line, "\"")] = '\0';
	} else {
		line[strcspn(line, " \t\r#")] = '\0';
	}
	return version_ok(line) ? line : NULL;
}

char *ward_rt_tool_version(char *line)
{
	char *tool = line + strspn(line, " \t"), *end = tool + strcspn(tool, " \t\r#="),
	     *version = end + strspn(end, " \t=[\"");

	version[strcspn(version, " \t\r#\"],")] = '\0';
	if (version == end || !version_ok(version))
		return NULL;
	*end = '\0';
	if (!word_ok(tool))
		return NULL;
	*end = '/';
	memmove(end + 1, version, strlen(version) + 1);
	return tool;
}

static char *version_of(const struct ward_shim *shim, char *line)
{
	return of_tools(shim) ? ward_rt_tool_version(line) : ward_rt_version(line, shim->key);
}

/* KEY>OTHER: in the text behind the object that KEY's value is the name of, the value of its OTHER. */
static char *behind(char *text, const char *name, const char *other)
{
	size_t n = strlen(name);
	bool in = false;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		const char *s = line + strspn(line, " \t");
		char *version = in ? ward_rt_version(line, other) : NULL;

		if (version || (in && *s == '}'))
			return version;
		in = in ||
			(s[0] == '"' && strncmp(s + 1, name, n) == 0 && s[n + 1] == '"' &&
				strchr(s + n + 2, '{'));
	}
	return NULL;
}

static int version_behind(struct ward_resolver *rs, const struct ward_shim *shim, const char *text,
	struct ward_texts *ret, struct ward_error *err)
{
	const char *sign = strchr(shim->key, '>');
	const char *key = ward_arena_dup(rs->arena, shim->key, (size_t)(sign - shim->key));
	char *rest = ward_arena_strdup(rs->arena, text), *line, *name = NULL, *version;
	char *again = ward_arena_strdup(rs->arena, text);

	if (!key || !rest || !again)
		return ward_rs_nomem(err);
	while (!name && (line = strsep(&rest, "\n")))
		name = ward_rt_version(line, key);
	version = name ? behind(again, name, sign + 1) : NULL;
	return version ? ward_rs_text(rs, ret, version, err) : WARD_OK;
}

/* The versions that a shim's file names. */
static int versions(struct ward_resolver *rs, const struct ward_shim *shim, struct ward_texts *ret,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const char *file = expand(rs, &shim->file), *text;
	char *rest, *line;
	int r = file ? ward_read_file(file, FILE_BYTES_MAX, &b, NULL) : WARD_E_NOTFOUND;

	/* For want of memory a runtime that is there is none that is missing. */
	if (r == WARD_E_NOMEM)
		return ward_rs_nomem(err);
	if (r < 0 || b.n == 0)
		return WARD_OK;
	r = WARD_OK;
	if (shim->key && strchr(shim->key, '>')) {
		text = ward_arena_dup(rs->arena, b.s, b.n);
		return text ? version_behind(rs, shim, text, ret, err) : ward_rs_nomem(err);
	}
	rest = b.s;
	while (r == WARD_OK && (line = strsep(&rest, "\n"))) {
		const char *version = version_of(shim, line);

		if (version)
			r = ward_rs_text(rs, ret, ward_arena_strdup(rs->arena, version), err);
	}
	return r;
}

/* The bin directories of them. */
static int version_bins(struct ward_resolver *rs, const struct ward_shim *shim,
	struct ward_texts *to, struct ward_error *err)
{
	struct ward_texts found = { 0 };
	const char *bin;
	int r = versions(rs, shim, &found, err);

	for (size_t i = 0; r == WARD_OK && i < found.n; i++) {
		if (try_version(rs, shim, found.v[i], ".", &bin))
			r = ward_rs_text(rs, to,
				ward_arena_dup(rs->arena, bin, strlen(bin) - strlen("/.")), err);
	}
	return r;
}

int ward_rt_shim_bins(struct ward_resolver *rs, const char *dir, struct ward_texts *to, bool *ret,
	struct ward_error *err)
{
	*ret = false;
	for (size_t i = 0; i < ward_shims_n; i++) {
		const char *shims = expand(rs, &ward_shims[i].dir);

		if (!shims || !ward_streq(shims, dir))
			continue;
		*ret = true;
		return version_bins(rs, &ward_shims[i], to, err);
	}
	return WARD_OK;
}

int ward_rt_unshim(struct ward_resolver *rs, const char *path, const char **ret,
	struct ward_error *err)
{
	const char *program = ward_path_basename(path);
	size_t dir_n = (size_t)(program - path) - (program > path);

	*ret = NULL;
	for (size_t i = 0; i < ward_shims_n; i++) {
		const struct ward_shim *shim = &ward_shims[i];
		const char *dir = expand(rs, &shim->dir), *file = expand(rs, &shim->file);
		struct ward_texts found = { 0 };
		int r;

		if (!dir || !file || strlen(dir) != dir_n || strncmp(dir, path, dir_n) != 0)
			continue;
		r = versions(rs, shim, &found, err);
		if (r < 0)
			return r;
		for (size_t k = 0; k < found.n; k++) {
			if (try_version(rs, shim, found.v[k], program, ret))
				return WARD_OK;
		}
		*ret = NULL;
		/* ~/.cargo/bin also holds programs that are no shims. */
		if (shim->key)
			continue;
		(void)ward_fail(err, WARD_E_SPAWN,
			"%s is a shim of %s, and no version in %s has it", ward_rs_show(rs, path),
			shim->runtime, ward_rs_show(rs, file));
		if (err)
			err->sys_errno = ENOENT;
		ward_fail_fix(err, "choose a version with %s, or name the program by its own path",
			shim->runtime);
		return WARD_E_SPAWN;
	}
	return WARD_OK;
}
