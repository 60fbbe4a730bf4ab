/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy files of a run: whose they are, whether they may grant, and one hash over all of it. The text of a policy is
 * not looked at here, but for the number in the ceiling's epoch. What cannot be read as it must be refuses the run: a layer
 * that is passed over would be a rule that does not hold.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "registry/layers.h"

#define READS 4 /* times that a changing directory is tried */
#define HELD_READS 200 /* that do not count: somebody writes a rule there */
#define NAP_NS 10000000L

static int nomem(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "out of memory while policies are read");
}

/*
 * $VARIABLE/ward + rest, or ~/fallback/ward + rest. A relative value does not count (XDG base directory specification). variable NULL:
 * the fallback.
 */
static int xdg(struct ward_arena *a, const char *variable, const char *fallback, const char *rest,
	const char **ret, struct ward_error *err)
{
	const char *value = variable ? getenv(variable) : NULL, *home = getenv("HOME");
	bool own = value && value[0] == '/';

	if (!own && (!home || home[0] != '/')) {
		int r = ward_fail(err, WARD_E_INVALID,
			"no place to look for the user's policies: HOME is not an absolute path");
		ward_fail_fix(err, "set HOME%s%s", variable ? " or " : "",
			variable ? variable : "");
		return r;
	}
	*ret = own ? ward_arena_printf(a, "%s/ward%s", value, rest)
		   : ward_arena_printf(a, "%s/%s/ward%s", home, fallback, rest);
	return *ret ? WARD_OK : nomem(err);
}

int ward_layers_where_default(struct ward_arena *a, const char *workspace,
	struct ward_layers_where *ret, struct ward_error *err)
{
	struct ward_layers_where w = { .ceiling = WARD_CEILING_DIR, .uid = (uint32_t)geteuid() };
	int r = xdg(a, "XDG_CONFIG_HOME", ".config", "", &w.user, err);

	if (r >= 0)
		r = xdg(a, "XDG_STATE_HOME", ".local/state", "/trust", &w.trust, err);
	if (r < 0)
		return r;
	if (workspace) {
		w.workspace = ward_arena_strdup(a, workspace);
		if (!w.workspace)
			return nomem(err);
	}
	*ret = w;
	return WARD_OK;
}

int ward_layers_where_otherwise(struct ward_arena *a, const char *home,
	struct ward_layers_where *ret, struct ward_error *err)
{
	struct ward_layers_where w = { .uid = (uint32_t)geteuid() };
	int r = WARD_OK;

	if (home) {
		w.user = ward_arena_printf(a, "%s/.config/ward", home);
		w.trust = ward_arena_printf(a, "%s/.local/state/ward/trust", home);
		r = w.user && w.trust ? WARD_OK : nomem(err);
	} else {
		r = xdg(a, NULL, ".config", "", &w.user, err);
		if (r >= 0)
			r = xdg(a, NULL, ".local/state", "/trust", &w.trust, err);
	}
	if (r < 0)
		return r;
	*ret = w;
	return WARD_OK;
}

static int get_once(struct ward_arena *a, const struct layer_rule *rule, const char *path,
	struct ward_layer_dir *dir, struct ward_policy_file **ret_v,
	enum ward_layer_change *ret_change, struct ward_error *err)
{
	char real[WARD_PATH_MAX];
	int opened = -1;
	int r = rule->layer == WARD_LAYER_REPOSITORY
		? ward_layer_repository(path, real, &opened, err)
		: ward_layer_walk(rule, path, real, &opened, err);
	WARD_FD fd = opened;

	*ret_change = WARD_LAYER_STEADY;
	if (r < 0)
		return r;
	dir->path = ward_arena_strdup(a, real);
	if (!dir->path)
		return nomem(err);
	ward_sha256_hex("", 0, dir->sha256);
	dir->present = fd >= 0;
	dir->n = 0;
	if (fd < 0)
		return WARD_OK;
	return ward_layer_read(a, rule, fd, dir->path, dir, ret_v, ret_change, err);
}

int ward_layer_get(struct ward_arena *a, const struct layer_rule *rule, const char *path,
	struct ward_layer_dir *dir, struct ward_policy_file **ret_v, struct ward_error *err)
{
	enum ward_layer_change change = WARD_LAYER_STEADY;

	*ret_v = NULL;
	for (int reads = 1, waits = 0;; reads++) {
		const struct timespec nap = { .tv_nsec = NAP_NS };
		int r = get_once(a, rule, path, dir, ret_v, &change, err);

		/* Who holds it is one of ours, and done in a moment; several may follow one another. */
		if (change == WARD_LAYER_HELD && waits++ < HELD_READS)
			reads--;
		if (r >= 0 || change == WARD_LAYER_STEADY || reads == READS)
			return r;
		(void)nanosleep(&nap, NULL); /* an edit that is under way may be over by then */
	}
}

struct layer_rule ward_layer_rule(const struct ward_layers_where *where, enum ward_layer layer)
{
	switch (layer) {
	case WARD_LAYER_CEILING:
		return (struct layer_rule){ .layer = layer,
			.what = "the ceiling",
			.uid = where->ceiling_uid,
			.owned = true };
	case WARD_LAYER_USER:
		return (struct layer_rule){ .layer = layer,
			.what = "the user's policy",
			.uid = where->uid,
			.owned = true,
			.links = true };
	default:
		return (struct layer_rule){ .layer = WARD_LAYER_REPOSITORY,
			.what = "the policy of a repository" };
	}
}

