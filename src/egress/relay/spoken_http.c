/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1 request (RFC 9110, 9112): whose host it names. Pure. Read as the strictest of servers would: where the rules let
 * servers differ (folded lines, blanks before a colon, lone CR or LF, two hosts, two lengths), two of them might see two requests, so
 * that is BROKEN. Only the first request of a connection is read here. RTSP (RFC 2326) and Icecast's SOURCE are requests of the same form, and
 * servers of HTTP take them for theirs: whose host they name is read in the same way.
 */
#include "spoken.h"

#include <string.h>
#include <strings.h>

/* https://www.iana.org/assignments/http-methods without PRI, which is HTTP/2's preface. */
static const char *const methods[] = { "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT",
	"CONNECT", "COPY", "DELETE", "GET", "HEAD", "LABEL", "LINK", "LOCK", "MERGE", "MKACTIVITY",
	"MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "OPTIONS", "ORDERPATCH",
	"PATCH", "POST", "PROPFIND", "PROPPATCH", "PURGE", "PUT", "QUERY", "REBIND", "REPORT",
	"SEARCH", "SOURCE", "SUBSCRIBE", "NOTIFY", "TRACE", "UNBIND", "UNCHECKOUT", "UNLINK",
	"UNLOCK", "UNSUBSCRIBE", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL" };

struct text {
	const uint8_t *p;
	size_t n;
};
struct head {
	struct text method, target;
	bool old; /* HTTP/1.0, and others that ask for no Host */
	bool rtsp;
	unsigned hosts, lengths, codings;
	char host[WARD_RELAY_NAME_MAX + 2],
		wanted[WARD_RELAY_NAME_MAX + 2]; /* of Host, of the target */
	uint16_t port; /* of the target */
};

/* The last blanks by what Unicode calls white space: Python's http.server reads Latin-1, and splits a line there. */
const uint8_t ward_spoken_bytes[256] = { [0x00 ... 0x08] = WARD_BYTE_CONTROL,
	[0x0e ... 0x1b] = WARD_BYTE_CONTROL,
	['\t'] = WARD_BYTE_BLANK,
	['\v' ... '\r'] = WARD_BYTE_BLANK,
	[0x1c ... 0x1f] = WARD_BYTE_BLANK,
	[' '] = WARD_BYTE_BLANK,
	[0x85] = WARD_BYTE_BLANK,
	[0xa0] = WARD_BYTE_BLANK,
	['0' ... '9'] = WARD_BYTE_TOKEN,
	['A' ... 'Z'] = WARD_BYTE_TOKEN,
	['a' ... 'z'] = WARD_BYTE_TOKEN,
	['!'] = WARD_BYTE_TOKEN,
	['#' ... '\''] = WARD_BYTE_TOKEN,
	['*'] = WARD_BYTE_TOKEN,
	['+'] = WARD_BYTE_TOKEN,
	['-'] = WARD_BYTE_TOKEN,
	['.'] = WARD_BYTE_TOKEN,
	['^'] = WARD_BYTE_TOKEN,
	['_'] = WARD_BYTE_TOKEN,
	['`'] = WARD_BYTE_TOKEN,
	['|'] = WARD_BYTE_TOKEN,
	['~'] = WARD_BYTE_TOKEN };

enum ward_spoken_match ward_spoken_http_begins(const uint8_t *p, size_t n)
{
	enum ward_spoken_match best = WARD_MATCH_NO;

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		size_t len = strlen(methods[i]);

		if (memcmp(p, methods[i], n < len ? n : len) != 0)
			continue;
		if (n <= len)
			best = WARD_MATCH_MAYBE;
		else if (ward_spoken_blank(p[len]))
			return WARD_MATCH_YES;
	}
	return best;
}

static bool is(struct text t, const char *s)
{
	return t.n == strlen(s) && memcmp(t.p, s, t.n) == 0;
}

static bool is_name(struct text t, const char *s)
{
	return t.n == strlen(s) && strncasecmp((const char *)t.p, s, t.n) == 0;
}

/* Up to the first such byte; the rest behind it stays in t. false: there is none. */
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

static bool digits(struct text t, size_t max)
{
	for (size_t i = 0; i < t.n; i++)
		if (t.p[i] < '0' || t.p[i] > '9')
			return false;
	return t.n > 0 && t.n <= max;
}

/* "[ADDRESS]": the address. Its own reader says no to zones, and to anything that is none. */
static bool bracketed(struct text *t, char ret[WARD_RELAY_NAME_MAX + 2])
{
	struct text in;

	return cut(t, ']', &in) && in.n > 1 && memchr(in.p, ':', in.n) != NULL &&
		ward_host_or_address(in.p + 1, in.n - 1, false, ret);
}

/* HOST or HOST:PORT, nothing else; no user in front. */
static bool authority(struct text t, char ret[WARD_RELAY_NAME_MAX + 2], struct text *ret_port)
{
	struct text host;

	*ret_port = (struct text){ 0 };
	if (t.n > 0 && t.p[0] == '[') {
		if (!bracketed(&t, ret))
			return false;
		if (t.n == 0)
			return true;
		if (t.p[0] != ':')
			return false;
		t.p++;
		t.n--;
		*ret_port = t;
		return digits(t, 5);
	}
	if (!cut(&t, ':', &host))
		return ward_host_or_address(t.p, t.n, true, ret);
	*ret_port = t;
	return ward_host_or_address(host.p, host.n, true, ret) && digits(t, 5);
}

