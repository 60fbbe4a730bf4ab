/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --review, looked up: what is under review, and what bounds its layer. Nothing is made here, so that a plan can be shown without a trace
 * of it in the store. What cannot be reviewed (no log that a commit could ask, a workspace that has the store in it, no isolation) is
 * refused here. The store is out of every run's reach, under review or not: who could write there could have anything committed.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#include "os/os.h"
#include "run/resolve/look.h"
#include "run/review/place.h"
#include "workspace/workspace.h"

#define GIB (UINT64_C(1) << 30)
#define TMPFS_BOUND GIB /* it is memory */
#define DISK_BOUND (10 * GIB) /* a project, its build and what it installs */

/* The permit that lets the run write its layer. It stands among the grants of the request, so that view, book and records know it. */
static int permit(struct ward_request *r, unsigned index, struct ward_error *err)
{
	const struct ward_cap cap = {
		.type = WARD_CAP_FILE_WRITE,
		.resource = "./**",
		.origin = { .file = WARD_REVIEW_OPTION, .index = index },
	};

	return ward_caps_add(&r->caps, &cap, err);
}

int ward_apply_review(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	static const char *const names[] = { "auto", "live" };
	static const enum ward_review_how hows[] = { WARD_REVIEW_AUTO, WARD_REVIEW_LIVE };
	int which = 0, code = WARD_OK;

	if (value)
		code = ward_option_choice(value, names, WARD_ARRAY_SIZE(names), &which, err);
	if (code == WARD_OK)
		code = permit(r, index, err);
	if (code == WARD_OK)
		r->review = value ? hows[which] : WARD_REVIEW_LATER;
	return code;
}

int ward_apply_disk_backend(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_disk_backend_parse(value, &r->disk_backend, err);
}

static int refuse(struct ward_error *err, int code, const char *why, const char *fix)
{
	(void)ward_fail(err, code, "nothing can be put under review: %s", why);
	ward_fail_at(err, WARD_REVIEW_OPTION, 0, 0);
	ward_fail_fix(err, "%s", fix);
	return code;
}

/* Where home is, or would be; without links as far as it is there. False: nowhere. */
static bool real_of(struct ward_resolver *rs, const char *home, char out[WARD_PATH_MAX],
	bool *ret_there)
{
	char dir[WARD_PATH_MAX], rest[WARD_PATH_MAX];
	struct ward_target t;
	char *slash;

	*ret_there = false;
	(void)snprintf(dir, sizeof(dir), "%s", home);
	while (dir[0] && ward_rs_target(rs, dir, &t) < 0 && (slash = strrchr(dir, '/')))
		*slash = '\0';
	(void)snprintf(out, WARD_PATH_MAX, "%s", home);
	if (!dir[0])
		return true;
	*ret_there = ward_streq(dir, home);
	(void)snprintf(rest, sizeof(rest), "%s", home + strlen(dir));
	return ward_path_join(t.path, *ret_there ? "." : rest + 1, out, WARD_PATH_MAX) == WARD_OK;
}

static bool store_of(struct ward_resolver *rs, char out[WARD_PATH_MAX])
{
	char home[WARD_PATH_MAX] = "";
	bool there;

	return ward_workspace_where(home) && real_of(rs, home, out, &there);
}

bool ward_review_store_fits(const char *store)
{
	char dir[WARD_PATH_MAX];
	struct statfs fs;
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", store);
	while (statfs(dir[0] ? dir : "/", &fs) < 0) {
		slash = strrchr(dir, '/');
		if (!slash)
			return true;
		*slash = '\0';
	}
	return (unsigned long)fs.f_type != OVERLAYFS_SUPER_MAGIC;
}

/*
 * A layer is written there, or copied there: what that cannot carry is said before the command does its work. No overlay lies above another
 * one's directory (DCACHE_OP_REAL), and nobody makes a whiteout on one (ovl_mknod).
 */
static int check_store(struct ward_resolver *rs, const char *store, struct ward_error *err)
{
	if (rs->r->disk_backend == WARD_DISK_LOOP || ward_review_store_fits(store))
		return WARD_OK;
	if (rs->r->disk_backend == WARD_DISK_DIR)
		return refuse(err, WARD_E_REFUSED, WARD_REVIEW_STORE_WHY, WARD_REVIEW_STORE_FIX);
	return ward_rs_warn(rs, err,
		"%s lies on an overlay (a container's), where what the run removes cannot be kept as removed; %s",
		ward_rs_show(rs, store), WARD_REVIEW_STORE_FIX);
}

