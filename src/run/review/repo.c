/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a version control keeps of one repository is one thing. An index without the HEAD that it was made for shows the last commit undone,
 * and the next one does undo it; references that went into a file which waits are gone. So where a part of it does not become real, what
 * has to fit to that waits. New objects wait for nothing: without a name nobody finds them, and they do no harm. But what names them waits for
 * them, and those that go are what the references that wait still name, or that nobody asked for.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os/os.h"
#include "run/review/marks.h"
#include "run/review/repo.h"

#define HOLDS WARD_REPO_HOLDS
#define WAITS WARD_REPO_WAITS
#define NAMED WARD_REPO_NAMED
#define NAMES WARD_REPO_NAMES
#define GOES WARD_REPO_GOES
#define MADE WARD_REPO_MADE

/* Of git: the first part below its directory, or all that begins, or ends, so. */
static const struct {
	const char *name;
	unsigned what;
} of_git[] = {
	{ "HEAD", HOLDS | WAITS },
	{ "index", HOLDS | WAITS },
	{ "packed-refs", HOLDS | WAITS },
	{ "reftable", HOLDS | WAITS },
	{ "shallow", HOLDS | WAITS },
	{ "rebase-merge", HOLDS | WAITS },
	{ "rebase-apply", HOLDS | WAITS },
	{ "sequencer", HOLDS | WAITS },
	{ "MERGE_HEAD", HOLDS | WAITS },
	{ "CHERRY_PICK_HEAD", HOLDS | WAITS },
	{ "REVERT_HEAD", HOLDS | WAITS },
	{ "ORIG_HEAD", WAITS },
	{ "REBASE_HEAD", WAITS },
	{ "AUTO_MERGE", WAITS },
	{ "MERGE_MSG", WAITS },
	{ "MERGE_MODE", WAITS },
};

/* Others are known by the name of their directory. NULL ends them. */
static const struct {
	const char *dir;
	const char *parts[8];
} others[] = {
	{ ".hg", { "store", "dirstate", "branch", "bookmarks", "bookmarks.current", "merge" } },
	{ ".jj", { "working_copy" } },
};

