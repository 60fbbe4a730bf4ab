/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user trusts: the real path of a repository and the hash of all that lay in its .ward when somebody looked. The
 * file of pins is the user's word, so it is read as a policy of the user is: from a directory that nobody else can change,
 * his own, strictly. One that is damaged refuses the run; to pass over it would only move the error to a place where nobody
 * sees it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "registry/layers.h"

#define DIFFERENCES_SHOWN 8 /* in one line */

static int nomem(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM,
		"out of memory while the trusted repositories are read");
}

static int broken(const char *file, const struct ward_json *at, const char *what,
	struct ward_error *err)
{
	ward_fail(err, WARD_E_PARSE, "the list of trusted repositories: %s", what);
	ward_fail_at(err, file, at ? at->line : 0, at ? at->column : 0);
	ward_fail_fix(err, "mend it, or take it away and say ward trust again");
	return WARD_E_PARSE;
}

static struct layer_rule pins_rule(const struct ward_layers_where *where)
{
	return (struct layer_rule){
		.what = "the list of trusted repositories",
		.uid = where->uid,
		.owned = true,
		.links = true,
	};
}

int ward_pins_dir(const struct ward_layers_where *where, bool make, char *real, int *ret_fd,
	struct ward_error *err)
{
	const struct layer_rule rule = pins_rule(where);
	char dir[WARD_PATH_MAX];
	size_t n = strlen(where->trust) - strlen(ward_path_basename(where->trust));
	int r;

	if (n >= sizeof(dir) || where->trust[0] != '/')
		return ward_fail(err, WARD_E_LIMIT, "the path of %s is too long or relative",
			rule.what);
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(n > 1 ? n - 1 : n), where->trust);
	if (make)
		(void)ward_make_dirs(dir);
	r = ward_layer_walk(&rule, dir, real, ret_fd, err);
	if (r < 0 || *ret_fd >= 0 || !make)
		return r;
	ward_fail(err, WARD_E_SYSTEM, "the directory '%s' cannot be made", dir);
	ward_fail_fix(err, "make it, or set XDG_STATE_HOME");
	return WARD_E_SYSTEM;
}

bool ward_pins_inside(const char *real, const char *directory)
{
	return ward_path_within(real, directory);
}

/* The file's text into out; no file: nothing. */
static int read_text(const struct ward_layers_where *where, struct ward_buf *out,
	struct ward_error *err)
{
	const struct layer_rule rule = pins_rule(where);
	char real[WARD_PATH_MAX];
	struct stat st;
	int opened = -1;
	int r = ward_pins_dir(where, false, real, &opened, err);
	WARD_FD dirfd = opened;
	WARD_FD fd = -1;

	if (r < 0 || dirfd < 0)
		return r;
	fd = ward_layer_open(dirfd, ward_path_basename(where->trust), O_RDONLY);
	if (fd == -ENOENT)
		return WARD_OK;
	if (fd == -ELOOP || fd == -ENXIO)
		return broken(where->trust, NULL, "it is no regular file", err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, fd < 0 ? -fd : errno,
			"cannot read the list of trusted repositories '%s'", where->trust);
	if (!S_ISREG(st.st_mode))
		return broken(where->trust, NULL, "it is no regular file", err);
	r = ward_layer_owner(&rule, &st, where->trust, err);
	return r < 0 ? r : ward_read_fd(fd, where->trust, WARD_TRUST_BYTES_MAX, out, err);
}

/* Members of an object by name and type; any other one is an error. */
struct member {
	const char *name;
	enum ward_json_type type;
	const struct ward_json *value;
};

static int take_members(const char *file, const struct ward_json *object, struct member *m,
	size_t n, struct ward_error *err)
{
	if (object->type != WARD_JSON_OBJECT || object->count != n)
		return broken(file, object, "an object of other members was expected", err);
	for (size_t i = 0; i < n; i++) {
		m[i].value = ward_json_get(object, m[i].name);
		if (!m[i].value || m[i].value->type != m[i].type)
			return broken(file, object, "a member is missing or of another type", err);
	}
	return WARD_OK;
}

