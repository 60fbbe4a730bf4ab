/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of what is known to be there. A set is a rope over the expression that taught it, so that putting two together
 * costs nothing; what is known at a place is a count by number, which is entered on the way down and left on the way
 * up. Ropes lean to the left and are as deep to the right as expressions nest.
 */
#include "cedar/validate/check.h"

struct capability {
	uint32_t n; /* numbers; 0: the union of left and right */
	union {
		uint32_t one;
		const uint32_t *numbers;
		struct {
			const struct capability *left, *right;
		};
	};
};

const struct capability *ward_cedar_cap_one(struct checker *c, uint32_t number)
{
	struct capability *r = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*r));

	if (r != NULL)
		*r = (struct capability){ .n = 1, .one = number };
	return r;
}

const struct capability *ward_cedar_cap_union(struct checker *c, const struct capability *a,
	const struct capability *b)
{
	struct capability *r;

	if (a == NULL || b == NULL || a == b)
		return a != NULL ? a : b;
	r = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*r));
	if (r != NULL)
		*r = (struct capability){ .left = a, .right = b };
	return r;
}

static void count(struct checker *c, const struct capability *a, uint32_t by)
{
	while (a != NULL && a->n == 0) {
		count(c, a->right, by);
		a = a->left;
	}
	if (a != NULL && a->n == 1)
		c->prior[a->one] += by;
	else if (a != NULL)
		for (uint32_t i = 0; i < a->n; i++)
			c->prior[a->numbers[i]] += by;
}

void ward_cedar_cap_learn(struct checker *c, const struct capability *a)
{
	count(c, a, 1);
}

void ward_cedar_cap_forget(struct checker *c, const struct capability *a)
{
	count(c, a, UINT32_MAX);
}

static void mark(struct checker *c, const struct capability *a)
{
	while (a != NULL && a->n == 0) {
		mark(c, a->right);
		a = a->left;
	}
	if (a != NULL && a->n == 1)
		c->mark[a->one] = c->stamp;
	else if (a != NULL)
		for (uint32_t i = 0; i < a->n; i++)
			c->mark[a->numbers[i]] = c->stamp;
}

/* Those of a that are marked, each once; numbers NULL: how many there may be. */
static uint32_t collect(struct checker *c, const struct capability *a, uint32_t *numbers,
	uint32_t n)
{
	while (a != NULL && a->n == 0) {
		n = collect(c, a->right, numbers, n);
		a = a->left;
	}
	for (uint32_t i = 0; a != NULL && i < a->n; i++) {
		uint32_t number = a->n == 1 ? a->one : a->numbers[i];

		if (c->mark[number] != c->stamp)
			continue;
		if (numbers != NULL) {
			numbers[n] = number;
			c->mark[number] = 0;
		}
		n++;
	}
	return n;
}

const struct capability *ward_cedar_cap_both(struct checker *c, const struct capability *a,
	const struct capability *b)
{
	struct capability *r;
	uint32_t *numbers, room;

	if (a == NULL || b == NULL)
		return NULL;
	if (++c->stamp == 0)
		c->stamp = 1;
	mark(c, a);
	room = collect(c, b, NULL, 0);
	if (room == 0)
		return NULL;
	numbers = ward_cedar_check_alloc(c, c->per_env, room, sizeof(*numbers));
	r = ward_cedar_check_alloc(c, c->per_env, 1, sizeof(*r));
	if (numbers == NULL || r == NULL)
		return NULL;
	room = collect(c, b, numbers, 0);
	*r = room == 1 ? (struct capability){ .n = 1, .one = numbers[0] }
		       : (struct capability){ .n = room, .numbers = numbers };
	return r;
}
