/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a layer's changes would run code later for its user, or leads out of the tree. The names are those of data/persist and what git
 * obeys, as before a start (run/persist); but nothing is held here, so that what is not there yet, a rename and a mode count as well. Git's
 * directories are known by what they hold, before and after; what the project's own links and git's configuration lead to counts as the
 * name itself does.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "os/os.h"
#include "run/review/marks.h"

#define REACHED_MAX 256
#define LED_MAX 8192 /* names that the project's own links and configurations lead to */

#define INCLUDES_MAX 10 /* as deep as git follows them */
#define NAMED_BYTES_MAX \
	(4u << 20) /* of all files of the layer that are looked through for what they name */

static const char by_gitfile[] = "git runs what the directory says that it leads to";
static const char moved_whole[] =
	"a directory was moved with all that lies in it, which nobody looked at";
static const char by_configuration[] =
	"a file that is obeyed names it, or a link of such a name leads to it";
static const char other_name[] = "it is one file with a name that is obeyed";
static const char not_seen[] =
	"whether it has another name, which is obeyed, could not be looked at";
static const char set_id[] = "it runs as its owner or group, whoever starts it";
static const char capable[] = "it has capabilities, whoever starts it";
static const char in_place_of[] =
	"a link in the place of a directory in which names are obeyed: what it leads to is obeyed by them";
static const char wards_own[] = "a commit keeps there what it makes real";
static const char into_passed[] =
	"a link into a directory of others' code, where names that are obeyed are not asked about";
static const char taken_for[] =
	"some file systems, and people, take its name for one that is obeyed: it differs in characters that nobody sees, or in case";
static const char leads_out[] = "a link that leads out of the tree, or whose way cannot be told";

struct inode {
	uint64_t dev, ino;
};

struct ward_guard {
	struct ward_resolver *rs;
	int layer;
	struct ward_git_marks marks;
	struct ward_texts led; /* absolute, sorted */
	struct ward_texts
		reached; /* absolute: of directories that are passed over, what the project's links lead to */
	struct inode *named; /* what has a second name */
	size_t n_named, cap_named;
	const char *unsure;
	const struct ward_persist_name *row; /* by which by_name() answered last; NULL: git's */
	struct ward_named named_of;
	size_t held_budget, asks_budget;
	unsigned depth; /* of files that name files */
	char path[WARD_PATH_MAX]; /* the workspace, a slash, and what is looked at */
	size_t n_root; /* bytes of it that are the workspace and the slash */
	struct ward_error *err;
};

const char *ward_guard_unsure(const struct ward_guard *g)
{
	return g->unsure;
}

const struct ward_git_marks *ward_guard_marks(const struct ward_guard *g)
{
	return &g->marks;
}

/* ---- a path, component by component ---- */

struct look_at {
	bool dir; /* it is a directory, or may be taken for one */
	bool file; /* the same of anything else */
	bool plain; /* and nothing else */
	bool goes;
};

struct way {
	const struct ward_guard *g;
	const char *path; /* below the root */
	size_t dir; /* bytes of it that are the directory of the component that is looked at */
};

/* Where build servers look: in the workspace, and beside a .git. */
static bool is_top(void *arg, unsigned above)
{
	const struct way *w = arg;
	size_t n = w->dir;

	for (; above > 0; above--) {
		if (n == 0)
			return false; /* above the workspace, which this is not about */
		while (n > 0 && w->path[n - 1] != '/')
			n--;
		n -= n > 0;
	}
	return n == 0 || ward_git_marks_beside(&w->g->marks, w->path, n);
}

/* What is only told of, or asked about for what it says, runs nothing once it is gone. */
static const char *row_of(struct ward_guard *g, const char *path, size_t dir, const char *name,
	const struct look_at *at, bool last, bool passed)
{
	struct way w = { g, path, dir };
	const struct ward_persist_name *row;

	if (!ward_persist_may(name))
		return NULL;
	row = ward_persist_match(g->path, name,
		last ? (at->dir ? WARD_AS_DIR : 0) | (at->file ? WARD_AS_FILE : 0) : WARD_AS_DIR,
		is_top, &w);
	if (!row || (passed && ward_persist_passes(row)) ||
		(at->goes && row->kind >= WARD_PERSIST_TOLD))
		return NULL;
	g->row = row;
	return row->why;
}

