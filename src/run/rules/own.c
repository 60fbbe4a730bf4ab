/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What says what runs may do, outside of any repository: the user's policies, the list of what is trusted, a ceiling that is there, the
 * files of --policy, --capabilities and --component. No run writes them, whatever lies around them and whoever grants it: a command that may write its own policy has
 * none in the next run, of another environment of the same user neither. A ceiling that is not there is left alone: to make one only narrows, and to keep it away would be one.
 * Neither is the program written that starts them: what took its place would be the next one's, with no cage at all.
 */
#include <string.h>

#include "cedar/cedar.h"
#include "run/rules/rules.h"

enum {
	OWN_USER = 0,
	OWN_TRUST,
	OWN_USER_OTHERWISE,
	OWN_TRUST_OTHERWISE,
	OWN_USER_ACCOUNT,
	OWN_TRUST_ACCOUNT,
	OWN_CEILING,
	OWN_PROGRAM,
	OWN_PROGRAM_CALLED,
	OWN_MAX
};

static const char *directory(struct ward_resolver *rs, const char *file)
{
	size_t n = strlen(file) - strlen(ward_path_basename(file));

	return ward_arena_dup(rs->arena, file, n > 1 ? n - 1 : n);
}

/* The real path of a file; NULL: it is none. A pipe is read once and gone. */
static const char *file_at(struct ward_resolver *rs, const char *path)
{
	struct ward_target t;

	return path && ward_rs_target(rs, path, &t) == 0 && S_ISREG(t.st.st_mode) ? t.path : NULL;
}

/* That an option names. */
static const char *named(struct ward_resolver *rs, const char *given)
{
	return file_at(rs, ward_rs_absolute(rs, rs->cwd, given));
}

/* Those at home (NULL: $HOME), where they are others than first. */
static int otherwise(struct ward_resolver *rs, const char *home,
	const struct ward_layers_where *first, const char **ret_user, const char **ret_trust,
	struct ward_error *err)
{
	struct ward_layers_where other = { .ceiling = NULL };

	if (ward_layers_where_otherwise(rs->arena, home, &other, NULL) < 0)
		return home ? ward_rs_nomem(err) : WARD_OK;
	*ret_user = ward_streq(other.user, first->user) ? NULL : other.user;
	*ret_trust = ward_streq(other.trust, first->trust) ? NULL : directory(rs, other.trust);
	return WARD_OK;
}

/* Real paths; NULL: there is no such place. */
static int places(struct ward_resolver *rs, const char *ret[OWN_MAX], struct ward_error *err)
{
	struct ward_layers_where where = { .ceiling = NULL };
	const char *paths[OWN_MAX] = { NULL };
	struct ward_target t;
	int r = WARD_OK;

	/* Without a home there are none of a user. The ceiling's place is the same for all. */
	if (ward_layers_where_default(rs->arena, NULL, &where, NULL) == WARD_OK) {
		paths[OWN_USER] = where.user;
		paths[OWN_TRUST] = directory(rs, where.trust);
		if (!paths[OWN_TRUST])
			return ward_rs_nomem(err);
		if (ward_rs_target(rs, where.ceiling, &t) == 0)
			paths[OWN_CEILING] = where.ceiling;
	}
	if (where.user)
		r = otherwise(rs, NULL, &where, &paths[OWN_USER_OTHERWISE],
			&paths[OWN_TRUST_OTHERWISE], err);
	if (r == WARD_OK && ward_rs_account(rs))
		r = otherwise(rs, rs->account, &where, &paths[OWN_USER_ACCOUNT],
			&paths[OWN_TRUST_ACCOUNT], err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < OWN_PROGRAM; i++)
		ret[i] = paths[i] ? ward_rules_real_path(rs, "/", paths[i]) : NULL;
	/* One that was replaced while it ran is nowhere; then what is there now by the name that it was called by starts the next run. */
	ret[OWN_PROGRAM] = file_at(rs, ward_rs_starter(rs, false));
	ret[OWN_PROGRAM_CALLED] = file_at(rs, ward_rs_starter(rs, true));
	if (ward_streq(ret[OWN_PROGRAM_CALLED], ret[OWN_PROGRAM]))
		ret[OWN_PROGRAM_CALLED] = NULL;
	return WARD_OK;
}

