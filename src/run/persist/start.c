/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before the start: what runs code later for its user (data/persist, and what the git of each repository obeys) and lies below something
 * that may be written becomes a mount of its own that is only read, and each directory above it one that nobody moves away (resolve/hold.c).
 * Whoever names it by itself in a grant, or in a policy, meant it, and it stays as it is.
 *
 * It takes away and never gives: what is found is held or told, whatever it is. What cannot be held (a link, a name among many, a second
 * name of a file) is a warning. What is not there yet cannot be held at all, and is what late.c looks for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "os/os.h"
#include "run/persist/persist.h"
#include "run/review/place.h"

#define BEFORE_BYTES_MAX (32u << 20)
#define GIT_WHY "git runs it, or what it names"
#define REPOSITORY_WHY "git takes it for a repository, and runs what its configuration names"
#define WARNED_MAX 16 /* names that warnings show */
/* What is found on the way leaves that much to git, and everything that much to the steps that come. */
#define NAMES_FOR_GIT 256
#define MOUNTS_FOR_GIT 1024
#define MOUNTS_SPARE 256

struct holding {
	struct ward_resolver *rs;
	struct ward_before *b; /* NULL: nobody wants to know at the end */
	struct ward_texts roots;
	struct ward_texts named; /* write grants by name, real */
	struct ward_texts repositories; /* directories of git's */
	struct ward_texts leads; /* files that lead to one: the directory of each */
	struct ward_texts above; /* directories that become mounts, so that nobody moves them */
	size_t n_repositories, n_leads; /* of them: found by name, and done with */
	size_t held, unheld, warned, unwarned, inside;
	bool inside_cut;
	bool walking; /* what is found now was found by looking through everything */
	bool full[2]; /* [walking] */
	struct ward_error *err;
};

void ward_before_done(struct ward_before *b)
{
	free(b->known);
	ward_arena_free(b->arena);
	*b = (struct ward_before){ 0 };
}

/* ---- what there was ---- */

static int add(struct holding *x, const char *path, const struct ward_known *what)
{
	int flags = AT_NO_AUTOMOUNT | (what->asked ? 0 : AT_SYMLINK_NOFOLLOW);
	struct ward_before *b = x->b;
	struct ward_known *k;
	struct stat st;

	if (!b)
		return WARD_OK;
	if (b->n_known == b->cap_known) {
		size_t cap = b->cap_known ? 2 * b->cap_known : 64;
		struct ward_known *v = reallocarray(b->known, cap, sizeof(*v));

		if (!v)
			return ward_rs_nomem(x->err);
		b->known = v;
		b->cap_known = cap;
	}
	k = &b->known[b->n_known];
	*k = *what;
	k->path = ward_arena_strdup(b->arena, path);
	if (!k->path) {
		x->inside_cut = true; /* it may be a former run's doing: no reason not to start */
		return WARD_OK;
	}
	if (fstatat(-1, path, &st, flags) == 0) {
		k->dev = st.st_dev;
		k->ino = st.st_ino;
		k->ctime_ns = st.st_ctim.tv_sec * 1000000000LL + st.st_ctim.tv_nsec;
	}
	b->n_known++;
	return WARD_OK;
}

static int know(struct holding *x, const char *path, const char *why, bool held, bool git)
{
	return add(x, path, &(struct ward_known){ .why = why, .held = held, .git = git });
}

/* Of no row's name, or not there: the end looks at it by itself, and through a link. */
static int ask_later(struct holding *x, const char *path, const char *why)
{
	return add(x, path, &(struct ward_known){ .why = why, .asked = true });
}

/* ---- holding ---- */

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

		if (one->kind != WARD_NODE_BIND || !ward_streq(one->dest, t->path))
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

static bool is_among(const struct ward_texts *t, size_t n, const char *path)
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
		if (is_among(&x->above, x->above.n, dir))
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

