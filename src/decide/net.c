/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of NETWORK_CONNECT by what they name, so that a decision does not look at each of them: a connection waits for it. What is
 * found is the rule that comes first in their order, as if they were looked through; tests/unit/test_net_index.c compares both ways.
 *
 * A host that rules name is one entry: a name, a domain, or the first bits of an address. What was asked for is looked up as each entry
 * that could hold it: the name, its domains, its address cut to each length that there is. The ports of an entry are segments that do not
 * overlap, each with the first rule that holds it. A rule that is not in its one spelling grants nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "decide/own.h"

#define NONE UINT32_MAX
#define LENGTHS 129 /* of a prefix */

/* Which rule a port is granted by: from first on, up to the next segment. */
struct segment {
	uint32_t first;
	uint32_t rule;
};
struct entry {
	uint64_t hash;
	enum ward_host_kind kind; /* NAME, CHILD, BELOW, RANGE; NONE: free */
	uint8_t family, bits, address[16];
	uint32_t lowest; /* the first rule that has it, at whatever port */
	size_t segments, n_segments;
	size_t n_spans; /* while it is made */
	struct ward_str name; /* of the rule's pattern */
};
/* A range of ports of one rule. */
struct span {
	size_t entry;
	uint32_t rule, first, end; /* end: behind it */
};
struct ward_net_index {
	const struct ward_rule *v;
	size_t n;
	struct entry *entries; /* open addressing; n_slots is a power of two */
	uint32_t *same; /* the first rule of each pattern, by its text */
	size_t n_slots;
	struct segment *segments;
	size_t n_segments;
	struct span *spans; /* while it is made */
	size_t n_spans, cap_spans;
	bool lengths[2][LENGTHS]; /* of the prefixes that there are; IPv4, IPv6 */
};

/* ---- hashes ---- */

#define START UINT64_C(14695981039346656037)

static uint64_t step(uint64_t h, uint8_t c)
{
	return (h ^ c) * UINT64_C(1099511628211);
}

static uint64_t last(uint64_t h, enum ward_host_kind kind, uint8_t family, uint8_t bits)
{
	h = step(step(step(h, (uint8_t)kind), family), bits);
	return h ^ h >> 32;
}

/* From its end on: the hash of a domain is on the way to that of each name in it. */
static uint64_t of_bytes(const void *bytes, size_t n)
{
	const uint8_t *b = bytes;
	uint64_t h = START;

	while (n > 0)
		h = step(h, b[--n]);
	return h;
}

/* ---- making it ---- */

static void cut(const uint8_t *address, unsigned bits, uint8_t out[16])
{
	size_t whole = bits / 8;

	memset(out, 0, 16);
	memcpy(out, address, whole);
	if (bits % 8 > 0)
		out[whole] = (uint8_t)(address[whole] & (0xff00u >> (bits % 8)));
}

static bool is_entry(const struct entry *e, const struct entry *want)
{
	if (e->hash != want->hash || e->kind != want->kind)
		return false;
	if (e->kind != WARD_HOST_RANGE)
		return ward_str_eq(e->name, want->name);
	return e->family == want->family && e->bits == want->bits &&
		memcmp(e->address, want->address, sizeof(e->address)) == 0;
}

/* Where it is, or would be: there is always a free slot. */
static size_t slot_of(const struct ward_net_index *x, const struct entry *want)
{
	size_t at = (size_t)want->hash & (x->n_slots - 1);

	while (x->entries[at].kind != WARD_HOST_NONE && !is_entry(&x->entries[at], want))
		at = (at + 1) & (x->n_slots - 1);
	return at;
}

/* The bare name in a pattern of its one spelling: "*.NAME:443", which outlives the parsed form. */
static struct ward_str name_in(const char *pattern, const struct ward_endpoint *e)
{
	size_t stars = e->kind == WARD_HOST_BELOW ? 3 : e->kind == WARD_HOST_CHILD ? 2 : 0;

	return (struct ward_str){ pattern + stars, e->name_n };
}

static struct entry entry_of(const char *pattern, const struct ward_endpoint *e)
{
	struct entry want = { .kind = e->kind };

	if (e->kind == WARD_HOST_ADDRESS || e->kind == WARD_HOST_RANGE) {
		want.kind = WARD_HOST_RANGE;
		want.family = e->family;
		want.bits = e->bits;
		cut(e->address, e->bits, want.address);
		want.hash = last(of_bytes(want.address, sizeof(want.address)), want.kind,
			want.family, want.bits);
	} else {
		want.name = name_in(pattern, e);
		want.hash = last(of_bytes(want.name.s, want.name.n), want.kind, 0, 0);
	}
	return want;
}

static bool add_span(struct ward_net_index *x, const struct span *s)
{
	size_t cap = x->cap_spans ? x->cap_spans * 2 : 64;
	struct span *more;

	if (x->n_spans == x->cap_spans) {
		more = realloc(x->spans, cap * sizeof(*more));
		if (!more)
			return false;
		x->spans = more;
		x->cap_spans = cap;
	}
	x->spans[x->n_spans++] = *s;
	return true;
}