static int check(struct ward_resolver *rs, struct ward_error *err)
{
	char store[WARD_PATH_MAX] = "";

	if (rs->r->backend != WARD_BACKEND_NATIVE)
		return refuse(err, WARD_E_INVALID,
			"with --backend direct the command writes to the host itself",
			"use --backend native, or run without --review");
	if (ward_streq(rs->r->audit, "/dev/null"))
		return refuse(err, WARD_E_INVALID,
			"there is no log, and with it are kept the policies that a commit asks",
			"leave --audit /dev/null out");
	if (rs->r->review == WARD_REVIEW_LIVE && rs->r->disk_backend != WARD_DISK_DIR)
		return refuse(err, WARD_E_INVALID,
			"what lies on a disk of the run's own is made real at its end, not while it lives",
			"--disk-backend dir, or --review=auto");
	if (!rs->r->i_know && ward_rs_is_home(rs, rs->workspace))
		return refuse(err, WARD_E_REFUSED, "the workspace is your home, or above it",
			"cd to the project's directory, or --workspace DIR, or say --i-know");
	if (ward_streq(rs->workspace, "/"))
		return refuse(err, WARD_E_REFUSED, "the workspace is the root of the host",
			"cd to the project's directory, or --workspace DIR");
	if (!store_of(rs, store))
		return ward_workspace_home(false, store, err);
	if (ward_path_within(store, rs->workspace))
		return refuse(err, WARD_E_REFUSED, "the store of such layers lies in the workspace",
			"set XDG_STATE_HOME to a directory outside of it");
	if (ward_path_within(rs->workspace, store))
		return refuse(err, WARD_E_REFUSED, "the workspace lies in the store of such layers",
			"cd to the project's directory");
	return check_store(rs, store, err);
}

int ward_rs_review(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_request *r = rs->r;
	bool tmpfs = r->disk_backend == WARD_DISK_TMPFS;
	int code;

	if (r->review == WARD_REVIEW_NOT && !ward_request_given(r, "disk-backend"))
		return WARD_OK;
	if (r->review == WARD_REVIEW_NOT) {
		code = ward_fail(err, WARD_E_INVALID, "there is no layer without --review");
		ward_fail_at(err, "--disk-backend", 0, 0);
		ward_fail_fix(err, "add --review, or leave it out");
		return code;
	}
	code = check(rs, err);
	if (code < 0)
		return code;
	rs->review = (struct ward_review){
		.on = true,
		.root = rs->workspace,
		.root_dev = rs->workspace_st.st_dev,
		.root_ino = rs->workspace_st.st_ino,
		.backend = r->disk_backend,
		.bound = ward_request_given(r, "disk") ? r->limits.disk
			: tmpfs                        ? TMPFS_BOUND
						       : DISK_BOUND,
	};
	return WARD_OK;
}

bool ward_rs_reviewed(const struct ward_resolver *rs, const char *path)
{
	return rs->review.on && ward_path_within(path, rs->workspace);
}

static int not_granted(struct ward_resolver *rs, const char *path, const char *why,
	struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_REFUSED, "%s cannot be granted: %s", ward_rs_show(rs, path),
		why);
	ward_fail_fix(err, "take it out");
	return WARD_E_REFUSED;
}

/* It could come to be while the run lives, by the run: so it is there from the start, and covered. */
static int cover(struct ward_resolver *rs, const char *home, struct ward_error *err)
{
	struct ward_node n = { .kind = WARD_NODE_MASK, .is_dir = true, .fixed = true, .rule = -1 };
	char store[WARD_PATH_MAX] = "";
	const struct ward_node *shown;
	WARD_UNSET struct ward_above above;
	bool there;

	if (!real_of(rs, home, store, &there))
		return WARD_OK;
	if (!ward_rs_mounts(rs, err))
		return err ? err->code : WARD_E_SYSTEM;
	above.looked = false;
	above.n = 0;
	above.err = 0;
	for (size_t i = 0; i < rs->n_nodes; i++) {
		if (rs->nodes[i].kind == WARD_NODE_BIND &&
			ward_path_within(rs->nodes[i].dest, store))
			return not_granted(rs, rs->nodes[i].dest,
				"what runs under review wrote is kept there", err);
		if ((there || rs->nodes[i].write) &&
			ward_rs_is_second_name(rs, &above, &rs->nodes[i], store))
			return above.err
				? ward_fail_errno(err, WARD_E_SYSTEM, above.err, "%s",
					  ward_rs_show(rs, store))
				: not_granted(rs, rs->nodes[i].dest,
					  "it has a second name of where what runs under review wrote is kept",
					  err);
	}
	shown = ward_rs_shown_by(rs, store);
	if (!shown || (!there && !shown->write))
		return WARD_OK;
	if (!there) {
		(void)ward_make_dirs(home);
		if (!real_of(rs, home, store, &there) || !there) {
			(void)ward_fail(err, WARD_E_REFUSED,
				"%s could be made by the command, and Ward would believe what is there",
				ward_rs_show(rs, store));
			ward_fail_fix(err, "do not grant the directory above it for writing");
			return WARD_E_REFUSED;
		}
	}
	n.dest = ward_arena_strdup(rs->arena, store);
	return n.dest ? ward_rs_node(rs, &n, err) : ward_rs_nomem(err);
}

/* That of another environment of the same user, too: a later command may believe it. */
int ward_rs_review_store(struct ward_resolver *rs, struct ward_error *err)
{
	char home[WARD_PATH_MAX] = "", other[WARD_PATH_MAX] = "", account[WARD_PATH_MAX] = "";
	int r = WARD_OK;

	if (ward_workspace_where(home))
		r = cover(rs, home, err);
	if (r == WARD_OK && ward_workspace_home_otherwise(NULL, other) && !ward_streq(home, other))
		r = cover(rs, other, err);
	if (r == WARD_OK && ward_rs_account(rs) &&
		ward_workspace_home_otherwise(rs->account, account) && !ward_streq(home, account) &&
		!ward_streq(other, account))
		r = cover(rs, account, err);
	return r;
}
