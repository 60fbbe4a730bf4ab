/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward commit: what a run under review changed, decided change by change and made real. The policies are those that were stored with the run;
 * the log has each decision, durably, before anything of the project is touched, and the end of it after. docs/review.md
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"
#include "run/review/repo.h"
#include "run/rules/tools.h"

#define PLANS_MAX 8

struct committing {
	const struct ward_review_commit *what;
	bool automatic;
	const struct ward_review_landing *landing; /* NULL: the run is dead */
	struct ward_workspace *w;
	struct ward_audit *log;
	struct ward_recalled rules;
	struct ward_changes *all;
	struct ward_review_terms terms;
	struct ward_review_decisions d;
	struct ward_review_told told;
	char run[WARD_ULID_SIZE];
	struct ward_error *err;
};

static void done(struct committing *x)
{
	ward_changes_free(x->all);
	ward_recalled_done(&x->rules);
	ward_audit_close(x->log);
	if (!x->automatic)
		ward_workspace_close(x->w);
}

/* ---- what was asked for ---- */

/* Below the root; what does not lie there is a mistake that would otherwise be an empty commit. */
static int below(struct committing *x, const char *given, const char **ret)
{
	const char *root = ward_workspace_facts(x->w)->root;
	char cwd[WARD_PATH_MAX], path[WARD_PATH_MAX];
	size_t n = strlen(root);

	if (!getcwd(cwd, sizeof(cwd)))
		return ward_fail(x->err, WARD_E_SYSTEM, "the working directory: %s",
			strerror(errno));
	if (ward_path_join(cwd, given[0] ? given : ".", path, sizeof(path)) < 0 ||
		!ward_path_within(path, root)) {
		(void)ward_fail(x->err, WARD_E_INVALID, "%s does not lie in what was under review",
			ward_rs_show(&x->rules.side.rs, given));
		ward_fail_fix(x->err, "name paths below %s", ward_rs_show(&x->rules.side.rs, root));
		return WARD_E_INVALID;
	}
	*ret = ward_arena_strdup(x->rules.side.arena, path[n] ? path + n + 1 : "");
	return *ret ? WARD_OK : ward_rs_nomem(x->err);
}

static int all_below(struct committing *x, const char *const *given, size_t n,
	const char *const **ret)
{
	const char **v = ward_arena_alloc(x->rules.side.arena, (n + 1) * sizeof(*v));
	int r = v ? WARD_OK : ward_rs_nomem(x->err);

	for (size_t i = 0; v && r == WARD_OK && i < n; i++)
		r = below(x, given[i], &v[i]);
	*ret = v;
	return r;
}

/* A side is of what was changed: a word that means nothing would be taken for a yes. */
static int means_something(struct committing *x, const char *const *given, const char *const *paths,
	size_t n, const char *option)
{
	for (size_t i = 0; i < n; i++) {
		const char *closed;
		size_t k = 0;

		while (k < x->all->n && !ward_change_within(&x->all->v[k], paths[i]))
			k++;
		if (k < x->all->n)
			continue;
		closed = ward_review_closed(x->all, paths[i]);
		if (closed)
			(void)ward_fail(x->err, WARD_E_INVALID,
				"%s%s: it lies in %s, which cannot be looked into", option,
				ward_rs_show(&x->rules.side.rs, given[i]),
				ward_rs_show(&x->rules.side.rs, closed));
		else
			(void)ward_fail(x->err, WARD_E_INVALID,
				"%s%s: the run changed nothing there", option,
				ward_rs_show(&x->rules.side.rs, given[i]));
		ward_fail_fix(x->err, "%s",
			closed ? "ward commit --dry-run says how to open it"
			       : "ward diff --name-status shows what it changed");
		return WARD_E_INVALID;
	}
	return WARD_OK;
}

