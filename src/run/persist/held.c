/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One name that runs code later becomes a mount that is only read, with what is granted in it. What cannot be held so (a link, a name among
 * many, a second name of a file) is a warning, and the end looks at it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "os/os.h"
#include "run/persist/holding.h"
#include "run/review/place.h"

#define WARNED_MAX 16 /* names that warnings show */
/* What is found on the way leaves that much to git, and everything that much to the steps that come. */
#define NAMES_FOR_GIT 256
#define MOUNTS_FOR_GIT 1024
#define MOUNTS_SPARE 256

/* Of what is granted below it only what was named stays as it was. */
static int below(struct holding *x, const char *path)
{
	struct ward_resolver *rs = x->rs;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < rs->n_nodes; i++) {
		struct ward_node *n = &rs->nodes[i];
		bool named = false;

		if (n->kind != WARD_NODE_BIND || !n->write || n->base ||
			!ward_path_within(n->dest, path) || ward_streq(n->dest, path))
			continue;
		if (!n->hold)
			r = ward_meant(rs, &x->named, n->dest, &named, x->err);
		n->write = named;
		n->fixed = true;
	}
	return r;
}

static int make_read_only(struct holding *x, const struct ward_target *t,
	const struct ward_node *shown, const char *why)
{
	struct ward_node n = ward_rs_bind(x->rs, t, -1);
	bool there = false;
	int r = below(x, t->path);

	for (size_t i = 0; i < x->rs->n_nodes; i++) {
		struct ward_node *one = &x->rs->nodes[i];

		if (one->kind != WARD_NODE_BIND || one->base || !ward_streq(one->dest, t->path))
			continue;
		one->write = one->hold = false;
		one->fixed = there = true;
		one->later = why;
	}
	if (r < 0 || there)
		return r;
	n.exec = shown->exec;
	n.noexec = shown->noexec;
	n.fixed = true;
	n.later = why;
	return ward_rs_node(x->rs, &n, x->err);
}

bool ward_holding_is_among(const struct ward_texts *t, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++) {
		if (ward_streq(t->v[i], path))
			return true;
	}
	return false;
}

/*
 * Is there room in the view for it, and for each directory above it? A start that was refused, because a former run had left many
 * names, would be one that the run had prevented; and what is left to git is not for anybody to fill.
 */
static int room(struct holding *x, const char *path, bool *ret)
{
	size_t names = WARD_PERSIST_NAMES_MAX - (x->walking ? NAMES_FOR_GIT : 0);
	size_t mounts = WARD_MOUNTS_MAX - MOUNTS_SPARE - (x->walking ? MOUNTS_FOR_GIT : 0);
	size_t old = x->above.n, root = 0;
	char dir[WARD_PATH_MAX], *slash;
	int r = WARD_OK;

	*ret = false;
	if (x->full[x->walking] || (size_t)snprintf(dir, sizeof(dir), "%s", path) >= sizeof(dir))
		return WARD_OK;
	for (size_t i = 0; i < x->roots.n; i++) {
		if (ward_path_within(path, x->roots.v[i]))
			root = strlen(x->roots.v[i]);
	}
	while (r == WARD_OK && (slash = strrchr(dir, '/')) && slash > dir + root) {
		*slash = '\0';
		if (ward_holding_is_among(&x->above, x->above.n, dir))
			break; /* those above it are there, too */
		r = ward_rs_text(x->rs, &x->above, ward_arena_strdup(x->rs->arena, dir), x->err);
	}
	*ret = x->held < names && x->rs->n_nodes + x->above.n < mounts;
	if (!*ret) {
		x->full[x->walking] = true;
		x->above.n = old;
	}
	return r;
}

static int warn_of(struct holding *x, const char *path, const char *why, const char *because)
{
	if (x->warned++ >= WARNED_MAX) {
		x->unwarned++;
		return WARD_OK;
	}
	return ward_rs_warn(x->rs, x->err, "%s is not held, though %s: %s",
		ward_rs_show(x->rs, path), why, because);
}

int ward_holding_cannot(struct holding *x, const char *path, const char *why, const char *because)
{
	int r = ward_holding_know(x, path, why, false, false);

	return r < 0 ? r : warn_of(x, path, why, because);
}

/* Somebody may write a file by another name of it, if that is within reach. */
static bool has_second_name(const struct holding *x, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_nlink > 1 &&
		(st->st_uid == x->rs->host->uid || (st->st_mode & (S_IWGRP | S_IWOTH)));
}