static bool starts(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool starts_so(const char *path, const char *so)
{
	return strncmp(path, so, strlen(so)) == 0;
}

static bool is_branch(const char *ref)
{
	return starts(ref, "refs/heads") || ward_streq(ref, "refs");
}

/* What is new is in nobody's way, and may be all that has what goes; what goes may be all that those have which wait. */
static unsigned store(bool fresh, bool gone)
{
	return gone ? WAITS | GOES : fresh ? HOLDS | NAMED : HOLDS | WAITS | NAMED;
}

/* objects/xx/...; what is only begun has another name. */
static bool is_loose(const char *at)
{
	static const char objects[] = "objects/";
	const char *p = at + sizeof(objects) - 1;

	return starts_so(at, objects) && strspn(p, "0123456789abcdef") == 2 && p[2] == '/' &&
		!starts_so(p + 3, "tmp_");
}

/* Made of what was there: git makes another whenever it is asked to, and does without. */
static bool is_made(const char *at)
{
	return starts_so(at, "objects/pack/multi-pack-index") ||
		starts_so(at, "objects/info/commit-graph") || ward_streq(at, "info/refs") ||
		ward_streq(at, "objects/info/packs");
}

static unsigned object_part(const char *at, bool fresh, bool gone)
{
	if (ward_streq(at, "objects/info/alternates") ||
		(starts(at, "objects/pack") && !starts_so(at, "objects/pack/tmp_")))
		return store(fresh, gone);
	if (gone)
		return WAITS | GOES;
	return !fresh ? WAITS : is_loose(at) ? HOLDS | NAMED : 0;
}

/*
 * at: below what may be a directory of git's. gone: of what has that name no more. packed: the project has it, of another place. 0: nothing that
 * has to fit.
 */
static unsigned git_part(const char *at, const struct ward_change *c, bool gone, bool packed)
{
	bool fresh = !gone && !packed &&
		(c->kind == WARD_CHANGE_ADDED || c->kind == WARD_CHANGE_RENAMED);

	for (size_t i = 0; i < WARD_ARRAY_SIZE(of_git); i++) {
		if (starts(at, of_git[i].name))
			return of_git[i].what;
	}
	/* Of a worktree's, which goes whole. */
	if (gone && (ward_streq(at, "commondir") || ward_streq(at, "gitdir")))
		return HOLDS | WAITS;
	/* A log is of its reference; that of the stash is the stash. */
	if (starts(at, "logs"))
		return gone || ward_streq(at, "logs/HEAD") || starts(at, "logs/refs/heads") ? WAITS
											    : 0;
	/* Their mode and attributes are nothing that has to fit. */
	if (!gone && S_ISDIR(c->mode))
		return 0;
	if (!gone && is_made(at))
		return WAITS | MADE;
	if (starts_so(at, "sharedindex."))
		return store(fresh, gone);
	if (starts(at, "objects"))
		return object_part(at, fresh, gone);
	if (!starts(at, "refs"))
		return 0;
	/* One that is gone may be in packed-refs by now. One that is new stands in nobody's way, and needs what it names. */
	if (gone)
		return is_branch(at) ? HOLDS | WAITS : WAITS;
	return !is_branch(at) ? NAMES : fresh ? HOLDS | NAMES : HOLDS | WAITS;
}

struct member {
	const char *dir; /* of the repository: a change's path, not ended */
	size_t n;
	struct ward_review_decision *d;
	size_t name; /* of those in of_repo */
};

struct finding {
	const struct ward_git_marks *marks;
	struct ward_workspace *w; /* NULL: nothing of the project is asked */
	const char *dir; /* the last one that was looked at, and what it was */
	size_t n;
	bool git;
};

static bool is_git(struct finding *f, const char *dir, size_t n)
{
	if (!f->dir || f->n != n || memcmp(f->dir, dir, n) != 0) {
		f->dir = dir;
		f->n = n;
		f->git = ward_git_marks_is(f->marks, dir, n);
	}
	return f->git;
}

/* The directory of a worktree belongs to that of its repository: DIR/worktrees/NAME. */
static size_t common(struct finding *f, const char *dir, size_t n)
{
	static const char worktrees[] = "/worktrees";
	const size_t n_worktrees = sizeof(worktrees) - 1;
	size_t at = n;

	while (at > 0 && dir[at - 1] != '/')
		at--;
	if (at < n_worktrees + 1 || memcmp(dir + at - 1 - n_worktrees, worktrees, n_worktrees) != 0)
		return n;
	at -= 1 + n_worktrees;
	return is_git(f, dir, at) ? at : n;
}

static unsigned other_part(const char *name, size_t n, const char *rest)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(others); i++) {
		if (strlen(others[i].dir) != n || memcmp(others[i].dir, name, n) != 0)
			continue;
		for (size_t k = 0; others[i].parts[k]; k++) {
			if (starts(rest, others[i].parts[k]))
				return HOLDS | WAITS;
		}
	}
	return 0;
}

static unsigned find(struct finding *f, const struct ward_change *c, const char *path, bool gone,
	struct member *m)
{
	const bool packed = !gone && f->w && ward_commit_is_packed(f->w, c);

	for (size_t at = 0, n; path[at]; at += n + (path[at + n] == '/')) {
		unsigned part = git_part(path + at, c, gone, packed);

		n = strcspn(path + at, "/");
		m->dir = path;
		m->n = at > 0 ? at - 1 : 0;
		if (part && is_git(f, path, m->n)) {
			m->n = common(f, path, m->n);
			return part;
		}
		part = path[at + n] ? other_part(path + at, n, path + at + n + 1) : 0;
		m->n = at + n;
		if (part)
			return part;
	}
	return 0;
}

static int by_dir(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int r = memcmp(x->dir, y->dir, x->n < y->n ? x->n : y->n);

	return r ? r : (x->n > y->n) - (x->n < y->n);
}

/* What was renamed is gone from where it was, of another repository maybe. */
static size_t find_both(struct finding *f, struct ward_review_decision *d, struct member *v)
{
	const struct ward_change *c = d->change;
	const char *const names[] = { c->path, c->kind == WARD_CHANGE_RENAMED ? c->from : NULL };
	size_t n = 0;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names) && names[i]; i++) {
		unsigned part = find(f, c, names[i], i > 0 || c->mode == 0, &v[n]);

		d->of_repo[i].part = part;
		v[n].d = d;
		v[n].name = i;
		n += part != 0;
	}
	return n;
}

