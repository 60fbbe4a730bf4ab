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

/* What is named as the host of a capability; false: it is no endpoint, nor what endpoints lie in. */
static bool host_by(const struct ward_book *b, const struct cedar_uid *uid,
	struct ward_book_reach *to)
{
	static const struct {
		enum ward_type type;
		const char *before;
	} rows[] = { { WARD_TYPE_ENDPOINT, "" }, { WARD_TYPE_HOST, "" }, { WARD_TYPE_CIDR, "" },
		{ WARD_TYPE_DOMAIN, "**." } };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		if (!ward_cedar_str_eq(uid->type, b->types[rows[i].type]))
			continue;
		to->host = uid->id->s;
		to->one = rows[i].type == WARD_TYPE_ENDPOINT;
		to->address = rows[i].type == WARD_TYPE_CIDR || strchr(uid->id->s, '/') != NULL;
		to->before = to->host[0] != '*' ? rows[i].before : "";
		return true;
	}
	return false;
}

/* The same of a scope; false: it is not about endpoints. */
static bool host_of(const struct ward_book *b, const struct cedar_policy *p,
	struct ward_book_reach *to)
{
	to->before = "";
	to->host = NULL;
	if (p->resource.op == CEDAR_SCOPE_ANY)
		return true;
	if (p->resource.uid == NULL)
		return ward_cedar_str_eq(p->resource.type, b->types[WARD_TYPE_ENDPOINT]);
	return host_by(b, p->resource.uid, to);
}

static bool is_resource(const struct cedar_expr *x)
{
	return x->kind == CEDAR_X_VAR && x->aux == CEDAR_RESOURCE;
}

/* What a part of a condition compares the resource with, so that it holds for nothing else; NULL: it does not. */
static const struct cedar_expr *compared(const struct cedar_expr *x)
{
	if (x->kind == CEDAR_X_IS)
		return is_resource(x->a) ? x->is->in : NULL;
	if (x->kind == CEDAR_X_IN)
		return is_resource(x->a) ? x->b : NULL;
	if (x->kind != CEDAR_X_EQ)
		return NULL;
	return is_resource(x->a) ? x->b : is_resource(x->b) ? x->a : NULL;
}

static bool names_hosts(const struct ward_book *b, const struct cedar_expr *x)
{
	struct ward_book_reach to;

	if (x->kind != CEDAR_X_SET)
		return x->kind == CEDAR_X_ENTITY && host_by(b, x->uid, &to);
	for (uint32_t i = 0; i < x->n; i++) {
		if (!names_hosts(b, x->v[i]))
			return false;
	}
	return true;
}

/* Where it cannot be told it does not: then a warning says more than there is, and never less. */
static bool narrows(const struct ward_book *b, const struct cedar_expr *x)
{
	const struct cedar_expr *hosts = compared(x);
	bool any = x->kind == CEDAR_X_AND;

	if (!any && x->kind != CEDAR_X_OR)
		return hosts != NULL && names_hosts(b, hosts);
	for (uint32_t i = 0; i < x->n; i++) {
		if (narrows(b, x->v[i]) == any)
			return any;
	}
	return !any;
}

/* Of what narrows: of all parts that must hold one is enough. */
static int tell_named(const struct ward_book *b, const struct cedar_expr *x,
	int (*fn)(const struct ward_book_reach *named, void *arg), void *arg)
{
	const struct cedar_expr *hosts = compared(x);
	struct ward_book_reach to = { .narrow = NULL };
	int r = WARD_OK;

	if (hosts != NULL)
		return tell_named(b, hosts, fn, arg);
	if (x->kind == CEDAR_X_ENTITY)
		return host_by(b, x->uid, &to) ? fn(&to, arg) : WARD_OK;
	for (uint32_t i = 0; r >= 0 && i < x->n; i++) {
		if (x->kind != CEDAR_X_AND)
			r = tell_named(b, x->v[i], fn, arg);
		else if (narrows(b, x->v[i]))
			return tell_named(b, x->v[i], fn, arg);
	}
	return r;
}

int ward_book_reach_named(const struct ward_book *b, const struct ward_book_reach *of,
	int (*fn)(const struct ward_book_reach *named, void *arg), void *arg)
{
	return of->narrow != NULL ? tell_named(b, of->narrow, fn, arg) : WARD_OK;
}

static void by_conditions(const struct ward_book *b, const struct cedar_policy *p,
	struct ward_book_reach *to)
{
	to->conditional = p->n_conditions > 0;
	for (uint32_t i = 0; to->host == NULL && to->narrow == NULL && i < p->n_conditions; i++) {
		const struct cedar_condition *c = &p->conditions[i];

		if (!c->unless && narrows(b, c->body))
			to->narrow = c->body;
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
