/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What package caches change about a view: each is an overlay, the host's directory below a layer of the run's own. All of it may be
 * written, since nothing that is written there is real; so grants to read below it have nothing left to say, what a policy takes away lies on
 * top, and what would let the host's own be written there is refused.
 */
#include <string.h>

#include "plan/internal.h"

static int refuse(struct ward_error *err, const char *dest, const char *why, const char *fix)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf shown = WARD_BUF_INIT;

	ward_quote(&shown, dest, strlen(dest));
	(void)ward_fail(err, WARD_E_AXIS, "axis files: the package cache %s cannot be shown: %s",
		ward_buf_cstr(&shown), why);
	ward_fail_fix(err, "%s; or run without --caches", fix);
	return WARD_E_AXIS;
}

static int check(const struct ward_plan_input *in, const struct ward_node *n,
	struct ward_error *err)
{
	if (in->backend == WARD_BACKEND_DIRECT)
		return refuse(err, n->dest,
			"with --backend direct the command writes to the host's own",
			"use --backend native");
	if (!in->host->userns)
		return refuse(err, n->dest,
			"its private layer is an overlay, which needs user namespaces",
			ward_plan_fix_userns(in->host));
	if (!n->source || strcmp(n->source, n->dest) != 0 || !n->is_dir || !n->ino)
		return ward_fail(err, WARD_E_INTERNAL,
			"a package cache is a directory that was looked at, at its own name");
	return WARD_OK;
}

/* What of a node below c stays. Whoever may write there would write to the host. */
static int below(struct ward_plan *p, const struct ward_node *c, const struct ward_node *n,
	bool *ret_keep, struct ward_error *err)
{
	*ret_keep = n->kind != WARD_NODE_BIND;
	if (n->kind == WARD_NODE_CACHE)
		return refuse(err, n->dest, "it lies in another one", "name one of the two");
	if (n->kind != WARD_NODE_BIND)
		return WARD_OK;
	if (n->write)
		return refuse(err, c->dest, "something in it is granted for writing",
			"take that grant out");
	if (n->noexec && c->exec)
		return refuse(err, c->dest,
			"a policy takes programs in it out, which its private layer cannot hold",
			"forbid to read them as well");
	return n->exec && !c->exec ? ward_plan_keep_exec(p, n, err) : WARD_OK;
}

/* The cache that path lies in, or is. */
static const struct ward_node *cache_of(const struct ward_node *v, size_t n,
	const struct ward_node *of)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].kind == WARD_NODE_CACHE && &v[i] != of &&
			ward_path_within(of->dest, v[i].dest))
			return &v[i];
	return NULL;
}

int ward_plan_caches(struct ward_plan *p, const struct ward_plan_input *in, struct ward_node *v,
	size_t *io_n, struct ward_error *err)
{
	size_t out = 0, n_caches = 0;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < *io_n; i++) {
		if (v[i].kind != WARD_NODE_CACHE)
			continue;
		r = check(in, &v[i], err);
		v[i].size = in->limits.disk;
		v[i].write = false;
		n_caches++;
	}
	if (r == WARD_OK && n_caches > WARD_CACHES_MAX)
		return ward_fail(err, WARD_E_INTERNAL, "more package caches than there are");
	/* Whoever has none pays for none. */
	if (r < 0 || n_caches == 0)
		return r;
	for (size_t i = 0; r == WARD_OK && i < *io_n; i++) {
		const struct ward_node *c = cache_of(v, *io_n, &v[i]);
		bool keep = true;

		if (c)
			r = below(p, c, &v[i], &keep, err);
		if (keep)
			v[out++] = v[i];
	}
	if (r == WARD_OK)
		*io_n = out;
	return r;
}
