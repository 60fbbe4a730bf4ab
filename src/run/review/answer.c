/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The yes of a person: said beforehand for a level, or on the terminal for all that is asked about for one reason. What is shown was
 * made by the run: none of it may move the cursor or look like a question of ours. Whatever is not clearly a yes leaves it waiting.
 */
#include <string.h>

#include "approve/approve.h"
#include "os/os.h"
#include "run/review/judge.h"

#define PATHS_SHOWN 16
#define DIFF_SHOWN (256u << 10)

static void agree(struct ward_review_decision *d, const char *how)
{
	d->effect = WARD_REVIEW_APPLY;
	d->how = how;
	d->cure = NULL;
}

void ward_review_agreed(struct ward_review_decisions *d, enum ward_review_yes yes)
{
	if (yes == WARD_REVIEW_YES_NONE)
		return;
	for (size_t i = 0; i < d->n; i++) {
		if (d->v[i].effect == WARD_REVIEW_ASK && d->v[i].wanted &&
			(yes == WARD_REVIEW_YES_CRITICAL || d->v[i].level == WARD_APPROVAL_RISKY))
			agree(&d->v[i], "--approve");
	}
}

/* ---- on the terminal ---- */

static bool is_asked(const struct ward_review_decision *d)
{
	return d->effect == WARD_REVIEW_ASK && d->wanted;
}

static bool same_question(const struct ward_review_decision *a,
	const struct ward_review_decision *b)
{
	return a->level == b->level && ward_streq(a->why, b->why) &&
		(a->rule == b->rule || ward_streq(a->rule, b->rule));
}

static void path_line(struct ward_buf *b, const struct ward_change *c)
{
	ward_buf_addf(b, "ward:   %s ", ward_change_kind_name(c->kind));
	if (c->kind == WARD_CHANGE_RENAMED) {
		ward_quote(b, c->from, strlen(c->from));
		ward_buf_adds(b, " -> ");
	}
	ward_quote(b, c->path, strlen(c->path));
	ward_buf_addc(b, '\n');
}

static size_t question(const struct ward_review_decisions *d, size_t first, struct ward_buf *b)
{
	const struct ward_review_decision *q = &d->v[first];
	size_t n = 0;

	ward_buf_addf(b, "ward: %s: %s", ward_approval_name(q->level), q->why);
	if (q->rule)
		ward_buf_addf(b, " (%s)", q->rule);
	ward_buf_addc(b, '\n');
	for (size_t i = first; i < d->n; i++) {
		if (!is_asked(&d->v[i]) || !same_question(q, &d->v[i]))
			continue;
		if (n++ < PATHS_SHOWN)
			path_line(b, d->v[i].change);
	}
	if (n > PATHS_SHOWN)
		ward_buf_addf(b, "ward:   and %zu more\n", n - PATHS_SHOWN);
	ward_buf_addf(b, "ward: make %s real? yes (y), no (n), show the difference (d) [n]: ",
		n == 1 ? "it" : "them");
	return n;
}

struct showing {
	int fd;
	size_t left; /* bytes: whoever wants more of it has ward diff */
};

static int show(void *arg, struct ward_buf *out, struct ward_error *err)
{
	struct showing *x = arg;
	size_t n = out->n < x->left ? out->n : x->left;

	(void)err;
	/* A terminal that is closed is found when the answer is read. */
	(void)ward_write_all(x->fd, out->s, n);
	x->left -= n;
	ward_buf_clear(out);
	return WARD_OK;
}

/* With nothing in it that a terminal obeys. */
static int show_diff(int fd, const struct ward_review_terms *t,
	const struct ward_review_decisions *d, size_t first, struct ward_error *err)
{
	static const char more[] = "\nward: and more: ward diff shows all\n";
	struct showing x = { fd, DIFF_SHOWN };
	struct ward_diff_style style = {
		.form = WARD_DIFF_PATCH, .terminal = true, .flush = show, .arg = &x
	};
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const struct ward_change **v =
		ward_arena_alloc(t->rs->arena, (d->n + 1) * sizeof(struct ward_change *));
	size_t n = 0;
	int r;

	if (!v)
		return ward_rs_nomem(err);
	for (size_t i = first; i < d->n; i++) {
		if (is_asked(&d->v[i]) && same_question(&d->v[first], &d->v[i]))
			v[n++] = d->v[i].change;
	}
	r = ward_diff_write(v, n, t->layer, t->root, &style, &b, err);
	if (r == WARD_OK)
		r = show(&x, &b, err);
	if (r == WARD_OK && x.left == 0)
		(void)ward_write_all(fd, more, sizeof(more) - 1);
	return r;
}

static void answered(struct ward_review_decisions *d, size_t first, bool yes)
{
	const struct ward_review_decision q = d->v[first];

	for (size_t i = first; i < d->n; i++) {
		if (!is_asked(&d->v[i]) || !same_question(&q, &d->v[i]))
			continue;
		if (yes)
			agree(&d->v[i], "tty");
		else
			d->v[i].how = "tty"; /* it still waits, for another day */
	}
}

int ward_review_ask(int fd, const struct ward_review_terms *t, struct ward_review_decisions *d,
	struct ward_error *err)
{
	for (size_t i = 0; i < d->n; i++) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
		char letter = 'd';
		int r;

		if (!is_asked(&d->v[i]) || d->v[i].how)
			continue;
		(void)question(d, i, &b);
		if (b.failed)
			return ward_rs_nomem(err);
		while (letter == 'd') {
			letter = ward_terminal_choose(fd, (struct ward_str){ b.s, b.n },
				"yes no diff");
			r = letter == 'd' ? show_diff(fd, t, d, i, err) : WARD_OK;
			if (r < 0)
				return r;
		}
		answered(d, i, letter == 'y');
	}
	return WARD_OK;
}
