/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FILE_READ and FILE_WRITE: from what was written to what is bound. A literal is that inode; P/ ** is the directory
 * with all below it; a pattern is what it matches now. Links that the caller named are shown with their target; one
 * that leads out of the workspace from a relative name is refused, because whoever wrote the workspace wrote the link.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "run/resolve/look.h"

const char *ward_rs_rule_text(struct ward_resolver *rs, const struct ward_cap *cap)
{
	const char *type = ward_cap_type_name(cap->type), *file = cap->origin.file;

	if (!file)
		return ward_arena_printf(rs->arena, "%s:%s", type, cap->resource);
	if (cap->origin.line)
		return ward_arena_printf(rs->arena, "%s:%u %s %s", file, cap->origin.line, type,
			cap->resource);
	if (ward_streq(file, "--cap"))
		return ward_arena_printf(rs->arena, "--cap %s:%s", type, cap->resource);
	return ward_arena_printf(rs->arena, "%s %s", file, cap->resource);
}

/*
 * The option that grants path, to paste. A name that a pattern would read as more than itself, or not take, becomes a
 * literal path, as in the cure of a refusal.
 */
static const char *option_for(char out[WARD_PASTE_MAX + 16], const struct ward_cap *cap,
	const char *path, const char *behind)
{
	const char *literal = cap->type == WARD_CAP_FILE_WRITE ? "--write" : "--read";
	char text[WARD_PATH_MAX + 64], word[WARD_PASTE_MAX];
	struct ward_cap wider = { .type = cap->type };

	(void)snprintf(text, sizeof(text), "%s:%s%s", ward_cap_type_name(cap->type), path, behind);
	wider.resource = strchr(text, ':') + 1;
	if (cap->literal || ward_glob_is_pattern(path) || ward_cap_check(&wider, NULL) < 0)
		(void)snprintf(out, WARD_PASTE_MAX + 16, "%s %s", literal,
			ward_paste(word, path, "PATH"));
	else
		(void)snprintf(out, WARD_PASTE_MAX + 16, "--cap %s",
			ward_paste(word, text, "TYPE:PATH"));
	return out;
}

static int fail_reserved(struct ward_resolver *rs, const struct ward_cap *cap, const char *path,
	const char *reserved, struct ward_error *err)
{
	(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
		ward_streq(reserved, "/sys")
			? "%s cannot be granted: no sandbox has a %s, which tells of the whole host"
			: "%s cannot be granted: the sandbox has a %s of its own",
		ward_rs_show(rs, path), reserved);
	ward_fail_fix(err, "take it out");
	return WARD_E_CAPABILITY;
}

/* As well where it is a link (ostree: to var/home), of who is named by it: the link is in the view then, and leads the private home there. */
static bool holds_private_home(struct ward_resolver *rs, const struct ward_target *t)
{
	struct ward_target home;

	if (ward_streq(t->path, "/home"))
		return true;
	for (size_t i = 0; i < t->n_links; i++) {
		if (ward_streq(t->links[i].at, "/home"))
			return ward_rs_target(rs, "/home", &home) == 0 &&
				ward_streq(t->path, home.path);
	}
	return false;
}

/* The nearest directory above path that is there and that may be granted, into dir; false: none is. */
static bool grantable_above(struct ward_resolver *rs, const struct ward_cap *cap, const char *path,
	char dir[WARD_PATH_MAX])
{
	struct ward_target t;
	char *slash;

	(void)snprintf(dir, WARD_PATH_MAX, "%s", path);
	do {
		slash = strrchr(dir, '/');
		if (!slash || slash == dir)
			return false;
		*slash = '\0';
	} while (ward_rs_target(rs, dir, &t) < 0 || !S_ISDIR(t.st.st_mode));
	return !ward_rs_reserved(t.path) && !holds_private_home(rs, &t) &&
		(cap->type != WARD_CAP_FILE_WRITE || rs->i_know || !ward_rs_is_home(rs, t.path));
}