static int paths(struct committing *x)
{
	const struct ward_review_commit *q = x->what;
	struct ward_review_terms *t = &x->terms;
	int r = all_below(x, q->paths, q->n_paths, &t->paths);

	if (r == WARD_OK)
		r = all_below(x, q->theirs, q->n_theirs, &t->theirs);
	if (r == WARD_OK)
		r = all_below(x, q->ours, q->n_ours, &t->ours);
	if (r == WARD_OK)
		r = means_something(x, q->paths, t->paths, q->n_paths, "");
	if (r == WARD_OK)
		r = means_something(x, q->theirs, t->theirs, q->n_theirs, "--theirs ");
	if (r == WARD_OK)
		r = means_something(x, q->ours, t->ours, q->n_ours, "--ours ");
	t->n_paths = q->n_paths;
	t->n_theirs = q->n_theirs;
	t->n_ours = q->n_ours;
	return r;
}

/* ---- the run ---- */

static int open_run(struct committing *x)
{
	const struct ward_review_commit *q = x->what;
	char cwd[WARD_PATH_MAX];
	int r = WARD_OK;

	if (getenv("WARD_RUN")) {
		(void)ward_fail(x->err, WARD_E_REFUSED,
			"nothing is committed from inside a sandbox (WARD_RUN is set)");
		ward_fail_fix(x->err, "use a shell outside of it");
		return WARD_E_REFUSED;
	}
	if (!q->run && !getcwd(cwd, sizeof(cwd)))
		return ward_fail(x->err, WARD_E_SYSTEM, "the working directory: %s",
			strerror(errno));
	if (!q->run)
		r = ward_workspace_find(cwd, true, x->run, x->err);
	return r < 0
		? r
		: ward_workspace_open(q->run ? q->run : x->run,
			  q->dry_run ? WARD_WORKSPACE_LOOK : WARD_WORKSPACE_CHANGE, &x->w, x->err);
}

static int check_state(struct committing *x)
{
	enum ward_workspace_state s = ward_workspace_state(x->w);
	bool began = s == WARD_WORKSPACE_COMMITTING;

	if (x->what->step == WARD_REVIEW_COMMIT && began) {
		(void)ward_fail(x->err, WARD_E_REFUSED, "a commit of %s began and did not end",
			x->run);
		ward_fail_fix(x->err, "ward commit %s --continue finishes it, --abort undoes it",
			x->run);
		return WARD_E_REFUSED;
	}
	if (s == WARD_WORKSPACE_LIVE && !x->automatic && x->what->dry_run) {
		(void)ward_fail(x->err, WARD_E_REFUSED, "run %s is still running", x->run);
		ward_fail_fix(x->err, "wait for its end, or end it: ward stop %s", x->run);
		return WARD_E_REFUSED;
	}
	if (s == WARD_WORKSPACE_LOST) {
		(void)ward_fail(x->err, WARD_E_NOTFOUND, "what %s changed %s", x->run,
			ward_workspace_lost(ward_workspace_facts(x->w)));
		ward_fail_fix(x->err, "ward discard %s forgets it", x->run);
		return WARD_E_NOTFOUND;
	}
	/* A file that was renamed, and of which only the old name's end was kept, is as good as deleted. */
	if (ward_workspace_facts(x->w)->incomplete && !x->what->incomplete &&
		x->what->step == WARD_REVIEW_COMMIT) {
		(void)ward_fail(x->err, WARD_E_REFUSED,
			"not all that %s wrote could be kept: what is missing may look deleted",
			x->run);
		ward_fail_fix(x->err,
			"look at what there is with ward diff %s; ward commit %s --incomplete makes it real",
			x->run, x->run);
		return WARD_E_REFUSED;
	}
	return WARD_OK;
}

/* Of whom, and where. x->w is open. */
static int begin(struct committing *x)
{
	const struct ward_workspace_facts *f = ward_workspace_facts(x->w);
	uint64_t torn;

	memcpy(x->run, f->run, sizeof(x->run));
	x->told.run = x->run;
	x->told.root = f->root;
	x->told.dry_run = x->what->dry_run;
	return ward_audit_open(f->log, &x->log, &torn, x->err);
}

