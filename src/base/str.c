/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed text: comparing, quoting, and the nearest name for "did you mean". Comparison is of
 * bytes; there is no locale, no case folding and no prefix match on text that was not normalised,
 * except where the name says so.
 */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"

#define NEAREST_DISTANCE_MAX 3u
#define NEAREST_WORD_MAX 63u

struct ward_str ward_str(const char *s)
{
	return (struct ward_str){ s != NULL ? s : "", s != NULL ? strlen(s) : 0 };
}

bool ward_str_eq(struct ward_str a, struct ward_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

bool ward_streq(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

bool ward_has_prefix(const char *s, const char *prefix)
{
	return s != NULL && prefix != NULL && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool ward_has_suffix(const char *s, const char *suffix)
{
	size_t n, m;

	if (s == NULL || suffix == NULL)
		return false;
	n = strlen(s);
	m = strlen(suffix);
	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Edit distance with neighbours swapped counted as one, letters compared without case. Both <=
 * NEAREST_WORD_MAX.
 */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][NEAREST_WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t cost = fold(a[i - 1]) == fold(b[j - 1]) ? 0 : 1;

			now[j] = min_size(min_size(last[j], now[j - 1]) + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
				fold(a[i - 2]) == fold(b[j - 1]))
				now[j] = min_size(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

const char *ward_nearest(const char *word, const char *const *names, size_t n)
{
	const char *best = NULL;
	size_t best_distance = NEAREST_DISTANCE_MAX + 1;
	size_t len = word != NULL ? strlen(word) : 0;

	if (len == 0 || len > NEAREST_WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t m = strlen(names[i]);
		size_t d;

		if (m > NEAREST_WORD_MAX)
			continue;
		d = distance(word, len, names[i], m);
		/* With more letters changed than kept, a suggestion would be noise. */
		if (d < best_distance && d * 2 <= (len > m ? len : m)) {
			best = names[i];
			best_distance = d;
		}
	}
	return best;
}

static void add_escaped(struct ward_buf *out, const char *s, size_t n, const char *special)
{
	char piece[WARD_ESCAPE_MAX];

	for (size_t i = 0; i < n;) {
		i += ward_escape_char(s + i, n - i, special, piece);
		ward_buf_adds(out, piece);
	}
}

void ward_quote(struct ward_buf *out, const char *s, size_t n)
{
	ward_buf_addc(out, '"');
	add_escaped(out, s, n, "\"\\");
	ward_buf_addc(out, '"');
}

void ward_show(struct ward_buf *out, const char *s, size_t n)
{
	add_escaped(out, s, n, "");
}

bool ward_shown_plain(const char *s, size_t n)
{
	uint32_t cp = 0;

	for (size_t i = 0; i < n;) {
		size_t length = ward_utf8_decode(s + i, n - i, &cp);

		if (length == 0 || !ward_cp_printable(cp))
			return false;
		i += length;
	}
	return true;
}

void ward_quote_shell(struct ward_buf *out, const char *s, size_t n)
{
	char piece[WARD_ESCAPE_MAX];

	if (ward_shown_plain(s, n)) {
		ward_buf_addc(out, '\'');
		for (size_t i = 0; i < n; i++) {
			/* A backslash stands outside too: fish takes one before a quote for the quote itself, and goes on. */
			if (s[i] == '\'' || s[i] == '\\')
				ward_buf_addf(out, "'\\%c'", s[i]);
			else
				ward_buf_addc(out, s[i]);
		}
		ward_buf_addc(out, '\'');
		return;
	}
	/* A shell that does not know $'...' takes it for '...', so no quote may stand in it: it would end there. */
	ward_buf_adds(out, "$'");
	for (size_t i = 0; i < n;) {
		if (s[i] == '\'') {
			ward_buf_adds(out, "\\047");
			i++;
			continue;
		}
		i += ward_escape_char(s + i, n - i, "\\", piece);
		ward_buf_adds(out, piece);
	}
	ward_buf_addc(out, '\'');
}

const char *ward_paste(char out[WARD_PASTE_MAX], const char *s, const char *instead)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf word = WARD_BUF_INIT;

	if (s != NULL)
		ward_quote_shell(&word, s, strlen(s));
	if (word.failed || word.n == 0 || word.n >= WARD_PASTE_MAX)
		(void)snprintf(out, WARD_PASTE_MAX, "%s", instead);
	else
		memcpy(out, word.s, word.n + 1);
	return out;
}