/* The shell's ~ and * within quotes are names to Ward. NULL: it was none of them. */
static const char *shells_word(struct ward_resolver *rs, const struct ward_cap *cap,
	char option[WARD_PASTE_MAX + 16])
{
	const char *home = ward_rs_home(rs), *meant;
	char word[WARD_PASTE_MAX];

	if (home[0] && (ward_streq(cap->resource, "~") || ward_has_prefix(cap->resource, "~/"))) {
		meant = ward_arena_printf(rs->arena, "%s%s", home, cap->resource + 1);
		return meant ? ward_arena_printf(rs->arena,
				       "the shell leaves ~ as it is within quotes: %s",
				       option_for(option, cap, meant, ""))
			     : NULL;
	}
	if (!cap->literal || !ward_glob_is_pattern(cap->resource))
		return NULL;
	meant = ward_arena_printf(rs->arena, "%s:%s", ward_cap_type_name(cap->type), cap->resource);
	return meant ? ward_arena_printf(rs->arena,
			       "a path is meant as it is written; a pattern is --cap %s",
			       ward_paste(word, meant, "TYPE:PATTERN"))
		     : NULL;
}

static void fix_missing(struct ward_resolver *rs, const struct ward_cap *cap, const char *path,
	struct ward_error *err)
{
	char dir[WARD_PATH_MAX], option[WARD_PASTE_MAX + 16];
	const char *meant = shells_word(rs, cap, option);
	bool above = grantable_above(rs, cap, path, dir);
	/* Of several names that are not there, the last cannot be touched. */
	const char *make = strchr(path + strlen(dir) + (path[strlen(dir)] == '/'), '/')
		? "make it first, with its directory"
		: ward_has_suffix(cap->resource, "/**") ? "mkdir it first"
							: "touch it first";

	if (meant)
		ward_fail_fix(err, "%s", meant);
	else if (above)
		ward_fail_fix(err, "%s, or grant its directory: %s", make,
			option_for(option, cap, dir, "/**"));
	else
		ward_fail_fix(err, "%s, or take it out", make);
}

static int fail_missing(struct ward_resolver *rs, const struct ward_cap *cap, const char *path,
	int e, struct ward_error *err)
{
	const char *shown = ward_rs_show(rs, path);
	char dir[WARD_PATH_MAX];

	if (e == EACCES || e == EPERM) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
			"%s may not be looked at by you", shown);
		ward_fail_fix(err, "grant what you can read yourself");
		return WARD_E_CAPABILITY;
	}
	if (e != ENOENT && e != ENOTDIR) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err, "%s cannot be opened: %s",
			shown, e == ELOOP ? "a circle of links" : strerror(e));
		ward_fail_fix(err, "name the file itself");
		return WARD_E_CAPABILITY;
	}
	/* What lies there could not be granted either: better said before somebody makes it. */
	if (ward_path_normalize(path, dir, sizeof(dir)) >= 0 && ward_rs_reserved(dir))
		return fail_reserved(rs, cap, dir, ward_rs_reserved(dir), err);
	(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err, "%s does not exist", shown);
	fix_missing(rs, cap, path, err);
	return WARD_E_CAPABILITY;
}

/* What no view can hold, and what nobody means to hand out. */
int ward_rs_check_target(struct ward_resolver *rs, const struct ward_cap *cap,
	const struct ward_target *t, struct ward_error *err)
{
	const char *reserved = ward_rs_reserved(t->path), *shown = ward_rs_show(rs, t->path);
	mode_t type = t->st.st_mode & S_IFMT;

	if (ward_streq(reserved, "/")) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
			"\"/\" cannot be granted: it holds /proc, /sys and /dev, of which no sandbox has the host's");
		ward_fail_fix(err, "grant the directories that are needed");
		return WARD_E_CAPABILITY;
	}
	if (reserved)
		return fail_reserved(rs, cap, t->path, reserved, err);
	if (holds_private_home(rs, t)) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
			"\"/home\" cannot be granted: the run's private home /home/ward lies in it");
		ward_fail_fix(err, "grant the directories below /home that are needed");
		return WARD_E_CAPABILITY;
	}
	if (type != S_IFREG && type != S_IFDIR && type != S_IFIFO) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
			"%s cannot be granted: it is a %s", shown,
			type == S_IFSOCK ? "socket" : "device");
		ward_fail_fix(err, "take it out");
		return WARD_E_CAPABILITY;
	}
	if (cap->type == WARD_CAP_FILE_WRITE && type == S_IFDIR && !rs->i_know &&
		ward_rs_is_home(rs, t->path)) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
			"%s is %s, and would be writable as a whole", shown,
			ward_streq(t->path, rs->home) ? "your home" : "above your home");
		ward_fail_fix(err, "grant the project's directory, or say --i-know");
		return WARD_E_CAPABILITY;
	}
	return WARD_OK;
}