/* The policies that the run had, asked as it would have asked them; without them nothing is real. */
static int recall(struct committing *x)
{
	const struct ward_workspace_facts *f = ward_workspace_facts(x->w);
	struct ward_policy_run of = { x->run, f->log };
	int r = ward_rules_recall(&of, &x->rules, x->err);

	if (r < 0)
		return r;
	if (!ward_streq(x->rules.workspace, f->root)) {
		(void)ward_fail(x->err, WARD_E_REFUSED,
			"the log has another workspace for %s than its record", x->run);
		ward_fail_fix(x->err, "ward discard %s forgets it", x->run);
		return WARD_E_REFUSED;
	}
	x->terms.rs = &x->rules.side.rs;
	x->terms.book = x->rules.side.book->book;
	x->terms.desk = x->rules.side.book->desk;
	x->terms.w = x->w;
	x->terms.conflict = ward_commit_conflict;
	x->terms.automatic = x->automatic;
	x->terms.lives = x->landing != NULL;
	if (x->landing) {
		x->terms.pick = x->landing->pick;
		x->terms.told = x->landing->told;
		x->terms.arg = x->landing->arg;
	}
	x->told.policy = x->rules.side.book->sha256;
	return WARD_OK;
}

static int read_changes(struct committing *x)
{
	x->terms.layer = ward_workspace_layer(x->w, x->err);
	if (x->terms.layer < 0)
		return x->err->code;
	x->terms.root = ward_workspace_root(x->w, x->err);
	if (x->terms.root < 0)
		return x->err->code;
	return ward_workspace_changes(x->w,
		x->landing                 ? WARD_CHANGES_QUICK
			: x->what->dry_run ? WARD_CHANGES_ALL
					   : WARD_CHANGES_LAST,
		&x->all, x->err);
}

/* ---- the decisions ---- */

static void count(struct committing *x)
{
	x->told.n_applied = x->told.n_left = 0;
	for (size_t i = 0; i < x->d.n; i++) {
		if (ward_review_is_real(&x->d.v[i]))
			x->told.n_applied++;
		else if (x->d.v[i].wanted)
			x->told.n_left++;
	}
}

static int judge(struct committing *x)
{
	WARD_FD fd = -1;
	int r = ward_review_judge(&x->terms, x->all, &x->d, &x->told.unsure, x->err);

	if (r < 0)
		return r;
	if (!x->automatic)
		ward_review_agreed(&x->d, x->what->yes);
	if (!x->automatic && x->what->ask && !x->what->dry_run)
		fd = ward_terminal_open();
	if (fd >= 0)
		r = ward_review_ask(fd, &x->terms, &x->d, x->err);
	if (fd >= 0 && r == WARD_OK)
		ward_review_repos_again(&x->terms, &x->d);
	if (r == WARD_OK)
		r = ward_review_settle(x->rules.side.arena, &x->d, x->err);
	count(x);
	return r;
}

/* ---- making it real ---- */

static int path_of_decision(const void *key, const void *decision)
{
	return strcmp(key, ((const struct ward_review_decision *)decision)->change->path);
}

/* The decisions are in the order of the changes, which is that of their paths. What is left may be the old name of a rename alone. */
static struct ward_review_decision *of_path(struct committing *x, const char *path)
{
	struct ward_review_decision *d =
		bsearch(path, x->d.v, x->d.n, sizeof(*x->d.v), path_of_decision);

	for (size_t i = 0; !d && i < x->d.n; i++) {
		const char *from = x->d.v[i].change->from;

		if (from && ward_streq(from, path))
			d = &x->d.v[i];
	}
	return d;
}

/* It was to be real, and is not after all. */
static void not_real(struct committing *x, struct ward_review_decision *d, const char *path,
	const char *why)
{
	if (x->landing)
		x->landing->left(x->landing->arg, path);
	if (!d)
		return;
	d->effect = WARD_REVIEW_CONFLICT;
	d->why = ward_arena_strdup(x->rules.side.arena, why);
	d->rule = NULL;
	d->cure = "ward commit again";
}