static bool is_passed(const char *path)
{
	char name[WARD_PATH_MAX];

	for (size_t n; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		memcpy(name, path, n);
		name[n] = '\0';
		if (ward_persist_passed(name))
			return true;
	}
	return false;
}

static bool is_reached(const struct ward_guard *g, const char *path)
{
	char whole[WARD_PATH_MAX];

	if (g->reached.n == 0)
		return false;
	if ((size_t)snprintf(whole, sizeof(whole), "%.*s%s", (int)g->n_root, g->path, path) >=
		sizeof(whole))
		return true;
	for (size_t i = 0; i < g->reached.n; i++) {
		if (ward_path_within(whole, g->reached.v[i]))
			return true;
	}
	return false;
}

static const char *by_very_name(struct ward_guard *g, const char *path, const struct look_at *what)
{
	bool passed = false, looked_at = is_reached(g, path);
	size_t n;

	g->row = NULL;
	if (g->n_root + strlen(path) >= sizeof(g->path))
		return "its name is too long to be looked at";
	if (strncasecmp(path, ".ward-commit-", 13) == 0 ||
		strncasecmp(path, ".ward-kept-", 11) == 0)
		return wards_own;
	memcpy(g->path + g->n_root, path, strlen(path) + 1);
	for (size_t at = 0;; at += n + 1) {
		char *name = g->path + g->n_root + at, *end;
		size_t dir = at > 0 ? at - 1 : 0;
		const char *why;
		bool last;

		n = strcspn(name, "/");
		last = !name[n];
		end = name + n;
		*end = '\0';
		why = ward_git_marks_name(&g->marks, path, dir, name);
		if (!why)
			why = row_of(g, path, dir, name, what, last, passed);
		if (!why && last && what->dir)
			why = ward_git_marks_dir(&g->marks, path, at + n);
		if (!why && last && !what->plain && strcasecmp(name, ".git") == 0)
			why = by_gitfile;
		if (why || last)
			return why;
		passed = passed || (!looked_at && ward_persist_passed(name));
		*end = '/';
	}
}

/* Why path is asked about, by its name, or by what some file systems take that for. */
static const char *by_name(struct ward_guard *g, const char *path, const struct look_at *what)
{
	char folded[WARD_PATH_MAX];
	const char *why = by_very_name(g, path, what);

	return !why && ward_persist_folds(path, folded) && by_very_name(g, folded, what) ? taken_for
											 : why;
}

/* ---- what links and configurations lead to ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_led(const struct ward_guard *g, const char *path)
{
	return g->led.n > 0 && bsearch(&path, g->led.v, g->led.n, sizeof(*g->led.v), by_text);
}

/* The first of them that lies below path. */
static bool leads_below(const struct ward_guard *g, const char *path)
{
	size_t low = 0, high = g->led.n, n = strlen(path);

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = strncmp(g->led.v[mid], path, n);

		if (r == 0)
			r = (unsigned char)g->led.v[mid][n] < '/' ? -1 : 1;
		if (r < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < g->led.n && strncmp(g->led.v[low], path, n) == 0 && g->led.v[low][n] == '/';
}

/* shifts: what lies below it is elsewhere, or another, than it was. */
static const char *by_way(struct ward_guard *g, const char *path, bool shifts)
{
	size_t n = g->n_root + strlen(path);

	if (g->led.n == 0 || n >= sizeof(g->path))
		return NULL;
	memcpy(g->path + g->n_root, path, strlen(path) + 1);
	if (shifts && leads_below(g, g->path))
		return by_configuration;
	for (;;) {
		char *slash;

		if (is_led(g, g->path))
			return by_configuration;
		slash = strrchr(g->path, '/');
		if (slash <= g->path + g->n_root - 1)
			return NULL;
		*slash = '\0';
	}
}

static int lead(struct ward_guard *g, const char *given)
{
	char path[WARD_PATH_MAX];

	if (!given || ward_path_normalize(given, path, sizeof(path)) < 0 ||
		!ward_path_within(path, g->rs->workspace) || ward_streq(path, g->rs->workspace))
		return WARD_OK;
	if (g->led.n >= LED_MAX) {
		g->unsure = "more names are obeyed than are looked for";
		return WARD_OK;
	}
	given = ward_arena_strdup(g->rs->arena, path);
	return given ? ward_rs_push(g->rs, &g->led, given, g->err) : ward_rs_nomem(g->err);
}

static int lead_all(struct ward_guard *g, const struct ward_texts *t)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < t->n; i++)
		r = lead(g, t->v[i]);
	return r;
}

