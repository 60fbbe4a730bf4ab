/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers of DNS (RFC 1035; EDNS: RFC 6891). Pure. */
#include "dns.h"

#include <string.h>

#define HEAD 12
#define CLASS_IN 1
#define EDNS_BYTES 1232
#define OPT_BYTES 11

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint8_t *put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

/*
 * The labels from at on, with dots between them: bytes that the name took, 0 when it is none (a pointer: there is nothing to point at in
 * front of the only question; an end that does not come). *ret_len = 0: the root, or a name that no normal form will have.
 */
static size_t labels(const uint8_t *p, size_t n, size_t at, uint8_t text[255], size_t *ret_len)
{
	size_t begin = at, len = 0;
	bool dotted = false;

	for (;;) {
		size_t label;

		if (at >= n || at - begin >= 255)
			return 0;
		label = p[at++];
		if (label == 0)
			break;
		if (label > 63 || at + label > n || at + label - begin >= 255)
			return 0;
		if (len > 0)
			text[len++] = '.';
		/* A dot within a label would be read as two. */
		dotted |= memchr(p + at, '.', label) != NULL;
		memcpy(text + len, p + at, label);
		len += label;
		at += label;
	}
	*ret_len = dotted ? 0 : len;
	return at - begin;
}

/* Behind the question: nothing, or one OPT that ends with the message. */
static bool tail(const uint8_t *p, size_t n, size_t at, struct ward_dns_question *ret)
{
	ret->edns = false;
	ret->room = WARD_DNS_BYTES_MAX;
	if (get16(p + 6) != 0 || get16(p + 8) != 0 || get16(p + 10) > 1)
		return false;
	if (get16(p + 10) == 0)
		return at == n;
	if (n - at < OPT_BYTES || p[at] != 0 || get16(p + at + 1) != WARD_TYPE_OPT)
		return false;
	ret->edns = true;
	if (get16(p + at + 3) > ret->room)
		ret->room = get16(p + at + 3) < EDNS_BYTES ? get16(p + at + 3) : EDNS_BYTES;
	return n - at == OPT_BYTES + (size_t)get16(p + at + 9);
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0 && (n == m || name[n - m - 1] == '.');
}

/* Names that nobody outside is asked about, whatever is granted. */
static enum ward_dns_verdict name_verdict(struct ward_dns_question *q, const uint8_t *text,
	size_t len)
{
	q->rcode = WARD_RCODE_NXDOMAIN;
	if (q->type == WARD_TYPE_PTR || !ward_host_normal(text, len, false, q->name) ||
		ends_with(q->name, "in-addr.arpa") || ends_with(q->name, "ip6.arpa"))
		return WARD_DNS_REPLY;
	q->rcode = WARD_RCODE_OK;
	return ends_with(q->name, "localhost") ? WARD_DNS_LOCAL : WARD_DNS_ASK;
}

enum ward_dns_verdict ward_dns_read(const uint8_t *p, size_t n, struct ward_dns_question *ret)
{
	uint8_t text[255];
	size_t taken, len = 0;
	uint16_t class;

	memset(ret, 0, sizeof(*ret));
	if (n < HEAD || (p[2] & 0x80) != 0)
		return WARD_DNS_DROP;
	ret->id = get16(p);
	ret->recurse = (p[2] & 1) != 0;
	ret->rcode = WARD_RCODE_NOTIMP;
	if ((p[2] & 0x78) != 0)
		return WARD_DNS_REPLY;
	ret->rcode = WARD_RCODE_FORMERR;
	if (n > WARD_DNS_BYTES_MAX || get16(p + 4) != 1)
		return WARD_DNS_REPLY;
	taken = labels(p, n, HEAD, text, &len);
	if (taken == 0 || HEAD + taken + 4 > n || !tail(p, n, HEAD + taken + 4, ret))
		return WARD_DNS_REPLY;
	ret->len = (uint16_t)(taken + 4);
	memcpy(ret->raw, p + HEAD, ret->len);
	ret->type = get16(p + HEAD + taken);
	class = get16(p + HEAD + taken + 2);
	ret->rcode = WARD_RCODE_NOTIMP;
	/* 128 and up: transfers, ANY, and what is no type of data. */
	if (class != CLASS_IN || ret->type == 0 || ret->type == WARD_TYPE_OPT ||
		(ret->type >= 128 && ret->type <= 255))
		return WARD_DNS_REPLY;
	return name_verdict(ret, text, len);
}

