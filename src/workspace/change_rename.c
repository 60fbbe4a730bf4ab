/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renames. An overlay of an ordinary user's keeps no name of where a copy came from (its mark of origin is empty), so a rename is a name
 * that is gone and one that is new with the same content: first of the same last name, then by order. A file that is empty has the content
 * of every empty file, so it must keep its last name. Which may be the same is known by a sum of their contents, each read once; those of one
 * sum are compared, so it need be no hard one.
 *
 * What is no rename may move content all the same: over a file that was there, or from there to elsewhere. Whose content a change takes away
 * is looked for in what the others bring, so that nobody makes the one real and throws the other away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/change.h"

/* Bytes of an object's name, in hexadecimal and with its newline. */
#define VALUE_SHA1 41u
#define VALUE_SHA256 65u

struct candidate {
	struct ward_change *change;
	mode_t type;
	uint64_t size;
	bool is_new, paired;
	bool known; /* sum is of its content */
	bool over; /* it was not read for its size, or what was read before */
	uint64_t sum[2];
};

struct pairing {
	struct reader *r;
	struct candidate *v;
	size_t n;
	uint64_t left; /* bytes that may be read yet */
};

static int by_size(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return 0;
}

/* Of one content: by last name, what is gone first, then by path. */
static int by_sum(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int order = memcmp(x->sum, y->sum, sizeof(x->sum));

	if (x->known != y->known)
		return x->known ? -1 : 1;
	if (order == 0)
		order = strcmp(ward_path_basename(x->change->path),
			ward_path_basename(y->change->path));
	return order ? order : strcmp(x->change->path, y->change->path);
}

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

/* Two sums of every other word, so that neither waits for the other. n is a multiple of 16 but at the end. */
void ward_change_sum(uint64_t sum[2], const char *s, size_t n)
{
	uint64_t x[2] = { 0 };

	for (; n >= sizeof(x); s += sizeof(x), n -= sizeof(x)) {
		memcpy(x, s, sizeof(x));
		sum[0] = mix(sum[0], x[0]);
		sum[1] = mix(sum[1], x[1]);
	}
	x[0] = x[1] = 0;
	memcpy(x, s, n);
	sum[0] = mix(sum[0], x[0]);
	sum[1] = mix(sum[1], x[1] ^ n);
}

_Static_assert(CHANGE_STEP % 16 == 0, "a file is read in multiples of what is summed");

static void sum_file(struct pairing *p, int fd, struct candidate *c)
{
	c->sum[0] = c->sum[1] = p->r->seed;
	for (uint64_t left = c->size; left > 0;) {
		size_t want = left < CHANGE_STEP ? (size_t)left : CHANGE_STEP;

		if (ward_change_stops(p->r) || ward_change_fill(fd, p->r->a, want) != (ssize_t)want)
			return;
		ward_change_sum(c->sum, p->r->a, want);
		left -= want;
	}
	c->known = true;
}

static void sum_link(struct pairing *p, struct candidate *c)
{
	WARD_FD fd = ward_beneath(c->is_new ? p->r->layer : p->r->root, c->change->path, 0);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", p->r->a, WARD_PATH_MAX);

	if (n < 0)
		return;
	c->sum[0] = c->sum[1] = p->r->seed;
	ward_change_sum(c->sum, p->r->a, (size_t)n);
	c->known = true;
}

/* What cannot be read is of no pair. */
static void sum(struct pairing *p, struct candidate *c)
{
	WARD_FD fd = -1;

	if (S_ISLNK(c->type)) {
		sum_link(p, c);
		return;
	}
	if (c->change->summed) {
		const struct ward_sums *s = &p->r->sums[c->change->summed - 1];

		memcpy(c->sum, c->is_new ? s->is : s->was, sizeof(c->sum));
		c->known = true;
		return;
	}
	c->over = c->size > p->left;
	if (c->over)
		return;
	p->left -= c->size;
	fd = c->is_new
		? ward_changed_get(&p->r->way, p->r->layer, c->change->path, p->r->lives,
			  &(struct stat){ 0 })
		: ward_beneath(p->r->root, c->change->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0)
		sum_file(p, fd, c);
}

