/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a book says of connecting: which of its permits speak of endpoints, and at which ports two answers could differ. A policy tells
 * ports apart by numbers that stand in it, or by endpoints that it names, and those say nothing of other hosts; between two of those
 * the answer is the same, unless it calculates with them, and then a name may be refused that could be reached: the safe side.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/book/own.h"
#include "policy/policy.h"

#define PORTS 65536u

/* Of any book: what people connect to, and one that nobody names. */
static const uint16_t usual[] = { 80, 443, 47911 };

static void mark(uint8_t *bits, int64_t number)
{
	for (int64_t port = number - 1; port <= number + 1; port++) {
		if (number < INT32_MAX && port >= 1 && port < PORTS)
			bits[port / 8] |= (uint8_t)(1u << (port % 8));
	}
}

static int numbers(const struct cedar_expr *x, void *arg)
{
	if (x->kind == CEDAR_X_LONG)
		mark(arg, x->number);
	return ward_cedar_expr_children(x, numbers, arg);
}

static void of_set(const struct ward_book *b, const struct ward_book_set *s, uint8_t *bits)
{
	for (size_t i = 0; i < s->policies.statics.n; i++) {
		const struct cedar_policy *p = s->policies.statics.v[i];

		if ((ward_book_actions_of(b, p) & UINT32_C(1) << WARD_ACT_NET_CONNECT) == 0)
			continue;
		for (uint32_t k = 0; k < p->n_conditions; k++)
			(void)numbers(p->conditions[k].body, bits);
	}
}

int ward_book_find_ports(struct ward_book *b)
{
	uint8_t *bits;
	size_t n = 0;

	if ((b->grants.actions & UINT32_C(1) << WARD_ACT_NET_CONNECT) == 0)
		return WARD_OK; /* nothing is permitted at any port */
	bits = calloc(PORTS / 8, 1);
	if (bits == NULL)
		return WARD_E_NOMEM;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(usual); i++)
		bits[usual[i] / 8] |= (uint8_t)(1u << (usual[i] % 8));
	of_set(b, &b->grants, bits);
	for (size_t i = 0; i < b->n_bounds; i++)
		of_set(b, &b->bounds[i], bits);
	for (unsigned port = 1; port < PORTS; port++)
		n += ((unsigned)bits[port / 8] >> (port % 8)) & 1u;
	b->ports = ward_arena_alloc(b->arena, n * sizeof(*b->ports));
	for (unsigned port = 1; b->ports != NULL && port < PORTS; port++) {
		if ((((unsigned)bits[port / 8] >> (port % 8)) & 1u) != 0)
			b->ports[b->n_ports++] = (uint16_t)port;
	}
	free(bits);
	return b->ports != NULL ? WARD_OK : WARD_E_NOMEM;
}

const uint16_t *ward_book_ports(const struct ward_book *b, size_t *ret_n)
{
	*ret_n = b->n_ports;
	return b->ports;
}

/* ---- permits ---- */

/* A scope as the host of a capability; false: it is not about endpoints. */
static bool host_of(const struct ward_book *b, const struct cedar_policy *p,
	struct ward_book_reach *to)
{
	static const struct {
		enum ward_type type;
		const char *before;
	} rows[] = { { WARD_TYPE_ENDPOINT, "" }, { WARD_TYPE_HOST, "" }, { WARD_TYPE_CIDR, "" },
		{ WARD_TYPE_DOMAIN, "**." } };
	const struct cedar_uid *uid = p->resource.uid;

	to->before = "";
	to->host = NULL;
	if (p->resource.op == CEDAR_SCOPE_ANY)
		return true;
	if (uid == NULL)
		return ward_cedar_str_eq(p->resource.type, b->types[WARD_TYPE_ENDPOINT]);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		if (!ward_cedar_str_eq(uid->type, b->types[rows[i].type]))
			continue;
		to->host = uid->id->s;
		to->one = rows[i].type == WARD_TYPE_ENDPOINT;
		to->address = rows[i].type == WARD_TYPE_CIDR || strchr(uid->id->s, '/') != NULL;
		if (to->host[0] != '*')
			to->before = rows[i].before;
		return true;
	}
	return false;
}

