/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a package cache no run is shown: the lines "hide" of data/caches, looked up in the one that is there. A "*" in them stands for
 * each name at that place, "*.git" for each that ends so. A directory that cannot be listed, has more to hide than are counted, or has it by a name
 * that no policy can say, is hidden itself, with a warning.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/caches/caches.h"
#include "run/resolve/look.h"

#define ENTRIES_MAX 256 /* names that a "*" stands for and that have what is hidden */
#define LOOKED_MAX 65536 /* names that are looked at for it */

struct hiding {
	struct ward_resolver *rs;
	const char *top;
	const char *but; /* NULL, or " NAME NAME ", which stay */
	struct ward_texts *to;
	struct ward_error *err;
	bool *unsaid; /* what was to be hidden has a name that no policy can say: what it lies in is hidden for it */
};

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
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

static int put(const struct hiding *h, const char *path)
{
	if (sayable(path + strlen(h->top)))
		return ward_rs_text(h->rs, h->to, path, h->err);
	*h->unsaid = true;
	return WARD_OK;
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
		return ward_path_within(t.path, h->top) ? put(h, t.path) : WARD_OK;
	if (maybe && (r == -ENOENT || r == -ENOTDIR))
		return WARD_OK;
	return put(h, path);
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

/* What line, "*END" or "*END/REST", is for each name of dir. *ret_why: not each could be named, so dir is to be hidden; NULL: each was. */
static int each(const struct hiding *h, const char *dir, const char *line, const char **ret_why)
{
	int fd = ward_openat2(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	WARD_CLEANUP(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const char *end = line + 1, *rest = strchrnul(end, '/');
	const struct dirent *e;
	unsigned n = 0, looked = 0;
	int r = WARD_OK;

	*ret_why = d ? NULL : "it cannot be listed";
	if (!d)
		ward_close(fd);
	errno = 0;
	while (r == WARD_OK && !*ret_why && d && (e = readdir(d))) {
		const size_t before = h->to->n;

		if (ward_streq(e->d_name, ".") || ward_streq(e->d_name, "..") ||
			stays(h, e->d_name) || !ends(e->d_name, end, (size_t)(rest - end)))
			continue;
		r = *rest ? pattern(h, ward_arena_printf(h->rs->arena, "%s/%s", dir, e->d_name),
				    rest + 1, true)
			  : hide(h, ward_arena_printf(h->rs->arena, "%s/%s", dir, e->d_name), true);
		n += h->to->n > before;
		if (*h->unsaid)
			*ret_why =
				"what no run is shown lies in it by a name that no policy can say";
		else if (n > ENTRIES_MAX)
			*ret_why = "more than 256 names in it have what no run is shown";
		else if (++looked >= LOOKED_MAX)
			*ret_why = "it has more names than are looked at (65536)";
		errno = 0;
	}
	if (!*ret_why && errno != 0)
		*ret_why = "it cannot be listed";
	*h->unsaid = false;
	return r;
}

/* The directory itself. */
static int whole(const struct hiding *h, const char *dir, const char *why)
{
	int r = put(h, dir);

	return r == WARD_OK && !*h->unsaid
		? ward_rs_warn(h->rs, h->err, "%s is not shown: %s", ward_rs_show(h->rs, dir), why)
		: r;
}

static int pattern(const struct hiding *h, const char *at, const char *line, bool maybe)
{
	const char *star = strchr(line, '*'), *dir, *why;
	struct ward_target t;
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
		return put(h, dir);
	r = each(h, t.path, star, &why);
	return r == WARD_OK && why ? whole(h, t.path, why) : r;
}

/* Of the top itself the name is not a line's. */
static int from_top(const struct hiding *h, const char *line, bool maybe)
{
	int r = pattern(h, h->top, line, maybe);

	if (r < 0 || !*h->unsaid)
		return r;
	*h->unsaid = false;
	return whole(h, h->top, "what no run is shown lies in it by a name that no policy can say");
}

/* A line without a "*" is hidden where it cannot be looked at, too; where nothing is there nothing is hidden. */
int ward_rs_hidden(struct ward_resolver *rs, const char *top, const char *line,
	struct ward_texts *to, struct ward_error *err)
{
	bool unsaid = false;
	const struct hiding h = { rs, top, NULL, to, err, &unsaid };

	return from_top(&h, line, true);
}

/* A link there is no more than its name: what it leads to lies elsewhere, or is in the list itself. */
int ward_rs_hidden_but(struct ward_resolver *rs, const char *top, const char *line, const char *but,
	struct ward_texts *to, struct ward_error *err)
{
	bool unsaid = false;
	struct hiding h = { rs, top, but, to, err, &unsaid };
	const char *dir = ward_arena_printf(rs->arena, "%s/%s", top, line), *why;
	struct ward_target t;
	int r;

	if (!dir)
		return ward_rs_nomem(err);
	r = ward_rs_target(rs, dir, &t);
	if (r < 0 || !S_ISDIR(t.st.st_mode) || !ward_path_within(t.path, top))
		return ward_rs_hidden(rs, top, line, to, err);
	h.top = t.path;
	r = each(&h, t.path, "*", &why);
	return r == WARD_OK && why ? whole(&h, t.path, why) : r;
}

int ward_cache_hidden(struct ward_resolver *rs, const struct ward_cache *c, const char *top,
	struct ward_texts *ret, struct ward_error *err)
{
	bool unsaid = false;
	const struct hiding h = { rs, top, NULL, ret, err, &unsaid };
	int r = WARD_OK;

	*ret = (struct ward_texts){ 0 };
	for (size_t i = 0; r == WARD_OK && i < c->n_hides; i++)
		r = from_top(&h, c->hides[i], false);
	return r;
}