/*
 * As root the command is a reserved user, to whom the mounts show root's files as its own and nobody else's: of what another
 * user owns it may do what everybody may. Said once for a grant, however many files it is, and not where that is enough. Without mounts it is that
 * user by the host's own ids, and what is closed to it is looked at (hold.c).
 */
static int warn_owner(struct ward_resolver *rs, const struct ward_cap *cap,
	const struct ward_target *t, int rule, struct ward_error *err)
{
	if (rs->host->uid != 0 || !rs->host->userns || t->st.st_uid == 0 ||
		rs->owner_warned == rule + 1)
		return WARD_OK;
	if (cap->type == WARD_CAP_FILE_READ && S_ISREG(t->st.st_mode) && (t->st.st_mode & S_IROTH))
		return WARD_OK;
	rs->owner_warned = rule + 1;
	return ward_rs_warn(rs, err,
		"%s is owned by uid %u: the command, which is not that user, may do there what everybody may; "
		"run ward as that user, or chown -R root",
		ward_rs_show(rs, t->path), (unsigned)t->st.st_uid);
}

static int fail_outside(struct ward_resolver *rs, const struct ward_cap *cap, const char *within,
	const struct ward_target *t, struct ward_error *err)
{
	char option[WARD_PASTE_MAX + 16];

	(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err, "leads out of %s, to %s",
		ward_streq(within, rs->workspace) ? "the workspace" : ward_rs_show(rs, within),
		ward_rs_show(rs, t->path));
	ward_fail_fix(err, "if that is meant, name it: %s",
		option_for(option, cap, t->path,
			!S_ISDIR(t->st.st_mode)          ? ""
				: ward_cap_is_alone(cap) ? "/."
							 : "/**"));
	return WARD_E_CAPABILITY;
}

int ward_rs_show_target(struct ward_resolver *rs, const struct ward_cap *cap,
	const struct ward_target *t, const char *within, int rule, struct ward_error *err)
{
	struct ward_node n = ward_rs_bind(rs, t, rule);
	int r;

	if (within && !ward_path_within(t->path, within))
		return fail_outside(rs, cap, within, t, err);
	r = ward_rs_check_target(rs, cap, t, err);
	if (r == WARD_OK)
		r = ward_rs_links(rs, t, rule, err);
	if (r == WARD_OK)
		r = warn_owner(rs, cap, t, rule, err);
	if (r < 0)
		return r;
	n.write = cap->type == WARD_CAP_FILE_WRITE;
	return ward_rs_node(rs, &n, err);
}

static int fail_directory(struct ward_resolver *rs, const struct ward_cap *cap,
	struct ward_error *err)
{
	char text[WARD_PATH_MAX + 64], word[WARD_PASTE_MAX];
	bool root = ward_streq(cap->resource, ".");

	(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
		"is a directory, and a pattern without /** names it alone");
	(void)snprintf(text, sizeof(text), "%s:%s%s", ward_cap_type_name(cap->type),
		root ? "" : cap->resource, root ? "**" : "/**");
	ward_fail_fix(err, "write %s", ward_paste(word, text, "TYPE:DIRECTORY/**"));
	return WARD_E_CAPABILITY;
}

/* One name: --read, --write, a pattern without wildcards, or (subtree) P of P/ **. */
static int grant_name(struct ward_resolver *rs, const struct ward_cap *cap, const char *base,
	const char *name, bool subtree, struct ward_error *err)
{
	const char *path = ward_rs_absolute(rs, base, name);
	struct ward_target t;
	struct ward_rule rule = { .type = cap->type, .origin = cap->origin, .literal = true };
	int r = ward_rs_target(rs, path, &t);
	bool is_dir;

	if (r == -ENAMETOOLONG || !path) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
			"is a path of over %d bytes", WARD_PATH_MAX - 1);
		ward_fail_fix(err, "grant a directory above it");
		return WARD_E_CAPABILITY;
	}
	if (r < 0)
		return fail_missing(rs, cap, path, -r, err);
	is_dir = S_ISDIR(t.st.st_mode);
	if (is_dir && !subtree && !cap->literal)
		return fail_directory(rs, cap, err);
	rule.pattern = t.path;
	rule.subtree = is_dir;
	rule.text = ward_rs_rule_text(rs, cap);
	r = ward_rs_rule(rs, &rule, err);
	if (r < 0)
		return r;
	return ward_rs_show_target(rs, cap, &t, name[0] == '/' ? NULL : rs->workspace, r, err);
}

