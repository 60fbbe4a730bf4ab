/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file of the layer names of the same layer: the script that a hook, a task of an editor or an .envrc starts, the directory of a
 * core.hooksPath. A file is text here, of words; nothing of it is understood, so that no format has to be. A word is looked for below each
 * directory that the file lies in. So it may find more than is meant, and never what is put together when it runs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/resolve/look.h"
#include "run/review/judge.h"

#define FILE_BYTES_MAX (256u << 10)
#define SHOWN_MAX 3
#define ODD_MAX 1024
#define DEPTH_MAX 16 /* directories that a word may start at */
#define LOOK_COST 4 /* bytes of what may be read: to look for one word below one directory */
#define FILE_COST 512 /* the same: to open a file, however small */
#define SEEN_MAX 1024 /* words of one text that are known to have been looked for */
#define NAME_BITS_MAX ((size_t)1 << 26)

static const char between[] = " \t\r\n\"'`=,;:()[]{}<>|&$!#@*?\\";

struct naming {
	const struct ward_changes *all;
	const struct ward_change *by;
	bool directories;
	ward_named_fn *fn;
	void *arg;
	const char *root;
	int r;
	const struct ward_named *of;
	size_t *budget;
	const char **seen; /* SEEN_MAX, or NULL: the text does not stay */
};

/* ---- which words can be names at all ---- */

static uint64_t sum_of(const char *s, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
	return h ^ h >> 32;
}

/* Those that a path shares with the one before it are there. */
static void add_names(uint8_t *names, size_t n_names, const char *path, const char *before)
{
	size_t at = 0;

	for (size_t i = 0; path[i] && path[i] == before[i]; i++)
		at = path[i] == '/' ? i + 1 : at;
	while (path[at]) {
		size_t n = strcspn(path + at, "/");
		uint64_t h = sum_of(path + at, n) & (n_names - 1);

		names[h / 8] |= (uint8_t)(1u << h % 8);
		at += n + (path[at + n] == '/');
	}
}

static int find_names(struct ward_arena *a, struct ward_named *of, struct ward_error *err)
{
	size_t n = 1024;
	uint8_t *names;

	while (n < 16 * of->all->n && n < NAME_BITS_MAX)
		n *= 2;
	names = ward_arena_alloc(a, n / 8);
	if (!names)
		return ward_fail(err, WARD_E_NOMEM, "no memory to look at names");
	memset(names, 0, n / 8);
	for (size_t i = 0; i < of->all->n; i++)
		add_names(names, n, of->all->v[i].path, i > 0 ? of->all->v[i - 1].path : "");
	of->names = names;
	of->n_names = n;
	return WARD_OK;
}

/* Its last part is one of all. */
static bool may_be_name(const struct ward_named *of, const char *word)
{
	size_t end = strlen(word);

	if (!of->names)
		return true;
	for (;;) {
		size_t begin, h;

		while (end > 0 && word[end - 1] == '/')
			end--;
		begin = end;
		while (begin > 0 && word[begin - 1] != '/')
			begin--;
		if (end - begin == 1 && word[begin] == '.') {
			end = begin;
			continue;
		}
		/* What that leads to is known when it is put together. */
		if (end == begin ||
			(end - begin == 2 && word[begin] == '.' && word[begin + 1] == '.'))
			return true;
		h = sum_of(word + begin, end - begin) & (of->n_names - 1);
		return of->names[h / 8] & 1u << h % 8;
	}
}

/* The same word of the same file was looked for. */
static bool is_seen(const struct naming *x, const char *word)
{
	const char **slot = x->seen ? &x->seen[sum_of(word, strlen(word)) % SEEN_MAX] : NULL;

	if (slot && *slot && ward_streq(*slot, word))
		return true;
	if (slot)
		*slot = word;
	return false;
}

/* ---- one word ---- */