static void left(void *arg, const char *path, const char *why)
{
	struct committing *x = arg;
	struct ward_review_decision *d = of_path(x, path);
	struct ward_error ignored = WARD_ERROR_INIT;

	not_real(x, d, path, why);
	/* The end is recorded all the same, and says how many are left. */
	if (d && !x->what->dry_run)
		(void)ward_review_record_left(x->log, &x->told, d, &ignored);
}

/* All that becomes real, or is forgotten. */
static int items(struct committing *x, struct ward_commit_item **ret, size_t *ret_n)
{
	struct ward_commit_item *v =
		ward_arena_alloc(x->rules.side.arena, (x->d.n + 1) * sizeof(*v));
	size_t n = 0;

	if (!v)
		return ward_rs_nomem(x->err);
	for (size_t i = 0; i < x->d.n; i++) {
		const struct ward_review_decision *d = &x->d.v[i];

		if (ward_review_is_real(d))
			v[n++] = (struct ward_commit_item){ .change = d->change,
				.side = d->side,
				.git = ward_review_repos_goes(d),
				/* They were asked about, as everything critical is. */
				.set_id = d->level == WARD_APPROVAL_CRITICAL && d->how };
	}
	*ret = v;
	*ret_n = n;
	return WARD_OK;
}

struct looking {
	struct committing *x;
	bool torn;
};

static void would_be_left(void *arg, const char *path, const char *why)
{
	struct looking *l = arg;
	struct ward_review_decision *d = of_path(l->x, path);

	if (!d || !ward_review_repos_held_by(d))
		return;
	not_real(l->x, d, path, why);
	l->torn = true;
}

/*
 * What the file system refuses only the plan of the commit knows. Of a repository the others wait for it; and what they wait with may keep
 * something of another one. So often as that is found; then all of them wait.
 */
static int look_ahead(struct committing *x)
{
	struct looking l = { .x = x, .torn = true };
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && l.torn && ward_review_repos_any(&x->d); i++) {
		struct ward_commit_item *v = NULL;
		size_t n = 0;

		l.torn = i == PLANS_MAX;
		if (l.torn)
			ward_review_repos_none(&x->d);
		else
			r = items(x, &v, &n);
		if (r == WARD_OK && n > 0)
			r = ward_commit_try(x->w, x->all, v, n, would_be_left, &l, x->err);
		if (r == WARD_OK && l.torn)
			r = ward_review_settle(x->rules.side.arena, &x->d, x->err);
	}
	count(x);
	return r;
}

static int apply(struct committing *x)
{
	struct ward_commit_item *v = NULL;
	size_t n = 0;
	int r = items(x, &v, &n);

	if (r < 0 || n == 0)
		return r;
	if (x->what->dry_run)
		return ward_commit_try(x->w, x->all, v, n, left, x, x->err);
	return x->landing ? ward_commit_land(x->w, x->all, v, n, left, x, x->err)
			  : ward_commit_apply(x->w, x->all, v, n, left, x, x->err);
}

/* Nothing of it waits any more? Then it is forgotten. */
static int tidy(struct committing *x)
{
	struct ward_changes *rest = NULL;
	int r = ward_workspace_changes(x->w, WARD_CHANGES_LAST, &rest, x->err);

	x->told.removed = r == WARD_OK && rest->n == 0;
	ward_changes_free(rest);
	return r;
}

/* w is gone with it, and what facts were of it. */
static int forget(struct committing *x)
{
	struct ward_workspace *w = x->w;

	x->w = NULL;
	return ward_workspace_remove(w, x->err);
}

static const char *step_name(const struct committing *x)
{
	static const char *const names[] = { "commit", "continue", "abort" };

	return x->landing ? "live" : x->automatic ? "auto" : names[x->what->step];
}

/* It did not begin: nothing became real. */
static int never_began(struct committing *x, int r)
{
	x->told.n_left += x->told.n_applied;
	x->told.n_applied = 0;
	return r;
}