static int cannot(struct holding *x, const char *path, const char *why, const char *because)
{
	int r = know(x, path, why, false, false);

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

static int hold(struct holding *x, const char *path, const char *why);

static bool is_written(const struct holding *x, const char *path)
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

	if (ward_rs_target(x->rs, path, &t) < 0)
		return ask_later(x, path, why);
	if (!is_written(x, t.path))
		return WARD_OK;
	if (S_ISREG(t.st.st_mode))
		r = hold(x, t.path, why);
	if (r < 0 || !is_written(x, t.path))
		return r;
	r = ask_later(x, path, why);
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
	if (type == WARD_ENTRY_DIR || lstat(path, &st) < 0 || !has_second_name(x, &st))
		return WARD_OK;
	r = ask_later(x, path, in->why);
	return r < 0
		? r
		: warn_of(x, path, in->why, "it has a second name, and is written by that, too");
}

/* Hooks of git's are looked at with what else it obeys. */
static int look_in(struct holding *x, const char *dir, const char *why)
{
	struct looking_in in = { x, why };
	struct ward_walk w = { .rs = x->rs, .entry = inside, .arg = &in, .err = x->err };
	int r;

	if (ward_streq(why, GIT_WHY) || ward_has_suffix(dir, "/.git/hooks"))
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

	if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode) || !is_written(x, path))
		return WARD_OK;
	r = ward_meant(x->rs, &x->named, path, &named, x->err);
	if (r < 0 || named)
		return r < 0 ? r : know(x, path, why, false, false);
	return cannot(x, path, why, "it is a link to nothing, and what it leads to could be made");
}

/* A directory of git's is guarded as one, and a link may lead to what it lies in. */
static bool leads_to_too_much(const char *path, const struct ward_target *t)
{
	return S_ISDIR(t->st.st_mode) &&
		(strcasecmp(ward_path_basename(path), ".git") == 0 ||
			ward_path_within(path, t->path));
}

/* path: real, or a link itself. */
static int hold(struct holding *x, const char *path, const char *why)
{
	const struct ward_node *shown;
	struct ward_target t;
	bool named = false, free = false;
	int r;

	/* What is under review is not held: it is asked about before it becomes real. */
	if (ward_rs_reviewed(x->rs, path))
		return WARD_OK;
	if (is_own(x, path))
		return know(x, path, why, true, false);
	if (ward_rs_target(x->rs, path, &t) < 0)
		return hold_nothing(x, path, why);
	shown = ward_rs_shown_by(x->rs, path);
	/* Found by name, and once more on the way. */
	if (shown && shown->later && ward_streq(shown->dest, path))
		return WARD_OK;
	if (!shown || !shown->write || shown->protect)
		return know(x, path, why, true, false);
	r = ward_meant(x->rs, &x->named, path, &named, x->err);
	if (r < 0 || named)
		return r < 0 ? r : know(x, path, why, false, false);
	if (!ward_streq(t.path, path)) {
		r = cannot(x, path, why, "it is a link, which could be replaced");
		return r < 0 || leads_to_too_much(path, &t) || !ward_rs_visible(x->rs, t.path)
			? r
			: hold(x, t.path, why);
	}
	if (!S_ISREG(t.st.st_mode) && !S_ISDIR(t.st.st_mode) && !S_ISFIFO(t.st.st_mode))
		return know(x, path, why, false, false);
	r = room(x, path, &free);
	if (r < 0)
		return r;
	if (!x->rs->host->userns || !free) {
		x->unheld++;
		return know(x, path, why, false, false);
	}
	x->held++;
	if (has_second_name(x, &t.st))
		r = cannot(x, path, why, "it has a second name, and is written by that, too");
	else if (ward_rs_has_other_names(x->rs, path))
		r = cannot(x, path, why,
			"its file system takes no heed of case, and it is written by another spelling, too");
	else
		r = know(x, path, why, true, false);
	if (r == WARD_OK)
		r = make_read_only(x, &t, shown, why);
	return r == WARD_OK && S_ISDIR(t.st.st_mode) ? look_in(x, path, why) : r;
}

/* ---- what is found ---- */

