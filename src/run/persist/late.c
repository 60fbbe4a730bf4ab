/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the end, when nothing of the run is alive: what runs code later for its user and was not there before, or is another than it was;
 * and what a run has no business to leave: set-ID bits, device nodes, links that lead out of what was granted. Nothing is taken away and
 * nothing repaired: people look at it. A look that fails or is cut short says so, and changes nothing about how the run ended.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"
#include "run/persist/persist.h"

/* What is listed after the names: whoever makes many of these displaces none of those. */
struct further {
	struct ward_outcome_late v[WARD_LATE_NAMES_MAX];
	size_t n;
	uint64_t total;
};

struct looking {
	struct life *l;
	const struct ward_before *b;
	struct further inside, others;
	char repository
		[WARD_PATH_MAX]; /* one that came to be, and was told: so is what git obeys of it */
	struct ward_error *err;
};

/* ---- what there was ---- */

static int compare(const void *key, const void *v)
{
	return strcmp(key, ((const struct ward_known *)v)->path);
}

static const struct ward_known *known(const struct looking *x, const char *path)
{
	const struct ward_known *k = x->b->n_known == 0
		? NULL
		: bsearch(path, x->b->known, x->b->n_known, sizeof(*x->b->known), compare);

	/* The first of those of one path says that it was held, if any does. */
	while (k && k > x->b->known && ward_streq(k[-1].path, path))
		k--;
	return k && !k->asked ? k : NULL;
}

/* One that git took for its own: an ordinary name of the same path may have become one. */
static bool known_git(const struct looking *x, const char *path)
{
	const struct ward_known *k = known(x, path), *end = x->b->known + x->b->n_known;

	for (; k && k < end && ward_streq(k->path, path); k++) {
		if (k->git)
			return true;
	}
	return false;
}

static int64_t changed_at(const struct stat *st)
{
	return st->st_ctim.tv_sec * 1000000000LL + st->st_ctim.tv_nsec;
}

static bool look_at(const struct ward_hit *h, struct stat *st)
{
	return fstatat(h->dir, h->name, st,
		       AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH) == 0;
}

/* ---- what is told ---- */

static bool is_told(const struct looking *x, const char *path)
{
	const struct ward_outcome *o = x->l->o;

	for (size_t i = 0; i < o->n_late; i++) {
		if (ward_streq(o->late[i].path, path))
			return true;
	}
	return false;
}

/* Once: what a rule kept from the run may have such a name as well. */
static int list(struct looking *x, const struct ward_outcome_late *late)
{
	if (late->held && is_told(x, late->path))
		return WARD_OK;
	return ward_outcome_add_late(x->l->o, late) < 0
		? ward_fail(x->err, WARD_E_NOMEM, "no memory for the names that are listed")
		: WARD_OK;
}

static int tell(struct looking *x, const char *path, const char *what, const char *why)
{
	return list(x, &(struct ward_outcome_late){ path, what, why, false, false });
}

static int tell_further(struct looking *x, struct further *f, const char *path, const char *what,
	const char *why)
{
	f->total++;
	if (f->n == WARD_LATE_NAMES_MAX)
		return WARD_OK;
	f->v[f->n] = (struct ward_outcome_late){ ward_arena_strdup(x->l->o->arena, path), what, why,
		false, false };
	if (!f->v[f->n].path)
		return ward_fail(x->err, WARD_E_NOMEM, "no memory for the names that are listed");
	f->n++;
	return WARD_OK;
}

static int list_further(struct looking *x, const struct further *f)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < f->n; i++)
		r = tell(x, f->v[i].path, f->v[i].what, f->v[i].why);
	x->l->o->late_total += f->total - f->n;
	return r;
}

static bool within_any(const struct looking *x, const char *path)
{
	for (size_t i = 0; i < x->b->n_roots; i++) {
		if (ward_path_within(path, x->b->roots[i]))
			return true;
	}
	return false;
}

/* By its text: where a link would lead that is followed tomorrow. */
static int link_out(struct looking *x, const struct ward_hit *h)
{
	char to[WARD_PATH_MAX], all[2 * WARD_PATH_MAX], path[WARD_PATH_MAX];
	size_t dir = strlen(h->path) - strlen(h->name);
	ssize_t n = readlinkat(h->dir, h->name, to, sizeof(to) - 1);
	struct stat st;

	if (n <= 0 || !look_at(h, &st) || changed_at(&st) < x->b->since_ns)
		return WARD_OK;
	to[n] = '\0';
	(void)snprintf(all, sizeof(all), "%.*s%s", to[0] == '/' ? 0 : (int)dir, h->path, to);
	if (ward_path_normalize(all, path, sizeof(path)) >= 0 && within_any(x, path))
		return WARD_OK;
	return tell_further(x, &x->others, h->path, "appeared",
		"it is a link that leads out of what was granted");
}