/* UNKNOWN: one of them cannot be read. */
enum same { OTHER = 0, SAME, UNKNOWN };

static enum same is_same(struct pairing *p, const struct ward_change *from,
	const struct ward_change *to, bool *ret_bits, bool *ret_xattrs)
{
	char was[WARD_PATH_MAX], is[WARD_PATH_MAX];
	const char *was_name = ward_path_basename(from->path);
	const char *is_name = ward_path_basename(to->path);
	WARD_FD a = -1;
	WARD_FD b = -1;
	struct side layer = { .name = is_name, .there = true };
	struct side root = { .name = was_name, .there = true };
	struct differs d = { .content = false };

	memcpy(was, from->path, (size_t)(was_name - from->path));
	was[was_name > from->path ? was_name - from->path - 1 : 0] = '\0';
	memcpy(is, to->path, (size_t)(is_name - to->path));
	is[is_name > to->path ? is_name - to->path - 1 : 0] = '\0';
	a = ward_changed_get(&p->r->way, p->r->layer, is, p->r->lives, &(struct stat){ 0 });
	b = ward_beneath(p->r->root, was, 0);
	if (a < 0 || b < 0)
		return UNKNOWN;
	layer.dir = a;
	root.dir = b;
	/* As the walk saw both: of one type and size, or they were no candidates for each other. */
	layer.st.st_mode = to->mode;
	layer.st.st_size = (off_t)to->size;
	root.st.st_mode = from->was_mode;
	root.st.st_size = (off_t)from->was_size;
	if (ward_change_differs(p->r, to->path, &layer, &root, &d) < 0)
		return UNKNOWN;
	*ret_bits = d.bits;
	*ret_xattrs = d.xattrs;
	return d.content ? OTHER : SAME;
}

static void pair(struct pairing *p, struct candidate *from, struct candidate *to)
{
	struct ward_change *c = to->change;
	bool bits = false, xattrs = false;

	/* Bytes are compared once more, with the rest. */
	if (is_same(p, from->change, c, &bits, &xattrs) != SAME)
		return;
	c->kind = WARD_CHANGE_RENAMED;
	c->from = from->change->path;
	c->was_mode = from->change->was_mode;
	c->was_size = from->change->was_size;
	c->bits = bits;
	c->xattrs = xattrs;
	from->change->kind = WARD_CHANGE_NONE;
	from->paired = to->paired = true;
}

/* Of v[at..end), all of one content: each new one with one that is gone, of the same last name or of any. */
static void pair_run(struct pairing *p, size_t at, size_t end, bool same_name)
{
	size_t gone = at;

	for (size_t i = at; i < end; i++) {
		struct candidate *to = &p->v[i];
		const char *name = ward_path_basename(to->change->path);

		if (!to->is_new || to->paired)
			continue;
		for (; gone < end; gone++) {
			struct candidate *from = &p->v[gone];
			int order = same_name ? strcmp(ward_path_basename(from->change->path), name)
					      : 0;

			if (from->is_new || from->paired || order < 0)
				continue;
			if (order == 0)
				pair(p, from, to);
			break;
		}
	}
}

/* v[at..end) are of one type and size. */
static void pair_size(struct pairing *p, size_t at, size_t end)
{
	size_t n_new = 0;

	for (size_t i = at; i < end; i++)
		n_new += p->v[i].is_new;
	if (n_new == 0 || n_new == end - at)
		return;
	for (size_t i = at; i < end; i++)
		sum(p, &p->v[i]);
	qsort(p->v + at, end - at, sizeof(*p->v), by_sum);
	for (size_t i = at, k; i < end && p->v[i].known; i = k) {
		for (k = i + 1; k < end && p->v[k].known &&
			memcmp(p->v[k].sum, p->v[i].sum, sizeof(p->v[i].sum)) == 0;)
			k++;
		pair_run(p, i, k, true);
		if (p->v[i].size > 0)
			pair_run(p, i, k, false);
	}
}

