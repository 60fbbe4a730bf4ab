/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decisions. A change is refused, or waits, for the first of these that says so: what it is (a device), the policies that the run had,
 * what the project has there by now, what it would run later. What none of them has anything against becomes real. docs/review.md
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/review/judge.h"
#include "run/review/moved.h"
#include "run/review/repo.h"

static const char behind[] = "what it lies in, or what lies in it, does not become real";
static const char linked[] = "it is one file with another name, which is asked about or refused";

const char *ward_review_effect_name(enum ward_review_effect e)
{
	static const char *const names[] = { "refuse", "conflict", "ask", "behind", "apply" };

	return (unsigned)e < WARD_ARRAY_SIZE(names) ? names[e] : "refuse";
}

struct judging {
	const struct ward_review_terms *t;
	const struct ward_changes *all;
	struct ward_guard *guard;
	struct ward_error *err;
};

static bool lies_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return n == 0 || (strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/'));
}

/* One more than the length of the longest of paths that it lies in, of what was renamed at either name; 0: in none. */
static size_t nearest(const struct ward_change *c, const char *const *paths, size_t n)
{
	size_t best = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(paths[i]) + 1;

		if (len > best &&
			(lies_in(c->path, paths[i]) ||
				(c->kind == WARD_CHANGE_RENAMED && lies_in(c->from, paths[i]))))
			best = len;
	}
	return best;
}

static bool is_within(const struct ward_change *c, const char *const *paths, size_t n)
{
	return nearest(c, paths, n) > 0;
}

/*
 * Of a part of a directory counts what was said of the part: nothing that somebody wants is forgotten with what lies around it. What is said
 * both ways of one name is no word at all.
 */
static bool choose_side(const struct ward_review_terms *t, struct ward_review_decision *d)
{
	size_t theirs = nearest(d->change, t->theirs, t->n_theirs);
	size_t ours = nearest(d->change, t->ours, t->n_ours);

	if (theirs != ours)
		d->side = theirs > ours ? WARD_COMMIT_THEIRS : WARD_COMMIT_OURS;
	if (theirs != ours || theirs == 0)
		return true;
	d->effect = WARD_REVIEW_CONFLICT;
	d->why = "--theirs and --ours were both said of it";
	d->cure = "say one of them";
	return false;
}

static bool is_special(mode_t m)
{
	return S_ISCHR(m) || S_ISBLK(m) || S_ISFIFO(m) || S_ISSOCK(m);
}

/* ---- the policies ---- */

static const char *place(struct judging *x, const struct ward_book_rule *r)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	if (!r)
		return NULL;
	ward_show(&b, r->file, strlen(r->file));
	if (r->line > 0)
		ward_buf_addf(&b, ":%u", r->line);
	if (r->id) {
		ward_buf_addc(&b, ' ');
		ward_show(&b, r->id, strlen(r->id));
	}
	return ward_arena_strdup(x->t->rs->arena, ward_buf_cstr(&b));
}

/* A rule's own words, or those of the verdict. */
static const char *words(struct judging *x, const char *text, const struct ward_book_rule *r)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_buf_adds(&b, text);
	if (r && r->reason) {
		ward_buf_adds(&b, ": ");
		ward_show(&b, r->reason, strlen(r->reason));
	}
	return ward_arena_strdup(x->t->rs->arena, ward_buf_cstr(&b));
}

static const char *cure_of(struct judging *x, const struct ward_verdict *v)
{
	const struct ward_book_rule *r = v->n_rules > 0 ? v->rules[0] : NULL;

	if (v->why == WARD_WHY_NO_RULE)
		return "a run whose policies grant it";
	if (v->why != WARD_WHY_FORBIDDEN || !r || r->layer == WARD_LAYER_CEILING)
		return NULL;
	if (r->layer == WARD_LAYER_BUILTIN)
		return "copy it by hand, if it is meant: ward diff shows it";
	return ward_arena_printf(x->t->rs->arena, "another run, with an exception in %s",
		place(x, r));
}

static bool is_of_option(const struct ward_book_rule *r)
{
	return ward_streq(r->file, WARD_REVIEW_OPTION);
}

struct said {
	enum ward_approval level; /* what the policies want of a person */
	bool granted; /* by more than the option alone */
	const struct ward_book_rule *rule;
};

