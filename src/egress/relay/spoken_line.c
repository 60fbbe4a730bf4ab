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

static const char *const versions[] = { "HTTP/", "RTSP/", "ICE/" };

/* A version as servers of HTTP take it: those of RTSP and Icecast, too, are a request like any other to a parser that many have (llhttp). */
static bool is_version(const uint8_t *p, size_t n, bool whole)
{
	/* What most words are not is said by their first byte: there may be one behind each byte of a text. */
	if (n > 0 && p[0] != 'H' && p[0] != 'h' && p[0] != 'R' && p[0] != 'I')
		return false;
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		size_t len = strlen(versions[i]), left = n < len ? n : len;
		bool same = i == 0 ? strncasecmp((const char *)p, versions[i], left) == 0
				   : memcmp(p, versions[i], left) == 0;

		if (same && (left == len || !whole))
			return true;
	}
	return false;
}

/* Where the first word but the first is that is a version, or may become one with what comes; SIZE_MAX: none is. */
static size_t version_at(const uint8_t *p, size_t n, bool whole)
{
	for (size_t i = 1; i <= n; i++)
		if (ward_spoken_blank(p[i - 1]) && is_version(p + i, n - i, whole))
			return i;
	return SIZE_MAX;
}

static bool version(const uint8_t *p, size_t n)
{
	return version_at(p, n, true) != SIZE_MAX;
}

/* A request of SIP. Its target has no slash: there are servers of HTTP that take anything for a version (the JDK's own). */
static bool is_sip(const uint8_t *p, size_t n)
{
	static const char version[] = " SIP/";
	size_t len = strlen(version) + 3; /* and "2.0" */

	return n > len && memcmp(p + n - len, version, len - 3) == 0 && p[n - 2] == '.' &&
		memchr(p, '/', n - len) == NULL;
}

static bool one_word(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ward_spoken_blank(p[i]))
			return false;
	return true;
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
	return (n > 9 && memcmp(p, "CONNECT {", 9) == 0) || is_sip(p, n) || one_word(p, n);
}

/* It begins with a method of HTTP. */
static bool method(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	const uint8_t *end = memchr(p, '\n', n);
	size_t len = end != NULL ? (size_t)(end - p) : n;

	if (end == NULL || version(p, len))
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
	if (target)
		return memchr(p, '\0', len) != NULL;
	for (size_t i = 0; i < len; i++)
		if (ward_spoken_control(p[i]))
			return true;
	return false;
}

#define LINE_MAX_READ 65536 /* servers read no more of one */
enum { AT_MAJOR = 64, AT_MAJOR_MORE, AT_MINOR, AT_MINOR_MORE };

/* One more byte of the third word: may it be a version still? */
static bool in_version(struct ward_spoken_line *l, uint8_t c)
{
	/* And what Python's int() reads in a number. */
	bool digit = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '_';

	if (l->at == AT_MAJOR_MORE && c == '.') {
		l->at = AT_MINOR;
		return true;
	}
	if (l->at >= AT_MAJOR) {
		l->at |= 1; /* the first digit, or one more */
		return digit;
	}
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		uint8_t want = (uint8_t)versions[i][l->at];

		if ((l->at > 0 && l->which != i) ||
			(c != want && !(i == 0 && want >= 'A' && c == (want | 0x20))))
			continue;
		l->which = (uint8_t)i;
		l->at = versions[i][l->at + 1] == '\0' ? AT_MAJOR : (uint8_t)(l->at + 1);
		return true;
	}
	return false;
}

/* The first word, where it is whole. */
static bool is_method(const struct ward_spoken_line *l)
{
	uint8_t word[sizeof(l->first) + 1];

	if (l->first_n == sizeof(l->first))
		return false;
	memcpy(word, l->first, l->first_n);
	word[l->first_n] = ' ';
	return ward_spoken_http_begins(word, l->first_n + 1u) == WARD_MATCH_YES;
}

/*
 * One more byte of a line. MAYBE: not yet, NO: it is no request to anybody, YES: it is one, but for what ends it. A method may begin one
 * without a version (HTTP/0.9), behind blanks as well: Python's http.server and waitress take that, and read a head behind it.
 */
