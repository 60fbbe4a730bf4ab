/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --caches, and "caches" of a profile. Each name is looked up once: what lies there has to be a directory of the caller's or root's, away
 * from the workspace, from homes and from the other caches, or the run is refused. To be read it is a grant as any other, and any policy
 * can take it away. It is never a grant to write: where something else would let the host's own be written, the run is refused, since a
 * layer beside an open door holds nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "run/caches/caches.h"
#include "workspace/workspace.h"

#define OPTION "--caches"

int ward_apply_caches(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	int code = WARD_OK;

	(void)index;
	r->caches_none = ward_streq(value, "none");
	r->caches_bare = !value;
	if (!value)
		return ward_cache_parse(WARD_STR("all"), &r->caches, err);
	for (const char *s = value; code == WARD_OK && !r->caches_none; s += *s == ',') {
		size_t n = strcspn(s, ",");
		uint32_t one = 0;

		code = ward_cache_parse((struct ward_str){ s, n }, &one, err);
		if (code == WARD_OK && (one & r->caches) == one) {
			code = ward_fail(err, WARD_E_INVALID, "%.*s is named twice", (int)n, s);
			ward_fail_fix(err, "name it once");
		}
		r->caches |= one;
		s += n;
		if (!*s)
			break;
	}
	return code;
}

/* ---- where one lies ---- */

static int refuse(const struct ward_cache *c, const struct ward_cache_place *at, int code,
	const char *why, const char *fix, struct ward_error *err)
{
	(void)ward_fail(err, code, "the package cache %s cannot be shown: %s", c->name, why);
	ward_fail_at(err, at->origin.file, at->origin.line, at->origin.column);
	ward_fail_fix(err, "%s, or leave %s out of the caches", fix, c->name);
	return code;
}

/* The first place that counts. A variable that the tool itself would not take as it is meant is no place. */
static int place_of(struct ward_resolver *rs, const struct ward_cache *c,
	const struct ward_cache_place *at, const char **ret, struct ward_error *err)
{
	for (size_t i = 0; i < c->n_roots; i++) {
		const struct ward_cache_root *root = &c->roots[i];
		const char *base = root->env ? getenv(root->env) : ward_rs_home(rs);

		if (root->env && (!base || !base[0]))
			continue;
		if (!root->env && !base[0])
			return refuse(c, at, WARD_E_INVALID, "where your home is is not known",
				"set HOME", err);
		if (base[0] != '/')
			return refuse(c, at, WARD_E_INVALID,
				ward_arena_printf(rs->arena, "%s is no absolute path", root->env),
				"set it to one", err);
		*ret = ward_arena_printf(rs->arena, "%s%s", base, root->rest);
		return *ret ? WARD_OK : ward_rs_nomem(err);
	}
	return ward_fail(err, WARD_E_INTERNAL, "a package cache without a place");
}

/* A store of Ward's own in it, or around it, would be shown to be read at least. */
static const char *why_of_ward(struct ward_resolver *rs, const char *path)
{
	char home[WARD_PATH_MAX] = "", log[WARD_PATH_MAX] = "";
	const char *const places[] = { home, log };

	if (!ward_workspace_where(home))
		home[0] = '\0';
	if (ward_audit_default_path(log, sizeof(log), NULL) < 0)
		log[0] = '\0';
	for (size_t i = 0; i < WARD_ARRAY_SIZE(places); i++) {
		const char *real = places[i][0] ? ward_rules_real_path(rs, "/", places[i]) : NULL;

		if (real && (ward_path_within(real, path) || ward_path_within(path, real)))
			return "what Ward keeps of runs lies there";
	}
	return NULL;
}

