/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the file system refuses. What can be seen before is asked before: a copy that is made in vain is made again by each landing of a run that
 * lives. Not every file system tells of these attributes, and they may come a moment later: then a step is refused, and left as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/missing.h"
#include "workspace/commit/refused.h"

const char ward_commit_closed_text[] =
	"lies in a directory that cannot be written: of another user, immutable, or only to be read";
const char ward_commit_refused_text[] =
	"cannot be put in place: an immutable or append-only attribute, or rights, of what is there or of its directory";
static const char group_text[] =
	"needs a directory that is closed to you, and opening it would take its set-group-ID bit away, since you are not of its group: chmod u+rwx it";

bool ward_commit_is_refused(int r)
{
	return r == -EPERM || r == -EACCES || r == -EROFS;
}

/* chmod, a new attribute, another name: the kernel refuses each of both. */
bool ward_commit_is_fixed(int dir, const char *name)
{
	struct ward_statx x = { 0 };
	int flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT;

	return syscall(SYS_statx, dir, name, flags, 0, &x) == 0 &&
		(x.attributes & (WARD_STATX_ATTR_IMMUTABLE | WARD_STATX_ATTR_APPEND));
}

/* A name there can be removed by its owner, the directory's and root alone. */
static bool is_sticky(const struct stat *dir, const struct stat *old, uid_t euid)
{
	return (dir->st_mode & S_ISVTX) && euid != 0 && dir->st_uid != euid && old->st_uid != euid;
}

const char *ward_commit_refuses_name(int dir, const struct stat *st, const char *name,
	const struct stat *old, uid_t euid)
{
	return ward_commit_is_fixed(dir, name) || is_sticky(st, old, euid)
		? ward_commit_refused_text
		: NULL;
}

/* Whoever changes the mode of a directory of a group that is not his own takes its set-group-ID bit away, for good. */
static bool is_of_our_group(const struct stat *st)
{
	int n = getgroups(0, NULL);
	gid_t *v = n > 0 ? calloc((size_t)n, sizeof(*v)) : NULL;
	bool found = st->st_gid == getegid();

	n = v ? getgroups(n, v) : 0;
	for (int i = 0; i < n && !found; i++)
		found = v[i] == st->st_gid;
	free(v);
	return found;
}

const char *ward_commit_refuses_lending(int dir, const char *name, const struct stat *st)
{
	struct statvfs fs;

	if ((st->st_mode & S_ISGID) && !is_of_our_group(st))
		return group_text;
	/* Of the same mount: what a commit opens leads to no other. */
	return ward_commit_is_fixed(dir, name) ||
			(fstatvfs(dir, &fs) == 0 && (fs.f_flag & ST_RDONLY))
		? ward_commit_closed_text
		: NULL;
}
