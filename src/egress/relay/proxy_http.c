/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP as a proxy is spoken to (RFC 9110, 9112): CONNECT, and requests in absolute form, one of each connection. Pure. The head is what
 * ward_spoken_http() takes for one, which is strict; what is asked here beside that is what only a proxy must know. The server gets the
 * head in origin form, with the host of its target, and hears that the connection ends behind it. A body has a length, or there is none:
 * one in chunks has an end that two readers might see in two places.
 */
#include "proxy.h"

#include <string.h>
#include <strings.h>

struct text {
	const uint8_t *p;
	size_t n;
};
struct request {
	struct text method, host, path, version, fields;
	bool six, has_port;
	uint16_t port;
};

static bool is(struct text t, const char *word)
{
	return t.n == strlen(word) && strncasecmp((const char *)t.p, word, t.n) == 0;
}

/* Up to the byte, which is taken as well. false: there is none. */
static bool cut(struct text *t, uint8_t at, struct text *ret)
{
	const uint8_t *end = t->n > 0 ? memchr(t->p, at, t->n) : NULL;

	if (end == NULL)
		return false;
	*ret = (struct text){ t->p, (size_t)(end - t->p) };
	t->n -= ret->n + 1;
	t->p = end + 1;
	return true;
}

/* A line of a head that is known to be well-formed, without its end. false: the empty one. */
static bool line(struct text *t, struct text *ret)
{
	if (!cut(t, '\n', ret) || ret->n < 2)
		return false;
	ret->n--;
	return true;
}

static bool number(struct text t, uint16_t *ret)
{
	uint32_t v = 0;

	if (t.n == 0 || t.n > 5 || t.p[0] == '0')
		return false;
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(t.p[i] - '0');
	}
	*ret = (uint16_t)v;
	return v <= UINT16_MAX;
}

/* HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT. */
static bool authority(struct text t, struct request *r)
{
	struct text host;

	r->six = t.n > 0 && t.p[0] == '[';
	if (r->six) {
		t.p++;
		t.n--;
		if (!cut(&t, ']', &r->host))
			return false;
		if (t.n == 0)
			return true;
		if (!cut(&t, ':', &host) || host.n != 0)
			return false;
	} else if (!cut(&t, ':', &r->host)) {
		r->host = t;
		return t.n > 0;
	}
	r->has_port = true;
	return number(t, &r->port);
}

static bool absolute(struct text target, struct request *r)
{
	struct text scheme;
	size_t n = 0;

	if (!cut(&target, ':', &scheme) || !is(scheme, "http") || target.n < 2 ||
		memcmp(target.p, "//", 2) != 0)
		return false;
	target.p += 2;
	target.n -= 2;
	while (n < target.n && target.p[n] != '/' && target.p[n] != '?')
		n++;
	r->path = (struct text){ target.p + n, target.n - n };
	r->port = 80;
	return memchr(target.p, '#', target.n) == NULL &&
		authority((struct text){ target.p, n }, r);
}

static bool split(struct text head, struct request *r)
{
	struct text first, target;

	if (!line(&head, &first) || !cut(&first, ' ', &r->method) || !cut(&first, ' ', &target))
		return false;
	r->version = first;
	r->fields = head;
	if (is(r->method, "CONNECT"))
		return authority(target, r) && r->has_port;
	return absolute(target, r);
}

static struct text value_of(struct text field)
{
	while (field.n > 0 && (field.p[0] == ' ' || field.p[0] == '\t')) {
		field.p++;
		field.n--;
	}
	while (field.n > 0 && (field.p[field.n - 1] == ' ' || field.p[field.n - 1] == '\t'))
		field.n--;
	return field;
}

static bool length(struct text t, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < t.n; i++)
		v = v * 10 + (uint64_t)(t.p[i] - '0'); /* at most 19 digits: that was seen to */
	*ret = v;
	return v <= INT64_MAX;
}

/* The port of Host is the target's. Behind CONNECT some clients leave it out. */
static bool same_port(struct text value, const struct request *r, bool connect)
{
	struct request h = { .port = 80 };

	return authority(value, &h) && (h.port == r->port || (connect && !h.has_port));
}

static enum ward_proxy_verdict fields(struct ward_proxy *s, const struct request *r)
{
	struct text rest = r->fields, field, name;
	bool connect = is(r->method, "CONNECT");