static bool is_part(const char *path, const char *dir)
{
	const char *at = path;

	while ((at = strstr(at, dir)) && at != path && at[-1] != '/')
		at++;
	return at;
}

static bool is_value(uint64_t size)
{
	return size == VALUE_SHA1 || size == VALUE_SHA256;
}

/* HEAD, of any kind, and what leads to a worktree. */
static bool is_head(const char *path, uint64_t size)
{
	size_t n = strlen(path);

	return (is_value(size) && n >= 4 && ward_streq(path + n - 4, "HEAD")) ||
		is_part(path, ".git/worktrees/");
}

static bool has_head(int dir, const char *path, size_t n)
{
	char head[WARD_PATH_MAX];
	int k = snprintf(head, sizeof(head), "%.*sHEAD", (int)n, path);
	WARD_FD fd = k < 0 || (size_t)k >= sizeof(head) ? -1 : ward_beneath(dir, head, 0);

	return fd >= 0;
}

static bool is_reference(const struct reader *r, const char *path, uint64_t size)
{
	static const char refs[] = "refs/";

	for (const char *at = path; is_value(size) && (at = strstr(at, refs)); at += strlen(refs))
		if ((at == path || at[-1] == '/') &&
			(has_head(r->root, path, (size_t)(at - path)) ||
				has_head(r->layer, path, (size_t)(at - path))))
			return true;
	return false;
}

/*
 * A reference of git's is a name of an object, and not its content: what has the same value did not come from there. The same of what leads to a
 * worktree. Paired, a new one would wait for an old one that is of something else. But an old one waits where the new one does, which may be all
 * that names the object then.
 */
static bool is_of_git(const struct reader *r, const char *path, uint64_t size)
{
	return is_head(path, size) || is_reference(r, path, size);
}

static void collect(struct pairing *p)
{
	for (size_t i = 0; i < p->r->out->n; i++) {
		struct ward_change *c = &p->r->out->v[i];
		bool is_new = c->kind == WARD_CHANGE_ADDED;
		mode_t mode = is_new ? c->mode : c->was_mode;

		if ((!is_new && c->kind != WARD_CHANGE_DELETED) ||
			(!S_ISREG(mode) && !S_ISLNK(mode)) || (is_new && c->n_links > 1) ||
			is_of_git(p->r, c->path, is_new ? c->size : c->was_size))
			continue;
		p->v[p->n++] = (struct candidate){ .change = c,
			.type = mode & S_IFMT,
			.size = is_new ? c->size : c->was_size,
			.is_new = is_new };
	}
}

/* ---- what moved, and is no rename ---- */

/* One side of a change, if it has content of its own that another may have. */
static void collect_side(struct pairing *p, struct ward_change *c, bool is_new)
{
	mode_t mode = is_new ? c->mode : c->was_mode;
	uint64_t size = is_new ? c->size : c->was_size;

	if ((S_ISREG(mode) || S_ISLNK(mode)) && size > 0 && !is_head(c->path, size))
		p->v[p->n++] = (struct candidate){
			.change = c, .type = mode & S_IFMT, .size = size, .is_new = is_new
		};
}

static void collect_moved(struct pairing *p)
{
	for (size_t i = 0; i < p->r->out->n; i++) {
		struct ward_change *c = &p->r->out->v[i];

		if (c->kind == WARD_CHANGE_RENAMED ||
			(c->kind == WARD_CHANGE_MODIFIED && !c->content))
			continue;
		collect_side(p, c, false);
		collect_side(p, c, true);
	}
}

/* The first two of v[at..end) that bring something; over: of those alone that were too much to read. */
static void first_new(const struct pairing *p, size_t at, size_t end, bool over,
	const struct ward_change *ret[2])
{
	size_t n = 0;

	ret[0] = ret[1] = NULL;
	for (size_t i = at; i < end && n < 2; i++)
		if (p->v[i].is_new && (!over || p->v[i].over))
			ret[n++] = p->v[i].change;
}

