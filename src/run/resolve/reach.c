/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What says what runs may do, what starts them, and the log, are covered where they lie. They are found by a name, and a link on the way to them is a
 * name of the directory that it lies in: no mount covers a link. Who may write that directory puts one of his own in its place, and
 * the next run obeys what he wrote there. So a grant to write there is refused; and one of a directory that the host shows at a second
 * place, with one of them in it, over which nothing of the first place lies.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "audit/audit.h"
#include "os/os.h"
#include "registry/registry.h"
#include "run/resolve/look.h"
#include "workspace/workspace.h"

static void add_above(struct ward_above *a, const struct stat *st)
{
	a->v[a->n++] = (struct ward_identity){ st->st_dev, st->st_ino };
}

static void look_above(struct ward_above *a, const char *place)
{
	WARD_UNSET char dir[WARD_PATH_MAX];
	WARD_UNSET char up[WARD_PATH_MAX / 2 * 3];
	size_t n = strlen(place);
	WARD_FD fd = -1;
	struct stat st;

	a->looked = true;
	a->n = 0;
	a->err = 0;
	if (n >= sizeof(dir))
		return;
	memcpy(dir, place, n + 1);
	/* The nearest that is there; from it, which was reached without links, ".." is what it lies in. */
	while (dir[0]) {
		fd = ward_openat2(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, WARD_OPEN_NO_SYMLINKS);
		if (fd >= 0)
			break;
		if (!ward_rs_is_none(fd))
			a->err = -fd;
		/* Itself a file. */
		if (fd == -ENOTDIR && fstatat(AT_FDCWD, dir, &st, AT_SYMLINK_NOFOLLOW) == 0)
			add_above(a, &st);
		else if (fd == -ENOTDIR && !ward_rs_is_none(-errno))
			a->err = errno;
		*strrchr(dir, '/') = '\0';
	}
	n = 0;
	for (const char *s = dir; fd >= 0 && *s; s++) {
		if (*s != '/')
			continue;
		memcpy(up + n, n ? "/.." : ".", n ? 4 : 2);
		if (fstatat(fd, up, &st, AT_NO_AUTOMOUNT) == 0)
			add_above(a, &st);
		else
			a->err = errno;
		n += n ? 3 : 1;
	}
}

static bool is_above(const struct ward_above *a, dev_t dev, ino_t ino)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].dev == dev && a->v[i].ino == ino)
			return true;
	return false;
}

/*
 * A directory lies in one file system, and those that place lies in are on the way to it: a mount of another one is none of them, and is not
 * asked, since its server may be gone, or answer nobody. Where we see no root, a mount on the way may be one that we do not see.
 */
static bool is_of_another(const struct ward_mounts *mounts, const char *fs, const char *place)
{
	bool root = false;

	for (size_t i = 0; i < mounts->n; i++) {
		if (!ward_path_within(place, mounts->v[i].at))
			continue;
		if (ward_streq(mounts->v[i].fs, fs))
			return false;
		root = root || ward_streq(mounts->v[i].at, "/");
	}
	return root;
}

/* What is mounted at a name below a grant. A server that is gone shows nothing. */
static bool is_above_at(struct ward_above *a, const char *at)
{
	struct stat st;

	if (fstatat(AT_FDCWD, at, &st, AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW) == 0)
		return is_above(a, st.st_dev, st.st_ino);
	if (!ward_rs_is_none(-errno) && errno != ENOTCONN && errno != ESTALE)
		a->err = errno;
	return a->err != 0;
}

bool ward_rs_is_second_name(struct ward_resolver *rs, struct ward_above *a,
	const struct ward_node *n, const char *place)
{
	const struct ward_mounts *mounts;

	if (n->kind != WARD_NODE_BIND || !n->ino || n->base || n->pin)
		return false;
	if (!a->looked)
		look_above(a, place);
	if (a->err)
		return true;
	if (!ward_path_within(place, n->dest) && is_above(a, n->dev, n->ino))
		return true;
	/* What the host has mounted below a grant comes along; what that is has to be known. */
	mounts = n->is_dir ? ward_rs_mounts(rs, NULL) : NULL;
	if (n->is_dir && !mounts)
		return true;
	for (size_t i = 0; mounts && i < mounts->n; i++) {
		const char *at = mounts->v[i].at;

		if (ward_path_within(at, n->source) && !ward_streq(at, n->source) &&
			!ward_path_within(place, at) &&
			!is_of_another(mounts, mounts->v[i].fs, place) && is_above_at(a, at))
			return true;
	}
	return false;
}

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

/* real, which is at path by its first name, is written by no other. */
static int alone(struct ward_resolver *rs, const char *what, const char *path, const char *real,
	struct ward_error *err)
{
	WARD_UNSET struct ward_above above;

