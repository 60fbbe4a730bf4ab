/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run under review changes about a view: the directory that is reviewed is an overlay, all of which may be read and written, since
 * nothing that is written there is real. So grants below it have nothing left to say; what a policy decides there has, and lies on top.
 */
#include <string.h>

#include "plan/internal.h"

static int refuse(struct ward_error *err, enum ward_code code, const char *why, const char *fix)
{
	(void)ward_fail(err, code, "nothing can be put under review: %s", why);
	ward_fail_fix(err, "%s, or run without --review", fix);
	return code;
}

/* What no host facts could mend. */
static int check(const struct ward_plan_input *in, struct ward_error *err)
{
	const struct ward_review *v = &in->review;

	if (!v->root || v->root[0] != '/' || !v->root[1] || !v->root_ino || v->bound == 0 ||
		(unsigned)v->backend >= WARD_DISK_BACKEND_MAX ||
		(v->layer_ino && (!v->layer || v->layer[0] != '/')))
		return ward_fail(err, WARD_E_INTERNAL,
			"a review needs a directory, a bound and a layer");
	if (in->backend == WARD_BACKEND_DIRECT)
		return refuse(err, WARD_E_INVALID,
			"with --backend direct the command writes to the host itself",
			"use --backend native");
	if (!in->host->userns) {
		(void)ward_fail(err, WARD_E_AXIS,
			"axis files: nothing can be put under review: an overlay needs user namespaces");
		ward_fail_fix(err, "%s; or run without --review", ward_plan_fix_userns(in->host));
		return WARD_E_AXIS;
	}
	if (v->backend == WARD_DISK_LOOP && in->host->uid != 0)
		return refuse(err, WARD_E_INVALID,
			"only root can mount the file system of --disk-backend loop",
			"use --disk-backend tmpfs or dir");
	return WARD_OK;
}

int ward_plan_review(struct ward_plan *p, const struct ward_plan_input *in, struct ward_error *err)
{
	const struct ward_review *v = &in->review;
	int r;

	if (!v->on)
		return WARD_OK;
	r = check(in, err);
	if (r < 0)
		return r;
	p->review = *v;
	p->review.root = ward_arena_strdup(p->arena, v->root);
	p->review.layer = v->layer_ino ? ward_arena_strdup(p->arena, v->layer) : NULL;
	if (!p->review.root || (v->layer_ino && !p->review.layer))
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	return WARD_OK;
}

bool ward_plan_review_root(const struct ward_plan *p, const struct ward_node *n)
{
	return n->review && p->review.on && strcmp(n->dest, p->review.root) == 0;
}

/* What may be executed in a grant that goes: as a place of its own. */
int ward_plan_keep_exec(struct ward_plan *p, const struct ward_node *n, struct ward_error *err)
{
	const char **v = ward_arena_alloc(p->arena, (p->n_exec_paths + 2) * sizeof(*v));

	if (!v)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	memcpy(v, p->exec_paths, p->n_exec_paths * sizeof(*v));
	v[p->n_exec_paths++] = n->dest;
	p->exec_paths = v;
	return WARD_OK;
}

/* The grant that shows the directory, and the nearest of them: what may be done in a directory that is granted with more around it. */
static const struct ward_node *shown_by(const struct ward_plan *p, const struct ward_node *v,
	size_t n)
{
	const struct ward_node *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (v[i].kind == WARD_NODE_BIND && v[i].is_dir &&
			ward_path_within(p->review.root, v[i].dest) &&
			(!best || strlen(v[i].dest) > strlen(best->dest)))
			best = &v[i];
	return best;
}

/* The directory itself, where no grant names it: as what it lies in. */
static struct ward_node root_node(const struct ward_plan *p, const struct ward_node *wider)
{
	return (struct ward_node){
		.kind = WARD_NODE_BIND,
		.dest = p->review.root,
		.source = p->review.root,
		.is_dir = true,
		.write = true,
		.exec = wider && wider->exec,
		.idmap = true,
		.review = true,
		.dev = p->review.root_dev,
		.ino = p->review.root_ino,
		.rule = wider ? wider->rule : -1,
	};
}

int ward_plan_review_nodes(struct ward_plan *p, struct ward_node *v, size_t *io_n,
	struct ward_error *err)
{
	const struct ward_node *shown;
	struct ward_node root;
	bool there = false;
	size_t out = 0;
	int r;

	if (!p->review.on)
		return WARD_OK;
	shown = shown_by(p, v, *io_n);
	root = root_node(p, shown);
	for (size_t i = 0; i < *io_n; i++) {
		bool at = strcmp(v[i].dest, p->review.root) == 0;

		/* What must not come to be does not: it is refused when the layer is made real. The project is not touched for it. */
		if (v[i].pin && !at && ward_path_within(v[i].dest, p->review.root))
			continue;
		if (v[i].kind == WARD_NODE_BIND && ward_path_within(v[i].dest, p->review.root)) {
			if (!at && !v[i].fixed && !v[i].protect) {
				r = v[i].exec && !root.exec ? ward_plan_keep_exec(p, &v[i], err)
							    : WARD_OK;
				if (r < 0)
					return r;
				continue;
			}
			v[i].review = true;
			v[i].write = at && !v[i].fixed ? true : v[i].write;
			v[i].dev = at ? p->review.root_dev : v[i].dev;
			v[i].ino = at ? p->review.root_ino : v[i].ino;
			there = there || at;
		}
		v[out++] = v[i];
	}
	/* The layer itself is for nobody inside: where a wider grant shows its place, it is covered. */
	if (p->review.layer)
		v[out++] = (struct ward_node){ .kind = WARD_NODE_MASK,
			.dest = p->review.layer,
			.is_dir = true,
			.fixed = true,
			.rule = -1 };
	/* A policy that takes the directory itself away stands in the list as a mask, which is stronger. */
	if (!there)
		v[out++] = root;
	*io_n = out;
	return WARD_OK;
}

int ward_plan_review_shown(const struct ward_plan *p, struct ward_error *err)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (ward_plan_review_root(p, &p->nodes[i]))
			return WARD_OK;
	if (!p->review.on)
		return WARD_OK;
	(void)ward_fail(err, WARD_E_AXIS,
		"axis files: nothing can be put under review: a policy forbids reading \"%s\"",
		p->review.root);
	ward_fail_fix(err, "permit reading it, or run without --review");
	return WARD_E_AXIS;
}