static bool is_hash(struct ward_str s)
{
	return s.n == WARD_SHA256_HEX - 1 && strspn(s.s, "0123456789abcdef") == s.n;
}

static int take_files(struct ward_arena *a, const char *file, const struct ward_json *list,
	struct ward_pin *pin, struct ward_error *err)
{
	if (list->count > WARD_LAYER_FILES_MAX)
		return broken(file, list, "too many files", err);
	pin->files = ward_arena_alloc(a, (list->count + 1) * sizeof(*pin->files));
	if (!pin->files)
		return nomem(err);
	for (const struct ward_json *v = list->child; v; v = v->next) {
		struct member m[] = { { "name", WARD_JSON_STRING, NULL },
			{ "sha256", WARD_JSON_STRING, NULL } };
		int r = take_members(file, v, m, WARD_ARRAY_SIZE(m), err);

		if (r < 0)
			return r;
		if (!is_hash(m[1].value->str))
			return broken(file, m[1].value, "this is no SHA-256", err);
		pin->files[pin->n_files].name = m[0].value->str.s;
		pin->files[pin->n_files++].sha256 = m[1].value->str.s;
	}
	return WARD_OK;
}

static int take_pin(struct ward_arena *a, const char *file, const struct ward_json *v,
	struct ward_pins *pins, struct ward_error *err)
{
	struct ward_pin *pin = &pins->v[pins->n];
	struct member m[] = {
		{ "directory", WARD_JSON_STRING, NULL },
		{ "sha256", WARD_JSON_STRING, NULL },
		{ "files", WARD_JSON_ARRAY, NULL },
		{ "time", WARD_JSON_STRING, NULL },
		{ "uid", WARD_JSON_INT, NULL },
	};
	int r = take_members(file, v, m, WARD_ARRAY_SIZE(m), err);

	if (r < 0)
		return r;
	if (m[0].value->str.s[0] != '/')
		return broken(file, m[0].value, "a directory is named by its absolute path", err);
	if (!is_hash(m[1].value->str))
		return broken(file, m[1].value, "this is no SHA-256", err);
	if (m[4].value->i < 0 || m[4].value->i > UINT32_MAX)
		return broken(file, m[4].value, "this is no uid", err);
	/* Two pins for one directory: which of them was the user's last word? */
	if (ward_pins_find(pins, m[0].value->str.s))
		return broken(file, m[0].value, "a directory is named twice", err);
	pin->directory = m[0].value->str.s;
	pin->sha256 = m[1].value->str.s;
	pin->time = m[3].value->str.s;
	pin->uid = (uint32_t)m[4].value->i;
	r = take_files(a, file, m[2].value, pin, err);
	pins->n += r >= 0;
	return r;
}

int ward_pins_read(struct ward_arena *a, const struct ward_layers_where *where,
	struct ward_pins *ret, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	struct member m[] = { { "v", WARD_JSON_INT, NULL }, { "pins", WARD_JSON_ARRAY, NULL } };
	struct ward_json *root = NULL;
	int r;

	*ret = (struct ward_pins){ 0 };
	if (!where->trust)
		return WARD_OK;
	r = read_text(where, &text, err);
	if (r < 0 || text.n == 0)
		return r;
	r = ward_json_parse(a, text.s, text.n, where->trust, &root, err);
	if (r >= 0)
		r = take_members(where->trust, root, m, WARD_ARRAY_SIZE(m), err);
	if (r < 0)
		return r;
	if (m[0].value->i != 1)
		return broken(where->trust, m[0].value, "this version of it is not known", err);
	if (m[1].value->count > WARD_TRUST_PINS_MAX)
		return broken(where->trust, m[1].value, "too many pins", err);
	ret->v = ward_arena_alloc(a, (m[1].value->count + 1) * sizeof(*ret->v));
	if (!ret->v)
		return nomem(err);
	for (const struct ward_json *v = m[1].value->child; v && r >= 0; v = v->next)
		r = take_pin(a, where->trust, v, ret, err);
	return r;
}

const struct ward_pin *ward_pins_find(const struct ward_pins *pins, const char *directory)
{
	for (size_t i = 0; i < pins->n; i++)
		if (ward_streq(pins->v[i].directory, directory))
			return &pins->v[i];
	return NULL;
}