/* The permits of the option, and of what is the sandbox's own, are for the run: what stands beside them decides what may be real. */
static void weigh(const struct ward_verdict *v, struct said *ret)
{
	*ret = (struct said){ .level = WARD_APPROVAL_CRITICAL };
	for (size_t i = 0; i < v->n_rules && i < WARD_VERDICT_RULES_MAX; i++) {
		const struct ward_book_rule *r = v->rules[i];

		if (is_of_option(r) || r->inside)
			continue;
		if (!ret->granted || r->approval > ret->level) {
			ret->level = r->approval;
			ret->rule = r;
		}
		ret->granted = true;
	}
	if (!ret->granted)
		ret->level = WARD_APPROVAL_NONE;
	/* A list that narrows and wants a person has its own word. */
	if (v->effect == WARD_ASK && v->approval < ret->level) {
		ret->level = v->approval;
		ret->rule = v->n_rules > 0 ? v->rules[0] : NULL;
	}
}

/* False: it is refused, and *d says why. */
static bool by_policy(struct judging *x, const char *rel, struct ward_review_decision *d,
	struct said *ret, int *code)
{
	char path[WARD_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", x->t->rs->workspace, rel);
	struct ward_query q = { .action = WARD_ACT_FS_WRITE,
		.resource = ward_str(path),
		.of_host = true,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	struct ward_verdict v;

	*ret = (struct said){ .level = WARD_APPROVAL_CRITICAL };
	if (n < 0 || (size_t)n >= sizeof(path)) {
		d->why = "its name is too long";
		return false;
	}
	if (ward_judge(x->t->book, x->t->desk, &q, &v) < 0) {
		*code = ward_rs_nomem(x->err);
		return false;
	}
	if (v.effect == WARD_DENY) {
		const struct ward_book_rule *r = v.why == WARD_WHY_NARROWED ? v.list
			: v.n_rules > 0                                     ? v.rules[0]
									    : NULL;

		d->why = words(x, v.text, r);
		d->rule = place(x, r);
		d->cure = cure_of(x, &v);
		return false;
	}
	weigh(&v, ret);
	return true;
}

/* ---- one change ---- */

static void ask(struct ward_review_decision *d, enum ward_approval level, const char *why,
	const char *rule)
{
	if (d->effect == WARD_REVIEW_ASK && d->level <= level)
		return;
	d->effect = WARD_REVIEW_ASK;
	d->level = level;
	d->why = why;
	d->rule = rule;
}

/* What it is is said whatever a policy asks about it: a yes is for what was shown. */
static void ask_too(struct judging *x, struct ward_review_decision *d, const struct ward_guarded *g)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const char *both;

	if (d->effect != WARD_REVIEW_ASK) {
		ask(d, g->level, g->why, NULL);
		return;
	}
	ward_buf_addf(&b, "%s; %s", g->why, d->why ? d->why : "");
	both = ward_arena_strdup(x->t->rs->arena, ward_buf_cstr(&b));
	d->why = both ? both : g->why;
	d->level = g->level < d->level ? g->level : d->level;
}

static int policies(struct judging *x, struct ward_review_decision *d)
{
	const char *const names[] = { d->change->path,
		d->change->kind == WARD_CHANGE_RENAMED ? d->change->from : NULL };
	int code = WARD_OK;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names) && names[i]; i++) {
		struct said s;

		if (!by_policy(x, names[i], d, &s, &code)) {
			d->effect = WARD_REVIEW_REFUSE;
			return code;
		}
		if (s.level != WARD_APPROVAL_NONE)
			ask(d, s.level, words(x, "a rule asks a person", s.rule), place(x, s.rule));
		else if (x->t->automatic && !s.granted)
			ask(d, WARD_APPROVAL_RISKY,
				"no policy grants it: only --review let the run write it",
				WARD_REVIEW_OPTION);
	}
	return WARD_OK;
}

static int conflict(struct judging *x, struct ward_review_decision *d)
{
	const char *why = NULL;
	int r;

	if (!x->t->conflict || d->side == WARD_COMMIT_OURS)
		return WARD_OK;
	r = x->t->conflict(x->t->w, d->change, &why, x->t->rs->arena, x->err);
	if (r == WARD_OK && why) {
		d->effect = WARD_REVIEW_CONFLICT;
		d->why = why;
		d->rule = NULL;
		d->cure =
			"--theirs PATH keeps what the project has, --ours PATH takes what the run made";
	}
	return r;
}

static int change_at(const void *key, const void *change)
{
	return strcmp(key, ((const struct ward_change *)change)->path);
}

