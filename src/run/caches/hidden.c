/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a package cache no run is shown: the lines "hide" of data/caches, looked up in the one that is there. A "*" in them stands for
 * each name at that place, "*.git" for each that ends so. What cannot be listed whole, or has a name that no policy can say, is hidden from there on.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/caches/caches.h"
#include "run/resolve/look.h"

#define ENTRIES_MAX 256 /* that a "*" stands for */

struct hiding {
	struct ward_resolver *rs;
	const char *top;
	const char *but; /* NULL, or " NAME NAME ", which stay */
	struct ward_texts *to;
	struct ward_error *err;
};

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* By its real name, which is what views and policies know. maybe: where nothing is there is nothing to hide. */
static int hide(const struct hiding *h, const char *path, bool maybe)
{
	struct ward_target t;
	int r;

	if (!path)
		return ward_rs_nomem(h->err);
	r = ward_rs_target(h->rs, path, &t);
	if (r == 0 && h->but && !ward_streq(t.path, path))
		return WARD_OK;
	if (r == 0)
		return ward_path_within(t.path, h->top) ? ward_rs_text(h->rs, h->to, t.path, h->err)
							: WARD_OK;
	if (maybe && (r == -ENOENT || r == -ENOTDIR))
		return WARD_OK;
	return ward_rs_text(h->rs, h->to, path, h->err);
}

/* A text of a policy holds it as it is. */
static bool sayable(const char *name)
{
	for (const char *s = name; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '"' || *s == '\\')
			return false;
	}
	return ward_utf8_valid(name, strlen(name));
}

static bool stays(const struct hiding *h, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = strchr(name, ' ') ? NULL : h->but; s && (s = strstr(s, name)); s++) {
		if (s > h->but && s[-1] == ' ' && s[n] == ' ')
			return true;
	}
	return false;
}

static bool ends(const char *name, const char *with, size_t n)
{
	size_t len = strlen(name);

	return len >= n && memcmp(name + len - n, with, n) == 0;
}

static int pattern(const struct hiding *h, const char *at, const char *line, bool maybe);

/* What line, "*END" or "*END/REST", is for each name of dir. *ret_whole: not each could be named. */
static int each(const struct hiding *h, const char *dir, const char *line, bool *ret_whole)
{
	int fd = ward_openat2(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	WARD_CLEANUP(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const char *end = line + 1, *rest = strchrnul(end, '/');
	const struct dirent *e;
	unsigned n = 0;
	int r = WARD_OK;

	*ret_whole = true;
	if (!d) {
		ward_close(fd);
		return WARD_OK;
	}
	errno = 0;
	while (r == WARD_OK && (e = readdir(d))) {
		if (ward_streq(e->d_name, ".") || ward_streq(e->d_name, "..") ||
			stays(h, e->d_name) || !ends(e->d_name, end, (size_t)(rest - end)))
			continue;
		if (++n > ENTRIES_MAX || !sayable(e->d_name))
			return WARD_OK;
		r = *rest ? pattern(h, ward_arena_printf(h->rs->arena, "%s/%s", dir, e->d_name),
				    rest + 1, true)
			  : hide(h, ward_arena_printf(h->rs->arena, "%s/%s", dir, e->d_name), true);
		errno = 0;
	}
	*ret_whole = errno != 0;
	return r;
}

static int pattern(const struct hiding *h, const char *at, const char *line, bool maybe)
{
	const char *star = strchr(line, '*'), *dir;
	struct ward_target t;
	bool whole;
	int r;

	if (!at)
		return ward_rs_nomem(h->err);
	if (!star)
		return hide(h, ward_arena_printf(h->rs->arena, "%s/%s", at, line), maybe);
	dir = star == line
		? at
		: ward_arena_printf(h->rs->arena, "%s/%.*s", at, (int)(star - line) - 1, line);
	if (!dir)
		return ward_rs_nomem(h->err);
	r = ward_rs_target(h->rs, dir, &t);
	if (r == -ENOENT || r == -ENOTDIR ||
		(r == 0 && (!S_ISDIR(t.st.st_mode) || !ward_path_within(t.path, h->top))))
		return WARD_OK;
	if (r < 0)
		return ward_rs_text(h->rs, h->to, dir, h->err);
	r = each(h, t.path, star, &whole);
	return r == WARD_OK && whole ? ward_rs_text(h->rs, h->to, t.path, h->err) : r;
}

/* A line without a "*" is hidden where it cannot be looked at, too; where nothing is there nothing is hidden. */
int ward_rs_hidden(struct ward_resolver *rs, const char *top, const char *line,
	struct ward_texts *to, struct ward_error *err)
{
	const struct hiding h = { rs, top, NULL, to, err };

	return pattern(&h, top, line, true);
}

/* A link there is no more than its name: what it leads to lies elsewhere, or is in the list itself. */
int ward_rs_hidden_but(struct ward_resolver *rs, const char *top, const char *line, const char *but,
	struct ward_texts *to, struct ward_error *err)
{
	struct hiding h = { rs, top, but, to, err };
	const char *dir = ward_arena_printf(rs->arena, "%s/%s", top, line);
	struct ward_target t;
	bool whole;
	int r;

	if (!dir)
		return ward_rs_nomem(err);
	r = ward_rs_target(rs, dir, &t);
	if (r < 0 || !S_ISDIR(t.st.st_mode) || !ward_path_within(t.path, top))
		return ward_rs_hidden(rs, top, line, to, err);
	h.top = t.path;
	r = each(&h, t.path, "*", &whole);
	return r == WARD_OK && whole ? ward_rs_text(rs, to, t.path, err) : r;
}

int ward_cache_hidden(struct ward_resolver *rs, const struct ward_cache *c, const char *top,
	struct ward_texts *ret, struct ward_error *err)
{
	const struct hiding h = { rs, top, NULL, ret, err };
	int r = WARD_OK;

	*ret = (struct ward_texts){ 0 };
	for (size_t i = 0; r == WARD_OK && i < c->n_hides; i++)
		r = pattern(&h, top, c->hides[i], false);
	return r;
}
