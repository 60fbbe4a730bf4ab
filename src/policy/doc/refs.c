/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who takes over from whom. A name is looked up in the same document, in the others of its layer, and in more trusted layers; a
 * less trusted layer never changes what a name of a more trusted one means. The order is one for every list: what is included,
 * in the order written; what is extended; the profile's own. Later rules win, so one's own have the last word.
 *
 * Recursion is as deep as WARD_DOC_CHAIN_MAX, and the number of profiles met is bounded, since a profile that is taken over
 * twice is met twice: the rules stand where they were asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/doc/internal.h"

static int by_name(const void *a, const void *b)
{
	const struct ward_doc_profile *x = *(const struct ward_doc_profile *const *)a;
	const struct ward_doc_profile *y = *(const struct ward_doc_profile *const *)b;
	int order = strcmp(x->name, y->name);

	/* Of one name: most trusted first, and there is one a layer. */
	return order != 0 ? order : (int)y->doc->layer - (int)x->doc->layer;
}

int ward_doc_index(struct ward_docs *docs, struct ward_error *err)
{
	size_t n = 0;

	docs->n_index = 0;
	for (size_t i = 0; i < docs->n; i++)
		n += docs->v[i]->n_profiles;
	docs->index =
		ward_arena_alloc(docs->arena, (n + 1) * sizeof(const struct ward_doc_profile *));
	if (docs->index == NULL)
		return ward_doc_nomem(err, NULL);
	for (size_t i = 0; i < docs->n; i++) {
		for (size_t k = 0; k < docs->v[i]->n_profiles; k++)
			docs->index[docs->n_index++] = &docs->v[i]->profiles[k];
	}
	qsort(docs->index, n, sizeof(const struct ward_doc_profile *), by_name);
	return WARD_OK;
}

