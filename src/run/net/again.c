/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints to be asked about when a ceiling comes while a run lives: one of each grant that the run has, and one of each host, domain
 * and range that the new ceiling names, or what the run began with, at every port at which it could answer differently. Whether the run
 * had them, and has them still, is the caller's to find out. Of what no example can be found it is not known, and the caller is told so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/rules/rules.h"

#define PROBE "ward-probe"
#define SHORT "w"
#define PORTS 65536u

/*
 * What policies say of the addresses of a range can be otherwise only from where another range that they name begins, which is asked about as
 * itself, or has ended: the first address behind each, in order. So no part of a range goes without an example, whatever else of it is spared.
 */
struct ends {
	struct end {
		uint8_t family, address[16];
	} * v;
	size_t n, cap;
};

struct asking {
	const struct ward_plan *plan;
	const struct ward_book *had, *now; /* had: NULL where there were no policies */
	struct ends ends;
	ward_net_again_fn *fn;
	void *arg;
	uint64_t ports[PORTS / 64]; /* at which an answer may have been, or may be, another one */
};

/* ---- one of what an endpoint means, at that port ---- */

static int one(const struct asking *k, struct ward_endpoint *e, uint16_t port)
{
	char text[WARD_ENDPOINT_TEXT_MAX];

	e->kind = e->family == 0 ? WARD_HOST_NAME : WARD_HOST_ADDRESS;
	e->ports[0] = (struct ward_port_range){ port, port };
	e->n_ports = 1;
	ward_endpoint_text(e, text);
	return k->fn(k->arg, text, true);
}

static int below(const struct asking *k, const struct ward_endpoint *e, const char *before,
	const char *shorter, uint16_t port)
{
	struct ward_endpoint name = *e;
	int n = snprintf(name.name, sizeof(name.name), "%s.%s", before, e->name);

	if (n >= (int)sizeof(name.name))
		n = snprintf(name.name, sizeof(name.name), "%s.%s", shorter, e->name);
	/* Not even labels of one byte have room there: so there is no such name. */
	if (n < 0 || n >= (int)sizeof(name.name))
		return WARD_OK;
	name.name_n = (size_t)n;
	return one(k, &name, port);
}

/* An address of a range that is not one of those which are never reached. False: none is found. */
static bool address_in(const struct ward_endpoint *range, struct ward_endpoint *ret)
{
	unsigned most = range->family == 4 ? 32 : 128;

	*ret = *range;
	for (unsigned bit = range->bits;; bit++) {
		if (ward_address_classify(ret->family, ret->address) != WARD_ADDRESS_NEVER)
			return true;
		if (bit >= most)
			return false;
		memcpy(ret->address, range->address, sizeof(ret->address));
		ret->address[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
	}
}

static size_t width(int family)
{
	return family == 4 ? 4 : 16;
}

/* The first end that lies behind the beginning of the range: they are in order. */
static size_t first_end(const struct ends *x, const struct ward_endpoint *range)
{
	size_t low = 0, high = x->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct end *e = &x->v[mid];

		if (e->family < range->family ||
			(e->family == range->family &&
				memcmp(e->address, range->address, width(e->family)) <= 0))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* That one, if it is in the range, into ret, and the next of them; false: there is none. */
static bool next_end(const struct ends *x, const struct ward_endpoint *range, size_t *io_at,
	struct ward_endpoint *ret)
{
	const struct end *e = *io_at < x->n ? &x->v[*io_at] : NULL;

	if (!e || e->family != range->family ||
		!ward_address_within(e->address, range->address, range->bits))
		return false;
	*ret = *range;
	memcpy(ret->address, e->address, width(e->family));
	++*io_at;
	return true;
}

static int in_range(const struct asking *k, const struct ward_endpoint *e, uint16_t port)
{
	size_t pos = first_end(&k->ends, e);
	struct ward_endpoint address;
	char text[WARD_ENDPOINT_TEXT_MAX];
	int r;

	if (ward_address_range(e->family, e->address, e->bits).never)
		return WARD_OK; /* nobody had any of it */
	if (!address_in(e, &address)) {
		ward_endpoint_text(e, text);
		return k->fn(k->arg, text, false);
	}
	r = one(k, &address, port);
	while (r == WARD_OK && next_end(&k->ends, e, &pos, &address)) {
		if (ward_address_classify(address.family, address.address) != WARD_ADDRESS_NEVER)
			r = one(k, &address, port);
	}
	return r;
}

static int at(const struct asking *k, const struct ward_endpoint *e, uint16_t port)
{
	struct ward_endpoint it = *e;
	int r;

	if (e->kind == WARD_HOST_RANGE)
		return in_range(k, e, port);
	if (e->kind != WARD_HOST_CHILD && e->kind != WARD_HOST_BELOW)
		return one(k, &it, port);
	r = below(k, e, PROBE, SHORT, port);
	if (r == WARD_OK && e->kind == WARD_HOST_BELOW)
		r = below(k, e, PROBE "." PROBE, SHORT "." SHORT, port);
	return r;
}

/* ---- ports ---- */

static void mark(struct asking *k, uint16_t port)
{
	k->ports[port / 64] |= UINT64_C(1) << port % 64;
}

static void mark_book(struct asking *k, const struct ward_book *b)
{
	size_t n = 0;
	const uint16_t *ports = b ? ward_book_ports(b, &n) : NULL;

	for (size_t i = 0; i < n; i++)
		mark(k, ports[i]);
}

static int at_own_ports(const struct asking *k, const struct ward_endpoint *e)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < e->n_ports; i++) {
		r = at(k, e, e->ports[i].first);
		if (r == WARD_OK && e->ports[i].last != e->ports[i].first)
			r = at(k, e, e->ports[i].last);
	}
	return r;
}