static bool add_rule(struct ward_net_index *x, uint32_t rule)
{
	const char *pattern = x->v[rule].pattern;
	char spelling[WARD_ENDPOINT_TEXT_MAX];
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	struct entry want;
	size_t at;

	if (!ward_endpoint_parse(ward_str(pattern), &e, &why))
		return true;
	ward_endpoint_text(&e, spelling);
	if (!ward_streq(spelling, pattern))
		return true;
	want = entry_of(pattern, &e);
	at = slot_of(x, &want);
	if (x->entries[at].kind == WARD_HOST_NONE) {
		x->entries[at] = want;
		x->entries[at].lowest = rule;
		if (want.kind == WARD_HOST_RANGE)
			x->lengths[want.family == 6][want.bits] = true;
	}
	for (size_t i = 0; i < e.n_ports; i++) {
		const struct span s = { at, rule, e.ports[i].first, e.ports[i].last + 1u };

		if (!add_span(x, &s))
			return false;
		x->entries[at].n_spans++;
	}
	return true;
}

/* The first of its pattern stays. */
static void add_same(struct ward_net_index *x, uint32_t rule)
{
	const char *pattern = x->v[rule].pattern;
	uint64_t h = of_bytes(pattern, strlen(pattern));
	size_t at = (size_t)(h ^ h >> 32) & (x->n_slots - 1);

	while (x->same[at] != NONE) {
		if (ward_streq(x->v[x->same[at]].pattern, pattern))
			return;
		at = (at + 1) & (x->n_slots - 1);
	}
	x->same[at] = rule;
}

static int by_entry(const void *pa, const void *pb)
{
	const struct span *a = pa, *b = pb;

	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	return a->rule != b->rule ? (a->rule < b->rule ? -1 : 1) : 0;
}

static int by_number(const void *pa, const void *pb)
{
	const uint32_t *a = pa, *b = pb;

	return *a != *b ? (*a < *b ? -1 : 1) : 0;
}