/* A link of such a name: each link on its way counts, and where it ends, there or not. */
static int led_by(struct ward_guard *g, const char *path)
{
	struct ward_target *t = ward_arena_alloc(g->rs->arena, sizeof(*t));
	int r = WARD_OK;

	if (!t)
		return ward_rs_nomem(g->err);
	if (ward_rs_target(g->rs, path, t) == 0)
		r = lead(g, t->path);
	else
		r = lead(g, ward_rs_would_be(g->rs, path));
	for (size_t i = 0; r == WARD_OK && i < t->n_links; i++)
		r = lead(g, t->links[i].at);
	return r;
}

static int has_names(struct ward_guard *g, const struct ward_hit *h)
{
	struct stat st;

	if (h->type != DT_REG || fstatat(h->dir, h->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		st.st_nlink < 2)
		return WARD_OK;
	if (g->n_named == g->cap_named) {
		size_t cap = g->cap_named ? 2 * g->cap_named : 16;
		struct inode *v = ward_arena_alloc(g->rs->arena, cap * sizeof(*v));

		if (!v)
			return ward_rs_nomem(g->err);
		if (g->n_named > 0)
			memcpy(v, g->named, g->n_named * sizeof(*v));
		g->named = v;
		g->cap_named = cap;
	}
	g->named[g->n_named++] = (struct inode){ st.st_dev, st.st_ino };
	return WARD_OK;
}

static int repository(struct ward_guard *g, const char *path)
{
	struct ward_git git = { 0 };
	const char *dir = ward_arena_strdup(g->rs->arena, path);
	size_t n = strlen(path);
	int r;

	if (!dir)
		return ward_rs_nomem(g->err);
	if (ward_has_suffix(dir, "/.git"))
		git.top = ward_arena_dup(g->rs->arena, dir, n - strlen("/.git"));
	r = ward_git_guard_found(g->rs, &git, dir, ward_git_common(g->rs, dir), g->err);
	if (r == WARD_OK)
		r = lead_all(g, &git.guarded);
	if (r == WARD_OK)
		r = lead_all(g, &git.absent);
	return r == WARD_OK ? lead_all(g, &git.links) : r;
}

static int link_of(struct ward_guard *g, const char *given)
{
	const char *path = ward_arena_strdup(g->rs->arena, given);

	return path ? led_by(g, path) : ward_rs_nomem(g->err);
}

/* By such a link what lies in there is at an ordinary place, and its names are obeyed. */
static int reach(struct ward_guard *g, const char *path)
{
	struct ward_target t;
	const char *to;

	if (!ward_path_within(path, g->rs->workspace) || is_passed(path + g->n_root) ||
		ward_rs_target(g->rs, path, &t) < 0 ||
		!ward_path_within(t.path, g->rs->workspace) || strlen(t.path) < g->n_root ||
		!is_passed(t.path + g->n_root))
		return WARD_OK;
	if (g->reached.n >= REACHED_MAX) {
		g->unsure = "more links lead into directories of others' code than are looked at";
		return WARD_OK;
	}
	to = ward_arena_strdup(g->rs->arena, t.path);
	return to ? ward_rs_push(g->rs, &g->reached, to, g->err) : ward_rs_nomem(g->err);
}

/* One is named: who opens it is told of the next. */
static int hidden(struct ward_guard *g, const char *path)
{
	const char *text = ward_arena_printf(g->rs->arena,
		"the project has a directory that cannot be looked into: %s",
		ward_rs_show(g->rs, path));

	if (!text)
		return ward_rs_nomem(g->err);
	g->unsure = text;
	return WARD_OK;
}

static int hit(void *arg, const struct ward_hit *h, bool *ret_enter)
{
	struct ward_guard *g = arg;
	int r = h->type == DT_LNK ? reach(g, h->path) : WARD_OK;

	if (r < 0)
		return r;

	(void)ret_enter;
	if (h->kind == WARD_HIT_HIDDEN) {
		r = hidden(g, h->path);
	} else if (h->kind == WARD_HIT_GIT) {
		r = repository(g, h->path);
	} else if (h->kind == WARD_HIT_OTHER) {
		if (h->type == DT_LNK && ward_persist_leads(h->path))
			r = link_of(g, h->path);
	} else if (h->type == DT_LNK) {
		r = link_of(g, h->path);
	} else {
		r = has_names(g, h);
	}
	return r;
}

/* What the project has, which the run could not change. */
static int look(struct ward_guard *g)
{
	struct ward_hunt h = {
		.hit = hit, .arg = g, .workspace = g->rs->workspace, .all = true, .err = g->err
	};
	struct ward_git git = { 0 };
	int r = ward_rs_git(g->rs, &git, g->err);

	if (r == WARD_OK)
		r = lead_all(g, &git.guarded);
	if (r == WARD_OK)
		r = lead_all(g, &git.absent);
	if (r == WARD_OK)
		r = lead_all(g, &git.links);
	if (r < 0)
		return r;
	ward_hunt_init(&h);
	r = ward_hunt(&h, g->rs->workspace);
	if (r == WARD_OK && !g->unsure && h.cut)
		g->unsure =
			"the project is too large or too deep to be looked through for what links and git's "
			"configurations have obeyed";
	return r;
}

/* ---- what is dangerous by what it is ---- */

/* Lexically: below the root, or as an absolute link says. By what will be made, and not by what the layer says by now. */
static bool target_of(const struct ward_guard *g, const struct ward_change *c,
	char whole[WARD_PATH_MAX])
{
	char dir[WARD_PATH_MAX];
	size_t n = (size_t)(ward_path_basename(c->path) - c->path);

	if (!c->target || g->n_root + n >= sizeof(dir))
		return false;
	memcpy(dir, g->path, g->n_root);
	memcpy(dir + g->n_root, c->path, n);
	dir[g->n_root + n] = '\0';
	return ward_path_join(dir, c->target, whole, WARD_PATH_MAX) == WARD_OK;
}

/*
 * A link that stays in the tree is another name of what it leads to: whoever writes by it writes that, and what lies in a directory whose
 * names nobody looks at gets names that are obeyed.
 */
static const char *by_target(struct ward_guard *g, const struct ward_change *c)
{
	const char *path = c->path;
	const struct look_at any = { .dir = true, .file = true };
	char whole[WARD_PATH_MAX];
	const char *why, *rest = whole + g->n_root;

	if (ward_persist_leads(path) && !is_passed(path))
		return in_place_of;
	if (!target_of(g, c, whole))
		return leads_out;
	if (!ward_path_within(whole, g->rs->workspace) || ward_streq(whole, g->rs->workspace))
		return NULL; /* the tree itself */
	why = by_name(g, rest, &any);
	if (!why)
		why = by_way(g, rest, true);
	return why ? why : is_passed(rest) && !is_passed(path) ? into_passed : NULL;
}

static bool is_new_link(const struct ward_change *c)
{
	return S_ISLNK(c->mode) && (c->content || c->kind != WARD_CHANGE_MODIFIED);
}

static const char *by_kind(const struct ward_guard *g, const struct ward_change *c)
{
	/* A directory's set-group-ID bit says whose its new files are; it is asked about where it is new. */
	if ((c->mode & (S_ISUID | S_ISGID)) &&
		(S_ISREG(c->mode) ||
			(S_ISDIR(c->mode) && (c->was_mode & S_ISGID) == 0 &&
				c->kind != WARD_CHANGE_ADDED)))
		return set_id;
	if (is_new_link(c) && !(c->target && ward_link_stays(g->rs->workspace, c->path, c->target)))
		return leads_out;
	if (S_ISREG(c->mode) && c->xattrs && ward_file_is_capable(g->layer, c->path))
		return capable;
	return NULL;
}

/* What a link of the same layer leads to is obeyed once both are real. */
static int links_of(struct ward_guard *g, const struct ward_changes *all)
{
	const struct look_at any = { .dir = true, .file = true };
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < all->n; i++) {
		const struct ward_change *c = &all->v[i];
		char whole[WARD_PATH_MAX];

		if (is_new_link(c) && (ward_persist_leads(c->path) || by_name(g, c->path, &any)) &&
			target_of(g, c, whole))
			r = lead(g, whole);
	}
	return r;
}