/* The first change that is not before path. */
static size_t first_at(const struct ward_changes *all, const char *path)
{
	size_t low = 0, high = all->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(all->v[mid].path, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int found(const struct naming *x, const char *path)
{
	size_t i = first_at(x->all, path);
	const struct ward_change *c = i < x->all->n ? &x->all->v[i] : NULL;

	if (!c || !ward_streq(c->path, path) || c == x->by || c->mode == 0)
		return WARD_OK;
	return S_ISREG(c->mode) || S_ISLNK(c->mode) || x->directories ? x->fn(x->arg, path, c)
								      : WARD_OK;
}

/* A directory that is as it was, in which something is new. */
static int found_below(const struct naming *x, const char *path)
{
	char below[WARD_PATH_MAX + 1];
	size_t i;

	(void)snprintf(below, sizeof(below), "%s/", path);
	i = first_at(x->all, below);
	return i < x->all->n && ward_has_prefix(x->all->v[i].path, below)
		? x->fn(x->arg, path, NULL)
		: WARD_OK;
}

/* Below one directory: that of n bytes of by's path. */
static int from(const struct naming *x, size_t n, const char *word)
{
	char base[WARD_PATH_MAX + 1], path[WARD_PATH_MAX];
	int r;

	base[0] = '/';
	memcpy(base + 1, x->by->path, n);
	base[n + 1] = '\0';
	if (ward_path_join(base, word, path, sizeof(path)) < 0 || !path[1])
		return WARD_OK;
	r = found(x, path + 1);
	return r == WARD_OK && x->directories ? found_below(x, path + 1) : r;
}

static int word(const struct naming *x, const char *s)
{
	size_t n = strlen(x->by->path);
	int r = WARD_OK;

	/* "${workspaceFolder}/x" is /x by now. */
	s += strspn(s, "/");
	if (!s[0] || !s[strspn(s, "./")] || !may_be_name(x->of, s) || is_seen(x, s))
		return WARD_OK;
	for (unsigned depth = 0; r == WARD_OK && n > 0 && depth < DEPTH_MAX; depth++) {
		while (n > 0 && x->by->path[n - 1] != '/')
			n--;
		n -= n > 0;
		if (*x->budget < LOOK_COST)
			return WARD_E_LIMIT;
		*x->budget -= LOOK_COST;
		r = from(x, n, s);
	}
	return r;
}

static int words(const struct naming *x, char *text, const char *end)
{
	size_t n_root = strlen(x->root);
	int r = WARD_OK;

	for (char *s = text; r == WARD_OK && s < end;) {
		char *w;
		size_t n;

		s += strspn(s, between);
		w = s;
		n = strcspn(s, between);
		s += n;
		if (s < end)
			*s++ = '\0';
		if (n == 0 || n >= WARD_PATH_MAX)
			continue;
		if (ward_has_prefix(w, x->root) && w[n_root] == '/')
			w += n_root;
		r = word(x, w);
	}
	return r;
}

static bool value(const char *text, void *arg)
{
	struct naming *x = arg;
	char own[WARD_GITCONFIG_VALUE_MAX];
	size_t n = strlen(text);

	if (n >= sizeof(own))
		return true;
	memcpy(own, text, n + 1);
	x->r = words(x, own, own + n);
	return x->r == WARD_OK;
}

/* Of a configuration of git's only what it runs or reads: all else in it is names of branches. */
static int values(struct naming *x, const struct ward_buf *b)
{
	static const struct ward_gitconfig_key keys[] = {
		{ "include", "path", false, false },
		{ "includeif", "path", true, false },
		{ "core", "hookspath", false, false },
		{ "core", "fsmonitor", false, false },
		{ "core", "sshcommand", false, false },
		{ "core", "editor", false, false },
		{ "core", "pager", false, false },
		{ "core", "attributesfile", false, false },
		{ "sequence", "editor", false, false },
		{ "filter", "clean", true, false },
		{ "filter", "smudge", true, false },
		{ "filter", "process", true, false },
		{ "diff", "external", false, false },
		{ "diff", "command", true, false },
		{ "diff", "textconv", true, false },
		{ "merge", "driver", true, false },
		{ "gpg", "program", true, false },
		{ "credential", "helper", true, false },
		{ "alias", NULL, true, false },
		{ "pager", NULL, false, false },
		{ "core", "askpass", false, false },
		{ "core", "gitproxy", false, false },
		{ "core", "alternaterefscommand", false, false },
		{ "interactive", "difffilter", false, false },
		{ "difftool", NULL, true, false },
		{ "mergetool", NULL, true, false },
		{ "browser", NULL, true, false },
		{ "man", NULL, true, false },
		{ "trailer", NULL, true, false },
		{ "remote", "uploadpack", true, false },
		{ "remote", "receivepack", true, false },
		{ "gpg", "defaultkeycommand", true, false },
		{ "sendemail", NULL, true, false },
		{ "init", "templatedir", false, false },
		{ "uploadpack", "packobjectshook", false, false },
	};

	for (size_t i = 0; x->r == WARD_OK && i < WARD_ARRAY_SIZE(keys); i++)
		(void)ward_gitconfig_each(b->s, b->n, &keys[i], value, x);
	return x->r;
}

/* A word of a text does not hold all of such a name. */
static bool is_odd(const char *path)
{
	return strpbrk(ward_path_basename(path), between) != NULL;
}

bool ward_named_is_hook(const char *path)
{
	const char *name = ward_path_basename(path);
	static const char dir[] = "hooks/";
	size_t n = sizeof(dir) - 1;

	return (size_t)(name - path) >= n && strncasecmp(name - n, dir, n) == 0;
}

int ward_named_prepare(struct ward_arena *a, struct ward_named *of, const char **unsure,
	struct ward_error *err)
{
	const struct ward_changes *all = of->all;
	uint32_t *odd = NULL;

	for (size_t i = 0; i < all->n; i++) {
		const struct ward_change *c = &all->v[i];

		if ((!S_ISREG(c->mode) && !S_ISLNK(c->mode)) || !is_odd(c->path))
			continue;
		if (!odd)
			odd = ward_arena_alloc(a, ODD_MAX * sizeof(*odd));
		if (!odd)
			return ward_fail(err, WARD_E_NOMEM, "no memory to look at names");
		if (of->n_odd == ODD_MAX) {
			*unsure = "more files have a name with a blank or its like than are looked "
				  "for in what is obeyed";
			break;
		}
		odd[of->n_odd++] = (uint32_t)i;
		of->odd = odd;
	}
	return find_names(a, of, err);
}

/* A name with a blank or its like stands in the text in one way or another that no words tell: its text anywhere is enough. */
static int odd_names(const struct naming *x, const struct ward_named *of, const struct ward_buf *b)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < of->n_odd; i++) {
		const struct ward_change *c = &of->all->v[of->odd[i]];
		const char *name = ward_path_basename(c->path), *part = name;
		size_t best = 0;

		/* Its longest piece: what stands between may be escaped. */
		for (const char *s = name; *s;) {
			size_t n = strcspn(s, between);

			if (n > best) {
				best = n;
				part = s;
			}
			s += n;
			s += strspn(s, between);
		}
		if (c != x->by && c->mode != 0 && (best == 0 || memmem(b->s, b->n, part, best)))
			r = x->fn(x->arg, c->path, c);
	}
	return r;
}

