/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of the language laid out anew. The layout is that of the language's own formatter; where that would lose a comment
 * or would lay out its own result differently again, this one does not: comments without a place move to the next one, and
 * with comments the layout is repeated until it stays. Nothing is handed out that does not parse to the same policies.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/format/layout.h"

#define REPEAT_MAX 8

struct formatter {
	unsigned width, indent;
	struct ward_str text;
	struct ward_arena *arena; /* of one policy */
	struct tokens tokens;
	struct doc doc;
	struct ward_buf line; /* a policy before it is tidied */
	bool comments; /* there were some */
};

static void done(struct formatter *f)
{
	ward_arena_free(f->arena);
	ward_cedar_tokens_done(&f->tokens);
	ward_cedar_doc_done(&f->doc);
	ward_buf_done(&f->line);
}

/* What never happens, and is no output if it does. */
static int refuse(struct cedar_diags *d, const char *why)
{
	(void)ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "%s", why);
	return WARD_E_INTERNAL;
}

/* ---- comments without a place ---- */

static bool has_comment(const struct formatter *f, const struct gap *g)
{
	uint32_t i = g->start;
	struct ward_str s;

	return ward_cedar_comment(f->text, &i, g->end, &s);
}

static bool put(struct formatter *f, struct gap ***end, uint32_t from, uint32_t to)
{
	struct gap g = { .start = from, .end = to }, *copy;

	if (!has_comment(f, &g))
		return true;
	copy = ward_arena_alloc(f->arena, sizeof(*copy));
	if (copy == NULL)
		return false;
	*copy = g;
	**end = copy;
	*end = &copy->next;
	return true;
}

/*
 * v: the tokens as they were read, with what the layout has taken marked. A comment of one that it has not, such as the last
 * comma of a list, stays behind the token before it if it can, else it stands before the next.
 */
static bool find_places(struct formatter *f, struct ftoken *v)
{
	struct gap *first = NULL, **end = &first;

	for (uint32_t i = 0; i < f->tokens.n; i++) {
		struct ftoken *t = &v[i], *before = i > 0 ? &v[i - 1] : NULL;

		if (t->shown) {
			t->lost = first;
			first = NULL;
			end = &first;
			continue;
		}
		if (!put(f, &end, t->lead.start, t->lead.end))
			return false;
		if (first == NULL && before != NULL && before->shown &&
			before->trail == before->trail_end) {
			before->trail = t->trail;
			before->trail_end = t->trail_end;
		} else if (!put(f, &end, t->trail, t->trail_end)) {
			return false;
		}
	}
	return true;
}

/* ---- one policy ---- */

/* Twice where there are comments: the first time it is seen which of them find no place. */
static bool lay(struct formatter *f, const struct node *policy)
{
	struct tokens *t = &f->tokens;
	struct ftoken *v;

	f->doc.n = 0;
	if (!t->comments) {
		ward_cedar_lay(&f->doc, f->text, t, policy, f->indent);
		return true;
	}
	f->comments = true;
	v = calloc(t->n, sizeof(*v));
	if (v == NULL)
		return false;
	memcpy(v, t->v, t->n * sizeof(*v));
	ward_cedar_lay(&f->doc, f->text, t, policy, f->indent);
	for (uint32_t i = 0; i < t->n; i++)
		v[i].shown = t->v[i].shown;
	if (!find_places(f, v)) {
		free(v);
		return false;
	}
	memcpy(t->v, v, t->n * sizeof(*v));
	free(v);
	f->doc.n = 0;
	ward_cedar_lay(&f->doc, f->text, t, policy, f->indent);
	return true;
}

static int one_policy(struct formatter *f, struct ward_buf *out, struct cedar_diags *d)
{
	struct node *policy;
	bool bad = false;

	ward_arena_reset(f->arena);
	policy = ward_cedar_tree(f->arena, &f->tokens, &bad);
	if (policy == NULL)
		return bad ? refuse(d, "no layout was found for a policy: please report this")
			   : WARD_E_NOMEM;
	ward_buf_clear(&f->line);
	if (!lay(f, policy) || !ward_cedar_doc_render(&f->doc, f->width, &f->line))
		return WARD_E_NOMEM;
	ward_cedar_tidy(out, (struct ward_str){ f->line.s, f->line.n });
	return out->failed ? WARD_E_NOMEM : WARD_OK;
}

/* ---- a text ---- */

