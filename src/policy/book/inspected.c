/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection speaks, as policies see it: context.inspected. It is known once the client has said something, when the connection was
 * made long since, and with whose permit. So it is for forbids: until then one that looks at it holds where it would whatever is spoken.
 */
#include "policy/book/own.h"
#include "policy/vocabulary.h"

static int refuse(const struct ward_book_rule *r, struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_INVALID,
		"this rule lets a connection be made because of what is spoken on it, which nobody knows before it is made");
	ward_fail_at(err, r->file, r->line, r->column);
	ward_fail_fix(err,
		"take context.inspected out of the permit, and forbid what may not be spoken: forbid (...) unless { context has inspected && context.inspected == Ward::Protocol::\"tls\" };");
	return WARD_E_INVALID;
}

static int of_set(struct ward_book *b, const struct ward_book_set *s, struct ward_error *err)
{
	for (size_t i = 0; i < s->policies.statics.n; i++) {
		const struct cedar_policy *p = s->policies.statics.v[i];

		if ((ward_book_actions_of(b, p) & UINT32_C(1) << WARD_ACT_NET_CONNECT) == 0 ||
			!ward_book_looks_at(b, p, WARD_WORD_INSPECTED))
			continue;
		if (p->effect == CEDAR_PERMIT)
			return refuse(&s->rules[i], err);
		b->inspects = true;
	}
	return WARD_OK;
}

int ward_book_find_inspected(struct ward_book *b, struct ward_error *err)
{
	int r = of_set(b, &b->grants, err);

	for (size_t i = 0; r == WARD_OK && i < b->n_bounds; i++)
		r = of_set(b, &b->bounds[i], err);
	return r;
}

bool ward_book_inspects(const struct ward_book *b)
{
	return b->inspects;
}

const char *ward_book_protocol(const struct ward_book *b, size_t *io_at)
{
	while (b->inspects && *io_at < ward_enumerated_n) {
		const struct ward_enumerated *e = &ward_enumerated[(*io_at)++];

		if (ward_streq(e->type, "Protocol"))
			return e->word;
	}
	return NULL;
}