static int at_ports(const struct asking *k, const struct ward_endpoint *e)
{
	int r = at_own_ports(k, e);

	/* For each of thousands of ranges: most of these words are 0. */
	for (unsigned i = 0; i < WARD_ARRAY_SIZE(k->ports); i++) {
		for (uint64_t left = k->ports[i]; r == WARD_OK && left; left &= left - 1) {
			unsigned port = 64 * i + (unsigned)__builtin_ctzll(left);

			if (port > 0)
				r = at(k, e, (uint16_t)port);
		}
	}
	return r;
}

/* ---- what the run has, and what the ceiling names ---- */

/* host as a policy has it; whole: with its port. text: the same as an endpoint. */
static bool as_endpoint(const char *before, const char *host, bool whole,
	char text[WARD_ENDPOINT_TEXT_MAX], struct ward_endpoint *ret)
{
	bool brackets = !whole && strchr(host, ':') != NULL;
	struct ward_endpoint_fault why;
	int n = snprintf(text, WARD_ENDPOINT_TEXT_MAX, "%s%s%s%s%s", host[0] == '*' ? "" : before,
		brackets ? "[" : "", host, brackets ? "]" : "", whole ? "" : ":1");

	return n >= 0 && n < WARD_ENDPOINT_TEXT_MAX &&
		ward_endpoint_parse(ward_str(text), ret, &why);
}

/* The first address behind it. False: it is the last. */
static bool behind(const struct ward_endpoint *e, struct end *ret)
{
	unsigned bits = e->kind == WARD_HOST_RANGE ? e->bits : 8 * (unsigned)width(e->family);
	unsigned more = bits ? 0x80u >> ((bits - 1) % 8) : 0;

	*ret = (struct end){ .family = e->family };
	memcpy(ret->address, e->address, width(e->family));
	for (size_t i = (bits + 7) / 8; i-- > 0 && more;) {
		more += ret->address[i];
		ret->address[i] = (uint8_t)more;
		more >>= 8;
	}
	return bits && !more;
}

static int in_order(const void *va, const void *vb)
{
	const struct end *a = va, *b = vb;
	int c = (int)a->family - (int)b->family;

	return c ? c : memcmp(a->address, b->address, width(a->family));
}

/* NULL ok. WARD_E_NOMEM */
static int ends_add(struct ends *x, const struct ward_book *b)
{
	char text[WARD_ENDPOINT_TEXT_MAX];
	const struct cedar_uid *uid;
	struct ward_endpoint e;
	size_t pos = 0;

	while (b && (uid = ward_book_named(b, &pos)) != NULL) {
		struct end *v = x->v;

		if (!(ward_streq(uid->type->s, "Ward::Cidr") ||
			    ward_streq(uid->type->s, "Ward::Host")) ||
			!as_endpoint("", uid->id->s, false, text, &e) || e.family == 0)
			continue;
		if (x->n == x->cap)
			v = reallocarray(v, x->cap += 64, sizeof(*v));
		if (!v)
			return WARD_E_NOMEM;
		x->v = v;
		x->n += behind(&e, &x->v[x->n]);
	}
	if (x->n > 1)
		qsort(x->v, x->n, sizeof(*x->v), in_order);
	return WARD_OK;
}

static void ends_done(struct ends *x)
{
	free(x->v);
}

static int of_policy(const struct asking *k, const char *before, const char *host, bool whole)
{
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];

	if (!as_endpoint(before, host, whole, text, &e))
		return k->fn(k->arg, host, false);
	return at_ports(k, &e);
}

