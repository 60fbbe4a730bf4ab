/* SPDX-License-Identifier: Apache-2.0 */
/* ward diff: what a run under review changed, read out of its layer and shown. Nothing is changed by it, and it may be looked at while the run lives. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/review/judge.h"
#include "run/run.h"
#include "ward/review.h"
#include "workspace/workspace.h"

struct showing {
	const struct ward_review_diff *what;
	struct ward_workspace *w;
	struct ward_changes *all;
	struct ward_arena *arena;
	const char **paths; /* below the root */
	const struct ward_change **v;
	size_t n;
	struct ward_error *err;
};

static void done(struct showing *x)
{
	free(x->paths);
	free(x->v);
	ward_changes_free(x->all);
	ward_workspace_close(x->w);
	ward_arena_free(x->arena);
}

static int nomem(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "no memory for the diff");
}

static int open_run(struct showing *x, const char *cwd)
{
	char run[WARD_ULID_SIZE];
	int r;

	if (x->what->run)
		return ward_workspace_open(x->what->run, WARD_WORKSPACE_LOOK, &x->w, x->err);
	r = ward_workspace_find(cwd, false, run, x->err);
	return r < 0 ? r : ward_workspace_open(run, WARD_WORKSPACE_LOOK, &x->w, x->err);
}

/* What does not lie below the root is a mistake that would otherwise be an empty diff. */
static int below(struct showing *x, const char *cwd, const char *given, const char **ret)
{
	const char *root = ward_workspace_facts(x->w)->root;
	size_t n = ward_streq(root, "/") ? 0 : strlen(root);
	char path[WARD_PATH_MAX];

	if (ward_path_join(cwd, given[0] ? given : ".", path, sizeof(path)) < 0 ||
		!ward_path_within(path, root)) {
		(void)ward_fail(x->err, WARD_E_INVALID,
			"'%s' does not lie in what was under review", given);
		ward_fail_fix(x->err, "name paths below '%s'", root);
		return WARD_E_INVALID;
	}
	*ret = ward_arena_strdup(x->arena, path[n] ? path + n + 1 : "");
	return *ret ? WARD_OK : nomem(x->err);
}

static int all_below(struct showing *x, const char *cwd)
{
	int r = WARD_OK;

	x->arena = ward_arena_new(0);
	x->paths = calloc(x->what->n_paths + 1, sizeof(*x->paths));
	if (!x->arena || !x->paths)
		return nomem(x->err);
	for (size_t i = 0; r == WARD_OK && i < x->what->n_paths; i++)
		r = below(x, cwd, x->what->paths[i], &x->paths[i]);
	return r;
}

/* A name that nobody has is a mistake that would otherwise be an empty diff, too. What is there and as it was is none. */
static int all_known(struct showing *x, int root)
{
	for (size_t i = 0; i < x->what->n_paths; i++) {
		const char *closed;
		struct stat st;
		size_t k = 0;

		while (k < x->all->n && !ward_change_within(&x->all->v[k], x->paths[i]))
			k++;
		if (k < x->all->n || !x->paths[i][0])
			continue;
		closed = ward_review_closed(x->all, x->paths[i]);
		if (closed) {
			(void)ward_fail(x->err, WARD_E_INVALID,
				"'%s' lies in '%s', which cannot be looked into", x->what->paths[i],
				closed);
			ward_fail_fix(x->err, "ward commit --dry-run says how to open it");
			return WARD_E_INVALID;
		}
		if (fstatat(root, x->paths[i], &st, AT_SYMLINK_NOFOLLOW) == 0 ||
			(errno != ENOENT && errno != ENOTDIR))
			continue;
		(void)ward_fail(x->err, WARD_E_INVALID,
			"'%s' is not in the project, and the run changed nothing there",
			x->what->paths[i]);
		ward_fail_fix(x->err, "ward diff --name-status shows what it changed");
		return WARD_E_INVALID;
	}
	return WARD_OK;
}

static bool wanted(const struct showing *x, const struct ward_change *c)
{
	for (size_t i = 0; i < x->what->n_paths; i++) {
		if (ward_change_within(c, x->paths[i]))
			return true;
	}
	return x->what->n_paths == 0;
}

static int choose(struct showing *x)
{
	x->v = calloc(x->all->n + 1, sizeof(*x->v));
	if (!x->v)
		return nomem(x->err);
	for (size_t i = 0; i < x->all->n; i++) {
		if (wanted(x, &x->all->v[i]))
			x->v[x->n++] = &x->all->v[i];
	}
	return WARD_OK;
}

static int flush(void *arg, struct ward_buf *out, struct ward_error *err)
{
	const struct ward_review_diff *what = arg;
	int r = out->n > 0 ? what->write(what->arg, out->s, out->n) : 0;

	ward_buf_clear(out);
	return r == 0 ? WARD_OK : ward_fail(err, WARD_E_SYSTEM, "the diff cannot be written");
}

static int show(struct showing *x, int layer, int root)
{
	static const enum ward_diff_form forms[] = {
		[WARD_REVIEW_PATCH] = WARD_DIFF_PATCH,
		[WARD_REVIEW_STAT] = WARD_DIFF_STAT,
		[WARD_REVIEW_NAMES] = WARD_DIFF_NAMES,
		[WARD_REVIEW_STATUS] = WARD_DIFF_STATUS,
		[WARD_REVIEW_JSON] = WARD_DIFF_JSON,
	};
	WARD_CLEANUP(ward_buf_done) struct ward_buf out = WARD_BUF_INIT;
	struct ward_review_diff what = *x->what;
	struct ward_diff_style style = {
		.terminal = what.terminal, .colour = what.colour, .flush = flush, .arg = &what
	};

	style.lives = ward_workspace_state(x->w) == WARD_WORKSPACE_LIVE;

	if ((size_t)what.form >= WARD_ARRAY_SIZE(forms))
		return ward_fail(x->err, WARD_E_INVALID, "there is no form %d of a diff",
			(int)what.form);
	style.form = forms[what.form];
	/* One file may be as large as two of its bound, and each byte of it be escaped. */
	out.max = (size_t)WARD_DIFF_FILE_MAX * 10;
	return ward_diff_write(x->v, x->n, layer, root, &style, &out, x->err);
}

int ward_review_diff(const struct ward_review_diff *what, struct ward_error *err)
{
	WARD_CLEANUP(done) struct showing x = { .what = what, .err = err };
	char cwd[WARD_PATH_MAX];
	int layer, root, r;

	if (!what || !what->write || (what->n_paths > 0 && !what->paths) ||
		(unsigned)what->form > WARD_REVIEW_JSON)
		return ward_fail(err, WARD_E_INVALID,
			"ward_review_diff without what is meant, or a place for it");
	if (!getcwd(cwd, sizeof(cwd)))
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "the working directory");
	r = open_run(&x, cwd);
	if (r == WARD_OK && what->ret_incomplete)
		*what->ret_incomplete = ward_workspace_facts(x.w)->incomplete;
	if (r == WARD_OK)
		r = all_below(&x, cwd);
	if (r < 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return r;
	layer = ward_workspace_layer(x.w, err);
	root = layer < 0 ? layer : ward_workspace_root(x.w, err);
	if (root < 0)
		return root;
	r = ward_workspace_changes(x.w, WARD_CHANGES_ALL, &x.all, err);
	if (r == WARD_OK)
		r = all_known(&x, root);
	if (r == WARD_OK)
		r = choose(&x);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return r < 0 ? r : show(&x, layer, root);
}
