/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities that name a link. Who writes down a link means what it leads to: both are granted, so the policies of the request have a
 * permit for both, and for reading the links on the way, which are shown. What a directory grant holds in links is no such name: they
 * are links inside too, and their targets need a grant of their own. Which links lead out of where they may is for the grants to refuse.
 */
#include <string.h>

#include "run/rules/rules.h"

struct linking {
	struct ward_resolver *rs;
	struct ward_rulebook *b;
	const struct ward_cap *cap;
	const char *path; /* that it names; NULL: a pattern */
	struct ward_caps *to;
	size_t room;
	struct ward_error *err;
};

static int push(struct linking *l, const struct ward_cap *cap)
{
	if (l->to->n == l->room) {
		size_t room = l->room ? l->room * 2 : 16;
		struct ward_cap *v = ward_arena_alloc(l->b->arena, room * sizeof(*v));

		if (!v)
			return ward_rs_nomem(l->err);
		if (l->to->n > 0)
			memcpy(v, l->to->v, l->to->n * sizeof(*v));
		l->to->v = v;
		l->room = room;
	}
	l->to->v[l->to->n++] = *cap;
	return WARD_OK;
}

static int leads_to(void *arg, const struct ward_target *t)
{
	struct linking *l = arg;
	struct ward_cap cap = *l->cap;
	int r;

	if (t->n_links == 0)
		return WARD_OK;
	cap.link = cap.resource;
	cap.resource = t->path;
	cap.literal = true;
	r = push(l, &cap);
	cap.type = WARD_CAP_FILE_READ;
	for (size_t i = 0; r == WARD_OK && i < t->n_links; i++) {
		cap.resource = t->links[i].at;
		r = ward_rs_push(l->rs, &l->b->links, cap.resource, l->err);
		/* The first one that a pattern matches it permits itself. */
		if (r == WARD_OK && (l->path ? !ward_streq(cap.resource, l->path) : i > 0))
			r = push(l, &cap);
	}
	return r;
}

static int file(struct linking *l)
{
	struct ward_resolver *rs = l->rs;
	const char *name = l->cap->resource, *relative = name, *path;
	char dir[WARD_PATH_MAX];
	struct ward_target t;

	if (!l->cap->literal && ward_glob_is_subtree(name, dir, sizeof(dir)))
		name = dir[0] ? dir : ".";
	else if (!l->cap->literal && ward_glob_is_pattern(name)) {
		relative += ward_has_prefix(name, "./") ? 2 : 0;
		path = ward_rs_absolute(rs, rs->workspace, relative);
		return ward_rs_glob_links(rs, l->cap, name[0] != '/' ? rs->workspace : NULL, path,
			leads_to, l, l->err);
	}
	path = ward_rs_absolute(rs, l->cap->literal ? rs->cwd : rs->workspace, name);
	/* What is not there, or leads out of the workspace by a name within, is refused where it is granted. */
	if (!path || ward_rs_target(rs, path, &t) < 0 ||
		(name[0] != '/' && !ward_path_within(t.path, rs->workspace)))
		return WARD_OK;
	l->path = path;
	return leads_to(l, &t);
}

int ward_rules_linked(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_caps *ret,
	struct ward_error *err)
{
	struct linking l = { .rs = rs, .b = b, .to = ret, .err = err };
	int r = WARD_OK;

	*ret = (struct ward_caps){ .arena = b->arena };
	for (size_t i = 0; r == WARD_OK && i < rs->r->caps.n; i++) {
		l.cap = &rs->r->caps.v[i];
		l.path = NULL;
		r = push(&l, l.cap);
		if (r == WARD_OK &&
			(l.cap->type == WARD_CAP_FILE_READ || l.cap->type == WARD_CAP_FILE_WRITE))
			r = file(&l);
	}
	return r;
}

/* A link that a capability named, or leads through, is granted, and so is what it leads to. */
int ward_rules_about_nothing(struct ward_resolver *rs, const char *path,
	const struct ward_target *t, struct ward_error *err)
{
	const struct ward_texts *links = &rs->book->links;
	struct ward_verdict verdict;
	bool yes = false;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < links->n; i++) {
		if (!ward_path_within(path, links->v[i]))
			continue;
		r = ward_rules_allowed(rs, WARD_ACT_FS_READ, path, &yes, &verdict, err);
		break;
	}
	if (r < 0 || yes)
		return r;
	return ward_rs_warn(rs, err,
		"%s leads through a link: rules about it are about nothing; write %s",
		ward_rs_show(rs, path), ward_rs_show(rs, t->path));
}

/* A link that a capability leads through, and a directory that one names alone: where that may not be read, it is not there. */
int ward_rules_links(struct ward_resolver *rs, size_t *io_first, struct ward_error *err)
{
	size_t kept = 0;
	int r = WARD_OK;

	for (size_t i = 0; i < *io_first; i++) {
		const struct ward_node *n = &rs->nodes[i];
		struct ward_verdict verdict;
		bool yes = true;

		if (r == WARD_OK && !n->base &&
			(n->kind == WARD_NODE_SYMLINK ||
				(n->kind == WARD_NODE_DIR && n->rule >= 0)))
			r = ward_rules_allowed(rs, WARD_ACT_FS_READ, n->dest, &yes, &verdict, err);
		if (yes)
			rs->nodes[kept++] = rs->nodes[i];
	}
	rs->n_nodes = *io_first = kept;
	return r;
}