const char *ward_review_closed(const struct ward_changes *all, const char *path)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].beyond == ward_change_closed && lies_in(path, all->v[i].path))
			return all->v[i].path;
	return NULL;
}

/* Of a directory of the project that is closed. To open it changes it: with the mode that the run gave it that is no conflict. */
static const char *closed_cure(struct judging *x, const struct ward_change *c)
{
	char word[WARD_PASTE_MAX], around[WARD_PASTE_MAX], dir[WARD_PATH_MAX];
	const char *out = c->path;
	char *slash;

	(void)ward_paste(word, c->path, "DIR");
	if (S_ISDIR(c->mode) && (c->mode & 0700) == 0700)
		return ward_arena_printf(x->t->rs->arena,
			"chmod %04o %s, then commit again; then --theirs %s lets what the run did in it go",
			(unsigned)(c->mode & 07777), word, word);
	/* What is gone around it is in conflict by then, too. */
	(void)snprintf(dir, sizeof(dir), "%s", c->path);
	while ((slash = strrchr(dir, '/'))) {
		const struct ward_change *at;

		*slash = '\0';
		at = bsearch(dir, x->all->v, x->all->n, sizeof(*at), change_at);
		if (at && at->kind == WARD_CHANGE_DELETED)
			out = at->path;
	}
	(void)ward_paste(around, out, "DIR");
	return ward_arena_printf(x->t->rs->arena,
		"chmod u+rwx %s, then commit with --ours %s; with --theirs %s what the run did in it is let go",
		word, around, around);
}

static int decide(struct judging *x, struct ward_review_decision *d)
{
	const struct ward_change *c = d->change;
	struct ward_guarded g;
	int r;

	if (c->beyond) {
		d->why = c->beyond;
		d->cure = c->beyond == ward_change_closed
			? closed_cure(x, c)
			: "copy what is wanted from where it is kept (ward runs show RUN); ward discard RUN forgets the rest";
		return WARD_OK;
	}
	if (is_special(c->mode)) {
		d->why = "a device, a pipe or a socket is never made";
		d->cure = "--theirs PATH forgets it";
	}
	if (d->side == WARD_COMMIT_THEIRS) {
		d->effect = WARD_REVIEW_APPLY;
		d->why = "what the project has stays";
		return WARD_OK;
	}
	if (is_special(c->mode))
		return WARD_OK;
	d->effect = WARD_REVIEW_APPLY;
	d->level = WARD_APPROVAL_NONE;
	r = policies(x, d);
	if (r < 0 || d->effect == WARD_REVIEW_REFUSE)
		return r;
	r = conflict(x, d);
	if (r < 0 || d->effect == WARD_REVIEW_CONFLICT)
		return r;
	r = ward_guard_ask(x->guard, c, &g, x->err);
	if (r == WARD_OK && g.level != WARD_APPROVAL_NONE)
		ask_too(x, d, &g);
	if (d->effect == WARD_REVIEW_ASK)
		d->cure = d->level == WARD_APPROVAL_CRITICAL ? "--approve critical"
							     : "--approve risky";
	return r;
}

/* ---- names of one file ---- */

static int by_inode(const void *a, const void *b)
{
	const struct ward_change *x = (*(struct ward_review_decision *const *)a)->change,
				 *y = (*(struct ward_review_decision *const *)b)->change;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

/* The strictest word about one of them is about all of them. */
static void alike(struct ward_review_decision **v, size_t n)
{
	const struct ward_review_decision *worst = NULL;

	/* A conflict of one of them is no word about the others. */
	for (size_t i = 0; i < n; i++) {
		if (v[i]->effect != WARD_REVIEW_ASK && v[i]->effect != WARD_REVIEW_REFUSE)
			continue;
		if (!worst || v[i]->effect < worst->effect ||
			(v[i]->effect == worst->effect && v[i]->level < worst->level))
			worst = v[i];
	}
	if (!worst)
		return;
	for (size_t i = 0; i < n; i++) {
		if (v[i]->side == WARD_COMMIT_THEIRS || v[i]->effect == WARD_REVIEW_CONFLICT ||
			v[i]->effect < worst->effect ||
			(v[i]->effect == worst->effect && v[i]->level <= worst->level))
			continue;
		v[i]->effect = worst->effect;
		v[i]->level = worst->level;
		v[i]->why = linked;
		v[i]->rule = worst->rule;
		v[i]->cure = worst->cure;
	}
}

static int one_file(struct judging *x, struct ward_review_decisions *d)
{
	struct ward_review_decision **v =
		ward_arena_alloc(x->t->rs->arena, (d->n + 1) * sizeof(*v));
	size_t n = 0;

	if (!v)
		return ward_rs_nomem(x->err);
	for (size_t i = 0; i < d->n; i++) {
		if (d->v[i].change->n_links > 1 && S_ISREG(d->v[i].change->mode))
			v[n++] = &d->v[i];
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), by_inode);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && by_inode(&v[from], &v[to]) == 0; to++)
			;
		alike(v + from, to - from);
	}
	return WARD_OK;
}