static struct ward_review_repo *new_repo(struct ward_arena *a, const struct member *m)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_review_repo *repo = ward_arena_alloc(a, sizeof(*repo));

	ward_quote(&b, m->n > 0 ? m->dir : ".", m->n > 0 ? m->n : 1);
	if (!repo || b.failed)
		return NULL;
	*repo = (struct ward_review_repo){ .dir = ward_arena_strdup(a, ward_buf_cstr(&b)),
		.git = ward_arena_printf(a, "%.*s", (int)m->n, m->dir) };
	return repo->dir && repo->git ? repo : NULL;
}

static bool says(const char *cure, const char *option)
{
	return cure && strstr(cure, option);
}

/* What is forgotten of one alone would tear it as a conflict does, and no later commit would know. */
static void forgotten_alone(struct ward_arena *a, struct ward_review_decision *d,
	const struct ward_review_repo *r)
{
	const char *cure = ward_arena_printf(a,
		"--ours PATH takes what the run made, --theirs %s forgets all of the repository",
		r->dir);

	if (d->effect == WARD_REVIEW_CONFLICT && says(d->cure, "--theirs PATH"))
		d->cure = cure;
	if (d->side != WARD_COMMIT_THEIRS)
		return;
	d->side = WARD_COMMIT_NEITHER;
	d->effect = WARD_REVIEW_CONFLICT;
	d->why = "what else the run made of its repository does not fit to what the project has";
	d->rule = NULL;
	d->cure = cure;
}

/* What still names an object, or may. */
static const char *needs_objects(struct finding *f, const struct ward_review_decision *d,
	unsigned part, const struct ward_review_repo *r)
{
	int moved;

	if (!d->wanted)
		return NULL;
	/* However it was named: what the project keeps may need it. */
	if (!(part & GOES))
		return d->effect == WARD_REVIEW_APPLY && d->side == WARD_COMMIT_THEIRS &&
				d->change->kind != WARD_CHANGE_ADDED
			? "what was forgotten of its repository may need it"
			: NULL;
	if (d->by_name || d->named || d->side == WARD_COMMIT_THEIRS)
		return NULL;
	if (d->effect == WARD_REVIEW_CONFLICT)
		return "the project has used objects of its repository since the run began";
	moved = f->w ? ward_commit_names_moved(f->w, r->git) : 0;
	return moved < 0 ? "not all that may name objects in the project could be looked at"
		: moved > 0
		? "what names objects was changed in the project since the run began, maybe by an earlier commit of the run's"
		: NULL;
}

static void spare(struct ward_review_decision *d, bool lives, const char *why)
{
	d->side = lives ? WARD_COMMIT_NEITHER : WARD_COMMIT_THEIRS;
	d->effect = lives ? WARD_REVIEW_BEHIND : WARD_REVIEW_APPLY;
	d->spared = !lives;
	d->why = why;
	d->rule = d->cure = NULL;
}

/*
 * Objects that are gone are the run's housekeeping. Where something may name them that the run did not know of, or that no later commit will, they stay,
 * all of them (a pack is two files): that leaves some that nobody may need. While the run lives nothing is forgotten of its layer, and they wait.
 */
static void objects_stay(struct ward_review_decisions *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct ward_review_decision *one = &d->v[i];
		const struct ward_review_repo *r = one->of_repo[0].repo;

		if (!r || !r->stays || !(one->of_repo[0].part & GOES) || one->of_repo[1].repo ||
			one->by_name || one->named || one->side == WARD_COMMIT_THEIRS)
			continue;
		one->wanted = one->wanted || !d->lives;
		spare(one, d->lives, r->stays);
	}
}

/* It is of packs that the project has no longer. Where the project's stays, so do the packs that it is of. */
static void made_of_others(struct finding *f, struct ward_review_decisions *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct ward_review_decision *one = &d->v[i];
		struct ward_review_repo *r = one->of_repo[0].repo;

		if (!r || !(one->of_repo[0].part & MADE) || !one->wanted || one->by_name ||
			one->named || one->side == WARD_COMMIT_THEIRS ||
			(one->effect != WARD_REVIEW_CONFLICT &&
				(!f->w || !ward_commit_packs_moved(f->w, r->git))))
			continue;
		spare(one, d->lives, "the project has others by now, or other packs");
		r->stays =
			r->stays ? r->stays : "what the project has made of its packs may need it";
	}
}