/* ---- what a file of the same layer names ---- */

static bool has_new_text(const struct ward_change *c)
{
	return S_ISREG(c->mode) && (c->content || c->kind != WARD_CHANGE_MODIFIED);
}

static int lead_named(void *arg, const char *path, const struct ward_change *c);

static int names_in(struct ward_guard *g, const struct ward_change *c, enum ward_named_as as)
{
	int r;

	g->named_of.as = as;
	g->depth++;
	r = ward_named_each(&g->named_of, c, &g->held_budget, lead_named, g);
	g->depth--;
	if (r == WARD_E_LIMIT) {
		g->unsure =
			"a file that is obeyed is too large to be looked through for what it names";
		r = WARD_OK;
	}
	return r;
}

static int lead_named(void *arg, const char *path, const struct ward_change *c)
{
	struct ward_guard *g = arg;
	char whole[WARD_PATH_MAX];
	struct ward_named was = g->named_of;
	int r;

	if (g->depth > INCLUDES_MAX) {
		g->unsure = "files that are obeyed name each other deeper than is looked";
		return WARD_OK;
	}

	if ((size_t)snprintf(whole, sizeof(whole), "%.*s%s", (int)g->n_root, g->path, path) >=
		sizeof(whole))
		return WARD_OK;
	r = lead(g, whole);
	/* What a configuration includes is one; of what is run a second step, for words lead on to everything. Each costs of what may be read. */
	if (r == WARD_OK &&
		(was.as == WARD_NAMED_GIT || (was.as == WARD_NAMED_WORDS && g->depth < 2)) && c &&
		has_new_text(c))
		r = names_in(g, c, was.as);
	g->named_of = was;
	return r;
}

