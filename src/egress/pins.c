/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which synthetic address stands for which name. A name keeps its address as long as the run lives and no other name gets it, so
 * that what a program remembers of an answer is never another name's.
 */
#include <stdlib.h>
#include <string.h>

#include "egress/gate.h"

static size_t bucket_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h % WARD_PINS_BUCKETS;
}

struct ward_pinned *ward_pinned_find(const struct ward_pins_table *t, const char *name)
{
	for (struct ward_pinned *p = t->buckets[bucket_of(name)]; p; p = p->next)
		if (ward_streq(p->name, name))
			return p;
	return NULL;
}

struct ward_pinned *ward_pinned_make(struct ward_pins_table *t, const char *name)
{
	struct ward_pinned *p = ward_pinned_find(t, name);
	size_t n = strlen(name) + 1;

	if (p || t->n == WARD_EGRESS_NAMES_MAX)
		return p;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		struct ward_pinned **at = realloc(t->at, cap * sizeof(struct ward_pinned *));

		if (!at)
			return NULL;
		t->at = at;
		t->cap = cap;
	}
	p = calloc(1, sizeof(*p) + n);
	if (!p)
		return NULL;
	memcpy(p->name, name, n);
	p->offset = WARD_NET_NAMES_AT + (uint32_t)t->n;
	p->next = t->buckets[bucket_of(name)];
	t->buckets[bucket_of(name)] = p;
	t->at[t->n++] = p;
	return p;
}

struct ward_pinned *ward_pinned_at(const struct ward_pins_table *t, const struct ward_relay_addr *a,
	bool *ret_synthetic)
{
	/* Between the prefix and the offset, all is zero. */
	static const uint8_t net6[12] = WARD_NET_SYNTHETIC6;
	const uint8_t *low = a->family == 4 ? a->a : a->a + 12;
	uint32_t v =
		(uint32_t)low[0] << 24 | (uint32_t)low[1] << 16 | (uint32_t)low[2] << 8 | low[3];

	if (a->family == 4) {
		*ret_synthetic = (v ^ WARD_NET_SYNTHETIC4) >> (32 - WARD_NET_SYNTHETIC4_BITS) == 0;
		v -= WARD_NET_SYNTHETIC4;
	} else {
		*ret_synthetic = memcmp(a->a, net6, WARD_NET_SYNTHETIC6_BITS / 8) == 0;
		if (memcmp(a->a, net6, sizeof(net6)) != 0)
			return NULL;
	}
	if (!*ret_synthetic || v < WARD_NET_NAMES_AT || v - WARD_NET_NAMES_AT >= t->n)
		return NULL;
	return t->at[v - WARD_NET_NAMES_AT];
}

void ward_pinned_addresses(const struct ward_pinned *p, uint8_t v4[4], uint8_t v6[16])
{
	static const uint8_t net6[12] = WARD_NET_SYNTHETIC6;
	uint32_t a = WARD_NET_SYNTHETIC4 + p->offset;

	memcpy(v6, net6, sizeof(net6));
	for (unsigned i = 0; i < 4; i++) {
		v4[i] = (uint8_t)(a >> (24 - 8 * i));
		v6[12 + i] = (uint8_t)(p->offset >> (24 - 8 * i));
	}
}

void ward_pins_table_done(struct ward_pins_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->at[i]);
	free(t->at);
	memset(t, 0, sizeof(*t));
}
