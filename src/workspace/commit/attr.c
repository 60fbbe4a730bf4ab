/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes of what is committed. A project's own are those that its owner may set: user.*, and the access lists. The overlay keeps
 * its notes in user.overlay.*, which would be obeyed by the next overlay that has the project below it; and security.capability gives rights
 * to whoever executes the file. Neither is ever written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "workspace/commit/commit.h"

#define VALUE_MAX (64u << 10)

bool ward_commit_attr_counts(const char *name)
{
	if (ward_has_prefix(name, "user."))
		return !ward_has_prefix(name, "user.overlay.");
	return ward_streq(name, "system.posix_acl_access") ||
		ward_streq(name, "system.posix_acl_default");
}

/* All names, each with its NUL; *ret is malloc'ed. Length or -errno. A file system that has none has no names. */
static ssize_t list(int fd, char **ret)
{
	ssize_t n = flistxattr(fd, NULL, 0);

	*ret = NULL;
	if (n <= 0)
		return n == 0 || errno == ENOTSUP ? 0 : -errno;
	*ret = malloc((size_t)n + 1);
	if (!*ret)
		return -ENOMEM;
	n = flistxattr(fd, *ret, (size_t)n);
	if (n < 0)
		return -errno;
	(*ret)[n] = '\0';
	return n;
}

static void freep(char **p)
{
	free(*p);
}

static int copy_one(int from, int to, const char *name, char *value)
{
	ssize_t n = fgetxattr(from, name, value, VALUE_MAX);

	if (n < 0)
		return errno == ENODATA ? 0 : -errno;
	return fsetxattr(to, name, value, (size_t)n, 0) < 0 ? -errno : 0;
}

