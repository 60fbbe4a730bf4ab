/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mount goes where its directory goes: whoever may write a/ moves a/b away, with all that is protected below it, and makes
 * an a/b that nothing protects, for the next run and for everybody outside. So each directory between what is not
 * written and the grant that it lies in is a mount itself, with the same rights: the kernel moves none of those.
 */
#include <string.h>

#include "run/resolve/look.h"

static int hold_one(struct ward_resolver *rs, const char *path, const struct ward_node *grant,
	struct ward_error *err)
{
	struct ward_target t;
	struct ward_node n;
	bool there = false;

	for (size_t i = 0; i < rs->n_nodes; i++) {
		struct ward_node *one = &rs->nodes[i];

		if (one->kind == WARD_NODE_BIND && ward_streq(one->dest, path))
			there = one->hold = true;
	}
	if (there || ward_rs_target(rs, path, &t) < 0 || !S_ISDIR(t.st.st_mode) ||
		!ward_streq(t.path, path))
		return WARD_OK;
	n = ward_rs_bind(rs, &t, grant->rule);
	n.write = grant->write;
	n.exec = grant->exec;
	n.noexec = grant->noexec;
	n.idmap = grant->idmap;
	n.fixed = true;
	n.hold = true;
	return ward_rs_node(rs, &n, err);
}

static int hold_above(struct ward_resolver *rs, const char *dest, struct ward_error *err)
{
	char path[WARD_PATH_MAX];
	char *slash;
	int r = WARD_OK;

	if (strlen(dest) >= sizeof(path))
		return WARD_OK; /* no such path can be mounted over, and the plan says so */
	memcpy(path, dest, strlen(dest) + 1);
	while (r == WARD_OK && (slash = strrchr(path, '/')) && slash != path) {
		const struct ward_node *shown;
		struct ward_node grant;

		*slash = '\0';
		shown = ward_rs_shown_by(rs, path);
		if (!shown || !shown->write || shown->protect)
			break;
		/* A copy: nodes move when one is added. */
		grant = *shown;
		r = hold_one(rs, path, &grant, err);
	}
	return r;
}

int ward_rs_hold(struct ward_resolver *rs, struct ward_error *err)
{
	size_t n = rs->n_nodes;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < n; i++) {
		const struct ward_node *own = &rs->nodes[i];
		bool kept = own->kind == WARD_NODE_MASK ||
			(own->kind == WARD_NODE_BIND &&
				(own->protect || own->hold || (own->fixed && !own->write)));

		if (kept && !own->base)
			r = hold_above(rs, own->dest, err);
	}
	return r;
}

bool ward_rs_covers(const struct ward_resolver *rs, const struct ward_node *mask)
{
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];

		if (n->kind == WARD_NODE_BIND && ward_path_within(mask->dest, n->dest) &&
			!ward_streq(mask->dest, n->dest))
			return true;
	}
	return false;
}
