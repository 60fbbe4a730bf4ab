/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step of a start that failed says of the host: whether the caller may plan again without what it needed, which axis it was for,
 * and the line that names it with what would mend it. Nothing is tried here.
 */
#include <errno.h>
#include <unistd.h>

#include "confine/native/cage.h"
#include "os/os.h"

static const char *stage_text(uint32_t stage)
{
	static const char *const names[] = {
#define WARD_X(id, text) [id] = (text),
		WARD_STAGES(WARD_X)
#undef WARD_X
	};

	return stage < WARD_ARRAY_SIZE(names) ? names[stage] : "an unknown step";
}

/* The axis that a step is for, where it is for one. */
static const char *stage_axis(enum ward_stage stage)
{
	switch (stage) {
	case WARD_STAGE_SECCOMP: return "syscalls";
	case WARD_STAGE_LAYER:
	case WARD_STAGE_NESTED:
	case WARD_STAGE_OVERLAY:
	case WARD_STAGE_CACHE:
	case WARD_STAGE_LANDLOCK: return "files";
	case WARD_STAGE_NET:
	case WARD_STAGE_EGRESS: return "network";
	case WARD_STAGE_PROC:
	case WARD_STAGE_IDS:
	case WARD_STAGE_CAPS: return "processes";
	default: return "";
	}
}

/* The host has not what the plan was made with: note it, to plan again. */
static bool without(enum ward_stage stage, int e, struct ward_host *host)
{
	switch (stage) {
	case WARD_STAGE_CLONE:
	case WARD_STAGE_RIGHTS:
	case WARD_STAGE_PROC:
		host->userns = false;
		host->lack = stage == WARD_STAGE_CLONE ? WARD_USERNS_DENIED
			: stage == WARD_STAGE_RIGHTS   ? WARD_USERNS_NO_RIGHTS
						       : WARD_USERNS_PROC_COVERED;
		return true;
	case WARD_STAGE_FUSE: host->fuse = false; return true;
	case WARD_STAGE_EGRESS:
		/* It is there and does not do what it should: no reason to go on without. */
		if (e == ENODATA)
			return false;
		host->nft = false;
		return true;
	case WARD_STAGE_SECCOMP:
		/* Another filter of ours has the listener, of which there is one; or somebody allows none. */
		if (!host->seccomp_notify || (e != EBUSY && e != EPERM && e != EACCES))
			return false;
		host->seccomp_notify = false;
		return true;
	case WARD_STAGE_LANDLOCK:
		/* It says that it is there, and a filter around ward refuses one of its calls: as good as none. */
		if (!host->landlock_abi || (e != ENOSYS && e != EPERM))
			return false;
		host->landlock_abi = 0;
		return true;
	default: return false;
	}
}

static const char *cache_fix(int e)
{
	switch (e) {
	case EOPNOTSUPP:
		return "use Linux 6.6 or later, from which on a tmpfs has these, or run without --caches";
	case ENOSPC:
	case EDQUOT:
		return "use a larger --disk, which these layers are a part of, or fewer --caches";
	default:
		return "unmount what is mounted below that directory; or put it on a file system that can lie below an overlay (ext4, xfs, btrfs, tmpfs), on a kernel with overlayfs for users (Linux 5.11; 5.19 as root; modprobe overlay); or run without --caches";
	}
}

static const char *review_fix(enum ward_stage stage, int e)
{
	switch (stage) {
	case WARD_STAGE_LAYER:
		return e == EOPNOTSUPP
			? "use --disk-backend dir (a tmpfs has these from Linux 6.6 on) with $XDG_STATE_HOME on a file system that has them (ext4, xfs, btrfs)"
			: e == ENOSPC || e == EDQUOT
			? "make room where the layer lies, or use a smaller --disk or another --disk-backend"
			: "set XDG_STATE_HOME to a directory on another file system (ext4, xfs, btrfs), or use --disk-backend tmpfs";
	case WARD_STAGE_NESTED:
		return "unmount what is mounted below it, start in a directory without mounts, or run without --review";
	case WARD_STAGE_OVERLAY:
		return e == ELOOP
			? "set XDG_STATE_HOME to a place outside of what is under review, or use --disk-backend tmpfs"
			: "use a kernel with overlayfs for users (Linux 5.11; 5.19 as root; modprobe overlay), and --disk-backend tmpfs where the layer would lie on an overlay, NFS or FUSE; `ward doctor` tries one";
	case WARD_STAGE_CACHE: return cache_fix(e);
	default: return "run `ward doctor`: it executes each mechanism and names what refuses";
	}
}

