/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a diff: names as git quotes them, bytes that may go to a terminal, and what git's format has no words for. */
#include <stdio.h>
#include <string.h>

#include "workspace/diff/diff.h"

/* git's own: color.diff.meta, frag, old, new */
static const char *const colours[] = {
	[COLOUR_META] = "\033[1m",
	[COLOUR_FRAG] = "\033[36m",
	[COLOUR_OLD] = "\033[31m",
	[COLOUR_NEW] = "\033[32m",
};

void ward_diff_colour(struct writer *w, enum colour c)
{
	if (w->style->colour && c != COLOUR_NONE)
		ward_buf_adds(w->out, colours[c]);
}

void ward_diff_reset(struct writer *w, enum colour c)
{
	if (w->style->colour && c != COLOUR_NONE)
		ward_buf_adds(w->out, "\033[m");
}

void ward_diff_raw(struct writer *w, const char *s, size_t n)
{
	if (!w->style->terminal) {
		ward_buf_add(w->out, s, n);
		return;
	}
	while (n > 0) {
		const char *tab = memchr(s, '\t', n);
		size_t k = tab ? (size_t)(tab - s) : n;

		ward_show(w->out, s, k);
		if (tab)
			ward_buf_addc(w->out, '\t');
		k += tab != NULL;
		s += k;
		n -= k;
	}
}

size_t ward_diff_decimal(size_t n, char out[DECIMAL_SIZE])
{
	char text[DECIMAL_SIZE];
	size_t at = sizeof(text);

	do
		text[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	memcpy(out, text + at, sizeof(text) - at);
	out[sizeof(text) - at] = '\0';
	return sizeof(text) - at;
}

/* As git's core.quotePath has it: plain ASCII stays, the rest is octal. */
bool ward_diff_name(struct ward_buf *out, const char *prefix, const char *path)
{
	static const char letters[] = "abtnvfr";
	bool quoted = false;

	for (const char *s = path; *s && !quoted; s++)
		quoted = (unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f || *s == '"' ||
			*s == '\\';
	if (!quoted) {
		ward_buf_adds(out, prefix);
		ward_buf_adds(out, path);
		return false;
	}
	ward_buf_addc(out, '"');
	ward_buf_adds(out, prefix);
	for (const char *s = path; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 7 && c <= 13)
			ward_buf_addf(out, "\\%c", letters[c - 7]);
		else if (c == '"' || c == '\\')
			ward_buf_addf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			ward_buf_addf(out, "\\%03o", c);
		else
			ward_buf_addc(out, (char)c);
	}
	ward_buf_addc(out, '"');
	return true;
}

bool ward_diff_has_content(mode_t mode)
{
	return S_ISREG(mode) || S_ISLNK(mode);
}

/* ---- notes ---- */

static const char *a_thing(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "a file";
	case S_IFLNK: return "a symbolic link";
	case S_IFDIR: return "a directory";
	case S_IFIFO: return "a fifo";
	case S_IFSOCK: return "a socket";
	case S_IFBLK: return "a block device";
	case S_IFCHR: return "a character device";
	default: return "nothing";
	}
}

/* Does any change lie below that of i, a directory? */
static bool has_below(const struct writer *w, size_t i)
{
	const char *path = w->v[i]->path;
	size_t n = strlen(path), low = i + 1, high = w->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *p = w->v[middle]->path;
		int order = strncmp(p, path, n);

		if (order < 0 || (order == 0 && (unsigned char)p[n] < '/'))
			low = middle + 1;
		else
			high = middle;
	}
	return low < w->n && strncmp(w->v[low]->path, path, n) == 0 && w->v[low]->path[n] == '/';
}

static void say_mode(struct writer *w, const struct ward_change *c,
	void (*say)(struct writer *w, const struct ward_change *c, const char *what))
{
	unsigned was = c->was_mode & 07777, is = c->mode & 07777;
	bool plain = (was == 0644 && is == 0755) || (was == 0755 && is == 0644);
	char text[64];

	if (c->mode == 0 || S_ISLNK(c->mode))
		return;
	/* New: what is more than an ordinary file has. */
	if ((c->kind == WARD_CHANGE_ADDED || c->kind == WARD_CHANGE_TYPE) && (is & 07002) != 0)
		(void)snprintf(text, sizeof(text), "of mode %04o", is);
	else if (c->bits && (!plain || !S_ISREG(c->mode)))
		(void)snprintf(text, sizeof(text), "mode %04o is %04o now", was, is);
	else
		return;
	say(w, c, text);
}

void ward_diff_notes(struct writer *w, size_t i,
	void (*say)(struct writer *w, const struct ward_change *c, const char *what))
{
	const struct ward_change *c = w->v[i];
	char text[128];

	if (c->kind == WARD_CHANGE_TYPE) {
		(void)snprintf(text, sizeof(text), "was %s, is %s", a_thing(c->was_mode),
			a_thing(c->mode));
		say(w, c, text);
	} else if (c->kind == WARD_CHANGE_ADDED && !ward_diff_has_content(c->mode) &&
		!(S_ISDIR(c->mode) && has_below(w, i))) {
		(void)snprintf(text, sizeof(text), "%s, new", a_thing(c->mode));
		say(w, c, text);
	} else if (c->kind == WARD_CHANGE_DELETED && !ward_diff_has_content(c->was_mode) &&
		!(S_ISDIR(c->was_mode) && has_below(w, i))) {
		(void)snprintf(text, sizeof(text), "%s, gone", a_thing(c->was_mode));
		say(w, c, text);
	} else if (c->content && !ward_diff_has_content(c->mode)) {
		(void)snprintf(text, sizeof(text), "another %s", a_thing(c->mode) + 2);
		say(w, c, text);
	}
	say_mode(w, c, say);
	if (c->xattrs)
		say(w, c,
			c->kind == WARD_CHANGE_MODIFIED || c->kind == WARD_CHANGE_RENAMED
				? "extended attributes differ"
				: "with extended attributes");
	if (c->beyond)
		say(w, c, c->beyond);
	if (c->link)
		say(w, c, "another name of");
	if (c->moved_to)
		say(w, c,
			c->moved_part             ? "much of what it had may be in"
				: c->moved_unsure ? "what it had may be in"
						  : "what it had is in");
}

static void ignore(struct writer *w, const struct ward_change *c, const char *what)
{
	(void)c;
	(void)what;
	w->code = 1;
}

bool ward_diff_has_notes(struct writer *w, size_t i)
{
	int code = w->code;
	bool any;

	w->code = 0;
	ward_diff_notes(w, i, ignore);
	any = w->code == 1;
	w->code = code;
	return any;
}

bool ward_diff_told(struct writer *w, size_t i)
{
	const struct ward_change *c = w->v[i];

	return ward_diff_has_content(c->mode) || ward_diff_has_content(c->was_mode) ||
		ward_diff_has_notes(w, i);
}