static int finish(struct committing *x, int r)
{
	struct ward_error more = WARD_ERROR_INIT;

	/* Its journal was never whole. */
	if (r < 0 &&
		faccessat(ward_workspace_dir(x->w), WARD_WORKSPACE_JOURNAL, F_OK,
			AT_SYMLINK_NOFOLLOW) < 0 &&
		errno == ENOENT)
		(void)never_began(x, r);
	else if (r < 0)
		x->told.unfinished = true;

	if (r == WARD_OK) {
		count(x);
		r = x->landing ? WARD_OK : tidy(x);
	}
	if (r < 0) {
		(void)ward_review_record_end(x->log, &x->told, step_name(x), x->err->message,
			&more);
		return r;
	}
	r = ward_review_record_end(x->log, &x->told, step_name(x), NULL, x->err);
	x->told.root = ward_arena_strdup(x->rules.side.arena, x->told.root);
	if (r == WARD_OK && x->told.removed)
		r = forget(x);
	return r;
}

static int commit(struct committing *x)
{
	int r = check_state(x), looked;

	if (r == WARD_OK)
		r = recall(x);
	if (r == WARD_OK)
		r = read_changes(x);
	if (r == WARD_OK && !x->automatic)
		r = paths(x);
	if (r == WARD_OK)
		r = judge(x);
	if (r < 0)
		return r;
	looked = look_ahead(x);
	if (x->what->dry_run) {
		r = looked < 0 ? looked : apply(x);
		count(x);
		return r;
	}
	if (x->landing && looked == WARD_OK && x->told.n_applied + x->told.n_left == 0)
		return WARD_OK;
	r = ward_review_record(x->log, &x->told, &x->d, x->err);
	return r < 0 ? never_began(x, r) : finish(x, looked < 0 ? looked : apply(x));
}

/* ---- one that began and did not end ---- */

struct lefts {
	struct ward_buf text;
	size_t n;
};

static void left_again(void *arg, const char *path, const char *why)
{
	struct lefts *l = arg;

	l->n++;
	ward_buf_adds(&l->text, "conflict: ");
	ward_quote(&l->text, path, strlen(path));
	ward_buf_addf(&l->text, ": %s\n", why);
}

static int again(struct committing *x, char **ret_text, size_t *ret_left)
{
	bool on = x->what->step == WARD_REVIEW_CONTINUE;
	struct lefts l = { .text = WARD_BUF_INIT };
	struct ward_error more = WARD_ERROR_INIT;
	int r = on ? ward_commit_continue(x->w, left_again, &l, x->err)
		   : ward_commit_abort(x->w, left_again, &l, x->err);
	int unread = r == WARD_OK ? read_changes(x) : r;

	x->told.n_left = l.n;
	if (unread == WARD_OK && on && !x->landing && x->all->n == 0)
		x->told.removed = true;
	if (r < 0)
		(void)ward_review_record_end(x->log, &x->told, step_name(x), x->err->message,
			&more);
	else
		r = ward_review_record_end(x->log, &x->told, step_name(x), NULL,
			unread < 0 ? &more : x->err);
	if (r == WARD_OK)
		ward_buf_addf(&l.text, "%s %s: %zu left as they were%s\n",
			on ? "finished" : "undone", x->run, l.n,
			x->told.removed ? "; nothing of the run waits any more" : "");
	if (r == WARD_OK && x->told.removed)
		r = forget(x);
	/* It is finished or undone, whatever can be told of the rest; x->err says why that cannot be. */
	r = r < 0 ? r : unread;
	*ret_left = l.n;
	*ret_text = ward_buf_take(&l.text);
	return r;
}

/* ---- the public side ---- */

/* A number that is no step would be taken for one that undoes, and one that is no yes for a yes. */
static bool is_clear(const struct ward_review_commit *w)
{
	return w && (unsigned)w->step <= WARD_REVIEW_ABORT &&
		(unsigned)w->yes <= WARD_REVIEW_YES_CRITICAL && (w->n_paths == 0 || w->paths) &&
		(w->n_theirs == 0 || w->theirs) && (w->n_ours == 0 || w->ours);
}