static int other(struct looking *x, const struct ward_hit *h)
{
	struct stat st;

	if (h->type == DT_LNK)
		return link_out(x, h);
	if (h->type != DT_REG && h->type != DT_CHR && h->type != DT_BLK)
		return WARD_OK;
	if (!look_at(h, &st) || changed_at(&st) < x->b->since_ns)
		return WARD_OK;
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		return tell_further(x, &x->others, h->path, "appeared", "it is a device node");
	if (S_ISREG(st.st_mode) && (st.st_mode & (S_ISUID | S_ISGID)))
		return tell_further(x, &x->others, h->path, "appeared",
			"it has set-ID bits: whoever starts it gets the rights of its owner");
	return WARD_OK;
}

/*
 * Ward's own, while runs live: nothing of a run could be there, or come to be. Of other runs' only an empty directory is taken for one, and a
 * commondir that says nothing: any other file that is marked like one may be anybody's.
 */
static bool is_pin(const struct looking *x, const struct ward_hit *h)
{
	const struct ward_plan *p = x->l->plan;

	if (!ward_is_pin(h->dir, h->name))
		return false;
	for (size_t i = 0; i < p->n_nodes; i++) {
		if (p->nodes[i].pin && ward_streq(p->nodes[i].dest, h->path))
			return true;
	}
	return h->type == DT_DIR || (h->git && ward_streq(h->name, "commondir"));
}

static int name(struct looking *x, const struct ward_hit *h)
{
	const struct ward_known *k = known(x, h->path);
	struct stat st;

	if (!look_at(h, &st) || is_pin(x, h))
		return WARD_OK;
	if (k && k->dev == st.st_dev && k->ino == st.st_ino && k->ctime_ns == changed_at(&st))
		return WARD_OK;
	/* Whoever replaces it outside takes the mount away that held it, and the command may have gone on from there. */
	if (k && k->held)
		return k->ino == 0 ? WARD_OK
				   : list(x,
					     &(struct ward_outcome_late){
						     h->path, "changed", h->why, true, false });
	/* What was not looked at before may have been there. */
	if (!k && x->b->cut && changed_at(&st) < x->b->since_ns)
		return WARD_OK;
	return tell(x, h->path, k && k->ino ? "changed" : "appeared", h->why);
}

static int repository(struct looking *x, const struct ward_hit *h)
{
	if (known_git(x, h->path) || is_pin(x, h))
		return WARD_OK;
	(void)snprintf(x->repository, sizeof(x->repository), "%s", h->path);
	return tell(x, h->path, "appeared", h->why);
}

/* Something that may be written lies there by name, though what is above it does not. */
static bool is_granted(const struct looking *x, const char *path, const char *below)
{
	const struct ward_plan *p = x->l->plan;

	for (size_t i = 0; i < p->n_nodes; i++) {
		if (p->nodes[i].write && ward_path_within(path, p->nodes[i].dest) &&
			ward_path_within(p->nodes[i].dest, below))
			return true;
	}
	return false;
}

/* A directory is another than it was only when names in it come and go: what lies in one that was there counts by itself. */
static int inside(struct looking *x, const struct ward_hit *h, bool *ret_told)
{
	const struct ward_known *k = known(x, h->below);
	struct stat st;

	if (!k || !look_at(h, &st) || changed_at(&st) < x->b->since_ns ||
		(k->held && !is_granted(x, h->path, h->below)))
		return WARD_OK;
	*ret_told = true;
	return tell_further(x, &x->inside, h->path, "changed", k->why);
}

/* Nothing else is: whoever makes a repository of the workspace would hide all below it. */
static bool of_new_repository(const struct looking *x, const struct ward_hit *h)
{
	size_t n = strlen(h->path) - strlen(h->name);

	return h->git && n > 1 && strlen(x->repository) == n - 1 &&
		strncmp(h->path, x->repository, n - 1) == 0;
}

static int hit(void *arg, const struct ward_hit *h, bool *ret_enter)
{
	struct looking *x = arg;
	bool told = false;
	int r = WARD_OK;

	(void)ret_enter;
	if (h->kind == WARD_HIT_OTHER) {
		if (h->below)
			r = inside(x, h, &told);
		return r < 0 || told ? r : other(x, h);
	}
	if (of_new_repository(x, h))
		return WARD_OK;
	return h->kind == WARD_HIT_GIT ? repository(x, h) : name(x, h);
}

/* Where there was none before, something may hide behind the looks of one. */
static bool objects(void *arg, const char *path)
{
	return !known_git(arg, path);
}

/* ---- what is looked at by name ---- */

/* Of a name that a run kept from coming to be, and still does. */
static bool is_kept(const struct looking *x, const char *path)
{
	const struct ward_plan *p = x->l->plan;

	for (size_t i = 0; i < p->n_nodes; i++) {
		if (p->nodes[i].pin && ward_streq(p->nodes[i].dest, path))
			return true;
	}
	return false;
}

static int asked(struct looking *x, bool *io_cut)
{
	int r = WARD_OK;

	ward_looks_begin(&x->l->looks);

	for (size_t i = 0; r == WARD_OK && i < x->b->n_known; i++) {
		const struct ward_known *k = &x->b->known[i];
		struct stat st;

		int e = k->asked ? ward_look(&x->l->looks, k->path, 0, &st) : -ENOENT;

		*io_cut = *io_cut || e == -ETIMEDOUT;
		if (e < 0 ||
			(k->dev == st.st_dev && k->ino == st.st_ino &&
				k->ctime_ns == changed_at(&st)) ||
			is_kept(x, k->path) || is_told(x, k->path))
			continue;
		r = tell(x, k->path, k->ino ? "changed" : "appeared", k->why);
	}
	return r;
}

