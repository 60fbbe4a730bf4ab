/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy sets: what comes out: which policies there are, and their text in either syntax. And the formatter, which needs no
 * set at all.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/api/api.h"

size_t ward_policy_set_count(const struct ward_policy_set *s)
{
	return s->p.statics.n + s->p.templates.n + s->p.n_links;
}

/* The i-th: a policy or template, or a link. False: there is none. */
static bool nth(const struct ward_policy_set *s, size_t i, const struct cedar_policy **ret,
	const struct cedar_link **ret_link)
{
	*ret = NULL;
	*ret_link = NULL;
	if (i < s->p.statics.n) {
		*ret = s->p.statics.v[i];
		return true;
	}
	i -= s->p.statics.n;
	if (i < s->p.templates.n) {
		*ret = s->p.templates.v[i];
		return true;
	}
	i -= s->p.templates.n;
	if (i < s->p.n_links)
		*ret_link = &s->p.links[i];
	return i < s->p.n_links;
}

int ward_policy_set_at(const struct ward_policy_set *s, size_t i, struct ward_policy_info *ret)
{
	const struct cedar_policy *p;
	const struct cedar_link *l;
	const struct cedar_str *id;

	if (!nth(s, i, &p, &l) || (p == NULL && l == NULL))
		return WARD_E_NOTFOUND;
	id = l != NULL ? l->id : p->id;
	if (l != NULL)
		p = l->tmpl;
	ret->kind = l != NULL    ? WARD_POLICY_LINK
		: p->is_template ? WARD_POLICY_TEMPLATE
				 : WARD_POLICY_STATIC;
	ret->permit = p->effect == CEDAR_PERMIT;
	ret->id = id->s;
	ret->id_n = id->n;
	ret->template_id = l != NULL ? p->id->s : NULL;
	return WARD_OK;
}

static size_t place_in(const struct cedar_policy_list *l, const struct cedar_policy *p)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i] == p)
			return i;
	return l->n;
}

int ward_policy_set_find(const struct ward_policy_set *s, const char *id, size_t n, size_t *ret)
{
	struct ward_str name = ward_text_of(id, n);
	const struct cedar_policy *p = ward_cedar_policies_get(&s->p, name);
	const struct cedar_link *l = p == NULL ? ward_cedar_policies_get_link(&s->p, name) : NULL;

	if (p != NULL)
		*ret = p->is_template ? s->p.statics.n + place_in(&s->p.templates, p)
				      : place_in(&s->p.statics, p);
	else if (l != NULL)
		*ret = s->p.statics.n + s->p.templates.n + (size_t)(l - s->p.links);
	else
		return WARD_E_NOTFOUND;
	return WARD_OK;
}

static void put(struct ward_buf *b, const struct cedar_policy *p, enum ward_policy_syntax syntax)
{
	if (syntax == WARD_POLICY_CEDAR)
		ward_cedar_print_policy(b, p);
	else
		ward_cedar_policy_json(b, p);
}

int ward_policy_set_print(const struct ward_policy_set *s, size_t i, enum ward_policy_syntax syntax,
	char **ret, size_t *ret_n)
{
	WARD_CLEANUP(ward_cedar_pool_freep) struct cedar_pool *pool = NULL;
	struct ward_buf b = GIVE_BUF;
	const struct cedar_policy *p;
	const struct cedar_link *l;

	if (!nth(s, i, &p, &l))
		return WARD_E_NOTFOUND;
	if (l != NULL) {
		pool = ward_cedar_pool_new(0);
		p = pool != NULL ? ward_cedar_link_policy(pool, l) : NULL;
		if (p == NULL)
			return WARD_E_NOMEM;
	}
	put(&b, p, syntax);
	return ward_give(&b, ret, ret_n);
}

static int by_id(const void *a, const void *b)
{
	const struct cedar_policy *const *p = a, *const *q = b;

	return ward_cedar_str_cmp((*p)->id, (*q)->id);
}

/* In the order of their ids, as the official engine has it. */
static bool put_list(struct ward_buf *b, const struct cedar_policy_list *l)
{
	const struct cedar_policy **v;

	if (l->n == 0)
		return true;
	v = malloc(l->n * sizeof(const struct cedar_policy *));
	if (v == NULL)
		return false;
	memcpy(v, l->v, l->n * sizeof(const struct cedar_policy *));
	qsort(v, l->n, sizeof(const struct cedar_policy *), by_id);
	for (size_t i = 0; i < l->n; i++) {
		if (b->n > 0)
			ward_buf_adds(b, "\n\n");
		ward_cedar_print_policy(b, v[i]);
	}
	free(v);
	return true;
}

int ward_policy_set_print_all(const struct ward_policy_set *s, enum ward_policy_syntax syntax,
	char **ret, size_t *ret_n)
{
	struct ward_buf b = GIVE_BUF;
	int r = ward_set_usable(s, NULL);

	if (r < 0)
		return r;
	if (syntax != WARD_POLICY_CEDAR) {
		ward_cedar_policies_json(&b, &s->p);
		return ward_give(&b, ret, ret_n);
	}
	if (s->p.n_links > 0)
		return WARD_E_UNSUPPORTED;
	if (!put_list(&b, &s->p.statics) || !put_list(&b, &s->p.templates)) {
		ward_buf_done(&b);
		return WARD_E_NOMEM;
	}
	return ward_give(&b, ret, ret_n);
}

int ward_policy_format(const char *file, const char *text, size_t n, unsigned width,
	unsigned indent, char **ret, size_t *ret_n, struct ward_policy_diags *d)
{
	struct cedar_format_options o = { .width = width, .indent = indent };
	struct ward_str t = ward_text_of(text, n);
	struct ward_buf b = GIVE_BUF;
	struct cedar_diags found;
	int r = ward_check_size(d, n, WARD_CEDAR_TEXT_MAX);

	if (r < 0)
		return r;
	r = ward_cedar_diags_init(&found);
	if (r == WARD_OK)
		r = ward_cedar_format(t, &o, &b, &found);
	r = ward_diags_move(d, &found, &(struct origin){ file, t, NULL }, r);
	return ward_give_after(d, r, &b, ret, ret_n);
}