bool ward_spoken_authority(const uint8_t *p, size_t n, char ret[WARD_RELAY_NAME_MAX + 2])
{
	struct text port;

	return authority((struct text){ p, n }, ret, &port);
}

/* A port that there is. */
static bool number(struct text t, uint16_t *ret)
{
	uint32_t v = 0;

	for (size_t i = 0; i < t.n; i++)
		v = v * 10 + (uint32_t)(t.p[i] - '0');
	*ret = (uint16_t)v;
	return v > 0 && v <= UINT16_MAX;
}

static uint16_t port_of(struct text scheme)
{
	static const struct {
		const char *scheme;
		uint16_t port;
	} rows[] = { { "http", 80 }, { "https", 443 }, { "rtsp", 554 }, { "rtsps", 322 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (is_name(scheme, rows[i].scheme))
			return rows[i].port;
	return 0;
}

static bool target(struct head *h)
{
	struct text t = h->target, scheme, port;
	size_t n;

	if (is(h->method, "CONNECT"))
		return authority(t, h->wanted, &port) && number(port, &h->port);
	if (t.n > 0 && t.p[0] == '/')
		return true;
	if (is(t, "*"))
		return is(h->method, "OPTIONS");
	if (!cut(&t, ':', &scheme) || scheme.n == 0 || t.n < 2 || t.p[0] != '/' || t.p[1] != '/')
		return false;
	if (h->rtsp ? !is_name(scheme, "rtsp") && !is_name(scheme, "rtsps")
		    : !is_name(scheme, "http") && !is_name(scheme, "https"))
		return false;
	t.p += 2;
	t.n -= 2;
	for (n = 0; n < t.n && t.p[n] != '/' && t.p[n] != '?' && t.p[n] != '#'; n++)
		;
	if (!authority((struct text){ t.p, n }, h->wanted, &port))
		return false;
	h->port = port_of(scheme);
	return port.n == 0 || number(port, &h->port);
}

static bool request_line(struct head *h, struct text line)
{
	if (!cut(&line, ' ', &h->method) || !cut(&line, ' ', &h->target))
		return false;
	for (size_t i = 0; i < h->method.n; i++)
		if (ward_spoken_blank(h->method.p[i]))
			return false;
	for (size_t i = 0; i < h->target.n; i++)
		if (h->target.p[i] <= ' ' || h->target.p[i] == 0x7f)
			return false;
	h->rtsp = is(line, "RTSP/1.0") || is(line, "RTSP/2.0");
	h->old = is(line, "HTTP/1.0") || is(line, "ICE/1.0") || h->rtsp;
	if (!h->old && !is(line, "HTTP/1.1"))
		return false;
	/* Of those others only what names the host in one place. */
	if (is(line, "ICE/1.0") && (h->target.n == 0 || h->target.p[0] != '/'))
		return false;
	return !(h->rtsp && is(h->method, "CONNECT")) && target(h);
}

static bool token(struct text t)
{
	for (size_t i = 0; i < t.n; i++)
		if (!ward_spoken_token(t.p[i]))
			return false;
	return t.n > 0;
}

static struct text trimmed(struct text t)
{
	while (t.n > 0 && (t.p[0] == ' ' || t.p[0] == '\t')) {
		t.p++;
		t.n--;
	}
	while (t.n > 0 && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t'))
		t.n--;
	return t;
}

static bool field(struct head *h, struct text line)
{
	struct text name, value, port;

	if (!cut(&line, ':', &name) || !token(name))
		return false;
	value = trimmed(line);
	for (size_t i = 0; i < value.n; i++)
		if ((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
			return false;
	if (is_name(name, "host"))
		return h->hosts++ == 0 && authority(value, h->host, &port);
	if (is_name(name, "content-length"))
		return h->lengths++ == 0 && digits(value, 19);
	if (is_name(name, "transfer-encoding"))
		return h->codings++ == 0 && is_name(value, "chunked");
	return true;
}

/* All lines end with CR LF: that was seen to. */
static bool parse(struct head *h, struct text t)
{
	struct text line;
	bool first = true;

	while (cut(&t, '\n', &line)) {
		line.n--;
		if (!(first ? request_line(h, line) : field(h, line)))
			return false;
		first = false;
	}
	if (h->hosts == 0 && !h->old)
		return false;
	if (h->codings > 0 && (h->lengths > 0 || h->old))
		return false;
	return h->hosts == 0 || h->wanted[0] == '\0' || strcasecmp(h->host, h->wanted) == 0;
}

static bool broken(struct ward_spoken *s)
{
	s->what = WARD_SPOKEN_BROKEN;
	return true;
}

bool ward_spoken_http(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	struct head h = { 0 };

	for (size_t i = s->scanned; i < n; s->scanned = (uint32_t)++i) {
		if (p[i] == '\0' || (p[i] == '\n' && (i == 0 || p[i - 1] != '\r')))
			return broken(s);
		if (p[i] == '\r') {
			if (i + 1 == n)
				return false;
			if (p[i + 1] != '\n')
				return broken(s);
		}
		if (p[i] != '\n' || i < 3 || p[i - 2] != '\n')
			continue;
		if (!parse(&h, (struct text){ p, i - 1 }))
			return broken(s);
		s->what = WARD_SPOKEN_HTTP;
		s->port = h.port;
		memcpy(s->name, h.wanted[0] != '\0' ? h.wanted : h.host, sizeof(s->name));
		return true;
	}
	return false;
}
