/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that a policy keeps from coming to be (".ward", ".git" where there is none) need something to mount over: an empty
 * directory, or a file that says what no file would, made when the run starts and taken away when it has ended. Inside, nobody can write to it or move it. One that was
 * left behind, because Ward was killed, is an empty directory and does no harm; the next run uses it and leaves it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"

/* The directory that name lies in, by a way without links. */
static int open_parent(const char *dest, const char **ret_name)
{
	char dir[WARD_PATH_MAX];
	const char *slash = strrchr(dest, '/');

	if (!slash || strlen(dest) >= sizeof(dir))
		return -EINVAL;
	memcpy(dir, dest, (size_t)(slash - dest));
	dir[slash - dest] = '\0';
	*ret_name = slash + 1;
	return ward_openat2(AT_FDCWD, dir[0] ? dir : "/", O_PATH | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
}

/* As root it is whose directory it lies in. */
static int give(int dir, const char *name)
{
	struct stat parent;

	if (geteuid() != 0)
		return 0;
	if (fstat(dir, &parent) < 0 ||
		fchownat(dir, name, parent.st_uid, parent.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int make_file(int dir, const char *name, const char *text)
{
	WARD_FD fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	int r = fd < 0 ? -errno : ward_write_all(fd, text, strlen(text));

	return r < 0 ? r : give(dir, name);
}

/* *ret_made: it is ours. What somebody else made meanwhile can be covered as well, if it is of the kind that was looked at. */
static int make(struct ward_node *n, bool *ret_made)
{
	const char *name;
	WARD_FD dir = open_parent(n->dest, &name);
	struct stat st;
	int r;

	*ret_made = false;
	if (dir < 0)
		return dir;
	if (n->pin_text)
		r = make_file(dir, name, n->pin_text);
	else
		r = mkdirat(dir, name, 0755) < 0 ? -errno : give(dir, name);
	*ret_made = r == 0;
	if (r < 0 && r != -EEXIST)
		return r;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode) != n->is_dir || S_ISLNK(st.st_mode))
		return -EEXIST;
	n->dev = st.st_dev;
	n->ino = st.st_ino;
	return 0;
}

void ward_pins_remove(struct life *l)
{
	for (size_t i = 0; l->plan && l->pinned && i < l->plan->n_nodes; i++) {
		const char *name;
		WARD_FD dir = -1;

		if (!l->pinned[i])
			continue;
		dir = open_parent(l->plan->nodes[i].dest, &name);
		if (dir >= 0)
			(void)unlinkat(dir, name,
				l->plan->nodes[i].is_dir ? AT_REMOVEDIR
							 : 0); /* only an empty one goes */
		l->pinned[i] = false;
	}
	free(l->pinned);
	l->pinned = NULL;
}

int ward_pins_make(struct life *l, struct ward_error *err)
{
	struct ward_plan *p = l->plan;

	ward_pins_remove(l);
	l->pinned = calloc(p->n_nodes + 1, sizeof(*l->pinned));
	if (!l->pinned)
		return ward_fail(err, WARD_E_NOMEM,
			"no memory for the names that are kept from coming to be");
	for (size_t i = 0; i < p->n_nodes; i++) {
		int r = p->nodes[i].pin ? make(&p->nodes[i], &l->pinned[i]) : 0;

		if (r < 0) {
			(void)ward_fail_errno(err, WARD_E_AXIS, -r,
				"axis files: \"%s\" cannot be kept from coming to be",
				p->nodes[i].dest);
			ward_fail_fix(err,
				"make it yourself, as an empty directory, or grant less of what it lies in");
			return WARD_E_AXIS;
		}
	}
	return WARD_OK;
}
