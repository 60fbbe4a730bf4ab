/* SPDX-License-Identifier: Apache-2.0 */
/* What the git of each repository that lies in what may be written obeys: its hooks, its configuration, and what that names. */
#include <string.h>

#include "os/os.h"
#include "run/persist/holding.h"

#define REPOSITORY_WHY "git takes it for a repository, and runs what its configuration names"

int ward_holding_lead(struct holding *x, const char *path, const char *why)
{
	int r = ward_holding_is_among(&x->leads, x->n_leads, path)
		? WARD_OK
		: ward_rs_push(x->rs, &x->leads, path, x->err);

	return r < 0 ? r : ward_holding_hold(x, path, why);
}

int ward_holding_repository(struct holding *x, const char *path)
{
	int r = WARD_OK;

	if (ward_holding_is_among(&x->repositories, x->n_repositories, path))
		return WARD_OK;
	r = ward_holding_know(x, path, REPOSITORY_WHY, false, true);
	return r < 0 ? r : ward_rs_push(x->rs, &x->repositories, path, x->err);
}

static bool ends_in(const char *path, const char *name)
{
	return ward_streq(ward_path_basename(path), name);
}

static const char *dir_of(struct holding *x, const char *path)
{
	size_t n = strlen(path) - strlen(ward_path_basename(path));

	return ward_arena_dup(x->rs->arena, path, n > 1 ? n - 1 : n);
}

static int repository(struct holding *x, struct ward_git *g, const char *dir, const char *top)
{
	g->top = top;
	return ward_git_guard_found(x->rs, g, dir, ward_git_common(x->rs, dir), x->err);
}

/* Of those that are not done with; each has its own room. */
int ward_holding_of_git(struct holding *x)
{
	struct ward_git g = { 0 };
	struct ward_target t;
	int r = WARD_OK;

	for (size_t i = x->n_repositories; r == WARD_OK && i < x->repositories.n; i++) {
		const char *dir = x->repositories.v[i];

		r = repository(x, &g, dir, ends_in(dir, ".git") ? dir_of(x, dir) : NULL);
	}
	for (size_t i = x->n_leads; r == WARD_OK && i < x->leads.n; i++) {
		const char *file = x->leads.v[i], *top = dir_of(x, file);
		const char *dir = ward_rs_target(x->rs, file, &t) == 0 && S_ISDIR(t.st.st_mode)
			? t.path
			: ward_git_led_to(x->rs, top, ward_path_basename(file));

		if (dir && ward_rs_visible(x->rs, dir))
			r = repository(x, &g, dir, top);
	}
	x->n_repositories = x->repositories.n;
	x->n_leads = x->leads.n;
	for (size_t i = 0; r == WARD_OK && i < g.guarded.n; i++) {
		const char *path = g.guarded.v[i];

		if (ward_rs_target(x->rs, path, &t) == 0 && !ward_rs_is_pin(&t))
			r = ward_holding_hold(x, path, WARD_GIT_WHY);
		else if (ward_holding_is_written(x, path))
			r = ward_holding_ask_later(x, path, WARD_GIT_WHY);
	}
	for (size_t i = 0; r == WARD_OK && i < g.absent.n; i++) {
		if (ward_holding_is_written(x, g.absent.v[i]))
			r = ward_holding_ask_later(x, g.absent.v[i], WARD_GIT_WHY);
	}
	for (size_t i = 0; r == WARD_OK && i < g.links.n; i++)
		r = ward_holding_hold(x, g.links.v[i], WARD_GIT_WHY);
	if (r == WARD_OK && g.unsure)
		r = ward_rs_warn(x->rs, x->err, "%s, and git obeys it outside", g.unsure);
	return r;
}