/* The first entry whose name is not less. */
static size_t first_of(const struct ward_docs *docs, const char *name)
{
	size_t lo = 0, hi = docs->n_index;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(docs->index[mid]->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* n_index: none. The own layer's is the last of its name that doc may see. */
static size_t lookup(const struct ward_docs *docs, const struct ward_doc *doc, const char *name)
{
	size_t found = docs->n_index;

	for (size_t i = first_of(docs, name);
		i < docs->n_index && strcmp(docs->index[i]->name, name) == 0; i++) {
		if (docs->index[i]->doc->layer >= doc->layer)
			found = i;
	}
	return found;
}

size_t ward_doc_definitions(const struct ward_docs *docs, const char *name,
	const struct ward_doc_profile *ret[WARD_DOCS_MAX])
{
	size_t first = first_of(docs, name), end = first, n = 0;

	while (end < docs->n_index && strcmp(docs->index[end]->name, name) == 0)
		end++;
	for (size_t i = first; i < end; i++) {
		if (docs->index[i]->doc->layer != WARD_LAYER_BUILTIN || end - first == 1)
			ret[n++] = docs->index[i];
	}
	return n;
}

/* ---- circles, and how much there is ---- */

struct seen {
	bool open, done;
	unsigned height; /* profiles in the longest row from here on */
	size_t visits; /* profiles met from here on, each as often as it is met */
};

struct walk {
	const struct ward_docs *docs;
	struct seen *seen;
	size_t path[WARD_DOC_CHAIN_MAX];
	unsigned depth;
	struct ward_error *err;
};

static int no_such(const struct walk *w, const struct ward_doc_profile *p,
	const struct ward_doc_ref *ref)
{
	const char *best = NULL;
	char shown[WARD_CAP_SHOWN_MAX];

	for (size_t i = 0; i < w->docs->n_index; i++) {
		const char *both[] = { best, w->docs->index[i]->name };

		if (w->docs->index[i]->doc->layer >= p->doc->layer)
			best = ward_nearest(ref->name, best == NULL ? both + 1 : both,
				best == NULL ? 1 : 2);
	}
	ward_cap_shown(ward_str(ref->name), shown);
	(void)ward_doc_fail(w->err, WARD_E_NOTFOUND, &ref->origin,
		"profile \"%s\" takes over from %s, which is no profile here", p->name, shown);
	if (best != NULL)
		ward_fail_fix(w->err, "did you mean \"%s\"?", best);
	else
		ward_fail_fix(w->err,
			"name a profile of this document, of its layer (%s) or of a more trusted one",
			ward_layer_name(p->doc->layer));
	return WARD_E_NOTFOUND;
}

static int circle(const struct walk *w, size_t to, const struct ward_doc_ref *ref)
{
	char chain[WARD_ERROR_MESSAGE_MAX / 2] = "";
	size_t used = 0;
	unsigned from = 0;

	while (from + 1 < w->depth && w->path[from] != to)
		from++;
	for (unsigned i = from; i < w->depth && used < sizeof(chain); i++) {
		const struct ward_doc_profile *p = w->docs->index[w->path[i]];

		used += (size_t)snprintf(chain + used, sizeof(chain) - used, "%s (%s:%u) -> ",
			p->name, p->origin.file, p->origin.line);
	}
	(void)ward_doc_fail(w->err, WARD_E_INVALID, &ref->origin,
		"profiles that take over from one another in a circle: %s%s", chain,
		used < sizeof(chain) ? ref->name : "...");
	ward_fail_fix(w->err, "take one of them out; what two share belongs into a third");
	return WARD_E_INVALID;
}

static int too_much(const struct walk *w, const struct ward_doc_ref *ref, const char *what, int max)
{
	(void)ward_doc_fail(w->err, WARD_E_LIMIT, &ref->origin, "more than %d profiles %s", max,
		what);
	ward_fail_fix(w->err, "write the rules themselves");
	return WARD_E_LIMIT;
}

static int walk(struct walk *w, size_t at);

static int walk_ref(struct walk *w, size_t from, const struct ward_doc_ref *ref)
{
	const struct ward_doc_profile *p = w->docs->index[from];
	size_t to = lookup(w->docs, p->doc, ref->name);
	struct seen *mine = &w->seen[from], *other = &w->seen[to];
	int r;

	if (to == w->docs->n_index)
		return no_such(w, p, ref);
	if (other->open)
		return circle(w, to, ref);
	if (w->depth == WARD_DOC_CHAIN_MAX)
		return too_much(w, ref, "take over from one another in a row", WARD_DOC_CHAIN_MAX);
	r = walk(w, to);
	if (r < 0)
		return r;
	mine->visits += other->visits;
	if (other->height + 1 > mine->height)
		mine->height = other->height + 1;
	if (mine->height > WARD_DOC_CHAIN_MAX)
		return too_much(w, ref, "take over from one another in a row", WARD_DOC_CHAIN_MAX);
	if (mine->visits > WARD_DOC_VISITS_MAX)
		return too_much(w, ref, "are taken over by one", WARD_DOC_VISITS_MAX);
	return WARD_OK;
}

static int walk(struct walk *w, size_t at)
{
	const struct ward_doc_profile *p = w->docs->index[at];
	struct seen *s = &w->seen[at];
	int r = WARD_OK;

	if (s->done)
		return WARD_OK;
	*s = (struct seen){ .open = true, .height = 1, .visits = 1 };
	w->path[w->depth++] = at;
	for (size_t i = 0; i < p->n_includes && r == WARD_OK; i++)
		r = walk_ref(w, at, &p->includes[i]);
	for (size_t i = 0; i < p->n_extends && r == WARD_OK; i++)
		r = walk_ref(w, at, &p->extends[i]);
	w->depth--;
	s->open = false;
	s->done = true;
	return r;
}

int ward_doc_refs_check(const struct ward_docs *docs, struct ward_arena *scratch,
	struct ward_error *err)
{
	struct walk w = { .docs = docs, .err = err };
	size_t total = 0;

	w.seen = ward_arena_alloc(scratch, (docs->n_index + 1) * sizeof(*w.seen));
	if (w.seen == NULL)
		return ward_doc_nomem(err, NULL);
	for (size_t i = 0; i < docs->n_index; i++) {
		int r = walk(&w, i);

		if (r < 0)
			return r;
		total += w.seen[i].visits;
		if (total <= WARD_DOC_TOTAL_MAX)
			continue;
		(void)ward_doc_fail(err, WARD_E_LIMIT, &docs->index[i]->origin,
			"all profiles together take over from others more than %d times",
			WARD_DOC_TOTAL_MAX);
		ward_fail_fix(err, "write the rules themselves");
		return WARD_E_LIMIT;
	}
	return WARD_OK;
}

/* ---- in order ---- */

/* Count, or copy to v: twice the same walk. Bounded by refs_check. */
static size_t flatten(const struct ward_docs *docs, const struct ward_doc_profile *p,
	enum ward_doc_list list, struct ward_doc_rule *v, unsigned depth)
{
	struct {
		const struct ward_doc_ref *refs;
		size_t n;
	} const groups[] = { { p->includes, p->n_includes }, { p->extends, p->n_extends } };
	size_t n = 0;

	for (size_t g = 0; g < WARD_ARRAY_SIZE(groups); g++) {
		for (size_t i = 0; i < groups[g].n && depth < WARD_DOC_CHAIN_MAX; i++) {
			size_t other = lookup(docs, p->doc, groups[g].refs[i].name);

			if (other < docs->n_index)
				n += flatten(docs, docs->index[other], list,
					v != NULL ? v + n : NULL, depth + 1);
		}
	}
	if (v != NULL && p->lists[list].n > 0)
		memcpy(v + n, p->lists[list].v, p->lists[list].n * sizeof(*v));
	return n + p->lists[list].n;
}

int ward_doc_flatten(const struct ward_docs *docs, struct ward_arena *arena,
	const struct ward_doc_profile *profile, enum ward_doc_list list, struct ward_doc_rules *ret,
	struct ward_error *err)
{
	size_t max = list == WARD_DOC_LIST_ENV ? WARD_DOC_ENV_MAX : WARD_DOC_RULES_MAX;
	struct ward_doc_rule *v;
	size_t n;

	*ret = profile->lists[list];
	if (profile->n_includes == 0 && profile->n_extends == 0)
		return WARD_OK;
	n = flatten(docs, profile, list, NULL, 0);
	if (n > max) {
		(void)ward_doc_fail(err, WARD_E_LIMIT, &profile->origin,
			"profile \"%s\" has more than %zu rules in %s, with those that it takes over",
			profile->name, max, ward_doc_list_name(list));
		ward_fail_fix(err, "%s",
			ward_doc_is_network(list)
				? "name domains (**.DOMAIN) instead of single hosts"
				: "name directories (DIRECTORY/**) instead of single files");
		return WARD_E_LIMIT;
	}
	v = ward_arena_alloc(arena, (n + 1) * sizeof(*v));
	if (v == NULL)
		return ward_doc_nomem(err, &profile->origin);
	(void)flatten(docs, profile, list, v, 0);
	ret->v = v;
	ret->n = n;
	return WARD_OK;
}

static void flatten_limits(const struct ward_docs *docs, const struct ward_doc_profile *p,
	struct ward_doc_limit *limits, unsigned depth)
{
	for (size_t i = 0; i < p->n_includes + p->n_extends && depth < WARD_DOC_CHAIN_MAX; i++) {
		const struct ward_doc_ref *ref =
			i < p->n_includes ? &p->includes[i] : &p->extends[i - p->n_includes];
		size_t other = lookup(docs, p->doc, ref->name);

		if (other < docs->n_index)
			flatten_limits(docs, docs->index[other], limits, depth + 1);
	}
	for (unsigned i = 0; i < WARD_DOC_LIMIT_MAX; i++) {
		if (p->limits[i].value != 0)
			limits[i] = p->limits[i];
	}
}

void ward_doc_flatten_limits(const struct ward_docs *docs, const struct ward_doc_profile *profile,
	struct ward_doc_limit limits[WARD_DOC_LIMIT_MAX])
{
	memset(limits, 0, WARD_DOC_LIMIT_MAX * sizeof(*limits));
	flatten_limits(docs, profile, limits, 0);
}

static void flatten_network(const struct ward_docs *docs, const struct ward_doc_profile *p,
	struct ward_doc_network *io, unsigned depth)
{
	for (size_t i = 0; i < p->n_includes + p->n_extends && depth < WARD_DOC_CHAIN_MAX; i++) {
		const struct ward_doc_ref *ref =
			i < p->n_includes ? &p->includes[i] : &p->extends[i - p->n_includes];
		size_t other = lookup(docs, p->doc, ref->name);

		if (other < docs->n_index)
			flatten_network(docs, docs->index[other], io, depth + 1);
	}
	if (p->network.origin.line > 0)
		io->origin = p->network.origin;
	if (p->network.mode_origin.line > 0) {
		io->mode = p->network.mode;
		io->mode_origin = p->network.mode_origin;
	}
	if (p->network.limits_origin.line > 0)
		io->limits_origin = p->network.limits_origin;
	for (size_t i = 0; i < WARD_NET_LIMIT_MAX; i++) {
		if (p->network.limits.v[i] == 0)
			continue;
		io->limits.v[i] = p->network.limits.v[i];
		io->limit_origin[i] = p->network.limit_origin[i];
	}
}

struct ward_doc_network ward_doc_flatten_network(const struct ward_docs *docs,
	const struct ward_doc_profile *profile)
{
	struct ward_doc_network all = { 0 };

	flatten_network(docs, profile, &all, 0);
	return all;
}