static int lead(struct holding *x, const char *path, const char *why)
{
	int r = is_among(&x->leads, x->n_leads, path)
		? WARD_OK
		: ward_rs_push(x->rs, &x->leads, path, x->err);

	return r < 0 ? r : hold(x, path, why);
}

static int found_git(struct holding *x, const char *path)
{
	int r = WARD_OK;

	if (is_among(&x->repositories, x->n_repositories, path))
		return WARD_OK;
	r = know(x, path, REPOSITORY_WHY, false, true);
	return r < 0 ? r : ward_rs_push(x->rs, &x->repositories, path, x->err);
}

static int hit(void *arg, const struct ward_hit *h, bool *ret_enter)
{
	struct holding *x = arg;
	const char *path = ward_arena_strdup(x->rs->arena, h->path);

	/* What is held is looked through as well: something in it may be granted by name. */
	if (!path)
		return ward_rs_nomem(x->err);
	*ret_enter = !ward_rs_reviewed(x->rs, path);
	if (!*ret_enter)
		return WARD_OK;
	if (h->kind == WARD_HIT_GIT)
		return found_git(x, path);
	/* As good as absent: whoever made it takes it away, or just did. */
	if (h->kind == WARD_HIT_NAME && ward_was_pin(h->dir, h->name) &&
		(h->type == DT_DIR || (h->git && ward_streq(h->name, "commondir"))))
		return WARD_OK;
	if (h->kind == WARD_HIT_GITFILE)
		return lead(x, path, h->why);
	if (h->told || h->kind == WARD_HIT_HIDDEN)
		return know(x, path, h->why, false, false);
	return hold(x, path, h->why);
}

/* ---- git ---- */

static bool ends_in(const char *path, const char *name)
{
	return ward_streq(ward_path_basename(path), name);
}

static const char *dir_of(struct holding *x, const char *path)
{
	size_t n = strlen(path) - strlen(ward_path_basename(path));

	return ward_arena_dup(x->rs->arena, path, n > 1 ? n - 1 : n);
}

static int repository(struct holding *x, struct ward_git *g, const char *dir, const char *top)
{
	g->top = top;
	return ward_git_guard_found(x->rs, g, dir, ward_git_common(x->rs, dir), x->err);
}

/* Of those that are not done with; each has its own room. */
static int of_git(struct holding *x)
{
	struct ward_git g = { 0 };
	struct ward_target t;
	int r = WARD_OK;

	for (size_t i = x->n_repositories; r == WARD_OK && i < x->repositories.n; i++) {
		const char *dir = x->repositories.v[i];

		r = repository(x, &g, dir, ends_in(dir, ".git") ? dir_of(x, dir) : NULL);
	}
	for (size_t i = x->n_leads; r == WARD_OK && i < x->leads.n; i++) {
		const char *file = x->leads.v[i], *top = dir_of(x, file);
		const char *dir = ward_rs_target(x->rs, file, &t) == 0 && S_ISDIR(t.st.st_mode)
			? t.path
			: ward_git_led_to(x->rs, top, ward_path_basename(file));

		if (dir && ward_rs_visible(x->rs, dir))
			r = repository(x, &g, dir, top);
	}
	x->n_repositories = x->repositories.n;
	x->n_leads = x->leads.n;
	for (size_t i = 0; r == WARD_OK && i < g.guarded.n; i++) {
		const char *path = g.guarded.v[i];

		if (ward_rs_target(x->rs, path, &t) == 0 && !ward_rs_is_pin(&t))
			r = hold(x, path, GIT_WHY);
		else if (is_written(x, path))
			r = ask_later(x, path, GIT_WHY);
	}
	for (size_t i = 0; r == WARD_OK && i < g.absent.n; i++) {
		if (is_written(x, g.absent.v[i]))
			r = ask_later(x, g.absent.v[i], GIT_WHY);
	}
	for (size_t i = 0; r == WARD_OK && i < g.links.n; i++)
		r = hold(x, g.links.v[i], GIT_WHY);
	if (r == WARD_OK && g.unsure)
		r = ward_rs_warn(x->rs, x->err, "%s, and git obeys it outside", g.unsure);
	return r;
}

