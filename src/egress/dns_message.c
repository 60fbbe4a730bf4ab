/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages of the outside resolver (RFC 1035, 6891). Whoever answers may be anybody: an answer counts for the question that it
 * repeats, to the letter, and for no other name than that, or what its CNAMEs lead to, in the same message.
 */
#include <string.h>

#include "egress/dns.h"

#define HEADER 12
#define TYPE_CNAME 5
#define TYPE_OPT 41
#define CLASS_IN 1
#define NAME_BYTES 255
#define HOPS_MAX 64
#define FLAG_ANSWER 0x8000u
#define FLAG_CUT 0x0200u
#define OPCODE 0x7800u
#define RCODE_FORMAT 1u
#define RCODE_NO_NAME 3u
#define RCODE_NOT_IMPLEMENTED 4u

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint8_t *put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

size_t ward_dns_query(uint8_t out[WARD_DNS_QUERY_MAX], uint16_t id, const char *name, uint16_t type,
	bool edns)
{
	static const uint8_t opt_rest[6] = { 0 };
	uint8_t *p = out;

	p = put16(p, id);
	p = put16(p, 0x0100); /* recursion desired */
	p = put16(p, 1);
	p = put16(p, 0);
	p = put16(p, 0);
	p = put16(p, edns);
	while (*name) {
		size_t n = strcspn(name, ".");

		*p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
		name += n + (name[n] == '.');
	}
	*p++ = 0;
	p = put16(p, type);
	p = put16(p, CLASS_IN);
	if (!edns)
		return (size_t)(p - out);
	*p++ = 0;
	p = put16(p, TYPE_OPT);
	p = put16(p, WARD_DNS_EDNS_BYTES);
	memcpy(p, opt_rest, sizeof(opt_rest));
	return (size_t)(p + sizeof(opt_rest) - out);
}

struct reader {
	const uint8_t *p;
	size_t n, at;
};