const char *ward_cache_unfit(struct ward_resolver *rs, const struct ward_target *t)
{
	const char *path = t->path;

	if (!S_ISDIR(t->st.st_mode))
		return "it is no directory";
	if (t->st.st_uid != 0 && t->st.st_uid != rs->host->uid)
		return "it belongs to another user";
	if (!ward_utf8_valid(path, strlen(path)))
		return "its path is not valid UTF-8";
	if (ward_rs_reserved(path))
		return "it lies where the sandbox has something of its own";
	if (ward_rs_is_home(rs, path))
		return "it is your home, or above it";
	if (ward_path_within(path, rs->workspace))
		return "it lies in the workspace, where whoever wrote that could have put it";
	if (ward_path_within(rs->workspace, path))
		return "the workspace lies in it";
	for (size_t i = 0; i < t->n_links; i++)
		if (ward_path_within(t->links[i].at, rs->workspace))
			return "a link in the workspace leads there";
	return why_of_ward(rs, path);
}

const char *ward_cache_root(struct ward_resolver *rs, const struct ward_cache *c)
{
	static const struct ward_cache_place nobody = { .origin = { .file = OPTION } };
	const char *path = NULL;

	return place_of(rs, c, &nobody, &path, NULL) == WARD_OK ? path : NULL;
}

bool ward_cache_asked(const struct ward_resolver *rs, size_t i)
{
	return rs->cached && rs->cached[i].origin.file;
}

static int look(struct ward_resolver *rs, const struct ward_cache *c, struct ward_cache_place *at,
	struct ward_error *err)
{
	const char *path = NULL, *why;
	struct ward_target t;
	int r = place_of(rs, c, at, &path, err);

	if (r < 0)
		return r;
	r = ward_rs_target(rs, path, &t);
	/* The run's own home has an empty one then: the tool makes it. */
	if (r == -ENOENT || (r == 0 && ward_rs_is_pin(&t)))
		return WARD_OK;
	why = r < 0 ? strerror(-r) : ward_cache_unfit(rs, &t);
	if (why)
		return refuse(c, at, WARD_E_REFUSED,
			ward_arena_printf(rs->arena, "%s: %s", ward_rs_show(rs, path), why),
			"put it elsewhere", err);
	at->t = t;
	return ward_cache_hidden(rs, c, at->t.path, &at->hidden, err);
}

static int apart(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_cache_place *v = rs->cached;

	for (size_t i = 0; i < ward_caches_n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!v[i].t.path || !v[k].t.path ||
				(!ward_path_within(v[i].t.path, v[k].t.path) &&
					!ward_path_within(v[k].t.path, v[i].t.path)))
				continue;
			return refuse(&ward_caches[i], &v[i], WARD_E_REFUSED,
				ward_arena_printf(rs->arena, "%s and %s, of %s, lie in one another",
					ward_rs_show(rs, v[i].t.path),
					ward_rs_show(rs, v[k].t.path), ward_caches[k].name),
				"put them apart", err);
		}
	}
	return WARD_OK;
}

/* ---- which ---- */

/* set: those that origin asks for; what was asked for before stays what it is. */
static int find(struct ward_resolver *rs, uint32_t set, const struct ward_cache_place *as,
	struct ward_error *err)
{
	int r = WARD_OK;

	if (set == 0)
		return WARD_OK;
	if (rs->r->backend != WARD_BACKEND_NATIVE) {
		(void)ward_fail(err, WARD_E_INVALID,
			"with --backend direct the command writes to the host's own package caches");
		ward_fail_at(err, as->origin.file, as->origin.line, as->origin.column);
		ward_fail_fix(err, "use --backend native, or --caches=none");
		return WARD_E_INVALID;
	}
	if (!rs->cached)
		rs->cached = ward_arena_alloc(rs->arena, WARD_CACHES_MAX * sizeof(*rs->cached));
	if (!rs->cached)
		return ward_rs_nomem(err);
	for (size_t i = 0; r == WARD_OK && i < ward_caches_n; i++) {
		struct ward_cache_place *at = &rs->cached[i];

		if (!(set & UINT32_C(1) << i) || at->origin.file)
			continue;
		*at = *as;
		r = look(rs, &ward_caches[i], at, err);
		rs->caches[i] = r == WARD_OK ? at->t.path : NULL;
	}
	return r == WARD_OK ? apart(rs, err) : r;
}

static int find_asked(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_cache_place as = { .origin = { .file = OPTION },
		.layer = WARD_LAYER_RUN };

	return find(rs, rs->r->caches, &as, err);
}