/* Of a condition: true where it holds for no other endpoint than those below what it names; *io_wild: a domain is among them. */
static bool names_hosts(const struct ward_book *b, const struct cedar_expr *x, bool *io_wild)
{
	static const enum ward_type types[] = { WARD_TYPE_ENDPOINT, WARD_TYPE_HOST, WARD_TYPE_CIDR,
		WARD_TYPE_DOMAIN };

	if (x->kind == CEDAR_X_SET) {
		for (uint32_t i = 0; i < x->n; i++) {
			if (!names_hosts(b, x->v[i], io_wild))
				return false;
		}
		return true;
	}
	if (x->kind != CEDAR_X_ENTITY)
		return false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(types); i++) {
		if (!ward_cedar_str_eq(x->uid->type, b->types[types[i]]))
			continue;
		*io_wild |= types[i] == WARD_TYPE_DOMAIN;
		return true;
	}
	return false;
}

static bool is_resource(const struct cedar_expr *x)
{
	return x->kind == CEDAR_X_VAR && x->aux == CEDAR_RESOURCE;
}

/* Where it cannot be told it is not: then a warning says more than there is, and never less. */
static bool narrows(const struct ward_book *b, const struct cedar_expr *x, bool *io_wild)
{
	bool any = x->kind == CEDAR_X_AND;

	if (x->kind == CEDAR_X_AND || x->kind == CEDAR_X_OR) {
		for (uint32_t i = 0; i < x->n; i++) {
			if (narrows(b, x->v[i], io_wild) == any)
				return any;
		}
		return !any;
	}
	if (x->kind == CEDAR_X_IS)
		return is_resource(x->a) && x->is->in != NULL && names_hosts(b, x->is->in, io_wild);
	if (x->kind == CEDAR_X_IN)
		return is_resource(x->a) && names_hosts(b, x->b, io_wild);
	return x->kind == CEDAR_X_EQ &&
		((is_resource(x->a) && names_hosts(b, x->b, io_wild)) ||
			(is_resource(x->b) && names_hosts(b, x->a, io_wild)));
}

static void by_conditions(const struct ward_book *b, const struct cedar_policy *p,
	struct ward_book_reach *to)
{
	to->conditional = p->n_conditions > 0;
	for (uint32_t i = 0; to->host == NULL && i < p->n_conditions; i++) {
		const struct cedar_condition *c = &p->conditions[i];
		bool wild = false;

		if (!c->unless && narrows(b, c->body, &wild)) {
			to->narrowed = true;
			to->wild = wild;
			return;
		}
	}
}

static bool next_of(const struct ward_book *b, enum cedar_effect effect, size_t *io_at,
	struct ward_book_reach *ret, uint32_t *ret_actions)
{
	const struct ward_book_set *s = &b->grants;

	while (*io_at < s->policies.statics.n) {
		size_t i = (*io_at)++;
		const struct cedar_policy *p = s->policies.statics.v[i];

		*ret = (struct ward_book_reach){ .rule = &s->rules[i] };
		if (p->effect != effect)
			continue;
		*ret_actions = ward_book_actions_of(b, p);
		if ((*ret_actions & UINT32_C(1) << WARD_ACT_NET_CONNECT) == 0 ||
			!host_of(b, p, ret))
			continue;
		by_conditions(b, p, ret);
		return true;
	}
	return false;
}

bool ward_book_reaches(const struct ward_book *b, size_t *io_at, struct ward_book_reach *ret)
{
	uint32_t actions;

	return next_of(b, CEDAR_PERMIT, io_at, ret, &actions);
}

bool ward_book_net_forbids(const struct ward_book *b, size_t *io_at, struct ward_book_reach *ret)
{
	uint32_t actions;

	while (next_of(b, CEDAR_FORBID, io_at, ret, &actions)) {
		if (ret->host != NULL || actions == UINT32_C(1) << WARD_ACT_NET_CONNECT)
			return true;
	}
	return false;
}

const char *ward_book_endpoint(const struct ward_book *b, size_t *io_at)
{
	while (*io_at < b->known.cap) {
		const struct cedar_uid *uid = b->known.v[(*io_at)++];

		if (uid != NULL && ward_cedar_str_eq(uid->type, b->types[WARD_TYPE_ENDPOINT]))
			return uid->id->s;
	}
	return NULL;
}
