/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile as all layers leave it. Nothing replaces and nothing is merged into one list: each layer's definition is a part that
 * must allow, each deny list one that must not deny. So a lower layer can restate what it likes, in whatever words: it narrows.
 */
#include <string.h>

#include "policy/doc/internal.h"

static const struct ward_doc builtin = {
	.layer = WARD_LAYER_BUILTIN, .grammar = 1, .file = "builtin", .name = "builtin"
};

#define EVERYTHING(l, p) \
	{ \
		.text = (p), .pattern = (p), .list = (l), .origin = { .file = "builtin" }, \
		.doc = &builtin, .profile = "unrestricted" \
	}
static const struct ward_doc_rule read_all = EVERYTHING(WARD_DOC_LIST_READ, "**");
static const struct ward_doc_rule modify_all = EVERYTHING(WARD_DOC_LIST_MODIFY, "**");
static const struct ward_doc_rule exec_all = EVERYTHING(WARD_DOC_LIST_ALLOW_EXEC, "*");

/* Made only where nobody defines it. */
static const struct ward_doc_profile unrestricted = {
	.name = "unrestricted",
	.description = "the whole workspace, every program in the view",
	.doc = &builtin,
	.lists = {
		[WARD_DOC_LIST_READ] = { .v = &read_all, .n = 1 },
		[WARD_DOC_LIST_MODIFY] = { .v = &modify_all, .n = 1 },
		[WARD_DOC_LIST_ALLOW_EXEC] = { .v = &exec_all, .n = 1 },
	},
};

struct resolving {
	struct ward_docs *docs;
	const struct ward_doc_profile *v[WARD_DOCS_MAX];
	size_t n;
	struct ward_profile *ret;
	struct ward_error *err;
};

static int parts(struct resolving *in, enum ward_doc_list list, struct ward_profile_list *to)
{
	for (size_t i = 0; i < in->n; i++) {
		int r = ward_doc_flatten(in->docs, in->docs->arena, in->v[i], list, &to[i].rules,
			in->err);

		if (r < 0)
			return r;
		to[i].layer = in->v[i]->doc->layer;
		to[i].origin = in->v[i]->origin;
	}
	return WARD_OK;
}

/* The deny lists of one operation, most trusted first; lists without rules deny nothing and stay out. */
static size_t denies(const struct ward_docs *docs, enum ward_doc_op op,
	struct ward_profile_list *to)
{
	size_t n = 0;

	for (int layer = WARD_LAYER_MAX - 1; layer >= 0; layer--) {
		for (size_t i = 0; i < docs->n; i++) {
			if ((int)docs->v[i]->layer == layer && docs->v[i]->deny[op].n > 0)
				to[n++] = (struct ward_profile_list){ .layer = docs->v[i]->layer,
					.rules = docs->v[i]->deny[op] };
		}
	}
	return n;
}

static int files(struct resolving *in)
{
	struct ward_profile_list *part =
		ward_arena_alloc(in->docs->arena, 2 * in->n * sizeof(*part));
	struct ward_profile_list *deny =
		ward_arena_alloc(in->docs->arena, (2 * in->docs->n + 1) * sizeof(*deny));
	struct ward_profile_op *op = in->ret->op;
	size_t n;
	int r;

	if (part == NULL || deny == NULL)
		return ward_doc_nomem(in->err, &in->ret->origin);
	r = parts(in, WARD_DOC_LIST_MODIFY, part);
	if (r == WARD_OK)
		r = parts(in, WARD_DOC_LIST_READ, part + in->n);
	if (r < 0)
		return r;
	n = denies(in->docs, WARD_DOC_MODIFY, deny);
	op[WARD_DOC_READ] = (struct ward_profile_op){
		.parts = part + in->n, .n_parts = in->n, .denies = deny + n
	};
	op[WARD_DOC_READ].n_denies = denies(in->docs, WARD_DOC_READ, deny + n);
	op[WARD_DOC_MODIFY] =
		(struct ward_profile_op){ part, deny, 2 * in->n, n + op[WARD_DOC_READ].n_denies };
	return WARD_OK;
}

static int exec(struct resolving *in)
{
	struct ward_profile_exec *v = ward_arena_alloc(in->docs->arena, in->n * sizeof(*v));

	if (v == NULL)
		return ward_doc_nomem(in->err, &in->ret->origin);
	for (size_t i = 0; i < in->n; i++) {
		int r = ward_doc_flatten(in->docs, in->docs->arena, in->v[i],
			WARD_DOC_LIST_ALLOW_EXEC, &v[i].allow, in->err);

		if (r == WARD_OK)
			r = ward_doc_flatten(in->docs, in->docs->arena, in->v[i],
				WARD_DOC_LIST_DENY_EXEC, &v[i].deny, in->err);
		if (r < 0)
			return r;
		v[i].layer = in->v[i]->doc->layer;
		v[i].origin = in->v[i]->origin;
	}
	in->ret->exec = v;
	in->ret->n_exec = in->n;
	return WARD_OK;
}