static bool any(const uint8_t *a, size_t n)
{
	for (size_t i = 0; a != NULL && i < n; i++)
		if (a[i] != 0)
			return true;
	return false;
}

/* Up to the answers. */
static uint8_t *put_head(uint8_t *out, const struct ward_dns_question *q, uint8_t rcode, size_t n)
{
	uint8_t *p = put16(out, q->id);

	p = put16(p, 0x8080u | (q->recurse ? 0x100u : 0u) | (rcode & 15u)); /* QR, RA */
	p = put16(p, q->len > 0);
	p = put16(p, (uint32_t)n);
	p = put16(p, 0);
	p = put16(p, q->edns);
	memcpy(p, q->raw, q->len);
	return p + q->len;
}

/* Its name is the question's. */
static uint8_t *put_record(uint8_t *p, uint16_t type, size_t n)
{
	p = put16(p, 0xc000u | HEAD);
	p = put16(p, type);
	p = put16(p, CLASS_IN);
	p = put16(p, 0);
	p = put16(p, WARD_DNS_TTL);
	return put16(p, (uint32_t)n);
}

static uint8_t *put_tail(uint8_t *p, const struct ward_dns_question *q)
{
	if (!q->edns)
		return p;
	*p++ = 0;
	p = put16(p, WARD_TYPE_OPT);
	p = put16(p, EDNS_BYTES);
	p = put16(p, 0);
	p = put16(p, 0);
	return put16(p, 0);
}

static uint8_t *put_name(uint8_t *p, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		*p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
		name += n + (name[n] == '.');
	}
	*p++ = 0;
	return p;
}

size_t ward_dns_write_servers(const struct ward_dns_question *q, const struct ward_dns_server *v,
	size_t n, size_t room, bool tcp, uint8_t out[WARD_DNS_SERVERS_BYTES_MAX])
{
	uint8_t *p = put_head(out, q, WARD_RCODE_OK, 0), *end = out + room;
	size_t i;

	end -= q->edns ? OPT_BYTES : 0;
	for (i = 0; i < n; i++) {
		size_t len = 6 + strlen(v[i].name) + 2;

		if (len + 12 > (size_t)(end - p))
			break;
		p = put_record(p, WARD_TYPE_SRV, len);
		p = put16(p, v[i].priority);
		p = put16(p, v[i].weight);
		p = put16(p, v[i].port);
		p = put_name(p, v[i].name);
	}
	(void)put16(out + 6, (uint32_t)i);
	if (i < n && tcp)
		out[2] |= 2; /* TC: there is more over TCP */
	return (size_t)(put_tail(p, q) - out);
}

size_t ward_dns_write(const struct ward_dns_question *q, uint8_t rcode, const uint8_t *v4,
	const uint8_t *v6, uint8_t out[WARD_DNS_BYTES_MAX])
{
	const uint8_t *a = q->type == WARD_TYPE_A ? v4 : q->type == WARD_TYPE_AAAA ? v6 : NULL;
	size_t n = q->type == WARD_TYPE_A ? 4 : 16;
	bool answer = rcode == WARD_RCODE_OK && q->len > 0 && any(a, n);
	uint8_t *p = put_head(out, q, rcode, answer);

	if (answer) {
		p = put_record(p, q->type, n);
		memcpy(p, a, n);
		p += n;
	}
	return (size_t)(put_tail(p, q) - out);
}