/* Ward's own is held whatever is granted: resolve.c. */
static bool is_own(const struct holding *x, const char *path)
{
	size_t n = strlen(x->rs->workspace);

	return ward_path_within(path, x->rs->workspace) && ward_streq(path + n, "/.ward");
}

/* ---- what lies in a directory that is held ---- */

bool ward_holding_is_written(const struct holding *x, const char *path)
{
	const struct ward_node *shown = ward_rs_shown_by(x->rs, path);

	return shown && shown->write && !shown->protect;
}

struct looking_in {
	struct holding *x;
	const char *why;
};

/* The link stays what it is, what it leads to may not. A directory is not held for it: a link may lead to anything. */
static int link_in(struct holding *x, const char *path, const char *why)
{
	struct ward_target t;
	int r = WARD_OK;

	/* What it would lead to may be made: by the command, if that is in what it writes; what others make is theirs. */
	if (ward_rs_target(x->rs, path, &t) < 0) {
		const char *would_be = ward_rs_would_be(x->rs, path);

		return would_be && !ward_holding_is_written(x, would_be)
			? WARD_OK
			: ward_holding_ask_later(x, path, why);
	}
	if (!ward_holding_is_written(x, t.path))
		return WARD_OK;
	if (S_ISREG(t.st.st_mode))
		r = ward_holding_hold(x, t.path, why);
	if (r < 0 || !ward_holding_is_written(x, t.path))
		return r;
	r = ward_holding_ask_later(x, path, why);
	return r < 0 ? r : warn_of(x, path, why, "it is a link to what may be written");
}

static int inside(void *arg, const char *path, enum ward_entry type, bool *ret_enter)
{
	const struct looking_in *in = arg;
	struct holding *x = in->x;
	struct stat st;
	int r;

	if (++x->inside > WARD_PERSIST_INSIDE_MAX)
		return WARD_E_LIMIT;
	*ret_enter = type == WARD_ENTRY_DIR;
	if (type == WARD_ENTRY_LINK)
		return link_in(x, path, in->why);
	if (type == WARD_ENTRY_DIR || ward_rs_lstat(x->rs, path, &st) < 0 ||
		!has_second_name(x, &st))
		return WARD_OK;
	r = ward_holding_ask_later(x, path, in->why);
	return r < 0
		? r
		: warn_of(x, path, in->why, "it has a second name, and is written by that, too");
}

static bool top_enough(void *arg, unsigned above)
{
	(void)arg;
	(void)above;
	return true;
}

/* Hundreds of them would use up what there is for names: programs and their manuals are no more than what lies beside them. */
static bool is_of_links(const char *dir)
{
	const struct ward_persist_name *row =
		ward_persist_match(dir, ward_path_basename(dir), WARD_AS_DIR, top_enough, NULL);

	return row && row->links;
}

/* Hooks of git's are looked at with what else it obeys. */
int ward_holding_look_in(struct holding *x, const char *dir, const char *why)
{
	struct looking_in in = { x, why };
	struct ward_walk w = { .rs = x->rs, .entry = inside, .arg = &in, .err = x->err };
	int r;

	if (ward_streq(why, WARD_GIT_WHY) || ward_has_suffix(dir, "/.git/hooks") ||
		is_of_links(dir))
		return WARD_OK;
	if (x->inside > WARD_PERSIST_INSIDE_MAX)
		return WARD_OK;
	r = ward_rs_walk(&w, dir);
	if (x->inside <= WARD_PERSIST_INSIDE_MAX)
		return r;
	x->inside_cut = true;
	return WARD_OK;
}

/* ---- one name ---- */

/* A link to nothing that is there, or may be looked at. */
static int hold_nothing(struct holding *x, const char *path, const char *why)
{
	bool named = false;
	struct stat st;
	int r;

	if (ward_rs_lstat(x->rs, path, &st) < 0 || !S_ISLNK(st.st_mode) ||
		!ward_holding_is_written(x, path))
		return WARD_OK;
	r = ward_meant(x->rs, &x->named, path, &named, x->err);
	if (r < 0 || named)
		return r < 0 ? r : ward_holding_know(x, path, why, false, false);
	return ward_holding_cannot(x, path, why,
		"it is a link to nothing, and what it leads to could be made");
}