/* What to has and from has not. */
static int clear_rest(int from, int to)
{
	WARD_CLEANUP(freep) char *names = NULL;
	ssize_t n = list(to, &names);

	if (n < 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return (int)n;
	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		if (!ward_commit_attr_counts(p) || fgetxattr(from, p, NULL, 0) >= 0)
			continue;
		if (errno != ENODATA)
			return -errno;
		if (fremovexattr(to, p) < 0 && errno != ENODATA)
			return -errno;
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return 0;
}

int ward_commit_attrs_copy(int from, int to, bool clear, struct ward_error *err, const char *path)
{
	WARD_CLEANUP(freep) char *names = NULL;
	WARD_CLEANUP(freep) char *value = NULL;
	ssize_t n = list(from, &names);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	int r = n < 0 ? (int)n : clear ? clear_rest(from, to) : 0; /* first: it makes room */

	for (const char *p = names; n > 0 && p < names + n && r == 0; p += strlen(p) + 1) {
		if (!ward_commit_attr_counts(p))
			continue;
		if (!value)
			value = malloc(VALUE_MAX);
		r = value ? copy_one(from, to, p, value) : -ENOMEM;
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return r < 0 ? ward_fail_errno(err, WARD_E_SYSTEM, -r,
			       "cannot copy the extended attributes of '%s'", path)
		     : WARD_OK;
}

/* ---- whole, or not at all ---- */

#define SAVED_MAX (16u << 20)

/* Each that counts: its name, the bytes of its value, the value. */
static int save(int fd, struct ward_buf *out)
{
	WARD_CLEANUP(freep) char *names = NULL;
	WARD_CLEANUP(freep) char *value = malloc(VALUE_MAX);
	ssize_t n = list(fd, &names);

	if (n < 0 || !value)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return n < 0 ? (int)n : -ENOMEM;
	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		ssize_t k = ward_commit_attr_counts(p) ? fgetxattr(fd, p, value, VALUE_MAX) : -1;

		if (k < 0 && ward_commit_attr_counts(p) && errno != ENODATA)
			return -errno;
		if (k < 0)
			continue;
		ward_buf_add(out, p, strlen(p) + 1);
		ward_buf_add(out, &k, sizeof(k));
		ward_buf_add(out, value, (size_t)k);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return out->failed ? -E2BIG : 0;
}

/* The next of what was saved. */
static const char *next(const char **at, ssize_t *ret_n, const char **ret_value)
{
	const char *name = *at;

	*at += strlen(name) + 1;
	memcpy(ret_n, *at, sizeof(*ret_n));
	*ret_value = *at + sizeof(*ret_n);
	*at = *ret_value + *ret_n;
	return name;
}

static bool is_saved(const struct ward_buf *b, const char *name)
{
	const char *value;
	ssize_t n;

	for (const char *at = b->s; b->n > 0 && at < b->s + b->n;)
		if (ward_streq(next(&at, &n, &value), name))
			return true;
	return false;
}

static bool restore(int fd, const struct ward_buf *b)
{
	WARD_CLEANUP(freep) char *names = NULL;
	ssize_t n = list(fd, &names);
	const char *value;

	if (n < 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return false;
	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1)
		/* Of one that stays what is to come may have no room: that is seen. */
		if (ward_commit_attr_counts(p) && !is_saved(b, p))
			(void)fremovexattr(fd, p);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	for (const char *at = b->s; b->n > 0 && at < b->s + b->n;) {
		const char *name = next(&at, &n, &value);

		if (fsetxattr(fd, name, value, (size_t)n, 0) < 0)
			return false;
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return true;
}

int ward_commit_attrs_replace(int from, int to, bool *ret_same, struct ward_error *err,
	const char *path)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf was = { .max = SAVED_MAX };
	int r = save(to, &was);

	*ret_same = r < 0;
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r,
			"cannot read the extended attributes of '%s'", path);
	r = ward_commit_attrs_copy(from, to, true, err, path);
	*ret_same = r < 0 && restore(to, &was);
	return r;
}

/* Each that counts of a is in b, with the same value. */
static bool within(int a, int b)
{
	WARD_CLEANUP(freep) char *names = NULL;
	WARD_CLEANUP(freep) char *values = NULL; /* most have none */
	ssize_t n = list(a, &names);

	if (n < 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return false;
	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		ssize_t x, y;

		if (!ward_commit_attr_counts(p))
			continue;
		if (!values)
			values = malloc(2 * VALUE_MAX);
		if (!values)
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
			return false;
		x = fgetxattr(a, p, values, VALUE_MAX);
		y = fgetxattr(b, p, values + VALUE_MAX, VALUE_MAX);
		if (x < 0 || x != y || memcmp(values, values + VALUE_MAX, (size_t)x) != 0)
			return false;
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return true;
}

bool ward_commit_attrs_equal(int a, int b)
{
	return within(a, b) && within(b, a);
}

/* ---- what somebody else gave ---- */

#define LIST "system.posix_acl_access"
#define LIST_HEAD \
	4u /* the version; then of each entry tag and rights, 16 bits each, and an id, little-endian: acl(5), linux/posix_acl_xattr.h */
#define LIST_ENTRY 8u
enum { ACL_OWNER = 0x01, ACL_GROUP = 0x04, ACL_MASK = 0x10, ACL_OTHER = 0x20 };

struct three {
	int now, old, new;
	char *values;
};

typedef int three_fn(const struct three *t, const char *name);

/* Of an access list what no mode changes: a chmod, ours too, writes into the others. */
static void forget_mode(char *v, ssize_t n)
{
	for (ssize_t i = LIST_HEAD; i + (ssize_t)LIST_ENTRY <= n; i += LIST_ENTRY) {
		if (v[i] == ACL_OWNER || v[i] == ACL_MASK || v[i] == ACL_OTHER)
			v[i + 2] = 0;
	}
}

static bool same_value(const struct three *t, int a, int b, const char *name)
{
	char *mine = t->values, *theirs = t->values + VALUE_MAX;
	ssize_t x = fgetxattr(a, name, mine, VALUE_MAX), y;
	int e = x < 0 ? errno : 0;

	y = fgetxattr(b, name, theirs, VALUE_MAX);
	if (x < 0 || y < 0)
		return x < 0 && y < 0 && e == ENODATA && errno == ENODATA;
	if (ward_streq(name, LIST)) {
		forget_mode(mine, x);
		forget_mode(theirs, y);
	}
	return x == y && memcmp(mine, theirs, (size_t)x) == 0;
}

static int each_of(const struct three *t, int fd, three_fn *fn)
{
	WARD_CLEANUP(freep) char *names = NULL;
	ssize_t n = list(fd, &names);
	int r = n < 0 ? (int)n : 0;

	for (const char *p = names; n > 0 && p < names + n && r == 0; p += strlen(p) + 1)
		if (ward_commit_attr_counts(p))
			r = fn(t, p);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return r;
}

/* Of each name that one of them has. */
static int each(struct three *t, three_fn *fn)
{
	const int fds[] = { t->now, t->old, t->new };
	char *values = malloc(2 * VALUE_MAX);
	int r = values ? 0 : -ENOMEM;

	t->values = values;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(fds) && r == 0; i++)
		r = each_of(t, fds[i], fn);
	t->values = NULL;
	free(values);
	return r;
}

static int is_either(const struct three *t, const char *name)
{
	return same_value(t, t->now, t->old, name) || same_value(t, t->now, t->new, name) ? 0 : 1;
}

bool ward_commit_attrs_either(int now, int old, int new)
{
	struct three t = { .now = now, .old = old, .new = new };

	return each(&t, is_either) == 0;
}

static int give_back(const struct three *t, const char *name)
{
	bool whole = ward_streq(name, LIST) && same_value(t, t->now, t->old, name);
	ssize_t n;

	/* A mode has changed the list meanwhile, ours too: that of before is whole. */
	if (!whole && !same_value(t, t->now, t->new, name))
		return 0;
	n = fgetxattr(t->old, name, t->values, VALUE_MAX);
	if (n < 0 && errno != ENODATA)
		return -errno;
	if (n < 0)
		return fremovexattr(t->now, name) < 0 && errno != ENODATA ? -errno : 0;
	return fsetxattr(t->now, name, t->values, (size_t)n, 0) < 0 ? -errno : 0;
}

/* While there is a list the mode's bits of the group are the most that anybody of it may, and not what the group may. */
static mode_t groups_own(int fd, mode_t mode)
{
	WARD_CLEANUP(freep) char *v = malloc(VALUE_MAX);
	ssize_t n = v ? fgetxattr(fd, LIST, v, VALUE_MAX) : -1;

	if (n < 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return v && errno == ENODATA ? mode : mode & ~(mode_t)S_IRWXG;
	for (ssize_t i = LIST_HEAD; i + (ssize_t)LIST_ENTRY <= n; i += LIST_ENTRY)
		if (v[i] == ACL_GROUP)
			mode &= ~(mode_t)S_IRWXG | (mode_t)(v[i + 2] & 7) << 3;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return mode;
}

int ward_commit_attrs_back(int now, int old, int new, mode_t *mode, struct ward_error *err,
	const char *path)
{
	struct three t = { .now = now, .old = old, .new = new };
	mode_t bare = groups_own(now, *mode);
	int r = each(&t, give_back);

	if (fgetxattr(now, LIST, NULL, 0) < 0)
		*mode = bare;
	return r < 0 ? ward_fail_errno(err, WARD_E_SYSTEM, -r,
			       "cannot give '%s' its extended attributes back", path)
		     : WARD_OK;
}