static int granted(struct asking *k, bool *ret_any)
{
	struct ward_book_reach w;
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	size_t pos = 0;
	int r = WARD_OK;

	for (size_t i = 0; i < k->plan->n_rules; i++) {
		const struct ward_rule *rule = &k->plan->rules[i];

		if (rule->type != WARD_CAP_NETWORK_CONNECT)
			continue;
		*ret_any = true;
		if (rule->told || !ward_endpoint_parse(ward_str(rule->pattern), &e, &why))
			continue;
		for (size_t n = 0; n < e.n_ports; n++) {
			mark(k, e.ports[n].first);
			mark(k, e.ports[n].last);
		}
	}
	for (size_t i = 0; r == WARD_OK && i < k->plan->n_rules; i++) {
		const struct ward_rule *rule = &k->plan->rules[i];

		/* What policies permit is told in words; the book itself is asked below. */
		if (rule->type != WARD_CAP_NETWORK_CONNECT || (rule->told && k->had))
			continue;
		r = ward_endpoint_parse(ward_str(rule->pattern), &e, &why)
			? at_ports(k, &e)
			: k->fn(k->arg, rule->pattern, false);
	}
	while (r == WARD_OK && k->had && ward_book_reaches(k->had, &pos, &w)) {
		if (w.host)
			r = of_policy(k, w.before, w.host, w.one);
	}
	return r;
}

static const struct {
	const char *type, *before;
	bool whole;
} rows[] = { { "Ward::Endpoint", "", true }, { "Ward::Host", "", false },
	{ "Ward::Cidr", "", false }, { "Ward::Domain", "**.", false } };

/* What b names, and other does not (NULL ok). */
static int named(const struct asking *k, const struct ward_book *b, const struct ward_book *other)
{
	const struct cedar_uid *uid;
	size_t pos = 0;
	int r = WARD_OK;

	while (r == WARD_OK && (uid = ward_book_named(b, &pos)) != NULL) {
		if (other && ward_book_names(other, uid))
			continue;
		for (size_t i = 0; r == WARD_OK && i < WARD_ARRAY_SIZE(rows); i++) {
			if (ward_streq(uid->type->s, rows[i].type))
				r = of_policy(k, rows[i].before, uid->id->s, rows[i].whole);
		}
	}
	return r;
}

int ward_net_named(const struct ward_book *now, uint16_t port, ward_net_again_fn *fn, void *arg)
{
	struct asking k = { .now = now, .fn = fn, .arg = arg };
	int r = ends_add(&k.ends, now);

	mark(&k, port);
	if (r == WARD_OK)
		r = named(&k, now, NULL);
	ends_done(&k.ends);
	return r;
}

struct leading {
	ward_net_again_fn *fn;
	void *arg;
	bool all; /* what is inner, and what is never reached, too */
	struct ends ends;
};

static int led_to_one(const struct leading *l, struct ward_endpoint *address, unsigned bits)
{
	enum ward_address_class c = ward_address_classify(address->family, address->address);
	char text[WARD_ENDPOINT_TEXT_MAX];

	if (!l->all && c != WARD_ADDRESS_PUBLIC &&
		bits >= ward_address_line(address->family, address->address))
		return WARD_OK;
	address->kind = WARD_HOST_ADDRESS;
	ward_endpoint_host(address, text);
	return l->fn(l->arg, text, true);
}

/* An address, or those of a range that tell of all of it. */
static int led_to(const struct ward_endpoint *e, const struct leading *l)
{
	unsigned bits = e->kind == WARD_HOST_RANGE ? e->bits : 8 * (unsigned)width(e->family);
	struct ward_endpoint address = *e;
	size_t pos = first_end(&l->ends, e);
	char text[WARD_ENDPOINT_TEXT_MAX];
	int r;

	if (!l->all && ward_address_range(e->family, e->address, bits).never)
		return WARD_OK;
	if (!l->all && e->kind == WARD_HOST_RANGE && !address_in(e, &address)) {
		ward_endpoint_host(e, text);
		return l->fn(l->arg, text, false);
	}
	r = led_to_one(l, &address, bits);
	while (r == WARD_OK && e->kind == WARD_HOST_RANGE &&
		next_end(&l->ends, e, &pos, &address)) {
		if (l->all ||
			ward_address_classify(address.family, address.address) !=
				WARD_ADDRESS_NEVER)
			r = led_to_one(l, &address, bits);
	}
	return r;
}

static int led_by(void *arg, const struct cedar_uid *thing)
{
	const struct leading *l = arg;
	char text[WARD_ENDPOINT_TEXT_MAX];
	struct ward_endpoint e;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < WARD_ARRAY_SIZE(rows); i++) {
		if (!ward_streq(thing->type->s, rows[i].type))
			continue;
		if (!as_endpoint(rows[i].before, thing->id->s, rows[i].whole, text, &e))
			r = l->fn(l->arg, thing->id->s, false);
		else if (e.kind == WARD_HOST_ADDRESS || e.kind == WARD_HOST_RANGE)
			r = led_to(&e, l);
	}
	return r;
}

