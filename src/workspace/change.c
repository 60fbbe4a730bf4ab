/* SPDX-License-Identifier: Apache-2.0 */
/* The changes that a layer holds: the list, its order, and whose a change is. */
#include <stdlib.h>
#include <string.h>

#include "workspace/change.h"
#include "workspace/landed.h"

#define TEXTS_MAX (1u << 30) /* bytes of all paths */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct ward_change *)a)->path, ((const struct ward_change *)b)->path);
}

void ward_changes_sort(struct ward_changes *c)
{
	if (c->n > 1)
		qsort(c->v, c->n, sizeof(*c->v), by_path);
}

static int by_inode(const void *a, const void *b)
{
	const struct link_names *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return strcmp(x->path, y->path);
}

static int by_was(const void *a, const void *b)
{
	const struct link_names *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	if (x->was_dev != y->was_dev)
		return x->was_dev < y->was_dev ? -1 : 1;
	return x->was < y->was ? -1 : x->was > y->was;
}

struct ward_change *ward_change_add(struct reader *r, const char *path, int *ret_code)
{
	struct ward_changes *c = r->out;
	struct ward_change *made;

	if (c->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct ward_change *v = realloc(c->v, cap * sizeof(*v));

		if (v == NULL) {
			*ret_code = ward_fail(r->err, WARD_E_NOMEM, "no memory for the changes");
			return NULL;
		}
		c->v = v;
		r->cap = cap;
	}
	if (c->n >= WARD_CHANGES_MAX) {
		*ret_code = ward_fail(r->err, WARD_E_LIMIT, "the run made more than %u changes",
			WARD_CHANGES_MAX);
		ward_fail_fix(r->err, "ward discard forgets them");
		return NULL;
	}
	made = &c->v[c->n];
	memset(made, 0, sizeof(*made));
	made->path = ward_arena_strdup(c->arena, path);
	if (made->path == NULL) {
		*ret_code = ward_fail(r->err, WARD_E_LIMIT,
			"the names of the changes take more than %u bytes", TEXTS_MAX);
		ward_fail_fix(r->err, "ward discard forgets them");
		return NULL;
	}
	c->n++;
	return made;
}

int ward_change_linked(struct reader *r, const char *path, uint64_t ino, const struct side *was)
{
	if (r->n_links == r->cap_links) {
		size_t cap = r->cap_links ? r->cap_links * 2 : 64;
		struct link_names *v = realloc(r->links, cap * sizeof(*v));

		if (v == NULL)
			return ward_fail(r->err, WARD_E_NOMEM, "no memory for the changes");
		r->links = v;
		r->cap_links = cap;
	}
	r->links[r->n_links] =
		(struct link_names){ .ino = ino, .path = ward_arena_strdup(r->out->arena, path) };
	if (was->there) {
		r->links[r->n_links].was = was->st.st_ino;
		r->links[r->n_links].was_dev = was->st.st_dev;
	}
	if (r->links[r->n_links].path == NULL)
		return ward_fail(r->err, WARD_E_LIMIT,
			"the names of the changes take more than %u bytes", TEXTS_MAX);
	r->n_links++;
	return WARD_OK;
}

int ward_change_was(struct reader *r, const char *path, const struct stat *st)
{
	if (r->n_was == r->cap_was) {
		size_t cap = r->cap_was ? r->cap_was * 2 : 64;
		struct was_name *v = realloc(r->was, cap * sizeof(*v));

		if (v == NULL)
			return ward_fail(r->err, WARD_E_NOMEM, "no memory for the changes");
		r->was = v;
		r->cap_was = cap;
	}
	r->was[r->n_was++] = (struct was_name){ st->st_dev, st->st_ino, path };
	return WARD_OK;
}

/* The first name of that inode. */
static size_t first_name(const struct reader *r, uint64_t ino)
{
	size_t low = 0, high = r->n_links;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->links[middle].ino < ino)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int path_of_change(const void *key, const void *change)
{
	return strcmp(key, ((const struct ward_change *)change)->path);
}

/* Once for each inode, not for each name: of these one file may have very many. */
static void find_as_was(struct reader *r)
{
	const struct ward_changes *c = r->out;

	for (size_t i = 0, k; i < r->n_links; i = k) {
		for (k = i; k < r->n_links && r->links[k].ino == r->links[i].ino; k++)
			if (!r->links[i].as_was &&
				!bsearch(r->links[k].path, c->v, c->n, sizeof(*c->v),
					path_of_change))
				r->links[i].as_was = r->links[k].path;
	}
}