int ward_review_commit(const struct ward_review_commit *what, char **ret_text, size_t *ret_left,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error own = WARD_ERROR_INIT;
	struct committing x = { .what = what, .err = err ? err : &own };
	size_t n_left = 0;
	bool found;
	int r;

	if (!ret_text || !is_clear(what))
		return ward_fail(err, WARD_E_INVALID,
			"ward_review_commit without what is meant, or a place for the text");
	*ret_text = NULL;
	r = open_run(&x);
	found = r == WARD_OK;
	if (r == WARD_OK)
		r = begin(&x);
	if (r == WARD_OK && what->step != WARD_REVIEW_COMMIT) {
		r = again(&x, ret_text, &n_left);
	} else if (r == WARD_OK) {
		r = commit(&x);
		n_left = x.told.n_left;
		if (x.d.v && what->json)
			ward_review_json(&x.told, &x.d, &b);
		else if (x.d.v)
			ward_review_text(&x.told, &x.d, &b);
		*ret_text = x.d.v ? ward_buf_take(&b) : NULL;
	}
	/* Of the run alone is said that it is not there: whatever it lacks keeps its commit from being made. */
	if (found && r == WARD_E_NOTFOUND) {
		r = WARD_E_REFUSED;
		if (err)
			err->code = r;
	}
	ward_review_log_fix(x.err);
	if (ret_left)
		*ret_left = n_left;
	done(&x);
	return r;
}

/* A sentence of ours, without a path. What hangs on another is no reason of its own. */
static void first_left(const struct ward_review_decisions *d, char ret[WARD_REVIEW_WHY_SIZE])
{
	ret[0] = '\0';
	for (size_t i = 0; i < d->n && !ret[0]; i++) {
		const struct ward_review_decision *k = &d->v[i];

		if (ward_review_is_real(k) || k->effect == WARD_REVIEW_BEHIND || !k->why)
			continue;
		(void)snprintf(ret, WARD_REVIEW_WHY_SIZE, "%s%s", k->why,
			ward_streq(k->rule, WARD_REVIEW_OPTION)
				? "; --write PATH beside --review grants it"
				: "");
	}
}

int ward_review_auto(struct ward_workspace *w, size_t *ret_applied, size_t *ret_left,
	bool *ret_gone, char ret_why[WARD_REVIEW_WHY_SIZE], struct ward_error *err)
{
	static const struct ward_review_commit nothing;
	struct committing x = { .what = &nothing, .automatic = true, .w = w, .err = err };
	int r = begin(&x);

	if (r == WARD_OK)
		r = commit(&x);
	*ret_applied = r == WARD_OK ? x.told.n_applied : 0;
	*ret_left = x.told.n_left;
	*ret_gone = x.w == NULL;
	first_left(&x.d, ret_why);
	done(&x);
	return r;
}

int ward_review_land(struct ward_workspace *w, const struct ward_review_landing *how,
	size_t *ret_applied, size_t *ret_recorded, struct ward_error *err)
{
	static const struct ward_review_commit nothing;
	struct committing x = {
		.what = &nothing, .automatic = true, .landing = how, .w = w, .err = err
	};
	int r = begin(&x);

	if (r == WARD_OK)
		r = commit(&x);
	*ret_applied = r == WARD_OK ? x.told.n_applied : 0;
	*ret_recorded = x.told.n_recorded;
	done(&x);
	return r;
}

int ward_review_land_on(struct ward_workspace *w, const struct ward_review_landing *how,
	struct ward_error *err)
{
	static const struct ward_review_commit on = { .step = WARD_REVIEW_CONTINUE };
	struct committing x = {
		.what = &on, .automatic = true, .landing = how, .w = w, .err = err
	};
	char *text = NULL;
	size_t left = 0;
	int r = begin(&x);

	if (r == WARD_OK)
		r = again(&x, &text, &left);
	free(text);
	done(&x);
	return r;
}