static enum ward_spoken_match follow(struct ward_spoken_line *l, uint8_t c)
{
	if (c == '\n' || ward_spoken_blank(c)) {
		if (l->words == 3)
			return l->at == AT_MINOR_MORE ? WARD_MATCH_YES : WARD_MATCH_NO;
		l->within = false;
		if (c != '\n')
			return WARD_MATCH_MAYBE;
		return l->words == 2 && is_method(l) ? WARD_MATCH_YES : WARD_MATCH_NO;
	}
	l->words = (uint8_t)(l->words + !l->within);
	l->within = true;
	if (l->words == 1 && l->first_n < sizeof(l->first))
		l->first[l->first_n++] = c;
	if (++l->n > LINE_MAX_READ || (l->words == 3 && !in_version(l, c)))
		return WARD_MATCH_NO;
	return WARD_MATCH_MAYBE;
}

/*
 * No request of HTTP's. There are servers (Python's wsgiref, Perl's HTTP::Daemon) that take any bytes for a method, and the host from what
 * follows: it goes on as it comes, but not the end of such a line.
 */
static bool other(struct ward_spoken *s, enum ward_spoken_match line)
{
	if (line == WARD_MATCH_MAYBE)
		return more(s, WARD_GO_OTHER);
	return decide(s, line == WARD_MATCH_YES ? WARD_SPOKEN_BROKEN : WARD_SPOKEN_UNKNOWN);
}

/* All of them, behind what went of the line. */
static enum ward_spoken_match follow_all(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	enum ward_spoken_match line = s->gone_line.words > 3 ? WARD_MATCH_NO : WARD_MATCH_MAYBE;

	s->line = s->gone_line;
	for (size_t i = 0; i < n && line == WARD_MATCH_MAYBE; i++)
		line = follow(&s->line, p[i]);
	if (line == WARD_MATCH_NO)
		s->line.words = 4;
	return line;
}

/*
 * Half a line of words. Begins what may become a version only at its very end, all before that word's blank may go by itself once no more can
 * be held: a head that long passes nowhere here, and text without an end may have a blank, or an H, at any place.
 */
static bool half(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	size_t at = version_at(p, n, false);

	if (at == SIZE_MAX)
		return more(s, WARD_GO_LINE);
	if (!is_version(p + at, n - at, true)) {
		s->front = (uint32_t)(at - 1);
		(void)follow_all(s, p, s->front);
	}
	return more(s, WARD_GO_NOTHING);
}

/* Any other words, or what follows the ones that went. Some servers read over blanks before the first. */
static bool words(struct ward_spoken *s, const uint8_t *p, size_t n, enum ward_spoken_go gone)
{
	const uint8_t *end = memchr(p, '\n', n);
	size_t len = end != NULL ? (size_t)(end - p) : n, first = 0;
	enum ward_spoken_match line = follow_all(s, p, n);

	if (gone == WARD_GO_OTHER)
		return other(s, line);
	while (gone != WARD_GO_LINE && first < len && ward_spoken_token(p[first]))
		first++;
	if (gone != WARD_GO_LINE && first == len && end == NULL)
		return more(s, WARD_GO_WORD);
	if (binary(p, len, gone))
		return other(s, line);
	if (gone != WARD_GO_LINE && (first == len || !ward_spoken_blank(p[first])))
		return other(s, line);
	if (end == NULL)
		return half(s, p, len);
	if (!version(p, len))
		return decide(s, line == WARD_MATCH_YES ? WARD_SPOKEN_BROKEN : WARD_SPOKEN_UNKNOWN);
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
	if (words(s, p, left, gone))
		return true;
	if (s->front > 0)
		s->front += (uint32_t)skip;
	return false;
}

bool ward_spoken_text_cut(const struct ward_spoken *s, const uint8_t *p, size_t n)
{
	size_t skip = s->gone <= WARD_GO_LINES ? empty_lines(p, n) : 0;

	p += skip;
	n -= skip;
	return (s->gone <= WARD_GO_LINES && ward_spoken_http_begins(p, n) == WARD_MATCH_YES) ||
		version(p, n);
}
