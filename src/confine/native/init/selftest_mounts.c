/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The self-test of the view: the kernel's list of the mounts that can be reached from here, compared with the blob. What was to
 * be mounted is there once; what is for reading is read-only; nothing is shared with the host; there is nothing else.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define INFO_BYTES \
	40960 /* more than the longest line: two paths of 4095 bytes, each escaped as four */

/* One line, in place. */
struct line {
	char *path, *options;
	bool shared;
};

/* "\040" for a blank: in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

static char *word(char **io)
{
	char *s = *io, *end = s + strcspn(s, " ");

	*io = end + (*end != 0);
	*end = 0;
	return s;
}

/* id parent device root PATH OPTIONS [tag...] - ... */
static bool parse(char *s, struct line *ret)
{
	const char *tag;

	for (int i = 0; i < 4; i++)
		(void)word(&s);
	ret->path = word(&s);
	ret->options = word(&s);
	ret->shared = false;
	while (*(tag = word(&s)) && strcmp(tag, "-") != 0)
		ret->shared = true;
	unescape(ret->path);
	return ret->path[0] == '/' && *tag;
}

static bool has(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = options; *p;) {
		size_t len = strcspn(p, ",");

		if (len == n && memcmp(p, name, n) == 0)
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

static bool is_mount(const struct ward_launch_mount *m)
{
	return (m->kind != WARD_LAUNCH_DIR || (m->flags & WARD_LAUNCH_M_SEAL)) &&
		m->kind != WARD_LAUNCH_LINK && m->kind != WARD_LAUNCH_FILE;
}

/* The innermost mount of the blob that path is or lies below; NULL: none but the root. *ret_rest: what of path lies below. */
static const struct ward_launch_mount *covering(const struct ward_launch *l, const char *path,
	const char **ret_rest)
{
	const struct ward_launch_mount *m = l->n_mounts ? blob_at(l, l->mounts) : NULL;
	const struct ward_launch_mount *found = NULL;
	size_t len = strlen(path), longest = 0;

	*ret_rest = path;
	for (uint32_t i = 0; i < l->n_mounts; i++) {
		const char *dest = blob_text(l, m[i].dest);
		size_t n = strlen(dest);

		if (n < longest || n > len || (path[n] && path[n] != '/') ||
			memcmp(path, dest, n) != 0 || !is_mount(&m[i]))
			continue;
		found = &m[i];
		longest = n;
		*ret_rest = path + n;
	}
	return found;
}

static bool writable(const struct ward_launch_mount *m, const char *rest)
{
	if (m->flags & WARD_LAUNCH_M_SEAL)
		return false;
	switch ((enum ward_launch_mount_kind)m->kind) {
	case WARD_LAUNCH_BIND: return m->flags & WARD_LAUNCH_M_WRITE;
	case WARD_LAUNCH_TMPFS:
	case WARD_LAUNCH_SUBTREE: return true;
	case WARD_LAUNCH_PROC: return !*rest;
	case WARD_LAUNCH_DEV: return *rest; /* nodes and terminals, not the directory */
	default: return false;
	}
}

/* False: not as it was to be. Counts mounts of the blob, and the root. */
static bool check(const struct ward_launch *l, const struct line *line, uint32_t *io_seen,
	uint32_t *io_roots)
{
	const char *rest;
	const struct ward_launch_mount *m = covering(l, line->path + 1, &rest);
	bool rw = m ? writable(m, rest) : l->flags & WARD_LAUNCH_FUSE;
	bool alien = m && (m->kind == WARD_LAUNCH_DEV || m->kind == WARD_LAUNCH_PROC) && *rest;

	if (line->shared || (!rw && !has(line->options, "ro")))
		return false;
	/* Nodes of the host's /dev are as they are. */
	if (!alien && !has(line->options, "nosuid"))
		return false;
	if (m && (m->flags & WARD_LAUNCH_M_NOEXEC) && !has(line->options, "noexec"))
		return false;
	if (!m) {
		*io_roots += 1;
		return !line->path[1];
	}
	*io_seen += !*rest;
	/* A granted tree brings what is mounted in it; the rest is ours, and two of these have parts. */
	return !*rest || m->kind == WARD_LAUNCH_BIND || alien;
}

static uint32_t expected(const struct ward_launch *l)
{
	const struct ward_launch_mount *m = l->n_mounts ? blob_at(l, l->mounts) : NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n_mounts; i++)
		n += is_mount(&m[i]);
	return n;
}

/* All whole lines of s are checked; the bytes of the last, cut one move to the front. Returns how many, or -1: broken. */
static ssize_t take_lines(const struct ward_launch *l, char *s, size_t n, uint32_t *io_seen,
	uint32_t *io_roots)
{
	char *p = s, *end;
	struct line line;

	while ((end = memchr(p, '\n', (size_t)(s + n - p)))) {
		*end = 0;
		if (!parse(p, &line) || !check(l, &line, io_seen, io_roots))
			return -1;
		p = end + 1;
	}
	n -= (size_t)(p - s);
	memmove(s, p, n);
	return (ssize_t)n;
}

bool mounts_broken(const struct ward_launch *l, int self)
{
	static char text[INFO_BYTES];
	uint32_t seen = 0, roots = 0;
	ssize_t n, kept = 0;
	int fd;

	if (!(l->flags & WARD_LAUNCH_USERNS))
		return false;
	fd = openat(self, "mountinfo", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	while (kept >= 0 && (n = read(fd, text + kept, sizeof(text) - (size_t)kept)) > 0)
		kept = take_lines(l, text, (size_t)(kept + n), &seen, &roots);
	close(fd);
	return kept != 0 || n < 0 || roots != 1 || seen != expected(l);
}