/* ---- what is found by name ---- */

/* What dir/name is itself; 0: nothing, or a place that a run keeps free. */
static mode_t type_at(struct holding *x, const char *dir, const char *name, const char **ret)
{
	struct stat st;

	*ret = ward_rs_absolute(x->rs, dir, name);
	if (!*ret || lstat(*ret, &st) < 0)
		return 0;
	if (ward_pin_marked(st.st_mode) && ward_was_pin(AT_FDCWD, *ret))
		return 0;
	return st.st_mode & S_IFMT;
}

static int git_at(struct holding *x, const char *dir)
{
	const char *path, *in;
	mode_t type;

	if (type_at(x, dir, "HEAD", &in) && type_at(x, dir, "objects", &in) &&
		type_at(x, dir, "refs", &in)) {
		int r = found_git(x, dir);

		if (r < 0)
			return r;
	}
	type = type_at(x, dir, ".git", &path);
	if (type == S_IFDIR)
		return type_at(x, path, "HEAD", &in) ? found_git(x, path) : WARD_OK;
	return type ? lead(x, path, "git runs what the directory says that it leads to") : WARD_OK;
}

#define DIR_BYTES_MAX (256u << 10) /* on its disk; one that takes more is not read for its names */
#define FIRSTS_MAX 64

/* Of a directory whose names are not known: what it was found to lack, of the directories that rows speak of names in. */
struct firsts {
	struct {
		const char *name; /* a row's, not ended */
		size_t n;
		bool lacks;
	} v[FIRSTS_MAX];
	size_t n;
};

/* A dozen rows that begin alike are asked for by one question, where they are none. */
static bool lacks_first(struct holding *x, struct firsts *f, const char *dir, const char *name)
{
	size_t n = strcspn(name, "/");
	const char *first, *path;
	struct stat st;
	bool lacks;

	if (!name[n])
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].n == n && memcmp(f->v[i].name, name, n) == 0)
			return f->v[i].lacks;
	}
	first = ward_arena_dup(x->rs->arena, name, n);
	path = first ? ward_rs_absolute(x->rs, dir, first) : NULL;
	lacks = path && lstat(path, &st) < 0 && errno == ENOENT;
	if (f->n < FIRSTS_MAX) {
		f->v[f->n].name = name;
		f->v[f->n].n = n;
		f->v[f->n++].lacks = lacks;
	}
	return lacks;
}

/* of_git: in git's directory, or all but those. */
static int rows_at(struct holding *x, const char *dir, bool of_git)
{
	WARD_UNSET _Alignas(8) char buf[WARD_DIR_NAMES_ROOM_MANY];
	struct ward_dir_names names = { .buf = buf, .room = sizeof(buf) };
	WARD_UNSET struct firsts firsts;
	int r = WARD_OK;

	firsts.n = 0;
	ward_dir_names_read(&names, dir, DIR_BYTES_MAX);
	for (size_t i = 0; r == WARD_OK && i < ward_persist_n; i++) {
		const struct ward_persist_name *row = &ward_persist[i];
		const char *path;
		mode_t type;

		if (row->kind >= WARD_PERSIST_TOLD || row->name[0] == '/' ||
			ward_dir_names_lack(&names, row->name) || strchr(row->name, '*') ||
			ward_has_prefix(row->name, ".git/") != of_git ||
			(!names.all && lacks_first(x, &firsts, dir, row->name)))
			continue;
		type = type_at(x, dir, row->name, &path);
		if (type && (type == S_IFLNK || (type == S_IFDIR ? !row->file : !row->dir)))
			r = hold(x, path, row->why);
	}
	return r;
}

static int probe_also(struct holding *x, struct ward_texts *to, const char *dir)
{
	const struct ward_node *shown = dir ? ward_rs_shown_by(x->rs, dir) : NULL;

	if (!dir)
		return ward_rs_nomem(x->err);
	return shown && shown->write && !ward_rs_reviewed(x->rs, dir) &&
			to->n < WARD_PERSIST_PROBED_MAX
		? ward_rs_text(x->rs, to, dir, x->err)
		: WARD_OK;
}