/* A name in the form of the wire, without compression, letters lower: out has its length bytes. False: it is none. */
static bool read_name(struct reader *r, uint8_t out[NAME_BYTES], size_t *ret_n)
{
	size_t at = r->at, n = 0, limit = r->at;
	bool jumped = false;

	for (unsigned hops = 0; at < r->n;) {
		uint8_t len = r->p[at];

		if (len >= 0xc0) {
			size_t to;

			if (at + 1 >= r->n || ++hops > HOPS_MAX)
				return false;
			to = get16(r->p + at) & 0x3fff;
			/* Only ever backwards: it comes to an end. */
			if (to >= limit || to < HEADER)
				return false;
			if (!jumped)
				r->at = at + 2;
			jumped = true;
			limit = at = to;
			continue;
		}
		if (len > 63 || at + 1 + len > r->n || n + 1u + len > NAME_BYTES)
			return false;
		out[n++] = len;
		for (uint8_t i = 0; i < len; i++) {
			uint8_t c = r->p[at + 1 + i];

			out[n++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
		}
		at += 1u + len;
		if (len)
			continue;
		if (!jumped)
			r->at = at;
		*ret_n = n;
		return true;
	}
	return false;
}

struct record {
	uint8_t owner[NAME_BYTES];
	size_t owner_n;
	unsigned type, class;
	uint32_t ttl;
	size_t data, data_n; /* within the message */
};

static bool read_record(struct reader *r, struct record *ret)
{
	const uint8_t *p;

	if (!read_name(r, ret->owner, &ret->owner_n) || r->n - r->at < 10)
		return false;
	p = r->p + r->at;
	ret->type = get16(p);
	ret->class = get16(p + 2);
	ret->ttl = (uint32_t)get16(p + 4) << 16 | get16(p + 6);
	ret->data_n = get16(p + 8);
	ret->data = r->at + 10;
	if (ret->data_n > r->n - ret->data)
		return false;
	r->at = ret->data + ret->data_n;
	return true;
}

/* What a walk through the answers is after. */
struct looked {
	uint8_t name[NAME_BYTES];
	size_t name_n;
	unsigned type;
	uint8_t alias[NAME_BYTES]; /* what name is an alias of */
	size_t alias_n;
	struct ward_dns_answer *ret;
	struct ward_dns_servers *servers; /* of SRV; else NULL */
};

/* A name of the wire as text; false: no host has such a one. */
static bool host_of(const uint8_t *wire, size_t n, char out[WARD_RELAY_NAME_MAX + 2])
{
	size_t len = 0;

	if (n < 2 || n - 1 > WARD_RELAY_NAME_MAX)
		return false;
	for (size_t at = 0; wire[at]; at += 1u + wire[at]) {
		if (at)
			out[len++] = '.';
		memcpy(out + len, wire + at + 1, wire[at]);
		len += wire[at];
	}
	out[len] = '\0';
	return strlen(out) == len && ward_name_is_normal(ward_str(out));
}

/* One that is no host's (".": it is decidedly not offered) is passed over. */
static bool take_server(const struct reader *whole, const struct record *v, struct looked *l)
{
	struct reader in = { whole->p, v->data + v->data_n, v->data + 6 };
	const uint8_t *p = whole->p + v->data;
	struct ward_dns_server s = { 0 };
	uint8_t name[NAME_BYTES];
	size_t n;

	if (v->data_n < 7 || !read_name(&in, name, &n) || in.at != v->data + v->data_n)
		return false;
	s.priority = (uint16_t)get16(p);
	s.weight = (uint16_t)get16(p + 2);
	s.port = (uint16_t)get16(p + 4);
	if (s.port && l->servers->n < WARD_EGRESS_SERVERS_MAX && host_of(name, n, s.name))
		l->servers->v[l->servers->n++] = s;
	l->ret->n = l->servers->n;
	return true;
}

static bool take_record(const struct reader *whole, const struct record *v, struct looked *l)
{
	struct ward_dns_answer *ret = l->ret;
	size_t size = l->type == WARD_DNS_A ? 4 : 16;

	if (v->class != CLASS_IN || v->owner_n != l->name_n ||
		memcmp(v->owner, l->name, l->name_n) != 0)
		return true;
	if (v->type == TYPE_CNAME && l->alias_n == 0) {
		struct reader in = { whole->p, v->data + v->data_n, v->data };

		if (!read_name(&in, l->alias, &l->alias_n) || in.at != v->data + v->data_n)
			return false;
	} else if (v->type == l->type && l->servers) {
		if (!take_server(whole, v, l))
			return false;
	} else if (v->type == l->type) {
		struct ward_relay_addr *a = &ret->v[ret->n];

		if (v->data_n != size)
			return false;
		if (ret->n == WARD_EGRESS_ADDRESSES_MAX)
			return true;
		*a = (struct ward_relay_addr){ .family = size == 4 ? 4 : 6 };
		memcpy(a->a, whole->p + v->data, size);
		ward_address_unmap(a);
		ret->n++;
	} else {
		return true;
	}
	if (v->ttl < ret->ttl)
		ret->ttl = v->ttl;
	return true;
}

static bool walk(const struct reader *answers, unsigned count, struct looked *l)
{
	struct reader r = *answers;
	struct record v;

	l->alias_n = 0;
	for (unsigned i = 0; i < count; i++)
		if (!read_record(&r, &v) || !take_record(answers, &v, l))
			return false;
	return true;
}

static enum ward_dns_result read_answers(const struct reader *answers, unsigned count,
	struct looked *l)
{
	for (unsigned i = 0; i <= WARD_DNS_CNAMES_MAX; i++) {
		if (!walk(answers, count, l))
			return WARD_DNS_FAILED;
		if (l->ret->n || l->alias_n == 0)
			return WARD_DNS_ANSWER;
		memcpy(l->name, l->alias, l->alias_n);
		l->name_n = l->alias_n;
	}
	return WARD_DNS_FAILED;
}

/* A server that is older than EDNS, or stands behind what takes it for an error (RFC 6891, 7), may be able to say it all the same. */
static enum ward_dns_result failed(unsigned flags, const uint8_t *query)
{
	unsigned rcode = flags & 0xf;

	return get16(query + 10) && (rcode == RCODE_FORMAT || rcode == RCODE_NOT_IMPLEMENTED)
		? WARD_DNS_PLAIN
		: WARD_DNS_FAILED;
}

enum ward_dns_result ward_dns_read_servers(const uint8_t *p, size_t n, const uint8_t *query,
	size_t query_n, struct ward_dns_answer *ret, struct ward_dns_servers *servers)
{
	struct reader r = { p, n, HEADER }, asked = { query, query_n, HEADER };
	struct looked l = { .ret = ret, .servers = servers };
	enum ward_dns_result found;
	unsigned flags;
	size_t question;

	*ret = (struct ward_dns_answer){ .ttl = UINT32_MAX };
	if (servers)
		servers->n = 0;
	if (query_n < HEADER || !read_name(&asked, l.name, &l.name_n) || query_n - asked.at < 4)
		return WARD_DNS_FAILED;
	l.type = get16(query + asked.at);
	if ((l.type == WARD_DNS_SRV) != (servers != NULL))
		return WARD_DNS_FAILED;
	question = asked.at + 4 - HEADER;
	if (n < HEADER || get16(p) != get16(query))
		return WARD_DNS_FOREIGN;
	flags = get16(p + 2);
	if (!(flags & FLAG_ANSWER) || (flags & OPCODE))
		return WARD_DNS_FOREIGN;
	/* A server that cannot read a question may leave it out. */
	if (get16(p + 4) == 0 && n == HEADER && (flags & 0xf))
		return failed(flags, query);
	if (get16(p + 4) != 1 || n - HEADER < question ||
		memcmp(p + HEADER, query + HEADER, question) != 0)
		return WARD_DNS_FOREIGN;
	if (flags & FLAG_CUT)
		return WARD_DNS_CUT;
	if ((flags & 0xf) == RCODE_NO_NAME)
		return WARD_DNS_NO_NAME;
	if (flags & 0xf)
		return failed(flags, query);
	r.at += question;
	found = read_answers(&r, get16(p + 6), &l);
	if (found != WARD_DNS_ANSWER)
		*ret = (struct ward_dns_answer){ 0 };
	if (servers && found != WARD_DNS_ANSWER)
		servers->n = 0;
	return found;
}

enum ward_dns_result ward_dns_read(const uint8_t *p, size_t n, const uint8_t *query, size_t query_n,
	struct ward_dns_answer *ret)
{
	return ward_dns_read_servers(p, n, query, query_n, ret, NULL);
}