int ward_net_led_to(const struct ward_book *now, const struct ward_book *had, bool all,
	ward_net_again_fn *fn, void *arg)
{
	struct leading l = { .fn = fn, .arg = arg, .all = all };
	int r = ends_add(&l.ends, now);

	if (r == WARD_OK)
		r = ends_add(&l.ends, had);
	if (r == WARD_OK)
		r = ward_book_newly_forbids(now, had, WARD_ACT_NET_CONNECT, led_by, &l);
	ends_done(&l.ends);
	return r;
}

/* Of what forbids name, all that a name could lie in or be. */
struct forbidden {
	const struct cedar_uid **v;
	size_t n, cap;
};

static int remember(void *arg, const struct cedar_uid *thing)
{
	struct forbidden *f = arg;

	if (ward_streq(thing->type->s, "Ward::Cidr"))
		return WARD_OK;
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		const struct cedar_uid **v = reallocarray(f->v, cap, sizeof(*v));

		if (!v)
			return WARD_E_NOMEM;
		f->v = v;
		f->cap = cap;
	}
	f->v[f->n++] = thing;
	return WARD_OK;
}

static bool is_forbidden(void *arg, const struct cedar_uid *thing)
{
	const struct forbidden *f = arg;

	for (size_t i = 0; i < f->n; i++) {
		if (ward_cedar_uid_eq(f->v[i], thing))
			return true;
	}
	return false;
}

static const char *key_of(const struct ward_rulebook *now, const struct ward_rulebook *had,
	struct forbidden *f, const char *name, struct ward_arena *arena)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	const struct ward_query q = {
		.action = WARD_ACT_NET_CONNECT, .resource = ward_str(name), .unreached = true
	};

	if (ward_book_told_apart(now->book, now->desk, &q, NULL, NULL, &text) < 0 ||
		(had && ward_book_told_apart(had->book, had->desk, &q, is_forbidden, f, &text) < 0))
		return NULL;
	return ward_arena_dup(arena, text.s, text.n);
}

int ward_net_alike(const struct ward_rulebook *now, const struct ward_rulebook *had,
	const struct ward_texts *names, struct ward_arena *arena, const size_t **ret)
{
	const char **keys = ward_arena_alloc(arena, (names->n + 1) * sizeof(*keys));
	size_t *like = ward_arena_alloc(arena, (names->n + 1) * sizeof(*like));
	struct forbidden f = { 0 };
	int r = keys && like ? WARD_OK : WARD_E_NOMEM;

	if (r == WARD_OK && had)
		r = ward_book_newly_forbids(had->book, NULL, WARD_ACT_NET_CONNECT, remember, &f);
	for (size_t i = 0; r == WARD_OK && i < names->n; i++) {
		keys[i] = key_of(now, had, &f, names->v[i], arena);
		if (!keys[i]) {
			r = WARD_E_NOMEM;
			break;
		}
		like[i] = 0;
		while (like[i] < i && !ward_streq(keys[like[i]], keys[i]))
			like[i]++;
	}
	free(f.v);
	*ret = like;
	return r;
}

int ward_net_examples(const char *endpoint, ward_net_again_fn *fn, void *arg)
{
	struct asking k = { .fn = fn, .arg = arg };
	struct ward_endpoint_fault why;
	struct ward_endpoint e;

	return ward_endpoint_parse(ward_str(endpoint), &e, &why) ? at_own_ports(&k, &e)
								 : fn(arg, endpoint, false);
}

int ward_net_asked_again(const struct ward_plan *plan, const struct ward_book *had,
	const struct ward_book *now, bool agreed, ward_net_again_fn *fn, void *arg)
{
	/* For a ceiling that lists what may be granted, and nothing of this: what nobody names. */
	static const char *const nobodys[] = { PROBE ".example", "0.0.0.0/0", "::/0" };
	struct asking k = { .plan = plan, .had = had, .now = now, .fn = fn, .arg = arg };
	bool any = agreed;
	int r = ends_add(&k.ends, now);

	mark_book(&k, now);
	mark_book(&k, had);
	if (r == WARD_OK)
		r = ends_add(&k.ends, had);
	if (r == WARD_OK)
		r = granted(&k, &any);
	if (r == WARD_OK && any)
		r = named(&k, now, NULL);
	/* A condition, or a list above a wider grant, may have let the run connect to that alone, and the new ceiling speak of what it leads to. */
	if (r == WARD_OK && any && had)
		r = named(&k, had, now);
	for (size_t i = 0; r == WARD_OK && any && i < WARD_ARRAY_SIZE(nobodys); i++)
		r = of_policy(&k, "", nobodys[i], false);
	ends_done(&k.ends);
	return r;
}
