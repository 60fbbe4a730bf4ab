/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All files of one directory of policies, bounded, each a regular file of a known kind, none reached over a link. They are
 * read twice: two files belong together, and half of an edit is a policy that nobody wrote. A directory that was not the
 * same both times (its stamps, its list, the stamps and the bytes of a file) has changed. Bytes are compared too because
 * kernels before 6.13 stamp in steps of some milliseconds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "registry/layers.h"

struct reader {
	struct ward_arena *arena;
	const struct layer_rule *rule;
	const char *path;
	int fd;
	const char **names;
	size_t n, bytes;
	struct stat *stats;
	struct ward_policy_file *files;
	bool changed;
	struct ward_error *err;
};

static int nomem(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "out of memory while policies are read");
}

/* Say it of one file, or of the directory (name NULL). */
static int fail(const struct reader *r, const char *name, int code, const char *fmt, ...)
	WARD_PRINTF(4, 5);

static int fail(const struct reader *r, const char *name, int code, const char *fmt, ...)
{
	char message[WARD_ERROR_MESSAGE_MAX], path[WARD_PATH_MAX + NAME_MAX + 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	(void)snprintf(path, sizeof(path), "%s%s%s", r->path, name ? "/" : "", name ? name : "");
	ward_fail(r->err, code, "%s: %s", r->rule->what, message);
	ward_fail_at(r->err, path, 0, 0);
	return code;
}

static int has_changed(struct reader *r, const char *name)
{
	r->changed = true;
	(void)fail(r, name, WARD_E_REFUSED, "it changed while it was read");
	ward_fail_fix(r->err, "try again when nobody writes there");
	return WARD_E_REFUSED;
}

/*
 * Who writes a rule there (ward allow --always) holds the directory, and has a file of a name of its own in it until that takes the
 * place of the old one.
 */
static bool is_held(const struct reader *r)
{
	WARD_FD fd = ward_layer_open(r->fd, ".", O_RDONLY | O_DIRECTORY);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static bool is_unfinished(const char *name)
{
	return ward_is_replacement(name, WARD_APPROVED_FILE) ||
		ward_is_replacement(name, WARD_ALLOWED_FILE);
}

/*
 * What such a writer leaves who is killed would stop every run. With the directory held by us nobody writes, so it is nobody's any more:
 * all of it is taken away, if it is ours. False: it is not, and somebody else's hidden file is no business of ours.
 */
static bool swept(const struct reader *r, const char *name)
{
	WARD_FD fd = -1;
	bool gone = false;

	if (r->rule->layer != WARD_LAYER_USER || !is_unfinished(name))
		return false;
	fd = ward_layer_open(r->fd, ".", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return false;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	for (size_t i = 0; i < r->n; i++) {
		struct stat st;

		if (is_unfinished(r->names[i]) &&
			fstatat(fd, r->names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
			unlinkat(fd, r->names[i], 0) == 0)
			gone = gone || ward_streq(r->names[i], name);
	}
	return gone;
}

static bool is_gone(const struct reader *r, const char *name)
{
	struct stat st;

	return fstatat(r->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* ---- names ---- */

/* A name that is also the name of a policy: nothing in it that a path, a message or another system would read otherwise. */
static bool safe_stem(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f || strchr("./\\:", s[i]))
			return false;
	return n > 0 && ward_utf8_valid(s, n);
}

static const struct {
	const char *ending;
	enum ward_policy_kind kind;
} endings[] = {
	{ ".cedar", WARD_POLICY_CEDAR },
	{ ".cedar.json", WARD_POLICY_IMPORT },
	{ ".yaml", WARD_POLICY_DOCUMENT },
	{ ".yml", WARD_POLICY_DOCUMENT },
	{ ".json", WARD_POLICY_DOCUMENT },
};

static int bad_name(struct reader *r, const char *name)
{
	const char *names[WARD_ARRAY_SIZE(endings)];
	const char *dot = strrchr(name, '.'), *near = NULL;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(endings); i++)
		names[i] = endings[i].ending;
	if (dot && dot != name)
		near = ward_nearest(dot, names, WARD_ARRAY_SIZE(names));
	if (name[0] == '.' && (is_held(r) || swept(r, name) || is_gone(r, name)))
		return has_changed(r, name);
	if (name[0] == '.')
		(void)fail(r, name, WARD_E_INVALID, "no hidden file is read from there");
	else if (ward_streq(name, "epoch"))
		(void)fail(r, name, WARD_E_INVALID, "an epoch is the ceiling's alone");
	else
		(void)fail(r, name, WARD_E_INVALID, "no policy is called so%s%s%s",
			near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	ward_fail_fix(r->err,
		"take it away, or call it NAME.cedar, NAME.cedar.json, NAME.yaml, NAME.yml, NAME.json or README*; a "
		"NAME is UTF-8 without dots, colons, backslashes and control characters");
	return WARD_E_INVALID;
}

static int kind_of(struct reader *r, const char *name, enum ward_policy_kind *ret)
{
	*ret = WARD_POLICY_NOTE;
	if (ward_has_prefix(name, "README")) {
		/* It has a line in the list that is hashed. */
		for (const char *s = name; *s; s++)
			if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '\\')
				return bad_name(r, name);
		return ward_utf8_valid(name, strlen(name)) ? WARD_OK : bad_name(r, name);
	}
	if (ward_streq(name, "epoch") && r->rule->layer == WARD_LAYER_CEILING) {
		*ret = WARD_POLICY_EPOCH;
		return WARD_OK;
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(endings); i++) {
		size_t n = strlen(endings[i].ending), all = strlen(name);

		if (ward_has_suffix(name, endings[i].ending) && safe_stem(name, all - n)) {
			*ret = endings[i].kind;
			return WARD_OK;
		}
	}
	return bad_name(r, name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_names(struct reader *r, DIR *d, const char **names, size_t *ret_n)
{
	for (size_t n = 0;;) {
		const struct dirent *e;

		errno = 0;
		e = readdir(d);
		*ret_n = n;
		if (!e && errno)
			return ward_fail_errno(r->err, WARD_E_SYSTEM, errno, "cannot list '%s'",
				r->path);
		if (!e)
			return WARD_OK;
		if (ward_streq(e->d_name, ".") || ward_streq(e->d_name, ".."))
			continue;
		if (n == WARD_LAYER_FILES_MAX) {
			(void)fail(r, NULL, WARD_E_LIMIT, "more than %d files",
				WARD_LAYER_FILES_MAX);
			ward_fail_fix(r->err, "join some of them, or take some away");
			return WARD_E_LIMIT;
		}
		names[n] = ward_arena_strdup(r->arena, e->d_name);
		if (!names[n++])
			return nomem(r->err);
	}
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* The names in it, sorted by their bytes. */
static int list(struct reader *r, const char ***ret, size_t *ret_n)
{
	WARD_FD fd = ward_layer_open(r->fd, ".", O_RDONLY | O_DIRECTORY);
	WARD_CLEANUP(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const char **names;
	int result;

	if (!d)
		return fd == -ENOMEM || (fd >= 0 && errno == ENOMEM)
			? nomem(r->err)
			: ward_fail_errno(r->err, WARD_E_SYSTEM, fd < 0 ? -fd : errno,
				  "cannot list '%s'", r->path);
	(void)ward_take_fd(&fd); /* the stream's */
	names = ward_arena_alloc(r->arena, (WARD_LAYER_FILES_MAX + 1) * sizeof(*names));
	if (!names)
		return nomem(r->err);
	result = read_names(r, d, names, ret_n);
	if (result < 0)
		return result;
	qsort(names, *ret_n, sizeof(*names), by_name);
	*ret = names;
	return WARD_OK;
}

/* ---- files ---- */

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
		a->st_uid == b->st_uid && a->st_size == b->st_size &&
		same_time(a->st_mtim, b->st_mtim) && same_time(a->st_ctim, b->st_ctim);
}

static int check_file(struct reader *r, const char *name, const struct stat *st)
{
	char path[WARD_PATH_MAX + NAME_MAX + 2];

	if (!S_ISREG(st->st_mode)) {
		(void)fail(r, name, WARD_E_REFUSED, "%s is none of its files",
			ward_layer_type(st->st_mode));
		ward_fail_fix(r->err,
			S_ISLNK(st->st_mode)
				? "put the file itself in its place, or take it away"
				: "take it away; policies are regular files that lie side by side");
		return WARD_E_REFUSED;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", r->path, name);
	if (ward_layer_owner(r->rule, st, path, r->err) < 0)
		return WARD_E_REFUSED;
	if (st->st_size > (off_t)WARD_LAYER_FILE_BYTES_MAX) {
		(void)fail(r, name, WARD_E_LIMIT, "it is larger than %u bytes",
			WARD_LAYER_FILE_BYTES_MAX);
		ward_fail_fix(r->err, "divide it");
		return WARD_E_LIMIT;
	}
	return WARD_OK;
}

static int cannot_open(struct reader *r, const char *name, int sys)
{
	if (sys == ENOENT || sys == ELOOP || sys == ENXIO || sys == ENOTDIR || sys == ENODEV ||
		sys == EXDEV)
		return has_changed(r, name); /* it was a regular file a moment ago */
	(void)fail(r, name, sys == ENOMEM ? WARD_E_NOMEM : WARD_E_SYSTEM, "it cannot be read: %s",
		strerror(sys));
	if (sys == EACCES || sys == EPERM)
		ward_fail_fix(r->err, "%s",
			r->rule->layer == WARD_LAYER_CEILING
				? "let everybody who runs ward read it: chmod a+r"
				: "let yourself read it: chmod u+r");
	return sys == ENOMEM ? WARD_E_NOMEM : WARD_E_SYSTEM;
}

/* One file into text, and what it was before and after. The name is looked at first: opening a device may act on it. */
static int read_file(struct reader *r, const char *name, struct stat *ret, struct ward_buf *text)
{
	struct stat before, after;
	WARD_FD fd = -1;
	int result;

	if (fstatat(r->fd, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? has_changed(r, name) : cannot_open(r, name, errno);
	result = check_file(r, name, ret);
	if (result < 0)
		return result;
	fd = ward_layer_open(r->fd, name, O_RDONLY);
	if (fd < 0)
		return cannot_open(r, name, -fd);
	if (fstat(fd, &before) < 0)
		return cannot_open(r, name, errno);
	if (!same_stat(ret, &before))
		return has_changed(r, name);
	result = ward_read_fd(fd, name, WARD_LAYER_FILE_BYTES_MAX, text, r->err);
	if (result == WARD_E_LIMIT)
		return has_changed(r, name);
	if (result < 0)
		return result;
	if (fstat(fd, &after) < 0)
		return cannot_open(r, name, errno);
	return same_stat(&before, &after) && text->n == (size_t)after.st_size
		? WARD_OK
		: has_changed(r, name);
}

static int first_time(struct reader *r, struct ward_buf *text)
{
	for (size_t i = 0; i < r->n; i++) {
		struct ward_policy_file *f = &r->files[i];
		int result = kind_of(r, r->names[i], &f->kind);

		ward_buf_clear(text);
		if (result >= 0)
			result = read_file(r, r->names[i], &r->stats[i], text);
		if (result < 0)
			return result;
		f->written = r->stats[i].st_mtim.tv_sec;
		r->bytes += text->n;
		if (r->bytes > WARD_LAYER_BYTES_MAX) {
			(void)fail(r, NULL, WARD_E_LIMIT, "its files are larger than %u bytes",
				WARD_LAYER_BYTES_MAX);
			ward_fail_fix(r->err, "take some away");
			return WARD_E_LIMIT;
		}
		f->layer = r->rule->layer;
		f->name = r->names[i];
		f->path = ward_arena_printf(r->arena, "%s/%s", r->path, f->name);
		f->text = (struct ward_str){
			ward_arena_dup(r->arena, text->n ? text->s : "", text->n), text->n
		};
		if (!f->path || !f->text.s)
			return nomem(r->err);
		ward_sha256_hex(f->text.s, f->text.n, f->sha256);
	}
	return WARD_OK;
}

static int second_time(struct reader *r, struct ward_buf *text)
{
	const char **names = NULL;
	size_t n = 0;
	int result = list(r, &names, &n);

	if (result == WARD_E_LIMIT || (result >= 0 && n != r->n))
		return has_changed(r, NULL);
	if (result < 0)
		return result;
	for (size_t i = 0; i < n; i++) {
		const struct ward_policy_file *f = &r->files[i];
		struct stat st;

		if (!ward_streq(names[i], r->names[i]))
			return has_changed(r, NULL);
		ward_buf_clear(text);
		result = read_file(r, names[i], &st, text);
		if (result < 0)
			return result == WARD_E_REFUSED || result == WARD_E_LIMIT
				? has_changed(r, names[i])
				: result;
		if (!same_stat(&st, &r->stats[i]) || text->n != f->text.n ||
			memcmp(ward_buf_cstr(text), f->text.s, text->n) != 0)
			return has_changed(r, names[i]);
	}
	return WARD_OK;
}

static int read_twice(struct reader *r)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	struct stat before, after;
	int result;

	if (fstat(r->fd, &before) < 0)
		return cannot_open(r, NULL, errno);
	if (ward_layer_owner(r->rule, &before, r->path, r->err) < 0)
		return WARD_E_REFUSED;
	result = list(r, &r->names, &r->n);
	if (result < 0)
		return result;
	r->stats = ward_arena_alloc(r->arena, (r->n + 1) * sizeof(*r->stats));
	r->files = ward_arena_alloc(r->arena, (r->n + 1) * sizeof(*r->files));
	if (!r->stats || !r->files)
		return nomem(r->err);
	result = first_time(r, &text);
	if (result >= 0)
		result = second_time(r, &text);
	if (result < 0)
		return result;
	if (fstat(r->fd, &after) < 0)
		return cannot_open(r, NULL, errno);
	return same_stat(&before, &after) ? WARD_OK : has_changed(r, NULL);
}

int ward_layer_read(struct ward_arena *a, const struct layer_rule *rule, int fd, const char *path,
	struct ward_layer_dir *dir, struct ward_policy_file **ret_v,
	enum ward_layer_change *ret_change, struct ward_error *err)
{
	struct reader r = { .arena = a, .rule = rule, .path = path, .fd = fd, .err = err };
	struct ward_sha256 sum;
	uint8_t hash[WARD_SHA256_SIZE];
	int result = read_twice(&r);

	*ret_change = WARD_LAYER_STEADY;
	if (r.changed)
		*ret_change = is_held(&r) ? WARD_LAYER_HELD : WARD_LAYER_CHANGED;
	if (result < 0)
		return result;
	ward_sha256_init(&sum);
	for (size_t i = 0; i < r.n; i++) {
		ward_sha256_update(&sum, r.files[i].sha256, WARD_SHA256_HEX - 1);
		ward_sha256_update(&sum, "  ", 2);
		ward_sha256_update(&sum, r.files[i].name, strlen(r.files[i].name));
		ward_sha256_update(&sum, "\n", 1);
	}
	ward_sha256_final(&sum, hash);
	ward_hex(hash, sizeof(hash), dir->sha256);
	dir->n = r.n;
	*ret_v = r.files;
	return WARD_OK;
}
