/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text: is its first line that of a request? Pure. Servers take any word for a method, so any line of words is looked at until its end, and
 * is HTTP where one of them says so (or RTSP, or Icecast's). What cannot be wanted for that may go before (s->go): a word or a half line that its client
 * says no more behind, and empty lines, which servers skip. A request that turns out to have begun there is BROKEN: its head cannot be
 * judged whole any more.
 */
#include "spoken.h"

#include <string.h>
#include <strings.h>

static bool decide(struct ward_spoken *s, enum ward_relay_spoken what)
{
	s->what = what;
	return true;
}

static bool more(struct ward_spoken *s, enum ward_spoken_go go)
{
	s->go = go;
	return false;
}

static size_t empty_lines(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && (p[i] == '\r' || p[i] == '\n'))
		i++;
	return i;
}

/* A version as servers of HTTP take it: those of RTSP and Icecast, too, are a request like any other to a parser that many have (llhttp). */
static bool is_version(const uint8_t *p, size_t n, bool whole)
{
	static const char *const words[] = { "HTTP/", "RTSP/", "ICE/" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t len = strlen(words[i]), left = n < len ? n : len;
		bool same = i == 0 ? strncasecmp((const char *)p, words[i], left) == 0
				   : memcmp(p, words[i], left) == 0;

		if (same && (left == len || !whole))
			return true;
	}
	return false;
}

/* Some word but the first is a version, or what is there of the last one may become one. */
static bool version(const uint8_t *p, size_t n, bool whole)
{
	for (size_t i = 1; i <= n; i++)
		if (ward_spoken_blank(p[i - 1]) && is_version(p + i, n - i, whole))
			return true;
	return false;
}

static bool ends_with(const uint8_t *p, size_t n, const char *protocol)
{
	size_t len = strlen(protocol) + 3; /* and "1.0" */

	return n > len && memcmp(p + n - len, protocol, len - 3) == 0 && p[n - 2] == '.';
}

/*
 * Lines that begin with a method of HTTP and are another protocol's: NATS, SIP; a word by itself. Without a version nothing else
 * is: servers read that as HTTP/0.9, some with a head behind it, and take the host from its target.
 */
static bool elsewhere(const uint8_t *p, size_t n)
{
	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (memchr(p, '\r', n) != NULL || memchr(p, '\0', n) != NULL)
		return false;
	return (n > 9 && memcmp(p, "CONNECT {", 9) == 0) || ends_with(p, n, " SIP/") ||
		(memchr(p, ' ', n) == NULL && memchr(p, '\t', n) == NULL &&
			memchr(p, '\v', n) == NULL && memchr(p, '\f', n) == NULL);
}

/* It begins with a method of HTTP. */
static bool method(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	const uint8_t *end = memchr(p, '\n', n);
	size_t len = end != NULL ? (size_t)(end - p) : n;

	if (end == NULL || version(p, len, true))
		return ward_spoken_http(s, p, n);
	return decide(s, elsewhere(p, len) ? WARD_SPOKEN_UNKNOWN : WARD_SPOKEN_BROKEN);
}

/*
 * Bytes that text has not. Behind a word and a blank they may be in a target: there are servers that take those. A NUL is in none, and one
 * character and a blank is what other protocols begin with (LDAP).
 */
static bool binary(const uint8_t *p, size_t len, enum ward_spoken_go gone)
{
	size_t first = 0, before = gone == WARD_GO_WORD ? 1 : 0;
	bool target;

	while (first < len && ward_spoken_token(p[first]))
		first++;
	target = gone == WARD_GO_LINE ||
		(before + first > 1 && first < len && (p[first] == ' ' || p[first] == '\t'));
	for (size_t i = 0; i < len; i++)
		if (p[i] == '\0' || (p[i] < ' ' && !ward_spoken_blank(p[i]) && !target))
			return true;
	return false;
}

/* Any other words, or what follows the ones that went. Some servers read over blanks before the first. */
static bool words(struct ward_spoken *s, const uint8_t *p, size_t n, enum ward_spoken_go gone)
{
	const uint8_t *end = memchr(p, '\n', n);
	size_t len = end != NULL ? (size_t)(end - p) : n, first = 0;

	if (binary(p, len, gone))
		return decide(s, WARD_SPOKEN_UNKNOWN);
	if (gone != WARD_GO_LINE) {
		while (first < len && ward_spoken_token(p[first]))
			first++;
		if (first == len && end == NULL)
			return more(s, WARD_GO_WORD);
		if (first == len || !ward_spoken_blank(p[first]))
			return decide(s, WARD_SPOKEN_UNKNOWN);
	}
	if (end == NULL)
		return more(s, version(p, len, false) ? WARD_GO_NOTHING : WARD_GO_LINE);
	if (!version(p, len, true))
		return decide(s, WARD_SPOKEN_UNKNOWN);
	return gone != WARD_GO_NOTHING ? decide(s, WARD_SPOKEN_BROKEN) : ward_spoken_http(s, p, n);
}

bool ward_spoken_text(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	static const char proxy[] =
		"\0\r\nQUIT\n"; /* behind two empty lines: PROXY's second version */
	size_t skip = s->gone <= WARD_GO_LINES ? empty_lines(p, n) : 0, left = n - skip;
	enum ward_spoken_go gone = skip > 0 ? WARD_GO_LINES : s->gone;

	if (left == 0)
		return more(s, WARD_GO_LINES);
	p += skip;
	if (gone == WARD_GO_LINES && memcmp(p, proxy, left < 8 ? left : 8) == 0)
		return left >= 8 && decide(s, WARD_SPOKEN_BROKEN);
	if (gone == WARD_GO_NOTHING || gone == WARD_GO_LINES) {
		enum ward_spoken_match m = ward_spoken_http_begins(p, left);

		if (m == WARD_MATCH_MAYBE)
			return false;
		if (m == WARD_MATCH_YES)
			return gone == WARD_GO_LINES ? decide(s, WARD_SPOKEN_BROKEN)
						     : method(s, p, left);
	}
	return words(s, p, left, gone);
}

bool ward_spoken_text_cut(const struct ward_spoken *s, const uint8_t *p, size_t n)
{
	size_t skip = s->gone <= WARD_GO_LINES ? empty_lines(p, n) : 0;

	p += skip;
	n -= skip;
	return (s->gone <= WARD_GO_LINES && ward_spoken_http_begins(p, n) == WARD_MATCH_YES) ||
		version(p, n, true);
}