const char *ward_pin_directory(struct ward_arena *a, const struct ward_layer_dir *dir)
{
	size_t n = strlen(dir->path) - strlen("/" LAYER_REPOSITORY_DIR);

	return ward_arena_dup(a, n ? dir->path : "/", n ? n : 1);
}

static void difference(struct ward_buf *out, unsigned *count, const char *name, const char *how)
{
	if (++*count <= DIFFERENCES_SHOWN)
		ward_buf_addf(out, "%s%s %s", *count > 1 ? ", " : "", name, how);
}

void ward_pin_differences(struct ward_buf *out, const struct ward_pin *pin,
	const struct ward_policy_file *v, size_t n)
{
	unsigned count = 0;

	for (size_t i = 0; i < n; i++) {
		const struct ward_pin_file *was = NULL;

		for (size_t k = 0; k < pin->n_files && !was; k++)
			if (ward_streq(pin->files[k].name, v[i].name))
				was = &pin->files[k];
		if (!was)
			difference(out, &count, v[i].name, "is new");
		else if (!ward_streq(was->sha256, v[i].sha256))
			difference(out, &count, v[i].name, "has changed");
	}
	for (size_t k = 0; k < pin->n_files; k++) {
		bool there = false;

		for (size_t i = 0; i < n && !there; i++)
			there = ward_streq(pin->files[k].name, v[i].name);
		if (!there)
			difference(out, &count, pin->files[k].name, "is gone");
	}
	if (count > DIFFERENCES_SHOWN)
		ward_buf_addf(out, " and %u more", count - DIFFERENCES_SHOWN);
}

static int notice(struct ward_arena *a, const struct ward_layer_dir *dir,
	const struct ward_pin *pin, const struct ward_policy_file *v, const char **ret,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT, word = WARD_BUF_INIT;
	const char *directory = ward_pin_directory(a, dir);

	if (!directory)
		return nomem(err);
	ward_quote_shell(&word, directory, strlen(directory));
	if (pin)
		ward_pin_differences(&b, pin, v, dir->n);
	*ret = ward_arena_printf(a,
		"the policy in %s only narrows: %s%s; look at it with ward trust --show %s",
		dir->path, pin ? "since it was trusted, " : "it is not trusted", ward_buf_cstr(&b),
		ward_buf_cstr(&word));
	return b.failed || word.failed || !*ret ? nomem(err) : WARD_OK;
}

/* 1: the pins may be believed about directory. 0: they lie where its own programs may write. */
static int usable(const struct ward_layers_where *where, const char *directory,
	struct ward_error *err)
{
	char real[WARD_PATH_MAX];
	int fd = -1, r;

	if (!where->trust)
		return 1;
	r = ward_pins_dir(where, false, real, &fd, err);
	ward_close(fd);
	return r < 0 ? r : !ward_pins_inside(real, directory);
}

int ward_pins_look(struct ward_arena *a, const struct ward_layers_where *where,
	const struct ward_layer_dir *dir, const struct ward_policy_file *v,
	enum ward_trust_state *ret, const char **ret_notice, struct ward_error *err)
{
	const struct ward_pin *pin;
	const char *directory;
	struct ward_pins pins;
	int r;

	*ret = WARD_TRUST_NONE;
	*ret_notice = NULL;
	if (!dir->present)
		return WARD_OK;
	r = ward_pins_read(a, where, &pins, err);
	if (r < 0)
		return r;
	directory = ward_pin_directory(a, dir);
	if (!directory)
		return nomem(err);
	r = usable(where, directory, err);
	if (r < 0)
		return r;
	pin = r ? ward_pins_find(&pins, directory) : NULL;
	if (pin && ward_streq(pin->sha256, dir->sha256)) {
		*ret = WARD_TRUST_PINNED;
		return WARD_OK;
	}
	r = pin || dir->n ? notice(a, dir, pin, v, ret_notice, err) : WARD_OK;
	if (r >= 0 && pin)
		*ret = WARD_TRUST_CHANGED;
	return r;
}