int ward_named_each(const struct ward_named *of, const struct ward_change *by, size_t *budget,
	ward_named_fn *fn, void *arg)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = FILE_BYTES_MAX + 1 };
	const char *seen[SEEN_MAX];
	struct naming x = { of->all, by, of->as != WARD_NAMED_WORDS, fn, arg, of->root, WARD_OK, of,
		budget, NULL };
	size_t cost = by->size > FILE_COST ? by->size : FILE_COST;
	WARD_FD fd = -1;

	if (!S_ISREG(by->mode) || by->size == 0)
		return WARD_OK;
	if (by->size > FILE_BYTES_MAX || cost > *budget)
		return WARD_E_LIMIT;
	*budget -= cost;
	fd = ward_changed_open(of->layer, by->path, of->lives, NULL);
	if (fd < 0 || ward_read_fd(fd, by->path, FILE_BYTES_MAX, &b, NULL) < 0 || b.failed)
		return WARD_E_LIMIT;
	if (b.n > 0) {
		int r = odd_names(&x, of, &b);

		if (r < 0)
			return r;
	}
	if (of->as == WARD_NAMED_GIT)
		return b.n > 0 ? values(&x, &b) : WARD_OK;
	memset(seen, 0, sizeof(seen));
	x.seen = seen;
	for (size_t i = 0; i < b.n; i++) {
		if (b.s[i] == '\0')
			b.s[i] = '\n';
	}
	return b.n > 0 ? words(&x, b.s, b.s + b.n) : WARD_OK;
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* False: what the file says is read by people, or is nobody's order. */
bool ward_named_by(const struct ward_persist_name *row, const char *path, enum ward_named_as *ret)
{
	static const char *const configs[] = { "config", "config.worktree", ".gitconfig" };
	static const char *const leading[] = { ".git", "commondir", "gitdir" };
	const char *name = ward_path_basename(path);
	bool git =
		!row || ward_has_prefix(row->name, ".git") || ward_streq(row->name, ".config/git");

	*ret = WARD_NAMED_WORDS;
	if (git && is_one_of(name, configs, WARD_ARRAY_SIZE(configs)))
		*ret = WARD_NAMED_GIT;
	else if (git && is_one_of(name, leading, WARD_ARRAY_SIZE(leading)))
		*ret = WARD_NAMED_ALL;
	/* Of a repository that is new all is asked about, and its objects name nothing. */
	return row ? row->kind <= WARD_PERSIST_TOP || row->kind == WARD_PERSIST_DEEP
		   : *ret != WARD_NAMED_WORDS;
}

struct telling {
	struct ward_buf b;
	unsigned n;
};

static int tell_named(void *arg, const char *path, const struct ward_change *c)
{
	struct telling *t = arg;

	if (!c || t->n >= SHOWN_MAX)
		return WARD_OK;
	ward_buf_adds(&t->b, t->n++ == 0 ? "; it names " : ", ");
	ward_quote(&t->b, path, strlen(path));
	return WARD_OK;
}

const char *ward_named_told(struct ward_arena *a, const struct ward_named *of,
	const struct ward_change *by, size_t *budget, const char *why)
{
	struct telling t = { .n = 0 };
	struct ward_named words_of = *of;
	const char *text = NULL;

	int r;

	words_of.as = WARD_NAMED_WORDS;
	r = ward_named_each(&words_of, by, budget, tell_named, &t);
	if (t.n > 0)
		ward_buf_adds(&t.b, ", which the run changed as well");
	if (r < 0)
		ward_buf_adds(&t.b,
			"; it is too large, or cannot be read, to be looked through for what it names");
	if (t.b.n > 0)
		text = ward_arena_printf(a, "%s%s", why, ward_buf_cstr(&t.b));
	ward_buf_done(&t.b);
	return text ? text : why;
}