/*
 * Before anything is walked: what counts most lies at the top of what was granted, of the workspace and of the repository that this lies
 * in. Those names are asked for one by one, so that no number of others beside them or in another grant uses up what there is for them.
 */
static int probe(struct holding *x)
{
	struct ward_texts dirs = { 0 };
	char dir[WARD_PATH_MAX], *slash;
	int r = WARD_OK;

	(void)snprintf(dir, sizeof(dir), "%s", x->rs->workspace);
	do {
		r = probe_also(x, &dirs, ward_arena_strdup(x->rs->arena, dir));
		slash = strrchr(dir, '/');
		if (slash)
			*slash = '\0';
	} while (r == WARD_OK && slash && slash > dir);
	for (size_t i = 0; r == WARD_OK && i < x->roots.n; i++)
		r = probe_also(x, &dirs, x->roots.v[i]);
	for (size_t i = 0; r == WARD_OK && i < dirs.n; i++)
		r = rows_at(x, dirs.v[i], true);
	for (size_t i = 0; r == WARD_OK && i < dirs.n; i++)
		r = git_at(x, dirs.v[i]);
	if (r == WARD_OK)
		r = of_git(x);
	x->walking = true; /* what git needs is left to it */
	for (size_t i = 0; r == WARD_OK && i < dirs.n; i++)
		r = rows_at(x, dirs.v[i], false);
	x->walking = false;
	return r;
}

/* ---- all of it ---- */

int ward_hunt_all(struct ward_hunt *h, const char *const *roots, size_t n)
{
	size_t most = h->looked_max;
	uint64_t until = h->until_ns, wait_until = h->wait_until_ns;
	int r = WARD_OK;

	/* Half of it is shared out beforehand. */
	for (size_t i = 0; r == WARD_OK && i < n; i++) {
		size_t behind = n - i - 1;

		h->looked_max = most - most / (2 * n) * behind;
		h->until_ns = until - WARD_PERSIST_TIME_MS * 1000000ull / (2 * n) * behind;
		h->wait_until_ns =
			wait_until - WARD_PERSIST_WAIT_MS * 1000000ull / (2 * n) * behind;
		r = ward_hunt(h, roots[i]);
	}
	return r;
}

static bool is_root(const struct ward_node *n)
{
	return n->kind == WARD_NODE_BIND && n->is_dir && n->write && !n->base && !n->protect &&
		!n->hold;
}

/* The widest ones alone. */
static int roots(struct holding *x)
{
	struct ward_resolver *rs = x->rs;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < rs->n_nodes; i++) {
		bool inner = !is_root(&rs->nodes[i]) || ward_rs_reviewed(rs, rs->nodes[i].dest);

		for (size_t k = 0; k < rs->n_nodes && !inner; k++)
			inner = k != i && is_root(&rs->nodes[k]) &&
				!ward_streq(rs->nodes[i].dest, rs->nodes[k].dest) &&
				ward_path_within(rs->nodes[i].dest, rs->nodes[k].dest);
		if (!inner)
			r = ward_rs_text(rs, &x->roots, rs->nodes[i].source, x->err);
	}
	return r;
}

/* Files that a pattern found: whoever wrote *.json did not mean those of an editor. */
static bool top_enough(void *arg, unsigned above)
{
	(void)arg;
	(void)above;
	return true;
}

static int single_files(struct holding *x)
{
	struct ward_resolver *rs = x->rs;
	size_t n = rs->n_nodes;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < n; i++) {
		const struct ward_persist_name *row = NULL;
		char path[WARD_PATH_MAX], *slash;

		if (rs->nodes[i].kind != WARD_NODE_BIND || rs->nodes[i].is_dir ||
			!rs->nodes[i].write || rs->nodes[i].base)
			continue;
		(void)snprintf(path, sizeof(path), "%s", rs->nodes[i].dest);
		for (unsigned as = WARD_AS_FILE; !row && (slash = strrchr(path, '/'));
			as = WARD_AS_DIR) {
			row = ward_persist_match(path, slash + 1, as, top_enough, NULL);
			*slash = '\0';
		}
		if (row && row->kind < WARD_PERSIST_TOLD)
			r = hold(x, rs->nodes[i].dest, row->why);
	}
	return r;
}

