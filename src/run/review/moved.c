/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run moved is two changes where it is no rename (over a file that was there, or two that changed places): one takes content away,
 * and the other has it, maybe alone. So the first waits for the second; and what is forgotten of the second is forgotten of both, or not
 * before a person has named both.
 */
#include <string.h>

#include "run/review/moved.h"

static const char waits[] = "what it had is in another change, which does not become real";
static const char may_wait[] = "what it had may be in another change, which does not become real";
static const char much_waits[] =
	"much of what it had may be in another change, which does not become real";
static const char much_forgotten[] =
	"much of what it had may be in another change, which is forgotten";
static const char holds[] =
	"it has what another change takes out of the project, so to forget it alone could lose that";
static const char much_holds[] =
	"it may have much of what another change takes out of the project, so to forget it alone could lose that";

/* Which change has what it takes away: SIZE_MAX, none. */
static size_t holder(const struct ward_review_decisions *d, size_t i)
{
	const struct ward_change *to = d->v[i].change->moved_to;

	return to ? (size_t)(to - d->v[0].change) : SIZE_MAX;
}

static const char *quoted(struct ward_arena *a, const char *text, const char *path,
	const char *what)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const char *said;

	ward_buf_adds(&b, text);
	ward_buf_adds(&b, what);
	ward_quote(&b, path, strlen(path));
	said = b.failed ? NULL : ward_arena_strdup(a, ward_buf_cstr(&b));
	return said ? said : text;
}

/* It is a guess that to has it: nobody said that what is gone is to stay, so it waits for a word. */
static void forget_one(struct ward_arena *a, struct ward_review_decision *d,
	const struct ward_review_decision *to)
{
	d->wanted = true;
	if (d->effect != WARD_REVIEW_APPLY && d->effect != WARD_REVIEW_ASK)
		return;
	d->effect = WARD_REVIEW_BEHIND;
	d->why = quoted(a, much_forgotten, to->change->path, ": ");
	d->rule = NULL;
	d->cure = "the next commit removes it, and --theirs of it keeps what the project has";
}

/* --theirs of to, which has what d takes away. */
static void forget_both(struct ward_arena *a, struct ward_review_decision *d,
	struct ward_review_decision *to)
{
	if (d->side == WARD_COMMIT_THEIRS || d->by_name)
		return;
	if (d->change->kind == WARD_CHANGE_DELETED && d->change->moved_part) {
		forget_one(a, d, to);
		return;
	}
	/* A deletion has nothing to be lost by being forgotten; what the run wrote has. */
	if (d->change->kind == WARD_CHANGE_DELETED) {
		d->side = WARD_COMMIT_THEIRS;
		d->wanted = d->wanted || to->wanted;
		d->effect = WARD_REVIEW_APPLY;
		d->why = "what it had was forgotten elsewhere, so what the project has stays";
		d->rule = d->cure = NULL;
		return;
	}
	to->side = WARD_COMMIT_NEITHER;
	to->effect = WARD_REVIEW_CONFLICT;
	to->why = quoted(a, d->change->moved_part ? much_holds : holds, d->change->path, ": ");
	to->rule = NULL;
	to->cure =
		"--theirs of both forgets both; with --ours of the other by its own name what it had is lost";
}

void ward_review_moved_sides(struct ward_arena *a, struct ward_review_decisions *d)
{
	for (size_t i = 0; i < d->n; i++) {
		size_t to = holder(d, i);

		if (to < d->n && d->v[to].side == WARD_COMMIT_THEIRS && d->v[to].wanted)
			forget_both(a, &d->v[i], &d->v[to]);
	}
}

/* ---- what waits ---- */

int ward_review_moved_new(struct ward_arena *a, const struct ward_review_decisions *d,
	struct ward_review_moved *ret, struct ward_error *err)
{
	size_t n = 0;

	*ret = (struct ward_review_moved){ 0 };
	for (size_t i = 0; i < d->n; i++)
		n += d->v[i].change->moved_to != NULL;
	if (n == 0)
		return WARD_OK;
	ret->first = ward_arena_alloc(a, d->n * sizeof(*ret->first));
	ret->next = ward_arena_alloc(a, d->n * sizeof(*ret->next));
	ret->todo = ward_arena_alloc(a, d->n * sizeof(*ret->todo));
	if (!ret->first || !ret->next || !ret->todo)
		return ward_rs_nomem(err);
	memset(ret->first, 0, d->n * sizeof(*ret->first));
	for (size_t i = 0; i < d->n; i++) {
		size_t to = holder(d, i);

		if (to >= d->n)
			continue;
		ret->next[i] = ret->first[to];
		ret->first[to] = (uint32_t)i + 1;
	}
	return WARD_OK;
}

static bool becomes_real(const struct ward_review_decision *d)
{
	return ward_review_is_real(d) && d->side != WARD_COMMIT_THEIRS;
}

/*
 * Somebody has asked for it by its name, and nothing but that he did not name the other is in its way; or he said to throw that away. Of a guess
 * --ours of its name is enough.
 */
static bool may_go(const struct ward_review_decision *d, const struct ward_review_decision *to)
{
	if (d->by_name && d->change->moved_part)
		return true;
	if (to->effect != WARD_REVIEW_APPLY)
		return false;
	return to->wanted ? d->by_name && to->side == WARD_COMMIT_THEIRS
			  : d->named && d->change->kind != WARD_CHANGE_DELETED;
}

/* Those whose content the k-th has. */
static size_t wait_for(const struct ward_review_moved *m, struct ward_arena *a,
	struct ward_review_decisions *d, size_t k, size_t n)
{
	const struct ward_review_decision *to = &d->v[k];
	const char *why[3] = { NULL }; /* of all of a kind */

	if (becomes_real(to))
		return n;
	for (uint32_t i = m->first[k]; i != 0; i = m->next[i - 1]) {
		struct ward_review_decision *one = &d->v[i - 1];
		const struct ward_change *c = one->change;
		size_t kind = c->moved_part ? 2 : c->moved_unsure ? 1 : 0;
		static const char *const texts[] = { waits, may_wait, much_waits };

		if (!becomes_real(one) || may_go(one, to))
			continue;
		one->effect = WARD_REVIEW_BEHIND;
		if (!why[kind])
			why[kind] = quoted(a, texts[kind], to->change->path, ": ");
		one->why = why[kind];
		one->rule = NULL;
		one->cure = c->moved_part ? "--ours of it by its own name does not wait for that"
			: to->wanted      ? NULL
					  : "name both: ward commit RUN PATH PATH";
		m->todo[n++] = i - 1;
	}
	return n;
}

bool ward_review_moved_wait(const struct ward_review_moved *m, struct ward_arena *a,
	struct ward_review_decisions *d)
{
	bool again = false;

	for (size_t i = 0; m->first && i < d->n; i++) {
		size_t n = m->first[i] != 0 ? wait_for(m, a, d, i, 0) : 0;

		again = again || n > 0;
		while (n > 0) {
			n--;
			n = wait_for(m, a, d, m->todo[n], n);
		}
	}
	return again;
}