/* What is gone may be, all that there is of it, in what nobody could look at. */
static void beside_beyond(const struct ward_review_terms *t, struct ward_review_decisions *d)
{
	static const char by_name[] = "--ours of it by its own name does not wait for that";
	const char *why = NULL, *cure = NULL;
	size_t at = 0;

	while (at < d->n && !d->v[at].change->beyond)
		at++;
	if (at < d->n)
		why = ward_arena_printf(t->rs->arena,
			"what it had may be in what nobody could look at, in %s",
			ward_rs_show(t->rs, d->v[at].change->path));
	if (at < d->n && d->v[at].change->beyond == ward_change_closed)
		cure = ward_arena_printf(t->rs->arena, "%s; or open %s", by_name,
			ward_rs_show(t->rs, d->v[at].change->path));
	for (size_t i = 0; i < d->n && at < d->n; i++) {
		struct ward_review_decision *one = &d->v[i];
		const struct ward_change *c = one->change;

		if (one->by_name || one->side == WARD_COMMIT_THEIRS ||
			(one->effect != WARD_REVIEW_APPLY && one->effect != WARD_REVIEW_ASK) ||
			(c->kind != WARD_CHANGE_DELETED && c->kind != WARD_CHANGE_TYPE &&
				(c->kind != WARD_CHANGE_MODIFIED || !c->content || c->origin)))
			continue;
		one->effect = WARD_REVIEW_BEHIND;
		one->why = why ? why : d->v[at].change->beyond;
		one->rule = NULL;
		one->cure = cure ? cure : by_name;
	}
}

static bool is_named(const struct ward_change *c, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ward_streq(c->path, paths[i]))
			return true;
	return false;
}

int ward_review_judge(const struct ward_review_terms *t, const struct ward_changes *all,
	struct ward_review_decisions *ret, const char **ret_unsure, struct ward_error *err)
{
	struct judging x = { .t = t, .all = all, .err = err };
	struct ward_review_decisions d = { .n = all->n, .lives = t->lives };
	int r;

	*ret = (struct ward_review_decisions){ 0 };
	*ret_unsure = NULL;
	d.v = ward_arena_alloc(t->rs->arena, (all->n + 1) * sizeof(*d.v));
	if (!d.v)
		return ward_rs_nomem(err);
	r = ward_guard_new(t->rs, all, t->layer, t->root, t->lives, &x.guard, err);
	for (size_t i = 0; r == WARD_OK && i < all->n; i++) {
		struct ward_review_decision *one = &d.v[i];

		one->change = &all->v[i];
		one->wanted = t->pick
			? t->pick(t->arg, one->change)
			: t->n_paths == 0 || is_within(one->change, t->paths, t->n_paths);
		one->told = !one->wanted && t->told && t->told(t->arg, one->change);
		one->by_name = is_named(one->change, t->ours, t->n_ours);
		one->named = is_named(one->change, t->paths, t->n_paths);
		if (choose_side(t, one))
			r = decide(&x, one);
	}
	if (r == WARD_OK)
		r = one_file(&x, &d);
	if (r == WARD_OK)
		r = ward_review_repos(t, ward_guard_marks(x.guard), &d, err);
	if (r < 0)
		return r;
	beside_beyond(t, &d);
	ward_review_moved_sides(t->rs->arena, &d);
	*ret = d;
	*ret_unsure = ward_guard_unsure(x.guard);
	for (size_t i = 0; i < d.n && t->automatic && *ret_unsure; i++) {
		if (d.v[i].effect == WARD_REVIEW_APPLY)
			ask(&d.v[i], WARD_APPROVAL_RISKY, *ret_unsure, NULL);
	}
	return WARD_OK;
}

