/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy takes out of a wider grant is a mount on what has that name at the start. Who replaces it outside (an editor that saves by a
 * rename, git config, git checkout) takes the mount away as well, here and in every other namespace: the kernel asks for mounts of the one that
 * renames or removes alone, and detaches the others (Linux 3.18, 8ed936b5671b). The new file is the run's as its directory is. Nothing keeps it
 * from that; so it is not passed over, and the end says which. What each was is known before the view is made, whose mounts may be late already.
 * What is put back before the end (mv key away; mv new key; mv away key) looks the same, and the run's mounts are gone by then: docs/agreement.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/life.h"

static const char read_why[] =
	"a rule keeps the run from reading it, which it could from then on: its mount went with the file";
static const char write_why[] =
	"a rule keeps the run from changing it, which it could from then on: its mount went with the file";

void ward_lost_done(struct ward_lost *x)
{
	free(x->v);
	*x = (struct ward_lost){ 0 };
}

static int is_dest(const void *key, const void *v)
{
	return strcmp(key, ((const struct ward_node *)v)->dest);
}

/*
 * What the name lies in; NULL: in no directory of the host, and nobody outside changes a name there. A directory on the way that is in the plan
 * without a kind of its own is part of what it lies in.
 */
static const struct ward_node *around(const struct ward_plan *p, const char *dest)
{
	const struct ward_node *n = NULL;
	char dir[WARD_PATH_MAX];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", dest);
	while (!n && dir[1] && (slash = strrchr(dir, '/'))) {
		slash[slash == dir] = '\0';
		n = bsearch(dir, p->nodes, p->n_nodes, sizeof(*p->nodes), is_dest);
		if (n && n->kind == WARD_NODE_DIR)
			n = NULL;
	}
	return n && n->kind == WARD_NODE_BIND ? n : NULL;
}

/*
 * By a policy, and less than what it lies in. Others are about what is mounted, and may answer nobody, or are told by late.c. What is under
 * review is an overlay, of which nobody outside changes a name.
 */
static bool is_less(const struct ward_plan *p, const struct ward_node *n)
{
	const bool mask = n->kind == WARD_NODE_MASK && n->told;
	const struct ward_node *wide;

	if (n->pin || n->base || n->later || n->hold || n->apart ||
		(p->review.on && ward_path_within(n->dest, p->review.root)))
		return false;
	if (!mask && (n->kind != WARD_NODE_BIND || n->write || !(n->fixed || n->protect)))
		return false;
	wide = around(p, n->dest);
	return wide && (mask || wide->write);
}

/* What has the name now. -errno. */
static int look(struct life *l, struct ward_lost_name *k)
{
	struct ward_born born = { 0 };
	struct stat st;
	WARD_FD fd = -1;
	int r = ward_look(&l->looks, k->node->dest, AT_SYMLINK_NOFOLLOW, &st);

	if (r < 0)
		return r;
	k->dev = st.st_dev;
	k->ino = st.st_ino;
	/* Inodes come again at once, where a file is removed and made anew. */
	fd = ward_openat2(AT_FDCWD, k->node->dest, O_PATH | O_NOFOLLOW, 0, WARD_OPEN_NO_MAGICLINKS);
	if (fd >= 0)
		ward_born_of(fd, &born);
	k->born_ns = born.ns;
	k->handle = born.handle;
	return 0;
}

int ward_lost_begin(struct life *l, struct ward_error *err)
{
	const struct ward_plan *p = l->plan;
	struct ward_lost *x = &l->lost;

	ward_lost_done(x);
	for (size_t i = 0; i < p->n_nodes; i++) {
		struct ward_lost_name k = { .node = &p->nodes[i] };

		if (!is_less(p, k.node))
			continue;
		if (!x->v)
			x->v = calloc(p->n_nodes - i, sizeof(*x->v));
		if (!x->v)
			return ward_fail(err, WARD_E_NOMEM,
				"no memory for the names that rules take away");
		/* Closed to us, or a mount that does not answer: nothing can be said of it. */
		if (look(l, &k) == 0)
			x->v[x->n++] = k;
	}
	return WARD_OK;
}

static bool is_same(const struct ward_lost_name *a, const struct ward_lost_name *b)
{
	return a->dev == b->dev && a->ino == b->ino &&
		ward_born_is(&(struct ward_born){ a->born_ns, a->handle },
			&(struct ward_born){ b->born_ns, b->handle });
}

static int tell(struct life *l, const struct ward_node *n)
{
	const bool read = n->kind == WARD_NODE_MASK;

	l->o->lost = true;
	return ward_outcome_add_late(l->o,
		&(struct ward_outcome_late){
			n->dest, "changed", read ? read_why : write_why, true, read });
}

int ward_lost_look(struct life *l, struct ward_error *err)
{
	int r = WARD_OK;

	if (l->lost.n > 0)
		ward_looks_begin(&l->looks);
	for (size_t i = 0; r == WARD_OK && i < l->lost.n; i++) {
		const struct ward_lost_name *was = &l->lost.v[i];
		struct ward_lost_name now = { .node = was->node };
		int e = look(l, &now);

		/* Nobody has it any more. */
		if (e == -ENOENT || e == -ENOTDIR)
			continue;
		if (e < 0) {
			l->o->lost_unknown = true;
			ward_outcome_note(l->o,
				"warning: whether the run was kept from %s until its end is not known: %s",
				was->node->dest, strerror(-e));
		} else if (!is_same(was, &now))
			r = tell(l, was->node);
	}
	return r < 0 ? ward_fail(err, WARD_E_NOMEM, "no memory for the names that are listed")
		     : WARD_OK;
}