static void forbid(struct ward_buf *to, const char *path, bool program)
{
	const char *does = program ? "starts runs" : "says what runs may do";

	/* Of a name that is not UTF-8 no policy speaks, and so it is never granted. */
	if (!path || !ward_utf8_valid(path, strlen(path)))
		return;
	ward_buf_addf(to,
		"@source(\"implied\") @text(\"no run writes what %s\") @reason(\"it %s; no run writes it\")\n"
		"forbid (principal, action == Ward::Action::\"fs.write\", resource in Ward::Path::",
		program ? does : "runs may do", does);
	ward_cedar_quote(to, ward_str(path));
	ward_buf_adds(to, ");\n");
}

int ward_rules_own(struct ward_resolver *rs, struct ward_buf *to, struct ward_error *err)
{
	const char *own[OWN_MAX];
	int r = places(rs, own, err);

	for (size_t i = 0; r == WARD_OK && i < OWN_MAX; i++)
		forbid(to, own[i], i >= OWN_PROGRAM);
	for (size_t i = 0; r == WARD_OK && i < rs->r->n_policies; i++)
		forbid(to, named(rs, rs->r->policies[i].path), false);
	for (size_t i = 0; r == WARD_OK && i < rs->r->n_cap_files; i++)
		forbid(to, named(rs, rs->r->cap_files[i]), false);
	/* It grants nothing; but who the run is, which rules speak of, stands in it. */
	if (r == WARD_OK && rs->r->component)
		forbid(to, named(rs, rs->r->component), false);
	return r;
}

static bool overlap(const char *a, const char *b)
{
	return a && b && (ward_path_within(a, b) || ward_path_within(b, a));
}

/* Might cap let one of them be written? */
static bool covers(struct ward_resolver *rs, const struct ward_cap *cap,
	const char *const own[OWN_MAX])
{
	const char *base = cap->literal ? rs->cwd : rs->workspace, *path = cap->resource;
	char dir[WARD_PATH_MAX];

	if (!cap->literal && ward_glob_is_subtree(cap->resource, dir, sizeof(dir))) {
		path = dir[0] ? dir : ".";
	} else if (!cap->literal && ward_glob_is_pattern(cap->resource)) {
		/* All that it matches lies in the directory in front of its first component that is none. */
		size_t n = strcspn(path, "*?");

		while (n > 0 && path[n - 1] != '/')
			n--;
		path = n > 0 ? ward_arena_dup(rs->arena, path, n) : ".";
	}
	if (!path)
		return true;
	path = ward_rules_real_path(rs, base, path);
	for (size_t i = 0; i < OWN_MAX; i++) {
		if (overlap(own[i], path))
			return true;
	}
	for (size_t i = 0; i < rs->r->n_cap_files; i++) {
		if (overlap(named(rs, rs->r->cap_files[i]), path))
			return true;
	}
	return false;
}

int ward_rules_own_granted(struct ward_resolver *rs, bool *ret, struct ward_error *err)
{
	const struct ward_caps *caps = &rs->r->caps;
	const char *own[OWN_MAX] = { NULL };
	int r = WARD_OK;

	*ret = false;
	for (size_t i = 0; r == WARD_OK && i < caps->n && !*ret; i++) {
		if (caps->v[i].type != WARD_CAP_FILE_WRITE)
			continue;
		if (!own[OWN_USER])
			r = places(rs, own, err);
		*ret = r == WARD_OK && covers(rs, &caps->v[i], own);
	}
	return r;
}