/* In order by_was. */
static void count_same(struct reader *r)
{
	for (size_t i = 0, k; i < r->n_links; i = k) {
		for (k = i + 1; k < r->n_links && by_was(&r->links[i], &r->links[k]) == 0;)
			k++;
		for (size_t at = i; at < k && r->links[i].was != 0; at++)
			r->links[at].n_same = k - i;
	}
}

/* The project's names are asked about, not how many there are: those that the run made beside them say nothing of the others. */
static uint64_t names_of(const struct reader *r, const struct ward_change *c)
{
	const struct link_names key = { .ino = c->ino, .path = c->path };
	const struct link_names *own =
		bsearch(&key, r->links, r->n_links, sizeof(*r->links), by_inode);

	return own ? own->n_same : 0;
}

static int by_was_inode(const void *a, const void *b)
{
	const struct was_name *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

/* The run put something else in the place of each of these names: none of them keeps the old content unsaid. */
static void count_changed(struct reader *r)
{
	if (r->n_was > 1)
		qsort(r->was, r->n_was, sizeof(*r->was), by_was_inode);
	for (size_t i = 0, k; i < r->n_was; i = k) {
		for (k = i + 1; k < r->n_was && by_was_inode(&r->was[i], &r->was[k]) == 0;)
			k++;
		for (size_t at = i; at < k && k - i > 1; at++) {
			struct ward_change *c = bsearch(r->was[at].path, r->out->v, r->out->n,
				sizeof(*c), path_of_change);

			if (c && c->kind == WARD_CHANGE_MODIFIED && c->n_same < k - i)
				c->n_same = k - i;
		}
	}
}

static void link_all(struct reader *r)
{
	if (r->n_links == 0 || r->out->n == 0)
		return;
	qsort(r->links, r->n_links, sizeof(*r->links), by_was);
	count_same(r);
	qsort(r->links, r->n_links, sizeof(*r->links), by_inode);
	find_as_was(r);
	for (size_t i = 0; i < r->out->n; i++) {
		struct ward_change *c = &r->out->v[i];
		size_t k = S_ISREG(c->mode) && c->n_links > 1 ? first_name(r, c->ino) : r->n_links;

		if (k < r->n_links && r->links[k].ino == c->ino)
			c->as_was = r->links[k].as_was;
		if (k < r->n_links && strcmp(r->links[k].path, c->path) == 0)
			k++;
		if (k < r->n_links && r->links[k].ino == c->ino)
			c->link = r->links[k].path;
		if (c->kind == WARD_CHANGE_MODIFIED && S_ISREG(c->mode) && c->n_links > 1)
			c->n_same = names_of(r, c);
	}
}

/* Something below the directory of that change came to be in the run: no copy, and no directory that is one. */
static bool holds_what_is_new(const struct ward_changes *all, size_t dir)
{
	const char *path = all->v[dir].path;
	size_t n = strlen(path), low = dir + 1, high = all->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strncmp(all->v[middle].path, path, n);

		if (r < 0 || (r == 0 && (unsigned char)all->v[middle].path[n] < '/'))
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < all->n && strncmp(all->v[low].path, path, n) == 0 &&
		all->v[low].path[n] == '/';
		low++)
		if (all->v[low].mode != 0 &&
			(all->v[low].kind != WARD_CHANGE_ADDED || !all->v[low].origin))
			return true;
	return false;
}

/*
 * A directory that the project has no longer, and into which the run put something new (git's of objects, after a gc of the host's), is made for that,
 * as by whoever makes the file anew. What the run changed in it is each a copy of its own, and judged by itself.
 */
static void make_for_what_is_new(struct ward_changes *all)
{
	for (size_t i = 0; i < all->n; i++) {
		struct ward_change *c = &all->v[i];

		if (c->kind == WARD_CHANGE_ADDED && c->origin && S_ISDIR(c->mode) &&
			holds_what_is_new(all, i))
			c->origin = false;
	}
}

/*
 * What cannot be looked at may have the only copy of what is gone, or of what something else has come in the place of: that waits for the
 * end of the run.
 */