/* Each rule by itself, so that it says where it stands; of those alone that every layer has. */
static int find_of_profile(struct ward_resolver *rs, const struct ward_profile *p, bool believed,
	struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && !rs->r->caches_none && i < p->caches.n; i++) {
		const struct ward_doc_rule *rule = &p->caches.v[i];
		struct ward_cache_place as = { .origin = rule->origin,
			.layer = rule->doc ? rule->doc->layer : WARD_LAYER_REPOSITORY };
		uint32_t set = 0;

		if (as.layer == WARD_LAYER_REPOSITORY && !believed)
			continue;
		r = ward_cache_parse(ward_str(rule->pattern), &set, err);
		if (r == WARD_OK)
			r = find(rs, set & p->cache_set, &as, err);
	}
	return r;
}

/* ---- to be read ---- */

/* As plan, log and policies show it. */
static const char *said(struct ward_arena *a, const char *asked, size_t i)
{
	return ward_arena_printf(a, "%s%s (what is written there is thrown away)", asked,
		ward_caches[i].name);
}

/* Without policies: as what --read grants. */
static int grant(struct ward_resolver *rs, size_t i, struct ward_error *err)
{
	const struct ward_cache_place *at = &rs->cached[i];
	struct ward_rule rule = { .type = WARD_CAP_FILE_READ,
		.pattern = at->t.path,
		.origin = at->origin,
		.text = said(rs->arena, OPTION " ", i),
		.literal = true,
		.subtree = true };
	struct ward_node n = ward_rs_bind(rs, &at->t, ward_rs_rule(rs, &rule, err));
	int r = n.rule < 0 ? n.rule : WARD_OK;

	for (size_t k = 0; r == WARD_OK && k < at->hidden.n; k++) {
		struct ward_node mask = { .kind = WARD_NODE_MASK,
			.dest = at->hidden.v[k],
			.fixed = true,
			.rule = n.rule };
		struct ward_target t;

		/* Who grants it by itself means it. */
		if (ward_rs_visible(rs, mask.dest) || ward_rs_target(rs, mask.dest, &t) < 0)
			continue;
		mask.is_dir = S_ISDIR(t.st.st_mode);
		r = ward_rs_node(rs, &mask, err);
	}
	return r == WARD_OK ? ward_rs_node(rs, &n, err) : r;
}

int ward_rs_caches(struct ward_resolver *rs, struct ward_error *err)
{
	return rs->book ? WARD_OK : find_asked(rs, err);
}

/* The book outlives what was looked up. */
static int add_rule(struct ward_resolver *rs, struct ward_rulebook *b, size_t i,
	struct ward_error *err)
{
	const struct ward_cache_place *at = &rs->cached[i];
	struct ward_arena *a = b->sources.arena;
	size_t n = 1 + at->hidden.n;
	struct ward_source_rule *rule = ward_arena_alloc(a, sizeof(*rule));
	struct ward_source_place *place = ward_arena_alloc(a, n * sizeof(*place));
	struct ward_source src = {
		.name = OPTION, .rules = rule, .n_rules = 1, .layer = at->layer, .generated = true
	};

	if (!rule || !place)
		return ward_rs_nomem(err);
	for (size_t k = 0; k < n; k++) {
		place[k].id = ward_arena_strdup(a, k == 0 ? at->t.path : at->hidden.v[k - 1]);
		place[k].in = true;
		if (!place[k].id)
			return ward_rs_nomem(err);
	}
	*rule = (struct ward_source_rule){ .file = at->origin.file,
		.line = at->origin.line,
		.column = at->origin.column,
		.text = said(a, at->origin.line ? "caches: " : "", i),
		.action = WARD_ACT_FS_READ,
		.place = &place[0],
		.spared = n > 1 ? &place[1] : NULL,
		.n_spared = n - 1 };
	return rule->text ? ward_sources_add(&b->sources, &src, err) : ward_rs_nomem(err);
}

int ward_rules_caches(struct ward_resolver *rs, struct ward_rulebook *b, bool believed,
	struct ward_error *err)
{
	int r = find_asked(rs, err);