/* ---- all of it ---- */

static int record(struct life *l, struct ward_error *err)
{
	const struct ward_outcome *o = l->o;
	struct ward_event *events = calloc(o->n_late + 1, sizeof(*events));
	char **details = calloc(o->n_late + 1, sizeof(*details));
	int r = events && details ? WARD_OK : ward_fail(err, WARD_E_NOMEM, "no memory for records");

	for (size_t i = 0; events && details && r == WARD_OK && i < o->n_late; i++) {
		struct ward_buf b = WARD_BUF_INIT;

		ward_jw_open(&b, '{');
		ward_jw_kstr(&b, "what", o->late[i].what);
		ward_jw_kstr(&b, "why", o->late[i].why);
		ward_jw_kbool(&b, "held", o->late[i].held);
		ward_jw_close(&b, '}');
		details[i] = ward_buf_take(&b);
		if (!details[i])
			r = ward_fail(err, WARD_E_NOMEM, "no memory for a record");
		events[i] = (struct ward_event){ .kind = "fs.late",
			.action = o->late[i].read ? "FILE_READ" : "FILE_WRITE",
			.resource = o->late[i].path,
			.detail_json = details[i] };
		record_event(l, &events[i]);
	}
	if (r == WARD_OK)
		r = record_append(l, events, o->n_late, false, NULL, err);
	for (size_t i = 0; details && i < o->n_late; i++)
		free(details[i]);
	free(details);
	free(events);
	return r;
}

static int tell_on_path(void *arg, const char *path, const char *what, const char *why)
{
	return is_told(arg, path) ? WARD_OK : tell(arg, path, what, why);
}

/* What nobody looks into: as at the start, and whose server has gone since. How many of these; -1: no memory. */
static ssize_t not_looked_into(struct life *l, const char ***ret)
{
	const struct ward_before *b = &l->before;
	const char **v = calloc(b->n_gone + b->n_remote + 1, sizeof(*v));
	size_t n = 0;

	*ret = v;
	if (!v)
		return -1;
	for (size_t i = 0; i < b->n_gone; i++)
		v[i] = b->gone[i];
	if (b->n_remote > 0)
		n = ward_gone_since(b->remote, b->n_remote, v + b->n_gone);
	for (size_t i = 0; i < n; i++)
		ward_outcome_note(l->o,
			"warning: names that run code later: %s was not looked through at the end: what is mounted there does not answer",
			v[b->n_gone + i]);
	return (ssize_t)n;
}

static int look(struct life *l, bool *ret_cut, struct ward_error *err)
{
	const char **gone;
	ssize_t since = not_looked_into(l, &gone);
	struct looking *x = calloc(1, sizeof(*x));
	struct ward_hunt h = { .hit = hit,
		.objects = objects,
		.arg = x,
		.workspace = l->plan->workspace,
		.gone = gone,
		.n_gone = l->before.n_gone + (size_t)(since > 0 ? since : 0),
		.all = true,
		.err = err };
	struct ward_on_path_tell told = { .tell = tell_on_path, .arg = x, .looks = &l->looks };
	int r = WARD_OK;

	if (!x || since < 0) {
		free(x);
		free(gone);
		return ward_fail(err, WARD_E_NOMEM, "no memory to look for names");
	}
	x->l = l;
	x->b = &l->before;
	x->err = err;
	ward_hunt_init(&h);
	r = ward_hunt_all(&h, l->before.roots, l->before.n_roots);
	if (r == WARD_OK)
		r = asked(x, &h.cut);
	ward_looks_begin(&l->looks);
	if (r == WARD_OK)
		r = ward_on_path_look(x->b, &told);
	if (r == WARD_OK)
		r = list_further(x, &x->inside);
	if (r == WARD_OK)
		r = list_further(x, &x->others);
	free(x);
	free(gone);
	*ret_cut = h.cut || l->before.cut || told.cut || since > 0;
	return r;
}

/* Of what fails only the log counts for the run. */
int ward_late_look(struct life *l, struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;
	bool cut = false;
	int r = ward_lost_look(l, err);

	/* First: whoever makes many names displaces none of those. */
	if (r < 0)
		return r;
	if (l->plan->late_names != WARD_LATE_TOLD) {
		/* Where nothing could be written that is all. Else nobody looked at the rest. */
		l->o->late_looked = l->o->lost || l->o->lost_unknown;
		l->o->late_complete = l->plan->late_names == WARD_LATE_NONE;
		return l->o->lost ? record(l, err) : WARD_OK;
	}
	l->o->late_wanted = true;
	r = look(l, &cut, &why);
	if (r < 0)
		ward_outcome_warn(l->o, "names that run code later: the look at the end failed",
			&why);
	l->o->late_looked = true;
	l->o->late_complete = r == WARD_OK && !cut;
	return record(l, err);
}
