/* SPDX-License-Identifier: Apache-2.0 */
/* A change as git writes it, so that git apply takes it. What git has no word for goes before it, in lines that git apply skips. */
#include <string.h>

#include "workspace/change.h"
#include "workspace/diff/diff.h"

#define CONTEXT 3
#define FUNCTION_MAX 80 /* bytes of the line behind @@ */
#define ABBREVIATED 7 /* of git's name of a content */

/* What becomes what: a name and mode 0 is not there. */
struct pair {
	const char *was, *is;
	mode_t was_mode, mode;
	struct content a, b;
	bool renamed, changed; /* changed: the bytes do differ */
};

static const char *git_mode(mode_t mode)
{
	if (S_ISLNK(mode))
		return "120000";
	return mode & 0100 ? "100755" : "100644";
}

static bool same_mode(const struct pair *p)
{
	return ward_streq(git_mode(p->was_mode), git_mode(p->mode));
}

/* word, and what is plain or a path. */
static void meta(struct writer *w, const char *word, const char *plain, const char *path)
{
	ward_diff_colour(w, COLOUR_META);
	ward_buf_adds(w->out, word);
	ward_buf_adds(w->out, plain);
	if (path)
		(void)ward_diff_name(w->out, "", path);
	ward_diff_reset(w, COLOUR_META);
	ward_buf_addc(w->out, '\n');
}

static void head(struct writer *w, const struct pair *p)
{
	ward_diff_colour(w, COLOUR_META);
	ward_buf_adds(w->out, "diff --git ");
	(void)ward_diff_name(w->out, "a/", p->was);
	ward_buf_addc(w->out, ' ');
	(void)ward_diff_name(w->out, "b/", p->is);
	ward_diff_reset(w, COLOUR_META);
	ward_buf_addc(w->out, '\n');
	if (p->was_mode == 0) {
		meta(w, "new file mode ", git_mode(p->mode), NULL);
	} else if (p->mode == 0) {
		meta(w, "deleted file mode ", git_mode(p->was_mode), NULL);
	} else if (!same_mode(p)) {
		meta(w, "old mode ", git_mode(p->was_mode), NULL);
		meta(w, "new mode ", git_mode(p->mode), NULL);
	}
	if (p->renamed) {
		meta(w, p->changed ? "similarity index 50%" : "similarity index 100%", "", NULL);
		meta(w, "rename from ", "", p->was);
		meta(w, "rename to ", "", p->is);
	}
}

static void blob(const struct writer *w, const struct content *c, mode_t mode,
	char out[2 * SHA1_SIZE + 1])
{
	uint8_t sum[SHA1_SIZE] = { 0 };

	if (mode != 0)
		ward_diff_blob(c->s, c->n, w->fast, sum);
	ward_hex(sum, sizeof(sum), out);
}

/* Abbreviated as git does; of what is not text whole, also as git does. */
static void index_line(struct writer *w, const struct pair *p)
{
	char a[2 * SHA1_SIZE + 1], b[2 * SHA1_SIZE + 1];
	bool known = p->a.what <= LOADED_BINARY && p->b.what <= LOADED_BINARY;

	if (!known)
		return;
	blob(w, &p->a, p->was_mode, a);
	blob(w, &p->b, p->mode, b);
	ward_diff_colour(w, COLOUR_META);
	ward_buf_adds(w->out, "index ");
	ward_buf_add(w->out, a, ABBREVIATED);
	ward_buf_adds(w->out, "..");
	ward_buf_add(w->out, b, ABBREVIATED);
	if (p->was_mode && p->mode && same_mode(p)) {
		ward_buf_addc(w->out, ' ');
		ward_buf_adds(w->out, git_mode(p->mode));
	}
	ward_diff_reset(w, COLOUR_META);
	ward_buf_addc(w->out, '\n');
}

/* ---- hunks ---- */

struct hunk {
	size_t a, a_end, b, b_end; /* with its context */
};

static const char *line(const struct lines *l, size_t i, size_t *ret_n)
{
	*ret_n = l->at[i + 1] - l->at[i];
	return l->s + l->at[i];
}

static void one_line(struct writer *w, const struct lines *l, size_t i, char sign, enum colour c)
{
	size_t n;
	const char *s = line(l, i, &n);
	bool whole = n > 0 && s[n - 1] == '\n';

	ward_diff_colour(w, c);
	ward_buf_addc(w->out, sign);
	ward_diff_raw(w, s, n - whole);
	ward_diff_reset(w, c);
	ward_buf_adds(w->out, whole ? "\n" : "\n\\ No newline at end of file\n");
}

