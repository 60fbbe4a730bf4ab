/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The self-test of the view: the kernel's list of the mounts that can be reached from here, compared with the blob. What was to
 * be mounted is there once; what is for reading is read-only; nothing is shared with the host; there is nothing else.
 *
 * A granted tree brings the host's mounts below it, and where one of these lies, the plan may mount its own on top: the list
 * then has two lines of one path, and the lower one, with all that is mounted in it, can be reached by nobody. Nor can be what the
 * tree brings below a directory that the plan has a mount of its own on, which brings the same once more. So what is not
 * as it was to be is looked at twice: what is covered is found by the first look, and left out of the second.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define INFO_BYTES \
	40960 /* more than what is read of a line: two paths of 4095 bytes, each escaped as four */
#define DESTS_MAX 4096 /* mounts of a blob: WARD_MOUNTS_MAX */
#define LINES_MAX 8192 /* lines that are at one of them */
#define COVERED_MAX 8192
#define NOWHERE UINT32_MAX
#define OVERLAYS_MAX 25 /* WARD_CACHES_MAX, and what is under review */
#define OVERLAY_MAGIC 0x794c7630l

/* One line, in place. */
struct line {
	uint32_t id, parent;
	char *device, *root, *path, *options;
	bool shared;
};

/* A line whose path is the destination of a mount of the blob. */
struct at {
	uint32_t id, parent;
	uint32_t next; /* of the same destination: its index and one; 0 = none */
};
/* What nobody can reach. dest: what is mounted there on top of it is not hidden by it; NOWHERE = all of it is. */
struct covered {
	uint32_t id, dest;
};

/* There are no threads, and memory is not asked for here: it is shared with the init. */
static struct look {
	const struct ward_launch *l;
	uint32_t first[DESTS_MAX]; /* into at, and one; 0 = no line yet */
	struct at at[LINES_MAX];
	/* The same of the first look, in the second. */
	uint32_t first_before[DESTS_MAX];
	struct at before[LINES_MAX];
	struct covered covered[COVERED_MAX];
	uint32_t n_at, n_covered, roots;
	/* Overlays, as the list has them: what is under review, and package caches. */
	struct over {
		const struct ward_launch_mount *m;
		char device[32];
	} over[OVERLAYS_MAX];
	uint32_t n_over;
	char root[32]; /* the device of the root */
	bool broken, twice, again;
} look;

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

	ret->id = (uint32_t)strtoul(word(&s), NULL, 10);
	ret->parent = (uint32_t)strtoul(word(&s), NULL, 10);
	ret->device = word(&s);
	ret->root = word(&s);
	ret->path = word(&s);
	ret->options = word(&s);
	ret->shared = false;
	while (*(tag = word(&s)) && strcmp(tag, "-") != 0)
		ret->shared = true;
	unescape(ret->path);
	unescape(ret->root);
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