static void find_needed(struct finding *f, struct ward_review_decisions *d)
{
	const struct ward_review_repo *asked = NULL;

	for (size_t i = 0; i < 2 * d->n; i++) {
		struct ward_review_repo *r = d->v[i / 2].of_repo[i % 2].repo;
		unsigned part = d->v[i / 2].of_repo[i % 2].part;

		/* The project is asked once of one, for the first of its objects. */
		if (!r || r->stays ||
			(part & GOES && r == asked && d->v[i / 2].effect != WARD_REVIEW_CONFLICT))
			continue;
		r->stays = needs_objects(f, &d->v[i / 2], part, r);
		asked = part & GOES && d->v[i / 2].wanted ? r : asked;
	}
	made_of_others(f, d);
	objects_stay(d);
}

void ward_review_repos_again(const struct ward_review_terms *t, struct ward_review_decisions *d)
{
	struct finding f = { .w = t->conflict ? t->w : NULL };

	find_needed(&f, d);
}

const char *ward_review_repos_goes(const struct ward_review_decision *d)
{
	const struct ward_review_repo *r = d->of_repo[0].repo;

	return r && (d->of_repo[0].part & GOES) && !d->by_name && !d->named &&
			d->side != WARD_COMMIT_THEIRS
		? r->git
		: NULL;
}

static void sides(struct ward_arena *a, struct ward_review_decisions *d)
{
	for (size_t i = 0; i < 2 * d->n; i++) {
		struct ward_review_decision *one = &d->v[i / 2];
		struct ward_review_repo *r = one->of_repo[i % 2].repo;

		unsigned part = one->of_repo[i % 2].part;

		if (!r || one->side == WARD_COMMIT_THEIRS || one->by_name)
			continue;
		r->rest = r->rest || (part & WAITS);
		r->names = r->names || (part & (WAITS | NAMES));
	}
	for (size_t i = 0; i < 2 * d->n; i++) {
		struct ward_review_decision *one = &d->v[i / 2];
		const struct ward_review_repo *r = one->of_repo[i % 2].repo;

		unsigned part = one->of_repo[i % 2].part;

		if (r && ((r->names && (part & NAMED)) || (r->rest && part == (HOLDS | WAITS))))
			forgotten_alone(a, one, r);
	}
}

int ward_review_repos(const struct ward_review_terms *t, const struct ward_git_marks *marks,
	struct ward_review_decisions *d, struct ward_error *err)
{
	struct finding f = { .marks = marks, .w = t->conflict ? t->w : NULL };
	struct ward_arena *a = t->rs->arena;
	struct member *v = ward_arena_alloc(a, (2 * d->n + 1) * sizeof(*v));
	struct ward_review_repo *repo = NULL;
	size_t n = 0;

	if (!v)
		return ward_rs_nomem(err);
	for (size_t i = 0; i < d->n; i++)
		n += find_both(&f, &d->v[i], &v[n]);
	if (n > 1)
		qsort(v, n, sizeof(*v), by_dir);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || by_dir(&v[i - 1], &v[i]) != 0)
			repo = new_repo(a, &v[i]);
		if (!repo)
			return ward_rs_nomem(err);
		v[i].d->of_repo[v[i].name].repo = repo;
	}
	sides(a, d);
	find_needed(&f, d);
	return WARD_OK;
}

/* ---- what waits ---- */

/*
 * While the run lives a part that was told before is no more asked for, and what was not quiet is not yet: both are of the repository all the same.
 * Who names parts of it by himself knows which.
 */
static bool stops(const struct ward_review_decision *d, bool lives)
{
	if (d->effect != WARD_REVIEW_APPLY || d->side == WARD_COMMIT_THEIRS)
		return d->wanted || lives;
	return lives && !d->wanted && !d->told;
}

