/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What says what runs may do, and the log, are covered where they lie. They are found by a name, and a link on the way to them is a
 * name of the directory that it lies in: no mount covers a link. Who may write that directory puts one of his own in its place, and
 * the next run obeys what he wrote there. So a grant to write there is refused.
 */
#include <string.h>

#include "audit/audit.h"
#include "registry/registry.h"
#include "run/resolve/look.h"
#include "workspace/workspace.h"

static int refuse(struct ward_resolver *rs, const char *what, const char *path, const char *at,
	const struct ward_node *grant, struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_REFUSED,
		"%s, %s, is found by the link %s, which the command could replace: it lies %s %s",
		ward_rs_show(rs, path), what, ward_rs_show(rs, at),
		grant->review ? "under review in" : "under the write grant",
		ward_rs_show(rs, grant->dest));
	ward_fail_fix(err, "put what it leads to in its place, or let less be written");
	return WARD_E_REFUSED;
}

/* path: as it is given, links and all; NULL: there is none. What is not there may have links on the way, too. */
static int reached(struct ward_resolver *rs, const char *what, const char *path,
	struct ward_error *err)
{
	struct ward_target t;

	if (!path)
		return WARD_OK;
	(void)ward_rs_target(rs, path, &t);
	for (size_t i = 0; i < t.n_links; i++) {
		const struct ward_node *by = ward_rs_shown_by(rs, t.links[i].at);

		if (by && by->write && !by->protect)
			return refuse(rs, what, path, t.links[i].at, by, err);
	}
	return WARD_OK;
}

static int named(struct ward_resolver *rs, const char *what, const char *given,
	struct ward_error *err)
{
	return reached(rs, what, ward_rs_absolute(rs, rs->cwd, given), err);
}

static int named_all(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_request *q = rs->r;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < q->n_policies; i++)
		r = named(rs, "the policy", q->policies[i].path, err);
	for (size_t i = 0; r == WARD_OK && i < q->n_cap_files; i++)
		r = named(rs, "the capability file", q->cap_files[i], err);
	if (r == WARD_OK && q->component)
		r = named(rs, "the component", q->component, err);
	return r;
}

/* The log, and what runs under review left. */
static int kept(struct ward_resolver *rs, struct ward_error *err)
{
	char path[WARD_PATH_MAX];
	int r = WARD_OK;

	if (rs->r->audit && !ward_streq(rs->r->audit, "/dev/null"))
		r = named(rs, "the log", rs->r->audit, err);
	else if (!rs->r->audit && ward_audit_default_path(path, sizeof(path), NULL) == WARD_OK)
		r = reached(rs, "the log", path, err);
	if (r == WARD_OK && ward_workspace_where(path))
		r = reached(rs, "the store of what is under review", path, err);
	return r;
}

static bool any_written(const struct ward_resolver *rs)
{
	for (size_t i = 0; i < rs->n_nodes; i++)
		if (rs->nodes[i].kind == WARD_NODE_BIND && rs->nodes[i].write)
			return true;
	return false;
}

int ward_rs_check_reach(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_layers_where where = { .ceiling = NULL };
	int r = WARD_OK;

	if (!any_written(rs))
		return WARD_OK;
	/* Without a home there are none of a user. */
	if (ward_layers_where_default(rs->arena, NULL, &where, NULL) == WARD_OK) {
		r = reached(rs, "the user's policy", where.user, err);
		if (r == WARD_OK)
			r = reached(rs, "the list of what is trusted", where.trust, err);
	}
	if (r == WARD_OK)
		r = reached(rs, "the ceiling", where.ceiling, err);
	if (r == WARD_OK)
		r = kept(rs, err);
	return r == WARD_OK ? named_all(rs, err) : r;
}