static int once(struct formatter *f, struct ward_str text, struct ward_buf *out,
	struct cedar_diags *d)
{
	struct gap lead = { 0 };
	struct ward_str comment;
	uint32_t at = 0;
	bool first = true;

	f->text = text;
	f->tokens.sum = 0;
	for (;;) {
		int r;

		f->tokens.comments = false;
		if (!ward_cedar_tokens_read(text, &at, &lead, &f->tokens))
			return WARD_E_NOMEM;
		if (f->tokens.n == 0)
			break;
		if (!first)
			ward_buf_adds(out, "\n\n");
		first = false;
		r = one_policy(f, out, d);
		if (r < 0)
			return r;
	}
	ward_buf_addc(out, '\n');
	ward_cedar_tokens_count(text, lead.start, lead.end, &f->tokens);
	f->comments = f->comments || f->tokens.comments;
	for (uint32_t i = lead.start; ward_cedar_comment(text, &i, lead.end, &comment);) {
		ward_buf_add(out, comment.s, comment.n);
		ward_buf_addc(out, '\n');
	}
	return out->failed ? WARD_E_NOMEM : WARD_OK;
}

/* Until the layout stays as it is. */
static int settle(struct formatter *f, struct ward_buf *b, struct cedar_diags *d)
{
	struct ward_buf again WARD_CLEANUP(ward_buf_done) = { .max = b->max }, other;
	uint64_t sum = f->tokens.sum;

	if (!f->comments)
		return WARD_OK;
	for (unsigned i = 0; i < REPEAT_MAX; i++) {
		int r;

		ward_buf_clear(&again);
		r = once(f, (struct ward_str){ b->s, b->n }, &again, d);
		if (r < 0)
			return r;
		if (f->tokens.sum != sum)
			return refuse(d, "the layout would lose a comment: please report this");
		if (b->n == again.n && memcmp(b->s, again.s, b->n) == 0)
			return WARD_OK;
		other = *b;
		*b = again;
		again = other;
	}
	return refuse(d, "the comments find no place to stay: please report this");
}

static bool same(const struct cedar_policy_list *a, const struct cedar_policy_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!ward_cedar_policy_eq(a->v[i], b->v[i]))
			return false;
	}
	return true;
}

/* Does b parse to the policies of list? */
static int compare(const struct cedar_policy_list *list, struct ward_str b, struct cedar_diags *d)
{
	struct cedar_pool *pool WARD_CLEANUP(ward_cedar_pool_freep) = ward_cedar_pool_new(0);
	struct cedar_policy_list other = { 0 };
	int r = pool == NULL ? WARD_E_NOMEM
			     : ward_cedar_parse_policies(pool, b, NULL, &other, NULL);

	if (r == WARD_E_PARSE || (r == WARD_OK && !same(list, &other)))
		r = refuse(d, "the layout would change the policies: please report this");
	ward_cedar_policy_list_done(&other);
	return r;
}

static int format(struct formatter *f, struct ward_str text, struct ward_buf *out,
	struct cedar_diags *d)
{
	struct cedar_pool *pool WARD_CLEANUP(ward_cedar_pool_freep) = ward_cedar_pool_new(0);
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = { .max = out->max };
	struct cedar_policy_list list = { 0 };
	int r;

	f->arena = ward_arena_new(WARD_CEDAR_BYTES_MAX);
	if (pool == NULL || f->arena == NULL)
		return WARD_E_NOMEM;
	r = ward_cedar_parse_policies(pool, text, NULL, &list, d);
	if (r == WARD_OK)
		r = once(f, text, &b, d);
	if (r == WARD_OK)
		r = settle(f, &b, d);
	if (r == WARD_OK)
		r = compare(&list, (struct ward_str){ b.s, b.n }, d);
	if (r == WARD_OK) {
		ward_buf_add(out, b.s, b.n);
		r = out->failed ? WARD_E_NOMEM : WARD_OK;
	}
	ward_cedar_policy_list_done(&list);
	return r;
}

int ward_cedar_format(struct ward_str text, const struct cedar_format_options *o,
	struct ward_buf *out, struct cedar_diags *d)
{
	struct formatter f = { .width = o != NULL && o->width > 0 ? o->width : 80,
		.indent = o != NULL && o->indent > 0 ? o->indent : 2,
		.line = { .max = out->max } };
	int r = format(&f, text, out, d);

	done(&f);
	return r;
}