/* The last line before the hunk that begins as a function's might; from: where the search for the one before ended. */
static void function(struct writer *w, const struct lines *l, size_t at, size_t *io_from,
	size_t *io_found)
{
	const char *s;
	size_t n;

	for (size_t i = at; i > *io_from; i--) {
		s = line(l, i - 1, &n);
		if (*s == '_' || *s == '$' || (*s >= 'a' && *s <= 'z') ||
			(*s >= 'A' && *s <= 'Z')) {
			*io_found = i;
			break;
		}
	}
	*io_from = at;
	if (*io_found == 0)
		return;
	s = line(l, *io_found - 1, &n);
	n = n > FUNCTION_MAX ? FUNCTION_MAX : n;
	while (n > 0 &&
		(s[n - 1] == '\n' || s[n - 1] == '\r' || s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	ward_buf_addc(w->out, ' ');
	ward_diff_raw(w, s, n);
}

static void span(struct writer *w, char sign, size_t at, size_t end)
{
	char text[DECIMAL_SIZE];

	ward_buf_addc(w->out, sign);
	ward_buf_add(w->out, text, ward_diff_decimal(end > at ? at + 1 : at, text));
	if (end - at == 1)
		return;
	ward_buf_addc(w->out, ',');
	ward_buf_add(w->out, text, ward_diff_decimal(end - at, text));
}

static void hunk_body(struct writer *w, const struct compared *c, const struct hunk *h)
{
	size_t i = h->a, j = h->b;

	while (i < h->a_end || j < h->b_end) {
		if (i < h->a_end && c->a.changed[i])
			one_line(w, &c->a, i++, '-', COLOUR_OLD);
		else if (j < h->b_end && c->b.changed[j])
			one_line(w, &c->b, j++, '+', COLOUR_NEW);
		else {
			one_line(w, &c->a, i++, ' ', COLOUR_NONE);
			j++;
		}
	}
}

/* The hunk whose first change is at (i, j); ends as far as the next change that is not near. */
static struct hunk measure(const struct compared *c, size_t i, size_t j)
{
	size_t lead = i < CONTEXT ? i : CONTEXT;
	struct hunk h = { i - lead, i, j - lead, j };

	for (;;) {
		size_t same = 0;

		while (c->a.changed[h.a_end])
			h.a_end++;
		while (c->b.changed[h.b_end])
			h.b_end++;
		while (same <= 2 * CONTEXT && h.a_end + same < c->a.n && h.b_end + same < c->b.n &&
			!c->a.changed[h.a_end + same] && !c->b.changed[h.b_end + same])
			same++;
		if (same > 2 * CONTEXT ||
			(!c->a.changed[h.a_end + same] && !c->b.changed[h.b_end + same])) {
			same = same < CONTEXT ? same : CONTEXT;
			h.a_end += same;
			h.b_end += same;
			return h;
		}
		h.a_end += same;
		h.b_end += same;
	}
}

static void hunks(struct writer *w, const struct compared *c)
{
	size_t i = 0, j = 0, from = 0, found = 0;

	while (i < c->a.n || j < c->b.n) {
		struct hunk h;

		if (!c->a.changed[i] && !c->b.changed[j]) {
			i++;
			j++;
			continue;
		}
		/* Context before it: both sides have it alike. */
		h = measure(c, i, j);
		ward_diff_colour(w, COLOUR_FRAG);
		ward_buf_adds(w->out, "@@ ");
		span(w, '-', h.a, h.a_end);
		ward_buf_addc(w->out, ' ');
		span(w, '+', h.b, h.b_end);
		ward_buf_adds(w->out, " @@");
		ward_diff_reset(w, COLOUR_FRAG);
		function(w, &c->a, h.a, &from, &found);
		ward_buf_addc(w->out, '\n');
		hunk_body(w, c, &h);
		i = h.a_end;
		j = h.b_end;
	}
}

/* ---- one name ---- */

static void side(struct writer *w, const char *word, const char *prefix, const char *path,
	mode_t mode)
{
	bool quoted = false;

	ward_diff_colour(w, COLOUR_META);
	ward_buf_adds(w->out, word);
	if (mode)
		quoted = ward_diff_name(w->out, prefix, path);
	else
		ward_buf_adds(w->out, "/dev/null");
	/* git's: where the name ends, for patch(1). */
	if (mode && !quoted && strchr(path, ' '))
		ward_buf_addc(w->out, '\t');
	ward_diff_reset(w, COLOUR_META);
	ward_buf_addc(w->out, '\n');
}

static void not_text(struct writer *w, const struct pair *p, const char *why)
{
	if (why)
		ward_buf_addf(w->out, "# ward: %s\n", why);
	ward_buf_adds(w->out, "Binary files ");
	if (p->was_mode)
		(void)ward_diff_name(w->out, "a/", p->was);
	else
		ward_buf_adds(w->out, "/dev/null");
	ward_buf_adds(w->out, " and ");
	if (p->mode)
		(void)ward_diff_name(w->out, "b/", p->is);
	else
		ward_buf_adds(w->out, "/dev/null");
	ward_buf_adds(w->out, " differ\n");
}

static const char *why_not(const struct pair *p, int code)
{
	if (p->a.what == LOADED_UNREADABLE || p->b.what == LOADED_UNREADABLE)
		return "cannot be read";
	if (code == WARD_E_LIMIT || p->a.what == LOADED_LARGE || p->b.what == LOADED_LARGE)
		return "too large to be shown";
	return NULL;
}

static int body(struct writer *w, const struct pair *p)
{
	struct compared c = { .memory = NULL };
	bool text = p->a.what <= LOADED_TEXT && p->b.what <= LOADED_TEXT;
	int code = WARD_OK;

	index_line(w, p);
	if (text)
		code = ward_diff_compare(&p->a, &p->b, &w->lines, &c);
	if (!text || code == WARD_E_LIMIT) {
		not_text(w, p, why_not(p, code));
		code = WARD_OK;
	} else if (code == WARD_OK && p->a.n + p->b.n > 0) {
		side(w, "--- ", "a/", p->was, p->was_mode);
		side(w, "+++ ", "b/", p->is, p->mode);
		hunks(w, &c);
	}
	ward_diff_compare_done(&c);
	return code < 0 ? ward_fail(w->err, code, "no memory for the lines of a file") : code;
}

static bool same_bytes(const struct content *a, const struct content *b)
{
	return a->what <= LOADED_BINARY && b->what <= LOADED_BINARY && a->n == b->n &&
		memcmp(a->s, b->s, a->n) == 0;
}

static int write_pair(struct writer *w, struct pair *p, bool content)
{
	int code = WARD_OK;

	p->a = p->b = (struct content){ .s = "" };
	if (content && p->was_mode)
		code = ward_diff_load(w, p->was, false, p->was_mode, &p->a);
	if (code == WARD_OK && content && p->mode)
		code = ward_diff_load(w, p->is, true, p->mode, &p->b);
	if (code == WARD_OK && p->b.busy)
		code = ward_layer_busy(w->err);
	if (code < 0) {
		ward_diff_unload(&p->a);
		ward_diff_unload(&p->b);
		return code;
	}
	p->changed = content && (!p->was_mode || !p->mode || !same_bytes(&p->a, &p->b));
	if (p->changed || p->renamed || !same_mode(p)) {
		head(w, p);
		if (p->changed)
			code = body(w, p);
	}
	ward_diff_unload(&p->a);
	ward_diff_unload(&p->b);
	return code;
}

static void note(struct writer *w, const struct ward_change *c, const char *what)
{
	ward_buf_adds(w->out, "# ward: ");
	(void)ward_diff_name(w->out, "", c->path);
	ward_buf_addf(w->out, ": %s", what);
	if (ward_has_suffix(what, " name of")) {
		ward_buf_addc(w->out, ' ');
		(void)ward_diff_name(w->out, "", c->link);
	} else if (c->moved_to && ward_has_suffix(what, " in")) {
		ward_buf_addc(w->out, ' ');
		(void)ward_diff_name(w->out, "", c->moved_to->path);
	}
	ward_buf_addc(w->out, '\n');
}

int ward_diff_patch(struct writer *w, size_t i)
{
	const struct ward_change *c = w->v[i];
	bool was = ward_diff_has_content(c->was_mode), is = ward_diff_has_content(c->mode);
	struct pair gone = { .was = c->from ? c->from : c->path, .is = c->path };
	struct pair both = gone;
	int code = WARD_OK;

	ward_diff_notes(w, i, note);
	gone.was_mode = both.was_mode = c->was_mode;
	both.mode = c->mode;
	both.renamed = c->kind == WARD_CHANGE_RENAMED;
	/* Of another type: gone, then new. */
	if (c->kind == WARD_CHANGE_TYPE) {
		if (was)
			code = write_pair(w, &gone, true);
		both.was_mode = 0;
		return code == WARD_OK && is ? write_pair(w, &both, true) : code;
	}
	if (!was && !is)
		return WARD_OK;
	return write_pair(w, &both, c->content || !was || !is);
}