static int names_of(struct ward_guard *g, const struct ward_changes *all)
{
	const struct look_at file = { .file = true };
	int r = WARD_OK;
	bool found = false;

	for (size_t i = 0; r == WARD_OK && i < all->n; i++) {
		const struct ward_change *c = &all->v[i];
		const char *why = has_new_text(c) ? by_name(g, c->path, &file) : NULL;
		enum ward_named_as as;

		if (!why ||
			(!ward_named_by(g->row, c->path, &as) &&
				!(!g->row && why == ward_by_git && ward_named_is_hook(c->path))))
			continue;
		if (!found)
			r = ward_named_prepare(g->rs->arena, &g->named_of, &g->unsure, g->err);
		found = true;
		if (r == WARD_OK)
			r = names_in(g, c, as);
	}
	return r;
}

int ward_guard_new(struct ward_resolver *rs, const struct ward_changes *all, int layer, int root,
	bool lives, struct ward_guard **ret, struct ward_error *err)
{
	struct ward_guard *g = ward_arena_alloc(rs->arena, sizeof(*g));
	int n, r;

	*ret = NULL;
	if (!g)
		return ward_rs_nomem(err);
	*g = (struct ward_guard){ .rs = rs, .layer = layer, .err = err };
	n = snprintf(g->path, sizeof(g->path), "%s/", rs->workspace);
	if (n < 0 || (size_t)n >= sizeof(g->path))
		return ward_fail(err, WARD_E_LIMIT, "the path of the project is too long");
	g->n_root = (size_t)n;
	g->named_of = (struct ward_named){
		.all = all, .layer = layer, .lives = lives, .root = rs->workspace
	};
	g->held_budget = g->asks_budget = NAMED_BYTES_MAX;
	r = ward_git_marks_read(rs->arena, all, root, &g->marks, err);
	if (r == WARD_OK)
		r = look(g);
	if (r == WARD_OK)
		r = links_of(g, all);
	if (r == WARD_OK)
		r = names_of(g, all);
	if (g->led.n > 0)
		qsort(g->led.v, g->led.n, sizeof(*g->led.v), by_text);
	if (r == WARD_OK)
		*ret = g;
	return r;
}

