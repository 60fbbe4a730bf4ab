/* SPDX-License-Identifier: Apache-2.0 */
/* What there was before the start, of names that run code later and of what leads to them: the end compares it with what there is then. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "os/os.h"
#include "run/persist/holding.h"

#define BEFORE_BYTES_MAX (32u << 20)

void ward_before_done(struct ward_before *b)
{
	free(b->known);
	ward_arena_free(b->arena);
	*b = (struct ward_before){ 0 };
}

static int add(struct holding *x, const char *path, const struct ward_known *what)
{
	int flags = AT_NO_AUTOMOUNT | (what->asked ? 0 : AT_SYMLINK_NOFOLLOW);
	struct ward_before *b = x->b;
	struct ward_known *k;
	struct stat st;

	if (!b)
		return WARD_OK;
	if (b->n_known == b->cap_known) {
		size_t cap = b->cap_known ? 2 * b->cap_known : 64;
		struct ward_known *v = reallocarray(b->known, cap, sizeof(*v));

		if (!v)
			return ward_rs_nomem(x->err);
		b->known = v;
		b->cap_known = cap;
	}
	k = &b->known[b->n_known];
	*k = *what;
	k->path = ward_arena_strdup(b->arena, path);
	if (!k->path) {
		x->inside_cut = true; /* it may be a former run's doing: no reason not to start */
		return WARD_OK;
	}
	if (ward_rs_far(x->rs, path) == 0 && fstatat(-1, path, &st, flags) == 0) {
		k->dev = st.st_dev;
		k->ino = st.st_ino;
		k->ctime_ns = st.st_ctim.tv_sec * 1000000000LL + st.st_ctim.tv_nsec;
	}
	b->n_known++;
	return WARD_OK;
}

int ward_holding_know(struct holding *x, const char *path, const char *why, bool held, bool git)
{
	return add(x, path, &(struct ward_known){ .why = why, .held = held, .git = git });
}

/* Of no row's name, or not there: the end looks at it by itself, and through a link. */
int ward_holding_ask_later(struct holding *x, const char *path, const char *why)
{
	struct ward_target t;

	/* Left out of the run, as what it lies in: the end would wait for it as well. */
	if (ward_rs_target(x->rs, path, &t) == -ETIMEDOUT)
		return WARD_OK;
	return add(x, path, &(struct ward_known){ .why = why, .asked = true });
}

static int by_path(const void *va, const void *vb)
{
	const struct ward_known *a = va, *b = vb;
	int c = strcmp(a->path, b->path);

	if (c != 0)
		return c;
	return a->held != b->held ? (int)b->held - (int)a->held : (int)a->asked - (int)b->asked;
}

/* NULL: no memory */
static const char *const *copied(struct ward_arena *arena, const struct ward_texts *from)
{
	const char **v = ward_arena_alloc(arena, (from->n + 1) * sizeof(*v));

	for (size_t i = 0; v && i < from->n; i++) {
		v[i] = ward_arena_strdup(arena, from->v[i]);
		if (!v[i])
			v = NULL;
	}
	return v;
}

int ward_holding_keep(struct holding *x, bool cut)
{
	struct ward_before *b = x->b;

	if (!b)
		return WARD_OK;
	b->roots = copied(b->arena, &x->roots);
	b->gone = copied(b->arena, &x->rs->gone);
	b->remote = copied(b->arena, &x->rs->remote);
	if (!b->roots || !b->gone || !b->remote)
		return ward_rs_nomem(x->err);
	b->n_roots = x->roots.n;
	b->n_gone = x->rs->gone.n;
	b->n_remote = x->rs->remote.n;
	b->cut = cut;
	if (b->n_known > 0)
		qsort(b->known, b->n_known, sizeof(*b->known), by_path);
	return WARD_OK;
}

int ward_holding_begin(struct holding *x)
{
	struct timespec ts;

	if (!x->b)
		return WARD_OK;
	ward_before_done(x->b);
	x->b->arena = ward_arena_new(BEFORE_BYTES_MAX);
	/* What inodes are stamped with, which is a tick behind. */
	if (clock_gettime(CLOCK_REALTIME_COARSE, &ts) == 0)
		x->b->since_ns = ts.tv_sec * 1000000000LL + ts.tv_nsec;
	return x->b->arena ? WARD_OK : ward_rs_nomem(x->err);
}