	above.looked = false;
	above.n = 0;
	above.err = 0;
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];

		if (!n->write || n->protect || !ward_rs_is_second_name(rs, &above, n, real))
			continue;
		if (above.err)
			return ward_fail_errno(err, WARD_E_SYSTEM, above.err, "%s",
				ward_rs_show(rs, path));
		(void)ward_fail(err, WARD_E_REFUSED,
			"%s cannot be written by a run: it has a second name of where %s lies, %s",
			ward_rs_show(rs, n->dest), ward_rs_show(rs, path), what);
		ward_fail_fix(err, "take it out, or let less be written");
		return WARD_E_REFUSED;
	}
	return WARD_OK;
}

/* Below what shows it, by a rule: then nobody inside gets there. */
static bool is_masked(const struct ward_resolver *rs, const char *path, const struct ward_node *by)
{
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];

		if (n->kind == WARD_NODE_MASK && n->fixed && ward_path_within(path, n->dest) &&
			ward_path_within(n->dest, by->dest) && strlen(n->dest) > strlen(by->dest))
			return true;
	}
	return false;
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

		if (by && by->write && !by->protect && !is_masked(rs, t.links[i].at, by))
			return refuse(rs, what, path, t.links[i].at, by, err);
	}
	return WARD_OK;
}

/* Second names of the store, and so of the list beside it, are run/review/place.c's. */
static int reached_alone(struct ward_resolver *rs, const char *what, const char *path,
	struct ward_error *err)
{
	const char *real;
	int r = reached(rs, what, path, err);

	if (r < 0 || !path)
		return r;
	real = ward_rs_would_be(rs, path);
	return real ? alone(rs, what, path, real, err) : WARD_OK;
}

static int named(struct ward_resolver *rs, const char *what, const char *given,
	struct ward_error *err)
{
	return reached_alone(rs, what, ward_rs_absolute(rs, rs->cwd, given), err);
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
		r = reached_alone(rs, "the log", path, err);
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

static int of_user(struct ward_resolver *rs, const struct ward_layers_where *where,
	struct ward_error *err)
{
	int r = reached_alone(rs, "the user's policy", where->user, err);

	return r == WARD_OK ? reached(rs, "the list of what is trusted", where->trust, err) : r;
}

/* home: NULL: $HOME. */
static int of_user_otherwise(struct ward_resolver *rs, const char *home,
	const struct ward_layers_where *known, struct ward_error *err)
{
	struct ward_layers_where other = { .ceiling = NULL };

	if (ward_layers_where_otherwise(rs->arena, home, &other, NULL) < 0)
		return home ? ward_rs_nomem(err) : WARD_OK;
	return ward_streq(other.user, known->user) && ward_streq(other.trust, known->trust)
		? WARD_OK
		: of_user(rs, &other, err);
}

/*
 * By the name that it was called by the next run is started, where it is the command. Whoever embeds the library is called by a name
 * that is his own matter: .venv/bin/python, a link in the project, has the program's own code beside it.
 */
const char *ward_rs_starter(struct ward_resolver *rs, bool called)
{
	const char *name = called ? (const char *)getauxval(AT_EXECFN) : NULL;
	WARD_UNSET char path[WARD_PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	if (!called)
		return ward_arena_dup(rs->arena, path, (size_t)n);
	return name && ward_has_prefix(ward_path_basename(path), "ward")
		? ward_rs_absolute(rs, rs->cwd, name)
		: NULL;
}

static int program(struct ward_resolver *rs, struct ward_error *err)
{
	static const char what[] = "the program that starts runs";
	int r = reached_alone(rs, what, ward_rs_starter(rs, false), err);

	return r == WARD_OK ? reached(rs, what, ward_rs_starter(rs, true), err) : r;
}

int ward_rs_check_reach(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_layers_where where = { .ceiling = NULL };
	int r = WARD_OK;

	if (!any_written(rs))
		return WARD_OK;
	if (!ward_rs_mounts(rs, err))
		return err ? err->code : WARD_E_SYSTEM;
	/* Without a home there are none of a user. */
	if (ward_layers_where_default(rs->arena, NULL, &where, NULL) == WARD_OK)
		r = of_user(rs, &where, err);
	if (r == WARD_OK && where.user)
		r = of_user_otherwise(rs, NULL, &where, err);
	if (r == WARD_OK && ward_rs_account(rs))
		r = of_user_otherwise(rs, rs->account, &where, err);
	if (r == WARD_OK)
		r = reached_alone(rs, "the ceiling", where.ceiling, err);
	if (r == WARD_OK)
		r = kept(rs, err);
	if (r == WARD_OK)
		r = program(rs, err);
	return r == WARD_OK ? named_all(rs, err) : r;
}
