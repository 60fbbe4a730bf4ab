/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own file systems by another name: a directory in which somebody has made a root (debootstrap, schroot, buildroot) has the
 * host's /proc, /sys and /dev mounted in it, and would bring them inside with a grant. No sandbox has the host's, by whatever name: there
 * its processes are seen, and those of the same user changed. So such a mount is masked below a grant, and a grant in one is refused. Where
 * nothing can be mounted, so is the grant that has one below it.
 */
#include <string.h>
#include <sys/stat.h>

#include "run/persist/persist.h"
#include "run/resolve/look.h"
#include "run/review/place.h"

/* By the kernel's names of them. What holds files of somebody (tmpfs, hugetlbfs, ramfs) is none. */
bool ward_mount_is_kernels(const char *type)
{
	static const char *const types[] = { "proc", "sysfs", "devtmpfs", "devpts", "cgroup",
		"cgroup2", "debugfs", "tracefs", "securityfs", "configfs", "bpf", "pstore",
		"efivarfs", "mqueue", "fusectl", "binfmt_misc", "rpc_pipefs", "nfsd", "selinuxfs",
		"smackfs", "resctrl", "nsfs", "binder", "cpuset", "xenfs", "functionfs" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(types); i++) {
		if (ward_streq(type, types[i]))
			return true;
	}
	return false;
}

/* That path lies in, as it is found by its name. */
static const struct ward_mount *mount_of(const struct ward_mounts *all, const char *path)
{
	const struct ward_mount *best = NULL;

	for (size_t i = 0; i < all->n; i++) {
		const struct ward_mount *m = &all->v[i];

		if (ward_path_within(path, m->at) && (!best || strlen(m->at) >= strlen(best->at)) &&
			!ward_mount_is_hidden(all, m))
			best = m;
	}
	return best;
}

bool ward_rs_in_kernels(struct ward_resolver *rs, const char *path)
{
	const struct ward_mounts *all =
		rs->arena && !rs->no_mounts ? ward_rs_mounts(rs, NULL) : NULL;
	const struct ward_mount *m;

	for (size_t i = 0; all && i < all->n; i++) {
		if (!all->v[i].kernels || !ward_path_within(path, all->v[i].at))
			continue;
		m = mount_of(all, path);
		return m && m->kernels;
	}
	return false;
}

static int refuse(struct ward_resolver *rs, const char *path, const struct ward_mount *m,
	struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_REFUSED,
		"%s cannot be granted: the host's %s is mounted at %s, "
		"of which no sandbox has anything",
		ward_rs_show(rs, path), m->type, ward_rs_show(rs, m->at));
	ward_fail_fix(err,
		ward_path_within(path, m->at) ? "take it out"
					      : "unmount that, or grant the directories beside it");
	return WARD_E_REFUSED;
}

static bool is_grant(const struct ward_node *n)
{
	return n->kind == WARD_NODE_BIND && n->source && n->ino && !n->base && !n->pin;
}

/* What is granted in one: a directory of it would be shown for what it is. */
static int granted_in(struct ward_resolver *rs, struct ward_error *err)
{
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];
		const struct ward_mount *m = is_grant(n) ? mount_of(rs->mounts, n->source) : NULL;

		if (m && m->kernels)
			return refuse(rs, n->source, m, err);
	}
	return WARD_OK;
}

static int leave_out(struct ward_resolver *rs, const struct ward_mount *m, size_t *io_n,
	struct ward_error *err)
{
	const struct ward_node *by = ward_rs_shown_by(rs, m->at);
	bool is_dir = true;
	struct stat st;
	int r;

	/* An overlay shows one file system. */
	if (!by || !by->is_dir || ward_rs_reviewed(rs, m->at) ||
		ward_texts_hold(&rs->gone, m->at) || ward_mount_is_hidden(rs->mounts, m))
		return WARD_OK;
	if (!rs->host->userns)
		return refuse(rs, by->dest, m, err);
	if (ward_rs_lstat(rs, m->at, &st) == 0)
		is_dir = S_ISDIR(st.st_mode);
	r = ward_rs_mask_mount(rs, m->at, is_dir, err);
	if (r == WARD_OK && ++*io_n <= WARD_MOUNTS_SAID_MAX)
		r = ward_rs_warn(rs, err,
			"%s is left out: the host's %s is mounted there, of which no run is shown anything",
			ward_rs_show(rs, m->at), m->type);
	return r;
}

int ward_rs_kernels(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_mounts *all;
	size_t n = 0;
	bool any = false;
	int r = WARD_OK;

	if (rs->r->backend == WARD_BACKEND_DIRECT)
		return WARD_OK;
	for (size_t i = 0; i < rs->n_nodes; i++)
		any = any || is_grant(&rs->nodes[i]);
	if (!any)
		return WARD_OK;
	all = ward_rs_mounts(rs, err);
	if (!all)
		return err ? err->code : WARD_E_SYSTEM;
	r = ward_rs_unbindable(rs, err);
	if (r == WARD_OK)
		r = granted_in(rs, err);
	for (size_t i = 0; r == WARD_OK && i < all->n; i++) {
		if (all->v[i].kernels)
			r = leave_out(rs, &all->v[i], &n, err);
	}
	return r == WARD_OK && n > WARD_MOUNTS_SAID_MAX
		? ward_rs_warn(rs, err, "and %zu more mounts of the kernel's own are left out",
			  n - WARD_MOUNTS_SAID_MAX)
		: r;
}
