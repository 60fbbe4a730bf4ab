/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory has other names where it, or what it lies in, is mounted a second time: a cache is not to be written by those either. So places
 * are compared as the file system itself has them: its number, and the path in it, of which the kernel's list of mounts has the one part
 * and the name the other. What the list does not have is an error, since nothing can be said of it then.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/caches/caches.h"

struct mounts {
	struct ward_resolver *rs;
	const struct ward_mounts *all;
	struct ward_error *err;
};
/* Where something is in its file system. */
struct spot {
	const char *fs, *path;
};

static int unknown(const struct mounts *x, const char *path)
{
	int r = ward_fail(x->err, WARD_E_REFUSED,
		"which names %s has cannot be told, so a package cache might be written by another",
		ward_rs_show(x->rs, path));

	ward_fail_fix(x->err, "mount /proc, or leave the caches out");
	return r;
}

static const struct ward_mount *mount_of(const struct mounts *x, const char *path)
{
	static const char key[] = "mnt_id:";
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = 4096 };
	WARD_FD fd = ward_openat2(AT_FDCWD, path, O_PATH, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	char info[64];
	const char *at;
	unsigned long id;

	(void)snprintf(info, sizeof(info), "/proc/self/fdinfo/%d", fd);
	if (fd < 0 || ward_read_file(info, b.max - 1, &b, NULL) < 0)
		return NULL;
	at = strstr(ward_buf_cstr(&b), key);
	if (!at)
		return NULL;
	id = strtoul(at + sizeof(key) - 1, NULL, 10);
	for (size_t i = 0; i < x->all->n; i++)
		if (x->all->v[i].id == id)
			return &x->all->v[i];
	return NULL;
}

static int spot_of(const struct mounts *x, const char *path, struct spot *ret)
{
	const struct ward_mount *m = mount_of(x, path);
	const char *rest;

	if (!m || !ward_path_within(path, m->at))
		return unknown(x, path);
	rest = path + (m->at[1] ? strlen(m->at) : 0);
	rest += ward_streq(rest, "/");
	ret->fs = m->fs;
	ret->path =
		ward_arena_printf(x->rs->arena, "%s%s", m->root[1] || !*rest ? m->root : "", rest);
	return ret->path ? WARD_OK : ward_rs_nomem(x->err);
}

static bool overlap(const struct spot *a, const struct spot *b)
{
	return ward_streq(a->fs, b->fs) &&
		(ward_path_within(a->path, b->path) || ward_path_within(b->path, a->path));
}

/* With what is mounted in it, which comes along. */
static bool shows(const struct mounts *x, const char *source, const struct spot *own,
	const struct spot *of)
{
	bool found = overlap(own, of);

	for (size_t i = 0; !found && i < x->all->n; i++) {
		const struct spot in = { x->all->v[i].fs, x->all->v[i].root };

		found = ward_path_within(x->all->v[i].at, source) && overlap(&in, of);
	}
	return found;
}

int ward_cache_aliased(struct ward_resolver *rs, size_t *ret_cache, const struct ward_node **ret,
	struct ward_error *err)
{
	struct mounts x = { .rs = rs, .err = err };
	struct spot of[WARD_CACHES_MAX] = { 0 };
	bool found = false;
	int r = WARD_OK;

	*ret = NULL;
	for (size_t k = 0; r == WARD_OK && !found && k < rs->n_nodes; k++) {
		const struct ward_node *n = &rs->nodes[k];
		struct spot own = { NULL, NULL };

		/* What is pinned there is not there yet. */
		if (n->kind != WARD_NODE_BIND || !n->write || n->pin)
			continue;
		x.all = ward_rs_mounts(rs, NULL);
		if (!x.all)
			return unknown(&x, n->source);
		r = spot_of(&x, n->source, &own);
		for (size_t i = 0; r == WARD_OK && !found && i < ward_caches_n; i++) {
			if (!rs->cached[i].t.path)
				continue;
			if (!of[i].fs)
				r = spot_of(&x, rs->cached[i].t.path, &of[i]);
			found = r == WARD_OK && shows(&x, n->source, &own, &of[i]);
			if (found) {
				*ret_cache = i;
				*ret = n;
			}
		}
	}
	return r;
}