/* Where one layer speaks of the network, the silence of another is a word, too: nothing is what it allows. */
static int network(struct resolving *in)
{
	struct ward_profile_network *v = ward_arena_alloc(in->docs->arena, in->n * sizeof(*v));
	bool said = false;

	if (v == NULL)
		return ward_doc_nomem(in->err, &in->ret->origin);
	for (size_t i = 0; i < in->n; i++) {
		int r = ward_doc_flatten(in->docs, in->docs->arena, in->v[i],
			WARD_DOC_LIST_NET_ALLOW, &v[i].allow, in->err);

		if (r == WARD_OK)
			r = ward_doc_flatten(in->docs, in->docs->arena, in->v[i],
				WARD_DOC_LIST_NET_DENY, &v[i].deny, in->err);
		if (r < 0)
			return r;
		v[i].layer = in->v[i]->doc->layer;
		v[i].origin = in->v[i]->origin;
		v[i].said = ward_doc_flatten_network(in->docs, in->v[i]);
		said = said || v[i].said.origin.line > 0;
	}
	in->ret->network = v;
	in->ret->n_network = said ? in->n : 0;
	return WARD_OK;
}

static bool same_variable(const struct ward_doc_rule *a, const struct ward_doc_rule *b)
{
	size_t n = strcspn(a->pattern, "=");

	return n == strcspn(b->pattern, "=") && memcmp(a->pattern, b->pattern, n) == 0;
}

static bool names(struct ward_doc_rules list, const struct ward_doc_rule *variable)
{
	for (size_t i = 0; i < list.n; i++) {
		if (same_variable(&list.v[i], variable))
			return true;
	}
	return false;
}

static int env(struct resolving *in)
{
	struct ward_doc_rules list, all = { 0 };
	struct ward_doc_rule *v;
	size_t n = 0;
	int r = ward_doc_flatten(in->docs, in->docs->arena, in->v[0], WARD_DOC_LIST_ENV, &all,
		in->err);

	v = r == WARD_OK ? ward_arena_alloc(in->docs->arena, (all.n + 1) * sizeof(*v)) : NULL;
	if (r == WARD_OK && v == NULL)
		return ward_doc_nomem(in->err, &in->ret->origin);
	for (size_t i = 0; i < all.n && r == WARD_OK; i++) {
		struct ward_doc_rules later = { .v = all.v + i + 1, .n = all.n - i - 1 };

		if (!names(later, &all.v[i])) /* the last one of a name counts */
			v[n++] = all.v[i];
	}
	for (size_t i = 1; i < in->n && r == WARD_OK; i++) {
		size_t kept = 0;

		r = ward_doc_flatten(in->docs, in->docs->arena, in->v[i], WARD_DOC_LIST_ENV, &list,
			in->err);
		for (size_t k = 0; k < n && r == WARD_OK; k++) {
			if (names(list, &v[k]))
				v[kept++] = v[k];
		}
		n = kept;
	}
	in->ret->env = (struct ward_doc_rules){ .v = v, .n = n };
	return r;
}

static int caches(struct resolving *in)
{
	struct ward_doc_rules list;
	uint32_t all = UINT32_MAX;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < in->n; i++) {
		uint32_t set = 0, one;

		r = ward_doc_flatten(in->docs, in->docs->arena, in->v[i], WARD_DOC_LIST_CACHES,
			&list, in->err);
		for (size_t k = 0; r == WARD_OK && k < list.n; k++) {
			/* It was read once, and is known. */
			if (ward_cache_parse(ward_str(list.v[k].pattern), &one, NULL) == WARD_OK)
				set |= one;
		}
		all &= set;
		if (i == 0 && r == WARD_OK)
			in->ret->caches = list;
	}
	in->ret->cache_set = r == WARD_OK ? all : 0;
	return r;
}

static void limits(struct resolving *in)
{
	struct ward_doc_limit one[WARD_DOC_LIMIT_MAX], *all = in->ret->limits;

	for (size_t i = 0; i < in->n; i++) {
		ward_doc_flatten_limits(in->docs, in->v[i], one);
		for (unsigned k = 0; k < WARD_DOC_LIMIT_MAX; k++) {
			if (one[k].value != 0 && (all[k].value == 0 || one[k].value < all[k].value))
				all[k] = one[k];
		}
	}
}

int ward_doc_resolve(struct ward_docs *docs, const char *name, const struct ward_profile **ret,
	struct ward_error *err)
{
	struct resolving in = { .docs = docs, .err = err };
	struct doc_cached *cached;
	int r;

	for (cached = docs->resolved; cached != NULL; cached = cached->next) {
		if (ward_streq(cached->profile.name, name)) {
			*ret = &cached->profile;
			return WARD_OK;
		}
	}
	in.n = ward_doc_definitions(docs, name, in.v);
	if (in.n == 0)
		in.v[in.n++] = &unrestricted;
	cached = ward_arena_alloc(docs->arena, sizeof(*cached));
	if (cached == NULL)
		return ward_doc_nomem(err, &in.v[0]->origin);
	in.ret = &cached->profile;
	*in.ret = (struct ward_profile){ .name = in.v[0]->name,
		.description = in.v[0]->description,
		.origin = in.v[0]->origin };
	r = files(&in);
	if (r == WARD_OK)
		r = exec(&in);
	if (r == WARD_OK)
		r = network(&in);
	if (r == WARD_OK)
		r = env(&in);
	if (r == WARD_OK)
		r = caches(&in);
	if (r < 0)
		return r;
	limits(&in);
	cached->next = docs->resolved;
	docs->resolved = cached;
	*ret = in.ret;
	return WARD_OK;
}
