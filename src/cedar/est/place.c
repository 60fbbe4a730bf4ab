/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy whose text stands in a string of a JSON document has its places in that text. Who is told of them looks at the
 * document: all of it gets the place of the string there. The policy is the reader's own and not yet handed out.
 */
#include <string.h>

#include "cedar/est/read.h"

/* The const of a pointer is for others. */
static void *own(const void *p)
{
	void *w;

	memcpy(&w, &p, sizeof(w));
	return w;
}

static int place_expr(const struct cedar_expr *x, void *arg)
{
	const struct cedar_span *at = arg;
	struct cedar_expr *w = own(x);
	struct cedar_is *is;

	w->start = at->start;
	w->end = at->end;
	if (x->kind == CEDAR_X_IS) {
		is = own(x->is);
		is->type_at = *at;
	}
	return ward_cedar_expr_children(x, place_expr, arg);
}

static void place_scope(struct cedar_scope *s, struct cedar_span at)
{
	s->type_at = s->uid_at = at;
	s->start = at.start;
	s->end = at.end;
}

void ward_cedar_est_place(const struct cedar_policy *policy, const struct ward_json *j)
{
	struct cedar_span at = { j->start, j->end };
	struct cedar_policy *p = own(policy);
	struct cedar_annotation *notes = own(p->annotations);
	struct cedar_condition *conditions = own(p->conditions);
	struct cedar_span *actions = own(p->action.at);

	p->start = at.start;
	p->end = at.end;
	place_scope(&p->principal, at);
	place_scope(&p->resource, at);
	p->action.start = at.start;
	p->action.end = at.end;
	for (uint32_t i = 0; actions != NULL && i < p->action.n; i++)
		actions[i] = at;
	for (uint32_t i = 0; i < p->n_annotations; i++) {
		notes[i].start = at.start;
		notes[i].end = at.end;
	}
	for (uint32_t i = 0; i < p->n_conditions; i++) {
		conditions[i].start = at.start;
		conditions[i].end = at.end;
		(void)place_expr(p->conditions[i].body, &at);
	}
}
