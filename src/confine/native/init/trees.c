/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Granted and base paths as detached mounts: opened here for an ordinary user (see tree.h), received from the supervisor
 * where that is host root, who alone can ID-map them.
 */
#include "init.h"
#include "sys.h"
#include "confine/native/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct ward_launch_mount *mounts(struct init *in)
{
	in->trees = malloc((in->l->n_mounts + 1) * sizeof(int));
	if (!in->trees)
		fail(in->ctl, WARD_STAGE_SOURCE, ENOMEM, NULL);
	memset(in->trees, -1, (in->l->n_mounts + 1) * sizeof(int));
	return in->l->n_mounts ? blob_at(in->l, in->l->mounts) : NULL;
}

void trees_open(struct init *in)
{
	const struct ward_launch_mount *m = mounts(in);
	enum ward_stage stage = WARD_STAGE_NONE;

	for (uint32_t i = 0; i < in->l->n_mounts; i++) {
		const char *path;

		if (!ward_tree_is_source(&m[i]))
			continue;
		path = blob_text(in->l, m[i].source);
		in->trees[i] = ward_tree_clone(path, &m[i], -1, &stage);
		if (in->trees[i] < 0)
			fail(in->ctl, stage, -in->trees[i], path);
	}
	if (in->l->layer.kind == WARD_LAUNCH_BIND) {
		const char *path = blob_text(in->l, in->l->layer.source);

		in->layer = ward_tree_clone(path, &in->l->layer, -1, &stage);
		if (in->layer < 0)
			fail(in->ctl, stage, -in->layer, path);
	}
}

/* As host root they come some at a time, in the order in which they are needed. */
static int next_tree(struct init *in)
{
	static int fds[WARD_TREES_MAX];
	static size_t n, at;

	if (at == n) {
		n = msg_recv_fds(in->ctl, WARD_MSG_TREES, fds, WARD_TREES_MAX, NULL);
		at = 0;
	}
	return fds[at++];
}

int tree_of(struct init *in, unsigned i)
{
	return in->trees ? in->trees[i] : next_tree(in);
}

int tree_of_layer(struct init *in)
{
	return in->trees ? in->layer : next_tree(in);
}