/* ---- what hangs together ---- */

struct settling {
	struct ward_review_decision **by_path;
	uint32_t *above; /* of each of these, in by_path */
	size_t n;
	bool root;
	bool again;
};

static int by_path(const void *a, const void *b)
{
	return strcmp((*(struct ward_review_decision *const *)a)->change->path,
		(*(struct ward_review_decision *const *)b)->change->path);
}

static int is_path(const void *key, const void *b)
{
	return strcmp(key, (*(struct ward_review_decision *const *)b)->change->path);
}

bool ward_review_is_real(const struct ward_review_decision *d)
{
	return d->wanted && d->effect == WARD_REVIEW_APPLY;
}

static bool becomes_real(const struct ward_review_decision *d)
{
	return ward_review_is_real(d) && d->side != WARD_COMMIT_THEIRS;
}

static void wait_for(struct settling *s, struct ward_review_decision *d)
{
	d->effect = WARD_REVIEW_BEHIND;
	d->why = behind;
	d->rule = d->cure = NULL;
	s->again = true;
}

/* d, and a directory above it that changes as well. */
static void pair(struct settling *s, struct ward_review_decision *d,
	struct ward_review_decision *above, bool stays)
{
	bool goes = S_ISDIR(above->change->was_mode) && !S_ISDIR(above->change->mode);
	bool comes = S_ISDIR(above->change->mode) && !S_ISDIR(above->change->was_mode);

	if (goes && stays && !becomes_real(d) && becomes_real(above))
		wait_for(s, above);
	/* Nobody could look at what waits in a directory that its owner may not enter: such a mode comes last. */
	if (!s->root && S_ISDIR(above->change->mode) && (above->change->mode & 0500) != 0500 &&
		becomes_real(above) && !ward_review_is_real(d))
		wait_for(s, above);
	if (!comes || !becomes_real(d) || becomes_real(above))
		return;
	if (above->effect == WARD_REVIEW_APPLY && !above->wanted) {
		above->wanted = true; /* the directory, for what was asked for in it */
		s->again = true;
	} else {
		wait_for(s, d);
	}
}

static void above(struct settling *s, size_t i)
{
	struct ward_review_decision *d = s->by_path[i];

	for (uint32_t k = s->above[i]; k != WARD_PATHS_NONE; k = s->above[k])
		pair(s, d, s->by_path[k], d->change->was_mode != 0);
}

/* The name that is gone, which is that of no change. */
static void above_old(struct settling *s, struct ward_review_decision *d, const char *path)
{
	char dir[WARD_PATH_MAX];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	while ((slash = strrchr(dir, '/'))) {
		struct ward_review_decision **at;

		*slash = '\0';
		at = bsearch(dir, s->by_path, s->n, sizeof(struct ward_review_decision *), is_path);
		if (at)
			pair(s, d, *at, true);
	}
}

int ward_review_settle(struct ward_arena *a, struct ward_review_decisions *d,
	struct ward_error *err)
{
	struct settling s = { .n = d->n, .root = geteuid() == 0 };
	struct ward_review_moved moved;
	int r = ward_review_moved_new(a, d, &moved, err);
	const char **paths = ward_arena_alloc(a, (d->n + 1) * sizeof(const char *));

	s.by_path = ward_arena_alloc(a, (d->n + 1) * sizeof(struct ward_review_decision *));
	s.above = ward_arena_alloc(a, (d->n + 1) * sizeof(*s.above));
	if (r < 0)
		return r;
	if (!s.by_path || !s.above || !paths)
		return ward_rs_nomem(err);
	for (size_t i = 0; i < d->n; i++)
		s.by_path[i] = &d->v[i];
	if (d->n > 1)
		qsort(s.by_path, s.n, sizeof(struct ward_review_decision *), by_path);
	for (size_t i = 0; i < d->n; i++)
		paths[i] = s.by_path[i]->change->path;
	ward_paths_above(paths, s.n, s.above);
	do {
		s.again = false;
		for (size_t i = 0; i < d->n; i++) {
			struct ward_review_decision *one = s.by_path[i];

			above(&s, i);
			if (one->change->kind == WARD_CHANGE_RENAMED)
				above_old(&s, one, one->change->from);
		}
		s.again = ward_review_moved_wait(&moved, a, d) || s.again;
		s.again = ward_review_repos_wait(a, d) || s.again;
	} while (s.again);
	return WARD_OK;
}