static const struct ward_change *not_itself(const struct ward_change *const v[2],
	const struct ward_change *c)
{
	return v[0] && v[0] == c ? v[1] : v[0];
}

/* In v[at..end), all of one content: what a change takes away, another brings. */
static void link_run(struct pairing *p, size_t at, size_t end)
{
	const struct ward_change *new[2];
	bool bits, xattrs;

	first_new(p, at, end, false, new);
	for (size_t i = at; i < end && new[0]; i++) {
		struct ward_change *c = p->v[i].change;
		const struct ward_change *to = not_itself(new, c);
		enum same same = !p->v[i].is_new && to ? is_same(p, c, to, &bits, &xattrs) : OTHER;

		/* Equal as far as it was read: it waits. */
		c->moved_to = same == OTHER ? c->moved_to : to;
		c->moved_unsure = c->moved_unsure || same == UNKNOWN;
	}
}

/*
 * Those of v[at..end) from unread on were not read: what is of their size may be the same. Not for what was written in its place where
 * the other was only closed to us: every edit would wait for a file that its owner may not read.
 */
static void link_unread(struct pairing *p, size_t at, size_t unread, size_t end)
{
	const struct ward_change *any[2], *unknown[2], *over[2];

	first_new(p, at, end, false, any);
	first_new(p, unread, end, false, unknown);
	first_new(p, unread, end, true, over);
	for (size_t i = at; i < end && unread < end; i++) {
		struct ward_change *c = p->v[i].change;
		bool edited = c->kind == WARD_CHANGE_MODIFIED;
		const struct ward_change *to = not_itself(edited ? over : unknown, c);

		if (!to && i >= unread && (!edited || p->v[i].over))
			to = not_itself(any, c);
		if (p->v[i].is_new || c->moved_to || !to)
			continue;
		c->moved_to = to;
		c->moved_unsure = true;
	}
}

/* One of them takes away what another may bring. */
static bool may_move(const struct pairing *p, size_t at, size_t end)
{
	size_t n_new = 0;

	for (size_t i = at; i < end; i++)
		n_new += p->v[i].is_new;
	return n_new > 0 && n_new < end - at &&
		(end - at > 2 || p->v[at].change != p->v[at + 1].change);
}

/* v[at..end) are of one type and size. */
static void link_size(struct pairing *p, size_t at, size_t end)
{
	size_t i = at, k;

	if (!may_move(p, at, end))
		return;
	for (k = at; k < end; k++)
		sum(p, &p->v[k]);
	qsort(p->v + at, end - at, sizeof(*p->v), by_sum);
	for (; i < end && p->v[i].known; i = k) {
		for (k = i + 1; k < end && p->v[k].known &&
			memcmp(p->v[k].sum, p->v[i].sum, sizeof(p->v[i].sum)) == 0;)
			k++;
		link_run(p, i, k);
	}
	link_unread(p, at, i, end);
}

/* ---- both ---- */

static void each_size(struct pairing *p, void (*fn)(struct pairing *p, size_t at, size_t end))
{
	if (p->n > 1)
		qsort(p->v, p->n, sizeof(*p->v), by_size);
	for (size_t i = 0, k; i < p->n; i = k) {
		for (k = i + 1; k < p->n && by_size(&p->v[i], &p->v[k]) == 0;)
			k++;
		fn(p, i, k);
	}
}

/* What was paired is one change. */
static void close_up(struct ward_changes *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].kind != WARD_CHANGE_NONE)
			c->v[n++] = c->v[i];
	}
	c->n = n;
}

int ward_changes_pair(struct reader *r)
{
	struct pairing p = { .r = r, .left = WARD_RENAME_BYTES_MAX };

	if (r->out->n == 0)
		return WARD_OK;
	p.v = calloc(2 * r->out->n, sizeof(*p.v));
	if (p.v == NULL)
		return ward_fail(r->err, WARD_E_NOMEM, "no memory for the changes");
	collect(&p);
	each_size(&p, pair_size);
	close_up(r->out);
	p.n = 0;
	collect_moved(&p);
	each_size(&p, link_size);
	free(p.v);
	return WARD_OK;
}