/* A directory of git's is guarded as one, and a link may lead to what it lies in. */
static bool leads_to_too_much(const char *path, const struct ward_target *t)
{
	return S_ISDIR(t->st.st_mode) &&
		(strcasecmp(ward_path_basename(path), ".git") == 0 ||
			ward_path_within(path, t->path));
}

/*
 * Root's run enters no directory of another user that is not everybody's, and nothing can be mounted in one: the outermost of those that path
 * lies in, or path. That one is held, so that it stays so if its owner opens it meanwhile.
 */
static const char *within_reach(struct holding *x, const struct ward_node *shown, const char *path)
{
	char dir[WARD_PATH_MAX];
	size_t n = strlen(shown->dest);
	struct stat st;

	if (x->rs->host->uid != 0 || !x->rs->host->userns || n >= strlen(path))
		return path;
	while ((n += 1 + strcspn(path + n + 1, "/")) < strlen(path)) {
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)n, path);
		if (ward_rs_lstat(x->rs, dir, &st) == 0 && st.st_uid != 0 &&
			!(st.st_mode & (st.st_gid == 0 ? S_IXGRP : S_IXOTH)))
			return ward_arena_strdup(x->rs->arena, dir);
	}
	return path;
}

/* path, by all of the directory that only its owner enters. */
static int hold_closed(struct holding *x, const char *path, const char *reach, const char *why)
{
	int r = ward_holding_know(x, path, why, true, false);

	r = r < 0 ? r : ward_holding_hold(x, reach, why);
	for (size_t i = 0; r == WARD_OK && i < x->rs->n_nodes; i++) {
		struct ward_node *n = &x->rs->nodes[i];

		if (n->kind == WARD_NODE_BIND && !n->base && n->later && ward_streq(n->dest, reach))
			n->later = WARD_CLOSED_WHY;
	}
	return r;
}

/* path: real, or a link itself. */
int ward_holding_hold(struct holding *x, const char *path, const char *why)
{
	const struct ward_node *shown;
	const char *reach;
	struct ward_target t;
	bool named = false, free = false;
	int r;

	/* What is under review is not held: it is asked about before it becomes real. */
	if (ward_rs_reviewed(x->rs, path))
		return WARD_OK;
	if (is_own(x, path))
		return ward_holding_know(x, path, why, true, false);
	if (ward_rs_target(x->rs, path, &t) < 0)
		return hold_nothing(x, path, why);
	shown = ward_rs_shown_by(x->rs, path);
	/* Found by name, and once more on the way. */
	if (shown && shown->later && ward_streq(shown->dest, path))
		return WARD_OK;
	if (!shown || !shown->write || shown->protect)
		return ward_holding_know(x, path, why, true, false);
	r = ward_meant(x->rs, &x->named, path, &named, x->err);
	if (r < 0 || named)
		return r < 0 ? r : ward_holding_know(x, path, why, false, false);
	if (!ward_streq(t.path, path)) {
		r = ward_holding_cannot(x, path, why, "it is a link, which could be replaced");
		return r < 0 || leads_to_too_much(path, &t) || !ward_rs_visible(x->rs, t.path)
			? r
			: ward_holding_hold(x, t.path, why);
	}
	if (!S_ISREG(t.st.st_mode) && !S_ISDIR(t.st.st_mode) && !S_ISFIFO(t.st.st_mode))
		return ward_holding_know(x, path, why, false, false);
	reach = within_reach(x, shown, path);
	if (!reach)
		return ward_rs_nomem(x->err);
	if (reach != path)
		return hold_closed(x, path, reach, why);
	r = room(x, path, &free);
	if (r < 0)
		return r;
	if (!x->rs->host->userns || !free) {
		x->unheld++;
		return ward_holding_know(x, path, why, false, false);
	}
	x->held++;
	if (has_second_name(x, &t.st))
		r = ward_holding_cannot(x, path, why,
			"it has a second name, and is written by that, too");
	else if (ward_rs_has_other_names(x->rs, path))
		r = ward_holding_cannot(x, path, why,
			"its file system takes no heed of case, and it is written by another spelling, too");
	else
		r = ward_holding_know(x, path, why, true, false);
	if (r == WARD_OK)
		r = make_read_only(x, &t, shown, why);
	if (r < 0 || !S_ISDIR(t.st.st_mode))
		return r;
	if (x->n_looks == x->looks_max)
		return ward_holding_look_in(x, path, why);
	x->looks[x->n_looks++] = (struct ward_holding_look){ path, why };
	return WARD_OK;
}