static const char *by_names(const struct ward_guard *g, const char *path)
{
	WARD_FD fd = -1;
	struct stat st;

	if (g->n_named == 0)
		return NULL;
	fd = ward_openat2(g->marks.root, path, O_PATH | O_NOFOLLOW, 0,
		WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	/* Who could not be looked at may be one; a link on the way leads to what has another name. */
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? NULL : not_seen;
	if (fstat(fd, &st) < 0)
		return not_seen;
	for (size_t i = 0; i < g->n_named; i++) {
		if (g->named[i].dev == st.st_dev && g->named[i].ino == st.st_ino)
			return other_name;
	}
	return NULL;
}

int ward_guard_ask(struct ward_guard *g, const struct ward_change *c, struct ward_guarded *ret,
	struct ward_error *err)
{
	mode_t now = c->mode, was = c->was_mode;
	struct look_at what = {
		.dir = S_ISDIR(now) || S_ISLNK(now) || S_ISDIR(was) || S_ISLNK(was),
		.file = (now != 0 && !S_ISDIR(now)) || (was != 0 && !S_ISDIR(was)),
		.plain = (now == 0 || S_ISDIR(now)) && (was == 0 || S_ISDIR(was)),
		.goes = c->kind == WARD_CHANGE_DELETED,
	}, gone = what;
	/* A directory that is new, or has other bits, has what lies in it told by itself. */
	bool shifts =
		!S_ISDIR(now) || c->kind == WARD_CHANGE_TYPE || c->kind == WARD_CHANGE_RENAMED;

	gone.goes = true;
	*ret = (struct ward_guarded){ .level = WARD_APPROVAL_CRITICAL };
	g->err = err;
	ret->why = by_kind(g, c);
	if (ret->why)
		return WARD_OK;
	ret->level = WARD_APPROVAL_RISKY;
	ret->why = by_name(g, c->path, &what);
	if (ret->why && g->row && g->row->kind == WARD_PERSIST_ASKS && has_new_text(c))
		ret->why =
			ward_named_told(g->rs->arena, &g->named_of, c, &g->asks_budget, ret->why);
	if (!ret->why && c->kind == WARD_CHANGE_RENAMED)
		ret->why = by_name(g, c->from, &gone);
	if (!ret->why)
		ret->why = by_way(g, c->path, shifts);
	if (!ret->why && c->kind == WARD_CHANGE_RENAMED)
		ret->why = by_way(g, c->from, true);
	if (!ret->why && c->kind == WARD_CHANGE_RENAMED && S_ISDIR(now))
		ret->why = moved_whole;
	if (!ret->why && is_new_link(c))
		ret->why = by_target(g, c);
	if (!ret->why && c->kind != WARD_CHANGE_ADDED)
		ret->why = by_names(g, c->path);
	if (!ret->why)
		ret->level = WARD_APPROVAL_NONE;
	return WARD_OK;
}