/* Its own node, which shows the way to what else is granted in it; what lies there is not. */
int ward_rs_alone(struct ward_resolver *rs, const struct ward_target *t, int rule,
	struct ward_error *err)
{
	struct ward_node n = {
		.kind = WARD_NODE_DIR, .dest = t->path, .is_dir = true, .rule = rule
	};
	int r = ward_rs_links(rs, t, rule, err);

	return r < 0 ? r : ward_rs_node(rs, &n, err);
}

/* "DIRECTORY/.": it can be looked at. */
static int grant_alone(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	const char *path = ward_rs_absolute(rs, rs->workspace, cap->resource);
	struct ward_rule rule = { .type = cap->type, .origin = cap->origin, .literal = true };
	struct ward_target t;
	int r = path ? ward_rs_target(rs, path, &t) : -ENAMETOOLONG;

	if (r < 0)
		return fail_missing(rs, cap, path ? path : cap->resource, -r, err);
	if (!S_ISDIR(t.st.st_mode)) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err, "is no directory");
		ward_fail_fix(err, "write the file's name alone");
		return WARD_E_CAPABILITY;
	}
	if (cap->resource[0] != '/' && !ward_path_within(t.path, rs->workspace))
		return fail_outside(rs, cap, rs->workspace, &t, err);
	r = ward_rs_check_target(rs, cap, &t, err);
	if (r < 0)
		return r;
	rule.pattern = t.path;
	rule.text = ward_rs_rule_text(rs, cap);
	r = ward_rs_rule(rs, &rule, err);
	return r < 0 ? r : ward_rs_alone(rs, &t, r, err);
}

static int grant_glob(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	struct ward_rule rule = { .type = cap->type, .origin = cap->origin };
	bool relative = cap->resource[0] != '/';
	int r;

	if (relative && ward_glob_is_pattern(rs->workspace)) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err,
			"cannot be anchored: the path of the workspace itself holds * or ?");
		ward_fail_fix(err, "use --read or --write, in which no character is special");
		return WARD_E_CAPABILITY;
	}
	rule.pattern = ward_rs_absolute(rs, rs->workspace, cap->resource);
	if (relative && ward_has_prefix(cap->resource, "./"))
		rule.pattern = ward_rs_absolute(rs, rs->workspace, cap->resource + 2);
	rule.text = ward_rs_rule_text(rs, cap);
	r = ward_rs_rule(rs, &rule, err);
	if (r < 0)
		return r;
	return ward_rs_glob(rs, cap, relative ? rs->workspace : NULL, rule.pattern, r, err);
}

static int grant(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	char dir[WARD_PATH_MAX];

	if (cap->literal)
		return grant_name(rs, cap, rs->cwd, cap->resource, true, err);
	if (ward_cap_is_alone(cap))
		return grant_alone(rs, cap, err);
	if (!ward_glob_is_pattern(cap->resource))
		return grant_name(rs, cap, rs->workspace, cap->resource, false, err);
	if (ward_glob_is_subtree(cap->resource, dir, sizeof(dir)))
		return grant_name(rs, cap, rs->workspace, dir[0] ? dir : ".", true, err);
	return grant_glob(rs, cap, err);
}

int ward_rs_grants(struct ward_resolver *rs, struct ward_error *err)
{
	for (size_t i = 0; i < rs->caps.n; i++) {
		const struct ward_cap *cap = &rs->caps.v[i];
		int r;

		if (cap->type != WARD_CAP_FILE_READ && cap->type != WARD_CAP_FILE_WRITE)
			continue;
		r = grant(rs, cap, err);
		if (r < 0)
			return r;
	}
	return WARD_OK;
}