	while (line(&rest, &field)) {
		if (!cut(&field, ':', &name))
			return ward_proxy_bad(s, 400, "a line that is no field");
		field = value_of(field);
		if (is(name, "transfer-encoding"))
			return ward_proxy_bad(s, connect ? 400 : 411,
				"a body in chunks is not taken; with a length it is");
		if (is(name, "content-length") &&
			(!length(field, &s->body) || (connect && s->body > 0)))
			return ward_proxy_bad(s, 400, "a length that cannot be");
		if (is(name, "host") && !same_port(field, r, connect))
			return ward_proxy_bad(s, 400, "Host has another port than the target");
	}
	return WARD_PROXY_OPEN;
}

static const uint8_t *head_end(const uint8_t *p, size_t n)
{
	for (size_t i = 3; i < n; i++)
		if (memcmp(p + i - 3, "\r\n\r\n", 4) == 0)
			return p + i + 1;
	return NULL;
}

enum ward_proxy_verdict ward_proxy_http(struct ward_proxy *s, const uint8_t *p, size_t n)
{
	struct request r = { 0 };
	const uint8_t *end;

	s->how = WARD_HOW_PROXIED;
	if (n >= 8 && memcmp(p, "CONNECT ", 8) == 0)
		s->how = WARD_HOW_CONNECT;
	if (!ward_spoken_http(&s->head, p, n))
		return WARD_PROXY_MORE;
	end = head_end(p, n);
	if (s->head.what != WARD_SPOKEN_HTTP || end == NULL)
		return ward_proxy_bad(s, 400, "no request that can be read in one way alone");
	if (!split((struct text){ p, (size_t)(end - p) }, &r))
		return ward_proxy_bad(s, 400,
			"no request to a proxy: CONNECT host:port, or http://host/ (https goes by CONNECT)");
	if (!ward_proxy_host(s, r.host.p, r.host.n, r.six))
		return ward_proxy_bad(s, 400,
			"the host is no name and no address in its one spelling");
	s->to.port = r.port;
	s->take = (uint32_t)(end - p);
	if (fields(s, &r) == WARD_PROXY_BAD)
		return WARD_PROXY_BAD;
	if (s->how == WARD_HOW_PROXIED && n - s->take > s->body)
		return ward_proxy_bad(s, 400, "more than one request on a connection");
	return WARD_PROXY_OPEN;
}

/* ---- for the server ---- */

struct out {
	char *p;
	size_t n;
};

static void put(struct out *o, const void *p, size_t n)
{
	if (n > 0)
		memcpy(o->p + o->n, p, n);
	o->n += n;
}

static void word(struct out *o, const char *s)
{
	put(o, s, strlen(s));
}

/* What is said to the next hop alone. */
static bool is_hop(struct text name)
{
	static const char *const words[] = { "host", "connection", "proxy-connection",
		"proxy-authorization", "keep-alive", "te", "trailer", "upgrade", "http2-settings" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (is(name, words[i]))
			return true;
	return false;
}

static void put_host(struct out *o, const struct ward_proxy *s, const struct request *r)
{
	char digits[8];
	size_t at = sizeof(digits);

	word(o, r->six ? "Host: [" : "Host: ");
	if (s->name[0] != '\0')
		word(o, s->name);
	else
		put(o, r->host.p, r->host.n);
	word(o, r->six ? "]" : "");
	if (r->port != 80) {
		for (uint16_t v = r->port; v > 0; v /= 10)
			digits[--at] = (char)('0' + v % 10);
		digits[--at] = ':';
		put(o, digits + at, sizeof(digits) - at);
	}
	word(o, "\r\n");
}

size_t ward_proxy_rewrite(const struct ward_proxy *s, const uint8_t *p, size_t n, char *out)
{
	struct request r = { 0 };
	struct out o = { .p = out };
	struct text rest, field, name, whole;

	if (s->how != WARD_HOW_PROXIED || !split((struct text){ p, n }, &r))
		return 0;
	put(&o, r.method.p, r.method.n);
	word(&o, r.path.n > 0 && r.path.p[0] == '/' ? " " : " /");
	put(&o, r.path.p, r.path.n);
	word(&o, " ");
	put(&o, r.version.p, r.version.n);
	word(&o, "\r\n");
	put_host(&o, s, &r);
	for (rest = r.fields; line(&rest, &field);) {
		whole = field;
		if (!cut(&field, ':', &name) || is_hop(name))
			continue;
		put(&o, whole.p, whole.n);
		word(&o, "\r\n");
	}
	word(&o, "Connection: close\r\n\r\n");
	return o.n;
}