/* The mount of the blob whose destination is the first n bytes of path. They are sorted by it. */
static const struct ward_launch_mount *mount_at(const struct ward_launch *l, const char *path,
	size_t n)
{
	const struct ward_launch_mount *m = l->n_mounts ? blob_at(l, l->mounts) : NULL;
	uint32_t from = 0, to = l->n_mounts;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		const char *dest = blob_text(l, m[mid].dest);
		int c = strncmp(path, dest, n);

		if (c == 0 && !dest[n])
			return is_mount(&m[mid]) ? &m[mid] : NULL;
		if (c > 0)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

/* The innermost mount of the blob that path is or lies below; NULL: none but the root. *ret_rest: what of path lies below. */
static const struct ward_launch_mount *covering(const struct ward_launch *l, const char *path,
	const char **ret_rest)
{
	for (size_t n = strlen(path); n; n--) {
		const struct ward_launch_mount *m;

		if (path[n] && path[n] != '/')
			continue;
		m = mount_at(l, path, n);
		*ret_rest = path + n;
		if (m)
			return m;
	}
	*ret_rest = path;
	return NULL;
}

static bool writable(const struct ward_launch_mount *m, const char *rest)
{
	if (m->flags & WARD_LAUNCH_M_SEAL)
		return false;
	switch ((enum ward_launch_mount_kind)m->kind) {
	case WARD_LAUNCH_BIND:
	case WARD_LAUNCH_OVERLAY:
	case WARD_LAUNCH_CACHE:
	case WARD_LAUNCH_PART: return m->flags & WARD_LAUNCH_M_WRITE;
	case WARD_LAUNCH_TMPFS:
	case WARD_LAUNCH_SUBTREE: return true;
	case WARD_LAUNCH_PROC: return !*rest;
	case WARD_LAUNCH_DEV: return *rest; /* nodes and terminals, not the directory */
	default: return false;
	}
}

static struct covered *covered(uint32_t id)
{
	for (uint32_t i = 0; i < look.n_covered; i++)
		if (look.covered[i].id == id)
			return &look.covered[i];
	return NULL;
}

static bool cover(uint32_t id, uint32_t dest)
{
	struct covered *c = covered(id);

	if (!c && look.n_covered == COVERED_MAX)
		return false;
	if (!c)
		c = &look.covered[look.n_covered++];
	*c = (struct covered){ id, dest };
	return true;
}

/* A mask that is its own part of the FUSE tree, which is the root of the view. */
static bool is_told(const struct line *line, const struct ward_launch_mount *m)
{
	return (m->flags & WARD_LAUNCH_M_TOLD) && strcmp(line->device, look.root) == 0 &&
		strcmp(line->root, line->path) == 0;
}

/* Of a mask: what view.c makes for it, and not what the host has there, which may be for reading as well. */
static bool is_nothing(const struct line *line, const struct ward_launch_mount *m)
{
	return is_told(line, m) || strcmp(line->root, "/nil") == 0 ||
		strcmp(line->root, "/empty") == 0 || strcmp(line->root, "/nothing") == 0;
}

/* A line at the destination of number dest. False: there are too many. */
static bool arrive(const struct line *line, uint32_t dest)
{
	if (look.n_at == LINES_MAX)
		return false;
	look.twice = look.twice || look.first[dest];
	look.at[look.n_at] = (struct at){ line->id, line->parent, look.first[dest] };
	look.first[dest] = ++look.n_at;
	return true;
}

/* In the mount that it is mounted in something else is, on a directory above it: no path leads there. */
static bool is_passed_by(const struct line *line)
{
	const struct ward_launch_mount *all =
		look.l->n_mounts ? blob_at(look.l, look.l->mounts) : NULL;

	for (size_t n = strlen(line->path); look.again && n > 1; n--) {
		const struct ward_launch_mount *m;

		if (line->path[n - 1] != '/')
			continue;
		m = mount_at(look.l, line->path + 1, n - 2);
		for (uint32_t i = m ? look.first_before[m - all] : 0; i;
			i = look.before[i - 1].next)
			if (look.before[i - 1].parent == line->parent)
				return true;
	}
	return false;
}

/* dest: where the line is, NOWHERE: below or above. The kernel lists what is mounted in a mount after it. */
static bool is_hidden(const struct line *line, uint32_t dest)
{
	const struct covered *below;

	if (is_passed_by(line))
		return cover(line->id, NOWHERE);
	if (!look.n_covered)
		return false;
	below = covered(line->parent);
	if (!below || (dest != NOWHERE && below->dest == dest))
		return covered(line->id);
	/* With no room it is not hidden, and is judged. */
	return cover(line->id, NOWHERE);
}

static bool is_overlay(const struct ward_launch_mount *m)
{
	return m->kind == WARD_LAUNCH_OVERLAY || m->kind == WARD_LAUNCH_CACHE;
}

/* Of an overlay its own; of a part that of what is under review, of which there is one. */
static bool right_device(const struct line *line, const struct ward_launch_mount *m)
{
	if (!is_overlay(m) && m->kind != WARD_LAUNCH_PART)
		return true;
	for (uint32_t i = 0; i < look.n_over; i++)
		if (look.over[i].m == m ||
			(m->kind == WARD_LAUNCH_PART &&
				look.over[i].m->kind == WARD_LAUNCH_OVERLAY))
			return strcmp(line->device, look.over[i].device) == 0;
	return false;
}

/* False: not as it was to be. */
static bool check(const struct line *line)
{
	const struct ward_launch *l = look.l;
	const char *rest;
	const struct ward_launch_mount *m = covering(l, line->path + 1, &rest), *all;
	bool rw = m ? writable(m, rest) : l->flags & WARD_LAUNCH_FUSE;
	bool alien = m && (m->kind == WARD_LAUNCH_DEV || m->kind == WARD_LAUNCH_PROC) && *rest;
	uint32_t dest = NOWHERE;

	if (m && !*rest) {
		all = blob_at(l, l->mounts);
		dest = (uint32_t)(m - all);
	}
	if (is_hidden(line, dest))
		return true;
	if (dest != NOWHERE && !arrive(line, dest))
		return false;
	if (m && !*rest && is_told(line, m))
		rw = true;
	if (line->shared || (!rw && !has(line->options, "ro")))
		return false;
	/* Nodes of the host's /dev are as they are. */
	if (!alien && !has(line->options, "nosuid"))
		return false;
	if (m && (m->flags & WARD_LAUNCH_M_NOEXEC) && !has(line->options, "noexec"))
		return false;
	if (!m) {
		look.roots += 1;
		return !line->path[1];
	}
	if (!*rest && m->kind == WARD_LAUNCH_MASK && !is_nothing(line, m))
		return false;
	if (!*rest && !right_device(line, m))
		return false;
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

/*
 * All whole lines of s are checked, up to their " - ": what follows has no limit (an overlay names its layers there), and is
 * skipped. The bytes of the last, cut one move to the front. Returns how many, or -1: no such list.
 */
static ssize_t take_lines(char *s, size_t n, bool *io_skip)
{
	char *p = s, *end = s + n, *mark;
	struct line line;

	for (;;) {
		mark = *io_skip ? memchr(p, '\n', (size_t)(end - p))
				: memmem(p, (size_t)(end - p), " - ", 3);
		if (!mark)
			break;
		if (!*io_skip) {
			mark[2] = 0;
			if (!parse(p, &line))
				return -1;
			look.broken = !check(&line) || look.broken;
		}
		p = mark + (*io_skip ? 1 : 3);
		*io_skip = !*io_skip;
	}
	if (*io_skip)
		return 0;
	memmove(s, p, (size_t)(end - p));
	return end - p;
}

/* One look at the list, without what is known to be covered. False: it is no such list. */
static bool look_at(int self)
{
	static char text[INFO_BYTES];
	ssize_t n = -1, kept = 0;
	bool skip = false;
	int fd = openat(self, "mountinfo", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	memset(look.first, 0, look.l->n_mounts * sizeof(*look.first));
	look.n_at = look.roots = 0;
	look.broken = look.twice = false;
	while (kept >= 0 && (n = read(fd, text + kept, sizeof(text) - (size_t)kept)) > 0)
		kept = take_lines(text, (size_t)(kept + n), &skip);
	close(fd);
	return kept == 0 && n == 0 && !skip;
}

/* The lines of one destination, of which one lies on another: that is covered. */
static bool find_covered(uint32_t dest)
{
	for (uint32_t i = look.first[dest]; i; i = look.at[i - 1].next)
		for (uint32_t j = look.first[dest]; j; j = look.at[j - 1].next)
			if (look.at[j - 1].parent == look.at[i - 1].id && i != j &&
				!cover(look.at[i - 1].id, dest))
				return false;
	return true;
}

static bool as_it_was_to_be(void)
{
	return !look.broken && !look.twice && look.roots == 1 && look.n_at == expected(look.l);
}

/* An overlay, and not the file system that lies below it, which may be one as well. */
static bool look_over(const struct ward_launch *l, const struct ward_launch_mount *m)
{
	static char path[4100];
	struct over *to = &look.over[look.n_over];
	struct statfs fs;
	struct stat st;
	bool is;
	int fd;

	if (look.n_over == OVERLAYS_MAX)
		return false;
	snprintf(path, sizeof(path), "/%s", blob_text(l, m->dest));
	fd = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	is = fd >= 0 && fstat(fd, &st) == 0 && fstatfs(fd, &fs) == 0 &&
		(long)fs.f_type == OVERLAY_MAGIC && st.st_dev != m->dev;
	if (fd >= 0)
		close(fd);
	if (!is)
		return false;
	to->m = m;
	snprintf(to->device, sizeof(to->device), "%u:%u", major(st.st_dev), minor(st.st_dev));
	look.n_over++;
	return true;
}

/* Their numbers are what the list has to have at their places, and at those of their parts. False: one is none. */
static bool find_overlays(const struct ward_launch *l)
{
	const struct ward_launch_mount *m = l->n_mounts ? blob_at(l, l->mounts) : NULL;

	look.n_over = 0;
	for (uint32_t i = 0; i < l->n_mounts; i++)
		if (is_overlay(&m[i]) && !look_over(l, &m[i]))
			return false;
	return true;
}

bool mounts_broken(const struct ward_launch *l, int self)
{
	struct stat st;

	if (!(l->flags & WARD_LAUNCH_USERNS))
		return false;
	look.l = l;
	look.n_covered = 0;
	look.again = false;
	if (stat("/", &st) < 0)
		return true;
	snprintf(look.root, sizeof(look.root), "%u:%u", major(st.st_dev), minor(st.st_dev));
	if (l->n_mounts > DESTS_MAX || !find_overlays(l) || !look_at(self))
		return true;
	if (as_it_was_to_be())
		return false;
	memcpy(look.first_before, look.first, l->n_mounts * sizeof(*look.first));
	memcpy(look.before, look.at, look.n_at * sizeof(*look.at));
	look.again = true;
	for (uint32_t i = 0; i < l->n_mounts; i++)
		if (!find_covered(i))
			return true;
	return !look_at(self) || !as_it_was_to_be();
}
