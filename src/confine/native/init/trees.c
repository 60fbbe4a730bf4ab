/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Granted and base paths as detached mounts.
 *
 * Every path was resolved before (no link is left in it) and comes with the device and inode that were seen then: it is opened with
 * openat2 refusing every link, compared, and cloned from the descriptor, so that nothing that changes in between can
 * redirect a grant. As host root this happens in the launcher, before the user namespace, because only there can a tree be
 * ID-mapped; a file system that cannot is a refusal by name, never a mount with the wrong ids.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ID_LIMIT 4294967295u /* (uid_t)-1 is no id */

static int open_checked(struct init *in, const struct ward_launch_mount *m)
{
	const char *path = blob_text(in->l, m->source);
	struct stat st;
	int fd;

	fd = (int)sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC,
		RESOLVE_NO_SYMLINKS_ | RESOLVE_NO_MAGICLINKS_);
	if (fd < 0)
		fail(in->ctl, errno == ELOOP ? WARD_STAGE_CHANGED : WARD_STAGE_SOURCE, errno, path);
	/* dev and ino 0: a device node of the base, which has no recorded identity. */
	if (m->ino == 0)
		return fd;
	if (fstat(fd, &st) < 0 || st.st_dev != m->dev || st.st_ino != m->ino ||
		S_ISDIR(st.st_mode) != !!(m->flags & WARD_LAUNCH_M_DIR))
		fail(in->ctl, WARD_STAGE_CHANGED, ESTALE, path);
	return fd;
}

static int tree_of(struct init *in, const struct ward_launch_mount *m, int idmap_userns)
{
	struct mount_attr_ a = { .attr_set = MOUNT_ATTR_NOSUID_ | MOUNT_ATTR_NODEV_ };
	int fd = open_checked(in, m), tree;

	tree = (int)sys_open_tree(fd, "",
		OPEN_TREE_CLONE_ | OPEN_TREE_CLOEXEC_ | AT_EMPTY_PATH_ | AT_RECURSIVE_);
	if (tree < 0)
		fail(in->ctl, WARD_STAGE_SOURCE, errno, blob_text(in->l, m->source));
	close(fd);
	if (!(m->flags & WARD_LAUNCH_M_WRITE))
		a.attr_set |= MOUNT_ATTR_RDONLY_;
	if ((m->flags & WARD_LAUNCH_M_IDMAP) && idmap_userns >= 0) {
		a.attr_set |= MOUNT_ATTR_IDMAP_;
		a.userns_fd = (uint64_t)idmap_userns;
	}
	if (sys_mount_setattr(tree, AT_RECURSIVE_, &a) < 0)
		fail(in->ctl,
			(a.attr_set & MOUNT_ATTR_IDMAP_) ? WARD_STAGE_IDMAP_MOUNT
							 : WARD_STAGE_SOURCE,
			errno, blob_text(in->l, m->source));
	return tree;
}

void trees_open(struct init *in, int idmap_userns)
{
	const struct ward_launch_mount *m = in->l->n_mounts ? blob_at(in->l, in->l->mounts) : NULL;

	in->trees = malloc((in->l->n_mounts + 1) * sizeof(int));
	if (!in->trees)
		fail(in->ctl, WARD_STAGE_SOURCE, ENOMEM, NULL);
	for (uint32_t i = 0; i < in->l->n_mounts; i++)
		in->trees[i] =
			m[i].kind == WARD_LAUNCH_BIND ? tree_of(in, &m[i], idmap_userns) : -1;
}

static int put(const char *path, const char *text)
{
	int fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
	ssize_t n = (ssize_t)strlen(text);
	int r = fd < 0 || write(fd, text, (size_t)n) != n ? -1 : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

/* Everything as it is, but the caller's id <-> the run's reserved one: what the command writes belongs to the caller. */
static void idmap_text(char *out, size_t size, unsigned caller, unsigned run)
{
	int n = snprintf(out, size, "%u %u 1\n", caller, run);
	unsigned lo = caller < run ? caller : run, hi = caller < run ? run : caller;

	if (lo > 0)
		n += snprintf(out + n, size - (size_t)n, "0 0 %u\n", lo);
	if (hi > lo + 1)
		n += snprintf(out + n, size - (size_t)n, "%u %u %u\n", lo + 1, lo + 1, hi - lo - 1);
	snprintf(out + n, size - (size_t)n, "%u %u %u\n", hi + 1, hi + 1, ID_LIMIT - hi - 1);
}

/* It shares our memory, so that nothing is copied for it, and touches none of it: it waits to be killed. */
static int carrier(void *launcher)
{
	/* A launcher that is killed right now must not leave us behind. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != *(const pid_t *)launcher)
		_exit(1);
	for (;;)
		pause();
}

/* A user namespace that exists only to carry a mapping. */
int trees_idmap_userns(const struct init *in)
{
	static _Alignas(16) char stack[4096];
	char path[64], text[256];
	int fd, err = 0;
	pid_t me = getpid();
	long pid = clone(carrier, stack + sizeof(stack), CLONE_NEWUSER | CLONE_VM | SIGCHLD, &me);

	if (pid < 0)
		fail(in->ctl, WARD_STAGE_IDMAP, errno, "user namespace of the ID-mapped mounts");
	snprintf(path, sizeof(path), "/proc/%ld/uid_map", pid);
	idmap_text(text, sizeof(text), in->boot.caller_uid, in->boot.host_uid);
	if (put(path, text) < 0)
		err = errno;
	snprintf(path, sizeof(path), "/proc/%ld/gid_map", pid);
	idmap_text(text, sizeof(text), in->boot.caller_gid, in->boot.host_gid);
	if (!err && put(path, text) < 0)
		err = errno;
	snprintf(path, sizeof(path), "/proc/%ld/ns/user", pid);
	fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (!err && fd < 0)
		err = errno;
	kill((pid_t)pid, SIGKILL);
	waitpid((pid_t)pid, NULL, 0); /* no zombie for the host's init */
	if (err)
		fail(in->ctl, WARD_STAGE_IDMAP, err, path);
	return fd;
}