	if (r == WARD_OK && b->profile)
		r = find_of_profile(rs, b->profile, believed, err);
	for (size_t i = 0; r == WARD_OK && rs->cached && i < ward_caches_n; i++)
		if (rs->cached[i].t.path)
			r = add_rule(rs, b, i, err);
	return r;
}

/* ---- judged ---- */

/* Of the place itself, what is shown of it: a mask of a policy at it, or above it and below what shows it, takes it away. */
static bool masked(const struct ward_resolver *rs, const char *path, const struct ward_node *shown)
{
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];

		if (n->kind == WARD_NODE_MASK && ward_path_within(path, n->dest) &&
			strlen(n->dest) >= strlen(shown->dest))
			return true;
	}
	return false;
}

static int written(struct ward_resolver *rs, size_t i, const struct ward_node *n, const char *how,
	struct ward_error *err)
{
	const struct ward_cache_place *at = &rs->cached[i];

	return refuse(&ward_caches[i], at, WARD_E_REFUSED,
		ward_arena_printf(rs->arena,
			"%s%s is granted for writing%s%s, so what the run writes to %s would be the host's",
			ward_rs_show(rs, n->dest), how, n->rule >= 0 ? " by " : "",
			n->rule >= 0 ? rs->rules[n->rule].text : "", ward_rs_show(rs, at->t.path)),
		"take that grant out", err);
}

static int not_written(struct ward_resolver *rs, size_t i, struct ward_error *err)
{
	const struct ward_cache_place *at = &rs->cached[i];

	for (size_t k = 0; k < rs->n_nodes; k++) {
		const struct ward_node *n = &rs->nodes[k];

		if (n->kind != WARD_NODE_BIND || !n->write ||
			(!ward_path_within(n->dest, at->t.path) &&
				!ward_path_within(at->t.path, n->dest)))
			continue;
		return written(rs, i, n, "", err);
	}
	return WARD_OK;
}

/* It has itself what cannot be hidden in it by name, and was told: hidden.c. */
static bool hides_itself(const struct ward_cache_place *at)
{
	for (size_t i = 0; i < at->hidden.n; i++) {
		if (ward_streq(at->hidden.v[i], at->t.path))
			return true;
	}
	return false;
}

int ward_rs_caches_judged(struct ward_resolver *rs, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && rs->cached && i < ward_caches_n; i++) {
		struct ward_cache_place *at = &rs->cached[i];
		const struct ward_node *shown;

		if (!at->t.path)
			continue;
		r = not_written(rs, i, err);
		if (r == WARD_OK && !rs->book)
			r = grant(rs, i, err);
		if (r < 0)
			return r;
		shown = ward_rs_shown_by(rs, at->t.path);
		if (shown && !masked(rs, at->t.path, shown))
			continue;
		if (!hides_itself(at))
			r = ward_rs_warn(rs, err,
				"the package cache %s is not shown: the policies do not let %s be read",
				ward_caches[i].name, ward_rs_show(rs, at->t.path));
		at->t.path = rs->caches[i] = NULL;
	}
	return r;
}

int ward_rs_caches_laid(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_node *alias = NULL;
	size_t of = 0;
	int r = rs->cached ? ward_cache_aliased(rs, &of, &alias, err) : WARD_OK;

	if (r == WARD_OK && alias)
		r = written(rs, of, alias, ", which is, or has, the same by another name,", err);
	for (size_t i = 0; r == WARD_OK && rs->cached && i < ward_caches_n; i++) {
		const struct ward_cache_place *at = &rs->cached[i];
		const struct ward_node *shown;
		struct ward_node n;

		if (!at->t.path)
			continue;
		/* Something came meanwhile: the program's own, or what is kept from being written. */
		r = not_written(rs, i, err);
		shown = ward_rs_shown_by(rs, at->t.path);
		if (r < 0 || !shown)
			return r < 0 ? r : ward_fail(err, WARD_E_INTERNAL, "a cache out of view");
		n = ward_rs_bind(rs, &at->t, shown->rule);
		n.kind = WARD_NODE_CACHE;
		n.exec = shown->exec;
		n.noexec = shown->noexec;
		r = ward_rs_node(rs, &n, err);
	}
	return r;
}