static void leave_what_is_gone(struct ward_changes *all)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct ward_change *c = &all->v[i];

		if (c->kind == WARD_CHANGE_DELETED || c->kind == WARD_CHANGE_TYPE ||
			(c->kind == WARD_CHANGE_MODIFIED && c->content && !c->origin))
			continue;
		all->v[n++] = *c;
	}
	all->n = n;
}

static int by_path_of_beyond(const void *a, const void *b)
{
	return strcmp(((const struct beyond *)a)->path, ((const struct beyond *)b)->path);
}

/* Each is a change, if it was none. */
static int note_beyond(struct reader *r)
{
	size_t n = r->out->n;
	int code = WARD_OK;

	if (r->n_beyond > 1)
		qsort(r->beyond_in, r->n_beyond, sizeof(*r->beyond_in), by_path_of_beyond);
	for (size_t i = 0; i < r->n_beyond && code == WARD_OK; i++) {
		const struct beyond *b = &r->beyond_in[i];
		struct ward_change *c = NULL;

		if (i > 0 && strcmp(b[-1].path, b->path) == 0)
			continue;
		if (n > 0)
			c = bsearch(b->path, r->out->v, n, sizeof(*c), path_of_change);
		if (!c && (c = ward_change_add(r, b->path, &code)))
			*c = (struct ward_change){ .kind = WARD_CHANGE_MODIFIED,
				.path = c->path,
				.was_mode = b->was_mode,
				.mode = b->mode };
		if (c)
			c->beyond = b->why;
	}
	ward_changes_sort(r->out);
	return code;
}

static int read_all(struct reader *r)
{
	int code;

	r->a = malloc(CHANGE_STEP);
	r->b = malloc(CHANGE_STEP);
	r->out->arena = ward_arena_new(TEXTS_MAX);
	if (r->a == NULL || r->b == NULL || r->out->arena == NULL)
		return ward_fail(r->err, WARD_E_NOMEM, "no memory for the changes");
	if (ward_random(&r->seed, sizeof(r->seed)) < 0)
		return ward_fail(r->err, WARD_E_SYSTEM,
			"the system has no random number for the changes");
	code = ward_changes_walk(r);
	if (code < 0)
		return code;
	if (r->beyond && r->quick)
		leave_what_is_gone(r->out);
	ward_changes_sort(r->out);
	if (r->n_beyond > 0)
		code = note_beyond(r);
	if (code < 0)
		return code;
	code = r->landed ? ward_landed_filter(r) : WARD_OK;
	if (code == WARD_OK)
		code = ward_changes_pair(r);
	if (code == WARD_OK)
		code = ward_changes_similar(r);
	if (code < 0)
		return code;
	link_all(r);
	count_changed(r);
	make_for_what_is_new(r->out);
	return WARD_OK;
}

int ward_changes_read_of(const struct ward_changes_of *of, struct ward_changes **ret,
	struct ward_error *err)
{
	struct reader r = { .layer = of->layer,
		.root = of->root,
		.landed = of->landed,
		.quick = of->quick,
		.lives = of->lives,
		.stop = of->stop,
		.err = err };
	int code;

	r.out = calloc(1, sizeof(*r.out));
	if (r.out == NULL)
		return ward_fail(err, WARD_E_NOMEM, "no memory for the changes");
	code = read_all(&r);
	ward_way_done(&r.way);
	free(r.a);
	free(r.b);
	free(r.links);
	free(r.was);
	free(r.beyond_in);
	free(r.sums);
	if (code < 0) {
		ward_changes_free(r.out);
		return code;
	}
	*ret = r.out;
	return WARD_OK;
}

int ward_changes_read(int layer, int root, struct ward_changes **ret, struct ward_error *err)
{
	const struct ward_changes_of of = { .layer = layer, .root = root };
	int r = ward_layer_lock(layer, false, err);

	if (r < 0)
		return r;
	r = ward_changes_read_of(&of, ret, err);
	ward_layer_unlock(layer);
	return r;
}

void ward_changes_free(struct ward_changes *c)
{
	if (c == NULL)
		return;
	ward_arena_free(c->arena);
	free(c->v);
	free(c);
}

static bool below(const char *path, const char *dir, size_t n)
{
	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

bool ward_change_within(const struct ward_change *c, const char *path)
{
	size_t n = strlen(path);

	while (n > 0 && path[n - 1] == '/')
		n--;
	if (n == 0 || (n == 1 && path[0] == '.'))
		return true;
	return below(c->path, path, n) || (c->from && below(c->from, path, n));
}