/* The segment that begins there. */
static size_t begins(const struct segment *g, size_t n, uint32_t first)
{
	size_t low = 0;

	while (n > low) {
		size_t middle = low + (n - low) / 2;

		if (g[middle].first < first)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/* Where a chain of filled segments ends; it gets shorter each time that it is walked. */
static size_t unfilled(size_t *next, size_t at)
{
	size_t end = at, then;

	while (next[end] != end)
		end = next[end];
	for (; next[at] != end && at != end; at = then) {
		then = next[at];
		next[at] = end;
	}
	return end;
}

/*
 * Segments of one entry out of its spans, which come in the order of their rules: the first that holds a port keeps it. bounds, next:
 * room for twice as many as there are spans, and one more.
 */
static void cut_up(struct ward_net_index *x, struct entry *e, const struct span *v,
	uint32_t *bounds, size_t *next)
{
	struct segment *g = x->segments + x->n_segments;
	size_t n = 0, k = 0;

	for (size_t i = 0; i < e->n_spans; i++) {
		bounds[k++] = v[i].first;
		bounds[k++] = v[i].end;
	}
	qsort(bounds, k, sizeof(*bounds), by_number);
	for (size_t i = 0; i < k; i++)
		if (n == 0 || g[n - 1].first != bounds[i])
			g[n++] = (struct segment){ bounds[i], NONE };
	for (size_t i = 0; i <= n; i++)
		next[i] = i;
	for (size_t i = 0; i < e->n_spans; i++) {
		size_t end = begins(g, n, v[i].end);

		for (size_t at = unfilled(next, begins(g, n, v[i].first)); at < end;
			at = unfilled(next, at)) {
			g[at].rule = v[i].rule;
			next[at] = at + 1;
		}
	}
	e->segments = x->n_segments;
	e->n_segments = n;
	x->n_segments += n;
}

static bool cut_up_all(struct ward_net_index *x)
{
	size_t room = 2 * x->n_spans + 1;
	uint32_t *bounds = calloc(room, sizeof(*bounds));
	size_t *next = calloc(room, sizeof(*next));
	bool fine = bounds && next;

	x->segments = calloc(room, sizeof(*x->segments));
	fine = fine && x->segments;
	if (fine && x->n_spans > 0)
		qsort(x->spans, x->n_spans, sizeof(*x->spans), by_entry);
	for (size_t i = 0; fine && i < x->n_spans;) {
		struct entry *e = &x->entries[x->spans[i].entry];

		cut_up(x, e, &x->spans[i], bounds, next);
		i += e->n_spans;
	}
	free(bounds);
	free(next);
	free(x->spans);
	x->spans = NULL;
	return fine;
}

static bool fill(struct ward_net_index *x)
{
	x->n_slots = 16;
	while (x->n_slots < 2 * x->n)
		x->n_slots *= 2;
	x->entries = calloc(x->n_slots, sizeof(*x->entries));
	x->same = calloc(x->n_slots, sizeof(*x->same));
	if (!x->entries || !x->same)
		return false;
	memset(x->same, 0xff, x->n_slots * sizeof(*x->same));
	for (uint32_t i = 0; i < x->n; i++) {
		if (x->v[i].type != WARD_CAP_NETWORK_CONNECT)
			continue;
		add_same(x, i);
		/* A policy's: the book decides. */
		if (!x->v[i].told && !add_rule(x, i))
			return false;
	}
	return cut_up_all(x);
}

int ward_net_index_new(const struct ward_rule *v, size_t n, struct ward_net_index **ret,
	struct ward_error *err)
{
	struct ward_net_index *x;

	if ((n > 0 && !v) || n >= NONE / 4)
		return ward_fail(err, WARD_E_INVALID, "rules that are none");
	for (size_t i = 0; i < n; i++)
		if (!v[i].pattern)
			return ward_fail(err, WARD_E_INVALID, "a rule without pattern");
	x = calloc(1, sizeof(*x));
	if (x) {
		x->v = v;
		x->n = n;
	}
	if (!x || !fill(x)) {
		ward_net_index_free(x);
		return ward_fail(err, WARD_E_NOMEM, "no memory for the rules of the network");
	}
	*ret = x;
	return WARD_OK;
}

void ward_net_index_free(struct ward_net_index *x)
{
	if (!x)
		return;
	free(x->entries);
	free(x->same);
	free(x->segments);
	free(x->spans);
	free(x);
}

bool ward_net_index_is_of(const struct ward_net_index *x, const struct ward_rules *rules)
{
	return x->v == rules->v && x->n == rules->n;
}

/* ---- looking ---- */

/* The first rule of this entry, at that port; port 0: at any. */
static uint32_t at_port(const struct ward_net_index *x, const struct entry *want, uint32_t port)
{
	const struct entry *e = &x->entries[slot_of(x, want)];
	const struct segment *g = x->segments + e->segments;
	size_t at;

	if (e->kind == WARD_HOST_NONE)
		return NONE;
	if (port == 0)
		return e->lowest;
	at = begins(g, e->n_segments, port + 1);
	return at > 0 ? g[at - 1].rule : NONE;
}

static uint32_t of_name(const struct ward_net_index *x, const struct ward_endpoint *asked,
	uint32_t port, bool meant)
{
	uint32_t best = NONE, one;
	uint64_t h = START;
	bool child = true;

	/* From the last label to the first; what stands behind a dot is a domain. */
	for (size_t i = asked->name_n; i > 0; i--) {
		if (asked->name[i - 1] == '.' && !meant) {
			struct entry want = { .kind = WARD_HOST_BELOW,
				.name = { asked->name + i, asked->name_n - i },
				.hash = last(h, WARD_HOST_BELOW, 0, 0) };

			one = at_port(x, &want, port);
			best = one < best ? one : best;
			child = memchr(asked->name, '.', i - 1) == NULL;
			want.kind = WARD_HOST_CHILD;
			want.hash = last(h, WARD_HOST_CHILD, 0, 0);
			one = child ? at_port(x, &want, port) : NONE;
			best = one < best ? one : best;
		}
		h = step(h, (uint8_t)asked->name[i - 1]);
	}
	one = at_port(x,
		&(struct entry){ .kind = WARD_HOST_NAME,
			.name = { asked->name, asked->name_n },
			.hash = last(h, WARD_HOST_NAME, 0, 0) },
		port);
	return one < best ? one : best;
}

static uint32_t of_address(const struct ward_net_index *x, const struct ward_endpoint *asked,
	uint32_t port, bool meant)
{
	unsigned most = asked->family == 6 ? 128 : 32;
	unsigned least = meant ? ward_address_line(asked->family, asked->address) : 0;
	uint32_t best = NONE, one;

	for (unsigned bits = least; bits <= most; bits++) {
		struct entry want = {
			.kind = WARD_HOST_RANGE, .family = asked->family, .bits = (uint8_t)bits
		};

		if (!x->lengths[asked->family == 6][bits])
			continue;
		cut(asked->address, bits, want.address);
		want.hash = last(of_bytes(want.address, sizeof(want.address)), want.kind,
			want.family, want.bits);
		one = at_port(x, &want, port);
		best = one < best ? one : best;
	}
	return best;
}

const struct ward_rule *ward_net_index_find(const struct ward_net_index *x,
	const struct ward_endpoint *asked, bool any_port, bool meant)
{
	uint32_t port = any_port ? 0 : asked->ports[0].first, at = NONE;

	if (!any_port && (asked->n_ports != 1 || port == 0))
		return NULL;
	if (asked->kind == WARD_HOST_NAME)
		at = of_name(x, asked, port, meant);
	else if (asked->kind == WARD_HOST_ADDRESS)
		at = of_address(x, asked, port, meant);
	return at == NONE ? NULL : &x->v[at];
}

const struct ward_rule *ward_net_index_same(const struct ward_net_index *x, const char *pattern)
{
	uint64_t h = of_bytes(pattern, strlen(pattern));
	size_t at = (size_t)(h ^ h >> 32) & (x->n_slots - 1);

	for (; x->same[at] != NONE; at = (at + 1) & (x->n_slots - 1))
		if (ward_streq(x->v[x->same[at]].pattern, pattern))
			return &x->v[x->same[at]];
	return NULL;
}
