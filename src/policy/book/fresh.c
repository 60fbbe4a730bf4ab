/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one book forbids that another does not. Of a ceiling of thousands of rules that comes again with one more, only that one can
 * take something away: a forbid that was there before, word for word, says of each request what it said.
 */
#include <stdlib.h>

#include "policy/book/own.h"

struct before {
	uint64_t key;
	const struct cedar_policy *policy;
};

/* Of its words. */
static uint64_t key_of(struct ward_buf *text, const struct cedar_policy *p)
{
	ward_buf_clear(text);
	ward_cedar_print_policy(text, p);
	return text->failed ? 0 : ward_cedar_hash(text->s, text->n);
}

static int by_key(const void *a, const void *b)
{
	const struct before *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static bool forbids(const struct ward_book *b, const struct cedar_policy *p, uint32_t bit)
{
	return p->effect == CEDAR_FORBID && (ward_book_actions_of(b, p) & bit) != 0;
}

/* Those that had has, sorted. NULL: no memory. */
static struct before *all_before(const struct ward_book *had, uint32_t bit, struct ward_buf *text,
	size_t *ret_n)
{
	const struct cedar_policy_list *l = had ? &had->grants.policies.statics : NULL;
	struct before *v = calloc((l ? l->n : 0) + 1, sizeof(*v));
	size_t n = 0;

	*ret_n = 0;
	for (size_t i = 0; v && l && i < l->n; i++) {
		if (forbids(had, l->v[i], bit))
			v[n++] = (struct before){ key_of(text, l->v[i]), l->v[i] };
	}
	if (v && n > 1)
		qsort(v, n, sizeof(*v), by_key);
	*ret_n = n;
	return v;
}

static bool was_there(const struct before *v, size_t n, uint64_t key, const struct cedar_policy *p)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (v[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < n && v[low].key == key; low++) {
		if (ward_cedar_policy_eq(v[low].policy, p))
			return true;
	}
	return false;
}

struct telling {
	ward_book_thing_fn *fn;
	void *arg;
};

static int tell(const struct cedar_expr *x, void *arg)
{
	const struct telling *t = arg;
	int r = x->kind == CEDAR_X_ENTITY ? t->fn(t->arg, x->uid) : 0;

	return r != 0 ? r : ward_cedar_expr_children(x, tell, arg);
}

static int tell_all(struct telling *t, const struct cedar_policy *p)
{
	int r = p->resource.uid ? t->fn(t->arg, p->resource.uid) : 0;

	for (uint32_t i = 0; r == 0 && i < p->n_conditions; i++)
		r = tell(p->conditions[i].body, t);
	return r;
}

int ward_book_newly_forbids(const struct ward_book *b, const struct ward_book *had,
	enum ward_action action, ward_book_thing_fn *fn, void *arg)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	const struct cedar_policy_list *l = &b->grants.policies.statics;
	uint32_t bit = UINT32_C(1) << action;
	struct telling t = { fn, arg };
	size_t n;
	struct before *v = all_before(had, bit, &text, &n);
	int r = v ? 0 : WARD_E_NOMEM;

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		if (!forbids(b, l->v[i], bit))
			continue;
		if (n == 0 || !was_there(v, n, key_of(&text, l->v[i]), l->v[i]))
			r = tell_all(&t, l->v[i]);
	}
	free(v);
	return text.failed ? WARD_E_NOMEM : r;
}