static int by_path(const void *va, const void *vb)
{
	const struct ward_known *a = va, *b = vb;
	int c = strcmp(a->path, b->path);

	if (c != 0)
		return c;
	return a->held != b->held ? (int)b->held - (int)a->held : (int)a->asked - (int)b->asked;
}

static int keep(struct holding *x, bool cut)
{
	struct ward_before *b = x->b;
	const char **v;

	if (!b)
		return WARD_OK;
	v = ward_arena_alloc(b->arena, (x->roots.n + 1) * sizeof(*v));
	for (size_t i = 0; v && i < x->roots.n; i++) {
		v[i] = ward_arena_strdup(b->arena, x->roots.v[i]);
		if (!v[i])
			v = NULL;
	}
	if (!v)
		return ward_rs_nomem(x->err);
	b->roots = v;
	b->n_roots = x->roots.n;
	b->cut = cut;
	if (b->n_known > 0)
		qsort(b->known, b->n_known, sizeof(*b->known), by_path);
	return WARD_OK;
}

static int begin(struct holding *x)
{
	struct timespec ts;

	if (!x->b)
		return WARD_OK;
	ward_before_done(x->b);
	x->b->arena = ward_arena_new(BEFORE_BYTES_MAX);
	/* What inodes are stamped with, which is a tick behind. */
	if (clock_gettime(CLOCK_REALTIME_COARSE, &ts) == 0)
		x->b->since_ns = ts.tv_sec * 1000000000LL + ts.tv_nsec;
	return x->b->arena ? WARD_OK : ward_rs_nomem(x->err);
}

static int say(struct holding *x, bool cut)
{
	int r = WARD_OK;

	if (cut)
		r = ward_rs_warn(x->rs, x->err,
			"not all names in %s%s were looked through for those that run code later: others are not held",
			ward_rs_show(x->rs, x->roots.v[0]), x->roots.n > 1 ? " and others" : "");
	if (r == WARD_OK && x->unwarned)
		r = ward_rs_warn(x->rs, x->err,
			"%zu more names that run code later are not held: they are links, or have second names",
			x->unwarned);
	if (r == WARD_OK && x->unheld)
		r = ward_rs_warn(x->rs, x->err, "%zu names that run code later are not held: %s",
			x->unheld,
			x->rs->host->userns ? "there are too many of them"
					    : "that takes user namespaces");
	return r;
}

int ward_rs_persist(struct ward_resolver *rs, struct ward_error *err)
{
	struct holding x = { .rs = rs, .b = rs->r->before, .err = err };
	struct ward_hunt h = { .hit = hit, .arg = &x, .workspace = rs->workspace, .err = err };
	int r;

	/* That mode writes what its user may, and says so. */
	if (rs->r->backend != WARD_BACKEND_NATIVE || rs->r->mode == WARD_MODE_DANGER_FULL_ACCESS)
		return WARD_OK;
	r = begin(&x);
	if (r == WARD_OK)
		r = roots(&x);
	if (r == WARD_OK)
		r = ward_meant_names(rs, &x.named, err);
	if (r == WARD_OK)
		r = single_files(&x);
	if (r == WARD_OK)
		r = probe(&x);
	ward_hunt_init(&h);
	x.walking = true;
	if (r == WARD_OK)
		r = ward_hunt_all(&h, x.roots.v, x.roots.n);
	x.walking = false;
	if (r == WARD_OK)
		r = of_git(&x);
	if (x.roots.n > 0)
		rs->late_names = rs->r->no_late_names ? WARD_LATE_UNTOLD : WARD_LATE_TOLD;
	if (r == WARD_OK)
		r = keep(&x, h.cut || x.inside_cut);
	return r == WARD_OK ? say(&x, h.cut || x.inside_cut) : r;
}