static int parse_epoch(const struct ward_policy_file *f, uint64_t *ret, struct ward_error *err)
{
	char digits[24] = "";
	size_t n = f->text.n;

	if (n > 0 && f->text.s[n - 1] == '\n')
		n--;
	if (n < sizeof(digits) && !memchr(f->text.s, '\0', n))
		memcpy(digits, f->text.s, n);
	if (ward_parse_u64(digits, 1, INT64_MAX, ret, NULL) == WARD_OK)
		return WARD_OK;
	ward_fail(err, WARD_E_PARSE, "an epoch is one number from 1 on, and a newline");
	ward_fail_at(err, f->path, 1, 1);
	ward_fail_fix(err, "write a number that is larger than every one before");
	return WARD_E_PARSE;
}

static int find_epoch(const struct ward_policy_file *v, size_t n, uint64_t *ret,
	struct ward_error *err)
{
	*ret = 0;
	for (size_t i = 0; v && i < n; i++)
		if (v[i].kind == WARD_POLICY_EPOCH)
			return parse_epoch(&v[i], ret, err);
	return WARD_OK;
}

static void hash_dir(struct ward_sha256 *sum, const char *name, const struct ward_layer_dir *dir,
	bool may_grant)
{
	char line[160];
	int n = snprintf(line, sizeof(line), "%s %s %s %s\n", name,
		dir->present ? "present" : "absent", may_grant ? "grants" : "narrows",
		dir->present ? dir->sha256 : "-");

	ward_sha256_update(sum, line, (size_t)n);
}

static void hash_all(struct ward_layers *l)
{
	struct ward_sha256 sum;
	uint8_t hash[WARD_SHA256_SIZE];

	ward_sha256_init(&sum);
	ward_sha256_update(&sum, "ward-layers 1\n", strlen("ward-layers 1\n"));
	hash_dir(&sum, "ceiling", &l->ceiling, false);
	hash_dir(&sum, "user", &l->user, true);
	hash_dir(&sum, "repository", &l->repository, l->trust == WARD_TRUST_PINNED);
	ward_sha256_final(&sum, hash);
	ward_hex(hash, sizeof(hash), l->sha256);
}

/* One list of the three. */
static int join(struct ward_arena *a, struct ward_layers *l,
	struct ward_policy_file *const parts[3], struct ward_error *err)
{
	struct ward_layer_dir *dirs[3] = { &l->ceiling, &l->user, &l->repository };
	const bool may_grant[3] = { false, true, l->trust == WARD_TRUST_PINNED };

	l->v = ward_arena_alloc(a, (dirs[0]->n + dirs[1]->n + dirs[2]->n + 1) * sizeof(*l->v));
	if (!l->v)
		return nomem(err);
	for (size_t d = 0; d < 3; d++) {
		dirs[d]->first = l->n;
		for (size_t i = 0; parts[d] && i < dirs[d]->n; i++) {
			l->v[l->n] = parts[d][i];
			l->v[l->n++].may_grant = may_grant[d];
		}
	}
	return WARD_OK;
}

static int load(struct ward_arena *a, const struct ward_layers_where *where, struct ward_layers *l,
	struct ward_error *err)
{
	const struct {
		enum ward_layer layer;
		const char *path;
		struct ward_layer_dir *dir;
	} rows[3] = {
		{ WARD_LAYER_CEILING, where->ceiling, &l->ceiling },
		{ WARD_LAYER_USER, where->user, &l->user },
		{ WARD_LAYER_REPOSITORY, where->workspace, &l->repository },
	};
	struct ward_policy_file *parts[3] = { NULL, NULL, NULL };
	int r;

	for (size_t i = 0; i < 3; i++) {
		struct layer_rule rule = ward_layer_rule(where, rows[i].layer);

		ward_sha256_hex("", 0, rows[i].dir->sha256);
		if (!rows[i].path)
			continue;
		r = ward_layer_get(a, &rule, rows[i].path, rows[i].dir, &parts[i], err);
		if (r < 0)
			return r;
	}
	r = find_epoch(parts[0], l->ceiling.n, &l->epoch, err);
	if (r >= 0)
		r = ward_pins_look(a, where, &l->repository, parts[2], &l->trust, &l->notice, err);
	return r < 0 ? r : join(a, l, parts, err);
}

int ward_layers_load(struct ward_arena *a, const struct ward_layers_where *where,
	const struct ward_layers **ret, struct ward_error *err)
{
	struct ward_layers *l = ward_arena_alloc(a, sizeof(*l));
	int r;

	*ret = NULL;
	if (!l)
		return nomem(err);
	r = load(a, where, l, err);
	if (r < 0)
		return r;
	hash_all(l);
	*ret = l;
	return WARD_OK;
}

int ward_layers_epoch(const struct ward_layers_where *where, struct ward_epoch *ret,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct layer_rule rule = ward_layer_rule(where, WARD_LAYER_CEILING);
	struct ward_layer_dir dir = { 0 };
	struct ward_policy_file *v = NULL;
	struct ward_epoch now = { 0 };
	int r;

	if (!a)
		return nomem(err);
	ward_sha256_hex("", 0, dir.sha256);
	if (where->ceiling) {
		r = ward_layer_get(a, &rule, where->ceiling, &dir, &v, err);
		if (r >= 0)
			r = find_epoch(v, dir.n, &now.number, err);
		if (r < 0)
			return r;
	}
	memcpy(now.sha256, dir.sha256, sizeof(now.sha256));
	*ret = now;
	return WARD_OK;
}

enum ward_epoch_change ward_epoch_compare(const struct ward_epoch *was,
	const struct ward_epoch *now)
{
	if (now->number < was->number)
		return WARD_EPOCH_BACK;
	if (now->number > was->number)
		return WARD_EPOCH_NEW;
	return ward_streq(was->sha256, now->sha256) ? WARD_EPOCH_SAME : WARD_EPOCH_EDITED;
}