static const char *words(struct ward_arena *a, const char *path)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const char *said;

	ward_buf_adds(&b, "it belongs to ");
	ward_quote(&b, path, strlen(path));
	ward_buf_adds(&b, " in its repository, which does not become real");
	said = b.failed ? NULL : ward_arena_strdup(a, ward_buf_cstr(&b));
	return said ? said : "it belongs to another part of its repository";
}

static bool becomes_real(const struct ward_review_decision *d)
{
	return ward_review_is_real(d) && d->side != WARD_COMMIT_THEIRS;
}

static void hold(struct ward_arena *a, struct ward_review_repo *r,
	const struct ward_review_decision *by)
{
	r->why = words(a, by->change->path);
	r->cure = says(by->cure, "--ours PATH")
		? ward_arena_printf(a, "--ours %s takes all of it, --theirs %s forgets all of it",
			  r->dir, r->dir)
		: ward_arena_printf(a, "--theirs %s forgets all of it", r->dir);
}

/* What it named before may be all that the project has, whether or not somebody asked for it. */
static void keep(struct ward_arena *a, struct ward_review_repo *r,
	const struct ward_review_decision *by)
{
	/* Landed before, and a change still by what is not of the moment; or it gets wanted below. */
	if (r->kept || becomes_real(by) ||
		(by->told && by->effect == WARD_REVIEW_APPLY && by->side != WARD_COMMIT_THEIRS))
		return;
	r->kept = words(a, by->change->path);
	r->kept_cure = ward_arena_printf(a,
		"it becomes real with all of %s; --theirs %s forgets all of it", r->dir, r->dir);
}

static bool wait_for(struct ward_review_decision *d, const struct ward_review_repo *r,
	unsigned part)
{
	bool kept = r->kept && (part & GOES) && !d->named;
	bool waits = (r->why && ((part & WAITS) || r->lacks)) || kept;

	/* Told, and a change still: it waited then, for what is in nobody's way by now. What landed is no change any more, what was left is not told. */
	if (!waits && d->told && d->effect == WARD_REVIEW_APPLY && !d->wanted) {
		d->wanted = true;
		return true;
	}
	if (!waits || !becomes_real(d) || d->by_name)
		return false;
	d->effect = WARD_REVIEW_BEHIND;
	d->why = r->why ? r->why : r->kept;
	d->rule = NULL;
	d->cure = r->why ? r->cure : r->kept_cure;
	/* The log has that already. */
	d->wanted = !d->told;
	return true;
}

bool ward_review_repos_wait(struct ward_arena *a, struct ward_review_decisions *d)
{
	bool again = false;

	for (size_t i = 0; i < 2 * d->n; i++) {
		struct ward_review_decision *one = &d->v[i / 2];
		struct ward_review_repo *r = one->of_repo[i % 2].repo;
		unsigned part = one->of_repo[i % 2].part;

		if (r && !(part & GOES))
			keep(a, r, one);
		if (!r || !(part & HOLDS) || (r->why && (r->lacks || !(part & NAMED))) ||
			!stops(one, d->lives))
			continue;
		hold(a, r, one);
		r->lacks = r->lacks || (part & NAMED);
	}
	for (size_t i = 0; i < 2 * d->n; i++) {
		struct ward_review_decision *one = &d->v[i / 2];
		const struct ward_review_repo *r = one->of_repo[i % 2].repo;

		if (r && (one->of_repo[i % 2].part & (WAITS | NAMES)))
			again = wait_for(one, r, one->of_repo[i % 2].part) || again;
	}
	return again;
}

bool ward_review_repos_held_by(const struct ward_review_decision *d)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(d->of_repo); i++) {
		const struct ward_review_repo *r = d->of_repo[i].repo;

		if (r && (d->of_repo[i].part & HOLDS) && !r->why && becomes_real(d))
			return true;
	}
	return false;
}

bool ward_review_repos_any(const struct ward_review_decisions *d)
{
	size_t i = 0;

	while (i < d->n && !ward_review_repos_held_by(&d->v[i]))
		i++;
	return i < d->n;
}

void ward_review_repos_none(struct ward_review_decisions *d)
{
	for (size_t i = 0; i < 2 * d->n; i++) {
		struct ward_review_repo *r = d->v[i / 2].of_repo[i % 2].repo;

		if (r && !r->why)
			r->why = "not all of its repository can become real";
		if (r)
			r->lacks = true;
	}
}