/* /dev of a run is nodes of the host's; a chroot or a container may have come without. NULL: it is something else. */
static const char *node_fix(enum ward_stage stage, int e, const char *text)
{
	static const char *const rows[][2] = {
		{ "dev/null", "mknod -m 666 /dev/null c 1 3" },
		{ "dev/zero", "mknod -m 666 /dev/zero c 1 5" },
		{ "dev/full", "mknod -m 666 /dev/full c 1 7" },
		{ "dev/random", "mknod -m 666 /dev/random c 1 8" },
		{ "dev/urandom", "mknod -m 666 /dev/urandom c 1 9" },
		{ "dev/tty", "mknod -m 666 /dev/tty c 5 0" },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		if (stage == WARD_STAGE_MOUNT && e == ENOENT && ward_streq(text, rows[i][0]))
			return rows[i][1];
	}
	return NULL;
}

int ward_native_stage_failed(enum ward_stage stage, int e, const char *text, struct ward_host *host,
	struct ward_error *err)
{
	/* What comes and goes (memory, processes) is no property of the host: no reason to plan without. */
	bool passing = ward_native_passing(e);
	bool missing = host && !passing && without(stage, e, host);
	const char *axis = stage_axis(stage), *node = node_fix(stage, e, text);

	ward_fail_errno(err, missing ? WARD_E_UNSUPPORTED : WARD_E_SPAWN, e,
		"the sandbox could not be made%s%s: %s%s%s", axis[0] ? ", axis " : "", axis,
		stage_text(stage), text && text[0] ? ": " : "", text ? text : "");
	/* So many of this user's are on their way by now, in other runs too, as one process may have open. */
	if (e == EMFILE || e == ETOOMANYREFS)
		ward_fail_fix(err, "raise the limit of open files (ulimit -n): a run needs 64");
	else if (passing)
		ward_fail_fix(err,
			"try again when there is more room; `ulimit -a` and the cgroup say how much there is");
	else if (node)
		ward_fail_fix(err, "the host's /dev lacks it: %s, as root", node);
	else if (stage == WARD_STAGE_CLONE || stage == WARD_STAGE_RIGHTS)
		ward_fail_fix(err, "run `ward doctor`; user namespaces are refused on this host");
	else if (stage == WARD_STAGE_IDS && e == EPERM && geteuid() == 0)
		ward_fail_fix(err,
			"give this root CAP_SETUID and CAP_SETGID, so that a run is not root (a container that does not drop them), or run ward as an ordinary user");
	else if ((stage == WARD_STAGE_IDMAP || stage == WARD_STAGE_IDS) && geteuid() == 0)
		ward_fail_fix(err,
			"map id %d into the user namespace that this root is of, as container engines do, or run ward as an ordinary user",
			WARD_RESERVED_ID);
	else if (stage == WARD_STAGE_IDMAP_MOUNT)
		ward_fail_fix(err,
			"copy the tree to a file system that can (ext4, xfs, btrfs, tmpfs), or run ward as its owner");
	else if (stage == WARD_STAGE_CHANGED)
		ward_fail_fix(err, "run it again; something replaces that path meanwhile");
	else if (stage == WARD_STAGE_CWD && e == EACCES && geteuid() == 0)
		ward_fail_fix(err,
			"without user namespaces the command of root's run is user %d, to whom that directory is closed: chmod o+x it, or run ward as its owner",
			WARD_RESERVED_ID);
	else if (stage == WARD_STAGE_MOUNT && e == EACCES && geteuid() == 0)
		ward_fail_fix(err,
			"a directory above it belongs to another user, and nobody else may enter it: run ward as that user, chmod o+x it, or have what names the path name that directory");
	else if (stage == WARD_STAGE_SOURCE && e == ENOSPC)
		/* open_tree(2): each that is cloned has a mount namespace, which is counted, until it is attached. */
		ward_fail_fix(err,
			"each path of the view takes one of user.max_mnt_namespaces until it is mounted: sudo sysctl -w user.max_mnt_namespaces=15000; fewer grants, or fewer runs at a time, need less");
	else if (stage == WARD_STAGE_SOURCE && e == EINVAL && geteuid() == 0)
		ward_fail_fix(err,
			"root's grants are copies, which the kernel makes of no mount that is unbindable: mount --make-private what is mounted there");
	else if (stage == WARD_STAGE_SOURCE && (e == EACCES || e == ENOENT))
		ward_fail_fix(err, "make the path readable for you, or leave the grant out");
	else
		ward_fail_fix(err, "%s", review_fix(stage, e));
	return err->code;
}
